"""How files are looked at, side by side with the plain way: `python -m bench.videos`.

The plain way downloads all of a file and reads the header with ffprobe. Both read from the same
source, a server on this machine that answers range requests; figures of one run on one machine.
"""

import http.client
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from chalicelib.videos.bounded import CannotExamine
from chalicelib.videos.examination import Examiner
from chalicelib.videos.model import VideoFacts, judge
from chalicelib.videos.probe import RangeReader
from tests.corpus import ffprobe
from tests.corpus.fixtures import FIXTURES, at_the_limit, clip

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")
_PLAIN = ("-v", "error", "-show_streams", "-show_format", "-of", "json")


class Source(BaseHTTPRequestHandler):
    """Answers GETs with ranges of one content, as S3 does."""

    content: ClassVar[bytes] = b""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        start, last = 0, len(self.content) - 1
        if asked := _RANGE.match(self.headers.get("Range", "")):
            start, last = int(asked[1]), int(asked[2])
        piece = memoryview(self.content)[start : last + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        pass


class Bench:
    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._connection = http.client.HTTPConnection("127.0.0.1", self._server.server_port)
        self._ffprobe = ffprobe.found()
        self.examiner = Examiner(self._ffprobe)

    def close(self) -> None:
        self.examiner.close()
        self._connection.close()
        self._server.shutdown()
        self._server.server_close()

    def fetch(self, start: int, end: int) -> bytes:
        self._connection.request("GET", "/", headers={"Range": f"bytes={start}-{end - 1}"})
        return self._connection.getresponse().read()

    def look(self, content: bytes) -> tuple[bool, RangeReader]:
        """Examine; tells whether it may be used."""
        Source.content = content
        reader = RangeReader(self.fetch, len(content))
        try:
            return not self.examiner(reader, len(content)).problems, reader
        except CannotExamine:
            return False, reader

    def plain(self, content: bytes, *more: tuple[str, ...]) -> bool:
        """Do it the plain way, and with `more` runs of ffprobe over the same file."""
        Source.content = content
        with tempfile.NamedTemporaryFile() as file:
            for start in range(0, len(content), 9 * 1024 * 1024):
                file.write(self.fetch(start, min(start + 9 * 1024 * 1024, len(content))))
            file.flush()
            answer = b""
            for options in more or (_PLAIN,):
                command = [self._ffprobe, *options, file.name]
                answer = subprocess.run(command, check=False, capture_output=True).stdout
        return not more and _passes(answer, len(content))


def _passes(answer: bytes, size_bytes: int) -> bool:
    """Apply our rules to what ffprobe's header facts say."""
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
    return not judge(facts)


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some goes: what is slower is the machine's other business."""
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return min(taken)


def _busy_50_mb() -> bytes:
    """Give a minute of dense full HD, made once with an ffmpeg if there is one here."""
    path = Path(tempfile.gettempdir()) / "greenroom-bench-50mb.mp4"
    if not path.exists() and shutil.which("ffmpeg"):
        subprocess.run([*_MAKE, str(path)], check=True)
    return path.read_bytes() if path.exists() else at_the_limit()


_PICTURE = "testsrc2=s=1080x1920:r=30:d=60,noise=alls=20:allf=t"
_MAKE = (
    *("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", _PICTURE, "-c:v", "libx264"),
    *("-preset", "ultrafast", "-g", "60", "-b:v", "6800k", "-maxrate", "6900k", "-bufsize", "4M"),
    *("-pix_fmt", "yuv420p", "-movflags", "+faststart"),
)


def main() -> None:
    bench, write = Bench(), sys.stdout.write
    try:
        bad = [fixture for fixture in FIXTURES if fixture.problems]
        good = [fixture for fixture in FIXTURES if not fixture.problems]
        ours = [(fixture, bench.look(fixture.make())[0]) for fixture in bad + good]
        plain = [(fixture, bench.plain(fixture.make())) for fixture in bad + good]
        for name, results in (("Greenroom", ours), ("plain", plain)):
            caught = sum(not passed for fixture, passed in results if fixture.problems)
            refused = sum(not passed for fixture, passed in results if not fixture.problems)
            write(
                f"{name:10} caught {caught} of {len(bad)} bad files, "
                f"refused {refused} of {len(good)} good ones\n"
            )
        small = clip("no_audio.mp4")
        for what, content in {
            "refused by header": clip("quicktime.mov"),
            "small, valid": small,
        }.items():
            _, reader = bench.look(content)
            seconds = best(lambda content=content: bench.look(content))  # type: ignore[misc]
            other = best(lambda content=content: bench.plain(content))  # type: ignore[misc]
            write(
                f"{what:18} {seconds * 1000:6.0f} ms, {reader.gets} GETs, "
                f"{reader.bytes_fetched:,} bytes (plain {other * 1000:.0f} ms)\n"
            )
        content = _busy_50_mb()
        _, reader = bench.look(content)
        seconds = best(lambda: bench.look(content))
        count = ("-v", "error", "-count_packets", "-show_streams")
        samples = "%+#24,30.01%+#24,58.01%+#60"
        decode = (
            *("-v", "error", "-threads", "1", "-skip_loop_filter", "all"),
            *("-select_streams", "v:0", "-read_intervals", samples),
            *("-show_entries", "frame=pts_time"),
        )
        same = best(lambda: bench.plain(content, count, decode))
        header = best(lambda: bench.plain(content))
        write(
            f"{len(content):,} bytes    {seconds * 1000:6.0f} ms, {reader.gets} GETs, "
            f"{reader.bytes_fetched:,} bytes; download + count + decode {same * 1000:.0f} ms "
            f"({seconds / same:.2f}); plain {header * 1000:.0f} ms\n"
        )
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        write(f"largest process started: {children:.0f} MB\n")
    finally:
        bench.close()


if __name__ == "__main__":
    main()
