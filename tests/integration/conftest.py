"""The template's own tables in moto, for what happens one after the other.

Moto gets concurrency, presigned forms and conditional copies wrong: those belong to the tests of
the deployed stack. What no engine answers (a `TransactionConflict`) is injected.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from chalicelib.foundation.settings import Settings
from local.template import read
from tests.clock import StoppedClock
from tests.integration.arrivals import Studio
from tests.integration.house import FakeTikTok, Greenroom
from tests.integration.stage import Stage

TEMPLATE = Path(__file__).parents[2] / "infra" / "tables.yaml"
SHAPE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
SETTINGS = Settings(
    build="build-1",
    programs_table="ProgramsTable",
    uploads_table="UploadsTable",
    activities_table="ActivitiesTable",
    marks_table="MarksTable",
    points_table="PointsTable",
    performances_table="PerformancesTable",
    accounts_table="AccountsTable",
    idempotency_table="IdempotencyTable",
    incoming_bucket="incoming",
    videos_bucket="videos",
)


class Calls:
    """Every AWS call made in a test, and faults for those that shall fail."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self._faults: dict[str, list[dict[str, Any]]] = {}

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.made]

    def fail(self, operation: str, response: dict[str, Any], times: int = 1) -> None:
        """Let the next calls of an operation be answered with an error response."""
        self._faults.setdefault(operation, []).extend([response] * times)

    def fault_for(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        self.made.append((operation, dict(parameters)))  # botocore changes what it is given
        waiting = self._faults.get(operation)
        return waiting.pop(0) if waiting else None


@cache
def _client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]


@cache
def _tables() -> dict[str, dict[str, Any]]:
    resources = read(TEMPLATE)["Resources"]
    return {
        name: {key: resource["Properties"][key] for key in SHAPE if key in resource["Properties"]}
        for name, resource in resources.items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def settings(aws: None) -> Settings:
    """Settings naming tables and buckets that are there, and empty."""
    for name, shape in _tables().items():
        _client("dynamodb").create_table(TableName=name, **shape)
    for bucket in (SETTINGS.incoming_bucket, SETTINGS.videos_bucket):
        _client("s3").create_bucket(Bucket=bucket)
    return SETTINGS


@pytest.fixture
def s3(settings: Settings) -> Any:
    return _client("s3")


@pytest.fixture
def dynamodb(settings: Settings) -> Any:
    return _client("dynamodb")


@pytest.fixture
def calls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Watch all AWS calls from here on."""
    calls = Calls()
    make = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        fault = calls.fault_for(operation, parameters)
        if fault is not None:
            raise ClientError(fault, operation)  # type: ignore[arg-type]
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return calls


@pytest.fixture
def studio(settings: Settings, s3: Any, clock: StoppedClock) -> Studio:
    return Studio(settings, s3, clock)


@pytest.fixture
def stage(settings: Settings, studio: Studio, clock: StoppedClock) -> Stage:
    return Stage(settings, studio, clock)


@pytest.fixture
def tiktok() -> FakeTikTok:
    return FakeTikTok()


@pytest.fixture
def greenroom(settings: Settings, clock: StoppedClock, tiktok: FakeTikTok) -> Greenroom:
    return Greenroom(settings, clock, tiktok)
