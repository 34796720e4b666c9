"""The staging machine: brings a performance into the member's TikTok inbox, once.

Each step is written down, conditionally, before its effect; whatever is found written says what may
be done next. Whoever runs this twice, late, or after a crash finds the same answer. What keeps a
performance from moving has an end: its attempts are counted and its time is limited.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.activities.service import ActivityMarks
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Conflict, Part, commit
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    BEFORE_STAGED,
    FINISHED,
    LEASE,
    MAX_ATTEMPTS,
    POSTED_LIMIT,
    QUEUED_AGAIN,
    QUEUED_GRACE,
    SENDING_LIMIT,
    UPLOAD_LIFETIME,
    Performance,
    State,
    next_look,
    posted,
    staged,
)
from chalicelib.performances.queue import MAX_DELAY_SECONDS, StagingQueue
from chalicelib.performances.store import PerformanceStore, Reference
from chalicelib.points.service import PointService
from chalicelib.programs.model import owner_key
from chalicelib.tiktok.client import Draft, ShareState, ShareStatus, TikTokClient
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
    UploadGone,
    UploadOffset,
)
from chalicelib.tiktok.service import Access, AccountService, NotConnected
from chalicelib.videos.service import Opener, VideoShelf

WATCH = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Seconds between looks at a whole upload, before the follow-up schedule takes over."""

RESUMES = 3
"""How often one run goes on with a torn upload where TikTok says it has got to."""

LATER = timedelta(seconds=60)
"""When to try again if TikTok does not say: its limits are per minute."""

FOLLOWED_PER_RUN = 500

OWNERS_TO_MEND = frozenset({Cause.APP_SETTINGS, Cause.BAD_REQUEST})
"""No member's fault: such a message is tried again, then waits where an alarm shows it."""

_RECONNECT = "Your TikTok account is not connected any more. Add it again, then send again."
_INBOX_FULL = "Five videos already wait in your TikTok inbox. Post one of them, then send again."
_NEVER_ARRIVED = "TikTok took the video but never put it into your inbox. Send it again."
_UNCONFIRMED = (
    "It could not be found out whether TikTok has the video. Look into your TikTok inbox before "
    "you send it again."
)
_GIVEN_UP = "TikTok could not be brought to take the video. Send it again later."


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
        """Bring a performance as far as it goes now. Raises what broke: try again.

        While another worker has it there is nothing to do: that one brings it on, and should it
        die, the performance is overdue soon and comes again.
        """
        lease = secrets.token_hex(8)
        now = self._clock.now()
        if not self._store.lease(reference, lease, now, now + LEASE):
            logger.info("another worker has it, or it is gone")
            return
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
        if self._is_over(performance, lease):
            return
        try:
            if performance.state in (State.QUEUED, State.INITIATED):
                # A draft that never got a byte puts nothing into the inbox: begin anew.
                self._send(performance, lease)
            else:
                self._follow(performance, lease)
        except (NotConnected, Reconnect) as error:
            self._without_account(performance, lease, error)
        except Refused as error:
            if error.cause in OWNERS_TO_MEND:
                raise
            self._fail(performance, lease, error.cause.value, error.cause.words, error)
        except InboxFull as error:
            self._fail(performance, lease, "inbox_full", _INBOX_FULL, error)
        except TryLater as error:
            self._later(performance, error.retry_after_seconds, error)
        except (TryNow, OutcomeUnknown) as error:
            self._later(performance, None, error)

    def _is_over(self, performance: Performance, lease: str) -> bool:
        """End what is at its end: posted, failed, or out of time."""
        now = self._clock.now()
        if performance.state in FINISHED:
            self._store.look_later(performance, None)
            return True
        if performance.state is State.STAGED:
            since = performance.staged_at or performance.queued_at
            if now - since >= POSTED_LIMIT:
                self._store.look_later(performance, None)
            return now - since >= POSTED_LIMIT
        if now - performance.queued_at < SENDING_LIMIT:
            return False
        if performance.state is State.UNCONFIRMED:
            self._fail(performance, lease, "unconfirmed", _UNCONFIRMED)
        else:
            self._fail(performance, lease, "given_up", _GIVEN_UP)
        return True

    def _access(self, performance: Performance, refused: str | None = None) -> Access:
        access = self._accounts.access(performance.program_id, performance.member_id, refused)
        if performance.open_id and access.open_id != performance.open_id:
            # The member has connected another TikTok account since: it knows nothing of this draft.
            raise NotConnected
        return access

    def _with_token[T](self, performance: Performance, call: Callable[[str], T]) -> T:
        """Call TikTok with a live token; once more with a new one if it was refused."""
        token = self._access(performance).token
        try:
            return call(token)
        except AccessTokenRefused:
            renewed = self._access(performance, refused=token).token
            try:
                return call(renewed)
            except AccessTokenRefused as error:
                # Fresh from TikTok and refused all the same: the consent is gone.
                self._accounts.give_up(performance.program_id, performance.member_id, renewed)
                raise NotConnected from error

    def _send(self, performance: Performance, lease: str) -> None:
        if performance.attempts >= MAX_ATTEMPTS:
            self._fail(performance, lease, "given_up", _GIVEN_UP)
            return
        # A new draft may go to another account than an earlier one.
        performance = replace(performance, open_id=None)
        access = self._access(performance)
        video = self._videos.open_at(performance.video_key)
        begun = replace(performance, state=State.QUEUED, attempts=performance.attempts + 1)
        self._write(begun, performance.state, lease)
        try:
            draft = self._with_token(
                begun, lambda token: self._client.begin_upload(token, performance.size_bytes)
            )
        except (TryLater, TryNow, Refused) as error:
            # Nothing was begun: waiting is no attempt, nor is what only the owner can mend.
            if not isinstance(error, Refused) or error.cause in OWNERS_TO_MEND:
                self._write(replace(begun, attempts=performance.attempts), State.QUEUED, lease)
            raise
        initiated = replace(
            begun,
            state=State.INITIATED,
            publish_id=draft.publish_id,
            open_id=access.open_id,
            initiated_at=self._clock.now(),
        )
        self._write(initiated, State.QUEUED, lease)
        logger.info("draft begun", extra={"publish_id": draft.publish_id, "log_id": draft.log_id})
        self._deliver(initiated, draft, video, lease)

    def _deliver(self, performance: Performance, draft: Draft, video: Opener, lease: str) -> None:
        """Send the bytes, going on where TikTok says it has got to; then see what became of it."""
        unconfirmed = replace(performance, state=State.UNCONFIRMED)
        self._write(unconfirmed, State.INITIATED, lease)
        first_byte = 0
        for _ in range(1 + RESUMES):
            try:
                self._client.send(
                    draft, performance.content_type, performance.size_bytes, video, first_byte
                )
            except UploadGone as error:
                _log("upload gone", error)
                self._anew(unconfirmed, lease)
                return
            except (TryNow, TryLater, OutcomeUnknown, UploadOffset) as error:
                # Bytes may have arrived: the publish id decides, not this error.
                _log("upload torn", error)
                share = self._ask(unconfirmed)
                if share.state is not ShareState.PROCESSING_UPLOAD or share.uploaded_bytes is None:
                    break
                first_byte = share.uploaded_bytes
                if first_byte >= performance.size_bytes:
                    break
            else:
                unconfirmed = self._delivered(unconfirmed, lease)
                break
        self._follow(unconfirmed, lease)

    def _delivered(self, performance: Performance, lease: str) -> Performance:
        delivered = replace(performance, state=State.DELIVERED, delivered_at=self._clock.now())
        self._write(delivered, performance.state, lease)
        logger.info("bytes delivered", extra={"size_bytes": performance.size_bytes})
        return delivered

    def _ask(self, performance: Performance) -> ShareStatus:
        publish_id = performance.publish_id or ""
        return self._with_token(performance, lambda token: self._client.status(token, publish_id))

    def _follow(self, performance: Performance, lease: str) -> None:
        """Ask TikTok what became of the draft, for some seconds; then leave it to the schedule."""
        waits: Iterable[float] = () if performance.state is State.STAGED else WATCH
        share = self._ask(performance)
        for wait in waits:
            if self._settle(performance, share, lease):
                return
            self._sleep(wait)
            share = self._ask(performance)
        if self._settle(performance, share, lease):
            return
        now = self._clock.now()
        age = now - (performance.initiated_at or performance.queued_at)
        there = share.uploaded_bytes
        if performance.state is State.UNCONFIRMED and there is not None:
            if there >= performance.size_bytes:
                performance = self._delivered(performance, lease)
            elif age > UPLOAD_LIFETIME:
                # The upload address is dead and not all is there: this draft can never arrive.
                logger.info("draft given up", extra={"publish_id": performance.publish_id})
                self._anew(performance, lease)
                return
        if performance.state is State.DELIVERED and age > ARRIVAL_LIMIT:
            self._fail(performance, lease, "never_arrived", _NEVER_ARRIVED)
            return
        self._store.look_later(performance, next_look(performance, now))

    def _settle(self, performance: Performance, share: ShareStatus, lease: str) -> bool:
        """Write what TikTok's status says; True when there is nothing more to wait for now."""
        now = self._clock.now()
        known = {"publish_id": performance.publish_id, "log_id": share.log_id}
        match share.state:
            case ShareState.POSTED:
                self._write(posted(performance, now), performance.state, lease)
                logger.info("posted", extra=known)
            case ShareState.IN_INBOX if performance.state in BEFORE_STAGED:
                self._write(staged(performance, now), performance.state, lease)
                logger.info("staged", extra=known)
            case ShareState.FAILED if performance.state not in BEFORE_STAGED:
                # It was in the inbox, where the member let it go.
                self._store.look_later(performance, None)
            case ShareState.FAILED if isinstance(share.fail, Reconnect):
                self._fail(performance, lease, "reconnect_required", _RECONNECT, share.fail)
            case ShareState.FAILED if isinstance(share.fail, Refused):
                raise share.fail
            case ShareState.FAILED:
                logger.info("draft failed at TikTok", extra=known)
                self._anew(performance, lease)
            case _:
                return False
        return True

    def _anew(self, performance: Performance, lease: str) -> None:
        """Begin again later with a new draft: this one is known to reach no inbox."""
        self._write(replace(performance, state=State.QUEUED), performance.state, lease)
        self._later(performance, None, None)

    def _write(self, performance: Performance, before: State, lease: str) -> None:
        look_at = next_look(performance, self._clock.now())
        commit([self._store.change(performance, before, look_at, lease)])

    def _later(
        self, performance: Performance, seconds: float | None, error: TikTokError | None
    ) -> None:
        """Come back in `seconds`: by a delayed message, or by the schedule if that is far off."""
        delay = timedelta(seconds=seconds) if seconds else LATER
        stored = self._stored(performance)
        soon = delay.total_seconds() <= MAX_DELAY_SECONDS
        look_at = self._clock.now() + delay + (QUEUED_GRACE if soon else timedelta())
        self._store.look_later(stored, look_at)
        if soon:
            self._queue.send([_reference(stored)], delay_seconds=int(delay.total_seconds()))
        _log("tried again later", error, seconds=delay.total_seconds())

    def _stored(self, performance: Performance) -> Performance:
        owner = owner_key(performance.program_id, performance.member_id)
        return self._store.get(owner, performance.performance_id) or performance

    def _without_account(
        self, performance: Performance, lease: str, error: NotConnected | Reconnect
    ) -> None:
        """Nothing can be asked: what had no byte sent fails, the rest waits for a webhook."""
        stored, now = self._stored(performance), self._clock.now()
        known = error if isinstance(error, TikTokError) else None
        if stored.state in (State.QUEUED, State.INITIATED):
            self._fail(stored, lease, "reconnect_required", _RECONNECT, known)
        elif stored.state is not State.STAGED and now - stored.queued_at > ARRIVAL_LIMIT:
            self._fail(stored, lease, "unconfirmed", _UNCONFIRMED, known)
        else:
            _log("not connected", known)
            self._store.look_later(stored, next_look(stored, now))

    def _fail(
        self,
        performance: Performance,
        lease: str,
        failure: str,
        reason: str,
        error: TikTokError | None = None,
    ) -> None:
        """End a performance for good: points taken back, the activity back in the feed."""
        stored = self._stored(performance)
        if stored.state not in BEFORE_STAGED:
            # It lies in the inbox already: only TikTok's webhook can tell more.
            self._store.look_later(stored, None)
            return
        failed = replace(
            stored, state=State.FAILED, failed_at=self._clock.now(), failure=failure, reason=reason
        )
        commit([self._store.change(failed, stored.state, None, lease), *self._undone(stored)])
        _log("staging failed", error, failure=failure)

    def _undone(self, performance: Performance) -> Sequence[Part]:
        """Parts: take back what performing brought; a trial brought nothing."""
        if performance.trial:
            return ()
        owner = owner_key(performance.program_id, performance.member_id)
        activity_id, performance_id = performance.activity_id, performance.performance_id
        return (
            *self._points.take_back(owner, performance.points, activity_id, performance_id),
            self._marks.unmark(owner, activity_id, performance_id),
        )


class FollowUp:
    """Moves on what should have moved by itself."""

    def __init__(self, store: PerformanceStore, queue: StagingQueue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock

    def queue_again(self) -> int:
        """Queue what is overdue: lost messages, dead workers, late answers; tells how many.

        Each is first given a new time, so that those behind it have their turn.
        """
        now = self._clock.now()
        overdue = self._store.unfinished(now, FOLLOWED_PER_RUN)
        found = [each for each in overdue if self._store.queued_again(each, now + QUEUED_AGAIN)]
        self._queue.send(found)
        return len(found)


def _reference(performance: Performance) -> Reference:
    return Reference(
        performance.program_id,
        performance.member_id,
        performance.performance_id,
        performance.correlation_id,
    )


def _log(what: str, error: TikTokError | None, **facts: object) -> None:
    """Log with what TikTok's support asks for, where there is anything to ask about."""
    known = {"tiktok": error.code, "log_id": error.log_id} if error else {}
    logger.info(what, extra={**known, **facts})
