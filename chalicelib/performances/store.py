"""The performances table. Every change of state is one conditional write."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pynamodb.attributes import (
    BinaryAttribute,
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

from chalicelib.activities.model import PostText
from chalicelib.foundation.table import Conflict, Put, Update, bind, changed
from chalicelib.performances.model import Performance, Reference, State
from chalicelib.programs.model import owner_key

_UNFINISHED = "unfinished"
_PAGE = 500


class PublishIndex(GlobalSecondaryIndex["PerformanceItem"]):
    """Sparse: performances by TikTok's publish id, for its webhooks."""

    class Meta:
        index_name = "by_publish_id"
        projection = KeysOnlyProjection()

    publish_id = UnicodeAttribute(hash_key=True)


class UnfinishedIndex(GlobalSecondaryIndex["PerformanceItem"]):
    """Sparse: what is not at its end, by when it has to be looked at."""

    class Meta:
        index_name = "unfinished"
        projection = IncludeProjection(["program_id", "member_id", "correlation_id"])

    unfinished_in = UnicodeAttribute(hash_key=True)
    look_at = UTCDateTimeAttribute(range_key=True)


class PerformanceItem(Model):
    class Meta:
        table_name = ""

    owner = UnicodeAttribute(hash_key=True)
    performance_id = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    activity_id = UnicodeAttribute()
    instructions = UnicodeAttribute()
    video_key = UnicodeAttribute()
    content_type = UnicodeAttribute()
    size_bytes = NumberAttribute()
    points = NumberAttribute()
    state = UnicodeAttribute()
    correlation_id = UnicodeAttribute()
    queued_at = UTCDateTimeAttribute()
    attempts = NumberAttribute(default=0)
    publish_id = UnicodeAttribute(null=True)
    open_id = UnicodeAttribute(null=True)
    upload_address = BinaryAttribute(legacy_encoding=False, null=True)
    held_at = UTCDateTimeAttribute(null=True)
    resumed_at = UTCDateTimeAttribute(null=True)
    initiated_at = UTCDateTimeAttribute(null=True)
    delivered_at = UTCDateTimeAttribute(null=True)
    staged_at = UTCDateTimeAttribute(null=True)
    posted_at = UTCDateTimeAttribute(null=True)
    failed_at = UTCDateTimeAttribute(null=True)
    failure = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    caption = UnicodeAttribute(null=True)
    hashtags = JSONAttribute(null=True)
    disclosure = UnicodeAttribute(null=True)
    trial = BooleanAttribute(null=True)
    lease = UnicodeAttribute(null=True)
    leased_until = UTCDateTimeAttribute(null=True)
    unfinished_in = UnicodeAttribute(null=True)
    look_at = UTCDateTimeAttribute(null=True)
    publish_index = PublishIndex()
    unfinished_index = UnfinishedIndex()

    def to_performance(self) -> Performance:
        return Performance(
            program_id=self.program_id,
            member_id=self.member_id,
            performance_id=self.performance_id,
            activity_id=self.activity_id,
            instructions=self.instructions,
            video_key=self.video_key,
            content_type=self.content_type,
            size_bytes=int(self.size_bytes),
            points=int(self.points),
            state=State(self.state),
            correlation_id=self.correlation_id,
            queued_at=self.queued_at,
            attempts=int(self.attempts),
            publish_id=self.publish_id,
            open_id=self.open_id,
            upload_address=self.upload_address,
            held_at=self.held_at,
            resumed_at=self.resumed_at,
            initiated_at=self.initiated_at,
            delivered_at=self.delivered_at,
            staged_at=self.staged_at,
            posted_at=self.posted_at,
            failed_at=self.failed_at,
            failure=self.failure,
            reason=self.reason,
            text=PostText(self.caption, tuple(self.hashtags or ()), self.disclosure),
            trial=bool(self.trial),
        )


_CHANGING = {
    State.QUEUED: (
        PerformanceItem.attempts,
        PerformanceItem.held_at,
        PerformanceItem.resumed_at,
    ),
    State.INITIATED: (
        PerformanceItem.publish_id,
        PerformanceItem.open_id,
        PerformanceItem.upload_address,
        PerformanceItem.initiated_at,
    ),
    State.UNCONFIRMED: (PerformanceItem.upload_address,),
    State.DELIVERED: (PerformanceItem.delivered_at,),
    State.STAGED: (PerformanceItem.delivered_at, PerformanceItem.staged_at),
    State.POSTED: (
        PerformanceItem.delivered_at,
        PerformanceItem.staged_at,
        PerformanceItem.posted_at,
    ),
    State.FAILED: (PerformanceItem.failed_at, PerformanceItem.failure, PerformanceItem.reason),
}
"""Which attributes each state brings with it."""

_BYTES_MAY_GO = frozenset({State.INITIATED, State.UNCONFIRMED})
"""As long as these hold, the address for the bytes is kept; it is a secret."""


class PerformanceStore:
    def __init__(self, table_name: str) -> None:
        bind(PerformanceItem, table_name)

    def add(self, performance: Performance, look_at: datetime) -> Put:
        """Part: a new performance."""
        item = PerformanceItem(
            owner_key(performance.program_id, performance.member_id),
            performance.performance_id,
            program_id=performance.program_id,
            member_id=performance.member_id,
            activity_id=performance.activity_id,
            instructions=performance.instructions,
            video_key=performance.video_key,
            content_type=performance.content_type,
            size_bytes=performance.size_bytes,
            points=performance.points,
            state=performance.state.value,
            correlation_id=performance.correlation_id,
            queued_at=performance.queued_at,
            caption=performance.text.caption,
            hashtags=list(performance.text.hashtags) or None,
            disclosure=performance.text.disclosure,
            trial=performance.trial or None,
            unfinished_in=_UNFINISHED,
            look_at=look_at,
        )
        return Put(item, PerformanceItem.performance_id.does_not_exist(), Conflict)

    def get(self, owner: str, performance_id: str) -> Performance | None:
        try:
            found = PerformanceItem.get(owner, performance_id, consistent_read=True)
        except DoesNotExist:
            return None
        return found.to_performance()

    def newest(self, owner: str, before: str | None, count: int) -> Sequence[Performance]:
        """List a member's performances, newest first: one query."""
        earlier = PerformanceItem.performance_id < before if before else None
        found = PerformanceItem.query(
            owner, earlier, scan_index_forward=False, limit=count, page_size=count
        )
        return [item.to_performance() for item in found]

    def by_publish_id(self, publish_id: str) -> tuple[str, str] | None:
        """Find owner and id of the performance a publish id stands for: one query."""
        found = PerformanceItem.publish_index.query(publish_id, limit=1)
        return next(((item.owner, item.performance_id) for item in found), None)

    def lease(self, reference: Reference, lease: str, now: datetime, until: datetime) -> bool:
        """Take a performance for one worker; False while another has it."""
        item = PerformanceItem(
            owner_key(reference.program_id, reference.member_id), reference.performance_id
        )
        free = PerformanceItem.leased_until.does_not_exist() | (PerformanceItem.leased_until < now)
        actions: list[Action] = [
            PerformanceItem.lease.set(lease),
            PerformanceItem.leased_until.set(until),
        ]
        return changed(item, actions, PerformanceItem.performance_id.exists() & free)

    def release(self, reference: Reference, lease: str) -> None:
        """Let a performance go; nothing happens if the lease was lost."""
        owner = owner_key(reference.program_id, reference.member_id)
        item = PerformanceItem(owner, reference.performance_id)
        actions: list[Action] = [
            PerformanceItem.lease.remove(),
            PerformanceItem.leased_until.remove(),
        ]
        changed(item, actions, PerformanceItem.lease == lease)

    def change(
        self,
        performance: Performance,
        state: State,
        look_at: datetime | None,
        lease: str | None,
    ) -> Update:
        """Part: replace what is stored in `state` by `performance`, under the worker's lease.

        Without a lease (a webhook) the stored state alone decides.
        """
        actions = [PerformanceItem.state.set(performance.state.value), *_looking(look_at)]
        for attribute in _CHANGING[performance.state]:
            value = getattr(performance, str(attribute.attr_name))
            actions.append(attribute.remove() if value is None else attribute.set(value))
        if performance.state not in _BYTES_MAY_GO:
            actions.append(PerformanceItem.upload_address.remove())
        condition = PerformanceItem.state == state.value
        if performance.state is not State.INITIATED and performance.publish_id:
            condition &= PerformanceItem.publish_id == performance.publish_id
        if lease:
            condition &= PerformanceItem.lease == lease
        return Update(_key(performance), actions, condition, Conflict)

    def look_later(self, performance: Performance, look_at: datetime | None) -> None:
        """Move the time of the next look; nothing happens if the state changed meanwhile."""
        state = PerformanceItem.state == performance.state.value
        changed(_key(performance), _looking(look_at), state)

    def queued_again(self, reference: Reference, look_at: datetime) -> bool:
        """Note that an overdue performance was queued; False if it finished meanwhile."""
        owner = owner_key(reference.program_id, reference.member_id)
        item = PerformanceItem(owner, reference.performance_id)
        return changed(item, _looking(look_at), PerformanceItem.unfinished_in.exists())

    def unfinished(self, now: datetime) -> Iterator[Reference]:
        """Walk what has to be looked at by now, the longest overdue first."""
        found = PerformanceItem.unfinished_index.query(
            _UNFINISHED, UnfinishedIndex.look_at <= now, page_size=_PAGE
        )
        return (
            Reference(each.program_id, each.member_id, each.performance_id, each.correlation_id)
            for each in found
        )


def _looking(look_at: datetime | None) -> list[Action]:
    if look_at is None:
        return [PerformanceItem.unfinished_in.remove(), PerformanceItem.look_at.remove()]
    return [
        PerformanceItem.unfinished_in.set(_UNFINISHED),
        PerformanceItem.look_at.set(look_at),
    ]


def _key(performance: Performance) -> PerformanceItem:
    owner = owner_key(performance.program_id, performance.member_id)
    return PerformanceItem(owner, performance.performance_id)
