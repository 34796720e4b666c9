"""Links that switch mails off without a sign-in: signed, for one member and one kind, for good."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import urlencode

from chalicelib.foundation.personal import erased_address
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.mail_words import ALL, UNSUBSCRIBE_SCOPES
from chalicelib.notifications.model import NoticeCategory, without_mails
from chalicelib.notifications.problems import NotificationProblem
from chalicelib.notifications.store import NoticeStore
from chalicelib.programs.model import Member
from chalicelib.programs.service import ProgramService

MAX_TOKEN = 400
_SIGNATURE_BYTES = 32
_SIGNING_PURPOSE = b"unsubscribe\n"
"""Keeps a signature from being one of something else that is made with the same key."""


@dataclass(frozen=True)
class Unsubscription:
    """The member and the kinds of mail that a link unsubscribes."""

    program_id: str
    member_id: str
    scope: str

    @property
    def kinds(self) -> tuple[NoticeCategory, ...]:
        return tuple(NoticeCategory) if self.scope == ALL else (NoticeCategory(self.scope),)


class UnsubscribeTokens:
    """Signs and reads the tokens of links. The key is fetched when the first one is met."""

    def __init__(self, fetch_key: Callable[[], str]) -> None:
        self._fetch_key = fetch_key
        self._key: str | None = None

    def make(self, of: Unsubscription) -> str:
        payload = json.dumps(
            [of.program_id, of.member_id, of.scope], separators=(",", ":")
        ).encode()
        return _encode_base64url(self._signature(payload) + payload)

    def read(self, token: str) -> Unsubscription:
        """Read a token. Raises the problem `unsubscribe_link_invalid`."""
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _link_invalid() from error
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if _encode_base64url(signed) != token or not hmac.compare_digest(
            signature, self._signature(payload)
        ):
            raise _link_invalid()
        program_id, member_id, scope = json.loads(payload)
        if scope not in UNSUBSCRIBE_SCOPES:  # a kind that there is no more: its mails have ended
            raise _link_invalid()
        return Unsubscription(program_id, member_id, scope)

    def _signature(self, payload: bytes) -> bytes:
        if self._key is None:
            self._key = self._fetch_key()
        return hmac.digest(self._key.encode(), _SIGNING_PURPOSE + payload, hashlib.sha256)


class UnsubscribeService:
    """Switches mails off by a link; `public_url` is where the API is found."""

    def __init__(
        self,
        store: NoticeStore,
        programs: ProgramService,
        tokens: UnsubscribeTokens,
        public_url: Callable[[], str],
    ) -> None:
        self._store = store
        self._programs = programs
        self._tokens = tokens
        self._public_url = public_url

    def url(self, of: Unsubscription) -> str:
        query = urlencode({"token": self._tokens.make(of)})
        return f"{self._public_url()}/notifications/unsubscribe?{query}"

    def language_of(self, token: str) -> str:
        """Return the language of a link's member. Raises the problem `unsubscribe_link_invalid`."""
        of = self._tokens.read(token)
        return self._store.box(of.program_id, of.member_id).settings.language

    def unsubscribe(self, token: str) -> str:
        """Switch the mails of a link off and return its member's language; again changes nothing.

        It holds for who was removed, too, should they be invited again. Of somebody who was erased
        nothing is kept or written. Raises the problem `unsubscribe_link_invalid`.
        """
        of = self._tokens.read(token)
        member = self._programs.member(of.program_id, of.member_id)
        if member is None or _is_erased(member):
            return "en"
        box = self._store.change_box(
            of.program_id, of.member_id, lambda box: without_mails(box, of.kinds)
        )
        again = self._programs.member(of.program_id, of.member_id)
        if again is None or _is_erased(again):  # meanwhile
            self._store.remove_box(of.program_id, of.member_id)
        return box.settings.language


def _is_erased(member: Member) -> bool:
    return member.email == erased_address(member.member_id)


def _encode_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _link_invalid() -> Problem:
    return Problem(
        NotificationProblem.UNSUBSCRIBE_LINK_INVALID,
        "This link is not whole. Copy it from the mail again, or choose your mails in the app's "
        "settings.",
    )
