"""Rosters as spreadsheets write them: each line with what it means, or what is wrong."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.identity import Role
from chalicelib.programs.members.model import (
    MAX_LINES,
    Flaw,
    Person,
    RosterUnreadable,
    read_roster,
)
from chalicelib.programs.model import MAX_EMAIL, MAX_NAME

ANA, BEN = "ana@demo.example", "ben@demo.example"


def people(text: str) -> list[Person]:
    """Give everybody in a roster with whose line nothing is wrong."""
    return [line.means for line in read_roster(text) if isinstance(line.means, Person)]


def flaws(text: str) -> list[tuple[int, str]]:
    return [
        (line.line, line.means.code) for line in read_roster(text) if isinstance(line.means, Flaw)
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"email,name,role\n{ANA},Ana,manager\n{BEN},,\n",
        f"email;name;role\r\n{ANA};Ana;manager\r\n{BEN};;\r\n",
        f"email\tname\trole\n{ANA}\tAna\tManager\n{BEN}",
        f"\ufeffE-Mail;Full  Name;Department;ROLE\n{ANA};Ana;Sales;manager\n{BEN};;;member\n",
        f'"email","name","role"\n"{ANA}","Ana","manager"\n"{BEN}","",""\n',
        f"{ANA},Ana,manager\n{BEN}\n",
        f"\ufeff{ANA};Ana;manager\n\n;;\n  {BEN.upper()}  ;  \n\n",
        f"Name,Mail,Role\nAna,{ANA},manager\n,{BEN},member",
        f"email,name,role\r{ANA},Ana,manager\r{BEN}\r",
    ],
)
def test_a_roster_is_read_however_a_spreadsheet_writes_it(text: str) -> None:
    assert people(text) == [Person(ANA, "Ana", Role.MANAGER), Person(BEN, "", Role.MEMBER)]


def test_a_quoted_cell_may_hold_anything_and_lines_keep_their_numbers() -> None:
    text = f'email,name\n{ANA},"Lee, ""Ana""\nMaria"\n\n{BEN},Ben;Jr\n'
    assert [(line.line, line.means) for line in read_roster(text)] == [
        (2, Person(ANA, 'Lee, "Ana" Maria', Role.MEMBER)),
        (5, Person(BEN, "Ben;Jr", Role.MEMBER)),
    ]


def test_what_is_wrong_with_a_line_is_said_and_the_others_are_read() -> None:
    text = "\n".join(
        [
            "email,name,role",
            ANA,
            ",Ben,member",
            "ben at demo.example",
            f"{BEN},{'x' * (MAX_NAME + 1)},member",
            f"{BEN},Ben,boss",
            f"{ANA.upper()},Ana again,manager",
            f"{'x' * MAX_EMAIL}@demo.example",
            BEN,
        ]
    )
    assert flaws(text) == [
        (3, "missing_email"),
        (4, "invalid_email"),
        (5, "name_too_long"),
        (6, "unknown_role"),
        (7, "repeated"),
        (8, "invalid_email"),
    ]
    assert [each.email for each in people(text)] == [ANA, BEN]
    repeated, long = read_roster(text)[5], read_roster(text)[6]
    assert isinstance(repeated.means, Flaw)
    assert isinstance(long.means, Flaw)
    assert repeated.means.message == "This address is in line 2 already."
    assert len(long.email) == MAX_EMAIL
    assert len(long.means.message) < 100


def test_a_line_that_is_wrong_does_not_make_a_right_one_a_repetition() -> None:
    assert flaws(f"email,role\n{ANA},boss\n{ANA},member\n") == [(2, "unknown_role")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("\ufeff \n;;\n", "empty_file"),
        ("name,role\nAna,member\n", "no_email_column"),
        (f'{ANA},"Ana\n{BEN}\n', "malformed_csv"),
        (f'email,name\n{ANA},"Ana"x\n', "malformed_csv"),
        ("email\n" + "x@y.example\n" * (MAX_LINES + 1), "too_many_lines"),
    ],
)
def test_what_is_no_roster_is_refused_as_a_whole(text: str, code: str) -> None:
    with pytest.raises(RosterUnreadable) as refused:
        read_roster(text)
    assert refused.value.code == code


def test_a_roster_may_have_as_many_people_as_the_limit_says_and_a_header() -> None:
    text = "email\n" + "".join(f"x{number}@y.example\n" for number in range(MAX_LINES))
    assert len(people(text)) == MAX_LINES


def test_a_header_alone_is_a_roster_of_nobody() -> None:
    assert read_roster("email,name,role\n") == []


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True),
            st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30),
            st.sampled_from(["", "member", "manager"]),
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[0],
    ),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_a_csv_writer_writes_comes_back(
    rows: list[tuple[str, str, str]], delimiter: str, newline: str, header: bool, bom: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
    if header:
        writer.writerow(["email", "name", "role"])
    writer.writerows(rows)
    text = ("\ufeff" if bom else "") + out.getvalue()
    if not header:
        # What separates cells shows in the first line, so it must be there more often than others.
        first = text.splitlines()[0]
        outside = "".join(first.split('"')[::2])
        if max(",;\t", key=outside.count) != delimiter:
            return
    assert people(text) == [
        Person(email, " ".join(name.split()), Role(role or "member")) for email, name, role in rows
    ]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        lines = read_roster(text)
    except RosterUnreadable:
        return
    assert all(line.line >= 1 and len(line.email) <= MAX_EMAIL for line in lines)
