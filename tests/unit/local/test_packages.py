"""The package's name follows its inputs; its zip is the same bytes for the same content."""

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


def test_what_is_left_by_running_changes_nothing(project: Path) -> None:
    before = package.content_hash(project)
    for name in ("chalicelib/__pycache__", ".chalice/deployments"):
        (project / name).mkdir()
        (project / name / "left").write_text("x", encoding="utf-8")
    assert package.content_hash(project) == before


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
        package._normalise(source, target, None)
        made.append(target.read_bytes())
    assert made[0] == made[1]


def test_binary_types_of_the_definition_become_the_apis() -> None:
    api = {
        "Type": "AWS::Serverless::Api",
        "Properties": {"DefinitionBody": {workarounds.BINARY_TYPES: ["image/png"]}},
    }
    original = {"Resources": {"RestAPI": api}}
    fitted = workarounds.fit_template(original)
    assert fitted["Resources"]["RestAPI"]["Properties"]["BinaryMediaTypes"] == ["image/png"]
    assert "BinaryMediaTypes" not in original["Resources"]["RestAPI"]["Properties"]
