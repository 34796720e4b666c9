"""Reads the facts of a video with MediaInfo, by ranges."""

import html
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.foundation.texts import clean_external_line
from chalicelib.videos import mp4_boxes, webm
from chalicelib.videos.model import (
    CODECS,
    CONTAINERS,
    FRAME_RATE_TOLERANCE,
    MAX_FRAME_RATE,
    MAX_SECONDS,
    MIN_FRAME_RATE,
    SOUND_OVERHANG_SECONDS,
    IndexDefect,
    VideoFacts,
)

# MediaInfo looks at frames until it is content, up to megabytes of dense video, though all the
# rules need stands in the headers. The second helping may settle what the first leaves open
# (an index larger than that); beyond it nothing does.
_FIRST_READ_BYTES = 512 * 1024
_SECOND_READ_BYTES = 16 * 1024 * 1024

# MediaInfo's answer is taken apart by pattern, not as XML: other people's titles and tags are in
# it too, and must neither make it unreadable nor be taken for the facts. Values are escaped, and
# what a file may name itself stands under `extra`. (A template of the wanted values alone would
# be neater, but MediaInfo never returns from it when a value has a percent sign.)
_TRACK_PATTERN = re.compile(r'<track type="(\w+)"[^>]*>(.*?)(?:<extra>.*?)?</track>', re.DOTALL)
_VALUE_PATTERN = re.compile(r"^<(\w+)>([^<\n]*)</\1>$", re.MULTILINE)

_CODECS = {"AVC": "h264", "HEVC": "h265", "VP8": "vp8", "VP9": "vp9"}

# Brands that an MP4 has or, under its maker's own brand, declares itself compatible with.
_MP4_BRANDS = frozenset(
    ("isom", "mp41", "mp42", "mp71", "avc1", "dash", "msdh", "msix", "cmfc", "cmf2", "cmff", "MSNV")
) | frozenset(f"iso{version}" for version in "23456789abc")

# Its relatives, by how their brand begins. Some are MP4 all the same where they say that they are
# compatible with one: HandBrake writes M4V, Android 3GP, and both play wherever MP4 does.
_OTHER_BRANDS = {
    "qt": "mov",
    "M4A": "m4a",
    "M4B": "m4a",
    "M4P": "m4a",
    "mj": "mj2",
    "hei": "heif",
    "hev": "heif",
    "mif": "heif",
    "msf": "heif",
    "avi": "avif",
}
_OTHER_COMPATIBLE_BRANDS = {"3g": "3gp", "M4V": "m4v"}

_Track = dict[str, str]

MAX_FORMAT_LENGTH = 40
"""Maximum length of a container's or codec's name, which may come from the file itself."""


def read_header(file: webm.SeekableFile, size_bytes: int) -> VideoFacts:
    """Read the facts that MediaInfo sees in a file; nonsense gives facts, no exception.

    Only what reading the file raises is raised (ObjectChanged, an AWS error). It knows nothing
    of frames: media data that is missing or damaged looks whole to it.
    """
    index = mp4_boxes.read_index(file, size_bytes)
    if index.defect:
        # MediaInfo would believe the index, and be busy with it for minutes.
        return VideoFacts(size_bytes=size_bytes, container="mp4", index_defect=index.defect)
    if webm.has_too_many_tracks(file):
        return VideoFacts(size_bytes=size_bytes, container="webm", index_defect=IndexDefect.DAMAGED)
    file.seek(0)
    facts = _run_mediainfo(file, size_bytes, _FIRST_READ_BYTES)
    if index.fragmented and facts.container in CONTAINERS:
        # Of many fragments MediaInfo sees some only, and adds up what those say.
        return replace(facts, duration_seconds=None, frame_rate=None)
    too_long = (facts.duration_seconds or 0) > MAX_SECONDS
    if index.length_is_open and facts.container == "mp4" and too_long:
        # Counted from zero, whenever its first picture comes, or endless: the second look tells.
        return replace(facts, duration_seconds=None)
    if facts.container == "webm":
        facts = _with_webm_timing(facts, file, size_bytes)
    if facts.container not in CONTAINERS or _has_all_facts(facts):
        return facts
    if facts.container == "mp4" or not facts.has_video:
        facts = _run_mediainfo(file, size_bytes, _SECOND_READ_BYTES)
    if facts.container == "webm":
        seen = webm.webm_timing(file, size_bytes)
        if facts.has_video and seen.empty:
            return VideoFacts(
                size_bytes=size_bytes, container="webm", index_defect=IndexDefect.MISSING
            )
        facts = replace(
            facts,
            duration_seconds=facts.duration_seconds or seen.seconds,
            frame_rate=facts.frame_rate or seen.frame_rate,
        )
    return facts


def _with_webm_timing(facts: VideoFacts, file: webm.SeekableFile, size_bytes: int) -> VideoFacts:
    if (facts.duration_seconds or 0) > MAX_SECONDS:
        # Its stated length counts from zero, whenever its first picture comes.
        seen = webm.webm_timing(file, size_bytes)
        facts = replace(facts, duration_seconds=seen.seconds or facts.duration_seconds)
    if not _is_allowed_rate(facts.frame_rate):
        # A track's default may be the unit of its times: 1,000 a second.
        facts = replace(facts, frame_rate=None)
    return facts


def _is_allowed_rate(rate: float | None) -> bool:
    least, most = MIN_FRAME_RATE - FRAME_RATE_TOLERANCE, MAX_FRAME_RATE + FRAME_RATE_TOLERANCE
    return rate is not None and least <= rate <= most


def _has_all_facts(facts: VideoFacts) -> bool:
    return facts.has_video and None not in (
        facts.codec,
        facts.duration_seconds,
        facts.width,
        facts.height,
        facts.frame_rate,
    )


class _BoundedFile:
    """At most so many bytes of a file, so that no file keeps MediaInfo reading for ever.

    MediaInfo is told of a failing read as of an end of file, for pymediainfo frees what it
    holds only when it comes to its end; the failure is kept for afterwards.
    """

    def __init__(self, file: webm.SeekableFile, limit: int) -> None:
        self.failure: Exception | None = None
        self._file = file
        self._left = limit

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        if self._left <= 0 or self.failure:
            return b""
        try:
            content = self._file.read(min(size, self._left)) or b""
        except Exception as error:  # noqa: BLE001  raised again by _run_mediainfo
            self.failure = error
            return b""
        self._left -= len(content)
        return content


def _run_mediainfo(file: webm.SeekableFile, size_bytes: int, limit: int) -> VideoFacts:
    from pymediainfo import MediaInfo

    helping = _BoundedFile(file, limit)
    try:
        answer = MediaInfo.parse(helping, parse_speed=0, output="XML", full=False)
    except (ValueError, RuntimeError):  # an answer that is no text says nothing
        answer = ""
    if helping.failure:
        raise helping.failure
    return _facts_from_output(answer or "", size_bytes)


def _facts_from_output(answer: str, size_bytes: int) -> VideoFacts:
    tracks: dict[str, list[_Track]] = {}
    for kind, content in _TRACK_PATTERN.findall(answer):
        # The first of two values with one name is MediaInfo's own.
        values = {
            name: html.unescape(value) for name, value in reversed(_VALUE_PATTERN.findall(content))
        }
        tracks.setdefault(kind, []).append(values)
    whole = tracks.get("General", [{}])[0]
    facts = VideoFacts(
        size_bytes=size_bytes,
        container=_container(whole),
        duration_seconds=_number(whole, "Duration"),
        has_audio="Audio" in tracks,
    )
    if "Video" not in tracks:
        return facts
    video = max(tracks["Video"], key=_rank)
    if facts.container == "webm":
        _drop_impossible_lengths(tracks, facts.duration_seconds)
    width, height = _displayed_size(video)
    return replace(
        facts,
        has_video=True,
        codec=_codec(video),
        duration_seconds=_length(video, tracks, facts.duration_seconds),
        width=width,
        height=height,
        frame_rate=_frame_rate(video),
    )


def _drop_impossible_lengths(tracks: Mapping[str, Sequence[_Track]], whole: float | None) -> None:
    """Drop lengths of tracks beyond that of the whole file.

    In a WebM they are tags, which programs that cut a file leave as they were.
    """
    for track in (*tracks["Video"], *tracks.get("Audio", ())):
        if whole is not None and (_number(track, "Duration") or 0) > whole:
            del track["Duration"]


def _codec(video: _Track) -> str | None:
    name = video.get("Format", "")
    return _CODECS.get(name) or _format_name(name)


def _format_name(name: str) -> str | None:
    return clean_external_line(name.lower(), MAX_FORMAT_LENGTH) or None


def _rank(video: _Track) -> tuple[bool, bool, bool, float, float]:
    """Order pictures by how likely players show them: not a thumbnail, not one switched off."""
    return (
        _codec(video) in CODECS,
        _number(video, "FrameCount") != 1,
        video.get("Default") != "No",
        (_number(video, "Width") or 0) * (_number(video, "Height") or 0),
        _number(video, "Duration") or 0,
    )


def _container(general: _Track) -> str | None:
    """Its name by content. The MPEG-4 family tells itself apart by brands alone.

    MediaInfo knows some of the brands and takes any other one for a format of its own.
    """
    name, brand = general.get("Format", "").lower(), general.get("CodecID", "").strip()
    if name == "quicktime":
        return "mov"
    if name != "mpeg-4" and name.strip() != brand.lower():
        return _format_name(name)
    for beginning, relative in _OTHER_BRANDS.items():
        if brand.startswith(beginning):
            return relative
    brands = {brand, *general.get("CodecID_Compatible", "").split("/")}
    if brands & _MP4_BRANDS:
        return "mp4"
    for beginning, relative in _OTHER_COMPATIBLE_BRANDS.items():
        if brand.startswith(beginning):
            return relative
    return _format_name(brand) or _format_name(name)


def _displayed_size(video: _Track) -> tuple[int | None, int | None]:
    width, height = _number(video, "Width"), _number(video, "Height")
    if not width or not height:
        return None, None
    shape = _number(video, "PixelAspectRatio") or 1.0
    if not math.isclose(shape, 1.0, abs_tol=0.01):  # nearer than that it is rounding
        width *= shape
    if round(_number(video, "Rotation") or 0) % 180 == 90:  # noqa: PLR2004  a quarter turn
        width, height = height, width
    return round(width), round(height)


def _length(
    video: _Track, tracks: Mapping[str, Sequence[_Track]], whole: float | None
) -> float | None:
    """Return how long it plays: the picture, unless the sound goes on for noticeably longer.

    Tracks that are neither have no say, though the length of the whole file covers them.
    """
    picture = _number(video, "Duration")
    others = [_number(sound, "Duration") for sound in tracks.get("Audio", ())]
    if not tracks.keys() - {"General", "Video", "Audio"}:
        others.append(whole)
    longest = max((each for each in others if each is not None), default=picture)
    if picture is None or longest is None:
        return longest
    return longest if longest - picture > SOUND_OVERHANG_SECONDS else picture


def _frame_rate(video: _Track) -> float | None:
    """Return the average rate; None where it is too low only because nothing may have moved."""
    rate, most = _number(video, "FrameRate"), _number(video, "FrameRate_Maximum")
    least = MIN_FRAME_RATE - FRAME_RATE_TOLERANCE
    return None if rate and most and rate < least <= most else rate


def _number(track: _Track, name: str) -> float | None:
    try:
        value = float(track.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
