"""Changes made elsewhere neither close an open dialog nor replace the entries of an open menu."""

import re
import secrets
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.console.managers import manage, menu
from tests.console.members import DESKTOP, People, Visit, connected
from tests.console.test_member import SEND

AWAY_MS = 20_000  # longer than an answer is taken for fresh: see staleTime in api/queries.ts


def with_clock(visit: Visit) -> Visit:
    """Let the tabs of a visit have a clock that can be put forward."""
    visit.context.clock.install()
    return visit


def come_back(page: Page, reads: str) -> None:
    """Come back to a tab after a while: what it shows is read anew, and the answer is there."""
    page.clock.fast_forward(AWAY_MS)
    with page.expect_request_finished(lambda each: bool(re.search(reads, each.url))):
        page.evaluate("dispatchEvent(new Event('visibilitychange'))")


def webhook(people: People, **more: str) -> Any:
    body = {"name": f"Hook {secrets.token_hex(3)}", "url": "https://hooks.example/races", **more}
    made = people.manager.post("/webhooks", body)
    assert made.status == 201, made.body
    return made.body


def alone_in_a_campaign(people: People) -> tuple[Any, str]:
    """An activity, and the address of a list that has nothing else."""
    named = {"name": f"Alone {secrets.token_hex(3)}"}
    campaign = people.manager.post("/campaigns", named).body["campaign_id"]
    activity = people.manager.create(
        people.upload_id, instructions=f"Alone {secrets.token_hex(3)}", campaign_id=campaign
    )
    return activity, f"/manage/activities?campaign={campaign}"


def archived(people: People, activity: Any) -> None:
    path = f"/activities/{activity['activity_id']}"
    now = people.manager.get(path).body
    answer = people.manager.post(f"{path}/archive", {"version": now["version"]})
    assert answer.status == 200, answer.body


def test_a_question_about_an_activity_stays_when_its_list_becomes_empty(people: People) -> None:
    activity, path = alone_in_a_campaign(people)
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), path)
        menu(page, activity["instructions"], "End now")
        dialog = page.get_by_role("dialog", name="End it now?")
        expect(dialog).to_contain_text(activity["instructions"])
        archived(people, activity)
        come_back(page, r"/v1/activities\?")
        expect(page.locator("main h2", has_text="Nothing here")).to_be_attached()
        expect(dialog).to_contain_text(activity["instructions"])
        # What has been archived has ended, so there is nothing left to do.
        dialog.get_by_role("button", name="End now").click()
        expect(dialog).to_have_count(0)
    path = f"/activities/{activity['activity_id']}"
    assert people.manager.get(path).body["status"] == "archived"


def test_an_entry_of_an_open_menu_is_not_swapped_under_the_finger(people: People) -> None:
    hook = webhook(people)
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), "/manage/webhooks")
        row = page.locator("main tr", has_text=hook["name"])
        row.get_by_role("button", name="Actions:").click()
        entry = page.get_by_role("menuitem", name="Pause")
        expect(entry).to_be_visible()
        paused = {"version": hook["version"], "state": "paused"}
        assert people.manager.patch(f"/webhooks/{hook['webhook_id']}", paused).status == 200
        come_back(page, r"/v1/webhooks$")
        expect(row).to_contain_text("Paused")
        expect(page.get_by_role("menuitem", name="Switch on")).to_have_count(0)
        entry.click()
        # It was meant for what was seen: nothing is switched on by it.
        expect(page.get_by_role("status").filter(has_text="Reference")).to_be_visible()
        row.get_by_role("button", name="Actions:").click()
        expect(page.get_by_role("menuitem", name="Switch on")).to_be_visible()
    assert people.manager.get(f"/webhooks/{hook['webhook_id']}").body["state"] == "paused"


def test_a_secret_that_is_shown_once_stays_when_its_webhook_is_removed(people: People) -> None:
    hook = webhook(people, format="json")
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), "/manage/webhooks")
        menu(page, hook["name"], "New secret")
        dialog = page.get_by_role("dialog", name=f"The secret of {hook['name']}")
        dialog.get_by_role("button", name="New secret").click()
        secret = dialog.get_by_label("New secret")
        expect(secret).to_have_value(re.compile("^whsec_"))
        assert people.manager.delete(f"/webhooks/{hook['webhook_id']}").status == 204
        # What the new secret had read anew may have been on its way since before the removal.
        come_back(page, r"/v1/webhooks$")
        come_back(page, r"/v1/webhooks$")
        expect(page.locator("main tr", has_text=hook["name"])).to_have_count(0)
        expect(secret).to_have_value(re.compile("^whsec_"))


def test_a_webhook_that_somebody_else_changed_is_not_written_over(people: People) -> None:
    hook = webhook(people)
    at = f"/webhooks/{hook['webhook_id']}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), "/manage/webhooks")
        menu(page, hook["name"], "Edit")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill(f"{hook['name']} mine")
        theirs = {"version": hook["version"], "types": ["member.left"]}
        assert people.manager.patch(at, theirs).status == 200
        come_back(page, r"/v1/webhooks$")
        dialog.get_by_role("button", name="Save").click()
        both = page.get_by_role("dialog", name="Somebody else changed this")
        expect(both).to_contain_text("Events")
        assert people.manager.get(at).body["name"] == hook["name"]
        both.get_by_role("button", name="Save it like this").click()
        expect(page.get_by_text(f"{hook['name']} mine is saved.")).to_be_visible()
    assert people.manager.get(at).body["types"] == ["member.left"]


def test_a_question_about_the_last_draft_stays_when_somebody_else_removes_it(
    people: People,
) -> None:
    words = f"Only draft {secrets.token_hex(3)}"
    draft = people.manager.post("/drafts", {"instructions": words}).body["draft_id"]
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), "/manage/activities")
        page.get_by_role("button", name=f"Remove: {words}").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(words)
        assert people.manager.delete(f"/drafts/{draft}").status == 204
        come_back(page, r"/v1/drafts$")
        expect(page.get_by_role("region", name="Drafts")).to_have_count(0)
        dialog.get_by_role("button", name="Remove").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("status").filter(has_text="Reference")).to_be_visible()


def test_trying_an_activity_goes_on_when_it_ends_meanwhile(people: People) -> None:
    connected(people.managing())
    activity, _ = alone_in_a_campaign(people)
    path = f"/activities/{activity['activity_id']}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), f"/manage{path}")
        begin = page.get_by_role("main").get_by_role("button", name="Try it on me")
        begin.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("This stages the video in your own TikTok inbox")
        ended = {"version": people.manager.get(path).body["version"]}
        assert people.manager.post(f"{path}/end", ended).status == 200
        come_back(page, rf"/v1{path}$")
        expect(page.get_by_text("Ended", exact=True).first).to_be_attached()
        expect(dialog).to_contain_text("This stages the video in your own TikTok inbox")
        dialog.get_by_role("button", name="Not now").click()
        expect(begin).to_have_count(0)


def test_an_account_that_another_tab_disconnects_takes_no_question_away(people: People) -> None:
    ana = connected(people.member())
    with people.visit() as visit:
        page = ana.signed_in(with_clock(visit), "/settings")
        page.get_by_role("button", name="Disconnect").click()
        dialog = page.get_by_role("dialog", name=re.compile("Disconnect"))
        expect(dialog).to_be_visible()
        assert ana.api.delete("/tiktok/account").status == 204
        come_back(page, r"/v1/tiktok/account$")
        expect(page.get_by_text("Add your TikTok account")).to_have_count(0)
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Disconnect").click()
        expect(
            dialog.get_by_role("alert").or_(page.get_by_text("TikTok is disconnected"))
        ).to_be_visible()


def test_a_request_that_somebody_else_decides_takes_no_dialog_away(people: People) -> None:
    ana = people.member(f"Quick {secrets.token_hex(3)}")
    reward = people.manager.post("/rewards", {"title": "Decided twice", "price": 5}).body
    given = {"amount": 9, "reason": "To spend"}
    assert people.manager.post(f"/members/{ana.member_id}/points", given).status == 201
    asked = ana.api.post(f"/rewards/{reward['reward_id']}/redeem", {"price": 5}).body
    with people.visit(DESKTOP) as visit:
        page = manage(people, with_clock(visit), "/manage/redemptions")
        row = page.locator("main tr", has_text="Decided twice")
        row.get_by_role("button", name="Fulfil:").click()
        dialog = page.get_by_role("dialog", name="Fulfil: Decided twice")
        dialog.get_by_label("Code").fill("TYPED-1")
        path = f"/redemptions/{asked['redemption_id']}/reject"
        assert people.manager.post(path, {"reason": "Too late"}).status == 200
        come_back(page, r"/v1/redemptions/queue")
        expect(row).to_have_count(0)
        expect(dialog.get_by_label("Code")).to_have_value("TYPED-1")
        dialog.get_by_role("button", name="Fulfil", exact=True).click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        expect(dialog.get_by_label("Code")).to_have_value("TYPED-1")


def test_a_send_that_is_being_read_stays_when_the_feed_loses_its_card(people: People) -> None:
    ana = connected(people.member())
    activity = people.activity_for(ana, instructions="Gone while it is read")
    with people.visit() as visit:
        page = ana.signed_in(with_clock(visit))
        card = page.get_by_role("article")
        card.get_by_role("button", name=SEND).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Your brand")
        at = f"/activities/{activity}"
        ended = {"version": people.manager.get(at).body["version"]}
        assert people.manager.post(f"{at}/end", ended).status == 200
        come_back(page, r"/v1/feed\?")
        expect(card).to_have_count(0)
        dialog.get_by_role("checkbox").check()
        dialog.get_by_role("button", name=SEND).click()
        expect(dialog.get_by_role("alert")).to_contain_text("ended")
    assert ana.performances() == []


def test_enter_opens_no_entry_that_the_command_menu_finds_late(people: People) -> None:
    word = f"zeta{secrets.token_hex(3)}"
    people.member(f"{word} Member")
    named = {"name": f"{word} Channel", "kind": "private"}
    channel = people.manager.post("/channels", named).body["channel_id"]
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit)
        held: list[Route] = []
        # The browser's driver hangs a note on what it calls, which a list's method does not take.
        page.route(f"**/v1/members?*{word}*", lambda route: held.append(route))  # noqa: PLW0108  Playwright marks it
        page.keyboard.press("Control+k")
        page.get_by_role("combobox").fill(word)
        wanted = page.get_by_role("option", name=re.compile(f"^{word} Channel"))
        expect(wanted).to_have_attribute("aria-selected", "true")
        wanted.hover()
        while not held:
            page.wait_for_timeout(50)
        held[0].continue_()
        expect(page.get_by_role("option", name=f"{word} Member").first).to_be_visible()
        expect(wanted).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"/manage/channels/{channel}$"))


def test_the_command_menu_reads_on_until_it_finds_and_says_where_it_stopped(
    people: People,
) -> None:
    word = f"omega{secrets.token_hex(3)}"
    people.manager.create(people.upload_id, instructions=f"{word} is an old one")
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit)
        asked: list[str] = []

        def behind_a_page(route: Route) -> None:
            """The same activities on each page, of which there is no end, behind an empty one."""
            asked.append(route.request.url)
            answer = route.fetch(url=re.sub("&cursor=[^&]*", "", route.request.url))
            body = answer.json()
            items = body["items"] if "cursor=" in route.request.url else []
            route.fulfill(response=answer, json={"items": items, "next_cursor": "more"})

        page.route("**/v1/activities?limit=50*", behind_a_page)
        page.keyboard.press("Control+k")
        box = page.get_by_role("combobox")
        box.fill("nowhere to be found")
        told = page.get_by_text(re.compile(r"only the newest \d+ were searched"))
        expect(told).to_be_visible()
        assert len(asked) > 1
        box.fill(word)
        expect(page.get_by_role("option", name=f"{word} is an old one").first).to_be_visible()
