"""Joining and leaving over HTTP, for people about themselves."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.joining.service import JoiningService
from chalicelib.programs.problems import ProgramProblem


class InvitationView(Schema):
    program_id: str
    program_name: str
    role: Role
    invited_at: datetime
    left_before: Annotated[bool, Field(description="You left or declined this program before")]


class InvitationList(Schema):
    items: list[InvitationView]


class Joined(Schema):
    program_id: str
    member_id: str
    role: Role


@endpoint(RequiredRole.SIGNED_IN, answers={200: InvitationList})
def list_invitations(service: JoiningService, request: Request[None, None]) -> Answer:
    """List the programs that have invited you, oldest invitation first.

    Also for people who belong to no program yet.
    """
    found = service.invitations(request.caller)
    items = [
        InvitationView(
            program_id=each.program_id,
            program_name=each.program_name,
            role=each.role,
            invited_at=each.invited_at,
            left_before=each.left_before,
        )
        for each in found
    ]
    return Answer(200, InvitationList(items=items))


@endpoint(
    RequiredRole.SIGNED_IN,
    answers={200: Joined},
    problems=(ProblemCode.NOT_FOUND, ProgramProblem.ALREADY_IN_A_PROGRAM),
)
def accept(service: JoiningService, request: Request[None, None]) -> Answer:
    """Join a program that has invited you."""
    member = service.accept(request.caller, request.path["program_id"])
    return Answer(
        200,
        Joined(program_id=member.program_id, member_id=member.member_id, role=member.role),
    )


@endpoint(
    RequiredRole.SIGNED_IN,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def decline(service: JoiningService, request: Request[None, None]) -> Answer:
    """Decline an invitation."""
    service.decline(request.caller, request.path["program_id"])
    return Answer(204)


@endpoint(
    RequiredRole.MEMBER,
    answers={204: None},
    problems=(ProgramProblem.LAST_MANAGER, ProblemCode.CHANGED_MEANWHILE),
)
def leave(service: JoiningService, request: Request[None, None]) -> Answer:
    """Leave the program.

    Your TikTok account is disconnected; points and history stay with the program until you ask for
    their erasure. You may accept another invitation afterwards.
    """
    service.leave(request.caller)
    return Answer(204)
