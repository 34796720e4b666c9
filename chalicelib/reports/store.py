"""The reports table: members' progress, counters by day, people, impressions, worklist, exports.

All of it is derived, and `python -m commands reports rebuild` makes it again. Counters are added to
in the transaction that writes the progress they follow from; docs/data.md has the keys.
"""

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from pynamodb.attributes import (
    BinaryAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import size
from pynamodb.expressions.operand import Path, Value
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.foundation.ids import lowest_id_at
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    LeanModel,
    Model,
    Part,
    Put,
    Read,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.reports.events import SEEN_IDS
from chalicelib.reports.model import (
    FAILED_DAYS,
    INVITATION_PENDING_AFTER,
    Attempt,
    Attribution,
    CountedPerson,
    CounterKey,
    Counts,
    Days,
    Dismissal,
    Impression,
    PostResponse,
    Progress,
    Scope,
    WorklistEntry,
    WorklistKind,
)

MAX_PARTS = 100
"""DynamoDB writes no more items in one transaction."""

SHARDS = 16
"""Into how many items a counter may be spread; it is one for as long as nobody collides on it."""

TOTAL_SHARDS = 4
"""Shards of the totals that are read for many activities at once."""

MAX_IMPRESSIONS_PER_ITEM = 200
"""Of an item of what a member saw. With the 50 of a batch, each addressed to 20 channels, that is
200 KB: DynamoDB takes 400, and each write costs as much as the whole item."""

IMPRESSION_ATTEMPTS = 5

WRITE_COUNT = "writes"
"""Beside the numbers of a program's day: how often they were written."""

_UNPACKED_PERIOD = timedelta(days=FAILED_DAYS + 1)
_MAX_TITLE_LENGTH = 140


class TransactionTooLarge(Exception):
    """The changes take more items than fit into one transaction."""


class ByActivity(GlobalSecondaryIndex["ProgressItem"]):
    """Sparse: members who performed an activity, by when they first did."""

    class Meta:
        index_name = "by_activity"
        projection = AllProjection()

    activity_in = UnicodeAttribute(hash_key=True)
    performed_key = UnicodeAttribute(range_key=True)


class ProgressItem(LeanModel):
    """How far one member got with one activity."""

    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    zone = UnicodeAttribute()
    facts = JSONAttribute()
    version = NumberAttribute()
    activity_in = UnicodeAttribute(null=True)
    performed_key = UnicodeAttribute(null=True)
    by_activity = ByActivity()


class DaysItem(LeanModel):
    """On which days a member was active."""

    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    days = JSONAttribute()
    version = NumberAttribute()


class PersonItem(LeanModel):
    """The counted state of a member, as of the last count."""

    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    counted = JSONAttribute()
    version = NumberAttribute()


class CounterItem(Model):
    """Numbers by name, and texts that lie beside them."""

    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)

    numbers: dict[str, int]
    texts: dict[str, str]
    writes: int
    packed: bytes

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        item = cls(data["scope"]["S"], data["item"]["S"])
        apart = ("scope", "item", WRITE_COUNT)
        own = {name: value for name, value in data.items() if name not in apart}
        item.writes = int(data[WRITE_COUNT]["N"]) if WRITE_COUNT in data else 0
        item.packed = data["packed"]["B"] if "packed" in data else b""
        item.numbers = {name: int(value["N"]) for name, value in own.items() if "N" in value}
        item.texts = {name: value["S"] for name, value in own.items() if "S" in value}
        return item


class MonthItem(LeanModel):
    """A program's counters of those days of a month that are over, packed.

    As items of their own the days of two years are several megabytes, of which a query answers one.
    """

    class Meta:
        table_name = "reports"

    scope = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    packed = BinaryAttribute(legacy_encoding=False)
    version = NumberAttribute()


@dataclass(frozen=True)
class Versioned[Thing]:
    """A thing as it is stored; version 0 is not stored yet."""

    thing: Thing
    version: int = 0


@dataclass(frozen=True)
class CountedChanges:
    """Everything that a batch of facts writes, all or none."""

    program_id: str
    progress: Mapping[tuple[str, str], Versioned[Progress]]
    days: Mapping[str, Versioned[Days]]
    counts: Counts
    titles: Mapping[str, str]
    worklist_entries: Sequence[WorklistEntry] = ()


@dataclass(frozen=True)
class StoredProgress:
    """A member's progress with an activity as a list shows it."""

    member_id: str
    activity_id: str
    progress: Progress
    version: int


class ReportStore(Store):
    MODELS = (ProgressItem, DaysItem, PersonItem, CounterItem, MonthItem)

    # --- counting -----------------------------------------------------------------------------

    def progress(
        self, program_id: str, pairs: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], Versioned[Progress]]:
        """Read what is known of (member, activity) pairs, never behind: a call for each hundred."""
        keys = [(_progress_key(program_id), f"{member}#{activity}") for member, activity in pairs]
        found = self._database.batch_get(ProgressItem, keys, consistent_read=True)
        return {
            _member_and_activity(item.item): Versioned(_progress_from_item(item), int(item.version))
            for item in found
        }

    def days(self, program_id: str, member_ids: Collection[str]) -> dict[str, Versioned[Days]]:
        """Read on which days members were active, never behind."""
        keys = [(_days_key(program_id), each) for each in member_ids]
        found = self._database.batch_get(DaysItem, keys, consistent_read=True)
        return {item.item: Versioned(_days_from_item(item), int(item.version)) for item in found}

    def write(self, counted: CountedChanges, shard: int, now: datetime) -> int:
        """Write progress, days and counters, all or none; return how many items.

        Raises `Conflict` if progress or days changed since they were read, `Contended` if others
        were at the same items, and `TransactionTooLarge`.
        """
        program_id = counted.program_id
        parts: list[Part] = [
            Put(
                _progress_item(program_id, pair, known),
                _unchanged(ProgressItem, known.version),
                Conflict,
            )
            for pair, known in counted.progress.items()
        ]
        parts += [
            Put(
                DaysItem(
                    _days_key(program_id),
                    member_id,
                    days={day.isoformat(): number for day, number in known.thing.items()},
                    version=known.version + 1,
                ),
                _unchanged(DaysItem, known.version),
                Conflict,
            )
            for member_id, known in counted.days.items()
        ]
        parts += self._additions(counted, shard, now)
        parts += [_put_entry(program_id, each, now) for each in counted.worklist_entries]
        if len(parts) > MAX_PARTS:
            raise TransactionTooLarge
        self._database.commit(parts, attempts=1)
        return len(parts)

    def _additions(self, counted: CountedChanges, shard: int, now: datetime) -> list[Part]:
        by_item: dict[tuple[CounterKey, str], list[Action]] = defaultdict(list)
        for (place, name), number in sorted(counted.counts.items(), key=lambda each: each[0][1]):
            by_item[place, _month(place, name)].append(Path([name]).add(number))
        for (place, _), actions in by_item.items():
            if place.scope is Scope.WORKLIST:
                actions.append(Path(["expires_at"]).set(int((now + _UNPACKED_PERIOD).timestamp())))
                if title := counted.titles.get(place.thing_id):
                    actions.append(Path(["title"]).set(title[:_MAX_TITLE_LENGTH]))
            actions.extend(_write_count_actions(place))
        return [
            Update(CounterItem(*_counter_key(counted.program_id, place, shard, month)), actions)
            for (place, month), actions in by_item.items()
        ]

    def add_to_counters(self, program_id: str, counts: Counts) -> None:
        """Add to counters without any progress: what a recount mends."""
        by_place: dict[CounterKey, list[Action]] = defaultdict(list)
        for (place, name), number in counts.items():
            by_place[place].append(Path([name]).add(number))
        for place, actions in by_place.items():
            actions.extend(_write_count_actions(place))
            self._database.update(CounterItem(*_counter_key(program_id, place, 0)), actions)

    def pack_days(self, program_id: str, before: date, most: int) -> int:
        """Pack counters of a program's days before one into their months; return how many went.

        `most` items at most, the oldest first: a query for each megabyte, and a transaction for
        each month. Nothing is lost to whoever counts meanwhile: raises `Conflict` or `Contended`
        then. A day that is counted again once it is packed has an item again, until that is too.
        """
        scope = _counter_hash_key(program_id, Scope.PROGRAM, "")
        months: dict[str, Versioned[dict[date, dict[str, int]]]] = {}
        found: dict[str, list[tuple[date, CounterItem]]] = defaultdict(list)
        items = self._database.query(
            CounterItem, scope, CounterItem.item < before.isoformat(), consistent_read=True
        )
        number = 0
        for item in items:
            month = item.item[: len("2026-11")]
            if not _is_day(item):
                months[month] = Versioned(unpack_days(month, item.packed), item.numbers["version"])
                continue
            found[month] += ((day, item) for day, _ in _days_counted(item))
            number += 1
            if number == most:
                break
        for month, days in found.items():
            known = months.get(month, Versioned({}))
            for day, item in days:
                _sum_into(known.thing.setdefault(day, {}), item.numbers)
            packed = MonthItem(
                scope, month, packed=pack_days(known.thing), version=known.version + 1
            )
            self.commit(
                [
                    Put(packed, _unchanged(MonthItem, known.version), Conflict),
                    *(
                        Delete(CounterItem(scope, item.item), _is_write_count_unchanged(item))
                        for _, item in days
                    ),
                ]
            )
        return number

    # --- reading counters ---------------------------------------------------------------------

    def counters(
        self, program_id: str, scope: Scope, thing_id: str, first: date, last: date
    ) -> dict[date, dict[str, int]]:
        """Read what was counted between two days, both included: one query for each megabyte.

        Two years of a program are one query: months lie before their days, packed. At the instant
        at which days are packed, once a day, they may be missing.
        """
        begins = first.isoformat()
        found = self._database.query(
            CounterItem,
            _counter_hash_key(program_id, scope, thing_id),
            CounterItem.item.between(
                begins[: len("2026-11")] if scope is Scope.PROGRAM else begins,
                f"{last.isoformat()}~",
            ),
        )
        summed: dict[date, dict[str, int]] = defaultdict(dict)
        for item in found:
            for day, numbers in _days_counted(item):
                if first <= day <= last:
                    _sum_into(summed[day], numbers)
        return summed

    def totals(self, program_id: str, activity_ids: Collection[str]) -> dict[str, dict[str, int]]:
        """Read what was counted of up to 25 activities since ever: one call."""
        keys = [
            _counter_key(program_id, CounterKey(Scope.TOTALS, each), shard)
            for each in activity_ids
            for shard in range(TOTAL_SHARDS)
        ]
        summed: dict[str, dict[str, int]] = {each: {} for each in activity_ids}
        for item in self._database.batch_get(CounterItem, keys):
            _sum_into(summed[item.item.partition("#")[0]], item.numbers)
        return summed

    def all_counters(self, program_id: str, things: Iterable[tuple[Scope, str]]) -> Counts:
        """Read every counter of these scopes and things, never behind: for a recount."""
        counts: Counts = Counter()
        for scope, thing_id in things:
            found = self._database.query(
                CounterItem,
                _counter_hash_key(program_id, scope, thing_id),
                CounterItem.item.startswith("act_") if scope is Scope.TOTALS else None,
                consistent_read=True,
            )
            for item in found:
                for place, numbers in _places_counted(item, scope, thing_id):
                    for name, number in numbers.items():
                        counts[place, name] += number
        return counts

    # --- progress of many ---------------------------------------------------------------------

    def performers(
        self, program_id: str, activity_id: str, before: str | None, count: int
    ) -> list[tuple[str, StoredProgress]]:
        """List who performed an activity, the latest first, each with their key: one query.

        The index follows the table by milliseconds.
        """
        earlier = ProgressItem.performed_key < before if before else None
        found = self._database.query(
            ProgressItem,
            f"{program_id}/{activity_id}",
            earlier,
            index=ProgressItem.by_activity,
            scan_index_forward=False,
            limit=count,
            page_size=count,
        )
        return [(item.performed_key or "", _stored_progress(item)) for item in found]

    def progress_of_members(
        self, program_id: str, first: str, last: str
    ) -> Iterator[StoredProgress]:
        """Yield all progress of the members between two ids: one query for each megabyte."""
        found = self._database.query(
            ProgressItem,
            _progress_key(program_id),
            ProgressItem.item.between(f"{first}#", f"{last}#~"),
        )
        return (_stored_progress(item) for item in found)

    def progress_items_of_member(self, program_id: str, member_id: str) -> Iterator[StoredProgress]:
        """Yield all progress of a member, never behind: one query for each megabyte."""
        found = self._database.query(
            ProgressItem,
            _progress_key(program_id),
            ProgressItem.item.startswith(f"{member_id}#"),
            consistent_read=True,
        )
        return (_stored_progress(item) for item in found)

    def all_days(self, program_id: str) -> Iterator[tuple[str, Versioned[Days]]]:
        found = self._database.query(DaysItem, _days_key(program_id), consistent_read=True)
        return ((item.item, Versioned(_days_from_item(item), int(item.version))) for item in found)

    def put_days(self, program_id: str, member_id: str, days: Days, version: int) -> bool:
        """Set a member's days right; False if they changed since they were read."""
        item = DaysItem(_days_key(program_id), member_id)
        numbers = {day.isoformat(): number for day, number in days.items()}
        actions: list[Action] = [DaysItem.days.set(numbers), DaysItem.version.set(version + 1)]
        return self._database.update(item, actions, _unchanged(DaysItem, version))

    # --- people -------------------------------------------------------------------------------

    def person(self, program_id: str, member_id: str) -> Versioned[Mapping[str, Any]]:
        """Read what was counted of a member last, never behind."""
        try:
            item = self._database.get(
                PersonItem, _people_key(program_id), _person_key(member_id), consistent_read=True
            )
        except DoesNotExist:
            return Versioned({})
        return Versioned(item.counted, int(item.version))

    def count_person(
        self,
        program_id: str,
        member_id: str,
        known: Versioned[Mapping[str, Any]],
        becomes: Mapping[str, Any],
        *,
        worklist_entries: Sequence[tuple[bool, WorklistEntry]],
        now: datetime,
    ) -> None:
        """Count a member as they are now. Raises `Conflict` if somebody else did meanwhile.

        `worklist_entries` are put onto the worklist where True, else taken from it.
        """
        was, now_counts = person_of(known.thing).counts(), person_of(becomes).counts()
        changes = {
            name: now_counts[name] - was[name]
            for name in sorted(was.keys() | now_counts.keys())
            if now_counts[name] != was[name]
        }
        parts: list[Part] = [
            Put(
                PersonItem(
                    _people_key(program_id),
                    _person_key(member_id),
                    counted=dict(becomes),
                    version=known.version + 1,
                ),
                _unchanged(PersonItem, known.version),
                Conflict,
            )
        ]
        if changes:
            actions = [Path([name]).add(number) for name, number in changes.items()]
            parts.append(Update(CounterItem(_people_key(program_id), _AUDIENCE), actions))
        parts += [
            _put_entry(program_id, entry, now) if there else _remove_entry(program_id, entry)
            for there, entry in worklist_entries
        ]
        self._database.commit(parts)

    def read_of_audience(self, program_id: str) -> Read[dict[str, int]]:
        """Return the read of how many active members there are, in all and by channel."""
        return Read(CounterItem, (_people_key(program_id), _AUDIENCE), lambda item: item.numbers)

    def all_people(self, program_id: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found = self._database.query(
            PersonItem,
            _people_key(program_id),
            PersonItem.item.startswith(_person_key("")),
            consistent_read=True,
        )
        return ((item.item.removeprefix(_person_key("")), item.counted) for item in found)

    def audience(self, program_id: str) -> dict[str, int]:
        try:
            item = self._database.get(
                CounterItem, _people_key(program_id), _AUDIENCE, consistent_read=True
            )
        except DoesNotExist:
            return {}
        return {name: number for name, number in item.numbers.items() if number}

    def add_audience(self, program_id: str, changes: Mapping[str, int]) -> None:
        actions = [Path([name]).add(number) for name, number in sorted(changes.items())]
        self._database.update(CounterItem(_people_key(program_id), _AUDIENCE), actions)

    # --- impressions ---------------------------------------------------------------------------

    def note_seen(
        self, program_id: str, member_id: str, impressions: Mapping[str, Impression], now: datetime
    ) -> None:
        """Record the activities that a member saw, each once a month: one write.

        An item holds `MAX_IMPRESSIONS_PER_ITEM` and a batch more. A member with more in a month has
        a further item: then two calls more find what is new. Raises `Conflict` if others always
        come in between.
        """
        month, scope = f"seen#{now:%Y-%m}", _seen_key(program_id, member_id)
        if self._add_impressions(CounterItem(scope, month), impressions):
            return
        for _ in range(IMPRESSION_ATTEMPTS):
            parts = list(
                self._database.query(
                    CounterItem, scope, CounterItem.item.startswith(month), consistent_read=True
                )
            )
            known = {name for each in parts for name in each.texts}
            new = {name: each for name, each in impressions.items() if name not in known}
            last = parts[-1]
            further = CounterItem(scope, f"{month}#{len(parts):04}")
            item = further if len(last.texts) >= MAX_IMPRESSIONS_PER_ITEM else last
            if not new or self._add_impressions(item, new):
                return
        raise Conflict

    def _add_impressions(self, item: "CounterItem", impressions: Mapping[str, Impression]) -> bool:
        """Add to one item, unless the set of what it has is full."""
        actions: list[Action] = [
            Path([activity_id]).set(Path([activity_id]) | _impression_text(impression))
            for activity_id, impression in sorted(impressions.items())
        ]
        names = Path([SEEN_IDS])
        room = names.does_not_exist() | (size(names) < MAX_IMPRESSIONS_PER_ITEM)
        actions.append(names.add(Value({"SS": sorted(impressions)})))
        return self._database.update(item, actions, room)

    def impressions(self, program_id: str, member_id: str) -> Iterator[tuple[str, Impression]]:
        """Yield all impressions of a member, for a recount."""
        found = self._database.query(
            CounterItem, _seen_key(program_id, member_id), consistent_read=True
        )
        for item in found:
            yield from ((name, impression_from(text)) for name, text in item.texts.items())

    # --- worklist -----------------------------------------------------------------------------

    def put_worklist_entry(self, program_id: str, entry: WorklistEntry, now: datetime) -> None:
        """Put something onto the worklist, again if need be."""
        part = _put_entry(program_id, entry, now)
        self._database.update(part.item, part.actions)

    def worklist_entry_since(self, program_id: str, entry: WorklistEntry) -> datetime | None:
        """Read since when something is on the worklist, if it is."""
        item = _worklist_item(program_id, entry)
        try:
            found = self._database.get(CounterItem, item.scope, item.item, consistent_read=True)
        except DoesNotExist:
            return None
        return datetime.fromisoformat(found.texts["since"])

    def remove_worklist_entry(self, program_id: str, entry: WorklistEntry) -> None:
        """Take something from the worklist; it may not be there."""
        self._database.commit([_remove_entry(program_id, entry)])

    def remove_worklist_row(self, program_id: str, item: str) -> None:
        """Take an item from the worklist by its key."""
        self._database.commit(
            [Delete(CounterItem(_counter_hash_key(program_id, Scope.WORKLIST, ""), item))]
        )

    def worklist(
        self, program_id: str, count: int, now: datetime
    ) -> tuple[list["WorklistRow"], bool]:
        """Read what may be on the worklist now, and whether there is more: one query.

        Nobody's invitation is older than their id, so that those which are not due are not read,
        however many were invited within the week.
        """
        invited = lowest_id_at("mem", now - INVITATION_PENDING_AFTER + timedelta(seconds=1))
        items = list(
            self._database.query(
                CounterItem,
                _counter_hash_key(program_id, Scope.WORKLIST, ""),
                CounterItem.item < f"{WorklistKind.INVITATION.prefix}{invited}",
                limit=count + 1,
                page_size=count + 1,
            )
        )
        return [_worklist_row(item) for item in items[:count]], len(items) > count


@dataclass(frozen=True)
class WorklistRow:
    """One item of the worklist as it is stored; `part` is which of those of one activity."""

    kind: WorklistKind
    thing_id: str
    part: str
    title: str
    since: datetime
    numbers: Mapping[str, int]

    def is_over(self, now: datetime) -> bool:
        """Return whether its days are over: DynamoDB removes it some time after that."""
        return self.numbers.get("expires_at", 1 << 60) <= now.timestamp()


def _worklist_row(item: CounterItem) -> WorklistRow:
    prefix, _, rest = item.item.partition("#")
    thing_id, _, part = rest.partition("#")
    kind = next(each for each in WorklistKind if each.prefix == f"{prefix}#")
    return WorklistRow(
        kind,
        thing_id,
        part,
        item.texts.get("title", ""),
        datetime.fromisoformat(item.texts["since"]) if "since" in item.texts else EARLIEST,
        item.numbers,
    )


EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)


def person_of(counted: Mapping[str, Any]) -> CountedPerson:
    """Return what is counted of a member from what is stored of them."""
    return CountedPerson(bool(counted.get("active")), frozenset(counted.get("channels", ())))


def impression_from(text: str) -> Impression:
    seen_at, campaign_id, channel_ids = json.loads(text)
    return Impression(datetime.fromisoformat(seen_at), Attribution(campaign_id, tuple(channel_ids)))


def _impression_text(impression: Impression) -> str:
    whose = impression.attribution
    return json.dumps([impression.seen_at.isoformat(), whose.campaign_id, list(whose.channel_ids)])


# --- keys


_AUDIENCE = "audience"


def _progress_key(program_id: str) -> str:
    return f"{program_id}#progress"


def _days_key(program_id: str) -> str:
    return f"{program_id}#days"


def _people_key(program_id: str) -> str:
    return f"{program_id}#people"


def _person_key(member_id: str) -> str:
    return f"member#{member_id}"


def _seen_key(program_id: str, member_id: str) -> str:
    return f"{program_id}/{member_id}#seen"


def _counter_hash_key(program_id: str, scope: Scope, thing_id: str) -> str:
    if scope in (Scope.ACTIVITY, Scope.CAMPAIGN):
        return f"{program_id}/{thing_id}"
    return f"{program_id}#{scope.value}"


def _month(place: CounterKey, name: str) -> str:
    """Return the month of a number of the worklist, `waiting:<day>` or `failed:<day>:<code>`.

    Each month has items of its own, which expire: in one item for all time an activity's numbers
    would pile up for as long as anything happens to it, and each write would pay for all of them.
    """
    return name.split(":")[1][: len("2026-11")] if place.scope is Scope.WORKLIST else ""


def _counter_key(
    program_id: str, place: CounterKey, shard: int, month: str = ""
) -> tuple[str, str]:
    scope = place.scope
    if scope is Scope.WORKLIST:
        item = f"{WorklistKind.ACTIVITY.prefix}{place.thing_id}#{month}#{shard:02}"
    elif scope is Scope.TOTALS:
        item = f"{place.thing_id}#{shard % TOTAL_SHARDS:02}"
    else:
        assert place.day  # noqa: S101  all others are of a day
        item = f"{place.day.isoformat()}#{shard:02}"
    return _counter_hash_key(program_id, scope, place.thing_id), item


def _unchanged(model: type[ProgressItem | DaysItem | PersonItem | MonthItem], version: int) -> Any:
    return model.version == version if version else model.item.does_not_exist()


def _member_and_activity(item: str) -> tuple[str, str]:
    member_id, _, activity_id = item.partition("#")
    return member_id, activity_id


def _sum_into(summed: dict[str, int], numbers: Mapping[str, int]) -> None:
    for name, number in numbers.items():
        summed[name] = summed.get(name, 0) + number


# --- days and months of a program


def _write_count_actions(place: CounterKey) -> list[Action]:
    """Return what tells a program's day that was read from one that was written since."""
    return [Path([WRITE_COUNT]).add(1)] if place.scope is Scope.PROGRAM else []


def _is_write_count_unchanged(item: CounterItem) -> Any:
    writes = Path([WRITE_COUNT])
    return writes == item.writes if item.writes else writes.does_not_exist()


def _is_day(item: CounterItem) -> bool:
    return "#" in item.item


def _days_counted(item: CounterItem) -> Iterator[tuple[date, Mapping[str, int]]]:
    """Yield days with their numbers: the one of an item, or those of a packed month."""
    if _is_day(item):
        yield date.fromisoformat(item.item.partition("#")[0]), item.numbers
    else:
        yield from unpack_days(item.item, item.packed).items()


def _places_counted(
    item: CounterItem, scope: Scope, thing_id: str
) -> Iterator[tuple[CounterKey, Mapping[str, int]]]:
    if scope is Scope.TOTALS:
        yield CounterKey(scope, item.item.partition("#")[0]), item.numbers
    else:
        for day, numbers in _days_counted(item):
            yield CounterKey(scope, thing_id, day), numbers


def pack_days(days: Mapping[date, Mapping[str, int]]) -> bytes:
    """Pack a month's days, number by number: those of one name are alike from day to day.

    The largest there can be takes some 20 KB: 31 days with 400 gaps and each reason of a failure.
    """
    last = max(day.day for day in days)
    by_name: dict[str, list[int]] = {}
    for day, numbers in days.items():
        for name, number in numbers.items():
            if number:
                by_name.setdefault(name, [0] * last)[day.day - 1] = number
    text = json.dumps(dict(sorted(by_name.items())), separators=(",", ":"))
    return zlib.compress(text.encode(), level=9)


def unpack_days(month: str, packed: bytes) -> dict[date, dict[str, int]]:
    days: dict[date, dict[str, int]] = defaultdict(dict)
    for name, numbers in json.loads(zlib.decompress(packed)).items():
        for at, number in enumerate(numbers, 1):
            if number:
                days[date.fromisoformat(f"{month}-{at:02}")][name] = number
    return days


# --- worklist items


def _put_entry(program_id: str, entry: WorklistEntry, now: datetime) -> Update:
    actions: list[Action] = [
        Path(["since"]).set(entry.since.isoformat()),
        Path(["title"]).set(entry.title[:_MAX_TITLE_LENGTH]),
    ]
    if entry.number:
        actions.append(Path(["number"]).set(entry.number))
    if entry.days:
        actions.append(Path(["expires_at"]).set(int((now + timedelta(entry.days)).timestamp())))
    return Update(_worklist_item(program_id, entry), actions)


def _remove_entry(program_id: str, entry: WorklistEntry) -> Delete:
    return Delete(_worklist_item(program_id, entry))


def _worklist_item(program_id: str, entry: WorklistEntry) -> CounterItem:
    return CounterItem(
        _counter_hash_key(program_id, Scope.WORKLIST, ""), f"{entry.kind.prefix}{entry.thing_id}"
    )


# --- progress


def _progress_item(
    program_id: str, pair: tuple[str, str], known: Versioned[Progress]
) -> ProgressItem:
    member_id, activity_id = pair
    progress, first_sent_at = known.thing, known.thing.first_sent_at
    return ProgressItem(
        _progress_key(program_id),
        f"{member_id}#{activity_id}",
        zone=progress.zone,
        facts=_progress_to_dict(progress),
        version=known.version + 1,
        activity_in=f"{program_id}/{activity_id}" if first_sent_at else None,
        performed_key=f"{_instant_text(first_sent_at)}#{member_id}" if first_sent_at else None,
    )


def _instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


DISMISSALS = ("dismissed_at", "undone")
"""The names of facts that only the member may see: to managers dismissals are numbers."""

_ATTEMPT = ("queued_at", "unconfirmed_at", "staged_at", "posted_at", "failed_at")


def _progress_to_dict(progress: Progress) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if progress.attempts:
        facts["attempts"] = {
            each.performance_id: {
                **{
                    name: getattr(each, name).isoformat()
                    for name in _ATTEMPT
                    if getattr(each, name)
                },
                **({"failure": each.failure} if each.failure else {}),
                **({"disclosed": True} if each.disclosed else {}),
                **({"cut": each.cut} if each.cut else {}),
                **({"response": _response_to_list(each.response)} if each.response else {}),
                **_attribution_to_dict(each.attribution),
            }
            for each in progress.attempts.values()
        }
    if progress.impression:
        facts["sight"] = {
            "seen_at": progress.impression.seen_at.isoformat(),
            **_attribution_to_dict(progress.impression.attribution),
        }
    dismissal = progress.dismissal
    for name in DISMISSALS:
        if getattr(dismissal, name):
            facts[name] = getattr(dismissal, name).isoformat()
    if progress.left_at:
        facts["left_at"] = progress.left_at.isoformat()
    return facts


def _response_to_list(response: PostResponse) -> list[Any]:
    views, others = response.views, (response.likes, response.comments, response.points)
    return [response.at.isoformat(), views, *others]


def _response_from_list(stored: Sequence[Any]) -> PostResponse:
    at, *numbers = stored
    return PostResponse(datetime.fromisoformat(at), *numbers)


def _attribution_to_dict(whose: Attribution) -> dict[str, Any]:
    values: dict[str, Any] = {"campaign": whose.campaign_id} if whose.campaign_id else {}
    return values | ({"channels": list(whose.channel_ids)} if whose.channel_ids else {})


def _attribution_from_dict(facts: Mapping[str, Any]) -> Attribution:
    return Attribution(facts.get("campaign"), tuple(facts.get("channels", ())))


def _parse_moment(facts: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(facts[name]) if facts.get(name) else None


def _progress_from_item(item: ProgressItem) -> Progress:
    facts = item.facts
    attempts = {
        performance_id: Attempt(
            performance_id,
            datetime.fromisoformat(stored["queued_at"]),
            _attribution_from_dict(stored),
            unconfirmed_at=_parse_moment(stored, "unconfirmed_at"),
            staged_at=_parse_moment(stored, "staged_at"),
            posted_at=_parse_moment(stored, "posted_at"),
            failed_at=_parse_moment(stored, "failed_at"),
            failure=stored.get("failure"),
            disclosed=bool(stored.get("disclosed")),
            cut=stored.get("cut"),
            response=_response_from_list(stored["response"]) if "response" in stored else None,
        )
        for performance_id, stored in facts.get("attempts", {}).items()
    }
    seen = facts.get("sight")
    impression = (
        Impression(datetime.fromisoformat(seen["seen_at"]), _attribution_from_dict(seen))
        if seen
        else None
    )
    dismissal = Dismissal(_parse_moment(facts, "dismissed_at"), _parse_moment(facts, "undone"))
    return Progress(item.zone, attempts, impression, dismissal, _parse_moment(facts, "left_at"))


def _stored_progress(item: ProgressItem) -> StoredProgress:
    return StoredProgress(
        *_member_and_activity(item.item), _progress_from_item(item), int(item.version)
    )


def _days_from_item(item: DaysItem) -> Days:
    return {date.fromisoformat(day): int(number) for day, number in item.days.items()}
