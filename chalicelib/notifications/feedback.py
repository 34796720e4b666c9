"""Handles SES's events about our mails: accepted, bounced, complained of.

Each event of a notice carries the tags that the mail was sent with, so it is known whose it is; the
address is looked at all the same, for an event about another one than the member's says nothing of
them. Nor does one from before mails were switched on again, or before the member came back: events
may wait for days where failures wait. The user pool's mails, invitations among them, are sent under
the same configuration set and carry no such tags: theirs are known by the address alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import normalized_email
from chalicelib.foundation.logging import logger
from chalicelib.notifications.model import Refusal, with_refusal, without_bounce
from chalicelib.notifications.sending import with_claim_confirmed
from chalicelib.notifications.ses import CLAIM_TAG, MEMBER_TAG, PROGRAM_TAG
from chalicelib.notifications.store import NoticeStore
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService

PERMANENT_BOUNCE = "Permanent"

NON_COMPLAINT_TYPES = ("not-spam", "auth-failure")
"""Feedback-Type of RFC 5965: a person said that a mail was no spam, or a server could not tell who
sent it. Nobody asks for fewer mails by them."""


class RefusalRecorder(Protocol):
    """Shows managers whose address takes no mails, as far as this needs it."""

    def note_refusal(self, program_id: str, member_id: str, name: str, at: datetime) -> None: ...

    def clear_refusal(self, program_id: str, member_id: str, at: datetime) -> None: ...


class Invitations(Protocol):
    """Notes invitations whose mail came back; `chalicelib.programs.members` implements it."""

    def note_returned(self, email: str, sent_at: datetime) -> int: ...


class MailFeedback:
    def __init__(
        self,
        store: NoticeStore,
        programs: ProgramService,
        worklist: RefusalRecorder,
        invitations: Invitations,
        clock: Clock,
    ) -> None:
        self._store = store
        self._programs = programs
        self._worklist = worklist
        self._invitations = invitations
        self._clock = clock

    def handle(self, detail: Mapping[str, Any]) -> None:
        """Take an event of SES in; again changes nothing, and in any order.

        Raises what `Invitations` raises while a mail of the user pool's is under way.
        """
        kind = str(detail.get("eventType", ""))
        tags = detail.get("mail", {}).get("tags", {})
        program_id, member_id, claim_id = (
            str(next(iter(tags.get(name) or ()), ""))
            for name in (PROGRAM_TAG, MEMBER_TAG, CLAIM_TAG)
        )
        if not program_id or not member_id:
            self._of_user_pool(kind, detail)
            return
        if claim_id:
            now = self._clock.now()
            self._store.change_box(
                program_id, member_id, lambda box: with_claim_confirmed(box, claim_id, now)
            )
        if kind == "Bounce" and detail["bounce"].get("bounceType") == PERMANENT_BOUNCE:
            found = detail["bounce"].get("bouncedRecipients", ())
            at = self._feedback_time(detail["bounce"], detail["mail"])
            self._record_refusal(program_id, member_id, Refusal.BOUNCED, found, at)
        elif kind == "Complaint" and _is_complaint(detail["complaint"]):
            found = detail["complaint"].get("complainedRecipients", ())
            at = self._feedback_time(detail["complaint"], detail["mail"])
            self._record_refusal(program_id, member_id, Refusal.COMPLAINED, found, at)

    def _of_user_pool(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Note which invitation came back, if one did.

        Of a complaint nothing is noted, for its mail arrived; SES returns the next one.
        """
        if kind != "Bounce" or detail["bounce"].get("bounceType") != PERMANENT_BOUNCE:
            return
        sent_at = self._feedback_time(detail["mail"])
        found = detail["bounce"].get("bouncedRecipients", ())
        for address in {_plain_address(str(each.get("emailAddress", ""))) for each in found} - {""}:
            noted = self._invitations.note_returned(address, sent_at)
            logger.info("mail of the user pool came back", extra={"invitations": noted})

    def _record_refusal(
        self,
        program_id: str,
        member_id: str,
        why: Refusal,
        recipients: Sequence[Mapping[str, Any]],
        at: datetime,
    ) -> None:
        member = self._programs.member(program_id, member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return
        if member.email not in {
            _plain_address(str(each.get("emailAddress", ""))) for each in recipients
        }:
            logger.warning("mail event of another address", extra={"member_id": member_id})
            return
        is_of_before = why is Refusal.BOUNCED and at < member.invited_at
        if not is_of_before:
            box = self._store.change_box(
                program_id, member_id, lambda box: with_refusal(box, why, at)
            )
            is_of_before = box.refused is None
        if is_of_before:
            logger.info("mail event of before", extra={"member_id": member_id, "why": why.value})
            return
        self._worklist.note_refusal(program_id, member_id, member.name, self._clock.now())
        logger.warning("mails switched off", extra={"member_id": member_id, "why": why.value})
        self._undo_outdated_refusal(program_id, member_id)

    def _undo_outdated_refusal(self, program_id: str, member_id: str) -> None:
        """Take back what was written while a member was removed, or had mails switched on again.

        An earlier event may have cleared the refusal before it was written.
        """
        now = self._clock.now()
        member = self._programs.member(program_id, member_id)
        is_active = member is not None and member.status is MemberStatus.ACTIVE
        if not is_active:
            self._store.change_box(program_id, member_id, lambda box: without_bounce(box, now))
        if not is_active or not self._store.box(program_id, member_id).refused:
            self._worklist.clear_refusal(program_id, member_id, now)

    def _feedback_time(self, *parts: Mapping[str, Any]) -> datetime:
        """Return the instant of the first part of an event that says one, else now."""
        for told in parts:
            with suppress(ValueError):
                at = datetime.fromisoformat(str(told.get("timestamp", "")))
                return at if at.tzinfo else at.replace(tzinfo=UTC)
        return self._clock.now()


def _is_complaint(complaint: Mapping[str, Any]) -> bool:
    return str(complaint.get("complaintFeedbackType", "")).lower() not in NON_COMPLAINT_TYPES


def _plain_address(address: str) -> str:
    """Return an address in the form in which members have it; empty for what is none.

    SES writes them as they were sent to, or as a server told them: with a name, in capitals.
    """
    inner = address.rpartition("<")[2].partition(">")[0] if "<" in address else address
    try:
        return normalized_email(inner)
    except ValueError:
        return ""
