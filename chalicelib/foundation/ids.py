"""Opaque ids that sort by the time they were made, so that a key range is a time range."""

import secrets
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_BITS = 48
_RANDOM_BITS = 80
_LENGTH = 26
ID_PATTERN = r"^[a-z]{3}_[0-9a-z]{26}$"


def lowest_id_at(kind: str, at: datetime) -> str:
    """Return what sorts before every id of a kind that was made at an instant or later."""
    return new_id(kind, at)[: len(kind) + 1 + _TIME_BITS // 5]


def new_id(kind: str, now: datetime) -> str:
    """Make an id such as `act_01hv...`: a kind of three letters, milliseconds, 80 random bits."""
    # Not by way of floats, which lose a millisecond now and then.
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1) & ((1 << _TIME_BITS) - 1)
    number = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    letters = [_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)]
    return f"{kind}_{''.join(letters)}"


def made_at(made_id: str) -> datetime:
    """Return when an id was made, to the millisecond; of what is no such id, long ago."""
    number = 0
    for letter in made_id.partition("_")[2][: _TIME_BITS // 5 + 1]:
        number = number * 32 + max(_ALPHABET.find(letter), 0)
    spare = 5 * (_TIME_BITS // 5 + 1) - (_LENGTH * 5 - _TIME_BITS - _RANDOM_BITS) - _TIME_BITS
    return _EPOCH + timedelta(milliseconds=number >> spare)
