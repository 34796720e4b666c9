"""A change of a stack followed to its end, as CloudFormation tells of it: late, and in pages."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy import stacks
from deploy.run import Built, Deployer
from deploy.stacks import ChangeSet, Stack
from deploy.stage import Stage
from local.failure import Failure

STACK = "greenroom-x"
PAGE = 3
CHANGES = ChangeSet("changes", creates=False, changes=())


def event(number: int, name: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": str(number),
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


class CloudFormation:
    """Each look at the stack finds the next status, and the events that have come by then."""

    def __init__(self, *looks: tuple[str | None, list[dict[str, Any]]]) -> None:
        self.looks = list(looks)
        self.events = [event(0, STACK, "UPDATE_COMPLETE")]
        self.executed = False
        self.dropped: list[str] = []

    def execute_change_set(self, ChangeSetName: str) -> None:  # noqa: N803, ARG002  AWS's
        self.executed = True

    def delete_stack(self, StackName: str) -> None:  # noqa: N803, ARG002  AWS's
        self.executed = True

    def delete_change_set(self, ChangeSetName: str) -> None:  # noqa: N803  AWS's
        self.dropped.append(ChangeSetName)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803  AWS's
        status, events = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        self.events += [each for each in events if each not in self.events]
        if status is None:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": f"{StackName} does not exist"}},
                "DescribeStacks",
            )
        return {"Stacks": [{"StackName": StackName, "StackStatus": status}]}

    def describe_stack_events(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803, ARG002  AWS's
        latest_first, start = self.events[::-1], int(NextToken)
        page: dict[str, Any] = {"StackEvents": latest_first[start : start + PAGE]}
        if start + PAGE < len(latest_first):
            page["NextToken"] = str(start + PAGE)
        return page


def stack(*looks: tuple[str | None, list[dict[str, Any]]]) -> tuple[Stack, list[str]]:
    told: list[str] = []
    client: Any = CloudFormation(*looks)
    return Stack(client, STACK, told.append, 0.0), told


BEGUN = event(1, STACK, "UPDATE_IN_PROGRESS")
MADE = [event(10 + number, f"Queue{number}", "CREATE_COMPLETE") for number in range(10)]


@pytest.mark.parametrize("before", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_the_status_of_before_is_not_taken_for_the_end(before: str) -> None:
    """Until an update begins, the stack still has the status that the one before left."""
    followed, told = stack(
        (before, []),
        (before, [BEGUN]),
        ("UPDATE_IN_PROGRESS", MADE),
        ("UPDATE_COMPLETE", [event(2, STACK, "UPDATE_COMPLETE")]),
    )
    followed.carry_out(CHANGES)
    assert len(told) == len(MADE)


def test_an_update_of_which_no_event_is_seen_is_believed_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacks, "BEGIN_SECONDS", 0.0)
    stack(("UPDATE_COMPLETE", []))[0].carry_out(CHANGES)


def test_the_first_reason_is_found_behind_pages_of_others() -> None:
    fault = event(3, "Queue0", "CREATE_FAILED", "no more queues")
    others = [
        event(20 + number, f"Other{number}", "CREATE_FAILED", "Resource creation cancelled")
        for number in range(4 * PAGE)
    ]
    followed, _ = stack(
        ("UPDATE_IN_PROGRESS", [BEGUN]),
        ("UPDATE_IN_PROGRESS", [fault, *others]),
        ("UPDATE_ROLLBACK_COMPLETE", []),
    )
    with pytest.raises(Failure) as told:
        followed.carry_out(CHANGES)
    assert "Queue0: no more queues" in told.value.what
    assert "what was there before is there again" in told.value.what


def test_a_way_back_that_failed_is_not_told_as_done() -> None:
    followed, _ = stack(("UPDATE_IN_PROGRESS", [BEGUN]), ("UPDATE_ROLLBACK_FAILED", []))
    with pytest.raises(Failure, match="UPDATE_ROLLBACK_FAILED"):
        followed.carry_out(CHANGES)


def test_a_deletion_is_over_when_the_stack_is_gone_and_not_before() -> None:
    deleting = event(1, STACK, "DELETE_IN_PROGRESS")
    gone = event(2, "Queue0", "DELETE_COMPLETE")
    followed, told = stack(
        ("UPDATE_COMPLETE", []),
        ("DELETE_IN_PROGRESS", [deleting]),
        ("DELETE_IN_PROGRESS", [gone]),
        (None, []),
    )
    followed.delete()
    assert told == ["1 Queue0 delete complete"]


def test_a_stack_that_is_half_deleted_is_told_how_to_go_on() -> None:
    with pytest.raises(Failure) as told:
        stack(("DELETE_FAILED", []))[0].require_ready()
    assert "make destroy" in told.value.next_step


def test_an_interrupt_at_the_question_leaves_no_change_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_question: str) -> bool:
        raise KeyboardInterrupt

    client: Any = CloudFormation(("UPDATE_COMPLETE", []))
    stage = Stage("x", STACK, "eu-west-1", "", "arm64", None, {})
    run = Deployer(stage, ask=interrupted)
    run.__dict__["stack"] = Stack(client, STACK, lambda _words: None, 0.0)
    monkeypatch.setattr(run, "_plan", lambda _built, _parameters: CHANGES)
    monkeypatch.setattr(run, "_refusals", lambda _planned, _template: None)
    with pytest.raises(KeyboardInterrupt):
        run._carry_out(Built({}, "key", "build"), {})  # noqa: SLF001  the step alone
    assert client.dropped == ["changes"]
    assert not client.executed
