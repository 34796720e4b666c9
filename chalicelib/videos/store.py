"""The uploads table, and the two places in S3.

`incoming/` can be written by anybody with a form, `videos/` only by a validation.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pynamodb.attributes import (
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.foundation.table import Conflict, Update, bind, changed, condition_failed
from chalicelib.videos.model import (
    FORM_LIFETIME,
    MAX_SIZE_BYTES,
    PREVIEW_LIFETIME,
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


_UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Overdue:
    """An upload that has to be looked at, and since when."""

    program_id: str
    upload_id: str
    look_at: datetime


class UnfinishedIndex(GlobalSecondaryIndex["UploadItem"]):
    """Sparse: what is undecided, or decided and not cleared up, by when to look at it."""

    class Meta:
        index_name = "unfinished"
        projection = KeysOnlyProjection()

    unfinished_in = UnicodeAttribute(hash_key=True)
    look_at = UTCDateTimeAttribute(range_key=True)


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
    tries = NumberAttribute(null=True)
    copies = UnicodeSetAttribute(null=True)
    unfinished_in = UnicodeAttribute(null=True)
    look_at = UTCDateTimeAttribute(null=True)
    unfinished_index = UnfinishedIndex()

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
            tries=int(self.tries or 0),
            copies=frozenset(self.copies or ()),
        )


class Readable(Protocol):
    """Bytes to be read piece by piece, once."""

    def read(self, size: int, /) -> bytes: ...


UNDECIDED = UploadItem.state.is_in(UploadStatus.AWAITING_FILE.value, UploadStatus.VALIDATING.value)


class UploadStore:
    def __init__(self, table_name: str) -> None:
        bind(UploadItem, table_name)

    def add(self, upload: Upload, look_at: datetime) -> None:
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
            unfinished_in=_UNFINISHED,
            look_at=look_at,
        )
        try:
            item.save(UploadItem.upload_id.does_not_exist())
        except PutError as error:
            if not condition_failed(error):
                raise
            form_anew: list[Action] = [UploadItem.form_expires_at.set(upload.form_expires_at)]
            again = UploadItem(upload.program_id, upload.upload_id)
            if not changed(again, form_anew, UNDECIDED):
                waiting = [
                    UploadItem.state.set(UploadStatus.AWAITING_FILE.value),
                    UploadItem.unfinished_in.set(_UNFINISHED),
                    UploadItem.look_at.set(look_at),
                ]
                expired = UploadItem.state == UploadStatus.EXPIRED.value
                changed(again, [*form_anew, *waiting], expired)

    def get(self, program_id: str, upload_id: str) -> Upload | None:
        try:
            return UploadItem.get(program_id, upload_id, consistent_read=True).to_upload()
        except DoesNotExist:
            return None

    def claim(self, program_id: str, upload_id: str, look_at: datetime) -> Upload | None:
        """Move an undecided upload to `validating`, one try more; None if unknown or decided."""
        item = UploadItem(program_id, upload_id)
        claiming = [
            UploadItem.state.set(UploadStatus.VALIDATING.value),
            UploadItem.tries.add(1),
            UploadItem.look_at.set(look_at),
        ]
        return item.to_upload() if changed(item, claiming, UNDECIDED) else None

    def try_anew(self, upload: Upload) -> None:
        """Count the tries from zero: another file has its own."""
        item = UploadItem(upload.program_id, upload.upload_id)
        changed(item, [UploadItem.tries.set(0)], UNDECIDED)

    def take_back_try(self, upload: Upload) -> None:
        """Count a try less: nothing was found out about the file."""
        begun = UNDECIDED & (UploadItem.tries > 0)
        changed(UploadItem(upload.program_id, upload.upload_id), [UploadItem.tries.add(-1)], begun)

    def undecided(self, program_id: str, upload_id: str, look_at: datetime) -> Upload | None:
        """Read an undecided upload and move its next look; None if unknown or decided."""
        item = UploadItem(program_id, upload_id)
        return (
            item.to_upload()
            if changed(item, [UploadItem.look_at.set(look_at)], UNDECIDED)
            else None
        )

    def note_copy(self, upload: Upload, video_key: str) -> bool:
        """Note a copy before it is made, so that none is ever lost; False if decided."""
        noting = [UploadItem.copies.add({video_key})]
        return changed(UploadItem(upload.program_id, upload.upload_id), noting, UNDECIDED)

    def decide(
        self,
        upload: Upload,
        facts: VideoFacts | None,
        problems: tuple[VideoProblem, ...],
        video_key: str | None,
        look_at: datetime,
    ) -> bool:
        """Write the verdict, once; False if another delivery of the event was faster.

        At `look_at` whoever was slower is done, and what they left can be cleared up.
        """
        state = UploadStatus.REJECTED if problems else UploadStatus.VALID
        actions: list[Action] = [
            UploadItem.state.set(state.value),
            UploadItem.problems.set([each.to_dict() for each in problems]),
            UploadItem.look_at.set(look_at),
        ]
        if video_key is not None:
            actions.append(UploadItem.video_key.set(video_key))
        if facts is not None:
            actions.append(UploadItem.video.set(asdict(facts)))
        return changed(UploadItem(upload.program_id, upload.upload_id), actions, UNDECIDED)

    def expire(self, upload: Upload, looked_until: datetime, look_at: datetime) -> bool:
        """End an upload whose file never came; False if one came since the look began."""
        ending = [
            UploadItem.state.set(UploadStatus.EXPIRED.value),
            UploadItem.look_at.set(look_at),
        ]
        untouched = UNDECIDED & (UploadItem.look_at == looked_until)
        return changed(UploadItem(upload.program_id, upload.upload_id), ending, untouched)

    def overdue(self, now: datetime, count: int) -> Sequence[Overdue]:
        """List what has to be looked at by now, the longest overdue first: one query."""
        found = UploadItem.unfinished_index.query(
            _UNFINISHED, UnfinishedIndex.look_at <= now, limit=count, page_size=count
        )
        return [
            Overdue(each.program_id, each.upload_id, each.look_at) for each in found if each.look_at
        ]

    def look_later(self, overdue: Overdue, look_at: datetime) -> Upload | None:
        """Take an overdue upload for one look; None if another look, or its way on, was faster."""
        item = UploadItem(overdue.program_id, overdue.upload_id)
        moving = [UploadItem.look_at.set(look_at)]
        taken = changed(item, moving, UploadItem.look_at == overdue.look_at)
        return item.to_upload() if taken else None

    def finish(self, upload: Upload) -> None:
        """Note that a decided upload is cleared up: nobody looks at it again."""
        actions: list[Action] = [
            UploadItem.unfinished_in.remove(),
            UploadItem.look_at.remove(),
            UploadItem.copies.remove(),
        ]
        item = UploadItem(upload.program_id, upload.upload_id)
        changed(item, actions, UploadItem.unfinished_in.exists())

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

    def arrived(self, key: str) -> tuple[str, int] | None:
        """Tell ETag and size in bytes of the file that arrived; None while there is none."""
        try:
            head = self._s3.head_object(Bucket=self._incoming, Key=key)
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

    def preview(self, key: str, content_type: str) -> str:
        """Presign a GET of a kept video, in whole or by ranges, to be shown where it stands.

        Signed here, without a call. Good for `PREVIEW_LIFETIME`, or until the credentials of
        this function end, if that is sooner.
        """
        return self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._videos,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": "inline",
            },
            ExpiresIn=int(PREVIEW_LIFETIME.total_seconds()),
        )

    def remove_copy(self, key: str) -> None:
        """Remove a copy that no verdict chose."""
        self._s3.delete_object(Bucket=self._videos, Key=key)

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
