"""The package's name follows its inputs; its zip is the same bytes for the same content."""

import sys
import zipfile
from pathlib import Path

import pytest

from local import package, workarounds
from local.failure import Failure


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("chalicelib", "infra", ".chalice"):
        (tmp_path / name).mkdir()
    (tmp_path / "app.py").write_text("app = 1\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("", encoding="utf-8")
    return tmp_path


def test_a_changed_input_is_another_package(project: Path) -> None:
    before = package.content_hash(project)
    (project / "infra" / "tables.yaml").write_text("Resources: {}", encoding="utf-8")
    assert package.content_hash(project) != before


def test_files_left_by_running_change_no_digest(project: Path) -> None:
    before = package.content_hash(project)
    for name in ("chalicelib/__pycache__", ".chalice/deployments"):
        (project / name).mkdir()
        (project / name / "left").write_text("x", encoding="utf-8")
    assert package.content_hash(project) == before


@pytest.mark.parametrize(
    "builder", ["binaries", "botocore_models", "functions", "templates", "zips"]
)
def test_a_changed_builder_changes_the_digest(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builder: str
) -> None:
    before, other = package.content_hash(project), tmp_path / f"{builder}.py"
    other.write_text("# another one\n", encoding="utf-8")
    monkeypatch.setattr(getattr(package, builder), "__file__", str(other))
    assert package.content_hash(project) != before


def test_a_folder_without_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"There is no app\.py"):
        package.build(tmp_path)


def test_zips_of_the_same_content_are_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for number, names in enumerate((["b.py", "a.py", "lib/__pycache__/a.pyc"], ["a.py", "b.py"])):
        source, target = tmp_path / f"{number}.in", tmp_path / f"{number}.out"
        with zipfile.ZipFile(source, "w") as file:
            for name in names:
                entry = zipfile.ZipInfo(name, (2020 + number, 1, 1, 0, 0, 0))
                file.writestr(entry, name)
        package.normalise(source, target, tmp_path / "no-packages")
        made.append(target.read_bytes())
    assert made[0] == made[1]


def test_installer_metadata_and_unused_parts_are_left_out(
    tmp_path: Path,
) -> None:
    """The first differs from machine to machine, the second is a tenth of the zip."""
    packages = tmp_path / "packages"
    kept = ("boto3/session.py", "boto3-1.dist-info/METADATA", "boto3-1.dist-info/licenses/LICENSE")
    dropped = (
        *("boto3-1.dist-info/RECORD", "boto3-1.dist-info/REQUESTED", "bin/jp.py"),
        *("pydantic/v1/main.py", "dateutil/zoneinfo/zones.tar.gz"),
        *("pycparser/c_parser.py", "botocore/data/ec2/2016-11-15/service-2.json.gz"),
    )
    for name in (*kept, *dropped):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("x = 1\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as file:
        file.writestr("app.py", "app = 1\n")
    package.normalise(tmp_path / "app.zip", tmp_path / "out.zip", packages, compiles=False)
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert set(file.namelist()) == {"app.py", *kept}


def test_a_package_for_lambda_has_lambdas_wheels_on_every_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        assert package.wheels_for("arm64") == "arm64"
        assert package.wheels_for("x86_64") == "x86_64"
    assert package.wheels_for(package.HERE) == package.HERE


def test_another_python_builds_for_the_same_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_builder", lambda: "3.12")
    assert package.wheels_for("arm64") == "arm64"
    assert package.wheels_for(package.HERE) == package.HERE


def test_wheels_are_asked_for_that_need_no_newer_c_library_than_lambdas() -> None:
    tags = package.platform_tags("arm64")
    assert (tags[0], tags[-1]) == ("manylinux_2_34_aarch64", "manylinux2014_aarch64")
    assert not [each for each in tags if "x86" in each or "musl" in each or "_35_" in each]


def test_binary_types_of_the_definition_become_the_apis() -> None:
    api = {
        "Type": "AWS::Serverless::Api",
        "Properties": {"DefinitionBody": {workarounds.BINARY_TYPES: ["image/png"]}},
    }
    original = {"Resources": {"RestAPI": api}}
    fitted = workarounds.adapt_template(original)
    assert fitted["Resources"]["RestAPI"]["Properties"]["BinaryMediaTypes"] == ["image/png"]
    assert "BinaryMediaTypes" not in original["Resources"]["RestAPI"]["Properties"]
