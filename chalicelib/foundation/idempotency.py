"""`Idempotency-Key`: the first answer to a creating request is replayed for 24 hours.

The record is taken *before* the work and holds the id of what will be made. A retry after a crash
makes the same thing again under the same id, so the store's own condition prevents a second one;
a wrapper that only remembers answers would forget exactly then.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.personal import ERASED_NAME, Person, Record, erased_address
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Database, Model
from chalicelib.foundation.values import dataclass

RETENTION = timedelta(hours=24)  # product rule
LOCK_DURATION = timedelta(seconds=35)  # API Gateway gives up after 29 s, so does the function
MAX_KEY_LENGTH = 255


class IdempotencyItem(Model):
    class Meta:
        table_name = "idempotency"

    record_id = UnicodeAttribute(hash_key=True)
    owner = UnicodeAttribute(null=True)
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
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        database.register_models(IdempotencyItem)
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
            owner=owner,
            fingerprint=fingerprint,
            made_id=new_id("new", now).partition("_")[2],
            attempt=secrets.token_hex(8),
            locked_until=int((now + LOCK_DURATION).timestamp()),
            expires_at=int((now + RETENTION).timestamp()),
        )
        moment = int(now.timestamp())
        free = IdempotencyItem.record_id.does_not_exist() | (IdempotencyItem.expires_at < moment)
        if self._database.put(fresh, free):
            return Attempt(record_id, fresh.made_id, fresh.attempt, first=True)
        return self._replay_or_take_over(fresh, moment)

    def _replay_or_take_over(self, fresh: IdempotencyItem, moment: int) -> Attempt | Replay:
        try:
            known = self._database.get(IdempotencyItem, fresh.record_id, consistent_read=True)
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
        free = (
            (IdempotencyItem.made_id == known.made_id)
            & (IdempotencyItem.locked_until < moment)
            & IdempotencyItem.status.does_not_exist()
        )
        if not self._database.put(fresh, free):
            raise _in_progress()
        return Attempt(fresh.record_id, known.made_id, fresh.attempt, first=False)

    def finish(self, attempt: Attempt, status: int, body: str) -> None:
        """Keep the answer for replay."""
        self._change(attempt, [IdempotencyItem.status.set(status), IdempotencyItem.body.set(body)])

    def refuse(self, attempt: Attempt) -> None:
        """Let the key go for another request, if nothing can have been made under it."""
        if not attempt.first:
            self.release(attempt)
            return
        self._database.delete(
            IdempotencyItem(attempt.record_id), IdempotencyItem.attempt == attempt.attempt
        )

    def release(self, attempt: Attempt) -> None:
        """Let a retry in at once, under the same id: the work broke, how far is not known."""
        self._change(attempt, [IdempotencyItem.locked_until.set(0)])

    def _change(self, attempt: Attempt, actions: list[Action]) -> None:
        """Write to the record unless a later attempt has taken it over; then it is theirs."""
        mine = IdempotencyItem.attempt == attempt.attempt
        self._database.update(IdempotencyItem(attempt.record_id), actions, mine)


_ERASED_BODY = "{}"
_ADJUSTMENT_ID_MARK = '"adj_'
"""The field of an adjustment's answer that holds the id of its ledger entry."""


class IdempotencyPersonalData:
    """The answers that are kept for replay, of which some name people.

    They are copies of what is kept elsewhere, and under keys of whoever asked, so an export has
    none of them. An erasure reads all answers of the last 24 hours, three times. `entries_of`
    returns the ids of the entries of a ledger, by its owner: the answer to an adjustment holds a
    reason in a manager's words, and neither name nor address.
    """

    def __init__(self, database: Database, entries_of: Callable[[str], Collection[str]]) -> None:
        database.register_models(IdempotencyItem)
        self._database = database
        self._entries_of = entries_of

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:  # noqa: ARG002  copies
        yield from ()

    def erase(self, person: Person) -> bool:
        """Put the pseudonym for the person into kept answers, which stay good for replay.

        Those to the person themselves go: nobody asks for them any more.
        """
        for record_id, owner in self._database.scan_texts(IdempotencyItem, "owner", person.owner):
            if owner == person.owner:
                kept, item = IdempotencyItem.body.exists(), IdempotencyItem(record_id)
                self._database.update(item, [IdempotencyItem.body.set(_ERASED_BODY)], kept)
        whole = True
        address = json.dumps(person.email)[1:-1]
        for record_id, body in self._database.scan_texts(IdempotencyItem, "body", address):
            answer = json.loads(body)
            anonymous = _anonymized(answer, person)
            if anonymous != answer:  # else the address is the end of another's
                whole &= self._replace_body(
                    record_id, body, json.dumps(anonymous, ensure_ascii=False)
                )
        adjusted = list(self._database.scan_texts(IdempotencyItem, "body", _ADJUSTMENT_ID_MARK))
        theirs = self._entries_of(person.owner) if adjusted else ()
        for record_id, body in adjusted:
            answer = json.loads(body)
            entry = answer.get("entry") if isinstance(answer, dict) else None
            if isinstance(entry, dict) and entry.get("reason") and entry.get("entry_id") in theirs:
                anonymous = json.dumps({**answer, "entry": {**entry, "reason": None}})
                whole &= self._replace_body(record_id, body, anonymous)
        return whole

    def _replace_body(self, record_id: str, body: str, new_body: str) -> bool:
        same, item = IdempotencyItem.body == body, IdempotencyItem(record_id)
        return self._database.update(item, [IdempotencyItem.body.set(new_body)], same)


def _anonymized(value: Any, person: Person) -> Any:
    """Return an answer in which a person has their pseudonym, whatever their name was then."""
    if isinstance(value, list):
        return [_anonymized(each, person) for each in value]
    if value == person.email:
        return erased_address(person.member_id)
    if not isinstance(value, dict):
        return value
    within = {name: _anonymized(each, person) for name, each in value.items()}
    theirs = person.member_id == value.get("member_id") or person.email == value.get("email")
    return within | {"name": ERASED_NAME} if theirs and "name" in value else within


def _in_progress() -> Problem:
    return Problem(
        ProblemCode.REQUEST_IN_PROGRESS,
        "The first request with this Idempotency-Key is still being handled. Try again shortly.",
    )
