"""Members in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.foundation.identity import Role
from chalicelib.foundation.table import Delete, Part, Update, bind, changed, commit
from chalicelib.programs.members.model import Due, Sought
from chalicelib.programs.model import (
    InvitationMail,
    Member,
    MemberStatus,
    sought_email,
    sought_name,
)
from chalicelib.programs.store import (
    DEPARTING,
    MANAGERS,
    TO_MAIL,
    CountItem,
    GuardItem,
    MemberItem,
    MembershipItem,
    ToMail,
    change_of,
    email_key,
    invitation,
    mail_due,
    member_key,
    no_mail_now,
    no_more_mail,
    subject_guard,
)

_PAGE = 100


class LastManager(Exception):
    """Without this manager nobody could run the program."""


class MemberStore:
    def __init__(self, table_name: str) -> None:
        for model in (MemberItem, MembershipItem, GuardItem, CountItem):
            bind(model, table_name)

    def newest(self, program_id: str, before: str | None, count: int) -> Sequence[Member]:
        """List members, those invited last first, from before the given one on: one query."""
        prefix, key = member_key(""), MemberItem.item
        if before:
            # Both ends are in a range; the given one is read, and left out.
            found = MemberItem.query(
                program_id,
                key.between(prefix, member_key(before)),
                scan_index_forward=False,
                consistent_read=True,
                limit=count + 1,
            )
        else:
            found = MemberItem.query(
                program_id,
                key.startswith(prefix),
                scan_index_forward=False,
                consistent_read=True,
                limit=count,
            )
        return [item.to_member() for item in found if item.member_id != before][:count]

    def found(
        self, program_id: str, sought: Sought, beyond: str | None, count: int
    ) -> list[tuple[str, Member]]:
        """Find members, each with their key, from beyond the given key on: one query.

        By address and by name in their order; else members before managers, those invited last
        first. The indexes follow the table by milliseconds.
        """
        forward, index, key, begins = _way(sought)
        further: Condition = key.startswith(begins)
        if beyond is not None:
            further = key > beyond if forward else key < beyond
        found = index.query(program_id, further, scan_index_forward=forward, limit=count)
        keyed = ((str(getattr(item, key.attr_name)), item.to_member()) for item in found)
        # Beyond a key there is also what begins otherwise, all of it after what does not.
        return list(takewhile(lambda each: each[0].startswith(begins), keyed))

    def by_email(self, program_id: str, emails: Collection[str]) -> dict[str, Member]:
        """Read whom the program knows of these addresses: two calls for each hundred."""
        guards = GuardItem.batch_get(
            [(program_id, email_key(each)) for each in emails], consistent_read=True
        )
        ids = [guard.owner_member_id for guard in guards if guard.owner_member_id]
        found = MemberItem.batch_get(
            [(program_id, member_key(each)) for each in ids], consistent_read=True
        )
        return {item.email: item.to_member() for item in found}

    def invite_all(self, members: Sequence[Member]) -> None:
        """Put up to 50 invited members, all or none. Raises `Conflict` if one's e-mail is known."""
        commit([part for member in members for part in invitation(member)])

    def change_role(self, member: Member, role: Role) -> None:
        """Make a manager of a member, or the other way round.

        Raises `LastManager`, or `Conflict` if the member is no longer what was read.
        """
        becomes = replace(member, role=role)
        commit(
            [
                *_change(member, becomes, [MemberItem.role.set(role.value)]),
                *_counting(member, role),
            ]
        )

    def remove(self, member: Member, now: datetime) -> None:
        """Remove a member and let the person go: they may be bound again, here or elsewhere.

        Raises `LastManager`, or `Conflict` if the member is no longer what was read.
        """
        actions: list[Action] = [
            MemberItem.status.set(MemberStatus.REMOVED.value),
            MemberItem.removed_at.set(now),
            MemberItem.subject.remove(),
            MemberItem.invited_email.remove(),
            *no_mail_now(),
        ]
        if member.tiktok:
            # Who has a TikTok account is to be let go of; the change must not miss one just added.
            actions += [
                MemberItem.departing_in.set(DEPARTING),
                MemberItem.departing_at.set(now),
            ]
        known = MemberItem.tiktok
        same = known == member.tiktok.value if member.tiktok else known.does_not_exist()
        becomes = replace(member, status=MemberStatus.REMOVED)
        parts = [*_change(member, becomes, actions, same), *_counting(member, None)]
        if member.subject:
            guard = GuardItem(*subject_guard(member.subject))
            mine = (GuardItem.owner_program_id == member.program_id) & (
                GuardItem.owner_member_id == member.member_id
            )
            parts.append(Delete(guard, mine))
        commit(parts)

    def to_mail(self, now: datetime) -> Iterator[Due]:
        """Walk the invitations whose mail is due, what is due longest first."""
        found = MemberItem.to_mail.query(TO_MAIL, ToMail.mail_at <= now, page_size=_PAGE)
        return (
            Due(item.program_id, item.member_id, item.email, item.mail_at, int(item.mail_tries))
            for item in found
        )

    def begin_mail(self, due: Due, then: Due) -> bool:
        """Take a mail upon oneself until its next try is due; False if it is no longer due."""
        actions: list[Action] = [
            MemberItem.mail_at.set(then.at),
            MemberItem.mail_tries.set(then.tries),
        ]
        return changed(_whom(due), actions, MemberItem.mail_at == due.at)

    def end_mail(self, due: Due, mail: InvitationMail, at: datetime) -> bool:
        """Keep what became of a mail that was taken; False if somebody else has it by now."""
        actions: list[Action] = [MemberItem.mail.set(mail.value), *no_more_mail()]
        if mail is InvitationMail.HANDED_OVER:
            actions.append(MemberItem.mailed_at.set(at))
        return changed(_whom(due), actions, MemberItem.mail_at == due.at)

    def mail_again(self, member: Member, now: datetime) -> bool:
        """Have an invited member mailed once more; False if they are not what was read."""
        mail, mailed_at = MemberItem.mail, MemberItem.mailed_at
        same: Condition = MemberItem.status == MemberStatus.INVITED.value
        same &= mail == member.mail.value if member.mail else mail.does_not_exist()
        same &= mailed_at == member.mailed_at if member.mailed_at else mailed_at.does_not_exist()
        item = MemberItem(member.program_id, member_key(member.member_id))
        return changed(item, mail_due(now), same)


def _whom(due: Due) -> MemberItem:
    return MemberItem(due.program_id, member_key(due.member_id))


def _way(sought: Sought) -> tuple[bool, Any, UnicodeAttribute, str]:
    """Tell how members are found: whether in rising order, the index, its key, how that begins."""
    if sought.email is not None:
        return True, MemberItem.by_email, MemberItem.address_key, sought_email(sought.email)
    if sought.name is not None:
        return True, MemberItem.by_name, MemberItem.name_key, sought_name(sought.name)
    status = sought.status or MemberStatus.ACTIVE
    begins = f"{status.value}#{sought.role.value}#" if sought.role else f"{status.value}#"
    return False, MemberItem.by_standing, MemberItem.standing, begins


def _change(
    member: Member, becomes: Member, actions: Sequence[Action], also: Condition | None = None
) -> list[Part]:
    # Removed, invited and bound again meanwhile, they look the same and are another's.
    subject = MemberItem.subject
    bound = subject == member.subject if member.subject else subject.does_not_exist()
    return change_of(member, becomes, actions, bound if also is None else bound & also)


def _counting(member: Member, becomes: Role | None) -> list[Part]:
    """Parts: count an active manager who becomes one or no longer is; there must stay one.

    Who was invited and never came does not count: they might never come.
    """
    if member.status is not MemberStatus.ACTIVE or becomes is member.role:
        return []
    ids, mine = CountItem.ids, {member.member_id}
    counted = CountItem(member.program_id, MANAGERS)
    if becomes is Role.MANAGER:
        return [Update(counted, [ids.add(mine)])]
    if member.role is Role.MANAGER:
        others = ids.contains(member.member_id) & (size(ids) > 1)
        return [Update(counted, [ids.delete(mine)], others, LastManager)]
    return []
