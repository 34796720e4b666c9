"""Where each key of a TOML document stands: `tomllib` reads values and tells no positions."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

type Path = tuple[str | int, ...]
"""Keys of tables and numbers of list items from the top of a document, from 0."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_COMMENT = re.compile(r"#[^\n]*")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_MOST_QUOTES = 5  # at the end of a text in three quotes: its own last two, and the three


def lines_of(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, on which each table, key and list item of a document begins.

    The document is one that `tomllib.loads` has read.
    """
    return _Reader(text.replace("\r\n", "\n")).read()


class _Reader:
    """Walks through a valid document once, from its start to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._breaks = [number for number, letter in enumerate(text) if letter == "\n"]
        self._lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many tables each list of tables has so far

    def read(self) -> Mapping[Path, int]:
        table: Path = ()
        while self._next() != "":
            table = self._header() if self._next() == "[" else self._pair(table)
        return self._lines

    def _next(self, blanks: str = " \t\n") -> str:
        """Skip blanks and comments; return the next character, empty at the end."""
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter == "#":
                self._match(_COMMENT)
            elif letter in blanks:
                self._at += 1
            else:
                return letter
        return ""

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"This is no TOML: {self._text[self._at : self._at + 20]!r}")
        self._at = found.end()
        return found[0]

    def _mark(self, path: Path) -> None:
        line = bisect_right(self._breaks, self._at - 1) + 1
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], line)

    def _header(self) -> Path:
        begins = self._at
        brackets = 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        *outer, last = self._key()
        self._next()
        self._at += brackets
        path = (*self._inside(outer), last)
        if brackets == 2:  # noqa: PLR2004  a list of tables
            self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, self._tables[path] - 1)
        ends, self._at = self._at, begins
        self._mark(path)
        self._at = ends
        return path

    def _inside(self, keys: list[str]) -> Path:
        """Return the path of a table: of a list of tables, the last one is meant."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        return path

    def _pair(self, table: Path) -> Path:
        """Read a key with its value; return the table that it stands in."""
        begins = self._at
        path = (*table, *self._key())
        ends, self._at = self._at, begins
        self._mark(path)
        self._at = ends
        self._next()
        self._at += 1  # the equals sign
        self._value(path)
        return table

    def _key(self) -> list[str]:
        keys = []
        while True:
            if self._next() in ('"', "'"):
                begins = self._at
                self._string()
                keys.append(str(tomllib.loads(f"key = {self._text[begins : self._at]}")["key"]))
            else:
                keys.append(self._match(_BARE_KEY))
            if self._next() != ".":
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        match self._next():
            case "[":
                self._items(path)
            case "{":
                self._pairs(path)
            case '"' | "'":
                self._string()
            case _:
                self._match(_SCALAR)

    def _items(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._next(" \t\n,") != "]":
            self._mark((*path, number))
            self._value((*path, number))
            number += 1
        self._at += 1

    def _pairs(self, path: Path) -> None:
        self._at += 1
        while self._next(" \t\n,") != "}":
            self._pair(path)
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        quotes = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(quotes)
        while not self._text.startswith(quotes, self._at):
            escaped = quote == '"' and self._text[self._at] == "\\"
            self._at += 2 if escaped else 1
        if len(quotes) == 1:
            self._at += 1
            return
        end = self._at
        while self._text.startswith(quote, end) and end - self._at < _MOST_QUOTES:
            end += 1
        self._at = end
