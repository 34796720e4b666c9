"""Webhooks over HTTP: the managers' list, the secret, test events and the log of deliveries."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from chalicelib.foundation.addresses import MAX_URL
from chalicelib.foundation.fields import LINE, Version
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.webhooks.model import (
    MAX_NAME_LENGTH,
    Delivery,
    DeliveryState,
    EventType,
    Format,
    Language,
    Webhook,
    WebhookState,
)
from chalicelib.webhooks.service import WebhookService

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH), LINE]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_URL,
        examples=["https://hooks.example/greenroom"],
        description="https:// and a public host name. Nobody is shown all of it again",
    ),
    LINE,
]
Types = Annotated[
    list[EventType], Field(max_length=len(EventType), description="None: all, also later ones")
]


class SettableState(StrEnum):
    """What a manager may set; a webhook becomes `disabled` by itself."""

    ACTIVE = WebhookState.ACTIVE.value
    PAUSED = WebhookState.PAUSED.value


class NewWebhook(Schema):
    model_config = ConfigDict(extra="forbid")

    name: Name
    url: Url
    format: Format = Format.JSON
    language: Annotated[Language, Field(description="Of messages for Slack and Teams")] = (
        Language.ENGLISH
    )
    types: Types = []  # noqa: RUF012  pydantic copies it


UNCHANGED: Any = Field(default_factory=lambda: None)
"""For a field that may be left out: no value stands for that, and the document shows none."""


class WebhookChanges(Schema):
    """Fields to change; a field that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    name: Name = UNCHANGED
    url: Url = UNCHANGED
    format: Format = UNCHANGED
    language: Language = UNCHANGED
    types: Types = UNCHANGED
    state: SettableState = UNCHANGED


class WebhookView(Schema):
    """A webhook. `disabled`: for three days nothing got through; set it `active` again."""

    webhook_id: str
    version: Annotated[int, Field(description="Counts its changes")]
    name: str
    url: Annotated[str, Field(description="Shortened: the rest may be a secret")]
    format: Format
    language: Language
    types: list[str]
    state: WebhookState
    failing_since: Annotated[
        datetime | None, Field(description="Nothing got through since this first failed try")
    ]
    disabled_at: datetime | None
    created_at: datetime
    created_by: str


class WebhookList(Schema):
    items: list[WebhookView]
    next_cursor: Annotated[None, Field(description="All are on one page")]


class NewSecretView(Schema):
    """Keep `secret` now: it is not shown again."""

    secret: Annotated[str, Field(description="For `webhook-signature`, whsec_ and base64")]
    previous_valid_until: Annotated[
        datetime | None,
        Field(description="Until then requests are signed with the one before, too"),
    ]


class DeliveryView(Schema):
    """An event for a webhook; `status`, `error` and `milliseconds` are those of the last try."""

    event_id: str
    event_type: str
    occurred_at: datetime
    state: DeliveryState
    tries: int
    tried_at: datetime | None
    next_try_at: datetime | None
    status: Annotated[int | None, Field(description="The HTTP status, if the receiver answered")]
    error: Annotated[str | None, Field(description="A code of why it did not get through")]
    milliseconds: int | None


class DeliveryList(Schema):
    items: list[DeliveryView]
    next_cursor: str | None


@endpoint(
    RequiredRole.MANAGER,
    body=NewWebhook,
    answers={201: WebhookView},
    problems=(ProblemCode.LIMIT_REACHED,),
    idempotent=True,
)
def create(service: WebhookService, request: Request[NewWebhook, None]) -> Answer:
    """Create a webhook."""
    body = request.body
    webhook = service.create(
        request.caller,
        name=body.name,
        url=body.url,
        format=body.format,
        language=body.language,
        types=body.types,
        made_id=request.made_id,
    )
    return Answer(201, _view(webhook))


@endpoint(RequiredRole.MANAGER, answers={200: WebhookList})
def list_all(service: WebhookService, request: Request[None, None]) -> Answer:
    """List webhooks, oldest first."""
    items = [_view(each) for each in service.webhooks(request.caller)]
    return Answer(200, WebhookList(items=items, next_cursor=None))


@endpoint(RequiredRole.MANAGER, answers={200: WebhookView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: WebhookService, request: Request[None, None]) -> Answer:
    """Read a webhook."""
    return Answer(200, _view(service.webhook(request.caller, request.path["webhook_id"])))


@endpoint(
    RequiredRole.MANAGER,
    body=WebhookChanges,
    answers={200: WebhookView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def change(service: WebhookService, request: Request[WebhookChanges, None]) -> Answer:
    """Change, pause or resume a webhook."""
    changes = request.body.model_dump(exclude_unset=True, exclude={"version"})
    if "types" in changes:
        changes["types"] = frozenset(changes["types"])
    if "state" in changes:
        changes["state"] = WebhookState(changes["state"])
    webhook = service.change(
        request.caller, request.path["webhook_id"], request.body.version, **changes
    )
    return Answer(200, _view(webhook))


@endpoint(RequiredRole.MANAGER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def remove(service: WebhookService, request: Request[None, None]) -> Answer:
    """Remove a webhook; pending deliveries are dropped."""
    service.remove(request.caller, request.path["webhook_id"])
    return Answer(204)


@endpoint(
    RequiredRole.MANAGER,
    answers={200: NewSecretView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def rotate_secret(service: WebhookService, request: Request[None, None]) -> Answer:
    """Rotate a webhook's secret; the new one is shown once."""
    _, secrets = service.rotate_secret(request.caller, request.path["webhook_id"])
    view = NewSecretView(secret=secrets.current, previous_valid_until=secrets.previous_until)
    return Answer(200, view, {"Cache-Control": "no-store"})


@endpoint(
    RequiredRole.MANAGER,
    answers={202: DeliveryView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.TOO_MANY_REQUESTS),
)
def test(service: WebhookService, request: Request[None, None]) -> Answer:
    """Send a test event; see the delivery log for the result."""
    delivery = service.test(request.caller, request.path["webhook_id"])
    return Answer(202, _delivery_view(delivery))


@endpoint(
    RequiredRole.MANAGER,
    query=PageQuery,
    answers={200: DeliveryList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_deliveries(service: WebhookService, request: Request[None, PageQuery]) -> Answer:
    """List a webhook's deliveries of the last 30 days, newest first."""
    page = service.deliveries(
        request.caller, request.path["webhook_id"], request.query.limit, request.query.cursor
    )
    items = [_delivery_view(each) for each in page.items]
    return Answer(200, DeliveryList(items=items, next_cursor=page.next_cursor))


def _view(webhook: Webhook) -> WebhookView:
    return WebhookView(
        webhook_id=webhook.webhook_id,
        version=webhook.version,
        name=webhook.name,
        url=webhook.shown_url,
        format=webhook.format,
        language=webhook.language,
        types=sorted(webhook.types),
        state=webhook.state,
        failing_since=webhook.failing_since,
        disabled_at=webhook.disabled_at,
        created_at=webhook.created_at,
        created_by=webhook.created_by,
    )


def _delivery_view(delivery: Delivery) -> DeliveryView:
    waits = delivery.state is DeliveryState.WAITING
    return DeliveryView(
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        occurred_at=delivery.occurred_at,
        state=delivery.state,
        tries=delivery.tries,
        tried_at=delivery.tried_at,
        next_try_at=delivery.due_at if waits and not delivery.is_test else None,
        status=delivery.status,
        error=delivery.error,
        milliseconds=delivery.milliseconds,
    )
