"""The zip alone, in an interpreter with nothing else: all of it loads, and it is no larger."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local import binaries, layer, machine, package, sbom
from local.home import PROJECT
from local.package import Package

MEGABYTE = 1_000_000
LARGEST_ZIP = 23 * MEGABYTE  # Lambda takes 50 MB by hand
LARGEST_UNZIPPED = 80 * MEGABYTE  # Lambda takes 250 MB, layers included
PACKAGES = {
    "_cffi_backend",
    "annotated_types",
    "app",
    "botocore",
    "certifi",
    "cffi",
    "chalice",
    "chalicelib",
    "charset_normalizer",
    "cryptography",
    "dateutil",
    "idna",
    "jmespath",
    "jwt",
    "pydantic",
    "pydantic_core",
    "pymediainfo",
    "pynamodb",
    "requests",
    "six",
    "tenacity",
    "typing_extensions",
    "typing_inspection",
    "tzdata",
    "urllib3",
}
HEAVY = (
    "boto3",
    "botocore.session",
    "cryptography",
    "jwt",
    "pydantic",
    "pymediainfo",
    "pynamodb",
    "requests",
)
ALONE = ("-I", "-S", "-B", "-W", "error")
PREAMBLE = """
import json, sys
sys.path.insert(0, sys.argv[1])
assert not [each for each in sys.path if "site-packages" in each], sys.path
"""


READ_CLIP = """
from pymediainfo import MediaInfo
with open(sys.argv[2], "rb") as file:
    tracks = MediaInfo.parse(file, parse_speed=0).tracks
print(json.dumps([[track.track_type, track.format] for track in tracks]))
"""


@pytest.fixture(scope="session")
def unzipped(built: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip")
    with zipfile.ZipFile(built.zip_file) as file:
        file.extractall(folder)
    return folder


def alone(folder: Path, script: str, *arguments: str) -> Any:
    """Run a script with nothing but the standard library and the zip; it prints JSON."""
    ran = subprocess.run(
        [sys.executable, *ALONE, "-c", PREAMBLE + script, str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder.parent,
        env={"PATH": "", "AWS_DEFAULT_REGION": "us-east-1"},
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_app_and_every_package_load_from_the_zip_alone(unzipped: Path) -> None:
    modules = [
        ".".join(file.relative_to(unzipped).with_suffix("").parts)
        for pattern in ("routes", "worker", "service", "store")
        for file in (unzipped / "chalicelib").glob(f"*/{pattern}.py")
    ]
    assert {"chalicelib.activities.worker", "chalicelib.videos.routes"} <= set(modules)
    script = """
import importlib
for name in ["app", *sys.argv[2:]]:
    importlib.import_module(name)
print(json.dumps([
    module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)
]))
"""
    standard = Path(json.__file__).parent.parent
    outside = [
        file
        for file in map(Path, alone(unzipped, script, *modules))
        if not file.is_relative_to(unzipped) and not file.is_relative_to(standard)
    ]
    assert outside == []


def test_every_handler_of_the_template_is_in_the_app(
    unzipped: Path, resources: dict[str, Any]
) -> None:
    handlers = [
        resource["Properties"]["Handler"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert {each.partition(".")[0] for each in handlers} == {"app"}
    script = "import app; print(json.dumps([callable(getattr(app, n)) for n in sys.argv[2:]]))"
    assert alone(unzipped, script, *(each.partition(".")[2] for each in handlers)) == [True] * len(
        handlers
    )


def test_every_service_can_be_built_from_the_zip_alone(
    unzipped: Path, resources: dict[str, Any]
) -> None:
    """Importing is not enough: what is imported when first used must be there too."""
    settings = {
        name
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
        for name in resource["Properties"].get("Environment", {}).get("Variables", {})
    }
    script = """
from chalicelib.composition import Container
from chalicelib.foundation.settings import Settings
given = dict.fromkeys(sys.argv[2:], "https://x.example")
given |= {"TIKTOK_UPLOAD_HOSTS": "x.example", "TIKTOK_PKCE": "off"}
given |= {"MANAGERS_NEED_MFA": "false", "WEBHOOK_TEST_NETWORKS": "127.0.0.0/8"}
given["TIKTOK_VIEWS"] = "false"
given["OWN_HOSTS"] = "x.example"
whole = [n for n, s in Settings.all().items() if type(s.default) is int]
given |= {n.upper(): "1" for n in whole}
container = Container(Settings.from_environment(given))
names = [n for n, v in vars(Container).items() if type(v).__name__ == "cached_property"]
print(json.dumps({n: type(getattr(container, n)).__name__ for n in names}))
"""
    built = alone(unzipped, script, *sorted(settings))
    assert {"videos", "activities", "programs", "foundation", "tokens", "cursors"} <= set(built)


def test_botocore_knows_the_services_we_call_and_no_others(built: Package, unzipped: Path) -> None:
    script = """
from chalicelib.foundation.aws import Clients
made = [n for n, v in vars(Clients).items() if type(v).__name__ == "cached_property"]
names = [n for n in made if not n.startswith("_")]
clients = [getattr(Clients(), n) for n in names]
print(json.dumps([each.meta.service_model.service_name for each in clients]))
"""
    with zipfile.ZipFile(built.zip_file) as file:
        described = {
            name.split("/")[2]
            for name in file.namelist()
            if name.startswith("botocore/data/") and name.count("/") > 2
        }
    assert described == set(alone(unzipped, script))


def test_mediainfo_brings_its_library_and_reads_a_clip(unzipped: Path, clips: Path) -> None:
    told = alone(unzipped, READ_CLIP, str(clips / "demo.mp4"))
    assert ["General", "MPEG-4"] in told
    assert ["Video", "AVC"] in told


def test_time_zones_are_known_without_the_machines(unzipped: Path) -> None:
    script = """
import zoneinfo
zoneinfo.reset_tzpath([])
print(json.dumps(str(zoneinfo.ZoneInfo("Europe/Berlin"))))
"""
    assert alone(unzipped, script) == "Europe/Berlin"


def test_importing_the_app_imports_nothing_heavy(unzipped: Path) -> None:
    script = "import app; print(json.dumps(sorted(sys.modules)))"
    loaded = set(alone(unzipped, script))
    assert "chalicelib.foundation.http" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert not [each for each in loaded if each.endswith((".service", ".store", ".worker"))]


def test_bytecode_lies_beside_the_sources_wherever_python_is_told_to_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "one.py").write_text("ONE = 1\n", encoding="utf-8")
    package.compile_sources(folder)
    assert [each.suffix for each in (folder / "__pycache__").iterdir()] == [".pyc"]


def test_the_zip_holds_what_the_functions_need_and_nothing_else(built: Package) -> None:
    with zipfile.ZipFile(built.zip_file) as file:
        names = file.namelist()
    top = {name.split("/")[0].partition(".")[0] for name in names if ".data/" not in name}
    described = {each for each in top if "-" in each}  # `name-version.dist-info`
    assert top - described - {"__pycache__"} == PACKAGES
    assert not [name for name in names if name.startswith(("chalice/cli", "chalice/deploy"))]
    compiled = {name.rpartition("/")[2].partition(".")[0] for name in names if ".pyc" in name}
    assert {"app", "http", "service", "client"} <= compiled
    assert not [name for name in names if name.split("/")[0] in {"tests", "local", "commands"}]


def test_the_zip_is_small_enough_to_start_fast(built: Package) -> None:
    with zipfile.ZipFile(built.zip_file) as file:
        unzipped = sum(entry.file_size for entry in file.infolist())
    assert built.zip_file.stat().st_size < LARGEST_ZIP
    assert unzipped < LARGEST_UNZIPPED


@pytest.mark.parametrize("architecture", layer.ARCHITECTURES)
def test_the_zip_for_a_function_holds_nothing_that_it_could_not_load(architecture: str) -> None:
    """Not what the machine that builds could: a function has its own processor and C library."""
    made = package.build(architecture=architecture)
    with zipfile.ZipFile(made.zip_file) as file:
        names = file.namelist()
    loaded = [name for name in names if ".so" in name.rpartition("/")[2]]
    for wanted in ("cryptography", "pydantic_core", "_cffi_backend"):
        assert [name for name in loaded if name.startswith(wanted)], wanted
    assert list(binaries.unloadable(made.zip_file, architecture)) == []
    (other,) = set(layer.ARCHITECTURES) - {architecture}
    refused = list(binaries.unloadable(made.zip_file, other))
    assert {each.partition(":")[0] for each in refused} == set(loaded)
    assert made.zip_file.stat().st_size <= 15 * MEGABYTE


def test_mediainfos_library_is_in_the_layer_where_the_loader_finds_it_and_nowhere_else(
    tmp_path: Path, clips: Path
) -> None:
    """The very zip and layer of a function of this machine's kind, in a clean interpreter."""
    if package.wheels_for(package.HERE) == package.HERE:
        pytest.skip("this machine does not load what is packed for Lambda")
    architecture = machine.architecture()
    made = package.build(architecture=architecture)
    ffprobe = tmp_path / "ffprobe.zip"
    with zipfile.ZipFile(ffprobe, "w") as file:
        file.writestr("bin/ffprobe", "a program")
    whole = layer.with_library(ffprobe, made.library, architecture, tmp_path / "media.zip")
    code, opt = tmp_path / "code", tmp_path / "opt"
    for source, target in ((made.zip_file, code), (whole, opt)):
        with zipfile.ZipFile(source) as file:
            file.extractall(target)
    assert sorted(each.name for each in opt.rglob("*") if each.is_file()) == [
        "ffprobe",
        "libmediainfo.so.0",
    ]
    assert not list(code.rglob("libmediainfo*"))
    reading = [sys.executable, *ALONE, "-c", PREAMBLE + READ_CLIP, str(code)]
    for found, environment in ((True, {"LD_LIBRARY_PATH": str(opt / "lib")}), (False, {})):
        ran = subprocess.run(
            [*reading, str(clips / "demo.mp4")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": "", **environment},
        )
        assert ("AVC" in ran.stdout) is found, ran.stderr
        assert ("libmediainfo.so.0" in ran.stderr) is not found


def test_the_bill_of_materials_names_every_pinned_package_that_is_in_the_zip(
    built: Package,
) -> None:
    named = {
        each["name"].lower().replace("-", "_"): each["version"]
        for each in sbom.bill(built.zip_file)["components"]
    }
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(each.split("==") for each in lines if "==" in each and not each.startswith("#"))
    wanted = {name.lower().replace("-", "_"): version for name, version in pinned.items()}
    assert {name: named.get(name) for name in wanted} == wanted
