"""Compares sending a video with a plain copy: `python -m bench.staging`.

The largest video goes from the local cloud's S3 to the TikTok sandbox, in turns by the client and
by a copy that does nothing but take blocks from one connection and put them on the other. Both
work between the same two servers, in one run, a pair at a time. It judges the bytes, the GETs,
the memory, and the median of the pairs' ratios. Ends with 1 if a goal is missed.
"""

import http.client
import logging
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.measurements import MEGABYTE, Peak, Report, can_measure_memory, temporary_cloud
from chalicelib.foundation.aws import Clients
from chalicelib.tiktok.client import BLOCK_BYTES, Grant, TikTokClient, TikTokSettings, UploadSession
from chalicelib.videos.service import VideoReader
from chalicelib.videos.store import VideoFiles
from tests.integration.sandbox import (
    CLIENT_KEY,
    CLIENT_SECRET,
    REDIRECT_URI,
    Sandbox,
    bare_copy,
)

BUCKET, KEY = "bench", "videos/largest"
SIZE_BYTES = 50 * MEGABYTE
PAIRS = 15
PERSON = "ana"
MINUTE = 61  # of the sandbox's clock: drafts may be begun again

# The goals.
LEAST_SPEED, MOST_MEMORY = 0.9, 16 * MEGABYTE


@dataclass(frozen=True)
class SendMethod:
    """A method of sending the video to a draft's upload URL."""

    name: str
    send: Callable[[UploadSession], object]


class ActivityServices:
    """Sends the video by either method to a new draft each time, and checks that it arrived."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._s3 = Clients().s3
        self._shelf = VideoReader(VideoFiles(self._s3, BUCKET, BUCKET))
        self.gets = 0
        self._s3.meta.events.register("before-send.s3.GetObject", self._count)
        asked = {"Bucket": BUCKET, "Key": KEY}
        self._video = urlsplit(self._s3.generate_presigned_url("get_object", Params=asked))
        self.client = client_of(sandbox.url)
        came_back = sandbox.consent(PERSON, url=self.client.authorize_url("bench"))
        self.grant = self.client.exchange_code(came_back["code"])

    def close(self) -> None:
        self.client.close()

    def _count(self, **_: Any) -> None:
        self.gets += 1

    def greenroom(self, draft: UploadSession) -> None:
        send(self.client, self._shelf, draft)

    def bare(self, draft: UploadSession) -> None:
        connection = http.client.HTTPConnection(self._video.netloc, timeout=60)
        connection.request("GET", f"{self._video.path}?{self._video.query}")
        body = connection.getresponse()
        bare_copy(body, SIZE_BYTES, draft.upload_url, BLOCK_BYTES)
        connection.close()

    def begin(self) -> UploadSession:
        self._sandbox.advance(MINUTE)
        return self.client.begin_upload(self.grant.access_token, SIZE_BYTES)

    def settle(self, draft: UploadSession) -> None:
        """Check that the draft is in the inbox, and make room for another."""
        self._sandbox.wait_for_status(draft.publish_id, "SEND_TO_USER_INBOX")
        self._sandbox.person_posts(PERSON, draft.publish_id)

    def seconds(self, way: SendMethod) -> tuple[float, float]:
        """Return the wall-clock and processor seconds of one sending."""
        draft = self.begin()
        begun, processor_begun = time.perf_counter(), time.process_time()
        way.send(draft)
        taken = time.perf_counter() - begun, time.process_time() - processor_begun
        self.settle(draft)
        return taken


def client_of(url: str) -> TikTokClient:
    settings = TikTokSettings(
        api_url=url,
        authorize_url=f"{url}/v2/auth/authorize/",
        client_key=CLIENT_KEY,
        redirect_uri=REDIRECT_URI,
        upload_hosts=("127.0.0.1",),
    )
    return TikTokClient(settings, lambda: CLIENT_SECRET)


def send(client: TikTokClient, shelf: VideoReader, draft: UploadSession) -> None:
    """Send the video as staging does."""
    client.send(draft, "video/mp4", SIZE_BYTES, shelf.open_at(KEY))


def _memory_of(url: str, grant: Grant, draft: UploadSession) -> int:
    """Send the video from this new process; return its peak memory above the idle process."""
    client, shelf = client_of(url), VideoReader(VideoFiles(Clients().s3, BUCKET, BUCKET))
    try:
        with Peak() as peak:
            send(client, shelf, draft)
            client.status(grant.access_token, draft.publish_id)
    finally:
        client.close()
    return peak.above


def memory(stage: ActivityServices, url: str) -> int | None:
    """Peak bytes above an idle process for one sending; None where that cannot be seen."""
    if not can_measure_memory():
        return None
    draft = stage.begin()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        above = pool.apply(_memory_of, (url, stage.grant, draft))
    stage.settle(draft)
    return above


def run(folder: Path) -> bool:
    """Compare both methods; return whether every goal is met."""
    report = Report()
    s3 = Clients().s3
    s3.create_bucket(Bucket=BUCKET)
    start = b"\x00\x00\x00\x18ftypisom"
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=start + bytes(SIZE_BYTES - len(start)))
    with Sandbox(folder / "tiktok") as sandbox:
        stage = ActivityServices(sandbox)
        try:
            _speed(stage, report)
            above = memory(stage, sandbox.url)
        finally:
            stage.close()
    if above is not None:
        told = round(above / MEGABYTE, 1)
        report.goal("peak memory above idle", told, MOST_MEMORY // MEGABYTE, " MB")
    return not report.missed


def _speed(stage: ActivityServices, report: Report) -> None:
    ours, plain = SendMethod("Greenroom", stage.greenroom), SendMethod("bare copy", stage.bare)
    for way in (ours, plain):  # warm
        stage.seconds(way)
    stage.gets = 0
    taken: dict[str, list[float]] = {ours.name: [], plain.name: []}
    busy: dict[str, list[float]] = {ours.name: [], plain.name: []}
    for number in range(PAIRS):
        pair = (ours, plain) if number % 2 else (plain, ours)
        for way in pair:
            wall, processor = stage.seconds(way)
            taken[way.name].append(wall)
            busy[way.name].append(processor)
    report.line(f"{SIZE_BYTES:,} bytes, {PAIRS} pairs", ours.name, plain.name)
    medians = [statistics.median(each) for each in taken.values()]
    report.line("  milliseconds, median", *(f"{each * 1000:.0f}" for each in medians))
    used = [statistics.median(each) * 1000 for each in busy.values()]
    report.line("  of them this process at work", *(f"{each:.0f}" for each in used))
    report.line("  MB a second", *(f"{SIZE_BYTES / MEGABYTE / each:.0f}" for each in medians))
    ratios = sorted(b / a for a, b in zip(*taken.values(), strict=True))
    report.line("  of the bare copy's speed, from, to", f"{ratios[0]:.2f}", f"{ratios[-1]:.2f}")
    report.goal("GETs for each sending", stage.gets / PAIRS, 1)
    speed = round(statistics.median(ratios), 2)
    report.goal("of a bare copy's speed, median", speed, LEAST_SPEED, least=True)


def main() -> int:
    logging.disable(logging.WARNING)
    with temporary_cloud() as folder:
        return 0 if run(folder) else 1


if __name__ == "__main__":
    sys.exit(main())
