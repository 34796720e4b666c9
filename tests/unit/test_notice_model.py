"""Boxes and plans of notices: what they keep, and what they forget."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.notifications.model import (
    FIRST_SLOTS,
    LEARNS_EVERY,
    MAX_LAST_CALLS,
    MAX_MARKS,
    MAX_MOVES,
    MAX_SLOTS,
    Box,
    Bulletin,
    Entry,
    Mark,
    ProgramPlan,
    Reader,
    Slot,
    learned,
    learning,
    learns,
    moved_to,
    shown,
    with_marks,
    with_move,
    with_read,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANYBODY = Reader(frozenset(), None, is_manager=False)
BLANK = Box("prg_1", "mem_1")


def ids(number: int) -> list[str]:
    return [f"act_{each:026}" for each in range(1, number + 1)]


@pytest.mark.parametrize("mark", [Mark.MAILED_END, Mark.REMINDED])
def test_what_was_made_long_ago_and_ends_tomorrow_is_told_once_whatever_else_was_seen(
    mark: Mark,
) -> None:
    old = Entry("act_0", "Old", NOW - 400 * DAY, NOW + HOUR, frozenset())
    box = with_marks(with_marks(BLANK, ids(400), Mark.SEEN), ["act_0"], mark)
    box = with_marks(box, [f"act_later{each}" for each in range(400)], Mark.SEEN)
    (found,) = shown(box, Bulletin("prg_1", (old,)), ANYBODY, NOW)
    assert (found.mailed, found.read) == (mark is Mark.MAILED_END, mark is Mark.REMINDED)


def test_what_was_made_long_ago_and_opens_now_is_news_until_it_was_seen() -> None:
    box = with_marks(BLANK, ids(MAX_MARKS + 50), Mark.SEEN)
    opened = Bulletin("prg_1", (Entry("act_0", "Old", NOW - HOUR, None, frozenset()),))
    assert not shown(box, opened, ANYBODY, NOW)[0].read
    box = with_read(box, opened, ANYBODY, ["new#act_0"], NOW)
    assert shown(box, opened, ANYBODY, NOW)[0].read


@given(
    some.lists(some.tuples(some.integers(0, 900), some.sampled_from(list(Mark))), max_size=600).map(
        lambda marks: [(f"act_{number}", mark) for number, mark in marks]
    )
)
def test_marks_are_bounded_and_the_one_that_came_last_is_among_them(
    marks: list[tuple[str, Mark]],
) -> None:
    box = BLANK
    for activity_id, mark in marks:
        box = with_marks(box, [activity_id], mark)
        assert box.has(activity_id, mark)
    assert len(box.marks) <= MAX_MARKS + MAX_LAST_CALLS


def test_a_member_adds_a_few_slots_a_day_and_the_same_one_once() -> None:
    box = BLANK
    for hour in range(24):
        box = with_move(with_move(box, Slot("UTC", hour), NOW), Slot("UTC", hour), NOW)
    assert [text for text, _ in box.moves] == [f"UTC|{hour}" for hour in range(MAX_MOVES)]
    later = with_move(box, Slot("UTC", 23), NOW + DAY)
    assert [text for text, _ in later.moves] == ["UTC|23"]


def test_what_nobody_has_is_walked_for_until_the_slots_were_learned_twice() -> None:
    ben, zoe = Slot("America/New_York", 20), Slot("Asia/Tokyo", 3)
    plan = ProgramPlan("prg_1", slots=FIRST_SLOTS | {ben, zoe})
    at = NOW
    for held in ({ben, zoe}, {ben}, {ben}):
        assert learns(plan, at)
        plan = learning(plan, at)
        assert ben in plan.slots
        plan = learned(plan, held)
        assert not learns(plan, at + LEARNS_EVERY - HOUR)
        at += DAY
    assert plan.slots == FIRST_SLOTS | {ben}


def test_a_slot_that_is_chosen_holds_at_once_and_after_the_next_learning() -> None:
    plan = learned(learning(ProgramPlan("prg_1"), NOW), {Slot("", 9)})
    chosen = Slot("Asia/Tokyo", 3)
    plan = moved_to(plan, chosen, NOW + HOUR)
    assert (chosen in plan.slots, plan.due_at) == (True, NOW + HOUR)
    assert moved_to(plan, chosen, NOW + 2 * HOUR) == plan
    assert chosen in learning(plan, NOW + DAY).slots


def test_no_slot_is_forgotten_while_walks_fail() -> None:
    ben, chosen = Slot("America/New_York", 20), Slot("Asia/Tokyo", 3)
    plan = learned(learning(ProgramPlan("prg_1"), NOW), {ben})
    plan = learning(plan, NOW + DAY)
    plan = moved_to(plan, chosen, NOW + DAY)  # of the walk's messages none was worked off
    assert learning(plan, NOW + 2 * DAY).slots == FIRST_SLOTS | {ben, chosen}


def test_a_plan_is_bounded_whatever_its_members_choose() -> None:
    many = {Slot(f"Zone/{zone}", hour) for zone in range(100) for hour in range(24)}
    plan = learned(ProgramPlan("prg_1"), many)
    for each in sorted(many, key=str):
        plan = moved_to(plan, each, NOW)
    assert (len(plan.slots), len(plan.learned)) == (MAX_SLOTS, MAX_SLOTS)
    assert learning(plan, NOW).slots >= FIRST_SLOTS
