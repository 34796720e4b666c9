"""An MP4's index is held against the room it has before anybody believes it."""

import io
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos.model import (
    IndexDefect,
    VideoFacts,
    VideoProblemCode,
    broken_rules,
    facts_from,
)
from chalicelib.videos.mp4_boxes import INDEX_BYTES, MAX_TRACKS, has_too_many_boxes, read_index
from tests.corpus import mp4
from tests.corpus.fixtures import CLIPS, STBL, clip, many_tracks, with_table

FRONT, BACK = clip("demo.mp4"), clip("no_audio.mp4")


def defect(content: bytes) -> IndexDefect | None:
    return read_index(io.BytesIO(content), len(content)).defect


@pytest.mark.parametrize("file", sorted(CLIPS.glob("*.mp4")), ids=lambda file: file.name)
def test_files_of_encoders_have_no_defect(file: Path) -> None:
    assert defect(file.read_bytes()) is None


@pytest.mark.parametrize("content", [FRONT, BACK], ids=["front", "back"])
def test_an_index_without_a_head_is_damaged(content: bytes) -> None:
    assert defect(content.replace(b"mvhd", b"free", 1)) is IndexDefect.DAMAGED


@pytest.mark.parametrize("name", ["demo.webm", "matroska.mkv", "picture.png", "quicktime.mov"])
def test_files_that_are_no_mp4_are_ignored(name: str) -> None:
    assert defect(clip(name)) is None


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        ("stts", 8),
        ("stsc", 12),
        ("stco", 4),
    ],
)
def test_a_table_of_exactly_its_room_is_fine_and_of_one_entry_more_is_not(
    table: str, entry: int
) -> None:
    for count, expected in ((5, None), (6, IndexDefect.DAMAGED), (2**32 - 1, IndexDefect.DAMAGED)):
        content = with_table(table, struct.pack(">II", 0, count) + bytes(5 * entry))
        assert defect(content) is expected


def test_more_tracks_than_anybody_writes_are_a_defect() -> None:
    assert defect(many_tracks(MAX_TRACKS - 1)) is None
    assert defect(many_tracks(MAX_TRACKS)) is IndexDefect.DAMAGED


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_an_index_at_the_front_that_is_cut_is_missing(share: float) -> None:
    start, end = mp4.lineage(FRONT, "moov")[-1]
    for length in (start + 9, (start + end) // 2, end - 1, start + int((end - start) * share) + 9):
        assert defect(FRONT[:length]) is IndexDefect.MISSING
    assert defect(FRONT[:end]) is None


def test_an_index_at_the_end_that_is_cut_off_is_missing() -> None:
    start, end = mp4.lineage(BACK, "moov")[-1]
    for length in (start - 1000, start, start + 100, end - 1):
        assert defect(BACK[:length]) is IndexDefect.MISSING


def test_little_is_read_whatever_the_index_says() -> None:
    class Counted(io.BytesIO):
        total = 0

        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            self.total += len(content)
            return content

    huge = mp4.add(BACK, "moov", mp4.box(b"free", bytes(5_000_000)))
    for content in (huge, mp4.box(b"ftyp", b"isom") + mp4.box(b"free") * 100_000):
        file = Counted(content)
        assert read_index(file, len(content)).defect is None
        assert file.total <= INDEX_BYTES + 2000


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_no_damage_makes_the_look_fail_or_last(seed: int, hits: int) -> None:
    chance = random.Random(seed)
    content = bytearray(BACK)
    start, _ = mp4.lineage(BACK, "moov")[-1]
    for _ in range(hits):
        content[chance.choice((chance.randrange(64), chance.randrange(start, len(BACK))))] = (
            chance.choice((0, 1, 7, 255, chance.randrange(256)))
        )
    assert defect(bytes(content)) in (None, *IndexDefect)


@given(st.binary(max_size=400))
def test_no_bytes_behind_a_brand_make_the_look_fail(rest: bytes) -> None:
    assert defect(mp4.box(b"ftyp", b"isom") + rest) in (None, *IndexDefect)


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (IndexDefect.MISSING, VideoProblemCode.TRUNCATED, "the file was cut off"),
        (IndexDefect.DAMAGED, VideoProblemCode.DAMAGED, "no player can find its pictures"),
    ],
)
def test_one_plain_reason_is_told(found: IndexDefect, code: VideoProblemCode, words: str) -> None:
    facts = VideoFacts(size_bytes=1000, container="mp4", index_defect=found)
    (problem,) = broken_rules(facts)
    assert (problem.code, problem.field, problem.actual) == (code, "index", found.value)
    assert words in problem.message
    kept = {name: getattr(facts, name) for name in VideoFacts.__slots__} | {
        "index_defect": found.value
    }
    assert facts_from(kept) == facts


def test_a_hidden_table_is_not_looked_for() -> None:
    content = mp4.put(BACK, f"{STBL}/stts", mp4.full_box(b"stts", b"\xff" * 4))
    first = mp4.box(b"mvhd", mp4.body(content, "moov/mvhd"))
    hidden = mp4.put(content, "moov/mvhd", first + mp4.box(b"free", bytes(INDEX_BYTES)))
    assert defect(content) is IndexDefect.DAMAGED
    assert defect(hidden) is None


def box_of_segments(count: int) -> bytes:
    body = bytes(22) + count.to_bytes(2) + bytes(12 * count)
    return (8 + len(body)).to_bytes(4) + b"sidx" + body


@pytest.mark.parametrize(
    ("content", "excessive"),
    [
        (b"\0\0\0\x0cpssh...." * 1000, False),
        (b"\0\0\0\x0cpssh...." * 1001, True),
        (bytes(2**20 - 2) + b"pssh" * 1001, True),
        (b"\0\0\0\x0bmdtakey" * 2000, False),
        (b"\0\0\0\x0bmdtakey" * 2001, True),
        (b"\0\0\0\x20----\0\0\0\x10mean...." * 2001, True),
        (b"-" * 100_000 + b"mean", False),
        (b"\0\0\0\x20loci" * 2000, False),
        (b"\0\0\0\x20loci" * 2001, True),
        (b"\0\0\0\x0d\xa9nam\0\1\x15\xc7x" * 2000, False),
        (b"\0\0\0\x0d\xa9nam\0\1\x15\xc7x" * 2001, True),
        (b"\0\0\0\x0d\xa9nam\0\1\x15\xc7x" * 1500 + b"\0\0\0\x20loci" * 501, True),
        (b"\1\0\0\x0d\xa9nam" * 3000, False),  # picture data by chance
        (b"\0\0\0\x08moof" * 100_000, False),
        (b"\0\0\0\x08moof" * 100_001, True),
        (b"\0\0\0\x20trex" * 1000, False),
        (bytes(2**20 - 3) + b"trex" * 1001, True),
        (b"".join([box_of_segments(50_000)] * 2), False),
        (b"".join([box_of_segments(50_000)] * 3), True),
        (b"sidx" + b"\xff" * 40, False),
    ],
)
def test_more_boxes_that_keep_readers_busy_than_any_encoder_writes_are_noticed(
    content: bytes, excessive: bool
) -> None:
    assert has_too_many_boxes(io.BytesIO(content), len(content)) is excessive


MANY = b"\0\0\0\x20loci" * 2001
ROOM = bytes(2**20)


def wide_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, kind, 16 + len(body)) + body


@pytest.mark.parametrize(
    ("content", "excessive"),
    [
        (mp4.box(b"mdat", ROOM + MANY), False),
        (wide_box(b"mdat", ROOM + MANY), False),
        (b"\0\0\0\0mdat" + ROOM + MANY, False),  # goes on to the end of the file
        (mp4.box(b"free", ROOM + MANY), False),
        (mp4.box(b"free", b"\0\0\0\x6cmvhd" + ROOM + MANY), True),  # readers open that
        (mp4.box(b"free", b"\0\0\0\x6ccmov" + ROOM + MANY), True),
        (mp4.box(b"mdat", ROOM + MANY) + box_of_segments(1), True),  # readers seek into media
        (mp4.box(b"tfra", bytes(20)) + mp4.box(b"mdat", ROOM + MANY), True),
        (mp4.box(b"mdat", ROOM) + mp4.box(b"moov", MANY), True),
        (mp4.box(b"moov", MANY) + mp4.box(b"mdat", ROOM), True),
        (mp4.box(b"mdat", ROOM) + MANY[:8000] + mp4.box(b"free", ROOM) + MANY[:8000], False),
        (mp4.box(b"mdat", ROOM) + MANY[:8000] + mp4.box(b"free", ROOM) + MANY[:8008], True),
        (mp4.box(b"mdat", ROOM) + mp4.box(b"udta", MANY) + mp4.box(b"mdat", ROOM), True),
        (b"\0\0\0\x07mdat" + ROOM + MANY, True),  # no length of a box
    ],
)
def test_boxes_count_only_where_readers_look_for_any(content: bytes, excessive: bool) -> None:
    content = mp4.box(b"ftyp", b"isom") + content
    assert has_too_many_boxes(io.BytesIO(content), len(content)) is excessive


def test_media_are_not_read_to_count_boxes() -> None:
    class Counted(io.BytesIO):
        total = 0

        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            self.total += len(content)
            return content

    content = FRONT + mp4.box(b"free", bytes(10 * 2**20))
    file = Counted(content)
    assert not has_too_many_boxes(file, len(content))
    assert file.total < len(FRONT) + 2**20
