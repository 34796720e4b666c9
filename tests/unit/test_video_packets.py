"""Packets are held against the file they claim to lie in, and two files in one are noticed."""

import io
from dataclasses import dataclass

import pytest

from chalicelib.videos import packets as packets_module
from chalicelib.videos import webm
from chalicelib.videos.packets import MAX_OVERLAP, check_packets
from tests.corpus import ebml
from tests.corpus.fixtures import clip, many_webm_tracks

UNIT = b"\0\0\0\x06\x41" + b"abcde"  # a NAL unit with its length


@dataclass(frozen=True)
class Placed:
    size: int
    position: int | None


def file_of(*parts: bytes) -> io.BytesIO:
    return io.BytesIO(b"\0\0\0\x10ftypisom\0\0\0\0" + b"".join(parts))


def test_packets_may_claim_the_bytes_of_a_file_twice_and_no_more() -> None:
    file = file_of(UNIT * 100)
    size = len(file.getvalue())
    packet = Placed(len(UNIT), 16)
    fits = MAX_OVERLAP * size // len(UNIT)
    assert not check_packets(file, size, "h264", [packet] * fits, size).overlapping
    report = check_packets(file, size, "h264", [packet] * (fits + 1), size)
    assert report.overlapping
    assert report.suspects == ()


def test_of_packets_that_overlap_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(packets_module, "_read_packet", read)
    file = file_of(bytes(1000))
    check_packets(file, 1016, "h264", [Placed(1000, 16)] * 3, 1016)


def test_a_packet_that_looks_odd_is_a_suspect() -> None:
    content = UNIT * 3 + b"\xff" * 10 + UNIT * 3
    places = [Placed(10, 16 + 10 * n) for n in range(7)]
    file = file_of(content)
    assert check_packets(file, 16 + len(content), "h264", places, 0).suspects == (3,)


def test_zeros_within_a_unit_are_no_filling_and_those_at_its_end_are() -> None:
    filled = b"\0\0\0\x30\x41ab" + bytes(45)
    hollow = b"\0\0\0\x30\x41ab" + bytes(44) + b"c"
    content = UNIT * 4 + filled + UNIT + hollow + UNIT
    places = [Placed(10, 16 + 10 * n) for n in range(3)]
    places += [Placed(62, 56), Placed(62, 118)]
    report = check_packets(file_of(content), 16 + len(content), "h264", places, 0)
    assert report.suspects == (3,)
    assert (report.broken, report.hollow) == ((), (4,))


def test_packets_outside_the_file_or_without_a_place_are_left_alone() -> None:
    file = file_of(UNIT)
    places = [Placed(10, None), Placed(0, 16), Placed(10, 17), Placed(10, 10**15)]
    assert check_packets(file, 26, "h264", places, 0).suspects == ()


def test_another_webm_behind_the_first_is_noticed() -> None:
    demo, live = clip("demo.webm"), clip("browser_recorded.webm")
    for content, second in (
        (demo, False),
        (live, False),
        (demo + live, True),
        (live + demo, True),
        (ebml.unknown_segment(demo) + demo, True),
        (demo + bytes(5000), False),
        (demo + b"\x01" * 5000, False),
        (b"", False),
        (b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x00" * 20, False),
    ):
        assert webm.has_second_file(io.BytesIO(content), len(content)) is second


def test_more_tracks_than_anybody_writes_are_noticed() -> None:
    within, beyond = webm.MAX_TRACKS // 2, webm.MAX_TRACKS // 2 + 1
    assert not webm.has_too_many_tracks(io.BytesIO(many_webm_tracks(within)))
    assert webm.has_too_many_tracks(io.BytesIO(many_webm_tracks(beyond)))
    assert not webm.has_too_many_tracks(io.BytesIO(clip("demo.mp4")))


@pytest.mark.parametrize(
    ("content", "excessive"),
    [
        (b"\xbb\x82\xb3\x80" * 100_000, False),
        (b"\xbb\x82\xb3\x80" * 100_001, True),
        (b"\xbb\x40\x02\xb7\x80" * 100_001, True),
        (b"\xbb\x01" + bytes(6) + b"\x02\xb3\x80", False),
        ((b"\xbb\x01" + bytes(6) + b"\x02\xb3\x80") * 100_001, True),
        (b"\xbb\x82\xa3\x80" * 100_001, False),
        (b"\xbb" * 2_000_000, False),
    ],
)
def test_more_places_to_seek_to_than_readers_get_through_are_noticed(
    content: bytes, excessive: bool
) -> None:
    assert webm.has_too_many_elements(io.BytesIO(content), len(content)) is excessive


def test_names_of_codecs_are_found_by_the_type_of_their_track() -> None:
    content = clip("demo.webm")
    names = webm.codec_names(io.BytesIO(content), without=())
    assert [name for _, name in names] == [b"V_VP9", b"A_OPUS"]
    assert all(content[at : at + len(name)] == name for at, name in names)
    sounds = webm.codec_names(io.BytesIO(content), without=(webm.PICTURE,))
    assert [name for _, name in sounds] == [b"A_OPUS"]
