"""Two people at one reward: whatever one does comes between any two calls of the other.

Each pair of acts is played as often as the second makes calls, the first before the next of them.
After each play points, pieces, limits and requests have to add up, and an erased person's name is
nowhere.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.foundation.identity import Role
from chalicelib.foundation.personal import attribute_to_json
from chalicelib.foundation.problems import Problem
from chalicelib.points.model import EntryKind
from chalicelib.privacy.model import WRITES_SETTLE_TIME, ErasureStatus
from chalicelib.programs.model import ChannelKind
from chalicelib.programs.service import ProgramChanges
from chalicelib.rewards.model import RedemptionStatus, RewardState
from chalicelib.rewards.store import TakenItem
from tests.integration.greenroom import Greenroom

BEN = "Ben Unmistakable"
PRICE, DEARER = 60, 70
REFUSED = {
    "not_found",
    "not_a_member",
    "balance_too_low",
    "reward_changed",
    "reward_not_on_offer",
    "reward_sold_out",
    "reward_limit_reached",
    "redemption_decided",
    "member_removed",
    "invalid_request",  # a stock below what is taken
    "changed_meanwhile",
}


class Scene:
    """A mug of which two are left, one of them asked for by Ben, who can pay another."""

    def __init__(self, greenroom: Greenroom, number: int) -> None:
        self.greenroom, self.container = greenroom, greenroom.container
        programs = self.container.programs
        program, _, _ = programs.create_program(f"P{number}", "UTC", f"ana{number}@demo.example")
        self.manager = greenroom.sign_in(f"ana{number}@demo.example")
        self.people = {}
        for name in ("ben", "cleo"):
            email = f"{name}{number}@demo.example"
            programs.invite(program, email, Role.MEMBER)
            self.people[name] = greenroom.sign_in(email)
        programs.change_profile(self.people["ben"], name=BEN)
        self.people["ben"] = greenroom.now(self.people["ben"])
        for each in self.people.values():
            self.container.points.adjust(self.manager, each.member_id, 150, "Fair")
        self.mug = self.container.rewards.create(
            self.manager, title="Mug", price=PRICE, stock=2, per_member=2
        )
        room = self.container.channels.create(self.manager, "Room", ChannelKind.PUBLIC)
        self.room_id = room.channel.channel_id
        self.asked = self.redeems("ben")
        self.erased = False

    def redeems(self, name: str) -> Any:
        return self.container.redemptions.redeem(self.people[name], self.mug.reward_id, PRICE)

    def edits(self, **wanted: Any) -> None:
        rewards = self.container.rewards
        version = rewards.reward(self.manager, self.mug.reward_id).version
        rewards.edit(self.manager, self.mug.reward_id, version, **wanted)

    def switches_off(self) -> None:
        self.container.programs.change_program(self.manager, ProgramChanges(rewards=False))

    def adjusts(self, points: int) -> None:
        ben = self.people["ben"]
        self.container.points.adjust(self.manager, ben.member_id, points, "By hand")

    def rejects(self) -> None:
        self.container.redemptions.reject(self.manager, self.asked.redemption_id, "No")

    def fulfils(self) -> None:
        self.container.redemptions.fulfil(
            self.manager, self.asked.redemption_id, note="Yes", code=None
        )

    def erases(self) -> None:
        self.container.privacy.ask_erasure(self.manager, self.people["ben"].member_id)
        self.erased = True

    def removes(self) -> None:
        self.container.members.remove(self.manager, self.people["ben"].member_id)

    def leaves(self) -> None:
        self.container.joining.leave(self.people["ben"])


ACTS: Mapping[str, Callable[[Scene], object]] = {
    "ben redeems": lambda scene: scene.redeems("ben"),
    "cleo redeems": lambda scene: scene.redeems("cleo"),
    "is rejected": Scene.rejects,
    "is fulfilled": Scene.fulfils,
    "points are taken": lambda scene: scene.adjusts(-80),
    "points are given": lambda scene: scene.adjusts(10),
    "costs more": lambda scene: scene.edits(price=DEARER),
    "stock is lowered": lambda scene: scene.edits(stock=1),
    "is unlimited": lambda scene: scene.edits(stock=None),
    "is archived": lambda scene: scene.edits(state=RewardState.ARCHIVED),
    "is for others": lambda scene: scene.edits(channel_ids=[scene.room_id]),
    "rewards are switched off": Scene.switches_off,
    "ben leaves": Scene.leaves,
    "ben is removed": Scene.removes,
    "ben is erased": Scene.erases,
}


@pytest.fixture
def greenroom(tables_in_memory: None, greenroom: Greenroom) -> Greenroom:
    return greenroom


def tried(act: Callable[[], object]) -> None:
    """Do something that may be refused, in words."""
    try:
        act()
    except Problem as problem:
        assert problem.code.code in REFUSED, problem.code  # noqa: PT017  others are no answer here


def played(
    scene: Scene, first: Callable[[Scene], object], second: Callable[[Scene], object], at: int
) -> bool:
    """Do the second act, with the first before its call `at`; False if it makes fewer calls."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass
    calls = 0

    def between(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(BaseClient, "_make_api_call", call)
                tried(lambda: first(scene))
        return call(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", between)
        tried(lambda: second(scene))
    return calls >= at


def check(scene: Scene) -> None:
    """Everything adds up, whoever came first."""
    container = scene.container
    mug = container.reward_store.get(scene.manager.program_id, scene.mug.reward_id)
    assert mug
    made = [
        each
        for status in RedemptionStatus
        for each in container.redemptions.queue(scene.manager, status, 100, None).items
    ]
    kept = [each for each in made if each.status is not RedemptionStatus.REJECTED]
    if mug.stock is not None:
        assert mug.taken == sum(each.stock_id == mug.stock_id for each in kept) <= mug.stock
    for person in scene.people.values():
        own = [each for each in made if each.member_id == person.member_id]
        assert scene.greenroom.totals(person).balance >= 0
        told = Counter(scene.greenroom.ledger(person))
        paid = Counter((EntryKind.SPENDING.value, -each.price) for each in own)
        back = Counter(
            (EntryKind.REFUND.value, each.price)
            for each in own
            if each.status is RedemptionStatus.REJECTED
        )
        of_rewards = {EntryKind.SPENDING.value, EntryKind.REFUND.value}
        assert paid + back == Counter(
            {entry: number for entry, number in told.items() if entry[0] in of_rewards}
        )
        counted = (
            container.database.get(
                TakenItem, person.owner, f"taken#{mug.reward_id}", consistent_read=True
            )
            if own
            else None
        )
        assert int(counted.taken if counted else 0) == sum(each in kept for each in own)


def check_erased(scene: Scene) -> None:
    """A request that came late has no name either, once the erasure ends."""
    container, ben = scene.container, scene.people["ben"]
    container.connections.release_removed_member(ben.program_id, ben.member_id)
    for _ in range(4):
        container.eraser.erase_due()
        scene.greenroom.clock.advance(WRITES_SETTLE_TIME + timedelta(minutes=30))
    assert container.privacy.erasure(scene.manager, ben.member_id).status is ErasureStatus.ERASED
    items = scene.greenroom.clients.dynamodb.scan(TableName="RewardsTable")["Items"]
    mine = [each for each in items if ben.owner in str(each)]
    assert mine
    assert BEN not in str(
        [{name: attribute_to_json(value) for name, value in each.items()} for each in mine]
    )


@pytest.mark.parametrize("second", ACTS)
def test_points_and_stock_add_up_for_any_act_between_the_calls_of_another(
    greenroom: Greenroom, second: str
) -> None:
    number = 0
    for first in ACTS:
        at = 1
        while True:
            scene = Scene(greenroom, number := number + 1)
            if not played(scene, ACTS[first], ACTS[second], at):
                break
            check(scene)
            if scene.erased:
                check_erased(scene)
                check(scene)
            at += 1
        assert at > 2, first  # it was between some
