"""The packaged template: what an owner relies on is there, and nothing that nobody meant."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.foundation.http import MAX_BODY_BYTES
from chalicelib.foundation.problems import MEDIA_TYPE, ProblemCode
from chalicelib.points.boards import LEASE
from chalicelib.videos.model import LOOK_AGAIN, TRIES
from local.package import Package

FUNCTION = "AWS::Serverless::Function"
# function -> role, memory in MB, seconds
FUNCTIONS = {
    "APIHandler": ("ApiRole", 512, 28),
    "Authorizer": ("AuthorizerRole", 512, 10),
    "Invite": ("InviteRole", 256, 50),
    "Validate": ("ValidateRole", 1024, 120),
    "GiveUp": ("GiveUpRole", 256, 30),
    "LookAgain": ("LookAgainRole", 256, 50),
    "Settle": ("SettleRole", 256, 30),
    "Expire": ("ExpireRole", 256, 50),
    "Enqueue": ("EnqueueRole", 256, 30),
    "Stage": ("StageRole", 512, 180),
    "FollowUp": ("FollowUpRole", 256, 50),
    "Depart": ("DepartRole", 256, 60),
    "Renew": ("RenewRole", 256, 300),
    "Count": ("CountRole", 256, 50),
    "Notice": ("NoticeRole", 256, 30),
    "Rank": ("RankRole", 1769, 120),
}
WATCHED = set(FUNCTIONS) - {"Authorizer"}  # it refuses tokens by failing, which is no alarm
TABLES = (
    "ProgramsTable",
    "UploadsTable",
    "ActivitiesTable",
    "IdempotencyTable",
    "MarksTable",
    "PointsTable",
    "BoardsTable",
    "PerformancesTable",
    "AccountsTable",
)
BUCKETS = ("IncomingBucket", "VideosBucket")
DEAD_LETTERS = {
    "ArrivalsFailed": "ArrivalsFailedWaiting",
    "VerdictsFailed": "VerdictsFailedWaiting",
    "StagingFailed": "StagingFailedWaiting",
    "PerformancesFailed": "PerformancesFailedWaiting",
    "DeparturesFailed": "DeparturesFailedWaiting",
    "CountsFailed": "CountsFailedWaiting",
    "NoticesFailed": "NoticesFailedWaiting",
}
QUEUES = ("ArrivalsQueue", "StagingQueue", *DEAD_LETTERS)
LATE = (
    "ArrivalsQueueOld",
    "StagingQueueOld",
    "SettleLate",
    "EnqueueLate",
    "CountLate",
    "NoticeLate",
    "DepartLate",
)
RESOURCES = {
    *FUNCTIONS,
    *(role for role, _, _ in FUNCTIONS.values()),
    *(f"{function}Logs" for function in FUNCTIONS),
    *(f"{function}Errors" for function in WATCHED),
    "ApiFailures",
    "TikTokAppRefused",
    "MediaLayer",
    *LATE,
    *TABLES,
    *BUCKETS,
    *(f"{bucket}Policy" for bucket in BUCKETS),
    *QUEUES,
    *DEAD_LETTERS.values(),
    "ArrivalsQueuePolicy",
    "RestAPI",
    "APIHandlerInvokePermission",
    "AuthorizerInvokePermission",
    "UserPool",
    "UserPoolClient",
    "CursorSecret",
    "TikTokSecret",
    "TokensKey",
    "AlarmTopic",
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
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "")


# Functions


def test_each_function_has_its_own_role_memory_and_time_limit(resources: dict[str, Any]) -> None:
    assert of_type(resources, FUNCTION) == set(FUNCTIONS)
    for name, (role, memory, seconds) in FUNCTIONS.items():
        function = properties(resources, name)
        assert function["Role"] == {"Fn::GetAtt": [role, "Arn"]}
        assert (function["MemorySize"], function["Timeout"]) == (memory, seconds)
    roles = [role for role, _, _ in FUNCTIONS.values()]
    assert len(set(roles)) == len(roles)
    assert of_type(resources, "AWS::IAM::Role") == set(roles)


def test_functions_run_where_their_wheels_were_made_for(resources: dict[str, Any]) -> None:
    for name in FUNCTIONS:
        function = properties(resources, name)
        assert function["Runtime"] == f"python3.{sys.version_info.minor}"
        assert function["Architectures"] == ["x86_64"]


def test_the_gateway_waits_longer_than_the_api_may_take(resources: dict[str, Any]) -> None:
    for name in ("APIHandler", "Authorizer"):
        assert properties(resources, name)["Timeout"] < GATEWAY_SECONDS


def test_settings_are_references_so_that_nothing_is_named_twice(resources: dict[str, Any]) -> None:
    for name in FUNCTIONS:
        for setting, value in (
            properties(resources, name).get("Environment", {}).get("Variables", {}).items()
        ):
            assert isinstance(value, dict), f"{name}: {setting} is written out"


# Event sources


def test_arrivals_come_from_the_queue_and_only_failed_ones_come_again(
    resources: dict[str, Any],
) -> None:
    events = properties(resources, "Validate")["Events"]
    (source,) = events.values()
    assert source["Type"] == "SQS"
    assert source["Properties"]["Queue"] == {"Fn::GetAtt": ["ArrivalsQueue", "Arn"]}
    assert source["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["Properties"]["BatchSize"] == 1


def test_verdicts_come_from_the_stream_and_what_fails_for_good_is_put_aside(
    resources: dict[str, Any],
) -> None:
    events = properties(resources, "Settle")["Events"]
    (source,) = events.values()
    given = source["Properties"]
    assert source["Type"] == "DynamoDB"
    assert given["Stream"] == {"Fn::GetAtt": ["UploadsTable", "StreamArn"]}
    assert given["StartingPosition"] == "TRIM_HORIZON"
    assert given["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert given["BisectBatchOnFunctionError"] is True
    assert 0 < given["MaximumRetryAttempts"] <= 100
    assert given["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": ["VerdictsFailed", "Arn"]},
    }
    patterns = [json.loads(each["Pattern"]) for each in given["FilterCriteria"]["Filters"]]
    assert patterns == [
        {"dynamodb": {"NewImage": {"state": {"S": ["valid", "rejected", "expired"]}}}}
    ]
    assert properties(resources, "UploadsTable")["StreamSpecification"] == {
        "StreamViewType": "NEW_IMAGE"
    }


FOLLOWING = {
    "Count": (
        ("PointsTable", "NEW_IMAGE", "CountsFailed"),
        {
            "eventName": ["INSERT"],
            "dynamodb": {"NewImage": {"item": {"S": [{"prefix": "entry#"}]}}},
        },
    ),
    "Notice": (
        ("ProgramsTable", "NEW_AND_OLD_IMAGES", "NoticesFailed"),
        {"dynamodb": {"Keys": {"item": {"S": [{"prefix": "member#"}, "program"]}}}},
    ),
}


@pytest.mark.parametrize("function", FOLLOWING)
def test_boards_follow_the_ledger_and_the_people_and_what_fails_for_good_is_put_aside(
    resources: dict[str, Any], function: str
) -> None:
    (table, images, failed), pattern = FOLLOWING[function]
    (source,) = properties(resources, function)["Events"].values()
    given = source["Properties"]
    assert given["Stream"] == {"Fn::GetAtt": [table, "StreamArn"]}
    assert properties(resources, table)["StreamSpecification"] == {"StreamViewType": images}
    assert given["StartingPosition"] == "TRIM_HORIZON"
    assert given["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert given["BisectBatchOnFunctionError"] is True
    assert given["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [failed, "Arn"]}
    patterns = [json.loads(each["Pattern"]) for each in given["FilterCriteria"]["Filters"]]
    assert patterns == [pattern]


def test_nothing_but_a_request_writes_to_the_ledger(resources: dict[str, Any]) -> None:
    """What counts it and ranks by it cannot change it."""
    writing = {
        role
        for role, statement in statements(resources)
        for action in listed(statement["Action"])
        if action in {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
        and "PointsTable" in json.dumps(statement["Resource"])
    }
    assert writing == {"ApiRole", "StageRole", "FollowUpRole"}


def test_boards_are_made_each_minute_by_runs_shorter_than_their_lease(
    resources: dict[str, Any],
) -> None:
    (source,) = properties(resources, "Rank")["Events"].values()
    assert source == {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}
    assert properties(resources, "Rank")["Timeout"] < LEASE.total_seconds()


@pytest.mark.parametrize("function", ["Expire", "Invite", "LookAgain"])
def test_the_clock_ticks_each_minute(resources: dict[str, Any], function: str) -> None:
    (source,) = properties(resources, function)["Events"].values()
    assert source == {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}
    assert properties(resources, function)["Timeout"] < 60


def test_a_validation_is_over_before_somebody_looks_again(resources: dict[str, Any]) -> None:
    assert properties(resources, "Validate")["Timeout"] < LOOK_AGAIN.total_seconds()
    assert properties(resources, "ArrivalsQueue")["RedrivePolicy"]["maxReceiveCount"] == TRIES


def test_the_other_functions_have_no_event_source(resources: dict[str, Any]) -> None:
    for name in ("APIHandler", "Authorizer"):
        assert not properties(resources, name).get("Events")


# Queues


def test_a_queue_hides_a_message_six_times_as_long_as_its_function_may_take(
    resources: dict[str, Any],
) -> None:
    seconds = properties(resources, "Validate")["Timeout"]
    assert properties(resources, "ArrivalsQueue")["VisibilityTimeout"] >= 6 * seconds


def test_what_fails_again_and_again_waits_in_a_dead_letter_queue(resources: dict[str, Any]) -> None:
    assert of_type(resources, "AWS::SQS::Queue") == set(QUEUES)
    for fed, failed in (("ArrivalsQueue", "ArrivalsFailed"), ("StagingQueue", "StagingFailed")):
        redrive = properties(resources, fed)["RedrivePolicy"]
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [failed, "Arn"]}
        assert 2 <= redrive["maxReceiveCount"] <= 10
    for name in QUEUES:
        queue = properties(resources, name)
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


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


def test_every_alarm_tells_the_owner(resources: dict[str, Any]) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert len(alarms) == len(WATCHED) + len(DEAD_LETTERS) + len(LATE) + 2
    for name in alarms:
        assert properties(resources, name)["AlarmActions"] == [{"Ref": "AlarmTopic"}]
        assert properties(resources, name)["AlarmDescription"]


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
def test_a_table_can_be_recovered_and_is_encrypted_and_protected(
    template: dict[str, Any], resources: dict[str, Any], name: str
) -> None:
    table = properties(resources, name)
    assert of_type(resources, "AWS::DynamoDB::Table") == set(TABLES)
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["DeletionProtected", True, False]}
    assert template["Parameters"]["DeletionProtection"]["Default"] == "true"


@pytest.mark.parametrize("name", ["ProgramsTable", "UploadsTable", "ActivitiesTable", *BUCKETS])
def test_what_holds_peoples_work_outlives_the_stack(resources: dict[str, Any], name: str) -> None:
    kept = (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"])
    assert kept == ("Retain", "Retain")


def test_idempotency_records_go_by_themselves(resources: dict[str, Any]) -> None:
    assert properties(resources, "IdempotencyTable")["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }


# Buckets


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_private_and_encrypted(resources: dict[str, Any], name: str) -> None:
    bucket = properties(resources, name)
    assert of_type(resources, "AWS::S3::Bucket") == set(BUCKETS)
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
    assert resources[f"{name}Policy"]["Condition"] == "TlsRequired"
    assert template["Parameters"]["RequireTls"]["Default"] == "true"
    (statement,) = properties(resources, f"{name}Policy")["PolicyDocument"]["Statement"]
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
            plain = text if isinstance(text, str) else ".".join(text)
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


def test_only_the_validation_writes_videos_and_only_what_no_verdict_chose_is_removed(
    resources: dict[str, Any],
) -> None:
    touching = {
        (role, action)
        for role, statement in statements(resources)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if "VideosBucket" in json.dumps(resource)
    }
    assert touching == {
        ("ValidateRole", "s3:PutObject"),
        ("StageRole", "s3:GetObject"),
        ("ApiRole", "s3:GetObject"),
        ("LookAgainRole", "s3:DeleteObject"),
    }
    kept = [
        resource
        for _, statement in statements(resources)
        for resource in listed(statement["Resource"])
        if "VideosBucket" in json.dumps(resource)
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
    ("function", "role"), [(name, given[0]) for name, given in FUNCTIONS.items()]
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


def test_what_the_gateway_answers_itself_is_a_problem_like_all_others(
    resources: dict[str, Any],
) -> None:
    known = {each.code: each for each in ProblemCode}
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


def test_every_route_but_three_asks_the_authorizer(resources: dict[str, Any]) -> None:
    paths = properties(resources, "RestAPI")["DefinitionBody"]["paths"]
    open_to_all = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation.get("security") != [{"authorizer": []}]
    }
    assert open_to_all == {
        ("/health", "get"),
        ("/tiktok/callback", "get"),
        ("/tiktok/webhook", "post"),
    }


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
        "Fn::Equals": lambda its: of(its[0]) == of(its[1]),
        "Fn::Sub": filled,
        "Ref": lambda its: None if its == "AWS::NoValue" else known.get(its, its),
    }

    def of(value: Any) -> Any:
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
    ],
)
def test_the_pool_mails_unless_people_sign_in_elsewhere(
    template: dict[str, Any], given: dict[str, str], pool: str
) -> None:
    variables = template["Resources"]["Invite"]["Properties"]["Environment"]["Variables"]
    assert resolved(template, variables["USER_POOL_ID"], given) == pool


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
