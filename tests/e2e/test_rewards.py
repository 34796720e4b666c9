"""Rewards over HTTP: the last pieces, races on each request, pictures, and no trace once off."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import TIMEOUT_SECONDS, Answer, Api, Witness, new_key, post_form
from tests.e2e.tiktok_members import TikTokMembers, gather
from tests.e2e.waiting import wait_for
from tests.pictures import jpeg, png

MANY, PIECES, PRICE = 64, 10, 30
AT_ONCE = 8


@pytest.fixture(scope="module")
def shop(deployed: DeployedStack, witness: Witness) -> TikTokMembers:
    """A program of its own, whose members have points to spend."""
    found = gather(deployed, witness, MANY)
    assert found.manager.get("/me").status == 200
    return found


def all_at_once[Found](
    threads: int, work: Callable[[Any], Found], on: list[Any] | range
) -> list[Found]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, on))


def give(manager: Api, api: Api, amount: int) -> str:
    member_id = str(api.get("/me").body["member_id"])
    body = {"amount": amount, "reason": "To spend"}
    assert manager.post(f"/members/{member_id}/points", body).status == 201
    return member_id


def reward(manager: Api, **wanted: Any) -> Any:
    made = manager.post("/rewards", {"title": "Mug", "price": PRICE, **wanted})
    assert made.status == 201, made.body
    return made.body


def redeem(api: Api, reward_id: str, price: int = PRICE, key: str | None = None) -> Answer:
    return api.post(f"/rewards/{reward_id}/redeem", {"price": price}, key)


def test_of_64_members_for_the_last_10_pieces_exactly_10_get_one_and_nobody_else_pays(
    shop: TikTokMembers,
) -> None:
    people = [each.api for each in shop.waiting]
    assert len(people) == MANY
    all_at_once(AT_ONCE, lambda api: give(shop.manager, api, 40), people)
    mug = reward(shop.manager, stock=PIECES, per_member=1)["reward_id"]

    def insists(api: Api) -> tuple[int, str | None]:
        """Ask again where others were at the stock at the same instant, as a person does."""
        key = new_key()
        while True:
            answer = redeem(api, mug, key=key)
            if answer.code != "changed_meanwhile":
                return answer.problem

    answers = all_at_once(AT_ONCE * 2, insists, people)
    assert Counter(answers) == {(201, None): PIECES, (409, "reward_sold_out"): MANY - PIECES}
    balances = all_at_once(AT_ONCE, lambda api: api.get("/me").body["points"], people)
    right = [{"balance": 10 if won == (201, None) else 40, "earned": 40} for won in answers]
    assert balances == right
    assert shop.manager.get(f"/rewards/{mug}").body["taken"] == PIECES
    waiting = [each for page in shop.manager.pages("/redemptions/queue", 7) for each in page]
    assert len([each for each in waiting if each["reward_id"] == mug]) == PIECES
    (offer,) = [each for each in people[0].get("/offers").body["items"] if each["reward_id"] == mug]
    assert offer["left"] == 0


@pytest.fixture
def rich(shop: TikTokMembers) -> Api:
    """A member with 100 points more than they had."""
    api = shop.waiting[0].api
    give(shop.manager, api, 100)
    return api


def balance(api: Api) -> int:
    return int(api.get("/me").body["points"]["balance"])


def test_one_member_who_presses_many_times_at_once_pays_once_for_each_piece_within_their_limit(
    shop: TikTokMembers, rich: Api
) -> None:
    before, mug = balance(rich), reward(shop.manager, per_member=2, price=1)["reward_id"]
    key = new_key()
    same = all_at_once(8, lambda _: redeem(rich, mug, 1, key), range(8))
    assert {each.problem for each in same} <= {(201, None), (409, "request_in_progress")}
    others = all_at_once(8, lambda _: redeem(rich, mug, 1, new_key()).problem, range(8))
    won = [each for each in others if each == (201, None)]
    assert (len(won), balance(rich)) == (1, before - 2)
    assert {each for each in others if each not in won} <= {
        (409, "reward_limit_reached"),
        (409, "changed_meanwhile"),
    }
    own = rich.get(f"/offers/{mug}").body
    assert (own["taken"], own["balance"]) == (2, before - 2)


@pytest.mark.parametrize("turn", range(3))
def test_a_request_that_is_fulfilled_and_rejected_at_once_is_decided_once(
    shop: TikTokMembers, rich: Api, turn: int
) -> None:
    before, mug = balance(rich), reward(shop.manager, stock=3)["reward_id"]
    made = redeem(rich, mug).body["redemption_id"]

    def decide(number: int) -> tuple[int, str | None]:
        path = f"/redemptions/{made}"
        if (number + turn) % 2:
            return shop.manager.post(f"{path}/fulfil", {"code": "ABC-1"}).problem
        return shop.manager.post(f"{path}/reject", {"reason": "Out of mugs"}).problem

    answers = all_at_once(AT_ONCE, decide, range(AT_ONCE))
    (seen,) = [
        each for each in rich.get("/redemptions").body["items"] if each["redemption_id"] == made
    ]
    assert seen["status"] in ("fulfilled", "rejected")
    # Of the two ways one was taken, each time it was asked for; the other was refused.
    assert answers.count((200, None)) <= AT_ONCE // 2
    assert answers.count((409, "redemption_decided")) >= AT_ONCE // 2
    assert set(answers) <= {(200, None), (409, "redemption_decided"), (409, "changed_meanwhile")}
    rejected = seen["status"] == "rejected"
    assert balance(rich) == before - (0 if rejected else PRICE)
    assert shop.manager.get(f"/rewards/{mug}").body["taken"] == (0 if rejected else 1)
    refunds = [
        each
        for each in rich.get("/points").body["items"]
        if each["source"]["source_id"] == made and each["kind"] == "refund"
    ]
    assert len(refunds) == rejected


def test_a_decided_request_stays_decided(shop: TikTokMembers, rich: Api) -> None:
    mug = reward(shop.manager)["reward_id"]
    ways: tuple[tuple[str, dict[str, str]], ...] = (
        ("fulfil", {"code": "ABC-1"}),
        ("reject", {"reason": "Out of mugs"}),
    )
    for (first, told), (second, other) in (ways, ways[::-1]):
        path = f"/redemptions/{redeem(rich, mug).body['redemption_id']}"
        for _ in range(2):  # the same again is no more
            assert shop.manager.post(f"{path}/{first}", told).status == 200
        answer = shop.manager.post(f"{path}/{second}", other)
        assert answer.problem == (409, "redemption_decided")
        assert answer.body["status_now"] == ("fulfilled" if first == "fulfil" else "rejected")


def test_bad_rewards_and_requests_are_refused_in_words(shop: TikTokMembers, rich: Api) -> None:
    manager = shop.manager
    for wanted in (
        {"price": 0},
        {"price": -1},
        {"price": 1_000_001},
        {"stock": 0},
        {"per_member": 0},
        {"title": " "},
        {"title": "x" * 101},
        {"channel_ids": ["chn_none"]},
        {"picture_id": "pic_none"},
        {"picture_id": "../secret"},
        {"ends_at": "2020-01-01T00:00"},
        {"state": "sold_out"},
    ):
        answer = manager.post("/rewards", {"title": "Mug", "price": 5, **wanted})
        assert answer.problem == (422, "invalid_request"), wanted
    dear = reward(manager, price=1_000_000)
    assert redeem(rich, dear["reward_id"], 1_000_000).problem == (409, "balance_too_low")
    assert redeem(rich, dear["reward_id"], 5).problem == (409, "reward_changed")
    path = f"/rewards/{dear['reward_id']}"
    assert manager.patch(path, {"version": 9, "price": 1}).problem == (409, "changed_meanwhile")
    assert manager.patch(path, {"version": 1, "state": "archived"}).status == 200
    assert redeem(rich, dear["reward_id"], 1_000_000).problem == (409, "reward_not_on_offer")
    for listing in ("/redemptions", "/redemptions/queue", "/rewards"):
        assert manager.get(listing, cursor="made-up").problem == (400, "invalid_cursor")


def test_a_program_has_a_hundred_rewards_at_most(deployed: DeployedStack, witness: Witness) -> None:
    manager = gather(deployed, witness, 0).manager
    made = all_at_once(8, lambda number: reward(manager, title=f"No. {number}"), range(100))
    assert manager.post("/rewards", {"title": "Mug", "price": 5}).problem == (409, "limit_reached")
    first = made[0]
    path = f"/rewards/{first['reward_id']}"
    assert manager.patch(path, {"version": 1, "state": "archived"}).status == 200
    reward(manager)
    assert manager.patch(path, {"version": 2, "state": "active"}).problem == (409, "limit_reached")
    archived = manager.get("/rewards", archived="true").body["items"]
    assert [each["reward_id"] for each in archived] == [first["reward_id"]]


# --- pictures -----------------------------------------------------------------------------------


def ask_picture(manager: Api, content_type: str) -> Any:
    answer = manager.post("/rewards/pictures", {"content_type": content_type})
    assert answer.status == 201, answer.body
    return answer.body


@pytest.mark.parametrize(
    ("content", "content_type"), [(png(400, 300), "image/png"), (jpeg(400, 300), "image/jpeg")]
)
def test_a_picture_is_served_as_what_it_is_and_never_guessed_at(
    shop: TikTokMembers, content: bytes, content_type: str
) -> None:
    asked = ask_picture(shop.manager, content_type)
    posted = post_form(asked["form"]["url"], asked["form"]["fields"], content)
    assert posted.status_code == 204, posted.text
    shop.manager.witness.forms_used.append(asked["form"]["fields"])
    made = reward(shop.manager, picture_id=asked["picture_id"])
    picture = made["picture"]
    assert (picture["content_type"], picture["width"], picture["height"]) == (
        content_type,
        400,
        300,
    )
    got = requests.get(picture["url"], timeout=TIMEOUT_SECONDS)
    assert (got.status_code, got.content) == (200, content)
    assert got.headers["Content-Type"] == content_type
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert picture["url"].startswith(shop.manager.url.removesuffix("/v1"))


def test_a_picture_that_is_replaced_is_soon_gone_and_nothing_of_its_camera_is_ever_served(
    shop: TikTokMembers,
) -> None:
    place = b"52.5163 N 13.3777 E"
    told = b"\xff\xe1" + (2 + len(place)).to_bytes(2, "big") + place
    taken = b"\xff\xd8" + told + jpeg(300, 200)[2:]

    def shown(content: bytes, reward_id: str | None = None, version: int = 1) -> Any:
        asked = ask_picture(shop.manager, "image/jpeg")
        assert post_form(asked["form"]["url"], asked["form"]["fields"], content).status_code == 204
        shop.manager.witness.forms_used.append(asked["form"]["fields"])
        if reward_id is None:
            return reward(shop.manager, picture_id=asked["picture_id"])
        change = {"version": version, "picture_id": asked["picture_id"]}
        answer = shop.manager.patch(f"/rewards/{reward_id}", change)
        assert answer.status == 200, answer.body
        return answer.body

    made = shown(taken)
    first = made["picture"]["url"]
    got = requests.get(first, timeout=TIMEOUT_SECONDS)
    assert (got.status_code, got.content) == (200, jpeg(300, 200))
    assert place not in got.content
    second = shown(jpeg(320, 200), made["reward_id"])["picture"]["url"]

    def gone() -> bool:
        answer = requests.get(first, timeout=TIMEOUT_SECONDS)
        return answer.headers.get("Content-Type") != "image/jpeg"

    wait_for("the removal of a replaced picture", gone)
    assert requests.get(second, timeout=TIMEOUT_SECONDS).content == jpeg(320, 200)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (png(20_000, 60), "too_many_pixels"),
        (png(100, 100) + b"<script>", "damaged_picture"),
    ],
)
def test_a_file_that_is_no_fit_picture_is_not_taken(
    shop: TikTokMembers, content: bytes, code: str | None
) -> None:
    asked = ask_picture(shop.manager, "image/png")
    assert post_form(asked["form"]["url"], asked["form"]["fields"], content).status_code == 204
    shop.manager.witness.forms_used.append(asked["form"]["fields"])
    answer = shop.manager.post(
        "/rewards", {"title": "Mug", "price": 5, "picture_id": asked["picture_id"]}
    )
    assert answer.problem == (422, "invalid_request")
    (error,) = answer.body["errors"]
    assert (error["field"], error["code"]) == ("picture_id", code or "unsupported_picture")


def test_a_form_takes_a_megabyte_and_no_more(shop: TikTokMembers) -> None:
    asked = ask_picture(shop.manager, "image/png")
    fields = asked["form"]["fields"]
    assert post_form(asked["form"]["url"], fields, bytes(1_048_577)).status_code in (400, 403)
    other = {**fields, "Content-Type": "text/html"}
    assert post_form(asked["form"]["url"], other, b"<html>").status_code == 403
    shop.manager.witness.forms_used.append(fields)


def test_videos_are_not_served_where_pictures_are(
    shop: TikTokMembers, deployed: DeployedStack
) -> None:
    """Not by climbing out of their folder either."""
    origin = shop.manager.url.removesuffix("/v1")
    for path in ("/pictures/../videos/x", "/pictures/%2e%2e/videos/x", "/videos/x", "/pictures/x"):
        got = requests.get(f"{origin}{path}", timeout=TIMEOUT_SECONDS)
        assert got.status_code in (403, 404) or "<!doctype html" in got.text.lower(), path


# --- switched off -------------------------------------------------------------------------------


@contextmanager
def off(manager: Api, member: Api) -> Iterator[None]:
    """Switch rewards off; within a minute it is so everywhere."""
    assert manager.patch("/program", {"rewards": False}).status == 200
    try:
        wait_for(
            "Rewards being off everywhere",
            lambda: member.get("/offers").status == 404 or None,
        )
        yield
    finally:
        assert manager.patch("/program", {"rewards": True}).status == 200


def test_switched_off_rewards_leave_no_trace_and_what_waits_can_be_closed(
    shop: TikTokMembers, rich: Api
) -> None:
    mug = reward(shop.manager)["reward_id"]
    first, second = (redeem(rich, mug).body["redemption_id"] for _ in range(2))
    before = balance(rich)
    with off(shop.manager, rich):
        asked = [
            rich.get("/offers"),
            rich.get(f"/offers/{mug}"),
            rich.get("/redemptions"),
            redeem(rich, mug),
            shop.manager.get("/rewards"),
            shop.manager.get(f"/rewards/{mug}"),
            shop.manager.post("/rewards", {"title": "Mug", "price": 5}),
            shop.manager.post("/rewards/pictures", {"content_type": "image/png"}),
            shop.manager.patch(f"/rewards/{mug}", {"version": 1, "price": 5}),
        ]
        assert {each.problem for each in asked} == {(404, "not_found")}
        assert rich.get("/me").body["program"]["rewards"] is False
        waiting = shop.manager.get("/redemptions/queue", limit=100).body["items"]
        assert {first, second} <= {each["redemption_id"] for each in waiting}
        path = f"/redemptions/{first}/fulfil"
        assert shop.manager.post(path, {"note": "At the desk"}).status == 200
        path = f"/redemptions/{second}/reject"
        assert shop.manager.post(path, {"reason": "Rewards are over"}).status == 200
        assert balance(rich) == before + PRICE


def test_a_request_says_that_its_member_is_removed_until_they_are_back(
    shop: TikTokMembers,
) -> None:
    manager, leaver = shop.manager, shop.waiting[2].api
    member_id = give(manager, leaver, PRICE)
    before = balance(leaver)
    asked = redeem(leaver, reward(manager)["reward_id"]).body["redemption_id"]

    def removed() -> bool:
        found = manager.get("/redemptions/queue", limit=100).body["items"]
        said = {each["redemption_id"]: each["member_removed"] for each in found}
        return bool(said[asked])

    assert removed() is False
    assert manager.delete(f"/members/{member_id}").status == 204
    wait_for("the request saying that its member is removed", removed)
    assert manager.post("/members", {"email": leaver.email}).status == 201
    wait_for("the request saying that its member is back", lambda: not removed())
    rejected = manager.post(f"/redemptions/{asked}/reject", {"reason": "Just trying"})
    assert (rejected.status, rejected.body["member_removed"]) == (200, False)
    assert balance(leaver) == before


def test_managers_who_fulfil_are_named_and_strangers_are_not(shop: TikTokMembers) -> None:
    manager = shop.manager
    own = manager.get("/me").body["member_id"]
    named = manager.patch("/program", {"fulfillers": [own]})
    assert (named.body["fulfillers"], named.body["nobody_fulfils"]) == ([own], False)
    member = shop.waiting[1].member_id
    answer = manager.patch("/program", {"fulfillers": [member]})
    assert answer.problem == (422, "invalid_request")
    assert answer.body["errors"][0]["code"] == "not_a_manager"
    assert manager.patch("/program", {"fulfillers": []}).body["fulfillers"] == []
