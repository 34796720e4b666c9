"""A sweep that all programs share takes them by turns and reads no more than it must."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.sweeps import (
    MAX_PER_PROGRAM,
    PAGE_SIZE,
    due_key,
    sweep_due_items,
    take_turns,
)
from tests.clock import NOON


@dataclass
class Index:
    """An index in memory, read like DynamoDB's: a range of keys, rising, up to a limit."""

    items: dict[str, str] = field(default_factory=dict)
    queries: list[int] = field(default_factory=list)

    def add(self, program_id: str, at: datetime, count: int = 1) -> None:
        for _ in range(count):
            item_id = f"itm_{len(self.items):06}"
            self.items[due_key(program_id, at, item_id)] = f"{program_id}/{item_id}"

    def query(self, after: str, until: str, count: int) -> list[tuple[str, str]]:
        found = sorted((key, item) for key, item in self.items.items() if after <= key <= until)
        self.queries.append(len(found[:count]))
        return found[:count]

    def programs(self, now: datetime, page: int = PAGE_SIZE) -> Iterator[str]:
        return (item.partition("/")[0] for item in sweep_due_items(self.query, now, page=page))


def test_four_thousand_items_of_one_program_delay_anothers_single_one_by_one_item() -> None:
    index = Index()
    index.add("prg_a", NOON - timedelta(minutes=30), 4000)
    index.add("prg_b", NOON - timedelta(seconds=1))
    turns = index.programs(NOON)
    assert sorted(islice(turns, 2)) == ["prg_a", "prg_b"]
    assert index.queries == [PAGE_SIZE, 1]
    assert list(turns) == ["prg_a"] * 3999
    assert len(index.queries) <= 2 + 4000 / PAGE_SIZE + 1


def test_a_program_with_nothing_due_is_not_read_however_many_there_are() -> None:
    index = Index()
    for number in range(500):
        index.add(f"prg_{number:03}", NOON + timedelta(hours=1 + number))
    index.add("prg_b", NOON)
    assert list(index.programs(NOON)) == ["prg_b"]
    assert len(index.queries) == 1


def test_programs_with_little_due_share_a_query() -> None:
    index = Index()
    for number in range(60):
        index.add(f"prg_{number:03}", NOON)
    assert len(list(index.programs(NOON))) == 60
    assert index.queries == [60]


def test_items_due_later_in_a_programs_hour_are_skipped() -> None:
    index = Index()
    index.add("prg_a", NOON + timedelta(minutes=20), 5 * PAGE_SIZE)
    index.add("prg_b", NOON + timedelta(minutes=10))
    assert list(index.programs(NOON + timedelta(minutes=10))) == ["prg_b"]
    assert index.queries == [PAGE_SIZE, 1]


@pytest.mark.parametrize("every", [timedelta(minutes=1), timedelta(hours=1)])
@pytest.mark.parametrize("count", range(2, 8))
def test_no_program_always_begins(count: int, every: timedelta) -> None:
    index = Index()
    for number in range(count):
        index.add(f"prg_{number}", NOON - timedelta(hours=2), 2)
    firsts = {next(index.programs(NOON + each * every)) for each in range(60)}
    assert len(firsts) == count


def test_the_key_of_a_program_sorts_apart_from_one_that_begins_alike() -> None:
    index = Index()
    index.add("prg_a", NOON, 3 * PAGE_SIZE)
    index.add("prg_ab", NOON)
    index.add("prg_a~", NOON)
    assert set(islice(index.programs(NOON), 3)) == {"prg_a", "prg_ab", "prg_a~"}


def test_items_of_a_query_come_one_of_each_program_in_turn_and_in_their_order() -> None:
    due = [("prg_a", number) for number in range(4000)] + [("prg_b", 0), ("prg_c", 0), ("prg_b", 1)]
    found = list(take_turns(due, lambda each: each[0], NOON))
    assert sorted(found[:3]) == [("prg_a", 0), ("prg_b", 0), ("prg_c", 0)]
    assert sorted(found[3:5]) == [("prg_a", 1), ("prg_b", 1)]
    assert found[5:] == [("prg_a", number) for number in range(2, MAX_PER_PROGRAM)]


items = st.lists(
    st.tuples(
        st.sampled_from(["prg_a", "prg_b", "prg_c", "prg_d"]),
        st.integers(-4 * 60, 90).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        st.integers(1, 12),
    ),
    max_size=12,
)


@given(items, st.integers(2, 9))
def test_all_that_is_due_comes_once_and_no_program_is_ahead_while_another_waits(
    due: list[tuple[str, datetime, int]], page: int
) -> None:
    index = Index()
    for program, at, count in due:
        index.add(program, at, count)
    expected = {program: 0 for program, _, _ in due}
    for program, at, count in due:
        expected[program] += count if at <= NOON else 0
    taken = dict.fromkeys(expected, 0)
    for program in index.programs(NOON, page):
        taken[program] += 1
        waiting = [taken[each] for each in expected if taken[each] < expected[each]]
        assert taken[program] <= min(waiting, default=taken[program]) + 1
    assert taken == expected
