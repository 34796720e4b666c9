"""The uploads table, and the two places in S3.

`incoming/` can be written by anybody with a form, `videos/` only by a validation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.aws import UrlPresigner
from chalicelib.foundation.headroom import ATTEMPTS, Headroom, HeadroomItem
from chalicelib.foundation.ids import lowest_id_at
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.sweeps import take_turns
from chalicelib.foundation.table import (
    Conflict,
    Model,
    Part,
    Put,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.videos.model import (
    FORM_LIFETIME,
    MAX_SIZE_BYTES,
    MAX_TRIES,
    PREVIEW_LIFETIME,
    Upload,
    UploadStatus,
    VideoFacts,
    VideoProblem,
    facts_from,
    problems_from,
)
from chalicelib.videos.ranges import ObjectChanged, RangeReader, s3_reader

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_UNFINISHED_KEY = "unfinished"
_UNUSED_KEY = "unused"  # in the same index: valid, and to be looked at should nobody use it
_KEPT_BYTES_SUFFIX = "#kept"  # before all uploads
_HEADROOM_KEY = "headroom"


class AlreadyCreated(Exception):
    """The upload of this id exists: the same request came before."""


@dataclass(frozen=True)
class OverdueUpload:
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


class UploadItem(StampedModel):
    class Meta:
        table_name = "uploads"

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
    validating_since = UTCDateTimeAttribute(null=True)
    copies = UnicodeSetAttribute(null=True)
    used = BooleanAttribute(null=True)
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
            validating_since=self.validating_since,
            copies=frozenset(self.copies or ()),
            used=bool(self.used or self.waiting_activities),
        )


class KeptBytesItem(Model):
    """The number of bytes that a program's valid videos take."""

    class Meta:
        table_name = "uploads"

    program_id = UnicodeAttribute(hash_key=True)
    upload_id = UnicodeAttribute(range_key=True)
    size_bytes = NumberAttribute()


class UploadHeadroomItem(HeadroomItem):
    """The number of uploads that a program may still request before they are counted again."""

    class Meta:
        table_name = "uploads"

    program_id = UnicodeAttribute(hash_key=True)
    upload_id = UnicodeAttribute(range_key=True)


class ByteStream(Protocol):
    """Bytes to be read piece by piece, once."""

    def read(self, size: int, /) -> bytes: ...


UNDECIDED = UploadItem.state.is_in(UploadStatus.AWAITING_FILE.value, UploadStatus.VALIDATING.value)


class UploadStore(Store):
    MODELS = (UploadItem, KeptBytesItem, UploadHeadroomItem)

    def headroom(self, program_id: str, quotas: Quotas, now: datetime) -> Headroom:
        """Return for how many more uploads a program has room."""
        limits = f"{quotas.uploads_waiting} uploads, {quotas.video_bytes} bytes"
        keys = (f"{program_id}/{_HEADROOM_KEY}", "uploads")
        return Headroom(self._database, UploadHeadroomItem, keys, limits, now)

    def waiting_count(self, program_id: str, since: datetime, posted_since: datetime) -> int:
        """Count a program's uploads asked for since an instant that may yet become valid.

        Those whose form was over by `posted_since` and that have no file do not count. One query.
        """
        waits = (UploadItem.state == UploadStatus.VALIDATING.value) | (
            (UploadItem.state == UploadStatus.AWAITING_FILE.value)
            & (UploadItem.form_expires_at > posted_since)
        )
        found = self._database.query(
            UploadItem,
            program_id,
            UploadItem.upload_id >= lowest_id_at("upl", since),
            filter_condition=waits,
            consistent_read=True,
            attributes_to_get=["upload_id"],
        )
        return sum(1 for _ in found)

    def kept_bytes(self, program_id: str) -> int:
        """Read how many bytes a program's valid videos take."""
        try:
            item = self._database.get(
                KeptBytesItem, program_id, _KEPT_BYTES_SUFFIX, consistent_read=True
            )
        except DoesNotExist:
            return 0
        return int(item.size_bytes)

    def use(self, upload: Upload) -> Update:
        """Part: note that an activity uses a valid video, so that it is kept.

        Its condition fails (`Conflict`) if it was removed for being used by none.
        """
        item = UploadItem(upload.program_id, upload.upload_id)
        return Update(
            item, [UploadItem.used.set(True)], UploadItem.state == UploadStatus.VALID.value
        )

    def unused(self, now: datetime, count: int) -> Sequence[OverdueUpload]:
        """List valid uploads whose time without an activity is over, by turns."""
        return self._due(_UNUSED_KEY, now, count)

    def remove_unused(self, due: OverdueUpload, look_at: datetime) -> bool:
        """End a valid upload that no activity uses; False, and it is kept, if one does.

        Its video is a stray from then on, which the look at `look_at` removes.
        """
        item = UploadItem(due.program_id, due.upload_id)
        mine = (UploadItem.unfinished_in == _UNUSED_KEY) & (UploadItem.look_at == due.look_at)
        if not self._database.update(item, [UploadItem.look_at.set(look_at)], mine):
            return False
        upload = item.to_upload()
        taken = (UploadItem.unfinished_in == _UNUSED_KEY) & (UploadItem.look_at == look_at)
        if upload.used or not upload.video_key or not upload.video:
            leave: list[Action] = [UploadItem.unfinished_in.remove(), UploadItem.look_at.remove()]
            self._database.update(UploadItem(due.program_id, due.upload_id), leave, taken)
            return False
        unused = UploadItem.used.does_not_exist() & UploadItem.waiting_activities.does_not_exist()
        actions: list[Action] = [
            UploadItem.state.set(UploadStatus.EXPIRED.value),
            UploadItem.copies.add({upload.video_key}),
            UploadItem.video_key.remove(),
            UploadItem.unfinished_in.set(_UNFINISHED_KEY),
            UploadItem.look_at.set(look_at),
        ]
        try:
            self._database.commit(
                [
                    Update(UploadItem(due.program_id, due.upload_id), actions, taken & unused),
                    _kept_part(due.program_id, -upload.video.size_bytes),
                ]
            )
        except Conflict:
            return False
        return True

    def add(self, upload: Upload, look_at: datetime, room: Part) -> None:
        """Put a new upload, together with the part that takes its headroom.

        Raises `AlreadyCreated`, and what that part says.
        """
        item = UploadItem(
            upload.program_id,
            upload.upload_id,
            state=upload.state.value,
            content_type=upload.content_type,
            created_by=upload.created_by,
            created_at=upload.created_at,
            form_expires_at=upload.form_expires_at,
            correlation_id=upload.correlation_id,
            unfinished_in=_UNFINISHED_KEY,
            look_at=look_at,
        )
        asked = act(
            Kind.UPLOAD_ASKED,
            upload.program_id,
            upload.upload_id,
            after={"content_type": upload.content_type},
        )
        new = Put(item, UploadItem.upload_id.does_not_exist(), AlreadyCreated)
        self._database.commit([new, asked, room], attempts=ATTEMPTS)

    def renew_form(self, upload: Upload) -> bool:
        """Note that an undecided upload has a new form to wait for; False if it is decided."""
        form_anew: list[Action] = [UploadItem.form_expires_at.set(upload.form_expires_at)]
        again = UploadItem(upload.program_id, upload.upload_id)
        return self._database.update(again, form_anew, UNDECIDED)

    def ask_again(self, upload: Upload, look_at: datetime, room: Part) -> None:
        """Have an expired upload wait once more, together with the part that takes its headroom.

        Raises `Conflict` if it is not expired, and what that part says.
        """
        waiting: list[Action] = [
            UploadItem.form_expires_at.set(upload.form_expires_at),
            UploadItem.state.set(UploadStatus.AWAITING_FILE.value),
            UploadItem.unfinished_in.set(_UNFINISHED_KEY),
            UploadItem.look_at.set(look_at),
            UploadItem.validating_since.remove(),
            UploadItem.tries.set(0),
        ]
        expired = UploadItem.state == UploadStatus.EXPIRED.value
        again = Update(UploadItem(upload.program_id, upload.upload_id), waiting, expired)
        self._database.commit([again, room], attempts=ATTEMPTS)

    def get(self, program_id: str, upload_id: str) -> Upload | None:
        try:
            return self._database.get(
                UploadItem, program_id, upload_id, consistent_read=True
            ).to_upload()
        except DoesNotExist:
            return None

    def waiting_activities(self, program_id: str, upload_id: str) -> tuple[Upload, tuple[str, ...]]:
        """Read an upload and the activities that wait for its verdict. Raises `LookupError`."""
        try:
            item = self._database.get(UploadItem, program_id, upload_id, consistent_read=True)
        except DoesNotExist:
            raise LookupError(f"There is no upload {upload_id}.") from None
        return item.to_upload(), tuple(sorted(item.waiting_activities or ()))

    def claim(
        self, program_id: str, upload_id: str, now: datetime, look_at: datetime
    ) -> Upload | None:
        """Begin an examination: move an undecided upload to `validating`, one try more.

        The first try sets the time of the next look, later ones leave it. Returns None if the
        upload is unknown or decided, or has had `MAX_TRIES` tries.
        """
        item = UploadItem(program_id, upload_id)
        validating = [
            UploadItem.state.set(UploadStatus.VALIDATING.value),
            UploadItem.tries.add(1),
        ]
        first = [
            *validating,
            UploadItem.validating_since.set(now),
            UploadItem.look_at.set(look_at),
        ]
        if self._database.update(
            item, first, UNDECIDED & UploadItem.validating_since.does_not_exist()
        ):
            return item.to_upload()
        item = UploadItem(program_id, upload_id)
        another = UNDECIDED & (UploadItem.tries < MAX_TRIES)
        return item.to_upload() if self._database.update(item, validating, another) else None

    def restart_validation(self, upload: Upload, now: datetime, look_at: datetime) -> None:
        """Count tries and time from zero: another file has its own."""
        item = UploadItem(upload.program_id, upload.upload_id)
        restarting = [
            UploadItem.tries.set(0),
            UploadItem.validating_since.set(now),
            UploadItem.look_at.set(look_at),
        ]
        self._database.update(item, restarting, UNDECIDED)

    def schedule_retry(self, upload: Upload, look_at: datetime, *, counted: bool) -> None:
        """Set when a failed try is followed by another; it is taken back unless `counted`."""
        retrying: list[Action] = [UploadItem.look_at.set(look_at)]
        taken_back = not counted and self._database.update(
            UploadItem(upload.program_id, upload.upload_id),
            [*retrying, UploadItem.tries.add(-1)],
            UNDECIDED & (UploadItem.tries > 0),
        )
        if not taken_back:
            self._database.update(
                UploadItem(upload.program_id, upload.upload_id), retrying, UNDECIDED
            )

    def note_copy(self, upload: Upload, video_key: str) -> bool:
        """Note a copy before it is made, so that none is ever lost; False if decided."""
        noting = [UploadItem.copies.add({video_key})]
        return self._database.update(
            UploadItem(upload.program_id, upload.upload_id), noting, UNDECIDED
        )

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
        item = UploadItem(upload.program_id, upload.upload_id)
        if state is UploadStatus.REJECTED or facts is None:
            return self._database.update(item, actions, UNDECIDED)
        try:
            self._database.commit(
                [
                    Update(item, actions, UNDECIDED),
                    _kept_part(upload.program_id, facts.size_bytes),
                ]
            )
        except Conflict:
            return False
        return True

    def expire(self, upload: Upload, looked_until: datetime, look_at: datetime) -> bool:
        """End an upload whose file never came; False if one came since the look began."""
        ending = [
            UploadItem.state.set(UploadStatus.EXPIRED.value),
            UploadItem.look_at.set(look_at),
        ]
        untouched = UNDECIDED & (UploadItem.look_at == looked_until)
        return self._database.update(
            UploadItem(upload.program_id, upload.upload_id), ending, untouched
        )

    def overdue(self, now: datetime, count: int) -> Sequence[OverdueUpload]:
        """List uploads to be looked at by now, each program's in turn, the longest overdue first.

        One query for each megabyte of what is overdue.
        """
        return self._due(_UNFINISHED_KEY, now, count)

    def _due(self, unfinished_in: str, now: datetime, count: int) -> Sequence[OverdueUpload]:
        found = self._database.query(
            UploadItem,
            unfinished_in,
            UnfinishedIndex.look_at <= now,
            index=UploadItem.unfinished_index,
        )
        due = (
            OverdueUpload(each.program_id, each.upload_id, each.look_at)
            for each in found
            if each.look_at
        )
        return list(islice(take_turns(due, lambda each: each.program_id, now), count))

    def take_for_look(
        self, overdue: OverdueUpload, look_at: datetime, *, while_validating: datetime
    ) -> Upload | None:
        """Take an overdue upload for one look; None if another look, or its way on, was faster.

        If anything fails from here on, the next look comes at `look_at`, or at `while_validating`:
        an upload that is being validated has little time left.
        """
        validating = UploadItem.state == UploadStatus.VALIDATING.value
        untaken = UploadItem.look_at == overdue.look_at
        for time, its_state in ((look_at, ~validating), (while_validating, validating)):
            item = UploadItem(overdue.program_id, overdue.upload_id)
            if self._database.update(item, [UploadItem.look_at.set(time)], untaken & its_state):
                return item.to_upload()
        return None

    def mark_cleared_up(self, upload: Upload, unused_at: datetime) -> None:
        """Note that a decided upload is cleared up: nobody looks at it again.

        Unless it is valid and no activity uses it yet: then somebody does at `unused_at`.
        """
        actions: list[Action] = [UploadItem.copies.remove()]
        if upload.state is UploadStatus.VALID and not upload.used:
            actions += [
                UploadItem.unfinished_in.set(_UNUSED_KEY),
                UploadItem.look_at.set(unused_at),
            ]
        else:
            actions += [UploadItem.unfinished_in.remove(), UploadItem.look_at.remove()]
        item = UploadItem(upload.program_id, upload.upload_id)
        self._database.update(item, actions, UploadItem.unfinished_in.exists())

    def add_waiting_activity(self, upload: Upload, activity_id: str) -> Update:
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
        self._reads = UrlPresigner(s3, videos_bucket)

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

    def arrived_file(self, key: str) -> tuple[str, int] | None:
        """Return ETag and size in bytes of the file that arrived; None while there is none."""
        try:
            head = self._s3.head_object(Bucket=self._incoming, Key=key)
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return head["ETag"], head["ContentLength"]

    def range_reader(self, upload: Upload, etag: str, size_bytes: int) -> RangeReader:
        return s3_reader(self._s3, self._incoming, upload.incoming_key, etag, size_bytes)

    def copy_to_videos(self, upload: Upload, etag: str, content_type: str) -> str:
        """Copy the bytes that were examined to where nobody can change them; returns the key.

        Raises `ObjectChanged` if another file was posted meanwhile, or none is left.
        """
        key = upload.video_key_for(etag)
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

    def open(self, key: str, first_byte: int) -> ByteStream:
        """Open a kept video at a byte: one GET, read as it is needed."""
        rest = f"bytes={first_byte}-"  # from 0 it is the whole of it
        return self._s3.get_object(Bucket=self._videos, Key=key, Range=rest)["Body"]

    def preview(self, key: str, content_type: str) -> str:
        """Presign a GET of a kept video, in whole or by ranges, to be shown where it stands.

        Signed here, without a call. Good for `PREVIEW_LIFETIME`, or until the credentials of
        this function end, if that is sooner.
        """
        query = {"response-content-disposition": "inline", "response-content-type": content_type}
        return self._reads.url(key, int(PREVIEW_LIFETIME.total_seconds()), query)

    def remove_copy(self, key: str) -> None:
        """Remove a copy that no verdict chose."""
        self._s3.delete_object(Bucket=self._videos, Key=key)

    def check(self) -> None:
        """Ask whether the incoming bucket answers; raises if not."""
        self._s3.head_bucket(Bucket=self._incoming)

    def remove_incoming(self, key: str) -> None:
        """Remove an incoming object: decided, or never asked for."""
        self._s3.delete_object(Bucket=self._incoming, Key=key)


def _kept_part(program_id: str, size_bytes: int) -> Update:
    return Update(
        KeptBytesItem(program_id, _KEPT_BYTES_SUFFIX), [KeptBytesItem.size_bytes.add(size_bytes)]
    )
