"""TikTok's webhooks over HTTP."""

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.schemas import Schema
from chalicelib.performances.tiktok_webhooks.service import TikTokWebhooks
from chalicelib.tiktok.problems import TikTokProblem


class Received(Schema):
    """The event was read. The answer does not say whether it changed anything."""

    received: bool


@endpoint(
    RequiredRole.ANYONE,
    answers={200: Received},
    problems=(TikTokProblem.SIGNATURE_REFUSED, TikTokProblem.MALFORMED_EVENT),
    raw=True,
)
def receive(service: TikTokWebhooks, request: Request[None, None]) -> Answer:
    """Receive a signed webhook from TikTok."""
    service.handle_webhook(request.headers.get("tiktok-signature"), request.raw)
    return Answer(200, Received(received=True))
