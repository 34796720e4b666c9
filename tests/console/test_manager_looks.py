"""Every manager's screen: for screen readers, narrow, from right to left, by keyboard."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.axe import Axe
from tests.console.members import PHONE, Device, People
from tests.console.walks import DEVICES, Walk, wrong

TOO_LONG = Path(__file__).parent.parent / "clips" / "seventy_seconds.mp4"
SCREENS = (
    "/manage",
    "/manage/activities",
    "/manage/activities/new",
    "/manage/reports",
    "/manage/reports/members",
    "/manage/members",
    "/manage/members?invite",
    "/manage/members/import",
    "/manage/channels",
    "/manage/channels?new",
    "/manage/campaigns",
    "/manage/rewards",
    "/manage/rewards/new",
    "/manage/redemptions",
    "/manage/program",
    "/manage/webhooks",
    "/manage/webhooks?new",
    "/manage/audit",
)


@pytest.fixture(scope="module")
def paths(people: People) -> list[str]:
    """All of them, with the pages of one channel and one activity."""
    named = {"name": "Looked at", "kind": "private"}
    channel = people.manager.post("/channels", named).body["channel_id"]
    campaign = people.manager.post("/campaigns", {"name": "Looked at"}).body["campaign_id"]
    draft = {"instructions": "A suggestion that waits", "points": 20}
    assert people.manager.post("/drafts", draft).status == 201
    activity = people.manager.create(
        people.upload_id,
        instructions="Show the morning as it is, without words. " * 4,
        channel_ids=[channel],
        featured=True,
        captions=["One", "Two"],
    )
    reward = people.manager.post("/rewards", {"title": "Looked at", "price": 5, "stock": 3}).body
    asking = people.member("Dietrich-Alexander Wolkenstein-Trostburg")
    given = {"amount": 60, "reason": "To spend"}
    assert people.manager.post(f"/members/{asking.member_id}/points", given).status == 201
    path = f"/rewards/{reward['reward_id']}/redeem"
    assert asking.api.post(path, {"price": 5}).status == 201
    hook = {"name": "Looked at", "url": "https://hooks.example/looked-at", "types": ["member.left"]}
    assert people.manager.post("/webhooks", hook).status == 201
    return [
        *SCREENS,
        f"/manage/rewards/{reward['reward_id']}",
        f"/manage/channels/{channel}",
        f"/manage/activities/{activity['activity_id']}",
        f"/manage/activities/{activity['activity_id']}/report",
        f"/manage/campaigns/{campaign}",
        f"/manage/audit?thing={activity['activity_id']}",
    ]


def fulfilling(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/redemptions")
    page.get_by_role("main").locator("button[class*=primary]").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def rejecting(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/redemptions")
    page.get_by_role("main").locator("tbody tr").first.get_by_role("button").last.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def adjusting_points(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/members?status=active")
    page.get_by_role("main").locator("tbody button").first.click()
    page.get_by_role("menuitem").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio")).to_have_count(2)


def entry_of_the_audit_trail(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/audit")
    page.get_by_role("main").locator("tbody button").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("dd")).to_have_count(3)
    expect(dialog.get_by_role("button").last).to_be_visible()


def planning_a_repair(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/activities/new")
    page.locator("main input[type=file]").first.set_input_files(TOO_LONG)
    page.locator("#video section button[class*=primary]").click()
    expect(page.get_by_role("slider")).to_have_count(2)


def data_of_a_member(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/members")
    page.get_by_role("main").locator("tbody button").first.click()
    page.get_by_role("menuitem").filter(
        has_text=re.compile("daa?taa?|datos", re.IGNORECASE)
    ).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button").last.wait_for()
    expect(dialog.get_by_role("heading", level=3)).to_have_count(2)


def delivery_log(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/webhooks")
    page.get_by_role("main").locator("tbody button").first.click()
    page.get_by_role("menuitem").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def webhook_edited(page: Page) -> None:
    page.goto(f"{page.url.rstrip('/')}/manage/webhooks")
    page.get_by_role("main").locator("tbody button").first.click()
    page.get_by_role("menuitem").nth(1).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def command_menu(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()


def test_every_period_of_a_report_is_seen_at_once_on_a_phone(
    people: People, paths: list[str]
) -> None:
    (report,) = [path for path in paths if path.endswith("/report")]
    with people.visit(PHONE) as visit:
        page = people.managing().signed_in(visit, report)
        periods = page.get_by_role("group").filter(has_text="365 days")
        expect(periods.get_by_role("button")).to_have_count(5)
        assert periods.evaluate("element => element.scrollWidth <= element.clientWidth")


@pytest.fixture(scope="module", params=DEVICES, ids=["phone", "desktop"])
def walked(
    request: pytest.FixtureRequest,
    people: People,
    paths: list[str],
    violations: Axe,
) -> Iterator[Walk]:
    """All of them on a device: on the phone in words a third longer, on the desktop in Spanish."""
    device: Device = request.param
    lengthened = replace(device, lengthened=True)
    spoken = lengthened if device.touch else replace(device, locale="es-ES")
    with people.visit(spoken) as visit:
        also = {
            "fulfilling": fulfilling,
            "rejecting": rejecting,
            "adjusting points": adjusting_points,
            "audit entry": entry_of_the_audit_trail,
            "planning a repair": planning_a_repair,
            "data": data_of_a_member,
            "deliveries": delivery_log,
            "webhook": webhook_edited,
            "command menu": command_menu,
        }
        yield Walk(visit, device, violations).over(people.managing(), paths, also)


def test_axe_finds_nothing_on_any_screen_of_a_manager_in_light_and_dark(walked: Walk) -> None:
    assert wrong(walked.violations) == {}


def test_no_screen_of_a_manager_scrolls_sideways_narrow_zoomed_or_from_right_to_left(
    walked: Walk,
) -> None:
    assert wrong(walked.sideways) == {}


def test_all_words_of_a_manager_are_read_whole_beside_each_other(walked: Walk) -> None:
    assert wrong(walked.illegible) == {}


def test_targets_of_managers_are_large_enough_to_be_hit(walked: Walk) -> None:
    assert wrong(walked.small) == {}


def test_focus_is_seen_wherever_the_tab_key_leads_a_manager(walked: Walk) -> None:
    assert wrong(walked.unseen_focus) == {}
    assert [place for place, reached in walked.reached.items() if reached == 0] == []
