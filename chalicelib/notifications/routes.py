"""Notices over HTTP, and what members choose of mails."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.fields import LINE
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.schemas import Schema
from chalicelib.notifications.model import (
    Frequency,
    Language,
    NoticeCategory,
    NoticeType,
    Refusal,
    ShownNotice,
)
from chalicelib.notifications.service import (
    NotificationOverview,
    NotificationService,
    SettingsChanges,
)
from chalicelib.programs.model import local_time

MAX_READ = 300
MAX_NOTICE_ID = 80


class NoticeView(Schema):
    notice_id: str
    what: NoticeType
    read: bool
    at: datetime
    at_local: datetime
    title: Annotated[str, Field(description="The activity or reward it is about, or the reason")]
    number: Annotated[int, Field(description="Points, or how many things")]
    thing_id: str


class MailView(Schema):
    """How often the member is mailed of each kind; digests leave at an hour of their zone."""

    available: Annotated[bool, Field(description="Whether this installation sends mails at all")]
    refused: Annotated[
        Refusal | None, Field(description="Why nothing is mailed: the address, or its person")
    ]
    hour: int
    weekday: Annotated[int, Field(description="Of weekly mails; 0 is Monday")]
    language: str
    kinds: dict[NoticeCategory, Frequency]


class Notifications(Schema):
    """All notices there are: at most 100 about the member, and 200 about open activities."""

    items: list[NoticeView]
    unread: int
    mail: MailView


class NoteRead(Schema):
    model_config = ConfigDict(extra="forbid")

    notice_ids: Annotated[
        list[Annotated[str, Field(max_length=MAX_NOTICE_ID), LINE]], Field(max_length=MAX_READ)
    ]


class KindsChange(Schema):
    model_config = ConfigDict(extra="forbid")

    new_activities: Frequency | None = None
    last_call: Frequency | None = None
    video_waiting: Frequency | None = None
    account: Frequency | None = None
    rewards: Frequency | None = None
    points: Frequency | None = None
    worklist: Frequency | None = None


class ChangeNotifications(Schema):
    model_config = ConfigDict(extra="forbid")

    kinds: KindsChange | None = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    weekday: Annotated[int, Field(ge=0, le=6)] | None = None
    language: Language | None = None
    mail_again: Annotated[
        bool, Field(description="Mail an address again that mails came back from")
    ] = False


@endpoint(RequiredRole.MEMBER, answers={200: Notifications})
def list_own(service: NotificationService, request: Request[None, None]) -> Answer:
    """List your notices, newest first, and your mail settings."""
    return Answer(200, _view(service.overview(request.caller), request.caller.time_zone))


@endpoint(RequiredRole.MEMBER, body=NoteRead, answers={204: None})
def note_read(service: NotificationService, request: Request[NoteRead, None]) -> Answer:
    """Mark notices as read."""
    service.note_read(request.caller, frozenset(request.body.notice_ids))
    return Answer(204)


@endpoint(RequiredRole.MEMBER, body=ChangeNotifications, answers={200: Notifications})
def change(service: NotificationService, request: Request[ChangeNotifications, None]) -> Answer:
    """Change which mails you get, how often and when."""
    wanted = request.body
    kinds = wanted.kinds.model_dump(exclude_none=True) if wanted.kinds else {}
    changes = SettingsChanges(
        kinds={NoticeCategory(name): frequency for name, frequency in kinds.items()},
        hour=wanted.hour,
        weekday=wanted.weekday,
        language=wanted.language.value if wanted.language else None,
        mail_again=wanted.mail_again,
    )
    return Answer(
        200, _view(service.change_settings(request.caller, changes), request.caller.time_zone)
    )


def _view(overview: NotificationOverview, time_zone: str) -> Notifications:
    settings = overview.settings
    return Notifications(
        items=[_notice_view(each, time_zone) for each in overview.items],
        unread=overview.unread,
        mail=MailView(
            available=overview.mails,
            refused=overview.refused,
            hour=settings.hour,
            weekday=settings.weekday,
            language=settings.language,
            kinds={each: settings.of(each) for each in NoticeCategory},
        ),
    )


def _notice_view(each: ShownNotice, time_zone: str) -> NoticeView:
    notice = each.notice
    return NoticeView(
        notice_id=notice.notice_id,
        what=notice.what,
        read=each.read,
        at=notice.at,
        at_local=local_time(notice.at, time_zone),
        title=notice.title,
        number=notice.number,
        thing_id=notice.thing_id,
    )
