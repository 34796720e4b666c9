"""A performance's states, what may follow what, and what members are told: no I/O."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.activities.model import PostText

LEASE = timedelta(seconds=200)
"""How long a worker has a performance to itself: longer than the staging Lambda can run."""

QUEUED_GRACE = timedelta(minutes=2)
"""After this a queued performance's message counts as lost."""

UPLOAD_LIFETIME = timedelta(hours=1)
"""How long TikTok takes bytes at an upload URL (TikTok, Content Posting API)."""

ARRIVAL_LIMIT = timedelta(hours=2)
"""After this a whole upload that never reached the inbox has failed; TikTok names no limit."""

SENDING_LIMIT = timedelta(hours=24)
"""After this a performance that is not staged has failed, whatever keeps it (product rule)."""

MAX_ATTEMPTS = 3
"""How many drafts a performance may take: TikTok may count each towards its five (product rule)."""

QUEUED_AGAIN = timedelta(minutes=5)
"""How long a performance that was queued again has before that is done once more."""

POSTED_LIMIT = timedelta(days=7)
"""How long TikTok is asked whether a staged video was posted (product rule)."""


class State(StrEnum):
    """Where a performance is.

    ```
    queued -> initiated -> unconfirmed -> delivered -> staged -> posted
                 any of the first four may end as failed
    ```
    `initiated`: the publish id is stored and no byte was sent. `unconfirmed`: bytes may have gone
    out. `delivered`: TikTok has all of them. Written before the step they announce.
    """

    QUEUED = "queued"
    INITIATED = "initiated"
    UNCONFIRMED = "unconfirmed"
    DELIVERED = "delivered"
    STAGED = "staged"
    POSTED = "posted"
    FAILED = "failed"


class Status(StrEnum):
    """What people see."""

    QUEUED = "queued"
    SENDING = "sending"
    STAGED = "staged"
    POSTED = "posted"
    FAILED = "failed"


STATUS = {
    State.QUEUED: Status.QUEUED,
    State.INITIATED: Status.SENDING,
    State.UNCONFIRMED: Status.SENDING,
    State.DELIVERED: Status.SENDING,
    State.STAGED: Status.STAGED,
    State.POSTED: Status.POSTED,
    State.FAILED: Status.FAILED,
}

BEFORE_STAGED = frozenset({State.QUEUED, State.INITIATED, State.UNCONFIRMED, State.DELIVERED})
BEFORE_POSTED = BEFORE_STAGED | {State.STAGED}
FINISHED = frozenset({State.POSTED, State.FAILED})

NEXT_STEP = {
    Status.QUEUED: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.SENDING: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.STAGED: "Open the TikTok app, tap the notification in your inbox and finish the post.",
    Status.POSTED: "Nothing left to do. Thank you!",
    Status.FAILED: "The activity is back in your feed. Look at the reason, then send it again.",
}
TRIAL_FAILED = "Look at the reason, then try the activity again."


@dataclass(frozen=True)
class Performance:
    """One member performing one activity. Points and text are those of the moment it was made.

    A `trial` is a manager's *Try it on me*: outside marks, points and reports.
    """

    program_id: str
    member_id: str
    performance_id: str
    activity_id: str
    instructions: str
    video_key: str
    content_type: str
    size_bytes: int
    points: int
    state: State
    correlation_id: str
    queued_at: datetime
    attempts: int = 0
    publish_id: str | None = None
    open_id: str | None = None
    initiated_at: datetime | None = None
    delivered_at: datetime | None = None
    staged_at: datetime | None = None
    posted_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    reason: str | None = None
    text: PostText = field(default_factory=PostText)
    trial: bool = False

    @property
    def status(self) -> Status:
        return STATUS[self.state]


def next_look(performance: Performance, now: datetime) -> datetime | None:
    """Tell when to look at a performance again should nothing happen by itself; None: never.

    What is staged is looked at ever more seldom: after a tenth of the time it has been waiting.
    """
    match performance.state:
        case State.QUEUED:
            return now + QUEUED_GRACE
        case State.INITIATED | State.UNCONFIRMED:
            return now + LEASE
        case State.DELIVERED:
            return now + timedelta(seconds=30)
        case State.STAGED if performance.staged_at is not None:
            waited = now - performance.staged_at
            if waited >= POSTED_LIMIT:
                return None
            return now + max(timedelta(minutes=1), waited / 10)
        case _:
            return None


def staged(performance: Performance, now: datetime) -> Performance:
    """Tell that the video is in the inbox, and so that all its bytes arrived."""
    return replace(
        performance,
        state=State.STAGED,
        delivered_at=performance.delivered_at or now,
        staged_at=now,
    )


def posted(performance: Performance, now: datetime) -> Performance:
    """Tell that the member posted the video, and so that it had been staged."""
    return replace(
        performance,
        state=State.POSTED,
        delivered_at=performance.delivered_at or now,
        staged_at=performance.staged_at or now,
        posted_at=now,
    )
