"""A removal tells what stays before it begins: a stack that is gone tells nothing any more."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.artefacts import Artefacts
from deploy.run import Deployer
from deploy.stacks import Stack
from deploy.stage import Stage
from local.failure import Failure

STAGE = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, {})
KEPT = {"DeletionPolicy": "RetainExceptOnCreate"}
RESOURCES: dict[str, dict[str, Any]] = {
    "PointsTable": {"Type": "AWS::DynamoDB::Table", **KEPT},
    "IdempotencyTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Delete"},
    "ConsoleBucket": {"Type": "AWS::S3::Bucket", **KEPT},
    "VideosBucket": {
        "Type": "AWS::S3::Bucket",
        **KEPT,
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
    },
}


class There(Stack):
    """A stack of these resources, whose removal is interrupted."""

    def __init__(self, *, there: bool = True) -> None:
        self.there = there
        self.protected = True

    def found(self) -> Any:
        return {"StackName": STAGE.stack} if self.there else None

    def resources(self) -> dict[str, dict[str, Any]]:
        return RESOURCES

    def members(self) -> Iterator[Mapping[str, Any]]:
        for name, each in RESOURCES.items():
            yield {
                "LogicalResourceId": name,
                "PhysicalResourceId": f"x-{name.lower()}",
                "ResourceType": each["Type"],
            }

    def protect(self, *, on: bool) -> None:
        self.protected = on

    def delete(self) -> None:
        raise KeyboardInterrupt


def deployer(stack: There) -> Deployer:
    run = Deployer(STAGE, ask=lambda _question: True)
    s3: Any = None
    run.__dict__ |= {
        "stack": stack,
        "artefacts": Artefacts(s3, "111122223333", STAGE.region, "aws"),
        "_identity": {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ana"},
    }
    return run


def test_an_interrupted_removal_lists_what_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = There()
    with pytest.raises(KeyboardInterrupt):
        deployer(stack).destroy(STAGE.stack)
    assert not stack.protected
    told = {
        name: line
        for line in capsys.readouterr().out.splitlines()
        for name in ("x-pointstable", "x-consolebucket", "x-videosbucket", "x-idempotencytable")
        if name in line
    }
    assert "delete-table --table-name x-pointstable" in told["x-pointstable"]
    assert "old versions" in told["x-videosbucket"]  # `s3 rb --force` leaves them, and fails
    assert "old versions" not in told["x-consolebucket"]
    assert "x-idempotencytable" not in told


def test_the_bucket_of_packages_is_named_among_what_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(KeyboardInterrupt):
        deployer(There()).destroy(STAGE.stack)
    assert "greenroom-artefacts-111122223333-eu-west-1" in capsys.readouterr().out


def test_a_stack_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(Failure, match="There is no stack"):
        deployer(There(there=False)).destroy(STAGE.stack)
