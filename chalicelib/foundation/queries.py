"""Query parameters that several routes take."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from chalicelib.foundation.http import MAX_ID_LENGTH
from chalicelib.foundation.pages import DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT
from chalicelib.foundation.schemas import Schema


class PageQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_LENGTH)] | None = None


def id_list(most: int, description: str, *, characters: str = "[^,]") -> Any:
    """Return the field of a query that names up to `most` ids, separated by commas.

    `characters` are those that an id may have, as a class of a regular expression.
    """
    one = rf"{characters}{{1,{MAX_ID_LENGTH}}}"
    return Field(
        min_length=1,
        max_length=most * (MAX_ID_LENGTH + 1),
        pattern=rf"^{one}(,{one}){{0,{most - 1}}}$",
        description=f"Up to {most} {description}",
    )
