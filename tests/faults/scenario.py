"""Runs one scenario of the fault table until it is idle, and checks its outcome."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from tests.faults.boundary import Effect, Injection
from tests.faults.flows import POSTED
from tests.faults.invariants import ANSWER_LOST, LATE_BYTES, Verdict, check_invariants
from tests.faults.simulation import (
    GENEROUS_LIMITS,
    TIGHT_LIMITS,
    Behaviour,
    Simulation,
    SimulationParts,
)

SLOW_SECONDS = 0.35
"""Real seconds, just longer than the client's time limit."""

HOUR = timedelta(hours=1)
FOR_EVER = timedelta(hours=30)
"""Longer than a performance may take."""

STEPS = ("token", "init", "upload", "status")


@dataclass(frozen=True)
class Scenario:
    """One line of the fault table.

    The member connects, waits `delay_before_send` and sends `videos` videos; `person` sets other
    attributes of the member. TikTok makes the faults for `faults_last`. The run must end `within` a
    time, with at most so many `calls` per endpoint. `size_bytes` is the video's size, by default a
    small one. `tolerated_rules` are TikTok's rules that its own wrong answers make a client break;
    `contradicted` marks scenarios in which TikTok makes two claims about one draft.
    """

    name: str
    step: str
    rules: tuple[Mapping[str, Any], ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    prepare: Callable[[Simulation], None] = lambda _simulation: None
    delay_before_send: timedelta = timedelta()
    videos: int = 1
    faults_last: timedelta | None = None
    expected: frozenset[str] = POSTED
    person: Mapping[str, Any] = field(default_factory=dict)
    within: timedelta | None = None
    calls: Mapping[str, int] = field(default_factory=dict)
    size_bytes: int | None = None
    tolerated_rules: frozenset[str] = frozenset()
    contradicted: bool = False

    @property
    def is_slow(self) -> bool:
        return any(rule["kind"] == "slow" and rule["endpoint"] in STEPS for rule in self.rules)


@dataclass(frozen=True)
class ScenarioResult:
    scenario: Scenario
    verdict: Verdict
    took: timedelta


def run_scenario(parts: SimulationParts, scenario: Scenario) -> ScenarioResult:
    """Run a scenario until nothing is left to do, and check the invariants."""
    simulation = Simulation(
        parts, scenario.behaviour, TIGHT_LIMITS if scenario.is_slow else GENEROUS_LIMITS
    )
    person = simulation.member(**scenario.person)
    activities = [
        simulation.activity(size_bytes=scenario.size_bytes) for _ in range(scenario.videos)
    ]
    simulation.clock.move_to(simulation.clock.now() + scenario.delay_before_send)
    simulation.tiktok.faults(*scenario.rules)
    if scenario.faults_last is not None:
        simulation.schedule(scenario.faults_last, simulation.tiktok.faults)
    scenario.prepare(simulation)
    for activity in activities:
        simulation.send(person, activity)
    idle = simulation.run_until_idle()
    if scenario.is_slow:
        # A request that the client abandoned still takes effect at the sandbox, whose thread
        # answers late in real time. A shorter wait could miss that effect, but fail no good run.
        time.sleep(SLOW_SECONDS)
        idle = simulation.run_until_idle()
    simulation.close()
    tolerated_rules = (LATE_BYTES if scenario.is_slow else ANSWER_LOST) | scenario.tolerated_rules
    took = simulation.clock.now() - simulation.began_at
    extra_violations = list(_exceeded_limits(scenario, simulation, took))
    verdict = check_invariants(
        simulation,
        idle=idle,
        expected=scenario.expected,
        tolerated_rules=tolerated_rules,
        extra_violations=extra_violations,
        contradicted=scenario.contradicted,
    )
    return ScenarioResult(scenario, verdict, took)


def _exceeded_limits(scenario: Scenario, simulation: Simulation, took: timedelta) -> Iterator[str]:
    if scenario.within is not None and took > scenario.within:
        yield f"it took {took}"
    for endpoint, most in scenario.calls.items():
        made = sum(each.name == f"tiktok {endpoint}" for each in simulation.boundary.effects)
        if made > most:
            yield f"{endpoint} was called {made} times"


def at_call(
    do: Callable[[Simulation], None], endpoint: str, moment: str, number: int = 1
) -> Callable[[Simulation], None]:
    """Call `do` once: `before`, `after` or `during` the numbered call of an endpoint."""

    def prepare(simulation: Simulation) -> None:
        calls = count(1)

        def fault() -> None:
            with simulation.boundary.suspended():
                do(simulation)

        def plan(effect: Effect) -> Injection | None:
            if effect.name != f"tiktok {endpoint}" or next(calls) != number:
                return None
            moments: dict[str, Any] = {moment: fault}
            return Injection(**moments)

        simulation.boundary.plan = plan

    return prepare


def table(result: Sequence[ScenarioResult]) -> Iterator[str]:
    for each in result:
        violations = "" if each.verdict.passed else "  WRONG: " + "; ".join(each.verdict.violations)
        took = str(each.took).split(".", maxsplit=1)[0]
        yield (
            f"{each.scenario.step:10} {each.scenario.name:56} {each.verdict.outcome:30} "
            f"{took:>16}{violations}"
        )
