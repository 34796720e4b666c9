"""Hashes of the packages that go into the zip: `make pins` writes them, packaging holds to them.

`requirements.txt` names versions, and `requirements.lock` beside it what their wheels for Lambda
are, on either processor. A wheel that somebody put in place of one of these does not install.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import functions
from local.environments import normalized
from local.failure import Failure, tail
from local.home import PROJECT

REQUIREMENTS = PROJECT / "requirements.txt"
LOCK = PROJECT / "requirements.lock"
HEAD = "# Written by make pins: hashes of the wheels for Lambda of what requirements.txt names."
PINNED = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9._+!-]+)")
HASHED = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def pinned(text: str) -> dict[str, str]:
    """Return the versions that requirements name, by the packages' normalized names."""
    found = (PINNED.match(line) for line in text.splitlines())
    return {normalized(each[1]): each[2] for each in found if each}


def hashes(text: str) -> dict[str, list[str]]:
    """Return the hashes that a lock names, by the packages' normalized names."""
    whole = text.replace("\\\n", " ").splitlines()
    named = ((PINNED.match(line), HASHED.findall(line)) for line in whole)
    return {normalized(each[1]): found for each, found in named if each}


def written(requirements: str, found: Mapping[str, Sequence[str]]) -> str:
    """Return the lock's text. Raises `Failure` for a package without a hash."""
    lines = [HEAD]
    for line in requirements.splitlines():
        if not (each := PINNED.match(line)):
            continue
        known = sorted(set(found.get(normalized(each[1]), ())))
        if not known:
            raise Failure(f"{each[0]} has no wheel for Lambda.", "Pin a version that has one.")
        lines.append(" \\\n    ".join([each[0], *(f"--hash=sha256:{one}" for one in known)]))
    return "\n".join(lines) + "\n"


def ask_pip(platforms: Sequence[str]) -> dict[str, str]:
    """Return the hash of the wheel that pip would install of each package. Raises `Failure`."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    command += ["--ignore-installed", "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", functions.PYTHON, "--report", "-", "-r", str(REQUIREMENTS)]
    for each in platforms:
        command += ["--platform", each]
    ran = subprocess.run(
        [*command, "--target", str(PROJECT / ".local" / "nothing")],
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise Failure(
            "The wheels' hashes cannot be had:\n" + tail(ran.stdout + ran.stderr),
            "Look at the network, then run this again.",
        )
    return {
        normalized(each["metadata"]["name"]): each["download_info"]["archive_info"]["hashes"][
            "sha256"
        ]
        for each in json.loads(ran.stdout)["install"]
    }


def update(platforms: Sequence[Sequence[str]], lock: Path = LOCK) -> None:
    """Write the lock for platforms, each told by pip's names of it, newest first."""
    found: dict[str, list[str]] = {}
    for each in platforms:
        for name, one in ask_pip(each).items():
            found.setdefault(name, []).append(one)
    lock.write_text(written(REQUIREMENTS.read_text(encoding="utf-8"), found), encoding="utf-8")
