"""One's data over HTTP: to have it, and to have it erased. Managers do both on request."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.privacy.model import ErasureOutcome, ErasureStatus, ExportStatus, PersonalExport
from chalicelib.privacy.problems import PrivacyProblem
from chalicelib.privacy.service import PrivacyService
from chalicelib.programs.problems import ProgramProblem


class PersonalExportView(Schema):
    """A zip of JSON files with all data of a member. `url` expires an hour after `ready_at`."""

    status: ExportStatus
    asked_at: datetime
    ready_at: datetime | None
    size_bytes: int | None
    url: Annotated[str | None, Field(description="None before it is ready and after its hour")]


class ErasureView(Schema):
    """`erased` once nothing is left anywhere, some minutes after it was asked for."""

    member_id: Annotated[str, Field(description="The pseudonym that stays")]
    status: ErasureStatus
    asked_at: datetime
    erased_at: datetime | None


@endpoint(
    RequiredRole.MEMBER,
    answers={202: PersonalExportView},
    problems=(PrivacyProblem.ERASURE_BEGUN,),
)
def ask_export(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Request an export of your personal data."""
    return _export_requested(service, request, request.caller.member_id)


@endpoint(RequiredRole.MEMBER, answers={200: PersonalExportView}, problems=(ProblemCode.NOT_FOUND,))
def read_export(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Read your latest export, with its download link once ready."""
    return _export_found(service, request, request.caller.member_id)


@endpoint(
    RequiredRole.MANAGER,
    answers={202: PersonalExportView},
    problems=(ProblemCode.NOT_FOUND, PrivacyProblem.ERASURE_BEGUN),
)
def ask_export_of(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Request an export of a member's personal data.

    Which activities they dismissed is in the copy only that they get by themselves.
    """
    return _export_requested(service, request, request.path["member_id"])


@endpoint(
    RequiredRole.MANAGER, answers={200: PersonalExportView}, problems=(ProblemCode.NOT_FOUND,)
)
def read_export_of(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Read a manager's latest export of a member's data."""
    return _export_found(service, request, request.path["member_id"])


@endpoint(
    RequiredRole.MEMBER,
    answers={202: ErasureView},
    problems=(ProgramProblem.LAST_MANAGER, ProblemCode.CHANGED_MEANWHILE),
)
def ask_erasure(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Leave the program and erase your personal data.

    It cannot be taken back. Ledger and counts stay with a pseudonym.
    """
    return Answer(202, _erasure_view(service.ask_erasure(request.caller, request.caller.member_id)))


@endpoint(
    RequiredRole.MANAGER,
    answers={202: ErasureView},
    problems=(ProblemCode.NOT_FOUND, ProgramProblem.LAST_MANAGER, ProblemCode.CHANGED_MEANWHILE),
)
def ask_erasure_of(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Remove a member and erase their personal data.

    It cannot be taken back. Ledger and counts stay with a pseudonym.
    """
    return Answer(
        202, _erasure_view(service.ask_erasure(request.caller, request.path["member_id"]))
    )


@endpoint(RequiredRole.MANAGER, answers={200: ErasureView}, problems=(ProblemCode.NOT_FOUND,))
def read_erasure_of(service: PrivacyService, request: Request[None, None]) -> Answer:
    """Read the status of a member's erasure."""
    return Answer(200, _erasure_view(service.erasure(request.caller, request.path["member_id"])))


def _export_requested(
    service: PrivacyService, request: Request[None, None], member_id: str
) -> Answer:
    return Answer(202, _export_view(service, service.ask_export(request.caller, member_id)))


def _export_found(service: PrivacyService, request: Request[None, None], member_id: str) -> Answer:
    return Answer(200, _export_view(service, service.export(request.caller, member_id)))


def _export_view(service: PrivacyService, export: PersonalExport) -> PersonalExportView:
    return PersonalExportView(
        status=export.status,
        asked_at=export.asked_at,
        ready_at=export.ready_at,
        size_bytes=export.size_bytes,
        url=service.link(export),
    )


def _erasure_view(outcome: ErasureOutcome) -> ErasureView:
    return ErasureView(
        member_id=outcome.member_id,
        status=outcome.status,
        asked_at=outcome.asked_at,
        erased_at=outcome.erased_at,
    )
