"""The second step at sign-in: set up among the settings, and asked for from then on."""

import os
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from local.stack import Person
from tests.console.conftest import Browsing
from tests.e2e.authenticators import code_of
from tests.e2e.deployed_stack import DeployedStack, add_person

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def somebody(deployed: DeployedStack) -> Person:
    """Return a member whose sign-in no other test uses."""
    email = f"second.{secrets.token_hex(4)}@console.example"
    program = str(deployed.stack.first("manager").program_id)
    ran = deployed.command("program", "invite", "--program", program, "--member", email)
    assert ran.exit_code == 0, ran.output
    return add_person(deployed, email)


PATIENCE_MS = 120_000  # of a machine on which many things run


def patient(page: "Page") -> "Page":
    page.set_default_timeout(PATIENCE_MS)
    return page


def signs_in(page: "Page", person: Person) -> None:
    page.locator("input[type=email]").fill(person.email)
    page.locator("input[type=password]").fill(person.password)
    page.locator("button[type=submit]").click()


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "desktop"])
def test_an_authenticator_is_set_up_among_the_settings_and_asked_for_at_the_next_sign_in(
    browsing: Browsing,
    somebody: Person,
    violations: Callable[["Page"], list[str]],
    *,
    phone: bool,
) -> None:
    page = patient(browsing.page(phone=phone))
    signs_in(page, somebody)
    expect(page.get_by_role("navigation").first).to_be_visible(timeout=PATIENCE_MS)
    page.goto(f"{browsing.console_url}/settings")
    page.get_by_role("button", name="Set up an authenticator").click()
    secret = page.get_by_label("Or type this key into the app").input_value()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible(
        timeout=PATIENCE_MS
    )
    link = page.get_by_role("link", name="Open in an app on this device")
    assert f"secret={secret}" in str(link.get_attribute("href"))
    assert violations(page) == []
    code = page.get_by_label("Code from your app")
    if shots := os.environ.get("SECOND_STEP_SHOTS"):
        page.screenshot(
            path=f"{shots}/settings-{'phone' if phone else 'desktop'}.png", full_page=True
        )
    code.fill(code_of(secret, -9_000))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert").first).to_contain_text(
        "This code is not accepted", timeout=PATIENCE_MS
    )
    code.fill(code_of(secret))
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Your sign-in asks for a code of your authenticator.")).to_be_visible(
        timeout=PATIENCE_MS
    )

    page = patient(browsing.page(phone=phone))
    signs_in(page, somebody)
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible(timeout=PATIENCE_MS)
    assert violations(page) == []
    page.get_by_label("Code from your app").fill(code_of(secret))
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("navigation").first).to_be_visible(timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_role("navigation").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_manager_who_needs_an_authenticator_sets_one_up_before_the_first_screen(
    browsing: Browsing, somebody: Person, violations: Callable[["Page"], list[str]]
) -> None:
    """The stack of these tests does not ask for it: its answer is put in place of the real one."""
    secret = "JBSWY3DPEHPK3PXP" * 3
    asked = {
        "status": "mfa_setup_required",
        "challenge": "challenge",
        "secret": secret,
        "uri": f"otpauth://totp/Greenroom%3A{somebody.email}?secret={secret}&issuer=Greenroom",
    }
    # What passes through a service worker may reach the server all the same.
    page = patient(browsing.page(phone=True, service_workers="block"))
    page.route("**/v1/session", lambda route: route.fulfill(json=asked))
    signs_in(page, somebody)
    expect(page.get_by_role("heading", name="Set up your authenticator")).to_be_visible(
        timeout=PATIENCE_MS
    )
    expect(page.get_by_label("Or type this key into the app")).to_have_value(secret)
    assert violations(page) == []
    if shots := os.environ.get("SECOND_STEP_SHOTS"):
        page.screenshot(path=f"{shots}/setup.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
