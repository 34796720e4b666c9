"""What AWS itself asks of the translated template, over whatever it holds."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from local.template import ANY_METHOD

STATEFUL = frozenset(
    {
        "AWS::Cognito::UserPool",
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
        "AWS::SecretsManager::Secret",
    }
)
INTEGRATION = "x-amazon-apigateway-integration"
PROTECTION = ("DeletionProtection", "DeletionProtectionEnabled")
LOG_DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192}
GENERATED_SECRETS = {
    "CursorSecret": {"PasswordLength": 64, "ExcludePunctuation": True},
    "TikTokSecret": {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "client_secret",
        "PasswordLength": 40,
        "ExcludePunctuation": True,
    },
}


def of_type(template: dict[str, Any], *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] in kinds:
            yield name, resource


def properties(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each.get("Properties", {}) for name, each in of_type(template, kind)}


# The first creation, and what must outlive the stack


def test_a_failed_first_creation_leaves_nothing_and_a_removed_stack_leaves_what_is_kept(
    translated: dict[str, Any],
) -> None:
    for name, resource in of_type(translated, *STATEFUL):
        kept = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        assert kept in {("RetainExceptOnCreate", "Retain"), ("Delete", "Delete")}, name


def test_resources_deleted_with_the_stack_hold_only_items_that_expire(
    translated: dict[str, Any],
) -> None:
    for name, resource in of_type(translated, *STATEFUL):
        if resource["DeletionPolicy"] == "Delete":
            assert resource["Properties"]["TimeToLiveSpecification"]["Enabled"] is True, name


def test_nothing_that_is_deleted_with_the_stack_refuses_to_be_deleted(
    translated: dict[str, Any],
) -> None:
    """It would end a failed creation, and every removal of the stack, half done."""
    for name, resource in of_type(translated, *STATEFUL):
        protected = [each for each in PROTECTION if each in resource["Properties"]]
        if resource["DeletionPolicy"] == "Delete":
            assert not protected, name
        elif resource["Type"] in {"AWS::Cognito::UserPool", "AWS::DynamoDB::Table"}:
            assert protected, name
        for each in protected:
            condition = resource["Properties"][each]["Fn::If"][0]
            assert condition == "DeletionProtected", name


def test_a_generated_secret_is_never_generated_anew(translated: dict[str, Any]) -> None:
    """Any other value here makes a new version, over the one that the owner has put there."""
    generated = {
        name: each["GenerateSecretString"]
        for name, each in properties(translated, "AWS::SecretsManager::Secret").items()
    }
    assert generated == GENERATED_SECRETS


# The API


def test_there_is_one_stage_and_it_is_ours(translated: dict[str, Any]) -> None:
    (stage,) = properties(translated, "AWS::ApiGateway::Stage").values()
    assert stage["StageName"] == "v1"
    deployments = properties(translated, "AWS::ApiGateway::Deployment")
    assert [each.get("StageName") for each in deployments.values()] == [None]


def test_a_changed_compression_size_makes_a_new_deployment(translated: dict[str, Any]) -> None:
    """A deployment is named after the definition alone, not after the API's properties."""
    (api,) = properties(translated, "AWS::ApiGateway::RestApi").values()
    size = api["Body"]["x-amazon-apigateway-minimum-compression-size"]
    assert size == api["MinimumCompressionSize"]


def test_a_header_without_a_bearer_tokens_form_starts_no_authorizer(
    translated: dict[str, Any],
) -> None:
    (api,) = properties(translated, "AWS::ApiGateway::RestApi").values()
    for scheme in api["Body"]["securityDefinitions"].values():
        expression = scheme["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
        for taken in ("Bearer e30.e30.c2ln", "bearer eyJh-_0=.eyJ.x"):
            assert re.match(expression, taken), taken
        for refused in ("", "Bearer", "Bearer abc", "Basic e30.e30.c2ln", "AWS4-HMAC-SHA256 a.b.c"):
            assert not re.match(expression, refused), refused


def routes(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (api,) = properties(template, "AWS::ApiGateway::RestApi").values()
    found: dict[str, dict[str, Any]] = api["Body"]["paths"]
    return found


def test_every_address_and_method_without_a_route_is_answered_404_by_the_gateway(
    translated: dict[str, Any],
) -> None:
    """Also with a bearer token, which the gateway takes for a broken signature of AWS."""
    assert "/{proxy+}" in routes(translated)
    for path, methods in routes(translated).items():
        integration = methods[ANY_METHOD][INTEGRATION]
        assert integration["type"] == "mock", path
        (answer,) = integration["responses"].values()
        assert answer["statusCode"] == "404", path
        (body,) = answer["responseTemplates"].values()
        assert json.loads(body)["code"] == "not_found"
        headers = answer["responseParameters"]
        assert headers["method.response.header.Content-Type"] == "'application/problem+json'"
        assert "security" not in methods[ANY_METHOD], path


def test_a_path_the_gateway_takes_for_a_broken_signature_is_not_found(
    template: dict[str, Any],
) -> None:
    answers = template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    unknown = answers["MISSING_AUTHENTICATION_TOKEN"]
    assert unknown["StatusCode"] == 404
    assert answers["INVALID_SIGNATURE"] == answers["RESOURCE_NOT_FOUND"] == unknown


# Limits on harm


def test_no_queue_may_take_the_whole_accounts_concurrency(translated: dict[str, Any]) -> None:
    at_once = {}
    for name, source in properties(translated, "AWS::Lambda::EventSourceMapping").items():
        arn = json.dumps(source["EventSourceArn"])
        if "StreamArn" not in arn:
            at_once[name] = source["ScalingConfig"]["MaximumConcurrency"]
    assert at_once
    assert all(2 <= each <= 20 for each in at_once.values()), at_once
    assert sum(at_once.values()) <= 100  # of the 1,000 that an account has, once it is trusted


def test_the_stage_answers_so_many_requests_and_less_of_what_is_dear(
    translated: dict[str, Any],
) -> None:
    (stage,) = properties(translated, "AWS::ApiGateway::Stage").values()
    known = {
        (path, method.upper()) for path, methods in routes(translated).items() for method in methods
    }
    for setting in stage["MethodSettings"]:
        path, method = setting["ResourcePath"], setting["HttpMethod"]
        if path == "/*":
            assert method == "*"
            assert setting["ThrottlingRateLimit"] == {"Ref": "ApiRate"}
            assert setting["ThrottlingBurstLimit"] == {"Ref": "ApiBurst"}
            continue
        assert (path.replace("~1", "/").replace("//", "/"), method) in known
        assert 1 <= setting["ThrottlingRateLimit"] <= setting["ThrottlingBurstLimit"] <= 50
    throttled = {each["ResourcePath"] for each in stage["MethodSettings"]}
    assert {"/*", "/~1session", "/~1session~1forgot", "/~1uploads"} <= throttled
    assert "/~1notifications~1unsubscribe" in throttled  # open to everybody, as sign-in is


def test_a_web_acl_is_asked_where_the_owner_names_one(
    template: dict[str, Any], translated: dict[str, Any]
) -> None:
    config = translated["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    nothing = {"Ref": "AWS::NoValue"}
    assert config["WebACLId"] == {"Fn::If": ["ConsoleFiltered", {"Ref": "WebAclArn"}, nothing]}
    acl = translated["Resources"]["ApiWebAcl"]
    assert acl["Condition"] == "ApiFiltered"
    (stage,) = properties(translated, "AWS::ApiGateway::Stage")
    assert f"${{{stage}}}" in acl["Properties"]["ResourceArn"]["Fn::Sub"]
    for name in ("WebAclArn", "ApiWebAclArn"):
        assert template["Parameters"][name]["Default"] == ""


# What AWS refuses or does otherwise


def test_the_stack_stays_within_what_cloudformation_takes(translated: dict[str, Any]) -> None:
    assert len(translated["Resources"]) <= 500
    assert len(translated["Parameters"]) <= 200
    assert len(translated["Outputs"]) <= 200
    assert len(json.dumps(translated)) <= 1_000_000
    for name in (*translated["Resources"], *translated["Outputs"]):
        assert re.fullmatch("[A-Za-z0-9]{1,255}", name)
    for name, output in translated["Outputs"].items():
        assert len(output.get("Description", "")) <= 1024, name
    for name, parameter in translated["Parameters"].items():
        assert len(parameter.get("Description", "")) <= 4000, name


def test_the_api_stays_within_what_a_gateway_takes(translated: dict[str, Any]) -> None:
    """A resource is a part of a path; an account may have 300 of them in an API by itself."""
    parts = {
        "/".join(path.split("/")[:depth])
        for path in routes(translated)
        for depth in range(1, path.count("/") + 2)
    }
    assert len(parts) <= 300


STACK_NAME, SUFFIX = "x" * 40, "-" + "X" * 13


def longest(value: Any, template: dict[str, Any]) -> int:
    """Return how long a value may become, in a stack of a long name in a region of a long name."""
    if not isinstance(value, dict):
        return len(str(value))
    ((function, given),) = value.items()
    if function == "Fn::If":
        return max(longest(each, template) for each in given[1:])
    if function == "Fn::Sub":
        return 60 + len(given if isinstance(given, str) else given[0])
    if function in {"Fn::GetAtt", "Fn::Select", "Fn::Split", "Fn::Join"}:
        return len(f"arn:aws:service:ap-southeast-2:111122223333:kind/{STACK_NAME}{SUFFIX}") + 20
    if given in template["Parameters"]:
        parameter = template["Parameters"][given]
        if allowed := parameter.get("AllowedValues"):
            return max(len(str(each)) for each in allowed)
        if parameter["Type"] == "Number":
            return 12
        return max(60, len(str(parameter.get("Default", ""))))
    name = f"{STACK_NAME}-{given}{SUFFIX}"
    kind = template["Resources"].get(given, {"Type": ""})["Type"]
    return len(name) + len("https://sqs.ap-southeast-2.amazonaws.com/111122223333/") * (
        "SQS" in kind
    )


def test_a_functions_environment_fits_into_four_kilobytes(translated: dict[str, Any]) -> None:
    for name, function in properties(translated, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        size = sum(len(each) + longest(value, translated) for each, value in variables.items())
        assert size <= 4096, name
        assert not [each for each in variables if each.startswith(("AWS_", "LAMBDA_"))], name


def test_a_roles_policies_fit_into_what_iam_takes(translated: dict[str, Any]) -> None:
    """10,240 characters of all inline policies of a role, without white space."""
    for name, role in properties(translated, "AWS::IAM::Role").items():
        size = sum(
            len(json.dumps(each["PolicyDocument"], separators=(",", ":")))
            + 60 * json.dumps(each).count("Fn::")
            for each in role["Policies"]
        )
        assert size <= 10_240, name


def test_a_source_is_one_that_lambda_takes(translated: dict[str, Any]) -> None:
    """With more than ten messages a batch window is needed; a record's age may not be endless."""
    for name, source in properties(translated, "AWS::Lambda::EventSourceMapping").items():
        streamed = "StreamArn" in json.dumps(source["EventSourceArn"])
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert streamed == ("StartingPosition" in source), name
        if streamed:
            assert source["BatchSize"] <= 1000, name
            assert source["MaximumRetryAttempts"] >= 0, name
            assert source["DestinationConfig"]["OnFailure"]["Destination"], name
            assert len(source["FilterCriteria"]["Filters"]) <= 5, name
        else:
            waits = source.get("MaximumBatchingWindowInSeconds", 0)
            assert source["BatchSize"] <= (10_000 if waits else 10), name


def test_a_function_stays_within_what_lambda_takes(translated: dict[str, Any]) -> None:
    for name, function in properties(translated, "AWS::Lambda::Function").items():
        assert 128 <= function["MemorySize"] <= 10_240, name
        assert 1 <= function["Timeout"] <= 900, name
        assert len(function.get("Layers", ())) <= 5, name


def test_an_index_is_one_of_twenty_and_no_attribute_is_declared_for_nothing(
    translated: dict[str, Any],
) -> None:
    for name, table in properties(translated, "AWS::DynamoDB::Table").items():
        indexes = table.get("GlobalSecondaryIndexes", [])
        assert len(indexes) <= 20, name
        keys = [*table["KeySchema"], *(key for each in indexes for key in each["KeySchema"])]
        declared = {each["AttributeName"] for each in table["AttributeDefinitions"]}
        assert declared == {each["AttributeName"] for each in keys}, name
        named = sum(len(each["Projection"].get("NonKeyAttributes", ())) for each in indexes)
        assert named <= 100, name


# Two stages in one account


def test_no_alarm_looks_at_what_another_stack_does(translated: dict[str, Any]) -> None:
    for name, alarm in properties(translated, "AWS::CloudWatch::Alarm").items():
        of_this_stack = ("Ref", "Fn::GetAtt", "Fn::Sub")
        assert alarm["Dimensions"], name
        values = [each["Value"] for each in alarm["Dimensions"] if each["Name"] != "Stage"]
        assert values, name
        assert all(isinstance(each, dict) and set(each) <= set(of_this_stack) for each in values)


def test_the_api_is_named_after_the_stack(translated: dict[str, Any]) -> None:
    (api,) = properties(translated, "AWS::ApiGateway::RestApi").values()
    assert api["Name"] == api["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}


def test_every_function_knows_its_stack(translated: dict[str, Any]) -> None:
    for name, function in properties(translated, "AWS::Lambda::Function").items():
        known = function["Environment"]["Variables"]["STACK"]
        assert known == {"Ref": "AWS::StackName"}, name


# What an owner looks at

REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)[^}]*\}")


def test_the_dashboard_shows_this_stack_alone_and_its_queues_functions_and_api(
    translated: dict[str, Any],
) -> None:
    (dashboard,) = properties(translated, "AWS::CloudWatch::Dashboard").values()
    body = dashboard["DashboardBody"]["Fn::Sub"]
    named = set(REFERENCE.findall(body)) - {"AWS"}
    assert {"ArrivalsQueue", "StagingQueue", "VideosValidate", "PerformancesStage"} <= named
    assert named <= set(translated["Resources"])
    widgets = json.loads(body)["widgets"]
    for each in widgets[1:]:
        shown = json.dumps(each["properties"]["metrics"])
        assert "${" in shown, each["properties"]["title"]
        assert each["properties"]["title"]
    taken = {
        (column, row)
        for each in widgets
        for column in range(each["x"], each["x"] + each["width"])
        for row in range(each["y"], each["y"] + each["height"])
    }
    assert len(taken) == sum(each["width"] * each["height"] for each in widgets)
    assert max(column for column, _ in taken) < 24


# People and addresses


def test_nobody_writes_their_own_e_mail_address(translated: dict[str, Any]) -> None:
    """Memberships are found by it: left out, a client may write every attribute.

    What a company's provider says is written through its client, whose tokens may write nothing:
    they lack the scope for it.
    """
    for client in properties(translated, "AWS::Cognito::UserPoolClient").values():
        if scopes := client.get("AllowedOAuthScopes"):
            assert "aws.cognito.signin.user.admin" not in scopes
            assert not [each for each in client["ExplicitAuthFlows"] if "PASSWORD" in each]
            continue
        assert client["WriteAttributes"]
        assert not [each for each in client["WriteAttributes"] if "mail" in each]


def test_a_domain_of_the_owners_points_at_the_distribution_where_its_zone_is_named(
    template: dict[str, Any], translated: dict[str, Any]
) -> None:
    records = properties(translated, "AWS::Route53::RecordSet")
    assert {each["Type"] for each in records.values()} == {"A", "AAAA"}
    for name, record in records.items():
        assert translated["Resources"][name]["Condition"] == "OwnZone"
        assert record["AliasTarget"]["DNSName"] == {"Fn::GetAtt": ["Distribution", "DomainName"]}
        assert record["Name"] == {"Ref": "ConsoleDomain"}
    assert template["Parameters"]["HostedZoneId"]["Default"] == ""
    assert "DistributionDomain" in translated["Outputs"]


def test_a_domain_of_the_owners_is_spoken_to_by_no_tls_below_one_point_two(
    translated: dict[str, Any],
) -> None:
    config = translated["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    condition, own, others = config["ViewerCertificate"]["Fn::If"]
    assert condition == "OwnDomain"
    assert own["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert others == {"CloudFrontDefaultCertificate": True}
    behaviors = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]
    assert {each["ViewerProtocolPolicy"] for each in behaviors} <= {
        "redirect-to-https",
        "https-only",
    }


# Parameters


def test_every_parameter_says_what_it_takes_and_takes_its_default(
    template: dict[str, Any],
) -> None:
    for name, parameter in template["Parameters"].items():
        default = parameter.get("Default", "")
        if "AllowedValues" in parameter:
            assert default in parameter["AllowedValues"], name
        elif parameter["Type"] == "Number":
            most = parameter.get("MaxValue", default)
            assert parameter["MinValue"] <= default <= most, name
        else:
            assert re.fullmatch(parameter["AllowedPattern"], default), name
        assert parameter.get("Description") or name.startswith("TikTok"), name


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("PublicUrl", "https://d1.cloudfront.net/v1", "https://d1.cloudfront.net/v1/"),
        ("PublicUrl", "", "https://d1.cloudfront.net"),
        ("StorageEndpoint", "http://127.0.0.1:4566", "http://127.0.0.1:4566/"),
        ("TikTokApiUrl", "https://open.tiktokapis.com", "https://open.tiktokapis.com/"),
        ("TikTokUploadHosts", ".tiktokapis.com,upload.example", ".tiktokapis.com, upload.example"),
        ("ConsoleDomain", "green.company.example", "https://green.company.example"),
        ("MailFrom", "Greenroom <us@company.example>", "Greenroom"),
        ("AlarmEmail", "us@company.example", "us"),
        ("TokenAudience", "0oa1b2c3", "a b"),
        ("Build", "3b82374", "a build"),
    ],
)
def test_a_parameter_refuses_what_leads_nowhere(
    template: dict[str, Any], name: str, taken: str, refused: str
) -> None:
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert re.fullmatch(pattern, taken)
    assert not re.fullmatch(pattern, refused)


def test_logs_are_kept_for_a_number_of_days_that_aws_takes(template: dict[str, Any]) -> None:
    assert set(template["Parameters"]["LogRetentionDays"]["AllowedValues"]) <= LOG_DAYS


# Tables


def test_no_table_bills_calls_of_a_key(translated: dict[str, Any]) -> None:
    """Without SSESpecification DynamoDB encrypts with a key of its own, for nothing."""
    for name, table in properties(translated, "AWS::DynamoDB::Table").items():
        assert "SSESpecification" not in table, name


def test_every_table_can_be_restored_and_is_paid_by_use(translated: dict[str, Any]) -> None:
    for name, table in properties(translated, "AWS::DynamoDB::Table").items():
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        restorable = table["PointInTimeRecoverySpecification"]
        assert restorable == {"PointInTimeRecoveryEnabled": True}, name
