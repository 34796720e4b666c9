"""DynamoDB in this process, for benches of programs that the local engine takes hours for.

The tables are those that tests run on (`tests/faults/tables.py`). Here they answer by pages of a
megabyte, as DynamoDB does, and tell what a write consumed. Nothing is sent, so a client
works less than it would.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from bench.measurements import MEGABYTE
from bench.program import size_of
from bench.seeding import settings_with
from chalicelib.foundation.settings import Settings
from local.home import PROJECT
from local.process_environment import isolate_environment
from local.template import read
from tests.faults.expressions import Item
from tests.faults.tables import Answer, Call, Table, Tables, table_of

_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


class PagedTables(Tables):
    """Tables that page queries after a megabyte and report the capacity that writes consume."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        super().__init__(tables)
        self._written: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._units = 0
        self._lock = RLock()
        self._answering = False
        self.calls, self.found, self.seconds = 0, 0, 0.0
        """Calls, items that queries found, and the processor's time here: no work of the caller."""

    def call(self, operation: str, call: Call) -> Answer:
        """Answer a client's call. Raises DynamoDB's errors."""
        with self._lock:
            if self._answering:  # a part of a transaction
                return self._answer(operation, call)
            self._answering, begun = True, time.thread_time()
            try:
                return self._answer(operation, call)
            finally:
                self.calls += 1
                self.seconds += time.thread_time() - begun
                self._answering = False

    def _answer(self, operation: str, call: Call) -> Answer:
        if operation == "Query" and not call.get("Limit"):
            call = {**call, "Limit": self._page(call["TableName"])}
        self._units = 0
        answer = super().call(operation, call)
        if operation not in _WRITES:
            self.found += answer.get("Count", 0)
            return answer
        units = self._units * (2 if operation == "TransactWriteItems" else 1)
        return {**answer, "ConsumedCapacity": {"CapacityUnits": units}}

    def _page(self, table: str) -> int:
        """Return how many items fill a page, by their sizes when written."""
        mean = self._bytes[table] / max(self._written[table], 1)
        return max(1, int(MEGABYTE / max(mean, 1)))

    def apply(self, operation: str, call: Call) -> tuple[Item | None, Item | None]:
        """Write without checking the condition; return the item before and after."""
        name = call["TableName"]
        before, after = super().apply(operation, call)
        if after is not None:
            self._written[name] += 1
            self._bytes[name] += size_of(after)
        self._units += _units(self._tables[name], before, after)
        return before, after


def _units(table: Table, before: Item | None, after: Item | None) -> int:
    """Return the units a write consumes of a table and its indexes: 1 per started kilobyte."""
    units = max(_kilobytes(before), _kilobytes(after), 1)
    for keys, shown in table.indexes.values():
        was, becomes = (_shown(each, keys, shown) for each in (before, after))
        if was == becomes:
            continue
        if was and becomes and all(was[key] == becomes[key] for key in keys):
            units += max(_kilobytes(was), _kilobytes(becomes))
        else:  # out of one place of the index, into another
            units += _kilobytes(was) + _kilobytes(becomes)
    return units


def _kilobytes(item: Item | None) -> int:
    return -(-size_of(item) // 1024) if item else 0


def _shown(item: Item | None, keys: tuple[str, ...], shown: frozenset[str] | None) -> Item | None:
    """Return the attributes that an index projects of an item; None if it is not indexed."""
    if item is None or any(key not in item for key in keys):
        return None
    return {name: value for name, value in item.items() if shown is None or name in shown}


@contextmanager
def tables_in_memory() -> Iterator[tuple[Settings, PagedTables]]:
    """Answer this process's DynamoDB clients from in-memory tables of the template."""
    isolate_environment()
    shapes = read(PROJECT / "infra" / "tables.yaml")["Resources"]
    tables = PagedTables({name: table_of(each["Properties"]) for name, each in shapes.items()})

    def call(_: Any, operation: str, asked: Call) -> Answer:
        return tables.call(operation, asked)

    with patch.object(BaseClient, "_make_api_call", call):
        yield settings_with({name: name for name in shapes}), tables
