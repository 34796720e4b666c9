"""The packaged app: the very template and zip that are deployed."""

import copy
from typing import Any

import pytest
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader  # type: ignore[import-untyped]
from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from local import package
from local.package import Package
from local.template import FUNCTION

LAYER = "AWS::Serverless::LayerVersion"
PLACED = {"Bucket": "artefacts", "Key": "code.zip"}


@pytest.fixture(scope="session")
def built() -> Package:
    return package.build()


@pytest.fixture(scope="session")
def template(built: Package) -> dict[str, Any]:
    return built.template()


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found


class NoManagedPolicies(ManagedPolicyLoader):  # type: ignore[misc]
    """Policies are written out in infra/: the translator has to look none up."""

    def __init__(self) -> None:
        super().__init__(None)

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template as AWS's own transform leaves it: what CloudFormation really makes."""
    given = copy.deepcopy(template)
    for resource in given["Resources"].values():
        if resource["Type"] == FUNCTION:
            resource["Properties"]["CodeUri"] = PLACED
        elif resource["Type"] == LAYER:
            resource["Properties"]["ContentUri"] = PLACED
    found: dict[str, Any] = transform(given, {}, NoManagedPolicies())
    return found
