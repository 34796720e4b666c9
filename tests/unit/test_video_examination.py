"""What both looks together decide, and which pictures the second one decodes."""

from dataclasses import replace

import pytest

from chalicelib.videos.ffprobe_output import Packet
from chalicelib.videos.model import Playback, VideoFacts, broken_rules, could_not_be_examined
from chalicelib.videos.playback import choose_samples

SAID = VideoFacts(
    size_bytes=1000,
    container="mp4",
    has_video=True,
    codec="h264",
    duration_seconds=10.0,
    width=540,
    height=960,
    frame_rate=30.0,
)
SEEN = Playback(frames=300, tried=72, decoded=72, seconds=10.0, lengths=(10.0,), frame_rate=30.0)


def codes(playback: Playback, facts: VideoFacts = SAID) -> list[str]:
    return [problem.code.value for problem in broken_rules(facts, playback)]


@pytest.mark.parametrize(
    ("playback", "problems"),
    [
        (SEEN, []),
        (replace(SEEN, lengths=(9.9, 10.2)), []),
        (replace(SEEN, truncated=True, seconds=2.0, lengths=(2.0,)), ["truncated"]),
        (replace(SEEN, decoded=0, damaged=True), ["does_not_play"]),
        (replace(SEEN, damaged=True, damaged_at=3.2), ["damaged"]),
        (replace(SEEN, seconds=8.0, lengths=(8.0,)), ["length_mismatch"]),
        (replace(SEEN, stated=60.0), ["length_mismatch"]),
        (replace(SEEN, seconds=2.0, lengths=(2.0,)), ["too_short", "length_mismatch"]),
        (replace(SEEN, seconds=70.0, lengths=(70.0,)), ["too_long", "length_mismatch"]),
        (replace(SEEN, frame_rate=12.0), ["frame_rate_too_low"]),
        (replace(SEEN, width=480, height=854), ["resolution_too_low"]),
        (replace(SEEN, width=960, height=540), []),
        (replace(SEEN, frames=1, frame_rate=None), ["still_picture"]),
    ],
)
def test_a_header_is_held_against_the_truth(playback: Playback, problems: list[str]) -> None:
    assert codes(playback) == problems


def test_a_damaged_video_says_where() -> None:
    (problem,) = broken_rules(SAID, replace(SEEN, damaged=True, damaged_at=3.2))
    assert "damaged at 0:03.2" in problem.message


def test_an_unexaminable_upload_states_the_number_of_tries() -> None:
    assert could_not_be_examined(3).to_dict()["code"] == "could_not_be_examined"
    assert "3 times" in could_not_be_examined(3).message


# What is decoded.


def packets(count: int, every: int) -> list[Packet]:
    return [
        Packet(time=n / 30, seconds=1 / 30, size=9, position=n, key=n % every == 0, shown=True)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "every", "suspects", "chosen"),
    [
        (10, 5, (), [range(10)]),
        (900, 60, (), [range(24), range(420, 444), range(840, 900)]),
        (900, 60, (130,), [range(24), range(120, 142), range(420, 444), range(840, 900)]),
        (900, 900, (), [range(600)]),
    ],
)
def test_start_middle_end_and_suspects_are_decoded(
    count: int, every: int, suspects: tuple[int, ...], chosen: list[range]
) -> None:
    assert choose_samples(packets(count, every), suspects, 600) == chosen
