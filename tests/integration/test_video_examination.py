"""Either look runs in a process of its own, which its limits end."""

import io
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from chalicelib.videos.examination import MAX_HEADER_GETS, Examiner
from chalicelib.videos.examination_process import HEADER_LIMITS, ExaminationProcess
from chalicelib.videos.limited_process import (
    Limits,
    allow_processor_time,
    limit_this_process,
    run_limited,
)
from chalicelib.videos.model import CannotExamine, ExaminerBroken, LimitExceeded, Playback
from chalicelib.videos.ranges import ObjectChanged, RangeReader
from tests.corpus.fixtures import clip, times_hidden

SMALL = Limits(processor_seconds=1, wall_seconds=60, memory_bytes=2**30, output_bytes=1000)
SEEN = Playback(frames=300, tried=72, decoded=72, seconds=10.0, lengths=(10.0,), frame_rate=30.0)

# Limits.


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", program]


def test_a_program_is_given_nothing_and_its_answer_is_read() -> None:
    ran = run_limited(python("import os, sys; print(len(os.environ) < 3, sys.stdin.read())"), SMALL)
    assert (ran.output, ran.code) == (b"True \n", 0)


@pytest.mark.parametrize(
    ("program", "raised"),
    [
        ("while True: pass", LimitExceeded),
        ("print('x' * 100_000, flush=True)", LimitExceeded),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", CannotExamine),
    ],
    ids=["busy", "talkative", "crashing"],
)
def test_a_program_beyond_its_limits_is_ended(program: str, raised: type[CannotExamine]) -> None:
    with pytest.raises(CannotExamine) as ended:
        run_limited(python(program), SMALL)
    assert type(ended.value) is raised


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(600)",
        "import os; os.close(1); os.close(2); os.read(os.pipe()[0], 1)",
    ],
    ids=["asleep", "silent"],
)
def test_a_program_that_does_nothing_is_ended_by_the_clock_and_may_be_tried_again(
    program: str,
) -> None:
    with pytest.raises(CannotExamine, match="longer than 1 s") as ended:
        run_limited(python(program), replace(SMALL, wall_seconds=1))
    assert type(ended.value) is CannotExamine


def test_processor_time_that_a_program_does_not_get_is_not_counted() -> None:
    """A busy machine: the program waits for longer than it may compute."""
    program = "import time; time.sleep(1.5); print('done')"
    assert run_limited(python(program), SMALL).output == b"done\n"


def test_a_program_gets_no_more_memory_than_its_limit() -> None:
    ran = run_limited(
        python("import time; time.sleep(0.2); bytearray(2**31); print('had it')"), SMALL
    )
    assert (ran.output, ran.code) == (b"", 1)
    assert b"MemoryError" in ran.errors


def test_a_program_that_is_not_there_is_no_verdict() -> None:
    with pytest.raises(ExaminerBroken):
        run_limited(["/nowhere/ffprobe"], SMALL)


# The process of its own.


def test_a_look_that_never_ends_is_ended_and_the_next_file_gets_another_process() -> None:
    process = ExaminationProcess(replace(HEADER_LIMITS, processor_seconds=1, wall_seconds=600))
    try:
        content = times_hidden()
        with pytest.raises(LimitExceeded, match="processor time"):
            process.read_header(io.BytesIO(content), len(content))
        assert process.pid is None
        content = clip("demo.mp4")
        assert process.read_header(io.BytesIO(content), len(content)).codec == "h264"
    finally:
        process.close()


def test_a_look_that_stalls_is_ended_by_the_clock_and_may_be_tried_again() -> None:
    process = ExaminationProcess()
    content = clip("demo.mp4")
    process.read_header(io.BytesIO(content), len(content))
    assert process.pid is not None
    process.limits = replace(HEADER_LIMITS, wall_seconds=0.2)
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(CannotExamine, match="stalled") as ended:
        process.read_header(io.BytesIO(content), len(content))
    assert type(ended.value) is CannotExamine
    assert process.pid is None


def test_a_process_that_is_killed_from_outside_is_no_verdict() -> None:
    process = ExaminationProcess()
    content = clip("demo.mp4")
    process.read_header(io.BytesIO(content), len(content))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(CannotExamine, match="crashed"):
        process.read_header(io.BytesIO(content), len(content))
    assert process.read_header(io.BytesIO(content), len(content)).codec == "h264"
    process.close()


def test_a_process_hands_over_why_a_second_look_failed(tmp_path: Path) -> None:
    process = ExaminationProcess()
    file = tmp_path / "demo.mp4"
    file.write_bytes(clip("demo.mp4"))
    try:
        with file.open("r+b") as opened, pytest.raises(CannotExamine, match="/nowhere/ffprobe"):
            process.examine_playback("/nowhere/ffprobe", opened, file.stat().st_size)
        assert process.pid is not None
    finally:
        process.close()


def instead_of_mediainfo(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    (folder / "pymediainfo.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('no such module')", "no such module"),
        (
            "class MediaInfo:\n"
            "    @staticmethod\n"
            "    def parse(*given, **more):\n"
            "        raise OSError('libmediainfo.so.0: wrong ELF class')",
            "wrong ELF class",
        ),
    ],
)
def test_a_missing_library_is_no_crash_and_no_fault_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, words: str
) -> None:
    instead_of_mediainfo(monkeypatch, tmp_path, code)
    process = ExaminationProcess()
    content = clip("demo.mp4")
    try:
        for _ in range(2):
            with pytest.raises(ExaminerBroken, match=words):
                process.read_header(io.BytesIO(content), len(content))
    finally:
        process.close()


def test_the_last_output_of_a_crashing_examination_is_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say = "import os, sys\nsys.stderr.write('x' * 9000 + 'cannot map the file')\nos._exit(3)\n"
    instead_of_mediainfo(monkeypatch, tmp_path, say)
    process = ExaminationProcess()
    content = clip("demo.mp4")
    with pytest.raises(CannotExamine, match=r"crashed \(exit code 3\)"):
        process.read_header(io.BytesIO(content), len(content))
    (told,) = [each.__dict__["told"] for each in caplog.records if "told" in each.__dict__]
    assert told.endswith("xcannot map the file")
    assert len(told) == 2000


def test_a_limit_that_a_sandbox_refuses_is_said_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_given: object) -> None:
        raise PermissionError("not in here")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limit_this_process(HEADER_LIMITS)
    allow_processor_time(1)
    assert capsys.readouterr().err.count("was refused: not in here") == 3


# The file.


class Watching:
    """The first look in a process of its own, the second as a test has it."""

    def __init__(self, watch: Callable[[IO[bytes], int], Playback]) -> None:
        self._watch = watch
        self._process = ExaminationProcess()
        self.read_header = self._process.read_header
        self.close = self._process.close

    def examine_playback(self, _ffprobe: str, file: IO[bytes], size_bytes: int) -> Playback:
        return self._watch(file, size_bytes)


def test_the_second_look_has_the_whole_file_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    content = clip("demo.mp4")
    seen = []

    def watch(file: IO[bytes], size_bytes: int) -> Playback:
        file.seek(0)
        seen.append((file.read(), size_bytes))
        raise CannotExamine("for a test")

    looking = Examiner("ffprobe", scratch=tmp_path, probes=Watching(watch))
    with pytest.raises(CannotExamine):
        looking(RangeReader(lambda a, b: content[a:b], len(content)), len(content))
    assert seen == [(content, len(content))]
    assert list(tmp_path.iterdir()) == []
    looking.close()


def test_a_file_replaced_while_it_is_fetched_is_noticed(tmp_path: Path) -> None:
    content = clip("demo.mp4")
    gets = []

    def fetch(start: int, end: int) -> bytes:
        gets.append(start)
        if len(gets) > 1:
            raise ObjectChanged("replaced")
        return content[start:end]

    looking = Examiner("ffprobe", scratch=tmp_path, probes=Watching(lambda *_: SEEN))
    with pytest.raises(ObjectChanged):
        looking(RangeReader(fetch, len(content)), len(content))
    looking.close()


def test_a_file_that_needs_many_ranges_is_fetched_whole_instead(tmp_path: Path) -> None:
    content = bytes(3_000_000)
    reader = RangeReader(lambda a, b: content[a:b], len(content), block_bytes=1000)
    looking = Examiner("ffprobe", scratch=tmp_path, probes=Watching(lambda *_: SEEN))
    assert looking(reader, len(content)).problems
    assert reader.gets <= MAX_HEADER_GETS + 1
    looking.close()
