"""The HTTP API in this process: requests as API Gateway sends them, answered by the app."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import app as plan
from chalicelib.foundation.identity import Caller
from tests.integration.greenroom import Greenroom

CONTEXT = SimpleNamespace(aws_request_id="request", get_remaining_time_in_millis=lambda: 28_000)
NEVER = "99999999999"
ALWAYS_BUILT = ("programs", "idempotency", "viewer_addresses", "settings")
"""Parts that the router uses besides the services of its routes."""


class InProcessApi:
    """Sends requests to the app, whose services are those of a greenroom.

    `content_type` is that of the last answer.
    """

    def __init__(self, greenroom: Greenroom, patch: pytest.MonkeyPatch) -> None:
        self.content_type = ""
        made = plan.container.__dict__
        for part in {*ALWAYS_BUILT, *(route.part for route in plan.router.routes)}:
            patch.setitem(made, part, _LazyPart(greenroom, part))

    def call(
        self, caller: Caller, method: str, path: str, body: Any = None, **query: str
    ) -> tuple[int, Any]:
        """Send a request. The body is sent as JSON, a string as it is; `path` has real ids."""
        route = next(each for each in plan.router.routes if _fits(each, method, path))
        parts = zip(route.path.split("/"), path.split("/"), strict=True)
        raw = body if body is None or isinstance(body, str) else json.dumps(body)
        answered = plan.app(
            {
                "path": path,
                "httpMethod": method,
                "headers": {"Content-Type": "application/json"},
                "multiValueHeaders": {},
                "multiValueQueryStringParameters": {name: [each] for name, each in query.items()},
                "pathParameters": {name[1:-1]: each for name, each in parts if name[:1] == "{"},
                "stageVariables": None,
                "requestContext": {
                    "resourcePath": route.path,
                    "httpMethod": method,
                    "requestId": "request-1",
                    "identity": {"sourceIp": "203.0.113.9"},
                    "authorizer": {
                        "subject": f"subject-{caller.email}",
                        "email": caller.email,
                        "expires_at": NEVER,
                    },
                },
                "body": raw,
                "isBase64Encoded": False,
            },
            CONTEXT,
        )
        text = answered["body"]
        self.content_type = answered["headers"]["Content-Type"]
        return answered["statusCode"], json.loads(text) if text else None


class _LazyPart:
    """A part of a greenroom's container, created at its first use."""

    def __init__(self, greenroom: Greenroom, part: str) -> None:
        self.__dict__.update(_greenroom=greenroom, _part=part)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._greenroom.container, self._part), name)


def _fits(route: Any, method: str, path: str) -> bool:
    wanted, given = route.path.split("/"), path.split("/")
    return (
        route.method == method
        and len(wanted) == len(given)
        and all(a == b or a.startswith("{") for a, b in zip(wanted, given, strict=True))
    )
