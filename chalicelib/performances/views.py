"""Performances as answers show them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.activities.views import DisclosureView
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.schemas import Schema
from chalicelib.performances.model import Performance, Status, Waiting
from chalicelib.programs.model import local_time


class WaitReasonView(Schema):
    """The reason a performance waits, and when Greenroom continues it by itself."""

    code: Waiting
    words: str
    next_look_at: datetime
    next_look_at_local: datetime


class CountedView(Schema):
    """TikTok's counts of the post, if its member allows reading them."""

    views: int
    likes: int
    comments: int
    shares: int
    link: Annotated[str | None, Field(description="Where the post can be seen on TikTok")]
    counted_at: datetime
    counted_at_local: datetime


class PerformanceView(Schema):
    performance_id: str
    activity_id: str
    instructions: str
    status: Annotated[
        Status,
        Field(
            description="`unconfirmed`: probably in your inbox; TikTok received the whole video but"
            " has not confirmed it, and you keep the points"
        ),
    ]
    points: int
    posted_bonus: Annotated[
        int, Field(description="Extra points when the video is posted; 0: none")
    ]
    caption: Annotated[
        str | None,
        Field(description="The text to copy into the post: caption, hashtags and disclosure"),
    ]
    hashtags: list[str]
    disclosure: str | None
    trial: Annotated[
        bool,
        Field(
            serialization_alias="try",
            description="A manager's own *Try it on me*, outside points and reports",
        ),
    ]
    next_step: Annotated[str, Field(description="What the member has to do, in words")]
    waiting_for: Annotated[
        WaitReasonView | None,
        Field(description="Null once it is in the inbox, posted or failed"),
    ]
    failure: Annotated[str | None, Field(description="The code of why it failed")]
    reason: Annotated[str | None, Field(description="Why it failed, in words")]
    publish_id: Annotated[str | None, Field(description="TikTok's name for the staged video")]
    disclosure_steps: Annotated[
        DisclosureView | None,
        Field(description="What is to be switched on in TikTok; null if that was not asked then"),
    ]
    disclosure_acknowledged_at: Annotated[
        datetime | None, Field(description="When the member ticked it, before sending")
    ]
    shared_at: Annotated[
        datetime | None,
        Field(
            description="When the member said that they shared the video by hand; TikTok has not "
            "confirmed it, and neither status nor points follow from it"
        ),
    ]
    shared_at_local: datetime | None
    counted: Annotated[
        CountedView | None,
        Field(description="Null unless you let views be read, and TikTok has told some"),
    ]
    queued_at: datetime
    queued_at_local: datetime
    staged_at: datetime | None
    staged_at_local: datetime | None
    posted_at: datetime | None
    posted_at_local: datetime | None
    failed_at: datetime | None
    failed_at_local: datetime | None


class OwnPerformanceView(PerformanceView):
    """One performance, with where its video can be fetched should the inbox not deliver it."""

    video_url: Annotated[str, Field(description="A secret: whoever has it can fetch the video")]
    video_url_expires_at: datetime
    video_content_type: str
    video_size_bytes: int


class PerformanceList(Schema):
    items: list[PerformanceView]
    next_cursor: str | None


def view_of(performance: Performance, caller: Caller) -> PerformanceView:
    """Show a performance, its times on the caller's own clock too."""

    def local(instant: datetime | None) -> datetime | None:
        return local_time(instant, caller.time_zone) if instant else None

    return PerformanceView.from_object(
        performance,
        caption=performance.text.whole,
        hashtags=list(performance.text.hashtags),
        disclosure=performance.text.disclosure,
        waiting_for=_waiting_of(performance, caller),
        disclosure_steps=DisclosureView.of(performance.asked) if performance.asked else None,
        disclosure_acknowledged_at=performance.acknowledged and performance.acknowledged.at,
        shared_at_local=local(performance.shared_at),
        counted=_counted_of(performance, caller),
        queued_at_local=local_time(performance.queued_at, caller.time_zone),
        staged_at_local=local(performance.staged_at),
        posted_at_local=local(performance.posted_at),
        failed_at_local=local(performance.failed_at),
    )


def _counted_of(performance: Performance, caller: Caller) -> CountedView | None:
    counted = performance.counted
    if counted is None or counted.views is None:
        return None
    return CountedView.from_object(
        counted,
        counted_at=counted.at,
        counted_at_local=local_time(counted.at, caller.time_zone),
    )


def _waiting_of(performance: Performance, caller: Caller) -> WaitReasonView | None:
    waiting, next_look_at = performance.waiting, performance.next_look_at
    if waiting is None or next_look_at is None:
        return None
    return WaitReasonView(
        code=waiting,
        words=waiting.words,
        next_look_at=next_look_at,
        next_look_at_local=local_time(next_look_at, caller.time_zone),
    )
