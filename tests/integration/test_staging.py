"""The staging machine with TikTok's sandbox: one upload, or points taken back, whatever happens."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.activities.model import Activity
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Part
from chalicelib.performances import worker
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    LEASE_DURATION,
    MAX_ATTEMPTS,
    POST_WATCH_DURATION,
    QUEUED_GRACE,
    REQUEUE_DELAY,
    SENDING_LIMIT,
    UPLOAD_LIFETIME,
    Performance,
    State,
    Status,
    Waiting,
)
from chalicelib.performances.queue import MAX_DELAY_SECONDS, to_message
from chalicelib.performances.staging_run import (
    BYTES_LAG_WAIT,
    LAST_DRAFT_AGE,
    MAX_RESUMES,
    RETRY_DELAY,
)
from chalicelib.performances.views import view_of
from chalicelib.points.model import Totals
from chalicelib.tiktok.client import (
    ShareState,
    ShareStatus,
    UploadSession,
)
from chalicelib.tiktok.errors import failure_from_reason
from tests.integration.greenroom import CONTEXT, VIDEO, event, reference_of, signature
from tests.integration.sandboxed_greenroom import (
    HookedTikTokClient,
    SandboxedGreenroom,
    WorkerKilled,
    dies,
    keeping_lease,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PAST_BOTH_MINUTES = 61  # TikTok's limits are per minute


# As it should be


def test_a_performance_is_staged_with_its_very_bytes_and_posted_when_the_member_posts(
    sandboxed: SandboxedGreenroom,
) -> None:
    staged = sandboxed.stage(sandboxed.performed())
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.staged_at == staged.delivered_at == sandboxed.clock.now()
    assert sandboxed.check_arrived_once(staged)
    assert sandboxed.share(staged)["content_type"] == "video/webm"
    sandboxed.sandbox.person_posts("ana", staged.publish_id or "")
    sandboxed.advance(timedelta(minutes=1))
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    posted = sandboxed.stage(staged)
    assert (posted.state, posted.posted_at) == (State.POSTED, sandboxed.clock.now())
    assert sandboxed.check_arrived_once(posted)
    sandboxed.advance(HOUR)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0


def test_the_worker_stages_what_a_message_names_and_gives_back_what_breaks(
    sandboxed: SandboxedGreenroom,
) -> None:
    broken, performance = sandboxed.performed(), sandboxed.performed()

    def breaks() -> None:
        raise ConnectionError

    sandboxed.tiktok.before["begin_upload"] = breaks
    messages = [to_message(reference_of(each)) for each in (broken, performance)] + ["{}"]
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(messages)
    ]
    answer = worker.stage(sandboxed.stager, {"Records": records})
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["0", "2"]
    assert sandboxed.now(broken).state is State.QUEUED
    assert sandboxed.now(performance).state is State.STAGED


def test_a_second_delivery_stages_nothing_twice(sandboxed: SandboxedGreenroom) -> None:
    performance = sandboxed.performed()
    staged = sandboxed.stage(performance)
    for _ in range(2):
        assert sandboxed.stage(performance).state is State.STAGED
    assert sandboxed.tiktok.made.count("begin_upload") == sandboxed.tiktok.made.count("send") == 1
    assert sandboxed.check_arrived_once(staged)


def test_drafts_in_the_inbox_are_checked_ever_more_seldom_and_not_forever(
    sandboxed: SandboxedGreenroom,
) -> None:
    performance, asked = sandboxed.stage(sandboxed.performed()), 0
    while (
        sandboxed.clock.now()
        < (performance.staged_at or sandboxed.clock.now()) + 3 * POST_WATCH_DURATION
    ):
        sandboxed.advance(timedelta(hours=2))
        if sandboxed.greenroom.container.overdue_performances.requeue_overdue():
            made = sandboxed.tiktok.made.count("status")
            sandboxed.stage(performance)
            asked += sandboxed.tiktok.made.count("status") - made
    assert 10 < asked < 60
    assert sandboxed.check_arrived_once(performance)


# More than one worker


@pytest.mark.parametrize("moment", ["begin_upload", "send", "status"])
def test_while_one_worker_has_it_another_does_nothing(
    sandboxed: SandboxedGreenroom, moment: str
) -> None:
    performance = sandboxed.performed()
    found: list[Performance] = []

    def delivered_again() -> None:
        before, made = sandboxed.now(performance), list(sandboxed.tiktok.made)
        sandboxed.worker().stage(reference_of(performance))
        assert (sandboxed.now(performance), sandboxed.tiktok.made) == (before, made)
        found.append(before)

    sandboxed.tiktok.before[moment] = delivered_again
    assert sandboxed.stage(performance).state is State.STAGED
    assert len(found) == 1
    assert sandboxed.drafts == 1
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


def test_a_lease_left_behind_is_taken_over_when_it_ends(sandboxed: SandboxedGreenroom) -> None:
    performance = sandboxed.performed()
    sandboxed.tiktok.before["begin_upload"] = dies
    assert sandboxed.crash(performance).state is State.QUEUED
    made = len(sandboxed.tiktok.made)
    assert sandboxed.stage(performance).state is State.QUEUED
    assert len(sandboxed.tiktok.made) == made
    sandboxed.advance(LEASE_DURATION + SECOND)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    assert sandboxed.stage(performance).state is State.STAGED
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


def test_a_worker_whose_lease_was_taken_over_writes_nothing_more(
    sandboxed: SandboxedGreenroom,
) -> None:
    performance = sandboxed.performed()

    def slower_than_the_lease() -> None:
        sandboxed.clock.advance(LEASE_DURATION + SECOND)
        sandboxed.worker().stage(reference_of(performance))

    sandboxed.tiktok.after["begin_upload"] = slower_than_the_lease
    staged = sandboxed.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.drafts == 2
    assert sandboxed.check_arrived_once(staged)


def test_a_finished_or_unknown_performance_is_not_staged(
    sandboxed: SandboxedGreenroom,
) -> None:
    reference = reference_of(sandboxed.performed())
    unknown = type(reference)("prg_1", "mem_1", "prf_unknown", "c")
    sandboxed.stager.stage(unknown)
    assert sandboxed.tiktok.made == []


# Crashes


def test_a_crash_before_the_first_byte_takes_the_draft_up_and_sends_once(
    sandboxed: SandboxedGreenroom,
) -> None:
    performance = sandboxed.performed()
    store = sandboxed.dependencies().store

    def only_the_first(before: Performance, after: Performance, lease: str | None) -> Part:
        if after.state is State.UPLOADING:
            raise WorkerKilled
        return store.change(before, after, lease)

    dying = sandboxed.worker(store=keeping_lease(store, change=only_the_first))
    with pytest.raises(WorkerKilled):
        dying.stage(reference_of(performance))
    crashed = sandboxed.now(performance)
    assert (crashed.state, crashed.attempts) == (State.INITIATED, 1)
    assert sandboxed.uploads == 0
    sandboxed.advance(LEASE_DURATION + SECOND)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    staged = sandboxed.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.publish_id == crashed.publish_id
    assert sandboxed.check_arrived_once(staged)


def test_a_crash_after_the_bytes_asks_and_never_sends_again(sandboxed: SandboxedGreenroom) -> None:
    performance = sandboxed.performed()
    sandboxed.tiktok.after["send"] = dies
    crashed = sandboxed.crash(performance)
    assert crashed.state is State.UPLOADING
    sandboxed.advance(LEASE_DURATION + SECOND)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    staged = sandboxed.stage(performance)
    assert staged.state is State.STAGED
    assert sandboxed.tiktok.made.count("send") == sandboxed.tiktok.made.count("begin_upload") == 1
    assert sandboxed.check_arrived_once(staged)


def test_a_lost_message_is_sent_again_by_the_clock(sandboxed: SandboxedGreenroom) -> None:
    performance = sandboxed.performed()
    overdue = sandboxed.greenroom.container.overdue_performances
    sandboxed.advance(QUEUED_GRACE - SECOND)
    assert overdue.requeue_overdue() == 0
    sandboxed.advance(SECOND)
    assert overdue.requeue_overdue() == 1
    assert sandboxed.greenroom.take_queued() == [(reference_of(performance), 0)]
    sandboxed.advance(REQUEUE_DELAY)
    assert worker.resume_overdue(overdue, sandboxed.greenroom.container.connections, CONTEXT) == 1


def test_all_that_is_overdue_is_queued_in_one_run_call_by_call_unless_time_is_up(
    sandboxed: SandboxedGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.performances.overdue.BATCH_SIZE", 2)
    made = [sandboxed.performed() for _ in range(5)]
    sandboxed.advance(QUEUED_GRACE)
    overdue = sandboxed.greenroom.container.overdue_performances
    answers = iter([False, True])
    assert overdue.requeue_overdue(lambda: next(answers)) == 2
    assert overdue.requeue_overdue() == 3
    queued = {reference.performance_id for reference, _ in sandboxed.greenroom.take_queued()}
    assert queued == {each.performance_id for each in made}


# TikTok's troubles


@pytest.mark.parametrize("kind", ["reset", "status", "cut"])
def test_an_upload_whose_answer_was_lost_is_found_in_the_inbox(
    sandboxed: SandboxedGreenroom, kind: str
) -> None:
    sandboxed.sandbox.faults({"endpoint": "upload", "kind": kind, "when": "after", "status": 500})
    staged = sandboxed.stage(sandboxed.performed())
    assert staged.state is State.STAGED
    assert sandboxed.tiktok.made.count("send") == 1
    assert sandboxed.check_arrived_once(staged)


@pytest.mark.parametrize("keep_torn_bytes", [False, True])
def test_a_torn_upload_goes_on_where_tiktok_says_it_has_got_to(
    sandboxed: SandboxedGreenroom, keep_torn_bytes: bool
) -> None:
    sandboxed.sandbox.control("app", {"keep_torn_bytes": keep_torn_bytes})
    sandboxed.sandbox.faults(
        {
            "endpoint": "upload",
            "kind": "reset_after_bytes",
            "after_bytes": 100,
            "times": MAX_RESUMES,
        }
    )
    staged = sandboxed.stage(sandboxed.performed())
    sandboxed.sandbox.control("app", {"keep_torn_bytes": False})
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert sandboxed.drafts == 1
    assert sandboxed.check_arrived_once(staged)


def test_an_upload_that_stays_torn_is_begun_anew_when_its_hour_is_over(
    sandboxed: SandboxedGreenroom,
) -> None:
    tears = 2 * (1 + MAX_RESUMES)
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 100, "times": tears}
    )
    torn = sandboxed.stage(sandboxed.performed())
    assert torn.state is State.UPLOADING
    sandboxed.advance(timedelta(minutes=30))
    assert sandboxed.stage(torn).publish_id == torn.publish_id
    sandboxed.advance(UPLOAD_LIFETIME - timedelta(minutes=30) + SECOND)
    assert sandboxed.stage(torn).state is State.QUEUED
    assert sandboxed.greenroom.take_queued() == [(reference_of(torn), 60)]
    sandboxed.advance(RETRY_DELAY)
    staged = sandboxed.stage(torn)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


def test_bytes_that_all_arrived_are_not_sent_again_however_long_tiktok_takes(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset", "when": "after"},
        {"endpoint": "processing", "kind": "slow", "seconds": 4000},
    )
    waiting = sandboxed.stage(sandboxed.performed())
    assert sandboxed.uploads == 1
    sandboxed.advance(UPLOAD_LIFETIME + SECOND)
    sandboxed.stage(waiting)
    assert sandboxed.uploads == 1


def test_an_upload_that_is_torn_every_time_takes_three_drafts_and_fails(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 100, "times": None}
    )
    performance = sandboxed.performed()
    while sandboxed.now(performance).state is not State.FAILED:
        sandboxed.advance(UPLOAD_LIFETIME + SECOND)
        sandboxed.stage(performance)
        assert sandboxed.drafts <= MAX_ATTEMPTS
    assert sandboxed.drafts == MAX_ATTEMPTS
    assert sandboxed.uploads == 0
    assert sandboxed.check_failed(sandboxed.now(performance))


@pytest.mark.parametrize(
    ("fault", "delay"),
    [
        ({"kind": "status", "status": 429, "error_code": "rate_limit_exceeded"}, 60),
        (
            {
                "kind": "status",
                "status": 429,
                "error_code": "rate_limit_exceeded",
                "headers": {"Retry-After": "17"},
            },
            17,
        ),
        ({"kind": "status", "status": 503, "error_code": "internal_error"}, 60),
    ],
)
def test_a_beginning_that_fails_for_now_is_tried_again_later_by_a_delayed_message(
    sandboxed: SandboxedGreenroom, fault: dict[str, Any], delay: int
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", **fault})
    performance = sandboxed.performed()
    waiting = sandboxed.stage(performance)
    assert (waiting.state, waiting.attempts) == (State.QUEUED, 0)
    assert sandboxed.greenroom.take_queued() == [(reference_of(performance), delay)]
    # The message is on its way, so the clock does not send another one; if it is lost, it does.
    sandboxed.advance(timedelta(seconds=delay))
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0
    sandboxed.advance(QUEUED_GRACE)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    assert sandboxed.stage(performance).state is State.STAGED
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


def test_a_beginning_put_off_for_longer_than_a_message_can_be_is_left_to_the_clock(
    sandboxed: SandboxedGreenroom,
) -> None:
    busy = {"status": 429, "error_code": "rate_limit_exceeded", "headers": {"Retry-After": "3600"}}
    sandboxed.sandbox.faults({"endpoint": "init", "kind": "status", **busy})
    performance = sandboxed.stage(sandboxed.performed())
    assert sandboxed.greenroom.take_queued() == []
    sandboxed.advance(HOUR - SECOND)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0
    sandboxed.advance(SECOND)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    assert sandboxed.stage(performance).state is State.STAGED


def test_an_outage_that_does_not_end_is_given_up_after_a_day(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", "kind": "status", "status": 503, "times": None})
    performance = sandboxed.performed()
    sandboxed.clock.advance(SENDING_LIMIT - SECOND)
    assert sandboxed.stage(performance).state is State.QUEUED
    failed = sandboxed.stage_when_due(performance)
    assert failed.failure == "given_up"
    assert sandboxed.check_failed(failed)


def test_beginnings_whose_answers_are_all_lost_are_given_up_after_three(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", "kind": "reset", "when": "after", "times": None})
    performance = sandboxed.performed()
    while sandboxed.now(performance).state is not State.FAILED:
        sandboxed.stage(performance)
        sandboxed.advance(LAST_DRAFT_AGE)
        assert sandboxed.drafts <= MAX_ATTEMPTS
    assert sandboxed.now(performance).failure == "given_up"
    assert (sandboxed.drafts, sandboxed.uploads) == (MAX_ATTEMPTS, 0)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"kind": "malformed"},
        {"kind": "reset", "when": "after"},
        {"kind": "status", "status": 500, "error_code": "internal_error"},
    ],
)
def test_a_beginning_whose_answer_was_lost_is_tried_again_and_sends_once(
    sandboxed: SandboxedGreenroom, fault: dict[str, Any]
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", **fault})
    performance = sandboxed.performed()
    waiting = sandboxed.stage(performance)
    assert (waiting.state, waiting.attempts) == (State.QUEUED, 1)
    assert sandboxed.greenroom.take_queued() == [(reference_of(performance), 60)]
    sandboxed.advance(RETRY_DELAY)
    assert sandboxed.stage(performance).state is State.STAGED
    assert sandboxed.drafts == (2 if fault.get("when") else 1)
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


@pytest.mark.parametrize("status", [500, 502])
def test_an_hour_of_errors_after_the_effect_makes_three_drafts_at_most_and_sends_once(
    sandboxed: SandboxedGreenroom, status: int
) -> None:
    fault = {"kind": "status", "status": status, "error_code": "internal_error", "times": None}
    sandboxed.sandbox.faults({"endpoint": "init", "when": "after", **fault})
    performance = sandboxed.performed()
    began = sandboxed.clock.now()
    for _ in range(MAX_ATTEMPTS):
        if sandboxed.clock.now() - began > HOUR:
            sandboxed.sandbox.faults()
        sandboxed.stage(performance)
        sent = sandboxed.greenroom.take_queued()
        sandboxed.advance(timedelta(seconds=sent[0][1]) if sent else LAST_DRAFT_AGE)
    assert sandboxed.drafts == MAX_ATTEMPTS
    assert sandboxed.now(performance).state is State.STAGED
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


def test_a_failure_inside_tiktok_begins_anew(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "fail", "fail_reason": "internal"})
    performance = sandboxed.performed()
    waiting = sandboxed.stage(performance)
    assert waiting.state is State.QUEUED
    assert sandboxed.greenroom.take_queued() == [(reference_of(performance), 60)]
    sandboxed.advance(RETRY_DELAY)
    staged = sandboxed.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.greenroom.totals(sandboxed.ana) == Totals(10, 10)
    inbox = sandboxed.sandbox.record()["people"]["ana"]["inbox"]
    assert inbox == [staged.publish_id]


def test_failures_inside_tiktok_are_given_up_after_three_drafts(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults(
        {"endpoint": "processing", "kind": "fail", "fail_reason": "internal", "times": None}
    )
    performance = sandboxed.performed()
    for _ in range(MAX_ATTEMPTS):
        assert sandboxed.now(performance).state is State.QUEUED
        sandboxed.stage_when_due(performance)
        sandboxed.sandbox.advance(PAST_BOTH_MINUTES)
    assert sandboxed.clock.now() - performance.queued_at == RETRY_DELAY + LAST_DRAFT_AGE
    failed = sandboxed.now(performance)
    assert sandboxed.drafts == MAX_ATTEMPTS
    assert sandboxed.check_failed(failed)
    sandboxed.sandbox.faults()
    again = sandboxed.stage(sandboxed.greenroom.perform(sandboxed.ana, again_of(sandboxed, failed)))
    assert again.state is State.STAGED
    assert sandboxed.greenroom.totals(sandboxed.ana) == Totals(10, 10)


def again_of(sandboxed: SandboxedGreenroom, performance: Performance) -> Activity:
    found = sandboxed.greenroom.container.activity_lifecycle.activity(
        performance.program_id, performance.activity_id
    )
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("reason", "failure"),
    [
        ("file_format_check_failed", "video_format"),
        ("duration_check_failed", "video_length"),
        ("spam_risk_user_banned_from_posting", "account_banned"),
        ("publish_cancelled", "cancelled"),
        pytest.param(
            "auth_removed",
            "reconnect_required",
        ),
    ],
)
def test_a_final_failure_takes_the_points_back_and_says_why_in_words(
    sandboxed: SandboxedGreenroom, reason: str, failure: str
) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "fail", "fail_reason": reason})
    failed = sandboxed.stage(sandboxed.performed())
    assert failed.failure == failure
    assert failed.reason
    assert failed.reason[-1] == "."
    assert reason not in failed.reason
    assert sandboxed.check_failed(failed)


def test_a_full_inbox_fails_at_once_with_what_to_do(sandboxed: SandboxedGreenroom) -> None:
    access = sandboxed.greenroom.container.access_tokens.access_token(
        sandboxed.ana.program_id, sandboxed.ana.member_id
    )
    for _ in range(5):
        sandboxed.tiktok.begin_upload(access.value, len(VIDEO))
    sandboxed.sandbox.advance(PAST_BOTH_MINUTES)
    failed = sandboxed.stage(sandboxed.performed())
    assert failed.failure == "inbox_full"
    assert sandboxed.check_failed(failed)


def status_says(**told: Any) -> dict[str, Any]:
    """Return the fault of a status that says this, whatever is true."""
    return {"endpoint": "status", "kind": "told", "when": "after", "times": None, "told": told}


@pytest.mark.parametrize(
    "fault",
    [
        {"endpoint": "processing", "kind": "stuck"},
        status_says(status="PROCESSING_UPLOAD"),
        status_says(status="PROCESSING_DOWNLOAD"),
        status_says(status="IN_REVIEW"),
        status_says(status="IN_REVIEW", uploaded_bytes=0),
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes=None),
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes="all"),
    ],
)
def test_whole_bytes_still_in_processing_after_two_hours_are_probably_in_the_inbox(
    sandboxed: SandboxedGreenroom, ana: Caller, fault: dict[str, Any]
) -> None:
    sandboxed.sandbox.faults(fault)
    waiting = sandboxed.stage(sandboxed.performed())
    assert waiting.state is State.DELIVERED
    sandboxed.advance(ARRIVAL_LIMIT)
    assert sandboxed.stage(waiting).state is State.DELIVERED
    sandboxed.advance(timedelta(minutes=1))
    probably = sandboxed.stage(waiting)
    shown = view_of(probably, ana)
    assert (shown.status, shown.reason) == (Status.UNCONFIRMED, None)
    assert shown.next_step.startswith("Probably in your inbox")
    assert sandboxed.greenroom.ledger(ana) == [("award", 10)]
    assert sandboxed.uploads == 1


def test_an_unconfirmed_performance_is_staged_once_tiktok_confirms_it(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "slow", "seconds": 3 * 3600})
    waiting = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(ARRIVAL_LIMIT + MINUTE)
    assert sandboxed.stage(waiting).state is State.UNCONFIRMED
    sandboxed.advance(timedelta(hours=1))
    assert sandboxed.stage_when_due(waiting).state is State.STAGED
    assert sandboxed.check_arrived_once(sandboxed.now(waiting))


@pytest.mark.parametrize(
    "told",
    [
        f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}",
        f"bytes 0-{len(VIDEO)}/{len(VIDEO)}",
        f"bytes 0-{len(VIDEO) + 1}/{len(VIDEO)}",
        f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO) + 1}",
        "bytes 0-0/*",
        f"bytes */{len(VIDEO)}",
        "",
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_refused_range_proves_no_delivery_of_which_the_status_knows_nothing(
    sandboxed: SandboxedGreenroom, told: str, times: int
) -> None:
    headers = {"Content-Range": told} if told else {}
    refused = {"endpoint": "upload", "kind": "status", "status": 416, "headers": headers}
    sandboxed.sandbox.faults({**refused, "times": times})
    staged = sandboxed.stage(sandboxed.performed())
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert sandboxed.drafts == 1
    assert sandboxed.check_arrived_once(staged)


def test_a_range_that_is_refused_as_whole_for_ever_waits_for_a_status_that_lags_then_begins_anew(
    sandboxed: SandboxedGreenroom,
) -> None:
    whole = {"Content-Range": f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}"}
    refused = {"endpoint": "upload", "kind": "status", "status": 416, "headers": whole}
    sandboxed.sandbox.faults({**refused, "times": 1 + MAX_RESUMES})
    waiting = sandboxed.stage(sandboxed.performed())
    assert (waiting.state, waiting.waits_for) == (State.UPLOADING, Waiting.NEW_DRAFT)
    assert waiting.waits_until == sandboxed.clock.now() + BYTES_LAG_WAIT
    assert sandboxed.stage_when_due(waiting).state is State.QUEUED
    staged = sandboxed.stage_when_due(waiting)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


@pytest.mark.parametrize("counts", [None, len(VIDEO) - 1, len(VIDEO)])
def test_a_range_that_is_refused_as_whole_is_believed_if_the_status_does_not_deny_it(
    sandboxed: SandboxedGreenroom, counts: int | None
) -> None:
    lagging = {**status_says(status="PROCESSING_UPLOAD", uploaded_bytes=0), "times": 1}
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset", "when": "after"},
        lagging,
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes=counts),
    )
    delivered = sandboxed.stage(sandboxed.performed())
    assert (delivered.state, sandboxed.uploads) == (State.DELIVERED, 1)
    assert delivered.delivered_at, "an earlier sending without an answer may have brought it"
    sandboxed.sandbox.faults()
    staged = sandboxed.stage_when_due(delivered)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)


@pytest.mark.parametrize("counts", [None, len(VIDEO) - 1])
def test_a_range_refused_as_whole_is_believed_no_longer_once_the_status_counts_less(
    sandboxed: SandboxedGreenroom, counts: int | None
) -> None:
    whole = {"Content-Range": f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}"}
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "status", "status": 416, "headers": whole},
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes=counts),
    )
    claimed = sandboxed.stage(sandboxed.performed())
    assert (claimed.state, claimed.delivered_at) == (State.DELIVERED, None)
    sandboxed.sandbox.faults()
    waiting = sandboxed.stage_when_due(claimed)
    assert (waiting.state, waiting.waits_for) == (State.UPLOADING, Waiting.NEW_DRAFT)
    assert waiting.waits_until == sandboxed.clock.now() + BYTES_LAG_WAIT
    assert sandboxed.stage_when_due(waiting).state is State.QUEUED
    staged = sandboxed.stage_when_due(waiting)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


def test_a_range_refused_as_whole_is_proven_by_the_count_that_comes_later(
    sandboxed: SandboxedGreenroom,
) -> None:
    whole = {"Content-Range": f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}"}
    refused = {"endpoint": "upload", "kind": "status", "status": 416, "headers": whole}
    sandboxed.sandbox.faults(
        {**refused, "when": "after"},
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes=None),
    )
    claimed = sandboxed.stage(sandboxed.performed())
    assert (claimed.state, claimed.delivered_at) == (State.DELIVERED, None)
    sandboxed.sandbox.faults(status_says(status="PROCESSING_UPLOAD", uploaded_bytes=len(VIDEO)))
    proven = sandboxed.stage_when_due(claimed)
    assert (proven.state, proven.delivered_at) == (State.DELIVERED, sandboxed.clock.now())


def test_whole_bytes_that_only_a_refused_range_claims_are_probably_in_the_inbox_after_two_hours(
    sandboxed: SandboxedGreenroom, ana: Caller
) -> None:
    whole = {"Content-Range": f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}"}
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "status", "status": 416, "headers": whole},
        status_says(status="PROCESSING_UPLOAD", uploaded_bytes=None),
    )
    claimed = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(ARRIVAL_LIMIT + MINUTE)
    ended = sandboxed.stage(claimed)
    assert (ended.state, ended.delivered_at) == (State.UNCONFIRMED, sandboxed.clock.now())
    assert sandboxed.greenroom.ledger(ana) == [("award", 10)]


def test_whole_bytes_of_which_tiktok_says_that_it_lacks_some_fail_and_say_where_to_look(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults(status_says(status="PROCESSING_UPLOAD", uploaded_bytes=1))
    waiting = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(ARRIVAL_LIMIT)
    assert sandboxed.stage(waiting).state is State.DELIVERED
    sandboxed.advance(MINUTE)
    failed = sandboxed.stage(waiting)
    assert (failed.failure, sandboxed.uploads) == ("never_arrived", 1)
    assert "Look into your TikTok inbox" in (failed.reason or "")
    assert sandboxed.check_failed(failed)


@pytest.mark.parametrize(
    "code", ["invalid_publish_id", "token_not_authorized_for_specified_publish_id"]
)
@pytest.mark.parametrize("probably", [False, True])
def test_a_video_taken_whole_is_not_lost_because_tiktok_does_not_know_its_publish_id(
    sandboxed: SandboxedGreenroom, ana: Caller, code: str, probably: bool
) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "stuck"})
    waiting = sandboxed.stage(sandboxed.performed())
    if probably:
        sandboxed.advance(ARRIVAL_LIMIT + MINUTE)
        assert sandboxed.stage(waiting).state is State.UNCONFIRMED
    refused = {"endpoint": "status", "kind": "status", "status": 400, "times": None}
    sandboxed.sandbox.faults({**refused, "error_code": code})
    sandboxed.advance(SENDING_LIMIT)
    assert sandboxed.stage(waiting).state is State.UNCONFIRMED
    assert sandboxed.greenroom.ledger(ana) == [("award", 10)]
    sandboxed.sandbox.faults()
    hear(sandboxed, "post.publish.inbox_delivered", waiting)
    assert sandboxed.now(waiting).state is State.STAGED


def test_whole_bytes_of_which_a_webhook_says_that_they_failed_have_failed(
    sandboxed: SandboxedGreenroom,
) -> None:
    """TikTok's word ends it, also after it counted as probably in the inbox."""
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "stuck"})
    waiting = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(ARRIVAL_LIMIT + MINUTE)
    assert sandboxed.stage(waiting).state is State.UNCONFIRMED
    sandboxed.sandbox.faults({"endpoint": "status", "kind": "status", "times": None})
    hear(sandboxed, "post.publish.failed", waiting, reason="spam_risk")
    failed = sandboxed.stage(waiting)
    assert failed.failure == "spam_risk"
    assert sandboxed.check_failed(failed)


def test_the_schedule_finds_a_late_arrival(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "slow", "seconds": 100})
    waiting = sandboxed.stage(sandboxed.performed())
    assert waiting.state is State.DELIVERED
    sandboxed.advance(timedelta(seconds=101))
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    assert sandboxed.stage(waiting).state is State.STAGED
    assert sandboxed.check_arrived_once(sandboxed.now(waiting))


@pytest.mark.parametrize(
    "fault",
    [
        {"endpoint": "init", "status": 400, "error_code": "invalid_params"},
        {"endpoint": "token", "status": 401, "error_code": "invalid_client"},
    ],
)
def test_a_fault_of_the_owners_is_waited_for_ever_more_seldom_and_alarmed_and_fails_nothing(
    sandboxed: SandboxedGreenroom, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    alarms: list[str] = []
    monkeypatch.setattr(
        "chalicelib.performances.staging_run.log_alarm",
        lambda name, *_, **__: alarms.append(name),
    )
    sandboxed.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    sandboxed.sandbox.faults({"kind": "status", "times": None, **fault})
    performance = sandboxed.performed()
    delays = []
    for _ in range(MAX_ATTEMPTS + 10):
        waiting = sandboxed.stage(performance)
        assert (waiting.state, waiting.attempts) == (State.QUEUED, 0)
        [(_, delay)] = sandboxed.greenroom.take_queued()
        sandboxed.advance(timedelta(seconds=delay))
        assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0
        delays.append(delay)
    assert delays == sorted(delays)
    assert delays[0] == 60 < delays[-1] <= MAX_DELAY_SECONDS
    assert alarms == ["TikTokAppRefused"] * len(delays)
    sandboxed.sandbox.faults()
    assert sandboxed.stage(performance).state is State.STAGED


def test_a_requeued_performance_is_not_requeued_a_minute_later(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.performed()
    sandboxed.advance(QUEUED_GRACE)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    sandboxed.advance(timedelta(minutes=1))
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0


# The account


def test_a_dead_access_token_is_refreshed_on_the_way(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    assert sandboxed.stage(sandboxed.performed()).state is State.STAGED
    assert sandboxed.sandbox.record()["people"]["ana"]["tokens"]["refreshes"] == 1


def test_a_token_refused_though_fresh_means_reconnecting(sandboxed: SandboxedGreenroom) -> None:
    refused = {"kind": "status", "status": 401, "error_code": "access_token_invalid", "times": 2}
    sandboxed.sandbox.faults({"endpoint": "init", **refused})
    held = sandboxed.stage(sandboxed.performed())
    assert (held.state, held.attempts) == (State.QUEUED, 0)
    assert held.held_at == sandboxed.clock.now()
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_draft_of_one_account_is_not_asked_about_with_another(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.tiktok.after["send"] = dies
    crashed = sandboxed.crash(sandboxed.performed())
    sandboxed.advance(LEASE_DURATION + SECOND)
    begun = sandboxed.greenroom.asks(sandboxed.ana)
    came_back = sandboxed.sandbox.consent("bob", url=begun.authorize_url)
    sandboxed.greenroom.complete_consent(begun, "bob", code=came_back["code"])
    sandboxed.tiktok.made.clear()
    assert sandboxed.stage(crashed).state is State.UPLOADING
    sandboxed.advance(ARRIVAL_LIMIT)
    failed = sandboxed.stage(crashed)
    assert sandboxed.tiktok.made == []
    assert failed.failure == "unconfirmed"
    assert sandboxed.check_failed(failed)


def test_a_draft_that_had_to_wait_has_its_full_time_to_arrive_without_an_account(
    sandboxed: SandboxedGreenroom, ana: Caller
) -> None:
    performance = sandboxed.performed()
    sandboxed.advance(ARRIVAL_LIMIT + SECOND)

    def disconnects() -> None:
        sandboxed.greenroom.container.tiktok.disconnect_account(ana.program_id, ana.member_id)

    sandboxed.tiktok.after["send"] = disconnects
    assert sandboxed.stage(performance).state is State.DELIVERED
    sandboxed.advance(ARRIVAL_LIMIT)
    assert sandboxed.stage(performance).state is State.DELIVERED
    sandboxed.advance(MINUTE)
    assert sandboxed.stage(performance).state is State.UNCONFIRMED
    assert sandboxed.greenroom.ledger(ana) == [("award", 10)]


def test_whole_bytes_that_tiktok_is_not_heard_of_for_a_day_are_probably_in_the_inbox(
    sandboxed: SandboxedGreenroom, ana: Caller
) -> None:
    sandboxed.sandbox.faults({"endpoint": "status", "kind": "status", "status": 500, "times": None})
    performance = sandboxed.stage(sandboxed.performed())
    while sandboxed.now(performance).state is not State.UNCONFIRMED:
        assert sandboxed.now(performance).state is State.DELIVERED
        assert sandboxed.now(performance).waiting is Waiting.TIKTOK_DOWN
        sandboxed.stage_when_due(performance)
    assert sandboxed.clock.now() - performance.queued_at >= SENDING_LIMIT
    shown = view_of(sandboxed.now(performance), ana)
    assert (shown.status, shown.reason) == (Status.UNCONFIRMED, None)
    assert shown.next_step.startswith("Probably in your inbox")
    assert sandboxed.check_arrived_once(performance)
    sandboxed.sandbox.faults()
    assert sandboxed.stage_when_due(performance).state is State.STAGED


def test_an_unconfirmed_performance_is_checked_for_a_week_and_stays_unconfirmed(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "status", "kind": "status", "status": 500, "times": None})
    performance = sandboxed.stage(sandboxed.performed())
    looks = 0
    while sandboxed.now(performance).look_at is not None:
        sandboxed.stage_when_due(performance)
        looks += 1
    resting = sandboxed.now(performance)
    assert resting.state is State.UNCONFIRMED
    assert resting.unconfirmed_at is not None
    assert sandboxed.clock.now() - resting.unconfirmed_at >= POST_WATCH_DURATION
    assert looks < 300


@pytest.mark.parametrize("reason", ["internal", "file_format_check_failed"])
def test_an_unconfirmed_performance_fails_once_tiktok_says_so(
    sandboxed: SandboxedGreenroom, reason: str
) -> None:
    sandboxed.sandbox.faults(
        {"endpoint": "status", "kind": "status", "status": 500, "times": None},
        {"endpoint": "processing", "kind": "fail", "fail_reason": reason},
    )
    performance = sandboxed.stage(sandboxed.performed())
    while sandboxed.now(performance).state is not State.UNCONFIRMED:
        sandboxed.stage_when_due(performance)
    sandboxed.sandbox.faults()
    sandboxed.stage_when_due(performance)
    assert sandboxed.check_failed(sandboxed.stage_when_due(performance))


def test_bytes_of_which_it_is_not_known_that_they_arrived_fail_after_a_day_and_say_where_to_look(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset", "when": "after"},
        {"endpoint": "status", "kind": "status", "status": 500, "times": None},
    )
    performance = sandboxed.stage(sandboxed.performed())
    while sandboxed.now(performance).state is State.UPLOADING:
        sandboxed.stage_when_due(performance)
    failed = sandboxed.now(performance)
    assert (failed.failure, sandboxed.uploads) == ("unconfirmed", 1)
    assert "Look into your TikTok inbox" in (failed.reason or "")
    assert sandboxed.check_failed(failed)


def test_an_outage_of_the_token_endpoint_disconnects_nobody(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    sandboxed.sandbox.faults({"endpoint": "token", "kind": "status", "error_code": "server_error"})
    performance = sandboxed.performed()
    assert sandboxed.stage(performance).state is State.QUEUED
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is TikTokState.CONNECTED
    sandboxed.advance(RETRY_DELAY)
    assert sandboxed.stage(performance).state is State.STAGED


def test_a_send_fails_if_the_member_disconnected_before_it(
    sandboxed: SandboxedGreenroom, ana: Caller
) -> None:
    performance = sandboxed.performed()
    sandboxed.greenroom.container.tiktok.disconnect_account(ana.program_id, ana.member_id)
    failed = sandboxed.stage(performance)
    assert failed.failure == "reconnect_required"
    assert sandboxed.drafts == 0
    assert sandboxed.check_failed(failed)


def test_a_member_who_disconnects_after_arrival_keeps_the_draft_and_the_points(
    sandboxed: SandboxedGreenroom, ana: Caller
) -> None:
    staged = sandboxed.stage(sandboxed.performed())
    sandboxed.greenroom.container.tiktok.disconnect_account(ana.program_id, ana.member_id)
    sandboxed.advance(timedelta(minutes=2))
    assert sandboxed.stage(staged).state is State.STAGED
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 0
    assert sandboxed.check_arrived_once(staged)


@pytest.fixture
def ana(sandboxed: SandboxedGreenroom) -> Caller:
    return sandboxed.ana


# Webhooks beside the worker


def hear(
    sandboxed: SandboxedGreenroom, name: str, performance: Performance, **content: Any
) -> None:
    publish_id = sandboxed.now(performance).publish_id
    open_id = sandboxed.sandbox.record()["people"]["ana"]["open_id"]
    body = event(name, sandboxed.clock, open_id=open_id, publish_id=publish_id, **content)
    sandboxed.greenroom.container.tiktok_webhooks.handle_webhook(
        signature(body, sandboxed.clock), body
    )


@pytest.mark.parametrize(
    ("name", "state"),
    [("post.publish.inbox_delivered", State.STAGED), ("post.publish.complete", State.POSTED)],
)
@pytest.mark.parametrize("call", ["send", "status"])
def test_a_webhook_faster_than_the_worker_is_what_holds(
    sandboxed: SandboxedGreenroom, name: str, state: State, call: str
) -> None:
    performance = sandboxed.performed()
    moment = sandboxed.tiktok.after if call == "send" else sandboxed.tiktok.before
    moment[call] = lambda: hear(sandboxed, name, performance)
    assert sandboxed.stage(performance).state is state
    assert sandboxed.stage(performance).state in (State.STAGED, State.POSTED)
    assert sandboxed.drafts == 1
    assert sandboxed.check_arrived_once(sandboxed.now(performance))


def test_a_webhook_of_failure_lets_the_worker_ask_and_end_it(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "slow", "seconds": 100})
    waiting = sandboxed.stage(sandboxed.performed())
    sandboxed.sandbox.faults()
    hear(sandboxed, "post.publish.failed", waiting, reason="internal")
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    # TikTok's status is believed, not the event.
    sandboxed.advance(timedelta(seconds=101))
    assert sandboxed.stage(waiting).state is State.STAGED


def test_a_staged_video_is_never_sent_again(sandboxed: SandboxedGreenroom) -> None:
    staged = sandboxed.stage(sandboxed.performed())

    class Failing(HookedTikTokClient):
        def status(self, access_token: str, publish_id: str) -> ShareStatus:
            share = super().status(access_token, publish_id)
            if share.state is not ShareState.IN_INBOX or publish_id != staged.publish_id:
                return share
            return ShareStatus(ShareState.FAILED, failure_from_reason("internal"))

    client = Failing(sandboxed.sandbox.url)
    sandboxed.stager = sandboxed.worker(client=client)
    for _ in range(2):
        sandboxed.advance(timedelta(minutes=2))
        sandboxed.stage(staged)
    client.close()
    assert sandboxed.uploads == 1


def test_a_send_is_logged_with_tiktoks_log_id_and_without_a_secret(
    sandboxed: SandboxedGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    written = io.StringIO()
    monkeypatch.setattr(logger.handlers[0], "stream", written)
    begin_upload = sandboxed.tiktok.begin_upload

    def noted(access_token: str, size_bytes: int) -> UploadSession:
        draft = begin_upload(access_token, size_bytes)
        told.extend([access_token, draft.upload_url, draft.upload_url.partition("?")[2]])
        return draft

    sandboxed.tiktok.begin_upload = noted  # type: ignore[method-assign]
    staged = sandboxed.stage(sandboxed.performed())
    logged = written.getvalue()
    lines = [json.loads(line) for line in logged.splitlines()]
    (begun,) = [line for line in lines if line["message"] == "draft begun"]
    assert (begun["publish_id"], len(begun["log_id"])) == (staged.publish_id, 32)
    assert begun["performance_id"] == staged.performance_id
    assert len(told) == 3
    for secret in told:
        assert secret not in logged
