"""The sweep of performances that should have moved by themselves; it needs nothing of staging."""

from collections.abc import Sequence
from datetime import datetime
from itertools import batched

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.performances.model import REQUEUE_DELAY, Reference
from chalicelib.performances.queue import BATCH_SIZE, StagingQueue
from chalicelib.performances.store import PerformanceStore


class OverdueRequeuer:
    """Moves on what should have moved by itself."""

    def __init__(self, store: PerformanceStore, queue: StagingQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def requeue_overdue(self, is_late: IsLate = no_time_limit) -> int:
        """Queue overdue performances (lost messages, dead workers, late answers); returns how many.

        Each is first given a new time, so that those behind it have their turn.
        """
        now = self._clock.now()
        queued = 0
        for overdue in batched(self._store.unfinished(now), BATCH_SIZE):
            if is_late():
                break
            queued += self._queue_batch(overdue, now)
        return queued

    def _queue_batch(self, overdue: Sequence[Reference], now: datetime) -> int:
        """Queue as many as one call takes: what breaks among them holds up no others for long."""
        look_at = now + REQUEUE_DELAY
        found = [each for each in overdue if self._store.note_queued(each, now, look_at)]
        self._queue.send(found)
        return len(found)
