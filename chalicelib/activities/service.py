"""What managers do with activities, and the feed their members see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.activities.model import (
    Activity,
    ActivityState,
    InvalidTime,
    check_window,
    instant_of,
)
from chalicelib.activities.store import ActivityStore, AlreadyMade, MarkStore
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode, not_found
from chalicelib.foundation.table import Conflict, Part, commit
from chalicelib.videos.model import Preview, Upload, UploadStatus
from chalicelib.videos.service import Verdict, VideoService

_LIST = "activities"
_ATTEMPTS = 4
AT_ONCE = 25
MAX_EXPIRED_PER_RUN = 1000


@dataclass(frozen=True)
class NewActivity:
    """What a manager asks for. Times are wall-clock times in the manager's own zone."""

    upload_id: str
    instructions: str
    points: int
    featured: bool
    starts_at: str | None
    ends_at: str | None


class ActivityMarks:
    """Who has performed what: the mark keeps an activity out of the feed and from a second time."""

    def __init__(self, store: MarkStore) -> None:
        self._store = store

    def mark_performed(self, owner: str, activity_id: str, performance_id: str) -> Part:
        """Part: mark an activity as performed. Fails with the problem `already_performed`."""
        return replace(
            self._store.mark(owner, activity_id, performance_id), otherwise=_already_performed
        )

    def unmark(self, owner: str, activity_id: str, performance_id: str) -> Part:
        """Part: take the mark of a performance that failed for good away again."""
        return self._store.unmark(owner, activity_id, performance_id)

    def performed(self, owner: str, first: str, last: str) -> set[str]:
        """List what a member has performed between two activity ids, both included."""
        return self._store.marked(owner, first, last)


class ActivityLifecycle:
    """What happens to activities by itself: a verdict comes, an end is reached."""

    def __init__(self, store: ActivityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def activity(self, program_id: str, activity_id: str) -> Activity | None:
        """Read an activity, never behind."""
        return self._store.get(program_id, activity_id)

    def settle(self, verdict: Verdict) -> None:
        """Take a verdict to the activities that waited for it. Safe to call twice."""
        for activity_id in verdict.waiting_activities:
            waiting = self._store.get(verdict.program_id, activity_id)
            if waiting is None or waiting.state is not ActivityState.PROCESSING:
                continue
            settled = replace(
                waiting,
                state=ActivityState.REJECTED if verdict.problems else ActivityState.PUBLISHED,
                video=verdict.video,
                video_key=verdict.video_key,
                problems=verdict.problems,
            )
            first = self._store.settle(settled)
            logger.info(
                "activity settled",
                extra={
                    "activity_id": activity_id,
                    "rejected": bool(verdict.problems),
                    "first": first,
                },
            )

    def expire(self) -> int:
        """End what is past its end; tells how many. One query, and one write per 25."""
        now = self._clock.now()
        due = self._store.due(now, MAX_EXPIRED_PER_RUN)
        chunks = [due[start : start + AT_ONCE] for start in range(0, len(due), AT_ONCE)]
        return sum(self._end(chunk, now) for chunk in chunks)

    def _end(self, due: Sequence[tuple[str, str, datetime]], now: datetime) -> int:
        try:
            self._store.end_due(due, now)
        except Conflict:
            # One of them was ended, or its end moved, since the query: each by itself then.
            return sum(self._end([each], now) for each in due) if len(due) > 1 else 0
        return len(due)


class ActivityService:
    def __init__(
        self,
        store: ActivityStore,
        marks: "ActivityMarks",
        videos: VideoService,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._store = store
        self._marks = marks
        self._videos = videos
        self._cursors = cursors
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def create(self, caller: Caller, new: NewActivity, made_id: str | None = None) -> Activity:
        """Make an activity on a valid upload, or on one still being validated (`processing`).

        Raises problems: `not_found` for an upload of nobody or of another program,
        `upload_not_received`, `upload_not_valid` (with what is wrong), `invalid_request`.
        """
        now = self._clock.now()
        starts_at = _instant("starts_at", new.starts_at, caller.time_zone)
        ends_at = _instant("ends_at", new.ends_at, caller.time_zone)
        try:
            check_window(starts_at, ends_at, now)
        except InvalidTime as error:
            name, _, code = error.code.partition(".")
            raise _time_problem(name, code, error) from error
        activity = Activity(
            program_id=caller.program_id,
            activity_id=f"act_{made_id}" if made_id else new_id("act", now),
            state=ActivityState.PROCESSING,
            instructions=new.instructions,
            upload_id=new.upload_id,
            points=new.points,
            featured=new.featured,
            starts_at=starts_at,
            ends_at=ends_at,
            time_zone=caller.time_zone,
            created_by=caller.member_id,
            created_at=now,
        )
        for _ in range(_ATTEMPTS):
            made, parts = self._on_upload(activity, self._received(caller, new.upload_id))
            try:
                commit([self._store.add(made), *parts])
            except Conflict:
                continue  # the verdict came between reading the upload and writing: look again
            except AlreadyMade:
                return self.activity(caller, activity.activity_id)
            return made
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The upload keeps changing. Try again.")

    def _received(self, caller: Caller, upload_id: str) -> Upload:
        """Read an upload whose file has come. Raises the problem `upload_not_received`."""
        upload = self._videos.upload(caller, upload_id)
        waiting = UploadStatus.AWAITING_FILE
        if upload.status_at(self._clock.now()) is waiting and not self._videos.file_arrived(upload):
            # A verdict empties `incoming/`, so the file may be gone for having been looked at.
            upload = self._videos.upload(caller, upload_id)
            if upload.status_at(self._clock.now()) is waiting:
                raise Problem(
                    ProblemCode.UPLOAD_NOT_RECEIVED,
                    "No file has been posted for this upload yet. Post it with the form first.",
                )
        return upload

    def _on_upload(self, activity: Activity, upload: Upload) -> tuple[Activity, Sequence[Part]]:
        """Say what an activity becomes on this upload, and what else has to be written with it."""
        match upload.status_at(self._clock.now()):
            case UploadStatus.VALID:
                published = replace(
                    activity,
                    state=ActivityState.PUBLISHED,
                    video=upload.video,
                    video_key=upload.video_key,
                )
                return published, ()
            case UploadStatus.AWAITING_FILE | UploadStatus.VALIDATING:
                return activity, (self._videos.await_verdict(upload, activity.activity_id),)
            case UploadStatus.REJECTED | UploadStatus.EXPIRED as status:
                raise Problem(
                    ProblemCode.UPLOAD_NOT_VALID,
                    "This upload is no valid video. Ask for a new upload.",
                    members={
                        "upload_status": status.value,
                        "problems": [problem.to_dict() for problem in upload.problems],
                    },
                )

    def activity(self, caller: Caller, activity_id: str) -> Activity:
        """Read an activity of the caller's program. Raises the problem `not_found`."""
        activity = self._store.get(caller.program_id, activity_id)
        if activity is None:
            raise not_found("activity")
        return activity

    def activities(self, caller: Caller, limit: int, cursor: str | None) -> Page[Activity]:
        """List the program's activities, newest first."""
        before = self._position(caller, _LIST, cursor)
        found = self._store.newest(caller.program_id, before, limit + 1)
        page = tuple(found[:limit])
        more = len(found) > limit
        return Page(page, self._cursor(caller, _LIST, page[-1].activity_id) if more else None)

    def preview(self, activity: Activity) -> Preview | None:
        """Give an address to watch an activity's video at, if it has one."""
        return self._videos.preview(activity.video_key, activity.video)

    def end(self, caller: Caller, activity_id: str) -> Activity:
        """End an activity now; one that has ended stays as it is.

        Raises problems: `not_found`, `activity_rejected`.
        """
        for _ in range(_ATTEMPTS):
            activity = self.activity(caller, activity_id)
            if activity.state is ActivityState.ENDED:
                return activity
            if activity.state is ActivityState.REJECTED:
                raise Problem(
                    ProblemCode.ACTIVITY_REJECTED,
                    "This activity was rejected with its video and was never open.",
                )
            now = self._clock.now()
            ended_at = min(now, activity.ends_at) if activity.ends_at else now
            if self._store.end(activity, ended_at):
                return replace(activity, state=ActivityState.ENDED, ended_at=ended_at)
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The activity keeps changing. Try again.")

    def feed(self, caller: Caller, limit: int, cursor: str | None) -> Page[Activity]:
        """List what is open to the caller and not performed: featured first, then newest.

        Three calls, whatever the page: the open activities, one's marks on them, the page itself.
        """
        listing = f"feed/{caller.member_id}"
        before = self._position(caller, listing, cursor)
        now = self._clock.now()
        ranks = list(self._store.open_ranks(caller.program_id, before, now))
        ids = [activity_id for _, activity_id in ranks]
        done = self._marks.performed(caller.owner, min(ids), max(ids)) if ids else set()
        left = [rank for rank in ranks if rank[1] not in done]
        shown = left[:limit]
        found = self._store.get_all(caller.program_id, [each for _, each in shown])
        items = tuple(
            found[each] for _, each in shown if each in found and found[each].is_open_at(now)
        )
        more = len(left) > limit
        return Page(items, self._cursor(caller, listing, shown[-1][0]) if more else None)

    def _position(self, caller: Caller, listing: str, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return str(self._cursors.read(caller.program_id, listing, cursor)["before"])

    def _cursor(self, caller: Caller, listing: str, before: str) -> str:
        return self._cursors.make(caller.program_id, listing, {"before": before})


def _instant(name: str, text: str | None, time_zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        return instant_of(text, time_zone)
    except InvalidTime as error:
        raise _time_problem(name, error.code, error) from error


def _time_problem(name: str, code: str, error: InvalidTime) -> Problem:
    return Problem(
        ProblemCode.INVALID_REQUEST,
        error.message,
        (FieldError(name, code, error.message),),
        {"offsets": list(error.offsets)} if error.offsets else {},
    )


def _already_performed() -> Problem:
    return Problem(
        ProblemCode.ALREADY_PERFORMED,
        "You have sent this one already. Your history says where it is.",
    )
