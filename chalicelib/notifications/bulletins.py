"""The open activities of a program, for all its members: written anew at each change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.activities.model import Activity, ActivityState, OpenActivity
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.ids import made_at
from chalicelib.foundation.table import Conflict
from chalicelib.notifications.model import (
    Bulletin,
    BulletinEntry,
    ProgramPlan,
    bound_entries,
    is_due_between,
    next_due_at,
    short_title,
)
from chalicelib.notifications.store import MAX_ATTEMPTS, NoticeStore
from chalicelib.programs.model import Program
from chalicelib.programs.service import ProgramService


class Activities(Protocol):
    """Reads activities, as far as notices need them."""

    def open_activities(self, program_id: str) -> Sequence[OpenActivity]: ...

    def activities(self, program_id: str, ids: Sequence[str]) -> Mapping[str, Activity]: ...


class BulletinWriter:
    """Writes bulletins, and when their programs are to be looked at."""

    def __init__(
        self, store: NoticeStore, programs: ProgramService, activities: Activities, clock: Clock
    ) -> None:
        self._store = store
        self._programs = programs
        self._activities = activities
        self._clock = clock

    @retry_conflicts(attempts=MAX_ATTEMPTS)
    def refresh(
        self,
        program_id: str,
        activity_id: str | None = None,
        changed: Collection[str] = (),
    ) -> None:
        """Write what is open in a program now; `changed` are attributes of the activity.

        The index of open activities follows the table by milliseconds, so the activity that
        changed is looked at itself. Raises `Conflict` if others always come in between.
        """
        was = self._store.bulletin(program_id)
        entries = self._entries(program_id, activity_id)
        if entries != was.entries and not self._store.put_bulletin(was, entries):
            raise Conflict
        now = self._clock.now()
        anew = [
            each.renotify_at(changed, now) for each in entries if each.activity_id == activity_id
        ]
        # With the zone of a minute ago it is looked at too early at worst: `schedule_digests`
        # has read the new one.
        program = self._programs.cached_program(program_id)
        self._schedule(program, replace(was, entries=entries), next(iter(anew), None))

    def _entries(self, program_id: str, activity_id: str | None) -> tuple[BulletinEntry, ...]:
        found = {
            each.activity_id: _new_entry(each)
            for each in self._activities.open_activities(program_id)
        }
        if activity_id and activity_id not in found:
            changed = self._activities.activities(program_id, [activity_id])
            found |= {name: _new_entry(_open_activity_of(each)) for name, each in changed.items()}
        now = self._clock.now()
        kept = bound_entries(found.values(), now)
        wanted = [each.activity_id for each in kept]
        activities = self._activities.activities(program_id, wanted)
        return tuple(
            _with_activity_details(each, activities[each.activity_id])
            for each in kept
            if each.activity_id in activities
            and activities[each.activity_id].state is ActivityState.PUBLISHED
        )

    def schedule_digests(self, program_id: str) -> None:
        """Have a program looked at when the next digest of its members is due, or news come.

        It is read, not taken from the cache: what changed may be its zone.
        """
        self._schedule(self._programs.program(program_id), self._store.bulletin(program_id))

    def _schedule(
        self, program: Program | None, open_now: Bulletin, anew: datetime | None = None
    ) -> None:
        """Do that; now, if the instant of something `anew` has passed."""
        if program is None:
            return
        now = self._clock.now()

        def change(plan: ProgramPlan) -> ProgramPlan:
            due_at = next_due_at(plan, open_now, program.time_zone, now)
            # An activity that opened a moment ago lies ahead no more, but was not looked at yet.
            run_to = plan.run_to or now
            if anew:
                # Always another one, so that a clock that is at it right now sees a change.
                run_to = min(run_to, anew) - timedelta(seconds=1)
            # Nor does a digest that a new zone puts behind us.
            passed = is_due_between(plan.slots, open_now, program.time_zone, run_to, now)
            due_at = now if passed else due_at
            return replace(plan, run_to=run_to, due_at=min(due_at, plan.due_at or due_at))

        self._store.change_plan(program.program_id, change)


def _new_entry(opened: OpenActivity) -> BulletinEntry:
    begun = made_at(opened.activity_id)
    return BulletinEntry(
        activity_id=opened.activity_id,
        title="",
        opens_at=max(begun, opened.starts_at or begun),
        ends_at=opened.ends_at,
        channel_ids=opened.channel_ids,
    )


def _open_activity_of(activity: Activity) -> OpenActivity:
    return OpenActivity(
        activity.activity_id,
        featured=activity.featured,
        featured_changes=(),
        starts_at=activity.starts_at,
        ends_at=activity.ends_at,
        channel_ids=activity.channel_ids,
        campaign_id=activity.campaign_id,
    )


def _with_activity_details(entry: BulletinEntry, activity: Activity) -> BulletinEntry:
    """Return an entry with what the activity says now, which the index may not know yet."""
    now_open = _new_entry(_open_activity_of(activity))
    return replace(
        now_open,
        title=short_title(activity.instructions),
        points=activity.points,
        fresh=entry.fresh,
    )
