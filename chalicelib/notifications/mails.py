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
from chalicelib.notifications.mail_words import ALL, ORDER, PATHS, words
from chalicelib.notifications.model import Notice, NoticeCategory, NoticeType, Shown

MAX_LINES = 10
"""Maximum lines for each kind of notice in one mail; the console shows them all."""

MAX_NAME = 64


@dataclass(frozen=True)
class MailContent:
    """What a mail is made of. `unsubscribe_url` takes a POST, and shows a page to a person.

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


def scope_of(due: Sequence[Shown]) -> str:
    """Return what the unsubscribe link of a mail is for: its kind, or all if it is of several."""
    kinds = {each.notice.what.kind for each in due}
    return kinds.pop().value if len(kinds) == 1 else ALL


def compose(letter: MailContent) -> EmailMessage:
    """Write a mail: headers, both parts, one-click unsubscribing as RFC 8058 has it."""
    mail = EmailMessage(policy=SMTP)
    # `formataddr` would leave commas and brackets of a name beyond ASCII bare: more addresses.
    mail["From"] = Address(_plain_name(letter.program), addr_spec=letter.sender)
    mail["To"] = letter.to
    mail["Subject"] = _as_written(_subject(letter))
    mail["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    shown = _defused(letter)
    mail.set_content(_text(shown))
    mail.add_alternative(_html(shown), subtype="html")
    mail["Content-Language"] = letter.language  # before, setting the content would remove it
    return mail


def _defused(letter: MailContent) -> MailContent:
    """Return a letter in whose titles and names mail programs see no links to make."""
    notices = tuple(replace(each, title=without_links(each.title)) for each in letter.notices)
    program, name = without_links(letter.program), without_links(letter.name)
    return replace(letter, program=program, name=name, notices=notices)


def _plain_name(name: str) -> str:
    """Return a name for a header: one line, without what mail programs take for an address."""
    plain = _as_written(name).replace("@", " ").replace('"', " ")
    return " ".join(plain.split())[:MAX_NAME]


def _as_written(text: str) -> str:
    """Return a text for a header, in which nothing is read as an encoded word of RFC 2047.

    Python decodes one wherever a header holds it: a title could so say other things in the list of
    mails than in the app, and of a name that hides a line break no mail could be written at all.
    """
    return text.replace("=?", "= ?")


def _groups(letter: MailContent) -> Mapping[NoticeType, list[Notice]]:
    found: dict[NoticeType, list[Notice]] = defaultdict(list)
    for each in letter.notices:
        found[each.what].append(each)
    return {what: found[what] for what in ORDER if what in found}


def _heading(letter: MailContent, what: NoticeType, notices: Sequence[Notice]) -> str:
    first = notices[0]
    counted = first.number if what is NoticeType.WORKLIST else len(notices)
    return words(
        letter.language,
        f"{what.value}.{_form(counted)}",
        title=first.title,
        count=len(notices),
        number=first.number,
        points=_signed(first.number),
    ).removesuffix(": ")


def _form(number: int) -> str:
    return "one" if number == 1 else "other"


def _subject(letter: MailContent) -> str:
    groups = _groups(letter)
    what, notices = next(iter(groups.items()))
    first = _heading(letter, what, notices)
    return first if len(groups) == 1 else words(letter.language, "subject.more", first=first)


def _lines(letter: MailContent, what: NoticeType, notices: Sequence[Notice]) -> list[str]:
    """Return the lines under a heading, which says it all where there is one of a thing."""
    if what is NoticeType.POINTS_ADJUSTED:
        lines = [f"{_signed(each.number)} {each.title}".strip() for each in notices]
        return lines[:MAX_LINES] if len(notices) > 1 or notices[0].title else []
    if what in (NoticeType.ACTIVITY_OPENED, NoticeType.ACTIVITY_ENDING):
        points = (
            words(letter.language, f"points.{_form(each.number)}", points=each.number)
            for each in notices
        )
        return [
            f"{each.title} ({told})" if each.number else each.title
            for each, told in zip(notices[:MAX_LINES], points, strict=False)
        ]
    return [each.title for each in notices[:MAX_LINES] if each.title] if len(notices) > 1 else []


def _signed(points: int) -> str:
    return f"{points:+d}"


def _leads_to(letter: MailContent, what: NoticeType) -> str:
    """Return where a notice leads; without rewards they have no screen, but points have."""
    lost = what.kind is NoticeCategory.REWARDS and not letter.rewards
    return _url(letter, PATHS[NoticeType.POINTS_ADJUSTED if lost else what])


def _url(letter: MailContent, path: str) -> str:
    return f"{letter.console_url}{path}"


def _text(letter: MailContent) -> str:
    said = [words(letter.language, "hello", name=letter.name), ""]
    for what, notices in _groups(letter).items():
        said.append(_heading(letter, what, notices))
        said += [f"- {each}" for each in _lines(letter, what, notices)]
        said += [_leads_to(letter, what), ""]
    said += [
        "--",
        words(letter.language, "why", program=letter.program),
        f"{words(letter.language, 'choose')}: {_url(letter, '/settings#mails')}",
        f"{words(letter.language, 'stop')}: {letter.unsubscribe_url}",
    ]
    return "\n".join(said) + "\n"


def _html(letter: MailContent) -> str:
    parts = [f"<p>{html.escape(words(letter.language, 'hello', name=letter.name))}</p>"]
    for what, notices in _groups(letter).items():
        heading = html.escape(_heading(letter, what, notices))
        parts.append(f'<h2 style="font-size:17px;margin:24px 0 6px">{heading}</h2>')
        lines = "".join(
            f'<li style="margin:4px 0">{html.escape(each)}</li>'
            for each in _lines(letter, what, notices)
        )
        if lines:
            parts.append(f'<ul style="margin:0 0 8px;padding-left:20px">{lines}</ul>')
        opened = html.escape(words(letter.language, "open", program=letter.program))
        parts.append(f"<p>{_link(_leads_to(letter, what), opened)}</p>")
    parts.append(
        '<p style="margin-top:32px;font-size:13px;color:#5b6b62">'
        f"{html.escape(words(letter.language, 'why', program=letter.program))}<br>"
        f"{_link(_url(letter, '/settings#mails'), html.escape(words(letter.language, 'choose')))}"
        "<br>"
        f"{_link(letter.unsubscribe_url, html.escape(words(letter.language, 'stop')))}</p>"
    )
    return (
        f'<!doctype html><html lang="{letter.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(_subject(letter))}</title></head>"
        '<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c2b22;'
        f'background:#ffffff;max-width:560px">{"".join(parts)}</body></html>\n'
    )


def _link(url: str, words_: str) -> str:
    return f'<a href="{html.escape(url)}" style="color:#0a6b45">{words_}</a>'
