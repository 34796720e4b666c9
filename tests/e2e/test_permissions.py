"""Every route with everybody: those who may, and those who are refused and change nothing."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.http import RequiredRole
from chalicelib.foundation.identity import Role
from tests.e2e.conftest import known
from tests.e2e.contract import Contract, Operation
from tests.e2e.deployed_stack import DeployedStack, add_person
from tests.e2e.people import Answer, Api, Witness, new_key
from tests.e2e.permissions import PERMISSIONS, Permission
from tests.e2e.test_bad_input import UNKNOWN
from tests.e2e.test_isolation import same
from tests.e2e.tiktok_members import Sender, TikTok

AT_ONCE = 2
BY_ID = {each.operation_id: each for each in Contract().operations}
WALK = [(BY_ID[name], entry) for name, entry in PERMISSIONS.items() if name in BY_ID]
Told = dict[tuple[str, str], tuple[int, str | None]]


@dataclass(frozen=True)
class Person:
    """Somebody who calls: who they are to the program whose things are asked for."""

    who: str
    api: Api = field(repr=False)
    role: Role | None = None
    home: bool = False
    refused: tuple[int, str] | None = None
    signed_in: bool = True

    def told(self, operation: Operation, entry: Permission) -> tuple[int, str] | None:
        """Return the problem they get from an operation, None if they may call it."""
        if entry.who is RequiredRole.ANYONE:
            return None
        if self.refused and (entry.who is not RequiredRole.SIGNED_IN or not self.signed_in):
            return self.refused
        if entry.who is RequiredRole.MANAGER and self.role is not Role.MANAGER:
            return 403, "manager_only"
        if not self.home and entry.names_a_thing(operation):
            return 404, "not_found"
        return (404, "not_found") if entry.personal and self.role is Role.MANAGER else None


@dataclass(frozen=True)
class World:
    """Everybody, and what the home program has; what is `hidden` is for a private channel."""

    home: str
    ids: Mapping[str, str]
    hidden: Mapping[str, str]
    people: tuple[Person, ...]

    def at_home(self) -> tuple[Person, ...]:
        return tuple(each for each in self.people if each.home)

    def foreigners(self) -> tuple[Person, ...]:
        return tuple(each for each in self.people if each.role and not each.home)


def ask(api: Api, operation: Operation, entry: Permission, ids: Mapping[str, str]) -> Answer:
    named = {**ids, "new": new_key()}
    path, content = operation.path.format(**named), entry.content(named)
    query: dict[str, Any] = dict(entry.query)
    return api.call(operation.method, path, json=content, **query)


@pytest.fixture(scope="module")
def world(
    deployed: DeployedStack, witness: Witness, nobody: Api, stranger: Api, clips: Path
) -> World:
    programs = deployed.container().programs

    def people(name: str, *others: str) -> tuple[str, list[Api]]:
        """Make a program with a manager and members, who have been there before."""
        domain = f"{name}-{secrets.token_hex(4)}.example"
        program, _, _ = programs.create_program(domain, "Europe/Berlin", f"manager@{domain}")
        for each in others:
            programs.invite(program, f"{each}@{domain}", Role.MEMBER)
        found = [add_person(deployed, f"{each}@{domain}") for each in ("manager", *others)]
        return program.program_id, [known(Api.of(deployed.stack, witness, each)) for each in found]

    home, (manager, member, removed, deputy) = people("home", "member", "removed", "deputy")
    other, (other_manager, other_member, other_deputy) = people("other", "member", "deputy")
    for chief, second in ((manager, deputy), (other_manager, other_deputy)):
        # A program's last manager could not leave it.
        found = second.get("/me").body["member_id"]
        assert chief.patch(f"/members/{found}", {"role": "manager"}).status == 200
    twice = f"twice-{secrets.token_hex(4)}@home.example"
    for inviting in (home, other):
        invited_by = programs.program(inviting)
        assert invited_by
        programs.invite(invited_by, twice, Role.MEMBER)
    third, _, _ = programs.create_program(
        "Third", "UTC", f"boss-{secrets.token_hex(4)}@third.example"
    )
    undecided = Api.of(deployed.stack, witness, add_person(deployed, twice))
    upload = manager.upload(clips / "demo.mp4")["upload_id"]
    performed, activity = (manager.create(upload)["activity_id"] for _ in range(2))
    tiktok = TikTok(str(deployed.stack.tiktok_url))
    sender = Sender(member, tiktok).connected()
    Sender(manager, tiktok).connect()
    performance = sender.perform(performed)
    sender.reaches(performance, "staged")
    leaver = removed.get("/me").body["member_id"]
    assert manager.delete(f"/members/{leaver}").status == 204

    def made(path: str, what: str, **body: Any) -> str:
        answer = manager.post(path, body)
        assert answer.status in (201, 202), answer.body
        return str(answer.body[what])

    for each in (member, manager):
        given = {"amount": 100, "reason": "To spend"}
        found = each.get("/me").body["member_id"]
        assert manager.post(f"/members/{found}/points", given).status == 201
    reward = made("/rewards", "reward_id", title="Mug", price=1)
    asked = member.post(f"/rewards/{reward}/redeem", {"price": 1})
    assert asked.status == 201, asked.body
    browser = PERMISSIONS["pushing_subscribe"].content({"new": new_key()})
    pushed = member.post("/me/push/devices", browser)
    assert pushed.status == 200, pushed.body
    ids = {
        "device_id": pushed.body["devices"][0]["device_id"],
        "program_id": third.program_id,  # which has invited nobody of these people
        "reward_id": reward,
        "redemption_id": asked.body["redemption_id"],
        "upload_id": upload,
        "activity_id": activity,
        "performance_id": performance,
        "member_id": made("/members", "member_id", email=f"{new_key()}@home.example"),
        "channel_id": made("/channels", "channel_id", name="Channel", kind="public"),
        "draft_id": made("/drafts", "draft_id"),
        "campaign_id": made("/campaigns", "campaign_id", name="Campaign"),
        "export_id": made("/reports/exports", "export_id", report="channels"),
        "webhook_id": made(
            "/webhooks", "webhook_id", name="Hook", url=f"https://{new_key()}.matrix.example/"
        ),
        "entry_id": manager.get("/audit").body["items"][0]["entry_id"],
    }
    board = made("/channels", "channel_id", name="Board", kind="private")
    hidden = manager.create(upload, channel_ids=[board])["activity_id"]
    secret = made("/rewards", "reward_id", title="Secret", price=1, channel_ids=[board])
    return World(
        home,
        ids,
        {"channel_id": board, "activity_id": hidden, "reward_id": secret},
        (
            Person("manager", manager, Role.MANAGER, home=True),
            Person("member", member, Role.MEMBER, home=True),
            Person("another program's manager", other_manager, Role.MANAGER),
            Person("another program's member", other_member, Role.MEMBER),
            Person("removed", removed, refused=(403, "not_a_member")),
            Person("not invited", stranger, refused=(403, "not_a_member")),
            Person("invited twice", undecided, refused=(403, "choose_program")),
            Person("not signed in", nobody, refused=(401, "unauthenticated"), signed_in=False),
        ),
    )


def beside[Each](people: Iterable[Person], walk: Callable[[Person], Each]) -> list[Each]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(walk, people))


def test_every_route_refuses_people_without_permission_and_changes_nothing(
    world: World, deployed: DeployedStack
) -> None:
    """What is another program's answers to the byte like what does not exist."""
    expected: dict[tuple[str, str], Any] = {
        (each.who, operation.operation_id): (entry.status, entry.code)
        if entry.who is RequiredRole.ANYONE
        else each.told(operation, entry)
        for each in world.people
        for operation, entry in WALK
        if entry.who is RequiredRole.ANYONE or each.told(operation, entry)
    }

    def refusals(person: Person) -> Told:
        told: Told = {}
        for operation, entry in WALK:
            key = (person.who, operation.operation_id)
            if key not in expected:
                continue
            answer = ask(person.api, operation, entry, world.ids)
            told[key] = answer.problem
            if answer.status == 404:
                unknown = ask(person.api, operation, entry, UNKNOWN)
                assert same(answer, unknown), key
        return told

    with deployed.clock_stopped():
        told = deployed.unchanged_by(
            lambda: {
                key: value for each in beside(world.people, refusals) for key, value in each.items()
            }
        )
    assert told == expected


def test_private_things_are_not_found_by_outsiders(world: World, deployed: DeployedStack) -> None:
    """By whichever route that members may call with an id; nor do their lists have it."""
    member = next(each for each in world.at_home() if each.role is Role.MEMBER)
    walked: set[str] = set()

    def walk() -> None:
        for operation, entry in WALK:
            if entry.who is RequiredRole.MEMBER and operation.names & world.hidden.keys():
                answer = ask(member.api, operation, entry, {**world.ids, **world.hidden})
                assert answer.problem == (404, "not_found"), operation.operation_id
                assert same(answer, ask(member.api, operation, entry, UNKNOWN))
                walked.update(operation.names)
            elif (
                entry.who is RequiredRole.MEMBER
                and operation.method == "GET"
                and not operation.names
            ):
                told = str(ask(member.api, operation, entry, world.ids).raw)
                assert not [each for each in world.hidden.values() if each in told]
        assert walked == world.hidden.keys()

    with deployed.clock_stopped():
        deployed.unchanged_by(walk)


def test_another_programs_people_do_it_all_on_their_own_ground(
    world: World, deployed: DeployedStack
) -> None:
    def walk(person: Person) -> None:
        for operation, entry in WALK:
            if entry.who is RequiredRole.ANYONE or "program_id" in operation.names:
                continue  # a program's id is told to whom it has invited
            if not person.told(operation, entry):
                answer = ask(person.api, operation, entry, world.ids)
                what = f"{person.who}: {operation.operation_id}: {answer.problem}"
                right = answer.problem == (entry.status, entry.code)
                assert right or answer.status in {*operation.successes, 404}, what
                found = [
                    name
                    for name in (world.home, *world.ids.values(), *world.hidden.values())
                    if name in str(answer.raw)
                ]
                assert not found, f"{what} tells of {found}"

    deployed.unchanged_by(lambda: beside(world.foreigners(), walk), world.home)


def test_people_with_permission_succeed(world: World) -> None:
    told: Told = {}
    expected: Told = {}
    for operation, entry in WALK:
        may = [
            each
            for each in world.at_home()
            if entry.who is not RequiredRole.ANYONE and not each.told(operation, entry)
        ]
        assert may or entry.who is RequiredRole.ANYONE
        answers = beside(may, lambda each: ask(each.api, operation, entry, world.ids))  # noqa: B023  used at once
        for person, answer in zip(may, answers, strict=True):
            told[person.who, operation.operation_id] = answer.problem
            expected[person.who, operation.operation_id] = (entry.status, entry.code)
    assert told == expected
