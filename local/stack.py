"""Finds, starts and stops a stack; `stack.json` describes a running one."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.failure import Failure, tail
from local.home import PROJECT, Home, is_held, read_json

READY_SECONDS = 900.0
STOP_SECONDS = 90.0
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Person:
    email: str
    password: str
    role: str
    program_id: str | None


@dataclass(frozen=True)
class RunningStack:
    """A stack that is up, as `stack.json` describes it."""

    home: Home
    content: dict[str, Any]

    @property
    def api_url(self) -> str:
        return str(self.content["api_url"])

    @property
    def console_url(self) -> str | None:
        """Return the console's address; None for a stack without it."""
        url = self.content.get("console_url")
        return str(url) if url else None

    @property
    def gateway_url(self) -> str:
        """Return the API's own address, without the front that serves it with the console."""
        return str(self.content["gateway_url"])

    @property
    def tiktok_url(self) -> str | None:
        url = self.content.get("tiktok_url")
        return str(url) if url else None

    @property
    def identity(self) -> dict[str, str]:
        return dict(self.content["identity"])

    @property
    def people(self) -> list[Person]:
        return [Person(**user) for user in self.content["users"]]

    def person(self, email: str) -> Person:
        for person in self.people:
            if person.email == email:
                return person
        known = ", ".join(person.email for person in self.people)
        raise Failure(f"{email} is not a seeded person.", f"Choose one of {known}.")

    def first(self, role: str) -> Person:
        return next(person for person in self.people if person.role == role)


def find(home: Home) -> RunningStack | None:
    """Return the running stack of this folder; None if it does not run or is not ready."""
    # A killed run leaves a stack.json behind; only the living holder says that it is true.
    if not is_held(home) or not read_json(home.lock_file).get("ready"):
        return None
    content = read_json(home.stack_file)
    return RunningStack(home, content) if content else None


def find_or_fail(home: Home) -> RunningStack:
    stack = find(home)
    if stack is None:
        raise Failure("No stack is running here.", "Start it with make run in another terminal.")
    return stack


@dataclass
class Supervisor:
    """A `run` in the background, started by this process."""

    home: Home
    process: subprocess.Popen[bytes]

    def leave(self) -> None:
        """Let it run on, no longer stopped by this process."""
        self.process.returncode = self.process.poll() or 0

    def stop(self) -> None:
        """Stop it in order, and keep its state."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure(
                "The stack did not stop in time.", f"Look at {self.home.log('run')}."
            ) from None


def start_in_background(home: Home, options: tuple[str, ...] = ()) -> Supervisor:
    """Start a `run` that outlives this process unless stopped; it logs to `logs/run.log`."""
    log = home.log("run")
    arguments = ["run", "--in-background", "--home", str(home.root), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    return Supervisor(home, process)


def wait_until_ready(
    home: Home, supervisor: Supervisor | None = None, *, show: bool = False
) -> RunningStack:
    """Wait for `stack.json`, showing the output of the `run`; fail with it if the run ends."""
    deadline = time.monotonic() + READY_SECONDS
    shown = _Follower(home.log("run")) if show and supervisor else None
    while time.monotonic() < deadline:
        ended = supervisor.process.poll() is not None if supervisor else not is_held(home)
        stack = find(home)
        if shown:
            shown.print_new()
        if stack:
            return stack
        if ended:
            words = home.log("run").read_text(encoding="utf-8") if supervisor else ""
            raise Failure(
                "The stack did not come up." + (f"\n{tail(words)}" if words else ""),
                "Do what the lines above say, then run the same command again.",
            )
        time.sleep(POLL_SECONDS)
    raise Failure(
        f"The stack is not ready after {READY_SECONDS:.0f} s.",
        f"Look at {home.logs}, then stop it with make stop and try again.",
    )


def stop(home: Home) -> bool:
    """Stop the running stack of this folder, whoever started it; False if there was none."""
    if not is_held(home):
        return False
    pid = read_json(home.lock_file).get("pid")
    if not isinstance(pid, int):
        raise Failure("A stack is just starting here.", "Try again in a moment.")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_held(home):
        if time.monotonic() > deadline:
            raise Failure("The stack did not stop in time.", f"Look at {home.logs}.")
        time.sleep(POLL_SECONDS)
    return True


class _Follower:
    """Print what is appended to a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._position = 0

    def print_new(self) -> None:
        with self._file.open("rb") as stream:
            stream.seek(self._position)
            added = stream.read()
        self._position += len(added)
        print(added.decode(errors="replace"), end="", flush=True)
