"""The activities table: see docs/data.md for its keys and what each access costs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
)

from chalicelib.activities.model import (
    Activity,
    ActivityState,
    Cut,
    Network,
    OpenActivity,
    VideoChanged,
)
from chalicelib.audit.model import Kind, act
from chalicelib.foundation.headroom import Headroom, HeadroomItem, index_move_part
from chalicelib.foundation.mapping import (
    EnumAttribute,
    FrozenSetAttribute,
    to_attributes,
    to_model,
)
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.sweeps import take_turns
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    LeanModel,
    Put,
    Read,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import ContentDisclosure
from chalicelib.videos.model import VideoFacts, VideoProblem, facts_from, problems_from

_ENDING_KEY = "ending"
_UNDECIDED_KEY = "undecided"
_HEADROOM_KEY = "headroom"


@dataclass(frozen=True)
class DueActivity:
    """An activity that the clock has to look at, and since when."""

    program_id: str
    activity_id: str
    due_at: datetime


class AlreadyCreated(Exception):
    """The activity of this id exists: the same request came before."""


class AlreadyPerformed(Exception):
    """The member has performed this activity."""


class OpenIndex(GlobalSecondaryIndex["OpenItem"]):
    """Sparse: what is published and not ended, with just what decides who sees it when.

    Apart from it lies what waits for the verdict on its video.
    """

    class Meta:
        index_name = "open"
        projection = IncludeProjection(
            ["featured", "featured_changes", "starts_at", "ends_at", "channel_ids", "campaign_id"]
        )

    open_in = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)


class OpenItem(LeanModel):
    """An activity as the open index has it: a thousand are read for one page of a feed."""

    class Meta:
        table_name = "activities"

    program_id = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    featured = BooleanAttribute()
    featured_changes = UnicodeSetAttribute(null=True)
    starts_at = UTCDateTimeAttribute(null=True)
    ends_at = UTCDateTimeAttribute(null=True)
    channel_ids = UnicodeSetAttribute(null=True)
    campaign_id = UnicodeAttribute(null=True)
    open_in = UnicodeAttribute()
    open_index = OpenIndex()

    def to_open(self) -> OpenActivity:
        # Not attribute by attribute: that would cost as much as all of the decoding.
        kept = self.attribute_values
        return OpenActivity(
            activity_id=kept["activity_id"],
            featured=kept["featured"],
            featured_changes=_sorted_instants(kept.get("featured_changes")),
            starts_at=kept.get("starts_at"),
            ends_at=kept.get("ends_at"),
            channel_ids=frozenset(kept.get("channel_ids") or ()),
            campaign_id=kept.get("campaign_id"),
        )


class ListedIndex(GlobalSecondaryIndex["ActivityItem"]):
    """The managers' list, and apart from it what is archived."""

    class Meta:
        index_name = "listed"
        projection = AllProjection()

    listed_in = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)


class CampaignIndex(GlobalSecondaryIndex["ActivityItem"]):
    """Sparse: the managers' list of one campaign, and apart from it what is archived."""

    class Meta:
        index_name = "by_campaign"
        projection = AllProjection()

    campaign_in = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex["ActivityItem"]):
    """Sparse: what the clock has to look at, by when.

    Published activities at their end; those that wait for a verdict, so that none waits for ever.
    """

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_in = UnicodeAttribute(hash_key=True)
    due_at = UTCDateTimeAttribute(range_key=True)


class FactsAttribute(JSONAttribute):
    """The facts about a valid video."""

    def serialize(self, value: VideoFacts) -> Any:
        return super().serialize(asdict(value))

    def deserialize(self, value: Any) -> VideoFacts | None:
        return facts_from(json.loads(value))


class ProblemsAttribute(JSONAttribute):
    """Why a video is not valid."""

    def serialize(self, value: Iterable[VideoProblem]) -> Any:
        return super().serialize([each.to_dict() for each in value])

    def deserialize(self, value: Any) -> tuple[VideoProblem, ...]:
        return problems_from(json.loads(value))


class TextsAttribute(JSONAttribute):
    """Texts in their order."""

    def deserialize(self, value: Any) -> tuple[str, ...]:
        return tuple(json.loads(value))


class CutsAttribute(JSONAttribute):
    """An activity's videos but the first."""

    def serialize(self, value: Iterable[Cut]) -> Any:
        return super().serialize([asdict(each) for each in value])

    def deserialize(self, value: Any) -> tuple[Cut, ...]:
        return tuple(
            Cut(
                each["upload_id"],
                facts_from(each["video"]),
                each["video_key"],
                problems_from(each["problems"]),
            )
            for each in json.loads(value)
        )


class InstantsAttribute(UnicodeSetAttribute):
    """Instants, the earliest first."""

    def serialize(self, value: Any) -> Any:
        return [each.isoformat() for each in value] or None

    def deserialize(self, value: Any) -> Any:
        return _sorted_instants(value)


class ActivityItem(StampedModel, LeanModel):
    class Meta:
        table_name = "activities"

    program_id = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    state = EnumAttribute(ActivityState)
    network = EnumAttribute(Network)
    instructions = UnicodeAttribute()
    upload_id = UnicodeAttribute()
    points = NumberAttribute()
    featured = BooleanAttribute()
    starts_at = UTCDateTimeAttribute(null=True)
    ends_at = UTCDateTimeAttribute(null=True)
    time_zone = UnicodeAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    ended_at = UTCDateTimeAttribute(null=True)
    video = FactsAttribute(null=True)
    video_key = UnicodeAttribute(null=True)
    problems = ProblemsAttribute(null=True)
    channel_ids = FrozenSetAttribute(null=True)
    campaign_id = UnicodeAttribute(null=True)
    captions = TextsAttribute(null=True)
    hashtags = TextsAttribute(null=True)
    disclosure = UnicodeAttribute(null=True)
    version = NumberAttribute()
    performed = BooleanAttribute(null=True)
    archived_at = UTCDateTimeAttribute(null=True)
    featured_changes = InstantsAttribute(null=True)
    posted_bonus = NumberAttribute(null=True)
    content_disclosure = EnumAttribute(ContentDisclosure, null=True)
    ai_generated = BooleanAttribute(null=True)
    further_cuts = CutsAttribute(null=True)
    listed_in = UnicodeAttribute()
    campaign_in = UnicodeAttribute(null=True)
    open_in = UnicodeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_at = UTCDateTimeAttribute(null=True)
    due_index = DueIndex()
    listed_index = ListedIndex()
    campaign_index = CampaignIndex()

    def to_activity(self) -> Activity:
        return to_model(self, Activity)

    @classmethod
    def of(cls, activity: Activity) -> "ActivityItem":
        archived = activity.state is ActivityState.ARCHIVED
        campaign_id = activity.campaign_id
        due_in, due_at = _due_key_and_time(activity)
        return cls(
            **to_attributes(activity, cls),
            listed_in=_list_key(activity.program_id, archived=archived),
            campaign_in=(
                _list_key(f"{activity.program_id}/{campaign_id}", archived=archived)
                if campaign_id
                else None
            ),
            open_in=_open_index_key(activity),
            due_in=due_in,
            due_at=due_at,
        )


def _list_key(where: str, *, archived: bool) -> str:
    return f"{where}#archived" if archived else where


def _open_index_key(activity: Activity) -> str | None:
    match activity.state:
        case ActivityState.PUBLISHED:
            return activity.program_id
        case ActivityState.PROCESSING:
            return _waiting_key(activity.program_id)
    return None


def _headroom_keys(program_id: str) -> tuple[str, str]:
    return f"{program_id}/{_HEADROOM_KEY}", "activities"


def _waiting_key(program_id: str) -> str:
    return f"{program_id}#processing"


def _due_key_and_time(activity: Activity) -> tuple[str, datetime] | tuple[None, None]:
    """Return what the clock has to do with an activity, and when; nothing for most."""
    if activity.state is ActivityState.PROCESSING:
        return _UNDECIDED_KEY, activity.created_at
    if activity.state is ActivityState.PUBLISHED and activity.ends_at:
        return _ENDING_KEY, activity.ends_at
    return None, None


def _sorted_instants(kept: Iterable[str] | None) -> tuple[datetime, ...]:
    return tuple(sorted(map(datetime.fromisoformat, kept or ())))


@dataclass(frozen=True)
class Mark:
    """A member's mark on an activity: performed, or dismissed (no performance)."""

    activity_id: str
    performance_id: str | None


class MarkItem(LeanModel):
    """A member's mark on an activity. A performance's is what lets there be no second one."""

    class Meta:
        table_name = "marks"

    owner = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    performance_id = UnicodeAttribute(null=True)
    dismissed_at = UTCDateTimeAttribute(null=True)


class MarkStore(Store):
    MODELS = (MarkItem,)

    def mark(self, owner: str, activity_id: str, performance_id: str) -> Put:
        """Part: mark an activity as performed, once; a dismissed one may be.

        Its condition fails with `AlreadyPerformed`.
        """
        item = MarkItem(owner, activity_id, performance_id=performance_id)
        return Put(item, MarkItem.performance_id.does_not_exist(), AlreadyPerformed)

    def unmark(self, owner: str, activity_id: str, performance_id: str) -> Delete:
        """Part: take the mark of a performance away again."""
        item = MarkItem(owner, activity_id)
        return Delete(item, MarkItem.performance_id == performance_id)

    def dismiss(self, owner: str, activity_id: str, now: datetime) -> None:
        """Mark an activity as dismissed. Raises `AlreadyPerformed`."""
        actions: list[Action] = [MarkItem.dismissed_at.set(now)]
        part = Update(
            MarkItem(owner, activity_id),
            actions,
            MarkItem.performance_id.does_not_exist(),
            AlreadyPerformed,
        )
        self._database.commit([part])

    def undismiss(self, owner: str, activity_id: str) -> None:
        """Take the mark of a dismissal away; that of a performance stays."""
        part = Delete(
            MarkItem(owner, activity_id), MarkItem.performance_id.does_not_exist(), Conflict
        )
        with suppress(Conflict):
            self._database.commit([part])

    def mark_of(self, owner: str, activity_id: str) -> Mark | None:
        try:
            item = self._database.get(MarkItem, owner, activity_id, consistent_read=True)
        except DoesNotExist:
            return None
        return Mark(item.activity_id, item.performance_id)

    def dismissals(self, owner: str) -> Iterator[tuple[str, datetime]]:
        """Yield what a member has dismissed, and when, read consistently: for a recount."""
        found = self._database.query(MarkItem, owner, consistent_read=True)
        return ((item.activity_id, item.dismissed_at) for item in found if item.dismissed_at)

    def done_activity_ids(self, owner: str, first: str, last: str) -> set[str]:
        """List what a member performed or dismissed between two ids, both included: one query."""
        found = self._database.query(
            MarkItem,
            owner,
            MarkItem.activity_id.between(first, last),
            consistent_read=True,
            attributes_to_get=["activity_id"],
        )
        return {item.attribute_values["activity_id"] for item in found}


class ActivityHeadroomItem(HeadroomItem):
    """The number of activities that a program may still open before they are counted again."""

    class Meta:
        table_name = "activities"

    program_id = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)


class ActivityStore(Store):
    MODELS = (ActivityItem, OpenItem, ActivityHeadroomItem)

    def headroom(self, program_id: str, quotas: Quotas, now: datetime) -> Headroom:
        """Return how many more activities a program may open."""
        limits = f"{quotas.activities_open} activities"
        keys = _headroom_keys(program_id)
        return Headroom(self._database, ActivityHeadroomItem, keys, limits, now)

    def index_move_parts(
        self, before: Activity, after: Activity, now: datetime
    ) -> Sequence[Update]:
        """Parts: note that an activity that is counted comes to lie elsewhere in the open index.

        None where it stays, or leaves the index.
        """
        places = (_open_index_key(before), _open_index_key(after))
        if None in places or places[0] == places[1]:
            return ()
        keys = _headroom_keys(after.program_id)
        return (index_move_part(ActivityHeadroomItem, keys, after.activity_id, now),)

    def add(self, activity: Activity) -> Put:
        """Part: a new activity. Its condition fails with `AlreadyCreated`."""
        return Put(
            ActivityItem.of(activity), ActivityItem.activity_id.does_not_exist(), AlreadyCreated
        )

    def get(
        self, program_id: str, activity_id: str, beside: Sequence[Read[Any]] = ()
    ) -> Activity | None:
        """Read an activity, never behind, and what is to be read beside it: one call."""
        if beside:
            return self.get_all(program_id, [activity_id], beside).get(activity_id)
        try:
            return self._database.get(
                ActivityItem, program_id, activity_id, consistent_read=True
            ).to_activity()
        except DoesNotExist:
            return None

    def newest(
        self,
        program_id: str,
        before: str | None,
        count: int,
        *,
        campaign_id: str | None = None,
        archived: bool = False,
    ) -> Sequence[Activity]:
        """List activities, newest first, those made before the given id: one query.

        Of one campaign, or of all; what is archived is listed apart.
        """
        index = ActivityItem.campaign_index if campaign_id else ActivityItem.listed_index
        listed = _list_key(
            f"{program_id}/{campaign_id}" if campaign_id else program_id, archived=archived
        )
        earlier = ActivityItem.activity_id < before if before else None
        found = self._database.query(
            ActivityItem,
            listed,
            earlier,
            index=index,
            scan_index_forward=False,
            limit=count,
            page_size=count,
        )
        return [item.to_activity() for item in found]

    def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
        """Walk all that is published and not ended, with what decides who sees it when.

        The index follows the table by milliseconds, so the full items are looked at again.
        """
        found = self._database.query(OpenItem, program_id, index=OpenItem.open_index)
        return (item.to_open() for item in found)

    def waiting_activities(self, program_id: str) -> Iterator[OpenActivity]:
        """Yield activities that wait for their video; the index lags the table by milliseconds."""
        found = self._database.query(OpenItem, _waiting_key(program_id), index=OpenItem.open_index)
        return (item.to_open() for item in found)

    def get_all(
        self, program_id: str, activity_ids: Sequence[str], beside: Sequence[Read[Any]] = ()
    ) -> dict[str, Activity]:
        """Read up to 100 activities by id, never behind, and what is to be read beside: one call.

        Beside other things each takes twice the capacity, and all together are at most 4 MB.
        """
        keys = [(program_id, each) for each in activity_ids]
        if beside:
            reads = [Read(ActivityItem, key, ActivityItem.to_activity) for key in keys]
            activities = self._database.read_together([*reads, *beside])[: len(reads)]
            return {each.activity_id: each for each in activities if each is not None}
        found = self._database.batch_get(ActivityItem, keys, consistent_read=True)
        return {item.activity_id: item.to_activity() for item in found}

    def change(self, before: Activity, after: Activity) -> Put:
        """Part: replace an activity that nobody changed, settled, ended or performed since.

        Its condition fails with `Conflict`.
        """
        performed = ActivityItem.performed
        condition = (
            (ActivityItem.version == before.version)
            & (ActivityItem.state == before.state.value)
            & (performed.exists() if before.performed else performed.does_not_exist())
        )
        return Put(ActivityItem.of(after), condition, Conflict)

    def note_performed(self, activity: Activity) -> Update:
        """Part: note the first performance of an activity, made with the videos that were read.

        Its condition fails with `VideoChanged`; where there are several cuts, for any other edit
        too, which is looked at again likewise.
        """
        same_further = (
            ActivityItem.version == activity.version
            if activity.further_cuts
            else ActivityItem.further_cuts.does_not_exist()
        )
        return Update(
            ActivityItem(activity.program_id, activity.activity_id),
            [ActivityItem.performed.set(True)],
            (ActivityItem.state == ActivityState.PUBLISHED.value)
            & (ActivityItem.video_key == activity.video_key)
            & same_further,
            VideoChanged,
        )

    def due_to_end(self, now: datetime, count: int) -> Sequence[DueActivity]:
        """List published activities whose end has come, one of each program in turn."""
        return self._due_by(_ENDING_KEY, now, count)

    def due_undecided(self, now: datetime, count: int) -> Sequence[DueActivity]:
        """List activities that wait for a verdict and are due for a look, by turns as well."""
        return self._due_by(_UNDECIDED_KEY, now, count)

    def _due_by(self, due_in: str, now: datetime, count: int) -> Sequence[DueActivity]:
        """Return what is due by now, one of each program in turn: a query for each megabyte."""
        found = self._database.query(
            ActivityItem, due_in, DueIndex.due_at <= now, index=ActivityItem.due_index
        )
        due = (
            DueActivity(each.program_id, each.activity_id, each.due_at)
            for each in found
            if each.due_at
        )
        return list(islice(take_turns(due, lambda each: each.program_id, now), count))

    def postpone_look(self, due: DueActivity, due_at: datetime) -> bool:
        """Move the next look at an undecided activity; False if it was decided, or looked at."""
        return self._database.update(
            ActivityItem(due.program_id, due.activity_id),
            [ActivityItem.due_at.set(due_at)],
            (ActivityItem.due_in == _UNDECIDED_KEY) & (ActivityItem.due_at == due.due_at),
        )

    def end_due(self, due: Sequence[DueActivity]) -> None:
        """End up to 50 due activities in one call, all or none.

        Raises `Conflict` if one of them was ended, or its end moved, meanwhile.
        """
        self._database.commit(
            [
                Update(
                    ActivityItem(each.program_id, each.activity_id),
                    [
                        ActivityItem.state.set(ActivityState.ENDED),
                        ActivityItem.ended_at.set(each.due_at),
                        ActivityItem.open_in.remove(),
                        ActivityItem.due_in.remove(),
                        ActivityItem.due_at.remove(),
                    ],
                    (ActivityItem.state == ActivityState.PUBLISHED.value)
                    & (ActivityItem.ends_at == each.due_at),
                    Conflict,
                )
                for each in due
            ]
            + [
                act(
                    Kind.ACTIVITY_EXPIRED,
                    each.program_id,
                    each.activity_id,
                    {"state": ActivityState.PUBLISHED},
                    {"state": ActivityState.ENDED, "ended_at": each.due_at},
                )
                for each in due
            ]
        )
