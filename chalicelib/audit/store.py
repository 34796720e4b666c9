"""The audit trail's tables: see docs/data.md for their keys and what each access costs.

Entries are written with a condition that there is none of their id, and never again: this store
has no way to change or remove one, and no function's policy lets it. The table's TTL does.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.audit.model import (
    AuditEntry,
    EntryFilter,
    actor_key,
    decode_fields,
    encode_fields,
    member_of,
)
from chalicelib.foundation.ids import lowest_id_at
from chalicelib.foundation.table import LeanModel, Put, Read, Store

ENTRY_ID_KIND = "aud"
_AFTER_ANY_ID = "\x7f"
"""Sorts after every letter of an id."""


class ByActor(GlobalSecondaryIndex["EntryItem"]):
    class Meta:
        index_name = "by_actor"
        projection = AllProjection()

    actor_in = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)


class ByThing(GlobalSecondaryIndex["EntryItem"]):
    class Meta:
        index_name = "by_thing"
        projection = AllProjection()

    thing_in = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)


class ByKind(GlobalSecondaryIndex["EntryItem"]):
    class Meta:
        index_name = "by_kind"
        projection = AllProjection()

    kind_in = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)


class EntryItem(LeanModel):
    """One entry: no name, no address of a person, and nothing that is ever changed."""

    class Meta:
        table_name = "audit"

    program_id = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)
    made_at = UTCDateTimeAttribute()
    kind = UnicodeAttribute()
    thing = UnicodeAttribute()
    title = UnicodeAttribute(null=True)
    actor = UnicodeAttribute()
    role = UnicodeAttribute(null=True)
    correlation_id = UnicodeAttribute(null=True)
    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute(null=True)
    actor_in = UnicodeAttribute()
    thing_in = UnicodeAttribute()
    kind_in = UnicodeAttribute()
    expires_at = NumberAttribute()
    by_actor = ByActor()
    by_thing = ByThing()
    by_kind = ByKind()

    def to_entry(self) -> AuditEntry:
        return AuditEntry(
            program_id=self.program_id,
            entry_id=self.entry_id,
            at=self.made_at,
            kind=self.kind,
            thing=self.thing,
            title=self.title or "",
            actor=self.actor,
            role=self.role,
            correlation_id=self.correlation_id,
            before=decode_fields(self.before),
            after=decode_fields(self.after),
            expires_at=datetime.fromtimestamp(int(self.expires_at), UTC),
        )


class ByOwner(GlobalSecondaryIndex["OriginItem"]):
    class Meta:
        index_name = "by_owner"
        projection = KeysOnlyProjection()

    owner = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)


class OriginItem(LeanModel):
    """The address that the request of an entry began at: personal, so apart from the entry."""

    class Meta:
        table_name = "origins"

    program_id = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)
    owner = UnicodeAttribute()
    address = UnicodeAttribute()
    expires_at = NumberAttribute()
    by_owner = ByOwner()


class AuditStore(Store):
    """Entries: written once, read by program, actor, thing or kind."""

    MODELS = (EntryItem,)

    def put_entry(self, entry: AuditEntry) -> Put:
        """Part: write an entry, once."""
        program_id = entry.program_id
        item = EntryItem(
            program_id,
            entry.entry_id,
            made_at=entry.at,
            kind=entry.kind,
            thing=entry.thing,
            title=entry.title or None,
            actor=entry.actor,
            role=entry.role,
            correlation_id=entry.correlation_id,
            before=encode_fields(entry.before),
            after=encode_fields(entry.after),
            actor_in=f"{program_id}/{actor_key(entry.actor)}",
            thing_in=f"{program_id}/{entry.thing}",
            kind_in=f"{program_id}/{entry.kind}",
            expires_at=int(entry.expires_at.timestamp()),
        )
        return Put(item, EntryItem.entry_id.does_not_exist())

    def read(self, program_id: str, entry_id: str) -> Read[AuditEntry]:
        """Return the read of an entry."""
        return Read(EntryItem, (program_id, entry_id), EntryItem.to_entry)

    def newest(
        self, program_id: str, wanted: EntryFilter, before: str | None, count: int
    ) -> list[AuditEntry]:
        """List entries below the given one, newest first: one query.

        They meet one criterion of the filter, and its time to some milliseconds: what the others
        leave of them is for the caller to see. Indexes follow the table by milliseconds.
        """
        first = lowest_id_at(ENTRY_ID_KIND, wanted.since) if wanted.since else f"{ENTRY_ID_KIND}_"
        last = (
            lowest_id_at(ENTRY_ID_KIND, wanted.until) + _AFTER_ANY_ID
            if wanted.until
            else f"{ENTRY_ID_KIND}_{_AFTER_ANY_ID}"
        )
        last = min(last, before) if before else last
        if last < first:
            return []
        index: ByThing | ByActor | ByKind | None = None
        where = program_id
        if wanted.thing is not None:
            where, index = f"{program_id}/{wanted.thing}", EntryItem.by_thing
        elif wanted.actor is not None:
            where, index = f"{program_id}/{wanted.actor}", EntryItem.by_actor
        elif wanted.kind is not None:
            where, index = f"{program_id}/{wanted.kind.value}", EntryItem.by_kind
        found = self._database.query(
            EntryItem,
            where,
            # Both ends are in a range; the given one is read, and left out.
            EntryItem.entry_id.between(first, last),
            index=index,
            scan_index_forward=False,
            limit=count + 1 if before else count,
        )
        return [item.to_entry() for item in found if item.entry_id != before][:count]


class OriginStore(Store):
    """Addresses of requests, which go with the person they are of."""

    MODELS = (OriginItem,)

    def put_origin(self, entry: AuditEntry, address: str) -> Put:
        """Part: write the address of the request of a member's entry, once."""
        member_id = member_of(entry.actor)
        item = OriginItem(
            entry.program_id,
            entry.entry_id,
            owner=f"{entry.program_id}/{member_id}",
            address=address,
            expires_at=int(entry.expires_at.timestamp()),
        )
        return Put(item, OriginItem.entry_id.does_not_exist())

    def read(self, program_id: str, entry_id: str) -> Read[str]:
        """Return the read of the address of an entry's request."""
        return Read(OriginItem, (program_id, entry_id), lambda item: str(item.address))

    def addresses(self, program_id: str, entry_ids: Iterable[str]) -> dict[str, str]:
        """Return the addresses of entries' requests by entry: a call for each hundred."""
        keys = [(program_id, each) for each in entry_ids]
        return {item.entry_id: item.address for item in self._database.batch_get(OriginItem, keys)}

    def of_member(self, program_id: str, member_id: str) -> dict[str, str]:
        """Return all addresses that are kept of a member, by entry."""
        found = self._database.query(
            OriginItem, f"{program_id}/{member_id}", index=OriginItem.by_owner
        )
        return self.addresses(program_id, [item.entry_id for item in found])

    def forget(self, program_id: str, member_id: str) -> int:
        """Remove all addresses that are kept of a member; returns how many. Safe to call again."""
        found = self._database.query(
            OriginItem, f"{program_id}/{member_id}", index=OriginItem.by_owner
        )
        number = 0
        with self._database.batch_write(OriginItem) as batch:
            for item in found:
                batch.delete(OriginItem(program_id, item.entry_id))
                number += 1
        return number
