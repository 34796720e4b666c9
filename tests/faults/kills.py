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
    """A place, what became of it, and how long it took in the world's time."""

    place: Place
    verdict: Verdict
    took: timedelta


def play(
    stage: Theatre, flow: Flow, spoil: Callable[[World], None] = lambda _world: None
) -> tuple[World, bool]:
    """Play a flow until nothing is left to do; tells whether that came."""
    world = World(stage, flow.habits)
    if flow.faults:
        world.tiktok.faults(*flow.faults)
    spoil(world)
    flow.does(world)
    quiet = world.goes_on()
    world.close()
    return world, quiet


def record(stage: Theatre, flow: Flow) -> tuple[Sequence[Effect], Verdict]:
    """Play a flow as it should be: its effects in order, and its verdict."""
    world, quiet = play(stage, flow)
    verdict = judge(world, quiet=quiet, must=flow.must, also=flow.also(world))
    return list(world.boundary.effects), verdict


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
            return effect.function in ("stage", "callback", "renew")
        case Happens.STALLS:
            return effect.function in ("stage", "renew")
        case Happens.ASKED_AGAIN:
            return effect.name.startswith("dynamodb Update")
        case Happens.CONFLICT | Happens.CONFLICTS:
            return effect.name.startswith("dynamodb TransactWrite")
        case Happens.THROTTLED | Happens.ANSWER_LOST:
            return not effect.name.startswith("tiktok")
        case Happens.REFUSED | Happens.EXPIRED | Happens.REVOKED:
            return effect.name.startswith("tiktok")
    return True


def try_place(stage: Theatre, place: Place) -> Tried:
    """Play the flow again and let it happen there; then let the world go on, and judge."""
    world, quiet = play(stage, place.flow, lambda world: prepare(world, place))
    reached = len(world.boundary.effects) > place.effect.number
    same = reached and world.boundary.effects[place.effect.number] == place.effect
    if not same:
        raise AssertionError(f"{place}: the flow is not the one that was recorded")
    must = TOLD if place.happens is Happens.REVOKED else place.flow.may
    forgiven = FORGIVEN.get(place.happens, ANSWER_LOST)
    also = place.flow.also(world)
    verdict = judge(world, quiet=quiet, must=must, forgiven=forgiven, also=also)
    return Tried(place, verdict, world.clock.now() - world.began_at)


def prepare(world: World, place: Place) -> None:
    """Let it happen at this place of a world."""
    steps = _steps(world, place.effect.function)
    number, times = place.effect.number, CONFLICT_ATTEMPTS

    def plan(effect: Effect) -> Step | None:
        if place.happens is Happens.CONFLICTS:
            # The attempts of one transaction follow each other with nothing in between.
            meant = number <= effect.number < number + times
        else:
            meant = effect.number == number
        return steps[place.happens] if meant else None

    world.boundary.plan = plan


def _steps(world: World, function: str) -> Mapping[Happens, Step]:
    def second() -> None:
        if function == "renew":
            world.renews(cold=True)
        for person in world.people.values():
            for item in world.performances(person):
                world.stages(world.message_of(item), cold=True)

    def stall() -> None:
        world.clock.move_to(world.clock.now() + STALLED)
        second()

    def each(do: Callable[[str], None]) -> Callable[[], None]:
        def all_of_them() -> None:
            with world.boundary.unwatched():
                for name in world.people:
                    do(name)

        return all_of_them

    kill = world.boundary.kill
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
        Happens.EXPIRED: Step(before=each(lambda name: world.tiktok.expire(name, "access"))),
        Happens.REVOKED: Step(before=each(world.tiktok.removes_access)),
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
