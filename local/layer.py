"""The media layer: one static ffprobe, built from a source held to its checksum, as Lambda's zip.

`layers/ffprobe/` says what is built and how; here is what surrounds it: the source, the tools, the
zip, the proof. Built files are kept in `.local/layer/<architecture>/` until an input changes.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path

from local import binaries, machine, zips
from local.failure import Failure, tail
from local.home import PROJECT, read_json

RECIPE = PROJECT / "layers" / "ffprobe"
KNOWN_BUILDS = RECIPE / "builds.json"
"""What `check` found each toolchain to make of the recipe, twice."""
LAYERS = PROJECT / ".local" / "layer"
LOGS = PROJECT / ".local" / "logs"
ZIP_NAME = "ffprobe-layer.zip"
MEDIA_ZIP_NAME = "media-layer.zip"
"""The layer as it is deployed: ffprobe, and the library that Lambda's loader looks for in lib/."""
# To be raised when the zip is filled in another way.
LAYOUT = "1"
ARCHITECTURES = ("x86_64", "arm64")
PREFIXES = {"x86_64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}
CROSS_PACKAGES = {
    "x86_64": ("gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"),
    "arm64": ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
}
# The release of Debian whose source package holds the source; any Debian can fetch it.
SOURCE_PACKAGE, SOURCE_RELEASE = "ffmpeg", "bookworm"
SOURCE_SETTING = "FFMPEG_SOURCE"
BUILD_SECONDS = 3600.0
FETCH_SECONDS = 600.0
CORPUS_SECONDS = 600.0
LARGEST_BYTES = 10_000_000
LICENSES = ("COPYING.LGPLv2.1", "LICENSE.md")

ELF_MACHINES = {"x86_64": 62, "arm64": 183}
ELF_INTERPRETER = 3
EMULATORS = {"x86_64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}
WANTED = {
    "-protocols": {"file"},
    "-formats": {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"},
    "-decoders": {"aac", "h264", "hevc", "opus", "vorbis", "vp8", "vp9"},
}
PROBED_CLIPS = {"demo.mp4": "h264", "hevc.mp4": "hevc", "demo.webm": "vp9", "vp8.webm": "vp8"}

Note = Callable[[str], None]


@dataclass(frozen=True)
class Layer:
    """A built layer, unpacked, with its zip."""

    folder: Path

    @property
    def ffprobe(self) -> Path:
        return self.folder / "bin" / "ffprobe"

    @property
    def zip_file(self) -> Path:
        return self.folder / ZIP_NAME


@dataclass(frozen=True)
class KnownBuild:
    """The program that a toolchain makes of a recipe; hashes are hexadecimal SHA-256."""

    architecture: str
    recipe: str
    compiler: str
    assembler: str
    c_library: str
    ffprobe: str

    @property
    def toolchain(self) -> tuple[str, ...]:
        """All that decides the bytes, but for the recipe."""
        return self.architecture, self.compiler, self.assembler, self.c_library


@dataclass(frozen=True)
class Source:
    name: str
    sha256: str

    def matches(self, file: Path) -> bool:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256


def source() -> Source:
    sha256, name = (RECIPE / "source.sha256").read_text(encoding="utf-8").split()
    return Source(name, sha256)


def built_ffprobe(architecture: str) -> Path | None:
    """Return the ffprobe of a layer built from the current recipe, by whatever compiler."""
    folder = LAYERS / architecture
    made = Layer(folder)
    if _stamp(folder).get("recipe") == recipe_hash() and made.ffprobe.is_file():
        return made.ffprobe
    return None


def can_build_for_here() -> bool:
    """Return whether a build for this machine's own use needs nothing but the source."""
    here = machine.architecture()
    return (
        sys.platform == "linux"
        and here in ARCHITECTURES
        and all(shutil.which(name) for name in ("make", "sh", "gcc"))
        and _has_static_library("gcc")
    )


def build(architecture: str, note: Note, *, for_here: bool = False) -> Layer:
    """Return the layer of the recipe; quick when this compiler has built it already.

    `for_here` makes do without the assembler: the same program, slower, and not for Lambda.
    Raises Failure if what was built is not what the README promises, or not what the same
    toolchain built before.
    """
    with _one_at_a_time(note):
        if not for_here:
            _require_tools(architecture)
        folder = LAYERS / architecture
        stamp = _stamp_for(architecture)
        if _stamp(folder) != stamp or not Layer(folder).zip_file.is_file():
            fresh = _make(architecture, source_file(note), note)
            verify_layer(fresh, architecture, note)
            compare_with_known(fresh, architecture, note)
            shutil.rmtree(folder, ignore_errors=True)
            fresh.folder.rename(folder)
            _write_stamp(folder, stamp)
        return Layer(folder)


def check(architecture: str, note: Note) -> Layer:
    """Build twice, in two places, check what the README promises of the result, and record it."""
    with _one_at_a_time(note):
        _require_tools(architecture)
        stamp = _stamp_for(architecture)
        given = source_file(note)
        # Both at once: configuring, a quarter of the time, keeps one processor of many busy.
        with ThreadPoolExecutor() as threads:
            first, second = threads.map(
                partial(_make, architecture, given, note), ("tree", "another-place")
            )
        sums = [_sha256(each.zip_file) for each in (first, second)]
        if sums[0] != sums[1]:
            raise Failure(
                f"Two builds for {architecture} differ: {sums[0]} and {sums[1]}.",
                f"Compare {first.zip_file} and {second.zip_file}, which the next build removes.",
            )
        shutil.rmtree(second.folder)
        note(f"twice the same bytes: {sums[0]}")
        verify_layer(first, architecture, note)
        if architecture == machine.architecture():
            verify_verdicts(first, note)
        folder = LAYERS / architecture
        shutil.rmtree(folder, ignore_errors=True)
        first.folder.rename(folder)
        _write_stamp(folder, stamp)
        record(Layer(folder), architecture)
    return Layer(folder)


def compare_with_known(layer: Layer, architecture: str, note: Note) -> None:
    """Raise Failure if this toolchain has made another program of the recipe before."""
    made = _build_of(layer, architecture)
    known = next((each for each in known_builds() if each.toolchain == made.toolchain), None)
    if known is None:
        note("not compared: no build by this compiler, assembler and C library is on record")
    elif known.ffprobe != made.ffprobe:
        raise _failure(
            f"its SHA-256 is {made.ffprobe}, and {KNOWN_BUILDS.name} says {known.ffprobe}"
            " of the same compiler, assembler and C library"
        )
    else:
        note(f"the same bytes as on record: {made.ffprobe}")


def known_builds() -> list[KnownBuild]:
    """Return the builds on record, those of earlier recipes left out."""
    listed = json.loads(KNOWN_BUILDS.read_text(encoding="utf-8"))
    builds = [KnownBuild(**each) for each in listed]
    return [each for each in builds if each.recipe == recipe_hash()]


def record(layer: Layer, architecture: str) -> None:
    """Put a build on record, instead of an earlier one by the same toolchain."""
    made = _build_of(layer, architecture)
    others = [each for each in known_builds() if each.toolchain != made.toolchain]
    builds = [asdict(each) for each in sorted([*others, made], key=astuple)]
    KNOWN_BUILDS.write_text(json.dumps(builds, indent=2) + "\n", encoding="utf-8")


def _build_of(layer: Layer, architecture: str) -> KnownBuild:
    stamp = _stamp_for(architecture)
    return KnownBuild(
        architecture=architecture,
        recipe=stamp["recipe"],
        compiler=stamp["compiler"],
        assembler=stamp["assembler"],
        c_library=_sha256(_static_library(_compiler(architecture)))[:20],
        ffprobe=_sha256(layer.ffprobe),
    )


def verify_layer(layer: Layer, architecture: str, note: Note) -> None:
    """Raise Failure unless the layer is small, static, LGPL, and reads only its formats."""
    sizes = layer.ffprobe.stat().st_size, layer.zip_file.stat().st_size
    if max(sizes) >= LARGEST_BYTES:
        raise _failure(f"{sizes[0]} bytes, {sizes[1]} zipped, where {LARGEST_BYTES} are the limit")
    note(f"{sizes[0] / 1e6:.1f} MB, {sizes[1] / 1e6:.1f} MB zipped")
    content = layer.ffprobe.read_bytes()
    if not is_static_for(content, architecture):
        raise _failure(f"no static program for {architecture}")
    if str(PROJECT).encode() in content:
        raise _failure(f"it names the folder it was built in, {PROJECT}")
    with zipfile.ZipFile(layer.zip_file) as file:
        names = set(file.namelist())
    missing = {f"licenses/ffprobe/{name}" for name in LICENSES} - names
    if missing:
        raise _failure(f"without {', '.join(sorted(missing))}")
    emulator: list[str] = []
    if architecture != machine.architecture():
        found = shutil.which(EMULATORS[architecture])
        if not found:
            note(f"not run: {EMULATORS[architecture]} is not here (Debian's qemu-user-static)")
            return
        emulator = [found]
    _verify_running([*emulator, str(layer.ffprobe)])
    note(f"run: {', '.join(PROBED_CLIPS)} counted and decoded; nothing else built in")


def verify_verdicts(layer: Layer, note: Note) -> None:
    """Raise Failure unless this layer's ffprobe leads to the verdict on every file of the corpus.

    Only for a layer of this machine's own kind: what is emulated is too slow for the time limits.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "tests.corpus"],
        cwd=PROJECT,
        env=os.environ | {"FFPROBE": str(layer.ffprobe)},
        capture_output=True,
        text=True,
        timeout=CORPUS_SECONDS,
        check=False,
    )
    if ran.returncode != 0:
        raise _failure(f"verdicts of the corpus differ:\n{tail(ran.stderr)}")
    note("every file of the corpus gets its verdict with it")


def require_ffprobe_in(file: Path, architecture: str) -> None:
    """Raise Failure unless this zip is a layer with a static ffprobe for this architecture."""
    try:
        with zipfile.ZipFile(file) as layer:
            program = layer.read("bin/ffprobe")
    except (zipfile.BadZipFile, KeyError):
        program = b""
    if not is_static_for(program, architecture):
        raise Failure(
            f"{file} holds no static bin/ffprobe for {architecture}.",
            f"Build one on Linux: make layer ARCH={architecture}",
        )


def with_library(ffprobe_zip: Path, library: Path | None, architecture: str, target: Path) -> Path:
    """Zip ffprobe's layer and a library into one layer; raise Failure if Lambda cannot load it."""
    with zipfile.ZipFile(ffprobe_zip) as given:
        content = {name: given.read(name) for name in given.namelist()}
    if library:
        content[f"lib/{library.name}"] = library.read_bytes()
    # A deployment that runs at the same time must not read half a file.
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in sorted(content):
            zips.add(file, name, content[name], executable=name.startswith("bin/"))
    unfinished.replace(target)
    if found := list(binaries.unloadable(target, architecture)):
        raise Failure(
            f"The media layer would not load in a function on {architecture}: {found[0]}.",
            "Build it for that: make layer ARCH=...",
        )
    return target


def is_static_for(program: bytes, architecture: str) -> bool:
    """Return whether a file is a static 64-bit ELF program for this machine type."""
    if program[:6] != b"\x7fELF\x02\x01":
        return False
    if int.from_bytes(program[18:20], "little") != ELF_MACHINES[architecture]:
        return False
    start = int.from_bytes(program[32:40], "little")
    size, count = (int.from_bytes(program[at : at + 2], "little") for at in (54, 56))
    kinds = (program[start + size * number :][:4] for number in range(count))
    return all(int.from_bytes(kind, "little") != ELF_INTERPRETER for kind in kinds)


def listed(option: str, output: str) -> set[str]:
    """Return the names that ffprobe prints for -protocols, -formats or -decoders."""
    lines = [line.strip() for line in output.splitlines()]
    if option == "-protocols":
        return {line for line in lines if line and not line.endswith(":")}
    heading = next(number for number, line in enumerate(lines) if line and not line.strip("-"))
    return {line.split()[1] for line in lines[heading + 1 :] if line}


def _verify_running(command: list[str]) -> None:
    for option, wanted in WANTED.items():
        found = listed(option, _output([*command, "-hide_banner", option]))
        if found != wanted:
            raise _failure(f"{option} are {', '.join(sorted(found))}")
    if "GNU Lesser General Public" not in _output([*command, "-hide_banner", "-L"]):
        raise _failure("not under the LGPL")
    for name, codec in PROBED_CLIPS.items():
        clip = PROJECT / "tests" / "clips" / name
        shown = ["-v", "error", "-select_streams", "v:0", "-count_packets", "-count_frames"]
        shown += [
            "-show_entries",
            "stream=codec_name,nb_read_frames,nb_read_packets",
            "-of",
            "json",
        ]
        (stream,) = json.loads(_output([*command, *shown, str(clip)]))["streams"]
        packets, frames = (int(stream[f"nb_read_{what}"]) for what in ("packets", "frames"))
        if stream["codec_name"] != codec or not 0 < frames <= packets:
            raise _failure(f"{name} is read as {stream}")


def _output(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode != 0 or "error" in ran.stderr.lower():
        raise _failure(f"{' '.join(command[-3:])} fails:\n{tail(ran.stderr)}")
    return ran.stdout


def _failure(words: str) -> Failure:
    return Failure(f"The built ffprobe is not what it should be: {words}.", "See layers/ffprobe.")


# The source


def source_file(note: Note) -> Path:
    """Return the release's tarball, from wherever it can be had: the checksum identifies it."""
    wanted = source()
    named = os.environ.get(SOURCE_SETTING)
    if named:
        if wanted.matches(Path(named)):
            return Path(named).absolute()
        raise Failure(
            f"{SOURCE_SETTING} names {named}, which is not {wanted.name}"
            f" with the checksum {wanted.sha256}.",
            "Name that very file, or none on Debian, where it is fetched.",
        )
    kept = LAYERS / "source" / wanted.name
    if not wanted.matches(kept):
        note(f"fetching {wanted.name} from Debian's source package {SOURCE_PACKAGE}")
        _fetch(wanted, kept)
    return kept


def _fetch(wanted: Source, kept: Path) -> None:
    """Fetch by an apt-get with source lists of its own: the machine's lists are not touched."""
    remedy = (
        f"Get {wanted.name} elsewhere, then: make layer-check {SOURCE_SETTING}=path/to/that/file"
    )
    if not shutil.which("apt-get"):
        raise Failure("The source is fetched with apt-get, which is not here.", remedy)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-", dir=LAYERS) as folder:
        apt = _PrivateApt(Path(folder))
        apt.run("apt-get", "-q", "update")
        known = apt.run("apt-cache", "showsrc", "--only-source", SOURCE_PACKAGE)
        version = version_with(known, wanted.sha256)
        if not version:
            raise Failure(
                f"No source package {SOURCE_PACKAGE} here holds {wanted.name}"
                f" with the checksum {wanted.sha256}:\n{tail(apt.words)}",
                remedy,
            )
        package = f"{SOURCE_PACKAGE}={version}"
        apt.run(
            "apt-get", "-q", "source", "--download-only", "--tar-only", "--only-source", package
        )
        fetched = next((file for file in apt.downloads.iterdir() if wanted.matches(file)), None)
        if not fetched:
            raise Failure(f"{wanted.name} could not be fetched:\n{tail(apt.words)}", remedy)
        fetched.replace(kept)


class _PrivateApt:
    """Configure apt with the machine's mirrors and keys, but source lists and cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.words = ""
        for inner in ("parts", "lists/partial", "cache/archives/partial", "downloads"):
            (folder / inner).mkdir(parents=True)
        entries = folder / "sources.list"
        self._options = [
            f"-oDir::Etc::SourceList={entries}",
            f"-oDir::Etc::SourceParts={folder / 'parts'}",
            f"-oDir::State::Lists={folder / 'lists'}",
            f"-oDir::Cache={folder / 'cache'}",
            # Its own user could not read a folder that may lie in somebody's home.
            "-oAPT::Sandbox::User=root",
        ]
        entry = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
        binary = self._call(["apt-get", "indextargets", "--format", entry, "Created-By: Packages"])
        entries.write_text("\n".join(source_entries(binary, _codename())) + "\n", encoding="utf-8")

    def run(self, program: str, *arguments: str) -> str:
        return self._call([program, *self._options, *arguments])

    def _call(self, command: list[str]) -> str:
        try:
            ran = subprocess.run(
                command,
                cwd=self.downloads,
                env=os.environ | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure(
                f"{command[0]} is not finished after {FETCH_SECONDS:.0f} s.",
                "Look whether the network is fine, then run again.",
            ) from None
        self.words += ran.stderr
        return ran.stdout


def source_entries(binary: str, codename: str) -> list[str]:
    """Return the source entries of the pinned release for `address release component` lines."""
    entries = set()
    for line in binary.splitlines():
        address, release, component = line.split()
        if codename and release.split("-")[0] == codename and component == "main":
            pinned = SOURCE_RELEASE + release.removeprefix(codename)
            entries.add(f"deb-src {address} {pinned} {component}")
    return sorted(entries)


def version_with(known: str, sha256: str) -> str | None:
    """Return the version of the source package that holds this file, from `apt-cache showsrc`."""
    for stanza in known.split("\n\n"):
        if sha256 in stanza:
            fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
            return fields.get("Version")
    return None


def _codename() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    release = dict(line.split("=", 1) for line in lines if "=" in line)
    return release.get("VERSION_CODENAME", "").strip('"') if release.get("ID") == "debian" else ""


# The build


def _require_tools(architecture: str) -> None:
    if sys.platform != "linux" or architecture not in ARCHITECTURES:
        raise Failure(
            f"The media layer is built on Linux for {' and '.join(ARCHITECTURES)}.",
            "Build it there with make layer, then name the zip: make package"
            f" LAYER=path/to/{ZIP_NAME}",
        )
    commands = {"make": ("make",), "gcc": ("gcc", "libc6-dev")}
    if architecture == "x86_64":
        commands["nasm"] = ("nasm",)
    compiler = _compiler(architecture)
    if architecture != machine.architecture():
        commands[compiler] = CROSS_PACKAGES[architecture]
    missing = {name: each for name, each in commands.items() if not shutil.which(name)}
    if compiler not in missing and not _has_static_library(compiler):
        missing["libc.a"] = commands[compiler][-1:]
    machine.require(missing, LOGS / "packages.log")


def _compiler(architecture: str) -> str:
    native = architecture == machine.architecture()
    return "gcc" if native else f"{PREFIXES[architecture]}gcc"


def _has_static_library(compiler: str) -> bool:
    return _static_library(compiler).is_absolute()


def _static_library(compiler: str) -> Path:
    """Return where the compiler finds libc.a; a bare name if it finds none."""
    ran = subprocess.run(
        [compiler, "-print-file-name=libc.a"], capture_output=True, text=True, check=False
    )
    return Path(ran.stdout.strip())


def _make(architecture: str, tarball: Path, note: Note, place: str = "tree") -> Layer:
    """Build into a new folder and return it; `place` is the folder's name while building."""
    started = time.monotonic()
    note(f"building for {architecture}")
    work = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=LAYERS))
    tree = work / place
    try:
        with tarfile.open(tarball) as archive:
            archive.extractall(work / "unpacked", filter="data")
        (unpacked,) = (work / "unpacked").iterdir()
        unpacked.rename(tree)
        _compile(architecture, tree)
        finished = work / "layer"
        (finished / "bin").mkdir(parents=True)
        shutil.copy2(tree / "ffprobe", finished / "bin" / "ffprobe")
        _zip(finished, dict(_licenses(tree, architecture)))
        target = Path(tempfile.mkdtemp(prefix=".built-", dir=LAYERS))
        finished.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    note(f"built in {time.monotonic() - started:.0f} s")
    return Layer(target)


def _compile(architecture: str, tree: Path) -> None:
    log = LOGS / f"layer-{architecture}-{tree.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    jobs = str(len(os.sched_getaffinity(0)))
    with log.open("wb") as output:
        try:
            code = subprocess.run(
                ["sh", str(RECIPE / "build.sh"), architecture, jobs],
                cwd=tree,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=BUILD_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    if code != 0:
        words = log.read_text(encoding="utf-8", errors="replace")
        raise Failure(
            f"ffprobe could not be built for {architecture}:\n{tail(words)}",
            f"The whole output is in {log}.",
        )


def _licenses(tree: Path, architecture: str) -> Iterator[tuple[str, bytes]]:
    for name in LICENSES:
        yield name, (tree / name).read_bytes()
    for name in ("NOTICE", "build.sh", "source.sha256"):
        yield name, (RECIPE / name).read_bytes()
    native = architecture == machine.architecture()
    library = "libc6-dev" if native else CROSS_PACKAGES[architecture][1]
    terms = Path("/usr/share/doc") / library / "copyright"
    if terms.is_file():
        yield "glibc-copyright", terms.read_bytes()


def _zip(folder: Path, licenses: dict[str, bytes]) -> None:
    content = {"bin/ffprobe": (folder / "bin" / "ffprobe").read_bytes()}
    content |= {f"licenses/ffprobe/{name}": text for name, text in licenses.items()}
    with zipfile.ZipFile(folder / ZIP_NAME, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in sorted(content):
            zips.add(file, name, content[name], executable=name.startswith("bin/"))


# What is kept


def recipe_hash() -> str:
    digest = hashlib.sha256()
    for name in ("build.sh", "source.sha256", "NOTICE"):
        digest.update((RECIPE / name).read_bytes() + b"\0")
    return digest.hexdigest()[:20]


def _stamp_for(architecture: str) -> dict[str, str]:
    """Return all that decides the bytes: recipe, compiler, assembler and packer."""
    assembler = _first_line("nasm", "-v") if architecture == "x86_64" else "none needed"
    return {
        "recipe": recipe_hash(),
        "compiler": _first_line(_compiler(architecture), "--version"),
        "assembler": assembler,
        "layout": LAYOUT,
    }


def _first_line(*command: str) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "none"
    return ran.stdout.partition("\n")[0]


def _stamp(folder: Path) -> dict[str, str]:
    return read_json(folder / "made.json")


def _write_stamp(folder: Path, stamp: dict[str, str]) -> None:
    (folder / "made.json").write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _one_at_a_time(note: Note) -> Iterator[None]:
    LAYERS.mkdir(parents=True, exist_ok=True)
    with (LAYERS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            note("waiting for another build of the layer")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for pattern in (".unfinished-*", ".built-*", "apt-*"):
            for left in LAYERS.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)
        yield
