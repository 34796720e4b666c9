"""Uploads: a form for one file, a verdict once, and the very bytes that were examined kept."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation.http import Request
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.videos import routes, worker
from chalicelib.videos.model import (
    FORM_LIFETIME,
    MAX_SIZE_BYTES,
    PREVIEW_LIFETIME,
    PREVIEW_REUSE,
    CannotExamine,
    UploadStatus,
    VideoProblemCode,
)
from chalicelib.videos.ranges import ObjectChanged
from tests.integration.conftest import Calls
from tests.integration.upload_services import GOOD, MANAGER, STRANGER, UploadServices


def policy_of(fields: dict[str, str]) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(fields["policy"]))
    return policy


def notification(*keys: str) -> str:
    return json.dumps({"Records": [{"s3": {"object": {"key": quote_plus(key)}}} for key in keys]})


def queued(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": str(number), "body": body, "eventSource": "aws:sqs"}
            for number, body in enumerate(bodies)
        ]
    }


def validate(upload_services: UploadServices, *bodies: str) -> list[str]:
    """Send messages to the worker; returns those that are retried."""
    answer = worker.validate(upload_services.service, queued(*bodies))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_form_takes_one_key_one_content_type_and_a_size_within_the_limit(
    upload_services: UploadServices,
) -> None:
    form = upload_services.service.ask_for_upload(MANAGER, "video/webm", "correlation-1")
    conditions = policy_of(form.fields)["conditions"]
    assert {"key": form.upload.incoming_key} in conditions
    assert {"Content-Type": "video/webm"} in conditions
    assert ["content-length-range", 1, MAX_SIZE_BYTES] in conditions
    assert "starts-with" not in json.dumps(conditions)
    assert form.fields["key"] == form.upload.incoming_key
    assert form.fields["Content-Type"] == "video/webm"


def test_an_upload_waits_for_its_file(upload_services: UploadServices) -> None:
    upload = upload_services.request_upload()
    assert upload_services.now(upload) == upload
    assert upload.state is UploadStatus.AWAITING_FILE
    assert upload.form_expires_at == upload_services.clock.now() + FORM_LIFETIME
    assert not upload_services.service.file_arrived(upload)
    upload_services.post(upload)
    assert upload_services.service.file_arrived(upload)


def test_a_repeated_request_finds_the_upload_it_made(upload_services: UploadServices) -> None:
    first = upload_services.service.ask_for_upload(
        MANAGER, "video/mp4", "correlation-1", "made1"
    ).upload
    upload_services.post(first)
    upload_services.service.validate(first.incoming_key)
    again = upload_services.service.ask_for_upload(
        MANAGER, "video/mp4", "correlation-2", "made1"
    ).upload
    assert again.upload_id == first.upload_id == "upl_made1"
    assert upload_services.now(first).state is UploadStatus.VALID


def test_an_upload_is_not_expired_while_a_form_for_it_may_be_posted(
    upload_services: UploadServices,
) -> None:
    upload_services.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1")
    upload_services.clock.advance(timedelta(hours=1))
    form = upload_services.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1")
    stored = upload_services.now(form.upload)
    assert form.upload.form_expires_at == stored.form_expires_at
    if stored.form_expires_at > upload_services.clock.now():
        assert stored.status_at(upload_services.clock.now()) is UploadStatus.AWAITING_FILE


def test_an_upload_of_another_program_is_not_found(upload_services: UploadServices) -> None:
    upload = upload_services.request_upload()
    with pytest.raises(Problem) as refused:
        upload_services.service.upload(STRANGER, upload.upload_id)
    with pytest.raises(Problem) as unknown:
        upload_services.service.upload(STRANGER, "upl_unknown")
    assert refused.value.code is ProblemCode.NOT_FOUND
    assert refused.value.to_dict() == unknown.value.to_dict()


def test_a_valid_file_is_copied_by_the_etag_that_was_examined_and_incoming_is_emptied(
    upload_services: UploadServices, calls: Calls
) -> None:
    upload = upload_services.posted_upload(b"good video")
    etag = upload_services.s3.head_object(Bucket="incoming", Key=upload.incoming_key)["ETag"]
    upload_services.service.validate(upload.incoming_key)
    decided = upload_services.now(upload)
    assert decided.state is UploadStatus.VALID
    assert decided.video == replace(GOOD, size_bytes=10)
    assert decided.problems == ()
    assert upload_services.stored_bytes(upload) == b"good video"
    assert decided.video_key == upload.video_key_for(etag)
    assert upload_services.videos == [decided.video_key]
    assert upload_services.incoming == []
    (copy,) = [parameters for name, parameters in calls.made if name == "CopyObject"]
    assert copy["CopySourceIfMatch"] == etag
    assert copy["CopySource"] == {"Bucket": "incoming", "Key": upload.incoming_key}


def test_a_kept_video_has_the_content_type_of_its_content_not_of_its_form(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.validated_upload()
    head = upload_services.s3.head_object(Bucket="videos", Key=upload.video_key)
    assert (upload.content_type, head["ContentType"]) == ("video/mp4", "video/webm")


def test_a_rejected_file_is_nowhere_and_its_problems_are_kept(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.validated_upload(b"bad video")
    assert upload.state is UploadStatus.REJECTED
    assert [each.code for each in upload.problems] == [VideoProblemCode.RESOLUTION_TOO_LOW]
    assert (upload.problems[0].actual, upload.problems[0].limit) == (480, 540)
    assert upload_services.incoming == upload_services.videos == []


def test_an_event_that_comes_twice_decides_once(upload_services: UploadServices) -> None:
    upload = upload_services.validated_upload()
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload) == upload
    assert upload_services.examination.seen == [b"good"]


@pytest.mark.parametrize(("first", "second"), [(b"good", b"bad"), (b"bad", b"good")])
def test_a_file_posted_after_the_verdict_is_removed_and_changes_nothing(
    upload_services: UploadServices, first: bytes, second: bytes
) -> None:
    upload = upload_services.validated_upload(first)
    videos = upload_services.videos
    upload_services.post(upload, second)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload) == upload
    assert upload_services.incoming == []
    assert upload_services.videos == videos
    if videos:
        assert upload_services.stored_bytes(upload) == first


@pytest.mark.parametrize(
    "key", ["incoming/prg_1/upl_unknown", "incoming/prg_1/a/b", "incoming/stray", "other"]
)
def test_a_file_nobody_asked_for_is_removed_and_makes_no_upload(
    upload_services: UploadServices, key: str
) -> None:
    upload_services.s3.put_object(Bucket="incoming", Key=key, Body=b"good")
    upload_services.service.validate(key)
    assert upload_services.incoming == upload_services.videos == []
    assert upload_services.examination.seen == []
    assert upload_services.store.get("prg_1", "upl_unknown") is None


def test_a_file_that_is_gone_is_not_decided(upload_services: UploadServices) -> None:
    upload = upload_services.request_upload()
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.examination.seen == []
    assert upload_services.now(upload) == upload
    upload_services.post(upload)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_a_file_replaced_between_examination_and_copy_is_not_kept_and_the_new_one_decides(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload(b"good at first")
    upload_services.files.before_copy = lambda: upload_services.post(upload, b"bad afterwards")
    with pytest.raises(ObjectChanged):
        upload_services.service.validate(upload.incoming_key)
    assert upload_services.videos == []
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.examination.seen == [b"good at first", b"bad afterwards"]
    assert upload_services.now(upload).state is UploadStatus.REJECTED
    assert upload_services.incoming == upload_services.videos == []


def test_a_file_replaced_while_it_is_read_is_noticed(upload_services: UploadServices) -> None:
    upload = upload_services.posted_upload(b"first")
    arrived = upload_services.files.arrived_file(upload.incoming_key)
    assert arrived is not None
    reader = upload_services.files.range_reader(upload, *arrived)
    upload_services.post(upload, b"other")
    with pytest.raises(ObjectChanged):
        reader.read()


def test_s3_refusing_the_copy_for_its_etag_means_that_the_file_changed(
    upload_services: UploadServices, calls: Calls
) -> None:
    upload = upload_services.posted_upload()
    calls.fail("CopyObject", {"Error": {"Code": "PreconditionFailed", "Message": "No."}})
    with pytest.raises(ObjectChanged):
        upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALIDATING


@pytest.mark.parametrize("operation", ["HeadObject", "CopyObject", "GetObject"])
def test_s3_failing_otherwise_leaves_file_and_upload_for_the_retry(
    upload_services: UploadServices, calls: Calls, operation: str
) -> None:
    upload = upload_services.posted_upload()
    calls.fail(operation, {"Error": {"Code": "InternalError", "Message": "Try again."}})
    with pytest.raises(ClientError):
        upload_services.service.validate(upload.incoming_key)
    assert upload_services.incoming == [upload.incoming_key]
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_a_manager_reads_since_when_a_file_is_examined_and_in_which_try(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    path = {"upload_id": upload.upload_id}
    request = Request(MANAGER, None, None, path, "correlation-1", {}, b"")

    def told() -> tuple[object, ...]:
        body = routes.read.handle(upload_services.service, request).body
        assert isinstance(body, routes.UploadView)
        return body.status, body.validating_since, body.try_number

    assert told() == (UploadStatus.AWAITING_FILE, None, None)
    since = upload_services.clock.now()
    upload_services.examination.broken = CannotExamine("stalled")
    for number in (1, 2):
        with pytest.raises(CannotExamine):
            upload_services.service.validate(upload.incoming_key)
        assert told() == (UploadStatus.VALIDATING, since, number)
        upload_services.clock.advance(timedelta(seconds=20))
    upload_services.examination.broken = None
    upload_services.service.validate(upload.incoming_key)
    assert told() == (UploadStatus.VALID, None, None)


def test_an_examination_that_breaks_decides_nothing_and_may_be_tried_again(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()
    upload_services.examination.broken = MemoryError()
    with pytest.raises(MemoryError):
        upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALIDATING
    upload_services.examination.broken = None
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID


def test_a_crash_between_copy_and_verdict_is_made_good_by_the_retry(
    upload_services: UploadServices,
) -> None:
    upload = upload_services.posted_upload()

    def crash() -> None:
        raise MemoryError

    upload_services.files.after_copy = crash
    with pytest.raises(MemoryError):
        upload_services.service.validate(upload.incoming_key)
    upload_services.service.validate(upload.incoming_key)
    assert upload_services.now(upload).state is UploadStatus.VALID
    assert upload_services.stored_bytes(upload) == b"good"


def test_the_kept_bytes_are_those_the_verdict_describes(upload_services: UploadServices) -> None:
    upload = upload_services.posted_upload(b"good")

    def crash() -> None:
        raise MemoryError

    def second_file_whose_validation_crashes_after_its_copy() -> None:
        upload_services.post(upload, b"good, but another one")
        upload_services.files.after_copy = crash
        with pytest.raises(MemoryError):
            upload_services.service.validate(upload.incoming_key)

    upload_services.files.after_copy = second_file_whose_validation_crashes_after_its_copy
    upload_services.service.validate(upload.incoming_key)
    upload_services.service.validate(upload.incoming_key)
    video = upload_services.now(upload).video
    assert video is not None
    assert len(upload_services.stored_bytes(upload)) == video.size_bytes


def test_the_worker_finds_keys_as_s3_writes_them_and_ignores_its_test_event(
    upload_services: UploadServices,
) -> None:
    first, second = upload_services.posted_upload(), upload_services.posted_upload(b"bad")
    stray = "incoming/with space/ü+1"
    upload_services.s3.put_object(Bucket="incoming", Key=stray, Body=b"x")
    bodies = [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        notification(first.incoming_key, stray),
        notification(second.incoming_key),
    ]
    assert validate(upload_services, *bodies) == []
    assert upload_services.now(first).state is UploadStatus.VALID
    assert upload_services.now(second).state is UploadStatus.REJECTED
    assert upload_services.incoming == []


def test_the_worker_gives_back_the_message_of_a_changed_file_and_handles_the_others(
    upload_services: UploadServices,
) -> None:
    first, second = upload_services.posted_upload(), upload_services.posted_upload()
    upload_services.files.before_copy = lambda: upload_services.post(first, b"another")
    assert validate(
        upload_services, notification(first.incoming_key), notification(second.incoming_key)
    ) == ["0"]
    assert upload_services.now(second).state is UploadStatus.VALID
    assert validate(upload_services, notification(first.incoming_key)) == []
    assert upload_services.stored_bytes(first) == b"another"


def test_a_form_ends_when_the_upload_says_so(upload_services: UploadServices) -> None:
    # The form is signed with the machine's own clock, so this one must stand where that one is.
    upload_services.clock.at = datetime.now(upload_services.clock.at.tzinfo)
    form = upload_services.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1")
    ends = datetime.fromisoformat(policy_of(form.fields)["expiration"])
    assert abs(ends - form.upload.form_expires_at) < timedelta(seconds=5)


def test_a_previews_address_is_given_again_while_most_of_its_hour_remains(
    upload_services: UploadServices,
) -> None:
    service, clock = upload_services.service, upload_services.clock
    first = service.preview("videos/prg_1/upl_1/etag", GOOD)
    other = service.preview("videos/prg_1/upl_2/etag", GOOD)
    assert first is not None
    assert other is not None
    assert first.url != other.url
    clock.advance(PREVIEW_REUSE)
    assert service.preview("videos/prg_1/upl_1/etag", GOOD) is first
    assert first.expires_at - clock.now() == PREVIEW_LIFETIME - PREVIEW_REUSE
    clock.advance(timedelta(seconds=1))
    again = service.preview("videos/prg_1/upl_1/etag", GOOD)
    assert again is not None
    assert again.expires_at == clock.now() + PREVIEW_LIFETIME


def test_the_addresses_that_are_remembered_are_bounded(
    upload_services: UploadServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.videos.service.MAX_PREVIEWS", 2)
    service = upload_services.service
    made = [service.preview(f"videos/prg_1/upl_{number}/etag", GOOD) for number in range(3)]
    assert service.preview("videos/prg_1/upl_2/etag", GOOD) is made[2]
    assert service.preview("videos/prg_1/upl_0/etag", GOOD) is not made[0]
