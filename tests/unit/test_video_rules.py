"""What `broken_rules` says of facts. That the facts are right is shown in test_video_probe.py."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.videos.model import (
    MAX_SIZE_BYTES,
    Playback,
    VideoFacts,
    VideoProblem,
    VideoProblemCode,
    broken_rules,
    is_verdict_settled,
    with_playback_facts,
)

GOOD = VideoFacts(
    size_bytes=4_000_000,
    container="mp4",
    has_video=True,
    has_audio=True,
    codec="h264",
    duration_seconds=20.0,
    width=1080,
    height=1920,
    frame_rate=30.0,
)
UNREADABLE = VideoFacts(size_bytes=840)


def codes(facts: VideoFacts) -> list[str]:
    return [problem.code.value for problem in broken_rules(facts)]


def only(facts: VideoFacts) -> VideoProblem:
    (problem,) = broken_rules(facts)
    return problem


@pytest.mark.parametrize(
    "facts",
    [
        GOOD,
        replace(GOOD, container="webm", codec="vp8"),
        replace(GOOD, codec="h265"),
        replace(GOOD, has_audio=False),
        replace(GOOD, size_bytes=1),
        replace(GOOD, size_bytes=MAX_SIZE_BYTES),
        replace(GOOD, duration_seconds=3.0),
        replace(GOOD, duration_seconds=2.9),
        replace(GOOD, duration_seconds=60.0),
        replace(GOOD, duration_seconds=60.1),
        replace(GOOD, width=540, height=540),
        replace(GOOD, width=4096, height=540),
        replace(GOOD, frame_rate=23.0),
        replace(GOOD, frame_rate=23.976),
        replace(GOOD, frame_rate=59.94),
        replace(GOOD, frame_rate=60.0),
        replace(GOOD, frame_rate=60.24),
    ],
)
def test_a_video_within_the_limits_or_just_on_them_has_no_problem(facts: VideoFacts) -> None:
    assert broken_rules(facts) == ()


# These need more than the facts of a header (test_video_examination.py), or no file
# (test_activities.py).
BY_PLAYBACK = {
    VideoProblemCode.STILL_PICTURE,
    VideoProblemCode.TRUNCATED,
    VideoProblemCode.LENGTH_MISMATCH,
    VideoProblemCode.DOES_NOT_PLAY,
    VideoProblemCode.DAMAGED,
    VideoProblemCode.JOINED_FILES,
    VideoProblemCode.COULD_NOT_BE_EXAMINED,
    VideoProblemCode.FILE_NOT_RECEIVED,
}

# One row for every other code: the facts, the field, the actual value, the limit, and the words.
REFUSED: dict[VideoProblemCode, tuple[VideoFacts, str, object, object, str]] = {
    VideoProblemCode.EMPTY_FILE: (
        VideoFacts(size_bytes=0),
        "size_bytes",
        0,
        1,
        "This file is empty (0 bytes); a video has at least 1 byte. Please choose the file again.",
    ),
    VideoProblemCode.FILE_TOO_LARGE: (
        replace(GOOD, size_bytes=64_225_280),
        "size_bytes",
        64_225_280,
        52_428_800,
        "This file has 61.2 MB (64,225,280 bytes); "
        "videos here can have up to 50 MB (52,428,800 bytes).",
    ),
    VideoProblemCode.NOT_A_VIDEO: (
        UNREADABLE,
        "container",
        None,
        "mp4, webm",
        "This file is not a video that can be read; MP4 or WebM is needed.",
    ),
    VideoProblemCode.UNSUPPORTED_CONTAINER: (
        replace(GOOD, container="mov"),
        "container",
        "mov",
        "mp4, webm",
        "This is a QuickTime video; videos here are MP4 or WebM. "
        "Renaming the file is not enough: please export it again.",
    ),
    VideoProblemCode.NO_VIDEO_TRACK: (
        VideoFacts(size_bytes=9, container="mp4", has_audio=True, duration_seconds=4.0),
        "has_video",
        0,
        1,
        "There is no video in this file, at most sound or a still picture; "
        "a video track is needed.",
    ),
    VideoProblemCode.UNSUPPORTED_CODEC: (
        replace(GOOD, codec="mpeg-4 visual"),
        "codec",
        "mpeg-4 visual",
        "h264, h265, vp8, vp9",
        "The picture is encoded as MPEG-4 Visual; TikTok takes H.264, H.265, VP8, VP9.",
    ),
    VideoProblemCode.TOO_SHORT: (
        replace(GOOD, duration_seconds=2.86),
        "duration_seconds",
        2.86,
        3.0,
        "This video is 0:02.9 long; TikTok videos here can be 0:03 to 1:00.",
    ),
    VideoProblemCode.TOO_LONG: (
        replace(GOOD, duration_seconds=72.0),
        "duration_seconds",
        72.0,
        60.0,
        "This video is 1:12 long; TikTok videos here can be 0:03 to 1:00.",
    ),
    VideoProblemCode.LENGTH_UNKNOWN: (
        replace(GOOD, duration_seconds=None),
        "duration_seconds",
        None,
        60.0,
        "The length of this video could not be determined; TikTok videos here can be 0:03 to 1:00.",
    ),
    VideoProblemCode.RESOLUTION_TOO_LOW: (
        replace(GOOD, width=480, height=854),
        "width",
        480,
        540,
        "This video is 480 x 854 pixels; its shorter side must have at least 540.",
    ),
    VideoProblemCode.RESOLUTION_TOO_HIGH: (
        replace(GOOD, width=2160, height=4098),
        "height",
        4098,
        4096,
        "This video is 2160 x 4098 pixels; TikTok takes at most 4096 on the longer side.",
    ),
    VideoProblemCode.RESOLUTION_UNKNOWN: (
        replace(GOOD, width=None),
        "height",
        None,
        540,
        "The size of the picture could not be determined; "
        "its shorter side must have at least 540 pixels.",
    ),
    VideoProblemCode.FRAME_RATE_TOO_LOW: (
        replace(GOOD, frame_rate=14.985),
        "frame_rate",
        14.985,
        23.0,
        "This video has 14.98 frames per second; TikTok takes 23 to 60 frames per second.",
    ),
    VideoProblemCode.FRAME_RATE_TOO_HIGH: (
        replace(GOOD, frame_rate=120.0),
        "frame_rate",
        120.0,
        60.0,
        "This video has 120 frames per second; TikTok takes 23 to 60 frames per second.",
    ),
    VideoProblemCode.FRAME_RATE_UNKNOWN: (
        replace(GOOD, frame_rate=None),
        "frame_rate",
        None,
        23.0,
        "The frame rate of this video could not be determined; "
        "TikTok takes 23 to 60 frames per second.",
    ),
}


def test_every_code_is_in_the_table() -> None:
    assert set(REFUSED) == set(VideoProblemCode) - BY_PLAYBACK


@pytest.mark.parametrize("code", REFUSED)
def test_a_broken_rule_is_told_with_code_words_actual_value_and_limit(
    code: VideoProblemCode,
) -> None:
    facts, field, actual, limit, message = REFUSED[code]
    problem = only(facts)
    assert (problem.code, problem.field, problem.actual, problem.limit, problem.message) == (
        code,
        field,
        actual,
        limit,
        message,
    )
    assert hasattr(facts, field)


@pytest.mark.parametrize("code", REFUSED)
def test_a_problem_survives_being_stored(code: VideoProblemCode) -> None:
    problem = only(REFUSED[code][0])
    assert VideoProblem.from_dict(problem.to_dict()) == problem


def test_all_broken_rules_are_told_at_once() -> None:
    facts = VideoFacts(
        size_bytes=MAX_SIZE_BYTES + 1,
        container="matroska",
        has_video=True,
        codec="av1",
        duration_seconds=1.0,
        width=8000,
        height=100,
        frame_rate=5.0,
    )
    assert codes(facts) == [
        "file_too_large",
        "unsupported_container",
        "unsupported_codec",
        "too_short",
        "resolution_too_low",
        "resolution_too_high",
        "frame_rate_too_low",
    ]


def test_a_file_that_is_no_video_gets_no_resolution_problem() -> None:
    assert codes(UNREADABLE) == ["not_a_video"]
    assert codes(replace(UNREADABLE, container="png")) == ["not_a_video"]
    assert codes(replace(UNREADABLE, size_bytes=MAX_SIZE_BYTES + 1)) == [
        "file_too_large",
        "not_a_video",
    ]


def test_sound_alone_that_is_too_long_has_two_problems() -> None:
    facts = VideoFacts(size_bytes=9, container="webm", has_audio=True, duration_seconds=99.0)
    assert codes(facts) == ["no_video_track", "too_long"]


@given(st.integers(0, 3 * MAX_SIZE_BYTES))
def test_size_is_a_problem_exactly_outside_its_limits(size: int) -> None:
    assert (broken_rules(replace(GOOD, size_bytes=size)) == ()) == (1 <= size <= 52_428_800)


@given(st.floats(0, 200))
def test_length_is_a_problem_exactly_outside_its_limits(seconds: float) -> None:
    assert (broken_rules(replace(GOOD, duration_seconds=seconds)) == ()) == (2.9 <= seconds <= 60.1)


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_resolution_is_a_problem_exactly_outside_its_limits(width: int, height: int) -> None:
    fits = min(width, height) >= 540 and max(width, height) <= 4096
    upright = broken_rules(replace(GOOD, width=width, height=height))
    on_its_side = broken_rules(replace(GOOD, width=height, height=width))
    assert (upright == ()) == fits
    assert [problem.code for problem in upright] == [problem.code for problem in on_its_side]


@given(st.floats(0, 300))
def test_frame_rate_is_a_problem_exactly_outside_its_limits(rate: float) -> None:
    assert (broken_rules(replace(GOOD, frame_rate=rate)) == ()) == (22.5 <= rate <= 60.5)


@given(st.text(max_size=20))
def test_only_the_named_containers_and_codecs_pass(name: str) -> None:
    assert (broken_rules(replace(GOOD, container=name)) == ()) == (name in {"mp4", "webm"})
    assert (broken_rules(replace(GOOD, codec=name)) == ()) == (
        name in {"h264", "h265", "vp8", "vp9"}
    )


@given(
    st.builds(
        VideoFacts,
        size_bytes=st.integers(0, 2**40),
        container=st.none() | st.sampled_from(("mp4", "webm", "mov", "png")),
        has_video=st.booleans(),
        has_audio=st.booleans(),
        codec=st.none() | st.sampled_from(("h264", "av1")),
        duration_seconds=st.none() | st.floats(0, 1e9),
        width=st.none() | st.integers(1, 2**31),
        height=st.none() | st.integers(1, 2**31),
        frame_rate=st.none() | st.floats(0, 1e9),
    )
)
def test_any_facts_get_a_verdict_in_which_no_code_comes_twice(facts: VideoFacts) -> None:
    found = codes(facts)
    assert len(set(found)) == len(found)
    assert found or (facts.has_video and None not in (facts.duration_seconds, facts.frame_rate))
    for problem in broken_rules(facts):
        assert problem.message.endswith(".")


def test_the_rules_are_quick_to_import() -> None:
    """Every Lambda that names a problem code imports them: nothing heavy may come along."""
    heavy = "{'boto3', 'botocore', 'pydantic', 'pynamodb', 'pymediainfo', 'chalice'}"
    script = (
        f"import sys, chalicelib.videos.model; print(*sorted({heavy} & set(sys.modules)), end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert done.stdout == ""


# Each limit, and what lies just beyond it.

HEADER_LIMITS = (
    ("size_bytes", 1, 0),
    ("size_bytes", 52_428_800, 52_428_801),
    ("duration_seconds", 2.9, 2.899),
    ("duration_seconds", 60.1, 60.101),
    ("width", 540, 539),
    ("height", 4096, 4097),
    ("frame_rate", 22.5, 22.499),
    ("frame_rate", 60.5, 60.501),
)


@pytest.mark.parametrize(("field", "within", "beyond"), HEADER_LIMITS)
def test_a_limit_lies_exactly_where_it_is_said_to_be(
    field: str, within: float, beyond: float
) -> None:
    changed: dict[str, Any] = {field: within}
    assert broken_rules(replace(GOOD, **changed)) == ()
    changed = {field: beyond}
    assert len(broken_rules(replace(GOOD, **changed))) == 1


PLAYED = Playback(frames=300, tried=72, decoded=72, seconds=30.0, lengths=(30.0,), frame_rate=30.0)


def played(said: VideoFacts, **seen: Any) -> list[str]:
    return [problem.code.value for problem in broken_rules(said, replace(PLAYED, **seen))]


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        ({"lengths": (30.25,)}, []),
        ({"lengths": (29.75,)}, []),
        ({"lengths": (30.251,)}, ["length_mismatch"]),
        ({"lengths": (29.749,)}, ["length_mismatch"]),
        ({"lengths": (10.0, 30.0)}, []),
        ({"stated": 30.25}, []),
        ({"stated": 30.251}, ["length_mismatch"]),
        ({"stated": 40.25, "side_lengths": (40.0,)}, []),
        ({"stated": 40.251, "side_lengths": (40.0,)}, ["length_mismatch"]),
        ({"stated": 35.0, "side_lengths": (40.0,)}, []),
        ({"stated": 29.0, "side_lengths": (40.0,)}, ["length_mismatch"]),
        ({"decoded": 36}, []),
        ({"decoded": 35}, ["does_not_play"]),
        ({"decoded": 0, "tried": 0}, ["does_not_play"]),
        ({"frames": 2}, []),
        ({"frames": 1}, ["still_picture"]),
        ({"overlapping": True}, ["damaged"]),
        ({"joined": True, "damaged": True}, ["joined_files"]),
        ({"sound_damaged": True}, ["damaged"]),
        ({"sound_damaged": True, "damaged": True}, ["damaged"]),
        ({"truncated": True, "damaged": True, "stated": 99.0}, ["truncated"]),
    ],
)
def test_playback_is_held_against_the_header_exactly(
    seen: dict[str, Any], codes: list[str]
) -> None:
    assert played(replace(GOOD, duration_seconds=30.0, frame_rate=30.0), **seen) == codes


@pytest.mark.parametrize(
    ("nominal", "codes"),
    [(22.5, []), (22.499, ["frame_rate_too_low"]), (None, ["frame_rate_too_low"])],
)
def test_an_average_may_be_low_only_because_nothing_moved(
    nominal: float | None, codes: list[str]
) -> None:
    said = replace(GOOD, duration_seconds=30.0, frame_rate=15.0)
    assert played(said, frame_rate=15.0, nominal_rate=nominal) == codes


def test_a_high_nominal_rate_does_not_excuse_a_high_average() -> None:
    said = replace(GOOD, duration_seconds=30.0, frame_rate=100.0)
    assert played(said, frame_rate=100.0, nominal_rate=30.0) == ["frame_rate_too_high"]


@pytest.mark.parametrize(("counted", "kept"), [(31.5, True), (31.6, False), (28.5, True)])
def test_a_frame_rate_that_nearly_agrees_stays_as_the_header_says(
    counted: float, kept: bool
) -> None:
    said = replace(GOOD, frame_rate=30.0)
    assert with_playback_facts(said, replace(PLAYED, frame_rate=counted)).frame_rate == (
        30.0 if kept else counted
    )


@pytest.mark.parametrize(
    ("seen", "size"),
    [
        ((1080, 1936), (1080, 1920)),
        ((1080, 1937), (1080, 1937)),
        ((1937, 1080), (1080, 1937)),
        ((540, 960), (540, 960)),
        ((960, 540), (540, 960)),
    ],
)
def test_a_size_that_nearly_agrees_stays_and_another_is_turned_as_the_header_says(
    seen: tuple[int, int], size: tuple[int, int]
) -> None:
    said = replace(GOOD, width=1080, height=1920)
    facts = with_playback_facts(said, replace(PLAYED, width=seen[0], height=seen[1]))
    assert (facts.width, facts.height) == size


def test_facts_missing_in_a_header_come_from_playback() -> None:
    open_facts = replace(GOOD, duration_seconds=None, frame_rate=None, width=None, height=None)
    seen = replace(PLAYED, width=960, height=540)
    facts = with_playback_facts(open_facts, seen)
    assert (facts.duration_seconds, facts.frame_rate) == (30.0, 30.0)
    assert (facts.width, facts.height) == (960, 540)
    assert broken_rules(open_facts, seen) == ()
    assert with_playback_facts(open_facts, replace(seen, truncated=True)) == open_facts
    assert with_playback_facts(open_facts, replace(seen, decoded=0)) == open_facts


UNKNOWN = replace(GOOD, duration_seconds=None, frame_rate=None)


def test_facts_missing_in_a_header_decide_nothing() -> None:
    small = replace(GOOD, width=270, height=480)
    for facts, settled in (
        (GOOD, False),
        (UNKNOWN, False),
        (replace(UNKNOWN, width=None, height=None), False),
        (replace(UNKNOWN, codec="av1"), True),
        (replace(small, container="webm"), False),
        (replace(small, container="mp4"), False),
        (replace(small, container="webm", codec="av1"), True),
    ):
        assert is_verdict_settled(broken_rules(facts)) is settled


def test_one_plain_reason_says_more_than_what_could_not_be_told() -> None:
    nothing = replace(PLAYED, decoded=0, seconds=None, frame_rate=None)
    assert [each.code.value for each in broken_rules(UNKNOWN, nothing)] == ["does_not_play"]
    cut = replace(nothing, truncated=True, decoded=72)
    assert [each.code.value for each in broken_rules(UNKNOWN, cut)] == ["truncated"]


def test_of_no_pictures_no_numbers_are_told() -> None:
    (problem,) = broken_rules(GOOD, replace(PLAYED, tried=0, decoded=0))
    assert "no picture that can be shown" in problem.message
    assert " 0 " not in problem.message
