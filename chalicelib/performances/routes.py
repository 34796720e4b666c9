"""Performing over HTTP, and one's own history."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.activities.model import SEND_REMINDER, DisclosureLanguage
from chalicelib.activities.problems import ActivityProblem
from chalicelib.foundation.fields import LINE
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.performances.model import Performance, Status
from chalicelib.performances.service import AccountRequired, PerformanceService
from chalicelib.performances.views import OwnPerformanceView, PerformanceList, view_of
from chalicelib.tiktok.consents.views import consent_cookie
from chalicelib.tiktok.problems import TikTokProblem

MAX_VERSION_LENGTH = 40


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


class Perform(Schema):
    """The member's acknowledgements before they send. The body is optional."""

    model_config = ConfigDict(extra="forbid")

    acknowledged_disclosure: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_VERSION_LENGTH,
            description="`disclosure_steps.version` of the feed item, once the member has ticked "
            "its text; needed unless that is null",
        ),
        LINE,
    ] = None
    disclosure_language: Annotated[
        DisclosureLanguage, Field(description="The language in which they read it")
    ] = DisclosureLanguage.ENGLISH


class Tried(Schema):
    """It is on its way to the manager's own inbox, outside points and reports."""

    performance_id: str
    status: Status
    caption: Annotated[str | None, Field(description="The text a member might be dealt")]
    reminder: str


@endpoint(
    RequiredRole.MEMBER,
    body=Perform,
    answers={202: Performed},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_NOT_STARTED,
        ActivityProblem.ACTIVITY_ENDED,
        ActivityProblem.DISCLOSURE_NOT_ACKNOWLEDGED,
        ActivityProblem.ALREADY_PERFORMED,
        TikTokProblem.TIKTOK_ACCOUNT_REQUIRED,
        TikTokProblem.TIKTOK_INBOX_FULL,
        ProblemCode.CHANGED_MEANWHILE,
        ProblemCode.TOO_MANY_REQUESTS,
    ),
    idempotent=True,
)
def perform(service: PerformanceService, request: Request[Perform, None]) -> Answer:
    """Perform an activity: send its video to your TikTok inbox, for its points.

    What has to be disclosed in TikTok is acknowledged first; the problem
    `disclosure_not_acknowledged` carries it as `disclosure_steps`.
    """
    version, language = request.body.acknowledged_disclosure, request.body.disclosure_language
    try:
        performance = service.perform(
            request.caller,
            request.path["activity_id"],
            request.correlation_id,
            request.made_id,
            service.new_disclosure_tick(version, language.value) if version else None,
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
            reminder=SEND_REMINDER,
        ),
    )


class Try(Schema):
    """Which video is tried. The body may be left out."""

    model_config = ConfigDict(extra="forbid")

    upload_id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_ID_LENGTH,
            description="Of several cuts, that of this upload; null: that which you would be dealt",
        ),
    ] = None


@endpoint(
    RequiredRole.MANAGER,
    body=Try,
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
def try_on_me(service: PerformanceService, request: Request[Try, None]) -> Answer:
    """Send an activity's video to your own TikTok inbox, to try it."""
    try:
        performance = service.send_trial(
            request.caller,
            request.path["activity_id"],
            request.correlation_id,
            request.made_id,
            request.body.upload_id,
        )
    except AccountRequired as required:
        raise _account_required(required, "Add your TikTok account, then try again.") from None
    return Answer(
        202,
        Tried(
            performance_id=performance.performance_id,
            status=performance.status,
            caption=performance.text.whole,
            reminder=SEND_REMINDER,
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


@endpoint(RequiredRole.MEMBER, answers={200: OwnPerformanceView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Read one of your performances: its state and next step."""
    performance = service.performance(request.caller, request.path["performance_id"])
    return Answer(200, _own_view(service, performance, request.caller))


@endpoint(RequiredRole.MEMBER, answers={200: OwnPerformanceView}, problems=(ProblemCode.NOT_FOUND,))
def mark_shared(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Mark a performance's video as shared by hand, outside your TikTok inbox.

    Its status, its points and its staging stay as they are.
    """
    performance = service.mark_shared(request.caller, request.path["performance_id"])
    return Answer(200, _own_view(service, performance, request.caller))


@endpoint(RequiredRole.MEMBER, answers={200: OwnPerformanceView}, problems=(ProblemCode.NOT_FOUND,))
def unmark_shared(service: PerformanceService, request: Request[None, None]) -> Answer:
    """Unmark a performance's video as shared by hand."""
    performance = service.unmark_shared(request.caller, request.path["performance_id"])
    return Answer(200, _own_view(service, performance, request.caller))


def _own_view(
    service: PerformanceService, performance: Performance, caller: Caller
) -> OwnPerformanceView:
    preview = service.preview(performance)
    return OwnPerformanceView(
        **dict(view_of(performance, caller)),
        video_url=preview.url,
        video_url_expires_at=preview.expires_at,
        video_content_type=performance.content_type,
        video_size_bytes=performance.size_bytes,
    )


def _account_required(required: AccountRequired, what_to_do: str) -> Problem:
    return Problem(
        TikTokProblem.TIKTOK_ACCOUNT_REQUIRED,
        what_to_do,
        members={"authorize_url": required.authorization.authorize_url},
        headers=consent_cookie(required.authorization),
    )
