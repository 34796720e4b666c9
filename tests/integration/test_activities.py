"""Activities: made on an upload in any state, settled once, ended once, listed and fed in order."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib.activities import worker
from chalicelib.activities.model import (
    MAX_CAPTIONS,
    MAX_HASHTAGS,
    MAX_INSTRUCTIONS_LENGTH,
    Activity,
    ActivityState,
    ActivityStatus,
    OpenActivity,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.routes import (
    ActivityList,
    Feed,
    FeedQuery,
    ListQuery,
    feed,
    list_newest,
)
from chalicelib.activities.service import MAX_PER_TRANSACTION, UNDECIDED_RECHECK_DELAY
from chalicelib.activities.store import ActivityItem, ActivityStore, DueActivity
from chalicelib.foundation.http import Request
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict
from chalicelib.videos.events import events_of as uploads_events_of
from chalicelib.videos.model import (
    ARRIVAL_GRACE,
    FORM_LIFETIME,
    Upload,
    UploadStatus,
    VideoProblemCode,
)
from chalicelib.videos.service import Verdict, Verdicts
from tests.clock import NOON, StoppedClock
from tests.events import Relayed, streamed
from tests.integration.activity_services import (
    HOUR,
    MEMBER,
    ActivityServices,
    end_activity,
    ids,
    published,
    verdict,
)
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.upload_services import GOOD, MANAGER, STRANGER

# Creating


def test_on_a_valid_upload_an_activity_is_open_at_once(services: ActivityServices) -> None:
    upload = services.upload_services.validated_upload()
    activity = services.made(upload)
    assert activity.status_at(services.clock.now()) is ActivityStatus.ACTIVE
    assert activity.video == upload.video
    assert activity.video_key == upload.video_key is not None
    assert services.now(activity) == activity
    assert services.feed_ids() == [activity.activity_id]


@pytest.mark.parametrize("claimed", [False, True])
def test_on_an_upload_whose_file_has_come_an_activity_waits_for_the_verdict(
    services: ActivityServices, claimed: bool
) -> None:
    upload = services.upload_services.posted_upload()
    if claimed:
        now = services.clock.now()
        services.upload_services.store.claim(upload.program_id, upload.upload_id, now, now)
    activity = services.made(upload)
    assert activity.state is ActivityState.PROCESSING
    assert activity.video is None
    assert services.now(activity) == activity
    assert services.feed_ids() == []


def test_without_a_file_there_is_no_activity(services: ActivityServices) -> None:
    problem = services.refused(services.upload_services.request_upload())
    assert problem.code is ActivityProblem.UPLOAD_NOT_RECEIVED


def test_on_a_rejected_upload_there_is_no_activity_and_its_problems_are_told(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.validated_upload(b"bad")
    problem = services.refused(upload)
    assert problem.code is ActivityProblem.UPLOAD_NOT_VALID
    assert problem.members == {
        "upload_status": "rejected",
        "problems": [each.to_dict() for each in upload.problems],
    }


def test_on_an_expired_upload_there_is_no_activity(services: ActivityServices) -> None:
    upload = services.upload_services.request_upload()
    services.clock.advance(FORM_LIFETIME + ARRIVAL_GRACE + timedelta(seconds=1))
    problem = services.refused(upload)
    assert problem.code is ActivityProblem.UPLOAD_NOT_VALID
    assert problem.members["upload_status"] == "expired"


def test_an_upload_of_nobody_and_one_of_another_program_are_not_found_alike(
    services: ActivityServices,
) -> None:
    foreign = services.upload_services.service.ask_for_upload(
        STRANGER, "video/mp4", "correlation-9"
    ).upload
    unknown = replace(foreign, upload_id="upl_unknown")
    problems = [services.refused(each) for each in (foreign, unknown)]
    assert problems[0].code is ProblemCode.NOT_FOUND
    assert problems[0].to_dict() == problems[1].to_dict()


def test_times_are_meant_on_the_managers_own_clock(services: ActivityServices) -> None:
    upload = services.upload_services.validated_upload()
    activity = services.made(upload, starts_at="2026-06-20T09:00", ends_at="2026-12-01T09:00")
    assert activity.starts_at == datetime(2026, 6, 20, 7, 0, tzinfo=UTC)
    assert activity.ends_at == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert activity.time_zone == "Europe/Berlin"
    assert services.now(activity) == activity
    assert activity.status_at(services.clock.now()) is ActivityStatus.SCHEDULED


@pytest.mark.parametrize(
    ("times", "field", "code", "offsets"),
    [
        ({"starts_at": "soon"}, "starts_at", "invalid_time", None),
        ({"starts_at": "0001-01-01T00:00"}, "starts_at", "in_the_past", None),
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
    services: ActivityServices,
    times: dict[str, str],
    field: str,
    code: str,
    offsets: list[str] | None,
) -> None:
    problem = services.refused(services.upload_services.validated_upload(), **times)
    assert problem.code is ProblemCode.INVALID_REQUEST
    assert [(each.field, each.code) for each in problem.errors] == [(field, code)]
    assert problem.members.get("offsets") == offsets


@pytest.mark.parametrize("claimed", [False, True])
def test_a_good_verdict_between_reading_the_upload_and_writing_opens_the_activity(
    services: ActivityServices, claimed: bool
) -> None:
    upload = services.upload_services.posted_upload()
    if claimed:
        now = services.clock.now()
        services.upload_services.store.claim(upload.program_id, upload.upload_id, now, now)
    services.videos.meanwhile = lambda: services.upload_services.service.validate(
        upload.incoming_key
    )
    activity = services.made(upload)
    assert activity.state is ActivityState.PUBLISHED
    assert services.now(activity) == activity
    assert services.all() == [activity]


def test_a_bad_verdict_between_reading_the_upload_and_writing_refuses_the_activity(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.posted_upload(b"bad")
    now = services.clock.now()
    services.upload_services.store.claim(upload.program_id, upload.upload_id, now, now)
    services.videos.meanwhile = lambda: services.upload_services.service.validate(
        upload.incoming_key
    )
    assert services.refused(upload).code is ActivityProblem.UPLOAD_NOT_VALID


def test_an_upload_that_never_stands_still_is_given_up_and_nothing_is_made(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.posted_upload()
    services.upload_services.service.validate(upload.incoming_key)
    services.videos.frozen = replace(upload, state=UploadStatus.VALIDATING)
    assert services.refused(upload).code is ProblemCode.CHANGED_MEANWHILE


@pytest.mark.parametrize("validated", [False, True])
def test_a_repeated_request_finds_the_activity_it_made(
    services: ActivityServices, validated: bool
) -> None:
    upload = (
        services.upload_services.validated_upload()
        if validated
        else services.upload_services.posted_upload()
    )
    first = services.made(upload, "made1")
    services.clock.advance(timedelta(minutes=1))
    assert services.made(upload, "made1") == first
    assert services.all() == [first]
    assert first.activity_id == "act_made1"


def test_a_request_repeated_late_finds_what_it_made_though_it_could_not_be_made_any_more(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.validated_upload()
    services.groupings.campaigns_of = {"cam_1": False}
    wanted: dict[str, Any] = {
        "starts_at": "2026-06-15T14:00",
        "ends_at": "2026-06-15T15:00",
        "campaign_id": "cam_1",
    }
    first = services.made(upload, "made1", **wanted)
    services.groupings.campaigns_of = {"cam_1": True}
    services.clock.advance(2 * HOUR)
    assert services.made(upload, "made1", **wanted) == first
    services.service.archive(MANAGER, first.activity_id)
    assert services.made(upload, "made1", **wanted).state is ActivityState.ARCHIVED
    with pytest.raises(Problem):
        services.made(upload, "made2", **wanted)


# Settling


def record_of(dynamodb: Any, upload: Upload) -> dict[str, Any]:
    """Return the decision of an upload as the uploads table's stream carries it."""
    key = {"program_id": {"S": upload.program_id}, "upload_id": {"S": upload.upload_id}}
    image = dynamodb.get_item(TableName="UploadsTable", Key=key)["Item"]
    before = {**image, "state": {"S": UploadStatus.VALIDATING.value}}
    record: dict[str, Any] = streamed([image], [before])["Records"][0]
    return record


def settle(services: ActivityServices, *records: dict[str, Any]) -> list[str]:
    """Relay changes of the uploads table, and deliver what comes of them; returns what failed."""
    relayed = Relayed(uploads_events_of)
    relayed.relay(records)
    if not relayed.events:
        return []
    answer = worker.apply_verdicts(services.lifecycle, services.verdicts, relayed.delivered())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_an_activity_whose_upload_ended_without_a_file_is_rejected_and_says_so(
    services: ActivityServices, dynamodb: Any
) -> None:
    upload = services.upload_services.posted_upload()
    activity = services.made(upload)
    services.upload_services.files.remove_incoming(upload.incoming_key)
    services.clock.advance(timedelta(minutes=21))
    services.upload_services.sweeper.sweep()
    for _ in range(2):
        assert settle(services, record_of(dynamodb, upload)) == []
    settled = services.now(activity)
    assert settled.state is ActivityState.REJECTED
    (problem,) = settled.problems
    assert problem.code is VideoProblemCode.FILE_NOT_RECEIVED
    assert "15 minutes" in problem.message


def test_a_good_verdict_opens_all_activities_that_waited_and_comes_twice_in_vain(
    services: ActivityServices, dynamodb: Any
) -> None:
    upload = services.upload_services.posted_upload(b"good video")
    waiting = [services.made(upload, featured=featured) for featured in (True, False)]
    waiting.append(services.made(upload, ends_at="2026-07-01T09:00"))
    assert settle(services, record_of(dynamodb, upload)) == []
    assert services.feed_ids() == []
    services.upload_services.service.validate(upload.incoming_key)
    verdict = record_of(dynamodb, upload)
    assert settle(services, verdict) == []
    settled = [services.now(each) for each in waiting]
    video, kept = replace(GOOD, size_bytes=10), services.upload_services.now(upload).video_key
    assert settled == [
        replace(each, state=ActivityState.PUBLISHED, video=video, video_key=kept)
        for each in waiting
    ]
    assert set(services.feed_ids()) == set(ids(waiting))
    assert services.feed_ids()[0] == waiting[0].activity_id
    services.service.end(MANAGER, waiting[0].activity_id)
    assert settle(services, verdict) == []
    assert services.now(waiting[0]).state is ActivityState.ENDED
    assert [services.now(each) for each in waiting[1:]] == settled[1:]


def test_an_activity_settled_with_an_end_expires_at_that_end(
    services: ActivityServices, dynamodb: Any
) -> None:
    upload = services.upload_services.posted_upload()
    waiting = services.made(upload, ends_at="2026-06-15T15:00")
    services.upload_services.service.validate(upload.incoming_key)
    settle(services, record_of(dynamodb, upload))
    services.clock.advance(HOUR)
    assert services.sweeper.end_expired() == 1
    assert services.now(waiting).ended_at == waiting.ends_at


def test_a_bad_verdict_rejects_the_activity_with_the_problems(
    services: ActivityServices, dynamodb: Any
) -> None:
    upload = services.upload_services.posted_upload(b"bad")
    waiting = services.made(upload)
    services.upload_services.service.validate(upload.incoming_key)
    for _ in range(2):
        assert settle(services, record_of(dynamodb, upload)) == []
        rejected = services.now(waiting)
        assert rejected.state is ActivityState.REJECTED
        assert rejected.problems == services.upload_services.now(upload).problems != ()
    assert services.feed_ids() == []


def test_a_verdict_finds_an_activity_ended_meanwhile_and_leaves_it_so(
    services: ActivityServices,
) -> None:
    waiting = services.made(services.upload_services.posted_upload())
    services.store.meanwhile = lambda: services.service.end(MANAGER, waiting.activity_id)
    services.lifecycle.apply_verdict(verdict(waiting), services.verdicts)
    assert services.now(waiting).state is ActivityState.ENDED
    assert services.feed_ids() == []


def test_a_verdict_for_an_activity_that_is_not_there_reaches_the_others(
    services: ActivityServices,
) -> None:
    waiting = services.made(services.upload_services.posted_upload())
    services.lifecycle.apply_verdict(verdict(waiting, "act_unknown"), services.verdicts)
    assert services.feed_ids() == [waiting.activity_id]


def test_a_verdict_reaches_no_other_programs_activity(services: ActivityServices) -> None:
    waiting = services.made(services.upload_services.posted_upload())
    services.lifecycle.apply_verdict(
        replace(verdict(waiting), program_id=STRANGER.program_id), services.verdicts
    )
    assert services.now(waiting) == waiting


def test_the_outcome_of_a_verdict_is_on_the_audit_trail_once(
    services: ActivityServices, dynamodb: Any
) -> None:
    taken = services.made(services.upload_services.posted_upload())
    upload = services.upload_services.posted_upload(b"bad")
    refused = services.made(upload)
    services.upload_services.service.validate(upload.incoming_key)
    bad = verdict(refused, problems=services.upload_services.now(upload).problems)
    for _ in range(2):
        for each in (verdict(taken), bad):
            services.lifecycle.apply_verdict(each, services.verdicts)
    told = [
        (each["kind"]["S"], each["thing"]["S"], json.loads(each["after"]["S"]).get("state"))
        for each in dynamodb.scan(TableName="AuditTable")["Items"]
        if each["kind"]["S"] not in ("activity.created", "upload.asked")
    ]
    assert sorted(told) == [
        ("activity.published", taken.activity_id, "published"),
        ("activity.rejected", refused.activity_id, "rejected"),
    ]


# Reading and ending


def test_an_activity_of_another_program_is_neither_read_nor_ended(
    services: ActivityServices,
) -> None:
    activity = services.put()
    for use in (services.service.activity, services.service.end):
        problems = []
        for activity_id in (activity.activity_id, "act_unknown"):
            with pytest.raises(Problem) as refused:
                use(STRANGER, activity_id)
            problems.append(refused.value.to_dict())
        assert problems[0] == problems[1]
        assert problems[0]["code"] == "not_found"
    assert services.now(activity) == activity


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
    services: ActivityServices, changes: dict[str, Any]
) -> None:
    activity = services.put(**changes)
    ended = services.service.end(MANAGER, activity.activity_id)
    assert ended == replace(activity, state=ActivityState.ENDED, ended_at=NOON, version=2)
    assert services.now(activity) == ended
    services.clock.advance(3 * HOUR)
    assert services.service.end(MANAGER, activity.activity_id) == ended
    assert services.now(activity) == ended
    assert services.feed_ids() == []
    assert services.sweeper.end_expired() == 0
    assert services.all() == [ended]


def test_an_activity_that_expired_unswept_ended_when_it_expired(services: ActivityServices) -> None:
    activity = services.put(ends_at=NOON - HOUR / 2)
    assert services.service.end(MANAGER, activity.activity_id).ended_at == activity.ends_at


def test_a_rejected_activity_cannot_be_ended(services: ActivityServices) -> None:
    activity = services.put(state=ActivityState.REJECTED)
    with pytest.raises(Problem) as refused:
        services.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ActivityProblem.ACTIVITY_REJECTED
    assert services.now(activity) == activity


def test_of_two_who_end_an_activity_the_second_is_told_when_the_first_did(
    services: ActivityServices,
) -> None:
    activity = services.put()

    def somebody_else() -> None:
        services.service.end(MANAGER, activity.activity_id)
        services.clock.advance(HOUR)

    services.store.meanwhile = somebody_else
    assert services.service.end(MANAGER, activity.activity_id).ended_at == NOON
    assert services.now(activity).ended_at == NOON


def test_an_activity_published_while_it_is_being_ended_ends(services: ActivityServices) -> None:
    activity = services.made(services.upload_services.posted_upload())
    good = verdict(activity)
    services.store.meanwhile = lambda: services.lifecycle.apply_verdict(good, services.verdicts)
    assert services.service.end(MANAGER, activity.activity_id).state is ActivityState.ENDED
    assert services.feed_ids() == []


def test_an_activity_rejected_while_it_is_being_ended_stays_rejected(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.posted_upload(b"bad")
    activity = services.made(upload)
    services.upload_services.service.validate(upload.incoming_key)
    problems = services.upload_services.now(upload).problems
    bad = verdict(activity, problems=problems)
    services.store.meanwhile = lambda: services.lifecycle.apply_verdict(bad, services.verdicts)
    with pytest.raises(Problem) as refused:
        services.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ActivityProblem.ACTIVITY_REJECTED
    assert services.now(activity).problems == problems


def test_an_activity_that_never_stands_still_is_not_ended(services: ActivityServices) -> None:
    activity = services.put()
    other = {
        ActivityState.PUBLISHED: ActivityState.PROCESSING,
        ActivityState.PROCESSING: ActivityState.PUBLISHED,
    }
    services.store.each_time = lambda found: database().put(
        ActivityItem.of(replace(found, state=other[found.state]))
    )
    with pytest.raises(Problem) as refused:
        services.service.end(MANAGER, activity.activity_id)
    assert refused.value.code is ProblemCode.CHANGED_MEANWHILE
    assert services.now(activity).ended_at is None


# Expiring


def test_all_that_is_due_ends_at_its_own_end_and_nothing_else_does(
    services: ActivityServices, calls: Calls
) -> None:
    due = [services.put(ends_at=NOON - timedelta(seconds=number)) for number in range(30)]
    elsewhere = services.put(program_id=STRANGER.program_id, ends_at=NOON)
    left = [
        services.put(ends_at=NOON + timedelta(seconds=1)),
        services.put(),
        services.put(state=ActivityState.PROCESSING, ends_at=NOON - HOUR),
    ]
    calls.made.clear()
    assert services.sweeper.end_expired() == 31
    assert calls.names == ["Query", "TransactWriteItems", "TransactWriteItems"]
    for each in (*due, elsewhere):
        assert services.now(each) == replace(each, state=ActivityState.ENDED, ended_at=each.ends_at)
    assert [services.now(each) for each in left] == left
    assert services.sweeper.end_expired() == 0


def test_one_that_was_ended_meanwhile_keeps_its_end_and_the_others_of_its_chunk_expire(
    services: ActivityServices, calls: Calls
) -> None:
    due = [
        services.put(ends_at=NOON - timedelta(seconds=number))
        for number in range(MAX_PER_TRANSACTION + 5)
    ]
    changed, late = due[-1], NOON - HOUR

    class Raced(ActivityStore):
        def due_to_end(self, now: datetime, count: int) -> Sequence[DueActivity]:
            found = super().due_to_end(now, count)
            end_activity(self, changed, late)
            return found

    calls.made.clear()
    services.sweeper_with(Raced(database())).end_expired()
    assert services.now(changed).ended_at == late
    for each in due[:-1]:
        assert services.now(each) == replace(each, state=ActivityState.ENDED, ended_at=each.ends_at)
    # The oldest are swept first: the chunk of the changed one goes one by one, the other at once;
    # each with its entry in the audit trail; the change itself is a put.
    assert calls.names.count("TransactWriteItems") == 1 + 1 + MAX_PER_TRANSACTION
    assert (calls.names.count("UpdateItem"), calls.names.count("PutItem")) == (0, 1)


def test_a_sweep_tells_how_many_it_ended_itself(services: ActivityServices) -> None:
    due = [services.put(ends_at=NOON) for _ in range(2)]

    class Raced(ActivityStore):
        def due_to_end(self, now: datetime, count: int) -> Sequence[DueActivity]:
            found = super().due_to_end(now, count)
            end_activity(self, due[0], NOON)
            return found

    assert services.sweeper_with(Raced(database())).end_expired() == 1


def test_a_tick_of_the_clock_sweeps(services: ActivityServices) -> None:
    activity = services.put(ends_at=NOON)
    assert worker.process_due(services.sweeper) == 1
    assert services.now(activity).state is ActivityState.ENDED


# Lost, late, doubled and reordered events


def test_a_verdict_whose_event_was_lost_is_applied_by_the_clock(
    services: ActivityServices, calls: Calls
) -> None:
    good, bad = (
        services.upload_services.posted_upload(),
        services.upload_services.posted_upload(b"bad"),
    )
    undecided = services.upload_services.posted_upload()
    published, rejected = services.made(good), services.made(bad)
    waiting = services.made(undecided)
    for upload in (good, bad):
        services.upload_services.service.validate(upload.incoming_key)
    services.clock.advance(timedelta(minutes=1))
    assert worker.process_due(services.sweeper) == 2
    assert services.now(published).state is ActivityState.PUBLISHED
    assert services.now(rejected).state is ActivityState.REJECTED
    assert services.now(waiting) == waiting
    calls.made.clear()
    assert worker.process_due(services.sweeper) == 0
    assert calls.names == ["Query", "Query"]  # what still waits is not asked about each minute


def test_an_activity_that_waits_is_looked_at_until_its_verdict_comes(
    services: ActivityServices,
) -> None:
    upload = services.upload_services.posted_upload()
    waiting = services.made(upload)
    for _ in range(3):
        services.clock.advance(UNDECIDED_RECHECK_DELAY)
        assert services.sweeper.apply_missed_verdicts() == 0
    services.upload_services.service.validate(upload.incoming_key)
    services.clock.advance(UNDECIDED_RECHECK_DELAY)
    assert services.sweeper.apply_missed_verdicts() == 1
    assert services.now(waiting).state is ActivityState.PUBLISHED
    assert services.sweeper.apply_missed_verdicts() == 0


def test_a_verdict_that_cannot_be_applied_keeps_no_other_back(services: ActivityServices) -> None:
    uploads = [services.upload_services.posted_upload() for _ in range(3)]
    waiting = [services.made(upload) for upload in uploads]
    for upload in uploads:
        services.upload_services.service.validate(upload.incoming_key)

    class Broken(Verdicts):
        def verdict(self, program_id: str, upload_id: str) -> Verdict | None:
            if upload_id == uploads[0].upload_id:
                raise TimeoutError
            return super().verdict(program_id, upload_id)

    services.verdicts = Broken(services.upload_services.store)
    with pytest.raises(TimeoutError):
        services.sweeper_with(services.store).apply_missed_verdicts()
    states = [services.now(each).state for each in waiting]
    assert states == [ActivityState.PROCESSING, *[ActivityState.PUBLISHED] * 2]


def test_events_that_come_twice_late_or_before_one_that_was_first_change_nothing_more(
    services: ActivityServices, dynamodb: Any
) -> None:
    upload = services.upload_services.posted_upload()
    activity = services.made(upload)
    services.clock.advance(timedelta(minutes=21))
    services.upload_services.files.remove_incoming(upload.incoming_key)
    services.upload_services.sweeper.sweep()
    expired = record_of(dynamodb, upload)
    # The same form is asked for anew, the file comes now: the first decision no longer holds.
    services.upload_services.service.ask_for_upload(
        MANAGER, "video/mp4", "correlation-1", upload.upload_id.removeprefix("upl_")
    )
    assert settle(services, expired) == []
    assert services.now(activity).state is ActivityState.PROCESSING
    services.upload_services.post(upload)
    services.upload_services.service.validate(upload.incoming_key)
    valid = record_of(dynamodb, upload)
    for record in (valid, expired, valid):
        assert settle(services, record) == []
        assert services.now(activity).state is ActivityState.PUBLISHED


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
    services: ActivityServices, made: list[dict[str, Any]], limit: int
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
        database().put(ActivityItem.of(activity))
    is_open = [
        each
        for each in activities
        if each.state is ActivityState.PUBLISHED
        and (each.starts_at is None or each.starts_at <= NOON)
        and (each.ends_at is None or each.ends_at > NOON)
    ]
    expected = sorted(is_open, key=lambda each: (each.featured, each.created_at), reverse=True)
    assert pages(services.service.feed, caller, limit) == in_pages(ids(expected), limit)


@one_after_the_other
@given(st.integers(0, 9), st.integers(1, 5))
def test_the_list_has_every_activity_newest_first_in_full_pages(
    services: ActivityServices, size: int, limit: int
) -> None:
    caller = replace(MANAGER, program_id=f"prg_list_{next(_programs)}")
    states = [each for each in ActivityState if each is not ActivityState.ARCHIVED]
    activities = [
        replace(published(NOON, caller.program_id), state=states[number % len(states)])
        for number in range(size)
    ]
    for activity in activities:
        database().put(ActivityItem.of(activity))
    expected = ids(sorted(activities, key=lambda each: each.created_at, reverse=True))
    assert pages(services.service.activities, caller, limit) == in_pages(expected, limit)


LARGEST_ANSWER = 6_291_556  # of a Lambda


def test_a_page_of_the_longest_texts_is_an_answer_that_lambda_sends(
    services: ActivityServices,
) -> None:
    """A hundred of them were 9.7 MB; what is over goes onto the next page, and nothing is lost."""
    long = {
        "instructions": "\U0001f3ac" * MAX_INSTRUCTIONS_LENGTH,
        "captions": tuple(f"{number}{'\u2603' * 2000}" for number in range(MAX_CAPTIONS)),
        "hashtags": tuple("x" * 3 for _ in range(MAX_HASHTAGS)),
    }
    made = [services.put(**long) for _ in range(100)]
    seen: list[str] = []
    sizes, cursor = [], None
    while True:
        query = ListQuery(limit=100, cursor=cursor)
        request = Request[None, ListQuery](MANAGER, None, query, {}, "correlation-1", {}, b"")
        answer = list_newest.handle(services.service, request)
        body = cast(ActivityList, answer.body)
        sizes.append(len(json.dumps({"statusCode": 200, "body": body.model_dump_json()})))
        seen += [each.activity_id for each in body.items]
        if (cursor := body.next_cursor) is None:
            break
    assert seen == ids(made[::-1])
    assert len(sizes) > 1
    assert max(sizes) < LARGEST_ANSWER
    # A member is shown one of the captions: a whole page fits as it is.
    asked = Request[None, FeedQuery](MEMBER, None, FeedQuery(limit=100), {}, "c-1", {}, b"")
    shown = cast(Feed, feed.handle(services.service, asked).body)
    assert len(shown.items) == 100
    assert len(json.dumps({"statusCode": 200, "body": shown.model_dump_json()})) < LARGEST_ANSWER


def test_between_two_pages_nothing_is_lost_or_seen_twice_when_others_come_and_go(
    services: ActivityServices,
) -> None:
    old = [services.put() for _ in range(6)]
    first = services.service.feed(MEMBER, 3, None)
    assert ids(first.items) == ids(old[:2:-1])
    services.put()
    services.service.end(MANAGER, old[3].activity_id)  # the one the cursor stands on
    services.service.end(MANAGER, old[1].activity_id)
    second = services.service.feed(MEMBER, 3, first.next_cursor)
    assert ids(second.items) == [old[2].activity_id, old[0].activity_id]
    assert second.next_cursor is None


def test_a_scheduled_activity_appears_at_its_start_and_disappears_at_its_end(
    services: ActivityServices, clock: StoppedClock
) -> None:
    activity = services.put(starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR)
    seen = []
    for at in (HOUR - timedelta(seconds=1), HOUR, 2 * HOUR - timedelta(seconds=1), 2 * HOUR):
        clock.at = NOON + at
        seen.append(bool(services.feed_ids()))
    assert seen == [False, True, True, False]
    assert services.now(activity) == activity


def test_an_index_that_lags_behind_shows_nothing_that_has_ended(services: ActivityServices) -> None:
    ended, shown = services.put(), services.put()

    class Lagging(ActivityStore):
        def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
            found = list(super().open_activities(program_id))
            end_activity(self, ended, NOON)
            yield from found

    service = services.service_with(Lagging(database()))
    assert ids(service.feed(MEMBER, 20, None).items) == [shown.activity_id]


def test_a_cursor_is_good_for_its_own_list_program_and_member_only(
    services: ActivityServices,
) -> None:
    for _ in range(3):
        services.put()
        services.put(program_id=STRANGER.program_id)
    feed, listed = services.service.feed, services.service.activities
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


def test_a_feed_page_costs_three_calls_whatever_was_ended(
    services: ActivityServices, calls: Calls
) -> None:
    for number in range(25):
        services.put()
        services.put(state=ActivityState.ENDED if number % 2 else ActivityState.REJECTED)
    calls.made.clear()
    assert len(services.service.feed(MEMBER, 20, None).items) == 20
    assert calls.names == ["Query", "Query", "BatchGetItem"]


def test_a_feed_page_is_full_and_costs_three_calls_however_much_was_performed(
    services: ActivityServices, calls: Calls
) -> None:
    opened = [services.put() for _ in range(60)]
    left = opened[::3]
    for each in opened:
        if each not in left:
            services.performed(each)
    calls.made.clear()
    page = services.service.feed(MEMBER, 10, None)
    assert calls.names == ["Query", "Query", "BatchGetItem"]
    assert ids(page.items) == ids(left[:9:-1])
    rest = services.service.feed(MEMBER, 10, page.next_cursor)
    assert ids(rest.items) == ids(left[9::-1])
    assert rest.next_cursor is None


def test_an_activity_one_member_performed_stays_in_the_others_feeds(
    services: ActivityServices,
) -> None:
    done, left = services.put(), services.put()
    services.performed(done)
    assert services.feed_ids() == [left.activity_id]
    others = services.service.feed(replace(MEMBER, member_id="mem_3"), 100, None)
    assert ids(others.items) == [left.activity_id, done.activity_id]


def test_an_activity_whose_performance_failed_returns_to_the_feed(
    services: ActivityServices,
) -> None:
    activity = services.put()
    services.performed(activity)
    database().commit([services.marks.unmark(MEMBER.owner, activity.activity_id, "prf_1")])
    assert services.feed_ids() == [activity.activity_id]
    services.performed(activity)
    assert services.feed_ids() == []


def test_a_mark_is_made_once_and_taken_away_by_its_own_performance_only(
    services: ActivityServices,
) -> None:
    activity = services.put()
    services.performed(activity)
    with pytest.raises(Problem) as refused:
        services.performed(activity)
    assert refused.value.code is ActivityProblem.ALREADY_PERFORMED
    with pytest.raises(Conflict):
        database().commit([services.marks.unmark(MEMBER.owner, activity.activity_id, "prf_2")])
    assert services.feed_ids() == []


def test_a_feed_page_costs_three_calls_whatever_is_scheduled(
    services: ActivityServices, calls: Calls
) -> None:
    opened = [services.put() for _ in range(20)]
    for _ in range(100):
        services.put(starts_at=NOON + HOUR)
    calls.made.clear()
    assert ids(services.service.feed(MEMBER, 20, None).items) == ids(opened[::-1])
    assert calls.names == ["Query", "Query", "BatchGetItem"]
