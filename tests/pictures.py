"""Pictures made for tests: whole files of any size, and what they are made of."""

import struct
import zlib

_JPEG_TABLES = b"\xff\xdb\x00\x43\x00" + bytes([1] * 64)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk of a PNG."""
    checked = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checked)


def png(
    width: int, height: int, *, more: bytes = b"", colour: tuple[int, int, int] = (90, 60, 200)
) -> bytes:
    """Make a PNG of one colour that is shown as such; of impossible sizes only its header is."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    shown = max(0, min(width * height, 4_000_000) // max(width, 1))
    rows = (b"\0" + bytes(colour) * width) * shown
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + more
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    """Make the structure of a JPEG, with a scan that shows nothing."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    scan = b"\x01\x01\x00\x00\x3f\x00"
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
        + _JPEG_TABLES
        + b"\xff\xc0"
        + struct.pack(">H", len(frame) + 2)
        + frame
        + b"\xff\xda"
        + struct.pack(">H", len(scan) + 2)
        + scan
        + b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd9"
    )
