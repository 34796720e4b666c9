"""Checks the access token of a request, as every call but OAuth does."""

from http import HTTPStatus

from starlette.requests import Request

from local.tiktok_sandbox.rules import RuleBrokenError, read_bearer
from local.tiktok_sandbox.state import Store, Token


def caller(
    store: Store,
    request: Request,
    endpoint: str,
    *,
    scope: str | None = None,
    per_minute: int | None = None,
) -> Token:
    """Return the live access token: 401 without one or its scope, 429 over the limit."""
    if "access_token" in request.query_params:
        raise RuleBrokenError("token_in_header", "the access token goes into the header only")
    token = store.token(read_bearer(request.headers.get("authorization")))
    if token is None or token.kind != "access" or token.ended is not None:
        known = token is not None and token.kind == "access"
        raise RuleBrokenError(
            "access_token_live",
            f"the access token is {token.ended}" if token and known else "no such access token",
            code="access_token_invalid",
            status=HTTPStatus.UNAUTHORIZED,
            avoidable=not known,
        )
    if token.client_key != store.app.client_key:
        raise RuleBrokenError(
            "access_token_live",
            "the access token belongs to another app",
            code="access_token_invalid",
            status=HTTPStatus.UNAUTHORIZED,
        )
    if per_minute is not None and not store.call_allowed(endpoint, token, per_minute):
        raise RuleBrokenError(
            "calls_per_minute",
            f"more than {per_minute} calls a minute with one token",
            code="rate_limit_exceeded",
            status=HTTPStatus.TOO_MANY_REQUESTS,
        )
    if scope is not None and scope not in token.scopes.split(","):
        raise RuleBrokenError(
            "scope_granted",
            f"the person did not grant {scope}",
            code="scope_not_authorized",
            status=HTTPStatus.UNAUTHORIZED,
        )
    return token
