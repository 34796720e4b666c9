"""Events are to be delivered, a webhook is due, or the webhooks table changed."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import handle_each, relay_changes
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late
from chalicelib.webhooks.events import events_of
from chalicelib.webhooks.queue import DeliveryTrigger

if TYPE_CHECKING:
    from chalicelib.foundation.events import EventBus
    from chalicelib.webhooks.service import Deliverer, DueWebhooks, FanOut

TIME_RESERVE = timedelta(seconds=10)
"""Time kept for a call of AWS that is under way."""

_EVENT_FIELDS = ("id", "type", "program_id", "occurred_at", "data")


class NoPublicEvent(Exception):
    """A message of the bus's rule holds something else; it waits where failures wait."""


def fan_out(service: "FanOut", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make deliveries of a batch of public events."""
    logger.clear_state()
    events, messages, failed = [], [], []
    for record in event["Records"]:
        try:
            events.append(_public_event(record["body"]))
            messages.append(record["messageId"])
        except (NoPublicEvent, ValueError):
            logger.exception("event not read", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
    try:
        made = service.deliver(events)
        logger.info("fanned out", extra={"events": len(events), "deliveries": made})
    except Exception:  # noqa: BLE001  logged; the batch comes again, and finds what was kept
        logger.exception("batch not fanned out")
        failed += messages
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _public_event(body: str) -> Mapping[str, Any]:
    received = json.loads(body)
    detail = received.get("detail") if isinstance(received, dict) else None
    if not isinstance(detail, dict) or any(each not in detail for each in _EVENT_FIELDS):
        raise NoPublicEvent(body[:200])
    return detail


def deliver(service: "Deliverer", event: Mapping[str, Any], *, slow: bool) -> Mapping[str, Any]:
    """Send what is due to each webhook in a batch of messages."""

    def one(body: str) -> None:
        trigger = DeliveryTrigger.from_message(body)
        logger.append_keys(program_id=trigger.program_id, webhook_id=trigger.webhook_id)
        delivered = service.deliver(trigger, slow=slow)
        logger.info("webhook had its turn", extra={"delivered": delivered})

    return handle_each(one, event)


def queue_due_deliveries(service: "DueWebhooks", context: Any) -> int:
    """Queue webhooks whose next try is due."""
    queued = service.queue_due(late(context, TIME_RESERVE))
    logger.info("woke webhooks", extra={"webhooks": queued})
    return queued


def relay(bus: "EventBus", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Publish which webhooks were disabled, and which are mended."""
    return relay_changes(events_of, bus.publish, event)
