"""Waiting for what happens by itself: asked again and again, with an end and a clear message."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.05


def wait_for[T](
    what: str, ask: Callable[[], T | None], patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """Ask until the answer is neither None nor False; fails with the last answer when it is late.

    The last look comes after the time is up, so that a slow machine is not a reason to fail.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        late = time.monotonic() > deadline
        found = ask()
        if found is not None and found is not False:
            return found
        assert not late, f"{what} did not happen within {patience_seconds:.0f} s."
        time.sleep(POLL_SECONDS)
