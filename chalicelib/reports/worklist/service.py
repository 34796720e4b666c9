"""The worklist: what needs a hand of a manager, and what puts it there.

Its items follow from events: of activities from counters that are written with the progress
of their members, of people from how they were counted last. So an item goes when what caused it is
mended, and nobody has to tick it off.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

from chalicelib.activities.model import ActivityState
from chalicelib.activities.service import ActivityLifecycle
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Conflict
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import local_time
from chalicelib.reports.model import (
    ARCHIVED_MARK,
    MAX_MEMBER_IDS,
    MAX_NAMES,
    WorklistEntry,
    WorklistItem,
    WorklistKind,
    activity_worklist_items,
    archived_mark,
)
from chalicelib.reports.store import ReportStore, WorklistRow
from chalicelib.rewards.model import Redemption, RedemptionStatus
from chalicelib.webhooks.model import Webhook, WebhookState

MAX_READ = 3000
"""Items read for a worklist: one query of less than a megabyte."""

MAX_CHECKS = 5


def _update_entry(
    store: ReportStore,
    program_id: str,
    at: datetime,
    look: Callable[[], tuple[bool, WorklistEntry]],
) -> None:
    """Put something onto the worklist or take it off, as `look` says now.

    It is looked at again after it was written: of two workers at it the later one is right. Raises
    `Conflict` if it keeps changing.
    """
    there, entry = look()
    for _ in range(MAX_CHECKS):
        if there:
            store.put_worklist_entry(program_id, entry, at)
        else:
            store.remove_worklist_entry(program_id, entry)
        was = there
        there, entry = look()
        if there is was:
            return
    raise Conflict


class AppRefusals:
    """Records that TikTok refuses the deployment's app while a send waits for its repair."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def note_refusal(self, program_id: str, at: datetime) -> None:
        """Note that a send waits since an instant."""
        self._store.put_worklist_entry(
            program_id, WorklistEntry(WorklistKind.APP, "", at, days=1), at
        )

    def clear_refusal(self, program_id: str, at: datetime) -> None:
        """Take the note back once a video reached an inbox after it: a read, mostly."""
        since = self._store.worklist_entry_since(
            program_id, WorklistEntry(WorklistKind.APP, "", at)
        )
        if since and since <= at:
            self._store.remove_worklist_entry(program_id, WorklistEntry(WorklistKind.APP, "", at))
            logger.info("tiktok takes the app again")


class RefusedVideos:
    """Activities that were rejected with their video."""

    def __init__(self, store: ReportStore, activities: ActivityLifecycle) -> None:
        self._store = store
        self._activities = activities

    def refresh(self, program_id: str, activity_id: str, at: datetime) -> None:
        """Note an activity that is rejected, or take the note back, as the tables say now."""

        def now() -> tuple[bool, WorklistEntry]:
            activity = self._activities.activity(program_id, activity_id)
            rejected = activity is not None and activity.state is ActivityState.REJECTED
            title = activity.instructions if activity else ""
            return rejected, WorklistEntry(WorklistKind.REFUSED, activity_id, at, title=title)

        _update_entry(self._store, program_id, at, now)


class ArchivedActivities:
    """Activities with which nobody will do anything any more: they are kept off the worklist."""

    def __init__(self, store: ReportStore, activities: ActivityLifecycle) -> None:
        self._store = store
        self._activities = activities

    def refresh(self, program_id: str, activity_id: str, at: datetime) -> None:
        """Keep an activity off the worklist if it is archived, or no longer, as the tables say."""

        def now() -> tuple[bool, WorklistEntry]:
            activity = self._activities.activity(program_id, activity_id)
            archived = activity is not None and activity.state is ActivityState.ARCHIVED
            return archived, archived_mark(activity_id, at)

        _update_entry(self._store, program_id, at, now)


class Redemptions(Protocol):
    """Reads redemptions, as far as the worklist needs them."""

    def redemption(self, program_id: str, redemption_id: str) -> Redemption | None: ...

    def all_of(self, owner: str) -> Iterator[Redemption]: ...


class OpenRedemptions:
    """Redemptions that wait for a manager."""

    def __init__(self, store: ReportStore, redemptions: Redemptions) -> None:
        self._store = store
        self._redemptions = redemptions

    def refresh(self, program_id: str, redemption_id: str, at: datetime) -> None:
        """Note a redemption that waits, or take the note back, as the tables say now."""

        def now() -> tuple[bool, WorklistEntry]:
            found = self._redemptions.redemption(program_id, redemption_id)
            waits = found is not None and found.status is RedemptionStatus.REQUESTED
            title = f"{found.title}, {found.member_name}" if found else ""
            since = found.requested_at if found else at
            return waits, WorklistEntry(WorklistKind.REDEMPTION, redemption_id, since, title=title)

        _update_entry(self._store, program_id, at, now)

    def ids_of(self, owner: str) -> frozenset[str]:
        """Return the ids of all that a member redeemed, whatever became of it."""
        return frozenset(each.redemption_id for each in self._redemptions.all_of(owner))


class Webhooks(Protocol):
    """Reads webhooks, as far as the worklist needs them."""

    def get(self, program_id: str, webhook_id: str) -> Webhook | None: ...


class DisabledWebhooks:
    """Webhooks at which nothing got through for days."""

    def __init__(self, store: ReportStore, webhooks: Webhooks) -> None:
        self._store = store
        self._webhooks = webhooks

    def refresh(self, program_id: str, webhook_id: str, at: datetime) -> None:
        """Note a webhook that is disabled, or take the note back, as the tables say now."""

        def now() -> tuple[bool, WorklistEntry]:
            found = self._webhooks.get(program_id, webhook_id)
            disabled = found is not None and found.state is WebhookState.DISABLED
            since = found.disabled_at if found else None
            title = found.name if found else ""
            return disabled, WorklistEntry(
                WorklistKind.WEBHOOK, webhook_id, since or at, title=title
            )

        _update_entry(self._store, program_id, at, now)


class RefusedAddresses:
    """Members whose address takes no mails: they came back, or the person complained."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store

    def note_refusal(self, program_id: str, member_id: str, name: str, at: datetime) -> None:
        """Note that nothing is mailed to a member any more."""
        self._store.put_worklist_entry(
            program_id, WorklistEntry(WorklistKind.ADDRESS, member_id, at, title=name), at
        )

    def clear_refusal(self, program_id: str, member_id: str, at: datetime) -> None:
        """Take the note back; there may be none."""
        self._store.remove_worklist_entry(
            program_id, WorklistEntry(WorklistKind.ADDRESS, member_id, at)
        )


@dataclass(frozen=True)
class Worklist:
    """Items that need a manager; `complete` is false where there are more than are shown."""

    items: tuple[WorklistItem, ...]
    complete: bool


class WorklistService:
    """Reads the worklist."""

    def __init__(self, store: ReportStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def worklist(self, caller: Caller) -> Worklist:
        """Return what needs a hand now: one query.

        Days are the program's, as those that sends are counted by, whatever the caller's zone.
        """
        now = self._clock.now()
        rows, more = self._store.worklist(caller.program_id, MAX_READ, now)
        items = list(_items(rows, now, caller.default_zone()))
        return Worklist(tuple(items), complete=not more)


def _items(rows: Sequence[WorklistRow], now: datetime, zone: str) -> Iterator[WorklistItem]:
    today = local_time(now, zone).date()
    for kind in WorklistKind:
        mine = [each for each in rows if each.kind is kind and not each.is_over(now)]
        if kind is WorklistKind.ACTIVITY:
            yield from _activity_items(mine, today)
        elif kind in (
            WorklistKind.REFUSED,
            WorklistKind.UNLIKELY,
            WorklistKind.APP,
            WorklistKind.WEBHOOK,
        ):
            for each in mine:
                yield WorklistItem(
                    kind.value,
                    each.thing_id or None,
                    each.title,
                    local_time(each.since, zone).date(),
                    count=each.numbers.get("number", 1),
                    member_ids=(each.thing_id,) if kind is WorklistKind.UNLIKELY else (),
                )
        else:
            yield from _combined_items(kind, [each for each in mine if each.since <= now], zone)


def _activity_items(rows: Sequence[WorklistRow], today: date) -> Iterator[WorklistItem]:
    summed: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    archived = {each.thing_id for each in rows if each.part == ARCHIVED_MARK}
    for each in (row for row in rows if row.thing_id not in archived):
        summed.setdefault(each.thing_id, Counter()).update(each.numbers)
        titles[each.thing_id] = titles.get(each.thing_id) or each.title
    for activity_id, numbers in summed.items():
        yield from activity_worklist_items(activity_id, titles[activity_id], numbers, today)


def _combined_items(
    kind: WorklistKind, rows: Sequence[WorklistRow], zone: str
) -> Iterator[WorklistItem]:
    """Return one item for all people, or redemptions, that need the same hand."""
    if not rows:
        return
    found = sorted(rows, key=lambda each: each.since)
    alone = found[0].thing_id if len(found) == 1 else None
    names = tuple(each.title for each in found[:MAX_NAMES])
    title = found[0].title if alone else ""
    since = local_time(found[0].since, zone).date()
    people = () if kind is WorklistKind.REDEMPTION else found[:MAX_MEMBER_IDS]
    member_ids = tuple(each.thing_id for each in people)
    yield WorklistItem(
        kind.value, alone, title, since, len(found), names=names, member_ids=member_ids
    )
