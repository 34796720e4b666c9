"""The TikTok client against the sandbox, whatever goes wrong between the two."""

import hashlib
import io
import json
import logging
import re
import socket
import sys
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.tiktok import client as tiktok
from chalicelib.tiktok.chunks import MAX_CHUNK_BYTES, plan_chunks
from chalicelib.tiktok.client import (
    Grant,
    ShareState,
    TikTokClient,
    TikTokSettings,
    TimeLimits,
    UploadSession,
    received_bytes,
)
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    InboxFull,
    OutcomeUnknown,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
    TryNow,
    UploadGone,
    UploadOffset,
    error_from_code,
)
from tests.integration.sandbox import (
    CLIENT_KEY,
    CLIENT_SECRET,
    REDIRECT_URI,
    SCOPES,
    Sandbox,
    bare_copy,
    wait_until,
)

MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 400
WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 400
LARGEST_BYTES = 52_428_800
MB = 1024 * 1024
QUICK = TimeLimits(connect_seconds=2, answer_seconds=0.3, upload_answer_seconds=0.3)
SLOW_SECONDS = 0.8
HOUR = 3600

_PLAIN_APP: dict[str, Any] = {
    "client_key": CLIENT_KEY,
    "client_secret": CLIENT_SECRET,
    "redirect_uris": [REDIRECT_URI],
    "webhook_url": None,
    "processing_seconds": 0.05,
    "empty_inits_count": True,
    "keep_torn_bytes": False,
    "content_range_end": "count",
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("tiktok")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    """One process for all tests here; each begins with an empty one."""
    process.reset()
    process.control("app", _PLAIN_APP)
    return process


def settings_of(url: str, **changes: Any) -> TikTokSettings:
    settings = TikTokSettings(
        api_url=url,
        authorize_url=f"{url}/v2/auth/authorize/",
        client_key=CLIENT_KEY,
        redirect_uri=REDIRECT_URI,
        upload_hosts=("127.0.0.1",),
    )
    return replace(settings, **changes)


@contextmanager
def client_of(url: str, limits: TimeLimits | None = None, **changes: Any) -> Iterator[TikTokClient]:
    client = TikTokClient(settings_of(url, **changes), lambda: CLIENT_SECRET, limits)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[TikTokClient]:
    with client_of(sandbox.url) as client:
        yield client


@pytest.fixture
def grant(sandbox: Sandbox, client: TikTokClient) -> Grant:
    return connect(sandbox, client)


def connect(sandbox: Sandbox, client: TikTokClient, scopes: tuple[str, ...] = SCOPES) -> Grant:
    came_back = sandbox.consent("ana", url=client.authorize_url("some-state"), scopes=scopes)
    return client.exchange_code(came_back["code"])


def from_byte(video: bytes) -> Callable[[int], io.BytesIO]:
    return lambda first: io.BytesIO(video[first:])


def send(
    client: TikTokClient, draft: UploadSession, video: bytes = MP4, first_byte: int = 0
) -> None:
    client.send(draft, "video/mp4", len(video), from_byte(video), first_byte)


def share_of(sandbox: Sandbox, draft: UploadSession) -> dict[str, Any]:
    share: dict[str, Any] = sandbox.record()["shares"][draft.publish_id]
    return share


def is_there_once(sandbox: Sandbox, draft: UploadSession, video: bytes = MP4) -> bool:
    share = share_of(sandbox, draft)
    expected = (1, hashlib.sha256(video).hexdigest())
    return (share["completed_uploads"], share["sha256"]) == expected


def rules_broken(sandbox: Sandbox) -> list[str]:
    """Only those that a careful client could have kept."""
    return [rule["rule"] for rule in sandbox.record()["violations"] if rule["avoidable"]]


# --- as it should be --------------------------------------------------------------------------


def test_a_video_goes_from_consent_to_a_post(sandbox: Sandbox, client: TikTokClient) -> None:
    grant = connect(sandbox, client)
    assert grant.scopes == frozenset(SCOPES)
    assert not grant.missing_scopes
    assert (grant.expires_in, grant.refresh_expires_in) == (2 * HOUR, 180 * 24 * HOUR)

    person = client.person(grant.access_token)
    assert person.open_id == grant.open_id
    assert person.display_name
    assert person.avatar_url
    assert person.avatar_url.startswith(sandbox.url)

    for content_type, video in (("video/mp4", MP4), ("video/webm", WEBM)):
        draft = client.begin_upload(grant.access_token, len(video))
        before = client.status(grant.access_token, draft.publish_id)
        assert (before.state, before.uploaded_bytes) == (ShareState.PROCESSING_UPLOAD, 0)
        assert before.state.is_pending
        sent = client.send(draft.upload_url, content_type, len(video), from_byte(video))
        assert (sent.size_bytes, sent.sent_bytes) == (len(video), len(video))
        assert is_there_once(sandbox, draft, video)
        sandbox.wait_for_status(draft.publish_id, "SEND_TO_USER_INBOX")
        staged = client.status(grant.access_token, draft.publish_id)
        assert (staged.state, staged.post_ids) == (ShareState.IN_INBOX, ())
        assert not staged.state.is_pending
        sandbox.person_posts("ana", draft.publish_id)
        posted = client.status(grant.access_token, draft.publish_id)
        assert posted.state is ShareState.POSTED
        assert len(posted.post_ids) == 1
        for answer in (person, draft, sent, posted):
            assert re.fullmatch("[0-9a-f]{32}", answer.log_id or "")

    client.revoke(grant.access_token)
    assert sandbox.record()["violations"] == []


def test_the_consent_page_is_always_shown(sandbox: Sandbox, client: TikTokClient) -> None:
    url = urlsplit(client.authorize_url("a state/ü&="))
    assert dict(parse_qsl(url.query)) == {
        "client_key": CLIENT_KEY,
        "response_type": "code",
        "scope": "user.info.basic,video.upload",
        "redirect_uri": REDIRECT_URI,
        "state": "a state/ü&=",
        "disable_auto_auth": "1",
    }
    with pytest.raises(ValueError, match="state"):
        client.authorize_url("")


def test_a_refresh_rotates_the_pair(client: TikTokClient, grant: Grant) -> None:
    renewed = client.refresh(grant.refresh_token)
    assert renewed.open_id == grant.open_id
    assert renewed.access_token != grant.access_token
    assert client.person(renewed.access_token).open_id == grant.open_id
    with pytest.raises(Reconnect) as refused:
        client.refresh(grant.refresh_token)
    assert (refused.value.cause, refused.value.code) == (Cause.CONSENT_ENDED, "invalid_grant")


def test_a_code_is_good_once(sandbox: Sandbox, client: TikTokClient) -> None:
    code = sandbox.consent("ana")["code"]
    client.exchange_code(code)
    for bad in (code, "no-such-code", "odd \n%&=ü"):
        with pytest.raises(Reconnect) as refused:
            client.exchange_code(bad)
        assert refused.value.cause is Cause.CONSENT_ENDED


def test_a_denied_consent_is_understood(sandbox: Sandbox, client: TikTokClient) -> None:
    came_back = sandbox.consent("ana", url=client.authorize_url("s"), decision="cancel")
    error = error_from_code(came_back["error"])
    assert isinstance(error, Reconnect)
    assert error.cause is Cause.CONSENT_DENIED


VERIFIER = "verifier-" + "0123456789abcdef" * 3


def test_with_a_verifier_an_app_that_needs_pkce_connects_and_a_stolen_code_does_not(
    sandbox: Sandbox, client: TikTokClient
) -> None:
    url = client.authorize_url("s", VERIFIER)
    assert VERIFIER not in url
    with sandbox.requiring_pkce():
        code = sandbox.consent("ana", url=url)["code"]
        for verifier in (None, VERIFIER + "x"):
            with pytest.raises(TikTokRefused) as refused:
                client.exchange_code(code, verifier)
            assert refused.value.cause is Cause.BAD_REQUEST
            assert VERIFIER not in f"{refused.value.message} {refused.value!r}"
        assert client.exchange_code(code, VERIFIER).open_id


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 42 + "\n"])
def test_a_verifier_that_no_document_allows_is_refused_before_anything_is_sent(
    client: TikTokClient, verifier: str
) -> None:
    with pytest.raises(ValueError, match="code verifier"):
        client.authorize_url("s", verifier)


def test_a_switched_off_scope_is_seen_twice(sandbox: Sandbox, client: TikTokClient) -> None:
    grant = connect(sandbox, client, scopes=("user.info.basic",))
    assert grant.missing_scopes == {"video.upload"}
    with pytest.raises(Reconnect) as refused:
        client.begin_upload(grant.access_token, 1000)
    assert refused.value.cause is Cause.SCOPE_MISSING


def test_a_wrong_secret_is_the_owners_to_mend(sandbox: Sandbox) -> None:
    client = TikTokClient(settings_of(sandbox.url), lambda: "another-secret")
    with pytest.raises(TikTokRefused) as refused:
        client.refresh("some-token")
    client.close()
    assert refused.value.cause is Cause.APP_SETTINGS


def test_after_revoking_nothing_is_good_any_more(client: TikTokClient, grant: Grant) -> None:
    client.revoke(grant.access_token)
    calls: list[Callable[[], object]] = [
        lambda: client.person(grant.access_token),
        lambda: client.begin_upload(grant.access_token, 1000),
        lambda: client.status(grant.access_token, "v_inbox_file~v2.1"),
        lambda: client.revoke(grant.access_token),
    ]
    for call in calls:
        with pytest.raises(AccessTokenRefused):
            call()
    with pytest.raises(Reconnect):
        client.refresh(grant.refresh_token)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünïcode", "x" * 5000])
def test_an_impossible_token_is_not_sent(client: TikTokClient, token: str) -> None:
    with pytest.raises(AccessTokenRefused):
        client.person(token)


def test_the_seventh_init_in_a_minute_is_for_later(
    sandbox: Sandbox, client: TikTokClient, grant: Grant
) -> None:
    sandbox.control("app", {"empty_inits_count": False})
    for _ in range(6):
        client.begin_upload(grant.access_token, 1000)
    with pytest.raises(TryLater) as refused:
        client.begin_upload(grant.access_token, 1000)
    assert refused.value.is_rate_limit
    assert refused.value.log_id


def test_a_sixth_pending_share_finds_the_inbox_full(client: TikTokClient, grant: Grant) -> None:
    for _ in range(5):
        client.begin_upload(grant.access_token, 1000)
    with pytest.raises(InboxFull):
        client.begin_upload(grant.access_token, 1000)


def test_unknown_and_foreign_shares_are_refused(
    sandbox: Sandbox, client: TikTokClient, grant: Grant
) -> None:
    foreign, _ = sandbox.begin(sandbox.connect("ben"), 1000)
    for publish_id in ("v_inbox_file~v2.1", foreign, "x" * 65):
        with pytest.raises(TikTokRefused) as refused:
            client.status(grant.access_token, publish_id)
        assert refused.value.cause is Cause.UNKNOWN_SHARE


@pytest.mark.parametrize(
    ("reason", "kind", "cause"),
    [
        ("internal", TryLater, None),
        ("picture_size_check_failed", TikTokRefused, Cause.VIDEO_RESOLUTION),
        ("auth_removed", Reconnect, Cause.CONSENT_ENDED),
    ],
)
def test_a_failed_share_says_why(
    sandbox: Sandbox,
    client: TikTokClient,
    grant: Grant,
    *,
    reason: str,
    kind: type[TikTokError],
    cause: Cause | None,
) -> None:
    sandbox.faults({"endpoint": "processing", "kind": "fail", "fail_reason": reason})
    draft = client.begin_upload(grant.access_token, len(MP4))
    send(client, draft)
    sandbox.wait_for_status(draft.publish_id, "FAILED")
    status = client.status(grant.access_token, draft.publish_id)
    assert status.state is ShareState.FAILED
    assert type(status.fail) is kind
    assert getattr(status.fail, "cause", None) == cause
    assert status.fail.log_id == status.log_id


# --- faults of calls --------------------------------------------------------------------------

type Call = Callable[[TikTokClient, Grant, Sandbox], object]

CALLS: dict[str, Call] = {
    "token": lambda client, grant, _: client.refresh(grant.refresh_token),
    "init": lambda client, grant, _: client.begin_upload(grant.access_token, 1000),
    "status": lambda client, grant, _: client.status(grant.access_token, "v_inbox_file~v2.1"),
    "user_info": lambda client, grant, _: client.person(grant.access_token),
    "revoke": lambda client, grant, _: client.revoke(grant.access_token),
}
LOST: dict[str, type[TikTokError]] = {
    "token": OutcomeUnknown,
    "init": OutcomeUnknown,
    "status": TryLater,
    "user_info": TryLater,
    "revoke": TryLater,
}
LOSING: list[dict[str, Any]] = [
    {"kind": "reset", "when": "before"},
    {"kind": "reset", "when": "after"},
    {"kind": "slow", "when": "before", "seconds": SLOW_SECONDS},
    {"kind": "slow", "when": "after", "seconds": SLOW_SECONDS},
    {"kind": "malformed", "when": "before"},
    {"kind": "malformed", "when": "after"},
    {"kind": "truncated", "when": "after"},
    {"kind": "cut", "when": "after"},
    {"kind": "wrong_content_type", "when": "before"},
]


@pytest.mark.parametrize("fault", LOSING, ids=lambda fault: f"{fault['kind']}-{fault['when']}")
@pytest.mark.parametrize("endpoint", CALLS)
def test_a_lost_answer_is_unknown_or_harmless(
    sandbox: Sandbox, grant: Grant, endpoint: str, fault: dict[str, Any]
) -> None:
    sandbox.faults({"endpoint": endpoint, **fault})
    limits = QUICK if fault["kind"] == "slow" else None
    with client_of(sandbox.url, limits) as client, pytest.raises(LOST[endpoint]) as lost:
        CALLS[endpoint](client, grant, sandbox)
    assert lost.value.code in {"no_answer", "unreadable_answer"}


@pytest.mark.parametrize("endpoint", CALLS)
@pytest.mark.parametrize(
    ("status", "code", "headers", "seconds"),
    [
        (500, "internal_error", {}, None),
        (503, "temporarily_unavailable", {"Retry-After": "7"}, 7),
        (502, "brand_new_code", {}, None),
        (429, "rate_limit_exceeded", {"Retry-After": "3"}, 3),
        (429, "rate_limit_exceeded", {}, None),
        (200, "rate_limit_exceeded", {}, None),
        (200, "internal_error", {}, None),
    ],
)
def test_an_outage_is_for_later(
    sandbox: Sandbox,
    client: TikTokClient,
    grant: Grant,
    *,
    endpoint: str,
    status: int,
    code: str,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    fault = {"status": status, "error_code": code, "headers": headers}
    sandbox.faults({"endpoint": endpoint, "kind": "status", **fault})
    with pytest.raises((TryLater, OutcomeUnknown)) as later:
        CALLS[endpoint](client, grant, sandbox)
    error = later.value
    assert (error.code, error.http_status) == (code, status)
    assert error.log_id
    turned_away = status in (429, 503) or code == "rate_limit_exceeded"
    if endpoint == "init" and not turned_away:
        # A draft may have been made all the same.
        assert isinstance(error, OutcomeUnknown)
    else:
        assert isinstance(error, TryLater)
        assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("endpoint", "code", "kind"),
    [
        ("token", "invalid_grant", Reconnect),
        ("token", "invalid_client", TikTokRefused),
        ("init", "spam_risk_user_banned_from_posting", TikTokRefused),
        ("init", "spam_risk_too_many_pending_share", InboxFull),
        ("init", "invalid_params", TikTokRefused),
        ("init", "access_token_invalid", AccessTokenRefused),
        ("status", "access_token_invalid", AccessTokenRefused),
        ("user_info", "scope_not_authorized", Reconnect),
        ("revoke", "invalid_grant", AccessTokenRefused),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_the_body_decides_not_the_status(
    sandbox: Sandbox,
    client: TikTokClient,
    grant: Grant,
    *,
    endpoint: str,
    code: str,
    kind: type[TikTokError],
    status: int,
) -> None:
    sandbox.faults({"endpoint": endpoint, "kind": "status", "status": status, "error_code": code})
    with pytest.raises(kind):
        CALLS[endpoint](client, grant, sandbox)


@pytest.mark.parametrize("endpoint", ["token", "init", "user_info", "revoke"])
def test_a_right_answer_under_a_wrong_label_is_taken(
    sandbox: Sandbox, client: TikTokClient, grant: Grant, endpoint: str
) -> None:
    sandbox.faults({"endpoint": endpoint, "kind": "wrong_content_type", "when": "after"})
    CALLS[endpoint](client, grant, sandbox)


@pytest.mark.parametrize("endpoint", ["token", "init", "status", "revoke"])
def test_a_request_that_never_left_may_be_retried_at_once(
    sandbox: Sandbox, grant: Grant, endpoint: str
) -> None:
    with client_of(f"http://127.0.0.1:{closed_port()}") as client, pytest.raises(TryNow):
        CALLS[endpoint](client, grant, sandbox)


# --- answers no sandbox gives -----------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@dataclass
class Stub:
    """A server that answers every request with the same bytes, and keeps what came."""

    answer: bytes
    url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    drip_seconds: float | None = None

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rb") as reader:
                try:
                    self._serve_one(connection, reader)
                except OSError:
                    continue

    def _serve_one(self, connection: socket.socket, reader: io.BufferedReader) -> None:
        connection.settimeout(5)
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = reader.readline()
                if not line:
                    return
                head += line
            self.heads.append(head.decode())
            length = re.search(rb"Content-Length: ([0-9]+)", head)
            self.bodies.append(reader.read(int(length[1])) if length else b"")
            if self.drip_seconds is None:
                connection.sendall(self.answer)
                continue
            for index in range(len(self.answer)):
                connection.sendall(self.answer[index : index + 1])
                time.sleep(self.drip_seconds if index > self.answer.find(b"\r\n\r\n") else 0)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body


@contextmanager
def stub(canned: bytes, drip_seconds: float | None = None) -> Iterator[Stub]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Stub(canned, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.drip_seconds = drip_seconds
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


OK = {"code": "ok", "message": "", "log_id": "log-1"}
USER = json.dumps({"data": {"user": {"open_id": "o", "display_name": "Ana"}}, "error": OK}).encode()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("Ana\u202e\x00 Lee\n", "Ana Lee"),
        ("\u200b\u3164", ""),
        ("n" * 600, "n" * 512),
        (7, ""),
        (None, ""),
    ],
)
def test_the_name_at_tiktok_is_one_clean_line_of_bounded_length(name: object, read: str) -> None:
    data = {"user": {"open_id": "o", "display_name": name}}
    canned = answer(json.dumps({"data": data, "error": OK}).encode())
    with stub(canned) as server, client_of(server.url, QUICK) as client:
        assert client.person("token").display_name == read


def init_answer(publish_id: object, upload_url: object) -> bytes:
    data = {"publish_id": publish_id, "upload_url": upload_url}
    return answer(json.dumps({"data": data, "error": OK}).encode())


@pytest.mark.parametrize(
    "canned",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        answer(b"not gzip", "Content-Encoding: gzip"),
        answer(b"\xff\xfe\x00"),
        answer(b"[]"),
        answer(b"{}"),
        answer(b"null"),
        answer(b"[" * 60_000),
        answer(b'{"error": {"code": 7}}'),
        answer(b'{"error": {"code": "ok"}}'),
        answer(b'{"error": {"code": "ok"}, "data": []}'),
        answer(b'{"data": {"publish_id": "p"}}'),
        answer(b" " * 70_000 + USER),
        answer(USER, status="404 Not Found"),
        answer(b"<html>", status="403 Forbidden"),
        answer(b"<html>", status="502 Bad Gateway"),
        answer(b"", status="204 No Content"),
        answer(b"", "Location: http://127.0.0.1:1/elsewhere", status="307 Temporary Redirect"),
        answer(b" " * 70_000, "Location: /again", status="302 Found"),
        init_answer("", "http://127.0.0.1/"),
        init_answer("p" * 65, "http://127.0.0.1/"),
        init_answer(7, "http://127.0.0.1/"),
        init_answer("p q", "http://127.0.0.1/"),
        init_answer("p", ""),
        init_answer("p", None),
        init_answer("p", "http://127.0.0.1/" + "u" * 240),
    ],
)
def test_a_nonsensical_answer_is_unknown_or_harmless(canned: bytes) -> None:
    with stub(canned) as server, client_of(server.url, QUICK) as client:
        with pytest.raises(OutcomeUnknown):
            client.begin_upload("token", 1000)
        with pytest.raises(OutcomeUnknown):
            client.refresh("token")
        with pytest.raises(TryLater):
            client.status("token", "p")
        with pytest.raises(TryLater):
            client.person("token")
        assert len(server.heads) == 4  # nothing was repeated, no redirect followed


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_gateways_page_may_say_when(status: str) -> None:
    canned = answer(b"<html>busy</html>", "Retry-After: 11", status=status)
    with stub(canned) as server, client_of(server.url) as client:
        for call in (CALLS["init"], CALLS["token"], CALLS["status"]):
            with pytest.raises(TryLater) as later:
                call(client, Grant("a", "r", 1, 1, "o", frozenset()), Sandbox(Path()))
            assert later.value.retry_after_seconds == 11


def test_an_answer_that_drips_is_given_up() -> None:
    with stub(answer(b" " * 200 + USER), 0.02) as server:
        started = time.monotonic()
        with client_of(server.url, QUICK) as client, pytest.raises(TryLater):
            client.person("token")
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "open_id", "expires_in"])
def test_half_a_grant_is_none(missing: str) -> None:
    whole = {
        "access_token": "a",
        "refresh_token": "r",
        "open_id": "o",
        "expires_in": 1,
        "refresh_expires_in": 1,
        "scope": "user.info.basic, video.upload",
    }
    with stub(answer(json.dumps(whole).encode(), "X-Tt-Logid: log-2")) as server:
        with client_of(server.url) as client:
            grant = client.refresh("token")
        assert (grant.scopes, grant.log_id) == (frozenset(SCOPES), "log-2")
    for nonsense in (None, "", -1, True, ["a"], "x y"):
        body = json.dumps({**whole, missing: nonsense}).encode()
        with (
            stub(answer(body)) as server,
            client_of(server.url) as client,
            pytest.raises(OutcomeUnknown),
        ):
            client.refresh("token")


@pytest.mark.parametrize("body", [b"", b"{}", b" \n"])
def test_an_empty_answer_to_revoking_is_a_success(body: bytes) -> None:
    with stub(answer(body)) as server, client_of(server.url) as client:
        client.revoke("token")
    assert b"token=token" in server.bodies[0]


def test_an_unknown_status_is_pending() -> None:
    data = {
        "status": "POLISHING",
        "uploaded_bytes": -1,
        "publicaly_available_post_id": [7, "8", None, {}, "x y"],
    }
    body = json.dumps({"data": data, "error": OK}).encode()
    with stub(answer(body)) as server, client_of(server.url) as client:
        status = client.status("token", "p")
    assert status.state is ShareState.UNKNOWN
    assert status.state.is_pending
    assert (status.uploaded_bytes, status.post_ids) == (None, ("7", "8"))


def test_connections_are_reused_until_they_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(answer(USER, "Set-Cookie: who=ana")) as server, client_of(server.url) as client:
        for _ in range(3):
            client.person("token")
        assert server.connections == 1
        assert not any("Cookie" in head for head in server.heads)
        monkeypatch.setattr(tiktok, "IDLE_SECONDS", 0.01)
        time.sleep(0.05)
        client.person("token")
    assert server.connections == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        ("0", 0),
        (" 12 ", 12),
        ("999999", 86400),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 86400),
        ("-3", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"code": "internal_error"}}).encode()
    canned = answer(body, f"Retry-After: {header}", status="500 Internal Server Error")
    with stub(canned) as server, client_of(server.url) as client, pytest.raises(TryLater) as later:
        client.person("token")
    assert later.value.retry_after_seconds == seconds


# --- bytes ------------------------------------------------------------------------------------


def test_every_chunk_says_what_it_is() -> None:
    with stub(answer(b"", status="201 Created")) as server, client_of(server.url) as client:
        sent = client.send(f"{server.url}/v?u=1", "video/webm", 4, from_byte(b"abcd"))
        assert (sent.sent_bytes, sent.log_id) == (4, None)
        client.send(f"{server.url}/v?u=1", "video/webm", 4, from_byte(b"abcd"), 3)
    for head, length, byte_range in (
        (server.heads[0], 4, "bytes 0-3/4"),
        (server.heads[1], 1, "bytes 3-3/4"),
    ):
        assert head.startswith("PUT /v?u=1 HTTP/1.1\r\n")
        lines = head.lower().splitlines()
        assert "content-type: video/webm" in lines
        assert f"content-length: {length}" in lines
        assert f"content-range: {byte_range}" in lines
        assert "transfer-encoding" not in head.lower()
        assert "authorization" not in head.lower()
    assert server.bodies == [b"abcd", b"d"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset", "when": "before"},
        {"kind": "reset", "when": "after"},
        {"kind": "reset_after_bytes", "after_bytes": 1000},
        {"kind": "malformed", "when": "before"},
        {"kind": "malformed", "when": "after"},
        {"kind": "truncated", "when": "before"},
        {"kind": "wrong_content_type", "when": "before"},
        {"kind": "slow", "when": "before", "seconds": SLOW_SECONDS},
        {"kind": "slow", "when": "after", "seconds": SLOW_SECONDS},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('when')}",
)
def test_an_upload_whose_answer_was_lost_is_settled_by_its_status(
    sandbox: Sandbox, client: TikTokClient, grant: Grant, fault: dict[str, Any]
) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4))
    sandbox.faults({"endpoint": "upload", **fault})
    limits = QUICK if fault["kind"] == "slow" else None
    with client_of(sandbox.url, limits) as hasty, pytest.raises(OutcomeUnknown):
        send(hasty, draft)
    if fault["kind"] == "slow":
        time.sleep(SLOW_SECONDS)
    status = client.status(grant.access_token, draft.publish_id)
    if status.uploaded_bytes != len(MP4):
        assert status.uploaded_bytes == 0
        send(client, draft)
    assert is_there_once(sandbox, draft)
    assert rules_broken(sandbox) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncated", "when": "after"},
        {"kind": "cut", "when": "after"},
        {"kind": "wrong_content_type", "when": "after"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_created_upload_is_there_whatever_else_the_answer_says(
    sandbox: Sandbox, client: TikTokClient, grant: Grant, fault: dict[str, Any]
) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4))
    sandbox.faults({"endpoint": "upload", **fault})
    send(client, draft)
    assert is_there_once(sandbox, draft)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("status", "headers", "kind", "seconds"),
    [
        (500, {}, TryNow, None),
        (503, {}, TryNow, None),
        (503, {"Retry-After": "4"}, TryLater, 4),
        (429, {"Retry-After": "7"}, TryLater, 7),
        (429, {}, TryLater, None),
        (408, {}, TryNow, None),
    ],
)
def test_a_chunk_that_was_not_taken_is_sent_again(
    sandbox: Sandbox,
    client: TikTokClient,
    grant: Grant,
    *,
    when: str,
    status: int,
    headers: dict[str, str],
    kind: type[TikTokError],
    seconds: float | None,
) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4))
    fault = {"kind": "status", "status": status, "headers": headers, "when": when}
    sandbox.faults({"endpoint": "upload", **fault})
    with pytest.raises(kind) as refused:
        send(client, draft)
    assert getattr(refused.value, "retry_after_seconds", None) == seconds
    has = client.status(grant.access_token, draft.publish_id).uploaded_bytes
    assert has == (0 if when == "before" else len(MP4))
    send(client, draft, first_byte=has)
    assert is_there_once(sandbox, draft)
    assert rules_broken(sandbox) == []


@pytest.mark.parametrize("convention", ["count", "index"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_torn_upload_goes_on_where_tiktok_has_got_to(
    sandbox: Sandbox, client: TikTokClient, grant: Grant, convention: str, kept: bool
) -> None:
    sandbox.control("app", {"keep_torn_bytes": kept, "content_range_end": convention})
    video = MP4 * 30
    for told_by in ("status", "index by status", "refusal"):
        draft = client.begin_upload(grant.access_token, len(video))
        sandbox.faults(
            {"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 1_000_000}
        )
        with pytest.raises(OutcomeUnknown):
            send(client, draft, video)
        has = client.status(grant.access_token, draft.publish_id).uploaded_bytes
        assert has is not None
        assert has == (1_000_000 if kept else 0)
        if told_by == "index by status":
            has = max(0, has - 1)
        opened: list[int] = []

        def open_at(first: int, opened: list[int] = opened) -> io.BytesIO:
            opened.append(first)
            return io.BytesIO(video[first:])

        first_byte = 0 if told_by == "refusal" else has
        client.send(draft, "video/mp4", len(video), open_at, first_byte)
        assert is_there_once(sandbox, draft, video)
        if told_by == "status" or not kept:
            assert len(opened) == 1
        assert len(opened) <= 3


def test_a_video_of_several_chunks_is_read_in_one_pass_and_goes_on_inside_a_chunk(
    sandbox: Sandbox, client: TikTokClient, grant: Grant
) -> None:
    sandbox.control("app", {"keep_torn_bytes": True, "content_range_end": "index"})
    size = MAX_CHUNK_BYTES + 1
    video = (MP4 * (size // len(MP4) + 1))[:size]
    chunk = plan_chunks(size).chunk_bytes
    draft = client.begin_upload(grant.access_token, size)
    torn = {"kind": "reset_after_bytes", "after_bytes": 5_000_000, "skip": 1}
    sandbox.faults({"endpoint": "upload", **torn})
    opened: list[int] = []

    def open_at(first: int) -> io.BytesIO:
        opened.append(first)
        return io.BytesIO(video[first:])

    with pytest.raises(OutcomeUnknown):
        client.send(draft, "video/mp4", size, open_at)
    assert opened == [0]
    has = client.status(grant.access_token, draft.publish_id).uploaded_bytes
    assert has == chunk + 5_000_000
    sent = client.send(draft, "video/mp4", size, open_at, has)
    assert (sent.sent_bytes, opened) == (size - has, [0, has])
    assert is_there_once(sandbox, draft, video)
    assert rules_broken(sandbox) == []


def test_an_upload_that_is_all_there_is_not_sent_again(
    sandbox: Sandbox, client: TikTokClient, grant: Grant
) -> None:
    for convention in ("count", "index"):
        sandbox.control("app", {"content_range_end": convention})
        draft = client.begin_upload(grant.access_token, len(MP4))
        send(client, draft)
        for first_byte in (0, len(MP4) - 1):
            with pytest.raises(UploadOffset) as elsewhere:
                send(client, draft, first_byte=first_byte)
            assert elsewhere.value.received_bytes == len(MP4)
        send(client, draft, first_byte=len(MP4))
        assert is_there_once(sandbox, draft)


@pytest.mark.parametrize(
    ("header", "first", "expected"),
    [
        ("bytes 0-40/100", 0, 40),  # as a count first
        ("bytes 0-40/100", 40, 41),  # the count was refused: an index
        ("bytes 0-40/100", 41, 40),  # the index was refused: a count
        ("bytes 0-99/100", 0, 100),  # the end of a chunk
        ("bytes 0-100/100", 0, 100),
        ("bytes */100", 40, 0),
        ("bytes */100", 0, None),
        ("bytes 0-101/100", 0, None),
        ("bytes 0-0/100", 0, 0),  # nothing is there; that one byte is would be told otherwise
        ("bytes 0-0/100", 1, 0),
        ("bytes 0-40/101", 0, None),
        ("bytes 1-40/100", 0, None),
        ("", 0, None),
        ("bytes 0--1/100", 0, None),
    ],
)
def test_both_ways_of_counting_are_understood(
    header: str, first: int, expected: int | None
) -> None:
    assert received_bytes(header, first, plan_chunks(100)) == expected


def test_the_end_of_a_chunk_tells_the_index_from_the_count() -> None:
    chunks = plan_chunks(MAX_CHUNK_BYTES * 2)
    for told in (MAX_CHUNK_BYTES, MAX_CHUNK_BYTES - 1):
        header = f"bytes 0-{told}/{chunks.size_bytes}"
        assert received_bytes(header, 0, chunks) == MAX_CHUNK_BYTES


@pytest.mark.parametrize(
    ("headers", "received", "tries"),
    [
        ((), None, 1),
        (("Content-Range: bytes 0-2/8",), 3, 4),
        (("Content-Range: bytes 0-0/8",), 0, 4),
        # All is there, it says, of which it took nothing: the status has to be asked.
        (("Content-Range: bytes 0-7/8",), 8, 1),
        (("Content-Range: bytes 0-8/8",), 8, 1),
        (("Content-Range: bytes 0-9/8",), None, 1),
        (("Content-Range: bytes 0-7/9",), None, 1),
        (("Content-Range: bytes */8",), None, 1),
    ],
)
def test_an_offset_that_is_never_right_is_given_up(
    headers: tuple[str, ...], received: int | None, tries: int
) -> None:
    canned = answer(b"", *headers, status="416 Range Not Satisfiable")
    with stub(canned) as server, client_of(server.url) as client:
        with pytest.raises(UploadOffset) as elsewhere:
            client.send(f"{server.url}/v", "video/mp4", 8, from_byte(b"abcdefgh"))
        assert elsewhere.value.received_bytes in {received, 2 if received else None}
    assert len(server.heads) == tries


def test_an_upload_url_lives_one_hour(sandbox: Sandbox, client: TikTokClient, grant: Grant) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4))
    sandbox.advance(HOUR + 1)
    with pytest.raises(UploadGone) as gone:
        send(client, draft)
    assert gone.value.http_status == 403
    unknown = re.sub("upload_id=[^&]*", "upload_id=1", draft.upload_url)
    with pytest.raises(UploadGone) as gone:
        client.send(unknown, "video/mp4", len(MP4), from_byte(MP4))
    assert gone.value.http_status == 404


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("400 Bad Request", "invalid_params", TikTokRefused),
        ("403 Forbidden", "spam_risk_user_banned_from_posting", TikTokRefused),
        ("403 Forbidden", "upload_url_expired", UploadGone),
        ("201 Created", "spam_risk", TikTokRefused),
        ("201 Created", "internal_error", None),
        ("206 Partial Content", "ok", OutcomeUnknown),
        ("200 OK", "ok", OutcomeUnknown),
        ("302 Found", "ok", OutcomeUnknown),
    ],
)
def test_an_upload_is_judged_by_status_and_code(
    status: str, code: str, kind: type[TikTokError] | None
) -> None:
    body = json.dumps({"data": {}, "error": {**OK, "code": code}}).encode()
    with stub(answer(body, status=status)) as server, client_of(server.url) as client:

        def call() -> object:
            return client.send(f"{server.url}/v", "video/mp4", 4, from_byte(b"abcd"))

        if kind is None:
            call()
        else:
            with pytest.raises(kind):
                call()


def test_an_upload_that_cannot_connect_may_be_tried_at_once() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with client_of(url) as client, pytest.raises(TryNow):
        client.send(f"{url}/v", "video/mp4", 4, from_byte(b"abcd"))


class Breaking(io.BytesIO):
    """A source that breaks after its first block."""

    def __init__(self, error: Exception) -> None:
        super().__init__(MP4)
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise self.error
        return super().read(min(size or 100, 100))


@pytest.mark.parametrize(
    "error", [OSError("torn"), BrokenPipeError(), ConnectionResetError(), RuntimeError("odd")]
)
def test_errors_of_the_source_propagate(
    sandbox: Sandbox, client: TikTokClient, grant: Grant, error: Exception
) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4))
    source = Breaking(error)
    with pytest.raises(type(error)) as raised:
        client.send(draft, "video/mp4", len(MP4), lambda _: source)
    assert raised.value is error
    assert source.closed
    wait_until(lambda: client.status(grant.access_token, draft.publish_id).uploaded_bytes == 0)
    send(client, draft)
    assert is_there_once(sandbox, draft)


def test_a_source_that_ends_early_is_told(
    sandbox: Sandbox, client: TikTokClient, grant: Grant
) -> None:
    draft = client.begin_upload(grant.access_token, len(MP4) + 7)
    with pytest.raises(EOFError, match="7 bytes early"):
        client.send(draft, "video/mp4", len(MP4) + 7, from_byte(MP4))
    assert not share_of(sandbox, draft)["completed_uploads"]


def test_an_invalid_call_is_a_value_error(client: TikTokClient, sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/upload/?upload_id=1&upload_token=2"
    for size, content_type, first in (
        (0, "video/mp4", 0),
        (4, "video/quicktime", 0),
        (4, "video/mp4", 5),
        (4, "video/mp4", -1),
    ):
        with pytest.raises(ValueError, match=r"video|TikTok|byte"):
            client.send(url, content_type, size, from_byte(b"abcd"), first)
    with pytest.raises(ValueError, match="a video has"):
        client.begin_upload("token", 0)
    for wrong in ("ftp://x", "open.tiktokapis.com", "https://user@host", "https://x/#y"):
        with pytest.raises(ValueError, match="absolute"):
            TikTokClient(settings_of(wrong), lambda: CLIENT_SECRET)


# --- where bytes may go -----------------------------------------------------------------------

REAL_HOSTS = ("upload.us.tiktokapis.com", ".tiktokapis.com")


@pytest.mark.parametrize(
    ("url", "hosts", "api_url"),
    [
        ("https://evil.example/video/?u=1", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://eviltiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://a.tiktokapis.com.evil.example/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://a.tiktokapis.com@evil.example/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://evil.example\\@a.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://evil.example#.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://evil.example?.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://a.tiktokapis.com:x@evil.example/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("http://a.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("ftp://a.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("//a.tiktokapis.com/", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://a.tiktokapis.com/\r\nHost: x", REAL_HOSTS, "https://open.tiktokapis.com"),
        ("https://127.0.0.1/", REAL_HOSTS, "http://127.0.0.1:1"),
        ("https://a.tiktokapis.com/", (), "https://open.tiktokapis.com"),
        ("", REAL_HOSTS, "https://open.tiktokapis.com"),
    ],
)
def test_no_byte_goes_to_another_host(url: str, hosts: tuple[str, ...], api_url: str) -> None:
    def open_at(_: int) -> io.BytesIO:
        raise AssertionError("the video was opened")

    with client_of(api_url, upload_hosts=hosts) as client, pytest.raises(TikTokRefused) as refused:
        client.send(url, "video/mp4", 4, open_at)
    assert refused.value.cause is Cause.APP_SETTINGS
    assert refused.value.code == "upload_host_not_allowed"


@pytest.mark.parametrize(
    ("port", "hosts", "gone"),
    [
        (2, ("127.0.0.1:1",), True),
        (2, ("127.0.0.1:1", ".tiktokapis.com"), True),
        (2, ("127.0.0.1:1", "127.0.0.1:2"), False),
        (2, ("127.0.0.1:2",), False),
        (2, ("127.0.0.1",), False),
        (2, ("127.0.0.1", "127.0.0.1:1"), False),
        (12, ("127.0.0.1:1",), True),
    ],
)
def test_an_address_at_a_port_that_the_stand_in_left_is_gone_and_nothing_is_sent_there(
    port: int, hosts: tuple[str, ...], gone: bool
) -> None:
    opened: list[int] = []

    def open_at(byte: int) -> io.BytesIO:
        opened.append(byte)
        raise PermissionError

    url = f"http://127.0.0.1:{port}/upload/?upload_id=1"
    with (
        client_of("http://127.0.0.1:1", upload_hosts=hosts) as client,
        pytest.raises(UploadGone if gone else PermissionError),
    ):
        client.send(url, "video/mp4", 4, open_at)
    assert opened == ([] if gone else [0])


def test_a_new_address_at_another_port_than_allowed_is_refused_for_the_owner(
    sandbox: Sandbox, grant: Grant
) -> None:
    with (
        client_of(sandbox.url, upload_hosts=("127.0.0.1:1",)) as client,
        pytest.raises(TikTokRefused) as refused,
    ):
        client.begin_upload(grant.access_token, 1000)
    assert refused.value.cause is Cause.APP_SETTINGS


def test_a_draft_at_another_host_is_refused_when_it_is_begun(
    sandbox: Sandbox, grant: Grant
) -> None:
    with (
        client_of(sandbox.url, upload_hosts=REAL_HOSTS) as client,
        pytest.raises(TikTokRefused) as refused,
    ):
        client.begin_upload(grant.access_token, 1000)
    assert str(refused.value).endswith("upload_hosts does not have 127.0.0.1)")
    assert refused.value.log_id


@pytest.mark.parametrize("host", ["UPLOAD.us.tiktokapis.com", "open-upload-va.tiktokapis.com"])
def test_known_hosts_are_taken_in_any_case(host: str) -> None:
    """The connection is what fails, and nothing before it."""
    limits = TimeLimits(connect_seconds=0.01)
    with client_of("https://open.tiktokapis.com", limits, upload_hosts=REAL_HOSTS) as client:
        client._check_upload_url(  # noqa: SLF001  a whole send would go to TikTok
            f"https://{host}/video/?upload_id=1&upload_token=%2A!", {}
        )


# --- secrets ----------------------------------------------------------------------------------


def everything_said_by(error: BaseException) -> str:
    said = [str(error), repr(error), repr(error.args), repr(vars(error))]
    said += traceback.format_exception(error)
    for other in (error.__cause__, error.__context__):
        if other is not None:
            said.append(everything_said_by(other))
    return "\n".join(said)


def test_no_error_and_no_log_record_tells_a_secret(
    sandbox: Sandbox, grant: Grant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    renewed: list[Grant] = []
    errors: list[TikTokError] = []
    results: list[object] = []
    code, other = sandbox.consent("ana")["code"], sandbox.connect("ben")
    with client_of(sandbox.url, QUICK) as client:
        draft = client.begin_upload(grant.access_token, len(MP4))

        def note(call: Callable[[], object]) -> None:
            try:
                results.append(call())
            except TikTokError as error:
                errors.append(error)

        # What each call sends is what its answer may say back.
        access, refresh = grant.access_token, grant.refresh_token
        parts = [value for _, value in parse_qsl(urlsplit(draft.upload_url).query)]
        calls: list[tuple[str, list[str], Callable[[], object]]] = [
            ("token", [CLIENT_SECRET, refresh], lambda: client.refresh(refresh)),
            ("token", [CLIENT_SECRET, code], lambda: client.exchange_code(code)),
            ("revoke", [CLIENT_SECRET, other.access], lambda: client.revoke(other.access)),
            ("init", [access], lambda: client.begin_upload(access, 1000)),
            ("status", [access], lambda: client.status(access, draft.publish_id)),
            ("user_info", [access], lambda: client.person(access)),
            ("upload", [draft.upload_url, *parts], lambda: send(client, draft)),
        ]
        secrets = sorted({secret for _, sent, _ in calls for secret in sent})
        for endpoint, sent, call in calls:
            echo = {"kind": "status", "message": " ".join(sent)}
            faults: list[dict[str, Any]] = [
                {"kind": "reset"},
                {"kind": "slow", "seconds": SLOW_SECONDS},
                {"kind": "malformed"},
                {**echo, "status": 400, "error_code": "invalid_params"},
                {**echo, "status": 500, "error_code": "internal_error"},
                *({**echo, "status": 400, "error_code": secret} for secret in sent),
            ]
            for fault in faults:
                sandbox.faults({"endpoint": endpoint, **fault})
                note(call)
        sandbox.faults()
        wrong = [
            "https://evil.example/?" + urlsplit(draft.upload_url).query,
            draft.upload_url.replace("127.0.0.1", "127.0.0.2"),
        ]
        for url in wrong:
            note(partial(client.send, url, "video/mp4", len(MP4), from_byte(MP4)))
        note(lambda: client.person(f"{grant.access_token}\n"))
        send(client, draft)
        note(lambda: client.exchange_code(code))
        renewed.append(client.refresh(connect(sandbox, client).refresh_token))
        results += [draft, grant, *renewed, client]
    down = f"http://127.0.0.1:{closed_port()}"
    with client_of(down) as client:
        note(lambda: client.refresh(grant.refresh_token))
        note(lambda: client.status(grant.access_token, draft.publish_id))
        refused_url = f"{down}/upload/?{urlsplit(draft.upload_url).query}"
        note(lambda: client.send(refused_url, "video/mp4", len(MP4), from_byte(MP4)))

    assert len(errors) > 6 * len(calls)
    secrets += [renewed[0].access_token, renewed[0].refresh_token]
    formatter = logging.Formatter("%(name)s %(message)s")
    said = [everything_said_by(error) for error in errors]
    said += [repr(result) for result in results]
    said += [formatter.format(record) for record in caplog.records]
    said += [repr(vars(record)) for record in caplog.records]
    assert any("PUT /upload/?..." in words for words in said)  # it was logged, without its query
    for words in said:
        for secret in secrets:
            assert secret not in words


# --- memory and speed -------------------------------------------------------------------------


class Endless:
    """Bytes without end or memory, beginning like an MP4."""

    def __init__(self) -> None:
        self._next = MP4[:16]

    def read(self, size: int, /) -> bytes:
        block = (self._next + bytes(size))[:size]
        self._next = b""
        return block


def test_the_largest_video_streams_in_little_memory(
    client: TikTokClient, grant: Grant, capsys: pytest.CaptureFixture[str]
) -> None:
    send(client, client.begin_upload(grant.access_token, len(MP4)))
    draft = client.begin_upload(grant.access_token, LARGEST_BYTES)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        client.send(draft, "video/mp4", LARGEST_BYTES, lambda _: Endless())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    with capsys.disabled():
        sys.stdout.write(f"\n50 MiB sent with {(peak - before) / MB:.2f} MiB of memory\n")
    assert peak - before < 2 * MB


def test_a_video_goes_about_as_fast_as_a_bare_copy(
    sandbox: Sandbox,
    client: TikTokClient,
    grant: Grant,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sandbox.control("app", {"empty_inits_count": False})
    video = tmp_path / "video.mp4"
    video.write_bytes((MP4 * (LARGEST_BYTES // len(MP4) + 1))[:LARGEST_BYTES])

    def open_at(first: int) -> io.BufferedReader:
        file = video.open("rb")
        file.seek(first)
        return file

    def copy_barely(draft: UploadSession) -> None:
        with video.open("rb") as file:
            bare_copy(file, LARGEST_BYTES, draft.upload_url, tiktok.BLOCK_BYTES)

    ways: dict[str, Callable[[UploadSession], object]] = {
        "client": lambda draft: client.send(draft, "video/mp4", LARGEST_BYTES, open_at),
        "bare": copy_barely,
    }
    wall: dict[str, list[float]] = {"client": [], "bare": []}
    processor: dict[str, list[float]] = {"client": [], "bare": []}
    for way in ("bare", "client", "client", "bare", "bare", "client"):  # six inits a minute
        draft = client.begin_upload(grant.access_token, LARGEST_BYTES)
        began, processor_began = time.perf_counter(), time.process_time()
        ways[way](draft)
        wall[way].append(time.perf_counter() - began)
        processor[way].append(time.process_time() - processor_began)
        sandbox.wait_for_status(draft.publish_id, "SEND_TO_USER_INBOX")
        sandbox.person_posts("ana", draft.publish_id)  # there is room for five
    took = {way: median(seconds) for way, seconds in wall.items()}
    used = {way: 1000 * median(seconds) for way, seconds in processor.items()}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{LARGEST_BYTES / MB / took['client']:.0f} MiB/s,"
            f" {took['bare'] / took['client']:.2f} of a bare copy's speed;"
            f" processor {used['client']:.0f} ms, bare {used['bare']:.0f} ms\n"
        )
