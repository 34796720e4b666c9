"""Campaigns over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import Version
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.campaigns.service import CampaignService
from chalicelib.programs.model import Campaign
from chalicelib.programs.views import Name


class NewCampaign(Schema):
    model_config = ConfigDict(extra="forbid")

    name: Name


class ChangeCampaign(Schema):
    """Fields that are left out, or null, stay."""

    model_config = ConfigDict(extra="forbid")

    version: Version | None = None
    name: Name | None = None
    archived: bool | None = None


class CampaignView(Schema):
    campaign_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    name: str
    archived: Annotated[bool, Field(description="No activity can join it any more")]
    created_at: datetime

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignView":
        return cls.model_validate(campaign, from_attributes=True)


class CampaignList(Schema):
    items: list[CampaignView]
    next_cursor: str | None


@endpoint(
    RequiredRole.MANAGER,
    body=NewCampaign,
    answers={201: CampaignView},
    problems=(ProblemCode.NAME_TAKEN,),
    idempotent=True,
)
def create(service: CampaignService, request: Request[NewCampaign, None]) -> Answer:
    """Create a campaign."""
    campaign = service.create(request.caller, request.body.name, request.made_id)
    return Answer(201, CampaignView.of(campaign))


@endpoint(
    RequiredRole.MEMBER,
    query=PageQuery,
    answers={200: CampaignList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: CampaignService, request: Request[None, PageQuery]) -> Answer:
    """List campaigns, newest first, archived ones too.

    Members read it for the names: a feed item carries its campaign's id, to filter by.
    """
    page = service.campaigns(request.caller, request.query.limit, request.query.cursor)
    items = [CampaignView.of(each) for each in page.items]
    return Answer(200, CampaignList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    body=ChangeCampaign,
    answers={200: CampaignView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.NAME_TAKEN, ProblemCode.CHANGED_MEANWHILE),
)
def change(service: CampaignService, request: Request[ChangeCampaign, None]) -> Answer:
    """Rename, archive or unarchive a campaign."""
    wanted = request.body
    changed = service.change(
        request.caller,
        request.path["campaign_id"],
        name=wanted.name,
        archived=wanted.archived,
        version=wanted.version,
    )
    return Answer(200, CampaignView.of(changed))
