"""Batches from queues and streams: each record on its own, only the failed ones come again."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.events import (
    Change,
    Event,
    EventsOf,
    Payload,
    UnreadableEvent,
    read_event,
)
from chalicelib.foundation.logging import logger

Deliver = Callable[[Sequence[Event[Any]]], Collection[str]]
"""Hands events on; returns the ids of those it could not. An exception fails the whole batch."""


def handle_each(handle: Callable[[str], None], event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Pass each SQS message's body to `handle`; answer which failed, for redelivery."""
    failed: list[str] = []
    for record in event["Records"]:
        logger.clear_state()
        try:
            handle(record["body"])
        except Exception:  # noqa: BLE001  logged, and reported as failed: the queue brings it again
            logger.exception("message failed", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def consume_events(
    known: Sequence[type[Payload]],
    handle: Callable[[Event[Any]], None],
    event: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Pass each event that a rule of the bus put into a queue to `handle`.

    An event that cannot be read fails like any other, and waits in the dead-letter queue for
    somebody who can.
    """

    def one(body: str) -> None:
        received = read_event(json.loads(body)["detail"], known)
        if received.correlation_id:
            logger.set_correlation_id(received.correlation_id)
        logger.append_keys(event_id=received.event_id, event_type=received.payload.TYPE)
        handle(received)

    return handle_each(one, event)


def consume_event_batch(
    known: Sequence[type[Payload]], deliver: Deliver, event: Mapping[str, Any]
) -> dict[str, Any]:
    """Pass all events that a rule of the bus put into a queue to `deliver`, a batch at a time.

    For what is cheaper for many at once. Answers which messages failed: those that cannot be read,
    and those whose event was not delivered.
    """
    logger.clear_state()
    failed: list[str] = []
    events: dict[str, Event[Any]] = {}
    messages: dict[str, list[str]] = {}
    for record in event["Records"]:
        try:
            received = read_event(json.loads(record["body"])["detail"], known)
        except (ValueError, KeyError, TypeError, UnreadableEvent):
            logger.exception("event not read", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
            continue
        events[received.event_id] = received
        messages.setdefault(received.event_id, []).append(record["messageId"])
    left = deliver(list(events.values())) if events else ()
    failed += [message for each in left for message in messages[each]]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def relay_changes(
    events_of: EventsOf, deliver: Deliver, batch: Mapping[str, Any]
) -> dict[str, Any]:
    """Turn a batch of a table's stream into events and hand them on.

    Answers which records failed: those whose change cannot be read, and those of which an event
    was not handed on. The stream brings them again, and whatever follows them.
    """
    logger.clear_state()
    failed: set[str] = set()
    events: list[Event[Any]] = []
    record_of: dict[str, str] = {}
    records = _changes_with_ids(batch)
    for change, sequence_number in records:
        try:
            found = events_of(change)
        except Exception:  # noqa: BLE001  logged; the record comes again, and is put aside in the end
            logger.exception("change not understood", extra={"change_id": change.change_id})
            failed.add(sequence_number)
            continue
        events += found
        record_of |= {each.event_id: sequence_number for each in found}
    left = deliver(events) if events else ()
    failed |= {record_of[each] for each in left}
    logger.info("relayed", extra={"events": len(events), "failed": len(failed)})
    return {
        "batchItemFailures": [{"itemIdentifier": each} for _, each in records if each in failed]
    }


def one_by_one(handle: Callable[[Event[Any]], None]) -> Deliver:
    """Make of what handles one event what hands on many; one that fails keeps no other back."""

    def deliver(events: Sequence[Event[Any]]) -> list[str]:
        failed: list[str] = []
        for each in events:
            logger.clear_state()
            if each.correlation_id:
                logger.set_correlation_id(each.correlation_id)
            try:
                handle(each)
            except Exception:  # noqa: BLE001  logged, and reported as failed: the stream brings it again
                logger.exception("event not handled", extra={"event_id": each.event_id})
                failed.append(each.event_id)
        return failed

    return deliver


def _changes_with_ids(batch: Mapping[str, Any]) -> list[tuple[Change, str]]:
    found = []
    for record in batch["Records"]:
        streamed = record["dynamodb"]
        change = Change(
            change_id=record["eventID"],
            at=datetime.fromtimestamp(streamed.get("ApproximateCreationDateTime", 0), UTC),
            before=_plain_item(streamed.get("OldImage", {})),
            after=_plain_item(streamed.get("NewImage", {})),
        )
        found.append((change, streamed["SequenceNumber"]))
    return found


def _plain_item(image: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in image.items()}


def _plain_value(typed: Mapping[str, Any]) -> Any:
    """Return a value of an image as Python has it; bytes stay base64, for nobody reads them."""
    [(kind, value)] = typed.items()
    match kind:
        case "N":
            return Decimal(value)
        case "NULL":
            return None
        case "SS":
            return set(value)
        case "NS":
            return {Decimal(each) for each in value}
        case "L":
            return [_plain_value(each) for each in value]
        case "M":
            return _plain_item(value)
    return value
