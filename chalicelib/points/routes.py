"""Oneself: who am I here, what is my time zone, and what have I earned."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.points.service import PointService, Standing
from chalicelib.programs.model import MAX_NAME

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]


class ProgramView(BaseModel):
    program_id: str
    name: str
    time_zone: str


class PointsView(BaseModel):
    balance: Annotated[int, Field(description="What can be spent")]
    earned: Annotated[int, Field(description="What was earned; never falls by spending")]


class TikTokView(BaseModel):
    status: TikTokState


class Me(BaseModel):
    member_id: str
    email: str
    name: str
    role: Role
    time_zone: str
    program: ProgramView
    points: PointsView
    tiktok_account: Annotated[TikTokView | None, Field(description="None while not connected")]


class ChangeMe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None


@endpoint(Who.MEMBER, answers={200: Me})
def me(service: PointService, request: Request[None, None]) -> Answer:
    """Tell who one is: profile, role, time zone, program, points, TikTok account."""
    return Answer(200, _me(service.standing(request.caller)))


@endpoint(Who.MEMBER, body=ChangeMe, answers={200: Me})
def change_me(service: PointService, request: Request[ChangeMe, None]) -> Answer:
    """Change one's own name or time zone."""
    wanted = request.body
    changed = service.change_profile(request.caller, name=wanted.name, time_zone=wanted.time_zone)
    return Answer(200, _me(changed))


def _me(standing: Standing) -> Me:
    member, program = standing.profile.member, standing.profile.program
    return Me(
        member_id=member.member_id,
        email=member.email,
        name=member.name,
        role=member.role,
        time_zone=member.time_zone,
        program=ProgramView(
            program_id=program.program_id, name=program.name, time_zone=program.time_zone
        ),
        points=PointsView(balance=standing.points.balance, earned=standing.points.earned),
        tiktok_account=TikTokView(status=member.tiktok) if member.tiktok else None,
    )
