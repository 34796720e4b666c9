"""A CloudFormation stack: found, changed by change sets, and followed to the end."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deploy.changes import Change
from local.failure import Failure
from local.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_SECONDS = 3.0
DEPLOY_SECONDS = 3600.0  # a distribution alone may take twenty minutes
NOTHING = ("didn't contain changes", "No updates are to be performed")
NEVER_MADE = frozenset({"REVIEW_IN_PROGRESS"})
FAILED_CREATION = frozenset({"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"})
WHOLE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
SUCCESS_STATUSES = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
DELETED_STATUSES = frozenset({None, "DELETE_COMPLETE"})
BEGIN_SECONDS = 60.0
"""An operation has begun by then, whether or not an event of it was seen."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class ChangeSet:
    id: str
    creates: bool
    changes: tuple[Change, ...]


class Stack:
    """One stack by its name; whether it exists is asked each time."""

    def __init__(
        self,
        cloudformation: "CloudFormationClient",
        name: str,
        note: Note,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._cloudformation = cloudformation
        self._note = note
        self._poll = poll_seconds
        self.name = name

    def found(self) -> "StackTypeDef | None":
        """Return the stack; None where there is none, or only one that was never made."""
        stack = self._described()
        return None if stack is None or stack["StackStatus"] in NEVER_MADE else stack

    def status(self) -> str | None:
        stack = self._described()
        return stack["StackStatus"] if stack else None

    def outputs(self) -> dict[str, str]:
        stack = self.found()
        outputs = stack.get("Outputs", []) if stack else []
        return {each["OutputKey"]: each["OutputValue"] for each in outputs}

    def template(self) -> Template:
        """Return the template that the stack has now; an empty one where there is no stack."""
        if self.found() is None:
            return {}
        body: Any = self._cloudformation.get_template(
            StackName=self.name, TemplateStage="Original"
        )["TemplateBody"]
        return dict(body)

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources of the template that the stack has now."""
        return dict(self.template().get("Resources", {}))

    def members(self) -> Iterator[Mapping[str, Any]]:
        """Yield what the stack consists of: logical and physical ids, and types."""
        pages = self._cloudformation.get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self.name):
            yield from page["StackResourceSummaries"]

    def _described(self) -> "StackTypeDef | None":
        try:
            return self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def require_ready(self) -> None:
        """Raise `Failure` for a stack that takes no update now; remove what failed to be made."""
        status = self.status()
        if status is None or status in WHOLE or status in NEVER_MADE:
            return
        if status in FAILED_CREATION:
            self._note(f"removing what is left of a failed first creation ({status})")
            self.delete()
            return
        if status.endswith("_IN_PROGRESS"):
            raise Failure(
                f"The stack {self.name} is being changed ({status}).",
                "Wait until that is over, and run this again.",
            )
        if status == "DELETE_FAILED":
            raise Failure(
                f"The stack {self.name} is half deleted ({status}).",
                "Its events name the resource that is in the way. Delete that, and run make destroy"
                " again; then make deploy makes a new stack.",
            )
        raise Failure(
            f"The stack {self.name} is stuck ({status}).",
            f"Have it go back: aws cloudformation continue-update-rollback --stack-name {self.name}"
            " and run this again. If that fails, its events name the resource that is in the way:"
            " --resources-to-skip leaves it out.",
        )

    def plan(
        self, template_url: str, parameters: Mapping[str, str], *, imports: bool = False
    ) -> ChangeSet | None:
        """Make a change set and wait for it; None if nothing would change.

        With `imports` it takes in what exists by the name that the template gives to it.
        """
        creates = self.found() is None
        made = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"greenroom-{time.time_ns()}",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateURL=template_url,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in sorted(parameters.items())
            ],
            Capabilities=CAPABILITIES,  # type: ignore[arg-type]
            ImportExistingResources=imports,
        )
        described = self._settled(made["Id"])
        if described["Status"] == "FAILED":
            reason = str(described.get("StatusReason", ""))
            self._cloudformation.delete_change_set(ChangeSetName=made["Id"])
            if any(words in reason for words in NOTHING):
                return None
            raise Failure(
                f"CloudFormation refuses the change set: {reason}",
                "The words above name what it refuses: correct infra/ or the stage's file.",
            )
        return ChangeSet(made["Id"], creates, tuple(self._changes(made["Id"])))

    def _settled(self, change_set: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + DEPLOY_SECONDS
        while time.monotonic() < deadline:
            described: Mapping[str, Any] = self._cloudformation.describe_change_set(
                ChangeSetName=change_set
            )
            if described["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                return described
            time.sleep(self._poll)
        raise Failure("The change set is not ready after an hour.", "Run this again.")

    def _changes(self, change_set: str) -> Iterator[Change]:
        pages = self._cloudformation.get_paginator("describe_change_set")
        for page in pages.paginate(ChangeSetName=change_set):
            for each in page["Changes"]:
                yield Change.of(each)

    def drop(self, change_set: ChangeSet) -> None:
        """Forget a change set, and the empty stack that one for a new stack has made."""
        self._cloudformation.delete_change_set(ChangeSetName=change_set.id)
        if change_set.creates and self.status() in NEVER_MADE:
            self._cloudformation.delete_stack(StackName=self.name)

    def carry_out(self, change_set: ChangeSet) -> None:
        """Execute a change set and tell its events. Raises `Failure` with the first reasons."""
        seen = {each["EventId"] for each in self._events(())}
        self._cloudformation.execute_change_set(ChangeSetName=change_set.id)
        self._follow(seen, len(change_set.changes), SUCCESS_STATUSES)

    def delete(self) -> None:
        """Delete the stack and tell its events. Raises `Failure` with the first reasons."""
        seen = {each["EventId"] for each in self._events(())}
        self._cloudformation.delete_stack(StackName=self.name)
        self._follow(seen, 0, DELETED_STATUSES)

    def protect(self, *, on: bool) -> None:
        """Have CloudFormation refuse to delete the stack, or not any more."""
        self._cloudformation.update_termination_protection(
            StackName=self.name, EnableTerminationProtection=on
        )

    def _events(self, seen: Collection[str]) -> list[Mapping[str, Any]]:
        """Return the events after those `seen`, the latest first; of late, where none was seen.

        Hundreds come between two looks, and a page of CloudFormation's has but some of them.
        """
        found: list[Mapping[str, Any]] = []
        more: dict[str, Any] = {"StackName": self.name}
        while True:
            try:
                page = self._cloudformation.describe_stack_events(**more)
            except ClientError as error:
                if "does not exist" in str(error):
                    return found
                raise
            new = [each for each in page["StackEvents"] if each["EventId"] not in seen]
            found += new
            if not seen or len(new) < len(page["StackEvents"]) or not page.get("NextToken"):
                return found
            more["NextToken"] = page["NextToken"]

    def _follow(self, seen: set[str], total: int, success: Collection[str | None]) -> None:
        """Print events until the stack's status is one of `success`.

        A status counts once the stack has reported an event of its own: until the operation
        begins, CloudFormation still returns the status of the one before.
        """
        started = time.monotonic()
        finished: set[str] = set()
        faults: list[str] = []
        begun = False
        while time.monotonic() < started + DEPLOY_SECONDS:
            status = self.status()
            counts = begun or status is None or time.monotonic() > started + BEGIN_SECONDS
            for event in reversed(self._events(seen)):
                seen.add(event["EventId"])
                begun = begun or event.get("LogicalResourceId") == self.name
                self._print_event(event, finished, total, faults)
            if counts:
                if status in success:
                    return
                if status is None or not status.endswith("_IN_PROGRESS"):
                    raise self._failure(status or "deleted meanwhile", faults)
            time.sleep(self._poll)
        raise Failure(
            f"The stack {self.name} is still being changed after an hour.",
            "It goes on by itself. Look at its events in the console of CloudFormation, and run"
            " this again when it is done.",
        )

    def _print_event(
        self, event: Mapping[str, Any], finished: set[str], total: int, faults: list[str]
    ) -> None:
        name, status = event.get("LogicalResourceId", ""), event.get("ResourceStatus", "")
        reason = event.get("ResourceStatusReason", "")
        if "FAILED" in status and reason and "cancelled" not in reason:
            faults.append(f"    {name}: {reason}")
            self._note(f"{name} failed: {reason}")
        elif status.endswith("_COMPLETE") and name != self.name and name not in finished:
            finished.add(name)
            counted = f"{len(finished)}/{total}" if total else str(len(finished))
            self._note(f"{counted} {name} {status.lower().replace('_', ' ')}")

    def _failure(self, status: str, faults: list[str]) -> Failure:
        back = status == "UPDATE_ROLLBACK_COMPLETE"
        went = "rolled back; what was there before is there again" if back else status
        return Failure(
            f"The stack {self.name} was not changed as planned ({went}):\n"
            + "\n".join(faults[:5] or ["    no reason given"]),
            "The first line names the resource and why. Correct that and run this again: it takes"
            " up what it can, and says what else has to be done first.",
        )
