"""Signs each push with the stack's own key (VAPID, RFC 8292).

The key is derived from the stack's random secret, which CloudFormation made and keeps: it is the
same in every function and after every deployment, and costs nothing. A browser's subscription is
tied to it for good. docs/decisions/0030 weighs this.
"""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chalicelib.foundation.clock import Clock
from chalicelib.notifications.pushing.encryption import point_of

TOKEN_LIFETIME = timedelta(hours=12)
"""RFC 8292 allows 24 hours; half of it leaves room for clocks that differ."""

_RENEWAL_MARGIN = timedelta(hours=6)
_MAX_AUDIENCES = 100
_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HKDF_INFO = b"greenroom vapid key 1"
_SEED_BYTES = 48  # 128 bits more than the order has, so that the remainder is evenly drawn


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def derived_key(secret: str) -> EllipticCurvePrivateKey:
    """Derive the stack's signing key from its secret (FIPS 186-5, A.2.1)."""
    seed = HKDF(algorithm=SHA256(), length=_SEED_BYTES, salt=None, info=_HKDF_INFO).derive(
        secret.encode()
    )
    return derive_private_key(int.from_bytes(seed, "big") % (_CURVE_ORDER - 1) + 1, SECP256R1())


class VapidKey:
    """Signs pushes. `contact` is where a push service finds who sends: an address of the web."""

    def __init__(self, secret: Callable[[], str], contact: str, clock: Clock) -> None:
        self._secret = secret
        self._contact = contact
        self._clock = clock
        self._tokens: dict[str, tuple[str, datetime]] = {}

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        return derived_key(self._secret())

    @cached_property
    def public(self) -> str:
        """The `applicationServerKey` that browsers subscribe with."""
        return base64url(point_of(self._key.public_key()))

    @cached_property
    def key_id(self) -> str:
        """The key's id, which each subscription keeps."""
        return hashlib.sha256(self.public.encode()).hexdigest()[:16]

    def authorization(self, endpoint: str) -> str:
        """Return the header that signs a push to an endpoint; tokens are used for six hours."""
        parts = urlsplit(endpoint)
        audience = f"{parts.scheme}://{parts.netloc}"
        now = self._clock.now()
        token, expires = self._tokens.get(audience, ("", now))
        if expires - now <= _RENEWAL_MARGIN:
            expires = now + TOKEN_LIFETIME
            claims = {"aud": audience, "exp": int(expires.timestamp())}
            if self._contact:
                claims["sub"] = self._contact
            token = jwt.encode(claims, self._key, algorithm="ES256")
            if len(self._tokens) >= _MAX_AUDIENCES:
                self._tokens.clear()
            self._tokens[audience] = (token, expires)
        return f"vapid t={token}, k={self.public}"
