"""The media layer's source, its proof, and what the local cloud is spared of it."""

import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local import layer, machine, workarounds
from local.failure import Failure
from local.gates import TEST
from local.home import PROJECT

KNOWN = """Package: ffmpeg
Version: 7:5.1.8-0+deb12u1
Checksums-Sha256:
 aaaa 10 ffmpeg_5.1.8.orig.tar.xz

Package: ffmpeg
Version: 7:5.1.9-0+deb12u1
Checksums-Sha256:
 bbbb 10 ffmpeg_5.1.9.orig.tar.xz
"""


def program(machine_number: int, kind: int) -> bytes:
    """The headers of a 64-bit ELF program with one segment of this kind."""
    start, size = 64, 56
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 3, machine_number, 1, 0, start, 0, 0, 64, size, 1, 0, 0, 0)
    return identity + head + struct.pack("<I", kind) + bytes(size - 4)


def test_static_means_that_machine_and_no_dynamic_linker() -> None:
    loaded, interpreter = 1, 3
    assert layer.is_static_for(program(62, loaded), "x86_64")
    assert layer.is_static_for(program(183, loaded), "arm64")
    assert not layer.is_static_for(program(183, loaded), "x86_64")
    assert not layer.is_static_for(program(62, interpreter), "x86_64")
    assert not layer.is_static_for(b"#!/bin/sh\n", "x86_64")
    assert not layer.is_static_for(b"", "x86_64")


def test_a_zip_without_such_a_program_is_no_layer(tmp_path: Path) -> None:
    file = tmp_path / "layer.zip"
    file.write_bytes(b"no zip")
    with pytest.raises(Failure, match="holds no static bin/ffprobe"):
        layer.require_ffprobe_in(file, "x86_64")
    for content, fits in ((program(183, 1), False), (program(62, 1), True)):
        with zipfile.ZipFile(file, "w") as target:
            target.writestr("bin/ffprobe", content)
        if fits:
            layer.require_ffprobe_in(file, "x86_64")
        else:
            with pytest.raises(Failure):
                layer.require_ffprobe_in(file, "x86_64")


def test_the_source_is_chosen_by_its_checksum() -> None:
    assert layer.version_with(KNOWN, "bbbb") == "7:5.1.9-0+deb12u1"
    assert layer.version_with(KNOWN, "cccc") is None


def test_any_debian_asks_its_mirrors_for_the_pinned_release() -> None:
    binary = (
        "http://mirror.example/debian/ trixie main\n"
        "http://mirror.example/debian/ trixie contrib\n"
        "http://mirror.example/security/ trixie-security main\n"
        "http://else.example/ stable main\n"
    )
    assert layer.source_entries(binary, "trixie") == [
        "deb-src http://mirror.example/debian/ bookworm main",
        "deb-src http://mirror.example/security/ bookworm-security main",
    ]
    assert layer.source_entries(binary, "") == []


def test_another_file_than_the_pinned_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / layer.source().name
    file.write_bytes(b"something else")
    monkeypatch.setenv("FFMPEG_SOURCE", str(file))
    with pytest.raises(Failure, match=r"names .* which is not ffmpeg-.* with the checksum"):
        layer.source_file(lambda _: None)


def test_a_machine_that_cannot_fetch_the_source_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FFMPEG_SOURCE", raising=False)
    monkeypatch.setattr(layer, "LAYERS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure) as failed:
        layer.source_file(lambda _: None)
    assert "apt-get, which is not here" in failed.value.what
    assert "make layer-check FFMPEG_SOURCE=path/to/that/file" in failed.value.next_step


def test_ci_builds_the_layer_for_both_machines_before_the_tests() -> None:
    lines = (PROJECT / ".ci" / "run").read_text().splitlines()
    assert lines.index('make layer ARCH="x86_64 arm64"') < lines.index("make test")
    assert not any("layer" in word for gate in TEST for word in gate.arguments)


def test_a_changed_recipe_is_built_twice_for_both_machines_and_recorded() -> None:
    recorded = {each.architecture for each in layer.known_builds()}
    assert recorded == set(layer.ARCHITECTURES), 'make layer-check ARCH="x86_64 arm64"'


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> layer.Layer:
    """A layer whose program stands for a build by this machine's compiler; nothing on record."""
    monkeypatch.setattr(layer, "KNOWN_BUILDS", tmp_path / "builds.json")
    layer.KNOWN_BUILDS.write_text("[]", encoding="utf-8")
    made = layer.Layer(tmp_path / "layer")
    made.ffprobe.parent.mkdir(parents=True)
    made.ffprobe.write_bytes(b"a program")
    return made


@pytest.mark.skipif(not layer.can_build_for_here(), reason="There is no toolchain to speak of.")
def test_a_build_is_compared_with_what_its_toolchain_made_before(built: layer.Layer) -> None:
    here = machine.architecture()
    told: list[str] = []
    layer.compare_with_known(built, here, told.append)
    assert told.pop().startswith("not compared: ")

    layer.record(built, here)
    layer.record(built, here)
    layer.compare_with_known(built, here, told.append)
    assert told.pop().startswith("the same bytes as on record: ")
    assert len(layer.known_builds()) == 1

    built.ffprobe.write_bytes(b"another program")
    with pytest.raises(Failure, match="compiler, assembler and C library"):
        layer.compare_with_known(built, here, told.append)


@pytest.mark.parametrize(
    ("option", "output"),
    [
        ("-protocols", "Supported file protocols:\nInput:\n  file\nOutput:\n  file\n"),
        ("-decoders", "Decoders:\n V..... = Video\n ------\n VFS..D file  A name\n"),
        ("-formats", "File formats:\n D. = Demuxing supported\n --\n D  file  A name\n"),
    ],
)
def test_lists_of_ffprobe_are_parsed(option: str, output: str) -> None:
    assert layer.listed(option, output) == {"file"}


def test_the_local_cloud_gets_no_layer() -> None:
    original: dict[str, Any] = {
        "Resources": {
            "MediaLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {}},
            "VideosValidate": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"Layers": [{"Ref": "MediaLayer"}]},
            },
        }
    }
    fitted = workarounds.adapt_template(original)
    assert "MediaLayer" not in fitted["Resources"]
    assert "Layers" not in fitted["Resources"]["VideosValidate"]["Properties"]
    assert "MediaLayer" in original["Resources"]
