"""Sweeps: work that the clock finds due in an index, for as long as a function may run.

An index that all programs share is swept by turns: each program's due work comes one item at a
time, so that one program delays another by one item for each of its own, not by all its thousands.

- `take_turns` takes all that an index of instants has due: a query for each megabyte, some
  thousands of entries. It suits work that is done within a run or two.
- `sweep_due_items` reads an index whose range key is made by `due_key`: hour, program, instant. It
  costs a query for each program that has something due, however much that is, and none for the
  others. It suits a backlog that stays for hours.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

IsLate = Callable[[], bool]
"""Returns whether nothing more is to be begun; the next run finds what is left."""

DueQuery = Callable[[str, str, int], Sequence[tuple[str, Any]]]
"""Returns up to so many items of an index, rising, between two range keys, each with its own."""

PAGE_SIZE = 100
MAX_PER_PROGRAM = 1000  # of one program, in one run: more than a run gets done
_BEHIND_ANY_ID = "#~"  # sorts behind whatever goes on with an id, and before a longer id
_HOUR, _REST = "%Y-%m-%dT%H", "%M:%S.%f"


def no_time_limit() -> bool:
    """Return False: the run is never out of time."""
    return False


def late(context: Any, reserve: timedelta) -> IsLate:
    """Return a test of whether a function has less than `reserve` left, by its Lambda context."""
    return lambda: bool(
        context.get_remaining_time_in_millis() < reserve / timedelta(milliseconds=1)
    )


def due_key(program_id: str, at: datetime, item_id: str) -> str:
    """Return the range key of an item that is due at an instant; `item_id` keeps it unique.

    The hour comes first, so that work of later hours is not read; the program second, so that the
    rest of a program's hour can be skipped.
    """
    utc = at.astimezone(UTC)
    return f"{utc:{_HOUR}}#{program_id}#{utc.strftime(_REST)}#{item_id}"


def sweep_due_items(query: DueQuery, now: datetime, *, page: int = PAGE_SIZE) -> Iterator[Any]:
    """Yield what is due at an instant, one item of each program in turn, older hours first.

    The program that begins is drawn anew each minute. The caller has to remove an item
    that it takes from the index, or to move it on in it.
    """
    waiting: dict[str, deque[Any]] = {}
    unread: dict[str, deque[tuple[str, str]]] = {}

    def read(after: str, until: str) -> str | None:
        """Read a page; return the group in which it broke off, if there is more than it holds."""
        found = query(after, until, page)
        for key, item in found:
            if _is_due(key, now):
                waiting.setdefault(_program_of(key), deque()).append(item)
        if len(found) < page:
            return None
        last = found[-1][0]
        group = _group_of(last)
        if _is_due(last, now):
            further = (last + " ", group + _BEHIND_ANY_ID)  # a space: right behind this key
            unread.setdefault(_program_of(last), deque()).append(further)
        return group

    after: str = "0"
    until = now.astimezone(UTC).strftime(_HOUR) + _BEHIND_ANY_ID
    while group := read(after, until):
        after = group + _BEHIND_ANY_ID

    def refill(program: str) -> None:
        while not waiting[program] and unread.get(program):
            read(*unread[program].popleft())

    return _rotate_programs(waiting, now, refill)


def take_turns[Item](
    due: Iterable[Item], program_of: Callable[[Item], str], now: datetime
) -> Iterator[Item]:
    """Yield the items of a query, one of each program in turn, each program's in their order.

    All of `due` is read first. Up to `MAX_PER_PROGRAM` items of one program are kept, and the
    others are left for the next run. The program that begins is drawn anew each minute.
    """
    waiting: dict[str, deque[Item]] = {}
    for each in due:
        queue = waiting.setdefault(program_of(each), deque())
        if len(queue) < MAX_PER_PROGRAM:
            queue.append(each)
    return _rotate_programs(waiting, now)


def _rotate_programs[Item](
    waiting: Mapping[str, deque[Item]],
    now: datetime,
    refill: Callable[[str], None] = lambda _: None,
) -> Iterator[Item]:
    programs = sorted(waiting)
    # Not the minute itself: of three programs a sweep made each hour would begin with the same one.
    drawn = crc32(f"{now:%Y-%m-%dT%H:%M}".encode()) % max(len(programs), 1)
    turns = deque(programs[drawn:] + programs[:drawn])
    while turns:
        program = turns.popleft()
        if not waiting[program]:
            refill(program)
        if waiting[program]:
            turns.append(program)
            yield waiting[program].popleft()


def _group_of(key: str) -> str:
    hour, program_id, _ = key.split("#", 2)
    return f"{hour}#{program_id}"


def _program_of(key: str) -> str:
    return key.split("#", 2)[1]


def _is_due(key: str, now: datetime) -> bool:
    hour, _, rest = key.split("#", 2)
    utc = now.astimezone(UTC)
    return (hour, rest.partition("#")[0]) <= (utc.strftime(_HOUR), utc.strftime(_REST))
