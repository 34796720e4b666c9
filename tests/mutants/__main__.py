"""`python -m tests.mutants`: changes rules, stores and clients in small ways; tests must notice.

Each mutant that survives is either killed by a new test or argued in `argued.toml`, beside this
file. Exits with 1 if one survives that is not argued, or if one is argued that is killed or gone.
"""

import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from local.surroundings import keep_to_this_machine
from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.running import Fate, Reach, fate_of, preload, reach_of, tree_of
from tests.mutants.suites import SUITES

ARGUED = Path(__file__).with_name("argued.toml")


@dataclass(frozen=True)
class Met:
    """What became of the mutants of a module: how many there were, and those not noticed."""

    module: str
    tried: int
    alive: Mapping[str, Fate]


def _mutants(module: str, only: str) -> Iterator[Mutant]:
    tree = tree_of(module)
    for mutant in mutants_of(module, tree):
        if only in mutant.name:
            yield mutant


def _fate(module: str, name: str, reach: Reach) -> Fate:
    """Try one mutant, found anew by its name: a tree is changed for good."""
    tree = tree_of(module)
    (mutant,) = (each for each in mutants_of(module, tree) if each.name == name)
    return fate_of(mutant, tree, reach)


def _meet(module: str, only: str, every: int, jobs: int) -> Met:
    reach = reach_of(module, SUITES[module])
    names = [mutant.name for mutant in _mutants(module, only)][::every]
    with ProcessPoolExecutor(jobs) as pool:
        fates = list(pool.map(_fate, [module] * len(names), names, [reach] * len(names)))
    alive = {name: fate for name, fate in zip(names, fates, strict=True) if fate is not Fate.KILLED}
    return Met(module, len(names), alive)


def argued() -> Mapping[str, Mapping[str, str]]:
    """Read why each surviving mutant may survive: by module, then by mutant."""
    told: dict[str, dict[str, str]] = tomllib.loads(ARGUED.read_text())
    return told


@click.command()
@click.option("--module", "modules", multiple=True, type=click.Choice(sorted(SUITES)))
@click.option("--only", default="", help="Mutants whose name has this in it.")
@click.option("--every", default=1, show_default=True, help="One mutant in so many.")
@click.option("--jobs", default=1, show_default=True)
def main(modules: tuple[str, ...], only: str, every: int, jobs: int) -> None:
    """Show which small changes no test notices."""
    keep_to_this_machine()
    preload()
    right, started = True, time.monotonic()
    for module in modules or sorted(SUITES):
        met = _meet(module, only, every, jobs)
        known = argued().get(module, {})
        open_ones = {name: fate for name, fate in met.alive.items() if name not in known}
        whole = not only and every == 1
        stale = [name for name in known if whole and name not in met.alive]
        right = right and not open_ones and not stale
        killed = met.tried - len(met.alive)
        click.echo(
            f"{module}: {met.tried} mutants, {killed} killed, "
            f"{len(met.alive) - len(open_ones)} argued, {len(open_ones)} open"
        )
        for name, fate in open_ones.items():
            click.echo(f"  {fate}: {name}")
        for name in stale:
            click.echo(f"  argued, but killed or gone: {name}")
        sys.stdout.flush()
    click.echo(f"{'All right' if right else 'NOT right'}, in {time.monotonic() - started:.0f} s.")
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
