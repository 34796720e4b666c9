"""Mails that are due, sent by turns of the programs: claimed, handed to SES, confirmed.

A claim is written before SES is asked, with what the mail tells of; after SES took it, that counts
as told. A worker may die in between: then SES's own event of the mail, which carries the claim's
id, confirms it. A claim of which nothing is heard for `LEASE_DURATION` was never handed over, and
is made anew. docs/decisions/0026 says what that leaves open.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Protocol
from zoneinfo import ZoneInfo

from chalicelib.activities.service import ActivityMarks
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.mails import MailContent, compose_mail, scope_of
from chalicelib.notifications.model import (
    ActivityProgress,
    Bulletin,
    Claim,
    NoticeBox,
    Reader,
    ShownNotice,
    plan_mail,
    with_claim,
    with_claim_mailed,
    with_progress,
)
from chalicelib.notifications.ses import MessageTags, SendResult
from chalicelib.notifications.store import NoticeStore
from chalicelib.notifications.unsubscribing.service import UnsubscribeService, Unsubscription
from chalicelib.programs.model import Member, MemberStatus, Program
from chalicelib.programs.service import ProgramService

LEASE_DURATION = timedelta(minutes=30)
"""How long a claim waits for a word of SES's before its mail counts as not sent."""

RETRY_DELAY = timedelta(minutes=2)
MAX_TRIES = 5
"""Attempts for a mail that SES refuses; its notices then stay in the app only."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
"""Seconds for which a worker waits that was too fast for SES, at most: twice as long each time.
Several workers share the account's rate, which nothing but SES's refusals tells them."""


class MailTransport(Protocol):
    """Hands mails over; `chalicelib.notifications.ses` does."""

    def send(self, mail: EmailMessage, to: str, tags: MessageTags) -> SendResult: ...


@dataclass(frozen=True)
class MailRecipient:
    """Everything that decides what a member is mailed."""

    box: NoticeBox
    bulletin: Bulletin
    member: Member
    program: Program

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.member.time_zone or self.program.time_zone)

    @property
    def reader(self) -> Reader:
        caller = self.member.as_caller()
        return Reader(caller.channels, caller.tiktok, caller.is_manager)


class NoticeMailer:
    """Sends mails; `sender` is the address they come from, empty where none are sent."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        programs: ProgramService,
        marks: ActivityMarks,
        ses: MailTransport,
        unsubscribing: UnsubscribeService,
        sender: str,
        console_url: str,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        """`pause` waits for seconds."""
        self._store = store
        self._programs = programs
        self._marks = marks
        self._ses = ses
        self._unsubscribing = unsubscribing
        self._sender = sender
        self._console_url = console_url
        self._clock = clock
        self._pause = pause

    def mail_due(self, shard: int, is_late: IsLate = no_time_limit) -> int:
        """Send the mails of a shard that are due, each program's in turn; return how many.

        A run that is too fast for SES slows down and goes on until `is_late`. It ends before that
        when SES takes no mail at all for now: the day's quota is used up, or sending is paused. One
        member that breaks keeps no other from their mail: it is raised in the end.
        """
        sent = 0
        failure: Exception | None = None
        for program_id, member_id in self._store.due_members(shard, self._clock.now()):
            if is_late():
                break
            try:
                outcome = self.mail(program_id, member_id, is_late)
            except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
                logger.exception("mail broke", extra={"member_id": member_id})
                failure = failure or error
                self._postpone(program_id, member_id)
                continue
            sent += outcome is SendResult.SENT
            if outcome is SendResult.LATER:
                break
        if failure:
            raise failure
        return sent

    def _postpone(self, program_id: str, member_id: str) -> None:
        later = self._clock.now() + LEASE_DURATION
        self._store.change_box(
            program_id, member_id, lambda box: replace(box, mail_at=later) if box.mail_at else box
        )

    def mail(self, program_id: str, member_id: str, is_late: IsLate) -> SendResult | None:
        """Mail a member what is due; None if there is nothing, or another worker is at it."""
        now = self._clock.now()
        found = self._read_recipient(program_id, member_id)
        if found is None:
            # Removed, or erased: nothing is due any more.
            self._store.change_box(
                program_id, member_id, lambda box: replace(box, mail_at=None, claim=None)
            )
            return None
        box = found.box
        if box.mail_at is None or box.mail_at > now:
            return None
        found = replace(found, box=replace(box, claim=None))  # one that nothing was heard of
        found, due, next_at = self._due_notices(found, now)
        if not due:
            self._store.put_box(box, replace(found.box, mail_at=next_at))
            return None
        claim = Claim(new_id("mai", now), tuple(each.notice.notice_id for each in due), now)
        begun = self._store.put_box(box, with_claim(found.box, claim, now + LEASE_DURATION))
        if begun is None:
            return None
        outcome = self._send_claimed(replace(found, box=begun), due, claim, is_late)
        self._record_outcome(begun, claim, outcome, next_at)
        return outcome

    def _read_recipient(self, program_id: str, member_id: str) -> MailRecipient | None:
        owner = f"{program_id}/{member_id}"
        box, bulletin, member, program = self._store.read_together(
            [
                self._store.read_of_notice_box(owner),
                self._store.read_of_bulletin(program_id),
                self._programs.read_of_member(program_id, member_id),
                self._programs.read_of_program(program_id),
            ]
        )
        if box is None or member is None or program is None:
            return None
        if member.status is not MemberStatus.ACTIVE:
            return None
        return MailRecipient(box, bulletin or Bulletin(program_id), member, program)

    def _due_notices(
        self, found: MailRecipient, now: datetime
    ) -> tuple[MailRecipient, tuple[ShownNotice, ...], datetime | None]:
        """Return what a member is mailed now, and when the next mail is due.

        Reads from the tables what they performed or dismissed, for a mail cannot be taken back.
        """
        plan = plan_mail(found.box, found.bulletin, found.reader, found.zone, now)
        ids = sorted(each.notice.thing_id for each in plan.due if _is_activity(each))
        if ids:
            marked = self._marks.done_activity_ids(found.box.owner, ids[0], ids[-1])
            box = with_progress(found.box, marked & set(ids), ActivityProgress.DONE)
            found = replace(found, box=box)
            plan = plan_mail(box, found.bulletin, found.reader, found.zone, now)
        return found, plan.due, plan.next_at

    def _send_claimed(
        self, found: MailRecipient, due: tuple[ShownNotice, ...], claim: Claim, is_late: IsLate
    ) -> SendResult:
        box, member = found.box, found.member
        of = Unsubscription(box.program_id, box.member_id, scope_of(due))
        content = MailContent(
            sender=self._sender,
            program=found.program.name,
            to=member.email,
            name=member.name,
            language=box.settings.language,
            notices=tuple(each.notice for each in due),
            console_url=self._console_url,
            unsubscribe_url=self._unsubscribing.url(of),
            rewards=found.program.rewards,
        )
        tags = MessageTags(box.program_id, box.member_id, claim.claim_id)
        outcome = self._send(compose_mail(content), member.email, tags, is_late)
        logger.info(
            "notice mail",
            extra={
                "program_id": box.program_id,
                "member_id": box.member_id,
                "outcome": outcome.value,
                "notices": len(due),
            },
        )
        return outcome

    def _send(self, mail: EmailMessage, to: str, tags: MessageTags, is_late: IsLate) -> SendResult:
        """Hand a mail over, as often as SES says that it was too fast; not once it is late."""
        longest = FIRST_PAUSE_SECONDS
        while (outcome := self._ses.send(mail, to, tags)) is SendResult.TOO_FAST and not is_late():
            self._pause(random.uniform(longest / 2, longest))  # noqa: S311  no secret
            longest = min(2 * longest, LONGEST_PAUSE_SECONDS)
        return outcome

    def _record_outcome(
        self, begun: NoticeBox, claim: Claim, outcome: SendResult, next_at: datetime | None
    ) -> None:
        """Keep what became of a claim; one whose answer never came waits for a word of SES's."""
        if outcome is SendResult.UNKNOWN:
            return

        def end(box: NoticeBox) -> NoticeBox:
            if box.claim is None or box.claim.claim_id != claim.claim_id:
                return box
            if outcome is SendResult.SENT or box.tries + 1 >= MAX_TRIES:
                done = with_claim_mailed(box, claim.claim_id)
                # Something came meanwhile: when the next mail is due is looked up again.
                same = box.version == begun.version
                return replace(done, mail_at=next_at if same else self._clock.now())
            tries = box.tries + (outcome is SendResult.REFUSED)
            later = self._clock.now()
            if outcome is not SendResult.TOO_FAST:  # that one is due at once, to the next run
                later += RETRY_DELAY
            return replace(box, claim=None, mail_at=later, tries=tries)

        self._store.change_box(begun.program_id, begun.member_id, end, begun)


def with_claim_confirmed(box: NoticeBox, claim_id: str, now: datetime) -> NoticeBox:
    """Confirm a claim, and have its member looked at once more for what became due meanwhile."""
    done = with_claim_mailed(box, claim_id)
    return done if done is box else replace(done, mail_at=now)


def _is_activity(each: ShownNotice) -> bool:
    return each.notice.notice_id.startswith(("new#", "last#"))
