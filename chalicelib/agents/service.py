"""Answers agents: who calls, may they, how often, what for, and what the tool's handler says."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.agents.model import (
    INSTRUCTIONS,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_INFO,
    TOOLS,
    Message,
    RpcError,
    Tool,
    negotiated_version,
    rate_windows,
    redact_texts,
    result_message,
    tool_result,
)
from chalicelib.agents.store import CallCounter
from chalicelib.audit.model import Kind, act
from chalicelib.audit.service import AuditRecorder
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.http import (
    Endpoint,
    Request,
    RequiredRole,
    is_id,
    validation_problem,
)
from chalicelib.foundation.identity import Caller, Claims
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.programs.model import Member, MemberStatus

if TYPE_CHECKING:
    from pydantic import BaseModel

_TOOLS_BY_NAME = {tool.name: tool for tool in TOOLS}


class MemberReader(Protocol):
    """The parts of programs that agents read."""

    def member_of_subject(self, subject: str) -> Member | None:
        """Return the member a person is bound to, never behind."""

    def as_caller(self, member: Member) -> Caller:
        """Return a member as a caller."""


class AgentService:
    def __init__(
        self,
        *,
        counter: CallCounter,
        recorder: AuditRecorder,
        programs: MemberReader,
        service_named: Callable[[str], Any],
        clock: Clock,
    ) -> None:
        self._counter = counter
        self._recorder = recorder
        self._programs = programs
        self._service_named = service_named
        self._clock = clock

    def caller(self, claims: Claims) -> Caller:
        """Return the member behind a token. An agent takes up no invitation: a person does.

        Raises problems: `unauthenticated`, `not_a_member`.
        """
        if not claims.is_live(self._clock.now()):
            raise Problem(ProblemCode.UNAUTHENTICATED, "Your sign-in has expired. Sign in again.")
        member = self._programs.member_of_subject(claims.subject)
        if member is None or member.status is not MemberStatus.ACTIVE:
            raise Problem(
                ProblemCode.NOT_A_MEMBER,
                "You are not a member of a program. Sign in to the console once, then try again.",
            )
        return self._programs.as_caller(member)

    def answer(self, caller: Caller, message: Message, correlation_id: str) -> Mapping[str, Any]:
        """Answer a request. Raises `RpcError` for what the protocol has an error for."""
        match message.method:
            case "initialize":
                content: Mapping[str, Any] = {
                    "protocolVersion": negotiated_version(message.params.get("protocolVersion")),
                    "capabilities": {"tools": {}},
                    "serverInfo": SERVER_INFO,
                    "instructions": INSTRUCTIONS,
                }
            case "ping":
                content = {}
            case "tools/list":
                content = {
                    "tools": [_tool_description(each) for each in TOOLS if _may_call(caller, each)]
                }
            case "tools/call":
                content = self._call(caller, message, correlation_id)
            case _:
                raise RpcError(
                    METHOD_NOT_FOUND,
                    "There are initialize, ping, tools/list and tools/call.",
                    message.request_id,
                )
        return result_message(message.request_id, content)

    def _call(self, caller: Caller, message: Message, correlation_id: str) -> dict[str, Any]:
        name, arguments = message.params.get("name"), message.params.get("arguments")
        arguments = {} if arguments is None else arguments
        tool = _TOOLS_BY_NAME.get(name) if isinstance(name, str) else None
        if tool is None or not isinstance(arguments, dict):
            raise RpcError(
                INVALID_PARAMS,
                "`name` is that of a tool of tools/list, `arguments` an object.",
                message.request_id,
            )
        try:
            self._check_rate(caller)
            request = self._checked_request(caller, tool, arguments, correlation_id)
            # Before it is made: a call that breaks was made, too.
            self._record(caller, tool, {"arguments": _recorded_arguments(request)})
            body = _endpoint(tool).handle(self._service_named(tool.part), request).body
            return tool_result(body.model_dump(mode="json", by_alias=True) if body else {})
        except Problem as problem:
            return tool_result(problem.to_dict(), failed=True)

    def _record(self, caller: Caller, tool: Tool, how: Mapping[str, object]) -> None:
        asked = {"tool": tool.name, **how}
        self._recorder.commit_act(
            act(Kind.AGENT_CALLED, caller.program_id, tool.name, after=asked, title=tool.name)
        )

    def _check_rate(self, caller: Caller) -> None:
        full = self._counter.count_call(rate_windows(caller.owner, self._clock.now()))
        if full:
            raise Problem(
                ProblemCode.TOO_MANY_REQUESTS,
                f"Your agents have made {full.most} calls. Stop, and go on after "
                f"{full.ends_at:%Y-%m-%d %H:%M} UTC.",
                members={"retry_at": full.ends_at.isoformat(), "limit": full.most},
            )

    def _checked_request(
        self, caller: Caller, tool: Tool, arguments: Mapping[str, Any], correlation_id: str
    ) -> Request[Any, Any]:
        """Return a call as a request; one that is refused is recorded without its arguments.

        Nothing is recorded as it came: an entry is kept for years, and nobody can erase it.
        """
        try:
            return _request(caller, tool, arguments, correlation_id)
        except Problem as problem:
            self._record(caller, tool, {"refused": problem.code.code})
            raise


def _request(
    caller: Caller, tool: Tool, arguments: Mapping[str, Any], correlation_id: str
) -> Request[Any, Any]:
    """Return the request of a call. Raises problems: `manager_only`, `invalid_request`."""
    endpoint = _endpoint(tool)
    if not _may_call(caller, tool):
        raise Problem(ProblemCode.MANAGER_ONLY, "Only managers of the program may do this.")
    path = {name: str(arguments.get(name, "")) for name in tool.path}
    if not all(map(is_id, path.values())):
        raise Problem(ProblemCode.INVALID_REQUEST, f"The tool needs {' and '.join(tool.path)}.")
    others = {name: each for name, each in arguments.items() if name not in path}
    if others and not endpoint.body and not endpoint.query:
        raise Problem(ProblemCode.INVALID_REQUEST, "The tool takes no such arguments.")
    return Request(
        caller,
        _validated_arguments(endpoint.body, others) if endpoint.body else None,
        _validated_arguments(endpoint.query, others) if endpoint.query else None,
        path,
        correlation_id,
        {},
        b"",
    )


def _recorded_arguments(request: Request[Any, Any]) -> dict[str, Any]:
    given: dict[str, Any] = dict(request.path)
    for each in (request.body, request.query):
        if each is not None:
            given |= each.model_dump(exclude_unset=True)
    return {name: redact_texts(each) for name, each in given.items()}


def _endpoint(tool: Tool) -> Endpoint:
    room, _, name = tool.handler.rpartition(".")
    found: Endpoint = getattr(importlib.import_module(f"chalicelib.{room}.routes"), name)
    return found


def _may_call(caller: Caller, tool: Tool) -> bool:
    return caller.is_manager or _endpoint(tool).who is not RequiredRole.MANAGER


def _validated_arguments(model: "type[BaseModel]", arguments: Mapping[str, Any]) -> "BaseModel":
    from pydantic import ValidationError

    try:
        return model.model_validate_json(json.dumps(arguments), strict=True)
    except ValidationError as error:
        raise validation_problem(error) from error


def _tool_description(tool: Tool) -> dict[str, Any]:
    endpoint = _endpoint(tool)
    model = endpoint.body or endpoint.query
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    if model:
        schema = model.model_json_schema()
    ids = {name: {"type": "string", "maxLength": 64} for name in tool.path}
    schema = {
        **schema,
        "properties": {**ids, **schema.get("properties", {})},
        "required": [*tool.path, *schema.get("required", [])],
        "additionalProperties": False,
    }
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": schema,
        "annotations": {
            "readOnlyHint": not tool.drafts,
            "destructiveHint": False,
            "openWorldHint": False,
        },
    }
