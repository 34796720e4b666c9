"""Rewards and points in a browser: choose, redeem, fulfil, reject; give points; and no trace."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.managers import manage, menu
from tests.console.members import DESKTOP, People, Somebody
from tests.e2e.waiting import wait_for
from tests.pictures import png


def rich(people: People, name: str, points: int) -> Somebody:
    somebody = people.member(name)
    given = {"amount": points, "reason": "Spoke at the fair"}
    answer = people.manager.post(f"/members/{somebody.member_id}/points", given)
    assert answer.status == 201, answer.body
    return somebody


def offered(people: People, title: str, **wanted: Any) -> str:
    made = people.manager.post("/rewards", {"title": title, "price": 40, **wanted})
    assert made.status == 201, made.body
    return str(made.body["reward_id"])


def test_a_member_sees_what_is_missing_redeems_and_copies_the_code(people: People) -> None:
    ana = rich(people, "Ana Ferreira", 60)
    offered(people, "Green mug")
    offered(people, "Day off", price=100)
    with people.visit() as visit:
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = ana.signed_in(visit, "/rewards")
        day_off = page.get_by_role("article", name="Day off")
        expect(day_off).to_contain_text("You need 40 more points")
        page.get_by_role("button", name="Redeem Green mug").click()
        dialog = page.get_by_role("dialog", name="Redeem Green mug?")
        expect(dialog).to_contain_text("20")
        dialog.get_by_role("button", name="Not now").click()
        assert ana.api.get("/redemptions").body["items"] == []

        page.get_by_role("button", name="Redeem Green mug").click()
        page.get_by_role("dialog").get_by_role("button", name="Redeem for 40 points").click()
        expect(page.get_by_text("You requested Green mug")).to_be_visible()
        requests = page.get_by_role("region", name="Your requests")
        expect(requests).to_contain_text("Requested")
        expect(page.get_by_role("link", name="20 points")).to_be_visible()
        expect(page.get_by_role("article", name="Green mug")).to_contain_text("20 more points")

        (asked,) = ana.api.get("/redemptions").body["items"]
        told = {"code": "MUG-7Q4K", "note": "At the desk"}
        path = f"/redemptions/{asked['redemption_id']}/fulfil"
        assert people.manager.post(path, told).status == 200
        page.reload()
        expect(requests).to_contain_text("At the desk")
        requests.get_by_role("button", name="MUG-7Q4K").click()
        expect(page.get_by_text("Code copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "MUG-7Q4K"


def test_a_price_that_changed_meanwhile_is_not_paid_but_shown(people: People) -> None:
    ana, reward_id = rich(people, "Ana Ferreira", 200), offered(people, "Voucher")
    with people.visit(intercepting=True) as visit:
        page = ana.signed_in(visit, "/rewards")

        def change(route: Route) -> None:
            """The price changes before the dialog has looked at it, and after it was shown."""
            changed = {"version": 1, "price": 55}
            assert people.manager.patch(f"/rewards/{reward_id}", changed).status == 200
            route.continue_()

        page.route("**/v1/offers/*", change, times=1)
        with page.expect_response("**/v1/offers/*") as standing:
            page.get_by_role("button", name="Redeem Voucher").click()
        assert standing.value.json()["price"] == 55
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Redeem for 40 points")).to_be_visible()
        expect(dialog.get_by_role("alert")).to_have_count(0)
        dialog.get_by_role("button", name="Redeem for 40 points").click()
        expect(dialog.get_by_role("alert")).to_contain_text("It costs 55 points now")
        dialog.get_by_role("button", name="Redeem for 55 points").click()
        expect(page.get_by_text("You requested Voucher")).to_be_visible()
    assert ana.api.get("/me").body["points"]["balance"] == 145


def test_a_members_points_say_what_each_was_for(people: People) -> None:
    ana, reward_id = rich(people, "Ana Ferreira", 60), offered(people, "Scarf")
    assert ana.api.post(f"/rewards/{reward_id}/redeem", {"price": 40}).status == 201
    with people.visit() as visit:
        page = ana.signed_in(visit)
        page.get_by_role("link", name="20 points").click()
        expect(page.get_by_role("heading", name="Your points")).to_be_visible()
        lines = page.get_by_role("main").get_by_role("listitem")
        expect(lines.nth(0)).to_contain_text("Scarf")
        expect(lines.nth(0)).to_contain_text("\N{MINUS SIGN}40")
        expect(lines.nth(1)).to_contain_text("Spoke at the fair")
        expect(lines.nth(1)).to_contain_text("+60")


def test_a_manager_gives_and_takes_points_and_sees_why_they_are_there(people: People) -> None:
    rich(people, "Perla Conti", 30)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members?search=Perla")
        menu(page, "Perla Conti", "Points")
        dialog = page.get_by_role("dialog", name="Points of Perla Conti")
        expect(dialog).to_contain_text("Spoke at the fair")
        dialog.get_by_role("button", name="Give points").click()
        expect(dialog.get_by_text("A whole number from 1")).to_be_visible()
        expect(dialog.get_by_text("Say why: the member reads it.")).to_be_visible()
        dialog.get_by_label("Take points").check()
        dialog.get_by_label("How many").fill("31")
        dialog.get_by_label("Reason").fill("Counted twice")
        dialog.get_by_role("button", name="Take points").click()
        expect(dialog.get_by_role("alert")).to_contain_text("only 30 points")
        dialog.get_by_label("How many").fill("10")
        dialog.get_by_role("button", name="Take points").click()
        expect(page.get_by_text("Perla Conti has 20 points now.")).to_be_visible()


def filled_in(page: Page, **texts: str) -> None:
    for label, text in texts.items():
        page.get_by_label(label.replace("_", " "), exact=False).first.fill(text)


def test_a_manager_offers_a_reward_with_a_picture_beside_its_preview(
    people: People, tmp_path: Path
) -> None:
    picture, other = tmp_path / "mug.png", tmp_path / "page.png"
    picture.write_bytes(png(320, 200))
    other.write_bytes(b"<!doctype html><script>alert(1)</script>")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/rewards/new")
        preview = page.get_by_role("region", name="What members see")
        page.get_by_role("button", name="Offer it").click()
        expect(page.get_by_text("Give it a title.")).to_be_visible()
        filled_in(page, Title="Pictured mug", Description="In green", Price="45", Pieces="3")
        expect(preview).to_contain_text("Pictured mug")
        expect(preview).to_contain_text("Only 3 left")
        page.locator("main input[type=file]").set_input_files(other)
        expect(page.get_by_text("This is not a JPEG or PNG.")).to_be_visible()
        page.locator("main input[type=file]").set_input_files(picture)
        expect(preview.locator("img")).to_have_js_property("naturalWidth", 320)
        page.get_by_role("button", name="Offer it").click()
        expect(page.get_by_text("Pictured mug is on offer.")).to_be_visible()
        row = page.get_by_role("row").filter(has_text="Pictured mug")
        expect(row.locator("img")).to_have_js_property("naturalWidth", 320)
        expect(row).to_contain_text("0 of 3 taken")

        page.get_by_role("link", name="Pictured mug").click()
        page.get_by_label("Price").fill("50")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        page.get_by_role("button", name="Archive").click()
        expect(page.get_by_text("Archived", exact=True)).to_be_visible()
    kept = people.manager.get("/rewards", archived="true").body["items"]
    (mug,) = [each for each in kept if each["title"] == "Pictured mug"]
    assert (mug["price"], mug["stock"], mug["picture"]["width"]) == (50, 3, 320)


def test_a_picture_that_was_chosen_stays_when_somebody_else_changed_the_reward(
    people: People, tmp_path: Path
) -> None:
    picture = tmp_path / "mug.png"
    picture.write_bytes(png(320, 200))
    reward_id = offered(people, "Contested mug")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/rewards/{reward_id}")
        preview = page.get_by_role("region", name="What members see")
        page.locator("main input[type=file]").set_input_files(picture)
        expect(preview.locator("img")).to_have_js_property("naturalWidth", 320)
        page.get_by_label("Pieces").fill("4")
        changed = {"version": 1, "price": 55, "title": "Their mug", "stock": 9}
        assert people.manager.patch(f"/rewards/{reward_id}", changed).status == 200
        page.get_by_role("button", name="Save", exact=True).click()
        dialog = page.get_by_role("dialog", name="Somebody else changed this")
        expect(dialog).to_contain_text("Their mug")
        expect(preview.locator("img")).to_have_js_property("naturalWidth", 320)
        dialog.get_by_label("Theirs").check()
        dialog.get_by_role("button", name="Save it like this").click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        expect(page.get_by_label("Price")).to_have_value("55")
        expect(preview).to_contain_text("Their mug")
        expect(preview.locator("img")).to_have_js_property("naturalWidth", 320)
    kept = people.manager.get(f"/rewards/{reward_id}").body
    assert (kept["title"], kept["price"], kept["picture"]["width"]) == ("Their mug", 55, 320)
    assert kept["stock"] == 9


def test_more_requests_than_a_page_are_counted_as_so_many_or_more(people: People) -> None:
    ana, reward_id = rich(people, "Ana Ferreira", 30), offered(people, "Sticker", price=1)
    waiting = len(people.manager.get("/redemptions/queue", limit="100").body["items"]) + 26
    made = [ana.api.post(f"/rewards/{reward_id}/redeem", {"price": 1}) for _ in range(26)]
    assert {each.status for each in made} == {201}

    def counted() -> bool:
        items = people.manager.get("/worklist").body["items"]
        return ("redemption_waiting", waiting) in [(each["code"], each["count"]) for each in items]

    try:
        wait_for("the worklist counting all requests", counted)
        with people.visit(DESKTOP) as visit:
            page = manage(people, visit)
            item = page.get_by_role("region", name="Needs a hand").get_by_role("listitem")
            expect(item.filter(has_text=f"{waiting} redemptions are waiting")).to_have_count(1)
            page.goto(f"{visit.origin}/manage/rewards")
            page.get_by_role("link", name="25 or more requests are waiting").click()
            expect(page.get_by_role("row").filter(has_text="for 1 point").first).to_be_visible()
    finally:  # others look for theirs on the first page
        for each in made:
            path = f"/redemptions/{each.body['redemption_id']}/fulfil"
            assert people.manager.post(path, {}).status == 200


def test_a_stock_below_what_is_taken_is_refused_at_its_field(people: People) -> None:
    ana, reward_id = rich(people, "Ana Ferreira", 90), offered(people, "Socks", stock=3)
    for _ in range(2):
        assert ana.api.post(f"/rewards/{reward_id}/redeem", {"price": 40}).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/rewards/{reward_id}")
        expect(page.get_by_text("2 pieces are requested or handed out")).to_be_visible()
        page.get_by_label("Pieces").fill("1")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("2 are already requested or handed out")).to_be_visible()


@pytest.mark.parametrize("how", ["fulfil", "reject"])
def test_a_manager_decides_a_request_with_words_for_its_member(people: People, how: str) -> None:
    name, title = f"Dana {how.upper()}", f"Bag {how.upper()}"
    member, reward_id = rich(people, name, 60), offered(people, title)
    assert member.api.post(f"/rewards/{reward_id}/redeem", {"price": 40}).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/rewards")
        page.get_by_role("link", name=re.compile("request")).click()
        row = page.get_by_role("row").filter(has_text=name)
        if how == "fulfil":
            row.get_by_role("button", name="Fulfil:").click()
            page.get_by_role("dialog").get_by_label("Code").fill("BAG-1")
            page.get_by_role("dialog").get_by_role("button", name="Fulfil", exact=True).click()
        else:
            row.get_by_role("button", name="Reject:").click()
            page.get_by_role("dialog").get_by_role("button", name="Reject", exact=True).click()
            expect(page.get_by_text("Say why: the member reads it.")).to_be_visible()
            page.get_by_role("dialog").get_by_label("Reason").fill("No bags left")
            page.get_by_role("dialog").get_by_role("button", name="Reject", exact=True).click()
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Fulfilled" if how == "fulfil" else "Rejected").click()
        expect(row).to_contain_text("BAG-1" if how == "fulfil" else "No bags left")
    assert member.api.get("/me").body["points"]["balance"] == (20 if how == "fulfil" else 60)


def test_a_request_of_a_removed_member_says_so_before_and_after_it_is_decided(
    people: People,
) -> None:
    reward_id = offered(people, "Farewell mug")
    names = ("Fay Fulfilled", "Rex Rejected")
    gone = [rich(people, name, 60) for name in names]
    for each in gone:
        assert each.api.post(f"/rewards/{reward_id}/redeem", {"price": 40}).status == 201
        assert people.manager.delete(f"/members/{each.member_id}").status == 204

    def noted() -> bool:
        asked = people.manager.get("/redemptions/queue", limit="100").body["items"]
        removed = {each["member_id"] for each in asked if each["member_removed"]}
        return {each.member_id for each in gone} <= removed

    wait_for("the requests saying that their members are removed", noted)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/redemptions")
        for name, act in zip(names, ("Fulfil", "Reject"), strict=True):
            row = page.get_by_role("row").filter(has_text=name)
            expect(row).to_contain_text("No longer a member")
            row.get_by_role("button", name=f"{act}:").click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("No longer a member.")
            expect(dialog.get_by_text("on offer again")).to_have_count(0)
            if act == "Reject":
                dialog.get_by_label("Reason").fill("Left the company")
            dialog.get_by_role("button", name=act, exact=True).click()
            told = page.get_by_text(f"{name} will see it only if they come back.")
            expect(told).to_be_visible()
            expect(row).to_have_count(0)
        page.get_by_role("button", name="Rejected").click()
        row = page.get_by_role("row").filter(has_text="Rex Rejected")
        expect(row).to_contain_text("No longer a member")


def test_switched_off_rewards_leave_no_trace_but_what_waits(people: People) -> None:
    """For members none at all; a manager finds the requests that wait in the settings."""
    ana, reward_id = rich(people, "Ana Ferreira", 60), offered(people, "Waiting one")
    assert ana.api.post(f"/rewards/{reward_id}/redeem", {"price": 40}).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/program")
        try:
            page.get_by_role("switch", name="Rewards").uncheck()
            page.get_by_role("button", name="Save", exact=True).click()
            expect(page.get_by_text("Saved", exact=True)).to_be_visible()
            navigation = page.get_by_role("navigation").first
            expect(navigation.get_by_role("link", name="Rewards")).to_have_count(0)
            page.get_by_role("link", name="See them").click()
            row = page.get_by_role("row").filter(has_text="Waiting one")
            expect(page.get_by_text("Members no longer see codes and notes")).to_be_visible()
            row.get_by_role("button", name="Fulfil:").click()
            page.get_by_role("dialog").get_by_role("button", name="Fulfil", exact=True).click()
            expect(page.get_by_text("Fulfilled. Tell Ana Ferreira yourself.")).to_be_visible()
            page.goto(f"{visit.origin}/manage/webhooks?new")
            events = page.get_by_role("dialog").get_by_role("group", name="Events")
            expect(events.get_by_label("points.adjusted")).to_be_visible()
            expect(events.get_by_label(re.compile("reward|redemption"))).to_have_count(0)
            page.goto(f"{visit.origin}/manage/audit")
            acts = page.get_by_role("main").get_by_role("combobox").first.get_by_role("option")
            expect(acts.filter(has_text="points")).not_to_have_count(0)
            expect(acts.filter(has_text=re.compile("reward|request for|picture"))).to_have_count(0)
            no_trace_for_a_member(people, ana)
        finally:
            assert people.manager.patch("/program", {"rewards": True}).status == 200


def no_trace_for_a_member(people: People, ana: Somebody) -> None:
    """But what she is told of her request; it leads to her points."""
    with people.visit() as visit:
        page = ana.signed_in(visit, "/rewards")
        expect(page.get_by_text("There is nothing here")).to_be_visible()
        expect(page.get_by_role("link", name="Rewards")).to_have_count(0)
        page.goto(f"{visit.origin}/settings")
        expect(page.get_by_label("My points changed")).to_be_visible()
        expect(page.get_by_label("My rewards")).to_have_count(0)
        page.goto(f"{visit.origin}/notifications")
        ready = page.get_by_role("main").get_by_role("link", name="Your reward is ready")
        while ready.count() == 0:  # events take some seconds
            page.wait_for_timeout(500)
            page.reload()
            expect(page.get_by_role("heading", name="Notices")).to_be_visible()
        ready.click()
        expect(page).to_have_url(f"{visit.origin}/points")
        expect(page.get_by_text("earned in all")).to_be_visible()
        expect(page.get_by_text("to spend")).to_have_count(0)
        expect(page.get_by_role("link", name="To the rewards")).to_have_count(0)


def test_a_manager_is_warned_when_nobody_handles_requests(people: People) -> None:
    """And led to where somebody is chosen."""
    leaving = people.member("Lea Brandt")
    path = f"/members/{leaving.member_id}"
    for role in ("manager", "member"):
        assert people.manager.patch(path, {"role": role}).status == 200
        if role == "manager":
            named = people.manager.patch("/program", {"fulfillers": [leaving.member_id]})
            assert named.status == 200, named.body
    try:
        with people.visit(DESKTOP) as visit:
            page = manage(people, visit, "/manage/rewards")
            expect(page.get_by_text("Nobody handles requests")).to_be_visible()
            page.get_by_role("link", name="Choose somebody").click()
            expect(page).to_have_url(re.compile(r"/manage/program"))
            expect(
                page.get_by_role("group", name=re.compile("requests", re.IGNORECASE))
            ).to_be_visible()
    finally:
        assert people.manager.patch("/program", {"fulfillers": []}).status == 200


def test_an_activitys_bonus_is_typed_kept_and_seen_on_its_card(people: People) -> None:
    ana = people.member()
    activity = people.activity_for(ana, posted_bonus=15)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        expect(page.get_by_role("article").first).to_contain_text("+15 when posted")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/activities/{activity}")
        bonus = page.get_by_label("Posted bonus")
        expect(bonus).to_have_value("15")
        bonus.fill("20")
        page.get_by_role("button", name="Save", exact=True).first.click()
        expect(page.get_by_text("+20 when posted")).to_be_visible()
    assert people.manager.activity(activity)["posted_bonus"] in (15, 20)
