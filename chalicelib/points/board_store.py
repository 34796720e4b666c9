"""The boards table: what is counted from the ledger's stream, and the snapshots made of it.

Scores and notes of what was counted grow with the ledger and are never reset; heads, pages and
marks are made from them anew. docs/data.md has the keys.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist

from chalicelib.foundation.table import (
    Check,
    Conflict,
    LeanModel,
    Model,
    Put,
    Read,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.points.model import LedgerEntry
from chalicelib.points.periods import Period, spans_of_day
from chalicelib.points.ranking import (
    BoardHead,
    BoardPage,
    RankedRow,
    Row,
    UnreadableContent,
    pack,
    unpack,
)

_CHANGED_KEY = "changed"


class AlreadyCounted(Exception):
    """This entry is in the scores; nothing was written."""


class LeaseLost(Exception):
    """Another run has taken the program over; nothing was written."""


class ScoreItem(LeanModel):
    """A member's points within one span of the calendar."""

    class Meta:
        table_name = "boards"

    board = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    points = NumberAttribute()


class CountedItem(Model):
    """A ledger entry is in the scores, on this day."""

    class Meta:
        table_name = "boards"

    board = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    day = UnicodeAttribute()


class HeadItem(Model):
    class Meta:
        table_name = "boards"

    board = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    span = UnicodeAttribute()
    version = NumberAttribute()
    content = BinaryAttribute(legacy_encoding=False)


class PageItem(Model):
    class Meta:
        table_name = "boards"

    board = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    content = BinaryAttribute(legacy_encoding=False)


class DueBoardItem(Model):
    """A program's boards are due: something changed since they were made."""

    class Meta:
        table_name = "boards"

    board = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    since = UTCDateTimeAttribute()
    stamp = UnicodeAttribute()
    run = UnicodeAttribute(null=True)
    leased_until = UTCDateTimeAttribute(null=True)


@dataclass(frozen=True)
class BuildLease:
    """A program's due boards: the first change and the last one's stamp; `run` holds the lease."""

    program_id: str
    since: datetime
    stamp: str
    run: str


class BoardStore(Store):
    MODELS = (ScoreItem, CountedItem, HeadItem, PageItem, DueBoardItem)

    # --- counting -----------------------------------------------------------------------------

    def count(self, program_id: str, member_id: str, entry: LedgerEntry, day: date) -> None:
        """Add an entry to the scores of its day's spans, once. Raises `AlreadyCounted`."""
        note = _counted_item(program_id, member_id, entry.entry_id, day)
        self._database.commit(
            [
                Put(note, CountedItem.item.does_not_exist(), AlreadyCounted),
                *(
                    Update(
                        ScoreItem(_scores_key(program_id, span.key), member_id),
                        [ScoreItem.points.add(entry.earned)],
                    )
                    for span in spans_of_day(day)
                ),
            ]
        )

    def day_counted(self, program_id: str, member_id: str, entry_id: str) -> date | None:
        """Return on which day an entry was counted, if it was."""
        note = _counted_item(program_id, member_id, entry_id)
        try:
            found = self._database.get(CountedItem, note.board, note.item, consistent_read=True)
        except DoesNotExist:
            return None
        return date.fromisoformat(found.day)

    def counted_days(self, program_id: str, member_id: str) -> dict[str, date]:
        """Read which entries of a member were counted, and on which day each."""
        board = _counted_item(program_id, member_id, "").board
        return {
            each.item: date.fromisoformat(each.day)
            for each in self._database.query(CountedItem, board, consistent_read=True)
        }

    def note_counted(self, program_id: str, member_id: str, entry_id: str, day: date) -> bool:
        """Note an entry as counted without adding it; False if it is noted already."""
        note = _counted_item(program_id, member_id, entry_id)
        absent = CountedItem.item.does_not_exist()
        return self._database.update(note, [CountedItem.day.set(day.isoformat())], absent)

    def scores(self, program_id: str, span_key: str) -> Iterator[tuple[str, int]]:
        """Walk what members have within a span: member and points."""
        found = self._database.query(
            ScoreItem, _scores_key(program_id, span_key), consistent_read=True
        )
        return ((each.item, int(each.points)) for each in found)

    def set_score(
        self, program_id: str, span_key: str, member_id: str, kept: int | None, right: int | None
    ) -> bool:
        """Set a score right, unless it moved from what it was read as; None is no score."""
        item = ScoreItem(_scores_key(program_id, span_key), member_id)
        same = ScoreItem.item.does_not_exist() if kept is None else ScoreItem.points == kept
        if right is not None:
            return self._database.update(item, [ScoreItem.points.set(right)], same)
        return self._database.delete(item, same)

    def scores_of(
        self, program_id: str, member_id: str, days: Iterable[date]
    ) -> Iterator[dict[str, Any]]:
        """Yield a member's scores in all spans that some days lie in: a call for each hundred."""
        keys = {
            (_scores_key(program_id, span.key), member_id)
            for day in days
            for span in spans_of_day(day)
        }
        for item in self._database.batch_get(ScoreItem, sorted(keys), consistent_read=True):
            yield {"board": item.board, "item": item.item, "points": int(item.points)}

    # --- what is due --------------------------------------------------------------------------

    def mark(self, program_id: str, now: datetime, stamp: str) -> None:
        """Mark a program's boards as due; `since` stays that of the first change."""
        first = DueBoardItem.since.set(DueBoardItem.since | now)
        self._database.update(
            DueBoardItem(_CHANGED_KEY, program_id), [DueBoardItem.stamp.set(stamp), first]
        )

    def due(self) -> Sequence[str]:
        """List programs whose boards are due, longest first: one query of 1 MB per 8,000."""
        found = sorted(
            self._database.query(DueBoardItem, _CHANGED_KEY, consistent_read=True),
            key=lambda each: each.since,
        )
        return [each.item for each in found]

    def lease(
        self, program_id: str, run: str, now: datetime, until: datetime
    ) -> tuple[BuildLease, str | None] | None:
        """Take a due program for a run; None if another has it, or nothing is due any more.

        The second value is the run that had it and never ended, if there was one.
        """
        try:
            before = self._database.get(
                DueBoardItem, _CHANGED_KEY, program_id, consistent_read=True
            )
        except DoesNotExist:
            return None
        held = DueBoardItem.run == before.run if before.run else DueBoardItem.run.does_not_exist()
        if before.run and before.leased_until and before.leased_until > now:
            return None
        mine = DueBoardItem(_CHANGED_KEY, program_id)
        actions = [DueBoardItem.run.set(run), DueBoardItem.leased_until.set(until)]
        if not self._database.update(mine, actions, DueBoardItem.stamp.exists() & held):
            return None
        return BuildLease(program_id, mine.since, mine.stamp, run), before.run

    def finish(self, mark: BuildLease, begun: datetime) -> None:
        """End a run: what changed since it took the mark stays due."""
        item = DueBoardItem(_CHANGED_KEY, mark.program_id)
        mine = DueBoardItem.run == mark.run
        if not self._database.delete(item, mine & (DueBoardItem.stamp == mark.stamp)):
            gone = [DueBoardItem.run.remove(), DueBoardItem.leased_until.remove()]
            self._database.update(item, [DueBoardItem.since.set(begun), *gone], mine)

    def release_run(self, mark: BuildLease) -> None:
        """End a run that broke: all stays due, for whoever comes next.

        The name of the run stays, so that what it left behind can be cleared away.
        """
        item = DueBoardItem(_CHANGED_KEY, mark.program_id)
        self._database.update(
            item, [DueBoardItem.leased_until.remove()], DueBoardItem.run == mark.run
        )

    def is_being_built(self, program_id: str, now: datetime) -> bool:
        """Return whether a run is at a program's boards."""
        try:
            mark = self._database.get(DueBoardItem, _CHANGED_KEY, program_id, consistent_read=True)
        except DoesNotExist:
            return False
        return bool(mark.run and mark.leased_until and mark.leased_until > now)

    # --- snapshots ----------------------------------------------------------------------------

    def read_of_head(self, program_id: str, period: Period) -> Read[BoardHead]:
        return Read(HeadItem, (program_id, _head_key(period)), _head_from)

    def read_of_mark(self, program_id: str) -> Read[datetime]:
        """Read of the instant since which something has changed."""
        return Read(DueBoardItem, (_CHANGED_KEY, program_id), lambda item: item.since)

    def head(self, program_id: str, period: Period) -> BoardHead:
        """Read a board's head, never behind; an empty one if there is none, or none to be read."""
        try:
            item = self._database.get(HeadItem, program_id, _head_key(period), consistent_read=True)
        except DoesNotExist:
            return BoardHead()
        try:
            return _head_from(item)
        except UnreadableContent:
            return BoardHead(version=int(item.version))

    def page(self, program_id: str, period: Period, page_id: str) -> bytes | None:
        """Read a page; None if it has been replaced since its head was read."""
        try:
            item = self._database.get(
                PageItem, _pages_key(program_id, period), page_id, consistent_read=True
            )
        except DoesNotExist:
            return None
        return bytes(item.content)

    def put_pages(self, program_id: str, period: Period, pages: Mapping[str, bytes]) -> None:
        """Write pages that no head names yet: 25 a call."""
        board = _pages_key(program_id, period)
        with self._database.batch_write(PageItem) as batch:
            for page_id, content in pages.items():
                batch.save(PageItem(board, page_id, content=content))

    def remove_pages(self, program_id: str, period: Period, page_ids: Iterable[str]) -> None:
        """Take away pages that no head names any more."""
        board = _pages_key(program_id, period)
        with self._database.batch_write(PageItem) as batch:
            for page_id in page_ids:
                batch.delete(PageItem(board, page_id))

    def forget(self, program_id: str, period: Period) -> None:
        """Remove a board: its head, then its pages."""
        self._database.delete(HeadItem(program_id, _head_key(period)))
        self.remove_pages(program_id, period, self.pages_of_run(program_id, period, ""))

    def pages_of_run(self, program_id: str, period: Period, run: str) -> list[str]:
        """List the pages that a run wrote, or all runs if none is named, in a head or not."""
        found = self._database.query(
            PageItem,
            _pages_key(program_id, period),
            PageItem.item.startswith(f"{run}.") if run else None,
            consistent_read=True,
            attributes_to_get=["item"],
        )
        return [each.item for each in found]

    def put_head(self, mark: BuildLease, period: Period, head: BoardHead) -> None:
        """Let readers see a board, all of it at once. Raises `LeaseLost`, nothing written then."""
        content = {
            "count": head.count,
            "top": [[each.rank, *each.row] for each in head.top],
            "ranks": head.ranks,
            "members": head.members,
            "retired": head.retired,
        }
        item = HeadItem(
            mark.program_id,
            _head_key(period),
            span=head.key,
            version=head.version,
            content=pack(content),
        )
        unseen = HeadItem.item.does_not_exist()
        try:
            self._database.commit(
                [
                    Check(
                        DueBoardItem,
                        (_CHANGED_KEY, mark.program_id),
                        DueBoardItem.run == mark.run,
                        LeaseLost,
                    ),
                    Put(
                        item,
                        unseen if head.version == 1 else HeadItem.version == head.version - 1,
                        LeaseLost,
                    ),
                ]
            )
        except Conflict:
            raise LeaseLost from None


def _head_from(item: HeadItem) -> BoardHead:
    content = unpack(item.content)
    try:
        return BoardHead(
            key=item.span,
            version=int(item.version),
            count=content["count"],
            top=tuple(RankedRow(rank, Row(*row)) for rank, *row in content["top"]),
            ranks=tuple(map(BoardPage._make, content["ranks"])),
            members=tuple(map(BoardPage._make, content["members"])),
            retired=tuple(content["retired"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableContent from error


def _scores_key(program_id: str, span_key: str) -> str:
    return f"{program_id}#{span_key}"


def _pages_key(program_id: str, period: Period) -> str:
    return f"{program_id}#pages#{period.value}"


def _head_key(period: Period) -> str:
    return f"head#{period.value}"


def _counted_item(
    program_id: str, member_id: str, entry_id: str, day: date | None = None
) -> CountedItem:
    board = f"{program_id}#counted#{member_id}"
    return CountedItem(board, entry_id, day=day.isoformat() if day else None)
