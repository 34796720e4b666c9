"""Query parameters that several routes take."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.foundation.pages import DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT
from chalicelib.foundation.schemas import Schema


class PageQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_LENGTH)] | None = None
