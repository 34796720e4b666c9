"""Optimistic writes: read, decide, write if nothing changed since; else read again."""

from collections.abc import Callable
from functools import wraps

from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict

MAX_ATTEMPTS = 4


def check_version(thing: str, now: int, seen: int | None) -> None:
    """Refuse a change of a thing that somebody else has changed since its version was `seen`.

    Without a version it is changed as it is now. Raises the problem `changed_meanwhile`, with the
    `version` the thing has now.
    """
    if seen is not None and seen != now:
        raise Problem(
            ProblemCode.CHANGED_MEANWHILE,
            f"Somebody else has changed {thing} since you saw it. Look at it again, then make your "
            "change.",
            members={"version": now},
        )


def retry_conflicts[**Given, Answer](
    words: str | None = None, *, attempts: int = MAX_ATTEMPTS
) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Repeat an attempt that reads, decides and writes, as long as it raises `Conflict`.

    After so many attempts it raises the problem `changed_meanwhile` with these words, or without
    words the last `Conflict`.
    """

    def decorate(attempt: Callable[Given, Answer]) -> Callable[Given, Answer]:
        @wraps(attempt)
        def repeated(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
            for _ in range(attempts - 1):
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


def change_by_rule[Value](
    read: Callable[[], Value],
    change: Callable[[Value], Value],
    write: Callable[[Value, Value], Value | None],
    *,
    known: Value | None = None,
    attempts: int = MAX_ATTEMPTS,
) -> Value:
    """Change a value by a rule, which may be applied more than once; return what became of it.

    `write` takes the value as it was read and what becomes of it, and returns what it wrote, or
    None if the value is another by now. Nothing is read where the value is `known`, and nothing
    written where the rule changes nothing. Raises `Conflict` if others come in between each time.
    """
    for _ in range(attempts):
        was = read() if known is None else known
        becomes = change(was)
        if becomes == was:
            return was
        written = write(was, becomes)
        if written is not None:
            return written
        known = None
    raise Conflict
