"""What programs do for their people: invite them, and know them when they sign in."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, Claims, Role, TikTokState
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.table import Conflict, Part, Read
from chalicelib.programs.model import (
    MAX_NAME,
    Campaign,
    Channel,
    InvitationMail,
    Member,
    MemberStatus,
    Program,
    is_time_zone,
    normalized_email,
)
from chalicelib.programs.store import NameTaken, ProgramStore, SubjectBound

_ATTEMPTS = 4
REMEMBERED = timedelta(minutes=1)  # as long as anything else may take to be known everywhere


@dataclass(frozen=True)
class ProgramChanges:
    """Settings to change; what is None stays."""

    name: str | None = None
    time_zone: str | None = None
    leaderboard: bool | None = None
    rewards: bool | None = None
    disclosure: str | None = None
    managers_on_leaderboard: bool | None = None


@dataclass(frozen=True)
class Profile:
    """A member with the program they belong to."""

    member: Member
    program: Program

    @property
    def time_zone(self) -> str:
        return self.member.time_zone or self.program.time_zone


class ProgramService:
    def __init__(self, store: ProgramStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._remembered: dict[str, tuple[Program, datetime]] = {}

    def caller(self, claims: Claims) -> Caller:
        """Find the member behind a token's claims; binds an invitation at the first sign-in.

        Raises the problem `not_a_member` for everybody else, and for people who were removed.
        """
        member = self._store.member_of_subject(claims.subject)
        if member is None or member.status is not MemberStatus.ACTIVE:
            member = self._bind(claims)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise _not_a_member()
        return self.as_caller(member)

    def as_caller(self, member: Member) -> Caller:
        """Make who requests are made by, also of those that the clock makes for them."""
        return member.as_caller(partial(self._zone, member.program_id))

    def _bind(self, claims: Claims) -> Member | None:
        invited = self._store.oldest_invitation(claims.email)
        for _ in range(_ATTEMPTS):
            if invited is None or invited.status is not MemberStatus.INVITED:
                break
            try:
                self._store.bind_subject(invited, claims.subject)
            except SubjectBound:
                # A parallel request bound it a moment ago, or this person belongs elsewhere.
                break
            except Conflict:
                # Somebody else has this invitation, or it is one to another role by now.
                invited = self._store.member(invited.program_id, invited.member_id)
            else:
                return replace(
                    invited,
                    status=MemberStatus.ACTIVE,
                    subject=claims.subject,
                    mail=None,
                    mailed_at=None,
                )
        return self._store.bound_member(claims.subject)

    def profile(self, caller: Caller) -> Profile:
        member = self._store.member(caller.program_id, caller.member_id)
        program = self.program(caller.program_id)
        if member is None or program is None:
            raise not_found("member")
        return Profile(member, program)

    def program(self, program_id: str) -> Program | None:
        """Read a program and its settings, never behind."""
        program = self._store.program(program_id)
        return self._remember(program) if program else None

    def remembered(self, program_id: str) -> Program | None:
        """Give a program with settings that are at most a minute old: a call a minute."""
        return self._known(program_id) or self.program(program_id)

    def _known(self, program_id: str) -> Program | None:
        program, until = self._remembered.get(program_id, (None, self._clock.now()))
        return program if self._clock.now() < until else None

    def _remember(self, program: Program) -> Program:
        now = self._clock.now()
        fresh = {each: kept for each, kept in self._remembered.items() if kept[1] > now}
        self._remembered = fresh | {program.program_id: (program, now + REMEMBERED)}
        return program

    def settings(self, caller: Caller) -> Program:
        """Read the caller's program with its settings."""
        program = self.program(caller.program_id)
        if program is None:
            raise not_found("program")
        return program

    def change_program(self, caller: Caller, changes: "ProgramChanges") -> Program:
        """Change a program's settings; what is None stays, whoever changes it at the same time.

        A new zone holds for the calendar of the program and for members who have chosen none,
        everywhere within a minute; no instant that is kept moves. Raises problems: `name_taken`,
        `invalid_request` for a zone that is none, `changed_meanwhile`.
        """
        if changes.time_zone is not None:
            check_time_zone(changes.time_zone)
        named = {name: value for name, value in asdict(changes).items() if value is not None}
        for _ in range(_ATTEMPTS):
            was = self._store.program(caller.program_id)
            if was is None:
                raise not_found("program")
            try:
                becomes = self._store.change_program(was, named)
            except NameTaken:
                raise Problem(
                    ProblemCode.NAME_TAKEN, "Another program of this deployment has this name."
                ) from None
            except Conflict:
                continue
            return self._remember(becomes)
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The program keeps changing. Try again.")

    def reading(self, program_id: str) -> Read[Program]:
        """Read of a program, for whoever reads it together with other things."""
        reading = self._store.reading(program_id)
        return replace(reading, to=lambda item: self._remember(reading.to(item)))

    def unless_known(self, program_id: str) -> tuple[Read[Program], ...]:
        """Reads, one or none: what is read anyway brings the settings along, if it is time to.

        Whoever asks for them later in the request does not pay a call.
        """
        return () if self._known(program_id) else (self.reading(program_id),)

    def members(self, program_id: str) -> Iterator[Member]:
        """Walk all members of a program."""
        return self._store.members(program_id)

    def member(self, program_id: str, member_id: str) -> Member | None:
        """Read one member, never behind."""
        return self._store.member(program_id, member_id)

    def channels(self, program_id: str, channel_ids: Collection[str]) -> Mapping[str, Channel]:
        """Read channels of a program by id, archived ones too: a call for each hundred of them.

        What is not there, or another program's, is not in the answer.
        """
        return self._store.channels(program_id, set(channel_ids)) if channel_ids else {}

    def campaign(self, program_id: str, campaign_id: str) -> Campaign | None:
        """Read a campaign of a program, archived or not, never behind."""
        return self._store.campaign(program_id, campaign_id)

    def departing(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Walk program and member of who was removed before an instant and not yet let go of."""
        return self._store.departing(before)

    def departed(self, member: Member) -> None:
        """Note that what a removed member had elsewhere was let go, as of this removal."""
        if member.departing_at is not None:
            self._store.departed(member)

    def note_tiktok(
        self, program_id: str, member_id: str, state: TikTokState | None, *, active: bool
    ) -> Part:
        """Part: keep the state of the member's TikTok account where every request reads it.

        With `active` its condition fails for somebody who is not, or no longer, active.
        """
        return self._store.note_tiktok(program_id, member_id, state, active=active)

    def change_profile(self, caller: Caller, *, name: str | None, time_zone: str | None) -> Profile:
        """Change one's own name or time zone; what is None stays."""
        if time_zone is not None:
            check_time_zone(time_zone)
        if name is None and time_zone is None:
            return self.profile(caller)
        for _ in range(_ATTEMPTS):
            was = self._store.member(caller.program_id, caller.member_id)
            if was is None or was.status is not MemberStatus.ACTIVE:
                raise _not_a_member()
            becomes = replace(was, name=name or was.name, time_zone=time_zone or was.time_zone)
            try:
                self._store.change_profile(was, becomes)
            except Conflict:
                continue
            program = self.settings(caller)
            return Profile(becomes, program)
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "Your profile keeps changing. Try again.")

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
        """Invite a person by e-mail; whom the program knows already stays as they are (False).

        Who was removed stays removed: what invites here is a command, which may run again without
        anybody thinking of them. Raises ValueError for an address that is none.
        """
        return self._keep(self._invited(program, email, role), again=False)

    def invite_as(self, member: Member) -> tuple[Member, bool]:
        """Keep an invited member as `invited` made it; tells whether they were invited by this.

        Who is in the program stays as they are; who was removed comes back as who they were.
        """
        return self._keep(member, again=True)

    def _keep(self, member: Member, *, again: bool) -> tuple[Member, bool]:
        try:
            self._store.invite(member)
        except Conflict:
            known = self._store.member_by_email(member.program_id, member.email)
            if known is None:
                raise
            if member.invitation and known.invitation == member.invitation:
                return known, True  # by the same request, before
            if again and known.status is MemberStatus.REMOVED:
                return self.bring_back(known, member)
            return known, False
        return member, True

    def bring_back(self, removed: Member, invitation: Member) -> tuple[Member, bool]:
        """Invite a removed member again, as who they were: one call; False if they are back."""
        for _ in range(_ATTEMPTS):
            if removed.status is not MemberStatus.REMOVED:
                break
            becomes = _invited_again(removed, invitation)
            try:
                self._store.invite_again(removed, becomes)
            except Conflict:
                removed = self._store.member(removed.program_id, removed.member_id) or removed
            else:
                return becomes, True
        return removed, False

    def _invited(self, program: Program, email: str, role: Role) -> Member:
        return invited(program.program_id, email, role, self._clock.now())

    def _zone(self, program_id: str) -> str:
        program = self.remembered(program_id)
        return program.time_zone if program else "UTC"


def invited(
    program_id: str, email: str, role: Role, now: datetime, made_id: str | None = None
) -> Member:
    """Make an invited member, not yet kept. Raises ValueError for an address that is none."""
    plain = normalized_email(email)
    return Member(
        program_id=program_id,
        member_id=f"mem_{made_id}" if made_id else new_id("mem", now),
        email=plain,
        name=plain.partition("@")[0],
        role=role,
        status=MemberStatus.INVITED,
        time_zone="",
        invited_at=now,
        invitation=made_id,
        mail=InvitationMail.WAITING,
    )


def _invited_again(removed: Member, invitation: Member) -> Member:
    """Make a removed member an invited one, who keeps their id, name, zone and channels."""
    return replace(
        removed,
        status=MemberStatus.INVITED,
        role=invitation.role,
        invited_at=invitation.invited_at,
        invitation=invitation.invitation,
        removed_at=None,
        mail=InvitationMail.WAITING,
    )


def check_time_zone(time_zone: str) -> None:
    """Raise the problem `invalid_request` for a time zone that is none."""
    if not is_time_zone(time_zone):
        raise invalid_field(
            "time_zone",
            "unknown_time_zone",
            f"{time_zone!r} is not a time zone. Use a name such as Europe/Berlin.",
        )


def _not_a_member() -> Problem:
    return Problem(
        ProblemCode.NOT_A_MEMBER,
        "You are signed in, but no program has invited this e-mail address. "
        "Ask the manager of your company's program.",
    )


def shows_otherwise(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell from a change in the programs table whether people or settings look different now.

    Of an item's images one may be empty: it was not there, or is no more.
    """
    item = str((after or before)["item"])
    if item == "program":
        return True
    return item.startswith("member#") and any(
        before.get(name) != after.get(name) for name in ("name", "role", "status")
    )
