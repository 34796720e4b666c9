"""Oneself: who am I here, and what have I earned; and where that puts me among the others."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.points.boards import Board
from chalicelib.points.periods import Period
from chalicelib.points.ranking import AROUND, PODIUM, TOP, Ranked
from chalicelib.points.service import PointService, Standing
from chalicelib.programs.model import MAX_NAME, local_time

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


class LeaderboardQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    period: Period


class PlaceView(BaseModel):
    rank: Annotated[int, Field(description="Shared by all who have as many points: 1, 2, 2, 4")]
    member_id: str
    name: str
    points: Annotated[int, Field(description="Earned within the period; spending changes nothing")]
    is_me: bool


class OwnPlaceView(BaseModel):
    rank: Annotated[int, Field(description="Without points: after all who have some")]
    points: int
    around: Annotated[
        list[PlaceView],
        Field(description=f"Oneself, and up to {AROUND} before and {AROUND} after"),
    ]


class LeaderboardView(BaseModel):
    period: Period
    first_day: Annotated[date | None, Field(description="None for all time")]
    last_day: Annotated[date | None, Field(description="None for all time")]
    time_zone: Annotated[str, Field(description="The program's, in which its days are meant")]
    starts_at: datetime | None
    starts_at_local: datetime | None
    ends_at: datetime | None
    ends_at_local: datetime | None
    as_of: Annotated[
        datetime,
        Field(
            description="All that was counted until then is in it; what is newer is a minute off"
        ),
    ]
    as_of_local: datetime
    members: Annotated[int, Field(description="How many have points in this period")]
    podium: Annotated[list[PlaceView], Field(description=f"Ranks 1 to {PODIUM}, of the items")]
    items: Annotated[list[PlaceView], Field(description=f"The first {TOP}")]
    me: Annotated[
        OwnPlaceView | None, Field(description="None for managers where they do not appear")
    ]


@endpoint(
    Who.MEMBER,
    query=LeaderboardQuery,
    answers={200: LeaderboardView},
    problems=(ProblemCode.LEADERBOARD_OFF,),
)
def leaderboard(service: PointService, request: Request[None, LeaderboardQuery]) -> Answer:
    """Show who earned most this week, month, quarter, year or ever, and one's own place."""
    caller = request.caller
    board = service.leaderboard(caller, request.query.period)
    return Answer(200, _leaderboard(board, caller.member_id, caller.time_zone))


def _leaderboard(board: Board, member_id: str, time_zone: str) -> LeaderboardView:
    def places(rows: Iterable[Ranked]) -> list[PlaceView]:
        return [
            PlaceView(
                rank=each.rank,
                member_id=each.row.member_id,
                name=each.row.name,
                points=each.row.points,
                is_me=each.row.member_id == member_id,
            )
            for each in rows
        ]

    own, span = board.own, board.span
    everlasting = span.period is Period.ALL_TIME
    return LeaderboardView(
        period=span.period,
        first_day=None if everlasting else span.first,
        last_day=None if everlasting else span.last,
        time_zone=board.time_zone,
        starts_at=board.starts_at,
        starts_at_local=local_time(board.starts_at, time_zone) if board.starts_at else None,
        ends_at=board.ends_at,
        ends_at_local=local_time(board.ends_at, time_zone) if board.ends_at else None,
        as_of=board.as_of,
        as_of_local=local_time(board.as_of, time_zone),
        members=board.count,
        podium=places(each for each in board.top if each.rank <= PODIUM),
        items=places(board.top),
        me=OwnPlaceView(rank=own.rank, points=own.points, around=places(own.around))
        if own
        else None,
    )


@endpoint(Who.MEMBER, answers={200: Me})
def me(service: PointService, request: Request[None, None]) -> Answer:
    """Tell who one is: profile, role, time zone, program, points, TikTok account."""
    return Answer(200, _me(service.standing(request.caller)))


@endpoint(Who.MEMBER, body=ChangeMe, answers={200: Me}, problems=(ProblemCode.CHANGED_MEANWHILE,))
def change_me(service: PointService, request: Request[ChangeMe, None]) -> Answer:
    """Change one's own name or time zone."""
    wanted = request.body
    changed = service.change_profile(request.caller, name=wanted.name, time_zone=wanted.time_zone)
    return Answer(200, _me(changed))


def _me(standing: Standing) -> Me:
    profile = standing.profile
    member, program = profile.member, profile.program
    return Me(
        member_id=member.member_id,
        email=member.email,
        name=member.name,
        role=member.role,
        time_zone=profile.time_zone,
        program=ProgramView(
            program_id=program.program_id, name=program.name, time_zone=program.time_zone
        ),
        points=PointsView(balance=standing.points.balance, earned=standing.points.earned),
        tiktok_account=TikTokView(status=member.tiktok) if member.tiktok else None,
    )
