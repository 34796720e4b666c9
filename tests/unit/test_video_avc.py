"""H.264 whose pictures are said to lean on none, and that nothing read raises."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos import avc, mp4_boxes
from chalicelib.videos.nal_units import add_emulation_prevention, remove_emulation_prevention
from tests.corpus.fixtures import clip

CLIPS = (
    *("open_groups.mp4", "demo.mp4", "huge_h264_ten_bit.mp4", "huge_h264_422.mp4"),
    *("interlaced.mp4", "full_hd.mp4", "widest.mp4", "uhd_phone.mp4"),
)


def track_of(name: str) -> mp4_boxes.Track:
    content = clip(name)
    movie = mp4_boxes.read_movie(io.BytesIO(content), len(content))
    return next(track for track in movie.tracks if track.configuration)


@pytest.mark.parametrize("name", CLIPS[:-1])
def test_a_stream_without_references_is_as_long_as_before(name: str) -> None:
    track = track_of(name)
    place = track.configuration_at
    assert clip(name)[place : place + len(track.configuration)] == track.configuration
    made = avc.with_single_reference(track.configuration)
    assert made is not None
    assert made != track.configuration
    assert len(made) == len(track.configuration)
    assert avc.with_single_reference(made) == made


def test_other_codecs_are_left_as_they_are() -> None:
    assert avc.with_single_reference(track_of("uhd_phone.mp4").configuration) is None
    assert avc.with_single_reference(b"") is None
    assert avc.nal_length_bytes(b"") == 4


@pytest.mark.parametrize(("kind", "alone"), [(0x65, True), (0x41, False), (0x01, False)])
def test_only_an_idr_begins_the_numbers_anew(kind: int, alone: bool) -> None:
    unit = bytes([kind]) + b"abc"
    sample = len(unit).to_bytes(4) + unit
    assert avc.is_idr(sample, 4) is alone
    assert avc.is_idr(b"\0\0\0\x02\x09\x10" + sample, 4) is alone


CONFIGURATION = track_of("open_groups.mp4").configuration


@given(st.binary(max_size=200))
def test_nothing_that_may_be_read_raises(content: bytes) -> None:
    avc.with_single_reference(content)
    avc.is_idr(content, avc.nal_length_bytes(content))


@given(st.data())
def test_nothing_that_was_changed_raises_or_grows(data: st.DataObject) -> None:
    made = bytearray(CONFIGURATION)
    for at in data.draw(st.lists(st.integers(0, len(made) - 1), max_size=4)):
        made[at] = data.draw(st.integers(0, 255))
    changed = bytes(made[: data.draw(st.integers(0, len(made)))])
    written = avc.with_single_reference(changed)
    assert written is None or len(written) == len(changed)


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 255]), max_size=60))
def test_guards_come_and_go(content: list[int]) -> None:
    plain = bytes(content) + b"\x80"
    guarded = add_emulation_prevention(plain)
    assert not any(guarded.count(bytes([0, 0, each])) for each in (0, 1, 2))
    assert remove_emulation_prevention(guarded)[0] == plain
