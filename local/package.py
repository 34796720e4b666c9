"""The app as CloudFormation takes it: `template.json` and `deployment.zip`, built by Chalice.

Chalice makes the template and zips the app with its own runtime; the packages beside it are wheels
for what the functions run on, whatever machine and Python build them. Both files depend on nothing
but the inputs below, so they are kept under the hash of those and made once.
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

from local import binaries, botocore_models, functions, machine, pins, zips
from local import template as templates
from local.failure import Failure, tail
from local.home import PROJECT, read_json
from local.process_environment import REGION
from local.template import Template

INPUTS = (
    "app.py",
    "chalicelib",
    "vendor",
    "requirements.txt",
    "requirements.lock",
    "infra",
    ".chalice",
)
NOT_INPUTS = frozenset({"__pycache__", "deployments", "deployed", "build"})
STAGED = ("app.py", "chalicelib", "vendor", "requirements.txt", ".chalice")
LEFT_OUT = (
    "dateutil/zoneinfo/",  # a second copy of the time zones; zoneinfo reads tzdata's
    "pycparser/",  # what cffi parses C with while a package is built
    "pydantic/v1/",
)
"""Parts of packages that no function imports."""

INSTALLER_METADATA = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What pip writes about its own doing, which differs from machine to machine."""

HERE = "here"
"""In place of an architecture: for this machine's own functions, those of the local cloud."""
LAMBDA = "arm64"
"""What functions run on unless told otherwise: a fifth cheaper than x86_64."""

LIBRARY = Path("pymediainfo") / "libmediainfo.so.0"
"""What only the validating function loads, a quarter of the zip: it goes into its layer.

The local cloud has no layers, so there it stays in the zip.
"""

OLDEST_GLIBC = 17
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

    @property
    def library(self) -> Path | None:
        """Return MediaInfo's library, for the media layer; None where the zip has it."""
        file = self.folder / LIBRARY.name
        return file if file.is_file() else None

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


def content_hash(project: Path, architecture: str = HERE) -> str:
    """Return the digest of a build: its inputs, its tools and what it is for."""
    digest = hashlib.sha256()
    for inner in inputs(project):
        digest.update(str(inner).encode() + b"\0")
        digest.update(hashlib.sha256((project / inner).read_bytes()).digest())
    for builder in (
        __file__,
        binaries.__file__,
        botocore_models.__file__,
        functions.__file__,
        templates.__file__,
        zips.__file__,
    ):
        digest.update(Path(builder).read_bytes())
    digest.update((PROJECT / "requirements-dev.txt").read_bytes())
    digest.update(f"{sys.version_info[:2]} {architecture} {wheels_for(architecture)}".encode())
    return digest.hexdigest()[:20]


def build(
    project: Path = PROJECT, builds: Path | None = None, *, architecture: str = HERE
) -> Package:
    """Return the package of the project as it is now; quick if nothing changed since a build.

    `architecture` is one of Lambda's, or `HERE` for the local cloud.
    """
    builds = builds or project / ".local" / "build"
    builds.mkdir(parents=True, exist_ok=True)
    if not (project / "app.py").is_file():
        raise Failure(f"There is no app.py in {project}.", "Run this in a whole clone.")
    content = content_hash(project, architecture)
    package = Package(builds / content, content)
    with (builds / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not package.folder.is_dir():
            _drop_old(builds)
            unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=builds))
            try:
                _make(project, unfinished, architecture)
                unfinished.rename(package.folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        os.utime(package.folder)
    return package


def wheels_for(architecture: str) -> str:
    """Return whose wheels are packed: an architecture of Lambda's, or `HERE` for this machine's.

    A local run uses Lambda's own wheels wherever they load here too.
    """
    if architecture != HERE:
        return architecture
    loads = (
        sys.platform == "linux"
        and platform.libc_ver()[0] == "glibc"
        and machine.architecture() in binaries.MACHINES
        and _builder() == functions.PYTHON
    )
    return machine.architecture() if loads else HERE


def _builder() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _make(project: Path, target: Path, architecture: str) -> None:
    wheels = wheels_for(architecture)
    work = target / "work"
    staged = work / "project"
    staged.mkdir(parents=True)
    for inner in inputs(project):
        if inner.parts[0] in STAGED:
            (staged / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(project / inner, staged / inner)
    requirements = work / "requirements.txt"
    (staged / "requirements.txt").replace(requirements)
    # Chalice would fetch wheels for the machine that it takes Lambda to be.
    (staged / "requirements.txt").touch()
    merge = work / "merge.json"
    merge.write_text(json.dumps(templates.together(project / "infra")), encoding="utf-8")
    _chalice(staged, merge, work / "out")
    template = json.loads((work / "out" / "sam.json").read_text(encoding="utf-8"))
    if strays := templates.strays(template):
        raise Failure(
            "infra/ names what Chalice does not make:\n" + "\n".join(f"    {s}" for s in strays),
            "Compare the names with the functions of app.py, where Chalice takes them from.",
        )
    templates.answer_unknown(template)
    source = work / "out" / "deployment.zip"
    lock = project / pins.LOCK.name
    _install(requirements if wheels == HERE else lock, work / "packages", wheels)
    library = work / "packages" / LIBRARY
    if architecture != HERE and library.is_file():
        library.rename(target / LIBRARY.name)
    compiles = wheels == HERE or _builder() == functions.PYTHON
    normalise(source, target / "deployment.zip", work / "packages", compiles=compiles)
    if wheels != HERE and (found := list(binaries.unloadable(target / "deployment.zip", wheels))):
        raise Failure(
            f"The zip would not load in a function on {wheels}:\n"
            + "\n".join(f"    {each}" for each in found),
            "Pin a version in requirements.txt that has wheels for manylinux_2_34 or older.",
        )
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


def _install(requirements: Path, folder: Path, wheels: str) -> None:
    """Install the pinned packages into `folder`, as wheels of what is to load them.

    Those for Lambda are the very wheels whose hashes `requirements.lock` has.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    if wheels != HERE:
        command += ["--only-binary=:all:", "--implementation", "cp"]
        command += ["--python-version", functions.PYTHON]
        for platform_tag in platform_tags(wheels):
            command += ["--platform", platform_tag]
        command.append("--require-hashes")
    ran = subprocess.run(
        [*command, "--target", str(folder), "-r", str(requirements)],
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise Failure(
            f"The runtime's packages do not install for {wheels}:\n"
            + tail(ran.stdout + ran.stderr),
            "Look at the network, then run again. A package that is named has no wheel for it:"
            " pin a version in requirements.txt that has one.",
        )
    folder.mkdir(exist_ok=True)


def platform_tags(architecture: str) -> list[str]:
    """Return pip's names of the platforms whose wheels load in Lambda, newest first."""
    arch = {"arm64": "aarch64"}.get(architecture, architecture)
    newest = binaries.NEWEST_GLIBC[1]
    tags = [f"manylinux_2_{minor}_{arch}" for minor in range(newest, OLDEST_GLIBC - 1, -1)]
    return [*tags, f"manylinux2014_{arch}"]


def _is_bytecode(name: str) -> bool:
    return "__pycache__/" in name or name.endswith(".pyc")


def _is_wanted(name: str) -> bool:
    return not (
        _is_bytecode(name)
        or botocore_models.is_of_other_services(name)
        or name.startswith(LEFT_OUT)
        or name.startswith("bin/")
        or (".dist-info/" in name and name.rpartition("/")[2] in INSTALLER_METADATA)
    )


def normalise(source: Path, target: Path, packages: Path, *, compiles: bool = True) -> None:
    """Zip the same content to the same bytes: sorted, without times or owners.

    `compiles`: the Python that builds is the one that will run.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(source) as old:
            for name in filter(_is_wanted, old.namelist()):
                old.extract(name, folder)
        for file in sorted(packages.rglob("*")):
            inner = file.relative_to(packages)
            if file.is_file() and _is_wanted(str(inner)):
                (folder / inner).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / inner)
        if (folder / botocore_models.DATA).is_dir():
            called = botocore_models.words_of(folder / each for each in botocore_models.CALLERS)
            botocore_models.shorten(folder / botocore_models.DATA, called)
        if compiles:
            compile_sources(folder)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    zips.add(
                        new, str(file.relative_to(folder)), file.read_bytes(), executable=False
                    )


def compile_sources(folder: Path) -> None:
    """Compile the sources; the bytecode names no folder of this machine.

    Lambda's folder cannot be written: without it every cold start compiles all that it imports.
    """
    options = ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-q", "-q"]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPYCACHEPREFIX", None)  # it belongs beside the sources, into the zip
    subprocess.run(
        [sys.executable, "-m", "compileall", *options, str(folder)],
        env=environment,
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
