"""Activities over HTTP: the manager's side and the member's feed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.activities.model import (
    DEFAULT_INSTRUCTIONS,
    MAX_INSTRUCTIONS,
    MAX_POINTS,
    REMINDER,
    Activity,
    ActivityStatus,
    Network,
)
from chalicelib.activities.service import ActivityService
from chalicelib.activities.service import NewActivity as Wanted
from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.programs.model import local_time
from chalicelib.videos.model import Preview
from chalicelib.videos.views import VideoProblemView, VideoView

WallClock = Annotated[
    str,
    Field(
        max_length=25,
        examples=["2027-01-15T09:00"],
        description="Wall-clock time in your own time zone; an offset may be added",
    ),
]


class ActionKind(StrEnum):
    SEND_TO_TIKTOK = "send_to_tiktok"
    ADD_ACCOUNT_AND_SEND = "add_account_and_send"


LABELS = {
    ActionKind.SEND_TO_TIKTOK: "Send to TikTok",
    ActionKind.ADD_ACCOUNT_AND_SEND: "Add Your Account & Send",
}


class NewActivity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    upload_id: Annotated[str, Field(min_length=1, max_length=64)]
    instructions: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_INSTRUCTIONS),
    ] = DEFAULT_INSTRUCTIONS
    points: Annotated[int, Field(ge=0, le=MAX_POINTS)] = 0
    featured: bool = False
    starts_at: WallClock | None = None
    ends_at: WallClock | None = None


class ActivityView(BaseModel):
    activity_id: str
    status: ActivityStatus
    network: Network
    instructions: str
    points: int
    featured: bool
    upload_id: str
    video: VideoView | None
    problems: list[VideoProblemView]
    starts_at: datetime | None
    starts_at_local: datetime | None
    ends_at: datetime | None
    ends_at_local: datetime | None
    time_zone: Annotated[str, Field(description="The zone the times were meant in")]
    created_at: datetime
    created_by: str
    ended_at: datetime | None


class ActivityList(BaseModel):
    items: list[ActivityView]
    next_cursor: str | None


class ActionView(BaseModel):
    """The one button of a feed item. The reminder is read before sending."""

    kind: ActionKind
    label: str
    reminder: str


class FeedItem(BaseModel):
    activity_id: str
    network: Network
    instructions: str
    points: int
    featured: bool
    video: VideoView
    ends_at: datetime | None
    ends_at_local: datetime | None
    action: ActionView


class Feed(BaseModel):
    items: list[FeedItem]
    next_cursor: str | None


@endpoint(
    Who.MANAGER,
    body=NewActivity,
    answers={201: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.UPLOAD_NOT_RECEIVED,
        ProblemCode.UPLOAD_NOT_VALID,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def create(service: ActivityService, request: Request[NewActivity, None]) -> Answer:
    """Publish a TikTok Video activity; it is processing while its upload is being validated."""
    wanted = Wanted(**request.body.model_dump())
    activity = service.create(request.caller, wanted, request.made_id)
    return Answer(201, _view(activity, request.caller, service.now()))


@endpoint(
    Who.MANAGER,
    query=PageQuery,
    answers={200: ActivityList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: ActivityService, request: Request[None, PageQuery]) -> Answer:
    """List the program's activities, newest first."""
    page = service.activities(request.caller, request.query.limit, request.query.cursor)
    now = service.now()
    items = [
        _view(activity, request.caller, now, service.preview(activity)) for activity in page.items
    ]
    return Answer(200, ActivityList(items=items, next_cursor=page.next_cursor))


@endpoint(Who.MANAGER, answers={200: ActivityView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: ActivityService, request: Request[None, None]) -> Answer:
    """Read one activity."""
    activity = service.activity(request.caller, request.path["activity_id"])
    view = _view(activity, request.caller, service.now(), service.preview(activity))
    return Answer(200, view)


@endpoint(
    Who.MANAGER,
    answers={200: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_REJECTED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def end(service: ActivityService, request: Request[None, None]) -> Answer:
    """End an activity now; it leaves every feed."""
    activity = service.end(request.caller, request.path["activity_id"])
    view = _view(activity, request.caller, service.now(), service.preview(activity))
    return Answer(200, view)


@endpoint(Who.MEMBER, query=PageQuery, answers={200: Feed}, problems=(ProblemCode.INVALID_CURSOR,))
def feed(service: ActivityService, request: Request[None, PageQuery]) -> Answer:
    """List the activities open to oneself: featured first, then newest."""
    page = service.feed(request.caller, request.query.limit, request.query.cursor)
    items = [
        _feed_item(activity, request.caller, service.preview(activity)) for activity in page.items
    ]
    return Answer(200, Feed(items=items, next_cursor=page.next_cursor))


def _local(instant: datetime | None, caller: Caller) -> datetime | None:
    return local_time(instant, caller.time_zone) if instant else None


def _view(
    activity: Activity, caller: Caller, now: datetime, preview: Preview | None = None
) -> ActivityView:
    return ActivityView(
        activity_id=activity.activity_id,
        status=activity.status_at(now),
        network=activity.network,
        instructions=activity.instructions,
        points=activity.points,
        featured=activity.featured,
        upload_id=activity.upload_id,
        video=VideoView.of(activity.video, preview) if activity.video else None,
        problems=[VideoProblemView.of(problem) for problem in activity.problems],
        starts_at=activity.starts_at,
        starts_at_local=_local(activity.starts_at, caller),
        ends_at=activity.ends_at,
        ends_at_local=_local(activity.ends_at, caller),
        time_zone=activity.time_zone,
        created_at=activity.created_at,
        created_by=activity.created_by,
        ended_at=activity.ended_at,
    )


def _feed_item(activity: Activity, caller: Caller, preview: Preview | None) -> FeedItem:
    connected = caller.tiktok is TikTokState.CONNECTED
    assert activity.video  # noqa: S101  what is published has one
    kind = ActionKind.SEND_TO_TIKTOK if connected else ActionKind.ADD_ACCOUNT_AND_SEND
    return FeedItem(
        activity_id=activity.activity_id,
        network=activity.network,
        instructions=activity.instructions,
        points=activity.points,
        featured=activity.featured,
        video=VideoView.of(activity.video, preview),
        ends_at=activity.ends_at,
        ends_at_local=_local(activity.ends_at, caller),
        action=ActionView(kind=kind, label=LABELS[kind], reminder=REMINDER),
    )
