"""Events of activities, derived from changes of the activities table."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.activities.model import ActivityState
from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass

_ENDED_STATES = frozenset({ActivityState.ENDED, ActivityState.ARCHIVED})
_MEMBER_VISIBLE_FIELDS = ("instructions", "points", "starts_at", "ends_at", "channel_ids")


@dataclass(frozen=True)
class ActivityPublished(Payload):
    """An activity has its valid video; members see it from its start on, at once if it has none.

    Without `channel_ids` it is for all members of the program.
    """

    TYPE: ClassVar[str] = "activities.ActivityPublished"
    STEP: ClassVar[bool] = True
    activity_id: str
    starts_at: str | None
    channel_ids: tuple[str, ...]
    campaign_id: str | None


@dataclass(frozen=True)
class ActivityChanged(Payload):
    """Text, points, times or audience of a published activity changed; it stays published."""

    TYPE: ClassVar[str] = "activities.ActivityChanged"
    activity_id: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class ActivityRejected(Payload):
    """An activity's video was rejected, or its file never came."""

    TYPE: ClassVar[str] = "activities.ActivityRejected"
    activity_id: str


@dataclass(frozen=True)
class ActivityEnded(Payload):
    """An activity came to its end, was ended, or was archived before it had ended."""

    TYPE: ClassVar[str] = "activities.ActivityEnded"
    activity_id: str


@dataclass(frozen=True)
class ActivityWithdrawn(Payload):
    """An activity whose video was rejected was archived, or waits for another video's verdict."""

    TYPE: ClassVar[str] = "activities.ActivityWithdrawn"
    activity_id: str


@dataclass(frozen=True)
class ActivityArchived(Payload):
    """An activity was archived, whatever its state was before."""

    TYPE: ClassVar[str] = "activities.ActivityArchived"
    activity_id: str


@dataclass(frozen=True)
class ActivityUnarchived(Payload):
    """An archived activity was brought back into the lists."""

    TYPE: ClassVar[str] = "activities.ActivityUnarchived"
    activity_id: str


@dataclass(frozen=True)
class ActivityDismissed(Payload):
    """A member dismissed an activity; `dismissed_at` is exact to the microsecond."""

    TYPE: ClassVar[str] = "activities.ActivityDismissed"
    activity_id: str
    member_id: str
    dismissed_at: str


@dataclass(frozen=True)
class DismissalUndone(Payload):
    """A member took a dismissal back: the one that was made at `dismissed_at`."""

    TYPE: ClassVar[str] = "activities.DismissalUndone"
    activity_id: str
    member_id: str
    dismissed_at: str


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the activities table."""
    after, was = change.after, change.before.get("state")
    if "state" not in after:
        return ()  # gone, or a draft or headroom, which lie in the same table
    program_id, activity_id = after["program_id"], after["activity_id"]
    if after["state"] == was:
        attributes = (
            change.changed_attributes(*_MEMBER_VISIBLE_FIELDS)
            if was == ActivityState.PUBLISHED
            else ()
        )
        changed = ActivityChanged(activity_id, attributes)
        return (change.event(program_id, changed),) if attributes else ()
    events = _state_events(change, program_id, activity_id)
    if after["state"] == ActivityState.ARCHIVED:
        return (*events, change.event(program_id, ActivityArchived(activity_id)))
    if was == ActivityState.ARCHIVED:
        return (*events, change.event(program_id, ActivityUnarchived(activity_id)))
    return events


def _state_events(change: Change, program_id: str, activity_id: str) -> Sequence[Event[Any]]:
    """Derive the event of the state that an activity came into."""
    after, was = change.after, change.before.get("state")
    match ActivityState(after["state"]):
        case ActivityState.PUBLISHED:
            published = ActivityPublished(
                activity_id,
                starts_at=after.get("starts_at"),
                channel_ids=tuple(sorted(after.get("channel_ids") or ())),
                campaign_id=after.get("campaign_id"),
            )
            return (change.event(program_id, published),)
        case ActivityState.REJECTED:
            return (change.event(program_id, ActivityRejected(activity_id)),)
        case ActivityState.ENDED | ActivityState.ARCHIVED if was not in {
            *_ENDED_STATES,
            ActivityState.REJECTED,
        }:
            return (change.event(program_id, ActivityEnded(activity_id)),)
        case ActivityState.ARCHIVED | ActivityState.PROCESSING if was == ActivityState.REJECTED:
            return (change.event(program_id, ActivityWithdrawn(activity_id)),)
        case _:
            return ()


def events_of_marks(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the marks table; performances announce themselves."""
    after, before = change.after, change.before
    kept = after or before
    program_id, _, member_id = str(kept.get("owner", "")).partition("/")
    was, is_ = before.get("dismissed_at"), after.get("dismissed_at")
    payload: Payload
    if is_ and is_ != was:
        payload = ActivityDismissed(after["activity_id"], member_id, is_)
    elif was and not after:
        payload = DismissalUndone(before["activity_id"], member_id, was)
    else:
        return ()
    return (change.event(program_id, payload),)
