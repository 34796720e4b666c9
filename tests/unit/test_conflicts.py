"""Optimistic writes are repeated while somebody else was faster, and not for ever."""

import pytest

from chalicelib.foundation.conflicts import ATTEMPTS, retry_conflicts
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict


class Thing:
    def __init__(self, conflicts: int) -> None:
        self.left, self.attempts = conflicts, 0

    def attempt(self, answer: str) -> str:
        self.attempts += 1
        if self.attempts <= self.left:
            raise Conflict
        return answer

    told = retry_conflicts("The thing keeps changing.")(attempt)
    plain = retry_conflicts()(attempt)


@pytest.mark.parametrize("conflicts", range(ATTEMPTS))
def test_an_attempt_is_repeated_until_nobody_was_faster(conflicts: int) -> None:
    thing = Thing(conflicts)
    assert thing.told("done") == "done"
    assert thing.attempts == conflicts + 1


def test_what_keeps_changing_is_a_problem_in_words_or_the_conflict_itself() -> None:
    thing = Thing(ATTEMPTS)
    with pytest.raises(Problem) as refused:
        thing.told("done")
    assert refused.value.code is ProblemCode.CHANGED_MEANWHILE
    assert refused.value.detail == "The thing keeps changing."
    assert thing.attempts == ATTEMPTS
    with pytest.raises(Conflict):
        Thing(ATTEMPTS).plain("done")


def test_nothing_else_is_repeated() -> None:
    attempts: list[int] = []

    @retry_conflicts("It keeps changing.")
    def broken() -> None:
        attempts.append(1)
        raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert len(attempts) == 1
