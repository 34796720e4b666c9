"""Requests for one's data: until when a copy is handed out, when an erasure goes on and ends."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.foundation.personal import Person
from chalicelib.privacy.model import (
    EXPORT_REUSE_TIME,
    FIRST_WAIT,
    LINK_LIFETIME,
    LONGEST_WAIT,
    OVERDUE_AFTER,
    WRITES_SETTLE_TIME,
    Erasure,
    ErasureOutcome,
    ErasureStatus,
    ExportStatus,
    PersonalExport,
    file_key,
    next_wait,
)

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def export(asked_by: str = "mem_amy", status: ExportStatus = ExportStatus.READY) -> PersonalExport:
    return PersonalExport("prg_1", "mem_amy", "exp_1", asked_by, NOW, status, NOW, 100)


def erasure(asked_at: datetime = NOW, next_at: datetime = NOW) -> Erasure:
    person = Person("prg_1", "mem_amy", "amy@demo.example", "Amy", None)
    return Erasure(person, "mem_ana", asked_at, next_at)


def test_a_copy_is_the_members_own_or_for_managers_by_who_asked_for_it() -> None:
    assert (export().for_others, export("mem_ana").for_others) == (False, True)
    assert file_key("prg_1", "mem_amy", for_others=False) == "personal/prg_1/mem_amy.zip"
    assert file_key("prg_1", "mem_amy", for_others=True) == (
        "personal/prg_1/mem_amy.for-managers.zip"
    )


def test_a_link_is_good_for_an_hour_from_when_the_file_was_there() -> None:
    assert export().link_until() == NOW + LINK_LIFETIME
    waiting = PersonalExport("prg_1", "mem_amy", "exp_1", "mem_amy", NOW)
    assert waiting.link_until() is None


@pytest.mark.parametrize(
    ("status", "reusable"),
    [(ExportStatus.MAKING, True), (ExportStatus.READY, True), (ExportStatus.FAILED, False)],
)
def test_a_copy_stands_for_ten_minutes_unless_it_failed(
    status: ExportStatus, reusable: bool
) -> None:
    found = export(status=status)
    assert found.is_reusable_at(NOW + EXPORT_REUSE_TIME - MOMENT) is reusable
    assert found.is_reusable_at(NOW + EXPORT_REUSE_TIME) is False


def test_an_erasure_is_due_ends_and_hangs_from_an_instant_on() -> None:
    assert erasure().is_due(NOW)
    assert not erasure().is_due(NOW - MOMENT)
    assert erasure().may_end(NOW + WRITES_SETTLE_TIME)
    assert not erasure().may_end(NOW + WRITES_SETTLE_TIME - MOMENT)
    assert erasure().is_overdue(NOW + OVERDUE_AFTER)
    assert not erasure().is_overdue(NOW + OVERDUE_AFTER - MOMENT)


def test_an_erasure_is_under_way_until_it_has_ended() -> None:
    assert ErasureOutcome("mem_amy", "mem_ana", NOW).status is ErasureStatus.ERASING
    assert ErasureOutcome("mem_amy", "mem_ana", NOW, NOW).status is ErasureStatus.ERASED


def test_rounds_come_ever_later_up_to_half_an_hour() -> None:
    waits = [next_wait(rounds) for rounds in range(6)]
    assert waits == [FIRST_WAIT * factor for factor in (1, 2, 4, 8, 16)] + [LONGEST_WAIT]
    assert next_wait(10_000) == LONGEST_WAIT
