"""Queues files whose S3 notification never came or was lost."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH_SIZE = 10  # SQS takes no more at once


class MessageNotQueued(Exception):
    """SQS did not take a message; the next look sends it again."""


class ArrivalsQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def announce(self, keys: Sequence[str]) -> None:
        """Announce files as S3 does, ten a call. Raises `MessageNotQueued` if SQS refuses one."""
        for start in range(0, len(keys), BATCH_SIZE):
            chunk = keys[start : start + BATCH_SIZE]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": arrival_message(key)}
                for number, key in enumerate(chunk)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise MessageNotQueued(f"{len(answer['Failed'])} of {len(chunk)} not taken")


def arrival_message(key: str) -> str:
    """Write a message about an object as S3 does, as far as it is read."""
    return json.dumps({"Records": [{"s3": {"object": {"key": quote_plus(key)}}}]})
