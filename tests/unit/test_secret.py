"""A remembered secret: fetched seldom, never older than a rotation may be."""

import json
from datetime import timedelta

import pytest

from chalicelib.foundation.secret import CACHED_FOR, CachedSecret
from tests.clock import StoppedClock

SECOND = timedelta(seconds=1)


class Store:
    """Holds a secret that may be rotated, and counts who asks."""

    def __init__(self) -> None:
        self.value: object = {"client_secret": "first", "other": "x"}
        self.asked = 0

    def fetch(self) -> str:
        self.asked += 1
        return json.dumps(self.value)


def test_a_secret_is_fetched_when_it_is_needed_and_then_remembered_for_minutes() -> None:
    store, clock = Store(), StoppedClock()
    secret = CachedSecret(store.fetch, "client_secret", clock)
    assert store.asked == 0
    assert secret.value() == secret.value() == "first"
    clock.advance(CACHED_FOR - SECOND)
    assert secret.value() == "first"
    assert store.asked == 1


def test_a_rotated_secret_is_in_use_once_the_time_is_over() -> None:
    store, clock = Store(), StoppedClock()
    secret = CachedSecret(store.fetch, "client_secret", clock)
    secret.value()
    store.value = {"client_secret": "second"}
    clock.advance(CACHED_FOR)
    assert secret.value() == "second"
    assert store.asked == 2


def test_a_secret_without_the_member_is_an_error_and_asked_for_again() -> None:
    store = Store()
    store.value = {"other": "x"}
    secret = CachedSecret(store.fetch, "client_secret", StoppedClock())
    with pytest.raises(KeyError):
        secret.value()
    store.value = {"client_secret": "mended"}
    assert secret.value() == "mended"
