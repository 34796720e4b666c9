"""Measures an export of many rows: `python -m bench.exports`.

The worker makes the file of all members out of recorded pages of 100, each decoded anew from the
JSON that DynamoDB answers. So what is measured is the function's own work: processor seconds and
memory. The calls, two for each page, are counted and not made; AWS takes some milliseconds for one.
Fails above half of the function's time, or above its memory.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import click

from bench.seeding import Reported, members, progress
from chalicelib.foundation.events import Change
from chalicelib.foundation.pages import MAX_LIMIT, Page
from chalicelib.programs.model import Member
from chalicelib.programs.store import MemberItem
from chalicelib.reports import worker
from chalicelib.reports.events import ExportRequested
from chalicelib.reports.report_exports.store import ExportStatus, Table
from chalicelib.reports.store import ProgressItem, StoredProgress, _stored_progress
from local import functions, template
from local.home import PROJECT
from local.process_environment import isolate_environment
from tests.clock import StoppedClock
from tests.events import queued
from tests.integration.reporting_greenroom import ReportingGreenroom

FUNCTION = "reports_make_exports"
SHARE = 0.5
CALLS_A_PAGE = 2
MEGABYTE = 1_048_576


class RepeatedPage:
    """Answers every page with one recorded page of members and their progress."""

    def __init__(self, greenroom: ReportingGreenroom, rows: int) -> None:
        program_id, now = greenroom.program.program_id, greenroom.clock.now()
        people = members(program_id, MAX_LIMIT, now, ["chn_1", "chn_2", "chn_3"])
        of = Reported(program_id, "act_1", "cmp_1", ())
        self._members = json.dumps([each.to_dynamodb_dict() for each in people])
        did = list(progress(of, people, now))
        self._progress = json.dumps([each.to_dynamodb_dict() for each in did])
        self._left = rows // MAX_LIMIT
        self.calls = 0

    def members(self, *_: object) -> Page[Member]:
        self._left -= 1
        self.calls += 1
        page = tuple(_decoded(MemberItem, each).to_member() for each in json.loads(self._members))
        return Page(page, str(self._left) if self._left else None)

    def progress(self, *_: object) -> Iterator[StoredProgress]:
        self.calls += 1
        return (
            _stored_progress(_decoded(ProgressItem, each)) for each in json.loads(self._progress)
        )


def _decoded(model: Any, raw: dict[str, Any]) -> Any:
    return model.from_raw_data(raw)


@click.command()
@click.option("--rows", default=100_000, show_default=True)
def main(rows: int) -> None:
    """Measure the export of this many members."""
    isolate_environment()
    declared = functions.declared(template.declarations(PROJECT / "infra"))
    limits = next(each for each in declared if each.name == FUNCTION)
    greenroom = ReportingGreenroom(StoppedClock())
    container, manager = greenroom.container, greenroom.manager
    recorded = RepeatedPage(greenroom, rows)
    export = container.report_exports.request_export(manager, Table.MEMBERS)
    asked = Change("1", greenroom.clock.now(), {}, {}).event(
        export.program_id, ExportRequested(export.export_id)
    )
    idle = _peak()
    with (
        patch.object(container.members, "members", recorded.members),
        patch.object(container.report_store, "progress_of_members", recorded.progress),
    ):
        begun, at_work = time.perf_counter(), time.process_time()
        worker.make_exports(container.report_export_maker, queued(asked))
        at_work, taken = time.process_time() - at_work, time.perf_counter() - begun
    made = container.report_exports.export(manager, export.export_id)
    size = len(greenroom.cloud.objects[made.key])
    above = _peak() - idle
    greenroom.close()
    click.echo(f"{made.rows:,} rows, {size / MEGABYTE:.1f} MB, {recorded.calls:,} calls for pages")
    click.echo(f"at work {at_work:.1f} s (of {limits.seconds} s), {taken:.1f} s by the clock")
    click.echo(f"{above / MEGABYTE:.0f} MB above the idle process (of {limits.memory} MB)")
    right = made.status is ExportStatus.READY and made.rows == rows
    fits = at_work <= SHARE * limits.seconds and above <= limits.memory * MEGABYTE
    sys.exit(0 if right and fits else 1)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
