"""Members over HTTP, for managers."""

from collections import Counter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.programs.members.model import MAX_LINES, MAX_ROSTER, Outcome, Reported, Sought
from chalicelib.programs.members.service import MemberService
from chalicelib.programs.model import MAX_EMAIL, MAX_SOUGHT, MemberStatus
from chalicelib.programs.views import Line, MemberList, MemberView, Name, member_list


class NewMember(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=MAX_EMAIL, examples=["ana@demo.example"])]
    name: Annotated[Name | None, Field(description="Else what is before the @")] = None
    role: Role = Role.MEMBER


class ChangeMember(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role


class Roster(BaseModel):
    model_config = ConfigDict(extra="forbid")

    csv: Annotated[
        str,
        Field(
            max_length=MAX_ROSTER,
            description="The text of a CSV file: commas, semicolons or tabs. With a header it has "
            "a column email, and may have name and role; without one these are its columns. At "
            f"most {MAX_LINES} people",
            examples=["email;name;role\nana@demo.example;Ana;member\n"],
        ),
    ]


Beginning = Annotated[Line, StringConstraints(min_length=1, max_length=MAX_SOUGHT)]


class MemberQuery(PageQuery):
    """All of the members, or those found in one of three ways: `email`, `name`, the rest."""

    email: Annotated[
        Beginning | None, Field(description="What their address begins with", examples=["ana@"])
    ] = None
    name: Annotated[
        Beginning | None,
        Field(description="What their name begins with, in capitals or not", examples=["Ana"]),
    ] = None
    status: MemberStatus | None = None
    role: Annotated[
        Role | None, Field(description="Of active members, if no other status is given")
    ] = None


class LineFlaw(BaseModel):
    code: str
    message: str


class ReportLine(BaseModel):
    line: Annotated[int, Field(description="Its number in the file, from 1")]
    email: Annotated[str, Field(description="As the line has it")]
    outcome: Outcome
    member_id: str | None
    problem: LineFlaw | None


class ImportReport(BaseModel):
    invited: int
    already_members: int
    problems: int
    lines: list[ReportLine]


@endpoint(
    Who.MANAGER,
    body=NewMember,
    answers={201: MemberView},
    problems=(ProblemCode.ALREADY_A_MEMBER,),
    idempotent=True,
)
def invite(service: MemberService, request: Request[NewMember, None]) -> Answer:
    """Invite a person by e-mail; somebody who was removed comes back as who they were."""
    wanted = request.body
    member = service.invite(request.caller, wanted.email, wanted.name, wanted.role, request.made_id)
    return Answer(201, MemberView.of(member))


@endpoint(
    Who.MANAGER,
    answers={202: MemberView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.MEMBER_REMOVED,
        ProblemCode.ALREADY_A_MEMBER,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def invite_again(service: MemberService, request: Request[None, None]) -> Answer:
    """Mail the invitation once more to somebody who has not signed in yet."""
    member = service.invite_again(request.caller, request.path["member_id"])
    return Answer(202, MemberView.of(member))


@endpoint(Who.MANAGER, body=Roster, answers={200: ImportReport})
def import_roster(service: MemberService, request: Request[Roster, None]) -> Answer:
    """Invite everybody in a CSV file; tells what became of each line. May be sent twice."""
    reported = service.import_roster(request.caller, request.body.csv)
    counted = Counter(line.outcome for line in reported)
    return Answer(
        200,
        ImportReport(
            invited=counted[Outcome.INVITED],
            already_members=counted[Outcome.ALREADY_A_MEMBER],
            problems=counted[Outcome.PROBLEM],
            lines=[_line(each) for each in reported],
        ),
    )


@endpoint(
    Who.MANAGER,
    query=MemberQuery,
    answers={200: MemberList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: MemberService, request: Request[None, MemberQuery]) -> Answer:
    """List the program's members, those invited first last, removed ones too; or find some.

    By e-mail and by name they come in that order; by status and role members before managers.
    """
    caller, query = request.caller, request.query
    sought = Sought(query.email, query.name, query.status, query.role)
    if sought.ways:
        page = service.found(caller, sought, query.limit, query.cursor)
    else:
        page = service.members(caller, query.limit, query.cursor)
    return Answer(200, member_list(page))


@endpoint(Who.MANAGER, answers={200: MemberView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: MemberService, request: Request[None, None]) -> Answer:
    """Read one member."""
    member = service.member(request.caller, request.path["member_id"])
    return Answer(200, MemberView.of(member))


@endpoint(
    Who.MANAGER,
    body=ChangeMember,
    answers={200: MemberView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.MEMBER_REMOVED,
        ProblemCode.LAST_MANAGER,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def change(service: MemberService, request: Request[ChangeMember, None]) -> Answer:
    """Make a manager of a member, or the other way round."""
    changed = service.change_role(request.caller, request.path["member_id"], request.body.role)
    return Answer(200, MemberView.of(changed))


@endpoint(
    Who.MANAGER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.LAST_MANAGER, ProblemCode.CHANGED_MEANWHILE),
)
def remove(service: MemberService, request: Request[None, None]) -> Answer:
    """Remove a member; their points and history are kept, and they may be invited again."""
    service.remove(request.caller, request.path["member_id"])
    return Answer(204)


def _line(reported: Reported) -> ReportLine:
    flaw = reported.flaw
    return ReportLine(
        line=reported.line,
        email=reported.email,
        outcome=reported.outcome,
        member_id=reported.member.member_id if reported.member else None,
        problem=LineFlaw(code=flaw.code, message=flaw.message) if flaw else None,
    )
