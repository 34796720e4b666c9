"""Pushes in a browser: switched on by a tap, shown by the service worker, and what a click opens.

Chromium cannot reach a browser maker's push service from here, so the page's push manager is
stood in for by the local one, and what arrives there is handed to the service worker by DevTools.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from local import browser, push_service
from tests.console.members import (
    DESKTOP,
    PHONE,
    Device,
    People,
    connected,
    open_people,
    overflowing,
)
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import TIMEOUT_SECONDS, Witness
from tests.e2e.tiktok_members import TICKED
from tests.e2e.waiting import wait_for

AGAIN_SECONDS = 20.0
STAND_IN = """
(() => {
  const kept = "test-push";
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const made = (found) => ({
    endpoint: found.endpoint,
    options: { applicationServerKey: bytes(found.key).buffer, userVisibleOnly: true },
    toJSON: () => ({ endpoint: found.endpoint, expirationTime: null, keys: found.keys }),
    unsubscribe: async () => {
      localStorage.removeItem(kept);
      await fetch(`/_front/push/${found.endpoint.split("/").pop()}`, { method: "DELETE" });
      return true;
    },
  });
  PushManager.prototype.getSubscription = async () => {
    const found = localStorage.getItem(kept);
    return found ? made(JSON.parse(found)) : null;
  };
  PushManager.prototype.subscribe = async (options) => {
    if (globalThis.pushServiceIsDown) throw new DOMException("no push service", "AbortError");
    const key = btoa(String.fromCharCode(...new Uint8Array(options.applicationServerKey)))
      .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
    const answer = await fetch("/_front/push/subscriptions", {
      method: "POST",
      body: JSON.stringify({ applicationServerKey: key }),
    });
    const found = { ...(await answer.json()), key };
    localStorage.setItem(kept, JSON.stringify(found));
    return made(found);
  };
})();
"""


@pytest.fixture(scope="module")
def people(
    deployed: DeployedStack, witness: Witness, chromium: Browser, clips: Path
) -> Iterator[People]:
    """A program of the module's own, in a browser that shows notifications."""
    with (
        browser.with_windows(chromium) as whole,
        open_people(deployed, witness, whole, clips / "demo.mp4") as opened,
    ):
        yield opened


def deliver(page: Page, text: str) -> None:
    """Hand a push to the service worker, as the browser does."""
    wait_for(
        "The service worker", lambda: page.evaluate("Boolean(navigator.serviceWorker.controller)")
    )
    session = page.context.new_cdp_session(page)
    found: list[str] = []

    def updated(event: Any) -> None:
        found.extend(each["registrationId"] for each in event["registrations"])

    session.on("ServiceWorker.workerRegistrationUpdated", updated)
    session.send("ServiceWorker.enable")

    def registered() -> bool:
        page.wait_for_timeout(100)  # hears events
        return bool(found)

    wait_for("The service worker's registration", registered)
    origin = page.evaluate("location.origin")
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": found[-1], "data": text},
    )


def shown(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        """async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(
            ({ title, body, tag, lang, data, timestamp, actions }) =>
                ({ title, body, tag, lang, data, timestamp,
                   actions: actions.map((each) => each.action) }))"""
    )
    return found


def deliver_and_see(page: Page, text: str) -> None:
    """Deliver a push and wait until its notification is shown, maybe in another one's place.

    Seen on a busy machine: what DevTools delivers to a worker that just starts is lost. A push that
    came after all takes the place of itself, so it is delivered again.
    """
    before = [each["timestamp"] for each in shown(page)]
    delivered = time.monotonic()
    deliver(page, text)

    def is_shown() -> bool:
        nonlocal delivered
        if any(each["timestamp"] not in before for each in shown(page)):
            return True
        if time.monotonic() - delivered > AGAIN_SECONDS:
            deliver(page, text)
            delivered = time.monotonic()
        return False

    wait_for("The notification", is_shown)


def all_closed(page: Page) -> None:
    wait_for("The notification being closed", lambda: shown(page) == [])


def click(page: Page) -> None:
    """Click the first notification: its event, for no headless browser shows one to press.

    Returns when the page is where the click leads: to ask a page that is on its way fails, and
    Chromium was seen never to close one.
    """
    with page.expect_navigation():
        page.context.service_workers[0].evaluate(
            """async () => {
                const [notification] = await self.registration.getNotifications();
                self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
            }"""
        )


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_member_switches_pushes_on_and_a_video_that_arrives_is_shown_once(
    people: People, device: Device, violations: Callable[[Page], list[str]]
) -> None:
    ida = people.member("Ida Berg" if device is PHONE else "Ole Berg")
    with people.visit(device) as visit:
        visit.context.add_init_script(STAND_IN)
        visit.context.grant_permissions(["notifications"], origin=visit.origin)
        page = ida.signed_in(visit, "/settings")
        switch = page.get_by_role("button", name="Notify me on this device")
        expect(switch).to_be_visible()
        assert ida.api.get("/me/push").body["devices"] == []  # nothing without a tap
        assert violations(page) == []
        switch.click()
        expect(page.get_by_text("This device", exact=True)).to_be_visible()
        (known,) = ida.api.get("/me/push").body["devices"]
        assert "Chrome" in known["label"]
        assert violations(page) == []
        assert overflowing(page) == []
        page.reload()
        expect(page.get_by_text("This device", exact=True)).to_be_visible()

        endpoint = json.loads(page.evaluate("localStorage.getItem('test-push')"))["endpoint"]
        activity = people.activity_for(ida, instructions="Show it")
        connected(ida)
        assert ida.api.post(f"/activities/{activity}/perform", TICKED).status == 202

        def arrived() -> Any:
            people.deployed.tick("NotificationsSendPushes")
            kept = push_service.kept(visit.origin)
            return next((each for each in kept if each["endpoint"] == endpoint), None)

        push = wait_for("The push", arrived)
        text = json.dumps(push["message"])
        for _ in range(2):  # again it takes the place of the first
            deliver_and_see(page, text)
        (notification,) = shown(page)
        assert notification["title"] == "Your video is in your TikTok inbox"
        assert "post it." in notification["body"]
        assert "Disclose commercial content, Your brand" in notification["body"]
        assert "tiktok" in notification["actions"]
        click(page)
        expect(page).to_have_url(f"{visit.origin}{push['message']['url']}")
        steps = page.get_by_role("region", name="Finish it in TikTok")
        expect(steps.get_by_role("button", name="Copy caption")).to_be_visible()
        all_closed(page)

        page.goto(f"{visit.origin}/settings")
        page.get_by_role("button", name="Switch off: This device").click()
        expect(switch).to_be_visible()
        assert ida.api.get("/me/push").body["devices"] == []
        gone = requests.post(endpoint, timeout=TIMEOUT_SECONDS)
        assert gone.status_code == 410


def test_an_unreadable_push_shows_a_notification_that_opens_only_the_console(
    people: People,
) -> None:
    ida = people.member("Eva Lind")
    with people.visit(PHONE) as visit:
        visit.context.grant_permissions(["notifications"], origin=visit.origin)
        page = ida.signed_in(visit, "/history")
        for text in ("not json", '{"url": "https://evil.example/x", "title": 5}', "[]", "null"):
            deliver_and_see(page, text)
            (notification,) = shown(page)
            assert notification["title"] in ("Greenroom", "5")
            click(page)
            expect(page.get_by_role("navigation").first).to_be_visible()
            assert page.url.startswith(f"{visit.origin}/")
            all_closed(page)


def test_signing_out_ends_pushes_to_this_browser(people: People) -> None:
    ida = people.member("Ada Holm")
    with people.visit(PHONE) as visit:
        visit.context.add_init_script(STAND_IN)
        visit.context.grant_permissions(["notifications"], origin=visit.origin)
        page = ida.signed_in(visit, "/settings")
        page.get_by_role("button", name="Notify me on this device").click()
        expect(page.get_by_text("This device", exact=True)).to_be_visible()
        endpoint = json.loads(page.evaluate("localStorage.getItem('test-push')"))["endpoint"]
        page.get_by_role("button", name="Sign out", exact=True).last.click()
        expect(page.get_by_label("Password", exact=True)).to_be_visible()
        wait_for(
            "The browser's unsubscribing",
            lambda: requests.post(endpoint, timeout=TIMEOUT_SECONDS).status_code == 410,
        )


def test_a_browser_that_cannot_or_may_not_says_so(
    people: People, violations: Callable[[Page], list[str]]
) -> None:
    ida = people.member("Una Dahl")
    words = {
        "delete globalThis.PushManager": "This browser cannot show notifications.",
        "Object.defineProperty(navigator, 'standalone', { value: false })": (
            "On an iPhone or iPad, add this app to the Home Screen first"
        ),
        "Object.defineProperty(Notification, 'permission', { get: () => 'denied' })": (
            "This browser blocks notifications from this app."
        ),
    }
    for script, said in words.items():
        with people.visit(PHONE) as visit:
            visit.context.add_init_script(script)
            page = ida.signed_in(visit, "/settings")
            expect(page.get_by_text(said)).to_be_visible()
            expect(page.get_by_role("button", name="Notify me on this device")).to_have_count(0)
            assert violations(page) == []


def test_a_push_service_that_is_not_reached_and_a_permission_taken_back_are_told(
    people: People,
) -> None:
    ida = people.member("Liv Krog")
    with people.visit(PHONE) as visit:
        visit.context.add_init_script(STAND_IN)
        visit.context.grant_permissions(["notifications"], origin=visit.origin)
        page = ida.signed_in(visit, "/settings")
        switch = page.get_by_role("button", name="Notify me on this device")
        page.evaluate("globalThis.pushServiceIsDown = true")
        switch.click()
        expect(page.get_by_text("could not reach its push service")).to_be_visible()
        assert ida.api.get("/me/push").body["devices"] == []
        page.evaluate("globalThis.pushServiceIsDown = false")
        switch.click()
        expect(page.get_by_text("This device", exact=True)).to_be_visible()
        visit.context.clear_permissions()
        page.reload()
        expect(page.get_by_text("This device", exact=True)).to_have_count(0)
        wait_for(
            "The device being forgotten",
            lambda: ida.api.get("/me/push").body["devices"] == [],
        )
