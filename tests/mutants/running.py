"""Runs the tests that reach a mutant's line in a child of this process, until one notices it."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
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

from tests.mutants.mutations import Mutant, parsed, without_not

LEAST_SECONDS = 20.0
"""What a mutant may take at the least: one that loops for ever is noticed too."""

OPTIONS = (
    *("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--no-summary"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what is preloaded
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
"""What no mutant is in and every child needs."""


class Fate(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    UNREACHED = "unreached"


@dataclass(frozen=True)
class Reach:
    """Which tests reach which line of a module, and how long each takes."""

    tests: Mapping[int, Sequence[str]]
    seconds: Mapping[str, float]

    def of(self, line: int) -> Sequence[str]:
        """List the tests that reach a line, the fastest first."""
        return sorted(self.tests.get(line, ()), key=lambda test: self.seconds[test])


def preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)


def path_of(module: str) -> Path:
    return Path(*module.split(".")).with_suffix(".py").resolve()


def reach_of(module: str, files: Sequence[str]) -> Reach:
    """Run the tests of a module once, in a child; raises RuntimeError if they fail as they are."""
    with tempfile.NamedTemporaryFile() as written:
        pid = os.fork()
        if pid == 0:
            _quietly()
            recorder = _Recorder(str(path_of(module)))
            code = pytest.main([*OPTIONS, *files], plugins=[recorder])
            Path(written.name).write_text(json.dumps([recorder.reached, recorder.seconds]))
            os._exit(int(code))
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError(f"the tests of {module} fail without any mutant")
        reached, seconds = json.loads(Path(written.name).read_text())
    return Reach({int(line): tests for line, tests in reached.items()}, seconds)


def fate_of(mutant: Mutant, tree: ast.Module, reach: Reach) -> Fate:
    """Make a mutant in a child and run the tests that reach it."""
    tests = reach.of(mutant.line)
    if not tests:
        return Fate.UNREACHED
    limit = LEAST_SECONDS + 3 * sum(reach.seconds[test] for test in tests)
    pid = os.fork()
    if pid == 0:
        _quietly()
        mutant.make()
        changed = ast.fix_missing_locations(without_not(tree))
        code = compile(changed, str(path_of(mutant.module)), "exec")
        sys.meta_path.insert(0, _Changed(mutant.module, code))
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    return Fate.SURVIVED if _ends_well(pid, limit) else Fate.KILLED


def _ends_well(pid: int, limit: float) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def _quietly() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module's changed code in place of its file."""

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
    """Notes which test is the first to reach which lines of one file, for each test anew."""

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
