"""Injects a fault at every effect of a flow: a kill before it, after it, or during an upload.

The injection points come from a recording of the flow, not from a list. Two more faults are
injected at the same points: a second worker that gets the same message (or schedule tick), and a
worker that stalls until its lease has passed to another and then continues.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chalicelib.foundation.table import CONFLICT_ATTEMPTS
from tests.faults.boundary import Effect, Injection
from tests.faults.errors import conflicted, raises, refused, throttled, timed_out
from tests.faults.flows import REPORTED, Flow
from tests.faults.invariants import ANSWER_LOST, CONSENT_GONE, LATE_BYTES, Verdict, check_invariants
from tests.faults.simulation import Simulation, SimulationParts

STALL = timedelta(minutes=20)
"""How long a stalled worker stops: longer than any lease."""


class FaultKind(StrEnum):
    """The fault injected at a point."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    DIES_DURING = "dies during"
    ASKED_AGAIN = "asked twice"
    SECOND_WORKER = "second worker"
    STALLS = "stalls"
    THROTTLED = "throttled"
    ANSWER_LOST = "answer lost"
    CONFLICT = "conflict"
    CONFLICTS = "conflicts"
    REFUSED = "refused"
    EXPIRED = "token expired"
    REVOKED = "token revoked"


KILLS = (FaultKind.DIES_BEFORE, FaultKind.DIES_AFTER, FaultKind.DIES_DURING)
WORKERS = (FaultKind.SECOND_WORKER, FaultKind.STALLS)
AWS_ERRORS = (
    FaultKind.ASKED_AGAIN,
    FaultKind.THROTTLED,
    FaultKind.ANSWER_LOST,
    FaultKind.CONFLICT,
    FaultKind.CONFLICTS,
)
FORGIVEN = {FaultKind.REVOKED: CONSENT_GONE, FaultKind.STALLS: LATE_BYTES}
TIKTOK_ERRORS = (FaultKind.REFUSED, FaultKind.EXPIRED, FaultKind.REVOKED)


@dataclass(frozen=True)
class InjectionPoint:
    """One effect of a flow, and the fault to inject there."""

    flow: Flow
    effect: Effect
    fault: FaultKind

    def __str__(self) -> str:
        return f"{self.flow.name} | {self.effect.function} | {self.effect.name} | {self.fault}"


@dataclass(frozen=True)
class PointResult:
    """The result of one injection point, and how long the run took in simulated time."""

    point: InjectionPoint
    verdict: Verdict
    took: timedelta


def run_flow(
    parts: SimulationParts,
    flow: Flow,
    prepare_faults: Callable[[Simulation], None] = lambda _simulation: None,
) -> tuple[Simulation, bool]:
    """Run a flow; return its simulation and whether it became idle."""
    simulation = Simulation(parts, flow.behaviour)
    if flow.faults:
        simulation.tiktok.faults(*flow.faults)
    prepare_faults(simulation)
    flow.run(simulation)
    idle = simulation.run_until_idle()
    simulation.close()
    return simulation, idle


def record(parts: SimulationParts, flow: Flow) -> tuple[Sequence[Effect], Verdict]:
    """Run a flow without injected faults; return its effects in order, and its verdict."""
    simulation, idle = run_flow(parts, flow)
    verdict = check_invariants(
        simulation,
        idle=idle,
        expected=flow.expected,
        extra_violations=flow.extra_violations(simulation),
    )
    return list(simulation.boundary.effects), verdict


def points_of(
    flow: Flow, effects: Sequence[Effect], faults: Sequence[FaultKind] = KILLS
) -> Iterator[InjectionPoint]:
    """Yield every point of a recorded flow at which one of these faults can be injected."""
    for effect in effects:
        for fault in faults:
            if _applies(fault, effect):
                yield InjectionPoint(flow, effect, fault)


def _applies(fault: FaultKind, effect: Effect) -> bool:
    match fault:
        case FaultKind.DIES_DURING:
            return effect.is_upload
        case FaultKind.SECOND_WORKER:
            return effect.function in (
                "performances_stage",
                "callback",
                "tiktok_maintain_accounts",
            )
        case FaultKind.STALLS:
            return effect.function in ("performances_stage", "tiktok_maintain_accounts")
        case FaultKind.ASKED_AGAIN:
            return effect.name.startswith("dynamodb Update")
        case FaultKind.CONFLICT | FaultKind.CONFLICTS:
            return effect.name.startswith("dynamodb TransactWrite")
        case FaultKind.THROTTLED | FaultKind.ANSWER_LOST:
            return not effect.name.startswith("tiktok")
        case FaultKind.REFUSED | FaultKind.EXPIRED | FaultKind.REVOKED:
            return effect.name.startswith("tiktok")
    return True


def run_point(parts: SimulationParts, point: InjectionPoint) -> PointResult:
    """Run the flow again with the fault at this point, and check the invariants.

    If the harness itself fails, the point counts as failed and the other points still run.
    """
    try:
        return _run_point(parts, point)
    except Exception as error:  # noqa: BLE001  any error is reported with its point
        words = f"the harness broke: {type(error).__name__}: {error}"
        return PointResult(point, Verdict("broken", (words,)), timedelta())


def _run_point(parts: SimulationParts, point: InjectionPoint) -> PointResult:
    simulation, idle = run_flow(parts, point.flow, lambda simulation: prepare(simulation, point))
    reached = len(simulation.boundary.effects) > point.effect.number
    same = reached and simulation.boundary.effects[point.effect.number] == point.effect
    if not same:
        raise AssertionError("the flow is not the one that was recorded")
    expected = REPORTED if point.fault is FaultKind.REVOKED else point.flow.expected_if_killed
    tolerated_rules = FORGIVEN.get(point.fault, ANSWER_LOST)
    extra_violations = point.flow.extra_violations(simulation)
    verdict = check_invariants(
        simulation,
        idle=idle,
        expected=expected,
        tolerated_rules=tolerated_rules,
        extra_violations=extra_violations,
    )
    return PointResult(point, verdict, simulation.clock.now() - simulation.began_at)


def prepare(simulation: Simulation, point: InjectionPoint) -> None:
    """Plan the fault at this point of a simulation."""
    steps = _injections(simulation, point.effect.function)
    number, times = point.effect.number, CONFLICT_ATTEMPTS

    def plan(effect: Effect) -> Injection | None:
        if point.fault is FaultKind.CONFLICTS:
            # The attempts of one transaction follow each other with nothing in between.
            meant = number <= effect.number < number + times
        else:
            meant = effect.number == number
        return steps[point.fault] if meant else None

    simulation.boundary.plan = plan


def _injections(simulation: Simulation, function: str) -> Mapping[FaultKind, Injection]:
    def second() -> None:
        if function == "tiktok_maintain_accounts":
            simulation.renew_accounts(cold=True)
        for person in simulation.people.values():
            for item in simulation.performances(person):
                simulation.stage(simulation.message_of(item), cold=True)

    def stall() -> None:
        simulation.clock.move_to(simulation.clock.now() + STALL)
        second()

    def each(do: Callable[[str], None]) -> Callable[[], None]:
        def all_of_them() -> None:
            with simulation.boundary.suspended():
                for name in simulation.people:
                    do(name)

        return all_of_them

    kill = simulation.boundary.kill
    conflict = Injection(before=raises(conflicted))
    return {
        FaultKind.DIES_BEFORE: Injection(before=kill),
        FaultKind.DIES_AFTER: Injection(after=kill),
        FaultKind.DIES_DURING: Injection(during=kill),
        FaultKind.ASKED_AGAIN: Injection(again=True),
        FaultKind.SECOND_WORKER: Injection(before=second),
        FaultKind.STALLS: Injection(before=stall),
        FaultKind.THROTTLED: Injection(before=raises(throttled)),
        FaultKind.ANSWER_LOST: Injection(after=raises(timed_out)),
        FaultKind.CONFLICT: conflict,
        FaultKind.CONFLICTS: conflict,
        FaultKind.REFUSED: Injection(before=raises(refused)),
        FaultKind.EXPIRED: Injection(
            before=each(lambda name: simulation.tiktok.expire(name, "access"))
        ),
        FaultKind.REVOKED: Injection(before=each(simulation.tiktok.revoke_access)),
    }


def table(tried: Sequence[PointResult]) -> Iterator[str]:
    """Yield one line per injection point."""
    width = max((len(each.point.effect.name) for each in tried), default=0)
    for each in tried:
        point, took = each.point, _words(each.took)
        yield (
            f"{point.flow.name:38} {point.effect.function:9} {point.effect.number:3} "
            f"{point.effect.name:{width}} {point.fault:13} {each.verdict.outcome:26} {took:>8}"
            f"{'' if each.verdict.passed else '  WRONG: ' + '; '.join(each.verdict.violations)}"
        )


def summary(tried: Sequence[PointResult]) -> str:
    outcomes = Counter(each.verdict.outcome for each in tried)
    violations = sum(not each.verdict.passed for each in tried)
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    return f"{len(tried)} points, {violations} wrong: {told}"


def _words(took: timedelta) -> str:
    seconds = int(took.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
