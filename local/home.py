"""The folder in which one stack keeps all it has: `.local` unless another one is named."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.failure import Failure

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_HOME = PROJECT / ".local"
LOCK_ATTEMPTS = 20
LOCK_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Home:
    """The folder of a stack. Two stacks in two folders know nothing of each other."""

    root: Path = DEFAULT_HOME

    @property
    def is_default(self) -> bool:
        return self.root == DEFAULT_HOME

    @property
    def stack_file(self) -> Path:
        """Return the file that exists while the stack is up."""
        return self.root / "stack.json"

    @property
    def kept_file(self) -> Path:
        """The values that stay from one start to the next: ports, passwords, the secret."""
        return self.root / "kept.json"

    @property
    def front_file(self) -> Path:
        """Return the file that the front reads when it starts."""
        return self.root / "front.json"

    @property
    def processes_file(self) -> Path:
        return self.root / "processes.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "run.lock"

    @property
    def cloud(self) -> Path:
        return self.root / "cloud"

    @property
    def tiktok(self) -> Path:
        return self.root / "tiktok"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def log(self, name: str) -> Path:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name}.log"

    def forget(self) -> None:
        """Delete the state of the stack; environments, builds and other folders stay."""
        for folder in (self.cloud, self.tiktok, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.stack_file, self.kept_file, self.front_file, self.processes_file):
            file.unlink(missing_ok=True)


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a file; an empty one if the file is missing or incomplete."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(file: Path, content: dict[str, Any]) -> None:
    """Write a file atomically, readable by this user only: it holds passwords."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)


def is_held(home: Home) -> bool:
    """Return whether a living process runs this stack; the system drops the lock of a dead one."""
    try:
        with home.lock_file.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def held(home: Home) -> Iterator[Callable[[], None]]:
    """Make this process the one that runs the stack of this folder.

    Yields what is to be called once `stack.json` tells the truth.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with home.lock_file.open("a+") as file:
        _lock(file, home)

        def say(**state: int | bool) -> None:
            file.truncate(0)
            file.write(json.dumps(state))
            file.flush()

        say(pid=os.getpid())
        try:
            yield lambda: say(pid=os.getpid(), ready=True)
        finally:
            file.truncate(0)


def _lock(file: IO[str], home: Home) -> None:
    """Try for a moment: a process that only tests the lock holds it while testing."""
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
    raise Failure(
        f"Another process runs the stack in {home.root}.",
        "Use that one, or stop it with make stop.",
    )
