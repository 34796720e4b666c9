"""The activities table: see docs/data.md for its keys and what each access costs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.activities.model import Activity, ActivityState, Network, feed_rank
from chalicelib.foundation.table import Conflict, Delete, Put, Update, bind, changed, commit
from chalicelib.videos.model import facts_from, problems_from

_DUE = "due"


class AlreadyMade(Exception):
    """The activity of this id exists: the same request came before."""


class OpenIndex(GlobalSecondaryIndex["ActivityItem"]):
    """Sparse: what is published and not ended, with just what decides who sees it when."""

    class Meta:
        index_name = "open"
        projection = IncludeProjection(["starts_at", "ends_at"])

    open_in = UnicodeAttribute(hash_key=True)
    feed_rank = UnicodeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex["ActivityItem"]):
    """Sparse: what is published and has an end, by that end."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_in = UnicodeAttribute(hash_key=True)
    ends_at = UTCDateTimeAttribute(range_key=True)


class ActivityItem(Model):
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
    open_in = UnicodeAttribute(null=True)
    feed_rank = UnicodeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    open_index = OpenIndex()
    due_index = DueIndex()

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
        )

    @classmethod
    def of(cls, activity: Activity) -> "ActivityItem":
        published = activity.state is ActivityState.PUBLISHED
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
            video=asdict(activity.video) if activity.video else None,
            video_key=activity.video_key,
            open_in=activity.program_id if published else None,
            feed_rank=feed_rank(activity) if published else None,
            due_in=_DUE if published and activity.ends_at else None,
        )


class MarkItem(Model):
    """A member's mark on an activity: performed. It is also what lets there be no second time."""

    class Meta:
        table_name = ""

    owner = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    performance_id = UnicodeAttribute()


class MarkStore:
    def __init__(self, table_name: str) -> None:
        bind(MarkItem, table_name)

    def mark(self, owner: str, activity_id: str, performance_id: str) -> Put:
        """Part: mark an activity as performed, once."""
        item = MarkItem(owner, activity_id, performance_id=performance_id)
        return Put(item, MarkItem.activity_id.does_not_exist())

    def unmark(self, owner: str, activity_id: str, performance_id: str) -> Delete:
        """Part: take the mark of a performance away again."""
        item = MarkItem(owner, activity_id)
        return Delete(item, MarkItem.performance_id == performance_id)

    def marked(self, owner: str, first: str, last: str) -> set[str]:
        """List the activities a member has marked between two ids, both included: one query."""
        found = MarkItem.query(
            owner, MarkItem.activity_id.between(first, last), consistent_read=True
        )
        return {item.activity_id for item in found}


class ActivityStore:
    def __init__(self, table_name: str) -> None:
        bind(ActivityItem, table_name)

    def add(self, activity: Activity) -> Put:
        """Part: a new activity. Its condition fails with `AlreadyMade`."""
        return Put(
            ActivityItem.of(activity), ActivityItem.activity_id.does_not_exist(), AlreadyMade
        )

    def get(self, program_id: str, activity_id: str) -> Activity | None:
        try:
            return ActivityItem.get(program_id, activity_id, consistent_read=True).to_activity()
        except DoesNotExist:
            return None

    def newest(self, program_id: str, before: str | None, count: int) -> Sequence[Activity]:
        """List activities, newest first, those made before the given id: one query."""
        earlier = ActivityItem.activity_id < before if before else None
        found = ActivityItem.query(
            program_id, earlier, scan_index_forward=False, limit=count, page_size=count
        )
        return [item.to_activity() for item in found]

    def open_ranks(
        self, program_id: str, before: str | None, now: datetime
    ) -> Iterator[tuple[str, str]]:
        """Walk the open activities in the feed's order: rank and id, those open at this instant.

        The index follows the table by milliseconds, so the full items are looked at again.
        """
        lower = OpenIndex.feed_rank < before if before else None
        for item in ActivityItem.open_index.query(program_id, lower, scan_index_forward=False):
            begun = item.starts_at is None or item.starts_at <= now
            if begun and (item.ends_at is None or item.ends_at > now) and item.feed_rank:
                yield item.feed_rank, item.activity_id

    def get_all(self, program_id: str, activity_ids: Sequence[str]) -> dict[str, Activity]:
        """Read up to 100 activities in one call, by id."""
        found = ActivityItem.batch_get([(program_id, each) for each in activity_ids])
        return {item.activity_id: item.to_activity() for item in found}

    def settle(self, settled: Activity) -> bool:
        """Write an activity that waited for its video as published or rejected, once."""
        item = ActivityItem.of(settled)
        actions: list[Action] = [
            ActivityItem.state.set(settled.state.value),
            ActivityItem.problems.set([each.to_dict() for each in settled.problems]),
        ]
        if settled.state is ActivityState.PUBLISHED:
            actions += [
                ActivityItem.video.set(item.video),
                ActivityItem.video_key.set(item.video_key),
                ActivityItem.open_in.set(item.open_in),
                ActivityItem.feed_rank.set(item.feed_rank),
            ]
            if item.due_in:
                actions.append(ActivityItem.due_in.set(item.due_in))
        return self._change(
            settled.program_id, settled.activity_id, actions, ActivityState.PROCESSING
        )

    def end(self, activity: Activity, ended_at: datetime) -> bool:
        """End an activity early; False if its state changed since it was read."""
        return self._change(
            activity.program_id, activity.activity_id, _ending(ended_at), activity.state
        )

    def due(self, now: datetime, count: int) -> Sequence[tuple[str, str, datetime]]:
        """List published activities whose end has come: program, id, end. One query."""
        found = ActivityItem.due_index.query(_DUE, DueIndex.ends_at <= now, limit=count)
        return [(each.program_id, each.activity_id, each.ends_at) for each in found if each.ends_at]

    def end_due(self, due: Sequence[tuple[str, str, datetime]], now: datetime) -> None:
        """End up to 100 due activities in one call, all or none.

        Raises `Conflict` if one of them was ended, or its end moved, meanwhile.
        """
        commit(
            [
                Update(
                    ActivityItem(program_id, activity_id),
                    _ending(ends_at),
                    (ActivityItem.state == ActivityState.PUBLISHED.value)
                    & (ActivityItem.ends_at <= now),
                    Conflict,
                )
                for program_id, activity_id, ends_at in due
            ]
        )

    def _change(
        self, program_id: str, activity_id: str, actions: list[Action], state: ActivityState
    ) -> bool:
        item = ActivityItem(program_id, activity_id)
        return changed(item, actions, ActivityItem.state == state.value)


def _ending(ended_at: datetime) -> list[Action]:
    return [
        ActivityItem.state.set(ActivityState.ENDED.value),
        ActivityItem.ended_at.set(ended_at),
        ActivityItem.open_in.remove(),
        ActivityItem.feed_rank.remove(),
        ActivityItem.due_in.remove(),
    ]
