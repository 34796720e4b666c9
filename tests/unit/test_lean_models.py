"""Lean models read what PynamoDB's would."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.models import Model

from bench.seeding import activity_item, members
from chalicelib.activities.store import ActivityItem, MarkItem, OpenItem
from chalicelib.foundation.table import LeanModel
from chalicelib.points.board_store import ScoreItem
from chalicelib.programs.store import MemberItem

LEAN: list[type[LeanModel]] = [ActivityItem, MarkItem, OpenItem, MemberItem, ScoreItem]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


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
def test_the_lean_models_read_what_pynamodb_reads(
    model: type[LeanModel], changes: dict[str, Any]
) -> None:
    raw = kept() | changes
    plain = Model.from_raw_data.__func__(model, raw)  # type: ignore[attr-defined]
    assert model.from_raw_data(raw).attribute_values == plain.attribute_values
    assert plain.attribute_values


@pytest.mark.parametrize("kept_time_zone", [{}, {"time_zone": {"NULL": True}}])
def test_members_and_scores_are_read_likewise(kept_time_zone: dict[str, Any]) -> None:
    member = members("prg_a", 1, NOW, ["chn_a", "chn_b", "chn_c"])[0]
    for item, more in (
        (member, kept_time_zone),
        (ScoreItem("prg_a#week#2026-01-01", "mem_a", points=7), {}),
    ):
        raw = item.serialize() | more
        plain = Model.from_raw_data.__func__(type(item), raw)  # type: ignore[attr-defined]
        assert type(item).from_raw_data(raw).attribute_values == plain.attribute_values
    assert MemberItem.from_raw_data(member.serialize()).to_member() == member.to_member()


def test_a_stored_item_is_read_unchanged() -> None:
    raw = kept()
    again = ActivityItem.of(ActivityItem.from_raw_data(raw).to_activity()).serialize()
    assert without_order(again) == without_order(raw)
