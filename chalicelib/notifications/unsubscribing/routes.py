"""Switching mails off by a link over HTTP: by a person's button, or by their mail program."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.html_pages import PageText
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.schemas import Schema
from chalicelib.notifications.mail_words import words
from chalicelib.notifications.problems import NotificationProblem
from chalicelib.notifications.unsubscribing.service import MAX_TOKEN, UnsubscribeService


class LinkQuery(Schema):
    """The parameters of a link; any that mail scanners add are ignored."""

    model_config = ConfigDict(extra="ignore")

    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN)]


class UnsubscribedView(Schema):
    unsubscribed: bool


@endpoint(
    RequiredRole.ANYONE,
    query=LinkQuery,
    answers={200: UnsubscribedView},
    problems=(NotificationProblem.UNSUBSCRIBE_LINK_INVALID,),
    page=True,
)
def ask(service: UnsubscribeService, request: Request[None, LinkQuery]) -> Answer:
    """Show the unsubscribe page; changes nothing."""
    language = service.language_of(request.query.token)
    page = PageText(
        words(language, "ask.title"),
        words(language, "ask.text"),
        button=words(language, "ask.button"),
        language=language,
    )
    return Answer(200, UnsubscribedView(unsubscribed=False), page_text=page)


@endpoint(
    RequiredRole.ANYONE,
    query=LinkQuery,
    answers={200: UnsubscribedView},
    problems=(NotificationProblem.UNSUBSCRIBE_LINK_INVALID,),
    page=True,
    raw=True,  # mail programs send a form that says nothing more
)
def switch_off(service: UnsubscribeService, request: Request[None, LinkQuery]) -> Answer:
    """Unsubscribe by a mail's link (RFC 8058)."""
    language = service.unsubscribe(request.query.token)
    page = PageText(
        words(language, "unsubscribed.title"),
        words(language, "unsubscribed.all"),
        language=language,
    )
    return Answer(200, UnsubscribedView(unsubscribed=True), page_text=page)
