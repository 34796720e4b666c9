"""State that an older version kept: taken up while its items can be read, else refused in words."""

from pathlib import Path
from typing import Any

import pytest

from local.failure import Failure
from local.home import PROJECT
from local.stored_schema import check_stored_schema, differences, schema_of

STORE = """
class ActivityItem(Model):
    class Meta:
        table_name = "activities"

    program_id = UnicodeAttribute(hash_key=True)
    state = UnicodeAttribute()
    campaign_id = UnicodeAttribute(null=True)
    points = NumberAttribute(default=0)
    listed = ListedIndex()
"""
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "KeySchema": [{"AttributeName": "program_id"}],
        "GlobalSecondaryIndexes": [
            {"IndexName": "open", "KeySchema": [{"AttributeName": "open_in"}]}
        ],
    },
}


def schema(tmp_path: Path, store: str = STORE, **table: Any) -> dict[str, dict[str, str]]:
    folder = tmp_path / "chalicelib" / "activities"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "store.py").write_text(store, encoding="utf-8")
    changed = {**TABLE, "Properties": {**TABLE["Properties"], **table}}  # type: ignore[dict-item]
    return schema_of(tmp_path, {"Resources": {"ActivitiesTable": changed}})


def test_the_schema_names_items_with_their_attributes_and_tables_with_their_keys(
    tmp_path: Path,
) -> None:
    assert schema(tmp_path) == {
        "ActivityItem in activities": {
            "program_id": "UnicodeAttribute",
            "state": "UnicodeAttribute",
            "campaign_id": "UnicodeAttribute?",
            "points": "NumberAttribute?",
        },
        "ActivitiesTable": {"keys": "program_id", "open": "open_in"},
    }


def test_the_products_own_items_and_tables_are_found() -> None:
    found = schema_of(PROJECT, {})
    assert "open_in" in found["ActivityItem in activities"]
    assert len(found) > 15


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "    title = UnicodeAttribute(null=True)\n"),  # may be missing
        ("    points = NumberAttribute(default=0)\n", ""),  # is no longer read
        ("    state = UnicodeAttribute()\n", "    state = UnicodeAttribute(null=True)\n"),
        ("", "    # a comment\n"),
        ("", "\n\nclass OtherItem(Model):\n    name = UnicodeAttribute()\n"),
    ],
)
def test_a_change_that_can_read_old_items_is_no_difference(
    tmp_path: Path, old: str, new: str
) -> None:
    before = schema(tmp_path)
    changed = STORE.replace(old, new) if old else STORE + new
    assert differences(before, schema(tmp_path, changed)) == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("", "    title = UnicodeAttribute()\n", "has title now"),
        ("state = Unicode", "state = Number", "state of ActivityItem in activities was"),
        ("null=True", "", "could be missing and no longer can"),
    ],
)
def test_a_change_that_cannot_read_old_items_is_named(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    before = schema(tmp_path)
    changed = STORE.replace(old, new) if old else STORE + new
    (difference,) = differences(before, schema(tmp_path, changed))
    assert named in difference


def test_changed_keys_and_new_indexes_are_named(tmp_path: Path) -> None:
    before = schema(tmp_path)
    other = [{"IndexName": "listed", "KeySchema": [{"AttributeName": "listed_in"}]}]
    assert differences(before, schema(tmp_path, GlobalSecondaryIndexes=other))
    assert differences(before, schema(tmp_path, KeySchema=[{"AttributeName": "program"}]))


def test_a_start_on_state_with_another_schema_fails_and_names_the_command(tmp_path: Path) -> None:
    old, now = schema(tmp_path), schema(tmp_path, STORE + "    title = UnicodeAttribute()\n")
    kept: dict[str, Any] = {"shape": old}
    with pytest.raises(Failure, match="ActivityItem in activities has title now") as named:
        check_stored_schema(kept, now, tmp_path, has_state=True)
    assert "make clean" in named.value.next_step
    assert kept["shape"] == old
    with pytest.raises(Failure, match="made by an older version"):
        check_stored_schema({}, now, tmp_path, has_state=True)


def test_a_start_without_state_or_on_the_same_schema_stores_the_schema(tmp_path: Path) -> None:
    now = schema(tmp_path)
    for kept, has_state in (({}, False), ({"shape": now}, True)):
        check_stored_schema(kept, now, tmp_path, has_state=has_state)
        assert kept["shape"] == now
