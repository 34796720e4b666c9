"""The program's settings over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import LINE, Version
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import (
    MAX_DISCLOSURE_LENGTH,
    MAX_FULFILLERS,
    MAX_REUSE_WARNING,
    ContentDisclosure,
    Program,
)
from chalicelib.programs.service import ProgramChanges, ProgramService
from chalicelib.programs.views import Name


class ProgramSettings(Schema):
    program_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    name: str
    time_zone: Annotated[str, Field(description="Also for members who have not chosen one")]
    leaderboard: bool
    rewards: bool
    disclosure: Annotated[str, Field(description="Added to every caption; may be empty")]
    managers_on_leaderboard: bool
    names_on_leaderboard: Annotated[
        bool,
        Field(description="Otherwise members appear under their alias, or without any name"),
    ]
    fulfillers: Annotated[
        list[str], Field(description="Managers who handle redemptions; none: all managers")
    ]
    nobody_fulfils: Annotated[
        bool, Field(description="Everybody named has left or is no longer a manager")
    ]
    content_disclosure: Annotated[
        ContentDisclosure,
        Field(
            description="TikTok's own disclosure setting that new activities ask members to switch "
            "on; `disclosure` is a line of text"
        ),
    ]
    reuse_warning_above: Annotated[
        int,
        Field(
            description="Managers are warned when one caption or one video goes to more people; "
            "0: never"
        ),
    ]
    created_at: datetime


class ChangeProgram(Schema):
    """Fields that are left out, or null, stay."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None
    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None
    leaderboard: bool | None = None
    rewards: bool | None = None
    disclosure: (
        Annotated[str, Field(max_length=MAX_DISCLOSURE_LENGTH, examples=["#ad"]), LINE] | None
    ) = None
    managers_on_leaderboard: bool | None = None
    names_on_leaderboard: bool | None = None
    fulfillers: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]],
            Field(max_length=MAX_FULFILLERS),
        ]
        | None
    ) = None
    content_disclosure: ContentDisclosure | None = None
    reuse_warning_above: Annotated[int, Field(ge=0, le=MAX_REUSE_WARNING)] | None = None


@endpoint(RequiredRole.MANAGER, answers={200: ProgramSettings})
def read(service: ProgramService, request: Request[None, None]) -> Answer:
    """Read the settings of the program."""
    return Answer(200, _view(service, service.settings(request.caller)))


@endpoint(
    RequiredRole.MANAGER,
    body=ChangeProgram,
    answers={200: ProgramSettings},
    problems=(ProblemCode.CHANGED_MEANWHILE,),
)
def change(service: ProgramService, request: Request[ChangeProgram, None]) -> Answer:
    """Change the settings of the program.

    A new time zone moves no time that was set.
    """
    wanted = request.body.model_dump()
    version, fulfillers = wanted.pop("version"), wanted.pop("fulfillers")
    changes = ProgramChanges(
        **wanted, fulfillers=None if fulfillers is None else frozenset(fulfillers)
    )
    return Answer(200, _view(service, service.change_program(request.caller, changes, version)))


def _view(service: ProgramService, program: Program) -> ProgramSettings:
    return ProgramSettings(
        program_id=program.program_id,
        version=program.version,
        name=program.name,
        time_zone=program.time_zone,
        leaderboard=program.leaderboard,
        rewards=program.rewards,
        disclosure=program.disclosure,
        managers_on_leaderboard=program.managers_on_leaderboard,
        names_on_leaderboard=program.names_on_leaderboard,
        fulfillers=sorted(program.fulfillers),
        nobody_fulfils=program.rewards and not service.is_anybody_fulfilling(program),
        content_disclosure=program.content_disclosure,
        reuse_warning_above=program.reuse_warning_above,
        created_at=program.created_at,
    )
