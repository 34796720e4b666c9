"""The flows in which every effect is a place to die: what goes on, and how it may end."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.tiktok.model import INBOX_PLACES, LAPSE_AHEAD
from tests.faults.boundary import Effect, Step
from tests.faults.world import EARLIER, POLLING, Habits, Person, World

SENT = frozenset({"staged", "posted"})
POSTED = frozenset({"posted"})
TOLD = frozenset({"posted", "failed"})
LAPSES = timedelta(days=180)
"""TikTok's refresh tokens, if they are not used."""

GONE = TOLD | {"nothing performed"}
"""Who is let go before their request is made again has performed nothing, and lost nothing."""


def _sends(world: World) -> None:
    world.sends(world.member(), world.activity())


@dataclass(frozen=True)
class Flow:
    """One flow: the faults TikTok makes, what people do, and which ends are right.

    `may` is what is right when it is killed somewhere on top of that; `also` tells what is wrong
    that only this flow knows of.
    """

    name: str
    does: Callable[[World], None] = _sends
    faults: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    must: frozenset[str] = POSTED
    may: frozenset[str] = POSTED
    also: Callable[[World], Iterable[str]] = lambda _world: ()


def _init(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "init", "kind": kind, **more}


def _upload(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "upload", "kind": kind, **more}


def _token_runs_out(world: World) -> None:
    person, activity = world.member(), world.activity()
    world.clock.sleep(timedelta(hours=3).total_seconds())
    world.sends(person, activity)


def _token_refused(world: World) -> None:
    person = world.member()
    world.tiktok.expire(person.name, "access")
    world.sends(person, world.activity())


def _consent_ended(world: World) -> None:
    person = world.member()
    world.tiktok.expire(person.name, "access", "refresh")
    world.sends(person, world.activity())


def _access_taken_back(world: World) -> None:
    person = world.member()
    world.tiktok.removes_access(person.name)
    world.sends(person, world.activity())


def _connects_and_sends(world: World) -> None:
    world.sends(world.member(connected=False), world.activity())


def _disconnects(world: World) -> None:
    person: Person = world.member()
    world.sends(person, world.activity())
    world.disconnects(person)


def _leaves(world: World) -> None:
    person = world.member()
    world.sends(person, world.activity())
    world.leaves(person)


def _two_held(world: World) -> None:
    """Two sends wait for the account when it is added again."""
    person = world.member(comes_back=timedelta(minutes=20))
    activities = [world.activity(), world.activity()]
    world.tiktok.removes_access(person.name)
    for activity in activities:
        world.sends(person, activity)


def _idle_until_it_lapses(world: World) -> None:
    """Nobody sends for half a year; the clock ticks every hour."""
    person, activity = world.member(), world.activity()
    world.clock.move_to(world.began_at + LAPSES - LAPSE_AHEAD + timedelta(hours=1))
    for hours in range(3):
        world.later(timedelta(hours=hours), world.renews)
    world.goes_on()
    world.clock.move_to(world.began_at + LAPSES + timedelta(days=1))
    world.sends(person, activity)


def _two_at_once(world: World, moment: str) -> None:
    """Two sends at once, and one place left: the second comes before or after the first's write."""
    person = world.member(insists=False)
    first, second = world.activity(), world.activity()
    for number in range(1, INBOX_PLACES):
        world.counts_draft(person, f"{EARLIER}.{number}")
    planned, left = world.boundary.plan, [second]

    def plan(effect: Effect) -> Step | None:
        step = planned(effect) or Step()
        happens = step.before if moment == "before" else step.after

        def both() -> None:
            if left:
                world.sends(person, left.pop())
            happens()

        if effect.function == "perform" and effect.name.startswith("dynamodb TransactWrite"):
            return replace(step, before=both) if moment == "before" else replace(step, after=both)
        return step

    world.boundary.plan = plan
    world.sends(person, first)


def _one_is_refused(world: World) -> Iterator[str]:
    for person in world.people.values():
        made = len(world.performances(person))
        if made != 1 or person.refused != ["tiktok_inbox_full"]:
            yield f"{made} were made for the last place, refused: {person.refused}"


LAST_PLACE = (
    Flow(
        "two at once, one place; second first",
        lambda world: _two_at_once(world, "before"),
        also=_one_is_refused,
    ),
    Flow(
        "two at once, one place; first first",
        lambda world: _two_at_once(world, "after"),
        also=_one_is_refused,
    ),
)
LEAVES = Flow("leaves while it is queued", _leaves, must=TOLD, may=GONE)
BANNED = Flow(
    "refused at init",
    faults=(_init("status", status=403, error_code="spam_risk_user_banned_from_posting"),),
    must=frozenset({"failed"}),
    may=TOLD,
)
"""It is refused once: who dies before that is written asks again, and may."""

RENEWED = Flow("idle, renewed by the clock", _idle_until_it_lapses)
REFRESHES = Flow("token runs out on the way", _token_runs_out)
CLEAN = (
    Flow("clean, webhooks come"),
    Flow("clean, no webhook comes", habits=POLLING),
)
FLOWS = (
    *CLEAN,
    Flow("not connected: consent, then the send", _connects_and_sends),
    # A rotated pair whose answer is lost is a consent lost: the member is told to connect again.
    REFRESHES,
    Flow("access token refused", _token_refused),
    Flow("consent ended; connects again", _consent_ended),
    Flow("access taken back; connects again", _access_taken_back),
    Flow("two held; connects again", _two_held),
    RENEWED,
    *LAST_PLACE,
    Flow("upload torn, then resumed", faults=(_upload("reset_after_bytes", after_bytes=100),)),
    Flow("upload's answer lost", faults=(_upload("reset", when="after"),)),
    Flow("init's answer lost", faults=(_init("reset", when="after"),)),
    Flow(
        "rate limit at init",
        faults=(_init("status", status=429, error_code="rate_limit_exceeded"),),
    ),
    Flow(
        "rate limit at status",
        faults=(
            {
                "endpoint": "status",
                "kind": "status",
                "status": 429,
                "error_code": "rate_limit_exceeded",
                "headers": {"Retry-After": "60"},
            },
        ),
    ),
    Flow(
        "fails inside TikTok, begun anew",
        faults=({"endpoint": "processing", "kind": "fail", "fail_reason": "internal"},),
    ),
    Flow(
        "video refused for good",
        faults=(
            {"endpoint": "processing", "kind": "fail", "fail_reason": "file_format_check_failed"},
        ),
        must=frozenset({"failed"}),
        may=frozenset({"failed"}),
    ),
    Flow("disconnects while it is queued", _disconnects, must=TOLD, may=GONE),
    LEAVES,
    BANNED,
)

ENDLESS = (
    Flow(
        "stuck at TikTok for good",
        faults=({"endpoint": "processing", "kind": "stuck"},),
        must=frozenset({"failed"}),
        may=frozenset({"failed"}),
    ),
)
"""Flows whose effects are the same over and over: played, not died in at every one."""
