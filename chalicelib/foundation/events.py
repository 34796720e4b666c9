"""Events: what happened, as one package announces it to the others.

A package derives its events from the changes of its own table's stream, in its `events.py` and
nowhere else. An event may arrive twice, late and in any order; its id is the same each time.

```
Change  --events_of-->  Event[Payload]  --to_detail-->  JSON  --read_event-->  Event[Payload]
```

Systems outside may rely on `PublicEvent`s, made of events and put on the bus beside them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from chalicelib.foundation import actors
from chalicelib.foundation.logging import count_steps
from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

MAX_ENTRIES = 10  # EventBridge takes no more in one call
PUBLISH_ATTEMPTS = 3
PUBLIC_SOURCE = "greenroom"
"""The source of public events; a package's own have another, such as `greenroom.points`."""


class UnreadableEvent(Exception):
    """The text is no event, or of a type or version that its reader does not know."""


@dataclass(frozen=True)
class Payload:
    """The payload of an event; each subclass is a frozen dataclass that names what happened.

    Fields are strings, numbers, booleans, None, and tuples of strings: nothing else crosses the
    bus. An added field needs a default; any other change of a payload is a new version.
    """

    TYPE: ClassVar[str]
    """`package.WhatHappened`, the event's type on the bus."""

    VERSION: ClassVar[int] = 1

    STEP: ClassVar[bool] = False
    """True for a step of the main job, which the owner's metrics count."""


@dataclass(frozen=True)
class Event[What: Payload]:
    """A payload in its envelope: which program, when, who did it, and under which request.

    `at` is exact to the second. `correlation_id` is None where no request led to it.
    """

    event_id: str
    program_id: str
    at: datetime
    actor: str
    correlation_id: str | None
    payload: What

    def to_detail(self) -> str:
        """Write the event as JSON."""
        return json.dumps(
            {
                "event_id": self.event_id,
                "type": self.payload.TYPE,
                "version": self.payload.VERSION,
                "program_id": self.program_id,
                "at": self.at.isoformat(),
                "actor": self.actor,
                "correlation_id": self.correlation_id,
                "payload": asdict(self.payload),
            }
        )


@dataclass(frozen=True)
class PublicData:
    """The data of a public event; subclasses are frozen dataclasses of plain values."""

    TYPE: ClassVar[str]
    """`thing.happened`, the event's type on the bus and in webhooks."""

    VERSION: ClassVar[int] = 1


@dataclass(frozen=True)
class PublicEvent:
    """An event as systems outside see it; `docs/events.md` is the contract."""

    event_id: str
    program_id: str
    occurred_at: datetime
    actor: str
    data: PublicData

    def to_detail(self) -> str:
        """Write the event as JSON: the same text each time."""
        return json.dumps(
            {
                "id": self.event_id,
                "type": self.data.TYPE,
                "version": self.data.VERSION,
                "program_id": self.program_id,
                "occurred_at": f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "actor": actors.public(self.actor),
                "data": asdict(self.data),
            }
        )


def read_event(detail: str | Mapping[str, Any], known: Iterable[type[Payload]]) -> Event[Any]:
    """Read an event of one of the `known` types. Raises `UnreadableEvent`.

    Fields that a newer writer added are left out, so that readers can be deployed after writers.
    """
    try:
        written: Mapping[str, Any] = json.loads(detail) if isinstance(detail, str) else detail
        kinds = {(each.TYPE, each.VERSION): each for each in known}
        kind = kinds.get((written["type"], written["version"]))
        if kind is None:
            raise UnreadableEvent(f"{written['type']} of version {written['version']}")
        given = written["payload"]
        payload = kind(
            **{
                each.name: tuple(given[each.name])
                if isinstance(given[each.name], list)
                else given[each.name]
                for each in fields(kind)
                if each.name in given
            }
        )
        return Event(
            event_id=written["event_id"],
            program_id=written["program_id"],
            at=datetime.fromisoformat(written["at"]),
            actor=written["actor"],
            correlation_id=written["correlation_id"],
            payload=payload,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableEvent(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Change:
    """One change of an item, from a table's stream; images are plain values.

    `before` is empty for a new item, `after` for a deleted one.
    """

    change_id: str
    at: datetime
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def event[What: Payload](self, program_id: str, payload: What) -> Event[What]:
        """Put what this change means into its envelope.

        The stream gives every delivery of a change the same id, so the event has the same id, too.
        """
        told = f"{self.change_id}/{payload.TYPE}/{payload.VERSION}"
        return Event(
            event_id=f"evt_{hashlib.sha256(told.encode()).hexdigest()[:32]}",
            program_id=program_id,
            at=self.at,
            actor=str(self.after.get("changed_by") or actors.UNKNOWN),
            # Uploads and performances begin with a request, and keep that request's id.
            correlation_id=self.after.get("correlation_id")
            or self.after.get("change_correlation_id"),
            payload=payload,
        )

    def changed_attributes(self, *names: str) -> tuple[str, ...]:
        """Return those of these attributes whose values are not the same before and after."""
        return tuple(each for each in names if self.before.get(each) != self.after.get(each))


EventsOf = Callable[[Change], Sequence[Event[Any]]]
"""Derives a package's events from a change of its table."""


MakePublic = Callable[[Event[Any]], PublicEvent | None]
"""Returns what an event is for systems outside, or None if it is not for them."""


class EventBus:
    """The stack's EventBridge bus: packages' events, and beside each its public one, if any."""

    def __init__(
        self, client: "EventBridgeClient", name: str, public: MakePublic = lambda _: None
    ) -> None:
        self._client = client
        self._name = name
        self._public = public

    def publish(self, events: Sequence[Event[Any]]) -> set[str]:
        """Publish events; returns the ids of those that the bus did not take whole.

        Ten entries go in a call. Those that the bus refuses are sent again at once,
        `PUBLISH_ATTEMPTS` times in all. Raises botocore's error if a call fails: then any of the
        events may be missing.
        """
        left: list[tuple[str, PutEventsRequestEntryTypeDef]] = []
        for event in events:
            left.append((event.event_id, self._entry(event)))
            if public := self._public(event):
                left.append((event.event_id, self._public_entry(public)))
        for _ in range(PUBLISH_ATTEMPTS):
            refused: list[tuple[str, PutEventsRequestEntryTypeDef]] = []
            for start in range(0, len(left), MAX_ENTRIES):
                chunk = left[start : start + MAX_ENTRIES]
                answer = self._client.put_events(Entries=[entry for _, entry in chunk])
                if answer["FailedEntryCount"]:
                    refused += [
                        sent
                        for sent, entry in zip(chunk, answer["Entries"], strict=True)
                        if entry.get("ErrorCode")
                    ]
            left = refused
            if not left:
                break
        refused_ids = {event_id for event_id, _ in left}
        steps = Counter(
            type(event.payload).__name__
            for event in events
            if event.payload.STEP and event.event_id not in refused_ids
        )
        count_steps(steps)
        return refused_ids

    def _entry(self, event: Event[Any]) -> "PutEventsRequestEntryTypeDef":
        package = cast("str", event.payload.TYPE).partition(".")[0]
        return {
            "EventBusName": self._name,
            "Source": f"greenroom.{package}",
            "DetailType": event.payload.TYPE,
            "Detail": event.to_detail(),
            "Time": event.at,
        }

    def _public_entry(self, event: PublicEvent) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._name,
            "Source": PUBLIC_SOURCE,
            "DetailType": event.data.TYPE,
            "Detail": event.to_detail(),
            "Time": event.occurred_at,
        }
