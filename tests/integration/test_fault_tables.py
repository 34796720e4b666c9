"""The tables that staging is tried on under faults answer what moto's answer, call for call."""

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.faults import kills
from tests.faults.flows import FLOWS
from tests.faults.world import World, theatre
from tests.integration.conftest import _tables


class Ear:
    """Hears every call of the tables and its answer, in every world it is put into."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, Any], Any]] = []

    def listen(self, world: World) -> None:
        answer = world.cloud.tables.call

        def call(operation: str, asked: Mapping[str, Any]) -> Any:
            kept = {**asked}
            try:
                given = answer(operation, asked)
            except ClientError as error:
                self.heard.append((operation, kept, comparable(error.response)))
                raise
            self.heard.append((operation, kept, comparable(given)))
            return given

        vars(world.cloud.tables)["call"] = call


def test_the_tables_in_memory_answer_what_motos_answer() -> None:
    with theatre() as stage:
        ears = [Ear() for _ in FLOWS]
        for flow, ear in zip(FLOWS, ears, strict=True):
            kills.play(stage, flow, ear.listen)
    for ear in ears:
        with mock_aws():
            replay(ear)
    assert sum(len(ear.heard) for ear in ears) > 500


def replay(ear: Ear) -> None:
    """Ask moto, whose tables are empty, all that was asked."""
    dynamodb: Any = boto3.client("dynamodb")
    for name, shape in _tables().items():
        dynamodb.create_table(TableName=name, **shape)
    for operation, asked, expected in ear.heard:
        try:
            given = dynamodb._make_api_call(operation, asked)
        except ClientError as error:
            given = error.response
        assert comparable(given) == expected, (operation, asked)


def comparable(answer: Mapping[str, Any]) -> Any:
    """What of an answer the product reads."""
    if "Error" in answer:
        reasons = answer.get("CancellationReasons", ())
        return answer["Error"]["Code"], [reason["Code"] for reason in reasons]
    items = [answer.get("Item"), answer.get("Attributes"), *answer.get("Items", ())]
    return [
        {name: sorted_sets(value) for name, value in item.items()} if item else None
        for item in items
    ], bool(answer.get("LastEvaluatedKey"))


def sorted_sets(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return (kind, sorted(content)) if kind in ("SS", "NS") else (kind, content)
