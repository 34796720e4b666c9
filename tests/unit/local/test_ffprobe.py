"""Which ffprobe is used: the setting's, the built layer's, the one on PATH; else one is got."""

from pathlib import Path

import pytest

from local import ffprobe, layer, machine
from local.failure import Failure
from local.machine import Manager

APT = Manager("apt-get", ("install", "-y"), "ffmpeg", ("update",))


def put(file: Path, words: str = "ffprobe version 5.1") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{words}'\n", encoding="utf-8")
    file.chmod(0o755)
    return file


class Place:
    """A machine of its own: nothing on PATH, no layer, no package manager, no compiler."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.notes: list[str] = []
        self.may_install = False
        self.installed: list[tuple[str, ...]] = []
        self._patch = monkeypatch
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.delenv(ffprobe.SETTING, raising=False)
        monkeypatch.setattr(layer, "built_ffprobe", lambda _: None)
        monkeypatch.setattr(layer, "can_build_for_here", lambda: False)
        monkeypatch.setattr(machine, "manager", lambda: None)
        monkeypatch.setattr(machine, "may_install", lambda _: self.may_install)

    def names(self, value: Path | str) -> None:
        self._patch.setenv(ffprobe.SETTING, str(value))

    def has_layer(self, file: Path) -> None:
        self._patch.setattr(layer, "built_ffprobe", lambda _: file)

    def has_manager(self, *, may: bool, brings: Path | None) -> None:
        def install(_manager: Manager, packages: tuple[str, ...], _log: Path) -> bool:
            self.installed.append(packages)
            if brings:
                put(brings)
            return brings is not None

        self.may_install = may
        self._patch.setattr(machine, "manager", lambda: APT)
        self._patch.setattr(machine, "install", install)

    def can_build(self, file: Path | None) -> None:
        def build(_architecture: str, _note: ffprobe.Note, *, for_here: bool) -> layer.Layer:
            assert for_here
            if file is None:
                raise Failure("No source.", "Give one.")
            return layer.Layer(file.parent.parent)

        self._patch.setattr(layer, "can_build_for_here", lambda: True)
        self._patch.setattr(layer, "build", build)

    def provide(self) -> Path:
        return ffprobe.provide(self.notes.append)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_the_setting_comes_before_the_layer_and_that_before_path(
    place: Place, tmp_path: Path
) -> None:
    assert ffprobe.find() is None
    on_path = put(place.bin / "ffprobe")
    assert ffprobe.find() == on_path
    built = put(tmp_path / "layer" / "ffprobe")
    place.has_layer(built)
    assert ffprobe.find() == built
    named = put(tmp_path / "mine" / "probe")
    place.names(named)
    assert ffprobe.find() == named


def test_the_setting_may_be_a_name_on_path_or_empty(place: Place) -> None:
    on_path = put(place.bin / "ffprobe7")
    place.names("ffprobe7")
    assert ffprobe.find() == on_path
    place.names("")
    assert ffprobe.find() is None


@pytest.mark.parametrize("words", ["something else", None])
def test_a_setting_that_is_no_ffprobe_is_refused_and_not_passed_over(
    place: Place, tmp_path: Path, words: str | None
) -> None:
    put(place.bin / "ffprobe")
    named = tmp_path / "named"
    if words:
        put(named, words)
    place.names(named)
    with pytest.raises(Failure, match="which is no ffprobe that runs here"):
        place.provide()


def test_an_ffprobe_that_does_not_run_is_skipped(place: Place, tmp_path: Path) -> None:
    place.has_layer(put(tmp_path / "layer" / "ffprobe", "Exec format error"))
    on_path = put(place.bin / "ffprobe")
    assert ffprobe.find() == on_path


def test_nothing_is_installed_where_there_is_one(place: Place) -> None:
    on_path = put(place.bin / "ffprobe")
    place.has_manager(may=True, brings=None)
    assert place.provide() == on_path
    assert (place.installed, place.notes) == ([], [])


def test_the_package_manager_comes_first_where_it_asks_nobody(place: Place, tmp_path: Path) -> None:
    brought = place.bin / "ffprobe"
    place.has_manager(may=True, brings=brought)
    place.can_build(put(tmp_path / "layer" / "bin" / "ffprobe"))
    assert place.provide() == brought
    assert place.installed == [("ffmpeg",)]
    assert "apt-get install -y ffmpeg" in place.notes[0]


@pytest.mark.parametrize("may", [True, False])
def test_else_the_layer_is_built(place: Place, tmp_path: Path, *, may: bool) -> None:
    built = put(tmp_path / "layer" / "bin" / "ffprobe")
    place.has_manager(may=may, brings=None)
    place.can_build(built)
    assert place.provide() == built
    assert len(place.installed) == may


def test_else_it_stops_with_the_line_to_type(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    place.has_manager(may=False, brings=None)
    place.can_build(None)
    with pytest.raises(Failure) as stopped:
        place.provide()
    assert stopped.value.next_step == "Type: sudo apt-get install -y ffmpeg"
    assert place.notes[-1] == "that failed: No source."


def test_without_a_package_manager_the_setting_is_named(place: Place) -> None:
    with pytest.raises(Failure) as stopped:
        place.provide()
    assert "FFPROBE=path/to/ffprobe" in stopped.value.next_step


def test_root_types_no_sudo_and_homebrew_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    brew = Manager("brew", ("install",), "ffmpeg", needs_root=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert APT.line("a", "b") == "sudo apt-get install -y a b"
    assert brew.line("a") == "brew install a"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert APT.line("a") == "apt-get install -y a"


def test_an_install_that_fails_is_tried_again_with_fresh_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, ...]] = []

    def run(_manager: Manager, arguments: tuple[str, ...], _log: Path) -> bool:
        said.append(arguments)
        return len(said) > 1

    monkeypatch.setattr(machine, "_run", run)
    assert machine.install(APT, ("nasm",), tmp_path / "log")
    assert said == [("install", "-y", "nasm"), ("update",), ("install", "-y", "nasm")]


@pytest.mark.parametrize(
    ("may", "remedy"),
    [(True, None), (False, "Install them: sudo apt-get install -y gcc libc6-dev")],
)
def test_missing_tools_are_installed_or_the_line_is_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, may: bool, remedy: str | None
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    place.has_manager(may=may, brings=place.bin / "gcc")
    missing = {"gcc": ("gcc", "libc6-dev")}
    if remedy is None:
        machine.require(missing, place.bin / "log")
        assert place.installed == [("gcc", "libc6-dev")]
    else:
        with pytest.raises(Failure, match="Missing here: gcc") as stopped:
            machine.require(missing, place.bin / "log")
        assert stopped.value.next_step == remedy
    machine.require({}, place.bin / "log")
