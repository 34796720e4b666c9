"""Activities as managers edit them, and as a feed that members see."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import batched, chain
from typing import Any, Literal, Protocol, TypedDict, Unpack, cast

from chalicelib.activities.model import (
    DEFAULT_INSTRUCTIONS,
    Activity,
    ActivityState,
    ActivityStatus,
    Cut,
    FeedPaging,
    InvalidText,
    InvalidTime,
    Network,
    OpenActivity,
    PostText,
    assigned_cut,
    assigned_text,
    check_post_texts,
    check_window,
    distinct_files,
    feed_order,
    normalized_captions,
    normalized_hashtags,
    parse_wall_clock_time,
    same_files,
    visible_activities,
    with_featured,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.store import (
    ActivityStore,
    AlreadyCreated,
    AlreadyPerformed,
    DueActivity,
    MarkStore,
)
from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.acts import Act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import check_version, retry_conflicts
from chalicelib.foundation.headroom import ATTEMPTS
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page, truncate_to_size
from chalicelib.foundation.problems import (
    FieldError,
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)
from chalicelib.foundation.quotas import Quotas, quota_reached
from chalicelib.foundation.table import Conflict, Part, Read
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import ContentDisclosure
from chalicelib.programs.problems import require_open_channels
from chalicelib.videos.model import Preview, Upload, UploadStatus
from chalicelib.videos.service import Verdict, Verdicts, VideoService

_TIME_FIELDS: tuple[Literal["starts_at", "ends_at"], ...] = ("starts_at", "ends_at")
_MICROSECOND = timedelta(microseconds=1)
MAX_PER_TRANSACTION = 25
MAX_READ_BESIDE = 24  # activities that are read beside something else, by a call that answers 4 MB
MAX_EXPIRED_PER_RUN = 1000
MAX_UNDECIDED_PER_RUN = 300
UNDECIDED_RECHECK_DELAY = timedelta(minutes=5)
"""How long until an activity that still waits for a verdict is looked at again."""
MAX_ADMITTED_UNCOUNTED = 50
"""Activities that may be opened before those that are open are counted again: the index may
lack them, so their ids are kept."""


class Grouping(Protocol):
    """A channel or a campaign, as far as an activity has to know it."""

    @property
    def archived(self) -> bool: ...


class Groupings(Protocol):
    """Reads a program's channels and campaigns, as far as activities need them."""

    def channels(self, program_id: str, ids: Collection[str]) -> Mapping[str, Grouping]:
        """Read channels by id; those that are none are left out."""

    def campaign(self, program_id: str, campaign_id: str) -> Grouping | None:
        """Read a campaign."""

    def content_disclosure(self, program_id: str) -> ContentDisclosure:
        """Read the content disclosure of a program's new activities."""

    def program_read_unless_cached(self, program_id: str) -> Sequence[Read[Any]]:
        """Reads of the program's settings, if it is time for it, to be made beside others."""


class ActivityFields(TypedDict, total=False):
    """Fields that a manager may set; an absent one has its default, or stays.

    Times are wall-clock times in the manager's own zone. A start, end, campaign or disclosure of
    None takes away what there was.
    """

    instructions: str
    points: int
    posted_bonus: int
    featured: bool
    starts_at: str | None
    ends_at: str | None
    channel_ids: Sequence[str]
    campaign_id: str | None
    captions: Sequence[str]
    hashtags: Sequence[str]
    disclosure: str | None
    content_disclosure: ContentDisclosure
    ai_generated: bool


class NewActivityFields(ActivityFields, total=False):
    """Fields to create an activity with; its network and further cuts are fixed afterwards."""

    network: Network
    further_upload_ids: Sequence[str]


class ActivityFieldChanges(ActivityFields, total=False):
    """Fields a manager may change, videos included."""

    upload_id: str
    further_upload_ids: Sequence[str]


@dataclass(frozen=True)
class OfferedActivity:
    """An open activity as one member sees it, and what they did with it."""

    activity: Activity
    cut: Cut
    text: PostText
    performance_id: str | None
    dismissed: bool


class PostTextAssigner:
    """Assigns members the texts they post; `disclosure_of` gives a program's own line."""

    def __init__(self, disclosure_of: Callable[[str], str | None]) -> None:
        self._disclosure_of = disclosure_of

    def assigned_text(self, activity: Activity, member_id: str) -> PostText:
        """Return the text that a member of the activity's program posts."""
        default = self._disclosure_of(activity.program_id) if activity.disclosure is None else None
        return assigned_text(activity, member_id, default)


class ActivityMarks:
    """Performed and dismissed activities: hidden from the feed, never performed again."""

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

    def done_activity_ids(self, owner: str, first: str, last: str) -> set[str]:
        """List what a member performed or dismissed between two activity ids, both included."""
        return self._store.done_activity_ids(owner, first, last)

    def of(self, owner: str, activity_id: str) -> tuple[str | None, bool]:
        """Return the performance a member's mark is of, if any, and whether they dismissed it."""
        mark = self._store.mark_of(owner, activity_id)
        return (mark.performance_id, mark.performance_id is None) if mark else (None, False)

    def dismiss(self, owner: str, activity_id: str, now: datetime) -> None:
        """Mark an activity as dismissed, again if need be; raises `already_performed`."""
        try:
            self._store.dismiss(owner, activity_id, now)
        except AlreadyPerformed as error:
            raise _already_performed() from error

    def undismiss(self, owner: str, activity_id: str) -> None:
        """Take a dismissal back; there may be none."""
        self._store.undismiss(owner, activity_id)


class ActivityLifecycle:
    """Changes of activities that no request asks for: a verdict comes, a performance is first."""

    def __init__(self, store: ActivityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def activity(
        self, program_id: str, activity_id: str, beside: Sequence[Read[Any]] = ()
    ) -> Activity | None:
        """Read an activity, never behind, and what is to be read beside it: one call."""
        return self._store.get(program_id, activity_id, beside)

    def open_activities(self, program_id: str) -> Sequence[OpenActivity]:
        """Return all that is published and not ended, milliseconds behind: one query."""
        return list(self._store.open_activities(program_id))

    def activities(self, program_id: str, activity_ids: Sequence[str]) -> dict[str, Activity]:
        """Read up to 100 activities by id, never behind: one call."""
        return self._store.get_all(program_id, activity_ids) if activity_ids else {}

    def note_performed(self, activity: Activity) -> Sequence[Part]:
        """Parts: note the first performance of an activity; none if there has been one.

        From the second on nobody writes to the activity. A performance that is not the first
        meets no change of the videos; the first fails with `VideoChanged` if there was one.
        """
        return () if activity.performed else (self._store.note_performed(activity),)

    def apply_verdict(self, verdict: Verdict, verdicts: Verdicts) -> int:
        """Publish or reject the activities that waited for a verdict; returns how many.

        One of several cuts goes on waiting until all have theirs, which `verdicts` reads. Safe to
        call twice. Raises `Conflict` if one keeps changing: the verdict comes again then.
        """
        return sum(self._apply(verdict, verdicts, each) for each in verdict.waiting_activities)

    def _apply(self, verdict: Verdict, verdicts: Verdicts, activity_id: str) -> bool:
        """Publish or reject an activity if this upload was the last that it waited for."""
        first = self._decide(verdict, verdicts, activity_id)
        logger.info(
            "activity decided",
            extra={
                "activity_id": activity_id,
                "rejected": bool(verdict.problems),
                "first": first,
            },
        )
        return first

    @retry_conflicts()
    def _decide(self, verdict: Verdict, verdicts: Verdicts, activity_id: str) -> bool:
        waiting = self._store.get(verdict.program_id, activity_id)
        if (
            waiting is None
            or waiting.state is not ActivityState.PROCESSING
            or verdict.upload_id not in waiting.upload_ids
        ):
            return False
        cuts = []
        for each in waiting.upload_ids:
            same = each == verdict.upload_id
            found = verdict if same else verdicts.verdict(waiting.program_id, each)
            if found is None:
                return False  # whichever verdict is the last reads all the others
            cuts.append(_cut_of_upload(found))
        settled = waiting.with_verdicts(cuts)
        # Edited or ended meanwhile, it is looked at again.
        published = settled.state is ActivityState.PUBLISHED
        kind = Kind.ACTIVITY_PUBLISHED if published else Kind.ACTIVITY_REJECTED
        still_open = self._store.index_move_parts(waiting, settled, self._clock.now())
        changed = self._store.change(waiting, settled)
        self._store.commit([changed, _act(kind, waiting, settled), *still_open])
        return True


class DueActivitySweeper:
    """Does what the clock owes activities; may run twice at once and beside everything else."""

    def __init__(
        self, store: ActivityStore, lifecycle: ActivityLifecycle, verdicts: Verdicts, clock: Clock
    ) -> None:
        self._store = store
        self._lifecycle = lifecycle
        self._verdicts = verdicts
        self._clock = clock

    def end_expired(self) -> int:
        """End activities past their end; returns how many. One query, and one write per 25."""
        due = self._store.due_to_end(self._clock.now(), MAX_EXPIRED_PER_RUN)
        chunks = [
            due[start : start + MAX_PER_TRANSACTION]
            for start in range(0, len(due), MAX_PER_TRANSACTION)
        ]
        return sum(map(self._end, chunks))

    def apply_missed_verdicts(self) -> int:
        """Apply verdicts whose event was lost or is late; returns how many activities changed.

        One query, and three calls for each activity that waits, with one more for each further
        cut. Each is first given a new time, so that one that fails keeps nobody from their turn.
        Raises the first failure in the end.
        """
        now, decided = self._clock.now(), 0
        failure: Exception | None = None
        for due in self._store.due_undecided(now, MAX_UNDECIDED_PER_RUN):
            try:
                decided += self._decide(due, now)
            except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
                logger.exception("verdict not applied", extra={"activity_id": due.activity_id})
                failure = failure or error
        if failure:
            raise failure
        return decided

    def _decide(self, due: DueActivity, now: datetime) -> bool:
        if not self._store.postpone_look(due, now + UNDECIDED_RECHECK_DELAY):
            return False
        activity = self._store.get(due.program_id, due.activity_id)
        verdict = activity and self._verdicts.verdict(due.program_id, activity.upload_id)
        if not activity or not verdict:
            return False
        logger.set_correlation_id(verdict.correlation_id)
        # Though the upload should name it among those that wait, this one is known to.
        waiting = replace(verdict, waiting_activities=(due.activity_id,))
        return bool(self._lifecycle.apply_verdict(waiting, self._verdicts))

    def _end(self, due: Sequence[DueActivity]) -> int:
        try:
            self._store.end_due(due)
        except Conflict:
            # One of them was ended, or its end moved, since the query: each by itself then.
            return sum(self._end([each]) for each in due) if len(due) > 1 else 0
        return len(due)


_QUOTA_STATES = (ActivityState.PROCESSING, ActivityState.PUBLISHED)
_CHANGEABLE_FIELDS = tuple(ActivityFields.__annotations__)
_AUDITED_FIELDS = ("state", "upload_id", "further_upload_ids", *_CHANGEABLE_FIELDS)


def _cut_of_upload(decided: Verdict | Upload) -> Cut:
    return Cut(decided.upload_id, decided.video, decided.video_key, decided.problems)


def _act(kind: Kind, before: Activity | None, after: Activity) -> Act:
    return act(
        kind,
        after.program_id,
        after.activity_id,
        select_fields(before, _AUDITED_FIELDS) if before else {},
        select_fields(after, _AUDITED_FIELDS),
        title=after.instructions,
    )


def _texts(activity: Activity) -> tuple[str, ...]:
    problems = [problem.message for cut in activity.cuts for problem in cut.problems]
    return (activity.instructions, *activity.captions, *activity.hashtags, *problems, *problems)


class ActivityService:
    def __init__(
        self,
        *,
        store: ActivityStore,
        marks: ActivityMarks,
        videos: VideoService,
        groupings: Groupings,
        texts: PostTextAssigner,
        cursors: Cursors,
        clock: Clock,
        quotas: Quotas = Quotas(),  # noqa: B008  frozen
    ) -> None:
        self._store = store
        self._marks = marks
        self._videos = videos
        self._groupings = groupings
        self._texts = texts
        self._cursors = cursors
        self._clock = clock
        self._quotas = quotas

    def now(self) -> datetime:
        return self._clock.now()

    def create(
        self,
        caller: Caller,
        upload_id: str,
        made_id: str | None = None,
        **wanted: Unpack[NewActivityFields],
    ) -> Activity:
        """Make an activity on a valid upload, or on one still being validated (`processing`).

        Raises problems: `not_found` for an upload of nobody or of another program,
        `upload_not_received`, `upload_not_valid` (with what is wrong), `limit_reached`,
        `invalid_request`.
        """

        def make() -> Activity:
            now = self._clock.now()
            blank = self._new_activity(caller, upload_id, made_id, now)
            blank = replace(
                blank,
                featured=wanted.get("featured", blank.featured),
                network=wanted.get("network", blank.network),
            )
            if "content_disclosure" not in wanted:
                default = self._groupings.content_disclosure(caller.program_id)
                blank = replace(blank, content_disclosure=default)
            activity = _with_changes(caller, blank, cast("ActivityFieldChanges", wanted), now)
            self._check_groups(blank, activity)
            return self._commit_new(caller, activity)

        return self._make_once(caller, made_id, make)

    def _make_once(
        self, caller: Caller, made_id: str | None, make: Callable[[], Activity]
    ) -> Activity:
        """Make an activity, or find what a request made whose answer was lost.

        That one is the answer to its retry, though nothing like it could be made any more.
        """
        try:
            return make()
        except Problem:
            made = self._store.get(caller.program_id, f"act_{made_id}") if made_id else None
            if made is None:
                raise
            return made

    def _new_activity(
        self, caller: Caller, upload_id: str, made_id: str | None, now: datetime
    ) -> Activity:
        return Activity(
            program_id=caller.program_id,
            activity_id=f"act_{made_id}" if made_id else new_id("act", now),
            state=ActivityState.PROCESSING,
            instructions=DEFAULT_INSTRUCTIONS,
            upload_id=upload_id,
            points=0,
            featured=False,
            starts_at=None,
            ends_at=None,
            time_zone=caller.time_zone,
            created_by=caller.member_id,
            created_at=now,
        )

    @retry_conflicts("The upload keeps changing. Try again.")
    def _commit_new(
        self, caller: Caller, activity: Activity, kind: Kind = Kind.ACTIVITY_CREATED
    ) -> Activity:
        made, parts = self._with_upload_verdicts(caller, activity)
        try:
            self._commit_within_quota(made, [self._store.add(made), *parts, _act(kind, None, made)])
        except AlreadyCreated:
            return self.activity(caller, activity.activity_id)
        return made

    def _commit_within_quota(self, activity: Activity, parts: Sequence[Part]) -> None:
        """Commit parts that open an activity, within the quota: one call, mostly.

        Raises the problem `limit_reached`, and what the parts say.
        """
        program_id = activity.program_id
        self._store.headroom(program_id, self._quotas, self._clock.now()).admit(
            lambda room: self._store.commit([*parts, room], attempts=ATTEMPTS),
            lambda recent: self._quota_left(program_id, recent),
            activity.activity_id,
        )

    def _quota_left(self, program_id: str, recent: Collection[str]) -> int:
        """Count how many more may be open: two queries, and a call for what they lack of `recent`.

        Raises the problem `limit_reached` where there is none.
        """
        most = self._quotas.activities_open
        # An activity that waits for its video opens once that is valid, without another check.
        # Waiting ones are read first, so that one published meanwhile is found in either place.
        held: set[str] = set()
        for each in chain(
            self._store.waiting_activities(program_id), self._store.open_activities(program_id)
        ):
            held.add(each.activity_id)
            if len(held) >= most:
                raise quota_reached("activities_open", most, len(held))
        for ids in batched(sorted(set(recent) - held), MAX_PER_TRANSACTION, strict=False):
            found = self._store.get_all(program_id, ids).values()
            held |= {each.activity_id for each in found if each.state in _QUOTA_STATES}
        if len(held) >= most:
            raise quota_reached("activities_open", most, len(held))
        return min(most - len(held), MAX_ADMITTED_UNCOUNTED)

    def duplicate(
        self,
        caller: Caller,
        activity_id: str,
        made_id: str | None = None,
        **changes: Unpack[ActivityFieldChanges],
    ) -> Activity:
        """Make an activity of the same fields and videos, but for what is changed.

        A start or end that lies behind is left out; a channel or campaign archived since has to be
        changed. Raises problems: `not_found`, `activity_rejected`, and those of `create`.
        """
        return self._make_once(
            caller, made_id, lambda: self._duplicate(caller, activity_id, made_id, changes)
        )

    def _duplicate(
        self, caller: Caller, activity_id: str, made_id: str | None, changes: ActivityFieldChanges
    ) -> Activity:
        source = self.activity(caller, activity_id)
        other_videos = "upload_id" in changes or "further_upload_ids" in changes
        if source.state is ActivityState.REJECTED and not other_videos:
            raise _activity_rejected()
        now = self._clock.now()

        def ahead(instant: datetime | None) -> datetime | None:
            return instant if instant is not None and instant > now else None

        blank = self._new_activity(caller, source.upload_id, made_id, now)
        copied: dict[str, Any] = {name: getattr(source, name) for name in _CHANGEABLE_FIELDS}
        copied |= {name: ahead(copied[name]) for name in _TIME_FIELDS}
        videos = [cut.upload_id for cut in distinct_files(source.cuts)]
        copy = replace(blank, **copied, time_zone=source.time_zone).awaiting_verdicts(videos)
        activity = _with_changes(caller, copy, changes, now)
        self._check_groups(blank, activity)
        return self._commit_new(caller, activity, Kind.ACTIVITY_DUPLICATED)

    @retry_conflicts("The activity keeps changing. Try again.")
    def edit(
        self,
        caller: Caller,
        activity_id: str,
        version: int,
        **changes: Unpack[ActivityFieldChanges],
    ) -> Activity:
        """Change an activity as it was at this `version`; what would change nothing does not.

        Raises problems: `not_found`, `changed_meanwhile` (with the `version` it has now),
        `activity_ended`, `activity_performed` for another video once somebody performed it,
        `limit_reached` for one of a rejected activity, which opens it, and those of `create`.
        """
        before = self.activity(caller, activity_id)
        check_version("this activity", before.version, version)
        now = self._clock.now()
        if before.status_at(now) in (ActivityStatus.ENDED, ActivityStatus.ARCHIVED):
            raise Problem(
                ActivityProblem.ACTIVITY_ENDED,
                "This activity has ended and stays as it is. Duplicate it to run it again.",
            )
        after = _with_changes(caller, before, changes, now)
        self._check_groups(before, after)
        parts: Sequence[Part] = ()
        if after.upload_ids != before.upload_ids:
            if before.performed:
                raise Problem(
                    ActivityProblem.ACTIVITY_PERFORMED,
                    "Somebody has performed this activity, so its video stays. Duplicate the "
                    "activity to use another video.",
                )
            after, parts = self._with_upload_verdicts(caller, after)
        if after == before:
            return before
        after = replace(after, version=version + 1)
        # Decided, ended, first performed or edited meanwhile, it is looked at again.
        changed = _act(Kind.ACTIVITY_CHANGED, before, after)
        parts = [self._store.change(before, after), *parts, changed]
        if before.state not in _QUOTA_STATES and after.state in _QUOTA_STATES:
            self._commit_within_quota(after, parts)
        else:
            self._store.commit([*parts, *self._store.index_move_parts(before, after, now)])
        return after

    def _check_groups(self, before: Activity, after: Activity) -> None:
        """Check channels and campaign that are new to an activity."""
        wanted = after.channel_ids - before.channel_ids
        known = self._groupings.channels(after.program_id, wanted) if wanted else {}
        require_open_channels(wanted, known)
        campaign_id = after.campaign_id
        if campaign_id is not None and campaign_id != before.campaign_id:
            campaign = self._groupings.campaign(after.program_id, campaign_id)
            if campaign is None:
                raise invalid_field("campaign_id", "unknown_campaign", "There is no such campaign.")
            if campaign.archived:
                raise invalid_field(
                    "campaign_id", "campaign_archived", "This campaign is archived."
                )

    def _received_upload(self, caller: Caller, upload_id: str, cut: "_CutPosition") -> Upload:
        """Read an upload whose file has come. Raises the problem `upload_not_received`."""
        upload = self._read_upload(caller, upload_id, cut)
        waiting = UploadStatus.AWAITING_FILE
        if upload.status_at(self._clock.now()) is waiting and not self._videos.file_arrived(upload):
            # A verdict empties `incoming/`, so the file may be gone for having been looked at.
            upload = self._read_upload(caller, upload_id, cut)
            if upload.status_at(self._clock.now()) is waiting:
                raise Problem(
                    ActivityProblem.UPLOAD_NOT_RECEIVED,
                    f"No file has been posted for {cut.words} yet. Post it with the form first.",
                    members=cut.members,
                )
        return upload

    def _read_upload(self, caller: Caller, upload_id: str, cut: "_CutPosition") -> Upload:
        try:
            return self._videos.upload(caller, upload_id)
        except Problem as problem:
            if problem.code is not ProblemCode.NOT_FOUND or not cut.members:
                raise
            raise not_found(f"upload as that of {cut.words}") from problem

    def _with_upload_verdicts(
        self, caller: Caller, activity: Activity
    ) -> tuple[Activity, Sequence[Part]]:
        """Return an activity's state after its uploads' verdicts, and the writes that go with it.

        It is published if all are valid and waits while one is undecided; one that is not valid
        raises the problem `upload_not_valid`, which names the cut where there are several.
        """
        ids = activity.upload_ids
        names = [_CutPosition(each, number, len(ids)) for number, each in enumerate(ids, 1)]
        uploads = [
            self._received_upload(caller, each, name) for each, name in zip(ids, names, strict=True)
        ]
        parts: list[Part] = []
        waits = False
        for upload, name in zip(uploads, names, strict=True):
            match upload.status_at(self._clock.now()):
                case UploadStatus.VALID:
                    parts += self._videos.use(upload)
                case UploadStatus.AWAITING_FILE | UploadStatus.VALIDATING:
                    waits = True
                    parts.append(self._videos.add_waiting_activity(upload, activity.activity_id))
                case UploadStatus.REJECTED | UploadStatus.EXPIRED as status:
                    raise _upload_not_valid(upload, status, name)
        cuts = [_cut_of_upload(each) for each in uploads]
        for at, earlier in same_files(cuts).items():
            raise invalid_field(
                f"further_upload_ids.{at - 1}",
                "same_file",
                f"Cut {at + 1} is the same file as cut {earlier + 1}. Leave one of them out.",
            )
        if waits:
            return activity.awaiting_verdicts(ids), parts
        return activity.with_verdicts(cuts), parts

    def activity(self, caller: Caller, activity_id: str) -> Activity:
        """Read an activity of the caller's program. Raises the problem `not_found`."""
        activity = self._store.get(caller.program_id, activity_id)
        if activity is None:
            raise not_found("activity")
        return activity

    def activities(
        self,
        caller: Caller,
        limit: int,
        cursor: str | None,
        *,
        campaign_id: str | None = None,
        archived: bool = False,
    ) -> Page[Activity]:
        """List the program's activities, newest first: of one campaign or all, archived or not."""
        return self._cursors.page(
            caller.program_id,
            f"activities/{campaign_id or ''}/{'archived' if archived else ''}",
            cursor,
            limit,
            fetch=lambda at, count: self._store.newest(
                caller.program_id,
                at.get("before"),
                count,
                campaign_id=campaign_id,
                archived=archived,
            ),
            position_of=lambda last: {"before": last.activity_id},
            fit=lambda found: truncate_to_size(found, _texts),
        )

    def preview(self, video: Activity | Cut) -> Preview | None:
        """Return an address to watch a cut at, an activity's first one, if there is a video."""
        return self._videos.preview(video.video_key, video.video)

    def end(self, caller: Caller, activity_id: str, version: int | None = None) -> Activity:
        """End an activity now; one that has ended stays as it is.

        Raises problems: `not_found`, `activity_rejected`, `changed_meanwhile` if it does not have
        this `version`.
        """
        return self._end_in_state(caller, activity_id, version, ActivityState.ENDED)

    def archive(self, caller: Caller, activity_id: str, version: int | None = None) -> Activity:
        """Take an activity out of the lists, ending it if need be; again changes nothing.

        Raises problems: `not_found`, `changed_meanwhile` if it does not have this `version`.
        """
        return self._end_in_state(caller, activity_id, version, ActivityState.ARCHIVED)

    @retry_conflicts("The activity keeps changing. Try again.")
    def unarchive(self, caller: Caller, activity_id: str, version: int | None = None) -> Activity:
        """Bring an archived activity back into the lists; one that is not archived stays as it is.

        It does not go on: what archiving ended stays ended, and is run again as a duplicate.
        Raises problems: `not_found`, `changed_meanwhile` if it does not have this `version`.
        """
        before = self.activity(caller, activity_id)
        if before.state is not ActivityState.ARCHIVED:
            return before
        check_version("this activity", before.version, version)
        after = before.unarchived()
        unarchived = _act(Kind.ACTIVITY_UNARCHIVED, before, after)
        self._store.commit([self._store.change(before, after), unarchived])
        return after

    @retry_conflicts("The activity keeps changing. Try again.")
    def _end_in_state(
        self, caller: Caller, activity_id: str, version: int | None, state: ActivityState
    ) -> Activity:
        before = self.activity(caller, activity_id)
        if before.state in (state, ActivityState.ARCHIVED):
            return before
        if before.state is ActivityState.REJECTED and state is ActivityState.ENDED:
            raise _activity_rejected()
        check_version("this activity", before.version, version)
        now = self._clock.now()
        expired = min(now, before.ends_at) if before.ends_at else now
        after = replace(
            before,
            state=state,
            ended_at=before.ended_at or expired,
            archived_at=now if state is ActivityState.ARCHIVED else None,
            version=before.version + 1,
        )
        ended = state is ActivityState.ENDED
        kind = Kind.ACTIVITY_ENDED if ended else Kind.ACTIVITY_ARCHIVED
        self._store.commit([self._store.change(before, after), _act(kind, before, after)])
        return after

    def feed(
        self, caller: Caller, limit: int, cursor: str | None, campaign_id: str | None = None
    ) -> Page[Activity]:
        """List what is open to the caller and neither performed nor dismissed.

        Featured first, then newest, in the order of when the first page was read. Three calls,
        whatever the page: the open activities, one's marks on them, the page itself.
        """
        listing = f"feed/{caller.member_id}/{campaign_id or ''}"
        position = self._cursor_position(caller, listing, cursor)
        now = self._clock.now()
        shown = visible_activities(
            self._store.open_activities(caller.program_id),
            channels=caller.channels,
            campaign_id=campaign_id,
            now=now,
        )
        paging = _paging_from_json(position) if position else FeedPaging.begin(shown, now)
        ranks = feed_order(shown, paging, position.get("before"))
        ids = [activity_id for _, activity_id in ranks]
        marked = self._marks.done_activity_ids(caller.owner, min(ids), max(ids)) if ids else set()
        left = [rank for rank in ranks if rank[1] not in marked]
        items: list[Activity] = []
        at = 0
        while len(items) < limit and at < len(left):
            # Once, unless the index was behind: then what is missing is filled up.
            wanted = left[at : at + limit - len(items)]
            few = len(wanted) <= MAX_READ_BESIDE
            beside = self._groupings.program_read_unless_cached(caller.program_id) if few else ()
            found = self._store.get_all(caller.program_id, [each for _, each in wanted], beside)
            seen = (found[each] for _, each in wanted if each in found)
            items += [
                each
                for each in seen
                if each.is_open_at(now) and each.is_addressed_to(caller.channels)
            ]
            at += len(wanted)
        if at == len(left):
            return Page(tuple(items), None)
        reached = {"before": left[at - 1][0], **_paging_to_json(paging)}
        return Page(tuple(items), self._cursors.make(caller.program_id, listing, reached))

    def offered(self, caller: Caller, activity_id: str) -> OfferedActivity:
        """Read one open activity as the caller sees it, performed or dismissed or neither.

        Raises the problem `not_found` for what is not addressed to them, not begun, or gone.
        """
        activity = self._open_activity_for(caller, activity_id)
        performance_id, dismissed = self._marks.of(caller.owner, activity_id)
        return OfferedActivity(
            activity,
            self.cut_for(caller, activity),
            self.text_for(caller, activity),
            performance_id,
            dismissed,
        )

    def cut_for(self, caller: Caller, activity: Activity) -> Cut:
        """Return the cut that the caller sees, and sends."""
        return assigned_cut(activity, caller.member_id)

    def text_for(self, caller: Caller, activity: Activity) -> PostText:
        """Return the text that the caller posts with an activity's video."""
        return self._texts.assigned_text(activity, caller.member_id)

    def dismiss(self, caller: Caller, activity_id: str) -> None:
        """Take an open activity out of the caller's feed; again changes nothing.

        Raises problems `not_found` as `offered` does, `already_performed`.
        """
        self._open_activity_for(caller, activity_id)
        self._marks.dismiss(caller.owner, activity_id, self._clock.now())

    def undismiss(self, caller: Caller, activity_id: str) -> None:
        """Bring a dismissed activity back into the caller's feed; one that is there stays.

        Raises the problem `not_found` as `offered` does.
        """
        self._open_activity_for(caller, activity_id)
        self._marks.undismiss(caller.owner, activity_id)

    def _open_activity_for(self, caller: Caller, activity_id: str) -> Activity:
        beside = self._groupings.program_read_unless_cached(caller.program_id)
        activity = self._store.get(caller.program_id, activity_id, beside)
        if (
            activity is None
            or not activity.is_addressed_to(caller.channels)
            or not activity.is_open_at(self._clock.now())
        ):
            raise not_found("activity")
        return activity

    def _cursor_position(self, caller: Caller, listing: str, cursor: str | None) -> dict[str, Any]:
        return self._cursors.read(caller.program_id, listing, cursor) if cursor is not None else {}


def _paging_to_json(paging: FeedPaging) -> dict[str, Any]:
    """Write what a paging knew, shortly: instants are microseconds after the first."""
    known = sorted((each - paging.settled_at) // _MICROSECOND for each in paging.known)
    return {"settled_at": paging.settled_at.isoformat(), "known": known}


def _paging_from_json(stored: Mapping[str, Any]) -> FeedPaging:
    settled_at = datetime.fromisoformat(stored["settled_at"])
    return FeedPaging(
        settled_at, frozenset(settled_at + each * _MICROSECOND for each in stored["known"])
    )


@dataclass(frozen=True)
class _CutPosition:
    """The number of the cut that an upload is for, and of how many, for messages about it."""

    upload_id: str
    number: int
    of: int

    @property
    def words(self) -> str:
        return f"cut {self.number}" if self.of > 1 else "this upload"

    @property
    def members(self) -> dict[str, Any]:
        return {"cut": self.number, "upload_id": self.upload_id} if self.of > 1 else {}


def _upload_not_valid(upload: Upload, status: UploadStatus, cut: _CutPosition) -> Problem:
    return Problem(
        ActivityProblem.UPLOAD_NOT_VALID,
        f"{cut.words.capitalize()} is not a valid video. Ask for a new upload.",
        members={
            "upload_status": status.value,
            "problems": [problem.to_dict() for problem in upload.problems],
            **cut.members,
        },
    )


def _with_further_cuts(activity: Activity, upload_ids: Sequence[str]) -> Activity:
    """Return it with these further cuts, known ones as they are. Raises `invalid_request`."""
    known = {each.upload_id: each for each in activity.further_cuts}
    taken = {activity.upload_id}
    for number, each in enumerate(upload_ids):
        if each in taken:
            raise invalid_field(
                f"further_upload_ids.{number}",
                "repeated",
                "Each cut needs an upload of its own, and this one is another cut's already.",
            )
        taken.add(each)
    return replace(activity, further_cuts=tuple(known.get(each, Cut(each)) for each in upload_ids))


def _with_changes(
    caller: Caller, activity: Activity, changes: ActivityFieldChanges, now: datetime
) -> Activity:
    """Return the activity as changed. Raises the problem `invalid_request`."""
    given = dict[str, Any](**changes)
    further = given.pop("further_upload_ids", activity.further_upload_ids)
    times = read_times(changes, caller.time_zone)
    moved = any(getattr(activity, name) != instant for name, instant in times.items())
    try:
        made: dict[str, Any] = {
            "channel_ids": frozenset(changes.get("channel_ids", activity.channel_ids)),
            "captions": normalized_captions(changes.get("captions", activity.captions)),
            "hashtags": normalized_hashtags(changes.get("hashtags", activity.hashtags)),
            "time_zone": caller.time_zone if moved else activity.time_zone,
        }
        changed = replace(
            with_featured(activity, changes.get("featured", activity.featured), now),
            **(given | times | made),
        )
        changed = _with_further_cuts(changed, further)
        check_window(
            changed.starts_at, changed.ends_at, now, (activity.starts_at, activity.ends_at)
        )
        check_post_texts(changed)
    except InvalidTime as error:
        raise invalid_time_problem(error) from error
    except InvalidText as error:
        raise invalid_field(error.field, error.code, error.message, error.limit) from error
    return changed


def read_times(changes: Mapping[str, Any], time_zone: str) -> dict[str, datetime | None]:
    """Return the start and the end that are among changes. Raises the problem `invalid_request`."""
    return {
        name: _parse_field_time(name, changes[name], time_zone)
        for name in _TIME_FIELDS
        if name in changes
    }


def _parse_field_time(name: str, text: str | None, time_zone: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_wall_clock_time(text, time_zone)
    except InvalidTime as error:
        raise _time_problem(name, error.code, error) from error


def invalid_time_problem(error: InvalidTime) -> Problem:
    """Return the problem `invalid_request` for a time whose code is led by its field's name."""
    name, _, code = error.code.partition(".")
    return _time_problem(name, code, error)


def _activity_rejected() -> Problem:
    return Problem(
        ActivityProblem.ACTIVITY_REJECTED,
        "This activity was rejected with its video and was never open.",
    )


def _time_problem(name: str, code: str, error: InvalidTime) -> Problem:
    return Problem(
        ProblemCode.INVALID_REQUEST,
        error.message,
        (FieldError(name, code, error.message),),
        {"offsets": list(error.offsets)} if error.offsets else {},
    )


def _already_performed() -> Problem:
    return Problem(
        ActivityProblem.ALREADY_PERFORMED,
        "You have already sent this one. Your history shows where it is.",
    )
