"""Optimistic writes: read, decide, write if nothing changed since; else read again."""

from collections.abc import Callable
from functools import wraps

from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict

ATTEMPTS = 4


def retry_conflicts[**Given, Answer](
    words: str | None = None,
) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Repeat an attempt that reads, decides and writes, as long as it raises `Conflict`.

    After `ATTEMPTS` it raises the problem `changed_meanwhile` with these words, or without words
    the last `Conflict`.
    """

    def decorate(attempt: Callable[Given, Answer]) -> Callable[Given, Answer]:
        @wraps(attempt)
        def repeated(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
            for _ in range(ATTEMPTS - 1):
                try:
                    return attempt(*args, **kwargs)
                except Conflict:
                    continue
            try:
                return attempt(*args, **kwargs)
            except Conflict as conflict:
                if words is None:
                    raise
                raise Problem(ProblemCode.CHANGED_MEANWHILE, words) from conflict

        return repeated

    return decorate
