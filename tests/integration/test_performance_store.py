"""The performances table: what is written holds only for the worker and the draft it is about."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.foundation.table import Conflict
from chalicelib.performances.model import (
    BEFORE_STAGED,
    LEASE_DURATION,
    QUEUED_GRACE,
    Performance,
    State,
    Waiting,
    delivered,
    initiated,
    posted,
    restarted,
    staged,
    uploading,
    with_attempt,
    with_wait,
)
from chalicelib.performances.store import MAX_CLOCK_DIFFERENCE, PerformanceStore, WaitNotEnded
from tests.clock import NOON
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(greenroom: Greenroom) -> PerformanceStore:
    return greenroom.container.staging_dependencies.store


@pytest.fixture
def made(greenroom: Greenroom) -> Performance:
    greenroom.connect_account(greenroom.manager, "ana")
    return greenroom.perform(greenroom.manager, greenroom.activity())


def stored(store: PerformanceStore, performance: Performance) -> Performance:
    found = store.get(performance.owner, performance.performance_id)
    assert found is not None
    return found


def write(
    store: PerformanceStore, before: Performance, after: Performance, lease: str | None = None
) -> Performance:
    database().commit([store.change(before, after, lease)])
    assert stored(store, before) == after
    return after


def at_tiktok(store: PerformanceStore, performance: Performance, draft: str) -> Performance:
    """Store that bytes go out to a draft."""
    begun = write(store, performance, initiated(performance, draft, b"sealed", NOON))
    return write(store, begun, uploading(begun, NOON))


# Leases


def test_one_worker_at_a_time_has_a_performance_until_its_lease_ends(
    store: PerformanceStore, made: Performance
) -> None:
    assert store.lease(made.reference, "one", NOON, NOON + LEASE_DURATION) == made
    assert (
        store.lease(made.reference, "two", NOON + LEASE_DURATION, NOON + 2 * LEASE_DURATION) is None
    )
    later = NOON + LEASE_DURATION + SECOND
    assert store.lease(made.reference, "two", later, later + LEASE_DURATION) == made
    assert store.release_lease(made.reference, "one") is None
    assert store.lease(made.reference, "three", later, later + LEASE_DURATION) is None
    assert store.release_lease(made.reference, "two") == made
    assert store.lease(made.reference, "three", later, later + LEASE_DURATION) == made


def test_a_missing_performance_is_leased_to_nobody(
    store: PerformanceStore, made: Performance
) -> None:
    unknown = replace(made.reference, performance_id="prf_unknown")
    assert store.lease(unknown, "one", NOON, NOON + LEASE_DURATION) is None
    assert store.get(made.owner, "prf_unknown") is None


def test_a_waiting_performance_is_leased_once_its_time_comes(
    store: PerformanceStore, made: Performance
) -> None:
    until = NOON + timedelta(minutes=10)
    assert store.lease(made.reference, "one", NOON, NOON + LEASE_DURATION)
    assert store.schedule_next_step(made, with_wait(made, Waiting.TIKTOK_BUSY, until, until), "one")
    store.release_lease(made.reference, "one")
    early = until - MAX_CLOCK_DIFFERENCE - SECOND
    assert store.lease(made.reference, "two", early, early + LEASE_DURATION) is None
    assert store.lease(made.reference, "two", until - MAX_CLOCK_DIFFERENCE, until + LEASE_DURATION)


def test_a_worker_whose_lease_another_has_writes_nothing_though_the_state_is_the_same(
    store: PerformanceStore, made: Performance
) -> None:
    sending = at_tiktok(store, made, "p_1")
    assert store.lease(sending.reference, "one", NOON, NOON + LEASE_DURATION)
    later = NOON + LEASE_DURATION + SECOND
    assert store.lease(sending.reference, "two", later, later + LEASE_DURATION) == sending
    whole, waits = delivered(sending, NOON), with_wait(sending, None, NOON, NOON)
    with pytest.raises(Conflict):
        write(store, sending, whole, "one")
    assert not store.schedule_next_step(sending, waits, "one")
    assert stored(store, sending) == sending
    assert store.schedule_next_step(sending, waits, "two")
    write(store, waits, delivered(waits, NOON), "two")


# Drafts


def test_facts_about_an_earlier_draft_are_not_written_even_in_the_same_state(
    store: PerformanceStore, made: Performance
) -> None:
    sending = at_tiktok(store, made, "p_1")
    anew = write(store, sending, restarted(sending, NOON))
    again = at_tiktok(store, anew, "p_2")
    assert again.state is sending.state
    with pytest.raises(Conflict):
        write(store, sending, staged(sending, NOON))
    assert not store.schedule_next_step(sending, with_wait(sending, None, NOON, NOON), "")
    assert not store.note_failure_reason(sending, "internal", NOON)
    assert stored(store, again) == again
    assert store.note_failure_reason(again, "internal", NOON)


def test_facts_from_before_the_first_draft_are_not_written_after_it(
    store: PerformanceStore, made: Performance
) -> None:
    sending = at_tiktok(store, made, "p_1")
    anew = write(store, sending, restarted(sending, NOON))
    assert anew.state is made.state
    with pytest.raises(Conflict):
        write(store, made, with_attempt(made, "open-ana", NOON))


def test_a_state_that_changed_meanwhile_is_not_overwritten(
    store: PerformanceStore, made: Performance
) -> None:
    sending = at_tiktok(store, made, "p_1")
    whole = write(store, sending, delivered(sending, NOON))
    with pytest.raises(Conflict):
        write(store, sending, posted(sending, NOON))
    assert stored(store, made) == whole


def test_a_change_writes_what_changed_and_leaves_the_rest(
    store: PerformanceStore, made: Performance
) -> None:
    sending = at_tiktok(store, made, "p_1")
    assert store.note_failure_reason(sending, "internal", NOON)
    database().commit([store.change(sending, delivered(sending, NOON), None)])
    assert stored(store, made).told_reason == "internal"
    assert stored(store, made).delivered_at == NOON
    assert stored(store, made).upload_address is None


def test_a_change_that_changes_nothing_holds_only_if_its_condition_does(
    store: PerformanceStore, made: Performance
) -> None:
    write(store, made, made)
    at_tiktok(store, made, "p_1")
    with pytest.raises(Conflict):
        write(store, made, made)


# Waits


def test_a_wait_that_was_brought_forward_meanwhile_is_not_written(
    store: PerformanceStore, made: Performance
) -> None:
    assert store.lease(made.reference, "one", NOON, NOON + LEASE_DURATION)
    later = NOON + timedelta(hours=1)
    waits = with_wait(made, Waiting.TIKTOK_DOWN, later, later)
    assert store.bring_forward(made.reference, NOON + SECOND, BEFORE_STAGED)
    assert not store.schedule_next_step(made, waits, "one")
    again = store.release_lease(made.reference, "one")
    assert again is not None
    assert (again.brought_forward_at, again.waits_until) == (NOON + SECOND, None)
    assert store.lease(made.reference, "two", NOON + SECOND, NOON + LEASE_DURATION)
    assert store.schedule_next_step(again, replace(waits, brought_forward_at=NOON + SECOND), "two")
    assert store.bring_forward(made.reference, NOON + 2 * SECOND, BEFORE_STAGED)
    assert not store.schedule_next_step(again, waits, "two")


def test_a_wait_is_ended_where_it_is_one_of_those_that_are_to_end(
    store: PerformanceStore, made: Performance
) -> None:
    until = NOON + timedelta(hours=1)
    assert store.lease(made.reference, "one", NOON, NOON + LEASE_DURATION)
    waits = with_wait(made, Waiting.TIKTOK_DOWN, until, until)
    assert store.schedule_next_step(made, waits, "one")
    assert not store.bring_forward(made.reference, NOON, BEFORE_STAGED, Waiting.ACCOUNT)
    assert not store.bring_forward(made.reference, NOON, [State.STAGED, State.POSTED])
    assert stored(store, made) == waits
    assert store.bring_forward(made.reference, NOON, [State.QUEUED], Waiting.TIKTOK_DOWN)
    ended = stored(store, made)
    assert (ended.waits_until, ended.look_at) == (None, NOON)
    assert ended.brought_forward_at == NOON
    assert [each.performance_id for each in store.unfinished(NOON)] == [made.performance_id]


def test_a_wait_that_cannot_be_ended_just_now_is_told_as_such(
    store: PerformanceStore, made: Performance, calls: Calls
) -> None:
    calls.fail("UpdateItem", {"Error": {"Code": "InternalServerError", "Message": ""}}, times=9)
    with pytest.raises(WaitNotEnded):
        store.bring_forward(made.reference, NOON, BEFORE_STAGED)


# Overdue performances


def test_an_overdue_performance_is_listed_once_due_and_noted_once(
    store: PerformanceStore, made: Performance
) -> None:
    due = NOON + QUEUED_GRACE
    assert list(store.unfinished(due - SECOND)) == []
    assert [each.performance_id for each in store.unfinished(due)] == [made.performance_id]
    assert not store.note_queued(made.reference, due - SECOND, due + LEASE_DURATION)
    assert store.note_queued(made.reference, due, due + LEASE_DURATION)
    assert not store.note_queued(made.reference, due, due + LEASE_DURATION)
    assert list(store.unfinished(due)) == []
    assert stored(store, made).look_at == due + LEASE_DURATION


def test_a_final_performance_is_no_longer_checked(
    store: PerformanceStore, made: Performance
) -> None:
    done = write(store, made, posted(made, NOON))
    assert done.look_at is None
    assert list(store.unfinished(NOON + timedelta(days=400))) == []
    assert not store.note_queued(made.reference, NOON + timedelta(days=1), NOON + LEASE_DURATION)


def test_a_wait_that_is_over_is_forgotten_when_its_performance_is_queued(
    store: PerformanceStore, made: Performance
) -> None:
    assert store.lease(made.reference, "one", NOON, NOON + LEASE_DURATION)
    waits = with_wait(made, Waiting.TIKTOK_DOWN, NOON + SECOND, NOON + 2 * SECOND)
    assert store.schedule_next_step(made, waits, "one")
    assert store.note_queued(made.reference, NOON + 2 * SECOND, NOON + LEASE_DURATION)
    assert stored(store, made).waits_until is None
    assert stored(store, made).waiting is Waiting.TIKTOK_DOWN


# Finding


def test_a_publish_id_leads_to_its_performance_alone(
    store: PerformanceStore, made: Performance
) -> None:
    at_tiktok(store, made, "p_1")
    assert store.by_publish_id("p_1") == (made.owner, made.performance_id)
    assert store.by_publish_id("p_2") is None
