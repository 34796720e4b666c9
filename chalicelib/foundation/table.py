"""What every store stands on: binding a PynamoDB model to its table, and transactions in parts.

A room's service hands out its writes as `Part`s; the room that owns the use case commits them all,
or none. A part knows which problem its broken condition means. Reads of several rooms go together
likewise (`Read`): one call, one instant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from pynamodb.connection import Connection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    PynamoDBException,
    TransactGetError,
    TransactWriteError,
    UpdateError,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from chalicelib.foundation.aws import ATTEMPTS, CONNECT_SECONDS, READ_SECONDS

CONFLICT_ATTEMPTS = 6
_CONDITION_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"


class LeanModel(Model):
    """A model whose items are read by the hundred, none of whose attributes has a default.

    PynamoDB goes through every attribute of a model three times for each item it reads, and sets
    one by one what it finds: that takes as long as the reading.
    """

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        item, known = cls(_user_instantiated=False), cls.get_attributes()
        item.attribute_values = {
            name: known[name].deserialize(known[name].get_value(value))
            for name, value in data.items()
            if name in known and "NULL" not in value
        }
        return item


def bind(model: type[Model], table_name: str) -> None:
    """Give a model its table, once for each process, before its first use."""
    model.Meta.table_name = table_name
    table = model._get_connection()  # noqa: SLF001  PynamoDB makes one for each model
    if not isinstance(table.connection, _SameClient):
        meta_table = table.get_meta_table()
        table.connection = _SameClient()
        table.connection.add_meta_table(meta_table)


class _SameClient(Connection):
    """What a model knows of its table, with the client that all models share.

    PynamoDB would make each its own: a tenth of a second of every cold start and a TLS handshake,
    for each model that a request touches.
    """

    @property
    def client(self) -> Any:
        return _connection().client


def condition_failed(error: PynamoDBException) -> bool:
    """Tell whether a single write was refused because its condition did not hold."""
    return _code_of(error) == f"{_CONDITION_FAILED}Exception"


def _code_of(error: PynamoDBException) -> str | None:
    # An error without an answer, such as a timeout, has no response to look into.
    response: Mapping[str, Any] = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


def changed(item: Model, actions: Sequence[Action], condition: Condition | None = None) -> bool:
    """Write to one item if its condition holds, and read it back; False if it does not hold."""
    return _holds(lambda: item.update(list(actions), condition))


def removed(item: Model, condition: Condition) -> bool:
    """Remove one item if its condition holds; False if it does not hold."""
    return _holds(lambda: item.delete(condition))


def _holds(write: Callable[[], object]) -> bool:
    retrying = Retrying(
        retry=retry_if_exception(_disturbed),
        stop=stop_after_attempt(CONFLICT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    try:
        retrying(write)
    except (UpdateError, DeleteError) as error:
        if condition_failed(error):
            return False
        raise
    return True


def _disturbed(error: BaseException) -> bool:
    """Tell whether a single write came upon a transaction, for which DynamoDB does not wait."""
    return isinstance(error, PynamoDBException) and _code_of(error) == f"{_CONFLICT}Exception"


class Conflict(Exception):
    """The condition of one part of a transaction did not hold; nothing was written."""


@dataclass(frozen=True)
class Read[Thing]:
    """One item to be read, and what becomes of it."""

    model: type[Model]
    keys: tuple[str, str]
    to: Callable[[Any], Thing]


@dataclass(frozen=True)
class Check:
    """A condition on an item that the transaction does not write."""

    model: type[Model]
    keys: tuple[str, str]
    condition: Condition
    otherwise: Callable[[], Exception] = Conflict


@dataclass(frozen=True)
class Put:
    """A new or replaced item."""

    item: Model
    condition: Condition | None = None
    otherwise: Callable[[], Exception] = Conflict


@dataclass(frozen=True)
class Update:
    """A change to one item."""

    item: Model
    actions: Sequence[Action]
    condition: Condition | None = None
    otherwise: Callable[[], Exception] = Conflict


@dataclass(frozen=True)
class Delete:
    """An item that goes."""

    item: Model
    condition: Condition | None = None
    otherwise: Callable[[], Exception] = Conflict


Part = Check | Put | Update | Delete


def conflicted(error: BaseException) -> bool:
    """Tell whether trying again can help: another transaction touched an item at the same time."""
    if not isinstance(error, TransactWriteError):
        return False
    reasons = [reason for reason in error.cancellation_reasons if reason]
    return any(reason.code == _CONFLICT for reason in reasons) and not any(
        reason.code == _CONDITION_FAILED for reason in reasons
    )


def commit(parts: Sequence[Part], wait: Any = None, *, attempts: int = CONFLICT_ATTEMPTS) -> None:
    """Write all parts or none.

    Conflicts with other transactions are tried again, `attempts` times in all. Raises what
    the first of `parts` whose condition failed says (`otherwise`), or PynamoDB's error.
    """
    # PynamoDB sends them kind by kind, and the reasons come back in that order.
    kinds = (Check, Delete, Put, Update)
    ordered = [part for kind in kinds for part in parts if isinstance(part, kind)]
    retrying = Retrying(
        retry=retry_if_exception(conflicted),
        stop=stop_after_attempt(attempts),
        wait=wait or wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    try:
        retrying(_write, ordered)
    except TransactWriteError as error:
        failed = [
            part
            for part, reason in zip(ordered, error.cancellation_reasons, strict=False)
            if reason and reason.code == _CONDITION_FAILED
        ]
        for part in parts:
            if any(part is each for each in failed):
                raise part.otherwise() from error
        raise


def read_together(reads: Sequence[Read[Any]]) -> list[Any]:
    """Read up to 100 items of whatever tables as they were at one instant; None for what is not.

    One call. Other transactions on the items at that moment are waited for.
    """
    retrying = Retrying(
        retry=retry_if_exception(_read_conflicted),
        stop=stop_after_attempt(CONFLICT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    return retrying(_read, reads)


def _read_conflicted(error: BaseException) -> bool:
    if not isinstance(error, TransactGetError):
        return False
    return any(reason and reason.code == _CONFLICT for reason in error.cancellation_reasons)


def _read(reads: Sequence[Read[Any]]) -> list[Any]:
    with TransactGet(connection=_connection()) as transaction:
        found = [transaction.get(each.model, *each.keys) for each in reads]
    return [_taken(read, future) for read, future in zip(reads, found, strict=True)]


def _taken(read: Read[Any], future: Any) -> Any:
    try:
        return read.to(future.get())
    except DoesNotExist:
        return None


@cache
def _connection() -> Connection:
    """Make the one connection to DynamoDB; making one costs more than a transaction."""
    return Connection(
        connect_timeout_seconds=CONNECT_SECONDS,
        read_timeout_seconds=READ_SECONDS,
        max_retry_attempts=ATTEMPTS - 1,
    )


def _write(parts: Sequence[Part]) -> None:
    with TransactWrite(connection=_connection()) as transaction:
        for part in parts:
            match part:
                case Check(model, keys, condition):
                    transaction.condition_check(model, *keys, condition=condition)
                case Put(item, condition):
                    transaction.save(item, condition=condition)
                case Delete(item, condition):
                    transaction.delete(item, condition=condition)
                case Update(item, actions, condition):
                    transaction.update(item, actions=list(actions), condition=condition)
