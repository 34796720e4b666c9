"""The Makefile hands on what it is given."""

import subprocess

import pytest

from local.home import PROJECT


@pytest.mark.parametrize("target", ["run", "demo", "stop", "token", "mail", "clean"])
def test_a_stack_in_a_folder_with_spaces_in_its_name_is_meant_as_one_folder(target: str) -> None:
    printed = subprocess.run(
        ["make", "--dry-run", target, "STACK_HOME=a folder/of its own"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    assert f'-m local {target} --home "a folder/of its own"' in printed
