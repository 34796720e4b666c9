"""EventCounters: facts about members and activities into progress, and what changes into counters.

A batch of facts is one transaction: the items of progress, the days of members who became active,
and each counter once, whatever number of facts add to it. A fact that comes again changes no
progress and writes nothing; order does not matter, for what is added is the difference between what
a progress counts as after and before. Workers that come upon each other at a counter go on in
another of its shards.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from chalicelib.activities.events import ActivityDismissed, DismissalUndone
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.events import Event
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Conflict, Contended
from chalicelib.performances.events import (
    PerformanceCounted,
    PerformanceFailed,
    PerformancePosted,
    PerformanceQueued,
    PerformanceStaged,
    PerformanceUnconfirmed,
)
from chalicelib.performances.model import Performance
from chalicelib.programs.model import InvitationMail, Member, MemberStatus
from chalicelib.reports.events import ActivitiesSeen
from chalicelib.reports.model import (
    INVITATION_PENDING_AFTER,
    UNLIKELY_DAYS,
    Attempt,
    Attribution,
    Counts,
    Dismissal,
    Fact,
    Impression,
    PostResponse,
    Progress,
    Scope,
    WorklistEntry,
    WorklistKind,
    activity_gaps,
    changed_counts,
    changed_days,
    counts_of,
    merged_facts,
    sends_by_day,
    unlikely_step,
)
from chalicelib.reports.store import (
    SHARDS,
    CountedChanges,
    ReportStore,
    StoredProgress,
    TransactionTooLarge,
    Versioned,
    impression_from,
)

MAX_ATTEMPTS = 10
LONGEST_WAIT_SECONDS = 1.0
"""Between two attempts, of which the first comes after some milliseconds: all within 5 s."""
MAX_PAIRS_PER_WRITE = 25
"""Pairs of member and activity in one transaction: each writes one item of progress, or two."""

UNPACKED_DAYS = 3
"""So old a day is before it is packed: until then it is written to all the time."""
MAX_DAYS_PER_PACK = 90
"""Items of days that go in one transaction at most, with their month."""
MAX_CACHED_PROGRAMS = 1000

MAX_CACHED_TITLES = 1000
"""Titles of activities that a warm function remembers."""

PERFORMANCE_EVENTS = (
    PerformanceQueued,
    PerformanceUnconfirmed,
    PerformanceStaged,
    PerformancePosted,
    PerformanceFailed,
    PerformanceCounted,
)
type PerformanceEvent = (
    PerformanceQueued
    | PerformanceUnconfirmed
    | PerformanceStaged
    | PerformancePosted
    | PerformanceFailed
    | PerformanceCounted
)


class Titles(Protocol):
    """Reads what is shown of activities."""

    def __call__(self, program_id: str, activity_ids: Sequence[str], /) -> Mapping[str, str]: ...


class ProgramReader(Protocol):
    """Reads members and programs, as far as counting needs them."""

    def member(self, program_id: str, member_id: str) -> Member | None: ...

    def cached_program(self, program_id: str) -> Any: ...


class FactCounter:
    """Counts facts; any fact may come again, late, and in any order."""

    def __init__(
        self,
        store: ReportStore,
        people: ProgramReader,
        titles: Titles,
        clock: Clock,
        sleep: Callable[[float], None],
    ) -> None:
        self._store = store
        self._people = people
        self._titles = titles
        self._clock = clock
        self._sleep = sleep
        self._known_titles: dict[tuple[str, str], str] = {}

    def count(self, facts: Iterable[Fact]) -> int:
        """Count facts of any programs; return how many items were written."""
        by_program: dict[str, list[Fact]] = defaultdict(list)
        for each in facts:
            by_program[each.program_id].append(each)
        written = 0
        for program_id, of_program in by_program.items():
            merged = list(merged_facts(of_program).values())
            for start in range(0, len(merged), MAX_PAIRS_PER_WRITE):
                written += self._count(program_id, merged[start : start + MAX_PAIRS_PER_WRITE])
        return written

    def _count(self, program_id: str, facts: Sequence[Fact]) -> int:
        shard = 0
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                longest = min(0.02 * 2**attempt, LONGEST_WAIT_SECONDS)
                self._sleep(longest * secrets.randbelow(100) / 100)
            try:
                return self._write_pairs(program_id, facts, shard)
            except TransactionTooLarge:
                half = len(facts) // 2
                if not half:
                    raise
                return self._count(program_id, facts[:half]) + self._count(program_id, facts[half:])
            except Conflict:
                continue  # somebody else counted a fact of one of these: look again
            except Contended:
                shard = 1 + secrets.randbelow(SHARDS - 1)
        raise Contended

    def _write_pairs(self, program_id: str, facts: Sequence[Fact], shard: int) -> int:
        known = self._store.progress(program_id, [each.pair for each in facts])
        progress: dict[tuple[str, str], Versioned[Progress]] = {}
        added: Counts = Counter()
        sent: dict[str, Counter[Any]] = defaultdict(Counter)
        for fact in facts:
            before = known.get(fact.pair)
            zone = before.thing.zone if before else self._zone(program_id)
            is_, was = fact.progress, before.thing if before else Progress(zone)
            after = was.merged(is_)
            if before and after == was:
                continue
            progress[fact.pair] = Versioned(after, before.version if before else 0)
            changes = changed_counts(
                counts_of(fact.activity_id, was), counts_of(fact.activity_id, after)
            )
            sent[fact.member_id].update(sends_by_day(changes))
            added.update(changes)
        if not progress:
            return 0
        days, worklist_entries = self._changed_active_days(program_id, sent, added)
        counted = CountedChanges(
            program_id,
            progress,
            days,
            Counter({key: number for key, number in added.items() if number}),
            self._worklist_titles(program_id, added),
            worklist_entries,
        )
        return self._store.write(counted, shard, self._clock.now())

    def _changed_active_days(
        self, program_id: str, sent: Mapping[str, Counter[Any]], added: Counts
    ) -> tuple[dict[str, Versioned[Any]], list[WorklistEntry]]:
        """Return how members' active days change; adds to `added` what follows from it."""
        changing = {member: each for member, each in sent.items() if any(each.values())}
        found = self._store.days(program_id, list(changing)) if changing else {}
        days: dict[str, Versioned[Any]] = {}
        worklist_entries: dict[str, WorklistEntry] = {}
        for member_id, changes in changing.items():
            before = found.get(member_id, Versioned({}))
            after = changed_days(before.thing, changes)
            days[member_id] = Versioned(after, before.version)
            added.update(changed_counts(activity_gaps(before.thing), activity_gaps(after)))
            unlikely = [
                number
                for day, number in after.items()
                if unlikely_step(number) > unlikely_step(before.thing.get(day, 0))
            ]
            entry = (
                self._unlikely_sends_entry(program_id, member_id, max(unlikely))
                if unlikely
                else None
            )
            if entry:
                worklist_entries[member_id] = entry
        return days, list(worklist_entries.values())

    def _unlikely_sends_entry(
        self, program_id: str, member_id: str, number: int
    ) -> WorklistEntry | None:
        """Return what is to be told of many sends, of a member who is still there."""
        member = self._people.member(program_id, member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return None
        return WorklistEntry(
            WorklistKind.UNLIKELY,
            member_id,
            self._clock.now(),
            title=_display_name(member),
            number=number,
            days=UNLIKELY_DAYS,
        )

    def _zone(self, program_id: str) -> str:
        program = self._people.cached_program(program_id)
        return program.time_zone if program else "UTC"

    def _worklist_titles(self, program_id: str, added: Counts) -> dict[str, str]:
        """Return titles of the activities that come onto the worklist, each read once."""
        if len(self._known_titles) > MAX_CACHED_TITLES:
            self._known_titles.clear()
        ids = {
            place.thing_id
            for (place, _), number in added.items()
            if place.scope is Scope.WORKLIST and number > 0
        }
        missing = sorted(each for each in ids if (program_id, each) not in self._known_titles)
        if missing:
            for activity_id, title in self._titles(program_id, missing).items():
                self._known_titles[program_id, activity_id] = title
        return {
            each: self._known_titles[program_id, each]
            for each in ids
            if (program_id, each) in self._known_titles
        }


class DayPacker:
    """Packs a program's days that are over into months, so that a report of a year is one query.

    The functions that count also pack, once a day: a program without counts has nothing to pack.
    """

    def __init__(self, store: ReportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._packed: dict[str, date] = {}

    def pack(self, program_id: str) -> None:
        """Pack what is due. Days that cannot be packed now are read unpacked, and packed later."""
        today = self._clock.now().date()
        if self._packed.get(program_id) == today:
            return
        if len(self._packed) >= MAX_CACHED_PROGRAMS:
            self._packed.clear()
        before = today - timedelta(days=UNPACKED_DAYS)
        try:
            number = self._store.pack_days(program_id, before, MAX_DAYS_PER_PACK)
        except (Conflict, Contended):
            return  # somebody counts one of these days, or packs them
        # A month that cannot be packed or read must not keep the program's events from being
        # counted, which are many functions' work: it costs reports a call, and the log says so.
        except Exception:  # noqa: BLE001  logged; what is not packed is read as it is
            logger.exception("days not packed")
            return
        if number < MAX_DAYS_PER_PACK:
            self._packed[program_id] = today
        logger.info("days packed", extra={"items": number})


class PersonCounter:
    """Counts members as they are: whose accounts and invitations need a hand, who is addressed."""

    def __init__(self, store: ReportStore, people: ProgramReader, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    def count(self, program_id: str, member_id: str) -> bool:
        """Count a member as the tables say they are now; False if that was counted already.

        Reads what was counted before it reads the member: should they change in between, it is
        not written, or their change comes by itself.
        """
        for _ in range(MAX_ATTEMPTS):
            known = self._store.person(program_id, member_id)
            member = self._people.member(program_id, member_id)
            if member is None:
                return False
            becomes = counted_as(member, known.thing, self._clock.now())
            if known.version and known.thing == becomes:
                return False
            worklist_entries = [
                (name in becomes, entry)
                for name, entry in _worklist_entries_of(member, becomes).items()
                if name in becomes or name in known.thing
            ]
            if known.thing.get("active") and "active" not in becomes:
                # Of who left nothing can be mended: no mail, no send, no account.
                now = self._clock.now()
                worklist_entries += [
                    (False, WorklistEntry(each, member_id, now))
                    for each in _KINDS_OF_CURRENT_MEMBERS
                ]
                self._mark_left_behind(program_id, member_id, member.removed_at or now)
            try:
                self._store.count_person(
                    program_id,
                    member_id,
                    known,
                    becomes,
                    worklist_entries=worklist_entries,
                    now=self._clock.now(),
                )
            except Conflict:
                continue
            return True
        raise Contended

    def forget_views(self, program_id: str, member_id: str) -> None:
        """Take the views of a member's posts out of reports, whatever their events do.

        A query, and a transaction for each 25 activities of which views are counted.
        """
        now = self._clock.now()
        self._change_progress(program_id, member_id, lambda each: each.without_views(now))

    def _mark_left_behind(self, program_id: str, member_id: str, left_at: datetime) -> None:
        """Take what a member sent off the worklist, and keep off it what becomes of that yet.

        Before they are counted as gone, so that it is done again if it breaks halfway. A query, and
        a transaction for each 25 activities that they sent within a month and did not post.
        """
        now, left = self._clock.now(), Progress(left_at=left_at)
        self._change_progress(
            program_id,
            member_id,
            lambda each: each.merged(left) if each.may_need_hand(now) else each,
        )

    def _change_progress(
        self, program_id: str, member_id: str, change: Callable[[Progress], Progress]
    ) -> None:
        """Write how all progress of a member becomes otherwise, and what that counts as."""
        for attempt in range(MAX_ATTEMPTS):
            shard = secrets.randbelow(SHARDS) if attempt else 0
            found = self._store.progress_items_of_member(program_id, member_id)
            changed = [
                (each, after) for each in found if (after := change(each.progress)) != each.progress
            ]
            try:
                for start in range(0, len(changed), MAX_PAIRS_PER_WRITE):
                    counted = _progress_writes(
                        program_id, changed[start : start + MAX_PAIRS_PER_WRITE]
                    )
                    self._store.write(counted, shard, self._clock.now())
            except (Conflict, Contended):
                continue  # something became of a send at this moment
            return
        raise Contended


_KINDS_OF_CURRENT_MEMBERS = (WorklistKind.ADDRESS, WorklistKind.UNLIKELY)


def _progress_writes(
    program_id: str, changed: Sequence[tuple[StoredProgress, Progress]]
) -> CountedChanges:
    """Return the writes that make progress otherwise; the days of its sends stay as they are."""
    progress: dict[tuple[str, str], Versioned[Progress]] = {}
    added: Counts = Counter()
    for each, after in changed:
        progress[each.member_id, each.activity_id] = Versioned(after, each.version)
        added.update(
            changed_counts(
                counts_of(each.activity_id, each.progress), counts_of(each.activity_id, after)
            )
        )
    return CountedChanges(program_id, progress, days={}, counts=added, titles={})


def counted_as(member: Member, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is stored of a member who was counted: as little as decides what is shown."""
    counted: dict[str, Any] = {}
    if member.status is MemberStatus.ACTIVE:
        counted |= {
            "active": True,
            "channels": sorted(member.channels),
            "name": _display_name(member),
        }
        if member.tiktok is TikTokState.RECONNECT_REQUIRED:
            counted["account"] = before.get("account") or now.isoformat()
    if member.status is MemberStatus.INVITED:
        failed = member.mail is InvitationMail.FAILED
        counted["undelivered" if failed else "invitation"] = _last_invited_at(member).isoformat()
    return counted


def _worklist_entries_of(member: Member, counted: Mapping[str, Any]) -> dict[str, WorklistEntry]:
    since = _parse_moment(counted.get("account")) or member.invited_at
    return {
        "account": WorklistEntry(
            WorklistKind.ACCOUNT, member.member_id, since, title=_display_name(member)
        ),
        "undelivered": WorklistEntry(
            WorklistKind.UNDELIVERED, member.member_id, member.invited_at, title=member.email
        ),
        "invitation": WorklistEntry(
            WorklistKind.INVITATION,
            member.member_id,
            _last_invited_at(member) + INVITATION_PENDING_AFTER,
            title=member.email,
        ),
    }


def _last_invited_at(member: Member) -> datetime:
    """Return when a member was invited, or mailed since."""
    return max(member.invited_at, member.mailed_at or member.invited_at)


def _display_name(member: Member) -> str:
    return member.name or member.email


# --- facts


def facts_of_event(received: Event[Any]) -> list[Fact]:
    """Return the facts that an event tells."""
    payload, program_id = received.payload, received.program_id
    match payload:
        case ActivityDismissed():
            dismissal = Dismissal(dismissed_at=_parse_moment(payload.dismissed_at))
        case DismissalUndone():
            dismissal = Dismissal(undone=_parse_moment(payload.dismissed_at))
        case ActivitiesSeen():
            return [
                impression_fact(program_id, payload.member_id, activity_id, impression_from(text))
                for activity_id, _, text in (each.partition("=") for each in payload.sights)
            ]
        case _:
            fact = fact_of_payload(program_id, payload)
            return [fact] if fact else []
    return [Fact(program_id, payload.member_id, payload.activity_id, Progress(dismissal=dismissal))]


def impression_fact(
    program_id: str, member_id: str, activity_id: str, impression: Impression
) -> Fact:
    """Return the fact that a member saw an activity."""
    return Fact(program_id, member_id, activity_id, Progress(impression=impression))


def fact_of_payload(program_id: str, payload: PerformanceEvent) -> Fact | None:
    """Return the fact that an event of a performance tells; none of a trial."""
    queued_at = _parse_moment(payload.queued_at)
    if payload.trial or queued_at is None:
        return None
    attempt = Attempt(
        payload.performance_id,
        queued_at,
        Attribution(payload.campaign_id, tuple(sorted(payload.channel_ids))),
        unconfirmed_at=_parse_moment(payload.unconfirmed_at),
        staged_at=_parse_moment(payload.staged_at),
        posted_at=_parse_moment(payload.posted_at),
        failed_at=_parse_moment(payload.failed_at),
        failure=payload.failure,
        disclosed=payload.disclosed,
        cut=payload.cut,
        response=_response_of(payload) if isinstance(payload, PerformanceCounted) else None,
    )
    return _attempt_fact(program_id, payload.member_id, payload.activity_id, attempt)


def fact_of_performance(performance: Performance) -> Fact | None:
    """Return what a performance's own item says, as its events did; none of a trial."""
    if performance.trial:
        return None
    counted = performance.counted
    attempt = Attempt(
        performance.performance_id,
        performance.queued_at,
        Attribution(performance.campaign_id, tuple(sorted(performance.channel_ids))),
        unconfirmed_at=performance.unconfirmed_at,
        staged_at=performance.staged_at,
        posted_at=performance.posted_at,
        failed_at=performance.failed_at,
        failure=performance.failure,
        disclosed=performance.acknowledged is not None,
        cut=performance.cut,
        response=PostResponse(
            counted.at, counted.views, counted.likes, counted.comments, performance.points_earned
        )
        if counted
        else None,
    )
    return _attempt_fact(
        performance.program_id, performance.member_id, performance.activity_id, attempt
    )


def _response_of(payload: PerformanceCounted) -> PostResponse | None:
    at = _parse_moment(payload.counted_at)
    return (
        PostResponse(at, payload.views, payload.likes, payload.comments, payload.points)
        if at
        else None
    )


def _attempt_fact(program_id: str, member_id: str, activity_id: str, attempt: Attempt) -> Fact:
    progress = Progress(attempts={attempt.performance_id: attempt})
    return Fact(program_id, member_id, activity_id, progress)


def _parse_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
