"""Reports, files of them and the worklist, as managers see them; what members saw, as told."""

import csv
import io
import re
from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.console.managers import manage
from tests.console.members import DESKTOP, PHONE, People, connected, quiet
from tests.e2e.tiktok_members import TICKED, Sender
from tests.e2e.waiting import wait_for


def counted(people: People, activity_id: str, **wanted: int) -> Any:
    """Wait until an activity's report has these numbers."""

    def there() -> Any:
        found = people.manager.get(f"/activities/{activity_id}/report").body
        whole = found["whole"]
        return found if all(whole[name] == each for name, each in wanted.items()) else None

    return wait_for(f"{activity_id} being counted as {wanted}", there)


def asked_for(page: Page, path: str) -> list[Any]:
    """Watch a page: what it sends to a path of the API."""
    sent: list[Any] = []

    def asked(request: Request) -> None:
        if request.method == "POST" and request.url.endswith(path):
            sent.append(request.post_data_json)

    page.on("request", asked)
    return sent


def step(page: Page, name: str) -> Any:
    funnel = page.get_by_role("table", name="From audience to post")
    return funnel.get_by_role("row", name=re.compile(f"^{name}"))


def test_visible_cards_are_reported_as_seen_in_one_batch_when_the_page_is_left(
    people: People,
) -> None:
    member = people.member()
    activity = people.activity_for(member)
    with people.visit(PHONE) as visit:
        page = member.signed_in(visit)
        sent = asked_for(page, "/v1/feed/seen")
        quiet(visit, page)
        card = page.get_by_role("article").first
        card.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert sent == []  # nothing is told while the first cards are looked at
        page.evaluate(
            "() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden' });"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        page.wait_for_timeout(500)
        assert len(sent) == 1
        assert activity in sent[0]["activity_ids"]
    counted(people, activity, seen=1, sent=0)


def test_an_activitys_report_shows_the_way_from_audience_to_post_and_who_sent_it(
    people: People,
) -> None:
    ana, ben = connected(people.member("Ana Ferreira")), people.member("Ben Okoro")
    activity = people.activity_for(ana, ben, instructions="Reported in the console")
    performance = ana.api.post(f"/activities/{activity}/perform", TICKED).body["performance_id"]
    sender = Sender(ana.api, people.tiktok, ana.tiktok_name)
    staged = sender.reaches(performance, "staged")
    people.tiktok.press(ana.tiktok_name, f"{staged['publish_id']}/post")
    counted(people, activity, posted=1)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/activities/{activity}/report")
        expect(page.get_by_role("heading", level=1)).to_have_text("Reported in the console")
        expect(step(page, "Audience")).to_contain_text("2")
        expect(step(page, "Posted")).to_contain_text("1")
        expect(page.get_by_text("Not seen yet")).to_be_visible()
        who = page.get_by_role("table", name="Who sent it")
        expect(who.get_by_role("row", name=re.compile("Ana Ferreira"))).to_contain_text("Posted")
        expect(page.get_by_role("img", name=re.compile("1 sent and 1 posted"))).to_be_visible()
        page.get_by_text("As a table").click()
        expect(page.get_by_role("table", name="By day")).to_be_visible()


def test_a_report_is_downloaded_as_a_file(people: People) -> None:
    people.member("=Sum(A1)")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/reports/members")
        expect(page.get_by_role("table")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("button", name="CSV").click()
        file = downloading.value
        assert re.fullmatch(r"greenroom-members-\d{4}-\d\d-\d\d\.csv", file.suggested_filename)
        text = file.path().read_text(encoding="utf-8-sig")
    names = {row["member"] for row in csv.DictReader(io.StringIO(text))}
    assert "'=Sum(A1)" in names


def test_the_overview_shows_what_needs_a_hand_and_leads_there(people: People) -> None:
    ana = connected(people.member("Ana Ferreira"))
    activity = people.activity_for(ana, instructions="Refused at first")
    people.tiktok.faults(
        {
            "endpoint": "init",
            "kind": "status",
            "status": 403,
            "error_code": "spam_risk_user_banned_from_posting",
            "times": 1,
        }
    )
    performance = ana.api.post(f"/activities/{activity}/perform", TICKED).body["performance_id"]
    Sender(ana.api, people.tiktok, ana.tiktok_name).reaches(performance, "failed")
    counted(people, activity, failed=1)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit)
        item = page.get_by_role("region", name="Needs a hand").get_by_role("listitem")
        mine = item.filter(has_text="Refused at first")
        expect(mine).to_contain_text("One send failed")
        expect(mine).to_contain_text("TikTok does not let this account post")
        mine.get_by_role("link", name="See who").click()
        expect(page).to_have_url(re.compile(f"/manage/activities/{activity}/report$"))
        who = page.get_by_role("table", name="Who sent it")
        expect(who.get_by_role("row", name=re.compile("Ana Ferreira"))).to_contain_text("Failed")


def test_see_who_lists_the_members_that_are_meant_and_nobody_else(people: People) -> None:
    meant = [people.member(name) for name in ("Lapsed Alva", "Lapsed Bram")]
    other = people.member("Lapsed by no means")
    items = [
        {
            "code": "account_to_reconnect",
            "title": "",
            "cause": "",
            "count": 2,
            "since": "2026-11-01",
            "reasons": [],
            "names": ["Lapsed Alva", "Lapsed Bram"],
            "member_ids": [each.member_id for each in meant],
            "to_do": {"code": "open_members", "label": "See who", "thing_id": None},
        }
    ]
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, "/settings")
        answer = {"items": items, "complete": True}
        page.route("**/v1/worklist", lambda route: route.fulfill(json=answer))
        page.get_by_role("link", name="Overview").click()
        part = page.get_by_role("region", name="Needs a hand")
        part.get_by_role("link", name="See who").click()
        rows = page.get_by_role("table").get_by_role("row")
        expect(rows).to_have_count(3)
        expect(rows.nth(1)).to_contain_text("Lapsed Alva")
        expect(rows.nth(2)).to_contain_text("Lapsed Bram")
        page.get_by_role("button", name="Show everybody").click()
        expect(rows.filter(has_text=other.person.email)).to_have_count(1)
        expect(page.get_by_role("button", name="Show everybody")).to_have_count(0)


def test_a_worklist_that_cannot_be_read_says_so_and_is_asked_for_again(people: People) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, "/settings")
        headers = {"X-Correlation-Id": "a-reference-3", "Content-Type": "application/problem+json"}
        answer = {"status": 409, "body": '{"code": "new", "detail": "No."}', "headers": headers}
        page.route("**/v1/worklist", lambda route: route.fulfill(**answer))
        page.get_by_role("link", name="Overview").click()
        part = page.get_by_role("region", name="Needs a hand")
        expect(part.get_by_role("alert")).to_contain_text("a-reference-3")
        page.unroute("**/v1/worklist")
        with page.expect_response("**/v1/worklist") as asked:
            part.get_by_role("button", name="Try again").click()
        assert asked.value.status == 200
        expect(part.get_by_role("alert")).to_have_count(0)


def test_the_list_of_activities_shows_what_came_of_each(people: People) -> None:
    ana = connected(people.member("Ana Ferreira"))
    activity = people.activity_for(ana, instructions="Counted in the list")
    ana.api.post(f"/activities/{activity}/perform", TICKED)
    counted(people, activity, staged=1)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        row = page.get_by_role("row", name=re.compile("Counted in the list"))
        cells = row.get_by_role("cell")
        expect(cells.nth(5)).to_have_text("1")  # sent
        expect(cells.nth(6)).to_have_text("1")  # in the inbox
        expect(cells.nth(7)).to_have_text("0")  # posted


def test_a_program_in_which_nothing_happened_has_reports_that_say_so(people: People) -> None:
    made = people.manager.post("/campaigns", {"name": "Untouched"}).body
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/campaigns/{made['campaign_id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text("Untouched")
        expect(step(page, "Sent")).to_contain_text("0")
        page.get_by_role("button", name="365 days").click()
        expect(step(page, "Sent")).to_contain_text("0")
