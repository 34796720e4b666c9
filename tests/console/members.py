"""People with browsers: each has contexts of their own, and all that goes wrong in one is kept."""

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from local import browser as browsers
from local.stack import Person
from tests.console.legible import speak_at_length
from tests.e2e.deployed_stack import DeployedStack, Program, add_person, create_program
from tests.e2e.people import TIMEOUT_SECONDS, Api, Witness
from tests.e2e.tiktok_members import TikTok

PATIENCE_MS = 30_000
NAVIGATION_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
# Chromium logs every answer of 400 and more, and every lost connection; those have tests of their
# own. A policy that was broken and a script that failed never do. Playwright logs that it keeps
# service workers out where words are lengthened.
HARMLESS = re.compile(
    r"^(Failed to load resource: |Service Worker registration blocked by Playwright)"
)

LOADED_BY_SCREENS = ("fetch", "xhr", "script", "stylesheet")
REST_MS = 50
RESTS = 2

type Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Device:
    """What a person holds."""

    width: int
    height: int
    touch: bool = False
    scheme: Scheme = "light"
    locale: str = "en-GB"
    lengthened: bool = False
    """Whether English words come a third longer."""
    moving: bool = False
    """Whether what is animated moves; drawing that takes much of a busy machine's processor."""


PHONE = Device(browsers.PHONE["width"], browsers.PHONE["height"], touch=True)
DESKTOP = Device(browsers.DESKTOP["width"], browsers.DESKTOP["height"])


@dataclass
class Visit:
    """A browser of somebody's: one context, any number of tabs."""

    context: BrowserContext
    origin: str
    storage: str
    complaints: list[str] = field(default_factory=list)
    pending: set[Request] = field(default_factory=set)

    def tab(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.set_default_navigation_timeout(NAVIGATION_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)
        page.goto(self.origin + path)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not HARMLESS.match(message.text):
            self.complaints.append(f"console: {message.text}")

    def _answered(self, request: Request) -> None:
        self.pending.discard(request)

    def _asked(self, request: Request) -> None:
        if request.resource_type in LOADED_BY_SCREENS:
            self.pending.add(request)
        # TikTok's own pages are not the console's; what they fetch is theirs.
        of_console = request.frame.url.startswith(self.origin)
        known = (self.origin, self.storage, "data:", "blob:")
        if of_console and not request.is_navigation_request() and not request.url.startswith(known):
            self.complaints.append(f"asked a stranger: {request.url}")


@dataclass
class Somebody:
    """A person of the program, with a password and, if they are a member, a name on TikTok."""

    people: "People"
    person: Person
    tiktok_name: str = field(default_factory=lambda: f"Person{secrets.token_hex(4)}")

    @cached_property
    def api(self) -> Api:
        """The same person past the console, to look at what it did."""
        return Api.of(self.people.deployed.stack, self.people.witness, self.person)

    @cached_property
    def member_id(self) -> str:
        return str(self.api.get("/me").body["member_id"])

    def signed_in(self, visit: Visit, path: str = "/") -> Page:
        """A tab at a path of the console, signed in past the form, which has tests of its own."""
        browsers.sign_in(visit.context, visit.origin, self.person.email, self.person.password)
        page = visit.tab(path)
        expect(page.get_by_role("navigation")).to_be_visible(timeout=PATIENCE_MS)
        return page

    def performances(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.get("/performances").body["items"]
        return found


@dataclass
class People:
    """A program, its manager past the console, and as many members as are asked for."""

    deployed: DeployedStack
    witness: Witness
    browser: Browser
    program: Program
    upload_id: str

    @property
    def manager(self) -> Api:
        return self.program.manager

    @property
    def tiktok(self) -> TikTok:
        return TikTok(str(self.deployed.stack.tiktok_url))

    @contextlib.contextmanager
    def visit(self, device: Device = PHONE, *, intercepting: bool = False) -> Iterator[Visit]:
        """A browser for somebody. Whatever it complains of fails the test that used it.

        A test that routes requests is `intercepting`: what passes through a service worker may
        reach the server all the same (Playwright's page on network events says so).
        """
        origin = self.deployed.stack.console_url
        assert origin, "The stack was brought up without its console."
        context = self.browser.new_context(
            viewport={"width": device.width, "height": device.height},
            has_touch=device.touch,
            is_mobile=device.touch,
            color_scheme=device.scheme,
            reduced_motion="no-preference" if device.moving else "reduce",
            locale=device.locale,
            timezone_id="Europe/Berlin",
            service_workers="block" if device.lengthened or intercepting else "allow",
        )
        if device.lengthened:
            speak_at_length(context)
        visit = Visit(context, origin.rstrip("/"), self.deployed.endpoint_url)
        try:
            yield visit
        finally:
            context.close()
        assert visit.complaints == []

    def member(self, name: str = "Ana Ferreira") -> Somebody:
        """Somebody new, invited by the manager and able to sign in."""
        email = f"m-{secrets.token_hex(5)}@console.example"
        answer = self.manager.post("/members", {"email": email, "name": name})
        assert answer.status == 201, answer.body
        somebody = Somebody(self, add_person(self.deployed, email, self.program.program_id))
        assert somebody.api.get("/me").status == 200  # the first request binds the invitation
        return somebody

    def managing(self) -> Somebody:
        """The program's manager, with a password for the console."""
        email = self.program.manager.email
        return Somebody(self, add_person(self.deployed, email, self.program.program_id))

    def activity_for(self, *members: Somebody, **more: Any) -> str:
        """Publish an activity that these members see and nobody else."""
        named = {"name": f"Only {secrets.token_hex(4)}", "kind": "private"}
        channel = self.manager.post("/channels", named).body["channel_id"]
        ids = {"member_ids": [each.member_id for each in members]}
        assert self.manager.post(f"/channels/{channel}/members", ids).status == 204
        wanted = {"points": 10, "captions": ["Look what we made"], **more}
        made = self.manager.create(self.upload_id, channel_ids=[channel], **wanted)
        return str(made["activity_id"])


@contextlib.contextmanager
def open_people(
    deployed: DeployedStack, witness: Witness, browser: Browser, video: Path
) -> Iterator[People]:
    program = create_program(deployed, witness, "Europe/Berlin")
    assert program.manager.get("/me").status == 200
    upload = program.manager.upload(video)
    assert upload["status"] == "valid"
    yield People(deployed, witness, browser, program, str(upload["upload_id"]))


def invite_with_first_password(people: People) -> tuple[str, str]:
    """Invite a new person; return their address and the password of their first sign-in."""
    email, first = f"new-{secrets.token_hex(4)}@console.example", f"Gr-{secrets.token_hex(8)}7"
    assert people.manager.post("/members", {"email": email, "name": "New here"}).status == 201
    people.deployed.client("cognito-idp").admin_create_user(
        UserPoolId=people.deployed.stack.identity["user_pool_id"],
        Username=email,
        TemporaryPassword=first,
        UserAttributes=[
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
        ],
        MessageAction="SUPPRESS",
    )
    return email, first


def sign_in(page: Page, person: Person) -> None:
    """Fill in the sign-in screen as a person does."""
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def consent(page: Page, name: str, *, authorize: bool = True, scopes: bool = True) -> None:
    """Answer TikTok's consent page in the sandbox."""
    page.locator("#new_person").fill(name)
    if not scopes:
        page.locator("input[name=scopes][value='video.upload']").uncheck()
    page.locator(f"button[value='{'authorize' if authorize else 'cancel'}']").click()


def consent_again(page: Page, name: str) -> None:
    """Answer the consent page as somebody whom TikTok knows already."""
    page.locator(f"input[name=person][value='{name}']").check()
    page.locator("button[value='authorize']").click()


def connected(somebody: Somebody) -> Somebody:
    """Connect TikTok past the console, for tests of what comes after."""
    answer = somebody.api.post("/tiktok/connect")
    tiktok = somebody.people.tiktok
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    brought = tiktok.consent(answer.body["authorize_url"], somebody.tiktok_name)
    came = requests.get(
        f"{somebody.api.url}/tiktok/callback",
        params=brought,
        headers={"Cookie": cookie},
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
    )
    assert came.status_code < 400, came.text
    return somebody


def quiet(visit: Visit, page: Page) -> None:
    """Wait until a screen is there and at rest: nothing of it is loading or moving any more."""
    expect(page.locator("main h1").first).to_be_visible()
    busy, rests = page.locator("[aria-busy=true]"), 0
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while rests < RESTS:
        assert time.monotonic() < deadline, f"{page.url} still loads {visit.pending}"
        page.wait_for_timeout(REST_MS)
        rests = 0 if visit.pending or busy.count() else rests + 1
    browsers.settle(page)


OVERFLOWING = """() => {
  const page = document.documentElement;
  const width = page.clientWidth;
  const clipped = (element) => {
    for (let each = element.parentElement; each; each = each.parentElement) {
      if (getComputedStyle(each).overflowX !== "visible") return true;
    }
    return element.closest(".visually-hidden, svg") !== null;
  };
  // Chromium lays a phone's page out as wide as its widest content, whether that is seen or not.
  const wide = page.scrollWidth > width + 1 ? [`PAGE of ${page.scrollWidth} px`] : [];
  const found = [...document.querySelectorAll("body *")]
    .filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && (box.right > width + 1 || box.left < -1) && !clipped(element);
    })
    .map((element) => `${element.tagName} ${element.className}`);
  return [...wide, ...found];
}"""


def overflowing(page: Page) -> list[str]:
    """Return what sticks out of the page sideways and cannot be scrolled to within its own box."""
    found: list[str] = page.evaluate(OVERFLOWING)
    return found
