"""Messages that a consumer of events gave up, sent back to the queue that it takes them from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SUFFIX = "FailedUrl"
"""How the outputs end that name dead-letter queues, after the function's name."""
BATCH = 10
OUT_OF_SIGHT_SECONDS = 60


@dataclass(frozen=True)
class Consumer:
    """A function, its dead-letter queue, and the queue that the messages came from."""

    function: str
    failed_url: str
    queue_url: str


def consumers(sqs: "SQSClient", outputs: Mapping[str, str]) -> Iterator[Consumer]:
    """Yield the functions whose failed messages can be sent back.

    The failure queue of a stream has no source: its messages say where in the stream a record
    stood, which is of no use once the stream has forgotten it.
    """
    for name in sorted(outputs):
        if not name.endswith(SUFFIX):
            continue
        url = outputs[name]
        for source in sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"]:
            yield Consumer(name.removesuffix(SUFFIX), url, source)


def redrive(sqs: "SQSClient", consumer: Consumer, most: int | None = None) -> int:
    """Send messages back, up to `most`; returns how many.

    A message leaves the dead-letter queue only once it is in the other: twice is harmless, since
    consumers stand events that come twice, and never is not. One that fails again comes back here
    after its deliveries, and this run does not wait for it.
    """
    moved: set[str] = set()
    while most is None or len(moved) < most:
        answer = sqs.receive_message(
            QueueUrl=consumer.failed_url,
            MaxNumberOfMessages=BATCH if most is None else min(BATCH, most - len(moved)),
            VisibilityTimeout=OUT_OF_SIGHT_SECONDS,
            WaitTimeSeconds=1,  # asks all of the queue's servers, where 0 asks some
        )
        fresh = [each for each in answer.get("Messages", ()) if each["MessageId"] not in moved]
        if not fresh:
            break
        for message in fresh:
            sqs.send_message(QueueUrl=consumer.queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=consumer.failed_url, ReceiptHandle=message["ReceiptHandle"])
            moved.add(message["MessageId"])
    return len(moved)
