"""Measures the digest of a whole program: `python -m bench.digests`.

Seeds members and an activity that nobody saw yet straight into tables, lets it become nine
o'clock, and does what the functions of notices do: find the program, walk its members, look at
every chunk, and hand over mails. Every tenth chunk comes twice, as SQS may deliver it; SES and the
queue are stood in for. The tables are in this process, and what a client would
work is added; `--cloud` takes those of a local cloud, whose engine needs hours for 100,000 members.
Fails when a member is due twice or not at all, when somebody is mailed twice or a mail is left out,
or when a part works longer than its share of its function's time. With `--rate` SES takes no more
mails a second, of which each shard has its share, and the pauses that follow pass on a clock of the
bench's own; fails too when less than `MIN_RATE_SHARE` of that leaves. Wall time is not judged.
"""

import logging
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import click
from botocore.exceptions import ClientError

from bench.costs import WHOLE_PROCESSOR_MB
from bench.in_memory_tables import tables_in_memory
from bench.measurements import Report
from bench.program import ENGINE_SECONDS, Meter, tables
from bench.seeding import activity_item, members, require_success, write
from chalicelib.composition import Container
from chalicelib.foundation import aws
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.sweeps import due_key
from chalicelib.notifications.planning import CHUNK_SIZE, Chunk
from chalicelib.notifications.store import SHARDS, DueIndex, DueItem, mail_queue_key
from chalicelib.notifications.unsubscribing.service import (
    UnsubscribeService,
    UnsubscribeTokens,
)
from chalicelib.programs.store import ProgramItem
from local import functions, template
from local.home import PROJECT
from tests.clock import StoppedClock

LEAD_TIME = datetime(2026, 6, 15, 8, 50, tzinfo=UTC)
"""Ten minutes before the hour at which members are mailed who chose none."""

WORKER = "notifications_plan_and_send_digests"
"""The function that walks, looks at chunks and mails."""

BUSY_SHARE = 0.5
"""Of the function's time; the rest is for waiting."""

CLIENT_SECONDS, ITEM_SECONDS = 0.0035, 0.00011
"""What botocore works for a call, and for each item of a query: measured with `--cloud`."""

PROGRESS_SECONDS = 5
"""Seconds between two words of how far it is."""

DUPLICATE_EVERY = 10
"""Each chunk of so many comes twice."""

MAILS_PER_RUN = 500
"""After so many a run ends and the next begins: a real one ends for want of time."""

MIN_RATE_SHARE = 0.8
"""Share of SES's rate that is to be used."""


class Queue:
    """A fake of SQS that stores the messages sent."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def send(self, messages: Sequence[str], seconds: float = 0, group: str = "") -> None:  # noqa: ARG002  the port's; no delay here
        self.messages += messages


class Ses:
    """A fake of SES that accepts `rate` mails a second and records their recipients."""

    def __init__(self, clock: StoppedClock, rate: float) -> None:
        self.mailed: Counter[str] = Counter()
        self.too_fast = 0
        self._clock = clock
        self._rate = rate
        self._free_at = clock.now()

    def send_email(self, **asked: Any) -> dict[str, str]:
        now = self._clock.now()
        if self._rate and now < self._free_at:
            self.too_fast += 1
            told: Any = {
                "Code": "TooManyRequestsException",
                "Message": "Maximum sending rate exceeded.",
            }
            raise ClientError({"Error": told}, "SendEmail")
        if self._rate:
            # A second's mails may come at once; what was not used before that is gone.
            step, second = timedelta(seconds=1 / self._rate), timedelta(seconds=1)
            self._free_at = max(self._free_at, now - second) + step
        self.mailed.update(asked["Destination"]["ToAddresses"])
        return {"MessageId": "1"}


@dataclass
class InvocationCosts:
    """The costs of one kind of invocation: busy seconds of each, and calls by operation."""

    name: str
    excluded_seconds: Callable[[], float]
    """Returns seconds of this process that are the tables', less what a client would work."""
    busy_seconds: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    units: float = 0.0
    made_due: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def once(self) -> Iterator[None]:
        """Measure one invocation for as long as this lasts."""
        meter, begun = Meter(), time.thread_time() - self.excluded_seconds()
        with meter.watching():
            yield
        self.busy_seconds.append(time.thread_time() - self.excluded_seconds() - begun)
        self.calls.update(operation for operation, _ in meter.calls)
        self.units += meter.units
        for (operation, asked), units in zip(meter.calls, meter.units_by_call, strict=True):
            if operation == "PutItem" and units:  # one that was refused consumed nothing
                item = asked["Item"]
                self.made_due.update([item["owner"]["S"]] if "mail_at" in item else [])

    def show(self, report: Report, function: functions.Function) -> None:
        """Print calls and busy seconds; check the longest invocation against the time limit."""
        report.line(
            f"{self.name}, {len(self.busy_seconds):,} times", "calls", f"{self.units:,.0f} units"
        )
        for operation, count in sorted(self.calls.items()):
            report.line(f"  {operation}", f"{count:,}")
        report.line("  seconds at work in all", f"{sum(self.busy_seconds):,.1f}")
        longest = max(self.busy_seconds) * max(1.0, WHOLE_PROCESSOR_MB / function.memory)
        limit = BUSY_SHARE * function.seconds
        report.goal(f"  the longest, at {function.memory} MB", round(longest, 1), limit, " s")


@dataclass
class Bench:
    """A program of many members, and the services that send its notices."""

    container: Container
    clock: StoppedClock
    ses: Ses
    excluded_seconds: Callable[[], float]
    program_id: str = ""
    queue: Queue = field(default_factory=Queue)

    def __post_init__(self) -> None:
        container = self.container
        # Cached properties: what is set here is what the container hands out.
        container.digests_queue = self.queue  # type: ignore[assignment]  # a stand-in
        container.clients.ses = self.ses
        container.sleep = lambda seconds: self.clock.advance(timedelta(seconds=seconds))
        container.unsubscribing = UnsubscribeService(
            container.notice_store,
            container.programs,
            UnsubscribeTokens(lambda: "a-secret-of-at-least-thirty-two-bytes"),
            lambda: "https://bench.example",
        )

    def seed(self, count: int) -> None:
        """Write a program, its members and an activity for all of them, published just now."""
        now, database = self.clock.now(), self.container.database
        self.program_id = new_id("prg", now - timedelta(days=30))
        program = ProgramItem(
            self.program_id, "program", name="Bench", time_zone="UTC", created_at=now
        )
        write(database, [program])
        people = members(self.program_id, count, now - timedelta(days=1), ["chn_1"])
        write(database, people, count, "members")
        write(database, [activity_item(self.program_id, now, ends_at=now + timedelta(days=7))])
        self.container.bulletin_writer.refresh(self.program_id)

    def part(self, name: str) -> InvocationCosts:
        """Return the costs of one kind of invocation, to be measured."""
        return InvocationCosts(name, self.excluded_seconds)

    def taken(self) -> list[Chunk]:
        """Return and forget the queued messages."""
        found = [Chunk.read(each) for each in self.queue.messages]
        self.queue.messages.clear()
        return found

    def due(self) -> list[set[str]]:
        """Return the members of each shard whom a mail is due to.

        By pages of a megabyte, not as the functions do by a hundred: each page goes through a
        whole partition here.
        """
        until = due_key(self.program_id, self.clock.now(), "~")  # behind all ids
        return [
            {
                item.owner
                for item in self.container.database.query(
                    DueItem,
                    mail_queue_key(shard),
                    DueIndex.due_key < until,
                    index=DueItem.due_index,
                )
            }
            for shard in range(SHARDS)
        ]


def _plan(bench: Bench, count: int) -> list[InvocationCosts]:
    """Advance the clock to nine, and find everybody who is due a mail."""
    find, walk, look = map(bench.part, ("the clock", "the walk", "a chunk"))
    planner = bench.container.digest_planner
    bench.clock.advance(timedelta(minutes=10, seconds=5))
    with find.once():
        bench.container.due_digests.begin_due()
    (program,) = bench.taken()
    require_success(program.program_id == bench.program_id, not program.member_ids)
    with walk.once():
        require_success(planner.plan_chunk(program) == count)
    chunks = bench.taken()
    require_success(len(chunks) == -(-count // CHUNK_SIZE))
    for number, each in enumerate(progress(chunks, "chunks")):
        for _ in range(1 + (number % DUPLICATE_EVERY == 0)):
            with look.once():
                planner.plan_chunk(each)
    return [find, walk, look]


def _shares(waiting: Sequence[int], most: int) -> list[int]:
    """Return how many mails to send in each shard: all, or about `most` together."""
    if most >= sum(waiting):
        return list(waiting)
    return [min(each, math.ceil(most / SHARDS)) for each in waiting]


def _mail(bench: Bench, shares: Sequence[int]) -> tuple[InvocationCosts, float]:
    """Hand over so many mails of each shard; return how many left a second besides.

    The shards run one after another here, each at its share of SES's rate and on the same clock.
    """
    part, ses, rate = bench.part("a run of mails"), bench.ses, 0.0
    for shard, share in enumerate(shares):
        before, begun = ses.mailed.total(), bench.clock.now()
        until = before + share
        while ses.mailed.total() < until and _run(bench, part, shard, until):
            click.echo(f"  mails: {ses.mailed.total():,} of {sum(shares):,}", err=True)
        seconds = (bench.clock.now() - begun).total_seconds()
        rate += (ses.mailed.total() - before) / seconds if seconds else 0.0
    return part, rate


def _run(bench: Bench, part: InvocationCosts, shard: int, until: int) -> int:
    """Send a shard's mails in one invocation; return how many were sent."""
    enough = min(until, bench.ses.mailed.total() + MAILS_PER_RUN)
    with part.once():
        return bench.container.notice_mailer.mail_due(
            shard, lambda: bench.ses.mailed.total() >= enough
        )


def _check_due(report: Report, bench: Bench, made_due: Counter[str], count: int) -> None:
    """Check against all members who is due a mail, and how often each chunk wrote one."""
    report.goal("members due", sum(map(len, bench.due())), count, least=True)
    report.goal("members due twice", made_due.total() - len(made_due), 0)


def progress(chunks: Sequence[Chunk], what: str) -> Iterator[Chunk]:
    """Yield chunks, and print the progress every few seconds."""
    said = time.monotonic()
    for number, each in enumerate(chunks):
        if time.monotonic() - said > PROGRESS_SECONDS:
            click.echo(f"  {what}: {number:,} of {len(chunks):,}", err=True)
            said = time.monotonic()
        yield each


def client_seconds(calls: int, items: int) -> float:
    """Return the processor seconds that a client would need for calls that are not sent."""
    return calls * CLIENT_SECONDS + items * ITEM_SECONDS


@contextmanager
def _tables(*, cloud: bool) -> Iterator[tuple[Settings, Callable[[], float]]]:
    """Make the tables; give the settings, and what `InvocationCosts.excluded_seconds` is."""
    if cloud:
        with tables() as settings:
            yield settings, lambda: 0.0
        return
    with tables_in_memory() as (settings, kept):
        yield settings, lambda: kept.seconds - client_seconds(kept.calls, kept.found)


@click.command()
@click.option(
    "--members", "count", type=click.IntRange(CHUNK_SIZE + 1), default=100_000, show_default=True
)
@click.option("--mails", default=2_000, show_default=True, help="So many are handed over.")
@click.option("--rate", default=0.0, help="Mails that SES takes a second; 0 for any number.")
@click.option("--cloud", is_flag=True, help="On the tables of a local cloud.")
def main(count: int, mails: int, rate: float, *, cloud: bool) -> None:
    """Measure the digest of a program of this many members."""
    logging.disable(logging.WARNING)
    report, clock = Report(), StoppedClock(LEAD_TIME)
    declared = functions.declared(template.declarations(PROJECT / "infra"))
    function = next(each for each in declared if each.name == WORKER)
    with (
        patch.object(aws, "READ_SECONDS", ENGINE_SECONDS),
        _tables(cloud=cloud) as (settings, excluded_seconds),
    ):
        container = Container(settings.changed(notices_from="news@bench.example"), clock)
        bench = Bench(container, clock, Ses(clock, rate / SHARDS), excluded_seconds)
        bench.seed(count)
        parts = _plan(bench, count)
        _check_due(report, bench, parts[-1].made_due, count)
        shares = _shares([len(each) for each in bench.due()], mails)
        part, of_rate = _mail(bench, shares)
        parts.append(part)
        if rate:
            least = round(MIN_RATE_SHARE * rate, 1)
            report.goal("mails a second", round(of_rate, 1), least, least=True)
            report.line("  too fast", f"{bench.ses.too_fast:,}")
        mailed = bench.ses.mailed
        left = sum(map(len, bench.due()))
        report.goal("mailed", len(mailed), sum(shares), least=True)
        report.goal("mailed twice", mailed.total() - len(mailed), 0)
        report.goal("neither mailed nor due, or both", abs(count - len(mailed) - left), 0)
    for each in parts:
        each.show(report, function)
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
