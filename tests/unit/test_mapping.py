"""Between items and models of the same names."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.activities.model import Activity
from chalicelib.activities.store import ActivityItem
from chalicelib.foundation.mapping import (
    EnumAttribute,
    FrozenSetAttribute,
    to_attributes,
    to_model,
)
from chalicelib.performances.model import Performance
from chalicelib.performances.store import PerformanceItem


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    name: str
    colour: Colour
    said: str | None
    weight: int = 0
    note: str | None = None
    labels: frozenset[str] = frozenset()


class ThingItem(Model):
    class Meta:
        table_name = "things"

    name = UnicodeAttribute(hash_key=True)
    colour = EnumAttribute(Colour)
    said = UnicodeAttribute(null=True)
    weight = NumberAttribute(null=True)
    note = UnicodeAttribute(null=True)
    labels = FrozenSetAttribute(null=True)


def kept(thing: Thing) -> dict[str, Any]:
    return ThingItem(**to_attributes(thing, ThingItem)).serialize()


@pytest.mark.parametrize(
    "thing",
    [
        Thing("a", Colour.RED, None),
        Thing("a", Colour.RED, "x", 3, "", frozenset({"l", "m"})),
    ],
)
def test_a_stored_object_is_read_unchanged(thing: Thing) -> None:
    assert to_model(ThingItem.from_raw_data(kept(thing)), Thing) == thing


def test_optional_attributes_that_are_as_by_default_are_not_kept() -> None:
    assert kept(Thing("a", Colour.RED, None)) == {"name": {"S": "a"}, "colour": {"S": "red"}}
    assert kept(Thing("a", Colour.RED, None, note=""))["note"] == {"S": ""}


def test_a_field_without_an_attribute_is_refused() -> None:
    @dataclass(frozen=True)
    class Larger(Thing):
        height: int = 0

    with pytest.raises(KeyError, match="height"):
        to_attributes(Larger("a", Colour.RED, None), ThingItem)


def test_a_default_that_is_made_is_refused() -> None:
    @dataclass
    class Made:
        names: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match="names"):
        to_model(ThingItem(), Made)


def test_a_field_that_is_kept_otherwise_is_left_out() -> None:
    thing = Thing("a", Colour.RED, None, note="b")
    assert to_attributes(thing, ThingItem, apart={"said", "note"}) == {
        "name": "a",
        "colour": Colour.RED,
    }


@pytest.mark.parametrize(
    ("model", "item", "apart"),
    [
        (Activity, ActivityItem, set()),
        (Performance, PerformanceItem, {"text", "asked", "acknowledged", "counted"}),
    ],
)
def test_every_field_of_a_model_is_kept(model: Any, item: type[Model], apart: set[str]) -> None:
    assert {each.name for each in fields(model)} - apart <= item.get_attributes().keys()
