"""The two passes of a first creation: what each one is given."""

from typing import Any

import pytest

from deploy.run import Built, Deployer
from deploy.stacks import Stack
from deploy.stage import Stage

DECLARED = (
    *("Architecture", "Build", "ConsoleDomain", "DeletionProtection", "OwnHosts"),
    "PublicUrl",
)
TEMPLATE: dict[str, Any] = {"Parameters": {name: {"Type": "String"} for name in DECLARED}}
BUILT = Built(TEMPLATE, "stacks/x/1.json", "b1")
CONSOLE = "https://d1.cloudfront.net"


class Made(Stack):
    """A stack that has these outputs."""

    def __init__(self, **outputs: str) -> None:
        self._outputs = outputs

    def outputs(self) -> dict[str, str]:
        return self._outputs


def given(parameters: dict[str, str], *, first: bool, **outputs: str) -> dict[str, str]:
    stage = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, parameters)
    run = Deployer(stage, ask=lambda _question: True)
    run.__dict__["stack"] = Made(**outputs)
    return run._parameters(BUILT, first=first)  # noqa: SLF001  what no command shows


def test_the_first_pass_protects_nothing_and_knows_no_address() -> None:
    assert given({}, first=True) == {
        "Architecture": "arm64",
        "Build": "b1",
        "DeletionProtection": "false",
    }


def test_the_second_pass_protects_and_tells_the_stack_its_own_address() -> None:
    found = given({}, first=False, ConsoleUrl=CONSOLE)
    assert (found["DeletionProtection"], found["PublicUrl"]) == ("true", f"{CONSOLE}/v1")


def test_the_second_pass_tells_the_stack_which_hosts_are_its_own() -> None:
    made = {"DistributionDomain": "d1.cloudfront.net", "RestAPIId": "A1b2"}
    found = given({"ConsoleDomain": "green.example"}, first=False, **made)
    assert found["OwnHosts"] == "d1.cloudfront.net,a1b2.execute-api.eu-west-1.amazonaws.com"
    assert given({"OwnHosts": "x.example"}, first=False, **made)["OwnHosts"] == "x.example"


@pytest.mark.parametrize(
    "parameters",
    [{"ConsoleDomain": "green.example"}, {"PublicUrl": "https://green.example/v1"}],
)
def test_an_address_of_the_owners_is_the_same_in_both_passes(parameters: dict[str, str]) -> None:
    for first in (True, False):
        found = given(parameters, first=first, ConsoleUrl=CONSOLE)
        assert found.get("PublicUrl") == parameters.get("PublicUrl")
        assert found.get("ConsoleDomain") == parameters.get("ConsoleDomain")


def test_parameters_an_older_template_does_not_declare_are_left_out() -> None:
    """A rollback goes to a template that may have had fewer parameters."""
    assert "AlarmEmail" not in given({"AlarmEmail": "a@b.example"}, first=False)
