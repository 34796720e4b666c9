"""Optimistic writes are repeated while somebody else was faster, and not for ever."""

import pytest

from chalicelib.foundation.conflicts import MAX_ATTEMPTS, change_by_rule, retry_conflicts
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


@pytest.mark.parametrize("conflicts", range(MAX_ATTEMPTS))
def test_an_attempt_is_repeated_until_nobody_was_faster(conflicts: int) -> None:
    thing = Thing(conflicts)
    assert thing.told("done") == "done"
    assert thing.attempts == conflicts + 1


def test_an_item_that_keeps_changing_raises_a_problem_or_the_conflict() -> None:
    thing = Thing(MAX_ATTEMPTS)
    with pytest.raises(Problem) as refused:
        thing.told("done")
    assert refused.value.code is ProblemCode.CHANGED_MEANWHILE
    assert refused.value.detail == "The thing keeps changing."
    assert thing.attempts == MAX_ATTEMPTS
    with pytest.raises(Conflict):
        Thing(MAX_ATTEMPTS).plain("done")


def test_nothing_else_is_repeated() -> None:
    attempts: list[int] = []

    @retry_conflicts("It keeps changing.")
    def broken() -> None:
        attempts.append(1)
        raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert len(attempts) == 1


class Kept:
    """A number that others change before each of the first writes."""

    def __init__(self, number: int, others: int) -> None:
        self.number, self.others, self.reads, self.writes = number, others, 0, 0

    def read(self) -> int:
        self.reads += 1
        return self.number

    def write(self, was: int, becomes: int) -> int | None:
        self.writes += 1
        if self.others:
            self.others -= 1
            self.number += 10
        if was != self.number:
            return None
        self.number = becomes
        return becomes


@pytest.mark.parametrize("others", range(MAX_ATTEMPTS))
@pytest.mark.parametrize("is_known", [False, True])
def test_a_rule_is_applied_to_what_is_there_when_it_is_written(others: int, is_known: bool) -> None:
    kept = Kept(0, others)
    known = 0 if is_known else None
    assert change_by_rule(kept.read, lambda was: was + 1, kept.write, known=known) == (
        10 * others + 1
    )
    assert kept.number == 10 * others + 1
    assert (kept.reads, kept.writes) == (others + (not is_known), others + 1)


def test_a_rule_that_changes_nothing_writes_nothing() -> None:
    kept = Kept(3, 0)
    assert change_by_rule(kept.read, lambda was: was, kept.write) == 3
    assert kept.writes == 0


def test_a_rule_is_not_applied_for_ever() -> None:
    kept = Kept(0, MAX_ATTEMPTS)
    with pytest.raises(Conflict):
        change_by_rule(kept.read, lambda was: was + 1, kept.write)
    assert kept.writes == MAX_ATTEMPTS
