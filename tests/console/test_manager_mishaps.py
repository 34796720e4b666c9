"""What gets in a manager's way: limits, clocks that change, a new zone meanwhile."""

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.managers import NEW, manage, menu
from tests.console.members import DESKTOP, PHONE, Device, People, Somebody, quiet
from tests.console.test_manager_sessions import second_manager
from tests.e2e.waiting import wait_for

MOST_WEBHOOKS = 10
CROWD = 101
AT_ONCE = 100
TWICE = "2027-10-31T02:30"  # Berlin's clocks go back then
FIRST, SECOND = "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"
AWAY_MS = 120_000


def activity(people: People, words: str, **more: object) -> str:
    made = people.manager.create(people.upload_id, instructions=words, **more)
    return str(made["activity_id"])


def read(people: People, activity_id: str) -> dict[str, object]:
    found: dict[str, object] = people.manager.get(f"/activities/{activity_id}").body
    return found


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def offsets(page: Page, field: str) -> Locator:
    return page.get_by_role("group", name=field, exact=True).get_by_role("radio")


def test_a_manager_at_a_limit_reads_the_limit_and_what_to_do_and_keeps_what_was_typed(
    people: People,
) -> None:
    hook = {"url": "https://hooks.example/full", "format": "json", "language": "en", "types": []}
    made = [
        people.manager.post("/webhooks", {**hook, "name": f"Hook {number}"})
        for number in range(MOST_WEBHOOKS)
    ]
    assert {each.status for each in made} == {201}
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/webhooks?new")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("One too many")
        dialog.get_by_label("Address").fill("https://hooks.example/more")
        dialog.get_by_role("button", name="Create").click()
        told = dialog.get_by_role("alert")
        expect(told).to_contain_text(f"At most {MOST_WEBHOOKS} webhooks. Remove one.")
        expect(told).to_be_in_viewport()
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("One too many")
        # What it says to do helps.
        assert people.manager.delete(f"/webhooks/{made[0].body['webhook_id']}").status == 204
        dialog.get_by_role("button", name="Create").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("row").filter(has_text="One too many")).to_have_count(1)
    for each in people.manager.get("/webhooks").body["items"]:
        people.manager.delete(f"/webhooks/{each['webhook_id']}")


def test_text_or_a_link_dropped_on_the_page_is_told_and_takes_nothing_away(
    people: People,
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        field = page.get_by_label("Instructions")
        field.fill("Typed with care")
        heading = page.get_by_role("heading", level=1)
        # A link that is let go of beside the form: a browser would open it.
        page.get_by_role("link", name="Campaigns").drag_to(heading)
        told = page.get_by_text("That is no file, so nothing was taken.")
        expect(told).to_be_visible()
        expect(page).to_have_url(re.compile(f"{NEW}$"))
        # Text that is dragged out of its field stays in it.
        field.select_text()
        field.drag_to(heading, source_position={"x": 30, "y": 18})
        expect(told.first).to_be_visible()
        expect(field).to_have_value("Typed with care")
        # Into a field it goes, as everywhere.
        words = page.get_by_text("Members read this beside the video.")
        words.select_text()
        words.drag_to(field)
        expect(field).to_have_value(re.compile("Members read this beside the video"))


def test_an_end_that_exists_twice_is_asked_about_as_a_start_is(people: People) -> None:
    words = f"Twofold {secrets.token_hex(3)}"
    made = activity(people, words)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/activities/{made}")
        page.get_by_label("Ends").fill(TWICE)
        expect(page.get_by_text("so this time happens twice")).to_be_visible()
        expect(offsets(page, "Ends")).to_have_count(2)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("This time happens twice that day.")).to_be_visible()
        assert read(people, made)["ends_at"] is None
        page.get_by_label("The first (UTC+02:00)").check()
        save(page)
        assert read(people, made)["ends_at"] == FIRST
        # Shown again it is the one that was meant, and can be made the other.
        page.reload()
        expect(page.get_by_label("Ends")).to_have_value(TWICE)
        expect(page.get_by_label("The first (UTC+02:00)")).to_be_checked()
        page.get_by_label("The second (UTC+01:00)").check()
        save(page)
        assert read(people, made)["ends_at"] == SECOND
        # What else is changed leaves it as it is.
        page.get_by_label("Points", exact=True).fill("7")
        save(page)
        assert read(people, made)["ends_at"] == SECOND


@pytest.mark.parametrize("meant", [FIRST, SECOND])
def test_a_duplicate_ends_at_the_very_one_of_two_equal_times_that_was_meant(
    people: People, meant: str
) -> None:
    words = f"Copied {secrets.token_hex(3)}"
    activity(people, words, ends_at=meant)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        menu(page, words, "Duplicate")
        expect(page.get_by_text("Nobody but you sees this yet.")).to_be_visible()
        label = "The first (UTC+02:00)" if meant == FIRST else "The second (UTC+01:00)"
        expect(page.get_by_label("Ends")).to_have_value(TWICE)
        expect(page.get_by_label(label)).to_be_checked()
        copied = page.url.rpartition("/")[2]
        page.get_by_role("button", name="Publish now").click()
        expect(page.get_by_text("Live", exact=True).first).to_be_visible()
        wait_for("The copy being published", lambda: read(people, copied)["ends_at"] == meant)


def crowded(people: People) -> tuple[str, list[str]]:
    """A channel of 101 people, the last of whom comes on a page of their own."""
    word = secrets.token_hex(3)
    lines = [f"crowd-{word}-{number}@console.example,Crowd {number:03}" for number in range(CROWD)]
    csv = "\n".join(["email,name", *lines])
    invited = people.manager.post("/members/import", {"csv": csv})
    assert invited.status == 200, invited.body
    ids = [str(each["member_id"]) for each in invited.body["lines"]]
    named = {"name": f"Crowd {word}", "kind": "private"}
    channel = str(people.manager.post("/channels", named).body["channel_id"])
    for some in (ids[:AT_ONCE], ids[AT_ONCE:]):
        answer = people.manager.post(f"/channels/{channel}/members", {"member_ids": some})
        assert answer.status == 204, answer.body
    return channel, ids


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_101st_person_of_a_channel_is_shown_and_can_be_taken_out(
    people: People, device: Device
) -> None:
    channel, ids = crowded(people)
    with people.visit(device) as visit:
        page = manage(people, visit, f"/manage/channels/{channel}")
        rows = page.get_by_role("table").locator("tbody tr")
        more = page.get_by_role("main").get_by_role("button", name="Show more")
        expect(rows.first).to_be_visible()
        while more.count():
            before = rows.count()
            more.click()
            expect(rows).not_to_have_count(before)
            quiet(visit, page)
        expect(rows).to_have_count(CROWD)
        assert len(set(rows.all_inner_texts())) == CROWD
        last = rows.last
        last.get_by_role("button").click()
        expect(rows).to_have_count(CROWD - 1)
        page.get_by_role("button", name="Undo").click()
        more.click()  # they are the first of a third page once more
        expect(rows).to_have_count(CROWD)
    there = people.manager.get(f"/channels/{channel}/members", limit=100).body
    assert there["next_cursor"]
    assert {each["member_id"] for each in there["items"]} < set(ids)


def in_zone(somebody: Somebody, zone: str) -> None:
    assert somebody.api.patch("/me", {"time_zone": zone}).status == 200


def test_a_time_means_what_was_read_when_it_was_typed_though_the_zone_changes_elsewhere(
    people: People,
) -> None:
    """In another tab, or on a telephone: the tab with the form has not heard of it yet."""
    boss = second_manager(people)
    in_zone(boss, "Europe/Berlin")
    made = activity(people, f"Zoned {secrets.token_hex(3)}")
    with people.visit(DESKTOP) as visit:
        page = boss.signed_in(visit, f"/manage/activities/{made}")
        page.clock.install()
        expect(page.get_by_text("Times are in your own zone, Berlin")).to_be_visible()
        page.get_by_label("Ends").fill("2027-06-01T18:00")
        in_zone(boss, "Asia/Tokyo")
        save(page)
        assert read(people, made)["ends_at"] == "2027-06-01T16:00:00Z"
        # Once it has heard, the same instant is shown in the new zone, what is being typed, too.
        page.get_by_label("Starts").fill("2027-05-01T10:00")
        page.clock.fast_forward(AWAY_MS)
        page.evaluate("dispatchEvent(new Event('visibilitychange'))")
        expect(page.get_by_text("Times are in your own zone, Tokyo")).to_be_visible()
        expect(page.get_by_label("Ends")).to_have_value("2027-06-02T01:00")
        expect(page.get_by_label("Starts")).to_have_value("2027-05-01T17:00")
        save(page)
        times = read(people, made)
        assert (times["starts_at"], times["ends_at"]) == (
            "2027-05-01T08:00:00Z",
            "2027-06-01T16:00:00Z",
        )


def test_a_zone_that_is_chosen_in_another_tab_moves_the_times_of_a_new_activity(
    people: People, clips: Path
) -> None:
    boss = second_manager(people)
    in_zone(boss, "Europe/Berlin")
    with people.visit(DESKTOP) as visit:
        page = boss.signed_in(visit, NEW)
        page.clock.install()
        page.get_by_label("Starts").fill("2027-06-01T18:00")
        other = visit.tab("/settings")
        other.get_by_label("Time zone").select_option("America/New_York")
        other.get_by_role("button", name="Save", exact=True).click()
        expect(other.get_by_text("Saved.")).to_be_visible()
        page.bring_to_front()
        page.clock.fast_forward(AWAY_MS)
        page.evaluate("dispatchEvent(new Event('visibilitychange'))")
        expect(page.get_by_text("Times are in your own zone, New York")).to_be_visible()
        expect(page.get_by_label("Starts")).to_have_value("2027-06-01T12:00")
