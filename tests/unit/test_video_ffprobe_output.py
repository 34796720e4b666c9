"""Whatever ffprobe prints, reading it never fails, and of healthy files it is understood."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos.ffprobe_output import (
    Frame,
    Packet,
    read_decoding,
    read_listing,
    seconds,
    whole_number,
)

NUMBERS = st.one_of(
    st.sampled_from(
        ("N/A", "", "nan", "inf", "-inf", "1e999", "-1", "0", "²", "٣", "1_0", "0x10", "9" * 5000)
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.text(max_size=8),
)
KEYS = st.sampled_from(
    (
        *("stream_index", "index", "pts_time", "dts_time", "duration_time", "size", "pos", "flags"),
        *("codec_name", "codec_type", "width", "height", "disposition:attached_pic", "format_name"),
        *("duration", "best_effort_timestamp_time", "sample_aspect_ratio", "side_data", "zz"),
    )
)
LINES = st.builds(
    lambda section, pairs: "|".join((section, *(f"{key}={value}" for key, value in pairs))),
    st.sampled_from(("packet", "stream", "frame", "format", "side_data", "", "other")),
    st.lists(st.tuples(KEYS, NUMBERS), max_size=9),
)
OUTPUTS = st.one_of(
    st.lists(LINES, max_size=9).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")),
    st.binary(max_size=300),
)


@given(OUTPUTS)
def test_no_output_makes_a_listing_fail(output: bytes) -> None:
    for stream in read_listing(output).streams.values():
        assert stream.pixels >= 0
        for packet in stream.packets:
            assert packet.size >= 0
            assert packet.position is None or packet.position >= 0
            assert abs(packet.time) < 1e9


@given(OUTPUTS)
def test_no_output_makes_a_decoding_fail(output: bytes) -> None:
    for each in read_decoding(output):
        if isinstance(each, Frame):
            assert each.width >= 0 < each.height


@given(NUMBERS)
def test_a_number_is_read_or_absent(text: str) -> None:
    assert whole_number(text) is None or whole_number(text) == int(text)
    assert seconds(text) is None or seconds(text) == float(text)


def test_an_absent_number_is_none() -> None:
    for absent in ("N/A", "", None, "nan", "inf", "1e10"):
        assert seconds(absent) is None
    for absent in ("N/A", "", None, "-1", "1.5", "²", "9" * 19):
        assert whole_number(absent) is None


def test_a_track_without_a_size_is_listed_beside_the_others() -> None:
    listing = read_listing(
        b"packet|stream_index=0|pts_time=0.5|duration_time=0.04|size=7|pos=48|flags=KD\n"
        b"packet|stream_index=1|pts_time=N/A|dts_time=1.000000|size=N/A|pos=N/A|flags=__\n"
        b"stream|index=0|codec_name=h264|codec_type=video|width=540|height=960"
        b"|disposition:attached_pic=0|disposition:default=1\n"
        b"stream|index=1|codec_name=mov_text|codec_type=subtitle|width=N/A|height=N/A\n"
        b"format|format_name=mov,mp4,m4a,3gp,3g2,mj2|duration=4.000000\n"
    )
    video, text = listing.streams[0], listing.streams[1]
    assert (video.kind, video.codec, video.preferred, video.pixels) == (
        "video",
        "h264",
        True,
        540 * 960,
    )
    assert video.packets == [Packet(0.5, 0.04, 7, 48, key=True, shown=False)]
    assert (text.kind, text.pixels) == ("subtitle", 0)
    assert text.packets == [Packet(1.0, None, 0, None, key=False, shown=True)]
    assert listing.stated_seconds is None


def test_only_a_webm_states_its_own_length() -> None:
    stated = read_listing(b"format|format_name=matroska,webm|duration=4.5").stated_seconds
    assert stated == 4.5


def test_packets_and_pictures_are_read_in_their_order() -> None:
    assert list(
        read_decoding(
            b"packet|pts_time=1.0|dts_time=0.9|pos=7|\n\n"
            b"frame|pts_time=N/A|best_effort_timestamp_time=1.0|width=540|height=960"
            b"|sample_aspect_ratio=4:3\n"
            b"frame|pts_time=2.0|width=N/A|height=960\n"
            b"frame|pts_time=3.0|width=540|height=960|sample_aspect_ratio=0:1\n"
        )
    ) == [(1.0, 7), Frame(1.0, 720, 960), Frame(3.0, 540, 960)]
