"""In every sweep that all programs share, thousands of one program hold up no other program."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import boto3
import pytest

from chalicelib.activities.store import ActivityStore
from chalicelib.foundation.settings import Settings
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.board_store import BoardStore
from chalicelib.privacy.store import PrivacyStore
from chalicelib.programs.store import ProgramStore
from chalicelib.tiktok.store import AccountStore
from chalicelib.videos.store import UploadStore
from tests.clock import NOON
from tests.integration.conftest import Calls
from tests.integration.database import database

MANY, FEW = 2000, "prg_single"
BEFORE = (NOON - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
LONG_BEFORE = (NOON - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")


@dataclass(frozen=True)
class Sweep:
    """One index that a sweep reads: what its entries have, and how programs come out of it."""

    table: str
    programs: Callable[[], Iterator[str]]
    index: tuple[str, str]
    at: str
    key: Callable[[str, str], dict[str, str]]
    more: dict[str, str] = field(default_factory=dict)

    def entry(self, program_id: str, number: int, at: str) -> dict[str, Any]:
        item_id = f"itm_{number:06}"
        fields = {
            **self.key(program_id, item_id),
            **dict([self.index]),
            **self.more,
            self.at: at,
        }
        return {name: {"S": value} for name, value in fields.items()}


def owned(program_id: str, item_id: str) -> dict[str, str]:
    return {
        "key": f"member#{program_id}/{item_id}",
        "item": "account",
        "program_id": program_id,
        "member_id": item_id,
    }


def named(program_id: str, item_id: str) -> dict[str, str]:
    return {"item": f"{program_id}/{item_id}", "program_id": program_id, "member_id": item_id}


SWEEPS = {
    "uploads to look at again": Sweep(
        "uploads_table",
        lambda: (each.program_id for each in UploadStore(database()).overdue(NOON, 300)),
        ("unfinished_in", "unfinished"),
        "look_at",
        lambda program_id, item_id: {"program_id": program_id, "upload_id": item_id},
    ),
    "activities to end": Sweep(
        "activities_table",
        lambda: (each.program_id for each in ActivityStore(database()).due_to_end(NOON, 300)),
        ("due_in", "ending"),
        "due_at",
        lambda program_id, item_id: {"program_id": program_id, "activity_id": item_id},
    ),
    "activities that wait for a verdict": Sweep(
        "activities_table",
        lambda: (each.program_id for each in ActivityStore(database()).due_undecided(NOON, 300)),
        ("due_in", "undecided"),
        "due_at",
        lambda program_id, item_id: {"program_id": program_id, "activity_id": item_id},
    ),
    "performances to follow up": Sweep(
        "performances_table",
        lambda: (each.program_id for each in PerformanceStore(database()).unfinished(NOON)),
        ("unfinished_in", "unfinished"),
        "look_at",
        lambda program_id, item_id: {
            "owner": f"{program_id}/{item_id}",
            "performance_id": item_id,
            "program_id": program_id,
            "member_id": item_id,
            "correlation_id": "correlation",
        },
    ),
    "posts whose views are read": Sweep(
        "performances_table",
        lambda: (
            each.reference.program_id for each in PerformanceStore(database()).due_counts(NOON)
        ),
        ("counts_in", "counts"),
        "count_at",
        lambda program_id, item_id: {
            "owner": f"{program_id}/{item_id}",
            "performance_id": item_id,
            "program_id": program_id,
            "member_id": item_id,
            "correlation_id": "correlation",
            "post_id": "1",
            "open_id": "open",
            "posted_at": LONG_BEFORE,
        },
    ),
    "erasures to go on with": Sweep(
        "privacy_table",
        lambda: (each.person.program_id for each in PrivacyStore(database()).erasures(NOON)),
        ("key", "erasures"),
        "next_at",
        lambda program_id, item_id: {
            **named(program_id, item_id),
            "email": "ana@demo.example",
            "name": "Ana",
            "asked_by": "mem_1",
            "asked_at": LONG_BEFORE,
        },
    ),
    "copies of one's data to make": Sweep(
        "privacy_table",
        lambda: (each.program_id for each in PrivacyStore(database()).exports_to_queue(NOON)),
        ("key", "exports"),
        "queue_at",
        lambda program_id, item_id: {**named(program_id, item_id), "export_id": item_id},
    ),
    "sends that wait for a connection": Sweep(
        "accounts_table",
        lambda: (each.program_id for each in AccountStore(database()).pending_sends(NOON)),
        ("pending_in", "pending"),
        "pending_at",
        owned,
        {"pending_activity_id": "act_1", "pending_correlation_id": "correlation"},
    ),
    "TikTok accounts to renew": Sweep(
        "accounts_table",
        lambda: (each[0] for each in AccountStore(database()).lapsing_accounts(NOON)),
        ("lapses_in", "lapses"),
        "refresh_expires_at",
        owned,
    ),
    "removed members to release": Sweep(
        "programs_table",
        lambda: (each[0] for each in ProgramStore(database()).members_to_release(NOON)),
        ("release_in", "to_release"),
        "release_since",
        lambda program_id, item_id: {
            "program_id": program_id,
            "item": f"member#{item_id}",
            "member_id": item_id,
        },
    ),
}


@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=SWEEPS.keys())
def test_thousands_of_one_program_delay_another_programs_single_item_by_one_item(
    tables_in_memory: None, settings: Settings, calls: Calls, sweep: Sweep
) -> None:
    entries = [sweep.entry("prg_many", number, LONG_BEFORE) for number in range(MANY)]
    entries.append(sweep.entry(FEW, MANY, BEFORE))
    table: str = getattr(settings, sweep.table)
    for start in range(0, len(entries), 25):
        puts: Any = [{"PutRequest": {"Item": item}} for item in entries[start : start + 25]]
        boto3.client("dynamodb").batch_write_item(RequestItems={table: puts})
    calls.made.clear()
    assert FEW in islice(sweep.programs(), 2)
    assert calls.names == ["Query"]


def test_boards_that_change_all_the_time_are_made_after_those_that_wait(
    tables_in_memory: None,
) -> None:
    boards = BoardStore(database())
    boards.mark("prg_many", NOON, "1")
    taken = boards.lease("prg_many", "run", NOON, NOON + timedelta(minutes=5))
    assert taken
    boards.mark(FEW, NOON + timedelta(seconds=1), "1")
    for number in range(MANY):
        boards.mark("prg_many", NOON + timedelta(milliseconds=number), f"more{number}")
    boards.finish(taken[0], NOON + timedelta(seconds=2))
    assert list(boards.due()) == [FEW, "prg_many"]
