"""The memory of each function is what a measurement asks for: bench/memory.json."""

import json
import subprocess
import sys

import pytest

from bench import memory
from local.functions import declared
from local.home import PROJECT
from local.template import declarations

FUNCTIONS = {each.name: each for each in declared(declarations(PROJECT / "infra"))}
AGAIN = ("api_handler", "performances_stage", "videos_relay")


def test_every_function_was_measured() -> None:
    assert set(memory.kept()) == set(FUNCTIONS), "run: python -m bench.memory"
    assert set(memory.LARGEST_WORK) <= set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_twice_the_memory_that_it_holds(name: str) -> None:
    assert FUNCTIONS[name].memory >= memory.MEMORY_FACTOR * memory.required_mb(memory.kept(), name)


def test_functions_still_hold_what_was_measured() -> None:
    """A process of each again; the machine decides about some of it, a new import about more."""
    options = [word for name in AGAIN for word in ("--show", name)]
    ran = subprocess.run(
        [sys.executable, "-m", "bench.memory", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    now, before = json.loads(ran.stdout.splitlines()[-1]), memory.kept()
    assert set(now) == set(AGAIN)
    for name in AGAIN:
        assert now[name] == pytest.approx(before[name], rel=0.25), "run: python -m bench.memory"
