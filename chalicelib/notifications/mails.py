"""The mails: plain text and HTML, readable without pictures, every link into the console.

Nothing in them is fetched from anywhere, and nothing counts who opened them.
"""

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from chalicelib.foundation.texts import without_links
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.mail_words import ALL, NOTICE_ORDER, NOTICE_PATHS, words
from chalicelib.notifications.model import Notice, NoticeCategory, NoticeType, ShownNotice

MAX_LISTED_NOTICES = 10
"""Maximum lines for each kind of notice in one mail; the console shows them all."""

MAX_NAME = 64


@dataclass(frozen=True)
class MailContent:
    """The contents of a mail. `unsubscribe_url` takes a POST, and shows a page to a person.

    `rewards` is whether the program has them.
    """

    sender: str
    program: str
    to: str
    name: str
    language: str
    notices: tuple[Notice, ...]
    console_url: str
    unsubscribe_url: str
    rewards: bool = True


def scope_of(due: Sequence[ShownNotice]) -> str:
    """Return what the unsubscribe link of a mail is for: its kind, or all if it is of several."""
    kinds = {each.notice.what.kind for each in due}
    return kinds.pop().value if len(kinds) == 1 else ALL


def compose_mail(content: MailContent) -> EmailMessage:
    """Write a mail: headers, both parts, one-click unsubscribing as RFC 8058 has it."""
    mail = EmailMessage(policy=SMTP)
    # `formataddr` would leave commas and brackets of a name beyond ASCII bare: more addresses.
    mail["From"] = Address(_plain_name(content.program), addr_spec=content.sender)
    mail["To"] = content.to
    mail["Subject"] = _without_encoded_words(_subject(content))
    mail["List-Unsubscribe"] = f"<{content.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    shown = _without_links(content)
    mail.set_content(_text_body(shown))
    mail.add_alternative(_html_body(shown), subtype="html")
    mail["Content-Language"] = content.language  # before, setting the content would remove it
    return mail


def _without_links(content: MailContent) -> MailContent:
    """Return a letter in whose titles and names mail programs see no links to make."""
    notices = tuple(replace(each, title=without_links(each.title)) for each in content.notices)
    program, name = without_links(content.program), without_links(content.name)
    return replace(content, program=program, name=name, notices=notices)


def _plain_name(name: str) -> str:
    """Return a name for a header: one line, without what mail programs take for an address."""
    plain = _without_encoded_words(name).replace("@", " ").replace('"', " ")
    return " ".join(plain.split())[:MAX_NAME]


def _without_encoded_words(text: str) -> str:
    """Return a text for a header, in which nothing is read as an encoded word of RFC 2047.

    Python decodes one wherever a header holds it: a title could so say other things in the list of
    mails than in the app, and of a name that hides a line break no mail could be written at all.
    """
    return text.replace("=?", "= ?")


def _group_by_type(content: MailContent) -> Mapping[NoticeType, list[Notice]]:
    found: dict[NoticeType, list[Notice]] = defaultdict(list)
    for each in content.notices:
        found[each.what].append(each)
    return {what: found[what] for what in NOTICE_ORDER if what in found}


def _heading(content: MailContent, what: NoticeType, notices: Sequence[Notice]) -> str:
    first = notices[0]
    counted = first.number if what is NoticeType.WORKLIST else len(notices)
    return words(
        content.language,
        f"{what.value}.{_plural_form(counted)}",
        title=first.title,
        count=len(notices),
        number=first.number,
        points=_signed_points(first.number),
    ).removesuffix(": ")


def _plural_form(number: int) -> str:
    return "one" if number == 1 else "other"


def _subject(content: MailContent) -> str:
    groups = _group_by_type(content)
    what, notices = next(iter(groups.items()))
    first = _heading(content, what, notices)
    return first if len(groups) == 1 else words(content.language, "subject.more", first=first)


def _notice_lines(content: MailContent, what: NoticeType, notices: Sequence[Notice]) -> list[str]:
    """Return the lines under a heading, which says it all where there is one of a thing."""
    if what is NoticeType.POINTS_ADJUSTED:
        lines = [f"{_signed_points(each.number)} {each.title}".strip() for each in notices]
        return _first(content, lines) if len(notices) > 1 or notices[0].title else []
    if what in (NoticeType.ACTIVITY_OPENED, NoticeType.ACTIVITY_ENDING):
        points = (
            words(content.language, f"points.{_plural_form(each.number)}", points=each.number)
            for each in notices
        )
        lines = [
            f"{each.title} ({told})" if each.number else each.title
            for each, told in zip(notices, points, strict=True)
        ]
        return _first(content, lines)
    lines = [each.title for each in notices if each.title]
    return _first(content, lines) if len(notices) > 1 else []


def _first(content: MailContent, lines: Sequence[str]) -> list[str]:
    """Return the lines that a mail has room for, and how many there are beside them."""
    rest = len(lines) - MAX_LISTED_NOTICES
    more = [words(content.language, f"more.{_plural_form(rest)}", count=rest)] if rest > 0 else []
    return [*lines[:MAX_LISTED_NOTICES], *more]


def _signed_points(points: int) -> str:
    return f"{points:+d}"


def _notice_url(content: MailContent, what: NoticeType) -> str:
    """Return where a notice leads; without rewards they have no screen, but points have."""
    lost = what.kind is NoticeCategory.REWARDS and not content.rewards
    return _url(content, NOTICE_PATHS[NoticeType.POINTS_ADJUSTED if lost else what])


def _url(content: MailContent, path: str) -> str:
    return f"{content.console_url}{path}"


def _text_body(content: MailContent) -> str:
    said = [words(content.language, "hello", name=content.name), ""]
    for what, notices in _group_by_type(content).items():
        said.append(_heading(content, what, notices))
        said += [f"- {each}" for each in _notice_lines(content, what, notices)]
        said += [_notice_url(content, what), ""]
    said += [
        "--",
        words(content.language, "why", program=content.program),
        f"{words(content.language, 'choose')}: {_url(content, '/settings#mails')}",
        f"{words(content.language, 'stop')}: {content.unsubscribe_url}",
    ]
    return "\n".join(said) + "\n"


def _html_body(content: MailContent) -> str:
    parts = [f"<p>{html.escape(words(content.language, 'hello', name=content.name))}</p>"]
    for what, notices in _group_by_type(content).items():
        heading = html.escape(_heading(content, what, notices))
        parts.append(f'<h2 style="font-size:17px;margin:24px 0 6px">{heading}</h2>')
        lines = "".join(
            f'<li style="margin:4px 0">{html.escape(each)}</li>'
            for each in _notice_lines(content, what, notices)
        )
        if lines:
            parts.append(f'<ul style="margin:0 0 8px;padding-left:20px">{lines}</ul>')
        opened = html.escape(words(content.language, "open", program=content.program))
        parts.append(f"<p>{_html_link(_notice_url(content, what), opened)}</p>")
    choose = html.escape(words(content.language, "choose"))
    parts.append(
        '<p style="margin-top:32px;font-size:13px;color:#5b6b62">'
        f"{html.escape(words(content.language, 'why', program=content.program))}<br>"
        f"{_html_link(_url(content, '/settings#mails'), choose)}"
        "<br>"
        f"{_html_link(content.unsubscribe_url, html.escape(words(content.language, 'stop')))}</p>"
    )
    return (
        f'<!doctype html><html lang="{content.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(_subject(content))}</title></head>"
        '<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c2b22;'
        f'background:#ffffff;max-width:560px">{"".join(parts)}</body></html>\n'
    )


def _html_link(url: str, words_: str) -> str:
    return f'<a href="{html.escape(url)}" style="color:#0a6b45">{words_}</a>'
