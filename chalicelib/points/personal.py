"""Personal data in the points and boards tables: ledger, totals, scores, board pages."""

from collections.abc import Iterator

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.points.board_store import BoardStore, CountedItem
from chalicelib.points.boards import LeaderboardMarks
from chalicelib.points.periods import Period
from chalicelib.points.ranking import page_of_member, points_of_member
from chalicelib.points.store import EntryItem
from chalicelib.programs.service import ProgramService


class LedgerPersonalData:
    def __init__(self, database: Database, boards: BoardStore) -> None:
        database.register_models(EntryItem, CountedItem)
        self._database = database
        self._boards = boards

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        yield from part("points", self._database.raw_items(EntryItem, person.owner))
        counted = self._boards.counted_days(person.program_id, person.member_id)
        board = f"{person.program_id}#counted#{person.member_id}"
        yield from part("leaderboard", self._database.raw_items(CountedItem, board))
        days = set(counted.values())
        scores = self._boards.scores_of(person.program_id, person.member_id, days)
        yield from part("leaderboard", scores)

    def erase(self, person: Person) -> bool:
        """Remove the reasons that managers gave in their own words: the ledger's numbers stay."""
        for record in self._database.raw_items(EntryItem, person.owner):
            if record.get("reason"):
                entry = EntryItem(person.owner, record["item"])
                self._database.update(entry, [EntryItem.reason.remove()], EntryItem.item.exists())
        return True


class LeaderboardPersonalData:
    """Boards show names; a removed member's goes with the next board that is made."""

    def __init__(
        self, boards: BoardStore, marks: LeaderboardMarks, programs: ProgramService, clock: Clock
    ) -> None:
        self._boards = boards
        self._marks = marks
        self._programs = programs
        self._clock = clock

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:  # noqa: ARG002  copies
        yield from ()

    def erase(self, person: Person) -> bool:
        """Have boards that show the person made anew, and take away the pages before them."""
        program_id = person.program_id
        program = self._programs.program(program_id)
        if program is None or not program.leaderboard:
            # Nobody reads them, and they are made anew once it is switched on again.
            for period in Period:
                self._boards.forget(program_id, period)
            return True
        if self._boards.is_being_built(program_id, self._clock.now()):
            return False
        shown = [period for period in Period if self._shows(person, period)]
        if shown:
            self._marks.mark({program_id})
            return False
        for period in Period:
            known = self._boards.head(program_id, period).page_ids()
            found = self._boards.pages_of_run(program_id, period, "")
            self._boards.remove_pages(program_id, period, set(found) - known)
        return True

    def _shows(self, person: Person, period: Period) -> bool:
        head = self._boards.head(person.program_id, period)
        page = page_of_member(head, person.member_id)
        content = self._boards.page(person.program_id, period, page.page_id) if page else None
        return content is not None and points_of_member(content, person.member_id) is not None
