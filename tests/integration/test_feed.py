"""Feeds: who sees what, when, and in full pages whatever comes and goes; dismissing; one's own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.activities.model import (
    MAX_KNOWN_FEATURED_CHANGES,
    Activity,
    ActivityState,
    OpenActivity,
    with_featured,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.service import OfferedActivity
from chalicelib.activities.store import ActivityItem, ActivityStore, MarkItem
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import MAX_CURSOR_LENGTH, Page
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Put
from tests.clock import NOON
from tests.integration.activity_services import (
    MEMBER,
    ActivityServices,
    end_activity,
    ids,
    published,
)
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.upload_services import MANAGER, STRANGER

SECOND = timedelta(seconds=1)
PRIVATE = frozenset({"chn_private"})
INSIDER = replace(MEMBER, member_id="mem_3", channels=PRIVATE)
ONE_PAGE = ["Query", "Query", "BatchGetItem"]


def refusal(use: Callable[..., object], *arguments: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        use(*arguments)
    return refused.value


def hidden(services: ActivityServices, caller: Caller, activity: Activity) -> bool:
    """Return whether an activity answers a member exactly like one that is not there."""
    uses = (services.service.offered, services.service.dismiss, services.service.undismiss)
    answers = [
        [refusal(use, caller, each).to_dict() for use in uses]
        for each in (activity.activity_id, "act_unknown")
    ]
    return answers[0] == answers[1] and answers[0][0]["code"] == "not_found"


def feed_ids(
    services: ActivityServices, caller: Caller, campaign_id: str | None = None
) -> list[str]:
    return ids(services.service.feed(caller, 100, None, campaign_id).items)


# Who sees what


def test_an_activity_of_a_channel_is_visible_only_to_its_current_members(
    services: ActivityServices,
) -> None:
    everybody = services.put()
    private = services.put(channel_ids=PRIVATE)
    mixed = services.put(channel_ids=PRIVATE | {"chn_public"})
    joined = replace(MEMBER, channels=frozenset({"chn_public", "chn_other"}))
    for caller, seen in (
        (MEMBER, [everybody]),
        (joined, [mixed, everybody]),
        (INSIDER, [mixed, private, everybody]),
        (replace(INSIDER, channels=frozenset()), [everybody]),
        (MANAGER, [everybody]),
        (replace(INSIDER, program_id=STRANGER.program_id), []),
    ):
        assert feed_ids(services, caller) == ids(seen)
        for activity in (everybody, private, mixed):
            if activity in seen:
                services.service.offered(caller, activity.activity_id)
            else:
                assert hidden(services, caller, activity)


def test_a_feed_of_one_campaign_has_nothing_else_and_its_cursor_is_good_for_it_alone(
    services: ActivityServices,
) -> None:
    mine = [services.put(campaign_id="cam_1", featured=number == 1) for number in range(3)]
    for campaign_id in (None, "cam_2"):
        services.put(campaign_id=campaign_id)
    assert feed_ids(services, MEMBER, "cam_1") == ids([mine[1], mine[2], mine[0]])
    assert feed_ids(services, MEMBER, "cam_x") == []
    cursor = services.service.feed(MEMBER, 1, None, "cam_1").next_cursor
    assert ids(services.service.feed(MEMBER, 5, cursor, "cam_1").items) == ids([mine[2], mine[0]])
    for campaign_id in (None, "cam_2"):
        refused = refusal(services.service.feed, MEMBER, 5, cursor, campaign_id)
        assert refused.code is ProblemCode.INVALID_CURSOR


# What it costs


def test_a_member_who_did_all_but_ten_of_a_thousand_gets_a_full_page_in_three_calls(
    services: ActivityServices, calls: Calls
) -> None:
    opened = [published(NOON) for _ in range(1000)]
    with database().batch_write(ActivityItem) as batch:
        for number, activity in enumerate(opened):
            channels = frozenset({f"chn_{number % 200}"}) if number % 2 else frozenset()
            batch.save(ActivityItem.of(replace(activity, channel_ids=channels)))
    caller = replace(MEMBER, channels=frozenset(f"chn_{number}" for number in range(200)))
    left = opened[::100]
    with database().batch_write(MarkItem) as batch:
        for number, activity in enumerate(opened):
            # Of what is out of the feed one part was performed, the other dismissed.
            performance_id = "prf_1" if number % 3 else None
            if activity not in left:
                item = MarkItem(caller.owner, activity.activity_id, performance_id=performance_id)
                batch.save(item)
    calls.made.clear()
    page = services.service.feed(caller, 9, None)
    assert calls.names == ONE_PAGE
    assert ids(page.items) == ids(left[:0:-1])
    last = services.service.feed(caller, 9, page.next_cursor)
    assert (ids(last.items), last.next_cursor) == (ids(left[:1]), None)
    calls.made.clear()
    few = replace(MEMBER, member_id="mem_few", channels=frozenset({"chn_7"}))
    assert len(services.service.feed(few, 20, None).items) == 20
    assert calls.names == ONE_PAGE


# Paging while things come and go

_programs = count()
deeds = st.lists(
    st.tuples(
        st.sampled_from(["make", "feature", "end", "start", "dismiss", "perform", "fail"]),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=6,
)


@dataclass
class Company:
    """A program in which things happen while one member pages through the feed."""

    services: ActivityServices
    caller: Caller
    activities: dict[str, Activity] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)
    """What the member performed or dismissed."""

    def put_activity(self, activity: Activity) -> None:
        self.activities[activity.activity_id] = activity
        database().put(ActivityItem.of(activity))

    def does(self, kind: str, number: int, flag: bool) -> None:
        self.services.clock.advance(timedelta(milliseconds=1))
        now = self.services.clock.now()
        if kind == "make" or not self.activities:
            self.put_activity(replace(published(now, self.caller.program_id), featured=flag))
            return
        chosen = self.activities[sorted(self.activities)[number % len(self.activities)]]
        match kind:
            case "feature":
                self.put_activity(with_featured(chosen, flag, now))
            case "end":
                self.put_activity(replace(chosen, ends_at=now if flag else None))
            case "start":
                self.put_activity(replace(chosen, starts_at=now + SECOND if flag else None))
            case _:
                self.marks(kind, chosen.activity_id)

    def marks(self, kind: str, activity_id: str) -> None:
        marks, owner = self.services.marks, self.caller.owner
        performance_id, dismissed = marks.of(owner, activity_id)
        if kind == "dismiss" and dismissed:
            marks.undismiss(owner, activity_id)
            self.out.discard(activity_id)
        elif kind == "dismiss" and not performance_id:
            marks.dismiss(owner, activity_id, self.services.clock.now())
            self.out.add(activity_id)
        elif kind == "perform" and not performance_id:
            database().commit([marks.mark_performed(owner, activity_id, "prf_1")])
            self.out.add(activity_id)
        elif kind == "fail" and performance_id:
            database().commit([marks.unmark(owner, activity_id, performance_id)])
            self.out.discard(activity_id)

    def visible(self) -> set[str]:
        return {
            each.activity_id
            for each in self.activities.values()
            if each.is_open_at(self.services.clock.now()) and each.activity_id not in self.out
        }


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its program
)
@given(st.lists(st.booleans(), max_size=9), st.lists(deeds, max_size=4), st.integers(1, 3))
def test_pages_are_full_and_have_each_thing_that_was_there_throughout_once(
    services: ActivityServices,
    made: list[bool],
    between: list[list[tuple[str, int, bool]]],
    limit: int,
) -> None:
    company = Company(services, replace(MEMBER, program_id=f"prg_pages_{next(_programs)}"))
    for featured in made:
        company.does("make", 0, featured)
    throughout, seen, cursor = company.visible(), list[str](), None
    for happening in [*between, *([[]] * 20)]:
        page = services.service.feed(company.caller, limit, cursor)
        assert set(ids(page.items)) <= company.visible()
        seen += ids(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.items) == limit
        for deed in happening:
            company.does(*deed)
            throughout &= company.visible()
    assert cursor is None
    assert len(seen) == len(set(seen))
    assert throughout <= set(seen)


@pytest.mark.parametrize("featured", [False, True])
def test_a_page_between_a_turn_of_featured_and_its_writing_is_followed_by_the_others(
    services: ActivityServices, featured: bool
) -> None:
    opened = [services.put(featured=featured) for _ in range(4)]
    turned = opened[3] if featured else opened[0]
    page: Page[Activity] = Page((), None)

    class Slow(ActivityStore):
        def change(self, before: Activity, after: Activity) -> Put:
            nonlocal page
            services.clock.advance(SECOND)
            page = services.service.feed(MEMBER, 2, None)
            return super().change(before, after)

    edit = services.service_with(Slow(database())).edit
    edit(MANAGER, turned.activity_id, 1, featured=not featured)
    assert ids(page.items) == ids([opened[3], opened[2]])
    rest = services.service.feed(MEMBER, 9, page.next_cursor)
    assert ids(rest.items) == ids([opened[1], opened[0]])
    on_top = [turned, *[each for each in opened[::-1] if each is not turned]]
    assert services.feed_ids() == ids([*on_top[1:], turned] if featured else on_top)


def test_a_paging_keeps_its_order_however_long_it_takes(services: ActivityServices) -> None:
    opened = [services.put() for _ in range(4)]
    page = services.service.feed(MEMBER, 2, None)
    for version, featured in enumerate((True, False, True), 1):
        services.clock.advance(timedelta(hours=3))
        services.service.edit(MANAGER, opened[0].activity_id, version, featured=featured)
    rest = services.service.feed(MEMBER, 9, page.next_cursor)
    assert ids([*page.items, *rest.items]) == ids(opened[::-1])


def test_a_cursor_stays_short_however_much_is_featured_just_before(
    services: ActivityServices,
) -> None:
    opened = [
        services.put(campaign_id=f"cmp_{'x' * 26}") for _ in range(2 * MAX_KNOWN_FEATURED_CHANGES)
    ]
    for activity in opened[::2]:
        services.clock.advance(timedelta(microseconds=1))
        services.service.edit(MANAGER, activity.activity_id, 1, featured=True)
    caller = replace(MEMBER, member_id=f"mem_{'x' * 26}")
    order = [*opened[-2::-2], *opened[-1::-2]]
    seen, cursor = list[str](), None
    for _ in range(3):
        page = services.service.feed(caller, 15, cursor, opened[0].campaign_id)
        seen, cursor = seen + ids(page.items), page.next_cursor
        assert len(cursor or "") <= MAX_CURSOR_LENGTH
    assert (seen, cursor) == (ids(order), None)


def test_a_page_is_filled_up_when_the_index_is_behind(services: ActivityServices) -> None:
    opened = [services.put() for _ in range(9)]
    gone = [opened[8], opened[7], opened[4]]

    class Lagging(ActivityStore):
        def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
            found = list(super().open_activities(program_id))
            for each in gone:
                end_activity(self, each, NOON)
            gone.clear()
            yield from found

    service = services.service_with(Lagging(database()))
    page = service.feed(MEMBER, 4, None)
    assert ids(page.items) == ids([opened[6], opened[5], opened[3], opened[2]])
    rest = service.feed(MEMBER, 4, page.next_cursor)
    assert (ids(rest.items), rest.next_cursor) == (ids([opened[1], opened[0]]), None)


def test_an_activity_readdressed_since_the_index_was_read_is_not_shown(
    services: ActivityServices,
) -> None:
    activity = services.put()

    class Lagging(ActivityStore):
        def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
            found = list(super().open_activities(program_id))
            database().put(ActivityItem.of(replace(activity, channel_ids=PRIVATE)))
            yield from found

    assert services.service_with(Lagging(database())).feed(MEMBER, 9, None).items == ()


# Dismissing, and one of one's own


def test_a_dismissed_activity_is_out_of_ones_own_feed_until_that_is_undone(
    services: ActivityServices,
) -> None:
    dismissed, left = services.put(), services.put()
    for _ in range(2):
        services.service.dismiss(MEMBER, dismissed.activity_id)
        assert services.feed_ids() == [left.activity_id]
        assert services.service.offered(MEMBER, dismissed.activity_id).dismissed
    assert feed_ids(services, INSIDER) == ids([left, dismissed])
    for _ in range(2):
        services.service.undismiss(MEMBER, dismissed.activity_id)
        assert services.feed_ids() == ids([left, dismissed])
        assert not services.service.offered(MEMBER, dismissed.activity_id).dismissed


def test_a_dismissed_activity_may_be_performed_and_is_then_no_longer_dismissed(
    services: ActivityServices,
) -> None:
    activity = services.put()
    services.service.dismiss(MEMBER, activity.activity_id)
    services.performed(activity)
    offered = services.service.offered(MEMBER, activity.activity_id)
    assert (offered.performance_id, offered.dismissed) == ("prf_1", False)
    refused = refusal(services.service.dismiss, MEMBER, activity.activity_id)
    assert refused.code is ActivityProblem.ALREADY_PERFORMED
    services.service.undismiss(MEMBER, activity.activity_id)
    assert services.service.offered(MEMBER, activity.activity_id) == offered
    database().commit([services.marks.unmark(MEMBER.owner, activity.activity_id, "prf_1")])
    assert services.feed_ids() == [activity.activity_id]


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": NOON + SECOND},
        {"ends_at": NOON},
        {"state": ActivityState.ENDED},
        {"state": ActivityState.ARCHIVED},
        {"state": ActivityState.PROCESSING, "video": None},
        {"state": ActivityState.REJECTED, "video": None},
        {"program_id": STRANGER.program_id},
    ],
)
def test_an_activity_that_is_not_open_can_be_neither_read_nor_dismissed(
    services: ActivityServices, dynamodb: Any, changes: dict[str, Any]
) -> None:
    assert hidden(services, MEMBER, services.put(**changes))
    assert dynamodb.scan(TableName="MarksTable")["Items"] == []


def test_ones_own_item_has_the_text_one_was_dealt_for_two_calls(
    services: ActivityServices, calls: Calls
) -> None:
    activity = services.put(captions=("One", "Two"), hashtags=("#a",))
    calls.made.clear()
    offered: OfferedActivity = services.service.offered(MEMBER, activity.activity_id)
    assert calls.names == ["GetItem", "GetItem"]
    assert offered.text.whole in ("One\n#a\nAdvertisement", "Two\n#a\nAdvertisement")
    assert offered.text == services.service.text_for(MEMBER, activity)
