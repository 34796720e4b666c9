"""Transactions in parts: all or none, each part with its own meaning, conflicts tried again."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest
from botocore.session import Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import (
    GetError,
    PutError,
    TransactGetError,
    TransactWriteError,
    UpdateError,
)
from tenacity import wait_none

from chalicelib.foundation import table
from chalicelib.foundation.aws import Clients
from chalicelib.foundation.logging import logger
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import (
    CONFLICT_ATTEMPTS,
    Check,
    Conflict,
    Contended,
    Database,
    Delete,
    Model,
    Part,
    Put,
    Read,
    StampedModel,
    Update,
)
from tests.integration.conftest import Calls
from tests.integration.database import clients, database

AT_ONCE = wait_none()


class Note(StampedModel):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    text = UnicodeAttribute(null=True)


class Remark(Note):
    """Another model of the same table."""

    class Meta:
        table_name = "programs"


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
    for item in ("checked", "updated", "deleted"):
        database().put(Note("p", item, text="before"))


def notes() -> dict[str, str]:
    return {note.item: note.text for note in database().query(Note, "p")}


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
    database().commit([update(), delete(), check(), put()])
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
            database().commit([part() for part in order])
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
            database().commit([part for _, part in order])
    assert notes() == BEFORE


def write_one(operation: str) -> bool:
    item = Note("p", "checked")
    if operation == "DeleteItem":
        return database().delete(item, Note.item.exists())
    return database().update(item, [Note.text.set("changed")], Note.item.exists())


@pytest.mark.parametrize("operation", ["UpdateItem", "DeleteItem"])
def test_a_single_write_is_tried_again_while_a_transaction_is_under_way(
    calls: Calls, operation: str
) -> None:
    """DynamoDB lets only transactions wait for each other."""
    calls.fail(operation, UNDER_WAY, 2)
    assert write_one(operation) is True
    assert calls.names.count(operation) == 3
    calls.fail(operation, UNDER_WAY, CONFLICT_ATTEMPTS)
    with pytest.raises(Contended):
        write_one(operation)


def test_a_single_write_whose_condition_does_not_hold_is_not_tried_again(calls: Calls) -> None:
    assert not database().update(Note("p", "unknown"), [Note.text.set("x")], Note.item.exists())
    assert not database().delete(Note("p", "unknown"), Note.item.exists())
    assert calls.names == ["UpdateItem", "DeleteItem"]


def test_a_part_that_says_nothing_means_a_conflict() -> None:
    with pytest.raises(Conflict):
        database().commit([Put(Note("p", "checked"), Note.item.does_not_exist())])


def test_a_broken_condition_is_not_tried_again(calls: Calls) -> None:
    with pytest.raises(UpdateBroken):
        database().commit([update("other"), check()], AT_ONCE)
    assert attempts(calls) == 1


ONE: list[tuple[str, Callable[[], Part], Callable[[], Part], type[Exception]]] = [
    ("PutItem", put, lambda: put("there"), PutBroken),
    ("UpdateItem", update, lambda: update("other"), UpdateBroken),
]


@pytest.mark.parametrize(("operation", "part", "broken", "meaning"), ONE)
def test_one_part_is_one_plain_write_under_its_condition(
    calls: Calls,
    operation: str,
    part: Callable[[], Part],
    broken: Callable[[], Part],
    meaning: type[Exception],
) -> None:
    with pytest.raises(meaning):
        database().commit([broken()])
    assert notes() == BEFORE
    database().commit([part()])
    assert notes() != BEFORE
    assert [name for name in calls.names if name != "Query"] == [operation] * 2


def test_a_condition_alone_is_checked_by_a_transaction(calls: Calls) -> None:
    database().commit([check()])
    assert calls.names == ["TransactWriteItems"]


@pytest.mark.parametrize(("operation", "part", "broken", "meaning"), ONE)
def test_one_part_waits_for_transactions_and_is_contended_when_they_do_not_end(
    calls: Calls,
    operation: str,
    part: Callable[[], Part],
    broken: Callable[[], Part],
    meaning: type[Exception],
) -> None:
    calls.fail(operation, UNDER_WAY, CONFLICT_ATTEMPTS)
    with pytest.raises(Contended):
        database().commit([part()], AT_ONCE)
    assert notes() == BEFORE
    calls.fail(operation, UNDER_WAY, CONFLICT_ATTEMPTS - 1)
    database().commit([part()], AT_ONCE)
    assert notes() != BEFORE


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_one_part_that_fails_otherwise_raises_what_pynamodb_does(
    calls: Calls, operation: str
) -> None:
    part = {name: make for name, make, _, _ in ONE}[operation]
    calls.fail(operation, {"Error": {"Code": "AccessDeniedException", "Message": "No."}})
    with pytest.raises((PutError, UpdateError), match="AccessDenied"):
        database().commit([part()], AT_ONCE)


class Unstamped(Model):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    text = UnicodeAttribute(null=True)


BROKEN_AFTER_A_LOST_ANSWER = {
    "Error": {"Code": "ConditionalCheckFailedException", "Message": "The condition broke"},
    "ResponseMetadata": {"RetryAttempts": 1, "HTTPStatusCode": 400},
}
BROKEN_AT_ONCE = BROKEN_AFTER_A_LOST_ANSWER | {"ResponseMetadata": {"RetryAttempts": 0}}


@pytest.mark.parametrize("by_it", [True, False])
@pytest.mark.parametrize("answer", [BROKEN_AFTER_A_LOST_ANSWER, BROKEN_AT_ONCE])
def test_one_part_whose_first_answer_was_lost_is_known_by_its_write_id_alone(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], by_it: bool
) -> None:
    """boto3 sends it again, and DynamoDB then finds the condition broken by the first one.

    Another worker with the same message and the same content is another write.
    """
    there = Note("p", "stamped", text="before")
    parts: list[tuple[str, Part]] = [
        ("PutItem", Put(Note("p", "new", text="after"), Note.item.does_not_exist())),
        ("UpdateItem", Update(there, [Note.text.set("after")], Note.text == "before")),
    ]
    for operation, part in parts:
        try:
            logger.set_correlation_id("request-1")
            database().put(there)
            monkeypatch.setattr(table, "token_hex", lambda _: "write-1")
            database().commit([part])
            monkeypatch.setattr(table, "token_hex", lambda _: "write-1" if by_it else "write-2")
            calls.fail(operation, answer)
            if answer is BROKEN_AFTER_A_LOST_ANSWER and by_it:
                database().commit([part])
            else:
                with pytest.raises(Conflict):
                    database().commit([part])
        finally:
            logger.set_correlation_id(None)


@pytest.mark.parametrize("part", [Put(Unstamped("p", "n", text="a")), Delete(Note("p", "s"))])
def test_a_write_without_an_id_uses_a_transaction_that_runs_once(calls: Calls, part: Part) -> None:
    database().commit([part])
    assert calls.names[-1] == "TransactWriteItems"


@pytest.mark.parametrize("times", [1, CONFLICT_ATTEMPTS - 1])
def test_a_conflict_is_tried_again_until_it_is_over(calls: Calls, times: int) -> None:
    calls.fail("TransactWriteItems", CONFLICT, times)
    database().commit([check(), delete(), put(), update()], AT_ONCE)
    assert notes() == AFTER
    assert attempts(calls) == times + 1


def test_a_conflict_that_does_not_end_is_given_up_and_nothing_is_written(calls: Calls) -> None:
    calls.fail("TransactWriteItems", CONFLICT, CONFLICT_ATTEMPTS)
    with pytest.raises(Contended):
        database().commit([check(), put(), update()], AT_ONCE)
    assert attempts(calls) == CONFLICT_ATTEMPTS
    assert notes() == BEFORE


def test_conflicts_are_waited_out_by_default(calls: Calls) -> None:
    calls.fail("TransactWriteItems", CONFLICT, 2)
    database().commit([put(), check()])
    assert attempts(calls) == 3


def test_a_condition_that_broke_beside_a_conflict_decides(calls: Calls) -> None:
    calls.fail(
        "TransactWriteItems", cancelled("TransactionConflict", "None", "ConditionalCheckFailed")
    )
    with pytest.raises(UpdateBroken):
        database().commit([update(), put(), check()], AT_ONCE)
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
        database().commit([check(), put(), update()], AT_ONCE)
    assert attempts(calls) == 1


def test_transactions_and_all_models_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    create = Session.create_client

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(arguments)
        return create(*arguments, **options)

    monkeypatch.setattr(Session, "create_client", counted)
    clients = Clients()
    own = Database(clients.dynamodb, lambda name: f"{name.capitalize()}Table", lambda _: ())
    for model in (Note, Remark):
        assert len(list(own.query(model, "p"))) == len(BEFORE)
    own.commit([check()])
    own.read_together([read("checked")])
    assert len(made) == 1


def test_databases_of_one_process_keep_their_tables_and_clients_apart(
    aws: None, calls: Calls
) -> None:
    """Nothing of a database is kept with the models, which all of them share."""
    other = Database(clients().dynamodb, lambda _: "UploadsTable", lambda _: ())
    assert (other.table_name(Note), database().table_name(Note)) == (
        "UploadsTable",
        "ProgramsTable",
    )
    assert notes() == BEFORE
    assert calls.made[-1][1]["TableName"] == "ProgramsTable"


def test_an_item_that_was_read_is_written_back_by_its_own_database() -> None:
    (read_back,) = database().query(Note, "p", Note.item == "checked")
    assert database().update(read_back, [Note.text.set("again")])
    assert (read_back.text, notes()["checked"]) == ("again", "again")


def test_a_model_by_itself_reads_and_writes_nothing(calls: Calls) -> None:
    """Its table is known to a database alone; by itself it names one that is not there."""
    with pytest.raises(GetError):
        Note.get("p", "checked")


def read(item: str) -> Read[str]:
    return Read(Note, ("p", item), lambda note: f"read {note.text}")


def test_items_read_together_take_one_call_and_missing_ones_are_none(
    calls: Calls,
) -> None:
    assert database().read_together([read("checked"), read("absent")]) == ["read before", None]
    assert calls.names == ["TransactGetItems"]


def test_a_read_that_meets_a_transaction_is_tried_again_and_any_other_failure_is_not(
    calls: Calls,
) -> None:
    calls.fail("TransactGetItems", cancelled("TransactionConflict", "None"), 2)
    assert database().read_together([read("checked")]) == ["read before"]
    assert len(calls.names) == 3
    calls.fail("TransactGetItems", cancelled("TransactionConflict", "None"), CONFLICT_ATTEMPTS)
    with pytest.raises(Contended):
        database().read_together([read("checked")])
    calls.made.clear()
    calls.fail("TransactGetItems", {"Error": {"Code": "AccessDeniedException", "Message": "No."}})
    with pytest.raises(TransactGetError):
        database().read_together([read("checked")])
    assert len(calls.names) == 1
