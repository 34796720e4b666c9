"""Moves kept state to other ports.

The local cloud saves addresses with its own port in them: a queue's address is its name, functions
have addresses in their environment, and items have those that a browser was given. Woken up on
another port with that state, it would send its messages to whatever program has the old port now.
So the ports a state was saved with are saved beside it, and a copy that wakes up on others is
rewritten first.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from local import ports
from local.home import read_json

PORTS_FILE = "ports.json"
_ADDRESS = re.compile(rf"(?<![0-9.]){re.escape(ports.LOOPBACK)}:([0-9]{{1,5}})(?![0-9])")
_QUEUE_NAME = re.compile(rf"http://{re.escape(ports.LOOPBACK)}:([0-9]{{1,5}})/[0-9]{{12}}/")


def follow(live: Path, now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Rewrite the state in a folder for the ports of today; returns what moved, old and new.

    `now` names each port by the program that has it. The folder remembers them for the next time.
    """
    before = saved_ports(live)
    moved = {
        name: (before[name], port)
        for name, port in now.items()
        if name in before and before[name] != port
    }
    # All at once: one program may have another's old port.
    new_port = dict(moved.values())
    if new_port:
        for file in sorted((live / "state").glob("*.json")):
            _rewrite(file, new_port)
    live.mkdir(parents=True, exist_ok=True)
    (live / PORTS_FILE).write_text(json.dumps(dict(now)), encoding="utf-8")
    return moved


def saved_ports(live: Path) -> dict[str, int]:
    """Return the ports that a state was saved with; of an older one, what its queues are named."""
    found = {
        name: port for name, port in read_json(live / PORTS_FILE).items() if isinstance(port, int)
    }
    queues = live / "state" / "sqs.json"
    if not found and queues.is_file():
        named = _QUEUE_NAME.search(queues.read_text(encoding="utf-8"))
        found = {"cloud": int(named[1])} if named else {}
    return found


def _rewrite(file: Path, new_port: Mapping[int, int]) -> None:
    def renamed(address: re.Match[str]) -> str:
        port = int(address[1])
        return f"{ports.LOOPBACK}:{new_port.get(port, port)}"

    text = file.read_text(encoding="utf-8")
    rewritten = _ADDRESS.sub(renamed, text)
    if rewritten != text:
        file.write_text(rewritten, encoding="utf-8")
