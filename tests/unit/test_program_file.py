"""Files of programs: positions of keys, errors with lines, and what a file changes, in words."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.foundation.identity import Role
from chalicelib.foundation.texts import clean_line, clean_paragraphs
from chalicelib.programs.model import (
    Campaign,
    Channel,
    ChannelKind,
    Member,
    MemberStatus,
    Program,
)
from chalicelib.programs.service import ProgramChanges
from chalicelib.rewards.model import Reward, RewardState
from commands.program_file.content import FileRefused, SettingsTable, read_file
from commands.program_file.plan import SETTINGS, Options, Plan, State, planned
from commands.program_file.positions import lines_of
from commands.program_file.writing import written

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PROGRAM = Program("prg_1", "Company", "UTC", NOW)
DOCS = Path(__file__).parents[2] / "docs" / "program-as-code.md"


def manager(email: str = "ana@x.example", **more: Any) -> Member:
    return person(email, role=Role.MANAGER, **more)


def person(email: str, **more: Any) -> Member:
    given: dict[str, Any] = {"role": Role.MEMBER, "status": MemberStatus.ACTIVE, **more}
    number = re.sub("[^a-z]", "", email)
    name = email.partition("@")[0]
    return Member("prg_1", f"mem_{number}", email, name, time_zone="", invited_at=NOW, **given)


def channel(name: str, kind: str = "private", *, archived: bool = False) -> Channel:
    channel_id = f"chn_{name.lower()}"
    return Channel("prg_1", channel_id, name, ChannelKind(kind), archived=archived)


def campaign(name: str, *, archived: bool = False) -> Campaign:
    return Campaign("prg_1", f"cmp_{name.lower()}", name, archived=archived, created_at=NOW)


def reward(title: str, **more: Any) -> Reward:
    given: dict[str, Any] = {
        "state": RewardState.ACTIVE,
        "description": "",
        "price": 10,
        "stock": None,
        "per_member": None,
        "starts_at": None,
        "ends_at": None,
        "time_zone": "UTC",
        "created_by": "mem_1",
        "created_at": NOW,
    }
    return Reward("prg_1", f"rwd_{title.lower()}", title=title, **(given | more))


def state(**parts: Any) -> State:
    found = {"channels": [], "campaigns": [], "members": [manager()], "rewards": [], **parts}
    return State(found.pop("program", PROGRAM), **found)


def plan(text: str, given: State | None = None, **options: bool) -> Plan:
    return planned(read_file(text.encode()), given or state(), Options(**options), NOW)


def refused(text: str | bytes) -> str:
    with pytest.raises(FileRefused) as caught:
        read_file(text.encode() if isinstance(text, str) else text)
    return str(caught.value)


# --- positions ------------------------------------------------------------------------------------


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, each in inner:
        yield from paths(each, (*path, key))


TRICKY = '''\
# a comment with "quotes" and [brackets]
top = "a # is no comment here" # but this is

[settings]
name = """
[[not]]
a = "table"\\""" still ""\"""
'quoted key' = 'c:\\path' # 'x'
"a.b".c = 3.14
when = 2027-01-01 09:00:00
literal = \'\'\'
]]]\'\'\'\'

[[people]] # first
email = "a"
channels = [
  "x", # one
  [1, [2]],
  { name = "y", "k]" = { deep = true } },
]
[people.more]
x = 1
[[people.pets]]
name = "p"
[[people.pets]]
name = "q"
[[people]]
email = "b"
pets = []
'''


def test_each_key_and_item_has_the_line_it_begins_on() -> None:
    found = lines_of(TRICKY)
    assert set(found) == set(paths(tomllib.loads(TRICKY)))
    lines = TRICKY.splitlines()
    assert lines[found["settings", "a.b", "c"] - 1] == '"a.b".c = 3.14'
    assert lines[found["settings", "quoted key"] - 1].startswith("'quoted key'")
    assert lines[found["people", 0, "channels", 2, "k]", "deep"] - 1].strip().startswith("{ name")
    assert lines[found["people", 0, "pets", 1, "name"] - 1] == 'name = "q"'
    assert lines[found["people", 1] - 1] == "[[people]]"


VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=12),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
KEYS = st.text("abc019_-", min_size=1, max_size=6)
TABLES = st.dictionaries(KEYS, VALUES, max_size=3)


@settings(max_examples=40)
@given(st.dictionaries(KEYS, VALUES | st.lists(TABLES, min_size=1, max_size=3), max_size=4))
def test_positions_have_the_very_paths_that_the_parser_reads(found: dict[str, Any]) -> None:
    plain = {name: each for name, each in found.items() if not of_tables(each)}
    lines = [f"{name} = {of_json(each)}" for name, each in plain.items()]
    for name, tables in found.items():
        for table in tables if of_tables(tables) else ():
            lines.append(f"[[{name}]]")
            lines += [f"  {key} = {of_json(each)} # note" for key, each in table.items()]
    text = "\n".join(lines)
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


def of_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) for e in value)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[settings]\ntime_zome = "UTC"', "Line 2: there is no `time_zome` in `[settings]`. Do"),
        ('[settings]\ntime_zome = "UTC"', "Do you mean `time_zone`?"),
        ("[[chanels]]\nname = 'a'", "Line 1: there is no `chanels` in the file. Do you mean `cha"),
        ("[settings]\nxyz = 1", "There are: name, time_zone, leaderboard"),
        (
            "[[roster]]\nemail='a@x.example'\n\n[[roster]]\nemail='b@x.example'\nrol='manager'",
            "Line 6: there is no `rol` in `[roster]`. Do you mean `role`?",
        ),
        (
            "roster = [\n {email = 'a@x.example'},\n {email = 'b@x.example', nam = 'B'},\n]",
            "Line 3: there is no `nam`",
        ),
        ("client_secret = 'x'", "never holds a secret"),
        ("[settings]\ntiktok_token = 'x'", "never holds a secret"),
        ("[[channels]]\nname='a'", "Line 1: A channel has no `kind`, which it needs."),
        ("[[channels]]\nname='a'\nkind='open'", "Line 3: `kind`: Input should be 'public' or"),
        ("[settings]\ntime_zone='Berlin'", "Line 2: `time_zone`: 'Berlin' is not a time zone."),
        ("[settings]\nleaderboard='yes'", "Line 2: `leaderboard`: Input should be a valid bool"),
        ("[[roster]]\n\nemail='ana at x'", "Line 3: `email`: "),
        ("[[rewards]]\ntitle='a'\nprice=0", "Line 3: `price`: Input should be greater than"),
        ("[[rewards]]\ntitle='a'\nprice=1\nstock='all'", "Line 4: `stock`: "),
        ("[[rewards]]\ntitle='a'\nprice=1\nstarts_at=2027-01-01", "Line 4: `starts_at`: A time"),
        ("[settings]\nname = ' \u200b '", "Line 2: `name`: "),
        ("[settings\nname='a'", "This is not TOML: "),
        ("x = " + "[" * 5000, "This is not TOML: "),
        (b"[settings]\nname = '\xff'", "Line 2: this is not UTF-8"),
        (b"#" * 3_000_000, "The file has 3,000,000 bytes; it may have 2,000,000."),
        (
            "[[channels]]\nname='Sales'\nkind='public'\n[[channels]]\nname='SALES'\nkind='public'",
            "Line 4: 'SALES' is in line 1 already.",
        ),
        (
            "[[campaigns]]\nname='A'\nwas='X'\n[[campaigns]]\nname='B'\nwas='x'",
            "Line 6: 'x' is in line 1 already.",
        ),
        (
            "[[rewards]]\ntitle='A'\nwas='X'\nprice=1\n[[rewards]]\ntitle='X'\nprice=1",
            "Line 3: 'X' is in line 5 already.",
        ),
        (
            "[[channels]]\nname='A'\nkind='public'\nwas='B'\n"
            "[[channels]]\nname='B'\nkind='public'\nwas='A'",
            "Line 4: 'B' is in line 5 already. Take `was` out, or rename one after the other.",
        ),
        ("[[roster]]\nemail='A@x.example'\n[[roster]]\nemail='a@X.example'", "is in line 1 alr"),
    ],
)
def test_an_error_is_reported_with_its_line(text: str | bytes, words: str) -> None:
    assert words in refused(text)


def test_all_errors_are_told_up_to_a_bound() -> None:
    told = refused("\n".join(f"x{number} = 1" for number in range(50)))
    assert len(told.splitlines()) == 21
    assert told.endswith("... and 30 more.")


# --- what changes ---------------------------------------------------------------------------------


def test_an_empty_file_changes_nothing_even_when_it_prunes() -> None:
    everything = state(channels=[channel("A")], campaigns=[campaign("B")], rewards=[reward("C")])
    assert plan("", everything, prune=True).steps == ()


def test_settings_that_are_left_out_stay() -> None:
    assert plan('[settings]\nname = "Company"\nrewards = false').words == [
        "change rewards from on to off"
    ]


def test_every_setting_of_a_program_can_be_in_the_file() -> None:
    settings = {each.name for each in fields(ProgramChanges)}
    assert settings == {*SETTINGS, "fulfillers"} == set(SettingsTable.model_fields)


def test_channels_and_campaigns_are_made_renamed_archived_and_brought_back() -> None:
    found = plan(
        "[[channels]]\nname='New'\nkind='public'\n"
        "[[channels]]\nname='Team'\nkind='private'\nwas='Sales'\n"
        "[[channels]]\nname='Old'\nkind='private'\narchived=false\n"
        "[[campaigns]]\nname='Spring'\narchived=true\n[[campaigns]]\nname='Fall'\n",
        state(
            channels=[channel("Sales"), channel("Old", archived=True)],
            campaigns=[campaign("Spring")],
        ),
    )
    assert found.words == [
        'create the public channel "New"',
        'rename the channel "Sales" to "Team"',
        'bring back the channel "Old"',
        'archive the campaign "Spring"',
        'create the campaign "Fall"',
    ]


def test_a_channel_archived_in_the_console_stays_archived_with_a_note() -> None:
    found = plan(
        "[[channels]]\nname='Sales'\nkind='private'\n[[campaigns]]\nname='Spring'\n"
        "[[rewards]]\ntitle='Mug'\nprice=1",
        state(
            channels=[channel("Sales", archived=True)],
            campaigns=[campaign("Spring", archived=True)],
            rewards=[reward("Mug", state=RewardState.ARCHIVED)],
        ),
    )
    assert found.steps == ()
    assert [note.split(" was ")[0] for note in found.notes] == [
        'Line 1: the channel "Sales"',
        'Line 4: the campaign "Spring"',
        'Line 6: the reward "Mug"',
    ]


def test_a_renaming_that_has_been_made_may_stay_in_the_file() -> None:
    text = "[[channels]]\nname='Team'\nkind='private'\nwas='Sales'"
    assert plan(text, state(channels=[channel("Team")])).steps == ()
    both = plan(text, state(channels=[channel("Team"), channel("Sales")]))
    assert "there is both a channel" in both.problems[0]


def test_a_name_that_changes_its_case_alone_is_a_renaming() -> None:
    text = "[[channels]]\nname='SALES'\nkind='private'\nwas='Sales'"
    assert plan(text, state(channels=[channel("Sales")])).words == [
        'rename the channel "Sales" to "SALES"'
    ]


def test_a_channels_kind_stays() -> None:
    found = plan("[[channels]]\nname='A'\nkind='public'", state(channels=[channel("A")]))
    assert found.problems[0].startswith('Line 3: the channel "A" is private')


def test_people_are_invited_and_change_roles() -> None:
    found = plan(
        "[[roster]]\nemail='BEN@x.example'\n[[roster]]\nemail='kim@x.example'\nrole='manager'\n"
        "[[roster]]\nemail='ana@x.example'",
        state(members=[manager(), person("kim@x.example")]),
    )
    assert found.words == [
        "invite ben@x.example as a member",
        "make kim@x.example, a member, a manager",
    ]


def test_somebody_removed_elsewhere_is_not_invited_by_itself() -> None:
    removed = person("ben@x.example", status=MemberStatus.REMOVED, removed_at=NOW)
    left = replace(person("kim@x.example", status=MemberStatus.REMOVED), left_at=NOW)
    given = state(members=[manager(), removed, left], channels=[channel("A")])
    text = (
        "[[roster]]\nemail='ben@x.example'\nchannels=['A']\n"
        "[[roster]]\nemail='kim@x.example'\nrole='manager'"
    )
    found = plan(text, given)
    assert found.steps == ()
    assert "Line 1: ben@x.example was removed on 2026-12-01 and is not invited" in found.notes[0]
    assert "Line 4: kim@x.example left the program by themselves on" in found.notes[1]
    assert plan(text, given, invite_again=True).words == [
        "invite ben@x.example, who was removed on 2026-12-01, again as a member",
        "invite kim@x.example, who left the program by themselves on 2026-12-01, again as a "
        "manager",
        'add ben@x.example to the channel "A"',
    ]


def test_nothing_unnamed_is_removed_unless_it_is_said() -> None:
    ben = person("ben@x.example", channels=frozenset({"chn_a", "chn_p"}))
    given = state(
        channels=[channel("A"), channel("P", "public"), channel("B")],
        campaigns=[campaign("C")],
        members=[manager(), ben, person("kim@x.example"), person("i@x.example")],
        rewards=[reward("R"), reward("S", state=RewardState.ARCHIVED)],
    )
    given.members[3] = replace(given.members[3], status=MemberStatus.INVITED)  # type: ignore[index]
    text = (
        "campaigns = []\nrewards = []\n[[channels]]\nname='A'\nkind='private'\n[[channels]]\n"
        "name='P'\nkind='public'\n[[roster]]\nemail='ana@x.example'\n[[roster]]\n"
        "email='ben@x.example'\nchannels=[]"
    )
    assert plan(text, given).steps == ()
    assert plan(text, given, prune=True).words == [
        'take ben@x.example out of the channel "A"',
        'archive the channel "B"',
        'archive the campaign "C"',
        "take back the invitation of i@x.example",
        "REMOVE kim@x.example (kim, a member): they are signed out within a minute; points and "
        "history are kept",
        'archive the reward "R"',
    ]


def test_the_last_manager_who_signed_in_stays() -> None:
    pruned = plan("[[roster]]\nemail='ben@x.example'\nrole='manager'", prune=True)
    assert "without a manager who has signed in" in pruned.problems[0]
    demoted = plan("[[roster]]\nemail='ana@x.example'\nrole='member'")
    assert "without a manager who has signed in" in demoted.problems[0]


def test_an_unknown_channel_is_told_with_those_that_there_are() -> None:
    found = plan(
        "[[roster]]\nemail='b@x.example'\nchannels=[\n'Sales',\n'Slaes']",
        state(channels=[channel("Sales")]),
    )
    assert found.problems == (
        'Line 5: there is no channel "Slaes", or it is archived. There are: "Sales".',
    )


def test_rewards_change_by_fields_and_by_instants() -> None:
    begins = datetime(2027, 1, 15, 8, tzinfo=UTC)
    given = state(
        program=replace(PROGRAM, time_zone="Europe/Berlin"),
        channels=[channel("A")],
        rewards=[reward("Mug", starts_at=begins, stock=5, channel_ids=frozenset({"chn_a"}))],
    )
    same = (
        "[[rewards]]\ntitle='Mug'\nprice=10\nstock=5\nstarts_at=2027-01-15T09:00:00\nchannels=['A']"
    )
    assert plan(same, given).steps == ()
    other = (
        "[[rewards]]\ntitle='Cup'\nwas='Mug'\nprice=20\nstock='unlimited'\n"
        "starts_at='2027-01-16T09:00'\nchannels=[]"
    )
    assert plan(other, given).words == [
        'change the title of the reward "Mug" from "Mug" to "Cup"',
        'change the price of the reward "Mug" from 10 to 20',
        'change the stock of the reward "Mug" from 5 to unlimited',
        'change the start of the reward "Mug" from 2027-01-15 09:00 to 2027-01-16 09:00',
        'address the reward "Mug" to everybody',
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("starts_at='2027-03-28T02:30'", "Line 4: In Europe/Berlin the clocks go forward"),
        ("starts_at=2020-01-01T00:00:00", "Line 4: `starts_at`: The start is in the past."),
        ("ends_at='soon'", "Line 4: "),
        ("stock=2", 'Line 4: 3 pieces of "Mug" are taken already'),
    ],
)
def test_an_invalid_reward_is_reported_before_anything_is_applied(text: str, words: str) -> None:
    given = state(
        program=replace(PROGRAM, time_zone="Europe/Berlin"),
        rewards=[reward("Mug", stock=5, taken=3)],
    )
    assert words in plan(f"[[rewards]]\ntitle='Mug'\nprice=10\n{text}", given).problems[0]


def test_rewards_of_one_title_cannot_be_told_apart() -> None:
    twins = [reward("Mug"), replace(reward("MUG"), reward_id="rwd_2")]
    assert (
        "has 2 rewards called"
        in plan("[[rewards]]\ntitle='Mug'\nprice=1", state(rewards=twins)).problems[0]
    )


def test_rewards_need_the_programs_switch() -> None:
    off = state(program=replace(PROGRAM, rewards=False))
    assert "switched off" in plan("[[rewards]]\ntitle='Mug'\nprice=1", off).problems[0]
    on = plan("[settings]\nrewards=true\n[[rewards]]\ntitle='Mug'\nprice=1", off)
    assert on.words == ["change rewards from off to on", 'create the reward "Mug" for 1 points']


def test_fulfillers_are_managers_who_have_signed_in() -> None:
    given = state(
        members=[
            manager(),
            manager("ben@x.example", status=MemberStatus.INVITED),
            person("kim@x.example"),
        ]
    )
    found = plan("[settings]\nfulfillers=['ana@x.example','ben@x.example']", given)
    assert found.words == [
        "have ana@x.example fulfil redemptions, instead of all managers",
    ]
    assert "ben@x.example fulfils redemptions once they have signed in" in found.notes[0]
    wrong = plan("[settings]\nfulfillers=[\n'kim@x.example']", given)
    assert wrong.problems == ("Line 3: kim@x.example is no manager, and only managers fulfil.",)


# --- writing it -----------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map("a{}b".format)


@given(name=TEXT, description=TEXT, rewards=st.booleans())
def test_a_written_file_changes_nothing(name: str, description: str, rewards: bool) -> None:
    begins = NOW + timedelta(days=200, seconds=7)
    has = [
        reward("M", starts_at=begins, channel_ids=frozenset({"chn_b"})),
        reward("N", channel_ids=frozenset({"chn_c"}), stock=3),
        reward("P", description=clean_paragraphs(description), per_member=2),
        reward("O", state=RewardState.ARCHIVED),
    ]
    found = state(
        program=replace(
            PROGRAM,
            name=clean_line(name),
            rewards=rewards,
            time_zone="Europe/Berlin",
            fulfillers=frozenset({manager().member_id}),
        ),
        channels=[channel("A"), channel("B", "public"), channel("C", archived=True)],
        campaigns=[campaign("D"), campaign("E", archived=True)],
        members=[
            manager(channels=frozenset({"chn_a", "chn_c"})),
            person("ben@x.example", status=MemberStatus.REMOVED),
        ],
        rewards=has if rewards else [],
    )
    text = written(found)
    assert plan(text, found) == Plan(())
    assert plan(text, found, prune=True) == Plan(())


def test_the_example_of_the_documentation_is_a_file() -> None:
    example = DOCS.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    found = plan(
        example,
        state(
            program=replace(PROGRAM, program_id="prg_01k00000000000000000000000"),
            channels=[channel("Sales team")],
            members=[manager("ana@company.example")],
        ),
    )
    assert not found.problems
    assert 'rename the channel "Sales team" to "Sales"' in found.words
    assert "have ana@company.example fulfil redemptions, instead of all managers" in found.words
