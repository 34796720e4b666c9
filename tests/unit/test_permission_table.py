"""Each route has its line in the table of who may call it, which the end-to-end tests walk."""

import pytest

from chalicelib.foundation.http import RequiredRole
from tests.e2e.contract import Contract, Operation
from tests.e2e.permissions import MANAGER, MEMBER, PERMISSIONS

OPERATIONS = Contract().operations
each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[each.operation_id for each in OPERATIONS]
)


def documented(operation: Operation) -> RequiredRole:
    if operation.public:
        return RequiredRole.ANYONE
    if not operation.of_members:
        return RequiredRole.SIGNED_IN
    return RequiredRole.MANAGER if operation.manager_only else RequiredRole.MEMBER


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
def test_people_without_a_program_are_refused_or_asked_to_choose(operation: Operation) -> None:
    of_members = PERMISSIONS[operation.operation_id].who in (MEMBER, MANAGER)
    told = {(403, "not_a_member"), (403, "choose_program")}
    assert told & operation.codes == (told if of_members else set())


@each_operation
def test_routes_with_an_id_document_not_found(
    operation: Operation,
) -> None:
    if PERMISSIONS[operation.operation_id].names_a_thing(operation):
        assert (404, "not_found") in operation.codes
