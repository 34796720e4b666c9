"""The ffprobe that tests and benchmarks use."""

import os
import shutil


def found() -> str:
    """Return the path of ffprobe: the setting FFPROBE, then PATH. Without one there is no test."""
    path = os.environ.get("FFPROBE") or shutil.which("ffprobe")
    if not path:
        raise FileNotFoundError(
            "There is no ffprobe here: apt-get install -y ffmpeg (or set FFPROBE to one)"
        )
    return path
