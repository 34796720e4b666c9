"""Use cases of programs: settings, invitations, and the caller behind a token."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chalicelib.foundation import actors
from chalicelib.foundation.actors import acting
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import MAX_ATTEMPTS, check_version, retry_conflicts
from chalicelib.foundation.identity import (
    Caller,
    Claims,
    Role,
    ShownAs,
    TikTokState,
    normalized_email,
)
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.quotas import Quotas, quota_reached
from chalicelib.foundation.table import Conflict, Part, Read
from chalicelib.foundation.texts import clean_line
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import (
    MAX_NAME_LENGTH,
    Campaign,
    Channel,
    ContentDisclosure,
    Invitation,
    InvitationMail,
    Member,
    MembershipHolder,
    MemberStatus,
    Program,
    is_time_zone,
    must_choose_invitation,
)
from chalicelib.programs.store import NameTaken, ProgramStore, QuotaUsedUp, SubjectBound

CACHED_FOR = timedelta(minutes=1)  # as long as any other change takes to be known everywhere


@dataclass(frozen=True)
class ProgramChanges:
    """Settings to change; those that are None stay."""

    name: str | None = None
    time_zone: str | None = None
    leaderboard: bool | None = None
    rewards: bool | None = None
    disclosure: str | None = None
    managers_on_leaderboard: bool | None = None
    names_on_leaderboard: bool | None = None
    fulfillers: frozenset[str] | None = None
    content_disclosure: ContentDisclosure | None = None
    reuse_warning_above: int | None = None


@dataclass(frozen=True)
class Profile:
    """A member with the program they belong to."""

    member: Member
    program: Program

    @property
    def time_zone(self) -> str:
        return self.member.time_zone or self.program.time_zone


class ProgramService:
    def __init__(
        self,
        store: ProgramStore,
        clock: Clock,
        quotas: Quotas = Quotas(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._clock = clock
        self._quotas = quotas
        self._cached: dict[str, tuple[Program, datetime]] = {}

    def caller(self, claims: Claims) -> Caller:
        """Return the caller behind a token's claims; at the first sign-in, bind the invitation.

        Does not bind a person whom several programs invited, or one they left: raises the problem
        `choose_program`, which names the programs. Raises `not_a_member` for everybody else, and
        for people who were removed.
        """
        member = self._store.indexed_member_of_subject(claims.subject)
        if member is None or member.status is not MemberStatus.ACTIVE:
            member = self._bind(claims)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise _not_a_member()
        return self.as_caller(member)

    def is_manager_or_invited_as_manager(self, subject: str, email: str) -> bool:
        """Return whether a person is a manager of their program, or is invited to be one of any.

        Up to three calls. Nothing is bound by it.
        """
        bound = self._store.member_of_subject(subject)
        if bound is not None and bound.status is MemberStatus.ACTIVE:
            return bound.role is Role.MANAGER
        try:
            invitations = self.open_invitations(normalized_email(email))
        except ValueError:
            return False
        return any(each.role is Role.MANAGER for each in invitations)

    def as_caller(self, member: Member) -> Caller:
        """Return a member as a caller, also for what the clock does on their behalf."""
        return member.as_caller(partial(self._program_time_zone, member.program_id))

    def _bind(self, claims: Claims) -> Member | None:
        invitations = self._store.invitations(claims.email) if claims.email else ()
        if must_choose_invitation(invitations):
            # The index by which this person was looked for follows the table by milliseconds.
            known = self._store.member_of_subject(claims.subject)
            if known is not None and known.status is MemberStatus.ACTIVE:
                return known
            raise _must_choose_program(self.invitations_of(invitations))
        bound = self.accept_invitation(invitations[0], claims.subject) if invitations else None
        return bound or self._store.member_of_subject(claims.subject)

    def accept_invitation(self, invited: Member, subject: str) -> Member | None:
        """Bind an invitation to a person, who is active from then on.

        Returns None if it is no longer open, or the person belongs to a program already.
        """
        now: Member | None = invited
        for _ in range(MAX_ATTEMPTS):
            if now is None or now.status is not MemberStatus.INVITED:
                return None
            try:
                with acting(actors.member(now.member_id), actors.origin_as(now.role)):
                    self._store.bind_subject(now, subject)
            except SubjectBound:
                # A parallel request bound it a moment ago, or this person belongs elsewhere.
                return None
            except Conflict:
                # Somebody else has this invitation, or it is one to another role by now.
                now = self._store.member(now.program_id, now.member_id)
            else:
                return replace(
                    now,
                    status=MemberStatus.ACTIVE,
                    subject=subject,
                    mail=None,
                    mailed_at=None,
                    left_at=None,
                )
        return None

    def open_invitations(self, email: str) -> Sequence[Member]:
        """Return who is invited by an address, in any program, the oldest first: one query."""
        return self._store.invitations(email) if email else ()

    def invitations_of(self, members: Sequence[Member]) -> list[Invitation]:
        """Return invitations with the names of their programs, all read in one call."""
        if not members:
            return []
        programs = self._store.programs({each.program_id for each in members})
        return [
            Invitation(
                each.program_id,
                programs[each.program_id].name,
                each.role,
                each.invited_at,
                each.left_at is not None,
            )
            for each in members
            if each.program_id in programs
        ]

    def member_of_subject(self, subject: str) -> Member | None:
        """Return the member a person is bound to, never behind: two calls, or one for nobody."""
        return self._store.member_of_subject(subject)

    def profile(self, caller: Caller) -> Profile:
        member = self._store.member(caller.program_id, caller.member_id)
        program = self.program(caller.program_id)
        if member is None or program is None:
            raise not_found("member")
        return Profile(member, program)

    def read_of_member(self, program_id: str, member_id: str) -> Read[Member]:
        """Return the read of a member, to be made together with others."""
        return self._store.read_of_member(program_id, member_id)

    def profile_reads(self, caller: Caller) -> tuple[Read[Member], Read[Program]]:
        """Return the reads of the caller's profile, to be made together with others."""
        member = self._store.read_of_member(caller.program_id, caller.member_id)
        return member, self.read_of_program(caller.program_id)

    def program(self, program_id: str) -> Program | None:
        """Return a program with its settings, consistently read."""
        program = self._store.program(program_id)
        return self._cache(program) if program else None

    def cached_program(self, program_id: str) -> Program | None:
        """Return a program whose settings are at most a minute old: a call a minute."""
        return self._cached_or_none(program_id) or self.program(program_id)

    def _cached_or_none(self, program_id: str) -> Program | None:
        program, until = self._cached.get(program_id, (None, self._clock.now()))
        return program if self._clock.now() < until else None

    def _cache(self, program: Program) -> Program:
        now = self._clock.now()
        fresh = {each: kept for each, kept in self._cached.items() if kept[1] > now}
        self._cached = fresh | {program.program_id: (program, now + CACHED_FOR)}
        return program

    def settings(self, caller: Caller) -> Program:
        """Return the caller's program with its settings."""
        program = self.program(caller.program_id)
        if program is None:
            raise not_found("program")
        return program

    @retry_conflicts("The settings keep changing. Try again.")
    def change_program(
        self,
        caller: Caller,
        changes: "ProgramChanges",
        version: int | None = None,
        expected: Program | None = None,
    ) -> Program:
        """Change a program's settings; those that are None stay, also if they change meanwhile.

        With a `version` the settings must have that; with `expected`, one that is to change must be
        as it was there.

        A new zone holds for the calendar of the program and for members who have chosen none,
        everywhere within a minute; no instant that is kept moves. Another program may have the
        same name. Raises the problem `invalid_request` for an unknown zone, and for somebody who is
        to fulfil redemptions and is no active manager; `changed_meanwhile` (with the `version` the
        settings have now).
        """
        if changes.time_zone is not None:
            check_time_zone(changes.time_zone)
        self._check_fulfillers(caller, changes.fulfillers or frozenset())
        was = self.settings(caller)
        check_version("these settings", was.version, version)
        named = {
            name: value
            for name, value in asdict(changes).items()
            if value is not None and value != getattr(was, name)
        }
        if not named:
            return was
        if expected is not None and any(
            getattr(was, name) != getattr(expected, name) for name in named
        ):
            raise changed_meanwhile("the settings")
        becomes = replace(was, **named, version=was.version + 1)
        self._store.change_program(was, becomes, list(named))
        return self._cache(becomes)

    def _check_fulfillers(self, caller: Caller, fulfillers: frozenset[str]) -> None:
        managers = self._store.active_managers(caller.program_id) if fulfillers else frozenset()
        for member_id in sorted(fulfillers - managers):
            raise invalid_field(
                "fulfillers",
                "not_a_manager",
                f"{member_id} is not an active manager of the program.",
            )

    def content_disclosure(self, program_id: str) -> ContentDisclosure:
        """Return the content disclosure of a program's new activities, consistently read."""
        program = self.program(program_id)
        return program.content_disclosure if program else ContentDisclosure.YOUR_BRAND

    def is_anybody_fulfilling(self, program: Program) -> bool:
        """Return whether somebody sees to redemptions: a call where managers are named for it.

        Nobody does once all who were named are removed, or managers no more.
        """
        named = program.fulfillers
        return not named or not named.isdisjoint(self._store.active_managers(program.program_id))

    def read_of_program(self, program_id: str) -> Read[Program]:
        """Return the read of a program, to be made together with others."""
        read = self._store.read_of_program(program_id)
        return replace(read, to=lambda item: self._cache(read.to(item)))

    def program_read_unless_cached(self, program_id: str) -> tuple[Read[Program], ...]:
        """Return the read of a program if its settings are not cached, else nothing.

        Made together with what is read anyway, it saves a later call for the settings.
        """
        return () if self._cached_or_none(program_id) else (self.read_of_program(program_id),)

    def members(self, program_id: str) -> Iterator[Member]:
        """Yield all members of a program."""
        return self._store.members(program_id)

    def member(self, program_id: str, member_id: str) -> Member | None:
        """Return a member, consistently read."""
        return self._store.member(program_id, member_id)

    def members_by_id(self, program_id: str, member_ids: Collection[str]) -> Mapping[str, Member]:
        """Return members of a program by id: a call for each hundred."""
        return self._store.members_by_id(program_id, member_ids) if member_ids else {}

    def channels(self, program_id: str, channel_ids: Collection[str]) -> Mapping[str, Channel]:
        """Return channels of a program by id, archived ones too: a call for each hundred.

        Unknown channels, and those of other programs, are left out.
        """
        return self._store.channels(program_id, set(channel_ids)) if channel_ids else {}

    def campaign(self, program_id: str, campaign_id: str) -> Campaign | None:
        """Return a campaign of a program, archived or not, consistently read."""
        return self._store.campaign(program_id, campaign_id)

    def members_to_release(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Yield (program id, member id) of members removed before an instant, not released yet."""
        return self._store.members_to_release(before)

    def mark_released(self, member: Member) -> None:
        """Mark a removed member as released, unless they were removed again since."""
        if member.release_since is not None:
            self._store.mark_released(member)

    def tiktok_state_part(
        self,
        program_id: str,
        member_id: str,
        state: TikTokState | None,
        *,
        active: bool,
        holder: MembershipHolder | None = None,
    ) -> Part:
        """Return the part that writes the state of a TikTok account to its member's item.

        With `active` its condition fails for a member who is not active; with `holder` also if
        another person holds the membership since.
        """
        return self._store.tiktok_state_part(
            program_id, member_id, state, active=active, holder=holder
        )

    @retry_conflicts("Your profile keeps changing. Try again.")
    def change_profile(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        shown_as: ShownAs | None = None,
        alias: str | None = None,
    ) -> Profile:
        """Change the caller's name, time zone, alias, or how they appear on leaderboards.

        A value of None changes nothing; "" removes the alias. No two members have aliases that look
        alike, and nobody takes another member's name for one. Raises the problem
        `invalid_request`: `unknown_time_zone`, `alias_missing`, `alias_taken`.
        """
        if time_zone is not None:
            check_time_zone(time_zone)
        wanted = {"name": name, "time_zone": time_zone, "shown_as": shown_as, "alias": alias}
        named: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
        if not named:
            return self.profile(caller)
        was = self._store.member(caller.program_id, caller.member_id)
        if was is None or was.status is not MemberStatus.ACTIVE:
            raise _not_a_member()
        becomes = replace(was, **named)
        self._check_alias(was, becomes)
        try:
            self._store.change_profile(was, becomes)
        except NameTaken:
            raise _alias_taken() from None
        program = self.settings(caller)
        return Profile(becomes, program)

    def _check_alias(self, was: Member, becomes: Member) -> None:
        if becomes.shown_as is ShownAs.ALIAS and not becomes.alias:
            raise invalid_field(
                "alias", "alias_missing", "Enter the alias you want to appear under."
            )
        if becomes.alias in ("", was.alias):
            return
        if self._store.has_name(becomes.program_id, becomes.alias, becomes.member_id):
            raise _alias_taken()

    def create_program(
        self, name: str, time_zone: str, manager_email: str
    ) -> tuple[Program, Member, bool]:
        """Create a program and invite its first manager; the last value is whether it is new.

        The same name and manager again mean the same program, which stays as it is. Raises
        ValueError for an invalid name, address or zone.
        """
        plain_name = clean_line(name)
        if not 1 <= len(plain_name) <= MAX_NAME_LENGTH:
            raise ValueError(f"A program's name has 1 to {MAX_NAME_LENGTH} characters.")
        if not is_time_zone(time_zone):
            raise ValueError(f"{time_zone!r} is not a time zone. Use a name such as Europe/Berlin.")
        now = self._clock.now()
        program = Program(new_id("prg", now), plain_name, time_zone, now)
        manager = self._new_member(program, manager_email, Role.MANAGER)
        try:
            self._store.create_program(program, manager)
        except Conflict:
            known = self._store.program_created(plain_name, manager.email)
            if known is None:
                raise
            return known, self.invite(known, manager_email, Role.MANAGER)[0], False
        return program, manager, True

    def invite(
        self, program: Program, email: str, role: Role, name: str | None = None
    ) -> tuple[Member, bool]:
        """Invite a person by e-mail; a known member stays as they are, and the flag is False.

        A removed member stays removed: the caller is a command, which may run again without
        anybody thinking of them. Raises ValueError for an invalid address.
        """
        member = self._new_member(program, email, role)
        return self._save(replace(member, name=name or member.name), again=False)

    def save_invitation(self, member: Member) -> tuple[Member, bool]:
        """Save an invited member made by `new_invited_member`; the flag says whether it is new.

        A known member stays as they are; a removed one is invited again, with the id they had.
        """
        return self._save(member, again=True)

    def _save(self, member: Member, *, again: bool) -> tuple[Member, bool]:
        try:
            self._store.invite(member, self._quotas)
        except QuotaUsedUp as used_up:
            known = self._store.member_by_email(member.program_id, member.email)
            if known is not None:
                return known, False
            raise self.quota_problem(member.program_id, used_up.quota) from None
        except Conflict:
            known = self._store.member_by_email(member.program_id, member.email)
            if known is None:
                raise
            if member.invitation and known.invitation == member.invitation:
                return known, True  # by the same request, before
            if again and known.status is MemberStatus.REMOVED:
                return self.reinvite_removed(known, member)
            return known, False
        return member, True

    def reinvite_removed_as(self, removed: Member, role: Role) -> Member:
        """Invite a removed member again, with the id they had.

        Raises problems: `changed_meanwhile` if they are back already, `limit_reached`.
        """
        now = self._clock.now()
        invitation = new_invited_member(removed.program_id, removed.email, role, now)
        member, invited = self.reinvite_removed(removed, invitation)
        if not invited:
            raise changed_meanwhile(removed.email)
        return member

    def reinvite_removed(self, removed: Member, invitation: Member) -> tuple[Member, bool]:
        """Invite a removed member again, with the id they had: one call; False if they are back."""
        for _ in range(MAX_ATTEMPTS):
            if removed.status is not MemberStatus.REMOVED:
                break
            becomes = _reinvited(removed, invitation)
            try:
                self._store.reinvite_removed(removed, becomes, self._quotas)
            except QuotaUsedUp as used_up:
                raise self.quota_problem(removed.program_id, used_up.quota) from None
            except Conflict:
                removed = self._store.member(removed.program_id, removed.member_id) or removed
            else:
                return becomes, True
        return removed, False

    def check_invitations(self, program_id: str, number: int) -> None:
        """Raise the problem `limit_reached` if so many cannot be invited: one call, or none.

        Before any of them is, so that a list is taken as a whole; the invitations themselves are
        counted again.
        """
        if not number:
            return
        members, invitations = self._store.member_counts(program_id, self._clock.now())
        quotas = self._quotas
        if members + number > quotas.members:
            raise quota_reached("members", quotas.members, members)
        if invitations + number > quotas.invitations_a_day:
            raise quota_reached("invitations_a_day", quotas.invitations_a_day, invitations)

    def quota_problem(self, program_id: str, quota: str) -> Problem:
        """Return the problem for a quota that kept a program from inviting, with its use."""
        members, invitations = self._store.member_counts(program_id, self._clock.now())
        if quota == "members":
            return quota_reached(quota, self._quotas.members, members)
        return quota_reached(quota, self._quotas.invitations_a_day, invitations)

    def _new_member(self, program: Program, email: str, role: Role) -> Member:
        return new_invited_member(program.program_id, email, role, self._clock.now())

    def _program_time_zone(self, program_id: str) -> str:
        program = self.cached_program(program_id)
        return program.time_zone if program else "UTC"


def new_invited_member(
    program_id: str, email: str, role: Role, now: datetime, made_id: str | None = None
) -> Member:
    """Return an invited member, not saved yet. Raises ValueError for an invalid address."""
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


def _reinvited(removed: Member, invitation: Member) -> Member:
    """Return a removed member as an invited one, with their id, name, zone and channels."""
    return replace(
        removed,
        status=MemberStatus.INVITED,
        role=invitation.role,
        version=removed.version + 1,
        invited_at=invitation.invited_at,
        invitation=invitation.invitation,
        removed_at=None,
        removed_by=None,
        mail=InvitationMail.WAITING,
    )


def changed_meanwhile(thing: str) -> Problem:
    """Return the problem of a thing that is no longer as its change was planned on."""
    return Problem(
        ProblemCode.CHANGED_MEANWHILE, f"Somebody else has changed {thing} since you saw it."
    )


def check_time_zone(time_zone: str) -> None:
    """Raise the problem `invalid_request` for an unknown time zone."""
    if not is_time_zone(time_zone):
        raise invalid_field(
            "time_zone",
            "unknown_time_zone",
            f"{time_zone!r} is not a time zone. Use a name such as Europe/Berlin.",
        )


def _must_choose_program(invitations: Sequence[Invitation]) -> Problem:
    return Problem(
        ProblemCode.CHOOSE_PROGRAM,
        "You are invited, and nobody but you decides where you belong: accept one invitation. You "
        "may decline the others.",
        members={"invitations": [_invitation_to_dict(each) for each in invitations]},
    )


def _invitation_to_dict(invitation: Invitation) -> dict[str, Any]:
    return {
        "program_id": invitation.program_id,
        "program_name": invitation.program_name,
        "role": invitation.role.value,
        "invited_at": invitation.invited_at.isoformat(),
        "left_before": invitation.left_before,
    }


def _alias_taken() -> Problem:
    return invalid_field(
        "alias",
        "alias_taken",
        "Somebody in the program has this name or alias, or one that looks like it.",
    )


def _not_a_member() -> Problem:
    return Problem(
        ProblemCode.NOT_A_MEMBER,
        "You are signed in, but no program has invited this e-mail address. "
        "Ask the manager of your company's program.",
    )
