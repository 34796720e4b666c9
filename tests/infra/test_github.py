"""The workflow that deploys, and the role it takes: no keys, one environment, no wide grants."""

import subprocess
import sys
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
    (policy,) = role(tmp_path)["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        named = [actions] if isinstance(actions, str) else actions
        assert not {"*", "iam:*", "kms:*"} & set(named)
        if any(each.startswith("iam:") for each in named):
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
