"""Leaderboards, ledgers and points by hand over HTTP."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import LINE
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.points.boards import Board
from chalicelib.points.model import (
    MAX_AMOUNT,
    MAX_REASON_LENGTH,
    EntryKind,
    LedgerEntry,
    SourceKind,
)
from chalicelib.points.periods import Period
from chalicelib.points.problems import PointProblem
from chalicelib.points.ranking import NEIGHBOURS, PODIUM_RANKS, TOP_RANKS, RankedRow
from chalicelib.points.service import PointService
from chalicelib.programs.model import local_time
from chalicelib.programs.problems import ProgramProblem


class LeaderboardQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    period: Period


class PlaceView(Schema):
    rank: Annotated[int, Field(description="Shared by members with equal points: 1, 2, 2, 4")]
    member_id: Annotated[
        str | None, Field(description="Null for others who appear under an alias, or without name")
    ]
    name: Annotated[str | None, Field(description="The name, or the alias; null for neither")]
    is_alias: bool
    points: Annotated[
        int, Field(description="Earned within the period; spending does not change it")
    ]
    is_me: bool


class OwnPlaceView(Schema):
    rank: Annotated[int, Field(description="Without points, the rank after all who have some")]
    points: int
    around: Annotated[
        list[PlaceView],
        Field(description=f"You, and up to {NEIGHBOURS} before and {NEIGHBOURS} after"),
    ]


class LeaderboardView(Schema):
    period: Period
    first_day: Annotated[date | None, Field(description="Null for all time")]
    last_day: Annotated[date | None, Field(description="Null for all time")]
    time_zone: Annotated[str, Field(description="The program's time zone; days are in it")]
    starts_at: datetime | None
    starts_at_local: datetime | None
    ends_at: datetime | None
    ends_at_local: datetime | None
    as_of: Annotated[
        datetime,
        Field(
            description="Includes everything counted until then; newer entries take up to a minute"
        ),
    ]
    as_of_local: datetime
    members: Annotated[int, Field(description="How many have points in this period")]
    podium: Annotated[
        list[PlaceView], Field(description=f"Ranks 1 to {PODIUM_RANKS}, of the items")
    ]
    items: Annotated[list[PlaceView], Field(description=f"The first {TOP_RANKS}")]
    me: Annotated[OwnPlaceView | None, Field(description="Null for whoever does not appear on it")]


class SourceView(Schema):
    kind: SourceKind
    source_id: Annotated[str, Field(description="Id of the performance, redemption or adjustment")]


class LedgerEntryView(Schema):
    """One line of a ledger, with its reason."""

    entry_id: str
    kind: EntryKind
    points: Annotated[int, Field(description="Negative for what was taken or spent")]
    about: Annotated[
        str | None,
        Field(description="The activity's instructions, or the reward's title, at that time"),
    ]
    reason: Annotated[
        str | None, Field(description="The reason in words, where somebody or TikTok gave one")
    ]
    failure: Annotated[
        str | None,
        Field(description="The code of why the send failed, where that took the points back"),
    ]
    source: SourceView
    made_at: datetime
    made_at_local: datetime
    made_by: Annotated[str | None, Field(description="The manager's id; only managers see it")]


class LedgerPage(Schema):
    items: list[LedgerEntryView]
    next_cursor: str | None


class NewAdjustment(Schema):
    model_config = ConfigDict(extra="forbid")

    amount: Annotated[
        int,
        Field(
            ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Points to give; negative: points to take"
        ),
    ]
    reason: Annotated[
        str,
        Field(min_length=1, max_length=MAX_REASON_LENGTH, description="The member reads it"),
        LINE,
    ]


class AdjustmentView(Schema):
    entry: LedgerEntryView
    balance: Annotated[int, Field(description="What the member can spend now")]
    earned: int


@endpoint(
    RequiredRole.MEMBER,
    query=PageQuery,
    answers={200: LedgerPage},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_own(service: PointService, request: Request[None, PageQuery]) -> Answer:
    """List the entries of your ledger, newest first."""
    page = service.ledger(request.caller, request.query.limit, request.query.cursor)
    items = [_entry(each, request.caller, tells_who=False) for each in page.items]
    return Answer(200, LedgerPage(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    query=PageQuery,
    answers={200: LedgerPage},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_of_member(service: PointService, request: Request[None, PageQuery]) -> Answer:
    """List the entries of a member's ledger, newest first."""
    query, member_id = request.query, request.path["member_id"]
    page = service.ledger_of(request.caller, member_id, query.limit, query.cursor)
    items = [_entry(each, request.caller, tells_who=True) for each in page.items]
    return Answer(200, LedgerPage(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    body=NewAdjustment,
    answers={201: AdjustmentView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.CHANGED_MEANWHILE,
        ProgramProblem.MEMBER_REMOVED,
        PointProblem.BALANCE_TOO_LOW,
    ),
    idempotent=True,
)
def adjust(service: PointService, request: Request[NewAdjustment, None]) -> Answer:
    """Adjust a member's points by hand."""
    wanted = request.body
    adjusted = service.adjust(
        request.caller, request.path["member_id"], wanted.amount, wanted.reason, request.made_id
    )
    return Answer(
        201,
        AdjustmentView(
            entry=_entry(adjusted.entry, request.caller, tells_who=True),
            balance=adjusted.totals.balance,
            earned=adjusted.totals.earned,
        ),
    )


def _entry(entry: LedgerEntry, caller: Caller, *, tells_who: bool) -> LedgerEntryView:
    by = (entry.made_by or "").partition("member:")[2]
    return LedgerEntryView(
        entry_id=entry.entry_id,
        kind=entry.kind,
        points=entry.points,
        about=entry.about,
        reason=entry.reason,
        failure=entry.failure,
        source=SourceView(kind=entry.source.kind, source_id=entry.source.source_id),
        made_at=entry.made_at,
        made_at_local=local_time(entry.made_at, caller.time_zone),
        made_by=by if by and tells_who and entry.kind is EntryKind.ADJUSTMENT else None,
    )


@endpoint(
    RequiredRole.MEMBER,
    query=LeaderboardQuery,
    answers={200: LeaderboardView},
    problems=(PointProblem.LEADERBOARD_OFF,),
)
def leaderboard(service: PointService, request: Request[None, LeaderboardQuery]) -> Answer:
    """Read the leaderboard of a period, and your own place."""
    caller = request.caller
    board = service.leaderboard(caller, request.query.period)
    return Answer(200, _leaderboard(board, caller.member_id, caller.time_zone))


def _leaderboard(board: Board, member_id: str, time_zone: str) -> LeaderboardView:
    def places(rows: Iterable[RankedRow]) -> list[PlaceView]:
        return [
            PlaceView(
                rank=each.rank,
                member_id=each.row.member_id
                if each.row.is_named or each.row.member_id == member_id
                else None,
                name=each.row.shown,
                is_alias=each.row.has_alias,
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
        podium=places(each for each in board.top if each.rank <= PODIUM_RANKS),
        items=places(board.top),
        me=OwnPlaceView(rank=own.rank, points=own.points, around=places(own.around))
        if own
        else None,
    )
