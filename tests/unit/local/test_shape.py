"""State that an older version kept: taken up while its items can be read, else refused in words."""

from pathlib import Path
from typing import Any

import pytest

from local.failure import Failure
from local.home import PROJECT
from local.shape import check_kept, differences, shape_of

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


def shape(tmp_path: Path, store: str = STORE, **table: Any) -> dict[str, dict[str, str]]:
    folder = tmp_path / "chalicelib" / "activities"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "store.py").write_text(store, encoding="utf-8")
    changed = {**TABLE, "Properties": {**TABLE["Properties"], **table}}  # type: ignore[dict-item]
    return shape_of(tmp_path, {"Resources": {"ActivitiesTable": changed}})


def test_the_shape_names_items_with_their_attributes_and_tables_with_their_keys(
    tmp_path: Path,
) -> None:
    assert shape(tmp_path) == {
        "ActivityItem in activities": {
            "program_id": "UnicodeAttribute",
            "state": "UnicodeAttribute",
            "campaign_id": "UnicodeAttribute?",
            "points": "NumberAttribute?",
        },
        "ActivitiesTable": {"keys": "program_id", "open": "open_in"},
    }


def test_the_products_own_items_and_tables_are_found() -> None:
    found = shape_of(PROJECT, {})
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
def test_what_old_items_can_be_read_as_does_no_harm(tmp_path: Path, old: str, new: str) -> None:
    before = shape(tmp_path)
    changed = STORE.replace(old, new) if old else STORE + new
    assert differences(before, shape(tmp_path, changed)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "    title = UnicodeAttribute()\n", "has title now"),
        ("state = Unicode", "state = Number", "state of ActivityItem in activities was"),
        ("null=True", "", "could be missing and no longer can"),
    ],
)
def test_what_old_items_cannot_be_read_as_is_told(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    before = shape(tmp_path)
    changed = STORE.replace(old, new) if old else STORE + new
    (difference,) = differences(before, shape(tmp_path, changed))
    assert told in difference


def test_keys_that_changed_and_indexes_that_are_new_are_told(tmp_path: Path) -> None:
    before = shape(tmp_path)
    other = [{"IndexName": "listed", "KeySchema": [{"AttributeName": "listed_in"}]}]
    assert differences(before, shape(tmp_path, GlobalSecondaryIndexes=other))
    assert differences(before, shape(tmp_path, KeySchema=[{"AttributeName": "program"}]))


def test_a_start_on_state_of_another_shape_ends_with_what_to_type(tmp_path: Path) -> None:
    old, now = shape(tmp_path), shape(tmp_path, STORE + "    title = UnicodeAttribute()\n")
    kept: dict[str, Any] = {"shape": old}
    with pytest.raises(Failure, match="ActivityItem in activities has title now") as told:
        check_kept(kept, now, tmp_path, has_state=True)
    assert "make clean" in told.value.next_step
    assert kept["shape"] == old
    with pytest.raises(Failure, match="made by an older version"):
        check_kept({}, now, tmp_path, has_state=True)


def test_a_first_start_and_one_on_the_same_shape_go_on_and_note_it(tmp_path: Path) -> None:
    now = shape(tmp_path)
    for kept, has_state in (({}, False), ({"shape": now}, True)):
        check_kept(kept, now, tmp_path, has_state=has_state)
        assert kept["shape"] == now
