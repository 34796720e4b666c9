"""botocore's descriptions of AWS services, cut down to what the functions read of them.

A client reads its service's description when it is made, so a cold start parses all of it, and it
gets a method for each operation. More than half is documentation, most operations are never called,
and the list of endpoints knows 300 services.
"""

import gzip
import json
import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import botocore
import pynamodb
from botocore import xform_name

from local.home import PROJECT, read_json

SERVICES = frozenset(
    {"cognito-idp", "dynamodb", "events", "kms", "s3", "secretsmanager", "sesv2", "sqs"}
)
"""The AWS services that the Lambdas call. botocore describes 400, in half of what the zip was."""

CALLERS = ("chalicelib", "pynamodb")
"""The packages that call AWS: by a method of a client, or by an operation's name."""

ASKED_BY_BOTOCORE = frozenset({"CreateBucket", "CreateSession", "HeadBucket"})
"""Operations that botocore asks for unasked: a form is signed by the first, and a bucket that lies
elsewhere is found by the last."""

DATA = "botocore/data/"
ENDPOINTS = "endpoints.json"
EXAMPLES = "examples-1.json"
"""Examples of requests, which only botocore's documentation shows."""


def is_of_other_services(name: str) -> bool:
    """Return whether a file of the package botocore describes a service that no function calls."""
    service, folder, _file = name.removeprefix(DATA).partition("/")
    return name.startswith(DATA) and bool(folder) and service not in SERVICES


def copy_short(target: Path) -> None:
    """Copy the descriptions of this Python's own botocore to `target`, cut down."""
    source = Path(botocore.__file__).parent / "data"
    for service in SERVICES:
        shutil.copytree(source / service, target / service)
    for file in source.glob("*.json"):
        shutil.copy(file, target)
    shorten(target, words_of([PROJECT / "chalicelib", Path(pynamodb.__file__).parent]))


def words_of(packages: Iterable[Path]) -> frozenset[str]:
    """Return all words of the sources of packages: with whatever operations they call."""
    return frozenset(
        word
        for package in packages
        for file in package.rglob("*.py")
        for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))
    )


def shorten(data: Path, words: Collection[str]) -> None:
    """Cut down the descriptions in `data`, which holds those of `SERVICES`, in place.

    Of operations those stay whose name, or whose method's, is among `words`. Files that were
    compressed are written plain: the zip compresses them, and a start need not unpack them once
    more.
    """
    prefixes = set()
    for file in sorted(data.glob("*/*/*")):
        if file.name.startswith(EXAMPLES):
            file.unlink()
            continue
        content = _without_documentation(_read(file))
        for each in content.get("clientContextParams", {}).values():
            each["documentation"] = ""  # botocore reads it with each request to S3
        prefixes.add(content.get("metadata", {}).get("endpointPrefix"))
        if "operations" in content:
            content = _with_operations_among(content, words)
        file.unlink()
        _write(file.with_name(file.name.removesuffix(".gz")), content)
    endpoints = read_json(data / ENDPOINTS)
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: known for name, known in partition["services"].items() if name in prefixes
        }
    _write(data / ENDPOINTS, endpoints)


def _read(file: Path) -> Any:
    content = file.read_bytes()
    return json.loads(gzip.decompress(content) if file.suffix == ".gz" else content)


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def _with_operations_among(described: dict[str, Any], words: Collection[str]) -> dict[str, Any]:
    operations = {
        name: operation
        for name, operation in described["operations"].items()
        if name in ASKED_BY_BOTOCORE or name in words or xform_name(name) in words
    }
    shapes: dict[str, Any] = {}
    _collect_shapes(operations, described["shapes"], shapes)
    return {**described, "operations": operations, "shapes": shapes}


def _collect_shapes(described: Any, known: dict[str, Any], found: dict[str, Any]) -> None:
    """Put the shapes that something described refers to into `found`, and those that they do."""
    if isinstance(described, dict):
        name = described.get("shape")
        if isinstance(name, str) and name not in found:
            found[name] = known[name]
            _collect_shapes(known[name], known, found)
    for each in described.values() if isinstance(described, dict) else described:
        if isinstance(each, dict | list):
            _collect_shapes(each, known, found)


def _without_documentation(described: Any) -> Any:
    if isinstance(described, dict):
        return {
            name: _without_documentation(each)
            for name, each in described.items()
            # A shape may have a member of this name, which is described, not text.
            if not (name == "documentation" and isinstance(each, str))
        }
    if isinstance(described, list):
        return [_without_documentation(each) for each in described]
    return described
