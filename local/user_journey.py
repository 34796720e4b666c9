"""The main user journey in a browser: publish a video, send it, post it, find it in the history."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.stack import Person

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

TIMEOUT_MS = 120_000
_SEND = re.compile("^(Add Your Account & Send|Send to TikTok)$")


def _nothing(_locator: "Locator") -> None:
    pass


@dataclass
class UserJourney:
    """One video on its way from the manager's laptop to a post, in pages that are open already."""

    instructions: str
    tiktok_name: str
    """The TikTok name given to a member who has not connected an account yet."""
    before_press: Callable[["Locator"], None] = _nothing
    """Called with each element before it is clicked."""

    def sign_in(self, page: "Page", person: Person) -> None:
        """Fill in and submit the sign-in screen."""
        page.set_default_timeout(TIMEOUT_MS)
        page.get_by_label("E-mail").fill(person.email)
        page.get_by_label("Password", exact=True).fill(person.password)
        self._press(page.get_by_role("button", name="Sign in", exact=True))

    def publish(self, page: "Page", video: Path) -> None:
        """Publish `video` as an activity, as a manager who has just signed in."""
        self._press(page.get_by_role("link", name="Activities", exact=True))
        self._press(page.get_by_role("link", name="New activity").first)
        page.get_by_role("button", name="Add your video").wait_for()
        page.locator("main input[type=file]").first.set_input_files(video)
        page.get_by_label("Instructions").fill(self.instructions)
        self._press(page.get_by_role("button", name="Publish"))
        page.get_by_text("Live", exact=True).first.wait_for()

    def send(self, phone: "Page") -> None:
        """Send the activity from the feed, connect TikTok if needed, and wait until it arrives."""
        card = phone.get_by_role("article").filter(has_text=self.instructions)
        self._press(card.get_by_role("button", name=_SEND))
        self._press(phone.get_by_role("checkbox", name=re.compile("^Before I post this video")))
        self._press(phone.get_by_role("dialog").get_by_role("button", name=_SEND))
        authorize = phone.get_by_role("button", name="Authorize")
        arrived = phone.get_by_role("heading", name="In your TikTok inbox")
        authorize.or_(arrived).wait_for()
        if authorize.is_visible():  # a kept stack's member is connected already
            phone.get_by_label("Somebody new").fill(self.tiktok_name)
            self._press(authorize)
        arrived.wait_for()

    def post(self, inbox: "Page", tiktok_url: str, display_name: str) -> None:
        """Post the video from the TikTok sandbox's inbox of the account of this name."""
        inbox.set_default_timeout(TIMEOUT_MS)
        inbox.goto(tiktok_url)
        self._press(inbox.get_by_role("link", name=display_name, exact=True))
        inbox.locator("video").first.wait_for()
        self._press(inbox.get_by_role("button", name="Post", exact=True).first)

    def check_history(self, phone: "Page") -> None:
        """Wait until the member's history lists the video as posted."""
        self._press(phone.get_by_role("link", name="History").first)
        row = phone.get_by_role("listitem").filter(has_text=self.instructions)
        row.get_by_text("Posted", exact=True).wait_for()

    def _press(self, locator: "Locator") -> None:
        locator.wait_for()
        self.before_press(locator)
        locator.click()
