"""`Idempotency-Key` on whatever is made around rewards, points and reports: one key, one thing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, new_key
from tests.e2e.tiktok_members import Sender, TikTokMembers

AMOUNT = 50


@pytest.fixture
def member(tiktok_members: TikTokMembers) -> Sender:
    """A member with points to spend."""
    sender = tiktok_members.one()
    given = tiktok_members.manager.post(
        f"/members/{sender.member_id}/points", {"amount": AMOUNT, "reason": "To spend"}
    )
    assert given.status == 201, given.body
    return sender


@dataclass(frozen=True)
class Making:
    """A request that makes one thing, another body for its key, and where the answer has the id."""

    api: Api
    path: str
    body: Any
    other: Any
    id_of: Callable[[Any], str]


def adjustment(manager: Api, member: Sender) -> Making:
    path = f"/members/{member.member_id}/points"
    body = {"amount": 5, "reason": "By hand"}
    return Making(
        manager, path, body, {**body, "amount": 6}, lambda made: str(made["entry"]["entry_id"])
    )


def picture(manager: Api, member: Sender) -> Making:
    body, other = ({"content_type": f"image/{each}"} for each in ("png", "jpeg"))
    return Making(manager, "/rewards/pictures", body, other, lambda made: str(made["picture_id"]))


def reward(manager: Api, member: Sender) -> Making:
    body = {"title": "Mug", "price": 5}
    return Making(
        manager, "/rewards", body, {**body, "price": 6}, lambda made: str(made["reward_id"])
    )


def webhook(manager: Api, member: Sender) -> Making:
    body = {"name": "Keys", "url": f"https://{new_key()}.hooks.example/"}
    return Making(
        manager, "/webhooks", body, {**body, "name": "K"}, lambda made: str(made["webhook_id"])
    )


def draft(manager: Api, member: Sender) -> Making:
    body = {"instructions": "Share it"}
    return Making(
        manager, "/drafts", body, {**body, "points": 6}, lambda made: str(made["draft_id"])
    )


def redemption(manager: Api, member: Sender) -> Making:
    mug = manager.post("/rewards", {"title": "Mug", "price": 5}).body["reward_id"]
    return Making(
        member.api,
        f"/rewards/{mug}/redeem",
        {"price": 5},
        {"price": 6},
        lambda made: str(made["redemption_id"]),
    )


def export(manager: Api, member: Sender) -> Making:
    body, other = ({"report": each} for each in ("members", "channels"))
    return Making(manager, "/reports/exports", body, other, lambda made: str(made["export_id"]))


@pytest.mark.parametrize(
    "making", [adjustment, picture, reward, webhook, draft, redemption, export]
)
def test_a_key_makes_one_thing_also_when_the_first_try_broke_off(
    tiktok_members: TikTokMembers,
    member: Sender,
    deployed: DeployedStack,
    making: Callable[[Api, Sender], Making],
) -> None:
    what = making(tiktok_members.manager, member)
    key = new_key()
    known = deployed.idempotency_records()
    first = what.api.post(what.path, what.body, key)
    assert first.status in (201, 202), first.body
    (record,) = deployed.idempotency_records() - known
    again = what.api.post(what.path, what.body, key)
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")
    assert what.api.post(what.path, what.other, key).problem == (422, "idempotency_key_reused")
    # As if the first one were still under way, and then as if it had broken after its writes.
    deployed.unfinish_record(record, locked_until=int(time.time()) + 30)
    assert what.api.post(what.path, what.body, key).problem == (409, "request_in_progress")
    deployed.unfinish_record(record, locked_until=0)
    repeated = what.api.post(what.path, what.body, key)
    assert repeated.status == first.status, repeated.body
    assert what.id_of(repeated.body) == what.id_of(first.body)


def test_points_are_spent_and_given_once_for_a_key(
    tiktok_members: TikTokMembers, member: Sender
) -> None:
    manager, key = tiktok_members.manager, new_key()
    given = adjustment(manager, member)
    for _ in range(2):
        assert given.api.post(given.path, given.body, key).status == 201
    spent, key = redemption(manager, member), new_key()
    for _ in range(2):
        assert spent.api.post(spent.path, spent.body, key).status == 201
    assert member.api.get("/me").body["points"]["balance"] == AMOUNT + 5 - 5
    assert len(member.api.get("/points").body["items"]) == 3
