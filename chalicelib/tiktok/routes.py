"""A member's TikTok account over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.tiktok.service import AccountService
from chalicelib.tiktok.views import consent_cookie


class AuthorizationView(BaseModel):
    """Send the member's browser here; the answer's cookie has to come back with it."""

    authorize_url: str


class AccountView(BaseModel):
    status: TikTokState
    display_name: str
    avatar_url: str | None
    connected_at: datetime
    next_step: Annotated[str | None, Field(description="What the member has to do, if anything")]


RECONNECT = "TikTok does not let Greenroom in any more. Add your account again."


@endpoint(Who.MEMBER, answers={200: AuthorizationView})
def authorize(service: AccountService, request: Request[None, None]) -> Answer:
    """Begin to connect one's TikTok account."""
    begun = service.authorize(request.caller, request.correlation_id)
    return Answer(200, AuthorizationView(authorize_url=begun.authorize_url), consent_cookie(begun))


@endpoint(Who.MEMBER, answers={200: AccountView}, problems=(ProblemCode.NOT_FOUND,))
def account(service: AccountService, request: Request[None, None]) -> Answer:
    """Read one's TikTok account."""
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
        ),
    )
