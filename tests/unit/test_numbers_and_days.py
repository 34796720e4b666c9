"""Numbers and days of requests are what they are written as, and nothing that may be taken so."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from chalicelib.points.routes import NewAdjustment
from chalicelib.reports.report_exports.routes import NewExport
from chalicelib.reports.routes import PeriodPageQuery, PeriodQuery
from chalicelib.rewards.redemptions.routes import Redeem
from chalicelib.rewards.routes import NewReward, RewardChanges

WHOLE: dict[str, tuple[type[BaseModel], dict[str, Any], int, int]] = {
    "price": (NewReward, {"title": "Mug"}, 1, 1_000_000),
    "stock": (NewReward, {"title": "Mug", "price": 1}, 1, 1_000_000),
    "per_member": (NewReward, {"title": "Mug", "price": 1}, 1, 1000),
    "version": (RewardChanges, {}, 1, 2**31),
    "amount": (NewAdjustment, {"reason": "Bench"}, -1_000_000, 1_000_000),
}
NO_NUMBERS = ["true", '"5"', '"\u0665"', "5.5", "1e400", "NaN", "Infinity", "[5]", "{}", "0x10"]


def taken(model: type[BaseModel], given: dict[str, Any], name: str, written: str) -> Any:
    """Read a body as the API does; None if it is refused."""
    told = [
        f'"{key}": "{value}"' if isinstance(value, str) else f'"{key}": {value}'
        for key, value in given.items()
    ]
    try:
        read = model.model_validate_json(
            "{" + ", ".join([*told, f'"{name}": {written}']) + "}", strict=True
        )
    except ValidationError:
        return None
    return getattr(read, name)


@pytest.mark.parametrize("written", [*NO_NUMBERS, "1" + "0" * 40, "-" + "9" * 40])
@pytest.mark.parametrize("name", WHOLE)
def test_a_number_that_is_not_whole_or_out_of_bounds_is_refused(name: str, written: str) -> None:
    model, others, *_ = WHOLE[name]
    if name != "version" or not written.startswith("1000"):
        assert taken(model, others, name, written) is None


@pytest.mark.parametrize("name", ["price", "stock", "per_member", "amount"])
def test_bounds_are_taken_and_one_more_is_not(name: str) -> None:
    model, others, least, most = WHOLE[name]
    for number in (least, most):
        assert taken(model, others, name, str(number)) == number
    for number in (least - 1, most + 1):
        assert taken(model, others, name, str(number)) is None


@pytest.mark.parametrize("zero", ["0", "-0", "-0.0", "0e9"])
def test_nothing_costs_nothing_however_it_is_written(zero: str) -> None:
    assert taken(Redeem, {}, "price", zero) is None
    assert taken(NewReward, {"title": "Mug"}, "price", zero) is None
    assert taken(NewReward, {"title": "Mug", "price": 1}, "stock", zero) is None


def day(written: str) -> date | None:
    """Read a day in each place that takes one; they agree."""
    found = set()
    for model in (PeriodQuery, PeriodPageQuery):
        try:
            found.add(model.model_validate({"from": written}).first)
        except ValidationError:
            found.add(None)
    try:
        body = NewExport.model_validate_json(
            f'{{"report": "overview", "from_day": "{written}"}}', strict=True
        )
        found.add(body.from_day)
    except ValidationError:
        found.add(None)
    (only,) = found
    return only


@pytest.mark.parametrize(
    "written",
    [
        "1764374400",  # seconds since 1970, which pydantic takes for a day
        "0",
        "-86400",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00:00Z",
        "2026-12-1",
        "20261201",
        "2026-W49-2",
        "2026-335",
        "02026-12-01",
        "\u0662\u0660\u0662\u0666-12-01",
        "2026\u201312\u201301",
        " 2026-12-01",
        "2026-12-01 ",
        "",
        "2026-02-29",
        "2100-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-04-31",
        "0000-01-01",
    ],
)
def test_an_invalid_day_is_refused(written: str) -> None:
    assert day(written) is None


@given(st.dates())
def test_every_day_is_taken_as_it_is_written(any_day: date) -> None:
    assert day(any_day.isoformat()) == any_day
