"""Invitations reach people by mail, whatever fails, hardly ever twice, and nobody else."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.composition import Container
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.sweeps import PAGE_SIZE
from chalicelib.notifications.worker import handle_ses_events
from chalicelib.programs.members import worker
from chalicelib.programs.members.invitations import MAX_UNDELIVERED, InvitationMailer
from chalicelib.programs.members.model import MAIL_FIRST_WAIT, MAIL_TRIES, DueMail
from chalicelib.programs.members.store import MemberStore
from chalicelib.programs.members.user_pool import MailQuotaUsedUp, NotMailed, Undelivered, UserPool
from chalicelib.programs.model import MAIL_AGAIN_AFTER, InvitationMail, Member
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import new_invited_member
from chalicelib.programs.store import MemberItem, member_key
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import CONTEXT, Greenroom

WAITING, FAILED = InvitationMail.WAITING, InvitationMail.FAILED
HANDED_OVER = InvitationMail.HANDED_OVER
BEN = "ben@demo.example"
USED_UP = {"Error": {"Code": "LimitExceededException", "Message": "Exceeded daily email limit"}}
REFUSED = {"Error": {"Code": "InvalidParameterException", "Message": f"{BEN} is no address"}}
UNDELIVERED = {"Error": {"Code": "CodeDeliveryFailureException", "Message": f"Not to {BEN}"}}
UNDER_WAY = {"Error": {"Code": "TransactionConflictException", "Message": "ongoing"}}
EXISTS = {"Error": {"Code": "UsernameExistsException", "Message": "exists"}}


class Post:
    """A program whose people sign in by the stack's user pool, and the clock that mails them."""

    def __init__(self, greenroom: Greenroom, calls: Calls) -> None:
        self.greenroom, self.calls, self.clock = greenroom, calls, greenroom.clock
        self.cognito = greenroom.clients.cognito
        made = self.cognito.create_user_pool(PoolName="pool", UsernameAttributes=["email"])
        self.pool_id = made["UserPool"]["Id"]
        self.container = self.wired(self.pool_id)
        self.ana = greenroom.manager
        self.run_schedule()

    def wired(self, pool_id: str) -> Container:
        settings = self.greenroom.settings.changed(user_pool_id=pool_id)
        return Container(settings, self.clock, self.greenroom.clients)

    def mails_by(self, pool: UserPool) -> None:
        """Hand another user pool to what mails."""
        store = MemberStore(self.container.database)
        self.container.invitations = InvitationMailer(store, pool, self.clock)

    def run_schedule(self, container: Container | None = None, **after: float) -> int:
        """Let the clock tick, now or after a while."""
        self.clock.advance(timedelta(**after))
        return worker.mail_invitations((container or self.container).invitations, CONTEXT)

    def invites(self, email: str = BEN) -> Member:
        self.clock.advance(timedelta(milliseconds=1))
        return self.greenroom.container.members.invite(self.ana, email, None, Role.MEMBER)

    def invite_again(self, member: Member) -> Member:
        return self.container.members.mail_invitation_again(self.ana, member.member_id)

    def removes(self, member: Member) -> None:
        self.container.members.remove(self.ana, member.member_id)

    def hears_of_bounce(
        self, address: str, sent_at: datetime, kind: str = "Permanent"
    ) -> list[dict[str, str]]:
        """Deliver what SES says of a mail of the pool's; returns what is given back."""
        recipients = [{"emailAddress": address}]
        mail = {
            "timestamp": sent_at.isoformat(),
            "destination": [address],
            "tags": {"ses:configuration-set": ["greenroom-notices"]},
        }
        told = {"bounceType": kind, "bouncedRecipients": recipients}
        detail = {"eventType": "Bounce", "mail": mail, "bounce": told}
        record = {"messageId": "1", "body": json.dumps({"detail": detail})}
        answer = handle_ses_events(self.container.mail_feedback, {"Records": [record]})
        failures: list[dict[str, str]] = answer["batchItemFailures"]
        return failures

    def now(self, member: Member | Caller) -> Member:
        return self.container.members.member(self.ana, member.member_id)

    def due_at(self, member: Member) -> datetime:
        """Return when a member's mail is tried next."""
        item = database().get(
            MemberItem, member.program_id, member_key(member.member_id), consistent_read=True
        )
        assert item.mail_at is not None
        return item.mail_at

    def mailed(self) -> list[tuple[str, str]]:
        """Take what was asked of the pool: whom to mail, and whether anew."""
        made, self.calls.made = self.calls.made, []
        return [
            (given["Username"], given.get("MessageAction", "new"))
            for name, given in made
            if name == "AdminCreateUser"
        ]

    def signs_up(self, email: str = BEN) -> None:
        """Let somebody have a sign-in already, and a password of their own."""
        self.cognito.admin_create_user(UserPoolId=self.pool_id, Username=email)
        self.cognito.admin_set_user_password(
            UserPoolId=self.pool_id, Username=email, Password="Own-Password-1", Permanent=True
        )
        self.calls.made = []


@pytest.fixture
def post(tables_in_memory: None, greenroom: Greenroom, calls: Calls) -> Post:
    return Post(greenroom, calls)


def refused(code: Code) -> "pytest.RaisesExc[Problem]":
    return pytest.RaisesExc(Problem, check=lambda problem: problem.code is code)


# --- who is mailed -----------------------------------------------------------------------------


def test_an_invited_person_is_mailed_once_and_has_a_sign_in_with_a_verified_address(
    post: Post,
) -> None:
    ben = post.invites()
    assert (ben.mail, ben.mailed_at) == (WAITING, None)
    assert post.run_schedule() == 1
    assert post.mailed() == [(BEN, "new")]
    user = post.cognito.admin_get_user(UserPoolId=post.pool_id, Username=BEN)
    attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
    assert (attributes["email"], attributes["email_verified"]) == (BEN, "true")
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    now = post.now(ben)
    assert (now.mail, now.mailed_at) == (HANDED_OVER, post.clock.now())
    assert post.run_schedule(hours=1) == 0
    assert post.mailed() == []


def test_a_whole_roster_is_mailed_in_the_order_in_which_they_were_invited(post: Post) -> None:
    emails = [f"person{number}@demo.example" for number in range(30)]
    post.container.members.import_roster(post.ana, "\n".join(emails))
    post.clock.advance(timedelta(seconds=1))
    late = post.invites("late@demo.example")
    assert post.run_schedule() == 31
    mailed = [email for email, _ in post.mailed()]
    assert sorted(mailed[:-1]) == sorted(emails)
    assert mailed[-1] == late.email


def test_programs_and_managers_that_the_owner_makes_are_mailed_likewise(post: Post) -> None:
    post.container.programs.create_program("Other", "UTC", "boss@other.example")
    assert post.run_schedule() == 1
    assert post.mailed() == [("boss@other.example", "new")]


def test_a_removed_person_invited_again_is_mailed_about_it(post: Post) -> None:
    ben = post.invites()
    post.run_schedule()
    post.removes(ben)
    assert post.now(ben).mail is None
    post.clock.advance(MAIL_AGAIN_AFTER)
    assert post.invites().mail is WAITING
    assert post.now(ben).mail is WAITING
    post.mailed()
    assert post.run_schedule() == 1
    assert post.mailed() == [(BEN, "new"), (BEN, "RESEND")]


def test_removing_and_inviting_is_no_way_to_have_somebody_mailed_all_the_time(post: Post) -> None:
    ben = post.invites()
    post.run_schedule()
    for _ in range(3):
        post.removes(ben)
        post.invites()
        assert post.run_schedule(minutes=2) == 0
    assert post.run_schedule(minutes=4) == 1
    assert post.now(ben).mail is HANDED_OVER


def test_a_person_who_can_sign_in_is_not_mailed(post: Post) -> None:
    post.signs_up()
    ben = post.invites()
    assert post.run_schedule() == 1
    assert post.mailed() == [(BEN, "new")]
    assert (post.now(ben).mail, post.now(ben).mailed_at) == (HANDED_OVER, post.clock.now())


def test_a_second_program_does_not_learn_who_signs_in_for_another(post: Post) -> None:
    post.signs_up()
    post.invites()
    post.greenroom.sign_in(BEN)
    post.container.programs.create_program("Other", "UTC", "boss@other.example")
    boss = post.greenroom.sign_in("boss@other.example")
    members = post.container.members
    known, unknown = (
        members.invite(boss, each, None, Role.MEMBER) for each in (BEN, "eve@demo.example")
    )
    post.run_schedule(seconds=1)
    shown = [members.member(boss, each.member_id) for each in (known, unknown)]
    assert [(each.mail, each.mailed_at) for each in shown] == [(HANDED_OVER, post.clock.now())] * 2


@pytest.mark.parametrize("state", ["CONFIRMED", "RESET_REQUIRED", "EXTERNAL_PROVIDER"])
def test_a_person_with_a_password_or_another_sign_in_is_not_mailed(
    post: Post, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    assert outcome_for(post, monkeypatch, UserStatus=state) is HANDED_OVER
    assert post.mailed() == [(BEN, "new")]


@pytest.mark.parametrize("state", ["UNCONFIRMED", "ARCHIVED", "COMPROMISED", "UNKNOWN"])
def test_an_invitation_of_a_user_the_pool_refuses_is_reported_as_failed(
    post: Post, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    assert outcome_for(post, monkeypatch, UserStatus=state) is FAILED


@pytest.mark.parametrize("state", ["CONFIRMED", "FORCE_CHANGE_PASSWORD"])
def test_an_invitation_of_a_disabled_user_is_not_mailed_and_reported_as_failed(
    post: Post, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    assert outcome_for(post, monkeypatch, UserStatus=state, Enabled=False) is FAILED
    assert post.mailed() == [(BEN, "new")]


def outcome_for(post: Post, monkeypatch: pytest.MonkeyPatch, **user: Any) -> InvitationMail | None:
    """Return what becomes of the mail to somebody whom the pool knows as this."""
    post.signs_up()
    get = post.cognito.admin_get_user
    monkeypatch.setattr(post.cognito, "admin_get_user", lambda **given: get(**given) | user)
    ben = post.invites()
    post.run_schedule()
    return post.now(ben).mail


def test_where_people_sign_in_elsewhere_nobody_is_mailed(post: Post) -> None:
    ben = post.invites()
    assert post.run_schedule(post.wired("")) == 0
    assert post.mailed() == []
    assert post.now(ben).mail is InvitationMail.ELSEWHERE


@pytest.mark.parametrize("comes", [True, False])
def test_a_person_signed_in_or_removed_before_the_schedule_ran_is_not_mailed(
    post: Post, *, comes: bool
) -> None:
    ben = post.invites()
    if comes:
        post.greenroom.sign_in(BEN)
    else:
        post.removes(ben)
    assert post.now(ben).mail is None
    assert post.run_schedule() == 0
    assert post.mailed() == []


def test_nothing_of_a_mail_is_left_on_who_has_signed_in(post: Post) -> None:
    ben = post.invites()
    post.run_schedule()
    post.greenroom.sign_in(BEN)
    item = database().get(
        MemberItem, ben.program_id, member_key(ben.member_id), consistent_read=True
    )
    assert [name for name in item.attribute_values if name.startswith("mail")] == []


class CountingPool(UserPool):
    """Mails nobody and keeps whom it was asked to mail, in order."""

    def __init__(self) -> None:
        self.mailed: list[str] = []

    def invite(self, email: str) -> InvitationMail:
        self.mailed.append(email)
        return HANDED_OVER


def test_thousands_of_one_program_delay_another_programs_single_mail_by_one_mail(
    post: Post,
) -> None:
    people, thousands = MemberStore(database()), 2000
    for start in range(0, thousands, 40):
        people.invite_all(
            [
                new_invited_member(
                    post.ana.program_id, f"m{number}@demo.example", Role.MEMBER, post.clock.at
                )
                for number in range(start, start + 40)
            ],
            Quotas(),
        )
    post.clock.advance(timedelta(minutes=10))
    post.container.programs.create_program("Other", "UTC", "boss@other.example")
    post.calls.made.clear()
    pool = CountingPool()
    mailer = InvitationMailer(people, pool, post.clock)
    assert mailer.mail_due(lambda: len(pool.mailed) == 2) == 2
    assert "boss@other.example" in pool.mailed
    assert post.calls.names == ["Query"] * 2 + ["UpdateItem"] * 4
    post.calls.made.clear()
    assert mailer.mail_due() == thousands - 1
    assert len(set(pool.mailed)) == thousands + 1
    assert post.calls.names.count("Query") == thousands // PAGE_SIZE + 1


# --- twice, half, late -------------------------------------------------------------------------


def test_two_runs_at_once_mail_once(post: Post) -> None:
    ben = post.invites()
    dues = list(MemberStore(post.container.database).due_mails(post.clock.now()))
    mail = post.container.invitations._mail_and_record  # noqa: SLF001  what both runs found
    assert [mail(due) for due in dues * 2] == [HANDED_OVER, None]
    assert post.mailed() == [(BEN, "new")]
    assert post.now(ben).mail is HANDED_OVER


def test_a_run_that_dies_after_the_mail_leaves_one_that_mails_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = post.invites()

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(MemberStore, "end_mail", dies)
        with pytest.raises(KeyboardInterrupt):
            post.run_schedule()
    assert post.now(ben).mail is WAITING
    assert post.run_schedule(minutes=4) == 0
    assert post.run_schedule(minutes=1) == 1
    assert post.mailed() == [(BEN, "new"), (BEN, "new"), (BEN, "RESEND")]
    assert post.now(ben).mail is HANDED_OVER


@pytest.mark.parametrize("made", range(1, 7))
def test_a_run_that_dies_after_any_of_its_calls_is_made_good_by_a_later_one(
    post: Post, monkeypatch: pytest.MonkeyPatch, made: int
) -> None:
    post.cognito.admin_create_user(UserPoolId=post.pool_id, Username=BEN)  # it takes most calls
    ben = post.invites()
    post.mailed()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass

    def dies(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        try:
            return call(client, operation, parameters)
        finally:
            if len(post.calls.made) == made:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", dies)
        with pytest.raises(KeyboardInterrupt):
            post.run_schedule()
    post.run_schedule(minutes=5)
    assert post.now(ben).mail is HANDED_OVER
    mails = [action for _, action in post.mailed()].count("RESEND")
    assert mails == (2 if made == 5 else 1)  # only a mail that was not noted goes out again


@pytest.mark.parametrize("back", [True, False])
def test_a_mail_under_way_when_they_are_removed_ends_nothing(post: Post, *, back: bool) -> None:
    ben = post.invites()
    invite = UserPool.invite

    class Slow(UserPool):
        def invite(self, email: str) -> InvitationMail:
            post.removes(ben)
            if back:
                post.invites()
            return invite(self, email)

    post.mails_by(Slow(post.cognito, post.pool_id))
    post.run_schedule()
    assert post.now(ben).mail is (WAITING if back else None)
    assert post.now(ben).mailed_at is None
    post.mails_by(UserPool(post.cognito, post.pool_id))
    assert post.run_schedule() == back


def test_mails_that_are_used_up_make_the_run_fail_and_are_tried_again_later(post: Post) -> None:
    first, second = post.invites(), post.invites("eve@demo.example")
    post.calls.fail("AdminCreateUser", USED_UP, times=2)
    for _ in range(2):
        with pytest.raises(NotMailed, match="LimitExceededException"):
            post.run_schedule()
    assert post.mailed() == [(first.email, "new"), (second.email, "new")]
    assert (post.now(first).mail, post.now(second).mail) == (WAITING, WAITING)
    assert post.run_schedule() == 0
    assert post.run_schedule(minutes=5) == 2


def test_mails_that_are_used_up_for_days_fail_nobody(post: Post) -> None:
    ben = post.invites()
    post.calls.fail("AdminCreateUser", USED_UP, times=3 * MAIL_TRIES)
    for _ in range(3 * MAIL_TRIES):
        with pytest.raises(MailQuotaUsedUp):
            post.run_schedule()
        post.clock.at = post.due_at(ben)
    assert post.run_schedule() == 1
    assert post.now(ben).mail is HANDED_OVER


def test_an_address_to_which_nothing_is_delivered_holds_nobody_up_and_the_owner_hears_of_it(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    people = [post.invites(f"person{number}@demo.example") for number in range(4)]
    post.calls.fail("AdminCreateUser", UNDELIVERED, times=2)
    with pytest.raises(Undelivered, match="CodeDeliveryFailureException"):
        post.run_schedule()
    assert [post.now(each).mail for each in people] == [WAITING, WAITING, HANDED_OVER, HANDED_OVER]
    warned = [vars(each)["member_id"] for each in caplog.records if each.levelname == "WARNING"]
    assert warned == [each.member_id for each in people[:2]]


def test_a_sender_that_delivers_to_nobody_is_not_tried_with_everybody(post: Post) -> None:
    for number in range(MAX_UNDELIVERED + 1):
        post.invites(f"person{number}@demo.example")
    post.calls.fail("AdminCreateUser", UNDELIVERED, times=MAX_UNDELIVERED)
    with pytest.raises(Undelivered):
        post.run_schedule()
    assert len(post.mailed()) == MAX_UNDELIVERED
    assert post.run_schedule() == 1


def test_an_address_that_keeps_failing_is_given_up_after_a_day_and_never_in_the_way(
    post: Post,
) -> None:
    ben = post.invites()
    begun = post.clock.now()
    post.calls.fail("AdminCreateUser", UNDELIVERED, times=MAIL_TRIES)
    for _ in range(MAIL_TRIES):
        with pytest.raises(NotMailed):
            post.run_schedule()
        post.clock.at = post.due_at(ben)
    assert timedelta(hours=20) < post.clock.now() - begun < timedelta(hours=26)
    assert post.run_schedule() == 0
    assert post.now(ben).mail is FAILED
    failed = EntryFilter(kind=Kind.INVITATION_NOT_MAILED)
    (entry,) = post.container.audit.entries(post.ana, failed, 10, None).items
    assert (entry.thing, dict(entry.before)) == (ben.member_id, {"mail": "waiting"})
    assert dict(entry.after) == {"mail": "failed", "tries": MAIL_TRIES}
    assert post.invite_again(ben).mail is WAITING
    assert post.run_schedule() == 1


def test_an_address_that_the_pool_does_not_take_holds_nobody_up(post: Post) -> None:
    ben, eve = post.invites(), post.invites("eve@demo.example")
    post.calls.fail("AdminCreateUser", REFUSED)
    assert post.run_schedule() == 1
    assert (post.now(ben).mail, post.now(eve).mail) == (FAILED, HANDED_OVER)
    assert post.run_schedule(hours=2) == 0


def test_a_person_who_signs_in_while_mailed_again_is_not_reported_as_failed(post: Post) -> None:
    ben = post.invites()
    post.cognito.admin_create_user(UserPoolId=post.pool_id, Username=BEN)
    gone = {"Error": {"Code": "UnsupportedUserStateException", "Message": "confirmed"}}
    for fault in (EXISTS, gone):
        post.calls.fail("AdminCreateUser", fault)
    assert post.run_schedule() == 1
    assert post.now(ben).mail is HANDED_OVER


def test_a_change_of_them_that_is_under_way_is_waited_for(post: Post) -> None:
    ben = post.invites()
    post.calls.fail("UpdateItem", UNDER_WAY)
    assert post.run_schedule() == 1
    post.clock.advance(MAIL_AGAIN_AFTER)
    post.calls.fail("UpdateItem", UNDER_WAY)
    assert post.invite_again(ben).mail is WAITING


@pytest.mark.parametrize("fault", [REFUSED, UNDELIVERED])
def test_no_log_and_no_failure_names_who_is_mailed(
    post: Post, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    post.invites()
    post.calls.fail("AdminCreateUser", fault)
    try:
        post.run_schedule()
    except NotMailed:
        logger.exception("failed")  # as Lambda does with what a function raises
    post.run_schedule(minutes=5)
    told = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert fault["Error"]["Code"] in told
    assert BEN not in told


def test_a_run_that_is_late_leaves_the_rest_to_the_next(post: Post) -> None:
    for number in range(5):
        post.invites(f"person{number}@demo.example")
    left = iter((30_000, 20_000, 14_999))
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: next(left))
    assert worker.mail_invitations(post.container.invitations, context) == 2
    assert post.run_schedule() == 3


@pytest.mark.parametrize(
    ("tries", "minutes"), [(0, 5), (1, 10), (3, 40), (4, 60), (MAIL_TRIES - 1, 60)]
)
def test_tries_come_later_and_later(post: Post, tries: int, minutes: int) -> None:
    now = post.clock.now()
    begun = DueMail("prg_1", "mem_1", BEN, now, tries).postponed(now)
    assert (begun.at - now, begun.tries) == (timedelta(minutes=minutes), tries + 1)


def test_the_run_that_gives_up_is_no_try(post: Post) -> None:
    last = DueMail("prg_1", "mem_1", BEN, post.clock.now(), MAIL_TRIES)
    assert last.postponed(last.at).tries == MAIL_TRIES


# --- once more, when a manager says so ---------------------------------------------------------


def test_a_manager_has_them_mailed_again_with_a_new_password(post: Post) -> None:
    ben = post.invites()
    assert post.invite_again(ben) == post.now(ben)  # it waits already
    post.run_schedule()
    first = post.now(ben).mailed_at
    post.clock.advance(MAIL_AGAIN_AFTER)
    for _ in range(2):
        again = post.invite_again(ben)
        assert (again.mail, again.mailed_at) == (WAITING, first)
        assert post.now(ben) == again
    post.mailed()
    assert post.run_schedule() == 1
    assert post.mailed() == [(BEN, "new"), (BEN, "RESEND")]
    assert post.now(ben).mailed_at == post.clock.now()


def test_nobody_is_mailed_again_and_again(post: Post) -> None:
    ben = post.invites()
    post.run_schedule()
    retry_at = post.clock.now() + MAIL_AGAIN_AFTER
    post.clock.advance(timedelta(seconds=1))
    with refused(ProblemCode.TOO_MANY_REQUESTS) as told:
        post.invite_again(ben)
    assert told.value.headers == {"Retry-After": "599"}
    assert told.value.members["retry_at"] == retry_at.isoformat()
    post.clock.advance(MAIL_AGAIN_AFTER - timedelta(seconds=1))
    assert post.invite_again(ben).mail is WAITING


def test_a_person_signed_in_or_removed_cannot_be_mailed_again(post: Post) -> None:
    ben = post.invites()
    post.greenroom.sign_in(BEN)
    with refused(ProgramProblem.ALREADY_A_MEMBER):
        post.invite_again(ben)
    post.removes(ben)
    with refused(ProgramProblem.MEMBER_REMOVED):
        post.invite_again(ben)
    with refused(ProblemCode.NOT_FOUND):
        post.invite_again(replace(ben, member_id="mem_01hzzzzzzzzzzzzzzzzzzzzzzz"))


def test_another_programs_manager_cannot_have_anybody_mailed(post: Post) -> None:
    ben = post.invites()
    post.container.programs.create_program("Other", "UTC", "boss@other.example")
    boss = post.greenroom.sign_in("boss@other.example")
    with refused(ProblemCode.NOT_FOUND):
        post.container.members.mail_invitation_again(boss, ben.member_id)


def test_mailing_again_does_not_undo_a_sign_in_that_came_between(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = post.invites()
    post.run_schedule(minutes=1)
    post.clock.advance(MAIL_AGAIN_AFTER)
    mail_again = MemberStore.mail_again

    def signs_in_first(store: MemberStore, member: Member, now: datetime) -> bool:
        post.greenroom.sign_in(BEN)
        return mail_again(store, member, now)

    monkeypatch.setattr(MemberStore, "mail_again", signs_in_first)
    with refused(ProgramProblem.ALREADY_A_MEMBER):
        post.invite_again(ben)
    assert post.now(ben).mail is None


def test_the_pool_is_named_by_the_stack(greenroom: Greenroom) -> None:
    named = greenroom.settings.changed(user_pool_id="pool-1")
    pool = Container(named, greenroom.clock, greenroom.clients).invitations._pool  # noqa: SLF001  how it is made
    assert pool is not None
    assert pool._pool_id == "pool-1"  # noqa: SLF001  likewise
    assert greenroom.container.invitations._pool is None  # noqa: SLF001  likewise


# --- mails that come back ----------------------------------------------------------------------


def test_an_invitation_that_comes_back_counts_as_not_mailed_and_is_audited_once(
    post: Post,
) -> None:
    ben = post.invites()
    sent_at = post.clock.now()
    post.run_schedule()
    assert post.now(ben).mail is HANDED_OVER
    post.clock.advance(timedelta(hours=2))
    assert post.hears_of_bounce(f"Ben <{BEN.upper()}>", sent_at) == []
    assert post.hears_of_bounce(BEN, sent_at) == []
    assert post.now(ben).mail is FAILED
    failed = EntryFilter(kind=Kind.INVITATION_NOT_MAILED)
    (entry,) = post.container.audit.entries(post.ana, failed, 10, None).items
    assert entry.thing == ben.member_id
    assert (dict(entry.before), dict(entry.after)) == ({"mail": "handed_over"}, {"mail": "failed"})
    post.invite_again(ben)
    post.run_schedule()
    assert (post.now(ben).mail, post.mailed()[-1]) == (HANDED_OVER, (BEN, "RESEND"))


def test_what_ses_says_of_another_mail_is_not_about_an_invitation(post: Post) -> None:
    """A full mailbox; a mail of before; one that another program had sent; another address."""
    ben = post.invites()
    post.run_schedule()
    mailed_at = post.now(ben).mailed_at
    assert mailed_at is not None
    assert post.hears_of_bounce(BEN, mailed_at, kind="Transient") == []
    assert post.hears_of_bounce("eve@demo.example", mailed_at) == []
    assert post.hears_of_bounce("no address", mailed_at) == []
    for away in (-MAIL_FIRST_WAIT, MAIL_FIRST_WAIT):
        assert post.hears_of_bounce(BEN, mailed_at + away * 1.01) == []
    assert post.now(ben).mail is HANDED_OVER
    assert post.hears_of_bounce(BEN, mailed_at - MAIL_FIRST_WAIT) == []
    assert post.now(ben).mail is FAILED


def test_what_ses_says_before_a_mail_is_noted_comes_again_and_is_let_go_of_in_time(
    post: Post,
) -> None:
    ben = post.invites()
    sent_at = post.clock.now()
    assert post.hears_of_bounce(BEN, sent_at) == [{"itemIdentifier": "1"}]
    post.run_schedule()
    assert post.hears_of_bounce(BEN, sent_at) == []
    assert post.now(ben).mail is FAILED
    post.clock.advance(MAIL_AGAIN_AFTER)
    post.invite_again(ben)
    assert post.hears_of_bounce(BEN, sent_at) == []
    assert post.now(ben).mail is WAITING


def test_a_mail_that_comes_back_to_a_member_who_signed_in_changes_nothing(post: Post) -> None:
    ben = post.invites()
    post.run_schedule()
    sent_at = post.clock.now()
    post.greenroom.sign_in(ben.email)
    assert post.hears_of_bounce(BEN, sent_at) == []
    assert post.now(ben).mail is None
