"""Whatever order and number events come in, members, mails and webhooks are told the same."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.identity import Caller
from chalicelib.notifications.model import MailSettings, digest_on, last_digest, next_digest
from tests.clock import StoppedClock
from tests.integration.greenroom import Greenroom
from tests.integration.notifying_greenroom import NotifyingGreenroom
from tests.integration.webhook_services import WebhookServices

AT = datetime(2026, 6, 15, 6, 0, tzinfo=UTC)
SHOULD_TAKE_A_WHILE = settings(max_examples=12, deadline=None)


@dataclass
class Scene:
    room: NotifyingGreenroom
    people: list[Caller]
    made: int = 0

    def title(self) -> str:
        self.made += 1
        return f"Thing {self.made:03d}"

    def who(self) -> Caller:
        return self.room.now(self.people[self.made % len(self.people)])


def publish(scene: Scene) -> None:
    scene.room.publish(instructions=scene.title())


def publishes_for_two_days(scene: Scene) -> None:
    ends_at = scene.room.clock.now() + timedelta(days=2)
    scene.room.publish(instructions=scene.title(), ends_at=ends_at)


def adjusts(scene: Scene) -> None:
    title = scene.title()
    scene.room.container.points.adjust(scene.room.manager, scene.who().member_id, 3, title)


def dismisses(scene: Scene) -> None:
    activity = scene.room.publish(instructions=scene.title())
    scene.room.container.activities.dismiss(scene.who(), activity.activity_id)


def changes_a_mind(scene: Scene) -> None:
    activity = scene.room.publish(instructions=scene.title())
    scene.room.container.activities.dismiss(scene.who(), activity.activity_id)
    scene.room.container.activities.undismiss(scene.who(), activity.activity_id)


def sees(scene: Scene) -> None:
    activity = scene.room.publish(instructions=scene.title())
    scene.room.container.reports.note_seen(scene.who(), [activity.activity_id])


def loses_the_account(scene: Scene) -> None:
    scene.title()
    if scene.who().tiktok == "connected":
        scene.room.revoke_consent(scene.who())


DEEDS: tuple[Callable[[Scene], None], ...] = (
    publish,
    publishes_for_two_days,
    adjusts,
    dismisses,
    changes_a_mind,
    sees,
    loses_the_account,
)


def played(deeds: list[Callable[[Scene], None]], order: Random | None) -> list[object]:
    """Play deeds, deliver their events as they came or doubled and shuffled; tell all of it."""
    room = NotifyingGreenroom(StoppedClock(AT))
    try:
        room.deliver_all()
        scene = Scene(room, [room.join("amy"), room.join("ben")])
        room.deliver_all()
        for deed in deeds:
            deed(scene)
        room.deliver_all(order)
        shown = [
            sorted((each.notice.what, each.notice.title, each.read) for each in found.items)
            for found in map(room.overview, scene.people)
        ]
        room.pass_time(hours=30, minutes=60)
        titles = [f"Thing {number:03d}" for number in range(1, scene.made + 1)]
        mailed = [
            Counter(
                title for mail in room.to(one) for title in titles if title in mail.part("plain")
            )
            for one in scene.people
        ]
        return [shown, mailed, [len(room.to(one)) for one in scene.people]]
    finally:
        room.close()


@SHOULD_TAKE_A_WHILE
@given(
    deeds=st.lists(st.sampled_from(DEEDS), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_events_replayed_reordered_and_doubled_give_the_same_notices_and_mails(
    deeds: list[Callable[[Scene], None]], order: Random
) -> None:
    assert played(deeds, order) == played(deeds, None)


@pytest.fixture
def hooks(greenroom: Greenroom) -> WebhookServices:
    made = WebhookServices(greenroom)
    made.create()
    return made


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_events_doubled_and_reordered_are_delivered_to_a_webhook_once_each(
    hooks: WebhookServices, data: st.DataObject
) -> None:
    hooks.receiver.got.clear()
    events = [hooks.event() for _ in range(data.draw(st.integers(1, 8)))]
    numbers = st.integers(0, len(events) - 1)
    again = data.draw(st.lists(numbers, max_size=12))
    order = data.draw(st.permutations([*range(len(events)), *again]))
    step = data.draw(st.integers(1, 5))
    starts = range(0, len(order), step)
    # All is drawn before anything is delivered: what hypothesis breaks off leaves nothing behind.
    runs = data.draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts)))
    for at, runs_now in zip(starts, runs, strict=True):
        hooks.fan_out.deliver([events[number] for number in order[at : at + step]])
        if runs_now:
            hooks.run_deliveries()
    hooks.run_deliveries()
    assert Counter(hooks.receiver.ids) == Counter(each["id"] for each in events)


ZONES = st.sampled_from(
    [
        *("Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe"),
        *("Africa/Casablanca", "Asia/Kolkata", "Pacific/Chatham", "America/Santiago", "UTC"),
        *("Atlantic/Azores", "Africa/Cairo", "Asia/Beirut"),
    ]
)
DAYS = st.dates(date(2020, 1, 2), date(2035, 12, 30)) | st.sampled_from(
    [date(2026, 10, 25), date(2027, 3, 28), date(2026, 11, 1), date(2027, 3, 14)]
)
INSTANT = timedelta(microseconds=1)


@settings(max_examples=400)
@given(name=ZONES, day=DAYS, hour=st.integers(0, 23), weekly=st.booleans())
def test_each_local_day_has_one_digest_also_where_its_hour_comes_twice_or_not_at_all(
    name: str, day: date, hour: int, *, weekly: bool
) -> None:
    zone, step = ZoneInfo(name), timedelta(days=7 if weekly else 1)
    chosen = MailSettings(hour=hour, weekday=day.weekday())
    before, at, after = (digest_on(day + step * each, hour, zone) for each in (-1, 0, 1))
    assert before < at < after
    assert at.astimezone(zone).date() == day
    assert last_digest(at, chosen, zone, weekly=weekly) == at
    assert last_digest(at - INSTANT, chosen, zone, weekly=weekly) == before
    assert last_digest(after - INSTANT, chosen, zone, weekly=weekly) == at
    assert next_digest(at - INSTANT, chosen, zone, weekly=weekly) == at
    assert next_digest(at, chosen, zone, weekly=weekly) == after
