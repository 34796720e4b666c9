"""Programs and members: plain types and rules."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from chalicelib.foundation.identity import Caller, Role, TikTokState

MAX_NAME = 100
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
MAX_EMAIL = 254  # RFC 5321's longest path without its brackets


class MemberStatus(StrEnum):
    INVITED = "invited"  # known by e-mail only; bound to a person at the first sign-in
    ACTIVE = "active"
    REMOVED = "removed"


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


@dataclass(frozen=True)
class Member:
    """A person in a program. `time_zone` is the program's until they choose their own."""

    program_id: str
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus
    time_zone: str
    invited_at: datetime
    tiktok: TikTokState | None = None

    def as_caller(self) -> Caller:
        return Caller(
            program_id=self.program_id,
            member_id=self.member_id,
            role=self.role,
            email=self.email,
            name=self.name,
            time_zone=self.time_zone,
            tiktok=self.tiktok,
        )


def owner_key(program_id: str, member_id: str) -> str:
    """Make the key under which everything of one member lies, in whichever table."""
    return f"{program_id}/{member_id}"


def normalized_email(email: str) -> str:
    """Bring an e-mail address into the one form it is compared in. Raises ValueError."""
    plain = email.strip().lower()
    if not _EMAIL.fullmatch(plain) or len(plain) > MAX_EMAIL:
        raise ValueError(f"{email!r} is not an e-mail address.")
    return plain


def normalized_name(name: str) -> str:
    """Bring a program's name into the form in which no two programs share one."""
    return " ".join(name.split()).casefold()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_time_zone(name: str) -> bool:
    """Tell whether this is an IANA time zone such as `Europe/Berlin`."""
    return name in _zones() and name not in ("localtime", "Factory")


def local_time(instant: datetime, time_zone: str) -> datetime:
    """Show an instant on a clock of this zone, to the second."""
    return instant.astimezone(ZoneInfo(time_zone)).replace(microsecond=0)
