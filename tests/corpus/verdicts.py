"""The verdict on every file of the corpus, reached as in production, and what it cost."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from chalicelib.videos.bounded import CannotExamine
from chalicelib.videos.child import LIMITS, Child
from chalicelib.videos.examination import Examiner
from chalicelib.videos.model import VideoProblemCode
from chalicelib.videos.probe import RangeReader
from tests.corpus.fixtures import Fixture

AT_ONCE = 2
HASTY = replace(LIMITS, seconds=3)
"""For what comes to no end anyhow: a healthy file takes a tenth of a second."""


@dataclass(frozen=True)
class Verdict:
    """Codes as given, by which eye ("header", "playback", "neither": it came to no end), at what
    price. Of two eyes the first to find a problem counts; a valid file was seen by both.
    """

    fixture: Fixture
    problems: tuple[str, ...]
    eye: str
    size_bytes: int
    gets: int
    bytes_fetched: int
    seconds: float


def over(content: bytes) -> RangeReader:
    """Read something in memory by ranges, as if it were in S3."""
    return RangeReader(lambda start, end: content[start:end], len(content))


def verdict(examiner: Examiner, fixture: Fixture) -> Verdict:
    content = fixture.make()
    reader, before = over(content), time.monotonic()
    try:
        examination = examiner(reader, len(content))
    except CannotExamine:
        # The third time the caller says so to the manager.
        problems: tuple[str, ...] = (VideoProblemCode.COULD_NOT_BE_EXAMINED.value,)
        eye = "neither"
    else:
        problems = tuple(problem.code.value for problem in examination.problems)
        eye = "header" if examination.playback is None else "playback"
    seconds = time.monotonic() - before
    return Verdict(fixture, problems, eye, len(content), reader.gets, reader.bytes_fetched, seconds)


def verdicts(ffprobe: str, fixtures: Sequence[Fixture]) -> list[Verdict]:
    """Examine all, some at once, each thread with an examiner of its own."""
    own = threading.local()
    examiners: list[Examiner] = []

    def look(fixture: Fixture) -> Verdict:
        if VideoProblemCode.COULD_NOT_BE_EXAMINED.value in fixture.problems:
            return verdict(Examiner(ffprobe, child=Child(HASTY)), fixture)
        if not hasattr(own, "examiner"):
            own.examiner = Examiner(ffprobe)
            examiners.append(own.examiner)
        return verdict(own.examiner, fixture)

    try:
        return in_parallel(look, fixtures)
    finally:
        for examiner in examiners:
            examiner.close()


def in_parallel[Asked, Given](
    work: Callable[[Asked], Given], all_of: Sequence[Asked]
) -> list[Given]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, all_of))
