"""The HTTP router: from a request to a room's handler and back, alike for every route.

A handler is a function `(service, request) -> Answer` marked with `@endpoint`, which says who may
call it, what it takes and what it answers; the OpenAPI document is made from the same marks. The
router does the rest: who is calling, may they, is the body right, was it sent before, what broke.
"""

import importlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Response

from chalicelib.foundation.actors import Origin, acting, member, system
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.html_pages import HTML, PAGE_HEADERS, PageText, render_html
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import (
    MEDIA_TYPE,
    Code,
    FieldError,
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)
from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    from chalice.app import CustomAuthorizer
    from chalice.app import Request as ChaliceRequest
    from pydantic import BaseModel, ValidationError

    from chalicelib.foundation.idempotency import Idempotency

MAX_BODY_BYTES = 65_536  # far above any body of ours, far below the gateway's 10 MB
SEE_OTHER = 303
MAX_ID_LENGTH = 64  # twice as long as any of ours; DynamoDB breaks at 1,024 bytes
_ID_PATTERN = re.compile(
    rf"[\x21-\x7e]{{1,{MAX_ID_LENGTH}}}"
)  # a line break in an id names nothing
_CORRELATION_ID_PATTERN = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_EMPTY_BODIES = (b"", b"{}", b"null")  # what clients send that always send something
_IDEMPOTENCY_KEY_PATTERN = re.compile(r"^[\x21-\x7e]{1,255}$")


class RequiredRole(Enum):
    """The role that an endpoint requires."""

    ANYONE = "anyone"
    SIGNED_IN = "signed in"  # by a live token, whether or not a member of a program
    MEMBER = "member"
    MANAGER = "manager"


@dataclass(frozen=True)
class Answer:
    """A handler's answer: a status and a pydantic model (or nothing).

    A person whose browser came to the endpoint of a page is led to `console_path` instead, or
    shown `page_text` where there is no console.
    """

    status: int
    body: "BaseModel | None" = None
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    page_text: PageText | None = None
    console_path: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """The marks of a handler; see `endpoint`."""

    handle: Callable[[Any, Any], Answer]
    who: RequiredRole
    body: "type[BaseModel] | None"
    query: "type[BaseModel] | None"
    answers: Mapping[int, "type[BaseModel] | None"]
    problems: tuple[Code, ...]
    idempotent: bool
    page: bool
    raw: bool = False

    @property
    def summary(self) -> str:
        return (self.handle.__doc__ or "").strip().split("\n")[0]


def endpoint(
    who: RequiredRole,
    *,
    answers: Mapping[int, "type[BaseModel] | None"],
    body: "type[BaseModel] | None" = None,
    query: "type[BaseModel] | None" = None,
    problems: tuple[Code, ...] = (),
    idempotent: bool = False,
    page: bool = False,
    raw: bool = False,
) -> Callable[[Callable[[Any, Any], Answer]], Endpoint]:
    """Mark a handler. `problems` are those of its own, beside what the router itself answers.

    `page`: a person's browser comes here by itself; it is led to the console, or shown a page.
    `raw`: others than clients of ours call it, and whatever they send is left to the handler.
    Without that, a request with a body or query parameters is refused where none are taken: who
    sends a field should never find out later that nobody read it.
    """

    def mark(handle: Callable[[Any, Any], Answer]) -> Endpoint:
        return Endpoint(handle, who, body, query, answers, problems, idempotent, page, raw)

    return mark


@dataclass(frozen=True)
class Request[Body, Query]:
    """A request whose caller, body and query are already right."""

    caller: Caller
    body: Body
    query: Query
    path: Mapping[str, str]
    correlation_id: str
    headers: Mapping[str, str] = field(repr=False)  # a token, cookies
    raw: bytes = field(repr=False)  # a password, perhaps
    source_address: str = ""
    made_id: str | None = None


@dataclass(frozen=True)
class Route:
    """An opened route: where requests come in and who handles them."""

    method: str
    path: str
    room: str
    name: str
    public: bool
    often: bool

    @property
    def part(self) -> str:
        """The part of the container that is called: the room, or its own part where it is split."""
        return self.room.rpartition(".")[2]

    @property
    def endpoint_name(self) -> str:
        return f"{self.part}_{self.name}"

    @property
    def takes_content(self) -> bool:
        return self.method != "GET"

    def endpoint(self) -> Endpoint:
        """Import the room's handler, not before it is needed."""
        routes = importlib.import_module(f"chalicelib.{self.room}.routes")
        found: Endpoint = getattr(routes, self.name)
        return found


@dataclass(frozen=True)
class Router:
    """Opens routes on the Chalice app and leads each request to its room's service.

    `service_named` builds a room's service, `caller_of` finds the member behind a token's claims;
    both are asked at the first request, so that importing the app stays cheap. `address_of` tells
    from the gateway's caller and the headers where a request began.
    """

    app: Chalice
    authorizer: "CustomAuthorizer"
    clock: Clock
    service_named: Callable[[str], Any]
    caller_of: Callable[[Claims], Caller]
    idempotency_of: Callable[[], "Idempotency"]
    address_of: Callable[[str, Mapping[str, str]], str] = lambda source, _: source
    console_url: Callable[[], str] = lambda: ""
    routes: list[Route] = field(default_factory=list)

    def add(self, route: str, handler: str, *, public: bool = False, often: bool = False) -> None:
        """Lead `"METHOD /path"` to `"room.handler"`; without `public` a token is asked for.

        Where a package is split: `"package.part.handler"`. A function imports and
        makes at its start what is asked for `often`, all else when it is first asked for.
        """
        method, path = route.split()
        room, _, name = handler.rpartition(".")
        opened = Route(method, path, room, name, public, often)
        self.routes.append(opened)

        def view(**path_parameters: str) -> Response:
            return self._answer(opened, path_parameters)

        view.__name__ = opened.endpoint_name
        self.app.route(
            path,
            methods=[method],
            content_types=["*/*"],  # what is not JSON is refused below, with a problem
            authorizer=None if public else self.authorizer,
        )(view)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts of the container that often used routes call."""
        return tuple(dict.fromkeys(route.part for route in self.routes if route.often))

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the modules that have the handlers of often used routes."""
        return tuple(dict.fromkeys(f"{each.room}.routes" for each in self.routes if each.often))

    def _answer(self, route: Route, path: Mapping[str, str]) -> Response:
        started = time.monotonic()
        sent = self.app.current_request
        if sent is None:  # Chalice sets it before it calls a view
            raise RuntimeError("A view was called without a request.")
        correlation_id = _correlation_id(sent)
        logger.clear_state()
        logger.set_correlation_id(correlation_id)
        try:
            answered = self._dispatch(route, sent, path, correlation_id)
        except Problem as problem:
            browses = route.endpoint().page and _accepts_html(sent)
            answered = (browses and self._redirect_to_console(problem)) or _problem_response(
                problem, page=browses
            )
            logger.append_keys(problem=problem.code.code)
        except Exception as error:  # noqa: BLE001  the one place that may: whatever broke becomes a designed answer
            shown = _contention_problem(route, error)
            if shown is None:
                logger.exception("request broke")
                shown = Problem(
                    ProblemCode.INTERNAL,
                    "Something broke on our side. Try again; if it stays, tell your administrator "
                    f"this id: {correlation_id}",
                )
            else:
                logger.warning("request contended", exc_info=True)
            answered = _problem_response(shown)
            logger.append_keys(problem=shown.code.code)
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

    def _dispatch(
        self, route: Route, sent: "ChaliceRequest", path: Mapping[str, str], correlation_id: str
    ) -> Response:
        found = route.endpoint()
        nobody = found.who is RequiredRole.ANYONE
        address = self.address_of(_source_address(sent), sent.headers)
        with acting(system(route.endpoint_name), Origin(address)):
            caller = _ANONYMOUS if nobody else self._authorize(found.who, sent)
        if not all(map(is_id, path.values())):
            raise not_found("thing")
        raw = _raw_body(sent)
        if route.takes_content:
            _check_size(raw)
        body = _read_body(found.body, raw, sent) if found.body else None
        if route.takes_content and not found.body and not found.raw:
            _check_no_body(raw)
        query = _read_query(found.query, sent) if found.query else None
        if not found.query and not found.raw:
            _check_no_query(sent)
        request: Request[Any, Any] = Request(
            caller, body, query, path, correlation_id, sent.headers, raw, _source_address(sent)
        )
        key = sent.headers.get("idempotency-key") if found.idempotent else None
        actor = member(caller.member_id) if caller.member_id else system(route.endpoint_name)
        with acting(actor, Origin(address, caller.role.value if caller.member_id else None)):
            if key is None:
                answer = found.handle(self.service_named(route.part), request)
                browses = found.page and _accepts_html(sent)
                return (browses and self._redirect_to_console(answer)) or _response(
                    answer, page=browses
                )
            asked = f"{route.method} {route.path} {json.dumps(dict(path), sort_keys=True)}\n"
            return self._handle_idempotently(route, request, key, asked.encode() + raw)

    def _redirect_to_console(self, outcome: Answer | Problem) -> Response | None:
        """Lead a person's browser to the console, None where there is no console."""
        console_url = self.console_url()
        if not console_url or not outcome.console_path:
            return None
        headers: dict[str, str | list[str]] = {
            "Location": console_url + outcome.console_path,
            "Referrer-Policy": "no-referrer",  # the address it comes from holds a code
            **outcome.headers,
        }
        return Response("", headers, status_code=SEE_OTHER)

    def _authorize(self, who: RequiredRole, sent: "ChaliceRequest") -> Caller:
        claims = Claims.from_context(sent.context["authorizer"])
        if not claims.is_live(self.clock.now()):
            raise Problem(ProblemCode.UNAUTHENTICATED, "Your sign-in has expired. Sign in again.")
        if who is RequiredRole.SIGNED_IN:
            return replace(_ANONYMOUS, email=claims.email, subject=claims.subject)
        caller = self.caller_of(claims)
        logger.append_keys(program_id=caller.program_id, member_id=caller.member_id)
        if who is RequiredRole.MANAGER and not caller.is_manager:
            raise Problem(ProblemCode.MANAGER_ONLY, "Only managers of the program may do this.")
        return caller

    def _handle_idempotently(
        self, route: Route, request: Request[Any, Any], key: str, sent: bytes
    ) -> Response:
        from chalicelib.foundation.idempotency import Attempt

        if not _IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
            raise Problem(
                ProblemCode.INVALID_REQUEST,
                "An Idempotency-Key has 1 to 255 printable characters.",
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
                self.service_named(route.part), replace(request, made_id=attempt.made_id)
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


# The caller of a public route, and, with their address, one who is signed in only: a member of no
# program, whose keys match nothing.
_ANONYMOUS = Caller("", "", Role.MEMBER, email="", name="", chosen_zone="UTC")


def is_id(text: str) -> bool:
    """Return whether a text can be an id of ours."""
    return _ID_PATTERN.fullmatch(text) is not None


def _raw_body(sent: "ChaliceRequest") -> bytes:
    raw = sent.raw_body
    return raw.encode() if isinstance(raw, str) else raw


def _source_address(sent: "ChaliceRequest") -> str:
    """Return the network address of whoever called the gateway."""
    return str(sent.context.get("identity", {}).get("sourceIp", ""))


def _correlation_id(sent: "ChaliceRequest") -> str:
    """Take the client's own id if it is a plain one, else the gateway's."""
    own = sent.headers.get("x-correlation-id", "")
    return (
        own
        if _CORRELATION_ID_PATTERN.fullmatch(own)
        else str(sent.context.get("requestId", "unknown"))
    )


def _check_size(raw: bytes) -> None:
    if len(raw) > MAX_BODY_BYTES:
        raise Problem(
            ProblemCode.BODY_TOO_LARGE,
            f"The body has {len(raw)} bytes; {MAX_BODY_BYTES} are the limit.",
            members={"limit": MAX_BODY_BYTES, "actual": len(raw)},
        )


def _check_no_body(raw: bytes) -> None:
    if raw.strip() not in _EMPTY_BODIES:
        raise invalid_field("body", "extra_forbidden", "This takes no body. Send none.")


def _check_no_query(sent: "ChaliceRequest") -> None:
    errors = tuple(
        FieldError(name, "extra_forbidden", "This takes no query parameters.")
        for name in sent.query_params or ()
    )
    if errors:
        detail = f"{errors[0].field}: {errors[0].message}"
        raise Problem(ProblemCode.INVALID_REQUEST, detail, errors)


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
        raise validation_problem(error) from error


def _read_query(model: "type[BaseModel]", sent: "ChaliceRequest") -> "BaseModel":
    from pydantic import ValidationError

    # Chalice gives every name its list of values; a name given twice is not one of ours.
    given = sent.query_params.items() if sent.query_params else ()
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise validation_problem(error) from error


def validation_problem(error: "ValidationError") -> Problem:
    """Return the problem of a body or query that is not right, with each of its errors."""
    found = error.errors(include_url=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(ProblemCode.INVALID_JSON, "The body is not well-formed JSON.")
    errors = tuple(
        FieldError(
            ".".join(str(part) for part in each["loc"]) or "body",
            each["type"],
            each["msg"],
            _bound_of_error(each.get("ctx", {})),
        )
        for each in found
    )
    first = errors[0]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(ProblemCode.INVALID_REQUEST, f"{first.field}: {first.message}{more}", errors)


def _bound_of_error(context: Mapping[str, Any]) -> Any:
    names = ("max_length", "min_length", "ge", "gt", "le", "lt", "expected")
    return next((context[name] for name in names if name in context), None)


def _response(answer: Answer, *, page: bool = False) -> Response:
    if page and answer.page_text:
        return _html_response(answer.status, answer.page_text, answer.headers)
    body = answer.body.model_dump_json(by_alias=True) if answer.body else ""
    return _plain_response(answer.status, body, "application/json", answer.headers)


def _contention_problem(route: Route, error: Exception) -> Problem | None:
    """Return the problem for an item that others wrote to at each attempt, None for other errors.

    It is `changed_meanwhile` where the route tells clients of that, else `unavailable`: after
    either the same request may succeed in a moment.
    """
    from chalicelib.foundation.table import Contended  # not at the start: PynamoDB comes with it

    if not isinstance(error, Contended):
        return None
    changed = ProblemCode.CHANGED_MEANWHILE
    known = changed in route.endpoint().problems
    return Problem(
        changed if known else ProblemCode.UNAVAILABLE,
        "Others are changing the same thing right now. Try again in a moment.",
    )


def _problem_response(problem: Problem, *, page: bool = False) -> Response:
    status = problem.code.status
    if page:
        return _html_response(status, PageText(problem.code.title, problem.detail), problem.headers)
    return _plain_response(status, json.dumps(problem.to_dict()), MEDIA_TYPE, problem.headers)


def _plain_response(
    status: int, body: str, content_type: str, more: Mapping[str, str | list[str]]
) -> Response:
    headers: dict[str, str | list[str]] = {"Content-Type": content_type, **more}
    return Response(body, headers, status_code=status)


def _accepts_html(sent: "ChaliceRequest") -> bool:
    return "text/html" in sent.headers.get("accept", "")


def _html_response(status: int, text: PageText, more: Mapping[str, str | list[str]]) -> Response:
    return _plain_response(status, render_html(text), HTML, {**PAGE_HEADERS, **more})
