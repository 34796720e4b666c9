"""Tables as CSV that spreadsheets open as text: no cell of theirs is ever run as a formula."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TextIO

BYTE_ORDER_MARK = "\ufeff"
"""By which spreadsheets know that what follows is UTF-8."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of cells that spreadsheets may run, the wide forms of these signs too."""

_FORMULA_SIGNS = re.escape("".join(FORMULA_STARTS))
_INVISIBLE_CHARACTERS = r"\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
"""Invisible characters that may come before a sign: a spreadsheet may leave them out."""

_FORMULA_START_PATTERN = re.compile(rf'["{_INVISIBLE_CHARACTERS}]*[{_FORMULA_SIGNS}]')
_FORMULA_WITHIN_PATTERN = re.compile(
    rf"""([;\t\r\n][;"'{_INVISIBLE_CHARACTERS}]*)([=+\-@\uff1d\uff0b\uff0d\uff20])"""
)
"""A sign behind what ends a cell elsewhere: where a comma is the decimal point, spreadsheets take
cells apart at semicolons, quotes or not."""

type Cell = str | int | float | date | datetime | None


def write_csv(to: TextIO, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
    """Write a table with its header; return how many rows it has."""
    writer = csv.writer(to, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    to.write(BYTE_ORDER_MARK)
    writer.writerow([escape_formula(each) for each in header])
    number = 0
    for row in rows:
        writer.writerow([escape_formula(each) for each in row])
        number += 1
    return number


def escape_formula(cell: Cell) -> str | int | float:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, int | float):
        return cell
    text = cell.isoformat() if isinstance(cell, date) else cell
    text = _FORMULA_WITHIN_PATTERN.sub(r"\1'\2", text.replace("\0", ""))
    return f"'{text}" if _FORMULA_START_PATTERN.match(text) else text
