"""Redemptions over HTTP: the member's side and the managers'."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import LINE, PARAGRAPHS
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery
from chalicelib.foundation.schemas import Schema
from chalicelib.points.problems import PointProblem
from chalicelib.rewards.model import (
    MAX_CODE_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_PRICE,
    MAX_REASON_LENGTH,
    RedemptionStatus,
)
from chalicelib.rewards.problems import RewardProblem
from chalicelib.rewards.redemptions.service import RedemptionService
from chalicelib.rewards.views import (
    RedemptionList,
    RedemptionView,
    RequestList,
    RequestView,
    redemption_view,
    request_view,
)


class Redeem(Schema):
    model_config = ConfigDict(extra="forbid")

    price: Annotated[
        int,
        Field(
            ge=1, le=MAX_PRICE, description="The price you saw; if it has changed, nothing is done"
        ),
    ]


class Fulfil(Schema):
    """What the member is told: either, both or neither."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=MAX_NOTE_LENGTH), PARAGRAPHS] | None = None
    code: Annotated[str, Field(max_length=MAX_CODE_LENGTH), LINE] | None = None


class Reject(Schema):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str,
        Field(min_length=1, max_length=MAX_REASON_LENGTH, description="The member reads it"),
        LINE,
    ]


class QueueQuery(PageQuery):
    status: RedemptionStatus = RedemptionStatus.REQUESTED


@endpoint(
    RequiredRole.MEMBER,
    body=Redeem,
    answers={201: RedemptionView},
    problems=(
        ProblemCode.NOT_FOUND,
        RewardProblem.REWARD_NOT_ON_OFFER,
        RewardProblem.REWARD_SOLD_OUT,
        RewardProblem.REWARD_LIMIT_REACHED,
        RewardProblem.REWARD_CHANGED,
        PointProblem.BALANCE_TOO_LOW,
        ProblemCode.CHANGED_MEANWHILE,
    ),
    idempotent=True,
)
def redeem(service: RedemptionService, request: Request[Redeem, None]) -> Answer:
    """Redeem a reward with your points."""
    made = service.redeem(
        request.caller, request.path["reward_id"], request.body.price, request.made_id
    )
    return Answer(201, redemption_view(made, request.caller))


@endpoint(
    RequiredRole.MEMBER,
    query=PageQuery,
    answers={200: RedemptionList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def list_own(service: RedemptionService, request: Request[None, PageQuery]) -> Answer:
    """List your redemptions, newest first."""
    page = service.own(request.caller, request.query.limit, request.query.cursor)
    items = [redemption_view(each, request.caller) for each in page.items]
    return Answer(200, RedemptionList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    query=QueueQuery,
    answers={200: RequestList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def list_queue(service: RedemptionService, request: Request[None, QueueQuery]) -> Answer:
    """List redemption requests: waiting oldest first, decided newest first."""
    query = request.query
    page = service.queue(request.caller, query.status, query.limit, query.cursor)
    items = [request_view(each, request.caller) for each in page.items]
    return Answer(200, RequestList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    body=Fulfil,
    answers={200: RequestView},
    problems=(
        ProblemCode.NOT_FOUND,
        RewardProblem.REDEMPTION_DECIDED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def fulfil(service: RedemptionService, request: Request[Fulfil, None]) -> Answer:
    """Fulfil a member's request, with a note or a code."""
    made = service.fulfil(
        request.caller,
        request.path["redemption_id"],
        note=request.body.note or None,
        code=request.body.code or None,
    )
    return Answer(200, request_view(made, request.caller))


@endpoint(
    RequiredRole.MANAGER,
    body=Reject,
    answers={200: RequestView},
    problems=(
        ProblemCode.NOT_FOUND,
        RewardProblem.REDEMPTION_DECIDED,
        ProblemCode.CHANGED_MEANWHILE,
    ),
)
def reject(service: RedemptionService, request: Request[Reject, None]) -> Answer:
    """Reject a member's request and refund its points."""
    made = service.reject(request.caller, request.path["redemption_id"], request.body.reason)
    return Answer(200, request_view(made, request.caller))
