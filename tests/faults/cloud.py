"""AWS in memory, as far as tests need it: tables, a video bucket, a key, secrets, a queue."""

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.foundation.clock import Clock
from local.template import read
from tests.faults.tables import Table, Tables, error, table_of

INFRA = Path(__file__).parents[2] / "infra"


@cache
def _resources(name: str) -> dict[str, Any]:
    resources: dict[str, Any] = read(INFRA / name)["Resources"]
    return resources


def template_tables() -> dict[str, Table]:
    return {
        name: table_of(resource["Properties"])
        for name, resource in _resources("tables.yaml").items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


@dataclass
class Message:
    """One message: when it becomes visible, and how often it was received and disrupted.

    A receive counts as disrupted if the function was killed, AWS failed or SQS redelivered.
    """

    number: int
    body: str
    visible_at: datetime
    receives: int = 0
    disrupted: int = 0


@dataclass
class Queue:
    """The staging queue with the template's visibility timeout and receive limit."""

    clock: Clock
    visibility: timedelta
    max_receives: int
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def send(self, body: str, delay_seconds: int = 0) -> None:
        shows = self.clock.now() + timedelta(seconds=delay_seconds)
        self.messages.append(Message(next(self._numbers), body, shows))

    def receive(self, choose: Callable[[list[Message]], Message]) -> Message | None:
        """Return a visible message and hide it for the timeout; dead-letter it after too many."""
        now = self.clock.now()
        showing = [each for each in self.messages if each.visible_at <= now]
        if not showing:
            return None
        message = choose(showing)
        message.receives += 1
        message.visible_at = now + self.visibility
        if message.receives > self.max_receives:
            self.messages.remove(message)
            self.dead.append(message)
            return self.receive(choose)
        return message

    def delete(self, message: Message) -> None:
        if message in self.messages:
            self.messages.remove(message)

    def next_at(self) -> datetime | None:
        return min((each.visible_at for each in self.messages), default=None)


def _staging_queue(clock: Clock) -> Queue:
    settings = _resources("queues.yaml")["StagingQueue"]["Properties"]
    receives = settings["RedrivePolicy"]["maxReceiveCount"]
    return Queue(clock, timedelta(seconds=settings["VisibilityTimeout"]), receives)


class Body(io.BytesIO):
    """An object's body; if `breaks` is given, raises its exception after half of the bytes."""

    def __init__(self, content: bytes, breaks: Callable[[], Exception] | None) -> None:
        super().__init__(content)
        self._breaks, self._half = breaks, len(content) // 2

    def read(self, size: int | None = -1, /) -> bytes:
        if self._breaks is None:
            return super().read(size)
        if self.tell() >= self._half:
            raise self._breaks()
        whole = self._half - self.tell()
        return super().read(whole if size is None or size < 0 else min(size, whole))


@dataclass
class Cloud:
    """Answers the calls of AWS clients; each of `broken_streams` breaks one object's body."""

    clock: Clock
    secrets: Mapping[str, str]
    tables: Tables = field(default_factory=lambda: Tables(template_tables()))
    objects: dict[str, bytes] = field(default_factory=dict)
    broken_streams: list[Callable[[], Exception]] = field(default_factory=list)
    drops_message: Callable[[], bool] = lambda: False
    """Whether to lose a message that was accepted."""
    queue: Queue = field(init=False)

    def __post_init__(self) -> None:
        self.queue = _staging_queue(self.clock)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Answer all AWS clients of this process."""

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            return self.call(client.meta.service_model.service_name, operation, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", call)
            yield

    def call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Answer a client's call. Raises AWS's errors."""
        if service == "dynamodb":
            return self.tables.call(operation, parameters)
        known: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "s3 GetObject": self._get,
            "s3 PutObject": self._put,
            "s3 DeleteObject": self._delete,
            "s3 HeadObject": lambda asked: {"ContentLength": len(self._object(asked))},
            "kms Encrypt": _encrypt,
            "kms Decrypt": _decrypt,
            "secretsmanager GetSecretValue": lambda asked: {
                "SecretString": self.secrets[asked["SecretId"]]
            },
            "sqs SendMessage": self._send,
            "events PutEvents": lambda asked: {"FailedEntryCount": 0, "Entries": asked["Entries"]},
            "sqs SendMessageBatch": self._send_batch,
        }
        if f"{service} {operation}" not in known:
            raise NotImplementedError(f"{service} {operation}")
        return known[f"{service} {operation}"](parameters)

    def _send(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.drops_message():
            self.queue.send(asked["MessageBody"], asked.get("DelaySeconds", 0))
        return {"MessageId": "1"}

    def _send_batch(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        for each in asked["Entries"]:
            self._send(each)
        return {"Successful": [{"Id": each["Id"]} for each in asked["Entries"]]}

    def _object(self, parameters: Mapping[str, Any]) -> bytes:
        found = self.objects.get(parameters["Key"])
        if found is None:
            raise error("NoSuchKey", "The specified key does not exist.", "GetObject")
        return found

    def _delete(self, asked: Mapping[str, Any]) -> Any:
        self.objects.pop(asked["Key"], None)
        return {}

    def _put(self, asked: Mapping[str, Any]) -> Any:
        body = asked["Body"]
        self.objects[asked["Key"]] = body if isinstance(body, bytes) else body.read()
        return {}

    def _get(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        content = self._object(parameters)
        first = parameters.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        rest = content[int(first) :]
        breaks = self.broken_streams.pop(0) if self.broken_streams else None
        return {"Body": Body(rest, breaks), "ContentLength": len(rest)}


def _encrypt(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    plain = asked["Plaintext"]
    content = base64.b64encode(plain.encode() if isinstance(plain, str) else plain).decode()
    return {"CiphertextBlob": json.dumps([asked["EncryptionContext"], content]).encode()}


def _decrypt(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    context, content = json.loads(asked["CiphertextBlob"])
    if context != asked["EncryptionContext"]:
        raise error("InvalidCiphertextException", "", "Decrypt")
    return {"Plaintext": base64.b64decode(content)}
