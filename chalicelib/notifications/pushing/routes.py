"""A member's browsers that take pushes, over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.addresses import MAX_URL
from chalicelib.foundation.fields import LINE
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema
from chalicelib.notifications.model import Language
from chalicelib.notifications.pushing.model import MAX_DEVICES, MAX_LABEL_LENGTH
from chalicelib.notifications.pushing.service import (
    PushOverview,
    PushService,
    Subscription,
)

_MAX_KEY = 100


Key = Annotated[str, Field(min_length=1, max_length=_MAX_KEY, description="base64url"), LINE]


class NewPushDevice(Schema):
    """The result of the browser's `pushManager.subscribe()`."""

    model_config = ConfigDict(extra="forbid")

    endpoint: Annotated[
        str, Field(min_length=1, max_length=MAX_URL, description="https:// and a public host"), LINE
    ]
    p256dh: Key
    auth: Key
    label: Annotated[
        str, Field(min_length=1, max_length=MAX_LABEL_LENGTH, examples=["Chrome, Android"]), LINE
    ]
    language: Language


class PushDeviceView(Schema):
    device_id: str
    label: str
    added_at: datetime


class PushView(Schema):
    """The browsers that are sent a push when a video arrives in the TikTok inbox."""

    public_key: Annotated[str, Field(description="The applicationServerKey to subscribe with")]
    devices: list[PushDeviceView]
    limit: Annotated[int, Field(description="How many devices a member may have")]


@endpoint(RequiredRole.MEMBER, answers={200: PushView})
def read(service: PushService, request: Request[None, None]) -> Answer:
    """Read the push key and your push devices."""
    return Answer(200, _view(service.overview(request.caller)))


@endpoint(
    RequiredRole.MEMBER,
    body=NewPushDevice,
    answers={200: PushView},
    problems=(ProblemCode.LIMIT_REACHED,),
)
def subscribe(service: PushService, request: Request[NewPushDevice, None]) -> Answer:
    """Add a push device, or update its keys."""
    wanted = request.body
    subscription = Subscription(wanted.endpoint, wanted.p256dh, wanted.auth)
    overview = service.subscribe(request.caller, subscription, wanted.label, wanted.language.value)
    return Answer(200, _view(overview))


@endpoint(RequiredRole.MEMBER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def unsubscribe(service: PushService, request: Request[None, None]) -> Answer:
    """Remove one of your push devices."""
    service.unsubscribe(request.caller, request.path["device_id"])
    return Answer(204)


@endpoint(RequiredRole.MEMBER, answers={204: None})
def unsubscribe_all(service: PushService, request: Request[None, None]) -> Answer:
    """Remove all your push devices."""
    service.unsubscribe_all(request.caller)
    return Answer(204)


def _view(overview: PushOverview) -> PushView:
    return PushView(
        public_key=overview.public_key,
        devices=[
            PushDeviceView(device_id=each.device_id, label=each.label, added_at=each.added_at)
            for each in overview.devices
        ],
        limit=MAX_DEVICES,
    )
