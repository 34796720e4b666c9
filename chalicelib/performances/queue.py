"""The staging queue: a message says which performance to look at, never what to do with it."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.performances.model import VISIBILITY_TIMEOUT_SECONDS, FailedMessage, Reference

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

BATCH_SIZE = 10  # SQS takes no more at once
MAX_DELAY_SECONDS = 900  # nor a longer delay


class MessageNotQueued(Exception):
    """SQS did not take a message; the follow-up schedule sends it again."""


class StagingQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, references: Sequence[Reference], delay_seconds: int = 0) -> None:
        """Queue performances, ten to a call. Raises `MessageNotQueued` if SQS did not take one."""
        for start in range(0, len(references), BATCH_SIZE):
            chunk = references[start : start + BATCH_SIZE]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {
                    "Id": str(number),
                    "MessageBody": to_message(reference),
                    "DelaySeconds": min(delay_seconds, MAX_DELAY_SECONDS),
                }
                for number, reference in enumerate(chunk)
            ]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                raise MessageNotQueued(f"{len(chunk)} not sent") from error
            if answer.get("Failed"):
                raise MessageNotQueued(f"{len(answer['Failed'])} of {len(chunk)} not taken")


class FailedMessages:
    """The messages in the staging queue's dead-letter queue."""

    def __init__(self, sqs: "SQSClient", url: str, queue: StagingQueue) -> None:
        self._sqs = sqs
        self._url = url
        self._queue = queue

    def iterate(self) -> Iterator[FailedMessage]:
        """Yield the messages, each once.

        All are visible again after `VISIBILITY_TIMEOUT_SECONDS`.
        """
        met: set[str] = set()
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH_SIZE,
                VisibilityTimeout=VISIBILITY_TIMEOUT_SECONDS,
                WaitTimeSeconds=1,  # asks all of the queue's servers, where 0 asks some
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            fresh = [_failed_message(each) for each in answer.get("Messages", ())]
            fresh = [each for each in fresh if each.message_id not in met]
            if not fresh:
                return
            met |= {each.message_id for each in fresh}
            yield from fresh

    def replay(self, message: FailedMessage) -> bool:
        """Queue a message's performance again; False if it cannot be read, or queued just now.

        It leaves here only once it is queued: twice is harmless, never is not.
        """
        if message.reference is None:
            return False
        try:
            self._queue.send([message.reference])
        except MessageNotQueued:
            return False
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle)
        return True


def _failed_message(message: "MessageTypeDef") -> FailedMessage:
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    try:
        reference = from_message(message["Body"])
    except (ValueError, KeyError, TypeError):
        reference = None
    return FailedMessage(
        message_id=message["MessageId"],
        body=message["Body"],
        sent_at=datetime.fromtimestamp(sent, UTC),
        reference=reference,
        handle=message["ReceiptHandle"],
    )


def to_message(reference: Reference) -> str:
    return json.dumps(
        {
            "program_id": reference.program_id,
            "member_id": reference.member_id,
            "performance_id": reference.performance_id,
            "correlation_id": reference.correlation_id,
        }
    )


def from_message(body: str) -> Reference:
    """Read a message."""
    fields = json.loads(body)
    return Reference(
        fields["program_id"],
        fields["member_id"],
        fields["performance_id"],
        fields["correlation_id"],
    )
