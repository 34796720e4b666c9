"""The HTML of the sandbox's few pages. All input from outside goes through `escape`."""

from collections.abc import Iterable, Sequence
from html import escape
from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from local.tiktok_sandbox.state import FAILED, IN_INBOX, POSTED, Person, Share

SCOPE_WORDS = {
    "user.info.basic": "Read your profile info (open id, avatar, display name)",
    "user.info.profile": "Read your additional profile info (bio, profile link, username)",
    "user.info.stats": "Read your profile engagement statistics",
    "video.list": "Read your public videos on TikTok",
    "video.upload": "Share content to your account as a draft",
    "video.publish": "Post content to TikTok",
}
STATUS_WORDS = {
    IN_INBOX: "Waiting for you",
    POSTED: "Posted",
    FAILED: "Failed",
}
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
}

_STYLE = """
:root { color-scheme: light dark; --ink: #16181d; --soft: #6b7280; --line: #e3e5ea;
  --paper: #fff; --ground: #f4f5f7; --accent: #e11d48; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3f4f6; --soft: #9ca3af; --line: #30343c;
  --paper: #1b1e24; --ground: #111317; } }
* { box-sizing: border-box }
body { margin: 0; padding: 2rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
main { max-width: 30rem; margin: 0 auto }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 14px;
  padding: 1.25rem; margin: 0 0 1rem }
h1 { font-size: 1.4rem; margin: 0 0 .25rem } h2 { font-size: 1rem; margin: 0 0 .5rem }
p { margin: 0 0 .75rem } .soft { color: var(--soft); font-size: .875rem }
code { font-size: .8rem; overflow-wrap: anywhere }
label { display: flex; gap: .6rem; padding: .35rem 0; align-items: baseline }
fieldset { border: 0; padding: 0; margin: 0 0 1rem } legend { font-weight: 600; padding: 0 }
input[type=text] { font: inherit; width: 100%; padding: .5rem .7rem; color: inherit;
  border: 1px solid var(--line); border-radius: 8px; background: var(--ground) }
button { font: inherit; font-weight: 600; padding: .6rem 1.1rem; border-radius: 999px;
  border: 1px solid var(--line); background: var(--paper); color: var(--ink); cursor: pointer }
button.main { background: var(--accent); border-color: var(--accent); color: #fff }
button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px }
.row { display: flex; gap: .6rem; flex-wrap: wrap } form { margin: 0 }
video { width: 100%; max-height: 26rem; border-radius: 10px; background: #000;
  margin: 0 0 .75rem }
.person { display: flex; gap: .8rem; align-items: center; margin: 0 0 1.25rem }
.person img { width: 56px; height: 56px; border-radius: 50% }
a { color: inherit }
"""


def _page(title: str, body: str, status: int = HTTPStatus.OK) -> HTMLResponse:
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} · TikTok sandbox</title><style>{_STYLE}</style>"
        f"<main>{body}<p class=soft>A stand-in for TikTok on this machine. "
        "<a href='/'>Everybody here</a></p></main></html>",
        status,
        HEADERS,
    )


def problem_page(title: str, words: str, status: int = HTTPStatus.BAD_REQUEST) -> HTMLResponse:
    """Something that cannot be done, said on a page."""
    body = f"<div class=card><h1>{escape(title)}</h1><p>{escape(words)}</p></div>"
    return _page(title, body, status)


def inbox_path(name: str) -> str:
    """The address of a person's inbox."""
    return f"/inbox/{quote(name, safe='')}"


def consent_page(
    *, action: str, scopes: Iterable[str], people: Sequence[Person], chosen: str | None
) -> HTMLResponse:
    """Return the page that asks a person who they are and what the app may do."""
    first = chosen or (people[0].name if people else None)
    choices = "".join(
        f"<label><input type=radio name=person value='{escape(person.name)}'"
        f"{' checked' if person.name == first else ''}>{escape(person.display_name)}</label>"
        for person in people
    )
    boxes = "".join(
        f"<label><input type=checkbox name=scopes value='{escape(scope)}' checked>"
        f"<span>{escape(SCOPE_WORDS.get(scope, scope))}<br><code>{escape(scope)}</code></span>"
        "</label>"
        for scope in scopes
    )
    return _page(
        "Authorize",
        f"<form class=card method=post action='{escape(action)}'><h1>Authorize this app?</h1>"
        "<p class=soft>It would like to use your TikTok account.</p>"
        f"<fieldset><legend>Who are you?</legend>{choices}"
        "<label for=new_person>Somebody new</label>"
        "<input type=text id=new_person name=new_person maxlength=60 autocomplete=off"
        f" placeholder='A name'{'' if people else ' required'}></fieldset>"
        f"<fieldset><legend>It may</legend>{boxes}</fieldset>"
        "<div class=row><button class=main name=decision value=authorize>Authorize</button>"
        "<button name=decision value=cancel formnovalidate>Cancel</button></div></form>",
    )


def people_page(people: Sequence[Person]) -> HTMLResponse:
    """Return the page that lists people."""
    links = "".join(
        f"<p><a href='{escape(inbox_path(person.name))}'>{escape(person.display_name)}</a></p>"
        for person in people
    )
    nobody = "<p class=soft>Nobody yet: people are made on the consent page.</p>"
    return _page("People", f"<div class=card><h1>Inboxes</h1>{links or nobody}</div>")


def inbox_page(
    person: Person, shares: Sequence[Share], granted: Sequence[str] | None
) -> HTMLResponse:
    """Return a person's inbox: staged videos to watch and post."""
    here = escape(inbox_path(person.name))
    cards = "".join(_share_card(here, share) for share in shares if share.status in STATUS_WORDS)
    empty = "<div class=card><p>Nothing here yet.</p><p class=soft>Videos an app sends you wait "
    empty += "here until you post them.</p></div>"
    access = (
        f"<form class=card method=post action='{here}/remove-access'><h2>Connected app</h2>"
        f"<p class=soft>It may: <code>{escape(', '.join(granted))}</code></p>"
        "<button>Remove app access</button></form>"
        if granted is not None
        else "<div class=card><h2>No connected app</h2></div>"
    )
    name = escape(person.display_name)
    return _page(
        f"{person.display_name}'s inbox",
        f"<div class=person><img src='/avatar/{escape(quote(person.name, safe=''))}.svg' alt=''>"
        f"<div><h1>{name}</h1><span class=soft>Inbox</span></div></div>{cards or empty}{access}",
    )


def _share_card(here: str, share: Share) -> str:
    where = f"{here}/{escape(quote(share.publish_id, safe=''))}"
    words = escape(STATUS_WORDS[share.status])
    watch = f"<video controls playsinline preload=metadata src='{where}/video'></video>"
    if share.status == FAILED:
        watch = f"<p>{escape(share.fail_reason or '')}</p>"
    button = (
        f"<form method=post action='{where}/post'><button class=main>Post</button></form>"
        if share.status == IN_INBOX
        else ""
    )
    return (
        f"<section class=card><h2>{words}</h2>{watch}{button}"
        f"<p class=soft>{share.uploaded_bytes:,} bytes · <code>{escape(share.publish_id)}</code>"
        "</p></section>"
    )


def avatar(name: str) -> Response:
    """A round picture with the first letter."""
    hue = sum(name.encode()) % 360
    return Response(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'>"
        f"<rect width='100' height='100' fill='hsl({hue} 60% 45%)'/>"
        "<text x='50' y='54' font-family='sans-serif' font-size='48' fill='#fff'"
        " text-anchor='middle' dominant-baseline='middle'>"
        f"{escape(name[:1].upper())}</text></svg>",
        media_type="image/svg+xml",
        headers=HEADERS,
    )
