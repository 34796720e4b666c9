"""Use cases of webhooks: managers run them, events become deliveries, and deliveries are sent."""

import json
import random
import secrets as random_secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from chalicelib.audit.model import Kind
from chalicelib.foundation import actors
from chalicelib.foundation.addresses import Address, AddressRefused, parse
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import check_version, retry_conflicts
from chalicelib.foundation.events import PublicEvent
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.settings import Network
from chalicelib.foundation.sweeps import IsLate, sweep_due_items
from chalicelib.foundation.table import Conflict
from chalicelib.foundation.values import dataclass
from chalicelib.webhooks.events import WebhookTestData
from chalicelib.webhooks.messages import message_body
from chalicelib.webhooks.model import (
    MAX_TRIES,
    MAX_WEBHOOKS,
    RETRY_WAITS,
    SECRET_BYTES,
    SLOW_RESPONSE_TIME,
    Delivery,
    DeliveryState,
    Format,
    Language,
    Secrets,
    Webhook,
    WebhookState,
    format_secret,
    is_to_be_disabled,
    next_wait,
    signature_headers,
    webhooks_wanting,
)
from chalicelib.webhooks.queue import DeliveryQueues, DeliveryTrigger
from chalicelib.webhooks.store import (
    AlreadyCreated,
    Lease,
    WebhookLimitReached,
    WebhookStore,
)
from chalicelib.webhooks.vault import SecretVault

RECHECK_DELAY = timedelta(minutes=1)
"""The clock looks whether what was announced was sent; it also covers an index that lags."""

CLAIM_DURATION = timedelta(minutes=2)
MAX_TESTS_PER_MINUTE = 5
MAX_CONCURRENT = 5
"""Requests at once to one receiver: what one webhook gets of all."""

TURN_DURATION = timedelta(seconds=20)
"""How long one webhook is sent to before others have their turn."""

LEASE_DURATION = timedelta(seconds=90)
"""Longer than a function may run, so that two senders are never at one webhook."""

BACKOFFS = (
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
)
"""How long a receiver is left alone after so many turns in which nothing got through."""


class Sender(Protocol):
    """Sends one body to an address; never raises for what the receiver does."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult: ...


Titles = Callable[[str, Mapping[str, Any]], str]
"""Returns what the activity or reward of an event is called, by program and the event's data."""


class WebhookService:
    """Use cases of managers: create, change, test and remove webhooks."""

    def __init__(
        self,
        *,
        store: WebhookStore,
        vault: Callable[[], SecretVault],
        queues: Callable[[], DeliveryQueues],
        cursors: Cursors,
        clock: Clock,
        own_hosts: Collection[str],
        test_networks: Sequence[Network] = (),
    ) -> None:
        self._store = store
        self._vault = vault
        self._queues = queues
        self._cursors = cursors
        self._clock = clock
        self._own_hosts = own_hosts
        self._test_networks = test_networks

    def create(
        self,
        caller: Caller,
        *,
        name: str,
        url: str,
        format: Format,  # noqa: A002  its name in the API
        language: Language,
        types: Collection[str],
        made_id: str | None = None,
    ) -> Webhook:
        """Create a webhook. Raises the problems `invalid_request` and `limit_reached`."""
        address, now = self._checked_address(url), self._clock.now()
        webhook_id = f"whk_{made_id}" if made_id else new_id("whk", now)
        kept = Secrets(url, format_secret(random_secrets.token_bytes(SECRET_BYTES)))
        webhook = Webhook(
            program_id=caller.program_id,
            webhook_id=webhook_id,
            version=1,
            name=name,
            format=format,
            language=language,
            types=frozenset(types),
            state=WebhookState.ACTIVE,
            shown_url=address.shown,
            sealed=self._vault().encrypt(caller.program_id, webhook_id, kept),
            created_at=now,
            created_by=caller.member_id,
        )
        try:
            self._store.create(webhook)
        except AlreadyCreated:
            return self.webhook(caller, webhook_id)
        except WebhookLimitReached:
            raise Problem(
                ProblemCode.LIMIT_REACHED,
                f"A program has at most {MAX_WEBHOOKS} webhooks. Remove one first.",
                members={"quota": "webhooks", "limit": MAX_WEBHOOKS},
            ) from None
        return webhook

    def webhooks(self, caller: Caller) -> list[Webhook]:
        """List the program's webhooks, the oldest first: one query."""
        return self._store.webhooks(caller.program_id)

    def webhook(self, caller: Caller, webhook_id: str) -> Webhook:
        """Read a webhook. Raises the problem `not_found`."""
        found = self._store.get(caller.program_id, webhook_id)
        if found is None:
            raise not_found("webhook")
        return found

    @retry_conflicts("The webhook keeps changing. Try again.")
    def change(
        self,
        caller: Caller,
        webhook_id: str,
        version: int,
        *,
        url: str | None = None,
        state: WebhookState | None = None,
        **changes: Any,
    ) -> Webhook:
        """Change a webhook as it was at this `version`; switched on, it forgets that it failed.

        Raises the problems `not_found`, `changed_meanwhile` (with the `version` it has now) and
        `invalid_request`.
        """
        was = self.webhook(caller, webhook_id)
        check_version("this webhook", was.version, version)
        becomes, moved = replace(was, **changes, version=was.version + 1), False
        if url is not None:
            address = self._checked_address(url)
            kept = self._vault().decrypt(was.program_id, webhook_id, was.sealed)
            sealed = self._vault().encrypt(was.program_id, webhook_id, replace(kept, url=url))
            becomes, moved = (
                replace(becomes, shown_url=address.shown, sealed=sealed),
                kept.url != url,
            )
        if state is not None:
            becomes = replace(becomes, state=state)
        if becomes.state is WebhookState.ACTIVE and (url is not None or state is not None):
            becomes = replace(becomes, failing_since=None, disabled_at=None)
        if not self._store.change(was, becomes, moved=moved):
            raise Conflict
        if url is not None or state is not None:
            self._announce(becomes)
        return becomes

    def remove(self, caller: Caller, webhook_id: str) -> None:
        """Remove a webhook; pending deliveries are dropped. Raises the problem `not_found`."""
        if not self._store.remove(self.webhook(caller, webhook_id)):
            raise not_found("webhook")

    def rotate_secret(self, caller: Caller, webhook_id: str) -> tuple[Webhook, Secrets]:
        """Make a new secret, which nobody is shown again.

        The one before, if it was shown, stays valid for a day. Raises the problems `not_found` and
        `changed_meanwhile`.
        """
        was = self.webhook(caller, webhook_id)
        kept = self._vault().decrypt(was.program_id, webhook_id, was.sealed)
        new = format_secret(random_secrets.token_bytes(SECRET_BYTES))
        rotated = kept.rotated(new, self._clock.now())
        sealed = self._vault().encrypt(was.program_id, webhook_id, rotated)
        becomes = replace(was, sealed=sealed, version=was.version + 1)
        if not self._store.change(was, becomes, Kind.WEBHOOK_SECRET_RENEWED):
            raise _changed_meanwhile()
        return becomes, rotated

    def test(self, caller: Caller, webhook_id: str) -> Delivery:
        """Send a test event, once; the delivery says soon how that went.

        Raises the problems `not_found` and `too_many_requests`.
        """
        # When another request writes first, this one tries again. Each request that wins counts as
        # a test event, so the limit ends the loop.
        for _ in range(MAX_TESTS_PER_MINUTE + 1):
            webhook, now = self.webhook(caller, webhook_id), self._clock.now()
            recent = webhook.tests_since(now - timedelta(minutes=1))
            if len(recent) >= MAX_TESTS_PER_MINUTE:
                break
            delivery = self._test_event(webhook, now)
            if self._store.add_test(webhook, delivery, (*recent, now)):
                self._announce(webhook)
                return delivery
        raise Problem(
            ProblemCode.TOO_MANY_REQUESTS,
            f"{MAX_TESTS_PER_MINUTE} test events a minute are the limit. Wait a moment.",
            headers={"Retry-After": "60"},
        )

    def deliveries(
        self, caller: Caller, webhook_id: str, limit: int, cursor: str | None
    ) -> Page[Delivery]:
        """List a webhook's deliveries of the last 30 days, newest first: two calls.

        Raises the problems `not_found` and `invalid_cursor`.
        """
        self.webhook(caller, webhook_id)
        listing, before = f"deliveries/{webhook_id}", None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, listing, cursor)["before"])
        found = self._store.deliveries(caller.program_id, webhook_id, before, limit + 1)
        page = found[:limit]
        last = {"before": page[-1][0]} if len(found) > limit else None
        return Page(
            tuple(each for _, each in page),
            self._cursors.make(caller.program_id, listing, last) if last else None,
        )

    def _checked_address(self, url: str) -> Address:
        try:
            return parse(url, self._own_hosts, self._test_networks)
        except AddressRefused as refused:
            raise invalid_field("url", refused.code, refused.words) from None

    def _test_event(self, webhook: Webhook, now: datetime) -> Delivery:
        event = PublicEvent(
            event_id=f"evt_{random_secrets.token_hex(16)}",
            program_id=webhook.program_id,
            occurred_at=now.replace(microsecond=0),
            actor=actors.current(),
            data=WebhookTestData(webhook.webhook_id),
        )
        told = json.loads(event.to_detail())
        return _new_delivery(webhook.program_id, webhook.webhook_id, told, now)

    def _announce(self, webhook: Webhook) -> None:
        """Let a manager's wish be seen to at once, also if the receiver is being left alone."""
        program_id, webhook_id = webhook.program_id, webhook.webhook_id
        look_at = self._clock.now() + RECHECK_DELAY
        self._store.announce(program_id, webhook_id, look_at, at_once=True)
        self._queues().send(DeliveryTrigger(program_id, webhook_id), slow=webhook.slow)


class FanOut:
    """Makes of each public event a delivery for each webhook that wants it."""

    def __init__(self, store: WebhookStore, queues: DeliveryQueues, clock: Clock) -> None:
        self._store = store
        self._queues = queues
        self._clock = clock

    def deliver(self, events: Iterable[Mapping[str, Any]]) -> int:
        """Keep deliveries of a batch of events, then queue their webhooks; returns how many.

        Done again, it finds the deliveries there and queues the webhooks again.
        """
        webhooks: dict[str, list[Webhook]] = {}
        touched: dict[tuple[str, str], Webhook] = {}
        made, now = 0, self._clock.now()
        for event in events:
            program_id = str(event["program_id"])
            if program_id not in webhooks:
                webhooks[program_id] = self._store.webhooks(program_id)
            for webhook in webhooks_wanting(webhooks[program_id], str(event["type"])):
                self._store.add(_new_delivery(program_id, webhook.webhook_id, event, now))
                touched[program_id, webhook.webhook_id] = webhook
                made += 1
        for (program_id, webhook_id), webhook in touched.items():
            self._store.announce(program_id, webhook_id, now + RECHECK_DELAY)
            self._queues.send(DeliveryTrigger(program_id, webhook_id), slow=webhook.slow)
        return made


class DueWebhooks:
    """Finds webhooks whose trigger was lost, and those whose next try is due."""

    def __init__(
        self, store: WebhookStore, queues: Callable[[], DeliveryQueues], clock: Clock
    ) -> None:
        """`queues` is called when a webhook is due."""
        self._store = store
        self._queues = queues
        self._clock = clock

    def queue_due(self, is_late: IsLate) -> int:
        """Queue webhooks that are due, one of each program in turn; returns how many."""
        queued, now = 0, self._clock.now()
        for key, program_id, webhook_id in sweep_due_items(self._store.due_runs, now):
            if is_late():
                break
            self._queues().send(DeliveryTrigger(program_id, webhook_id), slow=False)
            self._store.postpone_due_run(key, program_id, webhook_id, now + CLAIM_DURATION)
            queued += 1
        return queued


@dataclass(frozen=True)
class _DeliveryAttempt:
    """The result of trying a due delivery; not `moved`: another worker had taken it.

    `given_up`: this try was its last one, and failed; a test event is never given up.
    """

    outcome: DeliveryResult | None = None
    moved: bool = True
    is_test: bool = False
    given_up: bool = False


class Deliverer:
    """Sends what is due to one webhook at a time, a few requests at once."""

    def __init__(
        self,
        *,
        store: WebhookStore,
        vault: SecretVault,
        queues: DeliveryQueues,
        sender: Sender,
        titles: Titles,
        console_url: str,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._vault = vault
        self._queues = queues
        self._sender = sender
        self._titles = titles
        self._console_url = console_url
        self._clock = clock
        self._jitter = jitter

    def deliver(self, trigger: DeliveryTrigger, *, slow: bool) -> int:
        """Send what is due to a webhook, for a turn; returns how many got through.

        `slow`: this function is for slow receivers; one for quick ones hands those on. A worker
        leaves alone what another is sending to a webhook.
        """
        webhook = self._store.get(trigger.program_id, trigger.webhook_id)
        if webhook is None:
            self._store.forget_run(trigger.program_id, trigger.webhook_id)
            return 0
        if webhook.slow and not slow:
            self._queues.send(trigger, slow=True)
            return 0
        started = self._clock.now()
        lease = self._store.lease(trigger.program_id, trigger.webhook_id, started, LEASE_DURATION)
        if lease is None:
            return 0
        return self._deliver_for_a_turn(webhook, lease, started + TURN_DURATION)

    def _deliver_for_a_turn(self, webhook: Webhook, lease: Lease, until: datetime) -> int:
        delivered, failures, held_until = 0, lease.failures, None
        kept: Secrets | None = None
        while True:
            now = self._clock.now()
            late, due = now >= until, []
            if held_until is None and not late:
                due = self._due_deliveries(webhook, now)
            if due:
                # After requests somebody may have removed, paused or moved it: those were the last.
                found = self._store.get(webhook.program_id, webhook.webhook_id) if kept else webhook
                if found is None:
                    self._store.forget_run(webhook.program_id, webhook.webhook_id)
                    return delivered
                kept = self._decrypted_secrets(
                    found, kept if found.sealed == webhook.sealed else None
                )
                webhook = found
                tried = self._try_all(webhook, kept, due)
                outcomes = [each.outcome for each in tried if each.outcome]
                got_through = sum(each.delivered for each in outcomes)
                delivered += got_through
                if got_through:
                    failures = 0
                elif outcomes:
                    held_until = now + BACKOFFS[min(failures, len(BACKOFFS) - 1)]
                    failures += 1
                webhook = self._record_health(webhook, tried)
                if any(each.moved for each in tried):
                    continue  # else the index lags: what it shows was taken already
            if self._finish_turn(webhook, lease, held_until, failures, late=late):
                return delivered
            renewed = self._store.renewed(lease)
            if renewed is None:
                return delivered
            lease = renewed

    def _due_deliveries(self, webhook: Webhook, now: datetime) -> list[Delivery]:
        """Return what is due; of a webhook that is off all that waits, to be given up."""
        off = webhook.state is not WebhookState.ACTIVE
        until = now + sum(RETRY_WAITS, LEASE_DURATION) if off else now
        return self._store.due(webhook.program_id, webhook.webhook_id, until, MAX_CONCURRENT)

    def _decrypted_secrets(self, webhook: Webhook, kept: Secrets | None) -> Secrets:
        """Return what only the receiver knows, as it was opened before if it is the same still."""
        return kept or self._vault.decrypt(webhook.program_id, webhook.webhook_id, webhook.sealed)

    def _finish_turn(
        self,
        webhook: Webhook,
        lease: Lease,
        held_until: datetime | None,
        failures: int,
        *,
        late: bool,
    ) -> bool:
        """Release the lease; False if something was announced meanwhile."""
        now = self._clock.now()
        waits = self._store.next_due(webhook.program_id, webhook.webhook_id)
        look_at = max(waits, held_until or waits) if waits else None
        # The index may lag behind what was just announced, so the clock's look stays.
        until = lease.announced_until
        if until and until > now:
            look_at = min(look_at or until, max(until, held_until or until))
        if not self._store.release_lease(lease, look_at, held_until=held_until, failures=failures):
            return False
        if late and waits and waits <= now:
            self._queues.send(
                DeliveryTrigger(webhook.program_id, webhook.webhook_id), slow=webhook.slow
            )
        return True

    def _try_all(
        self, webhook: Webhook, kept: Secrets, due: Sequence[Delivery]
    ) -> list[_DeliveryAttempt]:
        if len(due) == 1:
            return [self._try_delivery(webhook, kept, due[0])]
        with ThreadPoolExecutor(max_workers=MAX_CONCURRENT) as pool:
            return list(pool.map(lambda each: self._try_delivery(webhook, kept, each), due))

    def _try_delivery(
        self, webhook: Webhook, kept: Secrets, delivery: Delivery
    ) -> _DeliveryAttempt:
        if webhook.state is not WebhookState.ACTIVE and not delivery.is_test:
            self._store.drop(delivery, f"webhook_{webhook.state.value}")
            return _DeliveryAttempt()
        now = self._clock.now()
        tries = delivery.tries + 1
        if tries > (1 if delivery.is_test else MAX_TRIES):
            # A sender died between the last try and its record.
            self._store.drop(delivery, "outcome_unknown")
            return _DeliveryAttempt()
        jitter = self._jitter()
        wait = next_wait(tries, jitter)
        if not self._store.claim(delivery, now + (wait or LEASE_DURATION), now):
            return _DeliveryAttempt(moved=False)
        body = self._delivery_body(webhook, delivery)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Greenroom-Webhooks/1",
            **signature_headers(delivery.event_id, body, kept.valid(now), now),
        }
        outcome = self._sender.post(kept.url, body, headers)
        state, due_at = self._next_state(delivery, outcome, tries, jitter)
        self._store.record(delivery, outcome, state, due_at)
        logger.info(
            "webhook tried",
            extra={
                "webhook_id": delivery.webhook_id,
                "event_id": delivery.event_id,
                "tries": tries,
                "status": outcome.status,
                "error": outcome.error,
                "milliseconds": outcome.milliseconds,
            },
        )
        given_up = state is DeliveryState.FAILED and not delivery.is_test
        return _DeliveryAttempt(outcome, is_test=delivery.is_test, given_up=given_up)

    def _next_state(
        self, delivery: Delivery, outcome: DeliveryResult, tries: int, jitter: float
    ) -> tuple[DeliveryState, datetime | None]:
        if outcome.delivered:
            return DeliveryState.DELIVERED, None
        wait = None if delivery.is_test else next_wait(tries, jitter, outcome.retry_after)
        if wait is None:
            return DeliveryState.FAILED, None
        return DeliveryState.WAITING, self._clock.now() + wait

    def _delivery_body(self, webhook: Webhook, delivery: Delivery) -> bytes:
        if webhook.format is Format.JSON:
            return delivery.body.encode()
        event = json.loads(delivery.body)
        title = self._titles(webhook.program_id, event["data"])
        told = message_body(webhook.format, webhook.language, event, title, self._console_url)
        return json.dumps(told).encode()

    def _record_health(self, webhook: Webhook, tried: Sequence[_DeliveryAttempt]) -> Webhook:
        """Note how a receiver does, and disable it after days; a call only when that changes.

        A test event that fails tells its manager, and counts for nothing else.
        """
        outcomes = [each.outcome for each in tried if each.outcome]
        if not outcomes:
            return webhook
        now = self._clock.now()
        any_through = any(each.delivered for each in outcomes)
        failing_since = None
        if not any_through:
            began = now if any(each.outcome and not each.is_test for each in tried) else None
            failing_since = webhook.failing_since or began
        longest = timedelta(milliseconds=max(each.milliseconds for each in outcomes))
        # A receiver begins as a slow one, and is quick from its first quick answers on.
        slow = longest > SLOW_RESPONSE_TIME or (webhook.slow and not any_through)
        if (failing_since, slow) != (webhook.failing_since, webhook.slow):
            self._store.record_health(webhook, failing_since=failing_since, slow=slow)
        noted = replace(webhook, failing_since=failing_since, slow=slow)
        if (
            any(each.given_up for each in tried)
            and webhook.state is WebhookState.ACTIVE
            and is_to_be_disabled(noted, now)
            and self._store.disable(noted, now)
        ):
            logger.warning("webhook disabled", extra={"webhook_id": webhook.webhook_id})
            return replace(noted, state=WebhookState.DISABLED, version=noted.version + 1)
        return noted


def _new_delivery(
    program_id: str, webhook_id: str, event: Mapping[str, Any], now: datetime
) -> Delivery:
    return Delivery(
        program_id=program_id,
        webhook_id=webhook_id,
        event_id=str(event["id"]),
        event_type=str(event["type"]),
        occurred_at=datetime.fromisoformat(str(event["occurred_at"])).astimezone(UTC),
        body=json.dumps(event),
        state=DeliveryState.WAITING,
        tries=0,
        due_at=now,
    )


def _changed_meanwhile() -> Problem:
    return Problem(
        ProblemCode.CHANGED_MEANWHILE, "Somebody changed this webhook meanwhile. Look again."
    )
