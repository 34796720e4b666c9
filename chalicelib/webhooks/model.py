"""Webhooks and deliveries: types, waits between tries, and when a webhook is disabled."""

import base64
import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.foundation.values import dataclass

MAX_WEBHOOKS = 10
"""Maximum per program: each event costs a write and a request for each webhook."""

MAX_NAME_LENGTH = 60

RETRY_WAITS = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""After each failed try; after the last of them a delivery is given up, about a day old."""

MAX_TRIES = len(RETRY_WAITS) + 1
JITTER = 0.2
"""A wait is up to this part of itself longer, so that receivers do not get all at one moment."""

LONGEST_RETRY_AFTER = timedelta(hours=1)
DISABLED_AFTER = timedelta(days=3)
"""Without one delivery that got through: a delivery given up after that disables its webhook."""

DELIVERY_RETENTION = timedelta(days=30)
SECRET_OVERLAP = timedelta(days=1)
SLOW_RESPONSE_TIME = timedelta(seconds=2)
"""A receiver that takes longer than this is served apart from the others."""

SECRET_BYTES = 32
_SECRET_PREFIX = "whsec_"  # noqa: S105  the mark by which a secret is known, not one


class EventType(StrEnum):
    """The events that a webhook may get: `tests/unit/test_webhook_model.py` holds to them."""

    ACTIVITY_PUBLISHED = "activity.published"
    ACTIVITY_REJECTED = "activity.rejected"
    ACTIVITY_ENDED = "activity.ended"
    PERFORMANCE_QUEUED = "performance.queued"
    PERFORMANCE_STAGED = "performance.staged"
    PERFORMANCE_POSTED = "performance.posted"
    PERFORMANCE_FAILED = "performance.failed"
    REWARD_OFFERED = "reward.offered"
    REWARD_WITHDRAWN = "reward.withdrawn"
    REWARD_REDEEMED = "reward.redeemed"
    REDEMPTION_FULFILLED = "redemption.fulfilled"
    REDEMPTION_REJECTED = "redemption.rejected"
    MEMBER_INVITED = "member.invited"
    MEMBER_JOINED = "member.joined"
    MEMBER_LEFT = "member.left"
    POINTS_ADJUSTED = "points.adjusted"


TEST_EVENT = "webhook.test"


class Format(StrEnum):
    """The format of a delivery: the event itself, or a message for people."""

    JSON = "json"
    SLACK = "slack"
    TEAMS = "teams"


class Language(StrEnum):
    """Languages of messages for people."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"


class WebhookState(StrEnum):
    """`paused` by a manager, `disabled` after days without a delivery that got through."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Secrets:
    """The secrets of a webhook that only its receiver and Greenroom know; stored encrypted.

    `shown`: the current secret was given to somebody, so its successor does not replace it at once.
    """

    url: str = field(repr=False)
    current: str = field(repr=False)
    shown: bool = False
    previous: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None

    def rotated(self, new: str, now: datetime) -> "Secrets":
        """Return these with a new secret, now shown; the one before is valid for a day more."""
        if not self.shown:
            return Secrets(self.url, new, shown=True)
        return Secrets(self.url, new, True, self.current, now + SECRET_OVERLAP)

    def valid(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets to sign with: two for a day after a change."""
        both = self.previous and self.previous_until and now < self.previous_until
        return (self.current, self.previous) if both and self.previous else (self.current,)

    def to_text(self) -> str:
        until = self.previous_until
        return json.dumps(
            {
                "url": self.url,
                "current": self.current,
                "shown": self.shown,
                "previous": self.previous,
                "previous_until": until.isoformat() if until else None,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "Secrets":
        stored = json.loads(text)
        until = stored["previous_until"]
        return cls(
            stored["url"],
            stored["current"],
            stored["shown"],
            stored["previous"],
            datetime.fromisoformat(until) if until else None,
        )


@dataclass(frozen=True)
class Webhook:
    """A receiver of a program's events. `shown_url` hides what may be secret in the address."""

    program_id: str
    webhook_id: str
    version: int
    name: str
    format: Format
    language: Language
    types: frozenset[str]
    state: WebhookState
    shown_url: str
    sealed: bytes = field(repr=False)
    created_at: datetime
    created_by: str
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    slow: bool = True
    tested_at: tuple[datetime, ...] = ()

    def tests_since(self, instant: datetime) -> tuple[datetime, ...]:
        """Return when its test events after an instant were asked for."""
        return tuple(each for each in self.tested_at if each > instant)

    def wants(self, event_type: str) -> bool:
        """Return whether it is sent events of a type: without `types`, of all of them."""
        return self.state is WebhookState.ACTIVE and (not self.types or event_type in self.types)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Delivery:
    """One event for one webhook, and what became of it. `status` and so on are of the last try."""

    program_id: str
    webhook_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    body: str
    state: DeliveryState
    tries: int
    due_at: datetime | None
    tried_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    milliseconds: int | None = None

    @property
    def is_test(self) -> bool:
        return self.event_type == TEST_EVENT


def next_wait(tries: int, jitter: float, asked: timedelta | None = None) -> timedelta | None:
    """Return how long to wait after so many failed tries; None: no more.

    `jitter` is from 0 to 1. A receiver may ask for a longer wait, up to an hour.
    """
    if tries > len(RETRY_WAITS):
        return None
    wait = RETRY_WAITS[tries - 1] * (1 + JITTER * jitter)
    return max(wait, min(asked or wait, LONGEST_RETRY_AFTER))


def is_to_be_disabled(webhook: Webhook, now: datetime) -> bool:
    """Return whether a webhook of which a delivery was just given up has failed for too long."""
    since = webhook.failing_since
    return since is not None and now - since >= DISABLED_AFTER


def format_secret(random: bytes) -> str:
    """Return a secret in the form that libraries for Standard Webhooks take."""
    return _SECRET_PREFIX + base64.b64encode(random).decode()


def signature_headers(
    event_id: str, body: bytes, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Sign a body by the rules of Standard Webhooks, once with each valid secret."""
    timestamp = str(int(now.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    signatures = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
        digest = hmac.digest(key, signed, hashlib.sha256)
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def webhooks_wanting(webhooks: Collection[Webhook], event_type: str) -> list[Webhook]:
    """Return those of these webhooks that are sent events of a type."""
    return [each for each in webhooks if each.wants(event_type)]
