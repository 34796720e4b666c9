"""Points: each award and each reversal once, and totals that the ledger can always prove."""

import json

import pytest
from click.testing import CliRunner
from pynamodb.exceptions import UpdateError

import commands.__main__ as commands_main
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.table import Conflict, commit
from chalicelib.points.model import Difference, Totals
from chalicelib.points.service import PointService
from chalicelib.points.store import EntryItem, TotalsItem
from tests.integration.house import Greenroom


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def points(greenroom: Greenroom) -> PointService:
    return greenroom.house.points


def award(points: PointService, caller: Caller, number: int, worth: int = 10) -> None:
    commit(points.award(caller.owner, worth, f"act_{number}", f"prf_{number}"))


def take_back(points: PointService, caller: Caller, number: int, worth: int = 10) -> None:
    commit(points.take_back(caller.owner, worth, f"act_{number}", f"prf_{number}"))


def test_who_earned_nothing_has_nothing(greenroom: Greenroom, ben: Caller) -> None:
    assert greenroom.totals(ben) == Totals(0, 0)
    assert greenroom.ledger(ben) == []


def test_a_performance_is_awarded_once(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    award(points, ben, 1)
    with pytest.raises(Conflict):
        award(points, ben, 1)
    assert greenroom.totals(ben) == Totals(10, 10)
    assert greenroom.ledger(ben) == [("award", 10)]


def test_an_award_is_taken_back_once_and_the_ledger_keeps_both(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    award(points, ben, 1)
    award(points, ben, 2, 5)
    take_back(points, ben, 1)
    with pytest.raises(Conflict):
        take_back(points, ben, 1)
    assert greenroom.totals(ben) == Totals(5, 5)
    assert greenroom.ledger(ben) == [("award", 10), ("reversal", -10), ("award", 5)]


def test_points_of_one_member_are_not_those_of_another(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    cleo = greenroom.member("cleo")
    award(points, ben, 1)
    award(points, cleo, 1, 3)
    assert (greenroom.totals(ben).balance, greenroom.totals(cleo).balance) == (10, 3)


def test_me_shows_points_at_once(greenroom: Greenroom, points: PointService, ben: Caller) -> None:
    award(points, ben, 1, 25)
    standing = points.standing(ben)
    assert (standing.profile.member.member_id, standing.points) == (ben.member_id, Totals(25, 25))
    renamed = points.change_profile(ben, name="Ben B.", time_zone=None)
    assert (renamed.profile.member.name, renamed.points) == ("Ben B.", Totals(25, 25))


@pytest.fixture
def corrupted(greenroom: Greenroom, points: PointService, ben: Caller) -> list[Difference]:
    """Plant every kind of corruption among members whose totals are right."""
    right, unread, lost, untold, gone = (greenroom.member() for _ in range(5))
    for caller in (ben, right, lost, untold, gone):
        award(points, caller, 1)
    take_back(points, right, 1)
    assert greenroom.totals(unread) == Totals()
    TotalsItem(ben.owner, "totals").update([TotalsItem.balance.add(1)])
    EntryItem(lost.owner, "entry#prf_1#award").delete()
    TotalsItem(untold.owner, "totals").update([TotalsItem.earned.set(0)])
    TotalsItem(gone.owner, "totals").delete()
    return sorted(
        [
            Difference(ben.member_id, Totals(11, 10), Totals(10, 10)),
            Difference(lost.member_id, Totals(10, 10), Totals(0, 0)),
            Difference(untold.member_id, Totals(10, 0), Totals(10, 10)),
            Difference(gone.member_id, Totals(0, 0), Totals(10, 10)),
        ],
        key=lambda each: each.member_id,
    )


def test_exactly_what_differs_from_the_ledger_is_found(
    greenroom: Greenroom, points: PointService, corrupted: list[Difference]
) -> None:
    found = list(points.differences(greenroom.program.program_id))
    assert sorted(found, key=lambda each: each.member_id) == corrupted
    assert list(points.differences("prg_unknown")) == []


def test_what_is_repaired_is_what_the_ledger_says(
    greenroom: Greenroom, points: PointService, corrupted: list[Difference]
) -> None:
    for difference in corrupted:
        points.repair(greenroom.program.program_id, difference)
    assert list(points.differences(greenroom.program.program_id)) == []


def test_a_repair_writes_nothing_over_what_moved_meanwhile(
    greenroom: Greenroom, points: PointService, ben: Caller, corrupted: list[Difference]
) -> None:
    (difference,) = (each for each in corrupted if each.member_id == ben.member_id)
    award(points, ben, 2, 5)
    with pytest.raises(UpdateError):
        points.repair(greenroom.program.program_id, difference)
    (left,) = (
        each for each in points.differences(ben.program_id) if each.member_id == ben.member_id
    )
    assert (left.kept, left.ledger) == (Totals(16, 15), Totals(15, 15))


def recompute(greenroom: Greenroom, *more: str) -> tuple[int, int, list[str]]:
    """Run the command; tells its exit code, how many differ, and what it says of each."""
    words = ["points", "recompute", "--program", greenroom.program.program_id, *more]
    result = CliRunner().invoke(commands_main.main, words)
    *lines, told = result.stdout.splitlines()
    answer = json.loads(told)
    assert answer["program_id"] == greenroom.program.program_id
    return result.exit_code, answer["differences"], lines


@pytest.mark.usefixtures("stack_here")
def test_the_command_finds_nothing_where_nothing_is_wrong(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    award(points, ben, 1)
    assert recompute(greenroom) == (0, 0, [])


@pytest.mark.usefixtures("stack_here")
def test_the_command_reports_differences_and_changes_nothing_unless_told_to_repair(
    greenroom: Greenroom, corrupted: list[Difference], ben: Caller
) -> None:
    for _ in range(2):
        code, differing, lines = recompute(greenroom)
        assert (code, differing) == (3, len(corrupted))
        assert sorted(line.partition(":")[0] for line in lines) == [
            each.member_id for each in corrupted
        ]
    assert f"{ben.member_id}: balance 11, ledger 10; earned 10, ledger 10" in lines
    assert recompute(greenroom, "--repair")[:2] == (0, len(corrupted))
    assert recompute(greenroom) == (0, 0, [])
