"""Quotas on the local cloud's engine: of many requests at once, as many succeed as there is room.

By the services on the stack's own tables: so many cold Lambdas at once are more than a laptop has
processors for.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib.activities.model import Activity
from chalicelib.composition import Container
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.table import Contended
from chalicelib.videos.model import MAX_SIZE_BYTES, VideoFacts
from tests.clock import StoppedClock
from tests.e2e.deployed_stack import DeployedStack

TOGETHER, ROOM = 32, 5
End = str | tuple[str, int, int]
"""How a request ended: done, or the quota that refused it with its limit and its use."""


class Program:
    """A program of its own, in a deployment whose owner set these quotas."""

    def __init__(self, deployed: DeployedStack, **quotas: int) -> None:
        # The clock stands, or a day of invitations could end between two of them.
        clock = StoppedClock(datetime.now(UTC))
        self.container = Container(deployed.container().settings, clock)
        self.container.quotas = replace(Quotas(), **quotas)
        self.domain = f"quotas-{secrets.token_hex(4)}.example"
        boss = f"boss@{self.domain}"
        self.container.programs.create_program(self.domain, "UTC", boss)
        claims = Claims(f"subject-{boss}", boss, 0)
        self.manager: Caller = self.container.programs.caller(claims)

    def asks(self) -> object:
        return self.container.videos.ask_for_upload(self.manager, "video/mp4", "quotas").upload

    def uploaded(self) -> str:
        """Make an upload that is validated; returns its id."""
        videos, store = self.container.videos, self.container.upload_store
        upload = videos.ask_for_upload(self.manager, "video/mp4", "quotas").upload
        facts = VideoFacts(size_bytes=1000, container="mp4", has_video=True)
        assert store.decide(
            upload, facts, (), upload.video_key_for("etag"), self.container.clock.now()
        )
        return upload.upload_id

    def creates(self, upload_id: str) -> Activity:
        return self.container.activities.create(self.manager, upload_id)

    def invites(self) -> object:
        email = f"{secrets.token_hex(6)}@{self.domain}"
        return self.container.members.invite(self.manager, email, None, Role.MEMBER)


def together(acts: list[Callable[[], object]]) -> Counter[End]:
    """Do all at once, each again while it is told to be, as people do; count how they end."""

    def insists(act: Callable[[], object]) -> End:
        while True:
            try:
                act()
            except Contended:
                continue
            except Problem as problem:
                if problem.code.code == "changed_meanwhile":
                    continue
                if problem.code.code != "limit_reached":
                    raise
                told = problem.members
                return told["quota"], told["limit"], told["used"]
            return "done"

    with ThreadPoolExecutor(TOGETHER) as pool:
        return Counter(pool.map(insists, acts))


def test_as_many_uploads_as_there_is_room_for_are_asked_for_at_once(
    deployed: DeployedStack,
) -> None:
    most = 3 + ROOM
    program = Program(deployed, uploads_waiting=most)
    for _ in range(3):
        program.asks()
    assert together([program.asks] * TOGETHER) == {
        "done": ROOM,
        ("uploads_waiting", most, most): TOGETHER - ROOM,
    }


def test_uploads_asked_for_at_once_take_no_more_bytes_than_there_may_be(
    deployed: DeployedStack,
) -> None:
    program = Program(deployed, video_gigabytes=1)
    most = -(-(1 << 30) // MAX_SIZE_BYTES)
    for _ in range(most - ROOM):
        program.asks()
    assert together([program.asks] * TOGETHER) == {
        "done": ROOM,
        ("video_bytes", 1 << 30, most * MAX_SIZE_BYTES): TOGETHER - ROOM,
    }


def test_as_many_activities_as_there_is_room_for_are_opened_at_once_whichever_way(
    deployed: DeployedStack,
) -> None:
    most = 2 + ROOM
    program = Program(deployed, activities_open=most)
    activities, manager = program.container.activities, program.manager
    upload_id = program.uploaded()
    source = program.creates(upload_id)
    program.creates(upload_id)
    acts: list[Callable[[], object]] = [
        lambda: program.creates(upload_id),
        lambda: activities.duplicate(manager, source.activity_id),
    ] * (TOGETHER // 2)
    full = ("activities_open", most, most)
    assert together(acts) == {"done": ROOM, full: TOGETHER - ROOM}
    shown = program.container.activity_store.open_activities(manager.program_id)
    assert len(list(shown)) == most
    activities.end(manager, source.activity_id)
    assert together(acts) == {"done": 1, full: TOGETHER - 1}


def test_30_uploads_asked_for_at_once_below_the_limit_are_all_made(
    deployed: DeployedStack,
) -> None:
    program = Program(deployed, uploads_waiting=100)
    assert together([program.asks] * 30) == {"done": 30}


@pytest.mark.parametrize("quota", ["members", "invitations_a_day"])
def test_as_many_are_invited_at_once_as_there_is_room_for(
    deployed: DeployedStack, quota: str
) -> None:
    # The first manager is a member whom nobody of the program invited.
    most = ROOM + (1 if quota == "members" else 0)
    program = Program(deployed, **{quota: most})
    assert together([program.invites] * TOGETHER) == {
        "done": ROOM,
        (quota, most, most): TOGETHER - ROOM,
    }


def test_of_rosters_imported_at_once_one_fits_and_the_others_invite_nobody(
    deployed: DeployedStack,
) -> None:
    program = Program(deployed, members=1 + 20)
    members, manager = program.container.members, program.manager

    def roster(number: int) -> Callable[[], object]:
        people = "\n".join(f"m{number}-{each}@{program.domain}" for each in range(20))
        return lambda: members.import_roster(manager, people)

    ends = together([roster(number) for number in range(8)])
    assert ends == {"done": 1, ("members", 21, 21): 7}
    found = list(program.container.programs.members(manager.program_id))
    assert len(found) == 1 + 20
