"""The flows in which faults are injected at every effect, and the outcomes allowed for each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.tiktok.model import INBOX_PLACES, LAPSE_AHEAD
from tests.faults.boundary import Effect, Injection
from tests.faults.simulation import EARLIER, POLLING, Behaviour, Person, Simulation

SENT = frozenset({"staged", "posted"})
POSTED = frozenset({"posted"})
REPORTED = frozenset({"posted", "failed"})
REFRESH_TOKEN_LIFETIME = timedelta(days=180)
"""How long an unused refresh token of TikTok's is valid."""

RELEASED = REPORTED | {"nothing performed"}
"""If the account is released before the member's request is retried, nothing is performed."""


def _sends(simulation: Simulation) -> None:
    simulation.send(simulation.member(), simulation.activity())


@dataclass(frozen=True)
class Flow:
    """One flow: the faults TikTok makes, the people's actions, and the expected outcomes.

    `expected_if_killed` are the outcomes allowed when a function is killed as well;
    `extra_violations` checks what is specific to this flow.
    """

    name: str
    run: Callable[[Simulation], None] = _sends
    faults: tuple[Mapping[str, Any], ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    expected: frozenset[str] = POSTED
    expected_if_killed: frozenset[str] = POSTED
    extra_violations: Callable[[Simulation], Iterable[str]] = lambda _simulation: ()


def _init(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "init", "kind": kind, **more}


def _upload(kind: str, **more: Any) -> Mapping[str, Any]:
    return {"endpoint": "upload", "kind": kind, **more}


def _access_token_expires(simulation: Simulation) -> None:
    person, activity = simulation.member(), simulation.activity()
    simulation.clock.sleep(timedelta(hours=3).total_seconds())
    simulation.send(person, activity)


def _token_refused(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.expire(person.name, "access")
    simulation.send(person, simulation.activity())


def _consent_ended(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.expire(person.name, "access", "refresh")
    simulation.send(person, simulation.activity())


def _access_revoked(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.tiktok.revoke_access(person.name)
    simulation.send(person, simulation.activity())


def _connects_and_sends(simulation: Simulation) -> None:
    simulation.send(simulation.member(connected=False), simulation.activity())


def _disconnects(simulation: Simulation) -> None:
    person: Person = simulation.member()
    simulation.send(person, simulation.activity())
    simulation.disconnect(person)


def _leaves(simulation: Simulation) -> None:
    person = simulation.member()
    simulation.send(person, simulation.activity())
    simulation.leave_program(person)


def _two_waiting_for_account(simulation: Simulation) -> None:
    """Two sends wait until the account is connected again."""
    person = simulation.member(reconnects_after=timedelta(minutes=20))
    activities = [simulation.activity(), simulation.activity()]
    simulation.tiktok.revoke_access(person.name)
    for activity in activities:
        simulation.send(person, activity)


def _idle_until_it_lapses(simulation: Simulation) -> None:
    """Nobody sends for half a year; the schedule runs every hour."""
    person, activity = simulation.member(), simulation.activity()
    simulation.clock.move_to(
        simulation.began_at + REFRESH_TOKEN_LIFETIME - LAPSE_AHEAD + timedelta(hours=1)
    )
    for hours in range(3):
        simulation.schedule(timedelta(hours=hours), simulation.renew_accounts)
    simulation.run_until_idle()
    simulation.clock.move_to(simulation.began_at + REFRESH_TOKEN_LIFETIME + timedelta(days=1))
    simulation.send(person, activity)


def _two_at_once(simulation: Simulation, moment: str) -> None:
    """Send two videos for one free place, the second `before` or `after` the first's write."""
    person = simulation.member(retries_when_full=False)
    first, second = simulation.activity(), simulation.activity()
    for number in range(1, INBOX_PLACES):
        simulation.count_draft(person, EARLIER, number)
    planned, left = simulation.boundary.plan, [second]

    def plan(effect: Effect) -> Injection | None:
        step = planned(effect) or Injection()
        original = step.before if moment == "before" else step.after

        def both() -> None:
            if left:
                simulation.send(person, left.pop())
            original()

        if effect.function == "perform" and effect.name.startswith("dynamodb TransactWrite"):
            return replace(step, before=both) if moment == "before" else replace(step, after=both)
        return step

    simulation.boundary.plan = plan
    simulation.send(person, first)


def _one_is_refused(simulation: Simulation) -> Iterator[str]:
    for person in simulation.people.values():
        made = len(simulation.performances(person))
        if made != 1 or person.refused != ["tiktok_inbox_full"]:
            yield f"{made} were made for the last place, refused: {person.refused}"


LAST_PLACE = (
    Flow(
        "two at once, one place; second first",
        lambda simulation: _two_at_once(simulation, "before"),
        extra_violations=_one_is_refused,
    ),
    Flow(
        "two at once, one place; first first",
        lambda simulation: _two_at_once(simulation, "after"),
        extra_violations=_one_is_refused,
    ),
)
MEMBER_LEAVES = Flow(
    "leaves while it is queued", _leaves, expected=REPORTED, expected_if_killed=RELEASED
)
BANNED = Flow(
    "refused at init",
    faults=(_init("status", status=403, error_code="spam_risk_user_banned_from_posting"),),
    expected=frozenset({"failed"}),
    expected_if_killed=REPORTED,
)
"""TikTok refuses once: a worker killed before it stores the refusal asks again, and succeeds."""

RENEWAL = Flow("idle, renewed by the clock", _idle_until_it_lapses)
TOKEN_REFRESH = Flow("token runs out on the way", _access_token_expires)
CLEAN = (
    Flow("clean, webhooks come"),
    Flow("clean, no webhook comes", behaviour=POLLING),
)
FLOWS = (
    *CLEAN,
    Flow("not connected: consent, then the send", _connects_and_sends),
    # If the answer with a rotated token pair is lost, the consent is lost: the member has to
    # connect again.
    TOKEN_REFRESH,
    Flow("access token refused", _token_refused),
    Flow("consent ended; connects again", _consent_ended),
    Flow("access taken back; connects again", _access_revoked),
    Flow("two held; connects again", _two_waiting_for_account),
    RENEWAL,
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
        expected=frozenset({"failed"}),
        expected_if_killed=frozenset({"failed"}),
    ),
    Flow(
        "disconnects while it is queued",
        _disconnects,
        expected=REPORTED,
        expected_if_killed=RELEASED,
    ),
    MEMBER_LEAVES,
    BANNED,
)

ENDLESS = (
    Flow(
        "stuck at TikTok for good",
        faults=({"endpoint": "processing", "kind": "stuck"},),
        expected=frozenset({"unconfirmed"}),
        expected_if_killed=frozenset({"unconfirmed"}),
    ),
)
"""Flows that repeat the same effects endlessly: run once, without injected faults."""
