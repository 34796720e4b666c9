"""Exports over HTTP: asked for, then looked at until there is a link."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation.fields import Day
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.reports.report_exports.service import ReportExportService
from chalicelib.reports.report_exports.store import Export, ExportStatus, Table

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


_PERIOD_FIELDS = ("from_day", "to_day")
_FIELDS_BY_REPORT: Mapping[Table, tuple[str, ...]] = {
    Table.OVERVIEW: _PERIOD_FIELDS,
    Table.ACTIVITY: ("activity_id", *_PERIOD_FIELDS),
    Table.PERFORMANCES: ("activity_id",),
    Table.CAMPAIGN: ("campaign_id", *_PERIOD_FIELDS),
    Table.CHANNELS: _PERIOD_FIELDS,
    Table.MEMBERS: _PERIOD_FIELDS,
    Table.AUDIT: ("actor", "thing", "kind", "since", "until"),
}
"""The fields that narrow each report."""


class NewExport(Schema):
    """Which report, and what it is narrowed by: what does not narrow that report is refused."""

    model_config = ConfigDict(extra="forbid")

    report: Table
    activity_id: Id | None = None
    campaign_id: Id | None = None
    from_day: Day | None = None
    to_day: Day | None = None
    actor: Annotated[Id | None, Field(description="Of the audit trail, as in GET /audit")] = None
    thing: Annotated[Id | None, Field(description="Likewise")] = None
    kind: Annotated[Kind | None, Field(description="Likewise")] = None
    since: Annotated[AwareDatetime | None, Field(description="Likewise")] = None
    until: Annotated[AwareDatetime | None, Field(description="Likewise")] = None


class ExportView(Schema):
    """A report as a file. `url` is there once it is ready, and good for ten minutes."""

    export_id: str
    report: Table
    status: ExportStatus
    rows: int | None
    reason: Annotated[str | None, Field(description="Why no file could be made, in words")]
    url: str | None
    asked_at: datetime


def _check_narrowing(body: NewExport) -> None:
    """Refuse what a report is not narrowed by, or a file would hold more than was asked for."""
    given = set(body.model_dump(exclude_none=True)) - {"report"}
    errors = tuple(
        FieldError(name, "extra_forbidden", f"The report {body.report} is not narrowed by this.")
        for name in sorted(given - set(_FIELDS_BY_REPORT[body.report]))
    )
    if errors:
        raise Problem(
            ProblemCode.INVALID_REQUEST, f"{errors[0].field}: {errors[0].message}", errors
        )


@endpoint(
    RequiredRole.MANAGER,
    body=NewExport,
    answers={202: ExportView},
    problems=(ProblemCode.LIMIT_REACHED,),
    idempotent=True,
)
def ask(service: ReportExportService, request: Request[NewExport, None]) -> Answer:
    """Request a CSV export of a report."""
    body = request.body
    _check_narrowing(body)
    export = service.request_export(
        request.caller,
        body.report,
        thing_id=body.campaign_id if body.report is Table.CAMPAIGN else body.activity_id,
        first=body.from_day,
        last=body.to_day,
        trail=EntryFilter(body.actor, body.thing, body.kind, body.since, body.until),
        made_id=request.made_id,
    )
    return Answer(202, _view(service, export))


@endpoint(RequiredRole.MANAGER, answers={200: ExportView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: ReportExportService, request: Request[None, None]) -> Answer:
    """Read an export, with its download link once ready."""
    return Answer(200, _view(service, service.export(request.caller, request.path["export_id"])))


def _view(service: ReportExportService, export: Export) -> ExportView:
    return ExportView(
        export_id=export.export_id,
        report=export.table,
        status=export.status,
        rows=export.rows,
        reason=export.reason,
        url=service.link(export),
        asked_at=export.asked_at,
    )
