"""The fault table: every fault TikTok's sandbox can make, at every step, once, long and for ever.

What goes wrong at AWS comes from the recorded effects (`kills`); this is what goes wrong at
TikTok, in S3's streams and in the queue.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from tests.faults.errors import stream_broken
from tests.faults.flows import POSTED, TOLD
from tests.faults.judge import ANSWER_LOST, TOO_LATE, Verdict, judge
from tests.faults.world import IMPATIENT, PATIENT, Habits, Theatre, World

SLOW_SECONDS = 0.35
"""Of real time: just beyond the client's limit."""

HOUR = timedelta(hours=1)
FOR_EVER = timedelta(hours=30)
"""Longer than a performance may be on its way."""

STEPS = ("token", "init", "upload", "status")
KINDS = ("reset", "status", "malformed", "truncated", "cut", "wrong_content_type", "slow")
STATUSES = (
    (500, "internal_error"),
    (502, "bad_gateway"),
    (503, "server_error"),
    (429, "rate_limit_exceeded"),
)
FAILED = frozenset({"failed"})
EMPTY_DRAFTS = frozenset({"failed: inbox_full"})
"""What an hour of inits that TikTok makes but answers with 503 or 429 must end as.

Such an answer says that nothing was begun, so waiting for a better one is no attempt; in truth each
leaves an empty draft, until the five places are taken. None has a byte: nothing is sent twice, and
the member is told to make room. Other errors of TikTok's own say no such thing: three drafts at
most, the last when the hour is over.
"""


@dataclass(frozen=True)
class Trouble:
    """One line of the table. `lasts`: for how long TikTok makes the fault.

    `waits` is how long after connecting the member sends, `sends` how many videos.
    """

    name: str
    step: str
    rules: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    prepare: Callable[[World], None] = lambda _world: None
    waits: timedelta = timedelta()
    sends: int = 1
    lasts: timedelta | None = None
    must: frozenset[str] = POSTED

    @property
    def is_slow(self) -> bool:
        return any(rule["kind"] == "slow" and rule["endpoint"] in STEPS for rule in self.rules)


@dataclass(frozen=True)
class Outcome:
    trouble: Trouble
    verdict: Verdict
    took: timedelta


def meet(stage: Theatre, trouble: Trouble) -> Outcome:
    """Play it, let the world go on until nothing is left to do, and judge."""
    world = World(stage, trouble.habits, IMPATIENT if trouble.is_slow else PATIENT)
    person = world.member()
    activities = [world.activity() for _ in range(trouble.sends)]
    world.clock.move_to(world.clock.now() + trouble.waits)
    world.tiktok.faults(*trouble.rules)
    if trouble.lasts is not None:
        world.later(trouble.lasts, world.tiktok.faults)
    trouble.prepare(world)
    for activity in activities:
        world.sends(person, activity)
    quiet = world.goes_on()
    if trouble.is_slow:
        # What was asked of TikTok and not waited for still has its effect.
        time.sleep(SLOW_SECONDS)
        quiet = world.goes_on()
    world.close()
    forgiven = TOO_LATE if trouble.is_slow else ANSWER_LOST
    verdict = judge(world, quiet=quiet, must=trouble.must, forgiven=forgiven)
    return Outcome(trouble, verdict, world.clock.now() - world.began_at)


def _rules(step: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in KINDS:
        if kind == "status":
            for status, code in STATUSES:
                yield f"{status}", {"kind": kind, "status": status, "error_code": code}
        elif kind == "slow":
            yield kind, {"kind": kind, "seconds": SLOW_SECONDS}
        else:
            yield kind, {"kind": kind}
    if step == "upload":
        for count in (0, 1, 1000):
            yield f"torn after {count}", {"kind": "reset_after_bytes", "after_bytes": count}


def _at_tiktok() -> Iterator[Trouble]:
    for step in STEPS:
        waits = 3 * HOUR if step == "token" else timedelta()
        for name, rule in _rules(step):
            sides = ("before",) if name.startswith("torn") else ("before", "after")
            for when in sides:
                lost = step == "token" and when == "after"
                # A rotated pair whose answer is lost is a consent lost.
                must = TOLD if lost or (step == "token" and name == "slow") else POSTED
                whole = {"endpoint": step, "when": when, **rule}
                once = Trouble(f"{name} {when}, once", step, (whole,), waits=waits, must=must)
                yield once
                if name == "slow":
                    continue
                twice = {**whole, "times": 2}
                yield replace(once, name=f"{name} {when}, twice", rules=(twice,))
                always = {**whole, "times": None}
                yield replace(
                    once,
                    name=f"{name} {when}, an hour",
                    rules=(always,),
                    lasts=HOUR,
                    must=_after_an_hour(step, when, name, must),
                )
                if name not in {"reset", "500"} or when == "after":
                    continue
                yield replace(
                    once,
                    name=f"{name} {when}, for ever",
                    rules=(always,),
                    lasts=FOR_EVER,
                    must=TOLD,
                )


def _after_an_hour(step: str, when: str, name: str, must: frozenset[str]) -> frozenset[str]:
    if step == "init":
        turned_away = name in {"503", "429"} and when == "after"
        return EMPTY_DRAFTS if turned_away else must
    # So many torn uploads, and it is given up: told plainly.
    return TOLD if step == "upload" else must


def _refusals() -> Iterator[Trouble]:
    """What TikTok says by an error code of its own."""
    for status, code, times, must in (
        (400, "invalid_params", 1, POSTED),
        (401, "access_token_invalid", 1, POSTED),
        (401, "access_token_invalid", 2, TOLD),
        (401, "scope_not_authorized", 1, TOLD),
        (403, "spam_risk_too_many_pending_share", 1, TOLD),
        (403, "spam_risk_user_banned_from_posting", 1, FAILED),
        (200, "spam_risk_user_banned_from_posting", 1, FAILED),
        (418, "a_code_nobody_documented", 1, TOLD),
    ):
        rule = {"kind": "status", "status": status, "error_code": code, "times": times}
        yield Trouble(
            f"{status} {code} x{times}", "init", ({"endpoint": "init", **rule},), must=must
        )
    for reason in (
        "internal",
        "file_format_check_failed",
        "auth_removed",
        "spam_risk",
        "publish_cancelled",
    ):
        rule = {"endpoint": "processing", "kind": "fail", "fail_reason": reason}
        must = POSTED if reason == "internal" else FAILED
        yield Trouble(f"fails: {reason}", "processing", (rule,), must=must)
    for seconds in (5, 600, 7000):
        rule = {"endpoint": "processing", "kind": "slow", "seconds": seconds}
        yield Trouble(f"takes {seconds} s", "processing", (rule,))


def _streams_break(times: int) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.cloud.s3_breaks[:] = [stream_broken] * times

    return prepare


def _messages_lost(times: int) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        left = [True] * times
        world.cloud.loses = lambda: bool(left and left.pop())

    return prepare


def _around() -> Iterator[Trouble]:
    for times in (1, 3, 6):
        yield Trouble(
            f"the video breaks off x{times}",
            "s3",
            prepare=_streams_break(times),
            must=POSTED if times == 1 else TOLD,
        )
        yield Trouble(f"a message is lost x{times}", "sqs", prepare=_messages_lost(times))
    newest_first = Habits(message=lambda showing: max(showing, key=lambda each: each.number))
    yield Trouble("newest message first", "sqs", sends=3, habits=newest_first)
    twice = iter([True, True, False] * 100)
    yield Trouble(
        "every message three times",
        "sqs",
        sends=3,
        habits=Habits(delivered_twice=lambda: next(twice)),
    )
    for name, after in (
        ("twice", [1, 1]),
        ("an hour late", [3600]),
        ("before the worker's answer", [0]),
        ("never", []),
    ):
        waits = [timedelta(seconds=each) for each in after]
        yield Trouble(
            f"webhooks come {name}",
            "webhook",
            habits=Habits(hook_after=lambda _hook, w=waits: w),  # type: ignore[misc]
        )
    backwards = iter(range(10_000, 0, -40))
    yield Trouble(
        "webhooks come in the wrong order",
        "webhook",
        habits=Habits(hook_after=lambda _hook: [timedelta(seconds=next(backwards))]),
    )


def all_troubles() -> Sequence[Trouble]:
    """The whole table."""
    return [*_at_tiktok(), *_refusals(), *_around()]


def table(met: Sequence[Outcome]) -> Iterator[str]:
    for each in met:
        wrong = "" if each.verdict.is_right else "  WRONG: " + "; ".join(each.verdict.wrong)
        took = str(each.took).split(".", maxsplit=1)[0]
        yield (
            f"{each.trouble.step:10} {each.trouble.name:44} {each.verdict.outcome:30} "
            f"{took:>16}{wrong}"
        )
