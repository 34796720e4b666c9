"""What requests cost in a program of any size: `python -m bench.program`.

Seeds a program straight into the tables of a local cloud, at one percent and at the whole of the
size, and shows calls and consumed capacity of each pattern of docs/data.md at both. Fails when one
makes more calls than its price, or grows though the page says that it does not. Wall time is shown
and not judged: the local engine's queries slow down with the partition, DynamoDB's do not.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched, cycle
from pathlib import Path
from typing import Any

import boto3
import click
from boto3.dynamodb.types import TypeDeserializer
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from pynamodb.models import Model

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.store import ActivityItem
from chalicelib.activities.store import MarkItem as PerformedItem
from chalicelib.composition import House
from chalicelib.foundation.identity import Caller, Claims, Role, TikTokState
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors
from chalicelib.foundation.settings import Settings
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.board_store import BoardStore, ScoreItem
from chalicelib.points.boards import Snapshots
from chalicelib.points.periods import Period, day_of, span_of
from chalicelib.points.ranking import TOP
from chalicelib.programs.model import Member, MemberStatus, owner_key
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import MemberItem, ProgramItem, ProgramStore
from chalicelib.tiktok.store import AccountItem
from chalicelib.videos.model import VideoFacts
from local import cloud, ports
from local.home import PROJECT, Home
from local.surroundings import keep_to_this_machine
from local.template import read

MEMBERS, ACTIVITIES, OPEN, DUE, HISTORY, PAGE = 100_000, 10_000, 1_000, 50, 100, 20
TIMES = 3
"""How often each pattern is asked for at each size; calls are the most, capacity the median."""
FLAT_SHARE, FLAT_UNITS = 1.5, 8.0
"""What does not grow may vary by this: pages are a little fuller, a head names more of them."""
OUR_SHARE = 1.3
PAIRS = 80
SHAPE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
FACTS = VideoFacts(
    size_bytes=10_000_000,
    container="mp4",
    has_video=True,
    codec="h264",
    duration_seconds=10.0,
    width=1080,
    height=1920,
    frame_rate=30.0,
)


@dataclass
class Meter:
    """Counts every call that is made, and what DynamoDB says it consumed."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    units: float = 0.0

    @contextmanager
    def watching(self) -> Iterator["Meter"]:
        """Watch all clients, PynamoDB's too, for as long as this lasts."""
        make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  the one door

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            asked = {**parameters, "ReturnConsumedCapacity": "TOTAL"}
            self.calls.append((operation, dict(parameters)))
            answer = make(client, operation, asked)
            self.units += _units(operation, parameters, answer)
            return answer

        BaseClient._make_api_call = call  # type: ignore[attr-defined]  # noqa: SLF001
        try:
            yield self
        finally:
            BaseClient._make_api_call = make  # type: ignore[attr-defined]  # noqa: SLF001


_READS = frozenset({"GetItem", "Query", "BatchGetItem", "TransactGetItems"})


def _units(operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> float:
    """Tell what a call consumed.

    Of writes as the engine says. Of reads the local engine says the same whatever their size, so
    these are counted as DynamoDB does: by 4 KB, half of it for reads that may be behind, twice in
    a transaction; a query by what it went through together.
    """
    if operation not in _READS:
        told = answer.get("ConsumedCapacity", [])
        consumed = told if isinstance(told, list) else [told]
        return sum(float(each["CapacityUnits"]) for each in consumed)
    sizes = [_bytes(item) for item in _items(answer)]
    if operation == "Query":
        through = answer["ScannedCount"] / max(answer["Count"], 1)
        return _by_4_kb(sum(sizes) * through) * (1.0 if asked.get("ConsistentRead") else 0.5)
    if operation == "TransactGetItems":
        absent = len(asked["TransactItems"]) - len(sizes)
        return 2.0 * (sum(map(_by_4_kb, sizes)) + absent)
    if operation == "GetItem":
        return sum(map(_by_4_kb, sizes or [0])) * (1.0 if asked.get("ConsistentRead") else 0.5)
    return 0.5 * sum(map(_by_4_kb, sizes))


def _by_4_kb(size: float) -> int:
    return max(1, -int(-size // 4096))


def _bytes(value: Any) -> int:
    """Tell a value's size about as DynamoDB counts it: names and contents."""
    if isinstance(value, dict):
        return sum(len(name) + _bytes(content) for name, content in value.items())
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return len(value) if isinstance(value, str | bytes) else 1


@dataclass
class Seeded:
    """A program in the tables, and people of it to ask."""

    house: House
    program_id: str
    members: int
    diligent: Caller
    others: list[Caller]
    newest: list[str]

    def claims(self, caller: Caller) -> Claims:
        return Claims(f"subject-{caller.member_id}", caller.email, 0)


@dataclass(frozen=True)
class Pattern:
    """One line of the page: what it may cost, what it may grow with, how it is asked for.

    `ask` gets a member each time, another one if it changes something.
    """

    name: str
    price: int
    grows_with: str
    ask: Callable[[Seeded, Caller], object]
    reads: bool = True


class Wrong(AssertionError):
    """A pattern did not do what it is measured for."""


def insist(*facts: object) -> None:
    """See that a pattern did its work: what does nothing is always cheap. Raises `Wrong`."""
    if not all(facts):
        raise Wrong(facts)


def _who(at: Seeded, caller: Caller) -> Caller:
    return at.house.programs.caller(at.claims(caller))


def _feed(at: Seeded, caller: Caller) -> None:
    page = at.house.activities.feed(_who(at, caller), PAGE, None)
    insist(page.items)


def _feed_of_the_diligent(at: Seeded, _: Caller) -> None:
    """All but one in a hundred of the open ones are done: what is left is all on the page."""
    page = at.house.activities.feed(_who(at, at.diligent), PAGE, None)
    insist(page.items, page.next_cursor is None)


def _perform(at: Seeded, caller: Caller) -> None:
    at.house.performances.perform(_who(at, caller), at.newest.pop(), "bench")


def _activities(at: Seeded, caller: Caller) -> None:
    insist(len(at.house.activities.activities(_who(at, caller), PAGE, None).items) == PAGE)


def _history(at: Seeded, _: Caller) -> None:
    caller = _who(at, at.diligent)
    insist(len(at.house.performances.performances(caller, PAGE, None).items) == PAGE)


def _leaderboard(at: Seeded, caller: Caller) -> None:
    board = at.house.points.leaderboard(_who(at, caller), Period.WEEK)
    insist(board.own and board.own.points, len(board.top) == min(TOP, at.members))


def _expiry(at: Seeded, _: Caller) -> None:
    """Let fifty be due, and sweep."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    with Unwatched():
        write(_activity(at.program_id, past, ends_at=past) for _ in range(DUE))
    insist(at.house.activity_lifecycle.expire() == DUE)


PATTERNS = (
    Pattern("who is this", 1, "", _who),
    Pattern("feed page of 20", 4, "open activities", _feed),
    Pattern("feed page, 99 % done", 4, "open activities", _feed_of_the_diligent),
    Pattern("perform", 3, "", _perform, reads=False),
    Pattern("activity list page", 2, "", _activities),
    Pattern("history page", 2, "", _history),
    Pattern("leaderboard", 4, "", _leaderboard),
    Pattern(f"expiry sweep of {DUE}", 1 + DUE // 25, "", _expiry, reads=False),
)


class Unwatched:
    """What a pattern needs and does not cost: its calls are not the pattern's."""

    current: Meter | None = None

    def __enter__(self) -> None:
        self._before = (len(self.current.calls), self.current.units) if self.current else (0, 0.0)

    def __exit__(self, *_: object) -> None:
        if self.current:
            calls, self.current.units = self._before
            del self.current.calls[calls:]


# --- seeding --------------------------------------------------------------------------------------


def write(items: Iterable[Model], total: int = 0, what: str = "") -> None:
    """Write items 25 a call, four calls at once, saying how far it is."""
    client, done, said = _client(), 0, time.monotonic()

    def send(batch: Sequence[Model]) -> int:
        table = batch[0].Meta.table_name
        left = {table: [{"PutRequest": {"Item": each.serialize()}} for each in batch]}
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
        return len(batch)

    with ThreadPoolExecutor(4) as threads:
        for many in batched(batched(items, 25), 400):
            for count in threads.map(send, many):
                done += count
                if total and time.monotonic() - said > 2:  # noqa: PLR2004  seconds
                    click.echo(f"  {what}: {done:,} of {total:,}", err=True)
                    said = time.monotonic()


def _client() -> Any:
    return boto3.client("dynamodb", config=Config(max_pool_connections=8))


def _activity(program_id: str, made_at: datetime, **changes: Any) -> ActivityItem:
    activity_id = new_id("act", made_at)
    given = {
        "program_id": program_id,
        "activity_id": activity_id,
        "state": ActivityState.PUBLISHED,
        "instructions": "Share this video on TikTok",
        "upload_id": activity_id.replace("act", "upl"),
        "points": 10,
        "featured": False,
        "starts_at": None,
        "ends_at": None,
        "time_zone": "UTC",
        "created_by": "mem_manager",
        "created_at": made_at,
        "video": FACTS,
        "video_key": f"videos/{program_id}/{activity_id}",
    }
    return ActivityItem.of(Activity(**{**given, **changes}))


def _member(program_id: str, number: int, joined: datetime) -> MemberItem:
    member_id = new_id("mem", joined)
    return MemberItem(
        program_id,
        f"member#{member_id}",
        member_id=member_id,
        email=f"member{number}@bench.example",
        name=f"Member number {number}",
        role=Role.MEMBER.value,
        status=MemberStatus.ACTIVE.value,
        time_zone="UTC",
        invited_at=joined,
        subject=f"subject-{member_id}",
        tiktok=TikTokState.CONNECTED.value,
    )


def seed(house: House, share: float) -> Seeded:
    """Put a program of this share of the whole size into the tables, and make its boards."""
    now = datetime.now(UTC)
    members, activities, opened = (
        max(int(each * share), PAGE) for each in (MEMBERS, ACTIVITIES, OPEN)
    )
    program_id = new_id("prg", now)
    # The services bind their tables when they are made.
    insist(house.programs, house.activities, house.performances, house.tiktok, house.snapshots)
    write([ProgramItem(program_id, "program", name="Bench", time_zone="UTC", created_at=now)])
    people = [
        _member(program_id, number, now - timedelta(seconds=members - number))
        for number in range(members)
    ]
    write(people, members, "members")
    ended = (
        _activity(
            program_id,
            now - timedelta(days=1, minutes=number),
            state=ActivityState.ENDED,
        )
        for number in range(activities - opened)
    )
    write(ended, activities - opened, "ended activities")
    running = [_activity(program_id, now - timedelta(minutes=number)) for number in range(opened)]
    write(running, opened, "open activities")
    diligent, *others = (each.to_member().as_caller() for each in people[:: max(members // 40, 1)])
    done = running[: opened - max(opened // 100, 1)]
    write(
        PerformedItem(diligent.owner, each.activity_id, performance_id=new_id("prf", now))
        for each in done
    )
    write(_history_of(diligent, now))
    write(_account(each, now) for each in others)
    week = span_of(Period.WEEK, day_of(now, "UTC")).key
    earned = {each.member_id: 1 + number * 7919 % 5000 for number, each in enumerate(people)}
    scores = (
        ScoreItem(f"{program_id}#{week}", member_id, points=points)
        for member_id, points in earned.items()
    )
    write(scores, members, "scores of the week")
    _boards(house, [each.to_member() for each in people], {f"{program_id}#{week}": earned})
    newest = [each.activity_id for each in running]
    return Seeded(house, program_id, members, diligent, others, newest)


class _Known(BoardStore):
    """A store that need not ask for scores: the local engine takes too long at the whole size."""

    def __init__(self, house: House, known: dict[str, dict[str, int]]) -> None:
        super().__init__(house.settings.boards_table)
        self._known = known

    def scores(self, program_id: str, span_key: str) -> Iterator[tuple[str, int]]:
        return iter(self._known.get(f"{program_id}#{span_key}", {}).items())


class _Roll(ProgramService):
    """Likewise for members."""

    def __init__(self, house: House, members: list[Member]) -> None:
        super().__init__(ProgramStore(house.settings.programs_table), house.clock)
        self._members = members

    def members(self, _: str) -> Iterator[Member]:
        return iter(self._members)


def _boards(house: House, members: list[Member], scores: dict[str, dict[str, int]]) -> None:
    """Make the boards as the schedule does, of what is known to be in the tables."""
    snapshots = Snapshots(_Known(house, scores), _Roll(house, members), house.clock)
    program_id = members[0].program_id
    snapshots.mark({program_id})
    begun = time.monotonic()
    insist(snapshots.make(program_id))
    taken = time.monotonic() - begun
    click.echo(f"  boards of {len(members):,} made in {taken:.1f} s, reads aside", err=True)


def _history_of(caller: Caller, now: datetime) -> Iterator[PerformanceItem]:
    for number in range(HISTORY):
        at = now - timedelta(minutes=number)
        yield PerformanceItem(
            caller.owner,
            new_id("prf", at),
            program_id=caller.program_id,
            member_id=caller.member_id,
            activity_id=new_id("act", at),
            instructions="Share this video on TikTok",
            video_key="videos/bench",
            content_type="video/mp4",
            size_bytes=10_000_000,
            points=10,
            state="posted",
            correlation_id="bench",
            queued_at=at,
        )


def _account(caller: Caller, now: datetime) -> AccountItem:
    return AccountItem(
        f"member#{owner_key(caller.program_id, caller.member_id)}",
        "account",
        program_id=caller.program_id,
        member_id=caller.member_id,
        state=TikTokState.CONNECTED.value,
        open_id=caller.member_id,
        display_name="Bench",
        tokens=b"-",
        access_expires_at=now,
        refresh_expires_at=now,
        connected_at=now,
    )


# --- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    calls: int
    units: float
    milliseconds: float


def cost(pattern: Pattern, at: Seeded, callers: Iterator[Caller]) -> Cost:
    """Ask for a pattern a few times, each time another member, warm."""
    found = []
    for turn in range(TIMES + 1):
        meter = Meter()
        Unwatched.current = meter
        with meter.watching():
            begun = time.perf_counter()
            pattern.ask(at, next(callers))
            taken = time.perf_counter() - begun
        if turn:  # the first one warms up
            found.append((len(meter.calls), meter.units, taken * 1000))
    calls, units, milliseconds = zip(*found, strict=True)
    return Cost(max(calls), statistics.median(units), statistics.median(milliseconds))


def ratio(pattern: Pattern, at: Seeded, caller: Caller) -> float:
    """Compare a pattern with the same calls and their decoding by bare boto3, in pairs."""
    meter = Meter()
    with meter.watching():
        pattern.ask(at, caller)
    client = boto3.client("dynamodb")
    decode = TypeDeserializer()

    def bare() -> None:
        for operation, parameters in meter.calls:
            answer = getattr(client, xform_name(operation))(**parameters)
            for item in _items(answer):
                for value in item.values():
                    decode.deserialize(value)

    works: tuple[Callable[[], object], ...] = (lambda: pattern.ask(at, caller), bare)
    pairs = []
    for _ in range(PAIRS):
        taken = []
        for work in works:
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
        pairs.append(taken[0] / taken[1])
    return statistics.median(pairs)


def _items(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from answer.get("Items", ())
    if answer.get("Item"):
        yield answer["Item"]
    responses = answer.get("Responses", ())
    for each in responses if isinstance(responses, list) else ():
        if each.get("Item"):
            yield each["Item"]
    if isinstance(responses, dict):
        for found in responses.values():
            yield from found


def verdict(pattern: Pattern, small: Cost, large: Cost) -> str:
    """Say what is wrong with a pattern's costs; nothing if nothing is."""
    if max(small.calls, large.calls) > pattern.price:
        return "OVER ITS PRICE"
    if pattern.grows_with:
        return ""
    most = max(small.units * FLAT_SHARE, small.units + FLAT_UNITS)
    return "NOT FLAT" if large.calls > small.calls or large.units > most else ""


# --- the cloud ------------------------------------------------------------------------------------


@contextmanager
def tables() -> Iterator[Settings]:
    """Start a cloud of its own with the template's tables, and nothing else, in it."""
    keep_to_this_machine()
    folder = Path(tempfile.mkdtemp(prefix="greenroom-bench-"))
    home = Home(folder)
    for each in (home.cloud, home.logs):
        each.mkdir(parents=True)
    running = cloud.start(home, ports.any_free())
    os.environ["AWS_ENDPOINT_URL"] = running.endpoint_url
    try:
        client, names = _client(), {}
        for name, resource in read(PROJECT / "infra" / "tables.yaml")["Resources"].items():
            given = resource["Properties"]
            shape = {key: given[key] for key in SHAPE if key in given}
            client.create_table(TableName=name, **shape)
            names[f"{name.removesuffix('Table').lower()}_table"] = name
        yield Settings(
            **names, public_url="https://bench.example", incoming_bucket="-", videos_bucket="-"
        )
    finally:
        running.stop(keep=False)
        shutil.rmtree(folder, ignore_errors=True)


def _house(settings: Settings) -> House:
    house = House(settings)
    house.cursors = Cursors(lambda: "a-secret-of-at-least-thirty-two-bytes")
    return house


@click.command()
@click.option("--size", default=100.0, show_default=True, help="Percent of the whole size.")
@click.option("--ratio/--no-ratio", "with_ratio", default=True, help="Compare with bare boto3.")
def main(size: float, *, with_ratio: bool) -> None:
    """Show what requests cost at one percent of a program of 100,000 members and at `--size`."""
    with tables() as settings:
        house = _house(settings)
        small, large = (seed(house, share / 100) for share in (1, size))
        failed = False
        click.echo(f"{'':22}{'price':>6}{'1 %':>22}{f'{size:g} %':>22}")
        callers = {id(at): cycle(at.others) for at in (small, large)}
        for pattern in PATTERNS:
            costs = [cost(pattern, at, callers[id(at)]) for at in (small, large)]
            words = verdict(pattern, *costs)
            failed = failed or bool(words)
            told = "".join(
                f"{each.calls:>6} {each.units:>6.1f} {each.milliseconds:>5.0f} ms" for each in costs
            )
            grows = f"grows with {pattern.grows_with}" if pattern.grows_with else "flat"
            click.echo(f"{pattern.name:22}{pattern.price:>6}{told}  {grows} {words}")
        if with_ratio:
            failed = _shares(house) or failed
    sys.exit(1 if failed else 0)


def _shares(house: House) -> bool:
    """Show our share of the time in a program under 1,000 items; tells whether it is too much."""
    at, failed = seed(house, 0.009), False
    for pattern in PATTERNS:
        if not pattern.reads:
            continue
        found = ratio(pattern, at, at.others[0])
        over = " TOO MUCH" if found > OUR_SHARE else ""
        failed = failed or bool(over)
        click.echo(f"{pattern.name:22} {found:.2f} times bare boto3{over}")
    return failed


if __name__ == "__main__":
    main()
