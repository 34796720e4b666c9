"""Entry points for arrived files (S3 notifies the queue), changed uploads, and the clock."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.foundation.batches import handle_each, relay_changes
from chalicelib.foundation.events import EventBus
from chalicelib.foundation.logging import logger
from chalicelib.videos.events import events_of
from chalicelib.videos.service import StuckUploadSweeper, VideoService


def validate(service: VideoService, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Validate each upload announced in a batch of S3 notifications."""
    return _handle_each_key(service.validate, event)


def reject_unexaminable(service: VideoService, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Reject each upload whose validation came to no end, however often it was tried."""
    return _handle_each_key(service.reject_unexaminable, event)


def relay(bus: EventBus, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish what a batch of the uploads table's changes means to others."""
    return relay_changes(events_of, bus.publish, event)


def sweep_stuck_uploads(sweeper: StuckUploadSweeper) -> int:
    """Move on each upload that should have moved on by itself; remove what nobody uses."""
    try:
        moved = sweeper.sweep()
    finally:
        removed = sweeper.remove_unused()
    logger.info("swept", extra={"moved": moved, "removed": removed})
    return moved + removed


def _handle_each_key(handle: Callable[[str], None], event: Mapping[str, Any]) -> Mapping[str, Any]:
    def arrived(body: str) -> None:
        # S3 sends a test event without records when the notification is set up.
        for record in json.loads(body).get("Records", ()):
            handle(unquote_plus(record["s3"]["object"]["key"]))

    return handle_each(arrived, event)
