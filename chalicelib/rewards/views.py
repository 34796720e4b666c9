"""Views of rewards and redemptions over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.identity import Caller
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import local_time
from chalicelib.rewards.model import Redemption, RedemptionStatus


class RedemptionView(Schema):
    redemption_id: str
    reward_id: str
    title: Annotated[str, Field(description="As it was when it was redeemed, as is the price")]
    price: int
    status: RedemptionStatus
    requested_at: datetime
    requested_at_local: datetime
    decided_at: datetime | None
    decided_at_local: datetime | None
    note: Annotated[str | None, Field(description="The manager's words, once it is fulfilled")]
    code: Annotated[str | None, Field(description="A voucher code or similar, to copy")]
    reason: Annotated[str | None, Field(description="Why it was rejected")]


class RedemptionList(Schema):
    items: list[RedemptionView]
    next_cursor: str | None


class RequestView(RedemptionView):
    """A redemption as managers see it."""

    member_id: str
    member_name: Annotated[str, Field(description="As it was when it was redeemed")]
    member_removed: Annotated[
        bool,
        Field(
            description="Nobody is there to read what you write: the member was removed, seconds "
            "ago or longer; of a decided request, by then. Rejected, its points wait for them"
        ),
    ]
    decided_by: Annotated[str | None, Field(description="The manager's id")]


class RequestList(Schema):
    items: list[RequestView]
    next_cursor: str | None


def redemption_view(redemption: Redemption, caller: Caller) -> RedemptionView:
    """Show a redemption, its times on the caller's own clock too."""
    decided_at = redemption.decided_at
    return RedemptionView(
        redemption_id=redemption.redemption_id,
        reward_id=redemption.reward_id,
        title=redemption.title,
        price=redemption.price,
        status=redemption.status,
        requested_at=redemption.requested_at,
        requested_at_local=local_time(redemption.requested_at, caller.time_zone),
        decided_at=decided_at,
        decided_at_local=local_time(decided_at, caller.time_zone) if decided_at else None,
        note=redemption.note,
        code=redemption.code,
        reason=redemption.reason,
    )


def request_view(redemption: Redemption, caller: Caller) -> RequestView:
    """Show a redemption to a manager."""
    return RequestView(
        **dict(redemption_view(redemption, caller)),
        member_id=redemption.member_id,
        member_name=redemption.member_name,
        member_removed=redemption.member_removed,
        decided_by=redemption.decided_by,
    )
