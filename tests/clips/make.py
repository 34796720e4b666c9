"""Make the small real clips the tests and the demo use, from scratch, into this folder.

Run it with an ffmpeg (libx264, libx265, libvpx, libopus) on PATH: `python tests/clips/make.py`.
The clips are committed, so nobody needs ffmpeg to run the tests.
"""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent

# A slow sunset with a light that wanders over it: pleasant to look at, cheap to encode.
SUNSET = (
    "gradients=s={size}:r={rate}:d={seconds}:n=4:seed=7:speed=0.008"
    ":c0=0x1b1f5e:c1=0x7a2a7c:c2=0xf2685c:c3=0xffc56b"
)
CARD = "testsrc2=s={size}:r={rate}:d={seconds}"
STILL = "color=c=0x2f6f5e:s={size}:r={rate}:d={seconds}"
TONE = "sine=frequency=220:sample_rate=48000:duration={seconds},volume=0.2"

EXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
EXACT += ["-map_metadata", "-1", "-threads", "1"]
H264 = ["-c:v", "libx264", "-preset", "slow", "-crf", "36", "-pix_fmt", "yuv420p"]
H265 = ["-c:v", "libx265", "-preset", "medium", "-crf", "38", "-pix_fmt", "yuv420p"]
H265 += ["-tag:v", "hvc1", "-x265-params", "log-level=error:pools=none:frame-threads=1"]
MPEG4 = ["-c:v", "mpeg4", "-q:v", "24", "-g", "100"]
VP8 = ["-c:v", "libvpx", "-b:v", "60k", "-deadline", "good", "-cpu-used", "2"]
VP9 = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "56", "-deadline", "good", "-cpu-used", "3"]
AAC = ["-c:a", "aac", "-b:a", "24k", "-ac", "1"]
OPUS = ["-c:a", "libopus", "-b:a", "16k", "-ac", "1"]
FRONT = ["-movflags", "+faststart"]


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments], check=True)


def clip(
    name: str,
    *codecs: list[str],
    picture: str | None = STILL,
    sound: bool = True,
    size: str = "540x960",
    rate: str = "24",
    seconds: float = 4,
) -> Path:
    """Encode one clip of `seconds`; without a picture it is sound only."""
    inputs: list[str] = []
    if picture:
        inputs += ["-f", "lavfi", "-i", picture.format(size=size, rate=rate, seconds=seconds)]
    if sound:
        inputs += ["-f", "lavfi", "-i", TONE.format(seconds=seconds)]
    path = HERE / name
    ffmpeg(*inputs, *(word for codec in codecs for word in codec), *EXACT, str(path))
    return path


def turn_a_quarter(path: Path) -> None:
    """Write a 90 degree rotation into the first track header, as a phone held upright does.

    By hand, for the ffmpeg option that does it has changed from version to version.
    """
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of fields
    one, w = 1 << 16, 1 << 30
    struct.pack_into(">9i", content, matrix, 0, one, 0, -one, 0, 0, 540 * one, 0, w)
    path.write_bytes(content)


def demo_mp4() -> None:
    clip("demo.mp4", H264, AAC, FRONT, picture=SUNSET)


def demo_webm() -> None:
    clip("demo.webm", VP9, OPUS, picture=SUNSET)


def two_seconds() -> None:
    clip("two_seconds.mp4", H264, AAC, seconds=2)


def small_480p() -> None:
    clip("small_480p.mp4", H264, AAC, size="480x854")


def seventy_seconds() -> None:
    # One key frame and a still picture: the file is little more than its index.
    clip("seventy_seconds.mp4", H264, ["-g", "9999"], sound=False, seconds=70)


def quicktime() -> None:
    clip("quicktime.mov", H264, AAC, FRONT)


def matroska() -> None:
    clip("matroska.mkv", VP9, OPUS)


def rotated() -> None:
    turn_a_quarter(clip("rotated.mp4", H264, AAC, FRONT, size="960x540"))


def hevc() -> None:
    clip("hevc.mp4", H265, AAC)


def vp8() -> None:
    clip("vp8.webm", VP8, OPUS)


def browser_recorded() -> None:
    """What a browser's recorder streams: no duration, no cues, no frame rate, and clusters that
    do not say how long they are.
    """
    path = clip("browser_recorded.webm", VP8, OPUS, ["-live", "1", "-f", "webm"])
    content = bytearray(path.read_bytes())
    default_duration = content.index(b"\x23\xe3\x83\x84")
    content[default_duration : default_duration + 8] = b"\xec\x86" + bytes(6)  # void
    at = 0
    while (at := content.find(b"\x1f\x43\xb6\x75", at) + 4) > 4:
        width = 9 - content[at].bit_length()
        content[at : at + width] = ((1 << 7 * width + 1) - 1).to_bytes(width)  # unknown size
    path.write_bytes(content)


def fragmented() -> None:
    clip("fragmented.mp4", H264, AAC, ["-g", "24", "-movflags", "frag_keyframe+empty_moov"])


def no_audio() -> None:
    clip("no_audio.mp4", H264, sound=False)


def audio_only() -> None:
    clip("audio_only.mp4", AAC, picture=None)


def mpeg4_part2() -> None:
    clip("mpeg4_part2.mp4", MPEG4, AAC)


def fifteen_fps() -> None:
    clip("fifteen_fps.mp4", H264, AAC, rate="15")


def cover_art() -> None:
    """Sound with a picture attached, as music shops sell it: there is nothing to watch."""
    sound = clip("cover_sound.m4a", AAC, picture=None)
    cover = HERE / "cover.png"
    ffmpeg(
        "-f", "lavfi", "-i", CARD.format(size="540x540", rate="1", seconds=1), *EXACT, str(cover)
    )
    attach = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic"]
    path = HERE / "cover_art.mp4"
    ffmpeg("-i", str(sound), "-i", str(cover), *attach, *EXACT, "-f", "mp4", str(path))
    sound.unlink()
    cover.unlink()


def text() -> None:
    (HERE / "text.mp4").write_text("This is no video, whatever its name says.\n" * 20)


CLIPS: tuple[Callable[[], None], ...] = (
    demo_mp4,
    demo_webm,
    two_seconds,
    small_480p,
    seventy_seconds,
    quicktime,
    matroska,
    rotated,
    hevc,
    vp8,
    browser_recorded,
    fragmented,
    no_audio,
    audio_only,
    mpeg4_part2,
    fifteen_fps,
    cover_art,
    text,
)

if __name__ == "__main__":
    for make in CLIPS:
        make()
    for path in sorted(HERE.iterdir()):
        if path.is_file() and path.suffix != ".py":
            sys.stdout.write(f"{path.stat().st_size:>8}  {path.name}\n")
