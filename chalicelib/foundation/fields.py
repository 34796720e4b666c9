"""Marks of the text fields of requests: what comes in is cleaned before its length is checked.

They stand last in `Annotated`: what stands last runs first. `tests/unit/test_text_fields.py` fails
for a text field in openapi.json that has neither.
"""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticKnownError

from chalicelib.foundation.texts import clean_line, clean_paragraphs


def _clean_line_value(value: Any) -> Any:
    return clean_line(value) if isinstance(value, str) else value


def _clean_paragraphs_value(value: Any) -> Any:
    return clean_paragraphs(value) if isinstance(value, str) else value


_DAY_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _parse_day(value: Any) -> Any:
    """Read a day; refuse what pydantic takes for one besides: seconds since 1970, midnights."""
    if not isinstance(value, str):
        return value
    try:
        if _DAY_PATTERN.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # there is no such day
    raise PydanticKnownError("date_from_datetime_parsing", {"error": "not a day"})


Day = Annotated[date, BeforeValidator(_parse_day)]
"""A day of the calendar as RFC 3339 writes it: 2026-12-01."""

Version = Annotated[int, Field(ge=1, description="The `version` it had when you saw it")]
"""The version of a thing that a change was made on: `foundation.conflicts.check_version`."""

LINE = BeforeValidator(_clean_line_value)
PARAGRAPHS = BeforeValidator(_clean_paragraphs_value)
