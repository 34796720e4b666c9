"""Performing: all or nothing, once; sends that waited for an account; what TikTok tells of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.problems import ActivityProblem
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.table import Conflict
from chalicelib.performances import worker
from chalicelib.performances.connections.service import PENDING_GRACE
from chalicelib.performances.events import PerformanceQueued, events_of
from chalicelib.performances.model import (
    Performance,
    State,
    Status,
    delivered,
    initiated,
    restarted,
    staged,
    uploading,
)
from chalicelib.performances.service import AccountRequired
from chalicelib.points.model import Totals
from chalicelib.programs.model import ChannelKind, DisclosureTick
from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.model import PendingSend
from chalicelib.tiktok.pending_sends.service import LONGEST_POSTPONEMENT, SHORTEST_POSTPONEMENT
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.tiktok.webhooks import MAX_AGE, MAX_CLOCK_SKEW
from tests.clock import NOON, StoppedClock
from tests.events import Relayed, streamed
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import (
    CORRELATION,
    VIDEO,
    FakeTikTok,
    Greenroom,
    event,
    reference_of,
    signature,
)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DELIVERED, COMPLETE = "post.publish.inbox_delivered", "post.publish.complete"
FAILED, REMOVED = "post.publish.failed", "authorization.removed"
PUBLIC = "post.publish.publicly_available"


@pytest.fixture
def ana(greenroom: Greenroom) -> Caller:
    """A member whose TikTok account is connected."""
    caller = greenroom.manager
    greenroom.connect_account(caller, "ana")
    return greenroom.now(caller)


def refusal(attempt: Callable[[], object]) -> Code:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value.code


def nothing_came_of_it(greenroom: Greenroom, caller: Caller, dynamodb: Any) -> bool:
    """Return whether a member has no performance, no mark, no ledger entry and no totals."""
    tables = ("PerformancesTable", "MarksTable", "PointsTable")
    left = [item for table in tables for item in dynamodb.scan(TableName=table)["Items"]]
    return not [item for item in left if item["owner"]["S"] == caller.owner]


# Performing


def test_performing_makes_performance_award_and_totals_and_leaves_the_feed(
    greenroom: Greenroom, ana: Caller, calls: Calls
) -> None:
    activity = greenroom.activity()
    assert greenroom.feed(ana) == [activity.activity_id]
    # Who looked at it had their text dealt: the program's disclosure line is known here.
    greenroom.container.activities.offered(ana, activity.activity_id)
    calls.made.clear()
    performance = greenroom.perform(ana, activity)
    assert calls.names == ["GetItem", "TransactWriteItems"]
    assert greenroom.stored(performance) == performance
    assert (performance.state, performance.status) == (State.QUEUED, Status.QUEUED)
    assert (performance.points, performance.queued_at) == (10, NOON)
    assert (performance.content_type, performance.size_bytes) == ("video/webm", len(VIDEO))
    assert performance.video_key == activity.video_key
    assert performance.correlation_id == CORRELATION
    assert greenroom.history(ana) == [performance]
    assert greenroom.totals(ana) == Totals(10, 10)
    assert greenroom.ledger(ana) == [("award", 10)]
    assert greenroom.feed(ana) == []


def test_an_activity_is_performed_once_by_each_member(greenroom: Greenroom, ana: Caller) -> None:
    activity, ben = greenroom.activity(), greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    first = greenroom.perform(ana, activity)
    for _ in range(2):
        attempt = partial(greenroom.perform, ana, activity)
        assert refusal(attempt) is ActivityProblem.ALREADY_PERFORMED
    assert greenroom.history(ana) == [first]
    assert greenroom.totals(ana) == Totals(10, 10)
    assert greenroom.feed(ben) == [activity.activity_id]
    greenroom.perform(ben, activity)
    assert greenroom.totals(ben) == Totals(10, 10)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"starts_at": NOON + SECOND}, ActivityProblem.ACTIVITY_NOT_STARTED),
        ({"ends_at": NOON}, ActivityProblem.ACTIVITY_ENDED),
        ({"state": ActivityState.ENDED}, ActivityProblem.ACTIVITY_ENDED),
        (
            {"state": ActivityState.PROCESSING, "video": None, "video_key": None},
            ProblemCode.NOT_FOUND,
        ),
        (
            {"state": ActivityState.REJECTED, "video": None, "video_key": None},
            ProblemCode.NOT_FOUND,
        ),
        ({"program_id": "prg_other"}, ProblemCode.NOT_FOUND),
    ],
)
def test_an_activity_that_is_not_open_is_not_performed_and_nothing_is_written(
    greenroom: Greenroom, dynamodb: Any, ana: Caller, changes: dict[str, Any], code: Code
) -> None:
    activity = greenroom.activity(**changes)
    assert refusal(lambda: greenroom.perform(ana, activity)) is code
    assert nothing_came_of_it(greenroom, ana, dynamodb)
    with pytest.raises(Problem) as unknown:
        greenroom.container.performances.perform(ana, "act_unknown", CORRELATION)
    if code is ProblemCode.NOT_FOUND:
        with pytest.raises(Problem) as refused:
            greenroom.perform(ana, activity)
        assert refused.value.to_dict() == unknown.value.to_dict()


def test_a_perform_before_the_start_is_refused_with_the_start_in_the_members_zone(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity(starts_at=NOON + SECOND)
    traveller = replace(ana, chosen_zone="Asia/Kathmandu")
    with pytest.raises(Problem) as refused:
        greenroom.perform(traveller, activity)
    assert refused.value.members == {
        "starts_at": "2026-06-15T12:00:01+00:00",
        "starts_at_local": "2026-06-15T17:45:01+05:45",
    }


def test_an_end_moved_while_people_perform_holds_to_the_second_for_whoever_comes_after(
    greenroom: Greenroom, ana: Caller
) -> None:
    ben, cleo = (greenroom.member(name) for name in ("ben", "cleo"))
    for each in (ben, cleo):
        greenroom.connect_account(each, each.name)
    activity = greenroom.activity(ends_at=NOON + HOUR)
    edit = greenroom.container.activities.edit
    made = greenroom.perform(ana, activity)
    greenroom.clock.at = NOON + HOUR - SECOND
    edit(ana, activity.activity_id, 1, ends_at="2026-06-15T16:00")
    greenroom.clock.at = NOON + HOUR
    greenroom.perform(ben, activity)
    edit(ana, activity.activity_id, 2, ends_at="2026-06-15T15:00:01")
    greenroom.clock.at = NOON + HOUR + SECOND
    assert refusal(lambda: greenroom.perform(cleo, activity)) is ActivityProblem.ACTIVITY_ENDED
    assert greenroom.feed(cleo) == []
    assert greenroom.history(ana) == [made]
    assert [greenroom.totals(each) for each in (ana, ben)] == [Totals(10, 10)] * 2


@pytest.mark.parametrize("state", [None, TikTokState.RECONNECT_REQUIRED])
def test_without_a_connected_account_nothing_is_written_and_consent_is_asked_for(
    greenroom: Greenroom, tiktok: FakeTikTok, dynamodb: Any, state: TikTokState | None
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    if state:
        greenroom.connect_account(ben, "ben")
        tiktok.token_pairs.pop("ben")
        greenroom.container.tiktok.record_access_removed("open-ben", NOON)
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(ben, activity)
    assert required.value.authorization.authorize_url.startswith("https://tiktok.example/authorize")
    assert required.value.authorization.nonce not in repr(required.value)
    assert nothing_came_of_it(greenroom, ben, dynamodb)
    assert greenroom.feed(ben) == [activity.activity_id]


def test_a_disconnected_member_who_performed_is_refused_as_already_performed(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity()
    greenroom.perform(ana, activity)
    greenroom.container.tiktok.disconnect_account(ana.program_id, ana.member_id)
    assert refusal(lambda: greenroom.perform(ana, activity)) is ActivityProblem.ALREADY_PERFORMED


def test_a_performance_of_that_id_leaves_no_mark_and_no_points_behind(
    greenroom: Greenroom, ana: Caller
) -> None:
    first, second = greenroom.activity(), greenroom.activity()
    service = greenroom.container.performances
    service.perform(ana, first.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(first))
    with pytest.raises(Conflict):
        service.perform(
            ana, second.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(second)
        )
    assert greenroom.feed(ana) == [second.activity_id]
    assert greenroom.totals(ana) == Totals(10, 10)


def test_a_repeated_request_finds_the_performance_it_made(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity, service = greenroom.activity(), greenroom.container.performances
    first = service.perform(
        ana, activity.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(activity)
    )
    assert (
        service.perform(
            ana, activity.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(activity)
        )
        == first
    )
    assert greenroom.totals(ana) == Totals(10, 10)


def test_a_repeated_request_finds_what_it_made_whatever_has_become_of_it_since(
    greenroom: Greenroom, ana: Caller
) -> None:
    service = greenroom.container.performances
    ends_at = greenroom.clock.now() + timedelta(minutes=1)
    activity = greenroom.activity(ends_at=ends_at)
    made = service.perform(
        ana, activity.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(activity)
    )
    greenroom.container.connections.disconnect(ana)
    greenroom.container.stager.stage(reference_of(made))
    greenroom.connect_account(ana, "ana")
    assert (
        service.perform(
            ana, activity.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(activity)
        ).state
        is State.FAILED
    )
    greenroom.clock.advance(timedelta(minutes=1))
    assert (
        service.perform(
            ana, activity.activity_id, CORRELATION, "made1", greenroom.disclosure_tick(activity)
        ).state
        is State.FAILED
    )
    assert len(greenroom.history(ana)) == 1
    assert greenroom.totals(ana) == Totals(0, 0)


def test_points_are_those_of_the_moment(greenroom: Greenroom, ana: Caller) -> None:
    activity = greenroom.activity(points=10)
    performance = greenroom.perform(ana, activity)
    greenroom.put_activity(replace(activity, points=99))
    assert greenroom.stored(performance).points == 10
    assert greenroom.totals(ana) == Totals(10, 10)


def test_an_activity_worth_nothing_may_be_performed_too(greenroom: Greenroom, ana: Caller) -> None:
    greenroom.perform(ana, greenroom.activity(points=0))
    assert greenroom.ledger(ana) == [("award", 0)]
    assert greenroom.totals(ana) == Totals(0, 0)


def test_a_new_performances_change_is_what_queues_it(
    greenroom: Greenroom, dynamodb: Any, ana: Caller
) -> None:
    performance = greenroom.perform(ana, greenroom.activity())
    (image,) = dynamodb.scan(TableName="PerformancesTable")["Items"]
    bus = Relayed(events_of)
    answer = worker.relay(greenroom.container.staging_queue, bus, streamed([image]))  # type: ignore[arg-type]
    assert answer == {"batchItemFailures": []}
    assert greenroom.take_queued() == [(reference_of(performance), 0)]
    assert [type(each.payload) for each in bus.events] == [PerformanceQueued]  # for reports


# Add your account and send


def asked(greenroom: Greenroom, caller: Caller, activity: Activity) -> ConsentRequest:
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(caller, activity)
    return required.value.authorization


def test_connecting_for_a_send_makes_it_once(greenroom: Greenroom) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = asked(greenroom, ben, activity)
    connected = greenroom.complete_consent(begun, "ben")
    assert connected.performance is not None
    assert connected.performance.correlation_id == CORRELATION
    again = partial(greenroom.complete_consent, begun, "ben")
    assert refusal(again) is TikTokProblem.TIKTOK_STATE_INVALID
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    assert greenroom.container.connections.send_pending() == 0
    assert greenroom.history(ben) == [connected.performance]
    assert greenroom.totals(ben) == Totals(10, 10)


def test_of_two_consents_asked_for_by_one_send_both_connect_and_one_sends(
    greenroom: Greenroom,
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = [asked(greenroom, ben, activity) for _ in range(2)]
    sent, late = [greenroom.complete_consent(each, "ben") for each in begun]
    assert sent.performance is not None
    assert late.performance is None
    assert late.problem is not None
    assert late.problem.code is ActivityProblem.ALREADY_PERFORMED
    assert greenroom.totals(ben) == Totals(10, 10)


class WorkerKilled(BaseException):
    """The function dies."""


def test_a_send_lost_with_its_function_is_made_by_the_clock_once(greenroom: Greenroom) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = asked(greenroom, ben, activity)
    dying = greenroom.cold_container()

    def dies(*_: object) -> Any:
        raise WorkerKilled

    dying.performances.perform_connected = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(WorkerKilled):
        greenroom.complete_consent(begun, "ben", dying)
    assert greenroom.history(ben) == []
    assert greenroom.container.connections.send_pending() == 0
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    assert greenroom.container.connections.send_pending() == 1
    (performance,) = greenroom.history(ben)
    assert (performance.activity_id, performance.correlation_id) == (
        activity.activity_id,
        CORRELATION,
    )
    assert greenroom.container.connections.send_pending() == 0
    assert greenroom.totals(ben) == Totals(10, 10)


def test_a_send_made_but_not_ticked_off_is_not_made_again(greenroom: Greenroom) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = asked(greenroom, ben, activity)
    dying = greenroom.cold_container()

    def dies(_: PendingSend) -> Any:
        raise WorkerKilled

    dying.pending_sends.forget_send = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(WorkerKilled):
        greenroom.complete_consent(begun, "ben", dying)
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    assert greenroom.container.connections.send_pending() == 1
    assert greenroom.container.connections.send_pending() == 0
    assert len(greenroom.history(ben)) == 1
    assert greenroom.totals(ben) == Totals(10, 10)


def test_a_send_whose_activity_ended_meanwhile_is_not_made_and_the_member_is_told(
    greenroom: Greenroom, dynamodb: Any
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity(ends_at=NOON + SECOND)
    begun = asked(greenroom, ben, activity)
    greenroom.clock.advance(SECOND)
    connected = greenroom.complete_consent(begun, "ben")
    assert connected.display_name == "Ben"
    assert connected.performance is None
    assert connected.problem is not None
    assert connected.problem.code is ActivityProblem.ACTIVITY_ENDED
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    assert greenroom.container.connections.send_pending() == 0
    assert nothing_came_of_it(greenroom, ben, dynamodb)


def test_a_send_that_waited_is_not_made_for_who_left_the_private_channel_meanwhile(
    greenroom: Greenroom,
) -> None:
    channels, ben = greenroom.container.channels, greenroom.member("ben")
    board = channels.create(greenroom.manager, "Board", ChannelKind.PRIVATE).channel.channel_id
    channels.add_members(greenroom.manager, board, [ben.member_id])
    activity = greenroom.activity(channel_ids=frozenset({board}))
    begun = asked(greenroom, greenroom.now(ben), activity)
    channels.remove_member(greenroom.manager, board, ben.member_id)
    connected = greenroom.complete_consent(begun, "ben")
    assert connected.problem is not None
    assert str(connected.problem) == "not_found: There is no such activity."
    assert connected.performance is None
    channels.add_members(greenroom.manager, board, [ben.member_id])
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    assert greenroom.container.connections.send_pending() == 0  # nor once they are back
    assert greenroom.feed(greenroom.now(ben)) == [activity.activity_id]
    assert greenroom.history(ben) == []


def test_a_denied_consent_sends_nothing(greenroom: Greenroom, dynamodb: Any) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = asked(greenroom, ben, activity)
    denied = partial(greenroom.complete_consent, begun, "ben", error="access_denied")
    assert refusal(denied) is TikTokProblem.TIKTOK_CONSENT_DENIED
    assert nothing_came_of_it(greenroom, ben, dynamodb)
    assert greenroom.feed(ben) == [activity.activity_id]


def one_waits_forever(greenroom: Greenroom) -> list[Caller]:
    """Make two who have just connected for a send; that of the first breaks each time."""
    activity = greenroom.activity()
    people = []
    for name in ("ben", "cleo"):
        people.append(greenroom.member(name))
        begun = asked(greenroom, people[-1], activity)
        dying = greenroom.cold_container()

        def dies(*_: object) -> Any:
            raise WorkerKilled

        dying.performances.perform_connected = dies  # type: ignore[assignment,method-assign]
        with pytest.raises(WorkerKilled):
            greenroom.complete_consent(begun, name, dying)
        greenroom.clock.advance(SECOND)
    service = greenroom.container.performances
    perform = service.perform_connected

    def breaks_for_ben(
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None = None,
        tick: DisclosureTick | None = None,
    ) -> Performance:
        if caller.member_id == people[0].member_id:
            raise RuntimeError
        return perform(caller, activity_id, correlation_id, made_id, tick)

    service.perform_connected = breaks_for_ben  # type: ignore[method-assign]
    greenroom.clock.advance(PENDING_GRACE)
    return people


def test_a_waiting_send_that_breaks_does_not_hold_up_the_others(greenroom: Greenroom) -> None:
    people = one_waits_forever(greenroom)
    greenroom.container.connections.send_pending()
    assert len(greenroom.history(people[1])) == 1


def test_waiting_sends_that_break_have_their_turn_after_the_others_however_short_the_time(
    greenroom: Greenroom,
) -> None:
    people = one_waits_forever(greenroom)
    service = greenroom.container.connections
    for _ in range(2):
        answers = iter([False, True])
        service.send_pending(partial(next, answers))
    assert len(greenroom.history(people[1])) == 1
    assert service.send_pending() == 0
    for longer in (SHORTEST_POSTPONEMENT, SHORTEST_POSTPONEMENT, LONGEST_POSTPONEMENT):
        greenroom.clock.advance(longer + PENDING_GRACE + SECOND)
        assert service.send_pending() == 1
    # By now it comes ever more seldom.
    greenroom.clock.advance(SHORTEST_POSTPONEMENT + PENDING_GRACE + SECOND)
    assert service.send_pending() == 0


def test_a_send_that_waits_goes_on_waiting_when_the_member_connects_again(
    greenroom: Greenroom,
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    begun = asked(greenroom, ben, activity)
    dying = greenroom.cold_container()

    def dies(*_: object) -> Any:
        raise WorkerKilled

    dying.performances.perform_connected = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(WorkerKilled):
        greenroom.complete_consent(begun, "ben", dying)
    connected = greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(PENDING_GRACE + SECOND)
    greenroom.container.connections.send_pending()
    (performance,) = greenroom.history(ben)
    assert performance.activity_id == activity.activity_id
    assert connected.problem is None
    assert greenroom.container.connections.send_pending() == 0


# History


def test_history_is_ones_own_newest_first_in_full_pages(greenroom: Greenroom, ana: Caller) -> None:
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    made = []
    for _ in range(5):
        activity = greenroom.activity()
        made.append(greenroom.perform(ana, activity))
        greenroom.perform(ben, activity)
        greenroom.clock.advance(SECOND)
    expected, pages, cursor = made[::-1], [], None
    while True:
        page = greenroom.container.performances.performances(ana, 2, cursor)
        pages.append(list(page.items))
        cursor = page.next_cursor
        if cursor is None:
            break
        stolen = partial(greenroom.container.performances.performances, ben, 2, cursor)
        assert refusal(stolen) is ProblemCode.INVALID_CURSOR
    assert pages == [expected[:2], expected[2:4], expected[4:]]


def test_a_performance_of_somebody_else_is_not_found(greenroom: Greenroom, ana: Caller) -> None:
    performance, ben = greenroom.perform(ana, greenroom.activity()), greenroom.member("ben")
    service = greenroom.container.performances
    assert service.performance(ana, performance.performance_id) == performance
    for performance_id in (performance.performance_id, "prf_unknown"):
        attempt = partial(service.performance, ben, performance_id)
        assert refusal(attempt) is ProblemCode.NOT_FOUND


# Webhooks


@pytest.fixture
def sending(greenroom: Greenroom, ana: Caller) -> Performance:
    """A performance whose bytes are on their way under the publish id `p_1`."""
    performance = greenroom.perform(ana, greenroom.activity())
    return moved(greenroom, performance, State.UPLOADING)


def moved(greenroom: Greenroom, performance: Performance, to: State) -> Performance:
    """Write a performance further along, as the worker does."""
    store, now = greenroom.container.performance_store, greenroom.clock.now()
    step: dict[State, Callable[[Performance], Performance]] = {
        State.QUEUED: lambda it: initiated(it, "p_1", b"sealed", now),
        State.INITIATED: lambda it: uploading(it, now),
        State.UPLOADING: lambda it: delivered(it, now),
        State.DELIVERED: lambda it: staged(it, now),
    }
    while performance.state is not to:
        changed = step[performance.state](performance)
        database().commit([store.change(performance, changed, None)])
        performance = changed
    assert greenroom.stored(performance) == performance
    return performance


def hear(greenroom: Greenroom, name: str, clock: StoppedClock | None = None, **more: Any) -> None:
    body = event(name, clock or greenroom.clock, **more)
    greenroom.container.tiktok_webhooks.handle_webhook(signature(body, greenroom.clock), body)


def test_an_inbox_that_has_it_stages_and_a_post_posts(
    greenroom: Greenroom, ana: Caller, sending: Performance
) -> None:
    hear(greenroom, DELIVERED, publish_id="p_1")
    staged = greenroom.stored(sending)
    assert (staged.state, staged.staged_at, staged.delivered_at) == (State.STAGED, NOON, NOON)
    greenroom.clock.advance(HOUR)
    hear(greenroom, COMPLETE, publish_id="p_1")
    posted = greenroom.stored(sending)
    assert (posted.state, posted.posted_at) == (State.POSTED, NOON + HOUR)
    assert (posted.staged_at, posted.delivered_at) == (NOON, NOON)
    greenroom.clock.advance(timedelta(days=1))
    assert greenroom.container.overdue_performances.requeue_overdue() == 0
    assert greenroom.totals(ana) == Totals(10, 10)


def test_a_repeated_webhook_changes_nothing(greenroom: Greenroom, sending: Performance) -> None:
    for name in (DELIVERED, COMPLETE):
        hear(greenroom, name, publish_id="p_1")
        once = greenroom.stored(sending)
        greenroom.clock.advance(HOUR)
        hear(greenroom, name, publish_id="p_1")
        assert greenroom.stored(sending) == once


def test_a_post_told_before_the_delivery_is_posted_and_stays_so(
    greenroom: Greenroom, sending: Performance
) -> None:
    hear(greenroom, COMPLETE, publish_id="p_1")
    posted = greenroom.stored(sending)
    assert (posted.state, posted.staged_at, posted.posted_at) == (State.POSTED, NOON, NOON)
    hear(greenroom, DELIVERED, publish_id="p_1")
    hear(greenroom, FAILED, publish_id="p_1", reason="internal")
    assert greenroom.stored(sending) == posted


def test_a_public_video_is_posted_once_in_any_order_of_webhooks(
    greenroom: Greenroom, ana: Caller, sending: Performance
) -> None:
    hear(greenroom, PUBLIC, publish_id="p_1", post_id="71")
    posted = greenroom.stored(sending)
    assert (posted.state, posted.posted_at, posted.post_id) == (State.POSTED, NOON, "71")
    for name in (COMPLETE, PUBLIC):
        hear(greenroom, name, publish_id="p_1", post_id="72")
    assert greenroom.stored(sending) == posted
    assert greenroom.totals(ana) == Totals(10, 10)


def test_a_failure_told_makes_tiktok_be_asked_and_takes_no_points_by_itself(
    greenroom: Greenroom, ana: Caller, sending: Performance
) -> None:
    assert greenroom.container.overdue_performances.requeue_overdue() == 0
    hear(greenroom, FAILED, publish_id="p_1", reason="file_format_check_failed")
    told = greenroom.stored(sending)
    assert (told.state, told.told_reason) == (sending.state, "file_format_check_failed")
    assert greenroom.totals(ana) == Totals(10, 10)
    assert greenroom.take_queued() == [(reference_of(sending), 0)]
    assert greenroom.container.overdue_performances.requeue_overdue() == 1
    greenroom.take_queued()
    hear(greenroom, FAILED, publish_id="p_1", reason="file_format_check_failed")
    assert greenroom.take_queued() == []


def test_a_failure_told_of_a_draft_that_was_given_up_brings_nothing_forward(
    greenroom: Greenroom, sending: Performance
) -> None:
    anew = restarted(sending, NOON)
    database().commit([greenroom.container.performance_store.change(sending, anew, None)])
    hear(greenroom, FAILED, publish_id="p_1", reason="internal")
    assert greenroom.stored(sending) == anew
    assert greenroom.take_queued() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (DELIVERED, {"publish_id": "p_unknown"}),
        (COMPLETE, {"publish_id": "p_unknown"}),
        ("post.publish.publicly_available", {"publish_id": "p_unknown", "post_id": "1"}),
        ("post.publish.no_longer_publicaly_available", {"publish_id": "p_1", "post_id": "1"}),
        ("something.new", {"publish_id": "p_1"}),
    ],
)
def test_an_event_of_nothing_of_ours_or_of_no_meaning_is_taken_and_changes_nothing(
    greenroom: Greenroom, ana: Caller, sending: Performance, name: str, content: dict[str, Any]
) -> None:
    hear(greenroom, name, **content)
    assert greenroom.history(ana) == [sending]


def wrong_signatures(body: bytes, clock: StoppedClock) -> dict[str, str | None]:
    good = signature(body, clock)
    old, ahead = (
        StoppedClock(clock.at - MAX_AGE - SECOND),
        StoppedClock(clock.at + MAX_CLOCK_SKEW + SECOND),
    )
    return {
        "none": None,
        "empty": "",
        "of other bytes": signature(body + b" ", clock),
        "under another secret": signature(body, clock, "another-secret"),
        "too old": signature(body, old),
        "from the future": signature(body, ahead),
        "of another time": good.replace("t=", "t=1", 1),
        "cut off": good[:-1],
    }


@pytest.mark.parametrize("wrong", list(wrong_signatures(b"", StoppedClock())))
def test_a_webhook_without_tiktoks_signature_is_refused_and_changes_nothing(
    greenroom: Greenroom, sending: Performance, wrong: str
) -> None:
    body = event(COMPLETE, greenroom.clock, publish_id="p_1")
    signed = wrong_signatures(body, greenroom.clock)[wrong]
    attempt = partial(greenroom.container.tiktok_webhooks.handle_webhook, signed, body)
    assert refusal(attempt) is TikTokProblem.SIGNATURE_REFUSED
    assert greenroom.stored(sending) == sending


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"event": "post.publish.complete"}'])
def test_a_signed_but_malformed_webhook_is_refused(greenroom: Greenroom, body: bytes) -> None:
    signed = signature(body, greenroom.clock)
    attempt = partial(greenroom.container.tiktok_webhooks.handle_webhook, signed, body)
    assert refusal(attempt) is TikTokProblem.MALFORMED_EVENT


def test_access_taken_back_is_noted_with_the_member(
    greenroom: Greenroom, tiktok: FakeTikTok, ana: Caller
) -> None:
    tiktok.token_pairs.pop("ana")
    hear(greenroom, REMOVED, reason="1")
    assert greenroom.now(ana).tiktok is TikTokState.RECONNECT_REQUIRED
    hear(greenroom, REMOVED, open_id="open-unknown", reason="1")


def test_an_old_event_of_access_taken_back_does_not_end_a_later_connection(
    greenroom: Greenroom, ana: Caller
) -> None:
    told_at = StoppedClock(greenroom.clock.now())
    greenroom.clock.advance(HOUR)
    greenroom.connect_account(ana, "ana")
    hear(greenroom, REMOVED, told_at, reason="1")
    assert greenroom.now(ana).tiktok is TikTokState.CONNECTED


def test_an_event_that_the_worker_overtakes_is_taken_in_all_the_same(
    greenroom: Greenroom, sending: Performance
) -> None:
    store = greenroom.container.performance_store
    get = store.get

    def overtaken(owner: str, performance_id: str) -> Performance | None:
        found = get(owner, performance_id)
        store.get = get  # type: ignore[method-assign]
        moved(greenroom, sending, State.DELIVERED)
        return found

    store.get = overtaken  # type: ignore[method-assign]
    hear(greenroom, COMPLETE, publish_id="p_1")
    assert greenroom.stored(sending).state is State.POSTED


def test_an_event_that_cannot_be_taken_in_is_to_be_sent_again(
    greenroom: Greenroom, sending: Performance
) -> None:
    store = greenroom.container.performance_store
    get = store.get

    def behind(owner: str, performance_id: str) -> Performance | None:
        found = get(owner, performance_id)
        return replace(found, state=State.DELIVERED) if found else None

    store.get = behind  # type: ignore[method-assign]
    attempt = partial(hear, greenroom, COMPLETE, publish_id="p_1")
    assert refusal(attempt) is ProblemCode.UNAVAILABLE
    store.get = get  # type: ignore[method-assign]
    assert greenroom.stored(sending) == sending


def test_a_draft_begun_anew_is_not_moved_by_events_of_the_one_before(
    greenroom: Greenroom, sending: Performance
) -> None:
    store = greenroom.container.performance_store
    anew = initiated(restarted(sending, NOON), "p_2", b"sealed", NOON)
    database().commit([store.change(sending, restarted(sending, NOON), None)])
    database().commit([store.change(restarted(sending, NOON), anew, None)])
    hear(greenroom, DELIVERED, publish_id="p_1")
    assert greenroom.stored(sending) == anew


def test_a_send_with_a_live_lease_is_moved_by_events_all_the_same(
    greenroom: Greenroom, sending: Performance
) -> None:
    assert greenroom.container.performance_store.lease(
        reference_of(sending), "worker", NOON, NOON + HOUR
    )
    hear(greenroom, DELIVERED, publish_id="p_1")
    assert greenroom.stored(sending).state is State.STAGED
