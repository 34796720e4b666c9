"""Make the small real clips the tests and the demo use, from scratch, into this folder.

Run it with an ffmpeg (libx264, libx265, libvpx, libaom, libopus) on PATH:
`python tests/clips/make.py`, or with the names of some functions below to make only those.
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
H264_COPY = ["-c:v", "copy"]
EVERYTHING = ["-map", "0", "-map", "1"]
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


def at(name: str) -> str:
    return str(HERE / name)


def remux(name: str, source: str, *options: list[str]) -> None:
    """Make a clip of one that is there already and what `options` add to it."""
    words = (word for option in options for word in option)
    ffmpeg("-i", at(source), *words, *EXACT, at(name))


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


def two_sounds() -> None:
    second = ["-f", "lavfi", "-i", TONE.format(seconds=4).replace("220", "440")]
    options = [H264_COPY, AAC, EVERYTHING, ["-map", "2"]]
    remux("two_sounds.mp4", "no_audio.mp4", second, second, *options)


def two_pictures() -> None:
    remux("two_pictures.mp4", "no_audio.mp4", ["-i", at("rotated.mp4")], H264_COPY, EVERYTHING)


def sound_longer() -> None:
    longer = ["-f", "lavfi", "-i", TONE.format(seconds=6)]
    remux("sound_longer.mp4", "no_audio.mp4", longer, H264_COPY, AAC, EVERYTHING)


def variable_rate() -> None:
    """Every third frame of the second half is left out, as a screen recorder does."""
    keep = ["-vf", "select='lt(n,48)+mod(n,3)'", "-fps_mode", "vfr"]
    clip("variable_rate.mp4", H264, AAC, keep, rate="30")


def film_rate() -> None:
    clip("film_rate.mp4", H264, AAC, rate="24000/1001")


def fast_rate() -> None:
    clip("fast_rate.mp4", H264, AAC, rate="60000/1001")


def too_fast() -> None:
    clip("too_fast.mp4", H264, sound=False, rate="100", seconds=3)


def three_seconds() -> None:
    clip("three_seconds.mp4", H264, AAC, seconds=3)


def three_seconds_webm() -> None:
    clip("three_seconds.webm", VP9, OPUS, seconds=3)


def sixty_seconds() -> None:
    clip("sixty_seconds.mp4", H264, ["-g", "9999"], sound=False, seconds=60)


def sixty_seconds_webm() -> None:
    clip("sixty_seconds.webm", VP9, ["-g", "9999"], sound=False, seconds=60)


def two_seconds_webm() -> None:
    clip("two_seconds.webm", VP8, OPUS, seconds=2)


def landscape() -> None:
    clip("landscape.mp4", H264, AAC, size="960x540")


def square() -> None:
    clip("square.webm", VP9, OPUS, size="540x540")


def full_hd() -> None:
    clip("full_hd.mp4", H264, ["-g", "48"], sound=False, size="1080x1920", rate="30")


def widest() -> None:
    clip("widest.mp4", H264, sound=False, size="4096x540", seconds=3)


def _uhd_ten_bit(name: str, encoding: str) -> None:
    options = ["-c:v", "libx265", "-preset", "fast", "-crf", "44", "-pix_fmt", "yuv420p10le"]
    fixed = f"log-level=error:pools=none:frame-threads=1:keyint=36:min-keyint=36:{encoding}"
    options += ["-tag:v", "hvc1", "-x265-params", fixed]
    clip(name, options, picture=STILL, sound=False, size="2160x3840", seconds=3)


def uhd_phone() -> None:
    """As phones encode it: each picture leans on the one before."""
    _uhd_ten_bit("uhd_phone.mp4", "ref=1:bframes=0:open-gop=0")


def uhd_editor() -> None:
    """As editors encode it: pictures lean on many others, before and after them."""
    _uhd_ten_bit("uhd_editor.mp4", "ref=5:bframes=8:b-adapt=0")


def _huge(name: str, options: list[str], size: str = "4096x2304") -> None:
    """Encode pictures of which a decoder cannot hold many in a hundred megabytes."""
    fixed = ["-g", "24", "-b:v", "0", "-crf", "44", *options]
    clip(name, fixed, picture=STILL, sound=False, size=size, seconds=3.2)


_MANY_REFERENCES = (
    "log-level=error:pools=none:frame-threads=1:ref=6:bframes=8:b-adapt=0:rc-lookahead=9"
)
_X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params"]
_X264 = ["-c:v", "libx264", "-preset", "veryfast", "-refs", "5", "-bf", "3"]
_X264 += ["-x264-params", "open-gop=1:b-pyramid=normal:keyint=24"]
_VPX = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]


def huge() -> None:
    open_groups = f"{_MANY_REFERENCES}:keyint=24:min-keyint=24"
    _huge("huge_hevc_ten_bit.mp4", [*_X265, open_groups, "-pix_fmt", "yuv420p10le"])
    _huge("huge_hevc_422.mp4", [*_X265, open_groups, "-pix_fmt", "yuv422p10le"])
    _huge("huge_hevc_square.mp4", [*_X265, open_groups, "-pix_fmt", "yuv420p"], "4096x4096")
    _huge("huge_h264_ten_bit.mp4", [*_X264, "-pix_fmt", "yuv420p10le"])
    _huge("huge_h264_422.mp4", [*_X264, "-pix_fmt", "yuv422p10le"])
    _huge("huge_vp9_ten_bit.mp4", [*_VPX, "-pix_fmt", "yuv420p10le"])


def many_references() -> None:
    """Full HD that needs more memory than 4K as phones record it."""
    options = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "44", "-pix_fmt", "yuv420p10le"]
    options += ["-g", "30", "-bf", "8", "-x264-params", "ref=16:open-gop=1:b-pyramid=normal"]
    clip("many_references.mp4", options, sound=False, size="1080x1920", seconds=3.2)


def too_wide() -> None:
    clip("too_wide.mp4", H264, sound=False, size="4112x540", seconds=3)


def small_webm() -> None:
    clip("small.webm", VP9, OPUS, size="270x480")


def vp9_in_mp4() -> None:
    clip("vp9.mp4", VP9, AAC, FRONT)


def open_groups() -> None:
    """Groups of pictures that lean on the one before: seeking meets frames it must leave out."""
    options = ["-g", "24", "-bf", "3", "-x264-params", "open-gop=1:scenecut=0"]
    clip("open_groups.mp4", H264, options, picture=SUNSET, sound=False)


def hevc_open_groups() -> None:
    options = ["-x265-params", "log-level=error:pools=none:frame-threads=1:open-gop=1:keyint=24"]
    clip("hevc_open_groups.mp4", H265, options, picture=SUNSET, sound=False)


def intra_refresh() -> None:
    """No key frame but the first: a column of each picture is renewed, as in live streams."""
    options = ["-x264-params", "intra-refresh=1:keyint=45:bframes=0"]
    clip("intra_refresh.mp4", H264, options, picture=SUNSET, sound=False, seconds=5)


def busy() -> None:
    """Much picture data and a key frame each second: something to damage in the middle."""
    options = ["-g", "24", "-crf", "26"]
    clip("busy.mp4", H264, options, picture=SUNSET, sound=False, size="540x540")


def busy_webm() -> None:
    options = ["-g", "24", "-crf", "60"]
    clip("busy.webm", VP9, options, picture=SUNSET, sound=False)


def full_colour() -> None:
    """A colour for each pixel, as recorders of screens write it; viewers' phones play no such."""
    clip("full_colour.mp4", H264, ["-pix_fmt", "yuv444p"], sound=False)


def interlaced() -> None:
    clip("interlaced.mp4", H264, AAC, ["-flags:v", "+ildct+ilme+bitexact"], rate="25")


def ten_bit() -> None:
    clip("ten_bit.mp4", H265, ["-pix_fmt", "yuv420p10le"], sound=False)


def one_frame() -> None:
    """A still picture posing as five seconds of video."""
    clip("one_frame.mp4", H264, sound=False, rate="1/5", seconds=5)


def one_frame_webm() -> None:
    clip("one_frame.webm", VP9, OPUS, ["-frames:v", "1"])


def av1() -> None:
    codec = ["-c:v", "libaom-av1", "-crf", "60", "-cpu-used", "8", "-b:v", "0"]
    clip("av1.mp4", codec, AAC)


def motion_jpeg() -> None:
    codec = ["-c:v", "mjpeg", "-q:v", "31", "-pix_fmt", "yuvj420p"]
    clip("motion_jpeg.mp4", codec, sound=False, seconds=3, size="64x64")


def transport_stream() -> None:
    clip("transport_stream.ts", H264, AAC)


def flash() -> None:
    clip("flash.flv", H264, ["-c:a", "aac", "-b:a", "24k", "-ac", "1", "-ar", "44100"])


def avi() -> None:
    clip("windows.avi", ["-c:v", "mpeg4", "-q:v", "31", "-g", "100"], sound=False)


def three_gp() -> None:
    clip("phone.3gp", H264, AAC)


def mkv_h264() -> None:
    clip("h264.mkv", H264, AAC)


def animated_gif() -> None:
    clip("animated.gif", picture=STILL, sound=False, size="540x540", rate="10", seconds=3)


def png() -> None:
    clip("picture.png", ["-frames:v", "1"], sound=False, size="540x960")


def jpeg() -> None:
    clip("picture.jpg", ["-frames:v", "1", "-q:v", "31"], sound=False, size="540x960")


def ogg_sound() -> None:
    clip("sound.ogg", OPUS, picture=None)


def webm_sound() -> None:
    clip("sound.webm", OPUS, picture=None)


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
    two_sounds,
    two_pictures,
    sound_longer,
    variable_rate,
    film_rate,
    fast_rate,
    too_fast,
    three_seconds,
    three_seconds_webm,
    sixty_seconds,
    sixty_seconds_webm,
    two_seconds_webm,
    landscape,
    square,
    full_hd,
    widest,
    uhd_phone,
    uhd_editor,
    huge,
    many_references,
    too_wide,
    small_webm,
    vp9_in_mp4,
    open_groups,
    hevc_open_groups,
    intra_refresh,
    busy,
    busy_webm,
    full_colour,
    interlaced,
    ten_bit,
    one_frame,
    one_frame_webm,
    av1,
    motion_jpeg,
    transport_stream,
    flash,
    avi,
    three_gp,
    mkv_h264,
    animated_gif,
    png,
    jpeg,
    ogg_sound,
    webm_sound,
    text,
)

if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    for make in CLIPS:
        if not wanted or make.__name__ in wanted:
            make()
    for path in sorted(HERE.iterdir()):
        if path.is_file() and path.suffix != ".py":
            sys.stdout.write(f"{path.stat().st_size:>8}  {path.name}\n")
