"""Webhooks of the deployed stack, and a receiver on this machine written from docs/events.md."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pytest

from chalicelib.webhooks.model import MAX_TRIES
from chalicelib.webhooks.store import WebhookStore
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Api, Secret, Witness, new_key
from tests.e2e.waiting import wait_for

MAX_WEBHOOKS = 10


class Receiver:
    """Keeps what it is sent, and answers each path as it is told: 200 unless told otherwise."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Mapping[str, str], bytes, float]] = []
        self.answers: dict[str, int] = {}
        self._lock = Lock()
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with own._lock:
                    own.got.append((self.path, dict(self.headers), body, time.time()))
                self.send_response(own.answers.get(self.path, 200))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def at(self, path: str, event_type: str) -> list[tuple[Mapping[str, str], Any, bytes]]:
        with self._lock:
            found = [
                (headers, json.loads(body), body)
                for where, headers, body, _ in self.got
                if where == path
            ]
        return [each for each in found if each[1].get("type", event_type) == event_type]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def is_from_greenroom(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """As docs/events.md has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    sent = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{sent}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [each.removeprefix("v1,") for each in headers["webhook-signature"].split(" ")]
    fresh = abs(time.time() - int(sent)) < 300
    return fresh and any(hmac.compare_digest(each, expected) for each in given)


def made(api: Api, url: str, **wanted: Any) -> dict[str, Any]:
    answer = api.post("/webhooks", {"name": "Ours", "url": url, **wanted}, new_key())
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.body
    return found


def log_of(api: Api, webhook: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/webhooks/{webhook['webhook_id']}/deliveries").body[
        "items"
    ]
    return found


def test_events_reach_a_receiver_signed_and_are_logged(
    manager: Api, receiver: Receiver, witness: Witness
) -> None:
    webhook = made(manager, f"{receiver.url}/events", types=["points.adjusted"])
    path = f"/webhooks/{webhook['webhook_id']}"
    secret = manager.post(f"{path}/secret").body["secret"]
    witness.secrets.add(Secret("webhook's secret", secret))
    assert manager.get(path).body["url"].endswith("/…")
    me = manager.get("/me").body["member_id"]
    given = manager.post(f"/members/{me}/points", {"amount": 7, "reason": "For the webhook"})
    assert given.status == 201

    headers, event, body = wait_for(
        "The event", lambda: next(iter(receiver.at("/events", "points.adjusted")), None)
    )
    assert is_from_greenroom(secret, headers, body)
    assert not is_from_greenroom(f"whsec_{base64.b64encode(b'x' * 32).decode()}", headers, body)
    assert (event["data"]["member_id"], event["data"]["points"]) == (me, 7)
    assert event["actor"] == {"kind": "member", "member_id": me}
    assert headers["webhook-id"] == event["id"]
    assert b"For the webhook" not in body

    def delivered() -> dict[str, Any] | None:
        return next(
            (each for each in log_of(manager, webhook) if each["state"] == "delivered"), None
        )

    delivery = wait_for("The log", delivered)
    assert (delivery["event_id"], delivery["status"], delivery["tries"]) == (event["id"], 200, 1)
    assert manager.delete(path).status == 204
    assert manager.get(path).problem == (404, "not_found")


def test_a_test_event_tells_at_once_how_it_went(manager: Api, receiver: Receiver) -> None:
    receiver.answers["/broken"] = 503
    for where, state, status in (("/works", "delivered", 200), ("/broken", "failed", 503)):
        webhook = made(manager, receiver.url + where)
        path = f"/webhooks/{webhook['webhook_id']}"
        asked = manager.post(f"{path}/test")
        assert asked.status == 202
        assert asked.body["state"] == "waiting"

        def decided(webhook: Mapping[str, Any] = webhook) -> dict[str, Any] | None:
            tests = [
                each for each in log_of(manager, webhook) if each["event_type"] == "webhook.test"
            ]
            return next((each for each in tests if each["state"] != "waiting"), None)

        found = wait_for("The test event", decided)
        assert (found["state"], found["status"], found["event_id"]) == (
            state,
            status,
            asked.body["event_id"],
        )
        assert manager.delete(path).status == 204


def use_up_tries(store: WebhookStore, program_id: str, webhook_id: str) -> None:
    """Wait for a delivery's first try, count all but the last, and have that made now."""
    now = datetime.now(UTC)
    a_day = timedelta(days=1)
    waiting = wait_for(
        "The first try",
        lambda: next(
            (each for each in store.due(program_id, webhook_id, now + a_day, 1) if each.status),
            None,
        ),
    )
    for tries in range(waiting.tries, MAX_TRIES - 1):
        last = tries == MAX_TRIES - 2
        assert store.claim(replace(waiting, tries=tries), now if last else now + a_day, now)
    store.announce(program_id, webhook_id, now, at_once=True)


def test_a_receiver_at_which_nothing_gets_through_for_days_is_disabled(
    manager: Api, receiver: Receiver, deployed: DeployedStack
) -> None:
    receiver.answers["/down"] = 500
    webhook = made(manager, f"{receiver.url}/down", types=["points.adjusted"])
    store, me = deployed.container().webhook_store, manager.get("/me").body
    program_id = str(manager.get("/program").body["program_id"])
    kept = store.get(program_id, webhook["webhook_id"])
    assert kept is not None
    long_ago = datetime.now(UTC) - timedelta(days=4)
    store.record_health(kept, failing_since=long_ago, slow=True)
    given = {"amount": 1, "reason": "For a webhook that is down"}
    assert manager.post(f"/members/{me['member_id']}/points", given).status == 201
    use_up_tries(store, program_id, webhook["webhook_id"])
    path = f"/webhooks/{webhook['webhook_id']}"
    found = wait_for(
        "Switching it off",
        lambda: next(
            (each for each in [manager.get(path).body] if each["state"] == "disabled"), None
        ),
    )
    assert found["disabled_at"]
    wait_for(
        "The worklist",
        lambda: any(
            (each["code"], each["to_do"]["thing_id"]) == ("webhook_disabled", found["webhook_id"])
            for each in manager.get("/worklist").body["items"]
        ),
    )
    again = manager.patch(path, {"version": found["version"], "state": "active"})
    assert (again.body["state"], again.body["failing_since"]) == ("active", None)
    assert manager.delete(path).status == 204


def test_a_message_for_slack_names_the_reward_and_nobody(manager: Api, receiver: Receiver) -> None:
    webhook = made(
        manager, f"{receiver.url}/slack", format="slack", language="de", types=["reward.offered"]
    )
    reward = manager.post("/rewards", {"title": "Mug <!channel>", "price": 3}).body["reward_id"]

    def message() -> Any:
        found = [body for _, body, _ in receiver.at("/slack", "any")]
        return next((each for each in found if "Mug" in each["text"]), None)

    told = wait_for("The message", message)
    assert "Prämie" in told["text"]
    assert "<!channel>" not in told["text"]
    assert told["blocks"][0]["text"]["type"] == "plain_text"
    assert any(reward in json.dumps(each) for each in told["blocks"])
    assert manager.delete(f"/webhooks/{webhook['webhook_id']}").status == 204


def test_bad_webhooks_are_refused_in_words(manager: Api, receiver: Receiver) -> None:
    for url, code in (
        ("http://hooks.example/", "not_https"),
        ("https://localhost/", "inner_address"),
        ("https://169.254.169.254/latest/meta-data/", "inner_address"),
        ("http://10.0.0.1/", "not_https"),
        ("https://hooks.example/" + "x" * 979, "string_too_long"),
        ("gopher://hooks.example/", "not_an_address"),
    ):
        refused = manager.post("/webhooks", {"name": "x", "url": url}, new_key())
        assert refused.problem == (422, "invalid_request"), url
        assert [each["code"] for each in refused.body["errors"]] == [code], url
    webhook = made(manager, f"{receiver.url}/changes", types=["member.left"])
    path = f"/webhooks/{webhook['webhook_id']}"
    assert manager.patch(path, {"version": 1, "url": "https://localhost/"}).problem == (
        422,
        "invalid_request",
    )
    assert manager.patch(path, {"version": 1, "name": "Theirs"}).body["name"] == "Theirs"
    assert manager.patch(path, {"version": 1, "name": "Mine"}).problem == (
        409,
        "changed_meanwhile",
    )
    assert manager.get(f"{path}/deliveries", cursor="made-up").problem == (400, "invalid_cursor")
    many = [webhook]
    while True:
        answer = manager.post(
            "/webhooks", {"name": "x", "url": receiver.url, "types": ["member.left"]}, new_key()
        )
        if answer.status != 201:
            break
        many.append(answer.body)
    assert answer.problem == (409, "limit_reached")
    assert len(manager.get("/webhooks").body["items"]) == MAX_WEBHOOKS
    for each in many:
        assert manager.delete(f"/webhooks/{each['webhook_id']}").status == 204
    gone = path.replace(webhook["webhook_id"], "whk_made_up")
    for refused in (
        manager.get(gone),
        manager.patch(gone, {"version": 1}),
        manager.delete(gone),
        manager.post(f"{gone}/secret"),
        manager.post(f"{gone}/test"),
        manager.get(f"{gone}/deliveries"),
    ):
        assert refused.problem == (404, "not_found")
