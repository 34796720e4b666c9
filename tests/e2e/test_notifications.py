"""Notices and their mails by themselves: from what happens to the app, the mail and its link."""

import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any

import requests

from chalicelib.notifications.routes import MAX_READ
from local.front import MAILS
from local.mail import Mail
from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import TIMEOUT_SECONDS, Api, Secret, Witness
from tests.e2e.tiktok_members import TikTokMembers
from tests.e2e.waiting import wait_for

PAGE = {"Accept": "text/html"}


def noticed(api: Api, right: Any) -> Any:
    """Wait until a member's notices are right: events take some seconds."""

    def there() -> Any:
        answer = api.get("/notifications")
        assert answer.status == 200, answer.body
        return answer.body if right(answer.body) else None

    return wait_for("The notice", there)


def whats(seen: Any) -> list[str]:
    return [each["what"] for each in seen["items"]]


def test_an_activity_is_news_until_it_is_seen_performed_or_read(
    tiktok_members: TikTokMembers, berlin: Program, valid: str
) -> None:
    member = tiktok_members.one().connected()
    title = f"News {secrets.token_hex(4)}"
    activity = tiktok_members.activity(valid, instructions=title)

    def mine(seen: Any) -> list[Any]:
        return [each for each in seen["items"] if each["thing_id"] == activity]

    seen = noticed(member.api, mine)
    (notice,) = mine(seen)
    assert (notice["what"], notice["title"], notice["read"]) == ("activity_opened", title, False)
    assert member.api.get("/me").body["unread_notices"] == seen["unread"] > 0
    read = member.api.post("/notifications/read", {"notice_ids": [notice["notice_id"]]})
    assert read.status == 204
    assert mine(member.api.get("/notifications").body)[0]["read"]
    assert member.api.get("/me").body["unread_notices"] == seen["unread"] - 1
    other = tiktok_members.one().connected()
    noticed(other.api, mine)
    assert other.api.post("/feed/seen", {"activity_ids": [activity]}).status == 204
    noticed(other.api, lambda seen: mine(seen)[0]["read"])
    member.perform(activity)
    noticed(member.api, lambda seen: not mine(seen))
    assert mine(berlin.member.get("/notifications").body) == []


def test_members_choose_how_they_are_mailed_and_bad_choices_are_refused(berlin: Program) -> None:
    api = berlin.member
    changed = api.call("PATCH", "/me/notifications", json={"kinds": {"points": "weekly"}})
    assert changed.status == 200
    mail = changed.body["mail"]
    assert mail["available"]
    assert (mail["kinds"]["points"], mail["kinds"]["account"]) == ("weekly", "at_once")
    for bad, field in (
        ({"hour": 24}, "hour"),
        ({"hour": -1}, "hour"),
        ({"weekday": 7}, "weekday"),
        ({"kinds": {"points": "hourly"}}, "kinds.points"),
        ({"kinds": {"gossip": "never"}}, "kinds.gossip"),
        ({"language": "tlh"}, "language"),
        ({"more": 1}, "more"),
    ):
        answer = api.call("PATCH", "/me/notifications", json=bad)
        assert answer.problem == (422, "invalid_request"), bad
        assert [each["field"] for each in answer.body["errors"]] == [field]
    too_many = api.post("/notifications/read", {"notice_ids": ["x"] * (MAX_READ + 1)})
    assert too_many.problem == (422, "invalid_request")
    assert api.post("/notifications/read", {"notice_ids": ["made#up"] * 3}).status == 204
    assert api.get("/notifications").body["mail"]["kinds"]["points"] == "weekly"


def mailed(deployed: DeployedStack, email: str, subject: str) -> Mail:
    return wait_for(
        f"The mail {subject!r}",
        lambda: next((each for each in deployed.mails_to(email) if subject in each.subject), None),
    )


def test_points_are_mailed_at_once_and_the_mails_link_stops_that(
    tiktok_members: TikTokMembers, deployed: DeployedStack, nobody: Api, witness: Witness
) -> None:
    manager, member = tiktok_members.manager, tiktok_members.one()
    chosen = member.api.call("PATCH", "/me/notifications", json={"kinds": {"points": "at_once"}})
    assert chosen.status == 200
    body = {"amount": 41, "reason": "Fair helper"}
    assert manager.post(f"/members/{member.member_id}/points", body).status == 201
    mail = mailed(deployed, member.api.email, "Your points were changed: +41")
    assert "Fair helper" in mail.text
    (link,) = re.findall(r"\S+/notifications/unsubscribe\?token=\S+", mail.text)
    token = link.partition("token=")[2]
    witness.secrets.add(Secret("unsubscribe token", token))
    origin = deployed.stack.api_url.removesuffix("/v1")
    listed = requests.get(f"{origin}{MAILS}", timeout=TIMEOUT_SECONDS).text
    assert "Your points were changed: +41" in listed
    assert f'href="{link}"' in listed
    shown = requests.get(link, headers=PAGE, timeout=TIMEOUT_SECONDS)
    assert (shown.status_code, '<form method="post">' in shown.text) == (200, True)
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert member.api.get("/notifications").body["mail"]["kinds"]["points"] == "at_once"
    looked = nobody.get("/notifications/unsubscribe", token=token)
    assert (looked.status, looked.body) == (200, {"unsubscribed": False})
    # As a mail program presses it: a form, no cookie, no page.
    for _ in range(2):
        pressed = nobody.call(
            "POST",
            "/notifications/unsubscribe",
            body=b"List-Unsubscribe=One-Click",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            token=token,
        )
        assert (pressed.status, pressed.body) == (200, {"unsubscribed": True})
        kinds = member.api.get("/notifications").body["mail"]["kinds"]
        assert (kinds["points"], kinds["rewards"]) == ("never", "at_once")
    altered = nobody.call("POST", "/notifications/unsubscribe", token=f"{token}A")
    assert altered.problem == (400, "unsubscribe_link_invalid")
    looked = nobody.get("/notifications/unsubscribe", token="made-up")
    assert looked.problem == (400, "unsubscribe_link_invalid")
    assert nobody.get("/notifications/unsubscribe").problem == (422, "invalid_request")
    large = nobody.call("POST", "/notifications/unsubscribe", body=b"x" * 65_537, token=token)
    assert large.problem == (413, "body_too_large")
    long = nobody.call("POST", "/notifications/unsubscribe", token="x" * 401)
    assert long.problem == (422, "invalid_request")


def test_a_bounce_switches_mails_off_and_is_on_the_worklist_until_they_are_wanted_again(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    manager, member = tiktok_members.manager, tiktok_members.one()
    detail = {
        "eventType": "Bounce",
        "mail": {
            "destination": [member.api.email],
            "tags": {
                "ses:configuration-set": [deployed.names["NoticeMails"]],
                "program": [tiktok_members.program_id],
                "member": [member.member_id],
                "claim": ["mai_unknown"],
            },
        },
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": member.api.email.upper()}],
        },
    }
    # Nobody but AWS may put events of SES on a bus: this is what the rule makes of one.
    told = {"source": "aws.ses", "detail-type": "Email Bounced", "detail": detail}
    queue = deployed.names["MailEventsQueue"]
    deployed.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(told))
    noticed(member.api, lambda seen: seen["mail"]["refused"] == "bounced")

    def listed() -> Any:
        items = manager.get("/worklist").body["items"]
        return [each for each in items if each["code"] == "mail_refused"]

    (item,) = wait_for("The item of the worklist", lambda: listed() or None)
    assert item["to_do"]["code"] == "open_members"
    again = member.api.call("PATCH", "/me/notifications", json={"mail_again": True})
    assert (again.status, again.body["mail"]["refused"]) == (200, None)
    assert listed() == []


def test_an_invitation_that_comes_back_is_on_the_worklist(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    manager, address = tiktok_members.manager, f"gone-{secrets.token_hex(4)}@demo.example"
    invited = manager.call("POST", "/members", json={"email": address})
    assert invited.status == 201, invited.body
    path = f"/members/{invited.body['member_id']}"

    def mailed() -> Any:
        member = manager.get(path).body
        return member if member["invitation_mail"] == "handed_over" else None

    wait_for("The mail", mailed)
    detail = {
        "eventType": "Bounce",
        "mail": {
            "timestamp": datetime.now(UTC).isoformat(),
            "destination": [address],
            "tags": {"ses:configuration-set": [deployed.names["NoticeMails"]]},
        },
        "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": address}]},
    }
    told = {"source": "aws.ses", "detail-type": "Email Bounced", "detail": detail}
    queue = deployed.names["MailEventsQueue"]
    deployed.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(told))

    def listed() -> Any:
        items = manager.get("/worklist").body["items"]
        return [each for each in items if each["code"] == "mail_failed"] or None

    (item,) = wait_for("The item of the worklist", listed)
    assert address in json.dumps(item)
    assert manager.get(path).body["invitation_mail"] == "failed"
    assert manager.call("DELETE", path).status == 204
