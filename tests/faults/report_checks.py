"""Compares reports of a simulation's shuffled, duplicated events with a recount."""

import random
from collections.abc import Iterator

from chalicelib.performances.events import events_of
from chalicelib.reports import worker
from tests.events import Relayed, queued, streamed
from tests.faults.simulation import Simulation

LARGEST_BATCH = 40


def report_errors(simulation: Simulation, dice: random.Random) -> Iterator[str]:
    """Deliver all performance events to reports; yield the differences that a recount finds."""
    container, relayed = simulation.container, Relayed(events_of)
    for number, (before, after) in enumerate(simulation.changes):
        (record,) = streamed([after], [before])["Records"]
        relayed.relay([{**record, "eventID": str(number)}])
    events = relayed.events + dice.choices(relayed.events, k=len(relayed.events) // 2)
    dice.shuffle(events)
    while events:
        batch = events[: dice.randint(1, LARGEST_BATCH)]
        del events[: len(batch)]
        if worker.count_events(container.event_counters, queued(*batch))["batchItemFailures"]:
            yield "reports did not take their events"
    program_id = simulation.program.program_id
    for member in container.programs.members(program_id):
        container.person_counter.count(program_id, member.member_id)
    for each in container.reports_rebuilder.findings(program_id, lambda _: None):
        yield f"reports: {each}"
