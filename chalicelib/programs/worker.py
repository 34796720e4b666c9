"""The programs table changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import relay_changes
from chalicelib.programs.events import events_of

if TYPE_CHECKING:
    from chalicelib.foundation.events import EventBus


def relay(bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish what a batch of the programs table's changes means to others."""
    return relay_changes(events_of, bus.publish, event)
