"""Everything that is made from the ledger, made again: what differs is told, and can be set right.

What is counted or made while this looks may seem to differ: ask again before believing it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pynamodb.exceptions import UpdateError

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.table import condition_failed
from chalicelib.points.board_store import BoardStore
from chalicelib.points.boards import Snapshots, board_rows
from chalicelib.points.model import (
    CountDifference,
    Difference,
    Entry,
    EntryKind,
    Finding,
    NoSuchProgram,
    PlaceDifference,
    ScoreDifference,
    award_id,
    totals_of,
)
from chalicelib.points.periods import Span, day_of, spans_between, spans_of
from chalicelib.points.ranking import Head, Page, Ranked, Unreadable, ranked, rows_of, unpacked
from chalicelib.points.store import PointStore
from chalicelib.programs.model import Program, owner_key
from chalicelib.programs.service import ProgramService

Progress = Callable[[str], None]
MEMBERS_A_WORD = 500
"""After so many members it says how far it is."""

Scores = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Ledgers:
    """What the ledgers of a program say: scores by span, since when, and what else differs."""

    scores: Scores
    first: date
    findings: Sequence[Finding]


class Rebuilding:
    def __init__(
        self,
        boards: BoardStore,
        points: PointStore,
        programs: ProgramService,
        snapshots: Snapshots,
        clock: Clock,
    ) -> None:
        self._boards = boards
        self._points = points
        self._programs = programs
        self._snapshots = snapshots
        self._clock = clock

    def findings(self, program_id: str, say: Progress) -> list[Finding]:
        """Add everything up from the ledger and compare. Raises `NoSuchProgram`."""
        program = self._programs.program(program_id)
        if program is None:
            raise NoSuchProgram(program_id)
        today = day_of(self._clock.now(), program.time_zone)
        ledgers = self._add_up(program, say)
        found = list(ledgers.findings)
        for span in spans_between(ledgers.first, today):
            found += self._scores_that_differ(program_id, span, ledgers.scores)
        say("scores compared")
        if program_id in self._boards.due():
            say("a change waits for the next tick; until then boards may differ by it")
        if program.leaderboard:
            names = self._snapshots.names(program)
            for span in spans_of(today):
                found += self._places_that_differ(program_id, span, ledgers.scores, names)
            say("boards compared")
        return found

    def _add_up(self, program: Program, say: Progress) -> Ledgers:
        scores: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        found: list[Finding] = []
        first, number = day_of(program.created_at, program.time_zone), 0
        for number, member in enumerate(self._programs.members(program.program_id), 1):
            owner = owner_key(program.program_id, member.member_id)
            kept, entries = self._points.totals(owner), list(self._points.entries(owner))
            if kept != totals_of(entries):
                found.append(Difference(member.member_id, kept, totals_of(entries)))
            earning = [entry for entry in entries if entry.earned]
            if earning:
                noted = self._boards.counted(program.program_id, member.member_id)
                days = _days_of(earning, noted, program.time_zone)
                first = min(first, *days.values())
                for entry in earning:
                    for span in spans_of(days[entry.entry_id]):
                        scores[span.key][member.member_id] += entry.earned
                left = {each: day for each, day in days.items() if each not in noted}
                if left:
                    found.append(CountDifference(member.member_id, left))
            if number % MEMBERS_A_WORD == 0:
                say(f"{number} ledgers added up")
        say(f"{number} ledgers added up, all there are")
        return Ledgers(scores, first, found)

    def _scores_that_differ(self, program_id: str, span: Span, scores: Scores) -> Iterator[Finding]:
        kept, right = dict(self._boards.scores(program_id, span.key)), scores.get(span.key, {})
        for member_id in sorted(kept.keys() | right.keys()):
            if kept.get(member_id, 0) != right.get(member_id, 0):
                yield ScoreDifference(
                    member_id, span.key, kept.get(member_id), right.get(member_id)
                )

    def _places_that_differ(
        self, program_id: str, span: Span, scores: Scores, names: Mapping[str, str]
    ) -> Iterator[Finding]:
        """Compare all that readers of a board can see with what the ledger would show."""
        head = self._boards.head(program_id, span.period)
        if head.key != span.key:
            head = Head(span.key)
        right = ranked(board_rows(scores.get(span.key, {}), names))
        places = {each.row.member_id: [_words(each)] for each in right}
        have = {each.row.member_id: each.row.points for each in right}
        kept = self._places(program_id, span, head)
        told = self._points_told(program_id, span, head)
        top_right = right[: len(head.top)]
        top_wrong = {each.row.member_id for each in {*head.top} ^ {*top_right}}
        for member_id in sorted(places.keys() | kept.keys() | told.keys() | top_wrong):
            seen = kept.get(member_id, [])
            if seen == places.get(member_id, []):
                if told.get(member_id) != have.get(member_id):
                    seen = [f"{told.get(member_id)} points when they ask for their own place"]
                elif member_id in top_wrong:
                    seen = [_words(each) for each in head.top if each.row.member_id == member_id]
                else:
                    continue
            yield PlaceDifference(
                member_id,
                span.key,
                ", and ".join(seen) or None,
                ", and ".join(places.get(member_id, [])) or None,
            )

    def _places(self, program_id: str, span: Span, head: Head) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for page, rows in self._pages(program_id, span, head.ranks):
            start = sum(each.length for each in head.ranks[: head.ranks.index(page)])
            lead = len([each for each in (start - 2, start - 1) if each >= 0])
            for each in rows_of(head, page, rows)[lead : lead + page.length]:
                found[each.row.member_id].append(_words(each))
        return found

    def _points_told(self, program_id: str, span: Span, head: Head) -> dict[str, int]:
        found: dict[str, int] = {}
        for _, content in self._pages(program_id, span, head.members):
            found |= unpacked(content)
        return found

    def _pages(
        self, program_id: str, span: Span, pages: Sequence[Page]
    ) -> Iterator[tuple[Page, bytes]]:
        """Read pages; one that is not there, or cannot be read, has nothing on it."""
        for page in pages:
            content = self._boards.page(program_id, span.period, page.page_id)
            if content is None:
                continue
            try:
                unpacked(content)
            except Unreadable:
                continue
            yield page, content

    def repair(self, program_id: str, findings: Sequence[Finding]) -> list[Finding]:
        """Set right what differs; gives what moved meanwhile and was left as it is."""
        # What is noted as counted first: a late delivery then adds nothing to a score set here.
        ordered = sorted(findings, key=lambda each: not isinstance(each, CountDifference))
        left = [each for each in ordered if not self._set_right(program_id, each)]
        if findings:
            self._snapshots.mark({program_id})
            if not self._snapshots.make(program_id, anew=True):
                left += [each for each in findings if isinstance(each, PlaceDifference)]
        return left

    def _set_right(self, program_id: str, finding: Finding) -> bool:
        match finding:
            case Difference(member_id, kept, ledger):
                try:
                    self._points.put_totals(owner_key(program_id, member_id), kept, ledger)
                except UpdateError as error:
                    if condition_failed(error):
                        return False
                    raise
            case CountDifference(member_id, days):
                for entry_id, day in days.items():
                    self._boards.note_counted(program_id, member_id, entry_id, day)
            case ScoreDifference(member_id, span_key, had, right):
                return self._boards.set_score(program_id, span_key, member_id, had, right)
            case PlaceDifference():
                pass  # boards are made anew, all of them, from the scores
        return True


def _days_of(entries: Sequence[Entry], noted: Mapping[str, date], zone: str) -> dict[str, date]:
    """Tell on which day each entry counts: as noted, else by the zone; reversals with awards."""
    days = {
        entry.entry_id: noted.get(entry.entry_id) or day_of(entry.made_at, zone)
        for entry in entries
    }
    for entry in entries:
        if entry.kind is EntryKind.REVERSAL and entry.entry_id not in noted:
            awarded = days.get(award_id(entry.performance_id))
            days[entry.entry_id] = awarded or days[entry.entry_id]
    return days


def _words(place: Ranked) -> str:
    return f"rank {place.rank} with {place.row.points} points as {place.row.name!r}"
