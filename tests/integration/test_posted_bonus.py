"""The posted bonus: awarded once when TikTok says posted, however that is told, and kept."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest

from chalicelib.activities.model import Activity
from chalicelib.foundation.identity import Caller
from chalicelib.performances.model import Performance, State
from chalicelib.points.model import Totals
from tests.integration.conftest import Calls
from tests.integration.greenroom import Greenroom
from tests.integration.sandboxed_greenroom import SandboxedGreenroom
from tests.integration.test_performances import COMPLETE, DELIVERED, FAILED, hear, moved
from tests.integration.upload_services import GOOD

MINUTE = timedelta(minutes=1)
GONE = "post.publish.no_longer_publicaly_available"
PAID = [("award", 10), ("bonus", 25)]


@pytest.fixture
def ana(greenroom: Greenroom) -> Caller:
    greenroom.connect_account(greenroom.manager, "ana")
    return greenroom.now(greenroom.manager)


@pytest.fixture
def activity(greenroom: Greenroom, ana: Caller) -> Activity:
    return greenroom.activity(posted_bonus=25)


@pytest.fixture
def sending(greenroom: Greenroom, ana: Caller, activity: Activity) -> Performance:
    """A performance whose bytes are on their way under the publish id `p_1`."""
    return moved(greenroom, greenroom.perform(ana, activity), State.UPLOADING)


@pytest.mark.parametrize("told", list(permutations([DELIVERED, COMPLETE, COMPLETE, GONE, FAILED])))
def test_a_post_told_twice_late_or_in_any_order_brings_the_bonus_once(
    greenroom: Greenroom, ana: Caller, sending: Performance, told: Sequence[str]
) -> None:
    for name in told:
        hear(greenroom, name, publish_id="p_1", reason="internal")
        greenroom.clock.advance(MINUTE)
    assert greenroom.stored(sending).state is State.POSTED
    assert sorted(greenroom.ledger(ana)) == PAID
    assert greenroom.totals(ana) == Totals(35, 35)


def test_a_video_that_is_staged_and_not_posted_brings_no_bonus(
    greenroom: Greenroom, ana: Caller, sending: Performance
) -> None:
    hear(greenroom, DELIVERED, publish_id="p_1")
    assert greenroom.ledger(ana) == [("award", 10)]


def test_a_post_that_is_removed_keeps_its_bonus(
    greenroom: Greenroom, ana: Caller, sending: Performance
) -> None:
    hear(greenroom, COMPLETE, publish_id="p_1")
    hear(greenroom, GONE, publish_id="p_1", post_id="1")
    assert greenroom.totals(ana) == Totals(35, 35)


def test_the_bonus_is_that_of_the_moment_the_performance_was_made(
    greenroom: Greenroom, ana: Caller, activity: Activity, sending: Performance
) -> None:
    edited = greenroom.container.activities.edit(
        ana, activity.activity_id, activity.version, posted_bonus=0, points=1
    )
    assert (edited.posted_bonus, sending.posted_bonus) == (0, 25)
    hear(greenroom, COMPLETE, publish_id="p_1")
    assert sorted(greenroom.ledger(ana)) == PAID


def test_an_activity_without_a_bonus_brings_none(greenroom: Greenroom, ana: Caller) -> None:
    performance = moved(greenroom, greenroom.perform(ana, greenroom.activity()), State.UPLOADING)
    hear(greenroom, COMPLETE, publish_id="p_1")
    assert greenroom.stored(performance).state is State.POSTED
    assert greenroom.ledger(ana) == [("award", 10)]


def test_a_managers_trial_brings_no_bonus(
    greenroom: Greenroom, ana: Caller, activity: Activity
) -> None:
    trial = greenroom.container.performances.send_trial(ana, activity.activity_id, "c")
    assert trial.posted_bonus == 0
    moved(greenroom, trial, State.UPLOADING)
    hear(greenroom, COMPLETE, publish_id="p_1")
    assert (greenroom.stored(trial).state, greenroom.ledger(ana)) == (State.POSTED, [])


def test_performing_costs_no_more_for_the_bonus(
    greenroom: Greenroom, ana: Caller, activity: Activity, calls: Calls
) -> None:
    greenroom.perform(ana, greenroom.activity())
    calls.made.clear()
    greenroom.perform(greenroom.now(ana), activity)
    assert len(calls.made) == 3


@pytest.mark.parametrize("webhook_first", [True, False])
def test_a_status_check_and_a_webhook_that_tell_of_one_post_bring_its_bonus_once(
    sandboxed: SandboxedGreenroom, webhook_first: bool
) -> None:
    """Also when the webhook comes while the check is under way, or after it."""
    greenroom, ana = sandboxed.greenroom, sandboxed.ana
    activity = greenroom.activity(posted_bonus=25)
    staged = sandboxed.stage(greenroom.perform(greenroom.now(ana), activity))
    sandboxed.sandbox.person_posts("ana", staged.publish_id or "")
    sandboxed.advance(MINUTE)

    def told() -> None:
        hear(greenroom, COMPLETE, publish_id=staged.publish_id)

    if webhook_first:
        sandboxed.tiktok.before["status"] = told
    assert sandboxed.stage(staged).state is State.POSTED
    told()
    assert sorted(greenroom.ledger(ana)) == PAID


def test_duplicates_and_new_activities_have_the_bonus_they_are_given(
    greenroom: Greenroom, ana: Caller, activity: Activity
) -> None:
    service = greenroom.container.activities
    upload = greenroom.container.videos.ask_for_upload(ana, "video/webm", "c").upload
    key = f"videos/{upload.program_id}/{upload.upload_id}/etag"
    uploads = greenroom.container.upload_store
    assert uploads.decide(upload, GOOD, (), key, greenroom.clock.now())
    made = service.create(ana, upload.upload_id, posted_bonus=40)
    assert made.posted_bonus == 40
    assert service.duplicate(ana, made.activity_id).posted_bonus == 40
    assert service.duplicate(ana, made.activity_id, posted_bonus=0).posted_bonus == 0
    assert service.create(ana, upload.upload_id).posted_bonus == 0
    assert service.activity(ana, made.activity_id).posted_bonus == 40
