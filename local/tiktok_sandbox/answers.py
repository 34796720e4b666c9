"""The two shapes TikTok answers in, and the way from a broken rule to an answer.

OAuth errors are flat: `{error, error_description, log_id}`. Every other call answers in an
envelope: `{data, error: {code, message, log_id}}`, where any code but `ok` is a failure.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from local.tiktok_sandbox.rules import RuleBrokenError, Tolerate
from local.tiktok_sandbox.state import Store

type Handler = Callable[[Request], Awaitable[Response]]
type Refuse = Callable[[str, str, str, int], Response]

NO_STORE = {"cache-control": "no-store"}


def log_id_of(request: Request) -> str:
    """The id of this request, in the answer as in the log."""
    return str(request.state.log_id)


def envelope(
    data: Mapping[str, object],
    log_id: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A call that went well."""
    error = {"code": "ok", "message": "", "log_id": log_id}
    return JSONResponse({"data": data, "error": error}, status, headers)


def envelope_error(code: str, message: str, log_id: str, status: int) -> Response:
    """A call that failed."""
    error = {"code": code, "message": message, "log_id": log_id}
    return JSONResponse({"data": {}, "error": error}, status)


def flat_error(code: str, message: str, log_id: str, status: int) -> Response:
    """An OAuth call that failed."""
    body = {"error": code, "error_description": message, "log_id": log_id}
    return JSONResponse(body, status, NO_STORE)


def note(
    store: Store,
    endpoint: str,
    request: Request,
    broken: RuleBrokenError,
    *,
    status: int | None = None,
) -> None:
    """Write a broken rule down, with the status answered if it is not the rule's own."""
    store.note_violation(
        endpoint,
        rule=broken.rule,
        detail=broken.detail,
        code=broken.code,
        status=broken.status if status is None else status,
        avoidable=broken.avoidable,
        log_id=log_id_of(request),
    )


def tolerate(store: Store, endpoint: str, request: Request) -> Tolerate:
    """Return what writes a broken rule down that TikTok lets pass: with the status of success."""
    return lambda broken: note(store, endpoint, request, broken, status=HTTPStatus.OK)


def strict(store: Store, endpoint: str, handler: Handler, refuse: Refuse) -> Handler:
    """A handler whose broken rules are written down and answered in TikTok's shape."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
        except RuleBrokenError as broken:
            note(store, endpoint, request, broken)
            response = refuse(broken.code, broken.detail, log_id_of(request), broken.status)
            response.headers.update(broken.headers)
            return response

    return answer
