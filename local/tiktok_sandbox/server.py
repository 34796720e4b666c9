"""Puts the parts together and serves them on 127.0.0.1."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.tiktok_sandbox.answers import envelope_error, log_id_of, note
from local.tiktok_sandbox.control import Control
from local.tiktok_sandbox.display import Display
from local.tiktok_sandbox.drafts import Drafts
from local.tiktok_sandbox.faults import Faults, FaultyAnswers, OpenConnections
from local.tiktok_sandbox.inbox import Inbox
from local.tiktok_sandbox.oauth import OAuth
from local.tiktok_sandbox.pages import Pages
from local.tiktok_sandbox.rules import RuleBrokenError
from local.tiktok_sandbox.state import Store
from local.tiktok_sandbox.webhooks import Webhooks

HOST = "127.0.0.1"
TICK_SECONDS = 0.05
GRACE_SECONDS = 2


class Logged:
    """ASGI middleware: a log id for every request, and one line without its query."""

    def __init__(self, app: ASGIApp, tell: Callable[[str], object]) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and say what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        log_id = uuid4().hex
        scope.setdefault("state", {})["log_id"] = log_id
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            if not scope["path"].startswith("/_sandbox/"):
                path = scope["path"].encode("ascii", "backslashreplace").decode()
                self._tell(f"{scope['method']} {path} {status or 'no answer'} {log_id}")


class _Server(uvicorn.Server):
    """Says when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            print(f"TikTok sandbox ready on http://{HOST}:{bound.getsockname()[1]}", flush=True)


def _print(line: str) -> None:
    print(line, flush=True)


def build(store: Store, *, tell: Callable[[str], object] = _print, ticking: bool = True) -> ASGIApp:
    """The sandbox as an ASGI app over a store.

    Without `ticking` nothing happens between requests: no webhook is sent, and what is due
    happens with the next status or clock request. `tell` takes the lines of the log.
    """
    faults = Faults(store)
    webhooks = Webhooks(store, faults)
    drafts = Drafts(store, webhooks)

    async def keep_going() -> None:
        while True:
            drafts.settle()
            webhooks.send_due()
            await asyncio.sleep(TICK_SECONDS)

    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        going = [asyncio.create_task(keep_going())] if ticking else []
        yield
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await webhooks.close()
        store.close()

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        told = RuleBrokenError(
            "endpoint_known", "no such endpoint, or not with this method", status=status
        )
        if not request.url.path.startswith(("/_sandbox/", "/favicon.ico")):
            note(store, "unknown", request, told)
        return envelope_error(told.code, told.detail, log_id_of(request), status)

    app = Starlette(
        routes=[
            *OAuth(store, drafts).routes(),
            *Inbox(store, drafts, faults).routes(),
            *Display(store, drafts).routes(),
            *Pages(store, drafts).routes(),
            *Control(store, drafts, faults).routes(),
        ],
        exception_handlers={404: unknown, 405: unknown},
        lifespan=life,
    )
    app.router.redirect_slashes = False
    return Logged(FaultyAnswers(app, faults), tell)


def serve(store: Store, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then return."""
    config = uvicorn.Config(
        build(store),
        http=OpenConnections,
        access_log=False,
        log_level="warning",
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # Named TCP: asyncio sends small answers at once only over sockets that say so.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        # The server raises the signal again once it has shut down: by then there is nothing to do.
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: None)
        _Server(config).run(sockets=[bound])
