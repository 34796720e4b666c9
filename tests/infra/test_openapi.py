"""openapi.json is what the routes and models say, keeps OpenAPI's rules and names all routes."""

import json

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


VERBS = frozenset(
    {
        "Add",
        "Adjust",
        "Archive",
        "Ask",
        "Begin",
        "Bring",
        "Change",
        "Check",
        "Create",
        "Disconnect",
        "Dismiss",
    }
    | {
        "Duplicate",
        "Decline",
        "End",
        "Export",
        "Finish",
        "Fulfil",
        "Give",
        "Invite",
        "Join",
        "Leave",
        "List",
        "Mail",
        "Mark",
        "Perform",
        "Read",
    }
    | {
        "Remove",
        "Receive",
        "Redeem",
        "Reject",
        "Rename",
        "Renew",
        "Send",
        "Set",
        "Sign",
        "Switch",
        "Take",
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
