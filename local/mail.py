"""The mails of the local cloud: it keeps what AWS would send, and sends nothing."""

import html
import re
from dataclasses import dataclass

import requests

from local.failure import Failure

DOMAIN = "greenroom.example"
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str


def kept(endpoint_url: str) -> list[Mail]:
    """Read all mails that the local cloud has kept since it started, the oldest first."""
    try:
        answer = requests.get(f"{endpoint_url}/_ministack/ses/messages", timeout=TIMEOUT_SECONDS)
        messages = answer.json()["messages"]
    except (requests.RequestException, ValueError, KeyError):
        raise Failure(
            "The local cloud does not show its mails.", "Look whether the stack is up: make run."
        ) from None
    ordered = sorted(
        (each for account in messages.values() for each in account), key=lambda it: it["Timestamp"]
    )
    return [
        Mail(", ".join(each["To"]), each["Subject"], _plain(each["BodyText"] or each["BodyHtml"]))
        for each in ordered
    ]


def _plain(text: str) -> str:
    """Show a mail's HTML as the paragraphs that it is made of."""
    paragraphs = re.split(r"</p>\s*", text)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in paragraphs)
