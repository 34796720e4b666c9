"""Every role's policy, looked at by a linter that is not ours (parliament).

It lives in an environment of its own, for its pins are others than the app's:

    python -m venv LINT && LINT/bin/pip install parliament
    PARLIAMENT_PYTHON=LINT/bin/python make check

Where it is missing this test is left out.
"""

import json
import os
import re
import subprocess
from typing import Any

import pytest

from local.home import PROJECT
from local.template import together

PYTHON = os.environ.get("PARLIAMENT_PYTHON")
ASK = """
import json, sys
from parliament import analyze_policy_string
for name, policy in json.load(sys.stdin).items():
    for each in analyze_policy_string(json.dumps(policy)).findings:
        for detail in each.detail if isinstance(each.detail, list) else [each.detail]:
            named = detail.get("action") if isinstance(detail, dict) else detail
            print(json.dumps([name, each.issue, named]))
"""
ARGUED = {
    # AWS's own policy template for readers of streams (SAM's DynamoDBStreamReadPolicy) names the
    # table's streams here, and Lambda's event source mapping takes it.
    ("RESOURCE_MISMATCH", "dynamodb:ListStreams"),
}
HERE = "eu-west-1:111122223333"
ARNS = {
    "AWS::Cognito::UserPool": f"arn:aws:cognito-idp:{HERE}:userpool/{{}}",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{HERE}:table/{{}}",
    "AWS::Events::EventBus": f"arn:aws:events:{HERE}:event-bus/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{HERE}:key/{{}}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SES::ConfigurationSet": "{}",  # Ref gives its name
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{HERE}:secret:{{}}-abc123",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{{}}",
}
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111122223333",
    "AWS::StackName": "greenroom",
}


def policies() -> dict[str, Any]:
    """Return each role's policy, with the ARNs that its resources would have."""
    resources = together(PROJECT / "infra")["Resources"]

    def arn(name: str) -> str:
        return ARNS[resources[name]["Type"]].format(name.lower())

    def of(value: Any) -> str:
        match value:
            case str():
                return value
            case {"Fn::If": [_, _, otherwise]}:
                return of(otherwise)  # a parameter's value is known to nobody here
            case {"Fn::GetAtt": str() as attribute}:
                return arn(attribute.partition(".")[0])
            case {"Fn::GetAtt": [name, _]}:
                return arn(name)
            case {"Fn::Sub": str() as text}:
                return re.sub(
                    r"\$\{([\w:]+)(\.\w+)?\}", lambda m: PSEUDO.get(m[1]) or arn(m[1]), text
                )
        raise AssertionError(f"a resource that this test cannot read: {value}")

    return {
        name: {
            "Version": "2012-10-17",
            "Statement": [
                {**each, "Resource": [of(one) for one in listed(each["Resource"])]}
                for each in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            ],
        }
        for name, role in resources.items()
        if role.get("Type") == "AWS::IAM::Role"
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def found_in(written: dict[str, Any]) -> list[list[str]]:
    ran = subprocess.run(
        [str(PYTHON), "-c", ASK],
        input=json.dumps(written),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")]


@pytest.mark.skipif(not PYTHON, reason="parliament is not there: PARLIAMENT_PYTHON names it")
def test_a_linter_of_policies_finds_nothing_that_is_not_argued() -> None:
    written = policies()
    assert len(written) > 20
    found = found_in(written)
    assert [each for each in found if (each[1], each[2]) not in ARGUED] == []
    assert {(each[1], each[2]) for each in found} == ARGUED, "an argument has lost its finding"
    wrong = {"Effect": "Allow", "Action": "sqs:SendMessages", "Resource": ["*"]}
    assert found_in({"Wrong": {"Version": "2012-10-17", "Statement": [wrong]}})


def test_every_policy_can_be_read_by_the_linter() -> None:
    for name, policy in policies().items():
        for statement in policy["Statement"]:
            assert all("${" not in each for each in statement["Resource"]), name
