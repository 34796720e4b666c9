"""The local cloud's workers share what is in their functions' zip."""

import shutil
import zipfile
from pathlib import Path

from local.cloud_process import SharedZipFile


def zipped(file: Path, **content: str) -> Path:
    with zipfile.ZipFile(file, "w") as whole:
        for name, text in content.items():
            whole.writestr(f"room/{name}.py", text)
    return file


def unpacked(file: Path, worker: Path) -> Path:
    """Unpack a zip as a worker does that starts."""
    code = worker / "code"
    code.mkdir(parents=True)
    with SharedZipFile(file) as whole:
        whole.extractall(code)
    return code / "room"


def test_a_zip_is_unpacked_once_and_outlives_each_of_its_workers(tmp_path: Path) -> None:
    zips = [zipped(tmp_path / f"{number}.zip", handler="the same") for number in range(2)]
    first, second = (unpacked(each, tmp_path / each.stem) for each in zips)
    assert first.resolve() == second.resolve()
    shutil.rmtree(tmp_path / "0")
    assert (second / "handler.py").read_text(encoding="utf-8") == "the same"


def test_another_zip_is_unpacked_for_itself(tmp_path: Path) -> None:
    before = unpacked(zipped(tmp_path / "0.zip", handler="before"), tmp_path / "0")
    after = unpacked(zipped(tmp_path / "1.zip", handler="after"), tmp_path / "1")
    texts = [(each / "handler.py").read_text(encoding="utf-8") for each in (before, after)]
    assert texts == ["before", "after"]
