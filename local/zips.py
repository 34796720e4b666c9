"""Reproducible zips: the same content gives the same bytes, without times and owners."""

import zipfile

# The oldest time a zip can carry: the same content shall be the same bytes on every day.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def add(target: zipfile.ZipFile, name: str, content: bytes, *, executable: bool) -> None:
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, whatever made it
    entry.external_attr = (0o755 if executable else 0o644) << 16
    target.writestr(entry, content)
