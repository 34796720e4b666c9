"""The caller's own view over HTTP."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import LINE
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Role, ShownAs, TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.me.service import MeOverview, MeService
from chalicelib.programs.model import MAX_ALIAS_LENGTH
from chalicelib.programs.views import Name


class ProgramView(Schema):
    program_id: str
    name: str
    time_zone: str
    rewards: Annotated[bool, Field(description="Whether points can be spent on rewards")]
    leaderboard: Annotated[bool, Field(description="Whether there is one")]
    names_on_leaderboard: Annotated[
        bool,
        Field(description="Otherwise members appear under their alias, or without any name"),
    ]


class PointsView(Schema):
    balance: Annotated[int, Field(description="Points to spend")]
    earned: Annotated[int, Field(description="Points earned; spending does not lower it")]


class TikTokView(Schema):
    status: TikTokState


class Me(Schema):
    member_id: str
    email: str
    name: str
    role: Role
    time_zone: str
    shown_as: Annotated[ShownAs, Field(description="How you appear on leaderboards")]
    alias: Annotated[str | None, Field(description="None while you have none")]
    program: ProgramView
    points: PointsView
    unread_notices: Annotated[int, Field(description="Of GET /notifications")]
    tiktok_account: Annotated[TikTokView | None, Field(description="None while not connected")]


class ChangeMe(Schema):
    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None
    shown_as: ShownAs | None = None
    alias: (
        Annotated[
            str,
            Field(
                max_length=MAX_ALIAS_LENGTH,
                description="No member has a name or an alias that looks like it; empty for none",
            ),
            LINE,
        ]
        | None
    ) = None


@endpoint(RequiredRole.MEMBER, answers={200: Me})
def read(service: MeService, request: Request[None, None]) -> Answer:
    """Read your profile, program, points and TikTok account."""
    return Answer(200, _me(service.overview(request.caller)))


@endpoint(
    RequiredRole.MEMBER, body=ChangeMe, answers={200: Me}, problems=(ProblemCode.CHANGED_MEANWHILE,)
)
def change(service: MeService, request: Request[ChangeMe, None]) -> Answer:
    """Change your name, time zone, alias, or how you appear on leaderboards."""
    changed = service.change_profile(request.caller, **request.body.model_dump())
    return Answer(200, _me(changed))


def _me(standing: MeOverview) -> Me:
    profile = standing.profile
    member, program = profile.member, profile.program
    return Me(
        member_id=member.member_id,
        email=member.email,
        name=member.name,
        role=member.role,
        time_zone=profile.time_zone,
        shown_as=member.shown_as,
        alias=member.alias or None,
        program=ProgramView(
            program_id=program.program_id,
            name=program.name,
            time_zone=program.time_zone,
            rewards=program.rewards,
            leaderboard=program.leaderboard,
            names_on_leaderboard=program.names_on_leaderboard,
        ),
        points=PointsView(balance=standing.points.balance, earned=standing.points.earned),
        unread_notices=standing.unread,
        tiktok_account=TikTokView(status=member.tiktok) if member.tiktok else None,
    )
