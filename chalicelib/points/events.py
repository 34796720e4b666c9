"""Events of members' points, derived from changes of the points table."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from chalicelib.points.model import EntryKind

_ENTRY_PREFIX = "entry#"


@dataclass(frozen=True)
class LedgerEntryAdded(Payload):
    """A member's ledger has one more entry; `made_at` is exact to the microsecond."""

    TYPE: ClassVar[str] = "points.LedgerEntryAdded"
    member_id: str
    entry_id: str
    kind: str
    points: int
    source_kind: str
    source_id: str
    made_at: str


@dataclass(frozen=True)
class PointsAdjusted(Payload):
    """A manager gave a member points, or took some."""

    TYPE: ClassVar[str] = "points.PointsAdjusted"
    member_id: str
    entry_id: str
    points: int


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the points table; totals follow from the entries."""
    after = change.after
    if change.before or not str(after.get("item", "")).startswith(_ENTRY_PREFIX):
        return ()
    program_id, _, member_id = after["owner"].partition("/")
    added = LedgerEntryAdded(
        member_id=member_id,
        entry_id=after["item"].removeprefix(_ENTRY_PREFIX),
        kind=after["kind"],
        points=int(after["points"]),
        source_kind=after["source_kind"],
        source_id=after["source_id"],
        made_at=after["made_at"],
    )
    found: list[Event[Any]] = [change.event(program_id, added)]
    if added.kind == EntryKind.ADJUSTMENT:
        adjusted = PointsAdjusted(member_id, added.entry_id, added.points)
        found.append(change.event(program_id, adjusted))
    return found
