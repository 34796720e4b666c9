"""The ledger grew, people changed, or the clock ticked."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.foundation.batches import consume_events, one_by_one, relay_changes
from chalicelib.foundation.events import Event, EventBus
from chalicelib.foundation.logging import logger
from chalicelib.points.boards import EntryCounter, LeaderboardBuilder, LeaderboardMarks
from chalicelib.points.events import LedgerEntryAdded, events_of
from chalicelib.programs.events import (
    MemberChanged,
    MemberJoined,
    MemberRemoved,
    ProgramChanged,
)

SHOWN_ON_LEADERBOARDS = (MemberChanged, MemberJoined, MemberRemoved, ProgramChanged)


def count_entries(
    counter: EntryCounter, bus: EventBus, event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Count the ledger entries in a batch of the points table's changes; publish what else it is.

    An entry's own event goes no further: one of each would be a message for each performance.
    """
    batch = counter.new_batch()
    count = one_by_one(batch.add)

    def deliver(events: Sequence[Event[Any]]) -> set[str]:
        added = [each for each in events if isinstance(each.payload, LedgerEntryAdded)]
        others = [each for each in events if not isinstance(each.payload, LedgerEntryAdded)]
        return {*count(added), *(bus.publish(others) if others else ())}

    answer = relay_changes(events_of, deliver, event)
    logger.info("counted", extra={"programs": batch.mark()})
    return answer


def mark_changed_leaderboards(
    marks: LeaderboardMarks, event: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Mark the leaderboards of programs whose members or settings changed for a rebuild."""
    touched: set[str] = set()

    def changed(received: Event[Any]) -> None:
        touched.add(received.program_id)

    answer = consume_events(SHOWN_ON_LEADERBOARDS, changed, event)
    marks.mark(touched)
    return answer


def build_leaderboards(builder: LeaderboardBuilder) -> int:
    """Build the leaderboards that are due."""
    made = builder.build_due()
    logger.info("ranked", extra={"programs": made})
    return made
