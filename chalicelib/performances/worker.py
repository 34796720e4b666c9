"""A performance was made, its message is due, or the clock ticked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import handle_changes, handle_each
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late
from chalicelib.performances.queue import StagingQueue, from_message

if TYPE_CHECKING:
    from chalicelib.performances.service import PerformanceService
    from chalicelib.performances.staging import FollowUp, Stager

RESERVE = timedelta(seconds=10)
"""As long as a call of AWS may take."""

SENDING = timedelta(seconds=15)
"""What following up leaves to sends that waited for their connection."""


def enqueue(queue: StagingQueue, event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Queue each performance that a batch of the table's changes says is new."""

    def made(image: Mapping[str, Any]) -> None:
        reference = from_message(image)
        logger.set_correlation_id(reference.correlation_id)
        queue.send([reference])
        logger.info("queued", extra={"performance_id": reference.performance_id})

    return handle_changes(made, event, context)


def depart(
    performances: "PerformanceService", event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Let go of each member that a batch of the programs table's changes says was removed."""

    def removed(image: Mapping[str, Any]) -> None:
        performances.depart(image["program_id"], image["member_id"])

    return handle_changes(removed, event, context)


def stage(stager: "Stager", event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Bring each performance in a batch of messages as far as it goes now."""

    def due(body: str) -> None:
        reference = from_message(body)
        logger.set_correlation_id(reference.correlation_id)
        stager.stage(reference)

    return handle_each(due, event, context)


def follow_up(overdue: "FollowUp", performances: "PerformanceService", context: Any) -> int:
    """Move on whatever should have moved by itself."""
    queued = overdue.queue_again(late(context, RESERVE + SENDING))
    sent = performances.send_pending(late(context, RESERVE))
    logger.info("followed up", extra={"queued": queued, "sent": sent})
    return queued + sent
