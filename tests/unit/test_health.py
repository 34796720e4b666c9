"""Health: asked seldom, told truly."""

from datetime import timedelta

from chalicelib.foundation.health import HEALTH_CACHE_TTL, HealthService
from tests.clock import StoppedClock


def test_dependencies_are_checked_once_in_half_a_minute() -> None:
    clock = StoppedClock()
    asked: list[str] = []
    service = HealthService("build-1", {"tables": lambda: asked.append("tables")}, clock)
    first = service.health()
    clock.advance(HEALTH_CACHE_TTL - timedelta(seconds=1))
    assert service.health() is first
    assert asked == ["tables"]
    clock.advance(timedelta(seconds=1))
    assert service.health().checked_at == clock.now()
    assert asked == ["tables", "tables"]


def test_one_that_does_not_answer_is_told_by_name_and_recovers() -> None:
    clock = StoppedClock()
    broken = [True]

    def storage() -> None:
        if broken:
            raise ConnectionError

    service = HealthService("build-1", {"tables": lambda: None, "storage": storage}, clock)
    assert service.health().checks == {"tables": True, "storage": False}
    assert not service.health().is_healthy
    broken.clear()
    clock.advance(HEALTH_CACHE_TTL)
    assert service.health().is_healthy
