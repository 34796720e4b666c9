"""The boxes of an MP4, as far as they tell that its index cannot be used (ISO/IEC 14496-12).

Whoever reads an index believes what it says of its own size, some for minutes and gigabytes; here
it is held against the room it has. Only a few heads and the index itself are read. Nonsense ends
the reading; it never raises, and a flaw is told only of what no player can read.
"""

from collections.abc import Iterator

from chalicelib.videos.model import IndexFlaw
from chalicelib.videos.webm import SeekableFile

MAX_BOXES = 64
"""How many boxes may come before the index; encoders write three or four."""

INDEX_BYTES = 512 * 1024
"""How much of an index is read: of a minute of video it has a tenth of that."""

MAX_TRACKS = 64
"""Far above what cameras and editors write, far below what keeps a reader busy."""

_HEAD, _LARGE_HEAD = 8, 16
_OPENED = frozenset((b"trak", b"mdia", b"minf", b"stbl", b"edts"))
_ENTRIES = {  # box -> where the number of entries stands in its content, bytes of an entry
    b"stts": (4, 8),
    b"ctts": (4, 8),
    b"stss": (4, 4),
    b"stsc": (4, 12),
    b"stco": (4, 4),
    b"co64": (4, 8),
    b"elst": (4, 12),
}


def index_flaw(file: SeekableFile, size_bytes: int) -> IndexFlaw | None:
    """Tell why the index of this MP4 cannot be used; None if it may, or if it is no MP4."""
    at, media = 0, False
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(_LARGE_HEAD) or b""
        kind, (length, begin) = head[4:8], _length(head, size_bytes - at)
        if len(head) < _HEAD or length < begin or (at == 0 and kind != b"ftyp"):
            return None
        if kind == b"moov":
            if length > size_bytes - at:
                return IndexFlaw.MISSING
            file.seek(at + begin)
            wanted = min(length - begin, INDEX_BYTES)
            return _flaw_within(file.read(wanted) or b"")
        media = media or kind == b"mdat"
        at += length
        if at >= size_bytes:
            return IndexFlaw.MISSING if media else None
    return None


def _length(head: bytes, left: int) -> tuple[int, int]:
    """Length of a box and of its head: 0 stands for all that is left, 1 for a longer number."""
    length = int.from_bytes(head[:4])
    if length == 1:
        return int.from_bytes(head[8:16]), _LARGE_HEAD
    return length or left, _HEAD


def _flaw_within(index: bytes) -> IndexFlaw | None:
    tracks = 0
    for kind, begin, end in _boxes(index):
        tracks += kind == b"trak"
        if tracks > MAX_TRACKS:
            return IndexFlaw.DAMAGED
        if kind in _ENTRIES:
            at, width = _ENTRIES[kind]
            number = index[begin + at : begin + at + 4]
            room = end - begin - at - 4
            # A number that is cut off has four bytes no more: nothing to hold the room against.
            if len(number) == 4 and int.from_bytes(number) * width > room:  # noqa: PLR2004
                return IndexFlaw.DAMAGED
    return None


def _boxes(index: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kinds with where their content begins and should end, those that hold others opened."""
    at = 0
    while at + _HEAD <= len(index):
        length, head = _length(index[at : at + _LARGE_HEAD], len(index) - at)
        if length < head:
            return
        kind = index[at + 4 : at + 8]
        yield kind, at + head, at + length
        at += head if kind in _OPENED else length
