"""Everything that leaves a function, in order: what was recorded, and what is to go wrong.

A function (one Lambda invocation) runs inside `Boundary.function`. Each of its effects has a
number; a plan says what happens right before or after one of them. Killed, a function has no
effect any more, not even in its `finally` blocks.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from requests.adapters import HTTPAdapter

from local.tiktok_sandbox.faults import ENDPOINT_OF_PATH
from tests.faults.clock import SharedClock


class Killed(BaseException):
    """The function is gone: nothing catches this."""


def _nothing() -> None:
    """Nothing happens."""


@dataclass(frozen=True)
class Step:
    """What happens around one effect; `before` and `after` may raise in its place.

    `again`: the client never saw the first answer and asks once more by itself, as AWS's does.
    `during`: so much of an upload's body leaves, then this happens.
    """

    before: Callable[[], object] = _nothing
    after: Callable[[], object] = _nothing
    again: bool = False
    during: Callable[[], object] | None = None


@dataclass(frozen=True)
class Effect:
    """One effect: its number in the run, the function it belongs to, and what it does."""

    number: int
    function: str
    name: str

    @property
    def is_upload(self) -> bool:
        return self.name == "tiktok upload"


type Plan = Callable[[Effect], Step | None]


def as_it_should_be(_effect: Effect) -> Step | None:
    """Let nothing go wrong."""
    return None


@dataclass
class _Run:
    """A function under way."""

    function: str
    planned: bool
    ends_at: datetime
    dead: bool = False


@dataclass
class Boundary:
    """Watches the calls of the process to AWS and TikTok, those of functions above all."""

    clock: SharedClock
    aws: Callable[[str, str, Mapping[str, Any]], Any]
    plan: Plan = as_it_should_be
    effects: list[Effect] = field(default_factory=list)
    _runs: list[_Run] = field(default_factory=list)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand between this process and everything else."""
        send = HTTPAdapter.send

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            service = client.meta.service_model.service_name
            name = f"{service} {operation}{_detail(operation, parameters)}"
            return self._effect(name, lambda: self.aws(service, operation, parameters))

        def sent(
            adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any
        ) -> Any:
            path = (request.path_url or "").partition("?")[0]
            endpoint = ENDPOINT_OF_PATH.get(path)
            if endpoint is None:
                return send(adapter, request, *args, **more)

            def do() -> requests.Response:
                return send(adapter, request, *args, **more)

            return self._effect(f"tiktok {endpoint}", do, request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", call)
            patch.setattr(HTTPAdapter, "send", sent)
            patch.setattr(self.clock, "woken", self._woken)
            yield

    @contextmanager
    def function(self, name: str, limit: timedelta, *, planned: bool = True) -> Iterator[None]:
        """Run a function with a time limit; planned steps are for those outermost only."""
        run = _Run(name, planned and not self._runs, self.clock.now() + limit)
        self._runs.append(run)
        try:
            yield
        finally:
            self._runs.pop()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Step out of the functions under way, for what the simulation does meanwhile."""
        runs, self._runs = self._runs, []
        try:
            yield
        finally:
            self._runs = runs

    def kill(self) -> None:
        """End the function under way where it stands."""
        self._runs[-1].dead = True
        raise Killed

    def _woken(self) -> None:
        if self._runs and self.clock.now() >= self._runs[-1].ends_at:
            self.kill()

    def _effect(
        self, name: str, do: Callable[[], Any], request: requests.PreparedRequest | None = None
    ) -> Any:
        if not self._runs:
            return do()
        run = self._runs[-1]
        if run.dead:
            raise Killed
        step = None
        if run.planned:
            effect = Effect(len(self.effects), run.function, name)
            self.effects.append(effect)
            step = self.plan(effect)
        if step is None:
            return do()
        step.before()
        if step.during is not None and request is not None:
            whole: Any = request.body
            torn: Any = _Torn(whole, step.during)
            request.body = torn
        answer = do()
        if step.again and "TransactWrite" not in name:  # those carry a token of their own
            answer = _sent_again(do)
        try:
            step.after()
        except BaseException:
            if isinstance(answer, requests.Response):
                answer.close()
            raise
        return answer


def _sent_again(do: Callable[[], Any]) -> Any:
    """Send a request for the second time, whose failure then says so, as boto3's does."""
    try:
        return do()
    except ClientError as error:
        told: Any = error.response
        told.setdefault("ResponseMetadata", {})["RetryAttempts"] = 1
        raise


class _Torn:
    """Half of an upload's body, and then something happens."""

    def __init__(self, body: Any, then: Callable[[], object]) -> None:
        self._body, self._then = body, then

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for block in self._body:
            yield block[: len(block) // 2]
            self._then()
            yield block[len(block) // 2 :]


def _detail(operation: str, parameters: Mapping[str, Any]) -> str:
    """Say which table a call is about, and what it writes there."""
    if operation == "TransactWriteItems":
        parts = [next(iter(part.items())) for part in parameters["TransactItems"]]
        return "".join(f" {_written(kind, part)}" for kind, part in parts)
    if "TableName" in parameters:
        return f" {_written('', parameters)}"
    return ""


def _written(kind: str, part: Mapping[str, Any]) -> str:
    table = part["TableName"].removesuffix("Table")
    names, values = part.get("ExpressionAttributeNames", {}), part.get("ExpressionAttributeValues")
    expression = part.get("UpdateExpression", "")
    for placeholder, name in names.items():
        marker = f"{placeholder} = :"
        if name == "state" and marker in expression and values:
            word = ":" + expression.partition(marker)[2].split(",")[0].split()[0]
            return f"{table}={values[word]['S']}"
    if expression:
        target = expression.split()[1]
        return f"{table}.{names.get(target, target)}"
    return f"{table}{'+' if kind == 'Put' else '-' if kind == 'Delete' else ''}"
