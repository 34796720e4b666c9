"""`Idempotency-Key`: the first answer is replayed, and what broke is made again under its id."""

from datetime import timedelta

import pytest

from chalicelib.foundation.idempotency import LOCK_DURATION, RETENTION, Attempt, Idempotency, Replay
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.settings import Settings
from tests.clock import StoppedClock
from tests.integration.database import database

OWNER, KEY, REQUEST = "prg_1/mem_1", "key-1", b"POST /activities\n{}"
SECOND = timedelta(seconds=1)


@pytest.fixture
def idempotency(settings: Settings, clock: StoppedClock) -> Idempotency:
    return Idempotency(database(), clock)


def begin(
    idempotency: Idempotency, owner: str = OWNER, key: str = KEY, request: bytes = REQUEST
) -> Attempt:
    attempt = idempotency.begin(owner, key, request)
    assert isinstance(attempt, Attempt)
    return attempt


def refusal(idempotency: Idempotency, request: bytes = REQUEST) -> Code:
    with pytest.raises(Problem) as refused:
        idempotency.begin(OWNER, KEY, request)
    return refused.value.code


def test_the_first_answer_is_replayed(idempotency: Idempotency) -> None:
    idempotency.finish(begin(idempotency), 201, '{"activity_id": "act_1"}')
    for _ in range(2):
        assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, '{"activity_id": "act_1"}')


def test_an_answer_is_kept_for_24_hours_and_then_the_key_is_free(
    idempotency: Idempotency, clock: StoppedClock
) -> None:
    first = begin(idempotency)
    idempotency.finish(first, 201, "{}")
    clock.advance(RETENTION)
    assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, "{}")
    clock.advance(SECOND)
    assert begin(idempotency, request=b"another request").made_id != first.made_id


def test_a_key_with_another_request_is_refused_before_and_after_the_answer(
    idempotency: Idempotency,
) -> None:
    attempt = begin(idempotency)
    assert refusal(idempotency, b"POST /uploads\n{}") is ProblemCode.IDEMPOTENCY_KEY_REUSED
    idempotency.finish(attempt, 201, "{}")
    assert refusal(idempotency, b"POST /uploads\n{}") is ProblemCode.IDEMPOTENCY_KEY_REUSED
    assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, "{}")


@pytest.mark.parametrize(
    ("owner", "key"), [("prg_1/mem_2", KEY), ("prg_2/mem_1", KEY), (OWNER, "key-2")]
)
def test_keys_of_other_members_and_other_keys_are_their_own(
    idempotency: Idempotency, owner: str, key: str
) -> None:
    first = begin(idempotency)
    idempotency.finish(first, 201, "mine")
    assert begin(idempotency, owner, key, b"another").made_id != first.made_id


def test_while_the_first_is_being_handled_the_second_is_told_so(
    idempotency: Idempotency, clock: StoppedClock
) -> None:
    attempt = begin(idempotency)
    assert refusal(idempotency) is ProblemCode.REQUEST_IN_PROGRESS
    clock.advance(LOCK_DURATION)
    assert refusal(idempotency) is ProblemCode.REQUEST_IN_PROGRESS
    idempotency.finish(attempt, 201, "{}")
    assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, "{}")


def test_an_attempt_left_by_a_crash_is_taken_over_once_under_the_same_id(
    idempotency: Idempotency, clock: StoppedClock
) -> None:
    crashed = begin(idempotency)
    clock.advance(LOCK_DURATION + SECOND)
    assert begin(idempotency).made_id == crashed.made_id
    # The one who took over has the lock now, for as long as the first one had it.
    assert refusal(idempotency) is ProblemCode.REQUEST_IN_PROGRESS
    clock.advance(LOCK_DURATION + SECOND)
    again = begin(idempotency)
    assert again.made_id == crashed.made_id
    idempotency.finish(again, 201, "made")
    assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, "made")


@pytest.mark.parametrize("late", ["finish", "release", "refuse"])
def test_a_slow_first_one_changes_nothing_once_another_has_taken_over(
    idempotency: Idempotency, clock: StoppedClock, late: str
) -> None:
    slow = begin(idempotency)
    clock.advance(LOCK_DURATION + SECOND)
    faster = begin(idempotency)
    assert (slow.first, faster.first) == (True, False)
    if late == "finish":
        idempotency.finish(slow, 201, "slow")
    else:
        getattr(idempotency, late)(slow)
    assert refusal(idempotency) is ProblemCode.REQUEST_IN_PROGRESS
    idempotency.finish(faster, 201, "made")
    assert idempotency.begin(OWNER, KEY, REQUEST) == Replay(201, "made")


def test_a_released_key_may_be_tried_again_at_once_under_the_same_id(
    idempotency: Idempotency,
) -> None:
    broken = begin(idempotency)
    idempotency.release(broken)
    assert refusal(idempotency, b"another request") is ProblemCode.IDEMPOTENCY_KEY_REUSED
    assert begin(idempotency).made_id == broken.made_id


def test_a_key_refused_at_its_first_attempt_is_as_good_as_new_even_for_another_request(
    idempotency: Idempotency,
) -> None:
    refused = begin(idempotency)
    idempotency.refuse(refused)
    again = begin(idempotency, request=b"corrected")
    assert again.first
    assert again.made_id != refused.made_id


def test_a_key_refused_after_a_break_keeps_its_id_for_something_may_be_made(
    idempotency: Idempotency,
) -> None:
    broken = begin(idempotency)
    idempotency.release(broken)
    second = begin(idempotency)
    idempotency.refuse(second)
    assert refusal(idempotency, b"corrected") is ProblemCode.IDEMPOTENCY_KEY_REUSED
    third = begin(idempotency)
    assert (third.made_id, third.first) == (broken.made_id, False)


def test_neither_keys_nor_requests_are_kept_in_the_clear(
    idempotency: Idempotency, settings: Settings, dynamodb: object
) -> None:
    begin(idempotency, key="secret-key", request=b"secret-request")
    kept = str(dynamodb.scan(TableName=settings.idempotency_table)["Items"])  # type: ignore[attr-defined]
    assert "made_id" in kept
    assert "secret" not in kept
