"""TikTok accounts of members: plain types and rules."""

from datetime import UTC, datetime, timedelta

from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import DisclosureTick, MembershipHolder

CONSENT_LIFETIME = timedelta(minutes=10)
"""How long a consent may take (product rule)."""

CONSENT_WINDOW = timedelta(hours=1)
CONSENTS_PER_WINDOW = 20
"""Consents that one member may begin in an hour (product limit). Each that comes back costs a
call of TikTok's token endpoint, whose limit all members of a deployment share."""

REFRESH_AHEAD = timedelta(minutes=10)
"""Access tokens are refreshed before they run out: longer than any one send takes."""

LAPSE_AHEAD = timedelta(days=14)
"""How long before its refresh token lapses an idle account is refreshed (TikTok: 180 days, or the
number it sends): time enough to survive an outage."""

REFRESH_LOCK_DURATION = timedelta(seconds=90)
"""Longer than a refresh can take with its time limits: a lock that is older is not in use."""

REMOVAL_RETENTION = timedelta(days=9)
"""How long a message that a person took the access back is remembered: longer than any signature
is accepted, and than a clock may be wrong."""

INBOX_PLACES = 5
"""Shares that may wait in an inbox (TikTok: five pending in any 24 hours)."""

PLACE_LIFETIME = timedelta(hours=24)


class NotConnected(Exception):
    """The member has no TikTok account, or has to connect it again."""


@dataclass(frozen=True)
class InboxPlace:
    """A place in a member's TikTok inbox that a share takes, or may take, for a day.

    `lost_draft` numbers an earlier draft of the performance that may still lie at TikTok; None
    for the one that is on its way.
    """

    performance_id: str
    since: datetime
    lost_draft: int | None = None

    def is_taken_at(self, now: datetime) -> bool:
        return now < self.free_at

    @property
    def free_at(self) -> datetime:
        return self.since + PLACE_LIFETIME


@dataclass(frozen=True)
class PendingSend:
    """An activity to perform for a member who has just connected their account for it.

    `disclosed` is the disclosure they acknowledged before they went to connect it.
    """

    program_id: str
    member_id: str
    activity_id: str
    correlation_id: str
    disclosed: DisclosureTick | None = None


@dataclass(frozen=True)
class Account:
    """A member's authorised TikTok connection. `tokens` is ciphertext only KMS can read.

    `views_since` is when they allowed that views of their posts are read; None while they do not.
    """

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
    views_since: datetime | None = None

    def is_fresh_at(self, now: datetime) -> bool:
        return now + REFRESH_AHEAD < self.access_expires_at


@dataclass(frozen=True)
class Tokens:
    """A token pair in the clear: never stored, never shown."""

    access: str
    refresh: str

    def __repr__(self) -> str:
        return "Tokens(...)"


@dataclass(frozen=True)
class ConsentWindow:
    """The hour in which a member's consents are counted, beginning on the full hour in UTC."""

    number: int
    ends_at: datetime

    @classmethod
    def at(cls, now: datetime) -> "ConsentWindow":
        seconds = int(CONSENT_WINDOW.total_seconds())
        number = int(now.timestamp()) // seconds
        return cls(number, datetime.fromtimestamp((number + 1) * seconds, UTC))


@dataclass(frozen=True)
class Consent:
    """A consent under way: the member it is for, and the activity to send once it is given.

    `holder` is the person who began it: nobody else who holds the membership later finishes it.
    `pkce` is whether TikTok was given a challenge for it, `views` whether it also asks that the
    views of their posts may be read.
    """

    program_id: str
    member_id: str
    holder: MembershipHolder
    nonce_hash: str
    pkce: bool
    activity_id: str | None
    correlation_id: str
    expires_at: datetime
    disclosed: DisclosureTick | None = None
    views: bool = False
