"""What the audit trail keeps of a member: what they did, by id, and the addresses of requests."""

from collections.abc import Iterator

from chalicelib.audit.store import EntryItem, OriginItem, OriginStore
from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database


class TrailKeeper:
    """Entries name a member by id alone and are never changed; addresses go with an erasure."""

    def __init__(self, database: Database, origins: OriginStore) -> None:
        database.prepare(EntryItem, OriginItem)
        self._database = database
        self._origins = origins

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        for index in (EntryItem.by_actor, EntryItem.by_thing):
            yield from part("audit", self._database.records(EntryItem, person.owner, index=index))
        kept = self._origins.of_member(person.program_id, person.member_id)
        for entry_id, address in sorted(kept.items()):
            record = {"program_id": person.program_id, "entry_id": entry_id, "address": address}
            yield from part("addresses", [record])

    def erase(self, person: Person) -> bool:
        self._origins.forget(person.program_id, person.member_id)
        return True
