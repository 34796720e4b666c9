"""A clock that only advances when a test says so."""

from datetime import UTC, datetime, timedelta

from chalicelib.foundation.clock import Clock

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


class StoppedClock(Clock):
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, step: timedelta) -> None:
        self.at += step
