"""Every member's screen: for screen readers, narrow, from right to left, by keyboard."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.axe import OF_COLOURS, Axe
from tests.console.members import PHONE, Device, People, Somebody, overflowing
from tests.console.walks import DEVICES, Walk, wrong
from tests.e2e.tiktok_members import Sender

SCREENS = (
    "/",
    "/history",
    "/history?performance={performance}",
    "/leaderboard",
    "/rewards",
    "/points",
    "/channels",
    "/settings",
    "/notifications",
    "/privacy",
    "/connected?result=denied",
    "/nowhere",
)
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen " * 3


def reminder(page: Page) -> None:
    page.locator("article button[class*=primary]").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def redeeming(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/rewards")
    page.locator("article button[class*=primary]").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def with_rewards(people: People, somebody: Somebody) -> None:
    """Let there be rewards of all kinds, and requests in every state."""
    for wanted in ({"price": 5}, {"price": 500}, {"price": 5, "stock": 3, "description": LONG}):
        made = people.manager.post("/rewards", {"title": LONG[:60], **wanted})
        assert made.status == 201, made.body
    given = {"amount": 60, "reason": LONG}
    assert people.manager.post(f"/members/{somebody.member_id}/points", given).status == 201
    decided: tuple[tuple[str, dict[str, str]], ...] = (
        ("fulfil", {"code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2, "note": LONG}),
        ("reject", {"reason": LONG}),
    )
    reward_id = str(made.body["reward_id"])
    for how, body in decided:
        asked = somebody.api.post(f"/rewards/{reward_id}/redeem", {"price": 5})
        assert asked.status == 201, asked.body
        path = f"/redemptions/{asked.body['redemption_id']}/{how}"
        assert people.manager.post(path, body).status == 200


@pytest.fixture(scope="module", params=DEVICES, ids=["phone", "desktop"])
def walked(request: pytest.FixtureRequest, people: People, violations: Axe) -> Iterator[Walk]:
    """All of them on a device: on the phone in words a third longer, on the desktop in German."""
    ana = people.member("Alexandra-Konstantina Papadimitrakopoulou")
    next_month = datetime.now(UTC) + timedelta(days=30)
    ends_at = f"{next_month:%Y-%m-%dT%H:%M}+00:00"
    people.activity_for(ana, featured=True, instructions=LONG, ends_at=ends_at)
    with_rewards(people, ana)
    sender = Sender(ana.api, people.tiktok)
    sender.connect()
    performance = sender.perform(people.activity_for(ana))
    sender.reaches(performance, "staged")
    screens = tuple(each.format(performance=performance) for each in SCREENS)
    device: Device = request.param
    lengthened = replace(device, lengthened=True)
    spoken = lengthened if device.touch else replace(device, locale="de-DE")
    with people.visit(spoken) as visit:
        yield Walk(visit, device, violations).over(
            ana, screens, {"reminder": reminder, "redeeming": redeeming}
        )


def test_axe_finds_nothing_on_any_screen_of_a_member_in_light_and_dark(walked: Walk) -> None:
    assert wrong(walked.violations) == {}


def test_no_screen_of_a_member_scrolls_sideways_narrow_zoomed_or_from_right_to_left(
    walked: Walk,
) -> None:
    assert wrong(walked.sideways) == {}


def test_all_words_of_a_member_are_read_whole_beside_each_other(walked: Walk) -> None:
    assert wrong(walked.illegible) == {}


def test_targets_of_members_are_large_enough_to_be_hit(walked: Walk) -> None:
    assert wrong(walked.small) == {}


def test_focus_is_seen_wherever_the_tab_key_leads_a_member(walked: Walk) -> None:
    assert wrong(walked.unseen_focus) == {}
    assert [place for place, reached in walked.reached.items() if reached == 0] == []


def test_the_rules_that_dark_screens_are_held_against_are_all_of_colours(
    people: People, violations: Axe
) -> None:
    with people.visit() as visit:
        assert violations.of_colours(visit.tab()) == set(OF_COLOURS)


def test_a_long_name_of_a_program_takes_two_lines_on_a_phone_and_is_told_whole(
    people: People,
) -> None:
    ana = people.member()
    name = "Alnwick & Berwick Community Coffee Roasters and Friends of the Coast"

    def renamed(route: Route) -> None:
        answer = route.fetch()
        me = answer.json()
        route.fulfill(response=answer, json={**me, "program": {**me["program"], "name": name}})

    with people.visit(PHONE, intercepting=True) as visit:
        visit.context.route("**/v1/me", renamed)
        page = ana.signed_in(visit)
        shown = page.locator("header").get_by_title(name)
        expect(shown).to_have_text(name)
        height = shown.evaluate(
            "element => element.clientHeight / parseFloat(getComputedStyle(element).lineHeight)"
        )
        assert round(height) == 2
        assert overflowing(page) == []


def test_reduced_motion_leaves_nothing_moving(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit(replace(PHONE, moving=True)) as visit:
        page = ana.signed_in(visit)
        page.emulate_media(reduced_motion="reduce")
        page.get_by_role("article").get_by_role("button", name=re.compile("Send$")).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        running = "document.getAnimations().filter(each => each.effect.getTiming().duration > 1)"
        assert page.evaluate(f"{running}.length") == 0


def test_it_can_be_installed(people: People) -> None:
    with people.visit() as visit:
        page = visit.tab()
        manifest = page.evaluate("fetch('/manifest.webmanifest').then(answer => answer.json())")
        assert manifest["display"] == "standalone"
        for icon in manifest["icons"]:
            status = page.evaluate("url => fetch(url).then(answer => answer.status)", icon["src"])
            assert status == 200
