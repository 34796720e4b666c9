"""Live access tokens of connected accounts.

TikTok may end the old pair as soon as it issues a new one, so one worker refreshes under a lock,
stores the new pair before it is used, and everybody else waits for what it stores.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tenacity import Retrying, stop_after_attempt, wait_random_exponential

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.table import Part
from chalicelib.foundation.values import dataclass
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.errors import AccessTokenRefused, Reconnect, TikTokError, TryLater
from chalicelib.tiktok.model import (
    LAPSE_AHEAD,
    REFRESH_LOCK_DURATION,
    Account,
    NotConnected,
    Tokens,
)
from chalicelib.tiktok.store import AccountStore
from chalicelib.tiktok.sweeps import for_each_member
from chalicelib.tiktok.vault import TokenVault

if TYPE_CHECKING:
    from chalicelib.tiktok.client import Grant, TikTokClient

LOCK_POLLS = 60
LOCK_POLL_SECONDS = 0.5
_SAVE_ATTEMPTS = 8


@dataclass(frozen=True)
class AccessToken:
    """A live access token and whose it is."""

    value: str
    open_id: str
    connected_at: datetime
    views_since: datetime | None = None

    def __repr__(self) -> str:
        return f"AccessToken(open_id={self.open_id!r})"


class AccessTokens:
    def __init__(
        self,
        *,
        store: AccountStore,
        client: "Callable[[], TikTokClient]",
        vault: Callable[[], TokenVault],
        programs: ProgramService,
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Callables are called when their result is first needed: most functions need none."""
        self._store = store
        self._client = client
        self._vault = vault
        self._programs = programs
        self._clock = clock
        self._sleep = sleep

    def access_token(
        self,
        program_id: str,
        member_id: str,
        refused: str | None = None,
        polls: int = LOCK_POLLS,
    ) -> AccessToken:
        """Return a live access token, refreshed ahead of need, or because TikTok refused `refused`.

        One worker refreshes, the others wait for its result. Raises `NotConnected` when the member
        has to connect (again), `TryLater` when TikTok or the other worker does not answer.
        """
        for _ in range(polls):
            account = self._store.account(program_id, member_id)
            if account is None or account.state is not TikTokState.CONNECTED:
                raise NotConnected
            now = self._clock.now()
            tokens = self._vault().decrypt_tokens(program_id, member_id, account.tokens)
            if account.is_fresh_at(now) and tokens.access != refused:
                return _access_token_of(tokens.access, account)
            lock = secrets.token_hex(8)
            if self._store.lock_refresh(account, lock, now, now + REFRESH_LOCK_DURATION):
                renewed = self._refresh(account, tokens, lock)
                if renewed:
                    return _access_token_of(renewed, account)
            else:
                self._sleep(LOCK_POLL_SECONDS)
        raise TryLater(
            "refresh_lock_held", retry_after_seconds=REFRESH_LOCK_DURATION.total_seconds()
        )

    def refresh_lapsing_accounts(self, is_late: IsLate = no_time_limit) -> int:
        """Refresh connected accounts that would lapse for not being used; returns how many.

        An account that TikTok refuses has to be connected again; one for which TikTok does not
        answer comes again. Raises the first failure of our own when all have had their turn.
        """
        before = self._clock.now() + LAPSE_AHEAD

        def refresh(program_id: str, member_id: str) -> None:
            token = self.access_token(program_id, member_id).value
            account = self._store.account(program_id, member_id)
            if account is not None and account.refresh_expires_at < before:
                self.access_token(program_id, member_id, refused=token)

        return for_each_member(self._store.lapsing_accounts(before), refresh, is_late)

    def require_reconnect(self, program_id: str, member_id: str, refused: str) -> None:
        """Ask the member to connect again: TikTok refuses even the token just refreshed."""
        account = self._store.account(program_id, member_id)
        if account is None:
            return
        tokens = self._vault().decrypt_tokens(program_id, member_id, account.tokens)
        if tokens.access == refused:
            also = self._account_state_part(account, TikTokState.RECONNECT_REQUIRED)
            self._store.require_reconnect(account, also)

    def _refresh(self, account: Account, tokens: Tokens, lock: str) -> str | None:
        """Refresh under the lock; None when another worker's pair is to be read instead."""
        try:
            grant = self._client().refresh(tokens.refresh)
        except (Reconnect, AccessTokenRefused) as error:
            logger.info("refresh refused", extra={"tiktok": error.code, "log_id": error.log_id})
            # Dead only if nobody stored another pair since: the condition decides.
            also = self._account_state_part(account, TikTokState.RECONNECT_REQUIRED)
            if self._store.require_reconnect(account, also):
                raise NotConnected from error
            return None
        except TikTokError:
            self._store.unlock_refresh(account, lock)
            raise
        # The new pair is used only once it is stored.
        return grant.access_token if self._save_tokens(account, lock, grant) else None

    def _save_tokens(self, account: Account, lock: str, grant: "Grant") -> bool:
        """Store a new pair; False if the lock was lost, or if the answer to a write was lost.

        TikTok has ended the old pair, so the consent hangs on this: no single error is believed.
        """
        now = self._clock.now()
        retrying = Retrying(
            stop=stop_after_attempt(_SAVE_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=3),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(lambda: self._save_tokens_once(account, lock, grant, now))

    def _save_tokens_once(self, account: Account, lock: str, grant: "Grant", now: datetime) -> bool:
        tokens = Tokens(grant.access_token, grant.refresh_token)
        renewed = replace(
            account,
            tokens=self._vault().encrypt_tokens(account.program_id, account.member_id, tokens),
            access_expires_at=now + timedelta(seconds=grant.expires_in),
            refresh_expires_at=now + timedelta(seconds=grant.refresh_expires_in),
        )
        also = self._account_state_part(account, TikTokState.CONNECTED)
        return self._store.save_renewed_tokens(account, lock, renewed, also)

    def _account_state_part(self, account: Account, state: TikTokState) -> Part:
        return self._programs.tiktok_state_part(
            account.program_id, account.member_id, state, active=False
        )


def _access_token_of(value: str, account: Account) -> AccessToken:
    return AccessToken(value, account.open_id, account.connected_at, account.views_since)
