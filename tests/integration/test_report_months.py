"""Days that are over are packed into months: nothing is lost by it, and a year is one query."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.foundation.events import Event
from chalicelib.foundation.table import Conflict, Part
from chalicelib.reports.counting import UNPACKED_DAYS, DayPacker
from chalicelib.reports.model import (
    FAILURE_WORDS,
    LOST_PREFIX,
    MAX_GAP_DAYS,
    NEVER_KEY,
    TIME_BUCKETS,
    CounterName,
)
from chalicelib.reports.service import Overview
from chalicelib.reports.store import SHARDS, MonthItem, pack_days, unpack_days
from tests.clock import StoppedClock
from tests.integration.reporting_greenroom import ReportingGreenroom

A_MEGABYTE = 1 << 20
"""More than a query answers at once."""


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the counting functions from packing days, so that the test packs them itself."""
    monkeypatch.setattr(DayPacker, "pack", lambda *_: None)


@dataclass(frozen=True)
class Told:
    """What an overview says."""

    days: dict[date, dict[str, int]]
    before: dict[str, int]
    active: tuple[int, int]

    @classmethod
    def of(cls, found: Overview) -> "Told":
        return cls(
            {each.day: +Counter(each.tally.numbers) for each in found.report.days},
            +Counter(found.before.numbers),
            (found.active, found.active_before),
        )


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def plays(reporting: ReportingGreenroom, days: int = 40) -> list[Event[Any]]:
    """Let members send now and then for some days; return a third of what was told, not counted."""
    dice, held = random.Random(14), list[Event[Any]]()
    members = [reporting.join(f"m{number}") for number in range(4)]
    reporting.deliver_all()
    for _ in range(days):
        reporting.advance(days=1)
        if dice.random() < 0.5:
            activity = reporting.activity()
            for member in dice.sample(members, dice.randint(1, 3)):
                reporting.perform_and_stage(
                    reporting.now(member), activity, dice.choice(["posts", "refuses"])
                )
        for each in reporting.events():
            held.append(each) if dice.random() < 1 / 3 else reporting.deliver([each])
    return held


def overviews(reporting: ReportingGreenroom) -> list[Told]:
    today = reporting.clock.now().date()
    spans = [
        (today - timedelta(days=back), today - timedelta(days=back - length))
        for back, length in ((364, 364), (60, 60), (33, 20), (20, 3), (0, 0))
    ]
    overview, manager = reporting.container.reports.overview, reporting.manager
    return [Told.of(overview(manager, *span)) for span in spans]


def packs(reporting: ReportingGreenroom) -> None:
    store, program_id = reporting.container.report_store, reporting.program.program_id
    before = reporting.clock.now().date() - timedelta(days=UNPACKED_DAYS)
    while store.pack_days(program_id, before, 7):
        pass


def rows(reporting: ReportingGreenroom) -> list[str]:
    scope = f"{reporting.program.program_id}#program"
    tables = reporting.cloud.tables.items("ReportsTable")
    return sorted(each["item"]["S"] for each in tables if each["scope"]["S"] == scope)


def recounted(reporting: ReportingGreenroom) -> Sequence[Any]:
    rebuilder = reporting.container.reports_rebuilder
    return rebuilder.findings(reporting.program.program_id, lambda _: None)


@pytest.mark.usefixtures("unpacked")
def test_packing_days_changes_no_report_and_a_recount_finds_the_same(
    reporting: ReportingGreenroom,
) -> None:
    reporting.deliver(plays(reporting))
    told, days = overviews(reporting), rows(reporting)
    packs(reporting)
    first_kept = (reporting.clock.now().date() - timedelta(days=UNPACKED_DAYS)).isoformat()
    months = sorted({each[:7] for each in days if each < first_kept})
    assert len(months) > 1
    assert rows(reporting) == sorted([*months, *(each for each in days if each >= first_kept)])
    assert overviews(reporting) == told
    assert told[0].active[0] > told[3].active[0] > 0
    assert recounted(reporting) == []


@pytest.mark.usefixtures("unpacked")
def test_events_after_their_day_was_packed_are_counted_and_packed(
    reporting: ReportingGreenroom,
) -> None:
    late = plays(reporting)
    packs(reporting)
    assert recounted(reporting) != []
    random.Random(5).shuffle(late)
    reporting.deliver([*late, *late[::2]])
    assert any("#" in each and each < rows(reporting)[-1][:7] for each in rows(reporting))
    told = overviews(reporting)
    assert recounted(reporting) == []
    packs(reporting)
    assert overviews(reporting) == told
    assert recounted(reporting) == []


@pytest.mark.usefixtures("unpacked")
@pytest.mark.parametrize("who", ["counts", "packs"])
def test_nothing_is_lost_when_somebody_else_counts_or_packs_a_day_while_it_is_packed(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    late = plays(reporting)
    store = reporting.container.report_store
    commit, meanwhile = store.commit, [True]

    def disturbed(parts: Sequence[Part], **options: Any) -> None:
        packing = any(isinstance(getattr(each, "item", None), MonthItem) for each in parts)
        if packing and meanwhile:
            meanwhile.clear()
            reporting.deliver(late) if who == "counts" else packs(reporting)
        commit(parts, **options)

    monkeypatch.setattr(store, "commit", disturbed)
    with pytest.raises(Conflict):
        packs(reporting)
    packs(reporting)
    if who == "packs":
        reporting.deliver(late)
    assert recounted(reporting) == []


def test_a_counter_packs_what_is_over_once_a_day_and_counts_whatever_comes_of_it(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = reporting.container.report_store
    pack, asked = store.pack_days, list[date]()

    def watched(program_id: str, before: date, most: int) -> int:
        asked.append(before)
        if len(asked) <= 2:
            raise Conflict if len(asked) == 1 else RuntimeError
        return pack(program_id, before, most)

    monkeypatch.setattr(store, "pack_days", watched)
    amy = reporting.join("amy")
    for _ in range(UNPACKED_DAYS + 2):
        for _ in range(3):
            reporting.perform_and_stage(reporting.now(amy), reporting.activity())
            reporting.deliver_all()
        reporting.advance(days=1)
    days = sorted(set(asked))
    assert len(days) == UNPACKED_DAYS + 2
    assert asked.count(days[0]) == 3  # once more after the conflict, and after what nobody knows
    assert [asked.count(each) for each in days[1:]] == [1] * (len(days) - 1)
    assert recounted(reporting) == []
    assert len(rows(reporting)) > UNPACKED_DAYS


def test_two_years_of_the_fullest_days_are_less_than_a_query_answers() -> None:
    """Each with every reason, every class of times and every gap there is, written by all."""
    dice = random.Random(2)
    times = [
        f"{of}:{at}" for of in ("post", "perform") for at in (*range(len(TIME_BUCKETS) + 1), "all")
    ]
    gaps = [f"gap:{each}" for each in (NEVER_KEY, *range(1, MAX_GAP_DAYS + 1))]
    names = [*CounterName, *(LOST_PREFIX + each for each in FAILURE_WORDS), *times]

    def day() -> dict[str, int]:
        numbers = {name: dice.randint(1, 100_000) for name in names}
        return numbers | {gap: dice.randint(0, 500) for gap in gaps}

    month = {date(2026, 12, number): day() for number in range(1, 32)}
    packed = pack_days(month)
    assert unpack_days("2026-12", packed) == {
        each: {name: number for name, number in numbers.items() if number}
        for each, numbers in month.items()
    }
    a_day = sum(len(name) + 5 for name in (*names, *gaps)) + 100
    whole = 26 * (len(packed) + 100) + (UNPACKED_DAYS + 1) * SHARDS * a_day
    assert whole < A_MEGABYTE
    assert 2 * 366 * a_day > 3 * A_MEGABYTE  # as they would be unpacked, without any shards
