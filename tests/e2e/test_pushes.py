"""Pushes on the deployed stack: from a browser's subscription to what it opens, and its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from chalicelib.foundation.clock import SystemClock
from chalicelib.foundation.outgoing import HttpSender
from local.push_service import PushServer, PushService
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import TIMEOUT_SECONDS, Api
from tests.e2e.tiktok_members import Sender, TikTokMembers
from tests.e2e.waiting import wait_for

DAY = timedelta(hours=24, minutes=1)


class LaterClock(SystemClock):
    """The clock of a day later, handed in: nobody waits for a day."""

    def now(self) -> datetime:
        return datetime.now(UTC) + DAY


@pytest.fixture
def pushes() -> Iterator[PushService]:
    server = PushServer()
    yield server.service
    server.close()


def subscription(api: Api, pushes: PushService, label: str = "Browser") -> dict[str, Any]:
    told = api.get("/me/push")
    assert told.status == 200, told.body
    made = pushes.subscribe(told.body["public_key"])
    return {"endpoint": made["endpoint"], **made["keys"], "label": label, "language": "en"}


def subscribed(api: Api, pushes: PushService, label: str = "Browser") -> str:
    """Subscribe a browser of the local push service; return its address."""
    wanted = subscription(api, pushes, label)
    answer = api.post("/me/push/devices", wanted)
    assert answer.status == 200, answer.body
    return str(wanted["endpoint"])


def arrived(pushes: PushService, endpoint: str) -> list[Any]:
    return [each for each in pushes.to_json() if each["endpoint"] == endpoint]


def told(deployed: DeployedStack, pushes: PushService, endpoint: str, number: int) -> list[Any]:
    def there() -> Any:
        deployed.tick("NotificationsSendPushes")
        found = arrived(pushes, endpoint)
        return found if len(found) >= number else None

    return wait_for("The push", there)


def a_day_later(deployed: DeployedStack) -> int:
    """Send what is due a day from now, as the function would then; its tokens are of then, too."""
    container = deployed.container()
    container.clock = SystemClock()
    assert container.push_key.key_id  # made with the clock of now
    container.push_client = HttpSender((), deployed_networks(deployed))
    container.clock = LaterClock()
    return container.push_sender.push_due()


def deployed_networks(deployed: DeployedStack) -> Any:
    return deployed.container().settings.webhook_test_networks


def test_a_video_that_arrives_is_pushed_once_again_after_a_day_and_never_once_posted(
    deployed: DeployedStack, tiktok_members: TikTokMembers, valid: str, pushes: PushService
) -> None:
    waits, posts = tiktok_members.one().connected(), tiktok_members.one().connected()
    activity = tiktok_members.activity(valid, captions=["Copy me"], disclosure="#ad")
    endpoints = {each.name: subscribed(each.api, pushes) for each in (waits, posts)}
    performances = {each.name: each.perform(activity) for each in (waits, posts)}
    for each in (waits, posts):
        each.reaches(performances[each.name], "staged")
        (push,) = told(deployed, pushes, endpoints[each.name], 1)
        message = push["message"]
        assert message["title"] == "Your video is in your TikTok inbox"
        assert "Caption to copy: Copy me\nDisclose it: #ad" in message["body"]
        assert message["tag"] == performances[each.name]
        assert message["url"] == f"/history?performance={performances[each.name]}"
    publish_id = posts.performance(performances[posts.name])["publish_id"]
    posts.tiktok.press(posts.name, f"{publish_id}/post")
    posts.reaches(performances[posts.name], "posted")
    deployed.tick("NotificationsSendPushes")
    assert len(arrived(pushes, endpoints[waits.name])) == 1
    a_day_later(deployed)
    a_day_later(deployed)
    titles = [each["message"]["title"] for each in arrived(pushes, endpoints[waits.name])]
    assert titles == [
        "Your video is in your TikTok inbox",
        "Your video still waits in your TikTok inbox",
    ]
    assert len(arrived(pushes, endpoints[posts.name])) == 1


def test_a_browser_that_unsubscribed_is_forgotten(
    deployed: DeployedStack, tiktok_members: TikTokMembers, valid: str, pushes: PushService
) -> None:
    member = tiktok_members.one().connected()
    endpoint = subscribed(member.api, pushes)
    assert len(devices(member)) == 1
    gone = requests.delete(endpoint, timeout=TIMEOUT_SECONDS)
    assert gone.status_code == 204
    member.reaches(member.perform(tiktok_members.activity(valid)), "staged")

    def forgotten() -> bool:
        deployed.tick("NotificationsSendPushes")
        return devices(member) == []

    wait_for("The browser being forgotten", forgotten)
    assert arrived(pushes, endpoint) == []


def devices(member: Sender) -> list[Any]:
    found: list[Any] = member.api.get("/me/push").body["devices"]
    return found


def test_devices_are_listed_switched_off_and_bounded(
    tiktok_members: TikTokMembers, pushes: PushService
) -> None:
    member = tiktok_members.one()
    api = member.api
    for number in range(5):
        subscribed(api, pushes, f"Browser {number}")
    listed = api.get("/me/push").body
    assert [each["label"] for each in listed["devices"]] == [f"Browser {n}" for n in range(5)]
    assert listed["limit"] == 5
    assert "endpoint" not in str(listed)
    body = subscription(api, pushes, "One more")
    assert api.post("/me/push/devices", body).problem == (409, "limit_reached")
    first = listed["devices"][0]["device_id"]
    assert api.delete(f"/me/push/devices/{first}").status == 204
    assert api.delete(f"/me/push/devices/{first}").problem == (404, "not_found")
    assert api.post("/me/push/devices", body).status == 200
    assert api.delete("/me/push/devices").status == 204
    assert api.get("/me/push").body["devices"] == []


def test_hostile_subscriptions_are_refused(
    tiktok_members: TikTokMembers, pushes: PushService
) -> None:
    api = tiktok_members.one().api
    good = subscription(api, pushes)
    for changed, field in (
        ({"endpoint": "http://push.example/x"}, "endpoint"),
        ({"endpoint": "https://10.0.0.1/x"}, "endpoint"),
        ({"endpoint": "https://169.254.169.254/x"}, "endpoint"),
        ({"endpoint": "https://[fd00::1]/x"}, "endpoint"),
        ({"endpoint": "https://push.internal/x"}, "endpoint"),
        ({"endpoint": "https://push.example:22/x"}, "endpoint"),
        ({"endpoint": "x" * 1001}, "endpoint"),
        ({"p256dh": "AAAA"}, "p256dh"),
        ({"p256dh": ""}, "p256dh"),
        ({"auth": "AAAA"}, "auth"),
        ({"label": "x" * 61}, "label"),
        ({"language": "tlh"}, "language"),
        ({"more": 1}, "more"),
    ):
        answer = api.post("/me/push/devices", {**good, **changed})
        assert answer.problem == (422, "invalid_request"), changed
        assert [each["field"] for each in answer.body["errors"]] == [field], changed
    assert api.get("/me/push").body["devices"] == []


def test_a_removed_members_browsers_are_forgotten(
    deployed: DeployedStack, tiktok_members: TikTokMembers, pushes: PushService
) -> None:
    member = tiktok_members.one()
    subscribed(member.api, pushes)
    owner = f"{tiktok_members.program_id}/{member.member_id}"
    assert tiktok_members.manager.delete(f"/members/{member.member_id}").status == 204
    table = deployed.table("NoticesTable")
    wait_for(
        "The browsers being forgotten",
        lambda: "Item" not in table.get_item(Key={"owner": owner, "item": "pushes"}),
    )
