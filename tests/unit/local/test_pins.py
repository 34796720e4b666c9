"""Hashes of what goes into the zip, kept updates, and what is known against packages."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import audit, pins
from local.failure import Failure
from local.home import PROJECT


def test_the_lock_names_the_versions_of_the_requirements_each_with_a_hash() -> None:
    wanted = pins.pinned(pins.REQUIREMENTS.read_text(encoding="utf-8"))
    lock = pins.LOCK.read_text(encoding="utf-8")
    assert pins.pinned(lock) == wanted, "run make pins"
    assert pins.hashes(lock).keys() == wanted.keys()
    assert all(pins.hashes(lock).values())


def test_a_package_with_machine_code_has_a_wheel_for_either_processor() -> None:
    found = pins.hashes(pins.LOCK.read_text(encoding="utf-8"))
    for name in ("cryptography", "pydantic-core", "cffi", "pymediainfo"):
        assert len(found[name]) == 2, name


def test_no_file_of_pins_names_where_packages_come_from() -> None:
    for file in (pins.LOCK, *PROJECT.glob("requirements*.txt"), PROJECT / "console" / ".npmrc"):
        assert not re.search(r"https?://|--index-url", file.read_text(encoding="utf-8")), file


def test_a_package_without_a_wheel_is_told() -> None:
    assert pins.written("# x\na-b==1\n", {"a-b": ["f" * 64]}).endswith(
        f"a-b==1 \\\n    --hash=sha256:{'f' * 64}\n"
    )
    with pytest.raises(Failure, match=r"a_b==1 has no wheel"):
        pins.written("a_b==1\n", {})


def test_updates_are_kept_for_every_place_that_pins_packages() -> None:
    kept = yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    places = {(each["package-ecosystem"], each["directory"]) for each in kept["updates"]}
    pinned = [*PROJECT.glob("*requirements*.txt"), *PROJECT.glob("local/*requirements*.txt")]
    python = {
        ("pip", "/" + str(file.parent.relative_to(PROJECT)).removeprefix(".")) for file in pinned
    }
    assert places == {*python, ("npm", "/console"), ("github-actions", "/")}


class Ran:
    """Tools that end as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int, told: str) -> None:
        self.said: list[str] = []
        one = ("the runtime", ["tool"], Path())
        monkeypatch.setattr(audit, "commands", lambda: [one, ("the console", None, Path())])

        def run(command: Any, **_: Any) -> Any:
            return subprocess.CompletedProcess(command, code, told, "")

        monkeypatch.setattr(subprocess, "run", run)
        self.code = audit.run(self.said.append)


@pytest.mark.parametrize(
    ("code", "told", "ends", "words"),
    [
        (0, "", 0, "Nothing is known"),
        (1, "x 1.0 GHSA-1", 1, "Known against the runtime:\nx 1.0 GHSA-1"),
        (1, "npm error audit endpoint returned an error", 0, "could not ask"),
        (1, "Traceback (most recent call last)", 0, "could not ask"),
        (2, "usage", 0, "could not ask"),
    ],
)
def test_only_what_is_known_against_a_package_fails_an_audit(
    monkeypatch: pytest.MonkeyPatch, code: int, told: str, ends: int, words: str
) -> None:
    ran = Ran(monkeypatch, code, told)
    assert ran.code == ends
    assert words in ran.said[0]
    assert ran.said[1] == "Not looked at: the console is not installed here."
