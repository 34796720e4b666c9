"""Known vulnerabilities of the packages used here, by pip-audit and npm where they can run."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from local import pins
from local.home import PROJECT

CONSOLE = PROJECT / "console"
FOUND = 1
"""How both tools end that found something; any other failure is their own."""


def commands() -> list[tuple[str, Sequence[str] | None, Path]]:
    """Return each audit: what it looks at, its command (None where it is missing), and where."""
    own = [sys.executable, "-m", "pip_audit"] if find_spec("pip_audit") else None
    path = shutil.which("pip-audit")
    tool = own or ([path] if path else None)
    npm = shutil.which("npm")
    asked = ["--requirement", str(pins.REQUIREMENTS), "--disable-pip", "--no-deps"]
    return [
        ("the runtime (pip-audit)", [*tool, *asked] if tool else None, PROJECT),
        ("the console (npm audit)", [npm, "audit", "--omit=dev"] if npm else None, CONSOLE),
    ]


def run(say: Callable[[str], None]) -> int:
    """Run what can be run; return 1 if something is known against a package, else 0.

    A tool that is missing, or that reaches no advisories, is named and fails nothing.
    """
    worst = 0
    for what, command, folder in commands():
        if command is None:
            say(f"Not looked at: {what} is not installed here.")
            continue
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told = (ran.stdout + ran.stderr).strip()
        reached = "ENOAUDIT" not in told and "endpoint returned an error" not in told
        if ran.returncode == 0:
            say(f"Nothing is known against {what}.")
        elif ran.returncode == FOUND and reached and "Traceback" not in told:
            say(f"Known against {what}:\n{told}")
            worst = FOUND
        else:
            say(f"Not looked at: {what} could not ask:\n{told[-500:]}")
    return worst
