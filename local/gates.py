"""Runs the checks that every change has to pass, and prints how long each took.

They run one after the other, except the end-to-end tests: those start first and mostly wait for a
stack of their own, so the others use the processors meanwhile. A failed check does not stop the
others: one run reports everything there is to fix.
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
from local.process_environment import isolate_environment
from local.steps import Steps

PROGRESS_SECONDS = 30
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"


SLOWEST = 15
"""How many of its slowest tests each gate lists with their times."""
TWO_PROCESSES = ("--numprocesses", "2", "--dist", "loadfile")
"""Options that run tests in two processes, each taking whole files."""


@dataclass(frozen=True)
class Gate:
    title: str
    arguments: tuple[str, ...]
    remedy: str


def pytest(title: str, *folders: str, options: tuple[str, ...] = TWO_PROCESSES) -> Gate:
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
END_TO_END = pytest("End-to-end", "tests/e2e", options=())
# Three processes: while one waits for the stack, another uses its processor. Files begin in the
# order of the tests' conftest.py: by itself, loadfile begins those of the fewest tests last, and
# among them are the walks over all screens, which take longest.
IN_ORDER = ("--dist", "loadfile", "--no-loadscope-reorder")
CONSOLE = pytest("Console", "tests/console", options=("--numprocesses", "3", *IN_ORDER))
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
        options=(*TWO_PROCESSES, "--cov"),  # pyproject.toml has the files and the threshold
    ),
)
GATES = {"check": CHECK, "test": TEST}


@dataclass(frozen=True)
class BackgroundGate:
    """A gate that runs in the background while others run; `run` waits and prints its output."""

    gate: Gate
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    started: float

    @classmethod
    def start(cls, gate: Gate) -> Self:
        output = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the gate runs
        process = subprocess.Popen(
            [sys.executable, *gate.arguments], cwd=PROJECT, stdout=output, stderr=output
        )
        return cls(gate, process, output, time.monotonic())

    def run(self, number: int, total: int) -> bool:
        print(f"[{number}/{total}] {self.gate.title}, started first ...", flush=True)
        while self.process.poll() is None:
            try:
                self.process.wait(PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"      {time.monotonic() - self.started:.0f} s so far", flush=True)
        self.output.seek(0)
        sys.stdout.write(self.output.read().decode(errors="replace"))
        return report_result(self.gate, self.process.returncode, time.monotonic() - self.started)


def report_result(gate: Gate, code: int, seconds: float) -> bool:
    if code != 0:
        print(f"      failed after {seconds:.1f} s. {gate.remedy}", file=sys.stderr, flush=True)
        return False
    print(f"      passed in {seconds:.1f} s", flush=True)
    return True


def run(number: int, total: int, gate: Gate) -> bool:
    print(f"[{number}/{total}] {gate.title} ...", flush=True)
    started = time.monotonic()
    code = subprocess.run([sys.executable, *gate.arguments], cwd=PROJECT, check=False).returncode
    return report_result(gate, code, time.monotonic() - started)


def keep_bytecode(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let Python cache bytecode, outside the source folders if the caller disabled it there.

    Compiling the tests and their imports costs each process of the unit tests 6 s of processor.
    """
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment.setdefault("PYTHONPYCACHEPREFIX", str(PROJECT / ".local" / "bytecode"))


def find_or_provide_ffprobe() -> Path:
    """Return the path of the ffprobe that the tests use; build or install one if there is none."""
    found = ffprobe.find()
    if found:
        return found
    with Steps(total=1).step("No ffprobe here: getting one"):
        return ffprobe.provide(Steps.note)


@click.command()
@click.argument("which", type=click.Choice(sorted(GATES)))
def main(which: str) -> None:
    """Run the gates in order, and list at the end which failed."""
    isolate_environment()
    keep_bytecode()
    started = time.monotonic()
    try:
        os.environ[ffprobe.SETTING] = str(find_or_provide_ffprobe())
    except Failure as failure:
        print(f"{failure.what}\n{failure.next_step}", file=sys.stderr, flush=True)
        sys.exit(1)
    gates, whole = GATES[which], which == "test"
    total = len(gates) + 2 * whole
    background = BackgroundGate.start(END_TO_END) if whole else None
    failed = [
        gate.title for number, gate in enumerate(gates, start=1) if not run(number, total, gate)
    ]
    if background:
        failed += [] if background.run(total - 1, total) else [END_TO_END.title]
        failed += [] if run(total, total, CONSOLE) else [CONSOLE.title]
    if whole and not browser.find():
        print(f"\n{'!' * 72}\n{browser.MISSING}\n{browser.REMEDY}\n{'!' * 72}\n", flush=True)
    seconds = time.monotonic() - started
    if failed:
        print(f"Failed after {seconds:.0f} s: {', '.join(failed)}.", file=sys.stderr, flush=True)
        sys.exit(1)
    print(f"All passed in {seconds:.0f} s.", flush=True)


if __name__ == "__main__":
    main()
