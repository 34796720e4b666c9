"""The fault table: every fault TikTok's sandbox can make, at every step, once, long and for ever.

What goes wrong at AWS comes from the recorded effects (`kills`); this is what goes wrong at
TikTok, in S3's streams and in the queue.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

from tests.faults.accounts_gone import accounts_gone, all_disconnect
from tests.faults.contradictions import contradictions
from tests.faults.errors import stream_broken
from tests.faults.flows import POSTED, TOLD
from tests.faults.refused_chunks import refused_chunks
from tests.faults.simulation import POLLING, SMALL_VIDEO_BYTES, Habits, Simulation, webhooks_after
from tests.faults.trouble import FOR_EVER, HOUR, SLOW_SECONDS, STEPS, Trouble, happening

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
        yield Trouble(f"webhooks come {name}", "webhook", habits=webhooks_after(*after))
    backwards = iter(range(10_000, 0, -40))
    yield Trouble(
        "webhooks come in the wrong order",
        "webhook",
        habits=Habits(hook_after=lambda _hook: [timedelta(seconds=next(backwards))]),
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


def _told_when() -> Iterator[Trouble]:
    """TikTok says when to come again, or says it in a way that nobody can follow."""
    turned_away = ((429, "rate_limit_exceeded"), (503, "server_error"))
    for step, (status, code) in product(("init", "upload", "status"), turned_away):
        rule = {"endpoint": step, "kind": "status", "status": status, "error_code": code}
        yield Trouble(
            f"{status} at {step}, Retry-After 600, three times",
            "waits",
            ({**rule, "headers": {"Retry-After": "600"}, "times": 3},),
            habits=POLLING,
            within=HOUR,
            calls={step: 4} if step != "status" else {},
        )
        for told in ("0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"):
            yield Trouble(
                f"{status} at {step}, Retry-After {told}",
                "waits",
                ({**rule, "headers": {"Retry-After": told}},),
                within=timedelta(minutes=15),
                calls={"init": 2},
            )


def _odd_words() -> Iterator[Trouble]:
    """The status does not know the draft yet, counts what cannot be, or fails for new reasons."""
    unknown = {"endpoint": "status", "kind": "status", "status": 400, "times": 10}
    yield Trouble(
        "400 invalid_publish_id for some minutes",
        "status",
        ({**unknown, "error_code": "invalid_publish_id"},),
        habits=POLLING,
        within=timedelta(minutes=30),
        calls={"init": 1},
    )
    told = {"endpoint": "status", "kind": "told", "when": "after"}
    for counted in (-1, SMALL_VIDEO_BYTES + 1, 10**15, "all", ""):
        words = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": counted}
        for when in ("before", "after"):
            torn = {"endpoint": "upload", "kind": "reset", "when": when}
            yield Trouble(
                f"reset {when}, the status counts {counted!r} bytes, once",
                "status",
                (torn, {**told, "told": words}),
                habits=POLLING,
                within=timedelta(minutes=15),
                calls={"init": 1},
            )
    for reason in ("a_reason_nobody_documented", "duration_check_failed", "", None):
        yield Trouble(
            f"FAILED for the reason {reason!r}",
            "status",
            ({**told, "told": {"status": "FAILED", "fail_reason": reason}, "times": None},),
            habits=POLLING,
            must=FAILED,
            within=timedelta(minutes=10),
            contradicted=True,
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
        prepare=happening(all_disconnect, "upload", "during"),
        must=frozenset({"failed: unconfirmed", "unconfirmed"}),
        person={"comes_back": None},
    )


def all_troubles() -> Sequence[Trouble]:
    """The whole table."""
    return [
        *_at_tiktok(),
        *_refusals(),
        *_around(),
        *accounts_gone(),
        *refused_chunks(),
        *contradictions(),
        *_patience(),
        *_told_when(),
        *_odd_words(),
        *_unheard(),
        *_said_otherwise(),
    ]
