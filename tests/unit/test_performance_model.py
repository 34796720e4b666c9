"""A performance's states: what people see of them, and when each is looked at again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.performances.model import (
    BEFORE_POSTED,
    BEFORE_STAGED,
    FINISHED,
    HELD_LOOK,
    HELD_LOOK_MOST,
    LEASE,
    POSTED_LIMIT,
    QUEUED_GRACE,
    STATUS,
    Performance,
    Reference,
    State,
    Status,
    next_look,
    posted,
    staged,
)
from chalicelib.performances.queue import from_message, to_message
from tests.clock import NOON

HOUR = timedelta(hours=1)


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
        (State.UNCONFIRMED, "sending"),
        (State.DELIVERED, "sending"),
        (State.STAGED, "staged"),
        (State.POSTED, "posted"),
        (State.FAILED, "failed"),
    ],
)
def test_people_see_five_states_of_the_seven(state: State, status: str) -> None:
    assert performance(state).status == status


def test_every_state_has_a_status_and_every_status_tells_what_to_do() -> None:
    assert set(STATUS) == set(State)
    assert set(STATUS.values()) == set(Status)
    assert all(performance(state).next_step for state in State)
    assert "inbox" in performance(State.STAGED).next_step
    # It may have failed because its activity ended while it waited for its account.
    assert "as long as it is open" in performance(State.FAILED).next_step


def test_states_are_before_the_inbox_in_it_or_finished() -> None:
    assert BEFORE_STAGED | {State.STAGED} | FINISHED == set(State)
    assert not BEFORE_POSTED & FINISHED
    assert {State.STAGED} == BEFORE_POSTED - BEFORE_STAGED


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (State.QUEUED, QUEUED_GRACE),
        (State.INITIATED, LEASE),
        (State.UNCONFIRMED, LEASE),
        (State.DELIVERED, timedelta(seconds=30)),
        (State.POSTED, None),
        (State.FAILED, None),
    ],
)
def test_what_is_not_at_its_end_is_looked_at_again(state: State, after: timedelta | None) -> None:
    expected = NOON + after if after else None
    assert next_look(performance(state, staged_at=NOON), NOON) == expected


@pytest.mark.parametrize(
    ("waited", "after"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(minutes=10), timedelta(minutes=1)),
        (HOUR, timedelta(minutes=6)),
        (timedelta(days=1), timedelta(hours=2, minutes=24)),
        (POSTED_LIMIT, None),
        (2 * POSTED_LIMIT, None),
    ],
)
def test_what_is_staged_is_looked_at_ever_more_seldom_and_then_never(
    waited: timedelta, after: timedelta | None
) -> None:
    now = NOON + waited
    expected = now + after if after else None
    assert next_look(performance(State.STAGED, staged_at=NOON), now) == expected


@pytest.mark.parametrize(
    ("waited", "after"),
    [
        (timedelta(0), HELD_LOOK),
        (timedelta(hours=2), HELD_LOOK),
        (timedelta(hours=5), timedelta(minutes=30)),
        (timedelta(days=29), HELD_LOOK_MOST),
    ],
)
def test_what_waits_for_its_account_is_looked_at_ever_more_seldom_but_always(
    waited: timedelta, after: timedelta
) -> None:
    now = NOON + waited
    assert next_look(performance(State.QUEUED, held_at=NOON), now) == now + after


@given(st.sampled_from(sorted(State)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_the_next_look_is_never_in_the_past(state: State, waited: timedelta) -> None:
    look_at = next_look(performance(state, staged_at=NOON), NOON + waited)
    assert look_at is None or look_at > NOON + waited
    assert look_at is None or state not in FINISHED


def test_what_is_in_the_inbox_arrived_when_that_was_seen_or_before() -> None:
    seen = staged(performance(State.UNCONFIRMED), NOON)
    assert (seen.state, seen.delivered_at, seen.staged_at) == (State.STAGED, NOON, NOON)
    later = staged(performance(State.DELIVERED, delivered_at=NOON), NOON + HOUR)
    assert (later.delivered_at, later.staged_at) == (NOON, NOON + HOUR)


def test_what_is_posted_was_staged_when_that_was_seen_or_before() -> None:
    seen = posted(performance(State.DELIVERED, delivered_at=NOON), NOON + HOUR)
    assert (seen.state, seen.delivered_at) == (State.POSTED, NOON)
    assert seen.staged_at == seen.posted_at == NOON + HOUR
    later = posted(staged(performance(State.QUEUED), NOON), NOON + HOUR)
    assert (later.staged_at, later.posted_at) == (NOON, NOON + HOUR)


@given(st.builds(Reference, *[st.text(max_size=64)] * 4))
def test_a_message_names_what_it_named(reference: Reference) -> None:
    assert from_message(to_message(reference)) == reference


def test_a_change_of_the_table_names_the_same_as_a_message() -> None:
    image = {
        "owner": "prg_1/mem_1",
        "program_id": "prg_1",
        "member_id": "mem_1",
        "performance_id": "prf_1",
        "correlation_id": "correlation-1",
        "state": "queued",
        "points": 5,
    }
    assert from_message(image) == Reference("prg_1", "mem_1", "prf_1", "correlation-1")


def test_a_message_that_names_no_performance_is_an_error() -> None:
    with pytest.raises(KeyError):
        from_message('{"program_id": "prg_1"}')
