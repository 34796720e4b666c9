"""What a person decides about themselves: which program they join, what they decline, leaving."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.programs.joining.service import JoiningService
from chalicelib.programs.model import MAX_INVITATIONS, Member, MemberStatus, Program
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import MEMBERS, CountedIdsItem, MemberItem
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

VIC = "vic@acme.example"


@contextmanager
def refused(code: Code) -> Iterator[None]:
    with pytest.raises(Problem) as problem:
        yield
    assert problem.value.code is code


class People:
    """A rival's program, one's own company's, and Vic, whom both may invite."""

    def __init__(self, greenroom: Greenroom) -> None:
        self.greenroom = greenroom
        self.programs: ProgramService = greenroom.container.programs
        self.joining: JoiningService = greenroom.container.joining
        self.rival = self.creates("Rival", "boss@rival.example")
        self.acme = self.creates("Acme", "boss@acme.example")

    def creates(self, name: str, manager: str) -> Program:
        return self.programs.create_program(name, "UTC", manager)[0]

    def invites(self, program: Program, role: Role = Role.MEMBER) -> Member:
        self.greenroom.clock.advance(timedelta(seconds=1))
        fresh = self.programs.invite(program, VIC, role)[0]
        if fresh.status is MemberStatus.REMOVED:
            boss = self.sign_in(f"boss@{program.name.lower()}.example")
            return self.greenroom.container.members.invite(boss, VIC, None, role)
        return fresh

    def claims(self, email: str = VIC) -> Claims:
        return Claims(f"subject-{email}", email, 0)

    def sign_in(self, email: str = VIC) -> Caller:
        return self.programs.caller(self.claims(email))

    def person(self, email: str = VIC) -> Caller:
        """Return somebody who is signed in, as the routes for them get them."""
        claims = self.claims(email)
        return Caller("", "", Role.MEMBER, claims.email, "", "UTC", subject=claims.subject)

    def names(self) -> list[tuple[str, bool]]:
        found = self.joining.invitations(self.person())
        return [(each.program_name, each.left_before) for each in found]

    def counted(self, program: Program) -> int:
        kept = database().get(CountedIdsItem, program.program_id, MEMBERS, consistent_read=True)
        return int(kept.made or 0)

    def item(self, member: Member) -> MemberItem:
        return database().get(
            MemberItem, member.program_id, f"member#{member.member_id}", consistent_read=True
        )


@pytest.fixture
def people(greenroom: Greenroom) -> People:
    return People(greenroom)


def test_the_only_invitation_is_taken_at_the_first_sign_in(people: People) -> None:
    people.invites(people.acme)
    assert people.sign_in().program_id == people.acme.program_id


def test_a_rival_who_invites_first_gets_nobody_whose_company_invites_them_too(
    people: People,
) -> None:
    people.invites(people.rival)
    people.invites(people.acme)
    with refused(ProblemCode.CHOOSE_PROGRAM):
        people.sign_in()
    assert people.names() == [("Rival", False), ("Acme", False)]
    joined = people.joining.accept(people.person(), people.acme.program_id)
    assert people.sign_in().member_id == joined.member_id
    assert people.names() == [("Rival", False)]


def test_a_person_invited_by_three_programs_joins_one_declines_one_and_may_change(
    people: People, greenroom: Greenroom
) -> None:
    third, _, _ = greenroom.container.programs.create_program("Third", "UTC", "tess@third.example")
    for each in (people.rival, people.acme, third):
        people.invites(each)
        greenroom.clock.advance(timedelta(seconds=1))
    with refused(ProblemCode.CHOOSE_PROGRAM):
        people.sign_in()
    people.joining.decline(people.person(), people.rival.program_id)
    with refused(ProblemCode.CHOOSE_PROGRAM):
        people.sign_in()  # two are left
    people.joining.accept(people.person(), third.program_id)
    assert people.sign_in().program_id == third.program_id
    assert people.names() == [("Acme", False)]
    people.joining.leave(people.sign_in())
    people.joining.accept(people.person(), people.acme.program_id)
    assert people.sign_in().program_id == people.acme.program_id


def test_a_person_who_joined_another_companys_program_leaves_it_and_joins_their_own(
    people: People,
) -> None:
    people.invites(people.rival)
    landed = people.sign_in()
    people.invites(people.acme)
    assert people.sign_in() == landed
    assert people.names() == [("Acme", False)]
    with refused(ProgramProblem.ALREADY_IN_A_PROGRAM):
        people.joining.accept(people.person(), people.acme.program_id)
    people.joining.leave(landed)
    assert people.sign_in().program_id == people.acme.program_id


def test_an_invitation_alone_does_not_bring_back_a_person_who_left(people: People) -> None:
    people.invites(people.rival)
    people.joining.leave(people.sign_in())
    with refused(ProblemCode.NOT_A_MEMBER):
        people.sign_in()
    people.invites(people.rival)
    with refused(ProblemCode.CHOOSE_PROGRAM):
        people.sign_in()
    assert people.names() == [("Rival", True)]
    people.joining.accept(people.person(), people.rival.program_id)
    back = people.sign_in()
    assert back.program_id == people.rival.program_id
    assert people.programs.profile(back).member.left_at is None


def test_an_invitation_that_is_declined_is_gone_and_asks_again_only_when_renewed(
    people: People,
) -> None:
    invited = people.invites(people.rival, Role.MANAGER)
    people.invites(people.acme)
    before = people.counted(people.rival)
    people.joining.decline(people.person(), people.rival.program_id)
    assert people.counted(people.rival) == before - 1
    assert people.names() == [("Acme", False)]
    item = people.item(invited)
    assert (item.removed_by, item.changed_by) == (f"member:{invited.member_id}",) * 2
    with refused(ProblemCode.NOT_FOUND):
        people.joining.decline(people.person(), people.rival.program_id)
    with refused(ProblemCode.NOT_FOUND):
        people.joining.accept(people.person(), people.rival.program_id)
    people.invites(people.rival)
    with refused(ProblemCode.CHOOSE_PROGRAM):
        people.sign_in()
    assert people.names() == [("Acme", False), ("Rival", True)]


def test_somebody_elses_invitation_is_not_there(people: People) -> None:
    people.invites(people.acme)
    for act in (people.joining.accept, people.joining.decline):
        with refused(ProblemCode.NOT_FOUND):
            act(people.person("eve@acme.example"), people.acme.program_id)
        nobody = Caller("", "", Role.MEMBER, "", "", "UTC", subject="subject-nobody")
        with refused(ProblemCode.NOT_FOUND):
            act(nobody, people.acme.program_id)
    assert people.names() == [("Acme", False)]


def test_accepting_twice_is_accepting_once(people: People) -> None:
    people.invites(people.acme)
    people.invites(people.rival)
    first = people.joining.accept(people.person(), people.acme.program_id)
    assert people.joining.accept(people.person(), people.acme.program_id) == people.programs.member(
        first.program_id, first.member_id
    )


def test_of_two_people_with_one_address_one_accepts(people: People) -> None:
    people.invites(people.acme)
    people.joining.accept(people.person(), people.acme.program_id)
    eve = Caller("", "", Role.MEMBER, VIC, "", "UTC", subject="subject-eve")
    with refused(ProblemCode.NOT_FOUND):
        people.joining.accept(eve, people.acme.program_id)


def test_the_last_manager_may_not_leave_and_another_may(people: People) -> None:
    boss = people.sign_in("boss@acme.example")
    with refused(ProgramProblem.LAST_MANAGER):
        people.joining.leave(boss)
    people.invites(people.acme, Role.MANAGER)
    people.sign_in()
    people.joining.leave(boss)
    with refused(ProblemCode.NOT_A_MEMBER):
        people.sign_in("boss@acme.example")


def test_leaving_twice_is_leaving_once(people: People) -> None:
    people.invites(people.acme)
    vic = people.sign_in()
    people.joining.leave(vic)
    left = people.programs.member(vic.program_id, vic.member_id)
    people.joining.leave(vic)
    assert people.programs.member(vic.program_id, vic.member_id) == left
    assert left is not None
    assert left.left_at == left.removed_at is not None


def test_many_invitations_are_shown_as_far_as_one_page_goes_and_any_can_be_accepted(
    people: People,
) -> None:
    programs = [
        people.creates(f"Spam {number}", f"boss{number}@spam.example")
        for number in range(MAX_INVITATIONS)
    ]
    for each in programs:
        people.invites(each)
    people.invites(people.acme)
    assert len(people.names()) == MAX_INVITATIONS
    people.joining.accept(people.person(), people.acme.program_id)
    assert people.sign_in().program_id == people.acme.program_id


def test_the_costs_do_not_grow_with_the_number_of_invitations(people: People, calls: Calls) -> None:
    for number in range(5):
        people.invites(people.creates(f"Inviting {number}", f"boss{number}@inviting.example"))
    people.invites(people.acme)
    calls.made.clear()
    people.joining.invitations(people.person())
    assert calls.names == ["Query", "BatchGetItem"]
    calls.made.clear()
    people.joining.accept(people.person(), people.acme.program_id)
    assert calls.names == ["GetItem", "GetItem", "GetItem", "TransactWriteItems"]
    vic = people.sign_in()
    calls.made.clear()
    people.joining.leave(vic)
    assert calls.names == ["GetItem", "TransactWriteItems"]
