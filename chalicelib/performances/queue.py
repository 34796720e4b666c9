"""The staging queue: a message says which performance to look at, never what to do with it."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.performances.store import Reference

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

BATCH = 10  # SQS takes no more at once
MAX_DELAY_SECONDS = 900  # nor a longer delay


class MessageLost(Exception):
    """SQS did not take a message; the follow-up schedule sends it again."""


class StagingQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, references: Sequence[Reference], delay_seconds: int = 0) -> None:
        """Queue performances, ten to a call. Raises `MessageLost` if SQS did not take one."""
        for start in range(0, len(references), BATCH):
            chunk = references[start : start + BATCH]
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {
                    "Id": str(number),
                    "MessageBody": to_message(reference),
                    "DelaySeconds": min(delay_seconds, MAX_DELAY_SECONDS),
                }
                for number, reference in enumerate(chunk)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise MessageLost(f"{len(answer['Failed'])} of {len(chunk)} not taken")


def to_message(reference: Reference) -> str:
    return json.dumps(
        {
            "program_id": reference.program_id,
            "member_id": reference.member_id,
            "performance_id": reference.performance_id,
            "correlation_id": reference.correlation_id,
        }
    )


def from_message(body: str | Mapping[str, Any]) -> Reference:
    """Read a message, or a change of the performances table, which names the same things."""
    told = json.loads(body) if isinstance(body, str) else body
    return Reference(
        told["program_id"], told["member_id"], told["performance_id"], told["correlation_id"]
    )
