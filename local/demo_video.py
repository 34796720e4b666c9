"""The demo video that TikTok's review of an app asks for: the main job, filmed in a browser.

It shows the local stack, and TikTok's pages as the sandbox of `local/` draws them.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from local import browser, identity, screen_recording, stack
from local.failure import Failure
from local.home import PROJECT, Home
from local.screen_recording import Recording
from local.stack import Person, RunningStack
from local.steps import Steps
from local.user_journey import UserJourney

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

VIDEO = PROJECT / "tests" / "clips" / "demo.mp4"
INSTRUCTIONS = "Show our new colours: post this video this week"
LINGER_MS = 1200.0
TIMEOUT_SECONDS = 30.0
_HIGHLIGHT_SCRIPT = """(each, milliseconds) => {
  each.style.outline = "3px solid #f2a200"
  each.style.outlineOffset = "2px"
  setTimeout(() => { each.style.outline = each.style.outlineOffset = "" }, milliseconds)
}"""
"""Draws a line around what is pressed next: a browser without a window shows no pointer."""
CHAPTERS = (
    ("A manager publishes a video", "Greenroom checks the file and offers it to the members."),
    (
        "A member connects their TikTok account",
        "user.info.basic shows which account it is; video.upload sends the chosen video to it.",
    ),
    ("The member posts it in TikTok", "Greenroom posts nothing: the member edits and posts."),
    ("Greenroom learns that it was posted", "From TikTok's webhook; the history follows."),
)


def make(to: Path) -> float:
    """Write the film of a stack of its own; return its length in seconds.

    Raises `Failure` without Chromium, ffmpeg or a console that can be built.
    """
    screen_recording.encoder()
    steps = Steps(total=3)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="greenroom-film-") as temporary:
        folder = Path(temporary)
        with steps.step("Bringing a stack up"):
            home = Home(folder / "stack")
            supervisor = stack.start_in_background(home, ("--throwaway",))
            running = stack.wait_until_ready(home, supervisor)
        try:
            with steps.step("Filming the main job"), browser.launched() as chromium:
                taken = record_journey(
                    partial(_opened, chromium, running), running, folder, LINGER_MS
                )
        finally:
            supervisor.stop()
        with steps.step("Writing the video"):
            taken.write(to)
    return taken.seconds


def record_journey(
    opened: Callable[[bool], "Page"], running: RunningStack, folder: Path, linger_ms: float
) -> Recording:
    """Film the main job, whose frames are kept in `folder`.

    `opened` opens the console in a browser of its own: of a phone if true, else of a desktop. Each
    thing that is pressed is marked for `linger_ms` before it is.
    """
    if not running.tiktok_url:
        raise Failure("This stack talks to TikTok itself.", "Unset the settings TIKTOK_...")
    taken = Recording(folder)
    job = UserJourney(
        INSTRUCTIONS, f"Walker {secrets.token_hex(3)}", before_press=partial(_highlight, linger_ms)
    )
    member = running.first("member")
    desk, phone = opened(False), opened(True)
    titles, inbox = desk.context.new_page(), phone.context.new_page()

    @contextmanager
    def chapter(page: "Page") -> Iterator[None]:
        number = len(record)
        title, words = CHAPTERS[number]
        record.append(title)
        taken.title(titles, f"{number + 1}. {title}", words)
        with taken.record(page):
            yield

    record: list[str] = []
    with chapter(desk):
        job.sign_in(desk, running.first("manager"))
        job.publish(desk, VIDEO)
    with chapter(phone):
        job.sign_in(phone, member)
        job.send(phone)
    with chapter(inbox):
        job.post(inbox, running.tiktok_url, _tiktok_name(running, member))
    with chapter(phone):
        job.check_history(phone)
    return taken


def _tiktok_name(running: RunningStack, member: Person) -> str:
    token = identity.sign_in(running.api_url, member.email, member.password)
    answer = requests.get(
        f"{running.api_url}/tiktok/account",
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    return str(answer.json()["display_name"])


def _highlight(linger_ms: float, thing: "Locator") -> None:
    thing.scroll_into_view_if_needed()
    thing.evaluate(_HIGHLIGHT_SCRIPT, linger_ms)
    thing.page.wait_for_timeout(linger_ms)


def _opened(chromium: "Browser", running: RunningStack, phone: bool) -> "Page":
    if not running.console_url:
        raise Failure(
            "The console was not built, so there is nothing to film.", "Run make console."
        )
    shape: Any = {"viewport": browser.PHONE if phone else browser.DESKTOP, "locale": "en-GB"}
    # Anything that moves while one waits would make each wait as long in the video as it was.
    context = chromium.new_context(
        **shape, has_touch=phone, is_mobile=phone, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(running.console_url)
    return page
