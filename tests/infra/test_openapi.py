"""openapi.json is what the routes and models say, keeps OpenAPI's rules and names all routes."""

import json
from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from commands.openapi import FILE, written


def test_the_committed_document_is_what_the_generator_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "Run make openapi."


def test_the_document_keeps_the_rules_of_openapi() -> None:
    OpenAPIV31SpecValidator(json.loads(written())).validate()


def test_every_route_of_the_app_is_documented_and_no_other() -> None:
    routed = {(path, method.lower()) for path, methods in app.routes.items() for method in methods}
    documented = {
        (path, method)
        for path, methods in json.loads(written())["paths"].items()
        for method in methods
    }
    assert documented == routed


def test_only_health_sessions_and_tiktoks_two_ways_in_are_answered_without_a_token() -> None:
    public = {
        path
        for path, methods in json.loads(written())["paths"].items()
        for operation in methods.values()
        if not operation["security"]
    }
    sessions = {
        "/session",
        "/session/renew",
        "/session/authenticator",
        "/session/forgot",
        "/session/reset",
    }
    others = {"/health", "/notifications/unsubscribe", "/tiktok/callback", "/tiktok/webhook"}
    assert public == {*others, *sessions}


def _objects(schema: Any, schemas: Any, at: str, met: set[str]) -> Iterator[tuple[str, Any]]:
    """Yield every object that a schema describes, however deep, each with where it is."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in met:
            yield from _objects(schemas[name], schemas, at, {*met, name})
        return
    if "properties" in schema:
        yield at, schema
    for name, each in schema.get("properties", {}).items():
        yield from _objects(each, schemas, f"{at}.{name}", met)
    for each in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _objects(each, schemas, at, met)


def test_a_field_that_is_not_known_is_refused_in_every_body_however_deep() -> None:
    document = json.loads(written())
    schemas = document["components"]["schemas"]
    found = {
        f"{operation['operationId']}{at}": schema.get("additionalProperties")
        for operations in document["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
        for content in operation["requestBody"]["content"].values()
        for at, schema in _objects(content["schema"], schemas, "", set())
    }
    assert len(found) > 30
    assert {each for each, more in found.items() if more is not False} == set()


READ_RAW = {"tiktok_webhooks_receive", "unsubscribing_switch_off"}


def test_an_operation_that_takes_no_body_says_that_it_refuses_one() -> None:
    responses = {
        operation["operationId"]: operation["responses"]
        for operations in json.loads(written())["paths"].values()
        for method, operation in operations.items()
        if method != "get" and "requestBody" not in operation
    }
    refusing = {name for name, each in responses.items() if "invalid_request" in str(each)}
    assert set(responses) - refusing == READ_RAW - refusing
    assert len(responses) > 20


VERBS = frozenset(
    {
        "Add",
        "Adjust",
        "Archive",
        "Begin",
        "Change",
        "Complete",
        "Create",
        "Decline",
        "Disconnect",
        "Dismiss",
        "Duplicate",
        "End",
        "Estimate",
        "Fulfil",
        "Invite",
        "Join",
        "Leave",
        "List",
        "Mail",
        "Mark",
        "Perform",
        "Read",
        "Receive",
        "Redeem",
        "Reject",
        "Remove",
        "Rename",
        "Renew",
        "Request",
        "Restore",
        "Rotate",
        "Send",
        "Set",
        "Show",
        "Sign",
        "Unmark",
        "Unsubscribe",
        "Withdraw",
    }
)


def test_every_summary_is_a_short_imperative() -> None:
    summaries = [
        operation["summary"]
        for methods in json.loads(written())["paths"].values()
        for operation in methods.values()
    ]
    assert {each.split()[0].strip(",.") for each in summaries} <= VERBS
    assert max(map(len, summaries)) <= 75
