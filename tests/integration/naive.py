"""What a program should be, told the plainest way: lists in memory, and nothing kept ready."""

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

HOME = "Europe/Berlin"
INBOX = 5
DAY = timedelta(days=1)
TWO_HOURS = timedelta(hours=2)
NEVER = datetime.min.replace(tzinfo=UTC)
Refusal = Code | None
SPENDING = ("spending", "refund")
Place = tuple[int, str, int]
"""Rank, member, points."""


@dataclass
class Person:
    """Somebody whom the program invited once, in the order of their invitations."""

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
    def runs_it(self) -> bool:
        return self.status == "active" and self.role is Role.MANAGER

    @property
    def had_account_before(self) -> bool:
        """Whether what is connected is of who was removed, and not yet let go of."""
        return self.connected_at < self.invited_at


@dataclass
class Room:
    """A channel."""

    channel_id: str
    private: bool
    archived: bool = False


@dataclass
class Task:
    """An activity, in the order in which they were made."""

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
class Send:
    """A performance, in the order in which they were made."""

    performance_id: str
    person: Person
    task: Task
    points: int
    bonus: int
    made_at: datetime
    since: datetime
    state: str = "queued"
    held_at: datetime | None = None
    begun_at: datetime | None = None
    rests_since: datetime | None = None
    """Since when it is in the inbox, or probably."""

    @property
    def under_way(self) -> bool:
        return self.state in ("queued", "sending")


@dataclass
class Prize:
    """A reward, in the order in which they were made."""

    reward_id: str
    price: int
    stock: int | None
    limit: int | None
    channels: frozenset[str] = frozenset()
    state: str = "active"
    version: int = 1
    pile: int = 0
    """Counts how often its stock was limited anew."""

    def is_for(self, person: Person) -> bool:
        return not self.channels or bool(self.channels & person.channels)


@dataclass
class Wish:
    """A redemption, in the order in which they were made."""

    redemption_id: str
    person: Person
    prize: Prize
    price: int
    pile: int | None
    state: str = "requested"


@dataclass
class Line:
    """A line of a member's ledger, and when what it is about was earned.

    That is one day for good once the program has moved on to another zone.
    """

    member_id: str
    kind: str
    points: int
    performance_id: str
    earned_at: datetime
    day: date | None = None


@dataclass
class Naive:
    """A program with its people, and everything they did."""

    people: dict[str, Person] = field(default_factory=dict)
    rooms: list[Room] = field(default_factory=list)
    campaigns: dict[str, bool] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    ledger: list[Line] = field(default_factory=list)
    prizes: list[Prize] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    managers_shown: bool = True
    ranks: bool = True
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(HOME))
    boards: dict[Period, tuple[date, list[Place]]] = field(default_factory=dict)

    def active(self) -> list[Person]:
        return [each for each in self.people.values() if each.status == "active"]

    def managers(self) -> list[Person]:
        return [each for each in self.people.values() if each.runs_it]

    # --- people and channels --------------------------------------------------------------------

    def stays_managed_without(self, person: Person) -> bool:
        return any(each is not person for each in self.managers())

    def join(self, person: Person, room: Room) -> Refusal:
        if not self._knows_of(person, room):
            return ProblemCode.NOT_FOUND
        if room.archived and room.channel_id not in person.channels:
            return ProgramProblem.CHANNEL_ARCHIVED
        person.channels.add(room.channel_id)
        return None

    def leave(self, person: Person, room: Room) -> Refusal:
        if not self._knows_of(person, room):
            return ProblemCode.NOT_FOUND
        if room.private and not person.runs_it:
            return ProblemCode.FORBIDDEN
        person.channels.discard(room.channel_id)
        return None

    def put_in(self, person: Person, room: Room) -> Refusal:
        if room.archived:
            return ProgramProblem.CHANNEL_ARCHIVED
        if person.status == "removed":
            return ProblemCode.INVALID_REQUEST
        person.channels.add(room.channel_id)
        return None

    def _knows_of(self, person: Person, room: Room) -> bool:
        public = not room.private and not room.archived
        return public or person.runs_it or room.channel_id in person.channels

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

    def dismiss(self, person: Person, task: Task, now: datetime) -> Refusal:
        if not (task.is_open(now) and task.is_for(person)):
            return ProblemCode.NOT_FOUND
        if person.marks.get(task.activity_id):
            return ActivityProblem.ALREADY_PERFORMED
        person.marks[task.activity_id] = None
        return None

    def undismiss(self, person: Person, task: Task, now: datetime) -> Refusal:
        if not (task.is_open(now) and task.is_for(person)):
            return ProblemCode.NOT_FOUND
        if person.marks.get(task.activity_id, "") is None:
            del person.marks[task.activity_id]
        return None

    # --- performances ---------------------------------------------------------------------------

    def may_perform(self, person: Person, task: Task, now: datetime) -> Refusal:
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
        if sum(now < since + DAY for since in person.places.values()) >= INBOX:
            return TikTokProblem.TIKTOK_INBOX_FULL
        return None

    def perform(self, person: Person, task: Task, performance_id: str, now: datetime) -> None:
        self.sends.append(Send(performance_id, person, task, task.points, task.bonus, now, now))
        person.marks[task.activity_id] = performance_id
        person.places[performance_id] = now
        self.ledger.append(Line(person.member_id, "award", task.points, performance_id, now))

    def stage(self, send: Send, does: str, now: datetime) -> None:
        """Bring a performance as far as it goes when TikTok `does` this."""
        if send.state in ("staged", "unconfirmed"):
            lately = send.rests_since is not None and now - send.rests_since < 7 * DAY
            if lately and send.person.account == "connected":
                self._ask_again(send, does, now)
        elif send.state == "queued":
            if send.held_at is None and now - send.since >= DAY:
                self._fail(send, frees=send.begun_at is None)
            else:
                self._send(send, does, now)
        elif send.state == "sending":
            self._follow(send, does, now)

    def _send(self, send: Send, does: str, now: datetime) -> None:
        if send.person.account != "connected":
            waited = send.held_at is not None and now - send.held_at >= 30 * DAY
            if send.person.account is None or waited or not send.task.is_open(now):
                self._fail(send, frees=True)
            else:
                send.held_at = send.held_at or now
            return
        if send.person.status != "active" or send.person.had_account_before:
            return  # nothing goes to the account of who was removed; once it is gone, this fails
        if send.held_at is not None:
            send.held_at, send.since = None, now
        if does == "refuses":
            self._fail(send, frees=True)
        elif does != "is busy":
            send.state, send.begun_at = "sending", now
            self._follow(send, does, now)

    def _follow(self, send: Send, does: str, now: datetime) -> None:
        begun_at = send.begun_at or now
        if send.person.account != "connected":
            if now - begun_at > TWO_HOURS:
                send.state, send.rests_since = "unconfirmed", now
        elif does == "takes it":
            send.state, send.rests_since = "staged", now
        elif does == "posts":
            self.post(send, now)
        elif does in ("refuses", "refuses the bytes"):
            self._fail(send, frees=True)
        elif now - begun_at > TWO_HOURS:
            send.state, send.rests_since = "unconfirmed", now

    def _ask_again(self, send: Send, does: str, now: datetime) -> None:
        refused = does in ("refuses", "refuses the bytes")
        if does == "posts":
            self.post(send, now)
        elif send.state == "unconfirmed" and does == "takes it":
            send.state, send.rests_since = "staged", now
        elif send.state == "unconfirmed" and refused:
            self._fail(send, frees=True)
        elif refused:  # its person let it go
            send.person.places.pop(send.performance_id, None)

    def post(self, send: Send, now: datetime) -> None:
        send.state = "posted"
        send.person.places.pop(send.performance_id, None)
        if send.bonus:
            member_id, made = send.person.member_id, send.performance_id
            self.ledger.append(Line(member_id, "bonus", send.bonus, made, now))

    def _fail(self, send: Send, *, frees: bool) -> None:
        send.state = "failed"
        made = send.performance_id
        award = next(each for each in self.ledger if each.performance_id == made)
        self.ledger.append(replace(award, kind="reversal", points=-send.points))
        del send.person.marks[send.task.activity_id]
        if frees:
            send.person.places.pop(send.performance_id, None)

    # --- rewards --------------------------------------------------------------------------------

    def taken(self, prize: Prize) -> int:
        """Count the pieces of the stock it has now that are not given back."""
        return sum(
            each.prize is prize and each.pile == prize.pile and each.state != "rejected"
            for each in self.wishes
            if each.pile is not None
        )

    def offers(self, person: Person) -> list[str]:
        shown = [each for each in self.prizes if each.state == "active" and each.is_for(person)]
        return [each.reward_id for each in sorted(shown, key=lambda each: each.price)]

    def may_redeem(self, person: Person, prize: Prize) -> Refusal:
        if not prize.is_for(person) or prize.state == "draft":
            return ProblemCode.NOT_FOUND
        if prize.state == "archived":
            return RewardProblem.REWARD_NOT_ON_OFFER
        if prize.stock is not None and self.taken(prize) >= prize.stock:
            return RewardProblem.REWARD_SOLD_OUT
        mine = [
            each
            for each in self.wishes
            if each.person is person and each.prize is prize and each.state != "rejected"
        ]
        if prize.limit is not None and len(mine) >= prize.limit:
            return RewardProblem.REWARD_LIMIT_REACHED
        if self.balance(person) < prize.price:
            return PointProblem.BALANCE_TOO_LOW
        return None

    def redeem(self, person: Person, prize: Prize, redemption_id: str, now: datetime) -> None:
        pile = None if prize.stock is None else prize.pile
        self.wishes.append(Wish(redemption_id, person, prize, prize.price, pile))
        self.ledger.append(Line(person.member_id, "spending", -prize.price, redemption_id, now))

    def decide(self, wish: Wish, state: str, now: datetime) -> Refusal:
        if wish.state != "requested":
            return None if wish.state == state else RewardProblem.REDEMPTION_DECIDED
        wish.state = state
        if state == "rejected":
            member_id = wish.person.member_id
            self.ledger.append(Line(member_id, "refund", wish.price, wish.redemption_id, now))
        return None

    # --- points ---------------------------------------------------------------------------------

    def balance(self, person: Person) -> int:
        return sum(points for _, points in self.lines(person))

    def earned(self, person: Person) -> int:
        return sum(points for kind, points in self.lines(person) if kind not in SPENDING)

    def adjust(self, person: Person, amount: int, now: datetime) -> Refusal:
        if person.status == "removed":
            return ProgramProblem.MEMBER_REMOVED
        if amount < 0 and self.balance(person) + amount < 0:
            return PointProblem.BALANCE_TOO_LOW
        self.ledger.append(Line(person.member_id, "adjustment", amount, "", now))
        return None

    def lines(self, person: Person) -> list[tuple[str, int]]:
        mine = (each for each in self.ledger if each.member_id == person.member_id)
        return sorted((each.kind, each.points) for each in mine)

    def make_boards(self, now: datetime) -> None:
        """Keep what boards show until they are made again."""
        if self.ranks:
            self.boards = {
                each: (self.first_day(each, now), self.board(each, now)) for each in Period
            }

    def shown_board(self, period: Period, now: datetime) -> list[Place]:
        """Return what a board shows: what was made for another week is not of this one."""
        first_day, places = self.boards.get(period, (None, []))
        return places if first_day == self.first_day(period, now) else []

    def scores(self) -> dict[str, dict[str, int]]:
        """Add up what was earned: by period and its first day, and member."""
        found: dict[str, dict[str, int]] = {}
        for each in self.ledger:
            if each.kind in SPENDING:
                continue
            for period in Period:
                name = f"{period.value}#{_first_of(period, self.day(each))}"
                have = found.setdefault(name, {})
                have[each.member_id] = have.get(each.member_id, 0) + each.points
        return found

    def board(self, period: Period, now: datetime) -> list[Place]:
        """Rank everybody who is shown and has points."""
        rows = [
            (-points, each.member_id)
            for each in self.active()
            if self.is_shown(each) and (points := self.points(each, period, now)) > 0
        ]
        rows.sort(key=lambda row: row[0])  # of equal ones, who was invited first stays first
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

    def day(self, line: Line) -> date:
        return line.day or line.earned_at.astimezone(self.zone).date()

    def first_day(self, period: Period, now: datetime) -> date:
        return _first_of(period, now.astimezone(self.zone).date())

    def move(self, zone: str) -> None:
        """Have the calendar of another zone; what was earned stays on its day."""
        for each in self.ledger:
            each.day = self.day(each)
        self.zone = ZoneInfo(zone)

    def next_begins(self, period: Period, now: datetime) -> datetime:
        """Return when the next week, month, quarter or year begins."""
        day = now.astimezone(self.zone).date()
        this = _first_of(period, day)
        while _first_of(period, day) == this:
            day += DAY
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def _first_of(period: Period, day: date) -> date:
    """Return the first day of the week, month, quarter or year that a day lies in."""
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
    """Cut a list as pages cut it: all full but the last."""
    yield expected[:limit]
    for at in range(limit, len(expected), limit):
        yield expected[at : at + limit]
