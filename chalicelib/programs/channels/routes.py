"""Channels over HTTP: the manager's side, and joining and leaving."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.programs.channels.service import ChannelService, JoinedChannel
from chalicelib.programs.model import ChannelKind, MemberStatus
from chalicelib.programs.views import Name

MAX_AT_ONCE = 100


class NewChannel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    kind: ChannelKind


class ChangeChannel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    archived: bool | None = None


class AddMembers(BaseModel):
    model_config = ConfigDict(extra="forbid")

    member_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]],
        Field(min_length=1, max_length=MAX_AT_ONCE),
    ]


class ChannelView(BaseModel):
    channel_id: str
    name: str
    kind: ChannelKind
    archived: Annotated[bool, Field(description="Nobody joins, nothing new is addressed to it")]
    joined: Annotated[bool, Field(description="Whether you are in it")]


class ChannelList(BaseModel):
    items: list[ChannelView]
    next_cursor: str | None


class ChannelMemberView(BaseModel):
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus


class ChannelMemberList(BaseModel):
    items: list[ChannelMemberView]
    next_cursor: str | None


@endpoint(
    Who.MANAGER,
    body=NewChannel,
    answers={201: ChannelView},
    problems=(ProblemCode.NAME_TAKEN, ProblemCode.LIMIT_REACHED),
    idempotent=True,
)
def create(service: ChannelService, request: Request[NewChannel, None]) -> Answer:
    """Make a channel; nobody is in it yet."""
    wanted = request.body
    made = service.create(request.caller, wanted.name, wanted.kind, request.made_id)
    return Answer(201, _view(made))


@endpoint(
    Who.MEMBER,
    query=PageQuery,
    answers={200: ChannelList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: ChannelService, request: Request[None, PageQuery]) -> Answer:
    """List channels, newest first: all for managers; public ones and one's own for members."""
    page = service.channels(request.caller, request.query.limit, request.query.cursor)
    items = [_view(each) for each in page.items]
    return Answer(200, ChannelList(items=items, next_cursor=page.next_cursor))


@endpoint(
    Who.MANAGER,
    body=ChangeChannel,
    answers={200: ChannelView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.NAME_TAKEN,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def change(service: ChannelService, request: Request[ChangeChannel, None]) -> Answer:
    """Rename, archive or unarchive a channel; who is in it stays in it."""
    wanted = request.body
    changed = service.change(
        request.caller, request.path["channel_id"], name=wanted.name, archived=wanted.archived
    )
    return Answer(200, _view(changed))


@endpoint(
    Who.MANAGER,
    query=PageQuery,
    answers={200: ChannelMemberList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_members(service: ChannelService, request: Request[None, PageQuery]) -> Answer:
    """List who is in a channel, those invited last first."""
    page = service.members(
        request.caller, request.path["channel_id"], request.query.limit, request.query.cursor
    )
    items = [ChannelMemberView.model_validate(each, from_attributes=True) for each in page.items]
    return Answer(200, ChannelMemberList(items=items, next_cursor=page.next_cursor))


@endpoint(
    Who.MANAGER,
    body=AddMembers,
    answers={204: None},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.CHANNEL_ARCHIVED,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def add_members(service: ChannelService, request: Request[AddMembers, None]) -> Answer:
    """Put members into a channel; who is in it stays."""
    service.add(request.caller, request.path["channel_id"], request.body.member_ids)
    return Answer(204)


@endpoint(Who.MANAGER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def take_out(service: ChannelService, request: Request[None, None]) -> Answer:
    """Take a member out of a channel."""
    service.take_out(request.caller, request.path["channel_id"], request.path["member_id"])
    return Answer(204)


@endpoint(
    Who.MEMBER,
    answers={204: None},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.CHANNEL_ARCHIVED,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def join(service: ChannelService, request: Request[None, None]) -> Answer:
    """Join a public channel."""
    service.join(request.caller, request.path["channel_id"])
    return Answer(204)


@endpoint(
    Who.MEMBER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.FORBIDDEN),
)
def leave(service: ChannelService, request: Request[None, None]) -> Answer:
    """Leave a public channel."""
    service.leave(request.caller, request.path["channel_id"])
    return Answer(204)


def _view(found: JoinedChannel) -> ChannelView:
    channel = found.channel
    return ChannelView(
        channel_id=channel.channel_id,
        name=channel.name,
        kind=channel.kind,
        archived=channel.archived,
        joined=found.joined,
    )
