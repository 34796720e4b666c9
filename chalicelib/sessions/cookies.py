"""The two cookies of a signed-in console: the refresh token's, and the device's."""

from datetime import timedelta
from urllib.parse import urlsplit

from chalicelib.foundation.cookies import is_plain_loopback
from chalicelib.sessions.model import DEVICE_LIFETIME, REFRESH_LIFETIME

_COOKIE_PATH = "/session"
_SESSION_COOKIE = "greenroom-session"
_DEVICE_COOKIE = "greenroom-device"


class SessionCookies:
    """Cookies for the API at `public_url`: scripts cannot read them, other sites cannot send them.

    Browsers send them to the routes of sessions alone. On this machine without TLS they are
    neither `Secure` nor named so, which a browser would refuse.
    """

    def __init__(self, public_url: str) -> None:
        plain = is_plain_loopback(public_url)
        prefix = "" if plain else "__Secure-"
        self.name = prefix + _SESSION_COOKIE
        self.device_name = prefix + _DEVICE_COOKIE
        self._path = urlsplit(public_url).path.rstrip("/") + _COOKIE_PATH
        self._secure = () if plain else ("Secure",)

    def keep(self, refresh_token: str) -> str:
        """Return the header's value that has the browser keep a refresh token."""
        return self._cookie(self.name, refresh_token, REFRESH_LIFETIME)

    def forget(self) -> str:
        """Return the header's value that has the browser forget it."""
        return self._cookie(self.name, "", timedelta(0))

    def know_device(self, device_token: str) -> str:
        """Return the header's value that has the browser keep a device token."""
        return self._cookie(self.device_name, device_token, DEVICE_LIFETIME)

    def _cookie(self, name: str, value: str, lifetime: timedelta) -> str:
        parts = (
            f"{name}={value}",
            f"Max-Age={int(lifetime.total_seconds())}",
            f"Path={self._path}",
            "HttpOnly",
            "SameSite=Strict",
            *self._secure,
        )
        return "; ".join(parts)
