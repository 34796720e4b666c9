"""What both eyes together decide, and that whoever looks can be stopped."""

import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.videos.bounded import CannotExamine, Limits, run
from chalicelib.videos.child import Child
from chalicelib.videos.decode import Packet, samples
from chalicelib.videos.examination import FIRST_EYE_GETS, Examiner
from chalicelib.videos.model import Playback, VideoFacts, could_not_be_examined, judge
from chalicelib.videos.probe import ObjectChanged, RangeReader
from tests.corpus.fixtures import times_hidden

SMALL = Limits(seconds=1, memory_bytes=2**30, output_bytes=1000)
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
    return [problem.code.value for problem in judge(facts, playback)]


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
    (problem,) = judge(SAID, replace(SEEN, damaged=True, damaged_at=3.2))
    assert "damaged at 0:03.2" in problem.message


def test_what_could_not_be_examined_says_how_often_it_was_tried() -> None:
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
    assert samples(packets(count, every), suspects, 600) == chosen


# Limits.


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def test_a_program_is_given_nothing_and_its_answer_is_read() -> None:
    ran = run(python("import os, sys; print(len(os.environ) < 3, sys.stdin.read())"), SMALL)
    assert (ran.output, ran.code) == (b"True \n", 0)


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import os; os.close(1); os.close(2); os.read(os.pipe()[0], 1)",
        "print('x' * 100_000, flush=True)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    ],
    ids=["busy", "asleep", "silent", "talkative", "crashing"],
)
def test_a_program_beyond_its_limits_is_ended(program: str) -> None:
    before = time.monotonic()
    with pytest.raises(CannotExamine):
        run(python(program), SMALL)
    assert time.monotonic() - before < 5


def test_a_program_gets_no_more_memory_than_its_limit() -> None:
    ran = run(python("import time; time.sleep(0.2); bytearray(2**31); print('had it')"), SMALL)
    assert (ran.output, ran.code) == (b"", 1)
    assert b"MemoryError" in ran.errors


def test_a_program_that_is_not_there_is_no_verdict() -> None:
    with pytest.raises(CannotExamine):
        run(["/nowhere/ffprobe"], SMALL)


# The child.


def stalling() -> bytes:
    """Give an index with a table of 2^32 times where nobody looks beforehand."""
    return times_hidden()


def test_a_child_that_stalls_is_killed_and_the_next_file_gets_another() -> None:
    child = Child(Limits(seconds=2, memory_bytes=2**28))
    try:
        before = time.monotonic()
        content = stalling()
        with pytest.raises(CannotExamine, match="stalled"):
            child.examine(io.BytesIO(content), len(content))
        assert time.monotonic() - before < 6
        assert child.pid is None
        content = (Path(__file__).parent.parent / "clips" / "demo.mp4").read_bytes()
        assert child.examine(io.BytesIO(content), len(content)).codec == "h264"
    finally:
        child.close()


def test_a_child_that_is_killed_from_outside_is_no_verdict() -> None:
    child = Child()
    content = (Path(__file__).parent.parent / "clips" / "demo.mp4").read_bytes()
    child.examine(io.BytesIO(content), len(content))
    assert child.pid is not None
    os.kill(child.pid, 9)
    with pytest.raises(CannotExamine, match="crashed"):
        child.examine(io.BytesIO(content), len(content))
    assert child.examine(io.BytesIO(content), len(content)).codec == "h264"
    child.close()


# The file.


def examiner(scratch: Path, watch: Callable[..., Playback]) -> Examiner:
    return Examiner("ffprobe", scratch=scratch, watch=watch)


def test_the_second_eye_sees_the_whole_file_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    content = (Path(__file__).parent.parent / "clips" / "demo.mp4").read_bytes()
    seen = []

    def watch(_ffprobe: str, file: io.BufferedIOBase, size_bytes: int) -> Playback:
        file.seek(0)
        seen.append((file.read(), size_bytes))
        raise CannotExamine("for a test")

    looking = examiner(tmp_path, watch)
    with pytest.raises(CannotExamine):
        looking(RangeReader(lambda a, b: content[a:b], len(content)), len(content))
    assert seen == [(content, len(content))]
    assert list(tmp_path.iterdir()) == []
    looking.close()


def test_a_file_replaced_while_it_is_fetched_is_noticed(tmp_path: Path) -> None:
    content = (Path(__file__).parent.parent / "clips" / "demo.mp4").read_bytes()
    gets = []

    def fetch(start: int, end: int) -> bytes:
        gets.append(start)
        if len(gets) > 1:
            raise ObjectChanged("replaced")
        return content[start:end]

    looking = examiner(tmp_path, lambda *_: SEEN)
    with pytest.raises(ObjectChanged):
        looking(RangeReader(fetch, len(content)), len(content))
    looking.close()


def test_a_file_that_needs_many_ranges_is_fetched_whole_instead(tmp_path: Path) -> None:
    content = bytes(3_000_000)
    reader = RangeReader(lambda a, b: content[a:b], len(content), block_bytes=1000)
    looking = examiner(tmp_path, lambda *_: SEEN)
    assert looking(reader, len(content)).problems
    assert reader.gets <= FIRST_EYE_GETS + 1
    looking.close()
