"""An export is due, or the clock ticked."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import handle_each
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late
from chalicelib.privacy.queue import from_message

if TYPE_CHECKING:
    from chalicelib.privacy.erasing import Eraser
    from chalicelib.privacy.exporting import PersonalExportMaker
    from chalicelib.privacy.queue import PersonalExportQueuer

TIME_RESERVE = timedelta(seconds=60)
"""Time kept for a round of an erasure that is under way."""


def make_exports(maker: "PersonalExportMaker", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the file of each export in a batch of messages."""

    def due(body: str) -> None:
        maker.make(*from_message(body))

    return handle_each(due, event)


def process_due(eraser: "Eraser", queuer: "PersonalExportQueuer", context: Any) -> int:
    """Run a round of each erasure that is due, and queue exports that are due."""
    queued = queuer.queue_due()
    rounds = eraser.erase_due(late(context, TIME_RESERVE))
    logger.info("privacy swept", extra={"rounds": rounds, "exports": queued})
    return rounds + queued
