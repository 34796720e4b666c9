"""Accounts that go while a video is on its way: at every point of it, by whoever ends them."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from tests.faults.flows import POSTED
from tests.faults.refused_chunks import TWO_CHUNKS
from tests.faults.simulation import POLLING, Simulation, webhooks_after
from tests.faults.trouble import Trouble, happening

GONE = frozenset({"failed: reconnect_required"})
NOT_FOUND_OUT = frozenset({"failed: unconfirmed", "unconfirmed"})

POINTS = (
    ("before init", "init", "before", 1),
    ("as init answers", "init", "after", 1),
    ("before the first byte", "upload", "before", 1),
    ("between two chunks", "upload", "before", 2),
    ("within the second chunk", "upload", "during", 2),
    ("after the last byte", "upload", "after", 1),
    ("before the status is asked", "status", "before", 1),
    ("as the status answers", "status", "after", 1),
)


def all_take_access_back(simulation: Simulation) -> None:
    """Everybody takes the access back in TikTok's own settings."""
    for name in simulation.people:
        simulation.tiktok.removes_access(name)


def all_disconnect(simulation: Simulation) -> None:
    """Everybody disconnects the account here."""
    for person in simulation.people.values():
        simulation.disconnects(person)


def _all_are_removed(simulation: Simulation) -> None:
    for person in simulation.people.values():
        simulation.leaves(person)


WAYS: tuple[tuple[str, Callable[[Simulation], None]], ...] = (
    ("access is taken back", all_take_access_back),
    ("the member disconnects", all_disconnect),
    ("the member is removed", _all_are_removed),
)


def accounts_gone() -> Iterator[Trouble]:
    """The account goes; TikTok's last word comes by webhook, or never."""
    yield from _midway()
    for way, do in WAYS:
        for point, endpoint, moment, number in POINTS:
            # A send that has not begun yet waits: the member may connect the account again.
            held = endpoint == "init" and moment == "before" and do is all_take_access_back
            yield Trouble(
                f"{way} {point}",
                "account",
                prepare=happening(do, endpoint, moment, number),
                must=POSTED if held else GONE,
                person={} if held else {"comes_back": None},
                within=timedelta(minutes=30 if held else 10),
                size_bytes=TWO_CHUNKS if "chunk" in point else None,
            )


def _midway() -> Iterator[Trouble]:
    for way, do in WAYS[:2]:
        for comes, after in (("comes", [1]), ("comes first", [0]), ("comes twice", [1, 30])):
            yield Trouble(
                f"{way} midway, its webhook {comes}",
                "account",
                habits=webhooks_after(*after),
                prepare=happening(do, "upload", "during"),
                must=GONE,
                person={"comes_back": None},
                within=timedelta(minutes=10),
            )
        yield Trouble(
            f"{way} midway, no webhook comes",
            "account",
            habits=POLLING,
            prepare=happening(do, "upload", "during"),
            must=NOT_FOUND_OUT,
            person={"comes_back": None},
        )
