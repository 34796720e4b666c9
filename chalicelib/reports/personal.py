"""Personal data in the reports table: counted facts, worklist entries, exports."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.personal import ERASED_NAME, Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.reports.counting import PersonCounter
from chalicelib.reports.model import WorklistKind
from chalicelib.reports.report_exports.store import (
    ExportItem,
    ExportStatus,
    ReportExportFiles,
    ReportExportStore,
    Table,
)
from chalicelib.reports.store import DISMISSALS, CounterItem, ReportStore
from chalicelib.reports.worklist.service import OpenRedemptions

_TABLES_NAMING_PEOPLE = frozenset({Table.PERFORMANCES, Table.MEMBERS, Table.AUDIT})
_ERASED_REASON = "Somebody in it was erased. Have it made again."


class ReportPersonalData:
    """Records of a member that are kept under their id."""

    def __init__(
        self,
        database: Database,
        store: ReportStore,
        people: PersonCounter,
        redemptions: OpenRedemptions,
        clock: Clock,
    ) -> None:
        database.register_models(CounterItem, ExportItem)
        self._database = database
        self._store = store
        self._people = people
        self._redemptions = redemptions
        self._clock = clock

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        program_id, member_id = person.program_id, person.member_id
        progress = self._progress(person)
        if person.for_others:
            progress = _without_dismissals(progress)
        yield from part("reports", progress)
        for scope, beginning in (
            (f"{program_id}#days", member_id),
            (f"{program_id}#people", f"member#{member_id}"),
            (f"{program_id}/{member_id}#seen", ""),
        ):
            records = self._database.raw_items(CounterItem, scope, beginning)
            yield from part("reports", records)
        yield from part("worklist", self._worklist(person))
        asked = self._database.raw_items(ExportItem, f"{program_id}/exports")
        yield from part("exports", (each for each in asked if each.get("member_id") == member_id))

    def erase(self, person: Person) -> bool:
        """Have the worklist and the counts of people forget who the member was.

        Undecided redemptions stay there, under the name that they have by now. Views
        go by the event of their removal from the performance, which may be late or lost, too.
        """
        program_id, now = person.program_id, self._clock.now()
        self._people.count(program_id, person.member_id)
        for record in self._worklist(person):
            if _is_redemption(record):
                self._redemptions.refresh(program_id, record["item"].partition("#")[2], now)
            else:
                self._store.remove_worklist_row(program_id, record["item"])
        self._people.forget_views(program_id, person.member_id)
        return all(
            _is_redemption(each) and str(each["title"]).endswith(f", {ERASED_NAME}")
            for each in self._worklist(person)
        )

    def _progress(self, person: Person) -> Iterator[Record]:
        scope = f"{person.program_id}#progress"
        return self._database.raw_items(CounterItem, scope, f"{person.member_id}#")

    def _worklist(self, person: Person) -> Iterator[Record]:
        """Yield the items of the worklist that are about a member, or what they redeemed."""
        own = self._redemptions.ids_of(person.owner) | {person.member_id}
        for record in self._database.raw_items(CounterItem, f"{person.program_id}#worklist"):
            if str(record["item"]).partition("#")[2] in own:
                yield record


def _without_dismissals(progress: Iterator[Record]) -> Iterator[Record]:
    """Yield progress as if nothing had been dismissed; its version would tell of writes."""
    for record in progress:
        facts = {name: each for name, each in _facts(record).items() if name not in DISMISSALS}
        if facts:
            known = {name: each for name, each in record.items() if name != "version"}
            yield {**known, "facts": json.dumps(facts)}


def _facts(record: Record) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(record["facts"])
    return found


def _is_redemption(record: Record) -> bool:
    return str(record["item"]).startswith(WorklistKind.REDEMPTION.prefix)


class ReportFilePersonalData:
    """Files of reports that name people: they go within a day, and with an erasure at once."""

    def __init__(
        self, database: Database, store: ReportExportStore, files: ReportExportFiles
    ) -> None:
        self._database = database
        self._store = store
        self._files = files

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:  # noqa: ARG002  copies
        yield from ()

    def erase(self, person: Person) -> bool:
        """Remove the program's files that list people; managers may have them made again."""
        scope = f"{person.program_id}/exports"
        for record in self._database.raw_items(ExportItem, scope):
            if Table(record["report"]) not in _TABLES_NAMING_PEOPLE:
                continue
            export = self._store.get(person.program_id, str(record["item"]).partition("#")[2])
            if export is None:
                continue
            self._files.remove(export)  # one that failed may have left its file, too
            if export.status is ExportStatus.READY:
                self._store.finish(export, None, _ERASED_REASON)
        return True
