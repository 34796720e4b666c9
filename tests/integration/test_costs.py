"""docs/costs.md says what was measured, and what was measured is still so."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from bench.costs import FIGURES, PAGE, PERFORMANCE, Prices, dollars, kept_prices, readme, written
from bench.scenarios import WITHOUT
from local.functions import declared
from local.home import PROJECT
from local.template import declarations


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def prices() -> Prices:
    return kept_prices()


def test_the_page_is_what_the_figures_the_template_and_the_prices_make_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run: python -m bench.costs"


def test_the_main_job_still_makes_the_calls_and_takes_the_units_that_the_page_is_made_of(
    figures: Mapping[str, Mapping[str, Any]],
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.costs", "--show"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    now = json.loads(ran.stdout[ran.stdout.index("{\n") :])
    for name in (
        "perform",
        "stage",
        "performances queue and relay",
        "count entries",
        "feed",
        "validate",
    ):
        told = {each: value for each, value in figures[name].items() if each != "ms"}
        assert {each: value for each, value in now[name].items() if each != "ms"} == told, (
            "run: python -m bench.costs --measure"
        )
    assert now.keys() == figures.keys()


def test_costs_add_up_and_a_performance_more_costs_more(prices: Prices) -> None:
    for costs in (prices.idle(), prices.performances(1000, free=False), prices.program(10_000)):
        assert costs.total == pytest.approx(sum(costs.of.values()))
        assert all(value >= 0 for value in costs.of.values())
    thousand = prices.performances(1000, free=False).total
    assert prices.performances(2000, free=False).total == pytest.approx(2 * thousand)
    assert prices.performances(1000).total < thousand


def test_resources_that_a_parameter_leaves_out_are_not_counted(prices: Prices) -> None:
    few = prices.alarms()
    assert few <= 15
    assert prices.alarms(FunctionAlarms="true") > prices.alarms(LateAlarms="true") > few
    sender = {"MailIdentityArn": "arn:aws:ses:x", "NoticesFrom": "news@company.example"}
    assert prices.polled_queues(**sender) == prices.polled_queues() + 1
    assert prices.idle().total < prices.idle(free=False).total < 8


def test_the_page_says_that_its_prices_are_remembered_and_of_which_day() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "from memory" in text
    assert re.search(r"list prices of \d{4}-\d\d-\d\d", text)


def test_every_part_of_a_performance_was_measured(figures: Mapping[str, Any]) -> None:
    assert set(PERFORMANCE) - {"webhook"} <= set(figures)


def test_every_function_was_measured_or_says_why_not(figures: Mapping[str, Any]) -> None:
    measured = {each["function"] for each in figures.values()}
    names = {each.name for each in declared(declarations(PROJECT / "infra"))}
    assert measured | WITHOUT.keys() == names, "add a scenario to bench/scenarios.py"
    assert not measured & WITHOUT.keys()
    assert all(WITHOUT.values())


def test_an_idle_month_counts_what_the_clock_reads(prices: Prices) -> None:
    runs = prices.scheduled_runs()
    assert runs["performances sync views"] == 2880
    assert runs["tiktok maintain accounts"] == 720
    asked = sum(times * prices.figures[name]["read_units"] for name, times in runs.items())
    (told,) = (value for name, value in prices.idle().of.items() if name.endswith("they read"))
    assert told == pytest.approx(asked * prices.prices["dynamodb"]["read_unit"])
    assert all(prices.figures[name]["write_units"] == 0 for name in runs)


def test_the_readme_names_what_a_thousand_performances_cost(prices: Prices) -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    assert f"{dollars(prices.performances(1000, free=False).total)} for 1,000" in text
    assert text == readme(), "run: python -m bench.costs"
