"""A push service on this machine, in place of those of browsers' makers.

It takes pushes as RFC 8030 has it, checks who sent them (VAPID, RFC 8292) and opens them as a
browser would (RFC 8291). It is written from these documents, shares no code with what sends, and
derives keys with the standard library's HMAC.
"""

import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local import ports
from local.failure import Failure
from local.identity import sign_in
from local.stack import Person, RunningStack

MAX_BODY = 4096
MAX_TOKEN_SECONDS = 24 * 3600
TIMEOUT_SECONDS = 30
PATH = "/_front/push/"
SUBSCRIPTIONS = f"{PATH}subscriptions"
PAGE = "/_front/pushes"
_POINT, _SALT, _RECORD_SIZE = 65, 16, 4
_SIGNATURE, _TOPIC = 64, 32
_LAST = 2


class InvalidPush(Exception):
    """A push violates the specifications; `status` is a push service's answer to it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hkdf(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, for no more than one block."""
    key = hmac.digest(salt, material, hashlib.sha256)
    return hmac.digest(key, info + b"\x01", hashlib.sha256)[:length]


@dataclass
class Browser:
    """A browser's subscription: its keys, and the one key that may send to it."""

    server_key: bytes
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    gone: bool = False

    @property
    def p256dh(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def decrypt(self, body: bytes) -> bytes:
        """Decrypt a push: RFC 8291, section 4. Raises `InvalidPush`."""
        if len(body) < _SALT + _RECORD_SIZE + 1 + _POINT:
            raise InvalidPush(400, "The body is shorter than its header.")
        salt, rest = body[:_SALT], body[_SALT:]
        size, length = int.from_bytes(rest[:_RECORD_SIZE], "big"), rest[_RECORD_SIZE]
        point, record = rest[5 : 5 + length], rest[5 + length :]
        if length != _POINT or len(record) > size:
            raise InvalidPush(400, "The header is not that of a push.")
        sender = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
        shared = self.key.exchange(ECDH(), sender)
        info = b"WebPush: info\x00" + self.p256dh + point
        material = _hkdf(self.auth, shared, info, 32)
        key = _hkdf(salt, material, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _hkdf(salt, material, b"Content-Encoding: nonce\x00", 12)
        try:
            padded = AESGCM(key).decrypt(nonce, record, None)
        except InvalidTag:
            raise InvalidPush(400, "The body does not open.") from None
        text = padded.rstrip(b"\x00")
        if not text or text[-1] != _LAST:
            raise InvalidPush(400, "The record is not the last one.")
        return text[:-1]


def check_sender(
    authorization: str, server_key: bytes, endpoint: str, now: float
) -> Mapping[str, Any]:
    """Check a `vapid` header: RFC 8292; return its claims. Raises `InvalidPush`."""
    scheme, _, rest = authorization.partition(" ")
    given = dict(each.strip().partition("=")[::2] for each in rest.split(","))
    if scheme != "vapid" or {"t", "k"} - given.keys():
        raise InvalidPush(401, "The push is not signed.")
    if from_base64url(given["k"]) != server_key:
        raise InvalidPush(403, "The browser subscribed with another key.")
    head, claims, signature = given["t"].split(".")
    signed, raw = f"{head}.{claims}".encode(), from_base64url(signature)
    if len(raw) != _SIGNATURE or json.loads(from_base64url(head)).get("alg") != "ES256":
        raise InvalidPush(403, "The token is not signed with ES256.")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), server_key)
    try:
        key.verify(encode_dss_signature(r, s), signed, ECDSA(SHA256()))
    except InvalidSignature:
        raise InvalidPush(403, "The signature is not the key's.") from None
    told: dict[str, Any] = json.loads(from_base64url(claims))
    parts = urlsplit(endpoint)
    if told.get("aud") != f"{parts.scheme}://{parts.netloc}":
        raise InvalidPush(403, "The token is for another push service.")
    if not 0 < told.get("exp", 0) - now <= MAX_TOKEN_SECONDS:
        raise InvalidPush(403, "The token has expired, or lives longer than a day.")
    if not str(told.get("sub", "")).startswith(("mailto:", "https:", "http://127.0.0.1")):
        raise InvalidPush(403, "The token does not say whom to ask.")
    return told


@dataclass(frozen=True)
class ReceivedPush:
    """A push that was accepted and decrypted."""

    endpoint: str
    message: dict[str, Any]
    topic: str
    urgency: str
    ttl: int


class PushService:
    """Takes subscriptions and pushes; forgets all when its process ends."""

    def __init__(self, origin: str, now: Callable[[], float] = time.time) -> None:
        self._origin = origin
        self._now = now
        self._browsers: dict[str, Browser] = {}
        self._lock = threading.Lock()
        self.arrived: list[ReceivedPush] = []

    def subscribe(self, server_key: str) -> dict[str, Any]:
        """Return what `pushManager.subscribe()` would. Raises `InvalidPush`."""
        try:
            key = from_base64url(server_key)
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), key)
        except ValueError:
            raise InvalidPush(400, "The applicationServerKey is none.") from None
        name, browser = secrets.token_urlsafe(24), Browser(key)
        with self._lock:
            self._browsers[name] = browser
        keys = {"p256dh": base64url(browser.p256dh), "auth": base64url(browser.auth)}
        return {"endpoint": f"{self._origin}{PATH}{name}", "keys": keys}

    def unsubscribe(self, name: str) -> None:
        with self._lock:
            if name in self._browsers:
                self._browsers[name].gone = True

    def take(self, name: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a push; return the status that a push service answers."""
        browser = self._browsers.get(name)
        endpoint = f"{self._origin}{PATH}{name}"
        if browser is None:
            return 404
        if browser.gone:
            return 410
        if len(body) > MAX_BODY:
            return 413
        try:
            self._take(browser, endpoint, {k.lower(): v for k, v in headers.items()}, body)
        except InvalidPush as refused:
            print(f"push refused: {refused}", flush=True)
            return refused.status
        return 201

    def _take(
        self, browser: Browser, endpoint: str, headers: Mapping[str, str], body: bytes
    ) -> None:
        check_sender(headers.get("authorization", ""), browser.server_key, endpoint, self._now())
        if headers.get("content-encoding") != "aes128gcm":
            raise InvalidPush(400, "The content encoding is not aes128gcm.")
        ttl, topic = headers.get("ttl", ""), headers.get("topic", "")
        if not ttl.isdigit():
            raise InvalidPush(400, "There is no TTL.")
        if len(topic) > _TOPIC or set(topic) - set(_TOPIC_LETTERS):
            raise InvalidPush(400, "The topic is none.")
        if headers.get("urgency", "normal") not in {"very-low", "low", "normal", "high"}:
            raise InvalidPush(400, "The urgency is none.")
        message = json.loads(browser.decrypt(body))
        arrived = ReceivedPush(endpoint, message, topic, headers.get("urgency", "normal"), int(ttl))
        with self._lock:
            self.arrived.append(arrived)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(each) for each in self.arrived]


class PushServer:
    """Serves a push service on a port of its own: the stack calls no address that is its own."""

    def __init__(self) -> None:
        taking = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", 0)), 2 * MAX_BODY)
                body = self.rfile.read(length)
                name = self.path.removeprefix(PATH)
                self._answer(taking.service.take(name, dict(self.headers.items()), body))

            def do_DELETE(self) -> None:
                taking.service.unsubscribe(self.path.removeprefix(PATH))
                self._answer(204)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Stay silent: addresses are secrets."""

        self._server = ThreadingHTTPServer((ports.LOOPBACK, 0), Handler)
        self.service = PushService(f"http://{ports.LOOPBACK}:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


_TOPIC_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def page(arrived: Sequence[Mapping[str, Any]]) -> str:
    """Return a page of pushes, the latest first."""
    shown = "".join(
        f"<article><h2>{html.escape(each['message']['title'])}</h2>"
        f"<pre>{html.escape(each['message']['body'])}</pre>"
        f'<p><a href="{html.escape(each["message"]["url"])}">'
        f"{html.escape(each['message']['url'])}</a></p></article>"
        for each in reversed(arrived)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Pushes of this stack</title>"
        "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
        "padding:0 1rem;color:#1c2b22}article{border:1px solid #ccd;border-radius:.75rem;"
        "padding:1rem;margin:1rem 0}h2{font-size:1.1rem;margin:0}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}</style>"
        "<h1>Pushes of this stack</h1><p>Nothing leaves this machine.</p>"
        f"{shown or '<p>None yet.</p>'}</html>"
    )


# For commands and tests: the same over HTTP


def new_subscription(console_url: str, server_key: str) -> dict[str, Any]:
    """Subscribe a browser that is only an entry of the running stack's push service."""
    body = {"applicationServerKey": server_key}
    answer = _asked("POST", f"{console_url}{SUBSCRIPTIONS}", json=body)
    found: dict[str, Any] = answer.json()
    return found


def kept(console_url: str) -> list[dict[str, Any]]:
    """Return the pushes that arrived since the stack was started, the oldest first."""
    answer = _asked("GET", f"{console_url}{PAGE}", headers={"Accept": "application/json"})
    found: list[dict[str, Any]] = answer.json()
    return found


def _asked(method: str, url: str, **options: Any) -> requests.Response:
    try:
        answer = requests.request(method, url, timeout=TIMEOUT_SECONDS, **options)
        answer.raise_for_status()
    except requests.RequestException:
        raise Failure(
            "The local push service does not answer.", "Look whether the stack is up: make run."
        ) from None
    return answer


def subscribe_person(running: RunningStack, person: Person) -> None:
    """Have a seeded person's pushes sent to the running stack's push service."""
    token = sign_in(running.api_url, person.email, person.password)
    headers = {"Authorization": f"Bearer {token}"}
    told = _asked("GET", f"{running.api_url}/me/push", headers=headers).json()
    made = new_subscription(str(running.console_url), told["public_key"])
    body = {"endpoint": made["endpoint"], **made["keys"], "label": "This machine", "language": "en"}
    _asked("POST", f"{running.api_url}/me/push/devices", headers=headers, json=body)
