"""The tables in memory answer what moto's answer, call for call.

Staging is tried on them under faults, and programs are played on them.
"""

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from moto import mock_aws

from tests.faults.expressions import Item, Names, holds
from tests.faults.flows import FLOWS, RENEWAL
from tests.faults.simulation import Simulation, simulation_parts
from tests.faults.tables import Tables
from tests.integration.conftest import _tables
from tests.integration.test_program_machine import Play, played

READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query"})

type Heard = tuple[str, Mapping[str, Any], Any]
type Content = Mapping[str, Sequence[Item]]


def test_the_tables_in_memory_answer_what_motos_answer() -> None:
    with simulation_parts() as parts:
        simulation = Simulation(parts)
        before, told = content(simulation.cloud.tables), list(claims(simulation))
        simulation.close()
    known: set[Hashable] = set()
    telling = [each for each in told if each.tells_more_than(known)]
    assert sum(len(each.heard) for each in told) > 500
    assert len(telling) > 5
    silent = {name for each in told if each not in telling for name in each.about}
    after = {
        name: [
            item
            for item in items
            if not is_shared(item) and not any(each in str(item) for each in silent)
        ]
        for name, items in content(simulation.cloud.tables).items()
    }
    heard = list(once_each([call for each in telling for call in each.heard]))
    assert {operation for operation, _, _ in heard} >= {"GetItem", "Query", "TransactWriteItems"}
    with mock_aws():
        replay(before, heard, after, left_out=is_shared)


def test_the_tables_answer_a_random_program_as_moto_does() -> None:
    heard: list[Heard] = []
    compared: set[str] = set()

    class Overheard(Play):
        def __init__(self) -> None:
            super().__init__()
            heard.clear()
            self.before = content(self.greenroom.cloud.tables)
            listen(self.greenroom.cloud.tables, heard)

        def teardown(self) -> None:
            super().teardown()
            if sys.exception() is None:
                with mock_aws():
                    after = content(self.greenroom.cloud.tables)
                    replay(self.before, list(once_each(heard)), after)
                compared.update(operation for operation, _, _ in heard)

    settings = hypothesis_settings(played(plays=2, steps=25), phases=[Phase.generate])
    run_state_machine_as_test(Overheard, settings=settings)
    assert compared >= READS | {"TransactWriteItems", "UpdateItem", "BatchWriteItem", "DeleteItem"}


def test_a_set_is_the_same_in_whatever_order_it_is_written() -> None:
    item = {"channels": {"SS": ["b", "a"]}}
    for asked, same in (
        (["a", "b"], True),
        (["b", "a"], True),
        (["a"], False),
        (["a", "c"], False),
    ):
        names = Names({}, {":asked": {"SS": asked}})
        assert holds("channels = :asked", item, names) is same
        assert holds("channels IN (:asked)", item, names) is same
        assert holds("channels <> :asked", item, names) is not same


@dataclass
class WebhookClaim:
    """What a flow asked the tables, and about which members and activities."""

    heard: Sequence[Heard]
    about: Sequence[str]

    def tells_more_than(self, known: set[Hashable]) -> bool:
        """Whether anything was asked or answered in a way that is not `known`; now it is."""
        before = len(known)
        known.update(_shape_of(each) for each in self.heard)
        return len(known) > before


def claims(simulation: Simulation) -> Iterator[WebhookClaim]:
    """Play each flow in one simulation after the other, each with people of its own.

    Half a year goes by in one of them: first, while nobody else's account could lapse.
    """
    heard: list[Heard] = []
    listen(simulation.cloud.tables, heard)
    for flow in (RENEWAL, *(each for each in FLOWS if each is not RENEWAL)):
        calls, people, activities = (
            len(heard),
            len(simulation.people),
            len(simulation.cloud.objects),
        )
        simulation.behaviour = flow.behaviour
        simulation.tiktok.faults(*flow.faults)
        flow.run(simulation)
        assert simulation.run_until_idle()
        members = [each.caller.member_id for each in simulation.people.values()]
        shown = [key.split("/")[2] for key in simulation.cloud.objects]
        yield WebhookClaim(heard[calls:], [*members[people:], *shown[activities:]])


def content(tables: Tables) -> Content:
    """Return all that is in the tables."""
    return {name: tables.items(name) for name in _tables()}


def listen(tables: Tables, heard: list[Heard]) -> None:
    """Hear every call of the tables, and its answer."""
    answer = tables.call

    def call(operation: str, asked: Mapping[str, Any]) -> Any:
        kept = {**asked}
        try:
            given = answer(operation, asked)
        except ClientError as error:
            heard.append((operation, kept, comparable(error.response)))
            raise
        heard.append((operation, kept, comparable(given)))
        return given

    vars(tables)["call"] = call


def once_each(heard: Sequence[Heard]) -> Iterator[Heard]:
    """Leave out what changes nothing and was asked and answered in the same way before."""
    known: set[Hashable] = set()
    for each in heard:
        operation, _, answer = each
        refused = isinstance(answer[0], str)
        shape = _shape_of(each)
        if (operation in READS or refused) and shape in known:
            continue
        known.add(shape)
        yield each


def _shape_of(heard: Heard) -> Hashable:
    operation, asked, answer = heard
    return operation, *sorted(_shape(asked)), str(_outline(answer))


def _shape(asked: Mapping[str, Any]) -> Iterator[str]:
    for name, value in asked.items():
        if name == "TransactItems":
            for part in value:
                ((kind, details),) = part.items()
                yield f"{kind}: {sorted(_shape(details))}"
        elif "Expression" in name or name in ("TableName", "IndexName", "Limit"):
            yield f"{name}: {list(value) if 'AttributeValues' in name else value}"


def _outline(answer: Any) -> Any:
    """Return an error's kind, or how many items of which attributes were answered."""
    first, second = answer
    return (
        (first, second)
        if isinstance(first, str)
        else ([each and sorted(each) for each in first], second)
    )


def is_shared(item: Item) -> bool:
    """Return whether an item counts against a quota: also what flows that are left out made."""
    return "made" in item


def replay(
    before: Content,
    heard: Sequence[Heard],
    after: Content,
    left_out: Callable[[Item], bool] = lambda _: False,
) -> None:
    """Ask moto, whose tables hold what there was `before`, all that was asked."""
    dynamodb: Any = boto3.client("dynamodb")
    for name, shape in _tables().items():
        dynamodb.create_table(TableName=name, **shape)
        for item in before[name]:
            dynamodb.put_item(TableName=name, Item=item)
    for operation, asked, expected in heard:
        try:
            given = dynamodb._make_api_call(operation, asked)  # noqa: SLF001  any operation by its name
        except ClientError as error:
            given = error.response
        assert comparable(given) == expected, (operation, asked)
    for name, items in after.items():
        there = [each for each in dynamodb.scan(TableName=name)["Items"] if not left_out(each)]
        assert in_order(there) == in_order(items), name


def comparable(answer: Mapping[str, Any]) -> Any:
    """What of an answer the product reads."""
    if "Error" in answer:
        reasons = answer.get("CancellationReasons", ())
        return answer["Error"]["Code"], [reason["Code"] for reason in reasons]
    items = [answer.get("Item"), answer.get("Attributes"), *answer.get("Items", ())]
    match answer.get("Responses", ()):
        case dict() as by_table:  # of a batch, in any order
            several = [item for name in sorted(by_table) for item in by_table[name]]
            items += sorted(several, key=lambda item: str(sorted(item.items())))
        case responses:  # of a transaction, in the order asked for
            items += [each.get("Item") for each in responses]
    return [plainly(item) if item else None for item in items], bool(answer.get("LastEvaluatedKey"))


def in_order(items: Sequence[Item]) -> list[str]:
    return sorted(str(sorted(plainly(item).items())) for item in items)


def plainly(item: Item) -> dict[str, Any]:
    return {name: sorted_sets(value) for name, value in item.items()}


def sorted_sets(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return (kind, sorted(content)) if kind in ("SS", "NS") else (kind, content)
