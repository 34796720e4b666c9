"""The gates a change goes through, one after the other, each with its time: check, and all."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click

from local import ffprobe
from local.failure import Failure
from local.home import PROJECT
from local.steps import Steps
from local.surroundings import keep_to_this_machine

LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"


@dataclass(frozen=True)
class Gate:
    title: str
    arguments: tuple[str, ...]
    remedy: str


def pytest(title: str, folder: str) -> Gate:
    return Gate(
        f"{title} tests",
        ("-m", "pytest", f"tests/{folder}"),
        f"Run one alone with .venv/bin/python -m pytest tests/{folder} -k name.",
    )


CHECK = (
    Gate("Format", ("-m", "ruff", "format", "--check", "."), "make fmt puts it right."),
    Gate("Lint", ("-m", "ruff", "check", "."), "make fmt puts some of it right."),
    Gate("Types", ("-m", "mypy"), "Each line names file and line."),
    Gate(
        "Import rules",
        ("-c", LINT_IMPORTS),
        "docs and pyproject.toml say which room may know which.",
    ),
    pytest("Unit", "unit"),
)
TEST = (
    *CHECK,
    pytest("Integration", "integration"),
    pytest("Template", "infra"),
    pytest("End-to-end", "e2e"),
)
GATES = {"check": CHECK, "test": TEST}


def passes(number: int, total: int, gate: Gate) -> bool:
    print(f"[{number}/{total}] {gate.title} ...", flush=True)
    started = time.monotonic()
    code = subprocess.run([sys.executable, *gate.arguments], cwd=PROJECT, check=False).returncode
    seconds = time.monotonic() - started
    if code != 0:
        print(f"      failed after {seconds:.1f} s. {gate.remedy}", file=sys.stderr, flush=True)
        return False
    print(f"      passed in {seconds:.1f} s", flush=True)
    return True


def an_ffprobe() -> Path:
    """The one the tests use; one is provided where there is none."""
    found = ffprobe.find()
    if found:
        return found
    with Steps(total=1).step("No ffprobe here: getting one"):
        return ffprobe.provide(Steps.note)


@click.command()
@click.argument("which", type=click.Choice(sorted(GATES)))
def main(which: str) -> None:
    """Go through the gates, stopping at the first that fails."""
    keep_to_this_machine()
    started = time.monotonic()
    try:
        os.environ[ffprobe.SETTING] = str(an_ffprobe())
    except Failure as failure:
        print(f"{failure.what}\n{failure.next_step}", file=sys.stderr, flush=True)
        sys.exit(1)
    gates = GATES[which]
    for number, gate in enumerate(gates, start=1):
        if not passes(number, len(gates), gate):
            sys.exit(1)
    print(f"All passed in {time.monotonic() - started:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
