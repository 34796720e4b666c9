"""Screenshots of every screen of the console: phone and desktop, light and dark, with demo data."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from local import browser, demo_data, stack
from local.demo_data import DemoData
from local.home import PROJECT, Home
from local.stack import RunningStack
from local.steps import Steps

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

TOO_LONG = PROJECT / "tests" / "clips" / "seventy_seconds.mp4"
ROUTES = PROJECT / "console" / "src" / "routes.tsx"
_SCREEN = re.compile(r'^\s*(first|member|manager)\("([^"]+)"', re.MULTILINE)
SIZES = {"390": browser.PHONE, "1280": browser.DESKTOP}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SETTLE_MS = 60_000
READY_MS = 120_000
PICTURES_SECONDS = 20.0
LEAST_PX, MOST_PX = 800, 6000
SIGN_IN = "sign-in"
CHOOSE = "choose"
"""The screen shown to a person whom several programs have invited."""
BLACK_VIDEOS = "[...document.querySelectorAll('video')].filter(each => each.readyState < 2).length"


@dataclass(frozen=True)
class Appearance:
    """A page's size and colour scheme."""

    size: str
    scheme: Literal["light", "dark"]

    @property
    def suffix(self) -> str:
        return f"{self.size}-{self.scheme}.png"


APPEARANCES = [Appearance(size, scheme) for size in SIZES for scheme in SCHEMES]


def screens(routes: str) -> list[tuple[str, str]]:
    """List audience and path of every screen, as routes.tsx has them."""
    return [
        ("manager" if audience == "manager" else "member", path)
        for audience, path in _SCREEN.findall(routes)
    ]


def name_of(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", path).strip("-") or "feed"


def take(folder: Path, home: Home | None = None) -> int:
    """Put the pictures into `folder`; return how many there are.

    Of a stack of its own, or of the one that runs in `home`, which gets the seeded program.
    """
    steps = Steps(total=3)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="greenroom-pictures-") as temporary:
        supervisor = None
        with steps.step("Bringing a stack up"):
            running = stack.find(home) if home else None
            if running is None:
                own = Home(Path(temporary) / "stack")
                supervisor = stack.start_in_background(own, ("--throwaway",))
                running = stack.wait_until_ready(own, supervisor)
        try:
            with steps.step("Making a program that looks like a real one"):
                made = demo_data.make(running, Path(temporary) / "videos")
            with steps.step("Taking pictures"):
                return _take_all(running, made, folder, steps)
        finally:
            if supervisor:
                supervisor.stop()


def _take_all(running: RunningStack, made: DemoData, folder: Path, steps: Steps) -> int:
    found = screens(ROUTES.read_text(encoding="utf-8"))
    url, taken = str(running.console_url), 0
    with browser.launched() as chromium:
        for appearance in APPEARANCES:
            for file, page in _pages(chromium, url, made, found, appearance):
                page.screenshot(path=folder / file)
                taken += 1
            steps.note(f"{appearance.size} px, {appearance.scheme}")
    return taken


def _pages(
    chromium: "Browser",
    url: str,
    made: DemoData,
    found: list[tuple[str, str]],
    appearance: Appearance,
) -> Iterator[tuple[str, "Page"]]:
    """Open one screen after the other; yield the picture's file name and the page."""
    suffix = appearance.suffix
    options: dict[str, Any] = {
        "viewport": SIZES[appearance.size],
        "color_scheme": appearance.scheme,
        "locale": "en-GB",
        "timezone_id": demo_data.PROGRAM["time_zone"],
    }
    signed_out = chromium.new_context(**options)
    yield f"{SIGN_IN}-{suffix}", _opened(signed_out, url, "/")
    signed_out.close()
    for audience, person in (("member", made.member), ("manager", made.manager)):
        context = chromium.new_context(**options)
        browser.sign_in(context, url, person.email, person.password)
        for of, path in found:
            if of == audience:
                page = _opened(context, url, _with_ids(path, made))
                yield f"{audience}-{name_of(path)}-{suffix}", page
                for name, use in (
                    uses[path] for uses in (INTERACTIONS, FURTHER_INTERACTIONS) if path in uses
                ):
                    use(page, made)
                    width, height = SIZES[appearance.size].values()
                    page.set_viewport_size({"width": width, "height": height})
                    yield f"{audience}-{name}-{suffix}", page
                page.close()
        context.close()
    newcomer = chromium.new_context(**options)
    browser.sign_in(newcomer, url, made.newcomer.email, made.newcomer.password)
    page = _opened(newcomer, url, "/")
    page.get_by_role("button", name=f"Join {demo_data.OTHER_PROGRAM}").wait_for()
    yield f"member-{CHOOSE}-{suffix}", page
    newcomer.close()


def _ask_to_send(page: "Page", _made: DemoData) -> None:
    """Open the reminder that members read before anything is sent."""
    page.get_by_role("article").first.get_by_role("button", name=re.compile("Send")).click()
    page.get_by_role("dialog").wait_for()
    browser.settle(page)


def _fill_in(page: "Page", made: DemoData) -> None:
    """Fill in a new activity with a video that the server has found ready."""
    page.get_by_label("Instructions").fill("The winter menu is here: show it your way")
    page.locator("main input[type=file]").first.set_input_files(made.video)
    page.get_by_role("main").get_by_text("This video is ready").wait_for(timeout=READY_MS)
    browser.settle(page)


def _plan_a_repair(page: "Page", _made: DemoData) -> None:
    """Choose a video that is too long, and look at how it would be repaired."""
    page.locator("main input[type=file]").first.set_input_files(TOO_LONG)
    page.get_by_role("button", name="Fix it for me").click()
    page.get_by_role("slider", name="Start").wait_for()
    page.get_by_role("region", name="Fix it for me").scroll_into_view_if_needed()
    browser.settle(page)


def _finish(page: "Page", _made: DemoData) -> None:
    """Open what is left to do with a video that lies in the inbox."""
    page.get_by_role("link", name="Finish it").first.click()
    page.get_by_role("region", name="Finish it in TikTok").wait_for()
    browser.settle(page)


def _ask_to_redeem(page: "Page", _made: DemoData) -> None:
    """Open the dialog in which members agree to a reward's price."""
    page.get_by_role("button", name=re.compile("^Redeem ")).first.click()
    page.get_by_role("dialog").wait_for()
    browser.settle(page)


def _ask_to_fulfil(page: "Page", _made: DemoData) -> None:
    """Open the dialog in which managers fulfil a request."""
    page.get_by_role("button", name=re.compile("^Fulfil: ")).first.click()
    page.get_by_role("dialog").wait_for()
    browser.settle(page)


def _read_deliveries(page: "Page", _made: DemoData) -> None:
    """Open the log of a webhook that gets nothing through."""
    page.get_by_role("button", name="Actions: Payroll").click()
    page.get_by_role("menuitem", name="Deliveries").click()
    _await_dialog(page)


def _read_data(page: "Page", _made: DemoData) -> None:
    """Open the dialog in which managers answer a member's request for their data."""
    page.get_by_role("button", name=re.compile("^Actions: ")).first.click()
    page.get_by_role("menuitem", name="Their data").click()
    _await_dialog(page)


def _read_entry(page: "Page", _made: DemoData) -> None:
    """Open the newest entry of the audit trail."""
    page.get_by_role("button", name=re.compile("^Details: ")).first.click()
    _await_dialog(page)


def _await_dialog(page: "Page") -> None:
    page.get_by_role("dialog").wait_for()
    page.locator("[aria-busy=true]").first.wait_for(state="detached", timeout=SETTLE_MS)
    browser.settle(page)


INTERACTIONS = {
    "/": ("send", _ask_to_send),
    "/manage/activities/new": ("new-activity", _fill_in),
    "/history": ("finish", _finish),
    "/rewards": ("redeem", _ask_to_redeem),
    "/manage/redemptions": ("fulfil", _ask_to_fulfil),
    "/manage/members": ("member-data", _read_data),
    "/manage/webhooks": ("deliveries", _read_deliveries),
    "/manage/audit": ("audit-entry", _read_entry),
}
"""Screens that are pictured once more after somebody has done something there, by their path."""

FURTHER_INTERACTIONS = {"/manage/activities/new": ("repair", _plan_a_repair)}
"""Likewise, after the first."""


def _with_ids(path: str, made: DemoData) -> str:
    things = {
        "/report": made.reported_id,
        "/channels/": made.channel_id,
        "/campaigns/": made.campaign_id,
        "/rewards/": made.reward_id,
    }
    found = (each for part, each in things.items() if part in path and ":id" in path)
    return path.replace(":id", next(found, made.activity_id))


def _opened(context: "BrowserContext", url: str, path: str) -> "Page":
    page = context.new_page()
    page.goto(f"{url}{path}")
    page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
    # A window as tall as the page: bars that stick to its edges would lie across a longer picture.
    height = int(page.evaluate("document.documentElement.scrollHeight"))
    width = int(page.evaluate("innerWidth"))
    page.set_viewport_size({"width": width, "height": min(max(height, LEAST_PX), MOST_PX)})
    page.wait_for_load_state("networkidle", timeout=SETTLE_MS)
    _await_pictures(page)
    return page


def _await_pictures(page: "Page") -> None:
    """Wait for the first pictures of videos, which are fetched once they are in sight."""
    deadline = time.monotonic() + PICTURES_SECONDS
    while page.evaluate(BLACK_VIDEOS) and time.monotonic() < deadline:
        page.wait_for_timeout(100)
