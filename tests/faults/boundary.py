"""Records the effects of functions (calls of AWS and TikTok) in order, and injects faults there.

A function (one Lambda invocation) runs inside `Boundary.function`. Each of its effects has a
number; a plan decides what to inject before or after it. A killed function has no further effects,
not even from its `finally` blocks.
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
    """The function was killed: no application code catches this."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Injection:
    """What to inject around one effect; `before` and `after` may raise instead of the effect.

    `again`: the client missed the first answer and retries by itself, as AWS's clients do.
    `during` is called after half of an upload's block is sent.
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


type Plan = Callable[[Effect], Injection | None]


def no_faults(_effect: Effect) -> Injection | None:
    """Inject nothing."""
    return None


@dataclass
class _Run:
    """A running function."""

    function: str
    planned: bool
    ends_at: datetime
    dead: bool = False


@dataclass
class Boundary:
    """Intercepts the process's calls of AWS and TikTok, and records those of functions."""

    clock: SharedClock
    aws: Callable[[str, str, Mapping[str, Any]], Any]
    plan: Plan = no_faults
    effects: list[Effect] = field(default_factory=list)
    _runs: list[_Run] = field(default_factory=list)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Intercept all calls of AWS and TikTok."""
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
            patch.setattr(self.clock, "on_sleep", self._check_time_limit)
            yield

    @contextmanager
    def function(self, name: str, limit: timedelta, *, planned: bool = True) -> Iterator[None]:
        """Run a function with a time limit; faults are injected into outermost functions only."""
        run = _Run(name, planned and not self._runs, self.clock.now() + limit)
        self._runs.append(run)
        try:
            yield
        finally:
            self._runs.pop()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend the running functions while the simulation acts."""
        runs, self._runs = self._runs, []
        try:
            yield
        finally:
            self._runs = runs

    def kill(self) -> None:
        """Kill the running function."""
        self._runs[-1].dead = True
        raise Killed

    def _check_time_limit(self) -> None:
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
            torn: Any = _InterruptedBody(whole, step.during)
            request.body = torn
        answer = do()
        if step.again and "TransactWrite" not in name:  # those have an idempotency token
            answer = _retry(do)
        try:
            step.after()
        except BaseException:
            if isinstance(answer, requests.Response):
                answer.close()
            raise
        return answer


def _retry(do: Callable[[], Any]) -> Any:
    """Send a request again; a failure reports one retry attempt, as boto3's does."""
    try:
        return do()
    except ClientError as error:
        told: Any = error.response
        told.setdefault("ResponseMetadata", {})["RetryAttempts"] = 1
        raise


class _InterruptedBody:
    """An upload body that calls `then` in the middle of each block."""

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
    """Name the tables of a call, and what it writes there."""
    if operation == "TransactWriteItems":
        parts = [next(iter(part.items())) for part in parameters["TransactItems"]]
        return "".join(f" {_write_label(kind, part)}" for kind, part in parts)
    if "TableName" in parameters:
        return f" {_write_label('', parameters)}"
    return ""


def _write_label(kind: str, part: Mapping[str, Any]) -> str:
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
