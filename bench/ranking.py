"""Measures building the leaderboards of a whole program: `python -m bench.ranking`.

Seeds people and their scores of every period straight into the tables of a local cloud, and makes
all boards as the Rank function does. Judged by that function's own limits: how long this process
works, and what it holds. Wall time is the local engine's, which goes through whole partitions, and
is shown only.
"""

import logging
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest.mock import patch

import click

from bench.measurements import MEGABYTE, Peak, Report
from bench.program import ENGINE_SECONDS, FixedClock, Meter, tables
from bench.seeding import members, require_success, score_items, write
from chalicelib.composition import Container
from chalicelib.foundation import aws
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.settings import Settings
from chalicelib.points.periods import day_of, spans_of_day
from chalicelib.points.worker import build_leaderboards
from chalicelib.programs.store import MemberItem, ProgramItem
from local import functions, template
from local.functions import Function
from local.home import PROJECT

_FACTORS = (7919, 6271, 4397, 3571, 2713)
"""Multipliers that shuffle the scores of each period."""
IDLE = 150 * MEGABYTE
"""The function's memory before it begins: its runtime and imports."""
BUSY_SHARE = 0.5
"""Of the function's time; the rest is for waiting."""


@dataclass(frozen=True)
class Run:
    """The costs of a run: seconds, busy seconds, and bytes above the idle process."""

    wall: float
    at_work: float
    above: int


def _timed(settings: Settings) -> Run:
    """Build the due leaderboards in a new process."""
    logging.disable(logging.WARNING)
    with patch.object(aws, "READ_SECONDS", ENGINE_SECONDS):
        builder = Container(settings, FixedClock()).leaderboard_builder
        with Peak() as peak:
            begun, worked = time.perf_counter(), time.thread_time()
            require_success(build_leaderboards(builder) == 1)
            wall, at_work = time.perf_counter() - begun, time.thread_time() - worked
    return Run(wall, at_work, peak.above)


def _metered(settings: Settings, program_id: str) -> dict[str, tuple[int, float]]:
    """Build all leaderboards again; return the calls and units of each operation.

    Counting takes time and memory of its own, so it is done apart.
    """
    logging.disable(logging.WARNING)
    found: dict[str, tuple[int, float]] = {}
    with patch.object(aws, "READ_SECONDS", ENGINE_SECONDS):
        builder, meter = Container(settings, FixedClock()).leaderboard_builder, Meter()
        with meter.watching():
            require_success(builder.build(program_id, anew=True))
    for operation, units in zip(
        (name for name, _ in meter.calls), meter.units_by_call, strict=True
    ):
        calls, before = found.get(operation, (0, 0.0))
        found[operation] = (calls + 1, before + units)
    return found


def _seeded(container: Container, count: int) -> str:
    """Write a program, its people and their scores."""
    now = datetime.now(UTC)
    program_id = new_id("prg", now)
    database = container.database
    write(
        database,
        [ProgramItem(program_id, "program", name="Bench", time_zone="UTC", created_at=now)],
    )
    people = members(program_id, count, now, ["chn_1", "chn_2", "chn_3"])
    write(database, people, count, "members")
    earned = _scores(program_id, people, now)
    write(database, score_items(earned), len(earned) * count, "scores of all periods")
    return program_id


def _scores(
    program_id: str, people: Sequence[MemberItem], now: datetime
) -> dict[str, dict[str, int]]:
    """Return everybody's points in each current period: the longer the period, the more.

    The order of each board is another one.
    """
    boards, earned = {}, dict.fromkeys((each.member_id for each in people), 0)
    for span, factor in zip(spans_of_day(day_of(now, "UTC")), _FACTORS, strict=True):
        earned = {
            member_id: before + 1 + number * factor % 5000
            for number, (member_id, before) in enumerate(earned.items())
        }
        boards[f"{program_id}#{span.key}"] = earned
    return boards


def _limits() -> Function:
    found = functions.declared(template.declarations(PROJECT / "infra"))
    return next(each for each in found if each.name == "points_build_leaderboards")


@click.command()
@click.option("--members", "count", default=100_000, show_default=True)
def main(count: int) -> None:
    """Measure building the leaderboards of a program of this many members."""
    logging.disable(logging.WARNING)
    report, limits = Report(), _limits()
    with patch.object(aws, "READ_SECONDS", ENGINE_SECONDS), tables() as settings:
        container = Container(settings, FixedClock())
        program_id = _seeded(container, count)
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            container.leaderboard_marks.mark({program_id})
            run = pool.apply(_timed, (settings,))
            container.leaderboard_marks.mark({program_id})
            costs = pool.apply(_metered, (settings, program_id))
    report.line(f"boards of {count:,} members, five periods", "calls", "units")
    for operation, (calls, units) in sorted(costs.items()):
        report.line(f"  {operation}", calls, f"{units:,.0f}")
    report.line("  seconds, the local engine's with it", f"{run.wall:.0f}")
    report.goal("at work", round(run.at_work, 1), BUSY_SHARE * limits.seconds, " s")
    above = round((run.above + IDLE) / MEGABYTE)
    report.goal("memory, with the idle process", above, limits.memory, " MB")
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
