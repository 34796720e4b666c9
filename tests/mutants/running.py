"""Runs the tests that reach a mutant's line in a child of this process, until one notices it."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from tests.mutants.mutations import Mutant, parsed, remove_unary_plus

MIN_SECONDS = 20.0
"""The shortest time limit of a mutant; the limit also stops mutants that loop forever. It is of a
processor's time: a busy machine kills no mutant."""

PATIENCE = 20
"""So many times as long a mutant may take by the clock, which stops one that waits forever."""

OPTIONS = (
    *("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--no-summary"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # raised for preloaded modules
)
PRELOADED = (
    "boto3",
    "moto",
    "pynamodb.models",
    "pynamodb.transactions",
    "hypothesis",
    "requests",
    "uvicorn",
    "starlette.applications",
    "pydantic",
    "tenacity",
    "chalice.test",
)
"""Modules without mutants that every child process needs."""


class Outcome(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    UNREACHED = "unreached"


@dataclass(frozen=True)
class Coverage:
    """Which tests execute which line of a module, and how long each test takes."""

    tests: Mapping[int, Sequence[str]]
    seconds: Mapping[str, float]

    def of(self, line: int) -> Sequence[str]:
        """List the tests that execute a line, fastest first."""
        return sorted(self.tests.get(line, ()), key=lambda test: self.seconds[test])


def preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)


def path_of(module: str) -> Path:
    return Path(*module.split(".")).with_suffix(".py").resolve()


def coverage_of(module: str, files: Sequence[str]) -> Coverage:
    """Run a module's tests once in a child process.

    Raises RuntimeError if they fail without a mutant.
    """
    with tempfile.NamedTemporaryFile() as written:
        pid = os.fork()
        if pid == 0:
            _silence_output()
            recorder = _Recorder(str(path_of(module)))
            code = pytest.main([*OPTIONS, *files], plugins=[recorder])
            Path(written.name).write_text(json.dumps([recorder.reached, recorder.seconds]))
            os._exit(int(code))
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError(f"the tests of {module} fail without any mutant")
        reached, seconds = json.loads(Path(written.name).read_text())
    return Coverage({int(line): tests for line, tests in reached.items()}, seconds)


def outcome_of(mutant: Mutant, tree: ast.Module, coverage: Coverage) -> Outcome:
    """Apply a mutant in a child process and run the tests that execute its line."""
    tests = coverage.of(mutant.line)
    if not tests:
        return Outcome.UNREACHED
    limit = MIN_SECONDS + 3 * sum(coverage.seconds[test] for test in tests)
    pid = os.fork()
    if pid == 0:
        _silence_output()
        _limit_processor_time(limit)
        mutant.make()
        changed = ast.fix_missing_locations(remove_unary_plus(tree))
        code = compile(changed, str(path_of(mutant.module)), "exec")
        sys.meta_path.insert(0, _MutantImporter(mutant.module, code))
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    return Outcome.SURVIVED if _passes_within(pid, PATIENCE * limit) else Outcome.KILLED


def _passes_within(pid: int, limit: float) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _limit_processor_time(seconds: float) -> None:
    """Have the kernel end this process once it took so much time of a processor."""
    most = math.ceil(seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))


def _silence_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


class _MutantImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from mutated code instead of its file."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module = module
        self._code = code

    def find_spec(
        self, fullname: str, _path: object, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=self._code.co_filename)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102  our own file, with one change


@dataclass
class _Recorder:
    """Records which tests execute which lines of one file."""

    file: str
    reached: dict[int, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _test: str = ""

    def __post_init__(self) -> None:
        monitoring = sys.monitoring
        monitoring.use_tool_id(monitoring.COVERAGE_ID, "mutants")
        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, self._line)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)

    def _line(self, code: CodeType, line: int, disable: object = sys.monitoring.DISABLE) -> Any:
        if code.co_filename == self.file and self._test:
            self.reached.setdefault(line, []).append(self._test)
        return disable

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._test = item.nodeid
        sys.monitoring.restart_events()
        started = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.monotonic() - started
            self._test = ""


def tree_of(module: str) -> ast.Module:
    return parsed(path_of(module))
