"""Looking at every packet without decoding any: has it the form that its codec gives it.

Decoding a whole video takes too long, decoding samples misses what lies between them. But
picture data has a form that damage seldom keeps: the lengths of NAL units fill a packet exactly,
VP8 and VP9 frames begin in a few known ways, and nothing compressed holds long runs of zeros.
Packets that look odd are not judged here: they are decoded too, and the decoder judges.
"""

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Protocol

ZERO_RUN = bytes(32)
"""Longer than any in compressed pictures but for padding at a packet's end."""

_WIDTHS = (4, 2, 1)  # of a NAL unit's length, the usual one first
_FORBIDDEN = 0x80  # a bit that is never set in a NAL unit
_ENOUGH = 50
_SAME_STRETCH = 12
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_HEAD_BYTES = 4096
_VP9_MARKER = 0x80
_BLOCK_HEAD = 4  # the track's number (below 128), a time, flags
_INDEX_BOXES, _MEDIA_BOX = (b"moov", b"moof"), b"mdat"


class Packet(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def position(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Form:
    """`suspects`: numbers of packets that look odd, the first of each stretch of such.

    `cut_short`: the file ends inside a box or element that should hold more.
    """

    suspects: tuple[int, ...]
    cut_short: bool


def look(
    file: IO[bytes], size_bytes: int, codec: str, packets: Sequence[Packet], reach: int
) -> Form:
    """Look at the packets of the picture where they lie in the file.

    `reach` is where the last byte of any packet, sound included, was found to end.
    """
    with mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_READ) as content:
        matroska = content[:4] == _EBML
        places = [_place(content, packet, matroska=matroska) for packet in packets]
        odd = _ODD.get(codec, _nothing_odd)
        if odd is _odd_units:
            odd = partial(_odd_units, width=_width(content, places))
        suspects = [
            number
            for number, place in enumerate(places)
            if place and (odd(data := content[place.start : place.stop]) or _hollow(data))
        ]
        cut = _segment_cut if matroska else _box_cut
        return Form(_firsts(suspects), cut(content, size_bytes, reach))


def _place(content: mmap.mmap, packet: Packet, *, matroska: bool) -> range | None:
    """Where a packet's own bytes are, None if that cannot be told.

    In a WebM the position is that of the block around it.
    """
    start = packet.position
    if start is None or not packet.size or start >= len(content):
        return None
    if matroska:
        start += _BLOCK_HEAD
    return range(start, start + packet.size)


def _width(content: mmap.mmap, places: Sequence[range | None]) -> int:
    """How many bytes the length of a NAL unit takes: that which fits most of some packets."""
    some = [content[place.start : place.stop] for place in places[:_ENOUGH] if place]
    return max(_WIDTHS, key=lambda width: sum(not _odd_units(data, width) for data in some))


def _odd_units(data: bytes, width: int = 4) -> bool:
    at = 0
    while at + width < len(data):
        length = int.from_bytes(data[at : at + width])
        if not length or data[at + width] & _FORBIDDEN:
            return True
        at += width + length
    return at != len(data)


def _odd_vp8(data: bytes) -> bool:
    if len(data) < 3:  # noqa: PLR2004  the frame tag; an empty frame repeats the one before
        return False
    tag = int.from_bytes(data[:3], "little")
    inter, first_partition = tag & 1, tag >> 5
    return first_partition > len(data) or not (inter or data[3:6] == b"\x9d\x01\x2a")


def _odd_vp9(data: bytes) -> bool:
    return data[0] & 0xC0 != _VP9_MARKER


def _nothing_odd(data: bytes) -> bool:
    return not data


def _hollow(data: bytes) -> bool:
    """Tell of a long run of zeros inside; padding at a packet's end is common."""
    at = data.find(ZERO_RUN)
    return at >= 0 and any(data[at:].rstrip(b"\0"))


_ODD: dict[str, Callable[..., bool]] = {
    "h264": _odd_units,
    "hevc": _odd_units,
    "vp8": _odd_vp8,
    "vp9": _odd_vp9,
}


def _firsts(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        number
        for number, before in zip(numbers, (None, *numbers), strict=False)
        if before is None or number > before + _SAME_STRETCH
    )


def _box_cut(content: mmap.mmap, size_bytes: int, reach: int) -> bool:
    """Tell whether a box with media goes beyond the end, and the last packet with it.

    A length that was never filled in, or bytes after the end, take nothing away.
    """
    at = 0
    while at + 16 <= size_bytes:
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if length == 1:
            length = int.from_bytes(content[at + 8 : at + 16])
        if kind in (*_INDEX_BOXES, _MEDIA_BOX) and at + length > size_bytes:
            return kind != _MEDIA_BOX or reach >= size_bytes
        if length < 8 or not kind.isascii():  # noqa: PLR2004  a box's own head
            return False
        at += length
    return False


def _segment_cut(content: mmap.mmap, size_bytes: int, _reach: int) -> bool:
    """Tell whether a WebM's one segment says that it goes on beyond the end."""
    at = content.find(_SEGMENT, 0, _HEAD_BYTES)
    if at < 0 or at + 12 > size_bytes:
        return False
    first = content[at + 4]
    width = 9 - first.bit_length()
    length = int.from_bytes(content[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    if length == (1 << 7 * width) - 1:  # unknown: written while it was recorded
        return False
    return at + 4 + width + length > size_bytes
