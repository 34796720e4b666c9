"""The second eye: ffprobe demuxes all of a file and decodes samples of it.

What stands in a header may be untrue; what comes out of the demuxer and the decoder is what
people will see. Two runs: one lists every packet, one decodes where it matters. ffprobe's return
code means nothing (it is 0 for a file of which not one picture can be shown): counts and
complaints do.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from chalicelib.videos import structure
from chalicelib.videos.bounded import CannotExamine, Limits, Ran, run
from chalicelib.videos.model import Playback

LIMITS = Limits(seconds=25, memory_bytes=640 * 1024 * 1024, output_bytes=12 * 1024 * 1024)
"""Per run. Decoding 4096 pixels wide H.265 takes some 300 MB of address space; the output has
room for 100,000 packets, of which a minute has some 7,000."""

SAMPLE_PACKETS = 24
"""A second or half of one, at the start and in the middle."""

DECODED_PIXELS = 600 * 1920 * 1080
"""How much one sample may decode: ten seconds of the fastest full HD. A sample begins with a key
frame; where those are further apart than that, the rest is looked at by structure alone."""

SUSPECTS = 4
"""How many odd-looking places are decoded."""

_LOCKED = (
    *("-v", "error", "-protocol_whitelist", "file"),
    *("-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"),
)
_PACKETS = (
    "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags"
    ":stream=index,codec_name,codec_type,width,height:stream_disposition=attached_pic"
    ":format=format_name,duration"
)
_GUESSED = "best_effort_timestamp_time"
_FRAMES = f"frame=pts_time,{_GUESSED},width,height,sample_aspect_ratio"

# What is said of files that end too early, by the two demuxers.
_CUT_SHORT = re.compile(rb"partial file|File ended prematurely|ended prematurely")

# What decoders say of pictures that are not as they were made. Only such words count: sound
# files of careless makers, and any file entered in the middle, make ffprobe complain too.
_DAMAGE = re.compile(
    rb"error while decoding|concealing|Invalid NAL unit|decode_slice_header error|no frame!"
    rb"|Error splitting|missing picture|non-existing [PS]PS|PPS id out of range|cabac decode"
    rb"|top block unavailable|left block unavailable|out of range intra"
    rb"|corrupt(?:ed)? (?:macro|frame)"
    rb"|Invalid data found|Failed to parse header|Invalid partition|Invalid start code"
    rb"|Header size larger|Truncated (?:packet|key ?frame)|Insufficient data"
    rb"|Marker bit|Not all references"
    rb"|Invalid frame marker|Invalid sync code|Requested reference|negative number of zero coeffs"
    rb"|mb_type \d+ in|illegal |overread|CABAC_MAX_BIN|The slice .* overlap|Overread"
    rb"|Duplicate POC|Error parsing|Slice address .* out of|Skipping invalid undecodable NALU"
)
_NO_MEMORY = re.compile(rb"Cannot allocate memory")


@dataclass(slots=True)
class Packet:
    """One packet of the picture, in the order of decoding; `shown` unless edited out."""

    time: float
    seconds: float | None
    size: int
    position: int | None
    key: bool
    shown: bool


@dataclass(slots=True)
class _Stream:
    kind: str = ""
    codec: str = ""
    attached: bool = False
    pixels: int = 0
    packets: list[Packet] = field(default_factory=list)

    @property
    def affordable(self) -> int:
        """How many pictures of this size may be decoded."""
        return max(SAMPLE_PACKETS, DECODED_PIXELS // max(self.pixels, 1))


def watch(ffprobe: str, file: IO[bytes], size_bytes: int, limits: Limits = LIMITS) -> Playback:
    """Tell what plays of a file of this size, opened for reading, perhaps without a name.

    Raises `CannotExamine` if ffprobe crashes, goes beyond its limits or is not there.
    """
    listed = _ffprobe(ffprobe, file, limits, "-show_entries", _PACKETS)
    streams, stated = _streams(listed.output)
    index, video = next(
        (
            (index, stream)
            for index, stream in sorted(streams.items())
            if stream.kind == "video" and not stream.attached and stream.packets
        ),
        (None, _Stream()),
    )
    packets = video.packets
    form = structure.look(file, size_bytes, video.codec, packets, _reach(streams.values()))
    truncated = form.cut_short or bool(_CUT_SHORT.search(listed.errors))
    if index is None:
        return Playback(frames=0, tried=0, decoded=0, truncated=truncated)
    windows = samples(packets, form.suspects, video.affordable)
    shown = _ffprobe(
        ffprobe,
        file,
        limits,
        *("-threads", "1", "-skip_loop_filter", "all", "-select_streams", str(index)),
        *("-read_intervals", ",".join(_interval(packets, window) for window in windows)),
        *("-show_entries", _FRAMES),
    )
    if _NO_MEMORY.search(shown.errors):
        raise CannotExamine("ffprobe wanted more memory for decoding than it may have")
    frames = list(_frames(shown.output))
    lengths = _lengths([stream for stream in streams.values() if not stream.attached], video)
    tried = sum(
        1 for window in windows for packet in packets[window.start : window.stop] if packet.shown
    )
    dark = _dark(packets, windows, [frame[0] for frame in frames])
    times = sorted({packet.time for packet in packets if packet.shown})
    width, height = next(((frame[1], frame[2]) for frame in frames), (None, None))
    return Playback(
        frames=len(times),
        tried=tried,
        decoded=min(len(frames), tried),
        seconds=lengths[0] if lengths else None,
        lengths=lengths,
        frame_rate=round((len(times) - 1) / (times[-1] - times[0]), 3) if len(times) > 1 else None,
        width=width,
        height=height,
        truncated=truncated,
        stated=stated,
        damaged=dark is not None or bool(_DAMAGE.search(shown.errors)),
        damaged_at=dark,
    )


def samples(packets: Sequence[Packet], suspects: Sequence[int], most: int) -> list[range]:
    """Choose what to decode, as ranges of packets that begin with a key frame each.

    None is longer than `most`, unless samples touch each other and become one.
    """
    keys = [number for number, packet in enumerate(packets) if packet.key and packet.shown] or [0]
    last = len(packets)
    middle = packets[last // 2].time
    wanted = [
        range(min(last, SAMPLE_PACKETS)),
        _reaching(_latest(keys, packets, middle), SAMPLE_PACKETS, last),
        _reaching(keys[-1], most, last),
    ]
    for suspect in suspects[:SUSPECTS]:
        key = max((key for key in keys if key <= suspect), default=0)
        wanted.append(_reaching(key, min(suspect - key + SAMPLE_PACKETS // 2, most), last))
    chosen: list[range] = []
    for window in sorted(wanted, key=lambda window: (window.start, -window.stop)):
        if chosen and window.start <= chosen[-1].stop:
            chosen[-1] = range(chosen[-1].start, max(chosen[-1].stop, window.stop))
        else:
            chosen.append(window)
    return chosen


def _reaching(key: int, count: int, last: int) -> range:
    return range(key, min(last, key + count))


def _latest(keys: Sequence[int], packets: Sequence[Packet], time: float) -> int:
    return max((key for key in keys if packets[key].time <= time), default=keys[0])


def _interval(packets: Sequence[Packet], window: range) -> str:
    """Name a range of packets the way ffprobe takes it: a time after its key frame, a count."""
    start = f"{packets[window.start].time + _BEYOND_ROUNDING:.6f}" if window.start else ""
    return f"{start}%+#{len(window)}"


_BEYOND_ROUNDING = 0.002  # seconds: times are printed rounded, and seeking goes backwards


def _ffprobe(ffprobe: str, file: IO[bytes], limits: Limits, *options: str) -> Ran:
    number = file.fileno()
    own = Path("/proc/self/fd")
    name = f"{own if own.is_dir() else Path('/dev/fd')}/{number}"
    command = [ffprobe, *_LOCKED, *options, "-of", "compact=nokey=0", f"file:{name}"]
    return run(command, limits, pass_fds=[number])


def _streams(output: bytes) -> tuple[dict[int, _Stream], float | None]:
    """Packets by stream, and how long the container says it is where its tracks say otherwise."""
    streams: dict[int, _Stream] = {}
    stated = None
    for section, values in _sections(output):
        if section == "packet":
            time = _first_number(values.get("pts_time"), values.get("dts_time"))
            if time is None:
                continue
            flags = values.get("flags", "")
            streams.setdefault(int(values["stream_index"]), _Stream()).packets.append(
                Packet(
                    time=time,
                    seconds=_number(values.get("duration_time")),
                    size=int(values.get("size", 0)),
                    position=_whole(values.get("pos")),
                    key="K" in flags,
                    shown="D" not in flags,
                )
            )
        elif section == "stream":
            stream = streams.setdefault(int(values["index"]), _Stream())
            stream.kind, stream.codec = values.get("codec_type", ""), values.get("codec_name", "")
            stream.attached = values.get("disposition:attached_pic") == "1"
            stream.pixels = int(values.get("width", 0)) * int(values.get("height", 0))
        elif section == "format" and values.get("format_name", "").startswith("matroska"):
            # Of an MP4 ffprobe adds up the tracks, which MediaInfo has read as well.
            stated = _number(values.get("duration"))
    return streams, stated


def _frames(output: bytes) -> Iterator[tuple[float | None, int, int]]:
    """Time, width and height of each picture that came out, pixel shape taken into account."""
    for section, values in _sections(output):
        if section == "frame" and "width" in values:
            width, height = int(values["width"]), int(values["height"])
            across, _, down = values.get("sample_aspect_ratio", "").partition(":")
            if across.isdigit() and down.isdigit() and int(across) and int(down):
                width = round(width * int(across) / int(down))
            yield _first_number(values.get("pts_time"), values.get(_GUESSED)), width, height


def _sections(output: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    for line in output.decode("ascii", "replace").splitlines():
        section, *fields = line.split("|")
        yield (
            section,
            dict(pair for pair in (each.split("=", 1) for each in fields) if len(pair) > 1),
        )


def _reach(streams: Iterable[_Stream]) -> int:
    return max(
        (
            packet.position + packet.size
            for stream in streams
            for packet in stream.packets
            if packet.position is not None
        ),
        default=0,
    )


def _lengths(streams: Sequence[_Stream], video: _Stream) -> tuple[float, ...]:
    """How long it plays, and what else a header may call its length."""
    spans = {
        id(stream): span
        for stream in streams
        if stream.kind in ("video", "audio") and (span := _span(stream.packets))
    }
    if id(video) not in spans:
        return ()
    first, last = spans[id(video)]
    start, end = min(each[0] for each in spans.values()), max(each[1] for each in spans.values())
    lengths = (last - first, end - start, last, end, end - max(0.0, start))
    return tuple(round(length, 3) for length in lengths)


def _span(packets: Sequence[Packet]) -> tuple[float, float] | None:
    shown = [packet for packet in packets if packet.shown]
    if not shown:
        return None
    times = sorted({packet.time for packet in shown})
    last = max(shown, key=lambda packet: packet.time)
    usual = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    return times[0], max(last.time + (last.seconds or usual), times[-1])


def _dark(
    packets: Sequence[Packet], windows: Sequence[range], frames: Sequence[float | None]
) -> float | None:
    """Find where most of a sample's pictures did not come out: the second of its beginning."""
    known = sorted(time for time in frames if time is not None)
    for window in windows:
        times = [packet.time for packet in packets[window.start : window.stop] if packet.shown]
        if not times:
            continue
        came = sum(1 for time in known if min(times) - 0.0005 <= time <= max(times) + 0.0005)
        if came * 2 < len(times):
            return max(0.0, min(times))
        # The last pictures of all: nothing hides a gap there.
        late = [time for time in sorted(times)[-3:] if window.stop == len(packets)]
        if late and not any(time >= late[0] - 0.0005 for time in known):
            return max(0.0, late[0])
    return None


def _first_number(*texts: str | None) -> float | None:
    return next((number for text in texts if (number := _number(text)) is not None), None)


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
