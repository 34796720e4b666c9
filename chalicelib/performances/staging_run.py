"""One run of one performance: a worker, its lease, and the steps towards the TikTok inbox.

Each step is written down, conditionally, before its effect; what is found written says what may be
done next. The states and what may follow which are in docs/staging.md and in `model.NEXT_STATES`.
"""

import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.activities.model import ActivityStatus
from chalicelib.activities.service import ActivityLifecycle, ActivityMarks
from chalicelib.audit.model import Kind, act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.logging import log_alarm, logger
from chalicelib.foundation.table import Conflict, Part
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import (
    ARRIVAL_LIMIT,
    BEFORE_STAGED,
    DRAFT_AT_TIKTOK,
    FINISHED,
    MAX_ATTEMPTS,
    MAX_HELD_TIME,
    POST_WATCH_DURATION,
    QUEUED_GRACE,
    SENDING_LIMIT,
    UPLOAD_LIFETIME,
    Performance,
    State,
    Waiting,
    delivered,
    failed,
    held,
    initiated,
    next_check,
    next_count,
    posted,
    restarted,
    staged,
    unconfirmed,
    uploading,
    with_attempt,
    with_post,
    with_wait,
)
from chalicelib.performances.queue import MAX_DELAY_SECONDS, StagingQueue
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.service import PointService
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.access_tokens.service import AccessToken, AccessTokens
from chalicelib.tiktok.client import ShareState, ShareStatus, TikTokClient
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    ErrorFacts,
    Failure,
    InboxFull,
    OutcomeUnknown,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
    TryNow,
    UploadGone,
    UploadOffset,
    failure_from_reason,
)
from chalicelib.tiktok.inbox.service import InboxPlaces
from chalicelib.tiktok.model import InboxPlace, NotConnected
from chalicelib.tiktok.service import AccountService
from chalicelib.videos.service import VideoOpener, VideoReader

STATUS_POLL_SECONDS = (0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Seconds between looks at a whole upload, before the follow-up schedule takes over."""

MAX_RESUMES = 3
"""Times that one run resumes a torn upload from the byte that TikTok reports."""

RETRY_DELAY = timedelta(seconds=60)
"""When to try again, at the least, if TikTok does not say: its limits are per minute."""

LAST_DRAFT_AGE = timedelta(minutes=75)
"""How long the last of `MAX_ATTEMPTS` waits after two lost ones: an outage may be over then."""

LONGEST_WAIT = timedelta(seconds=MAX_DELAY_SECONDS)
"""Longest pause between attempts while only an outage delays a performance."""

LONGEST_WAIT_BUSY = timedelta(hours=1)
"""Longest pause between attempts while TikTok limits our rate: fewer calls end that."""

JITTER = 0.2
"""By up to so much of itself a wait is longer, lest all that wait come back in the same moment."""

ADDRESS_REFUSED_WAIT, BYTES_LAG_WAIT = timedelta(minutes=1), timedelta(minutes=5)
"""When to ask whether bytes are there after their address was refused: the status may lag behind
what was just sent; longer, if an earlier sending of the draft ended without an answer."""

SHARE_VISIBLE_WITHIN = timedelta(minutes=10)
"""TikTok may not know a draft yet that it has just begun; afterwards its word is believed."""

SENT_STATES = frozenset({State.UPLOADING, State.DELIVERED})
"""While these last, it is still to be found out whether the video arrives."""

_RECONNECT_TEXT = "Your TikTok account is no longer connected. Add it again, then send again."
_INBOX_FULL_TEXT = (
    "Five videos already wait in your TikTok inbox. Post one of them, then send again."
)
_NEVER_ARRIVED_TEXT = (
    "TikTok says that part of the video is missing, although it received all of it. Look into your "
    "TikTok inbox before you send it again."
)
_UNKNOWN_TEXT = (
    "TikTok never said whether it has the video. Look into your TikTok inbox before "
    "you send it again."
)
_GIVEN_UP_TEXT = "TikTok did not accept the video. Send it again later."


@dataclass(frozen=True)
class StagingDependencies:
    """The dependencies of every run."""

    store: PerformanceStore
    queue: StagingQueue
    programs: ProgramService
    accounts: AccountService
    tokens: AccessTokens
    places: InboxPlaces
    client: TikTokClient
    videos: VideoReader
    activities: ActivityLifecycle
    marks: ActivityMarks
    points: PointService
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """Returns a number from 0 to 1."""


class StagingRun:
    """One worker's run of one performance.

    `performance` is what is stored: every write of this run goes through it. A write of others
    meanwhile (a webhook, another worker after the lease) makes the next write raise `Conflict`.
    """

    def __init__(self, use: StagingDependencies, performance: Performance, lease: str) -> None:
        self._dependencies = use
        self._lease = lease
        self._allows_views = False
        self.performance = performance

    def advance(self) -> None:
        """Bring the performance as far as it goes now, and write what it waits for then.

        Raises `Conflict` if something else moved it meanwhile, and what broke: try again.
        """
        if self._has_ended():
            return
        try:
            self._take_next_step()
        except (NotConnected, Reconnect, TryLater, TryNow, OutcomeUnknown) as error:
            if not self._end_by_webhook_reason():
                self._wait_after(error)
        except TikTokRefused as error:
            self._end_refused(error)
        except InboxFull as error:
            self._end_failed("inbox_full", _INBOX_FULL_TEXT, error)

    def _take_next_step(self) -> None:
        state = self.performance.state
        if state is State.INITIATED and self._can_resume_upload:
            self._continue_upload()
        elif state in (State.QUEUED, State.INITIATED):
            # A draft that never got a byte puts nothing into the inbox: begin anew.
            self._begin_draft()
        else:
            self._follow_draft()

    def _wait_after(self, error: Exception) -> None:
        if isinstance(error, NotConnected | Reconnect):
            self._wait_for_account(error)
        elif isinstance(error, TikTokError):
            self._wait_for_tiktok(error)

    # --- ends by time ------------------------------------------------------------------------

    def _has_ended(self) -> bool:
        """End what is at its end: posted, failed, looked at for long enough, or out of time."""
        performance, now = self.performance, self._now
        if performance.state in FINISHED:
            self._stop_rechecking()
            return True
        if performance.state in (State.STAGED, State.UNCONFIRMED):
            since = performance.staged_at or performance.unconfirmed_at or performance.queued_at
            if now - since >= POST_WATCH_DURATION:
                self._stop_rechecking()
            return now - since >= POST_WATCH_DURATION
        if performance.state in (State.QUEUED, State.INITIATED) and self._is_out_of_time:
            self._end_failed("given_up", _GIVEN_UP_TEXT)
            return True
        return False

    @property
    def _is_out_of_time(self) -> bool:
        performance = self.performance
        return (
            performance.held_at is None and self._now - performance.staging_since >= SENDING_LIMIT
        )

    # --- the account -------------------------------------------------------------------------

    def _require_account_to_send(self, *, any_account: bool = False) -> AccessToken:
        """Return access for bytes to go out; not to the account of a removed member.

        That account goes when the removal is handled, which may take its time: somebody, perhaps
        another person of that address, may have been invited again by then.
        """
        performance = self.performance
        member = self._dependencies.programs.member(performance.program_id, performance.member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise NotConnected
        access = self._access_token(any_account=any_account)
        if access.connected_at < member.invited_at:
            raise NotConnected
        return access

    def _access_token(
        self, refused: str | None = None, *, any_account: bool = False
    ) -> AccessToken:
        performance = self.performance
        access = self._dependencies.tokens.access_token(
            performance.program_id, performance.member_id, refused
        )
        if not any_account and performance.open_id and access.open_id != performance.open_id:
            # The member has connected another TikTok account since: it knows nothing of this draft.
            raise NotConnected
        return access

    def _with_token[T](self, call: Callable[[str], T]) -> T:
        """Call TikTok with a live token; once more with a new one if it was refused."""
        performance, access = self.performance, self._access_token()
        token, self._allows_views = access.value, access.views_since is not None
        try:
            try:
                return call(token)
            except AccessTokenRefused:
                token = self._access_token(refused=token).value
                return call(token)
        except (AccessTokenRefused, Reconnect) as error:
            # Fresh from TikTok and refused all the same, or lacking a scope: the consent is gone.
            _log_tiktok_error("consent gone", error)
            self._dependencies.tokens.require_reconnect(
                performance.program_id, performance.member_id, token
            )
            raise NotConnected from error

    # --- a draft -----------------------------------------------------------------------------

    def _begin_draft(self) -> None:
        if self.performance.attempts >= MAX_ATTEMPTS:
            self._end_failed("given_up", _GIVEN_UP_TEXT)
            return
        # A new draft may go to another account than an earlier one.
        access = self._require_account_to_send(any_account=True)
        video = self._dependencies.videos.open_at(self.performance.video_key)
        self._count_lost_draft()
        self._write_attempt(access.open_id)
        size_bytes = self.performance.size_bytes
        try:
            draft = self._with_token(
                lambda token: self._dependencies.client.begin_upload(token, size_bytes)
            )
        except (NotConnected, TryLater, TryNow, TikTokRefused) as error:
            # Nothing was begun: waiting is no attempt, nor is what only the owner can mend.
            if not isinstance(error, TikTokRefused) or error.needs_owner:
                self._write(replace(self.performance, attempts=self.performance.attempts - 1))
            raise
        performance = self.performance
        sealed = self._dependencies.accounts.encrypt_for_member(
            performance.program_id, performance.member_id, draft.upload_url
        )
        self._write(initiated(performance, draft.publish_id, sealed, self._now))
        logger.info("draft begun", extra={"publish_id": draft.publish_id, "log_id": draft.log_id})
        self._upload(draft.upload_url, video)

    def _write_attempt(self, open_id: str) -> None:
        """Count the attempt; from here on for this account alone, should another be connected."""
        before = self.performance.place
        attempt = with_attempt(self.performance, open_id, self._now)
        if attempt.place == before:
            self._write(attempt)
            return
        # A held performance takes its place at TikTok from now on, not from when it was made.
        self._write(attempt, self._count_place(attempt.place))
        self._dependencies.store.commit([self._free_places({before})])

    def _count_lost_draft(self) -> None:
        """Count the place that an earlier draft of this performance may still take at TikTok."""
        performance = self.performance
        if performance.attempts == 0:
            return
        since = performance.initiated_at or performance.queued_at
        lost = InboxPlace(performance.performance_id, since, performance.attempts)
        self._dependencies.store.commit([self._count_place(lost)])

    def _restart_later(self, delay: timedelta | None = None) -> None:
        """Begin again later with a new draft, if one is left: this one reaches no inbox."""
        attempts = self.performance.attempts
        if attempts >= MAX_ATTEMPTS:
            self._end_failed("given_up", _GIVEN_UP_TEXT)
            return
        self._write(restarted(self.performance, self._now))
        is_last = attempts == MAX_ATTEMPTS - 1
        self._wait(Waiting.NEW_DRAFT, delay or (LAST_DRAFT_AGE if is_last else RETRY_DELAY))

    # --- the bytes ---------------------------------------------------------------------------

    @property
    def _can_resume_upload(self) -> bool:
        return self.performance.can_resume_at(self._now)

    def _continue_upload(self, first_byte: int = 0) -> None:
        """Go on with a draft that another worker began, where TikTok says it has got to."""
        self._require_account_to_send()
        performance = self.performance
        address = self._dependencies.accounts.decrypt_for_member(
            performance.program_id, performance.member_id, performance.upload_address or b""
        )
        video = self._dependencies.videos.open_at(performance.video_key, first_byte)
        logger.info("draft taken up", extra={"first_byte": first_byte})
        self._upload(address, video, first_byte)

    def _upload(self, address: str, video: VideoOpener, first_byte: int = 0) -> None:
        """Send the bytes, going on where TikTok says it has got to; then see what became of it."""
        refused_wait, unanswered = BYTES_LAG_WAIT, True
        if self.performance.state is not State.UPLOADING:
            self._write(uploading(self.performance, self._now))
            refused_wait, unanswered = ADDRESS_REFUSED_WAIT, False
        for _ in range(1 + MAX_RESUMES):
            torn = self._send(address, video, first_byte)
            if torn is None:
                self._write(delivered(self.performance, self._now))
                logger.info("bytes delivered", extra={"size_bytes": self.performance.size_bytes})
                break
            share = self._ask_status()
            if self._is_refusal_of_complete_video(torn) and not self._is_counted_incomplete(share):
                # Where no earlier sending can have brought it, the refusal proves nothing.
                proven = unanswered or self._is_counted_complete(share)
                self._write(delivered(self.performance, self._now, proven=proven))
                break
            bytes_there = self._bytes_received(share)
            if bytes_there is None:
                break
            if isinstance(torn, UploadGone):
                self._abandon_upload_address(refused_wait)
                return
            if isinstance(torn, TryLater):
                raise torn
            unanswered = unanswered or not isinstance(torn, UploadOffset)
            refuses_first = isinstance(torn, UploadOffset) and bytes_there == first_byte == 0
            first_byte = bytes_there
            if not refuses_first or self._is_refusal_of_complete_video(torn):
                refused_wait = BYTES_LAG_WAIT
        else:
            if refuses_first:
                # It takes none of the bytes of which it says that it has none.
                self._abandon_upload_address(refused_wait)
                return
        self._follow_draft(continues=False)

    def _send(self, address: str, video: VideoOpener, first_byte: int) -> TikTokError | None:
        """Send the bytes once; returns what went wrong, after which the status has to be asked.

        Bytes may have arrived, perhaps all: the publish id decides, not this error.
        """
        performance = self.performance
        try:
            self._dependencies.client.send(
                address, performance.content_type, performance.size_bytes, video, first_byte
            )
        except (TryNow, TryLater, OutcomeUnknown, UploadOffset, UploadGone) as error:
            _log_tiktok_error("upload torn", error)
            return error
        return None

    def _is_refusal_of_complete_video(self, torn: TikTokError) -> bool:
        """Return whether a chunk was refused with the word that all of the video is there."""
        size_bytes = self.performance.size_bytes
        return isinstance(torn, UploadOffset) and torn.received_bytes == size_bytes

    def _is_counted_complete(self, share: ShareStatus) -> bool:
        return (share.uploaded_bytes or 0) >= self.performance.size_bytes

    def _is_counted_incomplete(self, share: ShareStatus) -> bool:
        """Return whether the status counts less than all.

        It may give the index of the last byte in place of the count.
        """
        there = share.uploaded_bytes
        return there is not None and there < self.performance.size_bytes - 1

    def _abandon_upload_address(self, wait: timedelta) -> None:
        """No more is taken at this address; ask soon what is there, and begin anew if nothing is.

        Not at once: all may be there, and the status may lag behind.
        """
        self._write(uploading(self.performance, self._now, upload_address=None))
        self._wait(Waiting.NEW_DRAFT, wait)

    def _bytes_received(self, share: ShareStatus) -> int | None:
        """Return how many bytes TikTok has of a draft that still lacks some; None: not known to."""
        sending = self.performance.state is State.UPLOADING
        return share.uploaded_bytes if sending and self._awaits_bytes(share) else None

    def _awaits_bytes(self, share: ShareStatus) -> bool:
        """Return whether TikTok says that it waits for bytes and has not got all."""
        there = share.uploaded_bytes
        waits_for_bytes = share.state is ShareState.PROCESSING_UPLOAD
        return waits_for_bytes and there is not None and there < self.performance.size_bytes

    # --- what becomes of it ------------------------------------------------------------------

    def _ask_status(self) -> ShareStatus:
        """Ask TikTok what became of the draft; a refusal that is no word about it is for later."""
        publish_id = self.performance.publish_id or ""
        try:
            return self._with_token(
                lambda token: self._dependencies.client.status(token, publish_id)
            )
        except TikTokRefused as error:
            unknown_share = error.cause is Cause.UNKNOWN_SHARE
            # A video that TikTok took whole is not gone because its publish id is not known (now).
            taken_whole = self.performance.state in (State.DELIVERED, State.UNCONFIRMED)
            no_word = unknown_share and (taken_whole or self._draft_age <= SHARE_VISIBLE_WITHIN)
            if error.cause is not Cause.UNKNOWN and not no_word:
                raise
            known = ErrorFacts(
                log_id=error.log_id, message=error.message, http_status=error.http_status
            )
            raise TryLater(error.code, **known) from None

    def _follow_draft(self, *, continues: bool = True) -> None:
        """Ask TikTok what became of the draft, for some seconds; then leave it to the schedule."""
        rests = self.performance.state in (State.STAGED, State.UNCONFIRMED)
        waits: Iterable[float] = () if rests else STATUS_POLL_SECONDS
        share = self._ask_status()
        bytes_there = self._bytes_received(share)
        if bytes_there is not None:
            # Nothing comes of waiting for bytes that nobody sends.
            if continues and self._can_resume_upload:
                self._continue_upload(bytes_there)
                return
            waits = ()
        for wait in waits:
            if self._apply_share_status(share):
                return
            self._dependencies.sleep(wait)
            share = self._ask_status()
        if not self._apply_share_status(share):
            self._clear_lapsed_places()
            self._await_arrival(share)

    def _apply_share_status(self, share: ShareStatus) -> bool:
        """Write what TikTok's status says; True when there is nothing more to wait for now."""
        performance, now = self.performance, self._now
        known = {"publish_id": performance.publish_id, "log_id": share.log_id}
        match share.state:
            case ShareState.POSTED:
                changed = posted(performance, now)
                if share.post_ids:
                    count_at = next_count(now, now) if self._allows_views else None
                    changed = with_post(changed, share.post_ids[0], count_at)
                self._write(
                    changed,
                    self._free_places(performance.places),
                    *self._dependencies.points.award_bonus(
                        performance.owner,
                        performance.posted_bonus,
                        performance.performance_id,
                        performance.instructions,
                    ),
                )
                logger.info("posted", extra=known)
            case ShareState.IN_INBOX if performance.state in BEFORE_STAGED:
                self._write(staged(performance, now))
                logger.info("staged", extra=known)
            case ShareState.FAILED if performance.state not in BEFORE_STAGED:
                # It was in the inbox, where the member let it go.
                over = with_wait(performance, None, None, None)
                self._write(over, self._free_places(performance.places))
            case ShareState.FAILED:
                logger.info("draft failed at TikTok", extra=known)
                self._end_failed_draft(share.fail)
            case _:
                return False
        return True

    def _end_failed_draft(self, failure: Failure | None) -> None:
        """End, or begin anew, after TikTok said that the draft failed."""
        match failure:
            case Reconnect():
                self._end_failed("reconnect_required", _RECONNECT_TEXT, failure)
            case TikTokRefused():
                self._end_refused(failure)
            case _:
                self._restart_later()

    def _end_by_webhook_reason(self) -> bool:
        """End as a webhook told, where TikTok cannot be asked itself; False if none told of it.

        Signed by TikTok and of this very draft, it is as good as the status, and there may be
        nobody left to ask with.
        """
        performance = self.performance
        if performance.state not in DRAFT_AT_TIKTOK - {State.INITIATED}:
            return False
        if performance.told_reason is None:
            return False
        logger.info("draft failed, as a webhook told", extra={"why": performance.told_reason})
        self._end_failed_draft(failure_from_reason(performance.told_reason))
        return True

    def _await_arrival(self, share: ShareStatus) -> None:
        """Look again later, unless the draft is known to arrive no more."""
        performance = self.performance
        if performance.state is State.DELIVERED and performance.delivered_at is None:
            # So far only a refused range said that all is there.
            if self._awaits_bytes(share) and self._is_counted_incomplete(share):
                self._abandon_upload_address(BYTES_LAG_WAIT)
                return
            if self._is_counted_complete(share):
                self._write(delivered(performance, self._now))
        if performance.state is State.UPLOADING and share.uploaded_bytes is not None:
            address_refused = performance.upload_address is None and share.uploaded_bytes == 0
            if share.uploaded_bytes >= performance.size_bytes:
                self._write(delivered(performance, self._now))
            elif self._draft_age > UPLOAD_LIFETIME or address_refused:
                # The upload address is dead and not all is there: this draft can never arrive.
                logger.info("draft given up", extra={"publish_id": performance.publish_id})
                self._restart_later()
                return
        if performance.state in SENT_STATES and self._draft_age > ARRIVAL_LIMIT:
            if performance.state is State.DELIVERED and self._awaits_bytes(share):
                self._end_failed("never_arrived", _NEVER_ARRIVED_TEXT)
            else:
                self._end_with_outcome_unknown(None)
            return
        dropped = self.performance.state is State.UPLOADING and performance.upload_address is None
        self._schedule_recheck(Waiting.NEW_DRAFT if dropped else None)

    def _clear_lapsed_places(self) -> None:
        """Free places that have lapsed: a member who never posts would find their inbox full."""
        performance = self.performance
        if performance.state is State.STAGED and not performance.place.is_taken_at(self._now):
            self._dependencies.store.commit([self._free_places(performance.places)])

    # --- waiting -----------------------------------------------------------------------------

    def _wait_for_tiktok(self, error: TikTokError) -> None:
        """Try again later; if TikTok does not say when, ever more seldom, and never all at once."""
        performance = self.performance
        told = error.retry_after_seconds if isinstance(error, TryLater) else None
        _log_tiktok_error("tried again later", error)
        if performance.state in SENT_STATES and self._is_out_of_time:
            self._end_with_outcome_unknown(error)
            return
        lost = isinstance(error, OutcomeUnknown) and performance.state is State.QUEUED
        if lost and performance.attempts == MAX_ATTEMPTS - 1:
            delay = LAST_DRAFT_AGE
        elif told:
            delay = timedelta(seconds=told)
        else:
            # After a quarter of the time it has taken.
            waited = self._now - performance.staging_since
            longest = LONGEST_WAIT_BUSY if _means_tiktok_busy(error) else LONGEST_WAIT
            delay = max(RETRY_DELAY, min(waited / 4, longest))
        delay *= 1 + JITTER * self._dependencies.jitter()
        if performance.state in (State.STAGED, State.UNCONFIRMED):
            self._schedule_recheck(None, at_least=delay)
        else:
            self._wait(_wait_reason_after(error), delay)

    def _wait(self, waits_for: Waiting, delay: timedelta) -> None:
        """Go on after `delay`, by a delayed message, or by the clock if that is far off."""
        seconds = math.ceil(delay.total_seconds())
        soon = seconds <= MAX_DELAY_SECONDS
        until = self._now + timedelta(seconds=seconds)
        look_at = until + QUEUED_GRACE if soon else until
        self._write_wait(with_wait(self.performance, waits_for, until, look_at))
        if soon:
            self._dependencies.queue.send([self.performance.reference], delay_seconds=seconds)

    def _schedule_recheck(
        self, waits_for: Waiting | None, *, at_least: timedelta = timedelta()
    ) -> None:
        """Leave the next look to the clock."""
        look_at = next_check(self.performance, self._now)
        if look_at is not None:
            look_at = max(look_at, self._now + at_least)
        self._write_wait(with_wait(self.performance, waits_for, look_at, look_at))

    def _wait_for_account(self, error: NotConnected | Reconnect) -> None:
        """Nothing can be asked: what had no byte sent is held, the rest waits for a webhook."""
        performance = self.performance
        known = error if isinstance(error, TikTokError) else None
        _log_tiktok_error("not connected", known)
        if performance.state in (State.QUEUED, State.INITIATED):
            self._hold_until_reconnected(known)
        elif performance.state in (State.STAGED, State.UNCONFIRMED):
            self._schedule_recheck(Waiting.ACCOUNT)
        elif self._draft_age > ARRIVAL_LIMIT:
            self._end_with_outcome_unknown(known)
        else:
            self._schedule_recheck(Waiting.ACCOUNT)

    def _hold_until_reconnected(self, error: TikTokError | None) -> None:
        """Wait for the member's account within the activity's time; not for one they removed."""
        performance = self.performance
        state = self._dependencies.accounts.account_state(
            performance.program_id, performance.member_id
        )
        if state is TikTokState.CONNECTED:
            # Connected since, perhaps to another TikTok account: that one knows of no draft.
            self._restart_later(RETRY_DELAY)
        elif state is None or not self._may_be_held:
            self._end_failed("reconnect_required", _RECONNECT_TEXT, error)
        else:
            self._write_wait(held(performance, self._now))
            logger.info("held until reconnected")

    @property
    def _may_be_held(self) -> bool:
        performance, now = self.performance, self._now
        if performance.held_at is not None and now - performance.held_at >= MAX_HELD_TIME:
            return False
        activity = self._dependencies.activities.activity(
            performance.program_id, performance.activity_id
        )
        if activity is None:
            return False
        # An activity under trial may not have started yet.
        waits = activity.status_at(now) is ActivityStatus.SCHEDULED and performance.trial
        return waits or activity.is_open_at(now)

    # --- ends --------------------------------------------------------------------------------

    def _end_refused(self, error: TikTokRefused) -> None:
        if error.needs_owner:
            log_alarm("TikTokAppRefused", "TikTok refuses this app", told=str(error))
            self._wait_for_tiktok(error)
        else:
            self._end_failed(error.cause.value, error.cause.words, error)

    def _end_with_outcome_unknown(self, error: TikTokError | None) -> None:
        """End what cannot be found out: if TikTok took every byte, it is probably in the inbox."""
        if self.performance.state is State.UPLOADING:
            self._end_failed("unconfirmed", _UNKNOWN_TEXT, error)
        else:
            self._write(unconfirmed(self.performance, self._now))
            _log_tiktok_error("probably in the inbox", error)

    def _end_failed(self, failure: str, reason: str, error: TikTokError | None = None) -> None:
        """End a performance for good: points taken back, the activity back in the feed."""
        performance = self.performance
        if performance.state not in BEFORE_STAGED:
            # It lies in the inbox already: only TikTok's webhook can tell more.
            self._stop_rechecking()
            return
        # Of what TikTok may still have it is not known that it takes no place.
        no_draft = performance.attempts == 0 or isinstance(error, TikTokRefused | InboxFull)
        self._write(
            failed(performance, failure, reason, self._now),
            *([self._free_places(performance.places)] if no_draft else ()),
            *self._compensation_parts(failure, reason),
        )
        _log_tiktok_error("staging failed", error, failure=failure)

    def _compensation_parts(self, failure: str, reason: str) -> Sequence[Part]:
        """Parts: take back what performing brought, and why; a trial brought nothing."""
        performance = self.performance
        if performance.trial:
            return ()
        owner, performance_id = performance.owner, performance.performance_id
        return (
            *self._dependencies.points.take_back(
                owner,
                performance.points,
                performance_id,
                about=performance.instructions,
                reason=reason,
                failure=failure,
            ),
            self._dependencies.marks.unmark(owner, performance.activity_id, performance_id),
            act(
                Kind.POINTS_TAKEN_BACK,
                performance.program_id,
                performance.member_id,
                after={
                    "points": -performance.points,
                    "performance": performance_id,
                    "activity": performance.activity_id,
                },
                title=performance.instructions,
            ),
        )

    # --- what is stored ----------------------------------------------------------------------

    def _write(self, after: Performance, *also: Part) -> None:
        """Write a step together with what goes with it. Raises `Conflict`."""
        self._dependencies.store.commit(
            [self._dependencies.store.change(self.performance, after, self._lease), *also]
        )
        self.performance = after

    def _write_wait(self, after: Performance) -> None:
        """Write when to go on. Raises `Conflict`, also if that was brought forward meanwhile."""
        if not self._dependencies.store.schedule_next_step(self.performance, after, self._lease):
            raise Conflict
        self.performance = after

    def _stop_rechecking(self) -> None:
        self._write_wait(with_wait(self.performance, None, None, None))

    def _count_place(self, place: InboxPlace) -> Part:
        performance = self.performance
        return self._dependencies.places.record_place(
            performance.program_id, performance.member_id, place
        )

    def _free_places(self, places: Collection[InboxPlace]) -> Part:
        performance = self.performance
        return self._dependencies.places.free_places(
            performance.program_id, performance.member_id, places
        )

    @property
    def _now(self) -> datetime:
        return self._dependencies.clock.now()

    @property
    def _draft_age(self) -> timedelta:
        """How old its draft is, however long it had waited before."""
        return self._now - (self.performance.initiated_at or self.performance.queued_at)


def _means_tiktok_busy(error: TikTokError) -> bool:
    if isinstance(error, TikTokRefused):
        return error.cause is Cause.APP_USER_CAP
    return isinstance(error, TryLater) and error.is_rate_limit


def _wait_reason_after(error: TikTokError) -> Waiting:
    if isinstance(error, TikTokRefused):
        return Waiting.TIKTOK_APP
    return Waiting.TIKTOK_BUSY if _means_tiktok_busy(error) else Waiting.TIKTOK_DOWN


def _log_tiktok_error(what: str, error: TikTokError | None, **facts: object) -> None:
    """Log with what TikTok's support asks for, where there is anything to ask about."""
    known = {"tiktok": error.code, "log_id": error.log_id} if error else {}
    logger.info(what, extra={**known, **facts})
