"""The uploads table, and the two places in S3.

`incoming/` can be written by anybody with a form, `videos/` only by a validation.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from pynamodb.attributes import (
    JSONAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.foundation.table import Conflict, Update, bind, changed, condition_failed
from chalicelib.videos.model import (
    FORM_LIFETIME,
    MAX_SIZE_BYTES,
    Upload,
    UploadStatus,
    VideoFacts,
    VideoProblem,
    facts_from,
    problems_from,
)
from chalicelib.videos.probe import ObjectChanged, RangeReader, s3_reader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class UploadItem(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    upload_id = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    content_type = UnicodeAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    form_expires_at = UTCDateTimeAttribute()
    correlation_id = UnicodeAttribute()
    video = JSONAttribute(null=True)
    video_key = UnicodeAttribute(null=True)
    problems = JSONAttribute(null=True)
    waiting_activities = UnicodeSetAttribute(null=True)

    def to_upload(self) -> Upload:
        return Upload(
            program_id=self.program_id,
            upload_id=self.upload_id,
            state=UploadStatus(self.state),
            content_type=self.content_type,
            created_by=self.created_by,
            created_at=self.created_at,
            form_expires_at=self.form_expires_at,
            correlation_id=self.correlation_id,
            video=facts_from(self.video),
            video_key=self.video_key,
            problems=problems_from(self.problems),
        )


class Readable(Protocol):
    """Bytes to be read piece by piece, once."""

    def read(self, size: int, /) -> bytes: ...


UNDECIDED = UploadItem.state.is_in(UploadStatus.AWAITING_FILE.value, UploadStatus.VALIDATING.value)


class UploadStore:
    def __init__(self, table_name: str) -> None:
        bind(UploadItem, table_name)

    def add(self, upload: Upload) -> None:
        """Put a new upload; the same one again (a retried request) has a new form to wait for."""
        item = UploadItem(
            upload.program_id,
            upload.upload_id,
            state=upload.state.value,
            content_type=upload.content_type,
            created_by=upload.created_by,
            created_at=upload.created_at,
            form_expires_at=upload.form_expires_at,
            correlation_id=upload.correlation_id,
        )
        try:
            item.save(UploadItem.upload_id.does_not_exist())
        except PutError as error:
            if not condition_failed(error):
                raise
            form_anew = [UploadItem.form_expires_at.set(upload.form_expires_at)]
            changed(UploadItem(upload.program_id, upload.upload_id), form_anew, UNDECIDED)

    def get(self, program_id: str, upload_id: str) -> Upload | None:
        try:
            return UploadItem.get(program_id, upload_id, consistent_read=True).to_upload()
        except DoesNotExist:
            return None

    def claim(self, program_id: str, upload_id: str) -> Upload | None:
        """Move an undecided upload to `validating`; None if it is unknown or decided."""
        item = UploadItem(program_id, upload_id)
        claiming = [UploadItem.state.set(UploadStatus.VALIDATING.value)]
        return item.to_upload() if changed(item, claiming, UNDECIDED) else None

    def decide(
        self,
        upload: Upload,
        facts: VideoFacts | None,
        problems: tuple[VideoProblem, ...],
        video_key: str | None,
    ) -> bool:
        """Write the verdict, once; False if another delivery of the event was faster."""
        state = UploadStatus.REJECTED if problems else UploadStatus.VALID
        actions: list[Action] = [
            UploadItem.state.set(state.value),
            UploadItem.problems.set([each.to_dict() for each in problems]),
        ]
        if video_key is not None:
            actions.append(UploadItem.video_key.set(video_key))
        if facts is not None:
            actions.append(UploadItem.video.set(asdict(facts)))
        return changed(UploadItem(upload.program_id, upload.upload_id), actions, UNDECIDED)

    def await_verdict(self, upload: Upload, activity_id: str) -> Update:
        """Part: note an activity on the upload whose verdict it waits for, if none has come yet."""
        return Update(
            UploadItem(upload.program_id, upload.upload_id),
            [UploadItem.waiting_activities.add({activity_id})],
            UNDECIDED,
            Conflict,
        )


class VideoFiles:
    """The files themselves."""

    def __init__(self, s3: "S3Client", incoming_bucket: str, videos_bucket: str) -> None:
        self._s3 = s3
        self._incoming = incoming_bucket
        self._videos = videos_bucket

    def form(self, upload: Upload) -> Mapping[str, Any]:
        """Presign a POST of exactly one key, the declared content type, 1 byte to the limit."""
        conditions: list[Any] = [
            {"Content-Type": upload.content_type},
            ["content-length-range", 1, MAX_SIZE_BYTES],
        ]
        return self._s3.generate_presigned_post(
            self._incoming,
            upload.incoming_key,
            Fields={"Content-Type": upload.content_type},
            Conditions=conditions,
            ExpiresIn=int(FORM_LIFETIME.total_seconds()),
        )

    def arrived(self, upload: Upload) -> tuple[str, int] | None:
        """Tell ETag and size in bytes of the file that arrived; None while there is none."""
        try:
            head = self._s3.head_object(Bucket=self._incoming, Key=upload.incoming_key)
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return head["ETag"], head["ContentLength"]

    def reader(self, upload: Upload, etag: str, size_bytes: int) -> RangeReader:
        return s3_reader(self._s3, self._incoming, upload.incoming_key, etag, size_bytes)

    def keep(self, upload: Upload, etag: str, content_type: str) -> str:
        """Copy the very bytes that were examined to where nobody can change them; tells the key.

        Raises `ObjectChanged` if another file was posted meanwhile, or none is left.
        """
        key = upload.key_for(etag)
        try:
            self._s3.copy_object(
                Bucket=self._videos,
                Key=key,
                CopySource={"Bucket": self._incoming, "Key": upload.incoming_key},
                CopySourceIfMatch=etag,
                ContentType=content_type,
                MetadataDirective="REPLACE",
            )
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "NoSuchKey"):
                raise ObjectChanged(upload.incoming_key) from error
            raise
        return key

    def open(self, key: str, first_byte: int) -> Readable:
        """Open a kept video at a byte: one GET, read as it is needed."""
        rest = f"bytes={first_byte}-"  # from 0 it is the whole of it
        return self._s3.get_object(Bucket=self._videos, Key=key, Range=rest)["Body"]

    def check(self) -> None:
        """Ask whether the incoming bucket answers; raises if not."""
        self._s3.head_bucket(Bucket=self._incoming)

    def discard(self, key: str) -> None:
        """Remove an incoming object: decided, or never asked for."""
        self._s3.delete_object(Bucket=self._incoming, Key=key)


def facts_of(attribute: str | None) -> VideoFacts | None:
    """Read a video's facts as the table's stream carries them."""
    return facts_from(json.loads(attribute)) if attribute else None


def problems_of(attribute: str | None) -> tuple[VideoProblem, ...]:
    """Read a video's problems as the table's stream carries them."""
    return problems_from(json.loads(attribute)) if attribute else ()
