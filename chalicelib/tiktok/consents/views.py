"""The cookie that binds a consent to the browser it was asked for from."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from chalicelib.foundation.cookies import is_plain_loopback
from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.model import CONSENT_LIFETIME

COOKIE = "greenroom_consent"


def consent_cookie(begun: ConsentRequest) -> Mapping[str, str]:
    """Return the header: no script can read it; the browser sends it when TikTok leads it back."""
    parts = [
        f"{COOKIE}={begun.nonce}",
        f"Max-Age={int(CONSENT_LIFETIME.total_seconds())}",
        f"Path={urlsplit(begun.callback_url).path}",
        "HttpOnly",
        "SameSite=Lax",
        *([] if is_plain_loopback(begun.callback_url) else ["Secure"]),
    ]
    return {"Set-Cookie": "; ".join(parts)}
