"""TikTok accounts of members: plain types and rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.foundation.identity import TikTokState

STATE_LIFETIME = timedelta(minutes=10)
"""How long a consent may take (product rule)."""

REFRESH_AHEAD = timedelta(minutes=10)
"""Access tokens are refreshed before they run out: longer than any one send takes."""

LAPSE_AHEAD = timedelta(days=14)
"""An idle account is refreshed so long before its refresh token lapses (TikTok: 180 days, or what
it says): time enough to get over an outage."""

REFRESH_LOCK = timedelta(seconds=90)
"""Longer than a refresh can take with its time limits, so that a lock left behind is not in use."""


INBOX_PLACES = 5
"""How many shares may wait in an inbox (TikTok: five pending in any 24 hours)."""

PLACE_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class Place:
    """A place in a member's TikTok inbox that a share takes, or may take, for a day."""

    share_id: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.since.isoformat()}#{self.share_id}"

    @classmethod
    def read(cls, text: str) -> "Place":
        since, _, share_id = text.partition("#")
        return cls(share_id, datetime.fromisoformat(since))

    def is_taken_at(self, now: datetime) -> bool:
        return now < self.free_at

    @property
    def free_at(self) -> datetime:
        return self.since + PLACE_LIFETIME


@dataclass(frozen=True)
class PendingSend:
    """An activity to perform for a member who has just connected their account for it."""

    program_id: str
    member_id: str
    activity_id: str
    correlation_id: str


@dataclass(frozen=True)
class Account:
    """A member's authorised TikTok connection. `tokens` is ciphertext only KMS can read."""

    program_id: str
    member_id: str
    state: TikTokState
    open_id: str
    display_name: str
    avatar_url: str | None
    tokens: bytes
    access_expires_at: datetime
    refresh_expires_at: datetime
    connected_at: datetime
    pending: PendingSend | None = None

    def is_fresh_at(self, now: datetime) -> bool:
        return now + REFRESH_AHEAD < self.access_expires_at


@dataclass(frozen=True)
class Tokens:
    """A token pair in the clear: kept nowhere, shown nowhere."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "Tokens(...)"


@dataclass(frozen=True)
class Consent:
    """A consent under way: whose it is, and the activity to send once it is given."""

    program_id: str
    member_id: str
    nonce_hash: str
    activity_id: str | None
    correlation_id: str
    expires_at: datetime
