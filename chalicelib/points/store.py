"""The points table: each member's ledger and totals under one key."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.foundation.table import Conflict, Part, Put, Read, StampedModel, Store, Update
from chalicelib.points.model import (
    BalanceTooLow,
    EntryKind,
    LedgerEntry,
    Source,
    SourceKind,
    Totals,
)

_TOTALS_KEY = "totals"
_ENTRY_PREFIX = "entry#"


class ByTime(GlobalSecondaryIndex["EntryItem"]):
    """Sparse: ledger entries by when they were made; totals have no such time."""

    class Meta:
        index_name = "by_time"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    made_at = UTCDateTimeAttribute(range_key=True)


class EntryItem(StampedModel):
    class Meta:
        table_name = "points"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    points = NumberAttribute()
    source_kind = UnicodeAttribute()
    source_id = UnicodeAttribute()
    made_at = UTCDateTimeAttribute()
    about = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    failure = UnicodeAttribute(null=True)
    by_time = ByTime()

    def to_entry(self) -> LedgerEntry:
        return LedgerEntry(
            entry_id=self.item.removeprefix(_ENTRY_PREFIX),
            kind=EntryKind(self.kind),
            points=int(self.points),
            source=Source(SourceKind(self.source_kind), self.source_id),
            made_at=self.made_at,
            about=self.about,
            reason=self.reason,
            failure=self.failure,
            made_by=self.changed_by,
        )


class TotalsItem(StampedModel):
    class Meta:
        table_name = "points"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    balance = NumberAttribute(default=0)
    earned = NumberAttribute(default=0)

    def to_totals(self) -> Totals:
        return Totals(int(self.balance), int(self.earned))


class PointStore(Store):
    MODELS = (EntryItem, TotalsItem)

    def add(
        self, owner: str, entry: LedgerEntry, *, covered: bool = False, held: Totals | None = None
    ) -> list[Part]:
        """Parts: a ledger entry, once, and the totals that follow from it.

        With `covered` the balance must have what the entry takes: else `BalanceTooLow`. With `held`
        it must be that one still: else `Conflict`.
        """
        condition: Condition | None = None
        if covered:
            condition = TotalsItem.balance >= -entry.points
        elif held:
            condition = TotalsItem.balance == held.balance
            if not held.balance:
                condition |= TotalsItem.balance.does_not_exist()
        item = EntryItem(
            owner,
            _ENTRY_PREFIX + entry.entry_id,
            kind=entry.kind.value,
            points=entry.points,
            source_kind=entry.source.kind.value,
            source_id=entry.source.source_id,
            made_at=entry.made_at,
            about=entry.about,
            reason=entry.reason,
            failure=entry.failure,
        )
        return [
            Put(item, EntryItem.item.does_not_exist(), Conflict),
            Update(
                TotalsItem(owner, _TOTALS_KEY),
                [TotalsItem.balance.add(entry.points), TotalsItem.earned.add(entry.earned)],
                condition,
                BalanceTooLow if covered else Conflict,
            ),
        ]

    def entry(self, owner: str, entry_id: str) -> LedgerEntry | None:
        """Read a ledger entry, never behind."""
        try:
            return self._database.get(
                EntryItem, owner, _ENTRY_PREFIX + entry_id, consistent_read=True
            ).to_entry()
        except DoesNotExist:
            return None

    def totals(self, owner: str) -> Totals:
        """Read a member's totals, never behind."""
        try:
            item = self._database.get(TotalsItem, owner, _TOTALS_KEY, consistent_read=True)
        except DoesNotExist:
            return Totals()
        return item.to_totals()

    def newest(
        self, owner: str, after: tuple[datetime, str] | None, count: int
    ) -> Sequence[LedgerEntry]:
        """List a member's latest entries, made before the one `after` which they come: one query.

        It follows the table by milliseconds.
        """
        found = self._database.query(
            EntryItem,
            owner,
            index=EntryItem.by_time,
            scan_index_forward=False,
            limit=count,
            page_size=count,
            last_evaluated_key=_position(owner, *after) if after else None,
        )
        return [item.to_entry() for item in found]

    def read_of_totals(self, owner: str) -> Read[Totals]:
        """Return the read of a member's totals, to be made together with others."""
        return Read(TotalsItem, (owner, _TOTALS_KEY), TotalsItem.to_totals)

    def entries(self, owner: str) -> Iterator[LedgerEntry]:
        """Yield a member's whole ledger, in the order of what the entries are about."""
        found = self._database.query(
            EntryItem, owner, EntryItem.item.startswith(_ENTRY_PREFIX), consistent_read=True
        )
        return (item.to_entry() for item in found)

    def put_totals(self, owner: str, kept: Totals, right: Totals) -> bool:
        """Set totals right; False if they moved since they were read."""
        unchanged = (TotalsItem.balance == kept.balance) & (TotalsItem.earned == kept.earned)
        if kept == Totals():
            unchanged |= TotalsItem.item.does_not_exist()
        actions = [TotalsItem.balance.set(right.balance), TotalsItem.earned.set(right.earned)]
        return self._database.update(TotalsItem(owner, _TOTALS_KEY), actions, unchanged)


def _position(owner: str, made_at: datetime, entry_id: str) -> dict[str, Any]:
    """Return the key of an entry in `by_time`, also among those of the same instant."""
    keys = {"owner": owner, "item": _ENTRY_PREFIX + entry_id}
    written = EntryItem.made_at.serialize(made_at)
    return {name: {"S": value} for name, value in (*keys.items(), ("made_at", written))}
