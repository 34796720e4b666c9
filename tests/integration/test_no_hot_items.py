"""Many members do one thing within minutes: what they write, they write apart."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.foundation.ids import new_id
from chalicelib.foundation.table import Contended, Database, Part, Put, Update
from chalicelib.reports.counting import MAX_PAIRS_PER_WRITE
from chalicelib.reports.model import Attempt, Attribution, CounterName, Fact, Progress
from chalicelib.reports.store import CounterItem
from tests.clock import StoppedClock
from tests.integration.reporting_greenroom import ReportingGreenroom

SENDS, WORKERS, TOGETHER = 10_000, 8, 100
WRITING_SECONDS = 0.002
MEMBERS = 200


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def test_no_two_members_who_perform_one_activity_write_to_one_item(
    reporting: ReportingGreenroom,
) -> None:
    """But for the activity itself, which the first of them all notes itself on."""
    activity = reporting.activity()
    members = [reporting.join(f"m{number}") for number in range(MEMBERS)]
    writers = Counter[tuple[Any, ...]]()
    told = reporting.cloud.tables.changed

    def watch(table: str, before: Any, after: Any) -> None:
        item = after or before
        names = sorted(
            name for name in ("owner", "key", "item", "activity_id", "entry_id") if name in item
        )
        ids = [each for each in ("performance_id", "program_id") if each in item]
        writers[(table, *(str(item[name]) for name in (*names, *ids)))] += 1
        told(table, before, after)

    reporting.cloud.tables.changed = watch
    for each in members:
        reporting.perform(each, activity)
    shared = {key: number for key, number in writers.items() if number > 1}
    assert shared == {}
    assert sum(key[0] == "ActivitiesTable" for key in writers) == 1
    assert len(writers) > 4 * MEMBERS


class Colliding:
    """The tables as DynamoDB has them: a transaction on an item that another one is at fails."""

    def __init__(self, database: Database) -> None:
        self._commit, self._read = database.commit, database.batch_get
        self._lock = threading.RLock()
        self._busy: set[tuple[str, str]] = set()
        self.collisions = 0
        self.counters: set[tuple[str, str]] = set()

    def commit(self, parts: Sequence[Part], wait: Any = None, *, attempts: int = 1) -> None:
        keys = {_key(each) for each in parts if isinstance(each, Put | Update)}
        with self._lock:
            if keys & self._busy:
                self.collisions += 1
                raise Contended
            self._busy |= keys
        try:
            time.sleep(WRITING_SECONDS)
            with self._lock:
                self._commit(parts, wait, attempts=attempts)
                self.counters |= {
                    _key(each)
                    for each in parts
                    if isinstance(each, Update) and isinstance(each.item, CounterItem)
                }
        finally:
            with self._lock:
                self._busy -= keys

    def batch_get(self, *asked: Any, **more: Any) -> list[Any]:
        with self._lock:
            return list(self._read(*asked, **more))


def _key(part: Put | Update) -> tuple[str, str]:
    item: Any = part.item
    return item.scope, item.item


def test_workers_that_count_10000_sends_of_one_activity_side_by_side_give_up_on_none(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity = reporting.activity()
    program_id, now = reporting.program.program_id, reporting.clock.now()
    counter = reporting.container.fact_counter
    database = reporting.container.database
    tables = Colliding(database)
    monkeypatch.setattr(database, "commit", tables.commit)
    monkeypatch.setattr(database, "batch_get", tables.batch_get)
    facts = [
        Fact(
            program_id,
            new_id("mem", now),
            activity.activity_id,
            Progress(attempts={prf: Attempt(prf, now, Attribution("cmp_1", ("chn_1",)))}),
        )
        for prf in (new_id("prf", now) for _ in range(SENDS))
    ]
    batches = [facts[start : start + TOGETHER] for start in range(0, SENDS, TOGETHER)]
    with ThreadPoolExecutor(WORKERS) as pool:
        written = sum(pool.map(counter.count, batches))
    assert tables.collisions > 0  # they did come upon each other
    assert written <= 2 * SENDS + 8 * SENDS // MAX_PAIRS_PER_WRITE
    monkeypatch.undo()
    report = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert report.report.whole.number(CounterName.SENT) == SENDS
    totals = reporting.container.reports.totals(reporting.manager, [activity.activity_id])
    assert totals[activity.activity_id].number(CounterName.SENT) == SENDS
    assert len(tables.counters) > len({scope for scope, _ in tables.counters})  # in several shards
