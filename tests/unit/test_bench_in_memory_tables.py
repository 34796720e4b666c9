"""What the tables in memory of benches say of pages and consumed capacity: as DynamoDB does."""

from typing import Any

import pytest

from bench.in_memory_tables import PagedTables
from tests.faults.tables import Table

KILOBYTE = "x" * 1024
NOTHING_BUT_KEYS = frozenset({"owner", "item", "due_in", "due_key"})


@pytest.fixture
def tables() -> PagedTables:
    due = (("due_in", "due_key"), NOTHING_BUT_KEYS)
    return PagedTables({"Notices": Table(("owner", "item"), {"due": due})})


def written(tables: PagedTables, item: str = "box", **values: str) -> float:
    """Put an item; return what that consumed."""
    values = {"owner": "amy", "item": item, **values}
    asked = {name: {"S": value} for name, value in values.items()}
    answer: dict[str, Any] = tables.call("PutItem", {"TableName": "Notices", "Item": asked})
    return float(answer["ConsumedCapacity"]["CapacityUnits"])


def test_a_write_consumes_a_unit_for_each_begun_kilobyte(tables: PagedTables) -> None:
    assert written(tables) == 1
    assert written(tables, text=KILOBYTE) == 2
    assert written(tables) == 2, "the item before was larger"


def test_an_index_consumes_what_changes_in_it(tables: PagedTables) -> None:
    due = {"due_in": "to_mail", "due_key": "09"}
    assert written(tables, **due) == 1 + 1
    assert written(tables, **due, text=KILOBYTE) == 2 + 0, "the index has none of it"
    assert written(tables, **{**due, "due_key": "10"}) == 2 + 2, "out of one place, into another"
    assert written(tables) == 1 + 1, "out of it"
    assert written(tables) == 1 + 0


def test_a_query_without_a_limit_ends_after_a_megabyte(tables: PagedTables) -> None:
    for number in range(150):
        written(tables, f"{number:03}", text=10 * KILOBYTE)
    asked = {
        "TableName": "Notices",
        "KeyConditionExpression": "owner = :owner",
        "ExpressionAttributeValues": {":owner": {"S": "amy"}},
    }
    first = tables.call("Query", asked)
    assert 95 < first["Count"] < 105
    rest = tables.call("Query", {**asked, "ExclusiveStartKey": first["LastEvaluatedKey"]})
    assert first["Count"] + rest["Count"] == 150
    assert "LastEvaluatedKey" not in rest
    limited = tables.call("Query", {**asked, "Limit": 3})
    assert limited["Count"] == 3
