"""Personal data in the marks table: the ids of activities a member performed or dismissed."""

from collections.abc import Iterator

from chalicelib.activities.store import MarkItem
from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database


class MarkPersonalData:
    def __init__(self, database: Database) -> None:
        database.register_models(MarkItem)
        self._database = database

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        """Yield the marks; for others those of performances alone, as if there were no others."""
        marks: Iterator[Record] = self._database.raw_items(MarkItem, person.owner)
        if person.for_others:
            performed = (each for each in marks if MarkItem.performance_id.attr_name in each)
            yield from part("activities", performed, MarkItem.dismissed_at.attr_name)
        else:
            yield from part("activities", marks)

    def erase(self, person: Person) -> bool:  # noqa: ARG002  ids alone: they stay with the pseudonym
        return True
