"""A stack of an earlier template becomes one of today's while people's sends are under way.

The earlier one calls the staging function otherwise, so that the update makes another function with
another mapping of its queue and removes the one at work, hides messages for another time, and has
less memory: what changes from one version to the next, and what a running send could fall over.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.restore import renamed
from local import workarounds
from local.aws import STACK_NAME, Aws
from local.deploy import DEPLOYMENTS_BUCKET
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import new_key
from tests.e2e.tiktok_members import TICKED, TikTokMembers
from tests.e2e.waiting import wait_for

Template = dict[str, Any]
SENDERS = 6


def template_of(deployed: DeployedStack) -> Template:
    cloudformation = deployed.client("cloudformation")
    told = cloudformation.get_template(StackName=STACK_NAME, TemplateStage="Original")
    body = told["TemplateBody"]
    found: Template = json.loads(body if isinstance(body, str) else json.dumps(body))
    return found


def earlier(template: Template) -> Template:
    before: Template = renamed(template, "PerformancesStage", "PerformancesSend")
    before["Resources"]["PerformancesSend"]["Properties"]["MemorySize"] = 256
    before["Resources"]["StagingQueue"]["Properties"]["VisibilityTimeout"] = 1200
    return before


def update(deployed: DeployedStack, template: Template) -> None:
    """Update the stack, whose parameters stay, and wait until it is whole."""
    cloudformation = deployed.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    key = "upgrade.json"
    body = json.dumps(template).encode()
    deployed.s3.put_object(Bucket=DEPLOYMENTS_BUCKET, Key=key, Body=body)
    cloudformation.update_stack(
        StackName=STACK_NAME,
        TemplateURL=f"{deployed.endpoint_url}/{DEPLOYMENTS_BUCKET}/{key}",
        Parameters=[
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
            for each in stack["Parameters"]
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=stack["Tags"],
    )

    def whole() -> bool:
        told = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        status = told["StackStatus"]
        assert "ROLLBACK" not in status, told.get("StackStatusReason")
        return bool(status == "UPDATE_COMPLETE")

    wait_for("The update", whole)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    workarounds.after_deployment(Aws(deployed.endpoint_url), template, outputs)
    deployed.forget_resources()


@pytest.fixture
def of_before(deployed: DeployedStack) -> Iterator[Template]:
    """Today's template, for a stack that has the earlier one; in the end it has today's."""
    today = template_of(deployed)
    update(deployed, earlier(today))
    yield today
    if "PerformancesStage" not in deployed.names:
        update(deployed, today)


def test_sends_that_are_under_way_during_an_upgrade_all_finish_once(
    of_before: Template, tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    senders = [tiktok_members.one().connected() for _ in range(SENDERS)]
    activity = tiktok_members.activity(valid)
    assert "PerformancesSend" in deployed.names
    waiting, running = senders[: SENDERS // 2], senders[SENDERS // 2 :]
    performed: list[str] = []

    def perform(sender: Any) -> None:
        answer = sender.api.post(f"/activities/{activity}/perform", TICKED, key=new_key())
        assert answer.status == 202
        performed.append(answer.body["performance_id"])

    # Some are at any of the steps, others wait in the queue of a function that the update removes.
    for sender in running:
        perform(sender)
    wait_for("Each being begun", lambda: all(map(deployed.is_begun, performed)))
    source = deployed.names["PerformancesSendPerformancesStageSqsEventSource"]
    deployed._switch(source, on=False)  # noqa: SLF001  its function has another name here
    for sender in waiting:
        perform(sender)
    begun = performed[: len(running)]
    update(deployed, of_before)

    assert "PerformancesSend" not in deployed.names
    # AWS lets runs of a removed function end, the local cloud ends them: as if their leases had.
    for performance in begun:
        deployed.end_lease(performance)
    deployed.tick("PerformancesResumeOverdueSends")
    for sender, performance in zip([*running, *waiting], performed, strict=True):
        staged = sender.reaches(performance, "staged")
        assert sender.tiktok.share(staged["publish_id"])["completed_uploads"] == 1
        assert len(sender.tiktok.person(sender.name)["inits"]) == 1
        assert sender.points() == (10, 10)
