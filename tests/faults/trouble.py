"""One line of the fault table: played, let run out, and judged."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from tests.faults.boundary import Effect, Step
from tests.faults.flows import POSTED
from tests.faults.judge import ANSWER_LOST, TOO_LATE, Verdict, judge
from tests.faults.simulation import (
    IMPATIENT,
    PATIENT,
    Habits,
    Simulation,
    SimulationParts,
)

SLOW_SECONDS = 0.35
"""Of real time: just beyond the client's limit."""

HOUR = timedelta(hours=1)
FOR_EVER = timedelta(hours=30)
"""Longer than a performance may be on its way."""

STEPS = ("token", "init", "upload", "status")


@dataclass(frozen=True)
class Trouble:
    """One line of the table. `lasts`: for how long TikTok makes the fault.

    `waits` is how long after connecting the member sends, `sends` how many videos; `person` are the
    member's habits. It must be over `within` a time, and after at most so many `calls` of TikTok.
    `size_bytes` is the video's size, a small one's if None. `misled` are the rules of TikTok's that
    its own false word makes anybody break; `contradicted`: it says two things of one draft.
    """

    name: str
    step: str
    rules: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    prepare: Callable[[Simulation], None] = lambda _simulation: None
    waits: timedelta = timedelta()
    sends: int = 1
    lasts: timedelta | None = None
    must: frozenset[str] = POSTED
    person: Mapping[str, Any] = field(default_factory=dict)
    within: timedelta | None = None
    calls: Mapping[str, int] = field(default_factory=dict)
    size_bytes: int | None = None
    misled: frozenset[str] = frozenset()
    contradicted: bool = False

    @property
    def is_slow(self) -> bool:
        return any(rule["kind"] == "slow" and rule["endpoint"] in STEPS for rule in self.rules)


@dataclass(frozen=True)
class Outcome:
    trouble: Trouble
    verdict: Verdict
    took: timedelta


def meet(parts: SimulationParts, trouble: Trouble) -> Outcome:
    """Play it, let the simulation go on until nothing is left to do, and judge."""
    simulation = Simulation(parts, trouble.habits, IMPATIENT if trouble.is_slow else PATIENT)
    person = simulation.member(**trouble.person)
    activities = [simulation.activity(size_bytes=trouble.size_bytes) for _ in range(trouble.sends)]
    simulation.clock.move_to(simulation.clock.now() + trouble.waits)
    simulation.tiktok.faults(*trouble.rules)
    if trouble.lasts is not None:
        simulation.later(trouble.lasts, simulation.tiktok.faults)
    trouble.prepare(simulation)
    for activity in activities:
        simulation.sends(person, activity)
    quiet = simulation.goes_on()
    if trouble.is_slow:
        # A request that the client gave up still takes effect at the stand-in, whose thread answers
        # late by the real clock. Waiting less could only miss that effect, and fail no good run.
        time.sleep(SLOW_SECONDS)
        quiet = simulation.goes_on()
    simulation.close()
    forgiven = (TOO_LATE if trouble.is_slow else ANSWER_LOST) | trouble.misled
    took = simulation.clock.now() - simulation.began_at
    also = list(_exceeds(trouble, simulation, took))
    verdict = judge(
        simulation,
        quiet=quiet,
        must=trouble.must,
        forgiven=forgiven,
        also=also,
        contradicted=trouble.contradicted,
    )
    return Outcome(trouble, verdict, took)


def _exceeds(trouble: Trouble, simulation: Simulation, took: timedelta) -> Iterator[str]:
    if trouble.within is not None and took > trouble.within:
        yield f"it took {took}"
    for endpoint, most in trouble.calls.items():
        made = sum(each.name == f"tiktok {endpoint}" for each in simulation.boundary.effects)
        if made > most:
            yield f"{endpoint} was called {made} times"


def happening(
    do: Callable[[Simulation], None], endpoint: str, moment: str, number: int = 1
) -> Callable[[Simulation], None]:
    """Let something happen `before`, `after` or `during` the numbered call of an endpoint, once."""

    def prepare(simulation: Simulation) -> None:
        calls = count(1)

        def happens() -> None:
            with simulation.boundary.unwatched():
                do(simulation)

        def plan(effect: Effect) -> Step | None:
            if effect.name != f"tiktok {endpoint}" or next(calls) != number:
                return None
            moments: dict[str, Any] = {moment: happens}
            return Step(**moments)

        simulation.boundary.plan = plan

    return prepare


def table(met: Sequence[Outcome]) -> Iterator[str]:
    for each in met:
        wrong = "" if each.verdict.is_right else "  WRONG: " + "; ".join(each.verdict.wrong)
        took = str(each.took).split(".", maxsplit=1)[0]
        yield (
            f"{each.trouble.step:10} {each.trouble.name:56} {each.verdict.outcome:30} "
            f"{took:>16}{wrong}"
        )
