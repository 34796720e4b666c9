"""Performing over HTTP, and one's own history."""

from typing import Annotated

from pydantic import Field

from chalicelib.activities.model import REMINDER
from chalicelib.activities.problems import ActivityProblem
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.performances.model import Status
from chalicelib.performances.service import AccountRequired, PerformanceService
from chalicelib.performances.views import PerformanceList, PerformanceView, view_of
from chalicelib.tiktok.consents.views import consent_cookie
from chalicelib.tiktok.problems import TikTokProblem


class Performed(Schema):
    """It is on its way; the reminder says what is left to do."""

    performance_id: str
    status: Status
    points_awarded: int
    posted_bonus: Annotated[int, Field(description="Extra points when you post it; 0: none")]
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    reminder: str


class Tried(Schema):
    """It is on its way to the manager's own inbox, outside points and reports."""

    performance_id: str
    status: Status
    caption: Annotated[str | None, Field(description="The text a member might be dealt")]
    reminder: str


@endpoint(
    RequiredRole.MEMBER,
    answers={202: Performed},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_NOT_STARTED,
        ActivityProblem.ACTIVITY_ENDED,
        ActivityProblem.ALREADY_PERFORMED,
        TikTokProblem.TIKTOK_ACCOUNT_REQUIRED,
        TikTokProblem.TIKTOK_INBOX_FULL,
        ProblemCode.CHANGED_MEANWHILE,
        ProblemCode.TOO_MANY_REQUESTS,
    ),
    idempotent=True,
)
def perform(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Perform an activity: send its video to your TikTok inbox, for its points."""
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
            posted_bonus=performance.posted_bonus,
            caption=performance.text.whole,
            reminder=REMINDER,
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    answers={202: Tried},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_PROCESSING,
        ActivityProblem.ACTIVITY_REJECTED,
        ActivityProblem.ACTIVITY_ENDED,
        TikTokProblem.TIKTOK_ACCOUNT_REQUIRED,
        TikTokProblem.TIKTOK_INBOX_FULL,
        ProblemCode.CHANGED_MEANWHILE,
        ProblemCode.TOO_MANY_REQUESTS,
    ),
    idempotent=True,
)
def try_on_me(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Send an activity's video to your own TikTok inbox, to try it."""
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
    RequiredRole.MEMBER,
    query=PageQuery,
    answers={200: PerformanceList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: PerformanceService, request: Request[None, PageQuery]) -> Answer:
    """List your performances, newest first."""
    page = service.performances(request.caller, request.query.limit, request.query.cursor)
    items = [view_of(performance, request.caller) for performance in page.items]
    return Answer(200, PerformanceList(items=items, next_cursor=page.next_cursor))


@endpoint(RequiredRole.MEMBER, answers={200: PerformanceView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Read a performance of yours: its state, and what is left to do."""
    performance = service.performance(request.caller, request.path["performance_id"])
    return Answer(200, view_of(performance, request.caller))


def _account_required(required: AccountRequired, what_to_do: str) -> Problem:
    return Problem(
        TikTokProblem.TIKTOK_ACCOUNT_REQUIRED,
        what_to_do,
        members={"authorize_url": required.authorization.authorize_url},
        headers=consent_cookie(required.authorization),
    )
