"""The bridge for agents on one's own machine: lines in, answers out, whatever the server does."""

import io
import json
from typing import Any

import pytest
import requests
import responses

from commands.agent import MAX_LINE, serve

ADDRESS = "https://greenroom.example/v1/mcp"
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
PONG = {"jsonrpc": "2.0", "id": 1, "result": {}}


def answered(*lines: bytes) -> list[Any]:
    sent = io.BytesIO()
    serve(ADDRESS, "the-token", io.BytesIO(b"".join(lines)), sent)
    return [json.loads(line) for line in sent.getvalue().splitlines()]


@responses.activate
def test_requests_are_passed_on_with_the_token_and_notifications_are_not_answered() -> None:
    responses.post(ADDRESS, json=PONG)
    note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    assert answered(PING, b"\n", note) == [PONG]
    assert [call.request.headers["Authorization"] for call in responses.calls] == [
        "Bearer the-token"
    ] * 2


@responses.activate
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401, "json": {"detail": "x"}}, "The token has expired."),
        ({"status": 403, "json": {"detail": "You are not a member."}}, "You are not a member."),
        ({"status": 502, "body": "<html>"}, "Greenroom does not answer."),
        ({"status": 429, "json": {"detail": "Too many."}}, "Too many."),
        ({"status": 500, "json": []}, "Greenroom answered 500."),
        ({"body": requests.ConnectionError()}, "Greenroom does not answer."),
        ({"body": requests.Timeout()}, "Greenroom does not answer."),
    ],
)
def test_a_request_that_fails_is_answered_in_words(answer: dict[str, Any], words: str) -> None:
    responses.post(ADDRESS, **answer)
    (found,) = answered(PING)
    assert found["id"] == 1
    assert words in found["error"]["message"]


@responses.activate
def test_an_answer_without_an_id_gets_that_of_its_request() -> None:
    responses.post(ADDRESS, status=400, json={"jsonrpc": "2.0", "id": None, "error": {"code": 1}})
    assert answered(PING)[0]["id"] == 1


@responses.activate
def test_a_message_that_is_too_long_is_not_sent() -> None:
    found = answered(b"x" * (MAX_LINE + 10))
    assert found[0]["error"]["message"] == "The message is too long."
    assert not list(responses.calls)
    responses.post(ADDRESS, json=PONG)
    longer = b"x" * (3 * MAX_LINE) + b"\n"
    assert answered(longer, PING)[1:] == [PONG]
