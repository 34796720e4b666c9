"""Batches: each record on its own, and only the failed ones come again."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from chalicelib.foundation.batches import (
    consume_events,
    handle_each,
    one_by_one,
    relay_changes,
)
from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from tests.clock import NOON
from tests.events import queued, streamed


def messages(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"message-{body}", "body": body, "eventSource": "aws:sqs"}
            for body in bodies
        ]
    }


class Handled:
    """Notes what it is given; what it was told to break on, breaks."""

    def __init__(self, *broken: str) -> None:
        self.seen: list[Any] = []
        self._broken = broken

    def message(self, body: str) -> None:
        self.seen.append(body)
        if body in self._broken:
            raise ValueError(body)


@pytest.mark.parametrize("broken", [(), ("b",), ("a", "c"), ("a", "b", "c")])
def test_of_a_queues_batch_just_the_failed_messages_are_named(broken: tuple[str, ...]) -> None:
    handled = Handled(*broken)
    answer = handle_each(handled.message, messages("a", "b", "c"))
    assert handled.seen == ["a", "b", "c"]
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": f"message-{body}"} for body in broken]
    }


@dataclass(frozen=True)
class Seen(Payload):
    TYPE: ClassVar[str] = "tests.Seen"
    name: str


def seen_of(change: Change) -> Sequence[Event[Seen]]:
    if change.after.get("name") == "nonsense":
        raise KeyError("state")
    return [change.event("prg_1", Seen(each)) for each in change.after.get("names", ())]


def image(*names: str) -> dict[str, Any]:
    return {"names": {"L": [{"S": each} for each in names]}}


@pytest.mark.parametrize(
    "broken", [(), ("upl_1",), ("upl_0", "upl_2"), ("upl_0", "upl_1", "upl_2")]
)
def test_of_a_streams_batch_just_the_changes_not_handed_on_are_named(broken: list[str]) -> None:
    handed: list[str] = []

    def hand_on(events: Sequence[Event[Any]]) -> set[str]:
        handed.extend(each.payload.name for each in events)
        return {each.event_id for each in events if each.payload.name in broken}

    batch = streamed([image(f"upl_{number}") for number in range(3)])
    answer = relay_changes(seen_of, hand_on, batch)
    assert handed == ["upl_0", "upl_1", "upl_2"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": each[-1]} for each in broken]}


def test_a_change_that_cannot_be_read_keeps_no_other_back() -> None:
    handed: list[str] = []
    deliver = one_by_one(lambda event: handed.append(event.payload.name))
    batch = streamed([image("a"), {"name": {"S": "nonsense"}}, image("b")])
    answer = relay_changes(seen_of, deliver, batch)
    assert handed == ["a", "b"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_of_events_handled_one_by_one_each_has_its_turn_and_the_failed_ones_are_named() -> None:
    handled = Handled("a", "c")
    batch = streamed([image("a"), image("b"), image("c", "d")])
    answer = relay_changes(
        seen_of, one_by_one(lambda each: handled.message(each.payload.name)), batch
    )
    assert handled.seen == ["a", "b", "c", "d"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}, {"itemIdentifier": "2"}]}


def test_a_change_has_plain_values_and_none_of_its_images_is_missing() -> None:
    noted: list[Change] = []

    def note(change: Change) -> Sequence[Event[Any]]:
        noted.append(change)
        return ()

    image = {"upload_id": {"S": "upl_1"}, "count": {"N": "3"}, "waiting": {"SS": ["a", "b"]}}
    batch = streamed([image, image, {}], [{}, {"name": {"S": "old"}}, image])
    relay_changes(note, lambda _: (), batch)
    plain = {"upload_id": "upl_1", "count": 3, "waiting": {"a", "b"}}
    assert [(each.before, each.after) for each in noted] == [
        ({}, plain),
        ({"name": "old"}, plain),
        (plain, {}),
    ]


def test_an_event_of_another_type_or_version_fails_and_the_others_are_handled() -> None:
    @dataclass(frozen=True)
    class SeenAnew(Payload):
        TYPE: ClassVar[str] = Seen.TYPE
        VERSION: ClassVar[int] = 2
        name: str

    handled = Handled("broken")
    change = Change("1", NOON, {}, {})
    batch = queued(
        *(change.event("prg_1", each) for each in (Seen("a"), SeenAnew("b"), Seen("broken")))
    )
    batch["Records"].append({"messageId": "3", "eventSource": "aws:sqs", "body": "no JSON"})
    answer = consume_events([Seen], lambda each: handled.message(each.payload.name), batch)
    assert handled.seen == ["a", "broken"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": each} for each in "123"]}
