"""Key frames of H.265 that stand alone: what is written, and that nothing read raises."""

import io
import subprocess
import tempfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos import ffprobe_output, hevc, mp4_boxes
from tests.corpus import ffprobe
from tests.corpus.fixtures import clip

OPEN = ("hevc_open_groups.mp4", "uhd_editor.mp4", "huge_hevc_422.mp4", "huge_hevc_square.mp4")
CLOSED = ("uhd_phone.mp4", "hevc.mp4")
CRA, IDR = 21, 20


def configuration(name: str) -> bytes:
    content = clip(name)
    movie = mp4_boxes.read_movie(io.BytesIO(content), len(content))
    return next(track.configuration for track in movie.tracks if track.configuration)


def probed(content: bytes, *options: str) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        command = [ffprobe.found(), "-v", "error", "-select_streams", "v:0", *options]
        ran = subprocess.run(
            [*command, "-of", "compact", file.name], check=True, capture_output=True
        )
    return ran.stdout + ran.stderr


def key_frames(name: str) -> list[ffprobe_output.Packet]:
    listing = ffprobe_output.read_listing(
        probed(clip(name), "-show_entries", ffprobe_output.LISTING_ENTRIES)
    )
    return [packet for packet in listing.streams[0].packets if packet.key]


def sample_of(name: str, packet: ffprobe_output.Packet) -> bytes:
    assert packet.position is not None
    return clip(name)[packet.position : packet.position + packet.size]


def kinds(sample: bytes) -> list[int]:
    found, at = [], 0
    while at < len(sample):
        found.append(sample[at + 4] >> 1)
        at += 4 + int.from_bytes(sample[at : at + 4])
    return found


@pytest.mark.parametrize("name", OPEN)
def test_key_frames_of_open_groups_decode_alone_once_they_name_no_others(name: str) -> None:
    sets = hevc.parameter_sets(configuration(name))
    content, written = bytearray(clip(name)), 0
    for packet in key_frames(name):
        sample = sample_of(name, packet)
        made = hevc.as_idr_picture(sample, sets)
        if made is None:
            assert CRA not in kinds(sample)
            continue
        assert hevc.has_references(sample, sets)
        assert not hevc.has_references(made, sets)
        assert len(made) == len(sample)
        assert IDR in kinds(made)
        assert CRA not in kinds(made)
        assert packet.position is not None
        content[packet.position : packet.position + packet.size] = made
        written += 1
        seek = f"{packet.time + 0.02}%+#1"
        said = probed(bytes(content), "-read_intervals", seek, "-show_entries", "frame=pict_type")
        assert [line.split(b"|")[:2] for line in said.split(b"\n") if line.startswith(b"f")] == [
            [b"frame", b"pict_type=I"]
        ]
        assert b"Could not find ref" not in said
    assert written


@pytest.mark.parametrize("name", CLOSED)
def test_key_frames_of_closed_groups_are_left_as_they_are(name: str) -> None:
    sets = hevc.parameter_sets(configuration(name))
    for packet in key_frames(name):
        sample = sample_of(name, packet)
        assert not hevc.has_references(sample, sets)


def last_key(name: str = "hevc_open_groups.mp4") -> bytes:
    return sample_of(name, key_frames(name)[-1])


def without_sets(_configuration: bytes) -> bytes:
    return b""


def cut(configuration: bytes) -> bytes:
    return configuration[:60]


@pytest.mark.parametrize("change", [without_sets, cut])
def test_a_key_frame_whose_parameters_are_unknown_is_left_as_it_is(
    change: Callable[[bytes], bytes],
) -> None:
    sets = hevc.parameter_sets(change(configuration("hevc_open_groups.mp4")))
    assert hevc.as_idr_picture(last_key(), sets) is None
    assert hevc.has_references(last_key(), sets)


def test_parameters_may_come_with_the_key_frame() -> None:
    content = configuration("hevc_open_groups.mp4")
    sets, at, units = hevc.parameter_sets(b""), 23, b""
    for _ in range(content[22]):
        length = int.from_bytes(content[at + 3 : at + 5])
        units += length.to_bytes(4) + content[at + 5 : at + 5 + length]
        at += 5 + length
    made = hevc.as_idr_picture(units + last_key(), sets)
    assert made is not None
    assert made.startswith(units)


CONFIGURATION, KEY = configuration("hevc_open_groups.mp4"), last_key()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_nothing_that_may_be_read_raises(configuration: bytes, sample: bytes) -> None:
    sets = hevc.parameter_sets(configuration)
    hevc.has_references(sample, sets)
    hevc.as_idr_picture(sample, sets)
    hevc.as_idr_picture(sample, hevc.parameter_sets(CONFIGURATION))


@given(st.data())
def test_nothing_that_was_changed_raises_or_grows(data: st.DataObject) -> None:
    def changed(content: bytes) -> bytes:
        made = bytearray(content)
        places = st.integers(0, len(content) - 1)
        for at in data.draw(st.lists(places, max_size=4)):
            made[at] = data.draw(st.integers(0, 255))
        return bytes(made[: data.draw(st.integers(0, len(made)))])

    sets, sample = hevc.parameter_sets(changed(CONFIGURATION)), changed(KEY)
    hevc.has_references(sample, sets)
    made = hevc.as_idr_picture(sample, sets)
    assert made is None or len(made) == len(sample)
