"""The base of every store: a database of PynamoDB models, and transactions in parts.

A package's service hands out its writes as `Part`s; the package that owns the use case commits all
of them, or none. A part knows which problem its broken condition means. Reads of several packages
go together likewise (`Read`): one call, one instant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    PutError,
    PynamoDBException,
    TransactGetError,
    TransactWriteError,
    UpdateError,
)
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import Index
from pynamodb.models import BatchWrite, MetaModel
from pynamodb.models import Model as AnyModel
from pynamodb.pagination import ResultIterator
from pynamodb.transactions import TransactGet, TransactWrite
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from chalicelib.foundation import actors
from chalicelib.foundation.acts import Act
from chalicelib.foundation.logging import logger
from chalicelib.foundation.personal import attribute_to_json
from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONFLICT_ATTEMPTS = 6
_CONDITION_FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"


class _ModelMeta(MetaModel):
    """Makes a model in half the time.

    PynamoDB looks for a new model's attributes, and again for its indexes, among all that `dir`
    names of it: two hundred methods besides.
    """

    def __dir__(self) -> list[str]:
        """Return the names of attributes and indexes."""
        known: dict[str, object] = {}
        for base in reversed(self.__mro__):
            if isinstance(base, _ModelMeta):
                known |= vars(base)
        return [name for name, each in known.items() if isinstance(each, (Attribute, Index))]


class Model(AnyModel, metaclass=_ModelMeta):
    """Base of all stores' models."""


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


class StampedModel(Model):
    """A model whose items say who wrote them last, and under which request.

    The stamp is put on by whatever of this module writes; stores need not know of it. The
    correlation id is that of the log, so that an item leads to the lines about its last change.
    `write_id` is that of the last plain write, by which one whose answer was lost is recognised.
    """

    changed_by = UnicodeAttribute(null=True)
    change_correlation_id = UnicodeAttribute(null=True)
    write_id = UnicodeAttribute(null=True)


def _stamped(item: Model) -> Model:
    if isinstance(item, StampedModel):
        item.changed_by = actors.current()
        item.change_correlation_id = logger.get_correlation_id()
    return item


def _with_stamp(item: Model, actions: Sequence[Action]) -> list[Action]:
    if not isinstance(item, StampedModel):
        return list(actions)
    model, under = type(item), logger.get_correlation_id()
    return [
        *actions,
        model.changed_by.set(actors.current()),
        model.change_correlation_id.set(under) if under else model.change_correlation_id.remove(),
    ]


def condition_failed(error: PynamoDBException) -> bool:
    """Return whether a single write was refused because its condition did not hold."""
    return _error_code(error) == f"{_CONDITION_FAILED}Exception"


def _error_code(error: PynamoDBException) -> str | None:
    # An error without an answer, such as a timeout, has no response to look into.
    response: Mapping[str, Any] = getattr(error.cause, "response", None) or {}
    code: str | None = response.get("Error", {}).get("Code")
    return code


def _met_transaction(error: BaseException) -> bool:
    """Return whether a single write came upon a transaction, for which DynamoDB does not wait."""
    return isinstance(error, PynamoDBException) and _error_code(error) == f"{_CONFLICT}Exception"


def _was_retried(error: PynamoDBException) -> bool:
    """Return whether boto3 sent the request more than once, because an answer was lost.

    PynamoDB keeps the metadata of an answer only in the error that its own one replaced.
    """
    replaced = error.cause.__context__ if error.cause else None
    response: Mapping[str, Any] = getattr(replaced, "response", None) or {}
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))


def _keys_of(item: Model) -> tuple[Any, Any]:
    attributes = item.get_attributes().items()
    hash_key = next(getattr(item, name) for name, each in attributes if each.is_hash_key)
    return hash_key, next(
        (getattr(item, name) for name, each in attributes if each.is_range_key), None
    )


class Contended(Exception):
    """Other transactions were at the same items each time; nothing was written."""


class Conflict(Exception):
    """The condition of one part of a transaction did not hold; nothing was written."""


@dataclass(frozen=True)
class Read[Thing]:
    """A read of one item, and the function that converts it."""

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


Part = Check | Put | Update | Delete | Act
_Item = Check | Put | Update | Delete


def is_conflict(error: BaseException) -> bool:
    """Return whether trying again can help: another transaction touched an item meanwhile."""
    if not isinstance(error, TransactWriteError):
        return False
    reasons = [reason for reason in error.cancellation_reasons if reason]
    return any(reason.code == _CONFLICT for reason in reasons) and not any(
        reason.code == _CONDITION_FAILED for reason in reasons
    )


def _is_read_conflict(error: BaseException) -> bool:
    if not isinstance(error, TransactGetError):
        return False
    return any(reason and reason.code == _CONFLICT for reason in error.cancellation_reasons)


class _SharedClient(Connection):
    """PynamoDB's connection to one table, with the client that all tables share.

    PynamoDB would make one for each model: a tenth of a second of every cold start and a TLS
    handshake for each model that a request touches.
    """

    def __init__(self, client: "DynamoDBClient") -> None:
        super().__init__()
        self._shared = client

    @property
    def client(self) -> Any:
        return self._shared


class Database:
    """The stack's tables, over one client; stores get it by their constructor.

    A model's `Meta.table_name` is the table's name in `table_names`, not in DynamoDB: by itself it
    reads and writes nothing. Each database derives models of its own from those it is asked for,
    so any number of them may be in one process.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table_names: Callable[[str], str],
        record: Callable[[Act], Sequence[Put]],
    ) -> None:
        """`table_names` is asked when a store is made, and may raise.

        `record` is asked for the audit trail's entry of each act that is committed.
        """
        self._client = client
        self._table_names = table_names
        self._record = record
        self._connection = _SharedClient(client)
        self._models: dict[type[Model], type[Model]] = {}

    def register_models(self, *models: type[Model]) -> None:
        """Look up the tables of models, and get ready for their first use."""
        for model in models:
            self._bound_model(model)

    def table_name(self, model: type[Model]) -> str:
        """Return the name in DynamoDB of the table that a model lies in."""
        return self._bound_model(model).Meta.table_name

    def get[Item: Model](
        self, model: type[Item], hash_key: str, range_key: str | None = None, **options: Any
    ) -> Item:
        """Read one item. Raises `DoesNotExist`."""
        return self._bound_model(model).get(hash_key, range_key, **options)

    def query[Item: Model](
        self,
        model: type[Item],
        hash_key: str,
        range_condition: Condition | None = None,
        *,
        index: Index[Any] | None = None,
        **options: Any,
    ) -> ResultIterator[Item]:
        """Query a table, or one of its indexes, as PynamoDB's models do."""
        name = index.Meta.index_name if index else None
        return self._bound_model(model).query(hash_key, range_condition, index_name=name, **options)

    def batch_get[Item: Model](
        self, model: type[Item], keys: Iterable[tuple[str, str]], **options: Any
    ) -> Iterator[Item]:
        """Read items by their keys, in no order: a call for each hundred."""
        return self._bound_model(model).batch_get(keys, **options)

    def raw_items(
        self,
        model: type[Model],
        hash_key: str,
        beginning: str = "",
        *,
        index: Index[Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield items as they lie in a table, with every attribute, known to their model or not.

        Of a table read consistently; those whose range key has this beginning.
        """
        keys: Any = index if index is not None else self._bound_model(model)
        names = {"#hash": keys._hash_key_attribute().attr_name}  # noqa: SLF001  no other way to them
        values: dict[str, Any] = {":hash": {"S": hash_key}}
        condition = "#hash = :hash"
        if beginning:
            names["#range"] = keys._range_key_attribute().attr_name  # noqa: SLF001  likewise
            values[":range"] = {"S": beginning}
            condition += " AND begins_with(#range, :range)"
        asked: dict[str, Any] = {
            "TableName": self.table_name(model),
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": index is None,
        }
        if index is not None:
            asked["IndexName"] = index.Meta.index_name
        for page in self._client.get_paginator("query").paginate(**asked):
            for item in page["Items"]:
                yield {name: attribute_to_json(value) for name, value in item.items()}

    def scan_texts(
        self, model: type[Model], attribute: str, within: str
    ) -> Iterator[tuple[str, str]]:
        """Yield hash key and text of each item whose text has something within: reads the table.

        A call for each megabyte of it.
        """
        keys: Any = self._bound_model(model)
        key = keys._hash_key_attribute().attr_name  # noqa: SLF001  no other way to it
        pages = self._client.get_paginator("scan").paginate(
            TableName=self.table_name(model),
            FilterExpression="contains(#text, :within)",
            ProjectionExpression="#key, #text",
            ExpressionAttributeNames={"#text": attribute, "#key": key},
            ExpressionAttributeValues={":within": {"S": within}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield item[key]["S"], item[attribute]["S"]

    @contextmanager
    def batch_write[Item: Model](self, model: type[Item]) -> Iterator["_Batch"]:
        """Save and delete items of one table, 25 a call, without conditions."""
        with self._bound_model(model).batch_write() as batch:
            yield _Batch(batch, self._bound_item)

    def update(
        self,
        item: Model,
        actions: Sequence[Action],
        condition: Condition | None = None,
        *acts: Act,
    ) -> bool:
        """Update one item if its condition holds, and read it back; False if it does not hold.

        With `acts` it is a transaction, and is not read back.
        """
        if acts:
            return self._try_commit([Update(item, actions, condition), *acts])
        own = self._bound_item(item)
        if not _is_condition_met(lambda: own.update(_with_stamp(item, actions), condition)):
            return False
        item.attribute_values = own.attribute_values
        return True

    def put(self, item: Model, condition: Condition | None = None, *acts: Act) -> bool:
        """Write a whole item if the condition holds; False if it does not hold."""
        if acts:
            return self._try_commit([Put(item, condition), *acts])
        own = self._bound_item(_stamped(item))
        return _is_condition_met(lambda: own.save(condition))

    def delete(self, item: Model, condition: Condition | None = None) -> bool:
        """Delete one item if its condition holds; False if it does not hold."""
        own = self._bound_item(item)
        return _is_condition_met(lambda: own.delete(condition))

    def _try_commit(self, parts: Sequence[Part]) -> bool:
        try:
            self.commit(parts)
        except Conflict:
            return False
        return True

    def commit(
        self, parts: Sequence[Part], wait: Any = None, *, attempts: int = CONFLICT_ATTEMPTS
    ) -> None:
        """Write all parts or none; of an act that is its entry in the audit trail.

        Conflicts with other transactions are tried again, `attempts` times in all: then
        `Contended`. Raises what the first of `parts` whose condition failed says (`otherwise`), or
        PynamoDB's error. A single part that writes to a stamped item is a plain write: it takes
        half of a transaction's units. Any other stays a transaction, which DynamoDB carries out
        once though boto3 sends it again.
        """
        items: list[_Item] = []
        for part in parts:
            items += self._record(part) if isinstance(part, Act) else (part,)
        only = items[0] if len(items) == 1 else None
        if isinstance(only, Put | Update) and isinstance(only.item, StampedModel):
            self._commit_one(only, wait, attempts)
            return
        # PynamoDB sends them kind by kind, and the reasons come back in that order.
        kinds = (Check, Delete, Put, Update)
        ordered = [item for kind in kinds for item in items if isinstance(item, kind)]
        retrying = Retrying(
            retry=retry_if_exception(is_conflict),
            stop=stop_after_attempt(attempts),
            wait=wait or wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        try:
            retrying(self._write, ordered)
        except TransactWriteError as error:
            failed = [
                item
                for item, reason in zip(ordered, error.cancellation_reasons, strict=False)
                if reason and reason.code == _CONDITION_FAILED
            ]
            for item in items:
                if any(item is each for each in failed):
                    raise item.otherwise() from error
            if is_conflict(error):
                raise Contended from error
            raise

    def _commit_one(self, part: Put | Update, wait: Any, attempts: int) -> None:
        write_id = token_hex(8)
        retrying = Retrying(
            retry=retry_if_exception(_met_transaction),
            stop=stop_after_attempt(attempts),
            wait=wait or wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        try:
            retrying(self._write_one, part, write_id)
        except (UpdateError, PutError) as error:
            if condition_failed(error):
                if _was_retried(error) and self._is_written(part, write_id):
                    return
                raise part.otherwise() from error
            if _met_transaction(error):
                raise Contended from error
            raise

    def _write_one(self, part: Put | Update, write_id: str) -> None:
        # A copy, for PynamoDB puts into it what the item has become.
        own: Any = self._copy(_stamped(part.item) if isinstance(part, Put) else part.item)
        if isinstance(part, Put):
            own.write_id = write_id
            own.save(part.condition)
        else:
            stamp = [*_with_stamp(own, part.actions), type(own).write_id.set(write_id)]
            own.update(stamp, part.condition)

    def _is_written(self, part: Put | Update, write_id: str) -> bool:
        """Return whether it was this very write that broke its own condition.

        boto3 sends a request again whose answer is lost; where the first one was carried out, the
        second finds the condition broken by it. DynamoDB tells the two apart in a transaction
        alone. Content proves nothing: another worker with the same message writes the same.
        """
        model = self._bound_model(type(part.item))
        try:
            found: Any = self.get(model, *_keys_of(part.item), consistent_read=True)
        except DoesNotExist:
            return False
        return bool(found.write_id == write_id)

    def _copy(self, item: Model) -> Model:
        own = _as_model(self._bound_model(type(item)), item)
        own.attribute_values = dict(item.attribute_values)
        return own

    def read_together(self, reads: Sequence[Read[Any]]) -> list[Any]:
        """Read up to 100 items of any tables as they were at one instant; None for what is not.

        One call. Other transactions on the items at that moment are waited for; raises `Contended`
        if they do not end.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_read_conflict),
            stop=stop_after_attempt(CONFLICT_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        try:
            return retrying(self._read, reads)
        except TransactGetError as error:
            if _is_read_conflict(error):
                raise Contended from error
            raise

    def _read(self, reads: Sequence[Read[Any]]) -> list[Any]:
        with TransactGet(connection=self._connection) as transaction:
            found = [transaction.get(self._bound_model(each.model), *each.keys) for each in reads]
        return [_read_result(read, future) for read, future in zip(reads, found, strict=True)]

    def _write(self, parts: Sequence[_Item]) -> None:
        with TransactWrite(connection=self._connection) as transaction:
            for part in parts:
                match part:
                    case Check(model, keys, condition):
                        transaction.condition_check(
                            self._bound_model(model), *keys, condition=condition
                        )
                    case Put(item, condition):
                        transaction.save(self._bound_item(_stamped(item)), condition=condition)
                    case Delete(item, condition):
                        transaction.delete(self._bound_item(item), condition=condition)
                    case Update(item, actions, condition):
                        transaction.update(
                            self._bound_item(item),
                            actions=_with_stamp(item, actions),
                            condition=condition,
                        )

    def _bound_model[Item: Model](self, model: type[Item]) -> type[Item]:
        """Return the model derived from `model` that is tied to this database's table."""
        own = self._models.get(model)
        if own is None:
            table_name = self._table_names(model.Meta.table_name)
            meta = type("Meta", (cast(type, model.Meta),), {"table_name": table_name})
            made: Any = type(model)
            # Not by calling it, which looks through all that a model has for its attributes and
            # indexes: they are those of `model`, and looking again takes 3 % of the API's start.
            own = made.__new__(
                made, model.__name__, (model,), {"Meta": meta, "__module__": __name__}
            )
            table = own._get_connection()  # noqa: SLF001  the one place where PynamoDB takes one
            known = table.get_meta_table()
            table.connection = _SharedClient(self._client)
            table.connection.add_meta_table(known)
            self._models |= {model: own, own: own}
        return cast(type[Item], own)

    def _bound_item[Item: Model](self, item: Item) -> Item:
        model = self._bound_model(type(item))
        return item if type(item) is model else _as_model(model, item)


class Store:
    """Base of the stores: what a package keeps in its tables, or in its part of one."""

    MODELS: ClassVar[Sequence[type[Model]]] = ()

    def __init__(self, database: Database) -> None:
        self._database = database
        database.register_models(*self.MODELS)

    def commit(self, parts: Sequence[Part], *, attempts: int = CONFLICT_ATTEMPTS) -> None:
        """Write parts, of any stores of this database: all or none (`Database.commit`)."""
        self._database.commit(parts, attempts=attempts)

    def read_together(self, reads: Sequence[Read[Any]]) -> list[Any]:
        """Read items, of any stores of this database (`Database.read_together`)."""
        return self._database.read_together(reads)


class _Batch:
    def __init__(self, batch: BatchWrite[Any], own: Callable[[Model], Model]) -> None:
        self._batch = batch
        self._bound_model = own

    def save(self, item: Model) -> None:
        self._batch.save(self._bound_model(item))

    def delete(self, item: Model) -> None:
        self._batch.delete(self._bound_model(item))


def _as_model[Item: Model](model: type[Item], item: Item) -> Item:
    """Return an item of a derived model that shares its values with `item`.

    Not by the constructor, which goes through every attribute for defaults that are there already.
    """
    own = model.__new__(model)
    vars(own).update(vars(item))
    return own


def _read_result(read: Read[Any], future: Any) -> Any:
    try:
        return read.to(future.get())
    except DoesNotExist:
        return None


def _is_condition_met(write: Callable[[], object]) -> bool:
    retrying = Retrying(
        retry=retry_if_exception(_met_transaction),
        stop=stop_after_attempt(CONFLICT_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.02, max=1),
        reraise=True,
    )
    try:
        retrying(write)
    except (UpdateError, DeleteError, PutError) as error:
        if condition_failed(error):
            return False
        if _met_transaction(error):
            raise Contended from error
        raise
    return True
