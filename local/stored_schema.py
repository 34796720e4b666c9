"""Checks whether this version can read the tables that an older version kept.

The schema comes from the sources (each item's attributes) and from the template (keys and indexes).
New optional attributes, new kinds of items and new tables are compatible.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.failure import Failure

STATE_KEY = "shape"
_MOST_NAMED = 3  # differences are named, the rest of them counted
SOURCES = "chalicelib"
OPTIONAL = "?"

type Schema = dict[str, dict[str, str]]
"""Maps each item class to its attributes, and each table to its keys and indexes."""


def schema_of(project: Path, template: Mapping[str, Any]) -> Schema:
    items = {
        f"{name} in {file.parent.relative_to(project / SOURCES)}": attributes
        for file in sorted((project / SOURCES).rglob("*.py"))
        for name, attributes in _items(file.read_text(encoding="utf-8"))
    }
    return items | dict(_tables(template))


def _items(source: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the item classes of a module, each with its attributes and their types."""
    if "Attribute(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        found = dict(_attributes(node)) if isinstance(node, ast.ClassDef) else {}
        if found and isinstance(node, ast.ClassDef):
            yield node.name, found


def _attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line in node.body:
        value = getattr(line, "value", None)
        names = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        called = getattr(value.func, "id", "") if isinstance(value, ast.Call) else ""
        if isinstance(value, ast.Call) and called.endswith("Attribute"):
            given = {each.arg for each in value.keywords}
            mark = OPTIONAL if given & {"null", "default"} else ""
            yield from ((each.id, called + mark) for each in names if isinstance(each, ast.Name))


def _tables(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            indexes = properties.get("GlobalSecondaryIndexes", [])
            keys = {each["IndexName"]: _keys(each) for each in indexes}
            yield name, {"keys": _keys(properties)} | keys


def _keys(described: Mapping[str, Any]) -> str:
    return ", ".join(each["AttributeName"] for each in described["KeySchema"])


def differences(kept: Schema, now: Schema) -> list[str]:
    """Describe in words each difference that keeps this version from reading the stored items."""
    found = []
    for name in sorted(kept.keys() & now.keys()):
        before, after = kept[name], now[name]
        for part, kind in after.items():
            was = before.get(part)
            if was is None and not kind.endswith(OPTIONAL):
                found.append(f"{name} has {part} now")
            elif was is not None and was.rstrip(OPTIONAL) != kind.rstrip(OPTIONAL):
                found.append(f"{part} of {name} was {was} and is {kind}")
            elif was is not None and was.endswith(OPTIONAL) and not kind.endswith(OPTIONAL):
                found.append(f"{part} of {name} could be missing and no longer can")
    return found


def check_stored_schema(kept: dict[str, Any], now: Schema, home: Path, *, has_state: bool) -> None:
    """Store the schema in `kept`. Raises `Failure` if the stored state has an incompatible one."""
    before: Schema | None = kept.get(STATE_KEY)
    if has_state and before is None:
        named = ["it does not say which"]
    else:
        named = differences(before or {}, now)
    if named:
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        raise Failure(
            f"The state kept in {home} was made by an older version, whose tables had another "
            f"shape: {'; '.join(named[:_MOST_NAMED])}{more}. Requests would fail on it.",
            "make clean forgets it (with the same STACK_HOME, if you set one); make run then "
            "begins anew.",
        )
    kept[STATE_KEY] = now
