"""The two queues of webhooks that have something to send: quick receivers, and slow ones."""

import json
from typing import TYPE_CHECKING

from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class DeliveryTrigger:
    """A webhook has something to send. A lost one is made up for within minutes, by the clock."""

    program_id: str
    webhook_id: str

    def to_message(self) -> str:
        return json.dumps({"program_id": self.program_id, "webhook_id": self.webhook_id})

    @classmethod
    def from_message(cls, body: str) -> "DeliveryTrigger":
        """Read a message. Raises ValueError, KeyError or TypeError for one that is none."""
        message = json.loads(body)
        return cls(str(message["program_id"]), str(message["webhook_id"]))


class DeliveryQueues:
    """Slow receivers have a queue and functions of their own, so that quick ones never wait."""

    def __init__(self, sqs: "SQSClient", quick_url: str, slow_url: str) -> None:
        self._sqs = sqs
        self._quick_url = quick_url
        self._slow_url = slow_url

    def send(self, trigger: DeliveryTrigger, *, slow: bool) -> None:
        self._sqs.send_message(
            QueueUrl=self._slow_url if slow else self._quick_url, MessageBody=trigger.to_message()
        )
