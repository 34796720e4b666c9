"""Behind the stage: what an owner sees of the deployed stack with AWS credentials."""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import requests
from botocore.config import Config
from click.testing import CliRunner, Result

import commands.__main__ as commands_main
from chalicelib.composition import Container
from chalicelib.foundation.settings import Settings
from local.mail import Mail, kept
from local.process_environment import ACCESS_KEY, REGION, SECRET_KEY
from local.stack import Person, RunningStack
from tests.e2e.people import TIMEOUT_SECONDS, Api, Witness
from tests.e2e.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# Not the boards: they follow the others by themselves, whenever the stream and the clock come.
TABLES = (
    "ProgramsTable",
    "UploadsTable",
    "ActivitiesTable",
    "IdempotencyTable",
    "MarksTable",
    "PointsTable",
    "RewardsTable",
    "PrivacyTable",
    "PerformancesTable",
    "AccountsTable",
)
BY_THE_CLOCK = frozenset(
    {
        *("look_at", "unfinished_in", "lease", "leased_until", "copies"),
        *("waits_for", "waits_until", "changed_by", "change_correlation_id", "write_id"),
        *("next_at", "rounds", "queue_at", "ready_at", "size_bytes"),
        *("mail", "mailed_at", "mail_in", "mail_due", "mail_at", "mail_tries"),
    }
)
"""What the schedule moves on its own each minute; consents go by their time to live likewise."""

BUCKETS = ("IncomingBucket", "VideosBucket")
TICK = {
    "version": "0",
    "id": "tick",
    "source": "aws.events",
    "detail-type": "Scheduled Event",
    "account": "000000000000",
    "region": REGION,
    "time": "2026-01-01T00:00:00Z",
    "resources": [],
    "detail": {},
}


def an_hour_ago() -> str:
    """As instants lie in the tables."""
    return (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")


@dataclass
class DeployedStack:
    """The resources of the stack, found by their names in the template."""

    stack: RunningStack
    begun: float = field(default_factory=time.time)
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The client of a service, made once: making one takes as long as ten calls."""
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint_url,
                config=Config(s3={"addressing_style": "path"}, read_timeout=60),
            )
        return self._clients[service]

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)

    @property
    def endpoint_url(self) -> str:
        return str(self.stack.content["aws"]["endpoint_url"])

    def container(self) -> Container:
        """The services on the stack's own tables, without the Lambdas around them.

        Thirty-two cold Lambdas at once are more than a laptop has processors for.
        """
        os.environ |= self.environment
        configured = self.lambdas.get_function_configuration(FunctionName=self.names["APIHandler"])
        return Container(Settings.from_environment(configured["Environment"]["Variables"]))

    @property
    def environment(self) -> dict[str, str]:
        """What leads a process to this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }

    def command(self, *words: str) -> Result:
        """Run one of the owner's commands in this process: starting another takes seconds."""
        named = [*words, "--stack", str(self.stack.content["stack_name"])]
        return CliRunner().invoke(commands_main.main, named, env=self.environment)

    @cached_property
    def lambdas(self) -> "LambdaClient":
        return self.client("lambda")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self.client("logs")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        return self.client("s3")  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> "SQSClient":
        return self.client("sqs")  # type: ignore[no-any-return]

    @cached_property
    def tables(self) -> "DynamoDBClient":
        return self.client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def dynamodb(self) -> Any:
        return self._session.resource("dynamodb", endpoint_url=self.endpoint_url)

    @cached_property
    def resources(self) -> dict[str, Any]:
        """All resources of the stack, by their names in the template."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each
            for page in pages.paginate(StackName=self.stack.content["stack_name"])
            for each in page["StackResourceSummaries"]
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """What the resources are called in the cloud, by their names in the template."""
        return {name: each["PhysicalResourceId"] for name, each in self.resources.items()}

    def forget_resources(self) -> None:
        """Have the stack's resources read anew: it was updated."""
        for known in ("resources", "names"):
            self.__dict__.pop(known, None)

    def named(self, kind: str) -> list[str]:
        """Return the names, in the template, of all resources of a type."""
        return [name for name, each in self.resources.items() if each["ResourceType"] == kind]

    def table(self, name: str) -> Any:
        return self.dynamodb.Table(self.names[name])

    def items(self, name: str) -> list[dict[str, Any]]:
        """All items of a table; the tables of a test run are small."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self.table(name).scan(ConsistentRead=True, **more)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def objects(self, name: str) -> dict[str, str]:
        """Keys and ETags in a bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.names[name])
        return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", [])}

    def state(self, program_id: str = "") -> dict[str, str]:
        """A fingerprint of everything that is kept: equal means that nothing changed.

        Of one program: of all that names it.
        """
        kept: dict[str, list[Any]] = {name: self._stored(name) for name in TABLES}
        kept |= {name: list(self.objects(name).items()) for name in BUCKETS}
        return {
            name: hashlib.sha256(
                "\n".join(
                    sorted(
                        line
                        for each in content
                        if program_id in (line := json.dumps(each, default=repr, sort_keys=True))
                    )
                ).encode()
            ).hexdigest()
            for name, content in kept.items()
        }

    def unchanged_by[T](self, act: Callable[[], T], program_id: str = "") -> T:
        """Return what `act` answers; fails if it changes anything that is kept.

        What follows from earlier tests may be written meanwhile, seconds after them: `act` is tried
        again, and what it changes itself it changes each time.
        """
        for attempt in range(3):
            time.sleep(5 * attempt)
            before = self.state(program_id)
            answer = act()
            after = self.state(program_id)
            if after == before:
                break
        assert after == before
        return answer

    def _stored(self, name: str) -> list[Any]:
        """All items of a table as they travel, which is quicker to read."""
        pages = self.tables.get_paginator("scan").paginate(
            TableName=self.names[name], ConsistentRead=True
        )
        return [
            {attribute: value for attribute, value in item.items() if attribute not in BY_THE_CLOCK}
            for page in pages
            for item in page["Items"]
            if item.get("item") != {"S": "consent"}
        ]

    def tick(self, function: str = "ActivitiesSweepDueActivities") -> int:
        """Let the clock tick now: what the schedule calls each minute."""
        answer = self.lambdas.invoke(
            FunctionName=self.names[function], Payload=json.dumps(TICK).encode()
        )
        told = answer["Payload"].read().decode()
        assert told.isdigit(), f"The sweep failed: {told}"
        return int(told)

    @contextlib.contextmanager
    def clock_stopped(self, function: str = "ActivitiesSweepDueActivities") -> Iterator[None]:
        """No tick of a function's comes by itself meanwhile."""
        events, rule = self.client("events"), self.names[f"{function}{function}Event"]
        events.disable_rule(Name=rule)
        try:
            yield
        finally:
            events.enable_rule(Name=rule)

    def mails_to(self, email: str) -> list[Mail]:
        """What would have been mailed to somebody, the latest last."""
        return [each for each in kept(self.endpoint_url) if each.to == email]

    @contextlib.contextmanager
    def not_recording(self) -> Iterator[None]:
        """No calls are recorded meanwhile: recording a form of 50 MB takes seconds."""
        self._record(on=False)
        try:
            yield
        finally:
            self._record(on=True)

    def _record(self, *, on: bool) -> None:
        answer = requests.post(
            f"{self.endpoint_url}/_ministack/config",
            json={"cloudtrail._recording_enabled": on},
            timeout=TIMEOUT_SECONDS,
        )
        assert answer.json() == {"applied": {"cloudtrail._recording_enabled": on}}

    @contextlib.contextmanager
    def queueing_paused(self) -> Iterator[None]:
        """New performances are not queued meanwhile, as if their messages were lost."""
        source = self.names["PerformancesQueueAndRelayPerformancesQueueAndRelayDynamodbEventSource"]
        self._switch(source, on=False)
        try:
            yield
        finally:
            self._switch(source, on=True)

    def stage_again(self, performance_id: str) -> None:
        """Put a performance on the staging queue, as a redelivery does."""
        item = self.stored_performance(performance_id)
        names = ("program_id", "member_id", "performance_id", "correlation_id")
        self.sqs.send_message(
            QueueUrl=self.names["StagingQueue"],
            MessageBody=json.dumps({name: item[name] for name in names}),
        )

    def staging_handled(self) -> bool:
        return self._waiting_in("StagingQueue") == 0

    def stored_performance(self, performance_id: str) -> dict[str, Any]:
        """A performance as it lies in its table."""
        return next(
            each
            for each in self.items("PerformancesTable")
            if each["performance_id"] == performance_id
        )

    def is_begun(self, performance_id: str) -> bool:
        """Return whether a worker has begun a performance."""
        item = self.stored_performance(performance_id)
        return "lease" in item or item["state"] != "queued"

    def end_lease(self, performance_id: str) -> None:
        """Let the lease of a worker end, if one has it, and the time of the next look come."""
        item = self.stored_performance(performance_id)
        if "lease" not in item:
            return
        with contextlib.suppress(self.tables.exceptions.ConditionalCheckFailedException):
            self.table("PerformancesTable").update_item(
                Key={"owner": item["owner"], "performance_id": performance_id},
                UpdateExpression="SET leased_until = :past",
                ConditionExpression="lease = :lease",
                ExpressionAttributeValues={":past": an_hour_ago(), ":lease": item["lease"]},
            )
            self.make_overdue(performance_id)

    def make_overdue(self, performance_id: str) -> None:
        """Move the time of a performance's next look an hour back."""
        item = self.stored_performance(performance_id)
        self.table("PerformancesTable").update_item(
            Key={"owner": item["owner"], "performance_id": performance_id},
            UpdateExpression="SET look_at = :past, unfinished_in = :in",
            ExpressionAttributeValues={":past": an_hour_ago(), ":in": "unfinished"},
        )

    def stored_account(self, member_id: str) -> dict[str, Any]:
        """A member's TikTok account as it lies in its table."""
        return next(
            each
            for each in self.items("AccountsTable")
            if each["item"] == "account" and each["member_id"] == member_id
        )

    def change_account(self, member_id: str, **values: Any) -> None:
        """Set attributes of a member's TikTok account."""
        item = self.stored_account(member_id)
        self.table("AccountsTable").update_item(
            Key={"key": item["key"], "item": "account"},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def take_places(self, member_id: str, count: int, hours_ago: int = 1) -> None:
        """Take places in a member's TikTok inbox, those taken before excepted."""
        since = datetime.now(UTC) - timedelta(hours=hours_ago)
        self.table("AccountsTable").put_item(
            Item={
                "key": self.stored_account(member_id)["key"],
                "item": "inbox",
                "places": {f"{since.isoformat()}#prf_planted{number}" for number in range(count)},
            }
        )

    def tokens_of(self, member_id: str) -> dict[str, str]:
        """A member's TikTok tokens, as only the owner of the key can read them."""
        item = self.stored_account(member_id)
        plain = self.client("kms").decrypt(
            CiphertextBlob=bytes(item["tokens"].value),
            EncryptionContext={"program_id": item["program_id"], "member_id": member_id},
        )["Plaintext"]
        tokens: dict[str, str] = json.loads(plain)
        return tokens

    @contextlib.contextmanager
    def consumer_paused(self, function: str) -> Iterator[None]:
        """A consumer of events does not get them meanwhile, as if they were lost."""
        source = self.names[f"{function}{function}SqsEventSource"]
        self._switch(source, on=False)
        try:
            yield
        finally:
            self._switch(source, on=True)

    @contextlib.contextmanager
    def validation_paused(self) -> Iterator[None]:
        """What arrives stays in the queue meanwhile, as if validation took long."""
        source = self.names["VideosValidateVideosValidateSqsEventSource"]
        self._switch(source, on=False)
        try:
            yield
        finally:
            self._switch(source, on=True)

    def _switch(self, source: str, *, on: bool) -> None:
        wanted = "Enabled" if on else "Disabled"
        self.lambdas.update_event_source_mapping(UUID=source, Enabled=on)
        wait_for(
            f"The queue's connection being {wanted.lower()}",
            lambda: self.lambdas.get_event_source_mapping(UUID=source)["State"] == wanted,
        )

    def announce(self, key: str, queue: str = "ArrivalsQueue") -> None:
        """Return the queue of an object, as S3 does."""
        record = {"s3": {"bucket": {"name": self.names["IncomingBucket"]}, "object": {"key": key}}}
        self.sqs.send_message(
            QueueUrl=self.names[queue], MessageBody=json.dumps({"Records": [record]})
        )

    def _waiting_in(self, queue: str) -> int:
        told = self.sqs.get_queue_attributes(QueueUrl=self.names[queue], AttributeNames=["All"])
        waiting = told["Attributes"]
        return int(waiting["ApproximateNumberOfMessages"]) + int(
            waiting["ApproximateNumberOfMessagesNotVisible"]
        )

    def arrivals_handled(self) -> bool:
        return self._waiting_in("ArrivalsQueue") == 0

    def failed_arrivals(self) -> int:
        return self._waiting_in("ArrivalsFailed")

    def failed_verdicts(self) -> int:
        return self._waiting_in("VerdictsFailed")

    def let_form_expire(self, upload_id: str) -> None:
        """Move the end of an upload's form an hour back."""
        self.change_upload(upload_id, form_expires_at=an_hour_ago())

    def stored_upload(self, upload_id: str) -> dict[str, Any]:
        """An upload as it lies in its table."""
        return next(each for each in self.items("UploadsTable") if each["upload_id"] == upload_id)

    def change_upload(self, upload_id: str, **values: Any) -> None:
        """Set attributes of an upload."""
        self.table("UploadsTable").update_item(
            Key={
                "program_id": self.stored_upload(upload_id)["program_id"],
                "upload_id": upload_id,
            },
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def lose_arrivals(self, count: int) -> None:
        """Wait for this many arrivals in the queue and forget them, as if S3 had never told it."""
        wait_for("S3's messages", lambda: self._waiting_in("ArrivalsQueue") >= count)
        self.sqs.purge_queue(QueueUrl=self.names["ArrivalsQueue"])

    def stored_activity(self, activity_id: str) -> dict[str, Any]:
        """An activity as it lies in its table."""
        return next(
            each for each in self.items("ActivitiesTable") if each["activity_id"] == activity_id
        )

    def change_activity(self, activity_id: str, **values: Any) -> None:
        """Set attributes of an activity."""
        item = self.stored_activity(activity_id)
        self.table("ActivitiesTable").update_item(
            Key={"program_id": item["program_id"], "activity_id": activity_id},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def unfinish(self, made_id: str, locked_until: int) -> None:
        """Take the record of an Idempotency-Key back to before its answer."""
        plain = made_id.partition("_")[2]
        record = next(each for each in self.items("IdempotencyTable") if each["made_id"] == plain)
        self.unfinish_record(str(record["record_id"]), locked_until)

    def idempotency_records(self) -> set[str]:
        return {str(each["record_id"]) for each in self.items("IdempotencyTable")}

    def unfinish_record(self, record_id: str, locked_until: int) -> None:
        self.table("IdempotencyTable").update_item(
            Key={"record_id": record_id},
            UpdateExpression="SET locked_until = :until REMOVE #status, #body",
            ExpressionAttributeNames={"#status": "status", "#body": "body"},
            ExpressionAttributeValues={":until": locked_until},
        )

    def log_of(self, function: str, since: float | None = None) -> list[str]:
        """What a function has logged since then (since this run began unless told otherwise)."""
        return self.log_group(f"/aws/lambda/{self.names[function]}", since)

    def log_group(self, group: str, since: float | None = None) -> list[str]:
        begun = int((self.begun if since is None else since) * 1000)
        found: list[tuple[int, str]] = []
        while True:
            # The local cloud answers the first 10,000 and no token for those behind: ask again
            # from the last instant on, whose events are answered again, too.
            answered = self.logs.filter_log_events(logGroupName=group, startTime=begun)["events"]
            found = [each for each in found if each[0] < begun]
            found += [(each["timestamp"], each["message"]) for each in answered]
            if not answered or answered[-1]["timestamp"] == begun:
                return [message for _, message in found]
            begun = answered[-1]["timestamp"]

    def log_groups(self) -> list[str]:
        pages = self.logs.get_paginator("describe_log_groups").paginate()
        return [each["logGroupName"] for page in pages for each in page["logGroups"]]


@dataclass(frozen=True)
class Program:
    """A program with its people signed in."""

    program_id: str
    manager: Api
    member: Api


def create_program(
    deployed: DeployedStack, witness: Witness, time_zone: str = "UTC", name: str | None = None
) -> Program:
    """Make a program as its owner does, by the command, and sign its people in."""
    name = name or f"Program {secrets.token_hex(4)}"
    plain = name.lower().replace(" ", "-")
    manager, member = (f"{who}@{plain}.example" for who in ("manager", "member"))
    made = deployed.command(
        *("program", "create", "--name", name, "--manager", manager, "--member", member),
        *("--time-zone", time_zone),
    )
    assert made.exit_code == 0, made.output
    program_id = str(json.loads(made.stdout)["program_id"])
    people = [
        Api.of(deployed.stack, witness, add_person(deployed, email, program_id))
        for email in (manager, member)
    ]
    return Program(program_id, people[0], people[1])


def add_person(
    deployed: DeployedStack, email: str, program_id: str | None = None, *, verified: bool = True
) -> Person:
    """Let somebody sign in with a password, whether or not a program knows them."""
    cognito = deployed.client("cognito-idp")
    pool = deployed.stack.identity["user_pool_id"]
    password = f"Gr-{secrets.token_hex(12)}7"
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=email,
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": str(verified).lower()},
            ],
            MessageAction="SUPPRESS",
        )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=email, Password=password, Permanent=True
    )
    return Person(email, password, "", program_id)
