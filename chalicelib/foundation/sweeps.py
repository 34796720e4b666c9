"""Sweeps through an index, made by the clock, go on for as long as their function may run."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

IsLate = Callable[[], bool]
"""Tells that nothing more is to be begun; the next run finds what is left."""


def never_late() -> bool:
    return False


def late(context: Any, reserve: timedelta) -> IsLate:
    """Give what tells that a function has less than `reserve` left, by its Lambda context."""
    return lambda: bool(
        context.get_remaining_time_in_millis() < reserve / timedelta(milliseconds=1)
    )
