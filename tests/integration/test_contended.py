"""What a route answers when others write to the same items at each of its attempts."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.programs.model import ChannelKind
from tests.integration.conftest import Calls
from tests.integration.greenroom import Greenroom
from tests.integration.in_process_api import InProcessApi

ALWAYS = 100
CANCELLED = {
    "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
    "CancellationReasons": [{"Code": "TransactionConflict", "Message": "ongoing"}],
}
UNDER_WAY = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
ROUTES = [
    ("POST", "/redemptions/{redemption}/reject", {"reason": "No"}, "changed_meanwhile"),
    ("POST", "/redemptions/{redemption}/fulfil", {}, "changed_meanwhile"),
    ("POST", "/rewards/{reward}/redeem", {"price": 1}, "changed_meanwhile"),
    ("PATCH", "/rewards/{reward}", {"version": 1, "price": 2}, "changed_meanwhile"),
    ("POST", "/members/{member}/points", {"amount": 1, "reason": "Fair"}, "changed_meanwhile"),
    ("PATCH", "/members/{member}", {"role": "manager"}, "changed_meanwhile"),
    ("POST", "/members/{member}/erasure", None, "changed_meanwhile"),
    ("POST", "/activities/{activity}/archive", {}, "changed_meanwhile"),
    # Those tell clients of no change, so the code is one that every route may answer.
    ("POST", "/members", {"email": "dee@demo.example"}, "unavailable"),
    ("DELETE", "/channels/{channel}/members/{member}", None, "unavailable"),
    ("GET", "/notifications", None, "unavailable"),
]


Ask = Callable[[str, str, Any], tuple[int, Any]]


@pytest.fixture
def ask(
    tables_in_memory: None, greenroom: Greenroom, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Ask a route as a manager, when every write and transaction meets another transaction."""
    api, container = InProcessApi(greenroom, monkeypatch), greenroom.container
    monkeypatch.setattr(time, "sleep", lambda _: None)
    manager, ben = greenroom.manager, greenroom.member("ben")
    container.points.adjust(manager, ben.member_id, 100, "Fair")
    mug = container.rewards.create(manager, title="Mug", price=1).reward_id
    room = container.channels.create(manager, "Room", ChannelKind.PUBLIC).channel
    ids = {
        "reward": mug,
        "member": ben.member_id,
        "activity": greenroom.activity().activity_id,
        "channel": room.channel_id,
        "redemption": container.redemptions.redeem(ben, mug, 1).redemption_id,
    }

    def asked(method: str, path: str, body: Any) -> tuple[int, Any]:
        for operation in ("TransactWriteItems", "TransactGetItems"):
            calls.fail(operation, CANCELLED, ALWAYS)
        for operation in ("PutItem", "UpdateItem", "DeleteItem"):
            calls.fail(operation, UNDER_WAY, ALWAYS)
        return api.call(manager, method, path.format(**ids), body)

    return asked


@pytest.mark.parametrize(("method", "path", "body", "code"), ROUTES)
def test_a_conflict_that_does_not_end_is_told_as_one_that_may_be_tried_again(
    ask: Ask, method: str, path: str, body: Any, code: str
) -> None:
    status, answer = ask(method, path, body)
    assert (status, answer["code"]) == (409 if code == "changed_meanwhile" else 503, code)
