"""The workflow that deploys, and the role it takes: no keys, one environment, no wide grants."""

import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from local.home import PROJECT
from local.template import read

LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
ROLE = PROJECT / "deploy" / "github.yaml"
WORKFLOW = PROJECT / ".github" / "workflows" / "deploy.yml"


def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def role(tmp_path: Path) -> dict[str, Any]:
    text = ROLE.read_text(encoding="utf-8").replace('AWSTemplateFormatVersion: "2010-09-09"\n', "")
    file = tmp_path / "github.yaml"
    file.write_text(text, encoding="utf-8")
    properties: dict[str, Any] = read(file)["Resources"]["Role"]["Properties"]
    return properties


def statements(tmp_path: Path) -> list[dict[str, Any]]:
    (policy,) = role(tmp_path)["Policies"]
    return [
        each["Fn::If"][1] if "Fn::If" in each else each
        for each in policy["PolicyDocument"]["Statement"]
    ]


def actions(statement: dict[str, Any]) -> list[str]:
    given = statement["Action"]
    return [given] if isinstance(given, str) else given


def test_the_linter_has_nothing_to_say_of_the_role() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LINT, "--", str(ROLE)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "")


def test_one_environment_of_one_repository_takes_the_role(tmp_path: Path) -> None:
    (statement,) = role(tmp_path)["AssumeRolePolicyDocument"]["Statement"]
    subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == {"Fn::Sub": "repo:${Repository}:environment:${Stage}"}


def test_the_role_makes_and_hands_on_no_role_but_those_of_the_stacks_functions(
    tmp_path: Path,
) -> None:
    for statement in statements(tmp_path):
        named = actions(statement)
        assert not {"*", "iam:*", "kms:*"} & set(named)
        if named == ["iam:CreateServiceLinkedRole"]:
            assert statement["Condition"] == {
                "StringEquals": {"iam:AWSServiceName": "email.cognito-idp.amazonaws.com"}
            }
        elif any(each.startswith("iam:") for each in named):
            assert statement["Resource"]["Fn::Sub"].endswith(":role/${Stack}-*Role-*")
        if "iam:PassRole" in named:
            passed = statement["Condition"]["StringEquals"]["iam:PassedToService"]
            assert passed == "lambda.amazonaws.com"


def test_the_workflow_keeps_no_keys_and_puts_no_input_into_the_shell() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "secrets." not in text
    job = workflow()["jobs"]["deploy"]
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["environment"] == "${{ inputs.stage }}"
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_workflow_runs_targets_that_there_are() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    verbs = workflow()[True]["workflow_dispatch"]["inputs"]["verb"]["options"]
    for verb in verbs:
        assert f"\n{verb}: environments" in makefile


IAM_ROLE = ("iam:CreateRole", "iam:PutRolePolicy", "iam:ListRolePolicies", "iam:DeleteRolePolicy")
NEEDED = {
    "AWS::ApiGateway::Deployment": ("apigateway:POST",),
    "AWS::ApiGateway::RestApi": ("apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"),
    "AWS::ApiGateway::Stage": ("apigateway:PATCH",),
    "AWS::CloudFront::Distribution": ("cloudfront:CreateDistribution",),
    "AWS::CloudFront::Function": ("cloudfront:PublishFunction",),
    "AWS::CloudFront::OriginAccessControl": ("cloudfront:CreateOriginAccessControl",),
    "AWS::CloudFront::ResponseHeadersPolicy": ("cloudfront:CreateResponseHeadersPolicy",),
    "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    "AWS::Cognito::UserPool": ("cognito-idp:CreateUserPool", "iam:CreateServiceLinkedRole"),
    "AWS::Cognito::UserPoolClient": ("cognito-idp:CreateUserPoolClient",),
    "AWS::Cognito::UserPoolDomain": ("cognito-idp:CreateUserPoolDomain",),
    "AWS::Cognito::UserPoolIdentityProvider": ("secretsmanager:GetSecretValue",),
    "AWS::DynamoDB::Table": ("dynamodb:CreateTable", "dynamodb:UpdateContinuousBackups"),
    "AWS::Events::EventBus": ("events:CreateEventBus",),
    "AWS::Events::Rule": ("events:PutRule", "events:PutTargets", "events:RemoveTargets"),
    "AWS::IAM::Policy": IAM_ROLE[1:],
    "AWS::IAM::Role": (*IAM_ROLE, "iam:PassRole"),
    "AWS::KMS::Key": ("kms:CreateKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"),
    "AWS::Lambda::EventInvokeConfig": ("lambda:PutFunctionEventInvokeConfig",),
    "AWS::Lambda::EventSourceMapping": ("lambda:CreateEventSourceMapping",),
    "AWS::Lambda::Function": ("lambda:CreateFunction", "lambda:UpdateFunctionCode"),
    "AWS::Lambda::LayerVersion": ("lambda:PublishLayerVersion",),
    "AWS::Lambda::Permission": ("lambda:AddPermission", "lambda:RemovePermission"),
    "AWS::Logs::LogGroup": ("logs:CreateLogGroup", "logs:PutRetentionPolicy"),
    "AWS::Route53::RecordSet": ("route53:ChangeResourceRecordSets", "route53:GetChange"),
    "AWS::S3::Bucket": ("s3:CreateBucket", "s3:PutBucketNotification"),
    "AWS::S3::BucketPolicy": ("s3:PutBucketPolicy",),
    "AWS::SES::ConfigurationSet": ("ses:CreateConfigurationSet",),
    "AWS::SES::ConfigurationSetEventDestination": ("ses:CreateConfigurationSetEventDestination",),
    "AWS::SNS::Subscription": ("sns:Subscribe",),
    "AWS::SNS::Topic": ("sns:CreateTopic",),
    "AWS::SQS::Queue": ("sqs:CreateQueue",),
    "AWS::SQS::QueuePolicy": ("sqs:SetQueueAttributes",),
    "AWS::SecretsManager::Secret": ("secretsmanager:CreateSecret",),
    "AWS::WAFv2::WebACLAssociation": ("wafv2:AssociateWebACL",),
}
"""What CloudFormation needs for a resource of each type, from its documents: the telling ones."""


def test_the_role_may_make_every_kind_of_resource_that_the_template_has(
    tmp_path: Path, translated: dict[str, Any]
) -> None:
    may = [each for statement in statements(tmp_path) for each in actions(statement)]
    kinds = {each["Type"] for each in translated["Resources"].values()}
    assert kinds == set(NEEDED)
    for kind, wanted in NEEDED.items():
        for action in wanted:
            assert any(fnmatchcase(action, each) for each in may), (kind, action)


def test_the_role_reads_no_secret_but_the_stacks_and_the_one_that_is_named(tmp_path: Path) -> None:
    for statement in statements(tmp_path):
        if any(
            each.startswith("secretsmanager:") and each != "secretsmanager:GetRandomPassword"
            for each in actions(statement)
        ):
            resources = statement["Resource"]
            for each in resources if isinstance(resources, list) else [resources]:
                name = each["Fn::Sub"].rpartition(":secret:")[2]
                assert name in {"CursorSecret-*", "TikTokSecret-*", "${CompanySecret}-*"}
