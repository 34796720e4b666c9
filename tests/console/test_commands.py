"""The command menu: that it reaches what a person can do, and how it is heard and typed in."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.managers import manage
from tests.console.members import DESKTOP, PHONE, People, quiet

SCREENS = (
    "/manage",
    "/manage/activities",
    "/manage/reports",
    "/manage/members",
    "/manage/channels",
    "/manage/campaigns",
    "/manage/rewards",
    "/manage/webhooks",
    "/manage/program",
    "/manage/audit",
    "/settings",
    "/privacy",
)
# By the roles that a screen reader goes by, and not by what the menu looks for.
PRESSABLE = """main => [...main.querySelectorAll("button, [role]")]
  .filter((each) => ["BUTTON", "button", "menuitem", "switch"].some((kind) =>
    kind === each.tagName || kind === each.role))
  .filter((each) => !each.hasAttribute("aria-haspopup") && !each.hasAttribute("aria-disabled"))
  .filter((each) => each.getAttribute("aria-pressed") !== "true")
  .filter((each) => each.role === "menuitem" || each.offsetParent)
  .map((each) => each.ariaLabel || each.innerText || each.labels?.[0].innerText || "")
  .map((name) => name.split("\\n")[0].trim())
  .filter(Boolean)"""


def opened(page: Page) -> Locator:
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Go somewhere or do something")
    expect(box).to_be_focused()
    return box


def options(page: Page) -> Locator:
    """The menu's own, and not those of a list to choose from on the screen."""
    return page.get_by_role("dialog").get_by_role("option")


@pytest.fixture(scope="module")
def furnished(people: People) -> People:
    """A program that has one of everything with actions of its own."""
    manager = people.manager
    manager.create(people.upload_id, instructions="Show the furnace")
    assert manager.post("/channels", {"name": "Furnace", "kind": "public"}).status == 201
    assert manager.post("/campaigns", {"name": "Furnace"}).status == 201
    hook = {"name": "Furnace", "url": "https://hooks.example/furnace", "format": "json"}
    assert manager.post("/webhooks", hook).status == 201
    reward = {"title": "Furnace", "price": 10, "description": "Warm"}
    assert manager.post("/rewards", reward).status == 201
    return people


@pytest.mark.parametrize("path", SCREENS)
def test_every_button_and_menu_entry_of_a_screen_is_in_the_menu(
    furnished: People, path: str
) -> None:
    with furnished.visit(DESKTOP) as visit:
        page = manage(furnished, visit, path)
        quiet(visit, page)
        names: list[str] = page.get_by_role("main").evaluate(PRESSABLE)
        assert names
        box = opened(page)
        for name in dict.fromkeys(names):
            box.fill(name)
            expect(options(page).filter(has_text=name).first).to_be_visible()


def test_what_is_found_has_its_actions_in_the_menu_and_they_are_done_there(
    furnished: People,
) -> None:
    member = furnished.member("Fenella Furnace")
    with furnished.visit(DESKTOP) as visit:
        page = manage(furnished, visit)
        # A member, from another screen and from their own list while it shows somebody else.
        for begin in ("fenella", furnished.manager.email):
            opened(page).fill(begin)
            wanted = page.get_by_role("option", name=re.compile("^Actions: Fenella"))
            if begin == "fenella":
                wanted.click()
                of = page.get_by_role("combobox", name="Actions: Fenella Furnace")
                expect(of).to_be_focused()
                of.fill("make a man")
                expect(options(page)).to_have_count(1)
                page.keyboard.press("Enter")
                dialog = page.get_by_role("dialog")
                expect(dialog).to_contain_text("Fenella Furnace")
                dialog.get_by_role("button", name="Cancel").click()
            else:
                page.get_by_role("option", name=begin).first.click()
                expect(page.get_by_label("Search")).to_have_value(begin)
                expect(page.get_by_role("table")).not_to_contain_text(member.person.email)
        # An activity, whose actions are on a screen of its own.
        opened(page).fill("show the furnace")
        page.get_by_role("option", name="Actions: Show the furnace").click()
        for name in ("Try it on me", "Report", "Duplicate", "End now", "Archive", "Use another"):
            expect(options(page).filter(has_text=name).first).to_be_visible()
        options(page).filter(has_text="End now").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Show the furnace")
        dialog.get_by_role("button", name="End now").click()
        expect(page.get_by_text("Ended", exact=True).first).to_be_visible()
        # The menu lists it among the others of its kind.
        for kind, action in (
            ("channels", "Rename"),
            ("campaigns", "Archive"),
            ("rewards", "Archive"),
        ):
            opened(page).fill("furnace")
            group = page.get_by_role("group", name=kind.capitalize(), exact=True)
            group.get_by_role("option", name="Actions: Furnace").click()
            expect(options(page).filter(has_text=action).first).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.get_by_role("combobox", name="Actions: Furnace")).to_have_count(0)
            assert f"/manage/{kind}" in page.url


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("copy of your data", "A copy of the data"),
        ("leave the program", "Leave the program"),
        ("have your data erased", "Erase"),
        ("sign out everywhere", "Sign out"),
        ("mails to you", "E-mails"),
        ("second step", "Second step"),
        ("program: leader", "Points and places"),
    ],
)
def test_an_action_elsewhere_leads_to_its_part_of_the_screen(
    people: People, typed: str, part: str
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/channels")
        opened(page).fill(typed)
        page.keyboard.press("Enter")
        heading = page.get_by_role("main").get_by_role("heading", level=2, name=part)
        expect(heading.first).to_be_focused()
        expect(heading.first).to_be_in_viewport()


def test_the_number_of_results_is_read_aloud_and_keys_alone_are_enough(people: People) -> None:
    word = f"kappa{secrets.token_hex(3)}"
    for number in range(3):
        named = {"name": f"{word} {number}", "kind": "private"}
        assert people.manager.post("/channels", named).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit)
        box = opened(page)
        box.fill(word)
        told = page.get_by_role("dialog").get_by_role("status").first
        expect(told).to_have_text("6 results")
        box.fill(f"{word} nowhere")
        expect(told).to_have_text("Nothing found")
        expect(box).to_have_attribute("aria-expanded", "false")
        box.fill(word)
        shown = options(page)
        expect(shown).to_have_count(6)
        for key, chosen in (
            ("ArrowDown", 1),
            ("ArrowUp", 0),
            ("ArrowUp", 5),
            ("PageUp", 0),
            ("PageDown", 5),
        ):
            page.keyboard.press(key)
            expect(shown.nth(chosen)).to_have_attribute("aria-selected", "true")
            active = box.get_attribute("aria-activedescendant")
            assert active == shown.nth(chosen).get_attribute("id")
        page.keyboard.press("Enter")
        expect(page.get_by_role("combobox", name=f"Actions: {word} 2")).to_be_focused()
        expect(page.get_by_role("option", name="Rename")).to_be_visible()
        page.keyboard.press("Backspace")
        expect(page.get_by_role("combobox", name="Go somewhere")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("combobox")).to_have_count(0)


def test_a_member_on_a_phone_opens_the_menu_by_a_press_and_puts_it_away(
    people: People, violations: Callable[[Page], list[str]]
) -> None:
    ana = people.member()
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        page.get_by_role("button", name="Find anything").tap()
        expect(page.get_by_role("combobox")).to_be_focused()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
        page.get_by_role("combobox").fill("history")
        page.get_by_role("option", name="History", exact=True).tap()
        expect(page.get_by_role("heading", name="Your history")).to_be_visible()
        page.get_by_role("button", name="Find anything").tap()
        page.get_by_role("dialog").get_by_role("button", name="Close").tap()
        expect(page.get_by_role("combobox")).to_have_count(0)


def test_a_command_that_leaves_unsaved_words_asks_first(people: People) -> None:
    member = people.member("Ida Unsaved")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/program")
        page.get_by_label("Name", exact=True).fill("Not saved yet")
        opened(page).fill("ida unsaved")
        page.get_by_role("option", name="Actions: Ida Unsaved").click()
        page.get_by_role("button", name="Stay here").click()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Not saved yet")
        opened(page).fill("ida unsaved")
        page.get_by_role("option", name="Actions: Ida Unsaved").click()
        page.get_by_role("button", name="Discard it").click()
        expect(page.get_by_role("combobox", name="Actions: Ida Unsaved")).to_be_focused()
        expect(options(page).filter(has_text="Remove").first).to_be_visible()
        assert member.person.email.split("@")[0] in page.url
