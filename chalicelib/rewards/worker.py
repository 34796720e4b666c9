"""A reward or a redemption changed, or a picture is shown no more."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import consume_events, relay_changes
from chalicelib.rewards.events import PictureUnused, events_of

if TYPE_CHECKING:
    from chalicelib.foundation.events import Event, EventBus
    from chalicelib.rewards.store import ShownPictures


def relay(bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish what a batch of the rewards table's changes means to others."""
    return relay_changes(events_of, bus.publish, event)


def remove_pictures(pictures: "ShownPictures", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Remove the files of pictures that are shown no more; once it is gone, again does nothing."""

    def handle(received: "Event[Any]") -> None:
        pictures.remove(received.program_id, received.payload.key)

    return consume_events([PictureUnused], handle, event)
