"""`python -m tests.mutants`: mutation testing of rules, stores and clients.

Each surviving mutant needs either a new test that kills it or a reason in `argued.toml`, beside
this file. Exits with 1 if a mutant without a reason survives, or if a reason belongs to a mutant
that is killed or no longer exists.
"""

import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from local.process_environment import isolate_environment
from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.running import Coverage, Outcome, coverage_of, outcome_of, preload, tree_of
from tests.mutants.suites import SUITES

ARGUED = Path(__file__).with_name("argued.toml")


@dataclass(frozen=True)
class ModuleResult:
    """The result of testing a module's mutants: their number, and those that no test killed."""

    module: str
    count: int
    survivors: Mapping[str, Outcome]


def _mutants(module: str, only: str) -> Iterator[Mutant]:
    tree = tree_of(module)
    for mutant in mutants_of(module, tree):
        if only in mutant.name:
            yield mutant


def _outcome_by_name(module: str, name: str, coverage: Coverage) -> Outcome:
    """Test one mutant, looked up by its name in a new tree, since mutating changes the tree."""
    tree = tree_of(module)
    (mutant,) = (each for each in mutants_of(module, tree) if each.name == name)
    return outcome_of(mutant, tree, coverage)


def _test_module(module: str, only: str, every: int, jobs: int) -> ModuleResult:
    coverage = coverage_of(module, SUITES[module])
    names = [mutant.name for mutant in _mutants(module, only)][::every]
    with ProcessPoolExecutor(jobs) as pool:
        outcomes = list(
            pool.map(_outcome_by_name, [module] * len(names), names, [coverage] * len(names))
        )
    survivors = {
        name: outcome
        for name, outcome in zip(names, outcomes, strict=True)
        if outcome is not Outcome.KILLED
    }
    return ModuleResult(module, len(names), survivors)


def read_argued() -> Mapping[str, Mapping[str, str]]:
    """Read the reasons why mutants may survive, by module and mutant."""
    reasons: dict[str, dict[str, str]] = tomllib.loads(ARGUED.read_text())
    return reasons


@click.command()
@click.option("--module", "modules", multiple=True, type=click.Choice(sorted(SUITES)))
@click.option("--only", default="", help="Only mutants whose name contains this.")
@click.option("--every", default=1, show_default=True, help="Test every Nth mutant.")
@click.option("--jobs", default=1, show_default=True)
def main(modules: tuple[str, ...], only: str, every: int, jobs: int) -> None:
    """List the mutants that no test kills."""
    isolate_environment()
    preload()
    success, started = True, time.monotonic()
    for module in modules or sorted(SUITES):
        result = _test_module(module, only, every, jobs)
        known = read_argued().get(module, {})
        unexplained = {
            name: outcome for name, outcome in result.survivors.items() if name not in known
        }
        whole = not only and every == 1
        stale = [name for name in known if whole and name not in result.survivors]
        success = success and not unexplained and not stale
        killed = result.count - len(result.survivors)
        click.echo(
            f"{module}: {result.count} mutants, {killed} killed, "
            f"{len(result.survivors) - len(unexplained)} argued, {len(unexplained)} open"
        )
        for name, outcome in unexplained.items():
            click.echo(f"  {outcome}: {name}")
        for name in stale:
            click.echo(f"  argued, but killed or gone: {name}")
        sys.stdout.flush()
    click.echo(f"{'All right' if success else 'NOT right'}, in {time.monotonic() - started:.0f} s.")
    sys.exit(0 if success else 1)


if __name__ == "__main__":
    main()
