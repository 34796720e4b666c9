"""Performances as answers show them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from chalicelib.foundation.identity import Caller
from chalicelib.performances.model import Performance, Status
from chalicelib.programs.model import local_time


class PerformanceView(BaseModel):
    performance_id: str
    activity_id: str
    instructions: str
    status: Status
    points: int
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
    reason: Annotated[str | None, Field(description="Why it failed, in words")]
    publish_id: Annotated[str | None, Field(description="TikTok's name for the staged video")]
    queued_at: datetime
    queued_at_local: datetime
    staged_at: datetime | None
    staged_at_local: datetime | None
    posted_at: datetime | None
    posted_at_local: datetime | None
    failed_at: datetime | None
    failed_at_local: datetime | None


class PerformanceList(BaseModel):
    items: list[PerformanceView]
    next_cursor: str | None


def view_of(performance: Performance, caller: Caller) -> PerformanceView:
    """Show a performance, its times on the caller's own clock too."""

    def local(instant: datetime | None) -> datetime | None:
        return local_time(instant, caller.time_zone) if instant else None

    return PerformanceView(
        performance_id=performance.performance_id,
        activity_id=performance.activity_id,
        instructions=performance.instructions,
        status=performance.status,
        points=performance.points,
        caption=performance.text.whole,
        hashtags=list(performance.text.hashtags),
        disclosure=performance.text.disclosure,
        trial=performance.trial,
        next_step=performance.next_step,
        reason=performance.reason,
        publish_id=performance.publish_id,
        queued_at=performance.queued_at,
        queued_at_local=local_time(performance.queued_at, caller.time_zone),
        staged_at=performance.staged_at,
        staged_at_local=local(performance.staged_at),
        posted_at=performance.posted_at,
        posted_at_local=local(performance.posted_at),
        failed_at=performance.failed_at,
        failed_at_local=local(performance.failed_at),
    )
