"""Public events: what systems outside this one may rely on; and what happens to webhooks.

They are made of the packages' own events, which may change with the code; these may not. An added
field is no new version, so receivers ignore fields they do not know; any other change is a new
`VERSION` under the same type, and the earlier one is sent beside it for a while. Public events name
ids, never names, addresses or texts of people. They are silent about dismissals, and about
managers' trials (*Try it on me*).

`docs/events/` holds a JSON schema of each, made by `python -m commands events schemas`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload, PublicData, PublicEvent
from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    # Each relay is started with this module, and needs none of the packages but its own.
    from chalicelib.activities.events import ActivityEnded, ActivityPublished, ActivityRejected
    from chalicelib.performances.events import (
        PerformanceFailed,
        PerformancePosted,
        PerformanceQueued,
        PerformanceStaged,
    )
    from chalicelib.points.events import PointsAdjusted
    from chalicelib.programs.events import MemberInvited, MemberJoined, MemberRemoved
    from chalicelib.rewards.events import (
        RedemptionFulfilled,
        RedemptionRejected,
        RedemptionRequested,
        RewardOffered,
        RewardWithdrawn,
    )

type _ActivityId = Annotated[str, "The activity: GET /activities/{activity_id}"]
type _MemberId = Annotated[str, "The member: GET /members/{member_id}"]
type _RewardId = Annotated[str, "The reward: GET /rewards/{reward_id}"]
type _Role = Annotated[str, "member or manager"]
type _Channels = Annotated[
    tuple[str, ...], "The channels it is for; empty means all members of the program"
]
type _Campaign = Annotated[str | None, "The campaign, if it has one"]
type _Starts = Annotated[str | None, "Not open before this instant; null: open at once"]
type _Price = Annotated[int, "In points"]


@dataclass(frozen=True)
class ActivityPublishedData(PublicData):
    """An activity is open to its members, from `starts_at` on."""

    TYPE: ClassVar[str] = "activity.published"
    activity_id: _ActivityId
    starts_at: _Starts
    channel_ids: _Channels
    campaign_id: _Campaign


@dataclass(frozen=True)
class ActivityRejectedData(PublicData):
    """An activity's video broke a rule, or its file never came."""

    TYPE: ClassVar[str] = "activity.rejected"
    activity_id: _ActivityId


@dataclass(frozen=True)
class ActivityEndedData(PublicData):
    """An activity came to its end, or was ended or archived before it."""

    TYPE: ClassVar[str] = "activity.ended"
    activity_id: _ActivityId


@dataclass(frozen=True)
class _PerformanceData(PublicData):
    performance_id: Annotated[str, "One member performing one activity"]
    member_id: _MemberId
    activity_id: _ActivityId
    campaign_id: _Campaign


@dataclass(frozen=True)
class PerformanceQueuedData(_PerformanceData):
    """A member performed an activity: its video is on the way into their TikTok inbox."""

    TYPE: ClassVar[str] = "performance.queued"


@dataclass(frozen=True)
class PerformanceStagedData(_PerformanceData):
    """The video is in the member's TikTok inbox, for them to finish the post."""

    TYPE: ClassVar[str] = "performance.staged"


@dataclass(frozen=True)
class PerformancePostedData(_PerformanceData):
    """The member posted the video."""

    TYPE: ClassVar[str] = "performance.posted"


@dataclass(frozen=True)
class PerformanceFailedData(_PerformanceData):
    """The video will not get into the member's inbox; its points were taken back."""

    TYPE: ClassVar[str] = "performance.failed"
    failure: Annotated[str | None, "The code of why"]


@dataclass(frozen=True)
class RewardOfferedData(PublicData):
    """A reward can be redeemed, from `starts_at` on."""

    TYPE: ClassVar[str] = "reward.offered"
    reward_id: _RewardId
    price: _Price
    starts_at: _Starts
    channel_ids: _Channels


@dataclass(frozen=True)
class RewardWithdrawnData(PublicData):
    """A reward can no longer be redeemed."""

    TYPE: ClassVar[str] = "reward.withdrawn"
    reward_id: _RewardId


@dataclass(frozen=True)
class _RedemptionData(PublicData):
    redemption_id: Annotated[str, "One request for one reward: GET /redemptions/queue"]
    member_id: _MemberId
    reward_id: _RewardId
    price: _Price


@dataclass(frozen=True)
class RewardRedeemedData(_RedemptionData):
    """A member redeemed a reward: managers have to fulfil or reject the request."""

    TYPE: ClassVar[str] = "reward.redeemed"


@dataclass(frozen=True)
class RedemptionFulfilledData(_RedemptionData):
    """A manager fulfilled a request."""

    TYPE: ClassVar[str] = "redemption.fulfilled"


@dataclass(frozen=True)
class RedemptionRejectedData(_RedemptionData):
    """A manager rejected a request, and its points went back to the member."""

    TYPE: ClassVar[str] = "redemption.rejected"


@dataclass(frozen=True)
class _MemberData(PublicData):
    member_id: _MemberId
    role: _Role


@dataclass(frozen=True)
class MemberInvitedData(_MemberData):
    """A person was invited, for the first time or again."""

    TYPE: ClassVar[str] = "member.invited"


@dataclass(frozen=True)
class MemberJoinedData(_MemberData):
    """An invited person signed in for the first time."""

    TYPE: ClassVar[str] = "member.joined"


@dataclass(frozen=True)
class MemberLeftData(_MemberData):
    """A member is no longer in the program: they left (then they are the actor) or were removed."""

    TYPE: ClassVar[str] = "member.left"


@dataclass(frozen=True)
class PointsAdjustedData(PublicData):
    """A manager gave a member points, or took some."""

    TYPE: ClassVar[str] = "points.adjusted"
    member_id: _MemberId
    entry_id: Annotated[str, "The entry of the member's ledger: GET /members/{member_id}/points"]
    points: Annotated[int, "Negative if points were taken"]


@dataclass(frozen=True)
class WebhookTestData(PublicData):
    """A manager asked for a test event. It goes to one webhook and never on the bus."""

    TYPE: ClassVar[str] = "webhook.test"
    webhook_id: Annotated[str, "The webhook that is tested"]


def _published(payload: "ActivityPublished") -> PublicData:
    return ActivityPublishedData(
        payload.activity_id, payload.starts_at, payload.channel_ids, payload.campaign_id
    )


def _rejected(payload: "ActivityRejected") -> PublicData:
    return ActivityRejectedData(payload.activity_id)


def _ended(payload: "ActivityEnded") -> PublicData:
    return ActivityEndedData(payload.activity_id)


type _PerformancePayload = (
    PerformanceQueued | PerformanceStaged | PerformancePosted | PerformanceFailed
)


def _performance(
    kind: type[_PerformanceData],
) -> "Callable[[_PerformancePayload], PublicData | None]":
    def data(payload: "_PerformancePayload") -> PublicData | None:
        if payload.trial:
            return None
        return kind(
            payload.performance_id, payload.member_id, payload.activity_id, payload.campaign_id
        )

    return data


def _failed(payload: "PerformanceFailed") -> PublicData | None:
    if payload.trial:
        return None
    return PerformanceFailedData(
        payload.performance_id,
        payload.member_id,
        payload.activity_id,
        payload.campaign_id,
        payload.failure,
    )


def _offered(payload: "RewardOffered") -> PublicData:
    return RewardOfferedData(
        payload.reward_id, payload.price, payload.starts_at, payload.channel_ids
    )


def _withdrawn(payload: "RewardWithdrawn") -> PublicData:
    return RewardWithdrawnData(payload.reward_id)


type _OfRedemption = RedemptionRequested | RedemptionFulfilled | RedemptionRejected


def _redemption(kind: type[_RedemptionData]) -> "Callable[[_OfRedemption], PublicData]":
    return lambda payload: kind(
        payload.redemption_id, payload.member_id, payload.reward_id, payload.price
    )


type _OfMember = MemberInvited | MemberJoined | MemberRemoved


def _member(kind: type[_MemberData]) -> "Callable[[_OfMember], PublicData]":
    return lambda payload: kind(payload.member_id, payload.role)


def _adjusted(payload: "PointsAdjusted") -> PublicData:
    return PointsAdjustedData(payload.member_id, payload.entry_id, payload.points)


PUBLIC_DATA_BY_TYPE: Mapping[str, Callable[[Any], PublicData | None]] = {
    "activities.ActivityPublished": _published,
    "activities.ActivityRejected": _rejected,
    "activities.ActivityEnded": _ended,
    "performances.PerformanceQueued": _performance(PerformanceQueuedData),
    "performances.PerformanceStaged": _performance(PerformanceStagedData),
    "performances.PerformancePosted": _performance(PerformancePostedData),
    "performances.PerformanceFailed": _failed,
    "rewards.RewardOffered": _offered,
    "rewards.RewardWithdrawn": _withdrawn,
    "rewards.RedemptionRequested": _redemption(RewardRedeemedData),
    "rewards.RedemptionFulfilled": _redemption(RedemptionFulfilledData),
    "rewards.RedemptionRejected": _redemption(RedemptionRejectedData),
    "programs.MemberInvited": _member(MemberInvitedData),
    "programs.MemberJoined": _member(MemberJoinedData),
    "programs.MemberRemoved": _member(MemberLeftData),
    "points.PointsAdjusted": _adjusted,
}
"""Public event by type of internal event; an event that is not listed stays inside."""

BUS_EVENTS: tuple[type[PublicData], ...] = (
    ActivityPublishedData,
    ActivityRejectedData,
    ActivityEndedData,
    PerformanceQueuedData,
    PerformanceStagedData,
    PerformancePostedData,
    PerformanceFailedData,
    RewardOfferedData,
    RewardWithdrawnData,
    RewardRedeemedData,
    RedemptionFulfilledData,
    RedemptionRejectedData,
    MemberInvitedData,
    MemberJoinedData,
    MemberLeftData,
    PointsAdjustedData,
)
ALL_EVENTS: tuple[type[PublicData], ...] = (*BUS_EVENTS, WebhookTestData)


def public_event(event: Event[Any]) -> PublicEvent | None:
    """Return what an event of a package is for the outside, or None if it stays inside.

    The same event gives the same public event, with the same id, each time.
    """
    make = PUBLIC_DATA_BY_TYPE.get(event.payload.TYPE)
    data = make(event.payload) if make else None
    if data is None:
        return None
    payload = f"{event.event_id}/{data.TYPE}/{data.VERSION}"
    return PublicEvent(
        event_id=f"evt_{hashlib.sha256(payload.encode()).hexdigest()[:32]}",
        program_id=event.program_id,
        occurred_at=event.at,
        actor=event.actor,
        data=data,
    )


@dataclass(frozen=True)
class WebhookDisabled(Payload):
    """A webhook was disabled, for nothing got through to it for days."""

    TYPE: ClassVar[str] = "webhooks.WebhookDisabled"
    webhook_id: str


@dataclass(frozen=True)
class WebhookRecovered(Payload):
    """A disabled webhook was switched on again, paused or removed."""

    TYPE: ClassVar[str] = "webhooks.WebhookRecovered"
    webhook_id: str


_WEBHOOK, _DISABLED = "webhook#", "disabled"


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the webhooks table."""
    kept = change.after or change.before
    if not str(kept.get("item", "")).startswith(_WEBHOOK):
        return ()
    was, is_ = (each.get("state") == _DISABLED for each in (change.before, change.after))
    if was == is_:
        return ()
    kind = WebhookDisabled if is_ else WebhookRecovered
    return (change.event(kept["key"], kind(kept["webhook_id"])),)
