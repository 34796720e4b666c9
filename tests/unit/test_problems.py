"""Problems: one code each, a status that fits, and members as RFC 9457 has them."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app import router
from chalicelib.foundation.problems import (
    Code,
    FieldError,
    Problem,
    ProblemCode,
    all_codes,
    all_field_codes,
    invalid_field,
    not_found,
)
from local.home import PROJECT


def test_no_code_hides_behind_another() -> None:
    # Two names with the same status and title would be one enum member under two names.
    declared = [name for kind in {type(each) for each in all_codes()} for name in kind.__members__]
    assert sorted(declared) == sorted(each.name for each in all_codes())
    assert len(set(declared)) == len(declared)


def test_each_package_declares_its_own_in_one_place() -> None:
    places = {type(each).__module__: type(each) for each in all_codes()}
    assert len(places) == len({type(each) for each in all_codes()}) > 4
    assert all(name.endswith(".problems") for name in places)


def test_titles_tell_the_codes_apart() -> None:
    assert len({each.title for each in all_codes()}) == len(all_codes())


@pytest.mark.parametrize("code", all_codes(), ids=lambda each: each.code)
def test_every_code_is_plain_and_has_an_error_status(code: Code) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.code)
    assert code.status in {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503}
    assert code.title


# What clients switch on: a code here never changes its status.
STATUSES = {
    "invalid_json": 400,
    "invalid_cursor": 400,
    "unauthenticated": 401,
    "not_a_member": 403,
    "manager_only": 403,
    "not_found": 404,
    "changed_meanwhile": 409,
    "request_in_progress": 409,
    "upload_not_valid": 409,
    "upload_not_received": 409,
    "activity_ended": 409,
    "activity_rejected": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "idempotency_key_reused": 422,
    "internal": 500,
}


def test_codes_keep_their_statuses() -> None:
    assert {code: status for code, status in now_given().items() if code in STATUSES} == STATUSES


def now_given() -> dict[str, int]:
    return {each.code: each.status for each in all_codes()}


def test_a_problem_is_told_with_its_errors_and_members() -> None:
    problem = Problem(
        ProblemCode.INVALID_REQUEST,
        "Not like this.",
        (FieldError("points", "too_many", "At most 5.", 5), FieldError("name", "missing", "Say.")),
        {"offsets": ["+01:00"]},
    )
    assert json.loads(json.dumps(problem.to_dict())) == {
        "type": "about:blank",
        "title": "The request is not valid",
        "status": 422,
        "code": "invalid_request",
        "detail": "Not like this.",
        "errors": [
            {"field": "points", "code": "too_many", "message": "At most 5.", "limit": 5},
            {"field": "name", "code": "missing", "message": "Say."},
        ],
        "offsets": ["+01:00"],
    }
    assert str(problem) == "invalid_request: Not like this."


def test_a_problem_without_errors_does_not_mention_any() -> None:
    assert "errors" not in not_found("upload").to_dict()


def test_a_limit_of_zero_is_told() -> None:
    assert invalid_field("points", "too_few", "At least 0.", 0).to_dict()["errors"] == [
        {"field": "points", "code": "too_few", "message": "At least 0.", "limit": 0}
    ]


# Which argument is the code where an error of a field is made.
PLACES = {
    **dict.fromkeys(("invalid_field", "FieldError", "InvalidText"), 1),
    **dict.fromkeys(("InvalidTime", "PasswordFlaw", "RosterUnreadable", "PydanticCustomError"), 0),
}


def made_in_sources() -> set[str]:
    found = set()
    for file in (PROJECT / "chalicelib").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if not any(name in text for name in PLACES):  # parsing takes long
            continue
        for node in ast.walk(ast.parse(text)):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in PLACES:
                code = node.args[PLACES[name]]
                if isinstance(code, ast.Constant):
                    found.add(str(code.value).rpartition(".")[2])
    return found


def test_every_code_that_is_made_for_a_field_is_declared() -> None:
    made = made_in_sources()
    assert len(made) > 20
    assert made <= all_field_codes()


# What Pydantic answers for a value that is not of a kind of schema; "bounds" are told by name.
DATES = ("date_from_datetime_parsing", "date_from_datetime_inexact")
OF_SCHEMA = {
    "bool": {"bool_type", "bool_parsing"},
    "date": {"date_type", "date_parsing", *DATES},
    "datetime": {
        *("datetime_type", "datetime_parsing", "datetime_from_date_parsing"),
        *("datetime_object_invalid", "timezone_aware", "timezone_offset"),
    },
    "enum": {"enum"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float"},
    "is-instance": {"is_instance_of"},
    "list": {"list_type"},
    "model": {"model_type", "model_attributes_type", "missing", "extra_forbidden"},
    "str": {"string_type", "string_unicode"},
}
OF_BOUND = {
    ("int", "ge"): "greater_than_equal",
    ("int", "le"): "less_than_equal",
    ("list", "min_length"): "too_short",
    ("list", "max_length"): "too_long",
    ("str", "min_length"): "string_too_short",
    ("str", "max_length"): "string_too_long",
    ("str", "pattern"): "string_pattern_mismatch",
}
CONSTRAINTS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "multiple_of")
WITHOUT_CODES = {
    *("default", "function-after", "function-before", "json-or-python", "lax-or-strict"),
    *("model-field", "model-fields", "no-info", "nullable", "union"),
}


def schemas(found: object, seen: set[int]) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        if id(found) in seen:
            return
        seen.add(id(found))
        if isinstance(found.get("type"), str):
            yield found
        children = [each for key, each in found.items() if key not in {"serialization", "metadata"}]
    else:
        children = list(found) if isinstance(found, list | tuple) else []
    for child in children:
        yield from schemas(child, seen)


def test_every_code_that_pydantic_may_give_to_a_field_is_declared() -> None:
    codes: set[str] = set()
    for route in router.routes:
        endpoint = route.endpoint()
        for model in filter(None, (endpoint.body, endpoint.query)):
            model.model_rebuild()  # schemas are built when they are first used
            for schema in schemas(model.__pydantic_core_schema__, set()):
                kind = schema["type"]
                assert kind in OF_SCHEMA or kind in WITHOUT_CODES, kind
                codes |= OF_SCHEMA.get(kind, set())
                if kind in OF_SCHEMA:
                    codes |= {OF_BOUND[kind, each] for each in CONSTRAINTS if each in schema}
    assert len(codes) > 10
    assert codes <= all_field_codes()
