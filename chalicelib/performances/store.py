"""The performances table. Every change of state is one conditional write."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist, PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.activities.model import PostText, RequiredDisclosure
from chalicelib.foundation.mapping import (
    EnumAttribute,
    FrozenSetAttribute,
    to_attributes,
    to_model,
)
from chalicelib.foundation.sweeps import take_turns
from chalicelib.foundation.table import (
    CONFLICT_ATTEMPTS,
    Conflict,
    Part,
    Put,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import (
    Acknowledgement,
    Performance,
    PostCounts,
    Reference,
    State,
    Waiting,
)
from chalicelib.programs.model import ContentDisclosure, owner_key

_UNFINISHED_KEY = "unfinished"
_COUNTS_KEY = "counts"

MAX_CLOCK_DIFFERENCE = timedelta(seconds=1)
"""By so much a message may come before its time is reached here."""


class WaitNotEnded(Exception):
    """A wait could not be ended just now; the clock looks at the performance all the same."""


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


class CountsIndex(GlobalSecondaryIndex["PerformanceItem"]):
    """Sparse: posts whose views are read, by when they are to be read next."""

    class Meta:
        index_name = "counts"
        projection = IncludeProjection(
            ["program_id", "member_id", "correlation_id", "post_id", "open_id", "posted_at"]
        )

    counts_in = UnicodeAttribute(hash_key=True)
    count_at = UTCDateTimeAttribute(range_key=True)


class PerformanceItem(StampedModel):
    class Meta:
        table_name = "performances"

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
    state = EnumAttribute(State)
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
    unconfirmed_at = UTCDateTimeAttribute(null=True)
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
    waits_for = EnumAttribute(Waiting, null=True)
    waits_until = UTCDateTimeAttribute(null=True)
    brought_forward_at = UTCDateTimeAttribute(null=True)
    told_reason = UnicodeAttribute(null=True)
    posted_bonus = NumberAttribute(null=True)
    campaign_id = UnicodeAttribute(null=True)
    channel_ids = FrozenSetAttribute(null=True)
    content_disclosure = EnumAttribute(ContentDisclosure, null=True)
    ai_generated = BooleanAttribute(null=True)
    disclosure_version = UnicodeAttribute(null=True)
    disclosure_language = UnicodeAttribute(null=True)
    disclosure_text = UnicodeAttribute(null=True)
    disclosure_acknowledged_at = UTCDateTimeAttribute(null=True)
    shared_at = UTCDateTimeAttribute(null=True)
    cut = UnicodeAttribute(null=True)
    post_id = UnicodeAttribute(null=True)
    counts_in = UnicodeAttribute(null=True)
    count_at = UTCDateTimeAttribute(null=True)
    counted_at = UTCDateTimeAttribute(null=True)
    views = NumberAttribute(null=True)
    likes = NumberAttribute(null=True)
    comments = NumberAttribute(null=True)
    shares = NumberAttribute(null=True)
    post_link = UnicodeAttribute(null=True)
    publish_index = PublishIndex()
    unfinished_index = UnfinishedIndex()
    counts_index = CountsIndex()

    def to_performance(self) -> Performance:
        return to_model(
            self,
            Performance,
            text=PostText(self.caption, tuple(self.hashtags or ()), self.disclosure),
            asked=RequiredDisclosure(self.content_disclosure, bool(self.ai_generated))
            if self.content_disclosure
            else None,
            acknowledged=self._acknowledgement(),
            counted=self._counted(),
        )

    def _counted(self) -> PostCounts | None:
        at, views = self.counted_at, self.attribute_values.get("views")
        if not at:
            return None
        if views is None:
            return PostCounts(at, None)
        likes, comments, shares = (
            int(each or 0) for each in (self.likes, self.comments, self.shares)
        )
        return PostCounts(at, int(views), likes, comments, shares, self.post_link)

    def _acknowledgement(self) -> Acknowledgement | None:
        version, language = self.disclosure_version, self.disclosure_language
        at = self.disclosure_acknowledged_at
        if not (version and language and at):
            return None
        return Acknowledgement(version, language, self.disclosure_text, at)


_SEPARATE_FIELDS = frozenset({"text", "asked", "acknowledged", "counted"})
"""Fields that are models themselves, whose own fields the table stores."""
_STORED_FIELDS = tuple(
    each.name for each in fields(Performance) if each.name not in _SEPARATE_FIELDS
)
"""The attributes that the table stores under their name in the model."""


class PerformanceStore(Store):
    MODELS = (PerformanceItem,)

    def add(self, performance: Performance) -> Put:
        """Part: a new performance."""
        asked, evidence = performance.asked, performance.acknowledged
        item = PerformanceItem(
            performance.owner,
            **to_attributes(performance, PerformanceItem, apart=_SEPARATE_FIELDS),
            caption=performance.text.caption,
            hashtags=list(performance.text.hashtags) or None,
            disclosure=performance.text.disclosure,
            content_disclosure=asked.content_disclosure if asked else None,
            ai_generated=(asked and asked.ai_generated) or None,
            disclosure_version=evidence.version if evidence else None,
            disclosure_language=evidence.language if evidence else None,
            disclosure_text=evidence.text if evidence else None,
            disclosure_acknowledged_at=evidence.at if evidence else None,
            unfinished_in=_UNFINISHED_KEY,
        )
        return Put(item, PerformanceItem.performance_id.does_not_exist(), Conflict)

    def commit_new(self, parts: Sequence[Part], *, contended: bool) -> None:
        """Write a new performance with what goes with it: all of `parts`, or none.

        Raises `Contended` at the first conflict if it is known that many may write to one of the
        items; else conflicts are tried again.
        """
        self._database.commit(parts, attempts=1 if contended else CONFLICT_ATTEMPTS)

    def get(self, owner: str, performance_id: str) -> Performance | None:
        try:
            found = self._database.get(PerformanceItem, owner, performance_id, consistent_read=True)
        except DoesNotExist:
            return None
        return found.to_performance()

    def newest(self, owner: str, before: str | None, count: int) -> Sequence[Performance]:
        """List a member's performances, newest first: one query."""
        earlier = PerformanceItem.performance_id < before if before else None
        found = self._database.query(
            PerformanceItem, owner, earlier, scan_index_forward=False, limit=count, page_size=count
        )
        return [item.to_performance() for item in found]

    def all_of(self, owner: str) -> Iterator[Performance]:
        """Yield all that a member performed, read consistently: for a recount."""
        found = self._database.query(PerformanceItem, owner, consistent_read=True)
        return (item.to_performance() for item in found)

    def by_publish_id(self, publish_id: str) -> tuple[str, str] | None:
        """Find owner and id of the performance a publish id stands for: one query."""
        found = self._database.query(
            PerformanceItem, publish_id, limit=1, index=PerformanceItem.publish_index
        )
        return next(((item.owner, item.performance_id) for item in found), None)

    def lease(
        self, reference: Reference, lease: str, now: datetime, until: datetime
    ) -> Performance | None:
        """Take a performance for one worker and read it.

        None while another worker has it, before the time it waits for, or if there is none.
        """
        item = _item(reference)
        free = PerformanceItem.leased_until.does_not_exist() | (PerformanceItem.leased_until < now)
        due = PerformanceItem.waits_until.does_not_exist() | (
            PerformanceItem.waits_until <= now + MAX_CLOCK_DIFFERENCE
        )
        actions: list[Action] = [
            PerformanceItem.lease.set(lease),
            PerformanceItem.leased_until.set(until),
        ]
        there = PerformanceItem.performance_id.exists()
        return (
            item.to_performance()
            if self._database.update(item, actions, there & free & due)
            else None
        )

    def release_lease(self, reference: Reference, lease: str) -> Performance | None:
        """Let a performance go and read it; None, and nothing happens, if the lease was lost."""
        item = _item(reference)
        actions: list[Action] = [
            PerformanceItem.lease.remove(),
            PerformanceItem.leased_until.remove(),
        ]
        return (
            item.to_performance()
            if self._database.update(item, actions, PerformanceItem.lease == lease)
            else None
        )

    def change(self, before: Performance, after: Performance, lease: str | None) -> Update:
        """Part: write what differs between `before`, which must be stored, and `after`.

        The stored state and draft must be those of `before`, and the lease still the worker's.
        Without a lease (a webhook) state and draft alone decide.
        """
        actions = _change_actions(before, after) or [PerformanceItem.state.set(after.state)]
        return Update(_item(before.reference), actions, _is_unchanged(before, lease))

    def schedule_next_step(self, before: Performance, after: Performance, lease: str) -> bool:
        """Write when to go on with a performance, as `change` does, in one cheaper write.

        False if that is not to be written any more: the state changed, the lease was lost, or
        somebody brought the next look forward meanwhile.
        """
        brought = PerformanceItem.brought_forward_at
        as_known = (
            brought == before.brought_forward_at
            if before.brought_forward_at
            else brought.does_not_exist()
        )
        actions = _change_actions(before, after)
        condition = _is_unchanged(before, lease) & as_known
        return not actions or self._database.update(_item(before.reference), actions, condition)

    def bring_forward(
        self,
        reference: Reference,
        now: datetime,
        states: Collection[State],
        waits_for: Waiting | None = None,
    ) -> bool:
        """End the wait of a performance in one of `states`; with `waits_for`, only such a wait.

        False if there is nothing to end. Raises `WaitNotEnded` if that cannot be known.
        """
        condition = PerformanceItem.state.is_in(*sorted(states))
        if waits_for:
            condition &= PerformanceItem.waits_for == waits_for
        try:
            return self._database.update(_item(reference), _bring_forward_actions(now), condition)
        except PynamoDBException as error:
            raise WaitNotEnded from error

    def note_failure_reason(self, performance: Performance, reason: str, now: datetime) -> bool:
        """Note why its draft failed, as a webhook told, and end its wait.

        False if the state or the draft changed meanwhile.
        """
        actions = [PerformanceItem.told_reason.set(reason), *_bring_forward_actions(now)]
        return self._database.update(
            _item(performance.reference), actions, _is_unchanged(performance, None)
        )

    def note_shared(self, performance: Performance, shared_at: datetime | None) -> bool:
        """Note when its member shared it by hand, or that they did not; False if it is gone.

        No state, lease or wait is looked at or touched: staging goes on as it does.
        """
        shared = PerformanceItem.shared_at
        action: Action = shared.set(shared_at) if shared_at else shared.remove()
        there = PerformanceItem.performance_id.exists()
        return self._database.update(_item(performance.reference), [action], there)

    def note_post(self, performance: Performance, post_id: str, count_at: datetime | None) -> bool:
        """Note the first public post of it, and when to read its views; False if one is known."""
        post = PerformanceItem.post_id
        actions = [post.set(post_id), *_next_count_actions(count_at)]
        unknown = PerformanceItem.performance_id.exists() & post.does_not_exist()
        return self._database.update(_item(performance.reference), actions, unknown)

    def due_counts(self, now: datetime) -> Iterator["DueCount"]:
        """Yield posts whose views are to be read by now, one of each program in turn."""
        found = self._database.query(
            PerformanceItem,
            _COUNTS_KEY,
            CountsIndex.count_at <= now,
            index=PerformanceItem.counts_index,
        )
        due = (
            DueCount(
                Reference(
                    each.program_id, each.member_id, each.performance_id, each.correlation_id
                ),
                each.post_id,
                each.open_id,
                each.posted_at,
                each.count_at,
            )
            for each in found
            if each.post_id and each.count_at
        )
        return take_turns(due, lambda each: each.reference.program_id, now)

    def record_counts(
        self, due: "DueCount", counted: PostCounts, count_at: datetime | None
    ) -> Update:
        """Part: write what was counted of a post, and when to read it next.

        Raises `Conflict` if it was counted later than that, or nothing of it is to be read.
        """
        actions = [
            PerformanceItem.counted_at.set(counted.at),
            PerformanceItem.views.set(counted.views or 0),
            PerformanceItem.likes.set(counted.likes),
            PerformanceItem.comments.set(counted.comments),
            PerformanceItem.shares.set(counted.shares),
            PerformanceItem.post_link.set(counted.link)
            if counted.link
            else PerformanceItem.post_link.remove(),
            *_next_count_actions(count_at),
        ]
        earlier = PerformanceItem.counted_at.does_not_exist() | (
            PerformanceItem.counted_at < counted.at
        )
        same = (PerformanceItem.post_id == due.post_id) & PerformanceItem.counts_in.exists()
        return Update(_item(due.reference), actions, same & earlier)

    def count_later(self, due: "DueCount", count_at: datetime | None) -> bool:
        """Move the next reading of a post's views; None: they are not read any more."""
        same = (PerformanceItem.post_id == due.post_id) & (PerformanceItem.count_at == due.count_at)
        return self._database.update(_item(due.reference), _next_count_actions(count_at), same)

    def begin_counting(self, performance: Performance, count_at: datetime) -> bool:
        """Have the views of a known post read from an instant on."""
        known = (PerformanceItem.post_id == performance.post_id) & (
            PerformanceItem.counts_in.does_not_exist()
        )
        return self._database.update(
            _item(performance.reference), _next_count_actions(count_at), known
        )

    def forget_counts(self, performance: Performance, now: datetime) -> bool:
        """Remove what was counted of a post, and read no more of it; False if nothing is left.

        When that was counts as the last reading, later than any: reports forget it by that.
        """
        gone = (
            PerformanceItem.views,
            PerformanceItem.likes,
            PerformanceItem.comments,
            PerformanceItem.shares,
            PerformanceItem.post_link,
        )
        actions: list[Action] = [*_next_count_actions(None), *(each.remove() for each in gone)]
        if performance.counted and performance.counted.views is not None:
            after = performance.counted.at + timedelta(microseconds=1)
            actions.append(PerformanceItem.counted_at.set(max(now, after)))
        left = PerformanceItem.views.exists() | PerformanceItem.counts_in.exists()
        return self._database.update(_item(performance.reference), actions, left)

    def note_queued(self, reference: Reference, now: datetime, look_at: datetime) -> bool:
        """Note that an overdue performance is queued; False if it is not overdue any more."""
        actions: list[Action] = [
            PerformanceItem.look_at.set(look_at),
            PerformanceItem.waits_until.remove(),
        ]
        overdue = PerformanceItem.unfinished_in.exists() & (PerformanceItem.look_at <= now)
        return self._database.update(_item(reference), actions, overdue)

    def unfinished(self, now: datetime) -> Iterator[Reference]:
        """Yield performances to be looked at by now, one of each program in turn."""
        found = self._database.query(
            PerformanceItem,
            _UNFINISHED_KEY,
            UnfinishedIndex.look_at <= now,
            index=PerformanceItem.unfinished_index,
        )
        due = (
            Reference(each.program_id, each.member_id, each.performance_id, each.correlation_id)
            for each in found
        )
        return take_turns(due, lambda each: each.program_id, now)


@dataclass(frozen=True)
class DueCount:
    """A post whose views are to be read, as the index knows it."""

    reference: Reference
    post_id: str
    open_id: str | None
    posted_at: datetime | None
    count_at: datetime


def _next_count_actions(count_at: datetime | None) -> list[Action]:
    if count_at is None:
        return [PerformanceItem.counts_in.remove(), PerformanceItem.count_at.remove()]
    return [PerformanceItem.counts_in.set(_COUNTS_KEY), PerformanceItem.count_at.set(count_at)]


def _item(reference: Reference) -> PerformanceItem:
    owner = owner_key(reference.program_id, reference.member_id)
    return PerformanceItem(owner, reference.performance_id)


def _is_unchanged(performance: Performance, lease: str | None) -> Condition:
    """Require the stored performance to have the same state, draft and lease."""
    publish_id = PerformanceItem.publish_id
    condition: Condition = PerformanceItem.state == performance.state
    condition &= (
        publish_id == performance.publish_id
        if performance.publish_id
        else publish_id.does_not_exist()
    )
    return condition & (PerformanceItem.lease == lease) if lease else condition


def _change_actions(before: Performance, after: Performance) -> list[Action]:
    actions: list[Action] = []
    for name in _STORED_FIELDS:
        value = getattr(after, name)
        if value == getattr(before, name):
            continue
        attribute = getattr(PerformanceItem, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    if (before.look_at is None) is not (after.look_at is None):
        unfinished = PerformanceItem.unfinished_in
        actions.append(unfinished.set(_UNFINISHED_KEY) if after.look_at else unfinished.remove())
    if after.count_at and not before.count_at:
        actions.append(PerformanceItem.counts_in.set(_COUNTS_KEY))
    return actions


def _bring_forward_actions(now: datetime) -> list[Action]:
    return [
        PerformanceItem.brought_forward_at.set(now),
        PerformanceItem.waits_until.remove(),
        PerformanceItem.look_at.set(now),
        PerformanceItem.unfinished_in.set(_UNFINISHED_KEY),
    ]
