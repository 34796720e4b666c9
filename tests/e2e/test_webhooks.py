"""TikTok's webhooks: believed when signed over the very bytes, and only as far as they go."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Answer, Api, Secret
from tests.e2e.tiktok_members import Sender, TikTokMembers


@dataclass(frozen=True)
class Hooks:
    """TikTok's hand, with the app's client secret."""

    api: Api
    secret: str

    def sign(self, body: bytes, at: float | None = None, secret: str | None = None) -> str:
        stamp = str(int(time.time() if at is None else at))
        key = (secret or self.secret).encode()
        digest = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        self.api.witness.secrets.add(Secret("webhook signature", digest))
        return f"t={stamp},s={digest}"

    def send(self, body: bytes, signature: str | None) -> Answer:
        headers = {} if signature is None else {"TikTok-Signature": signature}
        return self.api.call("POST", "/tiktok/webhook", body=body, headers=headers)

    def tell(self, event: str, publish_id: str, **more: Any) -> Answer:
        body = told(event, publish_id, **more)
        return self.send(body, self.sign(body))


def told(event: str, publish_id: str, **more: Any) -> bytes:
    return json.dumps(
        {
            "client_key": "key",
            "event": event,
            "create_time": int(time.time()),
            "user_openid": more.pop("open_id", "somebody"),
            "content": json.dumps({"publish_id": publish_id, "publish_type": "INBOX_SHARE"} | more),
        }
    ).encode()


@pytest.fixture(scope="module")
def hooks(nobody: Api, deployed: DeployedStack) -> Hooks:
    answer = deployed.client("secretsmanager").get_secret_value(
        SecretId=deployed.names["TikTokSecret"]
    )
    return Hooks(nobody, json.loads(answer["SecretString"])["client_secret"])


@pytest.fixture
def staged(tiktok_members: TikTokMembers, valid: str) -> tuple[Sender, str, str]:
    """A sender with a staged performance: its id and its publish id."""
    sender = tiktok_members.one().connected()
    performance = sender.perform(tiktok_members.activity(valid))
    seen = sender.reaches(performance, "staged")
    return sender, performance, str(seen["publish_id"])


def test_a_completed_post_is_believed_once_and_replays_change_nothing(
    hooks: Hooks, staged: tuple[Sender, str, str]
) -> None:
    sender, performance, publish_id = staged
    body = told("post.publish.complete", publish_id)
    signature = hooks.sign(body)
    assert hooks.send(body, signature).body == {"received": True}
    posted = sender.performance(performance)
    assert posted["status"] == "posted"
    assert hooks.send(body, signature).status == 200
    assert hooks.tell("post.publish.inbox_delivered", publish_id).status == 200
    assert hooks.tell("post.publish.failed", publish_id, reason="internal").status == 200
    assert sender.performance(performance) == posted


def test_a_webhook_not_signed_for_this_app_is_refused_and_changes_nothing(
    hooks: Hooks, staged: tuple[Sender, str, str]
) -> None:
    sender, performance, publish_id = staged
    body = told("post.publish.complete", publish_id)
    good = hooks.sign(body)
    refused = [
        hooks.send(body, None),
        hooks.send(body, ""),
        hooks.send(body, "nonsense"),
        hooks.send(body, good.replace("s=", "s=0")),
        hooks.send(body, hooks.sign(body, secret="another app's")),
        hooks.send(body + b" ", good),
        hooks.send(body, hooks.sign(body, at=time.time() - 30 * 86400)),
        hooks.send(body, hooks.sign(body, at=time.time() + 2 * 3600)),
    ]
    assert [each.problem for each in refused] == [(401, "signature_refused")] * len(refused)
    assert sender.performance(performance)["status"] == "staged"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"event": 3}',
        json.dumps({"event": "post.publish.complete", "content": "{"}).encode(),
    ],
)
def test_a_malformed_event_is_refused_though_signed(hooks: Hooks, body: bytes) -> None:
    answer = hooks.send(body, hooks.sign(body))
    assert answer.status in {400, 401}
    assert answer.code in {"malformed_event", "signature_refused"}


def test_a_body_far_too_large_is_refused_unread(hooks: Hooks) -> None:
    body = b" " * 70_000
    assert hooks.send(body, hooks.sign(body)).problem == (413, "body_too_large")


def test_events_of_nothing_here_are_taken_and_forgotten(
    hooks: Hooks, deployed: DeployedStack
) -> None:
    def tell_all() -> None:
        for event in ("post.publish.complete", "post.publish.failed", "video.something.new"):
            assert hooks.tell(event, "v_inbox_file~v2.999").status == 200
        told = hooks.tell("authorization.removed", "", open_id="nobody-here", reason=1)
        assert told.status == 200

    deployed.unchanged_by(tell_all)
