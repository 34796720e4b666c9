"""Child processes of a stack: started apart from the terminal, recognised after a kill -9."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.home import Home, read_json, write_private

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Child:
    """A process id, and the words that its command line must have to be ours."""

    pid: int
    mark: str

    def alive(self) -> bool:
        """Return whether it runs. The pid may be another's by now: the command line decides."""
        listing = subprocess.run(
            ["ps", "-ww", "-o", "stat=,command=", "-p", str(self.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        return bool(listing) and not listing.startswith("Z") and self.mark in listing


def mark_of(home: Home, name: str) -> str:
    return f"greenroom-{name}={home.root}"


def spawn(
    home: Home, name: str, python: Path, arguments: list[str], environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start `python arguments` in a session of its own, which Ctrl-C does not reach.

    The mark travels as an interpreter option that Python ignores, so it shows in every `ps`.
    """
    mark = mark_of(home, name)
    with home.log(name).open("ab") as output:
        process = subprocess.Popen(
            [python, "-X", mark, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    remembered = read_json(home.processes_file)
    remembered[name] = {"pid": process.pid, "mark": mark}
    write_private(home.processes_file, remembered)
    return process


def left_behind(home: Home) -> dict[str, Child]:
    """Return processes of this folder whose parent died without stopping them."""
    remembered: dict[str, Any] = read_json(home.processes_file)
    children = {
        name: Child(int(entry["pid"]), str(entry["mark"])) for name, entry in remembered.items()
    }
    return {name: child for name, child in children.items() if child.alive()}


def stop_child(child: Child, patience_seconds: float) -> bool:
    """Send SIGTERM, then SIGKILL after a time limit; return whether SIGTERM was enough."""
    with_grace = _signal(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while with_grace and time.monotonic() < deadline:
        if not child.alive():
            return True
        time.sleep(POLL_SECONDS)
    _signal(child.pid, signal.SIGKILL)
    return not with_grace


def stop_process(process: subprocess.Popen[bytes], patience_seconds: float) -> bool:
    """Stop a child of this process likewise; return whether it exited by itself, without error."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(timeout=patience_seconds) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
