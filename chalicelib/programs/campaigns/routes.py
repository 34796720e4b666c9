"""Campaigns over HTTP, for managers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.foundation.http import Answer, Request, Who, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.programs.campaigns.service import CampaignService
from chalicelib.programs.model import Campaign
from chalicelib.programs.views import Name


class NewCampaign(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name


class ChangeCampaign(BaseModel):
    """What is not named, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    archived: bool | None = None


class CampaignView(BaseModel):
    campaign_id: str
    name: str
    archived: Annotated[bool, Field(description="No activity joins it any more")]
    created_at: datetime

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignView":
        return cls.model_validate(campaign, from_attributes=True)


class CampaignList(BaseModel):
    items: list[CampaignView]
    next_cursor: str | None


@endpoint(
    Who.MANAGER,
    body=NewCampaign,
    answers={201: CampaignView},
    problems=(ProblemCode.NAME_TAKEN,),
    idempotent=True,
)
def create(service: CampaignService, request: Request[NewCampaign, None]) -> Answer:
    """Make a campaign."""
    campaign = service.create(request.caller, request.body.name, request.made_id)
    return Answer(201, CampaignView.of(campaign))


@endpoint(
    Who.MANAGER,
    query=PageQuery,
    answers={200: CampaignList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_newest(service: CampaignService, request: Request[None, PageQuery]) -> Answer:
    """List the program's campaigns, newest first; archived ones too."""
    page = service.campaigns(request.caller, request.query.limit, request.query.cursor)
    items = [CampaignView.of(each) for each in page.items]
    return Answer(200, CampaignList(items=items, next_cursor=page.next_cursor))


@endpoint(
    Who.MANAGER,
    body=ChangeCampaign,
    answers={200: CampaignView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.NAME_TAKEN, ProblemCode.CHANGED_MEANWHILE),
)
def change(service: CampaignService, request: Request[ChangeCampaign, None]) -> Answer:
    """Rename, archive or unarchive a campaign."""
    wanted = request.body
    changed = service.change(
        request.caller, request.path["campaign_id"], name=wanted.name, archived=wanted.archived
    )
    return Answer(200, CampaignView.of(changed))
