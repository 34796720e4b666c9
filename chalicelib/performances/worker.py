"""A performance changed, its message is due, a member was removed, or the clock ticked."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import consume_events, handle_each, one_by_one, relay_changes
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late
from chalicelib.performances.events import PerformanceQueued, events_of
from chalicelib.performances.model import Reference
from chalicelib.performances.queue import StagingQueue, from_message
from chalicelib.programs.events import MemberRemoved

if TYPE_CHECKING:
    from chalicelib.foundation.events import Event, EventBus
    from chalicelib.performances.connections.service import ConnectionService
    from chalicelib.performances.counts.service import PostStatistics
    from chalicelib.performances.overdue import OverdueRequeuer
    from chalicelib.performances.staging import Stager

TIME_RESERVE = timedelta(seconds=10)
"""Time kept for a call of AWS that is under way."""

COUNTING_RESERVE = timedelta(seconds=100)
"""Longer than one member's posts can take, waiting for another's refresh and then for TikTok."""

SENDING_RESERVE = timedelta(seconds=15)
"""Time that following up leaves to sends that waited for their connection."""


def relay(queue: StagingQueue, bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Queue each new performance for staging, and publish every event to the bus."""

    def enqueue(received: "Event[PerformanceQueued]") -> None:
        queue.send([_reference_of(received)])
        logger.info("queued", extra={"performance_id": received.payload.performance_id})

    def deliver(events: "Sequence[Event[Any]]") -> Collection[str]:
        queued = [each for each in events if isinstance(each.payload, PerformanceQueued)]
        failed = one_by_one(enqueue)(queued)
        return {*failed, *bus.publish(events)}

    return relay_changes(events_of, deliver, event)


def _reference_of(queued: "Event[PerformanceQueued]") -> Reference:
    told = queued.payload
    return Reference(
        queued.program_id, told.member_id, told.performance_id, queued.correlation_id or ""
    )


def disconnect_removed_members(
    connections: "ConnectionService", event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Release the TikTok account of each removed member in a batch of events."""

    def removed(received: "Event[MemberRemoved]") -> None:
        connections.release_removed_member(received.program_id, received.payload.member_id)

    return consume_events([MemberRemoved], removed, event)


def stage(stager: "Stager", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring each performance in a batch of messages as far as it goes now."""

    def due(body: str) -> None:
        reference = from_message(body)
        logger.set_correlation_id(reference.correlation_id)
        stager.stage(reference)

    return handle_each(due, event)


def sync_views(counts: "PostStatistics", *, offered: bool, context: Any) -> int:
    """Apply changed consents to views, and read the views of posts that are due, if `offered`."""
    logger.clear_state()
    is_late = late(context, COUNTING_RESERVE)
    try:
        followed = counts.apply_changed_consents(is_late)
        logger.info("consents followed", extra={"followed": followed})
    finally:
        counted = counts.read_due_counts(is_late) if offered else 0
        logger.info("views read", extra={"counted": counted})
    return counted


def resume_overdue(
    overdue: "OverdueRequeuer", connections: "ConnectionService", context: Any
) -> int:
    """Move on whatever should have moved by itself."""
    queued = overdue.requeue_overdue(late(context, TIME_RESERVE + SENDING_RESERVE))
    sent = connections.send_pending(late(context, TIME_RESERVE))
    logger.info("followed up", extra={"queued": queued, "sent": sent})
    return queued + sent
