"""What a stranger may try: markup in texts, frames, forms, false ways back."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from local import browser
from tests.console.members import (
    DESKTOP,
    PHONE,
    People,
    Somebody,
    Visit,
    overflowing,
    quiet,
)
from tests.console.test_manager_looks import SCREENS as OF_MANAGERS
from tests.console.test_member_looks import SCREENS as OF_MEMBERS

MARKUP = "<img src=x onerror=window.broken=1><script>window.broken=1</script>\"'><b>"
ARABIC = "مرحبا بكم في برنامجنا الجديد"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈" * 8
LONGEST = 2_000
STRANGER = "http://stranger.example"


def broken(page: Page) -> bool:
    return bool(
        page.evaluate(
            "window.broken !== undefined || document.querySelector('img[src=x], main b') !== null"
        )
    )


def written_everywhere(people: People, text: str, long_text: str) -> tuple[Somebody, list[str]]:
    """Write `text` wherever people write; return a member with all of it, and managers' paths.

    `long_text` goes where much room is: instructions, captions, what a reward is.
    """
    manager = people.manager
    asked = {"name": text, "disclosure": text, "rewards": True}
    assert manager.patch("/program", asked).status == 200
    somebody = people.member(text)
    campaign = manager.post("/campaigns", {"name": text}).body["campaign_id"]
    channel = manager.post("/channels", {"name": text, "kind": "public"}).body["channel_id"]
    ids = {"member_ids": [somebody.member_id]}
    assert manager.post(f"/channels/{channel}/members", ids).status == 204
    texts = {"instructions": long_text, "captions": [text], "campaign_id": campaign}
    made = manager.create(people.upload_id, channel_ids=[channel], **texts)
    given = {"amount": 100, "reason": text}
    assert manager.post(f"/members/{somebody.member_id}/points", given).status == 201
    offer = {"title": text, "price": 10, "description": long_text}
    reward = manager.post("/rewards", offer)
    assert reward.status == 201, reward.body
    path = f"/rewards/{reward.body['reward_id']}"
    redemptions = []
    for _ in range(2):
        redeemed = somebody.api.post(f"{path}/redeem", {"price": 10})
        assert redeemed.status == 201, redeemed.body
        redemptions.append(f"/redemptions/{redeemed.body['redemption_id']}")
    told = manager.post(f"{redemptions[0]}/fulfil", {"code": "A code", "note": text})
    assert told.status == 200, told.body
    refused = manager.post(f"{redemptions[1]}/reject", {"reason": text})
    assert refused.status == 200, refused.body
    activity = f"/manage/activities/{made['activity_id']}"
    paths = [f"/manage/channels/{channel}", activity, f"{activity}/report", f"/manage{path}"]
    return somebody, [*paths, f"/manage/campaigns/{campaign}"]


def test_markup_in_any_text_that_people_write_stays_text_on_every_screen(people: People) -> None:
    ana, of_one = written_everywhere(people, MARKUP, MARKUP)
    for somebody, device, paths in (
        (ana, PHONE, OF_MEMBERS),
        (people.managing(), DESKTOP, (*OF_MANAGERS, *of_one)),
    ):
        with people.visit(device) as visit:
            person = somebody.person
            browser.sign_in(visit.context, visit.origin, person.email, person.password)
            page = visit.tab("/")
            seen = set()
            for path in paths:
                page.goto(visit.origin + path)
                quiet(visit, page)
                assert not broken(page), path
                if page.get_by_role("main").get_by_text("<img src=x").count():
                    seen.add(path)
            assert seen >= {"/", "/rewards", "/points"} if device is PHONE else seen >= {*of_one}


@pytest.mark.parametrize("text", [ARABIC, EMOJI], ids=["right to left", "emoji"])
def test_texts_from_right_to_left_emoji_and_long_ones_keep_within_every_screen(
    people: People, text: str
) -> None:
    long_text = (text + " ") * (LONGEST // (len(text) + 1))
    ana, of_one = written_everywhere(people, text, long_text.strip())
    wide = {}
    for somebody, paths in ((ana, OF_MEMBERS), (people.managing(), (*OF_MANAGERS, *of_one))):
        with people.visit(PHONE) as visit:
            person = somebody.person
            browser.sign_in(visit.context, visit.origin, person.email, person.password)
            page = visit.tab("/")
            for path in paths:
                page.goto(visit.origin + path)
                quiet(visit, page)
                wide[path] = overflowing(page)
            page.goto(f"{visit.origin}/rewards")
            expect(page.get_by_role("main").get_by_text(text).first).to_be_visible()
    assert {path: found for path, found in wide.items() if found} == {}


@pytest.mark.parametrize("path", ["/", "/manage/program", "/v1/me"])
def test_no_page_of_a_stranger_frames_the_console(people: People, path: str) -> None:
    with people.visit(DESKTOP) as visit:
        page = at_a_stranger(visit, f"<iframe id=frame src='{visit.origin}{path}'></iframe>")
        page.wait_for_timeout(1_000)
        framed = page.frames[-1]
        assert framed != page.main_frame
        assert "Greenroom" not in framed.content()
        assert framed.url.startswith("chrome-error:")
        visit.complaints.clear()  # that it was refused is what is wanted


@pytest.mark.parametrize("route", ["session", "session/renew", "session/forgot"])
def test_no_form_of_a_stranger_does_anything_with_a_session(people: People, route: str) -> None:
    ana = people.member()
    with people.visit(DESKTOP) as visit:
        browser.sign_in(visit.context, visit.origin, ana.person.email, ana.person.password)
        before = visit.context.cookies(f"{visit.origin}/v1/session")
        body = json.dumps({"email": ana.person.email, "password": "Gr-of-a-stranger-1", "x": ""})
        name, _, rest = body.rpartition('""')
        page = at_a_stranger(
            visit,
            f"<form method=post enctype=text/plain action='{visit.origin}/v1/{route}'>"
            f"<input name='{name}\"' value='\"{rest}'><button>Win a prize</button></form>",
        )
        with page.expect_navigation() as done:
            page.get_by_role("button").click()
        answer = done.value
        assert answer is not None
        assert answer.status in {403, 415, 422}
        assert "id_token" not in answer.text()
        assert visit.context.cookies(f"{visit.origin}/v1/session") == before
        mine = visit.tab("/")
        expect(mine.get_by_role("heading", name="Your feed")).to_be_visible()


@pytest.mark.parametrize(
    "back",
    [
        "/connected?result=connected&activity=//stranger.example/",
        "/connected?result=denied&activity=javascript:window.broken=1",
        f"/connected?result={quote(MARKUP)}&problem={quote(MARKUP)}&activity={quote(MARKUP)}",
        "/?activity=//stranger.example",
        "//stranger.example/history",
        "/signed-in?code=1&state=2",
    ],
)
def test_no_address_of_the_console_leads_to_a_stranger_or_runs_anything(
    people: People, back: str
) -> None:
    ana = people.member()
    with people.visit(PHONE) as visit:
        browser.sign_in(visit.context, visit.origin, ana.person.email, ana.person.password)
        page = visit.tab(back)
        quiet(visit, page)
        for link in page.locator("main a").all():
            address = link.evaluate("each => each.href")
            assert address.startswith(f"{visit.origin}/"), address
        way = page.locator("main a").first
        if way.count():
            way.click()
            quiet(visit, page)
        assert page.url.startswith(f"{visit.origin}/")
        assert not broken(page)


def at_a_stranger(visit: Visit, content: str) -> Page:
    visit.context.route(
        f"{STRANGER}/**", lambda route: route.fulfill(content_type="text/html", body=content)
    )
    page = visit.context.new_page()
    page.goto(f"{STRANGER}/")
    return page
