"""The TikTok sandbox is as strict as TikTok's documentation: asked by raw requests only."""

import hashlib
import hmac
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from tests.integration.sandbox import (
    CLIENT_KEY,
    CLIENT_SECRET,
    JSON_TYPE,
    REDIRECT_URI,
    ROOT,
    TIMEOUT,
    Hooks,
    Sandbox,
    Tokens,
    came_back_with,
    listening_for_webhooks,
    put,
    tokens_of,
    wait_until,
)

CHUNK = 5 * 1024 * 1024
HOUR = 3600
DAY = 24 * HOUR
VERIFIER = "0123456789abcdefghijklmnopqrstuvwxyz-._~ABCDEF"
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40
WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 40
INIT = "/v2/post/publish/inbox/video/init/"
STATUS = "/v2/post/publish/status/fetch/"
FILE_UPLOAD = {
    "source": "FILE_UPLOAD",
    "video_size": 1000,
    "chunk_size": 1000,
    "total_chunk_count": 1,
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


@pytest.fixture
def hooks(sandbox: Sandbox) -> Iterator[Hooks]:
    with listening_for_webhooks() as hooks:
        sandbox.control("app", {"webhook_url": hooks.url})
        yield hooks


_PLAIN_APP: dict[str, Any] = {
    "client_key": CLIENT_KEY,
    "client_secret": CLIENT_SECRET,
    "redirect_uris": [REDIRECT_URI],
    "webhook_url": None,
    "processing_seconds": 0.1,
    "empty_inits_count": True,
    "keep_torn_bytes": False,
    "content_range_end": "count",
    "pkce_required": False,
}


# --- every documented rule, broken once ----------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """A raw request that breaks one rule, and how it must be refused."""

    rule: str
    status: int
    code: str
    send: Callable[[Sandbox], requests.Response]
    endpoint: str


def _get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, allow_redirects=False, timeout=TIMEOUT)


def _authorize(rule: str, code: str, **changes: str | None) -> Broken:
    """Refused on a page: the way back is not sure."""
    return Broken(rule, 400, code, lambda s: _get(s.authorize_url(**changes)), "authorize")


def _sent_back(rule: str, code: str, **changes: str | None) -> Broken:
    """Refused by a redirect to the app."""
    return Broken(rule, 302, code, lambda s: _get(s.authorize_url(**changes)), "authorize")


def _form(
    rule: str,
    code: str,
    /,
    *,
    path: str = "token",
    status: int = 400,
    content_type: str = "application/x-www-form-urlencoded",
    query: str = "",
    **changes: str | None,
) -> Broken:
    """A raw form, starting from a good refresh or revocation."""

    def send(sandbox: Sandbox) -> requests.Response:
        tokens = sandbox.connect("ana")
        form: dict[str, str | None] = {
            "client_key": CLIENT_KEY,
            "client_secret": CLIENT_SECRET,
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh,
            "token": tokens.access,
            **changes,
        }
        body = urlencode({name: value for name, value in form.items() if value is not None})
        return requests.post(
            f"{sandbox.url}/v2/oauth/{path}/{query}",
            data=body,
            headers={"Content-Type": content_type},
            timeout=TIMEOUT,
        )

    return Broken(rule, status, code, send, path)


def _grant(rule: str, send: Callable[[Sandbox], requests.Response]) -> Broken:
    return Broken(rule, 400, "invalid_grant", send, "token")


def _init(rule: str, *, status: int = 400, code: str = "invalid_params", **source: Any) -> Broken:
    """An init with another `source_info`; a field of None is left out."""
    changed = {key: value for key, value in {**FILE_UPLOAD, **source}.items() if value is not None}
    return _init_body(rule, {"source_info": changed}, status=status, code=code)


def _pull(rule: str, url: str, *, status: int = 400, code: str = "invalid_params") -> Broken:
    body = {"source_info": {"source": "PULL_FROM_URL", "video_url": url}}
    return _init_body(rule, body, status=status, code=code)


def _plan(rule: str, size: int, chunk: int, count: int) -> Broken:
    return _init(rule, video_size=size, chunk_size=chunk, total_chunk_count=count)


def _init_body(
    rule: str,
    body: Any,
    *,
    status: int = 400,
    code: str = "invalid_params",
    content_type: str = JSON_TYPE,
    authorization: str | None = None,
) -> Broken:
    headers = {"Content-Type": content_type}
    if authorization is not None:
        headers["Authorization"] = authorization

    def send(sandbox: Sandbox) -> requests.Response:
        return sandbox.call(INIT, sandbox.connect("ana"), body, **headers)

    return Broken(
        rule,
        status,
        code,
        send,
        "init",
    )


def _put(
    rule: str,
    status: int,
    *,
    code: str = "invalid_params",
    size: int = len(MP4),
    advance: float = 0,
    wrong_token: bool = False,
    twice: bool = False,
    **changes: str | None,
) -> Broken:
    """A PUT of MP4 to a fresh upload URL, with other headers; None leaves one out."""

    def send(sandbox: Sandbox) -> requests.Response:
        _, url = sandbox.begin(sandbox.connect("ana"), size)
        sandbox.advance(advance)
        if twice:
            assert put(url, MP4).status_code == 201
        headers: dict[str, str | None] = {
            "Content-Type": "video/mp4",
            "Content-Range": f"bytes 0-{len(MP4) - 1}/{len(MP4)}",
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }
        return requests.put(
            url + ("x" if wrong_token else ""), data=MP4, headers=headers, timeout=TIMEOUT
        )

    return Broken(rule, status, code, send, "upload")


def _challenge(verifier: str) -> dict[str, str | None]:
    """The parameters of a consent with PKCE, as TikTok's desktop and mobile apps send them."""
    digest = hashlib.sha256(verifier.encode()).hexdigest()
    return {"code_challenge": digest, "code_challenge_method": "S256"}


def _exchange_twice(sandbox: Sandbox) -> requests.Response:
    code = sandbox.consent("ana")["code"]
    tokens_of(sandbox.exchange(code))
    return sandbox.exchange(code)


def _exchange_late(sandbox: Sandbox) -> requests.Response:
    code = sandbox.consent("ana")["code"]
    sandbox.advance(301)
    return sandbox.exchange(code)


def _exchange_elsewhere(sandbox: Sandbox) -> requests.Response:
    return sandbox.ask_token(
        grant_type="authorization_code",
        code=sandbox.consent("ana")["code"],
        redirect_uri=f"{REDIRECT_URI}/",
    )


def _exchange_with_wrong_verifier(sandbox: Sandbox) -> requests.Response:
    url = sandbox.authorize_url(**_challenge(VERIFIER))
    return sandbox.ask_token(
        grant_type="authorization_code",
        code=sandbox.consent("ana", url=url)["code"],
        redirect_uri=REDIRECT_URI,
        code_verifier=VERIFIER[::-1],
    )


def _exchange_without_verifier(sandbox: Sandbox) -> requests.Response:
    url = sandbox.authorize_url(**_challenge(VERIFIER))
    return sandbox.exchange(sandbox.consent("ana", url=url)["code"])


def _authorize_without_challenge(sandbox: Sandbox) -> requests.Response:
    sandbox.control("app", {"pkce_required": True})
    return _get(sandbox.authorize_url())


def _as_another_app(sandbox: Sandbox, ask: Callable[[], requests.Response]) -> requests.Response:
    """The same request once the app has another client key."""
    sandbox.control("app", {"client_key": "another"})
    try:
        return ask()
    finally:
        sandbox.control("app", _PLAIN_APP)


def _exchange_as_another_app(sandbox: Sandbox) -> requests.Response:
    form = {"code": sandbox.consent("ana")["code"], "redirect_uri": REDIRECT_URI}
    return _as_another_app(
        sandbox,
        lambda: sandbox.ask_token(client_key="another", grant_type="authorization_code", **form),
    )


def _refresh_as_another_app(sandbox: Sandbox) -> requests.Response:
    form = {"refresh_token": sandbox.connect("ana").refresh}
    return _as_another_app(
        sandbox,
        lambda: sandbox.ask_token(client_key="another", grant_type="refresh_token", **form),
    )


def _refresh_twice(sandbox: Sandbox) -> requests.Response:
    old = sandbox.connect("ana").refresh
    tokens_of(sandbox.refresh(old))
    return sandbox.refresh(old)


def _refresh_after_180_days(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    sandbox.advance(180 * DAY + 1)
    return sandbox.refresh(tokens.refresh)


def _refresh_after_removal(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    requests.post(f"{sandbox.url}/inbox/ana/remove-access", timeout=TIMEOUT).raise_for_status()
    return sandbox.refresh(tokens.refresh)


def _revoke_twice(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    for _ in range(2):
        answer = requests.post(
            f"{sandbox.url}/v2/oauth/revoke/",
            data={
                "client_key": CLIENT_KEY,
                "client_secret": CLIENT_SECRET,
                "token": tokens.access,
            },
            timeout=TIMEOUT,
        )
    return answer


def _info(
    rule: str,
    status: int,
    code: str,
    query: str,
    scopes: tuple[str, ...] = ("user.info.basic", "video.upload"),
) -> Broken:
    def send(sandbox: Sandbox) -> requests.Response:
        tokens = sandbox.connect("ana", scopes)
        return _get(f"{sandbox.url}/v2/user/info/{query}", **tokens.bearer)

    return Broken(rule, status, code, send, "user_info")


def _init_with_old_token(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    sandbox.advance(2 * HOUR + 1)
    return sandbox.init(tokens, 1000)


def _init_without_scope(sandbox: Sandbox) -> requests.Response:
    return sandbox.init(sandbox.connect("ana", ("user.info.basic", "video.publish")), 1000)


def _status_without_scope(sandbox: Sandbox) -> requests.Response:
    return sandbox.status(sandbox.connect("ana", ("user.info.basic",)), "v_inbox_file~v2.1")


def _seventh_init_in_a_minute(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    for _ in range(6):
        sandbox.init(tokens, 0)
    return sandbox.init(tokens, 1000)


def _sixth_pending_share(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    for _ in range(5):
        sandbox.begin(tokens, 1000)
    return sandbox.init(tokens, 1000)


def _status_31_times(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    publish_id, _ = sandbox.begin(tokens, 1000)
    for _ in range(30):
        assert sandbox.status(tokens, publish_id).status_code == 200
    return sandbox.status(tokens, publish_id)


def _status_of_anothers(sandbox: Sandbox) -> requests.Response:
    publish_id, _ = sandbox.begin(sandbox.connect("ana"), 1000)
    return sandbox.status(sandbox.connect("ben"), publish_id)


def _put_in_pieces_of_no_told_length(sandbox: Sandbox) -> requests.Response:
    _, url = sandbox.begin(sandbox.connect("ana"), len(MP4))
    headers = {
        "Content-Type": "video/mp4",
        "Content-Range": f"bytes 0-{len(MP4) - 1}/{len(MP4)}",
    }
    return requests.put(url, data=iter([MP4]), headers=headers, timeout=TIMEOUT)


def _second_chunk_first(sandbox: Sandbox) -> requests.Response:
    _, url = sandbox.begin(sandbox.connect("ana"), 2 * CHUNK, CHUNK, 2)
    return put(url, bytes(CHUNK), first=CHUNK, total=2 * CHUNK)


def _other_chunk_size_than_told(sandbox: Sandbox) -> requests.Response:
    _, url = sandbox.begin(sandbox.connect("ana"), 2 * CHUNK, CHUNK, 2)
    return put(url, bytes(CHUNK + 1), total=2 * CHUNK)


def _call_as_nobody(sandbox: Sandbox) -> requests.Response:
    return sandbox.call(INIT, Tokens("act.none", "", ""), {"source_info": FILE_UPLOAD})


def _init_with_refresh_token(sandbox: Sandbox) -> requests.Response:
    return sandbox.init(Tokens(sandbox.connect("ana").refresh, "", ""), 1000)


def _token_in_address(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    return _get(f"{sandbox.url}/v2/user/info/?fields=open_id&access_token={tokens.access}")


BROKEN = [
    # the authorize address, refused on a page
    _authorize("client_key_not_client_id", "invalid_request", client_key=None, client_id="x"),
    _authorize("client_key_known", "invalid_client", client_key="someone-else"),
    _authorize("client_key_known", "invalid_client", client_key=None),
    _authorize("redirect_uri_form", "invalid_request", redirect_uri=None),
    _authorize("redirect_uri_form", "invalid_request", redirect_uri="/tiktok/callback"),
    _authorize("redirect_uri_form", "invalid_request", redirect_uri="http://example.com/back"),
    _authorize("redirect_uri_form", "invalid_request", redirect_uri=f"{REDIRECT_URI}?a=b"),
    _authorize("redirect_uri_form", "invalid_request", redirect_uri=f"{REDIRECT_URI}#a"),
    _authorize("redirect_uri_registered", "invalid_request", redirect_uri=f"{REDIRECT_URI}/"),
    _authorize(
        "redirect_uri_registered", "invalid_request", redirect_uri="https://example.com/back"
    ),
    _authorize("state_required", "invalid_request", state=None),
    _authorize("state_required", "invalid_request", state=""),
    Broken(
        "parameter_once",
        400,
        "invalid_request",
        lambda s: _get(f"{s.authorize_url()}&state=again"),
        "authorize",
    ),
    Broken("pkce_required", 400, "invalid_request", _authorize_without_challenge, "authorize"),
    # the authorize address, refused by going back
    _sent_back("response_type_code", "unsupported_response_type", response_type="token"),
    _sent_back("response_type_required", "invalid_request", response_type=None),
    _sent_back("scope_required", "invalid_scope", scope=None),
    _sent_back("scope_comma_separated", "invalid_scope", scope="user.info.basic video.upload"),
    _sent_back("scope_known", "invalid_scope", scope="user.info.basic,video.steal"),
    _sent_back("disable_auto_auth_value", "invalid_request", disable_auto_auth="yes"),
    _sent_back("code_challenge_method", "invalid_request", code_challenge="0" * 64),
    _sent_back(
        "code_challenge_hex",
        "invalid_request",
        code_challenge="47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        code_challenge_method="S256",
    ),
    # the token endpoint
    _form("form_encoded", "invalid_request", content_type="application/json"),
    _form("nothing_in_query", "invalid_request", query="?grant_type=refresh_token"),
    _form("client_key_not_client_id", "invalid_request", client_key=None, client_id=CLIENT_KEY),
    _form("client_key_required", "invalid_request", client_key=None),
    _form("client_secret_required", "invalid_request", client_secret=None),
    _form("client_key_known", "invalid_client", status=401, client_key="someone-else"),
    _form("client_secret_right", "invalid_client", status=401, client_secret="wrong"),
    _form("grant_type_required", "invalid_request", grant_type=None),
    _form("grant_type_known", "unsupported_grant_type", grant_type="client_credentials"),
    _form("code_required", "invalid_request", grant_type="authorization_code"),
    _form("redirect_uri_required", "invalid_request", grant_type="authorization_code", code="x"),
    _form("refresh_token_required", "invalid_request", refresh_token=None),
    _form("refresh_token_known", "invalid_grant", refresh_token="rft.unknown"),
    _grant("code_known", lambda s: s.exchange("unknown")),
    _grant("code_known", lambda s: s.exchange(s.consent("ana")["code"].replace("*", "%2A"))),
    _grant("code_once", _exchange_twice),
    _grant("code_fresh", _exchange_late),
    _grant("redirect_uri_same", _exchange_elsewhere),
    _grant("code_of_this_app", _exchange_as_another_app),
    Broken("code_verifier_right", 400, "invalid_request", _exchange_with_wrong_verifier, "token"),
    Broken("code_verifier_required", 400, "invalid_request", _exchange_without_verifier, "token"),
    _grant("refresh_token_once", _refresh_twice),
    _grant("refresh_token_live", _refresh_after_180_days),
    _grant("refresh_token_live", _refresh_after_removal),
    _grant("refresh_token_of_this_app", _refresh_as_another_app),
    # the revoke endpoint
    _form("form_encoded", "invalid_request", path="revoke", content_type="text/plain"),
    _form("client_secret_right", "invalid_client", path="revoke", status=401, client_secret="no"),
    _form("token_required", "invalid_request", path="revoke", token=None),
    _form("revoked_token_known", "invalid_grant", path="revoke", token="act.unknown"),
    Broken("revoked_token_live", 400, "invalid_grant", _revoke_twice, "revoke"),
    # user info
    _info("fields_required", 400, "invalid_params", ""),
    _info("fields_known", 400, "invalid_params", "?fields=open_id,shoe_size"),
    _info("scope_granted", 401, "scope_not_authorized", "?fields=follower_count"),
    _info("scope_granted", 401, "scope_not_authorized", "?fields=open_id", ("video.upload",)),
    Broken("token_in_header", 400, "invalid_params", _token_in_address, "user_info"),
    Broken(
        "bearer_required",
        401,
        "access_token_invalid",
        lambda s: _get(f"{s.url}/v2/user/info/?fields=open_id"),
        "user_info",
    ),
    # init
    _init_body(
        "bearer_required", {}, status=401, code="access_token_invalid", authorization="act.x"
    ),
    Broken("access_token_live", 401, "access_token_invalid", _call_as_nobody, "init"),
    Broken("access_token_live", 401, "access_token_invalid", _init_with_refresh_token, "init"),
    Broken("access_token_live", 401, "access_token_invalid", _init_with_old_token, "init"),
    Broken("scope_granted", 401, "scope_not_authorized", _init_without_scope, "init"),
    Broken("calls_per_minute", 429, "rate_limit_exceeded", _seventh_init_in_a_minute, "init"),
    Broken("pending_shares", 403, "spam_risk_too_many_pending_share", _sixth_pending_share, "init"),
    _init_body("json_content_type", {"source_info": FILE_UPLOAD}, content_type="text/json"),
    _init_body("json_content_type", {"source_info": FILE_UPLOAD}, content_type="application/json"),
    _init_body("json_body", []),
    _init_body("source_info_required", {}),
    _init("source_known", source=None),
    _init("source_known", source="CARRIER_PIGEON"),
    _init("whole_numbers", video_size=None),
    _init("whole_numbers", video_size="1000"),
    _init("whole_numbers", video_size=1000.0),
    _init("whole_numbers", video_size=0, chunk_size=0),
    _init("whole_numbers", total_chunk_count=True),
    _init("pull_url_required", source="PULL_FROM_URL"),
    _pull("pull_https", "http://example.com/x.mp4"),
    _pull(
        "url_ownership", "https://example.com/x.mp4", status=403, code="url_ownership_unverified"
    ),
    _plan("one_chunk_is_all", 1000, 999, 1),
    _plan("one_chunk_is_all", 1000, 1001, 1),
    _plan("large_in_several", 64_000_001, 64_000_001, 1),
    _plan("small_in_one", 4_999_999, 2_499_999, 2),
    _plan("chunk_too_small", 2 * (CHUNK - 1), CHUNK - 1, 2),
    _plan("chunk_too_large", 2 * 64_000_001, 64_000_001, 2),
    _plan("chunk_count_is_floor", 3 * CHUNK - 1, CHUNK, 3),
    _plan("chunk_count_is_floor", 3 * CHUNK, CHUNK, 2),
    _plan("one_chunk_is_all", 4_999_999, 4_999_998, 1),
    _plan("chunk_count_is_floor", 3 * CHUNK, CHUNK, 1),
    _plan("chunk_count_is_floor", CHUNK, CHUNK + 1, 1),
    _plan("chunk_too_small", 9_000_000, CHUNK - 1, 1),
    _plan("large_in_several", 100_000_000, 64_000_000, 1),
    _plan("chunk_count_limit", 1001 * CHUNK, CHUNK, 1001),
    # bytes
    _put("upload_known", 404, code="upload_not_found", wrong_token=True),
    _put("upload_url_fresh", 403, code="upload_url_expired", advance=HOUR + 1),
    _put("upload_without_authorization", 400, Authorization="Bearer act.x"),
    _put("upload_content_type", 400, Content_Type="application/octet-stream"),
    _put("upload_content_type", 400, Content_Type=None),
    _put("upload_content_range", 400, Content_Range=None),
    _put("upload_content_range", 400, Content_Range=f"0-{len(MP4) - 1}/{len(MP4)}"),
    _put("upload_content_range", 400, Content_Range=f"bytes 0-{len(MP4) - 1}/*"),
    _put("upload_content_range", 400, Content_Range=f"bytes 0-{len(MP4)}/{len(MP4)}"),
    _put("upload_length_is_range", 400, Content_Range=f"bytes 0-{len(MP4) - 2}/{len(MP4)}"),
    _put("upload_total_is_video_size", 400, size=len(MP4) + 1),
    _put("upload_only_once", 416, twice=True),
    Broken(
        "upload_content_length",
        400,
        "invalid_params",
        _put_in_pieces_of_no_told_length,
        "upload",
    ),
    Broken("upload_in_order", 416, "invalid_params", _second_chunk_first, "upload"),
    Broken("upload_chunk_size", 416, "invalid_params", _other_chunk_size_than_told, "upload"),
    # status
    Broken(
        "json_content_type",
        400,
        "invalid_params",
        lambda s: s.call(STATUS, s.connect("ana"), {}, **{"Content-Type": "application/json"}),
        "status",
    ),
    Broken(
        "status_body",
        400,
        "invalid_params",
        lambda s: s.call(STATUS, s.connect("ana"), {"publish_id": 12}),
        "status",
    ),
    Broken(
        "publish_id_known",
        400,
        "invalid_publish_id",
        lambda s: s.status(s.connect("ana"), "v_inbox_file~v2.1"),
        "status",
    ),
    Broken(
        "publish_id_own",
        400,
        "token_not_authorized_for_specified_publish_id",
        _status_of_anothers,
        "status",
    ),
    Broken("scope_granted", 401, "scope_not_authorized", _status_without_scope, "status"),
    Broken("calls_per_minute", 429, "rate_limit_exceeded", _status_31_times, "status"),
    # anything else
    Broken(
        "endpoint_known",
        404,
        "invalid_params",
        lambda s: s.call("/v2/post/publish/video/init/", s.connect("ana"), {}),
        "unknown",
    ),
    Broken("endpoint_known", 405, "invalid_params", lambda s: _get(f"{s.url}{INIT}"), "unknown"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.endpoint}-{broken.rule}")
def test_a_broken_rule_is_refused_as_documented_and_recorded(
    sandbox: Sandbox, broken: Broken
) -> None:
    answer = broken.send(sandbox)

    assert answer.status_code == broken.status
    if broken.endpoint == "authorize" and broken.status == 302:
        back = came_back_with(answer)
        assert back["error"] == broken.code
        assert back["error_description"]
        assert back["state"] == "some-state"
    elif broken.endpoint == "authorize":
        assert broken.code in answer.text
        assert "Location" not in answer.headers
    elif broken.endpoint in {"token", "revoke"}:
        assert answer.json()["error"] == broken.code
        assert set(answer.json()) == {"error", "error_description", "log_id"}
    else:
        assert answer.json()["error"]["code"] == broken.code
        assert set(answer.json()["error"]) == {"code", "message", "log_id"}
        assert answer.json()["data"] == {}
    violation = sandbox.record()["violations"][-1]
    told = {"rule": broken.rule, "endpoint": broken.endpoint, "code": broken.code}
    assert told.items() <= violation.items()
    assert violation["status"] == broken.status
    assert violation["detail"]


# --- what TikTok lets pass: recorded, not refused ------------------------------------------


@dataclass(frozen=True)
class Passed:
    """A raw request as a public client sends it, and the rules that are recorded as broken."""

    rules: tuple[str, ...]
    send: Callable[[Sandbox], requests.Response]


def _bare_authorize(sandbox: Sandbox, **changes: str | None) -> str:
    return sandbox.authorize_url(**changes).replace("/authorize/?", "/authorize?")


def _exchanges(**more: str) -> Callable[[Sandbox], requests.Response]:
    """A code exchange with further form fields."""

    def send(sandbox: Sandbox) -> requests.Response:
        code = sandbox.consent("ana")["code"]
        return sandbox.ask_token(
            grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI, **more
        )

    return send


def _begins(body: Mapping[str, Any]) -> Callable[[Sandbox], requests.Response]:
    """An inbox init with further fields."""
    return lambda sandbox: sandbox.call(INIT, sandbox.connect("ana"), body)


def _revokes_with_client_id(sandbox: Sandbox) -> requests.Response:
    form = {"client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET, "client_id": CLIENT_KEY}
    form["token"] = sandbox.connect("ana").access
    return requests.post(f"{sandbox.url}/v2/oauth/revoke/", data=form, timeout=TIMEOUT)


def _asks_status_with_more(sandbox: Sandbox) -> requests.Response:
    tokens = sandbox.connect("ana")
    publish_id, _ = sandbox.begin(tokens, 1000)
    return sandbox.call(STATUS, tokens, {"publish_id": publish_id, "open_id": tokens.open_id})


PASSED = {
    "authorize without its trailing slash": Passed(
        ("trailing_slash",), lambda s: _get(_bare_authorize(s))
    ),
    "authorize with client_id beside client_key": Passed(
        ("client_key_not_client_id",), lambda s: _get(s.authorize_url(client_id=CLIENT_KEY))
    ),
    "authorize with the client secret": Passed(
        ("trailing_slash", "no_secret_in_address"),
        lambda s: _get(_bare_authorize(s, client_secret=CLIENT_SECRET)),
    ),
    "authorize with parameters of other providers": Passed(
        (), lambda s: _get(s.authorize_url(prompt="consent", access_type="offline", nonce="n"))
    ),
    "exchange with client_id beside client_key": Passed(
        ("client_key_not_client_id",), _exchanges(client_id=CLIENT_KEY)
    ),
    "exchange with an undefined client_id": Passed(
        ("client_key_not_client_id",), _exchanges(client_id="undefined")
    ),
    "exchange with a verifier that has no challenge": Passed(
        ("verifier_without_challenge",), _exchanges(code_verifier="k3j4h5")
    ),
    "exchange with fields of other providers": Passed(
        ("form_fields_known",), _exchanges(device_id="d")
    ),
    "refresh with client_id beside client_key": Passed(
        ("client_key_not_client_id",),
        lambda s: s.ask_token(
            grant_type="refresh_token",
            refresh_token=s.connect("ana").refresh,
            client_id=CLIENT_KEY,
        ),
    ),
    "refresh with its scopes": Passed(
        ("form_fields_known",),
        lambda s: s.ask_token(
            grant_type="refresh_token", refresh_token=s.connect("ana").refresh, scope="video.upload"
        ),
    ),
    "revoke with client_id beside client_key": Passed(
        ("client_key_not_client_id",), _revokes_with_client_id
    ),
    "init with a title": Passed(
        ("only_source_info",),
        _begins({"source_info": FILE_UPLOAD, "post_info": {"title": "hello"}}),
    ),
    "init with empty post_info": Passed(
        ("only_source_info",), _begins({"post_info": {}, "source_info": FILE_UPLOAD})
    ),
    "init with a privacy level": Passed(
        ("only_source_info",), _begins({"source_info": FILE_UPLOAD, "privacy_level": "SELF_ONLY"})
    ),
    "init with a cover": Passed(
        ("source_info_fields",),
        _begins({"source_info": {**FILE_UPLOAD, "video_cover_timestamp_ms": 1000}}),
    ),
    "status with more than the publish id": Passed(("only_publish_id",), _asks_status_with_more),
}


@pytest.mark.parametrize("name", PASSED)
def test_deviations_that_tiktok_tolerates_succeed_and_are_recorded(
    sandbox: Sandbox, name: str
) -> None:
    passed = PASSED[name]
    answer = passed.send(sandbox)

    assert answer.status_code == 200, answer.text
    if answer.headers["Content-Type"] == "application/json":
        assert answer.json().get("error", {"code": "ok"})["code"] == "ok"
    recorded = [violation["rule"] for violation in sandbox.record()["violations"]]
    assert recorded == list(passed.rules)


def test_a_pull_with_a_cover_is_judged_by_its_address(sandbox: Sandbox) -> None:
    source = {
        "source": "PULL_FROM_URL",
        "video_url": "https://example.com/x.mp4",
        "video_cover_timestamp_ms": 1000,
    }
    answer = sandbox.call(
        INIT, sandbox.connect("ana"), {"post_info": {"title": ""}, "source_info": source}
    )

    assert answer.json()["error"]["code"] == "url_ownership_unverified"
    rules = [violation["rule"] for violation in sandbox.record()["violations"]]
    assert rules == ["only_source_info", "pull_fields", "url_ownership"]


def test_a_client_id_alone_or_beside_a_wrong_client_key_is_refused(sandbox: Sandbox) -> None:
    for form in ({"client_id": CLIENT_KEY, "client_key": "x"}, {"client_id": CLIENT_KEY}):
        answer = requests.post(
            f"{sandbox.url}/v2/oauth/token/",
            data={"client_secret": CLIENT_SECRET, "grant_type": "refresh_token", **form},
            timeout=TIMEOUT,
        )
        assert answer.status_code in {400, 401}
        assert _get(sandbox.authorize_url(**{"client_key": None, **form})).status_code == 400


def test_the_whole_way_works_from_an_address_without_its_slash(sandbox: Sandbox) -> None:
    page = _get(_bare_authorize(sandbox)).text
    assert "action='/v2/auth/authorize/?" in page
    back = sandbox.consent("ana", url=_bare_authorize(sandbox))
    assert tokens_of(sandbox.exchange(back["code"])).access


@pytest.mark.parametrize(
    ("size", "chunk"), [(9_000_000, CHUNK), (9_000_000, 9_000_000), (64_000_000, 32_000_001)]
)
def test_one_chunk_is_what_the_floor_of_size_by_chunk_gives(
    sandbox: Sandbox, size: int, chunk: int
) -> None:
    publish_id, _ = sandbox.begin(sandbox.connect("ana"), size, chunk, 1)

    assert publish_id
    assert sandbox.record()["violations"] == []


def test_a_video_announced_in_one_smaller_chunk_is_taken_whole(sandbox: Sandbox) -> None:
    video = MP4 + bytes(9_000_000 - len(MP4))
    _, url = sandbox.begin(sandbox.connect("ana"), len(video), CHUNK, 1)

    assert put(url, video[:CHUNK], total=len(video)).status_code == 416
    assert put(url, video).status_code == 201


ALL_SCOPES = ("user.info.basic", "user.info.profile", "user.info.stats", "video.upload")
FIELDS = {
    "user.info.basic": "open_id,union_id,avatar_url,avatar_url_100,avatar_large_url,display_name",
    "user.info.profile": "bio_description,profile_deep_link,is_verified,username",
    "user.info.stats": "follower_count,following_count,likes_count,video_count",
}


@pytest.mark.parametrize("granted", [ALL_SCOPES, ALL_SCOPES[:2], ALL_SCOPES[1:3], ALL_SCOPES[3:]])
def test_a_grant_of_fewer_scopes_fills_exactly_the_fields_it_covers(
    sandbox: Sandbox, granted: tuple[str, ...]
) -> None:
    url = sandbox.authorize_url(scope=",".join(ALL_SCOPES))
    back = sandbox.consent("ana", url=url, scopes=granted)
    told = sandbox.exchange(back["code"])
    assert back["scopes"] == told.json()["scope"] == ",".join(granted)
    bearer = tokens_of(told).bearer

    for scope, fields in FIELDS.items():
        answer = _get(f"{sandbox.url}/v2/user/info/?fields={fields}", **bearer)
        if scope in granted:
            user = answer.json()["data"]["user"]
            assert set(user) == set(fields.split(","))
            assert None not in user.values()
        else:
            assert answer.json()["error"]["code"] == "scope_not_authorized"
            assert answer.status_code == 401


def test_with_pkce_a_stolen_code_is_worth_nothing_and_the_right_verifier_is_taken(
    sandbox: Sandbox,
) -> None:
    sandbox.control("app", {"pkce_required": True})
    back = sandbox.consent("ana", url=sandbox.authorize_url(**_challenge(VERIFIER)))
    form = {
        "grant_type": "authorization_code",
        "code": back["code"],
        "redirect_uri": REDIRECT_URI,
    }

    assert sandbox.ask_token(**form).json()["error"] == "invalid_request"
    guessed = sandbox.ask_token(**form, code_verifier="x" * 43)
    assert guessed.json()["error"] == "invalid_request"
    short = sandbox.ask_token(**form, code_verifier="x")
    assert short.json()["error"] == "invalid_request"
    tokens_of(sandbox.ask_token(**form, code_verifier=VERIFIER))


# --- the whole way -------------------------------------------------------------------------


def test_connect_send_stage_post_with_every_rule_kept(sandbox: Sandbox, hooks: Hooks) -> None:
    tokens = sandbox.connect("ana")
    publish_id, url = sandbox.begin(tokens, len(MP4))
    assert len(publish_id) <= 64
    assert publish_id.startswith("v_inbox_file~v2.")
    assert len(url) <= 256
    assert sandbox.status(tokens, publish_id).json()["data"] == {
        "status": "PROCESSING_UPLOAD",
        "uploaded_bytes": 0,
    }

    taken = put(url, MP4)
    assert taken.status_code == 201
    assert taken.headers["Content-Range"] == f"bytes 0-{len(MP4)}/{len(MP4)}"
    sandbox.wait_for_status(publish_id, "SEND_TO_USER_INBOX")
    wait_until(lambda: hooks.events() == ["post.publish.inbox_delivered"])
    page = _get(f"{sandbox.url}/inbox/ana").text
    assert "<video" in page
    assert publish_id in page
    sandbox.person_posts("ana", publish_id)

    told = sandbox.status(tokens, publish_id).json()["data"]
    assert told["status"] == "PUBLISH_COMPLETE"
    assert all(isinstance(post_id, int) for post_id in told["publicaly_available_post_id"])
    assert len(told["publicaly_available_post_id"]) == 1
    wait_until(lambda: len(hooks.came) == 3)
    assert set(hooks.events()) == {
        "post.publish.inbox_delivered",
        "post.publish.complete",
        "post.publish.publicly_available",
    }
    record = sandbox.record()
    assert record["violations"] == []
    share = record["shares"][publish_id]
    assert (share["size"], share["sha256"]) == (len(MP4), hashlib.sha256(MP4).hexdigest())
    assert (share["content_type"], share["completed_uploads"]) == ("video/mp4", 1)
    assert share["created_at"] <= share["uploaded_at"] <= share["staged_at"] <= share["posted_at"]
    assert [init["code"] for init in record["people"]["ana"]["inits"]] == ["ok"]


def test_a_webhook_is_signed_over_its_raw_body(sandbox: Sandbox, hooks: Hooks) -> None:
    tokens = sandbox.connect("ana")
    publish_id = sandbox.stage(tokens, MP4)
    wait_until(lambda: hooks.came)

    header, body = hooks.came[0]
    parts = dict(part.split("=") for part in header.split(","))
    signed = f"{parts['t']}.".encode() + body
    assert parts["s"] == hmac.new(CLIENT_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(parts["t"])) < 60
    message = json.loads(body)
    assert set(message) == {"client_key", "event", "create_time", "user_openid", "content"}
    assert message["client_key"] == CLIENT_KEY
    assert message["user_openid"] == tokens.open_id
    assert json.loads(message["content"]) == {
        "publish_id": publish_id,
        "publish_type": "INBOX_SHARE",
    }


def test_a_webhook_is_sent_again_until_it_is_answered_200(sandbox: Sandbox, hooks: Hooks) -> None:
    hooks.answers = [500, 302]
    sandbox.stage(sandbox.connect("ana"), MP4)
    for sent in (1, 2):
        wait_until(partial(_attempted, sandbox, sent))
        sandbox.advance(60)
    wait_until(lambda: _webhooks(sandbox)[0]["state"] == "delivered")

    assert [attempt["status"] for attempt in _webhooks(sandbox)[0]["attempts"]] == [500, 302, 200]
    assert len({body for _, body in hooks.came}) == 1


def test_a_webhook_is_given_up_after_72_hours(sandbox: Sandbox) -> None:
    sandbox.control("app", {"webhook_url": "http://127.0.0.1:9/nobody"})
    sandbox.stage(sandbox.connect("ana"), MP4)
    wait_until(lambda: _webhooks(sandbox)[0]["attempts"])
    sandbox.advance(3 * DAY)
    wait_until(lambda: _webhooks(sandbox)[0]["state"] == "given_up")

    assert {attempt["error"] for attempt in _webhooks(sandbox)[0]["attempts"]} == {
        "ConnectionError"
    }


def _attempted(sandbox: Sandbox, times: int) -> bool:
    return len(_webhooks(sandbox)[0]["attempts"]) == times


def _webhooks(sandbox: Sandbox) -> list[dict[str, Any]]:
    webhooks: list[dict[str, Any]] = sandbox.record()["webhooks"]
    return webhooks


def test_the_person_removes_the_app_and_everything_stops(sandbox: Sandbox, hooks: Hooks) -> None:
    tokens = sandbox.connect("ana")
    under_way, _ = sandbox.begin(tokens, 1000)
    answer = requests.post(f"{sandbox.url}/inbox/ana/remove-access", timeout=TIMEOUT)
    assert answer.status_code == 200
    wait_until(lambda: len(hooks.came) == 2)

    contents = {
        json.loads(body)["event"]: json.loads(json.loads(body)["content"]) for _, body in hooks.came
    }
    assert contents["authorization.removed"] == {"reason": 1}
    assert contents["post.publish.failed"]["reason"] == "auth_removed"
    assert sandbox.record()["shares"][under_way]["fail_reason"] == "auth_removed"
    assert sandbox.init(tokens, 1000).json()["error"]["code"] == "access_token_invalid"
    assert sandbox.refresh(tokens.refresh).json()["error"] == "invalid_grant"


def test_the_app_revokes_its_access(sandbox: Sandbox, hooks: Hooks) -> None:
    tokens = sandbox.connect("ana")
    form = {"client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET, "token": tokens.access}
    answer = requests.post(f"{sandbox.url}/v2/oauth/revoke/", data=form, timeout=TIMEOUT)

    assert (answer.status_code, answer.json()) == (200, {})
    wait_until(lambda: hooks.events() == ["authorization.removed"])
    live = sandbox.record()["people"]["ana"]["tokens"]
    assert (live["access_live"], live["refresh_live"]) == (0, 0)


def test_the_person_posts_twice_and_takes_it_back(sandbox: Sandbox, hooks: Hooks) -> None:
    tokens = sandbox.connect("ana")
    publish_id = sandbox.stage(tokens, MP4)
    sandbox.person_posts("ana", publish_id)
    sandbox.person_posts("ana", publish_id)
    assert (
        len(sandbox.status(tokens, publish_id).json()["data"]["publicaly_available_post_id"]) == 2
    )
    requests.post(f"{sandbox.url}/inbox/ana/{publish_id}/hide", timeout=TIMEOUT).raise_for_status()

    wait_until(lambda: len(hooks.came) == 7)
    events = hooks.events()
    assert events.count("post.publish.complete") == 2
    assert events.count("post.publish.no_longer_publicaly_available") == 2
    assert sandbox.status(tokens, publish_id).json()["data"]["publicaly_available_post_id"] == []


def test_nothing_can_be_posted_before_it_is_staged(sandbox: Sandbox) -> None:
    publish_id, _ = sandbox.begin(sandbox.connect("ana"), 1000)
    answer = requests.post(f"{sandbox.url}/inbox/ana/{publish_id}/post", timeout=TIMEOUT)

    assert answer.status_code == 409


# --- consent and tokens --------------------------------------------------------------------


def test_the_consent_page_is_a_form_that_posts_where_it_was_shown(sandbox: Sandbox) -> None:
    sandbox.control("people", {"name": "ana", "display_name": "Ana <b>Bold</b>"})
    page = _get(sandbox.authorize_url(state='"><script>')).text

    assert "Ana &lt;b&gt;Bold&lt;/b&gt;" in page
    assert "<script" not in page
    assert "name=decision value=authorize" in page
    assert "name=decision value=cancel" in page
    assert page.count("name=scopes") == 2


def test_cancel_goes_back_with_access_denied(sandbox: Sandbox) -> None:
    back = sandbox.consent("ana", decision="cancel")

    assert back["error"] == "access_denied"
    assert back["state"] == "some-state"
    assert back["error_description"]
    assert "code" not in back


def test_where_nobody_is_yet_the_page_wants_a_name_and_cancel_wants_none(sandbox: Sandbox) -> None:
    assert "name=new_person maxlength=60 autocomplete=off placeholder='A name' required" in (
        _get(sandbox.authorize_url()).text
    )

    assert sandbox.consent("", decision="cancel")["error"] == "access_denied"

    sandbox.control("people", {"name": "ana"})
    assert "required" not in _get(sandbox.authorize_url()).text


def test_the_person_may_grant_less_than_was_asked_for(sandbox: Sandbox) -> None:
    back = sandbox.consent("ana", scopes=("user.info.basic",))

    assert back["scopes"] == "user.info.basic"
    assert sandbox.exchange(back["code"]).json()["scope"] == "user.info.basic"


def test_the_code_must_be_url_decoded_once(sandbox: Sandbox) -> None:
    answer = requests.post(
        sandbox.authorize_url(),
        data={"person": "ana", "scopes": "user.info.basic,video.upload", "decision": "authorize"},
        allow_redirects=False,
        timeout=TIMEOUT,
    )

    assert "%2A" in answer.headers["Location"]
    assert "%21" in answer.headers["Location"]
    tokens_of(sandbox.exchange(came_back_with(answer)["code"]))


def test_a_browser_with_consent_goes_straight_back_unless_told_otherwise(
    sandbox: Sandbox,
) -> None:
    form = {"person": "ana", "scopes": "user.info.basic,video.upload", "decision": "authorize"}
    with requests.Session() as browser:

        def visit(**changes: str) -> requests.Response:
            return browser.get(
                sandbox.authorize_url(**changes), allow_redirects=False, timeout=TIMEOUT
            )

        assert visit().status_code == 200
        browser.post(
            sandbox.authorize_url(), data=form, allow_redirects=False, timeout=TIMEOUT
        ).close()
        assert came_back_with(visit())["code"]
        assert visit(disable_auto_auth="1").status_code == 200
        assert visit(scope="user.info.basic,video.publish").status_code == 200


def test_tokens_live_as_long_as_they_say(sandbox: Sandbox) -> None:
    answer = sandbox.exchange(sandbox.consent("ana")["code"]).json()
    assert (answer["expires_in"], answer["refresh_expires_in"]) == (2 * HOUR, 180 * DAY)
    assert answer["token_type"] == "Bearer"
    sandbox.control("app", {"access_token_seconds": 60, "refresh_token_seconds": 120})
    answer = sandbox.refresh(answer["refresh_token"]).json()

    assert (answer["expires_in"], answer["refresh_expires_in"]) == (60, 120)
    sandbox.control("app", {"access_token_seconds": 7200, "refresh_token_seconds": 180 * DAY})


def test_a_refresh_rotates_the_pair(sandbox: Sandbox) -> None:
    old = sandbox.connect("ana")
    new = tokens_of(sandbox.refresh(old.refresh))

    assert new.open_id == old.open_id
    assert new.refresh != old.refresh
    assert sandbox.init(old, 1000).status_code == 200
    assert sandbox.init(new, 1000).status_code == 200
    assert sandbox.record()["people"]["ana"]["tokens"] == {
        "access_issued": 2,
        "access_live": 2,
        "refresh_issued": 2,
        "refresh_live": 1,
        "refreshes": 1,
    }


def test_one_persons_tokens_can_be_made_to_expire(sandbox: Sandbox) -> None:
    ana, ben = sandbox.connect("ana"), sandbox.connect("ben")
    sandbox.control("tokens", {"person": "ana", "expire": ["access"]})

    assert sandbox.init(ana, 1000).status_code == 401
    assert sandbox.init(ben, 1000).status_code == 200
    tokens_of(sandbox.refresh(ana.refresh))


def test_user_info_tells_what_was_asked_for(sandbox: Sandbox) -> None:
    sandbox.control("people", {"name": "ana", "display_name": "Ana"})
    tokens = sandbox.connect("ana")
    url = f"{sandbox.url}/v2/user/info/?fields=open_id,display_name,avatar_url"
    answer = _get(url, **tokens.bearer).json()

    assert answer["error"]["code"] == "ok"
    user = answer["data"]["user"]
    assert (user["open_id"], user["display_name"]) == (tokens.open_id, "Ana")
    picture = _get(user["avatar_url"])
    assert picture.headers["Content-Type"].startswith("image/")


# --- limits and the clock ------------------------------------------------------------------


def test_a_minute_later_the_rate_limit_is_open_again(sandbox: Sandbox) -> None:
    assert _seventh_init_in_a_minute(sandbox).status_code == 429
    tokens = sandbox.connect("ana")
    for _ in range(6):
        assert sandbox.init(tokens, 0).status_code == 400
    sandbox.advance(61)

    assert sandbox.init(tokens, 1000).status_code == 200


def test_posting_frees_one_of_the_five_slots(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    staged = [sandbox.stage(tokens, MP4) for _ in range(5)]
    assert sandbox.init(tokens, 1000).status_code == 403
    sandbox.person_posts("ana", staged[0])
    sandbox.advance(61)

    assert sandbox.init(tokens, 1000).status_code == 200
    assert sandbox.init(tokens, 1000).status_code == 403


def test_the_five_slots_are_free_again_after_24_hours(sandbox: Sandbox) -> None:
    assert _sixth_pending_share(sandbox).status_code == 403
    sandbox.advance(DAY + 1)

    assert sandbox.init(sandbox.connect("ana"), 1000).status_code == 200


def test_inits_without_bytes_can_be_told_not_to_count(sandbox: Sandbox) -> None:
    sandbox.control("app", {"empty_inits_count": False})

    assert _sixth_pending_share(sandbox).status_code == 200


# --- bytes ---------------------------------------------------------------------------------


def test_a_video_in_chunks_arrives_whole(sandbox: Sandbox) -> None:
    video = MP4 + bytes(2 * CHUNK + 7 - len(MP4))
    tokens = sandbox.connect("ana")
    publish_id, url = sandbox.begin(tokens, len(video), CHUNK, 2)
    first = put(url, video[:CHUNK], total=len(video))
    assert first.status_code == 206
    assert first.headers["Content-Range"] == f"bytes 0-{CHUNK}/{len(video)}"
    assert sandbox.status(tokens, publish_id).json()["data"]["uploaded_bytes"] == CHUNK
    again = put(url, video[:CHUNK], total=len(video))
    assert again.status_code == 416
    assert again.headers["Content-Range"] == f"bytes 0-{CHUNK}/{len(video)}"
    assert put(url, video[CHUNK:], first=CHUNK, total=len(video)).status_code == 201

    share = sandbox.record()["shares"][publish_id]
    assert share["sha256"] == hashlib.sha256(video).hexdigest()
    assert share["completed_uploads"] == 1


def test_the_end_of_content_range_may_be_an_index_instead(sandbox: Sandbox) -> None:
    sandbox.control("app", {"content_range_end": "index"})
    _, url = sandbox.begin(sandbox.connect("ana"), 2 * CHUNK, CHUNK, 2)
    nothing_yet = put(url, bytes(CHUNK), first=CHUNK, total=2 * CHUNK)
    first = put(url, bytes(CHUNK), total=2 * CHUNK)

    assert nothing_yet.headers["Content-Range"] == f"bytes */{2 * CHUNK}"
    assert first.headers["Content-Range"] == f"bytes 0-{CHUNK - 1}/{2 * CHUNK}"


def test_a_webm_is_served_back_in_ranges(sandbox: Sandbox) -> None:
    publish_id, url = sandbox.begin(sandbox.connect("ana"), len(WEBM))
    headers = {
        "Content-Type": "video/webm",
        "Content-Range": f"bytes 0-{len(WEBM) - 1}/{len(WEBM)}",
    }
    assert requests.put(url, data=WEBM, headers=headers, timeout=TIMEOUT).status_code == 201
    answer = _get(f"{sandbox.url}/inbox/ana/{publish_id}/video", Range="bytes=10-19")

    assert (answer.status_code, answer.content) == (206, WEBM[10:20])
    assert answer.headers["Content-Type"] == "video/webm"


def test_a_file_that_is_no_video_fails_and_the_app_gets_a_webhook(
    sandbox: Sandbox, hooks: Hooks
) -> None:
    tokens = sandbox.connect("ana")
    publish_id, url = sandbox.begin(tokens, 1000)
    assert put(url, b"x" * 1000).status_code == 201
    wait_until(lambda: hooks.events() == ["post.publish.failed"])

    told = sandbox.status(tokens, publish_id).json()["data"]
    assert (told["status"], told["fail_reason"]) == ("FAILED", "file_format_check_failed")


def test_an_untrue_content_type_is_written_down(sandbox: Sandbox) -> None:
    _, url = sandbox.begin(sandbox.connect("ana"), len(WEBM))
    assert put(url, WEBM).status_code == 201

    assert sandbox.record()["violations"][0]["rule"] == "upload_content_type_true"


def _put_and_hang_up(url: str, video: bytes, sent: int) -> None:
    """A connection that breaks in the middle of a body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Type", "video/mp4")
    connection.putheader("Content-Length", str(len(video)))
    connection.putheader("Content-Range", f"bytes 0-{len(video) - 1}/{len(video)}")
    connection.endheaders()
    connection.send(video[:sent])
    time.sleep(0.1)
    connection.close()


def test_a_torn_connection_leaves_nothing_of_its_chunk(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    publish_id, url = sandbox.begin(tokens, len(MP4))
    _put_and_hang_up(url, MP4, 5000)
    wait_until(lambda: sandbox.record()["shares"][publish_id]["torn_uploads"] == 1)

    assert sandbox.status(tokens, publish_id).json()["data"]["uploaded_bytes"] == 0
    assert put(url, MP4).status_code == 201
    assert sandbox.record()["shares"][publish_id]["sha256"] == hashlib.sha256(MP4).hexdigest()


def test_a_torn_connection_can_be_told_to_leave_its_bytes(sandbox: Sandbox) -> None:
    sandbox.control("app", {"keep_torn_bytes": True})
    tokens = sandbox.connect("ana")
    publish_id, url = sandbox.begin(tokens, len(MP4))
    _put_and_hang_up(url, MP4, 5000)
    wait_until(lambda: sandbox.record()["shares"][publish_id]["torn_uploads"] == 1)

    assert sandbox.status(tokens, publish_id).json()["data"]["uploaded_bytes"] == 5000
    refused = put(url, MP4)
    assert refused.status_code == 416
    assert refused.headers["Content-Range"] == f"bytes 0-5000/{len(MP4)}"
    assert put(url, MP4[5000:], first=5000, total=len(MP4)).status_code == 201
    assert sandbox.record()["shares"][publish_id]["sha256"] == hashlib.sha256(MP4).hexdigest()


# --- faults --------------------------------------------------------------------------------


def test_a_status_fault_before_the_effect_and_after_it(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    for when, inits in (("before", 0), ("after", 1)):
        fault = {"endpoint": "init", "kind": "status", "status": 503, "when": when}
        sandbox.faults({**fault, "error_code": "internal_error"})
        answer = sandbox.init(tokens, 1000)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "internal_error"
        assert len(sandbox.record()["people"]["ana"]["inits"]) == inits
    assert [made["when"] for made in sandbox.record()["faults_made"]] == ["before", "after"]
    assert sandbox.init(tokens, 1000).status_code == 200


def test_an_oauth_status_fault_is_flat_and_may_be_a_200(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults(
        {"endpoint": "token", "kind": "status", "status": 200, "error_code": "invalid_grant"}
    )
    answer = sandbox.refresh(tokens.refresh)

    assert (answer.status_code, answer.json()["error"]) == (200, "invalid_grant")
    tokens_of(sandbox.refresh(tokens.refresh))


@pytest.mark.parametrize(("when", "refreshes"), [("before", 0), ("after", 1)])
def test_a_reset_loses_the_answer(sandbox: Sandbox, when: str, refreshes: int) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults({"endpoint": "token", "kind": "reset", "when": when})

    with pytest.raises(requests.ConnectionError):
        sandbox.refresh(tokens.refresh)
    assert sandbox.record()["people"]["ana"]["tokens"]["refreshes"] == refreshes


@pytest.mark.parametrize(("when", "completed"), [("before", 0), ("after", 1)])
def test_an_uploads_answer_can_be_lost(sandbox: Sandbox, when: str, completed: int) -> None:
    publish_id, url = sandbox.begin(sandbox.connect("ana"), len(MP4))
    sandbox.faults({"endpoint": "upload", "kind": "reset", "when": when})

    with pytest.raises(requests.ConnectionError):
        put(url, MP4)
    assert sandbox.record()["shares"][publish_id]["completed_uploads"] == completed


def test_an_upload_can_be_reset_in_the_middle(sandbox: Sandbox) -> None:
    video = MP4 + bytes(3_000_000)
    sandbox.control("app", {"keep_torn_bytes": True})
    publish_id, url = sandbox.begin(sandbox.connect("ana"), len(video))
    sandbox.faults({"endpoint": "upload", "kind": "reset_after_bytes", "after_bytes": 1_000_000})

    with pytest.raises(requests.ConnectionError):
        put(url, video)
    assert sandbox.record()["shares"][publish_id]["size"] == 1_000_000
    assert put(url, video[1_000_000:], first=1_000_000, total=len(video)).status_code == 201


@pytest.mark.parametrize(("when", "inits"), [("before", 0), ("after", 1)])
def test_a_slow_answer_comes_too_late(sandbox: Sandbox, when: str, inits: int) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults({"endpoint": "init", "kind": "slow", "seconds": 0.5, "when": when})
    body = json.dumps({"source_info": FILE_UPLOAD})
    headers = {**tokens.bearer, "Content-Type": "application/json; charset=UTF-8"}

    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{sandbox.url}{INIT}", data=body, headers=headers, timeout=0.2)
    assert len(sandbox.record()["people"]["ana"]["inits"]) == inits
    wait_until(lambda: len(sandbox.record()["people"]["ana"]["inits"]) == 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["malformed", "truncated"])
def test_an_answer_that_is_not_json(sandbox: Sandbox, kind: str, when: str) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults({"endpoint": "init", "kind": kind, "when": when})
    answer = sandbox.init(tokens, 1000)

    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"line 1"):
        answer.json()
    assert len(sandbox.record()["people"]["ana"]["inits"]) == (when == "after")


def test_an_answer_that_breaks_off(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults({"endpoint": "init", "kind": "cut", "when": "after"})

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        sandbox.init(tokens, 1000)


def test_a_wrong_content_type_with_the_right_body_or_a_web_page(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    sandbox.faults(
        {"endpoint": "init", "kind": "wrong_content_type", "when": "after"},
        {"endpoint": "init", "kind": "wrong_content_type", "when": "before"},
    )
    right, page = sandbox.init(tokens, 1000), sandbox.init(tokens, 1000)

    assert right.headers["Content-Type"].startswith("text/html")
    assert right.json()["error"]["code"] == "ok"
    assert page.text.startswith("<!doctype html>")


def test_faults_come_in_order_so_often_and_not_before_their_time(sandbox: Sandbox) -> None:
    tokens = sandbox.connect("ana")
    publish_id, _ = sandbox.begin(tokens, 1000)
    sandbox.faults(
        {"endpoint": "status", "kind": "status", "status": 500, "skip": 1, "times": 2},
        {"endpoint": "status", "kind": "status", "status": 502, "skip": 1},
    )

    answers = [sandbox.status(tokens, publish_id).status_code for _ in range(5)]
    assert answers == [200, 500, 500, 502, 200]


def test_a_share_can_be_made_to_fail_or_hang_or_dawdle(sandbox: Sandbox, hooks: Hooks) -> None:
    sandbox.faults(
        {"endpoint": "processing", "kind": "fail", "fail_reason": "internal"},
        {"endpoint": "processing", "kind": "stuck"},
        {"endpoint": "processing", "kind": "slow", "seconds": 1800},
    )
    tokens, shares = sandbox.connect("ana"), []
    for _ in range(3):
        publish_id, url = sandbox.begin(tokens, len(MP4))
        shares.append(publish_id)
        assert put(url, MP4).status_code == 201
    sandbox.wait_for_status(shares[0], "FAILED")
    wait_until(lambda: hooks.events() == ["post.publish.failed"])

    def statuses() -> list[str]:
        return [sandbox.record()["shares"][publish_id]["status"] for publish_id in shares]

    assert statuses() == ["FAILED", "PROCESSING_UPLOAD", "PROCESSING_UPLOAD"]
    sandbox.advance(1801)
    assert statuses() == ["FAILED", "PROCESSING_UPLOAD", "SEND_TO_USER_INBOX"]


def test_a_fault_of_one_persons_processing_leaves_others_alone(sandbox: Sandbox) -> None:
    sandbox.faults({"endpoint": "processing", "kind": "fail", "person": "ben"})
    shares = {}
    for person in ("ana", "ben", "ben"):
        publish_id, url = sandbox.begin(sandbox.connect(person), len(MP4))
        assert put(url, MP4).status_code == 201
        shares[publish_id] = person
    for publish_id, told in zip(shares, ("SEND_TO_USER_INBOX", "FAILED"), strict=False):
        sandbox.wait_for_status(publish_id, told)
    sandbox.wait_for_status(list(shares)[2], "SEND_TO_USER_INBOX")


def test_webhooks_can_be_dropped_doubled_and_delayed(sandbox: Sandbox, hooks: Hooks) -> None:
    delivered = {"endpoint": "webhook", "event": "post.publish.inbox_delivered"}
    sandbox.faults(
        {**delivered, "kind": "drop"},
        {**delivered, "kind": "duplicate"},
        {**delivered, "kind": "delay", "seconds": 600},
    )
    tokens = sandbox.connect("ana")
    for _ in range(3):
        sandbox.stage(tokens, MP4)
    wait_until(lambda: len(hooks.came) == 2)
    assert hooks.came[0][1] == hooks.came[1][1]
    states = [webhook["state"] for webhook in _webhooks(sandbox)]
    assert (states[0], states[3]) == ("dropped", "pending")
    sandbox.advance(601)

    wait_until(lambda: len(hooks.came) == 3)


@pytest.mark.parametrize(
    "rule",
    [
        {"endpoint": "init", "kind": "drop"},
        {"endpoint": "webhook", "kind": "reset"},
        {"endpoint": "status", "kind": "reset_after_bytes"},
        {"endpoint": "processing", "kind": "fail", "fail_reason": "bad_mood"},
        {"endpoint": "kitchen", "kind": "status"},
        {"endpoint": "status", "kind": "status", "person": "ana"},
        {"endpoint": "init", "kind": "status", "colour": "red"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Sandbox, rule: dict[str, str]) -> None:
    answer = requests.post(
        f"{sandbox.url}/_sandbox/faults", json={"rules": [rule]}, timeout=TIMEOUT
    )

    assert answer.status_code == 400
    assert answer.json()["error"]


# --- the process ---------------------------------------------------------------------------


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state") as sandbox:
        sandbox.control("app", {"processing_seconds": 0.05, "code_seconds": 900})
        tokens = sandbox.connect("ana")
        staged = sandbox.stage(tokens, MP4)
        under_way, url = sandbox.begin(tokens, 2 * CHUNK, CHUNK, 2)
        video = MP4 + bytes(2 * CHUNK - len(MP4))
        assert put(url, video[:CHUNK], total=len(video)).status_code == 206
        code = sandbox.consent("ben")["code"]
        sandbox.init(tokens, 0)
        sandbox.advance(HOUR / 2)
        sandbox.faults({"endpoint": "init", "kind": "status", "status": 503})
        before = sandbox.record()

        assert sandbox.stop() == 0
        sandbox.start()

        after = sandbox.record()
        assert after["now"] >= before["now"]
        assert {**after, "now": 0} == {**before, "now": 0}
        assert put(url, video[CHUNK:], first=CHUNK, total=len(video)).status_code == 201
        assert sandbox.record()["shares"][under_way]["sha256"] == hashlib.sha256(video).hexdigest()
        answer = _get(f"{sandbox.url}/inbox/ana/{staged}/video")
        assert answer.content == MP4
        assert sandbox.init(tokens, 1000).status_code == 503
        assert sandbox.init(tokens, 1000).status_code == 200
        # The code was given before the clock was moved on by half an hour.
        assert sandbox.exchange(code).json()["error"] == "invalid_grant"
        tokens_of(sandbox.refresh(tokens.refresh))


def test_addresses_of_the_last_start_are_forgotten_and_webhooks_wait_for_new_ones(
    tmp_path: Path,
) -> None:
    """By the next start, another program may have the port that the app had."""
    with listening_for_webhooks() as old, listening_for_webhooks() as new:
        with Sandbox(tmp_path / "state", webhook_url=old.url) as sandbox:
            old.answers = [500]
            tokens = sandbox.connect("ana")
            sandbox.stage(tokens, MP4)
            wait_until(lambda: old.came)
        told = len(old.came)
        with Sandbox(tmp_path / "state", flags=("forget-app-urls",)) as sandbox:
            assert _get(sandbox.authorize_url()).status_code == 400
            sandbox.advance(60)
            requests.post(f"{sandbox.url}/inbox/ana/remove-access", timeout=TIMEOUT)
            time.sleep(0.3)
            sandbox.control(
                "app",
                {
                    "webhook_url": new.url,
                    "redirect_uris": [REDIRECT_URI],
                    "hold_webhooks": False,
                },
            )
            wait_until(lambda: len(new.came) == 2)
            assert _get(sandbox.authorize_url()).status_code == 200
        assert len(old.came) == told
        assert set(new.events()) == {"post.publish.inbox_delivered", "authorization.removed"}


def test_nothing_secret_is_printed_or_shown(sandbox: Sandbox, process: Sandbox) -> None:
    back = sandbox.consent("ana")
    tokens = tokens_of(sandbox.exchange(back["code"]))
    publish_id, url = sandbox.begin(tokens, len(MP4))
    put(url, MP4)
    sandbox.refresh("rft.a-wrong-one")
    sandbox.status(tokens, publish_id)
    shown = json.dumps(sandbox.record()) + json.dumps(sandbox.control("app"))
    printed = process.log.read_text()

    assert "/v2/oauth/token/ 200" in printed
    upload_token = url.rpartition("=")[2]
    for secret in (back["code"], tokens.access, tokens.refresh, upload_token, CLIENT_SECRET):
        assert secret not in printed
        assert secret not in shown


def test_it_listens_on_one_loopback_address_only(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match=r".+"):
        socket.create_connection(("127.0.0.2", sandbox.port), timeout=2)


def test_it_does_not_start_without_the_secret_it_was_promised(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "local.tiktok_sandbox", "--port", "0", "--state", str(tmp_path)]
    words += ["--client-key", CLIENT_KEY, "--client-secret-env", "NO_SUCH_VARIABLE"]
    ended = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "NO_SUCH_VARIABLE is not set\n"


def test_a_redirect_address_that_is_not_https_is_not_registered(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/_sandbox/app",
        json={"redirect_uris": ["http://example.com/back"]},
        timeout=TIMEOUT,
    )

    assert answer.status_code == 400
    assert "https" in answer.json()["error"]
