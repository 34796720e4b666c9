"""The queue of members to be looked at, and of shards whose mails are due.

It is a fair queue: SQS hands out other groups' messages before those of a group that takes more
than its share of the functions' time. The group is the program whose members are looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH_SIZE = 10  # SQS takes no more at once


class MessageNotQueued(Exception):
    """SQS did not take a message; whoever sent it is called again."""


class MessageQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, messages: Sequence[str], seconds: float = 0, group: str = "") -> None:
        """Queue messages, ten to a call, to be received spread over so many seconds.

        Messages of one group wait behind those of others when it has many; SQS takes each message
        without a group for a group of its own. Raises `MessageNotQueued`, and botocore's errors.
        """
        for start in range(0, len(messages), BATCH_SIZE):
            chunk = messages[start : start + BATCH_SIZE]
            waits = [int(seconds * (start + n) / len(messages)) for n in range(len(chunk))]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": waits[number]}
                for number, body in enumerate(chunk)
            ]
            for each in entries if group else ():
                each["MessageGroupId"] = group
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise MessageNotQueued(f"{len(answer['Failed'])} of {len(chunk)}")
