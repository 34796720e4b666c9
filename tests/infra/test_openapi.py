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


def test_only_health_and_tiktoks_two_ways_in_are_answered_without_a_token() -> None:
    public = {
        path
        for path, methods in json.loads(written())["paths"].items()
        for operation in methods.values()
        if not operation["security"]
    }
    assert public == {"/health", "/tiktok/callback", "/tiktok/webhook"}
