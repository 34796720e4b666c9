"""The ffprobe that a local stack and the tests use, and how they get one.

The setting FFPROBE, then the media layer built here, then the one on PATH: the first that runs.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from local import layer, machine
from local.failure import Failure
from local.home import DEFAULT_HOME

SETTING = "FFPROBE"
# In the template: where the function finds it, /opt/bin/ffprobe in AWS.
PARAMETER = "FfprobePath"
ANSWER_SECONDS = 20.0

Note = Callable[[str], None]


def find() -> Path | None:
    """Return the path of the ffprobe to use, or None; one named by the setting must run."""
    named = os.environ.get(SETTING)
    if named:
        path = Path(shutil.which(named) or named).expanduser().absolute()
        if not runs(path):
            raise Failure(
                f"{SETTING} names {named}, which is no ffprobe that runs here.",
                f"Name one that does, or leave {SETTING} out.",
            )
        return path
    built = layer.built_ffprobe(machine.architecture())
    if built and runs(built):
        return built
    on_path = shutil.which("ffprobe")
    if on_path and runs(Path(on_path)):
        return Path(on_path).absolute()
    return None


def provide(note: Note) -> Path:
    """Return the ffprobe to use; get one if there is none, or fail with the command to type."""
    found = find() or _installed(note) or _built(note)
    if found:
        return found
    manager = machine.manager()
    raise Failure(
        "There is no ffprobe on this machine, and none could be installed or built here.",
        f"Type: {manager.line(manager.ffprobe_package)}"
        if manager
        else f"Install FFmpeg, or say where an ffprobe is: {SETTING}=path/to/ffprobe",
    )


def runs(path: Path) -> bool:
    try:
        ran = subprocess.run(
            [path, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0 and ran.stdout.startswith(b"ffprobe version")


def _installed(note: Note) -> Path | None:
    manager = machine.manager()
    if not manager or not machine.may_install(manager):
        return None
    log = DEFAULT_HOME / "logs" / "packages.log"
    note(f"no ffprobe here: {manager.line(manager.ffprobe_package)}")
    if not machine.install(manager, (manager.ffprobe_package,), log):
        note(f"that failed; its words are in {log}")
        return None
    return find()


def _built(note: Note) -> Path | None:
    if not layer.can_build_for_here():
        return None
    note("no ffprobe here: building the media layer's, which takes some minutes")
    try:
        return layer.build(machine.architecture(), note, for_here=True).ffprobe
    except Failure as failure:
        note(f"that failed: {failure.what}")
        return None
