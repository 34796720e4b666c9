"""The privacy table: requests for exports and erasures; and the files of exports."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.personal import Person
from chalicelib.foundation.sweeps import take_turns
from chalicelib.foundation.table import (
    Delete,
    Model,
    Part,
    Put,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.privacy.model import (
    EXPORT_RETENTION,
    ROUND_RESERVATION,
    Erasure,
    ErasureOutcome,
    ExportStatus,
    PersonalExport,
    file_key,
    next_wait,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ERASURES_KEY = "erasures"
_EXPORTS_KEY = "exports"
_EXPORT_KEY = "export"
_FOR_OTHERS_SUFFIX = "#others"
"""Ends the keys of what managers asked for; the member's own have nothing there."""
_ERASURE_PREFIX = "erasure#"


class ErasureItem(Model):
    """An erasure under way, and who the person was. All of them lie under one key."""

    class Meta:
        table_name = "privacy"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    subject = UnicodeAttribute(null=True)
    asked_by = UnicodeAttribute()
    asked_at = UTCDateTimeAttribute()
    next_at = UTCDateTimeAttribute()
    rounds = NumberAttribute(default=0)


class OutcomeItem(StampedModel):
    """The record that a member, named by their pseudonym, was erased; it stays."""

    class Meta:
        table_name = "privacy"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    asked_by = UnicodeAttribute()
    asked_at = UTCDateTimeAttribute()
    erased_at = UTCDateTimeAttribute(null=True)


class ExportItem(StampedModel):
    class Meta:
        table_name = "privacy"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    export_id = UnicodeAttribute()
    asked_by = UnicodeAttribute()
    asked_at = UTCDateTimeAttribute()
    status = UnicodeAttribute()
    ready_at = UTCDateTimeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    expires_at = NumberAttribute()


class WaitingExportItem(Model):
    """An export that is not made yet, for the clock, which finds what a lost message left."""

    class Meta:
        table_name = "privacy"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    export_id = UnicodeAttribute()
    queue_at = UTCDateTimeAttribute()


@dataclass(frozen=True)
class WaitingExport:
    """An export that is to be queued; `item` is its key among those that wait."""

    program_id: str
    member_id: str
    export_id: str
    item: str


class AlreadyBegun(Exception):
    """The member is being erased, or was."""


class PrivacyStore(Store):
    MODELS = (ErasureItem, OutcomeItem, ExportItem, WaitingExportItem)

    # --- erasures -----------------------------------------------------------------------------

    def begin_parts(self, erasure: Erasure) -> list[Part]:
        """Return the parts that begin an erasure; one raises `AlreadyBegun`."""
        person = erasure.person
        outcome = OutcomeItem(
            person.program_id,
            _ERASURE_PREFIX + person.member_id,
            asked_by=erasure.asked_by,
            asked_at=erasure.asked_at,
        )
        job = ErasureItem(
            _ERASURES_KEY,
            person.owner,
            program_id=person.program_id,
            member_id=person.member_id,
            email=person.email,
            name=person.name,
            subject=person.subject,
            asked_by=erasure.asked_by,
            asked_at=erasure.asked_at,
            next_at=erasure.next_at,
        )
        return [Put(outcome, OutcomeItem.item.does_not_exist(), AlreadyBegun), Put(job)]

    def outcome(self, program_id: str, member_id: str) -> ErasureOutcome | None:
        try:
            item = self._database.get(
                OutcomeItem, program_id, _ERASURE_PREFIX + member_id, consistent_read=True
            )
        except DoesNotExist:
            return None
        return ErasureOutcome(member_id, item.asked_by, item.asked_at, item.erased_at)

    def erasures(self, now: datetime) -> Iterator[Erasure]:
        """Yield the erasures under way, one of each program in turn: one query."""
        found = self._database.query(ErasureItem, _ERASURES_KEY, consistent_read=True)
        return take_turns(map(_erasure_of, found), lambda each: each.person.program_id, now)

    def take_round(self, erasure: Erasure, now: datetime) -> Erasure | None:
        """Reserve an erasure for a round; None if another run has it."""
        item = ErasureItem(_ERASURES_KEY, erasure.person.owner)
        until = now + max(ROUND_RESERVATION, next_wait(erasure.rounds))
        actions = [ErasureItem.next_at.set(until), ErasureItem.rounds.set(erasure.rounds + 1)]
        if not self._database.update(item, actions, ErasureItem.next_at == erasure.next_at):
            return None
        return replace(erasure, next_at=until, rounds=erasure.rounds + 1)

    def schedule_next_round(self, erasure: Erasure, until: datetime) -> bool:
        """Store when the next round is; False if another run has taken the erasure."""
        item = ErasureItem(_ERASURES_KEY, erasure.person.owner)
        actions = [ErasureItem.next_at.set(until)]
        return self._database.update(item, actions, ErasureItem.next_at == erasure.next_at)

    def end(self, erasure: Erasure, now: datetime) -> None:
        """End an erasure: who the person was is forgotten here too."""
        person = erasure.person
        outcome = OutcomeItem(person.program_id, _ERASURE_PREFIX + person.member_id)
        self._database.commit(
            [
                Delete(ErasureItem(_ERASURES_KEY, person.owner)),
                Update(outcome, [OutcomeItem.erased_at.set(now)], OutcomeItem.item.exists()),
                act(Kind.MEMBER_ERASURE_ENDED, person.program_id, person.member_id),
            ]
        )

    # --- exports ------------------------------------------------------------------------------

    def add_export(self, export: PersonalExport) -> None:
        """Keep what was asked for, in the place of the member's export before."""
        owner = f"{export.program_id}/{export.member_id}"
        item = ExportItem(
            owner,
            _export_key(for_others=export.for_others),
            export_id=export.export_id,
            asked_by=export.asked_by,
            asked_at=export.asked_at,
            status=export.status.value,
            expires_at=int((export.asked_at + EXPORT_RETENTION).timestamp()),
        )
        waiting = WaitingExportItem(
            _EXPORTS_KEY,
            _waiting_key(export),
            program_id=export.program_id,
            member_id=export.member_id,
            export_id=export.export_id,
            queue_at=export.asked_at,
        )
        asked = act(Kind.MEMBER_DATA_ASKED, export.program_id, export.member_id)
        self._database.commit([Put(item), Put(waiting), asked])

    def export(self, program_id: str, member_id: str, *, for_others: bool) -> PersonalExport | None:
        """Read the latest export of a member: their own, or the one that managers asked for."""
        owner, kind = f"{program_id}/{member_id}", _export_key(for_others=for_others)
        try:
            item = self._database.get(ExportItem, owner, kind, consistent_read=True)
        except DoesNotExist:
            return None
        return PersonalExport(
            program_id,
            member_id,
            item.export_id,
            item.asked_by,
            item.asked_at,
            ExportStatus(item.status),
            item.ready_at,
            int(item.size_bytes) if item.size_bytes is not None else None,
        )

    def finish_export(self, export: PersonalExport, size_bytes: int | None, now: datetime) -> bool:
        """Note that the file is there, or without a size that it will not be.

        False if the request is gone, or another one took its place.
        """
        owner = f"{export.program_id}/{export.member_id}"
        item = ExportItem(owner, _export_key(for_others=export.for_others))
        status = ExportStatus.READY if size_bytes is not None else ExportStatus.FAILED
        actions = [ExportItem.status.set(status.value)]
        if size_bytes is not None:
            actions += [ExportItem.size_bytes.set(size_bytes), ExportItem.ready_at.set(now)]
        kept = self._database.update(item, actions, ExportItem.export_id == export.export_id)
        waiting = WaitingExportItem(_EXPORTS_KEY, _waiting_key(export))
        self._database.delete(waiting, WaitingExportItem.export_id == export.export_id)
        return kept

    def forget_export(self, program_id: str, member_id: str) -> None:
        """Forget that exports of a member were asked for, by whomever."""
        owner = f"{program_id}/{member_id}"
        asked = [ExportItem(owner, f"{_EXPORT_KEY}{each}") for each in ("", _FOR_OTHERS_SUFFIX)]
        waiting = [
            WaitingExportItem(_EXPORTS_KEY, f"{owner}{each}") for each in ("", _FOR_OTHERS_SUFFIX)
        ]
        self._database.commit([Delete(each) for each in (*asked, *waiting)])

    def exports_to_queue(self, now: datetime) -> Iterator[WaitingExport]:
        """Yield what is not made, and not queued lately either.

        One of each program in turn.
        """
        found = self._database.query(WaitingExportItem, _EXPORTS_KEY, consistent_read=True)
        due = (
            WaitingExport(each.program_id, each.member_id, each.export_id, each.item)
            for each in found
            if each.queue_at <= now
        )
        return take_turns(due, lambda each: each.program_id, now)

    def note_queued(self, export: WaitingExport, until: datetime) -> bool:
        """Note that an export is queued until an instant; False if it is made, or another one."""
        item = WaitingExportItem(_EXPORTS_KEY, export.item)
        actions = [WaitingExportItem.queue_at.set(until)]
        same = WaitingExportItem.export_id == export.export_id
        return self._database.update(item, actions, same)


def _export_key(*, for_others: bool) -> str:
    return f"{_EXPORT_KEY}{_FOR_OTHERS_SUFFIX}" if for_others else _EXPORT_KEY


def _waiting_key(export: PersonalExport) -> str:
    owner = f"{export.program_id}/{export.member_id}"
    return f"{owner}{_FOR_OTHERS_SUFFIX}" if export.for_others else owner


def _erasure_of(item: ErasureItem) -> Erasure:
    person = Person(item.program_id, item.member_id, item.email, item.name, item.subject)
    return Erasure(person, item.asked_by, item.asked_at, item.next_at, int(item.rounds))


class PersonalFiles:
    """The files of exports, in the bucket whose files go by themselves after a day."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keep(self, export: PersonalExport, content: IO[bytes]) -> None:
        self._s3.put_object(
            Bucket=self._bucket,
            Key=_key(export),
            Body=content,
            ContentType="application/zip",
            ContentDisposition=f'attachment; filename="greenroom-{export.asked_at:%Y-%m-%d}.zip"',
        )

    def remove(self, program_id: str, member_id: str, *, for_others: bool) -> None:
        """Remove the file of a member's exports, of either kind; there may be none."""
        key = file_key(program_id, member_id, for_others=for_others)
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def link(self, export: PersonalExport, lasts: timedelta) -> str:
        """Presign a GET of an export's file: without a call."""
        return self._s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": _key(export)},
            ExpiresIn=max(1, int(lasts.total_seconds())),
        )


def _key(export: PersonalExport) -> str:
    return file_key(export.program_id, export.member_id, for_others=export.for_others)
