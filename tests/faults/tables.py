"""DynamoDB in memory: the template's tables, their keys, indexes and conditions, and no time lost.

It knows the operations this product makes and refuses all others. What it answers is held
against moto's answers by a test of its own.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.faults.expressions import Item, Names, holds, plain, updated

type Call = Mapping[str, Any]
type Answer = dict[str, Any]

_FAILED = "ConditionalCheckFailed"


def error(code: str, message: str, operation: str, **more: Any) -> ClientError:
    """Make an error as botocore raises it."""
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, operation)


@dataclass
class Table:
    """One table: its items by key, the keys of its indexes, and which items share a hash key."""

    keys: tuple[str, ...]
    indexes: Mapping[str, tuple[tuple[str, ...], frozenset[str] | None]]
    items: dict[tuple[Any, ...], Item] = field(default_factory=dict)
    _sharing: dict[str, dict[Any, dict[tuple[Any, ...], None]]] = field(default_factory=dict)

    def key_of(self, item: Item) -> tuple[Any, ...]:
        return tuple(plain(item[name]) for name in self.keys)

    def put(self, key: tuple[Any, ...], item: Item | None) -> None:
        """Replace an item, or drop it."""
        before = self.items.pop(key, None)
        for name in {self.keys[0], *(own[0] for own, _ in self.indexes.values())}:
            shared = self._sharing.setdefault(name, {})
            if before and name in before:
                shared[plain(before[name])].pop(key, None)
            if item and name in item:
                shared.setdefault(plain(item[name]), {})[key] = None
        if item is not None:
            self.items[key] = item

    def having(self, name: str) -> list[Item]:
        shared = self._sharing.get(name, {}).values()
        return [self.items[key] for keys in shared for key in keys]

    def sharing(self, name: str, value: Any) -> Iterator[tuple[tuple[Any, ...], Item]]:
        """Return the items of one hash key, of the table or of an index."""
        return ((key, self.items[key]) for key in self._sharing.get(name, {}).get(value, ()))


def table_of(shape: Mapping[str, Any]) -> Table:
    """Make a table from its `Properties` in the template."""
    keys = _key_names(shape["KeySchema"])
    indexes = {}
    for index in shape.get("GlobalSecondaryIndexes", ()):
        own = _key_names(index["KeySchema"])
        shown = index["Projection"]
        more = shown.get("NonKeyAttributes", ())
        all_of_it = shown["ProjectionType"] == "ALL"
        indexes[index["IndexName"]] = (own, None if all_of_it else frozenset({*keys, *own, *more}))
    return Table(keys, indexes)


def _key_names(schema: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    ordered = sorted(schema, key=lambda each: each["KeyType"] != "HASH")
    return tuple(each["AttributeName"] for each in ordered)


class Tables:
    """All tables; `call` is what a client's call does. `changed` hears of every write.

    It is told the table, and the item before and after: what a stream shows.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._done: set[str] = set()
        self.changed: Callable[[str, Item | None, Item | None], None] = lambda *_: None

    def items(self, table: str) -> list[Item]:
        return list(self._tables[table].items.values())

    def item(self, table: str, *key: str) -> Item | None:
        return self._tables[table].items.get(key)

    def owned(self, table: str, owner: str) -> list[Item]:
        """List the items of one hash key, in the order of their range keys."""
        found = self._tables[table]
        return [item for _, item in sorted(found.sharing(found.keys[0], owner))]

    def having(self, table: str, name: str) -> list[Item]:
        """List the items of an index whose hash key is this attribute."""
        return self._tables[table].having(name)

    def call(self, operation: str, call: Call) -> Answer:
        """Do what a client's call does. Raises what it raises."""
        match operation:
            case "GetItem":
                found = self._tables[call["TableName"]].items.get(self._key(call))
                return {"Item": dict(found)} if found else {}
            case "BatchGetItem":
                return {"Responses": self._several(call["RequestItems"]), "UnprocessedKeys": {}}
            case "TransactGetItems":
                parts = (part["Get"] for part in call["TransactItems"])
                return {"Responses": [self.call("GetItem", part) for part in parts]}
            case "Query":
                return self._query(call)
            case "PutItem" | "UpdateItem" | "DeleteItem":
                return self._write(operation, call)
            case "BatchWriteItem":
                return self._write_several(call["RequestItems"])
            case "TransactWriteItems":
                return self._transact(call)
        raise NotImplementedError(operation)

    def _key(self, call: Call) -> tuple[Any, ...]:
        return self._tables[call["TableName"]].key_of(call.get("Key") or call["Item"])

    def _several(self, asked: Mapping[str, Any]) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for name, request in asked.items():
            table = self._tables[name]
            items = (table.items.get(table.key_of(key)) for key in request["Keys"])
            found[name] = [dict(item) for item in items if item]
        return found

    def _write_several(self, asked: Mapping[str, Any]) -> Answer:
        for name, requests in asked.items():
            for request in requests:
                ((kind, details),) = request.items()
                self.apply(kind.removesuffix("Request"), {"TableName": name, **details})
        return {"UnprocessedItems": {}}

    def _query(self, call: Call) -> Answer:
        table, names = self._tables[call["TableName"]], Names.of(call)
        own, shown = table.indexes[call["IndexName"]] if "IndexName" in call else (table.keys, None)
        if asked := call.get("ProjectionExpression"):
            among = frozenset(names.attribute(word.strip()) for word in asked.split(","))
            shown = among if shown is None else among & shown
        condition = call["KeyConditionExpression"]
        found = [
            (tuple(plain(item[name]) for name in own[1:]), key, item)
            for key, item in table.sharing(own[0], _hash_value(condition, own[0], names))
            if all(name in item for name in own) and holds(condition, item, names)
        ]
        found.sort(key=lambda each: each[:2], reverse=call.get("ScanIndexForward") is False)
        if start := call.get("ExclusiveStartKey"):
            # A place in the order: the item itself may have moved since.
            last = tuple(plain(start[name]) for name in own[1:]), table.key_of(start)
            backwards = call.get("ScanIndexForward") is False
            found = [each for each in found if (each[:2] < last if backwards else each[:2] > last)]
        limit = call.get("Limit") or len(found)
        answer: Answer = {}
        if len(found) > limit:
            shown_last = found[limit - 1][2]
            answer["LastEvaluatedKey"] = {name: shown_last[name] for name in {*table.keys, *own}}
        items = [item for _, _, item in found[:limit]]
        items = [item for item in items if holds(call.get("FilterExpression"), item, names)]
        kept = [
            {name: value for name, value in item.items() if shown is None or name in shown}
            for item in items
        ]
        return {**answer, "Items": kept, "Count": len(kept), "ScannedCount": min(limit, len(found))}

    def condition_holds(self, call: Call) -> bool:
        """Return whether a write's condition holds."""
        item = self._tables[call["TableName"]].items.get(self._key(call)) or {}
        return holds(call.get("ConditionExpression"), item, Names.of(call))

    def _write(self, operation: str, call: Call) -> Answer:
        if not self.condition_holds(call):
            raise error(f"{_FAILED}Exception", "The conditional request failed", operation)
        before, after = self.apply(operation, call)
        match call.get("ReturnValues"):
            case "ALL_NEW":
                return {"Attributes": dict(after or {})}
            case "ALL_OLD":
                return {"Attributes": dict(before)} if before else {}
        return {}

    def apply(self, operation: str, call: Call) -> tuple[Item | None, Item | None]:
        """Write, whatever the condition; returns the item before and after."""
        table, key = self._tables[call["TableName"]], self._key(call)
        before = table.items.get(key)
        after: Item | None = None
        if operation in ("PutItem", "Put"):
            after = dict(call["Item"])
        elif operation not in ("DeleteItem", "Delete"):
            after = updated(call["UpdateExpression"], before or call["Key"], Names.of(call))
        table.put(key, after)
        if before is not None or after is not None:
            self.changed(call["TableName"], before, after)
        return before, after

    def _transact(self, call: Call) -> Answer:
        token = call.get("ClientRequestToken")
        if token in self._done:
            return {}
        parts = [next(iter(part.items())) for part in call["TransactItems"]]
        fitting = [self.condition_holds(part) for _, part in parts]
        if not all(fitting):
            reasons = [{"Code": "None" if fits else _FAILED} for fits in fitting]
            raise error(
                "TransactionCanceledException",
                "Transaction cancelled",
                "TransactWriteItems",
                CancellationReasons=reasons,
            )
        for kind, part in parts:
            if kind != "ConditionCheck":
                self.apply(kind, part)
        if token:
            self._done.add(token)
        return {}


_EQUALS = re.compile(r"([#\w]+) = (:\w+)")


def _hash_value(condition: str, name: str, names: Names) -> Any:
    for word, value in _EQUALS.findall(condition):
        if names.attribute(word) == name:
            return plain(names.values[value])
    raise ValueError(f"no value of {name} in {condition}")
