"""Health checks of our dependencies; each process makes them at most twice a minute."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.values import dataclass

HEALTH_CACHE_TTL = timedelta(seconds=30)


@dataclass(frozen=True)
class Health:
    """A build and the state of what it depends on, by name."""

    build: str
    checks: Mapping[str, bool]
    checked_at: datetime

    @property
    def is_healthy(self) -> bool:
        return all(self.checks.values())


class HealthService:
    """Answers from memory, so that a public route costs nothing per request."""

    def __init__(
        self, build: str, probes: Mapping[str, Callable[[], object]], clock: Clock
    ) -> None:
        self._build = build
        self._probes = probes
        self._clock = clock
        self._last: Health | None = None

    def health(self) -> Health:
        now = self._clock.now()
        if self._last is None or now - self._last.checked_at >= HEALTH_CACHE_TTL:
            checks = {name: _is_answering(name, probe) for name, probe in self._probes.items()}
            self._last = Health(self._build, checks, now)
        return self._last


def _is_answering(name: str, probe: Callable[[], object]) -> bool:
    try:
        probe()
    except Exception:  # noqa: BLE001  whatever it is, it is not well
        logger.exception("a dependency does not answer", extra={"dependency": name})
        return False
    return True
