"""A performance's states, what may follow what, and what members are told: no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.activities.model import PostText, RequiredDisclosure
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import DisclosureTick, owner_key
from chalicelib.tiktok.model import InboxPlace

LEASE_DURATION = timedelta(seconds=200)
"""How long a worker has a performance to itself: longer than the staging Lambda can run."""

QUEUED_GRACE = timedelta(minutes=2)
"""After this a queued performance's message counts as lost."""

UPLOAD_LIFETIME = timedelta(hours=1)
"""How long TikTok takes bytes at an upload URL (TikTok, Content Posting API)."""

ARRIVAL_LIMIT = timedelta(hours=2)
"""After this a whole upload that TikTok still processes counts as probably in the inbox; TikTok
names no limit."""

SENDING_LIMIT = timedelta(hours=24)
"""After this a performance that is not staged has failed, whatever keeps it (product rule)."""

MAX_ATTEMPTS = 3
"""Drafts that a performance may take: TikTok may count each towards its five (product rule)."""

REQUEUE_DELAY = timedelta(minutes=5)
"""How long a performance that was queued again has before that is done once more."""

MAX_HELD_TIME = timedelta(days=30)
"""How long a send waits for its member's account if its activity has no end (product rule)."""

FIRST_HELD_RECHECK, LONGEST_HELD_RECHECK = timedelta(minutes=15), timedelta(hours=6)
"""When a send that waits for its account is looked at, beside the connecting itself: after a tenth
of the time it has waited. A program of 100,000 may have as many of them."""

RESUME_MARGIN = timedelta(minutes=5)
"""A transfer is not taken up again so shortly before its address dies: it would not be through."""

POST_WATCH_DURATION = timedelta(days=7)
"""How long TikTok is asked whether a staged video was posted (product rule)."""

COUNTS_READ_FOR = timedelta(days=30)
"""How long after the post its views are read (product rule)."""

COUNT_INTERVALS: Sequence[tuple[timedelta, timedelta]] = (
    (timedelta(days=1), timedelta(hours=1)),
    (timedelta(days=7), timedelta(days=1)),
    (COUNTS_READ_FOR, timedelta(days=3)),
)
"""Intervals of reading a post's views, by its age: most come on the first day, and TikTok
takes 600 such calls a minute for all members of a deployment together."""

VISIBILITY_TIMEOUT_SECONDS = 60
"""How long a message that was looked at stays out of other people's sight."""


class State(StrEnum):
    """The state of a performance; `NEXT_STATES` lists the states that may follow each.

    A state is written before the step that it announces.

    - `queued`: no draft that can reach the inbox.
    - `initiated`: the publish id is stored and no byte was sent.
    - `uploading`: bytes may have gone out.
    - `delivered`: TikTok has all of them.
    - `unconfirmed`: TikTok has all of them, and what became of them cannot be found out: the video
      is probably in the inbox.
    - `staged`: in the inbox. `posted`: the member posted it. `failed`: for good, and told.
    """

    QUEUED = "queued"
    INITIATED = "initiated"
    UPLOADING = "uploading"
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    STAGED = "staged"
    POSTED = "posted"
    FAILED = "failed"


NEXT_STATES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.INITIATED, State.STAGED, State.POSTED, State.FAILED}),
    State.INITIATED: frozenset(
        {State.QUEUED, State.UPLOADING, State.STAGED, State.POSTED, State.FAILED}
    ),
    State.UPLOADING: frozenset(
        {State.QUEUED, State.DELIVERED, State.STAGED, State.POSTED, State.FAILED}
    ),
    State.DELIVERED: frozenset(
        {
            State.QUEUED,
            State.UPLOADING,
            State.UNCONFIRMED,
            State.STAGED,
            State.POSTED,
            State.FAILED,
        }
    ),
    State.UNCONFIRMED: frozenset({State.QUEUED, State.STAGED, State.POSTED, State.FAILED}),
    State.STAGED: frozenset({State.POSTED}),
    State.POSTED: frozenset(),
    State.FAILED: frozenset(),
}
"""The states that may follow each state: the diagram in docs/staging.md, as a table.

`queued` is followed by `staged` or `posted` when an earlier draft, given up, arrives all the same;
`delivered` by `uploading` when only a refused range said so and the status denies it.
"""


class Status(StrEnum):
    """The visible status."""

    QUEUED = "queued"
    SENDING = "sending"
    UNCONFIRMED = "unconfirmed"
    STAGED = "staged"
    POSTED = "posted"
    FAILED = "failed"


STATUS_BY_STATE = {
    State.QUEUED: Status.QUEUED,
    State.INITIATED: Status.SENDING,
    State.UPLOADING: Status.SENDING,
    State.DELIVERED: Status.SENDING,
    State.UNCONFIRMED: Status.UNCONFIRMED,
    State.STAGED: Status.STAGED,
    State.POSTED: Status.POSTED,
    State.FAILED: Status.FAILED,
}

DRAFT_AT_TIKTOK = frozenset({State.INITIATED, State.UPLOADING, State.DELIVERED, State.UNCONFIRMED})
"""States in which the publish id names a draft whose end is not known yet."""

BEFORE_STAGED = DRAFT_AT_TIKTOK | {State.QUEUED}
BEFORE_POSTED = BEFORE_STAGED | {State.STAGED}
FINISHED = frozenset({State.POSTED, State.FAILED})


class Waiting(StrEnum):
    """The reason a performance waits, as its member reads it."""

    TURN = "turn"
    ACCOUNT = "account"
    TIKTOK_BUSY = "tiktok_busy"
    TIKTOK_DOWN = "tiktok_down"
    TIKTOK_APP = "tiktok_app"
    NEW_DRAFT = "new_draft"
    UPLOAD = "upload"
    ARRIVAL = "arrival"
    CONFIRMATION = "confirmation"

    @property
    def words(self) -> str:
        return _WAIT_REASON_TEXTS[self]


_WAIT_REASON_TEXTS = {
    Waiting.TURN: "Your video is queued and is sent within moments.",
    Waiting.ACCOUNT: "Your TikTok account has to be added again before TikTok can be asked.",
    Waiting.TIKTOK_BUSY: "TikTok accepts no more requests for now. Greenroom will try again.",
    Waiting.TIKTOK_DOWN: "TikTok is not answering right now. Greenroom tries again by itself.",
    Waiting.TIKTOK_APP: (
        "TikTok does not accept requests from this Greenroom right now. Its owner has been told; "
        "your video follows by itself once that is corrected."
    ),
    Waiting.NEW_DRAFT: "TikTok dropped the video on the way. It is being sent again.",
    Waiting.UPLOAD: "The video is being sent to TikTok.",
    Waiting.ARRIVAL: "TikTok has the whole video and is putting it into your inbox.",
    Waiting.CONFIRMATION: "TikTok has not confirmed yet that the video is in your inbox.",
}

_WAIT_REASON_BY_STATE = {
    State.QUEUED: Waiting.TURN,
    State.INITIATED: Waiting.UPLOAD,
    State.UPLOADING: Waiting.UPLOAD,
    State.DELIVERED: Waiting.ARRIVAL,
    State.UNCONFIRMED: Waiting.CONFIRMATION,
}
"""The wait that each state implies when nothing else delays the performance."""

PROBABLY_STAGED_TEXT = (
    "Probably in your inbox: TikTok received the whole video but has not confirmed it. Open "
    "the TikTok app and look into your inbox; if it is there, finish the post. Your points stay as "
    "long as TikTok does not say that it failed."
)

_HELD_TEXT = (
    "Add your TikTok account again: TikTok no longer lets Greenroom in. Your video is "
    "then sent by itself, as long as the activity is open."
)

_ACCOUNT_NEEDED_TO_ASK_TEXT = (
    "Add your TikTok account again, so that Greenroom can ask whether your video arrived; or look "
    "into your TikTok inbox yourself."
)

_NEXT_STEP_TEXTS = {
    Status.QUEUED: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.SENDING: "Nothing to do: your video is on its way to your TikTok inbox.",
    Status.UNCONFIRMED: PROBABLY_STAGED_TEXT,
    Status.STAGED: "Open the TikTok app, tap the notification in your inbox and finish the post.",
    Status.POSTED: "Nothing left to do. Thank you!",
    Status.FAILED: "Look at the reason, then send it again: the activity is back in your feed, as "
    "long as it is open.",
}
_TRIAL_FAILED_TEXT = "Look at the reason, then try the activity again."


@dataclass(frozen=True)
class Acknowledgement:
    """Evidence that a member acknowledged the disclosure of this performance before sending it.

    `text` is what they read; None once their personal data was erased: the version names it.
    """

    version: str
    language: str
    text: str | None
    at: datetime


def acknowledgement_of(
    asked: RequiredDisclosure, tick: DisclosureTick | None
) -> Acknowledgement | None:
    """Return the evidence of a tick for what is asked now; None if nothing is.

    Raises ValueError without a tick of the very version that is asked.
    """
    if asked.version is None:
        return None
    if tick is None or tick.version != asked.version:
        raise ValueError("not acknowledged")
    return Acknowledgement(tick.version, tick.language, asked.text(tick.language), tick.at)


@dataclass(frozen=True)
class PostCounts:
    """TikTok's counts of the post at an instant, and the address of the post.

    `views` is None once the member took back that this is read: nothing of it is kept then but when
    that was, so that reports forget it too.
    """

    at: datetime
    views: int | None
    likes: int = 0
    comments: int = 0
    shares: int = 0
    link: str | None = None


_NO_TEXT = PostText()


@dataclass(frozen=True)
class Performance:
    """One member performing one activity. Points, bonus and text are those of when it was made.

    A `trial` is a manager's *Try it on me*: outside marks, points and reports. `upload_address` is
    where TikTok takes the draft's bytes for an hour, encrypted. `held_at` is set while it waits for
    its member's account, `resumed_at` once it no longer does.

    Nothing is attempted before `waits_until`, whatever message comes; `waits_for` says for whom.
    `look_at` is when the clock has it looked at, should nothing else. `brought_forward_at` is when
    somebody last ended such a wait: a webhook, or its member by connecting or disconnecting.
    `told_reason` is the fail_reason that a webhook told of the draft. `campaign_id` and
    `channel_ids` are what reports count it for: the activity's campaign, and the member's channels
    through which it was addressed to them (all of theirs, if it was for everybody). `asked` is what
    was to be disclosed in TikTok then, None in those of before that was asked, and `acknowledged`
    the member's tick of it. `shared_at` is when the member said that they shared the video by hand,
    outside TikTok's inbox; it changes no state. `cut` is the upload of the video that the member
    was dealt, where the activity had several. `post_id` is the first public post that TikTok named
    for it; `count_at` is when its views are to be read next, None while they are not, and `counted`
    what they were last.
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
    unconfirmed_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    reason: str | None = None
    look_at: datetime | None = None
    waits_for: Waiting | None = None
    waits_until: datetime | None = None
    brought_forward_at: datetime | None = None
    told_reason: str | None = None
    text: PostText = _NO_TEXT
    trial: bool = False
    posted_bonus: int = 0
    campaign_id: str | None = None
    channel_ids: frozenset[str] = frozenset()
    asked: RequiredDisclosure | None = None
    acknowledged: Acknowledgement | None = None
    shared_at: datetime | None = None
    cut: str | None = None
    post_id: str | None = None
    count_at: datetime | None = None
    counted: PostCounts | None = None

    @property
    def points_earned(self) -> int:
        """The points that it brought its member, with those for posting it."""
        return self.points + (self.posted_bonus if self.state is State.POSTED else 0)

    @property
    def status(self) -> Status:
        return STATUS_BY_STATE[self.state]

    @property
    def staging_since(self) -> datetime:
        """Since when nothing but TikTok could keep it from being staged."""
        return self.resumed_at or self.queued_at

    @property
    def place(self) -> InboxPlace:
        """The place its draft takes in the member's TikTok inbox, anew once it was held."""
        return InboxPlace(self.performance_id, self.staging_since)

    @property
    def places(self) -> frozenset[InboxPlace]:
        """All the places it may have taken: the one it was made with, and the one it has."""
        return frozenset({InboxPlace(self.performance_id, self.queued_at), self.place})

    @property
    def owner(self) -> str:
        return owner_key(self.program_id, self.member_id)

    @property
    def reference(self) -> "Reference":
        return Reference(self.program_id, self.member_id, self.performance_id, self.correlation_id)

    @property
    def waiting(self) -> Waiting | None:
        """The reason it waits; None once it is in the inbox, posted or failed."""
        if self.state not in BEFORE_STAGED:
            return None
        return self.waits_for or _WAIT_REASON_BY_STATE[self.state]

    @property
    def next_look_at(self) -> datetime | None:
        """When Greenroom goes on with it by itself; None once it waits for nothing."""
        return (self.waits_until or self.look_at) if self.waiting else None

    @property
    def next_step(self) -> str:
        """The member's next step, in words."""
        if self.waiting is Waiting.ACCOUNT:
            return _HELD_TEXT if self.state is State.QUEUED else _ACCOUNT_NEEDED_TO_ASK_TEXT
        if self.trial and self.state is State.FAILED:
            return _TRIAL_FAILED_TEXT
        return _NEXT_STEP_TEXTS[self.status]

    def can_resume_at(self, now: datetime) -> bool:
        """Return whether TikTok still takes this draft's bytes where it said, long enough."""
        if self.upload_address is None or self.initiated_at is None:
            return False
        return now < self.initiated_at + UPLOAD_LIFETIME - RESUME_MARGIN


@dataclass(frozen=True)
class Reference:
    """A message's reference to a performance."""

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


def next_check(performance: Performance, now: datetime) -> datetime | None:
    """Return when to look at a performance again should nothing happen by itself; None: never.

    A video that may be in the inbox is looked at ever more seldom: after a tenth of the time it has
    been there.
    """
    match performance.state:
        case State.QUEUED if performance.held_at is not None:
            waited = now - performance.held_at
            return now + max(FIRST_HELD_RECHECK, min(waited / 10, LONGEST_HELD_RECHECK))
        case State.QUEUED:
            return now + QUEUED_GRACE
        case State.INITIATED | State.UPLOADING:
            return now + LEASE_DURATION
        case State.DELIVERED:
            return now + timedelta(seconds=30)
        case State.STAGED if performance.staged_at is not None:
            return _next_check_by_age(performance.staged_at, now)
        case State.UNCONFIRMED if performance.unconfirmed_at is not None:
            return _next_check_by_age(performance.unconfirmed_at, now)
        case _:
            return None


def _next_check_by_age(since: datetime, now: datetime) -> datetime | None:
    waited = now - since
    return None if waited >= POST_WATCH_DURATION else now + max(timedelta(minutes=1), waited / 10)


def next_count(posted_at: datetime, now: datetime) -> datetime | None:
    """Return when to read the views of a post after now; None once it is old enough.

    Ever more seldom, and a last time as it turns 30 days old.
    """
    age, last = now - posted_at, posted_at + COUNTS_READ_FOR
    for until, every in COUNT_INTERVALS:
        if age < until:
            return min(now + every, last)
    return None


def _moved_to_state(
    performance: Performance, state: State, now: datetime, **changes: Any
) -> Performance:
    """Move a performance to `state`, waiting for nothing. Checks `NEXT_STATES`: ValueError."""
    if state is not performance.state and state not in NEXT_STATES[performance.state]:
        raise ValueError(f"{state} does not follow {performance.state}")
    takes_bytes = state in (State.INITIATED, State.UPLOADING)
    moved = replace(
        performance,
        state=state,
        upload_address=performance.upload_address if takes_bytes else None,
        waits_for=None,
    )
    moved = replace(moved, **changes)
    look_at = next_check(moved, now)
    rests = state in (State.STAGED, State.UNCONFIRMED)
    return replace(moved, look_at=look_at, waits_until=look_at if rests else None)


def restarted(performance: Performance, now: datetime, **changes: Any) -> Performance:
    """Its draft, if any, reaches no inbox, and the next one is to be begun."""
    return _moved_to_state(performance, State.QUEUED, now, **changes)


def held(performance: Performance, now: datetime) -> Performance:
    """It waits for its member's account; since earlier, if it does already."""
    waiting = restarted(performance, now, held_at=performance.held_at or now)
    return replace(waiting, waits_for=Waiting.ACCOUNT, waits_until=waiting.look_at)


def with_attempt(performance: Performance, open_id: str, now: datetime) -> Performance:
    """A draft is about to be begun on this account, which is there again if that was waited for."""
    was_held = performance.held_at is not None
    return restarted(
        performance,
        now,
        attempts=performance.attempts + 1,
        open_id=open_id,
        held_at=None,
        resumed_at=now if was_held else performance.resumed_at,
    )


def initiated(
    performance: Performance, publish_id: str, upload_address: bytes, now: datetime
) -> Performance:
    """TikTok began a draft, which takes bytes at this (encrypted) address."""
    return _moved_to_state(
        performance,
        State.INITIATED,
        now,
        publish_id=publish_id,
        upload_address=upload_address,
        initiated_at=now,
        told_reason=None,
    )


def uploading(performance: Performance, now: datetime, **changes: Any) -> Performance:
    """Bytes may go out from now on."""
    return _moved_to_state(performance, State.UPLOADING, now, **changes)


def delivered(performance: Performance, now: datetime, *, proven: bool = True) -> Performance:
    """TikTok has every byte; not `proven` if only a refused range says so."""
    return _moved_to_state(performance, State.DELIVERED, now, delivered_at=now if proven else None)


def unconfirmed(performance: Performance, now: datetime) -> Performance:
    """TikTok has every byte, and what became of them could not be found out."""
    return _moved_to_state(
        performance,
        State.UNCONFIRMED,
        now,
        delivered_at=performance.delivered_at or now,
        unconfirmed_at=now,
    )


def staged(performance: Performance, now: datetime) -> Performance:
    """The video is in the inbox, and so all its bytes arrived."""
    return _moved_to_state(
        performance,
        State.STAGED,
        now,
        delivered_at=performance.delivered_at or now,
        staged_at=now,
    )


def posted(performance: Performance, now: datetime) -> Performance:
    """The member posted the video, and so it had been staged."""
    return _moved_to_state(
        performance,
        State.POSTED,
        now,
        delivered_at=performance.delivered_at or now,
        staged_at=performance.staged_at or now,
        posted_at=now,
    )


def with_post(performance: Performance, post_id: str, count_at: datetime | None) -> Performance:
    """TikTok named a public post of it: the first is kept, and read from `count_at` on."""
    if performance.post_id is not None:
        return performance
    return replace(performance, post_id=post_id, count_at=count_at)


def failed(performance: Performance, failure: str, reason: str, now: datetime) -> Performance:
    """It ends for good, for a `reason` in words."""
    return _moved_to_state(
        performance, State.FAILED, now, failure=failure, reason=reason, failed_at=now
    )


def with_wait(
    performance: Performance,
    waits_for: Waiting | None,
    until: datetime | None,
    look_at: datetime | None,
) -> Performance:
    """Nothing is attempted before `until`; the clock has it looked at from `look_at` on."""
    return replace(performance, waits_for=waits_for, waits_until=until, look_at=look_at)
