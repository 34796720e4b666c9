"""The local cloud: one ministack process on loopback, with its state in the stack's folder.

ministack writes its state only when it is stopped in order. So what was saved last is kept aside,
each start works on a copy of it, and an orderly stop makes the copy the new saved state: after a
kill -9 the stack comes back as it was at its last orderly stop, never half of each.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from local import port_rewriting, ports, processes
from local.failure import Failure, tail
from local.home import PROJECT, Home
from local.process_environment import child_environment

CLOUD_PYTHON = PROJECT / ".local" / "cloud-venv" / "bin" / "python"
PREFERRED_PORT = 4566
START_SECONDS = 60.0
STOP_SECONDS = 60.0
HEALTH_SECONDS = 5.0
LINGER_SECONDS = 3.0
POLL_SECONDS = 0.1
READY_LINE = "Running on http://{host}:{port} "
"""The line that the cloud logs once it serves on its port."""

STATE_SAVED_LINE = b"SFTP: stopped"
"""The line that the cloud logs once it has saved all of its state."""


@dataclass
class Cloud:
    """A running local cloud."""

    home: Home
    port: int
    process: subprocess.Popen[bytes]

    @property
    def endpoint_url(self) -> str:
        return endpoint_url(self.port)

    def stop(self, *, keep: bool) -> None:
        """Stop the cloud; keep its state for the next start, or else the state kept before.

        Without `keep` it does not save its state, which takes longer the more there is.
        """
        if not keep:
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)  # its function workers with it
            self.process.wait()
            settle(self.home, keep=False)
            return
        orderly = self._end()
        settle(self.home, keep=orderly)
        if not orderly:
            raise Failure(
                "The local cloud did not stop in order, so what this run changed is lost.",
                f"Its last words are in {self.home.log('cloud')}; the next start takes up the"
                " state before.",
            )

    def _end(self) -> bool:
        """Ask the cloud to stop; wait until it has, or has saved its state and only lingers.

        Measured: after its last state is on disk it may wait a minute and more for threads whose
        function workers it has killed itself.
        """
        log = self.home.log("cloud")
        said = log.stat().st_size if log.exists() else 0
        self.process.terminate()
        deadline, lingers_since = time.monotonic() + STOP_SECONDS, None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return self.process.returncode == 0
            if lingers_since is None and _log_contains(log, said, STATE_SAVED_LINE):
                lingers_since = time.monotonic()
            if lingers_since is not None and time.monotonic() - lingers_since > LINGER_SECONDS:
                break
            time.sleep(POLL_SECONDS)
        self.process.kill()
        self.process.wait()
        return lingers_since is not None


def _log_contains(log: Path, since: int, words: bytes) -> bool:
    """Return whether a log contains `words` after its first `since` bytes."""
    if not log.exists():
        return False
    with log.open("rb") as stream:
        stream.seek(since)
        return words in stream.read()


def endpoint_url(port: int) -> str:
    return f"http://{ports.LOOPBACK}:{port}"


def _serves(port: int) -> bytes:
    return READY_LINE.format(host=ports.LOOPBACK, port=port).encode()


def live(home: Home) -> Path:
    return home.cloud / "live"


def saved(home: Home) -> Path:
    return home.cloud / "saved"


def scratch(home: Home) -> Path:
    return home.cloud / "scratch"


def settle(home: Home, *, keep: bool) -> None:
    """Make the state of a stopped process the saved one, or drop it."""
    if keep and live(home).is_dir():
        older = home.cloud / "older"
        shutil.rmtree(older, ignore_errors=True)
        if saved(home).is_dir():
            saved(home).rename(older)
        live(home).rename(saved(home))
        shutil.rmtree(older, ignore_errors=True)
    _remove_leftovers(home)


def _remove_leftovers(home: Home) -> None:
    """Remove the leftovers of function workers in the background.

    They leave unpacked zips: 60 MB in 3,000 files each, which take half a second to remove.
    """
    if scratch(home).is_dir():
        scratch(home).rename(home.cloud / f"rubbish-{secrets.token_hex(4)}")
    rubbish = [str(folder) for folder in home.cloud.glob("rubbish-*")]
    remove = ["sh", "-c", 'rm -rf -- "$@" &', "remove", *rubbish]
    silence = subprocess.DEVNULL
    subprocess.run(
        remove, stdin=silence, stdout=silence, stderr=silence, start_new_session=True, check=False
    )


def start(home: Home, kept_ports: Mapping[str, int], *, record_calls: bool = False) -> Cloud:
    """Start the cloud on its port and wait until it answers.

    `kept_ports` are those of all programs of this stack, which the kept state follows to.
    `record_calls` keeps the API calls for the tests that compare them with policies.
    """
    if not CLOUD_PYTHON.exists():
        raise Failure(
            "The environment of the local cloud is missing.", "Run make run, which makes it."
        )
    port = kept_ports["cloud"]
    _prepare(home, kept_ports)
    environment = child_environment() | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": ports.LOOPBACK,
        "MINISTACK_HOST": ports.LOOPBACK,
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(live(home) / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(live(home) / "s3"),
        "TMPDIR": str(scratch(home)),
        # It would look for containers of its own to remove; there are none and shall be none.
        "DOCKER_HOST": f"unix://{scratch(home)}/no-container-engine",
        "CLOUDTRAIL_RECORDING": "1" if record_calls else "0",
        "CLOUDTRAIL_MAX_EVENTS": "100000",  # a whole run of the end-to-end tests makes over 10,000
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # `-P`: our modules are no modules of its environment.
    started = ["-P", str(PROJECT / "local" / "cloud_process.py")]
    process = processes.spawn(home, "cloud", CLOUD_PYTHON, started, environment)
    cloud = Cloud(home, port, process)
    try:
        _wait_until_healthy(cloud)
    except BaseException:
        processes.stop_process(process, STOP_SECONDS)
        raise
    return cloud


def is_healthy(port: int) -> bool:
    try:
        answer = requests.get(
            f"{endpoint_url(port)}/_ministack/health", timeout=HEALTH_SECONDS, allow_redirects=False
        )
    except requests.RequestException:
        return False
    return answer.ok


def _prepare(home: Home, kept_ports: Mapping[str, int]) -> None:
    older = home.cloud / "older"
    if older.is_dir() and not saved(home).is_dir():
        older.rename(saved(home))  # the move at the end of a stop was cut in two
    shutil.rmtree(live(home), ignore_errors=True)
    _remove_leftovers(home)
    if saved(home).is_dir():
        shutil.copytree(saved(home), live(home))
        _forget_stream_positions(live(home) / "state" / "lambda.json")
    for folder in (live(home) / "state", live(home) / "s3", scratch(home)):
        folder.mkdir(parents=True, exist_ok=True)
    port_rewriting.rewrite_ports(live(home), kept_ports)
    home.log("cloud").write_bytes(b"")


def _wait_until_healthy(cloud: Cloud) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if cloud.process.poll() is not None:
            break
        # Another program may have taken the port a moment ago, and answer in its stead.
        if _log_contains(cloud.home.log("cloud"), 0, _serves(cloud.port)) and is_healthy(
            cloud.port
        ):
            return
        time.sleep(0.1)
    log = cloud.home.log("cloud")
    raise Failure(
        "The local cloud did not start:\n" + tail(log.read_text(encoding="utf-8")),
        f"Look at {log}; make pristine followed by make run builds everything anew.",
    )


def _forget_stream_positions(kept: Path) -> None:
    """Measured: how far a stream was read is saved, its records are not.

    Left alone, functions on a stream would wait for records whose numbers never come again.
    """
    if not kept.is_file():
        return
    content = json.loads(kept.read_text(encoding="utf-8"))
    positions = content.get("payload", {}).get("dynamodb_stream_positions")
    if isinstance(positions, dict) and positions.get("data"):
        positions["data"] = type(positions["data"])()
        kept.write_text(json.dumps(content), encoding="utf-8")
