"""A member's TikTok account over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.tiktok.service import AccountService


class AccountView(Schema):
    status: TikTokState
    display_name: str
    avatar_url: str | None
    connected_at: datetime
    next_step: Annotated[str | None, Field(description="What the member has to do, if anything")]
    views_offered: Annotated[
        bool, Field(description="Whether members here may allow that views of their posts are read")
    ]
    views_since: Annotated[
        datetime | None,
        Field(description="When you allowed that views of your posts are read; null: you do not"),
    ]


RECONNECT = "TikTok no longer lets Greenroom in. Add your account again."


@endpoint(RequiredRole.MEMBER, answers={200: AccountView}, problems=(ProblemCode.NOT_FOUND,))
def account(service: AccountService, request: Request[None, None]) -> Answer:
    """Read your TikTok account."""
    found = service.account(request.caller)
    connected = found.state is TikTokState.CONNECTED
    return Answer(
        200,
        AccountView(
            status=found.state,
            display_name=found.display_name,
            avatar_url=found.avatar_url,
            connected_at=found.connected_at,
            next_step=None if connected else RECONNECT,
            views_offered=service.offers_views,
            views_since=found.views_since,
        ),
    )
