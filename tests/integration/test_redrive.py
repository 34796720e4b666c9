"""Events that a consumer gave up: sent back to its queue by a command, and none lost on the way."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

import commands.__main__ as commands_main
from commands.redrive import consumers
from commands.redrive import redrive as redriven
from tests.integration.database import clients


class Queues:
    """A consumer's queue with its dead-letter queue, and a stream's failure queue."""

    def __init__(self) -> None:
        self.sqs: Any = clients().sqs
        self.failed = self._made("failed")
        arn = self._attributes(self.failed, "QueueArn")["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
        self.queue = self._made("queue", RedrivePolicy=policy)
        self.of_stream = self._made("of-stream")
        self.outputs = {
            "PointsMarkLeaderboardsFailedUrl": self.failed,
            "ProgramsRelayFailedUrl": self.of_stream,
            "ConsoleUrl": "https://x.example",
        }

    def _made(self, name: str, **attributes: str) -> str:
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def _attributes(self, url: str, name: str) -> dict[str, str]:
        found: dict[str, str] = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])[
            "Attributes"
        ]
        return found

    def give_up(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.failed, MessageBody=body)

    def count(self, url: str) -> int:
        return int(
            self._attributes(url, "ApproximateNumberOfMessages")["ApproximateNumberOfMessages"]
        )

    def bodies(self) -> list[str]:
        found: list[str] = []
        while got := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            found += [each["Body"] for each in got]
        return sorted(found)


@pytest.fixture
def queues(aws: None, monkeypatch: pytest.MonkeyPatch) -> Queues:
    made = Queues()

    class Here:
        def __init__(self, _name: str) -> None:
            self.outputs = made.outputs

    monkeypatch.setattr(commands_main, "Stack", Here)
    return made


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(commands_main.main, ["events", "redrive", *options])
    return result.exit_code, result.output


def test_all_that_a_consumer_gave_up_goes_back_to_its_queue_once(queues: Queues) -> None:
    given = sorted(f"event {number}" for number in range(23))
    queues.give_up(*given)
    code, told = run()
    assert (code, json.loads(told)) == (0, {"function": "PointsMarkLeaderboards", "redriven": 23})
    assert queues.bodies() == given
    assert queues.count(queues.failed) == 0
    assert run() == (0, '{"function": "PointsMarkLeaderboards", "redriven": 0}\n')


def test_a_stream_has_no_queue_to_send_its_failures_back_to(queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.of_stream, MessageBody="a place in a stream")
    found = [each.function for each in consumers(queues.sqs, queues.outputs)]
    assert found == ["PointsMarkLeaderboards"]
    assert run()[0] == 0
    assert queues.count(queues.of_stream) == 1


def test_a_few_can_be_tried_first(queues: Queues) -> None:
    queues.give_up(*"abcde")
    assert run("--function", "PointsMarkLeaderboards", "--most", "2")[0] == 0
    assert len(queues.bodies()) == 2
    assert queues.count(queues.failed) == 3


def test_an_unknown_consumer_is_refused_naming_those_there_are(queues: Queues) -> None:
    code, told = run("--function", "Unknown")
    assert code == 1
    assert "PointsMarkLeaderboards" in told


def test_a_message_that_cannot_be_sent_back_stays(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.give_up("event")
    (consumer,) = consumers(queues.sqs, queues.outputs)

    class Broken:
        receive_message = staticmethod(queues.sqs.receive_message)
        delete_message = staticmethod(queues.sqs.delete_message)

        def send_message(self, **_: Any) -> None:
            raise ConnectionError

    broken: Any = Broken()
    with pytest.raises(ConnectionError):
        redriven(broken, consumer)
    attributes = queues.sqs.get_queue_attributes(
        QueueUrl=queues.failed, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
