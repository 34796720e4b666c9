"""Performing as activities have it: for whom, with which text, the first; and *Try it on me*."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.service import PostTextAssigner
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.performances.connections.service import PENDING_GRACE
from chalicelib.performances.model import Performance, State
from chalicelib.performances.service import AccountRequired
from chalicelib.performances.staging import Stager
from chalicelib.performances.views import view_of
from chalicelib.points.model import Totals
from chalicelib.programs.service import CACHED_FOR, ProgramChanges
from tests.clock import NOON
from tests.integration.activity_services import HOUR
from tests.integration.conftest import Calls
from tests.integration.greenroom import CORRELATION, Greenroom, reference_of

CONFLICT = {
    "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
    "CancellationReasons": [{"Code": "TransactionConflict"}],
}
NONE_LEFT = ("PerformancesTable", "MarksTable", "PointsTable")


@pytest.fixture
def ana(greenroom: Greenroom) -> Caller:
    """A manager whose TikTok account is connected."""
    caller = greenroom.manager
    greenroom.connect_account(caller, "ana")
    return greenroom.now(caller)


def refusal(use: Callable[..., object], *arguments: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        use(*arguments)
    return refused.value


def now(greenroom: Greenroom, activity: Activity) -> Activity:
    return greenroom.container.activities.activity(greenroom.manager, activity.activity_id)


def tries(greenroom: Greenroom, caller: Caller, activity: Activity) -> Performance:
    return greenroom.container.performances.send_trial(caller, activity.activity_id, CORRELATION)


# For whom, and with which text


def test_a_member_cannot_perform_an_activity_addressed_to_others(
    greenroom: Greenroom, ana: Caller
) -> None:
    insider = replace(ana, channels=frozenset({"chn_1"}))
    perform = greenroom.container.performances.perform
    unknown = refusal(perform, ana, "act_unknown", CORRELATION).to_dict()
    changes: list[dict[str, Any]] = [{}, {"starts_at": NOON + HOUR}, {"ends_at": NOON}]
    for each in changes:
        activity = greenroom.activity(channel_ids=frozenset({"chn_1", "chn_2"}), **each)
        refused = refusal(perform, ana, activity.activity_id, CORRELATION)
        assert refused.to_dict() == unknown
        if each:
            seen = refusal(perform, insider, activity.activity_id, CORRELATION)
            assert seen.code is not ProblemCode.NOT_FOUND
        else:
            made = greenroom.perform(insider, activity)
            # Whoever has left is told nothing any more, and keeps what they did.
            assert refusal(perform, ana, activity.activity_id, CORRELATION).to_dict() == unknown
            assert greenroom.history(ana) == [made]


def test_somebody_without_an_account_is_asked_for_none_for_what_is_not_theirs(
    greenroom: Greenroom,
) -> None:
    ben = greenroom.member("ben")
    activity = greenroom.activity(channel_ids=frozenset({"chn_1"}))
    assert refusal(greenroom.perform, ben, activity).code is ProblemCode.NOT_FOUND


def test_the_text_one_was_dealt_is_frozen_into_the_performance(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity(captions=("One", "Two"), hashtags=("#a", "#b"), disclosure="Ad")
    shown = greenroom.container.activities.offered(ana, activity.activity_id).text
    performance = greenroom.perform(ana, activity)
    edit = greenroom.container.activities.edit
    edit(ana, activity.activity_id, 1, captions=["Three"], hashtags=[], disclosure="", points=99)
    kept = greenroom.stored(performance)
    assert kept.text == performance.text == shown
    assert kept.points == 10
    view = view_of(kept, ana)
    assert view.caption in ("One\n#a #b\nAd", "Two\n#a #b\nAd")
    assert (view.hashtags, view.disclosure, view.trial) == (["#a", "#b"], "Ad", False)


def test_an_activity_without_any_text_gives_none(greenroom: Greenroom, ana: Caller) -> None:
    performance = greenroom.perform(ana, greenroom.activity(disclosure=""))
    view = view_of(greenroom.stored(performance), ana)
    assert (view.caption, view.hashtags, view.disclosure) == (None, [], None)


def test_only_an_activity_without_a_line_of_its_own_asks_for_the_programs(
    greenroom: Greenroom,
) -> None:
    asked: list[str] = []

    def line(program_id: str) -> str:
        asked.append(program_id)
        return "Ad"

    texts, activity = PostTextAssigner(line), greenroom.activity()
    assert texts.assigned_text(replace(activity, disclosure="Own"), "mem_1").disclosure == "Own"
    assert asked == []
    assert texts.assigned_text(activity, "mem_1").disclosure == "Ad"
    assert asked == [activity.program_id]


def test_a_new_line_of_the_programs_is_dealt_within_a_minute(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity, elsewhere = greenroom.activity(), greenroom.cold_container().activities
    assert elsewhere.text_for(ana, activity).disclosure is None
    changed = ProgramChanges(disclosure="#ad")
    greenroom.container.programs.change_program(greenroom.manager, changed)
    assert greenroom.container.activities.text_for(ana, activity).disclosure == "#ad"
    assert elsewhere.text_for(ana, activity).disclosure is None
    greenroom.clock.advance(CACHED_FOR)
    assert elsewhere.text_for(ana, activity).disclosure == "#ad"


# The first performance


def test_only_the_first_performance_writes_to_the_activity(
    greenroom: Greenroom, ana: Caller, calls: Calls
) -> None:
    activity = greenroom.activity()
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    greenroom.perform(ana, activity)
    assert now(greenroom, activity).performed
    calls.made.clear()
    greenroom.perform(ben, activity)
    assert calls.names == ["GetItem", "TransactWriteItems"]
    [(_, parameters)] = [each for each in calls.made if each[0] == "TransactWriteItems"]
    touched = {item["TableName"] for part in parameters["TransactItems"] for item in part.values()}
    assert "ActivitiesTable" not in touched


def test_a_perform_that_conflicts_with_the_first_retries_and_conflicts_no_more(
    greenroom: Greenroom, ana: Caller, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity = greenroom.activity()
    performances = greenroom.container.performances
    waits: list[float] = []

    def other_is_first(seconds: float) -> None:
        waits.append(seconds)
        greenroom.put_activity(replace(activity, performed=True))

    monkeypatch.setattr(performances, "_sleep", other_is_first)
    calls.fail("TransactWriteItems", CONFLICT)
    calls.made.clear()
    greenroom.perform(ana, activity)
    assert calls.names.count("TransactWriteItems") == 2
    assert len(waits) == 1
    assert "ActivitiesTable" not in str(calls.made[-1])
    assert greenroom.totals(ana) == Totals(10, 10)


def test_a_video_changed_between_looking_and_performing_is_the_one_that_is_sent(
    greenroom: Greenroom, ana: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity = greenroom.activity()
    other = greenroom.activity(b"another video")
    lifecycle = greenroom.container.activity_lifecycle
    read = lifecycle.activity
    changed = replace(activity, video=other.video, video_key=other.video_key, version=2)

    def raced(*asked: Any) -> Activity | None:
        found = read(*asked)
        if found and found.version == 1:
            greenroom.put_activity(changed)
        return found

    monkeypatch.setattr(lifecycle, "activity", raced)
    performance = greenroom.perform(ana, activity)
    assert performance.video_key == other.video_key
    assert now(greenroom, activity) == replace(changed, performed=True)
    assert greenroom.history(ana) == [performance]


def test_an_activity_ended_between_looking_and_the_first_performance_has_ended(
    greenroom: Greenroom, ana: Caller, monkeypatch: pytest.MonkeyPatch, dynamodb: Any
) -> None:
    activity = greenroom.activity()
    lifecycle = greenroom.container.activity_lifecycle
    read = lifecycle.activity

    def raced(*asked: Any) -> Activity | None:
        found = read(*asked)
        greenroom.container.activities.end(ana, activity.activity_id)
        return found

    monkeypatch.setattr(lifecycle, "activity", raced)
    assert refusal(greenroom.perform, ana, activity).code is ActivityProblem.ACTIVITY_ENDED
    for table in NONE_LEFT:
        assert dynamodb.scan(TableName=table)["Items"] == []


def test_a_try_on_an_activity_that_keeps_changing_is_given_up(
    greenroom: Greenroom,
    ana: Caller,
    monkeypatch: pytest.MonkeyPatch,
    dynamodb: Any,
    calls: Calls,
) -> None:
    activity = greenroom.activity()
    monkeypatch.setattr(greenroom.container.performances, "_sleep", lambda _: None)
    calls.fail("TransactWriteItems", CONFLICT, times=20)
    assert refusal(greenroom.perform, ana, activity).code is ProblemCode.CHANGED_MEANWHILE
    for table in NONE_LEFT:
        assert dynamodb.scan(TableName=table)["Items"] == []


# Try it on me


@pytest.mark.parametrize(
    "changes", [{}, {"starts_at": NOON + HOUR}, {"channel_ids": frozenset({"chn_1"})}]
)
def test_a_trial_is_on_its_way_outside_marks_and_points_as_often_as_one_likes(
    greenroom: Greenroom, ana: Caller, dynamodb: Any, changes: dict[str, Any]
) -> None:
    activity = greenroom.activity(captions=("One",), **changes)
    trials = [tries(greenroom, ana, activity) for _ in range(2)]
    for trial in trials:
        assert (trial.trial, trial.points, trial.state) == (True, 0, State.QUEUED)
        assert greenroom.stored(trial) == trial
        assert view_of(trial, ana).model_dump(by_alias=True)["try"] is True
    assert {each.performance_id for each in greenroom.history(ana)} == {
        each.performance_id for each in trials
    }
    assert dynamodb.scan(TableName="MarksTable")["Items"] == []
    assert greenroom.ledger(ana) == []
    assert not now(greenroom, activity).performed


def test_a_manager_who_tried_an_activity_still_performs_it(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity()
    trial = tries(greenroom, ana, activity)
    assert greenroom.feed(ana) == [activity.activity_id]
    greenroom.clock.advance(timedelta(milliseconds=1))
    performance = greenroom.perform(ana, activity)
    assert greenroom.history(ana) == [performance, trial]
    assert greenroom.totals(ana) == Totals(10, 10)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": ActivityState.ENDED}, ActivityProblem.ACTIVITY_ENDED),
        ({"state": ActivityState.ARCHIVED}, ActivityProblem.ACTIVITY_ENDED),
        ({"ends_at": NOON}, ActivityProblem.ACTIVITY_ENDED),
        ({"state": ActivityState.REJECTED, "video": None}, ActivityProblem.ACTIVITY_REJECTED),
        ({"state": ActivityState.PROCESSING, "video": None}, ActivityProblem.ACTIVITY_PROCESSING),
        ({"program_id": "prg_other"}, ProblemCode.NOT_FOUND),
    ],
)
def test_an_activity_that_cannot_be_tried_is_refused(
    greenroom: Greenroom, ana: Caller, changes: dict[str, Any], code: Code
) -> None:
    activity = greenroom.activity(**changes)
    assert refusal(tries, greenroom, ana, activity).code is code
    assert greenroom.history(ana) == []


def test_without_an_account_a_trial_leads_to_consent_and_nothing_is_sent_by_itself(
    greenroom: Greenroom,
) -> None:
    activity = greenroom.activity()
    with pytest.raises(AccountRequired) as required:
        tries(greenroom, greenroom.manager, activity)
    connected = greenroom.complete_consent(required.value.authorization, "ana")
    assert connected.performance is None
    assert greenroom.history(greenroom.manager) == []
    assert tries(greenroom, greenroom.manager, activity).trial


def test_a_repeated_request_finds_the_trial_it_made(greenroom: Greenroom, ana: Caller) -> None:
    activity = greenroom.activity(ends_at=greenroom.clock.now() + timedelta(minutes=1))
    try_on = greenroom.container.performances.send_trial
    first = try_on(ana, activity.activity_id, CORRELATION, "made1")
    assert try_on(ana, activity.activity_id, CORRELATION, "made1") == first
    greenroom.clock.advance(timedelta(minutes=1))
    assert try_on(ana, activity.activity_id, CORRELATION, "made1") == first
    assert greenroom.history(ana) == [first]


def test_a_trial_that_fails_for_good_takes_back_nothing(
    greenroom: Greenroom, ana: Caller, dynamodb: Any
) -> None:
    activity = greenroom.activity()
    performance, trial = greenroom.perform(ana, activity), tries(greenroom, ana, activity)
    stager: Stager = greenroom.container.stager
    greenroom.clock.advance(HOUR)
    greenroom.container.tiktok.record_access_removed("open-ana", greenroom.clock.now())
    stager.stage(reference_of(trial))
    failed = greenroom.stored(trial)
    if failed.state is State.QUEUED:  # it waits for the account first, then its time is up
        greenroom.clock.advance(40 * 24 * HOUR)
        stager.stage(reference_of(trial))
        failed = greenroom.stored(trial)
    assert failed.state is State.FAILED
    assert view_of(failed, ana).next_step.endswith("try the activity again.")
    assert greenroom.ledger(ana) == [("award", 10)]
    assert greenroom.totals(ana) == Totals(10, 10)
    [mark] = dynamodb.scan(TableName="MarksTable")["Items"]
    assert mark["performance_id"]["S"] == performance.performance_id


def test_a_send_that_waited_is_not_forgotten_because_an_activity_keeps_changing(
    greenroom: Greenroom, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(ben, activity)
    performances = greenroom.container.performances
    greenroom.container.sleep = lambda _: None
    perform = performances.perform_connected

    def contended(*arguments: Any) -> Performance:
        calls.fail("TransactWriteItems", CONFLICT, times=8)
        return perform(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(performances, "perform_connected", contended)
        came = refusal(greenroom.complete_consent, required.value.authorization, "ben")
    assert came.code is ProblemCode.CHANGED_MEANWHILE
    assert greenroom.history(ben) == []
    greenroom.clock.advance(PENDING_GRACE + PENDING_GRACE)
    assert greenroom.container.connections.send_pending() == 1
    assert [each.activity_id for each in greenroom.history(ben)] == [activity.activity_id]
