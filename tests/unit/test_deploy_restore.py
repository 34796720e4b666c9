"""A template that has other tables, and the instants to which tables are restored."""

import json
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.restore import base_of, chosen, instant, logical_id, replaced, repointed, with_tables
from local.failure import Failure

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def table(policy: str = "RetainExceptOnCreate") -> dict[str, Any]:
    return {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": policy, "Properties": {"A": 1}}


def template() -> dict[str, Any]:
    return {
        "Resources": {
            "PointsTable": table(),
            "PointsTableOther": table(),
            "AuditTable": table(),
            "IdempotencyTable": table("Delete"),
            "Role": {
                "Type": "AWS::IAM::Role",
                "DependsOn": "PointsTable",
                "Properties": {
                    "A": {"Ref": "PointsTable"},
                    "B": {"Fn::GetAtt": ["PointsTable", "StreamArn"]},
                    "C": {"Fn::Sub": "${PointsTable.Arn}/index/${PointsTable}/${PointsTableOther}"},
                    "D": [{"Fn::Sub": ["${PointsTable}-${x}", {"x": {"Ref": "PointsTable"}}]}],
                    "E": {"Ref": "PointsTableOther"},
                },
            },
        }
    }


def test_all_that_named_a_table_names_the_other_one() -> None:
    changed = repointed(template(), {"PointsTable": "greenroom-PointsTable-then"})
    (new,) = set(changed["Resources"]) - set(template()["Resources"])
    assert base_of(new) == "PointsTable"
    assert changed["Resources"][new] == {
        **table(),
        "Properties": {"A": 1, "TableName": "greenroom-PointsTable-then"},
    }
    assert changed["Resources"]["Role"] == {
        "Type": "AWS::IAM::Role",
        "DependsOn": new,
        "Properties": {
            "A": {"Ref": new},
            "B": {"Fn::GetAtt": [new, "StreamArn"]},
            "C": {"Fn::Sub": f"${{{new}.Arn}}/index/${{{new}}}/${{PointsTableOther}}"},
            "D": [{"Fn::Sub": [f"${{{new}}}-${{x}}", {"x": {"Ref": new}}]}],
            "E": {"Ref": "PointsTableOther"},
        },
    }
    assert template() == template()


def test_a_table_that_was_restored_is_restored_again_and_the_same_one_changes_nothing() -> None:
    once = repointed(template(), {"PointsTable": "one"})
    twice = repointed(once, {"PointsTable": "two"})
    assert json.dumps(once) != json.dumps(twice)
    assert twice == repointed(template(), {"PointsTable": "two"})
    assert repointed(once, {"PointsTable": "one"}) == once
    assert base_of(logical_id(twice, "PointsTable")) == "PointsTable"


def test_a_table_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(Failure) as told:
        repointed(template(), {"NoTable": "x"})
    assert "AuditTable, PointsTable" in told.value.next_step


def test_the_audit_trail_and_expiring_tables_are_not_restored() -> None:
    assert chosen(template(), ()) == {"PointsTable", "PointsTableOther"}
    assert chosen(template(), ("AuditTable",)) == {"AuditTable"}
    for name in ("IdempotencyTable", "NoTable"):
        with pytest.raises(Failure, match=name):
            chosen(template(), (name,))


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-11-28", "2026-11-28T10:00:00", "2027-01-01T00:00Z", "2026-10-01T00Z"],
)
def test_an_instant_that_no_table_is_restored_to_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        instant(text, NOW)


def test_an_instant_is_read_in_its_zone() -> None:
    assert instant("2026-11-28T12:00:00+02:00", NOW) == datetime(2026, 11, 28, 10, tzinfo=UTC)


def test_a_stages_file_keeps_all_else_that_is_in_it() -> None:
    text = 'stack = "s"\n\n[parameters]\n# A = "b"\nC = "d"\n'
    once = with_tables(text, {"PointsTable": "one"})
    twice = with_tables(once, {"PointsTable": "two", "NoticesTable": "three"})
    assert once.startswith(text)
    assert with_tables(twice, {"PointsTable": "one"}) == once
    assert tomllib.loads(twice)["tables"] == {"PointsTable": "two", "NoticesTable": "three"}
    assert tomllib.loads(twice)["parameters"] == {"C": "d"}


def test_a_table_is_let_go_of_only_where_the_one_that_the_owner_names_takes_its_place() -> None:
    """Any other template would make an empty one."""
    before = template()["Resources"]
    tables = {"PointsTable": "then"}
    restored = repointed(template(), tables)
    assert replaced(before, restored, tables) == {"PointsTable"}
    assert replaced(restored["Resources"], template(), tables) == set()
    assert replaced(restored["Resources"], template(), {}) == set()
    assert replaced(restored["Resources"], restored, tables) == set()  # its key is not to change
    back = repointed(template(), {"PointsTable": "of-before"})
    (named,) = set(restored["Resources"]) - set(before)
    assert replaced(restored["Resources"], back, {"PointsTable": "of-before"}) == {named}
