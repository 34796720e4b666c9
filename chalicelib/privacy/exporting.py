"""Makes the files of exports: JSON in a zip, a file for each part."""

import json
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.personal import Person, PersonalDataStore
from chalicelib.privacy.model import ExportStatus, PersonalExport
from chalicelib.privacy.store import PersonalFiles, PrivacyStore
from chalicelib.programs.service import ProgramService

MAX_BYTES_IN_MEMORY = 1 << 20
_OWN_README = "All that Greenroom keeps of you in this program, as it lies in its tables.\n"
_README_FOR_OTHERS = (
    "What Greenroom keeps of a member of this program, as it lies in its tables, without the\n"
    "activities they dismissed: those are in the copy only that they get by themselves.\n"
)
_README = (
    "Each file is a list of records in JSON; ids lead from one to the other.\n"
    "Instants are in UTC. docs/privacy.md says what each part is and how long it is kept.\n"
)


class PersonalExportMaker:
    """Made twice, a file is written twice, the same or newer."""

    def __init__(
        self,
        store: PrivacyStore,
        files: PersonalFiles,
        programs: ProgramService,
        personal_data: Sequence[PersonalDataStore],
        clock: Clock,
    ) -> None:
        self._store = store
        self._files = files
        self._programs = programs
        self._personal_data = personal_data
        self._clock = clock

    def make(self, program_id: str, member_id: str, export_id: str) -> None:
        """Make the file of an export that was asked for and is not there yet."""
        export = self._requested_export(program_id, member_id, export_id)
        if export is None:
            return
        if export.status is not ExportStatus.MAKING:
            return
        member = self._programs.member(program_id, member_id)
        if member is None or self._store.outcome(program_id, member_id):
            self._store.finish_export(export, None, self._clock.now())
            return
        person = Person(
            program_id,
            member_id,
            member.email,
            member.name,
            member.subject,
            for_others=export.for_others,
        )
        with tempfile.SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                begins = _README_FOR_OTHERS if export.for_others else _OWN_README
                archive.writestr("README.txt", begins + _README)
                for name, records in self.collect_personal_data(person).items():
                    archive.writestr(f"{name}.json", _records_to_json(records))
            size = file.tell()
            file.seek(0)
            self._files.keep(export, file)
        done = self._store.finish_export(export, size, self._clock.now())
        if not done:
            self._forget_if_erased(export)
        logger.info("personal data exported", extra={"size_bytes": size})

    def _requested_export(
        self, program_id: str, member_id: str, export_id: str
    ) -> PersonalExport | None:
        for for_others in (False, True):
            found = self._store.export(program_id, member_id, for_others=for_others)
            if found and found.export_id == export_id:
                return found
        return None

    def _forget_if_erased(self, export: PersonalExport) -> None:
        """Remove a file whose member was erased while it was made."""
        whose, for_others = (export.program_id, export.member_id), export.for_others
        if self._store.export(*whose, for_others=for_others) is None:
            self._files.remove(*whose, for_others=for_others)

    def collect_personal_data(self, person: Person) -> dict[str, list[Any]]:
        """Return what is kept of a person, by the names of the parts."""
        parts: dict[str, list[Any]] = defaultdict(list)
        for store in self._personal_data:
            for name, record in store.personal_data(person):
                parts[name].append(record)
        return dict(sorted(parts.items()))


def _records_to_json(records: Sequence[Any]) -> str:
    return json.dumps(records, indent=1, ensure_ascii=False, sort_keys=True)
