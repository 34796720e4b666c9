"""Use cases of a person who is signed in: accept or decline an invitation, leave the program."""

from chalicelib.foundation.actors import acting, origin_as
from chalicelib.foundation.actors import member as member_actor
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import Problem, not_found
from chalicelib.programs.members.store import LastManager, MemberStore
from chalicelib.programs.model import Invitation, Member, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import ProgramStore


class JoiningService:
    """A person joins, declines or leaves. Invitations belong to a verified e-mail address."""

    def __init__(
        self,
        store: ProgramStore,
        members: MemberStore,
        programs: ProgramService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._members = members
        self._programs = programs
        self._clock = clock

    def invitations(self, caller: Caller) -> list[Invitation]:
        """List the open invitations of the caller's address, the oldest first: two calls."""
        return self._programs.invitations_of(self._programs.open_invitations(caller.email))

    def accept(self, caller: Caller, program_id: str) -> Member:
        """Join a program that has invited the caller's address.

        Raises problems: `not_found` where there is no such invitation, `already_in_a_program`.
        """
        subject = caller.subject or ""
        known = self._programs.member_of_subject(subject)
        active = known is not None and known.status is MemberStatus.ACTIVE
        if known is not None and active and known.program_id == program_id:
            return known  # accepted a moment ago, by the same request sent twice
        invited = self._invitation(caller, program_id)
        if active:
            raise _already_in_a_program()
        with acting(member_actor(invited.member_id), origin_as(invited.role)):
            bound = self._programs.accept_invitation(invited, subject)
        if bound is None:
            self._invitation(caller, program_id)
            raise _already_in_a_program()
        return bound

    @retry_conflicts("This invitation keeps changing. Try again.")
    def decline(self, caller: Caller, program_id: str) -> None:
        """Decline an invitation; only another one, which is then asked about, brings it back.

        Raises problems: `not_found`, `changed_meanwhile`.
        """
        invited = self._invitation(caller, program_id)
        with acting(member_actor(invited.member_id), origin_as(invited.role)):
            self._members.remove(invited, self._clock.now(), left=True)

    @retry_conflicts("Your membership keeps changing. Try again.")
    def leave(self, caller: Caller) -> None:
        """End the caller's membership, as if a manager had removed them.

        Raises problems: `last_manager`, `changed_meanwhile`.
        """
        member = self._store.member(caller.program_id, caller.member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return
        try:
            self._members.remove(member, self._clock.now(), left=True)
        except LastManager:
            raise Problem(
                ProgramProblem.LAST_MANAGER,
                "You are the program's last manager. Make somebody else a manager, let them sign "
                "in, and then leave.",
            ) from None

    def _invitation(self, caller: Caller, program_id: str) -> Member:
        """Return the caller's open invitation by a program, never behind."""
        known = self._store.member_by_email(program_id, caller.email) if caller.email else None
        if known is None or known.status is not MemberStatus.INVITED:
            raise not_found("invitation")
        return known


def _already_in_a_program() -> Problem:
    return Problem(
        ProgramProblem.ALREADY_IN_A_PROGRAM,
        "You belong to a program already. Leave it first.",
    )
