"""What comes between the rounds of erasures and the making of copies: others, twice, and late."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.identity import Caller
from chalicelib.foundation.personal import ERASED_NAME, Person
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.performances.model import State
from chalicelib.performances.store import PerformanceItem
from chalicelib.points.periods import Period
from chalicelib.points.ranking import unpack
from chalicelib.privacy import worker
from chalicelib.privacy.model import (
    FIRST_WAIT,
    LONGEST_WAIT,
    ROUND_RESERVATION,
    WRITES_SETTLE_TIME,
    Erasure,
    ErasureStatus,
    ExportStatus,
    PersonalExport,
    next_wait,
)
from chalicelib.privacy.queue import from_message
from chalicelib.programs.service import ProgramChanges
from chalicelib.reports.report_exports.store import ExportStatus as ReportStatus
from chalicelib.reports.report_exports.store import Table
from chalicelib.rewards.store import RedemptionItem
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

MINUTE = timedelta(minutes=1)


@contextmanager
def refused(code: Code) -> Iterator[None]:
    with pytest.raises(Problem) as problem:
        yield
    assert problem.value.code is code


@pytest.fixture
def greenroom(greenroom: Greenroom) -> Greenroom:
    made = greenroom.clients.sqs.create_queue(QueueName="personal-exports")
    settings = greenroom.settings.changed(personal_exports_queue_url=made["QueueUrl"])
    greenroom.container.__dict__["settings"] = settings
    return greenroom


def under_way(greenroom: Greenroom) -> list[Erasure]:
    return list(greenroom.container.privacy_store.erasures(greenroom.clock.now()))


def erased(greenroom: Greenroom, member: Caller) -> ErasureStatus:
    privacy = greenroom.container.privacy
    return privacy.erasure(greenroom.manager, member.member_id).status


class Stubborn:
    """Personal data of which only what it is told to is let go; it notes who it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keeps: set[str] = set()
        self.breaks_for: set[str] = set()

    def personal_data(self, person: Person) -> Iterator[tuple[str, Any]]:  # noqa: ARG002  it has nothing
        yield from ()

    def erase(self, person: Person) -> bool:
        self.asked.append(person.member_id)
        if person.member_id in self.breaks_for:
            raise RuntimeError(person.member_id)
        return person.member_id not in self.keeps


@pytest.fixture
def stubborn(greenroom: Greenroom) -> Stubborn:
    """The first and the last of all stores."""
    found = Stubborn()
    stores = greenroom.container.personal_data_stores
    greenroom.container.__dict__["personal_data_stores"] = (found, *stores, found)
    return found


# --- rounds -------------------------------------------------------------------------------------


def test_an_erasure_ends_with_a_round_that_begins_once_no_function_runs_from_before(
    greenroom: Greenroom,
) -> None:
    """A function that read the name before the erasure writes it after the first round."""
    container, clock = greenroom.container, greenroom.clock
    vic = greenroom.member("vic")
    container.points.adjust(greenroom.manager, vic.member_id, 50, "Fair")
    mug = container.rewards.create(greenroom.manager, title="Mug", price=5)
    asked = container.redemptions.redeem(greenroom.now(vic), mug.reward_id, 5)
    container.privacy.ask_erasure(vic, vic.member_id)
    assert container.eraser.erase_due() == 1
    (erasure,) = under_way(greenroom)
    assert erasure.next_at == erasure.asked_at + WRITES_SETTLE_TIME
    (record,) = database().raw_items(RedemptionItem, vic.owner, index=RedemptionItem.by_member)
    assert record["member_name"] == ERASED_NAME
    late = RedemptionItem(record["key"], record["item"])
    assert database().update(late, [RedemptionItem.member_name.set("Vic")])
    clock.advance(WRITES_SETTLE_TIME - timedelta(seconds=1))
    assert container.eraser.erase_due() == 0
    clock.advance(timedelta(seconds=1))
    assert container.eraser.erase_due() == 1
    assert erased(greenroom, vic) is ErasureStatus.ERASED
    found = container.reward_store.redemption(vic.program_id, asked.redemption_id)
    assert found is not None
    assert found.member_name == ERASED_NAME


def test_each_round_asks_every_store_and_rests_longer_while_something_is_left(
    greenroom: Greenroom, stubborn: Stubborn
) -> None:
    vic = greenroom.member("vic")
    stubborn.keeps.add(vic.member_id)
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    rests = []
    for number in range(1, 8):
        assert greenroom.container.eraser.erase_due() == 1
        assert stubborn.asked == [vic.member_id] * 2 * number
        (erasure,) = under_way(greenroom)
        rests.append(erasure.next_at - greenroom.clock.now())
        greenroom.clock.advance(rests[-1])
    assert rests == [next_wait(number) for number in range(1, 8)]
    assert (next_wait(0), rests[0], rests[-1]) == (FIRST_WAIT, 2 * FIRST_WAIT, LONGEST_WAIT)
    stubborn.keeps.clear()
    assert greenroom.container.eraser.erase_due() == 1
    assert erased(greenroom, vic) is ErasureStatus.ERASED


def test_an_erasure_that_breaks_keeps_no_other_waiting_and_is_told_in_the_end(
    greenroom: Greenroom, stubborn: Stubborn
) -> None:
    """Two at once in one program; whichever comes first."""
    vic, wes = greenroom.member("vic"), greenroom.member("wes")
    for each in (vic, wes):
        greenroom.container.privacy.ask_erasure(each, each.member_id)
    greenroom.clock.advance(WRITES_SETTLE_TIME)
    for broken, other in ((vic, wes), (wes, vic)):
        stubborn.asked.clear()
        stubborn.breaks_for = {broken.member_id}
        stubborn.keeps = {other.member_id}
        with pytest.raises(RuntimeError, match=broken.member_id):
            greenroom.container.eraser.erase_due()
        assert stubborn.asked.count(other.member_id) == 2
        assert [erased(greenroom, each) for each in (vic, wes)] == [ErasureStatus.ERASING] * 2
        greenroom.clock.advance(LONGEST_WAIT)
    stubborn.breaks_for, stubborn.keeps = set(), set()
    assert greenroom.container.eraser.erase_due() == 2
    assert [erased(greenroom, each) for each in (vic, wes)] == [ErasureStatus.ERASED] * 2


def test_a_run_without_time_left_begins_no_round(greenroom: Greenroom, stubborn: Stubborn) -> None:
    vic = greenroom.member("vic")
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)

    class Late:
        """The context of a function that is about to be stopped."""

        def get_remaining_time_in_millis(self) -> int:
            return int(worker.TIME_RESERVE.total_seconds() * 1000) - 1

    container = greenroom.container
    queuer = container.personal_export_queuer
    assert worker.process_due(container.eraser, queuer, Late()) == 0
    assert stubborn.asked == []
    assert container.eraser.erase_due() == 1


def test_a_round_that_died_is_begun_anew_and_a_running_one_is_left_alone(
    greenroom: Greenroom,
) -> None:
    vic = greenroom.member("vic")
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    (begun,) = under_way(greenroom)
    taken = greenroom.container.privacy_store.take_round(begun, greenroom.clock.now())
    assert taken is not None
    greenroom.clock.advance(ROUND_RESERVATION - timedelta(seconds=1))
    assert greenroom.container.eraser.erase_due() == 0
    greenroom.clock.advance(timedelta(seconds=1))
    assert greenroom.container.eraser.erase_due() == 1
    assert erased(greenroom, vic) is ErasureStatus.ERASED
    store = greenroom.container.privacy_store
    assert not store.schedule_next_round(taken, greenroom.clock.now())  # the dead one, at last
    assert under_way(greenroom) == []


def test_a_worker_that_has_a_performance_finishes_before_it_is_stripped(
    greenroom: Greenroom,
) -> None:
    vic = greenroom.member("vic")
    greenroom.connect_account(vic, "vic")
    sent = greenroom.perform(greenroom.now(vic), greenroom.activity(captions=("A caption",)))
    item, now = PerformanceItem(vic.owner, sent.performance_id), greenroom.clock.now()
    staged = [
        PerformanceItem.state.set(State.STAGED),
        PerformanceItem.lease.set("lease"),
        PerformanceItem.leased_until.set(now + timedelta(hours=2)),
    ]
    assert database().update(item, staged)
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    greenroom.container.connections.release_removed_member(vic.program_id, vic.member_id)
    greenroom.clock.advance(WRITES_SETTLE_TIME)
    greenroom.container.eraser.erase_due()
    assert erased(greenroom, vic) is ErasureStatus.ERASING
    assert greenroom.stored(sent).text.caption == "A caption"
    greenroom.clock.advance(timedelta(hours=2))
    greenroom.container.eraser.erase_due()
    assert erased(greenroom, vic) is ErasureStatus.ERASED
    assert greenroom.stored(sent).text.caption is None


def on_boards(greenroom: Greenroom, name: str) -> bool:
    """Return whether a page of the program's boards shows a name, current or not."""
    boards, program_id = greenroom.container.board_store, greenroom.program.program_id
    pages = [
        boards.page(program_id, period, each)
        for period in Period
        for each in boards.pages_of_run(program_id, period, "")
    ]
    heads = [str(boards.head(program_id, period).top) for period in Period]
    return any(name in text for text in (*heads, *(str(unpack(each)) for each in pages if each)))


def is_on_boards(greenroom: Greenroom) -> Caller:
    container, vic = greenroom.container, greenroom.member("vic")
    container.programs.change_profile(vic, name="Vic Unmistakable")
    container.points.adjust(greenroom.manager, vic.member_id, 50, "Fair")
    greenroom.count_entries()
    greenroom.build_leaderboards()
    assert on_boards(greenroom, "Vic Unmistakable")
    return vic


def test_boards_that_nobody_reads_any_more_go_with_an_erasure(greenroom: Greenroom) -> None:
    """A leaderboard that is switched off is not made again."""
    vic = is_on_boards(greenroom)
    greenroom.container.programs.change_program(
        greenroom.manager, ProgramChanges(leaderboard=False)
    )
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    greenroom.clock.advance(WRITES_SETTLE_TIME)
    assert greenroom.container.eraser.erase_due() == 1
    assert erased(greenroom, vic) is ErasureStatus.ERASED
    assert not on_boards(greenroom, "Vic Unmistakable")


def test_an_erasure_waits_for_boards_that_are_being_made(greenroom: Greenroom) -> None:
    """That run read the name before, and writes it once it ends."""
    vic = is_on_boards(greenroom)
    container, clock, program_id = greenroom.container, greenroom.clock, vic.program_id
    container.privacy.ask_erasure(vic, vic.member_id)
    container.leaderboard_marks.mark({program_id})
    greenroom.build_leaderboards()
    container.leaderboard_marks.mark({program_id})
    boards, now = container.board_store, clock.now() + WRITES_SETTLE_TIME
    assert boards.lease(program_id, "run", now, now + MINUTE)
    clock.advance(WRITES_SETTLE_TIME)
    container.eraser.erase_due()
    assert erased(greenroom, vic) is ErasureStatus.ERASING
    clock.advance(LONGEST_WAIT)
    container.eraser.erase_due()
    assert erased(greenroom, vic) is ErasureStatus.ERASED
    assert not on_boards(greenroom, "Vic Unmistakable")


def test_a_report_that_names_nobody_outlives_an_erasure(greenroom: Greenroom) -> None:
    container, vic = greenroom.container, greenroom.member("vic")
    asked, activity_id = {}, greenroom.activity().activity_id
    for table in set(Table) - {Table.CAMPAIGN}:
        thing_id = activity_id if table in {Table.ACTIVITY, Table.PERFORMANCES} else None
        asked[table] = container.report_exports.request_export(
            greenroom.manager, table, thing_id=thing_id
        )
        container.report_export_maker.make(vic.program_id, asked[table].export_id)
    container.privacy.ask_erasure(vic, vic.member_id)
    container.eraser.erase_due()
    stays = {
        table
        for table, each in asked.items()
        if (found := container.report_export_store.get(vic.program_id, each.export_id))
        and found.status is ReportStatus.READY
    }
    assert stays == {Table.OVERVIEW, Table.ACTIVITY, Table.CHANNELS}


# --- asked at once ------------------------------------------------------------------------------


def test_two_who_ask_for_one_members_erasure_at_once_are_told_of_the_same_one(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member's own request is begun between a manager's look and their write."""
    vic, privacy = greenroom.member("vic"), greenroom.container.privacy
    members = privacy._members  # noqa: SLF001  another request comes between
    erase, others = members.erase, [vic]

    def overtaken(*arguments: Any) -> None:
        if others:
            own.append(privacy.ask_erasure(others.pop(), vic.member_id))
            greenroom.clock.advance(timedelta(seconds=1))
        erase(*arguments)

    own: list[Any] = []
    monkeypatch.setattr(members, "erase", overtaken)
    told = privacy.ask_erasure(greenroom.manager, vic.member_id)
    assert [told] == own
    assert told.asked_by == vic.member_id
    assert len(under_way(greenroom)) == 1


# --- copies -------------------------------------------------------------------------------------


def asks(greenroom: Greenroom, caller: Caller, member_id: str) -> PersonalExport:
    return greenroom.container.privacy.ask_export(caller, member_id)


def makes(greenroom: Greenroom, export: PersonalExport) -> None:
    """Let the message of an export arrive."""
    greenroom.container.personal_export_maker.make(
        export.program_id, export.member_id, export.export_id
    )


def copies(greenroom: Greenroom) -> list[str]:
    s3, bucket = greenroom.clients.s3, greenroom.settings.exports_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix="personal/").get("Contents", ())
    return [each["Key"] for each in found]


def kept_of(greenroom: Greenroom, member: Caller) -> list[str]:
    """Return what the privacy table has of a member, by its keys."""
    table = greenroom.settings.privacy_table
    items = greenroom.clients.dynamodb.scan(TableName=table)["Items"]
    return sorted(
        f"{each['key']['S']} {each['item']['S']}" for each in items if member.member_id in str(each)
    )


@pytest.mark.parametrize("made", [True, False])
def test_no_copy_and_no_request_for_one_outlives_an_erasure_whoever_asked(
    greenroom: Greenroom, made: bool
) -> None:
    vic = greenroom.member("vic")
    asked = [asks(greenroom, each, vic.member_id) for each in (vic, greenroom.manager)]
    for each in asked if made else ():
        makes(greenroom, each)
    assert len(copies(greenroom)) == (2 if made else 0)
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    greenroom.container.eraser.erase_due()
    assert copies(greenroom) == []
    greenroom.clock.advance(WRITES_SETTLE_TIME)
    greenroom.container.eraser.erase_due()
    assert kept_of(greenroom, vic) == [f"{vic.program_id} erasure#{vic.member_id}"]
    assert greenroom.container.personal_export_queuer.queue_due() == 0
    for each in asked:  # a message that comes after all
        makes(greenroom, each)
    assert copies(greenroom) == []


def test_a_copy_that_is_due_when_an_erasure_begins_is_not_made(greenroom: Greenroom) -> None:
    vic = greenroom.member("vic")
    asked = asks(greenroom, greenroom.manager, vic.member_id)
    greenroom.container.privacy.ask_erasure(vic, vic.member_id)
    makes(greenroom, asked)
    assert copies(greenroom) == []
    found = greenroom.container.privacy.export(greenroom.manager, vic.member_id)
    assert found.status is ExportStatus.FAILED


def test_a_copy_whose_message_comes_twice_is_made_once(greenroom: Greenroom) -> None:
    """Its hour runs from when it was there."""
    vic = greenroom.member("vic")
    asked = asks(greenroom, vic, vic.member_id)
    makes(greenroom, asked)
    ready = greenroom.container.privacy.export(vic, vic.member_id)
    greenroom.clock.advance(30 * MINUTE)
    makes(greenroom, asked)
    assert greenroom.container.privacy.export(vic, vic.member_id) == ready


def test_a_copy_that_failed_is_made_anew_at_once(greenroom: Greenroom) -> None:
    vic = greenroom.member("vic")
    asked = asks(greenroom, vic, vic.member_id)
    store = greenroom.container.privacy_store
    assert store.finish_export(asked, None, greenroom.clock.now())
    again = asks(greenroom, vic, vic.member_id)
    assert again.export_id != asked.export_id
    assert greenroom.container.personal_export_queuer.queue_due() == 1


def test_a_copy_that_ends_late_leaves_the_later_request_to_the_clock(greenroom: Greenroom) -> None:
    vic = greenroom.member("vic")
    first = asks(greenroom, vic, vic.member_id)
    greenroom.clock.advance(30 * MINUTE)
    later = asks(greenroom, vic, vic.member_id)
    store = greenroom.container.privacy_store
    assert not store.finish_export(first, 1, greenroom.clock.now())
    assert greenroom.container.privacy.export(vic, vic.member_id) == later
    assert greenroom.container.personal_export_queuer.queue_due() == 1


def test_a_copy_that_is_made_before_its_queueing_is_noted_is_not_queued_again(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    vic = greenroom.member("vic")
    asked = asks(greenroom, vic, vic.member_id)
    queue = greenroom.container.personal_exports_queue
    monkeypatch.setattr(queue, "send", lambda *_: makes(greenroom, asked))
    queuer = greenroom.container.personal_export_queuer
    assert queuer.queue_due() == 1
    assert kept_of(greenroom, vic) == [f"{vic.owner} export"]
    greenroom.clock.advance(timedelta(hours=1))
    assert queuer.queue_due() == 0


def test_nobody_who_was_never_there_has_a_copy_made(greenroom: Greenroom) -> None:
    vic = greenroom.member("vic")
    with refused(ProblemCode.NOT_FOUND):
        asks(greenroom, greenroom.manager, "mem_unknown")
    message = f'{{"program_id": "{vic.program_id}", "member_id": "mem_1", "export_id": "exp_1"}}'
    greenroom.container.personal_export_maker.make(*from_message(message))
    assert copies(greenroom) == []
