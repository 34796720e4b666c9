"""What lies in the bucket of packages: its names, and whose it is."""

import io
import zipfile
from pathlib import Path
from typing import Any

from deploy.artefacts import Artefacts, Deployed, digest
from local import zips

ACCOUNT = "111122223333"
TEXT = "".join(f"value_{number} = {number * number}\n" for number in range(500))


def zipped(
    file: Path, content: str = TEXT, *, executable: bool = False, packed: int = zipfile.ZIP_DEFLATED
) -> bytes:
    with zipfile.ZipFile(file, "w") as made:
        zips.add(made, "app.py", content.encode(), executable=executable)
        (entry,) = made.infolist()
    if packed != zipfile.ZIP_DEFLATED:
        with zipfile.ZipFile(file, "w") as made:
            made.writestr(entry, content.encode(), packed)
    return file.read_bytes()


def test_a_zip_is_named_the_same_however_tightly_a_machine_packs_it(tmp_path: Path) -> None:
    """The same commit is the same template, from the laptop and from GitHub."""
    tight = zipped(tmp_path / "tight.zip")
    loose = zipped(tmp_path / "loose.zip", packed=zipfile.ZIP_STORED)
    assert tight != loose
    assert digest(tight) == digest(loose)
    assert digest(zipped(tmp_path / "other.zip", TEXT + "x")) != digest(tight)
    assert digest(zipped(tmp_path / "program.zip", executable=True)) != digest(tight)


class S3:
    """Remembers whose bucket each request was for."""

    def __init__(self) -> None:
        self.owners: list[str | None] = []

    def get_object(self, **asked: Any) -> dict[str, Any]:
        self.owners.append(asked.get("ExpectedBucketOwner"))
        return {"Body": io.BytesIO(b"[]")}

    def put_object(self, **asked: Any) -> None:
        self.owners.append(asked.get("ExpectedBucketOwner"))


def test_nothing_is_read_from_or_put_into_a_strangers_bucket_of_that_name() -> None:
    """A bucket that was removed can be made anew by anybody, with templates of theirs in it."""
    s3: Any = S3()
    artefacts = Artefacts(s3, ACCOUNT, "eu-west-1", "aws")
    artefacts.template("stacks/x/1.json")
    artefacts.remember("x", Deployed("stacks/x/1.json", "build", "commit", "then"))
    assert s3.owners == [ACCOUNT] * 3
