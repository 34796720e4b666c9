"""`python -m local.tiktok_sandbox --port P --state DIR ...`: start the sandbox."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from local.tiktok_sandbox.server import serve
from local.tiktok_sandbox.settings import App
from local.tiktok_sandbox.state import Store, hashed


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.tiktok_sandbox",
        description="A stand-in for TikTok, on 127.0.0.1 only. Its state stays in --state.",
    )
    parser.add_argument("--port", type=int, required=True, help="0 for any free one")
    parser.add_argument("--state", type=Path, required=True, help="folder for everything it keeps")
    parser.add_argument("--client-key")
    secret = parser.add_mutually_exclusive_group()
    secret.add_argument("--client-secret")
    secret.add_argument("--client-secret-env", metavar="NAME", help="variable that holds it")
    parser.add_argument("--redirect-uri", action="append", metavar="URL", help="repeatable")
    parser.add_argument("--webhook-url", metavar="URL")
    parser.add_argument(
        "--forget-app-urls",
        action="store_true",
        help="forget the app's addresses and hold webhooks until /_sandbox/app tells new ones",
    )
    parser.add_argument("--processing-seconds", type=float, help="last byte to inbox, 0.3")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Start and serve; returns the exit code."""
    arguments = _arguments(words)
    secret = arguments.client_secret
    if arguments.client_secret_env:
        secret = os.environ.get(arguments.client_secret_env)
        if not secret:
            print(f"{arguments.client_secret_env} is not set", file=sys.stderr)
            return 2
    given = {
        "client_key": arguments.client_key,
        "client_secret": secret,
        "redirect_uris": arguments.redirect_uri,
        "webhook_url": arguments.webhook_url,
        "processing_seconds": arguments.processing_seconds,
    }
    given = {name: value for name, value in given.items() if value is not None}
    store = Store(arguments.state)
    try:
        _register(store, given)
        if arguments.forget_app_urls:
            changes = {"redirect_uris": (), "webhook_url": None, "hold_webhooks": True}
            store.app = App.model_validate({**store.app.model_dump(), **changes})
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            print(f"{problem['loc'][0]}: {problem['msg']}", file=sys.stderr)
        store.close()
        return 2
    try:
        serve(store, arguments.port)
    except OSError as error:
        print(f"cannot serve on port {arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _register(store: Store, given: dict[str, object]) -> None:
    """Apply the options of this start, except those that the last start had as well.

    So the app may be changed while the sandbox runs, and the change survives a restart by the
    same command.
    """
    marks = {name: hashed(json.dumps(value)) for name, value in given.items()}
    last: dict[str, str] = json.loads(store.kept("started_with") or "{}")
    news = {name: given[name] for name, mark in marks.items() if last.get(name) != mark}
    if news:
        store.app = App.model_validate({**store.app.model_dump(), **news})
    store.keep("started_with", json.dumps(marks))


if __name__ == "__main__":
    sys.exit(main())
