"""An upload was decided, an activity changed, or the clock ticked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.activities.events import events_of, events_of_marks
from chalicelib.foundation.batches import consume_events, relay_changes
from chalicelib.foundation.logging import logger
from chalicelib.videos.events import UploadDecided

if TYPE_CHECKING:
    from chalicelib.activities.service import ActivityLifecycle, DueActivitySweeper
    from chalicelib.foundation.events import Event, EventBus
    from chalicelib.videos.service import Verdicts


def apply_verdicts(
    lifecycle: "ActivityLifecycle", verdicts: "Verdicts", event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Publish or reject the activities that wait for the decided uploads in a batch of events."""

    def decided(received: "Event[UploadDecided]") -> None:
        verdict = verdicts.verdict(received.program_id, received.payload.upload_id)
        # None: a file was asked for anew meanwhile, and will be decided once more.
        if verdict is not None:
            lifecycle.apply_verdict(verdict, verdicts)

    return consume_events([UploadDecided], decided, event)


def process_due(sweeper: "DueActivitySweeper") -> int:
    """End activities past their end, and apply verdicts whose event was lost."""
    logger.clear_state()
    try:
        ended = sweeper.end_expired()
    finally:
        decided = sweeper.apply_missed_verdicts()
    logger.info("activities swept", extra={"ended": ended, "decided": decided})
    return ended + decided


def relay(bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish what a batch of the activities table's changes means to others."""
    return relay_changes(events_of, bus.publish, event)


def publish_dismissals(bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish which activities were dismissed, out of a batch of the marks table's changes."""
    return relay_changes(events_of_marks, bus.publish, event)
