"""Activities over HTTP: the manager's side and the member's feed."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest
from typing import Annotated, Any, cast

from pydantic import ConfigDict, Field

from chalicelib.activities.model import (
    DEFAULT_INSTRUCTIONS,
    MAX_ADDRESSED_CHANNELS,
    MAX_CAPTIONS,
    MAX_CUTS,
    MAX_HASHTAG_LENGTH,
    MAX_HASHTAGS,
    MAX_INSTRUCTIONS_LENGTH,
    MAX_POINTS,
    MAX_POST_TEXT_LENGTH,
    MAX_TIME_LENGTH,
    SEND_REMINDER,
    Activity,
    ActivityStatus,
    Cut,
    CutStatus,
    Network,
    PostText,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.service import (
    ActivityFieldChanges,
    ActivityService,
    NewActivityFields,
)
from chalicelib.activities.views import DisclosureView
from chalicelib.foundation.fields import LINE, PARAGRAPHS, Version
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import MAX_DISCLOSURE_LENGTH, ContentDisclosure, local_time
from chalicelib.videos.model import Preview, VideoProblem
from chalicelib.videos.views import VideoProblemView, VideoView

WallClock = Annotated[
    str,
    Field(
        max_length=MAX_TIME_LENGTH,
        examples=["2027-01-15T09:00"],
        description="Wall-clock time in your own time zone; with Z or an offset, an instant",
    ),
]


UploadId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
FurtherUploadIds = Annotated[
    list[UploadId],
    Field(
        max_length=MAX_CUTS - 1,
        description="Further cuts of the video, each with an upload of its own: every member is "
        f"dealt one of up to {MAX_CUTS}, `upload_id` among them, and keeps it",
    ),
]
Instructions = Annotated[str, Field(min_length=1, max_length=MAX_INSTRUCTIONS_LENGTH), PARAGRAPHS]
Points = Annotated[int, Field(ge=0, le=MAX_POINTS, description="Of performances made from now on")]
PostedBonus = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_POINTS,
        description="Extra points, once, when TikTok says that the video was posted; 0: none. For "
        "performances made from now on; nothing takes it back",
    ),
]
Featured = Annotated[bool, Field(description="Shown above everything else in the feed")]
ChannelIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]],
    Field(
        max_length=MAX_ADDRESSED_CHANNELS,
        description="The members of any of these see it; none: every member of the program",
    ),
]
CampaignId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Captions = Annotated[
    list[Annotated[str, Field(max_length=MAX_POST_TEXT_LENGTH), PARAGRAPHS]],
    Field(
        max_length=MAX_CAPTIONS,
        description="Each member is dealt one. With hashtags and disclosure it must fit into "
        f"TikTok's {MAX_POST_TEXT_LENGTH} UTF-16 units",
    ),
]
Hashtags = Annotated[
    list[Annotated[str, Field(max_length=MAX_HASHTAG_LENGTH + 1), LINE]],
    Field(max_length=MAX_HASHTAGS),
]
Disclosure = Annotated[
    str,
    Field(
        max_length=MAX_DISCLOSURE_LENGTH, description="A line; null: the program's own, empty: none"
    ),
    LINE,
]
Disclosed = Annotated[
    ContentDisclosure,
    Field(
        description="TikTok's own disclosure setting that members are asked to switch on and "
        "acknowledge before they send; `disclosure` is a line of text"
    ),
]
AIGenerated = Annotated[
    bool, Field(description="Members are asked to switch on TikTok's label for AI content too")
]


class ActionKind(StrEnum):
    SEND_TO_TIKTOK = "send_to_tiktok"
    ADD_ACCOUNT_AND_SEND = "add_account_and_send"


ACTION_LABELS = {
    ActionKind.SEND_TO_TIKTOK: "Send to TikTok",
    ActionKind.ADD_ACCOUNT_AND_SEND: "Add Your Account & Send",
}


UNCHANGED: Any = Field(default_factory=lambda: None)
"""For a field that may be left out: no value stands for that, and the document shows none."""


class NewActivity(Schema):
    model_config = ConfigDict(extra="forbid")

    upload_id: UploadId
    further_upload_ids: FurtherUploadIds = []  # noqa: RUF012  pydantic copies it
    network: Network = Network.TIKTOK_VIDEO
    instructions: Instructions = DEFAULT_INSTRUCTIONS
    points: Points = 0
    posted_bonus: PostedBonus = 0
    featured: Featured = False
    starts_at: WallClock | None = None
    ends_at: WallClock | None = None
    channel_ids: ChannelIds = []  # noqa: RUF012  pydantic copies it
    campaign_id: CampaignId | None = None
    captions: Captions = []  # noqa: RUF012  pydantic copies it
    hashtags: Hashtags = []  # noqa: RUF012  pydantic copies it
    disclosure: Disclosure | None = None
    content_disclosure: Disclosed = UNCHANGED
    ai_generated: AIGenerated = False


class DuplicateChanges(Schema):
    """Fields that differ in the duplicate; all others are copied."""

    model_config = ConfigDict(extra="forbid")

    upload_id: UploadId = UNCHANGED
    further_upload_ids: FurtherUploadIds = UNCHANGED
    instructions: Instructions = UNCHANGED
    points: Points = UNCHANGED
    posted_bonus: PostedBonus = UNCHANGED
    featured: Featured = UNCHANGED
    starts_at: WallClock | None = UNCHANGED
    ends_at: WallClock | None = UNCHANGED
    channel_ids: ChannelIds = UNCHANGED
    campaign_id: CampaignId | None = UNCHANGED
    captions: Captions = UNCHANGED
    hashtags: Hashtags = UNCHANGED
    disclosure: Disclosure | None = UNCHANGED
    content_disclosure: Disclosed = UNCHANGED
    ai_generated: AIGenerated = UNCHANGED


class ActivityChanges(DuplicateChanges):
    """Fields to change; a field that is left out stays as it is."""

    version: Version


class ExpectedVersion(Schema):
    """Without a version, whatever it is like now."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None


class ListQuery(PageQuery):
    campaign_id: CampaignId | None = None
    archived: Annotated[bool, Field(description="Archived ones instead of the others")] = False


class FeedQuery(PageQuery):
    campaign_id: CampaignId | None = None


class CutView(Schema):
    """One of several cuts. Where one is rejected, the activity is, and names the cut."""

    upload_id: str
    status: Annotated[CutStatus, Field(description="Decided when the last cut is")]
    video: Annotated[
        VideoView | None,
        Field(description="Without `preview_url` in lists, but for the activity's own `video`"),
    ]
    problems: list[VideoProblemView]

    @classmethod
    def of(cls, activity: Activity, cut: Cut, preview: Preview | None) -> "CutView":
        return cls(
            upload_id=cut.upload_id,
            status=activity.status_of(cut),
            video=VideoView.of(cut.video, preview) if cut.video else None,
            problems=[VideoProblemView.of(each) for each in cut.problems],
        )


class ActivityView(Schema):
    activity_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    status: ActivityStatus
    network: Network
    instructions: str
    points: int
    posted_bonus: int
    featured: bool
    channel_ids: list[str]
    campaign_id: str | None
    captions: list[str]
    hashtags: list[str]
    disclosure: Annotated[str | None, Field(description="null: the program's own")]
    content_disclosure: ContentDisclosure
    ai_generated: bool
    performed: Annotated[
        bool, Field(description="Somebody has performed it, so its video cannot change")
    ]
    upload_id: str
    further_upload_ids: list[str]
    video: Annotated[VideoView | None, Field(description="Of several cuts the first")]
    problems: Annotated[
        list[VideoProblemView],
        Field(description="Of all cuts; where there are several, each message names its cut"),
    ]
    cuts: Annotated[
        list[CutView],
        Field(description="All its cuts, the first one first; empty where there is one video"),
    ]
    starts_at: datetime | None
    starts_at_local: datetime | None
    ends_at: datetime | None
    ends_at_local: datetime | None
    time_zone: Annotated[str, Field(description="The zone the times were meant in")]
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    archived_at: datetime | None


class ActivityList(Schema):
    items: list[ActivityView]
    next_cursor: str | None


class ActionView(Schema):
    """The one button of a feed item. Members read the reminder before sending."""

    kind: ActionKind
    label: str
    reminder: str


class FeedItem(Schema):
    activity_id: str
    network: Network
    instructions: str
    points: int
    posted_bonus: int
    featured: bool
    campaign_id: str | None
    video: VideoView
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    disclosure_steps: DisclosureView
    ends_at: datetime | None
    ends_at_local: datetime | None
    action: ActionView


class OwnFeedItem(FeedItem):
    """A feed item, also when it has left the feed for having been performed or dismissed."""

    performance_id: Annotated[str | None, Field(description="One's own performance of it")]
    dismissed: bool


class Feed(Schema):
    items: list[FeedItem]
    next_cursor: str | None


@endpoint(
    RequiredRole.MANAGER,
    body=NewActivity,
    answers={201: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.UPLOAD_NOT_RECEIVED,
        ActivityProblem.UPLOAD_NOT_VALID,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def create(service: ActivityService, request: Request[NewActivity, None]) -> Answer:
    """Create an activity; it is processing while its upload is being validated."""
    wanted = cast(
        "NewActivityFields", request.body.model_dump(exclude_unset=True, exclude={"upload_id"})
    )
    activity = service.create(request.caller, request.body.upload_id, request.made_id, **wanted)
    return Answer(201, _view(activity, request.caller, service.now()))


@endpoint(
    RequiredRole.MANAGER,
    query=ListQuery,
    answers={200: ActivityList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: ActivityService, request: Request[None, ListQuery]) -> Answer:
    """List activities, newest first: all or a campaign's, archived or not."""
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
        _view(activity, request.caller, now, [service.preview(activity)]) for activity in page.items
    ]
    return Answer(200, ActivityList(items=items, next_cursor=page.next_cursor))


@endpoint(RequiredRole.MANAGER, answers={200: ActivityView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: ActivityService, request: Request[None, None]) -> Answer:
    """Read an activity."""
    activity = service.activity(request.caller, request.path["activity_id"])
    return _activity_answer(service, activity, request.caller)


@endpoint(
    RequiredRole.MANAGER,
    body=ActivityChanges,
    answers={200: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_ENDED,
        ActivityProblem.ACTIVITY_PERFORMED,
        ActivityProblem.UPLOAD_NOT_RECEIVED,
        ActivityProblem.UPLOAD_NOT_VALID,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def edit(service: ActivityService, request: Request[ActivityChanges, None]) -> Answer:
    """Change an activity; its videos only while nobody has performed it."""
    changes = cast(
        "ActivityFieldChanges", request.body.model_dump(exclude_unset=True, exclude={"version"})
    )
    activity = service.edit(
        request.caller, request.path["activity_id"], request.body.version, **changes
    )
    return _activity_answer(service, activity, request.caller)


@endpoint(
    RequiredRole.MANAGER,
    body=DuplicateChanges,
    answers={201: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_REJECTED,
        ActivityProblem.UPLOAD_NOT_RECEIVED,
        ActivityProblem.UPLOAD_NOT_VALID,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def duplicate(service: ActivityService, request: Request[DuplicateChanges, None]) -> Answer:
    """Duplicate an activity; times in the past are left out."""
    changes = cast("ActivityFieldChanges", request.body.model_dump(exclude_unset=True))
    activity = service.duplicate(
        request.caller, request.path["activity_id"], request.made_id, **changes
    )
    return Answer(201, _view(activity, request.caller, service.now()))


@endpoint(
    RequiredRole.MANAGER,
    body=ExpectedVersion,
    answers={200: ActivityView},
    problems=(
        ProblemCode.NOT_FOUND,
        ActivityProblem.ACTIVITY_REJECTED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def end(service: ActivityService, request: Request[ExpectedVersion, None]) -> Answer:
    """End an activity now."""
    activity = service.end(request.caller, request.path["activity_id"], request.body.version)
    return _activity_answer(service, activity, request.caller)


@endpoint(
    RequiredRole.MANAGER,
    body=ExpectedVersion,
    answers={200: ActivityView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def archive(service: ActivityService, request: Request[ExpectedVersion, None]) -> Answer:
    """Archive an activity: it ends and leaves the list."""
    activity = service.archive(request.caller, request.path["activity_id"], request.body.version)
    return _activity_answer(service, activity, request.caller)


@endpoint(
    RequiredRole.MANAGER,
    body=ExpectedVersion,
    answers={200: ActivityView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.CHANGED_MEANWHILE),
)
def unarchive(service: ActivityService, request: Request[ExpectedVersion, None]) -> Answer:
    """Restore an archived activity as one that has ended.

    One whose video was rejected comes back as rejected; one that is not archived stays as it is.
    """
    activity = service.unarchive(request.caller, request.path["activity_id"], request.body.version)
    return _activity_answer(service, activity, request.caller)


@endpoint(
    RequiredRole.MEMBER,
    query=FeedQuery,
    answers={200: Feed},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def feed(service: ActivityService, request: Request[None, FeedQuery]) -> Answer:
    """List the activities open to you: featured first, then newest."""
    query = request.query
    page = service.feed(request.caller, query.limit, query.cursor, query.campaign_id)
    items = [
        _feed_item(
            activity,
            cut := service.cut_for(request.caller, activity),
            service.text_for(request.caller, activity),
            request.caller,
            service.preview(cut),
        )
        for activity in page.items
    ]
    return Answer(200, Feed(items=items, next_cursor=page.next_cursor))


@endpoint(RequiredRole.MEMBER, answers={200: OwnFeedItem}, problems=(ProblemCode.NOT_FOUND,))
def feed_item(service: ActivityService, request: Request[None, None]) -> Answer:
    """Read an activity that is open to you, also when performed or dismissed."""
    offered = service.offered(request.caller, request.path["activity_id"])
    preview = service.preview(offered.cut)
    item = _feed_item(offered.activity, offered.cut, offered.text, request.caller, preview)
    return Answer(
        200,
        OwnFeedItem(
            **dict(item), performance_id=offered.performance_id, dismissed=offered.dismissed
        ),
    )


@endpoint(
    RequiredRole.MEMBER,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND, ActivityProblem.ALREADY_PERFORMED),
)
def dismiss(service: ActivityService, request: Request[None, None]) -> Answer:
    """Dismiss an activity from your feed."""
    service.dismiss(request.caller, request.path["activity_id"])
    return Answer(204)


@endpoint(RequiredRole.MEMBER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def undismiss(service: ActivityService, request: Request[None, None]) -> Answer:
    """Restore a dismissed activity to your feed."""
    service.undismiss(request.caller, request.path["activity_id"])
    return Answer(204)


def _local_time(instant: datetime | None, caller: Caller) -> datetime | None:
    return local_time(instant, caller.time_zone) if instant else None


def _activity_answer(service: ActivityService, activity: Activity, caller: Caller) -> Answer:
    previews = [service.preview(each) for each in activity.cuts]
    return Answer(200, _view(activity, caller, service.now(), previews))


def _view(
    activity: Activity, caller: Caller, now: datetime, previews: Sequence[Preview | None] = ()
) -> ActivityView:
    """Show an activity with addresses for its cuts, the first one first, as far as there are."""
    cuts, several = activity.cuts, bool(activity.further_cuts)
    watched = list(zip_longest(cuts, previews[: len(cuts)]))
    return ActivityView.from_object(
        activity,
        status=activity.status_at(now),
        channel_ids=sorted(activity.channel_ids),
        video=VideoView.of(activity.video, watched[0][1]) if activity.video else None,
        problems=[
            _problem_view_of_cut(problem, number if several else None)
            for number, cut in enumerate(cuts, 1)
            for problem in cut.problems
        ],
        cuts=[CutView.of(activity, cut, each) for cut, each in watched] if several else [],
        starts_at_local=_local_time(activity.starts_at, caller),
        ends_at_local=_local_time(activity.ends_at, caller),
    )


def _problem_view_of_cut(problem: VideoProblem, cut: int | None) -> VideoProblemView:
    view = VideoProblemView.of(problem)
    if cut is not None:
        view.message = f"Cut {cut}: {view.message}"
    return view


def _feed_item(
    activity: Activity, cut: Cut, text: PostText, caller: Caller, preview: Preview | None
) -> FeedItem:
    connected = caller.tiktok is TikTokState.CONNECTED
    assert cut.video  # noqa: S101  what is published has one
    kind = ActionKind.SEND_TO_TIKTOK if connected else ActionKind.ADD_ACCOUNT_AND_SEND
    return FeedItem.from_object(
        activity,
        video=VideoView.of(cut.video, preview),
        caption=text.whole,
        disclosure_steps=DisclosureView.of(activity.required_disclosure),
        ends_at_local=_local_time(activity.ends_at, caller),
        action=ActionView(kind=kind, label=ACTION_LABELS[kind], reminder=SEND_REMINDER),
    )
