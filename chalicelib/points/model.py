"""Points: plain types and rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

_NAMED = 3


class EntryKind(StrEnum):
    """Why points moved. `reversal` takes an award back when staging failed for good."""

    AWARD = "award"
    REVERSAL = "reversal"


EARNING = frozenset({EntryKind.AWARD, EntryKind.REVERSAL})
"""What is earned, or what was earned and is taken back; spending is neither."""


@dataclass(frozen=True)
class Entry:
    """One line of a member's ledger; never changed, never removed."""

    entry_id: str
    kind: EntryKind
    points: int
    activity_id: str
    performance_id: str
    made_at: datetime

    @property
    def earned(self) -> int:
        """What it adds to what was earned; spending adds nothing to it and takes nothing away."""
        return self.points if self.kind in EARNING else 0


@dataclass(frozen=True)
class Totals:
    """What a ledger adds up to: `balance` can be spent, `earned` never falls by spending."""

    balance: int = 0
    earned: int = 0


class NoSuchProgram(LookupError):
    """There is no program of this id."""


@dataclass(frozen=True)
class Difference:
    """A member whose totals are not what the ledger says."""

    member_id: str
    kept: Totals
    ledger: Totals

    def __str__(self) -> str:
        return (
            f"{self.member_id}: balance {self.kept.balance}, ledger {self.ledger.balance}; "
            f"earned {self.kept.earned}, ledger {self.ledger.earned}"
        )


@dataclass(frozen=True)
class ScoreDifference:
    """What a member has within a span is not what their ledger says; None is nothing at all."""

    member_id: str
    span: str
    kept: int | None
    ledger: int | None

    def __str__(self) -> str:
        return f"{self.member_id}: {self.span}: score {self.kept or 0}, ledger {self.ledger or 0}"


@dataclass(frozen=True)
class CountDifference:
    """Ledger entries that are not noted as counted, and the day each counts on."""

    member_id: str
    days: Mapping[str, date]

    def __str__(self) -> str:
        named = ", ".join(sorted(self.days)[:_NAMED])
        more = f" and {len(self.days) - _NAMED} more" if len(self.days) > _NAMED else ""
        return f"{self.member_id}: not noted as counted: {named}{more}"


@dataclass(frozen=True)
class PlaceDifference:
    """A board shows a member otherwise than their ledger would; None is not at all."""

    member_id: str
    span: str
    kept: str
    ledger: str | None

    def __str__(self) -> str:
        return (
            f"{self.member_id}: {self.span}: board {self.kept}; ledger {self.ledger or 'not there'}"
        )


@dataclass(frozen=True)
class SizeDifference:
    """A board says that another number of members is on it, though each is where they belong."""

    span: str
    kept: int
    ledger: int

    def __str__(self) -> str:
        return f"{self.span}: board of {self.kept} members; ledger {self.ledger}"


Finding = Difference | ScoreDifference | CountDifference | PlaceDifference | SizeDifference


def totals_of(entries: Iterable[Entry]) -> Totals:
    """Add a ledger up."""
    balance = earned = 0
    for entry in entries:
        balance += entry.points
        earned += entry.earned
    return Totals(balance, earned)


def award_id(performance_id: str) -> str:
    """Name the entry that awards a performance: by its name there can be but one."""
    return f"{performance_id}#{EntryKind.AWARD.value}"


def reversal_id(performance_id: str) -> str:
    return f"{performance_id}#{EntryKind.REVERSAL.value}"
