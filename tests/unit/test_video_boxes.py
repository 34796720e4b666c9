"""An MP4's index is held against the room it has before anybody believes it."""

import io
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos.boxes import INDEX_BYTES, MAX_TRACKS, index_flaw
from chalicelib.videos.model import IndexFlaw, VideoFacts, VideoProblemCode, facts_from, judge
from tests.corpus import mp4
from tests.corpus.fixtures import CLIPS, STBL, clip, many_tracks, with_table

FRONT, BACK = clip("demo.mp4"), clip("no_audio.mp4")


def flaw(content: bytes) -> IndexFlaw | None:
    return index_flaw(io.BytesIO(content), len(content))


@pytest.mark.parametrize("file", sorted(CLIPS.glob("*.mp4")), ids=lambda file: file.name)
def test_what_encoders_write_has_no_flaw(file: Path) -> None:
    assert flaw(file.read_bytes()) is None


@pytest.mark.parametrize("name", ["demo.webm", "matroska.mkv", "picture.png", "quicktime.mov"])
def test_what_is_no_mp4_is_nobodys_business_here(name: str) -> None:
    assert flaw(clip(name)) is None


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
    for count, expected in ((5, None), (6, IndexFlaw.DAMAGED), (2**32 - 1, IndexFlaw.DAMAGED)):
        content = with_table(table, struct.pack(">II", 0, count) + bytes(5 * entry))
        assert flaw(content) is expected


def test_more_tracks_than_anybody_writes_are_a_flaw() -> None:
    assert flaw(many_tracks(MAX_TRACKS - 1)) is None
    assert flaw(many_tracks(MAX_TRACKS)) is IndexFlaw.DAMAGED


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_an_index_at_the_front_that_is_cut_is_missing(share: float) -> None:
    start, end = mp4.lineage(FRONT, "moov")[-1]
    for length in (start + 9, (start + end) // 2, end - 1, start + int((end - start) * share) + 9):
        assert flaw(FRONT[:length]) is IndexFlaw.MISSING
    assert flaw(FRONT[:end]) is None


def test_an_index_at_the_end_that_is_cut_off_is_missing() -> None:
    start, end = mp4.lineage(BACK, "moov")[-1]
    for length in (start - 1000, start, start + 100, end - 1):
        assert flaw(BACK[:length]) is IndexFlaw.MISSING


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
        assert index_flaw(file, len(content)) is None
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
    assert flaw(bytes(content)) in (None, *IndexFlaw)


@given(st.binary(max_size=400))
def test_no_bytes_behind_a_brand_make_the_look_fail(rest: bytes) -> None:
    assert flaw(mp4.box(b"ftyp", b"isom") + rest) in (None, *IndexFlaw)


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (IndexFlaw.MISSING, VideoProblemCode.TRUNCATED, "the file was cut off"),
        (IndexFlaw.DAMAGED, VideoProblemCode.DAMAGED, "no player finds its pictures"),
    ],
)
def test_one_plain_reason_is_told(found: IndexFlaw, code: VideoProblemCode, words: str) -> None:
    facts = VideoFacts(size_bytes=1000, container="mp4", index_flaw=found)
    (problem,) = judge(facts)
    assert (problem.code, problem.field, problem.actual) == (code, "index", found.value)
    assert words in problem.message
    kept = {name: getattr(facts, name) for name in VideoFacts.__slots__} | {
        "index_flaw": found.value
    }
    assert facts_from(kept) == facts


def test_a_hidden_table_is_not_looked_for() -> None:
    content = mp4.put(BACK, f"{STBL}/stts", mp4.full_box(b"stts", b"\xff" * 4))
    first = mp4.box(b"mvhd", mp4.body(content, "moov/mvhd"))
    hidden = mp4.put(content, "moov/mvhd", first + mp4.box(b"free", bytes(INDEX_BYTES)))
    assert flaw(content) is IndexFlaw.DAMAGED
    assert flaw(hidden) is None
