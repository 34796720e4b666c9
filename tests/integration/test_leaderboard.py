"""The leaderboard: counted once whatever the stream does, shown whole or not at all, cheap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import boto3
import pytest

from chalicelib.foundation.identity import Caller, Role, ShownAs
from chalicelib.foundation.problems import Problem
from chalicelib.points import ranking, routes, worker
from chalicelib.points.board_store import BoardStore, DueBoardItem, LeaseLost, ScoreItem
from chalicelib.points.boards import LEASE_DURATION, Board
from chalicelib.points.periods import Period, day_of, span_of
from chalicelib.points.problems import PointProblem
from chalicelib.points.store import EntryItem
from chalicelib.programs.events import events_of
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.store import MemberItem, ProgramItem
from tests.clock import StoppedClock
from tests.events import Relayed, streamed
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

READING = ["Query", "TransactGetItems", "GetItem", "GetItem"]


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def cleo(greenroom: Greenroom) -> Caller:
    return greenroom.member("cleo")


def award(greenroom: Greenroom, caller: Caller, number: int, worth: int = 10) -> None:
    database().commit(greenroom.container.points.award(caller.owner, worth, f"prf_{number}"))


def take_back(greenroom: Greenroom, caller: Caller, number: int, worth: int = 10) -> None:
    database().commit(greenroom.container.points.take_back(caller.owner, worth, f"prf_{number}"))


def shown(board: Board) -> list[tuple[int, str, int]]:
    return [(each.rank, each.row.name, each.row.points) for each in board.top]


def scores(greenroom: Greenroom, caller: Caller) -> dict[str, int]:
    """What is counted for a member, by span."""
    found = boto3.client("dynamodb").scan(TableName="BoardsTable")["Items"]
    return {
        each["board"]["S"].partition("#")[2]: int(each["points"]["N"])
        for each in found
        if each["item"]["S"] == caller.member_id
    }


def program_setting(greenroom: Greenroom, **values: Any) -> None:
    item = ProgramItem(greenroom.program.program_id, "program")
    database().update(
        item, [getattr(ProgramItem, name).set(value) for name, value in values.items()]
    )


def test_a_member_with_points_is_on_every_board_after_the_next_tick(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    award(greenroom, ben, 1, 30)
    award(greenroom, cleo, 2, 40)
    award(greenroom, ben, 3, 5)
    assert shown(greenroom.board(ben)) == []
    greenroom.count_entries()
    assert greenroom.build_leaderboards() == 1
    for period in Period:
        board = greenroom.board(ben, period)
        assert shown(board) == [(1, "cleo", 40), (2, "ben", 35)]
        assert board.own is not None
        assert (board.own.rank, board.own.points) == (2, 35)
        assert [each.row.name for each in board.own.around] == ["cleo", "ben"]


@pytest.mark.parametrize("seed", range(2))
def test_however_often_and_in_whatever_order_entries_come_each_counts_once(
    greenroom: Greenroom, ben: Caller, cleo: Caller, seed: int
) -> None:
    for number in range(1, 5):
        award(greenroom, ben, number, number)
        award(greenroom, cleo, 10 + number, 100)
    take_back(greenroom, ben, 2, 2)
    take_back(greenroom, cleo, 11, 100)
    delivered = greenroom.images() * 3
    Random(seed).shuffle(delivered)
    for at in range(0, len(delivered), 4):
        greenroom.count_entries(delivered[at : at + 4])
    assert set(scores(greenroom, ben).values()) == {8}
    assert set(scores(greenroom, cleo).values()) == {300}
    assert len(scores(greenroom, ben)) == len(Period)


def test_a_batch_of_which_one_entry_breaks_counts_the_others_and_is_due(
    greenroom: Greenroom, ben: Caller
) -> None:
    award(greenroom, ben, 1)
    broken = {**greenroom.images()[0], "kind": {"S": "of tomorrow"}, "item": {"S": "entry#x"}}
    answer = worker.count_entries(
        greenroom.container.entry_counter,
        greenroom.container.events,
        streamed([broken, *greenroom.images()]),
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]


def test_reversed_points_are_subtracted_from_the_period_they_were_earned_in(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    clock.at = datetime(2026, 6, 28, 12, tzinfo=UTC)  # a Sunday
    award(greenroom, ben, 1, 30)
    clock.advance(timedelta(days=3))  # another week, month and quarter
    award(greenroom, ben, 2, 7)
    take_back(greenroom, ben, 1, 30)
    greenroom.count_entries(
        sorted(greenroom.images(), key=lambda each: each["item"]["S"], reverse=True)
    )
    counted = scores(greenroom, ben)
    assert counted["week#2026-06-22"] == counted["month#2026-06-01"] == 0
    assert counted["week#2026-06-29"] == counted["quarter#2026-07-01"] == 7
    assert counted["all_time#0001-01-01"] == counted["year#2026-01-01"] == 7


def test_a_day_is_one_of_the_programs_calendar_whatever_the_members_zone(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    """In Berlin the clocks go back in the night to Sunday; the week ends an hour later by UTC."""
    edge = datetime(2026, 10, 25, 23, tzinfo=UTC)
    clock.at = edge - timedelta(microseconds=1)
    award(greenroom, ben, 1, 1)
    clock.at = edge
    award(greenroom, ben, 2, 2)
    greenroom.count_entries()
    counted = scores(greenroom, ben)
    assert (counted["week#2026-10-19"], counted["week#2026-10-26"]) == (1, 2)
    greenroom.build_leaderboards()
    board = greenroom.board(ben)
    assert (board.starts_at, board.ends_at) == (edge, datetime(2026, 11, 1, 23, tzinfo=UTC))
    assert shown(board) == [(1, "ben", 2)]


def test_a_new_week_begins_with_nobody_on_it_and_deletes_nothing(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    before = scores(greenroom, ben)
    clock.advance(timedelta(days=7))
    board = greenroom.board(ben)
    assert (shown(board), board.as_of) == ([], clock.now())
    assert board.own is not None
    assert (board.own.rank, board.own.points) == (1, 0)
    assert [(each.rank, each.row.name) for each in board.own.around] == [(1, "ben")]
    assert shown(greenroom.board(ben, Period.YEAR)) == [(1, "ben", 10)]
    award(greenroom, ben, 2, 3)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert shown(greenroom.board(ben)) == [(1, "ben", 3)]
    assert (
        before.items() - scores(greenroom, ben).items()
        == {(key, 10) for key in before if not key.startswith("week#")}
        - scores(greenroom, ben).items()
    )
    assert scores(greenroom, ben)["week#2026-06-15"] == 10


def test_a_board_says_as_of_when_it_holds_all_that_was_counted(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    first_change = clock.now()
    clock.advance(timedelta(seconds=20))
    award(greenroom, ben, 2)
    greenroom.count_entries()
    assert greenroom.board(ben).as_of == first_change
    greenroom.build_leaderboards()
    clock.advance(timedelta(days=1))
    assert greenroom.board(ben).as_of == clock.now()


def test_nothing_changed_costs_one_query(greenroom: Greenroom, ben: Caller, calls: Calls) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    calls.made.clear()
    assert greenroom.build_leaderboards() == 0
    assert calls.names == ["Query"]


def test_a_change_that_no_board_shows_writes_no_board(
    greenroom: Greenroom, ben: Caller, calls: Calls
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    greenroom.count_entries()  # delivered again: the boards are due
    calls.made.clear()
    assert greenroom.build_leaderboards() == 1
    assert not {"BatchWriteItem", "TransactWriteItems"} & set(calls.names)


def crowded(greenroom: Greenroom, worth: Mapping[Caller, int]) -> None:
    """Put members on the week's board as if all were counted."""
    program = greenroom.program
    week = span_of(Period.WEEK, day_of(greenroom.clock.now(), program.time_zone))
    greenroom.container.leaderboard_marks.mark({program.program_id})  # binds the table
    with database().batch_write(ScoreItem) as batch:
        for caller, points in worth.items():
            board = f"{program.program_id}#{week.key}"
            batch.save(ScoreItem(board, caller.member_id, points=points))
    assert greenroom.build_leaderboards() == 1


def people(greenroom: Greenroom, count: int) -> list[Caller]:
    """Make members who have signed in, in the order of their ids."""
    items = [
        MemberItem(
            greenroom.program.program_id,
            f"member#mem_{number:03}",
            member_id=f"mem_{number:03}",
            email=f"member{number}@demo.example",
            name=f"member{number}",
            role=Role.MEMBER,
            status=MemberStatus.ACTIVE,
            time_zone="UTC",
            invited_at=greenroom.clock.now(),
            subject=f"subject-member{number}@demo.example",
        )
        for number in range(count)
    ]
    with database().batch_write(MemberItem) as batch:
        for item in items:
            batch.save(item)
    return [item.to_member().as_caller() for item in items]


def test_ties_share_a_rank_and_managers_stay_away_where_the_program_says_so(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    dora = greenroom.member("dora")
    crowded(greenroom, {greenroom.manager: 50, ben: 20, cleo: 20, dora: 5})
    tied = sorted((ben, cleo), key=lambda each: each.member_id)
    names = [(1, "ana"), *((2, each.name) for each in tied), (4, "dora")]
    assert [each[:2] for each in shown(greenroom.board(ben))] == names
    program_setting(greenroom, managers_on_leaderboard=False)
    greenroom.container.leaderboard_marks.mark({ben.program_id})
    greenroom.build_leaderboards()
    names = [*((1, each.name) for each in tied), (3, "dora")]
    assert [each[:2] for each in shown(greenroom.board(ben))] == names
    assert greenroom.board(greenroom.manager).own is None


def labels(board: Board) -> list[tuple[int, str | None, bool]]:
    return [(each.rank, each.row.shown, each.row.has_alias) for each in board.top]


def chooses(greenroom: Greenroom, caller: Caller, shown_as: ShownAs, alias: str = "") -> Caller:
    """Change how a member appears, and let the boards follow; return them as a caller since."""
    changed_item(
        greenroom,
        f"member#{caller.member_id}",
        lambda: greenroom.container.me.change_profile(caller, shown_as=shown_as, alias=alias),
    )
    assert greenroom.build_leaderboards() == 1
    return greenroom.now(caller)


def test_members_appear_by_name_by_alias_or_not_at_all_and_ranks_are_of_those_who_appear(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    dora = greenroom.member("dora")
    crowded(greenroom, {ben: 30, cleo: 20, dora: 10})
    cleo = chooses(greenroom, cleo, ShownAs.ALIAS, "Night Owl")
    board = greenroom.board(cleo)
    assert labels(board) == [(1, "ben", False), (2, "Night Owl", True), (3, "dora", False)]
    assert board.own is not None
    assert (board.own.rank, board.own.points) == (2, 20)
    assert [each.row.shown for each in board.own.around] == ["ben", "Night Owl", "dora"]
    ben = chooses(greenroom, ben, ShownAs.HIDDEN)
    for reader in (ben, dora):
        board = greenroom.board(reader)
        assert labels(board) == [(1, "Night Owl", True), (2, "dora", False)]
        assert board.count == 2
    assert greenroom.board(ben).own is None
    chooses(greenroom, ben, ShownAs.NAME)
    assert labels(greenroom.board(dora))[0] == (1, "ben", False)


def test_without_names_a_program_shows_aliases_and_those_without_one_by_rank_alone(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    dora, nobody = greenroom.member("dora"), greenroom.member("zero")
    for number, (caller, worth) in enumerate(((ben, 30), (cleo, 20), (dora, 10))):
        award(greenroom, caller, number, worth)
    greenroom.count_entries()
    chooses(greenroom, dora, ShownAs.NAME, "Early Bird")
    changed_item(
        greenroom, "program", lambda: program_setting(greenroom, names_on_leaderboard=False)
    )
    assert greenroom.build_leaderboards() == 1
    board = greenroom.board(ben)
    assert labels(board) == [(1, None, False), (2, None, False), (3, "Early Bird", True)]
    assert board.own is not None
    assert board.own.rank == 1
    own = greenroom.board(nobody).own
    assert own is not None
    assert [each.row.shown for each in own.around] == [None, "Early Bird", None]
    assert greenroom.container.points_rebuilder.findings(ben.program_id, print) == []


def test_a_board_tells_ids_of_those_who_appear_by_name_and_of_oneself(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    dora = greenroom.member("dora")
    crowded(greenroom, {ben: 30, cleo: 20, dora: 10})
    chooses(greenroom, cleo, ShownAs.ALIAS, "Night Owl")

    def told(caller: Caller) -> list[tuple[str | None, str | None, bool]]:
        view = routes._leaderboard(greenroom.board(caller), caller.member_id, "UTC")  # noqa: SLF001  the view by itself
        return [(each.member_id, each.name, each.is_alias) for each in view.items]

    first, last = (ben.member_id, "ben", False), (dora.member_id, "dora", False)
    assert told(dora) == [first, (None, "Night Owl", True), last]
    assert told(cleo) == [first, (cleo.member_id, "Night Owl", True), last]


def test_a_program_without_a_leaderboard_says_so_at_once(greenroom: Greenroom, ben: Caller) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    program_setting(greenroom, leaderboard=False)
    with pytest.raises(Problem) as refused:
        greenroom.board(ben)
    assert refused.value.code is PointProblem.LEADERBOARD_OFF
    greenroom.build_leaderboards()
    program_setting(greenroom, leaderboard=True)
    greenroom.container.leaderboard_marks.mark({ben.program_id})
    greenroom.build_leaderboards()
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]


def changed_item(greenroom: Greenroom, key: str, change: Callable[[], object]) -> None:
    """Change an item of the programs table, and deliver that as its stream does."""

    def read() -> dict[str, Any]:
        return dict(
            boto3.client("dynamodb").get_item(
                TableName="ProgramsTable",
                Key={"program_id": {"S": greenroom.program.program_id}, "item": {"S": key}},
            )["Item"]
        )

    before = read()
    change()
    relayed = Relayed(events_of)
    relayed.relay(streamed([read()], [before])["Records"])
    batch = relayed.delivered(*worker.SHOWN_ON_LEADERBOARDS)
    if batch["Records"]:
        worker.mark_changed_leaderboards(greenroom.container.leaderboard_marks, batch)


def test_names_are_those_of_now_and_who_was_removed_is_gone(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    award(greenroom, ben, 1)
    award(greenroom, cleo, 2, 5)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    changed_item(
        greenroom,
        f"member#{ben.member_id}",
        lambda: greenroom.container.me.change_profile(ben, name="Ben B.", time_zone=None),
    )
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(cleo)) == [(1, "Ben B.", 10), (2, "cleo", 5)]
    item = MemberItem(ben.program_id, f"member#{ben.member_id}")
    gone = MemberItem.status.set(MemberStatus.REMOVED)
    changed_item(greenroom, f"member#{ben.member_id}", lambda: database().update(item, [gone]))
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(cleo)) == [(1, "cleo", 5)]


def test_changes_that_boards_do_not_show_make_none_due(greenroom: Greenroom, ben: Caller) -> None:
    changed_item(
        greenroom,
        f"member#{ben.member_id}",
        lambda: greenroom.container.me.change_profile(ben, name=None, time_zone="Asia/Tokyo"),
    )
    assert greenroom.build_leaderboards() == 0


def test_settings_that_change_make_boards_due(greenroom: Greenroom) -> None:
    changed_item(greenroom, "program", lambda: program_setting(greenroom, time_zone="Asia/Tokyo"))
    assert greenroom.build_leaderboards() == 1


def test_a_zone_changed_later_moves_nothing_that_was_counted(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    """An award of Monday, 0:30 in Berlin; in New York it is Sunday still."""
    clock.at = datetime(2026, 6, 21, 22, 30, tzinfo=UTC)
    award(greenroom, ben, 1)
    greenroom.count_entries()
    before = scores(greenroom, ben)
    assert "week#2026-06-22" in before
    program_setting(greenroom, time_zone="America/New_York")
    greenroom.count_entries()
    take_back(greenroom, ben, 1)
    greenroom.count_entries()
    assert scores(greenroom, ben) == dict.fromkeys(before, 0)


def test_points_in_a_week_postponed_by_a_zone_change_are_on_its_board_when_it_begins(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock
) -> None:
    """Monday in Tokyo, where it was earned, is Sunday in New York: the week begins once more."""
    program_setting(greenroom, time_zone="Asia/Tokyo")
    clock.at = datetime(2026, 6, 21, 15, 30, tzinfo=UTC)
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    zone = "America/New_York"
    changed_item(greenroom, "program", lambda: program_setting(greenroom, time_zone=zone))
    begins = datetime(2026, 6, 22, 4, tzinfo=UTC)
    clock.advance(timedelta(minutes=1))
    while clock.now() < begins:
        assert greenroom.build_leaderboards() == 1
        board = greenroom.board(ben)
        assert (shown(board), board.as_of, board.ends_at) == ([], clock.now(), begins)
        clock.advance(timedelta(hours=1))
    board = greenroom.board(ben)
    assert (shown(board), board.as_of < begins) == ([], True)
    assert greenroom.build_leaderboards() == 1
    board = greenroom.board(ben)
    assert (shown(board), board.as_of) == ([(1, "ben", 10)], clock.now())
    assert greenroom.build_leaderboards() == 0


# --- runs that meet, die, or come late ------------------------------------------------------------


def break_at(monkeypatch: pytest.MonkeyPatch, name: str, then: Callable[[], object]) -> None:
    """Let something happen instead of a store's method, the first time."""
    method, first = getattr(BoardStore, name), [True]

    def instead(*given: Any, **named: Any) -> Any:
        if first.pop() if first else False:
            then()
        return method(*given, **named)

    monkeypatch.setattr(BoardStore, name, instead)


class Died(BaseException):
    """A function that was stopped: nothing of it runs any more."""


def die() -> None:
    raise Died


def test_of_two_runs_at_once_one_makes_the_boards(
    greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    others: list[int] = []
    break_at(monkeypatch, "put_pages", lambda: others.append(greenroom.build_leaderboards()))
    assert greenroom.build_leaderboards() == 1
    assert others == [0]
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]
    assert greenroom.build_leaderboards() == 0


@pytest.mark.parametrize("at", ["put_pages", "put_head", "finish"])
def test_a_run_that_dies_half_way_is_made_good_once_its_lease_is_over(
    greenroom: Greenroom,
    ben: Caller,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    monkeypatch.setattr(BoardStore, "release_run", lambda *_: None)  # the dead do not clear up
    break_at(monkeypatch, at, die)
    with pytest.raises(Died):
        greenroom.build_leaderboards()
    assert greenroom.build_leaderboards() == 0
    clock.advance(LEASE_DURATION)
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]
    assert pages_not_named(greenroom) == []


def pages_not_named(greenroom: Greenroom) -> Sequence[str]:
    """Pages that no head names, now or as retired."""
    program_id = greenroom.program.program_id
    store = greenroom.container.board_store
    named = {
        page_id
        for period in Period
        for head in [store.head(program_id, period)]
        for page_id in (*head.page_ids(), *head.retired)
    }
    found = boto3.client("dynamodb").scan(TableName="BoardsTable")["Items"]
    return [
        each["item"]["S"]
        for each in found
        if "#pages#" in each["board"]["S"] and each["item"]["S"] not in named
    ]


def test_a_run_that_broke_is_made_good_by_the_next(
    greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    award(greenroom, ben, 1)
    greenroom.count_entries()
    break_at(monkeypatch, "put_head", broken)
    with pytest.raises(RuntimeError, match="broken"):
        greenroom.build_leaderboards()
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]
    assert pages_not_named(greenroom) == []


def test_a_run_that_was_slower_than_its_lease_shows_nothing(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken() -> None:
        clock.advance(LEASE_DURATION)
        award(greenroom, ben, 2, 5)
        greenroom.count_entries()
        assert greenroom.build_leaderboards() == 1

    award(greenroom, ben, 1)
    greenroom.count_entries()
    break_at(monkeypatch, "put_head", overtaken)
    assert greenroom.build_leaderboards() == 0
    for period in Period:
        assert shown(greenroom.board(ben, period)) == [(1, "ben", 15)]
    assert greenroom.build_leaderboards() == 0


def test_points_counted_during_a_build_are_on_the_next_board(
    greenroom: Greenroom, ben: Caller, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile() -> None:
        clock.advance(timedelta(seconds=5))
        award(greenroom, ben, 2, 5)
        greenroom.count_entries()

    award(greenroom, ben, 1)
    greenroom.count_entries()
    begun = clock.now()
    break_at(monkeypatch, "finish", meanwhile)
    assert greenroom.build_leaderboards() == 1
    board = greenroom.board(ben)
    assert (shown(board), board.as_of) == ([(1, "ben", 10)], begun)
    assert greenroom.build_leaderboards() == 1
    assert shown(greenroom.board(ben)) == [(1, "ben", 15)]
    assert list(database().query(DueBoardItem, "changed")) == []


def test_a_program_that_breaks_does_not_keep_the_others_waiting(
    greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.clock.advance(timedelta(seconds=-5))
    greenroom.container.leaderboard_marks.mark({"prg_a_broken_one"})
    greenroom.clock.advance(timedelta(seconds=5))
    read = greenroom.container.programs.program

    def program(program_id: str) -> Any:
        if program_id == "prg_a_broken_one":
            raise RuntimeError("broken")
        return read(program_id)

    monkeypatch.setattr(greenroom.container.programs, "program", program)
    with pytest.raises(RuntimeError, match="broken"):
        greenroom.build_leaderboards()
    assert shown(greenroom.board(ben)) == [(1, "ben", 10)]


def test_a_reader_whose_board_was_replaced_under_their_hands_reads_the_new_one(
    greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()

    def replaced() -> None:
        for number in (2, 3):  # twice: the first time the old pages stay for readers like this one
            award(greenroom, ben, number)
            greenroom.count_entries()
            greenroom.build_leaderboards()

    break_at(monkeypatch, "page", replaced)
    own = greenroom.board(ben).own
    assert own is not None
    assert (own.rank, own.points) == (1, 30)


def test_a_reader_of_the_board_before_this_one_still_finds_its_pages(
    greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    award(greenroom, ben, 1)
    greenroom.count_entries()
    greenroom.build_leaderboards()

    def replaced() -> None:
        award(greenroom, ben, 2)
        greenroom.count_entries()
        greenroom.build_leaderboards()

    break_at(monkeypatch, "page", replaced)
    own = greenroom.board(ben).own
    assert own is not None
    assert (own.rank, own.points) == (1, 10)


def test_a_lease_that_is_lost_puts_no_head(greenroom: Greenroom, ben: Caller) -> None:
    store, now = greenroom.container.board_store, greenroom.clock.now()
    greenroom.container.leaderboard_marks.mark({ben.program_id})
    taken = store.lease(ben.program_id, "run1", now, now + LEASE_DURATION)
    assert taken is not None
    lost = replace(taken[0], run="run2")
    with pytest.raises(LeaseLost):
        store.put_head(lost, Period.WEEK, ranking.BoardHead("week#1", 1))
    assert store.head(ben.program_id, Period.WEEK) == ranking.BoardHead()


# --- reading --------------------------------------------------------------------------------------


@pytest.fixture
def crowd(greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch) -> list[Caller]:
    """Thirty members with points on many small pages: 30, 29, 28 ... and a tie of the last six."""
    for name, size in (("PAGE_ROWS", 4), ("MAX_ROWS", 6), ("MIN_ROWS", 2)):
        monkeypatch.setattr(ranking, name, size)
    crowd = people(greenroom, 30)
    crowded(greenroom, {caller: max(30 - number, 6) for number, caller in enumerate(crowd)})
    return crowd


def test_each_member_sees_their_rank_and_two_on_each_side_for_four_calls(
    greenroom: Greenroom, crowd: list[Caller], calls: Calls
) -> None:
    order = [each.member_id for each in crowd]
    for at in (0, 1, 5, 13, 24, 27, 29):
        calls.made.clear()
        board = greenroom.board(greenroom.now(crowd[at]))
        assert calls.names == READING
        assert board.own is not None
        assert board.own.rank == min(at, 24) + 1
        near = order[max(at - 2, 0) : at + 3]
        assert [each.row.member_id for each in board.own.around] == near
    assert [each.rank for each in board.top][-7:] == [24, *[25] * 6]


def test_a_member_without_points_ranks_after_all_with_points(
    greenroom: Greenroom, crowd: list[Caller], calls: Calls
) -> None:
    late = greenroom.member("late")
    calls.made.clear()
    board = greenroom.board(greenroom.now(late))
    assert calls.names == READING
    assert board.own is not None
    assert (board.own.rank, board.own.points) == (31, 0)
    assert [each.rank for each in board.own.around] == [25, 25, 31]
    assert board.own.around[-1].row.name == "late"


def test_the_list_has_fifty_and_the_podium_all_of_the_first_three_ranks(
    greenroom: Greenroom,
) -> None:
    callers = people(greenroom, 53)
    crowded(greenroom, {caller: 100 - number // 2 for number, caller in enumerate(callers)})
    board = greenroom.board(callers[52])
    assert (len(board.top), board.count) == (50, 53)
    assert [each.rank for each in board.top[:5]] == [1, 1, 3, 3, 5]
    assert board.own is not None
    assert board.own.rank == 53


def test_boards_of_another_program_are_its_own(greenroom: Greenroom, ben: Caller) -> None:
    award(greenroom, ben, 1)
    other, manager, _ = greenroom.container.programs.create_program(
        "Other", "Asia/Tokyo", "zoe@other.example"
    )
    greenroom.count_entries()
    greenroom.build_leaderboards()
    zoe = replace(manager.as_caller(), role=Role.MANAGER)
    board = greenroom.container.points.leaderboard(zoe, Period.WEEK)
    assert (shown(board), board.count, board.time_zone) == ([], 0, "Asia/Tokyo")
    assert zoe.program_id == other.program_id


def test_entries_of_no_worth_are_not_counted(greenroom: Greenroom, ben: Caller) -> None:
    award(greenroom, ben, 1, 0)
    greenroom.count_entries()
    assert scores(greenroom, ben) == {}
    assert greenroom.build_leaderboards() == 0


def test_an_award_that_is_not_in_the_ledger_any_more_leaves_its_reversal_its_own_day(
    greenroom: Greenroom, ben: Caller
) -> None:
    award(greenroom, ben, 1)
    take_back(greenroom, ben, 1)
    database().delete(EntryItem(ben.owner, "entry#prf_1#award"))
    greenroom.count_entries()
    assert set(scores(greenroom, ben).values()) == {-10}
    greenroom.build_leaderboards()
    assert shown(greenroom.board(ben)) == []


def test_changes_that_are_told_twice_late_and_in_any_order_lead_to_one_and_the_same_board(
    greenroom: Greenroom, ben: Caller, cleo: Caller
) -> None:
    """An event marks; what a board shows is read from the tables when it is made."""
    award(greenroom, ben, 1)
    award(greenroom, cleo, 2, 5)
    greenroom.count_entries()
    greenroom.build_leaderboards()
    told: list[dict[str, Any]] = []
    profile = greenroom.container.me.change_profile
    marks = greenroom.container.leaderboard_marks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "mark_changed_leaderboards", lambda _, batch: told.append(batch))
        for name in ("Benno", "Ben the Second"):
            key = f"member#{ben.member_id}"
            changed_item(greenroom, key, partial(profile, ben, name=name, time_zone=None))
    first, second = told
    for batch in (second, first, second, first):
        assert worker.mark_changed_leaderboards(marks, batch) == {"batchItemFailures": []}
    assert greenroom.build_leaderboards() == 1
    board = greenroom.board(ben)
    assert "Ben the Second" in [each.row.name for each in board.top]
    assert greenroom.build_leaderboards() == 0
    worker.mark_changed_leaderboards(marks, first)  # a day late
    assert greenroom.build_leaderboards() == 1
    assert greenroom.board(ben).top == board.top
