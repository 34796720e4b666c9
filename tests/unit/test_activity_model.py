"""An activity's times: wall clocks, windows, states by the clock, and the feed's order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.activities.model import (
    FEATURED_INDEX_LAG,
    MAX_CAPTIONS,
    MAX_CUTS,
    MAX_FEATURED_CHANGES,
    MAX_HASHTAGS,
    MAX_KNOWN_FEATURED_CHANGES,
    MAX_POST_TEXT_LENGTH,
    MAX_TIME_AHEAD,
    START_GRACE,
    Activity,
    ActivityState,
    ActivityStatus,
    Cut,
    CutStatus,
    FeedPaging,
    InvalidText,
    InvalidTime,
    OpenActivity,
    PostText,
    assigned_cut,
    assigned_text,
    check_post_texts,
    check_window,
    feed_order,
    normalized_captions,
    normalized_hashtags,
    parse_wall_clock_time,
    visible_activities,
    with_featured,
)
from chalicelib.programs.model import MAX_DISCLOSURE_LENGTH, is_time_zone, local_time
from chalicelib.videos.model import VideoFacts, file_not_received
from tests.clock import NOON

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
ACTIVITY = Activity(
    program_id="prg_1",
    activity_id="act_1",
    state=ActivityState.PUBLISHED,
    instructions="Share this video on TikTok",
    upload_id="upl_1",
    points=10,
    featured=False,
    starts_at=None,
    ends_at=None,
    time_zone="Europe/Berlin",
    created_by="mem_1",
    created_at=NOON,
)

zones = st.sampled_from(sorted(filter(is_time_zone, available_timezones())))
these_years = st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1)).map(  # noqa: DTZ001  walls
    lambda wall: wall.replace(microsecond=0)
)


def told(wall: datetime) -> str:
    return wall.isoformat(timespec="seconds")


@given(these_years, zones)
def test_a_local_time_with_its_offset_is_read_back_as_the_same_instant(
    moment: datetime, zone: str
) -> None:
    instant = moment.replace(tzinfo=UTC)
    assert parse_wall_clock_time(told(local_time(instant, zone)), zone) == instant


@given(these_years, zones)
def test_a_wall_clock_time_is_read_as_the_one_instant_that_shows_it(
    wall: datetime, zone: str
) -> None:
    try:
        instant = parse_wall_clock_time(told(wall), zone)
    except InvalidTime:
        assume(False)
    assert local_time(instant, zone).replace(tzinfo=None) == wall


READINGS = {0: ("time_does_not_exist", 2), 1: ("read", 1), 2: ("time_exists_twice", 2)}


def read(text: str, zone: str) -> tuple[str, int, set[datetime]]:
    """Return how a time was read, how many instants fit, and which of them show it."""
    try:
        choices, kind = {parse_wall_clock_time(text, zone)}, "read"
    except InvalidTime as refused:
        choices, kind = (
            {parse_wall_clock_time(text + each, zone) for each in refused.offsets},
            refused.code,
        )
    showing = {each for each in choices if told(local_time(each, zone)).startswith(text)}
    return kind, len(choices), showing


QUARTER = timedelta(minutes=15)


def walls_of_a_year(clock: ZoneInfo) -> Iterator[datetime]:
    """Yield each quarter of an hour within a day of a clock change and each 13th of the others.

    Between changes the offset stays the same; steps of 13 reach every quarter of a day.
    """
    year = [datetime(2026, 1, 1, tzinfo=UTC) + number * QUARTER for number in range(365 * 96)]
    offsets = [instant.astimezone(clock).utcoffset() for instant in year]
    changes = [number for number in range(1, len(year)) if offsets[number] != offsets[number - 1]]
    for number, instant in enumerate(year):
        # The wall shows up to 14 hours more or less than UTC.
        if number % 13 == 0 or any(abs(number - change) <= 40 * 4 for change in changes):
            yield instant.replace(tzinfo=None)


# A random time seldom falls on a clock change, so all around those of a year is tried.
@pytest.mark.parametrize(
    ("zone", "instants"),
    [
        ("Europe/Berlin", {0, 1, 2}),
        ("America/New_York", {0, 1, 2}),
        ("Australia/Lord_Howe", {0, 1, 2}),
        ("Africa/Casablanca", {0, 1, 2}),
        ("UTC", {1}),
    ],
)
def test_a_wall_clock_time_of_a_year_is_one_instant_or_refused_with_two_offsets(
    zone: str, instants: set[int]
) -> None:
    clock, met = ZoneInfo(zone), set()
    for wall in walls_of_a_year(clock):
        shown_at = {
            instant
            for fold in (0, 1)
            if (instant := wall.replace(tzinfo=clock, fold=fold).astimezone(UTC))
            and local_time(instant, zone).replace(tzinfo=None) == wall
        }
        assert read(told(wall), zone) == (*READINGS[len(shown_at)], shown_at)
        met.add(len(shown_at))
    assert met == instants


@pytest.mark.parametrize(
    ("zone", "wall", "offsets"),
    [
        ("Europe/Berlin", "2026-03-29T02:00", ("+01:00", "+02:00")),
        ("Europe/Berlin", "2026-03-29T02:59:59", ("+01:00", "+02:00")),
        ("America/New_York", "2026-03-08T02:30", ("-05:00", "-04:00")),
        ("Australia/Lord_Howe", "2026-10-04T02:15", ("+10:30", "+11:00")),
        ("Pacific/Apia", "2011-12-30T12:00", ("-10:00", "+14:00")),  # a whole day was left out
    ],
)
def test_a_time_the_clocks_jump_over_is_refused_with_both_offsets(
    zone: str, wall: str, offsets: tuple[str, str]
) -> None:
    with pytest.raises(InvalidTime, match=f"In {zone} .* does not exist") as refused:
        parse_wall_clock_time(wall, zone)
    assert (refused.value.code, refused.value.offsets) == ("time_does_not_exist", offsets)
    assert all(f" {wall}{offset}" in refused.value.message for offset in offsets)


@pytest.mark.parametrize(
    ("zone", "wall", "offsets"),
    [
        ("Europe/Berlin", "2026-10-25T02:00", ("+02:00", "+01:00")),
        ("Europe/Berlin", "2026-10-25T02:59:59", ("+02:00", "+01:00")),
        ("America/New_York", "2026-11-01T01:30", ("-04:00", "-05:00")),
        ("Australia/Lord_Howe", "2026-04-05T01:45", ("+11:00", "+10:30")),
    ],
)
def test_a_time_that_happens_twice_is_refused_and_an_offset_says_which_is_meant(
    zone: str, wall: str, offsets: tuple[str, str]
) -> None:
    with pytest.raises(InvalidTime, match=f"In {zone} .* happens twice") as refused:
        parse_wall_clock_time(wall, zone)
    assert (refused.value.code, refused.value.offsets) == ("time_exists_twice", offsets)
    assert all(f" {wall}{offset} " in refused.value.message for offset in offsets)
    first, second = (parse_wall_clock_time(wall + offset, zone) for offset in offsets)
    assert first < second
    assert {
        told(local_time(each, zone).replace(tzinfo=None))[: len(wall)] for each in (first, second)
    } == {wall}


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59+00:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00:00+00:00"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59+00:00"),
        ("2026-10-25T03:00", "2026-10-25T02:00:00+00:00"),
        ("2026-12-01T09:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00-05:00", "2026-12-01T14:00:00+00:00"),
        ("2026-12-01T09:00:00.000Z", "2026-12-01T09:00:00+00:00"),  # as JavaScript writes it
        ("2026-12-01t09:00:00.25z", "2026-12-01T09:00:00.250000+00:00"),
        ("2026-12-01T09:00:00.123456789+01:00", "2026-12-01T08:00:00.123456+00:00"),
        ("2026-12-01T09:00:00.000", "2026-12-01T08:00:00+00:00"),
        ("2028-02-29T09:00Z", "2028-02-29T09:00:00+00:00"),
        ("2000-01-01T00:00Z", "2000-01-01T00:00:00+00:00"),
        ("2999-12-31T23:59-12:00", "3000-01-01T11:59:00+00:00"),
    ],
)
def test_times_beside_a_clock_change_and_times_with_an_offset_are_read(
    wall: str, instant: str
) -> None:
    assert parse_wall_clock_time(wall, "Europe/Berlin") == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-12-01",
        "2026-12-01 09:00",
        "2026-12-01T9:00",
        "2026-12-01T09:00.5",
        "2026-12-01T09:00:00.",
        "2026-12-01T09:00:00,5",
        "2026-12-01T09:00+0100",
        "2026-12-01T09:00[Europe/Berlin]",
        "2026-12-01T09:00\n",
        "٢٠٢٦-12-01T09:00",
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_an_invalid_time_is_refused(text: str, zone: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        parse_wall_clock_time(text, zone)
    assert (refused.value.code, refused.value.offsets) == ("invalid_time", ())
    assert refused.value.message == "Write a time as 2026-12-01T09:00."


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("2027-02-29T09:00", "invalid_time", "There is no such day as 2027-02-29."),
        ("2027-02-29", "invalid_time", "There is no such day as 2027-02-29."),
        ("2027-13-01", "invalid_time", "There is no such day as 2027-13-01."),
        ("10000-01-01T00:00", "too_far_ahead", "Times may be at most five years ahead."),
        ("+010000-01-01T00:00:00.000Z", "too_far_ahead", "Times may be at most five years ahead."),
        ("2026-13-01T09:00Z", "invalid_time", "There is no such day as 2026-13-01."),
        ("2026-11-31T24:00", "invalid_time", "There is no such day as 2026-11-31."),
        ("2026-12-01T24:00", "invalid_time", "There is no such time of day as 24:00."),
        ("2026-12-01T09:60", "invalid_time", "There is no such time of day as 09:60."),
        ("2026-12-01T23:59:60Z", "invalid_time", "There is no such time of day as 23:59:60."),
        ("2026-12-01T09:00+24:00", "invalid_time", "There is no such offset from UTC as +24:00."),
        ("0000-01-01T00:00", "in_the_past", "Times before the year 2000 are too long ago."),
        ("0001-01-01T00:00+10:00", "in_the_past", "Times before the year 2000 are too long ago."),
        ("1893-04-01T00:03", "in_the_past", "Times before the year 2000 are too long ago."),
        ("9999-12-31T23:59", "too_far_ahead", "Times may be at most five years ahead."),
        ("9999-12-31T23:59-12:00", "too_far_ahead", "Times may be at most five years ahead."),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Monrovia"])
def test_a_time_that_cannot_be_says_why(text: str, code: str, words: str, zone: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        parse_wall_clock_time(text, zone)
    assert (refused.value.code, refused.value.message) == (code, words)


@given(st.datetimes(datetime(1999, 12, 31), datetime(2060, 1, 1)), zones)  # noqa: DTZ001  walls
def test_every_offset_offered_is_one_that_can_be_written(wall: datetime, zone: str) -> None:
    text = wall.isoformat(timespec="minutes")
    offsets: tuple[str, ...] = ()
    try:
        parse_wall_clock_time(text, zone)
    except InvalidTime as refused:
        offsets = refused.offsets
    assert all(parse_wall_clock_time(text + each, zone) for each in offsets)


@given(
    st.text(max_size=35)
    | st.from_regex(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", fullmatch=True
    )
    | st.datetimes().map(lambda wall: wall.isoformat(timespec="minutes")),
    zones,
)
def test_no_text_does_worse_than_being_invalid(text: str, zone: str) -> None:
    try:
        instant = parse_wall_clock_time(text, zone)
    except InvalidTime:
        return
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (NOON - SECOND, ActivityStatus.SCHEDULED),
        (NOON, ActivityStatus.ACTIVE),
        (NOON + timedelta(hours=1) - SECOND, ActivityStatus.ACTIVE),
        (NOON + timedelta(hours=1), ActivityStatus.ENDED),
        (NOON + timedelta(days=9), ActivityStatus.ENDED),
    ],
)
def test_a_published_activity_opens_and_ends_on_the_second(
    now: datetime, status: ActivityStatus
) -> None:
    activity = replace(ACTIVITY, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    assert activity.status_at(now) is status
    assert activity.is_open_at(now) is (status is ActivityStatus.ACTIVE)


def test_without_start_and_end_a_published_activity_is_open_from_the_first_moment_on() -> None:
    assert ACTIVITY.is_open_at(NOON)
    assert ACTIVITY.is_open_at(NOON + timedelta(days=10_000))


@pytest.mark.parametrize(
    "state", [ActivityState.PROCESSING, ActivityState.REJECTED, ActivityState.ENDED]
)
def test_an_unpublished_activity_is_never_open(state: ActivityState) -> None:
    activity = replace(
        ACTIVITY, state=state, starts_at=NOON, ends_at=NOON + timedelta(hours=1), ended_at=NOON
    )
    for minutes in (-1, 0, 30, 60, 90):
        now = NOON + timedelta(minutes=minutes)
        assert activity.status_at(now).value == state.value
        assert not activity.is_open_at(now)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (None, None),
        (NOON - START_GRACE, None),
        (NOON + MAX_TIME_AHEAD, None),
        (None, NOON + SECOND),
        (None, NOON + MAX_TIME_AHEAD),
        (NOON, NOON + SECOND),
    ],
)
def test_a_window_just_within_its_bounds_is_taken(
    starts_at: datetime | None, ends_at: datetime | None
) -> None:
    check_window(starts_at, ends_at, NOON)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "code"),
    [
        (NOON - START_GRACE - SECOND, None, "starts_at.in_the_past"),
        (None, NOON, "ends_at.in_the_past"),
        (NOON - SECOND, NOON, "ends_at.in_the_past"),
        (NOON + SECOND, NOON + SECOND, "ends_at.before_start"),
        (NOON + 2 * SECOND, NOON + SECOND, "ends_at.before_start"),
        (NOON + MAX_TIME_AHEAD + SECOND, None, "starts_at.too_far_ahead"),
        (None, NOON + MAX_TIME_AHEAD + SECOND, "ends_at.too_far_ahead"),
    ],
)
def test_a_window_just_outside_its_bounds_is_refused_naming_the_field(
    starts_at: datetime | None, ends_at: datetime | None, code: str
) -> None:
    with pytest.raises(InvalidTime) as refused:
        check_window(starts_at, ends_at, NOON)
    assert refused.value.code == code


@pytest.mark.parametrize("starts_at", [NOON - 2 * START_GRACE, NOON + 2 * MAX_TIME_AHEAD])
def test_a_start_that_is_kept_may_lie_anywhere_and_an_end_that_has_come_may_not(
    starts_at: datetime,
) -> None:
    check_window(starts_at, None, NOON, kept=(starts_at, None))
    with pytest.raises(InvalidTime):
        check_window(starts_at, NOON, NOON, kept=(starts_at, NOON))


# Who sees what


@pytest.mark.parametrize(
    ("addressed", "channels", "sees"),
    [
        ((), (), True),
        ((), ("chn_1",), True),
        (("chn_1",), (), False),
        (("chn_1",), ("chn_2",), False),
        (("chn_1", "chn_2"), ("chn_2", "chn_3"), True),
    ],
)
def test_an_activity_is_for_the_members_of_any_of_its_channels_or_for_everybody(
    addressed: tuple[str, ...], channels: tuple[str, ...], sees: bool
) -> None:
    activity = replace(ACTIVITY, channel_ids=frozenset(addressed))
    assert activity.is_addressed_to(frozenset(channels)) is sees


# The feed's order

CHANNELS = ("chn_1", "chn_2", "chn_3")


@dataclass
class Program:
    """Activities that managers make, feature, address and end, and one member who pages."""

    now: datetime = NOON
    activities: dict[str, Activity] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)

    def act(self, kind: str, number: int, flag: bool) -> None:
        self.now += timedelta(milliseconds=1)
        known = sorted(self.activities)
        if kind == "make" or not known:
            made = replace(
                ACTIVITY,
                activity_id=f"act_{len(known):04}",
                featured=flag,
                channel_ids=frozenset(CHANNELS[: number % 3]),
                campaign_id="cam_1" if number % 2 else None,
            )
            self.activities[made.activity_id] = made
            return
        chosen = self.activities[known[number % len(known)]]
        match kind:
            case "feature":
                chosen = with_featured(chosen, flag, self.now)
            case "feature slowly":
                # Dated when its request came, seen when it was done.
                chosen = with_featured(
                    chosen, flag, self.now - FEATURED_INDEX_LAG + timedelta(milliseconds=1)
                )
            case "end":
                chosen = replace(chosen, ends_at=self.now if flag else None)
            case "start":
                chosen = replace(chosen, starts_at=self.now + SECOND if flag else None)
            case "mark":
                (self.marked.add if flag else self.marked.discard)(chosen.activity_id)
            case "join":
                (self.channels.add if flag else self.channels.discard)(CHANNELS[number % 3])
        self.activities[chosen.activity_id] = chosen

    def visible(self, campaign_id: str | None) -> set[str]:
        return {
            each.activity_id
            for each in self.activities.values()
            if each.is_open_at(self.now)
            and each.is_addressed_to(frozenset(self.channels))
            and campaign_id in (None, each.campaign_id)
            and each.activity_id not in self.marked
        }

    def shown(self, campaign_id: str | None) -> list[OpenActivity]:
        return visible_activities(
            (
                OpenActivity(
                    each.activity_id,
                    each.featured,
                    each.featured_changes,
                    each.starts_at,
                    each.ends_at,
                    each.channel_ids,
                    each.campaign_id,
                )
                for each in self.activities.values()
            ),
            channels=frozenset(self.channels),
            campaign_id=campaign_id,
            now=self.now,
        )

    def ranks(
        self, campaign_id: str | None, paging: FeedPaging, before: str | None
    ) -> list[tuple[str, str]]:
        ordered = feed_order(self.shown(campaign_id), paging, before)
        return [rank for rank in ordered if rank[1] not in self.marked]


deeds = st.lists(
    st.tuples(
        st.sampled_from(
            ["make", "make", "feature", "feature slowly", "end", "start", "mark", "join"]
        ),
        st.integers(0, 11),
        st.booleans(),
    ),
    max_size=15,
)


@given(
    st.lists(st.booleans(), min_size=2, max_size=8),
    deeds,
    st.lists(deeds, min_size=1, max_size=8),
    st.sampled_from([None, "cam_1"]),
)
def test_nothing_comes_twice_and_nothing_that_was_there_throughout_is_skipped_while_one_pages(
    made: list[bool],
    before: list[tuple[str, int, bool]],
    between: list[list[tuple[str, int, bool]]],
    campaign_id: str | None,
) -> None:
    program = Program()
    for featured in made:
        program.act("make", 3, featured)
    for deed in before:
        program.act(*deed)
    paging, position = FeedPaging.begin(program.shown(campaign_id), program.now), None
    throughout = program.visible(campaign_id)
    seen: list[str] = []
    meanwhile = iter(between)
    while ranks := program.ranks(campaign_id, paging, position):
        assert {each for _, each in ranks} <= program.visible(campaign_id)
        position, activity_id = ranks[0]
        assert activity_id not in seen
        seen.append(activity_id)
        for deed in next(meanwhile, []):
            program.act(*deed)
            throughout &= program.visible(campaign_id)
    assert throughout <= set(seen)


@given(deeds)
def test_a_feed_begins_with_what_is_featured_now_and_goes_from_new_to_old(
    before: list[tuple[str, int, bool]],
) -> None:
    program = Program()
    for deed in before:
        program.act(*deed)
    paging = FeedPaging.begin(program.shown(None), program.now)
    shown = [program.activities[each] for _, each in program.ranks(None, paging, None)]
    assert {each.activity_id for each in shown} == program.visible(None)
    assert shown == sorted(shown, key=lambda each: (each.featured, each.activity_id), reverse=True)


def test_only_the_latest_turns_are_remembered_however_long_ago_they_were() -> None:
    activity = ACTIVITY
    for number in range(3 * MAX_FEATURED_CHANGES):
        activity = with_featured(activity, not activity.featured, NOON + number * SECOND)
        assert with_featured(activity, activity.featured, NOON + HOUR) is activity
    assert len(activity.featured_changes) == MAX_FEATURED_CHANGES
    later = with_featured(activity, not activity.featured, NOON + 1000 * HOUR)
    assert later.featured_changes == (*activity.featured_changes[1:], NOON + 1000 * HOUR)


def test_of_many_turns_before_a_first_page_the_latest_are_known_one_by_one() -> None:
    program = Program()
    for number in range(2 * MAX_KNOWN_FEATURED_CHANGES):
        program.act("make", 3 * number, False)
    for number in range(2 * MAX_KNOWN_FEATURED_CHANGES):
        program.act("feature", number, True)
    paging = FeedPaging.begin(program.shown(None), program.now)
    assert len(paging.known) == MAX_KNOWN_FEATURED_CHANGES
    assert paging.settled_at > program.now - FEATURED_INDEX_LAG
    featured = [rank for rank in program.ranks(None, paging, None) if rank[0].startswith("1")]
    assert len(featured) == len(program.shown(None))


# What members post

captions = st.lists(st.text("abc ", min_size=1, max_size=5), min_size=1, max_size=10, unique=True)


@given(captions, st.randoms(), st.text(max_size=10), st.text(max_size=10))
def test_a_member_keeps_their_caption_while_it_is_suggested_whatever_else_is(
    suggested: list[str], random: Random, member_id: str, another: str
) -> None:
    activity = replace(ACTIVITY, captions=tuple(suggested))
    caption = assigned_text(activity, member_id, None).caption
    assert caption in suggested
    fewer = [each for each in suggested if each == caption or random.random() < 0.5]
    random.shuffle(fewer)
    assert (
        assigned_text(replace(activity, captions=tuple(fewer)), member_id, None).caption == caption
    )
    more = replace(activity, captions=(*suggested, another))
    assert assigned_text(more, member_id, None).caption in (caption, another)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, MAX_CAPTIONS), st.integers(0, 10**9))
def test_captions_are_spread_evenly_over_the_members(count: int, seed: int) -> None:
    activity = replace(
        ACTIVITY,
        activity_id=f"act_{seed}",
        captions=tuple(f"Caption {number}" for number in range(count)),
    )
    members = 400 * count
    spread = Counter(
        assigned_text(activity, f"mem_{number}", None).caption for number in range(members)
    )
    # Six standard deviations of a fair deal: about one in a billion goes beyond.
    allowed = 6 * (members * (1 / count) * (1 - 1 / count)) ** 0.5
    assert all(abs(spread[caption] - 400) < allowed for caption in activity.captions)


uploads = st.lists(st.uuids().map(str), min_size=1, max_size=MAX_CUTS, unique=True)


def with_cuts(upload_ids: Sequence[str]) -> Activity:
    return ACTIVITY.with_cuts([Cut(each) for each in upload_ids])


@given(uploads, st.randoms(), st.text(max_size=10), st.uuids().map(str))
def test_a_member_keeps_their_cut_while_it_is_there_whatever_else_is(
    upload_ids: list[str], random: Random, member_id: str, another: str
) -> None:
    cut = assigned_cut(with_cuts(upload_ids), member_id).upload_id
    assert cut in upload_ids
    fewer = [each for each in upload_ids if each == cut or random.random() < 0.5]
    random.shuffle(fewer)
    assert assigned_cut(with_cuts(fewer), member_id).upload_id == cut
    more = with_cuts([*upload_ids, another])
    assert assigned_cut(more, member_id).upload_id in (cut, another)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, MAX_CUTS), st.integers(0, 10**9))
def test_cuts_are_spread_evenly_over_the_members_and_over_those_of_each_caption(
    count: int, seed: int
) -> None:
    activity = replace(
        with_cuts([f"upl_{number}" for number in range(count)]),
        activity_id=f"act_{seed}",
        captions=("One", "Other"),
    )
    members = 800 * count
    spread = Counter(
        (assigned_cut(activity, member).upload_id, assigned_text(activity, member, None).caption)
        for member in (f"mem_{number}" for number in range(members))
    )
    share = 1 / (2 * count)
    allowed = 6 * (members * share * (1 - share)) ** 0.5
    assert len(spread) == 2 * count
    assert all(abs(number - 400) < allowed for number in spread.values())


@given(st.text(max_size=10))
def test_one_video_is_everybodys(member_id: str) -> None:
    assert assigned_cut(ACTIVITY, member_id) == ACTIVITY.cuts[0]
    assert ACTIVITY.cuts == (Cut("upl_1"),)


PROBLEM = file_not_received()


@given(st.lists(st.sampled_from(["valid", "refused"]), min_size=1, max_size=MAX_CUTS))
def test_an_activity_is_published_when_every_cut_is_valid_and_else_has_no_video_at_all(
    verdicts: list[str],
) -> None:
    facts = VideoFacts(size_bytes=1)
    cuts = [
        Cut(f"upl_{number}", facts, f"key_{number}")
        if each == "valid"
        else Cut(f"upl_{number}", facts, None, (PROBLEM,))
        for number, each in enumerate(verdicts)
    ]
    waiting = ACTIVITY.awaiting_verdicts([each.upload_id for each in cuts])
    assert waiting.state is ActivityState.PROCESSING
    assert {waiting.status_of(each) for each in waiting.cuts} == {CutStatus.PROCESSING}
    decided = waiting.with_verdicts(cuts)
    good = "refused" not in verdicts
    assert decided.state is (ActivityState.PUBLISHED if good else ActivityState.REJECTED)
    assert decided.has_invalid_cut is not good
    assert decided.upload_ids == waiting.upload_ids
    for cut, verdict in zip(decided.cuts, verdicts, strict=True):
        right = CutStatus.VALID if verdict == "valid" else CutStatus.REJECTED
        assert decided.status_of(cut) is right
        assert bool(cut.video and cut.video_key) is good
    archived = replace(decided, state=ActivityState.ARCHIVED, archived_at=NOON)
    back = ActivityState.ENDED if good else ActivityState.REJECTED
    assert archived.unarchived().state is back


def test_two_activities_do_not_deal_alike() -> None:
    one, other = (replace(ACTIVITY, activity_id=each, captions=("a", "b")) for each in ("x", "y"))
    members = [f"mem_{number}" for number in range(64)]
    assert [assigned_text(one, each, None) for each in members] != [
        assigned_text(other, each, None) for each in members
    ]


@pytest.mark.parametrize(
    ("own", "programs", "line"),
    [
        (None, None, None),
        (None, "", None),
        (None, "Ad", "Ad"),
        ("", "Ad", None),
        ("Mine", "Ad", "Mine"),
    ],
)
def test_the_disclosure_is_the_activitys_own_or_the_programs_or_none(
    own: str | None, programs: str | None, line: str | None
) -> None:
    text = assigned_text(replace(ACTIVITY, disclosure=own), "mem_1", programs)
    assert text.disclosure == text.whole == line


def test_the_text_to_copy_has_a_line_for_each_of_its_parts() -> None:
    assert PostText().whole is None
    assert PostText("Hi", ("#a", "#b"), "Ad").whole == "Hi\n#a #b\nAd"
    assert PostText(None, ("#a",), None).whole == "#a"


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ([" job ", "#Job", "#jobs_2"], ("#job", "#jobs_2")),
        (["#héros", "#he\u0301ros"], ("#héros",)),
        (["#हिन्दी", "#中文", "#می‌خواهم"], ("#हिन्दी", "#中文", "#می‌خواهم")),
        ([], ()),
    ],
)
def test_hashtags_are_one_word_each_and_there_once(
    given_: list[str], kept: tuple[str, ...]
) -> None:
    assert normalized_hashtags(given_) == kept


@pytest.mark.parametrize(
    "word", ["", "#", "two words", "a#b", "##a", "a,b", "@ana", "x" * 101, "#\u200d", "\u0301"]
)
def test_an_invalid_hashtag_is_refused_naming_it(word: str) -> None:
    with pytest.raises(InvalidText) as refused:
        normalized_hashtags(["#good", word])
    assert (refused.value.field, refused.value.code) == ("hashtags.1", "invalid_hashtag")


def test_captions_are_trimmed_and_there_once_and_blank_ones_are_refused() -> None:
    assert normalized_captions(["a\r\nb ", "a\nb", "c", "❤️"]) == ("a\nb", "c", "❤️")
    for blank in (" \n", "", "\u200b\n\ufeff"):
        with pytest.raises(InvalidText) as refused:
            normalized_captions(["a", blank])
        assert (refused.value.field, refused.value.code) == ("captions.1", "blank")


@given(st.lists(st.sampled_from(["a", "é", "中", "😀"]), max_size=40), st.integers(0, 1))
def test_a_text_fits_by_tiktoks_own_count_whatever_line_the_program_has(
    letters: list[str], over: int
) -> None:
    start = "".join(letters)
    rest = f"\n#ad\n{'xx' * MAX_DISCLOSURE_LENGTH}"
    room = MAX_POST_TEXT_LENGTH - len((start + rest).encode("utf-16-le")) // 2
    activity = replace(ACTIVITY, captions=("a", start + "x" * (room + over)), hashtags=("#ad",))
    if not over:
        check_post_texts(activity)
        return
    with pytest.raises(InvalidText) as refused:
        check_post_texts(activity)
    assert (refused.value.field, refused.value.limit) == ("captions.1", MAX_POST_TEXT_LENGTH)


def test_hashtags_alone_may_be_too_long() -> None:
    words = tuple(f"#{'x' * 99}{number}" for number in range(10, MAX_HASHTAGS))
    with pytest.raises(InvalidText) as refused:
        check_post_texts(replace(ACTIVITY, hashtags=words))
    assert refused.value.field == "hashtags"
