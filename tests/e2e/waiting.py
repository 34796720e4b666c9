"""Waiting for what happens by itself: asked again and again, with an end and a clear message."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 180.0
POLL_SECONDS, POLL_MOST_SECONDS = 0.05, 0.4


def wait_for[T](
    what: str, ask: Callable[[], T | None], patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """Ask until the answer is neither None nor False; fails with the last answer when it is late.

    The last look comes after the time is up, so that a slow machine is not a reason to fail; and
    the longer it takes, the seldomer it is asked, for asking keeps the machine from doing it.
    """
    deadline, pause = time.monotonic() + patience_seconds, POLL_SECONDS
    while True:
        late = time.monotonic() > deadline
        found = ask()
        if found is not None and found is not False:
            return found
        assert not late, f"{what} did not happen within {patience_seconds:.0f} s."
        time.sleep(pause)
        pause = min(pause * 1.3, POLL_MOST_SECONDS)
