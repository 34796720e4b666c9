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
        self.other = self._made("other", RedrivePolicy=policy)
        self.of_stream = self._made("of-stream")
        self.outputs = {
            "EventsFailedUrl": self.failed,
            "PointsMarkChangedLeaderboardsQueueUrl": self.queue,
            "ReportsCountEventsQueueUrl": self.other,
            "StreamsFailedUrl": self.of_stream,
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

    def give_up(self, *bodies: str, queue: str = "") -> None:
        """Put messages aside as the bus does with what it cannot deliver."""
        arn = self._attributes(queue or self.queue, "QueueArn")["QueueArn"]
        target = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}}
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.failed, MessageBody=body, MessageAttributes=target)

    def count(self, url: str) -> int:
        return int(
            self._attributes(url, "ApproximateNumberOfMessages")["ApproximateNumberOfMessages"]
        )

    def bodies(self, queue: str = "") -> list[str]:
        found: list[str] = []
        while got := self.sqs.receive_message(
            QueueUrl=queue or self.queue, MaxNumberOfMessages=10
        ).get("Messages"):
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


def run(*options: str, command: str = "redrive") -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(commands_main.main, ["events", command, *options])
    lines = result.output.splitlines()
    return result.exit_code, [json.loads(each) for each in lines if each.startswith("{")]


def test_all_that_a_consumer_gave_up_goes_back_to_its_queue_once(queues: Queues) -> None:
    given = sorted(f"event {number}" for number in range(23))
    queues.give_up(*given)
    assert run() == redriven_of(23, 0)
    assert queues.bodies() == given
    assert queues.count(queues.failed) == 0
    assert run() == redriven_of(0, 0)


def redriven_of(boards: int, reports: int) -> tuple[int, list[dict[str, Any]]]:
    return 0, [
        {"function": "PointsMarkChangedLeaderboards", "redriven": boards},
        {"function": "ReportsCountEvents", "redriven": reports},
    ]


def test_functions_that_share_a_queue_of_failures_get_back_their_own(queues: Queues) -> None:
    queues.give_up(*"abcdefghijklm")
    queues.give_up("report", queue=queues.other)
    assert run("--function", "ReportsCountEvents")[0] == 0
    assert queues.bodies(queues.other) == ["report"]
    assert queues.count(queues.failed) == 13
    assert run() == redriven_of(13, 0)


def test_a_message_that_sqs_moved_after_its_deliveries_goes_back_to_its_queue(
    queues: Queues,
) -> None:
    """SQS itself says where it was; the queues in memory do not, so it is noted here."""
    queues.sqs.send_message(QueueUrl=queues.failed, MessageBody="event")
    boards, reports = consumers(queues.sqs, queues.outputs)

    class Noting:
        def __getattr__(self, name: str) -> Any:
            return getattr(queues.sqs, name)

        def receive_message(self, **asked: Any) -> Any:
            assert asked["AttributeNames"] == ["All"]
            answer = queues.sqs.receive_message(**asked)
            for each in answer.get("Messages", ()):
                each["Attributes"]["DeadLetterQueueSourceArn"] = reports.queue_arn
            return answer

    noting: Any = Noting()
    assert [redriven(noting, each) for each in (boards, reports)] == [0, 1]
    assert queues.bodies(queues.other) == ["event"]


def test_a_message_that_does_not_say_whose_it_is_stays(queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.failed, MessageBody="by hand")
    assert run() == redriven_of(0, 0)
    assert queues.count(queues.failed) == 1
    assert run(command="failures") == (
        3,
        [{"queue": "EventsFailed", "messages": {"unknown": 1}}, {"given_up": 1}],
    )


def test_dead_letters_are_counted_by_function_and_kept(queues: Queues) -> None:
    assert run(command="failures") == (0, [{"given_up": 0}])
    queues.give_up("a", "b")
    queues.give_up("c", queue=queues.other)
    arn = "arn:aws:lambda:eu-west-1:1:function:greenroom-prod-ProgramsRelay-AB12:$LATEST"
    body = json.dumps({"requestContext": {"functionArn": arn}})
    queues.sqs.send_message(QueueUrl=queues.of_stream, MessageBody=body)
    for _ in range(2):
        assert run(command="failures") == (
            3,
            [
                {
                    "queue": "EventsFailed",
                    "messages": {"PointsMarkChangedLeaderboards": 2, "ReportsCountEvents": 1},
                },
                {"queue": "StreamsFailed", "messages": {"ProgramsRelay": 1}},
                {"given_up": 4},
            ],
        )


def test_a_stream_has_no_queue_to_send_its_failures_back_to(queues: Queues) -> None:
    queues.sqs.send_message(QueueUrl=queues.of_stream, MessageBody="a place in a stream")
    found = [each.function for each in consumers(queues.sqs, queues.outputs)]
    assert found == ["PointsMarkChangedLeaderboards", "ReportsCountEvents"]
    assert run()[0] == 0
    assert queues.count(queues.of_stream) == 1


def test_a_few_can_be_tried_first(queues: Queues) -> None:
    queues.give_up(*"abcde")
    assert run("--function", "PointsMarkChangedLeaderboards", "--most", "2")[0] == 0
    assert len(queues.bodies()) == 2
    assert queues.count(queues.failed) == 3


def test_an_unknown_consumer_is_refused_naming_those_there_are(queues: Queues) -> None:
    told = CliRunner().invoke(commands_main.main, ["events", "redrive", "--function", "Unknown"])
    assert told.exit_code == 1
    assert "PointsMarkChangedLeaderboards" in told.output


def test_a_message_that_cannot_be_sent_back_stays(
    queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.give_up("event")
    consumer = next(consumers(queues.sqs, queues.outputs))

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
