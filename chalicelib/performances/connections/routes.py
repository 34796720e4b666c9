"""Coming back from TikTok's consent page, and disconnecting, over HTTP."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from pydantic import ConfigDict, Field

from chalicelib.activities.model import SEND_REMINDER
from chalicelib.foundation.cookies import read_cookie
from chalicelib.foundation.html_pages import PageText
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.performances.connections.service import ConnectionService
from chalicelib.tiktok.consents.views import COOKIE
from chalicelib.tiktok.problems import TikTokProblem

MAX_QUERY_VALUE = 2048


class CallbackQuery(Schema):
    """The parameters of TikTok's redirect; further ones are ignored."""

    model_config = ConfigDict(extra="ignore")

    state: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] = ""
    code: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] | None = None
    error: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] | None = None


class ConnectedView(Schema):
    """The account is connected; if a send waited for that, what became of it."""

    message: str
    display_name: str
    performance_id: str | None
    points_awarded: int | None
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    problem: Annotated[
        str | None, Field(description="The problem code, if the send could not be made")
    ]


@endpoint(
    RequiredRole.ANYONE,
    query=CallbackQuery,
    answers={200: ConnectedView, 303: None},
    problems=(
        TikTokProblem.TIKTOK_STATE_INVALID,
        TikTokProblem.TIKTOK_CONSENT_DENIED,
        TikTokProblem.TIKTOK_CODE_REFUSED,
        TikTokProblem.TIKTOK_SCOPE_MISSING,
        TikTokProblem.TIKTOK_ACCOUNT_TAKEN,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    page=True,
)
def callback(service: ConnectionService, request: Request[None, CallbackQuery]) -> Answer:
    """Complete the TikTok consent redirect."""
    query, nonce = request.query, read_cookie(request.headers, COOKIE)
    try:
        connected = service.connect(query.state, nonce, query.code, query.error)
    except Problem as problem:
        result = _CONSENT_RESULTS.get(problem.code, "failed")
        if result == "consent_expired" and not nonce:
            result = "cookie_missing"  # it ended in another browser than it began in
        path = connected_path(result=result, activity=problem.activity_id)
        raise replace(problem, console_path=path) from problem
    message = "You can close this page and go back to Greenroom."
    made, caption = connected.performance, None
    if made:
        caption = made.text.whole
        message = f"Your video is on its way{_points_earned_text(made.points)}. {SEND_REMINDER}"
        message += " This is the text to copy into it:" if caption else ""
    elif connected.problem:
        message = f"Your account is connected, but: {connected.problem.detail}"
    elif connected.views is False:
        message = f"Views of your posts are not read: you did not allow it at TikTok. {message}"
    return Answer(
        200,
        ConnectedView(
            message=message,
            display_name=connected.display_name,
            performance_id=made.performance_id if made else None,
            points_awarded=made.points if made else None,
            caption=caption,
            problem=connected.problem.code.code if connected.problem else None,
        ),
        page_text=PageText(
            f"Your TikTok account {connected.display_name} is connected", message, caption
        ),
        console_path=connected_path(
            result="connected",
            activity=made.activity_id if made else connected.activity_id,
            performance=made.performance_id if made else None,
            problem=connected.problem.code.code if connected.problem else None,
            views=None if connected.views is None else ("on" if connected.views else "off"),
        ),
    )


_CONSENT_RESULTS: dict[Code, str] = {
    TikTokProblem.TIKTOK_CONSENT_DENIED: "denied",
    TikTokProblem.TIKTOK_SCOPE_MISSING: "scope_missing",
    TikTokProblem.TIKTOK_ACCOUNT_TAKEN: "account_taken",
    TikTokProblem.TIKTOK_STATE_INVALID: "consent_expired",
}


def connected_path(**told: str | None) -> str:
    """Return the console's address that says how a consent ended: ids and words, no secret."""
    return "/connected?" + urlencode({name: value for name, value in told.items() if value})


def _points_earned_text(points: int) -> str:
    return f" and brought you {points} point{'' if points == 1 else 's'}" if points else ""


@endpoint(RequiredRole.MEMBER, answers={204: None}, problems=(ProblemCode.CHANGED_MEANWHILE,))
def disconnect(service: ConnectionService, request: Request[None, None]) -> Answer:
    """Disconnect your TikTok account."""
    service.disconnect(request.caller)
    return Answer(204)
