"""Sessions and how often one may try to get one: plain types and rules."""

import hashlib
import ipaddress
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from chalicelib.foundation.values import dataclass

PASSWORD_MIN_LENGTH = 12  # with the three below: the user pool's policy, infra/identity.yaml
MAX_PASSWORD_LENGTH = 256  # the user pool's limit
MAX_CHALLENGE_LENGTH = 8192  # two tokens of the pool, sealed
MAX_CODE_LENGTH = 64
CHALLENGE_LIFETIME = timedelta(minutes=15)  # of the app client, infra/identity.yaml
REFRESH_LIFETIME = timedelta(days=30)  # of the app client, infra/identity.yaml
DEVICE_LIFETIME = timedelta(days=365)


@dataclass(frozen=True)
class SignedIn:
    """A session that was begun or renewed. `refresh_token` is None where it stays the same."""

    id_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str | None = field(default=None, repr=False)
    access_token: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


class SignInStep(StrEnum):
    """The next step of a sign-in."""

    PASSWORD = "new_password_required"  # noqa: S105  one's own, in place of the one that was mailed
    CODE = "mfa_required"
    SETUP = "mfa_setup_required"


@dataclass(frozen=True)
class PoolChallenge:
    """A further step that the pool asks for, and what it takes back with the answer."""

    step: SignInStep
    held: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class SignInQuestion:
    """The question to the person; `challenge` comes back with the answer.

    `secret` and `uri` are what an authenticator that is to be set up is told; `uri` is for a QR
    code or a link.
    """

    step: SignInStep
    challenge: str = field(repr=False)
    secret: str = field(default="", repr=False)
    uri: str = field(default="", repr=False)


def authenticator_uri(secret: str, email: str) -> str:
    """Return the `otpauth:` address of a secret, under which an authenticator shows its codes."""
    issuer = "Greenroom"
    return f"otpauth://totp/{quote(f'{issuer}:{email}')}?secret={secret}&issuer={issuer}"


@dataclass(frozen=True)
class Client:
    """The origin of a sign-in request: a network address, and a device if it is known."""

    address: str
    device_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class PasswordFlaw:
    """One rule that a new password breaks."""

    code: str
    message: str
    limit: int | None = None


def password_flaws(password: str) -> tuple[PasswordFlaw, ...]:
    """Return every rule that a new password breaks, none if it is good."""
    flaws = []
    if len(password) < PASSWORD_MIN_LENGTH:
        words = f"At least {PASSWORD_MIN_LENGTH} characters."
        flaws.append(PasswordFlaw("too_short", words, PASSWORD_MIN_LENGTH))
    if not any("a" <= each <= "z" for each in password):
        flaws.append(PasswordFlaw("no_lowercase", "At least one of the letters a to z."))
    if not any("A" <= each <= "Z" for each in password):
        flaws.append(PasswordFlaw("no_uppercase", "At least one of the letters A to Z."))
    if not any("0" <= each <= "9" for each in password):
        flaws.append(PasswordFlaw("no_digit", "At least one digit."))
    return tuple(flaws)


@dataclass(frozen=True)
class AttemptLimit:
    """At most so many attempts within a window of time; windows begin on the epoch's multiples."""

    name: str
    attempts: int
    window: timedelta

    def counter(self, now: datetime, *subject: str) -> "AttemptCounter":
        """Return the counter of a subject (an address, an account, ...) in the present window."""
        seconds = int(self.window.total_seconds())
        number = int(now.timestamp()) // seconds
        # Hashed, so that no list of addresses of people comes about.
        key = hashlib.sha256("\n".join((self.name, *subject, str(number))).encode()).hexdigest()
        return AttemptCounter(
            key, self.attempts, datetime.fromtimestamp((number + 1) * seconds, UTC)
        )


@dataclass(frozen=True)
class AttemptCounter:
    """The attempts of one subject in one window, which is over at `ends_at`."""

    key: str
    most: int
    ends_at: datetime


# An office may be one address: a success is given back, so only failures count in the end.
SIGN_IN_ADDRESS = AttemptLimit("sign-in address", 30, timedelta(minutes=15))
# Of devices that never signed in to the account. Below what makes Cognito lock the account for
# everybody for long: its own lock doubles from one second with each failure after the fifth, and
# is forgotten after 15 minutes without any.
SIGN_IN_ACCOUNT = AttemptLimit("sign-in account", 10, timedelta(hours=1))
SIGN_IN_DEVICE = AttemptLimit("sign-in device", 10, timedelta(minutes=15))
FORGOT_ADDRESS = AttemptLimit("forgot address", 20, timedelta(hours=1))
FORGOT_ACCOUNT = AttemptLimit("forgot account", 5, timedelta(hours=1))
RESET_ADDRESS = AttemptLimit("reset address", 20, timedelta(hours=1))
# From one address: a stranger elsewhere cannot use up the owner's. Cognito limits the account.
RESET_ACCOUNT = AttemptLimit("reset account from address", 5, timedelta(hours=1))


def network_key(address: str) -> str:
    """Return what one customer of a network provider is: an IPv4 address, or an IPv6 /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
