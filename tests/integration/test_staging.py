"""The staging machine with TikTok's sandbox: one upload, or points taken back, whatever happens."""

import io
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.activities.model import Activity
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Part
from chalicelib.performances import worker
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    LEASE,
    MAX_ATTEMPTS,
    POSTED_LIMIT,
    QUEUED_AGAIN,
    QUEUED_GRACE,
    SENDING_LIMIT,
    UPLOAD_LIFETIME,
    Performance,
    State,
)
from chalicelib.performances.queue import MAX_DELAY_SECONDS, to_message
from chalicelib.performances.staging import LAST_DRAFT, LATER, RESUMES
from chalicelib.points.model import Totals
from chalicelib.tiktok.client import (
    Draft,
    ShareState,
    ShareStatus,
)
from chalicelib.tiktok.errors import failure_from_reason
from tests.integration.house import CONTEXT, VIDEO, event, reference_of, signature
from tests.integration.theatre import PowerCut, Theatre, WatchedTikTok, dies

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
PAST_BOTH_MINUTES = 61  # TikTok's limits are per minute


# As it should be


def test_a_performance_is_staged_with_its_very_bytes_and_posted_when_the_member_posts(
    theatre: Theatre,
) -> None:
    staged = theatre.stage(theatre.performed())
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.staged_at == staged.delivered_at == theatre.clock.now()
    assert theatre.arrived_once(staged)
    assert theatre.share(staged)["content_type"] == "video/webm"
    theatre.sandbox.person_posts("ana", staged.publish_id or "")
    theatre.later(timedelta(minutes=1))
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    posted = theatre.stage(staged)
    assert (posted.state, posted.posted_at) == (State.POSTED, theatre.clock.now())
    assert theatre.arrived_once(posted)
    theatre.later(HOUR)
    assert theatre.greenroom.house.follow_up.queue_again() == 0


def test_the_worker_stages_what_a_message_names_and_gives_back_what_breaks(
    theatre: Theatre,
) -> None:
    broken, performance = theatre.performed(), theatre.performed()

    def breaks() -> None:
        raise ConnectionError

    theatre.tiktok.before["begin_upload"] = breaks
    messages = [to_message(reference_of(each)) for each in (broken, performance)] + ["{}"]
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(messages)
    ]
    context = SimpleNamespace(function_name="stage", aws_request_id="r")
    answer = worker.stage(theatre.stager, {"Records": records}, context)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["0", "2"]
    assert theatre.now(broken).state is State.QUEUED
    assert theatre.now(performance).state is State.STAGED


def test_a_second_delivery_stages_nothing_twice(theatre: Theatre) -> None:
    performance = theatre.performed()
    staged = theatre.stage(performance)
    for _ in range(2):
        assert theatre.stage(performance).state is State.STAGED
    assert theatre.tiktok.made.count("begin_upload") == theatre.tiktok.made.count("send") == 1
    assert theatre.arrived_once(staged)


def test_what_waits_in_the_inbox_is_asked_about_ever_more_seldom_and_not_for_ever(
    theatre: Theatre,
) -> None:
    performance, asked = theatre.stage(theatre.performed()), 0
    while theatre.clock.now() < (performance.staged_at or theatre.clock.now()) + 3 * POSTED_LIMIT:
        theatre.later(timedelta(hours=2))
        if theatre.greenroom.house.follow_up.queue_again():
            made = theatre.tiktok.made.count("status")
            theatre.stage(performance)
            asked += theatre.tiktok.made.count("status") - made
    assert 10 < asked < 60
    assert theatre.arrived_once(performance)


# More than one worker


@pytest.mark.parametrize("moment", ["begin_upload", "send", "status"])
def test_while_one_worker_has_it_another_does_nothing(theatre: Theatre, moment: str) -> None:
    performance = theatre.performed()
    found: list[Performance] = []

    def delivered_again() -> None:
        before, made = theatre.now(performance), list(theatre.tiktok.made)
        theatre.worker().stage(reference_of(performance))
        assert (theatre.now(performance), theatre.tiktok.made) == (before, made)
        found.append(before)

    theatre.tiktok.before[moment] = delivered_again
    assert theatre.stage(performance).state is State.STAGED
    assert len(found) == 1
    assert theatre.drafts == 1
    assert theatre.arrived_once(theatre.now(performance))


def test_a_lease_left_behind_is_taken_over_when_it_ends(theatre: Theatre) -> None:
    performance = theatre.performed()
    theatre.tiktok.before["begin_upload"] = dies
    assert theatre.crashes(performance).state is State.QUEUED
    made = len(theatre.tiktok.made)
    assert theatre.stage(performance).state is State.QUEUED
    assert len(theatre.tiktok.made) == made
    theatre.later(LEASE + SECOND)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    assert theatre.stage(performance).state is State.STAGED
    assert theatre.arrived_once(theatre.now(performance))


def test_a_worker_whose_lease_was_taken_over_writes_nothing_more(theatre: Theatre) -> None:
    performance = theatre.performed()

    def slower_than_the_lease() -> None:
        theatre.clock.advance(LEASE + SECOND)
        theatre.worker().stage(reference_of(performance))

    theatre.tiktok.after["begin_upload"] = slower_than_the_lease
    staged = theatre.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert theatre.drafts == 2
    assert theatre.arrived_once(staged)


def test_what_is_finished_or_unknown_is_not_staged_whoever_has_a_lease(theatre: Theatre) -> None:
    reference = reference_of(theatre.performed())
    unknown = type(reference)("prg_1", "mem_1", "prf_unknown", "c")
    theatre.stager.stage(unknown)
    assert theatre.tiktok.made == []


# Crashes


def test_a_crash_before_the_first_byte_takes_the_draft_up_and_sends_once(theatre: Theatre) -> None:
    performance = theatre.performed()
    dying = theatre.worker()
    dying._store.release = lambda *_: None  # type: ignore[method-assign]
    write = dying._write

    def only_the_first(performance: Performance, before: State, lease: str, *also: Part) -> None:
        if performance.state is State.UNCONFIRMED:
            raise PowerCut
        write(performance, before, lease, *also)

    dying._write = only_the_first  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        dying.stage(reference_of(performance))
    crashed = theatre.now(performance)
    assert (crashed.state, crashed.attempts) == (State.INITIATED, 1)
    assert theatre.uploads == 0
    theatre.later(LEASE + SECOND)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    staged = theatre.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.publish_id == crashed.publish_id
    assert theatre.arrived_once(staged)


def test_a_crash_after_the_bytes_asks_and_never_sends_again(theatre: Theatre) -> None:
    performance = theatre.performed()
    theatre.tiktok.after["send"] = dies
    crashed = theatre.crashes(performance)
    assert crashed.state is State.UNCONFIRMED
    theatre.later(LEASE + SECOND)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    staged = theatre.stage(performance)
    assert staged.state is State.STAGED
    assert theatre.tiktok.made.count("send") == theatre.tiktok.made.count("begin_upload") == 1
    assert theatre.arrived_once(staged)


def test_a_lost_message_is_sent_again_by_the_clock(theatre: Theatre) -> None:
    performance = theatre.performed()
    follow_up = theatre.greenroom.house.follow_up
    theatre.later(QUEUED_GRACE - SECOND)
    assert follow_up.queue_again() == 0
    theatre.later(SECOND)
    assert follow_up.queue_again() == 1
    assert theatre.greenroom.queued() == [(reference_of(performance), 0)]
    theatre.later(QUEUED_AGAIN)
    assert worker.follow_up(follow_up, theatre.greenroom.house.performances, CONTEXT) == 1


def test_all_that_is_overdue_is_queued_in_one_run_page_by_page_unless_time_is_up(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.performances.store._PAGE", 2)
    monkeypatch.setattr("chalicelib.performances.staging.BATCH", 2)
    made = [theatre.performed() for _ in range(5)]
    theatre.later(QUEUED_GRACE)
    follow_up = theatre.greenroom.house.follow_up
    answers = iter([False, True])
    assert follow_up.queue_again(lambda: next(answers)) == 2
    assert follow_up.queue_again() == 3
    queued = {reference.performance_id for reference, _ in theatre.greenroom.queued()}
    assert queued == {each.performance_id for each in made}


# TikTok's troubles


@pytest.mark.parametrize("kind", ["reset", "status", "cut"])
def test_an_upload_whose_answer_was_lost_is_found_in_the_inbox(theatre: Theatre, kind: str) -> None:
    theatre.sandbox.faults({"endpoint": "upload", "kind": kind, "when": "after", "status": 500})
    staged = theatre.stage(theatre.performed())
    assert staged.state is State.STAGED
    assert theatre.tiktok.made.count("send") == 1
    assert theatre.arrived_once(staged)


@pytest.mark.parametrize("keep_torn_bytes", [False, True])
def test_a_torn_upload_goes_on_where_tiktok_says_it_has_got_to(
    theatre: Theatre, keep_torn_bytes: bool
) -> None:
    theatre.sandbox.control("app", {"keep_torn_bytes": keep_torn_bytes})
    theatre.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 100, "times": RESUMES}
    )
    staged = theatre.stage(theatre.performed())
    theatre.sandbox.control("app", {"keep_torn_bytes": False})
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert theatre.drafts == 1
    assert theatre.arrived_once(staged)


def test_an_upload_that_stays_torn_is_begun_anew_when_its_hour_is_over(theatre: Theatre) -> None:
    tears = 2 * (1 + RESUMES)
    theatre.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 100, "times": tears}
    )
    torn = theatre.stage(theatre.performed())
    assert torn.state is State.UNCONFIRMED
    theatre.later(timedelta(minutes=30))
    assert theatre.stage(torn).publish_id == torn.publish_id
    theatre.later(UPLOAD_LIFETIME - timedelta(minutes=30) + SECOND)
    assert theatre.stage(torn).state is State.QUEUED
    assert theatre.greenroom.queued() == [(reference_of(torn), 60)]
    theatre.later(LATER)
    staged = theatre.stage(torn)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert theatre.arrived_once(staged)


def test_bytes_that_all_arrived_are_not_sent_again_however_long_tiktok_takes(
    theatre: Theatre,
) -> None:
    theatre.sandbox.faults(
        {"endpoint": "upload", "kind": "reset", "when": "after"},
        {"endpoint": "processing", "kind": "slow", "seconds": 4000},
    )
    waiting = theatre.stage(theatre.performed())
    assert theatre.uploads == 1
    theatre.later(UPLOAD_LIFETIME + SECOND)
    theatre.stage(waiting)
    assert theatre.uploads == 1


def test_an_upload_that_is_torn_every_time_takes_three_drafts_and_fails(theatre: Theatre) -> None:
    theatre.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 100, "times": None}
    )
    performance = theatre.performed()
    while theatre.now(performance).state is not State.FAILED:
        theatre.later(UPLOAD_LIFETIME + SECOND)
        theatre.stage(performance)
        assert theatre.drafts <= MAX_ATTEMPTS
    assert theatre.drafts == MAX_ATTEMPTS
    assert theatre.uploads == 0
    assert theatre.failed_for_good(theatre.now(performance))


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
    theatre: Theatre, fault: dict[str, Any], delay: int
) -> None:
    theatre.sandbox.faults({"endpoint": "init", **fault})
    performance = theatre.performed()
    waiting = theatre.stage(performance)
    assert (waiting.state, waiting.attempts) == (State.QUEUED, 0)
    assert theatre.greenroom.queued() == [(reference_of(performance), delay)]
    # The message is on its way, so the clock does not send another one; if it is lost, it does.
    theatre.later(timedelta(seconds=delay))
    assert theatre.greenroom.house.follow_up.queue_again() == 0
    theatre.later(QUEUED_GRACE)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    assert theatre.stage(performance).state is State.STAGED
    assert theatre.arrived_once(theatre.now(performance))


def test_a_beginning_put_off_for_longer_than_a_message_can_be_is_left_to_the_clock(
    theatre: Theatre,
) -> None:
    busy = {"status": 429, "error_code": "rate_limit_exceeded", "headers": {"Retry-After": "3600"}}
    theatre.sandbox.faults({"endpoint": "init", "kind": "status", **busy})
    performance = theatre.stage(theatre.performed())
    assert theatre.greenroom.queued() == []
    theatre.later(HOUR - SECOND)
    assert theatre.greenroom.house.follow_up.queue_again() == 0
    theatre.later(SECOND)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    assert theatre.stage(performance).state is State.STAGED


def test_an_outage_that_does_not_end_is_given_up_after_a_day(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "init", "kind": "status", "status": 503, "times": None})
    performance = theatre.performed()
    theatre.clock.advance(SENDING_LIMIT - SECOND)
    assert theatre.stage(performance).state is State.QUEUED
    theatre.clock.advance(SECOND)
    failed = theatre.stage(performance)
    assert failed.failure == "given_up"
    assert theatre.failed_for_good(failed)


def test_beginnings_whose_answers_are_all_lost_are_given_up_after_three(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "init", "kind": "reset", "when": "after", "times": None})
    performance = theatre.performed()
    while theatre.now(performance).state is not State.FAILED:
        theatre.stage(performance)
        theatre.later(LAST_DRAFT)
        assert theatre.drafts <= MAX_ATTEMPTS
    assert theatre.now(performance).failure == "given_up"
    assert (theatre.drafts, theatre.uploads) == (MAX_ATTEMPTS, 0)


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
    theatre: Theatre, fault: dict[str, Any]
) -> None:
    theatre.sandbox.faults({"endpoint": "init", **fault})
    performance = theatre.performed()
    waiting = theatre.stage(performance)
    assert (waiting.state, waiting.attempts) == (State.QUEUED, 1)
    assert theatre.greenroom.queued() == [(reference_of(performance), 60)]
    theatre.later(LATER)
    assert theatre.stage(performance).state is State.STAGED
    assert theatre.drafts == (2 if fault.get("when") else 1)
    assert theatre.arrived_once(theatre.now(performance))


@pytest.mark.parametrize("status", [500, 502])
def test_an_hour_of_errors_after_the_effect_makes_three_drafts_at_most_and_sends_once(
    theatre: Theatre, status: int
) -> None:
    fault = {"kind": "status", "status": status, "error_code": "internal_error", "times": None}
    theatre.sandbox.faults({"endpoint": "init", "when": "after", **fault})
    performance = theatre.performed()
    began = theatre.clock.now()
    for _ in range(MAX_ATTEMPTS):
        if theatre.clock.now() - began > HOUR:
            theatre.sandbox.faults()
        theatre.stage(performance)
        sent = theatre.greenroom.queued()
        theatre.later(timedelta(seconds=sent[0][1]) if sent else LAST_DRAFT)
    assert theatre.drafts == MAX_ATTEMPTS
    assert theatre.now(performance).state is State.STAGED
    assert theatre.arrived_once(theatre.now(performance))


def test_a_failure_inside_tiktok_begins_anew(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "processing", "kind": "fail", "fail_reason": "internal"})
    performance = theatre.performed()
    waiting = theatre.stage(performance)
    assert waiting.state is State.QUEUED
    assert theatre.greenroom.queued() == [(reference_of(performance), 60)]
    theatre.later(LATER)
    staged = theatre.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert theatre.greenroom.totals(theatre.ana) == Totals(10, 10)
    inbox = theatre.sandbox.record()["people"]["ana"]["inbox"]
    assert inbox == [staged.publish_id]


def test_failures_inside_tiktok_are_given_up_after_three_drafts(theatre: Theatre) -> None:
    theatre.sandbox.faults(
        {"endpoint": "processing", "kind": "fail", "fail_reason": "internal", "times": None}
    )
    performance = theatre.performed()
    for _ in range(MAX_ATTEMPTS + 1):
        assert theatre.now(performance).state is State.QUEUED
        theatre.stage(performance)
        theatre.sandbox.advance(PAST_BOTH_MINUTES)
    failed = theatre.now(performance)
    assert theatre.drafts == MAX_ATTEMPTS
    assert theatre.failed_for_good(failed)
    theatre.sandbox.faults()
    again = theatre.stage(theatre.greenroom.perform(theatre.ana, again_of(theatre, failed)))
    assert again.state is State.STAGED
    assert theatre.greenroom.totals(theatre.ana) == Totals(10, 10)


def again_of(theatre: Theatre, performance: Performance) -> Activity:
    found = theatre.greenroom.house.activity_lifecycle.activity(
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
    theatre: Theatre, reason: str, failure: str
) -> None:
    theatre.sandbox.faults({"endpoint": "processing", "kind": "fail", "fail_reason": reason})
    failed = theatre.stage(theatre.performed())
    assert failed.failure == failure
    assert failed.reason
    assert failed.reason[-1] == "."
    assert reason not in failed.reason
    assert theatre.failed_for_good(failed)


def test_a_full_inbox_fails_at_once_with_what_to_do(theatre: Theatre) -> None:
    access = theatre.greenroom.house.tiktok.access(theatre.ana.program_id, theatre.ana.member_id)
    for _ in range(5):
        theatre.tiktok.begin_upload(access.token, len(VIDEO))
    theatre.sandbox.advance(PAST_BOTH_MINUTES)
    failed = theatre.stage(theatre.performed())
    assert failed.failure == "inbox_full"
    assert theatre.failed_for_good(failed)


def test_what_never_arrives_fails_in_the_end(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "processing", "kind": "stuck"})
    waiting = theatre.stage(theatre.performed())
    assert waiting.state is State.DELIVERED
    theatre.later(ARRIVAL_LIMIT)
    assert theatre.stage(waiting).state is State.DELIVERED
    theatre.later(timedelta(minutes=1))
    failed = theatre.stage(waiting)
    assert failed.failure == "never_arrived"
    assert theatre.uploads == 1
    assert theatre.failed_for_good(failed)


def test_what_arrives_late_is_found_by_the_clock(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "processing", "kind": "slow", "seconds": 100})
    waiting = theatre.stage(theatre.performed())
    assert waiting.state is State.DELIVERED
    theatre.later(timedelta(seconds=101))
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    assert theatre.stage(waiting).state is State.STAGED
    assert theatre.arrived_once(theatre.now(waiting))


@pytest.mark.parametrize(
    "fault",
    [
        {"endpoint": "init", "status": 400, "error_code": "invalid_params"},
        {"endpoint": "token", "status": 401, "error_code": "invalid_client"},
    ],
)
def test_a_fault_of_the_owners_is_waited_for_ever_more_seldom_and_alarmed_and_fails_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    alarms: list[str] = []
    monkeypatch.setattr(
        "chalicelib.performances.staging.sound_alarm", lambda name, *_, **__: alarms.append(name)
    )
    theatre.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    theatre.sandbox.faults({"kind": "status", "times": None, **fault})
    performance = theatre.performed()
    delays = []
    for _ in range(MAX_ATTEMPTS + 10):
        waiting = theatre.stage(performance)
        assert (waiting.state, waiting.attempts) == (State.QUEUED, 0)
        [(_, delay)] = theatre.greenroom.queued()
        theatre.later(timedelta(seconds=delay))
        assert theatre.greenroom.house.follow_up.queue_again() == 0
        delays.append(delay)
    assert delays == sorted(delays)
    assert delays[0] == 60 < delays[-1] <= MAX_DELAY_SECONDS
    assert alarms == ["TikTokAppRefused"] * len(delays)
    theatre.sandbox.faults()
    assert theatre.stage(performance).state is State.STAGED


def test_what_was_queued_again_is_not_queued_again_a_minute_later(theatre: Theatre) -> None:
    theatre.performed()
    theatre.later(QUEUED_GRACE)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    theatre.later(timedelta(minutes=1))
    assert theatre.greenroom.house.follow_up.queue_again() == 0


# The account


def test_a_dead_access_token_is_refreshed_on_the_way(theatre: Theatre) -> None:
    theatre.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    assert theatre.stage(theatre.performed()).state is State.STAGED
    assert theatre.sandbox.record()["people"]["ana"]["tokens"]["refreshes"] == 1


def test_a_token_refused_though_fresh_means_reconnecting(theatre: Theatre) -> None:
    refused = {"kind": "status", "status": 401, "error_code": "access_token_invalid", "times": 2}
    theatre.sandbox.faults({"endpoint": "init", **refused})
    held = theatre.stage(theatre.performed())
    assert (held.state, held.attempts) == (State.QUEUED, 0)
    assert held.held_at == theatre.clock.now()
    assert theatre.greenroom.now(theatre.ana).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_draft_of_one_account_is_not_asked_about_with_another(theatre: Theatre) -> None:
    theatre.tiktok.after["send"] = dies
    crashed = theatre.crashes(theatre.performed())
    theatre.later(LEASE + SECOND)
    begun = theatre.greenroom.asks(theatre.ana)
    came_back = theatre.sandbox.consent("bob", url=begun.authorize_url)
    theatre.greenroom.comes_back(begun, "bob", code=came_back["code"])
    theatre.tiktok.made.clear()
    assert theatre.stage(crashed).state is State.UNCONFIRMED
    theatre.later(ARRIVAL_LIMIT)
    failed = theatre.stage(crashed)
    assert theatre.tiktok.made == []
    assert failed.failure == "unconfirmed"
    assert theatre.failed_for_good(failed)


def test_a_draft_that_had_to_wait_has_its_full_time_to_arrive_without_an_account(
    theatre: Theatre, ana: Caller
) -> None:
    performance = theatre.performed()
    theatre.later(ARRIVAL_LIMIT + SECOND)

    def disconnects() -> None:
        theatre.greenroom.house.tiktok.disconnect(ana.program_id, ana.member_id)

    theatre.tiktok.after["send"] = disconnects
    assert theatre.stage(performance).state is State.DELIVERED
    assert theatre.greenroom.ledger(ana) == [("award", 10)]
    theatre.later(ARRIVAL_LIMIT + SECOND)
    assert theatre.stage(performance).failure == "unconfirmed"


def test_of_whole_bytes_that_cannot_be_asked_about_it_is_not_said_that_tiktok_lacks_them(
    theatre: Theatre,
) -> None:
    theatre.tiktok.before["status"] = dies
    crashed = theatre.crashes(theatre.performed())
    assert crashed.state is State.DELIVERED
    theatre.later(SENDING_LIMIT)
    failed = theatre.stage(crashed)
    assert (failed.failure, theatre.uploads) == ("unconfirmed", 1)
    assert "Look into your TikTok inbox" in (failed.reason or "")
    assert theatre.failed_for_good(failed)


def test_an_outage_of_the_token_endpoint_disconnects_nobody(theatre: Theatre) -> None:
    theatre.sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    theatre.sandbox.faults({"endpoint": "token", "kind": "status", "error_code": "server_error"})
    performance = theatre.performed()
    assert theatre.stage(performance).state is State.QUEUED
    assert theatre.greenroom.now(theatre.ana).tiktok is TikTokState.CONNECTED
    theatre.later(LATER)
    assert theatre.stage(performance).state is State.STAGED


def test_who_disconnected_before_the_send_has_it_failed(theatre: Theatre, ana: Caller) -> None:
    performance = theatre.performed()
    theatre.greenroom.house.tiktok.disconnect(ana.program_id, ana.member_id)
    failed = theatre.stage(performance)
    assert failed.failure == "reconnect_required"
    assert theatre.drafts == 0
    assert theatre.failed_for_good(failed)


def test_who_disconnects_once_it_is_in_the_inbox_keeps_it_and_the_points(
    theatre: Theatre, ana: Caller
) -> None:
    staged = theatre.stage(theatre.performed())
    theatre.greenroom.house.tiktok.disconnect(ana.program_id, ana.member_id)
    theatre.later(timedelta(minutes=2))
    assert theatre.stage(staged).state is State.STAGED
    assert theatre.greenroom.house.follow_up.queue_again() == 0
    assert theatre.arrived_once(staged)


@pytest.fixture
def ana(theatre: Theatre) -> Caller:
    return theatre.ana


# Webhooks beside the worker


def hear(theatre: Theatre, name: str, performance: Performance, **content: Any) -> None:
    publish_id = theatre.now(performance).publish_id
    open_id = theatre.sandbox.record()["people"]["ana"]["open_id"]
    body = event(name, theatre.clock, open_id=open_id, publish_id=publish_id, **content)
    theatre.greenroom.house.performances.hear(signature(body, theatre.clock), body)


@pytest.mark.parametrize(
    ("name", "state"),
    [("post.publish.inbox_delivered", State.STAGED), ("post.publish.complete", State.POSTED)],
)
@pytest.mark.parametrize("call", ["send", "status"])
def test_a_webhook_faster_than_the_worker_is_what_holds(
    theatre: Theatre, name: str, state: State, call: str
) -> None:
    performance = theatre.performed()
    moment = theatre.tiktok.after if call == "send" else theatre.tiktok.before
    moment[call] = lambda: hear(theatre, name, performance)
    assert theatre.stage(performance).state is state
    assert theatre.stage(performance).state in (State.STAGED, State.POSTED)
    assert theatre.drafts == 1
    assert theatre.arrived_once(theatre.now(performance))


def test_a_webhook_of_failure_lets_the_worker_ask_and_end_it(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "processing", "kind": "slow", "seconds": 100})
    waiting = theatre.stage(theatre.performed())
    theatre.sandbox.faults()
    hear(theatre, "post.publish.failed", waiting, reason="internal")
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    # TikTok's status is believed, not the event.
    theatre.later(timedelta(seconds=101))
    assert theatre.stage(waiting).state is State.STAGED


def test_what_was_staged_is_never_sent_again(theatre: Theatre) -> None:
    staged = theatre.stage(theatre.performed())

    class Failing(WatchedTikTok):
        def status(self, access_token: str, publish_id: str) -> ShareStatus:
            share = super().status(access_token, publish_id)
            if share.state is not ShareState.IN_INBOX or publish_id != staged.publish_id:
                return share
            return ShareStatus(ShareState.FAILED, failure_from_reason("internal"))

    theatre.stager._client = Failing(theatre.sandbox.url)
    for _ in range(2):
        theatre.later(timedelta(minutes=2))
        theatre.stage(staged)
    theatre.stager._client.close()
    assert theatre.uploads == 1


def test_a_send_is_logged_with_tiktoks_log_id_and_without_a_secret(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    written = io.StringIO()
    monkeypatch.setattr(logger.handlers[0], "stream", written)
    begin_upload = theatre.tiktok.begin_upload

    def noted(access_token: str, size_bytes: int) -> Draft:
        draft = begin_upload(access_token, size_bytes)
        told.extend([access_token, draft.upload_url, draft.upload_url.partition("?")[2]])
        return draft

    theatre.tiktok.begin_upload = noted  # type: ignore[method-assign]
    staged = theatre.stage(theatre.performed())
    logged = written.getvalue()
    lines = [json.loads(line) for line in logged.splitlines()]
    (begun,) = [line for line in lines if line["message"] == "draft begun"]
    assert (begun["publish_id"], len(begun["log_id"])) == (staged.publish_id, 32)
    assert begun["performance_id"] == staged.performance_id
    assert len(told) == 3
    for secret in told:
        assert secret not in logged
