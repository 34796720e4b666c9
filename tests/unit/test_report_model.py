"""What progress counts as: whatever the order, however often, and exactly for any period."""

import csv
import io
import random
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.reports import model
from chalicelib.reports.model import (
    FAILED_DAYS,
    LAST_DAY,
    MAX_DAYS,
    TIME_BUCKETS,
    WAITING_DAYS,
    Attempt,
    Attribution,
    CounterKey,
    CounterName,
    DateRange,
    Dismissal,
    Impression,
    InvalidSpan,
    PostResponse,
    Progress,
    Scope,
    Tally,
    active_members,
    activity_gaps,
    activity_worklist_items,
    audience_of,
    bucket_of,
    changed_counts,
    counts_of,
    span_between,
    stage_of,
)
from chalicelib.reports.report_exports.csv_text import FORMULA_STARTS, escape_formula, write_csv

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 40 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
WHOSE = st.builds(
    Attribution,
    st.sampled_from([None, "cmp_1", "cmp_2"]),
    st.sampled_from([(), ("chn_1",), ("chn_1", "chn_2")]),
)


NUMBERS = st.tuples(st.none() | st.integers(0, 999), *[st.integers(0, 9)] * 3)
"""What TikTok counted of a post: views, likes, comments; and points."""


@st.composite
def lives(draw: st.DrawFn, sends: int = 3) -> list[Progress]:
    """Draw what happens between a member and an activity: facts as events tell them, in order."""
    facts: list[Progress] = []
    at = draw(MOMENTS)

    def later() -> datetime:
        nonlocal at
        at += timedelta(minutes=draw(st.integers(1, 3000)))
        return at

    if draw(st.booleans()):
        facts.append(Progress(impression=Impression(at, draw(WHOSE))))
    if draw(st.booleans()):
        dismissed = later()
        facts.append(Progress(dismissal=Dismissal(dismissed_at=dismissed)))
        if draw(st.booleans()):
            facts.append(Progress(dismissal=Dismissal(undone=dismissed)))
    cut = draw(st.sampled_from([None, "upl_1", "upl_2"]))
    for number in range(draw(st.integers(0, sends))):
        told = draw(st.booleans())
        attempt = Attempt(f"prf_{number}", later(), draw(WHOSE), disclosed=told, cut=cut)
        tellings = [attempt]
        if draw(st.booleans()):
            tellings.append(_with(tellings[-1], unconfirmed_at=later()))
        if draw(st.booleans()):
            tellings.append(_with(tellings[-1], staged_at=later()))
            if draw(st.booleans()):
                tellings.append(_with(tellings[-1], posted_at=later()))
            tellings += [
                _with(tellings[-1], response=PostResponse(later(), *numbers))
                for numbers in draw(st.lists(NUMBERS, max_size=3))
            ]
        elif draw(st.booleans()):
            failure = draw(st.sampled_from(["inbox_full", "spam_risk"]))
            tellings.append(_with(tellings[-1], failed_at=later(), failure=failure))
        facts += [Progress(attempts={each.performance_id: each}) for each in tellings]
    return facts


def _with(attempt: Attempt, **changes: object) -> Attempt:
    known = {name: getattr(attempt, name) for name in attempt.__dataclass_fields__}
    return Attempt(**{**known, **changes})


def posted_with(*responses: PostResponse) -> Progress:
    attempts = [
        Attempt("prf_1", NOON, Attribution("cmp_1"), staged_at=NOON, posted_at=NOON, response=each)
        for each in responses
    ]
    return merged([Progress(attempts={"prf_1": each}) for each in attempts])


def test_only_the_latest_views_count_on_the_day_of_the_post() -> None:
    hours = [NOON + timedelta(hours=each) for each in (1, 2)]
    late, early = PostResponse(hours[1], 900, 8, 2, 15), PostResponse(hours[0], 100, 1, 0, 10)
    for found in (posted_with(late, early), posted_with(early, late, early)):
        counts = counts_of("act_1", found)
        for place in (
            CounterKey(Scope.PROGRAM, day=NOON.date()),
            CounterKey(Scope.ACTIVITY, "act_1", NOON.date()),
            CounterKey(Scope.CAMPAIGN, "cmp_1", NOON.date()),
        ):
            told = Tally({name: number for (at, name), number in counts.items() if at == place})
            names = (
                CounterName.COUNTED,
                CounterName.VIEWS,
                CounterName.LIKES,
                CounterName.COMMENTS,
                CounterName.COUNTED_POINTS,
            )
            assert [told.number(each) for each in names] == [1, 900, 8, 2, 15]
            assert told.points_per_thousand_views == 16.7


def test_views_that_may_not_be_read_any_more_count_nothing() -> None:
    read = PostResponse(NOON + timedelta(hours=1), 900, 8, 2, 15)
    taken_back = PostResponse(NOON + timedelta(hours=2))
    found = counts_of("act_1", posted_with(taken_back, read))
    names = {
        CounterName.COUNTED,
        CounterName.VIEWS,
        CounterName.LIKES,
        CounterName.COMMENTS,
        CounterName.COUNTED_POINTS,
    }
    assert not {name for _, name in found} & names
    assert Tally().points_per_thousand_views is None


def merged(facts: list[Progress]) -> Progress:
    whole = Progress()
    for each in facts:
        whole = whole.merged(each)
    return whole


@given(lives(), st.randoms(use_true_random=False))
def test_events_replayed_reordered_and_doubled_give_the_same_progress_and_counts(
    facts: list[Progress], dice: random.Random
) -> None:
    mixed = facts + dice.choices(facts, k=len(facts)) if facts else []
    dice.shuffle(mixed)
    assert merged(mixed) == merged(facts)
    added: Counter[tuple[CounterKey, str]] = Counter()
    so_far = Progress()
    for each in mixed:
        after = so_far.merged(each)
        for key, number in changed_counts(
            counts_of("act_1", so_far), counts_of("act_1", after)
        ).items():
            added[key] += number
        so_far = after
    right = counts_of("act_1", merged(facts))
    assert {key: number for key, number in added.items() if number} == dict(right)


@given(lives(sends=9), st.randoms(use_true_random=False))
def test_attempts_that_are_left_out_are_missing_in_no_count_whatever_the_order(
    facts: list[Progress], dice: random.Random
) -> None:
    right = merged(facts)
    mixed = facts + dice.choices(facts, k=len(facts)) if facts else []
    dice.shuffle(mixed)
    with patch.object(model, "MAX_SENDS", 2):
        bounded = merged(mixed)
        assert bounded == merged(facts)
        assert bounded.merged(bounded) == bounded
    assert counts_of("act_1", bounded) == counts_of("act_1", right)
    assert stage_of(bounded) is stage_of(right)
    assert len(bounded.attempts) <= 2 + 4


@given(lives())
def test_each_step_of_the_funnel_is_no_larger_than_the_one_before(facts: list[Progress]) -> None:
    tally = Tally.of(
        Counter({name: number})
        for (place, name), number in counts_of("act_1", merged(facts)).items()
        if place.scope is Scope.PROGRAM
    )
    seen, sent, staged, posted = (
        tally.number(each)
        for each in (CounterName.SEEN, CounterName.SENT, CounterName.STAGED, CounterName.POSTED)
    )
    assert seen >= sent >= staged >= posted
    lost = sum(number for _, number in tally.lost)
    assert sent == staged + lost + tally.number(CounterName.UNCONFIRMED) + tally.under_way


@given(lives())
def test_a_cut_counts_what_its_members_did_and_no_other_does(facts: list[Progress]) -> None:
    progress = merged(facts)
    counted = counts_of("act_1", progress)
    tally = Tally.of(
        Counter({name: number})
        for (place, name), number in counted.items()
        if place.scope is Scope.ACTIVITY
    )
    for upload_id in ("upl_1", "upl_2"):
        of_cut = tally.of_cut(upload_id)
        mine = progress.cut == upload_id
        assert (of_cut.sent, of_cut.staged, of_cut.posted) == tuple(
            tally.number(name) if mine else 0
            for name in (CounterName.SENT, CounterName.STAGED, CounterName.POSTED)
        )
        assert of_cut.failed == (sum(number for _, number in tally.lost) if mine else 0)
    elsewhere = {place.scope for place, name in counted if name.startswith("cut:")}
    assert elsewhere <= {Scope.ACTIVITY}


def test_a_failed_send_that_is_made_again_is_lost_no_more() -> None:
    failed = Attempt("prf_1", NOON, failed_at=NOON, failure="inbox_full")
    again = Attempt("prf_2", NOON + timedelta(hours=1), staged_at=NOON + timedelta(hours=2))
    first = Progress(attempts={"prf_1": failed})
    assert Tally(_of_program(first)).lost == (("inbox_full", 1),)
    both = first.merged(Progress(attempts={"prf_2": again}))
    assert Tally(_of_program(both)).lost == ()
    assert _of_program(both)[CounterName.SENT] == 1
    assert stage_of(both).value == "staged"


def _of_program(progress: Progress) -> Counter[str]:
    found: Counter[str] = Counter()
    for (place, name), number in counts_of("act_1", progress).items():
        if place.scope is Scope.PROGRAM:
            found[name] += number
    return found


def test_a_day_is_one_of_the_programs_calendar() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    progress = Progress(zone="Europe/Berlin", attempts={"prf_1": Attempt("prf_1", late)})
    assert {place.day for place, _ in counts_of("act_1", progress) if place.day} == {
        date(2026, 11, 21)
    }


def test_facts_count_for_the_campaign_and_channels_of_the_first_of_them() -> None:
    seen = Progress(impression=Impression(NOON, Attribution("cmp_1", ("chn_1",))))
    sent = Progress(
        attempts={
            "prf_1": Attempt("prf_1", NOON + timedelta(hours=1), Attribution("cmp_2", ("chn_2",)))
        }
    )
    counts = counts_of("act_1", sent.merged(seen))
    assert {place.thing_id for place, _ in counts if place.scope is Scope.CAMPAIGN} == {"cmp_1"}
    assert {name for place, name in counts if place.scope is Scope.CHANNELS} == {
        "chn_1:seen",
        "chn_1:sent",
    }


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0, 0),
        (TIME_BUCKETS[0], 0),
        (TIME_BUCKETS[0] + 1, 1),
        (TIME_BUCKETS[-1], 5),
        (TIME_BUCKETS[-1] + 1, 6),
    ],
)
def test_a_time_is_counted_in_the_class_whose_bound_it_does_not_pass(
    seconds: int, bucket: int
) -> None:
    assert bucket_of(seconds) == bucket


# Active members


DAYS = st.integers(0, 900).map(lambda number: date(2025, 1, 1) + timedelta(days=number))


@given(st.lists(st.sets(DAYS, max_size=12), max_size=8), DAYS, st.integers(1, MAX_DAYS))
def test_active_members_of_any_period_are_exactly_those_who_sent_within_it(
    members: list[set[date]], first: date, length: int
) -> None:
    counters: dict[date, Counter[str]] = {}
    for days in members:
        for (place, name), number in activity_gaps(days).items():
            assert place.day
            counters.setdefault(place.day, Counter())[name] += number
    last = first + timedelta(days=length - 1)
    right = sum(any(first <= day <= last for day in days) for days in members)
    assert active_members(counters, first, last) == right


# Periods


TODAY = date(2026, 11, 29)


def test_without_days_a_period_is_the_last_thirty() -> None:
    assert span_between(None, None, TODAY) == DateRange(date(2026, 10, 31), TODAY)
    assert span_between(None, None, TODAY).before == DateRange(
        date(2026, 10, 1), date(2026, 10, 30)
    )


@pytest.mark.parametrize(
    ("first", "last", "field", "code"),
    [
        (TODAY, TODAY - timedelta(days=1), "to", "before_from"),
        (TODAY - timedelta(days=MAX_DAYS), TODAY, "from", "too_long"),
        (date.min, None, "from", "out_of_range"),
        (None, date.max, "to", "out_of_range"),
        (date.min, date.max, "from", "out_of_range"),
    ],
)
def test_a_period_reversed_or_huge_is_refused_with_its_field(
    first: date | None, last: date | None, field: str, code: str
) -> None:
    with pytest.raises(InvalidSpan) as raised:
        span_between(first, last, TODAY)
    assert (raised.value.field, raised.value.code) == (field, code)


@given(st.dates() | st.none(), st.dates() | st.none())
def test_any_two_days_are_a_period_of_a_year_at_most_or_refused(
    first: date | None, last: date | None
) -> None:
    try:
        span = span_between(first, last, TODAY)
    except InvalidSpan:
        return
    assert 1 <= span.days <= MAX_DAYS
    assert span.last <= LAST_DAY
    assert span.before.days == span.days


# Audience


def test_an_audience_of_several_channels_is_a_bound_and_says_so() -> None:
    counted = {"all": 10, "chn_1": 4, "chn_2": 8}
    assert audience_of(counted, ()).members == 10
    one, several = audience_of(counted, {"chn_1"}), audience_of(counted, {"chn_1", "chn_2"})
    assert (one.members, one.exact) == (4, True)
    assert (several.members, several.exact) == (10, False)
    assert audience_of({}, {"chn_9"}).members == 0


# Worklist


def test_videos_are_on_the_worklist_after_a_day_for_a_week_and_failures_for_two() -> None:
    def codes(days: int) -> list[str]:
        day = (TODAY - timedelta(days=days)).isoformat()
        numbers = {f"waiting:{day}": 2, f"failed:{day}:spam_risk": 1, "expires_at": 1}
        return [each.code for each in activity_worklist_items("act_1", "Share", numbers, TODAY)]

    assert codes(0) == codes(1) == ["sends_failed"]
    assert codes(2) == codes(WAITING_DAYS) == ["sends_failed", "not_posted"]
    assert codes(WAITING_DAYS + 1) == ["sends_failed"]
    assert codes(FAILED_DAYS) == []


def test_a_repaired_failure_leaves_the_worklist() -> None:
    day = (TODAY - timedelta(days=3)).isoformat()
    numbers = {f"waiting:{day}": 0, f"failed:{day}:spam_risk": -1}
    assert list(activity_worklist_items("act_1", "Share", numbers, TODAY)) == []


# Cells


@pytest.mark.parametrize("sign", FORMULA_STARTS)
@pytest.mark.parametrize(
    "before", ["", " ", "\u00a0 ", "\ufeff", "\u3000", "\u2060\u200e", "\x0b", '\u2028"', "\u00ad"]
)
def test_a_cell_that_begins_a_formula_is_text(sign: str, before: str) -> None:
    assert escape_formula(f"{before}{sign}cmd|' /C calc'!A0") == f"'{before}{sign}cmd|' /C calc'!A0"


@given(st.text(max_size=30))
def test_no_text_begins_a_formula_and_all_of_it_is_kept(text: str) -> None:
    cell = escape_formula(text)
    assert isinstance(cell, str)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.replace("'", "") == text.replace("\0", "").replace("'", "")


@pytest.mark.parametrize(
    "text",
    [
        "Zoë;=1+1",
        "Zoë; =1+1",
        'Zoë;"=1+1;"',
        "Zoë\t=1+1",
        "Zoë\n=1+1",
        "Zoë\r\n\t@SUM(A1)",
        ";;+1",
        "a;\uff1d1+1",
        "a;-b;-c",
        "a;'=1",
        "a;\ufeff=1",
        "a;\u2060=1",
    ],
)
def test_a_sign_behind_what_ends_a_cell_elsewhere_begins_no_formula(text: str) -> None:
    cells = re.split(r"[;\t\r\n]", written(("Ana", text, text)))
    assert len(cells) > 3
    begins = r"""[\s"\ufeff\u2060]*[=+\-@\uff1d]"""
    assert not [each for each in cells if re.match(begins, each)]


@given(
    st.lists(
        st.text(st.sampled_from("=+-@;,\t\r\n\"' \u200b\u3000\ufeff\uff1dA1"), max_size=12),
        min_size=1,
        max_size=4,
    )
)
def test_however_a_spreadsheet_takes_a_file_apart_no_cell_begins_a_formula(
    cells: list[str],
) -> None:
    text = written(cells)
    for delimiter in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            for cell in row:
                assert not re.match(r"[\s\u200b\ufeff]*[=+\-@\uff1d]", cell), (delimiter, cell)
    for cell in re.split(r"[;\t\r\n]", text):
        assert not re.match(r"""[\s"\u200b\ufeff]*[=+\-@\uff1d]""", cell)


def written(row: Sequence[str]) -> str:
    """Write one row as a file, without the mark that it begins with."""
    file = io.StringIO(newline="")
    assert write_csv(file, ["member"], [row]) == 1
    return file.getvalue().removeprefix("\ufeff").removeprefix('"member"\r\n')


def test_numbers_days_and_nothing_stay_what_they_are() -> None:
    assert escape_formula(-3) == -3
    assert escape_formula(None) == ""
    assert escape_formula(TODAY) == "2026-11-29"
