"""From a form to a verdict: ask for an upload, validate what arrived, keep what is valid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.foundation.aws import is_trouble_of_aws
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import not_found
from chalicelib.foundation.table import Part
from chalicelib.videos.model import (
    DECIDED,
    FORM_LIFETIME,
    LOOK_AGAIN,
    PREVIEW_LIFETIME,
    TRIES,
    Examination,
    Preview,
    Upload,
    UploadStatus,
    VideoFacts,
    VideoProblem,
    could_not_be_examined,
    file_not_received,
    incoming_key,
    parse_incoming_key,
)
from chalicelib.videos.probe import ObjectChanged, RangeReader
from chalicelib.videos.queue import ArrivalsQueue
from chalicelib.videos.store import (
    Overdue,
    Readable,
    UploadStore,
    VideoFiles,
    facts_of,
    problems_of,
)

LOOKED_AT_PER_RUN = 300

Opener = Callable[[int], Readable]
Examine = Callable[[RangeReader, int], Examination]


@dataclass(frozen=True)
class Form:
    """A presigned S3 POST. A secret, never logged: whoever has it may post the file."""

    upload: Upload
    url: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Verdict:
    """What a validation decided, and the activities that waited for it."""

    program_id: str
    upload_id: str
    correlation_id: str
    waiting_activities: tuple[str, ...]
    video: VideoFacts | None
    video_key: str | None
    problems: tuple[VideoProblem, ...]


class VideoShelf:
    """Where valid videos stand, for whoever sends them on."""

    def __init__(self, files: VideoFiles) -> None:
        self._files = files

    def open_at(self, video_key: str, likely_byte: int = 0) -> Opener:
        """Give what opens a video at any byte, at one without another call.

        Raises S3's error at once if it is not there.
        """
        opened = [self._files.open(video_key, likely_byte)]

        def open_at(first_byte: int) -> Readable:
            if first_byte == likely_byte and opened:
                return opened.pop()
            return self._files.open(video_key, first_byte)

        return open_at


class VideoService:
    def __init__(
        self, store: UploadStore, files: VideoFiles, examine: Examine, clock: Clock
    ) -> None:
        self._store = store
        self._files = files
        self._examine = examine
        self._clock = clock

    def ask_for_upload(
        self, caller: Caller, content_type: str, correlation_id: str, made_id: str | None = None
    ) -> Form:
        """Make an upload and the form to post its file with, good for `FORM_LIFETIME`.

        `made_id` makes a repeated request find the upload it made before.
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
        self._store.add(upload, now + LOOK_AGAIN)
        form: Any = self._files.form(upload)
        return Form(upload, form["url"], form["fields"])

    def upload(self, caller: Caller, upload_id: str) -> Upload:
        """Read an upload of the caller's program. Raises the problem `not_found`."""
        upload = self._store.get(caller.program_id, upload_id)
        if upload is None:
            raise not_found("upload")
        return upload

    def now(self) -> datetime:
        return self._clock.now()

    def file_arrived(self, upload: Upload) -> bool:
        """Tell whether the file lies in `incoming/`, its event perhaps still on the way."""
        return self._files.arrived(upload.incoming_key) is not None

    def preview(self, video_key: str | None, facts: VideoFacts | None) -> Preview | None:
        """Give an address to watch a valid video at, by a signature and no call; else None."""
        if video_key is None or facts is None:
            return None
        url = self._files.preview(video_key, f"video/{facts.container}")
        return Preview(url, self._clock.now() + PREVIEW_LIFETIME)

    def await_verdict(self, upload: Upload, activity_id: str) -> Part:
        """Part: let the verdict carry the id of an activity that waits for it.

        Its condition fails (`Conflict`) if the verdict has come: read the upload again then.
        """
        return self._store.await_verdict(upload, activity_id)

    def give_up(self, key: str) -> None:
        """Reject an upload whose examination came to no end `TRIES` times. Safe to call twice.

        One that was not tried so often (AWS kept its validators from it) is left to the clock.
        """
        ids = parse_incoming_key(key)
        upload = self._store.undecided(*ids, self._later()) if ids else None
        if upload is not None:
            if upload.tries < TRIES:
                logger.info("left to the clock", extra={"upload_id": upload.upload_id})
                return
            _give_up(self._store, upload, self._later())
        self._files.discard(key)

    def validate(self, key: str) -> None:
        """Examine the object that arrived at `key` and decide its upload.

        Safe to call twice, late, or for keys nobody asked for. Raises `ObjectChanged` if another
        file was posted while this one was looked at: the event comes again and finds the new one.
        Raises `CannotExamine` if the examination came to no end: that may be tried again, however
        the event comes about, up to `TRIES` times. What AWS did not do is no try.
        """
        ids = parse_incoming_key(key)
        arrived = self._files.arrived(key) if ids else None
        if ids and arrived is None:
            logger.info("file is gone")
            return
        upload = self._store.claim(*ids, self._later()) if ids else None
        if upload is None or arrived is None:
            # Unknown, or decided before: what was validated lies elsewhere already.
            self._files.discard(key)
            logger.info("arrival not expected")
            return
        logger.set_correlation_id(upload.correlation_id)
        logger.append_keys(program_id=upload.program_id, upload_id=upload.upload_id)
        if upload.tries > TRIES:
            # Others may be at it yet, when several events come at once: the next look decides.
            logger.info("tried often enough")
            return
        try:
            self._decide(upload, *arrived)
        except ObjectChanged:
            self._store.try_anew(upload)
            raise
        except Exception as error:
            if is_trouble_of_aws(error):
                self._store.take_back_try(upload)
            raise
        self._files.discard(key)

    def _decide(self, upload: Upload, etag: str, size_bytes: int) -> None:
        reader = self._files.reader(upload, etag, size_bytes)
        examination = self._examine(reader, size_bytes)
        facts, problems = examination.facts, examination.problems
        kept = None
        if not problems:
            if not self._store.note_copy(upload, upload.key_for(etag)):
                logger.info("decided meanwhile")
                return
            kept = self._files.keep(upload, etag, f"video/{facts.container}")
        decided = self._store.decide(upload, facts, problems, kept, self._later())
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

    def _later(self) -> datetime:
        return self._clock.now() + LOOK_AGAIN


def _give_up(store: UploadStore, upload: Upload, look_at: datetime) -> None:
    logger.set_correlation_id(upload.correlation_id)
    problem = could_not_be_examined(TRIES)
    first = store.decide(upload, None, (problem,), None, look_at)
    logger.warning(
        "upload could not be examined", extra={"upload_id": upload.upload_id, "first": first}
    )


class LostAndFound:
    """Moves on uploads that did not by themselves, and clears up after those that did.

    An event that was lost, a validator that died, a form that nobody used, a copy that no verdict
    chose: all are found by one index. May run twice at once and beside everything else.
    """

    def __init__(
        self, store: UploadStore, files: VideoFiles, queue: ArrivalsQueue, clock: Clock
    ) -> None:
        self._store = store
        self._files = files
        self._queue = queue
        self._clock = clock

    def look_again(self) -> int:
        """Look at what is overdue, up to `LOOKED_AT_PER_RUN`; tells how many were moved on.

        Each is first given a new time, so that one that fails keeps nobody from their turn. Raises
        the first failure when all have had theirs.
        """
        now = self._clock.now()
        announced: list[str] = []
        failures: list[Exception] = []
        moved = 0
        for overdue in self._store.overdue(now, LOOKED_AT_PER_RUN):
            try:
                moved += self._look(overdue, now, announced)
            except Exception as error:  # noqa: BLE001  raised again below
                logger.exception("look failed", extra={"upload_id": overdue.upload_id})
                failures.append(error)
        self._queue.announce(announced)
        if failures:
            raise failures[0]
        return moved + len(announced)

    def _look(self, overdue: Overdue, now: datetime, announced: list[str]) -> bool:
        later = now + LOOK_AGAIN
        upload = self._store.look_later(overdue, later)
        if upload is None:
            return False
        facts = {"upload_id": upload.upload_id, "status": upload.state.value}
        if upload.state in DECIDED:
            for key in sorted(upload.strays):
                self._files.remove_copy(key)
                logger.info("copy removed", extra=facts)
            self._store.finish(upload)
            return True
        key = incoming_key(upload.program_id, upload.upload_id)
        if self._files.arrived(key):
            if upload.tries >= TRIES:
                # No try lives as long as this look has waited: all of them have died.
                _give_up(self._store, upload, later)
            # Whoever hears of a file whose upload is decided clears it away.
            announced.append(key)
            logger.info("file found", extra=facts)
            return False
        return upload.is_over_at(now) and self._store.expire(upload, later, later)


def verdict_of_change(image: Mapping[str, Any]) -> Verdict | None:
    """Read a change of the uploads table; None while there is no verdict or nobody waits for it."""
    decided = image.get("state") in DECIDED
    waiting = image.get("waiting_activities")
    if not decided or not waiting:
        return None
    return Verdict(
        program_id=image["program_id"],
        upload_id=image["upload_id"],
        correlation_id=image["correlation_id"],
        waiting_activities=tuple(sorted(waiting)),
        video=facts_of(image.get("video")),
        video_key=image.get("video_key"),
        problems=(file_not_received(),)
        if image["state"] == UploadStatus.EXPIRED
        else problems_of(image.get("problems")),
    )
