"""Ranks, and how a board of any size is cut so that one's own place is found in two reads.

A board's rows lie in pages in the order of their ranks; a second set of pages, in the order of
member ids, tells what each member has. The head knows where each page begins. Pages begin where
they began before as long as they neither grow nor shrink too far, so that one member who moves from
the end to the top changes two pages and not all those in between.
"""

import bisect
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib.foundation.identity import ShownAs
from chalicelib.foundation.values import dataclass

PAGE_ROWS = 420
"""Maximum size of a page: just under 8 KB; the head of 100,000 members has just under 16."""
MAX_ROWS = 2 * PAGE_ROWS
MIN_ROWS = PAGE_ROWS // 4
PODIUM_RANKS = 3
TOP_RANKS = 50
NEIGHBOURS = 2
_ALIAS_MARK = "\t"
"""Before the name in a row that is an alias. No name and no alias has a tab in it."""


def row_label(name: str, alias: str, shown_as: ShownAs, *, names: bool) -> str | None:
    """Return the name of a member's row; empty for none at all, None for a member who is hidden.

    Without `names` whoever has no alias appears without a name.
    """
    if shown_as is ShownAs.HIDDEN:
        return None
    if alias and (shown_as is ShownAs.ALIAS or not names):
        return f"{_ALIAS_MARK}{alias}"
    return name if names and shown_as is ShownAs.NAME else ""


class Row(NamedTuple):
    """A member on the board. A tuple: each look at one's place makes a page of them.

    `name` is what `row_label` returned.
    """

    member_id: str
    points: int
    name: str

    @property
    def shown(self) -> str | None:
        """The name or alias that is shown; None for neither."""
        return self.name.removeprefix(_ALIAS_MARK) or None

    @property
    def is_named(self) -> bool:
        """True if the member's own name is shown."""
        return self.name != "" and not self.name.startswith(_ALIAS_MARK)

    @property
    def has_alias(self) -> bool:
        return self.name.startswith(_ALIAS_MARK)

    @property
    def sort_key(self) -> tuple[int, str]:
        """Sort by it: most points first; of equal ones, whoever was invited first."""
        return (-self.points, self.member_id)


class RankedRow(NamedTuple):
    """A row and its rank; who has as many points has the same."""

    rank: int
    row: Row


class BoardPage(NamedTuple):
    """A page's first key, the id of its content and, for rows, the rank of the first one."""

    page_id: str
    begins: Any
    length: int
    rank: int = 0


@dataclass(frozen=True)
class PendingPage:
    """A page that is to be: its content and how many of its rows are its own."""

    begins: Any
    count: int
    content: bytes
    rank: int = 0

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass(frozen=True)
class BoardHead:
    """A board without its pages: of which span, its top rows, where each page begins.

    `retired` are pages of the board before this one, for readers who are still at it.
    """

    key: str = ""
    version: int = 0
    count: int = 0
    top: tuple[RankedRow, ...] = ()
    ranks: tuple[BoardPage, ...] = ()
    members: tuple[BoardPage, ...] = ()
    retired: tuple[str, ...] = ()

    def page_ids(self) -> set[str]:
        return {page.page_id for page in (*self.ranks, *self.members)}

    def shows_same_as(self, other: "BoardHead") -> bool:
        """Return whether there is nothing to see in one that is not in the other."""
        return replace(self, version=0, retired=()) == replace(other, version=0, retired=())


def rank_rows(rows: Sequence[Row], first_rank: int = 1, first_position: int = 1) -> list[RankedRow]:
    """Rank rows that are in their order; ties share a rank: 1, 2, 2, 4.

    For a piece of a board, tell the rank of its first row and that row's position.
    """
    found: list[RankedRow] = []
    rank, points = first_rank, rows[0].points if rows else 0
    for position, row in enumerate(rows, first_position):
        if row.points != points:
            rank, points = position, row.points
        found.append(RankedRow(rank, row))
    return found


def pages_by_rank(rows: Sequence[Row], before: Sequence[BoardPage]) -> list[PendingPage]:
    """Cut a board into pages. Each also has the two rows before it and the two after it."""
    edges = _page_boundaries(
        [row.sort_key for row in rows], [tuple(page.begins) for page in before]
    )
    all_ranks = rank_rows(rows)
    cuts = []
    for start, end in edges:
        lead = max(start - NEIGHBOURS, 0)
        held = rows[lead : end + NEIGHBOURS]
        content = [[row.member_id, row.points, row.name] for row in held]
        cuts.append(
            PendingPage(
                list(rows[start].sort_key), end - start, pack(content), all_ranks[lead].rank
            )
        )
    return cuts


def pages_by_member(rows: Iterable[Row], before: Sequence[BoardPage]) -> list[PendingPage]:
    """Cut the same board by member ids: what each member has."""
    have = sorted((row.member_id, row.points) for row in rows)
    edges = _page_boundaries([member_id for member_id, _ in have], [page.begins for page in before])
    return [
        PendingPage(have[start][0], end - start, pack(dict(have[start:end])))
        for start, end in edges
    ]


def _page_boundaries(keys: Sequence[Any], begins: Sequence[Any]) -> list[tuple[int, int]]:
    """Cut sorted keys where they were cut before, pages too large or too small aside."""
    starts = sorted({0, *(bisect.bisect_left(keys, begin) for begin in begins[1:])})
    kept: list[int] = []
    for start in starts:
        if not kept or start - kept[-1] >= MIN_ROWS:
            kept.append(start)
    if len(kept) > 1 and len(keys) - kept[-1] < MIN_ROWS:
        kept.pop()
    edges = []
    for start, end in zip(kept, [*kept[1:], len(keys)], strict=True):
        pieces = 1 if end - start <= MAX_ROWS else -(-(end - start) // PAGE_ROWS)
        size = -(-(end - start) // pieces)
        edges += [(at, min(at + size, end)) for at in range(start, end, size)] if size else []
    return edges


def assign_page_ids(
    cuts: Sequence[PendingPage], before: Sequence[BoardPage], run: str
) -> list[BoardPage]:
    """Name each page: as it is named where the same content lies already, else for this run."""
    known = {page.page_id.partition(".")[2]: page.page_id for page in before}
    return [
        BoardPage(known.get(cut.digest, f"{run}.{cut.digest}"), cut.begins, cut.count, cut.rank)
        for cut in cuts
    ]


def digest_of(content: bytes) -> str:
    """Name content: a page's id ends with it."""
    return hashlib.sha256(content).hexdigest()[:16]


def pack(content: Any) -> bytes:
    plain = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return zlib.compress(plain.encode())


class UnreadableContent(ValueError):
    """A page or head whose content is not what was written."""


def unpack(content: bytes) -> Any:
    """Unpack what was packed. Raises `UnreadableContent`."""
    try:
        return json.loads(zlib.decompress(content))
    except (zlib.error, ValueError) as error:
        raise UnreadableContent from error


def page_of_member(head: BoardHead, member_id: str) -> BoardPage | None:
    """Find the page that says what a member has, if they are on the board."""
    return _page_at(head.members, member_id, lambda page: page.begins)


def page_of_sort_key(head: BoardHead, place: tuple[int, str]) -> BoardPage | None:
    """Find the page that a place lies in."""
    return _page_at(head.ranks, place, lambda page: tuple(page.begins))


def _page_at(
    pages: Sequence[BoardPage], key: Any, begins: Callable[[BoardPage], Any]
) -> BoardPage | None:
    at = bisect.bisect_right(pages, key, key=begins)
    return pages[max(at - 1, 0)] if pages else None


def points_of_member(content: bytes, member_id: str) -> int | None:
    """Return what a member has, by a page of member ids."""
    have: Mapping[str, int] = unpack(content)
    return have.get(member_id)


def rows_of_page(head: BoardHead, page: BoardPage, content: bytes) -> list[RankedRow]:
    """Rank the rows of a page, those around it included."""
    rows = list(map(Row._make, unpack(content)))
    return rank_rows(rows, page.rank, _first_position(head, page))


def rows_around(
    head: BoardHead, page: BoardPage, content: bytes, place: tuple[int, str]
) -> list[RankedRow]:
    """Rank the row of a page at a place, with two on each side of it; empty if it is not there."""
    held = unpack(content)
    at = bisect.bisect_left(held, place, key=_stored_sort_key)
    if at == len(held) or _stored_sort_key(held[at]) != place:
        return []
    return _rank_some(head, page, held, slice(max(at - NEIGHBOURS, 0), at + NEIGHBOURS + 1))


def last_rows(head: BoardHead, content: bytes) -> list[RankedRow]:
    """Rank the last two rows of a board, by its last page of rows."""
    return _rank_some(head, head.ranks[-1], unpack(content), slice(-NEIGHBOURS, None))


def _rank_some(
    head: BoardHead, page: BoardPage, held: Sequence[Sequence[Any]], which: slice
) -> list[RankedRow]:
    """Rank some rows of a page and make no others: all of them would take as long as the calls."""
    first = _first_position(head, page)

    def rank(row: Row) -> int:
        ahead = bisect.bisect_left(held, -row.points, key=lambda each: -each[1])
        return first + ahead if ahead else page.rank

    rows = map(Row._make, held[which])
    return [RankedRow(rank(row), row) for row in rows]


def _stored_sort_key(held: Sequence[Any]) -> tuple[int, str]:
    return (-held[1], held[0])


def _first_position(head: BoardHead, page: BoardPage) -> int:
    """Return where on the board the first row of a page is, those before its own included."""
    start = 0
    for each in head.ranks:
        if each.page_id == page.page_id:
            break
        start += each.length
    return max(start - NEIGHBOURS, 0) + 1


def build_board(
    key: str, rows: Sequence[Row], before: BoardHead, run: str
) -> tuple[BoardHead, dict[str, bytes]]:
    """Make a board of rows in their order: its head, and the pages that are not there yet.

    `before` is the board as it lies, whose pages are taken over where nothing in them changed.
    """
    rank_cuts, member_cuts = (
        pages_by_rank(rows, before.ranks),
        pages_by_member(rows, before.members),
    )
    rank_pages = assign_page_ids(rank_cuts, before.ranks, run)
    member_pages = assign_page_ids(member_cuts, before.members, run)
    made = BoardHead(
        key=key,
        version=before.version + 1,
        count=len(rows),
        top=tuple(rank_rows(rows[:TOP_RANKS])),
        ranks=tuple(rank_pages),
        members=tuple(member_pages),
    )
    there = before.page_ids()
    fresh = {
        page.page_id: cut.content
        for page, cut in zip((*rank_pages, *member_pages), (*rank_cuts, *member_cuts), strict=True)
        if page.page_id not in there
    }
    return made, fresh
