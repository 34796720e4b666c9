"""TikTok says two things of one draft: two ends, two reasons, a webhook against the status."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from tests.faults.flows import POSTED
from tests.faults.simulation import POLLING, Simulation
from tests.faults.trouble import HOUR, Trouble

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

type Telling = tuple[float, str, str | None]
"""A webhook that TikTok signs: after how many seconds, of which event, for which reason."""


def _tells(*tellings: Telling) -> Callable[[Simulation], None]:
    """Webhooks come of the first draft there is, whatever is true of it."""

    def prepare(simulation: Simulation) -> None:
        def comes(event: str, reason: str | None) -> None:
            share = simulation.tiktok.shares()[0]
            content = {} if reason is None else {"reason": reason}
            simulation.hears(simulation.tiktok.hook(event, share, **content))

        for seconds, event, reason in tellings:
            simulation.later(timedelta(seconds=seconds), partial(comes, event, reason))

    return prepare


def _status_says_later(after: timedelta, **told: str) -> Callable[[Simulation], None]:
    rule = {"endpoint": "status", "kind": "told", "when": "after", "times": None, "told": told}

    def prepare(simulation: Simulation) -> None:
        simulation.later(after, lambda: simulation.tiktok.faults(rule))

    return prepare


def contradictions() -> Iterator[Trouble]:
    """Return the lines of the table. What is final stays, whichever word came first."""
    yield from _after_the_end()
    yield from _before_the_end()
    yield from _reasons()


def _after_the_end() -> Iterator[Trouble]:
    for reason in ("spam_risk", "internal", "auth_removed"):
        yield Trouble(
            f"posted, then failed: {reason}",
            "webhook",
            prepare=_tells((200, FAILED, reason)),
        )
        yield Trouble(
            f"in the inbox, then failed: {reason}",
            "webhook",
            prepare=_tells((30, FAILED, reason)),
        )
    for event in (IN_INBOX, COMPLETE, PUBLIC):
        yield Trouble(
            f"failed, then {event.rpartition('.')[2]}",
            "webhook",
            (FAILS,),
            prepare=_tells((60, event, None)),
            must=SPAM,
        )
    yield Trouble(
        "posted, then no longer public, in the inbox, complete",
        "webhook",
        prepare=_tells((200, PRIVATE, None), (210, IN_INBOX, None), (220, COMPLETE, None)),
    )
    yield Trouble(
        "in the inbox, then the status says FAILED, then posted",
        "status",
        prepare=_status_says_later(timedelta(seconds=30), status="FAILED", fail_reason="spam_risk"),
        person={"posts": lambda: 3 * HOUR},
    )
    yield Trouble(
        "in the inbox, then the status says FAILED, never posted",
        "status",
        prepare=_status_says_later(timedelta(seconds=30), status="FAILED", fail_reason="spam_risk"),
        person={"posts": lambda: None},
        must=STAGED,
    )


def _before_the_end() -> Iterator[Trouble]:
    slow = {"endpoint": "processing", "kind": "slow", "seconds": 600}
    for reason in ("spam_risk", "internal", "auth_removed"):
        yield Trouble(
            f"a webhook says failed: {reason}, the status goes on",
            "webhook",
            (slow,),
            prepare=_tells((60, FAILED, reason)),
        )
    for name, event, must in (
        ("in the inbox", IN_INBOX, STAGED),
        ("complete", COMPLETE, POSTED),
    ):
        yield Trouble(
            f"a webhook says {name}, the status FAILED afterwards",
            "webhook",
            (FAILS, {**STATUS_DOWN, "times": 30}),
            habits=POLLING,
            prepare=_tells((5, event, None)),
            must=must,
            contradicted=True,
        )
        yield Trouble(
            f"a webhook says {name}, the status for ever processing",
            "webhook",
            (STUCK,),
            prepare=_tells((60, event, None)),
            must=must,
            contradicted=True,
        )
    for seconds, must in ((30, STAGED), (120, POSTED)):
        yield Trouble(
            f"failed, to be begun anew; {seconds} s later in the inbox",
            "webhook",
            ({**FAILS, "fail_reason": "internal"},),
            prepare=_tells((seconds, IN_INBOX, None)),
            must=must,
            contradicted=True,
        )


def _reasons() -> Iterator[Trouble]:
    spam, form = (1.0, FAILED, "spam_risk"), (20.0, FAILED, "file_format_check_failed")
    internal = (1.0, FAILED, "internal")
    for name, first, second, must in (
        ("spam_risk, then file_format", spam, form, SPAM),
        ("file_format, then spam_risk", (1.0, *form[1:]), (20.0, *spam[1:]), FORMAT),
        ("internal, then spam_risk", internal, (20.0, *spam[1:]), POSTED),
        ("two at once", spam, (1.0, *form[1:]), SPAM | FORMAT),
    ):
        yield Trouble(
            f"status down, failed: {name}",
            "webhook",
            (STUCK, STATUS_DOWN),
            habits=POLLING,
            prepare=_tells(first, second),
            lasts=HOUR,
            must=must,
            within=2 * HOUR,
            contradicted=True,
        )
    yield Trouble(
        "a webhook says file_format, the status spam_risk",
        "webhook",
        (FAILS,),
        habits=POLLING,
        prepare=_tells((1, FAILED, "file_format_check_failed")),
        must=SPAM,
        within=timedelta(minutes=10),
    )
