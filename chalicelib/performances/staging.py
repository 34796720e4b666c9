"""The staging machine: brings a performance into the member's TikTok inbox, exactly once.

Each step is written down, conditionally, before its effect; whatever is found written says what may
be done next. Whoever runs this twice, late, or after a crash finds the same answer.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chalicelib.activities.service import ActivityMarks
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Conflict, commit
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    BEFORE_STAGED,
    FINISHED,
    LEASE,
    QUEUED_GRACE,
    UPLOAD_LIFETIME,
    Performance,
    State,
    next_look,
    posted,
    staged,
)
from chalicelib.performances.queue import StagingQueue
from chalicelib.performances.store import PerformanceStore, Reference
from chalicelib.points.service import PointService
from chalicelib.programs.model import owner_key
from chalicelib.tiktok.client import ShareState, ShareStatus, TikTokClient
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    InboxFull,
    OutcomeUnknown,
    Reconnect,
    Refused,
    TikTokError,
    TryLater,
    TryNow,
)
from chalicelib.tiktok.service import AccountService, NotConnected
from chalicelib.videos.service import VideoShelf

WATCH = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Seconds between looks at a whole upload, before the follow-up schedule takes over."""

LATER = timedelta(seconds=60)
"""When to try again if TikTok does not say: its limits are per minute."""

FOLLOWED_PER_RUN = 500

OWNERS_TO_MEND = frozenset({Cause.APP_SETTINGS, Cause.BAD_REQUEST})
"""No member's fault: such a message is tried again, then waits where an alarm shows it."""

MAX_ATTEMPTS = 3
"""How many drafts a performance may take: TikTok counts each towards its five (product rule)."""


class Busy(Exception):
    """Another worker has this performance; the message comes again."""


class Stager:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        queue: StagingQueue,
        accounts: AccountService,
        client: TikTokClient,
        videos: VideoShelf,
        marks: ActivityMarks,
        points: PointService,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._queue = queue
        self._accounts = accounts
        self._client = client
        self._videos = videos
        self._marks = marks
        self._points = points
        self._clock = clock
        self._sleep = sleep

    def stage(self, reference: Reference) -> None:
        """Bring a performance as far as it goes now. Raises `Busy`, or what broke: try again."""
        lease = secrets.token_hex(8)
        now = self._clock.now()
        if not self._store.lease(reference, lease, now, now + LEASE):
            owner = owner_key(reference.program_id, reference.member_id)
            found = self._store.get(owner, reference.performance_id)
            if found is None or found.state in FINISHED:
                return
            raise Busy(reference.performance_id)
        performance = self._read(reference)
        logger.append_keys(
            program_id=performance.program_id,
            performance_id=performance.performance_id,
            activity_id=performance.activity_id,
        )
        try:
            self._advance(performance, lease)
        except Conflict:
            # A webhook was faster; what it wrote is what holds.
            logger.info("performance changed meanwhile")
        finally:
            self._store.release(performance, lease)

    def _read(self, reference: Reference) -> Performance:
        owner = owner_key(reference.program_id, reference.member_id)
        found = self._store.get(owner, reference.performance_id)
        if found is None:
            raise LookupError(reference.performance_id)
        return found

    def _advance(self, performance: Performance, lease: str) -> None:
        try:
            match performance.state:
                case State.QUEUED | State.INITIATED:
                    # A draft that never got a byte puts nothing into the inbox: begin anew.
                    self._send(performance, lease)
                case State.UNCONFIRMED | State.DELIVERED | State.STAGED:
                    self._follow(performance, lease)
                case State.POSTED | State.FAILED:
                    return
        except (NotConnected, Reconnect):
            self._fail(
                performance,
                lease,
                "reconnect_required",
                "Your TikTok account is not connected any more. Add it again, then send again.",
            )
        except Refused as error:
            if error.cause in OWNERS_TO_MEND:
                raise
            self._fail(performance, lease, error.cause.value, error.cause.words)
        except InboxFull:
            self._fail(
                performance,
                lease,
                "inbox_full",
                "Five videos already wait in your TikTok inbox. Post one of them, then send again.",
            )
        except TryLater as error:
            self._later(performance, error.retry_after_seconds)
        except (TryNow, OutcomeUnknown):
            # A draft whose answer was lost got no byte: nothing is in the inbox.
            self._later(performance, None)

    def _token(self, performance: Performance, refused: str | None = None) -> str:
        return self._accounts.access_token(performance.program_id, performance.member_id, refused)

    def _with_token[T](self, performance: Performance, call: Callable[[str], T]) -> T:
        """Call TikTok with a live token; once more with a new one if it was refused."""
        token = self._token(performance)
        try:
            return call(token)
        except AccessTokenRefused:
            return call(self._token(performance, refused=token))

    def _send(self, performance: Performance, lease: str) -> None:
        draft = self._with_token(
            performance, lambda token: self._client.begin_upload(token, performance.size_bytes)
        )
        now = self._clock.now()
        initiated = replace(
            performance,
            state=State.INITIATED,
            publish_id=draft.publish_id,
            initiated_at=now,
            attempts=performance.attempts + 1,
        )
        self._write(initiated, performance.state, lease)
        logger.info("draft begun", extra={"publish_id": draft.publish_id, "log_id": draft.log_id})
        unconfirmed = replace(initiated, state=State.UNCONFIRMED)
        self._write(unconfirmed, State.INITIATED, lease)
        video = self._videos.open_at(performance.video_key)
        try:
            self._client.send(draft, performance.content_type, performance.size_bytes, video)
        except TikTokError as error:
            # Bytes may have arrived: the publish id decides, not this error.
            logger.warning("upload not confirmed", extra={"tiktok": error.code})
        else:
            delivered = replace(unconfirmed, state=State.DELIVERED, delivered_at=self._clock.now())
            self._write(delivered, State.UNCONFIRMED, lease)
            logger.info("bytes delivered", extra={"size_bytes": performance.size_bytes})
            unconfirmed = delivered
        self._follow(unconfirmed, lease)

    def _follow(self, performance: Performance, lease: str) -> None:
        """Ask TikTok what became of the draft, for some seconds; then leave it to the schedule."""
        waits = iter(() if performance.state is State.STAGED else WATCH)
        while True:
            share = self._with_token(
                performance,
                lambda token: self._client.status(token, performance.publish_id or ""),
            )
            if self._settle(performance, share, lease):
                return
            wait = next(waits, None)
            if wait is None:
                break
            self._sleep(wait)
        now = self._clock.now()
        begun = performance.initiated_at or now
        if performance.state is State.UNCONFIRMED and now - begun > UPLOAD_LIFETIME:
            logger.info("draft given up", extra={"publish_id": performance.publish_id})
            self._send(performance, lease)
        elif performance.state is State.DELIVERED and now - begun > ARRIVAL_LIMIT:
            self._fail(
                performance,
                lease,
                "never_arrived",
                "TikTok took the video but never put it into your inbox. Send it again.",
            )
        else:
            self._store.look_later(performance, next_look(performance, now))

    def _settle(self, performance: Performance, share: ShareStatus, lease: str | None) -> bool:
        """Write what TikTok's status says; True when there is nothing more to wait for now."""
        now = self._clock.now()
        match share.state:
            case ShareState.IN_INBOX if performance.state in BEFORE_STAGED:
                self._write(staged(performance, now), performance.state, lease)
                logger.info("staged", extra={"publish_id": performance.publish_id})
                return True
            case ShareState.POSTED:
                self._write(posted(performance, now), performance.state, lease)
                logger.info("posted", extra={"publish_id": performance.publish_id})
                return True
            case ShareState.FAILED if isinstance(share.fail, Refused | Reconnect):
                raise share.fail
            case ShareState.FAILED if performance.attempts >= MAX_ATTEMPTS:
                raise Refused(share.fail.code if share.fail else "unknown", cause=Cause.UNKNOWN)
            case ShareState.FAILED:
                self._write(replace(performance, state=State.QUEUED), performance.state, lease)
                self._later(performance, None)
                return True
            case _:
                return False

    def _write(self, performance: Performance, before: State, lease: str | None) -> None:
        look_at = next_look(performance, self._clock.now())
        commit([self._store.change(performance, before, look_at, lease)])

    def _later(self, performance: Performance, seconds: float | None) -> None:
        delay = timedelta(seconds=seconds) if seconds else LATER
        stored = self._stored(performance)
        self._store.look_later(stored, self._clock.now() + delay + QUEUED_GRACE)
        self._queue.send([_reference(stored)], delay_seconds=int(delay.total_seconds()))
        logger.info("tried again later", extra={"seconds": delay.total_seconds()})

    def _stored(self, performance: Performance) -> Performance:
        owner = owner_key(performance.program_id, performance.member_id)
        return self._store.get(owner, performance.performance_id) or performance

    def _fail(self, performance: Performance, lease: str | None, failure: str, reason: str) -> None:
        """End a performance for good: points taken back, the activity back in the feed."""
        stored = self._stored(performance)
        if stored.state not in BEFORE_STAGED:
            # It lies in the inbox already: only TikTok's webhook can tell more.
            self._store.look_later(stored, None)
            return
        failed = replace(
            stored, state=State.FAILED, failed_at=self._clock.now(), failure=failure, reason=reason
        )
        owner = owner_key(stored.program_id, stored.member_id)
        commit(
            [
                self._store.change(failed, stored.state, None, lease),
                *self._points.take_back(
                    owner, stored.points, stored.activity_id, stored.performance_id
                ),
                self._marks.unmark(owner, stored.activity_id, stored.performance_id),
            ]
        )
        logger.info("staging failed", extra={"failure": failure})


class FollowUp:
    """Moves on what should have moved by itself."""

    def __init__(self, store: PerformanceStore, queue: StagingQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def queue_again(self) -> int:
        """Queue what is overdue: lost messages, dead workers, late answers; tells how many."""
        found = self._store.unfinished(self._clock.now(), FOLLOWED_PER_RUN)
        self._queue.send(found)
        return len(found)


def _reference(performance: Performance) -> Reference:
    return Reference(
        performance.program_id,
        performance.member_id,
        performance.performance_id,
        performance.correlation_id,
    )
