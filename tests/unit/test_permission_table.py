"""Each route has its line in the table of who may call it, which the end-to-end tests walk."""

import pytest

from chalicelib.foundation.http import Who
from tests.e2e.contract import Contract, Operation
from tests.e2e.permissions import PERMISSIONS

OPERATIONS = Contract().operations
each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[each.operation_id for each in OPERATIONS]
)


def documented(operation: Operation) -> Who:
    if operation.public:
        return Who.ANYONE
    return Who.MANAGER if operation.manager_only else Who.MEMBER


def test_every_route_has_an_entry_and_every_entry_a_route() -> None:
    assert set(PERMISSIONS) == {each.operation_id for each in OPERATIONS}, (
        "Say in tests/e2e/permissions.py who may call it."
    )


@each_operation
def test_the_table_says_what_the_document_says(operation: Operation) -> None:
    entry = PERMISSIONS[operation.operation_id]
    assert entry.who is documented(operation)
    assert (entry.body is not None) >= operation.takes_body
    promised = entry.code is None or (entry.status, entry.code) in operation.codes
    assert promised
    assert entry.status in operation.responses


@each_operation
def test_what_names_a_thing_of_a_program_may_answer_that_there_is_none(
    operation: Operation,
) -> None:
    if PERMISSIONS[operation.operation_id].names_a_thing(operation):
        assert {(403, "not_a_member"), (404, "not_found")} <= operation.codes
