"""The programs table: programs, members, and the guards that keep names and people unique.

The parts of the room (`members`, `channels`, `campaigns`) have stores of their own on these items.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    LeanModel,
    Part,
    Put,
    Read,
    Update,
    bind,
    changed,
    commit,
)
from chalicelib.programs.model import (
    Campaign,
    Channel,
    ChannelKind,
    ChannelMember,
    InvitationMail,
    Member,
    MemberStatus,
    Program,
    mail_due_at,
    normalized_name,
    sought_email,
    sought_name,
)

_PROGRAM = "program"
MANAGERS = "managers"
CHANNELS = "channels"
DEPARTING = "departing"
TO_MAIL = "to_mail"

_PAGE = 100


def member_key(member_id: str) -> str:
    return f"member#{member_id}"


def channel_key(channel_id: str) -> str:
    return f"channel#{channel_id}"


def people_key(program_id: str, channel_id: str) -> str:
    """Make the key under which a channel's people lie."""
    return f"{program_id}/{channel_key(channel_id)}"


def campaign_key(campaign_id: str) -> str:
    return f"campaign#{campaign_id}"


class ProgramItem(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    leaderboard = BooleanAttribute(default=True)
    rewards = BooleanAttribute(default=True)
    disclosure = UnicodeAttribute(default="")
    managers_on_leaderboard = BooleanAttribute(default=True)

    def to_program(self) -> Program:
        return Program(
            program_id=self.program_id,
            name=self.name,
            time_zone=self.time_zone,
            created_at=self.created_at,
            leaderboard=self.leaderboard,
            rewards=self.rewards,
            disclosure=self.disclosure,
            managers_on_leaderboard=self.managers_on_leaderboard,
        )


class BySubject(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_subject"
        projection = AllProjection()

    subject = UnicodeAttribute(hash_key=True)


class ByInvitedEmail(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_invited_email"
        projection = AllProjection()

    invited_email = UnicodeAttribute(hash_key=True)
    invited_at = UTCDateTimeAttribute(range_key=True)


class ByEmail(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_email"
        projection = AllProjection()

    program_id = UnicodeAttribute(hash_key=True)
    address_key = UnicodeAttribute(range_key=True)


class ByName(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_name"
        projection = AllProjection()

    program_id = UnicodeAttribute(hash_key=True)
    name_key = UnicodeAttribute(range_key=True)


class ByStanding(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_standing"
        projection = AllProjection()

    program_id = UnicodeAttribute(hash_key=True)
    standing = UnicodeAttribute(range_key=True)


class Departing(GlobalSecondaryIndex["MemberItem"]):
    """Sparse: who was removed and not yet let go of, by when."""

    class Meta:
        index_name = "departing"
        projection = IncludeProjection(["member_id"])

    departing_in = UnicodeAttribute(hash_key=True)
    departing_at = UTCDateTimeAttribute(range_key=True)


class ToMail(GlobalSecondaryIndex["MemberItem"]):
    """Sparse: who is invited and not yet mailed, by when that is due."""

    class Meta:
        index_name = "to_mail"
        projection = IncludeProjection(["member_id", "email", "mail_tries"])

    mail_in = UnicodeAttribute(hash_key=True)
    mail_at = UTCDateTimeAttribute(range_key=True)


class MemberItem(LeanModel):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    member_id = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    time_zone = UnicodeAttribute(null=True)
    invited_at = UTCDateTimeAttribute()
    subject = UnicodeAttribute(null=True)
    invited_email = UnicodeAttribute(null=True)
    invitation = UnicodeAttribute(null=True)
    removed_at = UTCDateTimeAttribute(null=True)
    departing_in = UnicodeAttribute(null=True)
    departing_at = UTCDateTimeAttribute(null=True)
    mail = UnicodeAttribute(null=True)
    mailed_at = UTCDateTimeAttribute(null=True)
    mail_in = UnicodeAttribute(null=True)
    mail_at = UTCDateTimeAttribute(null=True)
    mail_tries = NumberAttribute(null=True)
    tiktok = UnicodeAttribute(null=True)
    channels = UnicodeSetAttribute(null=True)
    address_key = UnicodeAttribute(null=True)
    name_key = UnicodeAttribute(null=True)
    standing = UnicodeAttribute(null=True)
    by_subject = BySubject()
    by_invited_email = ByInvitedEmail()
    by_email = ByEmail()
    by_name = ByName()
    by_standing = ByStanding()
    departing = Departing()
    to_mail = ToMail()

    def to_member(self) -> Member:
        return Member(
            program_id=self.program_id,
            member_id=self.member_id,
            email=self.email,
            name=self.name,
            role=Role(self.role),
            status=MemberStatus(self.status),
            time_zone=self.time_zone or "",
            invited_at=self.invited_at,
            tiktok=TikTokState(self.tiktok) if self.tiktok else None,
            channels=frozenset(self.channels or ()),
            subject=self.subject,
            invitation=self.invitation,
            removed_at=self.removed_at,
            departing_at=self.departing_at,
            mail=InvitationMail(self.mail) if self.mail else None,
            mailed_at=self.mailed_at,
        )


class ChannelItem(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    channel_id = UnicodeAttribute()
    name = UnicodeAttribute()
    kind = UnicodeAttribute()
    archived = BooleanAttribute()

    def to_channel(self) -> Channel:
        return Channel(
            program_id=self.program_id,
            channel_id=self.channel_id,
            name=self.name,
            kind=ChannelKind(self.kind),
            archived=self.archived,
        )


class MembershipItem(Model):
    """One member in one channel: the other side of the channels on the member's own item.

    It has a copy of what the channel shows of them, written with whatever changes it. The copy's
    names are its own: what looks for changed members in the table's stream passes it over.
    """

    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    member_id = UnicodeAttribute()
    member_email = UnicodeAttribute()
    member_name = UnicodeAttribute()
    member_role = UnicodeAttribute()
    member_status = UnicodeAttribute()

    @classmethod
    def of(cls, channel_id: str, member: ChannelMember) -> "MembershipItem":
        return cls(
            people_key(member.program_id, channel_id),
            member_key(member.member_id),
            member_id=member.member_id,
            member_email=member.email,
            member_name=member.name,
            member_role=member.role.value,
            member_status=member.status.value,
        )

    def to_channel_member(self) -> ChannelMember:
        return ChannelMember(
            program_id=self.program_id.partition("/")[0],
            member_id=self.member_id,
            email=self.member_email,
            name=self.member_name,
            role=Role(self.member_role),
            status=MemberStatus(self.member_status),
        )


class CampaignItem(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    campaign_id = UnicodeAttribute()
    name = UnicodeAttribute()
    archived = BooleanAttribute()
    created_at = UTCDateTimeAttribute()

    def to_campaign(self) -> Campaign:
        return Campaign(
            program_id=self.program_id,
            campaign_id=self.campaign_id,
            name=self.name,
            archived=self.archived,
            created_at=self.created_at,
        )


class GuardItem(Model):
    """Something that may exist once, and what it stands for."""

    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    owner_program_id = UnicodeAttribute()
    owner_member_id = UnicodeAttribute(null=True)
    owner_item = UnicodeAttribute(null=True)


class CountItem(Model):
    """Ids of which there may not be too many, or too few: active managers; open channels.

    A set and no number: what is counted twice is there once. `made` counts what is never uncounted.
    """

    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    ids = UnicodeSetAttribute(null=True)
    made = NumberAttribute(null=True)


class SubjectBound(Conflict):
    """This person has a membership already, here or in another program."""


class ProgramStore:
    def __init__(self, table_name: str) -> None:
        for model in (
            ProgramItem,
            MemberItem,
            ChannelItem,
            MembershipItem,
            CampaignItem,
            GuardItem,
            CountItem,
        ):
            bind(model, table_name)

    def program(self, program_id: str) -> Program | None:
        try:
            return ProgramItem.get(program_id, _PROGRAM, consistent_read=True).to_program()
        except DoesNotExist:
            return None

    def reading(self, program_id: str) -> Read[Program]:
        """Read of a program, together with what other rooms read."""
        return Read(ProgramItem, (program_id, _PROGRAM), ProgramItem.to_program)

    def program_named(self, name: str) -> Program | None:
        guard = _guard(_name_key(name), "name")
        return self.program(guard.owner_program_id) if guard else None

    def create_program(self, program: Program, first_manager: Member) -> None:
        """Make a program with its first manager. Raises `Conflict` if its name is taken."""
        commit(
            [
                _take_name(program.program_id, program.name),
                Put(
                    ProgramItem(
                        program.program_id,
                        _PROGRAM,
                        name=program.name,
                        time_zone=program.time_zone,
                        created_at=program.created_at,
                    ),
                    ProgramItem.item.does_not_exist(),
                ),
                *invitation(first_manager),
            ]
        )

    def change_program(self, was: Program, changes: Mapping[str, Any]) -> Program:
        """Change the named settings and no others; answers how all of them are then.

        Raises `NameTaken`, or `Conflict` if the program was renamed since it was read.
        """
        item = ProgramItem(was.program_id, _PROGRAM)
        actions = [getattr(ProgramItem, name).set(value) for name, value in changes.items()]
        name = changes.get("name", was.name)
        if not actions:
            return was
        if name == was.name:
            if not changed(item, actions, ProgramItem.item.exists()):
                raise Conflict
            return item.to_program()
        parts: list[Part] = [Update(item, actions, ProgramItem.name == was.name)]
        if _name_key(name) != _name_key(was.name):
            old = GuardItem(_name_key(was.name), "name")
            parts += [
                replace(_take_name(was.program_id, name), otherwise=NameTaken),
                Delete(old, GuardItem.owner_program_id == was.program_id),
            ]
        commit(parts)
        return ProgramItem.get(was.program_id, _PROGRAM, consistent_read=True).to_program()

    def invite(self, member: Member) -> None:
        """Put an invited member. Raises `Conflict` if the program has this e-mail already."""
        commit(invitation(member))

    def invite_again(self, removed: Member, becomes: Member) -> None:
        """Invite a removed member anew, as who they were.

        Raises `Conflict` if the member is no longer what was read.
        """
        actions: list[Action] = [
            MemberItem.status.set(MemberStatus.INVITED.value),
            MemberItem.role.set(becomes.role.value),
            MemberItem.invited_email.set(becomes.email),
            MemberItem.invited_at.set(becomes.invited_at),
            MemberItem.removed_at.remove(),
            *mail_due(mail_due_at(becomes.invited_at, removed.mailed_at)),
            MemberItem.invitation.set(becomes.invitation)
            if becomes.invitation
            else MemberItem.invitation.remove(),
        ]
        commit(change_of(removed, becomes, actions))

    def member(self, program_id: str, member_id: str) -> Member | None:
        try:
            return MemberItem.get(
                program_id, member_key(member_id), consistent_read=True
            ).to_member()
        except DoesNotExist:
            return None

    def members(self, program_id: str) -> Iterator[Member]:
        """Walk all members of a program, page by page, never behind."""
        found = MemberItem.query(
            program_id, MemberItem.item.startswith(member_key("")), consistent_read=True
        )
        return (item.to_member() for item in found)

    def channels(self, program_id: str, channel_ids: Set[str]) -> dict[str, Channel]:
        """Read channels by id, a call for each hundred."""
        keys = [(program_id, channel_key(each)) for each in channel_ids]
        found = ChannelItem.batch_get(keys, consistent_read=True)
        return {item.channel_id: item.to_channel() for item in found}

    def campaign(self, program_id: str, campaign_id: str) -> Campaign | None:
        try:
            return CampaignItem.get(
                program_id, campaign_key(campaign_id), consistent_read=True
            ).to_campaign()
        except DoesNotExist:
            return None

    def note_tiktok(
        self, program_id: str, member_id: str, state: TikTokState | None, *, active: bool
    ) -> Part:
        """Part: keep the state of the member's TikTok account where every request reads it."""
        action = MemberItem.tiktok.set(state.value) if state else MemberItem.tiktok.remove()
        return Update(
            MemberItem(program_id, member_key(member_id)),
            [action],
            MemberItem.status == MemberStatus.ACTIVE.value
            if active
            else MemberItem.member_id.exists(),
        )

    def departing(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Walk program and member of who was removed before an instant and not yet let go of."""
        found = MemberItem.departing.query(
            DEPARTING, Departing.departing_at < before, page_size=_PAGE
        )
        return ((item.program_id, item.member_id) for item in found)

    def departed(self, member: Member) -> bool:
        """Note that a removed member was let go of; False if they were removed anew since."""
        item = MemberItem(member.program_id, member_key(member.member_id))
        actions: list[Action] = [
            MemberItem.departing_in.remove(),
            MemberItem.departing_at.remove(),
        ]
        return changed(item, actions, MemberItem.departing_at == member.departing_at)

    def member_by_email(self, program_id: str, email: str) -> Member | None:
        guard = _guard(program_id, email_key(email))
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(program_id, guard.owner_member_id)

    def member_of_subject(self, subject: str) -> Member | None:
        """Find whom the identity provider's subject is bound to: one query, milliseconds behind."""
        found = MemberItem.by_subject.query(subject, limit=1)
        return next((item.to_member() for item in found), None)

    def bound_member(self, subject: str) -> Member | None:
        """Find the same through the guard: two reads, never behind."""
        guard = _guard(*subject_guard(subject))
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(guard.owner_program_id, guard.owner_member_id)

    def oldest_invitation(self, email: str) -> Member | None:
        found = MemberItem.by_invited_email.query(email, limit=1)
        return next((item.to_member() for item in found), None)

    def bind_subject(self, member: Member, subject: str) -> None:
        """Bind an invited member to a person, once, as what they were invited.

        Raises `SubjectBound` if the person is bound already, and `Conflict` if the invitation is
        no longer what was read. From here on a manager counts as one.
        """
        guard = GuardItem(
            *subject_guard(subject),
            owner_program_id=member.program_id,
            owner_member_id=member.member_id,
        )
        parts: list[Part] = [
            Put(guard, GuardItem.item.does_not_exist(), SubjectBound),
            *change_of(
                member,
                replace(member, status=MemberStatus.ACTIVE),
                [
                    MemberItem.subject.set(subject),
                    MemberItem.status.set(MemberStatus.ACTIVE.value),
                    MemberItem.invited_email.remove(),
                    *no_mail_now(),
                    MemberItem.mailed_at.remove(),
                ],
            ),
        ]
        if member.role is Role.MANAGER:
            counted = CountItem(member.program_id, MANAGERS)
            parts.append(Update(counted, [CountItem.ids.add({member.member_id})]))
        commit(parts)

    def change_profile(self, was: Member, becomes: Member) -> None:
        """Change name and time zone. Raises `Conflict` if the member is no longer what was read."""
        actions: list[Action] = [
            attribute.set(after)
            for attribute, before, after in (
                (MemberItem.name, was.name, becomes.name),
                (MemberItem.time_zone, was.time_zone, becomes.time_zone),
            )
            if after != before
        ]
        if actions:
            commit(change_of(was, becomes, actions))


def email_key(email: str) -> str:
    return f"email#{email}"


def subject_guard(subject: str) -> tuple[str, str]:
    return f"subject#{subject}", "subject"


def _name_key(name: str) -> str:
    return f"name#{normalized_name(name)}"


def _take_name(program_id: str, name: str) -> Put:
    guard = GuardItem(_name_key(name), "name", owner_program_id=program_id)
    return Put(guard, GuardItem.item.does_not_exist())


def _guard(key: str, item: str) -> GuardItem | None:
    try:
        return GuardItem.get(key, item, consistent_read=True)
    except DoesNotExist:
        return None


def change_of(
    was: Member, becomes: Member, actions: Sequence[Action], condition: Condition | None = None
) -> list[Part]:
    """Parts: a change of a member, and of what each of their channels shows of them.

    The first one's condition fails if the member, or what they are in, is no longer what was read.
    """
    channels = MemberItem.channels
    same = shows(was.in_channel())
    same &= channels == set(was.channels) if was.channels else channels.does_not_exist()
    item = MemberItem(was.program_id, member_key(was.member_id))
    changes = [*actions, MemberItem.name_key.set(name_key(becomes))]
    changes.append(MemberItem.standing.set(standing(becomes)))
    change = Update(item, changes, same & condition if condition is not None else same)
    if becomes.in_channel() == was.in_channel():
        return [change]
    copies = (MembershipItem.of(each, becomes.in_channel()) for each in sorted(was.channels))
    return [change, *map(Put, copies)]


def shows(member: ChannelMember) -> Condition:
    """Condition: a member's own item says what a channel shows of them."""
    same: Condition = MemberItem.name == member.name
    same &= MemberItem.role == member.role.value
    same &= MemberItem.status == member.status.value
    return same


def address_key(member: Member) -> str:
    """Make the key by which a member's address is found; no two members have the same."""
    return f"{sought_email(member.email)}\n{member.member_id}"


def name_key(member: Member) -> str:
    """Make the key by which a member's name is found; no two members have the same."""
    return f"{sought_name(member.name)}\n{member.member_id}"


def standing(member: Member) -> str:
    """Make the key by which members of a status, and of a role in it, are found."""
    return f"{member.status.value}#{member.role.value}#{member.member_id}"


def invitation(member: Member) -> Sequence[Part]:
    """Parts: a new member, invited. The first one's condition fails if the address is known."""
    return [
        Put(
            GuardItem(
                member.program_id,
                email_key(member.email),
                owner_program_id=member.program_id,
                owner_member_id=member.member_id,
            ),
            GuardItem.item.does_not_exist(),
        ),
        Put(
            MemberItem(
                member.program_id,
                member_key(member.member_id),
                member_id=member.member_id,
                email=member.email,
                name=member.name,
                role=member.role.value,
                status=member.status.value,
                invited_at=member.invited_at,
                invited_email=member.email,
                invitation=member.invitation,
                mail=InvitationMail.WAITING.value,
                mail_in=TO_MAIL,
                mail_at=member.invited_at,
                mail_tries=0,
                address_key=address_key(member),
                name_key=name_key(member),
                standing=standing(member),
            ),
            MemberItem.item.does_not_exist(),
        ),
    ]


def mail_due(at: datetime) -> list[Action]:
    """Actions: a member is to be mailed their invitation."""
    return [
        MemberItem.mail.set(InvitationMail.WAITING.value),
        MemberItem.mail_in.set(TO_MAIL),
        MemberItem.mail_at.set(at),
        MemberItem.mail_tries.set(0),
    ]


def no_more_mail() -> list[Action]:
    """Actions: nothing is to be mailed to a member any more."""
    return [
        MemberItem.mail_in.remove(),
        MemberItem.mail_at.remove(),
        MemberItem.mail_tries.remove(),
    ]


def no_mail_now() -> list[Action]:
    """Actions: a member is not, or no longer, one whom an invitation is mailed to."""
    return [MemberItem.mail.remove(), *no_more_mail()]


def named_guard(kind: str, program_id: str, name: str, thing: str) -> GuardItem:
    """Make the guard of a name among the things of one kind in a program that are not archived."""
    return GuardItem(
        program_id,
        f"{kind}-name#{normalized_name(name)}",
        owner_program_id=program_id,
        owner_item=thing,
    )


def move_name(
    kind: str, program_id: str, thing: str, was: str | None, becomes: str | None
) -> Iterator[Part]:
    """Parts: give up one name and take another; None is the name of what is archived, or new.

    The condition of the taking fails with `NameTaken`.
    """
    old = named_guard(kind, program_id, was, thing) if was is not None else None
    new = named_guard(kind, program_id, becomes, thing) if becomes is not None else None
    if old and new and old.item == new.item:
        return
    if new:
        yield Put(new, GuardItem.item.does_not_exist(), NameTaken)
    if old:
        yield Delete(old, GuardItem.owner_item == thing)


class NameTaken(Exception):
    """Something else of this kind has the name."""
