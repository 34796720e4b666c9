"""Members in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation import actors
from chalicelib.foundation.identity import Role, ShownAs
from chalicelib.foundation.personal import ERASED_NAME, erased_address
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.sweeps import sweep_due_items
from chalicelib.foundation.table import Delete, Part, Store, Update
from chalicelib.programs.members.model import DueMail, MemberFilter
from chalicelib.programs.model import (
    InvitationMail,
    Member,
    MemberStatus,
    email_search_key,
    name_search_key,
)
from chalicelib.programs.store import (
    MANAGERS,
    TO_MAIL,
    TO_RELEASE,
    CountedIdsItem,
    MemberItem,
    MembershipItem,
    ToMail,
    UniquenessItem,
    address_key,
    alias_change_parts,
    count_members_part,
    email_key,
    forget_mail_actions,
    invitation_parts,
    invited_count_parts,
    member_change_parts,
    member_key,
    of_version,
    schedule_mail_actions,
    set_mail_due_time,
    subject_guard,
    unschedule_mail_actions,
)


class LastManager(Exception):
    """Without this manager nobody could run the program."""


class MemberStore(Store):
    MODELS = (MemberItem, MembershipItem, UniquenessItem, CountedIdsItem)

    def newest(self, program_id: str, before: str | None, count: int) -> Sequence[Member]:
        """List the members invited before the given one, the last invited first: one query."""
        prefix, key = member_key(""), MemberItem.item
        if before:
            # Both ends are in a range; the given one is read, and left out.
            found = self._database.query(
                MemberItem,
                program_id,
                key.between(prefix, member_key(before)),
                scan_index_forward=False,
                consistent_read=True,
                limit=count + 1,
            )
        else:
            found = self._database.query(
                MemberItem,
                program_id,
                key.startswith(prefix),
                scan_index_forward=False,
                consistent_read=True,
                limit=count,
            )
        return [item.to_member() for item in found if item.member_id != before][:count]

    def filtered(
        self, program_id: str, wanted: MemberFilter, beyond: str | None, count: int
    ) -> list[tuple[str, Member]]:
        """List the members that pass a filter, each with their key, beyond the given one: a query.

        By address and by name in their order; else members before managers, the last invited
        first. The indexes follow the table by milliseconds.
        """
        forward, index, key, begins = _index_of(wanted)
        further: Condition = key.startswith(begins)
        if beyond is not None:
            further = key > beyond if forward else key < beyond
        found = self._database.query(
            MemberItem, program_id, further, index=index, scan_index_forward=forward, limit=count
        )
        keyed = ((str(getattr(item, key.attr_name)), item.to_member()) for item in found)
        # Beyond a key there is also what begins otherwise, all of it after what does not.
        return list(takewhile(lambda each: each[0].startswith(begins), keyed))

    def by_email(self, program_id: str, emails: Collection[str]) -> dict[str, Member]:
        """Return the members that have these addresses, by address: two calls for each hundred."""
        guards = self._database.batch_get(
            UniquenessItem, [(program_id, email_key(each)) for each in emails], consistent_read=True
        )
        ids = [guard.owner_member_id for guard in guards if guard.owner_member_id]
        found = self._database.batch_get(
            MemberItem, [(program_id, member_key(each)) for each in ids], consistent_read=True
        )
        return {item.email: item.to_member() for item in found}

    def invite_all(self, members: Sequence[Member], quotas: Quotas) -> None:
        """Save up to 49 invited members of a program, all or none.

        Raises `Conflict` if an address is known, and `QuotaUsedUp`.
        """
        parts = [part for member in members for part in invitation_parts(member)]
        program_id = members[0].program_id
        imported = act(
            Kind.MEMBERS_IMPORTED,
            program_id,
            program_id,
            after={
                "members": [each.member_id for each in members],
                "managers": [each.member_id for each in members if each.role is Role.MANAGER],
            },
        )
        self._database.commit(
            [*parts, *invited_count_parts(members[0], len(members), quotas), imported]
        )

    def change_role(self, member: Member, becomes: Member) -> None:
        """Change a member's role.

        Raises `LastManager`, or `Conflict` if the member has changed since they were read.
        """
        actions = [MemberItem.role.set(becomes.role), MemberItem.version.set(becomes.version)]
        same = of_version(MemberItem.version, member.version)
        self._database.commit(
            [
                *_change_parts(member, becomes, actions, same),
                *_manager_count_parts(member, becomes.role),
                act(
                    Kind.MEMBER_CHANGED,
                    member.program_id,
                    member.member_id,
                    {"role": member.role},
                    {"role": becomes.role},
                ),
            ]
        )

    def remove(self, member: Member, now: datetime, *, left: bool = False) -> None:
        """Remove a member and unbind the person, who may be bound again, here or elsewhere.

        `left`: by their own wish. Raises `LastManager`, or `Conflict` if the member has changed
        since they were read.
        """
        becomes = replace(member, status=MemberStatus.REMOVED)
        more: list[Action] = [MemberItem.left_at.set(now)] if left else []
        if member.subject:
            more.append(MemberItem.last_subject.set(member.subject))
        declined = member.status is MemberStatus.INVITED
        own = Kind.INVITATION_DECLINED if declined else Kind.MEMBER_LEFT
        removed = _act_of(own if left else Kind.MEMBER_REMOVED, member, becomes)
        self._database.commit([*self._removal_parts(member, becomes, now, more), removed])

    def erasure_parts(self, member: Member, now: datetime) -> list[Part]:
        """Return the parts that remove a member, if they are not, and take away who they are.

        A pseudonym stays, by which their ledger and history are known. A later invitation to
        the address is somebody else's. The parts raise `LastManager`, or `Conflict` if the member
        has changed since they were read.
        """
        becomes = replace(
            member,
            status=MemberStatus.REMOVED,
            name=ERASED_NAME,
            email=erased_address(member.member_id),
            shown_as=ShownAs.NAME,
            alias="",
        )
        anonymous: list[Action] = [
            MemberItem.name.set(becomes.name),
            MemberItem.email.set(becomes.email),
            MemberItem.address_key.set(address_key(becomes)),
            MemberItem.erased_at.set(now),
            *(
                attribute.remove()
                for attribute in (
                    MemberItem.time_zone,
                    MemberItem.invitation,
                    MemberItem.mailed_at,
                    MemberItem.last_subject,
                    MemberItem.left_at,
                    MemberItem.shown_as,
                    MemberItem.alias,
                )
            ),
        ]
        guard = UniquenessItem(member.program_id, email_key(member.email))
        mine = UniquenessItem.owner_member_id == member.member_id
        if member.status is MemberStatus.REMOVED:
            parts = _change_parts(member, becomes, anonymous)
        else:
            parts = self._removal_parts(member, becomes, now, anonymous)
        erased = _act_of(Kind.MEMBER_ERASED, member, becomes)
        return [*parts, *alias_change_parts(member, ""), Delete(guard, mine), erased]

    def _removal_parts(
        self, member: Member, becomes: Member, now: datetime, more: Sequence[Action]
    ) -> list[Part]:
        actions: list[Action] = [
            MemberItem.status.set(MemberStatus.REMOVED),
            MemberItem.version.set(member.version + 1),
            MemberItem.removed_at.set(now),
            MemberItem.removed_by.set(actors.current()),
            MemberItem.subject.remove(),
            MemberItem.invited_email.remove(),
            *forget_mail_actions(),
            *more,
        ]
        if member.tiktok:
            # Their TikTok account is to be released; the change must not miss one just added.
            actions += [
                MemberItem.release_in.set(TO_RELEASE),
                MemberItem.release_since.set(now),
            ]
        known = MemberItem.tiktok
        same = known == member.tiktok.value if member.tiktok else known.does_not_exist()
        same &= of_version(MemberItem.version, member.version)
        parts = [
            *_change_parts(member, becomes, actions, same),
            *_manager_count_parts(member, None),
            count_members_part(member.program_id, -1),
        ]
        if member.subject:
            guard = UniquenessItem(*subject_guard(member.subject))
            mine = (UniquenessItem.owner_program_id == member.program_id) & (
                UniquenessItem.owner_member_id == member.member_id
            )
            parts.append(Delete(guard, mine))
        return parts

    def due_mails(self, now: datetime) -> Iterator[DueMail]:
        """Yield the invitations whose mail is due, one of each program in turn."""

        def query(after: str, until: str, count: int) -> list[tuple[str, DueMail]]:
            found = self._database.query(
                MemberItem,
                TO_MAIL,
                ToMail.mail_due.between(after, until),
                limit=count,
                index=MemberItem.to_mail,
            )
            return [(str(item.mail_due), _due_mail(item)) for item in found]

        return sweep_due_items(query, now)

    def begin_mail(self, due: DueMail, then: DueMail) -> bool:
        """Reserve a mail for this run until its next try is due; False if it is no longer due."""
        actions = [
            *set_mail_due_time(due.program_id, due.member_id, then.at),
            MemberItem.mail_tries.set(then.tries),
        ]
        return self._database.update(_member_item(due), actions, MemberItem.mail_at == due.at)

    def end_mail(self, due: DueMail, mail: InvitationMail, at: datetime) -> bool:
        """Keep the outcome of a reserved mail; False if another run has it by now."""
        actions: list[Action] = [MemberItem.mail.set(mail), *unschedule_mail_actions()]
        if mail is InvitationMail.HANDED_OVER:
            actions.append(MemberItem.mailed_at.set(at))
        same = MemberItem.mail_at == due.at
        if mail is not InvitationMail.FAILED:
            return self._database.update(_member_item(due), actions, same)
        failed = act(
            Kind.INVITATION_NOT_MAILED,
            due.program_id,
            due.member_id,
            {"mail": InvitationMail.WAITING},
            {"mail": mail, "tries": due.tries},
        )
        return self._database.update(_member_item(due), actions, same, failed)

    def note_returned(self, member: Member) -> bool:
        """Note that the mail handed over came back; False if they have changed since."""
        item = MemberItem(member.program_id, member_key(member.member_id))
        same = (MemberItem.mail == InvitationMail.HANDED_OVER) & (
            MemberItem.mailed_at == member.mailed_at
        )
        returned = act(
            Kind.INVITATION_NOT_MAILED,
            member.program_id,
            member.member_id,
            {"mail": InvitationMail.HANDED_OVER},
            {"mail": InvitationMail.FAILED},
        )
        return self._database.update(
            item, [MemberItem.mail.set(InvitationMail.FAILED)], same, returned
        )

    def mail_again(self, member: Member, now: datetime) -> bool:
        """Have an invited member mailed again; False if they have changed since they were read."""
        mail, mailed_at = MemberItem.mail, MemberItem.mailed_at
        same: Condition = MemberItem.status == MemberStatus.INVITED
        same &= mail == member.mail.value if member.mail else mail.does_not_exist()
        same &= mailed_at == member.mailed_at if member.mailed_at else mailed_at.does_not_exist()
        item = MemberItem(member.program_id, member_key(member.member_id))
        again = act(
            Kind.INVITATION_MAILED_AGAIN,
            member.program_id,
            member.member_id,
            select_fields(member, ["mail"]),
            {"mail": InvitationMail.WAITING},
        )
        return self._database.update(item, schedule_mail_actions(member, now), same, again)


def _act_of(kind: Kind, member: Member, becomes: Member) -> Part:
    shown = ["status", "role", "tiktok"]
    before, after = select_fields(member, shown), select_fields(becomes, shown)
    return act(kind, member.program_id, member.member_id, before, after)


def _member_item(due: DueMail) -> MemberItem:
    return MemberItem(due.program_id, member_key(due.member_id))


def _due_mail(item: MemberItem) -> DueMail:
    assert item.mail_at is not None  # noqa: S101  whatever is in the index has it
    return DueMail(
        item.program_id, item.member_id, item.email, item.mail_at, int(item.mail_tries or 0)
    )


def _index_of(wanted: MemberFilter) -> tuple[bool, Any, UnicodeAttribute, str]:
    """Return how to query for a filter: in rising order or not, the index, its key, its prefix."""
    if wanted.email is not None:
        return True, MemberItem.by_email, MemberItem.address_key, email_search_key(wanted.email)
    if wanted.name is not None:
        return True, MemberItem.by_name, MemberItem.name_key, name_search_key(wanted.name)
    status = wanted.status or MemberStatus.ACTIVE
    prefix = f"{status.value}#{wanted.role.value}#" if wanted.role else f"{status.value}#"
    return False, MemberItem.by_standing, MemberItem.standing, prefix


def _change_parts(
    member: Member, becomes: Member, actions: Sequence[Action], also: Condition | None = None
) -> list[Part]:
    # Removed, invited again and bound meanwhile, they look the same and are another person.
    subject = MemberItem.subject
    bound = subject == member.subject if member.subject else subject.does_not_exist()
    return member_change_parts(member, becomes, actions, bound if also is None else bound & also)


def _manager_count_parts(member: Member, becomes: Role | None) -> list[Part]:
    """Return the parts that count active managers after a change of role; one must stay.

    An invited manager does not count: they might never come.
    """
    if member.status is not MemberStatus.ACTIVE or becomes is member.role:
        return []
    ids, mine = CountedIdsItem.ids, {member.member_id}
    counted = CountedIdsItem(member.program_id, MANAGERS)
    if becomes is Role.MANAGER:
        return [Update(counted, [ids.add(mine)])]
    if member.role is Role.MANAGER:
        others = ids.contains(member.member_id) & (size(ids) > 1)
        return [Update(counted, [ids.delete(mine)], others, LastManager)]
    return []
