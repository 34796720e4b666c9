"""Reports: counted from events that come twice, late and in any order; and the worklist."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pynamodb.exceptions import TransactWriteError

from chalicelib.activities.model import MAX_ADDRESSED_CHANNELS, Activity, ActivityState
from chalicelib.foundation.events import Change
from chalicelib.foundation.identity import Caller, Role, TikTokState
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.table import Conflict, Contended
from chalicelib.performances.model import Performance
from chalicelib.programs.members.model import MemberFilter
from chalicelib.programs.members.store import MemberStore
from chalicelib.programs.model import ChannelKind, InvitationMail
from chalicelib.programs.service import CACHED_FOR, ProgramChanges
from chalicelib.reports import model, worker
from chalicelib.reports import store as report_store
from chalicelib.reports.model import (
    Attempt,
    Attribution,
    CounterName,
    Fact,
    Impression,
    Progress,
    WorklistEntry,
    WorklistKind,
)
from chalicelib.reports.service import MAX_SEEN
from chalicelib.reports.store import CounterItem
from chalicelib.reports.worklist.service import DisabledWebhooks, OpenRedemptions
from chalicelib.rewards.events import RedemptionFulfilled, RedemptionRequested
from chalicelib.rewards.model import Redemption, RedemptionStatus
from chalicelib.videos.model import VideoProblem, VideoProblemCode
from chalicelib.webhooks.model import Format, Language, Webhook, WebhookState
from tests.clock import StoppedClock
from tests.events import queued
from tests.integration.database import database
from tests.integration.reporting_greenroom import ReportingGreenroom


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def numbers(tally: Any) -> dict[str, int]:
    return {each.value: tally.number(each) for each in CounterName if tally.number(each)}


CANNOT_BE_READ = VideoProblem(
    code=VideoProblemCode.NOT_A_VIDEO, message="No video.", field="file", actual=None, limit="video"
)


def nothing(_: str) -> None:
    """Nobody listens."""


def plays(reporting: ReportingGreenroom, dice: random.Random | None = None) -> Any:
    """Let four members do what they like with an activity, and give it."""
    amy, ben, cem, dee = (reporting.join(each) for each in ("amy", "ben", "cem", "dee"))
    campaign = reporting.container.campaigns.create(reporting.manager, "Autumn")
    activity = reporting.activity(campaign_id=campaign.campaign_id)
    other = reporting.activity()
    reporting.deliver_all(dice)
    reporting.container.reports.note_seen(amy, [activity.activity_id, other.activity_id])
    reporting.container.reports.note_seen(dee, [activity.activity_id])
    reporting.advance(minutes=10)
    reporting.perform_and_stage(amy, activity)
    posted = reporting.perform_and_stage(ben, activity)
    reporting.perform_and_stage(cem, activity, "refuses")
    reporting.container.activities.dismiss(dee, activity.activity_id)
    reporting.deliver_all(dice)
    reporting.advance(hours=2)
    reporting.stage(posted, "posts")
    reporting.perform_and_stage(amy, other)
    reporting.deliver_all(dice)
    return activity


def test_an_activity_report_leads_from_its_audience_to_posts_with_what_was_lost(
    reporting: ReportingGreenroom,
) -> None:
    activity = plays(reporting)
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert (found.audience.members, found.audience.exact) == (5, True)
    assert numbers(found.report.whole) == {
        "seen": 4,
        "sent": 3,
        "disclosed": 3,
        "staged": 2,
        "posted": 1,
        "dismissed": 1,
    }
    assert found.report.whole.lost == (("spam_risk", 1),)
    assert found.report.whole.under_way == 0
    assert found.report.whole.times("post").mean_seconds == 7200
    assert found.report.whole.times("perform").mean_seconds == 600
    assert found.report.tally == found.report.whole


@pytest.mark.parametrize("seed", range(8))
def test_events_doubled_and_reordered_give_the_same_counts_and_a_recount_finds_nothing(
    clock: StoppedClock, seed: int
) -> None:
    begun = clock.now()
    found = []
    for dice in (None, random.Random(seed)):
        clock.at = begun
        reporting = ReportingGreenroom(clock)
        try:
            plays(reporting, dice)
            program = reporting.program.program_id
            assert reporting.container.reports_rebuilder.findings(program, nothing) == []
            overview = reporting.container.reports.overview(reporting.manager, None, None)
            found.append((numbers(overview.report.tally), overview.active, overview.members))
        finally:
            reporting.close()
    assert found[0] == found[1]


def test_an_overview_counts_members_once_and_compares_with_the_days_before(
    reporting: ReportingGreenroom,
) -> None:
    amy, ben = reporting.join("amy"), reporting.join("ben")
    one, two = reporting.activity(), reporting.activity()
    reporting.perform_and_stage(amy, one)
    reporting.perform_and_stage(ben, one)
    reporting.advance(days=30)
    amy = reporting.now(amy)
    reporting.perform_and_stage(amy, two)
    reporting.deliver_all()
    found = reporting.container.reports.overview(reporting.manager, None, None)
    assert (found.active, found.active_before, found.members) == (1, 2, 3)
    assert found.participation == pytest.approx(1 / 3)
    assert found.report.tally.number(CounterName.SENT) == 1
    assert found.before.number(CounterName.SENT) == 2
    assert len(found.report.days) == 30


def test_a_period_with_no_data_is_a_report_of_zeros(reporting: ReportingGreenroom) -> None:
    activity = reporting.activity()
    found = reporting.container.reports.overview(reporting.manager, None, None)
    assert numbers(found.report.tally) == {}
    assert (found.active, found.participation) == (0, None)
    report = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert numbers(report.report.whole) == {}
    assert (
        reporting.container.reports.performances(
            reporting.manager, activity.activity_id, 20, None
        ).items
        == ()
    )


def test_an_archived_activity_is_reported_as_before(reporting: ReportingGreenroom) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    reporting.container.activities.archive(reporting.manager, activity.activity_id)
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert found.report.whole.number(CounterName.STAGED) == 1


def test_missing_things_and_those_of_another_program_are_not_found(
    reporting: ReportingGreenroom,
) -> None:
    service = reporting.container.reports
    for ask in (
        lambda: service.activity(reporting.manager, "act_none", None, None),
        lambda: service.performances(reporting.manager, "act_none", 20, None),
        lambda: service.campaign(reporting.manager, "cmp_none", None, None),
        lambda: reporting.container.report_exports.export(reporting.manager, "exp_none"),
    ):
        with pytest.raises(Problem) as raised:
            ask()
        assert raised.value.code.code == "not_found"


def test_a_trial_is_in_no_report(reporting: ReportingGreenroom) -> None:
    reporting.connect_account(reporting.manager, "boss")
    activity = reporting.activity()
    reporting.container.performances.send_trial(reporting.manager, activity.activity_id, "c")
    reporting.deliver_all()
    found = reporting.container.reports.overview(reporting.manager, None, None)
    assert numbers(found.report.tally) == {}


def test_performers_are_listed_latest_first_in_pages(
    reporting: ReportingGreenroom,
) -> None:
    activity = reporting.activity()
    members = [reporting.join(f"m{number}") for number in range(5)]
    for each in members:
        reporting.advance(minutes=1)
        reporting.perform_and_stage(each, activity)
    reporting.deliver_all()
    names, cursor = [], None
    while True:
        page = reporting.container.reports.performances(
            reporting.manager, activity.activity_id, 2, cursor
        )
        names += [each.member_id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == [each.member_id for each in reversed(members)]


def test_members_are_reported_with_what_they_did_within_the_period(
    reporting: ReportingGreenroom,
) -> None:
    amy, ben = reporting.join("amy"), reporting.join("ben")
    one, two = reporting.activity(), reporting.activity()
    reporting.perform_and_stage(amy, one)
    reporting.advance(days=40)
    reporting.perform_and_stage(reporting.now(amy), two)
    reporting.perform_and_stage(reporting.now(ben), two, "refuses")
    reporting.deliver_all()
    _, page = reporting.container.reports.members(reporting.manager, 100, None, None, None)
    told = {each.member.email.split("@")[0]: each.tally for each in page.items}
    assert (told["amy"].sent, told["amy"].staged) == (1, 1)
    assert (told["ben"].sent, told["ben"].failed, told["ben"].staged) == (1, 1, 0)
    assert told["amy"].last_sent_at == reporting.clock.now()


def test_channels_are_reported_with_their_people_and_what_came_of_them(
    reporting: ReportingGreenroom,
) -> None:
    channels = reporting.container.channels
    made = channels.create(reporting.manager, "Baristas", ChannelKind.PUBLIC).channel
    amy, ben = reporting.join("amy"), reporting.join("ben")
    channels.join(amy, made.channel_id)
    amy = reporting.now(amy)
    everybody, some = (
        reporting.activity(),
        reporting.activity(channel_ids=frozenset({made.channel_id})),
    )
    reporting.perform_and_stage(amy, everybody)
    reporting.perform_and_stage(amy, some)
    reporting.perform_and_stage(ben, everybody)
    reporting.deliver_all()
    _, page = reporting.container.reports.channels(reporting.manager, 20, None, None, None)
    (found,) = page.items
    assert (found.members, found.tally.number(CounterName.SENT)) == (1, 2)
    report = reporting.container.reports.activity(reporting.manager, some.activity_id, None, None)
    assert report.audience.members == 1
    channels.leave(amy, made.channel_id)
    reporting.deliver_all()
    assert (
        reporting.container.reports_rebuilder.findings(reporting.program.program_id, nothing) == []
    )


def test_totals_of_activities_are_there_for_a_list(reporting: ReportingGreenroom) -> None:
    activity = plays(reporting)
    found = reporting.container.reports.totals(reporting.manager, [activity.activity_id, "act_x"])
    assert numbers(found[activity.activity_id]) == {"seen": 4, "sent": 3, "staged": 2, "posted": 1}
    assert found[activity.activity_id].number("lost") == 1
    assert numbers(found["act_x"]) == {}


# Sights


def test_a_batch_of_what_was_seen_is_one_write_and_what_is_not_theirs_is_left_out(
    reporting: ReportingGreenroom,
) -> None:
    amy = reporting.join("amy")
    mine = [reporting.activity() for _ in range(3)]
    others = reporting.activity(channel_ids=frozenset({"chn_of_others"}))
    asked = [each.activity_id for each in (*mine, others)]
    writes = []
    told = reporting.cloud.tables.changed

    def watch(table: str, before: Any, after: Any) -> None:
        writes.append(table)
        told(table, before, after)

    reporting.cloud.tables.changed = watch
    assert len(reporting.container.activities.feed(amy, 20, None).items) == len(mine)
    assert writes == []  # reading the feed tells nothing
    reporting.container.reports.note_seen(amy, [*asked, "act_none"])
    assert writes == ["ReportsTable"]
    reporting.deliver_all()
    for each in mine:
        found = reporting.container.reports.activity(
            reporting.manager, each.activity_id, None, None
        )
        assert found.report.whole.number(CounterName.SEEN) == 1
    unseen = reporting.container.reports.totals(reporting.manager, [others.activity_id])
    assert numbers(unseen[others.activity_id]) == {}


def test_an_activity_seen_again_keeps_the_first_instant(
    reporting: ReportingGreenroom,
) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.container.reports.note_seen(amy, [activity.activity_id])
    first = reporting.clock.now()
    reporting.advance(days=40)
    reporting.container.reports.note_seen(reporting.now(amy), [activity.activity_id])
    reporting.deliver_all(random.Random(3))
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    seen = [each.day for each in found.report.days if each.tally.number(CounterName.SEEN)]
    assert seen == [first.date()]


def test_seen_activities_are_stored_in_items_of_bounded_size(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told again and again, in any order, it takes no more room and is counted once."""
    monkeypatch.setattr(report_store, "MAX_IMPRESSIONS_PER_ITEM", 5)
    amy = reporting.join("amy")
    ids = [reporting.activity().activity_id for _ in range(14)]
    tells = reporting.container.reports.note_seen
    for start in range(0, len(ids), 3):
        tells(reporting.now(amy), ids[start : start + 3])
    for seed in range(4):
        random.Random(seed).shuffle(ids)
        for start in range(0, len(ids), 3):
            tells(reporting.now(amy), ids[start : start + 3])
    kept = list(
        database().query(
            CounterItem, f"{amy.program_id}/{amy.member_id}#seen", consistent_read=True
        )
    )
    assert max(len(each.texts) for each in kept) <= 5 + 3
    assert sum(len(each.texts) for each in kept) == len(ids)
    assert {
        name
        for name, _ in reporting.container.report_store.impressions(amy.program_id, amy.member_id)
    } == set(ids)
    reporting.deliver_all(random.Random(5))
    found = reporting.container.reports.overview(reporting.manager, None, None)
    assert found.report.tally.number(CounterName.SEEN) == len(ids)


def test_an_activity_of_years_has_the_worklist_of_its_last_weeks_and_small_items(
    reporting: ReportingGreenroom,
) -> None:
    """What was waited for long ago lies in items of its own, which expire."""
    activity = reporting.activity()
    counter, program_id = reporting.container.fact_counter, reporting.program.program_id
    for month in range(30):
        reporting.advance(days=30)
        for number in range(3):
            at, performance_id = reporting.clock.now(), new_id("prf", reporting.clock.now())
            failed = Attempt(performance_id, at, failed_at=at, failure=f"reason_{number}")
            attempts = {performance_id: failed}
            member_id = f"mem_{month}_{number}"
            fact = Fact(program_id, member_id, activity.activity_id, Progress(attempts=attempts))
            counter.count([fact])
    items = [
        each
        for each in database().query(CounterItem, f"{program_id}#worklist", consistent_read=True)
        if activity.activity_id in each.item
    ]
    assert max(len(each.numbers) for each in items) <= 2 * 3 + 1
    (found,) = reporting.container.worklist.worklist(reporting.manager).items
    assert (found.code, found.count) == ("sends_failed", 3)


def test_a_full_item_of_what_was_seen_is_far_from_what_dynamodb_takes(
    reporting: ReportingGreenroom,
) -> None:
    """Every activity in a campaign and addressed to as many channels as it may be."""
    amy, now = reporting.join("amy"), reporting.clock.now()
    channels = tuple(sorted(new_id("chn", now) for _ in range(MAX_ADDRESSED_CHANNELS)))
    for _ in range((report_store.MAX_IMPRESSIONS_PER_ITEM + MAX_SEEN) // MAX_SEEN):
        sights = {
            new_id("act", now): Impression(now, Attribution(new_id("cmp", now), channels))
            for _ in range(MAX_SEEN)
        }
        reporting.container.report_store.note_seen(amy.program_id, amy.member_id, sights, now)
    scope = f"{amy.program_id}/{amy.member_id}#seen"
    records = list(database().raw_items(CounterItem, scope))
    assert len(records) == 2
    assert max(len(json.dumps(each)) for each in records) < 240_000


# Counting


@pytest.mark.parametrize(
    ("together", "people", "most"),
    [(1, 4, 5.0), (6, 18, 2.0), (100, 60, 1.15)],
    ids=["alone", "six", "a hundred"],
)
def test_counting_writes_two_items_for_each_event_from_six_together_on(
    reporting: ReportingGreenroom, together: int, people: int, most: float
) -> None:
    """A lone event writes five, and what comes again none."""
    activity = reporting.activity()
    members = [reporting.join(f"m{number}") for number in range(people)]
    reporting.deliver_all()
    written = Counter[str]()
    told = reporting.cloud.tables.changed

    def watch(table: str, before: Any, after: Any) -> None:
        written[table] += 1
        told(table, before, after)

    made = [reporting.perform(each, activity) for each in members]
    for each in made:
        reporting.stage(each)
    reporting.advance(hours=2)
    for each in made:
        reporting.stage(each, "posts")
    events = reporting.events()
    assert len(events) == 3 * people
    reporting.cloud.tables.changed = watch
    for start in range(0, len(events), together):
        reporting.deliver(events[start : start + together])
    assert written["ReportsTable"] <= most * len(events)
    again = written["ReportsTable"]
    reporting.deliver(events)
    assert written["ReportsTable"] == again  # what comes again writes nothing


def test_a_contended_counter_continues_in_another_shard(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.deliver_all()
    reporting.perform_and_stage(amy, activity)
    tries: list[int] = []
    write = report_store.ReportStore.write

    def contended(store: Any, counted: Any, shard: int, now: Any) -> int:
        tries.append(shard)
        if len(tries) < 3:
            raise Contended
        return write(store, counted, shard, now)

    monkeypatch.setattr(report_store.ReportStore, "write", contended)
    reporting.deliver_all()
    assert tries[0] == 0
    assert all(1 <= each < report_store.SHARDS for each in tries[1:3])
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert found.report.whole.number(CounterName.STAGED) == 1
    totals = reporting.container.reports.totals(reporting.manager, [activity.activity_id])
    assert totals[activity.activity_id].number(CounterName.STAGED) == 1


def test_one_fact_that_cannot_be_counted_holds_up_no_other(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy, ben, activity = reporting.join("amy"), reporting.join("ben"), reporting.activity()
    reporting.deliver_all()
    reporting.perform(amy, activity)
    reporting.perform(ben, activity)
    write = report_store.ReportStore.write

    def broken(store: Any, counted: Any, shard: int, now: Any) -> int:
        if any(pair[0] == amy.member_id for pair in counted.progress):
            raise TransactWriteError("no")
        return write(store, counted, shard, now)

    monkeypatch.setattr(report_store.ReportStore, "write", broken)
    answer = worker.count_events(reporting.container.event_counters, queued(*reporting.events()))
    assert len(answer["batchItemFailures"]) == 1
    found = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert found.report.whole.number(CounterName.SENT) == 1


# Recounting


def test_a_recount_finds_what_was_lost_and_mends_it(reporting: ReportingGreenroom) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.deliver_all()
    reporting.perform_and_stage(amy, activity)
    reporting.container.reports.note_seen(amy, [activity.activity_id])
    reporting.join("ben")
    reporting.events()  # lost, all of them
    rebuilder, program = reporting.container.reports_rebuilder, reporting.program.program_id
    found = rebuilder.findings(program, nothing)
    assert {type(each).__name__ for each in found} == {"FactMissing", "PersonDiffers"}
    assert rebuilder.repair(program, found, nothing) == []
    report = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert report.report.whole.number(CounterName.STAGED) == 1
    assert report.audience.members == 3


def test_a_recount_mends_counters_that_something_else_wrote_to(
    reporting: ReportingGreenroom,
) -> None:
    activity = plays(reporting)
    for item in reporting.cloud.tables.items("ReportsTable"):
        if item["scope"]["S"].endswith((activity.activity_id, "#program", "#totals", "#people")):
            for name, value in item.items():
                if "N" in value and name != "version":
                    item[name] = {"N": "77"}  # type: ignore[index]
    rebuilder, program = reporting.container.reports_rebuilder, reporting.program.program_id
    found = rebuilder.findings(program, nothing)
    assert {type(each).__name__ for each in found} == {"CounterDiffers", "AudienceDiffers"}
    assert rebuilder.repair(program, found, nothing) == []
    report = reporting.container.reports.activity(
        reporting.manager, activity.activity_id, None, None
    )
    assert report.report.whole.number(CounterName.SENT) == 3


# Worklist


def test_the_worklist_shows_failed_sends_with_reasons_until_they_are_made_good(
    reporting: ReportingGreenroom,
) -> None:
    amy, ben = reporting.join("amy"), reporting.join("ben")
    activity = reporting.activity(instructions="Share the roastery")
    reporting.perform_and_stage(amy, activity, "refuses")
    reporting.perform_and_stage(ben, activity, "refuses")
    reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.count, item.title) == ("sends_failed", 2, "Share the roastery")
    assert item.reasons == (("spam_risk", 2),)
    reporting.advance(minutes=5)
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    assert [each.count for each in reporting.worklist().items] == [1]
    reporting.perform_and_stage(ben, activity)
    reporting.deliver_all()
    assert reporting.codes() == []


@pytest.mark.parametrize("mended", ["another video", "a video to be checked", "archived"])
def test_the_worklist_shows_a_refused_video_until_the_activity_has_another_or_is_archived(
    reporting: ReportingGreenroom, mended: str
) -> None:
    activities, manager = reporting.container.activities, reporting.manager
    made = reporting.activity(
        state=ActivityState.PROCESSING, instructions="Share the roastery", video=None
    )
    reporting.put_activity(replace(made, state=ActivityState.REJECTED, problems=(CANNOT_BE_READ,)))
    reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.title) == ("video_refused", "Share the roastery")
    version = activities.activity(manager, made.activity_id).version
    match mended:
        case "another video":
            valid = reporting.valid_upload()
            activities.edit(manager, made.activity_id, version, upload_id=valid)
        case "a video to be checked":
            waits = reporting.container.videos.ask_for_upload(manager, "video/mp4", "c-1").upload
            now, uploads = reporting.clock.now(), reporting.container.upload_store
            assert uploads.claim(waits.program_id, waits.upload_id, now, now)
            activities.edit(manager, made.activity_id, version, upload_id=waits.upload_id)
        case _:
            activities.archive(manager, made.activity_id)
    reporting.deliver_all()
    assert reporting.codes() == []


def test_the_worklist_shows_videos_that_nobody_posted_until_somebody_does(
    reporting: ReportingGreenroom,
) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    made = reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    assert reporting.codes() == []
    reporting.advance(days=2, hours=1)
    assert reporting.codes() == ["not_posted"]
    reporting.stage(made, "posts")
    reporting.deliver_all()
    assert reporting.codes() == []


def test_the_worklist_shows_accounts_until_they_are_connected_again(
    reporting: ReportingGreenroom,
) -> None:
    amy = reporting.join("amy")
    activity = reporting.activity()
    reporting.tiktok.token_pairs.clear()
    reporting.advance(hours=3)
    reporting.perform(reporting.now(amy), activity)
    reporting.stage(reporting.history(amy)[0])
    reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.names) == ("account_to_reconnect", ("amy",))
    reporting.connect_account(amy, "amy")
    reporting.deliver_all()
    assert reporting.codes() == []


def test_the_worklist_names_the_members_of_an_item_and_the_list_of_members_shows_them(
    reporting: ReportingGreenroom,
) -> None:
    everybody = [reporting.join(name) for name in ("amy", "bo", "cy")]
    activity = reporting.activity()
    reporting.tiktok.token_pairs.clear()
    for member in everybody[:2]:
        reporting.advance(hours=3)
        reporting.perform(reporting.now(member), activity)
        reporting.stage(reporting.history(member)[0])
        reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.count, item.thing_id) == ("account_to_reconnect", 2, None)
    assert item.member_ids == tuple(each.member_id for each in everybody[:2])
    wanted = MemberFilter(ids=item.member_ids)
    page = reporting.container.members.filtered_members(reporting.manager, wanted, 20, None)
    assert [each.name for each in page.items] == ["amy", "bo"]
    assert all(each.tiktok is TikTokState.RECONNECT_REQUIRED for each in page.items)


def test_the_worklist_shows_invitations_after_a_week_until_they_are_taken_up(
    reporting: ReportingGreenroom,
) -> None:
    reporting.container.programs.invite(reporting.program, "late@demo.example", Role.MEMBER)
    reporting.deliver_all()
    assert reporting.codes() == []
    reporting.advance(days=7, minutes=1)
    (item,) = reporting.worklist().items
    assert (item.code, item.title) == ("not_taken_up", "late@demo.example")
    assert item.member_ids == (item.thing_id,)
    reporting.sign_in("late@demo.example")
    reporting.deliver_all()
    assert reporting.codes() == []


@pytest.mark.parametrize("mended", ["invited again", "removed", "signed in"])
def test_the_worklist_shows_an_invitation_that_was_not_delivered_until_it_is_mended(
    reporting: ReportingGreenroom, mended: str
) -> None:
    container, manager = reporting.container, reporting.manager
    store = MemberStore(container.database)
    invited = container.members.invite(manager, "lost@demo.example", None, Role.MEMBER)
    (due,) = store.due_mails(reporting.clock.now())
    assert store.end_mail(due, InvitationMail.FAILED, reporting.clock.now())
    reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.title, item.thing_id) == (
        "mail_failed",
        "lost@demo.example",
        invited.member_id,
    )
    reporting.advance(minutes=15)
    match mended:
        case "invited again":
            container.members.mail_invitation_again(manager, invited.member_id)
        case "removed":
            container.members.remove(manager, invited.member_id)
        case _:
            reporting.sign_in("lost@demo.example")
    reporting.deliver_all()
    assert reporting.codes() == []
    assert container.reports_rebuilder.findings(manager.program_id, nothing) == []


def test_an_invitation_that_is_mailed_again_is_off_the_worklist_for_another_week(
    reporting: ReportingGreenroom,
) -> None:
    container, manager = reporting.container, reporting.manager
    members = MemberStore(container.database)
    invited = container.members.invite(manager, "late@demo.example", None, Role.MEMBER)
    reporting.deliver_all()
    reporting.advance(days=7, minutes=1)
    assert reporting.codes() == ["not_taken_up"]
    container.members.mail_invitation_again(manager, invited.member_id)
    (due,) = members.due_mails(reporting.clock.now())
    assert members.end_mail(due, InvitationMail.HANDED_OVER, reporting.clock.now())
    reporting.deliver_all()
    assert reporting.codes() == []
    reporting.advance(days=7, minutes=1)
    assert reporting.codes() == ["not_taken_up"]
    found = container.reports_rebuilder.findings(manager.program_id, nothing)
    assert found == []


def test_the_worklist_shows_an_unlikely_number_of_sends(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "UNLIKELY_DAILY_SENDS", 3)
    amy = reporting.join("amy")
    for _ in range(3):
        reporting.perform_and_stage(amy, reporting.activity(), "posts")
    reporting.deliver_all()
    (item,) = reporting.worklist().items
    assert (item.code, item.count, item.thing_id) == ("unlikely_sends", 3, amy.member_id)
    reporting.advance(days=8)
    assert "unlikely_sends" not in reporting.codes()


def test_the_number_of_unlikely_sends_follows_at_each_doubling(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "UNLIKELY_DAILY_SENDS", 2)
    amy, told = reporting.join("amy"), []
    for _ in range(9):
        reporting.perform_and_stage(amy, reporting.activity(), "posts")
        reporting.deliver_all()
        told += [each.count for each in reporting.worklist().items]
    assert told == [2, 2, 4, 4, 4, 4, 8, 8]


def mend(
    reporting: ReportingGreenroom, how: str, member: Caller, activities: Sequence[Activity]
) -> None:
    container, manager = reporting.container, reporting.manager
    if how == "removed":
        container.members.remove(manager, member.member_id)
    elif how == "left":
        container.joining.leave(member)
    else:
        for each in activities:
            if how == "ended and archived":
                container.activities.end(manager, each.activity_id)
            container.activities.archive(manager, each.activity_id)


def becomes(reporting: ReportingGreenroom, performance: Performance, **known: Any) -> None:
    """Count what became of a send."""
    attempt = Attempt(performance.performance_id, performance.queued_at, **known)
    progress = Progress(attempts={attempt.performance_id: attempt})
    fact = Fact(performance.program_id, performance.member_id, performance.activity_id, progress)
    reporting.container.fact_counter.count([fact])


@pytest.mark.parametrize("how", ["removed", "left", "archived", "ended and archived"])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_failed_sends_and_videos_not_posted_go_with_their_member_or_activity(
    reporting: ReportingGreenroom, how: str, seed: int | None
) -> None:
    """What becomes of them later brings nothing back, and what others sent stays."""
    amy, ben = reporting.join("amy"), reporting.join("ben")
    failing, waiting, going, kept = (reporting.activity() for _ in range(4))
    reporting.perform_and_stage(amy, failing, "refuses")
    staged = reporting.perform_and_stage(amy, waiting)
    under_way = reporting.perform_and_stage(amy, going, "thinks")
    reporting.perform_and_stage(ben, kept, "refuses")
    reporting.deliver_all()
    reporting.advance(days=2, hours=1)
    others = ("sends_failed", kept.activity_id, 1)
    assert shown(reporting) == {
        ("sends_failed", failing.activity_id, 1),
        ("not_posted", waiting.activity_id, 1),
        others,
    }
    mend(reporting, how, reporting.now(amy), (failing, waiting, going))
    reporting.deliver_all(random.Random(seed) if seed else None)
    assert shown(reporting) == {others}
    becomes(reporting, under_way, failed_at=reporting.clock.now(), failure="spam_risk")
    becomes(reporting, staged, posted_at=reporting.clock.now())
    assert shown(reporting) == {others}
    program = reporting.program.program_id
    assert reporting.container.reports_rebuilder.findings(program, nothing) == []


def shown(reporting: ReportingGreenroom) -> set[tuple[str, str | None, int]]:
    return {(each.code, each.thing_id, each.count) for each in reporting.worklist().items}


def test_a_removal_takes_off_what_one_member_sent_of_what_several_did(
    reporting: ReportingGreenroom,
) -> None:
    amy, ben, activity = reporting.join("amy"), reporting.join("ben"), reporting.activity()
    for each in (amy, ben):
        reporting.perform_and_stage(each, activity, "refuses")
    reporting.deliver_all()
    reporting.container.members.remove(reporting.manager, amy.member_id)
    reporting.deliver_all()
    assert shown(reporting) == {("sends_failed", activity.activity_id, 1)}


def test_a_member_removed_during_a_recount_is_left_out(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.perform_and_stage(amy, activity, "refuses")
    reporting.deliver_all()
    write, broken = report_store.ReportStore.write, [Contended, Conflict]

    def contended(store: Any, *counted: Any) -> int:
        if broken:
            raise broken.pop()
        return write(store, *counted)

    monkeypatch.setattr(report_store.ReportStore, "write", contended)
    reporting.container.members.remove(reporting.manager, amy.member_id)
    reporting.deliver_all()
    assert (reporting.codes(), broken) == ([], [])


def test_a_returned_member_is_on_the_worklist_only_with_new_sends(
    reporting: ReportingGreenroom,
) -> None:
    amy, before, after = reporting.join("amy"), reporting.activity(), reporting.activity()
    reporting.perform_and_stage(amy, before, "refuses")
    reporting.deliver_all()
    reporting.container.members.remove(reporting.manager, amy.member_id)
    reporting.deliver_all()
    reporting.advance(minutes=30)
    reporting.container.members.invite(reporting.manager, amy.email, None, Role.MEMBER)
    amy = reporting.now(amy)
    reporting.connect_account(amy, "amy")
    reporting.perform_and_stage(amy, after, "refuses")
    reporting.deliver_all()
    assert shown(reporting) == {("sends_failed", after.activity_id, 1)}
    reporting.perform_and_stage(amy, before, "refuses")
    reporting.deliver_all()
    assert shown(reporting) == {
        ("sends_failed", after.activity_id, 1),
        ("sends_failed", before.activity_id, 1),
    }


def test_an_activity_that_is_unarchived_is_on_the_worklist_again(
    reporting: ReportingGreenroom,
) -> None:
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.perform_and_stage(amy, activity, "refuses")
    reporting.deliver_all()
    reporting.container.activities.archive(reporting.manager, activity.activity_id)
    reporting.deliver_all()
    assert reporting.codes() == []
    reporting.container.activities.unarchive(reporting.manager, activity.activity_id)
    reporting.deliver_all()
    assert shown(reporting) == {("sends_failed", activity.activity_id, 1)}


@pytest.mark.parametrize("counted", ["before", "after"])
def test_unlikely_sends_go_with_their_member(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch, counted: str
) -> None:
    monkeypatch.setattr(model, "UNLIKELY_DAILY_SENDS", 3)
    amy = reporting.join("amy")
    reporting.deliver_all()
    for _ in range(3):
        reporting.perform_and_stage(amy, reporting.activity(), "posts")
    if counted == "before":
        reporting.deliver_all()
        assert reporting.codes() == ["unlikely_sends"]
    reporting.container.members.remove(reporting.manager, amy.member_id)
    reporting.deliver_all()
    assert reporting.codes() == []


def test_an_unlikely_number_on_several_days_is_told_at_once(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "UNLIKELY_DAILY_SENDS", 2)
    amy = reporting.join("amy")
    reporting.deliver_all()
    for number in (2, 3):
        for _ in range(number):
            reporting.perform_and_stage(amy, reporting.activity(), "posts")
        reporting.advance(days=1)
        amy = reporting.now(amy)
    reporting.deliver_all()
    assert [each.count for each in reporting.worklist().items] == [3]


def test_the_worklist_shows_that_tiktok_refuses_the_app_until_a_video_arrives(
    reporting: ReportingGreenroom,
) -> None:
    app, program = reporting.container.event_counters.app, reporting.program.program_id
    app.note_refusal(program, reporting.clock.now())
    assert reporting.codes() == ["tiktok_app_refused"]
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.advance(minutes=5)
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    assert reporting.codes() == []


def test_the_worklist_shows_redemptions_until_they_are_decided_in_whatever_order_it_is_told(
    reporting: ReportingGreenroom,
) -> None:
    amy, now = reporting.join("amy"), reporting.clock.now()
    redemption = Redemption(
        program_id=amy.program_id,
        redemption_id="red_1",
        member_id=amy.member_id,
        member_name="Amy",
        reward_id="rew_1",
        title="A mug",
        price=10,
        status=RedemptionStatus.REQUESTED,
        requested_at=now,
    )
    kept: dict[str, Redemption] = {"red_1": redemption}

    class Kept:
        def redemption(self, program_id: str, redemption_id: str) -> Redemption | None:
            return kept.get(redemption_id) if program_id == amy.program_id else None

        def all_of(self, owner: str) -> Iterator[Redemption]:
            return (each for each in kept.values() if each.owner == owner)

    redemptions = OpenRedemptions(reporting.container.report_store, Kept())
    reporting.container.event_counters = replace(
        reporting.container.event_counters, redemptions=redemptions
    )
    told = ("red_1", amy.member_id, "rew_1", 10)
    asked, fulfilled = (
        Change(kind.TYPE, now, {}, {}).event(amy.program_id, kind(*told))
        for kind in (RedemptionRequested, RedemptionFulfilled)
    )
    reporting.deliver([asked, asked])
    (item,) = reporting.worklist().items
    assert (item.code, item.thing_id, item.title) == ("redemption_waiting", "red_1", "A mug, Amy")
    kept["red_1"] = replace(redemption, status=RedemptionStatus.FULFILLED)
    reporting.deliver([fulfilled])
    reporting.deliver([asked])
    assert reporting.codes() == []


@pytest.mark.parametrize("disabled", [True, False])
def test_of_two_workers_at_an_item_the_later_one_is_right(
    reporting: ReportingGreenroom, disabled: bool
) -> None:
    """The other one reads the webhook after this one did, and writes before it."""
    manager, now = reporting.manager, reporting.clock.now()
    is_, becomes = WebhookState.ACTIVE, WebhookState.DISABLED
    if not disabled:
        is_, becomes = becomes, is_
    webhook = Webhook(
        program_id=manager.program_id,
        webhook_id="whk_1",
        version=1,
        name="CRM",
        format=Format.JSON,
        language=Language.ENGLISH,
        types=frozenset(),
        state=is_,
        shown_url="https://crm.example",
        sealed=b"",
        created_at=now,
        created_by=manager.member_id,
    )
    later = replace(webhook, state=becomes)
    store, read = reporting.container.report_store, [webhook, later, later]

    found = (manager.program_id, "whk_1")

    class Kept:
        def get(self, program_id: str, webhook_id: str) -> Webhook | None:
            return read.pop(0) if (program_id, webhook_id) == found else None

    DisabledWebhooks(store, Kept()).refresh(manager.program_id, "whk_1", now)
    assert reporting.codes() == (["webhook_disabled"] if disabled else [])
    assert read == []


def test_invitations_that_are_not_due_are_neither_read_nor_called_more(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a roster that was imported within the week, but for one that was not delivered."""
    monkeypatch.setattr("chalicelib.reports.worklist.service.MAX_READ", 3)
    container, manager = reporting.container, reporting.manager
    container.programs.invite(reporting.program, "old@demo.example", Role.MEMBER)
    reporting.deliver_all()
    reporting.advance(days=7)
    fresh = "\n".join(f"new{number}@demo.example" for number in range(30))
    container.members.import_roster(manager, fresh)
    store, now = MemberStore(container.database), reporting.clock.now()
    due, *_ = [each for each in store.due_mails(now) if each.email.startswith("new")]
    assert store.end_mail(due, InvitationMail.FAILED, now)
    reporting.deliver_all()
    read, query = list[int](), database().query

    def counted(*asked: Any, **more: Any) -> Any:
        found = list(query(*asked, **more))
        read.append(len(found))
        return found

    monkeypatch.setattr(container.database, "query", counted)
    found = reporting.worklist()
    assert (read, found.complete) == ([2], True)
    assert {each.code: each.count for each in found.items} == {"mail_failed": 1, "not_taken_up": 1}


def test_a_disabled_webhook_is_seen_before_thousands_of_invitations(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.reports.worklist.service.MAX_READ", 3)
    for number in range(5):
        email = f"late{number}@demo.example"
        reporting.container.programs.invite(reporting.program, email, Role.MEMBER)
    reporting.deliver_all()
    reporting.advance(days=8)
    program_id, now = reporting.program.program_id, reporting.clock.now()
    reporting.container.report_store.put_worklist_entry(
        program_id, WorklistEntry(WorklistKind.WEBHOOK, "whk_1", now), now
    )
    reporting.container.refused_addresses.note_refusal(program_id, "mem_1", "Amy", now)
    found = reporting.worklist()
    told = {each.code: each.count for each in found.items}
    assert told == {"not_taken_up": 1, "webhook_disabled": 1, "mail_refused": 1}
    assert not found.complete


def test_an_address_that_takes_no_mails_is_no_matter_once_its_member_is_removed(
    reporting: ReportingGreenroom,
) -> None:
    amy = reporting.join("amy")
    reporting.deliver_all()
    refused, now = reporting.container.refused_addresses, reporting.clock.now()
    refused.note_refusal(amy.program_id, amy.member_id, "amy", now)
    assert reporting.codes() == ["mail_refused"]
    reporting.container.members.remove(reporting.manager, amy.member_id)
    reporting.deliver_all()
    assert reporting.codes() == []


def test_a_day_is_over_on_the_worklist_when_it_is_in_the_program(
    reporting: ReportingGreenroom,
) -> None:
    """Hours after a video was sent it may be the day after next where a manager lives."""
    changes = ProgramChanges(time_zone="Pacific/Honolulu")
    reporting.container.programs.change_program(reporting.manager, changes)
    reporting.clock.at = datetime(2026, 11, 2, 9, tzinfo=UTC)  # 23:00 the day before
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    manager = replace(reporting.now(reporting.manager), chosen_zone="Pacific/Kiritimati")
    shown = []
    for _ in range(26):
        reporting.advance(hours=1)
        shown.append(len(reporting.container.worklist.worklist(manager).items))
    assert shown == [0] * 24 + [1] * 2  # from the beginning of the second day on


def test_a_worklist_is_the_programs_own(reporting: ReportingGreenroom) -> None:
    other, _, _ = reporting.container.programs.create_program("Other", "UTC", "boss@other.example")
    stranger = reporting.sign_in("boss@other.example")
    reporting.container.event_counters.app.note_refusal(
        reporting.program.program_id, reporting.clock.now() - timedelta(minutes=1)
    )
    assert stranger.program_id == other.program_id
    assert reporting.container.worklist.worklist(stranger).items == ()


# Days of any calendar


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Pacific/Kiritimati", "2026-12-31T10:00:00", "2027-01-01"),  # UTC+14: next year already
        ("Pacific/Kiritimati", "2026-12-31T09:59:59", "2026-12-31"),
        ("Etc/GMT+12", "2027-01-01T11:59:59", "2026-12-31"),  # UTC-12: still last year
        ("Etc/GMT+12", "2027-01-01T12:00:00", "2027-01-01"),
        ("Asia/Kathmandu", "2028-02-28T18:15:00", "2028-02-29"),  # UTC+5:45, a leap day
        ("Europe/Berlin", "2027-03-28T22:00:00", "2027-03-29"),  # 23 hours after its midnight
        ("Europe/Berlin", "2027-03-27T23:00:00", "2027-03-28"),
        ("Europe/Berlin", "2027-10-31T22:59:59", "2027-10-31"),  # 25 hours after its midnight
        ("Europe/Berlin", "2027-10-31T23:00:00", "2027-11-01"),
        ("America/Santiago", "2026-09-06T03:59:59", "2026-09-05"),  # a day without midnight
        ("America/Santiago", "2026-09-06T04:00:00", "2026-09-06"),
        ("Pacific/Apia", "2026-12-31T11:00:00", "2027-01-01"),
    ],
)
def test_events_count_only_on_their_day_of_the_programs_calendar(
    reporting: ReportingGreenroom, zone: str, at: str, day: str
) -> None:
    then = datetime.fromisoformat(at).replace(tzinfo=UTC)
    reporting.clock.advance(then - CACHED_FOR - reporting.clock.now())
    reporting.container.programs.change_program(reporting.manager, ProgramChanges(time_zone=zone))
    reporting.clock.advance(CACHED_FOR)
    amy, activity = reporting.join("amy"), reporting.activity()
    reporting.deliver_all()
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    found = reporting.container.reports.overview(reporting.manager, None, None)
    assert [str(each.day) for each in found.report.days if each.tally.number(CounterName.SENT)] == [
        day
    ]
    assert (str(found.report.span.last), found.active) == (day, 1)
    the_day = date.fromisoformat(day)
    for first, last, number in (
        (the_day, the_day, 1),
        (the_day - timedelta(days=365), the_day, 1),
        (the_day - timedelta(days=1), the_day - timedelta(days=1), 0),
        (the_day + timedelta(days=1), the_day + timedelta(days=1), 0),
    ):
        found = reporting.container.reports.overview(reporting.manager, first, last)
        assert found.report.tally.number(CounterName.SENT) == number
        assert found.active == number
    noted: list[Any] = []
    findings = reporting.container.reports_rebuilder.findings(
        reporting.program.program_id, noted.append
    )
    assert findings == []
