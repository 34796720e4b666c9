"""Mails of the local cloud, which keeps what AWS would send and sends nothing."""

import html
import re
from collections.abc import Sequence
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
    """Return the mails that the local cloud has kept since it started, the oldest first."""
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
    """Return the paragraphs of a mail's HTML."""
    paragraphs = re.split(r"</p>\s*", text)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in paragraphs)


def page(mails: Sequence[Mail]) -> str:
    """Return a page of mails, the latest first; their links work, and nothing else does."""
    shown = "".join(
        f"<article><h2>{html.escape(each.subject)}</h2><p>To {html.escape(each.to)}</p>"
        f"<pre>{_linked(each.text)}</pre></article>"
        for each in reversed(mails)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Mails of this stack</title>"
        "<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
        "padding:0 1rem;color:#1c2b22}article{border:1px solid #ccd;border-radius:.75rem;"
        "padding:1rem;margin:1rem 0}h2{font-size:1.1rem;margin:0}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}</style>"
        "<h1>Mails of this stack</h1><p>Nothing leaves this machine.</p>"
        f"{shown or '<p>None yet.</p>'}</html>"
    )


def _linked(text: str) -> str:
    return re.sub(
        r"https?://[^\s<>&\"']+(?:&amp;[^\s<>&\"']+)*",
        lambda found: f'<a href="{found[0]}">{found[0]}</a>',
        html.escape(text),
    )
