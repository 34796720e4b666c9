"""Events: the same id each time, all of it through the bus, and nothing half read."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.activities import events as activities
from chalicelib.foundation import events as events_of_all
from chalicelib.foundation.events import (
    MAX_ENTRIES,
    PUBLISH_ATTEMPTS,
    Change,
    Event,
    EventBus,
    Payload,
    UnreadableEvent,
    read_event,
)
from chalicelib.foundation.values import dataclass
from chalicelib.performances import events as performances
from chalicelib.points import events as points
from chalicelib.programs import events as programs
from chalicelib.reports import events as reports
from chalicelib.rewards import events as rewards
from chalicelib.videos import events as videos
from chalicelib.webhooks import events as webhooks
from tests.clock import NOON

PACKAGES = (programs, videos, activities, performances, points, reports, rewards, webhooks)
KINDS = [
    kind
    for package in PACKAGES
    for kind in vars(package).values()
    if isinstance(kind, type) and issubclass(kind, Payload) and "TYPE" in vars(kind)
]
TEXT = st.text(max_size=40)
EVENTS = st.sampled_from(KINDS).flatmap(
    lambda kind: st.builds(
        Event,
        event_id=TEXT,
        program_id=TEXT,
        at=st.datetimes(timezones=st.just(UTC)),
        actor=TEXT,
        correlation_id=st.none() | TEXT,
        payload=st.builds(kind),
    )
)


@given(EVENTS)
def test_an_event_read_from_the_bus_equals_the_published_one(event: Event[Any]) -> None:
    assert read_event(event.to_detail(), KINDS) == event
    assert read_event(json.loads(event.to_detail()), KINDS) == event


def test_types_are_named_for_their_packages_and_none_twice() -> None:
    assert len({(each.TYPE, each.VERSION) for each in KINDS}) == len(KINDS) > 10
    for kind in KINDS:
        package = kind.__module__.split(".")[1]
        assert f"{package}.{kind.__name__}" == kind.TYPE


@given(st.text(max_size=200) | EVENTS.map(Event.to_detail), st.data())
def test_a_truncated_or_invented_event_is_unreadable(text: str, data: st.DataObject) -> None:
    cut = text[: data.draw(st.integers(0, max(len(text) - 1, 0)))]
    with pytest.raises(UnreadableEvent):
        read_event(cut, KINDS)


@given(EVENTS, st.sampled_from(["type", "version", "payload", "at", "program_id", "actor"]))
def test_an_event_without_a_part_of_it_is_unreadable(event: Event[Any], part: str) -> None:
    written = json.loads(event.to_detail())
    del written[part]
    with pytest.raises(UnreadableEvent):
        read_event(written, KINDS)


def test_a_field_that_a_newer_writer_added_is_left_out() -> None:
    event = Change("1", NOON, {}, {}).event("prg_1", programs.MemberInvited("mem_1", "member"))
    written = json.loads(event.to_detail())
    written["payload"]["invited_by"] = "mem_2"
    assert read_event(written, KINDS) == event
    written["version"] = 2
    with pytest.raises(UnreadableEvent):
        read_event(written, KINDS)


@given(st.text(), st.text())
def test_an_id_is_the_same_for_each_delivery_and_no_other_change(one: str, other: str) -> None:
    payload = programs.MemberJoined("mem_1", "member")
    first = Change(one, NOON, {}, {}).event("prg_1", payload)
    again = Change(one, NOON, {}, {}).event("prg_1", payload)
    assert first == again
    assert (first.event_id == Change(other, NOON, {}, {}).event("prg_1", payload).event_id) is (
        one == other
    )
    assert (
        first.event_id
        != Change(one, NOON, {}, {}).event("prg_1", programs.ProgramCreated()).event_id
    )


def test_an_event_says_who_wrote_the_item_and_under_which_request() -> None:
    after = {"changed_by": "member:mem_2", "change_correlation_id": "correlation-2"}
    event = Change("1", NOON, {}, after).event("prg_1", programs.ProgramCreated())
    assert (event.actor, event.correlation_id) == ("member:mem_2", "correlation-2")


# Derivation


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    return Change("1", NOON, before, after)


MEMBER = {
    "program_id": "prg_1",
    "item": "member#mem_1",
    "member_id": "mem_1",
    "name": "ana",
    "role": "member",
    "status": "active",
}


@pytest.mark.parametrize(
    ("before", "after", "payloads"),
    [
        ({}, {"status": "invited"}, [programs.MemberInvited("mem_1", "member")]),
        ({"status": "removed"}, {"status": "invited"}, [programs.MemberInvited("mem_1", "member")]),
        ({"status": "invited"}, {}, [programs.MemberJoined("mem_1", "member")]),
        ({"name": "anna"}, {}, [programs.MemberChanged("mem_1", "member", ("name",))]),
        ({"role": "manager"}, {}, [programs.MemberChanged("mem_1", "member", ("role",))]),
        ({"tiktok": "connected"}, {}, [programs.MemberDetailsChanged("mem_1", ("tiktok",))]),
        ({"channels": {"chn_1"}}, {}, [programs.MemberDetailsChanged("mem_1", ("channels",))]),
        ({"mailed_at": "2026-11-01"}, {}, []),
        (
            {},
            {"status": "removed"},
            [programs.MemberRemoved("mem_1", "member", has_tiktok=False)],
        ),
        (
            {},
            {"status": "removed", "release_in": "to_release"},
            [programs.MemberRemoved("mem_1", "member", has_tiktok=True)],
        ),
        ({"status": "removed", "release_in": "to_release"}, {"status": "removed"}, []),
        ({"status": "removed", "name": "x"}, {"status": "removed"}, []),
    ],
)
def test_each_change_of_a_member_is_published_once(
    before: dict[str, Any], after: dict[str, Any], payloads: list[Payload]
) -> None:
    was = {} if after.get("status") == "invited" and not before else {**MEMBER, **before}
    found = programs.events_of(change(was, {**MEMBER, **after}))
    assert [each.payload for each in found] == payloads
    assert {each.program_id for each in found} <= {"prg_1"}


def test_other_items_beside_members_make_no_event() -> None:
    copy = {"program_id": "prg_1/channel#chn_1", "item": "member#mem_1", "member_name": "ana"}
    for item in (copy, {"program_id": "prg_1", "item": "managers"}, {}):
        assert programs.events_of(change({}, item)) == ()
        assert programs.events_of(change(MEMBER, item)) == ()


PROGRAM = {"program_id": "prg_1", "item": "program", "name": "Demo", "leaderboard": True}


def test_changed_settings_are_named() -> None:
    assert [each.payload for each in programs.events_of(change({}, PROGRAM))] == [
        programs.ProgramCreated()
    ]
    changed = {**PROGRAM, "leaderboard": False, "time_zone": "UTC"}
    (event,) = programs.events_of(change(PROGRAM, changed))
    assert event.payload == programs.ProgramChanged(("time_zone", "leaderboard"))
    assert programs.events_of(change(PROGRAM, {**PROGRAM, "changed_by": "mem_1"})) == ()


UPLOAD = {"program_id": "prg_1", "upload_id": "upl_1", "state": "validating"}


@pytest.mark.parametrize("decided", ["valid", "rejected", "expired"])
def test_a_decision_is_told_when_it_is_made_and_not_again(decided: str) -> None:
    after = {**UPLOAD, "state": decided, "waiting_activities": {"act_1"}}
    (event,) = videos.events_of(change(UPLOAD, after))
    assert event.payload == videos.UploadDecided("upl_1", decided, awaited=True)
    assert videos.events_of(change(after, {**after, "look_at": "later"})) == ()
    assert videos.events_of(change({}, UPLOAD)) == ()
    (unawaited,) = videos.events_of(change(UPLOAD, {**UPLOAD, "state": decided}))
    assert not unawaited.payload.awaited


ACTIVITY = {"program_id": "prg_1", "activity_id": "act_1", "channel_ids": {"b", "a"}}
PUBLISHED = activities.ActivityPublished("act_1", None, ("a", "b"), None)
ENDED = activities.ActivityEnded("act_1")
ARCHIVED = activities.ActivityArchived("act_1")
UNARCHIVED = activities.ActivityUnarchived("act_1")


@pytest.mark.parametrize(
    ("was", "becomes", "payloads"),
    [
        (None, "published", [PUBLISHED]),
        (None, "processing", []),
        ("processing", "published", [PUBLISHED]),
        ("processing", "rejected", [activities.ActivityRejected("act_1")]),
        ("published", "published", []),
        ("published", "ended", [ENDED]),
        ("published", "archived", [ENDED, ARCHIVED]),
        ("processing", "ended", [ENDED]),
        ("ended", "archived", [ARCHIVED]),
        ("rejected", "archived", [activities.ActivityWithdrawn("act_1"), ARCHIVED]),
        ("rejected", "processing", [activities.ActivityWithdrawn("act_1")]),
        ("rejected", "published", [PUBLISHED]),
        ("archived", "ended", [UNARCHIVED]),
        ("archived", "rejected", [activities.ActivityRejected("act_1"), UNARCHIVED]),
    ],
)
def test_an_activity_is_published_once_and_ends_once(
    was: str | None, becomes: str, payloads: list[Payload]
) -> None:
    before = {**ACTIVITY, "state": was} if was else {}
    found = activities.events_of(change(before, {**ACTIVITY, "state": becomes}))
    assert [each.payload for each in found] == payloads


PERFORMANCE = {
    "program_id": "prg_1",
    "performance_id": "prf_1",
    "member_id": "mem_1",
    "activity_id": "act_1",
    "correlation_id": "correlation-1",
}


@pytest.mark.parametrize(
    ("was", "becomes", "kind"),
    [
        (None, "queued", performances.PerformanceQueued),
        ("queued", "queued", None),
        ("initiated", "queued", None),
        ("queued", "initiated", None),
        ("delivered", "staged", performances.PerformanceStaged),
        ("staged", "staged", None),
        ("staged", "posted", performances.PerformancePosted),
        ("delivered", "unconfirmed", performances.PerformanceUnconfirmed),
        ("unconfirmed", "posted", performances.PerformancePosted),
        ("initiated", "failed", performances.PerformanceFailed),
    ],
)
def test_each_outcome_of_a_performance_is_published_once(
    was: str | None, becomes: str, kind: type[Payload] | None
) -> None:
    before = {**PERFORMANCE, "state": was} if was else {}
    found = performances.events_of(change(before, {**PERFORMANCE, "state": becomes}))
    assert [type(each.payload) for each in found] == ([kind] if kind else [])
    assert {each.correlation_id for each in found} <= {"correlation-1"}


def test_waiting_for_the_app_is_told_when_it_begins_and_not_while_it_lasts() -> None:
    waiting = {**PERFORMANCE, "state": "queued", "waits_for": "tiktok_app"}
    found = performances.events_of(change({**PERFORMANCE, "state": "queued"}, waiting))
    assert [type(each.payload) for each in found] == [performances.PerformanceAwaitsApp]
    assert performances.events_of(change(waiting, {**waiting, "look_at": "later"})) == ()


def test_an_event_of_a_performance_carries_all_that_reports_count() -> None:
    after = {
        **PERFORMANCE,
        "state": "failed",
        "failure": "inbox_full",
        "queued_at": "2026-11-01T10:00:00.000000+0000",
        "failed_at": "2026-11-01T11:00:00.000000+0000",
        "campaign_id": "cmp_1",
        "channel_ids": {"chn_2", "chn_1"},
    }
    (event,) = performances.events_of(change({**PERFORMANCE, "state": "queued"}, after))
    told = event.payload
    assert (told.failure, told.queued_at, told.failed_at) == (
        "inbox_full",
        after["queued_at"],
        after["failed_at"],
    )
    assert (told.campaign_id, told.channel_ids) == ("cmp_1", ("chn_1", "chn_2"))


COUNTED = {
    **PERFORMANCE,
    "state": "posted",
    "points": Decimal(10),
    "posted_bonus": Decimal(5),
    "counted_at": "2026-11-02T10:00:00.000000+0000",
    "views": Decimal(100),
    "likes": Decimal(3),
}


def test_views_are_told_whenever_they_were_read_and_when_they_are_forgotten() -> None:
    (read,) = performances.events_of(change({**PERFORMANCE, "state": "posted"}, COUNTED))
    told = read.payload
    assert isinstance(told, performances.PerformanceCounted)
    assert (told.views, told.likes, told.comments, told.points) == (100, 3, 0, 15)
    assert json.loads(read.to_detail())["payload"]["views"] == 100
    assert performances.events_of(change(COUNTED, {**COUNTED, "count_at": "later"})) == ()
    gone = {name: value for name, value in COUNTED.items() if name not in {"views", "likes"}}
    (forgotten,) = performances.events_of(change(COUNTED, {**gone, "counted_at": "later"}))
    assert isinstance(forgotten.payload, performances.PerformanceCounted)
    assert (forgotten.payload.views, forgotten.payload.counted_at) == (None, "later")


MARK = {"owner": "prg_1/mem_1", "activity_id": "act_1"}
DISMISSED = {**MARK, "dismissed_at": "2026-11-01T10:00:00.000000+0000"}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({}, DISMISSED, activities.ActivityDismissed),
        (DISMISSED, {**DISMISSED, "dismissed_at": "later"}, activities.ActivityDismissed),
        (DISMISSED, DISMISSED, None),
        (DISMISSED, {}, activities.DismissalUndone),
        (DISMISSED, {**MARK, "performance_id": "prf_1"}, None),
        ({}, {**MARK, "performance_id": "prf_1"}, None),
        ({**MARK, "performance_id": "prf_1"}, {}, None),
    ],
)
def test_dismissing_and_taking_it_back_are_told_and_performing_is_not(
    before: dict[str, Any], after: dict[str, Any], kind: type[Payload] | None
) -> None:
    found = activities.events_of_marks(change(before, after))
    assert [type(each.payload) for each in found] == ([kind] if kind else [])
    for each in found:
        assert (each.program_id, each.payload.member_id) == ("prg_1", "mem_1")


def test_only_newly_seen_activities_are_published() -> None:
    item = {"scope": "prg_1/mem_1#seen", "item": "seen#2026-11", "act_1": "[1]"}
    (event,) = reports.events_of(change(item, {**item, "act_2": "[2]"}))
    assert event.program_id == "prg_1"
    assert event.payload == reports.ActivitiesSeen("mem_1", ("act_2=[2]",))
    assert reports.events_of(change(item, item)) == ()


WEBHOOK = {"key": "prg_1", "item": "webhook#whk_1", "webhook_id": "whk_1"}


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        (None, "active", []),
        ("active", "disabled", [webhooks.WebhookDisabled("whk_1")]),
        ("disabled", "disabled", []),
        ("disabled", "active", [webhooks.WebhookRecovered("whk_1")]),
        ("disabled", None, [webhooks.WebhookRecovered("whk_1")]),
        ("active", None, []),
    ],
)
def test_a_webhook_is_told_to_be_disabled_and_mended_once(
    was: str | None, becomes: str | None, told: list[Payload]
) -> None:
    before, after = ({**WEBHOOK, "state": each} if each else {} for each in (was, becomes))
    found = webhooks.events_of(change(before, after))
    assert [each.payload for each in found] == told
    assert {each.program_id for each in found} <= {"prg_1"}


def test_other_items_beside_webhooks_make_no_event() -> None:
    delivery = {"key": "prg_1/whk_1", "item": "delivery#2026#evt_1", "state": "disabled"}
    assert webhooks.events_of(change({}, delivery)) == ()


REWARD = {
    "key": "prg_1",
    "item": "reward#rwd_1",
    "reward_id": "rwd_1",
    "price": 30,
    "channel_ids": {"chn_2", "chn_1"},
}
REQUEST = {
    "key": "prg_1",
    "item": "redemption#rdm_1",
    "redemption_id": "rdm_1",
    "member_id": "mem_1",
    "reward_id": "rwd_1",
    "price": 30,
    "code": "SECRET-1",
    "member_name": "Ana",
}


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        (None, "active", ["RewardOffered"]),
        ("draft", "active", ["RewardOffered"]),
        ("archived", "active", ["RewardOffered"]),
        ("active", "archived", ["RewardWithdrawn"]),
        ("active", "draft", ["RewardWithdrawn"]),
        (None, "draft", []),
        ("draft", "archived", []),
        ("active", "active", []),
    ],
)
def test_a_reward_is_told_when_it_begins_or_ceases_to_be_offered(
    was: str | None, becomes: str, told: list[str]
) -> None:
    before = {**REWARD, "state": was} if was else {}
    found = rewards.events_of(change(before, {**REWARD, "state": becomes, "taken": 3}))
    assert [type(each.payload).__name__ for each in found] == told
    assert all(each.program_id == "prg_1" for each in found)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        (None, "requested", ["RedemptionRequested"]),
        ("requested", "fulfilled", ["RedemptionFulfilled"]),
        ("requested", "rejected", ["RedemptionRejected"]),
        ("fulfilled", "fulfilled", []),
    ],
)
def test_each_outcome_of_a_request_is_published_once_without_code_or_names(
    was: str | None, becomes: str, told: list[str]
) -> None:
    before = {**REQUEST, "state": was} if was else {}
    found = rewards.events_of(change(before, {**REQUEST, "state": becomes}))
    assert [type(each.payload).__name__ for each in found] == told
    for each in found:
        assert each.payload.redemption_id == "rdm_1"
        assert "SECRET-1" not in each.to_detail()
        assert "Ana" not in each.to_detail()


def test_a_picture_is_dropped_once_its_note_goes_and_not_before() -> None:
    file = "pictures/prg_1/pic_1.png"
    noted = {"key": "prg_1", "item": f"picture#{file}", "picture_file": file, "expires_at": 1}
    kept = {name: value for name, value in noted.items() if name != "expires_at"}
    assert rewards.events_of(change({}, noted)) == ()
    assert rewards.events_of(change(noted, kept)) == ()
    for gone in (noted, kept):
        (event,) = rewards.events_of(change(gone, {}))
        assert (event.program_id, event.payload) == ("prg_1", rewards.PictureUnused(file))


@pytest.mark.parametrize("item", ["catalogue", "taken#rwd_1"])
def test_counts_of_rewards_are_no_events(item: str) -> None:
    assert rewards.events_of(change({}, {"key": "prg_1", "item": item, "taken": 1})) == ()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("adjustment", ["LedgerEntryAdded", "PointsAdjusted"]),
        ("award", ["LedgerEntryAdded"]),
        ("spending", ["LedgerEntryAdded"]),
    ],
)
def test_an_adjustment_is_told_beside_its_entry(kind: str, told: list[str]) -> None:
    after = {
        "owner": "prg_1/mem_1",
        "item": "entry#adj_1",
        "kind": kind,
        "points": -5,
        "source_kind": "adjustment",
        "source_id": "adj_1",
        "made_at": NOON.isoformat(),
        "reason": "Between us",
    }
    found = points.events_of(change({}, after))
    assert [type(each.payload).__name__ for each in found] == told
    assert not [each for each in found if "Between us" in each.to_detail()]
    assert points.events_of(change(after, after)) == ()


def test_an_export_is_told_when_it_is_asked_for() -> None:
    item = {"scope": "prg_1/exports", "item": "export#exp_1"}
    (event,) = reports.events_of(change({}, item))
    assert (event.program_id, event.payload) == ("prg_1", reports.ExportRequested("exp_1"))
    assert reports.events_of(change(item, item)) == ()


# The bus


class Bus:
    """Refuses the events that it is told to, as often as it is told to."""

    def __init__(self, **refusals: int) -> None:
        self.refusals = refusals
        self.taken: list[str] = []
        self.calls: list[int] = []

    def put_events(self, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  boto3's name
        self.calls.append(len(Entries))
        answers = []
        for entry in Entries:
            written = json.loads(entry["Detail"])
            assert entry["DetailType"] == written["type"]
            name = written["payload"]["name"]
            if self.refusals.get(name):
                self.refusals[name] -= 1
                answers.append({"ErrorCode": "InternalFailure"})
            else:
                self.taken.append(name)
                answers.append({"EventId": "1"})
        refused = sum("ErrorCode" in each for each in answers)
        return {"FailedEntryCount": refused, "Entries": answers}


@dataclass(frozen=True)
class Named(Payload):
    TYPE: ClassVar[str] = "tests.Named"
    name: str


def named(*names: str) -> list[Event[Named]]:
    return [Change(name, datetime.now(UTC), {}, {}).event("prg_1", Named(name)) for name in names]


def publish(bus: Bus, events: Sequence[Event[Any]]) -> set[str]:
    return EventBus(cast("Any", bus), "events").publish(events)


def test_events_go_ten_to_a_call_and_the_refused_ones_again() -> None:
    names = [f"event-{number}" for number in range(MAX_ENTRIES * 2 + 3)]
    bus = Bus(**{"event-4": 1, "event-22": PUBLISH_ATTEMPTS - 1})
    assert publish(bus, named(*names)) == set()
    assert bus.calls == [10, 10, 3, 2, 1]
    assert sorted(bus.taken) == sorted(names)


def test_events_that_the_bus_keeps_refusing_are_reported() -> None:
    events = named("a", "b", "c")
    bus = Bus(b=PUBLISH_ATTEMPTS)
    assert publish(bus, events) == {events[1].event_id}
    assert bus.taken == ["a", "c"]


@dataclass(frozen=True)
class Stepped(Named):
    TYPE: ClassVar[str] = "tests.Stepped"
    STEP: ClassVar[bool] = True


def test_steps_that_the_bus_has_taken_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[dict[str, int]] = []
    monkeypatch.setattr(events_of_all, "count_steps", lambda steps: counted.append(dict(steps)))
    now = datetime.now(UTC)
    steps = [Change(name, now, {}, {}).event("prg_1", Stepped(name)) for name in ("b", "c", "d")]
    publish(Bus(b=PUBLISH_ATTEMPTS), [*named("a"), *steps])
    assert counted == [{"Stepped": 2}]
