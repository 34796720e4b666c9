"""Compares our validation of videos with a plain ffprobe run: `python -m bench.videos`.

The plain way downloads all of a file to disk and reads its header with ffprobe, then applies the
same rules. Both work on the same files in a bucket of the same local cloud, in one run. It
judges counts and ratios: seconds are those of one machine. Ends with 1 if a goal is missed.
"""

import json
import logging
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from boto3.s3.transfer import S3Transfer

from bench.measurements import MEGABYTE, Peak, Report, can_measure_memory, temporary_cloud
from chalicelib.foundation.aws import Clients
from chalicelib.videos import limited_process, playback
from chalicelib.videos.examination import Examiner
from chalicelib.videos.model import CannotExamine, VideoFacts, broken_rules
from chalicelib.videos.ranges import s3_reader
from local import ffprobe
from local.home import PROJECT
from tests.corpus.fixtures import FIXTURES, at_the_limit

BUCKET = "bench"
BUSY = "busy-50mb.mp4"
MADE = PROJECT / ".local" / "bench" / BUSY
TIMES = 3
MEMORY_HEAVY_CLIPS = (
    *("uhd_phone.mp4", "uhd_editor.mp4", "huge_hevc_ten_bit.mp4", "huge_hevc_422.mp4"),
    *("huge_hevc_square.mp4", "huge_h264_ten_bit.mp4", "huge_h264_422.mp4", "huge_vp9_ten_bit.mp4"),
)
"""Files of the corpus for which a decoder would hold 130 to 317 MB of pictures."""

# The goals.
HEADER_GETS, HEADER_BYTES = 3, 1_300_000
WHOLE_GETS, WHOLE_RATIO, WHOLE_MEMORY = 12, 1.3, 128 * MEGABYTE

_PLAIN = ("-v", "error", "-show_streams", "-show_format", "-of", "json")
_COUNT = ("-v", "error", "-count_packets", "-show_streams")
_PICTURE = "testsrc2=s=1080x1920:r=30:d=60,noise=alls=20:allf=t"
_MAKE = (
    *("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", _PICTURE, "-c:v", "libx264"),
    *("-preset", "ultrafast", "-g", "60", "-b:v", "6800k", "-maxrate", "6900k", "-bufsize", "4M"),
    *("-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"),
)


@dataclass(frozen=True)
class LookResult:
    """The result of examining one file: whether it passes, by its header alone, and the cost."""

    passed: bool
    by_header: bool
    gets: int
    bytes_read: int
    seconds: float


class Comparison:
    """Examines objects of the bucket in both ways, and counts the GETs sent."""

    def __init__(self) -> None:
        self._s3 = Clients().s3
        self._ffprobe = str(ffprobe.provide(print))
        self._examiner = Examiner(self._ffprobe)
        self._gets = 0
        self._s3.meta.events.register("before-send.s3.GetObject", self._count)

    def close(self) -> None:
        self._examiner.close()

    def _count(self, **_: Any) -> None:
        self._gets += 1

    def greenroom(self, key: str) -> LookResult:
        self._gets, before = 0, time.perf_counter()
        head = self._s3.head_object(Bucket=BUCKET, Key=key)
        reader = s3_reader(self._s3, BUCKET, key, head["ETag"], head["ContentLength"])
        passed, by_header = False, False
        try:
            examination = self._examiner(reader, head["ContentLength"])
            passed, by_header = not examination.problems, examination.playback is None
        except CannotExamine:
            pass
        seconds = time.perf_counter() - before
        return LookResult(passed, by_header, self._gets, reader.bytes_fetched, seconds)

    def plain(self, key: str, *more: tuple[str, ...]) -> LookResult:
        """Examine in the plain way; with `more`, run ffprobe with each of these options instead."""
        self._gets, before = 0, time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "video"
            S3Transfer(self._s3).download_file(BUCKET, key, str(file))
            size, answer = file.stat().st_size, b""
            for options in more or (_PLAIN,):
                command = [self._ffprobe, *options, str(file)]
                answer = subprocess.run(command, check=False, capture_output=True).stdout
        seconds = time.perf_counter() - before
        return LookResult(not more and _passes(answer, size), True, self._gets, size, seconds)


def _passes(answer: bytes, size_bytes: int) -> bool:
    """Apply our rules to ffprobe's facts from the header."""
    try:
        said = json.loads(answer or b"{}")
    except ValueError:  # it crashed while it wrote
        return False
    video = next((each for each in said.get("streams", ()) if each["codec_type"] == "video"), None)
    if not video:
        return False
    name, whole = said["format"]["format_name"], said["format"]
    over, _, under = video.get("avg_frame_rate", "0/0").partition("/")
    facts = VideoFacts(
        size_bytes=size_bytes,
        container="mp4" if "mp4" in name else "webm" if "webm" in name else name,
        has_video=True,
        codec={"hevc": "h265"}.get(video.get("codec_name", ""), video.get("codec_name")),
        duration_seconds=float(whole["duration"]) if "duration" in whole else None,
        width=video.get("width"),
        height=video.get("height"),
        frame_rate=int(over) / int(under) if int(under or 0) else None,
    )
    return not broken_rules(facts)


# Memory


def _memory_of(way: str, key: str) -> int:
    """Examine a file in this new process; return its peak memory above the idle process."""
    comparison = Comparison()
    try:
        with Peak() as peak:
            comparison.greenroom(key) if way == "greenroom" else comparison.plain(key)
    finally:
        comparison.close()
    return peak.above


def memory(way: str, key: str = BUSY) -> int | None:
    """Peak bytes above an idle process for one file; None where that cannot be seen."""
    if not can_measure_memory():
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_memory_of, (way, key))


# The run


def fastest(work: Callable[[], LookResult]) -> LookResult:
    """Return the fastest of several runs, the one least disturbed by the machine's other work."""
    return min((work() for _ in range(TIMES)), key=lambda seen: seen.seconds)


def sampling_options(content: bytes) -> tuple[str, ...]:
    """Return the options with which the second examination decodes samples of a file."""
    commands: list[Sequence[str]] = []

    def noted(command: Sequence[str], *given: Any, **more: Any) -> limited_process.CompletedRun:
        commands.append(command)
        return limited_process.run_limited(command, *given, **more)

    with tempfile.TemporaryFile() as file, patch.object(playback, "run_limited", noted):
        file.write(content)
        file.flush()
        playback.examine_playback(str(ffprobe.provide(print)), file, len(content))
    # The last run decodes; the program comes first, the name of the file last.
    return tuple(commands[-1][1:-1])


def busy() -> bytes:
    """Return a minute of dense full HD, encoded once if this machine has ffmpeg."""
    if not MADE.exists() and shutil.which("ffmpeg"):
        MADE.parent.mkdir(parents=True, exist_ok=True)
        unfinished = MADE.with_suffix(".unfinished")
        subprocess.run([*_MAKE, str(unfinished)], check=True)
        unfinished.replace(MADE)
    if MADE.exists():
        return MADE.read_bytes()
    print("no ffmpeg here: the large file is mostly empty space, and its figures flatter")
    return at_the_limit()


def run() -> bool:
    """Compare both ways; return whether every goal is met."""
    s3, report = Clients().s3, Report()
    s3.create_bucket(Bucket=BUCKET)
    for fixture in FIXTURES:
        s3.put_object(Bucket=BUCKET, Key=fixture.name, Body=fixture.make())
    content = busy()
    s3.put_object(Bucket=BUCKET, Key=BUSY, Body=content)
    comparison = Comparison()
    try:
        _corpus(comparison, report)
        _large(comparison, report, content)
    finally:
        comparison.close()
    return not report.missed


def _corpus(comparison: Comparison, report: Report) -> None:
    ours = [comparison.greenroom(fixture.name) for fixture in FIXTURES]
    theirs = [comparison.plain(fixture.name) for fixture in FIXTURES]
    bad = [number for number, fixture in enumerate(FIXTURES) if fixture.problems]
    good = [number for number, fixture in enumerate(FIXTURES) if not fixture.problems]

    def caught(seen: Sequence[LookResult], which: Sequence[int]) -> int:
        return sum(not seen[number].passed for number in which)

    report.line(f"the corpus: {len(FIXTURES)} files", "Greenroom", "plain way")
    report.line(f"of {len(bad)} bad files caught", caught(ours, bad), caught(theirs, bad))
    report.line(f"of {len(good)} good files refused", caught(ours, good), caught(theirs, good))
    for what, of in (
        ("GETs", lambda seen: sum(each.gets for each in seen)),
        ("bytes read", lambda seen: f"{sum(each.bytes_read for each in seen):,}"),
        ("seconds", lambda seen: f"{sum(each.seconds for each in seen):.1f}"),
        ("milliseconds, median", _milliseconds),
    ):
        report.line(f"  {what}", of(ours), of(theirs))
    refused = [n for n in bad if ours[n].by_header and not ours[n].passed]
    report.line(f"refused by header alone: {len(refused)} files", "", "")
    mine, other = [ours[n] for n in refused], [theirs[n] for n in refused]
    report.line("  most GETs", max(s.gets for s in mine), max(s.gets for s in other))
    most, most_plain = (max(s.bytes_read for s in each) for each in (mine, other))
    report.line("  most bytes", f"{most:,}", f"{most_plain:,}")
    report.line("  milliseconds, median", _milliseconds(mine), _milliseconds(other))
    report.goal("bad files let through", len(bad) - caught(ours, bad), 0)
    report.goal("good files refused", caught(ours, good), 0)
    report.goal("GETs of a refusal by header", max(s.gets for s in mine), HEADER_GETS)
    report.goal("bytes of a refusal by header", most, HEADER_BYTES)


def _milliseconds(seen: Sequence[LookResult]) -> str:
    return f"{statistics.median(each.seconds for each in seen) * 1000:.0f}"


def _large(comparison: Comparison, report: Report, content: bytes) -> None:
    ours = fastest(lambda: comparison.greenroom(BUSY))
    plain = fastest(lambda: comparison.plain(BUSY))
    options = sampling_options(content)
    same = fastest(lambda: comparison.plain(BUSY, _COUNT, options))
    report.line(f"a full verdict on {len(content):,} bytes", "Greenroom", "plain way")
    report.line("  passed", ours.passed, plain.passed)
    report.line("  GETs", ours.gets, plain.gets)
    report.line("  bytes read", f"{ours.bytes_read:,}", f"{plain.bytes_read:,}")
    report.line("  milliseconds", f"{ours.seconds * 1000:.0f}", f"{plain.seconds * 1000:.0f}")
    report.line("  download, count and decode, milliseconds", "", f"{same.seconds * 1000:.0f}")
    peaks = {way: memory(way) for way in ("greenroom", "plain")}
    shown = [f"{each / MEGABYTE:.0f}" if each is not None else "?" for each in peaks.values()]
    report.line("  peak memory above idle, MB", *shown)
    report.goal("GETs of a full verdict", ours.gets, WHOLE_GETS)
    ratio = round(ours.seconds / same.seconds, 2)
    report.goal("times download, count and decode", ratio, WHOLE_RATIO)
    if peaks["greenroom"] is not None:
        above = round(peaks["greenroom"] / MEGABYTE)
        report.goal("peak memory above idle", above, WHOLE_MEMORY // MEGABYTE, " MB")
        hungry = {
            key: round((memory("greenroom", key) or 0) / MEGABYTE) for key in MEMORY_HEAVY_CLIPS
        }
        most = max(hungry, key=lambda key: hungry[key])
        above = hungry[most]
        report.line("  the same for the largest pictures, MB", above)
        report.goal(f"peak memory above idle, {most}", above, WHOLE_MEMORY // MEGABYTE, " MB")


def main() -> int:
    logging.disable(logging.WARNING)
    with temporary_cloud():
        return 0 if run() else 1


if __name__ == "__main__":
    sys.exit(main())
