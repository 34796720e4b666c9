"""Activities edited, duplicated and archived: nobody overwrites what they have not seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState, ActivityStatus, VideoChanged
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.store import ActivityItem, ActivityStore
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict
from tests.clock import NOON
from tests.integration.activity_services import (
    HOUR,
    MEMBER,
    ActivityServices,
    end_activity,
    ids,
    verdict,
)
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.upload_services import GOOD, MANAGER, STRANGER

SECOND = timedelta(seconds=1)
OTHER = replace(MANAGER, member_id="mem_9", chosen_zone="America/New_York")


def refusal(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value


def performed(services: ActivityServices, activity: Activity) -> Activity:
    """Let somebody perform an activity, as far as it learns of that."""
    database().commit([*services.lifecycle.note_performed(activity)])
    return services.now(activity)


# Editing

CHANGES: list[dict[str, Any]] = [
    {"instructions": "Share that"},
    {"points": 0},
    {"featured": True},
    {"campaign_id": "cam_1"},
    {"channel_ids": frozenset({"chn_1", "chn_2"})},
    {"captions": ("One", "Two")},
    {"hashtags": ("#one", "#two")},
    {"disclosure": "Ad"},
    {"disclosure": ""},
]


@pytest.mark.parametrize("changes", CHANGES, ids="-".join)
@pytest.mark.parametrize("state", [ActivityState.PUBLISHED, ActivityState.PROCESSING])
def test_a_change_is_made_and_counted_and_the_same_again_is_none(
    services: ActivityServices, changes: dict[str, Any], state: ActivityState
) -> None:
    services.groupings.channels_of = {"chn_1": False, "chn_2": False}
    services.groupings.campaigns_of = {"cam_1": False}
    activity = services.put(state=state)
    edited = services.service.edit(MANAGER, activity.activity_id, 1, **changes)
    turned: dict[str, Any] = {"featured_changes": (NOON,)} if "featured" in changes else {}
    assert edited == replace(activity, version=2, **changes, **turned)
    assert services.now(activity) == edited
    assert services.service.edit(MANAGER, activity.activity_id, 2, **changes) == edited
    assert services.now(activity) == edited


def test_a_removed_field_disappears_from_every_list(services: ActivityServices) -> None:
    services.groupings.campaigns_of = {"cam_1": False}
    services.groupings.channels_of = {"chn_1": False}
    activity = services.made(
        services.upload_services.validated_upload(),
        starts_at="2026-06-20T09:00",
        ends_at="2026-07-01T09:00",
        campaign_id="cam_1",
        channel_ids=["chn_1"],
        captions=["a"],
        hashtags=["b"],
        disclosure="Ad",
    )
    edited = services.service.edit(
        MANAGER,
        activity.activity_id,
        1,
        starts_at=None,
        ends_at=None,
        campaign_id=None,
        channel_ids=[],
        captions=[],
        hashtags=[],
        disclosure=None,
    )
    bare = replace(
        activity,
        starts_at=None,
        ends_at=None,
        campaign_id=None,
        channel_ids=frozenset(),
        captions=(),
        hashtags=(),
        disclosure=None,
        version=2,
    )
    assert edited == services.now(activity) == bare
    assert services.feed_ids() == [activity.activity_id]
    assert services.service.activities(MANAGER, 9, None, campaign_id="cam_1").items == ()
    services.clock.advance(30 * 24 * HOUR)
    assert services.sweeper.end_expired() == 0


def test_of_two_managers_editing_one_the_later_is_told_the_version_and_overwrites_nothing(
    services: ActivityServices,
) -> None:
    activity = services.put()
    first = services.service.edit(MANAGER, activity.activity_id, 1, points=1)
    problem = refusal(lambda: services.service.edit(OTHER, activity.activity_id, 1, points=2))
    assert (problem.code, problem.members) == (ProblemCode.CHANGED_MEANWHILE, {"version": 2})
    assert services.now(activity) == first
    assert services.service.edit(OTHER, activity.activity_id, 2, points=2).points == 2


@pytest.mark.parametrize("finish", ["end", "archive"])
def test_ending_and_archiving_heed_the_version_that_was_seen_if_one_is_told(
    services: ActivityServices, finish: str
) -> None:
    activity = services.put()
    use: Any = getattr(services.service, finish)
    changed = services.service.edit(MANAGER, activity.activity_id, 1, points=1)
    problem = refusal(lambda: use(OTHER, activity.activity_id, 1))
    assert (problem.code, problem.members) == (ProblemCode.CHANGED_MEANWHILE, {"version": 2})
    assert services.now(activity) == changed
    finished = use(OTHER, activity.activity_id, 2)
    # Sent again because its answer was lost, it finds what it did.
    assert use(OTHER, activity.activity_id, 2) == finished == services.now(activity)


def test_between_reading_and_writing_nobody_slips_in(services: ActivityServices) -> None:
    activity = services.put()
    services.store.meanwhile = lambda: services.service.edit(
        OTHER, activity.activity_id, 1, points=1
    )
    problem = refusal(lambda: services.service.edit(MANAGER, activity.activity_id, 1, points=2))
    assert problem.members == {"version": 2}
    assert services.now(activity).points == 1


@pytest.mark.parametrize("problems", [(), ("some",)])
def test_a_verdict_that_comes_while_one_edits_loses_neither(
    services: ActivityServices, problems: tuple[str, ...]
) -> None:
    upload = services.upload_services.posted_upload(b"bad")
    activity = services.made(upload, ends_at="2026-07-01T09:00")
    services.upload_services.service.validate(upload.incoming_key)
    found = services.upload_services.now(upload).problems if problems else ()
    services.store.meanwhile = lambda: services.lifecycle.apply_verdict(
        verdict(activity, problems=found), services.verdicts
    )
    edited = services.service.edit(MANAGER, activity.activity_id, 1, points=3, ends_at=None)
    assert (edited.points, edited.ends_at, edited.problems) == (3, None, found)
    assert edited.state is (ActivityState.REJECTED if problems else ActivityState.PUBLISHED)
    assert services.now(activity) == edited


def test_an_edit_that_comes_while_a_verdict_settles_loses_neither(
    services: ActivityServices,
) -> None:
    activity = services.made(services.upload_services.posted_upload(), ends_at="2026-07-01T09:00")
    services.store.meanwhile = lambda: services.service.edit(
        MANAGER, activity.activity_id, 1, featured=True, ends_at=None
    )
    services.lifecycle.apply_verdict(verdict(activity), services.verdicts)
    settled = services.now(activity)
    assert settled.state is ActivityState.PUBLISHED
    assert (settled.featured, settled.ends_at, settled.version) == (True, None, 2)
    services.clock.advance(30 * 24 * HOUR)
    assert services.sweeper.end_expired() == 0
    assert services.feed_ids() == [activity.activity_id]


def test_a_verdict_for_what_keeps_changing_comes_again(services: ActivityServices) -> None:
    activity = services.made(services.upload_services.posted_upload())
    services.store.each_time = lambda found: database().put(
        ActivityItem.of(replace(found, version=found.version + 1))
    )
    with pytest.raises(Conflict):
        services.lifecycle.apply_verdict(verdict(activity), services.verdicts)
    assert services.now(activity).state is ActivityState.PROCESSING


@pytest.mark.parametrize(
    "changes",
    [
        {"state": ActivityState.ENDED, "ended_at": NOON - HOUR},
        {"state": ActivityState.ARCHIVED, "ended_at": NOON - HOUR},
        {"ends_at": NOON},
    ],
)
def test_an_ended_activity_is_unchanged_by_the_sweep(
    services: ActivityServices, changes: dict[str, Any]
) -> None:
    activity = services.put(**changes)
    for wanted in ({"points": 1}, {"ends_at": "2026-07-01T09:00"}, {"ends_at": None}):
        problem = refusal(
            partial(services.service.edit, MANAGER, activity.activity_id, 1, **wanted)
        )
        assert problem.code is ActivityProblem.ACTIVITY_ENDED
    assert services.now(activity) == activity


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"channel_ids": ["chn_1", "chn_x"]}, "channel_ids", "unknown_channel"),
        ({"channel_ids": ["chn_old"]}, "channel_ids", "channel_archived"),
        ({"campaign_id": "cam_x"}, "campaign_id", "unknown_campaign"),
        ({"campaign_id": "cam_old"}, "campaign_id", "campaign_archived"),
        ({"captions": ["x" * 1800]}, "captions.0", "too_long"),
        ({"captions": [""]}, "captions.0", "blank"),
        ({"hashtags": ["two words"]}, "hashtags.0", "invalid_hashtag"),
        ({"ends_at": "2026-06-15T13:59"}, "ends_at", "in_the_past"),
        ({"starts_at": "2026-06-15T13:50"}, "starts_at", "in_the_past"),
        ({"starts_at": "2026-10-25T02:30"}, "starts_at", "time_exists_twice"),
        ({"ends_at": "2026-10-25T02:30"}, "ends_at", "time_exists_twice"),
        ({"starts_at": "2027-03-28T02:30"}, "starts_at", "time_does_not_exist"),
        ({"ends_at": "2027-03-28T02:30"}, "ends_at", "time_does_not_exist"),
    ],
)
@pytest.mark.parametrize("use", ["create", "edit", "duplicate"])
def test_an_impossible_change_is_refused_naming_the_field_and_writes_nothing(
    services: ActivityServices, use: str, changes: dict[str, Any], field: str, code: str
) -> None:
    services.groupings.channels_of = {"chn_1": False, "chn_old": True}
    services.groupings.campaigns_of = {"cam_old": True}
    activity = services.made(services.upload_services.validated_upload())
    attempts: dict[str, Callable[[], object]] = {
        "create": lambda: services.service.create(MANAGER, activity.upload_id, **changes),
        "edit": lambda: services.service.edit(MANAGER, activity.activity_id, 1, **changes),
        "duplicate": lambda: services.service.duplicate(MANAGER, activity.activity_id, **changes),
    }
    problem = refusal(attempts[use])
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert [(each.field, each.code) for each in problem.errors] == [(field, code)]
    choices = {
        "time_exists_twice": ["+02:00", "+01:00"],
        "time_does_not_exist": ["+01:00", "+02:00"],
    }
    assert problem.members.get("offsets") == choices.get(code)
    assert services.all() == [activity]


def test_channels_and_campaign_of_before_may_stay_when_they_were_archived_since(
    services: ActivityServices,
) -> None:
    services.groupings.channels_of = {"chn_1": True, "chn_2": False}
    activity = services.put(channel_ids=frozenset({"chn_1"}), campaign_id="cam_1")
    edited = services.service.edit(
        MANAGER, activity.activity_id, 1, channel_ids=["chn_1", "chn_2"], campaign_id="cam_1"
    )
    assert edited.channel_ids == {"chn_1", "chn_2"}
    assert services.groupings.asked == ["channels"]


def test_another_programs_channels_and_campaigns_are_none_of_ones_own(
    services: ActivityServices,
) -> None:
    services.groupings.channels_of = {"chn_1": False}
    services.groupings.campaigns_of = {"cam_1": False}
    activity = services.put(program_id=STRANGER.program_id)
    wanted: list[dict[str, Any]] = [{"channel_ids": ["chn_1"]}, {"campaign_id": "cam_1"}]
    for each in wanted:
        attempt = partial(services.service.edit, STRANGER, activity.activity_id, 1, **each)
        assert refusal(attempt).code is ProblemCode.INVALID_REQUEST


@pytest.mark.parametrize("use", ["edit", "duplicate", "archive"])
def test_an_activity_of_another_program_is_like_one_that_is_not_there(
    services: ActivityServices, use: str
) -> None:
    activity = services.put()
    more: tuple[int, ...] = (1,) if use == "edit" else ()
    problems = [
        refusal(partial(getattr(services.service, use), STRANGER, each, *more)).to_dict()
        for each in (activity.activity_id, "act_unknown")
    ]
    assert problems[0] == problems[1]
    assert problems[0]["code"] == "not_found"
    assert services.now(activity) == activity


# Time


def test_an_end_is_moved_later_and_earlier_and_the_sweep_heeds_it(
    services: ActivityServices,
) -> None:
    activity = services.put(ends_at=NOON + HOUR)
    services.service.edit(MANAGER, activity.activity_id, 1, ends_at="2026-06-15T16:00")
    services.clock.at = NOON + HOUR
    assert services.sweeper.end_expired() == 0
    assert services.feed_ids() == [activity.activity_id]
    services.service.edit(MANAGER, activity.activity_id, 2, ends_at="2026-06-15T15:30")
    services.clock.at = NOON + 3 * HOUR / 2
    assert services.feed_ids() == []
    assert services.sweeper.end_expired() == 1
    assert services.now(activity).ended_at == NOON + 3 * HOUR / 2


@pytest.mark.parametrize("moved_to", ["2026-06-15T15:30", "2026-06-15T14:30:01"])
def test_an_end_moved_while_a_sweep_is_under_way_wins(
    services: ActivityServices, moved_to: str
) -> None:
    activity, other = services.put(ends_at=NOON + HOUR / 2), services.put(ends_at=NOON + HOUR / 2)
    services.clock.at = NOON + HOUR / 2 - SECOND
    edit = services.service.edit

    class Raced(ActivityStore):
        def due_to_end(self, now: datetime, count: int) -> Any:
            found = super().due_to_end(now + SECOND, count)  # its clock is ahead of the manager's
            edit(MANAGER, activity.activity_id, 1, ends_at=moved_to)
            return found

    assert services.sweeper_with(Raced(database())).end_expired() == 1
    assert services.now(other).state is ActivityState.ENDED
    assert services.now(activity).status_at(services.clock.now()) is ActivityStatus.ACTIVE


def test_a_sweep_that_was_faster_than_an_edit_wins(services: ActivityServices) -> None:
    activity = services.put(ends_at=NOON + HOUR)
    services.store.meanwhile = lambda: end_activity(services.store, activity, NOON + HOUR)
    attempt = partial(services.service.edit, MANAGER, activity.activity_id, 1, ends_at=None)
    assert refusal(attempt).code is ActivityProblem.ACTIVITY_ENDED
    assert services.now(activity).state is ActivityState.ENDED


def test_times_are_meant_in_the_zone_of_who_moves_them_and_others_stay_where_they_are(
    services: ActivityServices,
) -> None:
    activity = services.made(
        services.upload_services.validated_upload(),
        starts_at="2026-06-20T09:00",
        ends_at="2026-12-01T09:00",
    )
    services.service.edit(OTHER, activity.activity_id, 1, points=1)
    assert services.now(activity).time_zone == "Europe/Berlin"
    edited = services.service.edit(OTHER, activity.activity_id, 2, ends_at="2026-12-02T09:00")
    assert edited.starts_at == activity.starts_at
    assert edited.ends_at == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
    assert edited.time_zone == "America/New_York"


def test_a_start_sent_back_as_it_was_may_lie_behind_and_a_new_one_may_not(
    services: ActivityServices,
) -> None:
    activity = services.put(starts_at=NOON - HOUR)
    edited = services.service.edit(
        MANAGER, activity.activity_id, 1, starts_at="2026-06-15T13:00", points=1
    )
    assert (edited.starts_at, edited.points) == (NOON - HOUR, 1)
    later = services.service.edit(MANAGER, activity.activity_id, 2, starts_at="2026-06-15T15:00")
    assert later.status_at(NOON) is ActivityStatus.SCHEDULED
    assert services.feed_ids() == []


# The video


def test_while_nobody_performed_an_activity_its_video_can_be_changed(
    services: ActivityServices,
) -> None:
    activity = services.made(services.upload_services.validated_upload(b"first"))
    second = services.upload_services.validated_upload(b"second one")
    edited = services.service.edit(MANAGER, activity.activity_id, 1, upload_id=second.upload_id)
    assert edited == services.now(activity)
    assert (edited.video_key, edited.video) == (second.video_key, second.video)
    assert services.feed_ids() == [activity.activity_id]


def test_a_video_still_being_validated_takes_the_activity_out_until_its_own_verdict(
    services: ActivityServices,
) -> None:
    first, second = (
        services.upload_services.posted_upload(b"first"),
        services.upload_services.posted_upload(b"second"),
    )
    activity = services.made(first)
    edited = services.service.edit(MANAGER, activity.activity_id, 1, upload_id=second.upload_id)
    assert edited.state is ActivityState.PROCESSING
    services.lifecycle.apply_verdict(
        verdict(activity), services.verdicts
    )  # of the video it had before
    assert services.now(activity) == edited
    services.lifecycle.apply_verdict(verdict(edited), services.verdicts)
    assert services.now(activity).state is ActivityState.PUBLISHED


def test_another_video_saves_a_rejected_activity(services: ActivityServices) -> None:
    upload = services.upload_services.posted_upload(b"bad")
    activity = services.made(upload)
    services.upload_services.service.validate(upload.incoming_key)
    problems = services.upload_services.now(upload).problems
    services.lifecycle.apply_verdict(verdict(activity, problems=problems), services.verdicts)
    assert services.now(activity).problems == problems
    good = services.upload_services.validated_upload()
    saved = services.service.edit(MANAGER, activity.activity_id, 1, upload_id=good.upload_id)
    assert (saved.state, saved.problems) == (ActivityState.PUBLISHED, ())
    assert services.feed_ids() == [activity.activity_id]


def test_the_video_of_what_somebody_performed_stays_and_all_else_may_change(
    services: ActivityServices,
) -> None:
    activity = performed(services, services.made(services.upload_services.validated_upload()))
    other = services.upload_services.validated_upload()
    attempt = partial(
        services.service.edit, MANAGER, activity.activity_id, 1, upload_id=other.upload_id, points=4
    )
    assert refusal(attempt).code is ActivityProblem.ACTIVITY_PERFORMED
    assert services.now(activity) == activity
    edited = services.service.edit(
        MANAGER, activity.activity_id, 1, points=4, upload_id=activity.upload_id
    )
    assert edited == replace(activity, points=4, version=2) == services.now(activity)


@pytest.mark.parametrize(
    "changes",
    [*CHANGES, {"starts_at": "2026-06-15T15:00"}, {"ends_at": "2026-06-15T15:00"}],
    ids="-".join,
)
def test_a_performed_activity_may_change_except_its_video(
    services: ActivityServices, changes: dict[str, Any]
) -> None:
    services.groupings.channels_of = {"chn_1": False, "chn_2": False}
    services.groupings.campaigns_of = {"cam_1": False}
    activity = performed(services, services.put())
    edited = services.service.edit(MANAGER, activity.activity_id, 1, **changes)
    assert edited == services.now(activity) != activity
    assert (edited.performed, edited.version) == (True, 2)
    assert (edited.video_key, edited.upload_id) == (activity.video_key, activity.upload_id)


def test_a_first_performance_while_the_video_is_being_changed_keeps_the_video(
    services: ActivityServices,
) -> None:
    activity = services.made(services.upload_services.validated_upload())
    other = services.upload_services.validated_upload()
    services.store.meanwhile = lambda: performed(services, activity)
    attempt = partial(
        services.service.edit, MANAGER, activity.activity_id, 1, upload_id=other.upload_id
    )
    assert refusal(attempt).code is ActivityProblem.ACTIVITY_PERFORMED
    assert services.now(activity) == replace(activity, performed=True)


def test_a_first_performance_while_something_else_is_being_changed_is_not_forgotten(
    services: ActivityServices,
) -> None:
    activity = services.made(services.upload_services.validated_upload())
    services.store.meanwhile = lambda: performed(services, activity)
    services.service.edit(MANAGER, activity.activity_id, 1, points=4)
    assert services.now(activity) == replace(activity, performed=True, points=4, version=2)


def test_a_perform_with_an_outdated_video_is_not_the_first(
    services: ActivityServices,
) -> None:
    activity = services.made(services.upload_services.validated_upload())
    other = services.upload_services.validated_upload()
    edited = services.service.edit(MANAGER, activity.activity_id, 1, upload_id=other.upload_id)
    with pytest.raises(VideoChanged):
        performed(services, activity)
    assert services.now(activity) == edited


# Duplicating


def test_a_duplicate_is_the_same_but_new_unperformed_and_without_times_that_lie_behind(
    services: ActivityServices,
) -> None:
    services.groupings.channels_of = {"chn_1": False}
    services.groupings.campaigns_of = {"cam_1": False}
    upload = services.upload_services.validated_upload()
    source = services.put(
        upload_id=upload.upload_id,
        starts_at=NOON - HOUR,
        ends_at=NOON,
        featured=True,
        points=7,
        channel_ids=frozenset({"chn_1"}),
        campaign_id="cam_1",
        captions=("a", "b"),
        hashtags=("#c",),
        disclosure="",
        performed=True,
        version=9,
        instructions="Share that",
    )
    copy = services.service.duplicate(OTHER, source.activity_id)
    assert (
        copy
        == services.now(copy)
        == replace(
            source,
            activity_id=copy.activity_id,
            starts_at=None,
            ends_at=None,
            performed=False,
            version=1,
            created_by=OTHER.member_id,
            created_at=NOON,
            video=upload.video,
            video_key=upload.video_key,
        )
    )
    assert services.now(source) == source


def test_a_duplicate_keeps_times_that_lie_ahead_and_takes_what_is_told_otherwise(
    services: ActivityServices,
) -> None:
    services.groupings.campaigns_of = {"cam_2": False}
    source = services.made(
        services.upload_services.validated_upload(),
        starts_at="2026-06-20T09:00",
        ends_at="2026-12-01T09:00",
    )
    copy = services.service.duplicate(MANAGER, source.activity_id)
    assert (copy.starts_at, copy.ends_at) == (source.starts_at, source.ends_at)
    other = services.service.duplicate(
        OTHER, source.activity_id, campaign_id="cam_2", ends_at="2026-12-02T09:00", starts_at=None
    )
    assert (other.campaign_id, other.starts_at) == ("cam_2", None)
    assert other.ends_at == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("state", [ActivityState.ENDED, ActivityState.ARCHIVED])
def test_an_ended_or_archived_activity_can_be_duplicated(
    services: ActivityServices, state: ActivityState
) -> None:
    upload = services.upload_services.validated_upload()
    source = services.put(upload_id=upload.upload_id, state=state, ended_at=NOON - HOUR)
    copy = services.service.duplicate(MANAGER, source.activity_id)
    assert copy.status_at(NOON) is ActivityStatus.ACTIVE
    assert (copy.ended_at, copy.archived_at) == (None, None)


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        ({"channel_ids": frozenset({"chn_old"})}, {"channel_ids": ["chn_1"]}),
        ({"campaign_id": "cam_old"}, {"campaign_id": None}),
    ],
)
def test_nothing_new_is_for_an_archived_channel_or_campaign_and_never_for_everybody_by_accident(
    services: ActivityServices, was: dict[str, Any], instead: dict[str, Any]
) -> None:
    services.groupings.channels_of = {"chn_1": False, "chn_old": True}
    services.groupings.campaigns_of = {"cam_old": True}
    source = services.put(upload_id=services.upload_services.validated_upload().upload_id, **was)
    duplicate = services.service.duplicate
    problem = refusal(lambda: duplicate(MANAGER, source.activity_id))
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert services.all() == [source]
    copy = duplicate(MANAGER, source.activity_id, **instead)
    assert (sorted(copy.channel_ids), copy.campaign_id) == (instead.get("channel_ids", []), None)


def test_a_duplicate_of_what_waits_for_its_video_waits_too_and_a_rejected_one_needs_another(
    services: ActivityServices,
) -> None:
    waiting = services.made(services.upload_services.posted_upload())
    copy = services.service.duplicate(MANAGER, waiting.activity_id)
    services.lifecycle.apply_verdict(verdict(copy), services.verdicts)
    assert services.now(copy).state is ActivityState.PUBLISHED
    rejected = services.put(state=ActivityState.REJECTED, video=None, video_key=None)
    attempt = partial(services.service.duplicate, MANAGER, rejected.activity_id)
    assert refusal(attempt).code is ActivityProblem.ACTIVITY_REJECTED
    good = services.upload_services.validated_upload()
    saved = services.service.duplicate(MANAGER, rejected.activity_id, upload_id=good.upload_id)
    assert saved.video == good.video


def test_a_repeated_request_finds_the_duplicate_it_made(services: ActivityServices) -> None:
    source = services.made(services.upload_services.validated_upload())
    first = services.service.duplicate(MANAGER, source.activity_id, "made1")
    services.clock.advance(HOUR)
    assert services.service.duplicate(MANAGER, source.activity_id, "made1") == first
    assert services.all() == [first, source]


def test_a_request_repeated_late_finds_its_duplicate_though_none_could_be_made_any_more(
    services: ActivityServices,
) -> None:
    services.groupings.campaigns_of = {"cam_1": False}
    source = services.made(services.upload_services.validated_upload(), campaign_id="cam_1")
    wanted: dict[str, Any] = {"ends_at": "2026-06-15T15:00"}
    duplicate = services.service.duplicate
    first = duplicate(MANAGER, source.activity_id, "made1", **wanted)
    services.groupings.campaigns_of = {"cam_1": True}
    services.clock.advance(2 * HOUR)
    assert duplicate(MANAGER, source.activity_id, "made1", **wanted) == first
    assert services.all() == [first, source]


# Archiving and the list


@pytest.mark.parametrize(
    ("changes", "ended_at"),
    [
        ({}, NOON),
        ({"ends_at": NOON - SECOND}, NOON - SECOND),
        ({"starts_at": NOON + HOUR}, NOON),
        ({"state": ActivityState.ENDED, "ended_at": NOON - HOUR}, NOON - HOUR),
        ({"state": ActivityState.REJECTED, "video": None, "video_key": None}, NOON),
        ({"state": ActivityState.PROCESSING, "video": None, "video_key": None}, NOON),
    ],
)
def test_an_archived_activity_has_ended_is_listed_apart_and_can_be_archived_again(
    services: ActivityServices, changes: dict[str, Any], ended_at: datetime
) -> None:
    activity = services.put(campaign_id="cam_1", **changes)
    archived = services.service.archive(MANAGER, activity.activity_id)
    assert archived == replace(
        activity,
        state=ActivityState.ARCHIVED,
        ended_at=ended_at,
        archived_at=NOON,
        version=2,
    )
    services.clock.advance(HOUR)
    assert (
        services.service.archive(MANAGER, activity.activity_id)
        == archived
        == services.now(activity)
    )
    assert services.service.end(MANAGER, activity.activity_id) == archived
    assert services.feed_ids() == []
    assert services.all() == []
    assert services.sweeper.end_expired() == 0
    services.lifecycle.apply_verdict(verdict(activity), services.verdicts)
    assert services.now(activity) == archived
    for campaign_id in (None, "cam_1"):
        listed = services.service.activities(
            MANAGER, 9, None, campaign_id=campaign_id, archived=True
        )
        assert listed.items == (archived,)


def test_an_archived_ended_activity_came_out_of_the_list_with_one_query_a_page(
    services: ActivityServices, calls: Calls
) -> None:
    services.groupings.campaigns_of = {"cam_1": False}
    made = [services.put(campaign_id="cam_1" if number % 2 else None) for number in range(12)]
    put_away = [each for number, each in enumerate(made) if number % 3 == 0]
    for each in put_away:
        services.service.archive(MANAGER, each.activity_id)
    left = [each for each in made if each not in put_away][::-1]
    expected: dict[tuple[str | None, bool], list[Activity]] = {
        (None, False): left,
        ("cam_1", False): [each for each in left if each.campaign_id],
        (None, True): put_away[::-1],
        ("cam_1", True): [each for each in put_away[::-1] if each.campaign_id],
        ("cam_2", False): [],
    }
    for (campaign_id, archived), activities in expected.items():
        calls.made.clear()
        seen: list[str] = []
        cursor = None
        while True:
            page = services.service.activities(
                MANAGER, 2, cursor, campaign_id=campaign_id, archived=archived
            )
            seen += ids(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
            assert len(page.items) == 2
        assert seen == ids(activities)
        assert calls.names == ["Query"] * max(1, -(-len(activities) // 2))
    cursor = services.service.activities(MANAGER, 2, None).next_cursor
    attempt = partial(services.service.activities, MANAGER, 2, cursor, archived=True)
    assert refusal(attempt).code is ProblemCode.INVALID_CURSOR


def test_an_activity_hidden_from_members_is_still_visible_to_managers(
    services: ActivityServices,
) -> None:
    activity = services.put(channel_ids=frozenset({"chn_1"}), video=GOOD)
    assert services.feed_ids() == []
    assert services.service.activity(MANAGER, activity.activity_id) == activity
    assert services.all() == [activity]
    assert MEMBER.channels == frozenset()
