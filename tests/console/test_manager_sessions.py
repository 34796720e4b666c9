"""Managers in bad times: no longer managers, a wrong clock, blocked cookies, an expired form."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from local import browser as browsers
from tests.console.managers import NEW, add_video, is_ready, manage
from tests.console.members import DESKTOP, People, Somebody, quiet, sign_in
from tests.e2e.deployed_stack import add_person
from tests.e2e.waiting import wait_for

DAY_MS = 86_400_000
TOLD_SECONDS = 90  # a removed or demoted person is out within a minute
REFUSALS = (
    (
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy expired.",
        "The upload form had expired.",
    ),
    (
        400,
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        "The storage refused it as too large. Videos here can be up to 50 MB.",
    ),
    (
        400,
        "EntityTooSmall",
        "Your proposed upload is smaller than the minimum allowed object size.",
        "The storage refused it because the file is empty.",
    ),
    (
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy Condition failed: "
        "[&quot;eq&quot;, &quot;$Content-Type&quot;, &quot;video/mp4&quot;]",
        "The storage refused the form.",
    ),
)
"""What S3 answers to a form: its status, code and message, and what a manager reads then."""


def second_manager(people: People) -> Somebody:
    email = f"boss-{secrets.token_hex(4)}@console.example"
    invited = {"email": email, "name": "Second Boss", "role": "manager"}
    assert people.manager.post("/members", invited).status == 201
    somebody = Somebody(people, add_person(people.deployed, email, people.program.program_id))
    assert somebody.api.get("/me").body["role"] == "manager"
    return somebody


def test_a_manager_who_is_demoted_at_work_is_told_and_loses_nothing_typed(people: People) -> None:
    boss = second_manager(people)
    with people.visit(DESKTOP) as visit:
        page = boss.signed_in(visit, "/manage/program")
        line = page.get_by_label("Disclosure line")
        expect(line).to_be_visible()
        member = {"role": "member"}
        assert people.manager.patch(f"/members/{boss.member_id}", member).status == 200
        typed: list[str] = []

        def told() -> bool:
            typed.append(f"Typed {secrets.token_hex(3)}")
            line.fill(typed[-1])
            page.get_by_role("button", name="Save", exact=True).click()
            either = page.get_by_text(re.compile("^(Saved|Only managers may do that.)"))
            expect(either.last).to_be_visible()
            return page.get_by_text("Only managers may do that.").is_visible()

        wait_for("The page telling that only managers may save", told, TOLD_SECONDS)
        expect(line).to_have_value(typed[-1])
        page.reload()
        expect(page.get_by_role("heading", name="For managers")).to_be_visible()
        expect(page.get_by_role("heading", name="Manage", exact=True)).to_have_count(0)
    assert people.manager.patch("/program", {"disclosure": ""}).status == 200


def test_a_manager_who_is_removed_at_work_is_told(people: People) -> None:
    boss = second_manager(people)
    with people.visit(DESKTOP) as visit:
        page = boss.signed_in(visit, "/manage/activities")
        assert people.manager.delete(f"/members/{boss.member_id}").status == 204
        title = page.get_by_role("heading", name="You are not in a program")

        def told() -> bool:
            page.reload()
            quiet(visit, page)
            return title.is_visible()

        wait_for("The page telling that it is closed", told, TOLD_SECONDS)
        expect(page.get_by_role("button", name="Sign out").first).to_be_visible()


@pytest.mark.parametrize("off_by_days", [-1, 1])
def test_on_a_device_whose_clock_is_a_day_off_managers_mean_and_see_true_times(
    people: People, clips: Path, off_by_days: int
) -> None:
    upload = people.manager.upload(clips / "demo.mp4")
    in_two_hours = datetime.now(UTC) + timedelta(hours=2)
    ends_at = f"{in_two_hours:%Y-%m-%dT%H:%M}+00:00"
    words = f"Ends soon {secrets.token_hex(3)}"
    made = people.manager.create(upload["upload_id"], instructions=words, ends_at=ends_at)
    with people.visit(DESKTOP) as visit:
        page = visit.tab("/manage/activities")
        page.clock.install()
        page.clock.set_system_time(page.evaluate("Date.now()") + off_by_days * DAY_MS)
        sign_in(page, people.managing().person)
        row = page.get_by_role("row").filter(has_text=words)
        expect(row.get_by_text("Live", exact=True).last).to_be_visible()
        page.get_by_role("link", name=words).click()
        page.get_by_label("Points", exact=True).fill("12")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    now = people.manager.get(f"/activities/{made['activity_id']}").body
    assert (now["points"], now["ends_at"]) == (12, made["ends_at"])


def test_where_cookies_are_blocked_a_manager_works_until_the_page_is_left_and_is_told_so(
    people: People, clips: Path, tmp_path: Path
) -> None:
    """In a browser whose settings block them, and all else that a page may keep with them."""
    boss = second_manager(people)
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    shape = {"viewport": browsers.DESKTOP, "locale": "en-GB"}
    with browsers.with_settings(people.browser, tmp_path, settings, **shape) as context:
        page = context.new_page()
        page.goto(str(people.deployed.stack.console_url).rstrip("/") + NEW)
        expect(page.get_by_text("This browser blocks cookies.")).to_be_visible()
        sign_in(page, boss.person)
        expect(page.get_by_text("This browser cannot keep a draft")).to_have_count(0)
        page.get_by_label("Instructions").fill("Nothing is kept here")
        expect(page.get_by_text("This browser cannot keep a draft")).to_be_visible()
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_role("heading", name="Nothing is kept here")).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_each_refusal_of_the_storage_is_told_in_words_and_a_fresh_form_goes_through(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        waiting = list(REFUSALS)

        def refuse(route: Route) -> None:
            if route.request.method != "POST" or not waiting:
                return route.continue_()
            status, code, message, _ = waiting.pop(0)
            body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            origin = {"Access-Control-Allow-Origin": visit.origin}
            return route.fulfill(
                status=status, body=body, headers={"Content-Type": "application/xml", **origin}
            )

        page.route(f"{visit.storage}/**", refuse)
        add_video(page, clips / "demo.mp4")
        for _, _, _, words in REFUSALS:
            stopped = page.get_by_role("alert").filter(has_text=words)
            expect(stopped).to_contain_text("starts again with a fresh form")
            stopped.get_by_role("button", name="Send it again").click()
        is_ready(page)
        assert waiting == []
