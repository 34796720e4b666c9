"""Health over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.health import HealthService
from chalicelib.foundation.http import Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.schemas import Schema


class State(StrEnum):
    OK = "ok"
    FAILING = "failing"


class HealthView(Schema):
    status: State
    build: str
    checks: dict[str, State]
    checked_at: Annotated[datetime, Field(description="Up to half a minute ago")]


@endpoint(
    RequiredRole.ANYONE,
    answers={200: HealthView, 503: HealthView},
    raw=True,  # monitors add parameters of their own against caches
)
def health(service: HealthService, request: Request[None, None]) -> Answer:  # noqa: ARG001  alike
    """Read the build and the state of its dependencies."""
    seen = service.health()
    view = HealthView(
        status=State.OK if seen.is_healthy else State.FAILING,
        build=seen.build,
        checks={name: State.OK if well else State.FAILING for name, well in seen.checks.items()},
        checked_at=seen.checked_at,
    )
    return Answer(200 if seen.is_healthy else 503, view)
