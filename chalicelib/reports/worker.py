"""Something happened that reports count or the worklist shows, or a file is to be made."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.activities.events import (
    ActivityArchived,
    ActivityDismissed,
    ActivityPublished,
    ActivityRejected,
    ActivityUnarchived,
    ActivityWithdrawn,
    DismissalUndone,
)
from chalicelib.foundation.batches import (
    consume_event_batch,
    consume_events,
    one_by_one,
    relay_changes,
)
from chalicelib.foundation.logging import logger
from chalicelib.foundation.values import dataclass
from chalicelib.performances.events import (
    PerformanceAwaitsApp,
    PerformancePosted,
    PerformanceStaged,
)
from chalicelib.programs.events import (
    MemberChanged,
    MemberDetailsChanged,
    MemberInvited,
    MemberJoined,
    MemberRemoved,
)
from chalicelib.reports.counting import PERFORMANCE_EVENTS, facts_of_event
from chalicelib.reports.events import ActivitiesSeen, ExportRequested, events_of
from chalicelib.rewards.events import (
    RedemptionFulfilled,
    RedemptionRejected,
    RedemptionRequested,
)
from chalicelib.webhooks.events import WebhookDisabled, WebhookRecovered

if TYPE_CHECKING:
    from chalicelib.foundation.events import Event, EventBus
    from chalicelib.reports.counting import DayPacker, FactCounter, PersonCounter
    from chalicelib.reports.report_exports.service import ReportExportMaker
    from chalicelib.reports.worklist.service import (
        AppRefusals,
        ArchivedActivities,
        DisabledWebhooks,
        OpenRedemptions,
        RefusedVideos,
    )

PERSON_EVENTS = (MemberInvited, MemberJoined, MemberChanged, MemberDetailsChanged, MemberRemoved)
ACTIVITY_EVENTS = (
    ActivityPublished,
    ActivityRejected,
    ActivityWithdrawn,
    ActivityArchived,
    ActivityUnarchived,
)
REDEMPTION_EVENTS = (RedemptionRequested, RedemptionFulfilled, RedemptionRejected)
WEBHOOK_EVENTS = (WebhookDisabled, WebhookRecovered)
FACT_EVENTS = (*PERFORMANCE_EVENTS, ActivityDismissed, DismissalUndone)
COUNTED_EVENTS = (
    *FACT_EVENTS,
    PerformanceAwaitsApp,
    *PERSON_EVENTS,
    *ACTIVITY_EVENTS,
    *REDEMPTION_EVENTS,
    *WEBHOOK_EVENTS,
)


class Requesters(Protocol):
    """Notes with open requests whether their member is still in the program."""

    def refresh(self, program_id: str, member_id: str) -> None: ...

    def refresh_if_removed(self, program_id: str, member_id: str) -> None: ...


@dataclass(frozen=True)
class EventCounters:
    """The counters that events are passed to."""

    facts: "FactCounter"
    days: "DayPacker"
    people: "PersonCounter"
    app: "AppRefusals"
    videos: "RefusedVideos"
    archived: "ArchivedActivities"
    redemptions: "OpenRedemptions"
    requesters: Requesters
    webhooks: "DisabledWebhooks"


def count_events(counting: EventCounters, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count a batch of events: facts all together, what else there is one by one."""

    def deliver(events: "Sequence[Event[Any]]") -> Collection[str]:
        facts = [each for each in events if isinstance(each.payload, FACT_EVENTS)]
        others = [each for each in events if not isinstance(each.payload, FACT_EVENTS)]
        failed = [*count_facts(counting.facts, facts), *one_by_one(other)(others)]
        for program_id in {each.program_id for each in facts}:
            counting.days.pack(program_id)
        reached = {
            each.program_id: each
            for each in sorted(facts, key=lambda each: each.at)
            if isinstance(each.payload, PerformanceStaged | PerformancePosted)
        }
        return {*failed, *one_by_one(accepted)(list(reached.values()))}

    def other(received: "Event[Any]") -> None:
        _count_other(counting, received)

    def accepted(received: "Event[Any]") -> None:
        counting.app.clear_refusal(received.program_id, received.at)

    return consume_event_batch(COUNTED_EVENTS, deliver, event)


def _count_other(counting: EventCounters, received: "Event[Any]") -> None:
    """Count what is no fact of a member and an activity."""
    payload, program_id = received.payload, received.program_id
    match payload:
        case PerformanceAwaitsApp():
            counting.app.note_refusal(program_id, received.at)
        case ActivityPublished() | ActivityRejected() | ActivityWithdrawn():
            counting.videos.refresh(program_id, payload.activity_id, received.at)
        case ActivityArchived() | ActivityUnarchived():
            counting.archived.refresh(program_id, payload.activity_id, received.at)
        case RedemptionRequested():
            counting.redemptions.refresh(program_id, payload.redemption_id, received.at)
            counting.requesters.refresh_if_removed(program_id, payload.member_id)
        case RedemptionFulfilled() | RedemptionRejected():
            counting.redemptions.refresh(program_id, payload.redemption_id, received.at)
        case WebhookDisabled() | WebhookRecovered():
            counting.webhooks.refresh(program_id, payload.webhook_id, received.at)
        case MemberInvited() | MemberJoined() | MemberRemoved():
            counting.people.count(program_id, payload.member_id)
            counting.requesters.refresh(program_id, payload.member_id)
        case _:
            counting.people.count(program_id, payload.member_id)


def count_facts(counter: "FactCounter", events: "Sequence[Event[Any]]") -> Collection[str]:
    """Count the facts of events in as few writes as can be; returns the events that failed."""

    def one(received: "Event[Any]") -> None:
        counter.count(facts_of_event(received))

    try:
        written = counter.count([fact for each in events for fact in facts_of_event(each)])
    except Exception:  # noqa: BLE001  logged; each by itself then, so that one holds up no other
        logger.exception("batch not counted")
        return one_by_one(one)(events)
    logger.info("counted", extra={"events": len(events), "written": written})
    return ()


def relay(counter: "FactCounter", bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Count what members saw; publish that, and which files are to be made."""

    def deliver(events: "Sequence[Event[Any]]") -> Collection[str]:
        seen = [each for each in events if isinstance(each.payload, ActivitiesSeen)]
        return {*count_facts(counter, seen), *bus.publish(events)}

    return relay_changes(events_of, deliver, event)


def make_exports(maker: "ReportExportMaker", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the files that a batch of events asks for."""

    def requested(received: "Event[ExportRequested]") -> None:
        maker.make(received.program_id, received.payload.export_id)

    return consume_events([ExportRequested], requested, event)
