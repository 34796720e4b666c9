"""How names and people are read and shown, wherever they are."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.foundation.pages import Page
from chalicelib.programs.model import MAX_NAME, InvitationMail, Member, MemberStatus


def _single_spaced(text: Any) -> Any:
    return " ".join(text.split()) if isinstance(text, str) else text


Line = Annotated[str, BeforeValidator(_single_spaced)]
Name = Annotated[Line, StringConstraints(min_length=1, max_length=MAX_NAME)]


class MemberView(BaseModel):
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus
    invited_at: datetime
    invitation_mail: Annotated[
        InvitationMail | None,
        Field(
            description="Of who is invited: `waiting`, or `handed_over` to the user pool, which "
            "mails a first password to whoever has no sign-in yet (tell the others), or nobody is "
            "mailed because people sign in `elsewhere`, or it `failed`"
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


class MemberList(BaseModel):
    items: list[MemberView]
    next_cursor: str | None


def member_list(page: Page[Member]) -> MemberList:
    return MemberList(
        items=[MemberView.of(member) for member in page.items], next_cursor=page.next_cursor
    )
