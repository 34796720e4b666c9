"""Compiled files in a zip: whether the machines that Lambda has can load them."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}
NEWEST_GLIBC = (2, 34)
"""The C library of Amazon Linux 2023, which Lambda's Pythons from 3.12 on run on."""
OTHER_SYSTEMS = {b"MZ": "Windows", b"\xcf\xfa\xed\xfe": "macOS", b"\xca\xfe\xba\xbe": "macOS"}


def unloadable(file: Path, architecture: str) -> Iterator[str]:
    """Yield what the zip holds that a function of this architecture could not load, and why."""
    with zipfile.ZipFile(file) as content:
        for name in content.namelist():
            for reason in _reasons(name, content.read(name), architecture):
                yield f"{name}: {reason}"


def _reasons(name: str, content: bytes, architecture: str) -> Iterator[str]:
    for start, system in OTHER_SYSTEMS.items():
        if content.startswith(start) and name.endswith((".so", ".dylib", ".pyd", ".dll", ".exe")):
            yield f"made for {system}"
    if not content.startswith(b"\x7fELF"):
        return
    try:
        elf = ELFFile(io.BytesIO(content))
        if elf["e_machine"] != MACHINES[architecture]:
            yield f"made for another machine ({elf['e_machine']})"
        for needed in _needed(elf):
            if "musl" in needed:
                yield f"made for another C library ({needed})"
        newest = max(_glibc(elf), default=(0, 0))
        if newest > NEWEST_GLIBC:
            yield f"needs glibc {'.'.join(map(str, newest))}, newer than Lambda's"
    except ELFError as error:
        yield f"not a whole program: {error}"


def _needed(elf: ELFFile) -> Iterator[str]:
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags("DT_NEEDED"):
                yield str(tag.needed)  # type: ignore[attr-defined]


def _glibc(elf: ELFFile) -> Iterator[tuple[int, ...]]:
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _library, versions in section.iter_versions():
                for version in versions:
                    prefix, _, number = str(version.name).partition("_")
                    if prefix == "GLIBC" and number.replace(".", "").isdigit():
                        yield tuple(int(part) for part in number.split("."))
