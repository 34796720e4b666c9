"""Mutated real files: no crash, no hang, nothing called valid that does not decode.

The mutations are the same each time. `FUZZ=5000 python -m pytest tests/integration/
test_fuzz_videos.py` is the long form; `FIRST_MUTATION` begins behind those tried already.
"""

import os
import random
import subprocess
import tempfile
from dataclasses import dataclass

import pytest

from chalicelib.videos.examination import Examiner
from chalicelib.videos.examination_process import HEADER_LIMITS
from chalicelib.videos.model import CannotExamine
from chalicelib.videos.playback import LIMITS as PLAYBACK_LIMITS
from tests.corpus import ffprobe
from tests.corpus.fixtures import clip
from tests.corpus.verdicts import in_parallel, over, processor_seconds

COUNT = int(os.environ.get("FUZZ", "200"))
FIRST = int(os.environ.get("FIRST_MUTATION", "0"))
TOGETHER = 50
CLIPS = (
    *("demo.mp4", "demo.webm", "vp8.webm", "browser_recorded.webm", "fragmented.mp4"),
    *("hevc.mp4", "busy.mp4", "busy.webm", "vp9.mp4", "two_sounds.mp4"),
)
MOST_SECONDS = HEADER_LIMITS.processor_seconds + PLAYBACK_LIMITS.processor_seconds + 5
DECODED = 0.9
"""The share of pictures that must come out of what is called valid: between its samples the
second look may miss as much as damages a group of pictures."""


@dataclass(frozen=True)
class Outcome:
    seed: int
    name: str
    seconds: float
    """Of a processor."""
    problems: tuple[str, ...] | None
    """None: the examination came to no end, and said so."""
    decoded: float | None
    """Share of the pictures that come out when all are decoded; None for a refused file."""


def mutated(seed: int) -> tuple[str, bytes]:
    """Change a clip in one to six ways that storms, disks, muxers and villains know."""
    chance = random.Random(seed)
    name = chance.choice(CLIPS)
    content = bytearray(clip(name))
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        # Headers are where most harm is done for the least effort.
        near = chance.choice((len(content), len(content), 64, 1500))
        at = chance.randrange(min(near, len(content)))
        if chance.random() < 0.3 and (found := content.find(chance.choice(_LANDMARKS))) >= 0:
            at = max(0, found - 4 + chance.randrange(24))
        length = chance.choice((1, 1, 2, 4, 8, 100, 2000))
        match chance.randrange(7):
            case 0:
                content[at : at + 1] = bytes([content[at] ^ 1 << chance.randrange(8)])
            case 1:
                content[at : at + length] = chance.randbytes(len(content[at : at + length]))
            case 2:
                content[at : at + length] = bytes(len(content[at : at + length]))
            case 3:
                content[at : at + length] = b"\xff" * len(content[at : at + length])
            case 4:
                del content[at : at + length]
            case 5:
                content[at:at] = content[max(0, at - length) : at]
            case _:
                del content[max(1, len(content) - length) :]
    return name, bytes(content)


_LANDMARKS = (
    *(b"moov", b"stsz", b"stts", b"stsc", b"stco", b"ctts", b"elst", b"avcC", b"mdhd", b"trun"),
    *(b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b", b"\x44\x89", b"\xe0", b"mdat"),
)


def decoded_share(content: bytes) -> float:
    """Decode all of a file, the way the second look has no time for."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        counted = subprocess.run(
            [ffprobe.found(), "-v", "quiet", "-select_streams", "v:0", *_ALL, file.name],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.splitlines()
    frames = sum(line.startswith("frame") for line in counted)
    # D: left out by an edit list, or found twice
    shown = sum(line.startswith("packet") and "D" not in line.split("=")[-1] for line in counted)
    return frames / max(shown, 1)


_ALL = ("-show_entries", "packet=flags:frame=key_frame", "-of", "compact")


def examined(seeds: range) -> list[Outcome]:
    """Examine some mutations, with one examiner as a Lambda has."""
    examiner = Examiner(ffprobe.found())
    outcomes = []
    try:
        for seed in seeds:
            name, content = mutated(seed)
            before = processor_seconds(examiner)
            problems: tuple[str, ...] | None = None
            try:
                examination = examiner(over(content), len(content))
                problems = tuple(problem.code.value for problem in examination.problems)
            except CannotExamine:
                pass
            seconds = processor_seconds(examiner) - before
            decoded = decoded_share(content) if problems == () else None
            outcomes.append(Outcome(seed, name, seconds, problems, decoded))
    finally:
        examiner.close()
    return outcomes


@pytest.mark.parametrize("seed", [424, 431, 529, 948, 1488])
def test_a_container_that_no_player_reads_is_not_saved_by_hiding_its_sound(seed: int) -> None:
    [outcome] = examined(range(seed, seed + 1))
    assert outcome.problems


@pytest.mark.parametrize("seed", [1807, 3220])
def test_a_sound_whose_description_is_overwritten_is_not_hidden_as_an_unknown_one(
    seed: int,
) -> None:
    [outcome] = examined(range(seed, seed + 1))
    assert outcome.problems == ("damaged",)


def test_mutated_files_neither_crash_nor_hang_nor_pass_when_they_do_not_play() -> None:
    last = FIRST + COUNT
    parts = [range(at, min(at + TOGETHER, last)) for at in range(FIRST, last, TOGETHER)]
    outcomes = [outcome for part in in_parallel(examined, parts) for outcome in part]
    assert len(outcomes) == COUNT
    assert [each for each in outcomes if each.seconds > MOST_SECONDS] == []
    valid = [each for each in outcomes if each.decoded is not None]
    assert [each for each in valid if (each.decoded or 0) < DECODED] == []
    # It is no test if everything is refused, or nothing.
    assert COUNT * 0.05 < len(valid) < COUNT * 0.8
    assert sum(each.problems is None for each in outcomes) < COUNT * 0.05
