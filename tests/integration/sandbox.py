"""Starts and stops the TikTok sandbox, and does by plain HTTP what a person or an app would do."""

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit

import requests

from chalicelib.tiktok.client import ByteSource

ROOT = Path(__file__).parents[2]
CLIENT_KEY = "sandbox-client-key"
CLIENT_SECRET = "sandbox-client-secret"
REDIRECT_URI = "http://127.0.0.1:8000/tiktok/callback"
SCOPES = ("user.info.basic", "video.upload")
JSON_TYPE = "application/json; charset=UTF-8"
START_SECONDS = 15
TIMEOUT = 10


@dataclass(frozen=True)
class Tokens:
    """What the token endpoint answered."""

    access: str
    refresh: str
    open_id: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class Sandbox:
    """A sandbox process under a state folder; it may be stopped and started again."""

    def __init__(self, state: Path, *, flags: tuple[str, ...] = (), **options: str) -> None:
        """`options` are those of the command line, with underscores; by default a whole app."""
        self._flags = flags
        self._state = state
        self._options = {
            "client_key": CLIENT_KEY,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": REDIRECT_URI,
            **options,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.log = state / "stdout.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the port it had before if it had one, and wait until it is ready."""
        self._state.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "local.tiktok_sandbox", "--port", str(self.port)]
        words += ["--state", str(self._state)]
        for name, value in self._options.items():
            words += [f"--{name.replace('_', '-')}", value]
        words += [f"--{flag}" for flag in self._flags]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = re.search(r"ready on http://127\.0\.0\.1:(\d+)", self.log.read_text())
            if ready:
                self.port = int(ready[1])
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the sandbox did not start: {self.log.read_text()}")

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(START_SECONDS)
        self._process = None
        return code

    # --- levers -----------------------------------------------------------------------------

    def control(self, name: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = requests.post(f"{self.url}/_sandbox/{name}", json=body or {}, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()

    @contextmanager
    def requiring_pkce(self) -> Iterator[None]:
        """An app registered for desktop or mobile, for as long as the block lasts."""
        self.control("app", {"pkce_required": True})
        try:
            yield
        finally:
            self.control("app", {"pkce_required": False})

    def record(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/_sandbox/record", timeout=TIMEOUT)
        answer.raise_for_status()
        record: dict[str, Any] = answer.json()
        return record

    def reset(self) -> None:
        self.control("reset")

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", {"rules": list(rules)})

    # --- what an app does -------------------------------------------------------------------

    def authorize_url(self, **changes: str | None) -> str:
        """The consent address; a change of None leaves a parameter out."""
        asked: dict[str, str | None] = {
            "client_key": CLIENT_KEY,
            "response_type": "code",
            "scope": ",".join(SCOPES),
            "redirect_uri": REDIRECT_URI,
            "state": "some-state",
            **changes,
        }
        query = "&".join(
            f"{name}={quote(value, safe='')}" for name, value in asked.items() if value is not None
        )
        return f"{self.url}/v2/auth/authorize/?{query}"

    def consent(
        self,
        person: str,
        *,
        url: str | None = None,
        scopes: tuple[str, ...] = SCOPES,
        decision: str = "authorize",
    ) -> dict[str, str]:
        """The person decides on the consent page; returns what the redirect brings back."""
        answer = requests.post(
            url or self.authorize_url(),
            data={"person": person, "scopes": list(scopes), "decision": decision},
            allow_redirects=False,
            timeout=TIMEOUT,
        )
        return came_back_with(answer)

    def ask_token(self, **form: str) -> requests.Response:
        credentials = {"client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET}
        return requests.post(
            f"{self.url}/v2/oauth/token/", data={**credentials, **form}, timeout=TIMEOUT
        )

    def exchange(self, code: str) -> requests.Response:
        return self.ask_token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.ask_token(grant_type="refresh_token", refresh_token=refresh_token)

    def connect(self, person: str, scopes: tuple[str, ...] = SCOPES) -> Tokens:
        """Consent and exchange: the person's tokens."""
        return tokens_of(self.exchange(self.consent(person, scopes=scopes)["code"]))

    def call(
        self, path: str, tokens: Tokens, body: Mapping[str, Any], **headers: str
    ) -> requests.Response:
        """A POST of JSON as documented; `headers` change it."""
        sent = {**tokens.bearer, "Content-Type": JSON_TYPE, **headers}
        encoded = json.dumps(body).encode()
        return requests.post(f"{self.url}{path}", data=encoded, headers=sent, timeout=TIMEOUT)

    def init(
        self, tokens: Tokens, size: int, chunk: int | None = None, count: int = 1
    ) -> requests.Response:
        source = {
            "source": "FILE_UPLOAD",
            "video_size": size,
            "chunk_size": size if chunk is None else chunk,
            "total_chunk_count": count,
        }
        return self.call("/v2/post/publish/inbox/video/init/", tokens, {"source_info": source})

    def begin(
        self, tokens: Tokens, size: int, chunk: int | None = None, count: int = 1
    ) -> tuple[str, str]:
        """A publish id and an upload URL."""
        answer = self.init(tokens, size, chunk, count)
        assert answer.json()["error"]["code"] == "ok", answer.text
        data = answer.json()["data"]
        return data["publish_id"], data["upload_url"]

    def status(self, tokens: Tokens, publish_id: str) -> requests.Response:
        return self.call("/v2/post/publish/status/fetch/", tokens, {"publish_id": publish_id})

    def stage(self, tokens: Tokens, video: bytes) -> str:
        """A video in the inbox; returns its publish id."""
        publish_id, url = self.begin(tokens, len(video))
        assert put(url, video).status_code == 201
        self.wait_for_status(publish_id, "SEND_TO_USER_INBOX")
        return publish_id

    def wait_for_status(self, publish_id: str, status: str) -> None:
        wait_until(lambda: self.record()["shares"][publish_id]["status"] == status)

    def person_posts(self, person: str, publish_id: str) -> None:
        """The person presses Post."""
        answer = requests.post(
            f"{self.url}/inbox/{quote(person)}/{publish_id}/post", timeout=TIMEOUT
        )
        answer.raise_for_status()


def put(url: str, chunk: bytes, *, first: int = 0, total: int | None = None) -> requests.Response:
    """One chunk, as documented."""
    total = len(chunk) if total is None else total
    headers = {
        "Content-Type": "video/mp4",
        "Content-Range": f"bytes {first}-{first + len(chunk) - 1}/{total}",
    }
    return requests.put(url, data=chunk, headers=headers, timeout=TIMEOUT)


def bare_copy(source: ByteSource, size: int, url: str, block: int) -> None:
    """What any program would do at least: blocks from here to there."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    for name, value in (
        ("Content-Type", "video/mp4"),
        ("Content-Length", str(size)),
        ("Content-Range", f"bytes 0-{size - 1}/{size}"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    while read := source.read(block):
        connection.send(read)
    assert connection.getresponse().status == 201
    connection.close()


def tokens_of(answer: requests.Response) -> Tokens:
    """The tokens in an answer of the token endpoint."""
    body = answer.json()
    assert "error" not in body, body
    return Tokens(body["access_token"], body["refresh_token"], body["open_id"])


def came_back_with(answer: requests.Response) -> dict[str, str]:
    """What a redirect to the app's callback carries."""
    assert answer.status_code == 302, answer.text
    location = answer.headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?")
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


def wait_until(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.02)


@dataclass
class Hooks:
    """A webhook address: what came, and what it answers (200 unless `answers` says otherwise)."""

    url: str = ""
    came: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.came]


@contextmanager
def listening_for_webhooks() -> Iterator[Hooks]:
    """A webhook address on a free port, for as long as the block lasts."""
    hooks = Hooks()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.came.append((self.headers["TikTok-Signature"], body))
            self.send_response(hooks.answers.pop(0) if hooks.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        hooks.url = f"http://127.0.0.1:{server.server_port}/tiktok/webhook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            thread.join()
