"""The template's own tables in moto, for what happens one after the other.

Moto gets concurrency, presigned forms and conditional copies wrong: those belong to the tests of
the deployed stack. What no engine answers (a `TransactionConflict`) is injected.
"""

import copy
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import moto.kms.models
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.client import BaseClient
from moto import mock_aws
from moto.backends import get_backend
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.common_types import TYPE_RESPONSE
from moto.core.serialize import BaseJSONSerializer

import commands.__main__ as commands_main
from chalicelib.composition import Container
from chalicelib.foundation.settings import Settings
from commands.stack import Stack
from local.process_environment import REGION
from local.template import read
from tests.clock import StoppedClock
from tests.faults.cloud import template_tables
from tests.faults.tables import Tables
from tests.integration.activity_services import ActivityServices
from tests.integration.greenroom import FakeTikTok, Greenroom
from tests.integration.sandbox import Sandbox
from tests.integration.sandboxed_greenroom import HookedTikTokClient, SandboxedGreenroom
from tests.integration.upload_services import UploadServices

TEMPLATE = Path(__file__).parents[2] / "infra" / "tables.yaml"
ACCOUNT = "123456789012"  # moto's
SHAPE = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
SETTINGS = Settings(
    build="build-1",
    programs_table="ProgramsTable",
    uploads_table="UploadsTable",
    activities_table="ActivitiesTable",
    marks_table="MarksTable",
    points_table="PointsTable",
    boards_table="BoardsTable",
    rewards_table="RewardsTable",
    privacy_table="PrivacyTable",
    personal_exports_queue_url="https://sqs.example/personal-exports",
    performances_table="PerformancesTable",
    reports_table="ReportsTable",
    webhooks_table="WebhooksTable",
    notices_table="NoticesTable",
    accounts_table="AccountsTable",
    idempotency_table="IdempotencyTable",
    audit_table="AuditTable",
    attempts_table="AttemptsTable",
    origins_table="OriginsTable",
    incoming_bucket="incoming",
    videos_bucket="videos",
    exports_bucket="exports",
    event_bus="events",
    notices_from="news@greenroom.example",
    mail_configuration_set="notices",
    digests_queue_url="https://sqs.example/digests",
    console_url="https://greenroom.example",
    public_url="https://greenroom.example/v1",
    cursor_secret_id="cursors",
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


# Moto gives each key of KMS an RSA key of its own, which takes as long as a whole test.
moto.kms.models.generate_private_key = cache(  # type: ignore[attr-defined]
    moto.kms.models.generate_private_key  # type: ignore[attr-defined]
)


PLAIN = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
_serialize = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001  moto refuses what DynamoDB takes


def _as_it_is(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue" and not PLAIN.isdisjoint(value):
        self._default_serialize(serialized, value, shape, key)
    else:
        _serialize(self, serialized, value, shape, key)


# Moto looks for each kind of value in each value, under several names: a fifth of a test's time.
BaseJSONSerializer._serialize_type_structure = _as_it_is  # type: ignore[method-assign]  # noqa: SLF001  likewise


_one_at_a_time = threading.RLock()
_process_request = BotocoreStubber.process_request


def _process_in_turn(self: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
    """Answer one thread after another: moto copies items while others write to them."""
    with _one_at_a_time:
        return _process_request(self, request)


BotocoreStubber.process_request = _process_in_turn  # type: ignore[method-assign]  # moto has no lock


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@cache
def _empty_tables() -> Mapping[str, Any]:
    """Make the tables once; a copy of what moto made of them is four times as fast as another."""
    for name, shape in _tables().items():
        _client("dynamodb").create_table(TableName=name, **shape)
    return copy.deepcopy(_moto_tables())


def _moto_tables() -> dict[str, Any]:
    tables: dict[str, Any] = get_backend("dynamodb")[ACCOUNT][REGION].tables
    return tables


def furnished() -> Settings:
    """Settings naming tables and buckets that are there, and empty: in a moto that has just begun.

    For what needs more of them than one a test; all others take the fixture.
    """
    _moto_tables().update(copy.deepcopy(_empty_tables()))
    for bucket in (
        SETTINGS.incoming_bucket,
        SETTINGS.videos_bucket,
        SETTINGS.exports_bucket,
    ):
        _client("s3").create_bucket(Bucket=bucket)
    return SETTINGS


@pytest.fixture
def settings(aws: None) -> Settings:
    return furnished()


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
    make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        fault = calls.fault_for(operation, parameters)
        if fault is not None:
            raise client.exceptions.from_code(fault["Error"]["Code"])(fault, operation)
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return calls


@pytest.fixture
def upload_services(settings: Settings, s3: Any, clock: StoppedClock) -> UploadServices:
    return UploadServices(settings, s3, _client("sqs"), clock)


@pytest.fixture
def services(
    settings: Settings, upload_services: UploadServices, clock: StoppedClock
) -> ActivityServices:
    return ActivityServices(upload_services, clock)


@pytest.fixture
def tiktok() -> FakeTikTok:
    return FakeTikTok()


@pytest.fixture
def greenroom(settings: Settings, clock: StoppedClock, tiktok: FakeTikTok) -> Greenroom:
    return Greenroom(settings, clock, tiktok)


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("tiktok"), processing_seconds="0.05") as sandbox:
        yield sandbox


@pytest.fixture
def tables_in_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that answer as moto's do (test_fault_tables.py), twenty times as fast.

    For tests that make hundreds of calls and are about something else than tables.
    """
    tables = Tables(template_tables())
    make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name == "dynamodb":
            if operation == "Scan":  # tests look at everything, the product never does
                return {"Items": tables.items(parameters["TableName"])}
            return tables.call(operation, parameters)
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.fixture
def sandboxed(
    settings: Settings, tables_in_memory: None, clock: StoppedClock, process: Sandbox
) -> Iterator[SandboxedGreenroom]:
    process.reset()
    tiktok = HookedTikTokClient(process.url)
    yield SandboxedGreenroom(Greenroom(settings, clock, tiktok), process, tiktok)
    tiktok.close()


class StackHere(Stack):
    """The stack that commands find: the one of the test."""

    container_of_test: Container
    failed_url: str

    def __init__(self, name: str) -> None:
        self.outputs = {"StackName": name, "StagingFailedUrl": self.failed_url}

    def container(self) -> Container:
        return self.container_of_test


@pytest.fixture
def stack_here(greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StackHere, "container_of_test", greenroom.container, raising=False)
    monkeypatch.setattr(StackHere, "failed_url", greenroom.failed_url, raising=False)
    monkeypatch.setattr(commands_main, "Stack", StackHere)
