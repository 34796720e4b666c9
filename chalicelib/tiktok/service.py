"""Members' TikTok accounts: what is connected, and how a connection ends."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.audit.model import Kind
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.table import Conflict, Part
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.access_tokens.service import AccessTokens
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    OutcomeUnknown,
    Reconnect,
    TikTokError,
    TryLater,
    TryNow,
)
from chalicelib.tiktok.model import Account, NotConnected
from chalicelib.tiktok.store import AccountStore
from chalicelib.tiktok.sweeps import for_each_member
from chalicelib.tiktok.vault import TokenVault
from chalicelib.tiktok.webhooks import MAX_CLOCK_SKEW

if TYPE_CHECKING:
    from chalicelib.tiktok.client import TikTokClient

_DISCONNECT_POLLS = 20  # a person waits for the answer, and the gateway gives up after 29 s

RELEASE_GRACE = timedelta(minutes=15)
"""After this time the sweep releases a removed member's account that the stream's event did not."""

MAX_REVOKING_TIME = timedelta(days=1)
"""How long TikTok is asked to revoke a removed member's tokens before they are forgotten."""


class AccountService:
    def __init__(
        self,
        *,
        store: AccountStore,
        tokens: AccessTokens,
        client: "Callable[[], TikTokClient]",
        vault: Callable[[], TokenVault],
        programs: ProgramService,
        offers_views: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Callables are called when their result is first needed: most functions need none."""
        self._store = store
        self._tokens = tokens
        self._client = client
        self._vault = vault
        self._programs = programs
        self._offers_views = offers_views
        self._clock = clock

    @property
    def offers_views(self) -> bool:
        """True if this deployment asks members for consent to read the views of their posts."""
        return self._offers_views()

    def account(self, caller: Caller) -> Account:
        """Read the caller's account. Raises the problem `not_found` while there is none.

        An account from before their invitation belongs to a removed member, perhaps another
        person: it is not shown.
        """
        account = self._store.account(caller.program_id, caller.member_id)
        if account is None or (caller.invited_at and account.connected_at < caller.invited_at):
            raise not_found("TikTok account")
        return account

    def account_state(self, program_id: str, member_id: str) -> TikTokState | None:
        """Return the state of a member's account, never behind; None while there is none."""
        account = self._store.account(program_id, member_id)
        return account.state if account else None

    def require_connected(
        self, program_id: str, member_id: str, otherwise: Callable[[], Exception]
    ) -> Part:
        """Part: the member's account must be connected."""
        return self._store.require_connected(program_id, member_id, otherwise)

    def disconnect_account(self, program_id: str, member_id: str) -> None:
        """Revoke at TikTok and forget the tokens; nothing to do is fine.

        They are forgotten even if TikTok does not answer: the member can remove the access there.
        """
        account = self._store.account(program_id, member_id)
        if account is not None:
            self._delete_connection(account, Kind.ACCOUNT_DISCONNECTED)

    def release_removed_member(self, program_id: str, member_id: str) -> bool:
        """Disconnect the account of a removed member; False if it is not theirs any more.

        A member who came back meanwhile, perhaps as another person, keeps only what they connected
        since. Nobody waits for this: while TikTok does not answer, that is raised, and the account
        stays, for a day at most.
        """
        # In this order: somebody who comes back and connects in between keeps that.
        account = self._store.account(program_id, member_id)
        member = self._programs.member(program_id, member_id)
        back = member is not None and member.status is not MemberStatus.REMOVED
        if member and back and (account is None or account.connected_at >= member.invited_at):
            logger.info("came back meanwhile")
            self._programs.mark_released(member)
            return False
        if account is not None:
            since = member.removed_at if member and not back else None
            late = since is None or self._clock.now() - since >= MAX_REVOKING_TIME
            self._delete_connection(account, Kind.ACCOUNT_RELEASED, insists=not late)
        if member:
            self._programs.mark_released(member)
        logger.info("released", extra={"program_id": program_id, "member_id": member_id})
        return True

    def disconnect_removed_members(self, is_late: IsLate = no_time_limit) -> int:
        """Release removed members who should have been released by now; returns how many.

        Raises the first failure when all have had their turn.
        """
        before = self._clock.now() - RELEASE_GRACE
        to_release = self._programs.members_to_release(before)
        return for_each_member(to_release, self.release_removed_member, is_late)

    def record_access_removed(self, open_id: str, removed_at: datetime) -> bool:
        """Record that a person took the access back at TikTok; False if that changes nothing here.

        Such a message may come days late, or again: a connection made since is another one. A
        message heard before is known by `removed_at`, from a clock that may be ahead of ours: what
        seems to be about a connection younger than that may be about the one before, so TikTok is
        asked. Raises the problem `unavailable` while it does not answer.
        """
        holder = self._store.holder(open_id)
        account = self._store.account(*holder) if holder else None
        if account is None:
            return False
        if account.state is TikTokState.RECONNECT_REQUIRED:
            self._store.remember_removal(open_id, removed_at)
            return False
        if removed_at < account.connected_at.replace(microsecond=0):
            return False
        if removed_at - MAX_CLOCK_SKEW < account.connected_at and self._is_alive(account):
            self._store.remember_removal(open_id, removed_at)
            return False
        also = self._account_state_part(account, TikTokState.RECONNECT_REQUIRED)
        return self._store.mark_access_removed(account, removed_at, also, self._clock.now())

    def views_account(self, program_id: str, member_id: str) -> Account | None:
        """Return a member's account if they allow that views of their posts are read."""
        account = self._store.account(program_id, member_id)
        return account if account and account.views_since else None

    def require_views(self, account: Account, otherwise: Callable[[], Exception]) -> Part:
        """Part: this very connection must still allow that views are read."""
        return self._store.require_views(account, otherwise)

    def revoke_views_consent(self, account: Account) -> bool:
        """End the consent to views of this connection, and have what it allowed removed.

        False if it has none any more.
        """
        return self._store.revoke_views_consent(account, self._clock.now())

    def changed_views_consents(self, before: datetime) -> Iterator[tuple[str, str, datetime]]:
        """Yield (program, member, instant) of consents to views that changed before an instant."""
        return self._store.changed_views_consents(before)

    def mark_views_consent_applied(
        self, program_id: str, member_id: str, changed_at: datetime
    ) -> None:
        """Note that what a member posted follows their consent, unless it changed again since."""
        self._store.mark_views_consent_applied(program_id, member_id, changed_at)

    def encrypt_for_member(self, program_id: str, member_id: str, secret: str) -> bytes:
        """Encrypt a secret that belongs to the member's TikTok account."""
        return self._vault().encrypt(program_id, member_id, secret)

    def decrypt_for_member(self, program_id: str, member_id: str, ciphertext: bytes) -> str:
        """Decrypt what was encrypted for this member."""
        return self._vault().decrypt(program_id, member_id, ciphertext)

    def _delete_connection(self, account: Account, kind: Kind, *, insists: bool = False) -> None:
        """End this connection, and no other that was made since.

        With `insists` it stays while TikTok cannot be asked, and that is raised: try again.
        """
        try:
            self._revoke(account)
        except (NotConnected, Reconnect):
            logger.info("nothing to revoke")
        except TikTokError as error:
            if insists and isinstance(error, TryLater | TryNow | OutcomeUnknown):
                raise
            logger.warning("not revoked", extra={"tiktok": error.code, "log_id": error.log_id})
        try:
            now = self._clock.now()
            self._store.delete_connection(
                account, self._account_state_part(account, None), kind, now
            )
        except Conflict as error:
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your account has changed. Try again."
            ) from error

    def _revoke(self, account: Account, refused: str | None = None) -> None:
        if account.state is TikTokState.RECONNECT_REQUIRED:
            self._revoke_unusable(account)
            return
        token = self._tokens.access_token(
            account.program_id, account.member_id, refused, _DISCONNECT_POLLS
        )
        if token.connected_at != account.connected_at:
            return
        try:
            self._client().revoke(token.value)
        except AccessTokenRefused:
            if refused:
                raise
            # Dead by itself; the consent need not be.
            self._revoke(account, token.value)

    def _revoke_unusable(self, account: Account) -> None:
        """Revoke a pair that is not refreshed any more: it may lack no more than a permission."""
        vault = self._vault()
        tokens = vault.decrypt_tokens(account.program_id, account.member_id, account.tokens)
        try:
            self._client().revoke(tokens.access)
        except AccessTokenRefused:
            self._client().revoke(self._client().refresh(tokens.refresh).access_token)

    def _is_alive(self, account: Account) -> bool:
        """Ask TikTok whether it still takes the tokens of this connection, or of a later one."""
        try:
            token = self._tokens.access_token(
                account.program_id, account.member_id, polls=_DISCONNECT_POLLS
            )
            self._client().person(token.value)
        except (NotConnected, Reconnect, AccessTokenRefused):
            return False
        except TikTokError as error:
            logger.info("removal not checked", extra={"tiktok": error.code, "log_id": error.log_id})
            raise Problem(
                ProblemCode.UNAVAILABLE, "TikTok is not answering right now. Send it again."
            ) from error
        return True

    def _account_state_part(self, account: Account, state: TikTokState | None) -> Part:
        return self._programs.tiktok_state_part(
            account.program_id, account.member_id, state, active=False
        )
