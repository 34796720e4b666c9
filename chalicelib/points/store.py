"""The points table: each member's ledger and totals under one key."""

from collections.abc import Iterator, Mapping
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.models import Model

from chalicelib.foundation.table import Conflict, Part, Put, Update, bind, changed
from chalicelib.points.model import Entry, EntryKind, Totals

_TOTALS = "totals"
_ENTRIES = "entry#"


class EntryItem(Model):
    class Meta:
        table_name = ""

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    points = NumberAttribute()
    activity_id = UnicodeAttribute()
    performance_id = UnicodeAttribute()
    made_at = UTCDateTimeAttribute()

    def to_entry(self) -> Entry:
        return Entry(
            entry_id=self.item.removeprefix(_ENTRIES),
            kind=EntryKind(self.kind),
            points=int(self.points),
            activity_id=self.activity_id,
            performance_id=self.performance_id,
            made_at=self.made_at,
        )


class TotalsItem(Model):
    class Meta:
        table_name = ""

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    balance = NumberAttribute(default=0)
    earned = NumberAttribute(default=0)


def entry_of_change(image: Mapping[str, Any]) -> tuple[str, Entry] | None:
    """Read an image of the table's stream: whose entry it is, and the entry; None for others."""
    if not str(image.get("item", "")).startswith(_ENTRIES):
        return None
    entry = Entry(
        entry_id=image["item"].removeprefix(_ENTRIES),
        kind=EntryKind(image["kind"]),
        points=int(image["points"]),
        activity_id=image["activity_id"],
        performance_id=image["performance_id"],
        made_at=EntryItem.made_at.deserialize(image["made_at"]),
    )
    return image["owner"], entry


class PointStore:
    def __init__(self, table_name: str) -> None:
        bind(EntryItem, table_name)
        bind(TotalsItem, table_name)

    def add(self, owner: str, entry: Entry) -> list[Part]:
        """Parts: a ledger entry, once, and the totals that follow from it."""
        item = EntryItem(
            owner,
            _ENTRIES + entry.entry_id,
            kind=entry.kind.value,
            points=entry.points,
            activity_id=entry.activity_id,
            performance_id=entry.performance_id,
            made_at=entry.made_at,
        )
        return [
            Put(item, EntryItem.item.does_not_exist(), Conflict),
            Update(
                TotalsItem(owner, _TOTALS),
                [TotalsItem.balance.add(entry.points), TotalsItem.earned.add(entry.earned)],
            ),
        ]

    def entry(self, owner: str, entry_id: str) -> Entry | None:
        """Read a ledger entry, never behind."""
        try:
            return EntryItem.get(owner, _ENTRIES + entry_id, consistent_read=True).to_entry()
        except DoesNotExist:
            return None

    def totals(self, owner: str) -> Totals:
        """Read a member's totals, never behind."""
        try:
            item = TotalsItem.get(owner, _TOTALS, consistent_read=True)
        except DoesNotExist:
            return Totals()
        return Totals(int(item.balance), int(item.earned))

    def entries(self, owner: str) -> Iterator[Entry]:
        """Walk a member's whole ledger, oldest performance first."""
        found = EntryItem.query(owner, EntryItem.item.startswith(_ENTRIES), consistent_read=True)
        return (item.to_entry() for item in found)

    def put_totals(self, owner: str, kept: Totals, right: Totals) -> bool:
        """Set totals right; False if they moved since they were read."""
        unchanged = (TotalsItem.balance == kept.balance) & (TotalsItem.earned == kept.earned)
        if kept == Totals():
            unchanged |= TotalsItem.item.does_not_exist()
        actions = [TotalsItem.balance.set(right.balance), TotalsItem.earned.set(right.earned)]
        return changed(TotalsItem(owner, _TOTALS), actions, unchanged)
