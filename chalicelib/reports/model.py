"""How far each member got with each activity, and what that counts as: no I/O.

Events come twice, late and in any order. So nothing is added up from events: each is a fact about
one (activity, member) pair, facts are merged into a `Progress` that only grows, and `counts_of`
says what a progress counts as. A fact changes the counters by the difference between the counts
after and before.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import local_time

DEFAULT_DAYS = 30
MAX_DAYS = 366
"""The longest period a report covers; overviews read as many days before it (product rule)."""

FIRST_DAY = date(2020, 1, 1)
LAST_DAY = date(2999, 12, 31)
"""Days outside of these are no period of anybody's."""

WAITING_AFTER = timedelta(days=1)
"""A staged video that was not posted for so long is on the worklist (product rule)."""

WAITING_DAYS = 7
"""For so many days: as long as TikTok is asked whether it was posted (product rule)."""

FAILED_DAYS = 14
"""For so many days a failed send is on the worklist (product rule)."""

UNLIKELY_DAILY_SENDS = 25
"""Sends of a member on one day that are unlikely: TikTok keeps five drafts (product rule)."""

UNLIKELY_DAYS = 7
"""For so many days they are on the worklist (product rule)."""

SENDS_END_WITHIN = timedelta(days=30)
"""After so long nothing becomes of a send any more that needs a hand: it waits for its account for
days, is looked after for a week, and is on the worklist for two."""

NEVER_KEY = "never"
MAX_GAP_DAYS = 400
"""Days since a member was last active that are told apart; more than the longest period has."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
TIME_BUCKETS = (5 * _MINUTE, 15 * _MINUTE, _HOUR, 4 * _HOUR, _DAY, 3 * _DAY)
"""Upper bounds, in seconds, of the classes that times are counted in; the last class is open."""


class CounterName(StrEnum):
    """Names of the numbers that are counted for each day."""

    SEEN = "seen"
    SENT = "sent"
    STAGED = "staged"
    POSTED = "posted"
    DISMISSED = "dismissed"
    UNCONFIRMED = "unconfirmed"
    DISCLOSED = "disclosed"
    COUNTED = "counted"
    VIEWS = "views"
    LIKES = "likes"
    COMMENTS = "comments"
    COUNTED_POINTS = "counted_points"


MAX_SENDS = 20
"""Attempts of one member at one activity that are kept. A member whose send fails again and
again adds one each time, to an item that has 400 KB at most: these take 24, each addressed to 20
channels."""

LOST_PREFIX = "lost:"
"""And of failures, by their code: `lost:inbox_full`."""

CUT_PREFIX = "cut:"
"""And of one cut of several, by its upload: `cut:upl_1:sent`."""

TO_POST, TO_PERFORM = "post", "perform"
"""Times that are measured: from staged to posted, and from seen to sent."""


class Scope(StrEnum):
    """The kinds of counters."""

    PROGRAM = "program"
    ACTIVITY = "activity"
    TOTALS = "totals"
    CAMPAIGN = "campaign"
    CHANNELS = "channels"
    WORKLIST = "worklist"


@dataclass(frozen=True)
class CounterKey:
    """The key of a counter: a whole program or one thing in it; one day or all time."""

    scope: Scope
    thing_id: str = ""
    day: date | None = None


type Counts = Counter[tuple[CounterKey, str]]


@dataclass(frozen=True)
class Attribution:
    """The campaign and channels that a fact counts for: those of its own moment, frozen with it."""

    campaign_id: str | None = None
    channel_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class PostResponse:
    """TikTok's counts of a post at an instant, and the points that it brought its member.

    `views` is None once its member took back that this is read.
    """

    at: datetime
    views: int | None = None
    likes: int = 0
    comments: int = 0
    points: int = 0

    @property
    def order(self) -> tuple[datetime, int, int, int, int]:
        views = -1 if self.views is None else self.views
        return self.at, views, self.likes, self.comments, self.points


@dataclass(frozen=True)
class Attempt:
    """One performance, as far as it is known here. A time that is known never changes.

    `disclosed`: its member acknowledged, before sending, what to disclose in TikTok. `cut`: the
    upload of the video they were dealt, of an activity with several. Of two responses the later
    one is known.
    """

    performance_id: str
    queued_at: datetime
    attribution: Attribution = Attribution()
    unconfirmed_at: datetime | None = None
    staged_at: datetime | None = None
    posted_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    disclosed: bool = False
    cut: str | None = None
    response: PostResponse | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        return self.queued_at, self.performance_id

    def merged(self, other: "Attempt") -> "Attempt":
        """Return what is known from both: the earlier of two times, and any rather than none."""
        known: dict[str, datetime | None] = {
            each: _earlier(getattr(self, each), getattr(other, each)) for each in _MOMENT_FIELDS
        }
        failure = min((each for each in (self.failure, other.failure) if each), default=None)
        disclosed = self.disclosed or other.disclosed
        cut = min((each for each in (self.cut, other.cut) if each), default=None)
        responses = [each for each in (self.response, other.response) if each]
        response = max(responses, key=lambda each: each.order, default=None)
        return replace(
            self,
            **known,  # type: ignore[arg-type]  # mypy cannot tell the fields by these names
            failure=failure,
            disclosed=disclosed,
            cut=cut,
            response=response,
        )


_MICROSECOND = timedelta(microseconds=1)
_MOMENT_FIELDS = tuple(each.name for each in fields(Attempt) if each.name.endswith("_at"))


@dataclass(frozen=True)
class Impression:
    """A member saw an activity, first at this instant."""

    seen_at: datetime
    attribution: Attribution = Attribution()


@dataclass(frozen=True)
class Dismissal:
    """A member dismissed an activity; `undone` is the latest dismissal that was taken back."""

    dismissed_at: datetime | None = None
    undone: datetime | None = None

    @property
    def holds(self) -> bool:
        return self.dismissed_at is not None and (
            self.undone is None or self.undone < self.dismissed_at
        )

    def merged(self, other: "Dismissal") -> "Dismissal":
        return Dismissal(
            _later(self.dismissed_at, other.dismissed_at), _later(self.undone, other.undone)
        )


@dataclass(frozen=True)
class Progress:
    """How far one member got with one activity, in days of `zone`, the program's at its first fact.

    `merged` is commutative, associative and idempotent, so neither order nor repetition of facts
    matters. Of many attempts it has those that decide what is counted, and the last `MAX_SENDS`.
    `left_at`: the member was removed then, so that what they had sent needs no hand any more.
    """

    zone: str = "UTC"
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    impression: Impression | None = None
    dismissal: Dismissal = Dismissal()
    left_at: datetime | None = None

    def merged(self, other: "Progress") -> "Progress":
        attempts = dict(self.attempts)
        for each in other.attempts.values():
            known = attempts.get(each.performance_id)
            attempts[each.performance_id] = known.merged(each) if known else each
        sights = [each for each in (self.impression, other.impression) if each]
        return replace(
            self,
            attempts=_kept_attempts(attempts),
            impression=min(sights, key=_order_of_impression, default=None),
            dismissal=self.dismissal.merged(other.dismissal),
            left_at=_later(self.left_at, other.left_at),
        )

    def without_views(self, at: datetime) -> "Progress":
        """Return it with views taken back at an instant; those read since then, after that."""
        taken_back = {
            each.performance_id: replace(
                each, response=PostResponse(max(at, known.at + _MICROSECOND))
            )
            for each in self.attempts.values()
            if (known := each.response) and known.views is not None
        }
        return replace(self, attempts={**self.attempts, **taken_back}) if taken_back else self

    @property
    def ordered(self) -> list[Attempt]:
        return sorted(self.attempts.values(), key=lambda each: each.order)

    @property
    def first_sent_at(self) -> datetime | None:
        return min((each.queued_at for each in self.attempts.values()), default=None)

    @property
    def staged_at(self) -> datetime | None:
        return _first(each.staged_at for each in self.attempts.values())

    @property
    def posted_at(self) -> datetime | None:
        return _first(each.posted_at for each in self.attempts.values())

    @property
    def disclosed(self) -> bool:
        """True if the member acknowledged the disclosure of any attempt."""
        return any(each.disclosed for each in self.attempts.values())

    @property
    def cut(self) -> str | None:
        """The cut that the member was dealt, of several: the same one with every attempt."""
        return next((each.cut for each in self.ordered if each.cut), None)

    @property
    def lost(self) -> Attempt | None:
        """The last attempt, if it failed and none before it reached the inbox."""
        if not self.attempts or self.staged_at:
            return None
        last = self.ordered[-1]
        return last if last.failed_at else None

    @property
    def unconfirmed(self) -> Attempt | None:
        """The last attempt, if TikTok never said what became of it."""
        if not self.attempts or self.staged_at or self.lost:
            return None
        last = self.ordered[-1]
        return last if last.unconfirmed_at else None

    @property
    def left_behind(self) -> bool:
        """True if the member was removed after their last attempt."""
        return bool(self.left_at and self.attempts and self.ordered[-1].queued_at <= self.left_at)

    def may_need_hand(self, now: datetime) -> bool:
        """Return whether something of it is on the worklist, or could come onto it."""
        return bool(
            self.attempts
            and not self.posted_at
            and not self.left_behind
            and self.ordered[-1].queued_at > now - SENDS_END_WITHIN
        )

    @property
    def attribution(self) -> Attribution:
        """The attribution of the first fact that has one."""
        known: list[tuple[datetime, str, Attribution]] = [
            (*each.order, each.attribution) for each in self.attempts.values()
        ]
        if self.impression:
            known.append((self.impression.seen_at, "", self.impression.attribution))
        return min(known, key=lambda each: each[:2])[2] if known else Attribution()

    def day(self, instant: datetime) -> date:
        return local_time(instant, self.zone).date()


def _kept_attempts(attempts: Mapping[str, Attempt]) -> Mapping[str, Attempt]:
    """Return the attempts that are kept: the first, those that got furthest first, and the last.

    Each is chosen by an order of all attempts, so it does not matter what was left out before.
    """
    if len(attempts) <= MAX_SENDS:
        return attempts
    ordered = sorted(attempts.values(), key=lambda each: each.order)
    chosen = [ordered[0], *ordered[-MAX_SENDS:]]
    chosen += [each for each in ordered if each.disclosed][:1]
    for moment in ("staged_at", "posted_at"):
        there = [(at, each) for each in ordered if (at := getattr(each, moment))]
        chosen += [each for _, each in sorted(there, key=lambda known: (known[0], known[1].order))][
            :1
        ]
    kept = {each.performance_id for each in chosen}
    return {name: each for name, each in attempts.items() if name in kept}


@dataclass(frozen=True)
class Fact:
    """A fact about a member and an activity, from one event or one item of a table."""

    program_id: str
    member_id: str
    activity_id: str
    progress: Progress

    @property
    def pair(self) -> tuple[str, str]:
        return self.member_id, self.activity_id


def merged_facts(facts: Iterable[Fact]) -> dict[tuple[str, str], Fact]:
    """Merge facts of one program by member and activity."""
    found: dict[tuple[str, str], Fact] = {}
    for each in facts:
        known = found.get(each.pair)
        whole = known.progress.merged(each.progress) if known else each.progress
        found[each.pair] = replace(each, progress=whole)
    return found


def counts_of(activity_id: str, progress: Progress) -> Counts:
    """Return everything a progress counts as, in every scope."""
    counts: Counts = Counter()
    whose, cut = progress.attribution, progress.cut
    for day, name in _counted_names(progress):
        counts[CounterKey(Scope.PROGRAM, day=day), name] += 1
        counts[CounterKey(Scope.ACTIVITY, activity_id, day), name] += 1
        if cut and (of_cut := _cut_counter_name(name)):
            counts[CounterKey(Scope.ACTIVITY, activity_id, day), f"{CUT_PREFIX}{cut}:{of_cut}"] += 1
        if whose.campaign_id:
            counts[CounterKey(Scope.CAMPAIGN, whose.campaign_id, day), name] += 1
        if name in _CHANNEL_COUNTERS:
            for each in whose.channel_ids:
                counts[CounterKey(Scope.CHANNELS, day=day), f"{each}:{name}"] += 1
            counts[CounterKey(Scope.TOTALS, activity_id), name] += 1
        elif name.startswith(LOST_PREFIX):
            counts[CounterKey(Scope.TOTALS, activity_id), "lost"] += 1
    for day, name, number in (*_counted_times(progress), *_counted_responses(progress)):
        for place in _counter_keys(activity_id, whose, day):
            counts[place, name] += number
    for name in _worklist_counts(progress):
        counts[CounterKey(Scope.WORKLIST, activity_id), name] += 1
    return counts


def _cut_counter_name(name: str) -> str | None:
    """Return the name under which a number is counted apart for each cut; None: it is not."""
    if name.startswith(LOST_PREFIX):
        return "failed"
    return name if name in (CounterName.SENT, CounterName.STAGED, CounterName.POSTED) else None


def _counter_keys(activity_id: str, whose: Attribution, day: date) -> Iterator[CounterKey]:
    yield CounterKey(Scope.PROGRAM, day=day)
    yield CounterKey(Scope.ACTIVITY, activity_id, day)
    if whose.campaign_id:
        yield CounterKey(Scope.CAMPAIGN, whose.campaign_id, day)


_CHANNEL_COUNTERS = frozenset(
    {CounterName.SEEN, CounterName.SENT, CounterName.STAGED, CounterName.POSTED}
)


def _counted_names(progress: Progress) -> Iterator[tuple[date, str]]:
    sent_at = progress.first_sent_at
    seen = [each for each in (progress.impression and progress.impression.seen_at, sent_at) if each]
    if seen:
        yield progress.day(min(seen)), CounterName.SEEN
    if sent_at:
        yield progress.day(sent_at), CounterName.SENT
        if progress.disclosed:
            yield progress.day(sent_at), CounterName.DISCLOSED
    elif progress.dismissal.holds and progress.dismissal.dismissed_at:
        yield progress.day(progress.dismissal.dismissed_at), CounterName.DISMISSED
    if progress.staged_at:
        yield progress.day(progress.staged_at), CounterName.STAGED
    if progress.posted_at:
        yield progress.day(progress.posted_at), CounterName.POSTED
    if progress.lost and progress.lost.failed_at:
        yield (
            progress.day(progress.lost.failed_at),
            f"{LOST_PREFIX}{progress.lost.failure or 'unknown'}",
        )
    if progress.unconfirmed and progress.unconfirmed.unconfirmed_at:
        yield progress.day(progress.unconfirmed.unconfirmed_at), CounterName.UNCONFIRMED


def _counted_times(progress: Progress) -> Iterator[tuple[date, str, int]]:
    for name, seconds in _measured_seconds(progress):
        at = progress.posted_at if name == TO_POST else progress.first_sent_at
        day = progress.day(at)  # type: ignore[arg-type]  # `_measured_seconds` yields only known times
        yield day, f"{name}:{bucket_of(seconds)}", 1
        yield day, f"{name}:seconds", seconds


def _measured_seconds(progress: Progress) -> Iterator[tuple[str, int]]:
    if progress.posted_at and progress.staged_at:
        yield TO_POST, max(0, int((progress.posted_at - progress.staged_at).total_seconds()))
    sent_at, impression = progress.first_sent_at, progress.impression
    if sent_at and impression and impression.seen_at <= sent_at:
        yield TO_PERFORM, int((sent_at - impression.seen_at).total_seconds())


def _counted_responses(progress: Progress) -> Iterator[tuple[date, str, int]]:
    """Yield what TikTok counted of the post, on its day, if its views are read.

    Of several, which only failures told too early can bring about, it is the first: as the step
    `posted`, and because it is never left out, however many attempts there are.
    """
    posted = [(each.posted_at, each.order, each) for each in progress.attempts.values()]
    first = min((each for each in posted if each[0]), key=lambda each: each[:2], default=None)
    if first is None:
        return
    response = first[2].response
    if first[0] is None or response is None or response.views is None:
        return
    numbers = {
        CounterName.COUNTED: 1,
        CounterName.VIEWS: response.views,
        CounterName.LIKES: response.likes,
        CounterName.COMMENTS: response.comments,
        CounterName.COUNTED_POINTS: response.points,
    }
    day = progress.day(first[0])
    yield from ((day, name, number) for name, number in numbers.items() if number)


def _worklist_counts(progress: Progress) -> Iterator[str]:
    if progress.left_behind:
        return
    if progress.staged_at and not progress.posted_at:
        yield f"waiting:{progress.day(progress.staged_at).isoformat()}"
    if progress.lost and progress.lost.failed_at:
        day = progress.day(progress.lost.failed_at).isoformat()
        yield f"failed:{day}:{progress.lost.failure or 'unknown'}"


def bucket_of(seconds: int) -> int:
    """Return the class that a time is counted in."""
    return next((at for at, most in enumerate(TIME_BUCKETS) if seconds <= most), len(TIME_BUCKETS))


def changed_counts(before: Counts, after: Counts) -> Counts:
    """Return what has to be added to the counters; nothing for what stayed."""
    found: Counts = Counter()
    for key in before.keys() | after.keys():
        if difference := after[key] - before[key]:
            found[key] = difference
    return found


# Active members


type Days = Mapping[date, int]
"""On how many activities a member's first send was made, by day."""


def sends_by_day(activity_counts: Counts) -> Counter[date]:
    """Return the changes of a member's days out of the changed counts of one activity."""
    found: Counter[date] = Counter()
    for (place, name), number in activity_counts.items():
        if place.scope is Scope.PROGRAM and name == CounterName.SENT and place.day:
            found[place.day] += number
    return found


def changed_days(days: Days, changes: Days) -> dict[date, int]:
    """Return a member's days after changes; days without a send are left out."""
    after = {day: days.get(day, 0) + changes.get(day, 0) for day in {*days, *changes}}
    return {day: number for day, number in after.items() if number > 0}


def activity_gaps(days: Iterable[date]) -> Counts:
    """Count a member's active days by how long before each the last one was.

    Members active between two days are then those of whose active days in between one has none
    before it that is in between too: a sum over days for any period, exact, with nobody counted
    twice.
    """
    counts: Counts = Counter()
    before: date | None = None
    for day in sorted(days):
        gap = NEVER_KEY if before is None else str(min((day - before).days, MAX_GAP_DAYS))
        counts[CounterKey(Scope.PROGRAM, day=day), f"gap:{gap}"] += 1
        before = day
    return counts


def active_members(counters: Mapping[date, Mapping[str, int]], first: date, last: date) -> int:
    """Return how many members sent something between two days, both included."""
    number = 0
    for day, counted in counters.items():
        if first <= day <= last:
            since = (day - first).days
            for name, members in counted.items():
                kind, _, gap = name.partition(":")
                if kind == "gap" and (gap == NEVER_KEY or int(gap) > since):
                    number += members
    return number


# Periods


@dataclass(frozen=True)
class DateRange:
    """Days of a report, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "DateRange":
        """The same number of days, right before these."""
        last = self.first - timedelta(days=1)
        return DateRange(last - timedelta(days=self.days - 1), last)

    def each(self) -> Iterator[date]:
        for number in range(self.days):
            yield self.first + timedelta(days=number)

    def has(self, day: date) -> bool:
        return self.first <= day <= self.last


class InvalidSpan(ValueError):
    """Days that are no period; `field`, `code` and `limit` as an answer carries them."""

    def __init__(self, field: str, code: str, message: str, limit: str | int | None = None) -> None:
        super().__init__(message)
        self.field, self.code, self.message, self.limit = field, code, message, limit


def span_between(first: date | None, last: date | None, today: date) -> DateRange:
    """Return the period between two days; without them the last 30 days. Raises `InvalidSpan`."""
    for name, day in (("from", first), ("to", last)):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise InvalidSpan(
                name,
                "out_of_range",
                f"Choose a day between {FIRST_DAY} and {LAST_DAY}.",
                str(FIRST_DAY if day < FIRST_DAY else LAST_DAY),
            )
    if last is None:
        last = today if first is None or first <= today else first
    if first is None:
        first = max(FIRST_DAY, last - timedelta(days=DEFAULT_DAYS - 1))
    if last < first:
        raise InvalidSpan(
            "to", "before_from", f"The period ends ({last}) before it begins ({first})."
        )
    span = DateRange(first, last)
    if span.days > MAX_DAYS:
        raise InvalidSpan(
            "from",
            "too_long",
            f"The period has {span.days} days; {MAX_DAYS} are the most. Choose a shorter one.",
            MAX_DAYS,
        )
    return span


# People


@dataclass(frozen=True)
class CountedPerson:
    """The counted state of a member: nothing is counted of one who is not active."""

    active: bool = False
    channel_ids: frozenset[str] = frozenset()

    def counts(self) -> Counter[str]:
        return Counter(["all", *self.channel_ids]) if self.active else Counter()


@dataclass(frozen=True)
class Audience:
    """The number of members that something reaches; `exact` is false for an upper bound."""

    members: int
    exact: bool


def audience_of(counted: Mapping[str, int], channel_ids: Iterable[str]) -> Audience:
    """Return the audience of an activity: all active members, or those of its channels.

    Sizes of channels do not tell how many members are in several: they add up to an upper bound.
    """
    everybody, among = max(0, counted.get("all", 0)), sorted(channel_ids)
    if not among:
        return Audience(everybody, exact=True)
    together = sum(max(0, counted.get(each, 0)) for each in among)
    return Audience(min(everybody, together), exact=len(among) == 1)


# Worklist


class WorklistKind(StrEnum):
    """The kinds of worklist items, in the order in which they are shown."""

    APP = "tiktok_app_refused"
    REFUSED = "video_refused"
    ACTIVITY = "activity"
    REDEMPTION = "redemption_waiting"
    UNLIKELY = "unlikely_sends"
    ACCOUNT = "account_to_reconnect"
    UNDELIVERED = "mail_failed"
    INVITATION = "not_taken_up"
    WEBHOOK = "webhook_disabled"
    ADDRESS = "mail_refused"

    @property
    def prefix(self) -> str:
        """The prefix of its items' keys; kinds that may have most items sort last.

        Invitations are the last, by the ids of those invited, so by age: those that are not due yet
        lie behind all that is.
        """
        return f"{_KEY_ORDER[self]}{self.name.lower()}#"


_KEY_ORDER = {
    WorklistKind.APP: 0,
    WorklistKind.REFUSED: 1,
    WorklistKind.ACTIVITY: 2,
    WorklistKind.REDEMPTION: 3,
    WorklistKind.UNLIKELY: 4,
    WorklistKind.WEBHOOK: 4,
    WorklistKind.ACCOUNT: 5,
    WorklistKind.UNDELIVERED: 5,
    WorklistKind.ADDRESS: 5,
    WorklistKind.INVITATION: 6,
}
"""Stored: a kind never changes its number."""


@dataclass(frozen=True)
class WorklistEntry:
    """Something that needs a hand until it is taken back, or for some `days`."""

    kind: WorklistKind
    thing_id: str
    since: datetime
    title: str = ""
    number: int = 0
    days: int = 0


ARCHIVED_MARK = "archived"


def archived_mark(activity_id: str, at: datetime) -> WorklistEntry:
    """Return what keeps an archived activity off the worklist, whatever is counted of it yet."""
    days = SENDS_END_WITHIN.days
    return WorklistEntry(WorklistKind.ACTIVITY, f"{activity_id}#{ARCHIVED_MARK}", at, days=days)


def unlikely_step(sends: int) -> int:
    """Return how far the sends of one day are beyond what is likely: 0 below the limit.

    It is 1 from the limit on and one more at each doubling. The worklist's number is written at
    each step, so that it is always more than half of the day's.
    """
    return (sends // UNLIKELY_DAILY_SENDS).bit_length()


INVITATION_PENDING_AFTER = timedelta(days=7)
"""An invitation that was not taken up so long after its last mail is on the worklist (product
rule)."""


@dataclass(frozen=True)
class WorklistItem:
    """One line of the worklist: what is the matter with what, since when, and how often.

    `code` says more of the kind: `sends_failed`, `not_posted`, `mail_failed`. `reasons` are codes
    of failures, the most frequent first, `names` the first few of those concerned, `member_ids`
    the members among them, those for whom it has been so the longest first.
    """

    code: str
    thing_id: str | None
    title: str
    since: date
    count: int = 1
    reasons: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = ()
    member_ids: tuple[str, ...] = ()


MAX_NAMES = 5
MAX_MEMBER_IDS = 100
"""Maximum per item: the member list is asked for no more at once."""


def activity_worklist_items(
    activity_id: str, title: str, numbers: Mapping[str, int], today: date
) -> Iterator[WorklistItem]:
    """Return what needs a hand with an activity: failed sends, and videos left in the inbox."""
    failed: Counter[str] = Counter()
    since_failed, since_waiting, waiting = today, today, 0
    for name, number in numbers.items():
        kind, _, rest = name.partition(":")
        if number <= 0 or kind not in ("failed", "waiting"):
            continue
        told, _, code = rest.partition(":")
        day = date.fromisoformat(told)
        if kind == "failed" and (today - day).days < FAILED_DAYS:
            failed[code] += number
            since_failed = min(since_failed, day)
        elif kind == "waiting" and WAITING_AFTER.days < (today - day).days <= WAITING_DAYS:
            waiting += number
            since_waiting = min(since_waiting, day)
    if failed:
        yield WorklistItem(
            "sends_failed",
            activity_id,
            title,
            since_failed,
            failed.total(),
            tuple(sorted(failed.items(), key=lambda each: (-each[1], each[0]))),
        )
    if waiting:
        yield WorklistItem("not_posted", activity_id, title, since_waiting, waiting)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each), default=None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each), default=None)


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((each for each in moments if each), default=None)


def _order_of_impression(impression: Impression) -> tuple[datetime, str, tuple[str, ...]]:
    whose = impression.attribution
    return impression.seen_at, whose.campaign_id or "", whose.channel_ids


# Reading


class Stage(StrEnum):
    """How far a performance got, as lists show it."""

    SENT = "sent"
    UNCONFIRMED = "unconfirmed"
    STAGED = "staged"
    POSTED = "posted"
    FAILED = "failed"


@dataclass(frozen=True)
class Tally:
    """The counts of one day or of many."""

    numbers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, days: Iterable[Mapping[str, int]]) -> "Tally":
        summed: Counter[str] = Counter()
        for each in days:
            summed.update(each)
        return cls(summed)

    def number(self, name: str) -> int:
        return max(0, self.numbers.get(name, 0))

    @property
    def lost(self) -> tuple[tuple[str, int], ...]:
        """Failures by code, the most frequent first."""
        found = [
            (name.removeprefix(LOST_PREFIX), number)
            for name, number in self.numbers.items()
            if name.startswith(LOST_PREFIX) and number > 0
        ]
        return tuple(sorted(found, key=lambda each: (-each[1], each[0])))

    def of_cut(self, upload_id: str) -> "CutTally":
        """Return what was counted of one cut of an activity that has several."""
        sent, staged, posted, failed = (
            self.number(f"{CUT_PREFIX}{upload_id}:{name}")
            for name in (CounterName.SENT, CounterName.STAGED, CounterName.POSTED, "failed")
        )
        return CutTally(upload_id, sent, staged, posted, failed)

    @property
    def under_way(self) -> int:
        """Sent, and neither in an inbox yet nor lost."""
        ended = self.number(CounterName.STAGED) + self.number(CounterName.UNCONFIRMED)
        return max(
            0, self.number(CounterName.SENT) - ended - sum(number for _, number in self.lost)
        )

    @property
    def points_per_thousand_views(self) -> float | None:
        """The points for posts whose views are read, for each thousand of those views.

        Points for other posts are left out, as their views are: one does not know how many they
        bought. None without a view.
        """
        views = self.number(CounterName.VIEWS)
        return round(self.number(CounterName.COUNTED_POINTS) * 1000 / views, 1) if views else None

    def times(self, of: str) -> "TimeDistribution":
        classes = tuple(self.number(f"{of}:{at}") for at in range(len(TIME_BUCKETS) + 1))
        return TimeDistribution(classes, self.number(f"{of}:seconds"))


@dataclass(frozen=True)
class CutTally:
    """The counts of one cut; each member counts for the cut that they were assigned."""

    upload_id: str
    sent: int
    staged: int
    posted: int
    failed: int


@dataclass(frozen=True)
class TimeDistribution:
    """How long something took: how often by class, and together."""

    classes: tuple[int, ...]
    seconds: int

    @property
    def count(self) -> int:
        return sum(self.classes)

    @property
    def mean_seconds(self) -> int | None:
        return self.seconds // self.count if self.count else None

    @property
    def median_at_most(self) -> int | None:
        """The bound of the class that half of all lie in or below; None: none, or beyond them."""
        half, so_far = (self.count + 1) // 2, 0
        for number, most in zip(self.classes, TIME_BUCKETS, strict=False):
            so_far += number
            if self.count and so_far >= half:
                return most
        return None


@dataclass(frozen=True)
class MemberTally:
    """The counts of one member within a period."""

    seen: int = 0
    sent: int = 0
    staged: int = 0
    posted: int = 0
    failed: int = 0
    last_sent_at: datetime | None = None


def tally_of_member(found: Iterable[Progress], span: DateRange) -> MemberTally:
    """Add up a member's progress with activities, as far as it was made within a period."""
    numbers: Counter[str] = Counter()
    last: datetime | None = None
    for progress in found:
        for day, name in _counted_names(progress):
            if span.has(day):
                numbers["failed" if name.startswith(LOST_PREFIX) else name] += 1
        for each in progress.attempts.values():
            if span.has(progress.day(each.queued_at)):
                last = _later(last, each.queued_at)
    return MemberTally(
        numbers[CounterName.SEEN],
        numbers[CounterName.SENT],
        numbers[CounterName.STAGED],
        numbers[CounterName.POSTED],
        numbers["failed"],
        last,
    )


def stage_of(progress: Progress) -> Stage:
    """Return how far a member got with an activity."""
    if progress.posted_at:
        return Stage.POSTED
    if progress.staged_at:
        return Stage.STAGED
    if progress.lost:
        return Stage.FAILED
    return Stage.UNCONFIRMED if progress.unconfirmed else Stage.SENT


FAILURE_WORDS = {
    "inbox_full": "Five videos already wait in the member's TikTok inbox.",
    "given_up": "TikTok could not be reached for a day, or dropped the video several times.",
    "reconnect_required": "The member's TikTok account is no longer connected.",
    "unconfirmed": "TikTok never said whether it has the video.",
    "never_arrived": "TikTok took the video and never put it into the inbox.",
    "video_format": "TikTok cannot read this video file.",
    "video_length": "TikTok does not accept a video of this length from this account.",
    "video_frame_rate": "TikTok does not accept this frame rate.",
    "video_resolution": "TikTok does not accept this picture size.",
    "account_banned": "TikTok does not let this account post.",
    "too_many_posts": "The account has reached TikTok's limit of posts for one day.",
    "spam_risk": "TikTok is holding the video back as possible spam.",
    "cancelled": "Sending was cancelled at TikTok.",
    "app_settings": "The TikTok app of this installation is not set up correctly.",
    "app_user_cap": "This installation reached the number of people that TikTok allows it a day.",
    "tiktok_app_too_old": "The TikTok app on the member's phone is too old.",
    "consent_ended": "The member ended the connection to TikTok.",
    "scope_missing": "The member did not let TikTok take videos from here.",
}


def failure_words(code: str) -> str:
    """Return why sends failed, in words for a manager."""
    return FAILURE_WORDS.get(code, "TikTok refused it for a reason unknown to Greenroom.")
