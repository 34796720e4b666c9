"""Events of rewards and redemptions, derived from changes of the rewards table."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from chalicelib.rewards.model import RedemptionStatus, RewardState

_REWARD, _REDEMPTION, _PICTURE = "reward#", "redemption#", "picture#"


@dataclass(frozen=True)
class RewardOffered(Payload):
    """A reward is no draft any more, or was brought back; it may start later."""

    TYPE: ClassVar[str] = "rewards.RewardOffered"
    reward_id: str
    price: int
    starts_at: str | None
    channel_ids: tuple[str, ...]


@dataclass(frozen=True)
class RewardWithdrawn(Payload):
    """A reward that was offered is archived, or a draft again."""

    TYPE: ClassVar[str] = "rewards.RewardWithdrawn"
    reward_id: str


@dataclass(frozen=True)
class RedemptionRequested(Payload):
    """A member redeemed a reward; managers have to fulfil or reject it."""

    TYPE: ClassVar[str] = "rewards.RedemptionRequested"
    redemption_id: str
    member_id: str
    reward_id: str
    price: int


@dataclass(frozen=True)
class RedemptionFulfilled(Payload):
    """A manager fulfilled a request."""

    TYPE: ClassVar[str] = "rewards.RedemptionFulfilled"
    redemption_id: str
    member_id: str
    reward_id: str
    price: int


@dataclass(frozen=True)
class RedemptionRejected(Payload):
    """A manager rejected a request, and its points went back."""

    TYPE: ClassVar[str] = "rewards.RedemptionRejected"
    redemption_id: str
    member_id: str
    reward_id: str
    price: int


@dataclass(frozen=True)
class PictureUnused(Payload):
    """No reward shows this picture any more, or none took it within a day: its file can go."""

    TYPE: ClassVar[str] = "rewards.PictureUnused"
    key: str


_EVENTS_BY_STATUS: dict[
    RedemptionStatus,
    type[RedemptionRequested] | type[RedemptionFulfilled] | type[RedemptionRejected],
] = {
    RedemptionStatus.REQUESTED: RedemptionRequested,
    RedemptionStatus.FULFILLED: RedemptionFulfilled,
    RedemptionStatus.REJECTED: RedemptionRejected,
}


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the rewards table."""
    after, was = change.after, change.before.get("state")
    if not after and str(change.before["item"]).startswith(_PICTURE):
        dropped = PictureUnused(change.before["picture_file"])
        return (change.event(change.before["key"], dropped),)
    if not after or after.get("state") == was:
        return ()
    item = str(after["item"])
    if item.startswith(_REDEMPTION):
        kind = _EVENTS_BY_STATUS[RedemptionStatus(after["state"])]
        told = kind(
            redemption_id=after["redemption_id"],
            member_id=after["member_id"],
            reward_id=after["reward_id"],
            price=int(after["price"]),
        )
        return (change.event(after["key"], told),)
    if not item.startswith(_REWARD):
        return ()
    if after["state"] == RewardState.ACTIVE:
        offered = RewardOffered(
            reward_id=after["reward_id"],
            price=int(after["price"]),
            starts_at=after.get("starts_at"),
            channel_ids=tuple(sorted(after.get("channel_ids") or ())),
        )
        return (change.event(after["key"], offered),)
    if was == RewardState.ACTIVE:
        return (change.event(after["key"], RewardWithdrawn(after["reward_id"])),)
    return ()
