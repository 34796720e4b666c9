"""Staging under faults, in the short form of `make faults`; and that the judge is not blind."""

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
from tests.faults import kills
from tests.faults.boundary import Effect
from tests.faults.errors import timed_out
from tests.faults.flows import (
    BANNED,
    CLEAN,
    FLOWS,
    LAST_PLACE,
    LEAVES,
    POSTED,
    REFRESHES,
    RENEWED,
    Flow,
)
from tests.faults.judge import Verdict, judge
from tests.faults.kills import AWS_ERRORS, KILLS, TIKTOK_ERRORS, WORKERS, Happens, Place
from tests.faults.simulation import Simulation, SimulationParts, simulation_parts
from tests.faults.soak import SHORT, soak, summary
from tests.faults.trouble import meet, table
from tests.faults.troubles import all_troubles

type Recordings = Callable[[Flow], tuple[Sequence[Effect], Verdict]]

EVERY = 251
"""Which of the places beyond the kill points of the clean flow are tried here: one in so many."""

EVERY_TROUBLE = 19
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
    """Each flow as it is when nothing else goes wrong; it is played once."""
    known = {flow.name: flow for flow in FLOWS}
    by_name = cache(lambda name: kills.record(parts, known[name]))
    return lambda flow: by_name(flow.name)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_flow_ends_as_it_should(recorded: Recordings, flow: Flow) -> None:
    assert recorded(flow)[1].wrong == ()


def wrong_at(parts: SimulationParts, places: Sequence[Place]) -> list[str]:
    tried = [kills.try_place(parts, place) for place in places]
    assert tried
    return list(kills.table([each for each in tried if not each.verdict.is_right]))


def test_whoever_dies_at_any_effect_of_the_clean_flow_loses_and_doubles_nothing(
    parts: SimulationParts, recorded: Recordings
) -> None:
    effects, _ = recorded(CLEAN[0])
    assert wrong_at(parts, list(kills.places(CLEAN[0], effects))) == []


def test_nothing_is_lost_or_doubled_whatever_happens_at_an_effect(
    parts: SimulationParts, recorded: Recordings
) -> None:
    happenings = (*KILLS, *WORKERS, *AWS_ERRORS, *TIKTOK_ERRORS)
    found = [place for flow in FLOWS for place in kills.places(flow, recorded(flow)[0], happenings)]
    assert wrong_at(parts, found[::EVERY]) == []


def test_every_kind_of_trouble_ends_as_it_should(parts: SimulationParts) -> None:
    quick = [each for each in all_troubles() if "for ever" not in each.name]
    met = [meet(parts, trouble) for trouble in quick[::EVERY_TROUBLE]]
    assert list(table([each for each in met if not each.verdict.is_right])) == []


@pytest.mark.parametrize(
    ("name", "outcome", "uploads"),
    [
        ("503 after, an hour", "failed: inbox_full", [0] * INBOX_PLACES),
        ("500 after, an hour", "posted", [0, 0, 1]),
    ],
)
def test_an_hour_of_inits_that_are_made_though_refused_leaves_empty_drafts_and_sends_no_second(
    parts: SimulationParts, name: str, outcome: str, uploads: list[int]
) -> None:
    (trouble,) = (each for each in all_troubles() if (each.step, each.name) == ("init", name))
    met = meet(parts, trouble)
    assert met.verdict == Verdict(outcome, ())
    assert [share.completed_uploads for share in parts.tiktok.shares()] == uploads


def test_the_clock_renews_an_idle_account_before_it_lapses(recorded: Recordings) -> None:
    effects, _ = recorded(RENEWED)
    renewed = [each for each in effects if each.function == "tiktok_maintain_accounts"]
    assert [each.name for each in renewed].count("tiktok token") == 1
    assert {"connect", "callback"}.isdisjoint(each.function for each in effects)


def test_a_soak_doubles_nothing_loses_nothing_and_keeps_every_point(parts: SimulationParts) -> None:
    soaked = soak(parts, SHORT, SEED)
    assert soaked.verdict.wrong == (), "\n".join(summary(soaked))
    assert sum(soaked.outcomes.values()) >= SHORT.performances * 0.9
    assert soaked.outcomes["posted"] > SHORT.performances / 2
    assert soaked.faults.total() > SHORT.performances


def test_a_seed_makes_the_same_world_again(parts: SimulationParts) -> None:
    first, second = (list(kills.record(parts, CLEAN[0])[0]) for _ in range(2))
    assert first == second


def test_a_table_that_does_not_answer_is_told_as_such() -> None:
    assert not condition_failed(UpdateError(cause=timed_out()))


@pytest.mark.parametrize("name", ["kms Encrypt", "dynamodb UpdateItem Accounts=connected"])
@pytest.mark.parametrize("happens", [Happens.THROTTLED, Happens.ANSWER_LOST])
def test_a_hiccup_of_aws_while_a_new_pair_is_stored_costs_no_consent(
    parts: SimulationParts, recorded: Recordings, name: str, happens: Happens
) -> None:
    effects, _ = recorded(REFRESHES)
    staging = [each for each in effects if each.function == "performances_stage"]
    refreshed = [each.name for each in staging].index("tiktok token")
    effect = next(each for each in staging[refreshed:] if each.name == name)
    place = Place(REFRESHES, effect, happens)
    simulation, quiet = kills.play(
        parts, REFRESHES, lambda simulation: kills.prepare(simulation, place)
    )
    assert judge(simulation, quiet=quiet, must=POSTED).wrong == ()
    assert "connect" not in {each.function for each in simulation.boundary.effects}


# The judge sees what it is there for


def at(recorded: Recordings, name: str) -> Place:
    effects, _ = recorded(CLEAN[0])
    (effect,) = (each for each in effects if each.name == name)
    return Place(CLEAN[0], effect, Happens.SECOND_WORKER)


def without_conditions(simulation: Simulation) -> None:
    vars(simulation.cloud.tables)["fits"] = lambda _call: True


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


def played(
    parts: SimulationParts, spoil: Callable[[Simulation], None], flow: Flow = CLEAN[0]
) -> str:
    simulation, quiet = kills.play(parts, flow, spoil)
    return "; ".join(judge(simulation, quiet=quiet, also=flow.also(simulation)).wrong)


def test_without_conditions_two_workers_send_twice_and_it_is_seen(
    parts: SimulationParts, recorded: Recordings
) -> None:
    place = at(recorded, "tiktok init")

    def spoil(simulation: Simulation) -> None:
        without_conditions(simulation)
        kills.prepare(simulation, place)

    assert "completed drafts" in played(parts, spoil)


def test_totals_that_miss_an_award_are_seen(parts: SimulationParts) -> None:
    assert "balance is 0, the ledger says 13" in played(parts, without_totals)


def test_a_place_in_the_inbox_that_is_not_given_back_is_seen(parts: SimulationParts) -> None:
    assert "is posted, and still takes a place" in played(parts, without_freeing)
    for flow in (LEAVES, BANNED):
        assert "failed without a draft" in played(parts, without_freeing, flow)


def test_a_place_that_was_taken_for_nothing_is_seen(parts: SimulationParts) -> None:
    simulation = Simulation(parts)
    person = simulation.member()
    simulation.counts_draft(person, "prf_never_made")
    assert "was never made" in "; ".join(judge(simulation, quiet=True).wrong)


def test_two_made_for_the_last_place_are_seen(parts: SimulationParts) -> None:
    for flow in LAST_PLACE:
        assert "2 were made for the last place" in played(parts, without_conditions, flow)


def test_what_no_message_ever_comes_for_is_seen(parts: SimulationParts) -> None:
    simulation = Simulation(parts)
    simulation.cloud.loses = lambda: True
    simulation.sends(simulation.member(), simulation.activity())
    quiet = simulation.goes_on(timedelta(hours=3))
    simulation.close()
    wrong = "; ".join(judge(simulation, quiet=quiet).wrong)
    assert "it never came to rest" in wrong
    assert "rests as queued" in wrong


def test_a_place_at_which_the_harness_breaks_is_told_and_ends_no_table(
    parts: SimulationParts, recorded: Recordings
) -> None:
    effects, _ = recorded(CLEAN[0])
    never = replace(effects[-1], number=10_000)
    tried = kills.try_place(parts, Place(CLEAN[0], never, KILLS[0]))
    assert tried.verdict.outcome == "broken"
    assert "not the one that was recorded" in tried.verdict.wrong[0]
    assert "1 wrong" in kills.summary([tried])


# The recording


def test_effects_are_told_apart_by_what_they_write(recorded: Recordings) -> None:
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
