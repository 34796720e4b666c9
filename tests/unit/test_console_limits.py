"""What the console knows of the server's: limits, problems and the reasons of failed sends."""

import re

from chalicelib.reports.model import FAILURE_WORDS
from chalicelib.videos import model
from local.home import PROJECT

PRECHECK = PROJECT / "console" / "src" / "videos" / "precheck.ts"


def test_the_console_has_the_limits_of_the_server() -> None:
    text = PRECHECK.read_text(encoding="utf-8")
    (block,) = re.findall(r"export const LIMITS = \{(.*?)\} as const;", text, re.DOTALL)
    numbers = {name: float(value.replace("_", "")) for name, value in _NUMBER.findall(block)}
    assert numbers == {
        "bytes": model.MAX_SIZE_BYTES,
        "minSeconds": model.MIN_SECONDS,
        "maxSeconds": model.MAX_SECONDS,
        "tolerance": model.LENGTH_TOLERANCE_SECONDS,
        "shorterSide": model.MIN_SHORTER_SIDE,
        "longerSide": model.MAX_LONGER_SIDE,
        "minFrameRate": model.MIN_FRAME_RATE,
        "maxFrameRate": model.MAX_FRAME_RATE,
    }
    (codecs,) = re.findall(r"codecs: \[(.*?)\]", block)
    assert tuple(re.findall(r'"(\w+)"', codecs)) == model.CODECS


def test_the_console_knows_a_remedy_or_an_obstacle_for_every_problem_of_a_file() -> None:
    plan = (PRECHECK.parent / "repair_plan.ts").read_text(encoding="utf-8")
    (block,) = re.findall(r"const REMEDIES[^{]*\{(.*?)\};", plan, re.DOTALL)
    known = set(re.findall(r"^  (\w+):", block, re.MULTILINE))
    # An empty file, and one that never came, have nothing in them that could be repaired.
    assert known | {"empty_file", "file_not_received"} == {code.value for code in _CODES}


def test_the_console_has_words_for_every_reason_of_a_failed_send() -> None:
    words = PROJECT / "console" / "src" / "performances" / "words.finish.en.ts"
    found = set(re.findall(r"^  failure_(\w+):", words.read_text(encoding="utf-8"), re.MULTILINE))
    assert found >= set(FAILURE_WORDS)


_NUMBER = re.compile(r"(\w+): ([\d_.]+),")
_CODES = model.VideoProblemCode
