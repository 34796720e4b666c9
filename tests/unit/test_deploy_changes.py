"""What an update may not do, and the words for what it does."""

import copy
from typing import Any

import pytest

from deploy.changes import (
    STATEFUL,
    Change,
    Refusal,
    describe,
    holds_messages,
    lost_queues,
    refusals,
)

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [
            {"IndexName": "old", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}
        ],
    },
}
SECRET = {
    "Type": "AWS::SecretsManager::Secret",
    "Properties": {"GenerateSecretString": {"PasswordLength": 40}},
}


def with_indexes(*names: str) -> dict[str, Any]:
    table: dict[str, Any] = copy.deepcopy(TABLE)
    key = table["Properties"]["GlobalSecondaryIndexes"][0]["KeySchema"]
    table["Properties"]["GlobalSecondaryIndexes"] = [
        {"IndexName": name, "KeySchema": key} for name in names
    ]
    return table


def refused(
    *changes: Change, before: Any = None, after: Any = None, let_go: tuple[str, ...] = ()
) -> list[Refusal]:
    return list(refusals(changes, before or {}, after or {}, let_go))


@pytest.mark.parametrize("kind", STATEFUL)
def test_nothing_that_people_would_miss_is_replaced_or_removed(kind: str) -> None:
    replaced = Change("Modify", "Kept", kind, replaced=True)
    removed = Change("Remove", "Kept", kind)
    for change in (replaced, removed):
        (only,) = refused(change)
        assert "Kept" in only.what
        assert "two deployments" in only.instead
        assert "--let-go Kept" in only.instead
        assert refused(change, let_go=("Kept",)) == []


@pytest.mark.parametrize("kind", ["AWS::Lambda::Function", "AWS::ApiGateway::Deployment"])
def test_recreatable_resources_may_be_replaced_and_removed(kind: str) -> None:
    assert refused(Change("Modify", "Code", kind, replaced=True), Change("Remove", "X", kind)) == []


def test_an_attribute_of_a_new_index_replaces_no_table_and_another_key_does() -> None:
    """CloudFormation calls both conditional."""
    change = Change("Modify", "T", TABLE["Type"], replaced=None)  # type: ignore[arg-type]
    more: Any = copy.deepcopy(TABLE)
    more["Properties"]["AttributeDefinitions"].append({"AttributeName": "b", "AttributeType": "S"})
    assert refused(change, before={"T": TABLE}, after={"T": more}) == []
    other: Any = copy.deepcopy(TABLE)
    other["Properties"]["KeySchema"][0]["AttributeName"] = "b"
    (only,) = refused(change, before={"T": TABLE}, after={"T": other})
    assert "replaced by an empty one" in only.what
    number: Any = copy.deepcopy(TABLE)
    number["Properties"]["AttributeDefinitions"][0]["AttributeType"] = "N"
    assert len(refused(change, before={"T": TABLE}, after={"T": number})) == 1


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        (("old",), 0),
        (("old", "new"), 0),
        ((), 0),
        (("new",), 2),
        (("old", "new", "newer"), 2),
        (("new", "newer"), 3),
    ],
)
def test_a_table_gets_or_loses_one_index_for_each_update(
    names: tuple[str, ...], steps: int
) -> None:
    found = refused(before={"T": TABLE}, after={"T": with_indexes(*names)})
    assert len(found) == bool(steps)
    for each in found:
        assert f"{steps} deployments" in each.instead
        assert "then remove old" in each.instead or "old" in names


def test_two_tables_may_get_an_index_each() -> None:
    before = {"A": with_indexes("old"), "B": with_indexes("old")}
    after = {"A": with_indexes("old", "new"), "B": with_indexes("old", "new")}
    assert refused(before=before, after=after) == []


def test_an_index_does_not_change() -> None:
    other: Any = copy.deepcopy(TABLE)
    other["Properties"]["GlobalSecondaryIndexes"][0]["Projection"] = {"ProjectionType": "ALL"}
    (only,) = refused(before={"T": TABLE}, after={"T": other})
    assert "DynamoDB changes no index" in only.what


@pytest.mark.parametrize("value", [{"PasswordLength": 41}, None])
def test_a_secret_is_not_given_another_first_value(value: Any) -> None:
    other: Any = copy.deepcopy(SECRET)
    other["Properties"] = {"GenerateSecretString": value} if value else {"SecretString": "x"}
    (only,) = refused(before={"S": SECRET}, after={"S": other})
    assert "over the one that is used" in only.what
    described: Any = copy.deepcopy(SECRET)
    described["Properties"]["Description"] = "another"
    assert refused(before={"S": SECRET}, after={"S": described}) == []


def test_a_change_set_is_read_as_cloudformation_describes_it() -> None:
    described = {
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": "ProgramsTable",
            "ResourceType": "AWS::DynamoDB::Table",
            "Replacement": "Conditional",
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "AttributeDefinitions"}},
                {"Target": {"Attribute": "Tags"}},
            ],
        }
    }
    assert Change.of(described) == Change(
        "Modify",
        "ProgramsTable",
        "AWS::DynamoDB::Table",
        replaced=None,
        properties=("AttributeDefinitions", "Tags"),
    )
    added = {"Action": "Add", "LogicalResourceId": "A", "ResourceType": "AWS::SQS::Queue"}
    assert Change.of({"ResourceChange": added}) == Change("Add", "A", "AWS::SQS::Queue")


def test_losses_are_listed_first_and_equal_changes_are_grouped() -> None:
    functions = [
        Change("Modify", f"Function{number}", "AWS::Lambda::Function", properties=("Code",))
        for number in range(10)
    ]
    lines = list(
        describe(
            [
                *functions,
                Change("Add", "Queue", "AWS::SQS::Queue"),
                Change("Remove", "Rule", "AWS::Events::Rule"),
                Change("Modify", "Api", "AWS::ApiGateway::Deployment", replaced=True),
                Change("Modify", "T", "AWS::DynamoDB::Table", replaced=None),
            ]
        )
    )
    assert lines[:2] == ["REMOVES rule Rule", "REPLACES deployment Api"]
    assert lines[2] == "changes, and perhaps replaces, table T"
    assert lines[3] == "adds queue Queue"
    assert lines[4].startswith("changes 10 functions: Function0")
    assert lines[4].endswith("and 2 more (Code)")


def test_words_are_counted_as_they_are_spelled() -> None:
    two = [Change("Add", name, "AWS::SQS::QueuePolicy") for name in "ab"]
    keys = [Change("Add", name, "AWS::KMS::Key") for name in "ab"]
    assert list(describe([*two, *keys])) == ["adds 2 keys: a, b", "adds 2 queue policies: a, b"]


def test_a_queue_goes_only_when_nothing_waits_in_it() -> None:
    queue = "AWS::SQS::Queue"
    changes = [
        Change("Remove", "Gone", queue),
        Change("Modify", "Replaced", queue, True),
        Change("Modify", "Changed", queue),
        Change("Add", "New", queue),
        Change("Remove", "LetGo", queue),
        Change("Remove", "Rule", "AWS::Events::Rule"),
    ]
    assert [each.name for each in lost_queues(changes, {"LetGo"})] == ["Gone", "Replaced"]
    refusal = holds_messages("Gone", 3)
    assert "3 messages" in refusal.what
    assert "--let-go Gone" in refusal.instead
