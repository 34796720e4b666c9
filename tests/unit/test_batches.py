"""Batches: each record on its own, and only the failed ones come again."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.batches import handle_changes, handle_each, handle_transitions

CONTEXT = SimpleNamespace(function_name="f", aws_request_id="r")


def queued(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"message-{body}", "body": body, "eventSource": "aws:sqs"}
            for body in bodies
        ]
    }


def streamed(*images: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": "MODIFY" if image else "REMOVE",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"upload_id": {"S": "upl_1"}},
                    "SequenceNumber": f"sequence-{number}",
                    **({"NewImage": image} if image else {}),
                },
            }
            for number, image in enumerate(images)
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

    def change(self, image: Mapping[str, Any]) -> None:
        self.seen.append(image)
        if image.get("upload_id") in self._broken:
            raise ValueError


@pytest.mark.parametrize("broken", [(), ("b",), ("a", "c"), ("a", "b", "c")])
def test_of_a_queues_batch_just_the_failed_messages_are_named(broken: tuple[str, ...]) -> None:
    handled = Handled(*broken)
    answer = handle_each(handled.message, queued("a", "b", "c"), CONTEXT)
    assert handled.seen == ["a", "b", "c"]
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": f"message-{body}"} for body in broken]
    }


@pytest.mark.parametrize(
    "broken", [(), ("upl_1",), ("upl_0", "upl_2"), ("upl_0", "upl_1", "upl_2")]
)
def test_of_a_streams_batch_just_the_failed_changes_are_named(broken: tuple[str, ...]) -> None:
    handled = Handled(*broken)
    batch = streamed(*({"upload_id": {"S": f"upl_{number}"}} for number in range(3)))
    answer = handle_changes(handled.change, batch, CONTEXT)
    assert [image["upload_id"] for image in handled.seen] == ["upl_0", "upl_1", "upl_2"]
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": f"sequence-{name[-1]}"} for name in broken]
    }


def test_a_change_is_given_as_plain_values() -> None:
    handled = Handled()
    image = {"upload_id": {"S": "upl_1"}, "count": {"N": "3"}, "waiting": {"SS": ["a", "b"]}}
    handle_changes(handled.change, streamed(image), CONTEXT)
    assert handled.seen == [{"upload_id": "upl_1", "count": 3, "waiting": {"a", "b"}}]


def test_a_removal_is_a_change_without_values() -> None:
    handled = Handled()
    assert handle_changes(handled.change, streamed(None), CONTEXT) == {"batchItemFailures": []}
    assert handled.seen == [{}]


def test_a_transition_has_both_images_and_none_of_them_is_missing() -> None:
    batch = streamed({"name": {"S": "new"}}, {"name": {"S": "first"}}, None)
    batch["Records"][0]["dynamodb"]["OldImage"] = {"name": {"S": "old"}}
    batch["Records"][2]["dynamodb"]["OldImage"] = {"name": {"S": "last"}}
    seen: list[tuple[Any, Any]] = []
    handle_transitions(lambda *both: seen.append(both), batch, CONTEXT)
    assert seen == [
        ({"name": "old"}, {"name": "new"}),
        ({}, {"name": "first"}),
        ({"name": "last"}, {}),
    ]
