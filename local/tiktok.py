"""The TikTok that a stack talks to: its own sandbox, or the one that is named."""

import importlib.util
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from local import ports, processes
from local.failure import Failure, tail
from local.home import PROJECT, Home
from local.process_environment import child_environment

SANDBOX = "local.tiktok_sandbox"
PREFERRED_PORT = 4580
START_SECONDS = 30.0
STOP_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0
SECRET_VARIABLE = "TIKTOK_CLIENT_SECRET"  # noqa: S105  a variable's name
CALLBACK = "/tiktok/callback"
WEBHOOK = "/tiktok/webhook"


@dataclass(frozen=True)
class TikTok:
    """Addresses of a TikTok, and Greenroom's registration with it.

    `own`: it is the sandbox that this stack has started itself. `pkce` is the stack's parameter of
    that name: an own sandbox requires what the stack sends.
    """

    api_url: str
    authorize_url: str
    client_key: str
    client_secret: str
    upload_hosts: str | None
    own: bool = False
    pkce: str = "off"

    def register(self, public_url: str) -> None:
        """Register Greenroom's addresses with a sandbox on this machine.

        Nothing secret is told: our own sandbox was started with the client secret, and what else
        listens there need not be a sandbox. Another stand-in than ours may not know the question,
        which is fine.
        """
        if urlsplit(self.api_url).hostname != ports.LOOPBACK:
            return
        addresses: dict[str, object] = {
            "redirect_uris": [f"{public_url}{CALLBACK}"],
            "webhook_url": f"{public_url}{WEBHOOK}",
        }
        if self.own:
            addresses["hold_webhooks"] = False
            addresses["pkce_required"] = self.pkce != "off"
        try:
            answer = requests.post(
                f"{self.api_url}/_sandbox/app",
                json=addresses,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException:
            raise Failure(
                f"The TikTok at {self.api_url} does not answer.",
                "Start it, or leave TIKTOK_API_URL out to use the sandbox that comes with this.",
            ) from None
        if answer.status_code == requests.codes.not_found:
            return
        if not answer.ok:
            raise Failure(
                f"The TikTok sandbox refused the app: {answer.status_code} {answer.text[:200]}",
                "make clean starts it without what it remembers.",
            )


def sandbox_is_here(project: Path = PROJECT) -> bool:
    return (project / "local" / "tiktok_sandbox" / "__main__.py").is_file() and bool(
        importlib.util.find_spec(SANDBOX)
    )


def named_by_caller(
    kept: dict[str, Any], environment: Mapping[str, str] = os.environ
) -> TikTok | None:
    """Return the TikTok of TIKTOK_API_URL, TIKTOK_AUTHORIZE_URL and the app's key and secret."""
    api_url = environment.get("TIKTOK_API_URL", "").rstrip("/")
    if not api_url:
        return None
    host = urlsplit(api_url).hostname or ""
    own_hosts = None if host.endswith(".tiktokapis.com") else host
    key, secret = registration(kept)
    return TikTok(
        api_url,
        environment.get("TIKTOK_AUTHORIZE_URL") or f"{api_url}/v2/auth/authorize/",
        environment.get("TIKTOK_CLIENT_KEY") or key,
        environment.get("TIKTOK_CLIENT_SECRET") or secret,
        environment.get("TIKTOK_UPLOAD_HOSTS") or own_hosts,
        pkce=pkce_of(environment),
    )


def pkce_of(environment: Mapping[str, str] = os.environ) -> str:
    """Return the setting TIKTOK_PKCE, `off` by default: whether consents carry a challenge."""
    return environment.get("TIKTOK_PKCE") or "off"


def registration(kept: dict[str, Any]) -> tuple[str, str]:
    """Return the client key and secret of this stack, made once."""
    kept.setdefault("tiktok_client_key", f"greenroom{secrets.token_hex(6)}")
    kept.setdefault("tiktok_client_secret", secrets.token_hex(24))
    return str(kept["tiktok_client_key"]), str(kept["tiktok_client_secret"])


def start_sandbox(
    home: Home, port: int, kept: dict[str, Any]
) -> tuple[TikTok, subprocess.Popen[bytes]]:
    key, secret = registration(kept)
    url = f"http://{ports.LOOPBACK}:{port}"
    home.tiktok.mkdir(parents=True, exist_ok=True)
    home.log("tiktok").write_bytes(b"")
    # The API's address is known after the deployment only, and told then. The address of
    # the last run may be another program's by now.
    arguments = [
        "-m",
        SANDBOX,
        "--port",
        str(port),
        "--state",
        str(home.tiktok),
        "--forget-app-urls",
    ]
    arguments += ["--client-key", key, "--client-secret-env", SECRET_VARIABLE]
    environment = child_environment() | {
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        SECRET_VARIABLE: secret,
    }
    process = processes.spawn(home, "tiktok", Path(sys.executable), arguments, environment)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # Another program may have taken the port a moment ago, and answer in its stead.
        if f"ready on {url}\n" in home.log("tiktok").read_text("utf-8") and _is_healthy(url):
            # With its port: an upload address from before a move is another program's now.
            hosts = f"{ports.LOOPBACK}:{port}"
            page = f"{url}/v2/auth/authorize/"
            own = TikTok(url, page, key, secret, hosts, own=True, pkce=pkce_of())
            return own, process
        time.sleep(0.1)
    processes.stop_process(process, STOP_SECONDS)
    raise Failure(
        "The TikTok sandbox did not start:\n" + tail(home.log("tiktok").read_text("utf-8")),
        f"Look at {home.log('tiktok')}.",
    )


def _is_healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/_sandbox/health", timeout=TIMEOUT_SECONDS).ok
    except requests.RequestException:
        return False
