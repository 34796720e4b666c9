"""What members do shows in reports, worklist and files by itself, each program's in its own."""

import csv
import io
from typing import Any

import requests

from tests.e2e.deployed_stack import Program
from tests.e2e.people import TIMEOUT_SECONDS, Api
from tests.e2e.test_bad_input import UNKNOWN
from tests.e2e.tiktok_members import TikTokMembers
from tests.e2e.waiting import wait_for


def reported(api: Api, path: str, right: Any, **query: str) -> Any:
    """Wait until a report is right: events take some seconds."""

    def there() -> Any:
        answer = api.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.body if right(answer.body) else None

    return wait_for(f"{path} being right", there)


def test_a_send_that_is_posted_shows_in_every_report_and_only_in_its_programs(
    tiktok_members: TikTokMembers, berlin: Program, valid: str
) -> None:
    manager, sender = tiktok_members.manager, tiktok_members.one().connected()
    campaign = manager.post("/campaigns", {"name": "Reported"}).body["campaign_id"]
    channel = manager.post("/channels", {"name": "Reported", "kind": "public"}).body["channel_id"]
    assert sender.api.call("PUT", f"/channels/{channel}/members/me").status == 204
    activity = tiktok_members.activity(valid, campaign_id=campaign)
    before = manager.get("/reports/overview").body["numbers"]["posted"]
    assert sender.api.post("/feed/seen", {"activity_ids": [activity]}).status == 204
    performance = sender.perform(activity)
    staged = sender.reaches(performance, "staged")
    sender.tiktok.press(sender.name, f"{staged['publish_id']}/post")
    sender.reaches(performance, "posted")
    path = f"/activities/{activity}/report"
    report = reported(manager, path, lambda seen: seen["whole"]["posted"] == 1)
    told = {each["name"]: each["count"] for each in report["funnel"]}
    assert (told["seen"], told["sent"], told["staged"], told["posted"]) == (1, 1, 1, 1)
    assert told["audience"] >= 1
    assert report["whole"]["time_to_post"]["count"] == 1
    assert report["whole"]["time_to_perform"]["count"] == 1
    assert sum(day["posted"] for day in report["days"]) == 1
    (performer,) = manager.get(f"/activities/{activity}/performances").body["items"]
    assert (performer["member_id"], performer["status"]) == (sender.member_id, "posted")
    found = manager.get(f"/reports/campaigns/{campaign}").body
    assert (found["name"], found["numbers"]["posted"]) == ("Reported", 1)
    (totals,) = manager.get("/reports/activities", activity_ids=activity).body["items"]
    assert (totals["sent"], totals["posted"]) == (1, 1)
    overview = manager.get("/reports/overview").body
    assert overview["numbers"]["posted"] > before
    assert overview["active_members"] >= 1
    channels = manager.get("/reports/channels").body["items"]
    assert [each["posted"] for each in channels if each["channel_id"] == channel] == [1]
    members = manager.get("/reports/members", limit="100").body["items"]
    assert [each["posted"] for each in members if each["member_id"] == sender.member_id] == [1]
    assert berlin.manager.get(path).problem == (404, "not_found")
    (strange,) = berlin.manager.get("/reports/activities", activity_ids=activity).body["items"]
    assert strange["sent"] == 0


def test_a_refused_send_is_on_the_worklist_with_its_reason_until_it_is_made_good(
    tiktok_members: TikTokMembers, valid: str
) -> None:
    manager, sender = tiktok_members.manager, tiktok_members.one().connected()
    activity = tiktok_members.activity(valid, instructions="Refused at first")
    rule = {"endpoint": "init", "kind": "status", "status": 403, "times": 1}
    sender.tiktok.faults({**rule, "error_code": "spam_risk_user_banned_from_posting"})
    performance = sender.perform(activity)
    sender.reaches(performance, "failed")

    def mine(seen: Any) -> list[Any]:
        return [each for each in seen["items"] if each["to_do"]["thing_id"] == activity]

    seen = reported(manager, "/worklist", mine)
    (item,) = mine(seen)
    assert (item["code"], item["title"], item["count"]) == ("sends_failed", "Refused at first", 1)
    assert "does not let this account post" in item["cause"]
    sender.reaches(sender.perform(activity), "staged")
    reported(manager, "/worklist", lambda seen: not mine(seen))


def test_a_report_is_a_file_behind_a_link_that_needs_no_sign_in(
    tiktok_members: TikTokMembers, berlin: Program
) -> None:
    manager = tiktok_members.manager
    asked = manager.post("/reports/exports", {"report": "members"})
    assert (asked.status, asked.body["url"]) == (202, None)
    path = f"/reports/exports/{asked.body['export_id']}"
    ready = reported(manager, path, lambda seen: seen["status"] == "ready")
    fetched = requests.get(ready["url"], timeout=TIMEOUT_SECONDS)
    assert fetched.status_code == 200
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    text = fetched.content.decode("utf-8")
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == ready["rows"] > 1
    assert requests.get(ready["url"].partition("?")[0], timeout=TIMEOUT_SECONDS).status_code == 403
    assert berlin.manager.get(path).problem == (404, "not_found")


def test_every_report_can_be_had_as_a_file(tiktok_members: TikTokMembers, valid: str) -> None:
    manager, sender = tiktok_members.manager, tiktok_members.one().connected()
    activity = tiktok_members.activity(valid)
    sender.perform(activity)
    performances = f"/activities/{activity}/performances"
    reported(manager, performances, lambda seen: len(seen["items"]) == 1)
    campaign = manager.post("/campaigns", {"name": f"Files {activity}"}).body["campaign_id"]
    named = {"activity": activity, "performances": activity}
    asked = {
        report: manager.post(
            "/reports/exports",
            {
                "report": report,
                "activity_id": named.get(report),
                "campaign_id": campaign if report == "campaign" else None,
            },
        ).body["export_id"]
        for report in ("overview", "activity", "performances", "campaign", "channels")
    }
    for report, export_id in asked.items():
        path = f"/reports/exports/{export_id}"
        made = reported(manager, path, lambda seen: seen["status"] != "making")
        assert (report, made["status"]) == (report, "ready")


def test_periods_reversed_huge_or_of_no_calendar_are_refused_with_their_field(
    berlin: Program,
) -> None:
    api = berlin.manager
    for query, field in (
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"from": "2020-01-01", "to": "2026-11-01"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "yesterday"}, "from"),
    ):
        for path in ("/reports/overview", "/reports/members", "/reports/channels"):
            answer = api.get(path, **query)
            assert answer.problem == (422, "invalid_request"), (path, query)
            assert {each["field"] for each in answer.body["errors"]} == {field}, (path, query)
    empty = api.get("/reports/overview", **{"from": "2021-01-01", "to": "2021-01-31"})
    assert (empty.status, empty.body["numbers"]["sent"], len(empty.body["days"])) == (200, 0, 31)


def test_cursors_and_things_of_others_are_refused_like_those_that_do_not_exist(
    berlin: Program, tiktok_members: TikTokMembers, valid: str
) -> None:
    api = berlin.manager
    activity = tiktok_members.activity(valid)
    mine = tiktok_members.manager
    for path in ("/reports/members", "/reports/channels"):
        assert api.get(path, cursor="made-up").problem == (400, "invalid_cursor")
    path = f"/activities/{activity}/performances"
    assert mine.get(path, cursor="made-up").problem == (400, "invalid_cursor")
    assert api.get(f"/reports/campaigns/{UNKNOWN['campaign_id']}").problem == (404, "not_found")
    assert api.post("/feed/seen", {"activity_ids": [activity]}).problem == (404, "not_found")
    assert api.post("/feed/seen", {"activity_ids": []}).problem == (422, "invalid_request")
    many = {"activity_ids": [activity] * 51}
    assert api.post("/feed/seen", many).problem == (422, "invalid_request")
    too_many = ",".join([activity] * 26)
    answer = api.get("/reports/activities", activity_ids=too_many)
    assert answer.problem == (422, "invalid_request")
    asked = api.post("/reports/exports", {"report": "activity"})
    assert asked.problem == (422, "invalid_request")
    assert asked.body["errors"][0]["field"] == "activity_id"
    asked = api.post("/reports/exports", {"report": "members", "campaign_id": "cmp_made_up"})
    assert asked.problem == (422, "invalid_request")
    assert asked.body["errors"][0]["field"] == "campaign_id"


def test_the_command_that_recounts_finds_nothing_after_what_happened(
    tiktok_members: TikTokMembers, deployed: Any
) -> None:
    def nothing() -> bool:
        ran = deployed.command("reports", "rebuild", "--program", tiktok_members.program_id)
        return bool(ran.exit_code == 0)

    wait_for("A recount without differences", nothing)
    ran = deployed.command("reports", "rebuild", "--program", "prg_none")
    assert ran.exit_code == 1
    assert "There is no program" in ran.output
