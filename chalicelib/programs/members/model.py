"""Filters of the member list, and invitations whose mail is due: plain types and rules."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.foundation.identity import Role
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import MemberStatus

MAIL_TRIES = 24  # with an hour between the later ones: a day
MAIL_FIRST_WAIT = timedelta(minutes=5)  # longer than a try takes, with all its time limits
MAIL_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class MemberFilter:
    """A filter of the member list: ids, the beginning of an address or name, or status and role.

    One of the four at a time; a role alone means that of active members.
    """

    email: str | None = None
    name: str | None = None
    status: MemberStatus | None = None
    role: Role | None = None
    ids: tuple[str, ...] = ()

    @property
    def criteria(self) -> list[str]:
        """Return the names of the fields that are given, of status and role the first only."""
        given = {
            "ids": self.ids or None,
            "email": self.email,
            "name": self.name,
            "status": self.status or self.role,
        }
        return [name for name, value in given.items() if value is not None]


@dataclass(frozen=True)
class DueMail:
    """An invitation whose mail is due `at` an instant, after `tries` that came to nothing.

    The instant is also what reserves it: the run that moves it on has it until then.
    """

    program_id: str
    member_id: str
    email: str
    at: datetime
    tries: int

    def postponed(self, now: datetime) -> "DueMail":
        """Return what it becomes while a run tries: due again later, the later the more tries.

        The run after the last try only gives it up, and counts as none.
        """
        wait = min(MAIL_FIRST_WAIT * 2 ** min(self.tries, 10), MAIL_LONGEST_WAIT)
        return replace(self, at=now + wait, tries=min(self.tries + 1, MAIL_TRIES))
