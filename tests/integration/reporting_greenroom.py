"""A Greenroom in memory that delivers its events to reports when a test says so."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chalicelib.activities import events as activities
from chalicelib.foundation.events import Event
from chalicelib.foundation.identity import Caller
from chalicelib.performances import events as performances
from chalicelib.performances.model import Performance
from chalicelib.programs import events as programs
from chalicelib.reports import events as reports
from chalicelib.reports import worker
from chalicelib.reports.worklist.service import Worklist
from chalicelib.rewards import events as rewards
from tests.clock import StoppedClock
from tests.events import Relayed, passes, queued, streamed
from tests.faults.expressions import Item
from tests.integration.greenroom import reference_of
from tests.integration.in_memory_greenroom import InMemoryGreenroom, ScriptedTikTok

DERIVED = {
    "ProgramsTable": ("programs_relay", programs.events_of),
    "ActivitiesTable": ("activities_relay", activities.events_of),
    "MarksTable": ("activities_publish_dismissals", activities.events_of_marks),
    "PerformancesTable": ("performances_queue_and_relay", performances.events_of),
    "RewardsTable": ("rewards_relay", rewards.events_of),
}


class ReportingGreenroom(InMemoryGreenroom):
    """Records every change, and delivers its events to the report counters."""

    clock: StoppedClock

    def __init__(self, clock: StoppedClock) -> None:
        self.tiktok = ScriptedTikTok()
        self._changes: list[tuple[str, Item, Item]] = []
        super().__init__(clock, self.tiktok)

    def _changed(self, table: str, before: Item | None, after: Item | None) -> None:
        self._changes.append((table, before or {}, after or {}))
        super()._changed(table, before, after)

    # --- events -------------------------------------------------------------------------------

    def events(self) -> list[Event[Any]]:
        """Derive the events of all changes since the last call."""
        told, self._changes = self._changes, []
        found: list[Event[Any]] = []
        for number, (table, before, after) in enumerate(told):
            if table in DERIVED:
                relay, events_of = DERIVED[table]
                relayed = Relayed(events_of)
                (record,) = streamed([after], [before])["Records"]
                if not passes(relay, record):
                    continue
                record["eventID"] = f"{id(told)}-{number}"
                record["dynamodb"]["ApproximateCreationDateTime"] = self.clock.now().timestamp()
                relayed.relay([record])
                found += [each for each in relayed.events if each.payload.TYPE in COUNTED]
            elif table == "ReportsTable" and after.get("item", {}).get("S", "").startswith("seen#"):
                relayed = Relayed(reports.events_of)
                (record,) = streamed([after], [before])["Records"]
                record["eventID"] = f"{id(told)}-{number}"
                relayed.relay([record])
                found += relayed.events
        return found

    def deliver(self, events: Sequence[Event[Any]]) -> None:
        """Deliver events to the report counters, as the bus and the stream do."""
        seen = [each for each in events if isinstance(each.payload, reports.ActivitiesSeen)]
        others = [each for each in events if each not in seen]
        if others:
            answer = worker.count_events(self.container.event_counters, queued(*others))
            assert answer == {"batchItemFailures": []}
        for each in seen:
            counted = worker.count_facts(self.container.fact_counter, [each])
            assert counted == ()

    def deliver_all(self, dice: random.Random | None = None) -> None:
        """Deliver pending events; with dice, shuffled, half of them twice, in random batches."""
        found = self.events()
        if dice is None:
            if found:
                self.deliver(found)
            return
        found += dice.choices(found, k=len(found) // 2) if found else []
        dice.shuffle(found)
        while found:
            number = dice.randint(1, 7)
            self.deliver(found[:number])
            found = found[number:]

    def advance(self, **step: float) -> None:
        self.clock.advance(timedelta(**step))

    # --- people -------------------------------------------------------------------------------

    def join(self, name: str) -> Caller:
        """Add a member with a connected TikTok account."""
        member = self.member(name)
        self.connect_account(member, name)
        return self.now(member)

    def perform_and_stage(
        self, caller: Caller, activity: Any, behaviour: str = "takes it"
    ) -> Performance:
        """Perform an activity and stage it, with TikTok behaving as given."""
        made = self.perform(caller, activity)
        self.stage(made, behaviour)
        return made

    def stage(self, performance: Performance, behaviour: str = "takes it") -> None:
        self.tiktok.behaviour = behaviour
        self.container.stager.stage(reference_of(performance))

    def worklist(self) -> Worklist:
        return self.container.worklist.worklist(self.manager)

    def codes(self) -> list[str]:
        return [each.code for each in self.worklist().items]


COUNTED = {each.TYPE for each in worker.COUNTED_EVENTS}
