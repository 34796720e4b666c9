"""Boxes and plans of notices: what they keep, and what they forget."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.notifications.model import (
    FIRST_SLOTS,
    MAX_ACTIVITY_MARKS,
    MAX_LAST_CALLS,
    MAX_SLOT_MOVES,
    MAX_SLOTS,
    SLOT_SCAN_INTERVAL,
    SLOT_SCAN_TIME_LIMIT,
    ActivityProgress,
    Bulletin,
    BulletinEntry,
    NoticeBox,
    ProgramPlan,
    Reader,
    ScanResult,
    Slot,
    begin_slot_scan,
    finish_slot_scan,
    is_slot_scan_due,
    next_due_at,
    scan_round_of,
    shown_notices,
    with_added_slot,
    with_notices_read,
    with_progress,
    with_slot_move,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ANYBODY = Reader(frozenset(), None, is_manager=False)
BLANK = NoticeBox("prg_1", "mem_1")


def ids(number: int) -> list[str]:
    return [f"act_{each:026}" for each in range(1, number + 1)]


@pytest.mark.parametrize("mark", [ActivityProgress.MAILED_END, ActivityProgress.REMINDED])
def test_an_old_activity_that_ends_tomorrow_is_announced_once_whatever_else_was_seen(
    mark: ActivityProgress,
) -> None:
    old = BulletinEntry("act_0", "Old", NOW - 400 * DAY, NOW + HOUR, frozenset())
    box = with_progress(with_progress(BLANK, ids(400), ActivityProgress.SEEN), ["act_0"], mark)
    box = with_progress(box, [f"act_later{each}" for each in range(400)], ActivityProgress.SEEN)
    (found,) = shown_notices(box, Bulletin("prg_1", (old,)), ANYBODY, NOW)
    assert (found.mailed, found.read) == (
        mark is ActivityProgress.MAILED_END,
        mark is ActivityProgress.REMINDED,
    )


def test_an_old_activity_that_opens_now_is_news_until_it_is_seen() -> None:
    box = with_progress(BLANK, ids(MAX_ACTIVITY_MARKS + 50), ActivityProgress.SEEN)
    opened = Bulletin("prg_1", (BulletinEntry("act_0", "Old", NOW - HOUR, None, frozenset()),))
    assert not shown_notices(box, opened, ANYBODY, NOW)[0].read
    box = with_notices_read(box, opened, ANYBODY, ["new#act_0"], NOW)
    assert shown_notices(box, opened, ANYBODY, NOW)[0].read


@given(
    some.lists(
        some.tuples(some.integers(0, 900), some.sampled_from(list(ActivityProgress))), max_size=600
    ).map(lambda marks: [(f"act_{number}", mark) for number, mark in marks])
)
def test_marks_are_bounded_and_the_one_that_came_last_is_among_them(
    marks: list[tuple[str, ActivityProgress]],
) -> None:
    box = BLANK
    for activity_id, mark in marks:
        box = with_progress(box, [activity_id], mark)
        assert box.has_mark(activity_id, mark)
    assert len(box.marks) <= MAX_ACTIVITY_MARKS + MAX_LAST_CALLS


def test_a_member_adds_a_few_slots_a_day_and_the_same_one_once() -> None:
    box = BLANK
    for hour in range(24):
        box = with_slot_move(with_slot_move(box, Slot("UTC", hour), NOW), Slot("UTC", hour), NOW)
    assert [text for text, _ in box.moves] == [f"UTC|{hour}" for hour in range(MAX_SLOT_MOVES)]
    later = with_slot_move(box, Slot("UTC", 23), NOW + DAY)
    assert [text for text, _ in later.moves] == ["UTC|23"]


BEN, ZOE = Slot("America/New_York", 20), Slot("Asia/Tokyo", 3)


def of_walk(plan: ProgramPlan, *slots: Slot, chunks: int = 2, heard: int = 2) -> ScanResult:
    """Return what the walk that a plan waits for has learned."""
    assert plan.learned_from
    return ScanResult(
        scan_round_of(plan.learned_from), "walk", chunks, frozenset(range(heard)), frozenset(slots)
    )


def test_an_unused_slot_is_forgotten_after_a_complete_walk() -> None:
    plan = begin_slot_scan(ProgramPlan("prg_1", slots=FIRST_SLOTS | {BEN, ZOE}), NOW)
    assert not is_slot_scan_due(plan, NOW + SLOT_SCAN_INTERVAL - HOUR)
    early = NOW + SLOT_SCAN_TIME_LIMIT - SECOND
    assert finish_slot_scan(plan, of_walk(plan, BEN), early) == plan
    plan = finish_slot_scan(plan, of_walk(plan, BEN), NOW + SLOT_SCAN_TIME_LIMIT)
    assert plan.slots == FIRST_SLOTS | {BEN}
    assert finish_slot_scan(plan, of_walk(plan, ZOE), NOW + DAY) == plan
    assert is_slot_scan_due(plan, NOW + DAY)


def test_a_program_is_looked_at_when_its_walk_is_to_be_looked_back_at() -> None:
    plan, nothing = ProgramPlan("prg_1"), Bulletin("prg_1")
    assert next_due_at(plan, nothing, "UTC", NOW) - NOW > SLOT_SCAN_TIME_LIMIT
    plan = begin_slot_scan(plan, NOW)
    assert next_due_at(plan, nothing, "UTC", NOW) == NOW + SLOT_SCAN_TIME_LIMIT
    over = finish_slot_scan(plan, of_walk(plan), NOW + SLOT_SCAN_TIME_LIMIT)
    assert next_due_at(over, nothing, "UTC", NOW) - NOW > SLOT_SCAN_TIME_LIMIT


@pytest.mark.parametrize("lost", ["a chunk", "the walk", "all but an older one's"])
def test_where_messages_of_a_walk_were_lost_nothing_is_forgotten_and_it_walks_once_more(
    lost: str,
) -> None:
    before = begin_slot_scan(ProgramPlan("prg_1", slots=FIRST_SLOTS | {BEN}), NOW - DAY)
    plan = begin_slot_scan(before, NOW)
    found = {
        "a chunk": of_walk(plan, ZOE, heard=1),
        "the walk": ScanResult(),
        "all but an older one's": of_walk(before, ZOE),
    }[lost]
    again = NOW + SLOT_SCAN_TIME_LIMIT
    plan = finish_slot_scan(plan, found, again)
    assert plan.slots >= FIRST_SLOTS | {BEN}
    assert (ZOE in plan.slots) == (lost == "a chunk")
    assert (plan.learned_from, plan.learning_walks) == (again, 2)
    whole = finish_slot_scan(plan, of_walk(plan, ZOE), again + SLOT_SCAN_TIME_LIMIT)
    assert (whole.slots, whole.learning_walks) == (FIRST_SLOTS | {ZOE}, 0)
    given_up = finish_slot_scan(plan, of_walk(plan, heard=0), again + SLOT_SCAN_TIME_LIMIT)
    assert (given_up.slots, given_up.learning_walks) == (plan.slots, 0)
    assert is_slot_scan_due(given_up, NOW + DAY)


def test_a_slot_that_is_chosen_holds_at_once_and_after_the_walk_that_came_too_early_for_it() -> (
    None
):
    plan = begin_slot_scan(ProgramPlan("prg_1"), NOW)
    found = of_walk(plan, Slot("", 9))
    plan = with_added_slot(plan, ZOE, NOW + SECOND)
    assert (ZOE in plan.slots, plan.due_at) == (True, NOW + SECOND)
    assert with_added_slot(plan, ZOE, NOW + HOUR) == plan
    plan = finish_slot_scan(plan, found, NOW + SLOT_SCAN_TIME_LIMIT)
    assert plan.slots == FIRST_SLOTS | {ZOE}
    assert ZOE in begin_slot_scan(plan, NOW + DAY).slots


def test_a_plan_is_bounded_whatever_its_members_choose() -> None:
    many = {Slot(f"Zone/{zone}", hour) for zone in range(100) for hour in range(24)}
    plan = begin_slot_scan(ProgramPlan("prg_1"), NOW)
    found = of_walk(plan, *many)
    for each in sorted(many, key=str):
        plan = with_added_slot(plan, each, NOW)
    assert (len(plan.slots), len(plan.moved)) == (MAX_SLOTS, MAX_SLOTS)
    plan = finish_slot_scan(plan, found, NOW + SLOT_SCAN_TIME_LIMIT)
    assert len(plan.slots) <= MAX_SLOTS + 1
    assert plan.slots >= FIRST_SLOTS
