"""People to invite, as spreadsheets write them, and to be mailed; plain types and rules."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.foundation.identity import Role
from chalicelib.programs.model import (
    MAX_EMAIL,
    MAX_NAME,
    Member,
    MemberStatus,
    normalized_email,
)

MAX_ROSTER = 60_000  # characters: what fits a body, for those that take one byte
MAIL_TRIES = 24  # with an hour between the later ones: a day
MAIL_FIRST_WAIT = timedelta(minutes=5)  # longer than a try takes, with all its time limits
MAIL_LONGEST_WAIT = timedelta(hours=1)
MAX_LINES = 1000  # people: 40 transactions, a few seconds of the 29 that the gateway waits
_DELIMITERS = ",;\t"
_COLUMNS = {
    "email": "email",
    "e-mail": "email",
    "mail": "email",
    "email address": "email",
    "e-mail address": "email",
    "name": "name",
    "full name": "name",
    "role": "role",
}
_WITHOUT_HEADER = ("email", "name", "role")


@dataclass(frozen=True)
class Sought:
    """Which members are looked for: by what an address or a name begins with, or as what.

    One of these at a time; a role goes with a status, and alone is that of active members.
    """

    email: str | None = None
    name: str | None = None
    status: MemberStatus | None = None
    role: Role | None = None

    @property
    def ways(self) -> list[str]:
        """Name the fields that are given, of status and role the first only."""
        asked = {"email": self.email, "name": self.name, "status": self.status or self.role}
        return [way for way, value in asked.items() if value is not None]


@dataclass(frozen=True)
class Due:
    """A mail to somebody invited that is due `at` an instant, after `tries` that came to nothing.

    The instant is also what it is taken by: whoever moves it on has it until then.
    """

    program_id: str
    member_id: str
    email: str
    at: datetime
    tries: int

    def begun(self, now: datetime) -> "Due":
        """Make what it becomes while somebody tries: due again later, the later the more tries."""
        wait = min(MAIL_FIRST_WAIT * 2 ** min(self.tries, 10), MAIL_LONGEST_WAIT)
        return replace(self, at=now + wait, tries=self.tries + 1)


class RosterUnreadable(ValueError):
    """The roster as a whole cannot be read; `code` and `limit` say why."""

    def __init__(self, code: str, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.limit = limit


@dataclass(frozen=True)
class Flaw:
    """Why a line of a roster invites nobody."""

    code: str
    message: str


@dataclass(frozen=True)
class Person:
    """Somebody to invite. `name` is empty where the roster has none."""

    email: str
    name: str
    role: Role


@dataclass(frozen=True)
class RosterLine:
    """A line with something in it: its number, what stands for the address, and what it means."""

    line: int
    email: str
    means: Person | Flaw


class Outcome(StrEnum):
    INVITED = "invited"
    ALREADY_A_MEMBER = "already_a_member"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Reported:
    """What became of a line."""

    line: int
    email: str
    outcome: Outcome
    member: Member | None = None
    flaw: Flaw | None = None


def read_roster(text: str) -> list[RosterLine]:
    """Read a CSV file: commas, semicolons or tabs; quoted cells; with a header or without.

    The header names its columns (`email`, `name`, `role`; others are passed over). Without one, in
    whose first line there is an address then, the columns are e-mail, name and role. Empty lines
    are passed over. Raises `RosterUnreadable` for what is no such file or is too long.
    """
    rows = _rows(text.removeprefix("\ufeff"))
    if not rows:
        raise RosterUnreadable("empty_file", "There is nobody in this file.")
    columns: Sequence[str | None] = _WITHOUT_HEADER
    if not any("@" in cell for cell in rows[0][1]):
        columns = [_COLUMNS.get(" ".join(cell.split()).lower()) for cell in rows[0][1]]
        if "email" not in columns:
            raise RosterUnreadable(
                "no_email_column",
                "The first line has neither an address nor a column named email.",
            )
        rows = rows[1:]
    if len(rows) > MAX_LINES:
        raise RosterUnreadable(
            "too_many_lines",
            f"The file has {len(rows)} people; {MAX_LINES} are the limit. Send it in parts.",
            MAX_LINES,
        )
    return list(_lines(rows, columns))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Take a file apart: rows with something in them, each with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows, begins = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((begins, [cell.strip() for cell in cells]))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise RosterUnreadable(
            "malformed_csv", f"The line {begins} cannot be read: a quote is not closed, or such."
        ) from error
    return rows


def _delimiter(text: str) -> str:
    """Find what separates cells: what there is most of in the first line with something in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    outside = "".join(first.split('"')[::2])
    return max(_DELIMITERS, key=outside.count)


def _lines(
    rows: Sequence[tuple[int, list[str]]], columns: Sequence[str | None]
) -> Iterator[RosterLine]:
    seen: dict[str, int] = {}
    for number, cells in rows:
        found = {
            column: cell for column, cell in zip(columns, cells, strict=False) if column and cell
        }
        written = found.get("email", "")
        means = _person(written, found.get("name", ""), found.get("role", ""))
        if isinstance(means, Person):
            first = seen.setdefault(means.email, number)
            if first != number:
                means = Flaw("repeated", f"This address is in line {first} already.")
        yield RosterLine(number, written[:MAX_EMAIL], means)


def _person(written: str, name: str, role: str) -> Person | Flaw:
    plain_name = " ".join(name.split())
    if not written:
        return Flaw("missing_email", "There is no e-mail address in this line.")
    if len(written) > MAX_EMAIL:
        return Flaw("invalid_email", f"An e-mail address has at most {MAX_EMAIL} characters.")
    try:
        email = normalized_email(written)
    except ValueError as error:
        return Flaw("invalid_email", str(error))
    if len(plain_name) > MAX_NAME:
        return Flaw("name_too_long", f"A name has at most {MAX_NAME} characters.")
    try:
        return Person(email, plain_name, Role(role.lower() or Role.MEMBER))
    except ValueError:
        return Flaw("unknown_role", "A role is member or manager; left empty it is member.")
