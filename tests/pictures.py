"""Pictures made for tests: whole files of any size, and what they are made of."""

import struct
import zlib
from collections.abc import Callable


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk of a PNG."""
    checked = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checked)


def png(
    width: int, height: int, *, more: bytes = b"", colour: tuple[int, int, int] = (90, 60, 200)
) -> bytes:
    """Make a PNG of one colour that is shown as such; of impossible sizes only its header is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer, row = zlib.compressobj(1), b"\0" + bytes(colour) * width
    shown = height if width * height <= 16_000_000 else 0
    packed = b"".join(packer.compress(row) for _ in range(shown)) + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + more
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def png_of(
    width: int,
    height: int,
    *,
    depth: int,
    colour: int,
    interlaced: bool = False,
    more: bytes = b"",
    pixels: Callable[[bytes], bytes] = lambda rows: rows,
) -> bytes:
    """Make a PNG of any kind, all of whose samples are 0; `pixels` changes its rows.

    Written apart from what it tests: each pass of an interlaced one lists its pixels one by one.
    """
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    grid = (
        *("16462646", "77777777", "56565656", "77777777"),
        *("36463646", "77777777", "56565656", "77777777"),
    )
    rows = b""
    for each in "1234567" if interlaced else "0":
        for y in range(height):
            columns = [x for x in range(width) if not interlaced or grid[y % 8][x % 8] == each]
            if columns:
                rows += b"\0" + bytes((len(columns) * bits + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + more
        + chunk(b"IDAT", zlib.compress(pixels(rows)))
        + chunk(b"IEND", b"")
    )


def segment(marker: int, held: bytes) -> bytes:
    """Make a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(held) + 2) + held


def jpeg(width: int, height: int) -> bytes:
    """Make a grey JPEG: one code of one bit for each of a block's two coefficients, `0` and end."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    one_code = b"\x01" + bytes(15) + b"\x00"
    used = 2 * blocks % 8
    coded = bytes(2 * blocks // 8) + (bytes([0xFF >> used]) if used else b"")
    return (
        b"\xff\xd8"
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
        + segment(0xDB, bytes([0, *[1] * 64]))
        + segment(0xC0, frame)
        + segment(0xC4, b"\x00" + one_code + b"\x10" + one_code)
        + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
        + coded
        + b"\xff\xd9"
    )
