"""What is pushed when: each push once at most, and nothing once a video was posted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.notifications.pushing.model import (
    MAX_DEVICES,
    MAX_FAILURES,
    MAX_VIDEOS,
    PUSH_WINDOW,
    REMINDER_DELAY,
    RETRY_WAITS,
    VIDEO_RETENTION,
    Device,
    PushBox,
    PushStep,
    PushVerdict,
    device_id_of,
    due_pushes,
    next_push_at,
    push_verdict,
    with_device,
    with_outcome,
    with_pushes_claimed,
    with_video,
    without_device,
    without_video,
)

START = datetime(2026, 6, 15, 8, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TAKEN = DeliveryResult(201, None, 20)


def device(name: str = "a", at: datetime = START) -> Device:
    endpoint = f"https://push.example/{name}"
    made = device_id_of(endpoint)
    return Device(made, endpoint, b"p", b"a", "key", name, "en", at)


def box(*names: str) -> PushBox:
    made = PushBox("prg", "mem")
    for each in names or ("a",):
        added = with_device(made, device(each))
        assert added is not None
        made = added
    return made


def steps(found: PushBox, now: datetime) -> list[PushStep]:
    return [each.step for each in due_pushes(found, now)]


def sends(found: PushBox, now: datetime, outcome: DeliveryResult = TAKEN) -> tuple[PushBox, int]:
    """Send what is due, as a worker does."""
    ready = due_pushes(found, now)
    found = with_pushes_claimed(found, ready)
    for each in ready:
        found = with_outcome(found, each, outcome, now)
    return found, len(ready)


def test_a_video_is_told_at_once_and_once_more_after_a_day() -> None:
    found = with_video(box(), "per_1", START, START)
    assert steps(found, START) == [PushStep.ARRIVED]
    assert next_push_at(found, START) == START
    found, sent = sends(found, START)
    assert sent == 1
    assert next_push_at(found, START) == START + REMINDER_DELAY
    assert steps(found, START + REMINDER_DELAY - MINUTE) == []
    assert steps(found, START + REMINDER_DELAY) == [PushStep.REMINDER]
    found, _ = sends(found, START + REMINDER_DELAY)
    assert next_push_at(found, START + REMINDER_DELAY) is None
    assert due_pushes(found, START + 3 * REMINDER_DELAY) == ()


def test_nothing_is_told_of_a_video_that_was_posted_in_whatever_order_that_is_heard() -> None:
    arrived = with_video(box(), "per_1", START, START)
    posted = without_video(arrived, "per_1", START, START + MINUTE)
    before = without_video(box(), "per_1", START, START)
    both = with_video(before, "per_1", START, START + MINUTE)
    for found in (posted, before, both, with_video(posted, "per_1", START, START + HOUR)):
        for hours in range(60):
            assert due_pushes(found, START + hours * HOUR) == ()
        assert next_push_at(found, START) is None


def test_an_event_that_comes_days_late_tells_nothing() -> None:
    late = START + VIDEO_RETENTION
    assert with_video(box(), "per_1", START, late) == box()
    found = with_video(box(), "per_1", START, START + PUSH_WINDOW)
    assert steps(found, START + PUSH_WINDOW) == []
    assert next_push_at(found, START + PUSH_WINDOW) == START + REMINDER_DELAY


def test_a_member_without_a_browser_costs_nothing() -> None:
    nobody = PushBox("prg", "mem")
    assert with_video(nobody, "per_1", START, START) == nobody
    assert without_video(nobody, "per_1", START, START) == nobody


def test_a_browser_that_came_later_is_told_only_what_happens_from_then_on() -> None:
    found = with_video(box(), "per_1", START, START)
    found, _ = sends(found, START)
    later = with_device(found, device("b", START + HOUR))
    assert later is not None
    assert due_pushes(later, START + HOUR) == ()
    assert len(due_pushes(later, START + REMINDER_DELAY)) == 2


def test_a_member_has_so_many_browsers_and_the_same_one_is_one() -> None:
    full = box(*(f"d{number}" for number in range(MAX_DEVICES)))
    assert with_device(full, device("more")) is None
    again = with_device(full, device("d1", START + HOUR))
    assert again == full
    renewed = with_device(full, replace(device("d1", START + HOUR), auth=b"new"))
    assert renewed is not None
    assert len(renewed.devices) == MAX_DEVICES
    assert renewed.devices[device("d1").device_id].added_at == START


def test_a_box_knows_a_bounded_number_of_videos_the_latest() -> None:
    found = box()
    for number in range(MAX_VIDEOS + 5):
        found = with_video(found, f"per_{number:02}", START + number * MINUTE, START)
    assert len(found.videos) == MAX_VIDEOS
    assert "per_24" in found.videos
    assert "per_00" not in found.videos
    later = with_video(
        found, "per_99", START + VIDEO_RETENTION + HOUR, START + VIDEO_RETENTION + HOUR
    )
    assert set(later.videos) == {"per_99"}


@pytest.mark.parametrize(
    ("outcome", "means"),
    [
        (DeliveryResult(201, None, 1), PushVerdict.TAKEN),
        (DeliveryResult(202, None, 1), PushVerdict.TAKEN),
        (DeliveryResult(404, "refused", 1), PushVerdict.GONE),
        (DeliveryResult(410, "refused", 1), PushVerdict.GONE),
        (DeliveryResult(429, "refused", 1), PushVerdict.AGAIN),
        (DeliveryResult(500, "refused", 1), PushVerdict.AGAIN),
        (DeliveryResult(503, "refused", 1), PushVerdict.AGAIN),
        (DeliveryResult(400, "refused", 1), PushVerdict.REFUSED),
        (DeliveryResult(403, "refused", 1), PushVerdict.REFUSED),
        (DeliveryResult(413, "refused", 1), PushVerdict.REFUSED),
        (DeliveryResult(302, "redirected", 1), PushVerdict.REFUSED),
        (DeliveryResult(None, "name_not_resolved", 1), PushVerdict.UNREACHED),
        (DeliveryResult(None, "not_reachable", 1), PushVerdict.UNREACHED),
        (DeliveryResult(None, "connect_timeout", 1), PushVerdict.UNREACHED),
        (DeliveryResult(None, "tls_failed", 1), PushVerdict.UNREACHED),
        (DeliveryResult(None, "timeout", 1), PushVerdict.UNKNOWN),
        (DeliveryResult(None, "broken_answer", 1), PushVerdict.UNKNOWN),
        (DeliveryResult(None, "inner_address", 1), PushVerdict.GONE),
        (DeliveryResult(None, "not_https", 1), PushVerdict.GONE),
    ],
)
def test_a_push_services_status_maps_to_an_outcome(
    outcome: DeliveryResult, means: PushVerdict
) -> None:
    assert push_verdict(outcome) is means


def test_a_push_surely_not_accepted_is_retried_ever_more_seldom_and_given_up() -> None:
    found, now = with_video(box(), "per_1", START, START), START
    for wait in RETRY_WAITS:
        found, sent = sends(found, now, DeliveryResult(503, "refused", 1))
        assert sent == 1
        assert next_push_at(found, now) == now + wait
        now += wait
    found, sent = sends(found, now, DeliveryResult(503, "refused", 1))
    assert sent == 1
    assert next_push_at(found, now) == START + REMINDER_DELAY
    assert found.devices[device().device_id].failures == 0


def test_a_push_service_is_given_the_time_it_asks_for() -> None:
    found = with_video(box(), "per_1", START, START)
    patient = DeliveryResult(429, "refused", 1, timedelta(hours=2))
    found, _ = sends(found, START, patient)
    assert next_push_at(found, START) == START + timedelta(hours=2)


@pytest.mark.parametrize(
    "outcome", [DeliveryResult(None, "timeout", 1), DeliveryResult(403, "refused", 1)]
)
def test_a_push_possibly_accepted_or_refused_is_not_sent_again(outcome: DeliveryResult) -> None:
    found, _ = sends(with_video(box(), "per_1", START, START), START, outcome)
    assert next_push_at(found, START) == START + REMINDER_DELAY


def test_a_browser_that_is_gone_is_forgotten_with_all_that_it_was_told() -> None:
    found = with_video(box("a", "b"), "per_1", START, START)
    ready = due_pushes(found, START)
    found = with_pushes_claimed(found, ready)
    gone = next(each for each in ready if each.device_id == device("a").device_id)
    found = with_outcome(found, gone, DeliveryResult(410, "refused", 1), START)
    assert set(found.devices) == {device("b").device_id}
    assert {key[1] for each in found.videos.values() for key in each.tried} == {
        device("b").device_id
    }
    last = without_device(found, device("b").device_id)
    assert (last.devices, last.videos) == ({}, {})
    assert with_outcome(last, gone, TAKEN, START) == last


def test_a_browser_that_fails_again_and_again_is_forgotten_unless_one_push_gets_through() -> None:
    found = box()
    for number in range(MAX_FAILURES - 1):
        at = START + number * MINUTE
        found = with_video(found, f"per_{number}", at, at)
        found, _ = sends(found, at, DeliveryResult(None, "timeout", 1))
    assert found.devices[device().device_id].failures == MAX_FAILURES - 1
    mended = with_video(found, "per_8", START + HOUR, START + HOUR)
    mended, _ = sends(mended, START + HOUR)
    assert mended.devices[device().device_id].failures == 0
    found = with_video(found, "per_9", START + HOUR, START + HOUR)
    found, _ = sends(found, START + HOUR, DeliveryResult(None, "timeout", 1))
    assert found.devices == {}


EVENTS: list[Callable[[PushBox, datetime], PushBox]] = [
    lambda found, now: with_video(found, "per_1", START, now),
    lambda found, now: with_video(found, "per_2", START + HOUR, now),
    lambda found, now: without_video(found, "per_1", START, now),
]
OUTCOMES = [
    TAKEN,
    DeliveryResult(503, "refused", 1),
    DeliveryResult(None, "timeout", 1),
    DeliveryResult(None, "not_reachable", 1),
]


@given(
    st.lists(st.integers(0, 2), max_size=12),
    st.lists(st.sampled_from(OUTCOMES), min_size=60, max_size=60),
    st.integers(0, 40),
)
def test_events_in_any_order_send_each_push_at_most_once(
    events: list[int], outcomes: list[DeliveryResult], posted_after: int
) -> None:
    found, taken, answers = box("a", "b"), Counter[object](), iter(outcomes)
    for hour in range(40):
        now = START + hour * HOUR
        if hour < len(events):
            found = EVENTS[events[hour]](found, now)
        if hour == posted_after:
            found = without_video(found, "per_2", START + HOUR, now)
        ready = due_pushes(found, now)
        found = with_pushes_claimed(found, ready)
        assert due_pushes(found, now) == ()
        for each in ready:
            outcome = next(answers, TAKEN)
            if outcome is TAKEN or push_verdict(outcome) is PushVerdict.UNKNOWN:
                taken[each] += 1
            assert not (hour >= posted_after and each.performance_id == "per_2")
            found = with_outcome(found, each, outcome, now)
    assert all(number == 1 for number in taken.values())


@given(st.permutations([0, 0, 1, 2]))
def test_events_may_come_in_any_order_and_twice(order: list[int]) -> None:
    found = box()
    for each in order:
        found = EVENTS[each](found, START + 2 * HOUR)
    assert found.videos["per_1"].ended
    assert [each.performance_id for each in due_pushes(found, START + 2 * HOUR)] == ["per_2"]
