"""A performance's states, what may follow what, and what members are told: no I/O."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.activities.model import PostText
from chalicelib.tiktok.model import Place

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

HELD_LIMIT = timedelta(days=30)
"""How long a send waits for its member's account if its activity has no end (product rule)."""

HELD_LOOK, HELD_LOOK_MOST = timedelta(minutes=15), timedelta(hours=6)
"""When a send that waits for its account is looked at, beside the connecting itself: after a tenth
of the time it has waited. A program of 100,000 may have as many of them."""

RESUME_MARGIN = timedelta(minutes=5)
"""A transfer is not taken up again so shortly before its address dies: it would not be through."""

POSTED_LIMIT = timedelta(days=7)
"""How long TikTok is asked whether a staged video was posted (product rule)."""

OUT_OF_SIGHT_SECONDS = 60
"""How long a message that was looked at stays out of other people's sight."""


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

_HELD = (
    "Add your TikTok account again: TikTok does not let Greenroom in any more. Your video goes on "
    "its way by itself then, as long as the activity is open."
)

_NEXT_STEP = {
    Status.QUEUED: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.SENDING: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.STAGED: "Open the TikTok app, tap the notification in your inbox and finish the post.",
    Status.POSTED: "Nothing left to do. Thank you!",
    Status.FAILED: "Look at the reason, then send it again: the activity is back in your feed, as "
    "long as it is open.",
}
_TRIAL_FAILED = "Look at the reason, then try the activity again."


@dataclass(frozen=True)
class Performance:
    """One member performing one activity. Points and text are those of the moment it was made.

    A `trial` is a manager's *Try it on me*: outside marks, points and reports. `upload_address` is
    where TikTok takes the draft's bytes for an hour, encrypted. `held_at` is set while it waits for
    its member's account, `resumed_at` once it no longer does.
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
    upload_address: bytes | None = field(default=None, repr=False)
    held_at: datetime | None = None
    resumed_at: datetime | None = None
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

    @property
    def trying_since(self) -> datetime:
        """Since when nothing but TikTok could keep it from being staged."""
        return self.resumed_at or self.queued_at

    @property
    def place(self) -> Place:
        """The place its draft takes in the member's TikTok inbox, anew once it was held."""
        return Place(self.performance_id, self.trying_since)

    @property
    def places(self) -> frozenset[Place]:
        """All the places it may have taken: the one it was made with, and the one it has."""
        return frozenset({Place(self.performance_id, self.queued_at), self.place})

    @property
    def next_step(self) -> str:
        """What its member has to do, in words."""
        if self.state is State.QUEUED and self.held_at is not None:
            return _HELD
        if self.trial and self.state is State.FAILED:
            return _TRIAL_FAILED
        return _NEXT_STEP[self.status]

    def can_resume_at(self, now: datetime) -> bool:
        """Tell whether TikTok still takes this draft's bytes where it said, long enough."""
        if self.upload_address is None or self.initiated_at is None:
            return False
        return now < self.initiated_at + UPLOAD_LIFETIME - RESUME_MARGIN


@dataclass(frozen=True)
class Reference:
    """What names a performance in a message."""

    program_id: str
    member_id: str
    performance_id: str
    correlation_id: str


@dataclass(frozen=True)
class FailedMessage:
    """A message that was tried as often as the queue allows. `reference` is None if unreadable."""

    message_id: str
    body: str
    sent_at: datetime
    reference: Reference | None
    handle: str = field(repr=False)


def next_look(performance: Performance, now: datetime) -> datetime | None:
    """Tell when to look at a performance again should nothing happen by itself; None: never.

    What is staged is looked at ever more seldom: after a tenth of the time it has been waiting.
    """
    match performance.state:
        case State.QUEUED if performance.held_at is not None:
            waited = now - performance.held_at
            return now + max(HELD_LOOK, min(waited / 10, HELD_LOOK_MOST))
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


def begun_anew(performance: Performance) -> Performance:
    """Tell that its draft, if any, reaches no inbox and the next one is to be begun."""
    return replace(performance, state=State.QUEUED, upload_address=None)


def held(performance: Performance, now: datetime) -> Performance:
    """Tell that it waits for its member's account; since when, if it does already."""
    return replace(begun_anew(performance), held_at=performance.held_at or now)


def resumed(performance: Performance, now: datetime) -> Performance:
    """Tell that its member's account is there again, if it waited for that."""
    if performance.held_at is None:
        return performance
    return replace(performance, held_at=None, resumed_at=now)


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
