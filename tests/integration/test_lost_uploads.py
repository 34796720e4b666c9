"""Uploads that did not move on by themselves: found, moved on, and cleared up after."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pynamodb.exceptions import UpdateError

from chalicelib.videos import service as service_module
from chalicelib.videos import worker
from chalicelib.videos.bounded import CannotExamine
from chalicelib.videos.model import (
    ARRIVAL_GRACE,
    FORM_LIFETIME,
    LOOK_AGAIN,
    TRIES,
    Examination,
    Upload,
    UploadStatus,
    VideoProblemCode,
)
from chalicelib.videos.probe import ObjectChanged, RangeReader
from chalicelib.videos.queue import ArrivalLost, ArrivalsQueue, arrival_of
from chalicelib.videos.service import LostAndFound
from chalicelib.videos.store import VideoFiles
from tests.integration.arrivals import GOOD, MANAGER, Studio
from tests.integration.conftest import Calls

OVER = FORM_LIFETIME + ARRIVAL_GRACE + timedelta(seconds=1)
TROUBLE = {"Error": {"Code": "InternalError", "Message": "Try again."}}


def looked(studio: Studio, after: timedelta = LOOK_AGAIN) -> int:
    """Let time pass and the clock tick."""
    studio.clock.advance(after)
    return worker.look_again(studio.lost)


def delivered(studio: Studio) -> list[str]:
    """Give all that is queued to the validator; tells which keys come again."""
    bodies = studio.queued()
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(bodies)
    ]
    context = SimpleNamespace(function_name="validate", aws_request_id="r")
    answer = worker.validate(studio.service, {"Records": records}, context)
    return [bodies[int(each["itemIdentifier"])] for each in answer["batchItemFailures"]]


def unfinished(studio: Studio) -> list[str]:
    now = studio.clock.now() + timedelta(days=1)
    return [each.upload_id for each in studio.store.overdue(now, 1000)]


def test_a_file_whose_event_was_lost_is_validated_within_a_few_minutes(studio: Studio) -> None:
    upload = studio.posted()
    assert looked(studio, LOOK_AGAIN - timedelta(seconds=1)) == 0
    assert studio.queued() == []
    assert looked(studio, timedelta(seconds=1)) == 1
    assert delivered(studio) == []
    assert studio.now(upload).state is UploadStatus.VALID
    assert timedelta(minutes=2) < LOOK_AGAIN <= timedelta(minutes=5)


def test_a_file_that_comes_after_a_look_is_found_by_the_next(studio: Studio) -> None:
    upload = studio.asked()
    assert looked(studio) == 0
    studio.post(upload)
    assert looked(studio) == 1
    assert studio.queued() == [arrival_of(upload.incoming_key)]


def test_a_file_posted_at_the_last_second_is_validated_and_not_expired(studio: Studio) -> None:
    upload = studio.asked()
    studio.clock.advance(FORM_LIFETIME)
    studio.post(upload)
    assert looked(studio, ARRIVAL_GRACE + timedelta(hours=1)) == 1
    assert delivered(studio) == []
    assert studio.now(upload).state is UploadStatus.VALID


def test_an_upload_never_sent_ends_as_expired_and_not_before_its_form_and_grace(
    studio: Studio,
) -> None:
    upload = studio.asked()
    assert looked(studio, OVER - timedelta(seconds=1)) == 0
    assert studio.now(upload).state is UploadStatus.AWAITING_FILE
    assert looked(studio) == 1
    assert studio.now(upload).state is UploadStatus.EXPIRED
    assert studio.incoming == studio.videos == studio.queued() == []


def test_a_file_posted_after_the_end_is_removed_and_changes_nothing(studio: Studio) -> None:
    upload = studio.asked()
    looked(studio, OVER)
    studio.post(upload)
    studio.service.validate(upload.incoming_key)
    assert studio.incoming == studio.videos == []
    assert studio.now(upload).state is UploadStatus.EXPIRED


def test_a_file_that_comes_during_the_look_that_would_end_its_upload_is_validated(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = studio.asked()
    arrived = VideoFiles.arrived

    def then_it_comes(files: VideoFiles, key: str) -> Any:
        found = arrived(files, key)
        monkeypatch.setattr(VideoFiles, "arrived", arrived)
        studio.post(upload)
        studio.store.claim(upload.program_id, upload.upload_id, studio.clock.now())
        return found

    monkeypatch.setattr(VideoFiles, "arrived", then_it_comes)
    assert looked(studio, OVER) == 0
    assert studio.now(upload).state is UploadStatus.VALIDATING
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID


def test_a_request_repeated_after_the_end_has_an_upload_that_takes_a_file(studio: Studio) -> None:
    first = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1").upload
    looked(studio, OVER)
    assert studio.now(first).state is UploadStatus.EXPIRED
    again = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1").upload
    assert studio.now(first).status_at(studio.clock.now()) is UploadStatus.AWAITING_FILE
    studio.post(again)
    assert looked(studio) == 1
    delivered(studio)
    assert studio.now(first).state is UploadStatus.VALID


def test_a_decided_upload_is_looked_at_once_more_and_then_left_alone(studio: Studio) -> None:
    good, bad = studio.validated(), studio.validated(b"bad")
    assert set(unfinished(studio)) == {good.upload_id, bad.upload_id}
    assert looked(studio) == 2
    assert unfinished(studio) == []
    assert studio.now(good).state is UploadStatus.VALID
    assert studio.kept(good) == b"good"
    assert looked(studio) == 0


def test_two_looks_at_once_move_an_upload_on_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.posted()
    overdue = studio.store.overdue

    def both_find_it(*arguments: Any) -> Any:
        found = overdue(*arguments)
        monkeypatch.undo()
        assert studio.lost.look_again() == 1
        return found

    monkeypatch.setattr(studio.store, "overdue", both_find_it)
    assert looked(studio) == 0
    assert len(studio.queued()) == 1


def test_a_look_beside_the_arrival_event_decides_once(studio: Studio) -> None:
    upload = studio.posted()
    looked(studio)
    studio.service.validate(upload.incoming_key)
    decided = studio.now(upload)
    assert delivered(studio) == []
    assert studio.now(upload) == decided
    assert studio.examination.seen == [b"good"]


def test_one_upload_that_fails_keeps_nobody_from_their_turn_and_is_told_of(
    studio: Studio, calls: Calls
) -> None:
    uploads = []
    for _ in range(3):
        uploads.append(studio.posted())
        studio.clock.advance(timedelta(milliseconds=1))
    calls.fail("HeadObject", TROUBLE)
    with pytest.raises(ClientError):
        looked(studio)
    assert studio.queued() == [arrival_of(each.incoming_key) for each in uploads[1:]]
    assert looked(studio) == 3  # the one that failed among them


def test_a_run_is_bounded_and_the_next_goes_on(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "LOOKED_AT_PER_RUN", 12)
    for _ in range(30):
        studio.posted()
        studio.clock.advance(timedelta(milliseconds=1))
    assert [looked(studio), *(looked(studio, timedelta(0)) for _ in range(3))] == [12, 12, 6, 0]
    assert len(set(studio.queued())) == 30


def test_a_message_that_the_queue_did_not_take_is_sent_again_by_the_next_look(
    studio: Studio,
) -> None:
    class Deaf:
        def send_message_batch(self, **asked: Any) -> Any:
            return {"Failed": asked["Entries"]}

    upload = studio.posted()
    deaf: Any = Deaf()
    lost = LostAndFound(studio.store, studio.files, ArrivalsQueue(deaf, "url"), studio.clock)
    studio.clock.advance(LOOK_AGAIN)
    with pytest.raises(ArrivalLost):
        lost.look_again()
    assert looked(studio) == 1
    assert studio.queued() == [arrival_of(upload.incoming_key)]


# Validators that die.


def dying(studio: Studio, upload: Upload) -> None:
    """Examine, and be killed while at it: nothing gets written and no message comes back."""
    studio.examination.broken = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        studio.service.validate(upload.incoming_key)
    studio.examination.broken = None


def test_a_validator_that_died_is_noticed_and_its_file_validated(studio: Studio) -> None:
    upload = studio.posted()
    dying(studio, upload)
    assert studio.now(upload).state is UploadStatus.VALIDATING
    assert looked(studio) == 1
    delivered(studio)
    assert studio.now(upload).state is UploadStatus.VALID


def test_a_look_leaves_a_validation_alone_that_is_under_way(studio: Studio) -> None:
    upload = studio.posted()
    studio.clock.advance(LOOK_AGAIN - timedelta(seconds=1))
    dying(studio, upload)
    assert looked(studio, timedelta(minutes=2)) == 0


def test_what_kills_its_validator_each_time_is_rejected_after_three_tries(studio: Studio) -> None:
    upload = studio.posted()
    dying(studio, upload)
    for _ in range(TRIES - 1):
        assert looked(studio) == 1
        (body,) = studio.queued()
        assert body == arrival_of(upload.incoming_key)
        dying(studio, upload)
    looked(studio)
    assert delivered(studio) == []
    decided = studio.now(upload)
    assert decided.state is UploadStatus.REJECTED
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]
    assert len(studio.examination.seen) == TRIES == 3
    assert studio.incoming == studio.videos == []


@pytest.mark.parametrize("broken", [MemoryError(), CannotExamine("stalled"), TimeoutError()])
def test_an_examination_without_an_end_is_begun_three_times_however_often_it_is_announced(
    studio: Studio, broken: Exception
) -> None:
    upload = studio.posted()
    studio.examination.broken = broken
    for _ in range(TRIES):
        with pytest.raises(type(broken)):
            studio.service.validate(upload.incoming_key)
        assert studio.now(upload).state is UploadStatus.VALIDATING
        assert studio.incoming == [upload.incoming_key]
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALIDATING
    assert looked(studio) == 1
    assert studio.now(upload).state is UploadStatus.REJECTED
    assert delivered(studio) == []
    assert len(studio.examination.seen) == TRIES
    assert studio.incoming == []


def out_of_order(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")


@pytest.mark.parametrize(
    "trouble",
    [
        out_of_order("InternalError", 500),
        out_of_order("SlowDown", 503),
        EndpointConnectionError(endpoint_url="https://s3.example"),
        UpdateError(cause=out_of_order("ProvisionedThroughputExceededException", 400)),
    ],
)
def test_a_good_file_outlives_any_outage_of_aws(studio: Studio, trouble: Exception) -> None:
    upload = studio.posted()
    studio.examination.broken = trouble
    for _ in range(2):
        for _ in range(TRIES):
            with pytest.raises(type(trouble)):
                studio.service.validate(upload.incoming_key)
        studio.service.give_up(upload.incoming_key)  # as often as the queue gives it out
        assert studio.now(upload).state is UploadStatus.VALIDATING
        assert looked(studio) == 1
    studio.examination.broken = None
    delivered(studio)
    assert studio.now(upload).state is UploadStatus.VALID


def test_what_aws_refuses_for_good_and_what_kills_a_validator_count_as_tries(
    studio: Studio,
) -> None:
    upload = studio.posted()
    studio.examination.broken = out_of_order("AccessDenied", 403)
    for _ in range(TRIES - 1):
        with pytest.raises(ClientError):
            studio.service.validate(upload.incoming_key)
    studio.service.give_up(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALIDATING
    dying(studio, upload)
    for _ in range(2):
        studio.service.give_up(upload.incoming_key)
    decided = studio.now(upload)
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]
    assert studio.incoming == []


def test_events_that_come_in_a_burst_reject_no_file_that_is_being_looked_at(
    studio: Studio,
) -> None:
    upload = studio.posted()
    examine, begun = studio.service._examine, list[str]()

    def overtaken(reader: RangeReader, size_bytes: int) -> Examination:
        begun.append(upload.upload_id)
        if len(begun) <= TRIES:
            studio.service.validate(upload.incoming_key)
        return examine(reader, size_bytes)

    studio.service._examine = overtaken
    with pytest.raises(ObjectChanged):  # whoever is overtaken finds the file gone, and comes again
        studio.service.validate(upload.incoming_key)
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID
    assert len(begun) == TRIES


def test_another_file_has_tries_of_its_own(studio: Studio) -> None:
    upload = studio.posted(b"good 0")
    for number in range(1, TRIES + 2):

        def another(content: bytes = b"good %d" % number) -> None:
            studio.post(upload, content)

        studio.files.before_copy = another
        with pytest.raises(ObjectChanged):
            studio.service.validate(upload.incoming_key)
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID
    assert studio.kept(upload) == b"good %d" % (TRIES + 1)


# Copies that no verdict chose.


def crash() -> None:
    raise MemoryError


def racing(studio: Studio, upload: Upload, content: bytes) -> None:
    """Let another file win between this one's copy and its verdict."""

    def second() -> None:
        studio.post(upload, content)
        studio.service.validate(upload.incoming_key)

    studio.files.after_copy = second
    studio.service.validate(upload.incoming_key)


@pytest.mark.parametrize("second", [b"good too", b"bad"])
def test_of_two_files_that_race_for_one_upload_only_the_chosen_one_stays(
    studio: Studio, second: bytes
) -> None:
    upload = studio.posted()
    racing(studio, upload, second)
    assert looked(studio) == 1
    decided = studio.now(upload)
    assert studio.videos == ([decided.video_key] if second != b"bad" else [])
    assert decided.copies == frozenset()
    assert studio.incoming == []


def test_the_copy_of_a_validator_that_died_before_its_verdict_goes(studio: Studio) -> None:
    upload = studio.posted()
    studio.files.after_copy = crash
    with pytest.raises(MemoryError):
        studio.service.validate(upload.incoming_key)
    studio.post(upload, b"good, but another one")
    studio.service.validate(upload.incoming_key)
    assert len(studio.videos) == 2
    looked(studio)
    assert studio.videos == [studio.now(upload).video_key]
    assert studio.kept(upload) == b"good, but another one"


def test_the_copy_of_an_upload_that_expired_goes(studio: Studio) -> None:
    upload = studio.posted()
    studio.files.after_copy = crash
    with pytest.raises(MemoryError):
        studio.service.validate(upload.incoming_key)
    studio.files.discard(upload.incoming_key)  # as the bucket does after a day
    assert looked(studio, OVER) == 1
    assert studio.now(upload).state is UploadStatus.EXPIRED
    assert len(studio.videos) == 1
    assert looked(studio) == 1
    assert studio.videos == []
    assert unfinished(studio) == []


def test_a_copy_is_not_begun_for_an_upload_that_was_decided_meanwhile(studio: Studio) -> None:
    upload = studio.posted()
    glance = studio.examination

    def decided_meanwhile(reader: Any, size_bytes: int) -> Any:
        seen = glance(reader, size_bytes)
        studio.store.decide(upload, GOOD, (), "videos/another", studio.clock.now())
        return seen

    studio.service._examine = decided_meanwhile
    studio.service.validate(upload.incoming_key)
    assert studio.videos == studio.incoming == []
    assert studio.now(upload).video_key == "videos/another"


def test_a_removal_that_fails_is_tried_again(studio: Studio, calls: Calls) -> None:
    upload = studio.posted()
    racing(studio, upload, b"good too")
    calls.fail("DeleteObject", TROUBLE)
    with pytest.raises(ClientError):
        looked(studio)
    assert len(studio.videos) == 2
    looked(studio)
    assert len(studio.videos) == 1


def test_what_a_look_costs(studio: Studio, calls: Calls) -> None:
    """One query; one write and one HEAD for what waits, two writes for what was decided."""
    studio.validated()
    studio.asked()
    calls.made.clear()
    looked(studio)
    assert sorted(calls.names) == ["HeadObject", "Query", "UpdateItem", "UpdateItem", "UpdateItem"]
