"""The one origin of console and API on this machine, in place of AWS's distribution.

It does what `infra/console.yaml` has the distribution do: `/v1/...` goes to the API with whatever
the browser sent, all else is a file of the console's bucket, and the headers are those of the
deployed policies, which are asked of the local cloud. The local cloud serves distributions too, but
under names that only some browsers and tools find here, and not an API behind one.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from local import ports, processes
from local.failure import Failure, tail
from local.home import PROJECT, Home, write_private
from local.process_environment import child_environment

if TYPE_CHECKING:
    from local.aws import Aws

PREFERRED_PORT = 4590
START_SECONDS = 30.0
STOP_SECONDS = 5.0
PAGE = "index.html"
HEALTH = "/_front/health"
MAILS = "/_front/mails"
"""Shows what the stack would have mailed; AWS's distribution has nothing like it."""


@dataclass(frozen=True)
class Plan:
    """The addresses behind the front, and the headers of each of its parts."""

    api_url: str
    bucket: str
    endpoint_url: str
    origin_key: str
    console_headers: dict[str, str]
    api_headers: dict[str, str]
    pictures_bucket: str
    picture_headers: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


def key_of(path: str) -> str:
    """Return the file of the console that an address names: as the distribution's function does."""
    return path.removeprefix("/") if "." in path.rpartition("/")[2] else PAGE


def origin(port: int) -> str:
    return f"http://{ports.LOOPBACK}:{port}"


def ready(port: int) -> str:
    """Return the line that the front prints once it serves a port."""
    return f"The front is ready on {origin(port)}"


def headers_of(aws: "Aws", policy_id: str | None) -> dict[str, str]:
    """Read a deployed response headers policy as the headers that it adds."""
    if not policy_id:
        return {}
    config = aws.cloudfront.get_response_headers_policy(Id=policy_id)["ResponseHeadersPolicy"][
        "ResponseHeadersPolicyConfig"
    ]
    return named_headers(config)


def named_headers(config: Mapping[str, Any]) -> dict[str, str]:
    """Name the headers of a policy's configuration. HSTS means nothing to a browser without TLS."""
    security = config.get("SecurityHeadersConfig", {})
    headers = {}
    if policy := security.get("ContentSecurityPolicy"):
        headers["Content-Security-Policy"] = " ".join(policy["ContentSecurityPolicy"].split())
    if "ContentTypeOptions" in security:
        headers["X-Content-Type-Options"] = "nosniff"
    if frame := security.get("FrameOptions"):
        headers["X-Frame-Options"] = frame["FrameOption"]
    if referrer := security.get("ReferrerPolicy"):
        headers["Referrer-Policy"] = referrer["ReferrerPolicy"]
    custom = config.get("CustomHeadersConfig", {}).get("Items", ())
    return headers | {each["Header"]: each["Value"] for each in custom}


def start(home: Home, port: int, plan: Plan) -> subprocess.Popen[bytes]:
    """Start the front on `port` and wait until it answers."""
    write_private(home.front_file, plan.to_dict())
    home.log("front").write_bytes(b"")
    arguments = ["-m", "local.front_server", str(port), str(home.front_file)]
    environment = child_environment() | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
    process = processes.spawn(home, "front", Path(sys.executable), arguments, environment)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # Another program may have taken the port a moment ago, and answer in its stead.
        if ready(port) in home.log("front").read_text("utf-8").splitlines() and _is_healthy(port):
            return process
        time.sleep(0.1)
    processes.stop_process(process, STOP_SECONDS)
    raise Failure(
        "The console's front did not start:\n" + tail(home.log("front").read_text("utf-8")),
        f"Look at {home.log('front')}.",
    )


def _is_healthy(port: int) -> bool:
    try:
        return requests.get(f"{origin(port)}{HEALTH}", timeout=STOP_SECONDS).ok
    except requests.RequestException:
        return False
