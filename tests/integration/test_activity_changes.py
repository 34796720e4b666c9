"""Activities edited, duplicated and archived: nobody overwrites what they have not seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState, ActivityStatus, VideoChanged
from chalicelib.activities.store import ActivityItem, ActivityStore
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict, commit
from tests.clock import NOON
from tests.integration.arrivals import GOOD, MANAGER, STRANGER
from tests.integration.conftest import Calls
from tests.integration.stage import HOUR, MEMBER, Stage, ended_by, ids, verdict

SECOND = timedelta(seconds=1)
OTHER = replace(MANAGER, member_id="mem_9", chosen_zone="America/New_York")


def refusal(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value


def performed(stage: Stage, activity: Activity) -> Activity:
    """Let somebody perform an activity, as far as it learns of that."""
    commit([*stage.lifecycle.note_performed(activity)])
    return stage.now(activity)


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
    stage: Stage, changes: dict[str, Any], state: ActivityState
) -> None:
    stage.groupings.channels_of = {"chn_1": False, "chn_2": False}
    stage.groupings.campaigns_of = {"cam_1": False}
    activity = stage.put(state=state)
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, **changes)
    turned: dict[str, Any] = {"featured_changes": (NOON,)} if "featured" in changes else {}
    assert edited == replace(activity, version=2, **changes, **turned)
    assert stage.now(activity) == edited
    assert stage.service.edit(MANAGER, activity.activity_id, 2, **changes) == edited
    assert stage.now(activity) == edited


def test_what_is_taken_away_is_gone_from_wherever_it_was_listed(stage: Stage) -> None:
    stage.groupings.campaigns_of = {"cam_1": False}
    stage.groupings.channels_of = {"chn_1": False}
    activity = stage.made(
        stage.studio.validated(),
        starts_at="2026-06-20T09:00",
        ends_at="2026-07-01T09:00",
        campaign_id="cam_1",
        channel_ids=["chn_1"],
        captions=["a"],
        hashtags=["b"],
        disclosure="Ad",
    )
    edited = stage.service.edit(
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
    assert edited == stage.now(activity) == bare
    assert stage.fed() == [activity.activity_id]
    assert stage.service.activities(MANAGER, 9, None, campaign_id="cam_1").items == ()
    stage.clock.advance(30 * 24 * HOUR)
    assert stage.lifecycle.expire() == 0


def test_of_two_managers_editing_one_the_later_is_told_the_version_and_overwrites_nothing(
    stage: Stage,
) -> None:
    activity = stage.put()
    first = stage.service.edit(MANAGER, activity.activity_id, 1, points=1)
    problem = refusal(lambda: stage.service.edit(OTHER, activity.activity_id, 1, points=2))
    assert (problem.code, problem.members) == (ProblemCode.CHANGED_MEANWHILE, {"version": 2})
    assert stage.now(activity) == first
    assert stage.service.edit(OTHER, activity.activity_id, 2, points=2).points == 2


@pytest.mark.parametrize("finish", ["end", "archive"])
def test_ending_and_archiving_heed_the_version_that_was_seen_if_one_is_told(
    stage: Stage, finish: str
) -> None:
    activity = stage.put()
    use: Any = getattr(stage.service, finish)
    changed = stage.service.edit(MANAGER, activity.activity_id, 1, points=1)
    problem = refusal(lambda: use(OTHER, activity.activity_id, 1))
    assert (problem.code, problem.members) == (ProblemCode.CHANGED_MEANWHILE, {"version": 2})
    assert stage.now(activity) == changed
    finished = use(OTHER, activity.activity_id, 2)
    # Sent again because its answer was lost, it finds what it did.
    assert use(OTHER, activity.activity_id, 2) == finished == stage.now(activity)


def test_between_reading_and_writing_nobody_slips_in(stage: Stage) -> None:
    activity = stage.put()
    stage.store.meanwhile = lambda: stage.service.edit(OTHER, activity.activity_id, 1, points=1)
    problem = refusal(lambda: stage.service.edit(MANAGER, activity.activity_id, 1, points=2))
    assert problem.members == {"version": 2}
    assert stage.now(activity).points == 1


@pytest.mark.parametrize("problems", [(), ("some",)])
def test_a_verdict_that_comes_while_one_edits_loses_neither(
    stage: Stage, problems: tuple[str, ...]
) -> None:
    upload = stage.studio.posted(b"bad")
    activity = stage.made(upload, ends_at="2026-07-01T09:00")
    stage.studio.service.validate(upload.incoming_key)
    found = stage.studio.now(upload).problems if problems else ()
    stage.store.meanwhile = lambda: stage.lifecycle.settle(verdict(activity, problems=found))
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, points=3, ends_at=None)
    assert (edited.points, edited.ends_at, edited.problems) == (3, None, found)
    assert edited.state is (ActivityState.REJECTED if problems else ActivityState.PUBLISHED)
    assert stage.now(activity) == edited


def test_an_edit_that_comes_while_a_verdict_settles_loses_neither(stage: Stage) -> None:
    activity = stage.made(stage.studio.posted(), ends_at="2026-07-01T09:00")
    stage.store.meanwhile = lambda: stage.service.edit(
        MANAGER, activity.activity_id, 1, featured=True, ends_at=None
    )
    stage.lifecycle.settle(verdict(activity))
    settled = stage.now(activity)
    assert settled.state is ActivityState.PUBLISHED
    assert (settled.featured, settled.ends_at, settled.version) == (True, None, 2)
    stage.clock.advance(30 * 24 * HOUR)
    assert stage.lifecycle.expire() == 0
    assert stage.fed() == [activity.activity_id]


def test_a_verdict_for_what_keeps_changing_comes_again(stage: Stage) -> None:
    activity = stage.made(stage.studio.posted())
    stage.store.each_time = lambda found: ActivityItem.of(
        replace(found, version=found.version + 1)
    ).save()
    with pytest.raises(Conflict):
        stage.lifecycle.settle(verdict(activity))
    assert stage.now(activity).state is ActivityState.PROCESSING


@pytest.mark.parametrize(
    "changes",
    [
        {"state": ActivityState.ENDED, "ended_at": NOON - HOUR},
        {"state": ActivityState.ARCHIVED, "ended_at": NOON - HOUR},
        {"ends_at": NOON},
    ],
)
def test_what_has_ended_stays_as_it_is_swept_or_not(stage: Stage, changes: dict[str, Any]) -> None:
    activity = stage.put(**changes)
    for wanted in ({"points": 1}, {"ends_at": "2026-07-01T09:00"}, {"ends_at": None}):
        problem = refusal(partial(stage.service.edit, MANAGER, activity.activity_id, 1, **wanted))
        assert problem.code is ProblemCode.ACTIVITY_ENDED
    assert stage.now(activity) == activity


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
def test_what_cannot_be_is_refused_naming_the_field_and_nothing_is_written(
    stage: Stage, use: str, changes: dict[str, Any], field: str, code: str
) -> None:
    stage.groupings.channels_of = {"chn_1": False, "chn_old": True}
    stage.groupings.campaigns_of = {"cam_old": True}
    activity = stage.made(stage.studio.validated())
    attempts: dict[str, Callable[[], object]] = {
        "create": lambda: stage.service.create(MANAGER, activity.upload_id, **changes),
        "edit": lambda: stage.service.edit(MANAGER, activity.activity_id, 1, **changes),
        "duplicate": lambda: stage.service.duplicate(MANAGER, activity.activity_id, **changes),
    }
    problem = refusal(attempts[use])
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert [(each.field, each.code) for each in problem.errors] == [(field, code)]
    choices = {
        "time_exists_twice": ["+02:00", "+01:00"],
        "time_does_not_exist": ["+01:00", "+02:00"],
    }
    assert problem.members.get("offsets") == choices.get(code)
    assert stage.all() == [activity]


def test_channels_and_campaign_of_before_may_stay_when_they_were_archived_since(
    stage: Stage,
) -> None:
    stage.groupings.channels_of = {"chn_1": True, "chn_2": False}
    activity = stage.put(channel_ids=frozenset({"chn_1"}), campaign_id="cam_1")
    edited = stage.service.edit(
        MANAGER, activity.activity_id, 1, channel_ids=["chn_1", "chn_2"], campaign_id="cam_1"
    )
    assert edited.channel_ids == {"chn_1", "chn_2"}
    assert stage.groupings.asked == ["channels"]


def test_another_programs_channels_and_campaigns_are_none_of_ones_own(stage: Stage) -> None:
    stage.groupings.channels_of = {"chn_1": False}
    stage.groupings.campaigns_of = {"cam_1": False}
    activity = stage.put(program_id=STRANGER.program_id)
    wanted: list[dict[str, Any]] = [{"channel_ids": ["chn_1"]}, {"campaign_id": "cam_1"}]
    for each in wanted:
        attempt = partial(stage.service.edit, STRANGER, activity.activity_id, 1, **each)
        assert refusal(attempt).code is ProblemCode.INVALID_REQUEST


@pytest.mark.parametrize("use", ["edit", "duplicate", "archive"])
def test_an_activity_of_another_program_is_like_one_that_is_not_there(
    stage: Stage, use: str
) -> None:
    activity = stage.put()
    more: tuple[int, ...] = (1,) if use == "edit" else ()
    problems = [
        refusal(partial(getattr(stage.service, use), STRANGER, each, *more)).to_dict()
        for each in (activity.activity_id, "act_unknown")
    ]
    assert problems[0] == problems[1]
    assert problems[0]["code"] == "not_found"
    assert stage.now(activity) == activity


# Time


def test_an_end_is_moved_later_and_earlier_and_the_sweep_heeds_it(stage: Stage) -> None:
    activity = stage.put(ends_at=NOON + HOUR)
    stage.service.edit(MANAGER, activity.activity_id, 1, ends_at="2026-06-15T16:00")
    stage.clock.at = NOON + HOUR
    assert stage.lifecycle.expire() == 0
    assert stage.fed() == [activity.activity_id]
    stage.service.edit(MANAGER, activity.activity_id, 2, ends_at="2026-06-15T15:30")
    stage.clock.at = NOON + 3 * HOUR / 2
    assert stage.fed() == []
    assert stage.lifecycle.expire() == 1
    assert stage.now(activity).ended_at == NOON + 3 * HOUR / 2


@pytest.mark.parametrize("moved_to", ["2026-06-15T15:30", "2026-06-15T14:30:01"])
def test_an_end_moved_while_a_sweep_is_under_way_wins(stage: Stage, moved_to: str) -> None:
    activity, other = stage.put(ends_at=NOON + HOUR / 2), stage.put(ends_at=NOON + HOUR / 2)
    stage.clock.at = NOON + HOUR / 2 - SECOND
    edit = stage.service.edit

    class Raced(ActivityStore):
        def due(self, now: datetime, count: int) -> Any:
            found = super().due(now + SECOND, count)  # its clock is ahead of the manager's
            edit(MANAGER, activity.activity_id, 1, ends_at=moved_to)
            return found

    lifecycle = type(stage.lifecycle)(Raced("ActivitiesTable"), stage.clock)
    assert lifecycle.expire() == 1
    assert stage.now(other).state is ActivityState.ENDED
    assert stage.now(activity).status_at(stage.clock.now()) is ActivityStatus.ACTIVE


def test_a_sweep_that_was_faster_than_an_edit_wins(stage: Stage) -> None:
    activity = stage.put(ends_at=NOON + HOUR)
    stage.store.meanwhile = lambda: ended_by(stage.store, activity, NOON + HOUR)
    attempt = partial(stage.service.edit, MANAGER, activity.activity_id, 1, ends_at=None)
    assert refusal(attempt).code is ProblemCode.ACTIVITY_ENDED
    assert stage.now(activity).state is ActivityState.ENDED


def test_times_are_meant_in_the_zone_of_who_moves_them_and_others_stay_where_they_are(
    stage: Stage,
) -> None:
    activity = stage.made(
        stage.studio.validated(), starts_at="2026-06-20T09:00", ends_at="2026-12-01T09:00"
    )
    stage.service.edit(OTHER, activity.activity_id, 1, points=1)
    assert stage.now(activity).time_zone == "Europe/Berlin"
    edited = stage.service.edit(OTHER, activity.activity_id, 2, ends_at="2026-12-02T09:00")
    assert edited.starts_at == activity.starts_at
    assert edited.ends_at == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
    assert edited.time_zone == "America/New_York"


def test_a_start_sent_back_as_it_was_may_lie_behind_and_a_new_one_may_not(stage: Stage) -> None:
    activity = stage.put(starts_at=NOON - HOUR)
    edited = stage.service.edit(
        MANAGER, activity.activity_id, 1, starts_at="2026-06-15T13:00", points=1
    )
    assert (edited.starts_at, edited.points) == (NOON - HOUR, 1)
    later = stage.service.edit(MANAGER, activity.activity_id, 2, starts_at="2026-06-15T15:00")
    assert later.status_at(NOON) is ActivityStatus.SCHEDULED
    assert stage.fed() == []


# The video


def test_while_nobody_performed_an_activity_its_video_can_be_changed(stage: Stage) -> None:
    activity = stage.made(stage.studio.validated(b"first"))
    second = stage.studio.validated(b"second one")
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, upload_id=second.upload_id)
    assert edited == stage.now(activity)
    assert (edited.video_key, edited.video) == (second.video_key, second.video)
    assert stage.fed() == [activity.activity_id]


def test_a_video_still_being_validated_takes_the_activity_out_until_its_own_verdict(
    stage: Stage,
) -> None:
    first, second = stage.studio.posted(b"first"), stage.studio.posted(b"second")
    activity = stage.made(first)
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, upload_id=second.upload_id)
    assert edited.state is ActivityState.PROCESSING
    stage.lifecycle.settle(verdict(activity))  # of the video it had before
    assert stage.now(activity) == edited
    stage.lifecycle.settle(verdict(edited))
    assert stage.now(activity).state is ActivityState.PUBLISHED


def test_another_video_saves_a_rejected_activity(stage: Stage) -> None:
    upload = stage.studio.posted(b"bad")
    activity = stage.made(upload)
    stage.studio.service.validate(upload.incoming_key)
    problems = stage.studio.now(upload).problems
    stage.lifecycle.settle(verdict(activity, problems=problems))
    assert stage.now(activity).problems == problems
    good = stage.studio.validated()
    saved = stage.service.edit(MANAGER, activity.activity_id, 1, upload_id=good.upload_id)
    assert (saved.state, saved.problems) == (ActivityState.PUBLISHED, ())
    assert stage.fed() == [activity.activity_id]


def test_the_video_of_what_somebody_performed_stays_and_all_else_may_change(stage: Stage) -> None:
    activity = performed(stage, stage.made(stage.studio.validated()))
    other = stage.studio.validated()
    attempt = partial(
        stage.service.edit, MANAGER, activity.activity_id, 1, upload_id=other.upload_id, points=4
    )
    assert refusal(attempt).code is ProblemCode.ACTIVITY_PERFORMED
    assert stage.now(activity) == activity
    edited = stage.service.edit(
        MANAGER, activity.activity_id, 1, points=4, upload_id=activity.upload_id
    )
    assert edited == replace(activity, points=4, version=2) == stage.now(activity)


@pytest.mark.parametrize(
    "changes",
    [*CHANGES, {"starts_at": "2026-06-15T15:00"}, {"ends_at": "2026-06-15T15:00"}],
    ids="-".join,
)
def test_what_somebody_performed_may_change_in_all_but_its_video(
    stage: Stage, changes: dict[str, Any]
) -> None:
    stage.groupings.channels_of = {"chn_1": False, "chn_2": False}
    stage.groupings.campaigns_of = {"cam_1": False}
    activity = performed(stage, stage.put())
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, **changes)
    assert edited == stage.now(activity) != activity
    assert (edited.performed, edited.version) == (True, 2)
    assert (edited.video_key, edited.upload_id) == (activity.video_key, activity.upload_id)


def test_a_first_performance_while_the_video_is_being_changed_keeps_the_video(
    stage: Stage,
) -> None:
    activity = stage.made(stage.studio.validated())
    other = stage.studio.validated()
    stage.store.meanwhile = lambda: performed(stage, activity)
    attempt = partial(
        stage.service.edit, MANAGER, activity.activity_id, 1, upload_id=other.upload_id
    )
    assert refusal(attempt).code is ProblemCode.ACTIVITY_PERFORMED
    assert stage.now(activity) == replace(activity, performed=True)


def test_a_first_performance_while_something_else_is_being_changed_is_not_forgotten(
    stage: Stage,
) -> None:
    activity = stage.made(stage.studio.validated())
    stage.store.meanwhile = lambda: performed(stage, activity)
    stage.service.edit(MANAGER, activity.activity_id, 1, points=4)
    assert stage.now(activity) == replace(activity, performed=True, points=4, version=2)


def test_whoever_read_the_video_before_it_was_changed_is_not_the_first_to_perform(
    stage: Stage,
) -> None:
    activity = stage.made(stage.studio.validated())
    other = stage.studio.validated()
    edited = stage.service.edit(MANAGER, activity.activity_id, 1, upload_id=other.upload_id)
    with pytest.raises(VideoChanged):
        performed(stage, activity)
    assert stage.now(activity) == edited


# Duplicating


def test_a_duplicate_is_the_same_but_new_unperformed_and_without_times_that_lie_behind(
    stage: Stage,
) -> None:
    stage.groupings.channels_of = {"chn_1": False}
    stage.groupings.campaigns_of = {"cam_1": False}
    upload = stage.studio.validated()
    source = stage.put(
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
    copy = stage.service.duplicate(OTHER, source.activity_id)
    assert (
        copy
        == stage.now(copy)
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
    assert stage.now(source) == source


def test_a_duplicate_keeps_times_that_lie_ahead_and_takes_what_is_told_otherwise(
    stage: Stage,
) -> None:
    stage.groupings.campaigns_of = {"cam_2": False}
    source = stage.made(
        stage.studio.validated(), starts_at="2026-06-20T09:00", ends_at="2026-12-01T09:00"
    )
    copy = stage.service.duplicate(MANAGER, source.activity_id)
    assert (copy.starts_at, copy.ends_at) == (source.starts_at, source.ends_at)
    other = stage.service.duplicate(
        OTHER, source.activity_id, campaign_id="cam_2", ends_at="2026-12-02T09:00", starts_at=None
    )
    assert (other.campaign_id, other.starts_at) == ("cam_2", None)
    assert other.ends_at == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize("state", [ActivityState.ENDED, ActivityState.ARCHIVED])
def test_what_has_ended_or_was_put_away_can_be_run_again(
    stage: Stage, state: ActivityState
) -> None:
    upload = stage.studio.validated()
    source = stage.put(upload_id=upload.upload_id, state=state, ended_at=NOON - HOUR)
    copy = stage.service.duplicate(MANAGER, source.activity_id)
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
    stage: Stage, was: dict[str, Any], instead: dict[str, Any]
) -> None:
    stage.groupings.channels_of = {"chn_1": False, "chn_old": True}
    stage.groupings.campaigns_of = {"cam_old": True}
    source = stage.put(upload_id=stage.studio.validated().upload_id, **was)
    duplicate = stage.service.duplicate
    problem = refusal(lambda: duplicate(MANAGER, source.activity_id))
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert stage.all() == [source]
    copy = duplicate(MANAGER, source.activity_id, **instead)
    assert (sorted(copy.channel_ids), copy.campaign_id) == (instead.get("channel_ids", []), None)


def test_a_duplicate_of_what_waits_for_its_video_waits_too_and_a_rejected_one_needs_another(
    stage: Stage,
) -> None:
    waiting = stage.made(stage.studio.posted())
    copy = stage.service.duplicate(MANAGER, waiting.activity_id)
    stage.lifecycle.settle(verdict(copy))
    assert stage.now(copy).state is ActivityState.PUBLISHED
    rejected = stage.put(state=ActivityState.REJECTED, video=None, video_key=None)
    attempt = partial(stage.service.duplicate, MANAGER, rejected.activity_id)
    assert refusal(attempt).code is ProblemCode.ACTIVITY_REJECTED
    good = stage.studio.validated()
    saved = stage.service.duplicate(MANAGER, rejected.activity_id, upload_id=good.upload_id)
    assert saved.video == good.video


def test_a_repeated_request_finds_the_duplicate_it_made(stage: Stage) -> None:
    source = stage.made(stage.studio.validated())
    first = stage.service.duplicate(MANAGER, source.activity_id, "made1")
    stage.clock.advance(HOUR)
    assert stage.service.duplicate(MANAGER, source.activity_id, "made1") == first
    assert stage.all() == [first, source]


def test_a_request_repeated_late_finds_its_duplicate_though_none_could_be_made_any_more(
    stage: Stage,
) -> None:
    stage.groupings.campaigns_of = {"cam_1": False}
    source = stage.made(stage.studio.validated(), campaign_id="cam_1")
    wanted: dict[str, Any] = {"ends_at": "2026-06-15T15:00"}
    duplicate = stage.service.duplicate
    first = duplicate(MANAGER, source.activity_id, "made1", **wanted)
    stage.groupings.campaigns_of = {"cam_1": True}
    stage.clock.advance(2 * HOUR)
    assert duplicate(MANAGER, source.activity_id, "made1", **wanted) == first
    assert stage.all() == [first, source]


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
    stage: Stage, changes: dict[str, Any], ended_at: datetime
) -> None:
    activity = stage.put(campaign_id="cam_1", **changes)
    archived = stage.service.archive(MANAGER, activity.activity_id)
    assert archived == replace(
        activity,
        state=ActivityState.ARCHIVED,
        ended_at=ended_at,
        archived_at=NOON,
        version=2,
    )
    stage.clock.advance(HOUR)
    assert stage.service.archive(MANAGER, activity.activity_id) == archived == stage.now(activity)
    assert stage.service.end(MANAGER, activity.activity_id) == archived
    assert stage.fed() == []
    assert stage.all() == []
    assert stage.lifecycle.expire() == 0
    stage.lifecycle.settle(verdict(activity))
    assert stage.now(activity) == archived
    for campaign_id in (None, "cam_1"):
        listed = stage.service.activities(MANAGER, 9, None, campaign_id=campaign_id, archived=True)
        assert listed.items == (archived,)


def test_an_archived_ended_activity_came_out_of_the_list_with_one_query_a_page(
    stage: Stage, calls: Calls
) -> None:
    stage.groupings.campaigns_of = {"cam_1": False}
    made = [stage.put(campaign_id="cam_1" if number % 2 else None) for number in range(12)]
    put_away = [each for number, each in enumerate(made) if number % 3 == 0]
    for each in put_away:
        stage.service.archive(MANAGER, each.activity_id)
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
            page = stage.service.activities(
                MANAGER, 2, cursor, campaign_id=campaign_id, archived=archived
            )
            seen += ids(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
            assert len(page.items) == 2
        assert seen == ids(activities)
        assert calls.names == ["Query"] * max(1, -(-len(activities) // 2))
    cursor = stage.service.activities(MANAGER, 2, None).next_cursor
    attempt = partial(stage.service.activities, MANAGER, 2, cursor, archived=True)
    assert refusal(attempt).code is ProblemCode.INVALID_CURSOR


def test_what_a_member_may_not_see_any_more_is_still_the_managers(stage: Stage) -> None:
    activity = stage.put(channel_ids=frozenset({"chn_1"}), video=GOOD)
    assert stage.fed() == []
    assert stage.service.activity(MANAGER, activity.activity_id) == activity
    assert stage.all() == [activity]
    assert MEMBER.channels == frozenset()
