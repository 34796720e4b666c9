"""Activities: made on an upload in any state, settled once, ended once, listed and fed in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.activities import worker
from chalicelib.activities.model import Activity, ActivityState, ActivityStatus, OpenActivity
from chalicelib.activities.service import (
    AT_ONCE,
    ActivityLifecycle,
)
from chalicelib.activities.store import ActivityItem, ActivityStore
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict, commit
from chalicelib.videos.model import (
    ARRIVAL_GRACE,
    FORM_LIFETIME,
    Upload,
    UploadStatus,
    VideoProblemCode,
)
from tests.clock import NOON, StoppedClock
from tests.integration.arrivals import GOOD, MANAGER, STRANGER
from tests.integration.conftest import Calls
from tests.integration.stage import HOUR, MEMBER, Stage, ended_by, ids, published, verdict

# Creating


def test_on_a_valid_upload_an_activity_is_open_at_once(stage: Stage) -> None:
    upload = stage.studio.validated()
    activity = stage.made(upload)
    assert activity.status_at(stage.clock.now()) is ActivityStatus.ACTIVE
    assert activity.video == upload.video
    assert activity.video_key == upload.video_key is not None
    assert stage.now(activity) == activity
    assert stage.fed() == [activity.activity_id]


@pytest.mark.parametrize("claimed", [False, True])
def test_on_an_upload_whose_file_has_come_an_activity_waits_for_the_verdict(
    stage: Stage, claimed: bool
) -> None:
    upload = stage.studio.posted()
    if claimed:
        stage.studio.store.claim(upload.program_id, upload.upload_id, stage.clock.now())
    activity = stage.made(upload)
    assert activity.state is ActivityState.PROCESSING
    assert activity.video is None
    assert stage.now(activity) == activity
    assert stage.fed() == []


def test_without_a_file_there_is_no_activity(stage: Stage) -> None:
    problem = stage.refused(stage.studio.asked())
    assert problem.code is ProblemCode.UPLOAD_NOT_RECEIVED


def test_on_a_rejected_upload_there_is_no_activity_and_its_problems_are_told(
    stage: Stage,
) -> None:
    upload = stage.studio.validated(b"bad")
    problem = stage.refused(upload)
    assert problem.code is ProblemCode.UPLOAD_NOT_VALID
    assert problem.members == {
        "upload_status": "rejected",
        "problems": [each.to_dict() for each in upload.problems],
    }


def test_on_an_expired_upload_there_is_no_activity(stage: Stage) -> None:
    upload = stage.studio.asked()
    stage.clock.advance(FORM_LIFETIME + ARRIVAL_GRACE + timedelta(seconds=1))
    problem = stage.refused(upload)
    assert problem.code is ProblemCode.UPLOAD_NOT_VALID
    assert problem.members["upload_status"] == "expired"


def test_an_upload_of_nobody_and_one_of_another_program_are_not_found_alike(stage: Stage) -> None:
    foreign = stage.studio.service.ask_for_upload(STRANGER, "video/mp4", "correlation-9").upload
    unknown = replace(foreign, upload_id="upl_unknown")
    problems = [stage.refused(each) for each in (foreign, unknown)]
    assert problems[0].code is ProblemCode.NOT_FOUND
    assert problems[0].to_dict() == problems[1].to_dict()


def test_times_are_meant_on_the_managers_own_clock(stage: Stage) -> None:
    upload = stage.studio.validated()
    activity = stage.made(upload, starts_at="2026-06-20T09:00", ends_at="2026-12-01T09:00")
    assert activity.starts_at == datetime(2026, 6, 20, 7, 0, tzinfo=UTC)
    assert activity.ends_at == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert activity.time_zone == "Europe/Berlin"
    assert stage.now(activity) == activity
    assert activity.status_at(stage.clock.now()) is ActivityStatus.SCHEDULED


@pytest.mark.parametrize(
    ("times", "field", "code", "offsets"),
    [
        ({"starts_at": "soon"}, "starts_at", "invalid_time", None),
        ({"starts_at": "0001-01-01T00:00"}, "starts_at", "invalid_time", None),
        ({"starts_at": "2026-06-15T13:54"}, "starts_at", "in_the_past", None),
        ({"ends_at": "2026-06-15T14:00"}, "ends_at", "in_the_past", None),
        (
            {"starts_at": "2026-07-01T09:00", "ends_at": "2026-07-01T09:00"},
            "ends_at",
            "before_start",
            None,
        ),
        ({"ends_at": "2036-07-01T09:00"}, "ends_at", "too_far_ahead", None),
        (
            {"starts_at": "2026-10-25T02:30"},
            "starts_at",
            "time_exists_twice",
            ["+02:00", "+01:00"],
        ),
        (
            {"ends_at": "2027-03-28T02:30"},
            "ends_at",
            "time_does_not_exist",
            ["+01:00", "+02:00"],
        ),
    ],
)
def test_times_that_are_not_right_are_refused_naming_the_field(
    stage: Stage, times: dict[str, str], field: str, code: str, offsets: list[str] | None
) -> None:
    problem = stage.refused(stage.studio.validated(), **times)
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert [(each.field, each.code) for each in problem.errors] == [(field, code)]
    assert problem.members.get("offsets") == offsets


@pytest.mark.parametrize("claimed", [False, True])
def test_a_good_verdict_between_reading_the_upload_and_writing_opens_the_activity(
    stage: Stage, claimed: bool
) -> None:
    upload = stage.studio.posted()
    if claimed:
        stage.studio.store.claim(upload.program_id, upload.upload_id, stage.clock.now())
    stage.videos.meanwhile = lambda: stage.studio.service.validate(upload.incoming_key)
    activity = stage.made(upload)
    assert activity.state is ActivityState.PUBLISHED
    assert stage.now(activity) == activity
    assert stage.all() == [activity]


def test_a_bad_verdict_between_reading_the_upload_and_writing_refuses_the_activity(
    stage: Stage,
) -> None:
    upload = stage.studio.posted(b"bad")
    stage.studio.store.claim(upload.program_id, upload.upload_id, stage.clock.now())
    stage.videos.meanwhile = lambda: stage.studio.service.validate(upload.incoming_key)
    assert stage.refused(upload).code is ProblemCode.UPLOAD_NOT_VALID


def test_an_upload_that_never_stands_still_is_given_up_and_nothing_is_made(stage: Stage) -> None:
    upload = stage.studio.posted()
    stage.studio.service.validate(upload.incoming_key)
    stage.videos.frozen = replace(upload, state=UploadStatus.VALIDATING)
    assert stage.refused(upload).code is ProblemCode.CHANGED_MEANWHILE


@pytest.mark.parametrize("validated", [False, True])
def test_a_repeated_request_finds_the_activity_it_made(stage: Stage, validated: bool) -> None:
    upload = stage.studio.validated() if validated else stage.studio.posted()
    first = stage.made(upload, "made1")
    stage.clock.advance(timedelta(minutes=1))
    assert stage.made(upload, "made1") == first
    assert stage.all() == [first]
    assert first.activity_id == "act_made1"


def test_a_request_repeated_late_finds_what_it_made_though_it_could_not_be_made_any_more(
    stage: Stage,
) -> None:
    upload = stage.studio.validated()
    stage.groupings.campaigns_of = {"cam_1": False}
    wanted: dict[str, Any] = {
        "starts_at": "2026-06-15T14:00",
        "ends_at": "2026-06-15T15:00",
        "campaign_id": "cam_1",
    }
    first = stage.made(upload, "made1", **wanted)
    stage.groupings.campaigns_of = {"cam_1": True}
    stage.clock.advance(2 * HOUR)
    assert stage.made(upload, "made1", **wanted) == first
    stage.service.archive(MANAGER, first.activity_id)
    assert stage.made(upload, "made1", **wanted).state is ActivityState.ARCHIVED
    with pytest.raises(Problem):
        stage.made(upload, "made2", **wanted)


# Settling


def record_of(dynamodb: Any, upload: Upload) -> dict[str, Any]:
    """Give an upload's item as the uploads table's stream carries it."""
    key = {"program_id": {"S": upload.program_id}, "upload_id": {"S": upload.upload_id}}
    image = dynamodb.get_item(TableName="UploadsTable", Key=key)["Item"]
    return {
        "eventID": upload.upload_id,
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": key, "NewImage": image, "SequenceNumber": upload.upload_id},
    }


def settle(stage: Stage, *records: dict[str, Any]) -> list[str]:
    context = SimpleNamespace(function_name="settle", aws_request_id="r")
    answer = worker.settle(stage.lifecycle, {"Records": list(records)}, context)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_an_activity_whose_upload_ended_without_a_file_is_rejected_and_says_so(
    stage: Stage, dynamodb: Any
) -> None:
    upload = stage.studio.posted()
    activity = stage.made(upload)
    stage.studio.files.discard(upload.incoming_key)
    stage.clock.advance(timedelta(minutes=21))
    stage.studio.lost.look_again()
    for _ in range(2):
        assert settle(stage, record_of(dynamodb, upload)) == []
    settled = stage.now(activity)
    assert settled.state is ActivityState.REJECTED
    (problem,) = settled.problems
    assert problem.code is VideoProblemCode.FILE_NOT_RECEIVED
    assert "15 minutes" in problem.message


def test_a_good_verdict_opens_all_activities_that_waited_and_comes_twice_in_vain(
    stage: Stage, dynamodb: Any
) -> None:
    upload = stage.studio.posted(b"good video")
    waiting = [stage.made(upload, featured=featured) for featured in (True, False)]
    waiting.append(stage.made(upload, ends_at="2026-07-01T09:00"))
    assert settle(stage, record_of(dynamodb, upload)) == []
    assert stage.fed() == []
    stage.studio.service.validate(upload.incoming_key)
    verdict = record_of(dynamodb, upload)
    assert settle(stage, verdict) == []
    settled = [stage.now(each) for each in waiting]
    video, kept = replace(GOOD, size_bytes=10), stage.studio.now(upload).video_key
    assert settled == [
        replace(each, state=ActivityState.PUBLISHED, video=video, video_key=kept)
        for each in waiting
    ]
    assert set(stage.fed()) == set(ids(waiting))
    assert stage.fed()[0] == waiting[0].activity_id
    stage.service.end(MANAGER, waiting[0].activity_id)
    assert settle(stage, verdict) == []
    assert stage.now(waiting[0]).state is ActivityState.ENDED
    assert [stage.now(each) for each in waiting[1:]] == settled[1:]


def test_an_activity_settled_with_an_end_expires_at_that_end(stage: Stage, dynamodb: Any) -> None:
    upload = stage.studio.posted()
    waiting = stage.made(upload, ends_at="2026-06-15T15:00")
    stage.studio.service.validate(upload.incoming_key)
    settle(stage, record_of(dynamodb, upload))
    stage.clock.advance(HOUR)
    assert stage.lifecycle.expire() == 1
    assert stage.now(waiting).ended_at == waiting.ends_at


def test_a_bad_verdict_rejects_the_activity_with_the_problems(stage: Stage, dynamodb: Any) -> None:
    upload = stage.studio.posted(b"bad")
    waiting = stage.made(upload)
    stage.studio.service.validate(upload.incoming_key)
    for _ in range(2):
        assert settle(stage, record_of(dynamodb, upload)) == []
        rejected = stage.now(waiting)
        assert rejected.state is ActivityState.REJECTED
        assert rejected.problems == stage.studio.now(upload).problems != ()
    assert stage.fed() == []


def test_a_verdict_finds_an_activity_ended_meanwhile_and_leaves_it_so(stage: Stage) -> None:
    waiting = stage.made(stage.studio.posted())
    stage.store.meanwhile = lambda: stage.service.end(MANAGER, waiting.activity_id)
    stage.lifecycle.settle(verdict(waiting))
    assert stage.now(waiting).state is ActivityState.ENDED
    assert stage.fed() == []


def test_a_verdict_for_an_activity_that_is_not_there_reaches_the_others(stage: Stage) -> None:
    waiting = stage.made(stage.studio.posted())
    stage.lifecycle.settle(verdict(waiting, "act_unknown"))
    assert stage.fed() == [waiting.activity_id]


def test_a_verdict_reaches_no_other_programs_activity(stage: Stage) -> None:
    waiting = stage.made(stage.studio.posted())
    stage.lifecycle.settle(replace(verdict(waiting), program_id=STRANGER.program_id))
    assert stage.now(waiting) == waiting


# Reading and ending


def test_an_activity_of_another_program_is_neither_read_nor_ended(stage: Stage) -> None:
    activity = stage.put()
    for use in (stage.service.activity, stage.service.end):
        problems = []
        for activity_id in (activity.activity_id, "act_unknown"):
            with pytest.raises(Problem) as refused:
                use(STRANGER, activity_id)
            problems.append(refused.value.to_dict())
        assert problems[0] == problems[1]
        assert problems[0]["code"] == "not_found"
    assert stage.now(activity) == activity


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ends_at": NOON + HOUR},
        {"starts_at": NOON + HOUR, "ends_at": NOON + 2 * HOUR},
        {"state": ActivityState.PROCESSING, "video": None},
    ],
)
def test_an_ended_activity_is_out_of_every_list_of_open_ones_and_stays_ended(
    stage: Stage, changes: dict[str, Any]
) -> None:
    activity = stage.put(**changes)
    ended = stage.service.end(MANAGER, activity.activity_id)
    assert ended == replace(activity, state=ActivityState.ENDED, ended_at=NOON, version=2)
    assert stage.now(activity) == ended
    stage.clock.advance(3 * HOUR)
    assert stage.service.end(MANAGER, activity.activity_id) == ended
    assert stage.now(activity) == ended
    assert stage.fed() == []
    assert stage.lifecycle.expire() == 0
    assert stage.all() == [ended]


def test_an_activity_that_expired_unswept_ended_when_it_expired(stage: Stage) -> None:
    activity = stage.put(ends_at=NOON - HOUR / 2)
    assert stage.service.end(MANAGER, activity.activity_id).ended_at == activity.ends_at


def test_a_rejected_activity_cannot_be_ended(stage: Stage) -> None:
    activity = stage.put(state=ActivityState.REJECTED)
    with pytest.raises(Problem) as refused:
        stage.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ProblemCode.ACTIVITY_REJECTED
    assert stage.now(activity) == activity


def test_of_two_who_end_an_activity_the_second_is_told_when_the_first_did(stage: Stage) -> None:
    activity = stage.put()

    def somebody_else() -> None:
        stage.service.end(MANAGER, activity.activity_id)
        stage.clock.advance(HOUR)

    stage.store.meanwhile = somebody_else
    assert stage.service.end(MANAGER, activity.activity_id).ended_at == NOON
    assert stage.now(activity).ended_at == NOON


def test_an_activity_published_while_it_is_being_ended_ends(stage: Stage) -> None:
    activity = stage.made(stage.studio.posted())
    good = verdict(activity)
    stage.store.meanwhile = lambda: stage.lifecycle.settle(good)
    assert stage.service.end(MANAGER, activity.activity_id).state is ActivityState.ENDED
    assert stage.fed() == []


def test_an_activity_rejected_while_it_is_being_ended_stays_rejected(stage: Stage) -> None:
    upload = stage.studio.posted(b"bad")
    activity = stage.made(upload)
    stage.studio.service.validate(upload.incoming_key)
    problems = stage.studio.now(upload).problems
    bad = verdict(activity, problems=problems)
    stage.store.meanwhile = lambda: stage.lifecycle.settle(bad)
    with pytest.raises(Problem) as refused:
        stage.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ProblemCode.ACTIVITY_REJECTED
    assert stage.now(activity).problems == problems


def test_an_activity_that_never_stands_still_is_not_ended(stage: Stage) -> None:
    activity = stage.put()
    other = {
        ActivityState.PUBLISHED: ActivityState.PROCESSING,
        ActivityState.PROCESSING: ActivityState.PUBLISHED,
    }
    stage.store.each_time = lambda found: ActivityItem.of(
        replace(found, state=other[found.state])
    ).save()
    with pytest.raises(Problem) as refused:
        stage.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ProblemCode.CHANGED_MEANWHILE
    assert stage.now(activity).ended_at is None


# Expiring


def test_all_that_is_due_ends_at_its_own_end_and_nothing_else_does(
    stage: Stage, calls: Calls
) -> None:
    due = [stage.put(ends_at=NOON - timedelta(seconds=number)) for number in range(30)]
    elsewhere = stage.put(program_id=STRANGER.program_id, ends_at=NOON)
    left = [
        stage.put(ends_at=NOON + timedelta(seconds=1)),
        stage.put(),
        stage.put(state=ActivityState.PROCESSING, ends_at=NOON - HOUR),
    ]
    calls.made.clear()
    assert stage.lifecycle.expire() == 31
    assert calls.names == ["Query", "TransactWriteItems", "TransactWriteItems"]
    for each in (*due, elsewhere):
        assert stage.now(each) == replace(each, state=ActivityState.ENDED, ended_at=each.ends_at)
    assert [stage.now(each) for each in left] == left
    assert stage.lifecycle.expire() == 0


def test_one_that_was_ended_meanwhile_keeps_its_end_and_the_others_of_its_chunk_expire(
    stage: Stage, calls: Calls
) -> None:
    due = [stage.put(ends_at=NOON - timedelta(seconds=number)) for number in range(AT_ONCE + 5)]
    changed, late = due[-1], NOON - HOUR

    class Raced(ActivityStore):
        def due(self, now: datetime, count: int) -> Sequence[tuple[str, str, datetime]]:
            found = super().due(now, count)
            ended_by(self, changed, late)
            return found

    calls.made.clear()
    ActivityLifecycle(Raced("ActivitiesTable"), stage.clock).expire()
    assert stage.now(changed).ended_at == late
    for each in due[:-1]:
        assert stage.now(each) == replace(each, state=ActivityState.ENDED, ended_at=each.ends_at)
    # The oldest are swept first: the chunk of the changed one goes one by one, the other at once;
    # the change itself is one too.
    assert calls.names.count("TransactWriteItems") == 1 + 1 + AT_ONCE + 1


def test_a_sweep_tells_how_many_it_ended_itself(stage: Stage) -> None:
    due = [stage.put(ends_at=NOON) for _ in range(2)]

    class Raced(ActivityStore):
        def due(self, now: datetime, count: int) -> Sequence[tuple[str, str, datetime]]:
            found = super().due(now, count)
            ended_by(self, due[0], NOON)
            return found

    assert ActivityLifecycle(Raced("ActivitiesTable"), stage.clock).expire() == 1


def test_a_tick_of_the_clock_sweeps(stage: Stage) -> None:
    activity = stage.put(ends_at=NOON)
    assert worker.expire(stage.lifecycle) == 1
    assert stage.now(activity).state is ActivityState.ENDED


# Lists and feeds


def pages(
    turn: Callable[[Caller, int, str | None], Page[Activity]], caller: Caller, limit: int
) -> list[list[str]]:
    """Turn all pages of a list."""
    turned: list[list[str]] = []
    cursor: str | None = None
    while True:
        page = turn(caller, limit, cursor)
        turned.append(ids(page.items))
        cursor = page.next_cursor
        if cursor is None:
            return turned
        assert len(turned) < 100


def in_pages(expected: list[str], limit: int) -> list[list[str]]:
    """Cut a list as pages cut it: all full but the last."""
    return [expected[at : at + limit] for at in range(0, len(expected), limit)] or [[]]


offsets = st.sampled_from([None, -HOUR, timedelta(0), HOUR])
some_activities = st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from([ActivityState.PUBLISHED] * 3 + list(ActivityState)),
            "featured": st.booleans(),
            "starts_in": offsets,
            "ends_in": offsets,
        }
    ),
    max_size=12,
)
_programs = count()
one_after_the_other = hypothesis_settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its program
)


@one_after_the_other
@given(some_activities, st.integers(1, 5))
def test_a_feed_is_what_is_open_now_featured_first_then_newest_in_full_pages(
    stage: Stage, made: list[dict[str, Any]], limit: int
) -> None:
    caller = replace(MEMBER, program_id=f"prg_feed_{next(_programs)}")
    activities = [
        replace(
            published(NOON, caller.program_id),
            state=each["state"],
            featured=each["featured"],
            starts_at=None if each["starts_in"] is None else NOON + each["starts_in"],
            ends_at=None if each["ends_in"] is None else NOON + each["ends_in"],
        )
        for each in made
    ]
    for activity in activities:
        ActivityItem.of(activity).save()
    is_open = [
        each
        for each in activities
        if each.state is ActivityState.PUBLISHED
        and (each.starts_at is None or each.starts_at <= NOON)
        and (each.ends_at is None or each.ends_at > NOON)
    ]
    expected = sorted(is_open, key=lambda each: (each.featured, each.created_at), reverse=True)
    assert pages(stage.service.feed, caller, limit) == in_pages(ids(expected), limit)


@one_after_the_other
@given(st.integers(0, 9), st.integers(1, 5))
def test_the_list_has_every_activity_newest_first_in_full_pages(
    stage: Stage, size: int, limit: int
) -> None:
    caller = replace(MANAGER, program_id=f"prg_list_{next(_programs)}")
    states = [each for each in ActivityState if each is not ActivityState.ARCHIVED]
    activities = [
        replace(published(NOON, caller.program_id), state=states[number % len(states)])
        for number in range(size)
    ]
    for activity in activities:
        ActivityItem.of(activity).save()
    expected = ids(sorted(activities, key=lambda each: each.created_at, reverse=True))
    assert pages(stage.service.activities, caller, limit) == in_pages(expected, limit)


def test_between_two_pages_nothing_is_lost_or_seen_twice_when_others_come_and_go(
    stage: Stage,
) -> None:
    old = [stage.put() for _ in range(6)]
    first = stage.service.feed(MEMBER, 3, None)
    assert ids(first.items) == ids(old[:2:-1])
    stage.put()
    stage.service.end(MANAGER, old[3].activity_id)  # the one the cursor stands on
    stage.service.end(MANAGER, old[1].activity_id)
    second = stage.service.feed(MEMBER, 3, first.next_cursor)
    assert ids(second.items) == [old[2].activity_id, old[0].activity_id]
    assert second.next_cursor is None


def test_what_has_a_later_start_comes_by_itself_and_goes_at_its_end(
    stage: Stage, clock: StoppedClock
) -> None:
    activity = stage.put(starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    seen = []
    for at in (HOUR - timedelta(seconds=1), HOUR, 2 * HOUR - timedelta(seconds=1), 2 * HOUR):
        clock.at = NOON + at
        seen.append(bool(stage.fed()))
    assert seen == [False, True, True, False]
    assert stage.now(activity) == activity


def test_an_index_that_lags_behind_shows_nothing_that_has_ended(stage: Stage) -> None:
    ended, shown = stage.put(), stage.put()

    class Lagging(ActivityStore):
        def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
            found = list(super().open_activities(program_id))
            ended_by(self, ended, NOON)
            yield from found

    service = stage.serving(Lagging("ActivitiesTable"))
    assert ids(service.feed(MEMBER, 20, None).items) == [shown.activity_id]


def test_a_cursor_is_good_for_its_own_list_program_and_member_only(stage: Stage) -> None:
    for _ in range(3):
        stage.put()
        stage.put(program_id=STRANGER.program_id)
    feed, listed = stage.service.feed, stage.service.activities
    of_feed = feed(MEMBER, 1, None).next_cursor
    of_list = listed(MANAGER, 1, None).next_cursor
    assert len(feed(MEMBER, 2, of_feed).items) == len(listed(MANAGER, 2, of_list).items) == 2
    attempts: list[tuple[Callable[..., Page[Activity]], Caller, str | None]] = [
        (feed, MANAGER, of_feed),
        (feed, replace(MEMBER, program_id=STRANGER.program_id), of_feed),
        (listed, MEMBER, of_feed),
        (feed, MEMBER, of_list),
        (listed, STRANGER, of_list),
        (feed, MEMBER, "garbage"),
    ]
    for turn, caller, cursor in attempts:
        with pytest.raises(Problem) as refused:
            turn(caller, 1, cursor)
        assert refused.value.code is ProblemCode.INVALID_CURSOR


def test_a_feed_page_costs_three_calls_whatever_was_ended(stage: Stage, calls: Calls) -> None:
    for number in range(25):
        stage.put()
        stage.put(state=ActivityState.ENDED if number % 2 else ActivityState.REJECTED)
    calls.made.clear()
    assert len(stage.service.feed(MEMBER, 20, None).items) == 20
    assert calls.names == ["Query", "Query", "BatchGetItem"]


def test_a_feed_page_is_full_and_costs_three_calls_however_much_was_performed(
    stage: Stage, calls: Calls
) -> None:
    opened = [stage.put() for _ in range(60)]
    left = opened[::3]
    for each in opened:
        if each not in left:
            stage.performed(each)
    calls.made.clear()
    page = stage.service.feed(MEMBER, 10, None)
    assert calls.names == ["Query", "Query", "BatchGetItem"]
    assert ids(page.items) == ids(left[:9:-1])
    rest = stage.service.feed(MEMBER, 10, page.next_cursor)
    assert ids(rest.items) == ids(left[9::-1])
    assert rest.next_cursor is None


def test_what_one_member_performed_stays_in_the_feed_of_the_others(stage: Stage) -> None:
    done, left = stage.put(), stage.put()
    stage.performed(done)
    assert stage.fed() == [left.activity_id]
    others = stage.service.feed(replace(MEMBER, member_id="mem_3"), 100, None)
    assert ids(others.items) == [left.activity_id, done.activity_id]


def test_what_is_not_performed_after_all_is_back_in_the_feed(stage: Stage) -> None:
    activity = stage.put()
    stage.performed(activity)
    commit([stage.marks.unmark(MEMBER.owner, activity.activity_id, "prf_1")])
    assert stage.fed() == [activity.activity_id]
    stage.performed(activity)
    assert stage.fed() == []


def test_a_mark_is_made_once_and_taken_away_by_its_own_performance_only(stage: Stage) -> None:
    activity = stage.put()
    stage.performed(activity)
    with pytest.raises(Problem) as refused:
        stage.performed(activity)
    assert refused.value.code is ProblemCode.ALREADY_PERFORMED
    with pytest.raises(Conflict):
        commit([stage.marks.unmark(MEMBER.owner, activity.activity_id, "prf_2")])
    assert stage.fed() == []


def test_a_feed_page_costs_three_calls_whatever_is_scheduled(stage: Stage, calls: Calls) -> None:
    opened = [stage.put() for _ in range(20)]
    for _ in range(100):
        stage.put(starts_at=NOON + HOUR)
    calls.made.clear()
    assert ids(stage.service.feed(MEMBER, 20, None).items) == ids(opened[::-1])
    assert calls.names == ["Query", "Query", "BatchGetItem"]
