"""A simulated clock shared by the product, TikTok's sandbox and the schedules."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from chalicelib.foundation.clock import Clock

START = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


class SharedClock(Clock):
    """Advances only by `sleep` and `move_to`; calls `on_sleep` after every sleep."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.at

    def time(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.on_sleep()

    def move_to(self, at: datetime) -> None:
        self.at = max(self.at, at)
