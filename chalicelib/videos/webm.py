"""Reads when a WebM's frames are due from its blocks: browsers record without saying it.

A browser's recorder writes no duration, no index and no frame rate, so the truth is looked up
where it is: in the timestamps at the beginning and in the last cluster. Only those two places
are read. Nonsense in a file ends the reading; it never raises.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import field
from typing import IO, Protocol

from chalicelib.foundation.values import dataclass

HEAD_BYTES = 1024 * 1024
"""Enough for the tracks and about a second of the densest video that the size limit allows."""

FIRST_TAIL_BYTES = 1024 * 1024
MAX_TAIL_BYTES = 16 * 1024 * 1024
"""How far from the end a last cluster is looked for, doubling from the first to this."""


MAX_TRACKS = 64
"""Far above what recorders write, far below what keeps a reader busy."""

TRACKS_BYTES = 64 * 1024
"""How far into a file its tracks are counted: so many as are allowed take some 10 KB."""

MAX_CUES = 100_000
"""Places to seek to, of which a file has one for each key frame: more than all the pictures of a
minute. Readers keep them in order, and move those behind a place for each that comes before."""

MAX_ELEMENTS = 200_000
"""Elements of a file that are walked: a minute of picture and sound has some 10,000 blocks."""


class _ElementId:
    """Element ids as the Matroska specification (RFC 9559) has them, length marker included."""

    EBML = 0x1A45DFA3
    SEGMENT = 0x18538067
    INFO = 0x1549A966
    TIMESTAMP_SCALE = 0x2AD7B1
    TRACKS = 0x1654AE6B
    TRACK_ENTRY = 0xAE
    TRACK_NUMBER = 0xD7
    TRACK_TYPE = 0x83
    CODEC = 0x86
    CLUSTER = 0x1F43B675
    TIMESTAMP = 0xE7
    SIMPLE_BLOCK = 0xA3
    BLOCK_GROUP = 0xA0
    BLOCK = 0xA1


_CONTAINER_ELEMENTS = frozenset(
    (
        _ElementId.SEGMENT,
        _ElementId.INFO,
        _ElementId.TRACKS,
        _ElementId.TRACK_ENTRY,
        _ElementId.CLUSTER,
        _ElementId.BLOCK_GROUP,
    )
)
_CLUSTER_MARK = _ElementId.CLUSTER.to_bytes(4)
PICTURE, SOUND = 1, 2  # types of tracks
_INVISIBLE = 0x08  # block flag: decoded but never shown, so no frame of its own
_LONGEST_ID, _LONGEST_INTEGER = 4, 8
_ANY_SIZE = b"|".join(b"[\\x%02x-\\x%02x].{%d}" % (0x80 >> n, 0xFF >> n, n) for n in range(8))
_CUE_PATTERN = re.compile(
    b"\xbb(?:" + _ANY_SIZE + b")[\xb3\xb7]", re.DOTALL
)  # begins with time or place
_PIECE_BYTES, _OVERLAP = 1024 * 1024, 16
_MAX_CLUSTER_CANDIDATES = (
    16  # picture data may contain a cluster's mark by chance, but hardly this often
)


class SeekableFile(Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
    def read(self, size: int = -1, /) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class WebmTiming:
    """`seconds` from the first timestamp to the last one's end; None: unknown.

    `empty`: there is no picture and no sound anywhere in the file.
    """

    seconds: float | None = None
    frame_rate: float | None = None
    empty: bool = False


def webm_timing(file: SeekableFile, size_bytes: int) -> WebmTiming:
    """The length and average frame rate of a WebM, from a sample at either end."""
    file.seek(0)
    beginning = file.read(min(HEAD_BYTES, size_bytes)) or b""
    head = _Blocks()
    head.collect(beginning, 0)
    if head.first is None:
        return WebmTiming(empty=len(beginning) >= size_bytes)
    tail = head if len(beginning) >= size_bytes else _last_cluster(file, size_bytes, head)
    rate = _frame_rate(head, tail)
    if tail is None or tail.last is None:
        return WebmTiming(frame_rate=rate)
    end = float(tail.last)
    if rate and tail.shown:
        end = max(end, max(tail.shown) + 1_000_000_000 / rate / head.scale)
    seconds = round((end - head.first) * head.scale / 1e9, 3)
    return WebmTiming(seconds=seconds, frame_rate=rate)


def has_too_many_tracks(file: SeekableFile) -> bool:
    """Return whether the head of a file names more than `MAX_TRACKS` tracks."""
    file.seek(0)
    head = file.read(TRACKS_BYTES) or b""
    entries = sum(element == _ElementId.TRACK_ENTRY for element, _, _ in _elements(head, 0))
    return head[:4] == _ElementId.EBML.to_bytes(4) and entries > MAX_TRACKS


def codec_names(file: IO[bytes], *, without: Collection[int]) -> list[tuple[int, bytes]]:
    """Find the names of codecs, with their places, of tracks that are not of the given types."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    names: list[tuple[int, bytes]] = []
    codec: tuple[int, bytes] | None = None
    kind: int | None = None
    for element, begin, end in _elements(head, 0):
        if element == _ElementId.TRACK_ENTRY:
            codec, kind = None, None
        elif element == _ElementId.TRACK_TYPE:
            kind = _integer(head, begin, end)
        elif element == _ElementId.CODEC and end > begin:
            codec = begin, head[begin:end]
        if codec is not None and kind is not None:
            if kind not in without:
                names.append(codec)
            codec = None
    return names


def has_too_many_elements(file: IO[bytes], size_bytes: int) -> bool:
    """Return whether a WebM has more places to seek to than readers get through.

    They are counted wherever they stand, for readers look for the list in all places.
    """
    cues = at = 0
    while at < size_bytes:
        file.seek(at)
        piece = file.read(_PIECE_BYTES + _OVERLAP)
        cues += sum(found.start() < _PIECE_BYTES for found in _CUE_PATTERN.finditer(piece))
        at += _PIECE_BYTES
    return cues > MAX_CUES


def has_second_file(file: IO[bytes], size_bytes: int) -> bool:
    """Return whether another WebM follows in the same file: most players show the first alone."""
    at = 0
    for _ in range(MAX_ELEMENTS):
        if at >= size_bytes:
            return False
        file.seek(at)
        head = file.read(_LONGEST_ID + _LONGEST_INTEGER)
        name = _variable_integer(head, 0, marker=True)
        size = _variable_integer(head, name[1]) if name else None
        if name is None or size is None:
            return False
        if name[0] == _ElementId.EBML and at:
            return True
        length, begin = size
        unknown = length == (1 << 7 * (begin - name[1])) - 1
        at += (
            begin
            if unknown and name[0] in (_ElementId.SEGMENT, _ElementId.CLUSTER)
            else begin + length
        )
    return False


@dataclass(slots=True)
class _Blocks:
    """The statements of the blocks of one stretch. Times are in ticks of `scale` nanoseconds."""

    scale: int = 1_000_000
    video: int | None = None
    first: int | None = None
    last: int | None = None
    shown: set[int] = field(default_factory=set)
    _cluster: int | None = None
    _number: int | None = None
    _type: int | None = None

    def collect(self, data: bytes, start: int) -> None:
        for element, begin, end in _elements(data, start):
            match element:
                case _ElementId.TIMESTAMP_SCALE:
                    self.scale = _integer(data, begin, end) or self.scale
                case _ElementId.TRACK_ENTRY:
                    self._number = self._type = None
                case _ElementId.TRACK_NUMBER:
                    self._number = _integer(data, begin, end)
                    self._found_track()
                case _ElementId.TRACK_TYPE:
                    self._type = _integer(data, begin, end)
                    self._found_track()
                case _ElementId.CLUSTER:
                    self._cluster = None
                case _ElementId.TIMESTAMP:
                    self._cluster = _integer(data, begin, end)
                case _ElementId.SIMPLE_BLOCK | _ElementId.BLOCK:
                    self._found_block(data, begin, end)

    def _found_track(self) -> None:
        if self.video is None and self._type == PICTURE:
            self.video = self._number

    def _found_block(self, data: bytes, begin: int, end: int) -> None:
        track = _variable_integer(data, begin)
        if self._cluster is None or track is None or track[1] + 3 > end:
            return
        number, at = track
        due = self._cluster + int.from_bytes(data[at : at + 2], signed=True)
        self.first = due if self.first is None else min(self.first, due)
        self.last = due if self.last is None else max(self.last, due)
        if number == self.video and not data[at + 2] & _INVISIBLE:
            self.shown.add(due)


def _last_cluster(file: SeekableFile, size_bytes: int, head: _Blocks) -> _Blocks | None:
    data = b""
    wanted = FIRST_TAIL_BYTES
    while True:
        wanted = min(wanted, size_bytes, MAX_TAIL_BYTES)
        file.seek(size_bytes - wanted)
        data = (file.read(wanted - len(data)) or b"") + data
        found = len(data)
        for _ in range(_MAX_CLUSTER_CANDIDATES):
            found = data.rfind(_CLUSTER_MARK, 0, found)
            if found < 0:
                break
            tail = _Blocks(scale=head.scale, video=head.video)
            tail.collect(data, found)
            if tail.last is not None:
                return tail
        if wanted in (size_bytes, MAX_TAIL_BYTES):
            return None
        wanted *= 2


def _frame_rate(*stretches: _Blocks | None) -> float | None:
    """Frames per second over stretches that need not touch each other."""
    frames, ticks, scale = 0, 0, 1
    for blocks in {id(blocks): blocks for blocks in stretches if blocks}.values():
        if len(blocks.shown) > 1:
            frames += len(blocks.shown) - 1
            ticks += max(blocks.shown) - min(blocks.shown)
            scale = blocks.scale
    return round(frames * 1e9 / (ticks * scale), 3) if ticks else None


def _elements(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Ids with where their content begins and ends, containers opened, until nothing fits.

    Containers are entered rather than skipped, so those of unknown size need no care.
    """
    while (head := _variable_integer(data, at, marker=True)) and (
        size := _variable_integer(data, head[1])
    ):
        element, (length, begin) = head[0], size
        if element in _CONTAINER_ELEMENTS:
            yield element, begin, begin
            at = begin
        elif begin + length > len(data):
            return
        else:
            yield element, begin, begin + length
            at = begin + length


def _variable_integer(data: bytes, at: int, *, marker: bool = False) -> tuple[int, int] | None:
    """A variable-length integer and the position after it; ids keep their length marker."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > len(data) or (marker and length > _LONGEST_ID):
        return None
    value = int.from_bytes(data[at : at + length])
    return (value if marker else value & (1 << 7 * length) - 1), at + length


def _integer(data: bytes, begin: int, end: int) -> int | None:
    return int.from_bytes(data[begin:end]) if 0 < end - begin <= _LONGEST_INTEGER else None
