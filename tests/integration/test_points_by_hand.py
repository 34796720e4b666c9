"""Points by hand, and ledgers that explain themselves to whom they are about."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation import actors
from chalicelib.foundation.actors import acting
from chalicelib.foundation.events import Event
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.points import worker
from chalicelib.points.events import PointsAdjusted
from chalicelib.points.model import MAX_ABOUT_LENGTH, LedgerEntry, Totals
from chalicelib.points.problems import PointProblem
from chalicelib.points.service import PointService
from chalicelib.programs.problems import ProgramProblem
from tests.clock import StoppedClock
from tests.events import streamed
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom


@pytest.fixture(autouse=True)
def quick(tables_in_memory: None) -> None:
    """Ledgers are read page by page here."""


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def points(greenroom: Greenroom) -> PointService:
    return greenroom.container.points


@pytest.fixture
def give(greenroom: Greenroom, points: PointService, ben: Caller) -> Callable[..., Totals]:
    def give(amount: int, reason: str = "Spoke at the fair", made_id: str | None = None) -> Totals:
        with acting(actors.member(greenroom.manager.member_id)):
            found = points.adjust(greenroom.manager, ben.member_id, amount, reason, made_id)
        assert (found.entry.points, found.entry.reason) == (amount, reason)
        return found.totals

    return give


def told(points: PointService, caller: Caller) -> list[tuple[str, int, str | None, str | None]]:
    found = points.ledger(caller, 100, None).items
    return [(each.kind.value, each.points, each.about, each.reason) for each in found]


def test_points_given_and_taken_by_hand_count_at_once_and_the_member_reads_why(
    greenroom: Greenroom, points: PointService, ben: Caller, give: Callable[..., Totals]
) -> None:
    assert give(30) == Totals(30, 30)
    greenroom.clock.advance(timedelta(minutes=1))
    assert give(-10, "Counted twice") == Totals(20, 20)
    assert greenroom.totals(ben) == Totals(20, 20)
    assert told(points, ben) == [
        ("adjustment", -10, None, "Counted twice"),
        ("adjustment", 30, None, "Spoke at the fair"),
    ]
    (_, first) = points.ledger_of(greenroom.manager, ben.member_id, 10, None).items
    assert first.made_by == f"member:{greenroom.manager.member_id}"


def test_an_adjustment_below_nothing_is_refused_and_names_the_balance(
    greenroom: Greenroom, ben: Caller, give: Callable[..., Totals]
) -> None:
    give(30)
    with pytest.raises(Problem) as refused:
        give(-31)
    assert refused.value.code is PointProblem.BALANCE_TOO_LOW
    assert refused.value.members == {"balance": 30}
    assert "30 points" in refused.value.detail
    assert greenroom.ledger(ben) == [("adjustment", 30)]
    assert give(-30) == Totals(0, 0)


def test_nothing_can_be_taken_from_who_never_had_any(
    greenroom: Greenroom, ben: Caller, give: Callable[..., Totals]
) -> None:
    with pytest.raises(Problem) as refused:
        give(-1)
    assert refused.value.members == {"balance": 0}
    assert (greenroom.ledger(ben), greenroom.totals(ben)) == ([], Totals())


def test_a_member_with_a_negative_balance_may_be_given_points(
    greenroom: Greenroom, points: PointService, ben: Caller, give: Callable[..., Totals]
) -> None:
    """Points that were spent before their performance failed are owed."""
    give(10)
    database().commit(points.take_back(ben.owner, 25, "prf_1"))
    assert greenroom.totals(ben).balance == -15
    with pytest.raises(Problem):
        give(-1)
    assert give(5).balance == -10


def test_no_points_at_all_are_no_adjustment(give: Callable[..., Totals]) -> None:
    with pytest.raises(Problem) as refused:
        give(0)
    (error,) = refused.value.errors
    assert (refused.value.code, error.field) == (ProblemCode.INVALID_REQUEST, "amount")


def test_the_same_request_again_gives_nothing_again(
    greenroom: Greenroom, ben: Caller, give: Callable[..., Totals]
) -> None:
    assert give(30, made_id="1") == give(30, made_id="1") == Totals(30, 30)
    assert greenroom.ledger(ben) == [("adjustment", 30)]


def test_a_removed_member_gets_no_points_and_keeps_their_ledger(
    greenroom: Greenroom, points: PointService, ben: Caller, give: Callable[..., Totals]
) -> None:
    give(30, made_id="1")
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    with pytest.raises(Problem) as refused:
        give(5)
    assert refused.value.code is ProgramProblem.MEMBER_REMOVED
    assert len(points.ledger_of(greenroom.manager, ben.member_id, 10, None).items) == 1
    assert give(30, made_id="1") == Totals(30, 30)  # the answer to a request made before


@pytest.mark.parametrize("what", ["adjust", "ledger_of"])
def test_a_member_of_another_program_is_not_found(
    greenroom: Greenroom, points: PointService, ben: Caller, what: str
) -> None:
    _, other, _ = greenroom.container.programs.create_program("Other", "UTC", "zoe@other.example")
    zoe = greenroom.sign_in("zoe@other.example")
    assert other.member_id == zoe.member_id
    database().commit(points.award(ben.owner, 10, "prf_1"))
    arguments = {"adjust": (5, "Mine"), "ledger_of": (10, None)}
    with pytest.raises(Problem) as refused:
        getattr(points, what)(zoe, ben.member_id, *arguments[what])
    assert refused.value.code is ProblemCode.NOT_FOUND
    assert greenroom.ledger(ben) == [("award", 10)]


def test_points_that_a_failed_send_took_back_say_its_code_to_member_and_managers(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.perform(greenroom.now(ben), greenroom.activity())
    (award,) = points.ledger(ben, 10, None).items
    greenroom.clock.advance(timedelta(minutes=1))
    database().commit(
        points.take_back(
            ben.owner, 10, award.source.source_id, reason="Refused.", failure="spam_risk"
        )
    )
    for ledger in (
        points.ledger(ben, 10, None),
        points.ledger_of(greenroom.manager, ben.member_id, 10, None),
    ):
        assert [entry.failure for entry in ledger.items] == ["spam_risk", None]


def test_every_entry_of_a_performance_says_which_activity_it_is_about_and_why(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    greenroom.connect_account(ben, "ben")
    greenroom.perform(greenroom.now(ben), greenroom.activity(instructions="Share " * 100))
    (award,) = points.ledger(ben, 10, None).items
    assert award.about is not None
    assert award.about.startswith("Share Share")
    assert len(award.about) <= MAX_ABOUT_LENGTH
    greenroom.clock.advance(timedelta(minutes=1))
    database().commit(
        points.take_back(ben.owner, 10, award.source.source_id, about="A", reason="Refused.")
    )
    assert told(points, ben)[0] == ("reversal", -10, "A", "Refused.")


def test_a_ledger_is_read_page_by_page_newest_first_and_nothing_comes_twice(
    greenroom: Greenroom, points: PointService, ben: Caller, clock: StoppedClock
) -> None:
    """Also what was written at one instant."""
    for number in range(1, 8):
        database().commit(points.award(ben.owner, number, f"prf_{number % 3}{number}"))
        if number % 3 == 0:
            clock.advance(timedelta(seconds=1))
    pages: list[tuple[LedgerEntry, ...]] = []
    cursor = None
    while True:
        page = points.ledger(ben, 2, cursor)
        pages.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    found = [each for page in pages for each in page]
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert {each.points for each in found} == set(range(1, 8))
    assert [each.made_at for each in found] == sorted((e.made_at for e in found), reverse=True)


def test_a_cursor_of_another_members_ledger_is_refused(
    greenroom: Greenroom, points: PointService, ben: Caller
) -> None:
    for number in (1, 2):
        database().commit(points.award(ben.owner, 5, f"prf_{number}"))
    cursor = points.ledger(ben, 1, None).next_cursor
    with pytest.raises(Problem) as refused:
        points.ledger(greenroom.member("cleo"), 1, cursor)
    assert refused.value.code is ProblemCode.INVALID_CURSOR


def test_a_ledger_costs_two_calls_however_long_it_is(
    greenroom: Greenroom, points: PointService, ben: Caller, calls: Calls
) -> None:
    for number in range(30):
        database().commit(points.award(ben.owner, 5, f"prf_{number}"))
    manager = greenroom.manager
    readings: tuple[Callable[[], Page[LedgerEntry]], ...] = (
        lambda: points.ledger(greenroom.now(ben), 20, None),
        lambda: points.ledger_of(greenroom.now(manager), ben.member_id, 20, None),
    )
    for read in readings:
        read()  # what is read once for all, such as a secret
        calls.made.clear()
        assert len(read().items) == 20
        assert len(calls.made) == 2


def test_an_adjustment_counts_on_leaderboards_on_its_own_day(
    greenroom: Greenroom, ben: Caller, give: Callable[..., Totals]
) -> None:
    give(30)
    give(-10, "Counted twice")
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert [each.row.points for each in greenroom.board(ben).top] == [20]


class KeptEvents:
    """A bus that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event[Any]] = []

    def publish(self, events: list[Event[Any]]) -> set[str]:
        self.events += events
        return set()


def test_adjustments_alone_are_announced_to_others(
    greenroom: Greenroom, points: PointService, ben: Caller, give: Callable[..., Totals]
) -> None:
    database().commit(points.award(ben.owner, 10, "prf_1"))
    give(30)
    bus = KeptEvents()
    counter = greenroom.container.entry_counter
    for _ in range(2):
        worker.count_entries(counter, bus, streamed(greenroom.images()))  # type: ignore[arg-type]
    assert [each.payload for each in bus.events] == 2 * [
        PointsAdjusted(ben.member_id, bus.events[0].payload.entry_id, 30)
    ]
    assert len({each.event_id for each in bus.events}) == 1
    assert bus.events[0].actor == f"member:{greenroom.manager.member_id}"
