"""Files as managers drop them, made by ffmpeg: from phones, cameras, editors, screen recorders."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.clips.make import AAC, CARD, OPUS, TONE

MISSING = "There is no ffmpeg here: apt-get install -y ffmpeg"
SECONDS = 4.0
FAST = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
DETAILED = [*FAST, "-b:v", "50M"]


def has_ffmpeg() -> bool:
    return shutil.which("ffmpeg") is not None


def ffmpeg(*arguments: str) -> None:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    subprocess.run(command, check=True)


def film(
    to: Path,
    *how: str,
    size: str = "720x1280",
    rate: str = "30",
    seconds: float = SECONDS,
    filters: str = "null",
) -> Path:
    picture = CARD.format(size=size, rate=rate, seconds=seconds)
    sound = TONE.format(seconds=seconds)
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    ffmpeg(*inputs, "-vf", filters, *how, str(to))
    return to


def of_a_phone(folder: Path) -> Path:
    """A phone held upright: turned by a matrix, with a timecode and the place of recording."""
    plain = film(folder / "plain.mov", *FAST, *AAC, "-timecode", "01:00:00:00", size="1280x720")
    turned = folder / "IMG_0042.MOV"
    place = ["-metadata", "location=+52.5200+013.4050/"]
    ffmpeg(
        "-i",
        str(plain),
        "-map",
        "0",
        "-c",
        "copy",
        "-metadata:s:v",
        "rotate=90",
        *place,
        str(turned),
    )
    return turned


def seventy_five_seconds(folder: Path) -> Path:
    return film(folder / "long.mov", *FAST, "-crf", "40", "-g", "60", *AAC, seconds=75)


def ninety_megabytes(folder: Path) -> Path:
    grain = "noise=alls=60:allf=t"
    return film(folder / "dense.mov", *DETAILED, *AAC, size="1080x1920", seconds=15, filters=grain)


def frames_at(rate: str) -> Callable[[Path], Path]:
    return lambda folder: film(folder / f"rate_{rate}.mp4", *FAST, *AAC, rate=rate)


def varying_rate(folder: Path) -> Path:
    """A recording that leaves pictures out: some ten a second, at any distance."""
    jitter = "setpts=PTS+0.03*random(0)/TB"
    return film(folder / "varying.mp4", "-fps_mode", "vfr", *FAST, *AAC, rate="10", filters=jitter)


def odd_size(folder: Path) -> Path:
    vp9 = ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-b:v", "1M"]
    return film(folder / "odd.mkv", *vp9, *OPUS, filters="scale=721:1281")


def wide(folder: Path) -> Path:
    return film(folder / "wide.mp4", *FAST, *AAC, size="4400x1240", rate="24", seconds=3.2)


def uncompressed_sound(folder: Path) -> Path:
    return film(folder / "camera.mov", *FAST, "-c:a", "pcm_s16le")


def further_tracks(folder: Path) -> Path:
    plain = film(folder / "one.mov", *FAST, *AAC)
    both = folder / "two.mov"
    ffmpeg("-i", str(plain), "-i", str(plain), "-map", "0", "-map", "1", "-c", "copy", str(both))
    return both


def prores(folder: Path) -> Path:
    return film(folder / "edited.mov", "-c:v", "prores_ks", "-c:a", "pcm_s16le", seconds=3.5)


REPAIRED: dict[str, Callable[[Path], Path]] = {
    "of_a_phone": of_a_phone,
    "seventy_five_seconds": seventy_five_seconds,
    "ninety_megabytes": ninety_megabytes,
    "fifteen_frames": frames_at("15"),
    "hundred_and_twenty_frames": frames_at("120"),
    "varying_rate": varying_rate,
    "odd_size": odd_size,
    "wide": wide,
    "uncompressed_sound": uncompressed_sound,
    "further_tracks": further_tracks,
}
