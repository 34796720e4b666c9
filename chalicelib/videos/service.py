"""From a form to a verdict: ask for an upload, validate what arrived, keep what is valid."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from chalicelib.foundation.aws import is_aws_failure
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import not_found
from chalicelib.foundation.quotas import Quotas, quota_reached
from chalicelib.foundation.table import Conflict, Part
from chalicelib.foundation.values import dataclass
from chalicelib.videos.model import (
    DECIDED,
    EXAMINATION_RETRY_DELAY,
    FORM_LIFETIME,
    MAX_PREVIEWS,
    MAX_SIZE_BYTES,
    MAX_TRIES,
    PREVIEW_LIFETIME,
    PREVIEW_REUSE,
    RECHECK_DELAY,
    TRY_LIFETIME,
    Examination,
    ExaminerBroken,
    LimitExceeded,
    Preview,
    Upload,
    UploadStatus,
    VideoFacts,
    VideoProblem,
    could_not_be_examined,
    file_not_received,
    incoming_key,
    needs_too_much_work,
    not_examined_in_time,
    parse_incoming_key,
)
from chalicelib.videos.queue import ArrivalsQueue
from chalicelib.videos.ranges import ObjectChanged, RangeReader
from chalicelib.videos.store import (
    AlreadyCreated,
    ByteStream,
    OverdueUpload,
    UploadStore,
    VideoFiles,
)

MAX_LOOKS_PER_RUN = 300
POST_TIME_LIMIT = timedelta(minutes=45)
"""No file is found later than this after its form was over: the sweep looks every minute."""
RECENT_UPLOADS_WINDOW = timedelta(hours=25)
"""No upload waits that was asked for before: its request is repeated for a day at most."""

VideoOpener = Callable[[int], ByteStream]
Examine = Callable[[RangeReader, int], Examination]


@dataclass(frozen=True)
class Form:
    """A presigned S3 POST. A secret, never logged: whoever has it may post the file."""

    upload: Upload
    url: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """The verdict of a validation, and the activities that waited for it."""

    program_id: str
    upload_id: str
    correlation_id: str
    waiting_activities: tuple[str, ...]
    video: VideoFacts | None
    video_key: str | None
    problems: tuple[VideoProblem, ...]


class Verdicts:
    """Reads what validations decided, for the activities that wait for it."""

    def __init__(self, store: UploadStore) -> None:
        self._store = store

    def verdict(self, program_id: str, upload_id: str) -> Verdict | None:
        """Read the verdict on an upload; None while there is none, or no such upload: one call."""
        try:
            upload, waiting = self._store.waiting_activities(program_id, upload_id)
        except LookupError:
            return None
        if upload.state not in DECIDED:
            return None
        expired = upload.state is UploadStatus.EXPIRED
        return Verdict(
            program_id=program_id,
            upload_id=upload_id,
            correlation_id=upload.correlation_id,
            waiting_activities=waiting,
            video=upload.video,
            video_key=upload.video_key,
            problems=(file_not_received(),) if expired else upload.problems,
        )


class VideoReader:
    """Opens valid videos for the package that sends them on."""

    def __init__(self, files: VideoFiles) -> None:
        self._files = files

    def open_at(self, video_key: str, likely_byte: int = 0) -> VideoOpener:
        """Return a function that opens a video at any byte, at `likely_byte` without another call.

        Raises S3's error at once if it is not there.
        """
        opened = [self._files.open(video_key, likely_byte)]

        def open_at(first_byte: int) -> ByteStream:
            if first_byte == likely_byte and opened:
                return opened.pop()
            return self._files.open(video_key, first_byte)

        return open_at


class VideoService:
    def __init__(
        self,
        store: UploadStore,
        files: VideoFiles,
        examine: Examine,
        clock: Clock,
        quotas: Quotas = Quotas(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._files = files
        self._examine = examine
        self._clock = clock
        self._quotas = quotas
        self._previews: dict[str, Preview] = {}

    def ask_for_upload(
        self, caller: Caller, content_type: str, correlation_id: str, made_id: str | None = None
    ) -> Form:
        """Make an upload and the form to post its file with, good for `FORM_LIFETIME`.

        `made_id` makes a repeated request find the upload it made before. Raises the problem
        `limit_reached` when the program's quota is used up.
        """
        now = self._clock.now()
        upload = Upload(
            program_id=caller.program_id,
            upload_id=f"upl_{made_id}" if made_id else new_id("upl", now),
            state=UploadStatus.AWAITING_FILE,
            content_type=content_type,
            created_by=caller.member_id,
            created_at=now,
            form_expires_at=now + FORM_LIFETIME,
            correlation_id=correlation_id,
        )
        self._add_within_quota(upload, now)
        form: Any = self._files.form(upload)
        return Form(upload, form["url"], form["fields"])

    def _add_within_quota(self, upload: Upload, now: datetime) -> None:
        """Write an upload within the quotas; the same one again has a new form to wait for."""
        headroom = self._store.headroom(upload.program_id, self._quotas, now)

        def room(_: object) -> int:
            return self._quota_left(upload.program_id, now)

        try:
            headroom.admit(lambda part: self._store.add(upload, now + RECHECK_DELAY, part), room)
        except AlreadyCreated:
            # A retry gets the upload that the request with the lost answer made.
            if self._store.renew_form(upload):
                return
            with suppress(Conflict):  # it is valid or rejected, and stays so
                headroom.admit(
                    lambda part: self._store.ask_again(upload, now + RECHECK_DELAY, part), room
                )

    def _quota_left(self, program_id: str, now: datetime) -> int:
        """Count how many more uploads may be asked for: two calls.

        Raises the problem `limit_reached` where there is none.
        """
        most = self._quotas.uploads_waiting
        waiting = self._store.waiting_count(
            program_id, now - RECENT_UPLOADS_WINDOW, now - POST_TIME_LIMIT
        )
        if waiting >= most:
            raise quota_reached("uploads_waiting", most, waiting)
        # A waiting upload may be valid, and as large as a form takes, once it is checked. One that
        # is found valid between the two calls is counted twice rather than not at all.
        taken = self._store.kept_bytes(program_id) + waiting * MAX_SIZE_BYTES
        left = self._quotas.video_bytes - taken
        if left <= 0:
            raise quota_reached("video_bytes", self._quotas.video_bytes, taken)
        return min(most - waiting, -(-left // MAX_SIZE_BYTES))

    def use(self, upload: Upload) -> Sequence[Part]:
        """Parts: note that an activity uses a valid video; none if one did before.

        Fails (`Conflict`) if it was removed meanwhile: read the upload again then.
        """
        return () if upload.used else (self._store.use(upload),)

    def upload(self, caller: Caller, upload_id: str) -> Upload:
        """Read an upload of the caller's program. Raises the problem `not_found`."""
        upload = self._store.get(caller.program_id, upload_id)
        if upload is None:
            raise not_found("upload")
        return upload

    def now(self) -> datetime:
        return self._clock.now()

    def file_arrived(self, upload: Upload) -> bool:
        """Return whether the file lies in `incoming/`, its event perhaps still on the way."""
        return self._files.arrived_file(upload.incoming_key) is not None

    def preview(self, video_key: str | None, facts: VideoFacts | None) -> Preview | None:
        """Return an address at which a valid video can be watched, signed without a call.

        It is good for an hour less `PREVIEW_REUSE` at least: signing those of a feed anew takes as
        long as all the rest of it.
        """
        if video_key is None or facts is None:
            return None
        return self.preview_of(video_key, f"video/{facts.container}")

    def preview_of(self, video_key: str, content_type: str) -> Preview:
        """Return an address at which a kept video can be watched or fetched, as `preview` does."""
        now = self._clock.now()
        kept = self._previews.get(video_key)
        if kept is None or kept.expires_at < now + PREVIEW_LIFETIME - PREVIEW_REUSE:
            if len(self._previews) >= MAX_PREVIEWS:
                self._previews.clear()
            url = self._files.preview(video_key, content_type)
            kept = self._previews[video_key] = Preview(url, now + PREVIEW_LIFETIME)
        return kept

    def add_waiting_activity(self, upload: Upload, activity_id: str) -> Part:
        """Part: let the verdict carry the id of an activity that waits for it.

        Its condition fails (`Conflict`) if the verdict has come: read the upload again then.
        """
        return self._store.add_waiting_activity(upload, activity_id)

    def reject_unexaminable(self, key: str) -> None:
        """Reject an upload whose examination failed `MAX_TRIES` times. Safe to call twice.

        An upload that was not tried so often (AWS kept its validators from it) is left to the
        sweep.
        """
        ids = parse_incoming_key(key)
        upload = self._store.get(*ids) if ids else None
        if upload is not None and upload.state not in DECIDED:
            now = self._clock.now()
            if upload.tries < MAX_TRIES and not upload.is_given_up_at(now):
                logger.info("left to the sweep", extra={"upload_id": upload.upload_id})
                return
            _reject_unexamined(self._store, upload, now)
        self._files.remove_incoming(key)

    def validate(self, key: str) -> None:
        """Examine the object that arrived at `key` and decide its upload.

        Safe to call twice, late, or for keys nobody asked for. Raises `ObjectChanged` if another
        file was posted while this one was looked at: the event comes again and finds the new one.
        Raises `CannotExamine` if the examination came to no end: that may be tried again, however
        the event comes about, up to `MAX_TRIES` times. A failure of AWS is no try, nor is a
        part that the deployment lacks.
        """
        ids = parse_incoming_key(key)
        arrived = self._files.arrived_file(key) if ids else None
        if ids and arrived is None:
            logger.info("file is gone")
            return
        now = self._clock.now()
        upload = self._store.claim(*ids, now, now + TRY_LIFETIME) if ids else None
        if upload is None or arrived is None:
            self._remove_unexpected(key, ids)
            return
        logger.set_correlation_id(upload.correlation_id)
        logger.append_keys(program_id=upload.program_id, upload_id=upload.upload_id)
        try:
            self._decide(upload, *arrived)
        except ObjectChanged:
            now = self._clock.now()
            self._store.restart_validation(upload, now, now + EXAMINATION_RETRY_DELAY)
            raise
        except LimitExceeded as error:
            self._reject(upload, needs_too_much_work(), str(error))
        except Exception as error:
            look_at = upload.next_look(self._clock.now(), EXAMINATION_RETRY_DELAY)
            blameless = is_aws_failure(error) or isinstance(error, ExaminerBroken)
            self._store.schedule_retry(upload, look_at, counted=not blameless)
            raise
        self._files.remove_incoming(key)

    def _remove_unexpected(self, key: str, ids: tuple[str, str] | None) -> None:
        """Remove an object nobody waits for: unknown, or decided and its copy lies elsewhere."""
        upload = self._store.get(*ids) if ids else None
        if upload is not None and upload.state not in DECIDED:
            # Others may be at it yet, when several events come at once: the sweep decides.
            logger.info("tried often enough", extra={"upload_id": upload.upload_id})
            return
        self._files.remove_incoming(key)
        logger.info("arrival not expected")

    def _reject(self, upload: Upload, problem: VideoProblem, reason: str) -> None:
        first = self._store.decide(upload, None, (problem,), None, self._recheck_time())
        logger.warning("upload could not be examined", extra={"reason": reason, "first": first})

    def _decide(self, upload: Upload, etag: str, size_bytes: int) -> None:
        reader = self._files.range_reader(upload, etag, size_bytes)
        examination = self._examine(reader, size_bytes)
        facts, problems = examination.facts, examination.problems
        kept = None
        if not problems:
            if not self._store.note_copy(upload, upload.video_key_for(etag)):
                logger.info("decided meanwhile")
                return
            kept = self._files.copy_to_videos(upload, etag, f"video/{facts.container}")
        decided = self._store.decide(upload, facts, problems, kept, self._recheck_time())
        logger.info(
            "upload decided",
            extra={
                "first": decided,
                "problems": [problem.code for problem in problems],
                "size_bytes": size_bytes,
                "gets": reader.gets,
                "read_bytes": reader.bytes_fetched,
            },
        )

    def _recheck_time(self) -> datetime:
        return self._clock.now() + RECHECK_DELAY


def _reject_unexamined(store: UploadStore, upload: Upload, now: datetime) -> None:
    """Reject an upload whose examinations all failed, or took too long."""
    logger.set_correlation_id(upload.correlation_id)
    problem = (
        could_not_be_examined(upload.tries) if upload.tries >= MAX_TRIES else not_examined_in_time()
    )
    first = store.decide(upload, None, (problem,), None, now + RECHECK_DELAY)
    logger.warning(
        "upload could not be examined", extra={"upload_id": upload.upload_id, "first": first}
    )


class StuckUploadSweeper:
    """Moves on uploads that did not by themselves, and clears up after those that did.

    An event that was lost, a validator that died, a form that nobody used, a copy that no verdict
    chose: all are found by one index. May run twice at once and beside everything else.
    """

    def __init__(
        self,
        store: UploadStore,
        files: VideoFiles,
        queue: ArrivalsQueue,
        clock: Clock,
        quotas: Quotas = Quotas(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._files = files
        self._queue = queue
        self._clock = clock
        self._quotas = quotas

    def sweep(self) -> int:
        """Look at overdue uploads, up to `MAX_LOOKS_PER_RUN`; returns how many were moved on.

        Each program has its share of them. Each upload is first given a new time, so that one
        that fails keeps none from its turn. Raises the first failure when all have had theirs.
        """
        now = self._clock.now()
        announced: list[str] = []
        failures: list[Exception] = []
        moved = 0
        for overdue in self._store.overdue(now, MAX_LOOKS_PER_RUN):
            try:
                moved += self._check_upload(overdue, now, announced)
            except Exception as error:  # noqa: BLE001  raised again below
                logger.exception("look failed", extra={"upload_id": overdue.upload_id})
                failures.append(error)
        self._queue.announce(announced)
        if failures:
            raise failures[0]
        return moved + len(announced)

    def validate_again(self, program_id: str, upload_id: str) -> tuple[Upload | None, bool]:
        """Announce an undecided upload's file anew, with all its tries; return it, and whether.

        None for an upload that there is not. A decided upload stays as it is, for its file is gone
        or an activity may use it; so does one whose file has not come.
        """
        upload = self._store.get(program_id, upload_id)
        if upload is None or upload.state in DECIDED:
            return upload, False
        if self._files.arrived_file(upload.incoming_key) is None:
            return upload, False
        if upload.validating_since is not None:
            now = self._clock.now()
            self._store.restart_validation(upload, now, now + TRY_LIFETIME)
        self._queue.announce([upload.incoming_key])
        return upload, True

    def remove_unused(self) -> int:
        """Remove valid videos that no activity uses; returns how many. A query when there are none.

        The next looks remove their files.
        """
        now = self._clock.now()
        due = self._store.unused(now, MAX_LOOKS_PER_RUN)
        return sum(self._store.remove_unused(each, now + RECHECK_DELAY) for each in due)

    def _check_upload(self, overdue: OverdueUpload, now: datetime, announced: list[str]) -> bool:
        later, soon = now + RECHECK_DELAY, now + EXAMINATION_RETRY_DELAY
        upload = self._store.take_for_look(overdue, later, while_validating=soon)
        if upload is None:
            return False
        facts = {"upload_id": upload.upload_id, "status": upload.state.value}
        if upload.state in DECIDED:
            for key in sorted(upload.unused_copies):
                self._files.remove_copy(key)
                logger.info("copy removed", extra=facts)
            self._store.mark_cleared_up(
                upload, upload.created_at + self._quotas.unused_video_retention
            )
            return True
        key = incoming_key(upload.program_id, upload.upload_id)
        # No try lives as long as this look has waited: those that were begun have died.
        given_up = upload.tries >= MAX_TRIES or upload.is_given_up_at(now)
        if self._file_exists(key, in_doubt=given_up):
            if given_up:
                _reject_unexamined(self._store, upload, now)
            elif upload.validating_since:
                self._store.schedule_retry(
                    upload, upload.next_look(now, TRY_LIFETIME), counted=True
                )
            # The validator removes a file whose upload is decided.
            announced.append(key)
            logger.info("file found", extra=facts)
            return False
        taken_until = soon if upload.state is UploadStatus.VALIDATING else later
        return upload.is_over_at(now) and self._store.expire(upload, taken_until, later)

    def _file_exists(self, key: str, *, in_doubt: bool) -> bool:
        """Return whether a file lies there. If S3 does not answer: raise, or True `in_doubt`."""
        try:
            return self._files.arrived_file(key) is not None
        except Exception:  # raised again, or logged: in doubt a verdict comes all the same
            if not in_doubt:
                raise
            logger.exception("given up without an answer of S3")
            return True
