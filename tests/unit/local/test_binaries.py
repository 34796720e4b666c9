"""A zip for Lambda holds no program for another processor, system or C library."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from local import binaries, machine

HERE = machine.architecture()
OTHER = {"x86_64": "arm64", "arm64": "x86_64"}
SOURCE = '#include <stdio.h>\nint tell(void) { return puts("x"); }\n'


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    if sys.platform != "linux" or not shutil.which("gcc"):
        pytest.skip("no compiler here to make a library with")
    folder = tmp_path_factory.mktemp("library")
    (folder / "tell.c").write_text(SOURCE, encoding="utf-8")
    command = ["gcc", "-shared", "-fPIC", "-o", "tell.so", "tell.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return (folder / "tell.so").read_bytes()


def told(folder: Path, content: Mapping[str, bytes], architecture: str = HERE) -> list[str]:
    with zipfile.ZipFile(folder / "code.zip", "w") as file:
        for name, each in content.items():
            file.writestr(name, each)
    return list(binaries.unloadable(folder / "code.zip", architecture))


def test_a_library_of_the_right_kind_is_fine(tmp_path: Path, library: bytes) -> None:
    assert told(tmp_path, {"pkg/tell.so": library, "app.py": b"x = 1"}) == []


def test_a_library_for_another_processor_is_named(tmp_path: Path, library: bytes) -> None:
    (only,) = told(tmp_path, {"pkg/tell.so": library}, OTHER[HERE])
    assert only.startswith("pkg/tell.so: made for another machine")


def test_a_library_that_needs_a_newer_c_library_is_named(
    tmp_path: Path, library: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "NEWEST_GLIBC", (2, 1))
    (only,) = told(tmp_path, {"tell.so": library})
    assert "needs glibc 2." in only


def test_a_library_for_musl_is_named(tmp_path: Path, library: bytes) -> None:
    assert library.count(b"libc.so.6")
    foreign = library.replace(b"libc.so.6", b"musl.so.6")
    assert any("another C library" in each for each in told(tmp_path, {"tell.so": foreign}))


@pytest.mark.parametrize(
    ("name", "start", "system"),
    [("a.so", b"\xcf\xfa\xed\xfe", "macOS"), ("a.pyd", b"MZ\x90", "Windows")],
)
def test_a_library_for_another_system_is_named(
    tmp_path: Path, name: str, start: bytes, system: str
) -> None:
    assert told(tmp_path, {name: start}) == [f"{name}: made for {system}"]


def test_half_a_library_is_named(tmp_path: Path, library: bytes) -> None:
    assert told(tmp_path, {"tell.so": library[:100]})
