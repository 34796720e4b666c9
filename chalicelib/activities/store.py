"""The activities table: see docs/data.md for its keys and what each access costs."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
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
    Network,
    OpenActivity,
    VideoChanged,
)
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    LeanModel,
    Put,
    Read,
    Update,
    bind,
    commit,
    read_together,
)
from chalicelib.videos.model import facts_from, problems_from

_DUE = "due"


class AlreadyMade(Exception):
    """The activity of this id exists: the same request came before."""


class AlreadyPerformed(Exception):
    """The member has performed this activity."""


class OpenIndex(GlobalSecondaryIndex["OpenItem"]):
    """Sparse: what is published and not ended, with just what decides who sees it when."""

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
        table_name = ""

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
            featured_changes=_instants(kept.get("featured_changes")),
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
    """Sparse: what is published and has an end, by that end."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_in = UnicodeAttribute(hash_key=True)
    ends_at = UTCDateTimeAttribute(range_key=True)


class ActivityItem(LeanModel):
    class Meta:
        table_name = ""

    program_id = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    network = UnicodeAttribute()
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
    video = JSONAttribute(null=True)
    video_key = UnicodeAttribute(null=True)
    problems = JSONAttribute(null=True)
    channel_ids = UnicodeSetAttribute(null=True)
    campaign_id = UnicodeAttribute(null=True)
    captions = JSONAttribute(null=True)
    hashtags = JSONAttribute(null=True)
    disclosure = UnicodeAttribute(null=True)
    version = NumberAttribute()
    performed = BooleanAttribute(null=True)
    archived_at = UTCDateTimeAttribute(null=True)
    featured_changes = UnicodeSetAttribute(null=True)
    listed_in = UnicodeAttribute()
    campaign_in = UnicodeAttribute(null=True)
    open_in = UnicodeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_index = DueIndex()
    listed_index = ListedIndex()
    campaign_index = CampaignIndex()

    def to_activity(self) -> Activity:
        return Activity(
            program_id=self.program_id,
            activity_id=self.activity_id,
            state=ActivityState(self.state),
            network=Network(self.network),
            instructions=self.instructions,
            upload_id=self.upload_id,
            points=int(self.points),
            featured=self.featured,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            time_zone=self.time_zone,
            created_by=self.created_by,
            created_at=self.created_at,
            ended_at=self.ended_at,
            video=facts_from(self.video),
            video_key=self.video_key,
            problems=problems_from(self.problems),
            channel_ids=frozenset(self.channel_ids or ()),
            campaign_id=self.campaign_id,
            captions=tuple(self.captions or ()),
            hashtags=tuple(self.hashtags or ()),
            disclosure=self.disclosure,
            version=int(self.version),
            performed=bool(self.performed),
            archived_at=self.archived_at,
            featured_changes=_instants(self.featured_changes),
        )

    @classmethod
    def of(cls, activity: Activity) -> "ActivityItem":
        published = activity.state is ActivityState.PUBLISHED
        archived = activity.state is ActivityState.ARCHIVED
        campaign_id = activity.campaign_id
        return cls(
            activity.program_id,
            activity.activity_id,
            state=activity.state.value,
            network=activity.network.value,
            instructions=activity.instructions,
            upload_id=activity.upload_id,
            points=activity.points,
            featured=activity.featured,
            starts_at=activity.starts_at,
            ends_at=activity.ends_at,
            time_zone=activity.time_zone,
            created_by=activity.created_by,
            created_at=activity.created_at,
            ended_at=activity.ended_at,
            video=asdict(activity.video) if activity.video else None,
            video_key=activity.video_key,
            problems=[each.to_dict() for each in activity.problems] or None,
            channel_ids=set(activity.channel_ids) or None,
            campaign_id=campaign_id,
            captions=list(activity.captions) or None,
            hashtags=list(activity.hashtags) or None,
            disclosure=activity.disclosure,
            version=activity.version,
            performed=activity.performed or None,
            archived_at=activity.archived_at,
            featured_changes={each.isoformat() for each in activity.featured_changes} or None,
            listed_in=_listed(activity.program_id, archived=archived),
            campaign_in=(
                _listed(f"{activity.program_id}/{campaign_id}", archived=archived)
                if campaign_id
                else None
            ),
            open_in=activity.program_id if published else None,
            due_in=_DUE if published and activity.ends_at else None,
        )


def _listed(where: str, *, archived: bool) -> str:
    return f"{where}#archived" if archived else where


def _instants(kept: Iterable[str] | None) -> tuple[datetime, ...]:
    return tuple(sorted(map(datetime.fromisoformat, kept or ())))


@dataclass(frozen=True)
class Mark:
    """What a member did with an activity: performed it, or dismissed it (no performance)."""

    activity_id: str
    performance_id: str | None


class MarkItem(LeanModel):
    """A member's mark on an activity. A performance's is what lets there be no second one."""

    class Meta:
        table_name = ""

    owner = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    performance_id = UnicodeAttribute(null=True)
    dismissed_at = UTCDateTimeAttribute(null=True)


class MarkStore:
    def __init__(self, table_name: str) -> None:
        bind(MarkItem, table_name)

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
        commit([part])

    def undismiss(self, owner: str, activity_id: str) -> None:
        """Take the mark of a dismissal away; that of a performance stays."""
        part = Delete(
            MarkItem(owner, activity_id), MarkItem.performance_id.does_not_exist(), Conflict
        )
        with suppress(Conflict):
            commit([part])

    def mark_of(self, owner: str, activity_id: str) -> Mark | None:
        try:
            item = MarkItem.get(owner, activity_id, consistent_read=True)
        except DoesNotExist:
            return None
        return Mark(item.activity_id, item.performance_id)

    def marked(self, owner: str, first: str, last: str) -> set[str]:
        """List the activities a member has marked between two ids, both included: one query."""
        found = MarkItem.query(
            owner,
            MarkItem.activity_id.between(first, last),
            consistent_read=True,
            attributes_to_get=["activity_id"],
        )
        return {item.attribute_values["activity_id"] for item in found}


class ActivityStore:
    def __init__(self, table_name: str) -> None:
        for model in (ActivityItem, OpenItem):
            bind(model, table_name)

    def add(self, activity: Activity) -> Put:
        """Part: a new activity. Its condition fails with `AlreadyMade`."""
        return Put(
            ActivityItem.of(activity), ActivityItem.activity_id.does_not_exist(), AlreadyMade
        )

    def get(
        self, program_id: str, activity_id: str, beside: Sequence[Read[Any]] = ()
    ) -> Activity | None:
        """Read an activity, never behind, and what is to be read beside it: one call."""
        if beside:
            return self.get_all(program_id, [activity_id], beside).get(activity_id)
        try:
            return ActivityItem.get(program_id, activity_id, consistent_read=True).to_activity()
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
        listed = _listed(
            f"{program_id}/{campaign_id}" if campaign_id else program_id, archived=archived
        )
        earlier = ActivityItem.activity_id < before if before else None
        found = index.query(listed, earlier, scan_index_forward=False, limit=count, page_size=count)
        return [item.to_activity() for item in found]

    def open_activities(self, program_id: str) -> Iterator[OpenActivity]:
        """Walk all that is published and not ended, with what decides who sees it when.

        The index follows the table by milliseconds, so the full items are looked at again.
        """
        found = OpenItem.open_index.query(program_id)
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
            activities = read_together([*reads, *beside])[: len(reads)]
            return {each.activity_id: each for each in activities if each is not None}
        found = ActivityItem.batch_get(keys, consistent_read=True)
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
        """Part: note the first performance of an activity, made with the video that was read.

        Its condition fails with `VideoChanged`.
        """
        return Update(
            ActivityItem(activity.program_id, activity.activity_id),
            [ActivityItem.performed.set(True)],
            (ActivityItem.state == ActivityState.PUBLISHED.value)
            & (ActivityItem.video_key == activity.video_key),
            VideoChanged,
        )

    def due(self, now: datetime, count: int) -> Sequence[tuple[str, str, datetime]]:
        """List published activities whose end has come: program, id, end. One query."""
        found = ActivityItem.due_index.query(_DUE, DueIndex.ends_at <= now, limit=count)
        return [(each.program_id, each.activity_id, each.ends_at) for each in found if each.ends_at]

    def end_due(self, due: Sequence[tuple[str, str, datetime]]) -> None:
        """End up to 100 due activities in one call, all or none.

        Raises `Conflict` if one of them was ended, or its end moved, meanwhile.
        """
        commit(
            [
                Update(
                    ActivityItem(program_id, activity_id),
                    [
                        ActivityItem.state.set(ActivityState.ENDED.value),
                        ActivityItem.ended_at.set(ends_at),
                        ActivityItem.open_in.remove(),
                        ActivityItem.due_in.remove(),
                    ],
                    (ActivityItem.state == ActivityState.PUBLISHED.value)
                    & (ActivityItem.ends_at == ends_at),
                    Conflict,
                )
                for program_id, activity_id, ends_at in due
            ]
        )
