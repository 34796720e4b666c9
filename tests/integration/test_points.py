"""Points: each award and each reversal once, and totals that the ledger can always prove."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

import commands.__main__ as commands_main
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict
from chalicelib.points import ranking
from chalicelib.points.board_store import BoardStore, HeadItem, PageItem
from chalicelib.points.model import Finding, Totals, TotalsDifference
from chalicelib.points.periods import Period, day_of, span_of
from chalicelib.points.ranking import pack, unpack
from chalicelib.points.service import PointService
from chalicelib.points.store import EntryItem, TotalsItem
from tests.integration.database import database
from tests.integration.greenroom import Greenroom
from tests.integration.test_leaderboard import people


@pytest.fixture(autouse=True)
def quick(tables_in_memory: None) -> None:
    """Boards are read and made by the hundred here."""


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def points(greenroom: Greenroom) -> PointService:
    return greenroom.container.points


def award(points: PointService, caller: Caller, number: int, worth: int = 10) -> None:
    database().commit(points.award(caller.owner, worth, f"prf_{number}"))


def take_back(points: PointService, caller: Caller, number: int, worth: int = 10) -> None:
    database().commit(points.take_back(caller.owner, worth, f"prf_{number}"))


def test_a_member_who_earned_nothing_has_no_points(greenroom: Greenroom, ben: Caller) -> None:
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
    standing = greenroom.container.me.overview(ben)
    assert (standing.profile.member.member_id, standing.points) == (ben.member_id, Totals(25, 25))
    renamed = greenroom.container.me.change_profile(ben, name="Ben B.", time_zone=None)
    assert (renamed.profile.member.name, renamed.points) == ("Ben B.", Totals(25, 25))


@pytest.fixture
def corrupted(greenroom: Greenroom, points: PointService, ben: Caller) -> list[TotalsDifference]:
    """Plant every kind of corruption among members whose totals are right."""
    right, unread, lost, untold, gone = (greenroom.member() for _ in range(5))
    for caller in (ben, right, lost, untold, gone):
        award(points, caller, 1)
    take_back(points, right, 1)
    assert greenroom.totals(unread) == Totals()
    database().update(TotalsItem(ben.owner, "totals"), [TotalsItem.balance.add(1)])
    database().delete(EntryItem(lost.owner, "entry#prf_1#award"))
    database().update(TotalsItem(untold.owner, "totals"), [TotalsItem.earned.set(0)])
    database().delete(TotalsItem(gone.owner, "totals"))
    return sorted(
        [
            TotalsDifference(ben.member_id, Totals(11, 10), Totals(10, 10)),
            TotalsDifference(lost.member_id, Totals(10, 10), Totals(0, 0)),
            TotalsDifference(untold.member_id, Totals(10, 0), Totals(10, 10)),
            TotalsDifference(gone.member_id, Totals(0, 0), Totals(10, 10)),
        ],
        key=lambda each: each.member_id,
    )


def test_exactly_what_differs_from_the_ledger_is_found(
    greenroom: Greenroom, corrupted: list[TotalsDifference]
) -> None:
    found = [each for each in findings(greenroom) if isinstance(each, TotalsDifference)]
    assert sorted(found, key=lambda each: each.member_id) == corrupted


def test_a_repair_writes_nothing_over_what_moved_meanwhile(
    greenroom: Greenroom, points: PointService, ben: Caller, corrupted: list[TotalsDifference]
) -> None:
    (difference,) = (each for each in corrupted if each.member_id == ben.member_id)
    award(points, ben, 2, 5)
    rebuilding = greenroom.container.points_rebuilder
    assert rebuilding.repair(greenroom.program.program_id, [difference]) == [difference]
    (left,) = (
        each
        for each in findings(greenroom)
        if isinstance(each, TotalsDifference) and each.member_id == ben.member_id
    )
    assert (left.kept, left.ledger) == (Totals(16, 15), Totals(15, 15))


def findings(greenroom: Greenroom) -> list[Finding]:
    return greenroom.container.points_rebuilder.findings(
        greenroom.program.program_id, lambda _: None
    )


def rebuild(
    greenroom: Greenroom, *more: str, called: str = "rebuild"
) -> tuple[int, dict[str, int], list[str]]:
    """Run the command; returns its exit code, the differences by kind, and its lines."""
    words = ["points", called, "--program", greenroom.program.program_id, *more]
    result = CliRunner().invoke(commands_main.main, words)
    *lines, told = result.stdout.splitlines()
    answer = json.loads(told)
    assert answer.pop("program_id") == greenroom.program.program_id
    assert answer["differences"] == len(lines) == sum(answer.values()) - answer["differences"]
    return result.exit_code, {kind: many for kind, many in answer.items() if many}, lines


def earned(greenroom: Greenroom, **worth: int) -> dict[str, Caller]:
    """Let new members earn, and make the boards."""
    callers = {}
    for number, (name, points) in enumerate(worth.items(), 100):
        callers[name] = greenroom.member(name)
        award(greenroom.container.points, callers[name], number, points)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    return callers


@pytest.mark.usefixtures("stack_here")
@pytest.mark.parametrize("called", ["rebuild", "recompute"])
def test_the_command_finds_nothing_where_nothing_is_wrong(
    greenroom: Greenroom, called: str
) -> None:
    cleo = earned(greenroom, ben=10, cleo=20)["cleo"]
    take_back(greenroom.container.points, cleo, 101, 20)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert rebuild(greenroom, called=called) == (0, {}, [])


@pytest.mark.usefixtures("stack_here")
def test_totals_that_differ_are_reported_and_changed_only_when_told_to_repair(
    greenroom: Greenroom, corrupted: list[TotalsDifference], ben: Caller
) -> None:
    for _ in range(2):
        code, differing, lines = rebuild(greenroom)
        assert (code, differing["totals"]) == (3, len(corrupted))
        told = [line.partition(":")[0] for line in lines if " balance " in line]
        assert sorted(told) == [each.member_id for each in corrupted]
    assert f"{ben.member_id}: balance 11, ledger 10; earned 10, ledger 10" in lines
    code, differing, _ = rebuild(greenroom, "--repair")
    assert (code, differing["totals"]) == (0, len(corrupted))
    assert rebuild(greenroom) == (0, {}, [])


@pytest.mark.usefixtures("stack_here")
def test_a_program_that_is_none_is_refused(greenroom: Greenroom) -> None:
    result = CliRunner().invoke(commands_main.main, ["points", "rebuild", "--program", "prg_x"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "There is no program prg_x" in result.stderr


def store(greenroom: Greenroom) -> BoardStore:
    return greenroom.container.board_store


@pytest.mark.usefixtures("stack_here")
def test_scores_that_are_wrong_missing_or_too_many_are_found_and_set_right(
    greenroom: Greenroom,
) -> None:
    callers = earned(greenroom, ben=10, cleo=20, dora=30)
    program_id = greenroom.program.program_id
    day = day_of(greenroom.clock.now(), greenroom.program.time_zone)
    week, month, year = (
        span_of(each, day).key for each in (Period.WEEK, Period.MONTH, Period.YEAR)
    )
    ben, cleo, dora = (callers[name].member_id for name in ("ben", "cleo", "dora"))
    assert store(greenroom).set_score(program_id, week, ben, 10, 11)
    assert store(greenroom).set_score(program_id, month, cleo, 20, None)
    assert store(greenroom).set_score(program_id, year, "mem_surplus", None, 5)
    for _ in range(2):
        code, differing, lines = rebuild(greenroom)
        assert (code, differing) == (3, {"differences": 3, "scores": 3})
        assert lines == [
            f"{ben}: {week}: score 11, ledger 10",
            f"{cleo}: {month}: score 0, ledger 20",
            f"mem_surplus: {year}: score 5, ledger 0",
        ]
    assert rebuild(greenroom, "--repair")[:2] == (0, {"differences": 3, "scores": 3})
    assert rebuild(greenroom) == (0, {}, [])
    assert [each.row.member_id for each in greenroom.board(callers["ben"]).top] == [dora, cleo, ben]


@pytest.mark.usefixtures("stack_here")
def test_entries_that_were_never_counted_are_found_counted_and_not_counted_twice(
    greenroom: Greenroom, points: PointService
) -> None:
    """As on the day on which boards come to a program that has a ledger already."""
    ben = earned(greenroom, ben=10)["ben"]
    for number in range(1, 6):
        award(points, ben, number)
    code, differing, lines = rebuild(greenroom)
    assert (code, differing) == (3, {"differences": 11, "scores": 5, "uncounted": 1, "places": 5})
    named = ", ".join(f"prf_{number}#award" for number in (1, 2, 3))
    assert f"{ben.member_id}: not noted as counted: {named} and 2 more" in lines
    assert rebuild(greenroom, "--repair")[0] == 0
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert rebuild(greenroom) == (0, {}, [])
    assert [each.row.points for each in greenroom.board(ben).top] == [60]


def board_of(greenroom: Greenroom, change: Callable[[list[list[object]]], object]) -> None:
    """Change the rows on the week's only page of ranks."""
    head = store(greenroom).head(greenroom.program.program_id, Period.WEEK)
    (page,) = head.ranks
    item = database().get(PageItem, f"{greenroom.program.program_id}#pages#week", page.page_id)
    rows = unpack(bytes(item.content))
    change(rows)
    database().update(item, [PageItem.content.set(pack(rows))])


CORRUPTIONS: dict[str, tuple[Callable[[list[list[object]]], object], str, str]] = {
    "wrong points": (
        lambda rows: rows[1].__setitem__(1, 25),
        "rank 2 with 25 points as 'cleo'",
        "rank 2 with 20 points as 'cleo'",
    ),
    "wrong name": (
        lambda rows: rows[1].__setitem__(2, "Nobody"),
        "rank 2 with 20 points as 'Nobody'",
        "rank 2 with 20 points as 'cleo'",
    ),
}


@pytest.mark.usefixtures("stack_here")
@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_row_that_is_wrong_is_found_and_made_anew(greenroom: Greenroom, what: str) -> None:
    change, kept, ledger = CORRUPTIONS[what]
    cleo = earned(greenroom, ben=10, cleo=20, dora=30)["cleo"]
    board_of(greenroom, change)
    code, differing, (line,) = rebuild(greenroom)
    assert (code, differing) == (3, {"differences": 1, "places": 1})
    assert line == f"{cleo.member_id}: week#2026-06-15: board {kept}; ledger {ledger}"
    assert rebuild(greenroom, "--repair")[0] == 0
    assert rebuild(greenroom) == (0, {}, [])
    own = greenroom.board(cleo).own
    assert own is not None
    assert [(each.rank, each.row.name) for each in own.around] == [
        (1, "dora"),
        (2, "cleo"),
        (3, "ben"),
    ]


@pytest.mark.usefixtures("stack_here")
def test_a_row_too_many_and_a_row_too_few_are_found(greenroom: Greenroom) -> None:
    ben = earned(greenroom, ben=10, cleo=20, dora=30)["ben"]

    def swap_last(rows: list[list[object]]) -> None:
        rows[-1] = ["mem_surplus", 10, "Surplus"]

    board_of(greenroom, swap_last)
    _, differing, lines = rebuild(greenroom)
    assert differing == {"differences": 2, "places": 2}
    place = "rank 3 with 10 points as"
    assert set(lines) == {
        f"{ben.member_id}: week#2026-06-15: board not there when they ask for their own "
        f"place; ledger {place} 'ben'",
        f"mem_surplus: week#2026-06-15: board {place} 'Surplus'; ledger not there",
    }
    assert rebuild(greenroom, "--repair")[0] == 0
    assert rebuild(greenroom) == (0, {}, [])


def damage_head(greenroom: Greenroom) -> None:
    database().update(
        HeadItem(greenroom.program.program_id, "head#week"), [HeadItem.content.set(b"noise")]
    )


def empty_head(greenroom: Greenroom) -> None:
    told_by_head(greenroom, lambda told: told.clear())


def drop_head(greenroom: Greenroom) -> None:
    database().delete(HeadItem(greenroom.program.program_id, "head#week"))


def damage_pages(greenroom: Greenroom) -> None:
    for item in database().query(PageItem, f"{greenroom.program.program_id}#pages#week"):
        database().update(item, [PageItem.content.set(b"noise")])


def remove_pages(greenroom: Greenroom) -> None:
    for item in database().query(PageItem, f"{greenroom.program.program_id}#pages#week"):
        database().delete(item)


def misplace_members(greenroom: Greenroom) -> None:
    """Say something else to members who ask for their own place."""
    head = store(greenroom).head(greenroom.program.program_id, Period.WEEK)
    (page,) = head.members
    item = database().get(PageItem, f"{greenroom.program.program_id}#pages#week", page.page_id)
    wrong = {member_id: points + 1 for member_id, points in unpack(bytes(item.content)).items()}
    database().update(item, [PageItem.content.set(pack(wrong))])


@pytest.mark.usefixtures("stack_here")
@pytest.mark.parametrize(
    "damage", [damage_head, empty_head, drop_head, damage_pages, remove_pages, misplace_members]
)
def test_a_board_that_is_damaged_as_a_whole_is_found_and_made_anew(
    greenroom: Greenroom, damage: Callable[[Greenroom], None]
) -> None:
    callers = earned(greenroom, ben=10, cleo=20, dora=30)
    damage(greenroom)
    code, differing, lines = rebuild(greenroom, "--repair")
    assert (code, differing) == (0, {"differences": 3, "places": 3})
    told = [line.partition(":")[0] for line in lines]
    assert sorted(told) == sorted(each.member_id for each in callers.values())
    assert rebuild(greenroom) == (0, {}, [])
    own = greenroom.board(callers["cleo"]).own
    assert own is not None
    assert (own.rank, own.points) == (2, 20)


def told_by_head(greenroom: Greenroom, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the head of the week's board tells."""
    item = database().get(HeadItem, greenroom.program.program_id, "head#week")
    told = unpack(item.content)
    change(told)
    database().update(item, [HeadItem.content.set(pack(told))])


HEADS: dict[str, tuple[Callable[[dict[str, Any]], object], list[str]]] = {
    "another number": (
        lambda told: told.update(count=7),
        ["week#2026-06-15: board of 7 members; ledger 3"],
    ),
    "a page that has more": (
        lambda told: told["ranks"][0].__setitem__(2, 2),
        ["week#2026-06-15: board of 2 members; ledger 3"],
    ),
    "one too few": (
        lambda told: told["top"].pop(1),
        ["cleo: week#2026-06-15: board left out of the list; ledger rank 2 with 20 points as"],
    ),
    "one too many": (
        lambda told: told["top"].append(told["top"][0]),
        ["dora: week#2026-06-15: board on the list too often; ledger rank 1 with 30 points as"],
    ),
    "another order": (
        lambda told: told["top"].reverse(),
        [
            "ben: week#2026-06-15: board elsewhere on the list; ledger rank 3 with 10 points as",
            "dora: week#2026-06-15: board elsewhere on the list; ledger rank 1 with 30 points as",
        ],
    ),
}


@pytest.mark.usefixtures("stack_here")
@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_tells_something_else_is_found_and_made_anew(
    greenroom: Greenroom, what: str
) -> None:
    change, expected = HEADS[what]
    callers = earned(greenroom, ben=10, cleo=20, dora=30)
    told_by_head(greenroom, change)
    code, _, lines = rebuild(greenroom)
    for name, caller in callers.items():
        lines = [line.replace(caller.member_id, name).removesuffix(f" '{name}'") for line in lines]
    assert (code, sorted(lines)) == (3, expected)
    assert rebuild(greenroom, "--repair")[0] == 0
    assert rebuild(greenroom) == (0, {}, [])


def tenth_unnamed(rows: list[list[object]]) -> None:
    rows[-1][2] = "Nobody"


PAGES: dict[str, tuple[Callable[[Greenroom], object], dict[str, str]]] = {
    "a page of rows begins elsewhere": (
        lambda greenroom: told_by_head(
            greenroom, lambda told: told["ranks"][1].__setitem__(1, [-98, "mem_002"])
        ),
        {"mem_000": "left out beside mem_002", "mem_001": "left out beside mem_002"},
    ),
    "a page of members begins elsewhere": (
        lambda greenroom: told_by_head(
            greenroom, lambda told: told["members"][1].__setitem__(1, "mem_003")
        ),
        {"mem_003": "no points when they ask for their own place"},
    ),
    "a neighbour has another name": (
        lambda greenroom: second_page(greenroom, tenth_unnamed),
        {"mem_009": "rank 10 with 91 points as 'Nobody'"},
    ),
    "a neighbour is missing": (
        lambda greenroom: second_page(greenroom, lambda rows: rows.pop()),
        {"mem_009": "left out beside mem_007"},
    ),
}


def second_page(greenroom: Greenroom, change: Callable[[list[list[object]]], object]) -> None:
    """Change the rows on the second page of the week's board."""
    page = store(greenroom).head(greenroom.program.program_id, Period.WEEK).ranks[1]
    item = database().get(PageItem, f"{greenroom.program.program_id}#pages#week", page.page_id)
    rows = unpack(bytes(item.content))
    change(rows)
    database().update(item, [PageItem.content.set(pack(rows))])


@pytest.mark.usefixtures("stack_here")
@pytest.mark.parametrize("what", PAGES)
def test_a_misplaced_board_row_is_found_and_rebuilt(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name, size in (("PAGE_ROWS", 4), ("MAX_ROWS", 6), ("MIN_ROWS", 2)):
        monkeypatch.setattr(ranking, name, size)
    for number, caller in enumerate(people(greenroom, 14)):
        award(greenroom.container.points, caller, number, 100 - number)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert rebuild(greenroom) == (0, {}, [])
    damage, expected = PAGES[what]
    damage(greenroom)
    code, _, lines = rebuild(greenroom)
    assert (code, len(lines)) == (3, len(expected))
    for line, (member_id, wrong) in zip(lines, expected.items(), strict=True):
        assert line.startswith(f"{member_id}: week#2026-06-15: board {wrong}; ledger rank ")
    assert rebuild(greenroom, "--repair")[0] == 0
    assert rebuild(greenroom) == (0, {}, [])


@pytest.mark.usefixtures("stack_here")
def test_scores_of_a_week_that_is_yet_to_begin_are_compared_too(greenroom: Greenroom) -> None:
    callers = earned(greenroom, ben=10)
    ben, program_id = callers["ben"].member_id, greenroom.program.program_id
    assert store(greenroom).set_score(program_id, "week#2026-06-22", ben, None, 5)
    code, differing, lines = rebuild(greenroom, "--repair")
    assert (code, differing) == (0, {"differences": 1, "scores": 1})
    assert lines == [f"{ben}: week#2026-06-22: score 5, ledger 0"]
    assert rebuild(greenroom) == (0, {}, [])


def test_a_board_that_contradicts_itself_is_not_shown(greenroom: Greenroom) -> None:
    cleo = earned(greenroom, ben=10, cleo=20, dora=30)["cleo"]
    misplace_members(greenroom)
    board_of(greenroom, lambda rows: rows.pop(1))
    with pytest.raises(Problem) as refused:
        greenroom.board(cleo)
    assert refused.value.code is ProblemCode.UNAVAILABLE


@pytest.mark.usefixtures("stack_here")
def test_a_change_that_waits_for_the_next_tick_is_said(greenroom: Greenroom) -> None:
    ben = earned(greenroom, ben=10)["ben"]
    award(greenroom.container.points, ben, 1)
    greenroom.count_entries()
    words = ["points", "rebuild", "--program", greenroom.program.program_id]
    result = CliRunner().invoke(commands_main.main, words)
    assert "a change waits for the next tick" in result.stderr
    greenroom.build_leaderboards()
    assert rebuild(greenroom) == (0, {}, [])


@pytest.mark.usefixtures("stack_here")
def test_a_balance_changed_meanwhile_is_left_and_reported(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = earned(greenroom, ben=10)["ben"]
    program_id, week = greenroom.program.program_id, "week#2026-06-15"
    store(greenroom).set_score(program_id, week, ben.member_id, 10, 12)
    set_score = BoardStore.set_score

    def moved(*given: Any) -> bool:
        monkeypatch.setattr(BoardStore, "set_score", set_score)
        set_score(store(greenroom), program_id, week, ben.member_id, 12, 13)
        return set_score(*given)

    monkeypatch.setattr(BoardStore, "set_score", moved)
    assert rebuild(greenroom, "--repair")[:2] == (3, {"differences": 1, "scores": 1})
    assert rebuild(greenroom, "--repair")[0] == 0
    assert rebuild(greenroom) == (0, {}, [])
