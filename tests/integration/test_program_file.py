"""`apply` and `export-program` on a program of a whole Greenroom."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import commands.__main__ as commands_main
from chalicelib.audit.model import EntryFilter
from chalicelib.foundation.identity import Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.programs.model import ChannelKind, MemberStatus
from chalicelib.programs.service import ProgramChanges
from commands.program_file import applying
from commands.program_file import commands as program_file
from commands.program_file.applying import ProgramOnStack
from tests.integration.greenroom import Greenroom

FILE = """
[settings]
time_zone = "Europe/Madrid"
disclosure = "#ad"
managers_on_leaderboard = false
fulfillers = ["ana@demo.example"]

[[channels]]
name = "Sales"
kind = "private"

[[channels]]
name = "Road"
kind = "public"

[[campaigns]]
name = "Spring"

[[roster]]
email = "ana@demo.example"
role = "manager"
channels = ["Sales"]

[[roster]]
email = "ben@demo.example"
name = "Ben"
channels = ["Sales", "Road"]

[[rewards]]
title = "Mug"
price = 200
stock = 5
channels = ["Sales"]

[[rewards]]
title = "Day off"
price = 5000
starts_at = "2099-01-01T00:00"
"""


class Applier:
    """Applies texts to the program of a Greenroom, as an owner does."""

    def __init__(self, greenroom: Greenroom, folder: Path) -> None:
        self.greenroom, self._path = greenroom, folder / "program.toml"

    def __call__(self, text: str, *options: str, typed: str | None = None) -> Result:
        if "program_id" not in text:
            text = f'program_id = "{self.greenroom.program.program_id}"\n{text}'
        self._path.write_text(text, encoding="utf-8")
        words = ["apply", str(self._path), *options]
        return CliRunner().invoke(commands_main.main, words, input=typed)

    def export(self) -> str:
        words = ["export-program", "--program", self.greenroom.program.program_id]
        ran = CliRunner().invoke(commands_main.main, words)
        assert ran.exit_code == 0, ran.output
        return ran.stdout


@pytest.fixture
def apply(greenroom: Greenroom, stack_here: None, tmp_path: Path) -> Applier:
    return Applier(greenroom, tmp_path)


def trail(greenroom: Greenroom) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = greenroom.container.audit.entries(greenroom.manager, EntryFilter(), 50, cursor)
        found += [(each.kind, each.actor) for each in page.items]
        if (cursor := page.next_cursor) is None:
            return found


def emails(greenroom: Greenroom) -> dict[str, MemberStatus]:
    members = greenroom.container.programs.members(greenroom.program.program_id)
    return {each.email: each.status for each in members}


def test_a_file_becomes_a_program_and_again_changes_nothing(
    apply: Applier, greenroom: Greenroom
) -> None:
    ran = apply(FILE.replace("2099-01-01T00:00", "2027-01-01T00:00"), "--yes")
    assert ran.exit_code == 0, ran.output
    assert "  - invite ben@demo.example as a member" in ran.stdout
    assert "13 changes applied" in ran.stdout
    program = greenroom.container.programs.program(greenroom.program.program_id)
    assert program is not None
    assert (program.time_zone, program.disclosure) == ("Europe/Madrid", "#ad")
    assert program.fulfillers == {greenroom.manager.member_id}
    ben = greenroom.sign_in("ben@demo.example")
    assert (ben.name, len(ben.channels)) == ("Ben", 2)
    mug = greenroom.container.rewards.offered(ben)[0]
    assert (mug.title, mug.price, mug.stock, mug.created_by) == ("Mug", 200, 5, "command:apply")

    made = trail(greenroom)
    applied = [kind for kind, actor in made if actor == "command:apply"]
    assert sorted(applied) == [
        "campaign.created",
        *["channel.created"] * 2,
        *["channel.members_added"] * 2,
        "member.invited",
        *["program.changed"] * 2,
        *["reward.created"] * 2,
    ]
    again = apply(FILE.replace("2099-01-01T00:00", "2027-01-01T00:00"), "--yes")
    assert (again.exit_code, again.stdout) == (0, f"{program_file.NOTHING}\n")
    assert sorted(trail(greenroom)) == sorted(made)


def test_the_written_file_changes_nothing(apply: Applier) -> None:
    assert apply(FILE.replace("2099-01-01T00:00", "2027-01-01T00:00"), "--yes").exit_code == 0
    text = apply.export()
    assert 'title = "Mug"' in text
    ran = apply(text, "--check", "--prune")
    assert (ran.exit_code, ran.stdout) == (0, f"{program_file.NOTHING}\n")


def test_it_asks_and_checks_without_writing(apply: Applier, greenroom: Greenroom) -> None:
    text = "[[campaigns]]\nname = 'Spring'"
    for options, typed, code in ((("--check",), None, 3), ((), "n\n", 1), ((), None, 1)):
        ran = apply(text, *options, typed=typed)
        assert ran.exit_code == code
        assert '  - create the campaign "Spring"' in ran.stdout
    assert not greenroom.container.campaigns.campaigns(greenroom.manager, 10, None).items
    assert apply(text, typed="y\n").exit_code == 0
    assert greenroom.container.campaigns.campaigns(greenroom.manager, 10, None).items


def test_a_file_with_an_unknown_key_is_refused_before_the_stack_is_asked(
    apply: Applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(commands_main, "Stack")
    ran = apply("[settings]\ntime_zome = 'UTC'")
    assert ran.exit_code == 1
    assert "Line 3: there is no `time_zome` in `[settings]`. Do you mean" in ran.stderr


def test_which_program_is_said_once(apply: Applier) -> None:
    assert "Which program?" in apply("# program_id is not said").stderr
    ran = apply('program_id = "prg_00"', "--program", "prg_01")
    assert "Line 1: the file is for prg_00, and --program says prg_01." in ran.stderr
    ran = apply('program_id = "prg_00"')
    assert (ran.exit_code, "no such program" in ran.stderr) == (1, True)


def test_pruning_removes_people_in_words_and_leaves_a_manager(
    apply: Applier, greenroom: Greenroom
) -> None:
    greenroom.member("ben")
    text = "[[roster]]\nemail = 'ana@demo.example'"
    assert apply(text).stdout == f"{program_file.NOTHING}\n"
    ran = apply(text, "--prune", typed="y\n")
    assert "  - REMOVE ben@demo.example (ben, a member)" in ran.stdout
    assert emails(greenroom)["ben@demo.example"] is MemberStatus.REMOVED
    ran = apply("roster = []", "--prune", "--yes")
    assert (ran.exit_code, "without a manager" in ran.stderr) == (1, True)
    assert emails(greenroom)["ana@demo.example"] is MemberStatus.ACTIVE


def test_somebody_removed_in_the_console_comes_back_only_if_it_is_said(
    apply: Applier, greenroom: Greenroom
) -> None:
    ben = greenroom.member("ben")
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    text = "[[roster]]\nemail = 'ben@demo.example'"
    ran = apply(text, "--yes")
    assert ran.exit_code == 0
    assert "Note: Line 2: ben@demo.example was removed on" in ran.stderr
    assert emails(greenroom)["ben@demo.example"] is MemberStatus.REMOVED
    assert apply(text, "--yes", "--invite-again").exit_code == 0
    assert emails(greenroom)["ben@demo.example"] is MemberStatus.INVITED
    assert greenroom.sign_in("ben@demo.example").member_id == ben.member_id


# --- two at once ----------------------------------------------------------------------------------

MANY = """
[settings]
disclosure = "#ad"
[[channels]]
name = "Team"
kind = "private"
was = "Sales"
[[campaigns]]
name = "Fall"
was = "Spring"
[[roster]]
email = "ben@demo.example"
role = "manager"
[[rewards]]
title = "Mug"
price = 2
"""


def seeded(greenroom: Greenroom) -> dict[str, Any]:
    container, ana = greenroom.container, greenroom.manager
    return {
        "channel": container.channels.create(ana, "Sales", ChannelKind.PRIVATE).channel.channel_id,
        "campaign": container.campaigns.create(ana, "Spring").campaign_id,
        "member": greenroom.member("ben").member_id,
        "reward": container.rewards.create(ana, title="Mug", price=1).reward_id,
    }


def others(greenroom: Greenroom, ids: dict[str, Any]) -> dict[str, Callable[[], object]]:
    container, ana = greenroom.container, greenroom.manager
    return {
        "#ad": lambda: container.programs.change_program(ana, ProgramChanges(disclosure="#paid")),
        "Team": lambda: container.channels.change(ana, ids["channel"], name="Crew", archived=None),
        "Fall": lambda: container.campaigns.change(
            ana, ids["campaign"], name="Winter", archived=None
        ),
        "ben@": lambda: container.members.remove(ana, ids["member"]),
        "Mug": lambda: container.rewards.edit(ana, ids["reward"], 1, price=9),
    }


@pytest.mark.parametrize("thing", ["#ad", "Team", "Fall", "ben@", "Mug"])
def test_changes_made_while_the_plan_is_read_are_reported(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch, thing: str
) -> None:
    change = others(greenroom, seeded(greenroom))[thing]

    def asked(words: str, **_: object) -> None:
        assert words == "Make these 5 changes?"
        change()

    monkeypatch.setattr(click, "confirm", asked)
    before = len(trail(greenroom))
    ran = apply(MANY)
    assert ran.exit_code == 3
    assert "The program was changed while you looked. Nothing was applied." in ran.stderr
    assert "  no longer: " in ran.stderr
    assert len(trail(greenroom)) == before + 1  # the other's


@pytest.mark.parametrize("thing", ["#ad", "Team", "Fall", "ben@", "Mug"])
def test_a_change_after_the_second_look_stops_the_run_at_that_thing(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch, thing: str
) -> None:
    change = others(greenroom, seeded(greenroom))[thing]
    whole = ProgramOnStack.check_quota

    def meanwhile(on: ProgramOnStack, steps: Any) -> None:
        whole(on, steps)
        change()

    monkeypatch.setattr(ProgramOnStack, "check_quota", meanwhile)
    ran = apply(MANY, "--yes")
    assert ran.exit_code == 3
    assert f"Stopped at: {'; '.join(w for w in told(ran) if thing in w)}" in ran.stderr
    assert "Somebody else has changed" in ran.stderr
    assert "steps are left" in ran.stderr


def told(ran: Result) -> list[str]:
    lines = ran.stdout.splitlines()
    return [line.removeprefix("  - ") for line in lines if line.startswith("  - ")]


def test_two_files_at_once_leave_what_one_of_them_says(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is applied between the first one's second look and its writes."""
    whole = ProgramOnStack.check_quota
    runs: list[Result] = []

    def meanwhile(on: ProgramOnStack, steps: Any) -> None:
        monkeypatch.setattr(ProgramOnStack, "check_quota", whole)
        runs.append(apply("[settings]\ntime_zone = 'Europe/Madrid'", "--yes"))

    monkeypatch.setattr(ProgramOnStack, "check_quota", meanwhile)
    ran = apply("[settings]\ntime_zone = 'Europe/Paris'", "--yes")
    assert (runs[0].exit_code, ran.exit_code) == (0, 3)
    assert "Somebody else has changed the settings" in ran.stderr
    program = greenroom.container.programs.program(greenroom.program.program_id)
    assert program is not None
    assert program.time_zone == "Europe/Madrid"


def test_a_person_whom_somebody_removed_meanwhile_is_not_taken_for_invited(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(on: ProgramOnStack, steps: Any) -> None:
        ben = greenroom.member("ben")
        greenroom.container.members.remove(greenroom.manager, ben.member_id)

    monkeypatch.setattr(ProgramOnStack, "check_quota", meanwhile)
    ran = apply("[[roster]]\nemail = 'ben@demo.example'", "--yes")
    assert ran.exit_code == 3
    assert "ben@demo.example is in the program already (removed)." in ran.stderr


def test_a_run_that_stopped_goes_on(apply: Applier, greenroom: Greenroom) -> None:
    text = "".join(f"[[campaigns]]\nname = 'C{number}'\n" for number in range(3))
    container = greenroom.container
    create = container.campaigns.create

    def fails(caller: Any, name: str, made_id: str | None = None) -> Any:
        if name == "C1":
            raise Problem(ProblemCode.UNAVAILABLE, "It does not answer.")
        return create(caller, name, made_id)

    container.campaigns.create = fails  # type: ignore[method-assign]
    ran = apply(text, "--yes")
    assert (ran.exit_code, "2 of 3 steps are left" in ran.stderr) == (3, True)
    container.campaigns.create = create  # type: ignore[method-assign]
    ran = apply(text, "--yes")
    assert (ran.exit_code, "2 changes applied" in ran.stdout) == (0, True)


def test_a_roster_beyond_the_quota_invites_nobody(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotas = greenroom.container.quotas
    monkeypatch.setattr(type(quotas), "invitations_a_day", 1, raising=False)
    object.__setattr__(quotas, "invitations_a_day", 1)
    text = "".join(f"[[roster]]\nemail = 'p{number}@x.example'\n" for number in range(3))
    ran = apply(text, "--yes")
    assert (ran.exit_code, "Nothing was applied." in ran.stderr) == (1, True)
    assert len(emails(greenroom)) == 1


def test_a_roster_of_many_is_added_to_a_channel_in_turns(
    apply: Applier, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 3)
    people = [f"p{number}@x.example" for number in range(7)]
    text = "[[channels]]\nname='Sales'\nkind='private'\n" + "".join(
        f"[[roster]]\nemail = '{each}'\nchannels = ['Sales']\n" for each in people
    )
    ran = apply(text, "--yes")
    assert ran.exit_code == 0, ran.output
    again = apply(text)
    assert again.stdout == f"{program_file.NOTHING}\n"
    members = greenroom.container.programs.members(greenroom.program.program_id)
    assert sum(bool(each.channels) for each in members if each.role is Role.MEMBER) == 7
