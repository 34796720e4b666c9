"""The fault table: every fault TikTok's sandbox can make, at every step, once, long and for ever.

What goes wrong at AWS comes from the recorded effects (`kills`); this is what goes wrong at
TikTok, in S3's streams and in the queue.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.performances.staging_run import RESUMES
from chalicelib.tiktok.client import MAX_REALIGNMENTS
from tests.faults.boundary import Step
from tests.faults.errors import stream_broken
from tests.faults.flows import POSTED, TOLD
from tests.faults.judge import ANSWER_LOST, TOO_LATE, Verdict, judge
from tests.faults.simulation import (
    IMPATIENT,
    PATIENT,
    POLLING,
    Habits,
    Simulation,
    SimulationParts,
)

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

    `waits` is how long after connecting the member sends, `sends` how many videos; `person` are the
    member's habits. It must be over `within` a time, and after at most so many `calls` of TikTok.
    """

    name: str
    step: str
    rules: tuple[Mapping[str, Any], ...] = ()
    habits: Habits = field(default_factory=Habits)
    prepare: Callable[[Simulation], None] = lambda _simulation: None
    waits: timedelta = timedelta()
    sends: int = 1
    lasts: timedelta | None = None
    must: frozenset[str] = POSTED
    person: Mapping[str, Any] = field(default_factory=dict)
    within: timedelta | None = None
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_slow(self) -> bool:
        return any(rule["kind"] == "slow" and rule["endpoint"] in STEPS for rule in self.rules)


@dataclass(frozen=True)
class Outcome:
    trouble: Trouble
    verdict: Verdict
    took: timedelta


def meet(parts: SimulationParts, trouble: Trouble) -> Outcome:
    """Play it, let the simulation go on until nothing is left to do, and judge."""
    simulation = Simulation(parts, trouble.habits, IMPATIENT if trouble.is_slow else PATIENT)
    person = simulation.member(**trouble.person)
    activities = [simulation.activity() for _ in range(trouble.sends)]
    simulation.clock.move_to(simulation.clock.now() + trouble.waits)
    simulation.tiktok.faults(*trouble.rules)
    if trouble.lasts is not None:
        simulation.later(trouble.lasts, simulation.tiktok.faults)
    trouble.prepare(simulation)
    for activity in activities:
        simulation.sends(person, activity)
    quiet = simulation.goes_on()
    if trouble.is_slow:
        # What was asked of TikTok and not waited for still has its effect.
        time.sleep(SLOW_SECONDS)
        quiet = simulation.goes_on()
    simulation.close()
    forgiven = TOO_LATE if trouble.is_slow else ANSWER_LOST
    took = simulation.clock.now() - simulation.began_at
    also = list(_exceeds(trouble, simulation, took))
    verdict = judge(simulation, quiet=quiet, must=trouble.must, forgiven=forgiven, also=also)
    return Outcome(trouble, verdict, took)


def _exceeds(trouble: Trouble, simulation: Simulation, took: timedelta) -> Iterator[str]:
    if trouble.within is not None and took > trouble.within:
        yield f"it took {took}"
    for endpoint, most in trouble.calls.items():
        made = sum(each.name == f"tiktok {endpoint}" for each in simulation.boundary.effects)
        if made > most:
            yield f"{endpoint} was called {made} times"


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


def _streams_break(times: int) -> Callable[[Simulation], None]:
    def prepare(simulation: Simulation) -> None:
        simulation.cloud.s3_breaks[:] = [stream_broken] * times

    return prepare


def _messages_lost(times: int) -> Callable[[Simulation], None]:
    def prepare(simulation: Simulation) -> None:
        left = [True] * times
        simulation.cloud.loses = lambda: bool(left and left.pop())

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


def _while_bytes_go_out(do: Callable[[Simulation], None]) -> Callable[[Simulation], None]:
    """Something happens when half of the first upload is out."""

    def prepare(simulation: Simulation) -> None:
        left = [do]

        def happens() -> None:
            if left:
                with simulation.boundary.unwatched():
                    left.pop()(simulation)

        simulation.boundary.plan = lambda effect: Step(during=happens) if effect.is_upload else None

    return prepare


def _all_take_access_back(simulation: Simulation) -> None:
    for name in simulation.people:
        simulation.tiktok.removes_access(name)


def _all_disconnect(simulation: Simulation) -> None:
    for person in simulation.people.values():
        simulation.disconnects(person)


def _accounts_gone() -> Iterator[Trouble]:
    """The account goes while the bytes go out; TikTok's last word comes by webhook, or never."""
    for name, do in (
        ("access is taken back", _all_take_access_back),
        ("the member disconnects", _all_disconnect),
    ):
        for comes, after in (("comes", [1]), ("comes first", [0]), ("comes twice", [1, 30])):
            waits = [timedelta(seconds=each) for each in after]
            yield Trouble(
                f"{name} midway, its webhook {comes}",
                "account",
                habits=Habits(hook_after=lambda _hook, w=waits: w),  # type: ignore[misc]
                prepare=_while_bytes_go_out(do),
                must=frozenset({"failed: reconnect_required"}),
                person={"comes_back": None},
                within=timedelta(minutes=10),
            )
        yield Trouble(
            f"{name} midway, no webhook comes",
            "account",
            habits=POLLING,
            prepare=_while_bytes_go_out(do),
            must=frozenset({"failed: unconfirmed", "unconfirmed"}),
            person={"comes_back": None},
        )


def _messages_every_two_seconds(simulation: Simulation) -> None:
    """Each performance's message comes again and again, whatever it waits for."""

    def sends(left: int) -> None:
        for person in simulation.people.values():
            for item in simulation.performances(person):
                simulation.cloud.queue.send(simulation.message_of(item))
        if left:
            simulation.later(timedelta(seconds=2), lambda: sends(left - 1))

    simulation.later(timedelta(seconds=1), lambda: sends(30))


def _patience() -> Iterator[Trouble]:
    """Waits that must be kept, and drafts that can be begun anew at once."""
    lost = {"endpoint": "init", "kind": "reset", "when": "after", "times": None}
    yield Trouble(
        "messages repeat, init's answers lost for an hour",
        "waits",
        (lost,),
        prepare=_messages_every_two_seconds,
        lasts=HOUR,
        calls={"init": 3},
    )
    for step in ("init", "status"):
        busy = {"kind": "status", "status": 429, "error_code": "rate_limit_exceeded"}
        yield Trouble(
            f"429 at {step} that never says when, for ever",
            "waits",
            ({"endpoint": step, **busy, "times": None},),
            habits=POLLING,
            lasts=FOR_EVER,
            must=frozenset({"failed: given_up"}) if step == "init" else POSTED,
            calls={step: 70},
        )
    for status in (403, 404):
        refused = {"endpoint": "upload", "kind": "status", "status": status}
        yield Trouble(
            f"the address is refused with {status}",
            "upload",
            (refused,),
            within=timedelta(minutes=15),
        )
    yield Trouble(
        "416 bytes 0-0 at the first byte",
        "upload",
        (
            {
                "endpoint": "upload",
                "kind": "status",
                "status": 416,
                "headers": {"Content-Range": "bytes 0-0/3080"},
                "times": (1 + MAX_REALIGNMENTS) * (1 + RESUMES),
            },
        ),
        within=timedelta(minutes=15),
    )
    for status in (403, 200):
        cap = {"kind": "status", "status": status, "error_code": "reached_active_user_cap"}
        whole = {"endpoint": "init", **cap, "times": None}
        for name, lasts, must in (
            ("an hour", HOUR, POSTED),
            ("for ever", FOR_EVER, frozenset({"failed: given_up"})),
        ):
            yield Trouble(
                f"{status} reached_active_user_cap, {name}",
                "waits",
                (whole,),
                lasts=lasts,
                must=must,
                calls={"init": 70},
            )


def _unheard() -> Iterator[Trouble]:
    """All bytes are delivered, and nothing is heard of them."""
    silent = {"endpoint": "status", "kind": "status", "error_code": "internal_error", "times": None}
    for status in (500, 404):
        rules = ({**silent, "status": status},)
        yield Trouble(
            f"{status} and no webhook for more than a day",
            "status",
            rules,
            habits=POLLING,
            lasts=FOR_EVER,
        )
        yield Trouble(
            f"{status} and no webhook, never",
            "status",
            rules,
            habits=POLLING,
            must=frozenset({"unconfirmed"}),
        )
    for status, code in (
        (400, "invalid_publish_id"),
        (403, "token_not_authorized_for_specified_publish_id"),
        (403, "a_code_nobody_documented"),
        (400, "invalid_params"),
    ):
        yield Trouble(
            f"{status} {code} and no webhook, never",
            "status",
            ({**silent, "status": status, "error_code": code},),
            habits=POLLING,
            must=frozenset({"unconfirmed"}),
        )
    for minutes in (5, 59):
        yield Trouble(
            f"status down, webhooks signed {minutes} minutes ahead",
            "webhook",
            ({**silent, "status": 500},),
            habits=Habits(hook_clock=timedelta(minutes=minutes)),
            within=HOUR,
        )


def _said_otherwise() -> Iterator[Trouble]:
    """TikTok took every byte, and its status never says that the video is in the inbox."""
    told = {"endpoint": "status", "kind": "told", "when": "after", "times": None}
    processing = {**told, "told": {"status": "PROCESSING_UPLOAD"}}
    stuck = {"endpoint": "processing", "kind": "stuck"}
    probably = frozenset({"unconfirmed"})
    yield Trouble("stays in processing for ever", "processing", (stuck,), must=probably)
    yield Trouble(
        "takes 3 hours",
        "processing",
        ({"endpoint": "processing", "kind": "slow", "seconds": 10800},),
    )
    for name, words, must in (
        ("says PROCESSING_UPLOAD", {"status": "PROCESSING_UPLOAD"}, probably),
        ("says PROCESSING_DOWNLOAD", {"status": "PROCESSING_DOWNLOAD"}, probably),
        ("says a word nobody documented", {"status": "IN_REVIEW"}, probably),
        ("says nothing", {"status": None, "uploaded_bytes": None}, probably),
        (
            "says that bytes lack",
            {"status": "PROCESSING_UPLOAD", "uploaded_bytes": 1},
            frozenset({"failed: never_arrived"}),
        ),
    ):
        yield Trouble(
            f"{name}, and no webhook comes",
            "status",
            ({**told, "told": words},),
            habits=POLLING,
            must=must,
        )
    yield Trouble(
        "says PROCESSING_UPLOAD for 4 hours, and no webhook comes",
        "status",
        (processing,),
        habits=POLLING,
        lasts=4 * HOUR,
    )
    yield Trouble(
        "says PROCESSING_UPLOAD for ever, webhooks come after 3 hours",
        "status",
        (processing,),
        habits=Habits(hook_after=lambda _hook: [3 * HOUR]),
    )
    yield Trouble(
        "in processing for ever, and the member disconnects midway",
        "account",
        (stuck,),
        habits=POLLING,
        prepare=_while_bytes_go_out(_all_disconnect),
        must=frozenset({"failed: unconfirmed", "unconfirmed"}),
        person={"comes_back": None},
    )


def all_troubles() -> Sequence[Trouble]:
    """The whole table."""
    return [
        *_at_tiktok(),
        *_refusals(),
        *_around(),
        *_accounts_gone(),
        *_patience(),
        *_unheard(),
        *_said_otherwise(),
    ]


def table(met: Sequence[Outcome]) -> Iterator[str]:
    for each in met:
        wrong = "" if each.verdict.is_right else "  WRONG: " + "; ".join(each.verdict.wrong)
        took = str(each.took).split(".", maxsplit=1)[0]
        yield (
            f"{each.trouble.step:10} {each.trouble.name:44} {each.verdict.outcome:30} "
            f"{took:>16}{wrong}"
        )
