"""Rewards over HTTP: the manager's catalogue and what members may choose from."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import ConfigDict, Field

from chalicelib.activities.model import MAX_ADDRESSED_CHANNELS, MAX_TIME_LENGTH
from chalicelib.foundation.fields import LINE, PARAGRAPHS, Version
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import local_time
from chalicelib.rewards.model import (
    MAX_DESCRIPTION_LENGTH,
    MAX_PER_MEMBER,
    MAX_PRICE,
    MAX_STOCK,
    MAX_TITLE_LENGTH,
    Picture,
    Reward,
    RewardState,
    RewardStatus,
)
from chalicelib.rewards.pictures import JPEG, PNG
from chalicelib.rewards.service import RewardFieldChanges, RewardService

WallClock = Annotated[
    str,
    Field(
        max_length=MAX_TIME_LENGTH,
        examples=["2027-01-15T09:00"],
        description="Wall-clock time in your own time zone; with Z or an offset, an instant",
    ),
]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_LENGTH), LINE]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH), PARAGRAPHS]
Price = Annotated[int, Field(ge=1, le=MAX_PRICE, description="Applies to future requests")]
Stock = Annotated[
    int,
    Field(
        ge=1, le=MAX_STOCK, description="Pieces in total, including those taken; null: unlimited"
    ),
]
PerMember = Annotated[
    int, Field(ge=1, le=MAX_PER_MEMBER, description="How many one member gets; null: any number")
]
ChannelIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]],
    Field(
        max_length=MAX_ADDRESSED_CHANNELS,
        description="The members of any of these see it; none: every member of the program",
    ),
]
PictureId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        pattern=r"^pic_[0-9a-z]+$",
        description="The picture whose file was posted; it is checked now",
    ),
]
State = Annotated[RewardState, Field(description="Only managers see drafts and archived rewards")]


class PictureType(StrEnum):
    JPEG = JPEG
    PNG = PNG


class NewPicture(Schema):
    model_config = ConfigDict(extra="forbid")

    content_type: PictureType


class PictureFormView(Schema):
    """POST the file here as multipart/form-data: these fields first, the file last as `file`."""

    url: str
    fields: dict[str, str]


class AskedPicture(Schema):
    picture_id: str
    form: PictureFormView
    expires_at: datetime


class NewReward(Schema):
    model_config = ConfigDict(extra="forbid")

    title: Title
    description: Description = ""
    price: Price
    stock: Stock | None = None
    per_member: PerMember | None = None
    starts_at: WallClock | None = None
    ends_at: WallClock | None = None
    channel_ids: ChannelIds = []  # noqa: RUF012  pydantic copies it
    picture_id: PictureId | None = None
    state: State = RewardState.ACTIVE


UNCHANGED: Any = Field(default_factory=lambda: None)
"""For a field that may be left out: no value stands for that, and the document shows none."""


class RewardChanges(Schema):
    """Fields to change; a field that is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    title: Title = UNCHANGED
    description: Description = UNCHANGED
    price: Price = UNCHANGED
    stock: Stock | None = UNCHANGED
    per_member: PerMember | None = UNCHANGED
    starts_at: WallClock | None = UNCHANGED
    ends_at: WallClock | None = UNCHANGED
    channel_ids: ChannelIds = UNCHANGED
    picture_id: PictureId | None = UNCHANGED
    state: State = UNCHANGED


class RewardQuery(PageQuery):
    archived: Annotated[bool, Field(description="Archived ones instead of the others")] = False


class PictureView(Schema):
    url: Annotated[str, Field(description="Anyone who has it can see the picture")]
    content_type: str
    width: int
    height: int


class RewardView(Schema):
    """A reward as managers see it."""

    reward_id: str
    version: Annotated[int, Field(description="Counts the changes managers made")]
    status: RewardStatus
    state: RewardState
    title: str
    description: str
    price: int
    stock: int | None
    taken: Annotated[int, Field(description="Pieces of the stock that are requested or handed out")]
    per_member: int | None
    channel_ids: list[str]
    picture: PictureView | None
    starts_at: datetime | None
    starts_at_local: datetime | None
    ends_at: datetime | None
    ends_at_local: datetime | None
    time_zone: Annotated[str, Field(description="The zone the times were meant in")]
    created_at: datetime
    created_by: str


class RewardList(Schema):
    items: list[RewardView]
    next_cursor: str | None


class OfferView(Schema):
    """A reward as members see it."""

    reward_id: str
    title: str
    description: str
    price: int
    left: Annotated[int | None, Field(description="null: any number; 0: sold out")]
    per_member: int | None
    picture: PictureView | None
    ends_at: datetime | None
    ends_at_local: datetime | None


class OwnOfferView(OfferView):
    balance: Annotated[int, Field(description="What you can spend")]
    taken: Annotated[int, Field(description="How many of it you have requested")]


class OfferList(Schema):
    items: list[OfferView]
    next_cursor: Annotated[None, Field(description="All are on one page")]


@endpoint(
    RequiredRole.MANAGER,
    body=NewPicture,
    answers={201: AskedPicture},
    problems=(ProblemCode.NOT_FOUND,),
    idempotent=True,
)
def ask_picture(service: RewardService, request: Request[NewPicture, None]) -> Answer:
    """Create a form to upload a reward's picture (JPEG or PNG, up to 1 MB)."""
    form = service.ask_for_picture(request.caller, request.body.content_type, request.made_id)
    return Answer(
        201,
        AskedPicture(
            picture_id=form.picture_id,
            form=PictureFormView(url=form.url, fields=form.fields),
            expires_at=form.expires_at,
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    body=NewReward,
    answers={201: RewardView},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.LIMIT_REACHED),
    idempotent=True,
)
def create(service: RewardService, request: Request[NewReward, None]) -> Answer:
    """Create a reward."""
    wanted = cast("RewardFieldChanges", request.body.model_dump(exclude_unset=True))
    reward = service.create(request.caller, request.made_id, **wanted)
    return Answer(201, _view(service, reward, request.caller))


@endpoint(
    RequiredRole.MANAGER,
    query=RewardQuery,
    answers={200: RewardList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_newest(service: RewardService, request: Request[None, RewardQuery]) -> Answer:
    """List rewards, newest first; archived ones on request."""
    query = request.query
    page = service.rewards(request.caller, query.limit, query.cursor, archived=query.archived)
    items = [_view(service, each, request.caller) for each in page.items]
    return Answer(200, RewardList(items=items, next_cursor=page.next_cursor))


@endpoint(RequiredRole.MANAGER, answers={200: RewardView}, problems=(ProblemCode.NOT_FOUND,))
def read(service: RewardService, request: Request[None, None]) -> Answer:
    """Read a reward."""
    reward = service.reward(request.caller, request.path["reward_id"])
    return Answer(200, _view(service, reward, request.caller))


@endpoint(
    RequiredRole.MANAGER,
    body=RewardChanges,
    answers={200: RewardView},
    problems=(
        ProblemCode.NOT_FOUND,
        ProblemCode.LIMIT_REACHED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def edit(service: RewardService, request: Request[RewardChanges, None]) -> Answer:
    """Change, archive or restore a reward."""
    changes = cast(
        "RewardFieldChanges", request.body.model_dump(exclude_unset=True, exclude={"version"})
    )
    reward = service.edit(
        request.caller, request.path["reward_id"], request.body.version, **changes
    )
    return Answer(200, _view(service, reward, request.caller))


@endpoint(RequiredRole.MEMBER, answers={200: OfferList}, problems=(ProblemCode.NOT_FOUND,))
def list_offers(service: RewardService, request: Request[None, None]) -> Answer:
    """List the rewards on offer to you, cheapest first."""
    found = service.offered(request.caller)
    items = [OfferView(**_offer(service, each, request.caller)) for each in found]
    return Answer(200, OfferList(items=items, next_cursor=None))


@endpoint(RequiredRole.MEMBER, answers={200: OwnOfferView}, problems=(ProblemCode.NOT_FOUND,))
def read_offer(service: RewardService, request: Request[None, None]) -> Answer:
    """Read a reward on offer to you, with your balance and redemptions of it."""
    standing = service.standing(request.caller, request.path["reward_id"])
    told = _offer(service, standing.reward, request.caller)
    return Answer(200, OwnOfferView(**told, balance=standing.balance, taken=standing.taken))


def _local(instant: datetime | None, caller: Caller) -> datetime | None:
    return local_time(instant, caller.time_zone) if instant else None


def _picture(service: RewardService, picture: Picture | None) -> PictureView | None:
    if picture is None:
        return None
    return PictureView(
        url=service.address(picture),
        content_type=picture.content_type,
        width=picture.width,
        height=picture.height,
    )


def _offer(service: RewardService, reward: Reward, caller: Caller) -> dict[str, Any]:
    return {
        "reward_id": reward.reward_id,
        "title": reward.title,
        "description": reward.description,
        "price": reward.price,
        "left": reward.left,
        "per_member": reward.per_member,
        "picture": _picture(service, reward.picture),
        "ends_at": reward.ends_at,
        "ends_at_local": _local(reward.ends_at, caller),
    }


def _view(service: RewardService, reward: Reward, caller: Caller) -> RewardView:
    return RewardView(
        reward_id=reward.reward_id,
        version=reward.version,
        status=reward.status_at(service.now()),
        state=reward.state,
        title=reward.title,
        description=reward.description,
        price=reward.price,
        stock=reward.stock,
        taken=reward.taken,
        per_member=reward.per_member,
        channel_ids=sorted(reward.channel_ids),
        picture=_picture(service, reward.picture),
        starts_at=reward.starts_at,
        starts_at_local=_local(reward.starts_at, caller),
        ends_at=reward.ends_at,
        ends_at_local=_local(reward.ends_at, caller),
        time_zone=reward.time_zone,
        created_at=reward.created_at,
        created_by=reward.created_by,
    )
