"""Use cases of members, for managers: invite, import, change roles, remove."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from math import ceil
from typing import Any

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import check_version, retry_conflicts
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import (
    FieldError,
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.table import Conflict, Part
from chalicelib.programs.members.model import MemberFilter
from chalicelib.programs.members.roster import (
    Invitee,
    RosterRow,
    RosterUnreadable,
    RowError,
    RowOutcome,
    RowResult,
    bare_address,
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
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import (
    ProgramService,
    changed_meanwhile,
    new_invited_member,
)
from chalicelib.programs.store import QuotaUsedUp

_LIST_NAME = "members"
MAX_PER_TRANSACTION = 25  # people in one transaction, with two items each


class MemberService:
    def __init__(
        self,
        store: MemberStore,
        programs: ProgramService,
        cursors: Cursors,
        clock: Clock,
        quotas: Quotas = Quotas(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._programs = programs
        self._cursors = cursors
        self._clock = clock
        self._quotas = quotas

    def members(self, caller: Caller, limit: int, cursor: str | None) -> Page[Member]:
        """List members, last invited first, removed ones too. One query."""
        return self._cursors.page(
            caller.program_id,
            _LIST_NAME,
            cursor,
            limit,
            fetch=lambda at, count: self._store.newest(caller.program_id, at.get("before"), count),
            position_of=lambda last: {"before": last.member_id},
        )

    def filtered_members(
        self, caller: Caller, wanted: MemberFilter, limit: int, cursor: str | None
    ) -> Page[Member]:
        """List the members that pass a filter, removed ones too if it does not exclude them.

        One query, however many members there are; a member who was invited or changed a moment ago
        may be missing. By ids one batch get, in the order of the ids. Raises problems:
        `invalid_request` for two criteria at once, `invalid_cursor`.
        """
        if len(wanted.criteria) > 1:
            raise invalid_field(
                wanted.criteria[1],
                "one_way_at_a_time",
                "Look for members by ids, e-mail, name, or status and role: one of the four.",
            )
        if wanted.ids:
            return self._members_of_ids(caller, wanted, limit, cursor)

        def fetch(at: dict[str, Any], count: int) -> Sequence[tuple[str, Member]]:
            beyond = urlsafe_b64decode(at["beyond"]).decode() if at else None
            return self._store.filtered(caller.program_id, wanted, beyond, count)

        page = self._cursors.page(
            caller.program_id,
            f"{_LIST_NAME}/{_fingerprint(wanted)}",
            cursor,
            limit,
            fetch=fetch,
            # JSON would escape the key
            position_of=lambda last: {"beyond": urlsafe_b64encode(last[0].encode()).decode()},
        )
        return Page(tuple(member for _, member in page.items), page.next_cursor)

    def _members_of_ids(
        self, caller: Caller, wanted: MemberFilter, limit: int, cursor: str | None
    ) -> Page[Member]:
        def fetch(at: dict[str, Any], count: int) -> Sequence[Member]:
            left = wanted.ids[wanted.ids.index(at["beyond"]) + 1 :] if at else wanted.ids
            found = self._programs.members_by_id(caller.program_id, left)
            return [found[each] for each in left if each in found][:count]

        return self._cursors.page(
            caller.program_id,
            f"{_LIST_NAME}/{_fingerprint(wanted)}",
            cursor,
            limit,
            fetch=fetch,
            position_of=lambda last: {"beyond": last.member_id},
        )

    def member(self, caller: Caller, member_id: str) -> Member:
        """Read a member. Raises the problem `not_found`."""
        member = self._programs.member(caller.program_id, member_id)
        if member is None:
            raise not_found("member")
        return member

    def invite(
        self, caller: Caller, email: str, name: str | None, role: Role, made_id: str | None = None
    ) -> Member:
        """Invite a person by e-mail; a removed member is invited again, with the id they had.

        Raises problems: `invalid_request` for an address that is none, `already_a_member`.
        """
        try:
            member = new_invited_member(
                caller.program_id, bare_address(email), role, self._clock.now(), made_id
            )
        except ValueError as error:
            raise invalid_field("email", "invalid_email", str(error)) from None
        kept, new = self._programs.save_invitation(replace(member, name=name or member.name))
        if not new:
            raise Problem(
                ProgramProblem.ALREADY_A_MEMBER,
                f"{kept.email} is already in the program, as {kept.role.value} ({kept.status}).",
                members={"member_id": kept.member_id},
            )
        return kept

    @retry_conflicts("This member keeps changing. Try again.")
    def mail_invitation_again(self, caller: Caller, member_id: str) -> Member:
        """Have the invitation mailed again to a member who has not signed in yet.

        A mail that is waiting already stays as it is. Raises problems: `not_found`,
        `member_removed`, `already_a_member` for a member who has signed in, `changed_meanwhile`,
        and `too_many_requests` with `retry_at` for one who was mailed a moment ago.
        """
        member, now = self.member(caller, member_id), self._clock.now()
        if member.status is MemberStatus.REMOVED:
            raise _member_removed()
        if member.status is MemberStatus.ACTIVE:
            raise Problem(
                ProgramProblem.ALREADY_A_MEMBER,
                f"{member.email} has already signed in.",
                members={"member_id": member.member_id},
            )
        if member.mail is InvitationMail.WAITING:
            return member
        retry_at = mail_due_at(now, member.mailed_at)
        if retry_at > now:
            raise _mailed_too_recently(member, retry_at, caller, now)
        if not self._store.mail_again(member, now):
            raise Conflict
        return replace(member, mail=InvitationMail.WAITING)

    def import_roster(self, caller: Caller, text: str) -> list[RowResult]:
        """Invite everybody in a CSV file, as `read_roster` reads it, and report on each row.

        A member of the program stays as they are, so a file may be sent twice; what
        breaks halfway is done by sending it again. Raises the problem `invalid_request` for a file
        that cannot be read, and `limit_reached` for one with more people, new or removed before,
        than may be invited: then nobody of it is.
        """
        try:
            rows = read_roster(text)
        except RosterUnreadable as error:
            told = FieldError("csv", error.code, error.message, error.limit)
            raise Problem(ProblemCode.INVALID_REQUEST, error.message, (told,)) from error
        invitees = {
            row.content.email: row.content for row in rows if isinstance(row.content, Invitee)
        }
        known = self._store.by_email(caller.program_id, invitees.keys())
        now = self._clock.now()
        new = [
            _new_member_of(caller, invitee, now)
            for email, invitee in invitees.items()
            if email not in known
        ]
        back = [each for each in known.values() if each.status is MemberStatus.REMOVED]
        self._programs.check_invitations(caller.program_id, len(new) + len(back))
        invited = self._invite_all(new)
        return [self._result(caller, row, known, invited, now) for row in rows]

    def _invite_all(self, members: list[Member]) -> dict[str, tuple[Member, bool]]:
        invited: dict[str, tuple[Member, bool]] = {}
        for start in range(0, len(members), MAX_PER_TRANSACTION):
            chunk = members[start : start + MAX_PER_TRANSACTION]
            try:
                self._store.invite_all(chunk, self._quotas)
            except QuotaUsedUp as used_up:
                program_id = chunk[0].program_id
                raise self._programs.quota_problem(program_id, used_up.quota) from None
            except Conflict:
                # Somebody invited one of them at this moment: each by themselves then.
                invited |= {each.email: self._programs.save_invitation(each) for each in chunk}
            else:
                invited |= {each.email: (each, True) for each in chunk}
        return invited

    def _result(
        self,
        caller: Caller,
        row: RosterRow,
        known: dict[str, Member],
        invited: dict[str, tuple[Member, bool]],
        now: datetime,
    ) -> RowResult:
        invitee = row.content
        if isinstance(invitee, RowError):
            return RowResult(row.line, row.email, RowOutcome.PROBLEM, error=invitee)
        if invitee.email in invited:
            member, new = invited[invitee.email]
        elif known[invitee.email].status is MemberStatus.REMOVED:
            back = _new_member_of(caller, invitee, now)
            member, new = self._programs.reinvite_removed(known[invitee.email], back)
        else:
            member, new = known[invitee.email], False
        outcome = RowOutcome.INVITED if new else RowOutcome.ALREADY_A_MEMBER
        return RowResult(row.line, row.email, outcome, member)

    @retry_conflicts("This member keeps changing. Try again.")
    def change_role(
        self,
        caller: Caller,
        member_id: str,
        role: Role,
        version: int | None = None,
        expected: Member | None = None,
    ) -> Member:
        """Change the role of a member, also of one who is only invited.

        With a `version` the member must have that; with `expected`, role and status must be as
        they were there.

        Raises problems: `not_found`, `changed_meanwhile` (with the `version` they have now),
        `member_removed`, `last_manager`.
        """
        member = self.member(caller, member_id)
        check_version("this member", member.version, version)
        _require_expected(member, expected)
        if member.status is MemberStatus.REMOVED:
            raise _member_removed()
        if member.role is role:
            return member
        becomes = replace(member, role=role, version=member.version + 1)
        try:
            self._store.change_role(member, becomes)
        except LastManager:
            raise _last_manager() from None
        return becomes

    @retry_conflicts("This member keeps changing. Try again.")
    def remove(self, caller: Caller, member_id: str, expected: Member | None = None) -> None:
        """Remove a member, whose ledger and history are kept; a removed member stays so.

        Their next request is refused. With `expected`, role and status must be as they were there.
        Raises problems: `not_found`, `last_manager`, `changed_meanwhile`.
        """
        member = self.member(caller, member_id)
        _require_expected(member, expected)
        if member.status is MemberStatus.REMOVED:
            return
        try:
            self._store.remove(member, self._clock.now())
        except LastManager:
            raise _last_manager() from None

    def erase(self, member: Member, now: datetime, also: Sequence[Part]) -> None:
        """Take a member's identity away, and remove them if they are not, together with `also`.

        Raises the problem `last_manager`, `Conflict` if the member has changed since they were
        read, and what a part of `also` raises.
        """
        try:
            self._store.commit([*also, *self._store.erasure_parts(member, now)])
        except LastManager:
            raise _last_manager() from None


def _fingerprint(wanted: MemberFilter) -> str:
    """Return a short name of a filter: its cursors are good for nothing else."""
    return sha256(repr(wanted).encode()).hexdigest()[:16]


def _new_member_of(caller: Caller, invitee: Invitee, now: datetime) -> Member:
    member = new_invited_member(caller.program_id, invitee.email, invitee.role, now)
    return replace(member, name=invitee.name or member.name)


def _require_expected(member: Member, expected: Member | None) -> None:
    if expected and (member.role, member.status) != (expected.role, expected.status):
        raise changed_meanwhile(member.email)


def _member_removed() -> Problem:
    return Problem(
        ProgramProblem.MEMBER_REMOVED,
        "This person was removed from the program. Invite them by their address first.",
    )


def _mailed_too_recently(
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
        ProgramProblem.LAST_MANAGER,
        "This is the program's last manager who has signed in. Make somebody else a manager, let "
        "them sign in, and try again.",
    )
