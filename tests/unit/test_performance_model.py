"""A performance's states: what people see of them, and when each is looked at again."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.performances.model import (
    BEFORE_POSTED,
    BEFORE_STAGED,
    COUNTS_READ_FOR,
    FINISHED,
    FIRST_HELD_RECHECK,
    LEASE_DURATION,
    LONGEST_HELD_RECHECK,
    NEXT_STATES,
    POST_WATCH_DURATION,
    QUEUED_GRACE,
    RESUME_MARGIN,
    STATUS_BY_STATE,
    UPLOAD_LIFETIME,
    Performance,
    Reference,
    State,
    Status,
    Waiting,
    delivered,
    failed,
    held,
    initiated,
    next_check,
    next_count,
    posted,
    restarted,
    staged,
    unconfirmed,
    uploading,
    with_attempt,
)
from chalicelib.performances.queue import from_message, to_message
from chalicelib.tiktok.model import InboxPlace
from tests.clock import NOON

HOUR = timedelta(hours=1)


@given(
    age=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)),
)
def test_views_are_read_ever_more_seldom_and_a_last_time_at_thirty_days(age: timedelta) -> None:
    now = NOON + age
    following = next_count(NOON, now)
    if age >= COUNTS_READ_FOR:
        assert following is None
        return
    assert following is not None
    assert now < following <= NOON + COUNTS_READ_FOR
    wait, last = following - now, following == NOON + COUNTS_READ_FOR
    assert wait in {HOUR, timedelta(days=1), timedelta(days=3)} or last
    further = next_count(NOON, following)
    assert further is None or further - following >= wait or further == NOON + COUNTS_READ_FOR


@given(late=st.timedeltas(min_value=timedelta(0), max_value=HOUR))
def test_a_post_is_read_at_most_forty_times_however_late_each_reading_is(late: timedelta) -> None:
    at, number = next_count(NOON, NOON), 0
    while at is not None:
        number += 1
        at = next_count(NOON, at + late)
    assert number <= 40


def performance(state: State, **times: object) -> Performance:
    return Performance(
        program_id="prg_1",
        member_id="mem_1",
        performance_id="prf_1",
        activity_id="act_1",
        instructions="Share this",
        video_key="videos/prg_1/upl_1/etag",
        content_type="video/mp4",
        size_bytes=10,
        points=5,
        state=state,
        correlation_id="correlation-1",
        queued_at=NOON,
        **times,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.QUEUED, "queued"),
        (State.INITIATED, "sending"),
        (State.UPLOADING, "sending"),
        (State.DELIVERED, "sending"),
        (State.UNCONFIRMED, "unconfirmed"),
        (State.STAGED, "staged"),
        (State.POSTED, "posted"),
        (State.FAILED, "failed"),
    ],
)
def test_people_see_six_states_of_the_eight(state: State, status: str) -> None:
    assert performance(state).status == status


def test_every_state_has_a_status_and_every_status_tells_what_to_do() -> None:
    assert set(STATUS_BY_STATE) == set(State)
    assert set(STATUS_BY_STATE.values()) == set(Status)
    assert all(performance(state).next_step for state in State)
    assert "inbox" in performance(State.STAGED).next_step
    # It may have failed because its activity ended while it waited for its account.
    assert "as long as it is open" in performance(State.FAILED).next_step


def test_the_diagram_in_the_docs_is_the_table_in_the_model() -> None:
    text = (Path(__file__).parents[2] / "docs" / "staging.md").read_text()
    drawn = set(re.findall(r"^ +(\w+) --> (\w+)", text, flags=re.MULTILINE))
    assert drawn == {
        (before, after) for before, following in NEXT_STATES.items() for after in following
    }


@pytest.mark.parametrize("state", State)
def test_no_state_follows_another_but_by_the_table(state: State) -> None:
    move: dict[State, Callable[[Performance], Performance]] = {
        State.QUEUED: lambda it: restarted(it, NOON),
        State.INITIATED: lambda it: initiated(it, "p_1", b"", NOON),
        State.UPLOADING: lambda it: uploading(it, NOON),
        State.DELIVERED: lambda it: delivered(it, NOON),
        State.UNCONFIRMED: lambda it: unconfirmed(it, NOON),
        State.STAGED: lambda it: staged(it, NOON),
        State.POSTED: lambda it: posted(it, NOON),
        State.FAILED: lambda it: failed(it, "why", "Because.", NOON),
    }
    for after in State:
        if after is state or after in NEXT_STATES[state]:
            assert move[after](performance(state)).state is after
        else:
            with pytest.raises(ValueError, match=f"{after} does not follow {state}"):
                move[after](performance(state))


def test_a_change_of_state_ends_the_wait_and_forgets_an_address_that_takes_no_more_bytes() -> None:
    before = performance(
        State.UPLOADING, upload_address=b"sealed", waits_for=Waiting.NEW_DRAFT, waits_until=NOON
    )
    after = delivered(before, NOON)
    assert (after.waits_for, after.waits_until, after.upload_address) == (None, None, None)
    assert uploading(before, NOON).upload_address == b"sealed"
    assert after.look_at == next_check(after, NOON)


@pytest.mark.parametrize("state", sorted(set(State)))
def test_a_performance_shows_what_it_waits_for_until_it_is_staged(state: State) -> None:
    waiting = performance(state).waiting
    assert (waiting is not None) is (state in BEFORE_STAGED)
    assert waiting is None or waiting.words.endswith(".")
    shown = performance(state, look_at=NOON, waits_until=NOON + HOUR).next_look_at
    assert shown == (NOON + HOUR if state in BEFORE_STAGED else None)
    assert performance(state, look_at=NOON).next_look_at == (NOON if waiting else None)


def test_the_next_step_depends_on_the_state_and_the_wait() -> None:
    def told(state: State, **more: object) -> str:
        return performance(state, **more).next_step

    waits = {"waits_for": Waiting.ACCOUNT}
    assert told(State.QUEUED, **waits).startswith("Add your TikTok account again: TikTok no longer")
    for state in (State.UPLOADING, State.DELIVERED, State.UNCONFIRMED):
        assert "ask whether your video arrived" in told(state, **waits)
    assert told(State.QUEUED).startswith("Nothing to do")
    assert told(State.UNCONFIRMED).startswith("Probably in your inbox")
    assert told(State.FAILED, trial=True).endswith("try the activity again.")
    assert "back in your feed" in told(State.FAILED)
    assert told(State.STAGED, trial=True) == told(State.STAGED)


@pytest.mark.parametrize(
    ("begun", "address", "resumes"),
    [
        (NOON, b"sealed", True),
        (NOON, None, False),
        (None, b"sealed", False),
        (NOON - UPLOAD_LIFETIME + RESUME_MARGIN + timedelta(seconds=1), b"sealed", True),
        (NOON - UPLOAD_LIFETIME + RESUME_MARGIN, b"sealed", False),
    ],
)
def test_a_draft_is_taken_up_while_its_address_lives_long_enough(
    begun: datetime | None, address: bytes | None, resumes: bool
) -> None:
    draft = performance(State.UPLOADING, initiated_at=begun, upload_address=address)
    assert draft.can_resume_at(NOON) is resumes


def test_a_held_performance_keeps_the_instant_it_was_first_held() -> None:
    first = held(performance(State.INITIATED, upload_address=b"sealed"), NOON)
    assert (first.state, first.held_at, first.upload_address) == (State.QUEUED, NOON, None)
    assert first.waits_for is Waiting.ACCOUNT
    assert first.waits_until == first.look_at == NOON + FIRST_HELD_RECHECK
    assert held(first, NOON + HOUR).held_at == NOON


def test_an_attempt_is_counted_on_its_account_and_ends_holding() -> None:
    first = with_attempt(performance(State.QUEUED), "open-ana", NOON)
    assert (first.attempts, first.open_id, first.resumed_at) == (1, "open-ana", None)
    again = with_attempt(held(first, NOON), "open-bob", NOON + HOUR)
    assert (again.attempts, again.open_id, again.held_at) == (2, "open-bob", None)
    assert again.resumed_at == again.staging_since == NOON + HOUR
    assert with_attempt(again, "open-bob", NOON + 2 * HOUR).resumed_at == NOON + HOUR
    assert again.place == InboxPlace("prf_1", NOON + HOUR)
    assert again.places == {InboxPlace("prf_1", NOON), InboxPlace("prf_1", NOON + HOUR)}
    assert first.places == {InboxPlace("prf_1", NOON)}


@pytest.mark.parametrize("state", [State.STAGED, State.UNCONFIRMED])
def test_an_unconfirmed_performance_waits_for_its_next_check(state: State) -> None:
    move = staged if state is State.STAGED else unconfirmed
    rests = move(performance(State.DELIVERED), NOON)
    assert rests.waits_until == rests.look_at == NOON + timedelta(minutes=1)


def test_states_are_before_the_inbox_in_it_or_finished() -> None:
    assert BEFORE_STAGED | {State.STAGED} | FINISHED == set(State)
    assert not BEFORE_POSTED & FINISHED
    assert {State.STAGED} == BEFORE_POSTED - BEFORE_STAGED


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (State.QUEUED, QUEUED_GRACE),
        (State.INITIATED, LEASE_DURATION),
        (State.UPLOADING, LEASE_DURATION),
        (State.DELIVERED, timedelta(seconds=30)),
        (State.POSTED, None),
        (State.FAILED, None),
    ],
)
def test_a_performance_that_is_not_final_is_checked_again(
    state: State, after: timedelta | None
) -> None:
    expected = NOON + after if after else None
    assert next_check(performance(state, staged_at=NOON, unconfirmed_at=NOON), NOON) == expected


@pytest.mark.parametrize(
    ("waited", "after"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(minutes=10), timedelta(minutes=1)),
        (HOUR, timedelta(minutes=6)),
        (timedelta(days=1), timedelta(hours=2, minutes=24)),
        (POST_WATCH_DURATION, None),
        (2 * POST_WATCH_DURATION, None),
    ],
)
def test_a_staged_performance_is_checked_ever_more_seldom_and_then_never(
    waited: timedelta, after: timedelta | None
) -> None:
    now = NOON + waited
    expected = now + after if after else None
    assert next_check(performance(State.STAGED, staged_at=NOON), now) == expected
    assert next_check(performance(State.UNCONFIRMED, unconfirmed_at=NOON), now) == expected


@pytest.mark.parametrize(
    ("waited", "after"),
    [
        (timedelta(0), FIRST_HELD_RECHECK),
        (timedelta(hours=2), FIRST_HELD_RECHECK),
        (timedelta(hours=5), timedelta(minutes=30)),
        (timedelta(days=29), LONGEST_HELD_RECHECK),
    ],
)
def test_a_held_performance_is_checked_ever_more_seldom_but_always(
    waited: timedelta, after: timedelta
) -> None:
    now = NOON + waited
    assert next_check(performance(State.QUEUED, held_at=NOON), now) == now + after


@given(st.sampled_from(sorted(State)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_the_next_look_is_never_in_the_past(state: State, waited: timedelta) -> None:
    look_at = next_check(performance(state, staged_at=NOON), NOON + waited)
    assert look_at is None or look_at > NOON + waited
    assert look_at is None or state not in FINISHED


def test_the_arrival_is_not_after_its_observation() -> None:
    seen = staged(performance(State.UPLOADING), NOON)
    assert (seen.state, seen.delivered_at, seen.staged_at) == (State.STAGED, NOON, NOON)
    later = staged(performance(State.DELIVERED, delivered_at=NOON), NOON + HOUR)
    assert (later.delivered_at, later.staged_at) == (NOON, NOON + HOUR)


def test_a_posted_performance_has_a_staging_time_not_after_its_observation() -> None:
    seen = posted(performance(State.DELIVERED, delivered_at=NOON), NOON + HOUR)
    assert (seen.state, seen.delivered_at) == (State.POSTED, NOON)
    assert seen.staged_at == seen.posted_at == NOON + HOUR
    later = posted(staged(performance(State.QUEUED), NOON), NOON + HOUR)
    assert (later.staged_at, later.posted_at) == (NOON, NOON + HOUR)


@given(st.builds(Reference, *[st.text(max_size=64)] * 4))
def test_a_message_names_what_it_named(reference: Reference) -> None:
    assert from_message(to_message(reference)) == reference


def test_a_message_that_names_no_performance_is_an_error() -> None:
    with pytest.raises(KeyError):
        from_message('{"program_id": "prg_1"}')
