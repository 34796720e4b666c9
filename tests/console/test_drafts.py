"""Drafts in the manager's browser: continued, published and thrown away."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.console.managers import READY_MS, add_video, manage
from tests.console.members import DESKTOP, People

ACTIVITIES = "/manage/activities"


def drafts(page: Page) -> int:
    return page.get_by_role("region", name="Drafts").get_by_role("listitem").count()


def test_a_draft_is_continued_and_published_with_a_video(people: People, clips: Path) -> None:
    content = {
        "instructions": "Suggested by an agent",
        "points": 15,
        "captions": ["One", "Two"],
        "hashtags": ["coffee"],
    }
    draft = people.manager.post("/drafts", content).body["draft_id"]
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, ACTIVITIES)
        page.get_by_role("button", name="Continue: Suggested by an agent").click()
        expect(page).to_have_url(re.compile("/manage/activities/new$"))
        expect(page.get_by_label("Instructions")).to_have_value("Suggested by an agent")
        expect(page.get_by_label("Points", exact=True)).to_have_value("15")
        expect(page.get_by_label("Hashtags")).to_have_value("#coffee")
        page.reload()
        expect(page.get_by_label("Instructions")).to_have_value("Suggested by an agent")
        add_video(page, clips / "demo.mp4")
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page).to_have_url(re.compile(r"/manage/activities/act_"), timeout=READY_MS)
        activity = people.manager.get(f"/activities/{page.url.rpartition('/')[2]}").body
        page.goto(page.url.partition("/manage")[0] + ACTIVITIES)
        expect(page.get_by_role("heading", name="Activities")).to_be_visible()
        expect(page.get_by_role("region", name="Drafts")).to_have_count(0)
    assert activity["captions"] == ["One", "Two"]
    assert activity["points"] == 15
    left = people.manager.get("/drafts").body["items"]
    assert draft not in [each["draft_id"] for each in left]


def test_a_draft_replaces_what_was_begun_only_if_one_says_so(people: People) -> None:
    people.manager.post("/drafts", {"instructions": "Another suggestion"})
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"{ACTIVITIES}/new")
        page.get_by_label("Instructions").fill("My own words")
        expect(page.get_by_text("Your draft is kept in this browser.")).to_be_visible()
        page.goto(page.url.partition("/manage")[0] + ACTIVITIES)
        go_on = page.get_by_role("button", name="Continue: Another suggestion")
        go_on.click()
        dialog = page.get_by_role("dialog", name="Replace what you have begun?")
        dialog.get_by_role("button", name="Cancel").click()
        page.goto(page.url.partition("/manage")[0] + f"{ACTIVITIES}/new")
        expect(page.get_by_label("Instructions")).to_have_value("My own words")
        page.goto(page.url.partition("/manage")[0] + ACTIVITIES)
        go_on.click()
        dialog.get_by_role("button", name="Replace").click()
        expect(page.get_by_label("Instructions")).to_have_value("Another suggestion")


def test_a_draft_is_thrown_away(people: People) -> None:
    people.manager.post("/drafts", {"instructions": "Not wanted"})
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, ACTIVITIES)
        page.get_by_role("button", name="Remove: Not wanted").click()
        before = drafts(page)
        dialog = page.get_by_role("dialog", name="Remove this draft?")
        expect(dialog).to_contain_text("Not wanted")
        dialog.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Draft removed")).to_be_visible()
        expect(page.get_by_role("button", name="Remove: Not wanted")).to_have_count(0)
    left = [each["instructions"] for each in people.manager.get("/drafts").body["items"]]
    assert "Not wanted" not in left
    assert len(left) == before - 1
