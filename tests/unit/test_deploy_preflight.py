"""What is looked at before anything is made: clone, account, and the state of the stack."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy import run as run_module
from deploy.run import MIN_CONCURRENCY, Deployer
from deploy.stacks import Stack
from deploy.stage import Stage
from local.failure import Failure

STAGE = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, {})


class CloudFormation:
    """Knows one stack, and what was asked of it."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.deleted: list[str] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803  AWS's
        if not self.statuses:
            told: Any = {"Error": {"Code": "ValidationError", "Message": "does not exist"}}
            raise ClientError(told, "DescribeStacks")
        status = self.statuses[0]
        return {"Stacks": [{"StackName": StackName, "StackStatus": status}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:  # noqa: N803, ARG002  AWS's
        return {"StackEvents": []}

    def delete_stack(self, StackName: str) -> None:  # noqa: N803  AWS's
        self.deleted.append(StackName)
        self.statuses.clear()


def deployer(
    monkeypatch: pytest.MonkeyPatch, limit: int, changed: str = "", *statuses: str
) -> tuple[Deployer, CloudFormation]:
    class Lambda:
        def get_account_settings(self) -> dict[str, Any]:
            return {"AccountLimit": {"ConcurrentExecutions": limit}}

    made = Deployer(STAGE, ask=lambda _question: True)
    cloudformation: Any = CloudFormation(*statuses)
    made.__dict__["stack"] = Stack(cloudformation, STAGE.stack, lambda _words: None, 0.0)
    monkeypatch.setattr(made, "client", lambda _name: Lambda())
    monkeypatch.setattr(run_module, "uncommitted", lambda: changed)
    return made, cloudformation


def test_an_account_with_too_few_functions_at_once_is_told_where_to_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, _ = deployer(monkeypatch, MIN_CONCURRENCY - 1)
    with pytest.raises(Failure) as told:
        run.preflight()
    assert f"only {MIN_CONCURRENCY - 1} functions at once" in told.value.what
    assert "Service Quotas" in told.value.next_step
    deployer(monkeypatch, MIN_CONCURRENCY)[0].preflight()


def test_uncommitted_changes_are_deployed_only_with_the_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, _ = deployer(monkeypatch, 1000, " M app.py")
    with pytest.raises(Failure, match=r"app\.py"):
        run.preflight()
    run.allow_dirty = True
    run.preflight()


def test_a_new_file_that_would_be_packed_counts_and_a_new_stage_does_not(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    for name in ("app.py", "chalicelib/videos/model.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-m", "First")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "staging.toml").touch()
    assert run_module.uncommitted(tmp_path) == ""
    (tmp_path / "chalicelib" / "videos" / "left.py").touch()
    (tmp_path / "app.py").write_text("x = 1\n", encoding="utf-8")
    found = run_module.uncommitted(tmp_path).splitlines()
    assert found == [" M app.py", "?? chalicelib/videos/left.py"]


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_whole_stack_takes_an_update(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    run, cloudformation = deployer(monkeypatch, 1000, "", status)
    run.preflight()
    assert cloudformation.deleted == []


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"])
def test_the_remains_of_a_failed_first_creation_are_removed(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    run, cloudformation = deployer(monkeypatch, 1000, "", status)
    run.preflight()
    assert cloudformation.deleted == ["greenroom-x"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_IN_PROGRESS", "Wait until that is over"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_a_stack_that_takes_no_update_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, status: str, words: str
) -> None:
    run, cloudformation = deployer(monkeypatch, 1000, "", status)
    with pytest.raises(Failure) as told:
        run.preflight()
    assert words in told.value.next_step
    assert cloudformation.deleted == []
