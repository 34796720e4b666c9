"""Use cases of performing: perform an activity, try it, read what one performed."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.activities.model import (
    Activity,
    ActivityStatus,
    Cut,
    VideoChanged,
    assigned_cut,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.service import ActivityLifecycle, ActivityMarks, PostTextAssigner
from chalicelib.audit.model import Kind, act
from chalicelib.foundation.acts import Act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.table import Conflict, Contended, Part
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import (
    Acknowledgement,
    Performance,
    State,
    acknowledgement_of,
    next_check,
)
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.service import PointService
from chalicelib.programs.model import DisclosureTick, local_time
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.consents.service import ConsentRequest, ConsentService
from chalicelib.tiktok.inbox.service import InboxPlaces
from chalicelib.tiktok.model import INBOX_PLACES, NotConnected
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.tiktok.service import AccountService
from chalicelib.videos.model import Preview, VideoFacts

_MAX_ATTEMPTS = 8


class _InboxFull(Exception):
    """Every place of the member's TikTok inbox is counted as taken."""


@dataclass(frozen=True)
class _AssignedVideo:
    """The video that somebody sends: `cut` is its upload, where the activity has several."""

    video: VideoFacts
    video_key: str
    cut: str | None


class AccountRequired(Exception):
    """The member has to connect TikTok first; `authorization` leads there, the send follows."""

    def __init__(self, authorization: ConsentRequest) -> None:
        super().__init__("TikTok account required")
        self.authorization = authorization


class PerformanceService:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        programs: ProgramService,
        accounts: AccountService,
        consents: ConsentService,
        places: InboxPlaces,
        activities: ActivityLifecycle,
        marks: ActivityMarks,
        texts: PostTextAssigner,
        points: PointService,
        cursors: Cursors,
        clock: Clock,
        preview_of: Callable[[str, str], Preview],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._programs = programs
        self._accounts = accounts
        self._consents = consents
        self._places = places
        self._activities = activities
        self._marks = marks
        self._texts = texts
        self._points = points
        self._cursors = cursors
        self._clock = clock
        self._preview_of = preview_of
        self._sleep = sleep

    def perform(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None = None,
        tick: DisclosureTick | None = None,
    ) -> Performance:
        """Make a performance, its award and the mark that there be no second: all or nothing.

        Staging follows by itself: the new item's change is what queues it. Raises problems
        `not_found` (also for what is not addressed to the caller), `activity_not_started`,
        `activity_ended`, `disclosure_not_acknowledged` (without a `tick` of what the activity asks
        to disclose now), `already_performed`, `tiktok_inbox_full` (five are under way or wait in
        the inbox; with `retry_at`), `changed_meanwhile`, and `AccountRequired`, after which the
        send happens by itself once the account is there.
        """
        try:
            return self.perform_connected(caller, activity_id, correlation_id, made_id, tick)
        except (Problem, Conflict):
            made = self._find_made_before(caller, activity_id, made_id)
            if made is None:
                raise
            return made
        except NotConnected:
            begun = self._consents.begin_consent(caller, correlation_id, activity_id, tick)
            raise AccountRequired(begun) from None

    def _find_made_before(
        self, caller: Caller, activity_id: str, made_id: str | None
    ) -> Performance | None:
        """Find what a request made whose answer was lost: that is the answer to its retry.

        It is so whatever has become of it, or of the activity, since.
        """
        made = self._store.get(caller.owner, f"prf_{made_id}") if made_id else None
        return made if made and made.activity_id == activity_id else None

    def perform_connected(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None = None,
        tick: DisclosureTick | None = None,
    ) -> Performance:
        """Perform as `perform` does, once. Raises `NotConnected` instead of beginning a consent."""
        return self._retry_when_inbox_full(
            caller,
            lambda: self._commit_performance(caller, activity_id, correlation_id, made_id, tick),
        )

    def _retry_when_inbox_full(
        self, caller: Caller, make: Callable[[], Performance]
    ) -> Performance:
        """Make what takes a place in the caller's TikTok inbox, full of lapsed ones as it may be.

        Raises problems `tiktok_inbox_full` and `changed_meanwhile`.
        """
        try:
            return make()
        except _InboxFull:
            retry_at = self._places.full_until(caller.program_id, caller.member_id)
            if retry_at is not None:
                raise _inbox_full(retry_at, caller) from None
        try:
            return make()
        except _InboxFull:
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your TikTok inbox keeps changing. Try again."
            ) from None

    def _commit_performance(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None,
        tick: DisclosureTick | None,
    ) -> Performance:
        for attempt in range(_MAX_ATTEMPTS):
            now = self._clock.now()
            beside = self._programs.program_read_unless_cached(caller.program_id)
            activity = self._activities.activity(caller.program_id, activity_id, beside)
            if activity is None or not activity.is_addressed_to(caller.channels):
                raise not_found("activity")
            video = _video_to_perform(activity, caller, now)
            evidence = _require_acknowledgement(activity, tick)
            performance = replace(
                self._new_performance(
                    caller, activity, video, correlation_id=correlation_id, made_id=made_id
                ),
                acknowledged=evidence,
            )
            made = performance.performance_id
            first = self._activities.note_performed(activity)
            try:
                self._store.commit_new(
                    [
                        self._marks.mark_performed(caller.owner, activity_id, made),
                        *self._place_parts(performance),
                        self._store.add(performance),
                        *self._points.award(
                            caller.owner, activity.points, made, activity.instructions
                        ),
                        *first,
                        *_acknowledgement_acts(performance),
                    ],
                    contended=bool(first),
                )
            except VideoChanged:
                continue
            except Contended:
                # Others want to be the first too. Once one was, nobody writes to the activity.
                if not first:
                    raise
                self._sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  no secret
                continue
            logger.info("performed", extra={"activity_id": activity_id, "performance_id": made})
            return performance
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The activity keeps changing. Try again.")

    def _new_performance(
        self,
        caller: Caller,
        activity: Activity,
        video_there: _AssignedVideo,
        *,
        correlation_id: str,
        made_id: str | None,
    ) -> Performance:
        now = self._clock.now()
        video = video_there.video
        made = Performance(
            program_id=caller.program_id,
            member_id=caller.member_id,
            performance_id=f"prf_{made_id}" if made_id else new_id("prf", now),
            activity_id=activity.activity_id,
            instructions=activity.instructions,
            video_key=video_there.video_key,
            content_type=f"video/{video.container}",
            size_bytes=video.size_bytes,
            points=activity.points,
            posted_bonus=activity.posted_bonus,
            cut=video_there.cut,
            state=State.QUEUED,
            correlation_id=correlation_id,
            queued_at=now,
            text=self._texts.assigned_text(activity, caller.member_id),
            campaign_id=activity.campaign_id,
            channel_ids=activity.channels_of(caller.channels),
            asked=activity.required_disclosure,
        )
        return replace(made, look_at=next_check(made, now))

    def send_trial(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None = None,
        upload_id: str | None = None,
    ) -> Performance:
        """Make a trial of an activity that is open or scheduled, whoever it is addressed to.

        `upload_id` names the cut to try; without it, that which the manager would be dealt. A trial
        is staged like a performance and is none: no mark, no points; any number may be under way.
        Raises problems `not_found`, `activity_processing`, `activity_rejected`, `activity_ended`,
        `invalid_request`, `tiktok_inbox_full`, `changed_meanwhile`, and `AccountRequired`, after
        which the manager tries again.
        """
        try:
            return self._make_trial(caller, activity_id, correlation_id, made_id, upload_id)
        except (Problem, Conflict):
            made = self._find_made_before(caller, activity_id, made_id)
            if made is None:
                raise
            return made
        except NotConnected:
            raise AccountRequired(self._consents.begin_consent(caller, correlation_id)) from None

    def _make_trial(
        self,
        caller: Caller,
        activity_id: str,
        correlation_id: str,
        made_id: str | None,
        upload_id: str | None,
    ) -> Performance:
        beside = self._programs.program_read_unless_cached(caller.program_id)
        activity = self._activities.activity(caller.program_id, activity_id, beside)
        if activity is None:
            raise not_found("activity")
        made = self._new_performance(
            caller,
            activity,
            _trial_video(activity, caller, self._clock.now(), upload_id),
            correlation_id=correlation_id,
            made_id=made_id,
        )
        trial = replace(made, points=0, posted_bonus=0, trial=True)
        return self._retry_when_inbox_full(caller, lambda: self._commit_trial(trial))

    def _commit_trial(self, trial: Performance) -> Performance:
        tried = act(
            Kind.ACTIVITY_TRIED,
            trial.program_id,
            trial.activity_id,
            after={"performance": trial.performance_id},
            title=trial.instructions,
        )
        self._store.commit([self._store.add(trial), *self._place_parts(trial), tried])
        logger.info("tried", extra={"activity_id": trial.activity_id})
        return trial

    def _place_parts(self, performance: Performance) -> list[Part]:
        """Parts: the member's account must be connected, and its inbox have a place for this."""
        whose = performance.program_id, performance.member_id
        return [
            self._accounts.require_connected(*whose, NotConnected),
            self._places.take_place(*whose, performance.place, _InboxFull),
        ]

    def performance(self, caller: Caller, performance_id: str) -> Performance:
        """Read one of the caller's own performances. Raises the problem `not_found`."""
        found = self._store.get(caller.owner, performance_id)
        if found is None:
            raise not_found("performance")
        return found

    def new_disclosure_tick(self, version: str, language: str) -> DisclosureTick:
        """Return a tick made now of a version of the disclosure text."""
        return DisclosureTick(version, language, self._clock.now())

    def preview(self, performance: Performance) -> Preview:
        """Return an address to fetch a performance's video from, signed without a call."""
        return self._preview_of(performance.video_key, performance.content_type)

    def mark_shared(self, caller: Caller, performance_id: str) -> Performance:
        """Note that the caller shared a performance's video by hand; again changes nothing.

        State and points stay as they are, and staging goes on. Raises the problem `not_found`.
        """
        return self._set_shared_at(caller, performance_id, self._clock.now())

    def unmark_shared(self, caller: Caller, performance_id: str) -> Performance:
        """Take back that a video was shared by hand. Raises the problem `not_found`."""
        return self._set_shared_at(caller, performance_id, None)

    def _set_shared_at(
        self, caller: Caller, performance_id: str, at: datetime | None
    ) -> Performance:
        found = self.performance(caller, performance_id)
        if bool(found.shared_at) is bool(at):
            return found
        if not self._store.note_shared(found, at):
            raise not_found("performance")
        return replace(found, shared_at=at)

    def performances(self, caller: Caller, limit: int, cursor: str | None) -> Page[Performance]:
        """List the caller's own performances, newest first."""
        return self._cursors.page(
            caller.program_id,
            f"performances/{caller.member_id}",
            cursor,
            limit,
            fetch=lambda at, count: self._store.newest(caller.owner, at.get("before"), count),
            position_of=lambda last: {"before": last.performance_id},
        )


def _require_acknowledgement(
    activity: Activity, tick: DisclosureTick | None
) -> Acknowledgement | None:
    """Return the evidence of a tick; raise the problem that says what is to be acknowledged."""
    asked = activity.required_disclosure
    try:
        return acknowledgement_of(asked, tick)
    except ValueError:
        raise Problem(
            ActivityProblem.DISCLOSURE_NOT_ACKNOWLEDGED,
            "Read what has to be disclosed in TikTok and acknowledge it; then send.",
            members={
                "disclosure_steps": {
                    "content_disclosure": asked.content_disclosure.value,
                    "ai_generated": asked.ai_generated,
                    "toggles": [each.value for each in asked.toggles],
                    "version": asked.version,
                    "text": asked.text(),
                }
            },
        ) from None


def _acknowledgement_acts(performance: Performance) -> tuple[Act, ...]:
    """Return the act of acknowledging a disclosure, if there is one."""
    evidence = performance.acknowledged
    if evidence is None:
        return ()
    return (
        act(
            Kind.DISCLOSURE_ACKNOWLEDGED,
            performance.program_id,
            performance.activity_id,
            after={
                "performance": performance.performance_id,
                "version": evidence.version,
                "language": evidence.language,
                "ticked_at": evidence.at,
            },
            title=performance.instructions,
        ),
    )


def _inbox_full(retry_at: datetime, caller: Caller) -> Problem:
    local = local_time(retry_at, caller.time_zone)
    return Problem(
        TikTokProblem.TIKTOK_INBOX_FULL,
        f"TikTok lets {INBOX_PLACES} videos wait in an inbox, and you have as many there or on "
        "their way. Post one of them in the TikTok app, then send this one; or send it "
        f"after {local:%H:%M on %d %B}.",
        members={"retry_at": retry_at.isoformat(), "retry_at_local": local.isoformat()},
    )


def _assigned_video(activity: Activity, caller: Caller) -> _AssignedVideo | None:
    """Return the caller's video of an activity, the very one that they are shown."""
    return _video_of_cut(activity, assigned_cut(activity, caller.member_id))


def _video_of_cut(activity: Activity, cut: Cut) -> _AssignedVideo | None:
    if cut.video is None or cut.video_key is None:
        return None
    return _AssignedVideo(
        cut.video, cut.video_key, cut.upload_id if activity.further_cuts else None
    )


def _trial_video(
    activity: Activity, caller: Caller, now: datetime, upload_id: str | None
) -> _AssignedVideo:
    """Return the video of an activity that may be tried; raise the problem that says why not."""
    cut = (
        assigned_cut(activity, caller.member_id)
        if upload_id is None
        else _cut_of_upload(activity, upload_id)
    )
    match activity.status_at(now):
        case ActivityStatus.ACTIVE | ActivityStatus.SCHEDULED if dealt := _video_of_cut(
            activity, cut
        ):
            return dealt
        case ActivityStatus.REJECTED:
            raise Problem(
                ActivityProblem.ACTIVITY_REJECTED,
                "This activity's video is not valid: look at why.",
            )
        case ActivityStatus.ENDED | ActivityStatus.ARCHIVED:
            raise Problem(ActivityProblem.ACTIVITY_ENDED, "This activity has ended.")
        case _:
            raise Problem(
                ActivityProblem.ACTIVITY_PROCESSING,
                "This activity's video is still being validated. Try again in a moment.",
            )


def _cut_of_upload(activity: Activity, upload_id: str) -> Cut:
    for each in activity.cuts:
        if each.upload_id == upload_id:
            return each
    raise invalid_field("upload_id", "unknown_cut", "This is no video of this activity any more.")


def _video_to_perform(activity: Activity, caller: Caller, now: datetime) -> _AssignedVideo:
    """Return the caller's video of an open activity; raise the problem that says why not."""
    starts_at = activity.starts_at or now
    match activity.status_at(now):
        case ActivityStatus.ACTIVE if dealt := _assigned_video(activity, caller):
            return dealt
        case ActivityStatus.SCHEDULED:
            raise Problem(
                ActivityProblem.ACTIVITY_NOT_STARTED,
                "This activity has not started yet. It will be in your feed when it does.",
                members={
                    "starts_at": starts_at.isoformat(),
                    "starts_at_local": local_time(starts_at, caller.time_zone).isoformat(),
                },
            )
        case ActivityStatus.ENDED | ActivityStatus.ARCHIVED if activity.video:
            raise Problem(
                ActivityProblem.ACTIVITY_ENDED,
                "This activity has ended and cannot be sent any more.",
            )
        case _:
            # Processing or rejected: members have never seen it.
            raise not_found("activity")
