"""The program's own settings over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.programs.model import MAX_DISCLOSURE, Program
from chalicelib.programs.service import ProgramChanges, ProgramService
from chalicelib.programs.views import Line, Name


class ProgramSettings(BaseModel):
    program_id: str
    name: str
    time_zone: Annotated[str, Field(description="Also of members who have chosen none")]
    leaderboard: bool
    rewards: bool
    disclosure: Annotated[str, Field(description="Goes with every caption; may be empty")]
    managers_on_leaderboard: bool
    created_at: datetime


class ChangeProgram(BaseModel):
    """What is not named, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None
    leaderboard: bool | None = None
    rewards: bool | None = None
    disclosure: (
        Annotated[Line, StringConstraints(max_length=MAX_DISCLOSURE), Field(examples=["#ad"])]
        | None
    ) = None
    managers_on_leaderboard: bool | None = None


@endpoint(Who.MANAGER, answers={200: ProgramSettings})
def read(service: ProgramService, request: Request[None, None]) -> Answer:
    """Read the program's settings."""
    return Answer(200, _view(service.settings(request.caller)))


@endpoint(
    Who.MANAGER,
    body=ChangeProgram,
    answers={200: ProgramSettings},
    problems=(ProblemCode.NAME_TAKEN, ProblemCode.CHANGED_MEANWHILE),
)
def change(service: ProgramService, request: Request[ChangeProgram, None]) -> Answer:
    """Change the program's settings; a new time zone moves no time that was set."""
    changes = ProgramChanges(**request.body.model_dump())
    return Answer(200, _view(service.change_program(request.caller, changes)))


def _view(program: Program) -> ProgramSettings:
    return ProgramSettings.model_validate(program, from_attributes=True)
