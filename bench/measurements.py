"""Shared parts of the benchmarks: a temporary local cloud, peak memory, and reports with goals."""

import gc
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from local import cloud, ports
from local.home import Home
from local.process_environment import isolate_environment

MEGABYTE = 1024 * 1024


@contextmanager
def temporary_cloud() -> Iterator[Path]:
    """Start an empty local cloud for the AWS clients of this process and its children.

    Gives a folder that is removed with it.
    """
    isolate_environment()
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        home = Home(Path(folder))
        for each in (home.cloud, home.logs):
            each.mkdir(parents=True)
        running = cloud.start(home, {"cloud": ports.any_free()})
        os.environ["AWS_ENDPOINT_URL"] = running.endpoint_url
        try:
            yield Path(folder)
        finally:
            running.stop(keep=False)


def _process_tree() -> list[int]:
    """Return this process and its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [os.getpid()]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _resident() -> int:
    """Return the bytes that this process and its descendants hold, shared memory counted once."""
    total = 0
    for pid in _process_tree():
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def can_measure_memory() -> bool:
    return Path("/proc/self/smaps_rollup").exists()


@dataclass
class Peak:
    """The peak memory during a block, above the memory held before it."""

    idle: int = 0
    most: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        gc.collect()
        self.idle = self.most = _resident()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, _resident())

    @property
    def above(self) -> int:
        return self.most - self.idle


@dataclass
class Report:
    missed: bool = False

    def line(self, what: str, greenroom: object, plain: object = "") -> None:
        print(f"{what:44} {greenroom!s:>18} {plain!s:>18}")

    def goal(
        self, what: str, value: float, limit: float, unit: str = "", *, least: bool = False
    ) -> None:
        met = value >= limit if least else value <= limit
        self.missed = self.missed or not met
        bound = "least" if least else "most"
        told = f"{value:,}{unit}, at {bound} {limit:,}{unit}"
        print(f"goal {'met   ' if met else 'MISSED'} {what}: {told}")
