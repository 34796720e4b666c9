"""The app as CloudFormation takes it: `template.json` and `deployment.zip`, made by Chalice.

Both depend on nothing but the files below, so they are kept under the hash of those and made once.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local import template as templates
from local import zips
from local.failure import Failure, tail
from local.home import PROJECT, read_json
from local.surroundings import REGION
from local.template import Template

INPUTS = ("app.py", "chalicelib", "vendor", "requirements.txt", "infra", ".chalice")
NOT_INPUTS = frozenset({"__pycache__", "deployments", "deployed", "build"})
STAGED = ("app.py", "chalicelib", "vendor", "requirements.txt", ".chalice")
SERVICES = frozenset({"cognito-idp", "dynamodb", "kms", "s3", "secretsmanager", "sqs"})
"""The AWS services that the Lambdas call. botocore describes 400, in half of what the zip was."""

SERVICE_MODELS = "botocore/data/"
KEPT_BUILDS = 5
CHALICE_SECONDS = 900
RUN_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Package:
    """A built app. `content` names it: equal names are equal bytes."""

    folder: Path
    content: str

    @property
    def template_file(self) -> Path:
        return self.folder / "template.json"

    @property
    def zip_file(self) -> Path:
        return self.folder / "deployment.zip"

    def template(self) -> Template:
        content: Template = json.loads(self.template_file.read_text(encoding="utf-8"))
        return content


def inputs(project: Path) -> Iterator[Path]:
    for name in INPUTS:
        start = project / name
        files = [start] if start.is_file() else sorted(start.rglob("*"))
        for file in files:
            inner = file.relative_to(project)
            if file.is_file() and not NOT_INPUTS.intersection(inner.parts):
                yield inner


def content_hash(project: Path) -> str:
    """Names what would be built: the inputs, and what builds them."""
    digest = hashlib.sha256()
    for inner in inputs(project):
        digest.update(str(inner).encode() + b"\0")
        digest.update(hashlib.sha256((project / inner).read_bytes()).digest())
    for builder in (__file__, templates.__file__, zips.__file__):
        digest.update(Path(builder).read_bytes())
    digest.update((PROJECT / "requirements-dev.txt").read_bytes())
    digest.update(f"{sys.version_info[:2]} {runs_lambda_wheels()}".encode())
    return digest.hexdigest()[:20]


def build(project: Path = PROJECT, builds: Path | None = None) -> Package:
    """The package of the project as it is now; quick when nothing changed since a build."""
    builds = builds or project / ".local" / "build"
    builds.mkdir(parents=True, exist_ok=True)
    if not (project / "app.py").is_file():
        raise Failure(f"There is no app.py in {project}.", "Run this in a whole clone.")
    content = content_hash(project)
    package = Package(builds / content, content)
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not package.folder.is_dir():
            _drop_old(builds)
            unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=builds))
            try:
                _make(project, unfinished)
                unfinished.rename(package.folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        os.utime(package.folder)
    return package


def runs_lambda_wheels() -> bool:
    """Whether this machine can load what Chalice packs: wheels for Linux on x86-64 with glibc."""
    if os.environ.get("GREENROOM_HOST_WHEELS"):
        return False
    return (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and platform.libc_ver()[0] == "glibc"
    )


def _make(project: Path, target: Path) -> None:
    work = target / "work"
    staged = work / "project"
    staged.mkdir(parents=True)
    for inner in inputs(project):
        if inner.parts[0] in STAGED:
            (staged / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / inner, staged / inner)
    merge = work / "merge.json"
    merge.write_text(json.dumps(templates.together(project / "infra")), encoding="utf-8")
    _chalice(staged, merge, work / "out")
    template = json.loads((work / "out" / "sam.json").read_text(encoding="utf-8"))
    if strays := templates.strays(template):
        raise Failure(
            "infra/ names what Chalice does not make:\n" + "\n".join(f"    {s}" for s in strays),
            "Compare the names with the functions of app.py, where Chalice takes them from.",
        )
    source = work / "out" / "deployment.zip"
    dependencies = None if runs_lambda_wheels() else _host_dependencies(staged, work / "host")
    _normalise(source, target / "deployment.zip", dependencies)
    (target / "template.json").write_text(
        json.dumps(template, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    shutil.rmtree(work)


def _chalice(staged: Path, merge: Path, out: Path) -> None:
    environment = os.environ | {
        "AWS_DEFAULT_REGION": REGION,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    environment.pop("PYTHONPATH", None)
    # Chalice packages the stage dev unless told otherwise; there is one, whatever its name.
    stage = next(iter(read_json(staged / ".chalice" / "config.json").get("stages", {})), "dev")
    options = ["--stage", stage, "--merge-template", str(merge)]
    try:
        ran = subprocess.run(
            [sys.executable, "-c", RUN_CHALICE, "package", *options, str(out)],
            cwd=staged,
            env=environment,
            capture_output=True,
            text=True,
            timeout=CHALICE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failure(
            f"chalice package is not finished after {CHALICE_SECONDS} s.",
            "It fetches packages: look whether the network is fine, then run again.",
        ) from None
    output = ran.stdout + ran.stderr
    # Chalice succeeds without a dependency it could not find a wheel for, and only says so.
    if ran.returncode != 0 or "Could not install dependencies" in output:
        raise Failure(
            "chalice package failed:\n" + tail(output),
            "If a package could not be fetched, look at the network and run again; otherwise"
            " the lines above name the place in app.py, chalicelib/ or .chalice/config.json.",
        )


def _host_dependencies(staged: Path, folder: Path) -> Path:
    """The same pins as wheels of this machine, for local runs where Lambda's do not load."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    ran = subprocess.run(
        [*command, "--target", str(folder), "-r", str(staged / "requirements.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise Failure(
            "The runtime's packages do not install here:\n" + tail(ran.stdout + ran.stderr),
            "Look at the network, then run again.",
        )
    return folder


def _is_bytecode(name: str) -> bool:
    return "__pycache__/" in name or name.endswith(".pyc")


def _is_wanted(name: str) -> bool:
    return not _is_bytecode(name) and not _is_of_other_services(name)


def _is_of_other_services(name: str) -> bool:
    service, folder, _file = name.removeprefix(SERVICE_MODELS).partition("/")
    return name.startswith(SERVICE_MODELS) and bool(folder) and service not in SERVICES


def _is_ours(name: str) -> bool:
    return name.split("/", 1)[0] in {"app.py", "chalicelib", "chalice"}


def _normalise(source: Path, target: Path, dependencies: Path | None) -> None:
    """The same content as the same bytes: sorted, compiled anew, without times or owners."""
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(source) as old:
            for name in old.namelist():
                if _is_wanted(name) and (_is_ours(name) or not dependencies):
                    old.extract(name, folder)
        for file in sorted(dependencies.rglob("*")) if dependencies else ():
            inner = file.relative_to(dependencies or file)
            if file.is_file() and _is_wanted(str(inner)) and inner.parts[0] != "bin":
                (folder / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / inner)
        _compile(folder)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as new:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    zips.add(
                        new, str(file.relative_to(folder)), file.read_bytes(), executable=False
                    )


def _compile(folder: Path) -> None:
    """Put bytecode beside the sources, which names no folder of this machine.

    Lambda's folder cannot be written: without it every cold start compiles all that it imports.
    """
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-q", "-q"]
    subprocess.run(
        [sys.executable, "-m", "compileall", *options, str(folder)],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        check=False,  # packages bring files for other Pythons too, which nothing imports
    )


def _drop_old(builds: Path) -> None:
    for unfinished in builds.glob(".unfinished-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    built = [folder for folder in builds.iterdir() if folder.is_dir()]
    built.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in built[KEPT_BUILDS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
