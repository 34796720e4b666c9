"""A reference model of a program: plain lists in memory, everything computed when it is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from chalicelib.activities.problems import ActivityProblem
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import Code, ProblemCode
from chalicelib.points.periods import Period
from chalicelib.points.problems import PointProblem
from chalicelib.programs.problems import ProgramProblem
from chalicelib.rewards.problems import RewardProblem
from chalicelib.tiktok.problems import TikTokProblem

HOME_ZONE = "Europe/Berlin"
INBOX_PLACES = 5
DAY = timedelta(days=1)
TWO_HOURS = timedelta(hours=2)
NEVER = datetime.min.replace(tzinfo=UTC)
Refusal = Code | None
SPENDING = ("spending", "refund")
BoardRow = tuple[int, str, int]
"""Rank, member, points."""


@dataclass
class Person:
    """A person invited to the program, in the order of invitations."""

    email: str
    member_id: str
    role: Role
    status: str = "invited"
    channels: set[str] = field(default_factory=set)
    account: str | None = None
    invited_at: datetime = NEVER
    connected_at: datetime = NEVER
    places: dict[str, datetime] = field(default_factory=dict)
    marks: dict[str, str | None] = field(default_factory=dict)

    @property
    def is_active_manager(self) -> bool:
        return self.status == "active" and self.role is Role.MANAGER

    @property
    def has_predecessors_account(self) -> bool:
        """Whether the connected account predates the invitation and is not released yet."""
        return self.connected_at < self.invited_at


@dataclass
class ModelChannel:
    """A channel."""

    channel_id: str
    private: bool
    archived: bool = False


@dataclass
class ModelActivity:
    """An activity, in the order of creation."""

    activity_id: str
    number: int
    points: int = 0
    bonus: int = 0
    featured: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    channels: frozenset[str] = frozenset()
    campaign: str | None = None
    state: str = "published"
    version: int = 1

    def is_over(self, now: datetime) -> bool:
        return self.state != "published" or (self.ends_at is not None and now >= self.ends_at)

    def is_open(self, now: datetime) -> bool:
        return not self.is_over(now) and (self.starts_at is None or self.starts_at <= now)

    def is_for(self, person: Person) -> bool:
        return not self.channels or bool(self.channels & person.channels)


@dataclass
class ModelPerformance:
    """A performance, in the order of creation."""

    performance_id: str
    person: Person
    task: ModelActivity
    points: int
    bonus: int
    made_at: datetime
    since: datetime
    state: str = "queued"
    held_at: datetime | None = None
    begun_at: datetime | None = None
    delivered_at: datetime | None = None
    """When it arrived in the inbox, or probably did."""

    @property
    def is_unfinished(self) -> bool:
        return self.state in ("queued", "sending")


@dataclass
class ModelReward:
    """A reward, in the order of creation."""

    reward_id: str
    price: int
    stock: int | None
    limit: int | None
    channels: frozenset[str] = frozenset()
    state: str = "active"
    version: int = 1
    stock_generation: int = 0
    """Counts how often its stock was limited again."""

    def is_for(self, person: Person) -> bool:
        return not self.channels or bool(self.channels & person.channels)


@dataclass
class ModelRedemption:
    """A redemption, in the order of creation."""

    redemption_id: str
    person: Person
    reward: ModelReward
    price: int
    stock_generation: int | None
    state: str = "requested"


@dataclass
class ModelEntry:
    """An entry of a member's ledger, and when its points were earned.

    `day` is fixed when the program changes to another time zone.
    """

    member_id: str
    kind: str
    points: int
    performance_id: str
    earned_at: datetime
    day: date | None = None


@dataclass
class ReferenceModel:
    """A program with its people and all their actions."""

    people: dict[str, Person] = field(default_factory=dict)
    channels: list[ModelChannel] = field(default_factory=list)
    campaigns: dict[str, bool] = field(default_factory=dict)
    tasks: list[ModelActivity] = field(default_factory=list)
    sends: list[ModelPerformance] = field(default_factory=list)
    ledger: list[ModelEntry] = field(default_factory=list)
    rewards: list[ModelReward] = field(default_factory=list)
    redemptions: list[ModelRedemption] = field(default_factory=list)
    managers_shown: bool = True
    leaderboard_on: bool = True
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(HOME_ZONE))
    boards: dict[Period, tuple[date, list[BoardRow]]] = field(default_factory=dict)

    def active(self) -> list[Person]:
        return [each for each in self.people.values() if each.status == "active"]

    def managers(self) -> list[Person]:
        return [each for each in self.people.values() if each.is_active_manager]

    # --- people and channels --------------------------------------------------------------------

    def has_other_manager(self, person: Person) -> bool:
        return any(each is not person for each in self.managers())

    def join(self, person: Person, channel: ModelChannel) -> Refusal:
        if not self._sees(person, channel):
            return ProblemCode.NOT_FOUND
        if channel.archived and channel.channel_id not in person.channels:
            return ProgramProblem.CHANNEL_ARCHIVED
        person.channels.add(channel.channel_id)
        return None

    def leave(self, person: Person, channel: ModelChannel) -> Refusal:
        if not self._sees(person, channel):
            return ProblemCode.NOT_FOUND
        if channel.private and not person.is_active_manager:
            return ProblemCode.FORBIDDEN
        person.channels.discard(channel.channel_id)
        return None

    def add_member(self, person: Person, channel: ModelChannel) -> Refusal:
        if channel.archived:
            return ProgramProblem.CHANNEL_ARCHIVED
        if person.status == "removed":
            return ProblemCode.INVALID_REQUEST
        person.channels.add(channel.channel_id)
        return None

    def _sees(self, person: Person, channel: ModelChannel) -> bool:
        public = not channel.private and not channel.archived
        return public or person.is_active_manager or channel.channel_id in person.channels

    # --- feeds ----------------------------------------------------------------------------------

    def feed(self, person: Person, now: datetime, campaign: str | None = None) -> list[str]:
        there = [
            each
            for each in self.tasks
            if each.is_open(now)
            and each.is_for(person)
            and each.activity_id not in person.marks
            and campaign in (None, each.campaign)
        ]
        there.sort(key=lambda each: (each.featured, each.number), reverse=True)
        return [each.activity_id for each in there]

    def dismiss(self, person: Person, task: ModelActivity, now: datetime) -> Refusal:
        if not (task.is_open(now) and task.is_for(person)):
            return ProblemCode.NOT_FOUND
        if person.marks.get(task.activity_id):
            return ActivityProblem.ALREADY_PERFORMED
        person.marks[task.activity_id] = None
        return None

    def undismiss(self, person: Person, task: ModelActivity, now: datetime) -> Refusal:
        if not (task.is_open(now) and task.is_for(person)):
            return ProblemCode.NOT_FOUND
        if person.marks.get(task.activity_id, "") is None:
            del person.marks[task.activity_id]
        return None

    # --- performances ---------------------------------------------------------------------------

    def may_perform(self, person: Person, task: ModelActivity, now: datetime) -> Refusal:
        if not task.is_for(person):
            return ProblemCode.NOT_FOUND
        if task.is_over(now):
            return ActivityProblem.ACTIVITY_ENDED
        if not task.is_open(now):
            return ActivityProblem.ACTIVITY_NOT_STARTED
        if person.marks.get(task.activity_id):
            return ActivityProblem.ALREADY_PERFORMED
        if person.account != "connected":
            return TikTokProblem.TIKTOK_ACCOUNT_REQUIRED
        if sum(now < since + DAY for since in person.places.values()) >= INBOX_PLACES:
            return TikTokProblem.TIKTOK_INBOX_FULL
        return None

    def perform(
        self, person: Person, task: ModelActivity, performance_id: str, now: datetime
    ) -> None:
        self.sends.append(
            ModelPerformance(performance_id, person, task, task.points, task.bonus, now, now)
        )
        person.marks[task.activity_id] = performance_id
        person.places[performance_id] = now
        self.ledger.append(ModelEntry(person.member_id, "award", task.points, performance_id, now))

    def stage(self, send: ModelPerformance, does: str, now: datetime) -> None:
        """Advance a performance as far as staging does if TikTok `does` this."""
        if send.state in ("staged", "unconfirmed"):
            lately = send.delivered_at is not None and now - send.delivered_at < 7 * DAY
            if lately and send.person.account == "connected":
                self._ask_again(send, does, now)
        elif send.state == "queued":
            if send.held_at is None and now - send.since >= DAY:
                self._fail(send, frees=send.begun_at is None)
            else:
                self._send(send, does, now)
        elif send.state == "sending":
            self._follow(send, does, now)

    def _send(self, send: ModelPerformance, does: str, now: datetime) -> None:
        if send.person.account != "connected":
            waited = send.held_at is not None and now - send.held_at >= 30 * DAY
            if send.person.account is None or waited or not send.task.is_open(now):
                self._fail(send, frees=True)
            else:
                send.held_at = send.held_at or now
            return
        if send.person.status != "active" or send.person.has_predecessors_account:
            return  # a removed person's account gets nothing; this fails once it is released
        if send.held_at is not None:
            send.held_at, send.since = None, now
        if does == "refuses":
            self._fail(send, frees=True)
        elif does != "is busy":
            send.state, send.begun_at = "sending", now
            self._follow(send, does, now)

    def _follow(self, send: ModelPerformance, does: str, now: datetime) -> None:
        begun_at = send.begun_at or now
        if send.person.account != "connected":
            if now - begun_at > TWO_HOURS:
                send.state, send.delivered_at = "unconfirmed", now
        elif does == "takes it":
            send.state, send.delivered_at = "staged", now
        elif does == "posts":
            self.post(send, now)
        elif does in ("refuses", "refuses the bytes"):
            self._fail(send, frees=True)
        elif now - begun_at > TWO_HOURS:
            send.state, send.delivered_at = "unconfirmed", now

    def _ask_again(self, send: ModelPerformance, does: str, now: datetime) -> None:
        refused = does in ("refuses", "refuses the bytes")
        if does == "posts":
            self.post(send, now)
        elif send.state == "unconfirmed" and does == "takes it":
            send.state, send.delivered_at = "staged", now
        elif send.state == "unconfirmed" and refused:
            self._fail(send, frees=True)
        elif refused:  # the person discarded the draft
            send.person.places.pop(send.performance_id, None)

    def post(self, send: ModelPerformance, now: datetime) -> None:
        send.state = "posted"
        send.person.places.pop(send.performance_id, None)
        if send.bonus:
            member_id, made = send.person.member_id, send.performance_id
            self.ledger.append(ModelEntry(member_id, "bonus", send.bonus, made, now))

    def _fail(self, send: ModelPerformance, *, frees: bool) -> None:
        send.state = "failed"
        made = send.performance_id
        award = next(each for each in self.ledger if each.performance_id == made)
        self.ledger.append(replace(award, kind="reversal", points=-send.points))
        del send.person.marks[send.task.activity_id]
        if frees:
            send.person.places.pop(send.performance_id, None)

    # --- rewards --------------------------------------------------------------------------------

    def taken(self, reward: ModelReward) -> int:
        """Count the taken pieces of the current stock, without those of rejected redemptions."""
        return sum(
            each.reward is reward
            and each.stock_generation == reward.stock_generation
            and each.state != "rejected"
            for each in self.redemptions
            if each.stock_generation is not None
        )

    def offers(self, person: Person) -> list[str]:
        shown = [each for each in self.rewards if each.state == "active" and each.is_for(person)]
        return [each.reward_id for each in sorted(shown, key=lambda each: each.price)]

    def may_redeem(self, person: Person, reward: ModelReward) -> Refusal:
        if not reward.is_for(person) or reward.state == "draft":
            return ProblemCode.NOT_FOUND
        if reward.state == "archived":
            return RewardProblem.REWARD_NOT_ON_OFFER
        if reward.stock is not None and self.taken(reward) >= reward.stock:
            return RewardProblem.REWARD_SOLD_OUT
        mine = [
            each
            for each in self.redemptions
            if each.person is person and each.reward is reward and each.state != "rejected"
        ]
        if reward.limit is not None and len(mine) >= reward.limit:
            return RewardProblem.REWARD_LIMIT_REACHED
        if self.balance(person) < reward.price:
            return PointProblem.BALANCE_TOO_LOW
        return None

    def redeem(
        self, person: Person, reward: ModelReward, redemption_id: str, now: datetime
    ) -> None:
        stock_generation = None if reward.stock is None else reward.stock_generation
        self.redemptions.append(
            ModelRedemption(redemption_id, person, reward, reward.price, stock_generation)
        )
        self.ledger.append(
            ModelEntry(person.member_id, "spending", -reward.price, redemption_id, now)
        )

    def decide(self, redemption: ModelRedemption, state: str, now: datetime) -> Refusal:
        if redemption.state != "requested":
            return None if redemption.state == state else RewardProblem.REDEMPTION_DECIDED
        redemption.state = state
        if state == "rejected":
            member_id = redemption.person.member_id
            self.ledger.append(
                ModelEntry(member_id, "refund", redemption.price, redemption.redemption_id, now)
            )
        return None

    # --- points ---------------------------------------------------------------------------------

    def balance(self, person: Person) -> int:
        return sum(points for _, points in self.entries(person))

    def earned(self, person: Person) -> int:
        return sum(points for kind, points in self.entries(person) if kind not in SPENDING)

    def adjust(self, person: Person, amount: int, now: datetime) -> Refusal:
        if person.status == "removed":
            return ProgramProblem.MEMBER_REMOVED
        if amount < 0 and self.balance(person) + amount < 0:
            return PointProblem.BALANCE_TOO_LOW
        self.ledger.append(ModelEntry(person.member_id, "adjustment", amount, "", now))
        return None

    def entries(self, person: Person) -> list[tuple[str, int]]:
        mine = (each for each in self.ledger if each.member_id == person.member_id)
        return sorted((each.kind, each.points) for each in mine)

    def build_boards(self, now: datetime) -> None:
        """Store the boards' rows until the next build."""
        if self.leaderboard_on:
            self.boards = {
                each: (self.first_day(each, now), self.board(each, now)) for each in Period
            }

    def shown_board(self, period: Period, now: datetime) -> list[BoardRow]:
        """Return a board's stored rows; empty if they were built for another period."""
        first_day, places = self.boards.get(period, (None, []))
        return places if first_day == self.first_day(period, now) else []

    def scores(self) -> dict[str, dict[str, int]]:
        """Sum the earned points by period, its first day, and member."""
        found: dict[str, dict[str, int]] = {}
        for each in self.ledger:
            if each.kind in SPENDING:
                continue
            for period in Period:
                name = f"{period.value}#{_first_of(period, self.day(each))}"
                have = found.setdefault(name, {})
                have[each.member_id] = have.get(each.member_id, 0) + each.points
        return found

    def board(self, period: Period, now: datetime) -> list[BoardRow]:
        """Rank everybody who is shown on the board and has points."""
        rows = [
            (-points, each.member_id)
            for each in self.active()
            if self.is_shown(each) and (points := self.points(each, period, now)) > 0
        ]
        rows.sort(
            key=lambda row: row[0]
        )  # a stable sort: equal people stay in the order of invitations
        return [
            (1 + sum(other < negative for other, _ in rows), member_id, -negative)
            for negative, member_id in rows
        ]

    def is_shown(self, person: Person) -> bool:
        return self.managers_shown or person.role is not Role.MANAGER

    def points(self, person: Person, period: Period, now: datetime) -> int:
        return sum(
            each.points
            for each in self.ledger
            if each.member_id == person.member_id
            and each.kind not in SPENDING
            and _first_of(period, self.day(each)) == self.first_day(period, now)
        )

    # --- the calendar ---------------------------------------------------------------------------

    def day(self, line: ModelEntry) -> date:
        return line.day or line.earned_at.astimezone(self.zone).date()

    def first_day(self, period: Period, now: datetime) -> date:
        return _first_of(period, now.astimezone(self.zone).date())

    def change_time_zone(self, zone: str) -> None:
        """Change to another zone's calendar; earned points stay on their day."""
        for each in self.ledger:
            each.day = self.day(each)
        self.zone = ZoneInfo(zone)

    def next_period_start(self, period: Period, now: datetime) -> datetime:
        """Return when the next week, month, quarter or year begins."""
        day = now.astimezone(self.zone).date()
        this = _first_of(period, day)
        while _first_of(period, day) == this:
            day += DAY
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def _first_of(period: Period, day: date) -> date:
    """Return the first day of the week, month, quarter or year that contains a day."""
    match period:
        case Period.WEEK:
            return day - day.weekday() * DAY
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=(1, 4, 7, 10)[(day.month - 1) // 3], day=1)
        case Period.YEAR:
            return day.replace(month=1, day=1)
        case Period.ALL_TIME:
            return date.min


def in_pages(expected: list[str], limit: int) -> Iterator[list[str]]:
    """Split a list into pages: all full except the last."""
    yield expected[:limit]
    for at in range(limit, len(expected), limit):
        yield expected[at : at + limit]
