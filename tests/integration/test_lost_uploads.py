"""Uploads that did not move on by themselves: found, moved on, and cleared up after."""

import json
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner
from pynamodb.exceptions import UpdateError

import commands.__main__ as commands_main
from chalicelib.videos import service as service_module
from chalicelib.videos import worker
from chalicelib.videos.model import (
    ARRIVAL_GRACE,
    EXAMINATION_RETRY_DELAY,
    FORM_LIFETIME,
    GIVEN_UP_AFTER,
    MAX_TRIES,
    RECHECK_DELAY,
    TRY_LIFETIME,
    VERDICT_TIME_LIMIT,
    CannotExamine,
    Examination,
    ExaminerBroken,
    LimitExceeded,
    Upload,
    UploadStatus,
    VideoProblemCode,
)
from chalicelib.videos.queue import ArrivalsQueue, MessageNotQueued, arrival_message
from chalicelib.videos.ranges import ObjectChanged, RangeReader
from chalicelib.videos.service import StuckUploadSweeper
from chalicelib.videos.store import VideoFiles
from tests.integration.conftest import Calls
from tests.integration.upload_services import GOOD, MANAGER, STRANGER, UploadServices

OVER = FORM_LIFETIME + ARRIVAL_GRACE + timedelta(seconds=1)
TROUBLE = {"Error": {"Code": "InternalError", "Message": "Try again."}}


def looked(upload_services: UploadServices, after: timedelta = RECHECK_DELAY) -> int:
    """Let time pass and the clock tick."""
    upload_services.clock.advance(after)
    return worker.sweep_stuck_uploads(upload_services.sweeper)


def delivered(upload_services: UploadServices) -> list[str]:
    """Send all queued messages to the validator; returns the keys of those that are retried."""
    bodies = upload_services.take_queued()
    if not bodies:
        return []
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
        for number, body in enumerate(bodies)
    ]
    answer = worker.validate(upload_services.service, {"Records": records})
    return [bodies[int(each["itemIdentifier"])] for each in answer["batchItemFailures"]]


def unfinished(upload_services: UploadServices) -> list[str]:
    now = upload_services.clock.now() + timedelta(days=1)
    return [each.upload_id for each in upload_services.store.overdue(now, 1000)]


def test_a_file_whose_event_was_lost_is_validated_within_a_few_minutes(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    assert looked(upload_services, RECHECK_DELAY - timedelta(seconds=1)) == 0
    assert upload_services.take_queued() == []
    assert looked(upload_services, timedelta(seconds=1)) == 1
    assert delivered(upload_services) == []
    assert upload_services.now(upload).state is UploadStatus.VALID
    assert timedelta(minutes=2) < RECHECK_DELAY <= timedelta(minutes=5)


def test_a_file_that_comes_after_a_look_is_found_by_the_next(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.request_upload()
    assert looked(upload_services) == 0
    upload_services.post(upload)
    assert looked(upload_services) == 1
    assert upload_services.take_queued() == [arrival_message(upload.incoming_key)]


def test_a_file_posted_at_the_last_second_is_validated_and_not_expired(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.request_upload()
    upload_services.clock.advance(FORM_LIFETIME)
    upload_services.post(upload)
    assert looked(upload_services, ARRIVAL_GRACE + timedelta(hours=1)) == 1
    assert delivered(upload_services) == []
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_an_upload_never_sent_ends_as_expired_and_not_before_its_form_and_grace(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.request_upload()
    assert looked(upload_services, OVER - timedelta(seconds=1)) == 0
    assert upload_services.now(upload).state is UploadStatus.AWAITING_FILE
    assert looked(upload_services) == 1
    assert upload_services.now(upload).state is UploadStatus.EXPIRED
    assert upload_services.incoming == upload_services.videos == upload_services.take_queued() == []


def test_a_file_posted_after_the_end_is_removed_and_changes_nothing(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.request_upload()
    looked(upload_services, OVER)
    upload_services.post(upload)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.incoming == upload_services.videos == []
    assert upload_services.now(upload).state is UploadStatus.EXPIRED


def test_a_file_that_comes_during_the_look_that_would_end_its_upload_is_validated(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = upload_services.request_upload()
    arrived = VideoFiles.arrived_file

    def then_it_comes(files: VideoFiles, key: str) -> Any:
        found = arrived(files, key)
        monkeypatch.setattr(VideoFiles, "arrived_file", arrived)
        upload_services.post(upload)
        now = upload_services.clock.now()
        upload_services.store.claim(upload.program_id, upload.upload_id, now, now)
        return found

    monkeypatch.setattr(VideoFiles, "arrived_file", then_it_comes)
    assert looked(upload_services, OVER) == 0
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_a_request_repeated_after_the_end_has_an_upload_that_takes_a_file(
    upload_services: UploadServices,
) -> None:
    first = upload_services.service.ask_for_upload(
        MANAGER, "video/mp4", "correlation-1", "made1"
    ).upload
    looked(upload_services, OVER)
    assert upload_services.now(first).state is UploadStatus.EXPIRED
    again = upload_services.service.ask_for_upload(
        MANAGER, "video/mp4", "correlation-1", "made1"
    ).upload
    assert (
        upload_services.now(first).status_at(upload_services.clock.now())
        is UploadStatus.AWAITING_FILE
    )
    upload_services.post(again)
    assert looked(upload_services) == 1
    delivered(upload_services)
    assert upload_services.now(first).state is UploadStatus.VALID


def test_a_decided_upload_is_looked_at_once_more_and_then_left_alone(
    upload_services: UploadServices,
) -> None:
    good, bad = upload_services.validated_upload(), upload_services.validated_upload(b"bad")
    assert set(unfinished(upload_services)) == {good.upload_id, bad.upload_id}
    assert looked(upload_services) == 2
    assert unfinished(upload_services) == []
    assert upload_services.now(good).state is UploadStatus.VALID
    assert upload_services.stored_bytes(good) == b"good"
    assert looked(upload_services) == 0


def test_two_looks_at_once_move_an_upload_on_once(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_services.posted_upload()
    overdue = upload_services.store.overdue

    def both_find_it(*arguments: Any) -> Any:
        found = overdue(*arguments)
        monkeypatch.undo()
        assert upload_services.sweeper.sweep() == 1
        return found

    monkeypatch.setattr(upload_services.store, "overdue", both_find_it)
    assert looked(upload_services) == 0
    assert len(upload_services.take_queued()) == 1


def test_a_look_beside_the_arrival_event_decides_once(upload_services: UploadServices) -> None:
    upload = upload_services.posted_upload()
    looked(upload_services)
    upload_services.service.validate(upload.incoming_key)
    decided = upload_services.now(upload)
    assert delivered(upload_services) == []
    assert upload_services.now(upload) == decided
    assert upload_services.examination.seen == [b"good"]


def test_one_upload_that_fails_keeps_nobody_from_their_turn_and_is_told_of(
    upload_services: UploadServices, calls: Calls
) -> None:
    uploads = []
    for _ in range(3):
        uploads.append(upload_services.posted_upload())
        upload_services.clock.advance(timedelta(milliseconds=1))
    calls.fail("HeadObject", TROUBLE)
    with pytest.raises(ClientError):
        looked(upload_services)
    assert upload_services.take_queued() == [
        arrival_message(each.incoming_key) for each in uploads[1:]
    ]
    assert looked(upload_services) == 3  # the one that failed among them


def test_a_run_is_bounded_and_the_next_goes_on(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MAX_LOOKS_PER_RUN", 12)
    for _ in range(30):
        upload_services.posted_upload()
        upload_services.clock.advance(timedelta(milliseconds=1))
    assert [
        looked(upload_services),
        *(looked(upload_services, timedelta(0)) for _ in range(3)),
    ] == [12, 12, 6, 0]
    assert len(set(upload_services.take_queued())) == 30


def test_each_program_has_its_share_of_a_run(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "MAX_LOOKS_PER_RUN", 6)
    for _ in range(20):
        upload_services.posted_upload()
        upload_services.clock.advance(timedelta(milliseconds=1))
    other = upload_services.service.ask_for_upload(STRANGER, "video/mp4", "correlation-2").upload
    upload_services.post(other)
    assert looked(upload_services) == 6
    assert arrival_message(other.incoming_key) in upload_services.take_queued()


def test_a_message_that_the_queue_did_not_take_is_sent_again_by_the_next_look(
    upload_services: UploadServices,
) -> None:
    class Deaf:
        def send_message_batch(self, **asked: Any) -> Any:
            return {"Failed": asked["Entries"]}

    upload = upload_services.posted_upload()
    deaf: Any = Deaf()
    lost = StuckUploadSweeper(
        upload_services.store,
        upload_services.files,
        ArrivalsQueue(deaf, "url"),
        upload_services.clock,
    )
    upload_services.clock.advance(RECHECK_DELAY)
    with pytest.raises(MessageNotQueued):
        lost.sweep()
    assert looked(upload_services) == 1
    assert upload_services.take_queued() == [arrival_message(upload.incoming_key)]


# Validators that die.


def dying(upload_services: UploadServices, upload: Upload) -> None:
    """Examine, and be killed while at it: nothing gets written and no message comes back."""
    upload_services.examination.broken = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        upload_services.service.validate(upload.incoming_key)
    upload_services.examination.broken = None


def test_a_validator_that_died_is_noticed_and_its_file_validated(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    dying(upload_services, upload)
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    assert looked(upload_services, TRY_LIFETIME) == 1
    delivered(upload_services)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_a_look_leaves_a_validation_alone_that_is_under_way(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.clock.advance(RECHECK_DELAY - timedelta(seconds=1))
    dying(upload_services, upload)
    assert looked(upload_services, timedelta(minutes=2)) == 0


def sweeping_each_minute(upload_services: UploadServices, upload: Upload) -> timedelta:
    """Run the sweep each minute, its messages delivered; returns when the verdict comes."""
    for minute in range(1, 30):
        looked(upload_services, timedelta(minutes=1))
        with suppress(KeyboardInterrupt):
            delivered(upload_services)
        if upload_services.now(upload).state not in (
            UploadStatus.AWAITING_FILE,
            UploadStatus.VALIDATING,
        ):
            return timedelta(minutes=minute)
    raise AssertionError("no verdict in half an hour")


@pytest.mark.parametrize("second", range(0, 60, 7))
@pytest.mark.parametrize(
    "broken",
    [
        KeyboardInterrupt(),
        CannotExamine("stalled"),
        MemoryError(),
        EndpointConnectionError(endpoint_url="https://s3.example"),
        ExaminerBroken("libmediainfo.so.0: wrong ELF class"),
    ],
    ids=lambda broken: type(broken).__name__,
)
def test_a_verdict_comes_within_five_minutes_after_any_failure(
    upload_services: UploadServices, broken: BaseException, second: int
) -> None:
    """The validator dies, stalls or cannot reach S3, each time, whenever the sweep runs."""
    upload = upload_services.posted_upload()
    upload_services.examination.broken = broken
    with pytest.raises(type(broken)):
        upload_services.service.validate(upload.incoming_key)
    upload_services.clock.advance(timedelta(seconds=second))
    took = sweeping_each_minute(upload_services, upload) + timedelta(seconds=second)
    assert took <= VERDICT_TIME_LIMIT
    decided = upload_services.now(upload)
    assert decided.state is UploadStatus.REJECTED
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]
    delivered(upload_services)
    assert upload_services.incoming == upload_services.videos == []


def sweep_calls(upload_services: UploadServices, calls: Calls) -> list[str]:
    """Name every call that a sweep makes for an upload whose validator died."""
    dying(upload_services, upload_services.posted_upload())
    calls.made.clear()
    looked(upload_services, TRY_LIFETIME)
    upload_services.clock.advance(GIVEN_UP_AFTER)
    worker.sweep_stuck_uploads(upload_services.sweeper)
    names = sorted(set(calls.names))
    upload_services.take_queued()
    return names


@pytest.mark.parametrize("minute", range(1, 5))
@pytest.mark.parametrize("operation", ["HeadObject", "Query", "UpdateItem", "SendMessageBatch"])
def test_a_failed_call_of_one_sweep_does_not_put_the_verdict_off(
    upload_services: UploadServices, calls: Calls, operation: str, minute: int
) -> None:
    assert operation in sweep_calls(upload_services, calls)
    upload = upload_services.posted_upload()
    dying(upload_services, upload)
    upload_services.examination.broken = KeyboardInterrupt()
    for passed in range(1, int(VERDICT_TIME_LIMIT.total_seconds() / 60) + 1):
        if passed == minute:
            calls.fail(operation, TROUBLE)
        with suppress(Exception):
            looked(upload_services, timedelta(minutes=1))
        with suppress(KeyboardInterrupt):
            delivered(upload_services)
    decided = upload_services.now(upload)
    assert decided.state is UploadStatus.REJECTED
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]


def test_an_upload_is_given_up_in_time_while_s3_does_not_answer(
    upload_services: UploadServices, calls: Calls
) -> None:
    upload = upload_services.posted_upload()
    dying(upload_services, upload)
    calls.fail("HeadObject", TROUBLE, times=1000)
    for _ in range(4):
        with suppress(ClientError):
            looked(upload_services, timedelta(minutes=1))
    assert upload_services.now(upload).state is UploadStatus.REJECTED


def test_an_upload_that_kills_its_validator_is_retried_before_it_is_given_up(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    dying(upload_services, upload)
    assert looked(upload_services, TRY_LIFETIME) == 1
    dying(upload_services, upload)
    looked(upload_services, GIVEN_UP_AFTER - TRY_LIFETIME - timedelta(seconds=1))
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    looked(upload_services, timedelta(seconds=1))
    decided = upload_services.now(upload)
    assert decided.state is UploadStatus.REJECTED
    assert "within 5 minutes" in decided.problems[0].message
    assert len(upload_services.examination.seen) == 2


def test_a_file_that_takes_too_much_work_is_rejected_at_once(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = LimitExceeded("ffprobe used up 40 s of a processor")
    upload_services.service.validate(upload.incoming_key)
    decided = upload_services.now(upload)
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]
    assert "far more work" in decided.problems[0].message
    assert upload_services.incoming == upload_services.videos == []


def test_a_late_message_does_not_put_off_the_next_look(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = CannotExamine("stalled")
    for _ in range(MAX_TRIES):
        with pytest.raises(CannotExamine):
            upload_services.service.validate(upload.incoming_key)
    upload_services.clock.advance(EXAMINATION_RETRY_DELAY - timedelta(seconds=1))
    for _ in range(3):
        upload_services.service.validate(upload.incoming_key)
        upload_services.service.reject_unexaminable(f"{upload.incoming_key}-of-another")
    assert upload_services.now(upload).tries == MAX_TRIES
    assert looked(upload_services, timedelta(seconds=1)) == 1
    assert upload_services.now(upload).state is UploadStatus.REJECTED


def test_a_retry_that_comes_late_does_not_put_off_the_end(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    dying(upload_services, upload)
    upload_services.clock.advance(GIVEN_UP_AFTER - timedelta(seconds=1))
    dying(upload_services, upload)  # a message that came back late
    assert looked(upload_services, timedelta(seconds=1)) == 1
    assert upload_services.now(upload).state is UploadStatus.REJECTED


@pytest.mark.parametrize("broken", [MemoryError(), CannotExamine("stalled"), TimeoutError()])
def test_an_examination_without_an_end_is_begun_three_times_however_often_it_is_announced(
    upload_services: UploadServices, broken: Exception
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = broken
    for _ in range(MAX_TRIES):
        with pytest.raises(type(broken)):
            upload_services.service.validate(upload.incoming_key)
        assert upload_services.now(upload).state is UploadStatus.VALIDATING
        assert upload_services.incoming == [upload.incoming_key]
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    assert looked(upload_services, EXAMINATION_RETRY_DELAY) == 1
    assert upload_services.now(upload).state is UploadStatus.REJECTED
    assert "3 times" in upload_services.now(upload).problems[0].message
    assert delivered(upload_services) == []
    assert len(upload_services.examination.seen) == MAX_TRIES
    assert upload_services.incoming == []


def out_of_order(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetObject")


@pytest.mark.parametrize(
    "trouble",
    [
        out_of_order("InternalError", 500),
        out_of_order("SlowDown", 503),
        EndpointConnectionError(endpoint_url="https://s3.example"),
        ExaminerBroken("libmediainfo.so.0: wrong ELF class"),
        UpdateError(cause=out_of_order("ProvisionedThroughputExceededException", 400)),
    ],
)
def test_a_good_file_outlives_an_outage_of_aws_that_is_over_before_its_verdict_is_due(
    upload_services: UploadServices, trouble: Exception
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = trouble
    for _ in range(3):
        for _ in range(MAX_TRIES):
            with pytest.raises(type(trouble)):
                upload_services.service.validate(upload.incoming_key)
        # As often as the queue gives it out.
        upload_services.service.reject_unexaminable(upload.incoming_key)
        assert upload_services.now(upload).state is UploadStatus.VALIDATING
        assert looked(upload_services, timedelta(minutes=1)) == 1
    upload_services.examination.broken = None
    delivered(upload_services)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_permanent_aws_refusals_and_killed_validators_count_as_tries(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = out_of_order("AccessDenied", 403)
    for _ in range(MAX_TRIES - 1):
        with pytest.raises(ClientError):
            upload_services.service.validate(upload.incoming_key)
    upload_services.service.reject_unexaminable(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    dying(upload_services, upload)
    for _ in range(2):
        upload_services.service.reject_unexaminable(upload.incoming_key)
    decided = upload_services.now(upload)
    assert [each.code for each in decided.problems] == [VideoProblemCode.COULD_NOT_BE_EXAMINED]
    assert upload_services.incoming == []


def test_events_that_come_in_a_burst_reject_no_file_that_is_being_looked_at(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    examine, begun = upload_services.service._examine, list[str]()  # noqa: SLF001  meddled with midway

    def overtaken(reader: RangeReader, size_bytes: int) -> Examination:
        begun.append(upload.upload_id)
        if len(begun) <= MAX_TRIES:
            upload_services.service.validate(upload.incoming_key)
        return examine(reader, size_bytes)

    upload_services.service._examine = overtaken  # noqa: SLF001  likewise
    with pytest.raises(ObjectChanged):  # whoever is overtaken finds the file gone, and comes again
        upload_services.service.validate(upload.incoming_key)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID
    assert len(begun) == MAX_TRIES


def test_another_file_has_tries_of_its_own(upload_services: UploadServices) -> None:
    upload = upload_services.posted_upload(b"good 0")
    for number in range(1, MAX_TRIES + 2):

        def another(content: bytes = b"good %d" % number) -> None:
            upload_services.post(upload, content)

        upload_services.files.before_copy = another
        with pytest.raises(ObjectChanged):
            upload_services.service.validate(upload.incoming_key)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID
    assert upload_services.stored_bytes(upload) == b"good %d" % (MAX_TRIES + 1)


# Copies that no verdict chose.


def crash() -> None:
    raise MemoryError


def racing(upload_services: UploadServices, upload: Upload, content: bytes) -> None:
    """Let another file win between this one's copy and its verdict."""

    def second() -> None:
        upload_services.post(upload, content)
        upload_services.service.validate(upload.incoming_key)

    upload_services.files.after_copy = second
    upload_services.service.validate(upload.incoming_key)


@pytest.mark.parametrize("second", [b"good too", b"bad"])
def test_of_two_files_that_race_for_one_upload_only_the_chosen_one_stays(
    upload_services: UploadServices, second: bytes
) -> None:
    upload = upload_services.posted_upload()
    racing(upload_services, upload, second)
    assert looked(upload_services) == 1
    decided = upload_services.now(upload)
    assert upload_services.videos == ([decided.video_key] if second != b"bad" else [])
    assert decided.copies == frozenset()
    assert upload_services.incoming == []


def test_the_copy_of_a_validator_that_died_before_its_verdict_goes(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.files.after_copy = crash
    with pytest.raises(MemoryError):
        upload_services.service.validate(upload.incoming_key)
    upload_services.post(upload, b"good, but another one")
    upload_services.service.validate(upload.incoming_key)
    assert len(upload_services.videos) == 2
    looked(upload_services)
    assert upload_services.videos == [upload_services.now(upload).video_key]
    assert upload_services.stored_bytes(upload) == b"good, but another one"


def test_the_copy_of_an_upload_that_expired_goes(upload_services: UploadServices) -> None:
    upload = upload_services.posted_upload()
    upload_services.files.after_copy = crash
    with pytest.raises(MemoryError):
        upload_services.service.validate(upload.incoming_key)
    upload_services.files.remove_incoming(upload.incoming_key)  # as the bucket does after a day
    assert looked(upload_services, OVER) == 1
    assert upload_services.now(upload).state is UploadStatus.EXPIRED
    assert len(upload_services.videos) == 1
    assert looked(upload_services) == 1
    assert upload_services.videos == []
    assert unfinished(upload_services) == []


def test_a_copy_is_not_begun_for_an_upload_that_was_decided_meanwhile(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    glance = upload_services.examination

    def decided_meanwhile(reader: Any, size_bytes: int) -> Any:
        seen = glance(reader, size_bytes)
        upload_services.store.decide(
            upload, GOOD, (), "videos/another", upload_services.clock.now()
        )
        return seen

    upload_services.service._examine = decided_meanwhile  # noqa: SLF001  meddled with midway
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.videos == upload_services.incoming == []
    assert upload_services.now(upload).video_key == "videos/another"


def test_a_removal_that_fails_is_tried_again(upload_services: UploadServices, calls: Calls) -> None:
    upload = upload_services.posted_upload()
    racing(upload_services, upload, b"good too")
    calls.fail("DeleteObject", TROUBLE)
    with pytest.raises(ClientError):
        looked(upload_services)
    assert len(upload_services.videos) == 2
    looked(upload_services)
    assert len(upload_services.videos) == 1


def test_a_sweep_makes_the_documented_calls(upload_services: UploadServices, calls: Calls) -> None:
    """One write and one HEAD for what waits, two writes for what was decided; two queries in all.

    The second one asks for valid videos that nobody has used for long.
    """
    upload_services.validated_upload()
    upload_services.request_upload()
    calls.made.clear()
    looked(upload_services)
    assert sorted(calls.names) == [
        "HeadObject",
        *["Query"] * 2,
        *["UpdateItem"] * 3,
    ]


# An owner has an upload validated again


def test_an_upload_that_was_tried_too_often_is_validated_again_by_the_owner(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = CannotExamine("crashed")
    for _ in range(MAX_TRIES):
        with suppress(CannotExamine):
            upload_services.service.validate(upload.incoming_key)
    upload_services.examination.broken = None
    again, announced = upload_services.sweeper.validate_again(upload.program_id, upload.upload_id)
    assert announced
    assert again is not None
    assert delivered(upload_services) == []
    assert upload_services.service.upload(MANAGER, upload.upload_id).state is UploadStatus.VALID
    decided, announced = upload_services.sweeper.validate_again(upload.program_id, upload.upload_id)
    assert decided is not None
    assert (decided.state, announced) == (UploadStatus.VALID, False)
    assert upload_services.take_queued() == []


def test_an_upload_without_a_file_or_that_there_is_not_is_not_announced(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.request_upload()
    found, announced = upload_services.sweeper.validate_again(upload.program_id, upload.upload_id)
    assert found is not None
    assert (found.state, announced) == (UploadStatus.AWAITING_FILE, False)
    assert upload_services.sweeper.validate_again("prg_9", upload.upload_id) == (None, False)
    assert upload_services.take_queued() == []


def test_the_command_says_what_became_of_an_upload(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Here:
        def __init__(self, _name: str) -> None:
            pass

        def container(self) -> Any:
            return SimpleNamespace(stuck_uploads=upload_services.sweeper)

    monkeypatch.setattr(commands_main, "Stack", Here)

    def told(upload_id: str) -> tuple[int, str]:
        words = ["uploads", "revalidate", "--program", MANAGER.program_id, "--upload", upload_id]
        result = CliRunner().invoke(commands_main.main, words)
        return result.exit_code, result.output

    waiting, arrived, valid = (
        upload_services.request_upload(),
        upload_services.posted_upload(),
        upload_services.validated_upload(),
    )
    code, words = told(arrived.upload_id)
    assert (code, json.loads(words)["announced"]) == (0, True)
    code, words = told(waiting.upload_id)
    assert code == 3
    assert "has not come" in words
    code, words = told(valid.upload_id)
    assert code == 3
    assert '"status": "valid"' in words
    code, words = told("upl_none")
    assert code == 1
    assert "There is no upload upl_none" in words
