"""Everything that is made from the ledger, made again: what differs is told, and can be set right.

Scores and boards that change while this looks may seem to differ: ask again before believing it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, timedelta

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.values import dataclass
from chalicelib.points.board_store import BoardStore
from chalicelib.points.boards import LeaderboardBuilder, LeaderboardMarks, board_rows
from chalicelib.points.model import (
    CountDifference,
    EntryKind,
    Finding,
    LedgerEntry,
    NoSuchProgram,
    PlaceDifference,
    ScoreDifference,
    SizeDifference,
    TotalsDifference,
    award_entry_id,
    sum_entries,
)
from chalicelib.points.periods import (
    Period,
    PeriodSpan,
    day_of,
    span_of,
    spans_between,
    spans_of_day,
)
from chalicelib.points.ranking import (
    NEIGHBOURS,
    TOP_RANKS,
    BoardHead,
    RankedRow,
    Row,
    UnreadableContent,
    build_board,
    digest_of,
    page_of_member,
    page_of_sort_key,
    points_of_member,
    rank_rows,
    rows_around,
    rows_of_page,
    unpack,
)
from chalicelib.points.store import PointStore
from chalicelib.programs.model import Program, owner_key
from chalicelib.programs.service import ProgramService

Progress = Callable[[str], None]
MEMBERS_PER_PROGRESS = 500
"""After so many members it says how far it is."""

Scores = Mapping[str, Mapping[str, int]]
Pages = Mapping[str, bytes | None]
"""Content by id; None where there is none, or none that can be read."""


@dataclass(frozen=True)
class Ledgers:
    """Sums of a program's ledgers: scores by span, their days, and what else differs."""

    scores: Scores
    first: date
    last: date
    findings: Sequence[Finding]


class PointsRebuilder:
    def __init__(
        self,
        *,
        boards: BoardStore,
        points: PointStore,
        programs: ProgramService,
        builder: LeaderboardBuilder,
        marks: LeaderboardMarks,
        clock: Clock,
    ) -> None:
        self._boards = boards
        self._points = points
        self._programs = programs
        self._builder = builder
        self._marks = marks
        self._clock = clock

    def findings(self, program_id: str, say: Progress) -> list[Finding]:
        """Add everything up from the ledger and compare. Raises `NoSuchProgram`."""
        program = self._programs.program(program_id)
        if program is None:
            raise NoSuchProgram(program_id)
        today = day_of(self._clock.now(), program.time_zone)
        ledgers = self._sum_ledgers(program, say)
        found = list(ledgers.findings)
        for span in _spans(ledgers, today):
            found += self._score_differences(program_id, span, ledgers.scores)
        say("scores compared")
        if program_id in self._boards.due():
            say("a change waits for the next tick; until then boards may differ by it")
        if program.leaderboard:
            names = self._builder.names(program)
            for span in spans_of_day(today):
                found += self._place_differences(program_id, span, ledgers.scores, names)
            say("boards compared")
        return found

    def _sum_ledgers(self, program: Program, say: Progress) -> Ledgers:
        scores: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        found: list[Finding] = []
        first = last = day_of(program.created_at, program.time_zone)
        number = 0
        for number, member in enumerate(self._programs.members(program.program_id), 1):
            owner = owner_key(program.program_id, member.member_id)
            kept, entries = self._points.totals(owner), list(self._points.entries(owner))
            if kept != sum_entries(entries):
                found.append(TotalsDifference(member.member_id, kept, sum_entries(entries)))
            earning = [entry for entry in entries if entry.earned]
            if earning:
                noted = self._boards.counted_days(program.program_id, member.member_id)
                days = _days_of(earning, noted, program.time_zone)
                first, last = min(first, *days.values()), max(last, *days.values())
                for entry in earning:
                    for span in spans_of_day(days[entry.entry_id]):
                        scores[span.key][member.member_id] += entry.earned
                left = {each: day for each, day in days.items() if each not in noted}
                if left:
                    found.append(CountDifference(member.member_id, left))
            if number % MEMBERS_PER_PROGRESS == 0:
                say(f"{number} ledgers added up")
        say(f"{number} ledgers added up, all there are")
        return Ledgers(scores, first, last, found)

    def _score_differences(
        self, program_id: str, span: PeriodSpan, scores: Scores
    ) -> Iterator[Finding]:
        kept, right = dict(self._boards.scores(program_id, span.key)), scores.get(span.key, {})
        for member_id in sorted(kept.keys() | right.keys()):
            if kept.get(member_id, 0) != right.get(member_id, 0):
                yield ScoreDifference(
                    member_id, span.key, kept.get(member_id), right.get(member_id)
                )

    def _place_differences(
        self, program_id: str, span: PeriodSpan, scores: Scores, names: Mapping[str, str]
    ) -> Iterator[Finding]:
        """Compare all that readers of a board can see with what the ledger would show."""
        head = self._boards.head(program_id, span.period)
        if head.key != span.key:
            head = BoardHead(span.key)
        rows = board_rows(scores.get(span.key, {}), names)
        pages = {
            page_id: self._read_page(program_id, span.period, page_id)
            for page_id in head.page_ids()
        }
        if _is_same_board(head, rows, pages):
            return  # so is all that is read of it
        right = rank_rows(rows)
        sight = _VisibleBoard(head, right, pages)
        words = {each.row.member_id: _words(each) for each in right}
        found = False
        for member_id in sorted(words.keys() | sight.rows.keys() | sight.troubles.keys()):
            wrong, place = sight.wrong(member_id, words.get(member_id)), words.get(member_id)
            if wrong:
                found = True
                yield PlaceDifference(member_id, span.key, wrong, place)
        sizes = {head.count, *(sum(e.length for e in each) for each in (head.ranks, head.members))}
        for size in sorted(sizes - {len(rows)})[: not found]:
            yield SizeDifference(span.key, size, len(rows))

    def _read_page(self, program_id: str, period: Period, page_id: str) -> bytes | None:
        """Read a page; None if it is not there, or cannot be read."""
        content = self._boards.page(program_id, period, page_id)
        try:
            return content if content and unpack(content) else None
        except UnreadableContent:
            return None

    def repair(self, program_id: str, findings: Sequence[Finding]) -> list[Finding]:
        """Correct what differs; returns what changed meanwhile and was skipped."""
        # First the notes of what is counted: a late delivery then adds nothing to a score set here.
        ordered = sorted(findings, key=lambda each: not isinstance(each, CountDifference))
        left = [each for each in ordered if not self._repair_one(program_id, each)]
        if findings:
            self._marks.mark({program_id})
            if not self._builder.build(program_id, anew=True):
                left += [
                    each for each in findings if isinstance(each, PlaceDifference | SizeDifference)
                ]
        return left

    def _repair_one(self, program_id: str, finding: Finding) -> bool:
        match finding:
            case TotalsDifference(member_id, kept, ledger):
                return self._points.put_totals(owner_key(program_id, member_id), kept, ledger)
            case CountDifference(member_id, days):
                for entry_id, day in days.items():
                    self._boards.note_counted(program_id, member_id, entry_id, day)
            case ScoreDifference(member_id, span_key, had, right):
                return self._boards.set_score(program_id, span_key, member_id, had, right)
            case PlaceDifference() | SizeDifference():
                pass  # boards are made anew, all of them, from the scores
        return True


def _days_of(
    entries: Sequence[LedgerEntry], noted: Mapping[str, date], zone: str
) -> dict[str, date]:
    """Return on which day each entry counts: as noted, else by the zone; reversals with awards."""
    days = {
        entry.entry_id: noted.get(entry.entry_id) or day_of(entry.made_at, zone)
        for entry in entries
    }
    for entry in entries:
        if entry.kind is EntryKind.REVERSAL and entry.entry_id not in noted:
            awarded = days.get(award_entry_id(entry.source.source_id))
            days[entry.entry_id] = awarded or days[entry.entry_id]
    return days


def _spans(ledgers: Ledgers, today: date) -> Iterator[PeriodSpan]:
    """Walk every span in which something may count, and those that begin next.

    A change of zone can leave entries on days that are yet to come.
    """
    last = max(today, ledgers.last)
    yield from spans_between(ledgers.first, last)
    for now in spans_of_day(last):
        if now.period is not Period.ALL_TIME:
            yield span_of(now.period, now.last + timedelta(days=1))


def _is_same_board(head: BoardHead, rows: Sequence[Row], pages: Pages) -> bool:
    """Return whether a board made anew of these rows would be this one, and its pages are whole."""
    made, fresh = build_board(head.key, rows, head, "")
    whole = all(
        content is not None and page_id.endswith(f".{digest_of(content)}")
        for page_id, content in pages.items()
    )
    return whole and not fresh and made.shows_same_as(head)


@dataclass
class _VisibleBoard:
    """The visible part of each member on a board, and the part hidden from each."""

    head: BoardHead
    right: Sequence[RankedRow]
    pages: Pages
    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    troubles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for page in self.head.ranks:
            if content := self.pages[page.page_id]:
                self._shows(rows_of_page(self.head, page, content))
        for at, each in enumerate(self.right):
            self._asked_by(each.row, self.right[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1])
        self._told_to_others()
        self._listed()

    def wrong(self, member_id: str, words: str | None) -> str | None:
        """Return what is seen of a member, or by them, other than the right words; None if nothing.

        Where a row is wrong, that says enough: what else is, follows from it.
        """
        rows = dict.fromkeys(self.rows.get(member_id, ()))
        if words and not rows:
            return "not there"
        others = [each for each in rows if each != words]
        return ", and ".join(others) or self.troubles.get(member_id)

    def _shows(self, rows: Iterable[RankedRow]) -> None:
        for each in rows:
            self.rows[each.row.member_id].append(_words(each))

    def _asked_by(self, row: Row, near: Sequence[RankedRow]) -> None:
        """Let a member ask for their own place, who ought to see it with those near it."""
        around = self._own(row)
        if isinstance(around, str):
            self.troubles[row.member_id] = f"{around} when they ask for their own place"
            return
        self._shows(around)
        beside = {each.row.member_id for each in around}
        for each in near:
            if each.row.member_id not in beside:
                self.troubles.setdefault(each.row.member_id, f"left out beside {row.member_id}")

    def _own(self, row: Row) -> list[RankedRow] | str:
        page = page_of_member(self.head, row.member_id)
        content = page and self.pages[page.page_id]
        points = points_of_member(content, row.member_id) if content else None
        if points != row.points:
            return f"{points or 'no'} points"
        page = page_of_sort_key(self.head, row.sort_key)
        content = page and self.pages[page.page_id]
        found = rows_around(self.head, page, content, row.sort_key) if page and content else []
        return found or "not there"

    def _told_to_others(self) -> None:
        known = {each.row.member_id for each in self.right}
        for page in self.head.members:
            content = self.pages[page.page_id]
            told: Mapping[str, int] = unpack(content) if content else {}
            for member_id in told.keys() - known:
                said = f"{told[member_id]} points when they ask for their own place"
                self.troubles[member_id] = said

    def _listed(self) -> None:
        self._shows(self.head.top)
        here, ought = Counter(self.head.top), Counter(self.right[:TOP_RANKS])
        for what, which in (
            ("left out of the list", ought - here),
            ("on the list too often", here - ought),
        ):
            for each in which:
                self.troubles.setdefault(each.row.member_id, what)
        if here == ought:
            for seen, right in zip(self.head.top, self.right, strict=False):
                if seen != right:
                    self.troubles.setdefault(seen.row.member_id, "elsewhere on the list")


def _words(place: RankedRow) -> str:
    return f"rank {place.rank} with {place.row.points} points as {place.row.shown!r}"
