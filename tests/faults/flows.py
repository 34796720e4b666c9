"""The flows in which every effect is a place to die: what goes on, and how it may end."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.tiktok.model import INBOX_PLACES, LAPSE_AHEAD
from tests.faults.boundary import Effect, Step
from tests.faults.simulation import EARLIER, POLLING, Habits, Person, Simulation

SENT = frozenset({"staged", "posted"})
POSTED = frozenset({"posted"})
TOLD = frozenset({"posted", "failed"})
LAPSES = timedelta(days=180)
"""TikTok's refresh tokens, if they are not used."""

GONE = TOLD | {"nothing performed"}
"""Who is let go before their request is made again has performed nothing, and lost nothing."""


def _sends(simulation: Simulation) -> None:
    simulation.sends(simulation.member(), simulation.activity())


@dataclass(frozen=True)
class Flow:
    """One flow: the faults TikTok makes, what people do, and which ends are right.

    `may` is what is right when it is killed somewhere on top of that; `also` tells what is wrong
    that only this flow knows of.
    """

    name: str
    does: Callable[[Simulation], None] = _sends
    faults: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    must: frozenset[str] = POSTED
    may: frozenset[str] = POSTED
    also: Callable[[Simulation], Iterable[str]] = lambda _simulation: ()


def _init(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "init", "kind": kind, **more}


def _upload(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "upload", "kind": kind, **more}


def _token_runs_out(simulation: Simulation) -> None:
    person, activity = simulation.member(), simulation.activity()
    simulation.clock.sleep(timedelta(hours=3).total_seconds())
    simulation.sends(person, activity)


def _token_refused(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.expire(person.name, "access")
    simulation.sends(person, simulation.activity())


def _consent_ended(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.expire(person.name, "access", "refresh")
    simulation.sends(person, simulation.activity())


def _access_taken_back(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.removes_access(person.name)
    simulation.sends(person, simulation.activity())


def _connects_and_sends(simulation: Simulation) -> None:
    simulation.sends(simulation.member(connected=False), simulation.activity())


def _disconnects(simulation: Simulation) -> None:
    person: Person = simulation.member()
    simulation.sends(person, simulation.activity())
    simulation.disconnects(person)


def _leaves(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.sends(person, simulation.activity())
    simulation.leaves(person)


def _two_held(simulation: Simulation) -> None:
    """Two sends wait for the account when it is added again."""
    person = simulation.member(comes_back=timedelta(minutes=20))
    activities = [simulation.activity(), simulation.activity()]
    simulation.tiktok.removes_access(person.name)
    for activity in activities:
        simulation.sends(person, activity)


def _idle_until_it_lapses(simulation: Simulation) -> None:
    """Nobody sends for half a year; the clock ticks every hour."""
    person, activity = simulation.member(), simulation.activity()
    simulation.clock.move_to(simulation.began_at + LAPSES - LAPSE_AHEAD + timedelta(hours=1))
    for hours in range(3):
        simulation.later(timedelta(hours=hours), simulation.renews)
    simulation.goes_on()
    simulation.clock.move_to(simulation.began_at + LAPSES + timedelta(days=1))
    simulation.sends(person, activity)


def _two_at_once(simulation: Simulation, moment: str) -> None:
    """Two sends at once, and one place left: the second comes before or after the first's write."""
    person = simulation.member(insists=False)
    first, second = simulation.activity(), simulation.activity()
    for number in range(1, INBOX_PLACES):
        simulation.counts_draft(person, EARLIER, number)
    planned, left = simulation.boundary.plan, [second]

    def plan(effect: Effect) -> Step | None:
        step = planned(effect) or Step()
        happens = step.before if moment == "before" else step.after

        def both() -> None:
            if left:
                simulation.sends(person, left.pop())
            happens()

        if effect.function == "perform" and effect.name.startswith("dynamodb TransactWrite"):
            return replace(step, before=both) if moment == "before" else replace(step, after=both)
        return step

    simulation.boundary.plan = plan
    simulation.sends(person, first)


def _one_is_refused(simulation: Simulation) -> Iterator[str]:
    for person in simulation.people.values():
        made = len(simulation.performances(person))
        if made != 1 or person.refused != ["tiktok_inbox_full"]:
            yield f"{made} were made for the last place, refused: {person.refused}"


LAST_PLACE = (
    Flow(
        "two at once, one place; second first",
        lambda simulation: _two_at_once(simulation, "before"),
        also=_one_is_refused,
    ),
    Flow(
        "two at once, one place; first first",
        lambda simulation: _two_at_once(simulation, "after"),
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
        must=frozenset({"unconfirmed"}),
        may=frozenset({"unconfirmed"}),
    ),
)
"""Flows whose effects are the same over and over: played, not died in at every one."""
