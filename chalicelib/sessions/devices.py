"""Device tokens: a device that signed in once is counted apart from strangers' attempts.

A stranger who guesses an account's password uses up what devices unknown to the account may try.
The account's owner goes on with a device that carries a token, and gets one for a new device by
the mail that resets a password. A token lets nobody in, and is worth nothing for another account.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime

from chalicelib.foundation.clock import Clock
from chalicelib.sessions.model import DEVICE_LIFETIME

_ID_DIGITS = 32  # 128 bits


class DeviceTokens:
    """Makes and reads device tokens. The key is fetched when the first token is met."""

    def __init__(self, fetch_key: Callable[[], str], clock: Clock) -> None:
        self._fetch_key = fetch_key
        self._key: bytes | None = None
        self._clock = clock

    def make(self, account: str) -> str:
        """Return a token for a device on which the owner of `account` proved to be who they are."""
        expires = int((self._clock.now() + DEVICE_LIFETIME).timestamp())
        plain = f"{expires}.{secrets.token_hex(16)}"
        return f"{plain}.{self._signature(plain, account)}"

    def device_of(self, token: str, account: str) -> str | None:
        """Return the id of the device that a token names, or None unless it is of this account."""
        plain, _, signature = token.rpartition(".")
        expires, _, device = plain.partition(".")
        if not device or not token.isascii():
            return None
        if not hmac.compare_digest(signature, self._signature(plain, account)):
            return None
        return device if int(expires) > _epoch_seconds(self._clock.now()) else None

    def _signature(self, plain: str, account: str) -> str:
        if self._key is None:
            self._key = self._fetch_key().encode()
        # The key signs cursors too: what is signed says what it is for.
        signed = f"device\n{plain}\n{account}".encode()
        return hmac.new(self._key, signed, hashlib.sha256).hexdigest()[:_ID_DIGITS]


def _epoch_seconds(instant: datetime) -> int:
    return int(instant.timestamp())
