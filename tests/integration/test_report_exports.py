"""Exports: every report as a file that spreadsheets open as text, made aside, fetched by a link."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation import actors
from chalicelib.foundation.actors import Origin, acting
from chalicelib.foundation.events import Change
from chalicelib.foundation.http import Answer, Request
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.programs.model import ChannelKind
from chalicelib.reports import worker
from chalicelib.reports.events import ExportRequested
from chalicelib.reports.model import TO_PERFORM, TO_POST
from chalicelib.reports.report_exports import routes
from chalicelib.reports.report_exports import service as exports
from chalicelib.reports.report_exports.service import MAX_EXPORTS_IN_PROGRESS
from chalicelib.reports.report_exports.store import Export, ExportItem, ExportStatus, Table
from tests.clock import StoppedClock
from tests.events import queued
from tests.integration.reporting_greenroom import ReportingGreenroom


@pytest.fixture
def reporting(clock: StoppedClock) -> Iterator[ReportingGreenroom]:
    made = ReportingGreenroom(clock)
    yield made
    made.close()


def exported(
    reporting: ReportingGreenroom, table: Table, **asked: Any
) -> tuple[Export, list[list[str]]]:
    """Ask for an export, let it be made, and read its file."""
    service = reporting.container.report_exports
    export = service.request_export(reporting.manager, table, **asked)
    assert (export.status, service.link(export)) == (ExportStatus.MAKING, None)
    payload = ExportRequested(export.export_id)
    event = Change("1", reporting.clock.now(), {}, {}).event(export.program_id, payload)
    answer = worker.make_exports(reporting.container.report_export_maker, queued(event))
    assert answer == {"batchItemFailures": []}
    made = service.export(reporting.manager, export.export_id)
    content = reporting.cloud.objects.get(made.key, b"")
    text = content.decode("utf-8")
    assert not content or text.startswith("\ufeff")
    return made, list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_an_export_of_members_has_a_row_for_each_and_no_formula(
    reporting: ReportingGreenroom,
) -> None:
    names = ['=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(A1)", 'Quote " and, comma', "Zoë 茶"]
    for number, name in enumerate(names):
        member = reporting.member(f"m{number}")
        reporting.container.program_store.change_profile(
            reporting.container.programs.member(member.program_id, member.member_id),  # type: ignore[arg-type]
            _renamed(reporting, member.member_id, name),
        )
    made, (header, *rows) = exported(reporting, Table.MEMBERS)
    assert (made.status, made.rows) == (ExportStatus.READY, len(names) + 1)
    assert header[:3] == ["member", "email", "role"]
    told = {row[0] for row in rows}
    assert {f"'{name}" for name in names[:4]} | set(names[4:]) <= told
    assert all(
        not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row
    )


def _renamed(reporting: ReportingGreenroom, member_id: str, name: str) -> Any:
    member = reporting.container.programs.member(reporting.program.program_id, member_id)
    assert member
    return replace(member, name=name)


@pytest.mark.parametrize("table", Table)
def test_every_report_can_be_exported_and_an_empty_one_is_its_header(
    reporting: ReportingGreenroom, table: Table
) -> None:
    activity = reporting.activity()
    campaign = reporting.container.campaigns.create(reporting.manager, "Autumn")
    thing = campaign.campaign_id if table is Table.CAMPAIGN else activity.activity_id
    made, (header, *rows) = exported(reporting, table, thing_id=thing)
    assert made.status is ExportStatus.READY
    assert made.rows == len(rows)
    assert all(len(row) == len(header) for row in rows)
    if table in (Table.PERFORMANCES, Table.CHANNELS):
        assert rows == []


def test_an_export_of_who_performed_goes_through_all_pages(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MAX_LIMIT", 1)
    activity = reporting.activity()
    for number in range(3):
        reporting.perform_and_stage(
            reporting.join(f"m{number}"), activity, "refuses" if number else "posts"
        )
    reporting.deliver_all()
    _, (header, *rows) = exported(reporting, Table.PERFORMANCES, thing_id=activity.activity_id)
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert sorted(each["status"] for each in told) == ["failed", "failed", "posted"]
    assert {each["reason"] for each in told if each["status"] == "failed"} == {
        "TikTok is holding the video back as possible spam."
    }


@pytest.mark.parametrize("table", [Table.OVERVIEW, Table.ACTIVITY, Table.CAMPAIGN])
def test_an_export_by_day_adds_up_to_the_reasons_and_times_of_its_screen(
    reporting: ReportingGreenroom, table: Table
) -> None:
    container, manager = reporting.container, reporting.manager
    campaign = container.campaigns.create(manager, "Autumn")
    activity = reporting.activity(campaign_id=campaign.campaign_id)
    whats = ("posts", "refuses", "refuses", "posts")
    for number, (what, seen_before) in enumerate(zip(whats, (3, 30, 300, 0), strict=True)):
        member = reporting.join(f"m{number}")
        if seen_before:
            container.reports.note_seen(member, [activity.activity_id])
            reporting.advance(minutes=seen_before)
        reporting.perform_and_stage(member, activity, what)
        reporting.advance(hours=20)
    reporting.deliver_all()
    thing = campaign.campaign_id if table is Table.CAMPAIGN else activity.activity_id
    _, (header, *rows) = exported(reporting, table, thing_id=thing)
    days = [dict(zip(header, row, strict=True)) for row in rows]
    sums = {name: sum(int(each[name]) for each in days) for name in header if name != "day"}
    tally = container.reports.overview(manager, None, None).report.tally
    lost = {f"failed_{code}": number for code, number in tally.lost}
    assert {name: sums[name] for name in sums if name.startswith("failed_")} == lost
    assert (sum(lost.values()), len(lost)) == (sums["failed"], 1)
    for of, start in ((TO_PERFORM, "seen_to_sent_"), (TO_POST, "in_inbox_to_posted_")):
        classes = tuple(sums[name] for name in header if name.startswith(start))
        assert classes == tally.times(of).classes
        assert sum(classes) == {TO_PERFORM: 3, TO_POST: 2}[of]
    assert [sums[f"seen_to_sent_{each}"] for each in ("5_minutes", "1_hour", "1_day")] == [1, 1, 1]


def test_an_export_of_members_goes_through_all_pages(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "MAX_LIMIT", 2)
    invited = [reporting.member(f"m{number}") for number in range(5)]
    made, (header, *rows) = exported(reporting, Table.MEMBERS)
    addresses = [dict(zip(header, row, strict=True))["email"] for row in rows]
    assert made.rows == len(set(addresses)) == len(rows) > len(invited)


def test_a_request_that_comes_twice_or_days_late_makes_no_second_file(
    reporting: ReportingGreenroom,
) -> None:
    made, _ = exported(reporting, Table.MEMBERS)
    del reporting.cloud.objects[made.key]
    event = Change("1", made.asked_at, {}, {}).event(
        made.program_id, ExportRequested(made.export_id)
    )
    for days in (0, 1, 5):
        reporting.advance(days=days)
        batch = queued(event, event)
        answer = worker.make_exports(reporting.container.report_export_maker, batch)
        assert answer == {"batchItemFailures": []}
        assert made.key not in reporting.cloud.objects


def test_an_export_of_what_is_not_there_fails_and_says_so(reporting: ReportingGreenroom) -> None:
    made, rows = exported(reporting, Table.ACTIVITY, thing_id="act_none")
    assert (made.status, made.reason, rows) == (
        ExportStatus.FAILED,
        "There is no such activity.",
        [],
    )


def test_nothing_is_made_for_somebody_who_is_no_manager_any_more(
    reporting: ReportingGreenroom,
) -> None:
    other = reporting.member("other")
    reporting.container.members.change_role(reporting.manager, other.member_id, Role.MANAGER)
    service = reporting.container.report_exports
    export = service.request_export(reporting.now(other), Table.MEMBERS)
    reporting.container.members.change_role(reporting.manager, other.member_id, Role.MEMBER)
    reporting.container.report_export_maker.make(export.program_id, export.export_id)
    made = service.export(reporting.manager, export.export_id)
    assert (made.status, service.link(made)) == (ExportStatus.FAILED, None)
    assert made.key not in reporting.cloud.objects


def test_a_report_without_its_subject_or_a_valid_period_is_refused(
    reporting: ReportingGreenroom,
) -> None:
    today = reporting.clock.now().date()
    wanted: tuple[tuple[Table, dict[str, Any]], ...] = (
        (Table.ACTIVITY, {}),
        (Table.CAMPAIGN, {}),
        (Table.OVERVIEW, {"first": today, "last": today.replace(year=today.year - 1)}),
        (Table.OVERVIEW, {"first": today.replace(year=today.year - 3), "last": today}),
    )
    for table, asked in wanted:
        with pytest.raises(Problem) as raised:
            reporting.container.report_exports.request_export(reporting.manager, table, **asked)
        named = {"activity_id", "campaign_id", "from_day", "to_day"}
        assert raised.value.errors[0].field in named


def test_a_program_has_so_many_files_in_the_making_and_no_other_waits_for_it(
    reporting: ReportingGreenroom,
) -> None:
    service, manager = reporting.container.report_exports, reporting.manager

    def ask(made_id: str | None = None) -> Export:
        reporting.advance(seconds=1)
        return service.request_export(manager, Table.MEMBERS, made_id=made_id)

    asked = [ask("0first"), *(ask() for _ in range(MAX_EXPORTS_IN_PROGRESS - 1))]
    for _ in range(3):
        with pytest.raises(Problem) as raised:
            ask()
        assert raised.value.code is ProblemCode.LIMIT_REACHED
        limit = {
            "quota": "exports",
            "limit": MAX_EXPORTS_IN_PROGRESS,
            "used": MAX_EXPORTS_IN_PROGRESS,
        }
        assert raised.value.members == limit
    assert ask("0first").export_id == asked[0].export_id  # its answer was lost
    reporting.container.programs.create_program("Other", "UTC", "boss@other.example")
    service.request_export(reporting.sign_in("boss@other.example"), Table.MEMBERS)
    reporting.container.report_export_maker.make(manager.program_id, asked[3].export_id)
    ask()
    reporting.advance(hours=3)
    ask()  # what was never made keeps nobody waiting


def test_a_filter_that_a_report_does_not_have_is_refused_rather_than_ignored(
    reporting: ReportingGreenroom,
) -> None:
    for asked, refused in (
        ({"report": "members", "activity_id": "act_1"}, {"activity_id"}),
        (
            {"report": "overview", "actor": "mem_1", "since": reporting.clock.now()},
            ["actor", "since"],
        ),
        ({"report": "audit", "from_day": "2026-11-01"}, {"from_day"}),
        ({"report": "performances", "activity_id": "act_1", "to_day": "2026-11-01"}, {"to_day"}),
        ({"report": "campaign", "campaign_id": "cmp_1", "activity_id": "act_1"}, {"activity_id"}),
    ):
        with pytest.raises(Problem) as raised:
            over_http(reporting, asked)
        assert {(each.field, each.code) for each in raised.value.errors} == {
            (each, "extra_forbidden") for each in refused
        }
    nothing = dict.fromkeys(("activity_id", "campaign_id", "actor", "from_day"))
    assert over_http(reporting, {"report": "members", **nothing}).status == 202


def over_http(reporting: ReportingGreenroom, asked: dict[str, Any]) -> Answer:
    body = routes.NewExport.model_validate(asked)
    request: Request[Any, Any] = Request(reporting.manager, body, None, {}, "correlation", {}, b"")
    return routes.ask.handle(reporting.container.report_exports, request)


def test_a_link_is_of_this_one_file_and_good_for_ten_minutes(
    reporting: ReportingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = exported(reporting, Table.MEMBERS)
    link = reporting.container.report_exports.link(made)
    assert link is not None
    assert made.key in link
    assert "Expires=600" in link or "X-Amz-Expires=600" in link


def test_an_export_is_there_for_a_day_and_its_note_for_longer_than_its_file(
    reporting: ReportingGreenroom,
) -> None:
    """S3 removes the file at the first midnight a day after it; an erasure finds it until then."""
    made, _ = exported(reporting, Table.MEMBERS)
    service, database = reporting.container.report_exports, reporting.container.database
    reporting.advance(hours=23, minutes=59)
    assert service.export(reporting.manager, made.export_id).status is ExportStatus.READY
    reporting.advance(minutes=1)
    with pytest.raises(Problem) as gone:
        service.export(reporting.manager, made.export_id)
    assert gone.value.code is ProblemCode.NOT_FOUND
    (note,) = database.raw_items(ExportItem, f"{made.program_id}/exports")
    goes_at = datetime.fromtimestamp(int(note["expires_at"]), UTC)
    assert goes_at >= made.asked_at + timedelta(days=2)


def test_the_audit_trail_is_exported_by_the_same_filters_with_names_and_no_formula(
    reporting: ReportingGreenroom,
) -> None:
    container, manager = reporting.container, reporting.manager
    with acting(actors.member(manager.member_id), Origin("203.0.113.9", "manager")):
        campaign = container.campaigns.create(manager, "=1+1")
        container.channels.create(manager, "Sales", ChannelKind.PUBLIC)
    _, (header, *everything) = exported(reporting, Table.AUDIT)
    assert header[:4] == ["at", "name", "actor", "role"]
    assert len(everything) > 3
    wanted = EntryFilter(
        actor=manager.member_id,
        thing=campaign.campaign_id,
        kind=Kind.CAMPAIGN_CREATED,
        since=reporting.clock.now() - timedelta(hours=1),
        until=reporting.clock.now() + timedelta(hours=1),
    )
    made, (_, row) = exported(reporting, Table.AUDIT, trail=wanted)
    assert (made.rows, made.trail) == (1, wanted)
    told = dict(zip(header, row, strict=True))
    assert (told["name"], told["address"]) == (manager.name, "203.0.113.9")
    assert (told["kind"], told["thing"]) == ("campaign.created", "'=1+1")
    assert told["after"] == '{"name":"=1+1"}'
