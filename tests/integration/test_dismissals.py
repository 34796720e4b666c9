"""Managers learn how many members dismissed an activity, and nowhere who."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.foundation.events import Change
from chalicelib.reports import worker
from chalicelib.reports.events import ExportRequested
from chalicelib.reports.report_exports.store import Table
from tests.clock import StoppedClock
from tests.e2e.contract import Contract
from tests.e2e.permissions import PERMISSIONS
from tests.events import queued
from tests.integration.in_process_api import InProcessApi
from tests.integration.reporting_greenroom import ReportingGreenroom

LOOKS = [each for each in Contract().operations if each.method == "GET" and each.manager_only]
THINGS = {
    Table.ACTIVITY: "activity_id",
    Table.PERFORMANCES: "activity_id",
    Table.CAMPAIGN: "campaign_id",
}
NUMBERS = {"dismissed"}


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            yield from leaves(each, f"{name}/{key}")
    else:
        yield name, value


def answers(
    reporting: ReportingGreenroom, api: InProcessApi, ids: Mapping[str, str]
) -> dict[str, Any]:
    """Return every value of every answer that a manager gets by looking."""
    found: dict[str, Any] = {}
    for operation in LOOKS:
        path = operation.path.format(**{each: ids.get(each, "none") for each in operation.names})
        query = dict(PERMISSIONS[operation.operation_id].query)
        if operation.operation_id == "reports_totals":
            query["activity_ids"] = ids["activity_id"]
        status, body = api.call(reporting.manager, "GET", path, **query)
        assert status in {200, 404}, (path, body)
        found |= {f"{path} {name}": each for name, each in leaves(body)}
    return found


def cells(reporting: ReportingGreenroom, ids: Mapping[str, str]) -> dict[str, str]:
    """Return every cell of every file that a manager may ask for, but the trail of asking."""
    found: dict[str, str] = {}
    for table in set(Table) - {Table.AUDIT}:
        thing = THINGS.get(table)
        export = reporting.container.report_exports.request_export(
            reporting.manager, table, thing_id=ids[thing] if thing else None
        )
        payload = ExportRequested(export.export_id)
        told = Change("1", reporting.clock.now(), {}, {}).event(export.program_id, payload)
        worker.make_exports(reporting.container.report_export_maker, queued(told))
        made = reporting.container.report_exports.export(reporting.manager, export.export_id)
        text = reporting.cloud.objects[made.key].decode("utf-8-sig")
        header, *rows = csv.reader(io.StringIO(text))
        for number, row in enumerate(rows):
            named = zip(header, row, strict=True)
            found |= {f"{table.value}/{number}/{name}": each for name, each in named}
    return found


def test_a_dismissal_changes_numbers_alone_wherever_a_manager_looks(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = InProcessApi(reporting, monkeypatch)
    amy, ben = reporting.join("amy"), reporting.join("ben")
    campaign = reporting.container.campaigns.create(reporting.manager, "Autumn")
    activity = reporting.activity(campaign_id=campaign.campaign_id)
    reporting.perform_and_stage(amy, activity)
    reporting.deliver_all()
    ids = {
        "activity_id": activity.activity_id,
        "campaign_id": campaign.campaign_id,
        "member_id": ben.member_id,
    }
    files, shown = cells(reporting, ids), answers(reporting, api, ids)
    reporting.container.activities.dismiss(ben, activity.activity_id)
    reporting.deliver_all()
    shown_after, files_after = answers(reporting, api, ids), cells(reporting, ids)
    for before, after in ((shown, shown_after), (files, files_after)):
        assert before.keys() == after.keys()
        changed = {name: after[name] for name in after if after[name] != before[name]}
        assert {name.rpartition("/")[2] for name in changed} == NUMBERS
        assert {str(each) for each in changed.values()} == {"1"}
    assert ben.member_id in str(shown_after.values())  # they are shown, as the member they are
