"""The audit trail of the deployed stack: every act of a manager is on it, once."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.audit.model import Kind
from chalicelib.foundation.http import RequiredRole
from chalicelib.foundation.identity import Role
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Answer, Api
from tests.e2e.test_permissions import WALK, World, ask, world
from tests.e2e.waiting import wait_for

__all__ = ["world"]  # the people and things of the matrix of permissions, made anew for this module

SHOWN_ELSEWHERE = {
    "members_invite_again": "a person is mailed again after ten minutes: tests/integration",
    "redemptions_reject": "what the walk has fulfilled cannot be rejected: below",
}

WITHOUT_FIELDS = {
    "member.erased",
    "member.erasure_ended",
    "member.data_asked",
    "webhook.secret_renewed",
    "webhook.tested",
}
"""Acts that change no field that may be shown."""


def entries(manager: Api, **wanted: str) -> list[dict[str, Any]]:
    return list(pages(manager, **wanted))


def pages(manager: Api, **wanted: str) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        answer = manager.get("/audit", **{"limit": "100", **wanted, **cursor})
        assert answer.status == 200, answer.body
        yield from answer.body["items"]
        if answer.body["next_cursor"] is None:
            return
        cursor = {"cursor": answer.body["next_cursor"]}


@pytest.fixture(scope="module")
def manager(world: World) -> Api:
    return next(each.api for each in world.at_home() if each.role is Role.MANAGER)


@pytest.fixture(scope="module")
def member(world: World) -> Api:
    return next(each.api for each in world.at_home() if each.role is Role.MEMBER)


def told(manager: Api, me: str, answer: Answer) -> list[dict[str, Any]]:
    """Wait for the entries of a request, by its correlation id."""
    correlation_id = answer.headers["X-Correlation-Id"]

    def found() -> list[dict[str, Any]] | None:
        newest = manager.get("/audit", limit="100", actor=me).body["items"]
        return [each for each in newest if each["correlation_id"] == correlation_id] or None

    return wait_for("an entry of the audit trail", found)


def test_every_route_by_which_a_manager_does_something_leaves_exactly_one_entry(
    world: World, manager: Api
) -> None:
    me = manager.get("/me").body["member_id"]
    walked = 0
    for operation, permission in WALK:
        if permission.who is not RequiredRole.MANAGER or operation.method == "GET":
            continue
        if operation.operation_id in SHOWN_ELSEWHERE:
            continue
        answer = ask(manager, operation, permission, world.ids)
        assert answer.status in operation.successes, (operation.operation_id, answer.body)
        (entry,) = told(manager, me, answer)
        assert entry["actor"] == f"member:{me}", operation.operation_id
        assert (entry["member_id"], entry["role"]) == (me, "manager")
        assert entry["kind"] in set(Kind)
        if entry["kind"] not in WITHOUT_FIELDS:
            assert entry["before"] != entry["after"], operation.operation_id
        whole = manager.get(f"/audit/{entry['entry_id']}").body
        assert whole["address"], operation.operation_id
        assert {**entry, "address": whole["address"]} == whole
        walked += 1
    assert walked > 25
    # Every one of them once, also when all are looked at.
    ids = [each["correlation_id"] for each in entries(manager, actor=me)]
    assert len(ids) == len(set(ids))


def test_a_rejection_is_on_it_and_what_it_says_to_the_member_is_not(
    world: World, manager: Api, member: Api
) -> None:
    reward = manager.post("/rewards", {"title": "Cup", "price": 1}).body["reward_id"]
    asked = member.post(f"/rewards/{reward}/redeem", {"price": 1})
    assert asked.status == 201, asked.body
    path = f"/redemptions/{asked.body['redemption_id']}/reject"
    answer = manager.post(path, {"reason": "Out of unusual cups"})
    assert answer.status == 200
    (entry,) = told(manager, manager.get("/me").body["member_id"], answer)
    assert (entry["kind"], entry["title"]) == ("redemption.rejected", "Cup")
    assert entry["before"] == {"status": "requested"}
    assert entry["after"]["member"] == member.get("/me").body["member_id"]
    assert "unusual" not in str(entry)
    assert manager.post(path, {"reason": "Out of unusual cups"}).status == 200  # again: no more
    assert len(entries(manager, thing=asked.body["redemption_id"])) == 1


def test_members_account_changes_are_on_the_trail_and_their_sends_are_not(
    world: World, manager: Api, member: Api
) -> None:
    me = member.get("/me").body["member_id"]
    kinds = [each["kind"] for each in reversed(entries(manager, actor=me))]
    assert kinds[:2] == ["member.joined", "account.connected"]
    assert {each.split(".")[0] for each in kinds} <= {
        *("member", "account", "profile", "channel", "disclosure")
    }
    answer = member.patch("/me", {"name": "Somebody Unusual", "time_zone": "Asia/Tokyo"})
    assert answer.status == 200
    (entry,) = told(manager, me, answer)
    assert (entry["kind"], entry["role"]) == ("profile.changed", "member")
    assert entry["after"] == {"name": "…", "time_zone": "Asia/Tokyo"}


def test_it_is_found_by_actor_thing_kind_and_time(
    world: World, manager: Api, deployed: DeployedStack
) -> None:
    everything = entries(manager)
    assert [each["entry_id"] for each in everything] == sorted(
        (each["entry_id"] for each in everything), reverse=True
    )
    sample = everything[len(everything) // 2]
    for name, value in (
        ("actor", sample["member_id"] or "system"),
        ("thing", sample["thing"]),
        ("kind", sample["kind"]),
    ):
        found = entries(manager, **{name: value})
        field = "member_id" if name == "actor" and sample["member_id"] else name
        if field != "actor":
            assert found == [each for each in everything if each[field] == value], name
    both = entries(manager, thing=sample["thing"], kind=sample["kind"])
    assert sample in both
    later = entries(manager, since=sample["at"])
    assert later == [each for each in everything if each["at"] >= sample["at"]]
    names = manager.get("/audit/names", ids=str(everything[-1]["thing"])).body["names"]
    assert set(names) <= {everything[-1]["thing"]}
    cursor = manager.get("/audit", limit="1").body["next_cursor"]
    assert manager.get("/audit", limit="1", kind=sample["kind"], cursor=cursor).problem == (
        400,
        "invalid_cursor",
    )
    for wrong in (
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": sample["at"], "until": sample["at"]},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"kind": "unheard.of"},
        {"actor": "a b"},
    ):
        assert manager.get("/audit", **wrong).problem == (422, "invalid_request"), wrong
    assert manager.get("/audit/names", ids="").problem == (422, "invalid_request")
    assert manager.get("/audit/aud_unknown").problem == (404, "not_found")


def test_it_is_exported_by_the_same_filters(world: World, manager: Api) -> None:
    sample = entries(manager)[-1]
    for wanted in (
        {},
        {"actor": sample["member_id"] or "system"},
        {"thing": sample["thing"]},
        {"kind": sample["kind"]},
    ):
        asked = manager.post("/reports/exports", {"report": "audit", **wanted})
        path = f"/reports/exports/{asked.body['export_id']}"

        def made(path: str = path) -> dict[str, Any] | None:
            found: dict[str, Any] = manager.get(path).body
            return found if found["status"] != "making" else None

        export = wait_for("the export", made)
        assert (export["status"], export["rows"] > 0) == ("ready", True), wanted


def test_nobody_but_managers_of_the_program_reads_it(world: World, manager: Api) -> None:
    entry = entries(manager)[0]["entry_id"]
    for person in world.people:
        if person.role is Role.MANAGER and person.home:
            continue
        answer = person.api.get(f"/audit/{entry}")
        assert answer.status in (401, 403, 404), person.who
        listing = person.api.get("/audit")
        assert listing.status in (401, 403) or entry not in str(listing.raw), person.who
