"""Requests for one's data: an export of it, or its erasure. Plain types and rules."""

from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.foundation.personal import Person
from chalicelib.foundation.values import dataclass

WRITES_SETTLE_TIME = timedelta(minutes=6)
"""An erasure ends with a round that begins so long after it was asked for: by then no function
runs that read the person's name before, for none runs longer than five minutes."""

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=30)
"""Between two rounds of an erasure, while something has to come to its end first."""

OVERDUE_AFTER = timedelta(days=3)
"""An erasure that is under way for so long hangs: the longest that it has to wait is a day, for
TikTok to revoke tokens."""

ROUND_RESERVATION = timedelta(minutes=6)
"""How long a round has an erasure to itself: longer than its function may run."""

LINK_LIFETIME = timedelta(hours=1)
EXPORT_RETENTION = timedelta(days=1)
"""The file goes by the bucket's rule as soon."""

EXPORT_REQUEUE_DELAY = timedelta(minutes=10)
"""After this the message of an export that is not made counts as lost."""

EXPORT_REUSE_TIME = timedelta(minutes=10)
"""So long an export stands for whoever asks again: the same file would be made."""


class ExportStatus(StrEnum):
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class PersonalExport:
    """A file of what is kept of a member.

    There are two of each member at a time: the member's own, and one that managers asked for, which
    has less in it.
    """

    program_id: str
    member_id: str
    export_id: str
    asked_by: str
    asked_at: datetime
    status: ExportStatus = ExportStatus.MAKING
    ready_at: datetime | None = None
    size_bytes: int | None = None

    @property
    def for_others(self) -> bool:
        """True if somebody other than the member requested it and receives it."""
        return self.asked_by != self.member_id

    def link_until(self) -> datetime | None:
        """Return until when the file is handed out: an hour from when it was ready."""
        return self.ready_at + LINK_LIFETIME if self.ready_at else None

    def is_reusable_at(self, now: datetime) -> bool:
        """Return whether somebody who asks now is answered with this one."""
        recent = now - self.asked_at < EXPORT_REUSE_TIME
        return recent and self.status is not ExportStatus.FAILED


def file_key(program_id: str, member_id: str, *, for_others: bool) -> str:
    """Return where the file of a member's export lies: a later one takes the place of it.

    So an erasure knows where to look, however many exports there were before it.
    """
    kind = ".for-managers" if for_others else ""
    return f"personal/{program_id}/{member_id}{kind}.zip"


@dataclass(frozen=True)
class Erasure:
    """An erasure under way: `person` is who they were, which nothing else knows any more."""

    person: Person
    asked_by: str
    asked_at: datetime
    next_at: datetime
    rounds: int = 0

    def is_due(self, now: datetime) -> bool:
        """Return whether its next round may begin."""
        return self.next_at <= now

    def is_overdue(self, now: datetime) -> bool:
        """Return whether it takes so long that somebody has to look after it."""
        return now - self.asked_at >= OVERDUE_AFTER

    def may_end(self, now: datetime) -> bool:
        """Return whether a round that begins now can be the last one."""
        return now - self.asked_at >= WRITES_SETTLE_TIME


class ErasureStatus(StrEnum):
    ERASING = "erasing"
    ERASED = "erased"


@dataclass(frozen=True)
class ErasureOutcome:
    """The lasting record of an erasure: the pseudonym and the time."""

    member_id: str
    asked_by: str
    asked_at: datetime
    erased_at: datetime | None = None

    @property
    def status(self) -> ErasureStatus:
        return ErasureStatus.ERASED if self.erased_at else ErasureStatus.ERASING


def next_wait(rounds: int) -> timedelta:
    """Return how long an erasure rests after so many rounds."""
    return min(FIRST_WAIT * (1 << min(rounds, 10)), LONGEST_WAIT)
