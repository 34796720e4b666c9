"""Members' browsers, and the times of pushes about their videos: plain types and rules.

A video that came into the inbox is told of at once, and once more after a day, unless it was posted
or is gone. A push to a browser is noted before it is sent, so it is sent once at most; what surely
did not reach the push service is tried again. All that happens is a function from inbox to inbox,
which may be done twice and in any order.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.values import dataclass

MAX_DEVICES = 5
"""Browsers of a member: each video costs a request for each of them, twice."""

MAX_LABEL_LENGTH = 60
MAX_VIDEOS = 20
"""Videos of a member that a box knows: TikTok's inbox takes five a day."""

REMINDER_DELAY = timedelta(hours=24)
"""How long a video waits in the TikTok inbox before its member is reminded (product rule)."""

PUSH_WINDOW = timedelta(hours=12)
"""How late a push may still leave, and how long a push service keeps it for a phone that sleeps."""

VIDEO_RETENTION = REMINDER_DELAY + 2 * PUSH_WINDOW
"""How long a video is remembered: after that a late event is ignored."""

RETRY_WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=3),
)
"""After each try that surely did not reach the push service; after the last it is given up."""

MAX_FAILURES = 5
"""In a row: a browser whose address fails so often is forgotten."""

_GONE_STATUSES = frozenset({404, 410})
_NOT_SENT_ERRORS = frozenset(
    {"name_not_resolved", "not_reachable", "connect_timeout", "tls_failed"}
)
_UNKNOWN_OUTCOME_ERRORS = frozenset({"timeout", "broken_answer"})
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_REFUSAL_ERRORS = frozenset({"refused", "redirected"})


class PushStep(StrEnum):
    """The two pushes about a video."""

    ARRIVED = "arrived"
    REMINDER = "reminder"


PUSH_STEPS = (PushStep.ARRIVED, PushStep.REMINDER)


def device_id_of(endpoint: str) -> str:
    """Return a browser's id: the same for the same address, which it does not give away."""
    return f"dev_{hashlib.sha256(endpoint.encode()).hexdigest()[:26]}"


@dataclass(frozen=True)
class Device:
    """A browser that takes pushes: where, with which keys, and in which language.

    `key_id` names the stack's key that it subscribed with; another one it would refuse.
    """

    device_id: str
    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    key_id: str
    label: str
    language: str
    added_at: datetime
    failures: int = 0


@dataclass(frozen=True)
class PushAttempt:
    """The result of a push to one browser: done, unless it is to be retried `at` a time."""

    tries: int
    at: datetime | None = None


@dataclass(frozen=True)
class PushedVideo:
    """A video in a member's TikTok inbox, and the pushes sent about it."""

    performance_id: str
    since: datetime
    ended: bool = False
    tried: Mapping[tuple[PushStep, str], PushAttempt] = field(default_factory=dict)

    def told_at(self, step: PushStep) -> datetime:
        return self.since if step is PushStep.ARRIVED else self.since + REMINDER_DELAY


@dataclass(frozen=True)
class PushBox:
    """A member's browsers, and the videos to push about."""

    program_id: str
    member_id: str
    devices: Mapping[str, Device] = field(default_factory=dict)
    videos: Mapping[str, PushedVideo] = field(default_factory=dict)
    version: int = 0

    @property
    def owner(self) -> str:
        return f"{self.program_id}/{self.member_id}"


@dataclass(frozen=True)
class DuePush:
    """A push to send: which video's, which of the two, to which browser."""

    performance_id: str
    step: PushStep
    device_id: str


def with_device(box: PushBox, device: Device) -> PushBox | None:
    """Add a browser, or take over what is new of a known one; None if there are too many."""
    known = box.devices.get(device.device_id)
    if known is None and len(box.devices) >= MAX_DEVICES:
        return None
    if known and replace(device, added_at=known.added_at, failures=0) == known:
        return box
    added = replace(device, added_at=known.added_at) if known else device
    return replace(box, devices={**box.devices, device.device_id: added})


def without_device(box: PushBox, device_id: str) -> PushBox:
    """Forget a browser and its pushes; without any browser, videos are forgotten, too."""
    if device_id not in box.devices:
        return box
    devices = {each: device for each, device in box.devices.items() if each != device_id}
    if not devices:
        return replace(box, devices={}, videos={})
    videos = {
        each: replace(
            video, tried={key: tried for key, tried in video.tried.items() if key[1] != device_id}
        )
        for each, video in box.videos.items()
    }
    return replace(box, devices=devices, videos=videos)


def with_video(box: PushBox, performance_id: str, since: datetime, now: datetime) -> PushBox:
    """Note that a video came into the inbox; one that is known, or long past, changes nothing."""
    if not box.devices or performance_id in box.videos or now >= since + VIDEO_RETENTION:
        return box
    return _with_video_kept(box, PushedVideo(performance_id, since), now)


def without_video(box: PushBox, performance_id: str, since: datetime, now: datetime) -> PushBox:
    """Note that a video is not in the inbox any more, also of one that is not known yet."""
    known = box.videos.get(performance_id)
    if known is None and (not box.devices or now >= since + VIDEO_RETENTION):
        return box
    video = known or PushedVideo(performance_id, since)
    return (
        box
        if video.ended and known
        else _with_video_kept(box, replace(video, ended=True, tried={}), now)
    )


def _with_video_kept(box: PushBox, video: PushedVideo, now: datetime) -> PushBox:
    videos = {**box.videos, video.performance_id: video}
    known = [each for each in videos.values() if now < each.since + VIDEO_RETENTION]
    latest = sorted(known, key=lambda each: (each.since, each.performance_id))[-MAX_VIDEOS:]
    return replace(box, videos={each.performance_id: each for each in latest})


def _open_pushes(box: PushBox) -> Iterator[tuple[DuePush, datetime, datetime]]:
    """Yield the pushes that are not done: from when on each may leave, and until when."""
    for video in box.videos.values():
        for step in () if video.ended else PUSH_STEPS:
            told_at = video.told_at(step)
            for device in box.devices.values():
                if device.added_at > told_at:
                    continue  # no push about videos from before it subscribed
                tried = video.tried.get((step, device.device_id))
                at = tried.at if tried else told_at
                if at is not None:
                    due = DuePush(video.performance_id, step, device.device_id)
                    yield due, at, told_at + PUSH_WINDOW


def due_pushes(box: PushBox, now: datetime) -> tuple[DuePush, ...]:
    """Return the pushes to send now."""
    return tuple(each for each, at, until in _open_pushes(box) if at <= now < until)


def next_push_at(box: PushBox, now: datetime) -> datetime | None:
    """Return when the box is to be looked at next; None: not until something happens."""
    return min((at for _, at, until in _open_pushes(box) if now < until), default=None)


def with_pushes_claimed(box: PushBox, sent: tuple[DuePush, ...]) -> PushBox:
    """Note pushes before they are sent: done, unless it turns out that they never went out."""
    videos = dict(box.videos)
    for each in sent:
        video, key = videos[each.performance_id], (each.step, each.device_id)
        tries = video.tried[key].tries if key in video.tried else 0
        videos[each.performance_id] = replace(
            video, tried={**video.tried, key: PushAttempt(tries + 1)}
        )
    return replace(box, videos=videos)


class PushVerdict(StrEnum):
    """The meaning of a push service's answer."""

    TAKEN = "taken"
    GONE = "gone"
    """The browser unsubscribed, or its address is none that is ever called."""
    AGAIN = "again"
    """Surely not taken: the service has trouble, or asks for patience."""
    UNREACHED = "unreached"
    """Surely not taken, because the address was not reached."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It may have been taken, so it is not sent again."""


def push_verdict(outcome: DeliveryResult) -> PushVerdict:
    if outcome.error is None:
        return PushVerdict.TAKEN
    if outcome.status in _GONE_STATUSES:
        return PushVerdict.GONE
    if outcome.status is not None and (
        outcome.status == _TOO_MANY_REQUESTS or outcome.status >= _SERVER_ERROR
    ):
        return PushVerdict.AGAIN
    if outcome.error in _REFUSAL_ERRORS:
        return PushVerdict.REFUSED
    if outcome.error in _NOT_SENT_ERRORS:
        return PushVerdict.UNREACHED
    if outcome.error in _UNKNOWN_OUTCOME_ERRORS:
        return PushVerdict.UNKNOWN
    return PushVerdict.GONE


def with_outcome(box: PushBox, sent: DuePush, outcome: DeliveryResult, now: datetime) -> PushBox:
    """Note what became of a push."""
    device = box.devices.get(sent.device_id)
    if device is None:
        return box
    told = push_verdict(outcome)
    if told is PushVerdict.GONE:
        return without_device(box, sent.device_id)
    if told is PushVerdict.TAKEN:
        return _with_failures(box, device, 0)
    if told is not PushVerdict.AGAIN:
        if device.failures + 1 >= MAX_FAILURES:
            return without_device(box, sent.device_id)
        box = _with_failures(box, device, device.failures + 1)
    if told in (PushVerdict.AGAIN, PushVerdict.UNREACHED):
        return _with_retry(box, sent, outcome, now)
    return box


def _with_failures(box: PushBox, device: Device, failures: int) -> PushBox:
    if device.failures == failures:
        return box
    changed = replace(device, failures=failures)
    return replace(box, devices={**box.devices, device.device_id: changed})


def _with_retry(box: PushBox, sent: DuePush, outcome: DeliveryResult, now: datetime) -> PushBox:
    video, key = box.videos.get(sent.performance_id), (sent.step, sent.device_id)
    if video is None or video.ended or key not in video.tried:
        return box
    tries = video.tried[key].tries
    if tries > len(RETRY_WAITS):
        return box
    wait = max(RETRY_WAITS[tries - 1], outcome.retry_after or timedelta(0))
    tried = {**video.tried, key: PushAttempt(tries, now + wait)}
    return replace(box, videos={**box.videos, video.performance_id: replace(video, tried=tried)})
