"""The queue of members to be looked at, and of shards whose mails are due."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH = 10  # SQS takes no more at once


class NotTaken(Exception):
    """SQS did not take a message; whoever sent it is called again."""


class MessageQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, messages: Sequence[str], seconds: float = 0) -> None:
        """Queue messages, ten to a call, to be received spread over so many seconds.

        Raises `NotTaken`, and botocore's errors.
        """
        for start in range(0, len(messages), BATCH):
            chunk = messages[start : start + BATCH]
            waits = [int(seconds * (start + n) / len(messages)) for n in range(len(chunk))]
            answer = self._sqs.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "MessageBody": body, "DelaySeconds": waits[number]}
                    for number, body in enumerate(chunk)
                ],
            )
            if answer.get("Failed"):
                raise NotTaken(f"{len(answer['Failed'])} of {len(chunk)}")
