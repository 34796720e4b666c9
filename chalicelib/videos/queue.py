"""The arrivals queue, told of files that S3 did not tell it of, or whose message got lost."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10  # SQS takes no more at once


class ArrivalLost(Exception):
    """SQS did not take a message; the next look sends it again."""


class ArrivalsQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def announce(self, keys: Sequence[str]) -> None:
        """Announce files, ten to a call, as S3 does. Raises `ArrivalLost` if one was not taken."""
        for start in range(0, len(keys), BATCH):
            chunk = keys[start : start + BATCH]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": arrival_of(key)}
                for number, key in enumerate(chunk)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise ArrivalLost(f"{len(answer['Failed'])} of {len(chunk)} not taken")


def arrival_of(key: str) -> str:
    """Write a message about an object as S3 does, as far as it is read."""
    return json.dumps({"Records": [{"s3": {"object": {"key": quote_plus(key)}}}]})
