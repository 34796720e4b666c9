"""Cookies: read from a request as sent, written so that only our own origin gets them back."""

from collections.abc import Mapping
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_cookie(headers: Mapping[str, str], name: str) -> str:
    """Return a cookie's value among all that a browser sends, however odd the others are.

    Empty when the cookie is not there.
    """
    for pair in headers.get("cookie", "").split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value.strip('"')
    return ""


def is_plain_loopback(url: str) -> bool:
    """Return whether an address is this machine without TLS: a browser refuses `Secure` there."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK
