"""When news reach members who chose mails at once, and digests across zones and their changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chalicelib.foundation.ids import new_id
from chalicelib.notifications import worker
from chalicelib.notifications.model import (
    Bulletin,
    Frequency,
    MailSettings,
    NoticeCategory,
    ProgramPlan,
    Slot,
    is_due_between,
    last_digest,
    next_due_at,
)
from chalicelib.notifications.service import SettingsChanges
from chalicelib.programs.model import ChannelKind, Program
from chalicelib.programs.service import ProgramChanges
from tests.clock import StoppedClock
from tests.integration.greenroom import CONTEXT
from tests.integration.notifying_greenroom import NotifyingGreenroom

EIGHT_FIFTY_NINE = datetime(2026, 6, 15, 6, 59, tzinfo=UTC)
"""In Berlin, where the program is: a minute before its members' digests."""


@pytest.fixture
def room(clock: StoppedClock) -> Iterator[NotifyingGreenroom]:
    clock.at = EIGHT_FIFTY_NINE - timedelta(hours=1)
    made = NotifyingGreenroom(clock)
    made.deliver_all()
    made.advance(hours=1)
    made.send_due_mails()
    yield made
    made.close()


def hurried(room: NotifyingGreenroom, name: str) -> None:
    """Have somebody join who is mailed of activities at once."""
    caller = room.join(name)
    chosen = dict.fromkeys((NoticeCategory.ACTIVITIES, NoticeCategory.LAST_CALL), Frequency.AT_ONCE)
    room.container.notifications.change_settings(caller, SettingsChanges(chosen))
    room.deliver_all()
    room.send_due_mails()


def two_minutes_pass(room: NotifyingGreenroom) -> None:
    """Let the clock find a program, and then the mails that its walk found due."""
    room.pass_time(hours=1 / 30, minutes=1)


def subjects(room: NotifyingGreenroom) -> list[str]:
    return [str(each.message["Subject"]) for each in room.mails]


# At once


def test_an_activity_whose_video_was_accepted_after_a_walk_is_mailed_at_once(
    room: NotifyingGreenroom,
) -> None:
    hurried(room, "amy")
    created_at = room.clock.now()
    room.pass_time(hours=0.05, minutes=1)
    room.publish(instructions="Menu", created_at=created_at, activity_id=new_id("act", created_at))
    room.deliver_all()
    two_minutes_pass(room)
    assert subjects(room) == ["New activity: Menu"]
    room.pass_time(hours=30)
    assert len(room.mails) == 1


def test_a_channel_that_is_added_to_an_open_activity_is_told_at_once(
    room: NotifyingGreenroom,
) -> None:
    hurried(room, "amy")
    kitchen = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PUBLIC).channel
    garden = room.container.channels.create(room.manager, "Garden", ChannelKind.PUBLIC).channel
    room.container.channels.join(room.sign_in("amy@demo.example"), garden.channel_id)
    menu = room.publish(instructions="Menu", channel_ids=frozenset({kitchen.channel_id}))
    room.deliver_all()
    room.pass_time(hours=3)
    assert room.mails == []
    both = frozenset({kitchen.channel_id, garden.channel_id})
    room.edit_activity(menu, channel_ids=both)
    room.deliver_all()
    two_minutes_pass(room)
    assert subjects(room) == ["New activity: Menu"]


def test_an_end_that_is_brought_near_is_told_at_once(room: NotifyingGreenroom) -> None:
    hurried(room, "amy")
    menu = room.publish(instructions="Menu", ends_at=room.clock.now() + timedelta(days=5))
    room.deliver_all()
    room.pass_time(hours=5)
    room.publish(instructions="Party")
    room.deliver_all()
    two_minutes_pass(room)
    room.edit_activity(menu, ends_at=room.clock.now() + timedelta(hours=3))
    room.deliver_all()
    two_minutes_pass(room)
    assert subjects(room) == ["New activity: Menu", "New activity: Party", "Last call: Menu"]


def test_another_text_of_an_open_activity_has_nobody_looked_at(room: NotifyingGreenroom) -> None:
    menu = room.publish(instructions="Menu")
    room.deliver_all()
    room.pass_time(hours=3)
    walks = len(room.walks)
    room.edit_activity(menu, instructions="Another menu")
    room.deliver_all()
    two_minutes_pass(room)
    assert len(room.walks) == walks


def test_a_member_who_joins_a_channel_is_mailed_at_once_about_its_open_activities(
    room: NotifyingGreenroom,
) -> None:
    hurried(room, "amy")
    room.join("ben")
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PUBLIC).channel
    room.publish(instructions="Menu", channel_ids=frozenset({channel.channel_id}))
    room.deliver_all()
    room.pass_time(hours=3)
    assert room.mails == []
    for name in ("amy", "ben"):
        room.container.channels.join(room.sign_in(f"{name}@demo.example"), channel.channel_id)
    room.deliver_all()
    two_minutes_pass(room)
    assert [each.to for each in room.mails] == ["amy@demo.example"]
    room.pass_time(hours=24)
    assert sorted(each.to for each in room.mails) == ["amy@demo.example", "ben@demo.example"]


def test_news_that_come_while_the_clock_looks_are_found_at_its_next_look(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(room, "amy")
    created_at = room.clock.now()
    room.publish(instructions="Party")
    room.deliver_all()
    room.advance(minutes=1)
    store, waits = room.container.notice_store, [1]
    change = store.change_plan

    def overtaken(*given: object) -> ProgramPlan:
        if waits:
            waits.clear()
            room.publish(
                instructions="Menu", created_at=created_at, activity_id=new_id("act", created_at)
            )
            room.deliver_all()
        return change(*given)  # type: ignore[arg-type]  # what it is called with

    monkeypatch.setattr(store, "change_plan", overtaken)
    # The walk that it queues is lost, so only another one can tell of the news.
    container = room.container
    worker.queue_due_digests(container.due_digests, lambda: container.digests_queue, CONTEXT)
    assert (waits, len(room.messages)) == ([], 1)
    room.messages.clear()
    two_minutes_pass(room)
    assert subjects(room) == ["2 new activities"]


# A program that moves


def moves_to_tokyo(room: NotifyingGreenroom) -> Program:
    """Move the program, and return it as functions still have it that read it before."""
    programs = room.container.programs
    before = programs.program(room.program.program_id)
    assert before
    programs.change_program(room.manager, ProgramChanges(time_zone="Asia/Tokyo"))
    return before


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        # Before nine in Tokyo, and two hours after it: that day's digest may still leave.
        (datetime(2026, 6, 15, 22, 0, tzinfo=UTC), datetime(2026, 6, 16, 0, 0, tzinfo=UTC)),
        (datetime(2026, 6, 16, 2, 0, tzinfo=UTC), datetime(2026, 6, 16, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_program_that_moves_loses_no_days_digest_whatever_was_read_before(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch, at: datetime, leaves: datetime
) -> None:
    amy = room.join("amy")
    room.deliver_all()
    room.pass_time(hours=(at - room.clock.now()) / timedelta(hours=1) - 4)
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    with monkeypatch.context() as patched:
        before = moves_to_tokyo_at(room, at)
        patched.setattr(room.container.programs, "cached_program", lambda _: before)
        room.deliver_all()
    while not room.to(amy):
        assert room.clock.now() < leaves + timedelta(minutes=20)
        room.pass_time(hours=0.25)
    assert room.clock.now() > leaves


def moves_to_tokyo_at(room: NotifyingGreenroom, at: datetime) -> Program:
    room.clock.at = at
    return moves_to_tokyo(room)


def test_the_clock_plans_with_the_zone_that_a_program_has_now(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = moves_to_tokyo_at(room, EIGHT_FIFTY_NINE)
    room.deliver_all()
    monkeypatch.setattr(room.container.programs, "cached_program", lambda _: before)
    room.clock.at = EIGHT_FIFTY_NINE + timedelta(hours=3)
    room.send_due_mails()
    assert room.container.notice_store.plan(room.program.program_id).due_at == datetime(
        2026, 6, 16, 0, 0, tzinfo=UTC
    )


# Zones whose clocks change by half an hour, or lie a quarter of one beside all others

ODD_CHANGES = [
    # Lord Howe: half past one comes twice on 5 April; half past two is where two was on 4 October.
    ("Australia/Lord_Howe", 2, date(2026, 4, 4), ["15:00", "15:30", "15:30"]),
    ("Australia/Lord_Howe", 2, date(2026, 10, 3), ["15:30", "15:30", "15:00"]),
    # Chatham: the hour from 2:45 comes twice on 5 April, and is skipped on 27 September.
    ("Pacific/Chatham", 3, date(2026, 4, 4), ["13:15", "13:15", "14:15"]),
    ("Pacific/Chatham", 3, date(2026, 9, 26), ["14:15", "14:15", "13:15"]),
    # St Johns: the hour from 1:00 comes twice on 1 November, that from 2:00 is skipped on 8 March.
    ("America/St_Johns", 1, date(2026, 10, 31), ["03:30", "03:30", "04:30"]),
    ("America/St_Johns", 2, date(2026, 3, 7), ["05:30", "05:30", "04:30"]),
]


@pytest.mark.parametrize(("zone", "hour", "first", "instants"), ODD_CHANGES)
def test_a_program_is_walked_once_a_day_at_the_instant_of_its_zone_across_a_change_of_clocks(
    zone: str, hour: int, first: date, instants: list[str]
) -> None:
    slots = frozenset({Slot(zone, hour)})
    now = datetime.combine(first, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    plan, none = ProgramPlan("prg_1", slots=slots), Bulletin("prg_1")
    found = []
    for _ in instants:
        at = next_due_at(plan, none, "UTC", now)
        assert not is_due_between(slots, none, "UTC", now, at - timedelta(microseconds=1))
        assert is_due_between(slots, none, "UTC", now, at)
        assert last_digest(at, MailSettings(hour=hour), ZoneInfo(zone), weekly=False) == at
        found.append(at)
        now = at
    assert [f"{each:%H:%M}" for each in found] == instants
    days = [each.astimezone(ZoneInfo(zone)).date() for each in found]
    assert days == [first + timedelta(days=number) for number in range(len(instants))]
