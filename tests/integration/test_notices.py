"""Notices in the app: from events that come twice and in any order, each once, none too many."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.identity import Caller, Role
from chalicelib.notifications.model import (
    MAX_NEW_ENTRIES,
    MAX_NOTICES,
    MAX_RECENT_ENTRIES,
    ActivityProgress,
    Frequency,
    NoticeCategory,
    Slot,
)
from chalicelib.notifications.service import SettingsChanges
from chalicelib.programs.model import ChannelKind
from tests.clock import StoppedClock
from tests.integration.notifying_greenroom import NotifyingGreenroom

DAY = timedelta(days=1)


@pytest.fixture
def room(clock: StoppedClock) -> Iterator[NotifyingGreenroom]:
    made = NotifyingGreenroom(clock)
    made.deliver_all()
    yield made
    made.close()


def test_an_open_activity_is_news_until_it_was_seen_in_the_feed(room: NotifyingGreenroom) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    activity = room.publish(instructions="Show the new menu\nwith a smile")
    room.deliver_all()
    assert room.unread_notices(amy) == [("activity_opened", "Show the new menu")]
    room.container.reports.note_seen(amy, [activity.activity_id])
    room.deliver_all()
    assert room.unread_notices(amy) == []
    assert room.overview(amy).items[0].read
    assert room.unread_notices(ben) == [("activity_opened", "Show the new menu")]


@pytest.mark.parametrize("does", ["sends", "dismisses"])
def test_a_performed_or_dismissed_activity_is_no_notice_until_it_returns(
    room: NotifyingGreenroom, does: str
) -> None:
    amy = room.join("amy")
    activity = room.publish()
    room.deliver_all()
    if does == "sends":
        performance = room.perform(amy, activity)
    else:
        room.container.activities.dismiss(amy, activity.activity_id)
    room.deliver_all()
    assert room.overview(amy).items == ()
    if does == "sends":
        room.stage(performance, "refuses")
    else:
        room.container.activities.undismiss(amy, activity.activity_id)
    room.deliver_all()
    assert [each.notice.thing_id for each in room.overview(amy).items] == [activity.activity_id]


def test_a_member_who_joins_a_channel_gets_notices_of_its_open_activities_once(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.advance(hours=1)
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PUBLIC).channel
    room.publish(instructions="Kitchen", channel_ids=frozenset({channel.channel_id}))
    room.publish(instructions="All")
    room.deliver_all()
    assert room.unread_notices(amy) == [("activity_opened", "All")]
    room.container.notifications.note_read(
        amy, {each.notice.notice_id for each in room.overview(amy).items}
    )
    room.advance(days=3)
    room.container.channels.join(amy, channel.channel_id)
    assert room.unread_notices(amy) == [("activity_opened", "Kitchen")]
    room.container.notifications.note_read(
        room.now(amy), {each.notice.notice_id for each in room.overview(amy).items}
    )
    room.container.channels.leave(room.now(amy), channel.channel_id)
    room.container.channels.join(room.now(amy), channel.channel_id)
    assert room.unread_notices(amy) == []


def test_made_up_ids_are_passed_over_and_leave_nothing_in_the_box(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PRIVATE).channel
    hidden = room.publish(instructions="No", channel_ids=frozenset({channel.channel_id}))
    seen = room.publish(instructions="Yes", ends_at=room.clock.now() + 9 * DAY)
    room.deliver_all()
    made_up = {f"new#act_{number}" for number in range(200)}
    not_yet = {f"last#{seen.activity_id}", f"new#{hidden.activity_id}", "last#", "new#"}
    before = room.container.notice_store.box(amy.program_id, amy.member_id)
    room.container.notifications.note_read(amy, made_up | not_yet | {"inbox#prf_made_up"})
    assert room.container.notice_store.box(amy.program_id, amy.member_id) == before
    room.container.notifications.note_read(amy, made_up | {f"new#{seen.activity_id}"})
    box = room.container.notice_store.box(amy.program_id, amy.member_id)
    assert box.marks == {seen.activity_id: ActivityProgress.SEEN.value}
    room.advance(days=8, hours=1)
    assert room.unread_notices(amy) == [("activity_ending", "Yes")]


def test_a_later_notice_cannot_be_marked_read_before(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    performance = room.perform_and_stage(amy, room.publish())
    room.deliver_all()
    room.container.notifications.note_read(amy, [f"inbox#{performance.performance_id}"])
    room.advance(days=1, hours=1)
    assert room.unread_notices(amy)[0][0] == "video_waiting"


def test_an_edit_takes_a_notice_from_those_it_is_no_longer_for(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PRIVATE).channel
    activity = room.publish(instructions="All")
    room.deliver_all()
    assert room.unread_notices(amy)
    activity = room.edit_activity(activity, channel_ids=frozenset({channel.channel_id}))
    room.deliver_all()
    assert room.unread_notices(amy) == []
    room.edit_activity(activity, channel_ids=frozenset(), instructions="All again")
    room.deliver_all()
    assert room.unread_notices(amy) == [("activity_opened", "All again")]


def test_an_activity_is_told_from_its_start_on_and_a_day_before_its_end_again(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    now = room.clock.now()
    room.publish(instructions="Soon", starts_at=now + DAY, ends_at=now + 4 * DAY)
    room.deliver_all()
    assert room.overview(amy).items == ()
    room.advance(days=1)
    assert room.unread_notices(amy) == [("activity_opened", "Soon")]
    opened = room.overview(amy).items[0].notice.notice_id
    room.container.notifications.note_read(amy, [opened])
    room.advance(days=1, hours=23, minutes=59)
    assert room.unread_notices(amy) == []
    room.advance(minutes=1)
    assert room.unread_notices(amy) == [("activity_ending", "Soon")]
    room.container.notifications.note_read(amy, [room.overview(amy).items[0].notice.notice_id])
    assert room.unread_notices(amy) == []
    room.advance(days=1)
    assert room.overview(amy).items == ()


def test_a_video_that_waits_for_a_day_is_told_unless_it_was_posted(
    room: NotifyingGreenroom,
) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    activity = room.publish(instructions="Show it")
    room.perform_and_stage(amy, activity)
    posted = room.perform_and_stage(ben, activity)
    room.advance(hours=2)
    room.stage(posted, "posts")
    room.deliver_all()
    room.advance(hours=21, minutes=59)
    assert room.unread_notices(amy) == []
    room.advance(minutes=1)
    assert room.unread_notices(amy) == [("video_waiting", "Show it")]
    assert room.unread_notices(ben) == []


def test_an_account_to_reconnect_is_told_until_it_is_connected(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.deliver_all()
    room.revoke_consent(amy)
    room.deliver_all()
    assert room.unread_notices(amy) == [("account_to_reconnect", "")]
    room.connect_account(amy, "amy")
    room.deliver_all()
    assert room.unread_notices(amy) == []


def test_rewards_and_points_are_told_to_their_member_alone(room: NotifyingGreenroom) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    points, container = room.container.points, room.container
    points.adjust(room.manager, amy.member_id, 100, "Fair helper")
    mug = container.rewards.create(room.manager, title="Mug", price=30)
    cap = container.rewards.create(room.manager, title="Cap", price=30)
    first = container.redemptions.redeem(room.now(amy), mug.reward_id, 30)
    second = container.redemptions.redeem(room.now(amy), cap.reward_id, 30)
    room.advance(minutes=1)
    container.redemptions.fulfil(room.manager, first.redemption_id, note=None, code=None)
    room.advance(minutes=1)
    container.redemptions.reject(room.manager, second.redemption_id, "Sold out")
    room.deliver_all()
    assert sorted(room.unread_notices(amy)) == [
        ("points_adjusted", "Fair helper"),
        ("reward_fulfilled", "Mug"),
        ("reward_rejected", "Cap"),
    ]
    assert room.unread_notices(ben) == []


def happens(room: NotifyingGreenroom) -> list[Caller]:
    """Let three members do and meet everything that is told."""
    amy, ben, cem = (room.join(each) for each in ("amy", "ben", "cem"))
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PUBLIC).channel
    room.container.channels.join(ben, channel.channel_id)
    now = room.clock.now()
    first = room.publish(instructions="One", ends_at=now + 3 * DAY)
    second = room.publish(instructions="Two", channel_ids=frozenset({channel.channel_id}))
    third = room.publish(instructions="Three")
    posted, waits = room.perform_and_stage(amy, first), room.perform_and_stage(ben, first)
    room.advance(hours=2)
    room.stage(posted, "posts")
    room.perform_and_stage(cem, first, "refuses")
    room.container.activities.dismiss(room.now(ben), second.activity_id)
    room.container.activities.undismiss(room.now(ben), second.activity_id)
    room.container.activities.dismiss(room.now(cem), third.activity_id)
    room.container.reports.note_seen(room.now(amy), [third.activity_id])
    room.container.points.adjust(room.manager, cem.member_id, 40, "Fair")
    mug = room.container.rewards.create(room.manager, title="Mug", price=30)
    asked = room.container.redemptions.redeem(room.now(cem), mug.reward_id, 30)
    room.container.redemptions.reject(room.manager, asked.redemption_id, "None left")
    room.edit_activity(third, instructions="Three!", channel_ids=frozenset())
    assert waits
    return [amy, ben, cem]


def whole(room: NotifyingGreenroom, people: list[Caller]) -> list[Any]:
    shown = [
        [(each.notice.what, each.notice.title, each.read) for each in room.overview(one).items]
        for one in people
    ]
    return [sorted(each) for each in shown]


def test_events_doubled_and_shuffled_give_the_same_notices(clock: StoppedClock) -> None:
    told = []
    for seed in (None, 1, 2, 3, 4):
        clock.at = StoppedClock().at
        room = NotifyingGreenroom(clock)
        try:
            room.deliver_all()
            people = happens(room)
            room.deliver_all(random.Random(seed) if seed else None)
            room.advance(days=2)
            told.append(whole(room, people))
        finally:
            room.close()
    assert all(each == told[0] for each in told[1:])
    assert [len(each) for each in told[0]] == [1, 3, 3]


def test_a_box_keeps_the_latest_notices_and_takes_none_back_that_it_dropped(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.deliver_all()
    for number in range(MAX_NOTICES + 5):
        room.advance(seconds=1)
        room.container.points.adjust(room.manager, amy.member_id, 1, f"Reason {number}")
    events = room.events()
    room.deliver(events)
    kept = [title for _, title in room.unread_notices(amy)]
    assert kept == [f"Reason {number}" for number in range(MAX_NOTICES + 4, 4, -1)]
    room.deliver(events[:5])
    assert [title for _, title in room.unread_notices(amy)] == kept


def test_a_bulletin_is_bounded_and_keeps_what_opened_last_and_what_ends_next(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    now = room.clock.now()
    old = room.publish(instructions="Ends soon", ends_at=now + 30 * DAY)
    for number in range(MAX_RECENT_ENTRIES + 10):
        room.advance(seconds=1)
        room.publish(instructions=f"Number {number}")
    room.deliver(room.events()[-1:])
    assert len(room.overview(amy).items) == MAX_RECENT_ENTRIES
    room.advance(days=29, hours=1)
    room.container.bulletin_writer.refresh(amy.program_id)
    assert len(room.overview(amy).items) == MAX_NEW_ENTRIES + 1
    assert room.unread_notices(amy)[0] == ("activity_ending", "Ends soon")
    assert room.overview(amy).items[0].notice.thing_id == old.activity_id
    size = len(str(room.cloud.tables.items("NoticesTable")))
    assert size < 60_000


def test_a_digest_misses_none_of_sixty_activities_that_opened_since_the_one_before(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.pass_time(hours=24)
    for number in range(1, MAX_NEW_ENTRIES + 11):
        room.advance(seconds=1)
        room.publish(instructions=f"Number {number}")
    room.deliver_all()
    room.pass_time(hours=24)
    (mail,) = room.to(amy)
    assert mail.message["Subject"] == "60 new activities"
    text = mail.part("plain")
    assert "- Number 60" in text
    assert "- and 50 more" in text
    assert "<li" in mail.part("html")
    assert "and 50 more</li>" in mail.part("html")
    room.pass_time(hours=48)
    assert len(room.to(amy)) == 1


def test_reading_many_notices_costs_no_more_than_reading_none(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    calls = room.count_calls(lambda: room.overview(amy))
    for number in range(30):
        room.publish(instructions=f"Number {number}")
        room.container.points.adjust(room.manager, amy.member_id, 1, "More")
    room.deliver_all()
    assert len(room.overview(amy).items) == 60
    assert room.count_calls(lambda: room.overview(amy)) == calls == 2
    assert room.count_calls(lambda: room.container.me.overview(room.now(amy))) == 2
    read = [each.notice.notice_id for each in room.overview(amy).items]
    assert room.count_calls(lambda: room.container.notifications.note_read(amy, read)) == 1
    assert room.container.me.overview(room.now(amy)).unread == 0


def test_a_notice_of_another_program_is_nobodys_here(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    other, _, _ = room.container.programs.create_program("Other", "UTC", "boss@other.example")
    room.container.programs.invite(other, "zoe@other.example", Role.MEMBER)
    zoe = room.sign_in("zoe@other.example")
    room.publish()
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    (points, _) = room.overview(amy).items
    room.container.notifications.note_read(zoe, [points.notice.notice_id])
    assert room.overview(zoe).items == ()
    assert room.overview(amy).unread == 2


def test_settings_stay_until_they_are_changed_and_their_hour_is_a_slot(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    service = room.container.notifications
    service.change_settings(amy, SettingsChanges({NoticeCategory.POINTS: Frequency.NEVER}, hour=7))
    found = service.change_settings(amy, SettingsChanges(weekday=4, language="de")).settings
    assert (found.of(NoticeCategory.POINTS), found.hour) == (Frequency.NEVER, 7)
    assert (found.weekday, found.language) == (4, "de")
    assert found.of(NoticeCategory.ACTIVITIES) is Frequency.DAILY
    room.container.programs.change_profile(amy, name=None, time_zone="Asia/Tokyo")
    room.deliver_all()
    slots = room.container.notice_store.plan(amy.program_id).slots
    assert {Slot("", 7), Slot("Asia/Tokyo", 7)} <= slots


def test_a_members_notices_are_exported_and_forgotten(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair helper")
    room.deliver_all()
    service = room.container.notifications
    (told,) = service.personal_data(amy.program_id, amy.member_id)["notices"]
    assert (told["what"], told["title"], told["number"]) == ("points_adjusted", "Fair helper", 5)
    service.forget_member(amy.program_id, amy.member_id)
    service.forget_member(amy.program_id, amy.member_id)
    assert "Fair helper" not in str(room.cloud.tables.items("NoticesTable"))
    assert service.personal_data(amy.program_id, amy.member_id)["notices"] == []


def test_a_removed_member_gets_no_notices(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair helper")
    room.container.members.remove(room.manager, amy.member_id)
    room.deliver_all()
    data = room.container.notifications.personal_data(amy.program_id, amy.member_id)
    assert data["notices"] == []
    assert data["mails"]["refused"] is None
