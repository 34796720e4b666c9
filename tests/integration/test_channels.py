"""Channels: named audiences that members join or are put into, and who may know of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.foundation.acts import Act
from chalicelib.foundation.events import Change
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.programs.channels import service
from chalicelib.programs.channels.service import ChannelService, ChannelWithMembership
from chalicelib.programs.channels.store import ChannelStore
from chalicelib.programs.events import events_of
from chalicelib.programs.model import (
    MAX_CHANNELS,
    MAX_CHANNELS_EVER,
    MAX_CHANNELS_OF_MEMBER,
    Channel,
    ChannelKind,
    ChannelMember,
    Member,
    MemberStatus,
)
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import (
    CHANNELS,
    CountedIdsItem,
    MemberItem,
    MembershipItem,
    ProgramStore,
)
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

PUBLIC, PRIVATE = ChannelKind.PUBLIC, ChannelKind.PRIVATE
UNKNOWN = "chn_01hzzzzzzzzzzzzzzzzzzzzzzz"


class Company:
    """A program's channels, used by its people."""

    def __init__(self, greenroom: Greenroom) -> None:
        self.greenroom, self.service = greenroom, greenroom.container.channels
        self.manager = greenroom.manager

    def makes(self, name: str, kind: ChannelKind = PUBLIC) -> str:
        self.greenroom.clock.advance(timedelta(milliseconds=1))
        return self.service.create(self.manager, name, kind).channel.channel_id

    def changes(
        self, channel_id: str, *, name: str | None = None, archived: bool | None = None
    ) -> ChannelWithMembership:
        return self.service.change(self.manager, channel_id, name=name, archived=archived)

    def seen_by(self, caller: Caller) -> dict[str, bool]:
        """Names of what somebody is shown, and whether they are in it."""
        page = self.service.channels(self.greenroom.now(caller), 100, None)
        return {each.channel.name: each.joined for each in page.items}

    def people_in(self, channel_id: str) -> list[str]:
        page = self.service.channel_members(self.manager, channel_id, 100, None)
        # Both sides of a membership are written together.
        everybody = self.greenroom.container.programs.members(self.manager.program_id)
        inside = {each.as_channel_member() for each in everybody if channel_id in each.channels}
        assert set(page.items) == inside
        return [each.member_id for each in page.items]


@pytest.fixture
def company(greenroom: Greenroom) -> Company:
    return Company(greenroom)


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def foreign(greenroom: Greenroom) -> Caller:
    """The manager of another program."""
    greenroom.container.programs.create_program("Other", "UTC", "boss@other.example")
    return greenroom.sign_in("boss@other.example")


def refused(code: Code) -> "pytest.RaisesExc[Problem]":
    return pytest.RaisesExc(Problem, check=lambda problem: problem.code is code)


def test_a_channel_is_made_empty_and_listed_newest_first(company: Company) -> None:
    first, second = company.makes("Sales"), company.makes("Board", PRIVATE)
    page = company.service.channels(company.manager, 10, None)
    assert [each.channel for each in page.items] == [
        Channel(company.manager.program_id, second, "Board", PRIVATE, archived=False),
        Channel(company.manager.program_id, first, "Sales", PUBLIC, archived=False),
    ]
    assert page.next_cursor is None
    assert company.people_in(first) == company.people_in(second) == []


def test_the_same_request_again_makes_one_channel(company: Company) -> None:
    first = company.service.create(company.manager, "Sales", PUBLIC, "made1")
    again = company.service.create(company.manager, "Sales", PUBLIC, "made1")
    assert again == first
    assert len(company.seen_by(company.manager)) == 1


def test_a_name_is_taken_once_in_a_program(company: Company, foreign: Caller) -> None:
    company.makes("Sales")
    for name in ("Sales", "SALES", " sales ", "Sa\u200bles", "Sales\u200d", "\u2067Sales"):
        with refused(ProblemCode.NAME_TAKEN):
            company.makes(name)
    assert company.service.create(foreign, "Sales", PUBLIC).channel.name == "Sales"
    assert list(company.seen_by(company.manager)) == ["Sales"]


def test_renaming_gives_the_old_name_up_and_takes_the_new_one(company: Company) -> None:
    sales, board = company.makes("Sales"), company.makes("Board")
    with refused(ProblemCode.NAME_TAKEN):
        company.changes(sales, name="board")
    assert company.changes(sales, name="SALES").channel.name == "SALES"
    assert company.changes(sales, name="Market").channel.name == "Market"
    company.changes(board, name="Sales")
    assert set(company.seen_by(company.manager)) == {"Market", "Sales"}


def test_a_change_of_nothing_writes_nothing(company: Company, calls: Calls) -> None:
    sales = company.makes("Sales")
    calls.made.clear()
    assert company.changes(sales, name="Sales", archived=False).channel.name == "Sales"
    assert company.changes(sales).channel.name == "Sales"
    assert calls.names == ["GetItem"] * 2


def test_an_archived_channel_keeps_its_people_and_takes_no_more(
    company: Company, ben: Caller, greenroom: Greenroom
) -> None:
    sales, eve = company.makes("Sales"), greenroom.member("eve")
    company.service.join(ben, sales)
    company.changes(sales, archived=True)
    assert company.people_in(sales) == [ben.member_id]
    assert company.seen_by(ben) == {}
    assert company.seen_by(company.manager) == {"Sales": False}
    with refused(ProblemCode.NOT_FOUND):
        company.service.join(eve, sales)
    attempts: list[Callable[[], None]] = [
        lambda: company.service.join(company.manager, sales),
        lambda: company.service.add_members(company.manager, sales, [eve.member_id]),
    ]
    for attempt in attempts:
        with refused(ProgramProblem.CHANNEL_ARCHIVED):
            attempt()
    company.service.join(greenroom.now(ben), sales)  # is in it: nothing to do
    company.changes(sales, archived=False)
    assert company.seen_by(ben) == {"Sales": True}


def test_one_may_leave_an_archived_channel(
    company: Company, ben: Caller, greenroom: Greenroom
) -> None:
    sales = company.makes("Sales")
    company.service.join(ben, sales)
    company.changes(sales, archived=True)
    company.service.leave(greenroom.now(ben), sales)
    assert company.people_in(sales) == []


def test_an_archived_channel_gives_its_name_up_until_it_wants_it_back(company: Company) -> None:
    first = company.makes("Sales")
    company.changes(first, archived=True)
    second = company.makes("Sales")
    with refused(ProblemCode.NAME_TAKEN):
        company.changes(first, archived=False)
    assert company.changes(first, name="Sales of old").channel.archived
    assert company.changes(first, archived=False).channel.name == "Sales of old"
    assert company.changes(second, name="Sales!", archived=True).channel.archived
    assert company.changes(first, name="Sales").channel.name == "Sales"


def counted(company: Company) -> CountedIdsItem:
    return database().get(
        CountedIdsItem, company.manager.program_id, CHANNELS, consistent_read=True
    )


def test_a_program_has_a_limited_number_of_channels_not_counting_archived_ones(
    company: Company,
) -> None:
    sales = company.makes("Sales")
    full = {sales} | {f"chn_{number}" for number in range(MAX_CHANNELS - 1)}
    database().update(counted(company), [CountedIdsItem.ids.set(full)])
    with pytest.raises(Problem) as too_many:
        company.makes("Board")
    assert too_many.value.code is ProblemCode.LIMIT_REACHED
    assert too_many.value.members == {"quota": "channels", "limit": MAX_CHANNELS}
    company.changes(sales, archived=True)
    company.changes(sales, archived=True)
    assert len(counted(company).ids or ()) == MAX_CHANNELS - 1
    company.makes("Board")
    with refused(ProblemCode.LIMIT_REACHED):
        company.changes(sales, archived=False)
    assert len(counted(company).ids or ()) == MAX_CHANNELS


def test_archiving_does_not_lift_the_limit_on_all_there_ever_were(company: Company) -> None:
    company.changes(company.makes("Sales"), archived=True)
    database().update(counted(company), [CountedIdsItem.made.set(MAX_CHANNELS_EVER)])
    with refused(ProblemCode.LIMIT_REACHED):
        company.makes("Board")


# --- joining and leaving -----------------------------------------------------------------------


def test_members_join_and_leave_public_channels_as_often_as_they_like(
    company: Company, ben: Caller, greenroom: Greenroom
) -> None:
    sales = company.makes("Sales")
    for _ in range(2):
        company.service.join(ben, sales)  # twice with what the caller was before, too
    assert company.people_in(sales) == [ben.member_id]
    assert greenroom.now(ben).channels == {sales}
    for _ in range(2):
        company.service.leave(ben, sales)
    assert company.people_in(sales) == []
    assert greenroom.now(ben).channels == frozenset()


def test_a_private_channel_is_not_there_for_who_is_not_in_it(
    company: Company, ben: Caller, greenroom: Greenroom
) -> None:
    board = company.makes("Board", PRIVATE)
    assert company.seen_by(ben) == {}
    for channel_id in (board, UNKNOWN):
        for attempt in (company.service.join, company.service.leave):
            with pytest.raises(Problem) as told:
                attempt(ben, channel_id)
            assert str(told.value) == "not_found: There is no such channel."
    company.service.add_members(company.manager, board, [ben.member_id])
    assert company.seen_by(ben) == {"Board": True}
    with refused(ProblemCode.FORBIDDEN):
        company.service.leave(greenroom.now(ben), board)
    assert company.people_in(board) == [ben.member_id]


def test_a_manager_sees_every_channel_and_may_be_in_any(
    company: Company, greenroom: Greenroom
) -> None:
    board = company.makes("Board", PRIVATE)
    company.service.join(company.manager, board)
    assert company.seen_by(company.manager) == {"Board": True}
    company.service.leave(greenroom.now(company.manager), board)
    assert company.seen_by(company.manager) == {"Board": False}


def test_managers_put_in_many_at_once_invited_ones_too_and_take_them_out(
    company: Company, greenroom: Greenroom, ben: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_PER_TRANSACTION", 2)
    invited = [
        greenroom.container.programs.invite(greenroom.program, f"{name}@demo.example", Role.MEMBER)[
            0
        ]
        for name in "xyz"
    ]
    board = company.makes("Board", PRIVATE)
    wanted = [ben.member_id, ben.member_id, *(each.member_id for each in invited)]
    for _ in range(2):
        company.service.add_members(company.manager, board, wanted)
    assert set(company.people_in(board)) == set(wanted)
    assert greenroom.sign_in("x@demo.example").channels == {board}
    for _ in range(2):
        company.service.remove_member(company.manager, board, ben.member_id)
    assert ben.member_id not in company.people_in(board)
    with refused(ProblemCode.NOT_FOUND):
        company.service.remove_member(company.manager, board, "mem_unknown")


def test_of_people_of_whom_one_is_no_member_nobody_is_put_in(
    company: Company, greenroom: Greenroom, ben: Caller, foreign: Caller
) -> None:
    gone = greenroom.member("gone")
    database().update(
        MemberItem(gone.program_id, f"member#{gone.member_id}"),
        [MemberItem.status.set(MemberStatus.REMOVED)],
    )
    sales = company.makes("Sales")
    with pytest.raises(Problem) as told:
        company.service.add_members(
            company.manager, sales, [ben.member_id, foreign.member_id, "mem_x", gone.member_id]
        )
    assert told.value.code is ProblemCode.INVALID_REQUEST
    assert [each.field for each in told.value.errors] == [
        "member_ids.1",
        "member_ids.2",
        "member_ids.3",
    ]
    assert company.people_in(sales) == []


def test_a_member_is_in_a_limited_number_of_channels(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    sales = company.makes("Sales")
    database().update(
        MemberItem(ben.program_id, f"member#{ben.member_id}"),
        [MemberItem.channels.set({f"chn_{n}" for n in range(MAX_CHANNELS_OF_MEMBER)})],
    )
    attempts: list[Callable[[], None]] = [
        lambda: company.service.join(greenroom.now(ben), sales),
        lambda: company.service.add_members(company.manager, sales, [ben.member_id]),
    ]
    for attempt in attempts:
        with pytest.raises(Problem) as told:
            attempt()
        assert told.value.code is ProblemCode.LIMIT_REACHED
        limit = {"quota": "channels_of_member", "limit": MAX_CHANNELS_OF_MEMBER}
        assert told.value.members == limit
    assert company.people_in(sales) == []


def test_a_member_removed_meanwhile_is_not_added(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    class Raced(ChannelStore):
        def members(self, program_id: str, member_ids: Sequence[str]) -> dict[str, Member]:
            found = super().members(program_id, member_ids)
            database().update(
                MemberItem(ben.program_id, f"member#{ben.member_id}"),
                [MemberItem.status.set(MemberStatus.REMOVED)],
            )
            return found

    sales = company.makes("Sales")
    store = Raced(database())
    raced = ChannelService(store, greenroom.container.cursors, greenroom.clock)
    with refused(ProblemCode.CHANGED_MEANWHILE):
        raced.add_members(company.manager, sales, [ben.member_id])
    with refused(ProblemCode.NOT_A_MEMBER):
        raced.join(ben, sales)
    assert company.people_in(sales) == []


# --- other programs, pages, prices -------------------------------------------------------------


def test_things_of_another_program_are_not_found(company: Company, foreign: Caller) -> None:
    sales = company.makes("Sales")
    asked = company.service
    attempts: list[Callable[[], object]] = [
        lambda: asked.change(foreign, sales, name="x", archived=None),
        lambda: asked.channel_members(foreign, sales, 10, None),
        lambda: asked.add_members(foreign, sales, [foreign.member_id]),
        lambda: asked.remove_member(foreign, sales, company.manager.member_id),
        lambda: asked.join(foreign, sales),
        lambda: asked.leave(foreign, sales),
    ]
    for attempt in attempts:
        with pytest.raises(Problem) as told:
            attempt()
        assert str(told.value) == "not_found: There is no such channel."
    assert asked.channels(foreign, 10, None) == Page((), None)
    assert company.greenroom.container.programs.channels(foreign.program_id, [sales]) == {}


def walk(company: Company, caller: Caller, limit: int) -> list[str]:
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = company.service.channels(caller, limit, cursor)
        assert len(page.items) <= limit
        names += [each.channel.name for each in page.items]
        if page.next_cursor is None:
            return names
        assert len(page.items) == limit  # what is not shown takes no place on a page
        cursor = page.next_cursor


def test_channels_come_page_by_page_each_once(company: Company, ben: Caller) -> None:
    names = [f"Channel {number}" for number in range(7)]
    for number, name in enumerate(names):
        channel_id = company.makes(name, PRIVATE if number % 2 else PUBLIC)
        if number == 4:
            company.changes(channel_id, archived=True)
    for limit in (1, 2, 3, 7, 100):
        assert walk(company, company.manager, limit) == names[::-1]
        assert walk(company, ben, limit) == ["Channel 6", "Channel 2", "Channel 0"]


def test_a_page_costs_two_calls_however_many_there_are(
    company: Company, greenroom: Greenroom, ben: Caller, calls: Calls
) -> None:
    for number in range(12):
        company.makes(f"Channel {number}", PRIVATE if number < 11 else PUBLIC)
    company.service.channels(company.manager, 3, None)  # fetches the cursors' key
    for caller in (company.manager, ben):
        calls.made.clear()
        page = company.service.channels(greenroom.now(caller), 3, None)
        assert calls.names == ["Query", "Query"]
        if page.next_cursor:
            calls.made.clear()
            company.service.channels(greenroom.now(caller), 3, page.next_cursor)
            assert calls.names == ["Query", "Query"]


def test_the_people_in_a_channel_come_page_by_page_for_two_calls(
    company: Company, greenroom: Greenroom, calls: Calls
) -> None:
    sales = company.makes("Sales")
    people = [greenroom.member() for _ in range(5)]
    company.service.add_members(company.manager, sales, [each.member_id for each in people])
    first = company.service.channel_members(company.manager, sales, 2, None)
    calls.made.clear()
    caller = greenroom.now(company.manager)
    second = company.service.channel_members(caller, sales, 2, first.next_cursor)
    assert calls.names == ["Query", "Query"]
    third = company.service.channel_members(caller, sales, 2, second.next_cursor)
    assert third.next_cursor is None
    shown = [each.member_id for page in (first, second, third) for each in page.items]
    assert sorted(shown) == sorted(each.member_id for each in people)
    other = company.makes("Board")
    with refused(ProblemCode.INVALID_CURSOR):
        company.service.channel_members(caller, other, 2, first.next_cursor)


def test_a_channel_shows_people_as_they_are_whatever_changes_them(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    container, sales, board = (
        greenroom.container,
        company.makes("Sales"),
        company.makes("Board", PRIVATE),
    )
    came, _ = container.programs.invite(greenroom.program, "came@demo.example", Role.MANAGER)
    company.service.add_members(company.manager, board, [ben.member_id, came.member_id])
    company.service.join(ben, sales)
    greenroom.sign_in("came@demo.example")
    container.members.change_role(company.manager, came.member_id, Role.MEMBER)
    container.programs.change_profile(ben, name="Ben Lee", time_zone=None)
    container.programs.change_profile(ben, name=None, time_zone="Asia/Tokyo")
    page = company.service.channel_members(company.manager, sales, 9, None)
    shown = {each.name: each for each in page.items}
    assert (shown["Ben Lee"].role, shown["Ben Lee"].status) == (Role.MEMBER, MemberStatus.ACTIVE)
    for _ in range(2):
        container.members.remove(company.manager, ben.member_id)
        page = company.service.channel_members(company.manager, board, 9, None)
        assert {each.name: each.status for each in page.items} == {
            "Ben Lee": MemberStatus.REMOVED,
            "came": MemberStatus.ACTIVE,
        }
        container.members.invite(company.manager, ben.email, None, Role.MANAGER)
        for channel_id in (sales, board):
            company.people_in(channel_id)  # alike on both sides
        greenroom.sign_in(ben.email)
    assert company.people_in(sales) == [ben.member_id]
    company.service.remove_member(company.manager, sales, ben.member_id)
    container.programs.change_profile(ben, name="Ben", time_zone=None)
    assert company.people_in(sales) == []


def test_a_member_renamed_while_joining_or_being_added_has_the_new_name(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    sales, board = company.makes("Sales"), company.makes("Board", PRIVATE)
    renamed = ["Ben Lee"]

    class Raced(ChannelStore):
        def _renames(self) -> None:
            if renamed:
                name = renamed.pop()
                greenroom.container.programs.change_profile(ben, name=name, time_zone=None)

        def join(self, channel_id: str, member: ChannelMember, joined: Act) -> None:
            self._renames()
            super().join(channel_id, member, joined)

        def add_members(
            self, channel_id: str, members: Sequence[ChannelMember], *acts: Act
        ) -> None:
            self._renames()
            super().add_members(channel_id, members, *acts)

    store = Raced(database())
    raced = ChannelService(store, greenroom.container.cursors, greenroom.clock)
    raced.join(ben, sales)
    assert company.people_in(sales) == [ben.member_id]
    renamed.append("Ben Wu")
    with refused(ProblemCode.CHANGED_MEANWHILE):
        raced.add_members(company.manager, board, [ben.member_id])
    raced.add_members(company.manager, board, [ben.member_id])
    assert company.people_in(board) == [ben.member_id]


def test_a_member_joining_while_being_renamed_has_the_new_name(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    sales = company.makes("Sales")

    class Raced(ProgramStore):
        def change_profile(self, was: Member, becomes: Member) -> None:
            if not was.channels:
                company.service.join(ben, sales)
            super().change_profile(was, becomes)

    store = Raced(database())
    ProgramService(store, greenroom.clock).change_profile(ben, name="Ben Lee", time_zone=None)
    assert company.people_in(sales) == [ben.member_id]
    assert (
        company.service.channel_members(company.manager, sales, 9, None).items[0].name == "Ben Lee"
    )


def test_a_change_reaches_all_channels_of_a_member_with_the_most_channels(
    company: Company, greenroom: Greenroom
) -> None:
    greenroom.container.programs.invite(greenroom.program, "boss@demo.example", Role.MANAGER)
    boss = greenroom.sign_in("boss@demo.example")
    member = greenroom.container.members.member(company.manager, boss.member_id)
    channels = {f"chn_{number}" for number in range(MAX_CHANNELS_OF_MEMBER)}
    database().update(
        MemberItem(boss.program_id, f"member#{boss.member_id}"), [MemberItem.channels.set(channels)]
    )
    greenroom.container.members.remove(company.manager, boss.member_id)
    found = database().batch_get(
        MembershipItem,
        [(f"{boss.program_id}/channel#{each}", f"member#{boss.member_id}") for each in channels],
    )
    gone = replace(member, status=MemberStatus.REMOVED).as_channel_member()
    assert [each.to_channel_member() for each in found] == [gone] * MAX_CHANNELS_OF_MEMBER


def test_the_copy_shown_in_a_channel_is_no_second_change_of_the_member(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    sales = company.makes("Sales")
    company.service.join(ben, sales)
    found = database().get(
        MembershipItem, f"{ben.program_id}/channel#{sales}", f"member#{ben.member_id}"
    )
    image = found.attribute_values
    assert not {"name", "role", "status", "subject", "invited_email"} & image.keys()
    renamed = image | {"member_name": "x", "member_status": "removed"}
    assert events_of(Change("1", greenroom.clock.now(), image, renamed)) == ()


def test_joining_costs_three_calls(
    company: Company, greenroom: Greenroom, ben: Caller, calls: Calls
) -> None:
    sales = company.makes("Sales")
    calls.made.clear()
    company.service.join(greenroom.now(ben), sales)
    assert calls.names == ["Query", "GetItem", "TransactWriteItems"]


def test_other_rooms_read_channels_by_id_in_one_call(company: Company, calls: Calls) -> None:
    sales, board = company.makes("Sales"), company.makes("Board", PRIVATE)
    company.changes(board, archived=True)
    programs, program_id = company.greenroom.container.programs, company.manager.program_id
    calls.made.clear()
    found = programs.channels(program_id, {sales, board, UNKNOWN})
    assert calls.names == ["BatchGetItem"]
    assert found == {
        sales: Channel(program_id, sales, "Sales", PUBLIC, archived=False),
        board: Channel(program_id, board, "Board", PRIVATE, archived=True, version=2),
    }
    assert programs.channels(program_id, []) == {}
    assert len(calls.made) == 1


def test_the_callers_channels_come_with_who_they_are(
    company: Company, greenroom: Greenroom, ben: Caller
) -> None:
    ids = {company.makes(f"Channel {n}") for n in range(3)}
    for each in ids:
        company.service.join(ben, each)
    assert greenroom.now(ben) == replace(ben, channels=frozenset(ids))
