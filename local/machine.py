"""Knows this machine, and installs packages through its own package manager."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.failure import Failure

INSTALL_SECONDS = 900.0
ASK_SECONDS = 20.0


@dataclass(frozen=True)
class Manager:
    """A package manager: its install command, and its name for ffprobe."""

    command: str
    install: tuple[str, ...]
    ffprobe_package: str
    refresh: tuple[str, ...] = ()
    needs_root: bool = True

    def line(self, *packages: str) -> str:
        """Return the line that installs packages, for a person who may."""
        words = (self.command, *self.install, *packages)
        return " ".join(("sudo", *words) if self.needs_root and os.geteuid() != 0 else words)


MANAGERS = (
    Manager("apt-get", ("install", "-y", "--no-install-recommends"), "ffmpeg", ("update",)),
    Manager("dnf", ("install", "-y"), "ffmpeg-free"),
    Manager("pacman", ("-S", "--noconfirm"), "ffmpeg"),
    Manager("apk", ("add",), "ffmpeg"),
    Manager("brew", ("install",), "ffmpeg", needs_root=False),
)


def architecture() -> str:
    """Return the architecture by Lambda's name: x86_64 or arm64."""
    name = platform.machine()
    return {"aarch64": "arm64", "amd64": "x86_64", "AMD64": "x86_64"}.get(name, name)


def manager() -> Manager | None:
    return next((each for each in MANAGERS if shutil.which(each.command)), None)


def may_install(manager: Manager) -> bool:
    """Return whether installing needs no answer: as root, or by sudo without a password."""
    if not manager.needs_root or os.geteuid() == 0:
        return True
    if not shutil.which("sudo"):
        return False
    try:
        asked = subprocess.run(
            ["sudo", "-n", "true"], capture_output=True, timeout=ASK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def install(manager: Manager, packages: tuple[str, ...], log: Path) -> bool:
    """Install packages, a second time with fresh lists; log the output, return the success."""
    wanted = (*manager.install, *packages)
    if _run(manager, wanted, log):
        return True
    return (
        bool(manager.refresh) and _run(manager, manager.refresh, log) and _run(manager, wanted, log)
    )


def require(missing: Mapping[str, tuple[str, ...]], log: Path) -> None:
    """Install missing tools (name -> Debian's packages) if apt-get needs no answer, or fail."""
    packages = tuple(sorted({package for each in missing.values() for package in each}))
    if not packages:
        return
    found = manager()
    if found is None or found.command != "apt-get":
        remedy = f"Install them first; Debian's packages would be {', '.join(packages)}."
    elif may_install(found) and install(found, packages, log):
        return
    else:
        remedy = f"Install them: {found.line(*packages)}"
    raise Failure(f"Missing here: {', '.join(missing)}.", remedy)


def _run(manager: Manager, arguments: tuple[str, ...], log: Path) -> bool:
    command = ["env", "DEBIAN_FRONTEND=noninteractive", manager.command, *arguments]
    if manager.needs_root and os.geteuid() != 0:
        command = ["sudo", "-n", *command]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            ran = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ran.returncode == 0
