"""Lean models read what PynamoDB's would."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.models import Model

from bench.seeding import activity_item
from chalicelib.activities.store import ActivityItem, MarkItem, OpenItem
from chalicelib.foundation.table import LeanModel, bind

LEAN: list[type[LeanModel]] = [ActivityItem, MarkItem, OpenItem]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@pytest.fixture(autouse=True)
def tables() -> None:
    for model in LEAN:
        bind(model, "lean")


def kept() -> dict[str, Any]:
    """An activity with all it may have, as it lies in the table."""
    item = activity_item(
        "prg_a",
        NOW,
        starts_at=NOW,
        ends_at=NOW,
        channel_ids=frozenset({"chn_a", "chn_b"}),
        campaign_id="cmp_a",
        captions=("One", "Two"),
        hashtags=("#one",),
        disclosure="",
        performed=True,
        featured_changes=(NOW,),
    )
    return item.serialize()


def without_order(raw: dict[str, Any]) -> dict[str, Any]:
    """A set of strings comes in the order of its hashes, which no two objects need to share."""
    return {
        name: {"SS": sorted(value["SS"])} if "SS" in value else value for name, value in raw.items()
    }


@pytest.mark.parametrize("model", LEAN)
def test_no_attribute_has_a_default_that_reading_would_have_to_fill_in(
    model: type[LeanModel],
) -> None:
    for attribute in model.get_attributes().values():
        assert attribute.default is None
        assert attribute.default_for_new is None


@pytest.mark.parametrize("model", LEAN)
@pytest.mark.parametrize("changes", [{}, {"ends_at": {"NULL": True}}, {"unknown": {"S": "new"}}])
def test_what_is_read_is_what_pynamodb_reads(
    model: type[LeanModel], changes: dict[str, Any]
) -> None:
    raw = kept() | changes
    plain = Model.from_raw_data.__func__(model, raw)  # type: ignore[attr-defined]
    assert model.from_raw_data(raw).attribute_values == plain.attribute_values
    assert plain.attribute_values["activity_id"]


def test_what_is_read_is_what_was_kept() -> None:
    raw = kept()
    again = ActivityItem.of(ActivityItem.from_raw_data(raw).to_activity()).serialize()
    assert without_order(again) == without_order(raw)
