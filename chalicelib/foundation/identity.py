"""From bearer token to caller: what the authorizer checks, and who a request is made by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

KEY_SET_SECONDS = 3600
KEY_SET_TIMEOUT_SECONDS = 3
MAX_TOKEN_LENGTH = 8192


class Role(StrEnum):
    MEMBER = "member"
    MANAGER = "manager"


class TikTokState(StrEnum):
    """The state of a member's TikTok account; who has none has no state."""

    CONNECTED = "connected"
    RECONNECT_REQUIRED = "reconnect_required"


class TokenRefused(Exception):
    """The bearer is not a live ID token of our issuer, made for us, with a verified e-mail."""


@dataclass(frozen=True)
class Claims:
    """What a verified ID token says, as it travels from the authorizer to the handler."""

    subject: str
    email: str
    expires_at: int

    def to_context(self) -> dict[str, str]:
        """Flatten to strings: API Gateway passes nothing else on."""
        return {
            "subject": self.subject,
            "email": self.email,
            "expires_at": str(self.expires_at),
        }

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> "Claims":
        return cls(str(context["subject"]), str(context["email"]), int(context["expires_at"]))

    def live(self, now: datetime) -> bool:
        """Tell whether the token has not expired; API Gateway caches its verdict past that time."""
        return now.timestamp() < self.expires_at


@dataclass(frozen=True)
class Caller:
    """The member a request is made by. Everything they touch belongs to `program_id`."""

    program_id: str
    member_id: str
    role: Role
    email: str
    name: str
    chosen_zone: str
    tiktok: TikTokState | None = None
    channels: frozenset[str] = frozenset()
    invited_at: datetime | None = field(default=None, compare=False)
    default_zone: Callable[[], str] = field(default=lambda: "UTC", repr=False, compare=False)

    @property
    def time_zone(self) -> str:
        """The zone they have chosen, else their program's, which is looked up when asked for."""
        return self.chosen_zone or self.default_zone()

    @property
    def owner(self) -> str:
        """The key of all that belongs to this member."""
        return f"{self.program_id}/{self.member_id}"

    @property
    def is_manager(self) -> bool:
        return self.role is Role.MANAGER


class TokenVerifier:
    """Checks ID tokens of one OIDC issuer against its key set.

    Issuer and key set address are two settings: they differ where the issuer is emulated.
    """

    def __init__(self, issuer: str, audience: str, key_set_url: str) -> None:
        import jwt

        self._jwt = jwt
        self._issuer = issuer
        self._audience = audience
        self._keys = jwt.PyJWKClient(
            key_set_url, lifespan=KEY_SET_SECONDS, timeout=KEY_SET_TIMEOUT_SECONDS
        )

    def verify(self, bearer: str) -> Claims:
        """Read the claims of `Bearer <ID token>`. Raises `TokenRefused`, saying nothing of why.

        PyJWT's connection error passes through when the key set cannot be had.
        """
        scheme, _, token = bearer.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims = self._jwt.decode(
                token,
                key,
                algorithms=["RS256"],  # never the token's own choice: "none" and HS256 end here
                audience=self._audience,
                issuer=self._issuer,
                # When it was issued decides nothing, and the issuer's clock may be ahead.
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_iat": False},
            )
        except self._jwt.PyJWKClientConnectionError:
            raise  # our failure, not the token's
        except (self._jwt.PyJWTError, ValueError) as error:
            raise TokenRefused from error
        # An access token is not an identity; Cognito says which one it is in `token_use`.
        if claims.get("token_use", "id") != "id" or not _email_verified(claims):
            raise TokenRefused
        return Claims(claims["sub"], claims["email"].strip().lower(), int(claims["exp"]))


def _email_verified(claims: Mapping[str, Any]) -> bool:
    # Issuers send the flag as a boolean or, some of them, as a word.
    verified = claims.get("email_verified") in (True, "true")
    return verified and isinstance(claims.get("email"), str) and "@" in claims["email"]
