"""Personal data in the performances table: each video a member sent, and its outcome."""

from collections.abc import Iterator, Sequence
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.performances.model import FINISHED, State
from chalicelib.performances.store import PerformanceItem

_TEXT_ATTRIBUTES = (
    PerformanceItem.caption,
    PerformanceItem.hashtags,
    PerformanceItem.disclosure,
    PerformanceItem.disclosure_text,
    PerformanceItem.reason,
    PerformanceItem.told_reason,
)
_TIKTOK_ATTRIBUTES = (
    PerformanceItem.open_id,
    PerformanceItem.publish_id,
    PerformanceItem.upload_address,
    PerformanceItem.unfinished_in,
    PerformanceItem.look_at,
    PerformanceItem.post_id,
    PerformanceItem.counts_in,
    PerformanceItem.count_at,
)
_COUNT_ATTRIBUTES = (
    PerformanceItem.views,
    PerformanceItem.likes,
    PerformanceItem.comments,
    PerformanceItem.shares,
    PerformanceItem.post_link,
)
_ENDED_STATES = FINISHED | {State.STAGED, State.UNCONFIRMED}
"""Nothing more is sent; whether it was posted is not asked any more."""


class PerformancePersonalData:
    def __init__(self, database: Database, clock: Clock) -> None:
        database.register_models(PerformanceItem)
        self._database = database
        self._clock = clock

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        found = self._database.raw_items(PerformanceItem, person.owner)
        yield from part("performances", found, "upload_address", "unfinished_in", "counts_in")

    def erase(self, person: Person) -> bool:
        """Remove the texts and all that leads to TikTok from each performance.

        Those that are being sent come to their end first: without an account they fail.
        """
        whole = True
        for record in self._database.raw_items(PerformanceItem, person.owner):
            all_of_it = (*_TEXT_ATTRIBUTES, *_TIKTOK_ATTRIBUTES, *_COUNT_ATTRIBUTES)
            left = [each for each in all_of_it if each.attr_name in record]
            if State(record["state"]) not in _ENDED_STATES:
                whole = False
            elif left:
                whole &= self._remove_attributes(record, left)
        return whole

    def _remove_attributes(self, record: Record, attributes: Sequence[Attribute[Any]]) -> bool:
        """Remove attributes unless a worker has the performance, or it moved since it was read."""
        leased_until = PerformanceItem.leased_until
        free = leased_until.does_not_exist() | (leased_until < self._clock.now())
        item = PerformanceItem(record["owner"], record["performance_id"])
        actions: list[Action] = [each.remove() for each in attributes]
        if "views" in record:  # reports forget it by the event of this
            actions.append(PerformanceItem.counted_at.set(self._clock.now()))
        return self._database.update(
            item,
            actions,
            (PerformanceItem.state == record["state"]) & free,
        )
