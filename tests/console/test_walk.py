"""README's first page, followed to the letter with nothing but a browser."""

import re
import secrets
from pathlib import Path

from playwright.sync_api import expect

from local.home import PROJECT
from local.stack import RunningStack
from tests.console.conftest import Browsing
from tests.console.managers import READY_MS, add_video
from tests.console.members import sign_in
from tests.e2e.people import Api, Witness

WALK = (
    "sign in as one of them",
    "opens *Activities*, then *New activity*",
    "finds it in the feed, presses **Add Your Account & Send**",
    "types any name and authorizes",
    "choose that person, watch the video in their inbox and press **Post**",
    "*History* says *Posted*",
)
PATIENCE_MS = 120_000


def test_a_video_is_published_sent_and_posted_as_the_readme_says(
    browsing: Browsing, stack: RunningStack, witness: Witness, clips: Path
) -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert [words for words in WALK if words not in readme] == []

    manager, member = stack.first("manager"), stack.first("member")
    page = browsing.page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in(page, manager)
    page.get_by_role("link", name="Activities", exact=True).click()
    page.get_by_role("link", name="New activity").first.click()
    add_video(page, clips / "demo.mp4")
    page.get_by_label("Instructions").fill("The walk of the readme")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible(timeout=READY_MS)

    phone = browsing.page(phone=True)
    phone.set_default_timeout(PATIENCE_MS)
    sign_in(phone, member)
    card = phone.get_by_role("article").filter(has_text="The walk of the readme")
    send = re.compile("^(Add Your Account & Send|Send to TikTok)$")
    card.get_by_role("button", name=send).click()
    phone.get_by_role("checkbox", name=re.compile("^Before I post this video")).check()
    phone.get_by_role("dialog").get_by_role("button", name=send).click()
    authorize = phone.get_by_role("button", name="Authorize")
    arrived = phone.get_by_role("heading", name="In your TikTok inbox")
    expect(authorize.or_(arrived)).to_be_visible(timeout=PATIENCE_MS)
    if authorize.is_visible():  # a stack that was kept may know the account from before
        phone.get_by_label("Somebody new").fill(f"Walker {secrets.token_hex(3)}")
        authorize.click()
    expect(arrived).to_be_visible(timeout=PATIENCE_MS)
    account = Api.of(stack, witness, member).get("/tiktok/account").body

    inbox = browsing.context().new_page()
    inbox.set_default_timeout(PATIENCE_MS)
    inbox.goto(str(stack.tiktok_url))
    inbox.get_by_role("link", name=account["display_name"], exact=True).click()
    expect(inbox.locator("video").first).to_be_visible()
    inbox.get_by_role("button", name="Post", exact=True).first.click()

    phone.get_by_role("link", name="History").first.click()
    row = phone.get_by_role("listitem").filter(has_text="The walk of the readme")
    expect(row.get_by_text("Posted", exact=True)).to_be_visible(timeout=PATIENCE_MS)
