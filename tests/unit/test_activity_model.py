"""An activity's times: wall clocks, windows, states by the clock, and the feed's order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.activities.model import (
    MAX_AHEAD,
    START_GRACE,
    Activity,
    ActivityState,
    ActivityStatus,
    InvalidTime,
    check_window,
    feed_rank,
    instant_of,
)
from chalicelib.foundation.ids import new_id
from chalicelib.programs.model import is_time_zone, local_time
from tests.clock import NOON

SECOND = timedelta(seconds=1)
ACTIVITY = Activity(
    program_id="prg_1",
    activity_id="act_1",
    state=ActivityState.PUBLISHED,
    instructions="Share this video on TikTok",
    upload_id="upl_1",
    points=10,
    featured=False,
    starts_at=None,
    ends_at=None,
    time_zone="Europe/Berlin",
    created_by="mem_1",
    created_at=NOON,
)

zones = st.sampled_from(sorted(filter(is_time_zone, available_timezones())))
these_years = st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1)).map(  # noqa: DTZ001  walls
    lambda wall: wall.replace(microsecond=0)
)


def told(wall: datetime) -> str:
    return wall.isoformat(timespec="seconds")


@given(these_years, zones)
def test_a_local_time_with_its_offset_is_read_back_as_the_same_instant(
    moment: datetime, zone: str
) -> None:
    instant = moment.replace(tzinfo=UTC)
    assert instant_of(told(local_time(instant, zone)), zone) == instant


@given(these_years, zones)
def test_a_wall_clock_time_is_read_as_the_one_instant_that_shows_it(
    wall: datetime, zone: str
) -> None:
    try:
        instant = instant_of(told(wall), zone)
    except InvalidTime:
        assume(False)
    assert local_time(instant, zone).replace(tzinfo=None) == wall


READINGS = {0: ("time_does_not_exist", 2), 1: ("read", 1), 2: ("time_exists_twice", 2)}


def read(text: str, zone: str) -> tuple[str, int, set[datetime]]:
    """Tell how a time was read, how many instants there were to choose from, and which show it."""
    try:
        choices, kind = {instant_of(text, zone)}, "read"
    except InvalidTime as refused:
        choices, kind = {instant_of(text + each, zone) for each in refused.offsets}, refused.code
    showing = {each for each in choices if told(local_time(each, zone)).startswith(text)}
    return kind, len(choices), showing


# A random time seldom falls on a clock change, so every hour around each of a year's is tried.
@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"],
)
def test_every_quarter_of_a_year_is_one_instant_or_refused_with_two_offsets(zone: str) -> None:
    clock = ZoneInfo(zone)
    wall, end = datetime(2026, 1, 1), datetime(2027, 1, 1)  # noqa: DTZ001  on the wall
    while wall < end:
        shown_at = {
            instant
            for fold in (0, 1)
            if (instant := wall.replace(tzinfo=clock, fold=fold).astimezone(UTC))
            and local_time(instant, zone).replace(tzinfo=None) == wall
        }
        assert read(told(wall), zone) == (*READINGS[len(shown_at)], shown_at)
        wall += timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zone", "wall", "offsets"),
    [
        ("Europe/Berlin", "2026-03-29T02:00", ("+01:00", "+02:00")),
        ("Europe/Berlin", "2026-03-29T02:59:59", ("+01:00", "+02:00")),
        ("America/New_York", "2026-03-08T02:30", ("-05:00", "-04:00")),
        ("Australia/Lord_Howe", "2026-10-04T02:15", ("+10:30", "+11:00")),
        ("Pacific/Apia", "2011-12-30T12:00", ("-10:00", "+14:00")),  # a whole day was left out
    ],
)
def test_a_time_the_clocks_jump_over_is_refused_with_both_offsets(
    zone: str, wall: str, offsets: tuple[str, str]
) -> None:
    with pytest.raises(InvalidTime, match=f"In {zone} .* does not exist") as refused:
        instant_of(wall, zone)
    assert (refused.value.code, refused.value.offsets) == ("time_does_not_exist", offsets)
    assert all(f"{wall[:16]}{offset}" in refused.value.message for offset in offsets)


@pytest.mark.parametrize(
    ("zone", "wall", "offsets"),
    [
        ("Europe/Berlin", "2026-10-25T02:00", ("+02:00", "+01:00")),
        ("Europe/Berlin", "2026-10-25T02:59:59", ("+02:00", "+01:00")),
        ("America/New_York", "2026-11-01T01:30", ("-04:00", "-05:00")),
        ("Australia/Lord_Howe", "2026-04-05T01:45", ("+11:00", "+10:30")),
    ],
)
def test_a_time_that_happens_twice_is_refused_and_an_offset_says_which_is_meant(
    zone: str, wall: str, offsets: tuple[str, str]
) -> None:
    with pytest.raises(InvalidTime, match=f"In {zone} .* happens twice") as refused:
        instant_of(wall, zone)
    assert (refused.value.code, refused.value.offsets) == ("time_exists_twice", offsets)
    first, second = (instant_of(wall + offset, zone) for offset in offsets)
    assert first < second
    assert {
        told(local_time(each, zone).replace(tzinfo=None))[: len(wall)] for each in (first, second)
    } == {wall}


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59+00:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00:00+00:00"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59+00:00"),
        ("2026-10-25T03:00", "2026-10-25T02:00:00+00:00"),
        ("2026-12-01T09:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00-05:00", "2026-12-01T14:00:00+00:00"),
    ],
)
def test_times_beside_a_clock_change_and_times_with_an_offset_are_read(
    wall: str, instant: str
) -> None:
    assert instant_of(wall, "Europe/Berlin") == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-01",
        "2026-12-01 09:00",
        "2026-12-01T9:00",
        "2026-12-01T09:00:00.5",
        "2026-12-01T24:00",
        "2026-12-01T09:60",
        "2026-02-29T09:00",
        "2026-13-01T09:00",
        "2026-12-01T09:00+24:00",
        "2026-12-01T09:00+0100",
        "2026-12-01T09:00[Europe/Berlin]",
        "2026-12-01T09:00\n",
        "٢٠٢٦-12-01T09:00",
        "0001-01-01T00:00",
        "9999-12-31T23:59",
        "0001-01-01T00:00+10:00",
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_what_is_no_time_is_invalid(text: str, zone: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        instant_of(text, zone)
    assert (refused.value.code, refused.value.offsets) == ("invalid_time", ())


@given(
    st.text(max_size=25)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", fullmatch=True)
    | st.datetimes().map(lambda wall: wall.isoformat(timespec="minutes")),
    zones,
)
def test_no_text_does_worse_than_being_invalid(text: str, zone: str) -> None:
    try:
        instant = instant_of(text, zone)
    except InvalidTime:
        return
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (NOON - SECOND, ActivityStatus.SCHEDULED),
        (NOON, ActivityStatus.ACTIVE),
        (NOON + timedelta(hours=1) - SECOND, ActivityStatus.ACTIVE),
        (NOON + timedelta(hours=1), ActivityStatus.ENDED),
        (NOON + timedelta(days=9), ActivityStatus.ENDED),
    ],
)
def test_a_published_activity_opens_and_ends_on_the_second(
    now: datetime, status: ActivityStatus
) -> None:
    activity = replace(ACTIVITY, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    assert activity.status_at(now) is status
    assert activity.is_open_at(now) is (status is ActivityStatus.ACTIVE)


def test_without_start_and_end_a_published_activity_is_open_from_the_first_moment_on() -> None:
    assert ACTIVITY.is_open_at(NOON)
    assert ACTIVITY.is_open_at(NOON + timedelta(days=10_000))


@pytest.mark.parametrize(
    "state", [ActivityState.PROCESSING, ActivityState.REJECTED, ActivityState.ENDED]
)
def test_what_is_not_published_is_never_open_whatever_the_clock_says(state: ActivityState) -> None:
    activity = replace(
        ACTIVITY, state=state, starts_at=NOON, ends_at=NOON + timedelta(hours=1), ended_at=NOON
    )
    for minutes in (-1, 0, 30, 60, 90):
        now = NOON + timedelta(minutes=minutes)
        assert activity.status_at(now).value == state.value
        assert not activity.is_open_at(now)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (None, None),
        (NOON - START_GRACE, None),
        (NOON + MAX_AHEAD, None),
        (None, NOON + SECOND),
        (None, NOON + MAX_AHEAD),
        (NOON, NOON + SECOND),
    ],
)
def test_a_window_just_within_its_bounds_is_taken(
    starts_at: datetime | None, ends_at: datetime | None
) -> None:
    check_window(starts_at, ends_at, NOON)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "code"),
    [
        (NOON - START_GRACE - SECOND, None, "starts_at.in_the_past"),
        (None, NOON, "ends_at.in_the_past"),
        (NOON - SECOND, NOON, "ends_at.in_the_past"),
        (NOON + SECOND, NOON + SECOND, "ends_at.before_start"),
        (NOON + 2 * SECOND, NOON + SECOND, "ends_at.before_start"),
        (NOON + MAX_AHEAD + SECOND, None, "starts_at.too_far_ahead"),
        (None, NOON + MAX_AHEAD + SECOND, "ends_at.too_far_ahead"),
    ],
)
def test_a_window_just_outside_its_bounds_is_refused_naming_the_field(
    starts_at: datetime | None, ends_at: datetime | None, code: str
) -> None:
    with pytest.raises(InvalidTime) as refused:
        check_window(starts_at, ends_at, NOON)
    assert refused.value.code == code


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**12)), unique_by=lambda made: made[1]))
def test_ranks_descend_from_featured_to_plain_and_in_each_from_new_to_old(
    made: list[tuple[bool, int]],
) -> None:
    activities = [
        replace(ACTIVITY, activity_id=new_id("act", at), created_at=at, featured=featured)
        for featured, milliseconds in made
        for at in [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)]
    ]
    assert sorted(activities, key=feed_rank, reverse=True) == sorted(
        activities, key=lambda each: (each.featured, each.created_at), reverse=True
    )
