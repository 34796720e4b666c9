"""A verdict came, or the clock ticked."""

from collections.abc import Mapping
from typing import Any

from chalicelib.activities.service import ActivityLifecycle
from chalicelib.foundation.batches import handle_changes
from chalicelib.foundation.logging import logger
from chalicelib.videos.service import verdict_of_change


def settle(
    lifecycle: ActivityLifecycle, event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Take the verdicts in a batch of the uploads table's changes to the activities waiting."""

    def changed(image: Mapping[str, Any]) -> None:
        verdict = verdict_of_change(image)
        if verdict is not None:
            logger.set_correlation_id(verdict.correlation_id)
            lifecycle.settle(verdict)

    return handle_changes(changed, event, context)


def expire(lifecycle: ActivityLifecycle) -> int:
    """End what is past its end."""
    ended = lifecycle.expire()
    logger.info("activities expired", extra={"count": ended})
    return ended
