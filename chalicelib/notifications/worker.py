"""Queues and sends digests, mails and pushes, and handles SES's events about mails.

The module `received` handles events of other packages: these functions need none of them.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.batches import handle_each
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late

if TYPE_CHECKING:
    from chalicelib.notifications.feedback import MailFeedback
    from chalicelib.notifications.planning import DigestPlanner, DueDigests
    from chalicelib.notifications.pushing.sending import PushSender
    from chalicelib.notifications.queue import MessageQueue
    from chalicelib.notifications.sending import NoticeMailer

TIME_RESERVE = timedelta(seconds=15)
"""Time kept for the mail under way; one takes longer only if AWS is in trouble."""


def queue_due_digests(
    digests: "DueDigests", queue: "Callable[[], MessageQueue]", context: Any
) -> int:
    """Queue programs whose digests are due, and shards in which mails are; return how many.

    `queue` is called when something is due.
    """
    logger.clear_state()
    begun = digests.begin_due(late(context, TIME_RESERVE))
    shards = digests.shards_due()
    if shards:
        # Without a group: mails of all programs, which wait behind no program's members.
        queue().send([json.dumps({"shard": each}) for each in shards])
    logger.info("digests", extra={"programs": begun, "shards": len(shards)})
    return begun + len(shards)


def process_digest_messages(
    planner: "DigestPlanner", mailer: "NoticeMailer", event: Mapping[str, Any], context: Any
) -> Mapping[str, Any]:
    """Look at members of whom a digest is due; send the mails of a shard."""
    from chalicelib.notifications.planning import Chunk

    def one(body: str) -> None:
        told = json.loads(body)
        if "shard" in told:
            sent = mailer.mail_due(int(told["shard"]), late(context, TIME_RESERVE))
            logger.info("mailed", extra={"shard": told["shard"], "sent": sent})
        else:
            planner.plan_chunk(Chunk.read(body))

    return handle_each(one, event)


def push(pusher: "PushSender", context: Any) -> int:
    """Send the pushes that are due; return how many push services took."""
    logger.clear_state()
    taken = pusher.push_due(late(context, TIME_RESERVE))
    logger.info("pushed", extra={"taken": taken})
    return taken


def handle_ses_events(feedback: "MailFeedback", event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Record SES's events about mails: sent, bounced or complained of."""

    def one(body: str) -> None:
        feedback.handle(json.loads(body)["detail"])

    return handle_each(one, event)
