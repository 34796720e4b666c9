"""Encryption of push messages: RFC 8291, one record of RFC 8188's aes128gcm.

The primitives are those of `cryptography`; docs/decisions/0030 says why no library comes on top.
"""

import os

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SALT_BYTES, AUTH_BYTES, POINT_BYTES = 16, 16, 65
_RECORD = 4096
_HEADER_BYTES = SALT_BYTES + 4 + 1 + POINT_BYTES
_LAST_RECORD = b"\x02"
_TAG_BYTES = 16

MAX_TEXT_BYTES = _RECORD - _HEADER_BYTES - _TAG_BYTES - len(_LAST_RECORD)
"""3993: push services need take no body above 4096 bytes (RFC 8030, 7.2)."""


class TooLong(Exception):
    """A message does not fit into what every push service takes."""


def receiver_key(point: bytes) -> EllipticCurvePublicKey:
    """Read a browser's `p256dh`. Raises `ValueError` for what is no point of the curve."""
    if len(point) != POINT_BYTES:
        raise ValueError("not an uncompressed point")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)


def point_of(key: EllipticCurvePublicKey) -> bytes:
    """Return a public key as 65 bytes: the uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypt(
    text: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    sender: EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt a message for one browser; `sender` and `salt` are fresh unless a test gives them.

    Raises `TooLong`, and `ValueError` for a `p256dh` that is no point of the curve.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise TooLong
    receiver = receiver_key(p256dh)
    sender = sender or generate_private_key(SECP256R1())
    salt = salt or os.urandom(SALT_BYTES)
    own_point = point_of(sender.public_key())
    shared = sender.exchange(ECDH(), receiver)
    secret = _derived(shared, auth, b"WebPush: info\0" + p256dh + own_point, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, text + _LAST_RECORD, None)
    return salt + _RECORD.to_bytes(4, "big") + bytes([POINT_BYTES]) + own_point + sealed


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
