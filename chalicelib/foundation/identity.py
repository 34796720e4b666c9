"""From bearer token to caller: what the authorizer checks, and who a request is made by."""

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.foundation.values import dataclass

KEY_SET_SECONDS = 3600
KEY_SET_TIMEOUT_SECONDS = 3
MAX_TOKEN_LENGTH = 8192
MAX_EMAIL_LENGTH = 254  # RFC 5321's longest path without its brackets
_SUBJECT_PATTERN = re.compile(r"[ -~]{1,255}")  # OpenID Connect: at most 255 letters of ASCII
# Looser than RFC 5322 in its dots, stricter in that it allows no quoted mailbox, which no mail
# program lets one write.
_ATOM = r"[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~]+"
# Python reads `=?utf-8?q?a=0Ab?=` as an encoded word (RFC 2047) also where a mailbox stands: a mail
# would show another address, or could not be written at all.
_MAILBOX_PATTERN = re.compile(rf"(?!.*=\?){_ATOM}(?:\.{_ATOM})*")
MAX_MAILBOX_LENGTH = 64
_DOMAIN_PATTERN = re.compile(r"[^@\s,;:<>()\[\]\\\".]+(\.[^@\s,;:<>()\[\]\\\".]+)+")
# As the DNS has it: two labels or more, the last one not a number, which would be an IP address.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_PATTERN = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}", re.IGNORECASE)


class Role(StrEnum):
    MEMBER = "member"
    MANAGER = "manager"


class TikTokState(StrEnum):
    """The state of a member's TikTok account; who has none has no state."""

    CONNECTED = "connected"
    RECONNECT_REQUIRED = "reconnect_required"


class ShownAs(StrEnum):
    """How a member appears on leaderboards."""

    NAME = "name"
    ALIAS = "alias"
    HIDDEN = "hidden"  # not at all


class TokenRefused(Exception):
    """The bearer is not a live ID token of our issuer, made for us, with a verified e-mail."""


@dataclass(frozen=True)
class Claims:
    """The claims of a verified ID token, as the authorizer passes them to the handler.

    `email` is in the form in which invitations have it; empty if no invitation can have it.
    """

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

    def is_live(self, now: datetime) -> bool:
        """Return whether the token is alive; API Gateway caches its verdict past that time."""
        return now.timestamp() < self.expires_at


@dataclass(frozen=True)
class Caller:
    """The member a request is made by. Everything they touch belongs to `program_id`.

    `subject` is the identity provider's name for the person who holds the membership now.
    """

    program_id: str
    member_id: str
    role: Role
    email: str
    name: str
    chosen_zone: str
    tiktok: TikTokState | None = None
    channels: frozenset[str] = frozenset()
    shown_as: ShownAs = ShownAs.NAME
    alias: str = ""
    invited_at: datetime | None = field(default=None, compare=False)
    subject: str | None = field(default=None, repr=False, compare=False)
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


def normalized_email(email: str) -> str:
    """Return the one form of an e-mail address in which addresses are compared: all of it ASCII.

    Capitals are compared as ASCII has them: by Unicode's rules the Kelvin sign is a k, and whoever
    holds that mailbox would be taken for the holder of the other one. A domain in letters of
    another script becomes its punycode, which is the same domain. Raises ValueError, saying what
    is wrong: also for a mailbox outside ASCII or with a dot at either end or two in a row, to which
    Amazon SES delivers nothing.
    """
    mailbox, _, domain = email.strip().rpartition("@")
    if (
        mailbox
        and not mailbox.isascii()
        and _DOMAIN_PATTERN.fullmatch(domain)
        and mailbox.isprintable()
    ):
        raise ValueError(
            f"{email!r} cannot be mailed: what is before the @ may only have the letters a to z, "
            "digits and signs, none with accents or of other scripts."
        )
    host = _ascii_domain(domain) if _DOMAIN_PATTERN.fullmatch(domain) else None
    plain = f"{mailbox}@{host}".lower()
    if (
        host is None
        or not _HOST_PATTERN.fullmatch(host)
        or not _MAILBOX_PATTERN.fullmatch(mailbox)
        or len(mailbox) > MAX_MAILBOX_LENGTH
        or len(plain) > MAX_EMAIL_LENGTH
    ):
        raise ValueError(f"{email!r} is not an e-mail address.")
    return plain


def _ascii_domain(domain: str) -> str | None:
    """Return a domain as the DNS has it; None if it is none."""
    if domain.isascii():
        return domain
    import idna

    try:
        found = idna.encode(domain, uts46=True).decode()
        # Letters that only look foreign (Kelvin's K, full width) are not mapped to ASCII ones.
        disguised = any(
            idna.uts46_remap(letter).isascii() for letter in domain if not letter.isascii()
        )
    except idna.IDNAError:
        return None
    return None if disguised else found


def _invitable_email(email: str) -> str:
    try:
        return normalized_email(email)
    except ValueError:
        return ""


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
        if not _SUBJECT_PATTERN.fullmatch(claims["sub"]):
            raise TokenRefused
        return Claims(claims["sub"], _invitable_email(claims["email"]), int(claims["exp"]))


def _email_verified(claims: Mapping[str, Any]) -> bool:
    # Issuers send the flag as a boolean or, some of them, as a word.
    verified = claims.get("email_verified") in (True, "true")
    return verified and isinstance(claims.get("email"), str) and "@" in claims["email"]
