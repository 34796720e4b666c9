"""Personal data in the audit trail: a member's acts, by id, and the addresses of their requests."""

import json
from collections.abc import Callable, Collection, Iterator

from chalicelib.audit.model import Kind
from chalicelib.audit.store import EntryItem, OriginItem, OriginStore
from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database

_KINDS_ABOUT_SEVERAL = (
    Kind.CHANNEL_MEMBERS_ADDED,
    Kind.CHANNEL_MEMBER_REMOVED,
    Kind.MEMBERS_IMPORTED,
)
"""Kinds whose entries name members in their values alone: all of a program's are read for them,
and they are as many as managers' own acts."""

_VALUE_FIELDS = ("before", "after")


class AuditPersonalData:
    """Entries name a member by id alone and are never changed; addresses go with an erasure."""

    def __init__(
        self,
        database: Database,
        origins: OriginStore,
        redemptions_of: Callable[[str], Collection[str]],
    ) -> None:
        """`redemptions_of` returns the ids of what a member redeemed, by their owner's key."""
        self._redemptions_of = redemptions_of
        database.register_models(EntryItem, OriginItem)
        self._database = database
        self._origins = origins

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        found = {str(each["entry_id"]): each for each in self._entries(person)}
        yield from part("audit", (found[each] for each in sorted(found)))
        kept = self._origins.of_member(person.program_id, person.member_id)
        for entry_id, address in sorted(kept.items()):
            record = {
                "program_id": person.program_id,
                "entry_id": entry_id,
                "owner": person.owner,
                "address": address,
            }
            yield from part("addresses", [record])

    def _entries(self, person: Person) -> Iterator[Record]:
        """Yield entries by the member and about them; some of them twice."""
        program_id, records = person.program_id, self._database.raw_items
        for kind in _KINDS_ABOUT_SEVERAL:
            for each in records(EntryItem, f"{program_id}/{kind}", index=EntryItem.by_kind):
                if any(f'"{person.member_id}"' in each.get(name, "") for name in _VALUE_FIELDS):
                    yield _without_others(each, person.member_id)
        for redemption_id in self._redemptions_of(person.owner):
            thing = f"{program_id}/{redemption_id}"
            yield from records(EntryItem, thing, index=EntryItem.by_thing)
        for index in (EntryItem.by_actor, EntryItem.by_thing):
            yield from records(EntryItem, person.owner, index=index)

    def erase(self, person: Person) -> bool:
        self._origins.forget(person.program_id, person.member_id)
        return True


def _without_others(entry: Record, member_id: str) -> Record:
    """Return an entry about several members without the ids of the others."""

    def is_others(value: object) -> bool:
        return isinstance(value, str) and value.startswith("mem_") and value != member_id

    changed: dict[str, str] = {}
    for values in _VALUE_FIELDS:
        if values in entry:
            fields = json.loads(entry[values])
            changed[values] = json.dumps(
                {
                    name: [one for one in each if not is_others(one)]
                    if isinstance(each, list)
                    else each
                    for name, each in fields.items()
                }
            )
    return {**entry, **changed}
