"""Programs, members, channels and campaigns: plain types and rules."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from chalicelib.foundation.identity import Caller, Role, ShownAs, TikTokState, normalized_email
from chalicelib.foundation.texts import lookalike_key
from chalicelib.foundation.values import dataclass

MAX_NAME_LENGTH = 100
MAX_ALIAS_LENGTH = 40
MAX_SEARCH_LENGTH = 80  # characters by which members are found; a cursor holds them
MAX_FULFILLERS = 20
MAX_DISCLOSURE_LENGTH = 200  # a line, beside a caption that TikTok cuts at 2,200
MAX_REUSE_WARNING = 100_000  # people; more than a program has
REUSE_WARNING_ABOVE = 50  # people with one caption or video before managers are warned
MAX_CHANNELS = 200  # of a program, not counting archived ones
MAX_CHANNELS_EVER = 1000  # with them: one query of a megabyte reads them all
MAX_INVITATIONS = 50  # of one address that its holder is shown at once, the oldest first
MAX_CHANNELS_OF_MEMBER = 90  # each shows the member: what changes them is one transaction of 100


class MemberStatus(StrEnum):
    INVITED = "invited"  # known by e-mail only; bound to a person at the first sign-in
    ACTIVE = "active"
    REMOVED = "removed"


class InvitationMail(StrEnum):
    """State of the mail to an invited member."""

    WAITING = "waiting"  # to be handed over within minutes, or tried again
    HANDED_OVER = "handed_over"  # to the user pool, which mails whoever has no sign-in yet
    ELSEWHERE = "elsewhere"  # nobody is mailed: the company's own sign-in is used
    FAILED = "failed"  # the user pool takes no such address, or could not mail for long


MAIL_AGAIN_AFTER = timedelta(minutes=10)


def mail_due_at(now: datetime, mailed_at: datetime | None) -> datetime:
    """Return when a member may be mailed: now, or some time after the last mail went out."""
    return max(now, mailed_at + MAIL_AGAIN_AFTER) if mailed_at else now


class ContentDisclosure(StrEnum):
    """TikTok's own content-disclosure setting that a post needs, which only its poster can set.

    Not the disclosure line, which is text beside the caption.
    """

    NONE = "none"
    YOUR_BRAND = "your_brand"  # one promotes oneself or one's own business
    BRANDED_CONTENT = "branded_content"  # one promotes a third party for any incentive


@dataclass(frozen=True)
class DisclosureTick:
    """A member ticked the disclosure text of this version, in this language, at this instant."""

    version: str
    language: str
    at: datetime


@dataclass(frozen=True)
class Program:
    """One company's advocacy program: the tenant.

    `fulfillers` are the managers who see to redemptions; none named means all managers. Without
    `names_on_leaderboard` nobody's name is on a leaderboard, only aliases.
    `content_disclosure` is that of new activities. Managers are warned when one caption or one
    video goes to more than `reuse_warning_above` people; 0 means never. `version` counts what
    managers changed.
    """

    program_id: str
    name: str
    time_zone: str
    created_at: datetime
    leaderboard: bool = True
    rewards: bool = True
    disclosure: str = ""
    managers_on_leaderboard: bool = True
    names_on_leaderboard: bool = True
    fulfillers: frozenset[str] = frozenset()
    content_disclosure: ContentDisclosure = ContentDisclosure.YOUR_BRAND
    reuse_warning_above: int = REUSE_WARNING_ABOVE
    version: int = 1


class ChannelKind(StrEnum):
    PUBLIC = "public"  # any member may join
    PRIVATE = "private"  # managers add members; nobody else learns of it


@dataclass(frozen=True)
class Channel:
    """A named audience. Once archived, nobody joins it and nothing new is addressed to it.

    `version` counts what managers changed of it, not of its members.
    """

    program_id: str
    channel_id: str
    name: str
    kind: ChannelKind
    archived: bool
    version: int = 1

    def is_known_to(self, caller: Caller) -> bool:
        """Return whether the caller may know that the channel exists."""
        return (
            caller.is_manager
            or self.channel_id in caller.channels
            or (self.kind is ChannelKind.PUBLIC and not self.archived)
        )

    def is_listed_for(self, caller: Caller) -> bool:
        """Return whether the channel is in the list that the caller gets."""
        return caller.is_manager or (not self.archived and self.is_known_to(caller))


@dataclass(frozen=True)
class ChannelMember:
    """A channel's view of one of its members."""

    program_id: str
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus


@dataclass(frozen=True)
class Campaign:
    """A group of activities with one purpose. Once archived, no activity joins it.

    `version` counts what managers changed of it.
    """

    program_id: str
    campaign_id: str
    name: str
    archived: bool
    created_at: datetime
    version: int = 1


@dataclass(frozen=True)
class Member:
    """A person in a program. `time_zone` is empty until they choose one: the program's holds then.

    `subject` is the identity provider's name for the person, while they are bound; `last_subject`
    is who was bound last, once they are not any more, so that an erasure knows whose sign-in it
    may remove. `invitation` names the request that invited them last, so that a repetition of it
    is recognised.
    `release_since` is when they were removed, until their TikTok account is released. `mail` is
    the state of the mail that invites them, until they sign in or are removed; `mailed_at` is when
    the last one went out, until they sign in. `left_at` is when they left the program, or declined
    its invitation, by themselves, until they join it again. `alias` is empty while they have none.
    `version` counts changes of role, removals and invitations after one: what managers decide of
    them, and not what they change of themselves.
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
    last_subject: str | None = None
    invitation: str | None = None
    removed_at: datetime | None = None
    removed_by: str | None = None
    release_since: datetime | None = None
    mail: InvitationMail | None = None
    mailed_at: datetime | None = None
    left_at: datetime | None = None
    shown_as: ShownAs = ShownAs.NAME
    alias: str = ""
    version: int = 1

    def as_channel_member(self) -> ChannelMember:
        return ChannelMember(
            self.program_id, self.member_id, self.email, self.name, self.role, self.status
        )

    def as_caller(self, default_zone: Callable[[], str] = lambda: "UTC") -> Caller:
        """Return the member as a caller; `default_zone` returns the program's time zone."""
        return Caller(
            program_id=self.program_id,
            member_id=self.member_id,
            role=self.role,
            email=self.email,
            name=self.name,
            chosen_zone=self.time_zone,
            tiktok=self.tiktok,
            channels=self.channels,
            shown_as=self.shown_as,
            alias=self.alias,
            invited_at=self.invited_at,
            subject=self.subject,
            default_zone=default_zone,
        )


@dataclass(frozen=True)
class MembershipHolder:
    """The person who holds a membership: their subject, and the invitation they took up.

    Somebody else may hold it after a removal and another invitation to the same address.
    """

    subject: str
    invited_at: datetime

    def holds(self, member: Member | None) -> bool:
        """Return whether they are the active member still."""
        return (
            member is not None
            and member.status is MemberStatus.ACTIVE
            and member.subject == self.subject
            and member.invited_at == self.invited_at
        )


@dataclass(frozen=True)
class Invitation:
    """An invitation as the invited person sees it. `left_before`: they left that program before."""

    program_id: str
    program_name: str
    role: Role
    invited_at: datetime
    left_before: bool


def must_choose_invitation(invitations: Sequence[Member]) -> bool:
    """Return whether a person who signs in has to say which of these invitations they take.

    The only invitation is taken without asking, unless it comes from a program they left.
    """
    return len(invitations) > 1 or any(each.left_at for each in invitations)


def owner_key(program_id: str, member_id: str) -> str:
    """Return the key of everything that belongs to one member, in all tables."""
    return f"{program_id}/{member_id}"


def normalized_name(name: str) -> str:
    """Return the form in which no two things of a kind share a name."""
    return lookalike_key(name)


def email_search_key(email: str) -> str:
    """Return the form in which an e-mail address, or the beginning of one, is searched."""
    try:
        return normalized_email(email)[:MAX_SEARCH_LENGTH]
    except ValueError:  # the beginning of an address, or no address, which nobody has
        return email.strip().lower()[:MAX_SEARCH_LENGTH]


def name_search_key(name: str) -> str:
    """Return the form in which a name, or the beginning of one, is searched."""
    return normalized_name(name)[:MAX_SEARCH_LENGTH]


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Return whether this is an IANA time zone such as `Europe/Berlin`."""
    return name in _time_zones() and name not in ("localtime", "Factory")


def local_time(instant: datetime, time_zone: str) -> datetime:
    """Return an instant as a clock of a zone shows it, to the second."""
    return instant.astimezone(ZoneInfo(time_zone)).replace(microsecond=0)
