"""The queue of exports to be made: a message says which one."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.privacy.model import EXPORT_REQUEUE_DELAY

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from chalicelib.privacy.store import PrivacyStore


class MessageNotQueued(Exception):
    """SQS did not take a message; the clock sends it again."""


class PersonalExportQueue:
    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, program_id: str, member_id: str, export_id: str) -> None:
        """Queue an export. Raises `MessageNotQueued`."""
        told = {"program_id": program_id, "member_id": member_id, "export_id": export_id}
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(told))
        except (BotoCoreError, ClientError) as error:
            raise MessageNotQueued(export_id) from error


def from_message(body: str) -> tuple[str, str, str]:
    """Read which export a message is about: program, member, export."""
    told = json.loads(body)
    return str(told["program_id"]), str(told["member_id"]), str(told["export_id"])


class PersonalExportQueuer:
    """Queues the exports that were asked for, and those whose message was lost."""

    def __init__(
        self, store: "PrivacyStore", queue: Callable[[], PersonalExportQueue], clock: Clock
    ) -> None:
        """`queue` is called when something is due: at most ticks of the clock nothing is."""
        self._store = store
        self._queue = queue
        self._clock = clock

    def queue_due(self) -> int:
        """Queue what is due; returns how many. Those that SQS refuses are due again in a minute."""
        number, now = 0, self._clock.now()
        for export in self._store.exports_to_queue(now):
            try:
                self._queue().send(export.program_id, export.member_id, export.export_id)
            except MessageNotQueued:
                logger.exception("not queued")
                continue
            self._store.note_queued(export, now + EXPORT_REQUEUE_DELAY)
            number += 1
        return number
