"""Periods of the leaderboard: days of the program's own calendar, and the instants they end at.

An entry counts on a day, the date on a wall clock of the program's zone at that instant. Everything
else follows from that day: it lies in one week (from Monday), month, quarter, year, and all time.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from chalicelib.foundation.values import dataclass

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MAX_ZONE_OFFSET = timedelta(hours=26)
"""No wall clock is further from UTC, nor moved by more within a night."""


class Period(StrEnum):
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL_TIME = "all_time"


@dataclass(frozen=True)
class PeriodSpan:
    """One week, month, quarter or year of the calendar, both days included; or all time."""

    period: Period
    first: date
    last: date

    @property
    def key(self) -> str:
        """Name it, such as `week#2026-11-16`."""
        return f"{self.period.value}#{self.first.isoformat()}"


def day_of(instant: datetime, time_zone: str) -> date:
    """Return the date on a wall clock of this zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def span_of(period: Period, day: date) -> PeriodSpan:
    """Return which week, month, quarter or year a day lies in."""
    match period:
        case Period.WEEK:
            first = day - day.weekday() * _DAY
            last = first + 6 * _DAY
        case Period.MONTH:
            first, last = _months(day.year, day.month, 1)
        case Period.QUARTER:
            first, last = _months(day.year, day.month - (day.month - 1) % 3, 3)
        case Period.YEAR:
            first, last = _months(day.year, 1, 12)
        case Period.ALL_TIME:
            first, last = date.min, date.max
    return PeriodSpan(period, first, last)


def spans_of_day(day: date) -> tuple[PeriodSpan, ...]:
    """Return one span of each period: those that something of this day counts in."""
    return tuple(span_of(period, day) for period in Period)


def spans_between(first: date, last: date) -> Iterator[PeriodSpan]:
    """Walk every span that has a day between these two, both included."""
    for period in Period:
        day = first
        while day <= last:
            span = span_of(period, day)
            yield span
            if span.last >= last:
                break
            day = span.last + _DAY


@lru_cache(maxsize=256)
def begins_at(day: date, time_zone: str) -> datetime:
    """Return the first instant at which wall clocks of this zone show this day, to the second.

    Midnight may not exist (clocks go forward over it) or exist twice; the day still begins once.
    """
    zone = ZoneInfo(time_zone)
    middle = datetime.combine(day, time(), UTC)
    before, after = middle - _MAX_ZONE_OFFSET, middle + _MAX_ZONE_OFFSET
    while after - before > _SECOND:
        half = before + (after - before) // 2
        half = half.replace(microsecond=0)
        if half.astimezone(zone).date() < day:
            before = half
        else:
            after = half
    return after


def ends_at(span: PeriodSpan, time_zone: str) -> datetime | None:
    """Return the instant at which a span is over; Null for all time."""
    if span.period is Period.ALL_TIME:
        return None
    return begins_at(span.last + _DAY, time_zone)


def _months(year: int, month: int, count: int) -> tuple[date, date]:
    after = month + count
    following = date(year + (after > 12), after - 12 * (after > 12), 1)  # noqa: PLR2004  months
    return date(year, month, 1), following - _DAY
