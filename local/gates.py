"""Gates that a change passes, each with its time: check, and all.

They come one after the other, but for the end-to-end tests: those begin first and mostly wait for a
stack of their own, so the others take what they leave of the processors. One that fails does not
keep back the others: a run tells everything there is to mend.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import click

from local import browser, ffprobe
from local.failure import Failure
from local.home import PROJECT
from local.steps import Steps
from local.surroundings import keep_to_this_machine

SIGN_OF_LIFE_SECONDS = 30
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"


SLOWEST = 15
"""Tests that each gate names with their times."""
SPREAD = ("--numprocesses", "2", "--dist", "loadfile")
"""Options for two processes, each running whole files of tests."""


@dataclass(frozen=True)
class Gate:
    title: str
    arguments: tuple[str, ...]
    remedy: str


def pytest(title: str, *folders: str, options: tuple[str, ...] = SPREAD) -> Gate:
    return Gate(
        f"{title} tests",
        ("-m", "pytest", *folders, *options, f"--durations={SLOWEST}"),
        f"Run one alone with .venv/bin/python -m pytest {folders[0]} -k name.",
    )


CODE = (
    Gate("Format", ("-m", "ruff", "format", "--check", "."), "make fmt puts it right."),
    Gate("Lint", ("-m", "ruff", "check", "."), "make fmt puts some of it right."),
    Gate("Types", ("-m", "mypy"), "Each line names file and line."),
    Gate(
        "Import rules",
        ("-c", LINT_IMPORTS),
        "docs and pyproject.toml say which package may import which.",
    ),
)
BESIDE = pytest("End-to-end", "tests/e2e", options=())
# Three: a test that waits for the stack leaves its processor to another.
CONSOLE = pytest("Console", "tests/console", options=("--numprocesses", "3", "--dist", "loadfile"))
# One process: a second one collects all tests again and passes on each result, which takes 102
# instead of 82 s of processor on a busy machine.
CHECK = (*CODE, pytest("Unit", "tests/unit", options=()))
TEST = (
    *CODE,
    pytest(
        "Unit, integration and template",
        "tests/unit",
        "tests/integration",
        "tests/infra",
        options=(*SPREAD, "--cov"),  # what, and how much of it, is in pyproject.toml
    ),
)
GATES = {"check": CHECK, "test": TEST}


@dataclass(frozen=True)
class Beside:
    """A gate that runs beside the others; its output is shown when its turn comes."""

    gate: Gate
    process: subprocess.Popen[bytes]
    words: IO[bytes]
    started: float

    @classmethod
    def start(cls, gate: Gate) -> Self:
        words = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the gate runs
        process = subprocess.Popen(
            [sys.executable, *gate.arguments], cwd=PROJECT, stdout=words, stderr=words
        )
        return cls(gate, process, words, time.monotonic())

    def passes(self, number: int, total: int) -> bool:
        print(f"[{number}/{total}] {self.gate.title}, which began first ...", flush=True)
        while self.process.poll() is None:
            try:
                self.process.wait(SIGN_OF_LIFE_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"      {time.monotonic() - self.started:.0f} s so far", flush=True)
        self.words.seek(0)
        sys.stdout.write(self.words.read().decode(errors="replace"))
        return told(self.gate, self.process.returncode, time.monotonic() - self.started)


def told(gate: Gate, code: int, seconds: float) -> bool:
    if code != 0:
        print(f"      failed after {seconds:.1f} s. {gate.remedy}", file=sys.stderr, flush=True)
        return False
    print(f"      passed in {seconds:.1f} s", flush=True)
    return True


def passes(number: int, total: int, gate: Gate) -> bool:
    print(f"[{number}/{total}] {gate.title} ...", flush=True)
    started = time.monotonic()
    code = subprocess.run([sys.executable, *gate.arguments], cwd=PROJECT, check=False).returncode
    return told(gate, code, time.monotonic() - started)


def keep_bytecode(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let the gates keep compiled code, apart from the sources where the caller wants none there.

    Compiling the tests and what they import costs each process of the unit tests 6 s of processor.
    """
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment.setdefault("PYTHONPYCACHEPREFIX", str(PROJECT / ".local" / "bytecode"))


def an_ffprobe() -> Path:
    """Return the ffprobe that the tests use; provide one where there is none."""
    found = ffprobe.find()
    if found:
        return found
    with Steps(total=1).step("No ffprobe here: getting one"):
        return ffprobe.provide(Steps.note)


@click.command()
@click.argument("which", type=click.Choice(sorted(GATES)))
def main(which: str) -> None:
    """Run the gates in order, and tell at the end which failed."""
    keep_to_this_machine()
    keep_bytecode()
    started = time.monotonic()
    try:
        os.environ[ffprobe.SETTING] = str(an_ffprobe())
    except Failure as failure:
        print(f"{failure.what}\n{failure.next_step}", file=sys.stderr, flush=True)
        sys.exit(1)
    gates, whole = GATES[which], which == "test"
    total = len(gates) + 2 * whole
    beside = Beside.start(BESIDE) if whole else None
    failed = [
        gate.title for number, gate in enumerate(gates, start=1) if not passes(number, total, gate)
    ]
    if beside:
        failed += [] if beside.passes(total - 1, total) else [BESIDE.title]
        failed += [] if passes(total, total, CONSOLE) else [CONSOLE.title]
    if whole and not browser.find():
        print(f"\n{'!' * 72}\n{browser.MISSING}\n{browser.REMEDY}\n{'!' * 72}\n", flush=True)
    seconds = time.monotonic() - started
    if failed:
        print(f"Failed after {seconds:.0f} s: {', '.join(failed)}.", file=sys.stderr, flush=True)
        sys.exit(1)
    print(f"All passed in {seconds:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
