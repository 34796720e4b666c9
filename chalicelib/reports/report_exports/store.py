"""Exports: what was asked for, in the reports table, and the files, in a bucket of their own."""

from dataclasses import asdict, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any

from pynamodb.attributes import (
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist

from chalicelib.audit.model import EntryFilter, Kind, act, to_json
from chalicelib.foundation.table import StampedModel, Store
from chalicelib.foundation.values import dataclass
from chalicelib.reports.events import EXPORT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RETENTION = timedelta(days=1)
"""How long an export is there for its manager."""

NOTE_RETENTION = timedelta(days=3)
"""How long its note stays: longer than its file, which S3 removes at the first midnight that is a
day after it. So an erasure finds every file that names people."""

LINK_LIFETIME = timedelta(minutes=10)


class Table(StrEnum):
    """The reports that can be exported."""

    OVERVIEW = "overview"
    ACTIVITY = "activity"
    PERFORMANCES = "performances"
    CAMPAIGN = "campaign"
    CHANNELS = "channels"
    MEMBERS = "members"
    AUDIT = "audit"


class ExportStatus(StrEnum):
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Export:
    """A report asked for as a file, by a manager; `thing_id` is its activity or campaign.

    `trail` is which entries of the audit trail are wanted, of an export of it.
    """

    program_id: str
    export_id: str
    member_id: str
    table: Table
    asked_at: datetime
    thing_id: str | None = None
    first: date | None = None
    last: date | None = None
    status: ExportStatus = ExportStatus.MAKING
    rows: int | None = None
    reason: str | None = None
    trail: EntryFilter = field(default_factory=EntryFilter)

    @property
    def key(self) -> str:
        return f"exports/{self.program_id}/{self.export_id}.csv"

    @property
    def file_name(self) -> str:
        return f"greenroom-{self.table.value}-{self.asked_at:%Y-%m-%d}.csv"


class ExportItem(StampedModel):
    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    member_id = UnicodeAttribute()
    report = UnicodeAttribute()
    asked_at = UTCDateTimeAttribute()
    thing_id = UnicodeAttribute(null=True)
    first = UnicodeAttribute(null=True)
    last = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    trail = JSONAttribute(null=True)
    rows = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


class ReportExportStore(Store):
    MODELS = (ExportItem,)

    def add(self, export: Export) -> None:
        """Keep what was asked for; asked again under the same id, it stays as it is."""
        item = ExportItem(
            *_key(export.program_id, export.export_id),
            member_id=export.member_id,
            report=export.table.value,
            asked_at=export.asked_at,
            thing_id=export.thing_id,
            first=export.first.isoformat() if export.first else None,
            last=export.last.isoformat() if export.last else None,
            trail=_filter_to_dict(export.trail) or None,
            status=export.status.value,
            expires_at=int((export.asked_at + NOTE_RETENTION).timestamp()),
        )
        asked = act(
            Kind.EXPORT_ASKED,
            export.program_id,
            export.export_id,
            after={
                "report": export.table,
                "of": export.thing_id,
                "from": export.first,
                "to": export.last,
                **_filter_to_dict(export.trail),
            },
        )
        self._database.put(item, ExportItem.item.does_not_exist(), asked)

    def get(self, program_id: str, export_id: str) -> Export | None:
        try:
            item = self._database.get(
                ExportItem, *_key(program_id, export_id), consistent_read=True
            )
        except DoesNotExist:
            return None
        return _export_of(program_id, item)

    def newest(self, program_id: str, count: int) -> list[Export]:
        """List the exports that were asked for last, never behind: one query."""
        scope, beginning = _key(program_id, "")
        found = self._database.query(
            ExportItem,
            scope,
            ExportItem.item.startswith(beginning),
            consistent_read=True,
            scan_index_forward=False,
            limit=count,
            page_size=count,
        )
        return [_export_of(program_id, item) for item in found]

    def finish(self, export: Export, rows: int | None, reason: str | None = None) -> Export:
        """Note that a file is there, or for which reason it will not be."""
        status = ExportStatus.FAILED if reason else ExportStatus.READY
        actions: list[Any] = [ExportItem.status.set(status.value)]
        if rows is not None:
            actions.append(ExportItem.rows.set(rows))
        if reason:
            actions.append(ExportItem.reason.set(reason))
        item = ExportItem(*_key(export.program_id, export.export_id))
        self._database.update(item, actions, ExportItem.item.exists())
        return replace(export, status=status, rows=rows, reason=reason)


def _export_of(program_id: str, item: ExportItem) -> Export:
    return Export(
        program_id,
        item.item.removeprefix(EXPORT),
        item.member_id,
        Table(item.report),
        item.asked_at,
        item.thing_id,
        date.fromisoformat(item.first) if item.first else None,
        date.fromisoformat(item.last) if item.last else None,
        ExportStatus(item.status),
        int(item.rows) if item.rows is not None else None,
        item.reason,
        _filter_from_dict(item.trail or {}),
    )


def _filter_to_dict(trail: EntryFilter) -> dict[str, object]:
    found = to_json(asdict(trail))
    return {name: value for name, value in found.items() if value is not None}


def _filter_from_dict(kept: dict[str, Any]) -> EntryFilter:
    def time(name: str) -> datetime | None:
        return datetime.fromisoformat(kept[name]) if name in kept else None

    kind = Kind(kept["kind"]) if "kind" in kept else None
    return EntryFilter(kept.get("actor"), kept.get("thing"), kind, time("since"), time("until"))


def _key(program_id: str, export_id: str) -> tuple[str, str]:
    return f"{program_id}/exports", f"{EXPORT}{export_id}"


class ReportExportFiles:
    """The bucket of exports, whose files go by themselves after a day."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keep(self, export: Export, content: IO[bytes]) -> None:
        self._s3.put_object(
            Bucket=self._bucket,
            Key=export.key,
            Body=content,
            ContentType="text/csv; charset=utf-8",
            ContentDisposition=f'attachment; filename="{export.file_name}"',
        )

    def remove(self, export: Export) -> None:
        """Remove an export's file; it may be gone."""
        self._s3.delete_object(Bucket=self._bucket, Key=export.key)

    def link(self, export: Export) -> str:
        """Presign a GET of an export's file for a few minutes: without a call."""
        return self._s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": export.key},
            ExpiresIn=int(LINK_LIFETIME.total_seconds()),
        )
