"""Messages that functions gave up: counted by function, and sent back to where they came from."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FAILED, QUEUE = "FailedUrl", "QueueUrl"
"""How the outputs end that name queues of failures, and the queues that functions take from."""
SOURCE = "DeadLetterQueueSourceArn"
"""What SQS notes on a message that it moves after its deliveries."""
TARGET = "TARGET_ARN"
"""What the bus notes on a message that it could not deliver."""
BATCH = 10
OUT_OF_SIGHT_SECONDS = 60
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Consumer:
    """A function's queue, and the queue of failures that its messages end in."""

    function: str
    failed_url: str
    queue_url: str
    queue_arn: str
    alone: bool
    """Whether no other queue's messages end there."""


def consumers(sqs: "SQSClient", outputs: Mapping[str, str]) -> Iterator[Consumer]:
    """Yield the functions whose failed messages can be sent back.

    Failures of streams and of the clock have no source queue: their messages say where in a stream
    a record stood, or which run failed, and hold nothing to give out again.
    """
    failed = {_attributes(sqs, outputs[name])["QueueArn"]: name for name in _failed(outputs)}
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in failed.values()}
    for name in sorted(outputs):
        if name.endswith(QUEUE):
            told = _attributes(sqs, outputs[name])
            policy = json.loads(told.get("RedrivePolicy", "{}"))
            if of := failed.get(policy.get("deadLetterTargetArn", "")):
                found[of].append((name, told["QueueArn"]))
    for of in sorted(found):
        for name, arn in found[of]:
            alone = len(found[of]) == 1
            yield Consumer(name.removesuffix(QUEUE), outputs[of], outputs[name], arn, alone)


def _failed(outputs: Mapping[str, str]) -> list[str]:
    return sorted(name for name in outputs if name.endswith(FAILED))


def _attributes(sqs: "SQSClient", url: str) -> dict[str, str]:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "RedrivePolicy"])
    return {str(name): value for name, value in told["Attributes"].items()}


def redrive(sqs: "SQSClient", consumer: Consumer, most: int | None = None) -> int:
    """Send a function's messages back, up to `most`; returns how many.

    A message leaves the queue of failures only once it is in the other: twice is harmless, since
    consumers stand events that come twice, and never is not. One that fails again comes back here
    after its deliveries, and this run does not wait for it. Other functions' messages stay, and are
    in sight again when this returns.
    """
    seen: set[str] = set()
    others: dict[str, str] = {}
    moved = 0
    while most is None or moved < most:
        fresh = [
            each for each in _received(sqs, consumer.failed_url) if each["MessageId"] not in seen
        ]
        if not fresh:
            break
        for message in fresh:
            seen.add(message["MessageId"])
            full = most is not None and moved >= most
            if full or not (consumer.alone or _source(message) == consumer.queue_arn):
                others[message["MessageId"]] = message["ReceiptHandle"]
                continue
            sqs.send_message(QueueUrl=consumer.queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=consumer.failed_url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    for handle in others.values():
        _show_again(sqs, consumer.failed_url, handle)
    return moved


def waiting(sqs: "SQSClient", outputs: Mapping[str, str]) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield each queue of failures that is not empty, and its messages by function.

    A function that cannot be told from its message is `unknown`.
    """
    known = {each.queue_arn: each for each in consumers(sqs, outputs)}
    for name in _failed(outputs):
        url = outputs[name]
        handles: dict[str, str] = {}
        counted: Counter[str] = Counter()
        only = [each.function for each in known.values() if each.failed_url == url and each.alone]
        while fresh := [m for m in _received(sqs, url) if m["MessageId"] not in handles]:
            for message in fresh:
                handles[message["MessageId"]] = message["ReceiptHandle"]
                of = known.get(_source(message))
                counted[of.function if of else _named(message) or (only or [UNKNOWN])[0]] += 1
        for handle in handles.values():
            _show_again(sqs, url, handle)
        if counted:
            yield name.removesuffix("Url"), dict(sorted(counted.items()))


def _received(sqs: "SQSClient", url: str) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=OUT_OF_SIGHT_SECONDS,
        WaitTimeSeconds=1,  # asks all of the queue's servers, where 0 asks some
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", ()))


def _show_again(sqs: "SQSClient", url: str, handle: str) -> None:
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _source(message: Mapping[str, Any]) -> str:
    """Return the ARN of the queue that a message was in, or was meant for; "" if it says none."""
    target = message.get("MessageAttributes", {}).get(TARGET, {}).get("StringValue", "")
    return str(message.get("Attributes", {}).get(SOURCE) or target)


def _named(message: Mapping[str, Any]) -> str:
    """Return the function that a stream's or the clock's message names; "" if it names none."""
    try:
        arn = json.loads(message["Body"])["requestContext"]["functionArn"]
    except (ValueError, KeyError, TypeError):
        return ""
    name = str(arn).partition(":function:")[2].partition(":")[0]
    parts = name.split("-")
    # CloudFormation names a function STACK-LOGICALID-SUFFIX.
    return parts[-2] if len(parts) > 2 else name  # noqa: PLR2004  the three parts
