"""What the local tooling tells a TikTok: never the client secret to what merely listens there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from local import tiktok

SECRET = "the-secret-of-the-app"
PUBLIC_URL = "http://127.0.0.1:1/v1"


@contextmanager
def listening(status: int = 200, location: str = "") -> Iterator[tuple[str, list[str]]]:
    """A program of whoever on a port of this machine, and all that it was told."""
    told: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            told.append(f"{self.requestline}\n{self.headers}\n{body}")
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


def named(api_url: str, **changes: str) -> tiktok.TikTok:
    environment = {"TIKTOK_API_URL": api_url, "TIKTOK_CLIENT_SECRET": SECRET, **changes}
    found = tiktok.named_by_caller({}, environment)
    assert found is not None
    return found


@pytest.mark.parametrize("status", [200, 404])
def test_a_program_at_the_named_address_does_not_get_the_secret(status: int) -> None:
    with listening(status) as (url, told):
        named(url).register(PUBLIC_URL)
    assert SECRET not in "".join(told)
    assert "client_secret" not in "".join(told)


def test_a_generated_secret_is_not_told_either() -> None:
    kept: dict[str, Any] = {}
    with listening() as (url, told):
        found = tiktok.named_by_caller(kept, {"TIKTOK_API_URL": url})
        assert found is not None
        found.register(PUBLIC_URL)
    assert kept["tiktok_client_secret"] not in "".join(told)


@pytest.mark.parametrize(
    "api_url",
    ["https://open.tiktokapis.com", "http://localhost:9", "http://127.0.0.2:9", "http://[::1]:9"],
)
def test_an_address_on_no_local_port_gets_no_request(
    api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post(*_arguments: object, **_named: object) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr(requests, "post", post)
    named(api_url).register(PUBLIC_URL)


def test_an_answer_that_leads_elsewhere_is_not_followed() -> None:
    with listening() as (elsewhere, told), listening(307, elsewhere) as (url, _):
        named(url).register(PUBLIC_URL)
        assert told == []


def test_our_own_sandbox_requires_pkce_where_the_stack_sends_it() -> None:
    for pkce, required in (("off", "false"), ("S256", "true")):
        with listening() as (url, told):
            own = tiktok.TikTok(url, url, "key", SECRET, "127.0.0.1", own=True, pkce=pkce)
            own.register(PUBLIC_URL)
        assert f'"pkce_required": {required}' in told[0]
        assert SECRET not in told[0]
    assert named("http://127.0.0.1:9", TIKTOK_PKCE="S256").pkce == "S256"


def test_a_named_tiktok_may_take_uploads_on_any_port_and_our_own_sandbox_on_one() -> None:
    assert named("http://127.0.0.1:9999").upload_hosts == "127.0.0.1"
    assert named("https://open.tiktokapis.com").upload_hosts is None
