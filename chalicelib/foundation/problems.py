"""Errors as people meet them: RFC 9457 problems with a stable code.

A package raises `Problem(ProblemCode.X, "words for a person")`; the HTTP router answers with it.
Codes of a package's own stand in its `problems.py`; OpenAPI lists all that the routes name.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from chalicelib.foundation.values import dataclass

MEDIA_TYPE = "application/problem+json"


class Code(Enum):
    """A code that an answer can carry, declared as `CODE = (HTTP status, title)`.

    Each package lists its own in its `problems.py`, in one subclass; no code is listed twice.
    """

    @property
    def code(self) -> str:
        return self.name.lower()

    @property
    def status(self) -> int:
        status: int = self.value[0]
        return status

    @property
    def title(self) -> str:
        title: str = self.value[1]
        return title


class ProblemCode(Code):
    """Codes that belong to no one package."""

    INVALID_JSON = (400, "The body is not JSON")
    INVALID_CURSOR = (400, "The cursor does not belong to this list")
    UNAUTHENTICATED = (401, "Sign in first")
    NOT_A_MEMBER = (403, "You are not a member of a program here")
    CHOOSE_PROGRAM = (403, "Choose which program to join")
    MANAGER_ONLY = (403, "Only managers may do this")
    FORBIDDEN = (403, "This is not allowed")
    NOT_FOUND = (404, "Not found")
    METHOD_NOT_ALLOWED = (405, "This address does not support that method")
    CHANGED_MEANWHILE = (409, "Somebody else has changed this")
    REQUEST_IN_PROGRESS = (409, "The same request is still being handled")
    NAME_TAKEN = (409, "This name is taken")
    LIMIT_REACHED = (409, "The limit is reached")
    BODY_TOO_LARGE = (413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = (415, "The body must be JSON")
    INVALID_REQUEST = (422, "The request is not valid")
    IDEMPOTENCY_KEY_REUSED = (422, "This Idempotency-Key belongs to another request")
    TOO_MANY_REQUESTS = (429, "Too many requests")
    INTERNAL = (500, "Something broke on our side")
    UNAVAILABLE = (503, "A service we depend on does not answer")


FIELD_ERROR_CODES = frozenset(
    {
        # Pydantic's own, of bodies and queries.
        *("missing", "extra_forbidden", "model_type", "model_attributes_type"),
        *("string_type", "string_too_short", "string_too_long", "string_unicode"),
        *("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
        *("greater_than_equal", "less_than_equal", "bool_type", "bool_parsing"),
        *("list_type", "too_short", "too_long", "enum", "is_instance_of"),
        *("string_pattern_mismatch", "date_type", "date_parsing"),
        *("date_from_datetime_parsing", "date_from_datetime_inexact"),
        *("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
        *("datetime_object_invalid", "timezone_offset", "invalid_key"),
    }
)
"""Codes that a field's error can carry. Each package has its own in its `problems.py`, too."""


@dataclass(frozen=True)
class FieldError:
    """One field's error; `limit` is the bound that was exceeded, if there is one."""

    field: str
    code: str
    message: str
    limit: Any = None

    def to_dict(self) -> dict[str, Any]:
        told = {"field": self.field, "code": self.code, "message": self.message}
        return told if self.limit is None else {**told, "limit": self.limit}


@dataclass
class Problem(Exception):
    """An answer that is not the one hoped for; `members` are further members of the problem.

    `console_path` is where a person's browser is led instead, if there is a console; `activity_id`
    what that screen may lead back to. Neither is answered.
    """

    code: Code
    detail: str
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    console_path: str | None = None
    activity_id: str | None = None

    def __str__(self) -> str:
        return f"{self.code.code}: {self.detail}"

    def to_dict(self) -> dict[str, Any]:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": self.code.title,
            "status": self.code.status,
            "code": self.code.code,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = [error.to_dict() for error in self.errors]
        return {**problem, **self.members}


def not_found(what: str) -> Problem:
    """Answer for what does not exist and, to the letter, for what is another program's."""
    return Problem(ProblemCode.NOT_FOUND, f"There is no such {what}.")


def invalid_field(name: str, code: str, message: str, limit: Any = None) -> Problem:
    """Answer for one field that is not right."""
    return Problem(ProblemCode.INVALID_REQUEST, message, (FieldError(name, code, message, limit),))


def all_codes() -> list[Code]:
    """Return the codes of every package; imports their `problems` modules."""
    found: list[Code] = list(ProblemCode)
    for names in _problem_modules():
        found += [
            code
            for kind in names.values()
            if isinstance(kind, type) and issubclass(kind, Code) and kind is not Code
            for code in kind
        ]
    return found


def all_field_codes() -> frozenset[str]:
    """Return the codes that errors of fields can carry, of every package."""
    return FIELD_ERROR_CODES.union(
        *(names.get("FIELD_ERROR_CODES", ()) for names in _problem_modules())
    )


def _problem_modules() -> Iterator[Mapping[str, Any]]:
    """Yield what each package's `problems` module defines."""
    import chalicelib

    for package in pkgutil.iter_modules(chalicelib.__path__):
        name = f"chalicelib.{package.name}.problems"
        if package.ispkg and package.name != "foundation" and find_spec(name):
            yield vars(import_module(name))
