"""Measures what requests cost in a program of any size: `python -m bench.program`.

Seeds a program straight into the tables of a local cloud, at one percent and at the whole of the
size, and shows calls and consumed capacity of each pattern of docs/data.md at both. Fails when one
makes more calls than its price, or grows though the page says that it does not. Patterns that may
grow with open activities or channels are also measured in a small program that has as many of them:
they may not cost more than there. Wall time is shown and not judged: the local engine's queries
slow down with the partition, DynamoDB's do not.
"""

import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from unittest.mock import patch

import boto3
import click
from boto3.dynamodb.types import TypeDeserializer
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from botocore.httpsession import URLLib3Session

from bench.measurements import temporary_cloud
from bench.seeding import (
    FACTS,
    PAGE,
    Seeded,
    Size,
    activity_item,
    dynamodb,
    require_success,
    seed,
    settings_with,
    write,
)
from chalicelib.activities.model import ActivityState
from chalicelib.activities.store import ActivityHeadroomItem
from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.composition import Container
from chalicelib.foundation import aws
from chalicelib.foundation.headroom import HeadroomItem
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.settings import Settings
from chalicelib.notifications.model import MAX_NOTICES
from chalicelib.points.periods import Period
from chalicelib.points.ranking import TOP_RANKS
from chalicelib.programs.members.model import MemberFilter
from chalicelib.programs.model import ContentDisclosure, DisclosureTick, Member, MemberStatus
from chalicelib.reports.model import Attempt, CounterName, Fact, Progress
from chalicelib.rewards.model import RedemptionStatus
from chalicelib.videos.model import Upload
from chalicelib.videos.store import UploadHeadroomItem
from local.home import PROJECT
from local.template import read

DUE = 50
YEAR = 365
TIMES, LONG_SECONDS = 3, 20.0
"""How often each pattern is asked for at each size, but no more once it has taken so long; calls
are the most, capacity and time the median."""
ENGINE_SECONDS = 300
"""How long the local engine may take: it goes through whole partitions."""
FLAT_SHARE, FLAT_UNITS = 1.5, 8.0
"""Flat costs may vary by this: pages are a little fuller, a head names more of them."""
OUR_SHARE = 1.3
BARE = Size(members=900, activities=990, opened=900, channels=60, campaigns=30)
"""Where our share of the time is measured: no partition has 1,000 items of what is read."""
PAIRS, MORE_PAIRS, PAIRS_SECONDS = 31, 301, 3.0
"""How many pairs, and how many more of short ones: what takes a millisecond is easily disturbed."""
SHAPE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")


class FixedClock:
    """A clock that is fixed while a pattern is measured, so that no cache expires meanwhile."""

    def __init__(self) -> None:
        self.set()

    def set(self) -> None:
        self._now = datetime.now(UTC)

    def now(self) -> datetime:
        return self._now


@dataclass
class Meter:
    """Counts AWS calls and the capacity that DynamoDB reports for them."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    units_by_call: list[float] = field(default_factory=list)

    @property
    def units(self) -> float:
        return sum(self.units_by_call)

    @contextmanager
    def watching(self) -> Iterator["Meter"]:
        """Count the calls of all clients, PynamoDB's too, during the context."""
        make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  the one router

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            asked = {**parameters, "ReturnConsumedCapacity": "TOTAL"}
            self.calls.append((operation, dict(parameters)))
            self.units_by_call.append(0.0)  # refused, it cost something nobody tells
            answer = make(client, operation, asked)
            self.units_by_call[-1] = _units(operation, parameters, answer)
            return answer

        BaseClient._make_api_call = call  # type: ignore[attr-defined]  # noqa: SLF001  likewise
        try:
            yield self
        finally:
            BaseClient._make_api_call = make  # type: ignore[attr-defined]  # noqa: SLF001  likewise


_READS = frozenset({"GetItem", "Query", "BatchGetItem", "TransactGetItems"})


def _units(operation: str, asked: dict[str, Any], answer: dict[str, Any]) -> float:
    """Return what a call consumed.

    Of writes as the engine says. Of reads the local engine says the same whatever their size, so
    these are counted as DynamoDB does: by 4 KB, half of it for reads that may be behind, twice in
    a transaction; a query by what it went through together.
    """
    if operation not in _READS:
        told = answer.get("ConsumedCapacity", [])
        consumed = told if isinstance(told, list) else [told]
        return sum(float(each["CapacityUnits"]) for each in consumed)
    sizes = [size_of(item) for item in _items(answer)]
    if operation == "Query":
        through = answer["ScannedCount"] / max(answer["Count"], 1)
        return _by_4_kb(sum(sizes) * through) * (1.0 if asked.get("ConsistentRead") else 0.5)
    if operation == "TransactGetItems":
        absent = len(asked["TransactItems"]) - len(sizes)
        return 2.0 * (sum(map(_by_4_kb, sizes)) + absent)
    if operation == "GetItem":
        return sum(map(_by_4_kb, sizes or [0])) * (1.0 if asked.get("ConsistentRead") else 0.5)
    return 0.5 * sum(map(_by_4_kb, sizes))


def _by_4_kb(size: float) -> int:
    return max(1, -int(-size // 4096))


def size_of(value: Any) -> int:
    """Return a value's size about as DynamoDB counts it: names and contents."""
    if isinstance(value, dict):
        return sum(len(name) + size_of(content) for name, content in value.items())
    if isinstance(value, list):
        return sum(map(size_of, value))
    return len(value) if isinstance(value, str | bytes) else 1


@dataclass(frozen=True)
class Pattern:
    """One line of the page: what it may cost, what it may grow with, how it is asked for.

    `ask` gets a member each time, another one if it changes something: one in no channel, or one
    in a few.
    """

    name: str
    price: int
    grows_with: str
    ask: Callable[[Seeded, Caller], object]
    reads: bool = True
    channelled: bool = False


def _identity(at: Seeded, caller: Caller) -> Caller:
    return at.container.programs.caller(at.claims(caller))


def _feed(at: Seeded, caller: Caller) -> None:
    require_success(at.container.activities.feed(_identity(at, caller), PAGE, None).items)


def _feed_of_channels(at: Seeded, caller: Caller) -> None:
    require_success(caller.channels)
    _feed(at, caller)


def _feed_of_a_campaign(at: Seeded, caller: Caller) -> None:
    page = at.container.activities.feed(_identity(at, caller), PAGE, None, at.campaign_id)
    require_success(page.items, all(each.campaign_id == at.campaign_id for each in page.items))


def _feed_of_the_diligent(at: Seeded, _: Caller) -> None:
    """The feed of a member who has done 99 of 100 open activities: the rest fits on the page."""
    page = at.container.activities.feed(_identity(at, at.diligent), PAGE, None)
    require_success(page.items, page.next_cursor is None)


def _one_item(at: Seeded, caller: Caller) -> None:
    found = at.container.activities.offered(_identity(at, caller), at.for_all[0])
    require_success(found.activity.activity_id == at.for_all[0])


def _dismiss(at: Seeded, caller: Caller) -> None:
    at.container.activities.dismiss(_identity(at, caller), at.for_all[0])


def _undismiss(at: Seeded, caller: Caller) -> None:
    at.container.activities.undismiss(_identity(at, caller), at.for_all[0])


def _perform(at: Seeded, caller: Caller) -> None:
    tick = DisclosureTick("1.your_brand", "en", at.container.clock.now())
    at.container.performances.perform(_identity(at, caller), at.for_all.pop(), "bench", tick=tick)


def _activities(at: Seeded, _: Caller) -> None:
    require_success(
        len(at.container.activities.activities(_identity(at, at.manager), PAGE, None).items) == PAGE
    )


def _activities_of_a_campaign(at: Seeded, _: Caller) -> None:
    caller, campaign_id = _identity(at, at.manager), at.campaign_id
    page = at.container.activities.activities(caller, PAGE, None, campaign_id=campaign_id)
    require_success(
        len(page.items) == PAGE, all(each.campaign_id == campaign_id for each in page.items)
    )


def _activities_archived(at: Seeded, _: Caller) -> None:
    page = at.container.activities.activities(_identity(at, at.manager), PAGE, None, archived=True)
    require_success(len(page.items) == PAGE, all(each.archived_at for each in page.items))


def _members(at: Seeded, _: Caller) -> None:
    page = at.container.members.members(_identity(at, at.manager), PAGE, None)
    require_success(len(page.items) == PAGE, page.next_cursor)


def _members_by_name(at: Seeded, _: Caller) -> None:
    _found(
        at,
        MemberFilter(name="MEMBER number 1"),
        lambda each: each.name.startswith("Member number 1"),
    )


def _members_by_email(at: Seeded, _: Caller) -> None:
    _found(at, MemberFilter(email="member1"), lambda each: each.email.startswith("member1"))


def _members_by_status(at: Seeded, _: Caller) -> None:
    _found(
        at,
        MemberFilter(status=MemberStatus.ACTIVE, role=Role.MEMBER),
        lambda each: each.role is Role.MEMBER,
    )


def _members_by_ids(at: Seeded, _: Caller) -> None:
    ids = tuple(each.member_id for each in at.others[:PAGE])
    _found(at, MemberFilter(ids=ids), lambda each: each.member_id in ids)


def _found(at: Seeded, wanted: MemberFilter, right: Callable[[Member], bool]) -> None:
    page = at.container.members.filtered_members(_identity(at, at.manager), wanted, PAGE, None)
    require_success(page.items, all(map(right, page.items)))


def _campaigns(at: Seeded, _: Caller) -> None:
    require_success(
        len(at.container.campaigns.campaigns(_identity(at, at.manager), PAGE, None).items) == PAGE
    )


def _channels(at: Seeded, _: Caller) -> None:
    require_success(
        len(at.container.channels.channels(_identity(at, at.manager), PAGE, None).items) == PAGE
    )


def _channels_of_a_member(at: Seeded, caller: Caller) -> None:
    page = at.container.channels.channels(_identity(at, caller), PAGE, None)
    require_success(page.items)


def _channel_members(at: Seeded, _: Caller) -> None:
    page = at.container.channels.channel_members(
        _identity(at, at.manager), at.channel_id, PAGE, None
    )
    require_success(page.items, all(each.name for each in page.items))


def _invite(at: Seeded, _: Caller) -> None:
    at.invited += 1
    email = f"new{at.invited}@bench.example"
    at.container.members.invite(_identity(at, at.manager), email, None, Role.MEMBER)


def _join(at: Seeded, caller: Caller) -> None:
    require_success(at.empty_channel_id not in caller.channels)
    at.container.channels.join(_identity(at, caller), at.empty_channel_id)


def _history(at: Seeded, _: Caller) -> None:
    caller = _identity(at, at.diligent)
    require_success(len(at.container.performances.performances(caller, PAGE, None).items) == PAGE)


def _own_profile(at: Seeded, _: Caller) -> None:
    require_success(at.container.me.overview(_identity(at, at.diligent)).points.earned)


def _ledger(at: Seeded, _: Caller) -> None:
    page = at.container.points.ledger(_identity(at, at.diligent), PAGE, None)
    require_success(len(page.items) == PAGE, page.next_cursor)


def _ledger_of_a_member(at: Seeded, _: Caller) -> None:
    who, member_id = _identity(at, at.manager), at.diligent.member_id
    require_success(len(at.container.points.ledger_of(who, member_id, PAGE, None).items) == PAGE)


def _adjust(at: Seeded, caller: Caller) -> None:
    who = _identity(at, at.manager)
    require_success(at.container.points.adjust(who, caller.member_id, 5, "Bench").totals.balance)


def _offers(at: Seeded, caller: Caller) -> None:
    require_success(len(at.container.rewards.offered(_identity(at, caller))) == len(at.reward_ids))


def _one_offer(at: Seeded, caller: Caller) -> None:
    require_success(at.container.rewards.standing(_identity(at, caller), at.reward_ids[0]).balance)


def _redeem(at: Seeded, caller: Caller) -> None:
    require_success(at.container.redemptions.redeem(_identity(at, caller), at.reward_ids[0], 1))


def _redeem_of_a_stock(at: Seeded, caller: Caller) -> None:
    require_success(
        at.container.redemptions.redeem(_identity(at, caller), at.reward_ids[-1], 1).stock_id
    )


def _own_redemptions(at: Seeded, caller: Caller) -> None:
    require_success(at.container.redemptions.own(_identity(at, caller), PAGE, None).items)


def _rewards(at: Seeded, _: Caller) -> None:
    page = at.container.rewards.rewards(_identity(at, at.manager), PAGE, None, archived=False)
    require_success(len(page.items) == PAGE)


def _queue(at: Seeded, _: Caller) -> None:
    waits = RedemptionStatus.REQUESTED
    page = at.container.redemptions.queue(_identity(at, at.manager), waits, PAGE, None)
    require_success(len(page.items) == PAGE, page.next_cursor)


def _reject(at: Seeded, _: Caller) -> None:
    """Reject the oldest request; finding it is not measured."""
    who, waits = at.manager, RedemptionStatus.REQUESTED
    with MeterPaused():
        (first,) = at.container.redemptions.queue(who, waits, 1, None).items
    require_success(
        at.container.redemptions.reject(_identity(at, who), first.redemption_id, "Bench")
    )


def _leaderboard(at: Seeded, caller: Caller) -> None:
    _board(at, caller, Period.WEEK)


def _leaderboard_of_all_time(at: Seeded, caller: Caller) -> None:
    _board(at, caller, Period.ALL_TIME)


def _board(at: Seeded, caller: Caller, period: Period) -> None:
    board = at.container.points.leaderboard(_identity(at, caller), period)
    require_success(board.own and board.own.points, len(board.top) == min(TOP_RANKS, at.members))


def _ask_for_upload(at: Seeded, _: Caller) -> None:
    with MeterPaused():
        _asks(at, at.manager)  # which counts if need be
    require_success(_asks(at, _identity(at, at.manager)))


def _ask_for_upload_counted(at: Seeded, _: Caller) -> None:
    _forget_headroom(at, UploadHeadroomItem, "uploads")
    require_success(_asks(at, _identity(at, at.manager)))


def _asks(at: Seeded, caller: Caller) -> Upload:
    return at.container.videos.ask_for_upload(caller, "video/mp4", "bench").upload


def _create(at: Seeded, _: Caller) -> None:
    with MeterPaused():
        upload_id = _valid_upload(at)
        _creates(at, at.manager, upload_id)
    _creates(at, _identity(at, at.manager), upload_id)


def _create_counted(at: Seeded, _: Caller) -> None:
    with MeterPaused():
        upload_id = _valid_upload(at)
    _forget_headroom(at, ActivityHeadroomItem, "activities")
    _creates(at, _identity(at, at.manager), upload_id)


def _creates(at: Seeded, caller: Caller, upload_id: str) -> None:
    disclosure = ContentDisclosure.YOUR_BRAND
    made = at.container.activities.create(caller, upload_id, content_disclosure=disclosure)
    require_success(made.state is ActivityState.PUBLISHED)
    with MeterPaused():
        at.container.activities.end(at.manager, made.activity_id)  # none more than before


def _valid_upload(at: Seeded) -> str:
    upload, now = _asks(at, at.manager), at.container.clock.now()
    key = upload.video_key_for("bench")
    require_success(at.container.upload_store.decide(upload, FACTS, (), key, now))
    return upload.upload_id


def _forget_headroom(at: Seeded, model: type[HeadroomItem], name: str) -> None:
    with MeterPaused():
        at.container.database.delete(model(f"{at.program_id}/headroom", name))


def _expiry(at: Seeded, _: Caller) -> None:
    """Let fifty activities become due, and run the sweep."""
    past = at.container.clock.now() - timedelta(minutes=1)
    with MeterPaused():
        due = [activity_item(at.program_id, past, ends_at=past) for _ in range(DUE)]
        write(at.container.database, due)
    require_success(at.container.due_activities.end_expired() == DUE)


def _overview(at: Seeded, _: Caller) -> None:
    found = at.container.reports.overview(_identity(at, at.manager), None, None)
    require_success(
        found.report.tally.number(CounterName.SENT), found.active, found.members == at.members
    )


def _overview_of_a_year(at: Seeded, _: Caller) -> None:
    """The overview of this year and the one before: two years of full days."""
    today = at.container.clock.now().date()
    first = today - timedelta(days=YEAR - 1)
    found = at.container.reports.overview(_identity(at, at.manager), first, today)
    days = found.report.days
    require_success(len(days) == YEAR, all(each.tally.number(CounterName.SENT) for each in days))
    require_success(found.before.number(CounterName.SENT) >= YEAR, found.active_before)


def _activity_report(at: Seeded, _: Caller) -> None:
    found = at.container.reports.activity(_identity(at, at.manager), at.reported_id, None, None)
    require_success(found.report.whole.number(CounterName.POSTED), found.audience.members)


def _performers(at: Seeded, _: Caller) -> None:
    caller = _identity(at, at.manager)
    page = at.container.reports.performances(caller, at.reported_id, PAGE, None)
    require_success(
        len(page.items) == PAGE, page.next_cursor, all(each.member for each in page.items)
    )


def _campaign_report(at: Seeded, _: Caller) -> None:
    caller = _identity(at, at.manager)
    _campaign, report = at.container.reports.campaign(caller, at.campaign_id, None, None)
    require_success(report.whole.number(CounterName.SENT))


def _channel_reports(at: Seeded, _: Caller) -> None:
    caller = _identity(at, at.manager)
    _span, page = at.container.reports.channels(caller, PAGE, None, None, None)
    require_success(all(each.tally.number(CounterName.SENT) for each in page.items))


def _member_reports(at: Seeded, _: Caller) -> None:
    caller = _identity(at, at.manager)
    _span, page = at.container.reports.members(caller, PAGE, None, None, None)
    require_success(len(page.items) == PAGE, any(each.tally.sent for each in page.items))


def _totals(at: Seeded, _: Caller) -> None:
    caller, listed = _identity(at, at.manager), at.listed_ids
    found = at.container.reports.totals(caller, listed)
    require_success(all(found[each].number(CounterName.SENT) for each in listed))


def _worklist(at: Seeded, _: Caller) -> None:
    require_success(at.container.worklist.worklist(_identity(at, at.manager)).items)


def _seen(at: Seeded, caller: Caller) -> None:
    at.container.reports.note_seen(_identity(at, caller), at.for_all[:PAGE])


def _notices(at: Seeded, _: Caller) -> None:
    found = at.container.notifications.overview(_identity(at, at.diligent))
    require_success(len(found.items) > MAX_NOTICES, found.unread > MAX_NOTICES)


def _note_read(at: Seeded, caller: Caller) -> None:
    who, opened = _identity(at, caller), f"new#{at.listed_ids[0]}"
    at.container.notifications.note_read(who, {opened})


def _trail(at: Seeded, _: Caller) -> None:
    _entries(at, EntryFilter())


def _trail_of_a_person(at: Seeded, _: Caller) -> None:
    _entries(at, EntryFilter(actor=at.manager.member_id))


def _trail_filtered(at: Seeded, _: Caller) -> None:
    _entries(at, EntryFilter(actor=at.manager.member_id, kind=Kind.POINTS_ADJUSTED))


def _entries(at: Seeded, wanted: EntryFilter) -> None:
    page = at.container.audit.entries(_identity(at, at.manager), wanted, PAGE, None)
    require_success(len(page.items) == PAGE, page.next_cursor, all(map(wanted.matches, page.items)))


def _one_entry(at: Seeded, _: Caller) -> None:
    who = at.manager
    with MeterPaused():
        (newest,) = at.container.audit.entries(who, EntryFilter(), 1, None).items
    require_success(
        at.container.audit.entry(_identity(at, who), newest.entry_id).kind == newest.kind
    )


COUNTED_AT_ONCE = 25


def _count(at: Seeded, _: Caller) -> None:
    """Count sends of 25 members who have no counters yet."""
    now, activity_id = at.container.clock.now(), at.for_all[0]
    facts = [
        Fact(
            at.program_id,
            new_id("mem", now),
            activity_id,
            Progress(attempts={prf: Attempt(prf, now)}),
        )
        for prf in (new_id("prf", now) for _ in range(COUNTED_AT_ONCE))
    ]
    require_success(at.container.fact_counter.count(facts) <= 2 * len(facts) + FLAT_UNITS)


PATTERNS = (
    Pattern("who is this", 1, "", _identity),
    Pattern("feed page of 20", 4, "open activities", _feed),
    Pattern("feed page, in 3 channels", 4, "open activities", _feed_of_channels, channelled=True),
    Pattern("feed page, a campaign", 4, "open activities", _feed_of_a_campaign),
    Pattern("feed page, 99 % done", 4, "open activities", _feed_of_the_diligent),
    Pattern("one's own feed item", 3, "", _one_item),
    Pattern("dismiss", 3, "", _dismiss, reads=False),
    Pattern("take a dismissal back", 3, "", _undismiss, reads=False),
    Pattern("perform", 3, "", _perform, reads=False),
    Pattern("ask for an upload", 2, "", _ask_for_upload, reads=False),
    Pattern("the same, counted anew", 6, "", _ask_for_upload_counted, reads=False),
    Pattern("create an activity", 3, "", _create, reads=False),
    Pattern("the same, counted anew", 7, "open activities", _create_counted, reads=False),
    Pattern("activity list page", 2, "", _activities),
    Pattern("the same, a campaign", 2, "", _activities_of_a_campaign),
    Pattern("the same, archived", 2, "", _activities_archived),
    Pattern("history page", 2, "", _history),
    Pattern("oneself, with points", 2, "", _own_profile),
    Pattern("ledger page", 2, "", _ledger),
    Pattern("ledger page, of a member", 2, "", _ledger_of_a_member),
    Pattern("points by hand", 3, "", _adjust, reads=False),
    Pattern("rewards on offer", 2, "", _offers),
    Pattern("one reward, and oneself", 2, "", _one_offer),
    Pattern("redeem", 3, "", _redeem, reads=False),
    Pattern("redeem, of a stock", 3, "", _redeem_of_a_stock, reads=False),
    Pattern("own redemptions page", 2, "", _own_redemptions),
    Pattern("reward list page", 2, "", _rewards),
    Pattern("redemptions that wait", 2, "", _queue),
    Pattern("reject a redemption", 4, "", _reject, reads=False),
    Pattern("leaderboard", 4, "", _leaderboard),
    Pattern("the same, all time", 4, "", _leaderboard_of_all_time),
    Pattern("member list page", 2, "", _members),
    Pattern("the same, by name", 2, "", _members_by_name),
    Pattern("the same, by e-mail", 2, "", _members_by_email),
    Pattern("the same, by status", 2, "", _members_by_status),
    Pattern("the same, by ids", 2, "", _members_by_ids),
    Pattern("invite", 2, "", _invite, reads=False),
    Pattern("campaign list page", 2, "", _campaigns),
    Pattern("channel list page", 2, "", _channels),
    Pattern("the same, for a member", 2, "channels", _channels_of_a_member, channelled=True),
    Pattern("people in a channel", 2, "", _channel_members),
    Pattern("join a channel", 3, "", _join, reads=False),
    Pattern("overview", 3, "", _overview),
    Pattern("overview of a year", 3, "", _overview_of_a_year),
    Pattern("activity report", 3, "", _activity_report),
    Pattern("who performed it", 3, "", _performers),
    Pattern("campaign report", 3, "", _campaign_report),
    Pattern("channels' report", 4, "channels", _channel_reports),
    Pattern("members' report", 3, "", _member_reports),
    Pattern("numbers of a list", 2, "", _totals),
    Pattern("worklist", 2, "", _worklist),
    Pattern("tell what was seen", 3, "", _seen, reads=False),
    Pattern("notices, a full box", 2, "", _notices),
    Pattern("note a notice as read", 3, "", _note_read, reads=False),
    Pattern("audit trail page", 2, "", _trail),
    Pattern("the same, of a person", 2, "", _trail_of_a_person),
    Pattern("the same, and of a kind", 2, "", _trail_filtered),
    Pattern("one entry, and address", 2, "", _one_entry, reads=False),
    Pattern(f"count {COUNTED_AT_ONCE} sends", 3, "", _count, reads=False),
    Pattern(f"expiry sweep of {DUE}", 1 + DUE // 25, "", _expiry, reads=False),
)


class MeterPaused:
    """Pauses the meter while a pattern prepares its data."""

    current: Meter | None = None

    def __enter__(self) -> None:
        self._before = len(self.current.calls) if self.current else 0

    def __exit__(self, *_: object) -> None:
        if self.current:
            del self.current.calls[self._before :]
            del self.current.units_by_call[self._before :]


# --- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    calls: int
    units: float
    milliseconds: float


def cost(pattern: Pattern, at: Seeded, callers: Iterator[Caller], clock: FixedClock) -> Cost:
    """Run a pattern a few times when warm, each time for another member."""
    found: list[tuple[int, float, float]] = []
    clock.set()
    until = time.monotonic() + LONG_SECONDS
    for turn in range(TIMES + 1):
        if found and time.monotonic() > until:
            break
        meter = Meter()
        MeterPaused.current = meter
        with meter.watching():
            begun = time.perf_counter()
            pattern.ask(at, next(callers))
            taken = time.perf_counter() - begun
        if turn:  # the first one warms up
            found.append((len(meter.calls), meter.units, taken * 1000))
    calls, units, milliseconds = zip(*found, strict=True)
    return Cost(max(calls), statistics.median(units), statistics.median(milliseconds))


def ratio(ask: Callable[[], object]) -> float:
    """Compare a read with the same calls by plain boto3, decoding included, in pairs."""
    ask()  # from here on nothing is read that is remembered for a minute
    meter = Meter()
    with meter.watching():
        ask()
    client = boto3.client("dynamodb")
    decode = TypeDeserializer()

    def bare() -> None:
        for operation, parameters in meter.calls:
            answer = getattr(client, xform_name(operation))(**parameters)
            for item in _items(answer):
                for value in item.values():
                    decode.deserialize(value)

    def seconds(work: Callable[[], object]) -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    bare()
    pairs: list[float] = []
    until = time.monotonic() + PAIRS_SECONDS
    while len(pairs) < PAIRS or (time.monotonic() < until and len(pairs) < MORE_PAIRS):
        if len(pairs) % 2:
            ours, theirs = seconds(ask), seconds(bare)
        else:
            theirs, ours = seconds(bare), seconds(ask)
        pairs.append(ours / theirs)
    return statistics.median(pairs)


@contextmanager
def cached_answers() -> Iterator[None]:
    """Answer repeated requests from a cache: the engine takes most of the time."""
    send = URLLib3Session.send
    kept: dict[tuple[Any, Any], Any] = {}

    def answer(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        asked = request.headers["X-Amz-Target"], request.body
        if asked not in kept:
            kept[asked] = send(session, request)
            require_success(kept[asked].content)  # read, to be read again
        return kept[asked]

    with patch.object(URLLib3Session, "send", answer):
        yield


def _items(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from answer.get("Items", ())
    if answer.get("Item"):
        yield answer["Item"]
    responses = answer.get("Responses", ())
    for each in responses if isinstance(responses, list) else ():
        if each.get("Item"):
            yield each["Item"]
    if isinstance(responses, dict):
        for found in responses.values():
            yield from found


def verdict(pattern: Pattern, small: Cost, large: Cost) -> str:
    """Describe what is wrong with a pattern's costs; empty if they are right.

    The small program must have as much as the large one of what the pattern may grow with.
    """
    if max(small.calls, large.calls) > pattern.price:
        return "OVER ITS PRICE"
    most = max(small.units * FLAT_SHARE, small.units + FLAT_UNITS)
    return "NOT FLAT" if large.calls > small.calls or large.units > most else ""


# --- the run --------------------------------------------------------------------------------------


@contextmanager
def tables() -> Iterator[Settings]:
    """Start a local cloud with only the template's tables."""
    with temporary_cloud():
        client, names = dynamodb(), dict[str, str]()
        for name, resource in read(PROJECT / "infra" / "tables.yaml")["Resources"].items():
            given = resource["Properties"]
            shape = {key: given[key] for key in SHAPE if key in given}
            client.create_table(TableName=name, **shape)
            names[name] = name
        yield settings_with(names)


def _container(settings: Settings, clock: FixedClock) -> Container:
    container = Container(settings, clock)
    container.cursors = Cursors(lambda: "a-secret-of-at-least-thirty-two-bytes")
    # The whole size has as many open activities as the quota of most deployments.
    container.quotas = replace(Quotas(), activities_open=100_000, uploads_waiting=100_000)
    return container


@click.command()
@click.option("--size", default=100.0, show_default=True, help="Percent of the whole size.")
@click.option("--ratio/--no-ratio", "with_ratio", default=True, help="Compare with bare boto3.")
def main(size: float, *, with_ratio: bool) -> None:
    """Show what requests cost at one percent of a program of 100,000 members and at `--size`."""
    logging.disable(logging.WARNING)
    clock = FixedClock()
    with patch.object(aws, "READ_SECONDS", ENGINE_SECONDS), tables() as settings:
        container = _container(settings, clock)
        failed = with_ratio and _shares(container)
        failed = _costs(container, clock, size) or failed
    sys.exit(1 if failed else 0)


def _costs(container: Container, clock: FixedClock, size: float) -> bool:
    """Print each pattern's costs at both sizes; return whether one is too high."""
    small, large = Size().share(0.01), Size().share(size / 100)
    measured = []
    for which in (small, large, small.with_groups_of(large)):
        click.echo(f"seeding {which}", err=True)
        clock.set()
        at = seed(container, which)
        measured.append((at, cycle(at.others), cycle(at.channelled)))
    head = "".join(f"{told:>22}" for told in ("1 %", f"{size:g} %", "1 %, as many open"))
    click.echo(f"{'calls, units, wall time':25}{'price':>6}{head}")
    failed = False
    for pattern in PATTERNS:
        costs = [
            cost(pattern, at, channelled if pattern.channelled else others, clock)
            for at, others, channelled in measured[: 3 if pattern.grows_with else 2]
        ]
        words = verdict(pattern, costs[-1 if pattern.grows_with else 0], costs[1])
        failed = failed or bool(words)
        told = "".join(
            f"{each.calls:>6} {each.units:>6.1f} {each.milliseconds:>5.0f} ms" for each in costs
        )
        grows = f"grows with {pattern.grows_with}" if pattern.grows_with else "flat"
        click.echo(f"{pattern.name:25}{pattern.price:>6}{told:66}  {grows} {words}")
    return failed


def _shares(container: Container) -> bool:
    """Print our share of the time for small data; return whether it is too high."""
    click.echo(f"seeding {BARE.opened} open activities and as many members", err=True)
    at, failed = seed(container, BARE), False
    click.echo(f"{'times bare boto3':25}{'price':>6}{'':6}  and with answers kept, not judged")
    for pattern in PATTERNS:
        if not pattern.reads:
            continue
        caller = (at.channelled if pattern.channelled else at.others)[0]

        def ask(pattern: Pattern = pattern, caller: Caller = caller) -> object:
            return pattern.ask(at, caller)

        found = ratio(ask)
        with cached_answers():
            alone = ratio(ask)
        over = " TOO MUCH" if found > OUR_SHARE else ""
        failed = failed or bool(over)
        click.echo(f"{pattern.name:25}{OUR_SHARE:>6}{found:>6.2f}{alone:>8.2f}{over}")
    return failed


if __name__ == "__main__":
    main()
