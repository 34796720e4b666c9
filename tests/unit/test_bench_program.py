"""The bench of requests: what is over its price, or grows though it should not, fails it."""

from typing import Any

import pytest

from bench.program import Cost, Pattern, _units, verdict
from bench.seeding import Size, UnexpectedResult, require_success

FLAT = Pattern("a page", 2, "", lambda *_: None)
GROWING = Pattern("a feed", 2, "open activities", lambda *_: None)


def cost(calls: int, units: float) -> Cost:
    return Cost(calls, units, 1.0)


@pytest.mark.parametrize(
    ("pattern", "small", "large", "words"),
    [
        (FLAT, cost(2, 1.0), cost(2, 1.0), ""),
        (FLAT, cost(1, 10.0), cost(1, 15.0), ""),
        (FLAT, cost(1, 10.0), cost(1, 19.0), "NOT FLAT"),
        (FLAT, cost(1, 1.0), cost(2, 1.0), "NOT FLAT"),
        (FLAT, cost(2, 1.0), cost(3, 1.0), "OVER ITS PRICE"),
        (GROWING, cost(2, 900.0), cost(2, 910.0), ""),
        (GROWING, cost(2, 100.0), cost(2, 900.0), "NOT FLAT"),
        (GROWING, cost(1, 1.0), cost(3, 1.0), "OVER ITS PRICE"),
    ],
)
def test_costs_are_judged_by_price_and_growth(
    pattern: Pattern, small: Cost, large: Cost, words: str
) -> None:
    assert verdict(pattern, small, large) == words


def test_growing_costs_are_compared_with_a_small_program_of_equal_size_in_that_respect() -> None:
    whole = Size()
    small = whole.share(0.01).with_groups_of(whole)
    assert (small.opened, small.channels) == (whole.opened, whole.channels)
    assert (small.members, small.activities - small.opened) == (1_000, 79)


def test_a_pattern_that_did_nothing_is_not_cheap_but_wrong() -> None:
    require_success(True, [1])
    with pytest.raises(UnexpectedResult):
        require_success(True, [])


ITEM = {"item": {"S": "x" * 5000}}


@pytest.mark.parametrize(
    ("operation", "asked", "answer", "units"),
    [
        ("GetItem", {}, {"Item": ITEM}, 1.0),
        ("GetItem", {"ConsistentRead": True}, {"Item": ITEM}, 2.0),
        ("GetItem", {"ConsistentRead": True}, {}, 1.0),
        ("Query", {}, {"Items": [ITEM] * 4, "Count": 4, "ScannedCount": 4}, 2.5),
        ("Query", {}, {"Items": [ITEM] * 4, "Count": 4, "ScannedCount": 8}, 5.0),
        ("Query", {"ConsistentRead": True}, {"Items": [], "Count": 0, "ScannedCount": 0}, 1.0),
        ("BatchGetItem", {}, {"Responses": {"t": [ITEM, ITEM]}}, 2.0),
        ("TransactGetItems", {"TransactItems": [1, 2]}, {"Responses": [{"Item": ITEM}, {}]}, 6.0),
        ("PutItem", {}, {"ConsumedCapacity": {"CapacityUnits": 3.0}}, 3.0),
    ],
)
def test_reads_are_counted_by_their_size_and_writes_as_the_engine_says(
    operation: str, asked: dict[str, Any], answer: dict[str, Any], units: float
) -> None:
    assert _units(operation, asked, answer) == units
