"""Webhooks: signed, sent at least once, sent again with back-off until answered 200.

`TikTok-Signature: t=<unix>,s=<hex>`, where s is the HMAC-SHA256 of `t + "." + raw body` under
the client secret. Retries go on for 72 hours. Order is not promised.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus

import requests

from local.tiktok_sandbox.faults import Faults
from local.tiktok_sandbox.rules import WEBHOOK_RETRY_SECONDS
from local.tiktok_sandbox.state import Person, Store, Webhook

SEND_TIMEOUT_SECONDS = 5
FIRST_RETRY_SECONDS = 1
LONGEST_RETRY_SECONDS = 3600
SENDERS = 8


def signature(client_secret: str, signed_at: int, body: bytes) -> str:
    """The value of the TikTok-Signature header."""
    signed = f"{signed_at}.".encode() + body
    digest = hmac.new(client_secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={signed_at},s={digest}"


class Webhooks:
    """Queues messages for the app and sends those that are due."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._threads = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def announce(
        self,
        event: str,
        person: Person,
        content: Mapping[str, object],
        publish_id: str | None = None,
    ) -> None:
        """Queue one event; a fault may drop it, double it or hold it back."""
        app = self._store.app
        body = json.dumps(
            {
                "client_key": app.client_key,
                "event": event,
                "create_time": int(self._wire_time()),
                "user_openid": person.open_id,
                "content": json.dumps(content),
            }
        )
        fault = self._faults.take("webhook", event)
        due_at: float | None = self._store.now()
        state = "pending"
        if app.webhook_url is None and not app.hold_webhooks:
            due_at, state = None, "no_address"
        elif fault is not None and fault.kind == "drop":
            due_at, state = None, "dropped"
        elif fault is not None and fault.kind == "delay":
            due_at = self._store.now() + fault.seconds
        copies = 2 if fault is not None and fault.kind == "duplicate" else 1
        for _ in range(copies):
            self._store.add_webhook(
                event, person.name, publish_id, body, due_at=due_at, state=state
            )

    def send_due(self) -> None:
        """Start sending whatever is due and not under way already."""
        if self._store.app.hold_webhooks:
            return
        for webhook in self._store.webhooks_due():
            if len(self._under_way) >= SENDERS:
                return
            if webhook.id not in self._under_way:
                task = asyncio.create_task(self._send(webhook))
                self._under_way[webhook.id] = task
                task.add_done_callback(partial(self._sent, webhook.id))

    def _sent(self, webhook_id: int, _task: asyncio.Task[None]) -> None:
        self._under_way.pop(webhook_id, None)

    async def close(self) -> None:
        """Let go; what was under way without an answer is sent again after a restart."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _wire_time(self) -> float:
        return self._store.now() if self._store.app.webhooks_use_moved_clock else time.time()

    async def _send(self, webhook: Webhook) -> None:
        app = self._store.app
        signed_at = webhook.signed_at
        if signed_at is None or app.resign_retries:
            signed_at = int(self._wire_time())
        body = webhook.body.encode()
        headers = {
            "Content-Type": "application/json",
            "TikTok-Signature": signature(app.client_secret, signed_at, body),
        }
        status, error = await asyncio.get_running_loop().run_in_executor(
            self._threads, _post, app.webhook_url or "", body, headers
        )
        now = self._store.now()
        attempts = json.loads(webhook.attempts)
        attempts.append({"at": now, "status": status, "error": error})
        wait = min(FIRST_RETRY_SECONDS * 2 ** (len(attempts) - 1), LONGEST_RETRY_SECONDS)
        due_at: float | None = None
        if status == HTTPStatus.OK:
            state = "delivered"
        elif now + wait > webhook.created_at + WEBHOOK_RETRY_SECONDS:
            state = "given_up"
        else:
            state, due_at = "pending", now + wait
        self._store.note_attempt(
            webhook, json.dumps(attempts), signed_at=signed_at, due_at=due_at, state=state
        )


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str | None]:
    """The status answered, or the kind of error that kept one from coming."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                url,
                data=body,
                headers=dict(headers),
                timeout=SEND_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            return None, type(error).__name__
        return answer.status_code, None
