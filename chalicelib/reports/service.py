"""Reports as managers read them, and what members have seen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Protocol

from chalicelib.activities.model import Activity, ReuseEstimate, estimate_reuse
from chalicelib.activities.service import ActivityLifecycle
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode, not_found
from chalicelib.foundation.table import Read
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import Campaign, Channel, Member, Program, local_time
from chalicelib.programs.service import ProgramService
from chalicelib.reports.model import (
    FIRST_DAY,
    LAST_DAY,
    MAX_DAYS,
    Attribution,
    Audience,
    CutTally,
    DateRange,
    Impression,
    InvalidSpan,
    MemberTally,
    Progress,
    Scope,
    Tally,
    active_members,
    audience_of,
    span_between,
    tally_of_member,
)
from chalicelib.reports.store import ReportStore

MAX_SEEN = 50
MAX_TOTALS = 25


class MemberPages(Protocol):
    """Reads a program's members, the last invited first."""

    def members(self, caller: Caller, limit: int, cursor: str | None) -> Page[Member]: ...


class ChannelPages(Protocol):
    """Reads a program's channels."""

    def channels(self, caller: Caller, limit: int, cursor: str | None) -> Page[Any]: ...


@dataclass(frozen=True)
class ReportDay:
    day: date
    tally: Tally


@dataclass(frozen=True)
class Report:
    """The counts within a period, day by day; `whole` is not limited to it."""

    span: DateRange
    time_zone: str
    days: tuple[ReportDay, ...]
    whole: Tally

    @property
    def tally(self) -> Tally:
        return Tally.of(each.tally.numbers for each in self.days)


@dataclass(frozen=True)
class Overview:
    """A program's report, the same of as many days before, and how many members took part."""

    report: Report
    before: Tally
    members: int
    active: int
    active_before: int

    @property
    def participation(self) -> float | None:
        """The share of today's members who sent something; None without members."""
        return min(1.0, self.active / self.members) if self.members else None


@dataclass(frozen=True)
class ActivityReport:
    """An activity's report; `report.whole` is its whole life."""

    activity: Activity
    audience: Audience
    report: Report

    @property
    def cuts(self) -> tuple[CutTally, ...]:
        """The counts of each cut within the period; empty where there is one video."""
        if not self.activity.further_cuts:
            return ()
        tally = self.report.tally
        return tuple(tally.of_cut(each) for each in self.activity.upload_ids)


@dataclass(frozen=True)
class Performer:
    """A member who performed an activity. `member` is None once nothing is left of them."""

    member_id: str
    member: Member | None
    progress: Progress


@dataclass(frozen=True)
class ChannelReport:
    channel: Channel
    members: int
    tally: Tally


@dataclass(frozen=True)
class MemberReport:
    member: Member
    tally: MemberTally


class ReportService:
    def __init__(
        self,
        *,
        store: ReportStore,
        programs: ProgramService,
        members: MemberPages,
        channels: ChannelPages,
        activities: ActivityLifecycle,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._store = store
        self._programs = programs
        self._members = members
        self._channels = channels
        self._activities = activities
        self._cursors = cursors
        self._clock = clock

    def note_seen(self, caller: Caller, activity_ids: Collection[str]) -> None:
        """Note what the caller had before their eyes: two calls, one of them a write.

        Leaves out activities that do not exist or are not addressed to them; raises the problem
        `not_found` if that is all.
        """
        found = self._activities.activities(caller.program_id, sorted(set(activity_ids)))
        now = self._clock.now()
        impressions = {
            each.activity_id: Impression(
                now, Attribution(each.campaign_id, tuple(sorted(each.channels_of(caller.channels))))
            )
            for each in found.values()
            if each.video and each.is_addressed_to(caller.channels)
        }
        if not impressions:
            raise not_found("activity")
        self._store.note_seen(caller.program_id, caller.member_id, impressions, now)

    def overview(self, caller: Caller, first: date | None, last: date | None) -> Overview:
        """Report on the caller's program: two calls. Raises the problem `invalid_request`."""
        program, counted = self._program_and_people(caller)
        span = self._requested_span(first, last, program.time_zone)
        counters = self._store.counters(
            caller.program_id, Scope.PROGRAM, "", span.before.first, span.last
        )
        return Overview(
            _report_of_counters(counters, span, program.time_zone),
            Tally.of(counters[each] for each in span.before.each() if each in counters),
            max(0, counted.get("all", 0)),
            active_members(counters, span.first, span.last),
            active_members(counters, span.before.first, span.before.last),
        )

    def activity(
        self, caller: Caller, activity_id: str, first: date | None, last: date | None
    ) -> ActivityReport:
        """Report on an activity, archived or not: two calls.

        Without a period, from its beginning. Raises problems: `not_found`, `invalid_request`.
        """
        people: dict[str, int] = {}
        reading = self._store.read_of_audience(caller.program_id)

        def taken(item: Any) -> dict[str, int]:
            people.update(reading.to(item))
            return people

        beside: list[Read[Any]] = [
            replace(reading, to=taken),
            *self._programs.program_read_unless_cached(caller.program_id),
        ]
        activity = self._activities.activity(caller.program_id, activity_id, beside)
        if activity is None:
            raise not_found("activity")
        zone = self._program_time_zone(caller.program_id)
        span = self._lifetime_span(activity.created_at, first, last, zone)
        counters = self._store.counters(
            caller.program_id, Scope.ACTIVITY, activity_id, FIRST_DAY, LAST_DAY
        )
        audience = audience_of(people, activity.channel_ids)
        return ActivityReport(activity, audience, _report_of_counters(counters, span, zone))

    def reuse(
        self, caller: Caller, channel_ids: Collection[str], captions: int, cuts: int = 1
    ) -> tuple[Audience, ReuseEstimate]:
        """Return how many people some channels reach, and what these would share: one call.

        Unknown channels, and those of other programs, count nobody.
        """
        program, counted = self._program_and_people(caller)
        audience = audience_of(counted, channel_ids)
        above = program.reuse_warning_above
        return audience, estimate_reuse(audience.members, captions, above, cuts)

    def campaign(
        self, caller: Caller, campaign_id: str, first: date | None, last: date | None
    ) -> tuple[Campaign, Report]:
        """Report on a campaign: two calls. Raises problems: `not_found`, `invalid_request`."""
        campaign = self._programs.campaign(caller.program_id, campaign_id)
        if campaign is None:
            raise not_found("campaign")
        zone = self._program_time_zone(caller.program_id)
        span = self._lifetime_span(campaign.created_at, first, last, zone)
        counters = self._store.counters(
            caller.program_id, Scope.CAMPAIGN, campaign_id, FIRST_DAY, LAST_DAY
        )
        return campaign, _report_of_counters(counters, span, zone)

    def channels(
        self,
        caller: Caller,
        limit: int,
        cursor: str | None,
        first: date | None,
        last: date | None,
    ) -> tuple[DateRange, Page[ChannelReport]]:
        """Report on channels, newest first: three calls, and one for each megabyte counted."""
        program, counted = self._program_and_people(caller)
        span = self._requested_span(first, last, program.time_zone)
        page = self._channels.channels(caller, limit, cursor)
        counters = self._store.counters(
            caller.program_id, Scope.CHANNELS, "", span.first, span.last
        )
        whole = Tally.of(counters.values()).numbers
        by_channel: dict[str, dict[str, int]] = {}
        for name, number in whole.items():
            channel_id, _, what = name.partition(":")
            by_channel.setdefault(channel_id, {})[what] = number
        items = tuple(
            ChannelReport(
                each.channel,
                max(0, counted.get(each.channel.channel_id, 0)),
                Tally(by_channel.get(each.channel.channel_id, {})),
            )
            for each in page.items
        )
        return span, Page(items, page.next_cursor)

    def members(
        self,
        caller: Caller,
        limit: int,
        cursor: str | None,
        first: date | None,
        last: date | None,
    ) -> tuple[DateRange, Page[MemberReport]]:
        """Report on members, the last invited first: two calls, and one for each megabyte.

        A page of members lies together in the order of ids, and so does what they did.
        """
        span = self._requested_span(first, last, self._program_time_zone(caller.program_id))
        page = self._members.members(caller, limit, cursor)
        return span, Page(tuple(self.member_reports(page.items, span)), page.next_cursor)

    def member_reports(self, members: Sequence[Member], span: DateRange) -> Iterator[MemberReport]:
        """Add up what members who follow each other in the list did within a period."""
        found: dict[str, list[Progress]] = {each.member_id: [] for each in members}
        if found:
            ids = sorted(found)
            program_id = members[0].program_id
            for each in self._store.progress_of_members(program_id, ids[0], ids[-1]):
                if each.member_id in found:
                    found[each.member_id].append(each.progress)
        for member in members:
            yield MemberReport(member, tally_of_member(found[member.member_id], span))

    def performances(
        self, caller: Caller, activity_id: str, limit: int, cursor: str | None
    ) -> Page[Performer]:
        """List who performed an activity, the latest first: two calls.

        Raises problems: `not_found`, `invalid_cursor`.
        """
        page = self._cursors.page(
            caller.program_id,
            f"performers/{activity_id}",
            cursor,
            limit,
            fetch=lambda at, count: self._store.performers(
                caller.program_id, activity_id, at.get("before"), count
            ),
            position_of=lambda last: {"before": last[0]},
        )
        if not page.items and self._activities.activity(caller.program_id, activity_id) is None:
            raise not_found("activity")
        people = self._programs.members_by_id(
            caller.program_id, [each.member_id for _, each in page.items]
        )
        performers = tuple(
            Performer(each.member_id, people.get(each.member_id), each.progress)
            for _, each in page.items
        )
        return Page(performers, page.next_cursor)

    def cut_numbers(self, caller: Caller, activity_id: str) -> Mapping[str, int]:
        """Return the numbers of an activity's cuts by their uploads, from 1: one call.

        Nothing where there is one video for all. Raises the problem `not_found`.
        """
        activity = self._activities.activity(caller.program_id, activity_id)
        if activity is None:
            raise not_found("activity")
        if not activity.further_cuts:
            return {}
        return {each: number for number, each in enumerate(activity.upload_ids, 1)}

    def totals(self, caller: Caller, activity_ids: Collection[str]) -> Mapping[str, Tally]:
        """Return what was counted of activities since ever: one call."""
        found = self._store.totals(caller.program_id, set(activity_ids))
        return {activity_id: Tally(numbers) for activity_id, numbers in found.items()}

    def _program_and_people(self, caller: Caller) -> tuple[Program, Mapping[str, int]]:
        program, people = self._store.read_together(
            [
                self._programs.read_of_program(caller.program_id),
                self._store.read_of_audience(caller.program_id),
            ]
        )
        if program is None:
            raise not_found("program")
        return program, people or {}

    def zone_and_today(self, program_id: str) -> tuple[str, date]:
        """Return a program's zone, and which day it is there."""
        zone = self._program_time_zone(program_id)
        return zone, local_time(self._clock.now(), zone).date()

    def _program_time_zone(self, program_id: str) -> str:
        program = self._programs.cached_program(program_id)
        return program.time_zone if program else "UTC"

    def _requested_span(self, first: date | None, last: date | None, zone: str) -> DateRange:
        return checked_span(first, last, local_time(self._clock.now(), zone).date())

    def _lifetime_span(
        self, since: datetime, first: date | None, last: date | None, zone: str
    ) -> DateRange:
        """Return a period; without one, that since an instant, as far as it goes back."""
        today = local_time(self._clock.now(), zone).date()
        if first is None and last is None:
            whole = DateRange(min(local_time(since, zone).date(), today), today)
            late = date.fromordinal(today.toordinal() - MAX_DAYS + 1)
            return whole if whole.days <= MAX_DAYS else DateRange(late, today)
        return checked_span(first, last, today)


def checked_span(
    first: date | None, last: date | None, today: date, *, fields_end: str = ""
) -> DateRange:
    """Return the period between two days. Raises the problem `invalid_request`.

    `fields_end` is what follows `from` and `to` in the names of the fields that have the days.
    """
    try:
        return span_between(first, last, today)
    except InvalidSpan as error:
        raise Problem(
            ProblemCode.INVALID_REQUEST,
            str(error),
            (FieldError(f"{error.field}{fields_end}", error.code, str(error), error.limit),),
        ) from error


def _report_of_counters(
    counters: Mapping[date, Mapping[str, int]], span: DateRange, zone: str
) -> Report:
    days = tuple(ReportDay(each, Tally(counters.get(each, {}))) for each in span.each())
    return Report(span, zone, days, Tally.of(counters.values()))
