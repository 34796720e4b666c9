"""Messages that were given up: shown, replayed, and none lost on the way."""

import json
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

import commands.__main__ as commands_main
from chalicelib.performances.model import Reference
from chalicelib.performances.queue import FailedMessages, to_message
from local.home import PROJECT
from tests.integration.greenroom import Greenroom

REFERENCE = Reference("prg_1", "mem_1", "prf_1", "request-1")


@pytest.fixture
def failed(greenroom: Greenroom) -> FailedMessages:
    return FailedMessages(greenroom.clients.sqs, greenroom.failed_url, greenroom.queue)


def give_up(greenroom: Greenroom, *bodies: str) -> None:
    for body in bodies:
        greenroom.clients.sqs.send_message(QueueUrl=greenroom.failed_url, MessageBody=body)


def run(*options: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(commands_main.main, ["staging", "failed", *options])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("stack_here")
def test_with_nothing_given_up_there_is_nothing_to_do() -> None:
    assert run() == (0, [{"failed": 0, "replayed": 0}])
    assert run("--replay") == (0, [{"failed": 0, "replayed": 0}])


@pytest.mark.usefixtures("stack_here")
def test_failed_messages_are_shown_with_their_subjects(greenroom: Greenroom) -> None:
    give_up(greenroom, to_message(REFERENCE), "no message of ours")
    code, [*shown, told] = run()
    assert (code, told) == (3, {"failed": 2, "replayed": 0})
    shown.sort(key=lambda each: "body" in each)
    assert shown[0]["performance_id"] == "prf_1"
    assert shown[1]["body"] == "no message of ours"
    assert greenroom.take_queued() == []


@pytest.mark.usefixtures("stack_here")
def test_replaying_queues_what_can_be_read_and_keeps_the_rest(greenroom: Greenroom) -> None:
    give_up(greenroom, *[to_message(REFERENCE)] * 12, "no message of ours", '{"program_id": 1}')
    code, [*_, told] = run("--replay")
    assert (code, told) == (3, {"failed": 14, "replayed": 12})
    assert greenroom.take_queued() == [(REFERENCE, 0)] * 12


def test_a_message_that_cannot_be_queued_stays(
    greenroom: Greenroom, failed: FailedMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(greenroom, to_message(REFERENCE))

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(greenroom.queue, "send", broken)
    [message] = failed.iterate()
    with pytest.raises(ConnectionError):
        failed.replay(message)
    sqs, url = greenroom.clients.sqs, greenroom.failed_url
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    assert told["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_the_commands_are_there_as_the_readme_calls_them() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "commands", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert {"program", "points", "staging", "openapi"} <= set(ran.stdout.split())
