"""`python -m tests.faults`: runs all injection points, all fault scenarios and a long soak test.

Options: `--seed N` repeats a soak test; `--performances` and `--members` set its size; `--only
kills`, `--only faults` or `--only soak` runs one part; `--rows 416` runs only the scenarios whose
line contains that text. Exits with 1 if anything is wrong.
"""

import random
import sys
import time
from collections import Counter

import click

from chalicelib.foundation.logging import logger
from local.process_environment import isolate_environment
from tests.faults import injection_points
from tests.faults.flows import ENDLESS, FLOWS
from tests.faults.injection_points import AWS_ERRORS, KILLS, TIKTOK_ERRORS, WORKERS, PointResult
from tests.faults.scenario import run_scenario, table
from tests.faults.scenarios import all_scenarios
from tests.faults.simulation import SimulationParts, simulation_parts
from tests.faults.soak import LONG, Size, soak, summary

PARTS = ("kills", "faults", "soak")


def _print_line(line: str = "") -> None:
    click.echo(line)
    sys.stdout.flush()


def _kills(parts: SimulationParts) -> bool:
    """Run every injection point of every flow; return whether all passed."""
    right, points = True, list[PointResult]()
    for title, faults in (
        ("Kill points: a function dies before, after or during each effect", KILLS),
        ("Two workers: a second one at each effect, a first that comes back to life", WORKERS),
        ("AWS: each effect throttled, in conflict, its answer lost, asked for twice", AWS_ERRORS),
        ("TikTok: nobody listens, token run out or taken back before each call", TIKTOK_ERRORS),
    ):
        _print_line(f"\n{title}\n")
        for flow in FLOWS:
            effects, verdict = injection_points.record(parts, flow)
            right = right and verdict.passed
            tried = [
                injection_points.run_point(parts, point)
                for point in injection_points.points_of(flow, effects, faults)
            ]
            points += tried
            shown = tried if faults is KILLS else [x for x in tried if not x.verdict.passed]
            for line in injection_points.table(shown):
                _print_line(line)
            _print_line(f"{flow.name}: {injection_points.summary(tried)}")
    for flow in ENDLESS:
        _, verdict = injection_points.record(parts, flow)
        right = right and verdict.passed
        _print_line(f"{flow.name}: {verdict.outcome}")
    _print_line(f"\nAll: {injection_points.summary(points)}")
    return right and all(each.verdict.passed for each in points)


def _faults(parts: SimulationParts, rows: str) -> bool:
    """Run the scenarios whose line contains `rows`; return whether all passed."""
    _print_line("\nFaults: each fault, the step it happens at, and the outcome\n")
    right, ends = True, Counter[str]()
    for scenario in all_scenarios():
        if rows not in f"{scenario.step} {scenario.name}":
            continue
        result = run_scenario(parts, scenario)
        right = right and result.verdict.passed
        ends.update(each.partition(":")[0] for each in result.verdict.outcome.split(", "))
        for line in table([result]):
            _print_line(line)
    _print_line("\nAll: " + ", ".join(f"{many} {end}" for end, many in ends.most_common()))
    return right


def _soak(parts: SimulationParts, size: Size, seed: int) -> bool:
    _print_line(
        f"\nSoak: {size.performances} performances by {size.members} members, seed {seed}\n"
    )
    result = soak(parts, size, seed, _print_line)
    for line in summary(result):
        _print_line(line)
    return result.verdict.passed


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="One part; repeatable.")
@click.option("--rows", default="", help="Only scenarios whose line contains this.")
@click.option("--seed", type=int, help="The soak test's seed; random by default.")
@click.option("--performances", type=int, default=LONG.performances, show_default=True)
@click.option("--members", type=int, default=LONG.members, show_default=True)
def main(
    only: tuple[str, ...], rows: str, seed: int | None, performances: int, members: int
) -> None:
    """Test staging under injected faults."""
    isolate_environment()
    logger.setLevel("CRITICAL")
    started, chosen_parts, right = time.monotonic(), only or PARTS, True
    chosen = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    with simulation_parts() as parts:
        if "kills" in chosen_parts:
            right = _kills(parts) and right
        if "faults" in chosen_parts:
            right = _faults(parts, rows) and right
        if "soak" in chosen_parts:
            right = _soak(parts, Size(performances, members), chosen) and right
    word = "All right" if right else "NOT right"
    _print_line(f"\n{word}, in {time.monotonic() - started:.0f} s.")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
