"""Batches from queues and streams: each record on its own, only the failed ones come again."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.foundation.logging import logger


def handle_each(
    handle: Callable[[str], None], event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Give each SQS message's body to `handle`; answer which failed, for redelivery."""
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    def one(record: Any) -> None:
        logger.clear_state()
        try:
            handle(record.body)
        except Exception:
            logger.exception("message failed", extra={"message_id": record.message_id})
            raise

    return process_partial_response(
        event=dict(event),
        record_handler=one,
        processor=BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


def handle_changes(
    handle: Callable[[Mapping[str, Any]], None], event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Give each DynamoDB stream record's new image (plain values) to `handle`."""
    return handle_transitions(lambda _, image: handle(image), event, context)


def handle_transitions(
    handle: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
    event: Mapping[str, Any],
    context: Any,
) -> Mapping[str, Any]:
    """Give each record's old and new image to `handle`; what was not, or is no more, is empty."""
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    def one(record: Any) -> None:
        logger.clear_state()
        try:
            handle(record.dynamodb.old_image, record.dynamodb.new_image)
        except Exception:
            logger.exception("change failed", extra={"event_id": record.event_id})
            raise

    return process_partial_response(
        event=dict(event),
        record_handler=one,
        processor=BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False),
        context=context,
    )
