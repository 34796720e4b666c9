"""Checks every packet of the picture for the form its codec gives it, without decoding any.

Decoding a whole video takes too long, decoding samples misses what lies between them. But
picture data has a form that damage seldom keeps: the lengths of NAL units fill a packet exactly,
VP8 and VP9 frames begin in a few known ways, and nothing compressed holds long runs of zeros.
Packets that look odd are not judged here: they are decoded too, and the decoder judges.

A file may claim that a thousand packets lie on the same bytes. No more bytes are read here than
a file has twice over.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Protocol

from chalicelib.foundation.values import dataclass
from chalicelib.videos.nal_units import nal_unit_ranges

ZERO_RUN = bytes(32)
"""Longer than any in compressed pictures but for padding at a packet's end."""

MAX_OVERLAP = 2
"""Times that packets may claim each byte of a file, on average: muxers that store equal pictures
once stay far below."""

MAX_PACKET_BYTES = 8 * 1024 * 1024
"""Bytes examined of one packet at most; key frames of 4096 pixels have up to 2 MB."""

_NAL_LENGTH_WIDTHS = (4, 2, 1)  # of a NAL unit's length, the usual one first
_FORBIDDEN_BIT = 0x80  # a bit that is never set in a NAL unit
_ENOUGH, _ENOUGH_BYTES = 50, 4 * 1024 * 1024
_SAME_STRETCH = 12
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_HEAD_BYTES = 4096
_VP9_MARKER = 0x80
_BLOCK_HEAD = 4  # the track's number (below 128), a time, flags
_INDEX_BOXES, _MEDIA_BOX = (b"moov", b"moof"), b"mdat"
_MAX_BOXES = 50_000


class PlacedPacket(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def position(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class PacketReport:
    """The findings of the check.

    `suspects`: numbers of packets that look odd, the first of each stretch of such. `broken`: all
    those whose form a decoder complains of. `hollow`: those that hold zeros where their codec never
    writes any, which a decoder may take for data.
    `cut_short`: the file ends inside a box or element that should hold more.
    `overlapping`: the packets claim more bytes than the file has; none was looked at.
    """

    suspects: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    hollow: tuple[int, ...] = ()
    cut_short: bool = False
    overlapping: bool = False


def is_matroska(file: IO[bytes]) -> bool:
    """Return, by its first bytes, whether a file is a WebM or Matroska."""
    file.seek(0)
    return file.read(4) == _EBML


def check_packets(
    file: IO[bytes], size_bytes: int, codec: str, packets: Sequence[PlacedPacket], reach: int
) -> PacketReport:
    """Check the packets of the picture where they lie in the file.

    `reach` is where the last byte of any packet, sound included, was found to end.
    """
    matroska = is_matroska(file)
    cut = (
        _is_segment_cut(file, size_bytes)
        if matroska
        else _is_media_box_cut(file, size_bytes, reach)
    )
    if sum(packet.size for packet in packets) > MAX_OVERLAP * size_bytes:
        return PacketReport(cut_short=cut, overlapping=True)
    places = [_packet_range(packet, size_bytes, matroska=matroska) for packet in packets]
    odd = _ODDNESS_CHECKS.get(codec, _is_empty)
    width = _guess_nal_length_width(file, places) if odd is _is_odd_nal_units else 0
    if width:
        odd = partial(_is_odd_nal_units, width=width)
    suspects, broken, hollow = list[int](), list[int](), list[int]()
    for number, place in enumerate(places):
        if place is None:
            continue
        data = _read_packet(file, place)
        is_odd, is_hollow = odd(data), _has_zero_run(data)
        if is_odd or is_hollow:
            suspects.append(number)
        if is_odd:
            broken.append(number)
        elif is_hollow and width and _has_zero_run_in_units(data, width):
            hollow.append(number)
    return PacketReport(_first_of_stretches(suspects), tuple(broken), tuple(hollow), cut)


def _packet_range(packet: PlacedPacket, size_bytes: int, *, matroska: bool) -> range | None:
    """Return where a packet's own bytes are, None if unknown or incomplete.

    In a WebM the position is that of the block around it.
    """
    start = packet.position
    if start is None or not packet.size:
        return None
    if matroska:
        start += _BLOCK_HEAD
    return range(start, start + packet.size) if start + packet.size <= size_bytes else None


def _read_packet(file: IO[bytes], place: range) -> bytes:
    file.seek(place.start)
    return file.read(min(len(place), MAX_PACKET_BYTES))


def _guess_nal_length_width(file: IO[bytes], places: Sequence[range | None]) -> int:
    """Return how many bytes a NAL unit's length takes: that which fits most of some packets."""
    fits = dict.fromkeys(_NAL_LENGTH_WIDTHS, 0)
    for data in _read_some_packets(file, places):
        for width in _NAL_LENGTH_WIDTHS:
            fits[width] += not _is_odd_nal_units(data, width)
    return max(_NAL_LENGTH_WIDTHS, key=fits.__getitem__)


def _read_some_packets(file: IO[bytes], places: Sequence[range | None]) -> Iterator[bytes]:
    left = _ENOUGH_BYTES
    for place in places[:_ENOUGH]:
        if place and len(place) <= left:
            left -= len(place)
            yield _read_packet(file, place)


def _is_odd_nal_units(data: bytes, width: int = 4) -> bool:
    at = 0
    while at + width < len(data):
        length = int.from_bytes(data[at : at + width])
        if not length or data[at + width] & _FORBIDDEN_BIT:
            return True
        at += width + length
    return at != len(data) and len(data) < MAX_PACKET_BYTES


def _is_odd_vp8(data: bytes) -> bool:
    if len(data) < 3:  # noqa: PLR2004  the frame tag; an empty frame repeats the one before
        return False
    tag = int.from_bytes(data[:3], "little")
    inter, first_partition = tag & 1, tag >> 5
    return first_partition > len(data) or not (inter or data[3:6] == b"\x9d\x01\x2a")


def _is_odd_vp9(data: bytes) -> bool:
    return data[0] & 0xC0 != _VP9_MARKER


def _is_empty(data: bytes) -> bool:
    return not data


def _has_zero_run(data: bytes) -> bool:
    """Report a long run of zeros inside; padding at a packet's end is common."""
    at = data.find(ZERO_RUN)
    return at >= 0 and bool(data[at:].rstrip(b"\0"))


def _has_zero_run_in_units(data: bytes, width: int) -> bool:
    """Report zeros within a NAL unit, where none are: at its end they may fill it up."""
    return any(
        ZERO_RUN in data[start:end].rstrip(b"\0") for start, end in nal_unit_ranges(data, width)
    )


_ODDNESS_CHECKS: dict[str, Callable[..., bool]] = {
    "h264": _is_odd_nal_units,
    "hevc": _is_odd_nal_units,
    "vp8": _is_odd_vp8,
    "vp9": _is_odd_vp9,
}


def _first_of_stretches(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(
        number
        for number, before in zip(numbers, (None, *numbers), strict=False)
        if before is None or number > before + _SAME_STRETCH
    )


def _is_media_box_cut(file: IO[bytes], size_bytes: int, reach: int) -> bool:
    """Report whether a box with media goes beyond the end, and the last packet with it.

    A length that was never filled in, or bytes after the end, take nothing away.
    """
    at = 0
    for _ in range(_MAX_BOXES):
        if at + 16 > size_bytes:
            return False
        file.seek(at)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4]), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16])
        if kind in (*_INDEX_BOXES, _MEDIA_BOX) and at + length > size_bytes:
            return kind != _MEDIA_BOX or reach >= size_bytes
        if length < 8 or not kind.isascii():  # noqa: PLR2004  a box's own head
            return False
        at += length
    return False


def _is_segment_cut(file: IO[bytes], size_bytes: int) -> bool:
    """Report whether a WebM's one segment says that it goes on beyond the end."""
    file.seek(0)
    content = file.read(_HEAD_BYTES)
    at = content.find(_SEGMENT)
    if at < 0 or at + 12 > len(content) or not content[at + 4]:
        return False
    width = 9 - content[at + 4].bit_length()
    length = int.from_bytes(content[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    if length == (1 << 7 * width) - 1:  # unknown: written while it was recorded
        return False
    return at + 4 + width + length > size_bytes
