"""Personal data in the rewards table: a member's redemptions, and how many of each they have."""

from collections.abc import Iterator

from chalicelib.foundation.personal import ERASED_NAME, Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.rewards.store import RedemptionItem, TakenItem

_TEXT_ATTRIBUTES = (RedemptionItem.note, RedemptionItem.code, RedemptionItem.reason)


class RedemptionPersonalData:
    def __init__(self, database: Database) -> None:
        database.register_models(RedemptionItem, TakenItem)
        self._database = database

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        yield from part("redemptions", self._redemptions_of(person))
        yield from part("redemptions", self._database.raw_items(TakenItem, person.owner))

    def erase(self, person: Person) -> bool:
        """Put the pseudonym for the name, and remove what managers wrote to the member.

        A request that is open stays so: a manager rejects it, or fulfils it if they still can.
        """
        whole = True
        for record in self._redemptions_of(person):
            left = [each.remove() for each in _TEXT_ATTRIBUTES if each.attr_name in record]
            if left or record["member_name"] != ERASED_NAME:
                item = RedemptionItem(record["key"], record["item"])
                named = RedemptionItem.member_name.set(ERASED_NAME)
                same = RedemptionItem.state == record["state"]
                whole &= self._database.update(item, [named, *left], same)
        return whole

    def _redemptions_of(self, person: Person) -> Iterator[Record]:
        index = RedemptionItem.by_member
        return self._database.raw_items(RedemptionItem, person.owner, index=index)
