"""Use cases of people about their data, and of managers on their request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.personal import Person
from chalicelib.foundation.problems import Problem, not_found
from chalicelib.foundation.table import Part
from chalicelib.privacy.model import (
    Erasure,
    ErasureOutcome,
    ExportStatus,
    PersonalExport,
)
from chalicelib.privacy.problems import PrivacyProblem
from chalicelib.privacy.store import AlreadyBegun, PersonalFiles, PrivacyStore
from chalicelib.programs.model import Member


class MemberEraser(Protocol):
    """The members of a program, as far as requests about their data need them."""

    def member(self, caller: Caller, member_id: str) -> Member: ...

    def erase(self, member: Member, now: datetime, also: Sequence[Part]) -> None: ...


class PrivacyService:
    def __init__(
        self,
        store: PrivacyStore,
        files: PersonalFiles,
        members: MemberEraser,
        clock: Clock,
    ) -> None:
        self._store = store
        self._files = files
        self._members = members
        self._clock = clock

    # --- exports ------------------------------------------------------------------------------

    def ask_export(self, caller: Caller, member_id: str) -> PersonalExport:
        """Have what is kept of a member made into a file; asked again soon, it is the same one.

        A member's own file has all of it; another, that all managers share, has no dismissals.
        Raises problems: `not_found`, `erasure_begun`.
        """
        self._members.member(caller, member_id)
        if self._store.outcome(caller.program_id, member_id):
            raise _erasure_begun()
        for_others = caller.member_id != member_id
        known = self._store.export(caller.program_id, member_id, for_others=for_others)
        now = self._clock.now()
        if known and known.is_reusable_at(now):
            return known
        export = PersonalExport(
            caller.program_id, member_id, new_id("exp", now), caller.member_id, now
        )
        self._store.add_export(export)  # the clock queues it within a minute
        return export

    def export(self, caller: Caller, member_id: str) -> PersonalExport:
        """Read the latest export of a member, their own or that of managers, as the caller is.

        Raises the problem `not_found`.
        """
        for_others = caller.member_id != member_id
        found = self._store.export(caller.program_id, member_id, for_others=for_others)
        if found is None:
            raise not_found("export")
        return found

    def link(self, export: PersonalExport) -> str | None:
        """Return where the file is fetched, for what is left of an hour from when it was there."""
        until, now = export.link_until(), self._clock.now()
        if export.status is not ExportStatus.READY or until is None or until <= now:
            return None
        return self._files.link(export, until - now)

    # --- erasures -----------------------------------------------------------------------------

    @retry_conflicts("This member keeps changing. Try again.")
    def ask_erasure(self, caller: Caller, member_id: str) -> ErasureOutcome:
        """Remove a member and take their identity away, and have the rest erased by the clock.

        Asked again it is the same erasure. Raises problems: `not_found`, `last_manager`,
        `changed_meanwhile`.
        """
        known = self._store.outcome(caller.program_id, member_id)
        if known:
            return known
        member, now = self._members.member(caller, member_id), self._clock.now()
        erasure = Erasure(_person(member), caller.member_id, now, now)
        try:
            self._members.erase(member, now, self._store.begin_parts(erasure))
        except AlreadyBegun:
            begun = self._store.outcome(caller.program_id, member_id)
            if begun is None:
                raise
            return begun
        logger.info("erasure begun", extra={"erased_member": member_id})
        return ErasureOutcome(member_id, caller.member_id, now)

    def erasure(self, caller: Caller, member_id: str) -> ErasureOutcome:
        """Read what became of an erasure. Raises the problem `not_found`."""
        found = self._store.outcome(caller.program_id, member_id)
        if found is None:
            raise not_found("erasure")
        return found


def _person(member: Member) -> Person:
    subject = member.subject or member.last_subject
    return Person(member.program_id, member.member_id, member.email, member.name, subject)


def _erasure_begun() -> Problem:
    return Problem(
        PrivacyProblem.ERASURE_BEGUN,
        "This person was erased, or is being erased: nothing can be handed out any more.",
    )
