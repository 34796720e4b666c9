"""Uploads that arrive in `incoming/`, and a fake examination that trusts their first bytes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.settings import Settings
from chalicelib.videos.model import Examination, Upload, VideoFacts, broken_rules
from chalicelib.videos.queue import ArrivalsQueue
from chalicelib.videos.ranges import ObjectChanged, RangeReader
from chalicelib.videos.service import StuckUploadSweeper, VideoService
from chalicelib.videos.store import UploadStore, VideoFiles
from tests.clock import StoppedClock
from tests.integration.database import database

MANAGER = Caller("prg_1", "mem_1", Role.MANAGER, "ana@demo.example", "Ana", "Europe/Berlin")
STRANGER = Caller("prg_2", "mem_9", Role.MANAGER, "eve@other.example", "Eve", "UTC")
GOOD = VideoFacts(
    size_bytes=0,
    container="webm",
    has_video=True,
    has_audio=True,
    codec="vp9",
    duration_seconds=20.5,
    width=1080,
    height=1920,
    frame_rate=30.0,
)


class FakeExamination:
    """Reads a whole file: one that begins with `bad` is in 480p, all others are valid."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.broken: BaseException | None = None

    def __call__(self, reader: RangeReader, size_bytes: int) -> Examination:
        content = reader.read()
        assert content is not None
        assert len(content) == size_bytes
        self.seen.append(content)
        if self.broken:
            raise self.broken
        facts = replace(GOOD, size_bytes=size_bytes)
        if content.startswith(b"bad"):
            facts = replace(facts, width=640, height=480)
        return Examination(facts, broken_rules(facts))


class RacedFiles(VideoFiles):
    """Runs a hook once, right before or after the copy.

    Checks the copy's ETag condition, which moto ignores.
    """

    before_copy: Callable[[], object] | None = None
    after_copy: Callable[[], object] | None = None

    def copy_to_videos(self, upload: Upload, etag: str, content_type: str) -> str:
        before, self.before_copy = self.before_copy, None
        if before:
            before()
        there = self.arrived_file(upload.incoming_key)
        if there is None or there[0] != etag:
            raise ObjectChanged(upload.incoming_key)
        key = super().copy_to_videos(upload, etag, content_type)
        after, self.after_copy = self.after_copy, None
        if after:
            after()
        return key


class UploadServices:
    """A video service and its dependencies."""

    def __init__(self, settings: Settings, s3: Any, sqs: Any, clock: StoppedClock) -> None:
        self.settings, self.s3, self.sqs, self.clock = settings, s3, sqs, clock
        self.queue_url = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
        self.store = UploadStore(database())
        self.files = RacedFiles(s3, settings.incoming_bucket, settings.videos_bucket)
        self.examination = FakeExamination()
        self.service = VideoService(self.store, self.files, self.examination, clock)
        queue = ArrivalsQueue(sqs, self.queue_url)
        self.sweeper = StuckUploadSweeper(self.store, self.files, queue, clock)

    def request_upload(self) -> Upload:
        return self.service.ask_for_upload(MANAGER, "video/mp4", "correlation-1").upload

    def post(self, upload: Upload, content: bytes = b"good") -> None:
        self.s3.put_object(
            Bucket=self.settings.incoming_bucket, Key=upload.incoming_key, Body=content
        )

    def posted_upload(self, content: bytes = b"good") -> Upload:
        upload = self.request_upload()
        self.post(upload, content)
        return upload

    def validated_upload(self, content: bytes = b"good") -> Upload:
        upload = self.posted_upload(content)
        self.service.validate(upload.incoming_key)
        return self.now(upload)

    def take_queued(self) -> list[str]:
        """Receive and delete all messages of the arrivals queue."""
        bodies = []
        while found := self.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for each in found:
                bodies.append(each["Body"])
                self.sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=each["ReceiptHandle"]
                )
        return bodies

    def now(self, upload: Upload) -> Upload:
        return self.service.upload(MANAGER, upload.upload_id)

    def stored_bytes(self, upload: Upload) -> bytes:
        """Return the bytes under the upload's `video_key`."""
        key = self.now(upload).video_key
        answer = self.s3.get_object(Bucket=self.settings.videos_bucket, Key=key)
        content: bytes = answer["Body"].read()
        return content

    def keys_in(self, bucket: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=bucket)
        return [each["Key"] for each in listed.get("Contents", ())]

    @property
    def incoming(self) -> list[str]:
        return self.keys_in(self.settings.incoming_bucket)

    @property
    def videos(self) -> list[str]:
        return self.keys_in(self.settings.videos_bucket)
