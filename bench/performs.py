"""Compares performs per second with a plain read and transaction: `python -m bench.performs`.

Members of a seeded program perform its activities on a local cloud, at 1, 8 and 32 threads of one
process, in turns with a handler that reads the activity and writes the same transaction by boto3
and does nothing else. Judged is the median of the pairs' ratios. Both sides share processor and
engine, so the rates themselves say little.

Ends with 1 below the goal at any number of threads.
"""

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from unittest.mock import patch

import boto3
import click
from botocore import xform_name
from botocore.config import Config

from bench.measurements import Report
from bench.program import ENGINE_SECONDS, Meter, tables
from bench.seeding import Seeded, Size, account_item, require_success, seed, write
from chalicelib.composition import Container
from chalicelib.foundation import aws
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.tiktok.model import INBOX_PLACES

MIN_RATIO = 0.8
"""The least ratio of our performs to those of a plain handler in the same time."""
THREADS = (1, 8, 32)
BLOCK = 32
SIZE = Size(members=100, activities=90, opened=45, channels=30, campaigns=30)
MEMBERS = 400
"""Enough members that `INBOX_PLACES` performs each cover all blocks."""


@dataclass(frozen=True)
class PerformRequest:
    """A member and an activity that they have not performed."""

    caller: Caller
    activity_id: str


def perform_requests(at: Seeded) -> Iterator[PerformRequest]:
    """Yield requests of members with a TikTok account until all their inboxes are full."""
    now = datetime.now(UTC)
    callers = [replace(at.others[0], member_id=new_id("mem", now)) for _ in range(MEMBERS)]
    write(at.container.database, [account_item(caller, now) for caller in callers])
    for activity_id in at.for_all[:INBOX_PLACES]:
        for caller in callers:
            yield PerformRequest(caller, activity_id)


class BaselineHandler:
    """A handler that makes the calls of a recorded perform for other members and activities."""

    def __init__(
        self, recorded: Sequence[tuple[str, Any]], of: PerformRequest, performance_id: str
    ) -> None:
        self._client = boto3.client("dynamodb", config=Config(max_pool_connections=max(THREADS)))
        self._calls = [(xform_name(name), json.dumps(asked)) for name, asked in recorded]
        self._of, self._performance_id = of, performance_id

    def perform(self, request: PerformRequest) -> None:
        for name, asked in self._calls:
            filled = (
                asked.replace(self._of.caller.member_id, request.caller.member_id)
                .replace(self._of.activity_id, request.activity_id)
                .replace(self._performance_id, new_id("prf", datetime.now(UTC)))
            )
            getattr(self._client, name)(**json.loads(filled))


def rate(
    perform: Callable[[PerformRequest], object], given: Sequence[PerformRequest], threads: int
) -> float:
    """Return the performs per second."""
    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        list(pool.map(perform, given))
        return len(given) / (time.perf_counter() - begun)


def recorded(at: Seeded, request: PerformRequest) -> BaselineHandler:
    """Perform once, warm, and return a plain handler that makes the same calls."""
    meter = Meter()
    with meter.watching():
        made = at.container.performances.perform(request.caller, request.activity_id, "bench")
    names = [name for name, _ in meter.calls]
    require_success(names == ["GetItem", "TransactWriteItems"])
    return BaselineHandler(meter.calls, request, made.performance_id)


@click.command()
@click.option("--pairs", default=9, show_default=True, help="Pairs of blocks at each number.")
def main(pairs: int) -> None:
    """Compare performs per second with a plain read and transaction on the same engine."""
    logging.disable(logging.WARNING)
    report = Report()
    with patch.object(aws, "READ_SECONDS", ENGINE_SECONDS), tables() as settings:
        at = seed(Container(settings), SIZE)
        due = perform_requests(at)

        def ours(request: PerformRequest) -> None:
            at.container.performances.perform(request.caller, request.activity_id, "bench")

        ours(next(due))  # reads what is remembered from here on
        bare = recorded(at, next(due))
        for threads in THREADS:
            own: list[float] = []
            plain: list[float] = []
            for request in range(pairs):
                sides = [(own, ours), (plain, bare.perform)]
                for found, perform in sides if request % 2 else reversed(sides):
                    found.append(rate(perform, list(islice(due, BLOCK)), threads))
            ratios = [mine / theirs for mine, theirs in zip(own, plain, strict=True)]
            report.line(
                f"performs a second, {threads} threads",
                f"{statistics.median(own):.0f}",
                f"{statistics.median(plain):.0f}",
            )
            report.goal("times bare", round(statistics.median(ratios), 2), MIN_RATIO, least=True)
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
