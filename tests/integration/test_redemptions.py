"""Redemptions: points, pieces and limits together or not at all, and each request decided once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.points.model import Totals
from chalicelib.points.problems import PointProblem
from chalicelib.programs.model import ChannelKind, Member
from chalicelib.rewards.model import Redemption, RedemptionStatus, Reward, RewardState
from chalicelib.rewards.problems import RewardProblem
from chalicelib.rewards.redemptions.requesters import Requesters
from chalicelib.rewards.redemptions.service import RedemptionService
from chalicelib.rewards.store import RewardStore
from tests.integration.conftest import Calls
from tests.integration.greenroom import Greenroom

WAITS, DONE, REFUSED = (
    RedemptionStatus.REQUESTED,
    RedemptionStatus.FULFILLED,
    RedemptionStatus.REJECTED,
)


@pytest.fixture
def greenroom(tables_in_memory: None, greenroom: Greenroom) -> Greenroom:
    return greenroom


@pytest.fixture
def redemptions(greenroom: Greenroom) -> RedemptionService:
    return greenroom.container.redemptions


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return rich(greenroom, "ben")


def rich(greenroom: Greenroom, name: str, points: int = 100) -> Caller:
    caller = greenroom.member(name)
    greenroom.container.points.adjust(greenroom.manager, caller.member_id, points, "Fair")
    return caller


def reward(greenroom: Greenroom, **wanted: Any) -> Reward:
    given: Any = {"title": "Mug", "price": 30} | wanted
    return greenroom.container.rewards.create(greenroom.manager, **given)


def now(greenroom: Greenroom, which: Reward) -> Reward:
    return greenroom.container.rewards.reward(greenroom.manager, which.reward_id)


def refusal(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value


def kinds(greenroom: Greenroom, caller: Caller) -> list[tuple[str, int]]:
    return sorted(each for each in greenroom.ledger(caller) if each[0] != "adjustment")


def queue(
    redemptions: RedemptionService, greenroom: Greenroom, status: RedemptionStatus
) -> list[str]:
    found = redemptions.queue(greenroom.manager, status, 100, None).items
    return [each.redemption_id for each in found]


# --- redeeming ----------------------------------------------------------------------------------


def test_a_redemption_costs_its_price_takes_a_piece_and_is_shown_to_both_sides(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, stock=2)
    made = redemptions.redeem(ben, mug.reward_id, 30)
    assert (made.status, made.title, made.price, made.member_name) == (WAITS, "Mug", 30, "ben")
    assert greenroom.totals(ben) == Totals(70, 100)  # what was earned stays
    assert now(greenroom, mug).left == 1
    assert redemptions.own(ben, 20, None).items == (made,)
    assert redemptions.queue(greenroom.manager, WAITS, 20, None).items == (made,)
    (spent, _) = greenroom.container.points.ledger(ben, 20, None).items
    assert (spent.about, spent.source.source_id) == ("Mug", made.redemption_id)


def test_a_member_without_enough_points_is_told_how_many_are_missing(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, price=140, stock=1)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 140))
    assert problem.code is PointProblem.BALANCE_TOO_LOW
    assert problem.members == {"balance": 100, "price": 140}
    assert "40 more" in problem.detail
    assert (now(greenroom, mug).left, kinds(greenroom, ben)) == (1, [])


def test_points_that_come_while_a_redemption_is_refused_pay_for_it(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mug, points = reward(greenroom, price=140, stock=1), greenroom.container.points
    totals, given = points.totals, [40]

    def after_a_gift(owner: str) -> Totals:
        while given:
            points.adjust(greenroom.manager, ben.member_id, given.pop(), "Fair")
        return totals(owner)

    monkeypatch.setattr(points, "totals", after_a_gift)
    redemptions.redeem(ben, mug.reward_id, 140)
    assert (totals(ben.owner).balance, now(greenroom, mug).left) == (0, 0)


def test_the_last_piece_goes_once(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug, cleo = reward(greenroom, stock=1), rich(greenroom, "cleo")
    redemptions.redeem(ben, mug.reward_id, 30)
    problem = refusal(lambda: redemptions.redeem(cleo, mug.reward_id, 30))
    assert problem.code is RewardProblem.REWARD_SOLD_OUT
    assert greenroom.totals(cleo).balance == 100


def test_the_last_piece_goes_once_though_both_saw_it(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mug, cleo = reward(greenroom, stock=1), rich(greenroom, "cleo")
    between(monkeypatch, "get", lambda: redemptions.redeem(cleo, mug.reward_id, 30))
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is RewardProblem.REWARD_SOLD_OUT
    assert (greenroom.totals(ben).balance, now(greenroom, mug).taken) == (100, 1)


def test_a_member_gets_no_more_than_the_limit_and_a_rejected_one_does_not_count(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug, cleo = reward(greenroom, per_member=2), rich(greenroom, "cleo")
    first, _ = (redemptions.redeem(ben, mug.reward_id, 30) for _ in range(2))
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is RewardProblem.REWARD_LIMIT_REACHED
    assert (problem.members, greenroom.totals(ben).balance) == ({"limit": 2}, 40)
    redemptions.redeem(cleo, mug.reward_id, 30)
    redemptions.reject(greenroom.manager, first.redemption_id, "Another colour?")
    redemptions.redeem(ben, mug.reward_id, 30)


def test_a_limit_that_comes_later_counts_what_was_asked_for_before(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom)
    redemptions.redeem(ben, mug.reward_id, 30)
    greenroom.container.rewards.edit(greenroom.manager, mug.reward_id, 1, per_member=1)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is RewardProblem.REWARD_LIMIT_REACHED


def test_another_price_than_the_one_that_was_seen_is_not_paid(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom)
    greenroom.container.rewards.edit(greenroom.manager, mug.reward_id, 1, price=35)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert (problem.code, problem.members) == (RewardProblem.REWARD_CHANGED, {"price": 35})
    assert greenroom.totals(ben).balance == 100


def test_a_price_that_changes_while_the_last_pieces_go_is_not_paid(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mug = reward(greenroom, stock=5)
    edit = greenroom.container.rewards.edit
    between(monkeypatch, "get", lambda: edit(greenroom.manager, mug.reward_id, 1, price=35), skip=0)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is RewardProblem.REWARD_CHANGED
    assert (greenroom.totals(ben).balance, now(greenroom, mug).taken) == (100, 0)


def test_a_request_keeps_the_price_and_title_that_it_was_made_with(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom)
    made = redemptions.redeem(ben, mug.reward_id, 30)
    greenroom.container.rewards.edit(greenroom.manager, mug.reward_id, 1, price=90, title="Cup")
    assert redemptions.own(ben, 20, None).items == (made,)
    redemptions.reject(greenroom.manager, made.redemption_id, "None left")
    assert greenroom.totals(ben).balance == 100


@pytest.mark.parametrize("state", [RewardState.DRAFT, RewardState.ARCHIVED])
def test_a_withdrawn_reward_cannot_be_redeemed_and_its_requests_stay(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, state: RewardState
) -> None:
    mug = reward(greenroom, stock=3)
    made = redemptions.redeem(ben, mug.reward_id, 30)
    greenroom.container.rewards.edit(greenroom.manager, mug.reward_id, 1, state=state)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    expected = (
        ProblemCode.NOT_FOUND if state is RewardState.DRAFT else RewardProblem.REWARD_NOT_ON_OFFER
    )
    assert problem.code is expected
    redemptions.reject(greenroom.manager, made.redemption_id, "Over")
    assert (greenroom.totals(ben).balance, now(greenroom, mug).taken) == (100, 0)


def test_a_window_that_is_not_open_refuses_in_words(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, starts_at="2026-06-15T15:00", ends_at="2026-06-15T16:00")
    early = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    greenroom.clock.advance(timedelta(hours=3))
    late = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert early.code is late.code is RewardProblem.REWARD_NOT_ON_OFFER
    assert early.detail != late.detail


def test_a_reward_addressed_to_others_cannot_be_redeemed_even_if_readdressed_meanwhile(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom)
    redemptions.redeem(ben, mug.reward_id, 30)
    channels = greenroom.container.channels
    board = channels.create(greenroom.manager, "Board", ChannelKind.PRIVATE).channel
    greenroom.container.rewards.edit(
        greenroom.manager, mug.reward_id, 1, channel_ids=[board.channel_id]
    )
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is ProblemCode.NOT_FOUND


def test_the_same_request_again_spends_once_whatever_became_of_the_reward(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, stock=1)
    made = redemptions.redeem(ben, mug.reward_id, 30, "1")
    assert redemptions.redeem(ben, mug.reward_id, 30, "1") == made
    greenroom.container.rewards.edit(
        greenroom.manager, mug.reward_id, 1, state=RewardState.ARCHIVED
    )
    assert redemptions.redeem(ben, mug.reward_id, 30, "1") == made
    assert greenroom.totals(ben).balance == 70


def test_a_redemption_costs_three_calls(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, calls: Calls
) -> None:
    mugs = [reward(greenroom, price=1, stock=stock) for stock in (None, 5)]
    for mug in mugs:
        calls.made.clear()
        redemptions.redeem(greenroom.now(ben), mug.reward_id, 1)
        assert calls.names == ["Query", "GetItem", "TransactWriteItems"]


def test_an_unlimited_reward_is_written_to_by_nobody_who_redeems_it(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, calls: Calls
) -> None:
    mug = reward(greenroom, price=1)
    calls.made.clear()
    redemptions.redeem(ben, mug.reward_id, 1)
    ((_, asked),) = [each for each in calls.made if each[0] == "TransactWriteItems"]
    assert f"reward#{mug.reward_id}" not in str(asked)


def test_a_stock_at_which_too_many_are_at_once_says_so(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.rewards.redemptions.service.REDEEM_ATTEMPTS", 2)
    mug = reward(greenroom, stock=5)
    contended: dict[str, Any] = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }
    calls.fail("TransactWriteItems", contended, times=1)
    redemptions.redeem(ben, mug.reward_id, 30)
    calls.fail("TransactWriteItems", contended, times=2)
    problem = refusal(lambda: redemptions.redeem(ben, mug.reward_id, 30))
    assert problem.code is ProblemCode.CHANGED_MEANWHILE
    assert greenroom.totals(ben).balance == 70


# --- deciding -----------------------------------------------------------------------------------


@pytest.fixture
def mug(greenroom: Greenroom) -> Reward:
    return reward(greenroom, stock=5)


@pytest.fixture
def asked(redemptions: RedemptionService, ben: Caller, mug: Reward) -> Redemption:
    return redemptions.redeem(ben, mug.reward_id, 30)


def test_a_fulfilled_request_shows_the_member_a_note_and_a_code(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, asked: Redemption
) -> None:
    greenroom.clock.advance(timedelta(hours=1))
    redemptions.fulfil(greenroom.manager, asked.redemption_id, note="At the desk", code="ABC-1")
    (seen,) = redemptions.own(ben, 20, None).items
    assert (seen.status, seen.note, seen.code) == (DONE, "At the desk", "ABC-1")
    assert seen.decided_at == greenroom.clock.now()
    assert seen.decided_by == greenroom.manager.member_id
    assert (queue(redemptions, greenroom, WAITS), len(queue(redemptions, greenroom, DONE))) == (
        [],
        1,
    )
    assert kinds(greenroom, ben) == [("spending", -30)]


def test_a_rejected_request_returns_points_and_piece_once_with_a_reason(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    mug: Reward,
    asked: Redemption,
) -> None:
    greenroom.clock.advance(timedelta(minutes=1))
    for _ in range(2):
        redemptions.reject(greenroom.manager, asked.redemption_id, "Out of mugs")
    assert kinds(greenroom, ben) == [("refund", 30), ("spending", -30)]
    assert greenroom.totals(ben) == Totals(100, 100)
    assert now(greenroom, mug).taken == 0
    (seen,) = redemptions.own(ben, 20, None).items
    assert (seen.status, seen.reason) == (REFUSED, "Out of mugs")
    refund = greenroom.container.points.ledger(ben, 1, None).items[0]
    assert (refund.about, refund.reason) == ("Mug", "Out of mugs")


def test_a_decided_request_stays_decided(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, asked: Redemption
) -> None:
    manager, made = greenroom.manager, asked.redemption_id
    redemptions.fulfil(manager, made, note=None, code="ABC")
    redemptions.fulfil(manager, made, note=None, code="ABC")  # the same: its answer was lost
    for attempt in (
        lambda: redemptions.fulfil(manager, made, note=None, code="XYZ"),
        lambda: redemptions.reject(manager, made, "No"),
    ):
        problem = refusal(attempt)
        assert problem.code is RewardProblem.REDEMPTION_DECIDED
        assert problem.members == {"status_now": "fulfilled"}
    assert greenroom.totals(ben).balance == 70


def between(
    patch: pytest.MonkeyPatch, method: str, happens: Callable[[], object], skip: int = 0
) -> None:
    """Let something happen right after the store was read, once."""
    read = getattr(RewardStore, method)
    left = [skip, 1]

    def reading(store: RewardStore, *args: Any, **options: Any) -> Any:
        found = read(store, *args, **options)
        left[0] -= 1
        if left[0] < 0 and left[1]:
            left[1] = 0
            happens()
        return found

    patch.setattr(RewardStore, method, reading)


@pytest.mark.parametrize("second", ["reject", "fulfil"])
@pytest.mark.parametrize("first", ["reject", "fulfil"])
def test_two_managers_who_decide_at_once_decide_once(
    *,
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    mug: Reward,
    asked: Redemption,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str,
) -> None:
    """One comes between the other's read and write."""

    def decide(how: str, words: str) -> Redemption:
        if how == "reject":
            return redemptions.reject(greenroom.manager, asked.redemption_id, words)
        return redemptions.fulfil(greenroom.manager, asked.redemption_id, note=words, code=None)

    between(monkeypatch, "redemption", lambda: decide(first, "first"))
    problem = refusal(lambda: decide(second, "second"))
    assert problem.code is RewardProblem.REDEMPTION_DECIDED
    refunded = first == "reject"
    assert greenroom.totals(ben).balance == (100 if refunded else 70)
    assert now(greenroom, mug).taken == (0 if refunded else 1)


def test_a_rejection_finds_its_stock_also_when_that_is_changed_meanwhile(
    *,
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    mug: Reward,
    asked: Redemption,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edit = greenroom.container.rewards.edit

    def limited_anew() -> None:
        edit(greenroom.manager, mug.reward_id, 1, stock=None)
        edit(greenroom.manager, mug.reward_id, 2, stock=7)

    between(monkeypatch, "redemption", limited_anew)
    redemptions.reject(greenroom.manager, asked.redemption_id, "No")
    assert (greenroom.totals(ben).balance, now(greenroom, mug).left) == (100, 7)


def test_a_removed_members_request_stays_and_can_be_rejected_without_harm(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    mug: Reward,
    asked: Redemption,
) -> None:
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    assert queue(redemptions, greenroom, WAITS) == [asked.redemption_id]
    redemptions.reject(greenroom.manager, asked.redemption_id, "Left the company")
    assert (greenroom.totals(ben).balance, now(greenroom, mug).taken) == (100, 0)


def test_a_request_says_that_its_member_is_removed_whatever_order_that_is_told_in(
    greenroom: Greenroom,
    redemptions: RedemptionService,
    ben: Caller,
    mug: Reward,
    asked: Redemption,
) -> None:
    container, manager = greenroom.container, greenroom.manager
    requesters = container.event_counters.requesters
    other = redemptions.redeem(rich(greenroom, "cy"), mug.reward_id, mug.price)

    def said() -> dict[str, bool]:
        found = redemptions.queue(manager, WAITS, 20, None).items
        return {each.redemption_id: each.member_removed for each in found}

    stays = {other.redemption_id: False}
    assert said() == stays | {asked.redemption_id: False}
    container.members.remove(manager, ben.member_id)
    requesters.refresh_if_removed(ben.program_id, ben.member_id)  # asked for at that very moment
    for _ in range(2):
        requesters.refresh(ben.program_id, ben.member_id)
        requesters.refresh_if_removed(ben.program_id, other.member_id)
        assert said() == stays | {asked.redemption_id: True}
    container.members.invite(manager, ben.email, None, Role.MEMBER)
    for _ in range(2):  # the removal is told again, late
        requesters.refresh(ben.program_id, ben.member_id)
        assert said() == stays | {asked.redemption_id: False}
    container.members.remove(manager, ben.member_id)
    requesters.refresh(ben.program_id, ben.member_id)
    decided = redemptions.reject(manager, asked.redemption_id, "Left the company")
    assert decided.member_removed
    container.members.invite(manager, ben.email, None, Role.MEMBER)
    requesters.refresh(ben.program_id, ben.member_id)
    (kept,) = redemptions.queue(manager, REFUSED, 20, None).items
    assert (kept, said()) == (decided, stays)


def test_a_removal_that_is_taken_back_while_it_is_noted_is_not_what_stays(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, asked: Redemption
) -> None:
    container, manager = greenroom.container, greenroom.manager
    container.members.remove(manager, ben.member_id)
    gone = container.programs.member(ben.program_id, ben.member_id)
    container.members.invite(manager, ben.email, None, Role.MEMBER)
    back = container.programs.member(ben.program_id, ben.member_id)

    answers = iter([gone, back, back])

    class Told:
        def member(self, *_: str) -> Member | None:
            return next(answers)

    Requesters(container.reward_store, Told()).refresh(ben.program_id, ben.member_id)
    (found,) = redemptions.queue(manager, WAITS, 20, None).items
    assert (found.redemption_id, found.member_removed) == (asked.redemption_id, False)


def test_another_programs_manager_decides_nothing(
    greenroom: Greenroom, redemptions: RedemptionService, asked: Redemption
) -> None:
    greenroom.container.programs.create_program("Other", "UTC", "zoe@other.example")
    zoe = greenroom.sign_in("zoe@other.example")
    for attempt in (
        lambda: redemptions.fulfil(zoe, asked.redemption_id, note=None, code=None),
        lambda: redemptions.reject(zoe, asked.redemption_id, "No"),
    ):
        assert refusal(attempt).code is ProblemCode.NOT_FOUND
    assert redemptions.queue(zoe, WAITS, 20, None).items == ()


# --- lists --------------------------------------------------------------------------------------


def test_waiting_requests_are_listed_oldest_first_and_decided_ones_latest_first(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, price=1)
    made = []
    for _ in range(5):
        made.append(redemptions.redeem(ben, mug.reward_id, 1).redemption_id)
        greenroom.clock.advance(timedelta(minutes=1))
    assert queue(redemptions, greenroom, WAITS) == made
    for each in (made[3], made[0]):
        redemptions.fulfil(greenroom.manager, each, note=None, code=None)
        greenroom.clock.advance(timedelta(minutes=1))
    assert queue(redemptions, greenroom, DONE) == [made[0], made[3]]
    assert queue(redemptions, greenroom, WAITS) == [made[1], made[2], made[4]]


@pytest.mark.parametrize("status", [WAITS, DONE])
def test_lists_are_read_page_by_page(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller, status: RedemptionStatus
) -> None:
    mug = reward(greenroom, price=1)
    for number in range(5):
        made = redemptions.redeem(ben, mug.reward_id, 1)
        greenroom.clock.advance(timedelta(milliseconds=number % 2))
        if status is DONE:
            redemptions.fulfil(greenroom.manager, made.redemption_id, note=None, code=None)
    lists: tuple[Callable[[str | None], Any], ...] = (
        lambda cursor: redemptions.queue(greenroom.manager, status, 2, cursor),
        lambda cursor: redemptions.own(ben, 2, cursor),
    )
    for read in lists:
        pages, cursor = [], None
        while True:
            page = read(cursor)
            pages.append([each.redemption_id for each in page.items])
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [len(each) for each in pages] == [2, 2, 1]
        assert len({each for page in pages for each in page}) == 5


def test_a_cursor_of_another_list_is_refused(
    greenroom: Greenroom, redemptions: RedemptionService, ben: Caller
) -> None:
    mug = reward(greenroom, price=1)
    for _ in range(2):
        redemptions.redeem(ben, mug.reward_id, 1)
        greenroom.clock.advance(timedelta(seconds=1))
    own = redemptions.own(ben, 1, None).next_cursor
    waiting = redemptions.queue(greenroom.manager, WAITS, 1, None).next_cursor
    for attempt in (
        lambda: redemptions.own(greenroom.manager, 1, own),
        lambda: redemptions.queue(greenroom.manager, DONE, 1, waiting),
    ):
        assert refusal(attempt).code is ProblemCode.INVALID_CURSOR
