"""A first day: a password of one's own, a try without an account, and slips that are told."""

import re
import secrets
from pathlib import Path

from playwright.sync_api import expect

from local.stack import Person
from tests.console.managers import NEW, READY_MS, add_video, is_ready, manage
from tests.console.members import (
    DESKTOP,
    PHONE,
    People,
    consent,
    invite_with_first_password,
    sign_in,
)

WEAK = "a few random words"
GOOD = "A few random words 7"
MOST_CHANNELS = 20


def test_a_new_password_is_told_every_rule_that_it_breaks_and_no_reference(people: People) -> None:
    email, first = invite_with_first_password(people)
    with people.visit(PHONE) as visit:
        page = visit.tab()
        sign_in(page, Person(email, first, "", None))
        field = page.get_by_label("New password")
        expect(field).to_have_accessible_description(
            "At least 12 characters, with a capital letter, a small letter and a digit."
        )
        field.fill(WEAK)
        page.get_by_role("button", name="Save and sign in").click()
        refusal = page.get_by_role("alert")
        expect(refusal).to_contain_text("too weak")
        expect(refusal).not_to_contain_text("Reference")
        expect(field).to_have_accessible_description(
            re.compile(r"the letters A to Z\. At least one digit\.$")
        )
        field.fill("Short1")
        page.get_by_role("button", name="Save and sign in").click()
        expect(field).to_have_accessible_description(re.compile(r"At least 12 characters\.$"))
        field.fill(GOOD)
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_role("heading", name="Your feed")).to_be_visible()


def test_trying_without_an_account_leads_back_from_tiktok_to_the_try(
    people: People, clips: Path
) -> None:
    manager = people.managing()
    manager.api.delete("/tiktok/account")
    with people.visit(DESKTOP) as visit:
        page = manager.signed_in(visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Tried by somebody new")
        page.get_by_role("button", name="Hold back and try it first").click()
        page.get_by_role("button", name="Try it on me").click(timeout=READY_MS)
        dialog = page.get_by_role("dialog")
        expect(dialog).not_to_contain_text("Then the video is sent by itself")
        dialog.get_by_role("button", name="Connect TikTok first").click()
        consent(page, manager.tiktok_name)
        expect(page.get_by_role("heading", name="TikTok is connected")).to_be_visible()
        page.get_by_role("link", name="Back to the video").click()
        page.get_by_role("button", name="Try it on me").click()
        dialog.get_by_role("button", name="Try it on me").click()
        arrived = page.get_by_role("heading", name="In your TikTok inbox")
        expect(arrived).to_be_visible(timeout=READY_MS)


def test_publishing_to_too_many_channels_leads_to_the_channels(people: People, clips: Path) -> None:
    for number in range(MOST_CHANNELS + 1):
        named = {"name": f"Shop {number:02} {secrets.token_hex(3)}", "kind": "public"}
        assert people.manager.post("/channels", named).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        refused: list[str] = []
        page.on("response", lambda each: refused.append(each.url) if each.status >= 400 else None)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        channels = page.get_by_role("group", name="Only these channels").get_by_role("checkbox")
        for channel in channels.all()[: MOST_CHANNELS + 1]:
            channel.check()
        page.get_by_label("Instructions").scroll_into_view_if_needed()
        page.get_by_role("button", name="Publish", exact=True).click()
        told = page.get_by_text(f"At most {MOST_CHANNELS} channels: 1 too many.")
        expect(told).to_be_in_viewport()
        expect(channels.first).to_be_focused()
        expect(page).to_have_url(re.compile(NEW))
        assert refused == []


def test_every_column_of_the_activities_is_in_sight_on_a_small_laptop(people: People) -> None:
    words = "One that has a name of some length, as names tend to have"
    people.activity_for(people.member(), instructions=words)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        expect(page.get_by_role("button", name="Actions: One that has").first).to_be_visible()
        hidden = page.locator("table").evaluate(
            "each => each.parentElement.scrollWidth - each.parentElement.clientWidth"
        )
        assert hidden == 0
