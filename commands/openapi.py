"""The OpenAPI document, generated from app.py's routes and their handlers' marks and models."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app import router
from chalicelib.foundation.http import MAX_BODY_BYTES, Endpoint, RequiredRole, Route
from chalicelib.foundation.idempotency import MAX_KEY_LENGTH
from chalicelib.foundation.problems import MEDIA_TYPE, Code, ProblemCode, all_codes, all_field_codes

FILE = Path(__file__).parent.parent / "openapi.json"
_SCHEMAS = "#/components/schemas/"
_RESPONSES = "#/components/responses/"


def document() -> dict[str, Any]:
    """Return the document as it is committed."""
    endpoints = {route: route.endpoint() for route in router.routes}
    models = sorted(
        {(model, mode) for each in endpoints.values() for model, mode in _models(each)},
        key=lambda used: (used[0].__name__, used[1]),
    )
    references, definitions = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    schemas = definitions.get("$defs", {}) | {"Problem": _problem_schema()}
    for marks in endpoints.values():
        for name, schema in _schemas_of_query(marks).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"Two models of different schemas are called {name}.")
    paths: dict[str, dict[str, Any]] = {}
    for route, marks in endpoints.items():
        operation = _operation(route, marks, references)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Greenroom",
            "version": "1",
            "description": "TikTok Video activities for a company's people. Times are RFC 3339 in "
            "UTC, ids are opaque, errors are RFC 9457 problems with a stable `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "responses": _share_recurring_problems(paths),
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "id_token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The ID token of the identity provider.",
                }
            },
        },
    }


def _schemas_of_query(marks: Endpoint) -> dict[str, Any]:
    if not marks.query:
        return {}
    found: dict[str, Any] = marks.query.model_json_schema(ref_template=_SCHEMAS + "{model}")
    return dict(found.get("$defs", {}))


def _share_recurring_problems(paths: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Replace recurring problem responses by references, and return these responses by name."""
    problems = [
        (responses, status, described["description"])
        for operations in paths.values()
        for responses in (operation["responses"] for operation in operations.values())
        for status, described in responses.items()
        if described.get("content", {}).keys() == {MEDIA_TYPE}
    ]
    counted = Counter(codes for _, _, codes in problems)
    shared: dict[str, Any] = {}
    for responses, status, codes in problems:
        if counted[codes] > 1:
            name = codes.replace(", ", "-")
            shared[name] = responses[status]
            responses[status] = {"$ref": f"{_RESPONSES}{name}"}
    return dict(sorted(shared.items()))


def written() -> str:
    """Return the document as the text of the committed file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _models(marks: Endpoint) -> Iterable[tuple[type[BaseModel], Any]]:
    if marks.body:
        yield marks.body, "validation"
    for model in marks.answers.values():
        if model:
            yield model, "serialization"


def _operation(route: Route, marks: Endpoint, references: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.part}_{route.name}",
        "tags": [route.part],
        **_words(marks),
        "security": [] if route.public else [{"id_token": []}],
        "parameters": [*_path_parameters(route), *_query_parameters(marks), *_headers(marks)],
    }
    if marks.body:
        schema = references[marks.body, "validation"]
        operation["requestBody"] = {
            "required": any(each.is_required() for each in marks.body.model_fields.values()),
            "description": f"At most {MAX_BODY_BYTES} bytes.",
            "content": {"application/json": {"schema": schema}},
        }
    answers = {
        str(status): _answer(marks, status, references[model, "serialization"] if model else None)
        for status, model in marks.answers.items()
    }
    operation["responses"] = answers | _problem_responses(route, marks)
    return operation


def _words(marks: Endpoint) -> dict[str, str]:
    """Return the summary and, if there is more, the description from a handler's docstring."""
    _, _, more = cleandoc(marks.handle.__doc__ or "").partition("\n\n")
    words = {"summary": marks.summary, "description": more.replace("\n", " ")}
    return {name: text for name, text in words.items() if text}


def _answer(marks: Endpoint, status: int, schema: Any) -> dict[str, Any]:
    described = "Done" if status < 400 else "Not well"  # noqa: PLR2004  HTTP's own line
    if schema is None:
        return {"description": described}
    content = {"application/json": {"schema": schema}}
    if marks.page:
        content["text/html"] = {"schema": {"type": "string"}}
    return {"description": described, "content": content}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _query_parameters(marks: Endpoint) -> list[dict[str, Any]]:
    if not marks.query:
        return []
    schema = marks.query.model_json_schema(ref_template=_SCHEMAS + "{model}")
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": described}
        for name, described in schema["properties"].items()
    ]


def _headers(marks: Endpoint) -> list[dict[str, Any]]:
    if not marks.idempotent:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The first answer is replayed for 24 hours.",
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
        }
    ]


def _problem_codes(route: Route, marks: Endpoint) -> set[Code]:
    """Return the handler's own problems, and those that the router answers around it."""
    codes = {*marks.problems, ProblemCode.INTERNAL, ProblemCode.TOO_MANY_REQUESTS}
    codes.add(ProblemCode.UNAVAILABLE)
    if marks.who is not RequiredRole.ANYONE:
        codes.add(ProblemCode.UNAUTHENTICATED)
    if marks.who in (RequiredRole.MEMBER, RequiredRole.MANAGER):
        codes |= {ProblemCode.NOT_A_MEMBER, ProblemCode.CHOOSE_PROGRAM}
    if marks.who is RequiredRole.MANAGER:
        codes.add(ProblemCode.MANAGER_ONLY)
    if marks.body:
        codes |= {
            ProblemCode.INVALID_JSON,
            ProblemCode.UNSUPPORTED_MEDIA_TYPE,
            ProblemCode.INVALID_REQUEST,
        }
    if route.takes_content:
        codes.add(ProblemCode.BODY_TOO_LARGE)
    if marks.query or not marks.raw:
        codes.add(ProblemCode.INVALID_REQUEST)
    if marks.idempotent:
        codes |= {
            ProblemCode.INVALID_REQUEST,
            ProblemCode.REQUEST_IN_PROGRESS,
            ProblemCode.IDEMPOTENCY_KEY_REUSED,
        }
    return codes


def _problem_responses(route: Route, marks: Endpoint) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in sorted(_problem_codes(route, marks), key=lambda each: each.code):
        by_status.setdefault(code.status, []).append(code.code)
    return {
        str(status): {
            "description": ", ".join(codes),
            "content": _problem_content(status, codes, page=marks.page),
        }
        for status, codes in sorted(by_status.items())
        if status not in marks.answers
    }


def _problem_content(status: int, codes: list[str], *, page: bool) -> dict[str, Any]:
    narrowed = {"properties": {"code": {"enum": codes}, "status": {"const": status}}}
    schema = {"allOf": [{"$ref": f"{_SCHEMAS}Problem"}, narrowed]}
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": schema}}
    if page:
        content["text/html"] = {"schema": {"type": "string"}}
    return content


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An RFC 9457 problem; which further members it has depends on the code.",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"const": "about:blank"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"enum": sorted(each.code for each in all_codes())},
            "detail": {"type": "string", "description": "Words for a person"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "message"],
                    "properties": {
                        "field": {"type": "string"},
                        "code": {"enum": sorted(all_field_codes())},
                        "message": {"type": "string"},
                        "limit": {},
                    },
                    "additionalProperties": False,
                },
            },
            "limit": {
                "type": "integer",
                "description": "body_too_large: bytes taken at most; "
                "limit_reached, reward_limit_reached: how many there may be",
            },
            "used": {"type": "integer", "description": "limit_reached: how many there are"},
            "quota": {"type": "string", "description": "limit_reached: the quota of the program"},
            "actual": {"type": "integer", "description": "body_too_large: bytes sent"},
            "offsets": {
                "type": "array",
                "items": {"type": "string"},
                "description": "invalid_request: the offsets to choose from when the clocks change",
            },
            "version": {
                "type": "integer",
                "description": "changed_meanwhile: the version it has now",
            },
            "upload_status": {
                "$ref": f"{_SCHEMAS}UploadStatus",
                "description": "upload_not_valid: what the upload is instead",
            },
            "problems": {
                "type": "array",
                "items": {"$ref": f"{_SCHEMAS}VideoProblemView"},
                "description": "upload_not_valid: what is wrong with the video",
            },
            "cut": {
                "type": "integer",
                "description": "upload_not_valid, upload_not_received: which cut, from 1, where "
                "the activity has several",
            },
            "upload_id": {"type": "string", "description": "The upload of that cut"},
            "authorize_url": {
                "type": "string",
                "description": "tiktok_account_required: where the member gives their consent",
            },
            "disclosure_steps": {
                "$ref": f"{_SCHEMAS}DisclosureView",
                "description": "disclosure_not_acknowledged: what the member has to acknowledge",
            },
            "missing": {
                "type": "array",
                "items": {"type": "string"},
                "description": "tiktok_scope_missing: the permissions that were not given",
            },
            "retry_at": {
                "type": "string",
                "format": "date-time",
                "description": "tiktok_inbox_full: when a place is free at the latest; "
                "too_many_requests: from when on it may be asked again, where that is known",
            },
            "retry_at_local": {
                "type": "string",
                "format": "date-time",
                "description": "The same in the caller's own time zone",
            },
            "member_id": {"type": "string", "description": "already_a_member: as who"},
            "invitations": {
                "type": "array",
                "items": {"$ref": f"{_SCHEMAS}InvitationView"},
                "description": "choose_program: the programs that have invited the caller",
            },
            "balance": {
                "type": "integer",
                "description": "balance_too_low: how many points there are",
            },
            "price": {
                "type": "integer",
                "description": "reward_changed: what it costs now; balance_too_low: what it costs",
            },
            "status_now": {
                "type": "string",
                "description": "redemption_decided: fulfilled or rejected",
            },
            "starts_at": {
                "type": "string",
                "format": "date-time",
                "description": "activity_not_started: when it will",
            },
            "starts_at_local": {
                "type": "string",
                "format": "date-time",
                "description": "The same in the member's own time zone",
            },
        },
    }
