"""Exports and erasures, held against a walk over all tables and files."""

import copy
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.client import BaseClient

from chalicelib.agents.model import Message
from chalicelib.foundation.actors import Origin, acting, member
from chalicelib.foundation.idempotency import Attempt
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.personal import ERASED_NAME, attribute_to_json
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.texts import lookalike_key
from chalicelib.notifications.pushing.model import Device, PushBox, with_device
from chalicelib.performances.model import State
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.periods import Period
from chalicelib.points.ranking import unpack
from chalicelib.privacy.erasing import ErasureOverdue
from chalicelib.privacy.model import (
    EXPORT_REQUEUE_DELAY,
    EXPORT_REUSE_TIME,
    LONGEST_WAIT,
    OVERDUE_AFTER,
    WRITES_SETTLE_TIME,
    ErasureStatus,
    ExportStatus,
    PersonalExport,
)
from chalicelib.privacy.problems import PrivacyProblem
from chalicelib.privacy.queue import from_message
from chalicelib.programs.model import ChannelKind, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from chalicelib.reports.counting import fact_of_performance
from chalicelib.reports.model import Dismissal, Fact, Impression, Progress, Scope
from chalicelib.reports.rebuilding import FactMissing
from chalicelib.reports.report_exports.store import Table
from chalicelib.rewards.model import Redemption
from local.home import PROJECT
from tests.integration.conftest import Calls, _moto_tables
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

NAME = "Vic Unmistakable"
WORDS = "Words-for-nobody-else"
VIC = "vic.unmistakable@demo.example"
TIKTOK = "vicsaccount"
ALIAS = "Masked Falcon"
ADDRESS = "203.0.113.77"
TRACES = (
    NAME,
    VIC,
    f"subject-{VIC}",
    f"open-{TIKTOK}",
    TIKTOK.title(),
    "Only for Vic",
    "Vic Before",
    ALIAS,
    lookalike_key(ALIAS),
    ADDRESS,
)
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


class Death(BaseException):
    """The function dies here."""


@contextmanager
def refused(code: Code) -> Iterator[None]:
    with pytest.raises(Problem) as problem:
        yield
    assert problem.value.code is code


def everything(greenroom: Greenroom) -> dict[str, list[dict[str, Any]]]:
    """Read all items of all tables, plainly."""
    dynamodb = greenroom.clients.dynamodb
    return {
        table: [
            {name: attribute_to_json(value) for name, value in item.items()}
            for page in dynamodb.get_paginator("scan").paginate(TableName=table)
            for item in page["Items"]
        ]
        for table in dynamodb.list_tables()["TableNames"]
    }


def files(greenroom: Greenroom) -> dict[str, bytes]:
    s3, found = greenroom.clients.s3, {}
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            found[f"{bucket}/{each['Key']}"] = body
    return found


def traces(greenroom: Greenroom, looked_for: tuple[str, ...] = TRACES) -> list[str]:
    """Name every place where something of the person is found, in tables, boards and files."""
    found = []
    for table, items in everything(greenroom).items():
        for item in items:
            text = json.dumps(item, ensure_ascii=False)
            found += [f"{table}: {each} in {text[:300]}" for each in looked_for if each in text]
    for name, content in files(greenroom).items():
        found += [f"{name}: {each}" for each in looked_for if each.encode() in content]
    container, program_id = greenroom.container, greenroom.program.program_id
    for period in Period:
        head = container.board_store.head(program_id, period)
        pages = [
            container.board_store.page(program_id, period, each)
            for each in container.board_store.pages_of_run(program_id, period, "")
        ]
        shown = [str(head.top), *(str(unpack(each)) for each in pages if each)]
        found += [f"board {period}: {each}" for each in looked_for if any(each in s for s in shown)]
    return found


class Scene:
    """A program in which a member left a trace wherever one can be left."""

    def __init__(self, greenroom: Greenroom) -> None:
        self.greenroom, self.manager = greenroom, greenroom.manager
        queue = greenroom.clients.sqs.create_queue(QueueName="personal-exports")["QueueUrl"]
        self.queue_url = queue
        settings = greenroom.settings.changed(personal_exports_queue_url=queue)
        self.container = container = greenroom.container
        container.__dict__["settings"] = settings
        self._invited_with_a_key()
        self.vic = greenroom.sign_in(VIC)
        container.programs.change_profile(self.vic, name=NAME, time_zone="Europe/Madrid")
        # Before it is shown: boards of the scene have the name, which is looked for in them.
        container.programs.change_profile(self.vic, alias=ALIAS)
        room = container.channels.create(self.manager, "Room", ChannelKind.PUBLIC)
        with acting(member(self.vic.member_id), Origin(ADDRESS, "member")):
            container.channels.join(self.vic, room.channel.channel_id)
        self._is_put_into_channels()
        self._takes_pushes()
        greenroom.connect_account(self.vic, TIKTOK)
        self.sent = greenroom.perform(self.now(), greenroom.activity(captions=("A caption",)))
        self._answered_with_a_key()
        self.stage(self.sent.performance_id)
        self._dismisses()
        self._adjusts_with_a_key()
        self._lets_an_agent_call()
        self._redeems()
        greenroom.count_entries()
        container.leaderboard_marks.mark({greenroom.program.program_id})
        greenroom.build_leaderboards()
        self._reports()

    def now(self) -> Caller:
        return self.greenroom.sign_in(VIC)

    def _invited_with_a_key(self) -> None:
        idempotency, owner = self.container.idempotency, self.manager.owner
        attempt = idempotency.begin(owner, "key", b"request")
        assert isinstance(attempt, Attempt)
        invited = self.container.members.invite(self.manager, VIC, NAME, Role.MEMBER)
        told = {"member_id": invited.member_id, "email": VIC, "name": "Vic Before"}
        idempotency.finish(attempt, 201, json.dumps(told, ensure_ascii=False))

    def _is_put_into_channels(self) -> None:
        """A manager puts several into a channel, and takes one out again."""
        channels, vic = self.container.channels, self.vic.member_id
        crew = channels.create(self.manager, "Crew", ChannelKind.PRIVATE).channel.channel_id
        self.other = self.greenroom.member("olga.other")
        with acting(member(self.manager.member_id)):
            channels.add_members(self.manager, crew, [vic, self.other.member_id])
            channels.remove_member(self.manager, crew, vic)

    def _takes_pushes(self) -> None:
        vic, now = self.vic, self.greenroom.clock.now()
        device = Device(
            "device-1", f"https://{VIC}", b"key", b"auth", "key-1", "Browser", "en", now
        )

        def added(box: PushBox) -> PushBox:
            return with_device(box, device) or box

        self.container.push_store.change(vic.program_id, vic.member_id, added)
        self.container.push_store.set_device_owner(device.device_id, vic.owner)

    def _dismisses(self) -> None:
        """Dismiss an activity, another one and take that back; one that was sent had been, too.

        What their events do is done by hand: reports and notices know of them.
        """
        activities = self.container.activities
        program_id, member_id = self.vic.program_id, self.vic.member_id
        self.dismissed, self.undone = self.greenroom.activity(), self.greenroom.activity()
        now = self.greenroom.clock.now()
        known = {
            self.dismissed.activity_id: Progress(dismissal=Dismissal(now)),
            self.undone.activity_id: Progress(dismissal=Dismissal(now, now)),
            self.sent.activity_id: Progress(
                impression=Impression(now), dismissal=Dismissal(now, now)
            ),
        }
        for each in (self.dismissed, self.undone):
            activities.dismiss(self.now(), each.activity_id)
        activities.undismiss(self.now(), self.undone.activity_id)
        self.container.fact_counter.count(
            Fact(program_id, member_id, activity_id, each) for activity_id, each in known.items()
        )
        self.container.notice_writer.update_activity_mark(
            program_id, member_id, self.dismissed.activity_id
        )

    def _answered_with_a_key(self) -> None:
        told = {"performance_id": self.sent.performance_id, "caption": "Dealt to Vic"}
        self.is_answered(self.vic, told)

    def is_answered(self, caller: Caller, answer: dict[str, Any]) -> None:
        """Keep an answer to somebody for replay."""
        idempotency = self.container.idempotency
        attempt = idempotency.begin(caller.owner, "answered", b"request")
        assert isinstance(attempt, Attempt)
        idempotency.finish(attempt, 201, json.dumps(answer))

    def _adjusts_with_a_key(self) -> None:
        """The answers that are kept: this one, and one about somebody else's points."""
        idempotency, manager = self.container.idempotency, self.manager
        for key, whom, reason in (
            ("vic", self.vic.member_id, "Only for Vic"),
            ("ana", manager.member_id, "Spoke at the fair"),
        ):
            attempt = idempotency.begin(manager.owner, key, b"request")
            assert isinstance(attempt, Attempt)
            adjusted = self.container.points.adjust(manager, whom, 50, reason, attempt.made_id)
            self.container.notice_writer.add_points_notice(
                manager.program_id, whom, adjusted.entry.entry_id, 50, self.greenroom.clock.now()
            )
            told = {"entry_id": adjusted.entry.entry_id, "reason": reason}
            idempotency.finish(attempt, 201, json.dumps({"entry": told, "balance": 50}))

    def _lets_an_agent_call(self) -> None:
        """The member's agent says who its person is wherever a word can be put."""
        for arguments in ({"period": NAME}, {NAME: VIC}, {"period": "week", "cursor": NAME}):
            params = {"name": "read_leaderboard", "arguments": arguments}
            self.container.agents.answer(self.now(), Message("tools/call", params, 1), "request")

    def stage(self, performance_id: str) -> None:
        item = PerformanceItem(self.vic.owner, performance_id)
        actions = [
            PerformanceItem.state.set(State.STAGED),
            PerformanceItem.publish_id.set("v_inbox.1"),
            PerformanceItem.open_id.set(f"open-{TIKTOK}"),
            PerformanceItem.reason.set("Only for Vic"),
        ]
        assert database().update(item, actions)

    def _redeems(self) -> None:
        rewards, redemptions = self.container.rewards, self.container.redemptions
        mug = rewards.create(self.manager, title="Mug", price=5)
        done = redemptions.redeem(self.now(), mug.reward_id, 5)
        redemptions.fulfil(self.manager, done.redemption_id, note="Only for Vic", code="CODE")
        self.open = redemptions.redeem(self.now(), mug.reward_id, 5)

    def _reports(self) -> None:
        program_id, member_id = self.vic.program_id, self.vic.member_id
        counting, now = self.container.event_counters, self.greenroom.clock.now()
        counting.redemptions.refresh(program_id, self.open.redemption_id, now)
        self.container.person_counter.count(program_id, member_id)
        for table in (Table.MEMBERS, Table.AUDIT):
            export = self.container.report_exports.request_export(self.manager, table)
            self.container.report_export_maker.make(program_id, export.export_id)

    # --- what happens by itself -----------------------------------------------------------------

    def releases(self) -> None:
        """Let the events of a removal arrive."""
        vic = self.vic
        self.container.connections.release_removed_member(vic.program_id, vic.member_id)
        self.container.person_counter.count(vic.program_id, vic.member_id)
        self.container.leaderboard_marks.mark({vic.program_id})
        self.greenroom.build_leaderboards()

    def rounds(self, number: int = 6) -> None:
        """Let the clock tick until nothing is due."""
        for _ in range(number):
            self.container.eraser.erase_due()
            self.greenroom.build_leaderboards()
            self.greenroom.clock.advance(WRITES_SETTLE_TIME + timedelta(minutes=30))

    def asks(self, by: Caller | None = None) -> ErasureStatus:
        caller = by or self.now()
        return self.container.privacy.ask_erasure(caller, self.vic.member_id).status

    def status(self) -> ErasureStatus:
        return self.container.privacy.erasure(self.manager, self.vic.member_id).status

    def exports(self, by: Caller | None = None) -> ExportStatus:
        """Ask for an export, and let what was queued be made."""
        caller = by or self.now()
        self.container.privacy.ask_export(caller, self.vic.member_id)
        self.makes()
        return self.container.privacy.export(caller, self.vic.member_id).status

    def makes(self) -> int:
        self.container.personal_export_queuer.queue_due()
        sqs = self.greenroom.clients.sqs
        messages = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        found = messages.get("Messages", ())
        for each in found:
            self.container.personal_export_maker.make(*from_message(each["Body"]))
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=each["ReceiptHandle"])
        return len(found)

    def exported(self, *, for_managers: bool = False) -> dict[str, Any]:
        ((_, content),) = [
            each
            for each in files(self.greenroom).items()
            if "personal" in each[0] and ("for-managers" in each[0]) is for_managers
        ]
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [each for each in archive.namelist() if each.endswith(".json")]
            return {each.removesuffix(".json"): json.loads(archive.read(each)) for each in names}


class Pool:
    """The deployment's user pool, with whom it is given."""

    def __init__(self, scene: Scene) -> None:
        self._cognito = scene.greenroom.clients.cognito
        made = self._cognito.create_user_pool(PoolName="pool", UsernameAttributes=["email"])
        self._id = made["UserPool"]["Id"]
        settings = scene.container.settings.changed(user_pool_id=self._id)
        scene.container.__dict__["settings"] = settings

    def adds(self, email: str, *, used: bool = True) -> str:
        """Add a sign-in, with a password of its own if it is used; returns its subject."""
        user = self._cognito.admin_create_user(
            UserPoolId=self._id, Username=email, UserAttributes=[{"Name": "email", "Value": email}]
        )["User"]
        if used:
            self._cognito.admin_set_user_password(
                UserPoolId=self._id, Username=email, Password="Secret-123", Permanent=True
            )
        return next(each["Value"] for each in user["Attributes"] if each["Name"] == "sub")

    def removes(self, email: str) -> None:
        self._cognito.admin_delete_user(UserPoolId=self._id, Username=email)

    def join(self, scene: Scene, email: str) -> Caller:
        """Let a person with a sign-in join the scene's program."""
        scene.container.members.invite(scene.manager, email, None, Role.MEMBER)
        return scene.container.programs.caller(Claims(self.adds(email), email, 0))

    def subjects(self) -> list[str]:
        """Return the subjects of all sign-ins that there are."""
        return [
            each["Value"]
            for user in self._cognito.list_users(UserPoolId=self._id)["Users"]
            for each in user["Attributes"]
            if each["Name"] == "sub"
        ]


@pytest.fixture
def scene(greenroom: Greenroom) -> Scene:
    return Scene(greenroom)


# --- erasures -----------------------------------------------------------------------------------


def test_the_scene_has_left_a_trace_in_every_place_that_is_searched(scene: Scene) -> None:
    found = "\n".join(traces(scene.greenroom))
    for place in (
        *("Programs", "Accounts", "Performances", "Points", "Rewards", "Reports", "Idempotency"),
        *("Notices", "Origins", "board week", "exports/"),
    ):
        assert place in found, place


def test_an_erased_persons_earlier_name_is_not_left_beside_what_they_redeemed(scene: Scene) -> None:
    scene.container.programs.change_profile(scene.now(), name="Vic Afterwards")
    assert scene.asks() is ErasureStatus.ERASING
    scene.releases()
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED
    assert traces(scene.greenroom) == []
    (waits,) = scene.container.worklist.worklist(scene.manager).items
    assert (waits.code, waits.title) == ("redemption_waiting", f"Mug, {ERASED_NAME}")


@pytest.mark.parametrize("by_manager", [False, True])
def test_after_an_erasure_nothing_of_the_person_is_found_anywhere(
    scene: Scene, by_manager: bool
) -> None:
    scene.exports()
    assert "Dealt to Vic" in str(everything(scene.greenroom)["IdempotencyTable"])
    assert scene.asks(scene.manager if by_manager else None) is ErasureStatus.ERASING
    scene.releases()
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED
    assert traces(scene.greenroom) == []
    answers = str(everything(scene.greenroom)["IdempotencyTable"])
    assert "Spoke at the fair" in answers
    assert "Dealt to Vic" not in answers


def test_a_kept_answer_about_a_longer_address_stays_as_it_is(scene: Scene) -> None:
    """The erased person's address is the end of it."""
    answer = {"email": f"no{VIC}", "name": "Nova", "errors": [VIC]}
    scene.is_answered(scene.manager, answer)
    scene.asks()
    scene.rounds(1)
    answers = [each.get("body") for each in everything(scene.greenroom)["IdempotencyTable"]]
    erased = f"{scene.vic.member_id}@erased.invalid"
    assert json.dumps({**answer, "errors": [erased]}) in answers


@pytest.mark.parametrize("act", ["fulfil", "reject"])
@pytest.mark.parametrize("when", ["after the erasure", "between read and write"])
def test_a_managers_words_about_a_request_are_not_kept_of_a_member_who_is_erased(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, act: str, when: str
) -> None:
    redemptions, store = scene.container.redemptions, scene.container.reward_store
    scene.asks()
    scene.releases()
    read, erasing = store.redemption, [True]

    def decides() -> Redemption:
        asked = scene.open.redemption_id
        if act == "reject":
            return redemptions.reject(scene.manager, asked, WORDS)
        return redemptions.fulfil(scene.manager, asked, note=WORDS, code=WORDS)

    def overtaken(*asked: str) -> Redemption | None:
        found = read(*asked)
        if erasing:
            erasing.clear()
            scene.rounds()
        return found

    if when == "between read and write":
        monkeypatch.setattr(store, "redemption", overtaken)
    else:
        scene.rounds()
    made = decides()
    assert scene.status() is ErasureStatus.ERASED
    assert made.status.value == {"fulfil": "fulfilled", "reject": "rejected"}[act]
    assert (made.note, made.code, made.reason) == (None, None, None)
    assert WORDS not in str(everything(scene.greenroom))
    assert decides() == made  # the same again


@pytest.mark.parametrize("elsewhere", ["nowhere", "invited", "member"])
def test_the_sign_in_goes_from_the_pool_unless_another_program_has_the_person(
    scene: Scene, elsewhere: str
) -> None:
    container, pool = scene.container, Pool(scene)
    subject = pool.adds(VIC, used=False)
    scene.asks(scene.manager)
    if elsewhere != "nowhere":
        other, _, _ = container.programs.create_program("Other", "UTC", "boss@other.example")
        container.programs.invite(other, VIC, Role.MEMBER)
    if elsewhere == "member":
        assert container.programs.caller(Claims(subject, VIC, 0)).program_id == other.program_id
    scene.releases()
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED
    assert len(pool.subjects()) == (elsewhere != "nowhere")


STRANGER = "stranger@elsewhere.example"


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("removed", [True, False])
def test_inviting_a_strangers_address_does_not_allow_erasing_their_sign_in(
    scene: Scene, used: bool, removed: bool
) -> None:
    """The stranger is between programs; a sign-in that nobody used is an invitation's rest."""
    container, pool = scene.container, Pool(scene)
    subject = pool.adds(STRANGER, used=used)
    invited = container.members.invite(scene.manager, STRANGER, None, Role.MEMBER)
    if removed:
        container.members.remove(scene.manager, invited.member_id)
    container.privacy.ask_erasure(scene.manager, invited.member_id)
    scene.rounds()
    done = container.privacy.erasure(scene.manager, invited.member_id)
    assert done.status is ErasureStatus.ERASED
    assert pool.subjects() == ([subject] if used else [])


@pytest.mark.parametrize("ended", ["member", "left", "removed", "invited again"])
def test_the_sign_in_of_a_person_who_was_a_member_goes_however_their_membership_ended(
    scene: Scene, ended: str
) -> None:
    container, pool = scene.container, Pool(scene)
    lea = pool.join(scene, STRANGER)
    if ended == "left":
        container.joining.leave(lea)
    elif ended != "member":
        container.members.remove(scene.manager, lea.member_id)
    if ended == "invited again":
        container.members.invite(scene.manager, STRANGER, None, Role.MEMBER)
    container.privacy.ask_erasure(scene.manager, lea.member_id)
    scene.rounds()
    assert pool.subjects() == []
    assert traces(scene.greenroom, (STRANGER, str(lea.subject))) == []


def test_a_sign_in_made_anew_after_the_members_own_is_not_erased_with_them(scene: Scene) -> None:
    container, pool = scene.container, Pool(scene)
    lea = pool.join(scene, STRANGER)
    pool.removes(STRANGER)
    another = pool.adds(STRANGER)
    container.privacy.ask_erasure(scene.manager, lea.member_id)
    scene.rounds()
    assert pool.subjects() == [another]


@pytest.mark.parametrize("standing", ["member", "invited elsewhere", "left", "removed", "another"])
def test_a_copy_has_the_sign_in_of_whoever_is_a_member_by_it_and_nobody_elses(
    scene: Scene, standing: str
) -> None:
    container, pool = scene.container, Pool(scene)
    if standing == "invited elsewhere":
        other, _, _ = container.programs.create_program("Other", "UTC", "boss@other.example")
        container.programs.invite(other, STRANGER, Role.MEMBER)
        subject = pool.adds(STRANGER)
        container.programs.caller(Claims(subject, STRANGER, 0))
        invited = container.members.invite(scene.manager, STRANGER, None, Role.MEMBER)
        member_id = invited.member_id
    else:
        lea = pool.join(scene, STRANGER)
        member_id, subject = lea.member_id, str(lea.subject)
        if standing == "left":
            container.joining.leave(lea)
        elif standing == "removed":
            container.members.remove(scene.manager, member_id)
        elif standing == "another":
            pool.removes(STRANGER)
            subject = pool.adds(STRANGER)
    container.privacy.ask_export(scene.manager, member_id)
    scene.makes()
    parts = scene.exported(for_managers=True)
    of_pool = [each for each in parts.get("sign_in", []) if "state" in each]
    assert [each["sub"] for each in of_pool] == ([subject] if standing == "member" else [])
    if standing in {"invited elsewhere", "another"}:
        assert subject not in json.dumps(parts)


def test_ledger_counts_and_history_stay_with_a_pseudonym(scene: Scene) -> None:
    vic, greenroom = scene.vic, scene.greenroom
    before, totals = greenroom.ledger(vic), greenroom.totals(vic)
    scene.asks()
    scene.releases()
    scene.rounds()
    assert (greenroom.ledger(vic), greenroom.totals(vic)) == (before, totals)
    kept = scene.container.programs.member(vic.program_id, vic.member_id)
    assert kept is not None
    assert (kept.name, kept.status) == (ERASED_NAME, MemberStatus.REMOVED)
    assert kept.email == f"{vic.member_id}@erased.invalid"
    (performance,) = greenroom.history(vic)
    assert (performance.state, performance.points) == (State.STAGED, 10)
    assert (performance.text.caption, performance.publish_id, performance.open_id) == (None,) * 3


def test_tokens_are_revoked_at_tiktok_and_an_erasure_waits_for_that(
    scene: Scene, tiktok: Any
) -> None:
    scene.asks()
    scene.rounds(2)
    assert scene.status() is ErasureStatus.ERASING
    assert tiktok.revoked == []
    scene.releases()
    assert len(tiktok.revoked) == 1
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED


def test_a_send_under_way_comes_to_its_end_first(scene: Scene) -> None:
    item = PerformanceItem(scene.vic.owner, scene.sent.performance_id)
    queued = [PerformanceItem.state.set(State.QUEUED), PerformanceItem.publish_id.remove()]
    assert database().update(item, queued)
    scene.asks()
    scene.releases()
    scene.rounds(2)
    assert scene.status() is ErasureStatus.ERASING
    assert database().update(item, [PerformanceItem.state.set(State.FAILED)])
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED
    assert traces(scene.greenroom) == []


@pytest.mark.parametrize("read", ["before it", "by a clock that is ahead"])
def test_views_go_from_reports_though_the_event_that_takes_them_out_is_lost(
    scene: Scene, read: str
) -> None:
    """And stay away when the event that brought them comes after all."""
    container, vic, now = scene.container, scene.vic, scene.greenroom.clock.now()
    at = now if read == "before it" else now + timedelta(hours=5)
    performed = PerformanceItem(vic.owner, scene.sent.performance_id)
    posted = [PerformanceItem.state.set(State.POSTED), PerformanceItem.posted_at.set(now)]
    read_then = [PerformanceItem.counted_at.set(at), PerformanceItem.views.set(4321)]
    assert database().update(performed, [*posted, *read_then])
    fact = fact_of_performance(scene.greenroom.stored(scene.sent))
    assert fact is not None

    def counted() -> int:
        days = container.report_store.counters(
            vic.program_id, Scope.PROGRAM, "", now.date(), now.date()
        )
        return sum(each.get("views", 0) for each in days.values())

    container.fact_counter.count([fact])
    assert counted() == 4321
    scene.asks()
    scene.releases()
    scene.rounds()
    assert scene.status() is ErasureStatus.ERASED
    container.fact_counter.count([fact])
    kept = everything(scene.greenroom)
    assert "4321" not in json.dumps([kept["ReportsTable"], kept["PerformancesTable"]])
    assert counted() == 0
    found = container.reports_rebuilder.findings(vic.program_id, lambda _: None)
    assert [each for each in found if isinstance(each, FactMissing)] == []


def test_an_erasure_that_hangs_fails_the_runs_of_the_clock_until_it_has_ended(scene: Scene) -> None:
    """Whether or not a round is due: each try of an invocation fails, which has an alarm."""
    scene.asks()
    eraser, clock = scene.container.eraser, scene.greenroom.clock
    clock.advance(OVERDUE_AFTER - timedelta(minutes=1))
    assert eraser.erase_due() == 1
    clock.advance(timedelta(minutes=1))
    for _ in range(3):
        with pytest.raises(ErasureOverdue, match=scene.vic.member_id):
            eraser.erase_due()
    scene.releases()
    clock.advance(LONGEST_WAIT)
    assert eraser.erase_due() == 1
    assert scene.status() is ErasureStatus.ERASED
    assert eraser.erase_due() == 0


def test_an_erasure_is_the_same_one_however_often_it_is_asked_for(scene: Scene) -> None:
    vic = scene.now()
    scene.asks(vic)
    first = scene.container.privacy.erasure(scene.manager, vic.member_id)
    scene.greenroom.clock.advance(timedelta(seconds=5))
    again = scene.container.privacy.ask_erasure(scene.manager, vic.member_id)
    assert again == first
    scene.releases()
    scene.rounds()
    done = scene.container.privacy.ask_erasure(scene.manager, vic.member_id)
    assert (done.status, done.asked_at) == (ErasureStatus.ERASED, first.asked_at)


def test_two_runs_at_once_give_one_round(scene: Scene) -> None:
    scene.asks()
    (erasure,) = scene.container.privacy_store.erasures(scene.greenroom.clock.now())
    assert scene.container.privacy_store.take_round(erasure, scene.greenroom.clock.now())
    assert scene.container.privacy_store.take_round(erasure, scene.greenroom.clock.now()) is None
    assert scene.container.eraser.erase(erasure) is False


def test_the_last_manager_is_not_erased(scene: Scene) -> None:
    before = everything(scene.greenroom)
    with refused(ProgramProblem.LAST_MANAGER):
        scene.container.privacy.ask_erasure(scene.manager, scene.manager.member_id)
    assert everything(scene.greenroom) == before


def test_of_two_managers_who_are_erased_at_once_one_stays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asks for the other's erasure; the second begins between the first's look and write."""
    container, first = scene.container, scene.manager
    container.programs.invite(scene.greenroom.program, "eve@demo.example", Role.MANAGER)
    second = scene.greenroom.sign_in("eve@demo.example")
    privacy, members = container.privacy, container.privacy._members  # noqa: SLF001  another erasure comes between
    erase, others = members.erase, [first]

    def overtaken(*arguments: Any) -> None:
        if others:
            privacy.ask_erasure(second, others.pop().member_id)
        erase(*arguments)

    monkeypatch.setattr(members, "erase", overtaken)
    with refused(ProgramProblem.LAST_MANAGER):
        privacy.ask_erasure(first, second.member_id)
    assert privacy.erasure(second, first.member_id).status is ErasureStatus.ERASING
    with refused(ProblemCode.NOT_FOUND):
        privacy.erasure(second, second.member_id)
    assert scene.greenroom.sign_in("eve@demo.example").role is Role.MANAGER


def test_an_export_is_refused_once_an_erasure_has_begun(scene: Scene) -> None:
    scene.exports()
    scene.asks(scene.manager)
    with refused(PrivacyProblem.ERASURE_BEGUN):
        scene.container.privacy.ask_export(scene.manager, scene.vic.member_id)
    scene.releases()
    scene.rounds()
    assert [name for name in files(scene.greenroom) if "personal/" in name] == []


def test_an_invited_person_and_one_who_left_are_erased_too(scene: Scene) -> None:
    container, manager = scene.container, scene.manager
    invited = container.members.invite(manager, "ivy@demo.example", "Ivy Invited", Role.MEMBER)
    left = scene.greenroom.member("leo")
    container.joining.leave(left)
    for each in (invited.member_id, left.member_id):
        container.privacy.ask_erasure(manager, each)
    scene.rounds()
    assert traces(scene.greenroom, ("ivy@", "Ivy Invited", "leo@", "subject-leo")) == []
    with refused(ProblemCode.NOT_A_MEMBER):
        scene.greenroom.sign_in("ivy@demo.example")


def test_a_person_invited_again_after_an_erasure_is_a_new_member(scene: Scene) -> None:
    scene.asks()
    again = scene.container.members.invite(scene.manager, VIC, None, Role.MEMBER)
    assert again.member_id != scene.vic.member_id
    scene.releases()
    scene.rounds()
    back = scene.now()
    assert back.member_id == again.member_id
    assert scene.greenroom.totals(back).balance == 0


def test_another_programs_member_is_not_there(scene: Scene) -> None:
    other, _, _ = scene.container.programs.create_program("Other", "UTC", "boss@other.example")
    boss = scene.greenroom.sign_in("boss@other.example")
    assert boss.program_id == other.program_id
    privacy = scene.container.privacy
    for ask in (privacy.ask_erasure, privacy.ask_export, privacy.export, privacy.erasure):
        with refused(ProblemCode.NOT_FOUND):
            ask(boss, scene.vic.member_id)


def test_a_round_that_dies_at_any_write_is_taken_up_and_leaves_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.asks()
    scene.releases()
    begun, at = copy.deepcopy(dict(_moto_tables())), scene.greenroom.clock.at
    make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass
    deaths = 0
    for fatal in range(100):
        _moto_tables().update(copy.deepcopy(begun))
        scene.greenroom.clock.at = at
        left = fatal

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            nonlocal left
            answer = make(client, operation, parameters)
            if operation in WRITES or operation.startswith("DeleteObject"):
                left -= 1
                if left == -1:
                    raise Death
            return answer

        with monkeypatch.context() as patched:
            patched.setattr(BaseClient, "_make_api_call", call)
            try:
                scene.container.eraser.erase_due()
            except Death:
                deaths += 1
        scene.greenroom.clock.advance(timedelta(hours=1))
        scene.rounds(3)
        assert scene.status() is ErasureStatus.ERASED, fatal
        assert traces(scene.greenroom) == [], fatal
        if left >= 0:
            break
    assert deaths > 8


def test_an_export_made_while_its_member_is_erased_does_not_stay(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    vic = scene.now()
    scene.container.privacy.ask_export(vic, vic.member_id)
    keep = scene.container.personal_files.keep

    def kept(*given: Any) -> None:
        keep(*given)
        scene.asks(vic)
        scene.container.eraser.erase_due()

    monkeypatch.setattr(scene.container.personal_files, "keep", kept)
    scene.makes()
    assert not [each for each in files(scene.greenroom) if "personal" in each]
    with refused(PrivacyProblem.ERASURE_BEGUN):
        scene.container.privacy.ask_export(scene.manager, vic.member_id)


@pytest.mark.parametrize("noted", [True, False])
def test_of_several_exports_no_file_outlives_an_erasure(scene: Scene, noted: bool) -> None:
    """Nor does one whose note went before it, as notes do after a day."""
    vic = scene.now()
    for _ in range(3):
        assert scene.exports() is ExportStatus.READY
        scene.greenroom.clock.advance(EXPORT_REUSE_TIME)
    assert len([each for each in files(scene.greenroom) if "personal/" in each]) == 1
    if not noted:
        scene.container.privacy_store.forget_export(vic.program_id, vic.member_id)
    scene.asks(vic)
    scene.container.eraser.erase_due()
    assert [each for each in files(scene.greenroom) if "personal/" in each] == []


def test_a_report_that_failed_after_its_file_was_written_leaves_none_behind(scene: Scene) -> None:
    container = scene.container
    export = container.report_exports.request_export(scene.manager, Table.MEMBERS)
    container.report_export_maker.make(scene.vic.program_id, export.export_id)
    container.report_export_store.finish(export, None, "The function died before it could say so.")
    assert [each for each in files(scene.greenroom) if export.export_id in each]
    scene.asks()
    container.eraser.erase_due()
    assert [each for each in files(scene.greenroom) if "exports/" in each] == []


def test_a_copy_that_was_overtaken_by_a_later_one_does_not_take_its_file_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    vic, privacy = scene.now(), scene.container.privacy
    asked = privacy.ask_export(vic, vic.member_id)
    keep = scene.container.personal_files.keep
    later: list[PersonalExport] = []

    def kept(*given: Any) -> None:
        keep(*given)
        if not later:
            scene.greenroom.clock.advance(EXPORT_REUSE_TIME)
            later.append(privacy.ask_export(vic, vic.member_id))
            scene.makes()

    monkeypatch.setattr(scene.container.personal_files, "keep", kept)
    scene.container.personal_export_maker.make(vic.program_id, vic.member_id, asked.export_id)
    found = privacy.export(vic, vic.member_id)
    assert (found.export_id, found.status) == (later[0].export_id, ExportStatus.READY)
    assert len([each for each in files(scene.greenroom) if "personal/" in each]) == 1


# --- exports ------------------------------------------------------------------------------------


ALL_OF_IT_ELSEWHERE = {
    "AttemptsTable": "how often an agent of theirs called within this minute and this day",
    "IdempotencyTable": "copies of answers, for a day, under keys of whoever asked",
    "PrivacyTable": "that this very export is being made",
}
STAMPS = ("changed_by", "made_by", "created_by", "asked_by", "removed_by", "decided_by")


def test_an_export_has_everything_that_a_walk_over_all_tables_finds(scene: Scene) -> None:
    assert scene.exports() is ExportStatus.READY
    exported = [each for part in scene.exported().values() for each in part]
    known = {_key(each) for each in exported}
    missing = []
    for table, items in everything(scene.greenroom).items():
        for item in items:
            plainly = {name: value for name, value in item.items() if name not in STAMPS}
            text = json.dumps(plainly, ensure_ascii=False)
            mine = any(each in text for each in (scene.vic.member_id, VIC, NAME))
            if mine and table not in ALL_OF_IT_ELSEWHERE and _key(item) not in known:
                missing.append(f"{table}: {text[:300]}")
    assert not missing, "\n".join(missing)
    entries = scene.exported()["audit"]
    ids = [each["entry_id"] for each in entries]
    assert len(ids) == len(set(ids))
    kinds = {each["kind"] for each in entries}
    assert kinds > {"channel.members_added", "channel.member_removed", "redemption.fulfilled"}
    assert scene.other.member_id not in json.dumps(entries)
    assert [each["address"] for each in scene.exported()["addresses"]] == [ADDRESS]


def test_a_copy_of_a_member_who_was_imported_with_others_names_them_alone(scene: Scene) -> None:
    scene.container.members.import_roster(scene.manager, "email\nia@x.example\nib@x.example\n")
    program = scene.greenroom.program.program_id
    ia = scene.container.program_store.member_by_email(program, "ia@x.example")
    assert ia is not None
    scene.container.privacy.ask_export(scene.manager, ia.member_id)
    scene.makes()
    (entry,) = (
        each
        for each in scene.exported(for_managers=True)["audit"]
        if each["kind"] == "members.imported"
    )
    assert json.loads(entry["after"])["members"] == [ia.member_id]


def _key(record: dict[str, Any]) -> tuple[Any, ...]:
    names = (
        "program_id",
        "owner",
        "scope",
        "board",
        "key",
        "item",
        "entry_id",
        "address",
        "performance_id",
        "activity_id",
    )
    return tuple(record.get(name) for name in names)


def test_the_page_for_owners_names_every_part_of_a_copy() -> None:
    page = (PROJECT / "docs" / "privacy.md").read_text(encoding="utf-8")
    names = {
        name
        for file in (PROJECT / "chalicelib").rglob("personal.py")
        for name in re.findall(r'\bpart\("(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert {"member", "notices", "points"} < names
    assert {each for each in names if f"`{each}`" not in page} == set()


def test_an_export_has_no_secret_and_nothing_of_anybody_else(scene: Scene) -> None:
    ben = scene.greenroom.member("ben.other")
    scene.greenroom.connect_account(ben, "bensaccount")
    scene.exports()
    text = json.dumps(scene.exported())
    for each in (ben.member_id, "ben.other", "bensaccount", "tokens", "upload_address", "access-"):
        assert each not in text
    assert scene.exported()["performances"][0]["caption"] == "A caption"


def test_a_link_is_good_for_an_hour_and_an_export_stands_for_some_minutes(scene: Scene) -> None:
    privacy, vic = scene.container.privacy, scene.now()
    with refused(ProblemCode.NOT_FOUND):
        privacy.export(vic, vic.member_id)
    asked = privacy.ask_export(vic, vic.member_id)
    assert privacy.ask_export(vic, vic.member_id) == asked
    assert privacy.link(asked) is None
    scene.makes()
    ready = privacy.export(vic, vic.member_id)
    for minutes in (0, 59):
        scene.greenroom.clock.advance(timedelta(minutes=minutes))
        assert lifetime(privacy.link(ready)) == timedelta(minutes=60 - minutes)
    scene.greenroom.clock.advance(timedelta(minutes=1))
    assert privacy.link(ready) is None
    assert privacy.ask_export(vic, vic.member_id).export_id != asked.export_id


def test_a_managers_copy_does_not_say_what_was_dismissed_and_the_members_own_does(
    scene: Scene,
) -> None:
    """Nor does it say what was dismissed once and taken back, or dismissed and then performed."""
    dismissed, undone = scene.dismissed, scene.undone
    scene.exports()
    own = scene.exported()
    scene.exports(scene.manager)
    theirs = scene.exported(for_managers=True)
    for each in (dismissed.activity_id, undone.activity_id):
        assert each in json.dumps(own["reports"])
        assert each not in json.dumps(theirs)
    assert dismissed.activity_id in json.dumps(own["activities"])
    assert dismissed.activity_id in json.dumps(own["notices"])
    text = json.dumps(theirs)
    assert [each for each in ("dismissed_at", "undone", '"marks"') if each in text] == []
    (mark,) = theirs["activities"]
    assert mark["performance_id"] == scene.sent.performance_id
    performed = [each for each in theirs["reports"] if scene.sent.activity_id in each["item"]]
    assert "version" not in performed[0]
    assert own.keys() == theirs.keys()


def test_neither_copy_is_handed_out_for_the_other(scene: Scene) -> None:
    privacy, vic, manager = scene.container.privacy, scene.now(), scene.manager
    asked = privacy.ask_export(vic, vic.member_id)
    with refused(ProblemCode.NOT_FOUND):
        privacy.export(manager, vic.member_id)
    of_manager = privacy.ask_export(manager, vic.member_id)
    assert of_manager.export_id != asked.export_id
    assert scene.makes() == 2
    links = {}
    for caller, export_id in ((vic, asked.export_id), (manager, of_manager.export_id)):
        ready = privacy.export(caller, vic.member_id)
        assert (ready.export_id, ready.status) == (export_id, ExportStatus.READY)
        assert privacy.ask_export(caller, vic.member_id) == ready
        links[caller.member_id] = urlsplit(str(privacy.link(ready))).path
    assert links[vic.member_id] != links[manager.member_id]
    assert scene.container.personal_export_queuer.queue_due() == 0


def test_a_managers_copy_of_themselves_is_their_own(scene: Scene) -> None:
    manager, privacy = scene.manager, scene.container.privacy
    asked = privacy.ask_export(manager, manager.member_id)
    assert not asked.for_others
    assert privacy.export(manager, manager.member_id) == asked


def lifetime(link: str | None) -> timedelta:
    query = parse_qs(urlsplit(str(link)).query)
    return timedelta(seconds=int(query["X-Amz-Expires"][0]))


def test_an_export_whose_message_was_not_taken_or_lost_is_queued_by_the_clock(
    scene: Scene, calls: Calls
) -> None:
    vic, queuer = scene.now(), scene.container.personal_export_queuer
    asked = scene.container.privacy.ask_export(vic, vic.member_id)
    calls.fail("SendMessage", {"Error": {"Code": "ServiceUnavailable", "Message": ""}})
    assert queuer.queue_due() == 0
    assert queuer.queue_due() == 1
    assert queuer.queue_due() == 0
    scene.greenroom.clients.sqs.purge_queue(QueueUrl=scene.queue_url)
    scene.greenroom.clock.advance(EXPORT_REQUEUE_DELAY)
    assert scene.makes() == 1
    assert scene.container.privacy.export(vic, vic.member_id) != asked
    scene.greenroom.clock.advance(EXPORT_REQUEUE_DELAY)
    assert queuer.queue_due() == 0


def test_requests_make_the_documented_calls(scene: Scene, calls: Calls) -> None:
    vic, privacy = scene.now(), scene.container.privacy
    calls.made.clear()
    privacy.ask_export(vic, vic.member_id)
    assert calls.names == ["GetItem", "GetItem", "GetItem", "TransactWriteItems"]
    calls.made.clear()
    privacy.export(vic, vic.member_id)
    assert calls.names == ["GetItem"]
    calls.made.clear()
    privacy.ask_erasure(vic, vic.member_id)
    assert calls.names == ["GetItem", "GetItem", "TransactWriteItems"]
