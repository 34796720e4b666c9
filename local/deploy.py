"""Deployment into the local cloud through CloudFormation, as in AWS.

Some parameters hold addresses that contain ids the stack itself makes (the pool in the key set's
address, the API in its own). The first deployment therefore updates itself once those ids are
known, which takes a tenth of a second; every later one knows them beforehand.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from local import workarounds
from local.aws import STACK_NAME, Aws
from local.failure import Failure
from local.package import Package
from local.template import FUNCTION, Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


DEPLOYMENTS_BUCKET = "greenroom-deployments"
CONTENT_TAG = "greenroom-content"
DEPLOY_SECONDS = 300.0
POLL_SECONDS = 0.2
FAULTS = ("FAILED", "ROLLBACK")
PASSES = 3

Outputs = Mapping[str, str]


@dataclass(frozen=True)
class Deployment:
    outputs: Outputs
    changed: bool


def deploy(
    aws: Aws,
    package: Package,
    parameters: Callable[[Outputs], dict[str, str]],
    note: Callable[[str], None],
) -> Deployment:
    """Create or update the stack, until the parameters fit the outputs they are made of.

    `parameters` gives the values for a stack with these outputs (none yet: an empty mapping);
    those that the template does not declare are left out.
    """
    template = workarounds.adapt_template(package.template())
    _place_code(aws, package, template)
    body = json.dumps(template, sort_keys=True)
    changed = False
    for _ in range(PASSES):
        stack = find_stack(aws)
        given = parameters(outputs_of(stack)) if stack else parameters({})
        declared = {
            name: value for name, value in given.items() if name in template.get("Parameters", {})
        }
        content = hashlib.sha256(f"{body}{sorted(declared.items())}".encode()).hexdigest()[:32]
        if stack and _is_whole(stack) and _content_of(stack) == content:
            return Deployment(outputs_of(stack), changed)
        if stack:
            stack = _remove_if_failed(aws, stack, note)
        seen = _event_ids(aws) if stack else set()
        act = aws.cloudformation.update_stack if stack else aws.cloudformation.create_stack
        _apply(aws, act, body, declared, content)
        _wait(aws, seen, note)
        changed = True
    raise Failure(
        "The stack's parameters still change after it was updated with them.",
        "One of them depends on an output that changes with every update: make it stable.",
    )


def find_stack(aws: Aws) -> "StackTypeDef | None":
    try:
        stacks = aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return stacks[0]


def outputs_of(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _is_whole(stack: "StackTypeDef") -> bool:
    return stack["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def _content_of(stack: "StackTypeDef") -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == CONTENT_TAG), None)


def _place_code(aws: Aws, package: Package, template: Template) -> None:
    key = f"{package.content}.zip"
    existing = {bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]}
    if DEPLOYMENTS_BUCKET not in existing:
        aws.s3.create_bucket(Bucket=DEPLOYMENTS_BUCKET)
    try:
        aws.s3.head_object(Bucket=DEPLOYMENTS_BUCKET, Key=key)
    except ClientError:
        for older in aws.s3.list_objects_v2(Bucket=DEPLOYMENTS_BUCKET).get("Contents", []):
            aws.s3.delete_object(Bucket=DEPLOYMENTS_BUCKET, Key=older["Key"])
        aws.s3.upload_file(str(package.zip_file), DEPLOYMENTS_BUCKET, key)
    for resource in template["Resources"].values():
        if resource["Type"] == FUNCTION:
            resource["Properties"]["CodeUri"] = f"s3://{DEPLOYMENTS_BUCKET}/{key}"


def _remove_if_failed(
    aws: Aws, stack: "StackTypeDef", note: Callable[[str], None]
) -> "StackTypeDef | None":
    """Remove a stack whose creation failed: it takes no update, as in AWS."""
    if not stack["StackStatus"].startswith(("ROLLBACK", "CREATE_FAILED", "DELETE_FAILED")):
        return stack
    note(f"removing what is left of a failed deployment ({stack['StackStatus']})")
    aws.cloudformation.delete_stack(StackName=STACK_NAME)
    _wait(aws, set(), note)
    return None


def _apply(
    aws: Aws,
    act: Callable[..., object],
    body: str,
    parameters: Mapping[str, str],
    content: str,
) -> None:
    # A template over 51,200 bytes must lie in a bucket, so it always does.
    key = f"template-{content}.json"
    aws.s3.put_object(Bucket=DEPLOYMENTS_BUCKET, Key=key, Body=body.encode())
    try:
        act(
            StackName=STACK_NAME,
            TemplateURL=f"{aws.endpoint_url}/{DEPLOYMENTS_BUCKET}/{key}",
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=[{"Key": CONTENT_TAG, "Value": content}],
        )
    except ClientError as error:
        raise Failure(
            f"CloudFormation refused the template: {error.response['Error'].get('Message')}",
            "Correct infra/ or .chalice/config.json and run again.",
        ) from None


def _event_ids(aws: Aws) -> set[str]:
    events = aws.cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    return {event["EventId"] for event in events}


def _wait(aws: Aws, seen: set[str], note: Callable[[str], None]) -> None:
    """Follow the events of a deployment to its end, and return what failed."""
    deadline = time.monotonic() + DEPLOY_SECONDS
    finished: set[str] = set()
    faults: list[str] = []
    while time.monotonic() < deadline:
        stack = find_stack(aws)
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return
        events = aws.cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
        for event in reversed(events):
            if event["EventId"] in seen:
                continue
            seen.add(event["EventId"])
            name, status = event.get("LogicalResourceId", ""), event.get("ResourceStatus", "")
            if any(fault in status for fault in FAULTS) and event.get("ResourceStatusReason"):
                faults.append(f"    {name}: {status}: {event.get('ResourceStatusReason')}")
            if status.endswith("_COMPLETE") and name != STACK_NAME:
                finished.add(name)
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            if _is_whole(stack):
                note(f"{len(finished)} resources {stack['StackStatus'].split('_', 1)[0].lower()}d")
                return
            reasons = faults or [f"    {stack.get('StackStatusReason', 'no reason given')}"]
            raise Failure(
                f"The deployment ended as {stack['StackStatus']}:\n" + "\n".join(reasons[:5]),
                "The first line names the resource and why: correct it in infra/ or"
                " .chalice/config.json and run again.",
            )
        time.sleep(POLL_SECONDS)
    raise Failure(
        f"The deployment is not finished after {DEPLOY_SECONDS:.0f} s.",
        "Look at logs/cloud.log in the stack's folder; make clean starts over.",
    )
