"""What else WebM allows and some program writes: every one of these plays (RFC 8794 and 9559)."""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from tests.corpus import ebml, remux_webm
from tests.corpus.ebml import element
from tests.corpus.fixtures import clip, fixture
from tests.corpus.remux_webm import Block, Movie

_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = b"\xe7", b"\xa3", b"\xa0", b"\xa1"
_ENTRY, _VIDEO = b"\xae", b"\xe0"
_XIPH, _FIXED, _EBML = 0x02, 0x04, 0x06

type Clusters = Callable[[Movie], Sequence[bytes]]


def recorded() -> Movie:
    return remux_webm.read(clip("demo.webm"))


def simple(block: Block, since: int) -> bytes:
    place = (block.time - since).to_bytes(2, signed=True)
    flags = bytes([0x80 if block.key else 0])
    return element(_SIMPLE_BLOCK, bytes([0x80 | block.track]), place, flags, block.data)


def grouped(block: Block, since: int) -> bytes:
    """Write a block with how long it lasts, what it leans on, and no padding to drop."""
    place = (block.time - since).to_bytes(2, signed=True)
    body = element(_BLOCK, bytes([0x80 | block.track]), place, b"\0", block.data)
    lasts = element(b"\x9b", (20 if block.track == 2 else 41).to_bytes(2))
    leans = b"" if block.key else element(b"\xfb", (-41).to_bytes(2, signed=True))
    return element(_BLOCK_GROUP, body, lasts, leans, element(b"\x75\xa2", b"\0"))


def clusters(
    movie: Movie,
    milliseconds: int = 1000,
    write: Callable[[Block, int], bytes] = simple,
    more: bytes = b"",
    first: bytes = b"",
) -> list[bytes]:
    found = []
    at, blocks = 0, sorted(movie.blocks, key=lambda block: block.time)
    while at < len(blocks):
        since = blocks[at].time
        part = [each for each in blocks[at:] if each.time < since + min(milliseconds, 30_000)]
        body = (write(each, since) for each in part)
        begins = element(_TIMESTAMP, since.to_bytes(4))
        found.append(element(ebml.CLUSTER, first, begins, more, *body))
        at += len(part)
    return found


def webm(
    write: Clusters = clusters,
    *,
    before: bytes = b"",
    behind: bytes = b"",
    tracks: Callable[[bytes], bytes] | None = None,
    scale: int = 1_000_000,
) -> bytes:
    """Write the clip with other elements before and behind its clusters."""
    movie = recorded()
    length = struct.pack(">d", movie.milliseconds * 1_000_000 / scale)
    info = element(
        ebml.INFO,
        element(b"\x2a\xd7\xb1", scale.to_bytes(4)),
        element(ebml.DURATION, length),
        element(b"\x4d\x80", b"made"),
        element(b"\x57\x41", b"made"),
    )
    entries = element(ebml.TRACKS, tracks(movie.tracks) if tracks else movie.tracks)
    return movie.head + element(ebml.SEGMENT, before, info, entries, *write(movie), behind)


def void(length: int) -> bytes:
    return ebml.VOID + ebml.void_size(length)


# Clusters.


def unknown(cluster: bytes) -> bytes:
    """Let a cluster's length be unknown, as in a stream."""
    return cluster[:4] + b"\x01" + b"\xff" * 7 + cluster[12:]


def endless(movie: Movie) -> list[bytes]:
    return [unknown(each) for each in clusters(movie)]


def finer(movie: Movie) -> list[bytes]:
    """Count in tenths of milliseconds."""
    return clusters(
        Movie(
            movie.head,
            movie.tracks,
            tuple(Block(each.track, each.time * 10, each.key, each.data) for each in movie.blocks),
        )
    )


CUES = element(
    ebml.CUES,
    element(
        b"\xbb",
        element(b"\xb3", b"\0"),
        element(b"\xb7", element(b"\xf7", b"\1"), element(b"\xf1", b"\1\0")),
    ),
)
TAGS = element(
    ebml.TAGS,
    element(
        b"\x73\x73",
        element(b"\x63\xc0"),
        element(b"\x67\xc8", element(b"\x45\xa3", b"TITLE"), element(b"\x44\x87", b"made")),
    ),
)
CHECKED = element(b"\xbf", b"sums")
PLACED = element(b"\xa7", bytes(4)) + element(b"\xab", bytes(4))

for name, what, make in (
    (
        "endless_clusters",
        "clusters without a length, then cues",
        partial(webm, endless, behind=CUES),
    ),
    ("tiny_clusters", "a cluster for each block", partial(webm, partial(clusters, milliseconds=1))),
    ("one_cluster", "one cluster", partial(webm, partial(clusters, milliseconds=60_000))),
    (
        "block_groups",
        "groups of blocks that say how long they last",
        partial(webm, partial(clusters, write=grouped)),
    ),
    (
        "checksums",
        "checksums and places in each cluster",
        partial(webm, partial(clusters, first=CHECKED, more=PLACED)),
    ),
    (
        "voids",
        "free space of 900 KB before, and some in each cluster",
        partial(webm, partial(clusters, more=void(500)), before=void(900_000), behind=void(9000)),
    ),
    (
        "cues_first",
        "cues, with places that are not so, before all else",
        partial(webm, before=CUES),
    ),
    ("tags_first", "tags before all else", partial(webm, before=TAGS)),
    (
        "tenths_of_milliseconds",
        "times in tenths of milliseconds",
        partial(webm, finer, scale=100_000),
    ),
):
    fixture(f"{name}.webm", what, make)


# Several frames in a block (lacing).


def laced_sizes(kind: int, frames: Sequence[bytes]) -> bytes:
    sizes = [len(frame) for frame in frames]
    if kind == _XIPH:
        return b"".join(b"\xff" * (size // 255) + bytes([size % 255]) for size in sizes[:-1])
    if kind == _EBML:
        steps = [later - size for size, later in pairwise(sizes[:-1])]
        first = (0x4000 | sizes[0]).to_bytes(2)
        return first + b"".join((0x4000 | step + 0x1FFF).to_bytes(2) for step in steps)
    return b""


def laced(kind: int, movie: Movie) -> list[bytes]:
    """Let three frames of sound share a block each; of fixed sizes, where they are the same."""

    def blocks() -> Iterator[Block]:
        yield from (each for each in movie.blocks if each.track == 1)
        sound = [each for each in movie.blocks if each.track == 2]
        for at in range(0, len(sound), 3):
            group = sound[at : at + 3]
            frames = [each.data for each in group]
            if kind == _FIXED and len({len(frame) for frame in frames}) > 1:
                yield from group
                continue
            head = bytes([len(frames) - 1]) + laced_sizes(kind, frames)
            yield Block(2, group[0].time, key=True, data=head + b"".join(frames), lasts=kind)

    def write(block: Block, since: int) -> bytes:
        if block.lasts is None:
            return simple(block, since)
        place = (block.time - since).to_bytes(2, signed=True)
        return element(_SIMPLE_BLOCK, b"\x82", place, bytes([0x80 | block.lasts]), block.data)

    return clusters(Movie(movie.head, movie.tracks, tuple(blocks())), write=write)


for name, kind in (("xiph", _XIPH), ("ebml", _EBML), ("fixed", _FIXED)):
    fixture(
        f"laced_{name}.webm",
        f"frames of sound share blocks, {name} lacing",
        partial(webm, partial(laced, kind)),
    )
fixture(
    "laces_of_nothing.webm",
    "100,000 blocks of 256 frames without a byte, behind the video",
    partial(
        webm,
        behind=element(
            ebml.CLUSTER,
            element(_TIMESTAMP, (4000).to_bytes(4)),
            b"\xa3\x85\x82\0\0\x84\xff" * 100_000,
        ),
    ),
)


# What a track says of itself.


def told(of_picture: bytes, of_track: bytes, tracks: bytes) -> bytes:
    """Add elements to the entry of the picture's track."""
    at, entries = 0, []
    while at < len(tracks):
        length, width = ebml.size_at(tracks, at + 1)
        body = tracks[at + 1 + width : at + 1 + width + length]
        entries.append(element(_ENTRY, told_of_one(of_picture, of_track, body)))
        at += 1 + width + length
    return b"".join(entries)


def told_of_one(of_picture: bytes, of_track: bytes, entry: bytes) -> bytes:
    at, parts, is_picture = 0, [], False
    while at < len(entry):
        name = entry[at : at + 9 - entry[at].bit_length()]
        at += len(name)
        length, width = ebml.size_at(entry, at)
        body = entry[at + width : at + width + length]
        is_picture = is_picture or name == _VIDEO
        parts.append(element(name, body, of_picture if name == _VIDEO else b""))
        at += width + length
    return b"".join(parts) + (of_track if is_picture else b"")


def of_size(unit: int, width: int, height: int) -> bytes:
    sides = element(b"\x54\xb0", width.to_bytes(2)) + element(b"\x54\xba", height.to_bytes(2))
    return element(b"\x54\xb2", bytes([unit])) + sides


_COLOURS = element(
    b"\x55\xb0",
    *(
        element(name, value)
        for name, value in (
            (b"\x55\xb1", b"\x09"),
            (b"\x55\xba", b"\x10"),
            (b"\x55\xbb", b"\x09"),
        )
    ),
)
_DELAY = element(b"\x56\xaa", (6_500_000).to_bytes(4)) + element(b"\x56\xbb", bytes(4))

for name, what, of_picture, of_track in (
    ("shape_in_pixels", "shown 540 x 960", of_size(0, 540, 960), b""),
    ("shape_as_ratio", "its shape given as 9 to 16", of_size(3, 9, 16), b""),
    ("shape_in_centimetres", "its shape given as 9 x 16 cm", of_size(1, 9, 16), b""),
    ("shape_unknown", "its shape given as not known", element(b"\x54\xb2", b"\4"), b""),
    ("colours", "HDR, as its track says", _COLOURS, b""),
    ("not_cropped", "a crop of nothing", element(b"\x54\xaa", b"\0"), b""),
    ("codec_delay", "a delay of its codec", b"", _DELAY),
    (
        "unit_as_rate",
        "a frame each millisecond, says its track, but 24 a second come",
        b"",
        element(b"\x23\xe3\x83", (1_000_000).to_bytes(4)),
    ),
):
    fixture(f"{name}.webm", what, partial(webm, tracks=partial(told, of_picture, of_track)))
