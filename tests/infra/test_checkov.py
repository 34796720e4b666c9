"""The translated template, looked at by checkov: clean, or argued in checkov.toml.

It lives in an environment of its own, for it brings some 90 packages with pins of their own:

    python -m venv LINT && LINT/bin/pip install checkov
    CHECKOV=LINT/bin/checkov make check

Where it is missing this test is left out; tests/infra run cfn-lint without it.
"""

import json
import os
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from local.home import PROJECT

CHECKOV = os.environ.get("CHECKOV")
ARGUMENTS = PROJECT / "tests" / "infra" / "checkov.toml"
OPTIONS = ["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "-o", "json"]
SECONDS = 600


def arguments() -> dict[str, dict[str, Any]]:
    return tomllib.loads(ARGUMENTS.read_text(encoding="utf-8"))


def findings(template: dict[str, Any], folder: Path) -> dict[str, set[str]]:
    file = folder / "template.json"
    file.write_text(json.dumps(template), encoding="utf-8")
    ran = subprocess.run(
        [str(CHECKOV), "-f", str(file), *OPTIONS],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    told = json.loads(ran.stdout)
    assert told["summary"]["parsing_errors"] == 0
    assert told["summary"]["passed"] > 100
    found: dict[str, set[str]] = defaultdict(set)
    for each in told["results"]["failed_checks"]:
        found[each["check_id"]].add(each["resource"].rpartition(".")[2])
    return found


@pytest.mark.skipif(not CHECKOV, reason="checkov is not there: CHECKOV names it")
def test_checkov_finds_nothing_that_is_not_argued(
    translated: dict[str, Any], tmp_path: Path
) -> None:
    found, argued = findings(translated, tmp_path), arguments()
    assert set(found) == set(argued)
    for check, names in found.items():
        resources = argued[check]["resources"]
        if resources != "all":
            assert sorted(names) == sorted(resources), check


def test_every_exception_is_argued_and_names_what_there_is(translated: dict[str, Any]) -> None:
    for check, each in arguments().items():
        assert set(each) == {"resources", "why"}, check
        assert len(each["why"]) > 40, check
        if each["resources"] != "all":
            assert set(each["resources"]) <= set(translated["Resources"]), check
