"""Ranks against a naive model, and boards that are cut into pages without anybody noticing."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.points import ranking
from chalicelib.points.boards import board_rows
from chalicelib.points.ranking import (
    MAX_ROWS,
    MIN_ROWS,
    NEIGHBOURS,
    TOP_RANKS,
    BoardHead,
    Row,
    UnreadableContent,
    build_board,
    last_rows,
    page_of_member,
    page_of_sort_key,
    points_of_member,
    rank_rows,
    rows_around,
    rows_of_page,
    unpack,
)

scores = st.dictionaries(
    st.integers(0, 9999).map(lambda number: f"mem_{number:05}"), st.integers(0, 40), max_size=60
)


def rows_from(have: Mapping[str, int]) -> list[Row]:
    return board_rows(have, {each: f"Name of {each}" for each in have})


def naive_rank(have: Mapping[str, int], member_id: str) -> int:
    return 1 + sum(points > have[member_id] for points in have.values())


def test_ties_share_a_rank_and_the_next_one_is_left_out() -> None:
    rows = rows_from({"a": 9, "b": 7, "c": 7, "d": 1})
    assert [each.rank for each in rank_rows(rows)] == [1, 2, 2, 4]


def test_members_without_points_or_not_shown_are_not_on_the_board() -> None:
    assert board_rows({"a": 0, "b": 3, "gone": 9, "c": -1}, {"a": "A", "b": "B", "c": "C"}) == [
        Row("b", 3, "B")
    ]


@given(scores)
def test_a_rank_is_one_more_than_there_are_members_with_more(have: dict[str, int]) -> None:
    rows = rows_from(have)
    for each in rank_rows(rows):
        assert each.rank == naive_rank(have, each.row.member_id)


class Kept:
    """A board as it is kept: a head, and pages by their ids."""

    def __init__(self) -> None:
        self.head, self.pages, self.runs = BoardHead(), dict[str, bytes](), 0

    def make(self, have: Mapping[str, int]) -> int:
        """Make the board anew; returns how many pages that wrote."""
        self.runs += 1
        self.head, fresh = build_board("week#1", rows_from(have), self.head, f"run{self.runs}")
        assert not self.pages.keys() & fresh.keys()
        self.pages |= fresh
        return len(fresh)

    def check(self, have: Mapping[str, int]) -> None:
        rows = rank_rows(rows_from(have))
        assert self.head.count == len(rows)
        assert list(self.head.top) == rows[:TOP_RANKS]
        for at, each in enumerate(rows):
            member_id = each.row.member_id
            page = page_of_member(self.head, member_id)
            assert page is not None
            assert points_of_member(self.pages[page.page_id], member_id) == each.row.points
            place = page_of_sort_key(self.head, each.row.sort_key)
            assert place is not None
            content, here = self.pages[place.page_id], each.row.sort_key
            near = rows_around(self.head, place, content, here)
            assert near == rows[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1]
            assert each in rows_of_page(self.head, place, content)
            for elsewhere in ((here[0], member_id + "x"), (here[0] - 1, member_id), (1, "")):
                assert rows_around(self.head, place, content, elsewhere) == []
        if rows:
            assert (
                last_rows(self.head, self.pages[self.head.ranks[-1].page_id]) == rows[-NEIGHBOURS:]
            )


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("PAGE_ROWS", 4), ("MAX_ROWS", 8), ("MIN_ROWS", 2)):
        monkeypatch.setattr(ranking, name, size)


@pytest.mark.usefixtures("_small_pages")
@settings(max_examples=60)
@given(st.lists(scores, min_size=1, max_size=5))
def test_each_member_finds_their_rank_and_neighbours_however_the_board_changed(
    boards: list[dict[str, int]],
) -> None:
    kept = Kept()
    for have in boards:
        kept.make(have)
        kept.check(have)


def test_pages_stay_within_their_bounds_while_members_come_and_go() -> None:
    kept = Kept()
    have = {f"mem_{number:06}": 1 + number % 997 for number in range(10_000)}
    for step in (0, 3_000, 6_000, 9_000, 9_900):
        left = dict(list(have.items())[step:])
        kept.make(left)
        for pages in (kept.head.ranks, kept.head.members):
            assert sum(page.length for page in pages) == len(left)
            assert all(page.length <= MAX_ROWS for page in pages)
            assert len(pages) == 1 or min(page.length for page in pages) >= MIN_ROWS // 2
    kept.check(left)


def test_nothing_changed_writes_no_page_and_a_jump_to_the_top_just_a_few() -> None:
    kept = Kept()
    have = {f"mem_{number:06}": 10_000 - number for number in range(10_000)}
    assert kept.make(have) > 20
    before = kept.head
    assert kept.make(have) == 0
    assert kept.head.shows_same_as(before)
    have["mem_009990"] = 20_000
    assert kept.make(have) <= 5
    assert not kept.head.shows_same_as(before)
    assert kept.head.top[0].row.member_id == "mem_009990"


def test_a_board_of_nobody_has_no_pages() -> None:
    kept = Kept()
    assert kept.make({}) == 0
    assert page_of_member(kept.head, "mem_1") is None
    assert (kept.head.ranks, kept.head.members, kept.head.top) == ((), (), ())


def test_bytes_that_were_not_packed_are_unreadable() -> None:
    for content in (b"", b"nothing packed", b"x\x9c\x00"):
        with pytest.raises(UnreadableContent):
            unpack(content)
