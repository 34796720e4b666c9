"""What programs do for their people: invite them, and know them when they sign in."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, Claims, Role, TikTokState
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.table import Conflict, Part
from chalicelib.programs.model import (
    MAX_NAME,
    Campaign,
    Channel,
    Member,
    MemberStatus,
    Program,
    is_time_zone,
    normalized_email,
)
from chalicelib.programs.store import ProgramStore


@dataclass(frozen=True)
class Profile:
    """A member with the program they belong to."""

    member: Member
    program: Program


class ProgramService:
    def __init__(self, store: ProgramStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def caller(self, claims: Claims) -> Caller:
        """Find the member behind a token's claims; binds an invitation at the first sign-in.

        Raises the problem `not_a_member` for everybody else, and for people who were removed.
        """
        member = self._store.member_of_subject(claims.subject) or self._bind(claims)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise _not_a_member()
        return member.as_caller()

    def _bind(self, claims: Claims) -> Member | None:
        invited = self._store.oldest_invitation(claims.email)
        if invited is not None:
            try:
                self._store.bind_subject(invited, claims.subject)
            except Conflict:
                # A parallel request bound it a moment ago; or somebody else has this invitation,
                # or this person another one. The guard below knows which.
                pass
            else:
                return replace(invited, status=MemberStatus.ACTIVE)
        return self._store.bound_member(claims.subject)

    def profile(self, caller: Caller) -> Profile:
        member = self._store.member(caller.program_id, caller.member_id)
        program = self._store.program(caller.program_id)
        if member is None or program is None:
            raise not_found("member")
        return Profile(member, program)

    def members(self, program_id: str) -> Iterator[Member]:
        """Walk all members of a program."""
        return self._store.members(program_id)

    def member(self, program_id: str, member_id: str) -> Member | None:
        """Read one member, never behind."""
        return self._store.member(program_id, member_id)

    def channels(self, program_id: str, channel_ids: Collection[str]) -> Mapping[str, Channel]:
        """Read channels of a program by id, archived ones too: one call, up to 100 of them.

        What is not there, or another program's, is not in the answer.
        """
        return self._store.channels(program_id, list(channel_ids)) if channel_ids else {}

    def campaign(self, program_id: str, campaign_id: str) -> Campaign | None:
        """Read a campaign of a program, archived or not, never behind."""
        return self._store.campaign(program_id, campaign_id)

    def note_tiktok(
        self, program_id: str, member_id: str, state: TikTokState | None, *, active: bool
    ) -> Part:
        """Part: keep the state of the member's TikTok account where every request reads it.

        With `active` its condition fails for somebody who is not, or no longer, active.
        """
        return self._store.note_tiktok(program_id, member_id, state, active=active)

    def change_profile(self, caller: Caller, *, name: str | None, time_zone: str | None) -> Profile:
        """Change one's own name or time zone; what is None stays."""
        if time_zone is not None and not is_time_zone(time_zone):
            raise invalid_field(
                "time_zone",
                "unknown_time_zone",
                f"{time_zone!r} is not a time zone. Use a name such as Europe/Berlin.",
            )
        if name is None and time_zone is None:
            return self.profile(caller)
        changed = self._store.change_profile(caller.program_id, caller.member_id, name, time_zone)
        program = self._store.program(caller.program_id)
        if changed is None or program is None:
            raise _not_a_member()
        return Profile(changed, program)

    def create_program(
        self, name: str, time_zone: str, manager_email: str
    ) -> tuple[Program, Member, bool]:
        """Make a program and invite its first manager; the last value tells whether it is new.

        A program of that name that exists already is left as it is; the manager is invited if need
        be. Raises ValueError for a name, address or zone that is none.
        """
        plain_name = " ".join(name.split())
        if not 1 <= len(plain_name) <= MAX_NAME:
            raise ValueError(f"A program's name has 1 to {MAX_NAME} characters.")
        if not is_time_zone(time_zone):
            raise ValueError(f"{time_zone!r} is not a time zone. Use a name such as Europe/Berlin.")
        now = self._clock.now()
        program = Program(new_id("prg", now), plain_name, time_zone, now)
        manager = self._invited(program, manager_email, Role.MANAGER)
        try:
            self._store.create_program(program, manager)
        except Conflict:
            known = self._store.program_named(name)
            if known is None:
                raise
            return known, self.invite(known, manager_email, Role.MANAGER)[0], False
        return program, manager, True

    def invite(self, program: Program, email: str, role: Role) -> tuple[Member, bool]:
        """Invite a person by e-mail; who is in the program already stays as they are (False)."""
        member = self._invited(program, email, role)
        try:
            self._store.invite(member)
        except Conflict:
            known = self._store.member_by_email(program.program_id, member.email)
            if known is None:
                raise
            return known, False
        return member, True

    def _invited(self, program: Program, email: str, role: Role) -> Member:
        now = self._clock.now()
        plain = normalized_email(email)
        return Member(
            program_id=program.program_id,
            member_id=new_id("mem", now),
            email=plain,
            name=plain.partition("@")[0],
            role=role,
            status=MemberStatus.INVITED,
            time_zone=program.time_zone,
            invited_at=now,
        )


def _not_a_member() -> Problem:
    return Problem(
        ProblemCode.NOT_A_MEMBER,
        "You are signed in, but no program has invited this e-mail address. "
        "Ask the manager of your company's program.",
    )
