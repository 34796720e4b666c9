"""The leaderboard: what the ledger's stream counts, snapshots of ranks, and reading one.

Nothing here writes to the ledger. An entry is counted once however often it comes; boards are made
anew from what is counted, so a run that dies half way or twice leaves nothing wrong behind.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.events import Event
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.values import dataclass
from chalicelib.points.board_store import AlreadyCounted, BoardStore, BuildLease, LeaseLost
from chalicelib.points.events import LedgerEntryAdded
from chalicelib.points.model import EntryKind, LedgerEntry, Source, SourceKind, award_entry_id
from chalicelib.points.periods import (
    Period,
    PeriodSpan,
    begins_at,
    day_of,
    ends_at,
    span_of,
    spans_of_day,
)
from chalicelib.points.problems import PointProblem
from chalicelib.points.ranking import (
    BoardHead,
    BoardPage,
    RankedRow,
    Row,
    build_board,
    last_rows,
    page_of_member,
    page_of_sort_key,
    points_of_member,
    row_label,
    rows_around,
)
from chalicelib.points.store import PointStore
from chalicelib.programs.model import Member, MemberStatus, Program, owner_key
from chalicelib.programs.service import ProgramService

RUN_SECONDS = 60
"""After this a run begins no further program: the next run is there by then."""
LEASE_DURATION = timedelta(seconds=150)
"""Longer than the function may take, so that whatever holds a lapsed one is dead."""
COUNT_AHEAD = timedelta(days=2)
"""No two zones show dates further apart: there are 26 hours between them."""
_READ_ATTEMPTS = 3


class EntryCounter:
    """Adds ledger entries up by member and span of the program's calendar."""

    def __init__(
        self,
        boards: BoardStore,
        marks: "LeaderboardMarks",
        points: PointStore,
        programs: ProgramService,
    ) -> None:
        self._boards = boards
        self._marks = marks
        self._points = points
        self._programs = programs

    def new_batch(self) -> "EntryBatch":
        return EntryBatch(self, self._marks)

    def zone(self, program_id: str) -> str:
        program = self._programs.program(program_id)
        if program is None:
            raise LookupError(f"There is no program {program_id}.")
        return program.time_zone

    def count(
        self, program_id: str, member_id: str, entry: LedgerEntry, zone: Callable[[str], str]
    ) -> date:
        """Count an entry, once; return the day it counts on.

        A reversal counts on the day of its award: otherwise an award of last week
        that fails today would leave this week with less than nothing, and last week with points
        that were never earned.
        """
        day = self._counting_day(program_id, member_id, entry, zone)
        try:
            self._boards.count(program_id, member_id, entry, day)
        except AlreadyCounted:
            noted = self._boards.day_counted(program_id, member_id, entry.entry_id)
            return noted or day
        return day

    def _counting_day(
        self, program_id: str, member_id: str, entry: LedgerEntry, zone: Callable[[str], str]
    ) -> date:
        if entry.kind is EntryKind.REVERSAL:
            owner = owner_key(program_id, member_id)
            award = self._points.entry(owner, award_entry_id(entry.source.source_id))
            if award is not None:
                return self.count(program_id, member_id, award, zone)
        return day_of(entry.made_at, zone(program_id))


class EntryBatch:
    """A batch of new ledger entries: each is counted, then the boards they touch are marked."""

    def __init__(self, counter: EntryCounter, marks: "LeaderboardMarks") -> None:
        self._counter = counter
        self._marks = marks
        self._zones: dict[str, str] = {}
        self._touched: set[str] = set()

    def add(self, event: Event[LedgerEntryAdded]) -> None:
        """Count a new entry of a ledger; twice or late is all right."""
        entry = entry_of(event.payload)
        if not entry.earned:
            return
        self._counter.count(event.program_id, event.payload.member_id, entry, self._zone)
        self._touched.add(event.program_id)

    def _zone(self, program_id: str) -> str:
        if program_id not in self._zones:
            self._zones[program_id] = self._counter.zone(program_id)
        return self._zones[program_id]

    def mark(self) -> int:
        """Mark the boards whose scores may have changed; returns how many programs that were.

        Not before all is counted: a run in between would take the mark away too early.
        """
        self._marks.mark(self._touched)
        return len(self._touched)


def entry_of(added: LedgerEntryAdded) -> LedgerEntry:
    """Return the ledger entry that an event announces."""
    return LedgerEntry(
        entry_id=added.entry_id,
        kind=EntryKind(added.kind),
        points=added.points,
        source=Source(SourceKind(added.source_kind), added.source_id),
        made_at=datetime.fromisoformat(added.made_at),
    )


class LeaderboardMarks:
    """Marks programs whose boards are due for a rebuild."""

    def __init__(self, boards: BoardStore, clock: Clock) -> None:
        self._boards = boards
        self._clock = clock

    def mark(self, program_ids: set[str]) -> None:
        """Mark the boards of these programs as due: a call for each."""
        for program_id in sorted(program_ids):
            self._boards.mark(program_id, self._clock.now(), secrets.token_hex(8))


class LeaderboardBuilder:
    """Builds the boards that are due."""

    def __init__(
        self, boards: BoardStore, marks: LeaderboardMarks, programs: ProgramService, clock: Clock
    ) -> None:
        self._boards = boards
        self._marks = marks
        self._programs = programs
        self._clock = clock

    def build_due(self) -> int:
        """Build the boards of all programs in which something changed; returns how many.

        A program that breaks does not keep the others waiting; the first error comes in the end.
        """
        begun, built = self._clock.now(), 0
        broken: Exception | None = None
        for program_id in self._boards.due():
            if self._clock.now() - begun > timedelta(seconds=RUN_SECONDS):
                break
            try:
                built += self.build(program_id)
            except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
                logger.exception("boards broke", extra={"program_id": program_id})
                broken = broken or error
        if broken:
            raise broken
        return built

    def build(self, program_id: str, *, anew: bool = False) -> bool:
        """Build a due program's boards; False if nothing is due or another run is at it.

        `anew` writes every page, whatever lies there already.
        """
        run, now = secrets.token_hex(4), self._clock.now()
        taken = self._boards.lease(program_id, run, now, now + LEASE_DURATION)
        if taken is None:
            return False
        mark, left = taken
        try:
            self._build_board(mark, left, now, anew=anew)
        except LeaseLost:
            logger.warning("boards were taken over", extra={"program_id": program_id})
            return False
        except BaseException:
            self._boards.release_run(mark)
            raise
        self._boards.finish(mark, now)
        return True

    def _build_board(
        self, mark: BuildLease, left: str | None, now: datetime, *, anew: bool
    ) -> None:
        program = self._programs.program(mark.program_id)
        if program is None or not program.leaderboard:
            return  # switched on again, the program's own change makes them due
        names, written = self.names(program), 0
        for span in spans_of_day(day_of(now, program.time_zone)):
            before = self._boards.head(program.program_id, span.period)
            if left:
                self._remove_unread_pages(program.program_id, span.period, left, before)
            rows = board_rows(dict(self._boards.scores(program.program_id, span.key)), names)
            known = BoardHead(version=before.version) if anew else before
            made, fresh = build_board(span.key, rows, known, mark.run)
            if made.shows_same_as(before):
                continue
            gone = tuple(sorted(before.page_ids() - made.page_ids()))
            if before.retired:
                self._boards.remove_pages(program.program_id, span.period, before.retired)
            self._boards.put_pages(program.program_id, span.period, fresh)
            self._boards.put_head(mark, span.period, replace(made, retired=gone))
            written += 1 + len(fresh)
        if self._counts_in_coming_span(program, now):
            self._marks.mark({program.program_id})  # so this run's end leaves it due
        logger.info("boards made", extra={"program_id": program.program_id, "written": written})

    def _counts_in_coming_span(self, program: Program, now: datetime) -> bool:
        """Return whether something counts in a span that begins within the next hours.

        A zone changed to one further west makes it yesterday again for what is counted already.
        No other change need come before that span begins, so its boards stay due until then.
        """
        today = day_of(now, program.time_zone)
        spans = {*spans_of_day(today + COUNT_AHEAD)} - {*spans_of_day(today)}
        return any(
            next(iter(self._boards.scores(program.program_id, span.key)), None) for span in spans
        )

    def _remove_unread_pages(
        self, program_id: str, period: Period, left: str, head: BoardHead
    ) -> None:
        """Remove what a run that never ended wrote and no reader can have seen."""
        found = set(self._boards.pages_of_run(program_id, period, left))
        self._boards.remove_pages(program_id, period, found - head.page_ids())

    def names(self, program: Program) -> dict[str, str]:
        """Return the labels of the members who appear on the program's boards, by id."""
        labels: dict[str, str] = {}
        for member in self._programs.members(program.program_id):
            label = _row_label(program, member)
            if member.status is MemberStatus.ACTIVE and label is not None:
                labels[member.member_id] = label
        return labels


def _row_label(program: Program, member: Member | Caller) -> str | None:
    """Return the label of a member's row; None for one who does not appear."""
    if member.role is Role.MANAGER and not program.managers_on_leaderboard:
        return None
    names = program.names_on_leaderboard
    return row_label(member.name, member.alias, member.shown_as, names=names)


def board_rows(scores: Mapping[str, int], names: Mapping[str, str]) -> list[Row]:
    """Return a board's rows in their order: of members who appear and have earned something."""
    rows = [
        Row(member_id, points, names[member_id])
        for member_id, points in scores.items()
        if points > 0 and member_id in names
    ]
    return sorted(rows, key=lambda row: row.sort_key)


@dataclass(frozen=True)
class OwnRank:
    """A member's own place and those around it; without points, after all who have some."""

    rank: int
    points: int
    around: tuple[RankedRow, ...]


@dataclass(frozen=True)
class Board:
    """A leaderboard as it is read: everything counted until `as_of` is in it."""

    span: PeriodSpan
    time_zone: str
    starts_at: datetime | None
    ends_at: datetime | None
    as_of: datetime
    count: int
    top: tuple[RankedRow, ...]
    own: OwnRank | None


class _BoardReplaced(Exception):
    """Two newer boards have come since the head was read; or the board is damaged."""


class LeaderboardReader:
    """Reads boards, at a price that no number of members changes."""

    def __init__(self, boards: BoardStore, programs: ProgramService, clock: Clock) -> None:
        self._boards = boards
        self._programs = programs
        self._clock = clock

    def read(self, caller: Caller, period: Period) -> Board:
        """Read a board: three calls. Raises the problem `leaderboard_off`."""
        for _ in range(_READ_ATTEMPTS):
            try:
                return self._read(caller, period)
            except _BoardReplaced:
                continue
        raise Problem(ProblemCode.UNAVAILABLE, "The leaderboard keeps changing. Try again.")

    def _read(self, caller: Caller, period: Period) -> Board:
        program, head, since = self._boards.read_together(
            [
                self._programs.read_of_program(caller.program_id),
                self._boards.read_of_head(caller.program_id, period),
                self._boards.read_of_mark(caller.program_id),
            ]
        )
        if program is None:
            raise not_found("program")
        if not program.leaderboard:
            raise Problem(
                PointProblem.LEADERBOARD_OFF, "Your program's managers have turned it off."
            )
        now = self._clock.now()
        span = span_of(period, day_of(now, program.time_zone))
        if head is None or head.key != span.key:
            head = BoardHead(span.key)  # of this span nothing is on a board yet
        label = _row_label(program, caller)
        everlasting = period is Period.ALL_TIME
        return Board(
            span=span,
            time_zone=program.time_zone,
            starts_at=None if everlasting else begins_at(span.first, program.time_zone),
            ends_at=ends_at(span, program.time_zone),
            as_of=since or now,
            count=head.count,
            top=head.top,
            own=None if label is None else self._own_rank(caller, label, period, head),
        )

    def _own_rank(self, caller: Caller, label: str, period: Period, head: BoardHead) -> OwnRank:
        told, points = page_of_member(head, caller.member_id), None
        if told:
            points = points_of_member(self._page_content(caller, period, told), caller.member_id)
        if points is None:
            last: list[RankedRow] = []
            if head.ranks:
                last = last_rows(head, self._page_content(caller, period, head.ranks[-1]))
            mine = RankedRow(head.count + 1, Row(caller.member_id, 0, label))
            return OwnRank(mine.rank, 0, (*last, mine))
        place = (-points, caller.member_id)
        page = page_of_sort_key(head, place)
        near = (
            rows_around(head, page, self._page_content(caller, period, page), place) if page else []
        )
        found = next((each for each in near if each.row.member_id == caller.member_id), None)
        if found is None:
            logger.error("a board contradicts itself", extra={"period": period.value})
            raise _BoardReplaced
        return OwnRank(found.rank, points, tuple(near))

    def _page_content(self, caller: Caller, period: Period, page: BoardPage) -> bytes:
        content = self._boards.page(caller.program_id, period, page.page_id)
        if content is None:
            raise _BoardReplaced
        return content
