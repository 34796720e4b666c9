"""Rewards and redemptions: plain types and rules."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.activities.model import is_addressed_to_channels
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import owner_key

MAX_REWARDS = 100
"""Maximum per program, archived ones aside: one query lists them all to a member."""
MAX_TITLE_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 2000
MAX_PRICE = 1_000_000
MAX_STOCK = 1_000_000
MAX_PER_MEMBER = 1000
MAX_NOTE_LENGTH = 1000
MAX_CODE_LENGTH = 200
MAX_REASON_LENGTH = 300
FORM_LIFETIME = timedelta(minutes=15)
"""How long a form takes a picture's file."""
UNUSED_PICTURE_RETENTION = timedelta(days=1)
"""How long a checked picture waits for the reward that it was checked for."""


class RewardState(StrEnum):
    """The stored state. Only managers see a draft; an archived reward can be brought back."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


class RewardStatus(StrEnum):
    """The visible status: facts make an active reward scheduled, on offer, sold out or ended."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    ON_OFFER = "on_offer"
    SOLD_OUT = "sold_out"
    ENDED = "ended"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Picture:
    """A picture that was checked and lies where nobody can change it."""

    key: str
    content_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Reward:
    """Something that points buy. Times are instants; `time_zone` is the one they were meant in.

    A `stock` of None is unlimited. `taken` are the pieces of the stock that were asked for and not
    given back; `stock_id` names the stock they are of, anew each time it is limited. Without
    `channel_ids` it is for everybody. `version` counts what managers changed.
    """

    program_id: str
    reward_id: str
    state: RewardState
    title: str
    description: str
    price: int
    stock: int | None
    per_member: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str
    created_by: str
    created_at: datetime
    channel_ids: frozenset[str] = frozenset()
    picture: Picture | None = None
    taken: int = 0
    stock_id: str | None = None
    version: int = 1

    @property
    def left(self) -> int | None:
        """The number of pieces that are left; None for any number."""
        return None if self.stock is None else max(self.stock - self.taken, 0)

    def is_addressed_to(self, channels: frozenset[str]) -> bool:
        """Return whether it is addressed to a member of these channels."""
        return is_addressed_to_channels(self.channel_ids, channels)

    def status_at(self, now: datetime) -> RewardStatus:
        """Return the status at an instant, exact to the second."""
        if self.state is not RewardState.ACTIVE:
            return RewardStatus(self.state.value)
        if self.ends_at is not None and now >= self.ends_at:
            return RewardStatus.ENDED
        if self.starts_at is not None and now < self.starts_at:
            return RewardStatus.SCHEDULED
        return RewardStatus.SOLD_OUT if self.left == 0 else RewardStatus.ON_OFFER


VISIBLE_STATUSES = frozenset({RewardStatus.ON_OFFER, RewardStatus.SOLD_OUT})
"""Statuses of the rewards that members see in their list."""


def visible_rewards(
    rewards: Collection[Reward], channels: frozenset[str], now: datetime
) -> list[Reward]:
    """List what a member of these channels sees, the cheapest first."""
    shown = (
        each
        for each in rewards
        if each.status_at(now) in VISIBLE_STATUSES and each.is_addressed_to(channels)
    )
    return sorted(shown, key=lambda each: (each.price, each.reward_id))


class RedemptionStatus(StrEnum):
    """`requested -> fulfilled | rejected`; a rejection refunds."""

    REQUESTED = "requested"
    FULFILLED = "fulfilled"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Redemption:
    """One member's purchase of one reward. Title, price and name are those of its moment.

    `stock_id` is the stock that its piece came from, None from an unlimited one. `note` and `code`
    are a manager's words to the member, `reason` is why it was rejected. `member_removed` follows
    their removal by seconds for as long as it is open, and stays as it was when it was decided.
    """

    program_id: str
    redemption_id: str
    member_id: str
    member_name: str
    reward_id: str
    title: str
    price: int
    status: RedemptionStatus
    requested_at: datetime
    stock_id: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str | None = None
    code: str | None = None
    reason: str | None = None
    member_removed: bool = False

    @property
    def owner(self) -> str:
        return owner_key(self.program_id, self.member_id)

    @property
    def without_words(self) -> "Redemption":
        """It without what a manager writes to its member."""
        return replace(self, note=None, code=None, reason=None)


class AlreadyCreated(Exception):
    """The thing of this id exists: the same request came before."""


class TooManyRewards(Exception):
    """The program has as many rewards as it may have."""


class OutOfStock(Exception):
    """The last piece is gone."""


class MemberLimitReached(Exception):
    """The member has as many of a reward as one member may have."""


class StockBelowTaken(Exception):
    """More pieces are asked for than the stock would have."""
