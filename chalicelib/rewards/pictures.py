"""Reads from its bytes whether a picture is a whole JPEG or PNG of bounded size.

The file that others see holds the picture alone: cameras and editors write into a file where and
when it was taken, by whom, and a thumbnail of what was cut off. `examine_picture` leaves that out.
"""

import re
import struct
import zlib
from collections.abc import Iterator

from chalicelib.foundation.values import dataclass
from chalicelib.rewards.picture_data import DataBroken, JpegScans, PngHeader, check_png

MAX_BYTES = 1_048_576
MIN_SIDE, MAX_SIDE = 40, 4096
"""Pixels (product rule): what a phone shows, and what any phone can decode."""
MAX_PIXELS = 4096 * 3072
"""The 12 megapixels of phones, which some write as 4032 by 3024 (product rule)."""
JPEG, PNG = "image/jpeg", "image/png"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = 13
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample by colour type: the combinations there are (PNG, section 11.2.1)."""
_PALETTE = 3
_PNG_NEEDED = frozenset({b"IHDR", b"IDAT", b"IEND"})
_PNG_CHUNK_LENGTHS = {
    b"IHDR": range(_PNG_HEADER, _PNG_HEADER + 1),
    b"PLTE": range(3, 769, 3),
    b"IDAT": range(MAX_BYTES),
    b"IEND": range(1),
    b"tRNS": range(1, 257),
    b"bKGD": (1, 2, 6),
    b"pHYs": (9,),
    b"sBIT": range(1, 5),
    b"gAMA": (4,),
    b"cHRM": (32,),
    b"sRGB": (1,),
    b"iCCP": range(MAX_BYTES),
    b"cICP": (4,),
    b"mDCV": (24,),
    b"cLLI": (8,),
}
"""Chunks that decide what is seen, and how many bytes they hold.

Texts, times, places and whatever is not known stay behind.
"""
_MAX_CHUNKS = 10_000
"""Chunks or segments; a writer makes fewer than a row of pixels has, and each takes time."""
_CRITICAL_CHUNK_LETTERS = range(ord("A"), ord("Z") + 1)
"""How the name of a chunk begins that a decoder must know."""
_MARKER_BYTE = 0xFF
_START, _END, _SCAN, _STUFFED = 0xD8, 0xD9, 0xDA, 0x00
_RESTART_MARKERS = range(0xD0, 0xD8)
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_SUPPORTED_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive: what browsers show. Lossless and arithmetic they do not."""
_JPEG_DEPTH, _JPEG_COLOURS = 8, (1, 3, 4)
"""Bits of a sample, and samples of a pixel, likewise: grey, colours, those of print."""
_UNSUPPORTED_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TABLE_MARKERS = frozenset({0xC4, 0xDB, 0xDC, 0xDD})
"""Huffman and quantization tables, number of lines, restart interval."""
_JFIF, _EXIF, _PROFILE, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_JFIF_START, _EXIF_START, _PROFILE_START, _ADOBE_START = (
    b"JFIF\0",
    b"Exif\0\0",
    b"ICC_PROFILE\0",
    b"Adobe",
)
_JFIF_BARE, _ADOBE_BARE = 12, 12
"""Bytes of these segments that are about the colours; behind them lies a thumbnail, or nothing."""
_ORIENTATION_TAG, _SHORT = 0x0112, 3
_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)
_ROTATED_ORIENTATIONS = range(5, 9)


class PictureRefused(ValueError):
    """Not a picture that can be shown; `code` is stable, `limit` the bound that was broken."""

    def __init__(self, code: str, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.limit = limit


@dataclass(frozen=True)
class ExaminedPicture:
    """A picture: its content type, its size in pixels as displayed, and the bytes to show."""

    content_type: str
    width: int
    height: int
    shown: bytes


def examine_picture(content: bytes) -> ExaminedPicture:
    """Read what a picture is from its bytes. Raises `PictureRefused`.

    The whole structure is walked. Bytes behind the end of a JPEG are left out, as all data
    beside the picture are: phones put a second picture, a film or notes of their own there. Nothing
    writes behind the end of a PNG, so one that is something else too is refused. Pixels are not
    decoded; that is the browser's. The bytes to show have everything that decides what is seen, the
    orientation included, and nothing else.
    """
    if len(content) > MAX_BYTES:
        raise PictureRefused("too_large", "A picture may have at most 1 MB.", MAX_BYTES)
    try:
        if content.startswith(_PNG_START):
            facts = _examine_png(content)
        elif content.startswith(b"\xff\xd8\xff"):
            facts = _examine_jpeg(content)
        else:
            raise PictureRefused("unsupported_picture", "A picture is a JPEG or a PNG file.")
    except (struct.error, IndexError, DataBroken) as error:
        raise _damaged_picture() from error
    return facts


def _check_size(width: int, height: int) -> None:
    size = f"The picture has {width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise PictureRefused("too_small", f"{size}; each side needs {MIN_SIDE} at least.", MIN_SIDE)
    if max(width, height) > MAX_SIDE:
        raise PictureRefused(
            "too_many_pixels", f"{size}; a side has {MAX_SIDE:,} at most.", MAX_SIDE
        )
    if width * height > MAX_PIXELS:
        raise PictureRefused(
            "too_many_pixels", f"{size}; in all it has {MAX_PIXELS:,} at most.", MAX_PIXELS
        )


def _damaged_picture() -> PictureRefused:
    return PictureRefused("damaged_picture", "The picture's file is damaged or incomplete.")


def _unsupported_picture() -> PictureRefused:
    return PictureRefused(
        "unsupported_picture", "Browsers cannot show this kind of JPEG. Save it again."
    )


def _examine_png(content: bytes) -> ExaminedPicture:
    header: PngHeader | None = None
    seen, packed, orientation = set[bytes](), list[bytes](), _UPRIGHT
    kept, before = [_PNG_START], b""
    for kind, held, whole in _chunks(content):
        if (header is None) is not (kind == b"IHDR"):
            raise _damaged_picture()
        match kind:
            case b"IHDR":
                header = _read_png_header(held)
            case b"IDAT":
                packed.append(held)
            case b"eXIf":
                orientation = _orientation(held)
        again = kind in seen and not (kind == before == b"IDAT")
        if _is_kept_chunk(kind, held, again=again):
            kept.append(whole)
        seen.add(kind)
        before = kind
    palette = header is not None and header.colour == _PALETTE
    if header is None or not seen >= _PNG_NEEDED or (palette and b"PLTE" not in seen):
        raise _damaged_picture()
    size = _displayed_size((header.width, header.height), orientation)
    _check_size(*size)
    check_png(header, packed)
    if orientation != _UPRIGHT:
        kept.insert(2, _chunk_bytes(b"eXIf", _orientation_block(orientation)))  # behind the header
    return ExaminedPicture(PNG, *size, b"".join(kept))


def _is_kept_chunk(kind: bytes, held: bytes, *, again: bool) -> bool:
    """Return whether a chunk belongs to what is shown. Raises `PictureRefused`."""
    if kind == b"acTL":
        raise PictureRefused("animated_picture", "The picture is animated. Use a still one.")
    shown = len(held) in _PNG_CHUNK_LENGTHS.get(kind, ()) and not again
    if not shown and kind[0] in _CRITICAL_CHUNK_LETTERS:
        raise _damaged_picture()
    return shown


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield each chunk's kind, what it holds, and its bytes as a whole; the last one ends it."""
    at, kind, parts = len(_PNG_START), b"", 0
    while at < len(content):
        parts += 1
        if kind == b"IEND" or parts > _MAX_CHUNKS:
            raise _damaged_picture()
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        held = content[at + 8 : end - 4]
        (checked,) = struct.unpack_from(">I", content, end - 4)
        if zlib.crc32(kind + held) != checked:
            raise _damaged_picture()
        yield kind, held, content[at:end]
        at = end
    if kind != b"IEND":
        raise _damaged_picture()


def _chunk_bytes(kind: bytes, held: bytes) -> bytes:
    chunk = kind + held
    return struct.pack(">I", len(held)) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _read_png_header(held: bytes) -> PngHeader:
    """Read a PNG's header."""
    if len(held) != _PNG_HEADER:
        raise _damaged_picture()
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(
        ">IIBBBBB", held
    )
    if depth not in _PNG_DEPTHS.get(colour, ()) or (compression, filtering) != (0, 0):
        raise _damaged_picture()
    if interlace not in (0, 1):
        raise _damaged_picture()
    return PngHeader(width, height, depth, colour, bool(interlace))


def _examine_jpeg(content: bytes) -> ExaminedPicture:
    at, size, orientation, scans = 2, None, _UPRIGHT, JpegScans()
    kept: list[bytes] = []
    for _ in range(_MAX_CHUNKS):
        marker, held, at = _next_segment(content, at)
        if marker == _END:
            break
        kept.extend(_kept_segments(marker, held))
        if marker in _SUPPORTED_FRAMES:
            depth, height, width, colours = struct.unpack_from(">BHHB", held)
            if depth != _JPEG_DEPTH or colours not in _JPEG_COLOURS:
                raise _unsupported_picture()
            size = width, height
            scans.frame(marker, held)
        elif marker in _TABLE_MARKERS:
            scans.table(marker, held)
        elif marker == _SCAN:
            begun, at = at, _after_scan(content, at)
            coded = content[begun:at]
            scans.scan(held, coded)
            kept.append(coded)
        elif marker == _EXIF and held.startswith(_EXIF_START):
            orientation = _orientation(held[len(_EXIF_START) :])
    if size is None or marker != _END:
        raise _damaged_picture()
    shown_size = _displayed_size(size, orientation)
    _check_size(*shown_size)
    scans.finish()
    begin = [b"\xff\xd8"]
    if orientation != _UPRIGHT:
        begin.append(_segment_bytes(_EXIF, _EXIF_START + _orientation_block(orientation)))
    return ExaminedPicture(JPEG, *shown_size, b"".join([*begin, *kept, b"\xff\xd9"]))


def _kept_segments(marker: int, held: bytes) -> Iterator[bytes]:
    """Yield what is shown of a segment: it, a part of it, or nothing."""
    if marker == _SCAN or marker in _SUPPORTED_FRAMES or marker in _TABLE_MARKERS:
        yield _segment_bytes(marker, held)
    elif marker == _JFIF and held.startswith(_JFIF_START):
        yield _segment_bytes(marker, held[:_JFIF_BARE].ljust(_JFIF_BARE, b"\0") + b"\0\0")
    elif marker == _PROFILE and held.startswith(_PROFILE_START):
        yield _segment_bytes(marker, held)
    elif marker == _ADOBE and held.startswith(_ADOBE_START):
        yield _segment_bytes(marker, held[:_ADOBE_BARE])


def _segment_bytes(marker: int, held: bytes) -> bytes:
    return struct.pack(">BBH", _MARKER_BYTE, marker, len(held) + 2) + held


def _displayed_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    width, height = size
    return (height, width) if orientation in _ROTATED_ORIENTATIONS else (width, height)


def _orientation(exif: bytes) -> int:
    """Read how a picture is to be turned; upright where it does not say so in an orderly way."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return _UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, min(at + 2 + 12 * count, len(exif)), 12):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if (tag, kind, number) == (_ORIENTATION_TAG, _SHORT, 1):
                return int(value) if value in _ORIENTATIONS else _UPRIGHT
    except struct.error:
        return _UPRIGHT
    return _UPRIGHT


def _orientation_block(orientation: int) -> bytes:
    """Write an EXIF block with the orientation and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION_TAG, _SHORT, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def _next_segment(content: bytes, at: int) -> tuple[int, bytes, int]:
    """Read a segment; return its marker, what it holds, and where the next one begins."""
    marker, at = _next_marker(content, at)
    if marker == _END:
        return marker, b"", at
    (length,) = struct.unpack_from(">H", content, at)
    if length < 2 or at + length > len(content):  # noqa: PLR2004  counts itself
        raise _damaged_picture()
    return marker, content[at + 2 : at + length], at + length


def _next_marker(content: bytes, at: int) -> tuple[int, int]:
    """Read the marker of a segment; return it and where the segment's length stands."""
    if content[at] != _MARKER_BYTE:
        raise _damaged_picture()
    while content[at] == _MARKER_BYTE:
        at += 1
    marker = content[at]
    if marker in _UNSUPPORTED_FRAMES:
        raise _unsupported_picture()
    if marker in (_START, _STUFFED) or marker in _RESTART_MARKERS:
        raise _damaged_picture()
    return marker, at + 1


def _after_scan(content: bytes, at: int) -> int:
    """Return where the next marker begins after a scan's data. Raises `PictureRefused` for none."""
    found = _AFTER_SCAN.search(content, at)
    if found is None:
        raise _damaged_picture()
    return found.start()
