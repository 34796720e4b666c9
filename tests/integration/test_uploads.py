"""Uploads: a form for one file, a verdict once, and the very bytes that were examined kept."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.videos import worker
from chalicelib.videos.model import FORM_LIFETIME, MAX_SIZE_BYTES, UploadStatus, VideoProblemCode
from chalicelib.videos.probe import ObjectChanged
from tests.integration.arrivals import GOOD, MANAGER, STRANGER, Studio
from tests.integration.conftest import Calls


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


def validate(studio: Studio, *bodies: str) -> list[str]:
    """Give messages to the worker; tells which come again."""
    context = SimpleNamespace(function_name="validate", aws_request_id="r")
    answer = worker.validate(studio.service, queued(*bodies), context)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_form_takes_one_key_one_content_type_and_a_size_within_the_limit(studio: Studio) -> None:
    form = studio.service.ask_for_upload(MANAGER, "video/webm", "correlation-1")
    conditions = policy_of(form.fields)["conditions"]
    assert {"key": form.upload.incoming_key} in conditions
    assert {"Content-Type": "video/webm"} in conditions
    assert ["content-length-range", 1, MAX_SIZE_BYTES] in conditions
    assert "starts-with" not in json.dumps(conditions)
    assert form.fields["key"] == form.upload.incoming_key
    assert form.fields["Content-Type"] == "video/webm"


def test_an_upload_waits_for_its_file(studio: Studio) -> None:
    upload = studio.asked()
    assert studio.now(upload) == upload
    assert upload.state is UploadStatus.AWAITING_FILE
    assert upload.form_expires_at == studio.clock.now() + FORM_LIFETIME
    assert not studio.service.file_arrived(upload)
    studio.post(upload)
    assert studio.service.file_arrived(upload)


def test_a_repeated_request_finds_the_upload_it_made(studio: Studio) -> None:
    first = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1").upload
    studio.post(first)
    studio.service.validate(first.incoming_key)
    again = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-2", "made1").upload
    assert again.upload_id == first.upload_id == "upl_made1"
    assert studio.now(first).state is UploadStatus.VALID


def test_an_upload_is_not_expired_while_a_form_for_it_may_be_posted(studio: Studio) -> None:
    studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1")
    studio.clock.advance(timedelta(hours=1))
    form = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1", "made1")
    stored = studio.now(form.upload)
    assert form.upload.form_expires_at == stored.form_expires_at
    if stored.form_expires_at > studio.clock.now():
        assert stored.status_at(studio.clock.now()) is UploadStatus.AWAITING_FILE


def test_an_upload_of_another_program_is_not_found(studio: Studio) -> None:
    upload = studio.asked()
    with pytest.raises(Problem) as refused:
        studio.service.upload(STRANGER, upload.upload_id)
    with pytest.raises(Problem) as unknown:
        studio.service.upload(STRANGER, "upl_unknown")
    assert refused.value.code is ProblemCode.NOT_FOUND
    assert refused.value.to_dict() == unknown.value.to_dict()


def test_a_valid_file_is_copied_by_the_etag_that_was_examined_and_incoming_is_emptied(
    studio: Studio, calls: Calls
) -> None:
    upload = studio.posted(b"good video")
    etag = studio.s3.head_object(Bucket="incoming", Key=upload.incoming_key)["ETag"]
    studio.service.validate(upload.incoming_key)
    decided = studio.now(upload)
    assert decided.state is UploadStatus.VALID
    assert decided.video == replace(GOOD, size_bytes=10)
    assert decided.problems == ()
    assert studio.kept(upload) == b"good video"
    assert decided.video_key == upload.key_for(etag)
    assert studio.videos == [decided.video_key]
    assert studio.incoming == []
    (copy,) = [parameters for name, parameters in calls.made if name == "CopyObject"]
    assert copy["CopySourceIfMatch"] == etag
    assert copy["CopySource"] == {"Bucket": "incoming", "Key": upload.incoming_key}


def test_a_kept_video_has_the_content_type_of_its_content_not_of_its_form(studio: Studio) -> None:
    upload = studio.validated()
    head = studio.s3.head_object(Bucket="videos", Key=upload.video_key)
    assert (upload.content_type, head["ContentType"]) == ("video/mp4", "video/webm")


def test_a_rejected_file_is_nowhere_and_its_problems_are_kept(studio: Studio) -> None:
    upload = studio.validated(b"bad video")
    assert upload.state is UploadStatus.REJECTED
    assert [each.code for each in upload.problems] == [VideoProblemCode.RESOLUTION_TOO_LOW]
    assert (upload.problems[0].actual, upload.problems[0].limit) == (480, 540)
    assert studio.incoming == studio.videos == []


def test_an_event_that_comes_twice_decides_once(studio: Studio) -> None:
    upload = studio.validated()
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload) == upload
    assert studio.examination.seen == [b"good"]


@pytest.mark.parametrize(("first", "second"), [(b"good", b"bad"), (b"bad", b"good")])
def test_a_file_posted_after_the_verdict_is_removed_and_changes_nothing(
    studio: Studio, first: bytes, second: bytes
) -> None:
    upload = studio.validated(first)
    videos = studio.videos
    studio.post(upload, second)
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload) == upload
    assert studio.incoming == []
    assert studio.videos == videos
    if videos:
        assert studio.kept(upload) == first


@pytest.mark.parametrize(
    "key", ["incoming/prg_1/upl_unknown", "incoming/prg_1/a/b", "incoming/stray", "other"]
)
def test_a_file_nobody_asked_for_is_removed_and_makes_no_upload(studio: Studio, key: str) -> None:
    studio.s3.put_object(Bucket="incoming", Key=key, Body=b"good")
    studio.service.validate(key)
    assert studio.incoming == studio.videos == []
    assert studio.examination.seen == []
    assert studio.store.get("prg_1", "upl_unknown") is None


def test_a_file_that_is_gone_is_not_decided(studio: Studio) -> None:
    upload = studio.asked()
    studio.service.validate(upload.incoming_key)
    assert studio.examination.seen == []
    assert studio.now(upload) == upload
    studio.post(upload)
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID


def test_a_file_replaced_between_examination_and_copy_is_not_kept_and_the_new_one_decides(
    studio: Studio,
) -> None:
    upload = studio.posted(b"good at first")
    studio.files.before_copy = lambda: studio.post(upload, b"bad afterwards")
    with pytest.raises(ObjectChanged):
        studio.service.validate(upload.incoming_key)
    assert studio.videos == []
    assert studio.now(upload).state is UploadStatus.VALIDATING
    studio.service.validate(upload.incoming_key)
    assert studio.examination.seen == [b"good at first", b"bad afterwards"]
    assert studio.now(upload).state is UploadStatus.REJECTED
    assert studio.incoming == studio.videos == []


def test_a_file_replaced_while_it_is_read_is_noticed(studio: Studio) -> None:
    upload = studio.posted(b"first")
    arrived = studio.files.arrived(upload.incoming_key)
    assert arrived is not None
    reader = studio.files.reader(upload, *arrived)
    studio.post(upload, b"other")
    with pytest.raises(ObjectChanged):
        reader.read()


def test_s3_refusing_the_copy_for_its_etag_means_that_the_file_changed(
    studio: Studio, calls: Calls
) -> None:
    upload = studio.posted()
    calls.fail("CopyObject", {"Error": {"Code": "PreconditionFailed", "Message": "No."}})
    with pytest.raises(ObjectChanged):
        studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALIDATING


@pytest.mark.parametrize("operation", ["HeadObject", "CopyObject", "GetObject"])
def test_s3_failing_otherwise_leaves_file_and_upload_for_the_retry(
    studio: Studio, calls: Calls, operation: str
) -> None:
    upload = studio.posted()
    calls.fail(operation, {"Error": {"Code": "InternalError", "Message": "Try again."}})
    with pytest.raises(ClientError):
        studio.service.validate(upload.incoming_key)
    assert studio.incoming == [upload.incoming_key]
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID


def test_an_examination_that_breaks_decides_nothing_and_may_be_tried_again(studio: Studio) -> None:
    upload = studio.posted()
    studio.examination.broken = MemoryError()
    with pytest.raises(MemoryError):
        studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALIDATING
    studio.examination.broken = None
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID


def test_a_crash_between_copy_and_verdict_is_made_good_by_the_retry(studio: Studio) -> None:
    upload = studio.posted()

    def crash() -> None:
        raise MemoryError

    studio.files.after_copy = crash
    with pytest.raises(MemoryError):
        studio.service.validate(upload.incoming_key)
    studio.service.validate(upload.incoming_key)
    assert studio.now(upload).state is UploadStatus.VALID
    assert studio.kept(upload) == b"good"


def test_the_kept_bytes_are_those_the_verdict_describes(studio: Studio) -> None:
    upload = studio.posted(b"good")

    def crash() -> None:
        raise MemoryError

    def second_file_whose_validation_crashes_after_its_copy() -> None:
        studio.post(upload, b"good, but another one")
        studio.files.after_copy = crash
        with pytest.raises(MemoryError):
            studio.service.validate(upload.incoming_key)

    studio.files.after_copy = second_file_whose_validation_crashes_after_its_copy
    studio.service.validate(upload.incoming_key)
    studio.service.validate(upload.incoming_key)
    video = studio.now(upload).video
    assert video is not None
    assert len(studio.kept(upload)) == video.size_bytes


def test_the_worker_finds_keys_as_s3_writes_them_and_ignores_its_test_event(
    studio: Studio,
) -> None:
    first, second = studio.posted(), studio.posted(b"bad")
    stray = "incoming/with space/ü+1"
    studio.s3.put_object(Bucket="incoming", Key=stray, Body=b"x")
    bodies = [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        notification(first.incoming_key, stray),
        notification(second.incoming_key),
    ]
    assert validate(studio, *bodies) == []
    assert studio.now(first).state is UploadStatus.VALID
    assert studio.now(second).state is UploadStatus.REJECTED
    assert studio.incoming == []


def test_the_worker_gives_back_the_message_of_a_changed_file_and_handles_the_others(
    studio: Studio,
) -> None:
    first, second = studio.posted(), studio.posted()
    studio.files.before_copy = lambda: studio.post(first, b"another")
    assert validate(
        studio, notification(first.incoming_key), notification(second.incoming_key)
    ) == ["0"]
    assert studio.now(second).state is UploadStatus.VALID
    assert validate(studio, notification(first.incoming_key)) == []
    assert studio.kept(first) == b"another"


def test_a_form_ends_when_the_upload_says_so(studio: Studio) -> None:
    # The form is signed with the machine's own clock, so this one must stand where that one is.
    studio.clock.at = datetime.now(studio.clock.at.tzinfo)
    form = studio.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1")
    ends = datetime.fromisoformat(policy_of(form.fields)["expiration"])
    assert abs(ends - form.upload.form_expires_at) < timedelta(seconds=5)
