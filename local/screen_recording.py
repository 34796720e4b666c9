"""Records browser pages as a video: a frame per change, title cards between, encoded by ffmpeg."""

import base64
import html
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.failure import Failure, tail

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1280, 844
"""A desktop's width and a phone's height: both fit without scaling."""
TITLE_SECONDS = 3.0
LAST_SECONDS = 1.5
"""How long the last frame of a page is shown."""
LONGEST_SECONDS = 3.0
"""How long an unchanged page is shown at most: viewers need not wait for uploads."""
FRAMES_PER_SECOND = 10
SHORTEST_SECONDS = 1 / FRAMES_PER_SECOND
ENCODING_SECONDS = 300
MISSING = "There is no ffmpeg here to encode a video with."
_TITLE = """<!doctype html><style>
body {{ margin: 0; height: 100vh; display: grid; place-content: center; gap: 16px;
  font: 28px system-ui, sans-serif; background: #16181d; color: #fff; text-align: center }}
p {{ margin: 0; font-size: 20px; color: #b9c0cc }}
</style><h1>{title}</h1><p>{words}</p>"""


def encoder() -> str:
    """Return where ffmpeg is. Raises `Failure` where there is none."""
    found = shutil.which("ffmpeg")
    if found is None:
        raise Failure(MISSING, "Install it: apt-get install ffmpeg, or brew install ffmpeg.")
    return found


@dataclass(frozen=True)
class Frame:
    file: Path
    seconds: float


@dataclass(frozen=True)
class CapturedFrame:
    """A screenshot of a page and its time, in seconds since an arbitrary instant."""

    at: float
    picture: bytes


def display_seconds(times: list[float]) -> list[float]:
    """Return how many seconds to show each frame, given the times at which they were captured."""
    between = [later - earlier for earlier, later in pairwise(times)]
    kept = [min(max(each, SHORTEST_SECONDS), LONGEST_SECONDS) for each in between]
    return [*kept, LAST_SECONDS] if times else []


class Recording:
    """Frames in display order; their image files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames: list[Frame] = []
        self._taken = 0

    @property
    def seconds(self) -> float:
        return sum(frame.seconds for frame in self._frames)

    def title(self, page: "Page", title: str, words: str) -> None:
        """Add a title card, rendered in `page`, whose content is replaced."""
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.set_content(_TITLE.format(title=html.escape(title), words=html.escape(words)))
        self._frames.append(
            Frame(self._keep(page.screenshot(type="jpeg", quality=90)), TITLE_SECONDS)
        )

    @contextmanager
    def record(self, page: "Page") -> Iterator[None]:
        """Record `page` during the context. Raises `Failure` if no frame was captured."""
        seen: list[CapturedFrame] = []
        session = page.context.new_cdp_session(page)

        def keep_frame(event: dict[str, Any]) -> None:
            # Of pictures that arrive faster than the video's frame rate, the latest one is kept.
            if len(seen) > 1 and seen[-1].at - seen[-2].at < SHORTEST_SECONDS:
                seen.pop()
            at, picture = event["metadata"]["timestamp"], base64.b64decode(event["data"])
            seen.append(CapturedFrame(at, picture))
            session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

        session.on("Page.screencastFrame", keep_frame)
        session.send("Page.startScreencast", {"format": "jpeg", "quality": 85})
        yield
        page.wait_for_timeout(LAST_SECONDS * 1000)
        session.send("Page.stopScreencast")
        session.detach()
        if not seen:
            raise Failure(
                "A recorded page showed nothing.", "Try again; look at the page with make run."
            )
        shown = zip(seen, display_seconds([each.at for each in seen]), strict=True)
        self._frames += [Frame(self._keep(each.picture), seconds) for each, seconds in shown]

    def write(self, to: Path) -> None:
        """Write the video as MP4 (H.264). Raises `Failure` if ffmpeg fails."""
        listed = self._folder / "frames.txt"
        lines = [f"file '{each.file.name}'\nduration {each.seconds:.3f}" for each in self._frames]
        # The last frame is listed twice: ffmpeg ignores the duration of the last entry.
        lines.append(f"file '{self._frames[-1].file.name}'")
        listed.write_text("\n".join(["ffconcat version 1.0", *lines]), encoding="utf-8")
        fitted = (
            f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease,"
            f"pad={WIDTH}:{HEIGHT}:-1:-1:color=0x16181d,setsar=1"
        )
        # The encoder sets the rate: an fps filter drops a frame wherever the size changes.
        command = [encoder(), "-v", "error", "-y", "-f", "concat", "-i", str(listed)]
        command += ["-vf", fitted, "-c:v", "libx264", "-preset", "veryfast", "-crf", "23"]
        command += ["-r", str(FRAMES_PER_SECOND), "-fps_mode", "cfr"]
        command += ["-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4", str(to)]
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=ENCODING_SECONDS
        )
        if ran.returncode != 0:
            raise Failure(f"ffmpeg could not write the video:\n{tail(ran.stderr)}", "Try again.")

    def _keep(self, picture: bytes) -> Path:
        self._taken += 1
        file = self._folder / f"{self._taken:06}.jpg"
        file.write_bytes(picture)
        return file
