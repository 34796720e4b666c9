"""Pages of a list and their cursors.

A cursor is a signed token for one list of one program: forged or carried elsewhere it is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.foundation.problems import Problem, ProblemCode

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR_LENGTH = 1024
_ALGORITHM = "HS256"


@dataclass(frozen=True)
class Page[T]:
    """Some items of a list, and where the next ones begin (None at the end)."""

    items: tuple[T, ...]
    next_cursor: str | None


class Cursors:
    """Makes and reads cursors. The key is fetched when the first cursor is met, not before."""

    def __init__(self, fetch_key: Callable[[], str]) -> None:
        self._fetch_key = fetch_key
        self._key: str | None = None

    def make(self, program_id: str, listing: str, position: dict[str, Any]) -> str:
        """Sign the position in a list; `listing` names the list, and the member if it is theirs."""
        import jwt

        claims = {"aud": f"{program_id}/{listing}", "at": position}
        return jwt.encode(claims, self._secret(), algorithm=_ALGORITHM)

    def read(self, program_id: str, listing: str, cursor: str) -> dict[str, Any]:
        """Take a position back. Raises the problem `invalid_cursor` for any other list's cursor."""
        import jwt

        try:
            claims = jwt.decode(
                cursor, self._secret(), algorithms=[_ALGORITHM], audience=f"{program_id}/{listing}"
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Problem(
                ProblemCode.INVALID_CURSOR,
                "This cursor is not one of this list. Start again without a cursor.",
            ) from error
        position: dict[str, Any] = claims["at"]
        return position

    def _secret(self) -> str:
        if self._key is None:
            self._key = self._fetch_key()
        return self._key
