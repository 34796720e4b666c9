"""Faults on demand: an ordered list of rules, each used up after `times` uses.

The first rule in the list that fits a moment is the one that acts. There are three moments:

- a request to one of TikTok's endpoints (`before` its effect: nothing happens but the fault;
  `after`: everything happens, and only the answer suffers);
- the end of an upload, endpoint `processing` (it fails, is stuck, or takes longer);
- a webhook about to be queued, endpoint `webhook` (dropped, duplicated, delayed).
"""

import asyncio
import json
import socket
import struct
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.tiktok_sandbox.answers import envelope_error, flat_error
from local.tiktok_sandbox.rules import FAIL_REASONS
from local.tiktok_sandbox.state import Store

ENDPOINT_OF_PATH = {
    "/v2/auth/authorize": "authorize",
    "/v2/auth/authorize/": "authorize",
    "/v2/oauth/token/": "token",
    "/v2/oauth/revoke/": "revoke",
    "/v2/user/info/": "user_info",
    "/v2/post/publish/inbox/video/init/": "init",
    "/v2/post/publish/status/fetch/": "status",
    "/upload/": "upload",
    "/v2/video/query/": "video_query",
}
FLAT_ENDPOINTS = frozenset({"token", "revoke"})

type HttpEndpoint = Literal[
    "authorize", "token", "revoke", "user_info", "init", "status", "upload", "video_query"
]
type Kind = Literal[
    "status",
    "reset",
    "slow",
    "malformed",
    "truncated",
    "cut",
    "wrong_content_type",
    "told",
    "reset_after_bytes",
    "fail",
    "stuck",
    "drop",
    "duplicate",
    "delay",
]

_KINDS_OF_PROCESSING = frozenset({"fail", "stuck", "slow"})
_KINDS_OF_WEBHOOK = frozenset({"drop", "duplicate", "delay"})
_KINDS_OF_HTTP = frozenset(
    {"status", "reset", "slow", "malformed", "truncated", "cut", "wrong_content_type"}
)


class FaultRule(BaseModel):
    """One fault.

    status              answers `status` with `error_code` in the endpoint's own error shape
    reset               the connection is reset, no answer
    slow                waits `seconds`, then goes on as if nothing were
    malformed           answers 200 with something that is not JSON
    truncated           answers half of the JSON, as if that were all
    cut                 promises the whole answer, sends half of it and closes
    wrong_content_type  `after`: the right body as text/html; `before`: a web page
    told                (status, `after`) says `told` in the answer's data, whatever is true
    reset_after_bytes   (upload) takes `after_bytes` of the body, then resets the connection
    fail                (processing) the share ends FAILED with `fail_reason`
    stuck               (processing) the share stays PROCESSING_UPLOAD for ever
    slow                (processing) processing takes `seconds` longer
    drop, duplicate     (webhook) is never sent; is sent twice
    delay               (webhook) is sent `seconds` later

    `skip` lets that many fitting moments pass first; `times` None is for ever; `event` (webhook)
    limits the rule to one kind of event, `person` (processing) to what one person is sent.
    """

    model_config = ConfigDict(extra="forbid")

    endpoint: HttpEndpoint | Literal["processing", "webhook"]
    kind: Kind
    when: Literal["before", "after"] = "before"
    times: int | None = Field(default=1, ge=0)
    skip: int = Field(default=0, ge=0)
    status: int = Field(default=500, ge=200, le=599)
    error_code: str = "internal_error"
    message: str = "a fault made on demand"
    headers: dict[str, str] = {}
    seconds: float = Field(default=1.0, ge=0)
    after_bytes: int = Field(default=0, ge=0)
    fail_reason: str = "internal"
    told: dict[str, str | int | None] = {}
    event: str | None = None
    person: str | None = None

    @model_validator(mode="after")
    def _kind_fits_endpoint(self) -> Self:
        if self.endpoint == "processing":
            fitting = _KINDS_OF_PROCESSING
        elif self.endpoint == "webhook":
            fitting = _KINDS_OF_WEBHOOK
        elif self.endpoint == "upload":
            fitting = _KINDS_OF_HTTP | {"reset_after_bytes"}
        elif self.endpoint == "status":
            fitting = _KINDS_OF_HTTP | {"told"}
        else:
            fitting = _KINDS_OF_HTTP
        if self.kind not in fitting:
            raise ValueError(f"{self.endpoint} knows {', '.join(sorted(fitting))}")
        if self.kind == "told" and self.when != "after":
            raise ValueError("only what would be answered can be told otherwise")
        if self.kind == "fail" and self.fail_reason not in FAIL_REASONS:
            raise ValueError("not a documented fail_reason")
        if self.person is not None and self.endpoint != "processing":
            raise ValueError("only processing knows whose video it is")
        return self


_RULES = TypeAdapter(list[FaultRule])


class Faults:
    """The list of rules; it survives a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rules = _RULES.validate_json(store.kept("faults") or "[]")

    def set(self, rules: list[FaultRule]) -> None:
        """Use these rules from now on."""
        self.rules = rules
        self._keep()

    def take(
        self, endpoint: str, event: str | None = None, person: str | None = None
    ) -> FaultRule | None:
        """The rule for this moment, used once more; None almost always."""
        for rule in self.rules:
            if rule.endpoint != endpoint or (rule.event is not None and rule.event != event):
                continue
            if rule.person is not None and rule.person != person:
                continue
            if rule.times == 0:
                continue
            if rule.skip:
                rule.skip -= 1
                self._keep()
                continue
            if rule.times is not None:
                rule.times -= 1
            self._keep()
            self._store.note_fault(json.dumps({**rule.model_dump(exclude_unset=True)}))
            return rule
        return None

    def _keep(self) -> None:
        self._store.keep("faults", _RULES.dump_json(self.rules).decode())


class OpenConnections(H11Protocol):
    """HTTP as ever, but a connection can be found by its client's address, to be reset."""

    found: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client came."""
        super().connection_made(transport)
        if self.client is not None:
            self.found[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """A client went."""
        if self.client is not None:
            self.found.pop(self.client, None)
        super().connection_lost(exc)


async def reset_connection(scope: Scope) -> None:
    """Break the connection: the client sees a reset, never an answer."""
    transport = OpenConnections.found.get(tuple(scope["client"]))
    if transport is not None:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    await asyncio.sleep(0.01)  # the server notices on its own loop


class FaultyAnswers:
    """ASGI middleware that makes the faults of requests."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless a rule says otherwise."""
        endpoint = ENDPOINT_OF_PATH.get(scope["path"]) if scope["type"] == "http" else None
        rule = self._faults.take(endpoint) if endpoint else None
        if rule is None:
            await self._app(scope, receive, send)
        elif rule.kind == "reset_after_bytes":
            await self._app(scope, _broken_after(rule.after_bytes, receive), _unheard)
            await reset_connection(scope)
        elif rule.when == "before" and rule.kind == "slow":
            # A small request is read first: it has its effect even if the client gives up.
            whole = receive if endpoint == "upload" else await _read_whole(receive)
            await asyncio.sleep(rule.seconds)
            await self._app(scope, whole, send)
        elif rule.when == "before":
            if rule.kind != "reset":
                await _drain(receive)
            await _answer(rule, scope, send, *_untouched(rule))
        else:
            answer: list[Message] = []

            async def hold(message: Message) -> None:
                answer.append(message)

            await self._app(scope, receive, hold)
            if answer:
                body = b"".join(message.get("body", b"") for message in answer[1:])
                await _answer(rule, scope, send, answer[0], body)


def _untouched(rule: FaultRule) -> tuple[Message, bytes]:
    """The answer that a `before` fault disfigures."""
    body = b'{"data":{},"error":{"code":"ok","message":"","log_id":"none"}}'
    if rule.kind == "wrong_content_type":
        body = b"<!doctype html><title>One moment</title><p>We will be back soon.</p>"
    headers = [(b"content-type", b"application/json")]
    return {"type": "http.response.start", "status": 200, "headers": headers}, body


async def _answer(rule: FaultRule, scope: Scope, send: Send, start: Message, body: bytes) -> None:
    if rule.kind == "reset":
        await reset_connection(scope)
        return
    promised: int | None = None
    if rule.kind == "status":
        shape = flat_error if rule.endpoint in FLAT_ENDPOINTS else envelope_error
        answer = shape(rule.error_code, rule.message, scope["state"]["log_id"], rule.status)
        answer.headers.update(rule.headers)
        start = {"type": start["type"], "status": rule.status, "headers": answer.raw_headers}
        body = bytes(answer.body)
    elif rule.kind == "malformed":
        start = {**start, "status": 200}
        body = b"<<not JSON>>"
    elif rule.kind == "told":
        whole = json.loads(body)
        body = json.dumps({**whole, "data": {**whole["data"], **rule.told}}).encode()
    elif rule.kind == "truncated":
        body = body[: len(body) // 2]
    elif rule.kind == "cut":
        promised = len(body)
        body = body[: promised // 2]
    elif rule.kind == "slow":
        await asyncio.sleep(rule.seconds)

    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    if rule.kind == "wrong_content_type":
        headers = [(name, value) for name, value in headers if name != b"content-type"]
        headers.append((b"content-type", b"text/html; charset=utf-8"))
    length = len(body) if promised is None else promised
    headers.append((b"content-length", str(length).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": promised is not None})
    if promised is not None:
        await _close_connection(scope)


async def _close_connection(scope: Scope) -> None:
    transport = OpenConnections.found.get(tuple(scope["client"]))
    if transport is not None:
        transport.close()
    await asyncio.sleep(0.01)


async def _drain(receive: Receive) -> None:
    """Read a request to its end, so that its sender gets to read the answer."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _unheard(_message: Message) -> None:
    """An answer nobody gets."""


async def _read_whole(receive: Receive) -> Receive:
    """The request's whole body, to be received at once."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def receive_again() -> Message:
        return messages.pop(0) if messages else await receive()

    return receive_again


def _broken_after(limit: int, receive: Receive) -> Receive:
    """A body that breaks off after so many bytes."""
    left = limit
    broken = limit == 0

    async def receive_some() -> Message:
        nonlocal left, broken
        if broken:
            return {"type": "http.disconnect"}
        message = await receive()
        body = message.get("body", b"")
        if message["type"] == "http.request" and len(body) >= left:
            broken = True
            return {**message, "body": body[:left], "more_body": True}
        left -= len(body)
        return message

    return receive_some
