"""Quotas: what one program may take of a deployment that others share. The owner sets them."""

from datetime import timedelta

from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.values import dataclass

GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Quotas:
    """A program's limits; the defaults are those of infra/parameters.yaml."""

    uploads_waiting: int = 100
    video_gigabytes: int = 50
    members: int = 100_000
    activities_open: int = 1000
    invitations_a_day: int = 5000
    unused_video_days: int = 30

    @property
    def video_bytes(self) -> int:
        return self.video_gigabytes * GIGABYTE

    @property
    def unused_video_retention(self) -> timedelta:
        """How long a valid video is kept that no activity uses."""
        return timedelta(days=self.unused_video_days)


_MESSAGES = {
    "uploads_waiting": (
        "Your program has {used} uploads that are not checked yet; {limit} is the limit. "
        "Wait until some are checked, then try again."
    ),
    "video_bytes": (
        "Your program's videos take {used} bytes, each upload that is not checked yet counted as "
        "50 MB; {limit} is the limit. Videos that no activity uses are removed by themselves; the "
        "owner of this Greenroom can raise the limit."
    ),
    "members": (
        "Your program has {used} members and invitations; {limit} is the limit. Remove some, or "
        "ask the owner of this Greenroom to raise it."
    ),
    "activities_open": (
        "Your program has {used} activities that are open or wait for their video; {limit} is the "
        "limit. End some, then try again."
    ),
    "invitations_a_day": (
        "Your program has sent {used} invitations today (UTC); {limit} is the limit. Continue "
        "tomorrow, or ask the owner of this Greenroom to raise it."
    ),
}


def quota_reached(quota: str, limit: int, used: int) -> Problem:
    """Return the problem for a quota that is used up, which names it, its limit and its use."""
    return Problem(
        ProblemCode.LIMIT_REACHED,
        _MESSAGES[quota].format(limit=limit, used=used),
        members={"quota": quota, "limit": limit, "used": used},
    )
