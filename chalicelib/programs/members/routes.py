"""Members over HTTP, for managers."""

from base64 import b64decode
from collections import Counter
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib.foundation.fields import LINE, Version
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import MAX_EMAIL_LENGTH, Role
from chalicelib.foundation.problems import ProblemCode, invalid_field
from chalicelib.foundation.queries import PageQuery, id_list
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.members.model import MemberFilter
from chalicelib.programs.members.roster import (
    MAX_PEOPLE,
    MAX_ROSTER_CHARACTERS,
    RowOutcome,
    RowResult,
    decode_roster,
)
from chalicelib.programs.members.service import MemberService
from chalicelib.programs.model import MAX_SEARCH_LENGTH, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.views import MemberList, MemberView, Name, member_list


class NewMember(Schema):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=MAX_EMAIL_LENGTH, examples=["ana@demo.example"])]
    name: Annotated[Name | None, Field(description="Otherwise the part before the @")] = None
    role: Role = Role.MEMBER


class ChangeMember(Schema):
    model_config = ConfigDict(extra="forbid")

    version: Version | None = None
    role: Role


class Roster(Schema):
    """A CSV file: one of the two fields."""

    model_config = ConfigDict(extra="forbid")

    csv: Annotated[
        str | None,
        Field(
            max_length=MAX_ROSTER_CHARACTERS,
            description="The text of a CSV file: commas, semicolons or tabs. With a header it has "
            "a column for the e-mail address, and may have some for the name (also first and last "
            "name) and the role; without one its columns are email, name and role, or its lines "
            f"are lists of addresses. At most {MAX_PEOPLE} people",
            examples=["email;name;role\nana@demo.example;Ana;member\n"],
        ),
    ] = None
    csv_base64: Annotated[
        str | None,
        Field(
            max_length=MAX_ROSTER_CHARACTERS,
            description="The file itself in base64, in UTF-8, UTF-16 or Windows-1252; its text is "
            "read as `csv` is",
        ),
    ] = None


Beginning = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SEARCH_LENGTH), LINE]


MAX_IDS = 100


class MemberQuery(PageQuery):
    """All members, or those of one of four filters: `ids`, `email`, `name`, status and role."""

    ids: Annotated[
        str | None, id_list(MAX_IDS, "ids, separated by commas; members come in their order")
    ] = None
    email: Annotated[
        Beginning | None, Field(description="The beginning of their address", examples=["ana@"])
    ] = None
    name: Annotated[
        Beginning | None,
        Field(description="The beginning of their name, in upper or lower case", examples=["Ana"]),
    ] = None
    status: MemberStatus | None = None
    role: Annotated[
        Role | None, Field(description="Active members only, unless another status is given")
    ] = None


class RowErrorView(Schema):
    code: str
    message: str


class RowResultView(Schema):
    line: Annotated[int, Field(description="Its number in the file, from 1")]
    email: Annotated[str, Field(description="As written in the line")]
    outcome: RowOutcome
    member_id: str | None
    problem: RowErrorView | None


class ImportReport(Schema):
    invited: int
    already_members: int
    problems: int
    lines: list[RowResultView]


@endpoint(
    RequiredRole.MANAGER,
    body=NewMember,
    answers={201: MemberView},
    problems=(ProgramProblem.ALREADY_A_MEMBER, ProblemCode.LIMIT_REACHED),
    idempotent=True,
)
def invite(service: MemberService, request: Request[NewMember, None]) -> Answer:
    """Invite a person by e-mail.

    A removed member comes back with their history.
    """
    wanted = request.body
    member = service.invite(request.caller, wanted.email, wanted.name, wanted.role, request.made_id)
    return Answer(201, MemberView.of(member))


@endpoint(
    RequiredRole.MANAGER,
    answers={202: MemberView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProgramProblem.MEMBER_REMOVED,
        ProgramProblem.ALREADY_A_MEMBER,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def invite_again(service: MemberService, request: Request[None, None]) -> Answer:
    """Mail an invitation again to a member who has not signed in."""
    member = service.mail_invitation_again(request.caller, request.path["member_id"])
    return Answer(202, MemberView.of(member))


@endpoint(
    RequiredRole.MANAGER,
    body=Roster,
    answers={200: ImportReport},
    problems=(ProblemCode.LIMIT_REACHED,),
)
def import_roster(service: MemberService, request: Request[Roster, None]) -> Answer:
    """Invite everybody in a CSV file; reports on each line.

    It may be sent twice: members stay as they are.
    """
    results = service.import_roster(request.caller, _text_of(request.body))
    counted = Counter(each.outcome for each in results)
    return Answer(
        200,
        ImportReport(
            invited=counted[RowOutcome.INVITED],
            already_members=counted[RowOutcome.ALREADY_A_MEMBER],
            problems=counted[RowOutcome.PROBLEM],
            lines=[_result_view(each) for each in results],
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    query=MemberQuery,
    answers={200: MemberList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: MemberService, request: Request[None, MemberQuery]) -> Answer:
    """List members, last invited first, removed ones too.

    Found by ids, e-mail or name they come in that order; by status and role members before
    managers.
    """
    caller, query = request.caller, request.query
    ids = tuple(dict.fromkeys(query.ids.split(","))) if query.ids else ()
    wanted = MemberFilter(query.email, query.name, query.status, query.role, ids)
    if wanted.criteria:
        page = service.filtered_members(caller, wanted, query.limit, query.cursor)
    else:
        page = service.members(caller, query.limit, query.cursor)
    return Answer(200, member_list(page))


@endpoint(RequiredRole.MANAGER, answers={200: MemberView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: MemberService, request: Request[None, None]) -> Answer:
    """Read a member."""
    member = service.member(request.caller, request.path["member_id"])
    return Answer(200, MemberView.of(member))


@endpoint(
    RequiredRole.MANAGER,
    body=ChangeMember,
    answers={200: MemberView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProgramProblem.MEMBER_REMOVED,
        ProgramProblem.LAST_MANAGER,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def change(service: MemberService, request: Request[ChangeMember, None]) -> Answer:
    """Change a member's role."""
    wanted, member_id = request.body, request.path["member_id"]
    changed = service.change_role(request.caller, member_id, wanted.role, wanted.version)
    return Answer(200, MemberView.of(changed))


@endpoint(
    RequiredRole.MANAGER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProgramProblem.LAST_MANAGER, ProblemCode.CHANGED_MEANWHILE),
)
def remove(service: MemberService, request: Request[None, None]) -> Answer:
    """Remove a member.

    Their points and history are kept, and they may be invited again.
    """
    service.remove(request.caller, request.path["member_id"])
    return Answer(204)


def _text_of(roster: Roster) -> str:
    if (roster.csv is None) is (roster.csv_base64 is None):
        raise invalid_field("csv", "one_of_two", "Send the file as csv or as csv_base64.")
    if roster.csv_base64 is None:
        return roster.csv or ""
    try:
        return decode_roster(b64decode(roster.csv_base64, validate=True))
    except ValueError:
        raise invalid_field("csv_base64", "invalid_base64", "This is not base64.") from None


def _result_view(result: RowResult) -> RowResultView:
    error = result.error
    return RowResultView(
        line=result.line,
        email=result.email,
        outcome=result.outcome,
        member_id=result.member.member_id if result.member else None,
        problem=RowErrorView(code=error.code, message=error.message) if error else None,
    )
