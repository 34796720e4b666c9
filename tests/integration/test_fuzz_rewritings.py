"""Harmless rewritings of good files: none changes the verdict.

The rewritings are the same each time. `make fuzz` runs the long form.
"""

import os
from dataclasses import dataclass

import pytest

from chalicelib.videos.examination import Examiner
from chalicelib.videos.model import CannotExamine
from tests.corpus import ffprobe
from tests.corpus.rewriting import rewritten
from tests.corpus.verdicts import over

COUNT = int(os.environ.get("REWRITINGS", "500"))
FIRST = int(os.environ.get("FIRST_REWRITING", "0"))
PARTS = 10


@dataclass(frozen=True)
class Refusal:
    seed: int
    done: str
    problems: tuple[str, ...]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_harmless_rewriting_of_a_good_file_is_no_reason_to_refuse_it(part: int) -> None:
    refused = []
    examiner = Examiner(ffprobe.found())
    try:
        for seed in range(FIRST + part, FIRST + COUNT, PARTS):
            done, content = rewritten(seed)
            try:
                problems = examiner(over(content), len(content)).problems
            except CannotExamine as error:
                refused.append(Refusal(seed, done, (str(error),)))
            else:
                if problems:
                    refused.append(Refusal(seed, done, tuple(each.code for each in problems)))
    finally:
        examiner.close()
    assert refused == []
