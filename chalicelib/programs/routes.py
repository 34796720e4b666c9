"""Oneself: who am I here, and what is my time zone."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Role
from chalicelib.programs.model import MAX_NAME
from chalicelib.programs.service import Profile, ProgramService

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]


class ProgramView(BaseModel):
    program_id: str
    name: str
    time_zone: str


class Me(BaseModel):
    member_id: str
    email: str
    name: str
    role: Role
    time_zone: str
    program: ProgramView


class ChangeMe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None


@endpoint(Who.MEMBER, answers={200: Me})
def me(service: ProgramService, request: Request[None, None]) -> Answer:
    """Tell who one is: profile, role, time zone, program."""
    return Answer(200, _me(service.profile(request.caller)))


@endpoint(Who.MEMBER, body=ChangeMe, answers={200: Me})
def change_me(service: ProgramService, request: Request[ChangeMe, None]) -> Answer:
    """Change one's own name or time zone."""
    changes = request.body
    changed = service.change_profile(request.caller, name=changes.name, time_zone=changes.time_zone)
    return Answer(200, _me(changed))


def _me(profile: Profile) -> Me:
    member, program = profile.member, profile.program
    return Me(
        member_id=member.member_id,
        email=member.email,
        name=member.name,
        role=member.role,
        time_zone=member.time_zone,
        program=ProgramView(
            program_id=program.program_id, name=program.name, time_zone=program.time_zone
        ),
    )
