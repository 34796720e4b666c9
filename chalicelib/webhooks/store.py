"""The webhooks table: see docs/data.md for its keys, and what each access costs.

```
<program>                / webhook#<id>             a webhook
<program>                / run#<id>                 whether it has something to send, and who sends
<program>                / webhooks                 the ids of all of them: how many there are
<program>/<webhook>      / delivery#<time>#<event>  one event for one webhook
```
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import size
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.acts import Act
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.sweeps import due_key
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    Model,
    Put,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.webhooks.model import (
    DELIVERY_RETENTION,
    MAX_WEBHOOKS,
    Delivery,
    DeliveryState,
    Format,
    Language,
    Webhook,
    WebhookState,
)

WEBHOOK, RUN, DELIVERY = "webhook#", "run#", "delivery#"
_DUE_KEY = "due"
AUDITED_FIELDS = ("name", "format", "language", "types", "state", "shown_url")


class AlreadyCreated(Exception):
    """The webhook of this id exists: the same request came before."""


class WebhookLimitReached(Exception):
    """The program has as many webhooks as it may have."""


class WebhookItem(StampedModel):
    class Meta:
        table_name = "webhooks"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    webhook_id = UnicodeAttribute()
    version = NumberAttribute()
    name = UnicodeAttribute()
    format = UnicodeAttribute()
    language = UnicodeAttribute()
    types = UnicodeSetAttribute(null=True)
    state = UnicodeAttribute()
    shown_url = UnicodeAttribute()
    sealed = BinaryAttribute(legacy_encoding=False)
    created_at = UTCDateTimeAttribute()
    created_by = UnicodeAttribute()
    failing_since = UTCDateTimeAttribute(null=True)
    disabled_at = UTCDateTimeAttribute(null=True)
    slow = BooleanAttribute()
    tested_at: ListAttribute[Any] = ListAttribute(of=UTCDateTimeAttribute, null=True)


class WebhookIdsItem(Model):
    class Meta:
        table_name = "webhooks"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    ids = UnicodeSetAttribute(null=True)


class DueIndex(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_in = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True)


class RunItem(Model):
    class Meta:
        table_name = "webhooks"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    wakes = NumberAttribute(default=0)
    lease = UnicodeAttribute(null=True)
    lease_until = UTCDateTimeAttribute(null=True)
    held_until = UTCDateTimeAttribute(null=True)
    failures = NumberAttribute(null=True)
    announced_until = UTCDateTimeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)
    due = DueIndex()


class WaitingIndex(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "waiting"
        projection = AllProjection()

    waiting_in = UnicodeAttribute(hash_key=True)
    due_at = UTCDateTimeAttribute(range_key=True)


class DeliveryItem(Model):
    class Meta:
        table_name = "webhooks"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    event_id = UnicodeAttribute()
    event_type = UnicodeAttribute()
    occurred_at = UTCDateTimeAttribute()
    body = UnicodeAttribute()
    status = UnicodeAttribute()
    tries = NumberAttribute()
    waiting_in = UnicodeAttribute(null=True)
    due_at = UTCDateTimeAttribute(null=True)
    tried_at = UTCDateTimeAttribute(null=True)
    answered = NumberAttribute(null=True)
    error = UnicodeAttribute(null=True)
    milliseconds = NumberAttribute(null=True)
    expires_at = NumberAttribute()
    waiting = WaitingIndex()


@dataclass(frozen=True)
class Lease:
    """Only its holder sends a webhook's deliveries.

    `wakes` counts what was announced, `failures` the turns in a row in which nothing got through.
    Until `announced_until` the index of what waits may lag behind the last announcement.
    """

    program_id: str
    webhook_id: str
    token: str
    wakes: int
    failures: int
    announced_until: datetime | None


class WebhookStore(Store):
    MODELS = (WebhookItem, WebhookIdsItem, RunItem, DeliveryItem)

    # Webhooks

    def create(self, webhook: Webhook) -> None:
        """Keep a new webhook. Raises `AlreadyCreated` or `WebhookLimitReached`."""
        ids = WebhookIdsItem.ids
        room = ids.does_not_exist() | (size(ids) < MAX_WEBHOOKS) | ids.contains(webhook.webhook_id)
        self._database.commit(
            [
                Put(_item(webhook), WebhookItem.item.does_not_exist(), AlreadyCreated),
                Update(
                    _ids_item(webhook.program_id),
                    [ids.add({webhook.webhook_id})],
                    room,
                    WebhookLimitReached,
                ),
                _act(Kind.WEBHOOK_CREATED, webhook, after=select_fields(webhook, AUDITED_FIELDS)),
            ]
        )

    def get(self, program_id: str, webhook_id: str) -> Webhook | None:
        try:
            found = self._database.get(
                WebhookItem, program_id, f"{WEBHOOK}{webhook_id}", consistent_read=True
            )
        except DoesNotExist:
            return None
        return _webhook(found)

    def webhooks(self, program_id: str) -> list[Webhook]:
        """Read all webhooks of a program, the oldest first: one query."""
        found = self._database.query(
            WebhookItem,
            program_id,
            WebhookItem.item.startswith(WEBHOOK),
            consistent_read=True,
            limit=2 * MAX_WEBHOOKS,
        )
        return [_webhook(each) for each in found]

    def change(
        self,
        was: Webhook,
        becomes: Webhook,
        kind: Kind = Kind.WEBHOOK_CHANGED,
        *,
        moved: bool = False,
    ) -> bool:
        """Write what a manager changed; False if somebody changed it meanwhile.

        `moved`: its address is another one, also if that does not show.
        """
        item, model = _item(was), WebhookItem
        actions: list[Action] = [
            model.version.set(becomes.version),
            model.name.set(becomes.name),
            model.format.set(becomes.format.value),
            model.language.set(becomes.language.value),
            model.types.set(set(becomes.types)) if becomes.types else model.types.remove(),
            model.state.set(becomes.state.value),
            model.shown_url.set(becomes.shown_url),
            model.sealed.set(becomes.sealed),
        ]
        if becomes.failing_since is None:
            actions += [model.failing_since.remove(), model.disabled_at.remove()]
        before, after = select_fields(was, AUDITED_FIELDS), select_fields(becomes, AUDITED_FIELDS)
        if moved:
            before, after = {**before, "url": None}, {**after, "url": "…"}
        told = _act(kind, was, before, after)
        return self._database.update(item, actions, model.version == was.version, told)

    def remove(self, webhook: Webhook) -> bool:
        """Remove a webhook; False if it was not there. Its log goes by itself."""
        try:
            self._database.commit(
                [
                    Delete(_item(webhook), WebhookItem.item.exists()),
                    Delete(RunItem(webhook.program_id, f"{RUN}{webhook.webhook_id}")),
                    Update(
                        _ids_item(webhook.program_id),
                        [WebhookIdsItem.ids.delete({webhook.webhook_id})],
                    ),
                    _act(Kind.WEBHOOK_REMOVED, webhook, select_fields(webhook, AUDITED_FIELDS)),
                ]
            )
        except Conflict:
            return False
        return True

    def record_health(
        self, webhook: Webhook, *, failing_since: datetime | None, slow: bool
    ) -> None:
        """Record how a receiver does, unless somebody changed or removed the webhook meanwhile."""
        model = WebhookItem
        failing = (
            model.failing_since.set(failing_since)
            if failing_since
            else model.failing_since.remove()
        )
        condition = (model.version == webhook.version) & (model.state == webhook.state.value)
        self._database.update(_item(webhook), [failing, model.slow.set(slow)], condition)

    def disable(self, webhook: Webhook, now: datetime) -> bool:
        """Disable a webhook that failed for too long; False if somebody changed it meanwhile."""
        model = WebhookItem
        return self._database.update(
            _item(webhook),
            [
                model.state.set(WebhookState.DISABLED.value),
                model.disabled_at.set(now),
                model.version.set(webhook.version + 1),
            ],
            (model.version == webhook.version) & (model.state == WebhookState.ACTIVE.value),
            _act(
                Kind.WEBHOOK_DISABLED,
                webhook,
                {"state": webhook.state},
                {"state": WebhookState.DISABLED, "failing_since": webhook.failing_since},
            ),
        )

    # Deliveries

    def add_test(self, was: Webhook, delivery: Delivery, tested_at: Sequence[datetime]) -> bool:
        """Keep a test event that a manager asked for; False if another was asked for meanwhile.

        `tested_at`: what the webhook is to remember of its tests. Its version stays.
        """
        model = WebhookItem
        same = (
            model.tested_at == list(was.tested_at)
            if was.tested_at
            else model.tested_at.does_not_exist()
        )
        try:
            self._database.commit(
                [
                    Put(_delivery_item(delivery)),
                    Update(
                        _item(was),
                        [model.tested_at.set(list(tested_at))],
                        model.version.exists() & same,
                    ),
                    _act(Kind.WEBHOOK_TESTED, was),
                ]
            )
        except Conflict:
            return False
        return True

    def add(self, delivery: Delivery) -> None:
        """Keep what is to be sent; an event that comes again finds it there."""
        self._database.put(_delivery_item(delivery), DeliveryItem.item.does_not_exist())

    def delivery(
        self, program_id: str, webhook_id: str, occurred_at: datetime, event_id: str
    ) -> Delivery | None:
        key = _delivery_range(occurred_at, event_id)
        try:
            found = self._database.get(
                DeliveryItem, _waiting(program_id, webhook_id), key, consistent_read=True
            )
        except DoesNotExist:
            return None
        return _delivery(found)

    def deliveries(
        self, program_id: str, webhook_id: str, before: str | None, count: int
    ) -> list[tuple[str, Delivery]]:
        """Read a webhook's log, newest first, each with its key: one query."""
        keys = DeliveryItem.item
        found = self._database.query(
            DeliveryItem,
            _waiting(program_id, webhook_id),
            keys.between(DELIVERY, before) if before else keys.startswith(DELIVERY),
            scan_index_forward=False,
            limit=count + 1,
        )
        return [(each.item, _delivery(each)) for each in found if each.item != before][:count]

    def due(self, program_id: str, webhook_id: str, now: datetime, count: int) -> list[Delivery]:
        """Read deliveries that are due, the longest first: one query."""
        found = self._database.query(
            DeliveryItem,
            _waiting(program_id, webhook_id),
            WaitingIndex.due_at <= now,
            index=DeliveryItem.waiting,
            limit=count,
        )
        return [_delivery(each) for each in found]

    def next_due(self, program_id: str, webhook_id: str) -> datetime | None:
        """Return when the next delivery is due, if one waits: one query."""
        found = self._database.query(
            DeliveryItem,
            _waiting(program_id, webhook_id),
            index=DeliveryItem.waiting,
            limit=1,
        )
        return next((each.due_at for each in found), None)

    def claim(self, delivery: Delivery, next_due: datetime, now: datetime) -> bool:
        """Count a try before it is made; False if it is another's, or decided.

        A sender that dies between this and `record` leaves a delivery that is due at `next_due`.
        """
        model = DeliveryItem
        return self._database.update(
            DeliveryItem(*_delivery_key(delivery)),
            [
                model.tries.set(delivery.tries + 1),
                model.due_at.set(next_due),
                model.tried_at.set(now),
            ],
            (model.status == DeliveryState.WAITING.value) & (model.tries == delivery.tries),
        )

    def record(
        self,
        delivery: Delivery,
        outcome: DeliveryResult,
        state: DeliveryState,
        due_at: datetime | None,
    ) -> None:
        """Write how a claimed try went; `delivery` as it was before the claim."""
        model = DeliveryItem
        actions: list[Action] = [
            model.status.set(state.value),
            model.milliseconds.set(outcome.milliseconds),
            model.answered.set(outcome.status) if outcome.status else model.answered.remove(),
            model.error.set(outcome.error) if outcome.error else model.error.remove(),
        ]
        if due_at:
            actions.append(model.due_at.set(due_at))
        else:
            actions += [model.due_at.remove(), model.waiting_in.remove()]
        condition = (model.status == DeliveryState.WAITING.value) & (
            model.tries == delivery.tries + 1
        )
        self._database.update(DeliveryItem(*_delivery_key(delivery)), actions, condition)

    def drop(self, delivery: Delivery, error: str) -> None:
        """End a delivery without another try."""
        model = DeliveryItem
        self._database.update(
            DeliveryItem(*_delivery_key(delivery)),
            [
                model.status.set(DeliveryState.FAILED.value),
                model.error.set(error),
                model.due_at.remove(),
                model.waiting_in.remove(),
            ],
            model.status == DeliveryState.WAITING.value,
        )

    # Runs

    def announce(
        self, program_id: str, webhook_id: str, look_at: datetime, *, at_once: bool = False
    ) -> None:
        """Record that something is to be sent; the clock checks at `look_at` whether it was.

        `at_once`: also to a receiver that is being left alone for a while.
        """
        model = RunItem
        actions: list[Action] = [
            model.wakes.add(1),
            model.announced_until.set(look_at),
            model.due_in.set(_DUE_KEY),
            model.due_key.set(due_key(program_id, look_at, webhook_id)),
        ]
        if at_once:
            actions.append(model.held_until.remove())
        self._database.update(RunItem(program_id, f"{RUN}{webhook_id}"), actions)

    def lease(
        self, program_id: str, webhook_id: str, now: datetime, lasts: timedelta
    ) -> Lease | None:
        """Become the one who sends; None if another does, or the receiver is left alone a while."""
        model, token = RunItem, secrets.token_hex(8)
        item = RunItem(program_id, f"{RUN}{webhook_id}")
        free = model.lease_until.does_not_exist() | (model.lease_until <= now)
        rested = model.held_until.does_not_exist() | (model.held_until <= now)
        actions = [model.lease.set(token), model.lease_until.set(now + lasts)]
        if not self._database.update(item, actions, model.wakes.exists() & free & rested):
            return None
        return _lease(item, token)

    def renewed(self, lease: Lease) -> Lease | None:
        """Return the lease with what was announced meanwhile; None if it is another's now."""
        try:
            item = self._database.get(
                RunItem, lease.program_id, f"{RUN}{lease.webhook_id}", consistent_read=True
            )
        except DoesNotExist:
            return None
        return _lease(item, lease.token) if item.lease == lease.token else None

    def release_lease(
        self,
        lease: Lease,
        look_at: datetime | None,
        *,
        held_until: datetime | None = None,
        failures: int = 0,
    ) -> bool:
        """Let another send; False if something was announced since the lease was read.

        The clock looks again at `look_at`; without it the webhook leaves the clock's index.
        """
        model = RunItem
        actions: list[Action] = [
            model.lease.remove(),
            model.lease_until.remove(),
            model.held_until.set(held_until) if held_until else model.held_until.remove(),
            model.failures.set(failures) if failures else model.failures.remove(),
        ]
        if look_at:
            key = due_key(lease.program_id, look_at, lease.webhook_id)
            actions += [model.due_in.set(_DUE_KEY), model.due_key.set(key)]
        else:
            actions += [model.due_in.remove(), model.due_key.remove()]
        item = RunItem(lease.program_id, f"{RUN}{lease.webhook_id}")
        condition = (model.lease == lease.token) & (model.wakes == lease.wakes)
        return self._database.update(item, actions, condition)

    def forget_run(self, program_id: str, webhook_id: str) -> None:
        """Remove what is left of a removed webhook."""
        self._database.delete(RunItem(program_id, f"{RUN}{webhook_id}"))

    def due_runs(
        self, after: str, until: str, count: int
    ) -> list[tuple[str, tuple[str, str, str]]]:
        """Read up to so many webhooks that the clock is to look at, between two range keys.

        Each is (range key, (range key, program, webhook)).
        """
        found = self._database.query(
            RunItem,
            _DUE_KEY,
            DueIndex.due_key.between(after, until),
            index=RunItem.due,
            limit=count,
        )
        return [
            (
                str(each.due_key),
                (str(each.due_key), str(each.key), str(each.item).removeprefix(RUN)),
            )
            for each in found
        ]

    def postpone_due_run(
        self, key: str, program_id: str, webhook_id: str, look_at: datetime
    ) -> None:
        """Let the clock look later, if nobody has said when it is to look since."""
        model = RunItem
        self._database.update(
            RunItem(program_id, f"{RUN}{webhook_id}"),
            [model.due_key.set(due_key(program_id, look_at, webhook_id))],
            model.due_key == key,
        )


def _lease(item: RunItem, token: str) -> Lease:
    return Lease(
        item.key,
        item.item.removeprefix(RUN),
        token,
        int(item.wakes),
        int(item.failures or 0),
        item.announced_until,
    )


def _act(
    kind: Kind,
    webhook: Webhook,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> Act:
    """Return an act on a webhook; its whole address and its secrets are in no entry."""
    return act(kind, webhook.program_id, webhook.webhook_id, before, after, title=webhook.name)


def _ids_item(program_id: str) -> WebhookIdsItem:
    return WebhookIdsItem(program_id, "webhooks")


def _waiting(program_id: str, webhook_id: str) -> str:
    return f"{program_id}/{webhook_id}"


def _delivery_range(occurred_at: datetime, event_id: str) -> str:
    return f"{DELIVERY}{occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}#{event_id}"


def _delivery_key(delivery: Delivery) -> tuple[str, str]:
    return (
        _waiting(delivery.program_id, delivery.webhook_id),
        _delivery_range(delivery.occurred_at, delivery.event_id),
    )


def _delivery_item(delivery: Delivery) -> DeliveryItem:
    return DeliveryItem(
        *_delivery_key(delivery),
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        occurred_at=delivery.occurred_at,
        body=delivery.body,
        status=delivery.state.value,
        tries=0,
        waiting_in=_waiting(delivery.program_id, delivery.webhook_id),
        due_at=delivery.due_at,
        expires_at=int((delivery.occurred_at + DELIVERY_RETENTION).timestamp()),
    )


def _item(webhook: Webhook) -> WebhookItem:
    return WebhookItem(
        webhook.program_id,
        f"{WEBHOOK}{webhook.webhook_id}",
        webhook_id=webhook.webhook_id,
        version=webhook.version,
        name=webhook.name,
        format=webhook.format.value,
        language=webhook.language.value,
        types=set(webhook.types) or None,
        state=webhook.state.value,
        shown_url=webhook.shown_url,
        sealed=webhook.sealed,
        created_at=webhook.created_at,
        created_by=webhook.created_by,
        failing_since=webhook.failing_since,
        disabled_at=webhook.disabled_at,
        slow=webhook.slow,
    )


def _webhook(item: WebhookItem) -> Webhook:
    return Webhook(
        program_id=item.key,
        webhook_id=item.webhook_id,
        version=int(item.version),
        name=item.name,
        format=Format(item.format),
        language=Language(item.language),
        types=frozenset(item.types or ()),
        state=WebhookState(item.state),
        shown_url=item.shown_url,
        sealed=item.sealed,
        created_at=item.created_at,
        created_by=item.created_by,
        failing_since=item.failing_since,
        disabled_at=item.disabled_at,
        slow=bool(item.slow),
        tested_at=tuple(item.tested_at or ()),
    )


def _delivery(item: DeliveryItem) -> Delivery:
    program_id, _, webhook_id = item.key.partition("/")
    return Delivery(
        program_id=program_id,
        webhook_id=webhook_id,
        event_id=item.event_id,
        event_type=item.event_type,
        occurred_at=item.occurred_at,
        body=item.body,
        state=DeliveryState(item.status),
        tries=int(item.tries),
        due_at=item.due_at,
        tried_at=item.tried_at,
        status=int(item.answered) if item.answered is not None else None,
        error=item.error,
        milliseconds=int(item.milliseconds) if item.milliseconds is not None else None,
    )
