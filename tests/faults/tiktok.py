"""Runs TikTok's sandbox in a thread of this process, on the shared clock."""

import hashlib
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests
import uvicorn

from local.tiktok_sandbox.drafts import PUBLISH_TYPE
from local.tiktok_sandbox.faults import OpenConnections
from local.tiktok_sandbox.server import build
from local.tiktok_sandbox.settings import App
from local.tiktok_sandbox.state import Store
from local.tiktok_sandbox.webhooks import signature
from tests.faults.clock import SharedClock

CLIENT_KEY = "sandbox-client-key"
CLIENT_SECRET = "sandbox-client-secret"
REDIRECT_URI = "http://127.0.0.1:8000/tiktok/callback"
SCOPES = ("user.info.basic", "video.upload")
PROCESSING_SECONDS = 0.5
TIMEOUT = 60


@dataclass(frozen=True)
class Share:
    """One draft at TikTok."""

    publish_id: str
    person: str
    status: str
    completed_uploads: int
    sha256: str | None
    due_at: float | None

    @property
    def exists(self) -> bool:
        """Whether TikTok has the whole video and did not fail it."""
        return self.completed_uploads > 0 and self.status != "FAILED"

    @property
    def is_posted(self) -> bool:
        return self.status == "PUBLISH_COMPLETE"


@dataclass(frozen=True)
class Webhook:
    """A webhook as TikTok sends it."""

    event: str
    publish_id: str
    body: bytes

    def signature(self, at: float) -> str:
        return signature(CLIENT_SECRET, int(at), self.body)


class TikTok:
    """A client of the running sandbox: controls it over HTTP, reads its state from its database."""

    def __init__(self, url: str, database: sqlite3.Connection, clock: SharedClock) -> None:
        self.url = url
        self._clock = clock
        self._database = database
        self._session = requests.Session()
        self._session.trust_env = False
        self._webhooks_seen = 0

    def close(self) -> None:
        self._session.close()

    def control(self, name: str, body: Mapping[str, Any]) -> Any:
        answer = self._session.post(f"{self.url}/_sandbox/{name}", json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", {"rules": list(rules)})

    def expire(self, person: str, *kinds: str) -> None:
        self.control("tokens", {"person": person, "expire": list(kinds)})

    def settle(self) -> None:
        """Process everything that is due by now."""
        self.control("clock", {"advance_seconds": 0})

    def authorize(self, person: str, url: str) -> str:
        """Authorize the app as the person; return the code that the browser is redirected with."""
        form = {"person": person, "scopes": list(SCOPES), "decision": "authorize"}
        self._session.cookies.clear()
        answer = self._session.post(url, data=form, allow_redirects=False, timeout=TIMEOUT)
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["code"]

    def post(self, share: Share) -> None:
        """Post the video as the person."""
        self._submit(f"{quote(share.person)}/{share.publish_id}/post")

    def revoke_access(self, person: str) -> None:
        """Revoke the app's access as the person, if it has any."""
        self._submit(f"{quote(person)}/remove-access", HTTPStatus.CONFLICT)

    def _submit(self, path: str, fine: HTTPStatus = HTTPStatus.SEE_OTHER) -> None:
        url = f"{self.url}/inbox/{path}"
        answer = self._session.post(url, timeout=TIMEOUT, allow_redirects=False)
        if answer.status_code != fine:
            answer.raise_for_status()

    def shares(self, person: str | None = None, publish_id: str | None = None) -> list[Share]:
        """List all drafts, or those of a person, or the one with this id."""
        found = self._database.execute(
            "SELECT publish_id, person, status, completed_uploads, sha256, due_at FROM shares"
            " WHERE (?1 IS NULL OR person = ?1) AND (?2 IS NULL OR publish_id = ?2)"
            " ORDER BY rowid",
            (person, publish_id),
        )
        return [Share(*row) for row in found]

    def next_due(self) -> float | None:
        (found,) = self._database.execute("SELECT min(due_at) FROM shares").fetchone()
        return None if found is None else float(found)

    def take_webhooks(self) -> list[Webhook]:
        """Return the webhooks that TikTok has made since the last call."""
        found = self._database.execute(
            "SELECT id, event, publish_id, body FROM webhooks WHERE id > ? ORDER BY id",
            (self._webhooks_seen,),
        ).fetchall()
        self._webhooks_seen = found[-1][0] if found else self._webhooks_seen
        return [Webhook(event, publish_id, body.encode()) for _, event, publish_id, body in found]

    def webhook(self, event: str, share: Share, **content: str) -> Webhook:
        """Make a webhook about a draft, true or not."""
        told = {"publish_id": share.publish_id, "publish_type": PUBLISH_TYPE, **content}
        body = {
            "client_key": CLIENT_KEY,
            "event": event,
            "create_time": int(self._clock.time()),
            "user_openid": share.person,
            "content": json.dumps(told),
        }
        return Webhook(event, share.publish_id, json.dumps(body).encode())

    def broken_rules(self) -> list[tuple[str, str]]:
        """List the avoidable violations of TikTok's rules."""
        found = self._database.execute("SELECT rule, detail FROM violations WHERE avoidable")
        return [(rule, detail) for rule, detail in found]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Server(uvicorn.Server):
    """Sets an event when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextmanager
def running(folder: Path, clock: SharedClock) -> Iterator[TikTok]:
    """Run a sandbox in a thread for as long as the block lasts."""
    ready = threading.Event()
    servers: list[_Server] = []
    # Named TCP: asyncio sends small answers at once only over sockets that say so.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(folder, clock, bound, ready, servers))
        thread.start()
        ready.wait(TIMEOUT)
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        try:
            with closing(sqlite3.connect(folder / "sandbox.sqlite3")) as database:
                tiktok = TikTok(url, database, clock)
                with closing(tiktok):
                    yield tiktok
        finally:
            servers[0].should_exit = True
            thread.join()


def _serve(
    folder: Path,
    clock: SharedClock,
    bound: socket.socket,
    ready: threading.Event,
    servers: list[_Server],
) -> None:
    store = Store(folder, clock.time)
    store.app = App(
        client_key=CLIENT_KEY,
        client_secret=CLIENT_SECRET,
        redirect_uris=(REDIRECT_URI,),
        processing_seconds=PROCESSING_SECONDS,
        webhooks_use_moved_clock=True,
    )
    config = uvicorn.Config(
        build(store, tell=lambda _line: None, ticking=False),
        http=OpenConnections,
        access_log=False,
        log_level="warning",
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=1,
        # Kept open while the machine is busy: a closed one would be a fault that nobody planned.
        timeout_keep_alive=600,
    )
    servers.append(_Server(config, ready))
    servers[0].run(sockets=[bound])
