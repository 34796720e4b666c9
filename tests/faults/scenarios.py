"""The fault table: every fault of TikTok's sandbox at every step, once, for an hour and forever.

It holds the faults of TikTok, of S3's streams and of the queue; `injection_points` covers those of
AWS.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

from tests.faults.contradictions import contradictions
from tests.faults.errors import stream_broken
from tests.faults.flows import POSTED, REPORTED
from tests.faults.lost_accounts import disconnect_all, lost_accounts
from tests.faults.refused_chunks import refused_chunks
from tests.faults.scenario import FOR_EVER, HOUR, SLOW_SECONDS, STEPS, Scenario, at_call
from tests.faults.simulation import (
    POLLING,
    SMALL_VIDEO_BYTES,
    Behaviour,
    Simulation,
    webhooks_after,
)

KINDS = ("reset", "status", "malformed", "truncated", "cut", "wrong_content_type", "slow")
STATUSES = (
    (500, "internal_error"),
    (502, "bad_gateway"),
    (503, "server_error"),
    (429, "rate_limit_exceeded"),
)
FAILED = frozenset({"failed"})
EMPTY_DRAFTS = frozenset({"failed: inbox_full"})
"""The expected outcome if TikTok performs inits for an hour but answers them with 503 or 429.

Such an answer says that no draft was created, so retries do not count as attempts; in fact each
leaves an empty draft, until the five places are taken. The drafts have no bytes: nothing is sent
twice, and the member is asked to make room. After other errors of TikTok's there are at most three
drafts, the last when the hour is over.
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


def _endpoint_faults() -> Iterator[Scenario]:
    for step in STEPS:
        delay_before_send = 3 * HOUR if step == "token" else timedelta()
        for name, rule in _rules(step):
            sides = ("before",) if name.startswith("torn") else ("before", "after")
            for when in sides:
                lost = step == "token" and when == "after"
                # If the answer with a rotated token pair is lost, so is the consent.
                expected = REPORTED if lost or (step == "token" and name == "slow") else POSTED
                whole = {"endpoint": step, "when": when, **rule}
                once = Scenario(
                    f"{name} {when}, once",
                    step,
                    (whole,),
                    delay_before_send=delay_before_send,
                    expected=expected,
                )
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
                    faults_last=HOUR,
                    expected=_after_an_hour(step, when, name, expected),
                )
                if name not in {"reset", "500"} or when == "after":
                    continue
                yield replace(
                    once,
                    name=f"{name} {when}, for ever",
                    rules=(always,),
                    faults_last=FOR_EVER,
                    expected=REPORTED,
                )


def _after_an_hour(step: str, when: str, name: str, expected: frozenset[str]) -> frozenset[str]:
    if step == "init":
        turned_away = name in {"503", "429"} and when == "after"
        return EMPTY_DRAFTS if turned_away else expected
    # After so many interrupted uploads staging gives up, and tells the member.
    return REPORTED if step == "upload" else expected


def _refusals() -> Iterator[Scenario]:
    """TikTok's own error codes and fail reasons."""
    for status, code, times, expected in (
        (400, "invalid_params", 1, POSTED),
        (401, "access_token_invalid", 1, POSTED),
        (401, "access_token_invalid", 2, REPORTED),
        (401, "scope_not_authorized", 1, REPORTED),
        (403, "spam_risk_too_many_pending_share", 1, REPORTED),
        (403, "spam_risk_user_banned_from_posting", 1, FAILED),
        (200, "spam_risk_user_banned_from_posting", 1, FAILED),
        (418, "a_code_nobody_documented", 1, REPORTED),
    ):
        rule = {"kind": "status", "status": status, "error_code": code, "times": times}
        yield Scenario(
            f"{status} {code} x{times}", "init", ({"endpoint": "init", **rule},), expected=expected
        )
    for reason in (
        "internal",
        "file_format_check_failed",
        "auth_removed",
        "spam_risk",
        "publish_cancelled",
    ):
        rule = {"endpoint": "processing", "kind": "fail", "fail_reason": reason}
        expected = POSTED if reason == "internal" else FAILED
        yield Scenario(f"fails: {reason}", "processing", (rule,), expected=expected)
    for seconds in (5, 600, 7000):
        rule = {"endpoint": "processing", "kind": "slow", "seconds": seconds}
        yield Scenario(f"takes {seconds} s", "processing", (rule,))


def _streams_break(times: int) -> Callable[[Simulation], None]:
    def prepare(simulation: Simulation) -> None:
        simulation.cloud.broken_streams[:] = [stream_broken] * times

    return prepare


def _messages_lost(times: int) -> Callable[[Simulation], None]:
    def prepare(simulation: Simulation) -> None:
        left = [True] * times
        simulation.cloud.drops_message = lambda: bool(left and left.pop())

    return prepare


def _queue_and_stream_faults() -> Iterator[Scenario]:
    for times in (1, 3, 6):
        yield Scenario(
            f"the video breaks off x{times}",
            "s3",
            prepare=_streams_break(times),
            expected=POSTED if times == 1 else REPORTED,
        )
        yield Scenario(f"a message is lost x{times}", "sqs", prepare=_messages_lost(times))
    newest_first = Behaviour(message=lambda showing: max(showing, key=lambda each: each.number))
    yield Scenario("newest message first", "sqs", videos=3, behaviour=newest_first)
    twice = iter([True, True, False] * 100)
    yield Scenario(
        "every message three times",
        "sqs",
        videos=3,
        behaviour=Behaviour(redelivers=lambda: next(twice)),
    )
    for name, after in (
        ("twice", [1, 1]),
        ("an hour late", [3600]),
        ("before the worker's answer", [0]),
        ("never", []),
    ):
        yield Scenario(f"webhooks come {name}", "webhook", behaviour=webhooks_after(*after))
    backwards = iter(range(10_000, 0, -40))
    yield Scenario(
        "webhooks come in the wrong order",
        "webhook",
        behaviour=Behaviour(webhook_delays=lambda _hook: [timedelta(seconds=next(backwards))]),
    )


def _messages_every_two_seconds(simulation: Simulation) -> None:
    """Redeliver each performance's message every two seconds."""

    def send(left: int) -> None:
        for person in simulation.people.values():
            for item in simulation.performances(person):
                simulation.cloud.queue.send(simulation.message_of(item))
        if left:
            simulation.schedule(timedelta(seconds=2), lambda: send(left - 1))

    simulation.schedule(timedelta(seconds=1), lambda: send(30))


def _waits() -> Iterator[Scenario]:
    """Waits that must be kept, and drafts that can be created again at once."""
    lost = {"endpoint": "init", "kind": "reset", "when": "after", "times": None}
    yield Scenario(
        "messages repeat, init's answers lost for an hour",
        "waits",
        (lost,),
        prepare=_messages_every_two_seconds,
        faults_last=HOUR,
        calls={"init": 3},
    )
    for step in ("init", "status"):
        busy = {"kind": "status", "status": 429, "error_code": "rate_limit_exceeded"}
        yield Scenario(
            f"429 at {step} that never says when, for ever",
            "waits",
            ({"endpoint": step, **busy, "times": None},),
            behaviour=POLLING,
            faults_last=FOR_EVER,
            expected=frozenset({"failed: given_up"}) if step == "init" else POSTED,
            calls={step: 70},
        )
    for status in (403, 404):
        refused = {"endpoint": "upload", "kind": "status", "status": status}
        yield Scenario(
            f"the address is refused with {status}",
            "upload",
            (refused,),
            within=timedelta(minutes=15),
        )
    for status in (403, 200):
        cap = {"kind": "status", "status": status, "error_code": "reached_active_user_cap"}
        whole = {"endpoint": "init", **cap, "times": None}
        for name, faults_last, expected in (
            ("an hour", HOUR, POSTED),
            ("for ever", FOR_EVER, frozenset({"failed: given_up"})),
        ):
            yield Scenario(
                f"{status} reached_active_user_cap, {name}",
                "waits",
                (whole,),
                faults_last=faults_last,
                expected=expected,
                calls={"init": 70},
            )


def _retry_after() -> Iterator[Scenario]:
    """TikTok's Retry-After headers, valid and invalid."""
    turned_away = ((429, "rate_limit_exceeded"), (503, "server_error"))
    for step, (status, code) in product(("init", "upload", "status"), turned_away):
        rule = {"endpoint": step, "kind": "status", "status": status, "error_code": code}
        yield Scenario(
            f"{status} at {step}, Retry-After 600, three times",
            "waits",
            ({**rule, "headers": {"Retry-After": "600"}, "times": 3},),
            behaviour=POLLING,
            within=HOUR,
            calls={step: 4} if step != "status" else {},
        )
        for told in ("0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"):
            yield Scenario(
                f"{status} at {step}, Retry-After {told}",
                "waits",
                ({**rule, "headers": {"Retry-After": told}},),
                within=timedelta(minutes=15),
                calls={"init": 2},
            )


def _undocumented_answers() -> Iterator[Scenario]:
    """The status does not know the draft yet, counts impossible bytes, or gives unknown reasons."""
    unknown = {"endpoint": "status", "kind": "status", "status": 400, "times": 10}
    yield Scenario(
        "400 invalid_publish_id for some minutes",
        "status",
        ({**unknown, "error_code": "invalid_publish_id"},),
        behaviour=POLLING,
        within=timedelta(minutes=30),
        calls={"init": 1},
    )
    told = {"endpoint": "status", "kind": "told", "when": "after"}
    for counted in (-1, SMALL_VIDEO_BYTES + 1, 10**15, "all", ""):
        words = {"status": "PROCESSING_UPLOAD", "uploaded_bytes": counted}
        for when in ("before", "after"):
            torn = {"endpoint": "upload", "kind": "reset", "when": when}
            yield Scenario(
                f"reset {when}, the status counts {counted!r} bytes, once",
                "status",
                (torn, {**told, "told": words}),
                behaviour=POLLING,
                within=timedelta(minutes=15),
                calls={"init": 1},
            )
    for reason in ("a_reason_nobody_documented", "duration_check_failed", "", None):
        yield Scenario(
            f"FAILED for the reason {reason!r}",
            "status",
            ({**told, "told": {"status": "FAILED", "fail_reason": reason}, "times": None},),
            behaviour=POLLING,
            expected=FAILED,
            within=timedelta(minutes=10),
            contradicted=True,
        )


def _lost_outcomes() -> Iterator[Scenario]:
    """All bytes are delivered, and TikTok reports no outcome."""
    status_down = {
        "endpoint": "status",
        "kind": "status",
        "error_code": "internal_error",
        "times": None,
    }
    for status in (500, 404):
        rules = ({**status_down, "status": status},)
        yield Scenario(
            f"{status} and no webhook for more than a day",
            "status",
            rules,
            behaviour=POLLING,
            faults_last=FOR_EVER,
        )
        yield Scenario(
            f"{status} and no webhook, never",
            "status",
            rules,
            behaviour=POLLING,
            expected=frozenset({"unconfirmed"}),
        )
    for status, code in (
        (400, "invalid_publish_id"),
        (403, "token_not_authorized_for_specified_publish_id"),
        (403, "a_code_nobody_documented"),
        (400, "invalid_params"),
    ):
        yield Scenario(
            f"{status} {code} and no webhook, never",
            "status",
            ({**status_down, "status": status, "error_code": code},),
            behaviour=POLLING,
            expected=frozenset({"unconfirmed"}),
        )
    for minutes in (5, 59):
        yield Scenario(
            f"status down, webhooks signed {minutes} minutes ahead",
            "webhook",
            ({**status_down, "status": 500},),
            behaviour=Behaviour(webhook_clock_skew=timedelta(minutes=minutes)),
            within=HOUR,
        )


def _unconfirmed_arrivals() -> Iterator[Scenario]:
    """TikTok took every byte, but its status never confirms that the video is in the inbox."""
    told = {"endpoint": "status", "kind": "told", "when": "after", "times": None}
    processing = {**told, "told": {"status": "PROCESSING_UPLOAD"}}
    stuck = {"endpoint": "processing", "kind": "stuck"}
    probably = frozenset({"unconfirmed"})
    yield Scenario("stays in processing for ever", "processing", (stuck,), expected=probably)
    yield Scenario(
        "takes 3 hours",
        "processing",
        ({"endpoint": "processing", "kind": "slow", "seconds": 10800},),
    )
    for name, words, expected in (
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
        yield Scenario(
            f"{name}, and no webhook comes",
            "status",
            ({**told, "told": words},),
            behaviour=POLLING,
            expected=expected,
        )
    yield Scenario(
        "says PROCESSING_UPLOAD for 4 hours, and no webhook comes",
        "status",
        (processing,),
        behaviour=POLLING,
        faults_last=4 * HOUR,
    )
    yield Scenario(
        "says PROCESSING_UPLOAD for ever, webhooks come after 3 hours",
        "status",
        (processing,),
        behaviour=Behaviour(webhook_delays=lambda _hook: [3 * HOUR]),
    )
    yield Scenario(
        "in processing for ever, and the member disconnects midway",
        "account",
        (stuck,),
        behaviour=POLLING,
        prepare=at_call(disconnect_all, "upload", "during"),
        expected=frozenset({"failed: unconfirmed", "unconfirmed"}),
        person={"reconnects_after": None},
    )


def all_scenarios() -> Sequence[Scenario]:
    """The whole table."""
    return [
        *_endpoint_faults(),
        *_refusals(),
        *_queue_and_stream_faults(),
        *lost_accounts(),
        *refused_chunks(),
        *contradictions(),
        *_waits(),
        *_retry_after(),
        *_undocumented_answers(),
        *_lost_outcomes(),
        *_unconfirmed_arrivals(),
    ]
