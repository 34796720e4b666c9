"""Points by hand over HTTP, and ledgers that say why."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.people import Api, new_key
from tests.e2e.tiktok_members import TikTokMembers

AT_ONCE = 8


def adjusted(manager: Api, member_id: str, amount: int, key: str | None = None) -> Any:
    body = {"amount": amount, "reason": f"By hand: {amount}"}
    return manager.post(f"/members/{member_id}/points", body, key)


def test_a_manager_gives_points_once_and_the_member_reads_why(
    tiktok_members: TikTokMembers,
) -> None:
    manager, member = tiktok_members.manager, tiktok_members.one()
    key = new_key()
    answers = [adjusted(manager, member.member_id, 40, key) for _ in range(2)]
    assert [each.status for each in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert (answers[0].body["balance"], answers[0].body["earned"]) == (40, 40)
    assert member.api.get("/me").body["points"]["balance"] == 40
    own = member.api.get("/points").body["items"]
    theirs = manager.get(f"/members/{member.member_id}/points").body["items"]
    told = ("adjustment", 40, "By hand: 40")
    assert [(each["kind"], each["points"], each["reason"]) for each in own] == [told]
    assert (own[0]["made_by"], theirs[0]["made_by"]) == (None, manager.get("/me").body["member_id"])


def test_bad_adjustments_are_refused_in_words_and_change_nothing(
    tiktok_members: TikTokMembers,
) -> None:
    manager, member = tiktok_members.manager, tiktok_members.one()
    path = f"/members/{member.member_id}/points"
    assert adjusted(manager, member.member_id, 5).status == 201
    refused = adjusted(manager, member.member_id, -6)
    assert refused.problem == (409, "balance_too_low")
    assert refused.body["balance"] == 5
    for amount, reason in ((0, "x"), (1_000_001, "x"), (-1_000_001, "x"), (5, " "), (5, "x" * 301)):
        answer = manager.post(path, {"amount": amount, "reason": reason})
        assert answer.problem == (422, "invalid_request"), (amount, reason)
    assert len(member.api.get("/points").body["items"]) == 1
    assert member.api.get("/points", cursor="made-up").problem == (400, "invalid_cursor")
    assert manager.get(path, cursor="made-up").problem == (400, "invalid_cursor")
    assert manager.delete(f"/members/{member.member_id}").status == 204
    assert adjusted(manager, member.member_id, 5).problem == (409, "member_removed")


def test_many_who_take_at_once_take_no_more_than_there_is(tiktok_members: TikTokMembers) -> None:
    manager, member = tiktok_members.manager, tiktok_members.one()
    assert adjusted(manager, member.member_id, 50).status == 201
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = list(
            threads.map(lambda _: adjusted(manager, member.member_id, -10), range(AT_ONCE))
        )
    assert sorted(each.status for each in found) == [201] * 5 + [409] * (AT_ONCE - 5)
    assert member.api.get("/me").body["points"] == {"balance": 0, "earned": 0}
    assert len(member.api.get("/points").body["items"]) == 6
