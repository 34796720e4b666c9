"""What counts as shown, as missing and as the length, without running ffprobe."""

from collections import Counter
from collections.abc import Sequence

import pytest

from chalicelib.videos.ffprobe_output import Listing, Packet, Stream
from chalicelib.videos.limited_process import CompletedRun
from chalicelib.videos.mp4_boxes import Edit
from chalicelib.videos.playback import (
    MAX_UNDECODED_FRAMES,
    DecodedSamples,
    TimeRange,
    choose_key_frames,
    choose_samples,
    choose_short_samples,
    count_sizes,
    extend_last_frame,
    hide_packets_outside_edits,
    judge_samples,
    main_picture,
    most_common_size,
    nominal_frame_rate,
    pictures_within_memory,
    presented_span,
)


def listed(count: int, every: int = 30) -> list[Packet]:
    """Pictures at 10 a second, a key frame at `every`, each at its own place."""
    return [Packet(n / 10, 0.1, 9, 100 + n, key=n % every == 0, shown=True) for n in range(count)]


def judged(
    packets: Sequence[Packet],
    went_in: Sequence[int],
    came: Sequence[int],
    errors: bytes = b"",
    windows: Sequence[range] = (range(1),),
) -> DecodedSamples:
    lines = [f"packet|pts_time={packets[n].time}|pos={packets[n].position}" for n in went_in]
    lines += [f"frame|pts_time={packets[n].time}|width=540|height=960" for n in came]
    run = CompletedRun("\n".join(lines).encode(), errors, 0)
    return judge_samples(packets, windows, run)


# What decoding may take.


@pytest.mark.parametrize(
    ("width", "height", "pixel_format", "count"),
    [
        (540, 960, "yuv420p", 24),
        (1080, 1920, "yuv420p", 18),
        (1080, 1920, "yuv420p10le", 10),
        (2160, 3840, "yuv420p", 4),
        (2160, 3840, "yuv420p10le", 2),
        (4096, 2304, "yuv422p10le", 1),
        (4096, 2304, "yuv444p", 2),
        (4096, 4096, "yuv444p12le", 1),
        (4096, 4096, "", 1),
        (0, 0, "gray", 24),
    ],
)
def test_the_larger_pictures_are_the_fewer_are_decoded_at_a_time(
    width: int, height: int, pixel_format: str, count: int
) -> None:
    video = Stream(pixels=width * height, pixel_format=pixel_format)
    assert pictures_within_memory(video, 80 * 1024 * 1024) == count


def test_few_pictures_are_decoded_after_key_frames_all_over_a_file() -> None:
    found = choose_short_samples(listed(90), (), 2)
    assert found == [range(2), range(30, 32), range(60, 62)]
    found = choose_short_samples(listed(7200, every=1), (), 3)
    assert len(found) <= 62
    assert found[-1] == range(7199, 7200)
    assert all(len(window) == 1 for window in found)


def test_the_key_frame_before_a_suspect_is_decoded_however_many_there_are() -> None:
    packets = listed(3600, every=10)
    assert any(window.start == 70 for window in choose_short_samples(packets, (77,), 2))
    assert not any(window.start == 70 for window in choose_short_samples(packets, (), 2))


def test_pictures_that_come_before_their_key_frame_are_not_decoded_after_it() -> None:
    packets = listed(60)
    packets[31].time = 2.9
    assert choose_short_samples(packets, (), 2) == [range(2), range(30, 31)]


# The last picture.


@pytest.mark.parametrize(
    ("seconds", "stated", "lasts"),
    [(2.0, 7.9, 2.0), (2.0, 7.0, 0.1), (0.05, 6.0, 0.1), (0.0, 0.0, 0.1), (2.0, 60.0, 2.0)],
)
def test_the_last_picture_stands_as_long_as_index_and_head_say(
    seconds: float, stated: float, lasts: float
) -> None:
    video = Stream(packets=listed(60))
    extend_last_frame(video, seconds, stated)
    assert video.packets[-1].seconds == lasts
    extend_last_frame(Stream(), seconds, stated)


# Pictures that do not come out.


def test_all_that_went_in_and_came_out_is_fine() -> None:
    found = judged(listed(60), range(60), range(60), windows=[range(60)])
    assert (found.tried, found.came, found.dark_at, found.complaints) == (60, 60, None, False)
    assert found.sizes == Counter({(540, 960): 60})
    assert found.reached
    assert found.whole
    assert not found.doubtful


@pytest.mark.parametrize(
    ("missing", "dark"), [(MAX_UNDECODED_FRAMES - 1, False), (MAX_UNDECODED_FRAMES, True)]
)
def test_many_pictures_missing_in_a_row_are_dark(missing: int, dark: bool) -> None:
    came = [n for n in range(60) if not 20 <= n < 20 + missing]
    found = judged(listed(60), range(60), came)
    assert found.dark_at == (2.0 if dark else None)


@pytest.mark.parametrize(("came", "dark"), [(5, False), (4, True)])
def test_half_of_a_sample_missing_is_dark(came: int, dark: bool) -> None:
    found = judged(listed(60), range(10), range(0, 2 * came, 2))
    assert (found.dark_at is not None) is dark


@pytest.mark.parametrize(("late", "dark"), [(57, False), (56, True)])
def test_of_the_last_three_pictures_one_has_to_come(late: int, dark: bool) -> None:
    found = judged(listed(60), range(30, 60), range(30, late + 1))
    assert (found.dark_at is not None) is dark


def test_a_sample_that_does_not_reach_the_end_may_miss_its_last_pictures() -> None:
    assert judged(listed(60), range(30, 55), range(30, 52)).dark_at is None


def test_pictures_before_the_first_key_frame_are_not_expected() -> None:
    found = judged(listed(60), range(25, 50), range(30, 50))
    assert (found.tried, found.came, found.dark_at) == (20, 20, None)


def test_pictures_that_lean_on_ones_before_the_key_frame_are_not_expected() -> None:
    packets = listed(60)
    packets[31].time, packets[32].time = 2.85, 2.95  # an open group: decoded after, shown before
    found = judged(packets, range(30, 60), [30, *range(33, 60)])
    assert (found.tried, found.came, found.dark_at) == (28, 28, None)


def test_pictures_that_are_edited_out_are_not_expected() -> None:
    packets = listed(60)
    for packet in packets[:30]:
        packet.shown = False
    assert judged(packets, range(60), range(30, 60)).tried == 30


def test_a_sample_that_was_not_read_to_its_end_is_doubtful() -> None:
    found = judged(listed(60), range(20), range(20), windows=[range(24)])
    assert not found.reached
    assert found.doubtful


@pytest.mark.parametrize("words", [b"error while decoding MB 3 4", b"Invalid NAL unit size"])
def test_a_complaint_of_the_decoder_is_doubtful_unless_all_was_decoded(words: bytes) -> None:
    part = judged(listed(60), range(24), range(24), words, windows=[range(24)])
    assert part.complaints
    assert part.doubtful
    whole = judged(listed(60), range(60), range(60), words, windows=[range(60)])
    assert whole.complaints
    assert not whole.doubtful


@pytest.mark.parametrize("words", [b"get_buffer() failed", b"Cannot allocate memory"])
def test_a_lack_of_memory_is_told_apart_from_other_complaints(words: bytes) -> None:
    found = judged(listed(60), range(24), range(3), words, windows=[range(24)])
    assert found.memory_lacked
    assert found.complaints
    found = judged(listed(60), range(24), range(3), b"Invalid NAL unit size", windows=[range(24)])
    assert not found.memory_lacked


# Samples.


def test_the_last_sample_begins_early_enough_to_show_a_second() -> None:
    assert choose_samples(listed(61), (), 600)[-1].stop == 61
    assert choose_samples(listed(241, 60), (), 600) == [range(24), range(120, 144), range(180, 241)]


def test_a_cut_file_is_sampled_where_it_begins_to_be_shown() -> None:
    packets = listed(300, 60)
    for packet in packets[:100]:
        packet.shown = False
    assert choose_samples(packets, (), 600)[0] == range(60, 124)


# The main picture.


def stream(codec: str, pictures: int, pixels: int, *, preferred: bool = True) -> Stream:
    return Stream("video", codec, preferred=preferred, pixels=pixels, packets=listed(pictures))


@pytest.mark.parametrize(
    "other",
    [
        stream("mjpeg", 1, 10_000_000),
        stream("mjpeg", 500, 10_000_000),
        stream("h264", 1, 10_000_000),
        stream("h264", 300, 10_000_000, preferred=False),
        stream("h264", 300, 100_000),
        stream("h264", 200, 500_000),
        Stream("video", "h264", attached=True, pixels=10_000_000, packets=listed(400)),
        Stream("audio", "aac", packets=listed(900)),
        Stream("video", "h264", pixels=10_000_000),
    ],
)
def test_the_main_picture_is_the_enabled_largest_longest_one(other: Stream) -> None:
    main = stream("h264", 300, 500_000)
    assert main_picture(Listing({0: other, 1: main})) == (1, main)
    assert main_picture(Listing({0: main, 1: other})) == (0, main)


def test_of_two_equal_pictures_the_first_is_shown() -> None:
    assert main_picture(Listing({0: stream("h264", 9, 7), 1: stream("h264", 9, 7)}))[0] == 0
    assert main_picture(Listing()) == (None, Stream())


# Edits.


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ((), range(40)),
        ((Edit(2.0, 1.0),), range(10, 30)),
        ((Edit(0.0, 1.0),), range(10, 40)),
        ((Edit(0.5, None), Edit(4.0, 0.0)), range(40)),
        ((Edit(1.0, 0.0), Edit(1.0, 3.0)), [*range(10), *range(30, 40)]),
    ],
)
def test_edits_choose_the_pictures_that_are_shown(
    edits: Sequence[Edit], shown: Sequence[int]
) -> None:
    video = Stream("video", "h264", packets=listed(40))
    hide_packets_outside_edits(video, edits)
    assert [n for n, packet in enumerate(video.packets) if packet.shown] == list(shown)


@pytest.mark.parametrize(
    ("edits", "span"),
    [
        ((), (0.0, 4.0)),
        ((Edit(2.0, 1.0),), (0.0, 2.0)),
        ((Edit(0.0, 1.0),), (0.0, 3.0)),
        ((Edit(9.0, 1.0),), (0.0, 3.0)),
        ((Edit(0.5, None), Edit(4.0, 0.0)), (0.5, 4.5)),
        ((Edit(1.0, 0.0), Edit(1.0, 3.0)), (0.0, 2.0)),
        ((Edit(1.0, 0.0), Edit(3.0, 2.0, still=True)), (0.0, 4.0)),
    ],
)
def test_edits_tell_how_long_a_track_is_shown(
    edits: Sequence[Edit], span: tuple[float, float]
) -> None:
    found = presented_span(listed(40), edits)
    assert found is not None
    assert (found.start, found.end, found.unedited) == pytest.approx((*span, 4.0))


def test_a_track_of_which_nothing_is_shown_has_no_span() -> None:
    assert presented_span(listed(40), (Edit(1.0, 9.0),)) is None
    assert presented_span((), ()) is None
    assert presented_span(listed(1), ()) == TimeRange(0.0, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(("length", "promised"), [(4.0, 4.0), (4.4, 4.4), (9.0, 9.0)])
def test_an_edit_longer_than_its_media_promises_more_than_is_shown(
    length: float, promised: float
) -> None:
    found = presented_span(listed(40), (Edit(length, 0.0),))
    assert found is not None
    assert (found.end, found.promised) == pytest.approx((4.0, promised))


# Rates.


def test_the_nominal_rate_is_that_of_the_fastest_quarter() -> None:
    for fast, rate in ((27, 60), (26, 5)):
        times = [n / 60 for n in range(fast)] + [1 + n / 5 for n in range(75)]
        assert nominal_frame_rate(times) == pytest.approx(rate, abs=0.1)
    assert nominal_frame_rate([1.0]) is None


# The size of a stream that changes it.


@pytest.mark.parametrize(("small", "size"), [(90, (540, 960)), (91, (270, 480))])
def test_the_size_is_the_largest_that_half_of_the_pictures_reach(
    small: int, size: tuple[int, int]
) -> None:
    sizes = Counter({(270, 480): small, (540, 960): 180 - small - 45, (720, 1280): 45})
    assert most_common_size(sizes) == size
    assert most_common_size(Counter()) == (0, 0)


def test_a_size_holds_up_to_the_next_key_frame_and_counts_only_what_is_shown() -> None:
    packets = listed(90)
    packets[1].shown = False
    lines = [
        f"frame|pts_time={time}|width={width}|height=960"
        for time, width in ((0.0, 270), (3.0, 540))
    ]
    keys = choose_key_frames(packets)
    found = count_sizes(packets, keys, CompletedRun("\n".join(lines).encode(), b"", 0))
    assert keys == [0, 30, 60]
    assert found == Counter({(270, 960): 29, (540, 960): 60})


def test_of_many_key_frames_some_are_looked_at() -> None:
    assert len(choose_key_frames(listed(3600, every=1))) == 60
