"""The JSON schemas of public events, generated from `chalicelib.webhooks.events`."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, TypeAliasType, get_args, get_origin, get_type_hints

from chalicelib.foundation.events import PublicData, PublicEvent
from chalicelib.webhooks.events import ALL_EVENTS

FOLDER = Path(__file__).parent.parent / "docs" / "events"
_TYPES = {str: "string", int: "integer", bool: "boolean", type(None): "null"}
_EXAMPLE_AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def documents() -> dict[str, str]:
    """Return the text of each schema by its file's name."""
    return {
        f"{each.TYPE}.v{each.VERSION}.json": json.dumps(schema(each), indent=2) + "\n"
        for each in ALL_EVENTS
    }


def write() -> None:
    """Write the schemas, and remove those of events that are no more."""
    made = documents()
    FOLDER.mkdir(exist_ok=True)
    for each in FOLDER.glob("*.json"):
        if each.name not in made:
            each.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def differing() -> list[str]:
    """Return the names of files that are missing, left over, or not as they would be written."""
    made = documents()
    kept = {each.name: each.read_text(encoding="utf-8") for each in FOLDER.glob("*.json")}
    return sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))


def schema(kind: type[PublicData]) -> dict[str, Any]:
    """Return the JSON schema of one public event, as it is on the bus and in webhooks."""
    hints = get_type_hints(kind, include_extras=True)
    data = {each.name: _property(hints[each.name]) for each in fields(kind)}
    actor = {
        "type": "object",
        "description": "Who did it: a member (or manager), an owner's command, or Greenroom",
        "properties": {
            "kind": {"enum": ["member", "command", "system"]},
            "member_id": {"type": "string", "description": "Only of the kind member"},
        },
        "required": ["kind"],
    }
    envelope = {
        "id": {
            "type": "string",
            "pattern": "^evt_[0-9a-f]{32}$",
            "description": "The same for each delivery of this event",
        },
        "type": {"const": kind.TYPE},
        "version": {"const": kind.VERSION},
        "program_id": {"type": "string"},
        "occurred_at": {"type": "string", "format": "date-time", "description": "UTC"},
        "actor": actor,
        "data": {"type": "object", "properties": data, "required": list(data)},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.TYPE,
        "description": " ".join(cleandoc(kind.__doc__ or "").split()),
        "type": "object",
        "properties": envelope,
        "required": list(envelope),
        "examples": [json.loads(example(kind).to_detail())],
    }


def example(kind: type[PublicData]) -> PublicEvent:
    """Return an example of an event."""
    values = {each.name: _example(each.name) for each in fields(kind)}
    return PublicEvent(
        event_id=f"evt_{'0123456789abcdef' * 2}",
        program_id=_example_id("program"),
        occurred_at=_EXAMPLE_AT,
        actor=f"member:{_example_id('member')}",
        data=kind(**values),
    )


def _property(hint: Any) -> dict[str, Any]:
    if isinstance(hint, TypeAliasType):
        return _property(hint.__value__)
    if get_origin(hint) is Annotated:
        plain, words = get_args(hint)
        return {**_property(plain), "description": words}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _property(get_args(hint)[0])}
    choices = get_args(hint) or (hint,)
    types = [_TYPES[each] for each in choices]
    return {"type": types[0] if len(types) == 1 else types}


_KINDS = {
    "program": "prg",
    "activity": "act",
    "member": "mem",
    "performance": "prf",
    "campaign": "cmp",
    "channel": "chn",
    "reward": "rwd",
    "redemption": "rdm",
    "entry": "adj",
    "webhook": "whk",
}


def _example_id(thing: str) -> str:
    return f"{_KINDS[thing]}_01kan7zj5r0example00000000"


def _example(name: str) -> Any:
    thing, _, rest = name.partition("_")
    if rest == "id":
        return _example_id(thing)
    if rest == "ids":
        return (_example_id(thing),)
    fixed = {"starts_at": None, "failure": "inbox_full", "role": "member"}
    return fixed.get(name, 50)
