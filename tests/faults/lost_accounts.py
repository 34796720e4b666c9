"""Accounts that are disconnected or revoked at each point of staging a video."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from tests.faults.flows import POSTED
from tests.faults.refused_chunks import TWO_CHUNKS
from tests.faults.scenario import Scenario, at_call
from tests.faults.simulation import POLLING, Simulation, webhooks_after

RELEASED = frozenset({"failed: reconnect_required"})
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


def revoke_all_access(simulation: Simulation) -> None:
    """Revoke the app's access for every person, in TikTok's settings."""
    for name in simulation.people:
        simulation.tiktok.revoke_access(name)


def disconnect_all(simulation: Simulation) -> None:
    """Disconnect every person's account in Greenroom."""
    for person in simulation.people.values():
        simulation.disconnect(person)


def remove_all_members(simulation: Simulation) -> None:
    for person in simulation.people.values():
        simulation.leave_program(person)


WAYS: tuple[tuple[str, Callable[[Simulation], None]], ...] = (
    ("access is taken back", revoke_all_access),
    ("the member disconnects", disconnect_all),
    ("the member is removed", remove_all_members),
)


def lost_accounts() -> Iterator[Scenario]:
    """Yield scenarios in which the account is lost, with and without TikTok's final webhook."""
    yield from _midway()
    for way, do in WAYS:
        for point, endpoint, moment, number in POINTS:
            # A send that has not started waits: the member may connect the account again.
            held = endpoint == "init" and moment == "before" and do is revoke_all_access
            yield Scenario(
                f"{way} {point}",
                "account",
                prepare=at_call(do, endpoint, moment, number),
                expected=POSTED if held else RELEASED,
                person={} if held else {"reconnects_after": None},
                within=timedelta(minutes=30 if held else 10),
                size_bytes=TWO_CHUNKS if "chunk" in point else None,
            )


def _midway() -> Iterator[Scenario]:
    for way, do in WAYS[:2]:
        for comes, after in (("comes", [1]), ("comes first", [0]), ("comes twice", [1, 30])):
            yield Scenario(
                f"{way} midway, its webhook {comes}",
                "account",
                behaviour=webhooks_after(*after),
                prepare=at_call(do, "upload", "during"),
                expected=RELEASED,
                person={"reconnects_after": None},
                within=timedelta(minutes=10),
            )
        yield Scenario(
            f"{way} midway, no webhook comes",
            "account",
            behaviour=POLLING,
            prepare=at_call(do, "upload", "during"),
            expected=NOT_FOUND_OUT,
            person={"reconnects_after": None},
        )
