"""Secrets that may be rotated while a function stays warm."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.foundation.clock import Clock

CACHED_FOR = timedelta(minutes=5)
"""A rotated secret is in use everywhere after this."""


class CachedSecret:
    """One member of a JSON secret, fetched when first needed and again every few minutes."""

    def __init__(self, fetch: Callable[[], str], member: str, clock: Clock) -> None:
        self._fetch = fetch
        self._member = member
        self._clock = clock
        self._value = ""
        self._until: datetime | None = None

    def value(self) -> str:
        """Return the secret: never log it. Raises KeyError if it does not have the member."""
        now = self._clock.now()
        if self._until is None or now >= self._until:
            self._value = str(json.loads(self._fetch())[self._member])
            self._until = now + CACHED_FOR
        return self._value
