"""Taking back over HTTP that views of one's posts are read."""

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.performances.counts.service import PostStatistics


@endpoint(RequiredRole.MEMBER, answers={204: None})
def end(service: PostStatistics, request: Request[None, None]) -> Answer:
    """Withdraw consent to view counts and delete those read.

    Your TikTok account stays connected.
    """
    service.revoke_views_consent(request.caller)
    return Answer(204)
