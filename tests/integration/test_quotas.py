"""Quotas: what one program may take, refused with limit and use, and never paid for by members."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.composition import Container
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.quotas import GIGABYTE, Quotas
from chalicelib.foundation.settings import Settings
from chalicelib.videos.model import MAX_SIZE_BYTES, RECHECK_DELAY, UploadStatus
from chalicelib.videos.queue import ArrivalsQueue
from local import template
from local.home import PROJECT
from tests.clock import StoppedClock
from tests.integration.greenroom import CORRELATION, VIDEO
from tests.integration.in_memory_greenroom import InMemoryGreenroom, ScriptedTikTok

QUOTAS = {
    "QuotaUploadsWaiting": "quota_uploads_waiting",
    "QuotaVideoGigabytes": "quota_video_gigabytes",
    "QuotaMembers": "quota_members",
    "QuotaActivitiesOpen": "quota_activities_open",
    "QuotaInvitationsADay": "quota_invitations_a_day",
    "UnusedVideoDays": "unused_video_days",
}


@pytest.fixture
def greenroom(clock: StoppedClock) -> Iterator[InMemoryGreenroom]:
    made = InMemoryGreenroom(clock, ScriptedTikTok())
    queue = ArrivalsQueue(made.clients.sqs, "http://127.0.0.1/arrivals")
    made.container.arrivals_queue = queue
    yield made
    made.close()


def within(greenroom: InMemoryGreenroom, **quotas: int) -> Container:
    """Return the services of a deployment whose owner set these quotas."""
    container = greenroom.cold_container()
    container.quotas = replace(Quotas(), **quotas)
    return container


def refused(ask: Callable[[], object]) -> tuple[Any, Any, Any]:
    with pytest.raises(Problem) as raised:
        ask()
    problem = raised.value
    assert problem.code.code == "limit_reached"
    assert str(problem.members["limit"]) in problem.detail
    assert str(problem.members["used"]) in problem.detail
    return problem.members["quota"], problem.members["limit"], problem.members["used"]


def test_uploads_that_wait_are_counted_until_they_are_decided(greenroom: InMemoryGreenroom) -> None:
    container = within(greenroom, uploads_waiting=2)

    def ask() -> Any:
        return container.videos.ask_for_upload(greenroom.manager, "video/mp4", CORRELATION)

    first = ask().upload
    ask()
    assert refused(ask) == ("uploads_waiting", 2, 2)
    assert container.upload_store.decide(first, None, (), None, greenroom.clock.now())
    ask()
    greenroom.clock.advance(timedelta(hours=2))
    ask()  # what nobody posted is over


def test_bytes_of_valid_videos_are_counted_and_given_back_with_the_videos(
    greenroom: InMemoryGreenroom,
) -> None:
    greenroom.valid_upload()
    program = greenroom.program.program_id
    assert greenroom.container.upload_store.kept_bytes(program) == len(VIDEO)
    container = greenroom.cold_container()

    class Small(Quotas):
        video_bytes = len(VIDEO)

    container.quotas = Small()

    def ask() -> Any:
        return container.videos.ask_for_upload(greenroom.manager, "video/mp4", CORRELATION)

    assert refused(ask) == ("video_bytes", len(VIDEO), len(VIDEO))
    _sweeps(greenroom, days=31)
    assert greenroom.container.upload_store.kept_bytes(program) == 0
    ask()


def test_uploads_that_wait_are_counted_as_the_largest_videos_that_they_can_be(
    greenroom: InMemoryGreenroom,
) -> None:
    container = within(greenroom, video_gigabytes=1)

    def ask() -> Any:
        return container.videos.ask_for_upload(greenroom.manager, "video/mp4", CORRELATION)

    forms = -(-GIGABYTE // MAX_SIZE_BYTES)
    uploads = [ask().upload for _ in range(forms)]
    assert refused(ask) == ("video_bytes", GIGABYTE, forms * MAX_SIZE_BYTES)
    assert container.upload_store.decide(uploads[0], None, (), None, greenroom.clock.now())
    ask()


def _sweeps(greenroom: InMemoryGreenroom, days: int) -> None:
    """Let the clock look at uploads now, in so many days, and once more to clear up."""
    sweeper = greenroom.container.stuck_uploads
    greenroom.clock.advance(RECHECK_DELAY + timedelta(minutes=1))
    sweeper.sweep()
    greenroom.clock.advance(timedelta(days=days))
    sweeper.remove_unused()
    greenroom.clock.advance(RECHECK_DELAY + timedelta(minutes=1))
    sweeper.sweep()


def test_a_valid_video_that_nobody_uses_is_removed_after_its_days_and_not_before(
    greenroom: InMemoryGreenroom,
) -> None:
    upload_id = greenroom.valid_upload()
    _sweeps(greenroom, days=29)
    kept = greenroom.container.videos.upload(greenroom.manager, upload_id)
    assert kept.state is UploadStatus.VALID
    _sweeps(greenroom, days=2)
    gone = greenroom.container.videos.upload(greenroom.manager, upload_id)
    assert (gone.state, gone.video_key) == (UploadStatus.EXPIRED, None)
    assert kept.video_key not in greenroom.cloud.objects
    with pytest.raises(Problem) as raised:
        greenroom.container.activities.create(greenroom.manager, upload_id)
    assert raised.value.code.code == "upload_not_valid"


def test_a_video_that_an_activity_uses_is_never_removed(greenroom: InMemoryGreenroom) -> None:
    upload_id = greenroom.valid_upload()
    activity = greenroom.container.activities.create(greenroom.manager, upload_id)
    greenroom.container.activities.archive(greenroom.manager, activity.activity_id)
    for _ in range(3):
        _sweeps(greenroom, days=100)
    kept = greenroom.container.videos.upload(greenroom.manager, upload_id)
    assert kept.state is UploadStatus.VALID
    assert kept.video_key in greenroom.cloud.objects


def test_a_video_used_at_the_moment_of_its_removal_is_kept(greenroom: InMemoryGreenroom) -> None:
    upload_id = greenroom.valid_upload()
    sweeper, store = greenroom.container.stuck_uploads, greenroom.container.upload_store
    greenroom.clock.advance(RECHECK_DELAY + timedelta(minutes=1))
    sweeper.sweep()
    greenroom.clock.advance(timedelta(days=31))
    (due,) = store.unused(greenroom.clock.now(), 10)
    greenroom.container.activities.create(greenroom.manager, upload_id)
    assert not store.remove_unused(due, greenroom.clock.now())
    assert store.unused(greenroom.clock.now(), 10) == []
    kept = greenroom.container.videos.upload(greenroom.manager, upload_id)
    assert kept.state is UploadStatus.VALID


def test_open_activities_are_counted_until_they_end(greenroom: InMemoryGreenroom) -> None:
    container = within(greenroom, activities_open=2)
    upload_id = greenroom.valid_upload()

    def create() -> Any:
        return container.activities.create(greenroom.manager, upload_id)

    first = create()
    create()
    assert refused(create) == ("activities_open", 2, 2)
    assert refused(
        lambda: container.activities.duplicate(greenroom.manager, first.activity_id)
    ) == ("activities_open", 2, 2)
    container.activities.end(greenroom.manager, first.activity_id)
    create()


def test_activities_that_wait_for_their_video_are_counted_too(greenroom: InMemoryGreenroom) -> None:
    """Or any number of them would be open once it is valid."""
    container, now = within(greenroom, activities_open=3), greenroom.clock.now()
    upload = container.videos.ask_for_upload(greenroom.manager, "video/mp4", CORRELATION).upload
    assert container.upload_store.claim(upload.program_id, upload.upload_id, now, now)
    valid = greenroom.valid_upload()

    def waiting() -> Activity:
        return container.activities.create(greenroom.manager, upload.upload_id)

    def open_now() -> Activity:
        return container.activities.create(greenroom.manager, valid)

    first = waiting()
    open_now()
    waiting()
    for create in (waiting, open_now):
        assert refused(create) == ("activities_open", 3, 3)
    container.activities.archive(greenroom.manager, first.activity_id)
    open_now()


@pytest.mark.parametrize("video", ["valid", "being checked"])
def test_a_rejected_activity_is_counted_before_another_video_opens_it(
    greenroom: InMemoryGreenroom, video: str
) -> None:
    container, now = within(greenroom, activities_open=1), greenroom.clock.now()
    refused_one = greenroom.activity(state=ActivityState.REJECTED, video=None, video_key=None)
    other = container.activities.create(greenroom.manager, greenroom.valid_upload())
    upload_id = greenroom.valid_upload()
    if video == "being checked":
        asked = container.videos.ask_for_upload(greenroom.manager, "video/mp4", CORRELATION)
        upload_id = asked.upload.upload_id
        assert container.upload_store.claim(asked.upload.program_id, upload_id, now, now)

    def edit(**changes: Any) -> Activity:
        return container.activities.edit(
            greenroom.manager, refused_one.activity_id, refused_one.version, **changes
        )

    assert refused(lambda: edit(upload_id=upload_id)) == ("activities_open", 1, 1)
    # One that is open already takes no further place.
    container.activities.edit(
        greenroom.manager, other.activity_id, other.version, upload_id=greenroom.valid_upload()
    )
    container.activities.end(greenroom.manager, other.activity_id)
    assert edit(upload_id=upload_id).state is not ActivityState.REJECTED


def test_members_and_invitations_are_counted_together_until_they_are_removed(
    greenroom: InMemoryGreenroom,
) -> None:
    container = within(greenroom, members=3)

    def invite(name: str) -> Any:
        email = f"{name}@demo.example"
        return container.members.invite(greenroom.manager, email, None, Role.MEMBER)

    ben = invite("ben")
    invite("cem")
    assert refused(lambda: invite("dee")) == ("members", 3, 3)
    with pytest.raises(Problem) as raised:
        invite("cem")  # who is in it is told so, whatever the quota
    assert raised.value.code.code == "already_a_member"
    container.members.remove(greenroom.manager, ben.member_id)
    container.members.remove(greenroom.manager, ben.member_id)
    invite("dee")
    assert refused(lambda: invite("ben")) == ("members", 3, 3)  # to come back takes a place too


def test_a_list_that_does_not_fit_invites_nobody(greenroom: InMemoryGreenroom) -> None:
    container = within(greenroom, members=30)
    people = "\n".join(f"m{number}@demo.example" for number in range(30))
    before = len(list(container.programs.members(greenroom.program.program_id)))
    assert refused(lambda: container.members.import_roster(greenroom.manager, people)) == (
        "members",
        30,
        1,
    )
    assert len(list(container.programs.members(greenroom.program.program_id))) == before
    fits = "\n".join(f"m{number}@demo.example" for number in range(29))
    assert len(container.members.import_roster(greenroom.manager, fits)) == 29


@pytest.mark.parametrize("quota", ["members", "invitations_a_day"])
def test_returning_members_count_against_the_quota_before_a_list_is_invited(
    greenroom: InMemoryGreenroom, quota: str
) -> None:
    open_to_all = within(greenroom)
    for name in ("ben", "cem"):
        email = f"{name}@demo.example"
        made = open_to_all.members.invite(greenroom.manager, email, None, Role.MEMBER)
        open_to_all.members.remove(greenroom.manager, made.member_id)
    greenroom.clock.advance(timedelta(days=1))
    used = 1 if quota == "members" else 0  # the manager is a member, invited yesterday
    people = "\n".join(f"{name}@demo.example" for name in ("dee", "ben", "eva", "cem"))
    small = within(greenroom, **{quota: used + 3})
    before = sorted(map(str, small.programs.members(greenroom.program.program_id)))
    asked = refused(lambda: small.members.import_roster(greenroom.manager, people))
    assert asked == (quota, used + 3, used)
    assert sorted(map(str, small.programs.members(greenroom.program.program_id))) == before
    fits = within(greenroom, **{quota: used + 4})
    found = fits.members.import_roster(greenroom.manager, people)
    assert {each.outcome.value for each in found} == {"invited"}


def test_invitations_are_counted_by_the_day(greenroom: InMemoryGreenroom) -> None:
    container = within(greenroom, invitations_a_day=2)

    def invite(name: str) -> Any:
        email = f"{name}@demo.example"
        return container.members.invite(greenroom.manager, email, None, Role.MEMBER)

    today = [invite("ben"), invite("cem")]
    container.members.remove(greenroom.manager, today[0].member_id)
    assert refused(lambda: invite("dee")) == ("invitations_a_day", 2, 2)
    greenroom.clock.advance(timedelta(days=1))
    invite("dee")


@pytest.mark.parametrize("quota", ["uploads_waiting", "video_gigabytes"])
def test_a_request_whose_answer_was_lost_finds_its_upload_though_it_was_the_last(
    greenroom: InMemoryGreenroom, quota: str
) -> None:
    container = within(greenroom, uploads_waiting=1)

    def ask(made_id: str) -> Any:
        manager = greenroom.manager
        return container.videos.ask_for_upload(manager, "video/mp4", CORRELATION, made_id)

    first = ask("1")
    if quota == "video_gigabytes":
        container = within(greenroom, video_gigabytes=0)
    assert ask("1").upload.upload_id == first.upload.upload_id
    with pytest.raises(Problem) as raised:
        ask("2")
    assert raised.value.code.code == "limit_reached"


def test_one_programs_quota_is_no_other_programs(greenroom: InMemoryGreenroom) -> None:
    container = within(greenroom, members=2)
    container.members.invite(greenroom.manager, "ben@demo.example", None, Role.MEMBER)
    other, _, _ = container.programs.create_program("Other", "UTC", "boss@other.example")
    boss = greenroom.sign_in("boss@other.example")
    assert boss.program_id == other.program_id
    container.members.invite(boss, "ben@other.example", None, Role.MEMBER)


def test_the_templates_defaults_are_those_of_the_code() -> None:
    parameters = template.declarations(PROJECT / "infra")["Parameters"]
    settings = Settings()
    for parameter, setting in QUOTAS.items():
        assert parameters[parameter]["Default"] == getattr(settings, setting), parameter
