"""Mails invitations on a schedule; SES reports which mails bounced."""

from dataclasses import replace
from datetime import datetime

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.programs.members.model import MAIL_FIRST_WAIT, MAIL_TRIES, DueMail
from chalicelib.programs.members.store import MemberStore
from chalicelib.programs.members.user_pool import MailQuotaUsedUp, Undelivered, UserPool
from chalicelib.programs.model import InvitationMail
from chalicelib.programs.store import ProgramStore

MAX_UNDELIVERED = 5  # of a run; with more it is rather the pool's sender than their addresses


class InvitationMailer:
    """Mails invitations; `pool` is None where people sign in elsewhere: nobody is mailed then."""

    def __init__(self, store: MemberStore, pool: UserPool | None, clock: Clock) -> None:
        self._store = store
        self._pool = pool
        self._clock = clock

    def mail_due(self, is_late: IsLate = no_time_limit) -> int:
        """Mail the invitations that are due, each program's in turn, and return how many.

        Raises whatever keeps the pool from mailing: at once if all others would meet it too, else
        in the end. A later run tries again what was begun, so that no address stands in the way
        of the rest.
        """
        sent = 0
        undelivered: list[Undelivered] = []
        for due in self._store.due_mails(self._clock.now()):
            if is_late() or len(undelivered) == MAX_UNDELIVERED:
                break
            try:
                sent += self._mail_and_record(due) is InvitationMail.HANDED_OVER
            except Undelivered as error:
                facts = {"member_id": due.member_id, "tries": due.tries + 1}
                logger.warning("invitation undelivered", extra=facts)
                undelivered.append(error)
        if undelivered:
            raise undelivered[0]
        return sent

    def _mail_and_record(self, due: DueMail) -> InvitationMail | None:
        begun = due.postponed(self._clock.now())
        if not self._store.begin_mail(due, begun):
            return None  # another run has it, the member signed in, or was removed
        try:
            mail = self._mail_outcome(due)
        except MailQuotaUsedUp:
            # A try counts against an address only if it could have been mailed.
            self._store.begin_mail(begun, replace(begun, tries=due.tries))
            raise
        self._store.end_mail(begun, mail, self._clock.now())
        logger.info("invitation", extra={"member_id": due.member_id, "mail": mail.value})
        return mail

    def _mail_outcome(self, due: DueMail) -> InvitationMail:
        if self._pool is None:
            return InvitationMail.ELSEWHERE
        if due.tries >= MAIL_TRIES:
            return InvitationMail.FAILED
        return self._pool.invite(due.email)


class MailUnderWay(Exception):
    """A mail to this address is not noted as handed over yet: ask again in a moment."""


class ReturnedInvitations:
    """Notes invitations whose mail came back, by address: the pool's mails name no member."""

    def __init__(self, programs: ProgramStore, store: MemberStore, clock: Clock) -> None:
        self._programs = programs
        self._store = store
        self._clock = clock

    def note_returned(self, email: str, sent_at: datetime) -> int:
        """Note that a mail of an instant to an address came back; returns for how many programs.

        It counts for invitations that were handed over at that instant, give or take what a try
        takes: a program does not learn that another one invites the same address, and an old
        event says nothing of a later mail. Raises `MailUnderWay`.
        """
        noted = 0
        for member in self._programs.invitations(email):
            if member.mail is InvitationMail.WAITING:
                if abs(self._clock.now() - sent_at) < MAIL_FIRST_WAIT:
                    raise MailUnderWay
                continue
            if member.mailed_at is None or abs(member.mailed_at - sent_at) > MAIL_FIRST_WAIT:
                continue
            if self._store.note_returned(member):
                noted += 1
                facts = {"program_id": member.program_id, "member_id": member.member_id}
                logger.warning("invitation came back", extra=facts)
        return noted
