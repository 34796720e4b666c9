"""What TikTok's inbox and a member's account ask of staging: places, holding, taking drafts up."""

from datetime import timedelta

import pytest

from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.problems import Problem
from chalicelib.performances.model import (
    FIRST_HELD_RECHECK,
    LEASE_DURATION,
    MAX_HELD_TIME,
    REQUEUE_DELAY,
    UPLOAD_LIFETIME,
    Performance,
    State,
    Waiting,
)
from chalicelib.performances.staging_run import (
    ADDRESS_REFUSED_WAIT,
    BYTES_LAG_WAIT,
    MAX_RESUMES,
    RETRY_DELAY,
)
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.model import Totals
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.store import MemberItem
from chalicelib.tiktok.client import MAX_REALIGNMENTS, ShareState, ShareStatus
from chalicelib.tiktok.model import INBOX_PLACES, PLACE_LIFETIME
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.videos.service import VideoOpener
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import VIDEO
from tests.integration.sandboxed_greenroom import Override, SandboxedGreenroom, dies

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def item_of(performance: Performance) -> PerformanceItem:
    owner = f"{performance.program_id}/{performance.member_id}"
    return database().get(PerformanceItem, owner, performance.performance_id, consistent_read=True)


def torn(sandboxed: SandboxedGreenroom, times: int, after_bytes: int = 4096) -> None:
    sandboxed.sandbox.control("app", {"keep_torn_bytes": True})
    sandboxed.sandbox.faults(
        {
            "endpoint": "upload",
            "kind": "reset_after_bytes",
            "after_bytes": after_bytes,
            "times": times,
        }
    )


# Taking a draft up


def test_another_worker_goes_on_where_tiktok_says_the_torn_upload_has_got_to(
    sandboxed: SandboxedGreenroom,
) -> None:
    torn(sandboxed, times=1 + MAX_RESUMES, after_bytes=1000)
    performance = sandboxed.stage(sandboxed.performed())
    assert performance.state is State.UPLOADING
    sandboxed.advance(LEASE_DURATION + SECOND)
    staged = sandboxed.stage(performance)
    sandboxed.sandbox.control("app", {"keep_torn_bytes": False})
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.publish_id == performance.publish_id
    assert sandboxed.drafts == 1
    assert sandboxed.check_arrived_once(staged)


def test_the_address_for_the_bytes_is_kept_as_ciphertext_and_only_while_it_is_needed(
    sandboxed: SandboxedGreenroom,
) -> None:
    torn(sandboxed, times=1 + MAX_RESUMES, after_bytes=1000)
    performance = sandboxed.stage(sandboxed.performed())
    kept = item_of(performance).upload_address
    assert kept is not None
    assert b"upload" not in kept
    assert "upload_token" not in repr(performance)
    tiktok = sandboxed.greenroom.container.tiktok
    assert "upload_token" in tiktok.decrypt_for_member(
        performance.program_id, performance.member_id, kept
    )
    sandboxed.advance(LEASE_DURATION + SECOND)
    assert item_of(sandboxed.stage(performance)).upload_address is None
    sandboxed.sandbox.control("app", {"keep_torn_bytes": False})


def test_an_address_that_is_gone_while_all_bytes_are_there_makes_no_second_draft(
    sandboxed: SandboxedGreenroom,
) -> None:
    gone = {"endpoint": "upload", "kind": "status", "status": 404, "when": "after"}
    sandboxed.sandbox.faults(gone)
    staged = sandboxed.stage(sandboxed.performed())
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert sandboxed.check_arrived_once(staged)


@pytest.mark.parametrize("status", [403, 404])
def test_a_draft_whose_address_is_refused_is_begun_anew_once_tiktok_says_that_nothing_is_there(
    sandboxed: SandboxedGreenroom, status: int
) -> None:
    sandboxed.sandbox.faults({"endpoint": "upload", "kind": "status", "status": status})
    performance = sandboxed.stage(sandboxed.performed())
    assert (performance.state, performance.upload_address) == (State.UPLOADING, None)
    assert performance.waiting is Waiting.NEW_DRAFT
    assert sandboxed.stage_when_due(performance).state is State.QUEUED
    staged = sandboxed.stage_when_due(performance)
    assert sandboxed.clock.now() - performance.queued_at == ADDRESS_REFUSED_WAIT + RETRY_DELAY
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


def test_a_first_byte_that_is_refused_though_nothing_is_there_is_begun_anew(
    sandboxed: SandboxedGreenroom,
) -> None:
    nothing = {"Content-Range": f"bytes 0-0/{len(VIDEO)}"}
    tries = (1 + MAX_REALIGNMENTS) * (1 + MAX_RESUMES)
    refused = {"kind": "status", "status": 416, "headers": nothing, "times": tries}
    sandboxed.sandbox.faults({"endpoint": "upload", **refused})
    performance = sandboxed.stage(sandboxed.performed())
    assert (performance.state, performance.upload_address) == (State.UPLOADING, None)
    sandboxed.stage_when_due(performance)
    staged = sandboxed.stage_when_due(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


def test_an_address_refused_after_a_sending_without_an_answer_is_asked_about_later(
    sandboxed: SandboxedGreenroom,
) -> None:
    """The bytes may have arrived with the first sending, and the status lag behind."""
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset"},
        {"endpoint": "upload", "kind": "status", "status": 404},
    )
    performance = sandboxed.stage(sandboxed.performed())
    assert performance.waits_until == sandboxed.clock.now() + BYTES_LAG_WAIT
    assert sandboxed.stage_when_due(performance).state is State.QUEUED
    assert sandboxed.check_arrived_once(sandboxed.stage_when_due(performance))


def test_a_draft_whose_address_dies_half_sent_is_given_up_when_its_hour_is_over(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.control("app", {"keep_torn_bytes": True})
    sandboxed.sandbox.faults(
        {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 4096},
        {"endpoint": "upload", "kind": "status", "status": 403},
    )
    performance = sandboxed.stage(sandboxed.performed())
    assert (performance.state, performance.upload_address) == (State.UPLOADING, None)
    while sandboxed.now(performance).state is State.UPLOADING:
        assert sandboxed.now(performance).waiting is Waiting.NEW_DRAFT
        sandboxed.stage_when_due(performance)
    assert (
        UPLOAD_LIFETIME
        < sandboxed.clock.now() - performance.queued_at
        < UPLOAD_LIFETIME + LEASE_DURATION
    )
    sandboxed.advance(RETRY_DELAY)
    sandboxed.sandbox.control("app", {"keep_torn_bytes": False})
    staged = sandboxed.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert sandboxed.check_arrived_once(staged)


def test_an_address_that_is_gone_and_a_status_that_lags_behind_make_no_second_draft(
    sandboxed: SandboxedGreenroom,
) -> None:
    """Everything arrived, its answer was lost, and TikTok does not know of it yet."""
    sandboxed.sandbox.faults({"endpoint": "upload", "kind": "reset", "when": "after"})
    told, lags = sandboxed.tiktok.status, [True, True]

    def status(access_token: str, publish_id: str) -> ShareStatus:
        share = told(access_token, publish_id)
        if not lags:
            return share
        lags.pop()
        return ShareStatus(ShareState.PROCESSING_UPLOAD, uploaded_bytes=100)

    sandboxed.tiktok.status = status  # type: ignore[method-assign]
    staged = sandboxed.stage(sandboxed.performed())
    assert (staged.state, staged.attempts, lags) == (State.STAGED, 1, [])
    assert sandboxed.drafts == 1
    assert sandboxed.share(staged)["completed_uploads"] == 1


# Places


def test_a_sixth_send_is_refused_with_the_time_a_place_is_free(
    sandboxed: SandboxedGreenroom,
) -> None:
    first = sandboxed.performed()
    for _ in range(INBOX_PLACES - 1):
        sandboxed.advance(MINUTE)
        sandboxed.performed()
    with pytest.raises(Problem) as refused:
        sandboxed.performed()
    assert refused.value.code is TikTokProblem.TIKTOK_INBOX_FULL
    free_at = first.queued_at + PLACE_LIFETIME
    assert refused.value.members["retry_at"] == free_at.isoformat()
    assert "Post one of them" in refused.value.detail
    assert len(sandboxed.greenroom.history(sandboxed.ana)) == INBOX_PLACES
    assert sandboxed.greenroom.totals(sandboxed.ana) == Totals(50, 50)


def test_posting_one_frees_its_place_and_so_does_a_day(sandboxed: SandboxedGreenroom) -> None:
    staged = sandboxed.stage(sandboxed.performed())
    for _ in range(INBOX_PLACES - 1):
        sandboxed.advance(MINUTE)
        sandboxed.performed()
    sandboxed.sandbox.person_posts("ana", staged.publish_id or "")
    sandboxed.advance(MINUTE)
    assert sandboxed.stage(staged).state is State.POSTED
    sandboxed.performed()
    with pytest.raises(Problem, match="Post one"):
        sandboxed.performed()
    sandboxed.advance(PLACE_LIFETIME - 2 * MINUTE)
    sandboxed.performed()


def test_a_send_that_failed_before_there_was_a_draft_takes_no_place(
    sandboxed: SandboxedGreenroom,
) -> None:
    refused = {"kind": "status", "status": 403, "error_code": "spam_risk", "times": 1}
    sandboxed.sandbox.faults({"endpoint": "init", **refused})
    assert sandboxed.stage(sandboxed.performed()).state is State.FAILED
    assert sandboxed.greenroom.container.inbox_places.list_taken_places(*whose(sandboxed)) == []


def test_a_draft_whose_answer_was_lost_is_counted_as_taking_a_place(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.sandbox.faults({"endpoint": "init", "kind": "cut", "when": "after"})
    performance = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(RETRY_DELAY)
    staged = sandboxed.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    taken = sandboxed.greenroom.container.inbox_places.list_taken_places(*whose(sandboxed))
    name = performance.performance_id
    assert {(place.performance_id, place.lost_draft) for place in taken} == {
        (name, None),
        (name, 1),
    }


def test_a_held_send_takes_its_place_when_it_is_sent(
    sandboxed: SandboxedGreenroom,
) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(timedelta(days=3))
    complete_consent(sandboxed)
    staged = sandboxed.stage(held)
    assert staged.state is State.STAGED
    [place] = sandboxed.greenroom.container.inbox_places.list_taken_places(*whose(sandboxed))
    assert (place, place.since) == (staged.place, sandboxed.clock.now())
    for _ in range(INBOX_PLACES - 1):
        sandboxed.performed()
    with pytest.raises(Problem, match="Post one"):
        sandboxed.performed()
    sandboxed.sandbox.person_posts("ana", staged.publish_id or "")
    sandboxed.advance(MINUTE)
    assert sandboxed.stage(staged).state is State.POSTED
    assert staged.place not in sandboxed.greenroom.container.inbox_places.list_taken_places(
        *whose(sandboxed)
    )


def whose(sandboxed: SandboxedGreenroom) -> tuple[str, str]:
    return sandboxed.ana.program_id, sandboxed.ana.member_id


# Holding


def loses_account(sandboxed: SandboxedGreenroom) -> None:
    sandboxed.sandbox.control("tokens", {"person": "ana", "expire": ["access", "refresh"]})


def complete_consent(sandboxed: SandboxedGreenroom) -> None:
    begun = sandboxed.greenroom.asks(sandboxed.greenroom.now(sandboxed.ana))
    came_back = sandboxed.sandbox.consent("ana", url=begun.authorize_url)
    sandboxed.greenroom.complete_consent(begun, "ana", code=came_back["code"])


def test_a_send_is_held_while_its_member_has_to_reconnect_and_follows_by_itself(
    sandboxed: SandboxedGreenroom,
) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    assert (held.state, held.held_at) == (State.QUEUED, sandboxed.clock.now())
    assert held.next_step.startswith("Add your TikTok account again")
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is TikTokState.RECONNECT_REQUIRED
    assert sandboxed.greenroom.totals(sandboxed.ana) == Totals(10, 10)
    sandboxed.advance(timedelta(days=3))
    held = sandboxed.stage(held)
    assert held.state is State.QUEUED
    sandboxed.greenroom.take_queued()
    complete_consent(sandboxed)
    staged = sandboxed.stage(held)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert sandboxed.check_arrived_once(staged)


def test_connecting_again_queues_what_was_held(sandboxed: SandboxedGreenroom) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    sandboxed.greenroom.take_queued()
    complete_consent(sandboxed)
    queued = [reference.performance_id for reference, _ in sandboxed.greenroom.take_queued()]
    assert queued == [held.performance_id]


def test_an_account_is_connected_and_taken_away_while_the_queue_takes_nothing(
    sandboxed: SandboxedGreenroom, calls: Calls
) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    failed = {"Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]}
    calls.fail("SendMessageBatch", {"Error": {"Code": "ServiceUnavailable", "Message": ""}})
    complete_consent(sandboxed)
    sandboxed.advance(FIRST_HELD_RECHECK)
    assert sandboxed.greenroom.container.overdue_performances.requeue_overdue() == 1
    assert sandboxed.stage(held).state is State.STAGED
    with pytest.MonkeyPatch.context() as patch:
        sqs = sandboxed.greenroom.clients.sqs
        patch.setattr(sqs, "send_message_batch", lambda **_: failed)
        sandboxed.greenroom.container.connections.disconnect(sandboxed.ana)
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is None


def test_a_held_send_is_looked_at_by_the_clock_too(sandboxed: SandboxedGreenroom) -> None:
    loses_account(sandboxed)
    sandboxed.stage(sandboxed.performed())
    overdue = sandboxed.greenroom.container.overdue_performances
    sandboxed.advance(FIRST_HELD_RECHECK - SECOND)
    assert overdue.requeue_overdue() == 0
    sandboxed.advance(SECOND)
    assert overdue.requeue_overdue() == 1


def test_a_held_send_fails_with_its_reason_when_the_activity_ends(
    sandboxed: SandboxedGreenroom,
) -> None:
    ends_at = sandboxed.clock.now() + timedelta(days=2)
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed(ends_at=ends_at))
    sandboxed.advance(timedelta(days=2) - SECOND)
    assert sandboxed.stage(held).state is State.QUEUED
    failed = sandboxed.stage_when_due(held)
    assert (failed.state, failed.failure) == (State.FAILED, "reconnect_required")
    assert sandboxed.greenroom.ledger(sandboxed.ana) == [("award", 10), ("reversal", -10)]


def test_without_an_end_a_send_is_held_for_a_month(sandboxed: SandboxedGreenroom) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(MAX_HELD_TIME - SECOND)
    assert sandboxed.stage(held).state is State.QUEUED
    failed = sandboxed.stage_when_due(held)
    assert failed.failure == "reconnect_required"
    assert sandboxed.check_failed(failed)


def test_a_held_send_has_its_full_time_after_the_member_reconnects(
    sandboxed: SandboxedGreenroom,
) -> None:
    loses_account(sandboxed)
    held = sandboxed.stage(sandboxed.performed())
    sandboxed.advance(timedelta(days=3))
    complete_consent(sandboxed)
    outage = {"kind": "status", "status": 503, "times": 1}
    sandboxed.sandbox.faults({"endpoint": "init", **outage})
    waiting = sandboxed.stage(held)
    assert (waiting.state, waiting.held_at) == (State.QUEUED, None)
    sandboxed.advance(RETRY_DELAY)
    assert sandboxed.stage(waiting).state is State.STAGED


def test_a_consent_that_lacks_a_scope_asks_to_reconnect(sandboxed: SandboxedGreenroom) -> None:
    lacking = {"kind": "status", "status": 401, "error_code": "scope_not_authorized"}
    sandboxed.sandbox.faults({"endpoint": "init", **lacking})
    held = sandboxed.stage(sandboxed.performed())
    assert held.held_at is not None
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_draft_begun_on_one_account_is_begun_anew_on_the_next(
    sandboxed: SandboxedGreenroom,
) -> None:
    sandboxed.tiktok.before["send"] = dies
    crashed = sandboxed.crash(sandboxed.performed())
    assert crashed.state is State.UPLOADING
    sandboxed.advance(LEASE_DURATION + UPLOAD_LIFETIME)
    assert sandboxed.stage(crashed).state is State.QUEUED
    begun = sandboxed.greenroom.asks(sandboxed.ana)
    came_back = sandboxed.sandbox.consent("bob", url=begun.authorize_url)
    sandboxed.greenroom.complete_consent(begun, "bob", code=came_back["code"])
    sandboxed.advance(REQUEUE_DELAY)
    staged = sandboxed.stage(crashed)
    assert staged.state is State.STAGED
    bob = sandboxed.sandbox.record()["people"]["bob"]
    assert bob["completed_uploads"] == 1


def test_an_account_exchanged_right_before_a_draft_is_begun_is_the_one_it_is_begun_on(
    sandboxed: SandboxedGreenroom,
) -> None:
    use = sandboxed.dependencies()
    ordinary = sandboxed.stager

    def exchanged(video_key: str, likely_byte: int = 0) -> VideoOpener:
        sandboxed.stager = ordinary
        begun = sandboxed.greenroom.asks(sandboxed.ana)
        came_back = sandboxed.sandbox.consent("bob", url=begun.authorize_url)
        sandboxed.greenroom.complete_consent(begun, "bob", code=came_back["code"])
        return use.videos.open_at(video_key, likely_byte)

    sandboxed.stager = sandboxed.worker(videos=Override(use.videos, open_at=exchanged))
    performance = sandboxed.stage(sandboxed.performed())
    assert (performance.state, performance.attempts) == (State.QUEUED, 0)
    sandboxed.advance(RETRY_DELAY)
    staged = sandboxed.stage(performance)
    assert staged.state is State.STAGED
    assert staged.open_id == sandboxed.greenroom.container.tiktok.account(sandboxed.ana).open_id
    assert sandboxed.sandbox.record()["people"]["bob"]["completed_uploads"] == 1


# Leaving


def test_disconnecting_settles_what_was_queued(sandboxed: SandboxedGreenroom) -> None:
    performance = sandboxed.performed()
    sandboxed.greenroom.take_queued()
    sandboxed.greenroom.container.connections.disconnect(sandboxed.ana)
    [(reference, _)] = sandboxed.greenroom.take_queued()
    assert reference.performance_id == performance.performance_id
    failed = sandboxed.stage(performance)
    assert failed.failure == "reconnect_required"
    assert sandboxed.drafts == 0
    assert sandboxed.check_failed(failed)


def removes(sandboxed: SandboxedGreenroom) -> None:
    database().update(
        MemberItem(sandboxed.ana.program_id, f"member#{sandboxed.ana.member_id}"),
        [MemberItem.status.set(MemberStatus.REMOVED)],
    )


def invited_anew(sandboxed: SandboxedGreenroom) -> None:
    database().update(
        MemberItem(sandboxed.ana.program_id, f"member#{sandboxed.ana.member_id}"),
        [
            MemberItem.status.set(MemberStatus.ACTIVE),
            MemberItem.invited_at.set(sandboxed.clock.now()),
            MemberItem.subject.set(f"subject-{sandboxed.ana.email}"),
        ],
    )


def test_a_member_who_leaves_is_revoked_and_keeps_the_ledger(
    sandboxed: SandboxedGreenroom,
) -> None:
    performance = sandboxed.performed()
    connections = sandboxed.greenroom.container.connections
    connections.release_removed_member(*whose(sandboxed))
    assert sandboxed.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"] == 1
    removes(sandboxed)
    for _ in range(2):
        connections.release_removed_member(*whose(sandboxed))
    assert sandboxed.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"] == 0
    failed = sandboxed.stage(performance)
    assert failed.state is State.FAILED
    assert sandboxed.greenroom.ledger(sandboxed.ana) == [("award", 10), ("reversal", -10)]


def test_nothing_is_sent_to_who_was_removed_before_that_is_heard_of(
    sandboxed: SandboxedGreenroom,
) -> None:
    performance = sandboxed.performed()
    removes(sandboxed)
    assert sandboxed.stage(performance).state is State.QUEUED
    assert (sandboxed.drafts, sandboxed.uploads) == (0, 0)
    sandboxed.greenroom.container.connections.release_removed_member(*whose(sandboxed))
    assert sandboxed.stage(performance).failure == "reconnect_required"
    assert sandboxed.greenroom.ledger(sandboxed.ana) == [("award", 10), ("reversal", -10)]


def test_no_more_bytes_go_to_who_was_removed_while_their_upload_was_torn(
    sandboxed: SandboxedGreenroom,
) -> None:
    torn(sandboxed, times=1 + MAX_RESUMES, after_bytes=1000)
    performance = sandboxed.stage(sandboxed.performed())
    removes(sandboxed)
    sandboxed.advance(LEASE_DURATION + SECOND)
    sandboxed.tiktok.made.clear()
    assert sandboxed.stage(performance).state is State.UPLOADING
    assert "send" not in sandboxed.tiktok.made
    sandboxed.sandbox.control("app", {"keep_torn_bytes": False})


def test_a_member_back_before_their_removal_is_processed_keeps_only_a_new_connection(
    sandboxed: SandboxedGreenroom,
) -> None:
    def refresh_tokens() -> int:
        live: int = sandboxed.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"]
        return live

    removes(sandboxed)
    sandboxed.advance(MINUTE)
    invited_anew(sandboxed)
    connections = sandboxed.greenroom.container.connections
    connections.release_removed_member(*whose(sandboxed))
    assert refresh_tokens() == 0
    assert sandboxed.greenroom.now(sandboxed.ana).tiktok is None
    complete_consent(sandboxed)
    connections.release_removed_member(*whose(sandboxed))
    assert refresh_tokens() == 1


def test_nothing_goes_to_the_account_of_who_had_the_address_before(
    sandboxed: SandboxedGreenroom,
) -> None:
    """Their leaving is not yet heard of when somebody, invited again, is back in their place."""
    removes(sandboxed)
    sandboxed.advance(MINUTE)
    invited_anew(sandboxed)
    performance = sandboxed.performed()
    assert sandboxed.stage(performance).state is State.QUEUED
    assert (sandboxed.drafts, sandboxed.uploads) == (0, 0)
    sandboxed.greenroom.container.connections.release_removed_member(*whose(sandboxed))
    assert sandboxed.stage(performance).failure == "reconnect_required"


def test_expired_places_of_a_member_who_never_posts_are_removed_before_they_are_needed(
    sandboxed: SandboxedGreenroom, calls: Calls
) -> None:
    staged = [sandboxed.stage(sandboxed.performed()) for _ in range(INBOX_PLACES)]
    sandboxed.advance(PLACE_LIFETIME - MINUTE)
    sandboxed.stage(staged[0])
    assert (
        len(sandboxed.greenroom.container.inbox_places.list_taken_places(*whose(sandboxed)))
        == INBOX_PLACES
    )
    for each in staged:
        assert sandboxed.stage_when_due(each).state is State.STAGED
    assert sandboxed.greenroom.container.inbox_places.list_taken_places(*whose(sandboxed)) == []
    activity = sandboxed.greenroom.activity()
    calls.made.clear()
    sandboxed.greenroom.perform(sandboxed.ana, activity)
    assert calls.names.count("TransactWriteItems") == 1
