"""What managers do with members: invite, import, give roles, remove."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from math import ceil

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import (
    FieldError,
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)
from chalicelib.foundation.table import Conflict
from chalicelib.programs.members.model import (
    Flaw,
    Outcome,
    Person,
    Reported,
    RosterLine,
    RosterUnreadable,
    Sought,
    read_roster,
)
from chalicelib.programs.members.store import LastManager, MemberStore
from chalicelib.programs.model import (
    InvitationMail,
    Member,
    MemberStatus,
    local_time,
    mail_due_at,
)
from chalicelib.programs.service import ProgramService, invited

_LIST = "members"
_ATTEMPTS = 4
AT_ONCE = 25  # people in one transaction, with two items each


class MemberService:
    def __init__(
        self, store: MemberStore, programs: ProgramService, cursors: Cursors, clock: Clock
    ) -> None:
        self._store = store
        self._programs = programs
        self._cursors = cursors
        self._clock = clock

    def members(self, caller: Caller, limit: int, cursor: str | None) -> Page[Member]:
        """List members, removed ones too, those invited first last. One query."""
        before = None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, _LIST, cursor)["before"])
        found = self._store.newest(caller.program_id, before, limit + 1)
        page = tuple(found[:limit])
        last = {"before": page[-1].member_id} if len(found) > limit else None
        return Page(page, self._cursors.make(caller.program_id, _LIST, last) if last else None)

    def found(self, caller: Caller, sought: Sought, limit: int, cursor: str | None) -> Page[Member]:
        """List the members that are looked for, removed ones too if nothing else is said.

        One query, however many members there are; who was invited or changed a moment ago may be
        missing. Raises problems: `invalid_request` for two ways at once, `invalid_cursor`.
        """
        if len(sought.ways) > 1:
            raise invalid_field(
                sought.ways[1],
                "one_way_at_a_time",
                "Look for members by e-mail, by name, or by status and role: one of the three.",
            )
        listing, beyond = f"{_LIST}/{_fingerprint(sought)}", None
        if cursor is not None:
            kept = self._cursors.read(caller.program_id, listing, cursor)["beyond"]
            beyond = urlsafe_b64decode(str(kept)).decode()
        found = self._store.found(caller.program_id, sought, beyond, limit + 1)
        page = found[:limit]
        following = None
        if len(found) > limit:
            kept = urlsafe_b64encode(page[-1][0].encode()).decode()  # JSON would escape it
            following = self._cursors.make(caller.program_id, listing, {"beyond": kept})
        return Page(tuple(member for _, member in page), following)

    def member(self, caller: Caller, member_id: str) -> Member:
        """Read a member. Raises the problem `not_found`."""
        member = self._programs.member(caller.program_id, member_id)
        if member is None:
            raise not_found("member")
        return member

    def invite(
        self, caller: Caller, email: str, name: str | None, role: Role, made_id: str | None = None
    ) -> Member:
        """Invite a person by e-mail, or invite again somebody who was removed, as who they were.

        Raises problems: `invalid_request` for an address that is none, `already_a_member`.
        """
        try:
            member = invited(caller.program_id, email, role, self._clock.now(), made_id)
        except ValueError as error:
            raise invalid_field("email", "invalid_email", str(error)) from None
        kept, new = self._programs.invite_as(replace(member, name=name or member.name))
        if not new:
            raise Problem(
                ProblemCode.ALREADY_A_MEMBER,
                f"{kept.email} is in the program already, as {kept.role.value} ({kept.status}).",
                members={"member_id": kept.member_id},
            )
        return kept

    def invite_again(self, caller: Caller, member_id: str) -> Member:
        """Have somebody who was invited and never came mailed once more.

        Whose mail is waiting stays as they are. Raises problems: `not_found`, `member_removed`,
        `already_a_member` for who has signed in, `changed_meanwhile`, and `too_many_requests` with
        `retry_at` for who was mailed a moment ago.
        """
        for _ in range(_ATTEMPTS):
            member, now = self.member(caller, member_id), self._clock.now()
            if member.status is MemberStatus.REMOVED:
                raise _removed()
            if member.status is MemberStatus.ACTIVE:
                raise Problem(
                    ProblemCode.ALREADY_A_MEMBER,
                    f"{member.email} has signed in already.",
                    members={"member_id": member.member_id},
                )
            if member.mail is InvitationMail.WAITING:
                return member
            retry_at = mail_due_at(now, member.mailed_at)
            if retry_at > now:
                raise _mailed_too_lately(member, retry_at, caller, now)
            if self._store.mail_again(member, now):
                return replace(member, mail=InvitationMail.WAITING)
        raise _changed_meanwhile()

    def import_roster(self, caller: Caller, text: str) -> list[Reported]:
        """Invite everybody in a CSV file, as `read_roster` reads it, and report on each line.

        Who is in the program already stays as they are, so a file may be sent twice; what breaks
        halfway is done by sending it again. Raises the problem `invalid_request` for a file that
        cannot be read.
        """
        try:
            lines = read_roster(text)
        except RosterUnreadable as error:
            told = FieldError("csv", error.code, error.message, error.limit)
            raise Problem(ProblemCode.INVALID_REQUEST, error.message, (told,)) from error
        people = {line.means.email for line in lines if isinstance(line.means, Person)}
        known = self._store.by_email(caller.program_id, people)
        now = self._clock.now()
        fresh = {
            line.means.email: _to_invite(caller, line.means, now)
            for line in lines
            if isinstance(line.means, Person) and line.means.email not in known
        }
        kept = self._invite_all(list(fresh.values()))
        return [self._reported(caller, line, known, kept, now) for line in lines]

    def _invite_all(self, members: list[Member]) -> dict[str, tuple[Member, bool]]:
        kept: dict[str, tuple[Member, bool]] = {}
        for start in range(0, len(members), AT_ONCE):
            chunk = members[start : start + AT_ONCE]
            try:
                self._store.invite_all(chunk)
            except Conflict:
                # Somebody invited one of them at this moment: each by themselves then.
                kept |= {each.email: self._programs.invite_as(each) for each in chunk}
            else:
                kept |= {each.email: (each, True) for each in chunk}
        return kept

    def _reported(
        self,
        caller: Caller,
        line: RosterLine,
        known: dict[str, Member],
        kept: dict[str, tuple[Member, bool]],
        now: datetime,
    ) -> Reported:
        means = line.means
        if isinstance(means, Flaw):
            return Reported(line.line, line.email, Outcome.PROBLEM, flaw=means)
        if means.email in kept:
            member, new = kept[means.email]
        elif known[means.email].status is MemberStatus.REMOVED:
            back = _to_invite(caller, means, now)
            member, new = self._programs.bring_back(known[means.email], back)
        else:
            member, new = known[means.email], False
        outcome = Outcome.INVITED if new else Outcome.ALREADY_A_MEMBER
        return Reported(line.line, line.email, outcome, member)

    def change_role(self, caller: Caller, member_id: str, role: Role) -> Member:
        """Make a manager of a member, or the other way round; also of who is only invited.

        Raises problems: `not_found`, `member_removed`, `last_manager`, `changed_meanwhile`.
        """
        for _ in range(_ATTEMPTS):
            member = self.member(caller, member_id)
            if member.status is MemberStatus.REMOVED:
                raise _removed()
            if member.role is role:
                return member
            try:
                self._store.change_role(member, role)
            except LastManager:
                raise _last_manager() from None
            except Conflict:
                continue
            return replace(member, role=role)
        raise _changed_meanwhile()

    def remove(self, caller: Caller, member_id: str) -> None:
        """Remove a member; who was removed stays so. Their ledger and history are kept.

        From their next request on they are nobody here. Raises problems: `not_found`,
        `last_manager`, `changed_meanwhile`.
        """
        for _ in range(_ATTEMPTS):
            member = self.member(caller, member_id)
            if member.status is MemberStatus.REMOVED:
                return
            try:
                self._store.remove(member, self._clock.now())
            except LastManager:
                raise _last_manager() from None
            except Conflict:
                continue
            return
        raise _changed_meanwhile()


def _fingerprint(sought: Sought) -> str:
    """Name what is looked for, in few characters: its cursors are good for nothing else."""
    return sha256(repr(sought).encode()).hexdigest()[:16]


def _to_invite(caller: Caller, person: Person, now: datetime) -> Member:
    member = invited(caller.program_id, person.email, person.role, now)
    return replace(member, name=person.name or member.name)


def _removed() -> Problem:
    return Problem(
        ProblemCode.MEMBER_REMOVED,
        "This person was removed from the program. Invite them by their address first.",
    )


def _mailed_too_lately(
    member: Member, retry_at: datetime, caller: Caller, now: datetime
) -> Problem:
    local = local_time(retry_at, caller.time_zone)
    return Problem(
        ProblemCode.TOO_MANY_REQUESTS,
        f"{member.email} was mailed a moment ago. You can have it sent again from "
        f"{local:%H:%M:%S} on.",
        members={"retry_at": retry_at.isoformat(), "retry_at_local": local.isoformat()},
        headers={"Retry-After": str(ceil((retry_at - now).total_seconds()))},
    )


def _last_manager() -> Problem:
    return Problem(
        ProblemCode.LAST_MANAGER,
        "This is the program's last manager who has signed in. Make somebody else a manager, let "
        "them sign in, and try again.",
    )


def _changed_meanwhile() -> Problem:
    return Problem(ProblemCode.CHANGED_MEANWHILE, "This member keeps changing. Try again.")
