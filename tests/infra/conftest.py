"""The packaged app: the very template and zip that are deployed."""

from typing import Any

import pytest

from local import package
from local.package import Package


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
