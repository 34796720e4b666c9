"""Events of performances, derived from changes of the performances table."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import State, Waiting


@dataclass(frozen=True)
class _PerformancePayload(Payload):
    """The fields of a performance in each of its events, as they were then. Instants are exact.

    `failure` is the code of why it failed. `campaign_id` and `channel_ids` are those of the moment
    it was made. A `trial` is a manager's *Try it on me*. `disclosed` says that the member
    acknowledged what they are to disclose in TikTok. `cut` names the video, of several, by its
    upload.
    """

    performance_id: str
    member_id: str
    activity_id: str
    trial: bool
    failure: str | None = None
    queued_at: str | None = None
    unconfirmed_at: str | None = None
    staged_at: str | None = None
    posted_at: str | None = None
    failed_at: str | None = None
    campaign_id: str | None = None
    channel_ids: tuple[str, ...] = ()
    disclosed: bool = False
    cut: str | None = None


@dataclass(frozen=True)
class PerformanceQueued(_PerformancePayload):
    """A member performed an activity."""

    TYPE: ClassVar[str] = "performances.PerformanceQueued"
    STEP: ClassVar[bool] = True


@dataclass(frozen=True)
class PerformanceStaged(_PerformancePayload):
    """The video is in the member's TikTok inbox."""

    TYPE: ClassVar[str] = "performances.PerformanceStaged"
    STEP: ClassVar[bool] = True


@dataclass(frozen=True)
class PerformanceUnconfirmed(_PerformancePayload):
    """TikTok took the whole video, which is probably in the inbox; it may still become known."""

    TYPE: ClassVar[str] = "performances.PerformanceUnconfirmed"


@dataclass(frozen=True)
class PerformancePosted(_PerformancePayload):
    """The member posted the video. That it was staged may not have been announced before."""

    TYPE: ClassVar[str] = "performances.PerformancePosted"
    STEP: ClassVar[bool] = True


@dataclass(frozen=True)
class PerformanceFailed(_PerformancePayload):
    """The video will not get into the member's inbox; `failure` is the code of why."""

    TYPE: ClassVar[str] = "performances.PerformanceFailed"
    STEP: ClassVar[bool] = True


@dataclass(frozen=True)
class PerformanceAwaitsApp(_PerformancePayload):
    """TikTok refuses the deployment's app, so this performance waits until that is mended."""

    TYPE: ClassVar[str] = "performances.PerformanceAwaitsApp"


@dataclass(frozen=True)
class PerformanceCounted(_PerformancePayload):
    """TikTok's counts of its post were read, or forgotten: `views` is None then.

    `points` are what it brought its member, with those for posting it.
    """

    TYPE: ClassVar[str] = "performances.PerformanceCounted"
    counted_at: str = ""
    views: int | None = None
    likes: int = 0
    comments: int = 0
    points: int = 0


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the performances table."""
    after = change.after
    if not after:
        return ()
    fields = {
        "performance_id": after["performance_id"],
        "member_id": after["member_id"],
        "activity_id": after["activity_id"],
        "trial": bool(after.get("trial")),
        "disclosed": bool(after.get("disclosure_version")),
        "channel_ids": tuple(sorted(after.get("channel_ids") or ())),
        **{name: after.get(name) for name in _EVENT_FIELDS},
    }
    if after["state"] == change.before.get("state"):
        if after.get("counted_at") != change.before.get("counted_at"):
            return (change.event(after["program_id"], _counted_payload(after, fields)),)
        waits = after.get("waits_for"), change.before.get("waits_for")
        if waits[0] != Waiting.TIKTOK_APP or waits[0] == waits[1]:
            return ()
        return (change.event(after["program_id"], PerformanceAwaitsApp(**fields)),)
    payload: Payload
    match State(after["state"]):
        case State.QUEUED if not change.before:
            payload = PerformanceQueued(**fields)
        case State.UNCONFIRMED:
            payload = PerformanceUnconfirmed(**fields)
        case State.STAGED:
            payload = PerformanceStaged(**fields)
        case State.POSTED:
            payload = PerformancePosted(**fields)
        case State.FAILED:
            payload = PerformanceFailed(**fields)
        case _:
            return ()
    return (change.event(after["program_id"], payload),)


def _counted_payload(after: Mapping[str, Any], fields: Mapping[str, Any]) -> PerformanceCounted:
    views = after.get("views")
    likes, comments, points, bonus = (
        int(after.get(each) or 0) for each in ("likes", "comments", "points", "posted_bonus")
    )
    return PerformanceCounted(
        **fields,
        counted_at=after.get("counted_at") or "",
        views=None if views is None else int(views),
        likes=likes,
        comments=comments,
        points=points + (bonus if State(after["state"]) is State.POSTED else 0),
    )


_EVENT_FIELDS = (
    "failure",
    "queued_at",
    "unconfirmed_at",
    "staged_at",
    "posted_at",
    "failed_at",
    "campaign_id",
    "cut",
)
