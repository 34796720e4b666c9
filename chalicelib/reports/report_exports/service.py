"""Reports as CSV files: asked for, made aside, and fetched by a link that is good for minutes.

One way for all of them, whether a table has ten rows or 100,000: what the gateway lets through in
one answer would not do for the large ones.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from chalicelib.audit.model import EntryFilter, encode_fields
from chalicelib.audit.service import AuditService, check_times
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import MAX_LIMIT, Page
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.programs.model import MemberStatus, local_time
from chalicelib.programs.service import ProgramService
from chalicelib.reports.model import (
    TO_PERFORM,
    TO_POST,
    CounterName,
    Tally,
    failure_words,
    stage_of,
)
from chalicelib.reports.report_exports.csv_text import Cell, write_csv
from chalicelib.reports.report_exports.store import (
    RETENTION,
    Export,
    ExportStatus,
    ReportExportFiles,
    ReportExportStore,
    Table,
)
from chalicelib.reports.service import Performer, Report, ReportService, checked_span

MAX_BYTES_IN_MEMORY = 1 << 20
MAX_EXPORTS_IN_PROGRESS = 10
"""Files of one program that are being made at once (product rule)."""
GIVEN_UP_AFTER = timedelta(hours=3)
"""After so long a file is not made any more: its message was delivered as often as it is."""
_THING_FIELDS = {
    Table.ACTIVITY: "activity_id",
    Table.PERFORMANCES: "activity_id",
    Table.CAMPAIGN: "campaign_id",
}
DAY_COLUMNS = (
    "day",
    "seen",
    "sent",
    "in_inbox",
    "posted",
    "unconfirmed",
    "failed",
    "dismissed",
    "disclosure_acknowledged",
    "posts_with_views",
    "views",
    "likes",
    "comments",
    "points_of_posts_with_views",
)
_TIME_CLASSES = ("5_minutes", "15_minutes", "1_hour", "4_hours", "1_day", "3_days", "longer")
"""Names of the upper bounds of `TIME_BUCKETS`."""
TIME_COLUMNS = {
    of: tuple(f"{name}_{each}" for each in _TIME_CLASSES)
    for of, name in ((TO_PERFORM, "seen_to_sent"), (TO_POST, "in_inbox_to_posted"))
}
"""Columns of how long something took: how often by class, so that days can be added up."""
PERFORMANCE_COLUMNS = (
    "member", "email", "status", "sent_at", "in_inbox_at", "posted_at", "reason", "sends",
    "disclosure_acknowledged", "cut",
)  # fmt: skip
CUT_COLUMNS = ("sent", "in_inbox", "posted", "failed")
"""Columns of each cut of an activity that has several, as `cut_1_sent`."""
CHANNEL_COLUMNS = ("channel", "kind", "members", "seen", "sent", "in_inbox", "posted")
MEMBER_COLUMNS = (
    "member", "email", "role", "status", "tiktok",
    "seen", "sent", "in_inbox", "posted", "failed", "last_sent_at",
)  # fmt: skip
AUDIT_COLUMNS = (
    "at", "name", "actor", "role", "address",
    "kind", "thing", "thing_id", "before", "after", "correlation_id",
)  # fmt: skip

type Rows = Iterator[Sequence[Cell]]


class ReportExportService:
    """Takes requests for exports, and hands their links out."""

    def __init__(
        self,
        store: ReportExportStore,
        files: ReportExportFiles,
        reports: ReportService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._files = files
        self._reports = reports
        self._clock = clock

    def request_export(
        self,
        caller: Caller,
        table: Table,
        *,
        thing_id: str | None = None,
        first: date | None = None,
        last: date | None = None,
        trail: EntryFilter = EntryFilter(),  # noqa: B008  frozen
        made_id: str | None = None,
    ) -> Export:
        """Ask for a report as a file. Raises problems: `invalid_request`, `limit_reached`.

        That there is such an activity or campaign shows when the file is made.
        """
        named = _THING_FIELDS.get(table)
        if named and not thing_id:
            raise invalid_field(named, "missing", f"Say which one: {named}.")
        if table is Table.AUDIT:
            check_times(trail)
        if first or last:
            _, today = self._reports.zone_and_today(caller.program_id)
            checked_span(first, last, today, fields_end="_day")
        now = self._clock.now()
        export_id = f"exp_{made_id}" if made_id else new_id("exp", now)
        export = Export(
            caller.program_id,
            export_id,
            caller.member_id,
            table,
            now,
            thing_id if named else None,
            first,
            last,
            trail=trail if table is Table.AUDIT else EntryFilter(),
        )
        self._check_room(export)
        self._store.add(export)
        return export

    def _check_room(self, export: Export) -> None:
        """Raise `limit_reached` while the program's last `MAX_EXPORTS_IN_PROGRESS` are being made.

        So nobody's thousand files keep others from theirs. Exports left for hours are given up.
        """
        newest = self._store.newest(export.program_id, MAX_EXPORTS_IN_PROGRESS)
        making = [
            each.export_id
            for each in newest
            if each.status is ExportStatus.MAKING
            and export.asked_at - each.asked_at < GIVEN_UP_AFTER
        ]
        if len(making) >= MAX_EXPORTS_IN_PROGRESS and export.export_id not in making:
            raise Problem(
                ProblemCode.LIMIT_REACHED,
                f"{MAX_EXPORTS_IN_PROGRESS} files of your program are being made. "
                "Wait until one is ready.",
                members={"quota": "exports", "limit": MAX_EXPORTS_IN_PROGRESS, "used": len(making)},
            )

    def export(self, caller: Caller, export_id: str) -> Export:
        """Read an export. Raises the problem `not_found`."""
        found = self._store.get(caller.program_id, export_id)
        if found is None or found.asked_at + RETENTION <= self._clock.now():
            raise not_found("export")
        return found

    def link(self, export: Export) -> str | None:
        """Return where the file is fetched, once it is there."""
        return self._files.link(export) if export.status is ExportStatus.READY else None


class ReportExportMaker:
    """Makes the files. Made twice, a file is written twice, the same or newer."""

    def __init__(
        self,
        store: ReportExportStore,
        files: ReportExportFiles,
        reports: ReportService,
        programs: ProgramService,
        audit: AuditService,
    ) -> None:
        self._store = store
        self._files = files
        self._reports = reports
        self._programs = programs
        self._audit = audit

    def make(self, program_id: str, export_id: str) -> None:
        """Make the file of an export that was asked for and is not there yet."""
        export = self._store.get(program_id, export_id)
        if export is None or export.status is not ExportStatus.MAKING:
            return
        member = self._programs.member(program_id, export.member_id)
        if (
            member is None
            or member.status is not MemberStatus.ACTIVE
            or (member.role is not Role.MANAGER)
        ):
            self._store.finish(
                export, None, "The person who asked for this is no longer a manager."
            )
            return
        try:
            header, rows = self._table(self._programs.as_caller(member), export)
            with tempfile.SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY) as file:
                text = io.TextIOWrapper(file, encoding="utf-8", newline="")
                number = write_csv(text, header, rows)
                text.flush()
                file.seek(0)
                self._files.keep(export, file)
                text.detach()
        except Problem as problem:
            self._store.finish(export, None, problem.detail)
            return
        self._store.finish(export, number)
        logger.info("exported", extra={"table": export.table.value, "rows": number})

    def _table(self, caller: Caller, export: Export) -> tuple[Sequence[str], Rows]:
        first, last, thing_id = export.first, export.last, export.thing_id or ""
        zone, _ = self._reports.zone_and_today(caller.program_id)
        match export.table:
            case Table.OVERVIEW:
                return _day_table(self._reports.overview(caller, first, last).report)
            case Table.ACTIVITY:
                found = self._reports.activity(caller, thing_id, first, last)
                further = found.activity.further_cuts
                return _day_table(found.report, found.activity.upload_ids if further else ())
            case Table.CAMPAIGN:
                return _day_table(self._reports.campaign(caller, thing_id, first, last)[1])
            case Table.PERFORMANCES:
                page = self._reports.performances(caller, thing_id, MAX_LIMIT, None)
                numbers = self._reports.cut_numbers(caller, thing_id)
                return PERFORMANCE_COLUMNS, self._performance_rows(
                    caller, thing_id, page, zone, numbers
                )
            case Table.CHANNELS:
                return CHANNEL_COLUMNS, self._channel_rows(caller, first, last)
            case Table.MEMBERS:
                return MEMBER_COLUMNS, self._member_rows(caller, first, last, zone)
            case Table.AUDIT:
                return AUDIT_COLUMNS, self._audit_rows(caller, export.trail, zone)

    def _performance_rows(
        self,
        caller: Caller,
        activity_id: str,
        page: Page[Performer],
        zone: str,
        cuts: Mapping[str, int],
    ) -> Rows:
        while True:
            for each in page.items:
                progress, lost = each.progress, each.progress.lost
                yield (
                    each.member.name if each.member else each.member_id,
                    each.member.email if each.member else "",
                    stage_of(progress).value,
                    _local_time(progress.first_sent_at, zone),
                    _local_time(progress.staged_at, zone),
                    _local_time(progress.posted_at, zone),
                    failure_words(lost.failure or "") if lost else "",
                    len(progress.attempts),
                    "yes" if progress.disclosed else "no",
                    cuts.get(progress.cut or "", ""),
                )
            if page.next_cursor is None:
                return
            page = self._reports.performances(caller, activity_id, MAX_LIMIT, page.next_cursor)

    def _audit_rows(self, caller: Caller, wanted: EntryFilter, zone: str) -> Rows:
        for each in self._audit.export_entries(caller, wanted):
            entry, names = each.entry, each.names
            yield (
                _local_time(entry.at, zone),
                names.get(entry.member_id or "", ""),
                entry.actor,
                entry.role,
                entry.address,
                entry.kind,
                names.get(entry.thing) or entry.title,
                entry.thing,
                encode_fields(entry.before),
                encode_fields(entry.after),
                entry.correlation_id,
            )

    def _channel_rows(self, caller: Caller, first: date | None, last: date | None) -> Rows:
        def read(cursor: str | None) -> Page[Sequence[Cell]]:
            _, page = self._reports.channels(caller, MAX_LIMIT, cursor, first, last)
            rows = tuple(
                (each.channel.name, each.channel.kind.value, each.members, *_funnel(each.tally))
                for each in page.items
            )
            return Page(rows, page.next_cursor)

        return _rows_of_all_pages(read)

    def _member_rows(
        self, caller: Caller, first: date | None, last: date | None, zone: str
    ) -> Rows:
        def read(cursor: str | None) -> Page[Sequence[Cell]]:
            _, page = self._reports.members(caller, MAX_LIMIT, cursor, first, last)
            rows = tuple(
                (
                    each.member.name,
                    each.member.email,
                    each.member.role.value,
                    each.member.status.value,
                    each.member.tiktok.value if each.member.tiktok else "",
                    each.tally.seen,
                    each.tally.sent,
                    each.tally.staged,
                    each.tally.posted,
                    each.tally.failed,
                    _local_time(each.tally.last_sent_at, zone),
                )
                for each in page.items
            )
            return Page(rows, page.next_cursor)

        return _rows_of_all_pages(read)


def _rows_of_all_pages(read: Callable[[str | None], Page[Sequence[Cell]]]) -> Rows:
    cursor: str | None = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _day_table(report: Report, cuts: Sequence[str] = ()) -> tuple[Sequence[str], Rows]:
    """Return a report's days with all that its screen shows of them.

    Failures have a column for each reason that the period has, and one for each class of a time.
    """
    reasons = sorted(code for code, _ in report.tally.lost)
    header = (
        *DAY_COLUMNS,
        *(f"failed_{code}" for code in reasons),
        *(column for columns in TIME_COLUMNS.values() for column in columns),
        *(f"cut_{at}_{name}" for at, _ in enumerate(cuts, 1) for name in CUT_COLUMNS),
    )
    return header, (_day_row(each.day, each.tally, reasons, cuts) for each in report.days)


def _day_row(
    day: date, tally: Tally, reasons: Sequence[str], cuts: Sequence[str]
) -> Sequence[Cell]:
    lost = dict(tally.lost)
    of_cuts = (tally.of_cut(cut) for cut in cuts)
    return (
        day,
        *_funnel(tally),
        tally.number(CounterName.UNCONFIRMED),
        sum(lost.values()),
        tally.number(CounterName.DISMISSED),
        tally.number(CounterName.DISCLOSED),
        tally.number(CounterName.COUNTED),
        tally.number(CounterName.VIEWS),
        tally.number(CounterName.LIKES),
        tally.number(CounterName.COMMENTS),
        tally.number(CounterName.COUNTED_POINTS),
        *(lost.get(code, 0) for code in reasons),
        *(number for of in TIME_COLUMNS for number in tally.times(of).classes),
        *(number for cut in of_cuts for number in (cut.sent, cut.staged, cut.posted, cut.failed)),
    )


def _funnel(tally: Tally) -> tuple[int, ...]:
    names = (CounterName.SEEN, CounterName.SENT, CounterName.STAGED, CounterName.POSTED)
    return tuple(tally.number(each) for each in names)


def _local_time(instant: datetime | None, zone: str) -> str:
    return local_time(instant, zone).isoformat() if instant else ""
