"""Into the console and out again, by the form."""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from local.identity import sign_in
from local.stack import Person, RunningStack
from tests.console.conftest import Browsing
from tests.e2e.deployed_stack import DeployedStack

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

LONG_SECONDS = 9.0


def claims_of(id_token: str) -> dict[str, object]:
    """Read, without verifying them, the claims of a token."""
    payload = id_token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def invited(deployed: DeployedStack, role: str) -> tuple[str, str]:
    """Invite somebody by the owner's command; return the address and the mailed password."""
    email = f"first.{secrets.token_hex(4)}@console.example"
    program = str(deployed.stack.first("manager").program_id)
    ran = deployed.command("program", "invite", "--program", program, f"--{role}", email)
    assert ran.exit_code == 0, ran.output
    deployed.tick("ProgramsMailInvitations")
    (mail,) = deployed.mails_to(email)
    assert str(deployed.stack.console_url) in mail.text
    (password,) = re.findall(r"^\S+$", mail.text, re.MULTILINE)
    return email, password


def test_a_manager_signs_in_with_a_first_password_and_chooses_one(
    browsing: Browsing, deployed: DeployedStack
) -> None:
    email, mailed = invited(deployed, "manager")
    chosen = f"Gr-{secrets.token_hex(12)}7"
    page = browsing.page()
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(mailed)
    page.locator("button[type=submit]").click()
    page.locator("input[autocomplete=new-password]").first.fill(chosen)
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("navigation").first).to_be_visible()
    page.reload()  # the session is the cookie's, not the page's
    expect(page.get_by_role("navigation").first).to_be_visible()
    kept = {
        each["name"]: each for each in page.context.cookies(f"{browsing.console_url}/v1/session")
    }
    assert kept["greenroom-session"]["httpOnly"]
    assert kept["greenroom-session"]["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""


def test_a_wrong_password_is_told_and_nothing_is_typed_twice(
    browsing: Browsing, member: Person
) -> None:
    page = browsing.page(phone=True)
    page.locator("input[type=email]").fill(member.email)
    page.locator("input[type=password]").fill("Gr-not-the-password-1")
    page.locator("button[type=submit]").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.locator("input[type=email]")).to_have_value(member.email)


class Issuer:
    """An OpenID Connect provider as a company has one, at an address of its own; it knows one.

    A stand-in inside the browser: it takes authorisation codes with PKCE, once each, and has the
    issuer and the client of the user pool, whose ID tokens are what this stack's API takes. The
    page may ask it as `infra/console.yaml` lets pages ask an issuer.
    """

    def __init__(self, context: "BrowserContext", url: str, id_token: str) -> None:
        claims = claims_of(id_token)
        self.authority, self.client = str(claims["iss"]), str(claims["aud"])
        self.url, self._id_token = url, id_token
        self.challenges: dict[str, str] = {}
        self.asked: list[str] = []
        self.refuses = ""
        context.route(f"{url}/**", self._allow)
        context.route("**/config.json", lambda route: route.fulfill(json=self._says))
        context.route(f"{self.authority}/**", self._answer)

    def _allow(self, route: "Route") -> None:
        if route.request.resource_type != "document":
            route.fallback()
            return
        page = route.fetch()
        policy = page.headers["content-security-policy"]
        host = "https://" + urlsplit(self.authority).netloc
        allowed = policy.replace("connect-src 'self'", f"connect-src 'self' {host}")
        assert allowed != policy
        route.fulfill(response=page, headers={**page.headers, "content-security-policy": allowed})

    @property
    def _says(self) -> dict[str, object]:
        issuer = {"authority": self.authority, "client_id": self.client}
        return {"api_base": "/v1", "issuer": issuer}

    @property
    def _shared(self) -> dict[str, str]:
        return {"Access-Control-Allow-Origin": self.url}

    def _answer(self, route: "Route") -> None:
        asked = urlsplit(route.request.url)
        self.asked.append(asked.path.rpartition("/")[2])
        match self.asked[-1]:
            case "openid-configuration":
                names = ("authorization", "token", "end_session")
                places = {f"{each}_endpoint": f"{self.authority}/{each}" for each in names}
                keys = f"{self.authority}/keys"
                about = {"issuer": self.authority, "jwks_uri": keys, **places}
                route.fulfill(json=about, headers=self._shared)
            case "authorization":
                # A page that leads back: a redirection's next request does not pass by here.
                back = escape(self._consent(asked.query))
                lead = f'<meta http-equiv="refresh" content="0;url={back}">'
                route.fulfill(content_type="text/html", body=lead)
            case "token":
                form = route.request.post_data or ""
                route.fulfill(json=self._exchange(form), headers=self._shared)
            case _:
                route.fulfill(status=404)

    def _consent(self, query: str) -> str:
        asked = dict(parse_qsl(query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == self.client
        assert asked["redirect_uri"] == f"{self.url}/signed-in"
        if self.refuses:
            back = {"error": self.refuses, "state": asked["state"]}
            return f"{asked['redirect_uri']}?{urlencode(back)}"
        code = secrets.token_hex(8)
        self.challenges[code] = asked["code_challenge"]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _exchange(self, form: str) -> dict[str, object]:
        sent = dict(parse_qsl(form))
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert self.challenges.pop(sent["code"]) == challenge
        told = {"access_token": "of no use here", "token_type": "Bearer", "expires_in": 3600}
        return {**told, "id_token": self._id_token}


def test_where_a_company_has_its_own_issuer_one_signs_in_there_and_comes_back(
    browsing: Browsing, stack: RunningStack, member: Person
) -> None:
    # What a service worker fetches does not pass by the stand-in.
    context = browsing.context(service_workers="block")
    url = browsing.console_url.rstrip("/")
    issuer = Issuer(context, url, sign_in(stack.api_url, member.email, member.password))
    page = context.new_page()
    page.goto(f"{url}/history")
    started = time.monotonic()
    way = page.get_by_role("button", name="Sign in with your company")
    expect(way).to_be_visible()
    assert time.monotonic() - started < LONG_SECONDS  # nobody waits for what cannot be
    expect(page.locator("input[type=password]")).to_have_count(0)
    way.click()
    expect(page.get_by_role("heading", name="Your history")).to_be_visible()
    expect(page).to_have_url(f"{url}/history")
    assert issuer.challenges == {}
    assert issuer.asked.count("token") == 1
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert not re.search(r"eyJ[\w-]{20,}", kept)
    page.reload()
    expect(way).to_be_visible()


def test_a_failed_return_from_an_issuer_is_shown_and_leads_to_the_sign_in(
    browsing: Browsing, stack: RunningStack, member: Person
) -> None:
    """A refusal; an answer that nobody here asked for; a token that was made for another client."""
    context = browsing.context(service_workers="block")
    url = browsing.console_url.rstrip("/")
    issuer = Issuer(context, url, sign_in(stack.api_url, member.email, member.password))
    page = context.new_page()
    way = page.get_by_role("button", name="Sign in with your company")

    page.goto(f"{url}/history")
    issuer.refuses = "access_denied"
    way.click()
    expect(page.get_by_role("alert")).to_contain_text("did not let you in")
    page.get_by_role("button", name="Try again").click()
    expect(way).to_be_visible()

    page.goto(f"{url}/signed-in?code=from-somewhere&state=unknown")
    expect(page.get_by_role("alert")).to_contain_text("Sign in again")
    assert "token" not in issuer.asked

    issuer.refuses, issuer.client = "", "another-client"
    page.goto(f"{url}/history")
    way.click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert issuer.asked.count("token") == 1
    assert page.evaluate("sessionStorage.length") == 0


def test_a_sign_in_that_goes_on_in_a_new_tab_is_told_there_and_a_press_leads_in(
    browsing: Browsing, stack: RunningStack, member: Person
) -> None:
    """The state and the proof of a trip are its tab's own; the first tab goes on undisturbed."""
    context = browsing.context(service_workers="block")
    url = browsing.console_url.rstrip("/")
    issuer = Issuer(context, url, sign_in(stack.api_url, member.email, member.password))
    page = context.new_page()
    page.goto(f"{url}/history")
    way = page.get_by_role("button", name="Sign in with your company")
    with page.expect_request(lambda each: "/authorization?" in each.url) as asked:
        way.click()
    expect(page.get_by_role("heading", name="Your history")).to_be_visible()
    # The issuer's page, opened in a new tab by hand, leads back to where nothing of it is known.
    second = context.new_page()
    second.goto(asked.value.url)
    expect(second.get_by_role("alert")).to_contain_text("Sign in again")
    assert issuer.asked.count("token") == 1
    second.get_by_role("button", name="Try again").click()
    second.get_by_role("button", name="Sign in with your company").click()
    expect(second.get_by_role("heading", name="Your feed")).to_be_visible()
    expect(second).to_have_url(f"{url}/")
    expect(page.get_by_role("heading", name="Your history")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example/", "https://evil.example/", "javascript:alert(1)"]
)
def test_coming_back_from_an_issuer_leads_nowhere_else(
    browsing: Browsing, stack: RunningStack, member: Person, path: str
) -> None:
    """Whatever the state that was kept for the trip says: it is no address of another origin."""
    # What a service worker fetches does not pass by the stand-in.
    context = browsing.context(service_workers="block")
    url = browsing.console_url.rstrip("/")
    Issuer(context, url, sign_in(stack.api_url, member.email, member.password))
    context.add_init_script(
        "const set = Storage.prototype.setItem;"
        "Storage.prototype.setItem = function (name, value) {"
        f" set.call(this, name, value.replaceAll('\"/history\"', {json.dumps(json.dumps(path))}))"
        " };"
    )
    page = context.new_page()
    page.goto(f"{url}/history")
    page.get_by_role("button", name="Sign in with your company").click()
    expect(page.get_by_role("heading", name="Your feed")).to_be_visible()
    assert page.url == f"{url}/"


def test_the_way_in_is_open_to_everybody(
    browsing: Browsing, violations: Callable[["Page"], list[str]]
) -> None:
    for scheme in ("light", "dark"):
        for phone in (True, False):
            page = browsing.page(phone=phone, color_scheme=scheme)
            expect(page.locator("input[type=email]")).to_be_visible()
            assert violations(page) == []
