"""Numbered steps on standard output, with their times and signs of life."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK_SECONDS = 10.0


class Steps:
    """Prints `[2/6] Title ...` when a step begins, and how long it took when it ends."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._number = 0
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self._number += 1
        print(f"[{self._number}/{self._total}] {title} ...", flush=True)
        started = time.monotonic()
        finished = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(started, finished), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            finished.set()
            ticker.join()
            self.seconds[title] = round(time.monotonic() - started, 2)
        print(f"      done in {self.seconds[title]:.1f} s", flush=True)

    @staticmethod
    def note(text: str) -> None:
        print(f"      {text}", flush=True)

    @staticmethod
    def _tick(started: float, finished: threading.Event) -> None:
        while not finished.wait(TICK_SECONDS):
            print(f"      {time.monotonic() - started:.0f} s so far", flush=True)
