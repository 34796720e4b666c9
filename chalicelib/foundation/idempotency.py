"""`Idempotency-Key`: the first answer to a creating request is replayed for 24 hours.

The record is taken *before* the work and holds the id of what will be made. A retry after a crash
makes the same thing again under the same id, so the store's own condition prevents a second one;
a wrapper that only remembers answers would forget exactly then.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import bind, changed, condition_failed, removed

KEPT = timedelta(hours=24)  # product rule
LOCKED = timedelta(seconds=35)  # API Gateway gives up after 29 s, so does the function
MAX_KEY_LENGTH = 255


class IdempotencyItem(Model):
    class Meta:
        table_name = ""

    record_id = UnicodeAttribute(hash_key=True)
    fingerprint = UnicodeAttribute()
    made_id = UnicodeAttribute()
    attempt = UnicodeAttribute()
    locked_until = NumberAttribute()
    expires_at = NumberAttribute()
    status = NumberAttribute(null=True)
    body = UnicodeAttribute(null=True)


@dataclass(frozen=True)
class Attempt:
    """A request that may go ahead; `made_id` is the id (without its kind) of what it will make.

    One that is not the `first` follows a request that broke and may have made it.
    """

    record_id: str
    made_id: str
    attempt: str
    first: bool


@dataclass(frozen=True)
class Replay:
    """The answer given before."""

    status: int
    body: str


class Idempotency:
    def __init__(self, table_name: str, clock: Clock) -> None:
        bind(IdempotencyItem, table_name)
        self._clock = clock

    def begin(self, owner: str, key: str, request: bytes) -> Attempt | Replay:
        """Take the key for this request of `owner` (program and member).

        Raises problems: `idempotency_key_reused` when the key came with another request before,
        `request_in_progress` while the first one is still being handled.
        """
        now = self._clock.now()
        record_id = hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
        fingerprint = hashlib.sha256(request).hexdigest()
        fresh = IdempotencyItem(
            record_id,
            fingerprint=fingerprint,
            made_id=new_id("new", now).partition("_")[2],
            attempt=secrets.token_hex(8),
            locked_until=int((now + LOCKED).timestamp()),
            expires_at=int((now + KEPT).timestamp()),
        )
        moment = int(now.timestamp())
        try:
            fresh.save(
                IdempotencyItem.record_id.does_not_exist() | (IdempotencyItem.expires_at < moment)
            )
        except PutError as error:
            if not condition_failed(error):
                raise
        else:
            return Attempt(record_id, fresh.made_id, fresh.attempt, first=True)
        return self._again(fresh, moment)

    def _again(self, fresh: IdempotencyItem, moment: int) -> Attempt | Replay:
        try:
            known = IdempotencyItem.get(fresh.record_id, consistent_read=True)
        except DoesNotExist:
            raise _in_progress() from None
        if known.fingerprint != fresh.fingerprint:
            raise Problem(
                ProblemCode.IDEMPOTENCY_KEY_REUSED,
                "This Idempotency-Key was used for another request. Use a new key for a new one.",
            )
        if known.status:
            return Replay(int(known.status), known.body)
        fresh.made_id = known.made_id
        try:
            fresh.save(
                (IdempotencyItem.made_id == known.made_id)
                & (IdempotencyItem.locked_until < moment)
                & IdempotencyItem.status.does_not_exist()
            )
        except PutError as error:
            if condition_failed(error):
                raise _in_progress() from error
            raise
        return Attempt(fresh.record_id, known.made_id, fresh.attempt, first=False)

    def finish(self, attempt: Attempt, status: int, body: str) -> None:
        """Keep the answer for replay."""
        self._change(attempt, [IdempotencyItem.status.set(status), IdempotencyItem.body.set(body)])

    def refuse(self, attempt: Attempt) -> None:
        """Let the key go for another request, if nothing can have been made under it."""
        if not attempt.first:
            self.release(attempt)
            return
        removed(IdempotencyItem(attempt.record_id), IdempotencyItem.attempt == attempt.attempt)

    def release(self, attempt: Attempt) -> None:
        """Let a retry in at once, under the same id: the work broke, how far is not known."""
        self._change(attempt, [IdempotencyItem.locked_until.set(0)])

    def _change(self, attempt: Attempt, actions: list[Action]) -> None:
        """Write to the record unless a later attempt has taken it over; then it is theirs."""
        mine = IdempotencyItem.attempt == attempt.attempt
        changed(IdempotencyItem(attempt.record_id), actions, mine)


def _in_progress() -> Problem:
    return Problem(
        ProblemCode.REQUEST_IN_PROGRESS,
        "The first request with this Idempotency-Key is still being handled. Try again shortly.",
    )
