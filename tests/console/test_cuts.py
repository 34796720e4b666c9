"""Several cuts of a video, from the manager's form to each member's card and the report."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.console.managers import NEW, READY_MS, add_video, drop, is_ready, manage
from tests.console.members import DESKTOP, PHONE, People, connected
from tests.console.test_manager_publishing import made, publish
from tests.console.test_member import SEND, arrived, press, tick
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.waiting import wait_for


def add_cut(page: Page, number: int, file: Path) -> None:
    page.get_by_role("button", name="Add another cut").click()
    cut = page.get_by_role("group", name=f"Cut {number}", exact=True)
    expect(cut).to_be_visible()
    drop(page, file, on=f'[role=group][aria-label="Cut {number}"] button')
    expect(cut.get_by_text(file.name)).to_be_visible()


def three_cuts(page: Page, clips: Path, violations: Callable[[Page], list[str]]) -> None:
    """Add two cuts; before the third one that is too long, and one of the first file."""
    add_cut(page, 2, clips / "demo.webm")
    add_cut(page, 3, clips / "seventy_seconds.mp4")
    third = page.get_by_role("group", name="Cut 3", exact=True)
    expect(third.get_by_role("alert")).to_contain_text("1:10 long")
    assert violations(page) == []
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="One of the cuts")).to_be_visible()
    page.get_by_role("button", name="Remove cut 3").click()
    expect(page.get_by_role("button", name="Add another cut")).to_be_focused()
    add_cut(page, 3, clips / "demo.mp4")
    expect(third.get_by_text("This video is ready")).to_be_visible(timeout=READY_MS)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="are the same file")).to_be_visible()
    page.get_by_role("button", name="Remove cut 3").click()
    add_cut(page, 3, clips / "three_seconds.mp4")
    for number in (2, 3):
        cut = page.get_by_role("group", name=f"Cut {number}", exact=True)
        expect(cut.get_by_text("This video is ready")).to_be_visible(timeout=READY_MS)


def tries(page: Page, number: int, activity: Any, violations: Callable[[Page], list[str]]) -> None:
    """Choose the cut to try; what is sent names its upload."""
    page.get_by_role("button", name="Try it on me").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which cut").select_option(f"Cut {number}")
    assert violations(page) == []
    with page.expect_request("**/try") as trying:
        dialog.get_by_role("button").last.click()
    assert trying.value.post_data_json == {"upload_id": activity["cuts"][number - 1]["upload_id"]}


def test_cuts_are_published_together_and_each_member_sees_and_sends_their_own(
    people: People, clips: Path, violations: Callable[[Page], list[str]]
) -> None:
    members = [connected(people.member()) for _ in range(3)]
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Three ways to say it")
        three_cuts(page, clips, violations)
        page.reload()  # what has arrived is in the draft
        expect(page.get_by_role("group", name="Cut 3", exact=True)).to_be_visible()
        publish(page)
        expect(page.get_by_text("Live", exact=True).first).to_be_visible(timeout=READY_MS)
        expect(page.get_by_role("group", name="Cut 2", exact=True)).to_be_visible()
        activity = people.manager.get(f"/activities/{made(page)}").body
    assert [each["status"] for each in activity["cuts"]] == ["valid"] * 3
    sizes = {each["upload_id"]: each["video"]["size_bytes"] for each in activity["cuts"]}

    sent: Counter[int] = Counter()
    for member in members:
        with people.visit(PHONE) as visit:
            page = member.signed_in(visit)
            card = page.get_by_role("article").filter(has_text="Three ways to say it")
            shown = member.api.get(f"/feed/{activity['activity_id']}").body["video"]
            card.get_by_role("button", name=SEND).click()
            tick(page)
            press(page, SEND)
            arrived(page)
        (performance,) = member.performances()
        own = member.api.get(f"/performances/{performance['performance_id']}").body
        assert own["video_size_bytes"] == shown["size_bytes"]
        sent[shown["size_bytes"]] += 1

    report = counted(people, activity["activity_id"], len(members))
    assert {sizes[each["upload_id"]]: each["sent"] for each in report["cuts"]} == {
        size: sent[size] for size in sizes.values()
    }
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/activities/{activity['activity_id']}/report")
        rows = page.get_by_role("region", name="By cut").locator("tbody tr")
        expect(rows).to_have_count(3)
        for number, each in enumerate(report["cuts"]):
            expect(rows.nth(number)).to_contain_text(f"Cut {number + 1}")
            expect(rows.nth(number).get_by_role("cell").nth(1)).to_have_text(str(each["sent"]))
        # The bell is on every screen, and a notice may have come for the manager meanwhile.
        assert [each for each in violations(page) if "bell" not in each] == []
        page.get_by_role("link", name="Open the activity").click()
        expect(page.get_by_text("3 cuts: each member gets one of them. Somebody")).to_be_visible()
        tries(page, 2, activity, violations)


def counted(people: People, activity_id: str, staged: int) -> Any:
    """Wait until a report has counted so many videos in inboxes."""

    def there() -> Any:
        report = people.manager.get(f"/activities/{activity_id}/report").body
        return report if report["whole"]["staged"] == staged else None

    return wait_for("the report having them all", there)


def test_a_refused_cut_is_named_and_taken_away_and_the_activity_goes_live(
    people: People, deployed: DeployedStack, clips: Path
) -> None:
    manager = people.manager
    good = manager.upload(clips / "demo.mp4")["upload_id"]
    with deployed.validation_paused():
        form = manager.ask_for_upload()
        manager.post_file(form, (clips / "two_seconds.mp4").read_bytes())
        activity = manager.create(good, further_upload_ids=[form.upload_id])["activity_id"]
    assert manager.settled(activity)["status"] == "rejected"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/activities/{activity}")
        main = page.get_by_role("main")
        expect(main.get_by_text("Cut 2", exact=True).first).to_be_visible()
        page.get_by_role("button", name="Remove cut 2").click()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Live", exact=True).first).to_be_visible(timeout=READY_MS)
    assert manager.activity(activity)["cuts"] == []
