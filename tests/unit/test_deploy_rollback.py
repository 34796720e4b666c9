"""Which deployment a rollback goes back to, and which commit is noted with it."""

import copy
from typing import Any

import pytest

from deploy import smoke
from deploy.artefacts import Artefacts, Deployed
from deploy.run import Built, Deployer
from deploy.stacks import Stack
from deploy.stage import Stage
from local.failure import Failure
from local.template import Template

STAGE = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, {})


def template(name: str) -> Template:
    code = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": name}}
    return {"Resources": {"APIHandler": code}}


class Kept(Artefacts):
    """A bucket in which each template is kept under the name of its code."""

    def __init__(self, *names: str) -> None:
        self.past = [Deployed(name, f"build-{name}", f"commit-{name}", "then") for name in names]

    def history(self, stack: str) -> list[Deployed]:  # noqa: ARG002  there is one
        return list(self.past)

    def template(self, key: str) -> Template:
        return template(key)

    def put_template(self, stack: str, template: Template) -> str:  # noqa: ARG002  there is one
        return str(template["Resources"]["APIHandler"]["Properties"]["CodeUri"])

    def remember(self, stack: str, deployed: Deployed) -> None:  # noqa: ARG002  there is one
        self.past = [each for each in self.past if each.template != deployed.template]
        self.past.append(deployed)


class There(Stack):
    """A stack that has the template it was given last."""

    def __init__(self, name: str) -> None:
        self.now = template(name)

    def template(self) -> Template:
        return copy.deepcopy(self.now)

    def require_ready(self) -> None:
        pass

    def outputs(self) -> dict[str, str]:
        return {"ConsoleUrl": "https://console.example"}

    def found(self) -> Any:
        return {"Parameters": []}


def deployer(monkeypatch: pytest.MonkeyPatch, kept: Kept, there: There) -> Deployer:
    run = Deployer(STAGE, ask=lambda _question: True)
    run.__dict__ |= {
        "artefacts": kept,
        "stack": there,
        "_identity": {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ana"},
    }

    def update(built: Built) -> None:
        there.now = built.template

    monkeypatch.setattr(run, "_update", update)
    monkeypatch.setattr(smoke, "health", lambda _deployment: None)
    return run


@pytest.mark.parametrize(
    ("past", "now", "back"),
    [
        (("a", "b"), "b", "a"),
        (("a", "b"), "failed its trial", "b"),
        (("a",), "failed its trial", "a"),
        (("a", "b", "c"), "c", "b"),
    ],
)
def test_a_rollback_goes_to_the_latest_that_went_well_and_is_not_there(
    monkeypatch: pytest.MonkeyPatch, past: tuple[str, ...], now: str, back: str
) -> None:
    kept, there = Kept(*past), There(now)
    deployer(monkeypatch, kept, there).rollback()
    assert there.now == template(back)
    latest = kept.past[-1]
    assert (latest.template, latest.build) == (back, f"build-{back}")
    assert latest.commit == f"commit-{back}"  # and not the commit that this clone is at


@pytest.mark.parametrize("past", [(), ("a",)])
def test_where_nothing_else_went_well_it_says_so(
    monkeypatch: pytest.MonkeyPatch, past: tuple[str, ...]
) -> None:
    there = There("a")
    with pytest.raises(Failure, match="Nothing was deployed"):
        deployer(monkeypatch, Kept(*past), there).rollback()
    assert there.now == template("a")
