"""Verifies and reads TikTok's webhooks.

    verify(headers.get("tiktok-signature"), raw_body, client_secret, clock.now())
    event = parse(raw_body)

Events come at least once, in any order and without an id; TikTok repeats them for up to 72 hours
and may or may not sign them anew. The same event may come again: act on what it says, not on how
often it came.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.foundation.texts import clean_external_line
from chalicelib.foundation.values import dataclass
from chalicelib.tiktok.errors import Failure, failure_from_reason

MAX_AGE = timedelta(days=7)
"""TikTok repeats for 72 hours, perhaps under the first signature; a dropped event is lost."""

MAX_CLOCK_SKEW = timedelta(hours=1)
"""How far a clock may be ahead of ours: a wrong change of hours is the most a clock is wrong by.

A time limit keeps no replay out that comes within it. The content of events keeps
replays out: a state that was reached once, a failure that is known, a removal as old as one known.
"""

MAX_ID_LENGTH = 64
"""Maximum length of a publish id, as documented; open ids are shorter."""

MAX_REASON_LENGTH = 64
"""Maximum length of a reason; TikTok's are shorter."""


class SignatureRefused(Exception):
    """The event is not from TikTok, too old, or not signed at all. Its words may be logged."""


class MalformedEvent(Exception):
    """The body is signed, but no event as documented. Its words may be logged."""


class EventKind(StrEnum):
    """The documented events, by TikTok's names and spelling."""

    AUTHORIZATION_REMOVED = "authorization.removed"
    INBOX_DELIVERED = "post.publish.inbox_delivered"
    POST_COMPLETE = "post.publish.complete"
    POST_FAILED = "post.publish.failed"
    POST_PUBLIC = "post.publish.publicly_available"
    POST_NOT_PUBLIC = "post.publish.no_longer_publicaly_available"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TikTokWebhookEvent:
    """One event; times in UTC.

    `name` is TikTok's word for `kind`. `reason` is a fail_reason at POST_FAILED and "0" to "5"
    at AUTHORIZATION_REMOVED, or whatever line TikTok sent. `post_id` is a string: JavaScript
    cannot count as far. An UNKNOWN event has its name and nothing else.
    """

    kind: EventKind
    name: str
    client_key: str
    open_id: str
    created_at: datetime | None
    publish_id: str | None = None
    reason: str | None = None
    post_id: str | None = None

    @property
    def failure(self) -> Failure | None:
        """The failure that a POST_FAILED reports; None for other events."""
        if self.kind is not EventKind.POST_FAILED:
            return None
        return failure_from_reason(self.reason or "")


_TIME_PATTERN = re.compile(r"[0-9]{1,12}")
_DIGEST_PATTERN = re.compile(r"[0-9a-fA-F]{64}")
_EVENT_NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,100}")
_ID_PATTERN = re.compile(r"[!-~]+")


def verify_signature(
    signature_header: str | None, raw_body: bytes, client_secret: str, now: datetime
) -> None:
    """Raise SignatureRefused unless TikTok signed these bytes within the last seven days.

    `signature_header` is the value of `TikTok-Signature`, `t=<unix seconds>,s=<hex>`, where s is
    the HMAC-SHA256 of `t.body` under the client secret.
    """
    if not client_secret:
        raise SignatureRefused("there is no client secret to check it with")
    if not signature_header:
        raise SignatureRefused("it is not signed")
    signed_at, digest = _read_signature(signature_header)
    signed = signed_at.encode("ascii") + b"." + raw_body
    expected = hmac.new(client_secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, digest):
        raise SignatureRefused("the signature is wrong")
    age = timedelta(seconds=now.timestamp() - int(signed_at))
    if age > MAX_AGE:
        raise SignatureRefused(f"it was signed more than {MAX_AGE.days} days ago")
    if -age > MAX_CLOCK_SKEW:
        raise SignatureRefused("it was signed in the future")


def _read_signature(header: str) -> tuple[str, str]:
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    digests = [value for name, _, value in parts if name == "s"]
    if len(times) != 1 or len(digests) != 1:
        raise SignatureRefused("the signature has not one t and one s")
    if not _TIME_PATTERN.fullmatch(times[0]) or not _DIGEST_PATTERN.fullmatch(digests[0]):
        raise SignatureRefused("the signature is not a time and a SHA-256")
    return times[0], digests[0].lower()


def parse_event(raw_body: bytes) -> TikTokWebhookEvent:
    """Read the event in a body whose signature was verified. Raises Malformed.

    An event of an unknown name is never malformed: answer it with 200 and forget it.
    """
    payload = _parse_json_object(raw_body)
    name = payload.get("event")
    if not isinstance(name, str) or not _EVENT_NAME_PATTERN.fullmatch(name):
        raise MalformedEvent("it has no event name")
    try:
        kind = EventKind(name)
    except ValueError:
        kind = EventKind.UNKNOWN
    if kind is EventKind.UNKNOWN:
        return TikTokWebhookEvent(kind, name, "", "", None)
    content = payload.get("content")
    about = content if isinstance(content, dict) else _parse_json_object(content)
    event = TikTokWebhookEvent(
        kind=kind,
        name=name,
        client_key=_short_text(payload, "client_key"),
        open_id=_short_text(payload, "user_openid"),
        created_at=_parse_instant(payload.get("create_time")),
        publish_id=_short_text(about, "publish_id") or None,
        reason=_parse_reason(about.get("reason")),
        post_id=_short_text(about, "post_id") or None,
    )
    if not event.open_id:
        raise MalformedEvent("it does not say whose account it is about")
    if kind is not EventKind.AUTHORIZATION_REMOVED and event.publish_id is None:
        raise MalformedEvent("it has no publish id")
    return event


def _parse_json_object(encoded: object) -> dict[str, Any]:
    if not isinstance(encoded, bytes | str):
        raise MalformedEvent("its content is not JSON")
    try:
        value = json.loads(encoded)
    except (ValueError, RecursionError):
        raise MalformedEvent("it is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedEvent("it is not a JSON object")
    return value


def _short_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a short id or word, or a whole number in digits; empty if it is not there."""
    value = fields.get(name)
    if value is None or value == "":
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH or not _ID_PATTERN.fullmatch(value):
        raise MalformedEvent(f"its {name} is not an id")
    return value


def _parse_reason(value: object) -> str | None:
    """Return a reason whatever it is made of: an event is no less true for a strange one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return clean_external_line(value, MAX_REASON_LENGTH) or None


def _parse_instant(seconds: object) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise MalformedEvent("its create_time is not in whole seconds")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedEvent("its create_time is not a time") from None
