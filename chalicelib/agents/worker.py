"""The entry of agents' requests: streamable HTTP, one JSON answer for each, no session.

API Gateway and the authorizer stand before it, as before the HTTP API.
"""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.agents.model import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PROTOCOL_VERSIONS,
    RpcError,
    error_message,
    read_message,
)
from chalicelib.agents.service import AgentService
from chalicelib.foundation.actors import Origin, acting, member
from chalicelib.foundation.http import MAX_BODY_BYTES
from chalicelib.foundation.identity import Claims
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import MEDIA_TYPE, Problem, ProblemCode

POST = "POST"

LambdaEvent = Mapping[str, Any]
LambdaResponse = dict[str, Any]


def serve(
    agents: AgentService,
    address_of: Callable[[str, Mapping[str, str]], str],
    console_url: str,
    event: LambdaEvent,
) -> LambdaResponse:
    """Answer an agent's POST; a notification is answered with nothing, a GET with 405."""
    context = event["requestContext"]
    correlation_id = str(context.get("requestId", "unknown"))
    logger.clear_state()
    logger.set_correlation_id(correlation_id)
    if event.get("httpMethod", POST) != POST:
        return {**_http_response(405, ""), "headers": {"Allow": POST}}
    started = time.monotonic()
    answered = _serve_post(agents, address_of, console_url, event, correlation_id)
    milliseconds = round((time.monotonic() - started) * 1000)
    told = {"status": answered["statusCode"], "milliseconds": milliseconds}
    logger.info("agent's request", extra=told)
    return answered


def _serve_post(
    agents: AgentService,
    address_of: Callable[[str, Mapping[str, str]], str],
    console_url: str,
    event: LambdaEvent,
    correlation_id: str,
) -> LambdaResponse:
    context = event["requestContext"]
    headers = {name.lower(): str(each) for name, each in (event.get("headers") or {}).items()}
    try:
        caller = agents.caller(Claims.from_context(context["authorizer"]))
        logger.append_keys(program_id=caller.program_id, member_id=caller.member_id)
        _check_headers(headers, console_url)
        message = read_message(_body(event))
        address = address_of(str(context.get("identity", {}).get("sourceIp", "")), headers)
        with acting(member(caller.member_id), Origin(address, caller.role.value)):
            if message.request_id is None:
                return _http_response(202, "")
            found = agents.answer(caller, message, correlation_id)
        return _http_response(200, json.dumps(found, ensure_ascii=False))
    except RpcError as refused:
        status = 400 if refused.request_id is None else 200
        return _http_response(status, json.dumps(error_message(refused)))
    except Problem as problem:
        body = json.dumps(problem.to_dict())
        return _http_response(problem.code.status, body, MEDIA_TYPE)
    except Exception:  # noqa: BLE001  the one place that may: whatever broke becomes a designed answer
        logger.exception("agent's request broke")
        words = f"Something broke on our side; tell your administrator this id: {correlation_id}"
        return _http_response(500, json.dumps(error_message(RpcError(INTERNAL_ERROR, words))))


def _check_headers(headers: Mapping[str, str], console_url: str) -> None:
    """Refuse pages of other sites, and revisions of the protocol that are not spoken."""
    origin = headers.get("origin")
    if origin and origin != console_url:
        raise Problem(ProblemCode.FORBIDDEN, "A page of another site cannot call this.")
    version = headers.get("mcp-protocol-version")
    if version and version not in PROTOCOL_VERSIONS:
        raise RpcError(INVALID_REQUEST, f"The revisions are {', '.join(PROTOCOL_VERSIONS)}.")


def _body(event: LambdaEvent) -> bytes:
    text = event.get("body") or ""
    raw = b64decode(text) if event.get("isBase64Encoded") else text.encode()
    if len(raw) > MAX_BODY_BYTES:
        raise RpcError(INVALID_REQUEST, f"The body has {len(raw)} bytes; {MAX_BODY_BYTES} at most.")
    return raw


def _http_response(
    status: int, body: str, content_type: str = "application/json"
) -> LambdaResponse:
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": body}
