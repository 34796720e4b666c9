"""What else MP4 allows and some program writes: every one of these plays (ISO/IEC 14496-12)."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from tests.corpus import mp4, remux
from tests.corpus.field import movie
from tests.corpus.fixtures import clip, fixture, noise
from tests.corpus.remux import Movie, Track

TABLES = "moov/trak/mdia/minf/stbl"
ENDLESS = b"\xff" * 4


def with_picture(change: Callable[[Track], Track], name: str = "demo.mp4") -> bytes:
    """Write a clip with its picture changed."""
    tracks = (change(track) if track.handler == b"vide" else track for track in movie(name))
    return remux.write(tuple(tracks))


# Descriptions of the picture.


def described(entry: bytes, *boxes: bytes, copies: int = 1) -> bytes:
    """Add boxes to what `stsd` says of the codec, and repeat that."""
    whole = mp4.box(entry[12:16], entry[16:], *boxes)
    return bytes(4) + copies.to_bytes(4) + whole * copies


_HDR = (
    mp4.box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 0)),
    mp4.box(b"mdcv", struct.pack(">8HII", *range(8500, 8508), 10_000_000, 50)),
    mp4.box(b"clli", struct.pack(">HH", 1000, 400)),
)
_DOLBY = mp4.box(b"dvvC", b"\1\0\x10\x25\x40", bytes(19))
_CROP = mp4.box(b"clap", struct.pack(">8I", 540, 1, 956, 1, 0, 1, 0, 1))
_SQUARE = mp4.box(b"pasp", struct.pack(">II", 1, 1))

for name, what, clip_name, boxes, copies in (
    ("hdr10", "HDR10: colours, mastering display and light levels", "hevc.mp4", _HDR, 1),
    ("dolby_vision", "Dolby Vision, profile 8, which is H.265", "hevc.mp4", (*_HDR[:1], _DOLBY), 1),
    ("cropped", "four rows are cropped away (clap)", "demo.mp4", (_CROP, _SQUARE), 1),
    ("two_descriptions", "two descriptions of the same codec", "demo.mp4", (), 2),
    ("six_descriptions", "six descriptions of the same codec", "demo.mp4", (), 6),
):

    def describe(track: Track, boxes: Sequence[bytes] = boxes, copies: int = copies) -> Track:
        return replace(track, entry=described(track.entry, *boxes, copies=copies))

    fixture(f"{name}.mp4", what, partial(with_picture, describe, clip_name))


def renamed(old: bytes, new: bytes, track: Track) -> Track:
    return replace(track, entry=track.entry.replace(old, new, 1))


for old, new, clip_name in ((b"hvc1", b"hev1", "hevc.mp4"), (b"avc1", b"avc3", "demo.mp4")):
    fixture(
        f"{new.decode()}.mp4",
        f"{new.decode()} instead of {old.decode()}",
        partial(with_picture, partial(renamed, old, new), clip_name),
    )


# Turned and mirrored.


def turned(matrix: Sequence[int], track: Track) -> Track:
    a, b, c, d, x, y = (each * remux.UNITY for each in matrix)
    return replace(track, matrix=struct.pack(">9i", a, b, 0, c, d, 0, x, y, 1 << 30))


for name, what, matrix in (
    ("half_a_turn", "turned by half a turn", (-1, 0, 0, -1, 540, 960)),
    ("mirrored", "mirrored", (-1, 0, 0, 1, 540, 0)),
    ("turned_and_mirrored", "turned by a quarter and mirrored", (0, 1, 1, 0, 0, 0)),
):
    fixture(f"{name}.mp4", what, partial(with_picture, partial(turned, matrix)))


# Boxes in other places and of other versions.


def plain() -> bytes:
    return remux.write(movie())


def rearranged(arrange: Callable[[bytes, bytes, bytes], bytes]) -> bytes:
    """Put head, media data and index together in another way."""
    content = plain()
    return arrange(*(content[start:end] for _, start, end in mp4.boxes(content)))


def before_media(boxes: bytes) -> bytes:
    return rearranged(
        lambda head, media, index: head + boxes + media + mp4.shifted(index, len(boxes))
    )


def cover() -> bytes:
    """A picture for music players, larger than what is read of an index."""
    content = clip("picture.jpg") + bytes(900_000)
    picture = mp4.box(b"data", struct.pack(">II", 13, 0), content)
    handler = mp4.box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    meta = mp4.full_box(b"meta", handler, mp4.box(b"ilst", mp4.box(b"covr", picture)))
    return mp4.box(b"udta", meta)


fixture(
    "index_in_the_middle.mp4",
    "its index between two boxes of media data",
    lambda: plain() + mp4.box(b"mdat", bytes(5000)),
)
fixture(
    "free_boxes.mp4", "300 empty free boxes in front", lambda: before_media(mp4.box(b"free") * 300)
)
fixture(
    "cover_in_index.mp4",
    "a cover of 900 KB in its index, before the tracks",
    lambda: rearranged(
        lambda head, media, index: (
            head + media + mp4.box(b"moov", index[8:116], cover(), index[116:])
        )
    ),
)
fixture(
    "index_of_64_bits.mp4",
    "a 64-bit length of its index",
    lambda: rearranged(
        lambda head, media, index: (
            head + media + struct.pack(">I4sQ", 1, b"moov", len(index) + 8) + index[8:]
        )
    ),
)


def long_heads() -> bytes:
    """Let the headers of movie, track, media and edits count in 64 bits."""
    content = plain()
    for path in ("moov/mvhd", "moov/trak/mdia/mdhd"):
        body = mp4.body(content, path)
        scale, length = struct.unpack_from(">II", body, 12)
        times = struct.pack(">QQIQ", 0, 0, scale, length)
        content = mp4.put_body(content, path, b"\1\0\0\0" + times + body[20:])
    body = mp4.body(content, "moov/trak/tkhd")
    number, _, length = struct.unpack_from(">III", body, 12)
    times = struct.pack(">QQIIQ", 0, 0, number, 0, length)
    content = mp4.put_body(content, "moov/trak/tkhd", b"\1" + body[1:4] + times + body[24:])
    rows = struct.iter_unpack(">IiI", mp4.body(content, "moov/trak/edts/elst")[8:])
    edits = [struct.pack(">QqI", *row) for row in rows]
    body = b"\1\0\0\0" + len(edits).to_bytes(4) + b"".join(edits)
    return mp4.put_body(content, "moov/trak/edts/elst", body)


def short_sizes() -> bytes:
    """Let the sizes of samples stand in 16 bits each."""
    content, path = plain(), f"{TABLES}/stsz"
    body = mp4.body(content, path)
    count = body[8:12]
    sizes = struct.unpack_from(f">{int.from_bytes(count)}I", body, 12)
    short = mp4.full_box(b"stz2", b"\0\0\0\x10", count, struct.pack(f">{len(sizes)}H", *sizes))
    return mp4.put(content, path, short)


fixture("long_heads.mp4", "headers and edits that count in 64 bits", long_heads)
fixture("short_sizes.mp4", "sizes of samples in 16 bits", short_sizes)
for path, at in (("moov/trak/tkhd", 20), ("moov/trak/mdia/mdhd", 16), ("moov/mvhd", 16)):
    name = path[-4:]
    fixture(
        f"endless_{name}.mp4",
        f"its {name} says that nobody knows how long it is",
        lambda path=path, at=at: mp4.poke(plain(), path, at, ENDLESS),  # type: ignore[misc]
    )


# Edits and samples.


def edited(parts: Callable[[Track], tuple[tuple[int, int], ...]]) -> Movie:
    return tuple(replace(track, edits=parts(track)) for track in movie())


def _from(track: Track) -> int:
    return next((at for _, at in track.edits if at >= 0), 0)


fixture(
    "shown_twice.mp4",
    "its first two seconds are shown twice, by edits",
    lambda: remux.write(edited(lambda track: ((2000, _from(track)),) * 2)),
)
fixture(
    "pause_in_the_middle.mp4",
    "half a second in the middle in which nothing is shown",
    lambda: remux.write(
        edited(
            lambda track: (
                (1500, _from(track)),
                (500, -1),
                (2500, _from(track) + 1500 * track.scale // 1000),
            )
        )
    ),
)


def lasting(track: Track, seconds: float) -> Track:
    last = replace(track.samples[-1], duration=round(seconds * track.scale))
    return replace(track, samples=(*track.samples[:-1], last), edits=())


fixture(
    "last_picture_stands.mp4",
    "its last picture stands for two seconds",
    lambda: remux.write(tuple(lasting(track, 2) for track in movie("no_audio.mp4"))),
)


# Units of data that decoders pass over, behind each picture.


def followed_by(unit: bytes, track: Track) -> Track:
    behind = len(unit).to_bytes(4) + unit
    samples = (replace(sample, data=sample.data + behind) for sample in track.samples)
    return replace(track, samples=tuple(samples))


def second_layer(track: Track) -> Track:
    """Repeat the slices of H.265 in a second layer, as the other eye's picture is."""

    def doubled(data: bytes) -> bytes:
        at, layer = 0, b""
        while at < len(data):
            unit = data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4])]
            layer += len(unit).to_bytes(4) + unit[:1] + bytes([unit[1] | 8]) + unit[2:]
            at += 4 + len(unit)
        return data + layer

    samples = (replace(sample, data=doubled(sample.data)) for sample in track.samples)
    return replace(track, samples=tuple(samples))


fixture(
    "two_eyes.mp4",
    "H.265 with a second layer for the other eye, as phones film in space",
    partial(with_picture, second_layer, "hevc.mp4"),
)
for name, what, unit, clip_name in (
    ("dolby_vision_units", "H.265, Dolby Vision's data", b"\x7c\1" + noise(60), "hevc.mp4"),
    ("scalable_units", "H.264, a finer layer as calls send it", b"\x74" + noise(60), "demo.mp4"),
    ("stream_ends", "H.264, the end of a sequence", b"\x0a", "demo.mp4"),
):
    fixture(
        f"{name}.mp4",
        f"{what}, behind each picture",
        partial(with_picture, partial(followed_by, unit), clip_name),
    )
fixture(
    "depth_track.mp4",
    "a track of depth before the picture, as phones blur what is far away",
    lambda: remux.write((replace(movie("hevc.mp4")[0], handler=b"auxv"), *movie())),
)


# Heads of fragments within media data.


def with_heads_in_media(head: bytes, count: int, boxes: bytes = b"") -> bytes:
    heads = mp4.box(b"moof", head) * count
    return rearranged(
        lambda start, media, index: (
            start
            + boxes
            + mp4.box(b"mdat", heads, media[8:])
            + mp4.shifted(index, len(boxes) + len(heads))
        )
    )


def index_of_media() -> bytes:
    """An index of fragments that names one within the media data."""
    entry = struct.pack(">III", 800_000, 4000, 0)
    return mp4.full_box(b"sidx", struct.pack(">IIIIHH", 1, 1000, 0, 8, 0, 1), entry)


fixture(
    "written_over.mp4",
    "recorded in fragments, whose heads lie in the media data of the finished file",
    partial(with_heads_in_media, mp4.full_box(b"mfhd", bytes(4)), 48),
)
fixture(
    "heads_in_media.mp4",
    "150,000 heads of fragments in the media data, to which nothing points",
    partial(with_heads_in_media, b"", 150_000),
)
fixture(
    "heads_in_media_indexed.mp4",
    "the same with an index of fragments, by which readers come to them",
    partial(with_heads_in_media, b"", 150_000, index_of_media()),
    "could_not_be_examined",
)
