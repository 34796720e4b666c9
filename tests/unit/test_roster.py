"""Rosters as spreadsheets write them: each line with what it means, or what is wrong."""

import contextlib
import csv
import io
import re
import time
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.identity import MAX_EMAIL_LENGTH, Role
from chalicelib.foundation.texts import clean_line
from chalicelib.programs.members.roster import (
    MAX_PEOPLE,
    MAX_ROSTER_CHARACTERS,
    Invitee,
    RosterUnreadable,
    RowError,
    decode_roster,
    is_garbled,
    read_roster,
)
from chalicelib.programs.model import MAX_NAME_LENGTH

ANA, BEN = "ana@demo.example", "ben@demo.example"
ANA_LEE, BEN_KIM = Invitee(ANA, "Ana Lee", Role.MEMBER), Invitee(BEN, "Ben Kim", Role.MEMBER)


def people(text: str) -> list[Invitee]:
    """Return everybody in a roster with whose line nothing is wrong."""
    return [line.content for line in read_roster(text) if isinstance(line.content, Invitee)]


def errors(text: str) -> list[tuple[int, str]]:
    return [
        (line.line, line.content.code)
        for line in read_roster(text)
        if isinstance(line.content, RowError)
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
    assert people(text) == [Invitee(ANA, "Ana", Role.MANAGER), Invitee(BEN, "", Role.MEMBER)]


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "- {}",
        "* {}",
        "\u2022 {}",
        "\u2013\t{}",
        "12. {}",
        "3) {}",
        "'{}'",
        "'{}",
        "\u201c{}\u201d",
        "\u201e{}\u201c",
        "\u00ab{}\u00bb",
        "<{}>",
        "<mailto:{}>",
        "\u200b{}\u200b",
        "\u2066{}\u2069",
        "\u00a0{}\u00a0",
        "{}.",
        "{}:",
        "- '\u200b{}'",
    ],
)
def test_characters_left_around_an_address_by_copying_are_removed(around: str) -> None:
    text = "\n".join(around.format(each) for each in (ANA, BEN))
    assert [each.email for each in people(text)] == [ANA, BEN]
    assert [line.email for line in read_roster(text)] == [ANA, BEN]


@pytest.mark.parametrize(
    "address", ["-ana@demo.example", "*ana@demo.example", "1.ana@demo.example"]
)
def test_valid_parts_of_an_address_stay(address: str) -> None:
    assert [each.email for each in people(address)] == [address]


@pytest.mark.parametrize("quotes", ['""', "''", "\u201c\u201d", "\u201e\u201c", "\u00ab\u00bb"])
def test_quotes_around_a_name_are_no_part_of_it(quotes: str) -> None:
    first, last = quotes[0], quotes[1]
    assert people(f"{first}Ana Lee{last} <{ANA}>\n{first}Ben Kim{last} <{BEN}>") == [
        ANA_LEE,
        BEN_KIM,
    ]


def test_a_quoted_cell_may_hold_anything_and_lines_keep_their_numbers() -> None:
    text = f'email,name\n{ANA},"Lee, ""Ana""\nMaria"\n\n{BEN},Ben;Jr\n'
    assert [(line.line, line.content) for line in read_roster(text)] == [
        (2, Invitee(ANA, 'Lee, "Ana" Maria', Role.MEMBER)),
        (5, Invitee(BEN, "Ben;Jr", Role.MEMBER)),
    ]


def test_a_wrong_line_is_reported_and_the_others_are_read() -> None:
    text = "\n".join(
        [
            "email,name,role",
            ANA,
            ",Ben,member",
            "ben at demo.example",
            f"{BEN},{'x' * (MAX_NAME_LENGTH + 1)},member",
            f"{BEN},Ben,boss",
            f"{ANA.upper()},Ana again,manager",
            f"{'x' * MAX_EMAIL_LENGTH}@demo.example",
            BEN,
        ]
    )
    assert errors(text) == [
        (3, "missing_email"),
        (4, "invalid_email"),
        (5, "name_too_long"),
        (6, "unknown_role"),
        (7, "repeated"),
        (8, "invalid_email"),
    ]
    assert [each.email for each in people(text)] == [ANA, BEN]
    repeated, long = read_roster(text)[5], read_roster(text)[6]
    assert isinstance(repeated.content, RowError)
    assert isinstance(long.content, RowError)
    assert repeated.content.message == "This address is already in line 2."
    assert len(long.email) == MAX_EMAIL_LENGTH
    assert len(long.content.message) < 100


def test_a_line_that_is_wrong_does_not_make_a_right_one_a_repetition() -> None:
    assert errors(f"email,role\n{ANA},boss\n{ANA},member\n") == [(2, "unknown_role")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("\ufeff \n;;\n", "empty_file"),
        ("name,role\nAna,member\n", "no_email_column"),
        ("Title\nname,role\nAna,member\n", "no_email_column"),
        (f"Contact;Vorname;Chef\n{ANA};Ana;{BEN}\n", "no_email_column"),
        ("email,name,role\n", "empty_file"),
        ("email;name\n\n;;\n", "empty_file"),
        ("sep=;", "empty_file"),
        ("email\n" + "x@y.example\n" * (MAX_PEOPLE + 1), "too_many_lines"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_as_a_whole(text: str, code: str) -> None:
    with pytest.raises(RosterUnreadable) as refused:
        read_roster(text)
    assert refused.value.code == code


def test_a_roster_may_have_as_many_people_as_the_limit_says_and_a_header() -> None:
    text = "email\n" + "".join(f"x{number}@y.example\n" for number in range(MAX_PEOPLE))
    assert len(people(text)) == MAX_PEOPLE


@pytest.mark.parametrize(
    "heading",
    """Email 1|E-mail Address 1|Personal Email|Employee Email|Member Email|Work Email|
    Contact E-Mail|Adresse e-mail pro|Posta elettronica|Indirizzo e-mail|Endereço de e-mail|
    E-mailadres|Adres e-mail|Kontakt|Wer?""".replace("\n    ", "").split("|"),
)
@pytest.mark.parametrize(
    "names",
    ["Vorname;Nachname", "Nome;Cognome", "Nome;Sobrenome", "Naam;Achternaam", "Imię;Nazwisko"],
)
def test_people_are_read_under_any_heading_of_the_address_column(heading: str, names: str) -> None:
    text = f"{heading};{names}\n{ANA};Ana;Lee\n{BEN};Ben;Kim"
    assert people(text) == [ANA_LEE, BEN_KIM]
    assert errors(text) == []


@pytest.mark.parametrize(
    "heading", ["Manager Email", "Email opt-in", "Email status", "Emails sent"]
)
def test_a_column_about_addresses_is_not_the_one_of_the_person(heading: str) -> None:
    assert people(f"{heading},Email,Name\n{BEN},{ANA},Ana Lee") == [ANA_LEE]


@pytest.mark.parametrize("first", ["Ben,ben at demo.example", "Ben,", "Ben,ben@", "nobody"])
def test_a_first_row_of_a_person_is_no_header(first: str) -> None:
    assert [line for line, _ in errors(f"{first}\nAna Lee,{ANA}")] == [1]


@pytest.mark.parametrize(
    "text",
    [
        f"email|name\n{ANA}|Ana Lee\n{BEN}|Ben Kim",
        f"People, 2027\nE-Mail|Name\n{ANA}|Ana Lee\n{BEN}|Ben Kim",
        f"Email-Adresse;Nachname, Vorname\n{ANA};Ana Lee\n{BEN};Ben Kim",
    ],
)
def test_the_separator_of_the_headings_separates_the_cells(text: str) -> None:
    assert people(text) == [ANA_LEE, BEN_KIM]


@pytest.mark.parametrize(
    "text",
    [
        f'email,name\n"Lee, Ana" <{ANA}>',
        f"email\nLee, Ana <{ANA}>",
        f"email,name\nLee, Ana <{ANA}>",
    ],
)
def test_a_turned_name_of_a_mail_program_stays_whole_under_a_header(text: str) -> None:
    assert people(text) == [Invitee(ANA, "Lee, Ana", Role.MEMBER)]
    assert errors(text) == []


@pytest.mark.parametrize("header", ["email,name", "name,email", "email,name,role", "role,email"])
@given(st.lists(st.integers(1, 99), min_size=2, max_size=4, unique=True))
def test_a_list_of_addresses_under_a_header_loses_nobody(header: str, numbers: list[int]) -> None:
    addresses = [f"x{number}@demo.example" for number in numbers]
    text = f"{header}\n{','.join(addresses)}\n"
    assert [each.email for each in people(text)] == addresses


def test_a_heading_for_the_address_counts_more_than_any_other() -> None:
    assert people(f"email;team,role\n{ANA};Sales") == [Invitee(ANA, "", Role.MEMBER)]


def test_an_address_beside_a_name_is_not_guessed_at_and_ones_own_is_a_name() -> None:
    assert errors(f"email,name,role\n{ANA},Ana,{BEN}") == [(2, "several_addresses")]
    assert people(f"email,name\n{ANA},{ANA}") == [Invitee(ANA, ANA, Role.MEMBER)]
    assert people(f"email,full name,manager\n{ANA},Ana Lee,{BEN}") == [ANA_LEE]


LETTERS = st.text(ascii_lowercase, min_size=1, max_size=8)


@given(
    st.lists(
        st.tuples(
            st.builds("{}@{}.example".format, LETTERS, LETTERS),
            # A name that is another address would make it a list of addresses.
            st.text(
                st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="@"),
                max_size=30,
            ).filter(lambda name: not is_garbled(clean_line(name))),
            st.sampled_from(["", "member", "manager"]),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_any_output_of_a_csv_writer_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, newline: str, header: bool, bom: bool
) -> None:
    if not header:  # nothing tells a name with an @ from a second address then
        rows = [(email, name.replace("@", "at"), role) for email, name, role in rows]
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
        Invitee(email, clean_line(name), Role(role or "member")) for email, name, role in rows
    ]


# --- as programs other than spreadsheets, and people, write them --------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Email Address [Required],First Name [Required],Last Name [Required]",
        "email_address,first_name,last_name",
        "EmailAddress,FirstName,LastName",
        "E-mail 1 - Value,Given Name,Family Name",
        "WORK E-MAIL (company),Forename,Surname",
        "UserPrincipalName,givenName,surname",
        "E-Mail-Adresse,Vorname,Nachname",
        "Geschäftliche E-Mail,Vorname,Name",
        "Correo electrónico,Nombre,Apellidos",
        "Dirección de correo,Nombre(s),Primer apellido",
        "Adresse e-mail,Prénom,Nom",
        "Courriel *,Pre\u0301nom,Nom de famille",
    ],
)
@pytest.mark.parametrize("last_first", [False, True])
def test_headings_that_people_have_are_known_and_names_joined(
    header: str, *, last_first: bool
) -> None:
    rows = [header.split(","), [ANA, "Ana", "Lee"], [BEN, "Ben", "Kim"]]
    order = (0, 2, 1) if last_first else (0, 1, 2)
    text = "\n".join(";".join(row[each] for each in order) for row in rows)
    assert people(text) == [ANA_LEE, BEN_KIM]


@pytest.mark.parametrize(
    "header",
    [
        "Email,Full Name",
        "E-Mail,Name",
        "Mail,Anzeigename",
        "Correo,Nombre completo",
        "Courriel,Nom",
    ],
)
def test_a_column_of_whole_names_is_known(header: str) -> None:
    assert people(f"{header}\n{ANA},Ana Lee\n{BEN},Ben Kim") == [ANA_LEE, BEN_KIM]


def test_of_whole_and_split_names_the_whole_one_counts_and_all_last_names_are_kept() -> None:
    header = "Name,First Name,Last Name,Display Name,Email"
    assert people(f"{header}\nx,Ana,Lee,Ana Lee,{ANA}") == [ANA_LEE]
    assert people(f"Name,First Name,Last Name,Email\nAna Lee,Ana,Lee,{ANA}") == [ANA_LEE]
    header = "Nombre,Primer apellido,Segundo apellido,Correo"
    assert [each.name for each in people(f"{header}\nAna,Lee,Paz,{ANA}")] == ["Ana Lee Paz"]


@pytest.mark.parametrize(
    "text",
    [
        f"sep=;\nemail;name\n{ANA};Ana Lee\n{BEN};Ben Kim",
        f'"sep=,"\r\n{ANA},Ana Lee\r\n{BEN},Ben Kim',
        f"SEP=\t\n{ANA}\tAna Lee\n{BEN}\tBen Kim",
        f"sep=|\nemail|name\n{ANA}|Ana Lee\n{BEN}|Ben Kim",
        f"Members of Acme\n\nemail;name\n{ANA};Ana Lee\n{BEN};Ben Kim",
        f"Ana Lee <{ANA}>\nBen Kim <{BEN}>",
        f"Ana Lee <{ANA}>; Ben Kim <{BEN}>",
        f"Ana Lee <{ANA}>, Ben Kim <{BEN}>,",
        f'"Ana Lee" <{ANA}>, "Ben Kim" <{BEN}>',
        f"email,role\nAna Lee <{ANA}>,member\nBen Kim <mailto:{BEN}>,\n",
        f"Ana Lee,{ANA}\nBen Kim,{BEN}",
        f"Ana;Lee;{ANA}\nBen;Kim;{BEN};Mitglied",
    ],
)
def test_a_roster_is_read_however_a_mail_program_or_a_person_writes_it(text: str) -> None:
    assert people(text) == [ANA_LEE, BEN_KIM]
    assert errors(text) == []


def test_a_name_that_a_mail_program_turned_round_stays_whole() -> None:
    text = f"Lee, Ana <{ANA}>; Kim, Ben <{BEN}>"
    assert [each.name for each in people(text)] == ["Lee, Ana", "Kim, Ben"]


@pytest.mark.parametrize(
    "text",
    [
        f"{ANA}; {BEN}; c@demo.example",
        f"{ANA}, {BEN}, c@demo.example",
        f"{ANA} {BEN}\tc@demo.example",
        f"{ANA},{BEN};c@demo.example",
        f"{ANA}\n{BEN} c@demo.example",
        f"E-Mail\n{ANA}; {BEN}\nc@demo.example",
        f"name,email,role\n,{ANA}; {BEN},member\n,mailto:c@demo.example,",
    ],
)
def test_a_list_of_addresses_on_one_line_is_a_person_for_each(text: str) -> None:
    assert [each.email for each in people(text)] == [ANA, BEN, "c@demo.example"]
    assert {each.role for each in people(text)} == {Role.MEMBER}
    assert errors(text) == []


@pytest.mark.parametrize("text", [f"x@y.example\n{ANA},Ana,{BEN}", f"email,name\n{ANA} {BEN},Ana"])
def test_several_addresses_beside_other_things_are_not_guessed_at(text: str) -> None:
    assert errors(text) == [(2, "several_addresses")]


@pytest.mark.parametrize(
    "bad",
    [
        f'{BEN},"Ben',
        f'{BEN},"Ben"x,member',
        f'{BEN},"Ben ""the boss" Kim"',
        f'"{BEN},Ben',
        f'{BEN},Ben,"',
    ],
)
@pytest.mark.parametrize("header", ["email,name,role\n", "first@demo.example,First,member\n"])
def test_a_bad_quote_spoils_its_line_and_no_other(header: str, bad: str) -> None:
    text = f'{header}{ANA},Ana\n{bad}\nc@demo.example,"Lee, ""C""",member\nd@demo.example,,\n'
    assert errors(text) == [(3, "malformed_csv")]
    [row] = [row for row in read_roster(text) if row.line == 3]
    assert row.email == BEN
    assert {each.email for each in people(text)} >= {ANA, "c@demo.example", "d@demo.example"}


def test_two_bad_quotes_do_not_swallow_the_people_between_them() -> None:
    between = "".join(f"x{number}@y.example,X\n" for number in range(5))
    text = f'email,name\n{ANA},"Ana\n{between}{BEN},"Ben\nlast@y.example,Last\n'
    assert errors(text) == [(2, "malformed_csv"), (8, "malformed_csv")]
    assert len(people(text)) == 6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_a_file_is_read_in_whatever_encoding_excel_wrote_it(encoding: str, *, mark: bool) -> None:
    text = f"email\tname\r\n{ANA}\tJörg Şahin 李\r\n"
    marked = mark and encoding in ("utf-16-le", "utf-16-be")
    file = (("\ufeff" if marked else "") + text).encode(encoding)
    assert [each.name for each in people(decode_roster(file))] == ["Jörg Şahin 李"]


def test_a_file_in_windows_letters_is_read() -> None:
    file = f"email;name\r\n{ANA};Jörg “Joe” Müller\r\n".encode("cp1252")
    assert [each.name for each in people(decode_roster(file))] == ["Jörg “Joe” Müller"]


def test_a_file_of_an_old_macintosh_is_read() -> None:
    file = f"email;name\r{ANA};Jörg Müßig\r".encode("mac_roman")
    assert [each.name for each in people(decode_roster(file))] == ["Jörg Müßig"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Łukasz", "cp1250"),
        ("Michał Ząb", "cp1250"),
        ("Ľuboš", "cp1250"),
        ("Иван", "cp1251"),
        ("Ελένη", "cp1253"),
        ("Müßig", "mac_roman"),
        ("Müller", "utf-8"),
        ("José", "utf-8"),
    ],
)
def test_a_name_read_in_another_encoding_than_it_was_written_in_is_told(
    name: str, encoding: str
) -> None:
    text = f"email;name\n{ANA};{name.encode(encoding).decode('cp1252')}\n{BEN};Ben Kim\n"
    assert errors(text) == [(2, "unreadable_name")]
    assert people(text) == [BEN_KIM]


@pytest.mark.parametrize(
    "name", ["Sæþór", "IRMÃ Ana", "Zoë Créée", "Łukasz Żak", "Иван", "Ana §", "Ñoño Pí", "Ångström"]
)
def test_letters_of_a_language_are_no_sign_of_another_encoding(name: str) -> None:
    assert [each.name for each in people(f"{ANA};{name}")] == [name]


@pytest.mark.parametrize("beginning", [b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_a_workbook_is_named_as_one(beginning: bytes) -> None:
    with pytest.raises(RosterUnreadable, match="workbook") as refused:
        read_roster(decode_roster(beginning + b"\xff" + f"{ANA}\n".encode()))
    assert refused.value.code == "no_email_column"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_that_was_read_as_latin_1_is_read_again(encoding: str) -> None:
    file = f"\ufeffemail\tname\r\n{ANA}\tJörg Şahin\r\n".encode(encoding)
    assert [each.name for each in people(file.decode("latin-1"))] == ["Jörg Şahin"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_that_was_read_as_utf_8_names_the_lines_that_lost_letters(
    encoding: str,
) -> None:
    file = f"\ufeffemail\tname\r\n{ANA}\tAna Lee\r\n{BEN}\tJörg\r\n".encode(encoding)
    text = file.decode("utf-8", "replace")
    assert people(text) == [ANA_LEE]
    assert errors(text) == [(3, "unreadable_name")]


def test_a_manager_is_made_only_by_that_very_word() -> None:
    text = "email;role\n" + "".join(
        f"x{number}@y.example;{role}\n"
        for number, role in enumerate(["MANAGER", "Mitglied", "miembro", "Membre", "admin", "Chef"])
    )
    assert [each.role for each in people(text)] == [Role.MANAGER, *[Role.MEMBER] * 3]
    assert errors(text) == [(6, "unknown_role"), (7, "unknown_role")]


def test_names_are_cleaned_like_all_texts() -> None:
    [ana] = people(f"email,name\n{ANA},\u202eAna\x07 \u2066Lee\u2069\n")
    assert ana.name == "Ana Lee"


@pytest.mark.parametrize(
    "filler",
    [
        'x,"\n',
        "[[[[",
        "a <b@c> ; ",
        "<a@b",
        "((((",
        "@",
        "a@",
        '"',
        '""',
        "x@y.example,",
        "<",
        ";,\t",
    ],
)
def test_no_file_of_the_largest_size_takes_long(filler: str) -> None:
    text = (filler * (MAX_ROSTER_CHARACTERS // len(filler)))[:MAX_ROSTER_CHARACTERS]
    began = time.process_time()
    for each in (text, "email,name\n" + text, f"{ANA}\n{text}<"):
        with contextlib.suppress(RosterUnreadable):
            read_roster(each)
    assert time.process_time() - began < 3


row_texts = st.text(
    st.sampled_from(list('ab@.,;\t"<> []\n\r\x00\ufffdé=')), max_size=60
) | st.sampled_from([f"{ANA},Ana\n", f'{BEN},"Ben\n', "sep=;\n", "email;name\n", f"A <{ANA}>; "])


@given(st.lists(row_texts, max_size=8).map("".join))
def test_every_line_with_an_address_is_invited_or_explained(text: str) -> None:
    try:
        rows = read_roster(text)
    except RosterUnreadable:
        return
    lines = re.split("\r\n|\r|\n", text)
    told = {row.line for row in rows}
    assert all(1 <= row.line <= len(lines) for row in rows)
    assert all(row.content.message for row in rows if isinstance(row.content, RowError))
    emails = [row.content.email for row in rows if isinstance(row.content, Invitee)]
    assert len(emails) == len(set(emails))
    if lines and lines[0].startswith(ANA):
        assert 1 in told


@given(st.binary(max_size=100))
def test_any_file_is_decoded(file: bytes) -> None:
    assert isinstance(decode_roster(file), str)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        lines = read_roster(text)
    except RosterUnreadable:
        return
    assert all(line.line >= 1 and len(line.email) <= MAX_EMAIL_LENGTH for line in lines)
