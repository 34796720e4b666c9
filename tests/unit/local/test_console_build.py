"""When the console is built anew, and by which Node."""

from pathlib import Path

import pytest

from local import console
from local.home import PROJECT


@pytest.mark.parametrize(
    ("version", "builds"),
    [
        ("v20.19.0", True),
        ("v20.18.3", False),
        ("v18.20.4", False),
        ("v22.12.0", True),
        ("v24.0.0-rc.1", True),
        ("", False),
        ("not a version", False),
    ],
)
def test_only_a_node_that_vite_runs_on_is_used(version: str, builds: bool) -> None:
    assert console.is_new_enough(version) is builds


@pytest.fixture
def project(tmp_path: Path) -> Path:
    sources = tmp_path / console.SOURCES
    (sources / "src").mkdir(parents=True)
    (sources / "node_modules" / "preact").mkdir(parents=True)
    (sources / "src" / "main.tsx").write_text("1")
    (tmp_path / console.OPENAPI).write_text("{}")
    return tmp_path


@pytest.mark.parametrize("changed", ["console/src/main.tsx", "openapi.json", "console/new.ts"])
def test_a_change_of_what_it_is_made_of_builds_it_anew(project: Path, changed: str) -> None:
    before = console.content_hash(project)
    (project / changed).write_text("2")
    assert console.content_hash(project) != before


@pytest.mark.parametrize("folder", ["node_modules", "dist"])
def test_files_left_by_a_build_do_not(project: Path, folder: str) -> None:
    before = console.content_hash(project)
    made = project / console.SOURCES / folder
    made.mkdir(exist_ok=True)
    (made / "made.js").write_text("made")
    assert console.content_hash(project) == before


def test_the_lock_file_names_no_registry() -> None:
    """So that packages come from whichever one a machine is told to ask."""
    lock = (PROJECT / console.SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in lock
    assert '"resolved"' not in lock
