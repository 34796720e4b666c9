"""The staging machine: brings a performance into the member's TikTok inbox, once.

Each step is written down, conditionally, before its effect; whatever is found written says what may
be done next. Whoever runs this twice, late, or after a crash finds the same answer. What keeps a
performance from moving has an end: its attempts are counted and its time is limited.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import batched

from chalicelib.activities.model import ActivityStatus
from chalicelib.activities.service import ActivityLifecycle, ActivityMarks
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.logging import logger, sound_alarm
from chalicelib.foundation.sweeps import IsLate, never_late
from chalicelib.foundation.table import Conflict, Part, commit
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    BEFORE_STAGED,
    FINISHED,
    HELD_LIMIT,
    LEASE,
    MAX_ATTEMPTS,
    POSTED_LIMIT,
    QUEUED_AGAIN,
    QUEUED_GRACE,
    SENDING_LIMIT,
    UPLOAD_LIFETIME,
    Performance,
    Reference,
    State,
    begun_anew,
    held,
    next_look,
    posted,
    resumed,
    staged,
)
from chalicelib.performances.queue import BATCH, MAX_DELAY_SECONDS, StagingQueue
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.service import PointService
from chalicelib.programs.model import MemberStatus, owner_key
from chalicelib.programs.service import ProgramService
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
    UploadGone,
    UploadOffset,
)
from chalicelib.tiktok.model import Place
from chalicelib.tiktok.service import Access, AccountService, NotConnected
from chalicelib.videos.service import Opener, VideoShelf

WATCH = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Seconds between looks at a whole upload, before the follow-up schedule takes over."""

RESUMES = 3
"""How often one run goes on with a torn upload where TikTok says it has got to."""

LATER = timedelta(seconds=60)
"""When to try again if TikTok does not say: its limits are per minute."""

LAST_DRAFT = timedelta(minutes=75)
"""How long the last of `MAX_ATTEMPTS` waits after two lost answers: an outage may be over then."""

LATEST = timedelta(seconds=MAX_DELAY_SECONDS)
"""As seldom as it gets while nothing but an outage keeps a performance."""

OWNERS_TO_MEND = frozenset({Cause.APP_SETTINGS, Cause.BAD_REQUEST})
"""No member's fault: it waits as for an outage, and an alarm tells the owner."""

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
        programs: ProgramService,
        accounts: AccountService,
        client: TikTokClient,
        videos: VideoShelf,
        activities: ActivityLifecycle,
        marks: ActivityMarks,
        points: PointService,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._queue = queue
        self._programs = programs
        self._accounts = accounts
        self._client = client
        self._videos = videos
        self._activities = activities
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
        logger.append_keys(program_id=reference.program_id, performance_id=reference.performance_id)
        try:
            self._advance(self._read(reference), lease)
        except Conflict:
            # A webhook was faster; what it wrote is what holds.
            logger.info("performance changed meanwhile")
        finally:
            self._store.release(reference, lease)

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
            if performance.state is State.INITIATED and self._resumes(performance):
                self._take_up(performance, lease)
            elif performance.state in (State.QUEUED, State.INITIATED):
                # A draft that never got a byte puts nothing into the inbox: begin anew.
                self._send(performance, lease)
            else:
                self._follow(performance, lease)
        except (NotConnected, Reconnect) as error:
            self._without_account(performance, lease, error)
        except Refused as error:
            self._refused(performance, lease, error)
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
        if performance.held_at is not None or now - performance.trying_since < SENDING_LIMIT:
            return False
        if performance.state in (State.UNCONFIRMED, State.DELIVERED):
            self._fail(performance, lease, "unconfirmed", _UNCONFIRMED)
        else:
            self._fail(performance, lease, "given_up", _GIVEN_UP)
        return True

    def _access_to_send(self, performance: Performance) -> Access:
        """Give access for bytes to go out; not to the account of who was removed.

        That account goes when the removal is heard of, which may take its time: somebody, perhaps
        another person of that address, may have been invited again by then.
        """
        member = self._programs.member(performance.program_id, performance.member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise NotConnected
        access = self._access(performance)
        if access.connected_at < member.invited_at:
            raise NotConnected
        return access

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
            try:
                return call(token)
            except AccessTokenRefused:
                token = self._access(performance, refused=token).token
                return call(token)
        except (AccessTokenRefused, Reconnect) as error:
            # Fresh from TikTok and refused all the same, or lacking a scope: the consent is gone.
            _log("consent gone", error)
            self._accounts.give_up(performance.program_id, performance.member_id, token)
            raise NotConnected from error

    def _send(self, performance: Performance, lease: str) -> None:
        if performance.attempts >= MAX_ATTEMPTS:
            self._fail(performance, lease, "given_up", _GIVEN_UP)
            return
        # A new draft may go to another account than an earlier one.
        performance = replace(performance, open_id=None)
        access = self._access_to_send(performance)
        video = self._videos.open_at(performance.video_key)
        self._count_lost_draft(performance)
        now = self._clock.now()
        begun = resumed(begun_anew(performance), now)
        # From here on for this account alone, should the member connect another meanwhile.
        begun = replace(begun, attempts=performance.attempts + 1, open_id=access.open_id)
        if begun.place == performance.place:
            self._write(begun, performance.state, lease)
        else:
            # What was held takes its place at TikTok from now on, not from when it was made.
            self._write(begun, performance.state, lease, self._count(begun, begun.place))
            commit([self._free(begun, {performance.place})])
        try:
            draft = self._with_token(
                begun, lambda token: self._client.begin_upload(token, performance.size_bytes)
            )
        except (NotConnected, TryLater, TryNow, Refused) as error:
            # Nothing was begun: waiting is no attempt, nor is what only the owner can mend.
            if not isinstance(error, Refused) or error.cause in OWNERS_TO_MEND:
                self._write(replace(begun, attempts=performance.attempts), State.QUEUED, lease)
            raise
        sealed = self._accounts.seal(begun.program_id, begun.member_id, draft.upload_url)
        initiated = replace(
            begun,
            state=State.INITIATED,
            publish_id=draft.publish_id,
            upload_address=sealed,
            initiated_at=self._clock.now(),
        )
        self._write(initiated, State.QUEUED, lease)
        logger.info("draft begun", extra={"publish_id": draft.publish_id, "log_id": draft.log_id})
        self._deliver(initiated, draft.upload_url, video, lease)

    def _count_lost_draft(self, performance: Performance) -> None:
        """Count the place that an earlier draft of this performance may still take at TikTok."""
        if performance.attempts == 0:
            return
        since = performance.initiated_at or performance.queued_at
        place = Place(f"{performance.performance_id}.{performance.attempts}", since)
        commit([self._count(performance, place)])

    def _resumes(self, performance: Performance) -> bool:
        return performance.can_resume_at(self._clock.now())

    def _take_up(self, performance: Performance, lease: str, first_byte: int = 0) -> None:
        """Go on with a draft that another worker began, where TikTok says it has got to."""
        self._access_to_send(performance)
        address = self._accounts.unseal(
            performance.program_id, performance.member_id, performance.upload_address or b""
        )
        video = self._videos.open_at(performance.video_key, first_byte)
        logger.info("draft taken up", extra={"first_byte": first_byte})
        self._deliver(performance, address, video, lease, first_byte)

    def _deliver(
        self, performance: Performance, address: str, video: Opener, lease: str, first_byte: int = 0
    ) -> None:
        """Send the bytes, going on where TikTok says it has got to; then see what became of it."""
        unconfirmed = replace(performance, state=State.UNCONFIRMED)
        if performance.state is not State.UNCONFIRMED:
            self._write(unconfirmed, performance.state, lease)
        for _ in range(1 + RESUMES):
            gone = False
            try:
                self._client.send(
                    address, performance.content_type, performance.size_bytes, video, first_byte
                )
            except (TryNow, TryLater, OutcomeUnknown, UploadOffset, UploadGone) as error:
                # Bytes may have arrived, perhaps all: the publish id decides, not this error.
                _log("upload torn", error)
                gone = isinstance(error, UploadGone)
            else:
                unconfirmed = self._delivered(unconfirmed, lease)
                break
            there = _incomplete(self._ask(unconfirmed), unconfirmed)
            if there is None:
                break
            if gone:
                # No more is taken. Perhaps all is there and the status lags behind: it is believed
                # once the draft's hour is over.
                unconfirmed = replace(unconfirmed, upload_address=None)
                self._write(unconfirmed, State.UNCONFIRMED, lease)
                break
            first_byte = there
        self._follow(unconfirmed, lease, resumes=False)

    def _delivered(self, performance: Performance, lease: str) -> Performance:
        delivered = replace(performance, state=State.DELIVERED, delivered_at=self._clock.now())
        self._write(delivered, performance.state, lease)
        logger.info("bytes delivered", extra={"size_bytes": performance.size_bytes})
        return delivered

    def _ask(self, performance: Performance) -> ShareStatus:
        publish_id = performance.publish_id or ""
        return self._with_token(performance, lambda token: self._client.status(token, publish_id))

    def _follow(self, performance: Performance, lease: str, *, resumes: bool = True) -> None:
        """Ask TikTok what became of the draft, for some seconds; then leave it to the schedule."""
        waits: Iterable[float] = () if performance.state is State.STAGED else WATCH
        share = self._ask(performance)
        there = _incomplete(share, performance)
        if there is not None:
            # Nothing comes of waiting for bytes that nobody sends.
            if resumes and self._resumes(performance):
                self._take_up(performance, lease, there)
                return
            waits = ()
        for wait in waits:
            if self._settle(performance, share, lease):
                return
            self._sleep(wait)
            share = self._ask(performance)
        if self._settle(performance, share, lease):
            return
        now = self._clock.now()
        self._clear_lapsed(performance, now)
        age = _age(performance, now)
        if performance.state is State.UNCONFIRMED and share.uploaded_bytes is not None:
            if share.uploaded_bytes >= performance.size_bytes:
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

    def _clear_lapsed(self, performance: Performance, now: datetime) -> None:
        """Whoever never posts would else find their inbox full of places that have lapsed."""
        if performance.state is State.STAGED and not performance.place.is_taken_at(now):
            commit([self._free(performance, performance.places)])

    def _settle(self, performance: Performance, share: ShareStatus, lease: str) -> bool:
        """Write what TikTok's status says; True when there is nothing more to wait for now."""
        now = self._clock.now()
        known = {"publish_id": performance.publish_id, "log_id": share.log_id}
        match share.state:
            case ShareState.POSTED:
                after = posted(performance, now)
                self._write(after, performance.state, lease, self._free(after, after.places))
                logger.info("posted", extra=known)
            case ShareState.IN_INBOX if performance.state in BEFORE_STAGED:
                self._write(staged(performance, now), performance.state, lease)
                logger.info("staged", extra=known)
            case ShareState.FAILED if performance.state not in BEFORE_STAGED:
                # It was in the inbox, where the member let it go.
                over = self._store.change(performance, performance.state, None, lease)
                commit([over, self._free(performance, performance.places)])
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
        self._write(begun_anew(performance), performance.state, lease)
        self._later(performance, LATER.total_seconds(), None)

    def _write(self, performance: Performance, before: State, lease: str, *also: Part) -> None:
        """Write a change of state, with what goes with it."""
        look_at = next_look(performance, self._clock.now())
        commit([self._store.change(performance, before, look_at, lease), *also])

    def _count(self, performance: Performance, place: Place) -> Part:
        return self._accounts.count_place(performance.program_id, performance.member_id, place)

    def _free(self, performance: Performance, places: Collection[Place]) -> Part:
        return self._accounts.free_places(performance.program_id, performance.member_id, places)

    def _later(
        self, performance: Performance, seconds: float | None, error: TikTokError | None
    ) -> None:
        """Come back in `seconds`: by a delayed message, or by the schedule if that is far off.

        If TikTok does not say when, ever more seldom: after a quarter of the time it has taken.
        """
        stored = self._stored(performance)
        waited = self._clock.now() - stored.trying_since
        if isinstance(error, OutcomeUnknown) and stored.attempts == MAX_ATTEMPTS - 1:
            delay = LAST_DRAFT
        else:
            delay = timedelta(seconds=seconds) if seconds else max(LATER, min(waited / 4, LATEST))
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
        """Nothing can be asked: what had no byte sent is held, the rest waits for a webhook."""
        stored, now = self._stored(performance), self._clock.now()
        known = error if isinstance(error, TikTokError) else None
        if stored.state in (State.QUEUED, State.INITIATED):
            self._hold(stored, lease, known)
        elif stored.state is not State.STAGED and _age(stored, now) > ARRIVAL_LIMIT:
            self._fail(stored, lease, "unconfirmed", _UNCONFIRMED, known)
        else:
            _log("not connected", known)
            self._store.look_later(stored, next_look(stored, now))

    def _hold(self, performance: Performance, lease: str, error: TikTokError | None) -> None:
        """Wait for the member's account within the activity's time; not for one they removed."""
        state = self._accounts.state(performance.program_id, performance.member_id)
        if state is TikTokState.CONNECTED:
            # Connected since, perhaps to another TikTok account: that one knows of no draft.
            self._anew(performance, lease)
        elif state is None or not self._may_wait(performance):
            self._fail(performance, lease, "reconnect_required", _RECONNECT, error)
        else:
            self._write(held(performance, self._clock.now()), performance.state, lease)
            _log("held until reconnected", error)

    def _may_wait(self, performance: Performance) -> bool:
        now = self._clock.now()
        if performance.held_at is not None and now - performance.held_at >= HELD_LIMIT:
            return False
        activity = self._activities.activity(performance.program_id, performance.activity_id)
        if activity is None:
            return False
        # What is tried may not have started yet.
        waits = activity.status_at(now) is ActivityStatus.SCHEDULED and performance.trial
        return waits or activity.is_open_at(now)

    def _refused(self, performance: Performance, lease: str, error: Refused) -> None:
        if error.cause in OWNERS_TO_MEND:
            sound_alarm("TikTokAppRefused", "TikTok refuses this app", told=str(error))
            self._later(performance, None, error)
        else:
            self._fail(performance, lease, error.cause.value, error.cause.words, error)

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
        # Of what TikTok may still have it is not known that it takes no place.
        no_draft = stored.attempts == 0 or isinstance(error, Refused | InboxFull)
        commit(
            [
                self._store.change(failed, stored.state, None, lease),
                *([self._free(stored, stored.places)] if no_draft else ()),
                *self._undone(stored),
            ]
        )
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

    def queue_again(self, is_late: IsLate = never_late) -> int:
        """Queue what is overdue: lost messages, dead workers, late answers; tells how many.

        Each is first given a new time, so that those behind it have their turn.
        """
        now = self._clock.now()
        queued = 0
        for overdue in batched(self._store.unfinished(now), BATCH):
            if is_late():
                break
            queued += self._queue_again(overdue, now + QUEUED_AGAIN)
        return queued

    def _queue_again(self, overdue: Sequence[Reference], look_at: datetime) -> int:
        """Queue as many as one call takes: what breaks among them holds up no others for long."""
        found = [each for each in overdue if self._store.queued_again(each, look_at)]
        self._queue.send(found)
        return len(found)


def _incomplete(share: ShareStatus, performance: Performance) -> int | None:
    """Give how many bytes TikTok has of a draft that still lacks some; None: not known to."""
    there = share.uploaded_bytes
    if performance.state is not State.UNCONFIRMED or there is None:
        return None
    waits_for_bytes = share.state is ShareState.PROCESSING_UPLOAD
    return there if waits_for_bytes and there < performance.size_bytes else None


def _age(performance: Performance, now: datetime) -> timedelta:
    """Tell how old its draft is, however long it had waited before."""
    return now - (performance.initiated_at or performance.queued_at)


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
