"""Points: plain types and rules."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum

from chalicelib.foundation.values import dataclass

_MAX_NAMED = 3

MAX_REASON_LENGTH = 300
MAX_ABOUT_LENGTH = 200
"""How much of an activity's instructions a ledger entry keeps."""
MAX_AMOUNT = 1_000_000
"""Points that a manager may give or take at once (product rule)."""


def points_phrase(points: int) -> str:
    """Return a number of points as sentences have it."""
    return f"{points:,} point{'' if points == 1 else 's'}"


class EntryKind(StrEnum):
    """Why points moved.

    - `award`: an activity was performed. `reversal`: its video failed for good.
    - `bonus`: its video was posted.
    - `adjustment`: a manager gave points, or took some.
    - `spending`: a reward was redeemed. `refund`: the request was rejected.
    """

    AWARD = "award"
    REVERSAL = "reversal"
    BONUS = "bonus"
    ADJUSTMENT = "adjustment"
    SPENDING = "spending"
    REFUND = "refund"


EARNING_KINDS = frozenset(
    {EntryKind.AWARD, EntryKind.REVERSAL, EntryKind.BONUS, EntryKind.ADJUSTMENT}
)
"""Kinds that count as earned, or take back what was earned; spending and refunds do not."""


class SourceKind(StrEnum):
    """The kinds of sources of ledger entries."""

    PERFORMANCE = "performance"
    REDEMPTION = "redemption"
    ADJUSTMENT = "adjustment"
    BONUS = "bonus"


@dataclass(frozen=True)
class Source:
    """The source of an entry: a kind and an id."""

    kind: SourceKind
    source_id: str


@dataclass(frozen=True)
class LedgerEntry:
    """One line of a member's ledger; never changed, never removed.

    `about` is the activity's or reward's text when the entry was made, `reason` a person's or the
    system's words for it, `failure` the code of the send's failure that took points back. `made_by`
    is the actor that wrote it.
    """

    entry_id: str
    kind: EntryKind
    points: int
    source: Source
    made_at: datetime
    about: str | None = None
    reason: str | None = None
    failure: str | None = None
    made_by: str | None = None

    @property
    def earned(self) -> int:
        """The entry's addition to earned points; spending changes them in neither direction."""
        return self.points if self.kind in EARNING_KINDS else 0


@dataclass(frozen=True)
class Totals:
    """The sums of a ledger: `balance` can be spent; spending never lowers `earned`."""

    balance: int = 0
    earned: int = 0


class BalanceTooLow(Exception):
    """The member has fewer points than an entry would take."""


class NoSuchProgram(LookupError):
    """There is no program of this id."""


@dataclass(frozen=True)
class TotalsDifference:
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
    """A member's score within a span differs from their ledger; None is nothing at all."""

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
        named = ", ".join(sorted(self.days)[:_MAX_NAMED])
        more = f" and {len(self.days) - _MAX_NAMED} more" if len(self.days) > _MAX_NAMED else ""
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


Finding = TotalsDifference | ScoreDifference | CountDifference | PlaceDifference | SizeDifference


def sum_entries(entries: Iterable[LedgerEntry]) -> Totals:
    """Add a ledger up."""
    balance = earned = 0
    for entry in entries:
        balance += entry.points
        earned += entry.earned
    return Totals(balance, earned)


def entry_id_of(source_id: str, kind: EntryKind) -> str:
    """Name an entry of a performance or redemption: there can be but one of each kind."""
    return f"{source_id}#{kind.value}"


def award_entry_id(performance_id: str) -> str:
    """Name the entry that awards a performance."""
    return entry_id_of(performance_id, EntryKind.AWARD)


def shorten(text: str) -> str:
    """Return a text as a ledger entry keeps it."""
    return text if len(text) <= MAX_ABOUT_LENGTH else text[: MAX_ABOUT_LENGTH - 1].rstrip() + "…"
