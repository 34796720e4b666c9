"""Surgery on WebM files: elements found by their ids (RFC 8794 and 9559)."""

import struct

SEGMENT = b"\x18\x53\x80\x67"
CLUSTER = b"\x1f\x43\xb6\x75"
CUES = b"\x1c\x53\xbb\x6b"
SEEK_HEAD = b"\x11\x4d\x9b\x74"
INFO = b"\x15\x49\xa9\x66"
TRACKS = b"\x16\x54\xae\x6b"
TAGS = b"\x12\x54\xc3\x67"
DURATION = b"\x44\x89"
VOID = b"\xec"
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
_SEEK_ID = b"\x53\xab\x84"


def element(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return name + (len(content) | 1 << 56).to_bytes(8) + content


def size_at(content: bytes, at: int) -> tuple[int, int]:
    """Value and width of the size that stands at a position."""
    width = 9 - content[at].bit_length()
    return int.from_bytes(content[at : at + width]) & ((1 << 7 * width) - 1), width


def place(content: bytes, name: bytes, after: int = 0) -> tuple[int, int, int]:
    """Where the next element of a name begins, its content begins, and it ends."""
    start = content.index(name, after)
    while content[start - 3 : start] == _SEEK_ID:  # the table of contents names elements too
        start = content.index(name, start + 1)
    length, width = size_at(content, start + len(name))
    begin = start + len(name) + width
    return start, begin, begin + length


def with_duration(content: bytes, seconds: float) -> bytes:
    _, begin, end = place(content, DURATION)
    form = ">d" if end - begin == 8 else ">f"
    return content[:begin] + struct.pack(form, seconds * 1000) + content[end:]


def voided(content: bytes, name: bytes, after: int = 0) -> bytes:
    """Turn an element into nothing of the same length."""
    start, _, end = place(content, name, after)
    return content[:start] + VOID + void_size(end - start - 1) + content[end:]


def void_size(left: int) -> bytes:
    """Size and content of a void element that fills what is left behind its id."""
    if left <= 8:
        return bytes([0x80 | left - 1]) + bytes(left - 1)
    return (left - 8 | 1 << 56).to_bytes(8) + bytes(left - 8)


def unknown_segment(content: bytes) -> bytes:
    """Let the segment's length be unknown, as of one that is still being written."""
    start, begin, _ = place(content, SEGMENT)
    width = begin - start - 4
    return content[: start + 4] + ((1 << 7 * width + 1) - 1).to_bytes(width) + content[begin:]


def appended(content: bytes, new: bytes) -> bytes:
    """Add elements at the end of the segment, whose length is told of them."""
    start, begin, end = place(content, SEGMENT)
    width = begin - start - 4
    length = (end - begin + len(new)) | 1 << 7 * width
    return content[: start + 4] + length.to_bytes(width) + content[begin:end] + new


def clusters(content: bytes) -> list[tuple[int, int]]:
    """Where the content of each cluster is."""
    found, after = [], 0
    while content.find(CLUSTER, after) >= 0:
        _, begin, end = place(content, CLUSTER, after)
        found.append((begin, end))
        after = end
    return found


def blocks(content: bytes) -> list[tuple[int, int]]:
    """Where the picture or sound of each block is, behind its head; a group begins with one."""
    found = []
    for begin, end in clusters(content):
        at = begin
        while at < end:
            length, width = size_at(content, at + 1)
            start = at + 1 + width
            after = start + length
            if content[at] == _BLOCK_GROUP and content[start] == _BLOCK:
                length, width = size_at(content, start + 1)
                start += 1 + width
            if content[at] in (_SIMPLE_BLOCK, _BLOCK_GROUP):
                found.append((start + 4, start + length))
            at = after
    return found
