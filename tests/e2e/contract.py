"""What openapi.json promises, held against real answers: more than it says is as wrong as less."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).parent.parent.parent / "openapi.json"
PROBLEM = "application/problem+json"
_DOCUMENT = "urn:greenroom:openapi"
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


@dataclass(frozen=True)
class Operation:
    """One documented method of one path."""

    operation_id: str
    method: str
    path: str
    public: bool
    takes_body: bool
    takes_key: bool
    responses: dict[int, dict[str, Any]]

    @property
    def codes(self) -> frozenset[tuple[int, str]]:
        """The problems it may answer: status and code."""
        return frozenset(
            (status, code)
            for status, response in self.responses.items()
            if PROBLEM in response.get("content", {})
            for code in response["content"][PROBLEM]["schema"]["allOf"][1]["properties"]["code"][
                "enum"
            ]
        )

    @property
    def names(self) -> frozenset[str]:
        """The things its path names, such as `activity_id`."""
        return frozenset(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def successes(self) -> frozenset[int]:
        return frozenset(status for status in self.responses if status < 300)

    @property
    def manager_only(self) -> bool:
        return (403, "manager_only") in self.codes

    @property
    def of_members(self) -> bool:
        """Whether only people who belong to a program may call it."""
        return (403, "not_a_member") in self.codes

    def matches(self, method: str, path: str) -> bool:
        wanted, given = self.path.split("/"), path.split("/")
        return (
            method.upper() == self.method
            and len(wanted) == len(given)
            and all(
                part == other or (part.startswith("{") and other)
                for part, other in zip(wanted, given, strict=True)
            )
        )


class Contract:
    """The committed document, with every described object closed to further properties."""

    def __init__(self, file: Path = FILE) -> None:
        document = _resolved(json.loads(file.read_text(encoding="utf-8")))
        self.operations = tuple(_operations(document))
        resource = Resource.from_contents(_closed(document), default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_DOCUMENT, resource)

    def operation(self, method: str, path: str) -> Operation:
        for operation in self.operations:
            if operation.matches(method, path):
                return operation
        raise AssertionError(f"{method} {path} is not documented.")

    def check(self, operation: Operation, status: int, content_type: str, body: Any) -> None:
        """Hold one answer against the document; raises AssertionError saying what differs."""
        where = f"{operation.method} {operation.path} -> {status}"
        assert status in operation.responses, f"{where} is not documented: {body}"
        media_type = content_type.partition(";")[0].strip()
        documented = operation.responses[status].get("content")
        if documented is None:
            assert body is None, f"{where} has a body: {body}"
            return
        assert media_type in documented, f"{where} came as {media_type!r}: {body}"
        pointer = "/".join(
            part.replace("~", "~0").replace("/", "~1")
            for part in (
                "paths",
                operation.path,
                operation.method.lower(),
                "responses",
                str(status),
                "content",
                media_type,
                "schema",
            )
        )
        validator = Draft202012Validator(
            {"$ref": f"{_DOCUMENT}#/{pointer}"},
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        wrong = [
            f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message}"
            for error in validator.iter_errors(body)
        ]
        assert not wrong, f"{where} is not as documented: {wrong}"


def _resolved(document: dict[str, Any]) -> dict[str, Any]:
    """Put responses in the places of the references to them."""
    shared = document["components"]["responses"]
    for methods in document["paths"].values():
        for method in methods.keys() & _METHODS:
            responses = methods[method]["responses"]
            for status, response in responses.items():
                if "$ref" in response:
                    responses[status] = shared[response["$ref"].rpartition("/")[2]]
    return document


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if found := methods.get(method):
                names = {each["name"] for each in found.get("parameters", [])}
                yield Operation(
                    operation_id=found["operationId"],
                    method=method.upper(),
                    path=path,
                    public=not found["security"],
                    takes_body="requestBody" in found,
                    takes_key="Idempotency-Key" in names,
                    responses={int(status): each for status, each in found["responses"].items()},
                )


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    closed = copy.deepcopy(document)
    for schema in closed["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return closed
