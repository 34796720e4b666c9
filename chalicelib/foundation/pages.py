"""Pages of a list and their cursors.

A cursor is a signed token for one list of one program: forged or carried elsewhere it is refused.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.values import dataclass

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_CURSOR_LENGTH = 1024
MAX_PAGE_BYTES = 4_000_000
"""Maximum size of one page's texts, in the longest form that is sent: a Lambda answers 6 MB."""

_SIGNATURE_BYTES = 32


@dataclass(frozen=True)
class Page[T]:
    """Some items of a list, and where the next ones begin (None at the end)."""

    items: tuple[T, ...]
    next_cursor: str | None


def truncate_to_size[T](
    items: Sequence[T], texts_of: Callable[[T], Iterable[str]], most: int = MAX_PAGE_BYTES
) -> tuple[T, ...]:
    """Return the first items whose texts fit into one answer: one at least, if there is one.

    An answer is JSON within the JSON that a Lambda returns, where an emoji takes fourteen bytes.
    """
    taken, total = 0, 0
    for item in items:
        total += sum(len(json.dumps(json.dumps(text))) for text in texts_of(item))
        if taken and total > most:
            break
        taken += 1
    return tuple(items[:taken])


class Cursors:
    """Makes and reads cursors. The key is fetched when the first cursor is met, not before."""

    def __init__(self, fetch_key: Callable[[], str]) -> None:
        self._fetch_key = fetch_key
        self._key: str | None = None

    def make(self, program_id: str, listing: str, position: dict[str, Any]) -> str:
        """Sign the position in a list; `listing` names the list, and the member if it is theirs."""
        payload = json.dumps(position, separators=(",", ":")).encode()
        return _encode_base64url(self._signature(program_id, listing, payload) + payload)

    def read(self, program_id: str, listing: str, cursor: str) -> dict[str, Any]:
        """Take a position back. Raises the problem `invalid_cursor` for any other list's cursor."""
        try:
            signed = _decode_base64url(cursor)
        except ValueError as error:
            raise _invalid_cursor() from error
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(program_id, listing, payload)):
            raise _invalid_cursor()
        position: dict[str, Any] = json.loads(payload)
        return position

    def page[T](
        self,
        program_id: str,
        listing: str,
        cursor: str | None,
        limit: int,
        *,
        fetch: Callable[[dict[str, Any], int], Sequence[T]],
        position_of: Callable[[T], dict[str, Any]],
        fit: Callable[[Sequence[T]], tuple[T, ...]] = tuple,
    ) -> Page[T]:
        """Read one page of a list; `listing` names the list, as in `make`.

        `fetch` gets the position after which to go on (empty on the first page) and how many items
        to read: one more than the page holds, which tells whether another page follows.
        `position_of` returns the position of the page's last item; `fit` shortens a page that
        would be too large. Raises the problem `invalid_cursor`.
        """
        position = {} if cursor is None else self.read(program_id, listing, cursor)
        found = fetch(position, limit + 1)
        page = fit(found[:limit])
        if len(page) == len(found):
            return Page(page, None)
        return Page(page, self.make(program_id, listing, position_of(page[-1])))

    def _signature(self, program_id: str, listing: str, payload: bytes) -> bytes:
        of = json.dumps([program_id, listing]).encode()
        return hmac.digest(self._secret().encode(), of + payload, hashlib.sha256)

    def _secret(self) -> str:
        if self._key is None:
            self._key = self._fetch_key()
        return self._key


def _encode_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode_base64url(text: str) -> bytes:
    """Read what `_encode_base64url` wrote, in that very form. Raises ValueError."""
    content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode_base64url(content) != text:
        raise ValueError("not as it was written")
    return content


def _invalid_cursor() -> Problem:
    return Problem(
        ProblemCode.INVALID_CURSOR,
        "This cursor does not belong to this list. Start again without a cursor.",
    )
