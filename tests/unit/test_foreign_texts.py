"""Texts that TikTok, a video or another system brings are cleaned and bounded by the one rule."""

import json
from collections.abc import Callable
from html import escape

import pytest

from chalicelib.foundation.texts import clean_external_line, clean_line, is_visible
from chalicelib.tiktok.errors import MAX_MESSAGE_LENGTH, safe_message
from chalicelib.tiktok.webhooks import MAX_REASON_LENGTH, parse_event
from chalicelib.videos.probe import MAX_FORMAT_LENGTH, _facts_from_output

HOSTILE = [
    "in\u202evoice",
    "\u2066Ana\u2069 Lee",
    "a\x00b\x07c",
    "two\r\nlines\u2028three",
    "tag\U000e0041\U000e0042s",
    "\ufeffmark",
    "x" * 10_000,
    "wide " * 3_000,
    "e\u0301" * 2_000,
    "Zoë \u0645\u0631\u062d\u0628\u0627 שלום",
]
UNSEEN = ["", " ", "\u200b", "\u2800\u3164", "\u202e", "\x00", "\ud800"]


def reason(text: str) -> str:
    body = {
        "event": "post.publish.failed",
        "create_time": 1_760_000_000,
        "user_openid": "o",
        "content": json.dumps({"publish_id": "p", "reason": text}),
    }
    return parse_event(json.dumps(body).encode()).reason or ""


def media_info(kind: str, values: dict[str, str]) -> str:
    lines = "".join(f"\n<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return f'<track type="{kind}">{lines}\n</track>'


def codec(text: str) -> str:
    answer = media_info("General", {"Format": "WebM"}) + media_info("Video", {"Format": text})
    return _facts_from_output(answer, 1).codec or ""


def container(text: str) -> str:
    return _facts_from_output(media_info("General", {"Format": text}), 1).container or ""


def brand(text: str) -> str:
    return (
        _facts_from_output(
            media_info("General", {"Format": "MPEG-4", "CodecID": text}), 1
        ).container
        or ""
    )


READERS: list[tuple[Callable[[str], str], int]] = [
    (reason, MAX_REASON_LENGTH),
    (safe_message, MAX_MESSAGE_LENGTH),
    (codec, MAX_FORMAT_LENGTH),
    (container, MAX_FORMAT_LENGTH),
    (brand, MAX_FORMAT_LENGTH),
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize(("reader", "longest"), READERS)
def test_a_foreign_text_is_one_clean_line_of_bounded_length(
    reader: Callable[[str], str], longest: int, text: str
) -> None:
    read = reader(text)
    assert read == clean_line(read)
    assert len(read) <= longest
    assert not read or is_visible(read)


@pytest.mark.parametrize("text", UNSEEN, ids=ascii)
@pytest.mark.parametrize("reader", [reader for reader, _ in READERS])
def test_a_foreign_text_in_which_nothing_is_visible_is_none(
    reader: Callable[[str], str], text: str
) -> None:
    assert reader(text) in ("", "mpeg-4")  # without a brand, it is what MediaInfo calls it


@pytest.mark.parametrize("other", [None, 7, True, ["a"], {"a": 1}, b"bytes"])
def test_a_value_that_is_no_text_is_none(other: object) -> None:
    assert clean_external_line(other, 10) == ""


def test_a_foreign_text_that_fits_stays_as_it_was() -> None:
    assert clean_external_line("Zoë & Đorđe", 11) == "Zoë & Đorđe"
    assert clean_external_line("one two", 4) == "one"
