"""An activity's life and times: plain types and rules."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chalicelib.videos.model import VideoFacts, VideoProblem

DEFAULT_INSTRUCTIONS = "Share this video on TikTok"
MAX_INSTRUCTIONS = 2000
MAX_POINTS = 1_000_000
START_GRACE = timedelta(minutes=5)
"""How far back a start may lie: filling in the form takes a while (product rule)."""
MAX_AHEAD = timedelta(days=5 * 366)
"""How far ahead a start or end may lie (product rule)."""

REMINDER = (
    "The video will be waiting in your TikTok inbox. Open the TikTok app, tap the notification "
    "and finish the post there; Greenroom cannot do that for you."
)
"""Read before sending and after it: TikTok takes no text, and only the member can post."""

_WALL_CLOCK = re.compile(
    r"^[12]\d{3}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(?P<offset>Z|[+-]\d{2}:\d{2})?$"
)


class Network(StrEnum):
    """Where an activity's video goes. One kind so far."""

    TIKTOK_VIDEO = "tiktok_video"


class ActivityState(StrEnum):
    """What is stored. Whether a published activity is scheduled, active or ended, time says."""

    PROCESSING = "processing"
    PUBLISHED = "published"
    REJECTED = "rejected"
    ENDED = "ended"


class ActivityStatus(StrEnum):
    """What people see: `processing -> scheduled -> active -> ended`, or `rejected`."""

    PROCESSING = "processing"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    REJECTED = "rejected"


class InvalidTime(ValueError):
    """A time that cannot be meant; `code` is stable, `offsets` are the choices, if any."""

    def __init__(self, code: str, message: str, offsets: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offsets = offsets


@dataclass(frozen=True)
class Activity:
    """A TikTok Video activity. Times are instants; `time_zone` is the one they were meant in."""

    program_id: str
    activity_id: str
    state: ActivityState
    instructions: str
    upload_id: str
    points: int
    featured: bool
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None = None
    video: VideoFacts | None = None
    video_key: str | None = None
    problems: tuple[VideoProblem, ...] = ()
    network: Network = Network.TIKTOK_VIDEO

    def status_at(self, now: datetime) -> ActivityStatus:
        """Tell the status at an instant, exact to the second, swept or not."""
        if self.state is not ActivityState.PUBLISHED:
            return ActivityStatus(self.state.value)
        if self.ends_at is not None and now >= self.ends_at:
            return ActivityStatus.ENDED
        if self.starts_at is not None and now < self.starts_at:
            return ActivityStatus.SCHEDULED
        return ActivityStatus.ACTIVE

    def is_open_at(self, now: datetime) -> bool:
        return self.status_at(now) is ActivityStatus.ACTIVE


def instant_of(text: str, time_zone: str) -> datetime:
    """Read a wall-clock time such as `2026-12-01T09:00`, meant in a time zone, as an instant.

    An offset (`...T02:30+02:00`) or `Z` says which instant is meant by itself. Raises
    `InvalidTime`: `invalid_time`, or on a day the clocks change `time_does_not_exist` or
    `time_exists_twice`.
    """
    found = _WALL_CLOCK.match(text)
    try:
        told = datetime.fromisoformat(text) if found else None
        instant = told.astimezone(UTC) if told and told.tzinfo else None
    except (ValueError, OverflowError):
        told = None
    if told is None:
        raise InvalidTime("invalid_time", "Write a time as 2026-12-01T09:00.")
    if instant is not None:
        return instant
    zone = ZoneInfo(time_zone)
    earlier, later = (told.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier.astimezone(UTC)
    offsets = tuple(each.isoformat()[-6:] for each in (earlier, later))
    said = told.isoformat(timespec="minutes")
    exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == told
    if exists:
        raise InvalidTime(
            "time_exists_twice",
            f"In {time_zone} the clocks go back and {said} happens twice. Add the offset you mean: "
            f"{said}{offsets[0]} (the first) or {said}{offsets[1]} (the second).",
            offsets,
        )
    raise InvalidTime(
        "time_does_not_exist",
        f"In {time_zone} the clocks go forward and {said} does not exist. Choose another time, or "
        f"add an offset: {said}{offsets[0]} or {said}{offsets[1]}.",
        offsets,
    )


def check_window(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> None:
    """Check an activity's times. Raises `InvalidTime`, its code led by the field's name."""
    if starts_at is not None and starts_at < now - START_GRACE:
        raise InvalidTime("starts_at.in_the_past", "The start is in the past.")
    if ends_at is not None and ends_at <= now:
        raise InvalidTime("ends_at.in_the_past", "The end is in the past.")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidTime("ends_at.before_start", "The end must be after the start.")
    for name, instant in (("starts_at", starts_at), ("ends_at", ends_at)):
        if instant is not None and instant > now + MAX_AHEAD:
            raise InvalidTime(f"{name}.too_far_ahead", "Times may lie five years ahead at most.")


def feed_rank(activity: Activity) -> str:
    """Give the feed's order as one key, descending: featured first, then newest."""
    return f"{1 if activity.featured else 0}#{activity.activity_id}"
