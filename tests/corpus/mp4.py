"""Surgery on MP4 files: finding, changing, replacing and moving boxes (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator

_OFFSETS = {b"stco": "I", b"co64": "Q"}
_BEFORE_CHILDREN = {b"stsd": 8, b"dref": 8, b"meta": 4}  # fields of a box that holds boxes


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4) + kind + content


def full_box(kind: bytes, *parts: bytes) -> bytes:
    """Make a box that begins with version and flags, both 0."""
    return box(kind, bytes(4), *parts)


def boxes(content: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, beginning and end of each box at one level."""
    end = len(content) if end is None else end
    while at + 8 <= end:
        length = int.from_bytes(content[at : at + 4])
        yield content[at + 4 : at + 8], at, at + length
        at += length


def lineage(content: bytes, path: str) -> list[tuple[int, int]]:
    """Beginning and end of every box on a path ("moov/trak/mdia"), each the first of its kind."""
    found: list[tuple[int, int]] = []
    at, end = 0, len(content)
    for kind in path.encode("latin-1").split(b"/"):
        at, end = next(place[1:] for place in boxes(content, at, end) if place[0] == kind)
        found.append((at, end))
        at += 8 + _BEFORE_CHILDREN.get(kind, 0)
    return found


def body(content: bytes, path: str) -> bytes:
    start, end = lineage(content, path)[-1]
    return content[start + 8 : end]


def poke(content: bytes, path: str, offset: int, value: bytes) -> bytes:
    """Overwrite bytes at an offset into a box's body."""
    start, end = lineage(content, path)[-1]
    at = start + 8 + offset
    assert at + len(value) <= end
    return content[:at] + value + content[at + len(value) :]


def put(content: bytes, path: str, new: bytes) -> bytes:
    """Replace a box by `new` (any number of boxes); those around it grow or shrink.

    What lies behind moves: only for boxes behind the media data, or see `shifted`.
    """
    *around, (start, end) = lineage(content, path)
    grown = len(new) - (end - start)
    changed = bytearray(content[:start] + new + content[end:])
    for at, until in around:
        changed[at : at + 4] = (until - at + grown).to_bytes(4)
    return bytes(changed)


def put_body(content: bytes, path: str, new: bytes) -> bytes:
    return put(content, path, box(path.rsplit("/", 1)[-1].encode("latin-1"), new))


def add(content: bytes, path: str, new: bytes) -> bytes:
    """Append boxes inside a box."""
    return put_body(content, path, body(content, path) + new)


def shifted(moov: bytes, by: int) -> bytes:
    """Give a whole `moov` whose media data lies elsewhere than it says."""
    changed = bytearray(moov)
    for kind, form in _OFFSETS.items():
        at = 0
        while (at := moov.find(kind, at) + 4) > 4:
            (count,) = struct.unpack_from(">I", moov, at + 4)
            numbers = struct.unpack_from(f">{count}{form}", moov, at + 8)
            struct.pack_into(f">{count}{form}", changed, at + 8, *(each + by for each in numbers))
    return bytes(changed)


def index_first(content: bytes) -> bytes:
    """Move a `moov` from the end to right behind `ftyp`."""
    (start, end), (_, after) = lineage(content, "moov")[-1], lineage(content, "ftyp")[-1]
    moov = shifted(content[start:end], end - start)
    return content[:after] + moov + content[after:start] + content[end:]


def index_last(content: bytes) -> bytes:
    """Move a `moov` from right behind `ftyp` to the end."""
    start, end = lineage(content, "moov")[-1]
    return content[:start] + content[end:] + shifted(content[start:end], start - end)


def insert_before_media(content: bytes, new: bytes) -> bytes:
    """Put boxes right before the first `mdat`; the index is told."""
    at, _ = lineage(content, "mdat")[-1]
    start, end = lineage(content, "moov")[-1]
    moov = shifted(content[start:end], len(new))
    if start < at:
        return content[:start] + moov + content[end:at] + new + content[at:]
    return content[:at] + new + content[at:start] + moov + content[end:]


def media(content: bytes) -> tuple[int, int]:
    """Where the bytes of the first `mdat` are."""
    start, end = lineage(content, "mdat")[-1]
    return start + 8, end


def lengthened(content: bytes, factor: float, *paths: str) -> bytes:
    """Multiply the length that the given headers state; the samples stay as they are."""
    offsets = {"mvhd": 16, "mdhd": 16, "tkhd": 20, "elst": 8}
    for path in paths:
        offset = offsets[path.rsplit("/", 1)[-1]]
        (length,) = struct.unpack_from(">I", body(content, path), offset)
        content = poke(content, path, offset, round(length * factor).to_bytes(4))
    return content
