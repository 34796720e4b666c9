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
