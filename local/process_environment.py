"""Keeps the caller's AWS account and profile out of the environment of local processes."""

import os
from collections.abc import Mapping, MutableMapping

REGION = "us-east-1"
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105  the local cloud's fixed root credentials, worth nothing elsewhere
LOOPBACK_NAMES = "127.0.0.1,localhost"

# Variables that a child process needs from the machine. Functions inherit the local cloud's whole
# environment, so this is an allowlist: an AWS_PROFILE or AWS_ENDPOINT_URL would reach them.
INHERITED_VARIABLES = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "LC_ALL",
        "TZ",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "LD_LIBRARY_PATH",
    }
)


def isolate_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove a real account's settings from this process and its future children."""
    for name in [name for name in environment if name.startswith("AWS_")]:
        if name != "AWS_CA_BUNDLE":
            del environment[name]
    environment.update(credentials())
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (environment.get(name), LOOPBACK_NAMES)))


def credentials() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def child_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    passed = {name: value for name, value in environment.items() if name in INHERITED_VARIABLES}
    return passed | {"NO_PROXY": LOOPBACK_NAMES, "no_proxy": LOOPBACK_NAMES}
