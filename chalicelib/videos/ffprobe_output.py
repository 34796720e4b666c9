"""Reads what ffprobe prints with `-of compact`: a line per section, `name|key=value|key=value`.

ffprobe prints what a stranger's file made it believe: numbers that are absent (`N/A`), negative or
absurd, sections in any order, lines cut off. Nothing here raises. A value that cannot be read
counts as absent, and a section without what it needs counts as not printed.
"""

import math
from collections.abc import Iterator
from dataclasses import field

from chalicelib.foundation.values import dataclass

Sections = Iterator[tuple[str, dict[str, str]]]

_MAX_DIGITS = 18  # of a size or position; Python refuses to read thousands of them
_MAX_SECONDS = 1e9
_GUESSED_TIME = "best_effort_timestamp_time"

LISTING_ENTRIES = (
    "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags"
    ":stream=index,codec_name,codec_type,width,height,pix_fmt:stream_disposition=attached_pic,default"
    ":format=format_name,duration"
)
"""The entries that `read_listing` needs, for ffprobe's `-show_entries`."""

DECODING_ENTRIES = (
    f"packet=pts_time,dts_time,pos:frame=pts_time,{_GUESSED_TIME},width,height,sample_aspect_ratio"
)
"""The entries that `read_decoding` needs."""


@dataclass(slots=True)
class Packet:
    """One packet, in the order of decoding. `shown`: no edit leaves it out."""

    time: float
    seconds: float | None
    size: int
    position: int | None
    key: bool
    shown: bool


PacketKey = tuple[float, int | None]
"""Names a packet in two runs of ffprobe over one file: its time and its position."""


@dataclass(slots=True)
class Stream:
    """One stream with its packets. `preferred`: enabled, where the container says so.

    `pixel_format` is ffprobe's name of how a picture lies in memory, such as `yuv420p10le`.
    """

    kind: str = ""
    codec: str = ""
    attached: bool = False
    preferred: bool = False
    pixels: int = 0
    pixel_format: str = ""
    packets: list[Packet] = field(default_factory=list)


@dataclass(slots=True)
class Listing:
    """The findings of a demuxer. `stated_seconds` is the length that a WebM states for itself.

    The length of an MP4 as ffprobe prints it is a sum over all its tracks, which says nothing.
    """

    streams: dict[int, Stream] = field(default_factory=dict)
    stated_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture; sides in displayed pixels, before rotation."""

    time: float | None
    width: int
    height: int


def sections(output: bytes) -> Sections:
    """Yield each section's name and its values."""
    for line in output.split(b"\n"):
        section, *fields = line.decode("ascii", "replace").split("|")
        yield section, dict(each.split("=", 1) for each in fields if "=" in each)


def read_listing(output: bytes) -> Listing:
    """Read streams and packets, as `LISTING_ENTRIES` has them printed."""
    listing = Listing()
    for section, values in sections(output):
        if section == "packet":
            number, time = whole_number(values.get("stream_index")), _time(values)
            if number is None or time is None:
                continue
            flags = values.get("flags", "")
            listing.streams.setdefault(number, Stream()).packets.append(
                Packet(
                    time=time,
                    seconds=seconds(values.get("duration_time")),
                    size=whole_number(values.get("size")) or 0,
                    position=whole_number(values.get("pos")),
                    key="K" in flags,
                    shown="D" not in flags,
                )
            )
        elif section == "stream":
            number = whole_number(values.get("index"))
            if number is None:
                continue
            stream = listing.streams.setdefault(number, Stream())
            stream.kind, stream.codec = values.get("codec_type", ""), values.get("codec_name", "")
            stream.attached = values.get("disposition:attached_pic") == "1"
            stream.preferred = values.get("disposition:default") == "1"
            stream.pixel_format = values.get("pix_fmt", "")
            stream.pixels = (whole_number(values.get("width")) or 0) * (
                whole_number(values.get("height")) or 0
            )
        elif section == "format" and values.get("format_name", "").startswith("matroska"):
            listing.stated_seconds = seconds(values.get("duration"))
    return listing


def read_decoding(output: bytes) -> Iterator[PacketKey | Frame]:
    """Yield packets as they went into the decoder and pictures as they came out of it."""
    for section, values in sections(output):
        if section == "packet":
            time = _time(values)
            if time is not None:
                yield time, whole_number(values.get("pos"))
        elif section == "frame":
            width, height = whole_number(values.get("width")), whole_number(values.get("height"))
            if not width or not height:
                continue
            across, _, down = values.get("sample_aspect_ratio", "").partition(":")
            width = round(width * (whole_number(across) or 1) / (whole_number(down) or 1))
            yield Frame(_time(values, _GUESSED_TIME), width, height)


def seconds(text: str | None) -> float | None:
    """Read a time or a length; None if it is absent, no number or absurd."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < _MAX_SECONDS else None


def whole_number(text: str | None) -> int | None:
    """Read a number without sign and fraction; None if it is none or absurdly long."""
    if text and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return None


def _time(values: dict[str, str], otherwise: str = "dts_time") -> float | None:
    time = seconds(values.get("pts_time"))
    return seconds(values.get(otherwise)) if time is None else time
