"""The packaged template: what an owner relies on is there, and nothing that nobody meant."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest

from chalicelib.activities import events as activities
from chalicelib.foundation.events import Payload
from chalicelib.foundation.http import MAX_BODY_BYTES
from chalicelib.foundation.origins import ORIGIN_KEY
from chalicelib.foundation.problems import MEDIA_TYPE, all_codes
from chalicelib.performances import events as performances
from chalicelib.points import events as points
from chalicelib.points.boards import LEASE_DURATION
from chalicelib.programs import events as programs
from chalicelib.reports import events as reports
from chalicelib.rewards import events as rewards
from chalicelib.videos import events as videos
from chalicelib.videos.model import MAX_TRIES, RECHECK_DELAY
from chalicelib.webhooks import events as webhooks
from commands.__main__ import main as owner_commands
from local import functions
from local.front import key_of, named_headers
from local.functions import RUNBOOK
from local.home import PROJECT
from local.package import Package
from local.template import ANY_METHOD, declarations

FUNCTION = "AWS::Serverless::Function"
DECLARED = functions.declared(declarations(PROJECT / "infra"))
FUNCTIONS = {each.logical_id: each for each in DECLARED}
WATCHED = {name for name, each in FUNCTIONS.items() if each.errors_alarm}
STREAMED = {name: each for name, each in FUNCTIONS.items() if each.stream}
CLOCKED = {name: each for name, each in FUNCTIONS.items() if each.schedule}
SUBSCRIBED = {name: each for name, each in FUNCTIONS.items() if each.events}
TABLES = (
    "ProgramsTable",
    "UploadsTable",
    "ActivitiesTable",
    "IdempotencyTable",
    "AttemptsTable",
    "MarksTable",
    "PointsTable",
    "BoardsTable",
    "RewardsTable",
    "PrivacyTable",
    "PerformancesTable",
    "AccountsTable",
    "ReportsTable",
    "AuditTable",
    "OriginsTable",
    "WebhooksTable",
    "NoticesTable",
)
BUCKETS = ("IncomingBucket", "VideosBucket", "ExportsBucket")
SHOWN_PICTURES = {"Fn::Sub": "${VideosBucket.Arn}/pictures/*"}
CONSOLE = (
    "ConsoleBucket",
    "ConsoleBucketPolicy",
    "ConsoleAccess",
    "ConsoleFallback",
    "ConsoleHeaders",
    "ApiHeaders",
    "PictureHeaders",
    "Distribution",
    "ConsoleAddress",
    "ConsoleAddress6",
)
DEAD_LETTERS = {
    failed: f"{failed}Waiting"
    for failed in (
        "ArrivalsFailed",
        "StagingFailed",
        "WebhooksFailed",
        "PersonalExportsFailed",
        "DigestsFailed",
        "MailEventsFailed",
        "EventsFailed",
        "StreamsFailed",
        "ClockFailed",
    )
}
FED = {
    "ArrivalsQueue": "ArrivalsFailed",
    "StagingQueue": "StagingFailed",
    "WebhooksQueue": "WebhooksFailed",
    "SlowWebhooksQueue": "WebhooksFailed",
    "PersonalExportsQueue": "PersonalExportsFailed",
    "DigestsQueue": "DigestsFailed",
    "MailEventsQueue": "MailEventsFailed",
    **{str(each.queue): str(each.failed) for each in SUBSCRIBED.values()},
}
QUEUES = (*FED, *DEAD_LETTERS)
LATE = (
    "ArrivalsQueueOld",
    "StagingQueueOld",
    "WebhooksQueueOld",
    "SlowWebhooksQueueOld",
    "PersonalExportsQueueOld",
    "DigestsQueueOld",
    "MailEventsQueueOld",
    *(f"{name}Late" for name in (*STREAMED, *SUBSCRIBED)),
)
RESOURCES = {
    *FUNCTIONS,
    *(each.role for each in DECLARED),
    *(f"{name}Rule" for name in SUBSCRIBED),
    *(f"{each.queue}Policy" for each in SUBSCRIBED.values()),
    "EventBus",
    *(f"{function}Logs" for function in FUNCTIONS),
    *(f"{function}Errors" for function in WATCHED),
    "ApiFailures",
    "TikTokAppRefused",
    "MediaLayer",
    *LATE,
    *TABLES,
    *BUCKETS,
    *CONSOLE,
    *(f"{bucket}Policy" for bucket in BUCKETS),
    *QUEUES,
    *DEAD_LETTERS.values(),
    "ArrivalsQueuePolicy",
    "EventsFailedPolicy",
    "MailEventsQueuePolicy",
    "MailEventsRule",
    "NoticeMails",
    "NoticeMailEvents",
    "RestAPI",
    "ApiWebAcl",
    "APIHandlerInvokePermission",
    "AuthorizerInvokePermission",
    "AgentsServeMcpInvokePermission",
    "UserPool",
    "UserPoolClient",
    "SignInPages",
    "CompanyProvider",
    "CompanyClient",
    "CursorSecret",
    "TikTokSecret",
    "TokensKey",
    "AlarmTopic",
    "Dashboard",
    "TracePolicy",
    "AlarmSubscription",
}
GATEWAY_SECONDS = 29
LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


def properties(resources: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = resources[name]["Properties"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> set[str]:
    return {name for name, resource in resources.items() if resource["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk the statements of all roles, with the role's name."""
    for name in of_type(resources, "AWS::IAM::Role"):
        for policy in properties(resources, name)["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def test_the_template_has_these_resources_and_no_other(resources: dict[str, Any]) -> None:
    assert set(resources) == RESOURCES


def test_the_linter_has_nothing_to_say(built: Package) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LINT, "--", str(built.template_file)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "")


# Functions


def test_a_function_of_the_app_and_a_declared_one_are_the_same(resources: dict[str, Any]) -> None:
    """And so it is for what invokes each: the schedule and the batch size stand in app.py."""
    assert of_type(resources, FUNCTION) == set(FUNCTIONS)
    for name, declared in FUNCTIONS.items():
        sources = properties(resources, name).get("Events", {})
        if not declared.source:
            assert not sources, name
            continue
        assert set(sources) == {functions.event_source(declared)}, name
        (source,) = sources.values()
        kind = "Schedule" if declared.schedule else "DynamoDB" if declared.stream else "SQS"
        assert source["Type"] == kind, name
        if declared.schedule:
            assert source["Properties"] == {"Schedule": declared.schedule}, name


def test_a_function_is_named_after_its_package_and_what_it_does() -> None:
    packages = {each.name for each in (PROJECT / "chalicelib").iterdir() if each.is_dir()}
    for each in DECLARED:
        if each.name not in {"api_handler", "authorizer"}:
            assert each.name.partition("_")[0] in packages - {"foundation"}
            assert each.name.partition("_")[2]


def test_each_function_has_its_own_role_memory_and_time_limit(resources: dict[str, Any]) -> None:
    for name, declared in FUNCTIONS.items():
        function = properties(resources, name)
        assert function["Role"] == {"Fn::GetAtt": [declared.role, "Arn"]}
        assert (function["MemorySize"], function["Timeout"]) == (declared.memory, declared.seconds)
        assert 128 <= declared.memory <= 1769  # a whole processor
        assert declared.seconds <= 300
    roles = [each.role for each in DECLARED]
    assert len(set(roles)) == len(roles)
    assert of_type(resources, "AWS::IAM::Role") == set(roles)


def test_functions_run_on_what_their_wheels_are_made_for_whatever_builds_them(
    resources: dict[str, Any],
) -> None:
    for name in FUNCTIONS:
        function = properties(resources, name)
        assert function["Runtime"] == f"python{functions.PYTHON}"
        assert function["Architectures"] == [{"Ref": "Architecture"}]


def test_the_gateway_waits_longer_than_the_api_may_take(resources: dict[str, Any]) -> None:
    for name in ("APIHandler", "Authorizer", "AgentsServeMcp"):
        assert properties(resources, name)["Timeout"] < GATEWAY_SECONDS


def test_settings_are_references_so_that_nothing_is_named_twice(resources: dict[str, Any]) -> None:
    for name in FUNCTIONS:
        for setting, value in (
            properties(resources, name).get("Environment", {}).get("Variables", {}).items()
        ):
            assert isinstance(value, dict) or setting == "FUNCTION", f"{name}: {setting}"


# Event sources


@pytest.mark.parametrize(
    ("function", "queue"),
    [("VideosValidate", "ArrivalsQueue"), ("PerformancesStage", "StagingQueue")],
)
def test_heavy_work_comes_one_by_one_and_only_what_failed_comes_again(
    resources: dict[str, Any], function: str, queue: str
) -> None:
    (source,) = properties(resources, function)["Events"].values()
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["Properties"]["BatchSize"] == 1


# Streams and events

OLD_AND_NEW = "NEW_AND_OLD_IMAGES"
STREAMS = {
    "ProgramsTable": OLD_AND_NEW,
    "UploadsTable": OLD_AND_NEW,
    "ActivitiesTable": OLD_AND_NEW,
    "PerformancesTable": OLD_AND_NEW,
    "PointsTable": "NEW_IMAGE",
    "MarksTable": OLD_AND_NEW,
    "ReportsTable": OLD_AND_NEW,
    "RewardsTable": OLD_AND_NEW,
    "WebhooksTable": OLD_AND_NEW,
}


def test_a_tables_stream_has_one_reader(resources: dict[str, Any]) -> None:
    """AWS allows two for each shard; a second one is for an emergency."""
    assert sorted(str(each.stream) for each in STREAMED.values()) == sorted(STREAMS)
    kept = {
        name: properties(resources, name)["StreamSpecification"]["StreamViewType"]
        for name in TABLES
        if "StreamSpecification" in properties(resources, name)
    }
    assert kept == STREAMS


@pytest.mark.parametrize("function", STREAMED)
def test_a_relays_final_failures_are_put_into_a_queue(
    resources: dict[str, Any], function: str
) -> None:
    declared = STREAMED[function]
    (source,) = properties(resources, function)["Events"].values()
    given = source["Properties"]
    assert given["Stream"] == {"Fn::GetAtt": [declared.stream, "StreamArn"]}
    assert given["StartingPosition"] == "TRIM_HORIZON"
    assert given["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert given["BisectBatchOnFunctionError"] is True
    assert 0 < given["MaximumRetryAttempts"] <= 100
    assert given["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": [declared.failed, "Arn"]},
    }
    filters = given["FilterCriteria"]["Filters"]
    assert 1 <= len(filters) <= 5  # AWS takes no more
    for each in filters:
        assert set(json.loads(each["Pattern"])) <= {"eventName", "dynamodb"}


KINDS = {
    kind.TYPE: {each.name for each in fields(kind)}
    for package in (programs, videos, activities, performances, points, reports, rewards, webhooks)
    for kind in vars(package).values()
    if isinstance(kind, type) and issubclass(kind, Payload) and "TYPE" in vars(kind)
} | {each.TYPE: {field.name for field in fields(each)} for each in webhooks.BUS_EVENTS}


@pytest.mark.parametrize("function", SUBSCRIBED)
def test_a_consumer_has_its_events_from_the_bus_through_a_queue_of_its_own(
    resources: dict[str, Any], function: str
) -> None:
    """So that one that is broken holds up nobody else."""
    declared = SUBSCRIBED[function]
    rule = properties(resources, f"{function}Rule")
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert set(rule["EventPattern"]["detail-type"]) <= set(KINDS)
    for name in rule["EventPattern"].get("detail", {}).get("payload", {}):
        assert all(name in KINDS[kind] for kind in declared.events)
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [declared.queue, "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [declared.failed, "Arn"]}}
    (source,) = properties(resources, function)["Events"].values()
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": [declared.queue, "Arn"]}
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    only_this_rule(properties(resources, f"{declared.queue}Policy"), declared.queue, function)


def only_this_rule(policy: dict[str, Any], queue: str | None, *of: str) -> None:
    assert policy["Queues"] == [{"Ref": queue}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
    rules = [{"Fn::GetAtt": [f"{each}Rule", "Arn"]} for each in of]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rules}}


def test_the_rules_of_the_bus_and_nobody_else_put_aside_what_cannot_be_delivered(
    resources: dict[str, Any],
) -> None:
    """In one policy: a queue has no second one, the later would replace the earlier."""
    only_this_rule(properties(resources, "EventsFailedPolicy"), "EventsFailed", *SUBSCRIBED)
    written = [
        queue["Ref"]
        for name in of_type(resources, "AWS::SQS::QueuePolicy")
        for queue in properties(resources, name)["Queues"]
    ]
    assert len(written) == len(set(written))


@pytest.mark.parametrize("function", CLOCKED)
def test_a_run_of_the_clock_that_fails_again_and_again_is_told(
    resources: dict[str, Any], function: str
) -> None:
    """The clock invokes without waiting: Lambda tries again, and then only a destination tells."""
    told = properties(resources, function)["EventInvokeConfig"]
    assert told["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": ["ClockFailed", "Arn"]},
    }
    assert told["MaximumRetryAttempts"] == 2
    assert 60 <= told["MaximumEventAgeInSeconds"] <= 3600  # six hours by itself, for want of room
    sends = [
        each["Resource"]
        for name, each in statements(resources)
        if name == f"{function}Role" and each["Action"] == "sqs:SendMessage"
    ]
    assert {"Fn::GetAtt": ["ClockFailed", "Arn"]} in sends


def test_every_function_has_somebody_told_of_its_failures_without_an_alarm_of_its_own(
    resources: dict[str, Any],
) -> None:
    """By the queue that its work ends in, or by the gateway's errors."""
    for name, each in FUNCTIONS.items():
        if each.name in {"api_handler", "authorizer", "agents_serve_mcp"}:
            continue
        ends = each.failed or FED.get(str(each.queue)) or each.queue
        alarm = resources[DEAD_LETTERS[str(ends)]]
        assert "Condition" not in alarm, name
    assert "Condition" not in resources["ApiFailures"]


def test_a_queue_that_nothing_can_come_to_is_not_asked(resources: dict[str, Any]) -> None:
    """Without a sender no mail leaves, and SES tells of none."""
    (source,) = properties(resources, "NotificationsHandleSesEvents")["Events"].values()
    assert source["Properties"]["Enabled"] == {"Fn::If": ["OwnSender", True, False]}
    asked = [name for name, each in FUNCTIONS.items() if each.enabled]
    assert asked == ["NotificationsHandleSesEvents"]


def test_only_relays_publish(resources: dict[str, Any]) -> None:
    publishing = {
        role
        for role, statement in statements(resources)
        if "events:PutEvents" in listed(statement["Action"])
    }
    assert publishing == {each.role for each in STREAMED.values()}


def test_nothing_but_a_request_writes_to_the_ledger(resources: dict[str, Any]) -> None:
    """What counts it and ranks by it cannot change it; an erasure takes words from it."""
    writing = {
        role
        for role, statement in statements(resources)
        for action in listed(statement["Action"])
        if action in {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
        and "PointsTable" in json.dumps(statement["Resource"])
    }
    assert writing == {
        "APIHandlerRole",
        "PerformancesStageRole",
        "PerformancesResumeOverdueSendsRole",
        "PrivacyEraseAndQueueExportsRole",
    }


def test_functions_that_agents_reach_can_send_award_remove_and_decrypt_nothing(
    resources: dict[str, Any],
) -> None:
    """Whatever an agent is talked into: its function is granted no more."""
    granted = [
        (action, json.dumps(resource))
        for role, statement in statements(resources)
        if role == "AgentsServeMcpRole"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert {action.partition(":")[0] for action, _ in granted} <= {
        *("dynamodb", "logs", "secretsmanager", "xray")
    }
    secrets = {where for action, where in granted if action.startswith("secretsmanager:")}
    assert secrets == {json.dumps({"Fn::GetAtt": ["CursorSecret", "Id"]})}
    reads = {"GetItem", "BatchGetItem", "Query", "ConditionCheckItem"}
    writes = {
        (action.partition(":")[2], where)
        for action, where in granted
        if action.startswith("dynamodb:") and action.partition(":")[2] not in reads
    }
    assert writes == {
        ("PutItem", json.dumps({"Fn::GetAtt": ["ActivitiesTable", "Arn"]})),  # drafts
        ("PutItem", json.dumps({"Fn::GetAtt": ["AuditTable", "Arn"]})),
        ("PutItem", json.dumps({"Fn::GetAtt": ["OriginsTable", "Arn"]})),  # addresses of callers
        ("UpdateItem", json.dumps({"Fn::GetAtt": ["AttemptsTable", "Arn"]})),  # counted calls
    }
    for table in ("AccountsTable", "PerformancesTable"):
        assert table in resources
        assert not [where for _, where in granted if table in where], table


def test_no_function_may_change_or_remove_an_entry_of_the_audit_trail(
    resources: dict[str, Any],
) -> None:
    """An entry is put, with a condition that there is none; all else only reads."""
    allowed = {
        action
        for _, statement in statements(resources)
        for action in listed(statement["Action"])
        if "AuditTable" in json.dumps(statement["Resource"])
    }
    assert allowed == {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}
    assert not [
        statement
        for _, statement in statements(resources)
        if statement["Resource"] == "*"
        and any("dynamodb" in action for action in listed(statement["Action"]))
    ]


def test_the_table_of_the_audit_trail_refuses_changes_to_everybody_but_its_expiry(
    resources: dict[str, Any],
) -> None:
    table = properties(resources, "AuditTable")
    (refused,) = table["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert (refused["Effect"], refused["Principal"]) == ("Deny", "*")
    changing = {"DeleteItem", "UpdateItem", "BatchWriteItem", "PartiQLDelete", "PartiQLUpdate"}
    assert {f"dynamodb:{each}" for each in changing} <= set(refused["Action"])
    assert refused["Condition"] == {"Bool": {"aws:PrincipalIsAWSService": "false"}}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    for name, function in FUNCTIONS.items():
        variables = properties(resources, name)["Environment"]["Variables"]
        granted = [each for role, each in statements(resources) if role == f"{name}Role"]
        writes = json.dumps([each for each in granted if "AuditTable" in json.dumps(each)])
        assert "AUDIT_DAYS" in variables or "dynamodb:PutItem" not in writes, function.name
        if "AUDIT_DAYS" in variables:
            assert variables["AUDIT_DAYS"] == {"Ref": "AuditDays"}, function.name


def test_boards_are_made_each_minute_by_runs_shorter_than_their_lease(
    resources: dict[str, Any],
) -> None:
    assert FUNCTIONS["PointsBuildLeaderboards"].schedule == "rate(1 minute)"
    timeout = properties(resources, "PointsBuildLeaderboards")["Timeout"]
    assert timeout < LEASE_DURATION.total_seconds()


@pytest.mark.parametrize(
    "function",
    [
        "ActivitiesSweepDueActivities",
        "PerformancesResumeOverdueSends",
        "ProgramsMailInvitations",
        "VideosSweepStuckUploads",
    ],
)
def test_a_sweep_of_each_minute_is_over_before_the_next(
    resources: dict[str, Any], function: str
) -> None:
    assert FUNCTIONS[function].schedule == "rate(1 minute)"
    assert properties(resources, function)["Timeout"] < 60


def test_a_validation_is_over_before_somebody_looks_again(resources: dict[str, Any]) -> None:
    assert properties(resources, "VideosValidate")["Timeout"] < RECHECK_DELAY.total_seconds()
    assert properties(resources, "ArrivalsQueue")["RedrivePolicy"]["maxReceiveCount"] == MAX_TRIES


# Queues


def test_a_queue_hides_a_message_six_times_as_long_as_its_function_may_take(
    resources: dict[str, Any],
) -> None:
    for each in DECLARED:
        if each.queue:
            hidden = properties(resources, each.queue)["VisibilityTimeout"]
            assert hidden >= 6 * each.seconds, each.name


def test_repeated_failures_wait_in_a_dead_letter_queue(resources: dict[str, Any]) -> None:
    assert of_type(resources, "AWS::SQS::Queue") == set(QUEUES)
    for fed, failed in FED.items():
        redrive = properties(resources, fed)["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [failed, "Arn"]}
        assert 2 <= redrive["maxReceiveCount"] <= 10
    for name in QUEUES:
        queue = properties(resources, name)
        assert queue["SqsManagedSseEnabled"] is True
        kept = 4 * 3600 if name == "ClockFailed" else 14 * 24 * 3600
        assert queue["MessageRetentionPeriod"] == kept


def test_messages_of_a_failure_queue_can_be_redriven(template: dict[str, Any]) -> None:
    """The command finds queues, and those that their messages end in, by outputs alone."""
    for name in (*FED, *DEAD_LETTERS):
        assert template["Outputs"][f"{name}Url"]["Value"] == {"Ref": name}, name


def test_only_s3_for_this_account_may_send_to_the_queue(resources: dict[str, Any]) -> None:
    (statement,) = properties(resources, "ArrivalsQueuePolicy")["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


# Alarms and logs


@pytest.mark.parametrize(("queue", "alarm"), DEAD_LETTERS.items())
def test_a_message_in_a_dead_letter_queue_raises_an_alarm(
    resources: dict[str, Any], queue: str, alarm: str
) -> None:
    raised = properties(resources, alarm)
    assert raised["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert raised["Dimensions"] == [
        {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
    ]
    assert (raised["Threshold"], raised["EvaluationPeriods"]) == (1, 1)
    assert raised["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


@pytest.mark.parametrize("function", sorted(WATCHED))
def test_a_failing_function_raises_an_alarm(resources: dict[str, Any], function: str) -> None:
    raised = properties(resources, f"{function}Errors")
    assert (raised["Namespace"], raised["MetricName"]) == ("AWS/Lambda", "Errors")
    assert raised["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert resources[f"{function}Errors"]["Condition"] == "FunctionsAlarmed"


def test_late_work_alarms_for_the_main_job_and_optionally_for_the_rest(
    resources: dict[str, Any],
) -> None:
    """A table's stream forgets after a day; what keeps one waiting keeps all."""
    always = {name for name in LATE if "Condition" not in resources[name]}
    assert always == {"ArrivalsQueueOld", "StagingQueueOld", "PerformancesQueueAndRelayLate"}
    others = {resources[name]["Condition"] for name in LATE if name not in always}
    assert others == {"LateAlarmed"}


def test_the_runbook_says_of_every_function_what_it_means_that_its_work_was_given_up() -> None:
    text = (PROJECT / RUNBOOK).read_text(encoding="utf-8")
    for name, each in (STREAMED | SUBSCRIBED).items():
        assert f"| `{name}` | {each.failed_means} |" in text, name


def test_every_alarm_tells_the_owner_and_has_a_page_in_the_runbook(
    resources: dict[str, Any],
) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    pages = {
        line.removeprefix("## ").lower().replace(" ", "-")
        for line in (PROJECT / RUNBOOK).read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    }
    assert len(alarms) == len(WATCHED) + len(DEAD_LETTERS) + len(LATE) + 2
    for name in alarms:
        assert properties(resources, name)["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        description, page = properties(resources, name)["AlarmDescription"].split(f" {RUNBOOK}#")
        assert description.endswith(".")
        assert page in pages, name


COMMAND = re.compile(r"python -m commands ((?:[a-z][a-z-]* )+)")


def test_the_runbook_names_commands_targets_and_functions_that_there_are(
    resources: dict[str, Any],
) -> None:
    text = (PROJECT / RUNBOOK).read_text(encoding="utf-8")
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z-]+) STAGE", text):
        assert f"\n{target}: environments" in makefile, target
    for words in COMMAND.findall(text):
        group: Any = owner_commands
        for word in words.split():
            assert word in group.commands, words
            group = group.commands[word]
    for function in re.findall(r"FUNCTION=([A-Za-z]+)", text):
        assert function in FUNCTIONS, function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logs_are_kept_for_a_while_and_then_go(
    template: dict[str, Any], resources: dict[str, Any], function: str
) -> None:
    group = properties(resources, f"{function}Logs")
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{{function}}}"}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert 1 <= template["Parameters"]["LogRetentionDays"]["Default"] <= 365


# Tables


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_outlives_the_stack_is_protected(
    template: dict[str, Any], resources: dict[str, Any], name: str
) -> None:
    table = properties(resources, name)
    assert of_type(resources, "AWS::DynamoDB::Table") == set(TABLES)
    protected = {"Fn::If": ["DeletionProtected", True, False]}
    kept = resources[name]["DeletionPolicy"] != "Delete"
    assert table.get("DeletionProtectionEnabled") == (protected if kept else None)
    assert template["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize("name", ["ProgramsTable", "UploadsTable", "ActivitiesTable", *BUCKETS])
def test_resources_with_peoples_work_outlive_the_stack(
    resources: dict[str, Any], name: str
) -> None:
    kept = (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"])
    assert kept == ("RetainExceptOnCreate", "Retain")


def test_idempotency_records_go_by_themselves(resources: dict[str, Any]) -> None:
    assert properties(resources, "IdempotencyTable")["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }


# Buckets


@pytest.mark.parametrize("name", [*BUCKETS, "ConsoleBucket"])
def test_a_bucket_is_private_and_encrypted(resources: dict[str, Any], name: str) -> None:
    bucket = properties(resources, name)
    assert of_type(resources, "AWS::S3::Bucket") == {*BUCKETS, "ConsoleBucket"}
    assert set(bucket["PublicAccessBlockConfiguration"].items()) == {
        ("BlockPublicAcls", True),
        ("BlockPublicPolicy", True),
        ("IgnorePublicAcls", True),
        ("RestrictPublicBuckets", True),
    }
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_refuses_plain_http_unless_the_owner_says_otherwise(
    template: dict[str, Any], resources: dict[str, Any], name: str
) -> None:
    assert template["Parameters"]["RequireTls"]["Default"] == "true"
    *_, statement = properties(resources, f"{name}Policy")["PolicyDocument"]["Statement"]
    condition = resources[f"{name}Policy"].get("Condition")
    if "Fn::If" in statement:
        condition, statement, nothing = statement["Fn::If"]
        assert nothing == {"Ref": "AWS::NoValue"}
    assert condition == "TlsRequired"
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {"Fn::GetAtt": [name, "Arn"]} in statement["Resource"]


def test_incoming_files_go_by_themselves_and_are_announced(resources: dict[str, Any]) -> None:
    bucket = properties(resources, "IncomingBucket")
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    (announced,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert announced["Event"] == "s3:ObjectCreated:*"
    assert announced["Queue"] == {"Fn::GetAtt": ["ArrivalsQueue", "Arn"]}
    assert announced["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "incoming/"}]


def test_old_versions_of_videos_go_by_themselves(resources: dict[str, Any]) -> None:
    bucket = properties(resources, "VideosBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any(
        "NoncurrentVersionExpiration" in rule and rule["ExpiredObjectDeleteMarker"]
        for rule in rules
    )


# Policies


def test_no_role_may_do_all_of_anything_or_anything_on_all(resources: dict[str, Any]) -> None:
    for role, statement in statements(resources):
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(statement)
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{role}: {action}"
        for resource in listed(statement["Resource"]):
            text = resource if isinstance(resource, str) else next(iter(resource.values()))
            plain = text if isinstance(text, str) else ".".join(map(str, text))
            assert "*" not in plain[:-1], f"{role}: {plain}"
            assert plain not in {"*", "arn:*"}, f"{role}: {plain}"
            assert not plain.endswith(("${AWS::AccountId}:*", "Arn}*", ":::*")), f"{role}: {plain}"


def test_only_lambda_takes_the_roles_and_nothing_else_is_attached(
    resources: dict[str, Any],
) -> None:
    for name in of_type(resources, "AWS::IAM::Role"):
        role = properties(resources, name)
        assert "ManagedPolicyArns" not in role
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_only_the_api_writes_pictures_and_only_what_no_reward_shows_is_removed(
    resources: dict[str, Any],
) -> None:
    touching = {
        (role, action)
        for role, statement in statements(resources)
        for action in listed(statement["Action"])
        if SHOWN_PICTURES in listed(statement["Resource"])
    }
    assert touching == {
        ("APIHandlerRole", "s3:PutObject"),
        ("RewardsRemovePicturesRole", "s3:DeleteObject"),
    }


def test_only_the_validation_writes_videos_and_only_what_no_verdict_chose_is_removed(
    resources: dict[str, Any],
) -> None:
    touching = {
        (role, action)
        for role, statement in statements(resources)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if "VideosBucket" in json.dumps(resource) and resource != SHOWN_PICTURES
    }
    assert touching == {
        ("VideosValidateRole", "s3:PutObject"),
        ("PerformancesStageRole", "s3:GetObject"),
        ("APIHandlerRole", "s3:GetObject"),
        ("VideosSweepStuckUploadsRole", "s3:DeleteObject"),
    }
    kept = [
        resource
        for _, statement in statements(resources)
        for resource in listed(statement["Resource"])
        if "VideosBucket" in json.dumps(resource) and resource != SHOWN_PICTURES
    ]
    assert {json.dumps(each) for each in kept} == {
        json.dumps({"Fn::Sub": "${VideosBucket.Arn}/videos/*"})
    }


def test_the_authorizer_may_do_nothing_but_log(resources: dict[str, Any]) -> None:
    actions = {
        action
        for role, statement in statements(resources)
        if role == "AuthorizerRole"
        for action in listed(statement["Action"])
    }
    assert actions == {"logs:CreateLogStream", "logs:PutLogEvents"}


@pytest.mark.parametrize(
    ("function", "role"), [(name, declared.role) for name, declared in FUNCTIONS.items()]
)
def test_a_function_writes_to_its_own_log_only(
    resources: dict[str, Any], function: str, role: str
) -> None:
    (statement,) = (
        statement
        for name, statement in statements(resources)
        if name == role and "logs:PutLogEvents" in listed(statement["Action"])
    )
    assert statement["Resource"]["Fn::Sub"].endswith(
        f":log-group:/aws/lambda/${{AWS::StackName}}-{function}-*"
    )


# The gateway


def test_the_gateways_own_answers_are_problems_like_all_others(
    resources: dict[str, Any],
) -> None:
    known = {each.code: each for each in all_codes()}
    answers = properties(resources, "RestAPI")["GatewayResponses"]
    assert {
        "UNAUTHORIZED",
        "MISSING_AUTHENTICATION_TOKEN",
        "ACCESS_DENIED",
        "REQUEST_TOO_LARGE",
        "THROTTLED",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
    } <= set(answers)
    for name, answer in answers.items():
        assert answer["ResponseParameters"]["Headers"]["Content-Type"] == f"'{MEDIA_TYPE}'"
        (text,) = answer["ResponseTemplates"].values()
        problem = json.loads(text)
        code = known[problem["code"]]
        assert (problem["status"], problem["title"]) == (code.status, code.title), name
        assert answer["StatusCode"] == code.status, name
        assert set(problem) == {"type", "title", "status", "code", "detail"}


def test_every_route_but_the_public_ones_asks_the_authorizer(resources: dict[str, Any]) -> None:
    paths = properties(resources, "RestAPI")["DefinitionBody"]["paths"]
    open_to_all = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method != ANY_METHOD and operation.get("security") != [{"authorizer": []}]
    }
    assert open_to_all == {
        ("/health", "get"),
        ("/notifications/unsubscribe", "get"),
        ("/notifications/unsubscribe", "post"),
        ("/tiktok/callback", "get"),
        ("/tiktok/webhook", "post"),
        ("/session", "post"),
        ("/session", "delete"),
        ("/session/renew", "post"),
        ("/session/authenticator", "post"),
        ("/session/forgot", "post"),
        ("/session/reset", "post"),
    }


def test_the_api_asks_the_pool_two_things_with_its_role_and_the_pool_takes_no_password_else(
    resources: dict[str, Any],
) -> None:
    granted = [
        (action, statement["Resource"])
        for role, statement in statements(resources)
        if role == "APIHandlerRole"
        for action in listed(statement["Action"])
        if action.startswith("cognito-idp:")
    ]
    pool = {"Fn::GetAtt": ["UserPool", "Arn"]}
    assert granted == [
        ("cognito-idp:AdminInitiateAuth", pool),
        ("cognito-idp:AdminRespondToAuthChallenge", pool),
    ]
    client = properties(resources, "UserPoolClient")
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True
    assert client["RefreshTokenRotation"]["Feature"] == "ENABLED"


def test_attempts_to_sign_in_go_by_themselves(resources: dict[str, Any]) -> None:
    table = properties(resources, "AttemptsTable")
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_gateway_is_regional_and_takes_bodies_far_over_the_limit(
    resources: dict[str, Any],
) -> None:
    """So that what is too large is refused by a problem that says the limit."""
    api = properties(resources, "RestAPI")
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert MAX_BODY_BYTES < 10 * 1024 * 1024


# Identity


def resolved(template: dict[str, Any], value: Any, given: dict[str, str]) -> Any:
    """What CloudFormation makes of a value if the owner gives these parameters."""
    known = {name: each.get("Default") for name, each in template["Parameters"].items()} | given

    def filled(value: Any) -> str:
        text, values = value if isinstance(value, list) else (value, {})
        inner = known | {name: of(each) for name, each in values.items()}
        return re.sub(r"\$\{(.+?)\}", lambda found: str(inner.get(found[1], found[1])), text)

    functions: dict[str, Callable[[Any], Any]] = {
        "Fn::If": lambda its: of(its[1] if of(template["Conditions"][its[0]]) else its[2]),
        "Fn::Not": lambda its: not of(its[0]),
        "Fn::And": lambda its: all(map(of, its)),
        "Fn::Or": lambda its: any(map(of, its)),
        "Fn::Split": lambda its: of(its[1]).split(its[0]),
        "Fn::Select": lambda its: of(its[1])[its[0]],
        "Condition": lambda its: of(template["Conditions"][its]),
        "Fn::Equals": lambda its: of(its[0]) == of(its[1]),
        "Fn::Sub": filled,
        "Ref": lambda its: None if its == "AWS::NoValue" else known.get(its, its),
    }

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(each) for each in value]
        if not isinstance(value, dict):
            return value
        for name, function in functions.items():
            if name in value:
                return function(value[name])
        made = {name: of(each) for name, each in value.items()}
        return {name: each for name, each in made.items() if each is not None}

    return of(value)


@pytest.mark.parametrize(
    ("given", "pool"),
    [
        ({}, "UserPool"),
        ({"PoolInvites": "false"}, ""),
        ({"TokenIssuer": "https://sign-in.example"}, ""),
        ({"SignInDomain": "company", "CompanyOidcIssuer": "https://login.example"}, ""),
    ],
)
def test_the_pool_mails_unless_people_sign_in_elsewhere(
    template: dict[str, Any], given: dict[str, str], pool: str
) -> None:
    variables = template["Resources"]["ProgramsMailInvitations"]["Properties"]["Environment"][
        "Variables"
    ]
    assert resolved(template, variables["USER_POOL_ID"], given) == pool


COMPANY = {
    "PublicUrl": "https://greenroom.example/v1",
    "SignInDomain": "company",
    "CompanyOidcIssuer": "https://login.example",
    "CompanyOidcClientId": "greenroom",
    "CompanyOidcSecretName": "company/login",
}


def test_a_second_step_is_offered_to_everybody_and_by_no_text_message(
    template: dict[str, Any],
) -> None:
    pool = resolved(template, template["Resources"]["UserPool"]["Properties"], {})
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert "SmsConfiguration" not in pool
    client = template["Resources"]["UserPoolClient"]["Properties"]
    assert client["WriteAttributes"] == ["name", "locale"]
    api = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    for value in ("true", "false"):
        given = {"ManagersNeedMfa": value}
        assert resolved(template, api["MANAGERS_NEED_MFA"], given) == value


def test_a_companys_provider_is_federated_under_a_client_that_takes_no_password(
    template: dict[str, Any],
) -> None:
    resources = template["Resources"]
    provider = resolved(template, resources["CompanyProvider"]["Properties"], COMPANY)
    assert provider["ProviderType"] == "OIDC"
    assert provider["ProviderDetails"]["oidc_issuer"] == "https://login.example"
    secret = provider["ProviderDetails"]["client_secret"]
    assert secret == "{{resolve:secretsmanager:company/login:SecretString:client_secret}}"
    assert provider["AttributeMapping"]["email_verified"] == "email_verified"
    saml = {"SignInDomain": "company", "CompanySamlMetadataUrl": "https://login.example/m.xml"}
    provider = resolved(template, resources["CompanyProvider"]["Properties"], saml)
    assert provider["ProviderType"] == "SAML"
    assert provider["ProviderDetails"] == {"MetadataURL": "https://login.example/m.xml"}
    client = resolved(template, resources["CompanyClient"]["Properties"], COMPANY)
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["SupportedIdentityProviders"] == ["CompanyProvider"]
    assert client["CallbackURLs"] == ["https://greenroom.example/signed-in"]
    assert client["LogoutURLs"] == ["https://greenroom.example/"]
    for name in ("SignInPages", "CompanyProvider", "CompanyClient"):
        assert resources[name]["Condition"] == "Federated"


@pytest.mark.parametrize(
    ("given", "audience", "own"),
    [
        ({}, "UserPoolClient", "UserPoolClient"),
        (COMPANY, "CompanyClient", ""),
        ({"TokenIssuer": "https://sign-in.example", "TokenAudience": "them"}, "them", ""),
    ],
)
def test_tokens_are_made_for_the_client_that_people_sign_in_by(
    template: dict[str, Any], given: dict[str, str], audience: str, own: str
) -> None:
    authorizer = template["Resources"]["Authorizer"]["Properties"]["Environment"]["Variables"]
    api = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert resolved(template, authorizer["TOKEN_AUDIENCE"], given) == audience
    assert resolved(template, api["USER_POOL_CLIENT_ID"], given) == own


def test_the_console_may_ask_the_pages_of_a_companys_sign_in(template: dict[str, Any]) -> None:
    headers = template["Resources"]["ConsoleHeaders"]["Properties"]
    asked = str(resolved(template, headers, COMPANY))
    assert " https://cognito-idp." in asked
    assert " https://company.auth." in asked
    assert "cognito" not in str(resolved(template, headers, {}))


def test_the_pool_mails_by_itself_in_its_own_words(template: dict[str, Any]) -> None:
    """What belongs to a sender of one's own is refused where there is none."""
    pool = resolved(template, template["Resources"]["UserPool"]["Properties"], {})
    assert pool["EmailConfiguration"] == {"EmailSendingAccount": "COGNITO_DEFAULT"}
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


@pytest.mark.parametrize("url", ["", "https://greenroom.example/?of=us&them"])
def test_the_pool_mails_by_the_owners_sender_whose_address_a_domain_does_not_tell(
    template: dict[str, Any], url: str
) -> None:
    arn = "arn:aws:ses:eu-west-1:111122223333:identity/company.example"
    sender = {"MailIdentityArn": arn, "MailFrom": "Greenroom <us@company.example>"}
    given = sender | {"SignInUrl": url}
    pool = resolved(template, template["Resources"]["UserPool"]["Properties"], given)
    assert pool["EmailConfiguration"] == {
        "EmailSendingAccount": "DEVELOPER",
        "SourceArn": sender["MailIdentityArn"],
        "From": sender["MailFrom"],
        "ConfigurationSet": "NoticeMails",  # so that a bounce is on the worklist
    }
    words = pool["AdminCreateUserConfig"]["InviteMessageTemplate"]["EmailMessage"]
    assert (words.count("{username}"), words.count("{####}")) == (1, 1)
    assert "<p>{####}</p>" in words  # nothing beside it that might be taken for a part of it
    assert (url in words, "$" in words) == (True, False)


def test_a_sender_that_is_an_address_needs_no_other(template: dict[str, Any]) -> None:
    given = {"MailIdentityArn": "arn:aws:ses:eu-west-1:111122223333:identity/us@company.example"}
    pool = resolved(template, template["Resources"]["UserPool"]["Properties"], given)
    assert "From" not in pool["EmailConfiguration"]


def test_people_are_invited_and_prove_their_address(resources: dict[str, Any]) -> None:
    pool = properties(resources, "UserPool")
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["UsernameAttributes"] == pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    client = properties(resources, "UserPoolClient")
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["GenerateSecret"] is False
    assert client["TokenValidityUnits"]["IdToken"] == "minutes"
    assert client["IdTokenValidity"] <= 60


def test_the_key_of_cursors_is_made_by_the_stack(resources: dict[str, Any]) -> None:
    made = properties(resources, "CursorSecret")["GenerateSecretString"]
    assert made["PasswordLength"] >= 32
    assert "SecretString" not in properties(resources, "CursorSecret")


def test_a_secret_is_named_by_its_whole_name_in_policies(resources: dict[str, Any]) -> None:
    """`Ref` gives the ARN in AWS only; the local cloud gives the name, which allows nothing."""
    used = [
        statement["Resource"]
        for _, statement in statements(resources)
        if "secretsmanager:GetSecretValue" in listed(statement["Action"])
    ]
    named = [each for resource in used for each in listed(resource)]
    assert {each["Fn::GetAtt"][1] for each in named} == {"Id"}
    assert {each["Fn::GetAtt"][0] for each in named} == {"CursorSecret", "TikTokSecret"}


# The console and its one origin


def headers_of(
    template: dict[str, Any], given: dict[str, str], name: str = "ConsoleHeaders"
) -> dict[str, str]:
    policy = properties(template["Resources"], name)["ResponseHeadersPolicyConfig"]
    return named_headers(resolved(template, policy, given))


def test_the_console_may_load_and_run_nothing_but_its_own(template: dict[str, Any]) -> None:
    policy = headers_of(template, {})["Content-Security-Policy"]
    directives = {each.split()[0]: each.split()[1:] for each in policy.split("; ")}
    videos, incoming = (
        f"https://{bucket}.RegionalDomainName/" for bucket in ("VideosBucket", "IncomingBucket")
    )
    assert directives == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", videos],
        "media-src": ["'self'", "blob:", videos],
        "connect-src": ["'self'", incoming, videos],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["greenroom"],
    }


def test_a_foreign_issuer_may_be_asked_from_the_console(template: dict[str, Any]) -> None:
    given = {"TokenIssuer": "https://sign-in.example/tenant/v2.0"}
    policy = headers_of(template, given)["Content-Security-Policy"]
    assert "RegionalDomainName/ https://sign-in.example; manifest-src" in policy


@pytest.mark.parametrize("name", ["ConsoleHeaders", "ApiHeaders"])
def test_browsers_take_no_other_protocol_and_guess_no_type(
    template: dict[str, Any], name: str
) -> None:
    config = properties(template["Resources"], name)["ResponseHeadersPolicyConfig"]
    hsts = config["SecurityHeadersConfig"]["StrictTransportSecurity"]
    assert hsts["AccessControlMaxAgeSec"] >= 365 * 24 * 3600
    assert headers_of(template, {}, name)["X-Content-Type-Options"] == "nosniff"


def test_the_api_is_reached_through_the_console_uncached_with_all_that_a_browser_sends(
    resources: dict[str, Any],
) -> None:
    config = properties(resources, "Distribution")["DistributionConfig"]
    api = config["CacheBehaviors"][0]
    assert (api["PathPattern"], api["TargetOriginId"]) == ("/v1/*", "api")
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
    # AllViewerExceptHostHeader: the gateway answers to its own name alone
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert set(api["AllowedMethods"]) >= {"POST", "PATCH", "PUT", "DELETE"}
    assert "FunctionAssociations" not in api  # its 404 is no page
    assert "CustomErrorResponses" not in config
    origins = {each["Id"]: each for each in config["Origins"]}
    assert properties(resources, "RestAPI")["StageName"] == "v1"
    assert "OriginPath" not in origins["api"]
    assert origins["console"]["OriginAccessControlId"] == {"Fn::GetAtt": ["ConsoleAccess", "Id"]}


def test_pictures_are_served_as_pictures_and_nothing_else_of_their_bucket_is(
    template: dict[str, Any],
) -> None:
    resources = template["Resources"]
    config = properties(resources, "Distribution")["DistributionConfig"]
    _, pictures = config["CacheBehaviors"]
    assert (pictures["PathPattern"], pictures["AllowedMethods"]) == ("/pictures/*", ["GET", "HEAD"])
    headers = headers_of(template, {}, "PictureHeaders")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    allowed, _ = properties(resources, "VideosBucketPolicy")["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Resource"] == {"Fn::Sub": "${VideosBucket.Arn}/pictures/*"}
    (condition,) = allowed["Condition"]["StringEquals"].values()
    assert condition["Fn::Sub"].endswith(":distribution/${Distribution}")


def test_the_api_knows_the_distribution_by_the_key_that_it_sends(resources: dict[str, Any]) -> None:
    config = properties(resources, "Distribution")["DistributionConfig"]
    (header,) = next(
        each["OriginCustomHeaders"] for each in config["Origins"] if each["Id"] == "api"
    )
    assert header["HeaderName"].lower() == ORIGIN_KEY
    requested = {"APIHandler", "AgentsServeMcp"}
    for name in requested:
        known = properties(resources, name)["Environment"]["Variables"]["ORIGIN_KEY"]
        assert header["HeaderValue"] == known
    for name in set(FUNCTIONS) - requested:
        variables = properties(resources, name).get("Environment", {}).get("Variables", {})
        assert "ORIGIN_KEY" not in variables


def test_only_the_distribution_reads_the_consoles_files(resources: dict[str, Any]) -> None:
    policy = properties(resources, "ConsoleBucketPolicy")["PolicyDocument"]
    for statement in policy["Statement"][:2]:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        (condition,) = statement["Condition"]["StringEquals"].values()
        assert condition["Fn::Sub"].endswith(":distribution/${Distribution}")
    condition, refusal, nothing = policy["Statement"][2]["Fn::If"]
    assert (condition, refusal["Effect"], nothing) == (
        "TlsRequired",
        "Deny",
        {"Ref": "AWS::NoValue"},
    )


@pytest.mark.parametrize(
    ("given", "origin", "sign_in"),
    [
        ({"PublicUrl": "https://d1.cloudfront.net/v1"}, "https://d1.cloudfront.net", None),
        ({"ConsoleDomain": "green.example"}, "https://green.example", None),
        ({"ConsoleDomain": "green.example", "SignInUrl": "https://in.example"}, None, "in.example"),
        ({}, "*", ""),
    ],
)
def test_forms_are_taken_from_the_console_alone_and_mails_lead_there(
    template: dict[str, Any], given: dict[str, str], origin: str | None, sign_in: str | None
) -> None:
    cors = properties(template["Resources"], "IncomingBucket")["CorsConfiguration"]
    (rule,) = resolved(template, cors, given)["CorsRules"]
    if origin:
        assert rule["AllowedOrigins"] == [origin]
    sender = given | {"MailIdentityArn": "arn:aws:ses:eu-west-1:1:identity/us@company.example"}
    pool = resolved(template, properties(template["Resources"], "UserPool"), sender)
    words = pool["AdminCreateUserConfig"]["InviteMessageTemplate"]["EmailMessage"]
    assert (f"Sign in at {origin if sign_in is None else ''}" in words) is (sign_in != "")
    assert "ConsoleDomain" not in words
    variables = properties(template["Resources"], "APIHandler")["Environment"]["Variables"]
    public = resolved(template, variables["PUBLIC_URL"], given)
    assert public == (f"{origin}/v1" if origin and origin != "*" else public)


PATHS = (
    *("/", "/index.html", "/feed", "/activities/act_1/edit", "/activities/", "/a.b/c"),
    *("/assets/app-1a2b.js", "/sw.js", "/manifest.webmanifest", "/config.json", "/.well-known/x"),
)


def test_an_address_of_the_consoles_is_its_page_here_as_in_aws(resources: dict[str, Any]) -> None:
    """The distribution's function itself, run by Node where there is one."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no Node here to run the function with")
    code = properties(resources, "ConsoleFallback")["FunctionCode"]
    asked = [{"request": {"uri": path}} for path in PATHS]
    told = f"{code}\nconsole.log(JSON.stringify({json.dumps(asked)}.map(e => handler(e).uri)))"
    ran = subprocess.run([node, "-e", told], capture_output=True, text=True, check=True, timeout=60)
    keys = [uri.removeprefix("/") for uri in json.loads(ran.stdout)]
    assert keys == [key_of(path) for path in PATHS]
    assert keys[2:6] == ["index.html"] * 4


def test_functions_and_api_are_traced_by_a_parameter_and_every_role_may_then_send_traces(
    template: dict[str, Any], resources: dict[str, Any]
) -> None:
    policy = resources["TracePolicy"]
    assert policy["Condition"] == "Traced"
    roles = {each["Ref"] for each in policy["Properties"]["Roles"]}
    assert roles == {name for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert {each.partition(":")[0] for each in statement["Action"]} == {"xray"}
    for given, mode in (({}, "PassThrough"), ({"Tracing": "true"}, "Active")):
        for each in resources.values():
            if each["Type"] == FUNCTION:
                assert resolved(template, each["Properties"]["Tracing"], given) == mode
        api = resolved(template, properties(resources, "RestAPI")["TracingEnabled"], given)
        assert api is (mode == "Active")


def test_the_dashboard_shows_every_step_of_the_main_job(resources: dict[str, Any]) -> None:
    body = json.dumps(properties(resources, "Dashboard")["DashboardBody"])
    packages = (activities, performances, points, programs, reports, rewards, videos)
    steps = {
        name
        for package in packages
        for name, each in vars(package).items()
        if isinstance(each, type) and issubclass(each, Payload) and each.STEP
    }
    assert "PerformancePosted" in steps
    for each in steps:
        assert f'\\"{each}\\", ' in body, each
