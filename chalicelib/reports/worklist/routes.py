"""The worklist over HTTP: each item with its cause in words, and one thing to do about it."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.schemas import Schema
from chalicelib.reports.model import MAX_MEMBER_IDS, WorklistItem, failure_words
from chalicelib.reports.views import ReasonView
from chalicelib.reports.worklist.service import WorklistService


class ToDoView(Schema):
    """The one thing to do; `code` is stable, `thing_id` names what to do it to, if there is one."""

    code: str
    label: str
    thing_id: str | None


class WorklistItemView(Schema):
    """Something that needs a hand. It disappears by itself once it is mended."""

    code: Annotated[str, Field(description="What is wrong; a stable code")]
    title: Annotated[
        str, Field(description="The activity or person it is about, if there is just one")
    ]
    cause: str
    count: int
    since: date
    reasons: list[ReasonView]
    names: Annotated[list[str], Field(description="The first few of those concerned")]
    member_ids: Annotated[
        list[str],
        Field(
            description="The members concerned, for `ids` of the member list: the first "
            f"{MAX_MEMBER_IDS}, the longest so first; empty where it is not about members"
        ),
    ]
    to_do: ToDoView


class WorklistView(Schema):
    items: list[WorklistItemView]
    complete: Annotated[bool, Field(description="False if there are more than are shown")]


@endpoint(RequiredRole.MANAGER, answers={200: WorklistView})
def read(service: WorklistService, request: Request[None, None]) -> Answer:
    """List what needs a manager's attention."""
    found = service.worklist(request.caller)
    return Answer(
        200, WorklistView(items=[_view(each) for each in found.items], complete=found.complete)
    )


def _view(item: WorklistItem) -> WorklistItemView:
    cause, to_do, label = _ITEM_TEXTS[item.code]
    return WorklistItemView(
        code=item.code,
        title=item.title,
        cause=cause(item),
        count=item.count,
        since=item.since,
        reasons=[
            ReasonView(code=code, words=failure_words(code), count=number)
            for code, number in item.reasons
        ],
        names=list(item.names),
        member_ids=list(item.member_ids),
        to_do=ToDoView(code=to_do, label=label, thing_id=item.thing_id),
    )


def _counted(item: WorklistItem, one: str, several: str) -> str:
    return one if item.count == 1 else f"{item.count} {several}"


_ITEM_TEXTS: dict[str, tuple[Callable[[WorklistItem], str], str, str]] = {
    "webhook_disabled": (
        lambda _: "For three days nothing got through to this webhook, so it was switched off.",
        "open_webhooks",
        "See what went wrong",
    ),
    "tiktok_app_refused": (
        lambda _: (
            "TikTok refuses this installation's app, so nothing is sent. Its owner has to "
            "correct its client key and secret."
        ),
        "read_help",
        "What to do",
    ),
    "video_refused": (
        lambda _: "The video of this activity was refused, so nobody sees it.",
        "open_activity",
        "Choose another video",
    ),
    "sends_failed": (
        lambda item: (
            f"{_counted(item, 'One send', 'sends')} failed. {failure_words(item.reasons[0][0])}"
        ),
        "open_report",
        "See who",
    ),
    "not_posted": (
        lambda item: (
            f"{_counted(item, 'One video has', 'videos have')} been in TikTok inboxes for more "
            "than a day without being posted."
        ),
        "open_report",
        "See who",
    ),
    "redemption_waiting": (
        lambda item: f"{_counted(item, 'One redemption is', 'redemptions are')} waiting.",
        "open_redemptions",
        "Fulfil",
    ),
    "unlikely_sends": (
        lambda item: f"This member sent {item.count} videos in one day, which is unusual.",
        "open_member",
        "See the member",
    ),
    "account_to_reconnect": (
        lambda item: (
            f"{_counted(item, 'One member has', 'members have')} to connect their TikTok account "
            "again."
        ),
        "open_members",
        "See who",
    ),
    "mail_refused": (
        lambda item: (
            f"E-mails to {_counted(item, 'one member', 'members')} come back or were reported as "
            "spam, so none are sent to them."
        ),
        "open_members",
        "See who",
    ),
    "mail_failed": (
        lambda item: f"{_counted(item, 'One invitation', 'invitations')} could not be mailed.",
        "invite_again",
        "Invite again",
    ),
    "not_taken_up": (
        lambda item: (
            f"{_counted(item, 'One invitation has', 'invitations have')} been open for a week."
        ),
        "invite_again",
        "Invite again",
    ),
}
