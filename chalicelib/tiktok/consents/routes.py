"""Beginning a consent over HTTP. TikTok leads the browser back to `performances.callback`."""

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.tiktok.consents.service import ConsentService
from chalicelib.tiktok.consents.views import consent_cookie
from chalicelib.tiktok.problems import TikTokProblem


class AuthorizationView(Schema):
    """Send the member's browser here; the answer's cookie has to come back with it."""

    authorize_url: str


@endpoint(
    RequiredRole.MEMBER,
    answers={200: AuthorizationView},
    problems=(ProblemCode.TOO_MANY_REQUESTS,),
)
def begin(service: ConsentService, request: Request[None, None]) -> Answer:
    """Begin to connect your TikTok account."""
    begun = service.begin_consent(request.caller, request.correlation_id)
    return Answer(200, AuthorizationView(authorize_url=begun.authorize_url), consent_cookie(begun))


@endpoint(
    RequiredRole.MEMBER,
    answers={200: AuthorizationView},
    problems=(ProblemCode.TOO_MANY_REQUESTS, TikTokProblem.TIKTOK_VIEWS_OFF),
)
def begin_views(service: ConsentService, request: Request[None, None]) -> Answer:
    """Begin to allow reading the views of your posts.

    TikTok asks you for that permission beside those that Greenroom has.
    """
    begun = service.begin_consent(request.caller, request.correlation_id, views=True)
    return Answer(200, AuthorizationView(authorize_url=begun.authorize_url), consent_cookie(begun))
