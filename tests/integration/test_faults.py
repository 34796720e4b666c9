"""Staging under faults, in the short form of `make faults`, and tests of the invariant checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from pynamodb.exceptions import UpdateError

from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import condition_failed
from chalicelib.tiktok.model import INBOX_PLACES
from tests.faults import injection_points
from tests.faults.boundary import Effect
from tests.faults.errors import timed_out
from tests.faults.flows import (
    BANNED,
    CLEAN,
    FLOWS,
    LAST_PLACE,
    MEMBER_LEAVES,
    POSTED,
    RENEWAL,
    TOKEN_REFRESH,
    Flow,
)
from tests.faults.injection_points import (
    AWS_ERRORS,
    KILLS,
    TIKTOK_ERRORS,
    WORKERS,
    FaultKind,
    InjectionPoint,
)
from tests.faults.invariants import Verdict, check_invariants
from tests.faults.scenario import run_scenario, table
from tests.faults.scenarios import all_scenarios
from tests.faults.simulation import Simulation, SimulationParts, simulation_parts
from tests.faults.soak import SHORT, soak, summary

type Recordings = Callable[[Flow], tuple[Sequence[Effect], Verdict]]

POINT_STEP = 251
"""Every how many injection points, beyond the kills of the clean flow, one is tested here."""

SCENARIO_STEP = 19
SEED = 20_260_615


@pytest.fixture(scope="module")
def parts() -> Iterator[SimulationParts]:
    level = logger.level
    logger.setLevel("CRITICAL")
    with simulation_parts() as made:
        yield made
    logger.setLevel(level)


@pytest.fixture(scope="module")
def recorded(parts: SimulationParts) -> Recordings:
    """Return each flow's effects and verdict without injected faults; each flow runs once."""
    known = {flow.name: flow for flow in FLOWS}
    by_name = cache(lambda name: injection_points.record(parts, known[name]))
    return lambda flow: by_name(flow.name)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_flow_without_faults_ends_as_expected(recorded: Recordings, flow: Flow) -> None:
    assert recorded(flow)[1].violations == ()


def violations_at(parts: SimulationParts, points: Sequence[InjectionPoint]) -> list[str]:
    tried = [injection_points.run_point(parts, point) for point in points]
    assert tried
    return list(injection_points.table([each for each in tried if not each.verdict.passed]))


def test_a_kill_at_any_effect_of_the_clean_flow_loses_and_duplicates_nothing(
    parts: SimulationParts, recorded: Recordings
) -> None:
    effects, _ = recorded(CLEAN[0])
    assert violations_at(parts, list(injection_points.points_of(CLEAN[0], effects))) == []


def test_a_fault_at_any_effect_loses_and_duplicates_nothing(
    parts: SimulationParts, recorded: Recordings
) -> None:
    faults = (*KILLS, *WORKERS, *AWS_ERRORS, *TIKTOK_ERRORS)
    found = [
        point
        for flow in FLOWS
        for point in injection_points.points_of(flow, recorded(flow)[0], faults)
    ]
    assert violations_at(parts, found[::POINT_STEP]) == []


def test_every_scenario_ends_as_expected(parts: SimulationParts) -> None:
    quick = [each for each in all_scenarios() if "for ever" not in each.name]
    result = [run_scenario(parts, scenario) for scenario in quick[::SCENARIO_STEP]]
    assert list(table([each for each in result if not each.verdict.passed])) == []


@pytest.mark.parametrize(
    ("name", "outcome", "uploads"),
    [
        ("503 after, an hour", "failed: inbox_full", [0] * INBOX_PLACES),
        ("500 after, an hour", "posted", [0, 0, 1]),
    ],
)
def test_inits_that_succeed_with_error_answers_leave_empty_drafts_and_send_no_video_twice(
    parts: SimulationParts, name: str, outcome: str, uploads: list[int]
) -> None:
    (scenario,) = (each for each in all_scenarios() if (each.step, each.name) == ("init", name))
    result = run_scenario(parts, scenario)
    assert result.verdict == Verdict(outcome, ())
    assert [share.completed_uploads for share in parts.tiktok.shares()] == uploads


def test_the_schedule_renews_an_idle_account_before_it_lapses(recorded: Recordings) -> None:
    effects, _ = recorded(RENEWAL)
    renewed = [each for each in effects if each.function == "tiktok_maintain_accounts"]
    assert [each.name for each in renewed].count("tiktok token") == 1
    assert {"connect", "callback"}.isdisjoint(each.function for each in effects)


def test_a_soak_test_duplicates_nothing_loses_nothing_and_keeps_every_point(
    parts: SimulationParts,
) -> None:
    result = soak(parts, SHORT, SEED)
    assert result.verdict.violations == (), "\n".join(summary(result))
    assert sum(result.outcomes.values()) >= SHORT.performances * 0.9
    assert result.outcomes["posted"] > SHORT.performances / 2
    assert result.faults.total() > SHORT.performances


def test_a_seed_repeats_the_same_simulation(parts: SimulationParts) -> None:
    first, second = (list(injection_points.record(parts, CLEAN[0])[0]) for _ in range(2))
    assert first == second


def test_a_timeout_of_a_table_is_no_failed_condition() -> None:
    assert not condition_failed(UpdateError(cause=timed_out()))


@pytest.mark.parametrize("name", ["kms Encrypt", "dynamodb UpdateItem Accounts=connected"])
@pytest.mark.parametrize("fault", [FaultKind.THROTTLED, FaultKind.ANSWER_LOST])
def test_an_aws_error_while_a_new_token_pair_is_stored_costs_no_consent(
    parts: SimulationParts, recorded: Recordings, name: str, fault: FaultKind
) -> None:
    effects, _ = recorded(TOKEN_REFRESH)
    staging = [each for each in effects if each.function == "performances_stage"]
    refreshed = [each.name for each in staging].index("tiktok token")
    effect = next(each for each in staging[refreshed:] if each.name == name)
    point = InjectionPoint(TOKEN_REFRESH, effect, fault)
    simulation, idle = injection_points.run_flow(
        parts, TOKEN_REFRESH, lambda simulation: injection_points.prepare(simulation, point)
    )
    assert check_invariants(simulation, idle=idle, expected=POSTED).violations == ()
    assert "connect" not in {each.function for each in simulation.boundary.effects}


# The checks detect violations


def at(recorded: Recordings, name: str) -> InjectionPoint:
    effects, _ = recorded(CLEAN[0])
    (effect,) = (each for each in effects if each.name == name)
    return InjectionPoint(CLEAN[0], effect, FaultKind.SECOND_WORKER)


def without_conditions(simulation: Simulation) -> None:
    vars(simulation.cloud.tables)["condition_holds"] = lambda _call: True


def without_totals(simulation: Simulation) -> None:
    write = simulation.cloud.tables.apply

    def forgetting(kind: str, part: Mapping[str, Any]) -> Any:
        if part["TableName"] == "PointsTable" and kind == "Update":
            return None, None
        return write(kind, part)

    vars(simulation.cloud.tables)["apply"] = forgetting


def without_freeing(simulation: Simulation) -> None:
    write = simulation.cloud.tables.apply

    def keeping(kind: str, part: Mapping[str, Any]) -> Any:
        if part.get("UpdateExpression", "").startswith("DELETE"):
            return None, None
        return write(kind, part)

    vars(simulation.cloud.tables)["apply"] = keeping


def violations_of(
    parts: SimulationParts, prepare_faults: Callable[[Simulation], None], flow: Flow = CLEAN[0]
) -> str:
    simulation, idle = injection_points.run_flow(parts, flow, prepare_faults)
    return "; ".join(
        check_invariants(
            simulation, idle=idle, extra_violations=flow.extra_violations(simulation)
        ).violations
    )


def test_the_checks_detect_two_workers_that_send_twice_without_conditions(
    parts: SimulationParts, recorded: Recordings
) -> None:
    point = at(recorded, "tiktok init")

    def prepare_faults(simulation: Simulation) -> None:
        without_conditions(simulation)
        injection_points.prepare(simulation, point)

    assert "completed drafts" in violations_of(parts, prepare_faults)


def test_the_checks_detect_totals_that_miss_an_award(parts: SimulationParts) -> None:
    assert "balance is 0, the ledger says 13" in violations_of(parts, without_totals)


def test_the_checks_detect_an_inbox_place_that_is_not_released(parts: SimulationParts) -> None:
    assert "is posted, and still takes a place" in violations_of(parts, without_freeing)
    for flow in (MEMBER_LEAVES, BANNED):
        assert "failed without a draft" in violations_of(parts, without_freeing, flow)


def test_the_checks_detect_an_inbox_place_of_no_performance(parts: SimulationParts) -> None:
    simulation = Simulation(parts)
    person = simulation.member()
    simulation.count_draft(person, "prf_never_made")
    assert "was never made" in "; ".join(check_invariants(simulation, idle=True).violations)


def test_the_checks_detect_two_performances_for_the_last_place(parts: SimulationParts) -> None:
    for flow in LAST_PLACE:
        assert "2 were made for the last place" in violations_of(parts, without_conditions, flow)


def test_the_checks_detect_a_performance_whose_messages_are_lost(parts: SimulationParts) -> None:
    simulation = Simulation(parts)
    simulation.cloud.drops_message = lambda: True
    simulation.send(simulation.member(), simulation.activity())
    idle = simulation.run_until_idle(timedelta(hours=3))
    simulation.close()
    violations = "; ".join(check_invariants(simulation, idle=idle).violations)
    assert "it never came to rest" in violations
    assert "rests as queued" in violations


def test_a_failure_of_the_harness_is_reported_as_a_broken_point(
    parts: SimulationParts, recorded: Recordings
) -> None:
    effects, _ = recorded(CLEAN[0])
    never = replace(effects[-1], number=10_000)
    tried = injection_points.run_point(parts, InjectionPoint(CLEAN[0], never, KILLS[0]))
    assert tried.verdict.outcome == "broken"
    assert "not the one that was recorded" in tried.verdict.violations[0]
    assert "1 wrong" in injection_points.summary([tried])


# The recording


def test_effects_are_named_after_what_they_write(recorded: Recordings) -> None:
    effects, _ = recorded(CLEAN[0])
    names = [effect.name for effect in effects]
    for state in ("initiated", "uploading", "delivered", "staged"):
        assert any(f"Performances={state}" in name for name in names)
    assert {effect.function for effect in effects} >= {
        "perform",
        "performances_queue_and_relay",
        "performances_stage",
        "webhook",
    }
