"""Fields and views of names and members, for all packages."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.foundation.fields import LINE
from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.foundation.pages import Page
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import MAX_NAME_LENGTH, InvitationMail, Member, MemberStatus

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH), LINE]


class MemberView(Schema):
    member_id: str
    version: Annotated[
        int, Field(description="Counts changes of the role, removals and later invitations")
    ]
    email: str
    name: str
    role: Role
    status: MemberStatus
    invited_at: datetime
    invitation_mail: Annotated[
        InvitationMail | None,
        Field(
            description="Of invited members: `waiting`; `handed_over` to the user pool, which "
            "mails a first password to people without a sign-in (tell the others); `elsewhere`: "
            "nobody is mailed, because people sign in by another system; or `failed`"
        ),
    ]
    invitation_mailed_at: datetime | None
    removed_at: datetime | None
    tiktok_account: TikTokState | None
    channel_ids: list[str]

    @classmethod
    def of(cls, member: Member) -> "MemberView":
        return cls(
            member_id=member.member_id,
            version=member.version,
            email=member.email,
            name=member.name,
            role=member.role,
            status=member.status,
            invited_at=member.invited_at,
            invitation_mail=member.mail,
            invitation_mailed_at=member.mailed_at if member.mail else None,
            removed_at=member.removed_at,
            tiktok_account=member.tiktok,
            channel_ids=sorted(member.channels),
        )


class MemberList(Schema):
    items: list[MemberView]
    next_cursor: str | None


def member_list(page: Page[Member]) -> MemberList:
    return MemberList(
        items=[MemberView.of(member) for member in page.items], next_cursor=page.next_cursor
    )
