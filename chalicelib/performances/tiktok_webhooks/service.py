"""TikTok's webhooks: they advance performances and end connections."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict, Part
from chalicelib.performances.model import (
    BEFORE_POSTED,
    BEFORE_STAGED,
    DRAFT_AT_TIKTOK,
    Performance,
    State,
    next_count,
    posted,
    staged,
    with_post,
)
from chalicelib.performances.queue import MessageNotQueued, StagingQueue
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.service import PointService
from chalicelib.tiktok import webhooks
from chalicelib.tiktok.inbox.service import InboxPlaces
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.tiktok.service import AccountService
from chalicelib.tiktok.webhooks import EventKind, TikTokWebhookEvent

_POSTED_EVENTS = frozenset({EventKind.POST_COMPLETE, EventKind.POST_PUBLIC})
"""Events that prove a post: TikTok may report a public post without reporting its completion."""

NO_REASON = "unknown"
"""Stands for the reason of a failure that TikTok tells without one."""


class TikTokWebhooks:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        queue: StagingQueue,
        accounts: AccountService,
        places: InboxPlaces,
        points: PointService,
        client_secret: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._store = store
        self._queue = queue
        self._accounts = accounts
        self._places = places
        self._points = points
        self._client_secret = client_secret
        self._clock = clock

    def handle_webhook(self, signature: str | None, raw_body: bytes) -> None:
        """Handle a webhook of TikTok's: it may come twice, late, out of order, or not be ours.

        Raises problems `signature_refused`, `malformed_event`, and `unavailable` if TikTok is to
        send it again; an unknown event changes nothing.
        """
        now = self._clock.now()
        event = self._parse_verified(signature, raw_body, now)
        if event.kind is EventKind.AUTHORIZATION_REMOVED:
            ours = self._accounts.record_access_removed(event.open_id, event.created_at or now)
            logger.info("access removed", extra={"ours": ours})
            return
        try:
            self._apply_event(event, now)
        except Conflict as conflict:
            told = "Not taken in just now. Send it again."
            raise Problem(ProblemCode.UNAVAILABLE, told) from conflict

    def _parse_verified(
        self, signature: str | None, raw_body: bytes, now: datetime
    ) -> TikTokWebhookEvent:
        try:
            webhooks.verify_signature(signature, raw_body, self._client_secret(), now)
            return webhooks.parse_event(raw_body)
        except webhooks.SignatureRefused as error:
            logger.info("webhook refused", extra={"why": str(error)})
            raise Problem(
                TikTokProblem.SIGNATURE_REFUSED, "This is not signed by TikTok for this app."
            ) from error
        except webhooks.MalformedEvent as error:
            raise Problem(
                TikTokProblem.MALFORMED_EVENT, f"The event is malformed: {error}."
            ) from error

    @retry_conflicts()
    def _apply_event(self, event: TikTokWebhookEvent, now: datetime) -> None:
        """Move the performance that an event is about.

        Raises `Conflict` if a worker was faster each time.
        """
        found = self._store.by_publish_id(event.publish_id) if event.publish_id else None
        performance = self._store.get(*found) if found else None
        if performance is None or performance.publish_id != event.publish_id:
            logger.info("event for nothing of ours", extra={"event": event.name})
            return
        logger.append_keys(
            program_id=performance.program_id,
            performance_id=performance.performance_id,
            performed_with=performance.correlation_id,
        )
        self._move_performance(event, performance, now)

    def _move_performance(
        self, event: TikTokWebhookEvent, performance: Performance, now: datetime
    ) -> None:
        """Move a performance as an event says. Raises `Conflict` if it was moved meanwhile."""
        kind = event.kind
        if kind is EventKind.INBOX_DELIVERED and performance.state in BEFORE_STAGED:
            changed = staged(performance, now)
        elif kind in _POSTED_EVENTS and performance.state in BEFORE_POSTED:
            changed = posted(performance, now)
            if kind is EventKind.POST_PUBLIC and event.post_id:
                count_at = self._first_count_at(changed, now)
                changed = with_post(changed, event.post_id, count_at)
        elif kind is EventKind.POST_PUBLIC and performance.state is State.POSTED and event.post_id:
            self._note_post(event.post_id, performance, now)
            return
        elif kind is EventKind.POST_FAILED and performance.state in DRAFT_AT_TIKTOK:
            self._note_failure(event.reason or NO_REASON, performance, now)
            return
        else:
            logger.info("event changes nothing", extra={"event": kind.value})
            return
        parts: list[Part] = [self._store.change(performance, changed, None)]
        if changed.state is State.POSTED:
            parts += [
                self._places.free_places(changed.program_id, changed.member_id, changed.places),
                *self._points.award_bonus(
                    changed.owner,
                    changed.posted_bonus,
                    changed.performance_id,
                    changed.instructions,
                ),
            ]
        self._store.commit(parts)
        logger.info("event applied", extra={"event": kind.value})

    def _note_post(self, post_id: str, performance: Performance, now: datetime) -> None:
        """Note the first public post of what is posted already; a further one changes nothing."""
        if performance.post_id is None:
            count_at = self._first_count_at(performance, now)
            noted = self._store.note_post(performance, post_id, count_at)
            logger.info("post noted", extra={"noted": noted})

    def _first_count_at(self, performance: Performance, now: datetime) -> datetime | None:
        """Return when to read the views of a post; None unless its member lets them be read."""
        account = self._accounts.views_account(performance.program_id, performance.member_id)
        if account is None or account.open_id != performance.open_id:
            return None
        return next_count(performance.posted_at or now, now)

    def _note_failure(self, reason: str, performance: Performance, now: datetime) -> None:
        """Note why a draft failed and have TikTok asked now: the worker decides what follows.

        A failure that is told again brings no look forward.
        """
        if performance.told_reason == reason:
            logger.info("failure known", extra={"why": reason})
            return
        if not self._store.note_failure_reason(performance, reason, now):
            raise Conflict
        try:
            self._queue.send([performance.reference])
        except MessageNotQueued:
            logger.exception("not queued: the clock does it")
