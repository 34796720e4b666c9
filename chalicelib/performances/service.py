"""What members do: perform an activity, look at what they performed; and what comes of it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import TransactWriteError

from chalicelib.activities.model import Activity, ActivityStatus, VideoChanged
from chalicelib.activities.service import ActivityLifecycle, ActivityMarks, PostTexts
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.sweeps import IsLate, never_late
from chalicelib.foundation.table import CONFLICT_ATTEMPTS, Conflict, Part, commit, conflicted
from chalicelib.performances.model import (
    BEFORE_POSTED,
    BEFORE_STAGED,
    Performance,
    Reference,
    State,
    next_look,
    posted,
    staged,
)
from chalicelib.performances.queue import MessageLost, StagingQueue
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.service import PointService
from chalicelib.programs.model import MemberStatus, local_time
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok import webhooks
from chalicelib.tiktok.model import INBOX_PLACES, PendingSend
from chalicelib.tiktok.service import AccountService, Authorization, NotConnected
from chalicelib.tiktok.webhooks import EventKind
from chalicelib.videos.model import VideoFacts

_APPLIED = 4
_FIRST_ATTEMPTS = 8

PENDING_GRACE = timedelta(minutes=1)
"""A send that waited for its connection should long be made by then."""


class _InboxFull(Exception):
    """As many places of the member's TikTok inbox are counted as taken as there are."""


class AccountRequired(Exception):
    """The member has to connect TikTok first; `authorization` leads there, the send follows."""

    def __init__(self, authorization: Authorization) -> None:
        super().__init__("TikTok account required")
        self.authorization = authorization


@dataclass(frozen=True)
class Connected:
    """A connection just made, and what became of the send it was made for."""

    display_name: str
    performance: Performance | None
    problem: Problem | None


class PerformanceService:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        queue: StagingQueue,
        programs: ProgramService,
        accounts: AccountService,
        activities: ActivityLifecycle,
        marks: ActivityMarks,
        texts: PostTexts,
        points: PointService,
        cursors: Cursors,
        client_secret: Callable[[], str],
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._queue = queue
        self._programs = programs
        self._accounts = accounts
        self._activities = activities
        self._marks = marks
        self._texts = texts
        self._points = points
        self._cursors = cursors
        self._client_secret = client_secret
        self._clock = clock
        self._sleep = sleep

    def perform(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None = None,
    ) -> Performance:
        """Make a performance, its award and the mark that there be no second: all or nothing.

        Staging follows by itself: the new item's change is what queues it. Raises problems
        `not_found` (also for what is not addressed to the caller), `activity_not_started`,
        `activity_ended`, `already_performed`, `tiktok_inbox_full` (five are under way or wait in
        the inbox; with `retry_at`), `changed_meanwhile`, and `AccountRequired`, after which the
        send happens by itself once the account is there.
        """
        try:
            return self._perform(caller, activity_id, correlation_id, made_id)
        except (Problem, Conflict):
            made = self._made_before(caller, activity_id, made_id)
            if made is None:
                raise
            return made
        except NotConnected:
            begun = self._accounts.authorize(caller, correlation_id, activity_id)
            raise AccountRequired(begun) from None

    def _made_before(
        self, caller: Caller, activity_id: str, made_id: str | None
    ) -> Performance | None:
        """Find what a request made whose answer was lost: that is the answer to its retry.

        It is so whatever has become of it, or of the activity, since.
        """
        made = self._store.get(caller.owner, f"prf_{made_id}") if made_id else None
        return made if made and made.activity_id == activity_id else None

    def _perform(
        self, caller: Caller, activity_id: str, correlation_id: str, made_id: str | None = None
    ) -> Performance:
        return self._with_place(
            caller, lambda: self._make(caller, activity_id, correlation_id, made_id)
        )

    def _with_place(self, caller: Caller, make: Callable[[], Performance]) -> Performance:
        """Make what takes a place in the caller's TikTok inbox, full of lapsed ones as it may be.

        Raises problems `tiktok_inbox_full` and `changed_meanwhile`.
        """
        try:
            return make()
        except _InboxFull:
            retry_at = self._accounts.full_until(caller.program_id, caller.member_id)
            if retry_at is not None:
                raise _inbox_full(retry_at, caller) from None
        try:
            return make()
        except _InboxFull:
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your TikTok inbox keeps changing. Try again."
            ) from None

    def _make(
        self, caller: Caller, activity_id: str, correlation_id: str, made_id: str | None
    ) -> Performance:
        for attempt in range(_FIRST_ATTEMPTS):
            now = self._clock.now()
            beside = self._programs.unless_known(caller.program_id)
            activity = self._activities.activity(caller.program_id, activity_id, beside)
            if activity is None or not activity.is_for(caller.channels):
                raise not_found("activity")
            performance = self._made(
                caller,
                activity,
                _open_video(activity, now, caller.time_zone),
                correlation_id=correlation_id,
                made_id=made_id,
            )
            made = performance.performance_id
            first = self._activities.note_performed(activity)
            try:
                commit(
                    [
                        self._marks.mark_performed(caller.owner, activity_id, made),
                        *self._place_for(performance),
                        self._store.add(performance, next_look(performance, now) or now),
                        *self._points.award(caller.owner, activity.points, activity_id, made),
                        *first,
                    ],
                    attempts=1 if first else CONFLICT_ATTEMPTS,
                )
            except VideoChanged:
                continue
            except TransactWriteError as error:
                # Others want to be the first too. Once one was, nobody writes to the activity.
                if not first or not conflicted(error):
                    raise
                self._sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  no secret
                continue
            logger.info("performed", extra={"activity_id": activity_id, "performance_id": made})
            return performance
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The activity keeps changing. Try again.")

    def _made(
        self,
        caller: Caller,
        activity: Activity,
        video_there: tuple[VideoFacts, str],
        *,
        correlation_id: str,
        made_id: str | None,
    ) -> Performance:
        now = self._clock.now()
        video, video_key = video_there
        return Performance(
            program_id=caller.program_id,
            member_id=caller.member_id,
            performance_id=f"prf_{made_id}" if made_id else new_id("prf", now),
            activity_id=activity.activity_id,
            instructions=activity.instructions,
            video_key=video_key,
            content_type=f"video/{video.container}",
            size_bytes=video.size_bytes,
            points=activity.points,
            state=State.QUEUED,
            correlation_id=correlation_id,
            queued_at=now,
            text=self._texts.dealt(activity, caller.member_id),
        )

    def try_on(
        self, caller: Caller, activity_id: str, correlation_id: str, made_id: str | None = None
    ) -> Performance:
        """Make a trial of an activity that is open or scheduled, whoever it is addressed to.

        It is staged like a performance and is none: no mark, no points; any number may be under
        way. Raises problems `not_found`, `activity_processing`, `activity_rejected`,
        `activity_ended`, `tiktok_inbox_full`, `changed_meanwhile`, and `AccountRequired`, after
        which the manager tries again.
        """
        try:
            return self._try_on(caller, activity_id, correlation_id, made_id)
        except (Problem, Conflict):
            made = self._made_before(caller, activity_id, made_id)
            if made is None:
                raise
            return made
        except NotConnected:
            raise AccountRequired(self._accounts.authorize(caller, correlation_id)) from None

    def _try_on(
        self, caller: Caller, activity_id: str, correlation_id: str, made_id: str | None
    ) -> Performance:
        beside = self._programs.unless_known(caller.program_id)
        activity = self._activities.activity(caller.program_id, activity_id, beside)
        if activity is None:
            raise not_found("activity")
        made = self._made(
            caller,
            activity,
            _tried_video(activity, self._clock.now()),
            correlation_id=correlation_id,
            made_id=made_id,
        )
        trial = replace(made, points=0, trial=True)
        return self._with_place(caller, lambda: self._add_trial(trial))

    def _add_trial(self, trial: Performance) -> Performance:
        look_at = next_look(trial, trial.queued_at) or trial.queued_at
        commit([self._store.add(trial, look_at), *self._place_for(trial)])
        logger.info("tried", extra={"activity_id": trial.activity_id})
        return trial

    def _place_for(self, performance: Performance) -> list[Part]:
        """Parts: the member's account must be connected, and its inbox have a place for this."""
        whose = performance.program_id, performance.member_id
        return [
            self._accounts.require(*whose, NotConnected),
            self._accounts.take_place(*whose, performance.place, _InboxFull),
        ]

    def connect(self, state: str, nonce: str, code: str | None, error: str | None) -> Connected:
        """Finish a consent; if it was asked for by a send, make that send."""
        connection = self._accounts.connect(state, nonce, code, error)
        account, pending = connection.account, connection.pending
        self._queue_unfinished(account.program_id, account.member_id)
        if pending is None:
            return Connected(account.display_name, None, None)
        performance, problem = self._send_pending(pending)
        return Connected(account.display_name, performance, problem)

    def disconnect(self, caller: Caller) -> None:
        """Disconnect the caller's TikTok account; what was not sent yet fails, and says so."""
        self._accounts.disconnect(caller.program_id, caller.member_id)
        self._queue_unfinished(caller.program_id, caller.member_id)

    def depart(self, program_id: str, member_id: str) -> None:
        """Let go of a member who was removed: TikTok revoked, queued sends settled.

        Who came back meanwhile, as another person perhaps, keeps only what they connected since.
        """
        if self._accounts.depart(program_id, member_id):
            self._queue_unfinished(program_id, member_id)

    def _queue_unfinished(self, program_id: str, member_id: str) -> None:
        """Have everything of a member's that is under way looked at now.

        Should it not be queued, or be missing here, its time to be looked at comes all the same.
        """
        taken = self._accounts.taken_places(program_id, member_id)
        under_way = {place.share_id.partition(".")[0] for place in taken}
        told = logger.get_correlation_id() or ""
        found = [Reference(program_id, member_id, each, told) for each in sorted(under_way)]
        try:
            self._queue.send(found)
        except (MessageLost, BotoCoreError, ClientError):
            # The account is connected, or gone, all the same: that is what is to be answered.
            logger.exception("not queued: the clock does it")

    def _send_pending(self, pending: PendingSend) -> tuple[Performance | None, Problem | None]:
        member = self._programs.member(pending.program_id, pending.member_id)
        performance, problem = None, None
        if member is not None and member.status is MemberStatus.ACTIVE:
            try:
                performance = self._perform(
                    self._programs.as_caller(member), pending.activity_id, pending.correlation_id
                )
            except Problem as refused:
                if refused.code is ProblemCode.CHANGED_MEANWHILE:
                    raise  # it waits, and the clock makes it
                problem = refused
            except NotConnected:
                logger.info("account gone before the send that waited for it")
        self._accounts.settle_pending(pending)
        return performance, problem

    def send_pending(self, is_late: IsLate = never_late) -> int:
        """Make the sends whose connection was made but which were not, for whatever reason.

        One that breaks is put off, ever longer. Tells how many there were.
        """
        now = self._clock.now()
        met = 0
        for pending in self._accounts.pending_sends(now - PENDING_GRACE):
            if is_late():
                break
            met += 1
            logger.set_correlation_id(pending.correlation_id)
            try:
                self._send_pending(pending)
            except Exception:  # noqa: BLE001  it comes again; those behind it have their turn
                logger.exception("waiting send broke", extra={"activity_id": pending.activity_id})
                self._put_off(pending, now)
        return met

    def _put_off(self, pending: PendingSend, now: datetime) -> None:
        try:
            self._accounts.put_off(pending, now)
        except Exception:  # noqa: BLE001  it comes again all the sooner
            logger.exception("not put off")

    def hear(self, signature: str | None, raw_body: bytes) -> None:
        """Take in a webhook of TikTok's: it may come twice, late, out of order, or be none of ours.

        Raises problems `signature_refused` and `malformed_event`; what is not known changes
        nothing.
        """
        now = self._clock.now()
        try:
            webhooks.verify(signature, raw_body, self._client_secret(), now)
            event = webhooks.parse(raw_body)
        except webhooks.SignatureRefused as error:
            logger.info("webhook refused", extra={"why": str(error)})
            raise Problem(
                ProblemCode.SIGNATURE_REFUSED, "This is not signed by TikTok for this app."
            ) from error
        except webhooks.Malformed as error:
            raise Problem(
                ProblemCode.MALFORMED_EVENT, f"The event is malformed: {error}."
            ) from error
        if event.kind is EventKind.AUTHORIZATION_REMOVED:
            ours = self._accounts.access_removed(event.open_id, event.created_at or now)
            logger.info("access removed", extra={"ours": ours})
            return
        found = self._store.by_publish_id(event.publish_id) if event.publish_id else None
        for _ in range(_APPLIED):
            performance = self._store.get(*found) if found else None
            if performance is None or performance.publish_id != event.publish_id:
                logger.info("event for nothing of ours", extra={"event": event.name})
                return
            logger.append_keys(
                program_id=performance.program_id,
                performance_id=performance.performance_id,
                performed_with=performance.correlation_id,
            )
            try:
                self._take_in(event.kind, performance, now)
            except Conflict:
                continue  # the worker wrote meanwhile: look again
            return
        raise Problem(ProblemCode.UNAVAILABLE, "Not taken in just now. Send it again.")

    def _take_in(self, kind: EventKind, performance: Performance, now: datetime) -> None:
        if kind is EventKind.INBOX_DELIVERED and performance.state in BEFORE_STAGED:
            changed = staged(performance, now)
        elif kind is EventKind.POST_COMPLETE and performance.state in BEFORE_POSTED:
            changed = posted(performance, now)
        elif kind is EventKind.POST_FAILED and performance.state in BEFORE_STAGED:
            # The reason decides whether it is for good, and the worker asks for it.
            self._store.look_later(performance, now)
            return
        else:
            logger.info("event changes nothing", extra={"event": kind.value})
            return
        look_at = next_look(changed, now)
        parts: list[Part] = [self._store.change(changed, performance.state, look_at, None)]
        if changed.state is State.POSTED:
            parts.append(
                self._accounts.free_places(changed.program_id, changed.member_id, changed.places)
            )
        commit(parts)
        logger.info("event taken in", extra={"event": kind.value})

    def performance(self, caller: Caller, performance_id: str) -> Performance:
        """Read one of the caller's own performances. Raises the problem `not_found`."""
        found = self._store.get(caller.owner, performance_id)
        if found is None:
            raise not_found("performance")
        return found

    def performances(self, caller: Caller, limit: int, cursor: str | None) -> Page[Performance]:
        """List the caller's own performances, newest first."""
        listing = f"performances/{caller.member_id}"
        before = (
            str(self._cursors.read(caller.program_id, listing, cursor)["before"])
            if cursor
            else None
        )
        found = self._store.newest(caller.owner, before, limit + 1)
        page = tuple(found[:limit])
        position = {"before": page[-1].performance_id} if len(found) > limit else None
        following = self._cursors.make(caller.program_id, listing, position) if position else None
        return Page(page, following)


def _inbox_full(retry_at: datetime, caller: Caller) -> Problem:
    local = local_time(retry_at, caller.time_zone)
    return Problem(
        ProblemCode.TIKTOK_INBOX_FULL,
        f"TikTok lets {INBOX_PLACES} videos wait in an inbox, and as many are on their way to "
        "yours or wait there. Post one of them in the TikTok app, then send this one; or send it "
        f"after {local:%H:%M on %d %B}.",
        members={"retry_at": retry_at.isoformat(), "retry_at_local": local.isoformat()},
    )


def _tried_video(activity: Activity, now: datetime) -> tuple[VideoFacts, str]:
    """Give the video of an activity that may be tried; raise the problem that says why not."""
    match activity.status_at(now):
        case ActivityStatus.ACTIVE | ActivityStatus.SCHEDULED if (
            activity.video and activity.video_key
        ):
            return activity.video, activity.video_key
        case ActivityStatus.REJECTED:
            raise Problem(
                ProblemCode.ACTIVITY_REJECTED, "This activity's video is not valid: look at why."
            )
        case ActivityStatus.ENDED | ActivityStatus.ARCHIVED:
            raise Problem(ProblemCode.ACTIVITY_ENDED, "This activity has ended.")
        case _:
            raise Problem(
                ProblemCode.ACTIVITY_PROCESSING,
                "This activity's video is still being validated. Try again in a moment.",
            )


def _open_video(activity: Activity, now: datetime, time_zone: str) -> tuple[VideoFacts, str]:
    """Give an open activity's video and its place; raise the problem that says why not."""
    starts_at = activity.starts_at or now
    match activity.status_at(now):
        case ActivityStatus.ACTIVE if activity.video and activity.video_key:
            return activity.video, activity.video_key
        case ActivityStatus.SCHEDULED:
            raise Problem(
                ProblemCode.ACTIVITY_NOT_STARTED,
                "This activity has not started yet. It will be in your feed when it does.",
                members={
                    "starts_at": starts_at.isoformat(),
                    "starts_at_local": local_time(starts_at, time_zone).isoformat(),
                },
            )
        case ActivityStatus.ENDED | ActivityStatus.ARCHIVED if activity.video:
            raise Problem(
                ProblemCode.ACTIVITY_ENDED, "This activity has ended and cannot be sent any more."
            )
        case _:
            # Processing or rejected: members have never seen it.
            raise not_found("activity")
