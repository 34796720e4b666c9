"""The flows in which every effect is a place to die: what goes on, and how it may end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.faults.world import POLLING, Habits, Person, World

SENT = frozenset({"staged", "posted"})
POSTED = frozenset({"posted"})
TOLD = frozenset({"posted", "failed"})
GONE = TOLD | {"nothing performed"}
"""Who is let go before their request is made again has performed nothing, and lost nothing."""


def _sends(world: World) -> None:
    world.sends(world.member(), world.activity())


@dataclass(frozen=True)
class Flow:
    """One flow: the faults TikTok makes, what people do, and which ends are right.

    `may` is what is right when it is killed somewhere on top of that.
    """

    name: str
    does: Callable[[World], None] = _sends
    faults: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    must: frozenset[str] = POSTED
    may: frozenset[str] = POSTED


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
    Flow("leaves while it is queued", _leaves, must=TOLD, may=GONE),
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
