"""The AWS calls of a run, as recorded by the local cloud, and the grants they are held against.

What the recording has (measured): each call that was let through, with the access key it was signed
with and its JSON parameters; of S3 calls the bucket and key only. It has no refused calls, so those
are looked for in the functions' logs, and no calls of the platform itself.
"""

import fnmatch
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.process_environment import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from tests.e2e.deployed_stack import DeployedStack

PAGE = 50
MARKING_CALL = "GetParameter"
_LOOKUP = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
_ITEM_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_OBJECT_ACTIONS = {"HeadObject": "GetObject"}
_BUCKET_ACTIONS = {"HeadBucket": "ListBucket", "ListObjects": "ListBucket"}


class RecordingCut(AssertionError):
    """The recording does not go back to the beginning of the run."""


@dataclass(frozen=True)
class Call:
    """One action on one resource by one access key."""

    access_key: str
    action: str
    resource: str


@dataclass(frozen=True, order=True)
class Grant:
    """One action that a role may do on the resources of one pattern."""

    role: str
    action: str
    resource: str

    def covers(self, action: str, resource: str) -> bool:
        return self.action.lower() == action.lower() and fnmatch.fnmatchcase(
            resource, self.resource
        )


def mark_beginning(deployed: "DeployedStack") -> str:
    """Make a call that can be told from all others; answers its mark."""
    mark = f"/greenroom-tests/{secrets.token_hex(8)}"
    ssm = deployed.client("ssm")
    try:
        ssm.get_parameter(Name=mark)
    except ssm.exceptions.ParameterNotFound:
        return mark
    raise AssertionError(f"There is a parameter {mark}.")


def recorded(deployed: "DeployedStack", **attribute: str) -> list[dict[str, Any]]:
    """All recorded events with this attribute. The answer has no pages, so time makes them."""
    events: dict[str, dict[str, Any]] = {}
    until = time.time() + 60
    while True:
        page = _lookup(deployed.endpoint_url, until, attribute)
        fresh = [event for event in page if event["EventId"] not in events]
        if not fresh:
            return list(events.values())
        events |= {event["EventId"]: event for event in fresh}
        until = min(event["EventTime"] for event in fresh)


def _lookup(endpoint_url: str, until: float, attribute: Mapping[str, str]) -> list[dict[str, Any]]:
    # boto3 sends times in whole seconds, in which there are more events than a page has.
    asked = {
        "EndTime": until,
        "MaxResults": PAGE,
        "LookupAttributes": [
            {"AttributeKey": name, "AttributeValue": value} for name, value in attribute.items()
        ],
    }
    request = AWSRequest(
        "POST",
        endpoint_url,
        data=json.dumps(asked),
        headers={"X-Amz-Target": _LOOKUP, "Content-Type": "application/x-amz-json-1.1"},
    )
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "cloudtrail", REGION).add_auth(request)
    answer = requests.post(
        endpoint_url, data=request.body, headers=dict(request.headers), timeout=60
    )
    assert answer.ok, answer.text
    found: list[dict[str, Any]] = answer.json()["Events"]
    return found


def time_of_mark(events: Iterable[Mapping[str, Any]], mark: str) -> float:
    """Return when the run began. Raises `RecordingCut` if that is no longer in the recording."""
    for event in events:
        if mark in event["CloudTrailEvent"]:
            return float(event["EventTime"])
    raise RecordingCut(
        "The recording dropped its oldest calls, the beginning of the run among them."
    )


def calls_in(events: Iterable[Mapping[str, Any]], account: str) -> set[Call]:
    """Read events as the IAM actions they needed."""
    return {
        Call(event["AccessKeyId"], action, resource)
        for event in events
        for action, resource in _actions(event, account)
    }


def _actions(event: Mapping[str, Any], account: str) -> Iterator[tuple[str, str]]:
    service = event["EventSource"].partition(".")[0]
    name = event["EventName"]
    parameters = json.loads(event["CloudTrailEvent"])["requestParameters"] or {}
    if service == "dynamodb":
        tables = f"arn:aws:dynamodb:{REGION}:{account}:table/"
        for action, table in _on_tables(name, parameters):
            yield f"dynamodb:{action}", tables + table
    elif service == "s3":
        named = {each["ResourceType"]: each["ResourceName"] for each in event["Resources"]}
        bucket, key = named.get("AWS::S3::Bucket"), named.get("AWS::S3::Object")
        if key:
            yield f"s3:{_OBJECT_ACTIONS.get(name, name)}", f"arn:aws:s3:::{bucket}/{key}"
        else:
            yield f"s3:{_BUCKET_ACTIONS.get(name, name)}", f"arn:aws:s3:::{bucket}"
    else:
        names = ("SecretId", "KeyId", "QueueUrl", "UserPoolId")
        resource = next((parameters[name] for name in names if parameters.get(name)), "?")
        if service == "sqs":
            resource = f"arn:aws:sqs:{REGION}:{account}:{resource.rpartition('/')[2]}"
        elif service == "events":
            bus = parameters["Entries"][0]["EventBusName"]
            resource = f"arn:aws:events:{REGION}:{account}:event-bus/{bus}"
        elif service == "cognito-idp":
            resource = f"arn:aws:cognito-idp:{REGION}:{account}:userpool/{resource}"
        yield f"{service}:{name.removesuffix('Batch')}", resource


def _on_tables(name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if name.startswith("Transact"):
        for part in parameters["TransactItems"]:
            for kind, item in part.items():
                yield _ITEM_ACTIONS.get(kind, "GetItem"), item["TableName"]
    elif name.startswith("Batch"):
        for table in parameters["RequestItems"]:
            yield name, table
    elif "TableName" in parameters:
        index = parameters.get("IndexName")
        yield name, parameters["TableName"] + (f"/index/{index}" if index else "")
    else:
        yield name, "?"


def access_key_of(function_arn: str, role_arn: str) -> str:
    """Tell a function's access key, which the local cloud derives from its names (measured)."""
    digest = hashlib.sha256(f"{function_arn}:{role_arn}".encode()).hexdigest()
    return f"ASIA{digest[:16].upper()}"


def grants_of(role: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Grant]:
    """Take policy documents apart, down to one action on one pattern each."""
    for document in documents:
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow", f"{role}: read this statement too: {statement}"
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield Grant(role, action, resource)


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
