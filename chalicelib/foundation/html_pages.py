"""Pages for a person whose browser came to the API by itself, where no console takes it in."""

import html

from chalicelib.foundation.values import dataclass

HTML = "text/html; charset=utf-8"
PAGE_HEADERS: dict[str, str | list[str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class PageText:
    """The texts of a page for a person, and a text to copy from it, line by line, if any.

    `button` has it ask: pressed, the page's own address is posted to.
    """

    title: str
    message: str
    to_copy: str | None = None
    button: str | None = None
    language: str = "en"


def render_html(text: PageText) -> str:
    """Return a page of a heading, a paragraph, a text and a button; nothing on it can run."""
    title, message = html.escape(text.title), html.escape(text.message)
    to_copy = f"<pre>{html.escape(text.to_copy)}</pre>" if text.to_copy else ""
    pressed = f"<button>{html.escape(text.button)}</button>" if text.button else ""
    button = f'<form method="post">{pressed}</form>' if pressed else ""
    return (
        f'<!doctype html><html lang="{text.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} - Greenroom</title>"
        "<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;"
        "padding:0 1.5rem;color:#1c2b22}h1{font-size:1.5rem}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;padding:1rem;"
        "background:#eef3ef}"
        "button{font:inherit;padding:.75rem 1.5rem;border:0;border-radius:.75rem;"
        "background:#0a6b45;color:#fff;cursor:pointer}</style>"
        f"<h1>{title}</h1><p>{message}</p>{to_copy}{button}</html>"
    )
