"""Personal data in the privacy table: requests for exports and erasures."""

from collections.abc import Iterator

from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.privacy.store import ExportItem


class RequestPersonalData:
    def __init__(self, database: Database) -> None:
        database.register_models(ExportItem)
        self._database = database

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        yield from part("privacy", self._database.raw_items(ExportItem, person.owner))

    def erase(self, person: Person) -> bool:  # noqa: ARG002  the eraser itself removes exports
        return True
