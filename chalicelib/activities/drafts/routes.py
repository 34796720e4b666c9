"""Drafts of activities over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.activities.drafts.service import DraftService
from chalicelib.activities.model import DEFAULT_INSTRUCTIONS, Draft
from chalicelib.activities.routes import (
    CampaignId,
    Captions,
    ChannelIds,
    Disclosure,
    Hashtags,
    Instructions,
    Points,
)
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.schemas import Schema


class NewDraft(Schema):
    """A proposal. A manager adds the video, looks it over, and publishes it."""

    model_config = ConfigDict(extra="forbid")

    instructions: Instructions = DEFAULT_INSTRUCTIONS
    points: Points = 0
    channel_ids: ChannelIds = []  # noqa: RUF012  pydantic copies it
    campaign_id: CampaignId | None = None
    captions: Captions = []  # noqa: RUF012  pydantic copies it
    hashtags: Hashtags = []  # noqa: RUF012  pydantic copies it
    disclosure: Disclosure | None = None


class DraftView(Schema):
    draft_id: str
    instructions: str
    points: int
    channel_ids: list[str]
    campaign_id: str | None
    captions: list[str]
    hashtags: list[str]
    disclosure: Annotated[str | None, Field(description="null: the program's own")]
    created_at: datetime
    created_by: Annotated[str, Field(description="Whose sign-in it was made with, also an agent's")]

    @classmethod
    def of(cls, draft: Draft) -> "DraftView":
        content = draft.content
        return cls(
            draft_id=draft.draft_id,
            instructions=content.instructions,
            points=content.points,
            channel_ids=list(content.channel_ids),
            campaign_id=content.campaign_id,
            captions=list(content.captions),
            hashtags=list(content.hashtags),
            disclosure=content.disclosure,
            created_at=draft.created_at,
            created_by=draft.created_by,
        )


class DraftList(Schema):
    items: list[DraftView]
    next_cursor: Annotated[None, Field(description="All are on one page")]


@endpoint(
    RequiredRole.MANAGER,
    body=NewDraft,
    answers={201: DraftView},
    problems=(ProblemCode.LIMIT_REACHED,),
    idempotent=True,
)
def create(service: DraftService, request: Request[NewDraft, None]) -> Answer:
    """Create a draft of an activity.

    No member sees it. It becomes an activity when a manager publishes one with its content.
    """
    draft = service.create(request.caller, request.made_id, **request.body.model_dump())
    return Answer(201, DraftView.of(draft))


@endpoint(RequiredRole.MANAGER, answers={200: DraftList})
def list_all(service: DraftService, request: Request[None, None]) -> Answer:
    """List drafts of activities, newest first."""
    items = [DraftView.of(each) for each in service.drafts(request.caller)]
    return Answer(200, DraftList(items=items, next_cursor=None))


@endpoint(RequiredRole.MANAGER, answers={204: None}, problems=(ProblemCode.NOT_FOUND,))
def remove(service: DraftService, request: Request[None, None]) -> Answer:
    """Remove a draft."""
    service.remove(request.caller, request.path["draft_id"])
    return Answer(204)
