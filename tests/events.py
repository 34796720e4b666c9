"""Builds stream records and queue batches, and relays events between them, without the cloud."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from chalicelib.foundation.batches import relay_changes
from chalicelib.foundation.events import Event, EventsOf
from local import functions
from local.home import PROJECT
from local.template import declarations


@cache
def stream_filters() -> Mapping[str, Sequence[Any]]:
    """Read the stream filters of each function that reads a stream."""
    declared = functions.declared(declarations(PROJECT / "infra"))
    return {
        each.name: [json.loads(pattern) for pattern in each.source["patterns"]]
        for each in declared
        if each.stream
    }


def passes(relay: str, record: Mapping[str, Any]) -> bool:
    """Return whether a function's filters let a record of its stream through, as Lambda does."""
    return any(_fits(each, record) for each in stream_filters()[relay])


def _fits(pattern: Any, record: Any) -> bool:
    """Match a pattern; implements the rules of Lambda's filters that are used here."""
    if isinstance(pattern, Mapping):
        found = record if isinstance(record, Mapping) else {}
        return all(_fits(each, found.get(name)) for name, each in pattern.items())
    return any(_fits_one(rule, record) for rule in pattern)


def _fits_one(rule: Any, value: Any) -> bool:
    match rule:
        case {"exists": there}:
            return (value is not None) is there
        case {"prefix": beginning}:
            return isinstance(value, str) and value.startswith(beginning)
        case str():
            return bool(value == rule)
    raise AssertionError(rule)


def streamed(
    images: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a batch of stream records with these new images and, if given, old ones."""
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": _name(image, before[number] if before else {}),
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1_780_000_000,
                    "SequenceNumber": str(number),
                    **({"NewImage": image} if image else {}),
                    **({"OldImage": before[number]} if before and before[number] else {}),
                },
            }
            for number, image in enumerate(images)
        ]
    }


def _name(image: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if not image:
        return "REMOVE"
    return "MODIFY" if before else "INSERT"


def queued(*events: Event[Any]) -> dict[str, Any]:
    """Return a batch of queue messages, as a rule of the bus writes them."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "eventSource": "aws:sqs",
                "body": f'{{"detail-type": "{each.payload.TYPE}", "detail": {each.to_detail()}}}',
            }
            for number, each in enumerate(events)
        ]
    }


class Relayed:
    """The events that a package's relay published."""

    def __init__(self, events_of: EventsOf) -> None:
        self._events_of = events_of
        self.events: list[Event[Any]] = []

    def publish(self, events: Sequence[Event[Any]]) -> set[str]:
        self.events += events
        return set()

    def relay(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Relay records of the table's stream."""
        answer = relay_changes(self._events_of, self.publish, {"Records": list(records)})
        assert answer == {"batchItemFailures": []}

    def delivered(self, *kinds: type) -> dict[str, Any]:
        """Return the batch that a consumer of these kinds of events gets; by default all kinds."""
        wanted = [each for each in self.events if not kinds or isinstance(each.payload, kinds)]
        return queued(*wanted)
