"""The HTTP door: from a request to a room's handler and back, alike for every route.

A handler is a function `(service, request) -> Answer` marked with `@endpoint`, which says who may
call it, what it takes and what it answers; the OpenAPI document is made from the same marks. The
door does the rest: who is calling, may they, is the body right, was it sent before, what broke.
"""

import html
import importlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Response

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import (
    MEDIA_TYPE,
    FieldError,
    Problem,
    ProblemCode,
    not_found,
)

if TYPE_CHECKING:
    from chalice.app import CustomAuthorizer
    from chalice.app import Request as ChaliceRequest
    from pydantic import BaseModel, ValidationError

    from chalicelib.foundation.idempotency import Idempotency

MAX_BODY_BYTES = 65_536  # far above any body of ours, far below the gateway's 10 MB
MAX_ID_LENGTH = 64  # twice as long as any of ours; DynamoDB breaks at 1,024 bytes
_CORRELATION_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_PRINTABLE = re.compile(r"^[\x21-\x7e]{1,255}$")


class Who(Enum):
    """Who may call an endpoint."""

    ANYONE = "anyone"
    MEMBER = "member"
    MANAGER = "manager"


@dataclass(frozen=True)
class Words:
    """What a page says to a person, and a text to copy from it, line by line, if there is one."""

    title: str
    message: str
    to_copy: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a handler answers: a status and a pydantic model (or nothing).

    `words` are shown instead to a person whose browser came to the endpoint of a page.
    """

    status: int
    body: "BaseModel | None" = None
    headers: Mapping[str, str] = field(default_factory=dict)
    words: Words | None = None


@dataclass(frozen=True)
class Endpoint:
    """The marks of a handler; see `endpoint`."""

    handle: Callable[[Any, Any], Answer]
    who: Who
    body: "type[BaseModel] | None"
    query: "type[BaseModel] | None"
    answers: Mapping[int, "type[BaseModel] | None"]
    problems: tuple[ProblemCode, ...]
    idempotent: bool
    page: bool

    @property
    def summary(self) -> str:
        return (self.handle.__doc__ or "").strip().split("\n")[0]


def endpoint(
    who: Who,
    *,
    answers: Mapping[int, "type[BaseModel] | None"],
    body: "type[BaseModel] | None" = None,
    query: "type[BaseModel] | None" = None,
    problems: tuple[ProblemCode, ...] = (),
    idempotent: bool = False,
    page: bool = False,
) -> Callable[[Callable[[Any, Any], Answer]], Endpoint]:
    """Mark a handler. `problems` are those of its own, beside what the door itself answers.

    `page`: a person's browser comes here by itself, and problems too are shown to it as a page.
    """

    def mark(handle: Callable[[Any, Any], Answer]) -> Endpoint:
        return Endpoint(handle, who, body, query, answers, problems, idempotent, page)

    return mark


@dataclass(frozen=True)
class Request[Body, Query]:
    """A request whose caller, body and query are already right."""

    caller: Caller
    body: Body
    query: Query
    path: Mapping[str, str]
    correlation_id: str
    headers: Mapping[str, str]
    raw: bytes
    made_id: str | None = None


@dataclass(frozen=True)
class Route:
    """An opened route: where requests come in and who handles them."""

    method: str
    path: str
    room: str
    name: str
    public: bool

    @property
    def part(self) -> str:
        """The part of the house that is called: the room, or its own part where it is split."""
        return self.room.rpartition(".")[2]

    @property
    def takes_content(self) -> bool:
        return self.method != "GET"

    def endpoint(self) -> Endpoint:
        """Import the room's handler, not before it is needed."""
        routes = importlib.import_module(f"chalicelib.{self.room}.routes")
        found: Endpoint = getattr(routes, self.name)
        return found


@dataclass(frozen=True)
class Door:
    """Opens routes on the Chalice app and leads each request to its room's service.

    `service_of` builds a room's service, `caller_of` finds the member behind a token's claims;
    both are asked at the first request, so that importing the app stays cheap.
    """

    app: Chalice
    authorizer: "CustomAuthorizer"
    clock: Clock
    service_of: Callable[[str], Any]
    caller_of: Callable[[Claims], Caller]
    idempotency_of: Callable[[], "Idempotency"]
    routes: list[Route] = field(default_factory=list)

    def open(self, route: str, handler: str, *, public: bool = False) -> None:
        """Lead `"METHOD /path"` to `"room.handler"`; without `public` a token is asked for.

        Where a room is split: `"room.part.handler"`.
        """
        method, path = route.split()
        room, _, name = handler.rpartition(".")
        opened = Route(method, path, room, name, public)
        self.routes.append(opened)

        def view(**path_parameters: str) -> Response:
            return self._answer(opened, path_parameters)

        view.__name__ = f"{opened.part}_{name}"
        self.app.route(
            path,
            methods=[method],
            content_types=["*/*"],  # what is not JSON is refused below, with a problem
            authorizer=None if public else self.authorizer,
        )(view)

    def _answer(self, route: Route, path: Mapping[str, str]) -> Response:
        started = time.monotonic()
        sent = self.app.current_request
        if sent is None:  # Chalice sets it before it calls a view
            raise RuntimeError("A view was called without a request.")
        correlation_id = _correlation_id(sent)
        logger.clear_state()
        logger.set_correlation_id(correlation_id)
        try:
            answered = self._lead(route, sent, path, correlation_id)
        except Problem as problem:
            answered = _problem_response(problem, page=route.endpoint().page and _browses(sent))
            logger.append_keys(problem=problem.code.code)
        except Exception:  # noqa: BLE001  the one place that may: whatever broke becomes a designed answer
            logger.exception("request broke")
            answered = _problem_response(
                Problem(
                    ProblemCode.INTERNAL,
                    "Something broke on our side. Try again; if it stays, tell your administrator "
                    f"this id: {correlation_id}",
                )
            )
        answered.headers["X-Correlation-Id"] = correlation_id
        answered.headers["Cache-Control"] = "no-store"
        milliseconds = round((time.monotonic() - started) * 1000)
        logger.info(
            "request",
            extra={
                "route": f"{route.method} {route.path}",
                "status": answered.status_code,
                "milliseconds": milliseconds,
            },
        )
        return answered

    def _lead(
        self, route: Route, sent: "ChaliceRequest", path: Mapping[str, str], correlation_id: str
    ) -> Response:
        found = route.endpoint()
        caller = _NOBODY if found.who is Who.ANYONE else self._admit(found.who, sent)
        if any(len(value) > MAX_ID_LENGTH for value in path.values()):
            raise not_found("thing")
        raw = _raw_body(sent)
        if route.takes_content:
            _check_size(raw)
        body = _read_body(found.body, raw, sent) if found.body else None
        query = _read_query(found.query, sent) if found.query else None
        request: Request[Any, Any] = Request(
            caller, body, query, path, correlation_id, sent.headers, raw
        )
        key = sent.headers.get("idempotency-key") if found.idempotent else None
        if key is None:
            answer = found.handle(self.service_of(route.part), request)
            return _response(answer, page=found.page and _browses(sent))
        asked = f"{route.method} {route.path} {json.dumps(dict(path), sort_keys=True)}\n"
        return self._once(route, request, key, asked.encode() + raw)

    def _admit(self, who: Who, sent: "ChaliceRequest") -> Caller:
        claims = Claims.from_context(sent.context["authorizer"])
        if not claims.live(self.clock.now()):
            raise Problem(ProblemCode.UNAUTHENTICATED, "Your sign-in has expired. Sign in again.")
        caller = self.caller_of(claims)
        logger.append_keys(program_id=caller.program_id, member_id=caller.member_id)
        if who is Who.MANAGER and not caller.is_manager:
            raise Problem(ProblemCode.MANAGER_ONLY, "Only managers of the program may do this.")
        return caller

    def _once(self, route: Route, request: Request[Any, Any], key: str, sent: bytes) -> Response:
        from chalicelib.foundation.idempotency import Attempt

        if not _PRINTABLE.match(key):
            raise Problem(
                ProblemCode.INVALID_REQUEST,
                "An Idempotency-Key is 1 to 255 printable characters.",
                (FieldError("Idempotency-Key", "invalid_key", "1 to 255 characters", 255),),
            )
        idempotency = self.idempotency_of()
        attempt = idempotency.begin(request.caller.owner, key, sent)
        if not isinstance(attempt, Attempt):
            replayed = Response(
                attempt.body, {"Content-Type": "application/json"}, status_code=attempt.status
            )
            replayed.headers["Idempotency-Replayed"] = "true"
            return replayed
        try:
            answer = route.endpoint().handle(
                self.service_of(route.part), replace(request, made_id=attempt.made_id)
            )
        except Problem:
            idempotency.refuse(attempt)
            raise
        except BaseException:
            idempotency.release(attempt)
            raise
        response = _response(answer)
        idempotency.finish(attempt, response.status_code, response.body)
        return response


# Who a public route is called by: a member of no program, whose keys match nothing.
_NOBODY = Caller("", "", Role.MEMBER, email="", name="", chosen_zone="UTC")


def _raw_body(sent: "ChaliceRequest") -> bytes:
    raw = sent.raw_body
    return raw.encode() if isinstance(raw, str) else raw


def _correlation_id(sent: "ChaliceRequest") -> str:
    """Take the client's own id if it is a plain one, else the gateway's."""
    own = sent.headers.get("x-correlation-id", "")
    return own if _CORRELATION_ID.match(own) else str(sent.context.get("requestId", "unknown"))


def _check_size(raw: bytes) -> None:
    if len(raw) > MAX_BODY_BYTES:
        raise Problem(
            ProblemCode.BODY_TOO_LARGE,
            f"The body has {len(raw)} bytes; {MAX_BODY_BYTES} are the limit.",
            members={"limit": MAX_BODY_BYTES, "actual": len(raw)},
        )


def _read_body(model: "type[BaseModel]", raw: bytes, sent: "ChaliceRequest") -> "BaseModel":
    from pydantic import ValidationError

    content_type = sent.headers.get("content-type", "application/json").partition(";")[0]
    if content_type.strip().lower() != "application/json":
        raise Problem(
            ProblemCode.UNSUPPORTED_MEDIA_TYPE, "Send the body as Content-Type: application/json."
        )
    try:
        return model.model_validate_json(raw or b"{}", strict=True)
    except ValidationError as error:
        raise _validation_problem(error) from error


def _read_query(model: "type[BaseModel]", sent: "ChaliceRequest") -> "BaseModel":
    from pydantic import ValidationError

    # Chalice gives every name its list of values; a name given twice is not one of ours.
    given = sent.query_params.items() if sent.query_params else ()
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise _validation_problem(error) from error


def _validation_problem(error: "ValidationError") -> Problem:
    found = error.errors(include_url=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(ProblemCode.INVALID_JSON, "The body is not well-formed JSON.")
    errors = tuple(
        FieldError(
            ".".join(str(part) for part in each["loc"]) or "body",
            each["type"],
            each["msg"],
            _limit_of(each.get("ctx", {})),
        )
        for each in found
    )
    first = errors[0]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(ProblemCode.INVALID_REQUEST, f"{first.field}: {first.message}{more}", errors)


def _limit_of(context: Mapping[str, Any]) -> Any:
    names = ("max_length", "min_length", "ge", "gt", "le", "lt", "expected")
    return next((context[name] for name in names if name in context), None)


def _response(answer: Answer, *, page: bool = False) -> Response:
    if page and answer.words:
        return _page(answer.status, answer.words, answer.headers)
    body = answer.body.model_dump_json(by_alias=True) if answer.body else ""
    return _plain(answer.status, body, "application/json", answer.headers)


def _problem_response(problem: Problem, *, page: bool = False) -> Response:
    status = problem.code.status
    if page:
        return _page(status, Words(problem.code.title, problem.detail), problem.headers)
    return _plain(status, json.dumps(problem.to_dict()), MEDIA_TYPE, problem.headers)


def _plain(status: int, body: str, content_type: str, more: Mapping[str, str]) -> Response:
    headers: dict[str, str | list[str]] = {"Content-Type": content_type, **more}
    return Response(body, headers, status_code=status)


def _browses(sent: "ChaliceRequest") -> bool:
    return "text/html" in sent.headers.get("accept", "")


def _page(status: int, words: Words, more: Mapping[str, str]) -> Response:
    """Show a person a page of a heading, a paragraph and a text; nothing on it can run."""
    title, message = html.escape(words.title), html.escape(words.message)
    to_copy = f"<pre>{html.escape(words.to_copy)}</pre>" if words.to_copy else ""
    shown = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} - Greenroom</title>"
        "<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;"
        "padding:0 1.5rem;color:#1c2b22}h1{font-size:1.5rem}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;padding:1rem;"
        "background:#eef3ef}</style>"
        f"<h1>{title}</h1><p>{message}</p>{to_copy}</html>"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    safe = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", **more}
    return _plain(status, shown, "text/html; charset=utf-8", safe)
