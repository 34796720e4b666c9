"""Rosters: lists of people to invite, as spreadsheets, directories and mail programs write them.

A file is read row by row: each names one person (or is a list of addresses) or has an error of its
own, and no error of one row costs another. Only a file that has no rows of people, or too many, is
refused as a whole.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Literal

from chalicelib.foundation.identity import MAX_EMAIL_LENGTH, Role, normalized_email
from chalicelib.foundation.texts import clean_line
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import MAX_NAME_LENGTH, Member

MAX_ROSTER_CHARACTERS = 60_000  # as many as fit a body if each takes one byte
MAX_PEOPLE = 1000  # 40 transactions, a few seconds of the 29 that the gateway waits
MAX_CELL_LINES = 20  # of a quoted cell; a quote that nobody closed must not swallow the file
_DELIMITERS = ",;\t"
_HEADER_DELIMITERS = f"{_DELIMITERS}|"  # of rows, a | may be part of an address

Column = Literal["email", "full", "name", "first", "last", "role"]
# Headings without capitals, accents, brackets and punctuation: English, German, Spanish, French,
# Italian, Portuguese, Dutch, Polish.
_HEADINGS: dict[Column, str] = {
    "email": "email|e mail|mail|email address|e mail address|mail address|email id|work email|"
    "work e mail|business email|company email|primary email|user email|email work|emailaddress|"
    "e mail 1 value|user principal name|userprincipalname|login email|emails|email addresses|"
    "e mail adresse|email adresse|emailadresse|mailadresse|mail adresse|e mailadresse|"
    "geschaftliche e mail|dienstliche e mail|e mail geschaftlich|"
    "correo|correo electronico|correo e|direccion de correo|direccion de correo electronico|"
    "direccion de email|direccion email|correo corporativo|correo de trabajo|"
    "courriel|adresse e mail|adresse email|adresse mail|adresse electronique|"
    "adresse de courriel|adresse courriel|email professionnel|e mail professionnel|"
    "courriel professionnel|courrier electronique|adresse de messagerie|"
    "posta elettronica|indirizzo e mail|indirizzo email|indirizzo mail|"
    "indirizzo di posta elettronica|endereco de e mail|endereco de email|endereco eletronico|"
    "correio eletronico|correio electronico|e mailadres|emailadres|mailadres|e mail adres|"
    "adres e mail|adres email|adres poczty elektronicznej|poczta elektroniczna",
    "full": "full name|fullname|display name|displayname|complete name|first and last name|"
    "employee name|member name|contact name|participant name|preferred name|"
    "vollstandiger name|voller name|anzeigename|vor und nachname|"
    "nombre completo|nombre y apellido|nombre y apellidos|nom complet|nom et prenom|"
    "prenom et nom|nom d affichage|"
    "nachname vorname|name vorname|vorname nachname|last name first name|first name last name|"
    "apellidos nombre|apellidos y nombre|nom prenom|nome completo|nome e cognome|cognome e nome|"
    "cognome nome|nome cognome|volledige naam|naam voornaam|imie i nazwisko|nazwisko i imie",
    "name": "name|nombre|nom|nome|naam",
    "first": "first name|firstname|given name|givenname|forename|first|vorname|rufname|"
    "nombre de pila|nombres|primer nombre|prenom|prenoms|primeiro nome|voornaam|imie|imiona",
    "last": "last name|lastname|surname|family name|familyname|last|nachname|familienname|"
    "zuname|apellido|apellidos|primer apellido|segundo apellido|nom de famille|"
    "cognome|sobrenome|apelido|ultimo nome|achternaam|nazwisko",
    "role": "role|member role|program role|rolle|rol",
}
_COLUMNS: dict[str, Column] = {
    heading: column for column, headings in _HEADINGS.items() for heading in headings.split("|")
}
_EMAIL_WORD_PATTERN = re.compile(r"e mail|email|mail|courriel|correo")
_ADDRESS_WORDS = frozenset(  # what may stand beside "e-mail" and still mean the person's own
    re.findall(
        "[a-z]+",
        "address adresse id value work business office company corporate job personal private home "
        "school main primary contact user member employee staff participant customer person "
        "creator pro professionnel professionnelle personnel personnelle privat dienstlich "
        "geschaftlich trabajo corporativo",
    )
)
# Somebody without an address, or with a broken one, rather than the heading of a column.
_ADDRESS_LIKE_PATTERN = re.compile(r"@|\bat\b|\.\w", re.IGNORECASE)
_ROLES = {
    "": Role.MEMBER,
    **dict.fromkeys(("member", "mitglied", "miembro", "membre", "membro", "lid"), Role.MEMBER),
    "manager": Role.MANAGER,  # no other word makes anybody one
}
_BRACKETED_PATTERN = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*")
# Each of them reads a text in one way only: a file made to be ambiguous costs no more than others.
_ADDRESS_PATTERN = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_NAMED_ADDRESS_PATTERN = re.compile(rf"([^<>]*)<\s*({_ADDRESS_PATTERN.pattern})\s*>")
_NAMED_ADDRESSES_PATTERN = re.compile(rf"(?:[^<>]*<\s*{_ADDRESS_PATTERN.pattern}\s*>)+[\s,;]*")
_MAILTO_PATTERN = re.compile(r"^mailto:", re.IGNORECASE)
# Copying leaves these around an address: letters without width, a bullet or number, quotes.
_INVISIBLE_CHARACTERS = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_INVISIBLE_AROUND_PATTERN = re.compile(
    rf"^[\s{_INVISIBLE_CHARACTERS}]+|[\s{_INVISIBLE_CHARACTERS}]+$"
)
_BULLET_PATTERN = re.compile(
    r"^(?:[-*\u2010-\u2015\u2022\u2023\u25aa\u25cf\u25e6\u00b7]|\d{1,4}[.)])\s+"
)
_QUOTES = (
    '""',
    "''",
    "<>",
    "\u201c\u201d",
    "\u201e\u201c",
    "\u2018\u2019",
    "\u00ab\u00bb",
    "\u00bb\u00ab",
)
_QUOTE_MARKS = "\"'\u2018\u2019\u201c\u201d\u201e\u201f\u00ab\u00bb"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;|:\t])"?', re.IGNORECASE)
_REPLACEMENT_CHARACTER = (
    "\ufffd"  # where a letter was that somebody read in another encoding than it was written in
)
# Signs beside letters as no name has them: Polish, Czech, old Macintosh or UTF-8 letters
# read as Windows-1252. Words of accented letters are Cyrillic or Greek ones; Iceland has three in a
# row.
_MOJIBAKE_SIGNS = "£¥§¯³¹¼¾¿¶†‡‰\u02c6\u02dcƒ"
_GARBLED_PATTERN = re.compile(
    rf"(?<=[^\W\d_])[{_MOJIBAKE_SIGNS}]|[{_MOJIBAKE_SIGNS}](?=[^\W\d_])|[ÂÃ][\x80-\xbf]|[À-ÖØ-öø-ÿ]{{4}}"
)
_WORKBOOK_SIGNATURES = ("PK\x03\x04", "ÐÏ\x11à")  # how files of Excel and OpenOffice begin


class RosterUnreadable(ValueError):
    """The file as a whole cannot be read; `code` and `limit` say why."""

    def __init__(self, code: str, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.limit = limit


@dataclass(frozen=True)
class RowError:
    """Why a row of a roster invites nobody."""

    code: str
    message: str


@dataclass(frozen=True)
class Invitee:
    """A person to invite. `name` is empty where the roster has none."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True)
class RosterRow:
    """A row with something in it: its first line's number, its address as written, its content.

    A row that lists several addresses becomes one for each.
    """

    line: int
    email: str
    content: Invitee | RowError


class RowOutcome(StrEnum):
    INVITED = "invited"
    ALREADY_A_MEMBER = "already_a_member"
    PROBLEM = "problem"


@dataclass(frozen=True)
class RowResult:
    """The result of one row of a roster."""

    line: int
    email: str
    outcome: RowOutcome
    member: Member | None = None
    error: RowError | None = None


@dataclass(frozen=True)
class _Record:
    """The cells of a row, not all of them empty, or the text of one that has no cells."""

    line: int
    cells: tuple[str, ...]
    text: str
    malformed: bool = False


def decode_roster(file: bytes) -> str:
    """Return the text of a file in any encoding that spreadsheets write.

    UTF-16 (Excel's "Unicode text") is known by its mark or its zeros; what is not UTF-8 either is
    Windows-1252, which Excel writes for "CSV" in the West, or with the line ends of an old
    Macintosh its encoding ("CSV (Macintosh)").
    """
    if file.startswith((b"\xff\xfe", b"\xfe\xff")):
        return file.decode("utf-16", "replace")
    if b"\0" in file[:2]:
        return file.decode("utf-16-be" if file[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError:
        old_macintosh = b"\r" in file and b"\n" not in file
        return file.decode("mac_roman" if old_macintosh else "cp1252", "replace")


def read_roster(text: str) -> list[RosterRow]:
    """Read the rows of a file: commas, semicolons or tabs; quoted cells; a header or none.

    A header names columns for the e-mail address, the name (also as first and last name) and the
    role; others are ignored. Without one the columns are address, name and role, or names before
    an address; or a row is a list of addresses. A first row without an address, above rows that
    have theirs in one and the same column, is a header whose words nobody knows. Empty rows are
    skipped, and so is a title before the header. Raises `RosterUnreadable` for a file of nobody
    and for one with too many people.
    """
    if text.startswith(_WORKBOOK_SIGNATURES):
        raise RosterUnreadable(
            "no_email_column", "This is a workbook. Save the sheet of people as CSV in UTF-8."
        )
    records = list(_records(_decode_utf_16_again(text)))
    if not records:
        raise RosterUnreadable("empty_file", "There is nobody in this file.")
    columns, records = _header(records)
    rows: list[RosterRow] = []
    for record in records:
        rows += _rows(record, columns)
    if not rows:
        raise RosterUnreadable("empty_file", "This file has only a header, and nobody in it.")
    if len(rows) > MAX_PEOPLE:
        raise RosterUnreadable(
            "too_many_lines",
            f"The file has {len(rows)} people; {MAX_PEOPLE} are the limit. Send it in parts.",
            MAX_PEOPLE,
        )
    return list(_without_repetitions(rows))


def _decode_utf_16_again(text: str) -> str:
    """Undo that a file in UTF-16 was read as if each of its bytes were a letter, as far as it goes.

    Read as Latin-1, it can be read again; read as UTF-8, its letters beyond ASCII are lost, and
    the rows that had any say so.
    """
    if "\0" not in text[:4]:
        return text.removeprefix("\ufeff")
    for encoding in ("latin-1", "cp1252"):
        with suppress(UnicodeError):
            return decode_roster(text.encode(encoding))
    return text.lstrip(_REPLACEMENT_CHARACTER).replace("\0", "")


def _records(text: str) -> Iterator[_Record]:
    lines = re.split("\r\n|[\r\n\u2028\u2029]", text)
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    separator = _SEPARATOR_LINE.fullmatch(lines[first].strip(" \v\f")) if lines[first:] else None
    number = first + 1 if separator else first
    delimiter = separator[1] if separator else _delimiter(lines[number:])
    while number < len(lines):
        record, taken = _record(lines, number, delimiter)
        if record.malformed or any(record.cells):
            yield record
        number += taken


def _delimiter(lines: Sequence[str]) -> str:
    """Return what separates cells: what makes the most headings of a header.

    Without one, what there is most of, outside quotes, in the first line that has any.
    """
    for line in lines:
        if "@" in line:
            break
        known = {
            each: _headings_in(line.split(each)) for each in _HEADER_DELIMITERS if each in line
        }
        best = max(known, key=lambda each: ("email" in known[each], len(known[each])), default=None)
        if best and "email" in known[best]:
            return best
    for line in lines:
        outside = "".join(line.split('"')[::2])
        found = max(_DELIMITERS, key=outside.count)
        if found in outside:
            return found
    return _DELIMITERS[0]


def _record(lines: Sequence[str], number: int, delimiter: str) -> tuple[_Record, int]:
    """Read the record that begins in a line; also return how many lines it takes.

    A quoted cell may go on in the next lines. A quote that is not closed, closed in the middle of
    a cell, or only by one that belongs to another person, spoils the line it stands in alone.
    """
    for taken in range(1, MAX_CELL_LINES + 1):
        if number + taken > len(lines):
            break
        try:
            found = list(
                csv.reader(
                    [f"{line}\n" for line in lines[number : number + taken]],
                    delimiter=delimiter,
                    strict=True,
                )
            )
        except csv.Error as error:
            if "unexpected end" in str(error):  # within quotes: go on in the next line
                continue
            break
        cells = tuple(cell.strip() for cell in found[0])
        if taken > 1 and any("\n" in cell and "@" in cell for cell in cells):
            break
        return _Record(number + 1, cells, lines[number]), taken
    return _Record(number + 1, (), lines[number], malformed=True), 1


def _header(records: list[_Record]) -> tuple[list[Column | None] | None, list[_Record]]:
    """Return the columns that a header names, and the records after it; None if there is none."""
    headings = [_column(cell) for cell in records[0].cells]
    for number, record in enumerate(records):
        columns = [_column(cell) for cell in record.cells]
        if "email" in columns and not any(map(_ADDRESS_PATTERN.fullmatch, record.cells)):
            return columns, records[number + 1 :]
        if "@" in record.text:
            found = _unknown_header(records, number)
            if found is None and number and any(headings):
                break
            return found or (None, records)
    raise RosterUnreadable(
        "no_email_column", "The first line has neither an address nor a column named email."
    )


def _unknown_header(
    records: list[_Record], addressed: int
) -> tuple[list[Column | None], list[_Record]] | None:
    """Return the columns of a header without a heading known for addresses, and what follows it.

    It is the first row of several cells, above the first row that has an address, and the rows
    below have their addresses in one column, for which it has a word.
    """
    number = next(
        (place for place in range(addressed) if sum(map(bool, records[place].cells)) > 1), addressed
    )
    header, rest = records[number].cells, records[number + 1 :]
    places = {
        place for record in rest for place, cell in enumerate(record.cells) if _has_address(cell)
    }
    if number == addressed or len(places) != 1:
        return None
    [place] = places
    if place >= len(header) or not header[place] or any(map(_ADDRESS_LIKE_PATTERN.search, header)):
        return None
    columns = [_column(cell) for cell in header]
    columns[place] = "email"
    return columns, rest


def _headings_in(cells: Sequence[str]) -> list[Column]:
    return [column for cell in cells if (column := _column(cell.strip().strip('"')))]


def _column(cell: str) -> Column | None:
    """Return the column that a heading names: also `Email 1`, `Employee Email`, `Name 2`."""
    plain = " ".join(each for each in _plain_heading(cell).split() if not each.isdigit())
    if plain in _COLUMNS:
        return _COLUMNS[plain]
    others, addresses = _EMAIL_WORD_PATTERN.subn(" ", plain)
    return "email" if addresses == 1 and _ADDRESS_WORDS.issuperset(others.split()) else None


def _plain_heading(cell: str) -> str:
    if len(cell) > MAX_NAME_LENGTH:
        return ""
    letters = unicodedata.normalize("NFKD", _BRACKETED_PATTERN.sub(" ", cell)).casefold()
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def _rows(record: _Record, columns: Sequence[Column | None] | None) -> Iterator[RosterRow]:
    if _is_mail_address_list(record, columns):
        yield from _rows_of_addresses(
            record, [record.text]
        )  # whatever its quotes mean to a spreadsheet
    elif record.malformed:
        yield _row_of_error(
            record,
            "malformed_csv",
            "This line cannot be read: a quote is not closed, or is in the wrong place.",
        )
    elif columns is None or any(map(_has_address, record.cells[len(columns) :])):
        yield from _rows_without_header(record)
    elif _has_other_addresses(record, columns):
        if not all(map(_is_list, filter(None, record.cells))):
            yield _row_of_error(record, *_SEVERAL_ADDRESSES_ERROR)
        else:
            yield from _rows_of_addresses(record, [cell for cell in record.cells if cell])
    else:
        yield from _rows_by_header(record, columns)


def _is_mail_address_list(record: _Record, columns: Sequence[Column | None] | None) -> bool:
    """Return whether a row is `Lee, Ana <ana@x>`, and its comma is none of a spreadsheet's."""
    if not _NAMED_ADDRESSES_PATTERN.fullmatch(record.text.strip()):
        return False
    if columns is None or record.malformed or len(record.cells) > len(columns):
        return True
    by_column = zip(columns, record.cells, strict=False)
    return not any(_has_address(cell) for column, cell in by_column if column == "email")


def _has_other_addresses(record: _Record, columns: Sequence[Column | None]) -> bool:
    """Return whether a cell for a name or role has an address that is not the row's own."""
    cells = list(zip(columns, record.cells, strict=False))
    own = {cell.casefold() for column, cell in cells if column == "email"}
    return any(
        column not in (None, "email") and cell.casefold() not in own and _is_list(cell)
        for column, cell in cells
    )


def _is_list(cell: str) -> bool:
    """Return whether a cell has nothing but addresses to which mail can go."""
    found = [address for address, _ in _addresses(cell)]
    with suppress(ValueError):
        return bool([normalized_email(address) for address in found])
    return False


def _rows_of_addresses(record: _Record, cells: Sequence[str]) -> Iterator[RosterRow]:
    for cell in cells:
        for address, name in _addresses(cell):
            yield RosterRow(
                record.line, address[:MAX_EMAIL_LENGTH], _row_content(address, name, "")
            )


def _rows_by_header(record: _Record, columns: Sequence[Column | None]) -> Iterator[RosterRow]:
    found: dict[Column, list[str]] = {}
    for column, cell in zip(columns, record.cells, strict=False):
        if column and cell:
            found.setdefault(column, []).append(cell)
    written = found.get("email", [""])[0]
    name, role = _join_name(found), found.get("role", [""])[0]
    addresses = _addresses(written)
    if len(addresses) > 1 and name:
        yield _row_of_error(record, *_SEVERAL_ADDRESSES_ERROR)
        return
    for address, own_name in addresses:
        yield RosterRow(
            record.line, address[:MAX_EMAIL_LENGTH], _row_content(address, name or own_name, role)
        )


def _join_name(found: dict[Column, list[str]]) -> str:
    """Join a name of its columns.

    `Name` beside a first name is the last one (German, French); beside a last name, the first one
    (Spanish); beside both, the whole.
    """
    full, plain, first, last = (found.get(each, []) for each in ("full", "name", "first", "last"))
    if full or (plain and first and last):
        return (full or plain)[0]
    return " ".join([*first, *plain, *last])


_SEVERAL_ADDRESSES_ERROR = (
    "several_addresses",
    "There are several addresses in this line beside other things. Give each person a line.",
)


def _rows_without_header(record: _Record) -> Iterator[RosterRow]:
    filled = [cell for cell in record.cells if cell]
    addressed = [place for place, cell in enumerate(record.cells) if _has_address(cell)]
    if len(addressed) > 1 or any(len(_addresses(cell)) > 1 for cell in filled):
        if len(addressed) == len(filled):
            yield from _rows_of_addresses(record, filled)
        else:
            yield _row_of_error(record, *_SEVERAL_ADDRESSES_ERROR)
        return
    place = addressed[0] if addressed else 0
    before, after = record.cells[:place], record.cells[place + 1 :]
    [(address, own_name)] = _addresses(record.cells[place])
    if before:
        name, role = " ".join(filter(None, before)), next(iter(after), "")
    else:
        name, role = (*after, "", "")[:2]
    yield RosterRow(
        record.line, address[:MAX_EMAIL_LENGTH], _row_content(address, name or own_name, role)
    )


def _addresses(cell: str) -> list[tuple[str, str]]:
    """Return the addresses in a cell, each with the name that a mail program put before it.

    `ana@x`, `Ana Lee <ana@x>`, `"Lee, Ana" <ana@x>; Ben <ben@x>`, `ana@x; ben@x`. Any other
    text is one address, as it is written.
    """
    if _NAMED_ADDRESSES_PATTERN.fullmatch(cell.strip()):
        return [
            (bare_address(address), name.strip(f" \t;,{_QUOTE_MARKS}"))
            for name, address in _NAMED_ADDRESS_PATTERN.findall(cell)
        ]
    parts = [part for part in re.split(r"[\s,;]+", cell) if part]
    if len(parts) > 1 and all(map(_has_address, parts)):
        return [(bare_address(part), "") for part in parts]
    return [(bare_address(cell), "")]


def bare_address(written: str) -> str:
    """Return an address without what copying from lists, mails and web pages leaves around it."""
    address = _BULLET_PATTERN.sub("", _INVISIBLE_AROUND_PATTERN.sub("", written))
    for pair in _QUOTES:
        if address[:1] == pair[0] and address[1:].endswith(pair[1]):
            address = address[1:-1]
            break
    # With one apostrophe before it, spreadsheets keep a cell as it was typed.
    return (
        _MAILTO_PATTERN.sub("", _INVISIBLE_AROUND_PATTERN.sub("", address))
        .removeprefix("'")
        .rstrip(".,;:")
    )


def is_garbled(name: str) -> bool:
    """Return whether a name looks read in another encoding than it was written in."""
    return _REPLACEMENT_CHARACTER in name or _GARBLED_PATTERN.search(name) is not None


def _has_address(cell: str) -> bool:
    """Return whether there is text on both sides of an @; a search for more takes too long."""
    return any("@" in part.strip("@") for part in cell.split())


def _row_content(written: str, name: str, role: str) -> Invitee | RowError:
    if not written:
        return RowError("missing_email", "There is no e-mail address in this line.")
    if len(written) > MAX_EMAIL_LENGTH:
        return RowError(
            "invalid_email", f"An e-mail address has at most {MAX_EMAIL_LENGTH} characters."
        )
    try:
        email = normalized_email(written)
    except ValueError as error:
        return RowError("invalid_email", str(error))
    plain_name = clean_line(name)
    if is_garbled(plain_name):
        return RowError(
            "unreadable_name",
            "Letters of this name were lost or changed, because the file was read in another "
            "encoding than it was written in. Save it as CSV in UTF-8.",
        )
    if len(plain_name) > MAX_NAME_LENGTH:
        return RowError("name_too_long", f"A name has at most {MAX_NAME_LENGTH} characters.")
    known = _ROLES.get(clean_line(role).casefold())
    if known is None:
        return RowError("unknown_role", "A role is member or manager; left empty it is member.")
    return Invitee(email, plain_name, known)


def _row_of_error(record: _Record, code: str, message: str) -> RosterRow:
    parts = re.split(r"[\s,;:<>\"']+", record.text)
    address = next((part for part in parts if "@" in part), "")
    return RosterRow(record.line, address[:MAX_EMAIL_LENGTH], RowError(code, message))


def _without_repetitions(rows: Sequence[RosterRow]) -> Iterator[RosterRow]:
    seen: dict[str, int] = {}
    for row in rows:
        if isinstance(row.content, Invitee):
            if row.content.email in seen:
                first = seen[row.content.email]
                error = RowError("repeated", f"This address is already in line {first}.")
                yield RosterRow(row.line, row.email, error)
                continue
            seen[row.content.email] = row.line
        yield row
