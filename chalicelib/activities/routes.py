"""Activities over HTTP: the manager's side and the member's feed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chalicelib.activities.model import (
    DEFAULT_INSTRUCTIONS,
    MAX_ADDRESSED,
    MAX_CAPTIONS,
    MAX_HASHTAG,
    MAX_HASHTAGS,
    MAX_INSTRUCTIONS,
    MAX_POINTS,
    MAX_POST_TEXT,
    REMINDER,
    Activity,
    ActivityStatus,
    Network,
    PostText,
)
from chalicelib.activities.service import ActivityService, Changes, Wanted
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, Who, endpoint
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.programs.model import MAX_DISCLOSURE, local_time
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


UploadId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Instructions = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_INSTRUCTIONS)
]
Points = Annotated[int, Field(ge=0, le=MAX_POINTS, description="Of performances made from now on")]
Featured = Annotated[bool, Field(description="Above everything else in the feed")]
ChannelIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]],
    Field(
        max_length=MAX_ADDRESSED,
        description="The members of any of these see it; none: every member of the program",
    ),
]
CampaignId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Captions = Annotated[
    list[Annotated[str, Field(max_length=MAX_POST_TEXT)]],
    Field(
        max_length=MAX_CAPTIONS,
        description="Each member is dealt one. With hashtags and disclosure it must fit into "
        f"TikTok's {MAX_POST_TEXT} UTF-16 units",
    ),
]
Hashtags = Annotated[
    list[Annotated[str, Field(max_length=MAX_HASHTAG + 1)]], Field(max_length=MAX_HASHTAGS)
]
Disclosure = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_DISCLOSURE, pattern=r"^[^\r\n]*$"),
    Field(description="A line; null: the program's own, empty: none"),
]
Version = Annotated[int, Field(ge=1, description="The `version` the activity had when you saw it")]


class ActionKind(StrEnum):
    SEND_TO_TIKTOK = "send_to_tiktok"
    ADD_ACCOUNT_AND_SEND = "add_account_and_send"


LABELS = {
    ActionKind.SEND_TO_TIKTOK: "Send to TikTok",
    ActionKind.ADD_ACCOUNT_AND_SEND: "Add Your Account & Send",
}


class NewActivity(BaseModel):
    model_config = ConfigDict(extra="forbid")

    upload_id: UploadId
    network: Network = Network.TIKTOK_VIDEO
    instructions: Instructions = DEFAULT_INSTRUCTIONS
    points: Points = 0
    featured: Featured = False
    starts_at: WallClock | None = None
    ends_at: WallClock | None = None
    channel_ids: ChannelIds = []
    campaign_id: CampaignId | None = None
    captions: Captions = []
    hashtags: Hashtags = []
    disclosure: Disclosure | None = None


UNCHANGED: Any = Field(default_factory=lambda: None)
"""For a field that may be left out: no value stands for that, and the document shows none."""


class DuplicateChanges(BaseModel):
    """What the duplicate has otherwise; what is not named it takes over."""

    model_config = ConfigDict(extra="forbid")

    upload_id: UploadId = UNCHANGED
    instructions: Instructions = UNCHANGED
    points: Points = UNCHANGED
    featured: Featured = UNCHANGED
    starts_at: WallClock | None = UNCHANGED
    ends_at: WallClock | None = UNCHANGED
    channel_ids: ChannelIds = UNCHANGED
    campaign_id: CampaignId | None = UNCHANGED
    captions: Captions = UNCHANGED
    hashtags: Hashtags = UNCHANGED
    disclosure: Disclosure | None = UNCHANGED


class ActivityChanges(DuplicateChanges):
    """What is to change; what is not named stays."""

    version: Version


class SeenVersion(BaseModel):
    """Without a version, whatever it is like now."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None


class ListQuery(PageQuery):
    campaign_id: CampaignId | None = None
    archived: Annotated[
        bool, Field(description="Those that are archived, instead of the others")
    ] = False


class FeedQuery(PageQuery):
    campaign_id: CampaignId | None = None


class ActivityView(BaseModel):
    activity_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    status: ActivityStatus
    network: Network
    instructions: str
    points: int
    featured: bool
    channel_ids: list[str]
    campaign_id: str | None
    captions: list[str]
    hashtags: list[str]
    disclosure: Annotated[str | None, Field(description="null: the program's own")]
    performed: Annotated[bool, Field(description="Somebody performed it, so its video stays")]
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
    archived_at: datetime | None


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
    campaign_id: str | None
    video: VideoView
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    ends_at: datetime | None
    ends_at_local: datetime | None
    action: ActionView


class OwnFeedItem(FeedItem):
    """A feed item, also when it has left the feed for having been performed or dismissed."""

    performance_id: Annotated[str | None, Field(description="One's own performance of it")]
    dismissed: bool


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
    wanted = cast("Wanted", request.body.model_dump(exclude_unset=True, exclude={"upload_id"}))
    activity = service.create(request.caller, request.body.upload_id, request.made_id, **wanted)
    return Answer(201, _view(activity, request.caller, service.now()))


@endpoint(
    Who.MANAGER,
    query=ListQuery,
    answers={200: ActivityList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: ActivityService, request: Request[None, ListQuery]) -> Answer:
    """List the program's activities, newest first: all or a campaign's, archived or not."""
    query = request.query
    page = service.activities(
        request.caller,
        query.limit,
        query.cursor,
        campaign_id=query.campaign_id,
        archived=query.archived,
    )
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
    body=ActivityChanges,
    answers={200: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_ENDED,
        ProblemCode.ACTIVITY_PERFORMED,
        ProblemCode.UPLOAD_NOT_RECEIVED,
        ProblemCode.UPLOAD_NOT_VALID,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def edit(service: ActivityService, request: Request[ActivityChanges, None]) -> Answer:
    """Change an activity as one saw it; its video only while nobody has performed it."""
    changes = cast("Changes", request.body.model_dump(exclude_unset=True, exclude={"version"}))
    activity = service.edit(
        request.caller, request.path["activity_id"], request.body.version, **changes
    )
    return Answer(200, _view(activity, request.caller, service.now(), service.preview(activity)))


@endpoint(
    Who.MANAGER,
    body=DuplicateChanges,
    answers={201: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_REJECTED,
        ProblemCode.UPLOAD_NOT_RECEIVED,
        ProblemCode.UPLOAD_NOT_VALID,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def duplicate(service: ActivityService, request: Request[DuplicateChanges, None]) -> Answer:
    """Publish an activity again, as a new one; times that lie behind are left out."""
    changes = cast("Changes", request.body.model_dump(exclude_unset=True))
    activity = service.duplicate(
        request.caller, request.path["activity_id"], request.made_id, **changes
    )
    return Answer(201, _view(activity, request.caller, service.now()))


@endpoint(
    Who.MANAGER,
    body=SeenVersion,
    answers={200: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.ACTIVITY_REJECTED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def end(service: ActivityService, request: Request[SeenVersion, None]) -> Answer:
    """End an activity now; it leaves every feed."""
    activity = service.end(request.caller, request.path["activity_id"], request.body.version)
    return Answer(200, _view(activity, request.caller, service.now(), service.preview(activity)))


@endpoint(
    Who.MANAGER,
    body=SeenVersion,
    answers={200: ActivityView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def archive(service: ActivityService, request: Request[SeenVersion, None]) -> Answer:
    """Put an activity away: it ends and leaves the list."""
    activity = service.archive(request.caller, request.path["activity_id"], request.body.version)
    return Answer(200, _view(activity, request.caller, service.now(), service.preview(activity)))


@endpoint(Who.MEMBER, query=FeedQuery, answers={200: Feed}, problems=(ProblemCode.INVALID_CURSOR,))
def feed(service: ActivityService, request: Request[None, FeedQuery]) -> Answer:
    """List the activities open to oneself: featured first, then newest."""
    query = request.query
    page = service.feed(request.caller, query.limit, query.cursor, query.campaign_id)
    items = [
        _feed_item(
            activity,
            service.text_for(request.caller, activity),
            request.caller,
            service.preview(activity),
        )
        for activity in page.items
    ]
    return Answer(200, Feed(items=items, next_cursor=page.next_cursor))


@endpoint(Who.MEMBER, answers={200: OwnFeedItem}, problems=(ProblemCode.NOT_FOUND,))
def feed_item(service: ActivityService, request: Request[None, None]) -> Answer:
    """Read one activity that is open to oneself, also when it was performed or dismissed."""
    offered = service.offered(request.caller, request.path["activity_id"])
    preview = service.preview(offered.activity)
    item = _feed_item(offered.activity, offered.text, request.caller, preview)
    return Answer(
        200,
        OwnFeedItem(
            **dict(item), performance_id=offered.performance_id, dismissed=offered.dismissed
        ),
    )


@endpoint(
    Who.MEMBER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.ALREADY_PERFORMED),
)
def dismiss(service: ActivityService, request: Request[None, None]) -> Answer:
    """Take an activity out of one's own feed."""
    service.dismiss(request.caller, request.path["activity_id"])
    return Answer(204)


@endpoint(Who.MEMBER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def undismiss(service: ActivityService, request: Request[None, None]) -> Answer:
    """Bring a dismissed activity back into one's own feed."""
    service.undismiss(request.caller, request.path["activity_id"])
    return Answer(204)


def _local(instant: datetime | None, caller: Caller) -> datetime | None:
    return local_time(instant, caller.time_zone) if instant else None


def _view(
    activity: Activity, caller: Caller, now: datetime, preview: Preview | None = None
) -> ActivityView:
    return ActivityView(
        activity_id=activity.activity_id,
        version=activity.version,
        status=activity.status_at(now),
        network=activity.network,
        instructions=activity.instructions,
        points=activity.points,
        featured=activity.featured,
        channel_ids=sorted(activity.channel_ids),
        campaign_id=activity.campaign_id,
        captions=list(activity.captions),
        hashtags=list(activity.hashtags),
        disclosure=activity.disclosure,
        performed=activity.performed,
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
        archived_at=activity.archived_at,
    )


def _feed_item(
    activity: Activity, text: PostText, caller: Caller, preview: Preview | None
) -> FeedItem:
    connected = caller.tiktok is TikTokState.CONNECTED
    assert activity.video  # noqa: S101  what is published has one
    kind = ActionKind.SEND_TO_TIKTOK if connected else ActionKind.ADD_ACCOUNT_AND_SEND
    return FeedItem(
        activity_id=activity.activity_id,
        network=activity.network,
        instructions=activity.instructions,
        points=activity.points,
        featured=activity.featured,
        campaign_id=activity.campaign_id,
        video=VideoView.of(activity.video, preview),
        caption=text.whole,
        ends_at=activity.ends_at,
        ends_at_local=_local(activity.ends_at, caller),
        action=ActionView(kind=kind, label=LABELS[kind], reminder=REMINDER),
    )
