"""Disclosure: what is asked, what is kept as evidence, where it shows; sharing by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.activities.problems import ActivityProblem
from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation.actors import acting, member
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.personal import Person
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.performances.connections.service import PENDING_GRACE
from chalicelib.performances.model import State
from chalicelib.performances.personal import PerformancePersonalData
from chalicelib.performances.service import AccountRequired
from chalicelib.performances.store import PerformanceItem
from chalicelib.programs.model import ContentDisclosure, DisclosureTick
from chalicelib.programs.service import ProgramChanges
from chalicelib.programs.store import ProgramItem
from tests.integration.database import database
from tests.integration.greenroom import CORRELATION, Greenroom

NONE = ContentDisclosure.NONE
BRANDED = ContentDisclosure.BRANDED_CONTENT


@pytest.fixture
def ana(greenroom: Greenroom) -> Caller:
    ana = greenroom.member("ana")
    greenroom.connect_account(ana, "ana")
    return greenroom.now(ana)


def refused(greenroom: Greenroom, caller: Caller, activity: Any, version: str | None) -> Problem:
    tick = DisclosureTick(version, "en", greenroom.clock.now()) if version else None
    with pytest.raises(Problem) as caught:
        greenroom.container.performances.perform(
            caller, activity.activity_id, CORRELATION, tick=tick
        )
    return caught.value


@pytest.mark.parametrize("version", [None, "1.branded_content", "1.your_brand.ai", "0.your_brand"])
def test_nothing_is_sent_without_a_tick_of_the_very_text_that_is_asked(
    greenroom: Greenroom, ana: Caller, version: str | None
) -> None:
    activity = greenroom.activity()
    problem = refused(greenroom, ana, activity, version)
    assert problem.code is ActivityProblem.DISCLOSURE_NOT_ACKNOWLEDGED
    steps = problem.members["disclosure_steps"]
    assert (steps["version"], steps["text"]) == (
        "1.your_brand",
        activity.required_disclosure.text(),
    )
    assert greenroom.history(ana) == []
    assert greenroom.feed(ana) == [activity.activity_id]


def test_an_activity_without_disclosure_is_sent_without_a_confirmation(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity(content_disclosure=NONE)
    made = greenroom.container.performances.perform(ana, activity.activity_id, CORRELATION)
    assert greenroom.stored(made).acknowledged is None
    assert greenroom.stored(made).asked == activity.required_disclosure


def test_the_tick_is_kept_with_the_performance_and_in_the_audit_trail(
    greenroom: Greenroom, ana: Caller
) -> None:
    activity = greenroom.activity(content_disclosure=BRANDED, ai_generated=True)
    tick = DisclosureTick("1.branded_content.ai", "de", greenroom.clock.now())
    with acting(member(ana.member_id)):
        made = greenroom.container.performances.perform(
            ana, activity.activity_id, CORRELATION, tick=tick
        )
    evidence = greenroom.stored(made).acknowledged
    assert evidence is not None
    assert (evidence.version, evidence.language) == ("1.branded_content.ai", "de")
    assert (evidence.text, evidence.at) == (activity.required_disclosure.text("de"), tick.at)
    wanted = EntryFilter(kind=Kind.DISCLOSURE_ACKNOWLEDGED)
    (told,) = list(greenroom.container.audit.export_entries(greenroom.manager, wanted))
    assert told.entry.member_id == ana.member_id
    assert told.entry.thing == activity.activity_id
    assert told.entry.after["performance"] == made.performance_id
    assert told.entry.after["version"] == "1.branded_content.ai"


def test_the_tick_survives_the_way_through_tiktoks_consent_page(greenroom: Greenroom) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    ticked_at = greenroom.clock.now()
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(ben, activity)
    greenroom.clock.advance(timedelta(minutes=3))
    connected = greenroom.complete_consent(required.value.authorization, "ben")
    assert connected.performance is not None
    evidence = greenroom.stored(connected.performance).acknowledged
    assert evidence is not None
    assert evidence.at == ticked_at


def test_a_tick_of_what_is_asked_no_more_sends_nothing_after_the_consent(
    greenroom: Greenroom,
) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(ben, activity)
    greenroom.put_activity(replace(activity, content_disclosure=BRANDED))
    connected = greenroom.complete_consent(required.value.authorization, "ben")
    assert connected.problem is not None
    assert connected.problem.code is ActivityProblem.DISCLOSURE_NOT_ACKNOWLEDGED
    assert greenroom.history(ben) == []
    greenroom.clock.advance(PENDING_GRACE + timedelta(seconds=1))
    assert greenroom.container.connections.send_pending() == 0


def test_the_clock_makes_a_waiting_send_with_its_tick(greenroom: Greenroom) -> None:
    ben, activity = greenroom.member("ben"), greenroom.activity()
    with pytest.raises(AccountRequired) as required:
        greenroom.perform(ben, activity)
    dying = greenroom.cold_container()

    def dies(*_: Any) -> Any:
        raise RuntimeError

    dying.performances.perform_connected = dies  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError):
        greenroom.complete_consent(required.value.authorization, "ben", dying)
    greenroom.clock.advance(PENDING_GRACE + timedelta(seconds=1))
    assert greenroom.container.connections.send_pending() == 1
    (made,) = greenroom.history(ben)
    assert made.acknowledged is not None


def test_items_of_before_read_as_the_default_and_as_never_asked(
    greenroom: Greenroom, ana: Caller
) -> None:
    program = greenroom.container.programs.program(ana.program_id)
    assert program is not None
    assert program.content_disclosure is ContentDisclosure.YOUR_BRAND
    assert program.reuse_warning_above == 50
    activity = greenroom.activity(content_disclosure=NONE)
    made = greenroom.perform(ana, activity)
    item = PerformanceItem(ana.owner, made.performance_id)
    database().update(item, [PerformanceItem.content_disclosure.remove()], None)
    assert greenroom.stored(made).asked is None


def test_new_activities_take_the_programs_choice_and_settings_keep_each_other(
    greenroom: Greenroom,
) -> None:
    programs = greenroom.container.programs
    changes = ProgramChanges(content_disclosure=BRANDED, reuse_warning_above=7)
    changed = programs.change_program(greenroom.manager, changes)
    assert (changed.content_disclosure, changed.reuse_warning_above) == (BRANDED, 7)
    assert programs.content_disclosure(greenroom.manager.program_id) is BRANDED
    again = programs.change_program(greenroom.manager, ProgramChanges(reuse_warning_above=0))
    assert (again.content_disclosure, again.reuse_warning_above) == (BRANDED, 0)
    kept = database().get(ProgramItem, greenroom.manager.program_id, "program")
    assert (kept.content_disclosure, kept.reuse_warning_above) == ("branded_content", 0)


def test_sharing_by_hand_is_told_and_changes_neither_state_nor_points(
    greenroom: Greenroom, ana: Caller
) -> None:
    performances = greenroom.container.performances
    made = greenroom.perform(ana, greenroom.activity())
    before, points = greenroom.stored(made), greenroom.totals(ana)
    shared = performances.mark_shared(ana, made.performance_id)
    assert shared.shared_at == greenroom.clock.now()
    greenroom.clock.advance(timedelta(hours=1))
    assert performances.mark_shared(ana, made.performance_id).shared_at == shared.shared_at
    assert replace(greenroom.stored(made), shared_at=None) == before
    assert greenroom.totals(ana) == points
    assert performances.unmark_shared(ana, made.performance_id).shared_at is None
    assert greenroom.stored(made) == before
    assert greenroom.stored(made).state is State.QUEUED


def test_only_its_own_member_marks_a_performance_as_shared(
    greenroom: Greenroom, ana: Caller
) -> None:
    made = greenroom.perform(ana, greenroom.activity())
    ben = greenroom.member("ben")
    for call in (
        greenroom.container.performances.mark_shared,
        greenroom.container.performances.unmark_shared,
    ):
        with pytest.raises(Problem) as caught:
            call(ben, made.performance_id)
        assert caught.value.code is ProblemCode.NOT_FOUND
    assert greenroom.stored(made).shared_at is None


def test_the_evidence_is_in_ones_data_and_an_erasure_takes_its_words_alone(
    greenroom: Greenroom, ana: Caller
) -> None:
    made = greenroom.perform(ana, greenroom.activity())
    person = Person(ana.program_id, ana.member_id, ana.email, ana.name, ana.subject)
    keeper = PerformancePersonalData(database(), greenroom.clock)
    ((_, record),) = list(keeper.personal_data(person))
    assert record["disclosure_version"] == "1.your_brand"
    assert record["disclosure_text"] == greenroom.activity().required_disclosure.text()
    assert "disclosure_acknowledged_at" in record
    item = PerformanceItem(ana.owner, made.performance_id)
    database().update(item, [PerformanceItem.state.set(State.STAGED)], None)
    while not keeper.erase(person):
        pass
    evidence = greenroom.stored(made).acknowledged
    assert evidence is not None
    assert (evidence.version, evidence.language, evidence.text) == ("1.your_brand", "en", None)


def test_managers_learn_how_many_would_share_a_video_and_a_caption(greenroom: Greenroom) -> None:
    for name in ("ana", "ben", "cleo"):
        greenroom.member(name)
    changes = ProgramChanges(reuse_warning_above=1)
    greenroom.container.programs.change_program(greenroom.manager, changes)
    audience, found = greenroom.container.reports.reuse(greenroom.manager, frozenset({"chn_x"}), 2)
    assert (audience.members, found.people, found.video_reused) == (0, 0, False)
