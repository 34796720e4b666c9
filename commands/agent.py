"""A bridge for agents on this machine: messages in lines on standard input, to the deployed server.

The server is asked over HTTP with the person's own token, so the same authorizer, role, limits and
audit trail hold as for any other agent.
"""

import json
from typing import IO, Any

import requests

TOKEN = "GREENROOM_TOKEN"  # noqa: S105  the name of a variable
SECONDS = 30  # longer than the gateway waits
MAX_LINE = 1_000_000
SERVER_ERROR = -32000


def serve(address: str, token: str, received: IO[bytes], sent: IO[bytes]) -> None:
    """Answer each line until standard input ends. A request that fails is answered in words."""
    with requests.Session() as session:
        session.headers.update(
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
            }
        )
        while line := _next_line(received):
            if line.strip() and (answer := _answer(session, address, line)):
                sent.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
                sent.flush()


def _next_line(received: IO[bytes]) -> bytes:
    """Read a line, of one that is too long no more than shows it; empty at the end."""
    line = received.readline(MAX_LINE + 1)
    rest = line
    while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
        rest = received.readline(MAX_LINE + 1)
    return line


def _answer(session: requests.Session, address: str, line: bytes) -> Any:
    """Return the answer to a message; None for a notification."""
    if len(line) > MAX_LINE:
        return _failed(None, "The message is too long.")
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    request_id = message.get("id") if isinstance(message, dict) else None
    is_notification = isinstance(message, dict) and "id" not in message
    try:
        answered = session.post(address, data=line, timeout=SECONDS, allow_redirects=False)
        body = answered.json() if answered.content else None
    except (requests.RequestException, ValueError):
        return None if is_notification else _failed(request_id, "Greenroom does not answer.")
    if is_notification:
        return None
    if isinstance(body, dict) and body.get("jsonrpc"):
        return body if body.get("id") is not None else {**body, "id": request_id}
    if answered.status_code == requests.codes.unauthorized:
        return _failed(request_id, f"The token has expired. Put a new one into {TOKEN}.")
    detail = body.get("detail") if isinstance(body, dict) else None
    return _failed(request_id, str(detail or f"Greenroom answered {answered.status_code}."))


def _failed(request_id: Any, message: str) -> dict[str, Any]:
    error = {"code": SERVER_ERROR, "message": message}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}
