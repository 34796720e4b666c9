"""What a performance waits for: kept whatever comes, ended by what rightly ends it, and told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.identity import TikTokState
from chalicelib.performances.model import (
    LEASE_DURATION,
    SENDING_LIMIT,
    Performance,
    State,
    Waiting,
    initiated,
    restarted,
    uploading,
)
from chalicelib.performances.staging_run import (
    JITTER,
    LONGEST_WAIT,
    LONGEST_WAIT_BUSY,
    RETRY_DELAY,
    SHARE_VISIBLE_WITHIN,
)
from chalicelib.performances.views import view_of
from tests.integration.greenroom import event, reference_of, signature
from tests.integration.sandboxed_greenroom import Override, SandboxedGreenroom, dies

SECOND = timedelta(seconds=1)
BUSY = {"kind": "status", "status": 429, "error_code": "rate_limit_exceeded"}
DOWN = {"kind": "status", "status": 503, "error_code": "internal_error"}


def hear(sandboxed: SandboxedGreenroom, name: str, performance: Performance, **more: Any) -> None:
    publish_id = sandboxed.now(performance).publish_id
    open_id = sandboxed.sandbox.record()["people"]["ana"]["open_id"]
    body = event(name, sandboxed.clock, open_id=open_id, publish_id=publish_id, **more)
    sandboxed.greenroom.container.tiktok_webhooks.handle_webhook(
        signature(body, sandboxed.clock), body
    )


def fails_at_tiktok(sandboxed: SandboxedGreenroom, performance: Performance, reason: str) -> None:
    hear(sandboxed, "post.publish.failed", performance, reason=reason)


def takes_access_back(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.control("tokens", {"person": "ana", "expire": ["access", "refresh"]})


def connects_again(sandboxed: SandboxedGreenroom) -> None:
    begun = sandboxed.greenroom.asks(sandboxed.ana)
    came_back = sandboxed.sandbox.consent("ana", url=begun.authorize_url)
    sandboxed.greenroom.complete_consent(begun, "ana", code=came_back["code"])


def disconnects(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.greenroom.container.connections.disconnect(sandboxed.ana)


# Waits are kept


def waits_for_a_draft(sandboxed: SandboxedGreenroom) -> Performance:
    sandboxed.sandbox.faults({"endpoint": "init", "kind": "reset", "when": "after", "times": None})
    return sandboxed.stage(sandboxed.performed())


def waits_for_tiktok(sandboxed: SandboxedGreenroom) -> Performance:
    sandboxed.sandbox.faults({"endpoint": "init", **BUSY, "times": None})
    return sandboxed.stage(sandboxed.performed())


def waits_for_arrival(sandboxed: SandboxedGreenroom) -> Performance:
    sandboxed.sandbox.faults({"endpoint": "processing", "kind": "stuck"})
    return sandboxed.stage(sandboxed.performed())


def waits_for_the_account(sandboxed: SandboxedGreenroom) -> Performance:
    takes_access_back(sandboxed)
    return sandboxed.stage(sandboxed.performed())


def waits_for_the_post(sandboxed: SandboxedGreenroom) -> Performance:
    return sandboxed.stage(sandboxed.performed())


@pytest.mark.parametrize(
    "waits",
    [
        waits_for_a_draft,
        waits_for_tiktok,
        waits_for_arrival,
        waits_for_the_account,
        waits_for_the_post,
    ],
)
def test_before_its_time_a_performance_is_not_touched_however_often_its_message_comes(
    sandboxed: SandboxedGreenroom, waits: Callable[[SandboxedGreenroom], Performance]
) -> None:
    waiting = waits(sandboxed)
    assert waiting.waits_until is not None
    assert waiting.waits_until > sandboxed.clock.now() + 2 * SECOND
    sandboxed.tiktok.made.clear()
    while sandboxed.clock.now() + 2 * SECOND < min(
        waiting.waits_until, sandboxed.clock.now() + timedelta(minutes=3)
    ):
        assert sandboxed.stage(waiting) == waiting
        sandboxed.advance(max(SECOND, (waiting.waits_until - sandboxed.clock.now()) / 2))
    assert sandboxed.tiktok.made == []
    sandboxed.stage_when_due(waiting)
    assert sandboxed.now(waiting) != waiting


def test_a_message_that_comes_as_early_as_clocks_differ_is_in_time(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", **BUSY})
    waiting = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(RETRY_DELAY - SECOND)
    assert sandboxed.stage(waiting).state is State.STAGED


def test_messages_every_two_seconds_use_no_draft_up(sandboxed: SandboxedGreenroom) -> None:
    waiting = waits_for_a_draft(sandboxed)
    for _ in range(10):
        sandboxed.advance(2 * SECOND)
        sandboxed.stage(waiting)
    assert sandboxed.drafts == 1


# How long


@pytest.mark.parametrize(("fault", "longest"), [(BUSY, LONGEST_WAIT_BUSY), (DOWN, LONGEST_WAIT)])
def test_without_a_retry_time_tiktok_is_asked_ever_more_seldom(
    sandboxed: SandboxedGreenroom, fault: dict[str, Any], longest: timedelta
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", **fault, "times": None})
    performance = sandboxed.stage(sandboxed.performed())
    waits = []
    while sandboxed.now(performance).state is State.QUEUED:
        until = sandboxed.now(performance).waits_until
        assert until is not None
        waits.append(until - sandboxed.clock.now())
        sandboxed.stage_when_due(performance)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (RETRY_DELAY, longest)
    assert sandboxed.clock.now() - performance.queued_at >= SENDING_LIMIT


def test_all_that_wait_do_not_come_back_in_the_same_moment(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", **BUSY, "times": None})
    sandboxed.stager = sandboxed.worker(jitter=lambda: 0.5)
    waiting = sandboxed.stage(sandboxed.performed())
    assert waiting.waits_until == sandboxed.clock.now() + RETRY_DELAY * (1 + JITTER / 2)
    [(_, delay)] = sandboxed.greenroom.take_queued()
    assert delay == RETRY_DELAY.total_seconds() * (1 + JITTER / 2)


def test_an_upload_for_which_tiktok_is_too_busy_waits_as_it_was_told_and_goes_on(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "upload", **BUSY, "headers": {"Retry-After": "90"}})
    waiting = sandboxed.stage(sandboxed.performed())
    assert (waiting.state, waiting.waiting) == (State.UPLOADING, Waiting.TIKTOK_BUSY)
    assert waiting.waits_until == sandboxed.clock.now() + timedelta(seconds=90)
    assert sandboxed.tiktok.made.count("send") == 1
    staged = sandboxed.stage_when_due(waiting)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert sandboxed.check_arrived_once(staged)


# What ends a wait


@pytest.mark.parametrize("reason", ["auth_removed", "spam_risk", "file_format_check_failed"])
@pytest.mark.parametrize("goes", [takes_access_back, disconnects])
def test_a_final_reason_that_a_webhook_told_is_final_when_the_account_is_gone(
    sandboxed: SandboxedGreenroom, goes: Callable[[SandboxedGreenroom], None], reason: str
) -> None:
    waiting = waits_for_arrival(sandboxed)
    goes(sandboxed)
    sandboxed.greenroom.take_queued()
    fails_at_tiktok(sandboxed, waiting, reason)
    assert sandboxed.greenroom.take_queued() == [(reference_of(waiting), 0)]
    failed = sandboxed.stage(waiting)
    assert failed.failure
    assert (failed.failure == "reconnect_required") is (reason == "auth_removed")
    assert sandboxed.check_failed(failed)


def test_a_reason_told_before_the_account_is_known_to_be_gone_is_final_too(
    sandboxed: SandboxedGreenroom,
) -> None:
    """The access is taken back while the bytes go out, and the worker does not know yet."""

    def taken_back() -> None:
        takes_access_back(sandboxed)
        fails_at_tiktok(sandboxed, performance, "auth_removed")

    performance = sandboxed.performed()
    sandboxed.tiktok.after["send"] = taken_back
    sandboxed.stage(performance)
    # The worker had it when the webhook came: it is looked at again at once.
    assert (reference_of(performance), 0) in sandboxed.greenroom.take_queued()
    failed = sandboxed.stage(performance)
    assert failed.failure == "reconnect_required"
    assert sandboxed.check_failed(failed)
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_reason_to_begin_anew_holds_the_performance_when_the_account_is_gone(
    sandboxed: SandboxedGreenroom,
) -> None:
    waiting = waits_for_arrival(sandboxed)
    takes_access_back(sandboxed)
    fails_at_tiktok(sandboxed, waiting, "internal")
    sandboxed.stage(waiting)
    held = sandboxed.stage_when_due(waiting)
    assert (held.state, held.waiting) == (State.QUEUED, Waiting.ACCOUNT)
    connects_again(sandboxed)
    staged = sandboxed.stage(held)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)


def test_a_final_reason_that_a_webhook_told_is_final_while_the_status_cannot_be_asked(
    sandboxed: SandboxedGreenroom,
) -> None:
    waiting = waits_for_arrival(sandboxed)
    sandboxed.sandbox.faults({"endpoint": "status", **DOWN, "times": None})
    fails_at_tiktok(sandboxed, waiting, "spam_risk")
    assert sandboxed.check_failed(sandboxed.stage(waiting))


def test_a_reason_told_of_an_earlier_draft_ends_no_later_one(
    sandboxed: SandboxedGreenroom,
) -> None:
    waiting = waits_for_arrival(sandboxed)
    fails_at_tiktok(sandboxed, waiting, "spam_risk")
    told = sandboxed.now(waiting)
    assert told.told_reason == "spam_risk"
    now = sandboxed.clock.now()
    later = initiated(restarted(told, now), "another", b"sealed", now)
    assert uploading(later, now).told_reason is None


def test_connecting_again_ends_a_wait_for_the_account_and_no_other(
    sandboxed: SandboxedGreenroom,
) -> None:
    busy = waits_for_tiktok(sandboxed)
    sandboxed.sandbox.faults()
    held = waits_for_the_account(sandboxed)
    sandboxed.greenroom.take_queued()
    connects_again(sandboxed)
    queued = [reference.performance_id for reference, _ in sandboxed.greenroom.take_queued()]
    assert queued == [held.performance_id]
    assert sandboxed.stage(busy) == busy
    assert sandboxed.stage(held).state is State.STAGED


def test_disconnecting_ends_every_wait(sandboxed: SandboxedGreenroom) -> None:
    busy = waits_for_tiktok(sandboxed)
    disconnects(sandboxed)
    assert sandboxed.check_failed(sandboxed.stage(busy))


def test_a_performance_made_due_while_leased_is_checked_again_at_once(
    sandboxed: SandboxedGreenroom,
) -> None:
    """The member connects after the worker's look at the account, before it writes the wait."""
    takes_access_back(sandboxed)
    performance = sandboxed.performed()
    use = sandboxed.dependencies()
    may_wait = use.activities.activity

    def meanwhile(program_id: str, activity_id: str) -> Any:
        connects_again(sandboxed)
        sandboxed.greenroom.container.connections.disconnect(sandboxed.ana)
        connects_again(sandboxed)
        sandboxed.greenroom.take_queued()
        return may_wait(program_id, activity_id)

    sandboxed.worker(activities=Override(use.activities, activity=meanwhile)).stage(
        reference_of(performance)
    )
    assert sandboxed.greenroom.take_queued() == [(reference_of(performance), 0)]
    assert sandboxed.stage(performance).state is State.STAGED


def test_a_killed_workers_performance_is_checked_when_its_lease_ends(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.tiktok.after["send"] = dies
    crashed = sandboxed.crash(sandboxed.performed())
    assert crashed.waits_until is None
    sandboxed.advance(LEASE_DURATION + SECOND)
    assert sandboxed.stage(crashed).state is State.STAGED


# A status that says nothing


def test_a_refusal_to_tell_the_status_is_no_word_about_the_video(
    sandboxed: SandboxedGreenroom,
) -> None:
    unheard = {"kind": "status", "status": 418, "error_code": "a_code_nobody_documented"}
    sandboxed.sandbox.faults({"endpoint": "status", **unheard})
    waiting = sandboxed.stage(sandboxed.performed())
    assert (waiting.state, waiting.waiting) == (State.DELIVERED, Waiting.TIKTOK_DOWN)
    assert sandboxed.check_arrived_once(sandboxed.stage_when_due(waiting))


def test_a_draft_that_tiktok_does_not_know_yet_is_asked_about_for_some_minutes(
    sandboxed: SandboxedGreenroom,
) -> None:
    unknown = {"kind": "status", "status": 400, "error_code": "invalid_publish_id", "times": None}
    torn = {"endpoint": "upload", "kind": "reset", "when": "after"}
    sandboxed.sandbox.faults(torn, {"endpoint": "status", **unknown})
    performance = sandboxed.stage(sandboxed.performed())
    while sandboxed.now(performance).state is State.UPLOADING:
        sandboxed.stage_when_due(performance)
    took = sandboxed.clock.now() - performance.queued_at
    assert sandboxed.check_failed(sandboxed.now(performance))
    assert SHARE_VISIBLE_WITHIN < took < 2 * SHARE_VISIBLE_WITHIN


# Words for members


@pytest.mark.parametrize(
    ("waits", "code"),
    [
        (waits_for_a_draft, Waiting.TIKTOK_DOWN),
        (waits_for_tiktok, Waiting.TIKTOK_BUSY),
        (waits_for_arrival, Waiting.ARRIVAL),
        (waits_for_the_account, Waiting.ACCOUNT),
    ],
)
def test_a_member_reads_what_is_waited_for_and_until_when(
    sandboxed: SandboxedGreenroom,
    waits: Callable[[SandboxedGreenroom], Performance],
    code: Waiting,
) -> None:
    waiting = waits(sandboxed)
    told = view_of(waiting, sandboxed.ana).waiting_for
    assert told is not None
    assert (told.code, told.words) == (code, code.words)
    assert told.next_look_at == told.next_look_at_local == waiting.waits_until


@pytest.mark.parametrize("status", [403, 200])
def test_a_cap_on_the_apps_people_waits_is_told_and_alarms_its_owner(
    sandboxed: SandboxedGreenroom, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    alarms: list[str] = []
    monkeypatch.setattr(
        "chalicelib.performances.staging_run.log_alarm",
        lambda name, *_, **__: alarms.append(name),
    )
    cap = {"kind": "status", "status": status, "error_code": "reached_active_user_cap"}
    sandboxed.sandbox.faults({"endpoint": "init", **cap})
    waiting = sandboxed.stage(sandboxed.performed())
    assert (waiting.state, waiting.attempts) == (State.QUEUED, 0)
    assert waiting.waiting is Waiting.TIKTOK_APP
    assert alarms == ["TikTokAppRefused"]
    assert sandboxed.check_arrived_once(sandboxed.stage_when_due(waiting))


def test_a_staged_performance_waits_for_nothing(sandboxed: SandboxedGreenroom) -> None:
    staged = sandboxed.stage(sandboxed.performed())
    assert view_of(staged, sandboxed.ana).waiting_for is None


def test_a_performance_without_an_account_to_check_it_shows_that(
    sandboxed: SandboxedGreenroom,
) -> None:
    waiting = waits_for_arrival(sandboxed)
    takes_access_back(sandboxed)
    waiting = sandboxed.stage_when_due(waiting)
    shown = view_of(waiting, sandboxed.ana)
    assert waiting.state is State.DELIVERED
    assert shown.waiting_for is not None
    assert shown.waiting_for.code is Waiting.ACCOUNT
    assert shown.next_step.startswith("Add your TikTok account again")
