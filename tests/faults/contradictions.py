"""TikTok contradicts itself about a draft: two outcomes, two reasons, a webhook and the status."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from tests.faults.flows import POSTED
from tests.faults.scenario import HOUR, Scenario
from tests.faults.simulation import POLLING, Simulation

IN_INBOX = "post.publish.inbox_delivered"
COMPLETE = "post.publish.complete"
FAILED = "post.publish.failed"
PUBLIC = "post.publish.publicly_available"
PRIVATE = "post.publish.no_longer_publicaly_available"

STAGED = frozenset({"staged"})
SPAM = frozenset({"failed: spam_risk"})
FORMAT = frozenset({"failed: video_format"})
STATUS_DOWN = {"endpoint": "status", "kind": "status", "status": 500, "times": None}
STUCK = {"endpoint": "processing", "kind": "stuck"}
FAILS = {"endpoint": "processing", "kind": "fail", "fail_reason": "spam_risk"}

type WebhookClaim = tuple[float, str, str | None]
"""A webhook that TikTok signs: (delay in seconds, event, reason)."""


def _webhooks_say(*claims: WebhookClaim) -> Callable[[Simulation], None]:
    """Deliver webhooks about the first draft, regardless of its actual state."""

    def prepare(simulation: Simulation) -> None:
        def comes(event: str, reason: str | None) -> None:
            share = simulation.tiktok.shares()[0]
            content = {} if reason is None else {"reason": reason}
            simulation.deliver_webhook(simulation.tiktok.webhook(event, share, **content))

        for seconds, event, reason in claims:
            simulation.schedule(timedelta(seconds=seconds), partial(comes, event, reason))

    return prepare


def _status_changes(after: timedelta, **told: str) -> Callable[[Simulation], None]:
    rule = {"endpoint": "status", "kind": "told", "when": "after", "times": None, "told": told}

    def prepare(simulation: Simulation) -> None:
        simulation.schedule(after, lambda: simulation.tiktok.faults(rule))

    return prepare


def contradictions() -> Iterator[Scenario]:
    """Yield scenarios that show that a final state stays, whichever claim came first."""
    yield from _after_the_end()
    yield from _before_the_end()
    yield from _reasons()


def _after_the_end() -> Iterator[Scenario]:
    for reason in ("spam_risk", "internal", "auth_removed"):
        yield Scenario(
            f"posted, then failed: {reason}",
            "webhook",
            prepare=_webhooks_say((200, FAILED, reason)),
        )
        yield Scenario(
            f"in the inbox, then failed: {reason}",
            "webhook",
            prepare=_webhooks_say((30, FAILED, reason)),
        )
    for event in (IN_INBOX, COMPLETE, PUBLIC):
        yield Scenario(
            f"failed, then {event.rpartition('.')[2]}",
            "webhook",
            (FAILS,),
            prepare=_webhooks_say((60, event, None)),
            expected=SPAM,
        )
    yield Scenario(
        "posted, then no longer public, in the inbox, complete",
        "webhook",
        prepare=_webhooks_say((200, PRIVATE, None), (210, IN_INBOX, None), (220, COMPLETE, None)),
    )
    yield Scenario(
        "in the inbox, then the status says FAILED, then posted",
        "status",
        prepare=_status_changes(timedelta(seconds=30), status="FAILED", fail_reason="spam_risk"),
        person={"posts_after": lambda: 3 * HOUR},
    )
    yield Scenario(
        "in the inbox, then the status says FAILED, never posted",
        "status",
        prepare=_status_changes(timedelta(seconds=30), status="FAILED", fail_reason="spam_risk"),
        person={"posts_after": lambda: None},
        expected=STAGED,
    )


def _before_the_end() -> Iterator[Scenario]:
    slow = {"endpoint": "processing", "kind": "slow", "seconds": 600}
    for reason in ("spam_risk", "internal", "auth_removed"):
        yield Scenario(
            f"a webhook says failed: {reason}, the status goes on",
            "webhook",
            (slow,),
            prepare=_webhooks_say((60, FAILED, reason)),
        )
    for name, event, expected in (
        ("in the inbox", IN_INBOX, STAGED),
        ("complete", COMPLETE, POSTED),
    ):
        yield Scenario(
            f"a webhook says {name}, the status FAILED afterwards",
            "webhook",
            (FAILS, {**STATUS_DOWN, "times": 30}),
            behaviour=POLLING,
            prepare=_webhooks_say((5, event, None)),
            expected=expected,
            contradicted=True,
        )
        yield Scenario(
            f"a webhook says {name}, the status for ever processing",
            "webhook",
            (STUCK,),
            prepare=_webhooks_say((60, event, None)),
            expected=expected,
            contradicted=True,
        )
    for seconds, expected in ((30, STAGED), (120, POSTED)):
        yield Scenario(
            f"failed, to be begun anew; {seconds} s later in the inbox",
            "webhook",
            ({**FAILS, "fail_reason": "internal"},),
            prepare=_webhooks_say((seconds, IN_INBOX, None)),
            expected=expected,
            contradicted=True,
        )


def _reasons() -> Iterator[Scenario]:
    spam, form = (1.0, FAILED, "spam_risk"), (20.0, FAILED, "file_format_check_failed")
    internal = (1.0, FAILED, "internal")
    for name, first, second, expected in (
        ("spam_risk, then file_format", spam, form, SPAM),
        ("file_format, then spam_risk", (1.0, *form[1:]), (20.0, *spam[1:]), FORMAT),
        ("internal, then spam_risk", internal, (20.0, *spam[1:]), POSTED),
        ("two at once", spam, (1.0, *form[1:]), SPAM | FORMAT),
    ):
        yield Scenario(
            f"status down, failed: {name}",
            "webhook",
            (STUCK, STATUS_DOWN),
            behaviour=POLLING,
            prepare=_webhooks_say(first, second),
            faults_last=HOUR,
            expected=expected,
            within=2 * HOUR,
            contradicted=True,
        )
    yield Scenario(
        "a webhook says file_format, the status spam_risk",
        "webhook",
        (FAILS,),
        behaviour=POLLING,
        prepare=_webhooks_say((1, FAILED, "file_format_check_failed")),
        expected=SPAM,
        within=timedelta(minutes=10),
    )
