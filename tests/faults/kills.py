"""Every effect of a flow is a place to die: before it, after it, and in the middle of an upload.

The places come from a recording of the flow, not from a list. A second worker that gets the same
message (or tick of the clock) at the same place, and one that takes over from a first that comes
back to life after its lease, are tried at the same places.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chalicelib.foundation.table import CONFLICT_ATTEMPTS
from tests.faults.boundary import Effect, Step
from tests.faults.errors import conflicted, raises, refused, throttled, timed_out
from tests.faults.flows import TOLD, Flow
from tests.faults.judge import ANSWER_LOST, CONSENT_GONE, TOO_LATE, Verdict, judge
from tests.faults.simulation import Simulation, SimulationParts

STALLED = timedelta(minutes=20)
"""Longer than any lease."""


class Happens(StrEnum):
    """What happens at a place."""

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


KILLS = (Happens.DIES_BEFORE, Happens.DIES_AFTER, Happens.DIES_DURING)
WORKERS = (Happens.SECOND_WORKER, Happens.STALLS)
AWS_ERRORS = (
    Happens.ASKED_AGAIN,
    Happens.THROTTLED,
    Happens.ANSWER_LOST,
    Happens.CONFLICT,
    Happens.CONFLICTS,
)
FORGIVEN = {Happens.REVOKED: CONSENT_GONE, Happens.STALLS: TOO_LATE}
TIKTOK_ERRORS = (Happens.REFUSED, Happens.EXPIRED, Happens.REVOKED)


@dataclass(frozen=True)
class Place:
    """One effect of a flow, and what happens there."""

    flow: Flow
    effect: Effect
    happens: Happens

    def __str__(self) -> str:
        return f"{self.flow.name} | {self.effect.function} | {self.effect.name} | {self.happens}"


@dataclass(frozen=True)
class Tried:
    """A place, what became of it, and how long it took in the simulation's time."""

    place: Place
    verdict: Verdict
    took: timedelta


def play(
    parts: SimulationParts,
    flow: Flow,
    spoil: Callable[[Simulation], None] = lambda _simulation: None,
) -> tuple[Simulation, bool]:
    """Play a flow until nothing is left to do; returns whether that came."""
    simulation = Simulation(parts, flow.habits)
    if flow.faults:
        simulation.tiktok.faults(*flow.faults)
    spoil(simulation)
    flow.does(simulation)
    quiet = simulation.goes_on()
    simulation.close()
    return simulation, quiet


def record(parts: SimulationParts, flow: Flow) -> tuple[Sequence[Effect], Verdict]:
    """Play a flow as it should be: its effects in order, and its verdict."""
    simulation, quiet = play(parts, flow)
    verdict = judge(simulation, quiet=quiet, must=flow.must, also=flow.also(simulation))
    return list(simulation.boundary.effects), verdict


def places(
    flow: Flow, effects: Sequence[Effect], happenings: Sequence[Happens] = KILLS
) -> Iterator[Place]:
    """List every place of a recorded flow at which one of these can happen."""
    for effect in effects:
        for happens in happenings:
            if _can_happen(happens, effect):
                yield Place(flow, effect, happens)


def _can_happen(happens: Happens, effect: Effect) -> bool:
    match happens:
        case Happens.DIES_DURING:
            return effect.is_upload
        case Happens.SECOND_WORKER:
            return effect.function in (
                "performances_stage",
                "callback",
                "tiktok_maintain_accounts",
            )
        case Happens.STALLS:
            return effect.function in ("performances_stage", "tiktok_maintain_accounts")
        case Happens.ASKED_AGAIN:
            return effect.name.startswith("dynamodb Update")
        case Happens.CONFLICT | Happens.CONFLICTS:
            return effect.name.startswith("dynamodb TransactWrite")
        case Happens.THROTTLED | Happens.ANSWER_LOST:
            return not effect.name.startswith("tiktok")
        case Happens.REFUSED | Happens.EXPIRED | Happens.REVOKED:
            return effect.name.startswith("tiktok")
    return True


def try_place(parts: SimulationParts, place: Place) -> Tried:
    """Play the flow again and let it happen there; then let the simulation go on, and judge.

    A place at which the harness itself breaks is a wrong one, and ends no table of thousands.
    """
    try:
        return _try_place(parts, place)
    except Exception as error:  # noqa: BLE001  whatever it is, it is told with its place
        words = f"the harness broke: {type(error).__name__}: {error}"
        return Tried(place, Verdict("broken", (words,)), timedelta())


def _try_place(parts: SimulationParts, place: Place) -> Tried:
    simulation, quiet = play(parts, place.flow, lambda simulation: prepare(simulation, place))
    reached = len(simulation.boundary.effects) > place.effect.number
    same = reached and simulation.boundary.effects[place.effect.number] == place.effect
    if not same:
        raise AssertionError("the flow is not the one that was recorded")
    must = TOLD if place.happens is Happens.REVOKED else place.flow.may
    forgiven = FORGIVEN.get(place.happens, ANSWER_LOST)
    also = place.flow.also(simulation)
    verdict = judge(simulation, quiet=quiet, must=must, forgiven=forgiven, also=also)
    return Tried(place, verdict, simulation.clock.now() - simulation.began_at)


def prepare(simulation: Simulation, place: Place) -> None:
    """Let it happen at this place of a simulation."""
    steps = _steps(simulation, place.effect.function)
    number, times = place.effect.number, CONFLICT_ATTEMPTS

    def plan(effect: Effect) -> Step | None:
        if place.happens is Happens.CONFLICTS:
            # The attempts of one transaction follow each other with nothing in between.
            meant = number <= effect.number < number + times
        else:
            meant = effect.number == number
        return steps[place.happens] if meant else None

    simulation.boundary.plan = plan


def _steps(simulation: Simulation, function: str) -> Mapping[Happens, Step]:
    def second() -> None:
        if function == "tiktok_maintain_accounts":
            simulation.renews(cold=True)
        for person in simulation.people.values():
            for item in simulation.performances(person):
                simulation.stages(simulation.message_of(item), cold=True)

    def stall() -> None:
        simulation.clock.move_to(simulation.clock.now() + STALLED)
        second()

    def each(do: Callable[[str], None]) -> Callable[[], None]:
        def all_of_them() -> None:
            with simulation.boundary.unwatched():
                for name in simulation.people:
                    do(name)

        return all_of_them

    kill = simulation.boundary.kill
    conflict = Step(before=raises(conflicted))
    return {
        Happens.DIES_BEFORE: Step(before=kill),
        Happens.DIES_AFTER: Step(after=kill),
        Happens.DIES_DURING: Step(during=kill),
        Happens.ASKED_AGAIN: Step(again=True),
        Happens.SECOND_WORKER: Step(before=second),
        Happens.STALLS: Step(before=stall),
        Happens.THROTTLED: Step(before=raises(throttled)),
        Happens.ANSWER_LOST: Step(after=raises(timed_out)),
        Happens.CONFLICT: conflict,
        Happens.CONFLICTS: conflict,
        Happens.REFUSED: Step(before=raises(refused)),
        Happens.EXPIRED: Step(before=each(lambda name: simulation.tiktok.expire(name, "access"))),
        Happens.REVOKED: Step(before=each(simulation.tiktok.removes_access)),
    }


def table(tried: Sequence[Tried]) -> Iterator[str]:
    """Write the table of places: a line each, and a sum."""
    width = max((len(each.place.effect.name) for each in tried), default=0)
    for each in tried:
        place, took = each.place, _words(each.took)
        yield (
            f"{place.flow.name:38} {place.effect.function:9} {place.effect.number:3} "
            f"{place.effect.name:{width}} {place.happens:13} {each.verdict.outcome:26} {took:>8}"
            f"{'' if each.verdict.is_right else '  WRONG: ' + '; '.join(each.verdict.wrong)}"
        )


def summary(tried: Sequence[Tried]) -> str:
    outcomes = Counter(each.verdict.outcome for each in tried)
    wrong = sum(not each.verdict.is_right for each in tried)
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.most_common())
    return f"{len(tried)} places, {wrong} wrong: {told}"


def _words(took: timedelta) -> str:
    seconds = int(took.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
