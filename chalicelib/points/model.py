"""Points: plain types and rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryKind(StrEnum):
    """Why points moved. `reversal` takes an award back when staging failed for good."""

    AWARD = "award"
    REVERSAL = "reversal"


@dataclass(frozen=True)
class Entry:
    """One line of a member's ledger; never changed, never removed."""

    entry_id: str
    kind: EntryKind
    points: int
    activity_id: str
    performance_id: str
    made_at: datetime


@dataclass(frozen=True)
class Totals:
    """What a ledger adds up to: `balance` can be spent, `earned` never falls by spending."""

    balance: int = 0
    earned: int = 0


@dataclass(frozen=True)
class Difference:
    """A member whose totals are not what the ledger says."""

    member_id: str
    kept: Totals
    ledger: Totals


def totals_of(entries: Iterable[Entry]) -> Totals:
    """Add a ledger up."""
    points = sum(entry.points for entry in entries)
    return Totals(balance=points, earned=points)


def award_id(performance_id: str) -> str:
    """Name the entry that awards a performance: by its name there can be but one."""
    return f"{performance_id}#{EntryKind.AWARD.value}"


def reversal_id(performance_id: str) -> str:
    return f"{performance_id}#{EntryKind.REVERSAL.value}"
