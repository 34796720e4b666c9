"""`python -m tests.faults`: the kill-point table, the fault table and the soak, in their long form.

Options: `--seed N` repeats a soak, `--performances`, `--members` change its size, `--only kills`,
`--only faults` or `--only soak` leaves the rest out, `--rows 416` all other
lines of the faults. Exits with 1 if anything is wrong.
"""

import random
import sys
import time
from collections import Counter

import click

from chalicelib.foundation.logging import logger
from local.process_environment import isolate_environment
from tests.faults import kills
from tests.faults.flows import ENDLESS, FLOWS
from tests.faults.kills import AWS_ERRORS, KILLS, TIKTOK_ERRORS, WORKERS, Tried
from tests.faults.simulation import SimulationParts, simulation_parts
from tests.faults.soak import LONG, Size, soak, summary
from tests.faults.trouble import meet, table
from tests.faults.troubles import all_troubles

PARTS = ("kills", "faults", "soak")


def _tell(line: str = "") -> None:
    click.echo(line)
    sys.stdout.flush()


def _kills(parts: SimulationParts) -> bool:
    """Try every place of every flow; returns whether all was right."""
    right, points = True, list[Tried]()
    for title, happenings in (
        ("Kill points: a function dies before, after or during each effect", KILLS),
        ("Two workers: a second one at each effect, a first that comes back to life", WORKERS),
        ("AWS: each effect throttled, in conflict, its answer lost, asked for twice", AWS_ERRORS),
        ("TikTok: nobody listens, token run out or taken back before each call", TIKTOK_ERRORS),
    ):
        _tell(f"\n{title}\n")
        for flow in FLOWS:
            effects, verdict = kills.record(parts, flow)
            right = right and verdict.is_right
            tried = [
                kills.try_place(parts, place) for place in kills.places(flow, effects, happenings)
            ]
            points += tried
            shown = tried if happenings is KILLS else [x for x in tried if not x.verdict.is_right]
            for line in kills.table(shown):
                _tell(line)
            _tell(f"{flow.name}: {kills.summary(tried)}")
    for flow in ENDLESS:
        _, verdict = kills.record(parts, flow)
        right = right and verdict.is_right
        _tell(f"{flow.name}: {verdict.outcome}")
    _tell(f"\nAll: {kills.summary(points)}")
    return right and all(each.verdict.is_right for each in points)


def _faults(parts: SimulationParts, rows: str) -> bool:
    """Meet the troubles of the fault table whose line has `rows`; returns whether all was right."""
    _tell("\nFaults: what goes wrong, at which step, and what becomes of it\n")
    right, ends = True, Counter[str]()
    for trouble in all_troubles():
        if rows not in f"{trouble.step} {trouble.name}":
            continue
        met = meet(parts, trouble)
        right = right and met.verdict.is_right
        ends.update(each.partition(":")[0] for each in met.verdict.outcome.split(", "))
        for line in table([met]):
            _tell(line)
    _tell("\nAll: " + ", ".join(f"{many} {end}" for end, many in ends.most_common()))
    return right


def _soak(parts: SimulationParts, size: Size, seed: int) -> bool:
    _tell(f"\nSoak: {size.performances} performances by {size.members} members, seed {seed}\n")
    soaked = soak(parts, size, seed, _tell)
    for line in summary(soaked):
        _tell(line)
    return soaked.verdict.is_right


@click.command()
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="One part; repeatable.")
@click.option("--rows", default="", help="Only lines of the fault table with this in them.")
@click.option("--seed", type=int, help="Of the soak; any if not given.")
@click.option("--performances", type=int, default=LONG.performances, show_default=True)
@click.option("--members", type=int, default=LONG.members, show_default=True)
def main(
    only: tuple[str, ...], rows: str, seed: int | None, performances: int, members: int
) -> None:
    """Show what becomes of staging whatever fails."""
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
    _tell(f"\n{word}, in {time.monotonic() - started:.0f} s.")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
