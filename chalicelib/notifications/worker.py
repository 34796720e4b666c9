"""Something happened that members are told of."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.activities.events import (
    ActivityChanged,
    ActivityDismissed,
    ActivityEnded,
    ActivityPublished,
    DismissalUndone,
)
from chalicelib.foundation.batches import consume_events, handle_each
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late
from chalicelib.notifications.model import What
from chalicelib.notifications.planning import Chunk
from chalicelib.performances.events import (
    PerformanceFailed,
    PerformancePosted,
    PerformanceQueued,
    PerformanceStaged,
)
from chalicelib.points.events import PointsAdjusted
from chalicelib.programs.events import (
    MemberDetailsChanged,
    MemberJoined,
    MemberRemoved,
    ProgramChanged,
    ProgramCreated,
)
from chalicelib.reports.events import ActivitiesSeen
from chalicelib.rewards.events import RedemptionFulfilled, RedemptionRejected

if TYPE_CHECKING:
    from chalicelib.foundation.events import Event
    from chalicelib.notifications.bulletins import Bulletins
    from chalicelib.notifications.feedback import MailFeedback
    from chalicelib.notifications.noting import NoticeWriter
    from chalicelib.notifications.planning import DigestPlanner, DueDigests
    from chalicelib.notifications.pushing.sending import Pusher
    from chalicelib.notifications.queue import MessageQueue
    from chalicelib.notifications.sending import NoticeMailer

RESERVE = timedelta(seconds=15)
"""As long as one mail takes, unless AWS is in trouble."""

NOTED = (
    ActivityPublished,
    ActivityChanged,
    ActivityEnded,
    ActivityDismissed,
    DismissalUndone,
    ActivitiesSeen,
    PerformanceQueued,
    PerformanceStaged,
    PerformancePosted,
    PerformanceFailed,
    MemberJoined,
    MemberDetailsChanged,
    MemberRemoved,
    ProgramCreated,
    ProgramChanged,
    RedemptionFulfilled,
    RedemptionRejected,
    PointsAdjusted,
)


def note_events(
    bulletins: "Bulletins", writer: "NoticeWriter", event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Write what a batch of events is to tell members."""

    def note(received: "Event[Any]") -> None:
        told, program_id = received.payload, received.program_id
        match told:
            case ActivityPublished() | ActivityChanged() | ActivityEnded():
                bulletins.refresh(program_id, told.activity_id)
            case ActivityDismissed() | DismissalUndone():
                writer.look_at_mark(program_id, told.member_id, told.activity_id)
            case ActivitiesSeen():
                ids = [each.partition("=")[0] for each in told.sights]
                writer.seen(program_id, told.member_id, ids)
            case ProgramCreated() | ProgramChanged():
                bulletins.plan(program_id)
            case MemberJoined() | MemberDetailsChanged() | MemberRemoved():
                _of_member(writer, received)
            case RedemptionFulfilled() | RedemptionRejected() | PointsAdjusted():
                _of_things(writer, received)
            case _:
                _of_performance(writer, received)

    return consume_events(NOTED, note, event)


def _of_member(writer: "NoticeWriter", received: "Event[Any]") -> None:
    told, program_id = received.payload, received.program_id
    if isinstance(told, MemberRemoved):
        writer.left(program_id, told.member_id)
        return
    if isinstance(told, MemberJoined) or "time_zone" in told.attributes:
        writer.look_at_zone(program_id, told.member_id)
    if isinstance(told, MemberDetailsChanged) and "tiktok" in told.attributes:
        writer.look_at_account(program_id, told.member_id, received.event_id, received.at)


def _of_things(writer: "NoticeWriter", received: "Event[Any]") -> None:
    told, program_id, at = received.payload, received.program_id, received.at
    match told:
        case RedemptionFulfilled():
            writer.redemption_decided(program_id, told.redemption_id, What.REWARD_FULFILLED, at)
        case RedemptionRejected():
            writer.redemption_decided(program_id, told.redemption_id, What.REWARD_REJECTED, at)
        case PointsAdjusted():
            writer.points_adjusted(program_id, told.member_id, told.entry_id, told.points, at)


def _of_performance(writer: "NoticeWriter", received: "Event[Any]") -> None:
    told, program_id = received.payload, received.program_id
    if told.trial:
        return
    since = datetime.fromisoformat(told.staged_at) if told.staged_at else received.at
    match told:
        case PerformanceStaged():
            writer.video_waits(
                program_id, told.member_id, told.performance_id, told.activity_id, since
            )
        case PerformancePosted() | PerformanceFailed():
            writer.video_gone(program_id, told.member_id, told.performance_id, since)
    if isinstance(told, PerformanceQueued | PerformanceFailed):
        writer.look_at_mark(program_id, told.member_id, told.activity_id)


def queue_due(digests: "DueDigests", queue: "MessageQueue", context: Any) -> int:
    """Queue programs whose digests are due, and shards in which mails are; return how many."""
    logger.clear_state()
    begun = digests.begin_due(late(context, RESERVE))
    shards = digests.shards_due()
    if shards:
        queue.send([json.dumps({"shard": each}) for each in shards])
    logger.info("digests", extra={"programs": begun, "shards": len(shards)})
    return begun + len(shards)


def work_off(
    planner: "DigestPlanner", mailer: "NoticeMailer", event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Look at members of whom a digest is due; send the mails of a shard."""

    def one(body: str) -> None:
        told = json.loads(body)
        if "shard" in told:
            sent = mailer.mail_due(int(told["shard"]), late(context, RESERVE))
            logger.info("mailed", extra={"shard": told["shard"], "sent": sent})
        else:
            planner.look_at(Chunk.read(body))

    return handle_each(one, event)


def push(pusher: "Pusher", context: Any) -> int:
    """Send the pushes that are due; return how many push services took."""
    logger.clear_state()
    taken = pusher.push_due(late(context, RESERVE))
    logger.info("pushed", extra={"taken": taken})
    return taken


def handle_bounces(feedback: "MailFeedback", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take in what SES tells of mails."""

    def one(body: str) -> None:
        feedback.take(json.loads(body)["detail"])

    return handle_each(one, event)
