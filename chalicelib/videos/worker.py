"""A file arrived (S3 tells the queue, the queue calls here), or the clock ticked."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.foundation.batches import handle_each
from chalicelib.foundation.logging import logger
from chalicelib.videos.service import LostAndFound, VideoService


def validate(service: VideoService, event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Validate each upload announced in a batch of S3 notifications."""
    return _each_key(service.validate, event, context)


def give_up(service: VideoService, event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Reject each upload whose validation came to no end, however often it was tried."""
    return _each_key(service.give_up, event, context)


def look_again(lost_and_found: LostAndFound) -> int:
    """Move on whatever upload should have moved by itself."""
    moved = lost_and_found.look_again()
    logger.info("looked again", extra={"moved": moved})
    return moved


def _each_key(
    handle: Callable[[str], None], event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    def arrived(body: str) -> None:
        # S3 sends a test event without records when the notification is set up.
        for record in json.loads(body).get("Records", ()):
            handle(unquote_plus(record["s3"]["object"]["key"]))

    return handle_each(arrived, event, context)
