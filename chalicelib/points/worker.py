"""The ledger grew, people changed, or the clock ticked."""

from collections.abc import Mapping
from typing import Any

from chalicelib.foundation.batches import handle_changes, handle_transitions
from chalicelib.foundation.logging import logger
from chalicelib.points.boards import Counter, Snapshots
from chalicelib.programs.service import shows_otherwise


def count(counter: Counter, event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Count the ledger entries in a batch of the points table's changes."""
    batch = counter.batch()
    answer = handle_changes(batch.take, event, context)
    logger.info("counted", extra={"programs": batch.mark()})
    return answer


def notice(snapshots: Snapshots, event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Make boards due whose people, or their names, or the program's settings changed."""
    touched: set[str] = set()

    def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        if shows_otherwise(before, after):
            touched.add((after or before)["program_id"])

    answer = handle_transitions(changed, event, context)
    snapshots.mark(touched)
    return answer


def rank(snapshots: Snapshots) -> int:
    """Make the boards that are due."""
    made = snapshots.make_due()
    logger.info("ranked", extra={"programs": made})
    return made
