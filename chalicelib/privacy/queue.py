"""The queue of exports to be made: a message says which one."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class MessageLost(Exception):
    """SQS did not take a message; the clock sends it again."""


class ExportQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, program_id: str, member_id: str, export_id: str) -> None:
        """Queue an export. Raises `MessageLost`."""
        told = {"program_id": program_id, "member_id": member_id, "export_id": export_id}
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(told))
        except (BotoCoreError, ClientError) as error:
            raise MessageLost(export_id) from error


def from_message(body: str) -> tuple[str, str, str]:
    """Read which export a message is about: program, member, export."""
    told = json.loads(body)
    return str(told["program_id"]), str(told["member_id"]), str(told["export_id"])
