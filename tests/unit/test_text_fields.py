"""Every text field of the document keeps the one rule for texts."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from app import router
from chalicelib.foundation.texts import clean_line, clean_paragraphs
from commands.openapi import FILE

DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))

# Fields that are strings and no texts: each has a rule of its own, tested where it is.
ADDRESS, ZONE, ID, CURSOR, TIME, FILE_TEXT, SECRET, TIKTOKS_OWN = (
    "an e-mail address",
    "the name of a time zone",
    "an id, found or not",
    "signed",
    "a time",
    "a file, each of whose cells is a field",
    "a secret, compared and never shown",
    "TikTok's answer, looked up or compared",
)
NO_TEXTS = {
    "cursor": CURSOR,
    "token": CURSOR,
    "time_zone": ZONE,
    "starts_at": TIME,
    "ends_at": TIME,
    "upload_id": ID,
    "further_upload_ids": ID,
    "campaign_id": ID,
    "channel_ids": ID,
    "picture_id": ID,
    "fulfillers": ID,
    "member_ids": ID,
    "activity_id": ID,
    "activity_ids": ID,
    "from": TIME,
    "to": TIME,
    "from_day": TIME,
    "to_day": TIME,
    "actor": ID,
    "thing": ID,
    "ids": ID,
    "since": TIME,
    "until": TIME,
    "POST /session code": SECRET,
    "POST /session setup_code": SECRET,
    "endpoint": SECRET,
    "p256dh": SECRET,
    "auth": SECRET,
    "csv": FILE_TEXT,
    "csv_base64": FILE_TEXT,
    "POST /members email": ADDRESS,
    "password": SECRET,
    "new_password": SECRET,
    "challenge": SECRET,
    "POST /session email": ADDRESS,
    "POST /session/forgot email": ADDRESS,
    "POST /session/reset email": ADDRESS,
    "POST /session/reset code": SECRET,
    "GET /tiktok/callback state": TIKTOKS_OWN,
    "GET /tiktok/callback code": TIKTOKS_OWN,
    "GET /tiktok/callback error": TIKTOKS_OWN,
}
SEVERAL_LINES = {"instructions", "captions", "description", "note"}

UNSEEN = ["\u200b", "\u2800\u3164", "\u202e", "\x00", "\ufe0f\u200d", "\u2028"]
MISLEADING = [
    "Ana\u202eLee",
    "\u2066Ana\u2069 Lee",
    "Ana\x00\x07Lee",
    "Ana\r\nLee",
    "Ana\u2028Lee",
    "Ana\tLee\x85",
    "\ufeffAna",
    "Ana\U000e0041\U000e0042",
]
LEGITIMATE = [
    "\U0001f469\u200d\U0001f4bb \u2764\ufe0f",
    "نمی\u200cشود",
    "שלום",
    "क\u094d\u200dष",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def is_free_string(schema: dict[str, Any]) -> bool:
    """Return whether any string at all, or a list of such, can stand here."""
    plain = resolved(schema)
    choices = [choice for kind in ("anyOf", "oneOf", "allOf") for choice in plain.get(kind, [])]
    if plain.get("type") == "array":
        return is_free_string(plain["items"])
    free = plain.get("type") == "string" and not {"enum", "const"} & plain.keys()
    return free or any(map(is_free_string, choices))


def properties(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            yield parameter["name"], parameter["schema"]
    if "requestBody" in operation:
        schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
        for name, described in schema["properties"].items():
            nested = resolved(described)
            assert "properties" not in nested, f"{name} has fields of its own: walk them here too."
            yield name, described


def free_strings() -> Iterator[str]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            for name, described in properties(operation):
                if is_free_string(described):
                    yield f"{method.upper()} {path} {name}"


FREE_STRINGS = sorted(free_strings())
TEXTS = [each for each in FREE_STRINGS if not {each, each.split()[2]} & NO_TEXTS.keys()]


def model_of(field: str) -> tuple[type[BaseModel], str]:
    method, path, name = field.split()
    [route] = [each for each in router.routes if (each.method, each.path) == (method, path)]
    endpoint = route.endpoint()
    for model in (endpoint.body, endpoint.query):
        if model and name in model.model_fields:
            return model, name
    raise AssertionError(f"No model has {field}.")


@cache
def holds_a_list(model: type[BaseModel], name: str) -> bool:
    return resolved(model.model_json_schema()["properties"][name]).get("type") == "array"


def taken(field: str, text: str) -> str | None:
    """Return what becomes of a text in a field; None if it is refused."""
    model, name = model_of(field)
    is_list = holds_a_list(model, name)
    sent: dict[str, Any] = {
        "upload_id": "upl_1",
        "version": 1,
        "kind": "public",
        "name": "Ana",
        "title": "A",
    }
    sent |= {"email": "ana@demo.example", "amount": 5, "price": 5}
    sent |= {"url": "https://hooks.demo.example/greenroom"}
    sent |= {"endpoint": "https://push.example/1", "p256dh": "a", "auth": "a", "language": "en"}
    body = {each: value for each, value in sent.items() if each in model.model_fields}
    body[name] = [text] if is_list else text
    try:
        found = getattr(model.model_validate_json(json.dumps(body)), name)
    except ValidationError as error:
        if {each["loc"][0] for each in error.errors()} == {name}:
            return None
        raise
    return str(found[0] if is_list else found)


@pytest.mark.parametrize("field", TEXTS)
def test_every_text_field_is_cleaned_by_the_one_rule(field: str) -> None:
    clean = clean_paragraphs if field.split()[2] in SEVERAL_LINES else clean_line
    for text in (*MISLEADING, *LEGITIMATE):
        assert taken(field, text) == clean(text), ascii(text)


@pytest.mark.parametrize("field", TEXTS)
def test_a_text_in_which_nothing_is_visible_is_refused_or_none(field: str) -> None:
    for text in UNSEEN:
        assert not taken(field, text), ascii(text)
