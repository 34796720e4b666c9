"""The two virtual environments. Standard library only: this runs before they exist.

`.venv` holds what builds, checks and runs Greenroom here; `.local/cloud-venv` holds the local
cloud, apart, because its packages would otherwise leak into the functions it runs. Each carries a
stamp, written last: without it, or of another Python, the environment is made anew; of other
requirements, it is brought to exactly those, and made anew should that fail.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TICK_SECONDS = 10
TAIL_LINES = 15

ENVIRONMENTS = {
    "development": (
        PROJECT / ".venv",
        (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt"),
    ),
    "local cloud": (
        PROJECT / ".local" / "cloud-venv",
        (PROJECT / "local" / "cloud-requirements.txt",),
    ),
}


def content_hash(requirements: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for file in requirements:
        digest.update(file.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def stamp_of(folder: Path) -> Path:
    return folder / "made.json"


def read_stamp(folder: Path) -> dict[str, str]:
    try:
        stamp = json.loads(stamp_of(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(folder: Path, stamp: dict[str, str]) -> None:
    fresh = stamp_of(folder).with_suffix(".new")
    fresh.write_text(json.dumps(stamp), encoding="utf-8")
    fresh.replace(stamp_of(folder))


def is_usable(folder: Path, version: str) -> bool:
    """Return whether an environment's interpreter starts, knows its folder and has this version."""
    check = "import sys, pip; print(sys.prefix); print('%d.%d' % sys.version_info[:2], end='')"
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        ran = subprocess.run(
            [python_of(folder), "-I", "-c", check],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = ran.stdout.splitlines()
        return ran.returncode == 0 and lines == [str(folder), version]
    return False


def fix_script_paths(folder: Path, old: str) -> None:
    """Make the scripts in `bin` name the folder of a clone that was moved or copied.

    Nothing here runs those scripts, but people do, and an old name may be another clone.
    """
    for script in (folder / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if b"\0" not in content and old.encode() in content:
            script.write_bytes(content.replace(old.encode(), str(folder).encode()))


def run_with_progress(title: str, command: list[str], log: Path) -> bool:
    started = time.monotonic()
    with log.open("ab") as output:
        # The lock goes along: a pip that outlives a killed make is waited for, not raced.
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, close_fds=False
        )
        try:
            while True:
                try:
                    return process.wait(timeout=TICK_SECONDS) == 0
                except subprocess.TimeoutExpired:
                    seconds = time.monotonic() - started
                    print(f"    {title}: {seconds:.0f} s so far", flush=True)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def make(name: str, folder: Path, requirements: tuple[Path, ...], stamp: dict[str, str]) -> None:
    started = time.monotonic()
    print(f"Making the {name} environment with Python {stamp['python']} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    logs = PROJECT / ".local" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{folder.name.lstrip('.')}.log"
    log.unlink(missing_ok=True)
    python = str(python_of(folder))
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    files = [part for file in requirements[-1:] for part in ("-r", str(file))]
    base = getattr(sys, "_base_executable", sys.executable)
    for title, command in (
        ("virtual environment", [base, "-m", "venv", str(folder)]),
        # The files name every package they need, so nothing is resolved and nothing drifts in.
        ("installing packages", [*pip, "install", "--no-deps", *files]),
        ("checking packages", [*pip, "check"]),
    ):
        if not run_with_progress(title, command, log):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            print("\n".join(lines[-TAIL_LINES:]), file=sys.stderr)
            sys.exit(
                f"The {name} environment could not be made ({title} failed, the whole output is in"
                f" {log.relative_to(PROJECT)}). Look whether the network and the disk are fine,"
                " then run the same command again: it starts afresh."
            )
    write_stamp(folder, stamp)
    print(f"    ready in {time.monotonic() - started:.0f} s", flush=True)


def update_packages(
    name: str, folder: Path, requirements: tuple[Path, ...], stamp: dict[str, str]
) -> bool:
    """Bring an environment to other requirements: what changed is installed, what left removed."""
    print(f"Bringing the {name} environment to its requirements ...", flush=True)
    stamp_of(folder).unlink()  # cut in two, it is made anew
    logs = PROJECT / ".local" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{folder.name.lstrip('.')}.log"
    pip = [str(python_of(folder)), "-m", "pip", "--disable-pip-version-check"]
    if not run_with_progress(
        "installing packages", [*pip, "install", "--no-deps", "-r", str(requirements[-1])], log
    ):
        return False
    listed = subprocess.run([*pip, "list", "--format=json"], capture_output=True, check=False)
    if listed.returncode != 0:
        return False
    wanted = {normalized(each) for file in requirements for each in names_in(file)} | {"pip"}
    found = [str(each["name"]) for each in json.loads(listed.stdout)]
    left = [each for each in found if normalized(each) not in wanted]
    if left and not run_with_progress(
        "removing packages", [*pip, "uninstall", "--yes", *left], log
    ):
        return False
    if not run_with_progress("checking packages", [*pip, "check"], log):
        return False
    write_stamp(folder, stamp)
    return True


def names_in(requirements: Path) -> list[str]:
    """List the packages that a file of exact pins names."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0].strip() for line in lines if "==" in line]


def normalized(package: str) -> str:
    """Write a package's name as indexes do: `Foo_Bar` and `foo-bar` are one package."""
    return re.sub(r"[-_.]+", "-", package).lower()


def ensure(name: str, version: str) -> None:
    folder, requirements = ENVIRONMENTS[name]
    stamp = {
        "requirements": content_hash(requirements),
        "python": version,
        "folder": str(folder),
    }
    found = read_stamp(folder)
    fit = found.get("python") == stamp["python"] and is_usable(folder, version)
    if fit and found.get("requirements") != stamp["requirements"]:
        if found.get("folder") == stamp["folder"] and update_packages(
            name, folder, requirements, stamp
        ):
            return
    elif fit:
        if found.get("folder") != stamp["folder"]:
            fix_script_paths(folder, found.get("folder", ""))
            write_stamp(folder, stamp)
        return
    make(name, folder, requirements, stamp)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    lock = PROJECT / ".local" / "environments.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Waiting for another make that is preparing the environments ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Make both environments of one Python: the first builds the zip, the second runs it."""
    os.environ.pop("PYTHONPATH", None)
    os.environ.pop("PIP_REQUIRE_VIRTUALENV", None)
    with one_at_a_time():
        version = "{}.{}".format(*sys.version_info[:2])
        for name in ENVIRONMENTS:
            ensure(name, version)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped. Run the same command again: an unfinished environment is made afresh.")
