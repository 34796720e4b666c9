"""Challenges: what the next step of a sign-in needs, sealed for the account that it is of.

The pool's own session goes into one, with the name that the pool has for the person: so a step is
counted for the account that it is made on, whatever address comes with it. For a person who has to
set up an authenticator it holds the tokens that the password got, of which only this service can
make a session. Nothing has to be kept here.
"""

import base64
import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.foundation.clock import Clock
from chalicelib.sessions.model import CHALLENGE_LIFETIME, SignInStep

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Challenges:
    """Makes and reads challenges. The key is fetched when the first one is met."""

    def __init__(self, fetch_key: Callable[[], str], clock: Clock) -> None:
        self._fetch_key = fetch_key
        self._made_cipher: AESGCM | None = None
        self._clock = clock

    def make(self, step: SignInStep, account: str, *held: str) -> str:
        """Return a challenge that holds values for a step of `account`, for 15 minutes."""
        until = int((self._clock.now() + CHALLENGE_LIFETIME).timestamp())
        plain = zlib.compress(json.dumps([until, *held]).encode(), 9)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, _associated_data(step, account))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, step: SignInStep, account: str, challenge: str) -> list[str] | None:
        """Return what a challenge holds; None if it is not ours, of another step or too old."""
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.urlsafe_b64decode(challenge + "=" * (-len(challenge) % 4))
            nonce, coded = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            plain = self._cipher.decrypt(nonce, coded, _associated_data(step, account))
        except (InvalidTag, ValueError):
            return None
        until, *held = json.loads(zlib.decompress(plain))
        return held if until > int(self._clock.now().timestamp()) else None

    @property
    def _cipher(self) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._made_cipher is None:
            # The secret signs cursors and device tokens too: this key is for this use alone.
            key = hmac.new(self._fetch_key().encode(), b"challenges", hashlib.sha256).digest()
            self._made_cipher = AESGCM(key)
        return self._made_cipher


def _associated_data(step: SignInStep, account: str) -> bytes:
    return f"{step}\n{account}".encode()
