"""Every effect of a flow is a place to die: before it, after it, and in the middle of an upload.

The places come from a recording of the flow, not from a list. A second worker that gets the same
message at the same place, and one that takes over from a first that comes back to life after
its lease, are tried at the same places.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tests.faults.boundary import Effect, Step
from tests.faults.flows import Flow
from tests.faults.judge import ANSWER_LOST, Verdict, judge
from tests.faults.world import Theatre, World

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


KILLS = (Happens.DIES_BEFORE, Happens.DIES_AFTER, Happens.DIES_DURING)
WORKERS = (Happens.SECOND_WORKER, Happens.STALLS)


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
    """A place, what became of it, and how long it took in the world's time."""

    place: Place
    verdict: Verdict
    took: timedelta


def play(
    stage: Theatre, flow: Flow, prepare: Callable[[World], None] = lambda _world: None
) -> tuple[World, bool]:
    """Play a flow until nothing is left to do; tells whether that came."""
    world = World(stage, flow.habits)
    world.tiktok.faults(*flow.faults)
    prepare(world)
    flow.does(world)
    quiet = world.goes_on()
    world.close()
    return world, quiet


def record(stage: Theatre, flow: Flow) -> tuple[Sequence[Effect], Verdict]:
    """Play a flow as it should be: its effects in order, and its verdict."""
    world, quiet = play(stage, flow)
    verdict = judge(world, quiet=quiet, must=flow.must)
    return list(world.boundary.effects), verdict


def places(
    flow: Flow, effects: Sequence[Effect], happenings: Sequence[Happens] = KILLS
) -> Iterator[Place]:
    """List every place of a recorded flow at which one of these can happen."""
    for effect in effects:
        for happens in happenings:
            if happens is Happens.DIES_DURING and not effect.is_upload:
                continue
            if happens in WORKERS and effect.function != "stage":
                continue
            if happens is Happens.ASKED_AGAIN and not effect.name.startswith("dynamodb Update"):
                continue
            yield Place(flow, effect, happens)


def try_place(stage: Theatre, place: Place) -> Tried:
    """Play the flow again and let it happen there; then let the world go on, and judge."""
    world, quiet = play(stage, place.flow, lambda world: _prepare(world, place))
    reached = len(world.boundary.effects) > place.effect.number
    same = reached and world.boundary.effects[place.effect.number] == place.effect
    if not same:
        raise AssertionError(f"{place}: the flow is not the one that was recorded")
    verdict = judge(world, quiet=quiet, must=place.flow.may, forgiven=ANSWER_LOST)
    return Tried(place, verdict, world.clock.now() - world.began_at)


def _prepare(world: World, place: Place) -> None:
    def second() -> None:
        for person in world.people.values():
            for item in world.performances(person):
                world.stages(world.message_of(item), cold=True)

    def stall() -> None:
        world.clock.move_to(world.clock.now() + STALLED)
        second()

    kill = world.boundary.kill
    step = {
        Happens.DIES_BEFORE: Step(before=kill),
        Happens.DIES_AFTER: Step(after=kill),
        Happens.DIES_DURING: Step(during=kill),
        Happens.ASKED_AGAIN: Step(again=True),
        Happens.SECOND_WORKER: Step(before=second),
        Happens.STALLS: Step(before=stall),
    }[place.happens]

    def plan(effect: Effect) -> Step | None:
        return step if effect.number == place.effect.number else None

    world.boundary.plan = plan


def table(tried: Sequence[Tried]) -> Iterator[str]:
    """Write the table of places: a line each, and a sum."""
    width = max(len(each.place.effect.name) for each in tried)
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
