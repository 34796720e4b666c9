"""Several cuts of an activity's video: waited for together, dealt one to each, counted apart."""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from chalicelib.activities.model import (
    MAX_CUTS,
    Activity,
    ActivityState,
    Cut,
    CutStatus,
    VideoChanged,
    assigned_cut,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.routes import _view
from chalicelib.activities.service import ActivityLifecycle
from chalicelib.activities.store import ActivityItem
from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation.actors import acting, member
from chalicelib.foundation.events import Change
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.personal import Person
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.performances.personal import PerformancePersonalData
from chalicelib.reports import worker as reports_worker
from chalicelib.reports.events import ExportRequested
from chalicelib.reports.model import CutTally
from chalicelib.reports.report_exports.store import Table
from chalicelib.reports.store import ProgressItem
from chalicelib.videos.model import RECHECK_DELAY, UploadStatus
from chalicelib.videos.queue import ArrivalsQueue
from tests.clock import StoppedClock
from tests.events import queued
from tests.integration.activity_services import ActivityServices
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import CORRELATION, VIDEO, Greenroom
from tests.integration.in_memory_greenroom import InMemoryGreenroom, ScriptedTikTok
from tests.integration.reporting_greenroom import ReportingGreenroom
from tests.integration.test_activities import record_of, settle
from tests.integration.upload_services import GOOD, MANAGER, STRANGER


def refusal(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value


def made(services: ActivityServices, contents: list[bytes], validated: bool = False) -> Activity:
    """Make an activity of one cut for each of these files."""
    put = (
        services.upload_services.validated_upload
        if validated
        else services.upload_services.posted_upload
    )
    first, *further = (put(each) for each in contents)
    return services.made(first, further_upload_ids=[each.upload_id for each in further])


def decides(services: ActivityServices, dynamodb: Any, upload_id: str) -> None:
    """Validate an upload, and deliver its verdict twice."""
    uploads = services.upload_services
    upload = uploads.service.upload(MANAGER, upload_id)
    uploads.service.validate(upload.incoming_key)
    for _ in range(2):
        assert settle(services, record_of(dynamodb, upload)) == []


# Verdicts


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_it_is_open_with_the_last_of_its_verdicts_and_not_before(
    services: ActivityServices, dynamodb: Any, order: tuple[int, ...]
) -> None:
    activity = made(services, [b"one", b"two", b"three"])
    assert activity.state is ActivityState.PROCESSING
    for at in order:
        assert services.now(activity) == activity
        assert services.feed_ids() == []
        decides(services, dynamodb, activity.upload_ids[at])
    settled = services.now(activity)
    assert settled.state is ActivityState.PUBLISHED
    assert settled.upload_ids == activity.upload_ids
    for cut in settled.cuts:
        upload = services.upload_services.service.upload(MANAGER, cut.upload_id)
        assert (cut.video, cut.video_key) == (upload.video, upload.video_key)
        assert settled.status_of(cut) is CutStatus.VALID
    assert services.feed_ids() == [activity.activity_id]


@pytest.mark.parametrize("bad", range(3))
@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_one_refused_cut_rejects_all_of_it_in_words_that_name_the_cut(
    services: ActivityServices, dynamodb: Any, order: tuple[int, ...], bad: int
) -> None:
    activity = made(services, [b"bad" if at == bad else b"good" for at in range(3)])
    for at in order:
        decides(services, dynamodb, activity.upload_ids[at])
    settled = services.now(activity)
    assert (settled.state, settled.has_invalid_cut) == (ActivityState.REJECTED, True)
    assert [bool(each.problems) for each in settled.cuts] == [at == bad for at in range(3)]
    assert {(each.video, each.video_key) for each in settled.cuts} == {(None, None)}
    view = _view(settled, MANAGER, services.clock.now())
    assert [each.status is CutStatus.REJECTED for each in view.cuts] == [
        at == bad for at in range(3)
    ]
    own = settled.cuts[bad].problems
    assert [each.message for each in view.problems] == [
        f"Cut {bad + 1}: {each.message}" for each in own
    ]
    assert [each.message for each in view.cuts[bad].problems] == [each.message for each in own]
    assert services.feed_ids() == []


def test_a_verdict_whose_event_was_lost_is_found_by_the_clock(
    services: ActivityServices, dynamodb: Any
) -> None:
    activity = made(services, [b"one", b"two", b"three"])
    first, second, third = activity.upload_ids
    decides(services, dynamodb, second)
    services.clock.advance(timedelta(minutes=6))
    assert services.sweeper.apply_missed_verdicts() == 0
    uploads = services.upload_services
    for each in (first, third):
        uploads.service.validate(uploads.service.upload(MANAGER, each).incoming_key)
    services.clock.advance(timedelta(minutes=6))
    assert services.sweeper.apply_missed_verdicts() == 1
    assert services.now(activity).state is ActivityState.PUBLISHED
    services.clock.advance(timedelta(minutes=6))
    assert services.sweeper.apply_missed_verdicts() == 0


def test_valid_and_waiting_uploads_go_together_and_all_valid_is_open_at_once(
    services: ActivityServices, dynamodb: Any
) -> None:
    uploads = services.upload_services
    good, waiting = uploads.validated_upload(b"one"), uploads.posted_upload(b"two")
    mixed = services.made(good, further_upload_ids=[waiting.upload_id])
    assert mixed.state is ActivityState.PROCESSING
    decides(services, dynamodb, waiting.upload_id)
    assert services.now(mixed).state is ActivityState.PUBLISHED
    whole = services.made(waiting, further_upload_ids=[good.upload_id])
    assert whole.state is ActivityState.PUBLISHED
    assert [each.video for each in whole.cuts] == [
        uploads.now(each).video for each in (waiting, good)
    ]


def test_an_activity_ended_while_waiting_stays_ended(
    services: ActivityServices, dynamodb: Any
) -> None:
    activity = made(services, [b"one", b"two"])
    decides(services, dynamodb, activity.upload_id)
    ended = services.service.end(MANAGER, activity.activity_id)
    decides(services, dynamodb, activity.further_upload_ids[0])
    assert services.now(activity) == ended
    assert {(each.video, ended.status_of(each)) for each in ended.cuts} == {
        (None, CutStatus.PROCESSING)
    }


# Refused requests


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_cut_that_was_refused_has_no_file_or_is_not_there_is_named(
    services: ActivityServices, at: int
) -> None:
    uploads = services.upload_services
    bad, empty = uploads.validated_upload(b"bad"), uploads.request_upload()
    for upload_id, code, words in (
        (bad.upload_id, ActivityProblem.UPLOAD_NOT_VALID, f"Cut {at + 1} is not a valid video"),
        (empty.upload_id, ActivityProblem.UPLOAD_NOT_RECEIVED, f"posted for cut {at + 1} yet"),
        ("upl_unknown", ProblemCode.NOT_FOUND, f"upload as that of cut {at + 1}"),
    ):
        ids = [uploads.validated_upload().upload_id for _ in range(2)]
        ids.insert(at, upload_id)
        problem = refusal(
            partial(services.service.create, MANAGER, ids[0], None, further_upload_ids=ids[1:])
        )
        assert problem.code is code
        assert words in problem.detail
        if code is not ProblemCode.NOT_FOUND:
            assert (problem.members["cut"], problem.members["upload_id"]) == (at + 1, upload_id)
    assert services.all() == []


def test_another_programs_upload_is_no_cut_of_anything(services: ActivityServices) -> None:
    uploads = services.upload_services
    theirs = uploads.service.ask_for_upload(STRANGER, "video/mp4", "correlation-2").upload
    uploads.post(theirs)
    problem = services.refused(uploads.validated_upload(), further_upload_ids=[theirs.upload_id])
    unknown = services.refused(uploads.validated_upload(), further_upload_ids=["upl_unknown"])
    assert problem.to_dict() == unknown.to_dict()
    assert problem.code is ProblemCode.NOT_FOUND


@pytest.mark.parametrize(("ids", "field"), [("aa", 0), ("aba", 1), ("abb", 1), ("abcb", 2)])
def test_no_upload_is_two_cuts(services: ActivityServices, ids: str, field: int) -> None:
    uploads = {each: services.upload_services.validated_upload() for each in sorted(set(ids))}
    first, *further = (uploads[each] for each in ids)
    problem = services.refused(first, further_upload_ids=[each.upload_id for each in further])
    (error,) = problem.errors
    assert (error.field, error.code) == (f"further_upload_ids.{field}", "repeated")


def test_one_file_uploaded_twice_is_no_second_cut(services: ActivityServices) -> None:
    uploads = services.upload_services
    one, other, again = (uploads.validated_upload(each) for each in (b"one", b"two", b"one"))
    waiting = uploads.posted_upload(b"three")
    for further, at in (
        ([again], 0),
        ([other, again], 1),
        ([again, waiting], 0),  # known before the last verdict
    ):
        problem = services.refused(one, further_upload_ids=[each.upload_id for each in further])
        (error,) = problem.errors
        assert (error.field, error.code) == (f"further_upload_ids.{at}", "same_file")
        assert error.message.startswith(f"Cut {at + 2} is the same file as cut 1.")
    activity = services.made(one, further_upload_ids=[other.upload_id])
    edit = partial(services.service.edit, MANAGER, activity.activity_id, 1)
    problem = refusal(partial(edit, upload_id=again.upload_id, further_upload_ids=[one.upload_id]))
    assert [each.code for each in problem.errors] == ["same_file"]
    assert services.now(activity) == activity


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_one_file_twice_is_one_cut_once_all_verdicts_are_there(
    services: ActivityServices, dynamodb: Any, order: tuple[int, ...]
) -> None:
    activity = made(services, [b"one", b"two", b"one"])
    for at in order:
        decides(services, dynamodb, activity.upload_ids[at])
    settled = services.now(activity)
    assert settled.state is ActivityState.PUBLISHED
    assert settled.upload_ids == activity.upload_ids[:2]
    copy = services.service.duplicate(MANAGER, activity.activity_id)
    assert (copy.state, copy.upload_ids) == (ActivityState.PUBLISHED, settled.upload_ids)


def test_an_activity_of_before_with_one_file_twice_is_duplicated_without_it(
    services: ActivityServices,
) -> None:
    uploads = services.upload_services
    one, again = uploads.validated_upload(b"one"), uploads.validated_upload(b"one")
    before = services.made(one)
    cut = Cut(again.upload_id, again.video, again.video_key)
    database().put(ActivityItem.of(replace(before, further_cuts=(cut,))))
    copy = services.service.duplicate(MANAGER, before.activity_id)
    assert (copy.state, copy.upload_ids) == (ActivityState.PUBLISHED, (one.upload_id,))


def test_one_video_is_refused_in_the_words_it_always_was(services: ActivityServices) -> None:
    problem = services.refused(services.upload_services.validated_upload(b"bad"))
    assert problem.detail == "This upload is not a valid video. Ask for a new upload."
    assert sorted(problem.members) == ["problems", "upload_status"]


# Editing and duplicating


def test_cuts_come_and_go_until_somebody_performed(services: ActivityServices) -> None:
    uploads = services.upload_services
    one, two, three = (uploads.validated_upload(each) for each in (b"one", b"two", b"three"))
    activity = services.made(one)
    edit = services.service.edit
    more = edit(
        MANAGER, activity.activity_id, 1, further_upload_ids=[two.upload_id, three.upload_id]
    )
    assert more == services.now(activity)
    assert (more.state, more.version) == (ActivityState.PUBLISHED, 2)
    assert [each.video_key for each in more.cuts] == [
        uploads.now(each).video_key for each in (one, two, three)
    ]
    same = edit(MANAGER, activity.activity_id, 2, further_upload_ids=list(more.further_upload_ids))
    assert same == more
    another = uploads.validated_upload(b"another")
    first = edit(MANAGER, activity.activity_id, 2, upload_id=another.upload_id)
    assert first.upload_ids == (another.upload_id, two.upload_id, three.upload_id)
    fewer = edit(MANAGER, activity.activity_id, 3, further_upload_ids=[three.upload_id])
    assert fewer.upload_ids == (another.upload_id, three.upload_id)
    database().commit([*services.lifecycle.note_performed(services.now(activity))])
    others: list[dict[str, Any]] = [
        {"further_upload_ids": []},
        {"further_upload_ids": [three.upload_id, two.upload_id]},
        {"upload_id": three.upload_id, "further_upload_ids": [another.upload_id]},
    ]
    for changes in others:
        problem = refusal(partial(edit, MANAGER, activity.activity_id, 4, **changes))
        assert problem.code is ActivityProblem.ACTIVITY_PERFORMED
    renamed = edit(
        MANAGER,
        activity.activity_id,
        4,
        instructions="Else",
        further_upload_ids=[three.upload_id],
    )
    assert (renamed.instructions, renamed.cuts) == ("Else", fewer.cuts)


def test_a_cut_still_being_validated_takes_the_activity_out_until_its_verdict(
    services: ActivityServices, dynamodb: Any
) -> None:
    activity = services.made(services.upload_services.validated_upload())
    waiting = services.upload_services.posted_upload()
    edited = services.service.edit(
        MANAGER, activity.activity_id, 1, further_upload_ids=[waiting.upload_id]
    )
    assert (edited.state, edited.video) == (ActivityState.PROCESSING, None)
    assert services.feed_ids() == []
    decides(services, dynamodb, waiting.upload_id)
    assert services.feed_ids() == [activity.activity_id]


def test_without_its_refused_cut_it_is_open(services: ActivityServices, dynamodb: Any) -> None:
    activity = made(services, [b"one", b"bad", b"three"])
    for each in activity.upload_ids:
        decides(services, dynamodb, each)
    one, _, three = activity.upload_ids
    archived = services.service.archive(MANAGER, activity.activity_id)
    back = services.service.unarchive(MANAGER, activity.activity_id)
    assert (archived.state, back.state) == (ActivityState.ARCHIVED, ActivityState.REJECTED)
    saved = services.service.edit(
        MANAGER, activity.activity_id, back.version, further_upload_ids=[three]
    )
    assert (saved.state, saved.upload_ids) == (ActivityState.PUBLISHED, (one, three))
    assert services.feed_ids() == [activity.activity_id]


def test_a_removed_cut_has_no_say_any_more(services: ActivityServices, dynamodb: Any) -> None:
    activity = made(services, [b"one", b"bad", b"three"])
    one, bad, three = activity.upload_ids
    services.service.edit(MANAGER, activity.activity_id, 1, further_upload_ids=[three])
    for each in (bad, one, three):
        decides(services, dynamodb, each)
    settled = services.now(activity)
    assert (settled.state, settled.upload_ids) == (ActivityState.PUBLISHED, (one, three))


def test_a_duplicate_has_the_same_cuts_unless_others_are_named(
    services: ActivityServices, dynamodb: Any
) -> None:
    source = made(services, [b"one", b"two"], validated=True)
    duplicate = services.service.duplicate
    copy = duplicate(MANAGER, source.activity_id)
    assert (copy.cuts, copy.state) == (source.cuts, ActivityState.PUBLISHED)
    alone = duplicate(MANAGER, source.activity_id, further_upload_ids=[])
    assert alone.cuts == source.cuts[:1]
    rejected = made(services, [b"one", b"bad"])
    for each in rejected.upload_ids:
        decides(services, dynamodb, each)
    problem = refusal(lambda: duplicate(MANAGER, rejected.activity_id))
    assert problem.code is ActivityProblem.ACTIVITY_REJECTED
    problem = refusal(
        lambda: duplicate(
            MANAGER,
            rejected.activity_id,
            upload_id=services.upload_services.validated_upload().upload_id,
        )
    )
    assert (problem.code, problem.members["cut"]) == (ActivityProblem.UPLOAD_NOT_VALID, 2)
    saved = duplicate(MANAGER, rejected.activity_id, further_upload_ids=[])
    assert saved.state is ActivityState.PUBLISHED


@pytest.mark.parametrize("before", [1, 2])
def test_a_first_performance_never_meets_other_cuts_than_it_was_made_with(
    services: ActivityServices, before: int
) -> None:
    activity = made(services, [b"one", b"two"][:before], validated=True)
    another = services.upload_services.validated_upload(b"another")
    services.service.edit(MANAGER, activity.activity_id, 1, further_upload_ids=[another.upload_id])
    with pytest.raises(VideoChanged):
        database().commit([*services.lifecycle.note_performed(activity)])
    now = services.now(activity)
    database().commit([*services.lifecycle.note_performed(now)])
    assert services.now(activity).performed


def test_an_item_without_further_cuts_is_stored_as_it_always_was(
    services: ActivityServices,
) -> None:
    activity = services.put()
    stored = ActivityItem.of(activity)
    assert stored.further_cuts is None
    assert services.now(activity).cuts == (
        Cut(activity.upload_id, activity.video, activity.video_key),
    )


def test_the_most_cuts_with_all_that_can_be_known_of_each_fit_into_an_item(
    services: ActivityServices, dynamodb: Any
) -> None:
    problems = services.upload_services.validated_upload(b"bad").problems * 20
    cuts = [Cut(f"upl_{at}", GOOD, f"videos/prg_1/upl_{at}/etag", problems) for at in range(10)]
    activity = services.put().with_cuts(cuts)
    database().put(ActivityItem.of(activity))
    assert services.now(activity) == activity
    key = {"program_id": {"S": "prg_1"}, "activity_id": {"S": activity.activity_id}}
    image = dynamodb.get_item(TableName="ActivitiesTable", Key=key)["Item"]
    assert len(str(image)) < 150_000  # 24 of them are read by a call that answers 4 MB
    assert len(cuts) == MAX_CUTS


# Sweeping


def test_a_video_that_is_a_further_cut_is_never_removed_as_unused(
    clock: StoppedClock,
) -> None:
    greenroom = InMemoryGreenroom(clock, ScriptedTikTok())
    queue = ArrivalsQueue(greenroom.clients.sqs, "http://127.0.0.1/arrivals")
    greenroom.container.arrivals_queue = queue
    try:
        used, further, unused = (greenroom.valid_upload() for _ in range(3))
        activity = greenroom.container.activities.create(
            greenroom.manager, used, further_upload_ids=[further]
        )
        sweeper = greenroom.container.stuck_uploads
        for _ in range(2):
            for step in (
                RECHECK_DELAY + timedelta(minutes=1),
                timedelta(days=100),
                RECHECK_DELAY * 2,
            ):
                greenroom.clock.advance(step)
                sweeper.sweep()
                sweeper.remove_unused()
        states = [
            greenroom.container.videos.upload(greenroom.manager, each).state
            for each in (used, further, unused)
        ]
        assert states == [UploadStatus.VALID, UploadStatus.VALID, UploadStatus.EXPIRED]
        assert {each.video_key for each in activity.cuts} <= greenroom.cloud.objects.keys()
    finally:
        greenroom.close()


# Dealing


def cuts_of(greenroom: Greenroom, number: int) -> tuple[Cut, ...]:
    """Put the files of so many cuts, each with bytes of its own."""
    found = []
    for at in range(number):
        upload_id = new_id("upl", greenroom.clock.now())
        key = f"videos/{greenroom.program.program_id}/{upload_id}/etag-{at}"
        content = VIDEO[:-1] + bytes([at])
        greenroom.clients.s3.put_object(
            Bucket=greenroom.settings.videos_bucket, Key=key, Body=content
        )
        found.append(Cut(upload_id, replace(GOOD, size_bytes=len(content)), key))
    return tuple(found)


def with_cuts(greenroom: Greenroom, number: int = 3, **changes: Any) -> Activity:
    return greenroom.put_activity(
        greenroom.activity(**changes).with_cuts(cuts_of(greenroom, number))
    )


def join(greenroom: Greenroom, name: str) -> Caller:
    made = greenroom.member(name)
    greenroom.connect_account(made, name)
    return greenroom.now(made)


def test_members_send_the_very_cut_that_their_feed_shows_and_keep_it(
    greenroom: Greenroom,
) -> None:
    activity = with_cuts(greenroom)
    service = greenroom.container.activities
    dealt: Counter[str] = Counter()
    for number in range(12):
        someone = join(greenroom, f"m{number}")
        (shown,) = service.feed(someone, 20, None).items
        cut = service.cut_for(someone, shown)
        offered = service.offered(someone, activity.activity_id)
        assert offered.cut == cut
        performance = greenroom.stored(greenroom.perform(someone, activity))
        assert (performance.cut, performance.video_key) == (cut.upload_id, cut.video_key)
        assert cut.video
        assert performance.size_bytes == cut.video.size_bytes
        preview = greenroom.container.performances.preview(performance)
        assert str(cut.video_key) in preview.url
        assert service.offered(someone, activity.activity_id).cut == cut
        dealt[cut.upload_id] += 1
    assert len(dealt) > 1


def test_a_performance_keeps_its_cut_whatever_becomes_of_the_activity(
    greenroom: Greenroom,
) -> None:
    ana = join(greenroom, "ana")
    activity = with_cuts(greenroom)
    performance = greenroom.perform(ana, activity)
    found = greenroom.container.activities.activity(greenroom.manager, activity.activity_id)
    assert found.performed
    greenroom.put_activity(found.with_cuts(cuts_of(greenroom, 2)))
    assert greenroom.stored(performance).video_key == performance.video_key


def test_an_activity_with_one_video_makes_performances_as_it_always_did(
    greenroom: Greenroom,
) -> None:
    ana = join(greenroom, "ana")
    activity = greenroom.activity()
    performance = greenroom.stored(greenroom.perform(ana, activity))
    assert (performance.cut, performance.video_key) == (None, activity.video_key)


def test_trying_sends_the_cut_that_the_manager_would_be_dealt(greenroom: Greenroom) -> None:
    greenroom.connect_account(greenroom.manager, "boss")
    manager = greenroom.now(greenroom.manager)
    activity = with_cuts(greenroom)
    tried = greenroom.container.performances.send_trial(manager, activity.activity_id, CORRELATION)
    assert greenroom.stored(tried).cut == assigned_cut(activity, manager.member_id).upload_id


def test_a_manager_tries_each_cut_and_no_video_of_another_activity(greenroom: Greenroom) -> None:
    greenroom.connect_account(greenroom.manager, "boss")
    manager = greenroom.now(greenroom.manager)
    activity, other = with_cuts(greenroom), with_cuts(greenroom)
    try_on = partial(greenroom.container.performances.send_trial, manager, activity.activity_id)
    for cut in activity.cuts:
        tried = greenroom.stored(try_on(CORRELATION, upload_id=cut.upload_id))
        assert (tried.cut, tried.video_key) == (cut.upload_id, cut.video_key)
        assert (tried.trial, tried.points) == (True, 0)
    problem = refusal(lambda: try_on(CORRELATION, upload_id=other.upload_id))
    assert [(each.field, each.code) for each in problem.errors] == [("upload_id", "unknown_cut")]


def test_nobody_is_dealt_anything_before_the_last_verdict(greenroom: Greenroom) -> None:
    ana = join(greenroom, "ana")
    activity = with_cuts(greenroom)
    waiting = greenroom.put_activity(activity.awaiting_verdicts(activity.upload_ids))
    assert greenroom.feed(ana) == []
    problem = refusal(lambda: greenroom.perform(ana, waiting))
    assert problem.code is ProblemCode.NOT_FOUND
    ended = greenroom.put_activity(replace(waiting, state=ActivityState.ARCHIVED))
    problem = refusal(lambda: greenroom.perform(ana, ended))
    assert problem.code is ProblemCode.NOT_FOUND


def test_an_edit_between_reading_and_sending_is_looked_at_again(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = join(greenroom, "ana")
    activity = with_cuts(greenroom)
    edited = replace(activity.with_cuts(cuts_of(greenroom, 3)), version=2)
    read, keeps = ActivityLifecycle.activity, iter([edited])

    def meanwhile(*args: Any) -> Activity | None:
        found = read(*args)
        for each in keeps:
            greenroom.put_activity(each)
        return found

    monkeypatch.setattr(ActivityLifecycle, "activity", meanwhile)
    performance = greenroom.stored(greenroom.perform(ana, activity))
    assert performance.cut == assigned_cut(edited, ana.member_id).upload_id
    assert performance.cut in edited.upload_ids


def test_cuts_cost_no_call_more(
    tables_in_memory: None,
    greenroom: Greenroom,
    calls: Calls,
) -> None:
    ana = join(greenroom, "ana")
    activities = [with_cuts(greenroom, MAX_CUTS) for _ in range(3)]
    greenroom.feed(ana)
    greenroom.perform(ana, activities.pop())
    calls.made.clear()
    items = greenroom.container.activities.feed(ana, 20, None).items
    assert all(
        greenroom.container.activities.preview(greenroom.container.activities.cut_for(ana, each))
        for each in items
    )
    assert len(calls.names) == 3  # and one for who is asking
    calls.made.clear()
    greenroom.perform(ana, activities.pop())
    assert len(calls.names) == 2


def test_the_members_copy_of_their_data_names_their_cut_and_an_erasure_leaves_it(
    greenroom: Greenroom,
) -> None:
    ana = join(greenroom, "ana")
    performance = greenroom.perform(ana, with_cuts(greenroom))
    keeper = PerformancePersonalData(database(), greenroom.clock)
    person = Person(ana.program_id, ana.member_id, ana.email, "subject")
    ((_, record),) = list(keeper.personal_data(person))
    assert record["cut"] == performance.cut


# Reports


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def nothing(_: str) -> None:
    """Nobody listens."""


DOES = ("takes it", "refuses", "posts")


def plays(reporting: ReportingGreenroom, dice: random.Random | None) -> Activity:
    """Let nine members send an activity with three cuts, and TikTok do as it likes."""
    activity = with_cuts(reporting, instructions="Many cuts")
    other = reporting.activity()
    for number in range(9):
        someone = reporting.join(f"m{number}")
        sent = reporting.perform_and_stage(someone, activity, DOES[number % 3])
        reporting.advance(minutes=1)
        reporting.deliver_all(dice)
        if number % 3 == 1:  # once more, with the same cut
            again = reporting.perform_and_stage(reporting.now(someone), activity)
            assert reporting.stored(again).cut == reporting.stored(sent).cut
        reporting.perform_and_stage(reporting.now(someone), other)
        reporting.deliver_all(dice)
    return activity


@pytest.mark.parametrize("seed", [None, *range(4)])
def test_each_cut_is_counted_apart_in_any_order_of_events_and_a_recount_agrees(
    reporting: ReportingGreenroom, seed: int | None
) -> None:
    activity = plays(reporting, None if seed is None else random.Random(seed))
    program = reporting.program.program_id
    assert reporting.container.reports_rebuilder.findings(program, nothing) == []
    report = reporting.container.reports
    found = report.activity(reporting.manager, activity.activity_id, None, None)
    assert [each.upload_id for each in found.cuts] == list(activity.upload_ids)
    whole = found.report.whole
    for name, of_cuts in (
        ("sent", [each.sent for each in found.cuts]),
        ("staged", [each.staged for each in found.cuts]),
        ("posted", [each.posted for each in found.cuts]),
    ):
        assert sum(of_cuts) == whole.number(name) > 0
    assert sum(each.failed for each in found.cuts) == sum(number for _, number in whole.lost)
    page = report.performances(reporting.manager, activity.activity_id, 20, None)
    assert Counter(each.progress.cut for each in page.items) == Counter(
        {each.upload_id: each.sent for each in found.cuts if each.sent}
    )
    for each in page.items:
        assert each.progress.cut == assigned_cut(activity, each.member_id).upload_id


def test_an_activity_with_one_video_has_no_cuts_in_its_report(
    reporting: ReportingGreenroom,
) -> None:
    activity = reporting.activity()
    reporting.perform_and_stage(reporting.join("amy"), activity)
    reporting.deliver_all()
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert found.cuts == ()
    assert not any(name.startswith("cut:") for name in found.report.whole.numbers)


def test_cuts_that_were_not_counted_are_found_and_set_right_by_a_recount(
    reporting: ReportingGreenroom,
) -> None:
    activity = plays(reporting, None)
    program = reporting.program.program_id
    before = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    ).cuts
    # As a function of before cuts counted it: nothing of them in the facts, nor in the counters.
    store = reporting.container.report_store
    wrong = {}
    for each in store.performers(program, activity.activity_id, None, 20):
        wrong[each[1].member_id] = each[1].progress
    for member_id, progress in wrong.items():
        item = database().get(
            ProgressItem, f"{program}#progress", f"{member_id}#{activity.activity_id}"
        )
        facts = item.facts
        for attempt in facts["attempts"].values():
            attempt.pop("cut")
        database().update(item, [ProgressItem.facts.set(facts)])
        assert progress.cut
    rebuilder = reporting.container.reports_rebuilder
    found = rebuilder.findings(program, nothing)
    assert found
    assert rebuilder.repair(program, found, nothing) == []
    after = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    ).cuts
    assert after == before


def exported(
    reporting: ReportingGreenroom, table: Table, activity: Activity
) -> list[dict[str, str]]:
    service = reporting.container.report_exports
    export = service.request_export(reporting.manager, table, thing_id=activity.activity_id)
    event = Change("1", reporting.clock.now(), {}, {}).event(
        export.program_id, ExportRequested(export.export_id)
    )
    assert reports_worker.make_exports(reporting.container.report_export_maker, queued(event)) == {
        "batchItemFailures": []
    }
    text = reporting.cloud.objects[export.key].decode("utf-8").removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_files_have_the_numbers_of_each_cut_and_which_one_each_member_had(
    reporting: ReportingGreenroom,
) -> None:
    activity = plays(reporting, None)
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    days = exported(reporting, Table.ACTIVITY, activity)
    for number, cut in enumerate(found.cuts, 1):
        summed = [
            sum(int(day[f"cut_{number}_{name}"]) for day in days)
            for name in ("sent", "in_inbox", "posted", "failed")
        ]
        assert CutTally(cut.upload_id, *summed) == cut
    sent = exported(reporting, Table.PERFORMANCES, activity)
    assert Counter(row["cut"] for row in sent) == Counter(
        {str(number): cut.sent for number, cut in enumerate(found.cuts, 1) if cut.sent}
    )
    plain = reporting.activity()
    columns = exported(reporting, Table.ACTIVITY, plain)[0]
    assert not [name for name in columns if name.startswith("cut_")]


def test_the_audit_trail_names_further_cuts(reporting: ReportingGreenroom) -> None:
    uploads = [reporting.valid_upload() for _ in range(3)]
    with acting(member(reporting.manager.member_id)):
        reporting.container.activities.create(
            reporting.manager, uploads[0], further_upload_ids=uploads[1:]
        )
    wanted = EntryFilter(kind=Kind.ACTIVITY_CREATED)
    (told,) = list(reporting.container.audit.export_entries(reporting.manager, wanted))
    assert told.entry.after["further_upload_ids"] == uploads[1:]


def test_reuse_is_counted_for_each_cut(reporting: ReportingGreenroom) -> None:
    for number in range(5):
        reporting.join(f"m{number}")
    reporting.deliver_all()
    _, found = reporting.container.reports.reuse(reporting.manager, (), 2, 3)
    assert (found.people, found.people_per_video, found.people_per_caption) == (6, 2, 3)
