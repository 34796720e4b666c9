"""The verdict on every file of the corpus, reached as in production, and what it cost."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.videos.examination import Examiner
from chalicelib.videos.examination_process import HEADER_LIMITS, ExaminationProcess
from chalicelib.videos.model import CannotExamine, VideoProblemCode
from chalicelib.videos.ranges import RangeReader
from tests.corpus.fixtures import Fixture

AT_ONCE = 2


@dataclass(frozen=True)
class Verdict:
    """Codes as given, by which look ("header", "playback", "neither": it came to no end), at what
    price; `seconds` are those of a processor. Of two looks the first to find a problem counts; a
    valid file was seen by both.
    """

    fixture: Fixture
    problems: tuple[str, ...]
    look: str
    size_bytes: int
    gets: int
    bytes_fetched: int
    seconds: float


HASTY = replace(HEADER_LIMITS, processor_seconds=1, wall_seconds=600)
"""For a file that never ends: a healthy one takes a tenth of a second."""


def over(content: bytes) -> RangeReader:
    """Read something in memory by ranges, as if it were in S3."""
    return RangeReader(lambda start, end: content[start:end], len(content))


def processor_seconds(examiner: Examiner) -> float:
    """Processor time that an examiner's process and what it ran have used; 0 without one."""
    process = examiner.probes
    if not isinstance(process, ExaminationProcess) or process.pid is None:
        return 0.0
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in stat[11:15]) / os.sysconf("SC_CLK_TCK")


def verdict(examiner: Examiner, fixture: Fixture) -> Verdict:
    content = fixture.make()
    reader, before = over(content), processor_seconds(examiner)
    try:
        examination = examiner(reader, len(content))
    except CannotExamine:
        # The third time the caller says so to the manager.
        problems: tuple[str, ...] = (VideoProblemCode.COULD_NOT_BE_EXAMINED.value,)
        look = "neither"
    else:
        problems = tuple(problem.code.value for problem in examination.problems)
        look = "header" if examination.playback is None else "playback"
    seconds = max(0.0, processor_seconds(examiner) - before)
    return Verdict(
        fixture, problems, look, len(content), reader.gets, reader.bytes_fetched, seconds
    )


def verdicts(ffprobe: str, fixtures: Sequence[Fixture]) -> list[Verdict]:
    """Examine all, some at once, each thread with an examiner of its own."""
    own = threading.local()
    examiners: list[Examiner] = []

    def examine(fixture: Fixture) -> Verdict:
        if VideoProblemCode.COULD_NOT_BE_EXAMINED.value in fixture.problems:
            with closing(Examiner(ffprobe, probes=ExaminationProcess(HASTY))) as hasty:
                return verdict(hasty, fixture)
        if not hasattr(own, "examiner"):
            own.examiner = Examiner(ffprobe)
            examiners.append(own.examiner)
        return verdict(own.examiner, fixture)

    try:
        return in_parallel(examine, fixtures)
    finally:
        for examiner in examiners:
            examiner.close()


def in_parallel[Asked, Given](
    work: Callable[[Asked], Given], all_of: Sequence[Asked]
) -> list[Given]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, all_of))
