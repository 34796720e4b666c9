"""Use cases of rewards: managers create and change them, members list them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypedDict, Unpack

from chalicelib.activities.model import InvalidTime, check_window
from chalicelib.activities.service import invalid_time_problem, read_times
from chalicelib.audit.model import Kind, act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import check_version, retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import (
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)
from chalicelib.foundation.table import Conflict, Read
from chalicelib.foundation.values import dataclass
from chalicelib.points.service import PointService
from chalicelib.programs.model import Program
from chalicelib.programs.problems import require_open_channels
from chalicelib.rewards.model import (
    FORM_LIFETIME,
    MAX_REWARDS,
    UNUSED_PICTURE_RETENTION,
    AlreadyCreated,
    Picture,
    Reward,
    RewardState,
    RewardStatus,
    StockBelowTaken,
    TooManyRewards,
    visible_rewards,
)
from chalicelib.rewards.pictures import PictureRefused, examine_picture
from chalicelib.rewards.store import PictureFiles, RewardStore


class Audience(Protocol):
    """The part of a channel that a reward addressed to it needs."""

    @property
    def archived(self) -> bool: ...


class Programs(Protocol):
    """The reads of programs that rewards need."""

    def channels(self, program_id: str, channel_ids: Collection[str]) -> Mapping[str, Audience]:
        """Read channels by id; those that are none are left out."""

    def cached_program(self, program_id: str) -> Program | None:
        """Read a program whose settings are at most a minute old."""

    def program_read_unless_cached(self, program_id: str) -> Sequence[Read[Any]]:
        """Reads of the program's settings, if it is time for it, to be made beside others."""


class RewardFieldChanges(TypedDict, total=False):
    """Fields that a manager sets; an absent one has its default, or stays.

    Times are wall-clock times in the manager's own zone. A stock or limit of None is none, a
    picture of None takes the picture away.
    """

    state: RewardState
    title: str
    description: str
    price: int
    stock: int | None
    per_member: int | None
    starts_at: str | None
    ends_at: str | None
    channel_ids: Sequence[str]
    picture_id: str | None


@dataclass(frozen=True)
class PictureForm:
    """A presigned S3 POST. A secret, never logged: whoever has it may post the file."""

    picture_id: str
    url: str
    fields: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class RewardStanding:
    """How one member stands to a reward: what they can spend, and how many they have."""

    reward: Reward
    balance: int
    taken: int


class RewardsSwitch:
    """Checks that a program has rewards switched on; otherwise their routes find nothing."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def require_on(self, program_id: str) -> None:
        """Raise the problem `not_found` for a program without rewards."""
        program = self._programs.cached_program(program_id)
        if program is None or not program.rewards:
            raise not_found("reward")


class RewardService:
    def __init__(
        self,
        *,
        store: RewardStore,
        pictures: PictureFiles,
        programs: Programs,
        points: PointService,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._programs = programs
        self._switch = RewardsSwitch(programs)
        self._points = points
        self._cursors = cursors
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def address(self, picture: Picture) -> str:
        """Return where a picture is shown."""
        return self._pictures.address(picture)

    def ask_for_picture(
        self, caller: Caller, content_type: str, made_id: str | None = None
    ) -> PictureForm:
        """Make a form to post a picture's file with; the picture is checked once a reward has it.

        Raises the problem `not_found` where rewards are off, as everything here does.
        """
        self._switch.require_on(caller.program_id)
        now = self._clock.now()
        picture_id = f"pic_{made_id}" if made_id else new_id("pic", now)
        asked = {"content_type": content_type}
        self._store.commit([act(Kind.PICTURE_ASKED, caller.program_id, picture_id, after=asked)])
        form: Any = self._pictures.form(caller.program_id, picture_id, content_type)
        return PictureForm(picture_id, form["url"], form["fields"], now + FORM_LIFETIME)

    def create(
        self, caller: Caller, made_id: str | None = None, **wanted: Unpack[RewardFieldChanges]
    ) -> Reward:
        """Make a reward: on offer at once, from its start, or a draft.

        Raises problems: `invalid_request`, `limit_reached`.
        """
        self._switch.require_on(caller.program_id)
        now = self._clock.now()
        blank = Reward(
            program_id=caller.program_id,
            reward_id=f"rwd_{made_id}" if made_id else new_id("rwd", now),
            state=RewardState.ACTIVE,
            title="",
            description="",
            price=1,
            stock=None,
            per_member=None,
            starts_at=None,
            ends_at=None,
            time_zone=caller.time_zone,
            created_by=caller.member_id,
            created_at=now,
        )
        made = self._store.get(caller.program_id, blank.reward_id) if made_id else None
        if made:
            return made  # by the same request, whose answer was lost
        reward = self._with_changes(caller, blank, wanted, now)
        try:
            self._store.create(reward)
        except AlreadyCreated:
            return self.reward(caller, blank.reward_id)
        except TooManyRewards as error:
            raise _too_many_rewards() from error
        logger.info("reward created", extra={"reward_id": reward.reward_id})
        return reward

    @retry_conflicts("The reward keeps changing. Try again.")
    def edit(
        self, caller: Caller, reward_id: str, version: int, **changes: Unpack[RewardFieldChanges]
    ) -> Reward:
        """Change a reward as it was at this `version`; requests that were made stay as they are.

        Raises problems: `not_found`, `changed_meanwhile` (with the `version` it has now),
        `invalid_request` (also for a stock below what is taken, which it names), `limit_reached`.
        """
        before = self.reward(caller, reward_id)
        check_version("this reward", before.version, version)
        after = self._with_changes(caller, before, changes, self._clock.now())
        if after == before:
            return before
        after = replace(after, version=version + 1)
        try:
            self._store.change(before, after)
        except TooManyRewards as error:
            raise _too_many_rewards() from error
        except StockBelowTaken as error:  # or another manager was faster: it is looked at again
            raise Conflict from error
        return after

    def _with_changes(
        self, caller: Caller, reward: Reward, changes: RewardFieldChanges, now: datetime
    ) -> Reward:
        """Return the reward as changed. Raises the problem `invalid_request`."""
        times = read_times(changes, caller.time_zone)
        moved = any(getattr(reward, name) != instant for name, instant in times.items())
        kept = (reward.starts_at, reward.ends_at)
        changed = replace(
            reward,
            state=changes.get("state", reward.state),
            title=changes.get("title", reward.title),
            description=changes.get("description", reward.description),
            price=changes.get("price", reward.price),
            per_member=changes.get("per_member", reward.per_member),
            starts_at=times.get("starts_at", reward.starts_at),
            ends_at=times.get("ends_at", reward.ends_at),
            time_zone=caller.time_zone if moved else reward.time_zone,
            channel_ids=frozenset(changes.get("channel_ids", reward.channel_ids)),
        )
        if moved:
            try:
                check_window(changed.starts_at, changed.ends_at, now, kept)
            except InvalidTime as error:
                raise invalid_time_problem(error) from error
        changed = _with_stock(changed, changes.get("stock", reward.stock), now)
        self._check_channels(reward, changed)
        if "picture_id" in changes:
            changed = replace(
                changed, picture=self._show_posted_picture(caller, changes["picture_id"])
            )
        return changed

    def _check_channels(self, before: Reward, after: Reward) -> None:
        """Check channels that are new to a reward."""
        wanted = after.channel_ids - before.channel_ids
        known = self._programs.channels(after.program_id, wanted) if wanted else {}
        require_open_channels(wanted, known)

    def _show_posted_picture(self, caller: Caller, picture_id: str | None) -> Picture | None:
        """Check a picture that was posted, and put what may be shown of it where it is shown."""
        if picture_id is None:
            return None
        content = self._pictures.posted(caller.program_id, picture_id)
        if content is None:
            raise invalid_field(
                "picture_id", "picture_not_received", "The picture's file has not arrived."
            )
        try:
            found = examine_picture(content)
        except PictureRefused as error:
            raise invalid_field("picture_id", error.code, error.message, error.limit) from error
        now = self._clock.now()
        key = self._pictures.shown.key(caller.program_id, new_id("pic", now), found.content_type)
        self._store.note_picture(caller.program_id, key, now + UNUSED_PICTURE_RETENTION)
        self._pictures.shown.show(key, found.shown, found.content_type)
        return Picture(key, found.content_type, found.width, found.height)

    def reward(self, caller: Caller, reward_id: str) -> Reward:
        """Read a reward as managers do. Raises the problem `not_found`."""
        self._switch.require_on(caller.program_id)
        found = self._store.get(caller.program_id, reward_id)
        if found is None:
            raise not_found("reward")
        return found

    def rewards(
        self, caller: Caller, limit: int, cursor: str | None, *, archived: bool
    ) -> Page[Reward]:
        """List rewards as managers see them, newest first: archived ones or the others."""
        self._switch.require_on(caller.program_id)
        return self._cursors.page(
            caller.program_id,
            "rewards/archived" if archived else "rewards",
            cursor,
            limit,
            fetch=lambda at, count: self._store.rewards(
                caller.program_id, archived=archived, before=at.get("before"), count=count
            ),
            position_of=lambda last: {"before": last.reward_id},
        )

    def offered(self, caller: Caller) -> list[Reward]:
        """List what is on offer to the caller, or sold out, the cheapest first: all of it."""
        self._switch.require_on(caller.program_id)
        found = self._store.rewards(caller.program_id, archived=False, count=MAX_REWARDS)
        return visible_rewards(found, caller.channels, self._clock.now())

    def standing(self, caller: Caller, reward_id: str) -> RewardStanding:
        """Read a reward that is on offer to the caller, and how they stand to it: one call.

        Raises the problem `not_found`, also for what is not addressed to them or not on offer.
        """
        reads: list[Read[Any]] = [
            self._store.read_of_reward(caller.program_id, reward_id),
            self._points.read_of_totals(caller.owner),
            self._store.read_of_taken(caller.owner, reward_id),
            *self._programs.program_read_unless_cached(caller.program_id),
        ]
        reward, totals, taken, *_ = self._store.read_together(reads)
        self._switch.require_on(caller.program_id)
        if reward is None or not visible_rewards([reward], caller.channels, self._clock.now()):
            raise not_found("reward")
        return RewardStanding(reward, totals.balance if totals else 0, taken or 0)


def _with_stock(reward: Reward, stock: int | None, now: datetime) -> Reward:
    """Return a reward with a stock. An unlimited reward begins to count its pieces."""
    if stock is None:
        return replace(reward, stock=None, stock_id=None, taken=0)
    if reward.stock is None:
        return replace(reward, stock=stock, stock_id=new_id("stk", now), taken=0)
    if stock < reward.taken:
        raise invalid_field(
            "stock",
            "below_taken",
            f"{reward.taken} pieces are asked for or handed out already; the stock cannot be less.",
            reward.taken,
        )
    return replace(reward, stock=stock)


def _too_many_rewards() -> Problem:
    return Problem(
        ProblemCode.LIMIT_REACHED,
        f"A program has {MAX_REWARDS} rewards at most, not counting archived ones. Archive one "
        "first.",
        members={"quota": "rewards", "limit": MAX_REWARDS},
    )


def status_for(reward: Reward, caller: Caller, now: datetime) -> RewardStatus | None:
    """Return a reward's status for a member who asks for it; None for what is not theirs to see."""
    status = reward.status_at(now)
    if not reward.is_addressed_to(caller.channels) or status is RewardStatus.DRAFT:
        return None
    return status
