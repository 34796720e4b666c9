"""Notices, the box of a member, and the times of mails: plain types and rules.

A member's *box* holds the notices that are about them alone, and how far they got with the open
activities. The program's *bulletin*, one for all its members, holds what is open: so publishing an
activity writes one item, not one for each member, and whoever joins a channel finds there what is
open to them from then on.

All that happens to a box is a function from box to box. Those that follow from events may be done
twice and in any order: the box is the same in the end.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chalicelib.activities.model import is_addressed_to_channels
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.values import dataclass

MAX_NOTICES = 100
"""Maximum notices per member: the latest are kept, withdrawn ones included."""

MAX_ACTIVITY_MARKS = 300
"""Activities that a box knows something of: those that something happened to last. Not those that
were made last, for what was made long ago may open, or end, tomorrow."""

MAX_LAST_CALLS = 100
"""Beside them, activities of which a member was told that they end, or they would be told again
after they looked through many others. A bulletin has fewer that end."""

MAX_NEW_ENTRIES, MAX_ENDING_ENTRIES = 50, 50
"""Activities of a bulletin: those that opened last, and those that end next."""

MAX_RECENT_ENTRIES = 150
"""Activities of a bulletin that opened within `MAX_MAIL_AGE`, where those are more than
`MAX_NEW_ENTRIES`: no digest may leave out what is news since the one before. With
twenty channels each and the longest titles the whole of a bulletin is 310 KB, of which an item may
have 400."""

RENOTIFYING_ATTRIBUTES = frozenset({"starts_at", "ends_at", "channel_ids"})
"""Attributes of an activity whose change may be news: to whom it is addressed, and from when on."""

MAX_TITLE = 120
LAST_CALL_LEAD = timedelta(hours=24)
WAITING_VIDEO_DELAY = timedelta(hours=24)
"""Time that a video waits in the TikTok inbox before its member gets a notice (product rule)."""

PUSH_HEAD_START = timedelta(minutes=15)
"""Time that a mail waits for a push about the same: e-mail is the fallback."""

MAX_MAIL_AGE = timedelta(days=8)
"""A notice that is older is not mailed any more: longer than a week, for weekly mails."""

DIGEST_GRACE = timedelta(hours=6)
"""How late a digest may still leave; after that its contents wait for the next one."""

DEFAULT_DIGEST_HOUR = 9

MAX_SLOT_MOVES = 4
"""New digest times of one member that cause a walk of the program within a day."""

MAX_SLOTS = 1000
"""Of a program. They are looked at and written each time; with so many it is walked about every
quarter of an hour anyway, and whose own is left out has their digest with the next ones."""

SLOT_SCAN_INTERVAL = timedelta(hours=20)
"""Interval of slot scans: a program's slots are read from its members once a day."""

SLOT_SCAN_TIME_LIMIT = timedelta(minutes=50)
"""When a walk that learned is looked back at: SQS has given up messages after 45 minutes and the
four for which a walk's last ones are delayed. Managers can still be told of the worklist then, for
which an hour is the limit."""

MAX_SCANS_PER_DAY = 2
"""Maximum per day; the second makes up for lost messages of the first."""


class NoticeCategory(StrEnum):
    """Categories of mails that members choose."""

    ACTIVITIES = "new_activities"
    LAST_CALL = "last_call"
    INBOX = "video_waiting"
    ACCOUNT = "account"
    REWARDS = "rewards"
    POINTS = "points"
    WORKLIST = "worklist"

    @property
    def for_managers(self) -> bool:
        return self is NoticeCategory.WORKLIST


class NoticeType(StrEnum):
    """The type of a notice."""

    ACTIVITY_OPENED = "activity_opened"
    ACTIVITY_ENDING = "activity_ending"
    VIDEO_WAITING = "video_waiting"
    ACCOUNT_TO_RECONNECT = "account_to_reconnect"
    REWARD_FULFILLED = "reward_fulfilled"
    REWARD_REJECTED = "reward_rejected"
    POINTS_ADJUSTED = "points_adjusted"
    WORKLIST = "worklist"

    @property
    def kind(self) -> NoticeCategory:
        return _KINDS[self]


_KINDS = {
    NoticeType.ACTIVITY_OPENED: NoticeCategory.ACTIVITIES,
    NoticeType.ACTIVITY_ENDING: NoticeCategory.LAST_CALL,
    NoticeType.VIDEO_WAITING: NoticeCategory.INBOX,
    NoticeType.ACCOUNT_TO_RECONNECT: NoticeCategory.ACCOUNT,
    NoticeType.REWARD_FULFILLED: NoticeCategory.REWARDS,
    NoticeType.REWARD_REJECTED: NoticeCategory.REWARDS,
    NoticeType.POINTS_ADJUSTED: NoticeCategory.POINTS,
    NoticeType.WORKLIST: NoticeCategory.WORKLIST,
}


class Frequency(StrEnum):
    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


class Language(StrEnum):
    """The languages of mails."""

    EN = "en"
    DE = "de"
    ES = "es"


class Refusal(StrEnum):
    """Why no mail goes to a member's address any more."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"


_DEFAULTS = {
    NoticeCategory.ACTIVITIES: Frequency.DAILY,
    NoticeCategory.LAST_CALL: Frequency.DAILY,
    NoticeCategory.INBOX: Frequency.DAILY,
    NoticeCategory.ACCOUNT: Frequency.AT_ONCE,
    NoticeCategory.REWARDS: Frequency.AT_ONCE,
    NoticeCategory.POINTS: Frequency.DAILY,
    NoticeCategory.WORKLIST: Frequency.DAILY,
}


@dataclass(frozen=True)
class MailSettings:
    """How often a member is mailed of each kind; digests at an hour of their zone.

    `weekday` is the day of weekly mails, 0 for Monday.
    """

    chosen: Mapping[NoticeCategory, Frequency] = field(default_factory=dict)
    hour: int = DEFAULT_DIGEST_HOUR
    weekday: int = 0
    language: str = "en"

    def of(self, kind: NoticeCategory) -> Frequency:
        return self.chosen.get(kind, _DEFAULTS[kind])

    def changed(self, chosen: Mapping[NoticeCategory, Frequency]) -> "MailSettings":
        return replace(self, chosen={**self.chosen, **chosen})


# Digests, by the clock on the wall


def digest_on(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a day's digest: of an hour that comes twice the first one.

    An hour that the clock skips is as long after midnight as it would have been.
    """
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


def last_digest(now: datetime, settings: MailSettings, zone: ZoneInfo, *, weekly: bool) -> datetime:
    """Return the latest instant of a member's digest up to now."""
    return next(_digests(now, settings, zone, weekly, -1))


def next_digest(now: datetime, settings: MailSettings, zone: ZoneInfo, *, weekly: bool) -> datetime:
    """Return the next instant of a member's digest after now."""
    return next(_digests(now, settings, zone, weekly, 1))


def _digests(
    now: datetime, settings: MailSettings, zone: ZoneInfo, weekly: bool, step: int
) -> Iterator[datetime]:
    day = now.astimezone(zone).date() - timedelta(days=step)
    for _ in range(10):
        if not weekly or day.weekday() == settings.weekday:
            at = digest_on(day, settings.hour, zone)
            if (at <= now) if step < 0 else (at > now):
                yield at
        day += timedelta(days=step)


# The bulletin: what is open in a program


@dataclass(frozen=True)
class BulletinEntry:
    """An activity of a bulletin; `fresh` ones are announced to members as new."""

    activity_id: str
    title: str
    opens_at: datetime
    ends_at: datetime | None
    channel_ids: frozenset[str]
    points: int = 0
    fresh: bool = True

    def is_open_at(self, now: datetime) -> bool:
        return self.opens_at <= now and (self.ends_at is None or now < self.ends_at)

    @property
    def last_call_at(self) -> datetime | None:
        """When members are reminded: a day before the end, of a short one in its second half."""
        if self.ends_at is None:
            return None
        return max(
            self.ends_at - LAST_CALL_LEAD, self.opens_at + (self.ends_at - self.opens_at) / 2
        )

    def is_last_call_at(self, now: datetime) -> bool:
        return self.last_call_at is not None and self.last_call_at <= now

    def notice_times(self) -> tuple[datetime, ...]:
        """Return the instants at which a notice about it is due."""
        return (self.opens_at, self.last_call_at) if self.last_call_at else (self.opens_at,)

    def renotify_at(self, changed: Collection[str], now: datetime) -> datetime | None:
        """Return the instant of what members are to be told now, as this of it changed.

        It may lie long before the change: a video is accepted after its activity was created, and
        a channel is added to an activity that is open. None if there is nothing to tell yet.
        """
        passed = [each for each in self.notice_times() if each <= now]
        if not self.is_open_at(now) or not RENOTIFYING_ATTRIBUTES & set(changed):
            return None
        only_end = "ends_at" in changed and not {"starts_at", "channel_ids"} & set(changed)
        return None if only_end and not self.is_last_call_at(now) else max(passed)


@dataclass(frozen=True)
class Bulletin:
    """The activities of a program that are open or open soon."""

    program_id: str
    entries: tuple[BulletinEntry, ...] = ()
    version: int = 0


def bound_entries(entries: Iterable[BulletinEntry], now: datetime) -> tuple[BulletinEntry, ...]:
    """Return the entries that a bulletin keeps of all open activities, new ones marked."""
    left = [each for each in entries if each.ends_at is None or each.ends_at > now]
    begun = sorted(
        (each for each in left if each.opens_at <= now), key=_opening_order, reverse=True
    )
    coming = sorted((each for each in left if each.opens_at > now), key=_opening_order)
    recent = [
        each
        for each in begun[MAX_NEW_ENTRIES:MAX_RECENT_ENTRIES]
        if each.opens_at > now - MAX_MAIL_AGE
    ]
    fresh = {
        each.activity_id for each in (*begun[:MAX_NEW_ENTRIES], *recent, *coming[:MAX_NEW_ENTRIES])
    }
    ending = sorted((each for each in left if each.ends_at), key=lambda each: str(each.ends_at))
    kept = fresh | {each.activity_id for each in ending[:MAX_ENDING_ENTRIES]}
    return tuple(
        replace(each, fresh=each.activity_id in fresh)
        for each in sorted(left, key=_opening_order)
        if each.activity_id in kept
    )


def _opening_order(entry: BulletinEntry) -> tuple[datetime, str]:
    return entry.opens_at, entry.activity_id


# The box


@dataclass(frozen=True)
class Notice:
    """A notice to a member; nobody sees it before `at`. `dropped`: it was withdrawn.

    `pushes`: a push tells of it first, if it gets through; then it is `pushed`, and not mailed.
    """

    notice_id: str
    what: NoticeType
    at: datetime
    thing_id: str = ""
    title: str = ""
    number: int = 0
    read: bool = False
    mailed: bool = False
    dropped: bool = False
    pushes: bool = False
    pushed: bool = False

    @property
    def mail_not_before(self) -> datetime:
        """The earliest instant at which a mail may include it."""
        return self.at + PUSH_HEAD_START if self.pushes else self.at

    @property
    def key(self) -> tuple[str, str]:
        """Sort key of notices: the latest are kept."""
        return self.at.astimezone(UTC).isoformat(), self.notice_id


class ActivityProgress(StrEnum):
    """How far a member got with an activity."""

    SEEN = "s"  # it was before their eyes, in the feed or among the notices
    DONE = "d"  # performed or dismissed
    REMINDED = "r"  # they saw that it ends
    MAILED = "m"
    MAILED_END = "e"


_END_MARKS = {ActivityProgress.REMINDED.value, ActivityProgress.MAILED_END.value}


@dataclass(frozen=True)
class Claim:
    """A mail under way: its notices, and since when. Its id goes with it through SES."""

    claim_id: str
    notice_ids: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class NoticeBox:
    """The notices of a member, read or not. `mail_at` is when a mail to them is due, if one is.

    `moves` are the slots that they chose of late, each with its instant. `mailed_anew_from` is when
    they last had a refusal taken back: what SES tells of before is settled by that.
    """

    program_id: str
    member_id: str
    notices: Mapping[str, Notice] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    settings: MailSettings = MailSettings()
    refused: Refusal | None = None
    mailed_anew_from: datetime | None = None
    floor: tuple[str, str] | None = None
    mail_at: datetime | None = None
    claim: Claim | None = None
    digested_at: datetime | None = None
    tries: int = 0
    moves: tuple[tuple[str, datetime], ...] = ()
    version: int = 0

    @property
    def owner(self) -> str:
        return f"{self.program_id}/{self.member_id}"

    def has_mark(self, activity_id: str, mark: ActivityProgress) -> bool:
        return mark.value in self.marks.get(activity_id, "")


def with_notice(box: NoticeBox, notice: Notice) -> NoticeBox:
    """Add a notice, unless it is there, was taken back, or is older than what is kept."""
    if notice.notice_id in box.notices or (box.floor and notice.key <= box.floor):
        return box
    return _without_oldest(replace(box, notices={**box.notices, notice.notice_id: notice}))


def without_notice(box: NoticeBox, notice: Notice) -> NoticeBox:
    """Take a notice back, also one that has not come yet: it will not be shown."""
    known = box.notices.get(notice.notice_id)
    if known and known.dropped:
        return box
    if not known and box.floor and notice.key <= box.floor:
        return box
    gone = replace(notice, dropped=True, title="")
    return _without_oldest(replace(box, notices={**box.notices, notice.notice_id: gone}))


def _without_oldest(box: NoticeBox) -> NoticeBox:
    ordered = sorted(box.notices.values(), key=lambda each: each.key, reverse=True)
    if len(ordered) <= MAX_NOTICES:
        return box
    kept = {each.notice_id: each for each in ordered[:MAX_NOTICES]}
    last = ordered[MAX_NOTICES].key
    return replace(box, notices=kept, floor=max(box.floor, last) if box.floor else last)


def with_progress(box: NoticeBox, activity_ids: Iterable[str], mark: ActivityProgress) -> NoticeBox:
    """Note how far a member got with activities."""
    marks = dict(box.marks)
    for each in activity_ids:
        if mark.value not in marks.get(each, ""):
            marks[each] = "".join(sorted(marks.pop(each, "") + mark.value))  # now the last one
    ends = [each for each, known in marks.items() if _END_MARKS & set(known)]
    others = [each for each in marks if each not in set(ends)]
    kept = {*ends[-MAX_LAST_CALLS:], *others[-MAX_ACTIVITY_MARKS:]}
    return replace(box, marks={each: known for each, known in marks.items() if each in kept})


def without_mark(box: NoticeBox, activity_id: str, mark: ActivityProgress) -> NoticeBox:
    left = box.marks.get(activity_id, "").replace(mark.value, "")
    return replace(box, marks={**box.marks, activity_id: left})


OPENED, ENDING = "new#", "last#"


def with_notices_read(
    box: NoticeBox, bulletin: Bulletin, reader: "Reader", notice_ids: Collection[str], now: datetime
) -> NoticeBox:
    """Note that a member saw notices; ids of none that they may have now are passed over.

    Of activities only those of the bulletin count, so that nothing a client makes up is kept.
    """
    theirs = {
        each.activity_id: each
        for each in bulletin.entries
        if each.is_open_at(now) and is_addressed_to_channels(each.channel_ids, reader.channels)
    }
    opened = [each for each in theirs if OPENED + each in notice_ids]
    ending = [
        name
        for name, each in theirs.items()
        if ENDING + name in notice_ids and each.is_last_call_at(now)
    ]
    read = {
        each: replace(notice, read=True)
        for each, notice in box.notices.items()
        if each in notice_ids and not notice.dropped and notice.at <= now
    }
    box = replace(box, notices={**box.notices, **read})
    box = with_progress(box, [*opened, *ending], ActivityProgress.SEEN)
    return with_progress(box, ending, ActivityProgress.REMINDED)


# Notices of a member


@dataclass(frozen=True)
class Reader:
    """The facts that decide which notices a member gets."""

    channels: frozenset[str]
    tiktok: TikTokState | None
    is_manager: bool


@dataclass(frozen=True)
class ShownNotice:
    """A notice as a member has it now; `mailed` ones are in no mail any more."""

    notice: Notice
    read: bool
    mailed: bool


def shown_notices(
    box: NoticeBox, bulletin: Bulletin, reader: Reader, now: datetime
) -> tuple[ShownNotice, ...]:
    """Return the notices of a member, the latest first.

    An activity is one notice: that it opened, or from its last call on that it ends. A performed
    or dismissed activity has none.
    """
    found = [*_activity_notices(box, bulletin, reader, now), *_box_notices(box, reader, now)]
    return tuple(sorted(found, key=lambda each: each.notice.key, reverse=True))


def _activity_notices(
    box: NoticeBox, bulletin: Bulletin, reader: Reader, now: datetime
) -> Iterator[ShownNotice]:
    for each in bulletin.entries:
        if not each.is_open_at(now) or box.has_mark(each.activity_id, ActivityProgress.DONE):
            continue
        if not is_addressed_to_channels(each.channel_ids, reader.channels):
            continue
        if each.is_last_call_at(now) and each.last_call_at:
            notice = _activity_notice(each, NoticeType.ACTIVITY_ENDING, each.last_call_at)
            read, mailed = ActivityProgress.REMINDED, ActivityProgress.MAILED_END
        elif each.fresh:
            notice = _activity_notice(each, NoticeType.ACTIVITY_OPENED, each.opens_at)
            read, mailed = ActivityProgress.SEEN, ActivityProgress.MAILED
        else:
            continue
        yield ShownNotice(
            notice, box.has_mark(each.activity_id, read), box.has_mark(each.activity_id, mailed)
        )


def _activity_notice(entry: BulletinEntry, what: NoticeType, at: datetime) -> Notice:
    prefix = ENDING if what is NoticeType.ACTIVITY_ENDING else OPENED
    return Notice(
        prefix + entry.activity_id, what, at, entry.activity_id, entry.title, entry.points
    )


def _box_notices(box: NoticeBox, reader: Reader, now: datetime) -> Iterator[ShownNotice]:
    for each in box.notices.values():
        mended = reader.tiktok is not TikTokState.RECONNECT_REQUIRED
        if each.dropped or each.at > now:
            continue
        if each.what is NoticeType.ACCOUNT_TO_RECONNECT and mended:
            continue
        if each.what.kind.for_managers and not reader.is_manager:
            continue
        yield ShownNotice(each, each.read, each.mailed or each.pushed)


# Contents of mails


@dataclass(frozen=True)
class MailPlan:
    """The notices of a mail that is due now, and when the next mail is due, if known."""

    due: tuple[ShownNotice, ...]
    next_at: datetime | None


def plan_mail(
    box: NoticeBox, bulletin: Bulletin, reader: Reader, zone: ZoneInfo, now: datetime
) -> MailPlan:
    """Return what a member is to be mailed now: nothing that was seen, done or mailed before."""
    if box.refused:
        return MailPlan((), None)
    due: list[ShownNotice] = []
    later: list[datetime] = []
    for each in shown_notices(box, bulletin, reader, now):
        told = _last_call_as_new(box, bulletin, each)
        if told.read or told.mailed:
            continue
        what = told.notice.what
        derived = what in (NoticeType.ACTIVITY_OPENED, NoticeType.ACTIVITY_ENDING)
        if not derived and told.notice.at < now - MAX_MAIL_AGE:
            continue
        at = _mail_time_of(box, what.kind, told.notice.mail_not_before, zone, now)
        if at is not None and at <= now:
            due.append(told)
        elif at is not None:
            later.append(at)
    for notice in box.notices.values():
        gone = notice.dropped or notice.read or notice.mailed or notice.pushed
        if notice.at > now and not gone:
            at = _mail_time_of(box, notice.what.kind, notice.mail_not_before, zone, now)
            later += [at] if at else []
    return MailPlan(tuple(due), min(later, default=None))


def _last_call_as_new(box: NoticeBox, bulletin: Bulletin, each: ShownNotice) -> ShownNotice:
    """Return a last call as a new activity where only those are mailed."""
    notice = each.notice
    if notice.what is not NoticeType.ACTIVITY_ENDING:
        return each
    if box.settings.of(NoticeCategory.LAST_CALL) is not Frequency.NEVER:
        return each
    entry = next(one for one in bulletin.entries if one.activity_id == notice.thing_id)
    opened = _activity_notice(entry, NoticeType.ACTIVITY_OPENED, entry.opens_at)
    seen = box.has_mark(entry.activity_id, ActivityProgress.SEEN) or not entry.fresh
    return ShownNotice(opened, seen, box.has_mark(entry.activity_id, ActivityProgress.MAILED))


def _mail_time_of(
    box: NoticeBox, kind: NoticeCategory, at: datetime, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """Return when a notice of an instant is mailed: now or before now, or later, or never."""
    frequency = box.settings.of(kind)
    if frequency is Frequency.NEVER:
        return None
    if frequency is Frequency.AT_ONCE:
        return at
    weekly = frequency is Frequency.WEEKLY
    last = last_digest(now, box.settings, zone, weekly=weekly)
    if kind is NoticeCategory.WORKLIST and at < last:
        return None  # what a worklist of before counted is counted anew since
    open_still = now < last + DIGEST_GRACE and not (box.digested_at and box.digested_at >= last)
    if at <= last and open_still:
        return last
    return next_digest(max(at, now), box.settings, zone, weekly=weekly)


def mail_time(box: NoticeBox, notice: Notice, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when a mail includes a notice that a box has just got; None for never."""
    if box.refused or notice.read or notice.mailed or notice.pushed or notice.dropped:
        return None
    if notice.at < now - MAX_MAIL_AGE:
        return None
    return _mail_time_of(box, notice.what.kind, notice.mail_not_before, zone, now)


def with_mail_scheduled(box: NoticeBox, at: datetime | None) -> NoticeBox:
    """Have a member mailed at an instant, or before it; a mail under way is waited for."""
    if at is None or box.claim or box.refused:
        return box
    return replace(box, mail_at=min(at, box.mail_at or at))


def with_claim(box: NoticeBox, claim: Claim, until: datetime) -> NoticeBox:
    """Begin a mail; without a result by `until`, the box is looked at again then."""
    return replace(box, claim=claim, mail_at=until)


def with_claim_mailed(box: NoticeBox, claim_id: str) -> NoticeBox:
    """Note that a claimed mail went out: mark its notices as mailed. Other claims stay."""
    claim = box.claim
    if claim is None or claim.claim_id != claim_id:
        return box
    told = claim.notice_ids
    mailed = {
        each: replace(notice, mailed=True) for each, notice in box.notices.items() if each in told
    }
    opened = [each.removeprefix(OPENED) for each in told if each.startswith(OPENED)]
    ending = [each.removeprefix(ENDING) for each in told if each.startswith(ENDING)]
    box = replace(box, notices={**box.notices, **mailed}, claim=None, tries=0)
    box = with_progress(box, [*opened, *ending], ActivityProgress.MAILED)
    box = with_progress(box, ending, ActivityProgress.MAILED_END)
    kinds = {_notice_type_of(box, each).kind for each in told}
    digest = any(box.settings.of(kind) in (Frequency.DAILY, Frequency.WEEKLY) for kind in kinds)
    return replace(box, digested_at=claim.at) if digest else box


def _notice_type_of(box: NoticeBox, notice_id: str) -> NoticeType:
    if notice_id.startswith(OPENED):
        return NoticeType.ACTIVITY_OPENED
    if notice_id.startswith(ENDING):
        return NoticeType.ACTIVITY_ENDING
    notice = box.notices.get(notice_id)
    return notice.what if notice else NoticeType.ACTIVITY_OPENED


def without_mail_of_video(box: NoticeBox, performance_id: str) -> NoticeBox:
    """Note that a push reminded of a waiting video, so that no mail does."""
    notice = box.notices.get(video_notice_id(performance_id))
    if notice is None or notice.pushed or notice.dropped:
        return box
    return replace(box, notices={**box.notices, notice.notice_id: replace(notice, pushed=True)})


def video_notice_id(performance_id: str) -> str:
    """Return the id of the notice that a video waits in the inbox."""
    return f"inbox#{performance_id}"


def with_refusal(box: NoticeBox, why: Refusal, at: datetime) -> NoticeBox:
    """Mail a member nothing more, unless a refusal was taken back since the instant of this one.

    A person's own word counts more than a mailbox's.
    """
    if box.mailed_anew_from and at < box.mailed_anew_from:
        return box
    kept = Refusal.COMPLAINED if box.refused is Refusal.COMPLAINED else why
    return replace(box, refused=kept, mail_at=None)


def without_refusal(box: NoticeBox, now: datetime) -> NoticeBox:
    """Take a refusal back: mails are tried again."""
    return replace(box, refused=None, mailed_anew_from=now) if box.refused else box


def without_bounce(box: NoticeBox, now: datetime) -> NoticeBox:
    """Forget that mails came back; a complaint holds."""
    return without_refusal(box, now) if box.refused is Refusal.BOUNCED else box


def without_mails(box: NoticeBox, kinds: Collection[NoticeCategory]) -> NoticeBox:
    """Switch mails of kinds off."""
    return replace(box, settings=box.settings.changed(dict.fromkeys(kinds, Frequency.NEVER)))


# A program's digests, by the slots of its members


@dataclass(frozen=True)
class Slot:
    """A zone and an hour at which members have their digest; no zone is the program's."""

    zone: str
    hour: int

    def __str__(self) -> str:
        return f"{self.zone}|{self.hour}"

    @classmethod
    def read(cls, text: str) -> "Slot":
        zone, _, hour = text.rpartition("|")
        return cls(zone, int(hour))


FIRST_SLOTS = frozenset({Slot("", DEFAULT_DIGEST_HOUR)})
"""Slots of a program in which nobody has chosen any."""


def with_slot_move(box: NoticeBox, slot: Slot, now: datetime) -> NoticeBox:
    """Note that a member chose a slot, unless they chose as many as they may within a day."""
    moves = tuple(each for each in box.moves if each[1] > now - timedelta(days=1))
    if len(moves) >= MAX_SLOT_MOVES or any(text == str(slot) for text, _ in moves):
        return box
    return replace(box, moves=(*moves, (str(slot), now)))


@dataclass(frozen=True)
class ProgramPlan:
    """When a program's members are looked at for mails, and up to when that was done.

    `slots` are those that it is walked for. They are learned anew each day, by a walk that began
    at `learned_from`. `learning_walks` counts that day's walks until one is looked back at;
    `moved` are slots that members chose since, which it may have come too early for.
    """

    program_id: str
    slots: frozenset[Slot] = FIRST_SLOTS
    moved: frozenset[Slot] = field(default_factory=frozenset)
    learned_from: datetime | None = None
    learning_walks: int = 0
    run_to: datetime | None = None
    due_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True)
class ScanResult:
    """The slots that a walk found, in the chunks `heard` of its `chunks` chunks.

    `round` is when it was begun, as `scan_round_of` writes it; `walk` is one attempt at it.
    """

    round: str = ""
    walk: str = ""
    chunks: int = 0
    heard: frozenset[int] = field(default_factory=frozenset)
    slots: frozenset[Slot] = field(default_factory=frozenset)

    @property
    def is_whole(self) -> bool:
        return bool(self.walk) and len(self.heard) >= self.chunks


def scan_round_of(begun: datetime) -> str:
    """Return what messages of a walk are known by that began to learn at an instant."""
    return begun.astimezone(UTC).isoformat()


def is_slot_scan_due(plan: ProgramPlan, now: datetime) -> bool:
    """Return whether a program's slots are to be learned by its next walk."""
    return plan.learned_from is None or plan.learned_from <= now - SLOT_SCAN_INTERVAL


def begin_slot_scan(plan: ProgramPlan, now: datetime) -> ProgramPlan:
    """Begin to learn. Until that is looked back at, the program is walked for what it was."""
    return replace(plan, moved=frozenset(), learned_from=now, learning_walks=1)


def is_slot_scan_over(plan: ProgramPlan, now: datetime) -> bool:
    """Return whether the walk that learned is over, one way or the other."""
    begun = plan.learned_from
    return bool(plan.learning_walks and begun and begun + SLOT_SCAN_TIME_LIMIT <= now)


def finish_slot_scan(plan: ProgramPlan, found: ScanResult, now: datetime) -> ProgramPlan:
    """Take what was learned as the slots; where some was lost, forget nothing and walk once more.

    If the second walk is not whole either, the next one is that of the next day.
    """
    begun = plan.learned_from
    if not begun or not is_slot_scan_over(plan, now):
        return plan
    known = found if found.round == scan_round_of(begun) else ScanResult()
    if known.is_whole:
        kept = _union_of_slots(FIRST_SLOTS | plan.moved, known.slots)
        return replace(plan, slots=kept, learning_walks=0)
    plan = replace(plan, slots=_union_of_slots(plan.slots, known.slots))
    if plan.learning_walks < MAX_SCANS_PER_DAY:
        return replace(plan, learned_from=now, learning_walks=plan.learning_walks + 1)
    return replace(plan, learning_walks=0)


def with_added_slot(plan: ProgramPlan, slot: Slot, now: datetime) -> ProgramPlan:
    """Add a slot that a member chose to those of today and of the next day."""
    becomes = replace(
        plan, slots=_union_of_slots(plan.slots, {slot}), moved=_union_of_slots(plan.moved, {slot})
    )
    # Looked at at once, the program's next time is found with the new slot.
    return replace(becomes, due_at=now) if becomes.slots != plan.slots else becomes


def _union_of_slots(slots: frozenset[Slot], more: Collection[Slot]) -> frozenset[Slot]:
    new = sorted(set(more) - slots, key=str)
    return slots | set(new[: max(0, MAX_SLOTS - len(slots))])


def is_due_between(
    slots: Iterable[Slot], bulletin: Bulletin, zone: str, after: datetime, now: datetime
) -> bool:
    """Return whether anybody's digest or anything new lies between two instants."""
    return any(after < each <= now for each in _due_instants(slots, bulletin, zone, now, last=True))


def next_due_at(plan: ProgramPlan, bulletin: Bulletin, zone: str, now: datetime) -> datetime:
    """Return when a program is to be looked at next."""
    instants = list(_due_instants(plan.slots, bulletin, zone, now, last=False))
    if plan.learning_walks and plan.learned_from:
        instants.append(plan.learned_from + SLOT_SCAN_TIME_LIMIT)
    return min((each for each in instants if each > now), default=now + timedelta(days=1))


def _due_instants(
    slots: Iterable[Slot], bulletin: Bulletin, zone: str, now: datetime, *, last: bool
) -> Iterator[datetime]:
    find = last_digest if last else next_digest
    for each in slots:
        yield find(now, MailSettings(hour=each.hour), ZoneInfo(each.zone or zone), weekly=False)
    for entry in bulletin.entries:
        yield from entry.notice_times()


def short_title(text: str) -> str:
    """Return the first line of a text, cut to what a notice holds."""
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1].rstrip()}\u2026"


def chunked[Item](items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
