"""Members as managers see them: invited, imported, given roles, removed, and never the last one."""

import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.foundation.http import Request
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.pages import MAX_CURSOR_LENGTH, Page
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.table import Database
from chalicelib.programs.members import routes, service
from chalicelib.programs.members.model import MemberFilter
from chalicelib.programs.members.roster import RowOutcome
from chalicelib.programs.members.routes import ImportReport, Roster
from chalicelib.programs.members.service import MemberService
from chalicelib.programs.members.store import MemberStore
from chalicelib.programs.model import MAX_NAME_LENGTH, ChannelKind, Member, MemberStatus
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import MANAGERS, CountedIdsItem, MemberItem
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

INVITED, ACTIVE, REMOVED = MemberStatus.INVITED, MemberStatus.ACTIVE, MemberStatus.REMOVED
MEMBER, MANAGER = Role.MEMBER, Role.MANAGER
BEN, UNKNOWN = "ben@demo.example", "mem_01hzzzzzzzzzzzzzzzzzzzzzzz"


class Company:
    """A program's people, run by Ana."""

    def __init__(self, greenroom: Greenroom) -> None:
        self.greenroom, self.service = greenroom, greenroom.container.members
        self.ana = greenroom.manager

    def invites(self, email: str = BEN, role: Role = MEMBER, made_id: str | None = None) -> Member:
        self.greenroom.clock.advance(timedelta(milliseconds=1))
        return self.service.invite(self.ana, email, None, role, made_id)

    def join(self, email: str = BEN, role: Role = MEMBER) -> Caller:
        self.invites(email, role)
        return self.greenroom.sign_in(email)

    def now(self, member: Member | Caller) -> Member:
        return self.service.member(self.ana, member.member_id)

    def removes(self, member: Member | Caller) -> None:
        self.service.remove(self.ana, member.member_id)

    def gives(self, member: Member | Caller, role: Role) -> Member:
        return self.service.change_role(self.ana, member.member_id, role)

    def everybody(self) -> list[Member]:
        return list(self.service.members(self.ana, 100, None).items)

    def imports(self, text: str) -> list[tuple[int, str, str | None]]:
        self.greenroom.clock.advance(timedelta(milliseconds=1))
        return [
            (each.line, each.outcome.value, each.error.code if each.error else None)
            for each in self.service.import_roster(self.ana, text)
        ]

    def counted(self) -> set[str]:
        """Who counts as a manager: exactly those who are one and have signed in."""
        program_id = self.ana.program_id
        counted = set(
            database().get(CountedIdsItem, program_id, MANAGERS, consistent_read=True).ids or ()
        )
        members = self.greenroom.container.programs.members(program_id)
        active = {e.member_id for e in members if e.status is ACTIVE and e.role is MANAGER}
        assert counted == active
        return counted


@pytest.fixture
def company(greenroom: Greenroom) -> Company:
    return Company(greenroom)


@pytest.fixture
def foreign(greenroom: Greenroom) -> Caller:
    """The manager of another program."""
    greenroom.container.programs.create_program("Other", "UTC", "boss@other.example")
    return greenroom.sign_in("boss@other.example")


def refused(code: Code) -> "pytest.RaisesExc[Problem]":
    return pytest.RaisesExc(Problem, check=lambda problem: problem.code is code)


# --- inviting ----------------------------------------------------------------------------------


def test_an_invited_person_is_in_the_list_and_becomes_active_at_their_first_sign_in(
    company: Company, greenroom: Greenroom
) -> None:
    greenroom.clock.advance(timedelta(milliseconds=1))
    ben = company.service.invite(company.ana, " BEN@demo.example ", "Ben Lee", MANAGER)
    assert (ben.email, ben.name, ben.role, ben.status) == (BEN, "Ben Lee", MANAGER, INVITED)
    assert company.now(ben) == ben
    assert company.everybody()[1].member_id == company.ana.member_id
    caller = greenroom.sign_in(BEN)
    assert (caller.member_id, caller.role) == (ben.member_id, MANAGER)
    assert company.now(ben).status is ACTIVE


def test_a_member_is_not_invited_again(company: Company) -> None:
    ben = company.invites()
    for status in (INVITED, ACTIVE):
        assert company.now(ben).status is status
        with pytest.raises(Problem) as told:
            company.invites(BEN.upper(), MANAGER)
        assert told.value.code is ProgramProblem.ALREADY_A_MEMBER
        assert told.value.members == {"member_id": ben.member_id}
        company.greenroom.sign_in(BEN)
    assert company.now(ben).role is MEMBER


def test_the_same_request_again_is_answered_alike_even_when_they_came_meanwhile(
    company: Company, greenroom: Greenroom
) -> None:
    ben = company.invites(made_id="made1")
    assert company.invites(made_id="made1").member_id == ben.member_id
    greenroom.sign_in(BEN)
    assert company.invites(made_id="made1").status is ACTIVE
    company.removes(ben)
    again = company.invites(made_id="made2")
    assert company.invites(made_id="made2") == again
    assert again.member_id == ben.member_id
    with refused(ProgramProblem.ALREADY_A_MEMBER):
        company.invites(made_id="made3")


@pytest.mark.parametrize("around", ["\u200b{}", "{}.", "<{}>", "mailto:{}", "- {}"])
def test_an_address_is_invited_without_what_copying_left_around_it(
    company: Company, around: str
) -> None:
    invited = company.invites(around.format("kim@demo.example"))
    assert invited.email == "kim@demo.example"


def test_an_invalid_address_is_refused(company: Company) -> None:
    with pytest.raises(Problem) as told:
        company.invites("ben")
    assert [(each.field, each.code) for each in told.value.errors] == [("email", "invalid_email")]


def test_an_invitation_by_a_second_program_tells_that_program_nothing(
    company: Company, foreign: Caller, greenroom: Greenroom
) -> None:
    ben = company.join()
    theirs = greenroom.container.members.invite(foreign, BEN, None, MEMBER)
    assert greenroom.sign_in(BEN) == ben
    assert greenroom.container.members.member(foreign, theirs.member_id).status is INVITED
    company.removes(ben)
    assert greenroom.sign_in(BEN).program_id == foreign.program_id


# --- removing ----------------------------------------------------------------------------------


def test_a_removed_member_is_refused_from_the_next_request_and_kept_in_the_table(
    company: Company,
) -> None:
    ben = company.join()
    for _ in range(2):
        company.removes(ben)
        with refused(ProblemCode.NOT_A_MEMBER):
            company.greenroom.sign_in(BEN)
    kept = company.now(ben)
    assert (kept.status, kept.email, kept.subject) == (REMOVED, BEN, None)
    assert kept.removed_at == company.greenroom.clock.now()
    # What listens to the table's changes is told by the item itself.
    item = database().get(MemberItem, ben.program_id, f"member#{ben.member_id}")
    assert (item.status, item.member_id) == ("removed", ben.member_id)


def test_an_invitation_that_was_taken_back_admits_nobody(company: Company) -> None:
    ben = company.invites()
    company.removes(ben)
    with refused(ProblemCode.NOT_A_MEMBER):
        company.greenroom.sign_in(BEN)
    assert company.now(ben).status is REMOVED


def test_a_person_invited_again_returns_as_the_same_member(
    company: Company, greenroom: Greenroom
) -> None:
    ben = company.join()
    greenroom.container.programs.change_profile(ben, name="Ben Lee", time_zone="Asia/Tokyo")
    sales = greenroom.container.channels.create(company.ana, "Sales", ChannelKind.PUBLIC).channel
    greenroom.container.channels.join(ben, sales.channel_id)
    activity = greenroom.activity()
    greenroom.connect_account(ben, "ben")
    greenroom.perform(greenroom.now(ben), activity)
    points = greenroom.totals(ben)
    assert points.balance == 10
    company.removes(ben)
    again = company.invites(role=MANAGER)
    assert (again.member_id, again.status, again.removed_at) == (ben.member_id, INVITED, None)
    assert company.now(ben) == again
    back = greenroom.sign_in(BEN)  # the very same person of the identity provider
    assert back.owner == ben.owner
    assert (back.name, back.time_zone, back.role) == ("Ben Lee", "Asia/Tokyo", MANAGER)
    assert back.channels == {sales.channel_id}
    assert greenroom.totals(back) == points
    assert len(greenroom.history(back)) == 1
    assert company.counted() == {company.ana.member_id, ben.member_id}


def test_a_person_invited_again_may_have_another_subject(
    company: Company, greenroom: Greenroom
) -> None:
    """Whose account there was made anew has the same address and another subject."""
    ben = company.join()
    company.removes(ben)
    company.invites()
    new = greenroom.container.programs.caller(Claims("subject-ben-anew", BEN, 0))
    assert new.member_id == ben.member_id
    with refused(ProblemCode.NOT_A_MEMBER):
        greenroom.sign_in(BEN)


# --- roles, and the last manager ---------------------------------------------------------------


def test_a_role_holds_from_the_next_request_on(company: Company, greenroom: Greenroom) -> None:
    ben = company.join()
    assert company.gives(ben, MANAGER) == replace(company.now(ben), role=MANAGER)
    assert greenroom.now(ben).is_manager
    assert company.counted() == {company.ana.member_id, ben.member_id}
    company.gives(ben, MANAGER)
    company.gives(ben, MEMBER)
    assert not greenroom.now(ben).is_manager
    assert company.counted() == {company.ana.member_id}


def test_a_removed_members_role_cannot_change(company: Company) -> None:
    ben = company.join()
    company.removes(ben)
    with refused(ProgramProblem.MEMBER_REMOVED):
        company.gives(ben, MANAGER)


LAST: list[Callable[[Company], object]] = [
    lambda company: company.removes(company.ana),
    lambda company: company.gives(company.ana, MEMBER),
]


@pytest.mark.parametrize("attempt", LAST)
def test_the_last_manager_stays_one_however_many_are_invited(
    company: Company, attempt: Callable[[Company], object]
) -> None:
    company.invites("eve@demo.example", MANAGER)  # never comes
    ben = company.join(BEN, MANAGER)
    company.removes(ben)
    with refused(ProgramProblem.LAST_MANAGER):
        attempt(company)
    assert company.greenroom.now(company.ana).is_manager
    assert company.counted() == {company.ana.member_id}
    company.greenroom.sign_in("eve@demo.example")  # came after all
    attempt(company)
    assert len(company.counted()) == 1


@pytest.mark.parametrize("role", Role)
def test_an_invited_person_can_be_given_a_role_and_joins_with_it(
    company: Company, greenroom: Greenroom, role: Role
) -> None:
    other = MEMBER if role is MANAGER else MANAGER
    ben = company.invites(role=other)
    company.gives(ben, role)
    assert company.counted() == {company.ana.member_id}
    assert greenroom.sign_in(BEN).role is role
    assert len(company.counted()) == (2 if role is MANAGER else 1)


@pytest.mark.parametrize(("before", "after"), [(MEMBER, MANAGER), (MANAGER, MEMBER)])
def test_a_person_signing_in_during_a_role_change_gets_the_new_role(
    company: Company, monkeypatch: pytest.MonkeyPatch, before: Role, after: Role
) -> None:
    greenroom, ben = company.greenroom, company.invites(role=before)
    store = greenroom.container.program_store
    stale = store.invitations(BEN)
    company.gives(ben, after)
    monkeypatch.setattr(store, "invitations", {BEN: stale}.get)
    assert greenroom.sign_in(BEN).role is after
    assert (ben.member_id in company.counted()) is (after is MANAGER)


def test_a_person_removed_while_signing_in_stays_out(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    greenroom, ben = company.greenroom, company.invites(role=MANAGER)
    store = greenroom.container.program_store
    stale = store.invitations(BEN)
    company.removes(ben)
    monkeypatch.setattr(store, "invitations", {BEN: stale}.get)
    with refused(ProblemCode.NOT_A_MEMBER):
        greenroom.sign_in(BEN)
    assert company.counted() == {company.ana.member_id}


class Raced(MemberStore):
    """Lets something happen right before a write, each time."""

    def __init__(self, database: Database, meanwhile: Callable[[], object]) -> None:
        super().__init__(database)
        self._meanwhile = meanwhile

    def change_role(self, member: Member, becomes: Member) -> None:
        self._meanwhile()
        super().change_role(member, becomes)

    def remove(self, member: Member, now: datetime, *, left: bool = False) -> None:
        self._meanwhile()
        super().remove(member, now, left=left)


def raced(company: Company, meanwhile: Callable[[], object]) -> MemberService:
    container = company.greenroom.container
    store = Raced(database(), meanwhile)
    return MemberService(store, container.programs, container.cursors, container.clock)


def test_a_person_signing_in_while_being_removed_is_removed(company: Company) -> None:
    ben = company.invites(role=MANAGER)

    def sign_in() -> None:
        if company.now(ben).status is INVITED:
            company.greenroom.sign_in(BEN)

    raced(company, sign_in).remove(company.ana, ben.member_id)
    assert company.now(ben).status is REMOVED
    assert company.counted() == {company.ana.member_id}
    with refused(ProblemCode.NOT_A_MEMBER):
        company.greenroom.sign_in(BEN)


def test_a_member_removed_twice_at_once_is_removed_once(company: Company) -> None:
    ben = company.join(BEN, MANAGER)
    raced(company, lambda: company.removes(ben)).remove(company.ana, ben.member_id)
    assert company.counted() == {company.ana.member_id}


def test_a_removal_is_not_undone_by_a_role_given_at_the_same_moment(company: Company) -> None:
    ben = company.join()
    with refused(ProgramProblem.MEMBER_REMOVED):
        raced(company, lambda: company.removes(ben)).change_role(
            company.ana, ben.member_id, MANAGER
        )
    assert company.counted() == {company.ana.member_id}


def test_an_item_that_keeps_changing_is_given_up(company: Company) -> None:
    ben = company.join()

    def other() -> Role:
        return MEMBER if company.now(ben).role is MANAGER else MANAGER

    racing = raced(company, lambda: company.gives(ben, other()))
    with refused(ProblemCode.CHANGED_MEANWHILE):
        racing.remove(company.ana, ben.member_id)
    assert company.now(ben).status is ACTIVE


REFUSALS = {
    ProgramProblem.ALREADY_A_MEMBER,
    ProblemCode.NOT_A_MEMBER,
    ProgramProblem.MEMBER_REMOVED,
    ProgramProblem.LAST_MANAGER,
}


@pytest.mark.parametrize("seed", range(2))
def test_one_active_manager_always_stays_and_only_managers_count(
    company: Company, seed: int
) -> None:
    chance = random.Random(seed)
    emails = ["ana@demo.example", *(f"m{n}@demo.example" for n in range(3))]
    people = company.greenroom.container.members
    told: list[Code] = []
    last: list[bool] = []
    managers = company.counted()
    for _ in range(25):
        by = replace(company.ana, member_id=chance.choice(sorted(managers)))
        email, role = chance.choice(emails), chance.choice(list(Role))
        known = company.greenroom.container.program_store.member_by_email(by.program_id, email)
        step = chance.choice(("invite", "sign in", "role", "role", "remove"))
        try:
            if step == "invite":
                people.invite(by, email, None, role)
            elif step == "sign in":
                company.greenroom.sign_in(email)
            elif known and step == "role":
                people.change_role(by, known.member_id, role)
            elif known:
                people.remove(by, known.member_id)
        except Problem as problem:
            told.append(problem.code)
            if problem.code is ProgramProblem.LAST_MANAGER:
                last.append(known is not None and managers == {known.member_id})
        managers = company.counted()
        assert managers
    assert set(told) <= REFUSALS
    assert all(last)


# --- importing ---------------------------------------------------------------------------------


def test_each_line_of_a_roster_is_reported_on(company: Company, greenroom: Greenroom) -> None:
    ben, eve = company.join(), company.join("eve@demo.example")
    company.removes(eve)
    text = (
        "\ufeffEmail;Name;Role\r\n"
        "new@demo.example;New Person;manager\r\n"
        f"{BEN};Somebody Else;manager\r\n"
        "eve@demo.example;Eve;member\r\n"
        "nobody;;\r\n"
        "NEW@demo.example;;\r\n"
    )
    reported = greenroom.container.members.import_roster(company.ana, text)
    assert [(e.line, e.outcome.value, e.error and e.error.code) for e in reported] == [
        (2, "invited", None),
        (3, "already_a_member", None),
        (4, "invited", None),
        (5, "problem", "invalid_email"),
        (6, "problem", "repeated"),
    ]
    assert [each.member.member_id if each.member else None for each in reported][1:] == [
        ben.member_id,
        eve.member_id,
        None,
        None,
    ]
    new = greenroom.sign_in("new@demo.example")
    assert (new.name, new.role) == ("New Person", MANAGER)
    assert company.now(ben).role is MEMBER
    assert greenroom.sign_in("eve@demo.example").owner == eve.owner
    # Sent once more, it invites nobody.
    outcomes = [outcome for _, outcome, _ in company.imports(text)]
    assert outcomes == ["already_a_member"] * 3 + ["problem"] * 2
    assert len(company.everybody()) == 4


def test_a_roster_that_cannot_be_read_invites_nobody(company: Company) -> None:
    with pytest.raises(Problem) as told:
        company.imports("name;role\nNew;member\n")
    assert [(e.field, e.code) for e in told.value.errors] == [("csv", "no_email_column")]
    assert len(company.everybody()) == 1


def import_file(company: Company, **body: str) -> ImportReport:
    request = Request(company.ana, Roster(**body), None, {}, "correlation", {}, b"")
    report = routes.import_roster.handle(company.service, request).body
    assert isinstance(report, ImportReport)
    return report


def test_a_file_is_imported_as_text_or_as_its_bytes(company: Company) -> None:
    text = "E-Mail\tVorname\tNachname\r\njana@demo.example\tJana\tSchön\r\n"
    file = b64encode(text.encode("utf-16")).decode()
    assert import_file(company, csv_base64=file).invited == 1
    assert import_file(company, csv=text).already_members == 1
    assert {each.name for each in company.everybody()} == {"ana", "Jana Schön"}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "csv", "one_of_two"),
        ({"csv": "a@b.example", "csv_base64": "YQ=="}, "csv", "one_of_two"),
        ({"csv_base64": "a@b.example"}, "csv_base64", "invalid_base64"),
        ({"csv_base64": "ä"}, "csv_base64", "invalid_base64"),
        ({"csv": ""}, "csv", "empty_file"),
    ],
)
def test_a_file_that_cannot_be_told_is_refused_by_its_field(
    company: Company, body: dict[str, str], field: str, code: str
) -> None:
    with pytest.raises(Problem) as told:
        import_file(company, **body)
    assert [(e.field, e.code) for e in told.value.errors] == [(field, code)]


def test_an_import_takes_a_few_calls_for_each_hundred(company: Company, calls: Calls) -> None:
    text = "".join(f"m{number}@demo.example\n" for number in range(60))
    company.imports("x@demo.example\n")
    calls.made.clear()
    company.imports(text)
    # Nobody of them is known, so there is nobody to read; twenty-five go into one transaction.
    # One call more asks how many more may be invited.
    assert calls.names == ["BatchGetItem"] * 2 + ["TransactWriteItems"] * 3
    calls.made.clear()
    assert {outcome for _, outcome, _ in company.imports(text)} == {"already_a_member"}
    assert calls.names == ["BatchGetItem"] * 2
    people = company.greenroom.container.program_store
    for number in range(3):
        removed = people.member_by_email(company.ana.program_id, f"m{number}@demo.example")
        assert removed is not None
        company.removes(removed)
    calls.made.clear()
    outcomes = [outcome for _, outcome, _ in company.imports(text)]
    assert outcomes == ["invited"] * 3 + ["already_a_member"] * 57
    # Returning members count as invited, so the import reads the program's counts first.
    assert calls.names == ["BatchGetItem"] * 3 + ["TransactWriteItems"] * 3


def test_a_person_brought_back_twice_at_once_is_in_the_program(company: Company) -> None:
    ben = company.join()
    company.removes(ben)
    removed = company.now(ben)
    company.invites()
    again = replace(removed, role=MANAGER)
    assert company.greenroom.container.programs.reinvite_removed(removed, again) == (
        company.now(ben),
        False,
    )
    assert company.now(ben).role is MEMBER


def test_a_person_invited_meanwhile_is_reported_with_their_actual_state(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_PER_TRANSACTION", 2)
    known = MemberStore.by_email

    def and_then(self: MemberStore, program_id: str, emails: set[str]) -> dict[str, Member]:
        found = known(self, program_id, emails)
        company.invites("n1@demo.example")
        return found

    monkeypatch.setattr(MemberStore, "by_email", and_then)
    outcomes = company.imports("".join(f"n{n}@demo.example\n" for n in range(4)))
    assert [outcome for _, outcome, _ in outcomes] == [
        RowOutcome.INVITED,
        RowOutcome.ALREADY_A_MEMBER,
        RowOutcome.INVITED,
        RowOutcome.INVITED,
    ]
    assert len(company.everybody()) == 5


# --- other programs, pages, prices -------------------------------------------------------------


def test_things_of_another_program_are_not_found(company: Company, foreign: Caller) -> None:
    ben, people = company.join(), company.service
    attempts: list[Callable[[str], object]] = [
        lambda member_id: people.member(foreign, member_id),
        lambda member_id: people.change_role(foreign, member_id, MANAGER),
        lambda member_id: people.remove(foreign, member_id),
    ]
    for attempt in attempts:
        for member_id in (ben.member_id, UNKNOWN):
            with pytest.raises(Problem) as told:
                attempt(member_id)
            assert str(told.value) == "not_found: There is no such member."
    assert [each.member_id for each in people.members(foreign, 10, None).items] == [
        foreign.member_id
    ]
    assert company.now(ben).status is ACTIVE


def test_members_come_page_by_page_each_once_for_one_query(company: Company, calls: Calls) -> None:
    emails = [company.invites(f"m{n}@demo.example").email for n in range(4)]
    company.removes(company.everybody()[0])
    assert company.service.members(company.ana, 1, None).next_cursor  # fetches the key of cursors
    for limit in (1, 2, 3, 5, 100):
        shown: list[str] = []
        page: Page[Member] = Page((), None)
        while not shown or page.next_cursor:
            calls.made.clear()
            page = company.service.members(company.ana, limit, page.next_cursor)
            assert calls.names == ["Query"]
            assert len(page.items) <= limit
            shown += [each.email for each in page.items]
        assert shown == [*emails[::-1], "ana@demo.example"]


def test_a_list_of_members_costs_two_calls_with_who_is_asking(
    company: Company, greenroom: Greenroom, calls: Calls
) -> None:
    calls.made.clear()
    company.service.members(greenroom.now(company.ana), 20, None)
    assert calls.names == ["Query", "Query"]


# --- finding somebody --------------------------------------------------------------------------


def found(company: Company, limit: int = 100, **sought: Any) -> list[str]:
    """Names of who is found, page by page, each for one query and no page thinned."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = company.service.filtered_members(company.ana, MemberFilter(**sought), limit, cursor)
        names += [each.name for each in page.items]
        if page.next_cursor is None:
            return names
        assert len(page.items) == limit
        cursor = page.next_cursor


@pytest.fixture
def crowd(company: Company) -> Company:
    for email, name, role in (
        ("ben@demo.example", "Ben Lee", MEMBER),
        ("Bert@demo.example", "bEn  wu", MEMBER),
        ("cy@demo.example", "Straße", MANAGER),
        ("ben-x@else.example", "Benno", MANAGER),
    ):
        company.greenroom.clock.advance(timedelta(milliseconds=1))
        company.service.invite(company.ana, email, " ".join(name.split()), role)
    return company


def test_members_are_found_by_what_a_name_or_an_address_begins_with(crowd: Company) -> None:
    for limit in (1, 2, 100):
        assert found(crowd, limit, name="BEN") == ["Ben Lee", "bEn wu", "Benno"]
        assert found(crowd, limit, email=" Be") == ["Benno", "Ben Lee", "bEn wu"]
    assert found(crowd, name="ben  W") == ["bEn wu"]
    assert found(crowd, name="STRASS") == ["Straße"]
    assert found(crowd, email="ben@demo.example") == ["Ben Lee"]
    assert found(crowd, name="Lee") == found(crowd, email="demo.example") == []
    # What tells equal names apart is not part of a name.
    assert found(crowd, name="benno#") == found(crowd, name="benno\nmem") == []


def test_members_are_found_by_status_and_role_as_both_change(crowd: Company) -> None:
    for limit in (1, 2, 100):
        invited = found(crowd, limit, status=INVITED)
        assert invited == ["bEn wu", "Ben Lee", "Benno", "Straße"]
    assert found(crowd, status=INVITED, role=MANAGER) == ["Benno", "Straße"]
    assert found(crowd, role=MANAGER) == found(crowd, status=ACTIVE) == ["ana"]
    assert found(crowd, status=REMOVED) == []
    ben = crowd.greenroom.sign_in("ben@demo.example")
    assert found(crowd, role=MEMBER) == ["Ben Lee"]
    crowd.gives(ben, MANAGER)
    assert found(crowd, role=MANAGER) == ["Ben Lee", "ana"]
    crowd.greenroom.container.programs.change_profile(ben, name="Zoe", time_zone=None)
    assert (found(crowd, name="ben l"), found(crowd, name="zo")) == ([], ["Zoe"])
    crowd.removes(ben)
    assert (found(crowd, status=REMOVED), found(crowd, role=MANAGER)) == (["Zoe"], ["ana"])
    crowd.invites("ben@demo.example")
    assert found(crowd, status=REMOVED) == []
    assert found(crowd, status=INVITED, role=MEMBER) == ["bEn wu", "Zoe"]


def test_members_are_found_by_ids_in_their_order(crowd: Company, foreign: Caller) -> None:
    by_name = {each.name: each.member_id for each in crowd.everybody()}
    wanted = ["Straße", "ana", "Ben Lee"]
    ids = (by_name["Straße"], "mem_none", by_name["ana"], foreign.member_id, by_name["Ben Lee"])
    for limit in (1, 2, 100):
        assert found(crowd, limit, ids=ids) == wanted
    crowd.gives(crowd.greenroom.sign_in("cy@demo.example"), MEMBER)
    crowd.removes(crowd.greenroom.sign_in("ben@demo.example"))
    assert found(crowd, ids=ids) == wanted
    with refused(ProblemCode.INVALID_REQUEST):
        found(crowd, ids=ids, name="ben")


def test_one_looks_in_one_way_at_a_time_and_pages_through_one_search(crowd: Company) -> None:
    with pytest.raises(Problem) as told:
        found(crowd, name="ben", role=MANAGER)
    assert [each.field for each in told.value.errors] == ["status"]
    with refused(ProblemCode.INVALID_REQUEST):
        found(crowd, name="ben", email="ben")
    page = crowd.service.filtered_members(crowd.ana, MemberFilter(name="ben"), 1, None)
    for other in (MemberFilter(name="b"), MemberFilter(email="ben"), MemberFilter(role=MEMBER)):
        with refused(ProblemCode.INVALID_CURSOR):
            crowd.service.filtered_members(crowd.ana, other, 1, page.next_cursor)
    with refused(ProblemCode.INVALID_CURSOR):
        crowd.service.members(crowd.ana, 1, page.next_cursor)


def test_a_search_finds_only_members_of_the_callers_program(
    crowd: Company, foreign: Caller
) -> None:
    for sought in (MemberFilter(name="ben"), MemberFilter(email="ben"), MemberFilter(role=MANAGER)):
        shown = crowd.service.filtered_members(foreign, sought, 100, None).items
        assert {each.program_id for each in shown} <= {foreign.program_id}


def test_the_longest_names_and_addresses_are_found_and_their_cursors_are_taken(
    company: Company,
) -> None:
    label = "n" * 63
    email = f"{'n' * 64}@{label}.{label}.{'n' * 52}.example"  # with a digit more, 254 characters
    name = "\U0001f3ad" * MAX_NAME_LENGTH
    for number in range(2):
        company.service.invite(company.ana, f"{email}{number}", name, MEMBER)
    for sought in (MemberFilter(name=name), MemberFilter(email=email)):
        page = company.service.filtered_members(company.ana, sought, 1, None)
        assert page.next_cursor is not None
        assert len(page.next_cursor) <= MAX_CURSOR_LENGTH
        rest = company.service.filtered_members(company.ana, sought, 1, page.next_cursor)
        assert len({each.member_id for each in (*page.items, *rest.items)}) == 2


def test_finding_somebody_costs_two_calls_with_who_is_asking(
    crowd: Company, greenroom: Greenroom, calls: Calls
) -> None:
    found(crowd, limit=1, name="b")  # fetches the cursors' key
    for sought in (MemberFilter(name="b"), MemberFilter(email="b"), MemberFilter(status=INVITED)):
        calls.made.clear()
        page = crowd.service.filtered_members(greenroom.now(crowd.ana), sought, 1, None)
        assert calls.names == ["Query", "Query"]
        calls.made.clear()
        crowd.service.filtered_members(greenroom.now(crowd.ana), sought, 1, page.next_cursor)
        assert calls.names == ["Query", "Query"]
    ids = tuple(each.member_id for each in crowd.everybody())
    calls.made.clear()
    crowd.service.filtered_members(greenroom.now(crowd.ana), MemberFilter(ids=ids), 2, None)
    assert calls.names == ["Query", "BatchGetItem"]


def test_the_command_run_again_brings_nobody_back_who_was_removed(company: Company) -> None:
    programs: ProgramService = company.greenroom.container.programs
    ben = company.join()
    company.removes(ben)
    again, new = programs.invite(company.greenroom.program, BEN, MEMBER)
    assert (again, new) == (company.now(ben), False)
    assert again.status is REMOVED
