"""Reads an MP4 into its samples and writes them anew, as other programs would have.

Nothing is decoded: a rewritten file shows the same pictures. All numbers are those of ISO/IEC
14496-12.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.corpus import mp4

MOVIE_SCALE = 1000
UNITY = 1 << 16
IDENTITY = struct.pack(">9i", UNITY, 0, 0, 0, UNITY, 0, 0, 0, 1 << 30)
_NOT_KEY, _KEY = 0x01010000, 0x02000000
_MEDIA_HEADERS = (b"vmhd", b"smhd", b"nmhd", b"gmhd", b"sthd", b"hmhd")


@dataclass(frozen=True)
class Sample:
    """`offset`: how much later than it is decoded it is shown. Both times in the track's units."""

    data: bytes
    duration: int
    offset: int = 0
    key: bool = True


@dataclass(frozen=True)
class Track:
    """`entry` is the content of `stsd`; `edits` are (milliseconds, media time in units or -1).

    `began` is when the first sample is decoded, in units, which only fragments can say.
    """

    handler: bytes
    scale: int
    entry: bytes
    media_header: bytes
    samples: tuple[Sample, ...]
    edits: tuple[tuple[int, int], ...] = ()
    size: tuple[int, int] = (0, 0)
    matrix: bytes = IDENTITY
    enabled: bool = True
    references: bytes = b""
    began: int = 0

    @property
    def media_seconds(self) -> float:
        return sum(sample.duration for sample in self.samples) / self.scale

    @property
    def milliseconds(self) -> int:
        """How long it is shown."""
        if self.edits and all(length for length, _ in self.edits):
            return sum(length for length, _ in self.edits)
        return round(self.media_seconds * MOVIE_SCALE)


Movie = tuple[Track, ...]


def read(content: bytes) -> Movie:
    """Read the tracks of an MP4 that has no fragments."""
    start, end = mp4.lineage(content, "moov")[-1]
    return tuple(
        _track(content, content[begin:stop])
        for kind, begin, stop in mp4.boxes(content, start + 8, end)
        if kind == b"trak"
    )


def _track(content: bytes, trak: bytes) -> Track:
    table = "trak/mdia/minf/stbl/"
    minf_start, minf_end = mp4.lineage(trak, "trak/mdia/minf")[-1]
    header = next(
        trak[begin:end]
        for kind, begin, end in mp4.boxes(trak, minf_start + 8, minf_end)
        if kind in _MEDIA_HEADERS
    )
    tkhd = mp4.body(trak, "trak/tkhd")
    sizes = _sizes(mp4.body(trak, table + "stsz"))
    durations = _runs(mp4.body(trak, table + "stts"), "I")
    kinds = {kind for kind, _, _ in mp4.boxes(trak, *_inside(trak, "trak/mdia/minf/stbl"))}
    offsets = _runs(mp4.body(trak, table + "ctts"), "i") if b"ctts" in kinds else [0] * len(sizes)
    keys = set(range(1, len(sizes) + 1))
    if b"stss" in kinds:
        keys = set(_numbers(mp4.body(trak, table + "stss")))
    places = _places(trak, table, sizes)
    edits: tuple[tuple[int, int], ...] = ()
    if any(kind == b"edts" for kind, _, _ in mp4.boxes(trak, *_inside(trak, "trak"))):
        listed = mp4.body(trak, "trak/edts/elst")
        edits = tuple((length, at) for length, at, _ in struct.iter_unpack(">IiI", listed[8:]))
    return Track(
        handler=mp4.body(trak, "trak/mdia/hdlr")[8:12],
        scale=int.from_bytes(mp4.body(trak, "trak/mdia/mdhd")[12:16]),
        entry=mp4.body(trak, table + "stsd"),
        media_header=header,
        samples=tuple(
            Sample(content[at : at + size], duration, offset, number in keys)
            for number, (at, size, duration, offset) in enumerate(
                zip(places, sizes, durations, offsets, strict=True), start=1
            )
        ),
        edits=edits,
        size=(int.from_bytes(tkhd[76:78]), int.from_bytes(tkhd[80:82])),
        matrix=tkhd[40:76],
    )


def _inside(content: bytes, path: str) -> tuple[int, int]:
    start, end = mp4.lineage(content, path)[-1]
    return start + 8, end


def _sizes(body: bytes) -> list[int]:
    same, count = struct.unpack_from(">II", body, 4)
    return [same] * count if same else list(struct.unpack_from(f">{count}I", body, 12))


def _runs(body: bytes, form: str) -> list[int]:
    return [
        value for count, value in struct.iter_unpack(f">I{form}", body[8:]) for _ in range(count)
    ]


def _numbers(body: bytes) -> Sequence[int]:
    (count,) = struct.unpack_from(">I", body, 4)
    return struct.unpack_from(f">{count}I", body, 8)


def _places(trak: bytes, table: str, sizes: Sequence[int]) -> list[int]:
    chunks = _numbers(mp4.body(trak, table + "stco"))
    runs = list(struct.iter_unpack(">III", mp4.body(trak, table + "stsc")[8:]))
    places, number = [], 0
    for chunk, at in enumerate(chunks, start=1):
        count = next(each for first, each, _ in reversed(runs) if first <= chunk)
        start = at
        for size in sizes[number : number + count]:
            places.append(start)
            start += size
        number += count
    return places


# Changing what is shown, and when.


def cut(movie: Movie, start: float, seconds: float) -> Movie:
    """Cut without encoding: from the key frame before on, what comes too early edited out."""
    video = next(track for track in movie if track.handler == b"vide")
    begin = _shown_from(video) + start
    times = list(_times(video))
    first = max(
        number
        for number, (decoded, _) in enumerate(times)
        if video.samples[number].key and (number == 0 or times[number][1] <= begin * video.scale)
    )
    zero = times[first][0] / video.scale
    return tuple(_cut_track(track, zero, begin, seconds) for track in movie)


def _cut_track(track: Track, zero: float, begin: float, seconds: float) -> Track:
    kept, dropped = [], 0
    for sample, (decoded, shown) in zip(track.samples, _times(track), strict=True):
        if decoded < round(zero * track.scale):
            dropped += sample.duration
        elif decoded < (begin + seconds) * track.scale or shown < (begin + seconds) * track.scale:
            kept.append(sample)
    at = round(begin * track.scale) - dropped
    return replace(track, samples=tuple(kept), edits=((round(seconds * MOVIE_SCALE), max(0, at)),))


def _times(track: Track) -> Iterator[tuple[int, int]]:
    """Yield when each sample is decoded and when it is shown."""
    at = 0
    for sample in track.samples:
        yield at, at + sample.offset
        at += sample.duration


def _shown_from(track: Track) -> float:
    return next((at for _, at in track.edits if at >= 0), 0) / track.scale


def delayed(movie: Movie, milliseconds: int, handler: bytes | None = None) -> Movie:
    """Let the tracks of a kind, or all, begin later, by an empty edit."""
    return tuple(
        replace(
            track,
            edits=(
                (milliseconds, -1),
                *(track.edits or ((track.milliseconds, 0),)),
            ),
        )
        if handler in (None, track.handler)
        else track
        for track in movie
    )


def counted_from(movie: Movie, seconds: float, *, fragmented: bool) -> Movie:
    """Let media times begin later, as recordings that are cut out of longer ones do.

    In fragments they are decoded later; else they are shown later than they are decoded. Where
    there are edits, they show the same as before.
    """

    def later(track: Track) -> Track:
        by = round(seconds * track.scale)
        edits = tuple((length, at + by if at >= 0 else at) for length, at in track.edits)
        if fragmented:
            return replace(track, began=track.began + by, edits=edits)
        samples = tuple(replace(each, offset=each.offset + by) for each in track.samples)
        return replace(track, samples=samples, edits=edits)

    return tuple(later(track) for track in movie)


def in_two_edits(movie: Movie, milliseconds: int) -> Movie:
    """Show the same in two parts that follow each other."""

    def parts(track: Track) -> tuple[tuple[int, int], ...]:
        (length, at), *_ = track.edits or ((track.milliseconds, 0),)
        first = min(milliseconds, length - 1)
        return (first, at), (length - first, at + first * track.scale // MOVIE_SCALE)

    return tuple(replace(track, edits=parts(track)) for track in movie)


def rescaled(movie: Movie, factor: int) -> Movie:
    """Count in finer units."""
    return tuple(
        replace(
            track,
            scale=track.scale * factor,
            samples=tuple(
                replace(each, duration=each.duration * factor, offset=each.offset * factor)
                for each in track.samples
            ),
            edits=tuple((length, max(-1, at * factor)) for length, at in track.edits),
            began=track.began * factor,
        )
        for track in movie
    )


# Tracks beside picture and sound.


def side_track(kind: str, seconds: float) -> Track:
    """Make a track of text, time or sensors, as recorders and editors add them."""
    handler, entry, media_header, data = SIDE_TRACKS[kind]
    parts = max(1, round(seconds)) if data is not None else 0
    samples = tuple(Sample(data or b"", round(seconds * MOVIE_SCALE / parts)) for _ in range(parts))
    return Track(handler, MOVIE_SCALE, stsd(entry), media_header, samples)


def stsd(entry: bytes) -> bytes:
    return bytes(4) + (1).to_bytes(4) + entry


def _entry(kind: bytes, content: bytes = b"") -> bytes:
    return mp4.box(kind, bytes(6) + (1).to_bytes(2) + content)


_FONTS = mp4.box(b"ftab", struct.pack(">HHB", 1, 1, 5) + b"Serif")
_NOTHING = mp4.full_box(b"nmhd")
_GENERIC = mp4.box(b"gmhd", mp4.full_box(b"gmin", struct.pack(">HHHHHH", 64, 0, 0, 0, 0, 0)))
_TIMED_TEXT = bytes(4) + b"\x01\xff" + bytes(4) + bytes(8) + struct.pack(">HHHBB", 0, 0, 1, 0, 18)
_OLD_TEXT = bytes(43)
_CODED = struct.pack(">IIIBB", 0, 30000, 1001, 30, 0)
_TEXT = b"\0\5hello"
SIDE_TRACKS: dict[str, tuple[bytes, bytes, bytes, bytes | None]] = {
    "tx3g": (b"sbtl", _entry(b"tx3g", _TIMED_TEXT + b"\xff" * 4 + _FONTS), _NOTHING, _TEXT),
    "tx3g_text": (b"text", _entry(b"tx3g", _TIMED_TEXT + b"\xff" * 4 + _FONTS), _NOTHING, _TEXT),
    "tx3g_empty": (b"sbtl", _entry(b"tx3g", _TIMED_TEXT + b"\xff" * 4 + _FONTS), _NOTHING, None),
    "wvtt": (b"text", _entry(b"wvtt", mp4.box(b"vttC", b"WEBVTT")), _NOTHING, mp4.box(b"vtte")),
    "stpp": (
        b"subt",
        _entry(b"stpp", b"http://www.w3.org/ns/ttml\0\0\0"),
        mp4.full_box(b"sthd"),
        b"<tt xmlns='http://www.w3.org/ns/ttml'/>",
    ),
    "c608": (b"clcp", _entry(b"c608"), _NOTHING, mp4.box(b"cdat", b"\x80\x80")),
    "c708": (b"clcp", _entry(b"c708"), _NOTHING, mp4.box(b"ccdp", b"\x96\x69\x0a\x4f")),
    "quicktime_text": (b"text", _entry(b"text", _OLD_TEXT), _GENERIC, _TEXT),
    "vobsub": (
        b"subp",
        _entry(
            b"mp4s",
            mp4.full_box(b"esds", b"\x03\x17\0\1\0\x04\x0f\xe0\x38" + bytes(11) + b"\x06\x01\x02"),
        ),
        _NOTHING,
        struct.pack(">HH", 8, 4) + bytes(4),
    ),
    "timecode": (b"tmcd", _entry(b"tmcd", _CODED + b"\0"), _GENERIC, bytes(4)),
    "gopro_sensors": (b"meta", _entry(b"gpmd"), _GENERIC, b"DEVC\0\x01\0\4DVNM"),
    "gopro_recovery": (b"meta", _entry(b"fdsc"), _GENERIC, b"GPRO" + bytes(12)),
    "apple_metadata": (
        b"meta",
        _entry(b"mebx", mp4.box(b"keys", mp4.box(b"\0\0\0\1", mp4.box(b"keyd", b"mdtatest")))),
        _GENERIC,
        bytes(9),
    ),
    "android_sensors": (b"meta", _entry(b"camm"), _NOTHING, bytes(4)),
    "timed_metadata": (b"meta", _entry(b"mett", b"\0application/json\0"), _NOTHING, b"{}"),
    "hints": (
        b"hint",
        _entry(b"rtp ", struct.pack(">HHI", 1, 1, 1400)),
        mp4.full_box(b"hmhd", bytes(16)),
        bytes(12),
    ),
}


# Writing.


@dataclass(frozen=True)
class Layout:
    """How a file is put together.

    `chunk`: samples in a chunk of a progressive file. `fragment`: how many milliseconds a
    fragment has at least, each beginning with a key frame if `at_keys`; None for no fragments.
    `padding`: bytes of free space before each media box. `alone`: a fragment for each track.
    """

    brand: bytes = b"isom"
    compatible: tuple[bytes, ...] = (b"isom", b"iso2", b"avc1", b"mp41")
    front: bool = False
    chunk: int = 10
    padding: int = 0
    fragment: int | None = None
    at_keys: bool = False
    alone: bool = False
    absolute: bool = False
    stated: bool = False
    edited: bool = True
    index: bool = False


PLAIN = Layout()


def write(movie: Movie, layout: Layout = PLAIN) -> bytes:
    """Write a file with these tracks."""
    head = mp4.box(b"ftyp", layout.brand + (512).to_bytes(4) + b"".join(layout.compatible))
    if layout.fragment is not None:
        return head + _fragmented(movie, layout, len(head))
    groups = list(_interleaved(movie, layout.chunk))
    padding = mp4.box(b"free", bytes(layout.padding)) if layout.padding else b""
    media = mp4.box(b"mdat", *(sample.data for _, part in groups for sample in part))
    media_at = len(head) + len(padding) + 8
    if layout.front:
        media_at += len(_progressive_index(movie, groups, 0))
        return head + _progressive_index(movie, groups, media_at) + padding + media
    return head + padding + media + _progressive_index(movie, groups, media_at)


Group = tuple[int, Sequence[Sample]]


def _interleaved(movie: Movie, count: int) -> Iterator[Group]:
    """Yield chunks of samples with the number of their track, by the time they are needed."""
    chunks: list[tuple[float, int, Sequence[Sample]]] = []
    for number, track in enumerate(movie):
        at = 0
        for start in range(0, len(track.samples), count):
            part: Sequence[Sample] = track.samples[start : start + count]
            chunks.append((at / track.scale, number, part))
            at += sum(sample.duration for sample in part)
    for _, number, part in sorted(chunks, key=lambda chunk: chunk[:2]):
        yield number, part


def _progressive_index(movie: Movie, groups: Sequence[Group], media_at: int) -> bytes:
    places: list[list[tuple[int, int]]] = [[] for _ in movie]
    for number, part in groups:
        places[number].append((media_at, len(part)))
        media_at += sum(len(sample.data) for sample in part)
    traks = [
        _trak(track, number, _tables(track, places[number - 1]), edited=True)
        for number, track in enumerate(movie, start=1)
    ]
    longest = max(track.milliseconds for track in movie)
    return mp4.box(b"moov", _mvhd(longest, len(movie)), *traks)


def _tables(track: Track, places: Sequence[tuple[int, int]]) -> bytes:
    samples = track.samples
    keys = [number for number, sample in enumerate(samples, start=1) if sample.key]
    boxes = [
        _table(b"stts", _run_lengths([sample.duration for sample in samples]), "II"),
        _table(b"stsc", [(n, count, 1) for n, (_, count) in enumerate(places, start=1)], "III"),
        mp4.full_box(
            b"stsz",
            struct.pack(f">II{len(samples)}I", 0, len(samples), *(len(s.data) for s in samples)),
        ),
        _table(b"stco", [(at,) for at, _ in places], "I"),
    ]
    if any(sample.offset for sample in samples):
        offsets = _table(b"ctts", _run_lengths([sample.offset for sample in samples]), "Ii")
        boxes.append(offsets[:8] + b"\1" + offsets[9:])
    if len(keys) < len(samples):
        boxes.append(_table(b"stss", [(key,) for key in keys], "I"))
    return b"".join(boxes)


def _run_lengths(values: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1] = (runs[-1][0] + 1, value)
        else:
            runs.append((1, value))
    return runs


def _table(kind: bytes, rows: Sequence[tuple[int, ...]], form: str) -> bytes:
    return mp4.full_box(
        kind, len(rows).to_bytes(4), *(struct.pack(f">{form}", *row) for row in rows)
    )


def _mvhd(milliseconds: int, tracks: int) -> bytes:
    times = struct.pack(">IIIIIH10x", 0, 0, MOVIE_SCALE, milliseconds, UNITY, 256)
    return mp4.full_box(b"mvhd", times, IDENTITY, bytes(24), (tracks + 1).to_bytes(4))


def _trak(track: Track, number: int, tables: bytes, *, edited: bool, stated: bool = True) -> bytes:
    flags = bytes([0, 0, 0, 2 | track.enabled])
    length = track.milliseconds if stated else 0
    head = struct.pack(">IIII I 8x HHH2x", 0, 0, number, 0, length, 0, 0, 256)
    sides = struct.pack(">II", *(side << 16 for side in track.size))
    tkhd = mp4.box(b"tkhd", flags, head, track.matrix, sides)
    edits = b""
    if track.edits and edited:
        rows = [(length if stated else 0, at, UNITY) for length, at in track.edits]
        edits = mp4.box(b"edts", _table(b"elst", rows, "IiI"))
    media = sum(sample.duration for sample in track.samples) if stated else 0
    mdhd = mp4.full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, track.scale, media, 0x55C4, 0))
    hdlr = mp4.full_box(b"hdlr", bytes(4), track.handler, bytes(12), b"made\0")
    here = mp4.box(b"url ", b"\0\0\0\1")
    dinf = mp4.box(b"dinf", mp4.full_box(b"dref", (1).to_bytes(4), here))
    stbl = mp4.box(b"stbl", mp4.box(b"stsd", track.entry), tables)
    minf = mp4.box(b"minf", track.media_header, dinf, stbl)
    return mp4.box(b"trak", tkhd, edits, track.references, mp4.box(b"mdia", mdhd, hdlr, minf))


def _fragmented(movie: Movie, layout: Layout, at: int) -> bytes:
    empty = b"".join(
        (
            _table(b"stts", [], "I"),
            _table(b"stsc", [], "I"),
            mp4.full_box(b"stsz", bytes(8)),
            _table(b"stco", [], "I"),
        )
    )
    traks = [
        _trak(track, number, empty, edited=layout.edited, stated=False)
        for number, track in enumerate(movie, start=1)
    ]
    extends = [
        mp4.full_box(b"trex", struct.pack(">IIIII", number, 1, 0, 0, 0))
        for number in range(1, len(movie) + 1)
    ]
    longest = max(track.milliseconds for track in movie) if layout.stated else 0
    stated = [mp4.full_box(b"mehd", longest.to_bytes(4))] if layout.stated else []
    content = mp4.box(
        b"moov", _mvhd(longest, len(movie)), *traks, mp4.box(b"mvex", *stated, *extends)
    )
    fragments: list[bytes] = []
    index_at = len(content)
    at += len(content) + (32 + 12 * _count(movie, layout) if layout.index else 0)
    for sequence, parts in enumerate(_parts(movie, layout), start=1):
        fragment = _fragment(parts, movie, layout, sequence, at)
        at += len(fragment)
        fragments.append(fragment)
    if layout.index:
        content = content[:index_at] + _sidx(movie, layout, fragments)
    return content + b"".join(fragments)


Part = tuple[int, int, Sequence[Sample]]
"""Number of a track from 0, when its first sample is decoded, some samples."""


def _count(movie: Movie, layout: Layout) -> int:
    return sum(1 for _ in _parts(movie, layout))


def _parts(movie: Movie, layout: Layout) -> Iterator[list[Part]]:
    """Yield the samples of one fragment after another."""
    lead = next((n for n, track in enumerate(movie) if track.handler == b"vide"), 0)
    video = movie[lead]
    borders, at, since = [0.0], 0, 0.0
    for sample in video.samples:
        now = at / video.scale
        enough = (now - since) * 1000 >= (layout.fragment or 0)
        if at and enough and (sample.key or not layout.at_keys):
            borders.append(now)
            since = now
        at += sample.duration
    for number, border in enumerate(borders):
        until = borders[number + 1] if number + 1 < len(borders) else float("inf")
        parts = [
            (track_number, first, samples)
            for track_number, track in enumerate(movie)
            for first, samples in [_between(track, border, until)]
            if samples
        ]
        if layout.alone:
            yield from ([part] for part in parts)
        elif parts:
            yield parts


def _between(track: Track, start: float, end: float) -> tuple[int, Sequence[Sample]]:
    at, first = 0, 0
    samples: list[Sample] = []
    for sample in track.samples:
        if start <= at / track.scale < end:
            if not samples:
                first = at
            samples.append(sample)
        at += sample.duration
    return first, samples


def _fragment(parts: Sequence[Part], movie: Movie, layout: Layout, sequence: int, at: int) -> bytes:
    padding = mp4.box(b"free", bytes(layout.padding)) if layout.padding else b""
    at += len(padding)

    def moof(first_byte: int) -> bytes:
        trafs, data_at = [], first_byte
        for number, decoded, samples in parts:
            base = 0 if not layout.absolute else at
            flags = b"\0\0\0\1" if layout.absolute else b"\0\2\0\0"
            tfhd = mp4.box(b"tfhd", flags, (number + 1).to_bytes(4))
            if layout.absolute:
                tfhd = mp4.box(b"tfhd", flags, (number + 1).to_bytes(4), base.to_bytes(8))
            rows = [
                struct.pack(
                    ">IIIi",
                    each.duration,
                    len(each.data),
                    _KEY if each.key else _NOT_KEY,
                    each.offset,
                )
                for each in samples
            ]
            trun = mp4.box(b"trun", b"\1\0\x0f\1", struct.pack(">Ii", len(rows), data_at), *rows)
            begins = decoded + movie[number].began
            tfdt = mp4.box(b"tfdt", b"\1\0\0\0", begins.to_bytes(8))
            trafs.append(mp4.box(b"traf", tfhd, tfdt, trun))
            data_at += sum(len(each.data) for each in samples)
        mfhd = mp4.full_box(b"mfhd", sequence.to_bytes(4))
        return mp4.box(b"moof", mfhd, *trafs)

    media = mp4.box(b"mdat", *(each.data for _, _, samples in parts for each in samples))
    return padding + moof(len(moof(0)) + 8) + media


def _sidx(movie: Movie, layout: Layout, fragments: Sequence[bytes]) -> bytes:
    """Write an index of all fragments, as DASH has it in front."""
    lead = next(n for n, track in enumerate(movie) if track.handler == b"vide")
    scale = movie[lead].scale
    rows = []
    for fragment, parts in zip(fragments, _parts(movie, layout), strict=True):
        samples = next((samples for number, _, samples in parts if number == lead), [])
        length = sum(sample.duration for sample in samples)
        rows.append(struct.pack(">III", len(fragment), length, 0x90000000))
    head = struct.pack(">IIIIHH", lead + 1, scale, 0, 0, 0, len(rows))
    return mp4.full_box(b"sidx", head, *rows)
