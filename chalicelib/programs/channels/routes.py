"""Channels over HTTP: for managers to run, and for members to join and leave."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import Version
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.channels.service import ChannelService, ChannelWithMembership
from chalicelib.programs.model import ChannelKind, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.views import Name

MAX_AT_ONCE = 100


class NewChannel(Schema):
    model_config = ConfigDict(extra="forbid")

    name: Name
    kind: ChannelKind


class ChangeChannel(Schema):
    model_config = ConfigDict(extra="forbid")

    version: Version | None = None
    name: Name | None = None
    archived: bool | None = None


class AddMembers(Schema):
    model_config = ConfigDict(extra="forbid")

    member_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]],
        Field(min_length=1, max_length=MAX_AT_ONCE),
    ]


class ChannelView(Schema):
    channel_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    name: str
    kind: ChannelKind
    archived: Annotated[
        bool, Field(description="Nobody can join it, and nothing new can be addressed to it")
    ]
    joined: Annotated[bool, Field(description="Whether you are in it")]


class ChannelList(Schema):
    items: list[ChannelView]
    next_cursor: str | None


class ChannelMemberView(Schema):
    member_id: str
    email: str
    name: str
    role: Role
    status: MemberStatus


class ChannelMemberList(Schema):
    items: list[ChannelMemberView]
    next_cursor: str | None


@endpoint(
    RequiredRole.MANAGER,
    body=NewChannel,
    answers={201: ChannelView},
    problems=(ProblemCode.NAME_TAKEN, ProblemCode.LIMIT_REACHED),
    idempotent=True,
)
def create(service: ChannelService, request: Request[NewChannel, None]) -> Answer:
    """Create a channel."""
    wanted = request.body
    made = service.create(request.caller, wanted.name, wanted.kind, request.made_id)
    return Answer(201, _view(made))


@endpoint(
    RequiredRole.MEMBER,
    query=PageQuery,
    answers={200: ChannelList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: ChannelService, request: Request[None, PageQuery]) -> Answer:
    """List channels, newest first.

    Managers see all of them; members see public ones, and those they are in.
    """
    page = service.channels(request.caller, request.query.limit, request.query.cursor)
    items = [_view(each) for each in page.items]
    return Answer(200, ChannelList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
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
    """Rename, archive or unarchive a channel.

    Its members stay in it.
    """
    wanted = request.body
    changed = service.change(
        request.caller,
        request.path["channel_id"],
        name=wanted.name,
        archived=wanted.archived,
        version=wanted.version,
    )
    return Answer(200, _view(changed))


@endpoint(
    RequiredRole.MANAGER,
    query=PageQuery,
    answers={200: ChannelMemberList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_members(service: ChannelService, request: Request[None, PageQuery]) -> Answer:
    """List the members of a channel, last invited first."""
    page = service.channel_members(
        request.caller, request.path["channel_id"], request.query.limit, request.query.cursor
    )
    items = [ChannelMemberView.model_validate(each, from_attributes=True) for each in page.items]
    return Answer(200, ChannelMemberList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    body=AddMembers,
    answers={204: None},
    problems=(
        ProblemCode.NOT_FOUND,
        ProgramProblem.CHANNEL_ARCHIVED,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def add_members(service: ChannelService, request: Request[AddMembers, None]) -> Answer:
    """Add members to a channel."""
    service.add_members(request.caller, request.path["channel_id"], request.body.member_ids)
    return Answer(204)


@endpoint(RequiredRole.MANAGER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def remove_member(service: ChannelService, request: Request[None, None]) -> Answer:
    """Remove a member from a channel."""
    service.remove_member(request.caller, request.path["channel_id"], request.path["member_id"])
    return Answer(204)


@endpoint(
    RequiredRole.MEMBER,
    answers={204: None},
    problems=(
        ProblemCode.NOT_FOUND,
        ProgramProblem.CHANNEL_ARCHIVED,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def join(service: ChannelService, request: Request[None, None]) -> Answer:
    """Join a channel."""
    service.join(request.caller, request.path["channel_id"])
    return Answer(204)


@endpoint(
    RequiredRole.MEMBER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.FORBIDDEN),
)
def leave(service: ChannelService, request: Request[None, None]) -> Answer:
    """Leave a channel."""
    service.leave(request.caller, request.path["channel_id"])
    return Answer(204)


def _view(found: ChannelWithMembership) -> ChannelView:
    channel = found.channel
    return ChannelView(
        channel_id=channel.channel_id,
        version=channel.version,
        name=channel.name,
        kind=channel.kind,
        archived=channel.archived,
        joined=found.joined,
    )
