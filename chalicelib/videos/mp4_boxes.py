"""Reads the boxes of an MP4 that decide whether its index can be used and what it shows.

(ISO/IEC 14496-12.) A reader of an index believes what it says of its own size, some for minutes
and gigabytes; here it is held against the room it has. Only a few heads and the index itself are
read. Nonsense ends the reading; nothing here raises, and a defect is reported only of what no
player can read.
"""

import re
from collections.abc import Iterator
from typing import IO

from chalicelib.foundation.values import dataclass
from chalicelib.videos.model import IndexDefect
from chalicelib.videos.webm import SeekableFile

MAX_BOXES = 64
"""Boxes that may come before the index; encoders write three or four."""

INDEX_BYTES = 512 * 1024
"""How much of an index is read: of a minute of video it has a tenth of that."""

MAX_TRACKS = 64
"""Far above what cameras and editors write, far below what keeps a reader busy."""

MAX_BOXES_OF_A_FILE = 50_000
"""Every picture and every frame of sound of a minute may have three of its own."""

MAX_EDITS = 1000

MAX_PROTECTIONS = 1000
"""Headers of copy protection, of which a protected file has a few."""

MAX_TAGS = 2000
"""With a name, a place or a language of their own, of which phones and editors write some dozens:
for each, readers go through those that came before."""

MAX_FRAGMENTED_TRACKS = 1000
"""Defaults of tracks for their fragments, gone through for each fragment."""

MAX_FRAGMENTS = 100_000
MAX_INDEXED_SEGMENTS = 100_000
"""More than any number of pictures that a minute may have."""

_REORDERING_SECONDS = 0.15
"""So much later than their decoding pictures are shown, which edits of good files show too."""

_PIECE_BYTES, _OVERLAP = 1024 * 1024, 64
_SEGMENT_BYTES = 12

_MAX_INDEX_BYTES = 8 * 1024 * 1024
_HEAD, _LARGE_HEAD = 8, 16
_CONTAINER_BOXES = frozenset((b"trak", b"mdia", b"minf", b"stbl", b"edts"))
_ENTRY_LAYOUTS = {  # box -> where the number of entries stands in its content, bytes of an entry
    b"stts": (4, 8),
    b"ctts": (4, 8),
    b"stss": (4, 4),
    b"stsc": (4, 12),
    b"stco": (4, 4),
    b"co64": (4, 8),
    b"elst": (4, 12),
}
_TRACK_HEADERS = frozenset((b"hdlr", b"mdhd", b"elst", b"stts", b"stsd"))
_DESCRIPTION_HEAD, _PICTURE_HEAD = 16, 78
# Of tags: a name in a list of names or a place; a name that begins with its owner's; a text of
# QuickTime's, told from picture data by its length of less than 64 KB. Each has a search of its
# own that begins with a byte or a word: one for all of them takes ten times as long.
_TAG_NAMES = (b"mdta", b"loci")
_TAG_PATTERNS = (
    re.compile(rb"----.{4}mean", re.DOTALL),
    re.compile(rb"\xa9(?<=\0\0..\xa9)[A-Za-z0-9]{3}", re.DOTALL),
)
_SKIPPED_BOXES = (b"mdat", b"free")
_SEGMENT_INDEX_BOXES = (
    b"sidx",
    b"tfra",
)  # boxes that name places of fragments, which readers seek to
_COMPRESSED_INDEX_BOXES = (
    b"mvhd",
    b"cmov",
)  # at the beginning of free space readers take it for an index


@dataclass(frozen=True, slots=True)
class IndexReading:
    """The result of the first look at an index: its defect, and whether fragments follow it.

    `length_is_open`: a track states no length, or one that covers a time in front of it in which
    nothing is shown, or behind it, where an edit goes on after its media.
    """

    defect: IndexDefect | None = None
    fragmented: bool = False
    length_is_open: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry of an edit list: `seconds` of the media from `media_seconds` on.

    `media_seconds` is None where nothing is shown. `seconds` is 0 where the edit goes on to the
    end of the media. `still`: one picture is shown all the time.
    """

    seconds: float
    media_seconds: float | None
    still: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """A track: where the kind of its box stands in the file, who handles it, what it shows.

    `last_seconds` is how long its last sample lasts, `stated_seconds` how long all of it is said
    to last; 0 if it does not say. `configuration` is the content of its box `hvcC` or `avcC`, if it
    has one description of its samples, and that is of H.265 or H.264; `configuration_at` is where
    that begins in the file.
    """

    kind_at: int
    handler: bytes = b""
    edits: tuple[Edit, ...] = ()
    last_seconds: float = 0.0
    stated_seconds: float = 0.0
    configuration: bytes = b""
    configuration_at: int = 0


@dataclass(frozen=True, slots=True)
class Movie:
    """The tracks of an MP4; `files` counts the beginnings of files that media follow."""

    tracks: tuple[Track, ...] = ()
    fragmented: bool = False
    files: int = 0


def read_index(file: SeekableFile, size_bytes: int) -> IndexReading:
    """Read the index of an MP4 as far as its defects show; of another file nothing is reported."""
    at, media = 0, False
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(_LARGE_HEAD) or b""
        kind, (length, begin) = head[4:8], _box_length(head, size_bytes - at)
        if len(head) < _HEAD or length < begin or (at == 0 and kind != b"ftyp"):
            return IndexReading()
        if kind == b"moov":
            if length > size_bytes - at:
                return IndexReading(IndexDefect.MISSING)
            file.seek(at + begin)
            wanted = min(length - begin, INDEX_BYTES)
            return _read_index_boxes(file.read(wanted) or b"", whole=wanted == length - begin)
        media = media or kind == b"mdat"
        at += length
        if at >= size_bytes:
            return IndexReading(IndexDefect.MISSING if media else None)
    return IndexReading()


def read_movie(file: IO[bytes], size_bytes: int) -> Movie:
    """Read the tracks and their edits from a file that is at hand whole."""
    movie, found, files, begun, at = Movie(), False, 0, False, 0
    for _ in range(MAX_BOXES_OF_A_FILE):
        if at >= size_bytes:
            break
        file.seek(at)
        head = file.read(_LARGE_HEAD)
        length, begin = _box_length(head, size_bytes - at)
        if len(head) < _HEAD or length < begin:
            break
        if head[4:8] == b"ftyp":
            begun = False
        elif head[4:8] == b"mdat" and not begun:
            files, begun = files + 1, True
        elif head[4:8] == b"moov" and not found:
            found = True
            file.seek(at + begin)
            index = file.read(min(length - begin, _MAX_INDEX_BYTES))
            movie = _movie_of(index, at + begin)
        at += length
    return Movie(movie.tracks, movie.fragmented, files)


def has_too_many_boxes(file: IO[bytes], size_bytes: int) -> bool:
    """Return whether a file has more of the boxes that keep readers busy than any encoder writes.

    Readers put each in a list that they go through for the next one. Their names are counted
    wherever they stand, for there is no end of boxes that may hold them; only what readers pass
    over is left out, and that is most of a file: searching all of it takes longer than decoding.
    """
    counted = _BoxNameCounts()
    for start, end in _stretches_without_media(file, size_bytes):
        counted.add(file, start, end)
    if counted.points_elsewhere:
        counted = _BoxNameCounts()
        counted.add(file, 0, size_bytes)
    return counted.are_excessive


def _stretches_without_media(file: IO[bytes], size_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a file in which readers look for boxes.

    Media and free space at the top level are passed over by their lengths, whatever they hold.
    """
    begin = at = 0
    for _ in range(MAX_BOXES_OF_A_FILE):
        if at >= size_bytes:
            break
        file.seek(at)
        start = file.read(_LARGE_HEAD + _OVERLAP)
        length, head = _box_length(start, size_bytes - at)
        if length < head:
            break
        hides = any(name in start[head:] for name in _COMPRESSED_INDEX_BOXES)
        if start[4:8] in _SKIPPED_BOXES and length > _PIECE_BYTES and not hides:
            yield begin, at + head
            begin = at + length
        at += length
    if begin < size_bytes:
        yield begin, size_bytes


@dataclass(slots=True)
class _BoxNameCounts:
    """Counts of box names in stretches of a file."""

    protections: int = 0
    fragmented_tracks: int = 0
    fragments: int = 0
    tags: int = 0
    indexed_segments: int = 0
    points_elsewhere: bool = False

    @property
    def are_excessive(self) -> bool:
        return (
            self.protections > MAX_PROTECTIONS
            or self.fragmented_tracks > MAX_FRAGMENTED_TRACKS
            or self.fragments > MAX_FRAGMENTS
            or self.tags > MAX_TAGS
            or self.indexed_segments > MAX_INDEXED_SEGMENTS
        )

    def add(self, file: IO[bytes], start: int, end: int) -> None:
        for at in range(start, end, _PIECE_BYTES):
            file.seek(at)
            # A name may go on in the next piece, and so may what follows it.
            wanted = min(_PIECE_BYTES, end - at)
            self._add(file.read(wanted + _OVERLAP), wanted)

    def _add(self, piece: bytes, wanted: int) -> None:
        until = wanted + 3  # no name begins later
        self.protections += piece.count(b"pssh", 0, until)
        self.fragmented_tracks += piece.count(b"trex", 0, until)
        self.fragments += piece.count(b"moof", 0, until)
        self.tags += sum(piece.count(name, 0, until) for name in _TAG_NAMES)
        for tag in _TAG_PATTERNS:
            self.tags += sum(found.start() < wanted for found in tag.finditer(piece))
        self.points_elsewhere |= any(
            piece.find(name, 0, until) >= 0 for name in _SEGMENT_INDEX_BOXES
        )
        name = piece.find(b"sidx", 0, until)
        while name >= 0:
            self.indexed_segments += _indexed_segments(piece, name)
            name = piece.find(b"sidx", name + 4, until)


def _indexed_segments(piece: bytes, name: int) -> int:
    """Return how many segments a box lists; 0 if its length says that it is no such box."""
    length = int.from_bytes(piece[max(0, name - 4) : name])
    wide = piece[name + 4 : name + 5] == b"\1"
    place = name + (34 if wide else 26)
    count = int.from_bytes(piece[place : place + 2])
    return count if length in (0, 1) or length >= count * _SEGMENT_BYTES else 0


def _box_length(head: bytes, left: int) -> tuple[int, int]:
    """Length of a box and of its head: 0 stands for all that is left, 1 for a longer number."""
    length = int.from_bytes(head[:4])
    if length == 1:
        return int.from_bytes(head[8:16]), _LARGE_HEAD
    return length or left, _HEAD


def _read_index_boxes(index: bytes, *, whole: bool) -> IndexReading:
    tracks, fragmented, is_open = 0, False, False
    movie_scale, edits, headed = 1, b"", False
    for kind, begin, end in _boxes(index):
        if kind == b"mvhd":
            headed = True
            movie_scale = _scale(index[begin:end])
        elif kind == b"trak":
            edits = b""
        elif kind == b"elst":
            edits = index[begin:end]
        elif kind == b"mdhd":
            is_open = is_open or _edit_outlasts_media(edits, movie_scale, index[begin:end])
        fragmented = fragmented or kind == b"mvex"
        is_open = is_open or (kind == b"elst" and _starts_with_gap(index[begin:end]))
        is_open = is_open or (kind == b"tkhd" and _has_unknown_length(index[begin:end]))
        tracks += kind == b"trak"
        if tracks > MAX_TRACKS:
            return IndexReading(IndexDefect.DAMAGED)
        if kind in _ENTRY_LAYOUTS:
            at, width = _ENTRY_LAYOUTS[kind]
            number = index[begin + at : begin + at + 4]
            room = end - begin - at - 4
            # A number that is cut off has four bytes no more: nothing to hold the room against.
            if len(number) == 4 and int.from_bytes(number) * width > room:  # noqa: PLR2004  its width
                return IndexReading(IndexDefect.DAMAGED)
    if whole and tracks and not headed:  # players need the unit of its edits
        return IndexReading(IndexDefect.DAMAGED)
    return IndexReading(fragmented=fragmented, length_is_open=is_open)


def _starts_with_gap(edits: bytes) -> bool:
    _, media, _ = next(_edits(edits), (0, 0, False))
    return media < 0


def _edit_outlasts_media(edits: bytes, movie_scale: int, media: bytes) -> bool:
    """Return whether an edit goes on after the media, whose header follows it."""
    scale = _scale(media)
    end = _duration(media) / scale
    return any(
        at >= 0 and at / scale + duration / movie_scale > end + _REORDERING_SECONDS
        for duration, at, _still in _edits(edits)
    )


def _has_unknown_length(header: bytes) -> bool:
    """Return whether a track's header says that nobody knows how long it is."""
    start, width = (28, 8) if header[:1] == b"\1" else (20, 4)
    return header[start : start + width] == b"\xff" * width


def _movie_of(index: bytes, at: int) -> Movie:
    movie_scale, fragmented = 1, False
    places: list[int] = []
    described: list[int] = []
    headers: list[dict[bytes, bytes]] = []
    for kind, begin, end in _boxes(index):
        if kind == b"mvex":
            fragmented = True
        elif kind == b"mvhd":
            movie_scale = _scale(index[begin:end])
        elif kind == b"trak":
            if len(headers) == MAX_TRACKS:
                break
            places.append(at + begin - 4)
            described.append(0)
            headers.append({})
        elif kind in _TRACK_HEADERS and headers:
            if kind == b"stsd" and kind not in headers[-1]:
                described[-1] = at + begin
            headers[-1].setdefault(kind, index[begin:end])
    tracks = (
        _track_of(*each, movie_scale) for each in zip(places, described, headers, strict=True)
    )
    return Movie(tuple(tracks), fragmented)


def _track_of(
    kind_at: int, described_at: int, headers: dict[bytes, bytes], movie_scale: int
) -> Track:
    configuration, place = _configuration(headers.get(b"stsd", b""))
    media_scale = _scale(headers.get(b"mdhd", b""))
    return Track(
        kind_at,
        headers.get(b"hdlr", b"")[8:12],
        tuple(
            Edit(
                seconds=duration / movie_scale,
                media_seconds=None if media < 0 else media / media_scale,
                still=still,
            )
            for duration, media, still in _edits(headers.get(b"elst", b""))
        ),
        stated_seconds=_duration(headers.get(b"mdhd", b"")) / media_scale,
        last_seconds=int.from_bytes(headers.get(b"stts", b"")[8:][-4:]) / media_scale,
        configuration=configuration,
        configuration_at=described_at + place,
    )


def _configuration(descriptions: bytes) -> tuple[bytes, int]:
    """Return the decoder's configuration, and where it begins in the box of descriptions."""
    head = _DESCRIPTION_HEAD + _PICTURE_HEAD
    if int.from_bytes(descriptions[4:8]) == 1:
        boxes = descriptions[head:]
        for kind, begin, end in _boxes(boxes):
            if kind in (b"hvcC", b"avcC"):
                return boxes[begin:end], head + begin
    return b"", 0


def _scale(body: bytes) -> int:
    """Units per second, of a movie's or a media's header; longer times come before it in some."""
    start = 20 if body[:1] == b"\1" else 12
    return int.from_bytes(body[start : start + 4]) or 1


def _duration(body: bytes) -> int:
    """Length in its own units, as a movie's or a media's header states it."""
    start, width = (24, 8) if body[:1] == b"\1" else (16, 4)
    return int.from_bytes(body[start : start + width])


def _edits(body: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield duration, media time (-1: none) and whether one picture stands still, of each edit."""
    width = 8 if body[:1] == b"\1" else 4
    at, count = 8, min(int.from_bytes(body[4:8]), MAX_EDITS)
    for _ in range(count):
        entry = body[at : at + 2 * width + 4]
        if len(entry) < 2 * width + 4:
            return
        media = int.from_bytes(entry[width : 2 * width], signed=True)
        yield int.from_bytes(entry[:width]), media, not any(entry[2 * width :])
        at += 2 * width + 4


def _boxes(index: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kinds with where their content begins and should end, those that hold others opened."""
    at = 0
    while at + _HEAD <= len(index):
        length, head = _box_length(index[at : at + _LARGE_HEAD], len(index) - at)
        if length < head:
            return
        kind = index[at + 4 : at + 8]
        yield kind, at + head, at + length
        at += head if kind in _CONTAINER_BOXES else length
