"""What TikTok's inbox and a member's account ask of staging: places, holding, taking drafts up."""

from datetime import timedelta

import pytest

from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.performances.model import (
    HELD_LIMIT,
    HELD_LOOK,
    LEASE,
    QUEUED_AGAIN,
    UPLOAD_LIFETIME,
    Performance,
    State,
)
from chalicelib.performances.staging import LATER, RESUMES
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.model import Totals
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.store import MemberItem
from chalicelib.tiktok.client import ShareState, ShareStatus
from chalicelib.tiktok.model import INBOX_PLACES, PLACE_LIFETIME
from chalicelib.videos.service import Opener
from tests.integration.conftest import Calls
from tests.integration.theatre import Theatre, dies

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def item_of(performance: Performance) -> PerformanceItem:
    owner = f"{performance.program_id}/{performance.member_id}"
    return PerformanceItem.get(owner, performance.performance_id, consistent_read=True)


def torn(theatre: Theatre, times: int, after_bytes: int = 4096) -> None:
    theatre.sandbox.control("app", {"keep_torn_bytes": True})
    theatre.sandbox.faults(
        {
            "endpoint": "upload",
            "kind": "reset_after_bytes",
            "after_bytes": after_bytes,
            "times": times,
        }
    )


# Taking a draft up


def test_another_worker_goes_on_where_tiktok_says_the_torn_upload_has_got_to(
    theatre: Theatre,
) -> None:
    torn(theatre, times=1 + RESUMES, after_bytes=1000)
    performance = theatre.stage(theatre.performed())
    assert performance.state is State.UNCONFIRMED
    theatre.later(LEASE + SECOND)
    staged = theatre.stage(performance)
    theatre.sandbox.control("app", {"keep_torn_bytes": False})
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert staged.publish_id == performance.publish_id
    assert theatre.drafts == 1
    assert theatre.arrived_once(staged)


def test_the_address_for_the_bytes_is_kept_as_ciphertext_and_only_while_it_is_needed(
    theatre: Theatre,
) -> None:
    torn(theatre, times=1 + RESUMES, after_bytes=1000)
    performance = theatre.stage(theatre.performed())
    kept = item_of(performance).upload_address
    assert kept is not None
    assert b"upload" not in kept
    assert "upload_token" not in repr(performance)
    tiktok = theatre.greenroom.house.tiktok
    assert "upload_token" in tiktok.unseal(performance.program_id, performance.member_id, kept)
    theatre.later(LEASE + SECOND)
    assert item_of(theatre.stage(performance)).upload_address is None
    theatre.sandbox.control("app", {"keep_torn_bytes": False})


def test_an_address_that_is_gone_while_all_bytes_are_there_makes_no_second_draft(
    theatre: Theatre,
) -> None:
    gone = {"endpoint": "upload", "kind": "status", "status": 404, "when": "after"}
    theatre.sandbox.faults(gone)
    staged = theatre.stage(theatre.performed())
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert theatre.arrived_once(staged)


def test_a_draft_whose_address_dies_half_sent_is_given_up_when_its_hour_is_over(
    theatre: Theatre,
) -> None:
    gone = {"endpoint": "upload", "kind": "status", "status": 403}
    theatre.sandbox.faults(gone)
    performance = theatre.stage(theatre.performed())
    assert (performance.state, performance.upload_address) == (State.UNCONFIRMED, None)
    theatre.later(UPLOAD_LIFETIME - MINUTE)
    assert theatre.stage(performance).state is State.UNCONFIRMED
    theatre.later(2 * MINUTE)
    assert theatre.stage(performance).state is State.QUEUED
    theatre.later(LATER)
    staged = theatre.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    assert theatre.arrived_once(staged)


def test_an_address_that_is_gone_and_a_status_that_lags_behind_make_no_second_draft(
    theatre: Theatre,
) -> None:
    """Everything arrived, its answer was lost, and TikTok does not know of it yet."""
    theatre.sandbox.faults({"endpoint": "upload", "kind": "reset", "when": "after"})
    told, lags = theatre.tiktok.status, [True, True]

    def status(access_token: str, publish_id: str) -> ShareStatus:
        share = told(access_token, publish_id)
        if not lags:
            return share
        lags.pop()
        return ShareStatus(ShareState.PROCESSING_UPLOAD, uploaded_bytes=100)

    theatre.tiktok.status = status  # type: ignore[method-assign]
    staged = theatre.stage(theatre.performed())
    assert (staged.state, staged.attempts, lags) == (State.STAGED, 1, [])
    assert theatre.drafts == 1
    assert theatre.share(staged)["completed_uploads"] == 1


# Places


def test_a_sixth_send_is_refused_with_the_time_a_place_is_free(theatre: Theatre) -> None:
    first = theatre.performed()
    for _ in range(INBOX_PLACES - 1):
        theatre.later(MINUTE)
        theatre.performed()
    with pytest.raises(Problem) as refused:
        theatre.performed()
    assert refused.value.code is ProblemCode.TIKTOK_INBOX_FULL
    free_at = first.queued_at + PLACE_LIFETIME
    assert refused.value.members["retry_at"] == free_at.isoformat()
    assert "Post one of them" in refused.value.detail
    assert len(theatre.greenroom.history(theatre.ana)) == INBOX_PLACES
    assert theatre.greenroom.totals(theatre.ana) == Totals(50, 50)


def test_posting_one_frees_its_place_and_so_does_a_day(theatre: Theatre) -> None:
    staged = theatre.stage(theatre.performed())
    for _ in range(INBOX_PLACES - 1):
        theatre.later(MINUTE)
        theatre.performed()
    theatre.sandbox.person_posts("ana", staged.publish_id or "")
    theatre.later(MINUTE)
    assert theatre.stage(staged).state is State.POSTED
    theatre.performed()
    with pytest.raises(Problem, match="Post one"):
        theatre.performed()
    theatre.later(PLACE_LIFETIME - 2 * MINUTE)
    theatre.performed()


def test_a_send_that_failed_before_there_was_a_draft_takes_no_place(theatre: Theatre) -> None:
    refused = {"kind": "status", "status": 403, "error_code": "spam_risk", "times": 1}
    theatre.sandbox.faults({"endpoint": "init", **refused})
    assert theatre.stage(theatre.performed()).state is State.FAILED
    assert theatre.greenroom.house.tiktok.taken_places(*whose(theatre)) == []


def test_a_draft_whose_answer_was_lost_is_counted_as_taking_a_place(theatre: Theatre) -> None:
    theatre.sandbox.faults({"endpoint": "init", "kind": "cut", "when": "after"})
    performance = theatre.stage(theatre.performed())
    theatre.later(LATER)
    staged = theatre.stage(performance)
    assert (staged.state, staged.attempts) == (State.STAGED, 2)
    taken = theatre.greenroom.house.tiktok.taken_places(*whose(theatre))
    name = performance.performance_id
    assert sorted(place.share_id for place in taken) == [name, f"{name}.1"]


def test_what_was_held_takes_its_place_from_when_it_goes_on_its_way(theatre: Theatre) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    theatre.later(timedelta(days=3))
    comes_back(theatre)
    staged = theatre.stage(held)
    assert staged.state is State.STAGED
    [place] = theatre.greenroom.house.tiktok.taken_places(*whose(theatre))
    assert (place, place.since) == (staged.place, theatre.clock.now())
    for _ in range(INBOX_PLACES - 1):
        theatre.performed()
    with pytest.raises(Problem, match="Post one"):
        theatre.performed()
    theatre.sandbox.person_posts("ana", staged.publish_id or "")
    theatre.later(MINUTE)
    assert theatre.stage(staged).state is State.POSTED
    assert staged.place not in theatre.greenroom.house.tiktok.taken_places(*whose(theatre))


def whose(theatre: Theatre) -> tuple[str, str]:
    return theatre.ana.program_id, theatre.ana.member_id


# Holding


def loses_account(theatre: Theatre) -> None:
    theatre.sandbox.control("tokens", {"person": "ana", "expire": ["access", "refresh"]})


def comes_back(theatre: Theatre) -> None:
    begun = theatre.greenroom.asks(theatre.ana)
    came_back = theatre.sandbox.consent("ana", url=begun.authorize_url)
    theatre.greenroom.comes_back(begun, "ana", code=came_back["code"])


def test_a_send_is_held_while_its_member_has_to_reconnect_and_follows_by_itself(
    theatre: Theatre,
) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    assert (held.state, held.held_at) == (State.QUEUED, theatre.clock.now())
    assert held.next_step.startswith("Add your TikTok account again")
    assert theatre.greenroom.now(theatre.ana).tiktok is TikTokState.RECONNECT_REQUIRED
    assert theatre.greenroom.totals(theatre.ana) == Totals(10, 10)
    theatre.later(timedelta(days=3))
    held = theatre.stage(held)
    assert held.state is State.QUEUED
    theatre.greenroom.queued()
    comes_back(theatre)
    staged = theatre.stage(held)
    assert (staged.state, staged.attempts) == (State.STAGED, 1)
    assert theatre.arrived_once(staged)


def test_connecting_again_queues_what_was_held(theatre: Theatre) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    theatre.greenroom.queued()
    comes_back(theatre)
    queued = [reference.performance_id for reference, _ in theatre.greenroom.queued()]
    assert queued == [held.performance_id]


def test_an_account_is_connected_and_taken_away_while_the_queue_takes_nothing(
    theatre: Theatre, calls: Calls
) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    failed = {"Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]}
    calls.fail("SendMessageBatch", {"Error": {"Code": "ServiceUnavailable", "Message": ""}})
    comes_back(theatre)
    theatre.later(HELD_LOOK)
    assert theatre.greenroom.house.follow_up.queue_again() == 1
    assert theatre.stage(held).state is State.STAGED
    with pytest.MonkeyPatch.context() as patch:
        sqs = theatre.greenroom.queue._sqs
        patch.setattr(sqs, "send_message_batch", lambda **_: failed)
        theatre.greenroom.house.performances.disconnect(theatre.ana)
    assert theatre.greenroom.now(theatre.ana).tiktok is None


def test_a_held_send_is_looked_at_by_the_clock_too(theatre: Theatre) -> None:
    loses_account(theatre)
    theatre.stage(theatre.performed())
    follow_up = theatre.greenroom.house.follow_up
    theatre.later(HELD_LOOK - SECOND)
    assert follow_up.queue_again() == 0
    theatre.later(SECOND)
    assert follow_up.queue_again() == 1


def test_a_held_send_fails_with_its_reason_when_the_activity_ends(theatre: Theatre) -> None:
    ends_at = theatre.clock.now() + timedelta(days=2)
    loses_account(theatre)
    held = theatre.stage(theatre.performed(ends_at=ends_at))
    theatre.later(timedelta(days=2) - SECOND)
    assert theatre.stage(held).state is State.QUEUED
    theatre.later(SECOND)
    failed = theatre.stage(held)
    assert (failed.state, failed.failure) == (State.FAILED, "reconnect_required")
    assert theatre.greenroom.ledger(theatre.ana) == [("award", 10), ("reversal", -10)]


def test_without_an_end_a_send_is_held_for_a_month(theatre: Theatre) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    theatre.later(HELD_LIMIT - SECOND)
    assert theatre.stage(held).state is State.QUEUED
    theatre.later(SECOND)
    failed = theatre.stage(held)
    assert failed.failure == "reconnect_required"
    assert theatre.failed_for_good(failed)


def test_what_was_held_has_its_full_time_to_be_sent_once_the_member_is_back(
    theatre: Theatre,
) -> None:
    loses_account(theatre)
    held = theatre.stage(theatre.performed())
    theatre.later(timedelta(days=3))
    comes_back(theatre)
    outage = {"kind": "status", "status": 503, "times": 1}
    theatre.sandbox.faults({"endpoint": "init", **outage})
    waiting = theatre.stage(held)
    assert (waiting.state, waiting.held_at) == (State.QUEUED, None)
    theatre.later(LATER)
    assert theatre.stage(waiting).state is State.STAGED


def test_a_consent_that_lacks_a_scope_asks_to_reconnect(theatre: Theatre) -> None:
    lacking = {"kind": "status", "status": 401, "error_code": "scope_not_authorized"}
    theatre.sandbox.faults({"endpoint": "init", **lacking})
    held = theatre.stage(theatre.performed())
    assert held.held_at is not None
    assert theatre.greenroom.now(theatre.ana).tiktok is TikTokState.RECONNECT_REQUIRED


def test_a_draft_begun_on_one_account_is_begun_anew_on_the_next(theatre: Theatre) -> None:
    theatre.tiktok.before["send"] = dies
    crashed = theatre.crashes(theatre.performed())
    assert crashed.state is State.UNCONFIRMED
    theatre.later(LEASE + UPLOAD_LIFETIME)
    assert theatre.stage(crashed).state is State.QUEUED
    begun = theatre.greenroom.asks(theatre.ana)
    came_back = theatre.sandbox.consent("bob", url=begun.authorize_url)
    theatre.greenroom.comes_back(begun, "bob", code=came_back["code"])
    theatre.later(QUEUED_AGAIN)
    staged = theatre.stage(crashed)
    assert staged.state is State.STAGED
    bob = theatre.sandbox.record()["people"]["bob"]
    assert bob["completed_uploads"] == 1


def test_an_account_exchanged_right_before_a_draft_is_begun_is_the_one_it_is_begun_on(
    theatre: Theatre,
) -> None:
    open_at = theatre.stager._videos.open_at

    def exchanged(video_key: str, likely_byte: int = 0) -> Opener:
        theatre.stager._videos.open_at = open_at  # type: ignore[method-assign]
        begun = theatre.greenroom.asks(theatre.ana)
        came_back = theatre.sandbox.consent("bob", url=begun.authorize_url)
        theatre.greenroom.comes_back(begun, "bob", code=came_back["code"])
        return open_at(video_key, likely_byte)

    theatre.stager._videos.open_at = exchanged  # type: ignore[method-assign]
    performance = theatre.stage(theatre.performed())
    assert (performance.state, performance.attempts) == (State.QUEUED, 0)
    theatre.later(LATER)
    staged = theatre.stage(performance)
    assert staged.state is State.STAGED
    assert staged.open_id == theatre.greenroom.house.tiktok.account(theatre.ana).open_id
    assert theatre.sandbox.record()["people"]["bob"]["completed_uploads"] == 1


# Leaving


def test_disconnecting_settles_what_was_queued(theatre: Theatre) -> None:
    performance = theatre.performed()
    theatre.greenroom.queued()
    theatre.greenroom.house.performances.disconnect(theatre.ana)
    [(reference, _)] = theatre.greenroom.queued()
    assert reference.performance_id == performance.performance_id
    failed = theatre.stage(performance)
    assert failed.failure == "reconnect_required"
    assert theatre.drafts == 0
    assert theatre.failed_for_good(failed)


def removes(theatre: Theatre) -> None:
    MemberItem(theatre.ana.program_id, f"member#{theatre.ana.member_id}").update(
        [MemberItem.status.set(MemberStatus.REMOVED.value)]
    )


def invited_anew(theatre: Theatre) -> None:
    MemberItem(theatre.ana.program_id, f"member#{theatre.ana.member_id}").update(
        [
            MemberItem.status.set(MemberStatus.ACTIVE.value),
            MemberItem.invited_at.set(theatre.clock.now()),
        ]
    )


def test_who_leaves_the_program_is_revoked_and_keeps_the_ledger(theatre: Theatre) -> None:
    performance = theatre.performed()
    performances = theatre.greenroom.house.performances
    performances.depart(*whose(theatre))
    assert theatre.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"] == 1
    removes(theatre)
    for _ in range(2):
        performances.depart(*whose(theatre))
    assert theatre.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"] == 0
    failed = theatre.stage(performance)
    assert failed.state is State.FAILED
    assert theatre.greenroom.ledger(theatre.ana) == [("award", 10), ("reversal", -10)]


def test_nothing_is_sent_to_who_was_removed_before_that_is_heard_of(theatre: Theatre) -> None:
    performance = theatre.performed()
    removes(theatre)
    assert theatre.stage(performance).state is State.QUEUED
    assert (theatre.drafts, theatre.uploads) == (0, 0)
    theatre.greenroom.house.performances.depart(*whose(theatre))
    assert theatre.stage(performance).failure == "reconnect_required"
    assert theatre.greenroom.ledger(theatre.ana) == [("award", 10), ("reversal", -10)]


def test_no_more_bytes_go_to_who_was_removed_while_their_upload_was_torn(
    theatre: Theatre,
) -> None:
    torn(theatre, times=1 + RESUMES, after_bytes=1000)
    performance = theatre.stage(theatre.performed())
    removes(theatre)
    theatre.later(LEASE + SECOND)
    theatre.tiktok.made.clear()
    assert theatre.stage(performance).state is State.UNCONFIRMED
    assert "send" not in theatre.tiktok.made
    theatre.sandbox.control("app", {"keep_torn_bytes": False})


def test_who_came_back_before_their_leaving_was_heard_of_keeps_only_a_connection_made_since(
    theatre: Theatre,
) -> None:
    def refresh_tokens() -> int:
        live: int = theatre.sandbox.record()["people"]["ana"]["tokens"]["refresh_live"]
        return live

    removes(theatre)
    theatre.later(MINUTE)
    invited_anew(theatre)
    performances = theatre.greenroom.house.performances
    performances.depart(*whose(theatre))
    assert refresh_tokens() == 0
    assert theatre.greenroom.now(theatre.ana).tiktok is None
    comes_back(theatre)
    performances.depart(*whose(theatre))
    assert refresh_tokens() == 1


def test_nothing_goes_to_the_account_of_who_had_the_address_before(theatre: Theatre) -> None:
    """Their leaving is not yet heard of when somebody, invited again, is back in their place."""
    removes(theatre)
    theatre.later(MINUTE)
    invited_anew(theatre)
    performance = theatre.performed()
    assert theatre.stage(performance).state is State.QUEUED
    assert (theatre.drafts, theatre.uploads) == (0, 0)
    theatre.greenroom.house.performances.depart(*whose(theatre))
    assert theatre.stage(performance).failure == "reconnect_required"


def test_who_never_posts_has_their_places_cleared_away_before_they_need_them(
    theatre: Theatre, calls: Calls
) -> None:
    staged = [theatre.stage(theatre.performed()) for _ in range(INBOX_PLACES)]
    theatre.later(PLACE_LIFETIME - MINUTE)
    theatre.stage(staged[0])
    assert len(theatre.greenroom.house.tiktok.taken_places(*whose(theatre))) == INBOX_PLACES
    theatre.later(MINUTE)
    for each in staged:
        assert theatre.stage(each).state is State.STAGED
    assert theatre.greenroom.house.tiktok.taken_places(*whose(theatre)) == []
    activity = theatre.greenroom.activity()
    calls.made.clear()
    theatre.greenroom.perform(theatre.ana, activity)
    assert calls.names.count("TransactWriteItems") == 1
