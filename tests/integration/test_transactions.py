"""Transactions in parts: all or none, each part with its own meaning, conflicts tried again."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest
from botocore.session import Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import DeleteError, TransactGetError, TransactWriteError, UpdateError
from pynamodb.models import Model
from tenacity import wait_none

from chalicelib.foundation import table
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import (
    CONFLICT_ATTEMPTS,
    Check,
    Conflict,
    Delete,
    Part,
    Put,
    Read,
    Update,
    bind,
    changed,
    commit,
    read_together,
    removed,
)
from tests.integration.conftest import Calls

AT_ONCE = wait_none()


class Note(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    text = UnicodeAttribute(null=True)


class Remark(Note):
    """Another model of the same table."""

    class Meta:
        table_name = ""


class CheckBroken(Exception):
    pass


class PutBroken(Exception):
    pass


class UpdateBroken(Exception):
    pass


class DeleteBroken(Exception):
    pass


@pytest.fixture(autouse=True)
def _notes(settings: Settings) -> None:
    bind(Note, settings.programs_table)
    for item in ("checked", "updated", "deleted"):
        Note("p", item, text="before").save()


def notes() -> dict[str, str]:
    return {note.item: note.text for note in Note.query("p")}


BEFORE = {"checked": "before", "updated": "before", "deleted": "before"}
AFTER = {"checked": "before", "updated": "after", "put": "after"}


def check(expected: str = "before") -> Check:
    return Check(Note, ("p", "checked"), Note.text == expected, CheckBroken)


def put(expected: str = "") -> Put:
    there = Note.item.exists() if expected else Note.item.does_not_exist()
    return Put(Note("p", "put", text="after"), there, PutBroken)


def update(expected: str = "before") -> Update:
    return Update(
        Note("p", "updated"), [Note.text.set("after")], Note.text == expected, UpdateBroken
    )


def delete(expected: str = "before") -> Delete:
    return Delete(Note("p", "deleted"), Note.text == expected, DeleteBroken)


def cancelled(*codes: str) -> dict[str, Any]:
    return {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": code, "Message": code} for code in codes],
    }


CONFLICT = cancelled("None", "TransactionConflict", "None")
UNDER_WAY = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}


def attempts(calls: Calls) -> int:
    return calls.names.count("TransactWriteItems")


def test_all_parts_are_written() -> None:
    commit([update(), delete(), check(), put()])
    assert notes() == AFTER


@pytest.mark.parametrize(
    ("broken", "meaning"),
    [
        ((lambda: check("other"), delete, put, update), CheckBroken),
        ((check, lambda: delete("other"), put, update), DeleteBroken),
        ((check, delete, lambda: put("there"), update), PutBroken),
        ((check, delete, put, lambda: update("other")), UpdateBroken),
    ],
)
def test_a_broken_condition_raises_what_its_part_says_in_any_order_and_nothing_is_written(
    broken: Sequence[Callable[[], Part]], meaning: type[Exception]
) -> None:
    for order in permutations(broken):
        with pytest.raises(meaning):
            commit([part() for part in order])
    assert notes() == BEFORE


def test_of_several_broken_conditions_the_one_named_first_speaks() -> None:
    meanings: dict[type[Exception], Part] = {
        CheckBroken: check("other"),
        PutBroken: put("there"),
        UpdateBroken: update("other"),
        DeleteBroken: delete("other"),
    }
    for order in permutations(meanings.items(), 2):
        with pytest.raises(order[0][0]):
            commit([part for _, part in order])
    assert notes() == BEFORE


def write_one(operation: str) -> bool:
    item = Note("p", "checked")
    if operation == "DeleteItem":
        return removed(item, Note.item.exists())
    return changed(item, [Note.text.set("changed")], Note.item.exists())


@pytest.mark.parametrize("operation", ["UpdateItem", "DeleteItem"])
def test_a_single_write_is_tried_again_while_a_transaction_is_under_way(
    calls: Calls, operation: str
) -> None:
    """DynamoDB lets only transactions wait for each other."""
    calls.fail(operation, UNDER_WAY, 2)
    assert write_one(operation) is True
    assert calls.names.count(operation) == 3
    calls.fail(operation, UNDER_WAY, CONFLICT_ATTEMPTS)
    with pytest.raises((UpdateError, DeleteError), match="TransactionConflictException"):
        write_one(operation)


def test_a_single_write_whose_condition_does_not_hold_is_not_tried_again(calls: Calls) -> None:
    assert not changed(Note("p", "unknown"), [Note.text.set("x")], Note.item.exists())
    assert not removed(Note("p", "unknown"), Note.item.exists())
    assert calls.names == ["UpdateItem", "DeleteItem"]


def test_a_part_that_says_nothing_means_a_conflict() -> None:
    with pytest.raises(Conflict):
        commit([Put(Note("p", "checked"), Note.item.does_not_exist())])


def test_a_broken_condition_is_not_tried_again(calls: Calls) -> None:
    with pytest.raises(UpdateBroken):
        commit([update("other")], AT_ONCE)
    assert attempts(calls) == 1


@pytest.mark.parametrize("times", [1, CONFLICT_ATTEMPTS - 1])
def test_a_conflict_is_tried_again_until_it_is_over(calls: Calls, times: int) -> None:
    calls.fail("TransactWriteItems", CONFLICT, times)
    commit([check(), delete(), put(), update()], AT_ONCE)
    assert notes() == AFTER
    assert attempts(calls) == times + 1


def test_a_conflict_that_does_not_end_is_given_up_and_nothing_is_written(calls: Calls) -> None:
    calls.fail("TransactWriteItems", CONFLICT, CONFLICT_ATTEMPTS)
    with pytest.raises(TransactWriteError):
        commit([check(), put(), update()], AT_ONCE)
    assert attempts(calls) == CONFLICT_ATTEMPTS
    assert notes() == BEFORE


def test_conflicts_are_waited_out_by_default(calls: Calls) -> None:
    calls.fail("TransactWriteItems", CONFLICT, 2)
    commit([put()])
    assert attempts(calls) == 3


def test_a_condition_that_broke_beside_a_conflict_decides(calls: Calls) -> None:
    calls.fail(
        "TransactWriteItems", cancelled("TransactionConflict", "None", "ConditionalCheckFailed")
    )
    with pytest.raises(UpdateBroken):
        commit([update(), put(), check()], AT_ONCE)
    assert attempts(calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        cancelled("ValidationError", "None", "None"),
        {"Error": {"Code": "AccessDeniedException", "Message": "No."}},
    ],
)
def test_any_other_failure_passes_through_at_once(calls: Calls, answer: dict[str, Any]) -> None:
    calls.fail("TransactWriteItems", answer)
    with pytest.raises(TransactWriteError):
        commit([check(), put(), update()], AT_ONCE)
    assert attempts(calls) == 1


def test_transactions_and_all_models_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    create = Session.create_client

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(arguments)
        return create(*arguments, **options)

    monkeypatch.setattr(Session, "create_client", counted)
    table._connection.cache_clear()
    bind(Remark, Note.Meta.table_name)
    assert Note.count("p") == Remark.count("p") == len(BEFORE)
    commit([check()])
    read_together([read("checked")])
    table._connection.cache_clear()
    assert len(made) == 1


def read(item: str) -> Read[str]:
    return Read(Note, ("p", item), lambda note: f"read {note.text}")


def test_what_is_read_together_is_read_by_one_call_and_what_is_not_there_is_none(
    calls: Calls,
) -> None:
    assert read_together([read("checked"), read("absent")]) == ["read before", None]
    assert calls.names == ["TransactGetItems"]


def test_a_read_that_meets_a_transaction_is_tried_again_and_any_other_failure_is_not(
    calls: Calls,
) -> None:
    calls.fail("TransactGetItems", cancelled("TransactionConflict", "None"), 2)
    assert read_together([read("checked")]) == ["read before"]
    assert len(calls.names) == 3
    calls.fail("TransactGetItems", {"Error": {"Code": "AccessDeniedException", "Message": "No."}})
    with pytest.raises(TransactGetError):
        read_together([read("checked")])
    assert len(calls.names) == 4
