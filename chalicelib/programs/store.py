"""The programs table: programs, members, and the guards that keep names and people unique."""

from collections.abc import Iterator, Sequence

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.foundation.table import Part, Put, Update, bind, changed, commit
from chalicelib.programs.model import (
    Campaign,
    Channel,
    ChannelKind,
    Member,
    MemberStatus,
    Program,
    normalized_name,
)

_PROGRAM = "program"


def _member_key(member_id: str) -> str:
    return f"member#{member_id}"


def channel_key(channel_id: str) -> str:
    return f"channel#{channel_id}"


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


class MemberItem(Model):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    member_id = UnicodeAttribute()
    email = UnicodeAttribute()
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    invited_at = UTCDateTimeAttribute()
    subject = UnicodeAttribute(null=True)
    invited_email = UnicodeAttribute(null=True)
    tiktok = UnicodeAttribute(null=True)
    by_subject = BySubject()
    by_invited_email = ByInvitedEmail()

    def to_member(self) -> Member:
        return Member(
            program_id=self.program_id,
            member_id=self.member_id,
            email=self.email,
            name=self.name,
            role=Role(self.role),
            status=MemberStatus(self.status),
            time_zone=self.time_zone,
            invited_at=self.invited_at,
            tiktok=TikTokState(self.tiktok) if self.tiktok else None,
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


class ProgramStore:
    def __init__(self, table_name: str) -> None:
        for model in (ProgramItem, MemberItem, ChannelItem, CampaignItem, GuardItem):
            bind(model, table_name)

    def program(self, program_id: str) -> Program | None:
        try:
            item = ProgramItem.get(program_id, _PROGRAM, consistent_read=True)
        except DoesNotExist:
            return None
        return Program(item.program_id, item.name, item.time_zone, item.created_at)

    def program_named(self, name: str) -> Program | None:
        guard = _guard(_name_key(name), "name")
        return self.program(guard.owner_program_id) if guard else None

    def create_program(self, program: Program, first_manager: Member) -> None:
        """Make a program with its first manager. Raises `Conflict` if its name is taken."""
        commit(
            [
                Put(
                    GuardItem(_name_key(program.name), "name", owner_program_id=program.program_id),
                    GuardItem.item.does_not_exist(),
                ),
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
                *_invitation(first_manager),
            ]
        )

    def invite(self, member: Member) -> None:
        """Put an invited member. Raises `Conflict` if the program has this e-mail already."""
        commit(_invitation(member))

    def member(self, program_id: str, member_id: str) -> Member | None:
        try:
            return MemberItem.get(
                program_id, _member_key(member_id), consistent_read=True
            ).to_member()
        except DoesNotExist:
            return None

    def members(self, program_id: str) -> Iterator[Member]:
        """Walk all members of a program, page by page."""
        found = MemberItem.query(program_id, MemberItem.item.startswith(_member_key("")))
        return (item.to_member() for item in found)

    def channels(self, program_id: str, channel_ids: Sequence[str]) -> dict[str, Channel]:
        """Read up to 100 channels in one call, by id."""
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
            MemberItem(program_id, _member_key(member_id)),
            [action],
            MemberItem.status == MemberStatus.ACTIVE.value
            if active
            else MemberItem.member_id.exists(),
        )

    def member_by_email(self, program_id: str, email: str) -> Member | None:
        guard = _guard(program_id, f"email#{email}")
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(program_id, guard.owner_member_id)

    def member_of_subject(self, subject: str) -> Member | None:
        """Find whom the identity provider's subject is bound to: one query, milliseconds behind."""
        found = MemberItem.by_subject.query(subject, limit=1)
        return next((item.to_member() for item in found), None)

    def bound_member(self, subject: str) -> Member | None:
        """Find the same through the guard: two reads, never behind."""
        guard = _guard(f"subject#{subject}", "subject")
        if guard is None or guard.owner_member_id is None:
            return None
        return self.member(guard.owner_program_id, guard.owner_member_id)

    def oldest_invitation(self, email: str) -> Member | None:
        found = MemberItem.by_invited_email.query(email, limit=1)
        return next((item.to_member() for item in found), None)

    def bind_subject(self, member: Member, subject: str) -> None:
        """Bind an invited member to a person, once. Raises `Conflict` if either is bound."""
        guard = GuardItem(
            f"subject#{subject}",
            "subject",
            owner_program_id=member.program_id,
            owner_member_id=member.member_id,
        )
        commit(
            [
                Put(guard, GuardItem.item.does_not_exist()),
                Update(
                    MemberItem(member.program_id, _member_key(member.member_id)),
                    [
                        MemberItem.subject.set(subject),
                        MemberItem.status.set(MemberStatus.ACTIVE.value),
                        MemberItem.invited_email.remove(),
                    ],
                    MemberItem.status == MemberStatus.INVITED.value,
                ),
            ]
        )

    def change_profile(
        self, program_id: str, member_id: str, name: str | None, time_zone: str | None
    ) -> Member | None:
        """Change what is not None; None if the member is not active (any more)."""
        actions: list[Action] = [
            attribute.set(value)
            for attribute, value in (
                (MemberItem.name, name),
                (MemberItem.time_zone, time_zone),
            )
            if value is not None
        ]
        item = MemberItem(program_id, _member_key(member_id))
        active = MemberItem.status == MemberStatus.ACTIVE.value
        return item.to_member() if changed(item, actions, active) else None


def _name_key(name: str) -> str:
    return f"name#{normalized_name(name)}"


def _guard(key: str, item: str) -> GuardItem | None:
    try:
        return GuardItem.get(key, item, consistent_read=True)
    except DoesNotExist:
        return None


def _invitation(member: Member) -> Sequence[Part]:
    return [
        Put(
            GuardItem(
                member.program_id,
                f"email#{member.email}",
                owner_program_id=member.program_id,
                owner_member_id=member.member_id,
            ),
            GuardItem.item.does_not_exist(),
        ),
        Put(
            MemberItem(
                member.program_id,
                _member_key(member.member_id),
                member_id=member.member_id,
                email=member.email,
                name=member.name,
                role=member.role.value,
                status=member.status.value,
                time_zone=member.time_zone,
                invited_at=member.invited_at,
                invited_email=member.email,
            ),
            MemberItem.item.does_not_exist(),
        ),
    ]
