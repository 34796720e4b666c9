"""README's first page, followed to the letter with nothing but a browser, and filmed."""

import json
import subprocess
from pathlib import Path

import pytest

from local import demo_video, screen_recording
from local.home import PROJECT
from local.screen_recording import LAST_SECONDS, TITLE_SECONDS
from local.stack import RunningStack
from tests.console.conftest import Browsing
from tests.console.repairable import MISSING, has_ffmpeg

WALK = (
    "sign in as one of them",
    "opens *Activities*, then *New activity*",
    "finds it in the feed, presses **Add Your Account & Send**",
    "types any name and authorizes",
    "choose that person, watch the video in their inbox and press **Post**",
    "*History* says *Posted*",
)
LARGEST_BYTES = 50_000_000
"""Of a demo video, in TikTok's form for the review of an app."""


def test_a_video_is_published_sent_and_posted_as_the_readme_says(
    browsing: Browsing, stack: RunningStack, tmp_path: Path
) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert [words for words in WALK if words not in readme] == []

    taken = demo_video.record_journey(
        lambda phone: browsing.page(phone=phone), stack, tmp_path, linger_ms=0
    )

    chapters = len(demo_video.CHAPTERS)
    assert taken.seconds > chapters * (TITLE_SECONDS + LAST_SECONDS)
    # The walk itself has passed; the skip says that the film was not written.
    if not has_ffmpeg():
        pytest.skip(f"It was walked, and not filmed. {MISSING}")
    taken.write(tmp_path / "demo.mp4")
    looked = screen_recording.encoder().replace("ffmpeg", "ffprobe")
    shown = ["-show_entries", "stream=codec_name,width,height:format=duration", "-of", "json"]
    ran = subprocess.run(
        [looked, "-v", "error", *shown, str(tmp_path / "demo.mp4")],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = json.loads(ran.stdout)
    assert found["streams"] == [
        {"codec_name": "h264", "width": screen_recording.WIDTH, "height": screen_recording.HEIGHT}
    ]
    assert float(found["format"]["duration"]) == pytest.approx(taken.seconds, abs=1)
    assert (tmp_path / "demo.mp4").stat().st_size <= LARGEST_BYTES
