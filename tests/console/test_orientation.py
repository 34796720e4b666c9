"""Where one is: titles and focus as screens change, fail or lose what had the focus."""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.console.managers import manage
from tests.console.members import DESKTOP, PHONE, People, sign_in
from tests.console.walks import FOCUS


def title(page: Page, words: str) -> None:
    expect(page).to_have_title(f"{words} · Greenroom")


def focused(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_focused()


def test_each_screen_names_the_page_and_gets_the_focus_from_the_first_one_on(
    people: People,
) -> None:
    member = people.member("Orla Keane")
    with people.visit(DESKTOP) as visit:
        page = visit.tab("/")
        title(page, "Sign in")
        sign_in(page, member.person)
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_be_focused()
        title(page, heading.inner_text())
        for link, words in (("History", "Your history"), ("Leaderboard", "Leaderboard")):
            page.get_by_role("link", name=link).first.click()
            focused(page, words)
            title(page, words)
        page.goto(f"{visit.origin}/nowhere")
        title(page, page.get_by_role("heading", level=1).inner_text())


def test_the_focus_goes_on_to_the_next_card_when_its_own_leaves_the_feed(people: People) -> None:
    member = people.member("Ulf Berg")
    texts = [f"Card {secrets.token_hex(3)}" for _ in range(2)]
    for text in texts:
        people.manager.create(people.upload_id, instructions=text, featured=True)
    with people.visit(PHONE) as visit:
        page = member.signed_in(visit)
        later, sooner = (page.get_by_role("article").filter(has_text=text) for text in texts)
        sooner.get_by_role("button", name="More").press("Enter")
        page.get_by_role("menuitem", name="Not for me").press("Enter")
        expect(sooner).to_have_count(0)
        expect(later.locator(":focus")).to_have_count(1)


def test_entries_of_a_menu_show_the_focus(people: People) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        page.get_by_role("main").locator("tbody button").first.press("Enter")
        expect(page.get_by_role("menuitem").first).to_be_focused()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
            assert page.evaluate(FOCUS) == ""


def test_switches_and_choices_are_visible_in_forced_colours(
    people: People,
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/program")
        page.emulate_media(forced_colors="active")
        switch = page.get_by_role("switch").first
        switch.scroll_into_view_if_needed()
        before = switch.screenshot(animations="disabled")
        switch.click()
        page.mouse.move(0, 0)
        switch.evaluate("box => box.blur()")
        assert switch.screenshot(animations="disabled") != before
        chosen = page.locator("[aria-current=page]").first
        assert chosen.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"


def test_a_screen_that_cannot_be_fetched_says_so_and_is_there_after_a_retry(people: People) -> None:
    member = people.member("Ingrid Sole")
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = member.signed_in(visit)
        page.route("**/assets/HistoryScreen*", lambda route: route.abort())
        page.get_by_role("link", name="History").first.click()
        failure = page.get_by_role("main").get_by_role("alert")
        expect(failure).to_be_visible()
        page.unroute("**/assets/HistoryScreen*")
        failure.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1, name="Your history")).to_be_visible()


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"items": 7}'])
def test_an_answer_of_another_shape_leaves_the_way_to_other_screens(
    people: People, body: str
) -> None:
    member = people.member("Per Aune")
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = member.signed_in(visit)
        page.route(
            "**/v1/performances*",
            lambda route: route.fulfill(body=body, content_type="application/json"),
        )
        page.get_by_role("link", name="History").first.click()
        wrong = page.get_by_role("main").get_by_role("button", name=re.compile("Try again|Reload"))
        expect(wrong).to_be_visible()
        page.get_by_role("link", name="Leaderboard").first.click()
        expect(page.get_by_role("heading", level=1, name="Leaderboard")).to_be_visible()
