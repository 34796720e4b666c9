"""Reads views of posts, for members who allow it, and removes them from those who do not any more.

Each post is read ever more seldom, for 30 days (`model.COUNT_INTERVALS`). Due posts are in an
index, and are read for each member by up to 20 at a time. A reading is written together with a
check that its member still allows it, so none outlives the consent; and a later one is never
overwritten by an earlier, whatever runs twice or late.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.table import Conflict
from chalicelib.performances.model import Performance, PostCounts, State, next_count
from chalicelib.performances.store import DueCount, PerformanceStore
from chalicelib.programs.model import owner_key
from chalicelib.tiktok.access_tokens.service import AccessTokens
from chalicelib.tiktok.client import MAX_VIDEOS, VideoCounts
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
)
from chalicelib.tiktok.model import Account, NotConnected
from chalicelib.tiktok.service import AccountService

if TYPE_CHECKING:
    from chalicelib.tiktok.client import TikTokClient

DUE_BATCH_SIZE = 100
"""Due posts that are read together, to ask for those of one member in one call."""

MAX_CALLS = 1000
"""In one run, each quarter of an hour: far below TikTok's 600 a minute, however fast it answers."""

RETRY_DELAY = timedelta(minutes=15)
"""When a reading that TikTok did not answer is tried again."""

RETRY_DELAY_WITHOUT_ACCOUNT = timedelta(days=1)
"""When it is tried again while the member has to connect their account again."""

CONSENT_SETTLE_TIME = timedelta(minutes=1)
"""A changed consent is applied again once what was under way at that moment has ended."""


class _TikTokBusy(Exception):
    """TikTok was asked too often by this app: nobody else is asked for in this run."""


class PostStatistics:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        accounts: AccountService,
        tokens: AccessTokens,
        client: "Callable[[], TikTokClient]",
        clock: Clock,
    ) -> None:
        """`client` is called when it is first needed."""
        self._store = store
        self._accounts = accounts
        self._tokens = tokens
        self._client = client
        self._clock = clock

    def revoke_views_consent(self, caller: Caller) -> None:
        """End the caller's consent, and remove what was read by it; nothing to do is fine.

        Should this break off, the clock removes the rest.
        """
        account = self._accounts.views_account(caller.program_id, caller.member_id)
        if account is not None:
            self._accounts.revoke_views_consent(account)
        self.apply_views_consent(caller.program_id, caller.member_id)

    def apply_views_consent(self, program_id: str, member_id: str) -> None:
        """Bring what a member posted into line with what they allow now.

        Posts of the last 30 days are read from now on; or what was read of any is removed. What
        was posted with another TikTok account than the one connected counts as not allowed.
        """
        account = self._accounts.views_account(program_id, member_id)
        now = self._clock.now()
        for performance in self._store.all_of(owner_key(program_id, member_id)):
            if account is None or performance.open_id != account.open_id:
                self._forget_counts(performance, now)
            elif (
                performance.state is State.POSTED
                and performance.post_id
                and performance.posted_at
                and performance.count_at is None
                and next_count(performance.posted_at, now)
            ):
                self._store.begin_counting(performance, now)

    def apply_changed_consents(self, is_late: IsLate = no_time_limit) -> int:
        """Apply consents that changed, also those that failed at that moment; returns how many.

        Raises the first failure once all have had their turn: it comes again.
        """
        done = 0
        failure: Exception | None = None
        changed = self._accounts.changed_views_consents(self._clock.now() - CONSENT_SETTLE_TIME)
        for program_id, member_id, changed_at in changed:
            if is_late():
                break
            try:
                self.apply_views_consent(program_id, member_id)
                self._accounts.mark_views_consent_applied(program_id, member_id, changed_at)
            except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
                logger.exception("consent not followed", extra={"member_id": member_id})
                failure = failure or error
            else:
                done += 1
        if failure:
            raise failure
        return done

    def read_due_counts(self, is_late: IsLate = no_time_limit) -> int:
        """Read the views of posts that are due; returns how many. The next run does the rest.

        Ends early when TikTok says that it was asked too often. Raises what this app itself is
        refused for, and the first failure of our own once all have had their turn.
        """
        counted = calls = 0
        failure: Exception | None = None
        for found in batched(self._store.due_counts(self._clock.now()), DUE_BATCH_SIZE):
            for (program_id, member_id), dues in _by_member(found).items():
                for some in batched(dues, MAX_VIDEOS):
                    if is_late() or calls >= MAX_CALLS:
                        return counted
                    calls += 1
                    logger.append_keys(program_id=program_id, member_id=member_id)
                    try:
                        counted += self._read_counts(program_id, member_id, some)
                    except _TikTokBusy:
                        return counted
                    except Exception as error:  # raised below, once the others had their turn
                        if isinstance(error, TikTokRefused) and error.cause is Cause.APP_SETTINGS:
                            raise  # and so it would be for all others: this app itself is refused
                        logger.exception("not counted")
                        failure = failure or error
                        self._postpone_counts(some, RETRY_DELAY)
        if failure:
            raise failure
        return counted

    def _read_counts(self, program_id: str, member_id: str, dues: Sequence[DueCount]) -> int:
        """Read some posts of one member; return how many were written."""
        account = self._accounts.views_account(program_id, member_id)
        allowed = [each for each in dues if account and each.open_id == account.open_id]
        for each in dues:
            if each not in allowed:
                self._forget_due_counts(each)
        if account is None or not allowed:
            return 0
        try:
            counts = self._request_counts(account, [each.post_id for each in allowed])
        except NotConnected:
            logger.info("not connected")
            self._postpone_counts(allowed, RETRY_DELAY_WITHOUT_ACCOUNT)
            return 0
        except TikTokError as error:
            known = {"tiktok": error.code, "log_id": error.log_id}
            if isinstance(error, Reconnect) and error.cause is Cause.SCOPE_MISSING:
                logger.info("views taken back at TikTok", extra=known)
                self._accounts.revoke_views_consent(account)
                self.apply_views_consent(program_id, member_id)
                return 0
            if isinstance(error, TikTokRefused) and error.cause is Cause.APP_SETTINGS:
                raise
            logger.warning("not counted now", extra=known)
            asked_for = getattr(error, "retry_after_seconds", None) or 0
            self._postpone_counts(allowed, max(RETRY_DELAY, timedelta(seconds=asked_for)))
            if isinstance(error, TryLater) and error.is_rate_limit:
                raise _TikTokBusy from error
            return 0
        return sum(self._write_counts(account, each, counts.get(each.post_id)) for each in allowed)

    def _request_counts(self, account: Account, post_ids: Sequence[str]) -> dict[str, VideoCounts]:
        """Ask TikTok with a token of this very connection; once more with a new one if refused."""
        program_id, member_id = account.program_id, account.member_id
        token = self._tokens.access_token(program_id, member_id)
        try:
            if token.connected_at != account.connected_at:
                raise NotConnected
            try:
                return self._client().videos(token.value, post_ids)
            except AccessTokenRefused:
                token = self._tokens.access_token(program_id, member_id, refused=token.value)
                return self._client().videos(token.value, post_ids)
        except AccessTokenRefused as error:
            self._tokens.require_reconnect(program_id, member_id, token.value)
            raise NotConnected from error

    def _write_counts(self, account: Account, due: DueCount, counts: VideoCounts | None) -> bool:
        """Write a reading; False if it is not to be written any more, or TikTok told nothing."""
        now = self._clock.now()
        count_at = next_count(due.posted_at or now, now)
        if counts is None:
            logger.info("post not shown", extra={"performance_id": due.reference.performance_id})
            self._store.count_later(due, count_at)
            return False
        counted = PostCounts(
            now, counts.views, counts.likes, counts.comments, counts.shares, counts.share_url
        )
        parts = [
            self._accounts.require_views(account, Conflict),
            self._store.record_counts(due, counted, count_at),
        ]
        try:
            self._store.commit(parts)
        except Conflict:
            logger.info("not to be counted any more, or counted meanwhile")
            return False
        return True

    def _forget_due_counts(self, due: DueCount) -> None:
        owner = owner_key(due.reference.program_id, due.reference.member_id)
        performance = self._store.get(owner, due.reference.performance_id)
        if performance is not None:
            self._forget_counts(performance, self._clock.now())

    def _forget_counts(self, performance: Performance, now: datetime) -> None:
        counted = performance.counted
        if performance.count_at or (counted and counted.views is not None):
            self._store.forget_counts(performance, now)

    def _postpone_counts(self, dues: Iterable[DueCount], wait: timedelta) -> None:
        count_at = self._clock.now() + wait
        for each in dues:
            self._store.count_later(each, count_at)


def _by_member(dues: Iterable[DueCount]) -> dict[tuple[str, str], list[DueCount]]:
    found: dict[tuple[str, str], list[DueCount]] = defaultdict(list)
    for each in dues:
        found[each.reference.program_id, each.reference.member_id].append(each)
    return found
