"""Reading by ranges, and what is seen in the clips of tests/clips (made by make.py there)."""

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos import webm
from chalicelib.videos.model import VideoFacts, broken_rules
from chalicelib.videos.probe import read_header
from chalicelib.videos.ranges import (
    CACHED_BLOCKS,
    ObjectChanged,
    RangeReader,
)
from tests.corpus.fixtures import FIXTURES

CLIPS = Path(__file__).parent.parent / "clips"


def clip(name: str) -> bytes:
    return (CLIPS / name).read_bytes()


def seen_in(content: bytes) -> VideoFacts:
    return read_header(io.BytesIO(content), len(content))


def codes(facts: VideoFacts) -> list[str]:
    return [problem.code.value for problem in broken_rules(facts)]


# The clips: what is seen in each, and what is said about it.

PLAIN = VideoFacts(
    size_bytes=0,
    container="mp4",
    has_video=True,
    has_audio=True,
    codec="h264",
    duration_seconds=4.0,
    width=540,
    height=960,
    frame_rate=24.0,
)
SOUND = VideoFacts(size_bytes=0, container="mp4", has_audio=True, duration_seconds=4.0)

SEEN: dict[str, tuple[VideoFacts, list[str]]] = {
    "demo.mp4": (PLAIN, []),
    "demo.webm": (replace(PLAIN, container="webm", codec="vp9"), []),
    "vp8.webm": (replace(PLAIN, container="webm", codec="vp8"), []),
    "browser_recorded.webm": (
        replace(PLAIN, container="webm", codec="vp8", duration_seconds=4.007, frame_rate=24.002),
        [],
    ),
    "fragmented.mp4": (
        replace(PLAIN, duration_seconds=None, frame_rate=None),
        ["length_unknown", "frame_rate_unknown"],
    ),
    "hevc.mp4": (replace(PLAIN, codec="h265"), []),
    "no_audio.mp4": (replace(PLAIN, has_audio=False), []),
    "rotated.mp4": (PLAIN, []),
    "two_seconds.mp4": (replace(PLAIN, duration_seconds=2.0), ["too_short"]),
    "seventy_seconds.mp4": (
        replace(PLAIN, duration_seconds=70.0, has_audio=False),
        ["too_long"],
    ),
    "small_480p.mp4": (replace(PLAIN, width=480, height=854), ["resolution_too_low"]),
    "fifteen_fps.mp4": (replace(PLAIN, frame_rate=15.0), ["frame_rate_too_low"]),
    "mpeg4_part2.mp4": (replace(PLAIN, codec="mpeg-4 visual"), ["unsupported_codec"]),
    "quicktime.mov": (replace(PLAIN, container="mov"), ["unsupported_container"]),
    "matroska.mkv": (
        replace(PLAIN, container="matroska", codec="vp9"),
        ["unsupported_container"],
    ),
    "audio_only.mp4": (SOUND, ["no_video_track"]),
    "cover_art.mp4": (SOUND, ["no_video_track"]),
    "text.mp4": (VideoFacts(size_bytes=0), ["not_a_video"]),
}


def test_every_clip_is_in_the_corpus_and_small() -> None:
    made = {path.name for path in CLIPS.iterdir() if path.suffix in {".mp4", ".webm"}}
    assert made <= {fixture.name for fixture in FIXTURES}
    assert all(path.stat().st_size < 70_000 for path in CLIPS.iterdir() if path.is_file())


@pytest.mark.parametrize("name", SEEN)
def test_a_clip_is_seen_for_what_it_is_and_judged_by_that(name: str) -> None:
    content = clip(name)
    facts, problems = SEEN[name]
    assert seen_in(content) == replace(facts, size_bytes=len(content))
    assert codes(seen_in(content)) == problems


# Identity from the content.


@pytest.mark.parametrize(
    ("brand", "container"),
    [
        (b"isom", "mp4"),
        (b"iso6", "mp4"),
        (b"mp42", "mp4"),
        (b"avc1", "mp4"),
        (b"dash", "mp4"),
        (b"XAVC", "mp4"),  # a maker's own brand, compatible with isom as the file says
        (b"qt  ", "mov"),
        (b"M4V ", "mp4"),
        (b"M4A ", "m4a"),
        (b"3gp5", "mp4"),
        (b"3g2a", "mp4"),
        (b"hevc", "heif"),
        (b"avis", "avif"),
    ],
)
def test_an_mp4_is_told_from_its_relatives_by_its_brand(brand: bytes, container: str) -> None:
    content = clip("demo.mp4")
    assert content[4:12] == b"ftypisom"
    assert seen_in(content.replace(b"ftypisom", b"ftyp" + brand, 1)).container == container


def test_a_percent_sign_among_the_brands_does_not_hold_it_up() -> None:
    content = clip("demo.mp4").replace(b"isomiso2avc1", b"isom%so2a%F%", 1)
    assert codes(seen_in(content)) == []


def test_a_foreign_brand_compatible_with_nothing_known_is_no_mp4() -> None:
    content = clip("demo.mp4")
    end = int.from_bytes(content[:4])
    content = content[:8] + b"abcd".ljust(end - 8, b"\0") + content[end:]
    assert seen_in(content).container == "abcd"


def test_an_mp4_without_any_brand_is_quicktime() -> None:
    content = clip("demo.mp4")
    assert seen_in(content[int.from_bytes(content[:4]) :]).container == "mov"


def test_webm_is_told_from_matroska_by_its_document_type() -> None:
    facts = seen_in(clip("demo.webm").replace(b"\x42\x82\x84webm", b"\x42\x82\x84mkv\0", 1))
    assert facts.container != "webm"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\0" * 100_000,
        random.Random(4).randbytes(300_000),
        b"#EXTM3U\n#EXTINF:10,\nhttps://example.com/1.ts\n",
        b"<?xml version='1.0'?><MediaInfo><track type='Video'/></MediaInfo>",
        b"General|4000||MPEG-4|isom|isom\nVideo|4000|540|960|1|0|24|AVC\n",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;",
        b"\x1a\x45\xdf\xa3",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    ],
)
def test_nonsense_gives_facts_without_a_video(content: bytes) -> None:
    facts = seen_in(content)
    assert not facts.has_video
    assert codes(facts)


@pytest.mark.parametrize("name", ["demo.mp4", "demo.webm", "browser_recorded.webm"])
@pytest.mark.parametrize("kept", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_anywhere_is_no_crash(name: str, kept: float) -> None:
    content = clip(name)
    broken_rules(seen_in(content[: int(len(content) * kept)]))


@pytest.mark.parametrize("name", [name for name in SEEN if name.startswith(("demo", "browser"))])
def test_damaged_headers_are_no_crash(name: str) -> None:
    chance = random.Random(name)
    whole = clip(name)
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 20)):
            content[chance.randrange(min(len(content), 1500))] = chance.randrange(256)
        broken_rules(seen_in(bytes(content)))


def title(text: bytes) -> bytes:
    """A movie title as iTunes writes it, to be put into an MP4's last box, `moov`."""
    data = box(b"data", b"\0\0\0\x01\0\0\0\0" + text)
    handler = box(b"hdlr", b"\0" * 8 + b"mdirappl" + b"\0" * 9)
    tags = box(b"ilst", box(b"\xa9nam", data))
    return box(b"udta", box(b"meta", b"\0" * 4 + handler + tags))


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4) + name + content


@pytest.mark.parametrize(
    "text",
    [
        b"<track type='Video'>&bogus;]]></MediaInfo>",
        b"\x00\x01\x02\x0b\x1f\x7f",
        b"\xff\xfe\xc0\xed\xa0\x80 \xf4\x90\x80\x80",
        "\u202e\uffff\U0001f3ac".encode(),
        b"\nVideo|4000|1|1|1|0|1|AVC\nGeneral|1|||evil|\n",
        b"%n%s%Format%" * 1000,
    ],
)
def test_hostile_metadata_changes_nothing(text: bytes) -> None:
    content = clip("no_audio.mp4")
    at = content.rindex(b"moov") - 4
    length = int.from_bytes(content[at : at + 4])
    assert at + length == len(content)
    moov = box(b"moov", content[at + 8 :] + title(text))
    facts = seen_in(content[:at] + moov)
    assert facts == replace(PLAIN, has_audio=False, size_bytes=len(content) + len(moov) - length)


def test_bytes_after_the_end_change_nothing() -> None:
    for name in ("demo.mp4", "demo.webm", "browser_recorded.webm"):
        content = clip(name) + b"\0" * 5000
        assert codes(seen_in(content)) == []


# The true length of what says none.


def element(name: int, content: bytes) -> bytes:
    width = (name.bit_length() + 7) // 8
    return name.to_bytes(width) + (len(content) | 1 << 56).to_bytes(8) + content


def recording(
    seconds: float, *, rate: float = 30.0, frame_bytes: int = 100, cluster_seconds: float = 3.0
) -> bytes:
    """A browser's recording: tracks, then clusters without a length, and nothing else."""
    unknown = b"\x01" + b"\xff" * 7
    header = element(0x1A45DFA3, element(0x4282, b"webm"))
    picture = element(0xE0, element(0xB0, b"\x02\x1c") + element(0xBA, b"\x03\xc0"))
    track = element(0xD7, b"\1") + element(0x83, b"\1") + element(0x86, b"V_VP8") + picture
    parts = [header, b"\x18\x53\x80\x67" + unknown, element(0x1654AE6B, element(0xAE, track))]
    cluster_at = -1e9
    for index in range(round(seconds * rate)):
        due = round(index * 1000 / rate)
        if due - cluster_at >= cluster_seconds * 1000:
            cluster_at = due
            parts += [b"\x1f\x43\xb6\x75" + unknown, element(0xE7, due.to_bytes(4))]
        block = b"\x81" + round(due - cluster_at).to_bytes(2) + b"\x80" + b"\x5a" * frame_bytes
        parts.append(element(0xA3, block))
    return b"".join(parts)


@pytest.mark.parametrize(
    ("seconds", "problems"),
    [(2.5, ["too_short"]), (3.0, []), (20.0, []), (60.0, []), (61.0, ["too_long"])],
)
def test_a_recording_without_a_length_is_judged_by_its_true_one(
    seconds: float, problems: list[str]
) -> None:
    facts = seen_in(recording(seconds, frame_bytes=2000))
    assert facts.duration_seconds == pytest.approx(seconds, abs=0.01)
    assert facts.frame_rate == pytest.approx(30, abs=0.1)
    assert codes(facts) == problems


@given(
    seconds=st.floats(1, 60),
    rate=st.sampled_from((10.0, 23.976, 25.0, 30.0, 59.94, 60.0)),
    frame_bytes=st.integers(1, 3000),
    cluster_seconds=st.floats(0.01, 30),
)
def test_length_and_rate_are_found_however_a_recording_is_clustered(
    seconds: float, rate: float, frame_bytes: int, cluster_seconds: float
) -> None:
    content = recording(
        seconds, rate=rate, frame_bytes=frame_bytes, cluster_seconds=cluster_seconds
    )
    found = webm.webm_timing(io.BytesIO(content), len(content))
    assert found.seconds == pytest.approx(round(seconds * rate) / rate, abs=0.01)
    assert found.frame_rate == pytest.approx(rate, rel=0.005)


@given(st.binary(max_size=300), st.integers(0, 17_000), st.integers(0, 300))
def test_no_bytes_make_the_look_at_a_recording_fail(noise: bytes, at: int, cut: int) -> None:
    content = clip("browser_recorded.webm")
    content = content[:at] + noise + content[at + cut :]
    webm.webm_timing(io.BytesIO(content), len(content))
    webm.webm_timing(io.BytesIO(noise), len(noise))


# Reading by ranges.


@dataclass
class Store:
    """Something with ranges to fetch, which notes what was fetched."""

    content: bytes

    def __post_init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def fetch(self, start: int, end: int) -> bytes:
        assert 0 <= start < end <= len(self.content)
        self.ranges.append((start, end))
        return self.content[start:end]


@given(
    content=st.binary(max_size=400),
    block_bytes=st.integers(1, 64),
    cached_blocks=st.integers(1, 8),
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(-450, 450), st.integers(0, 500))),
)
def test_a_range_reader_reads_like_any_file(
    content: bytes, block_bytes: int, cached_blocks: int, steps: list[tuple[int, int, int]]
) -> None:
    store, file = Store(content), io.BytesIO(content)
    reader = RangeReader(
        store.fetch, len(content), block_bytes=block_bytes, cached_blocks=cached_blocks
    )
    for whence, offset, size in steps:
        base = (0, file.tell(), len(content))[whence]
        target = max(offset, -base)
        assert reader.seek(target, whence) == file.seek(target, whence)
        assert reader.read(size) == file.read(size)
        assert reader.tell() == file.tell()
    assert reader.gets == len(store.ranges)
    assert reader.bytes_fetched == sum(end - start for start, end in store.ranges)
    assert all(start % block_bytes == 0 for start, _ in store.ranges)
    reader.seek(0)
    assert reader.readall() == content


def test_a_block_is_fetched_once_while_it_is_kept_and_neighbours_together() -> None:
    store = Store(bytes(range(100)))
    reader = RangeReader(store.fetch, 100, block_bytes=10, cached_blocks=3)
    for _ in range(5):
        reader.seek(12)
        reader.read(3)
    assert store.ranges == [(10, 20)]
    reader.seek(5)
    assert reader.read(30) == bytes(range(5, 35))
    assert store.ranges == [(10, 20), (0, 10), (20, 40)]


def test_no_more_blocks_are_kept_than_agreed() -> None:
    store = Store(bytes(1000))
    reader = RangeReader(store.fetch, 1000, block_bytes=10, cached_blocks=3)
    reader.read(1000)
    assert len(reader._cache) == 3  # noqa: SLF001  memory that is held
    store.ranges.clear()
    reader.seek(970)
    reader.read(30)
    assert store.ranges == []
    reader.seek(0)
    reader.read(1)
    assert store.ranges == [(0, 10)]


def test_a_position_before_the_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="negative position -1"):
        RangeReader(Store(b"abc").fetch, 3).seek(-1)


def test_a_fetch_that_brings_too_little_is_an_error_not_an_end_of_file() -> None:
    with pytest.raises(OSError, match="asked for 3 bytes at 0, got 2"):
        RangeReader(lambda _start, _end: b"ab", 3).read()


def test_errors_of_a_fetch_propagate_from_read_header() -> None:
    def fetch(start: int, end: int) -> bytes:
        raise ObjectChanged("gone")

    with pytest.raises(ObjectChanged):
        read_header(RangeReader(fetch, 100), 100)


def padded(name: str, size: int) -> bytes:
    """An MP4 with `moov` at its end, grown to `size` by media data nobody refers to."""
    content = clip(name)
    at = content.rindex(b"moov") - 4
    return content[:at] + box(b"free", bytes(size - len(content) - 8)) + content[at:]


@pytest.mark.parametrize(
    ("make", "gets"),
    [
        (lambda: padded("no_audio.mp4", 49_000_000), 3),
        (lambda: clip("demo.mp4") + bytes(49_000_000), 2),
        (lambda: clip("text.mp4") * 60_000, 3),
        (lambda: recording(60, frame_bytes=27_000), 5),
    ],
    ids=["index at the end", "index at the front", "text", "browser recording"],
)
def test_little_of_a_large_file_is_fetched(make: Callable[[], bytes], gets: int) -> None:
    store = Store(make())
    reader = RangeReader(store.fetch, len(store.content))
    read_header(reader, len(store.content))
    assert len(store.content) > 48_000_000
    assert reader.gets <= gets
    assert len(reader._cache) <= CACHED_BLOCKS  # noqa: SLF001  memory that is held
