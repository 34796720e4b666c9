"""Programs and their people: invited by e-mail, bound to a person once, in one program only."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pynamodb.expressions.update import Action

import commands.__main__ as commands_main
from chalicelib.foundation.identity import (
    Caller,
    Claims,
    Role,
    ShownAs,
    TikTokState,
    normalized_email,
)
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import Conflict
from chalicelib.programs.model import MAX_NAME_LENGTH, Member, MemberStatus, Program
from chalicelib.programs.service import ProgramChanges, ProgramService
from chalicelib.programs.store import MemberItem, ProgramStore
from tests.clock import StoppedClock
from tests.integration.conftest import Calls
from tests.integration.database import database
from tests.integration.greenroom import Greenroom

ANA = Claims("subject-ana", "ana@demo.example", 0)
BEN = Claims("subject-ben", "ben@demo.example", 0)


class RacedStore(ProgramStore):
    """Lets something happen right after a read, once."""

    meanwhile: Callable[[], object] | None = None

    def _race(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()

    def invitations(self, email: str) -> Sequence[Member]:
        found = super().invitations(email)
        self._race()
        return found

    def member(self, program_id: str, member_id: str) -> Member | None:
        found = super().member(program_id, member_id)
        self._race()
        return found

    def program(self, program_id: str) -> Program | None:
        found = super().program(program_id)
        self._race()
        return found


@pytest.fixture
def store(settings: Settings) -> RacedStore:
    return RacedStore(database())


@pytest.fixture
def programs(store: RacedStore, clock: StoppedClock) -> ProgramService:
    return ProgramService(store, clock)


@pytest.fixture
def demo(programs: ProgramService) -> Program:
    return programs.create_program("Demo", "Europe/Berlin", "ana@demo.example")[0]


@pytest.fixture
def other(programs: ProgramService, demo: Program) -> Program:
    return programs.create_program("Other", "Asia/Tokyo", "boss@other.example")[0]


def change(caller: Caller, *actions: Action) -> None:
    """Change a member's item beside all services."""
    database().update(MemberItem(caller.program_id, f"member#{caller.member_id}"), list(actions))


def code_of(refused: pytest.ExceptionInfo[Problem]) -> Code:
    return refused.value.code


def test_a_program_comes_with_its_invited_manager(programs: ProgramService) -> None:
    program, manager, new = programs.create_program(
        " Demo  Corp ", "Europe/Berlin", "Ana@Demo.example"
    )
    assert new
    assert (program.name, program.time_zone) == ("Demo Corp", "Europe/Berlin")
    assert (manager.email, manager.name, manager.role) == ("ana@demo.example", "ana", Role.MANAGER)
    assert manager.status is MemberStatus.INVITED
    assert programs.caller(ANA) == manager.as_caller()
    assert programs.caller(ANA).time_zone == "Europe/Berlin"


@pytest.mark.parametrize("name", ["Demo", " demo ", "DEMO"])
def test_the_command_run_twice_creates_one_program_which_stays_as_it_is(
    programs: ProgramService, demo: Program, store: RacedStore, name: str
) -> None:
    programs.change_program(programs.caller(ANA), ProgramChanges(name="Renamed"))
    known = store.member_by_email(demo.program_id, "ana@demo.example")
    again, manager, new = programs.create_program(name, "Asia/Tokyo", "Ana@demo.example")
    renamed = replace(demo, name="Renamed", version=2)
    assert (again, manager, new) == (renamed, known, False)


def test_another_manager_of_the_same_name_gets_a_program_of_their_own(
    programs: ProgramService, demo: Program
) -> None:
    program, _, new = programs.create_program("Demo", "UTC", "ben@demo.example")
    assert new
    assert programs.caller(BEN).program_id == program.program_id != demo.program_id
    assert program.name == demo.name


@pytest.mark.parametrize("email", ["kim@demo.example\u200b", "\u212aim@demo.example"])
def test_an_address_that_only_looks_like_an_invited_one_takes_no_invitation(
    programs: ProgramService, demo: Program, email: str
) -> None:
    programs.invite(demo, "kim@demo.example", Role.MANAGER)
    with pytest.raises(ValueError, match=r"cannot be mailed|is not an e-mail"):
        normalized_email(email)
    with pytest.raises(Problem) as refused:
        programs.caller(Claims("subject-x", "", 0))  # as the token of such an address is read
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER


def test_an_invitation_to_a_domain_in_punycode_is_taken_by_its_letters_and_the_other_way_round(
    programs: ProgramService, demo: Program
) -> None:
    programs.invite(demo, "kim@bücher.example", Role.MEMBER)
    programs.invite(demo, "lee@xn--bcher-kva.example", Role.MEMBER)
    for number, email in enumerate(("kim@xn--bcher-kva.example", "lee@Bücher.example")):
        claims = Claims(f"subject-{number}", normalized_email(email), 0)
        assert programs.caller(claims).program_id == demo.program_id


@pytest.mark.parametrize(
    ("time_zone", "email"), [("Mars/Olympus", "ana@demo.example"), ("UTC", "ana")]
)
def test_a_program_with_a_wrong_zone_or_address_is_not_made(
    programs: ProgramService, store: RacedStore, time_zone: str, email: str
) -> None:
    with pytest.raises(ValueError, match="is not a"):
        programs.create_program("Demo", time_zone, email)
    assert store.program_created("Demo", email) is None


def test_inviting_somebody_again_leaves_them_as_they_are(
    programs: ProgramService, demo: Program
) -> None:
    first, new = programs.invite(demo, "ben@demo.example", Role.MEMBER)
    assert new
    assert programs.invite(demo, " BEN@demo.example", Role.MANAGER) == (first, False)
    caller = programs.caller(BEN)
    again, new = programs.invite(demo, "ben@demo.example", Role.MANAGER)
    assert not new
    assert (again.member_id, again.status) == (caller.member_id, MemberStatus.ACTIVE)
    assert not programs.caller(BEN).is_manager


def test_the_first_sign_in_binds_the_invitation_and_later_ones_find_it(
    programs: ProgramService, demo: Program, store: RacedStore
) -> None:
    first = programs.caller(ANA)
    assert not store.invitations("ana@demo.example")
    assert programs.caller(ANA) == first
    # From now on the person counts, not the address.
    assert programs.caller(Claims(ANA.subject, "new@demo.example", 0)) == first


def test_knowing_somebody_who_was_here_before_takes_one_call(
    programs: ProgramService, demo: Program, calls: Calls
) -> None:
    programs.caller(ANA)
    calls.made.clear()
    programs.caller(ANA)
    assert calls.names == ["Query"]


def test_a_person_without_an_invitation_is_no_member(
    programs: ProgramService, demo: Program
) -> None:
    with pytest.raises(Problem) as refused:
        programs.caller(BEN)
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER


def test_an_invitation_that_was_taken_up_admits_nobody_else_with_the_address(
    programs: ProgramService, demo: Program
) -> None:
    programs.caller(ANA)
    with pytest.raises(Problem) as refused:
        programs.caller(Claims("subject-eve", ANA.email, 0))
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER


def test_a_removed_member_is_refused_even_with_a_valid_token(
    programs: ProgramService, demo: Program
) -> None:
    change(programs.caller(ANA), MemberItem.status.set(MemberStatus.REMOVED))
    with pytest.raises(Problem) as refused:
        programs.caller(ANA)
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER


def test_a_changed_role_holds_from_the_next_request_on(
    programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    assert caller.is_manager
    change(caller, MemberItem.role.set(Role.MEMBER))
    assert not programs.caller(ANA).is_manager


def test_two_requests_of_one_person_at_their_first_sign_in_find_the_same_member(
    programs: ProgramService, demo: Program, store: RacedStore
) -> None:
    faster: list[Caller] = []
    store.meanwhile = lambda: faster.append(programs.caller(ANA))
    assert [programs.caller(ANA)] == faster


def test_of_two_people_racing_for_one_invitation_one_gets_it(
    programs: ProgramService, demo: Program, store: RacedStore
) -> None:
    faster: list[Caller] = []
    store.meanwhile = lambda: faster.append(programs.caller(ANA))
    with pytest.raises(Problem) as refused:
        programs.caller(Claims("subject-eve", ANA.email, 0))
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER
    assert [programs.caller(ANA)] == faster


def test_a_person_invited_by_several_programs_joins_none_and_gets_their_names(
    programs: ProgramService, demo: Program, other: Program, clock: StoppedClock
) -> None:
    programs.invite(other, BEN.email, Role.MEMBER)
    clock.at = clock.at.replace(hour=13)
    programs.invite(demo, BEN.email, Role.MANAGER)
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            programs.caller(BEN)
        assert code_of(refused) is ProblemCode.CHOOSE_PROGRAM
        told = refused.value.to_dict()["invitations"]
        assert [(each["program_name"], each["role"], each["left_before"]) for each in told] == [
            ("Other", "member", False),
            ("Demo", "manager", False),
        ]


def test_a_second_programs_invitation_changes_nothing_and_tells_the_inviter_nothing(
    programs: ProgramService, demo: Program, other: Program, store: RacedStore
) -> None:
    at_home = programs.caller(ANA)
    known, known_new = programs.invite(other, ANA.email, Role.MEMBER)
    unknown, unknown_new = programs.invite(other, "nobody@demo.example", Role.MEMBER)
    assert programs.caller(ANA) == at_home
    after = [store.member(other.program_id, each.member_id) for each in (known, unknown)]
    assert [each.status for each in after if each] == [MemberStatus.INVITED] * 2
    assert known_new is unknown_new is True


def test_a_person_who_joined_another_program_meanwhile_belongs_to_it(
    programs: ProgramService, demo: Program, other: Program, store: RacedStore
) -> None:
    programs.invite(other, BEN.email, Role.MEMBER)
    second = programs.invite(demo, "ben.private@demo.example", Role.MEMBER)[0]
    store.meanwhile = lambda: programs.caller(Claims(BEN.subject, second.email, 0))
    assert programs.caller(BEN) == second.as_caller()


def test_a_profile_shows_member_and_program(programs: ProgramService, demo: Program) -> None:
    profile = programs.profile(programs.caller(ANA))
    assert profile.program == demo
    assert (profile.member.email, profile.member.status) == (ANA.email, MemberStatus.ACTIVE)


def test_a_change_is_kept_and_what_is_not_named_stays(
    programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    programs.change_profile(caller, name="Ana Lee", time_zone=None)
    answered = programs.change_profile(caller, name=None, time_zone="Asia/Kathmandu").member
    assert (answered.name, answered.time_zone) == ("Ana Lee", "Asia/Kathmandu")
    assert programs.profile(caller).member == answered
    assert programs.caller(ANA) == answered.as_caller()


def test_a_time_zone_that_is_none_changes_nothing(programs: ProgramService, demo: Program) -> None:
    caller = programs.caller(ANA)
    with pytest.raises(Problem) as refused:
        programs.change_profile(caller, name="Ana Lee", time_zone="Mars/Olympus")
    assert [each.field for each in refused.value.errors] == ["time_zone"]
    assert programs.caller(ANA) == caller


def refused_alias(programs: ProgramService, caller: Caller, **wanted: Any) -> str:
    with pytest.raises(Problem) as refused:
        programs.change_profile(caller, **wanted)
    (error,) = refused.value.errors
    assert error.field == "alias"
    return error.code


def test_an_alias_is_kept_and_is_free_again_once_it_is_given_up(
    programs: ProgramService, demo: Program
) -> None:
    programs.invite(demo, BEN.email, Role.MEMBER)
    ana, ben = programs.caller(ANA), programs.caller(BEN)
    assert refused_alias(programs, ana, shown_as=ShownAs.ALIAS) == "alias_missing"
    programs.change_profile(ana, shown_as=ShownAs.ALIAS, alias="Night Owl")
    kept = programs.profile(ana).member
    assert (kept.shown_as, kept.alias, kept.name) == (ShownAs.ALIAS, "Night Owl", ana.name)
    assert (programs.caller(ANA).shown_as, programs.caller(ANA).alias) == (
        kept.shown_as,
        "Night Owl",
    )
    assert refused_alias(programs, ana, alias="") == "alias_missing"
    assert refused_alias(programs, ben, alias="Night Owl") == "alias_taken"
    programs.change_profile(ana, alias="Early Bird")
    programs.change_profile(ben, alias="Night Owl")
    programs.change_profile(ana, shown_as=ShownAs.NAME, alias="")
    programs.change_profile(ben, alias="Early Bird")
    assert programs.profile(ana).member.alias == ""
    assert programs.profile(ben).member.shown_as is ShownAs.NAME


@pytest.mark.parametrize(
    "like", ["Night Owl", "night owl", "NIGHT\u200b OWL", "\uff2eight Owl", "Night\xa0Owl"]
)
def test_no_alias_looks_like_another_members_alias_or_name(
    programs: ProgramService, demo: Program, like: str
) -> None:
    programs.invite(demo, BEN.email, Role.MEMBER)
    ana, ben = programs.caller(ANA), programs.caller(BEN)
    programs.change_profile(ana, alias="Night Owl")
    assert refused_alias(programs, ben, alias=like) == "alias_taken"
    programs.change_profile(ana, alias="Early Bird", name="Night Owl")
    assert refused_alias(programs, ben, alias=like) == "alias_taken"
    # One's own name is nobody else's, and in another program nothing is taken.
    programs.change_profile(ana, alias=like)
    other, cleo, _ = programs.create_program("Other", "UTC", "cleo@other.example")
    assert other.program_id != demo.program_id
    elsewhere = programs.caller(Claims("subject-of-cleo", cleo.email, ANA.expires_at))
    assert programs.change_profile(elsewhere, alias=like).member.alias == like


def test_of_two_who_take_an_alias_at_once_one_has_it(
    store: RacedStore, programs: ProgramService, demo: Program
) -> None:
    programs.invite(demo, BEN.email, Role.MEMBER)
    ana, ben = programs.caller(ANA), programs.caller(BEN)
    store.meanwhile = lambda: programs.change_profile(ben, alias="Night Owl")
    assert refused_alias(programs, ana, alias="Night Owl") == "alias_taken"
    assert programs.profile(ben).member.alias == "Night Owl"
    assert programs.profile(ana).member.alias == ""


def test_changes_of_different_fields_at_the_same_time_are_both_kept(
    store: RacedStore, programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    store.meanwhile = lambda: programs.change_profile(caller, name=None, time_zone="Asia/Tokyo")
    programs.change_profile(caller, name="Ana Lee", time_zone=None)
    after = programs.profile(caller).member
    assert (after.name, after.time_zone) == ("Ana Lee", "Asia/Tokyo")


def test_a_change_of_nothing_writes_nothing(
    programs: ProgramService, demo: Program, calls: Calls
) -> None:
    caller = programs.caller(ANA)
    calls.made.clear()
    assert programs.change_profile(caller, name=None, time_zone=None).member.name == caller.name
    assert set(calls.names) == {"GetItem"}
    same = programs.change_profile(caller, name=caller.name, time_zone=caller.time_zone)
    assert same.member == programs.profile(caller).member
    again = programs.change_profile(caller, name=caller.name, time_zone=caller.time_zone)
    assert again == same


def test_a_manager_is_known_by_subject_or_by_an_invitation_and_nothing_is_bound_by_it(
    programs: ProgramService, demo: Program, calls: Calls
) -> None:
    programs.invite(demo, "mia@demo.example", Role.MANAGER)
    programs.invite(demo, "tom@demo.example", Role.MEMBER)
    assert programs.is_manager_or_invited_as_manager("subject-of-mia", "Mia@demo.example")
    for email in ("tom@demo.example", "nobody@demo.example", "no address"):
        assert not programs.is_manager_or_invited_as_manager("subject-of-another", email)
    calls.made.clear()
    assert not programs.is_manager_or_invited_as_manager(BEN.subject, BEN.email)
    assert len(calls.names) <= 3
    mia = programs.caller(Claims("subject-of-mia", "mia@demo.example", ANA.expires_at))
    calls.made.clear()
    assert mia.is_manager
    assert programs.is_manager_or_invited_as_manager("subject-of-mia", "another@demo.example")
    assert calls.names == ["GetItem", "GetItem"]


def test_a_change_of_ones_name_costs_three_calls(
    programs: ProgramService, demo: Program, calls: Calls
) -> None:
    caller = programs.caller(ANA)
    calls.made.clear()
    programs.change_profile(caller, name="Ana Lee", time_zone=None)
    assert calls.names == ["GetItem", "TransactWriteItems", "GetItem"]


def test_a_change_by_somebody_removed_meanwhile_is_a_problem_and_changes_nothing(
    programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    change(caller, MemberItem.status.set(MemberStatus.REMOVED))
    with pytest.raises(Problem) as refused:
        programs.change_profile(caller, name="Ana Lee", time_zone=None)
    assert code_of(refused) is ProblemCode.NOT_A_MEMBER
    assert programs.profile(caller).member.name == caller.name


@pytest.mark.parametrize("name", ["", "   ", "x" * (MAX_NAME_LENGTH + 1)])
def test_a_program_without_a_name_or_with_one_too_long_is_not_made(
    programs: ProgramService, store: RacedStore, name: str
) -> None:
    with pytest.raises(ValueError, match="1 to 100 characters"):
        programs.create_program(name, "UTC", "ana@demo.example")
    assert store.program_created(name, "ana@demo.example") is None


def test_a_program_may_have_the_longest_name(programs: ProgramService) -> None:
    name = "x" * MAX_NAME_LENGTH
    assert programs.create_program(f" {name} ", "UTC", "ana@demo.example")[0].name == name


def test_all_members_of_a_program_are_walked_and_no_others(
    programs: ProgramService, demo: Program, other: Program
) -> None:
    programs.invite(demo, BEN.email, Role.MEMBER)
    emails = {member.email for member in programs.members(demo.program_id)}
    assert emails == {ANA.email, BEN.email}


def test_the_state_of_a_tiktok_account_travels_with_the_caller(
    programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    assert caller.tiktok is None
    for state in (TikTokState.CONNECTED, TikTokState.RECONNECT_REQUIRED, None):
        note = programs.tiktok_state_part(caller.program_id, caller.member_id, state, active=True)
        database().commit([note])
        assert programs.caller(ANA).tiktok is state


def test_the_state_of_a_removed_members_account_is_kept_unless_they_must_be_active(
    programs: ProgramService, demo: Program
) -> None:
    caller = programs.caller(ANA)
    change(caller, MemberItem.status.set(MemberStatus.REMOVED))
    state = TikTokState.RECONNECT_REQUIRED
    with pytest.raises(Conflict):
        database().commit(
            [programs.tiktok_state_part(caller.program_id, caller.member_id, state, active=True)]
        )
    database().commit(
        [programs.tiktok_state_part(caller.program_id, caller.member_id, state, active=False)]
    )
    assert programs.profile(caller).member.tiktok is state
    with pytest.raises(Conflict):
        database().commit(
            [programs.tiktok_state_part(caller.program_id, "mem_unknown", state, active=False)]
        )


# --- settings ----------------------------------------------------------------------------------


def test_a_program_begins_with_everything_on_and_nothing_disclosed(
    programs: ProgramService, demo: Program
) -> None:
    settings = programs.settings(programs.caller(ANA))
    assert settings == demo
    assert settings.leaderboard
    assert settings.rewards
    assert settings.managers_on_leaderboard
    assert settings.disclosure == ""


CHANGES = [
    ProgramChanges(name="Demo Corp"),
    ProgramChanges(time_zone="Asia/Tokyo"),
    ProgramChanges(leaderboard=False),
    ProgramChanges(rewards=False),
    ProgramChanges(disclosure="#ad"),
    ProgramChanges(managers_on_leaderboard=False),
    ProgramChanges(names_on_leaderboard=False),
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_setting_is_changed_and_the_others_stay(
    programs: ProgramService, demo: Program, changes: ProgramChanges
) -> None:
    named = {name: value for name, value in asdict(changes).items() if value is not None}
    caller, becomes = programs.caller(ANA), replace(demo, **named, version=2)
    assert programs.change_program(caller, changes) == becomes
    assert programs.settings(caller) == becomes


def test_a_disclosure_can_be_taken_away_again(programs: ProgramService, demo: Program) -> None:
    caller = programs.caller(ANA)
    programs.change_program(caller, ProgramChanges(disclosure="#ad"))
    assert programs.change_program(caller, ProgramChanges(disclosure="")).disclosure == ""


def test_a_change_of_no_setting_writes_nothing(
    programs: ProgramService, demo: Program, calls: Calls
) -> None:
    caller = programs.caller(ANA)
    calls.made.clear()
    assert programs.change_program(caller, ProgramChanges()) == demo
    assert calls.names == ["GetItem"]


def test_a_program_may_take_the_name_of_another_and_learns_nothing_of_it(
    programs: ProgramService, demo: Program, other: Program, calls: Calls
) -> None:
    caller = programs.caller(ANA)
    calls.made.clear()
    renamed = programs.change_program(caller, ProgramChanges(name=other.name, rewards=False))
    assert (renamed.name, renamed.rewards) == (other.name, False)
    assert calls.names == ["GetItem", "TransactWriteItems"]
    assert programs.program(other.program_id) == other


def test_a_program_that_takes_anothers_name_is_not_the_one_the_owner_creates_by_it(
    programs: ProgramService, demo: Program
) -> None:
    programs.change_program(programs.caller(ANA), ProgramChanges(name="Acme"))
    acme, _, new = programs.create_program("Acme", "UTC", "ben@demo.example")
    assert new
    assert acme.program_id != demo.program_id


def test_a_zone_that_is_none_changes_no_setting(programs: ProgramService, demo: Program) -> None:
    caller = programs.caller(ANA)
    with pytest.raises(Problem) as refused:
        programs.change_program(caller, ProgramChanges(name="New", time_zone="Mars/Olympus"))
    assert [each.field for each in refused.value.errors] == ["time_zone"]
    assert programs.settings(caller) == demo


def test_a_member_follows_the_programs_zone_until_they_choose_one(
    programs: ProgramService, demo: Program
) -> None:
    programs.invite(demo, BEN.email, Role.MEMBER)
    ana, ben = programs.caller(ANA), programs.caller(BEN)
    assert (ana.time_zone, ben.time_zone) == ("Europe/Berlin", "Europe/Berlin")
    programs.change_profile(ben, name=None, time_zone="America/Lima")
    programs.change_program(ana, ProgramChanges(time_zone="Asia/Tokyo"))
    assert programs.caller(ANA).time_zone == "Asia/Tokyo"
    assert programs.profile(ana).time_zone == "Asia/Tokyo"
    assert programs.caller(BEN).time_zone == "America/Lima"


def test_a_new_zone_is_known_everywhere_within_a_minute(
    programs: ProgramService, demo: Program, store: RacedStore, clock: StoppedClock
) -> None:
    elsewhere = ProgramService(store, clock)
    assert elsewhere.caller(ANA).time_zone == "Europe/Berlin"
    programs.change_program(programs.caller(ANA), ProgramChanges(time_zone="Asia/Tokyo"))
    assert elsewhere.caller(ANA).time_zone == "Europe/Berlin"
    clock.advance(timedelta(minutes=1))
    assert elsewhere.caller(ANA).time_zone == "Asia/Tokyo"


def test_a_member_with_a_chosen_zone_never_costs_a_second_call(
    programs: ProgramService, demo: Program, store: RacedStore, clock: StoppedClock, calls: Calls
) -> None:
    programs.change_profile(programs.caller(ANA), name=None, time_zone="UTC")
    calls.made.clear()
    ProgramService(store, clock).caller(ANA)
    assert calls.names == ["Query"]


# --- the owner's command -----------------------------------------------------------------------


def run(*words: str) -> Result:
    return CliRunner().invoke(commands_main.main, ["program", *words])


def test_the_owner_invites_people_to_a_program_that_exists(
    stack_here: None, greenroom: Greenroom
) -> None:
    program = greenroom.program
    words = ("--program", program.program_id, "--manager", BEN.email, "--member", "kim@x.example")
    for told in ("invited", "is in it already"):
        ran = run("invite", *words)
        assert ran.exit_code == 0
        assert json.loads(ran.stdout)["program_id"] == program.program_id
        assert [each["role"] for each in json.loads(ran.stdout)["people"]] == ["manager", "member"]
        assert f"{BEN.email} {told}." in ran.stderr
    assert greenroom.container.programs.caller(BEN).is_manager


def test_a_command_for_a_program_that_is_not_there_says_so(stack_here: None) -> None:
    ran = run("invite", "--program", "prg_x", "--manager", BEN.email)
    assert ran.exit_code == 1
    assert "There is no program prg_x" in ran.stderr
