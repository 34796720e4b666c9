"""The relays' filters let every change through that is an event: what they stop, nobody tells."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from chalicelib.activities import events as activities
from chalicelib.activities.model import ActivityState
from chalicelib.foundation.events import Change, EventsOf
from chalicelib.performances import events as performances
from chalicelib.performances.model import NEXT_STATES, State
from chalicelib.points import events as points
from chalicelib.programs import events as programs
from chalicelib.programs.model import MemberStatus
from chalicelib.reports import events as reports
from chalicelib.rewards import events as rewards
from chalicelib.rewards.model import RedemptionStatus, RewardState
from chalicelib.videos import events as videos
from chalicelib.videos.model import UploadStatus
from chalicelib.webhooks import events as webhooks
from chalicelib.webhooks.model import WebhookState
from tests.clock import NOON
from tests.events import passes, stream_filters, streamed

type Item = dict[str, Any]
type Changes = Iterator[tuple[Item, Item]]


def steps(item: Item, states: Sequence[str], name: str = "state") -> Changes:
    """Yield each change of an item from one state to another, and its creation in each state."""
    for was, becomes in product((None, *states), states):
        yield ({**item, name: was} if was else {}), {**item, name: becomes}


FOLLOWING = {
    None: ("processing", "published"),
    "processing": ("published", "rejected", "ended", "archived"),
    "published": ("processing", "ended", "archived"),
    "rejected": ("processing", "published", "archived"),
    "ended": ("archived",),
    "archived": ("ended", "rejected"),
}
"""What may follow which state of an activity."""


def of_activities() -> Changes:
    assert FOLLOWING.keys() == {None, *ActivityState}
    item = {"program_id": "prg_1", "activity_id": "act_1", "instructions": "Share"}
    for was, following in FOLLOWING.items():
        for becomes in following:
            yield ({**item, "state": was} if was else {}), {**item, "state": becomes}
    published = {**item, "state": "published"}
    for name, value in (("instructions", "Send"), ("points", Decimal(3)), ("channel_ids", {"a"})):
        yield published, {**published, name: value}


def of_marks() -> Changes:
    mark = {"owner": "prg_1/mem_1", "activity_id": "act_1"}
    dismissed = {**mark, "dismissed_at": "2026-11-01"}
    yield from product((mark, dismissed, {}), (mark, dismissed, {**mark, "dismissed_at": "x"}, {}))


def of_performances() -> Changes:
    item = {
        "program_id": "prg_1",
        "performance_id": "prf_1",
        "member_id": "mem_1",
        "activity_id": "act_1",
    }
    yield {}, {**item, "state": "queued"}
    for was, following in NEXT_STATES.items():
        for becomes in following:
            yield {**item, "state": was}, {**item, "state": becomes}
    for state in State:
        kept = {**item, "state": state}
        yield kept, {**kept, "waits_for": "tiktok_app"}
        yield kept, {**kept, "counted_at": "2026-11-01"}
        yield {**kept, "counted_at": "2026-11-01"}, {**kept, "counted_at": "2026-11-02"}


def of_points() -> Changes:
    entry = {
        "owner": "prg_1/mem_1",
        "item": "entry#adj_1",
        "points": Decimal(-5),
        "source_kind": "adjustment",
        "source_id": "adj_1",
        "made_at": "2026-11-01",
    }
    yield {}, {**entry, "kind": "adjustment"}


def of_programs() -> Changes:
    member = {
        "program_id": "prg_1",
        "item": "member#mem_1",
        "member_id": "mem_1",
        "name": "Ana",
        "role": "member",
    }
    yield from steps(member, list(MemberStatus), "status")
    active = {**member, "status": "active"}
    for name, value in (("name", "Anna"), ("tiktok", "connected"), ("channels", {"chn_1"})):
        yield active, {**active, name: value}
    program = {"program_id": "prg_1", "item": "program", "name": "Demo"}
    yield {}, program
    yield program, {**program, "rewards": False}


def of_reports() -> Changes:
    seen = {"scope": "prg_1/mem_1#seen", "item": "seen#2026-11#0001", "act_1": "[1]"}
    yield {}, seen
    yield seen, {**seen, "act_2": "[2]"}
    yield {}, {"scope": "prg_1/exports", "item": "export#exp_1", "status": "making"}


def of_rewards() -> Changes:
    reward = {"key": "prg_1", "item": "reward#rwd_1", "reward_id": "rwd_1", "price": Decimal(3)}
    yield from steps(reward, list(RewardState))
    asked = {"redemption_id": "rdm_1", "member_id": "mem_1", "reward_id": "rwd_1"}
    redemption = {"key": "prg_1", "item": "redemption#rdm_1", "price": Decimal(3), **asked}
    yield from steps(redemption, list(RedemptionStatus))
    yield {"key": "prg_1", "item": "picture#a.png", "picture_file": "a.png"}, {}


def of_uploads() -> Changes:
    upload = {"program_id": "prg_1", "upload_id": "upl_1"}
    for was, becomes in steps(upload, list(UploadStatus)):
        if was:  # an upload begins undecided
            yield was, becomes


def of_webhooks() -> Changes:
    webhook = {"key": "prg_1", "item": "webhook#whk_1", "webhook_id": "whk_1"}
    yield from steps(webhook, list(WebhookState))
    for state in WebhookState:
        yield {**webhook, "state": state}, {}


RELAYS: Mapping[str, tuple[EventsOf, Changes]] = {
    "activities_relay": (activities.events_of, of_activities()),
    "activities_publish_dismissals": (activities.events_of_marks, of_marks()),
    "performances_queue_and_relay": (performances.events_of, of_performances()),
    "points_count_entries": (points.events_of, of_points()),
    "programs_relay": (programs.events_of, of_programs()),
    "reports_count_impressions": (reports.events_of, of_reports()),
    "rewards_relay": (rewards.events_of, of_rewards()),
    "videos_relay": (videos.events_of, of_uploads()),
    "webhooks_relay": (webhooks.events_of, of_webhooks()),
}


def test_every_relay_is_looked_at() -> None:
    assert RELAYS.keys() == stream_filters().keys()


@pytest.mark.parametrize("relay", RELAYS)
def test_no_event_is_stopped_by_a_filter(relay: str) -> None:
    events_of, changes = RELAYS[relay]
    told = 0
    for before, after in changes:
        if events_of(Change("1", NOON, before, after)):
            told += 1
            (record,) = streamed([image(after)], [image(before)])["Records"]
            assert passes(relay, record), (before, after)
    assert told


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, set):
        return {"SS": sorted(value)}
    if isinstance(value, Decimal):
        return {"N": str(value)}
    return {"BOOL" if isinstance(value, bool) else "S": value}


def image(item: Item) -> Item:
    return {name: typed(value) for name, value in item.items()}
