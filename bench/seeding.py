"""A program of any size, written straight into tables: `python -m bench.seeding --stack NAME`.

Only into those of a local cloud, which `AWS_ENDPOINT_URL` leads to: its people are nobody.
"""

import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import Any

import boto3
import click
from botocore.config import Config

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.store import ActivityItem, MarkItem
from chalicelib.audit.model import AuditEntry
from chalicelib.audit.model import Kind as AuditKind
from chalicelib.audit.store import AuditStore
from chalicelib.composition import Container
from chalicelib.foundation.clock import SystemClock
from chalicelib.foundation.identity import Caller, Claims, Role, TikTokState
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import Database, Model
from chalicelib.notifications.model import MAX_NOTICES, Notice, NoticeType
from chalicelib.performances.model import State
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.board_store import BoardStore, CountedItem, ScoreItem
from chalicelib.points.boards import LeaderboardBuilder, LeaderboardMarks
from chalicelib.points.model import EntryKind, SourceKind, award_entry_id
from chalicelib.points.periods import day_of, spans_of_day
from chalicelib.points.store import EntryItem, TotalsItem
from chalicelib.programs.model import ChannelKind, Member, MemberStatus, owner_key
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import (
    CHANNELS,
    MANAGERS,
    CampaignItem,
    ChannelItem,
    CountedIdsItem,
    MemberItem,
    MembershipItem,
    ProgramItem,
    ProgramStore,
    UniquenessItem,
    address_key,
    campaign_key,
    channel_key,
    email_key,
    member_key,
    name_guard,
    name_key,
    standing_key,
)
from chalicelib.reports.counting import UNPACKED_DAYS
from chalicelib.reports.model import (
    FAILURE_WORDS,
    LOST_PREFIX,
    MAX_DAYS,
    MAX_GAP_DAYS,
    NEVER_KEY,
    WorklistKind,
)
from chalicelib.reports.store import MonthItem, ProgressItem, pack_days
from chalicelib.rewards.model import MAX_STOCK, RedemptionStatus
from chalicelib.rewards.store import RedemptionItem
from chalicelib.tiktok.store import AccountItem
from chalicelib.videos.model import VideoFacts

PAGE, ASKING = 20, 40
REWARDS = 2 * PAGE + 2
CHANNELS_PER_MEMBER = 3
"""The number of channels of every fifth member."""
FACTS = VideoFacts(
    size_bytes=10_000_000,
    container="mp4",
    has_video=True,
    codec="h264",
    duration_seconds=10.0,
    width=1080,
    height=1920,
    frame_rate=30.0,
)


@dataclass(frozen=True)
class Size:
    """How much of everything a program has; `activities` are those that are open too."""

    members: int = 100_000
    activities: int = 10_000
    opened: int = 1_000
    channels: int = 200
    campaigns: int = 100

    def share(self, share: float) -> "Size":
        """Return this size times `share`, with at least a page of everything."""
        kept = (self.members, self.activities, self.opened, self.channels, self.campaigns)
        return Size(*(max(int(each * share), PAGE + 1) for each in kept))

    def with_groups_of(self, other: "Size") -> "Size":
        """Give one with as many open activities and channels as another, of the rest as many."""
        ended = self.activities - self.opened
        return replace(
            self,
            activities=ended + other.opened,
            opened=other.opened,
            channels=other.channels,
        )


@dataclass(frozen=True)
class Award:
    """What a ledger has of one performance."""

    member_id: str
    activity_id: str
    performance_id: str
    points: int
    made_at: datetime


@dataclass
class Seeded:
    """A program in the tables, and who and what of it is asked for.

    `reward_ids` are on offer, the last of them of a limited stock.

    `diligent` has done all but one in a hundred of the open activities. `channelled` are in
    channels, `others` in none. `for_all` are open activities that are addressed to nobody.
    """

    container: Container
    program_id: str
    members: int
    manager: Caller
    diligent: Caller
    channelled: list[Caller]
    others: list[Caller]
    for_all: list[str]
    campaign_id: str
    channel_id: str
    empty_channel_id: str
    reward_ids: list[str]
    reported_id: str
    listed_ids: list[str]
    invited: int = 0

    def claims(self, caller: Caller) -> Claims:
        return Claims(f"subject-{caller.member_id}", caller.email, 0)


class UnexpectedResult(AssertionError):
    """A pattern did not do the work that it is measured for."""


def require_success(*facts: object) -> None:
    """Raise `UnexpectedResult` unless all facts are true: a pattern that does nothing is cheap."""
    if not all(facts):
        raise UnexpectedResult(facts)


def write(database: Database, items: Iterable[Model], total: int = 0, what: str = "") -> None:
    """Write items 25 a call, four calls at once, saying how far it is."""
    client, done, said = dynamodb(), 0, time.monotonic()

    def send(batch: Sequence[Model]) -> int:
        left: dict[str, list[Any]] = {}
        for each in batch:
            put = {"PutRequest": {"Item": each.serialize()}}
            left.setdefault(database.table_name(type(each)), []).append(put)
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
        return len(batch)

    with ThreadPoolExecutor(4) as threads:
        for many in batched(batched(items, 25), 400):
            for count in threads.map(send, many):
                done += count
                if total and time.monotonic() - said > 2:  # noqa: PLR2004  seconds
                    click.echo(f"  {what}: {done:,} of {total:,}", err=True)
                    said = time.monotonic()


def dynamodb() -> Any:
    """Make a client that takes items as they are: to check them took half of the seeding's time."""
    return boto3.client(
        "dynamodb", config=Config(max_pool_connections=8, parameter_validation=False)
    )


def activity_item(program_id: str, made_at: datetime, **changes: Any) -> ActivityItem:
    """Make an activity for everybody, open if no change says otherwise."""
    activity_id = new_id("act", made_at)
    given = {
        "program_id": program_id,
        "activity_id": activity_id,
        "state": ActivityState.PUBLISHED,
        "instructions": "Share this video on TikTok",
        "upload_id": activity_id.replace("act", "upl"),
        "points": 10,
        "featured": False,
        "starts_at": None,
        "ends_at": None,
        "time_zone": "UTC",
        "created_by": "mem_manager",
        "created_at": made_at,
        "video": FACTS,
        "video_key": f"videos/{program_id}/{activity_id}",
    }
    return ActivityItem.of(Activity(**{**given, **changes}))


def seed(container: Container, size: Size) -> Seeded:
    """Put a program of this size into the tables, and make its boards."""
    now = datetime.now(UTC)
    program_id = new_id("prg", now)
    database = container.database
    write(
        database,
        [ProgramItem(program_id, "program", name="Bench", time_zone="UTC", created_at=now)],
    )
    channel_ids = [new_id("chn", now - timedelta(days=1, seconds=n)) for n in range(size.channels)]
    *peopled, empty = channel_ids
    campaign_ids = [
        new_id("cmp", now - timedelta(days=1, seconds=n)) for n in range(size.campaigns)
    ]
    write(database, _channels(program_id, channel_ids))
    write(database, _campaigns(program_id, campaign_ids, now))
    people = members(program_id, size.members, now, peopled)
    manager = people[-1]
    manager.role = Role.MANAGER
    _with_index_keys(manager)
    write(database, _with_guards(people), 2 * size.members, "members and their addresses")
    write(database, [CountedIdsItem(program_id, MANAGERS, ids={manager.member_id})])
    write(
        database,
        _memberships(people),
        size.members // 5 * CHANNELS_PER_MEMBER,
        "places in channels",
    )
    running, ended = _activities(database, program_id, size, now, (peopled, campaign_ids))
    callers = [each.to_member().as_caller() for each in people]
    step = max(size.members // ASKING // 5, 1) * 5
    (diligent, *channelled), others = callers[::step], callers[1::step]
    done = running[: size.opened - max(size.opened // 100, 1)]
    awards = [_award(diligent.member_id, each, int(each.points)) for each in done]
    write(
        database, _performed_by(diligent, done, awards), 2 * len(done), "performances of one member"
    )
    write(database, [account_item(each, now) for each in (*channelled, *others)])
    awards += [
        _award(each.member_id, ended[number % len(ended)], 1 + number * 7919 % 5000, now)
        for number, each in enumerate(people)
    ]
    write(database, _ledgers(program_id, awards), 2 * len(awards) + size.members, "ledgers")
    earned = _scores(program_id, awards)
    write(database, score_items(earned), sum(map(len, earned.values())), "scores of all periods")
    reward_ids = _rewards(container, manager.to_member().as_caller())
    write(
        database, _redemptions(program_id, people, reward_ids[0], now), size.members, "redemptions"
    )
    reported = Reported(program_id, ended[0].activity_id, campaign_ids[0], channel_ids)
    write(
        container.database,
        progress(reported, people, now),
        len(people),
        "members' progress with one activity",
    )
    _counters(container, reported, [each.activity_id for each in running[:PAGE]], size, now)
    trail = _trail(container, program_id, people, now)
    write(database, trail, size.members, "audit entries")
    _notices(container, diligent, now)
    _boards(container, [each.to_member() for each in people], earned)
    return Seeded(
        container=container,
        program_id=program_id,
        members=size.members,
        manager=manager.to_member().as_caller(),
        diligent=diligent,
        channelled=channelled,
        others=others,
        for_all=[each.activity_id for each in running if not each.channel_ids],
        campaign_id=campaign_ids[0],
        channel_id=peopled[0],
        empty_channel_id=empty,
        reward_ids=reward_ids,
        reported_id=ended[0].activity_id,
        listed_ids=[each.activity_id for each in running[:PAGE]],
    )


def settings_with(tables: Mapping[str, str]) -> Settings:
    """Return the settings of services on these tables, by their names in the template."""
    names = {f"{name.removesuffix('Table').lower()}_table": tables[name] for name in tables}
    return Settings(
        **names,
        public_url="https://bench.example",
        incoming_bucket="-",
        videos_bucket="-",
        staging_queue_url="https://sqs.bench.example/staging",
        cursor_secret_id="-",  # noqa: S106  a name
    )


def _tables_of(stack: str) -> dict[str, str]:
    """Return the names of a local stack's tables."""
    if not os.environ.get("AWS_ENDPOINT_URL"):
        raise click.ClickException(
            "These people are nobody, so they go into a local cloud alone: set AWS_ENDPOINT_URL "
            "to its address."
        )
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages.paginate(StackName=stack)
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::DynamoDB::Table"
    }


_MANY = click.IntRange(min=PAGE + 1)


@click.command()
@click.option("--stack", default="greenroom", show_default=True, help="The local stack's name.")
@click.option("--manager", help="E-mail of somebody to be invited as a manager too.")
@click.option("--members", type=_MANY, default=Size.members, show_default=True)
@click.option("--activities", type=_MANY, default=Size.activities, show_default=True)
@click.option("--opened", type=_MANY, default=Size.opened, show_default=True)
@click.option("--channels", type=_MANY, default=Size.channels, show_default=True)
@click.option("--campaigns", type=_MANY, default=Size.campaigns, show_default=True)
def main(stack: str, manager: str | None, **many: int) -> None:
    """Put a program of this size straight into a local stack's tables."""
    container, size = Container(settings_with(_tables_of(stack)), SystemClock()), Size(**many)
    made = seed(container, size)
    program = container.programs.program(made.program_id)
    require_success(program)
    if manager and program:
        container.programs.invite(program, manager, Role.MANAGER)
    click.echo(json.dumps({"program_id": made.program_id, **asdict(size)}))


def _channels(program_id: str, channel_ids: Sequence[str]) -> Iterator[Model]:
    """Channels, every fourth but the first and the last private."""
    for number, channel_id in enumerate(channel_ids):
        private = number % 4 == 1 and channel_id != channel_ids[-1]
        key, name = channel_key(channel_id), f"Channel number {number}"
        yield ChannelItem(
            program_id,
            key,
            channel_id=channel_id,
            name=name,
            kind=(ChannelKind.PRIVATE if private else ChannelKind.PUBLIC).value,
            archived=False,
        )
        yield name_guard("channel", program_id, name, channel_id)
    yield CountedIdsItem(program_id, CHANNELS, ids=set(channel_ids), made=len(channel_ids))


def _campaigns(program_id: str, campaign_ids: Sequence[str], now: datetime) -> Iterator[Model]:
    for number, campaign_id in enumerate(campaign_ids):
        name = f"Campaign number {number}"
        yield CampaignItem(
            program_id,
            campaign_key(campaign_id),
            campaign_id=campaign_id,
            name=name,
            archived=False,
            created_at=now,
        )
        yield name_guard("campaign", program_id, name, campaign_id)


def members(
    program_id: str, count: int, now: datetime, channel_ids: Sequence[str]
) -> list[MemberItem]:
    """Make members, one invited each second until now, every fifth of them in channels."""
    return [
        _member(program_id, number, now - timedelta(seconds=count - number), channel_ids)
        for number in range(count)
    ]


def _award(
    member_id: str, activity: ActivityItem, points: int, made_at: datetime | None = None
) -> Award:
    at = made_at or activity.created_at
    return Award(member_id, activity.activity_id, new_id("prf", at), points, at)


def _ledgers(program_id: str, awards: Sequence[Award]) -> Iterator[Model]:
    """Entries, the notes that they are counted, and what each member's add up to."""
    earned: Counter[str] = Counter()
    for each in awards:
        owner, entry_id = owner_key(program_id, each.member_id), award_entry_id(each.performance_id)
        yield EntryItem(
            owner,
            f"entry#{entry_id}",
            kind=EntryKind.AWARD.value,
            points=each.points,
            source_kind=SourceKind.PERFORMANCE.value,
            source_id=each.performance_id,
            made_at=each.made_at,
        )
        day = day_of(each.made_at, "UTC").isoformat()
        yield CountedItem(f"{program_id}#counted#{each.member_id}", entry_id, day=day)
        earned[each.member_id] += each.points
    for member_id, points in earned.items():
        owner = owner_key(program_id, member_id)
        yield TotalsItem(owner, "totals", balance=points, earned=points)


def _rewards(container: Container, manager: Caller) -> list[str]:
    """Make rewards that are on offer to everybody, half of them of a limited stock."""
    return [
        container.rewards.create(
            manager,
            title=f"Reward number {number}",
            price=1,
            stock=None if number < REWARDS // 2 else MAX_STOCK,
        ).reward_id
        for number in range(REWARDS)
    ]


def _redemptions(
    program_id: str, people: Sequence[MemberItem], reward_id: str, now: datetime
) -> Iterator[Model]:
    """Let each member have asked for one, and be waiting for it."""
    for number, each in enumerate(people):
        asked_at = now - timedelta(seconds=len(people) - number)
        redemption_id = new_id("rdm", asked_at)
        yield RedemptionItem(
            program_id,
            f"redemption#{redemption_id}",
            redemption_id=redemption_id,
            owner=owner_key(program_id, each.member_id),
            member_id=each.member_id,
            member_name=each.name,
            reward_id=reward_id,
            title="Reward number 0",
            price=1,
            state=RedemptionStatus.REQUESTED,
            requested_at=asked_at,
            status_in=f"{program_id}#{RedemptionStatus.REQUESTED.value}",
            status_since=f"{asked_at.isoformat(timespec='microseconds')}#{redemption_id}",
        )


def _scores(program_id: str, awards: Sequence[Award]) -> dict[str, dict[str, int]]:
    """Add up what each has earned in every span."""
    boards: dict[str, dict[str, int]] = defaultdict(Counter)
    for each in awards:
        for span in spans_of_day(day_of(each.made_at, "UTC")):
            boards[f"{program_id}#{span.key}"][each.member_id] += each.points
    return boards


def score_items(boards: dict[str, dict[str, int]]) -> Iterator[ScoreItem]:
    for board, earned in boards.items():
        for member_id, points in earned.items():
            yield ScoreItem(board, member_id, points=points)


def _member(
    program_id: str, number: int, joined: datetime, channel_ids: Sequence[str]
) -> MemberItem:
    member_id = new_id("mem", joined)
    turn = number // 5
    into = {channel_ids[(turn + more) % len(channel_ids)] for more in range(CHANNELS_PER_MEMBER)}
    made = MemberItem(
        program_id,
        member_key(member_id),
        member_id=member_id,
        email=f"member{number}@bench.example",
        name=f"Member number {number}",
        role=Role.MEMBER,
        status=MemberStatus.ACTIVE,
        time_zone="UTC",
        invited_at=joined,
        subject=f"subject-{member_id}",
        tiktok=TikTokState.CONNECTED,
        channels=into if number % 5 == 0 else None,
    )
    _with_index_keys(made)
    return made


def _with_index_keys(item: MemberItem) -> None:
    """Give a member's item the keys by which they are found."""
    member = item.to_member()
    item.address_key, item.name_key = address_key(member), name_key(member)
    item.standing = standing_key(member)


def _with_guards(people: Iterable[MemberItem]) -> Iterator[Model]:
    for each in people:
        yield each
        yield UniquenessItem(
            each.program_id,
            email_key(each.email),
            owner_program_id=each.program_id,
            owner_member_id=each.member_id,
        )


def _memberships(people: Iterable[MemberItem]) -> Iterator[MembershipItem]:
    for each in people:
        for channel_id in each.channels or ():
            yield MembershipItem.of(channel_id, each.to_member().as_channel_member())


def _activities(
    database: Database,
    program_id: str,
    size: Size,
    now: datetime,
    groups: tuple[Sequence[str], Sequence[str]],
) -> tuple[list[ActivityItem], list[ActivityItem]]:
    """Write activities, and return those that are open and those that ended, newest first.

    Every fourth is addressed to channels, half are of one campaign and a quarter of the others,
    and a third of the ended ones are archived.
    """
    channel_ids, campaign_ids = groups

    def grouped(number: int) -> dict[str, Any]:
        turn = number // 4
        addressed = {
            channel_ids[(turn + more) % len(channel_ids)] for more in range(CHANNELS_PER_MEMBER)
        }
        others = campaign_ids[1 + turn % (len(campaign_ids) - 1)] if number % 4 == 0 else None
        return {
            "channel_ids": frozenset(addressed if number % 4 == 2 else ()),  # noqa: PLR2004  a quarter
            "campaign_id": campaign_ids[0] if number % 2 else others,
        }

    ended = [
        activity_item(
            program_id,
            now - timedelta(days=1, minutes=number),
            **_past(archived=number % 3 == 0, at=now),
            **grouped(number),
        )
        for number in range(size.activities - size.opened)
    ]
    write(database, ended, len(ended), "ended activities")
    running = [
        activity_item(program_id, now - timedelta(minutes=number), **grouped(number))
        for number in range(size.opened)
    ]
    write(database, running, size.opened, "open activities")
    return running, ended


def _past(*, archived: bool, at: datetime) -> dict[str, Any]:
    state = ActivityState.ARCHIVED if archived else ActivityState.ENDED
    return {"state": state, "ended_at": at, "archived_at": at if archived else None}


@dataclass(frozen=True)
class Reported:
    """What reports are asked for: as if each member had performed ten activities in two months."""

    program_id: str
    activity_id: str
    campaign_id: str
    channel_ids: Sequence[str]


REPORTED_DAYS, PERFORMED, INVITED_SHARE = 60, 10, 20


def progress(of: Reported, people: Sequence[MemberItem], now: datetime) -> Iterator[Model]:
    """Everybody has performed one activity, at intervals of a second."""
    for number, each in enumerate(people):
        at = now - timedelta(seconds=number)
        told = {"queued_at": at.isoformat(), "staged_at": at.isoformat()}
        yield ProgressItem(
            f"{of.program_id}#progress",
            f"{each.member_id}#{of.activity_id}",
            zone="UTC",
            facts={"attempts": {new_id("prf", at): told}},
            version=1,
            activity_in=f"{of.program_id}/{of.activity_id}",
            performed_key=f"{at.isoformat(timespec='microseconds')}#{each.member_id}",
        )


def _counters(
    container: Container, of: Reported, listed: Sequence[str], size: Size, now: datetime
) -> None:
    """Put the counters of a million performances, a worklist, and how many people there are."""
    client, table = dynamodb(), container.settings.table("reports")
    a_day = size.members * PERFORMED // REPORTED_DAYS
    counted = {"seen": a_day, "sent": a_day, "staged": a_day, "posted": a_day // 2}
    times = {f"post:{at}": a_day // 7 for at in range(7)} | {"post:seconds": a_day * 3600}
    gaps = {f"gap:{gap}": a_day // REPORTED_DAYS for gap in ("never", *range(1, REPORTED_DAYS))}
    items: list[tuple[str, str, dict[str, int]]] = []
    _years(container, of, now, counted | times, gaps)
    for number in range(REPORTED_DAYS):
        day = f"{(now - timedelta(days=number)).date().isoformat()}#00"
        if number <= UNPACKED_DAYS:
            items.append((f"{of.program_id}#program", day, counted | times | gaps))
        items.append((f"{of.program_id}/{of.activity_id}", day, counted | times))
        items.append((f"{of.program_id}/{of.campaign_id}", day, counted | times))
        channels = {f"{each}:{name}": 9 for each in of.channel_ids for name in counted}
        items.append((f"{of.program_id}#channels", day, channels))
    items += [(f"{of.program_id}#totals", f"{each}#00", counted) for each in listed]
    people = {"all": size.members} | dict.fromkeys(of.channel_ids, size.members // 100)
    items.append((f"{of.program_id}#people", "audience", people))
    waiting = f"waiting:{(now - timedelta(days=3)).date().isoformat()}"
    items += [
        (f"{of.program_id}#worklist", f"{WorklistKind.ACTIVITY.prefix}{each}#00", {waiting: 3})
        for each in listed
    ]
    # Invited within the week: on the worklist for later.
    items += [
        (f"{of.program_id}#worklist", f"{WorklistKind.INVITATION.prefix}{new_id('mem', now)}", {})
        for _ in range(size.members // INVITED_SHARE)
    ]
    for scope, item, numbers in items:
        told = {name: {"N": str(number)} for name, number in numbers.items()}
        client.put_item(TableName=table, Item={"scope": {"S": scope}, "item": {"S": item}, **told})


def _years(
    container: Container,
    of: Reported,
    now: datetime,
    counted: Mapping[str, int],
    gaps: Mapping[str, int],
) -> None:
    """Put two years of a program that are over, packed by month: their days as full as can be.

    In the last two months nobody was away for longer; before that there is each gap on each day,
    and the numbers are those of a large program, whatever the size, for they take the most room.
    """
    dice = random.Random(MAX_DAYS)  # noqa: S311  no secret
    long = [f"gap:{each}" for each in (NEVER_KEY, *range(1, MAX_GAP_DAYS + 1))]
    failed = [LOST_PREFIX + each for each in FAILURE_WORDS]
    months: dict[str, dict[date, Mapping[str, int]]] = defaultdict(dict)
    for number in range(UNPACKED_DAYS + 1, 2 * MAX_DAYS):
        day = (now - timedelta(days=number)).date()
        told = {**counted, **gaps}
        if number >= REPORTED_DAYS:
            told = {name: dice.randint(1, 50_000) for name in (*counted, *failed)}
            told |= {name: dice.randint(1, 500) for name in long}
        months[f"{day:%Y-%m}"][day] = told
    scope = f"{of.program_id}#program"
    packed = [
        MonthItem(scope, month, packed=pack_days(days), version=1) for month, days in months.items()
    ]
    write(container.database, packed)


def _trail(
    container: Container, program_id: str, people: Sequence[MemberItem], now: datetime
) -> Iterator[Model]:
    """Let a manager have given each member points by hand, one each second until now."""
    for number, each in enumerate(people):
        at = now - timedelta(seconds=len(people) - number)
        entry = AuditEntry(
            program_id=program_id,
            entry_id=new_id("aud", at),
            at=at,
            kind=AuditKind.POINTS_ADJUSTED.value,
            thing=each.member_id,
            title=each.name or "",
            actor=f"member:{people[-1].member_id}",
            role=Role.MANAGER.value,
            correlation_id="bench",
            before={"balance": number},
            after={"balance": number + 5, "reason": "Helped at the fair"},
            expires_at=now + timedelta(days=730),
        )
        yield AuditStore(container.database).put_entry(entry).item


def _notices(container: Container, caller: Caller, now: datetime) -> None:
    """Write the bulletin, and for one member as many notices as a box keeps."""
    container.bulletin_writer.refresh(caller.program_id)
    store = container.notice_store
    notices = [
        Notice(
            f"points#{number}",
            NoticeType.POINTS_ADJUSTED,
            now,
            str(number),
            "Helped at the fair",
            5,
        )
        for number in range(MAX_NOTICES)
    ]
    was = store.box(caller.program_id, caller.member_id)
    box = replace(was, notices={each.notice_id: each for each in notices})
    require_success(store.put_box(was, box))


class _KnownScores(BoardStore):
    """A store that need not ask for scores: the local engine takes too long at the whole size."""

    def __init__(self, container: Container, known: dict[str, dict[str, int]]) -> None:
        super().__init__(container.database)
        self._known = known

    def scores(self, program_id: str, span_key: str) -> Iterator[tuple[str, int]]:
        return iter(self._known.get(f"{program_id}#{span_key}", {}).items())


class _KnownMembers(ProgramService):
    """Likewise for members."""

    def __init__(self, container: Container, members: list[Member]) -> None:
        super().__init__(ProgramStore(container.database), container.clock)
        self._members = members

    def members(self, _: str) -> Iterator[Member]:
        return iter(self._members)


def _boards(container: Container, members: list[Member], scores: dict[str, dict[str, int]]) -> None:
    """Make the boards as the schedule does, of what is known to be in the tables."""
    known = _KnownScores(container, scores)
    marks = LeaderboardMarks(known, container.clock)
    builder = LeaderboardBuilder(known, marks, _KnownMembers(container, members), container.clock)
    program_id = members[0].program_id
    marks.mark({program_id})
    begun = time.monotonic()
    require_success(builder.build(program_id))
    taken = time.monotonic() - begun
    click.echo(f"  boards of {len(members):,} made in {taken:.1f} s, reads aside", err=True)


def _performed_by(
    caller: Caller, activities: Sequence[ActivityItem], awards: Sequence[Award]
) -> Iterator[Model]:
    """Make the marks and the history of a member's performances."""
    for each, award in zip(activities, awards, strict=True):
        yield MarkItem(caller.owner, each.activity_id, performance_id=award.performance_id)
        yield PerformanceItem(
            caller.owner,
            award.performance_id,
            program_id=caller.program_id,
            member_id=caller.member_id,
            activity_id=each.activity_id,
            instructions=each.instructions,
            video_key=each.video_key,
            content_type="video/mp4",
            size_bytes=FACTS.size_bytes,
            points=each.points,
            state=State.POSTED.value,
            correlation_id="bench",
            queued_at=each.created_at,
        )


def account_item(caller: Caller, now: datetime) -> AccountItem:
    """Make a member's connected TikTok account."""
    return AccountItem(
        f"member#{owner_key(caller.program_id, caller.member_id)}",
        "account",
        program_id=caller.program_id,
        member_id=caller.member_id,
        state=TikTokState.CONNECTED.value,
        open_id=caller.member_id,
        display_name="Bench",
        tokens=b"-",
        access_expires_at=now,
        refresh_expires_at=now,
        connected_at=now,
    )


if __name__ == "__main__":
    main()
