"""Keeps quotas exactly without counting each time, under any number of concurrent requests.

The headroom of a program is how many more of something it has room for: its limit less what was
counted last, less what was admitted since. Each added item takes one of it, in the transaction
that writes it. Where none is left, or the limit is another by now, use is counted again, and the
new headroom is written with what is added, provided that nothing was admitted since before the
count. An item that ends gives nothing back and is missing from the next count. So headroom is
never more than there is, no undoing can be forgotten, and only the first of many requests has to
count.
The item lies in the table of what it is about: both are restored to the same instant.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from pynamodb.attributes import (
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from chalicelib.foundation.table import Contended, Database, Model, Part, Put, Update
from chalicelib.foundation.values import dataclass

MAX_COUNTS = 6
"""Counts whose result others may take before a request is refused for now."""

ATTEMPTS = 10
"""Attempts of a transaction that takes headroom while others take some at the same moment:
30 at once all come through (tests/integration/test_headroom.py)."""

RECOUNT_AFTER = timedelta(days=1)
"""After this use is counted again in any case, whatever came to the table past this code."""

INDEX_LAG = timedelta(minutes=5)
"""An index follows its table by milliseconds; after this nobody waits for it."""


class HeadroomItem(Model):
    """The number of items that a program may add without a count. Subclasses name table and keys.

    `limits` are those that were counted against. `recent` are what was admitted lately, each with
    its instant: an index may not have them yet.
    """

    headroom = NumberAttribute(null=True)
    limits = UnicodeAttribute(null=True)
    good_until = UTCDateTimeAttribute(null=True)
    version = NumberAttribute()
    recent = UnicodeSetAttribute(null=True)


class NoHeadroom(Exception):
    """No headroom is left, or others were faster to count again."""


@dataclass(frozen=True)
class _StoredHeadroom:
    version: int | None
    recent: Mapping[str, datetime]


class Headroom:
    """The headroom of one program at one instant, within its quotas of today."""

    def __init__(
        self,
        database: Database,
        model: type[HeadroomItem],
        keys: tuple[str, str],
        limits: str,
        now: datetime,
    ) -> None:
        self._database = database
        self._model = model
        self._keys = keys
        self._limits = limits
        self._now = now

    def admit[Answer](
        self,
        write: Callable[[Part], Answer],
        room: Callable[[Collection[str]], int],
        thing_id: str | None = None,
    ) -> Answer:
        """Write something with the part that takes its headroom: one call, of `write`, mostly.

        `room` counts for how many more there is room, at least one, and raises where there is
        none. What it counts may be behind for the ids that it is given, which were admitted as
        `thing_id` within `INDEX_LAG`. Raises `Contended` if others are faster each time.
        """
        for _ in range(MAX_COUNTS):
            try:
                return write(self._take_one_part(thing_id))
            except NoHeadroom:
                known = self._read_stored()
            left = room(known.recent) - 1
            try:
                return write(self._recounted_part(known, left, thing_id))
            except NoHeadroom:
                continue
        raise Contended

    def _take_one_part(self, thing_id: str | None) -> Update:
        model = self._model
        actions: list[Action] = [model.headroom.add(-1), model.version.add(1)]
        if thing_id:
            actions.append(model.recent.add({_recent_mark(thing_id, self._now)}))
        counted = (model.limits == self._limits) & (model.good_until > self._now)
        return Update(model(*self._keys), actions, counted & (model.headroom >= 1), NoHeadroom)

    def _read_stored(self) -> _StoredHeadroom:
        try:
            item = self._database.get(self._model, *self._keys, consistent_read=True)
        except DoesNotExist:
            return _StoredHeadroom(None, {})
        marks = (each.split(" ") for each in item.recent or ())
        admitted = {thing_id: datetime.fromisoformat(at) for at, thing_id in marks}
        recent = {thing_id: at for thing_id, at in admitted.items() if at > self._now - INDEX_LAG}
        return _StoredHeadroom(int(item.version), recent)

    def _recounted_part(self, known: _StoredHeadroom, left: int, thing_id: str | None) -> Put:
        model, version = self._model, self._model.version
        recent = {**known.recent, thing_id: self._now} if thing_id else known.recent
        item = model(
            *self._keys,
            headroom=left,
            limits=self._limits,
            good_until=self._now + RECOUNT_AFTER,
            version=(known.version or 0) + 1,
            recent={_recent_mark(*each) for each in recent.items()} or None,
        )
        unchanged = version.does_not_exist() if known.version is None else version == known.version
        return Put(item, unchanged, NoHeadroom)


def index_move_part(
    model: type[HeadroomItem], keys: tuple[str, str], thing_id: str, now: datetime
) -> Update:
    """Return the part that notes that something counted moves from one key of an index to another.

    A count may come upon it under neither.
    """
    actions: list[Action] = [model.version.add(1), model.recent.add({_recent_mark(thing_id, now)})]
    return Update(model(*keys), actions)


def _recent_mark(thing_id: str, at: datetime) -> str:
    return f"{at.isoformat()} {thing_id}"
