"""The cookie that binds a consent to the browser it was asked for from."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from chalicelib.tiktok.model import STATE_LIFETIME
from chalicelib.tiktok.service import Authorization

COOKIE = "greenroom_consent"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def consent_cookie(begun: Authorization) -> Mapping[str, str]:
    """Make the header: out of reach for scripts, sent along when TikTok leads the browser back."""
    callback = urlsplit(begun.callback_url)
    plain = callback.scheme == "http" and callback.hostname in _LOOPBACK
    parts = [
        f"{COOKIE}={begun.nonce}",
        f"Max-Age={int(STATE_LIFETIME.total_seconds())}",
        f"Path={callback.path}",
        "HttpOnly",
        "SameSite=Lax",
        *([] if plain else ["Secure"]),
    ]
    return {"Set-Cookie": "; ".join(parts)}
