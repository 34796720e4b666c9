"""Periods: days of the program's calendar, and edges that are exact when the clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.points.periods import (
    Period,
    begins_at,
    day_of,
    ends_at,
    span_of,
    spans_between,
    spans_of_day,
)

# Clocks change at night, at midnight itself, by half an hour; and zones far from UTC.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Asuncion",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Kathmandu",
)
SECOND = timedelta(seconds=1)
days = st.dates(date(2013, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        (Period.WEEK, date(2026, 11, 16), date(2026, 11, 22)),
        (Period.MONTH, date(2026, 11, 1), date(2026, 11, 30)),
        (Period.QUARTER, date(2026, 10, 1), date(2026, 12, 31)),
        (Period.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
        (Period.ALL_TIME, date.min, date.max),
    ],
)
def test_a_sunday_lies_in_these_spans(period: Period, first: date, last: date) -> None:
    span = span_of(period, date(2026, 11, 22))
    assert (span.first, span.last) == (first, last)


def test_a_week_over_new_year_is_one_week() -> None:
    assert span_of(Period.WEEK, date(2026, 12, 31)) == span_of(Period.WEEK, date(2027, 1, 3))
    assert span_of(Period.WEEK, date(2026, 12, 31)).key == "week#2026-12-28"


@given(days, st.sampled_from(Period))
def test_a_span_is_the_same_for_each_of_its_days_and_its_neighbours_are_others(
    day: date, period: Period
) -> None:
    span = span_of(period, day)
    assert span.first <= day <= span.last
    if period is Period.ALL_TIME:
        return
    assert {span_of(period, each) for each in (span.first, span.last)} == {span}
    before, after = span.first - timedelta(days=1), span.last + timedelta(days=1)
    assert span_of(period, before).last == before
    assert span_of(period, after).first == after


@given(days, st.integers(0, 900))
def test_all_spans_between_two_days_are_those_of_each_day(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    walked = list(spans_between(first, last))
    naive = {
        span
        for number in range(length + 1)
        for span in spans_of_day(first + number * timedelta(days=1))
    }
    assert len(walked) == len(set(walked))
    assert set(walked) == naive


@given(days, st.sampled_from(ZONES))
def test_a_day_begins_at_the_first_second_that_wall_clocks_show_it(day: date, zone: str) -> None:
    begins = begins_at(day, zone)
    assert begins.microsecond == 0
    assert day_of(begins, zone) == day
    assert day_of(begins - SECOND, zone) == day - timedelta(days=1)


@given(
    st.datetimes(datetime(2013, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.sampled_from(Period),
)
def test_an_instant_lies_between_the_edges_of_its_span(
    instant: datetime, zone: str, period: Period
) -> None:
    span = span_of(period, day_of(instant, zone))
    end = ends_at(span, zone)
    if period is Period.ALL_TIME:
        assert end is None
        return
    assert end is not None
    assert begins_at(span.first, zone) <= instant < end


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        # Midnight does not exist: clocks go from 0:00 to 1:00.
        ("Asia/Beirut", date(2026, 3, 29), datetime(2026, 3, 28, 22, tzinfo=UTC)),
        # Midnight exists twice: from 1:00 back to 0:00. The day begins with the first one.
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # A day of 23 hours and one of 25.
        ("Europe/Berlin", date(2026, 3, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 10, 26), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("Pacific/Kiritimati", date(2026, 1, 1), datetime(2025, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_days_on_which_the_clocks_change_begin_at_these_instants(
    zone: str, day: date, begins: datetime
) -> None:
    assert begins_at(day, zone) == begins
    assert begins.astimezone(ZoneInfo(zone)).date() == day
    assert (begins - SECOND).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)
