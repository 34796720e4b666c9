"""The programs table: programs, members, and the guards that keep names and people unique.

The sub-packages (`members`, `channels`, `campaigns`) have stores of their own on these items.
"""

from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from typing import Any

from pynamodb.attributes import (
    Attribute,
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

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.identity import Role, ShownAs, TikTokState
from chalicelib.foundation.mapping import EnumAttribute, FrozenSetAttribute, to_model
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.sweeps import due_key, take_turns
from chalicelib.foundation.table import (
    Conflict,
    Database,
    Delete,
    LeanModel,
    Model,
    Part,
    Put,
    Read,
    StampedModel,
    Store,
    Update,
)
from chalicelib.programs.model import (
    MAX_INVITATIONS,
    REUSE_WARNING_ABOVE,
    Campaign,
    Channel,
    ChannelKind,
    ChannelMember,
    ContentDisclosure,
    InvitationMail,
    Member,
    MembershipHolder,
    MemberStatus,
    Program,
    email_search_key,
    mail_due_at,
    name_search_key,
    normalized_name,
)

_PROGRAM_KEY = "program"
MANAGERS = "managers"
MEMBERS = "members"  # a number: of members and invitations there are
CHANNELS = "channels"
TO_RELEASE = "to_release"
TO_MAIL = "to_mail"


def member_key(member_id: str) -> str:
    return f"member#{member_id}"


def channel_key(channel_id: str) -> str:
    return f"channel#{channel_id}"


def channel_members_key(program_id: str, channel_id: str) -> str:
    """Return the hash key of the members of a channel."""
    return f"{program_id}/{channel_key(channel_id)}"


def campaign_key(campaign_id: str) -> str:
    return f"campaign#{campaign_id}"


class ProgramItem(StampedModel):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    leaderboard = BooleanAttribute(default=True)
    rewards = BooleanAttribute(default=True)
    disclosure = UnicodeAttribute(default="")
    managers_on_leaderboard = BooleanAttribute(default=True)
    names_on_leaderboard = BooleanAttribute(default=True)
    fulfillers = UnicodeSetAttribute(null=True)
    created_as = UnicodeAttribute(null=True)
    content_disclosure = UnicodeAttribute(null=True)
    reuse_warning_above = NumberAttribute(null=True)
    version = NumberAttribute(null=True)

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
            names_on_leaderboard=self.names_on_leaderboard,
            fulfillers=frozenset(self.fulfillers or ()),
            content_disclosure=ContentDisclosure(
                self.content_disclosure or ContentDisclosure.YOUR_BRAND
            ),
            reuse_warning_above=(
                REUSE_WARNING_ABOVE
                if self.reuse_warning_above is None
                else int(self.reuse_warning_above)
            ),
            version=int(self.version or 1),
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


class ByStatusAndRole(GlobalSecondaryIndex["MemberItem"]):
    class Meta:
        index_name = "by_standing"
        projection = AllProjection()

    program_id = UnicodeAttribute(hash_key=True)
    standing = UnicodeAttribute(range_key=True)


class ToRelease(GlobalSecondaryIndex["MemberItem"]):
    """Sparse: removed members whose TikTok account is not released yet."""

    class Meta:
        index_name = "to_release"
        projection = IncludeProjection(["member_id"])

    release_in = UnicodeAttribute(hash_key=True)
    release_since = UTCDateTimeAttribute(range_key=True)


class ToMail(GlobalSecondaryIndex["MemberItem"]):
    """Sparse: invited members who are not mailed yet, by when that is due."""

    class Meta:
        index_name = "to_mail"
        projection = IncludeProjection(["member_id", "email", "mail_at", "mail_tries"])

    mail_in = UnicodeAttribute(hash_key=True)
    mail_due = UnicodeAttribute(range_key=True)


class MemberItem(StampedModel, LeanModel):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    member_id = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    role = EnumAttribute(Role)
    status = EnumAttribute(MemberStatus)
    time_zone = UnicodeAttribute(null=True)
    invited_at = UTCDateTimeAttribute()
    subject = UnicodeAttribute(null=True)
    last_subject = UnicodeAttribute(null=True)
    invited_email = UnicodeAttribute(null=True)
    invitation = UnicodeAttribute(null=True)
    removed_at = UTCDateTimeAttribute(null=True)
    removed_by = UnicodeAttribute(null=True)
    left_at = UTCDateTimeAttribute(null=True)
    erased_at = UTCDateTimeAttribute(null=True)
    release_in = UnicodeAttribute(null=True)
    release_since = UTCDateTimeAttribute(null=True)
    mail = EnumAttribute(InvitationMail, null=True)
    mailed_at = UTCDateTimeAttribute(null=True)
    mail_in = UnicodeAttribute(null=True)
    mail_due = UnicodeAttribute(null=True)
    mail_at = UTCDateTimeAttribute(null=True)
    mail_tries = NumberAttribute(null=True)
    tiktok = EnumAttribute(TikTokState, null=True)
    channels = FrozenSetAttribute(null=True)
    address_key = UnicodeAttribute(null=True)
    name_key = UnicodeAttribute(null=True)
    standing = UnicodeAttribute(null=True)
    shown_as = EnumAttribute(ShownAs, null=True)
    alias = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    by_subject = BySubject()
    by_invited_email = ByInvitedEmail()
    by_email = ByEmail()
    by_name = ByName()
    by_standing = ByStatusAndRole()
    to_release = ToRelease()
    to_mail = ToMail()

    def to_member(self) -> Member:
        return to_model(self, Member, time_zone=self.time_zone or "")


class ChannelItem(StampedModel):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    channel_id = UnicodeAttribute()
    name = UnicodeAttribute()
    kind = UnicodeAttribute()
    archived = BooleanAttribute()
    version = NumberAttribute(null=True)

    def to_channel(self) -> Channel:
        return Channel(
            program_id=self.program_id,
            channel_id=self.channel_id,
            name=self.name,
            kind=ChannelKind(self.kind),
            archived=self.archived,
            version=int(self.version or 1),
        )


class MembershipItem(StampedModel):
    """One member in one channel: the other side of the channels on the member's own item.

    It copies what the channel shows of them, and is written with whatever changes that. The
    copy's attributes have names of their own, so that the table's stream does not show it as a
    change of the member.
    """

    class Meta:
        table_name = "programs"

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
            channel_members_key(member.program_id, channel_id),
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


class CampaignItem(StampedModel):
    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    campaign_id = UnicodeAttribute()
    name = UnicodeAttribute()
    archived = BooleanAttribute()
    created_at = UTCDateTimeAttribute()
    version = NumberAttribute(null=True)

    def to_campaign(self) -> Campaign:
        return Campaign(
            program_id=self.program_id,
            campaign_id=self.campaign_id,
            name=self.name,
            archived=self.archived,
            created_at=self.created_at,
            version=int(self.version or 1),
        )


class UniquenessItem(Model):
    """Item that lets something exist once, and names its owner."""

    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    owner_program_id = UnicodeAttribute()
    owner_member_id = UnicodeAttribute(null=True)
    owner_item = UnicodeAttribute(null=True)


class CountedIdsItem(Model):
    """Set of ids of which there may not be too many, or too few: active managers; open channels.

    A set rather than a number: what is added twice is counted once. `made` is a number that never
    falls.
    """

    class Meta:
        table_name = "programs"

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    ids = UnicodeSetAttribute(null=True)
    made = NumberAttribute(null=True)


class SubjectBound(Conflict):
    """The person has a membership already, here or in another program."""


class ProgramStore(Store):
    MODELS = (
        ProgramItem,
        MemberItem,
        ChannelItem,
        MembershipItem,
        CampaignItem,
        UniquenessItem,
        CountedIdsItem,
    )

    def program(self, program_id: str) -> Program | None:
        try:
            return self._database.get(
                ProgramItem, program_id, _PROGRAM_KEY, consistent_read=True
            ).to_program()
        except DoesNotExist:
            return None

    def programs(self, program_ids: Collection[str]) -> dict[str, Program]:
        """Return programs by id: a call for each hundred."""
        keys = [(each, _PROGRAM_KEY) for each in program_ids]
        found = self._database.batch_get(ProgramItem, keys, consistent_read=True)
        return {item.program_id: item.to_program() for item in found}

    def read_of_program(self, program_id: str) -> Read[Program]:
        """Return the read of a program, to be made together with others."""
        return Read(ProgramItem, (program_id, _PROGRAM_KEY), ProgramItem.to_program)

    def program_created(self, name: str, manager_email: str) -> Program | None:
        """Return the program that was created by this name for this manager, as it is now."""
        guard = self._guard(*_creation_guard(name, manager_email))
        return self.program(guard.owner_program_id) if guard else None

    def create_program(self, program: Program, first_manager: Member) -> None:
        """Create a program with its first manager.

        Raises `Conflict` if one was created by this name for this manager before.
        """
        creation = UniquenessItem(
            *_creation_guard(program.name, first_manager.email),
            owner_program_id=program.program_id,
        )
        self._database.commit(
            [
                Put(creation, UniquenessItem.item.does_not_exist()),
                Put(
                    ProgramItem(
                        program.program_id,
                        _PROGRAM_KEY,
                        name=program.name,
                        time_zone=program.time_zone,
                        created_at=program.created_at,
                        created_as=creation.program_id,
                    ),
                    ProgramItem.item.does_not_exist(),
                ),
                *invitation_parts(first_manager),
                count_members_part(program.program_id, 1),
                act(
                    Kind.PROGRAM_CREATED,
                    program.program_id,
                    program.program_id,
                    after={"time_zone": program.time_zone, "manager": first_manager.member_id},
                    title=program.name,
                ),
            ]
        )

    def change_program(self, was: Program, becomes: Program, names: Sequence[str]) -> None:
        """Change the named settings, one at least; all others stay.

        Raises `Conflict` if one has changed since they were read, or the program is gone.
        """
        actions: list[Action] = [ProgramItem.version.set(becomes.version)]
        for name in names:
            attribute, value = getattr(ProgramItem, name), getattr(becomes, name)
            if name == "fulfillers":  # nobody named is no set at all
                actions.append(attribute.set(set(value)) if value else attribute.remove())
            else:
                actions.append(attribute.set(_to_stored_value(value)))
        same = ProgramItem.item.exists() & of_version(ProgramItem.version, was.version)
        changed = act(
            Kind.PROGRAM_CHANGED,
            was.program_id,
            was.program_id,
            select_fields(was, names),
            select_fields(becomes, names),
            title=becomes.name,
        )
        self._database.commit(
            [Update(ProgramItem(was.program_id, _PROGRAM_KEY), actions, same), changed]
        )

    def active_managers(self, program_id: str) -> frozenset[str]:
        """Return the ids of a program's active managers, consistently read."""
        try:
            counted = self._database.get(CountedIdsItem, program_id, MANAGERS, consistent_read=True)
        except DoesNotExist:
            return frozenset()
        return frozenset(counted.ids or ())

    def invite(self, member: Member, quotas: Quotas) -> None:
        """Save an invited member.

        Raises `Conflict` if the program has the address already, and `QuotaUsedUp`.
        """
        self._database.commit(
            [
                *invitation_parts(member),
                *invited_count_parts(member, 1, quotas),
                act(
                    Kind.MEMBER_INVITED,
                    member.program_id,
                    member.member_id,
                    after=select_fields(member, ["role"]),
                ),
            ]
        )

    def member_counts(self, program_id: str, now: datetime) -> tuple[int, int]:
        """Return how many members a program has, and how many it invited today."""
        keys = [(program_id, MEMBERS), (program_id, _invitation_count_key(now))]
        found = self._database.batch_get(CountedIdsItem, keys, consistent_read=True)
        made = {item.item: int(item.made or 0) for item in found}
        return made.get(MEMBERS, 0), made.get(_invitation_count_key(now), 0)

    def reinvite_removed(self, removed: Member, becomes: Member, quotas: Quotas) -> None:
        """Invite a removed member again, with the id they had.

        Raises `Conflict` if the member has changed since they were read, and `QuotaUsedUp`.
        """
        actions: list[Action] = [
            MemberItem.status.set(MemberStatus.INVITED),
            MemberItem.role.set(becomes.role),
            MemberItem.version.set(becomes.version),
            MemberItem.invited_email.set(becomes.email),
            MemberItem.invited_at.set(becomes.invited_at),
            MemberItem.removed_at.remove(),
            MemberItem.removed_by.remove(),
            *schedule_mail_actions(removed, mail_due_at(becomes.invited_at, removed.mailed_at)),
            MemberItem.invitation.set(becomes.invitation)
            if becomes.invitation
            else MemberItem.invitation.remove(),
        ]
        self._database.commit(
            [
                *member_change_parts(
                    removed, becomes, actions, of_version(MemberItem.version, removed.version)
                ),
                *invited_count_parts(becomes, 1, quotas),
                act(
                    Kind.MEMBER_INVITED_AGAIN,
                    removed.program_id,
                    removed.member_id,
                    select_fields(removed, ["status", "role"]),
                    select_fields(becomes, ["status", "role"]),
                ),
            ]
        )

    def member(self, program_id: str, member_id: str) -> Member | None:
        try:
            return self._database.get(
                MemberItem, program_id, member_key(member_id), consistent_read=True
            ).to_member()
        except DoesNotExist:
            return None

    def read_of_member(self, program_id: str, member_id: str) -> Read[Member]:
        """Return the read of a member, to be made together with others."""
        return Read(MemberItem, (program_id, member_key(member_id)), MemberItem.to_member)

    def members(self, program_id: str) -> Iterator[Member]:
        """Yield all members of a program, page by page, consistently read."""
        found = self._database.query(
            MemberItem, program_id, MemberItem.item.startswith(member_key("")), consistent_read=True
        )
        return (item.to_member() for item in found)

    def members_by_id(self, program_id: str, member_ids: Collection[str]) -> dict[str, Member]:
        """Return members by id, never behind: a call for each hundred."""
        return members_by_id(self._database, program_id, member_ids)

    def channels(self, program_id: str, channel_ids: Set[str]) -> dict[str, Channel]:
        """Return channels by id: a call for each hundred."""
        keys = [(program_id, channel_key(each)) for each in channel_ids]
        found = self._database.batch_get(ChannelItem, keys, consistent_read=True)
        return {item.channel_id: item.to_channel() for item in found}

    def campaign(self, program_id: str, campaign_id: str) -> Campaign | None:
        try:
            return self._database.get(
                CampaignItem, program_id, campaign_key(campaign_id), consistent_read=True
            ).to_campaign()
        except DoesNotExist:
            return None

    def tiktok_state_part(
        self,
        program_id: str,
        member_id: str,
        state: TikTokState | None,
        *,
        active: bool,
        holder: MembershipHolder | None = None,
    ) -> Part:
        """Return the part that writes the state of a TikTok account to its member's item."""
        action = MemberItem.tiktok.set(state) if state else MemberItem.tiktok.remove()
        condition: Condition = MemberItem.member_id.exists()
        if active:
            condition = MemberItem.status == MemberStatus.ACTIVE
        if holder:
            condition &= MemberItem.subject == holder.subject
            condition &= MemberItem.invited_at == holder.invited_at
        return Update(MemberItem(program_id, member_key(member_id)), [action], condition)

    def members_to_release(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Yield (program id, member id) of members removed before an instant and not released yet.

        One of each program in turn.
        """
        found = self._database.query(
            MemberItem, TO_RELEASE, ToRelease.release_since < before, index=MemberItem.to_release
        )
        pairs = ((item.program_id, item.member_id) for item in found)
        return take_turns(pairs, lambda pair: pair[0], before)

    def mark_released(self, member: Member) -> bool:
        """Mark a removed member as released; False if they were removed again since."""
        item = MemberItem(member.program_id, member_key(member.member_id))
        actions: list[Action] = [
            MemberItem.release_in.remove(),
            MemberItem.release_since.remove(),
        ]
        return self._database.update(
            item, actions, MemberItem.release_since == member.release_since
        )

    def member_by_email(self, program_id: str, email: str) -> Member | None:
        guard = self._guard(program_id, email_key(email))
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(program_id, guard.owner_member_id)

    def indexed_member_of_subject(self, subject: str) -> Member | None:
        """Return the member a subject is bound to: one query of an index, milliseconds behind."""
        found = self._database.query(MemberItem, subject, limit=1, index=MemberItem.by_subject)
        return next((item.to_member() for item in found), None)

    def member_of_subject(self, subject: str) -> Member | None:
        """Return the same through the guard: two consistent reads."""
        guard = self._guard(*subject_guard(subject))
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(guard.owner_program_id, guard.owner_member_id)

    def invitations(self, email: str) -> Sequence[Member]:
        """Return who is invited by this address, the oldest first, `MAX_INVITATIONS` at most."""
        index = MemberItem.by_invited_email
        found = self._database.query(MemberItem, email, limit=MAX_INVITATIONS, index=index)
        members = (item.to_member() for item in found)
        return [each for each in members if each.status is MemberStatus.INVITED]

    def bind_subject(self, member: Member, subject: str) -> None:
        """Bind an invited member to a person, once, in the role of the invitation.

        Raises `SubjectBound` if the person is bound already, and `Conflict` if the invitation has
        changed since it was read. A manager counts as one from now on.
        """
        guard = UniquenessItem(
            *subject_guard(subject),
            owner_program_id=member.program_id,
            owner_member_id=member.member_id,
        )
        parts: list[Part] = [
            Put(guard, UniquenessItem.item.does_not_exist(), SubjectBound),
            *member_change_parts(
                member,
                replace(member, status=MemberStatus.ACTIVE),
                [
                    MemberItem.subject.set(subject),
                    MemberItem.status.set(MemberStatus.ACTIVE),
                    MemberItem.invited_email.remove(),
                    MemberItem.left_at.remove(),
                    *forget_mail_actions(),
                    MemberItem.mailed_at.remove(),
                ],
            ),
        ]
        if member.role is Role.MANAGER:
            counted = CountedIdsItem(member.program_id, MANAGERS)
            parts.append(Update(counted, [CountedIdsItem.ids.add({member.member_id})]))
        joined = act(
            Kind.MEMBER_JOINED,
            member.program_id,
            member.member_id,
            select_fields(member, ["status"]),
            {"status": MemberStatus.ACTIVE},
        )
        self._database.commit([*parts, joined])

    def _guard(self, key: str, item: str) -> UniquenessItem | None:
        try:
            return self._database.get(UniquenessItem, key, item, consistent_read=True)
        except DoesNotExist:
            return None

    def change_profile(self, was: Member, becomes: Member) -> None:
        """Change name, time zone, alias, and how a member appears on leaderboards.

        Raises `NameTaken` if another member has the alias, and `Conflict` if name or alias changed
        since they were read.
        """
        fields: tuple[tuple[Attribute[Any], str, str], ...] = (
            (MemberItem.name, was.name, becomes.name),
            (MemberItem.time_zone, was.time_zone, becomes.time_zone),
            (MemberItem.shown_as, was.shown_as, becomes.shown_as),
            (MemberItem.alias, was.alias, becomes.alias),
        )
        actions: list[Action] = [
            attribute.set(after) if after else attribute.remove()
            for attribute, before, after in fields
            if after != before
        ]
        if not actions:
            return
        plain = ["time_zone", "shown_as"]
        before, after = select_fields(was, plain), select_fields(becomes, plain)
        for name in ("name", "alias"):
            if getattr(was, name) != getattr(becomes, name):
                # That it changed, not from what to what: a name is on no entry.
                before, after = {**before, name: None}, {**after, name: "…"}
        changed = act(Kind.PROFILE_CHANGED, was.program_id, was.member_id, before, after)
        alias = MemberItem.alias
        same = alias == was.alias if was.alias else alias.does_not_exist()
        change = member_change_parts(was, becomes, actions, same)
        names = alias_change_parts(was, becomes.alias)
        self._database.commit([*change, *names, changed])

    def has_name(self, program_id: str, name: str, but: str) -> bool:
        """Return whether a member other than one has a name that looks like this one: one query.

        The index is milliseconds behind the table.
        """
        found = self._database.query(
            MemberItem,
            program_id,
            MemberItem.name_key.startswith(f"{name_search_key(name)}\n"),
            limit=2,
            index=MemberItem.by_name,
        )
        return any(item.member_id != but for item in found)


def members_by_id(
    database: Database, program_id: str, member_ids: Collection[str]
) -> dict[str, Member]:
    """Read members of a program by id, never behind: a call for each hundred."""
    keys = [(program_id, member_key(each)) for each in member_ids]
    found = database.batch_get(MemberItem, keys, consistent_read=True)
    return {item.member_id: item.to_member() for item in found}


def email_key(email: str) -> str:
    return f"email#{email}"


def subject_guard(subject: str) -> tuple[str, str]:
    return f"subject#{subject}", "subject"


def _creation_guard(name: str, manager_email: str) -> tuple[str, str]:
    """Return the key by which the command that creates a program knows that it ran before.

    Programs may be renamed, to the name of another one too: the name they have says nothing.
    """
    return f"created#{normalized_name(name)}", email_key(manager_email)


def member_change_parts(
    was: Member, becomes: Member, actions: Sequence[Action], condition: Condition | None = None
) -> list[Part]:
    """Return the parts that change a member, and what each of their channels shows of them.

    The first one's condition fails if the member, or their channels, changed since they were read.
    """
    channels = MemberItem.channels
    same = channel_fields_unchanged(was.as_channel_member())
    same &= channels == set(was.channels) if was.channels else channels.does_not_exist()
    item = MemberItem(was.program_id, member_key(was.member_id))
    changes = [*actions, MemberItem.name_key.set(name_key(becomes))]
    changes.append(MemberItem.standing.set(standing_key(becomes)))
    change = Update(item, changes, same & condition if condition is not None else same)
    if becomes.as_channel_member() == was.as_channel_member():
        return [change]
    copies = (MembershipItem.of(each, becomes.as_channel_member()) for each in sorted(was.channels))
    return [change, *map(Put, copies)]


def channel_fields_unchanged(member: ChannelMember) -> Condition:
    """Return the condition that a member's item still has what a channel shows of them."""
    same: Condition = MemberItem.name == member.name
    same &= MemberItem.role == member.role
    same &= MemberItem.status == member.status
    return same


def address_key(member: Member) -> str:
    """Return the key by which a member is found by address; unique by the member's id."""
    return f"{email_search_key(member.email)}\n{member.member_id}"


def name_key(member: Member) -> str:
    """Return the key by which a member is found by name; unique by the member's id."""
    return f"{name_search_key(member.name)}\n{member.member_id}"


def standing_key(member: Member) -> str:
    """Return the key by which a member is found by status, and by role within it."""
    return f"{member.status.value}#{member.role.value}#{member.member_id}"


def invitation_parts(member: Member) -> Sequence[Part]:
    """Return the parts that invite a new member; the first one fails if the address is known."""
    return [
        Put(
            UniquenessItem(
                member.program_id,
                email_key(member.email),
                owner_program_id=member.program_id,
                owner_member_id=member.member_id,
            ),
            UniquenessItem.item.does_not_exist(),
        ),
        Put(
            MemberItem(
                member.program_id,
                member_key(member.member_id),
                member_id=member.member_id,
                email=member.email,
                name=member.name,
                role=member.role,
                status=member.status,
                invited_at=member.invited_at,
                invited_email=member.email,
                invitation=member.invitation,
                mail=InvitationMail.WAITING,
                mail_in=TO_MAIL,
                mail_due=due_key(member.program_id, member.invited_at, member.member_id),
                mail_at=member.invited_at,
                mail_tries=0,
                address_key=address_key(member),
                name_key=name_key(member),
                standing=standing_key(member),
            ),
            MemberItem.item.does_not_exist(),
        ),
    ]


def count_members_part(program_id: str, number: int) -> Update:
    """Return the part that counts members who came, or left: both invited and active ones."""
    return Update(CountedIdsItem(program_id, MEMBERS), [CountedIdsItem.made.add(number)])


def invited_count_parts(member: Member, number: int, quotas: Quotas) -> list[Part]:
    """Return the parts that count people a program invites now, within its quotas.

    Their conditions fail with `QuotaUsedUp`.
    """
    made = CountedIdsItem.made
    parts: list[Part] = []
    for quota, item, most in (
        ("members", MEMBERS, quotas.members),
        (
            "invitations_a_day",
            _invitation_count_key(member.invited_at),
            quotas.invitations_a_day,
        ),
    ):
        room: Condition = made <= most - number
        room = room | made.does_not_exist() if number <= most else room
        counted = CountedIdsItem(member.program_id, item)
        parts.append(Update(counted, [made.add(number)], room, partial(QuotaUsedUp, quota)))
    return parts


def _invitation_count_key(day: datetime) -> str:
    return f"invitations#{day.astimezone(UTC):%Y-%m-%d}"


class QuotaUsedUp(Exception):
    """So many more members or invitations of today, whichever `quota` names, are too many."""

    def __init__(self, quota: str) -> None:
        super().__init__(quota)
        self.quota = quota


def schedule_mail_actions(member: Member, at: datetime) -> list[Action]:
    """Return the actions that have a member mailed their invitation at an instant."""
    return [
        MemberItem.mail.set(InvitationMail.WAITING),
        MemberItem.mail_in.set(TO_MAIL),
        *set_mail_due_time(member.program_id, member.member_id, at),
        MemberItem.mail_tries.set(0),
    ]


def set_mail_due_time(program_id: str, member_id: str, at: datetime) -> list[Action]:
    return [
        MemberItem.mail_at.set(at),
        MemberItem.mail_due.set(due_key(program_id, at, member_id)),
    ]


def unschedule_mail_actions() -> list[Action]:
    """Return the actions after which no mail to a member is due."""
    return [
        MemberItem.mail_in.remove(),
        MemberItem.mail_due.remove(),
        MemberItem.mail_at.remove(),
        MemberItem.mail_tries.remove(),
    ]


def forget_mail_actions() -> list[Action]:
    """Return the actions for a member to whom no invitation is mailed, now or any more."""
    return [MemberItem.mail.remove(), *unschedule_mail_actions()]


def of_version(attribute: Attribute[float], version: int) -> Condition:
    """Return the condition that an item has this version; one that never changed has none."""
    same: Condition = attribute == version if version > 1 else attribute.does_not_exist()
    return same


def name_guard(kind: str, program_id: str, name: str, thing: str) -> UniquenessItem:
    """Return the guard of a name among a program's open (not archived) things of one kind."""
    return UniquenessItem(
        program_id,
        f"{kind}-name#{normalized_name(name)}",
        owner_program_id=program_id,
        owner_item=thing,
    )


def name_change_parts(
    kind: str, program_id: str, thing: str, was: str | None, becomes: str | None
) -> Iterator[Part]:
    """Return the parts that give up one name and take another; None for no name.

    A new or archived item has no name to give up. The part that takes a name raises `NameTaken`.
    """
    old = name_guard(kind, program_id, was, thing) if was is not None else None
    new = name_guard(kind, program_id, becomes, thing) if becomes is not None else None
    if old and new and old.item == new.item:
        return
    if new:
        yield Put(new, UniquenessItem.item.does_not_exist(), NameTaken)
    if old:
        yield Delete(old, UniquenessItem.owner_item == thing)


def alias_change_parts(was: Member, becomes: str) -> list[Part]:
    """Return the parts that give up a member's alias and take another; empty for none."""
    old, new = was.alias or None, becomes or None
    return list(name_change_parts("alias", was.program_id, was.member_id, old, new))


def alias_guard(program_id: str, alias: str, member_id: str) -> UniquenessItem:
    """Return the guard that keeps an alias for one member."""
    return name_guard("alias", program_id, alias, member_id)


class NameTaken(Exception):
    """Something else of this kind has the name."""


def _to_stored_value(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
