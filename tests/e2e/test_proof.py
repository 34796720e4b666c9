"""Views of posts, from the consent at TikTok through the clock to reports, and all of it back."""

from typing import Any

import requests

from tests.e2e.deployed_stack import DeployedStack, Program, an_hour_ago
from tests.e2e.people import TIMEOUT_SECONDS
from tests.e2e.test_reports import reported
from tests.e2e.tiktok_members import SCOPES, Sender, TikTokMembers, once

ALL_SCOPES = f"{SCOPES},video.list"
COUNTS = "PerformancesSyncViews"


def allows(sender: Sender, scopes: str = ALL_SCOPES) -> None:
    """Let a member allow on TikTok's page that views are read, or leave that switched off."""
    answer = sender.api.post("/tiktok/views")
    assert answer.status == 200, answer.body
    url, cookie = sender.begin(answer)
    came = sender.come_back(cookie, sender.tiktok.consent(url, sender.name, scopes=scopes))
    assert came.status == 200, came.body


def lever(sender: Sender, name: str, **body: Any) -> None:
    answer = requests.post(
        f"{sender.tiktok.url}/_sandbox/{name}", json=body, timeout=TIMEOUT_SECONDS
    )
    assert answer.ok, answer.text


def posts(deployed: DeployedStack, sender: Sender, activity_id: str) -> tuple[str, str]:
    """Send a video and post it for all to see; returns performance and post."""
    performance_id = sender.perform(activity_id)
    staged = sender.reaches(performance_id, "staged")
    sender.tiktok.press(sender.name, f"{staged['publish_id']}/post")
    once(lambda: "post_id" in deployed.stored_performance(performance_id), "the post's id")
    return performance_id, str(deployed.stored_performance(performance_id)["post_id"])


def is_due(deployed: DeployedStack, performance_id: str) -> None:
    item = deployed.stored_performance(performance_id)
    deployed.table("PerformancesTable").update_item(
        Key={"owner": item["owner"], "performance_id": performance_id},
        UpdateExpression="SET count_at = :past",
        ConditionExpression="counts_in = :in",
        ExpressionAttributeValues={":past": an_hour_ago(), ":in": "counts"},
    )


def changed_long_ago(deployed: DeployedStack, sender: Sender) -> None:
    """Move the marker that a member's consent changed an hour back."""
    account = deployed.stored_account(sender.member_id)
    deployed.table("AccountsTable").update_item(
        Key={"key": account["key"], "item": "views"},
        UpdateExpression="SET pending_at = :past",
        ConditionExpression="attribute_exists(pending_at)",
        ExpressionAttributeValues={":past": an_hour_ago()},
    )


def test_views_follow_the_members_consent_and_go_with_it(
    deployed: DeployedStack, tiktok_members: TikTokMembers, berlin: Program, valid: str
) -> None:
    manager, sender = tiktok_members.manager, tiktok_members.one().connected()
    campaign = manager.post("/campaigns", {"name": "Proven"}).body["campaign_id"]
    activity = tiktok_members.activity(valid, campaign_id=campaign, posted_bonus=5)
    account = sender.api.get("/tiktok/account").body
    assert (account["views_offered"], account["views_since"]) == (True, None)
    allows(sender, SCOPES)
    assert sender.api.get("/tiktok/account").body["views_since"] is None
    performance, post = posts(deployed, sender, activity)
    assert "count_at" not in deployed.stored_performance(performance)

    allows(sender)
    assert sender.api.get("/tiktok/account").body["views_since"]
    changed_long_ago(deployed, sender)
    lever(sender, "counts", post_id=post, views=1500, likes=20, comments=3, shares=1)
    assert deployed.tick(COUNTS) >= 1
    counted = sender.performance(performance)["counted"]
    assert (counted["views"], counted["likes"], counted["comments"]) == (1500, 20, 3)
    assert counted["link"].startswith("https://www.tiktok.com/")
    path = f"/reports/campaigns/{campaign}"
    numbers = reported(manager, path, lambda seen: seen["numbers"]["views"])["numbers"]
    assert (numbers["posted"], numbers["counted_posts"], numbers["views"]) == (1, 1, 1500)
    assert (numbers["counted_points"], numbers["points_per_thousand_views"]) == (15, 10.0)
    assert berlin.manager.get(path).problem == (404, "not_found")

    lever(sender, "tokens", person=sender.name, expire=["access"])
    lever(sender, "counts", post_id=post, views=1600, likes=20, comments=3, shares=1)
    is_due(deployed, performance)
    deployed.tick(COUNTS)
    assert sender.performance(performance)["counted"]["views"] == 1600

    assert sender.api.call("DELETE", "/tiktok/views").status == 204
    assert sender.performance(performance)["counted"] is None
    assert sender.api.get("/tiktok/account").body["status"] == "connected"
    gone = reported(manager, path, lambda seen: seen["numbers"]["views"] == 0)["numbers"]
    assert (gone["posted"], gone["counted_posts"], gone["counted_points"]) == (1, 0, 0)


def test_a_permission_taken_back_at_tiktok_ends_with_the_next_reading(
    deployed: DeployedStack, tiktok_members: TikTokMembers, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    allows(sender)
    performance, _ = posts(deployed, sender, tiktok_members.activity(valid))
    is_due(deployed, performance)
    deployed.tick(COUNTS)
    assert sender.performance(performance)["counted"]["views"] == 0
    sender.tiktok.faults(
        {
            "endpoint": "video_query",
            "kind": "status",
            "status": 401,
            "error_code": "scope_not_authorized",
        }
    )
    is_due(deployed, performance)
    deployed.tick(COUNTS)
    assert sender.performance(performance)["counted"] is None
    account = sender.api.get("/tiktok/account").body
    assert (account["status"], account["views_since"]) == ("connected", None)


def test_a_due_count_without_a_consent_or_an_account_is_dropped(
    deployed: DeployedStack, tiktok_members: TikTokMembers, valid: str
) -> None:
    """As a race leaves it: the consent is gone, and the post still in the index."""
    sender, lapsed = tiktok_members.one().connected(), tiktok_members.one().connected()
    for each in (sender, lapsed):
        allows(each)
    performance, _ = posts(deployed, sender, tiktok_members.activity(valid))
    waiting, _ = posts(deployed, lapsed, tiktok_members.activity(valid))
    stored = deployed.stored_account(sender.member_id)
    deployed.table("AccountsTable").update_item(
        Key={"key": stored["key"], "item": "account"}, UpdateExpression="REMOVE views_since"
    )
    lever(lapsed, "tokens", person=lapsed.name, expire=["access", "refresh"])
    for due in (performance, waiting):
        is_due(deployed, due)
    deployed.tick(COUNTS)
    assert "counts_in" not in deployed.stored_performance(performance)
    assert lapsed.api.get("/tiktok/account").body["status"] == "reconnect_required"
    assert lapsed.performance(waiting)["counted"] is None
    assert "counts_in" in deployed.stored_performance(waiting)
