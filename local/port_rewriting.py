"""Rewrites the ports in a local cloud's saved state.

The local cloud saves addresses that contain its own port: a queue is identified by its address,
functions have addresses in their environment, and items contain addresses given to a browser.
Started on another port with that state, it would send messages to whichever program uses the old
port now. So the ports are saved beside the state, and the state is rewritten before a start on
other ports.
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


def rewrite_ports(live: Path, now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Rewrite the state in a folder for the current ports; return (old, new) of each that changed.

    `now` maps each program's name to its port. The folder stores them for the next start.
    """
    before = saved_ports(live)
    moved = {
        name: (before[name], port)
        for name, port in now.items()
        if name in before and before[name] != port
    }
    # In one pass: one program may have another's old port.
    new_port = dict(moved.values())
    if new_port:
        for file in sorted((live / "state").glob("*.json")):
            _rewrite(file, new_port)
    live.mkdir(parents=True, exist_ok=True)
    (live / PORTS_FILE).write_text(json.dumps(dict(now)), encoding="utf-8")
    return moved


def saved_ports(live: Path) -> dict[str, int]:
    """Return the ports that a state was saved with; an older state's is read from a queue's URL."""
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
