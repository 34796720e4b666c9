"""The plan of the house: every route and every Lambda, at a glance.

Handlers live in the rooms (`chalicelib/<room>/routes.py`, `worker.py`) and are imported when they
are first called: each Lambda shares this file and pays at its start only for what it uses.
"""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib.composition import House
from chalicelib.foundation.http import Door
from chalicelib.foundation.identity import TokenRefused

app = Chalice("greenroom")
house = House()


class Unauthorized(Exception):
    """API Gateway answers 401 to this very word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@app.authorizer()
def authorizer(request: AuthRequest) -> AuthResponse:
    """Check the ID token; who may do what is the handler's business."""
    try:
        claims = house.tokens.verify(request.token)
    except TokenRefused:
        raise Unauthorized from None
    return AuthResponse(routes=["*"], principal_id=claims.subject, context=claims.to_context())


door = Door(
    app,
    authorizer,
    house.clock,
    service_of=house.service_of,
    caller_of=lambda claims: house.programs.caller(claims),  # noqa: PLW0108  not before it is asked
    idempotency_of=lambda: house.idempotency,
)

door.open("GET   /health", "foundation.health", public=True)
door.open("GET   /me", "points.me")
door.open("PATCH /me", "points.change_me")
door.open("GET   /program", "programs.read")
door.open("PATCH /program", "programs.change")
door.open("POST  /members", "programs.members.invite")
door.open("POST  /members/{member_id}/invite", "programs.members.invite_again")
door.open("POST  /members/import", "programs.members.import_roster")
door.open("GET   /members", "programs.members.list_newest")
door.open("GET   /members/{member_id}", "programs.members.read")
door.open("PATCH /members/{member_id}", "programs.members.change")
door.open("DELETE /members/{member_id}", "programs.members.remove")
door.open("POST  /channels", "programs.channels.create")
door.open("GET   /channels", "programs.channels.list_newest")
door.open("PATCH /channels/{channel_id}", "programs.channels.change")
door.open("GET   /channels/{channel_id}/members", "programs.channels.list_members")
door.open("POST  /channels/{channel_id}/members", "programs.channels.add_members")
door.open("PUT   /channels/{channel_id}/members/me", "programs.channels.join")
door.open("DELETE /channels/{channel_id}/members/me", "programs.channels.leave")
door.open("DELETE /channels/{channel_id}/members/{member_id}", "programs.channels.take_out")
door.open("POST  /campaigns", "programs.campaigns.create")
door.open("GET   /campaigns", "programs.campaigns.list_newest")
door.open("PATCH /campaigns/{campaign_id}", "programs.campaigns.change")
door.open("GET   /leaderboard", "points.leaderboard")
door.open("POST  /uploads", "videos.ask")
door.open("GET   /uploads/{upload_id}", "videos.read")
door.open("POST  /activities", "activities.create")
door.open("GET   /activities", "activities.list_newest")
door.open("GET   /activities/{activity_id}", "activities.read")
door.open("PATCH /activities/{activity_id}", "activities.edit")
door.open("POST  /activities/{activity_id}/end", "activities.end")
door.open("POST  /activities/{activity_id}/duplicate", "activities.duplicate")
door.open("POST  /activities/{activity_id}/archive", "activities.archive")
door.open("POST  /activities/{activity_id}/try", "performances.try_on_me")
door.open("GET   /feed", "activities.feed")
door.open("GET   /feed/{activity_id}", "activities.feed_item")
door.open("POST  /activities/{activity_id}/dismiss", "activities.dismiss")
door.open("DELETE /activities/{activity_id}/dismiss", "activities.undismiss")
door.open("POST  /activities/{activity_id}/perform", "performances.perform")
door.open("GET   /performances", "performances.list_newest")
door.open("GET   /performances/{performance_id}", "performances.read")
door.open("POST  /tiktok/connect", "tiktok.authorize")
door.open("GET   /tiktok/account", "tiktok.account")
door.open("DELETE /tiktok/account", "performances.disconnect")
door.open("GET   /tiktok/callback", "performances.callback", public=True)
door.open("POST  /tiktok/webhook", "performances.webhook", public=True)


# The event sources named here are placeholders: infra/functions.yaml puts the stack's own there.


@app.schedule("rate(1 minute)")
def invite(event: CloudWatchEvent) -> int:
    """The clock ticked: people who were invited may have to be mailed."""
    from chalicelib.programs.members import worker

    return worker.invite(house.invitations, event.context)


@app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:arrivals", batch_size=1)
def validate(event: SQSEvent) -> Any:
    """A file arrived in `incoming/`."""
    from chalicelib.videos import worker

    return worker.validate(house.videos, event.to_dict(), event.context)


@app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:arrivals-failed", batch_size=1)
def give_up(event: SQSEvent) -> Any:
    """A file could not be examined, however often that was tried."""
    from chalicelib.videos import worker

    return worker.give_up(house.videos, event.to_dict(), event.context)


@app.schedule("rate(1 minute)")
def look_again(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """The clock ticked: uploads may be stuck, or never have got their file."""
    from chalicelib.videos import worker

    return worker.look_again(house.lost_and_found)


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/uploads/stream/0", batch_size=10
)
def settle(event: DynamoDBEvent) -> Any:
    """An upload was decided: activities may be waiting for it."""
    from chalicelib.activities import worker

    return worker.settle(house.activity_lifecycle, event.to_dict(), event.context)


@app.schedule("rate(1 minute)")
def expire(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """The clock ticked: activities may have ended."""
    from chalicelib.activities import worker

    return worker.expire(house.activity_lifecycle)


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/performances/stream/0", batch_size=10
)
def enqueue(event: DynamoDBEvent) -> Any:
    """A performance was made: its staging is due."""
    from chalicelib.performances import worker

    return worker.enqueue(house.staging_queue, event.to_dict(), event.context)


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/programs/stream/0", batch_size=10
)
def depart(event: DynamoDBEvent) -> Any:
    """A member was removed: their TikTok account goes, and what was not sent yet."""
    from chalicelib.performances import worker

    return worker.depart(house.performances, event.to_dict(), event.context)


@app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:staging", batch_size=1)
def stage(event: SQSEvent) -> Any:
    """A performance is due: into the member's TikTok inbox with it."""
    from chalicelib.performances import worker

    return worker.stage(house.stager, event.to_dict(), event.context)


@app.schedule("rate(1 minute)")
def follow_up(event: CloudWatchEvent) -> int:
    """The clock ticked: performances may be stuck, or sends waiting for their connection."""
    from chalicelib.performances import worker

    return worker.follow_up(house.follow_up, house.performances, event.context)


@app.schedule("rate(1 hour)")
def renew(event: CloudWatchEvent) -> int:
    """The clock ticked: TikTok accounts may be about to lapse, or belong to who was removed."""
    from chalicelib.tiktok import worker

    return worker.renew(house.tiktok, event.context)


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/points/stream/0", batch_size=100
)
def count(event: DynamoDBEvent) -> Any:
    """Ledgers grew: what their entries are worth is counted."""
    from chalicelib.points import worker

    return worker.count(house.counter, event.to_dict(), event.context)


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/programs/stream/0", batch_size=100
)
def notice(event: DynamoDBEvent) -> Any:
    """People or settings changed: boards show them."""
    from chalicelib.points import worker

    return worker.notice(house.snapshots, event.to_dict(), event.context)


@app.schedule("rate(1 minute)")
def rank(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """The clock ticked: boards may be due."""
    from chalicelib.points import worker

    return worker.rank(house.snapshots)
