"""Turns events of other packages into members' notices and bulletins."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.activities.events import (
    ActivityChanged,
    ActivityDismissed,
    ActivityEnded,
    ActivityPublished,
    DismissalUndone,
)
from chalicelib.foundation.batches import consume_events
from chalicelib.notifications.model import RENOTIFYING_ATTRIBUTES, NoticeType
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
    from chalicelib.foundation.events import Event, Payload
    from chalicelib.notifications.bulletins import BulletinWriter
    from chalicelib.notifications.noting import NoticeWriter

HANDLED_EVENTS = (
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


def record_events(
    bulletins: "BulletinWriter", writer: "NoticeWriter", event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Write the notices and bulletins that a batch of events causes."""

    def note(received: "Event[Any]") -> None:
        payload, program_id = received.payload, received.program_id
        match payload:
            case ActivityPublished() | ActivityChanged() | ActivityEnded():
                bulletins.refresh(program_id, payload.activity_id, _renotifying_attributes(payload))
            case ActivityDismissed() | DismissalUndone():
                writer.update_activity_mark(program_id, payload.member_id, payload.activity_id)
            case ActivitiesSeen():
                ids = [each.partition("=")[0] for each in payload.sights]
                writer.note_seen(program_id, payload.member_id, ids)
            case ProgramCreated() | ProgramChanged():
                bulletins.schedule_digests(program_id)
            case MemberJoined() | MemberDetailsChanged() | MemberRemoved():
                _handle_member_event(writer, received)
            case RedemptionFulfilled() | RedemptionRejected() | PointsAdjusted():
                _handle_reward_or_points_event(writer, received)
            case _:
                _handle_performance_event(writer, received)

    return consume_events(HANDLED_EVENTS, note, event)


def _renotifying_attributes(payload: "Payload") -> frozenset[str]:
    """Return what of an activity is new to its members: all of one that was just published."""
    if isinstance(payload, ActivityPublished):
        return RENOTIFYING_ATTRIBUTES
    return (
        RENOTIFYING_ATTRIBUTES & set(payload.attributes)
        if isinstance(payload, ActivityChanged)
        else frozenset()
    )


def _handle_member_event(writer: "NoticeWriter", received: "Event[Any]") -> None:
    payload, program_id = received.payload, received.program_id
    if isinstance(payload, MemberRemoved):
        writer.forget_browsers(program_id, payload.member_id)
        return
    if isinstance(payload, MemberJoined) or "time_zone" in payload.attributes:
        writer.update_time_zone(program_id, payload.member_id)
    if isinstance(payload, MemberJoined) or "channels" in payload.attributes:
        writer.update_channels(program_id, payload.member_id)
    if isinstance(payload, MemberDetailsChanged) and "tiktok" in payload.attributes:
        writer.update_account(program_id, payload.member_id, received.event_id, received.at)


def _handle_reward_or_points_event(writer: "NoticeWriter", received: "Event[Any]") -> None:
    payload, program_id, at = received.payload, received.program_id, received.at
    match payload:
        case RedemptionFulfilled():
            writer.add_redemption_notice(
                program_id, payload.redemption_id, NoticeType.REWARD_FULFILLED, at
            )
        case RedemptionRejected():
            writer.add_redemption_notice(
                program_id, payload.redemption_id, NoticeType.REWARD_REJECTED, at
            )
        case PointsAdjusted():
            writer.add_points_notice(
                program_id, payload.member_id, payload.entry_id, payload.points, at
            )


def _handle_performance_event(writer: "NoticeWriter", received: "Event[Any]") -> None:
    payload, program_id = received.payload, received.program_id
    if payload.trial:
        return
    since = datetime.fromisoformat(payload.staged_at) if payload.staged_at else received.at
    match payload:
        case PerformanceStaged():
            writer.add_video_notice(
                program_id, payload.member_id, payload.performance_id, payload.activity_id, since
            )
        case PerformancePosted() | PerformanceFailed():
            writer.remove_video_notice(program_id, payload.member_id, payload.performance_id, since)
    if isinstance(payload, PerformanceQueued | PerformanceFailed):
        writer.update_activity_mark(program_id, payload.member_id, payload.activity_id)
