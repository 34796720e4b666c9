"""What goes between a table's stream and the consumers of its events, without the cloud."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.foundation.batches import relay_changes
from chalicelib.foundation.events import Event, EventsOf


def streamed(
    images: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Make a batch of a table's stream out of new images, and old ones if there were any."""
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": "MODIFY" if before and before[number] else "INSERT",
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


def queued(*events: Event[Any]) -> dict[str, Any]:
    """Make a batch of a consumer's queue, as a rule of the bus fills it."""
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

    def relays(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Relay records of the table's stream."""
        answer = relay_changes(self._events_of, self.publish, {"Records": list(records)})
        assert answer == {"batchItemFailures": []}

    def delivered(self, *kinds: type) -> dict[str, Any]:
        """Make the batch that a consumer of these kinds of events gets; of all without kinds."""
        wanted = [each for each in self.events if not kinds or isinstance(each.payload, kinds)]
        return queued(*wanted)
