"""The content of a program's file: its schema, and errors that name the line and what to do."""

import tomllib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from chalicelib.activities.model import MAX_ADDRESSED_CHANNELS, MAX_TIME_LENGTH
from chalicelib.foundation.fields import LINE, PARAGRAPHS
from chalicelib.foundation.identity import MAX_EMAIL_LENGTH, Role, normalized_email
from chalicelib.programs.model import (
    MAX_CHANNELS,
    MAX_CHANNELS_OF_MEMBER,
    MAX_DISCLOSURE_LENGTH,
    MAX_FULFILLERS,
    MAX_REUSE_WARNING,
    ChannelKind,
    ContentDisclosure,
    is_time_zone,
    normalized_name,
)
from chalicelib.programs.views import Name
from chalicelib.rewards.model import (
    MAX_DESCRIPTION_LENGTH,
    MAX_PER_MEMBER,
    MAX_PRICE,
    MAX_REWARDS,
    MAX_STOCK,
    MAX_TITLE_LENGTH,
    RewardState,
)
from commands.program_file.positions import Path, lines_of

MAX_FILE = 2_000_000
"""Bytes: a roster of 10,000 people with names and channels has 1.5 million."""
MAX_PEOPLE = 10_000
MAX_CAMPAIGNS = 1000
MAX_REPORTED = 20
"""Errors of one file that are told at once."""
UNLIMITED = "unlimited"
_SECRET_WORDS = ("secret", "token", "password", "passwd", "credential", "api_key", "private_key")


class FileRefused(Exception):
    """The file is not one that can be applied; `errors` say why, each in a line."""

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        super().__init__("\n".join(errors))


def _email(value: Any) -> Any:
    return normalized_email(value) if isinstance(value, str) else value


def _wall_clock(value: Any) -> Any:
    """Take TOML's own times as well as texts; one without an offset is the program's wall clock."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date | time):
        raise ValueError("A time has a day and an hour, such as 2027-01-15T09:00.")  # noqa: TRY004  pydantic's word
    return value


def _zone(value: str) -> str:
    if not is_time_zone(value):
        raise ValueError(f"{value!r} is not a time zone. Use a name such as Europe/Berlin.")
    return value


Email = Annotated[str, Field(max_length=MAX_EMAIL_LENGTH), BeforeValidator(_email)]
WallClock = Annotated[str, Field(max_length=MAX_TIME_LENGTH), BeforeValidator(_wall_clock)]
"""Empty for none."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class SettingsTable(_Table):
    """Settings that are left out stay as they are."""

    name: Name | None = None
    time_zone: Annotated[str, BeforeValidator(_zone)] | None = None
    leaderboard: Annotated[bool, Field(strict=True)] | None = None
    rewards: Annotated[bool, Field(strict=True)] | None = None
    disclosure: Annotated[str, Field(max_length=MAX_DISCLOSURE_LENGTH), LINE] | None = None
    managers_on_leaderboard: Annotated[bool, Field(strict=True)] | None = None
    names_on_leaderboard: Annotated[bool, Field(strict=True)] | None = None
    content_disclosure: ContentDisclosure | None = None
    reuse_warning_above: Annotated[int, Field(strict=True, ge=0, le=MAX_REUSE_WARNING)] | None = (
        None
    )
    fulfillers: Annotated[tuple[Email, ...], Field(max_length=MAX_FULFILLERS)] | None = None


class _NamedTable(_Table):
    name: Name
    was: Name | None = None
    archived: Annotated[bool, Field(strict=True)] | None = None


class ChannelTable(_NamedTable):
    kind: ChannelKind


class CampaignTable(_NamedTable):
    pass


class PersonTable(_Table):
    email: Email
    name: Name | None = None
    role: Role | None = None
    channels: Annotated[tuple[Name, ...], Field(max_length=MAX_CHANNELS_OF_MEMBER)] | None = None


Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_LENGTH), LINE]


class RewardTable(_Table):
    """A reward; what is left out of one that exists stays as it is."""

    title: Title
    was: Title | None = None
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH), PARAGRAPHS] | None = None
    price: Annotated[int, Field(ge=1, le=MAX_PRICE, strict=True)]
    stock: Annotated[int, Field(ge=1, le=MAX_STOCK, strict=True)] | Literal["unlimited"] | None = (
        None
    )
    per_member: (
        Annotated[int, Field(ge=1, le=MAX_PER_MEMBER, strict=True)] | Literal["unlimited"] | None
    ) = None
    starts_at: WallClock | None = None
    ends_at: WallClock | None = None
    channels: Annotated[tuple[Name, ...], Field(max_length=MAX_ADDRESSED_CHANNELS)] | None = None
    state: RewardState | None = None


class Content(_Table):
    """All that a file may hold. A list that is left out is not looked at, also by --prune."""

    program_id: Annotated[str, Field(pattern=r"^prg_[0-9a-z]+$")] | None = None
    settings: SettingsTable = SettingsTable()
    channels: Annotated[tuple[ChannelTable, ...], Field(max_length=MAX_CHANNELS)] | None = None
    campaigns: Annotated[tuple[CampaignTable, ...], Field(max_length=MAX_CAMPAIGNS)] | None = None
    roster: Annotated[tuple[PersonTable, ...], Field(max_length=MAX_PEOPLE)] | None = None
    rewards: Annotated[tuple[RewardTable, ...], Field(max_length=MAX_REWARDS)] | None = None


@dataclass(frozen=True)
class ProgramFile:
    """A file that was read, and the lines on which its keys stand."""

    content: Content
    lines: Mapping[Path, int]

    def at(self, *path: str | int) -> str:
        """Return the beginning of a message about a key, or about the nearest thing it is in."""
        return _at(self.lines, path)


def read_file(raw: bytes) -> ProgramFile:
    """Read a program's file. Raises `FileRefused`, which names lines and the nearest known keys."""
    if len(raw) > MAX_FILE:
        raise FileRefused([f"The file has {len(raw):,} bytes; it may have {MAX_FILE:,}."])
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FileRefused([f"Line {line}: this is not UTF-8, which TOML is written in."]) from None
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FileRefused([f"This is not TOML: {error}"]) from None
    lines = lines_of(text)
    try:
        content = Content.model_validate(found)
    except ValidationError as error:
        told = [_words(lines, each) for each in error.errors(include_url=False)]
        raise FileRefused(_first(told)) from None
    if twice := list(_duplicates(lines, content)):
        raise FileRefused(_first(twice))
    return ProgramFile(content, lines)


def _first(errors: list[str]) -> list[str]:
    errors = list(dict.fromkeys(errors))
    more = len(errors) - MAX_REPORTED
    return [*errors[:MAX_REPORTED], f"... and {more} more."] if more > 0 else errors


def _at(lines: Mapping[Path, int], path: Path) -> str:
    while path and path not in lines:
        path = path[:-1]
    return f"Line {lines[path]}: " if path else ""


def _words(lines: Mapping[Path, int], error: ErrorDetails) -> str:
    path: Path = tuple(error["loc"])
    where = _at(lines, path)
    name = next((each for each in reversed(path) if isinstance(each, str)), "")
    match error["type"]:
        case "extra_forbidden":
            return where + _unknown(str(path[-1]), _keys_at(path[:-1]), path[:-1])
        case "missing":
            return f"{where}{_thing(path[:-1])} has no `{path[-1]}`, which it needs."
    message = error["msg"].removeprefix("Value error, ")
    if path and name in ("unlimited", "constrained-int", "literal['unlimited']"):
        name = str(path[-2])
    words = message if message.endswith(".") else f"{message}."
    return f"{where}`{name}`: {words}"


def _thing(path: Path) -> str:
    names = [each for each in path if isinstance(each, str)]
    kinds = {"channels": "a channel", "campaigns": "a campaign", "roster": "a person"}
    return {**kinds, "rewards": "a reward"}.get(names[0] if names else "", "the file").capitalize()


def _keys_at(path: Path) -> list[str]:
    tables: dict[str, type[BaseModel]] = {
        "settings": SettingsTable,
        "channels": ChannelTable,
        "campaigns": CampaignTable,
        "roster": PersonTable,
        "rewards": RewardTable,
    }
    return list((tables[str(path[0])] if path else Content).model_fields)


def _unknown(key: str, known: list[str], path: Path) -> str:
    if any(word in key.lower() for word in _SECRET_WORDS):
        return (
            f"`{key}` is not a key of this file, which never holds a secret: secrets are kept by "
            "`make secret` and by the console."
        )
    near = get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    place = f"`[{path[0]}]`" if path else "the file"
    if near:
        return f"there is no `{key}` in {place}. Do you mean `{near[0]}`?"
    return f"there is no `{key}` in {place}. There are: {', '.join(known)}."


def _duplicates(lines: Mapping[Path, int], content: Content) -> Iterator[str]:
    """Yield what the file names twice, with both lines."""
    lists: list[tuple[str, str, Callable[[str], str]]] = [
        ("channels", "name", normalized_name),
        ("campaigns", "name", normalized_name),
        ("roster", "email", str),
        ("rewards", "title", normalized_name),
    ]
    for table, field, form in lists:
        seen: dict[Hashable, int] = {}
        for number, each in enumerate(getattr(content, table) or ()):
            value = getattr(each, field)
            if (key := form(value)) in seen:
                first = lines[table, seen[key]]
                yield f"{_at(lines, (table, number))}{value!r} is in line {first} already."
            seen.setdefault(key, number)
        yield from _duplicate_renames(lines, table, getattr(content, table) or (), seen)


def _duplicate_renames(
    lines: Mapping[Path, int], table: str, things: Sequence[Any], names: Mapping[Hashable, int]
) -> Iterator[str]:
    """Yield each `was` that another table has, as its name or its `was`: one thing is not two."""
    earlier: dict[Hashable, int] = {}
    for number, each in enumerate(things):
        was = getattr(each, "was", None)
        if was is None:
            continue
        key = normalized_name(was)
        other = names.get(key, number)
        if other == number:
            other = earlier.setdefault(key, number)
        if other != number:
            at = _at(lines, (table, number, "was"))
            yield (
                f"{at}{was!r} is in line {lines[table, other]} already. Take `was` out, or rename "
                "one after the other."
            )
