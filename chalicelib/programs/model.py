"""Programs, members, channels and campaigns: plain types and rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from chalicelib.foundation.identity import Caller, Role, TikTokState

MAX_NAME = 100
MAX_SOUGHT = 80  # characters by which members are found; with them a cursor keeps its length
MAX_DISCLOSURE = 200  # a line, beside a caption that TikTok cuts at 2,200
MAX_CHANNELS = 200  # of a program, not counting archived ones
MAX_CHANNELS_EVER = 1000  # with them: one query of a megabyte reads them all
MAX_CHANNELS_OF_MEMBER = 90  # each shows the member: what changes them is one transaction of 100
# Looser than RFC 5322, which allows a quoted "local part" that no mail program lets one write.
_NOWHERE = r"@\s,;:<>()\[\]\\\""
_EMAIL = re.compile(rf"[^{_NOWHERE}]+@[^{_NOWHERE}.]+(\.[^{_NOWHERE}.]+)+")
MAX_EMAIL = 254  # RFC 5321's longest path without its brackets


class MemberStatus(StrEnum):
    INVITED = "invited"  # known by e-mail only; bound to a person at the first sign-in
    ACTIVE = "active"
    REMOVED = "removed"


class InvitationMail(StrEnum):
    """What became of the mail to somebody who is invited."""

    WAITING = "waiting"  # to be handed over within minutes, or tried again
    HANDED_OVER = "handed_over"  # to the user pool, which mails whoever has no sign-in yet
    ELSEWHERE = "elsewhere"  # nobody is mailed: the company's own sign-in is used
    FAILED = "failed"  # the user pool takes no such address, or could not mail for long


MAIL_AGAIN_AFTER = timedelta(minutes=10)


def mail_due_at(now: datetime, mailed_at: datetime | None) -> datetime:
    """Tell when somebody may be mailed: now, or some time after the last mail went out."""
    return max(now, mailed_at + MAIL_AGAIN_AFTER) if mailed_at else now


@dataclass(frozen=True)
class Program:
    """One company's advocacy program: the tenant."""

    program_id: str
    name: str
    time_zone: str
    created_at: datetime
    leaderboard: bool = True
    rewards: bool = True
    disclosure: str = ""
    managers_on_leaderboard: bool = True


class ChannelKind(StrEnum):
    PUBLIC = "public"  # any member may join
    PRIVATE = "private"  # managers add members; nobody else learns of it


@dataclass(frozen=True)
class Channel:
    """A named audience. Archived, nobody joins it any more and nothing new is addressed to it."""

    program_id: str
    channel_id: str
    name: str
    kind: ChannelKind
    archived: bool

    def admits(self, caller: Caller) -> bool:
        """Tell whether the caller may know that it is there."""
        return (
            caller.is_manager
            or self.channel_id in caller.channels
            or (self.kind is ChannelKind.PUBLIC and not self.archived)
        )

    def listed_for(self, caller: Caller) -> bool:
        """Tell whether it is among the channels that the caller looks through."""
        return caller.is_manager or (not self.archived and self.admits(caller))


@dataclass(frozen=True)
class ChannelMember:
    """A member as a channel they are in shows them."""

    program_id: str
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus


@dataclass(frozen=True)
class Campaign:
    """A group of activities with one purpose. Archived, no activity joins it any more."""

    program_id: str
    campaign_id: str
    name: str
    archived: bool
    created_at: datetime


@dataclass(frozen=True)
class Member:
    """A person in a program. `time_zone` is empty until they choose one: the program's holds then.

    `subject` is the identity provider's name for the person, while they are bound; `invitation`
    names the request that invited them last, so that the same request again is known.
    `departing_at` is when they were removed, until what they had elsewhere was let go. `mail` is
    what became of the mail that invites them, until they sign in or are removed; `mailed_at` when
    the last one went out, until they sign in.
    """

    program_id: str
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus
    time_zone: str
    invited_at: datetime
    tiktok: TikTokState | None = None
    channels: frozenset[str] = frozenset()
    subject: str | None = None
    invitation: str | None = None
    removed_at: datetime | None = None
    departing_at: datetime | None = None
    mail: InvitationMail | None = None
    mailed_at: datetime | None = None

    def in_channel(self) -> ChannelMember:
        return ChannelMember(
            self.program_id, self.member_id, self.email, self.name, self.role, self.status
        )

    def as_caller(self, default_zone: Callable[[], str] = lambda: "UTC") -> Caller:
        """Make who requests are made by; `default_zone` gives the program's time zone."""
        return Caller(
            program_id=self.program_id,
            member_id=self.member_id,
            role=self.role,
            email=self.email,
            name=self.name,
            chosen_zone=self.time_zone,
            tiktok=self.tiktok,
            channels=self.channels,
            invited_at=self.invited_at,
            default_zone=default_zone,
        )


def owner_key(program_id: str, member_id: str) -> str:
    """Make the key under which everything of one member lies, in whichever table."""
    return f"{program_id}/{member_id}"


def normalized_email(email: str) -> str:
    """Bring an e-mail address into the one form it is compared in. Raises ValueError."""
    plain = email.strip().lower()
    if not _EMAIL.fullmatch(plain) or len(plain) > MAX_EMAIL or not plain.isprintable():
        raise ValueError(f"{email!r} is not an e-mail address.")
    return plain


def normalized_name(name: str) -> str:
    """Bring a name into the form in which no two things of a kind share one."""
    return " ".join(name.split()).casefold()


def sought_email(email: str) -> str:
    """Bring an e-mail address, or how one begins, into the form in which it is looked for."""
    return email.strip().lower()[:MAX_SOUGHT]


def sought_name(name: str) -> str:
    """Bring a name, or how one begins, into the form in which it is looked for."""
    return normalized_name(name)[:MAX_SOUGHT]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Tell whether this is an IANA time zone such as `Europe/Berlin`."""
    return name in _zones() and name not in ("localtime", "Factory")


def local_time(instant: datetime, time_zone: str) -> datetime:
    """Show an instant on a clock of this zone, to the second."""
    return instant.astimezone(ZoneInfo(time_zone)).replace(microsecond=0)
