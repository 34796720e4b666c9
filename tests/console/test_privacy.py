"""Choosing a program, and a copy of one's own data, in a browser."""

import io
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local import browser
from tests.console.managers import manage, menu
from tests.console.members import (
    DESKTOP,
    PHONE,
    Device,
    People,
    Scheme,
    Somebody,
    overflowing,
    quiet,
)
from tests.e2e.deployed_stack import Program, add_person, create_program

SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def other(people: People) -> Program:
    return create_program(people.deployed, people.witness, "UTC", f"Other {secrets.token_hex(3)}")


def invited_twice(people: People, other: Program) -> Somebody:
    email = f"both-{secrets.token_hex(5)}@console.example"
    for manager in (people.manager, other.manager):
        answer = manager.post("/members", {"email": email, "name": "Vic Twice"})
        assert answer.status == 201, answer.body
    return Somebody(people, add_person(people.deployed, email))


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_somebody_whom_two_programs_invited_joins_one_and_is_in_it(
    people: People,
    other: Program,
    device: Device,
    scheme: Scheme,
    violations: Callable[[Page], list[str]],
) -> None:
    vic = invited_twice(people, other)
    theirs = other.manager.get("/me").body["program"]["name"]
    ours = people.manager.get("/me").body["program"]["name"]
    with people.visit(replace(device, scheme=scheme)) as visit:
        person = vic.person
        browser.sign_in(visit.context, visit.origin, person.email, person.password)
        page = visit.tab()
        expect(page.get_by_role("heading", name="Which program is yours?")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="Invited")).to_have_count(2)
        quiet(visit, page)
        assert violations(page) == []
        assert overflowing(page) == []
        page.get_by_role("button", name=f"Decline {theirs}").click()
        expect(page.get_by_text(f"You declined {theirs}.")).to_be_visible()
        page.get_by_role("button", name=f"Join {ours}").click()
        expect(page.get_by_role("navigation").first).to_be_visible()
    me = vic.api.get("/me").body
    assert me["program"]["program_id"] == people.program.program_id
    assert vic.api.get("/me/invitations").body["items"] == []


def test_a_member_gets_a_copy_of_their_data_as_a_file(people: People, tmp_path: Path) -> None:
    ida = people.member("Ida Unmistakable Lund")
    with people.visit(DESKTOP) as visit:
        page = ida.signed_in(visit, "/privacy")
        page.get_by_role("button", name="Get a copy").click()
        link = page.get_by_role("link", name="Download")
        expect(link).to_be_visible(timeout=120_000)
        with page.expect_download() as started:
            link.click()
        started.value.save_as(tmp_path / "copy.zip")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "copy.zip").read_bytes())) as copy:
        texts = [copy.read(name).decode() for name in copy.namelist()]
    assert any("Ida Unmistakable Lund" in text for text in texts)


def test_a_member_who_leaves_is_asked_first_and_is_out_of_the_program(people: People) -> None:
    ben = people.member("Ben Leaving")
    member_id = ben.member_id
    with people.visit() as visit:
        page = ben.signed_in(visit, "/privacy")
        page.get_by_role("button", name="Leave the program").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
        assert ben.api.get("/me").status == 200
        page.get_by_role("button", name="Leave the program").click()
        page.get_by_role("dialog").get_by_role("button", name="Leave the program").click()
        expect(page).to_have_url(f"{visit.origin}/")
    assert people.manager.get(f"/members/{member_id}").body["status"] == "removed"


def test_a_manager_makes_a_copy_of_a_members_data_and_has_them_erased(
    people: People, tmp_path: Path
) -> None:
    ole = people.member("Ole Unmistakable Berg")
    member_id, email = ole.member_id, ole.person.email
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/members?search={email}")
        menu(page, "Ole Unmistakable Berg", "Their data")
        dialog = page.get_by_role("dialog", name="Data of Ole Unmistakable Berg")
        dialog.get_by_role("button", name="Get a copy").click()
        link = dialog.get_by_role("link", name="Download")
        expect(link).to_be_visible(timeout=120_000)
        with page.expect_download() as started:
            link.click()
        started.value.save_as(tmp_path / "copy.zip")
        with zipfile.ZipFile(tmp_path / "copy.zip") as copy:
            assert any(email in copy.read(name).decode() for name in copy.namelist())
        dialog.get_by_role("button", name="Erase").click()
        confirm = dialog.get_by_label(f"Type {email} to confirm")
        confirm.fill("somebody.else@console.example")
        dialog.get_by_role("button", name="Erase for good").click()
        expect(dialog.get_by_text("That is not their address.")).to_be_visible()
        assert people.manager.get(f"/members/{member_id}").body["status"] == "active"
        confirm.fill(email.upper())
        dialog.get_by_role("button", name="Erase for good").click()
        told = dialog.get_by_role("status").filter(has_text="rased")
        expect(told).to_contain_text("Being erased since")
        # The search finds nobody by that address any more: the list empties beneath the dialog.
        expect(page.locator("main tr", has_text="Ole Unmistakable Berg")).to_have_count(0)
        expect(told).to_be_visible()
        dialog.get_by_role("button", name="Close").last.click()
        expect(dialog).to_have_count(0)
    erased = people.manager.get(f"/members/{member_id}").body
    assert (erased["status"], erased["name"]) == ("removed", "Erased member")
    kinds = [each["kind"] for each in people.manager.get("/audit", thing=member_id).body["items"]]
    assert {"member.data_asked", "member.erased"} <= set(kinds)


def test_a_member_chooses_how_they_appear_on_the_leaderboard(people: People) -> None:
    kim = people.member("Kim Unmistakable Roth")
    with people.visit(DESKTOP) as visit:
        page = kim.signed_in(visit, "/settings")
        page.get_by_label("On leaderboards").select_option("Under an alias")
        page.get_by_role("button", name="Save").first.click()
        expect(page.get_by_text("Enter the alias you want to appear under.")).to_be_visible()
        alias = f"Owl {secrets.token_hex(3)}"
        page.get_by_label("Alias").fill(alias)
        page.get_by_role("button", name="Save").first.click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.goto(f"{visit.origin}/leaderboard")
        me = kim.api.get("/me").body
        assert (me["shown_as"], me["alias"]) == ("alias", alias)
    taken = people.member("Bo Unmistakable Roth").api.patch("/me", {"alias": alias.upper()})
    assert [each["code"] for each in taken.body["errors"]] == ["alias_taken"]


def test_the_export_describes_webhook_deliveries_in_words(people: People) -> None:
    hook = {"name": f"Hook {secrets.token_hex(3)}", "url": "https://nobody.example/hook"}
    made = people.manager.post("/webhooks", {**hook, "format": "slack"}).body
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/webhooks")
        menu(page, hook["name"], "Deliveries")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Send a test event").click()
        row = dialog.get_by_role("row").filter(has_text="Test event")
        expect(row).to_contain_text("there is no host of that name", timeout=60_000)
    log = people.manager.get(f"/webhooks/{made['webhook_id']}/deliveries").body["items"]
    assert [each["error"] for each in log] == ["name_not_resolved"]


def test_a_manager_edits_a_webhook_and_keeps_its_address(people: People) -> None:
    name = f"Hook {secrets.token_hex(3)}"
    made = people.manager.post(
        "/webhooks",
        {"name": name, "url": "https://hooks.example/kept-as-it-is", "format": "slack"},
    )
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/webhooks")
        menu(page, name, "Edit")
        dialog = page.get_by_role("dialog", name=f"Edit {name}")
        expect(dialog.get_by_text("A new activity is open")).to_be_visible()
        dialog.get_by_label("Name").fill(f"{name} two")
        dialog.get_by_label("activity.ended").check()
        dialog.get_by_label("Address").fill("http://hooks.example/plain")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.locator("[aria-invalid]")).to_have_count(1)
        dialog.get_by_label("Address").fill("")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_text(f"{name} two is saved.")).to_be_visible()
    now = people.manager.get(f"/webhooks/{made.body['webhook_id']}").body
    assert (now["name"], now["types"]) == (f"{name} two", ["activity.ended"])
    assert now["url"] == made.body["url"]
