"""What an authenticator app shows."""

import base64
import hmac
import time


def code_of(secret: str, seconds: float = 0) -> str:
    """Return what an authenticator shows, some seconds from now (RFC 6238)."""
    count = int((time.time() + seconds) // 30).to_bytes(8, "big")
    digest = hmac.new(base64.b32decode(secret + "=" * (-len(secret) % 8)), count, "sha1").digest()
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
