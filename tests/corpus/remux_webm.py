"""Reads a WebM into its blocks and writes them anew, as other programs would have (RFC 9559)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.corpus import ebml

_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = b"\xa3", b"\xa0", b"\xa1"
_TIMESTAMP, _REFERENCE, _BLOCK_SECONDS = b"\xe7", b"\xfb", b"\x9b"
_ENTRY, _NUMBER, _UID, _TYPE, _CODEC = b"\xae", b"\xd7", b"\x73\xc5", b"\x83", b"\x86"
_KEY = 0x80


@dataclass(frozen=True)
class Block:
    """A frame of a track; `time` in milliseconds."""

    track: int
    time: int
    key: bool
    data: bytes
    lasts: int | None = None


@dataclass(frozen=True)
class Movie:
    """`head` is the EBML header, `tracks` the content of `Tracks`."""

    head: bytes
    tracks: bytes
    blocks: tuple[Block, ...]

    @property
    def milliseconds(self) -> int:
        return max(block.time + (block.lasts or 42) for block in self.blocks)


@dataclass(frozen=True)
class Layout:
    """How a file is put together: `cluster` milliseconds in one, `padding` free bytes before it.

    `live`: nothing says how long it is, as in a file that is written while it is recorded.
    """

    cluster: int = 1000
    padding: int = 0
    groups: bool = False
    live: bool = False
    stated: bool = True


def read(content: bytes) -> Movie:
    segment, _, _ = ebml.place(content, ebml.SEGMENT)
    _, tracks, tracks_end = ebml.place(content, ebml.TRACKS)
    blocks: list[Block] = []
    for start, stop in ebml.clusters(content):
        blocks += _blocks(content, start, stop)
    return Movie(content[:segment], content[tracks:tracks_end], tuple(blocks))


def _blocks(content: bytes, at: int, end: int) -> Iterator[Block]:
    since = 0
    while at < end:
        name = content[at : at + 1]
        length, width = ebml.size_at(content, at + 1)
        start = at + 1 + width
        at = start + length
        if name == _TIMESTAMP:
            since = int.from_bytes(content[start:at])
        elif name == _SIMPLE_BLOCK:
            yield _block(content[start:at], since, key=bool(content[start + 3] & _KEY))
        elif name == _BLOCK_GROUP and content[start : start + 1] == _BLOCK:
            length, width = ebml.size_at(content, start + 1)
            inner = start + 1 + width
            rest = content[inner + length : at]
            yield _block(content[inner : inner + length], since, key=_REFERENCE not in rest)


def _block(body: bytes, since: int, *, key: bool) -> Block:
    return Block(body[0] & 0x7F, since + int.from_bytes(body[1:3], signed=True), key, body[4:])


PLAIN = Layout()


def write(movie: Movie, layout: Layout = PLAIN) -> bytes:
    """Write a file with these blocks."""
    info = [ebml.element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(3))]
    if layout.stated and not layout.live:
        info.append(ebml.element(ebml.DURATION, struct.pack(">d", movie.milliseconds)))
    info += [ebml.element(b"\x4d\x80", b"made"), ebml.element(b"\x57\x41", b"made")]
    parts = [ebml.element(ebml.INFO, *info), ebml.element(ebml.TRACKS, movie.tracks)]
    for blocks in _clusters(movie.blocks, layout.cluster):
        since = min(block.time for block in blocks)
        body = [ebml.element(_TIMESTAMP, since.to_bytes(4))]
        body += [_written(block, since, groups=layout.groups) for block in blocks]
        if layout.padding:
            parts.append(ebml.VOID + ebml.void_size(layout.padding + 9))
        cluster = ebml.element(ebml.CLUSTER, *body)
        parts.append(_unknown(cluster) if layout.live else cluster)
    whole = ebml.element(ebml.SEGMENT, *parts)
    return movie.head + (_unknown(whole) if layout.live else whole)


def _unknown(element: bytes) -> bytes:
    """Let the length of an element with a four-byte name be unknown."""
    return element[:4] + b"\x01" + b"\xff" * 7 + element[12:]


def _clusters(blocks: Sequence[Block], milliseconds: int) -> Iterator[list[Block]]:
    part: list[Block] = []
    for block in sorted(blocks, key=lambda block: block.time):
        if part and block.time >= part[0].time + min(milliseconds, 30_000):
            yield part
            part = []
        part.append(block)
    yield part


def _written(block: Block, since: int, *, groups: bool) -> bytes:
    flags = _KEY if block.key and not groups else 0
    place = (block.time - since).to_bytes(2, signed=True)
    body = bytes([0x80 | block.track]) + place + bytes([flags]) + block.data
    if not groups and block.lasts is None:
        return ebml.element(_SIMPLE_BLOCK, body)
    more = [] if block.key else [ebml.element(_REFERENCE, b"\xff")]
    if block.lasts is not None:
        more.append(ebml.element(_BLOCK_SECONDS, block.lasts.to_bytes(4)))
    return ebml.element(_BLOCK_GROUP, ebml.element(_BLOCK, body), *more)


def delayed(movie: Movie, milliseconds: int) -> Movie:
    """Let everything begin later."""
    return replace(
        movie, blocks=tuple(replace(each, time=each.time + milliseconds) for each in movie.blocks)
    )


def cut(movie: Movie, milliseconds: int) -> Movie:
    """Leave out all before the key frame at or after a time."""
    first = next(
        block.time
        for block in movie.blocks
        if block.track == 1 and block.key and block.time >= milliseconds
    )
    kept = [block for block in movie.blocks if block.time >= first]
    return delayed(replace(movie, blocks=tuple(kept)), -first)


TEXT_TRACKS = {
    "webvtt": (b"D_WEBVTT/SUBTITLES", b"hello"),
    "webvtt_captions": (b"D_WEBVTT/CAPTIONS", b"hello"),
    "text": (b"S_TEXT/UTF8", b"hello"),
    "webvtt_metadata": (b"D_WEBVTT/METADATA", b"{}"),
}


def with_text(movie: Movie, kind: str, seconds: int, *, empty: bool = False) -> Movie:
    """Add a track of text with a line each second."""
    codec, data = TEXT_TRACKS[kind]
    number = 7
    entry = ebml.element(
        _ENTRY,
        ebml.element(_NUMBER, bytes([number])),
        ebml.element(_UID, bytes([number])),
        ebml.element(_TYPE, b"\x11"),
        ebml.element(_CODEC, codec),
    )
    lines = (
        ()
        if empty
        else tuple(
            Block(number, second * 1000, key=True, data=data, lasts=900)
            for second in range(seconds)
        )
    )
    return Movie(movie.head, movie.tracks + entry, movie.blocks + lines)


def glued(*contents: bytes) -> bytes:
    return b"".join(contents)
