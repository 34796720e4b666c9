"""Performing over HTTP, one's own history, and TikTok's two ways in."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.activities.model import REMINDER
from chalicelib.foundation.http import Answer, Request, Who, Words, endpoint
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.performances.model import Status
from chalicelib.performances.service import AccountRequired, PerformanceService
from chalicelib.performances.views import PerformanceList, PerformanceView, view_of
from chalicelib.tiktok.views import COOKIE, consent_cookie

MAX_QUERY_VALUE = 2048


class Performed(BaseModel):
    """It is on its way; the reminder says what is left to do."""

    performance_id: str
    status: Status
    points_awarded: int
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    reminder: str


class Tried(BaseModel):
    """It is on its way to the manager's own inbox, outside points and reports."""

    performance_id: str
    status: Status
    caption: Annotated[str | None, Field(description="The text a member might be dealt")]
    reminder: str


class CallbackQuery(BaseModel):
    """What TikTok brings back; it may bring more, which is not looked at."""

    model_config = ConfigDict(extra="ignore")

    state: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] = ""
    code: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] | None = None
    error: Annotated[str, Field(max_length=MAX_QUERY_VALUE)] | None = None


class ConnectedView(BaseModel):
    """The account is connected; if a send waited for that, what became of it."""

    message: str
    display_name: str
    performance_id: str | None
    points_awarded: int | None
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    problem: Annotated[str | None, Field(description="Why the send could not be made: its code")]


class Received(BaseModel):
    """The event was read. Whether it changed anything is ours to know."""

    received: bool


@endpoint(
    Who.MEMBER,
    answers={202: Performed},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_NOT_STARTED,
        ProblemCode.ACTIVITY_ENDED,
        ProblemCode.ALREADY_PERFORMED,
        ProblemCode.TIKTOK_ACCOUNT_REQUIRED,
        ProblemCode.TIKTOK_INBOX_FULL,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def perform(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Send an activity's video to one's own TikTok inbox, and be awarded its points."""
    try:
        performance = service.perform(
            request.caller, request.path["activity_id"], request.correlation_id, request.made_id
        )
    except AccountRequired as required:
        raise _account_required(
            required, "Add your TikTok account; the video is sent by itself after that."
        ) from None
    return Answer(
        202,
        Performed(
            performance_id=performance.performance_id,
            status=performance.status,
            points_awarded=performance.points,
            caption=performance.text.whole,
            reminder=REMINDER,
        ),
    )


@endpoint(
    Who.MANAGER,
    answers={202: Tried},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_PROCESSING,
        ProblemCode.ACTIVITY_REJECTED,
        ProblemCode.ACTIVITY_ENDED,
        ProblemCode.TIKTOK_ACCOUNT_REQUIRED,
        ProblemCode.TIKTOK_INBOX_FULL,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def try_on_me(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Send an activity's video to one's own TikTok inbox to see what members get."""
    try:
        performance = service.try_on(
            request.caller, request.path["activity_id"], request.correlation_id, request.made_id
        )
    except AccountRequired as required:
        raise _account_required(required, "Add your TikTok account, then try again.") from None
    return Answer(
        202,
        Tried(
            performance_id=performance.performance_id,
            status=performance.status,
            caption=performance.text.whole,
            reminder=REMINDER,
        ),
    )


@endpoint(
    Who.MEMBER,
    query=PageQuery,
    answers={200: PerformanceList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: PerformanceService, request: Request[None, PageQuery]) -> Answer:
    """List what one has performed, newest first."""
    page = service.performances(request.caller, request.query.limit, request.query.cursor)
    items = [view_of(performance, request.caller) for performance in page.items]
    return Answer(200, PerformanceList(items=items, next_cursor=page.next_cursor))


@endpoint(Who.MEMBER, answers={200: PerformanceView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Read one of one's own performances: where it is, and what is left to do."""
    performance = service.performance(request.caller, request.path["performance_id"])
    return Answer(200, view_of(performance, request.caller))


@endpoint(
    Who.ANYONE,
    query=CallbackQuery,
    answers={200: ConnectedView},
    problems=(
        ProblemCode.TIKTOK_STATE_INVALID,
        ProblemCode.TIKTOK_CONSENT_DENIED,
        ProblemCode.TIKTOK_CODE_REFUSED,
        ProblemCode.TIKTOK_SCOPE_MISSING,
        ProblemCode.TIKTOK_ACCOUNT_TAKEN,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    page=True,
)
def callback(service: PerformanceService, request: Request[None, CallbackQuery]) -> Answer:
    """Come back from TikTok's consent page: the account is connected, a waiting send is made."""
    query = request.query
    connected = service.connect(query.state, _nonce(request), query.code, query.error)
    message = "You can close this page and go back to Greenroom."
    made, caption = connected.performance, None
    if made:
        caption = made.text.whole
        message = f"Your video is on its way{_brought(made.points)}. {REMINDER}"
        message += " This is the text to copy into it:" if caption else ""
    elif connected.problem:
        message = f"Your account is connected, but: {connected.problem.detail}"
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
        words=Words(f"Your TikTok account {connected.display_name} is connected", message, caption),
    )


def _brought(points: int) -> str:
    return f" and brought you {points} point{'' if points == 1 else 's'}" if points else ""


@endpoint(Who.MEMBER, answers={204: None}, problems=(ProblemCode.CHANGED_MEANWHILE,))
def disconnect(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Disconnect TikTok: revoke there, forget the tokens, settle what was not sent yet."""
    service.disconnect(request.caller)
    return Answer(204)


@endpoint(
    Who.ANYONE,
    answers={200: Received},
    problems=(ProblemCode.SIGNATURE_REFUSED, ProblemCode.MALFORMED_EVENT),
)
def webhook(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Hear from TikTok what became of a video or a consent; the raw bytes are signed."""
    service.hear(request.headers.get("tiktok-signature"), request.raw)
    return Answer(200, Received(received=True))


def _account_required(required: AccountRequired, what_to_do: str) -> Problem:
    return Problem(
        ProblemCode.TIKTOK_ACCOUNT_REQUIRED,
        what_to_do,
        members={"authorize_url": required.authorization.authorize_url},
        headers=consent_cookie(required.authorization),
    )


def _nonce(request: Request[None, CallbackQuery]) -> str:
    """Find the consent's cookie among all that a browser sends, however odd the others are."""
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""
